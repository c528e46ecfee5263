//! The window's types are generated from `view.rs`; the committed file must be what it says.
//!
//! `UPDATE_BINDINGS=1 cargo test -p notifier --test bindings` writes it.

use notifier::view::*;
use ts_rs::{Config, TS};

fn bindings() -> String {
    let config = Config::default();
    let mut out =
        String::from("// Generated from crates/notifier/src/view.rs. Do not edit; see its test.\n");
    macro_rules! types {
        ($($name:ty),* $(,)?) => { $(
            out.push_str("\nexport ");
            out.push_str(&without_comments(&<$name as TS>::decl(&config)));
            out.push('\n');
        )* };
    }
    types!(
        Text,
        Arg,
        AppView,
        Theme,
        LatestView,
        QuietView,
        Quiet,
        FeedView,
        FeedState,
        HubView,
        HubMode,
        HubTls,
        HubState,
        PauseView,
        Urgency,
        MessageQuery,
        MessagePage,
        Facets,
        Which,
        Bulk,
        BulkDone,
        ExportFormat,
        Exported,
        MessageRow,
        MessageKind,
        MessageDetail,
        ActionView,
        ActionKind,
        Deed,
        Field,
        RawEvent,
        LedgerLine,
        SettingsView,
        GeneralForm,
        QuietForm,
        QuietHours,
        Sound,
        NotificationForm,
        HubForm,
        FeedForm,
        ConnectionForm,
        ResumeForm,
        AccessForm,
        HeaderForm,
        SecretForm,
        RuleForm,
        Verdict,
        PresetView,
        FieldError,
        Refusal,
        SendForm,
        SendTo,
        HubLists,
        SubscriberView,
        TokenView,
        TokenForm,
        NewTokenView,
        TestStep,
        TestOutcome,
        TestUpdate,
        Preview,
        RecentEvent,
        Imported,
        Erase,
        DesktopView,
        WindowUpdate,
    );
    out
}

/// The comments are in `view.rs`; one type a line reads better here.
fn without_comments(declaration: &str) -> String {
    let mut out = String::new();
    let mut rest = declaration;
    while let Some((before, after)) = rest.split_once("/**") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_committed_bindings_are_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/src/bindings.ts");
    let fresh = bindings();
    if std::env::var_os("UPDATE_BINDINGS").is_some() {
        std::fs::write(path, &fresh).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(
        committed, fresh,
        "run: UPDATE_BINDINGS=1 cargo test -p notifier --test bindings"
    );
}
