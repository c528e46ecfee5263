use super::*;
use crate::view::{Arg, FeedForm, HeaderForm, SecretForm};

const WRITTEN: &str = r#"# my bell
version = 1
language = "zh-CN" # 中文
mood = "good"

[hub]
on = true
listen = "127.0.0.1:9000"

[[feed]] # the journal
id = "journal"
name = "Journal"
url = "https://journal.example/events"
bearer = { command = "pass show journal" }
colour = "blue"
headers = { X-Team = "bells" }

[[feed.rule]]
name = "likes" # only likes
events = ["like"]
title = "{{ actor.name }} liked it"
"#;

fn file_with(text: &str) -> (tempfile::TempDir, SettingsFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, text).unwrap();
    (folder, SettingsFile::open(path))
}

fn on_disk(file: &SettingsFile) -> String {
    std::fs::read_to_string(file.path()).unwrap()
}

fn form(id: &str) -> FeedForm {
    FeedForm {
        id: id.to_owned(),
        name: "Doors".to_owned(),
        url: "http://127.0.0.1:1/events".to_owned(),
        preset: String::new(),
        enabled: true,
        muted: true,
        access: crate::view::AccessForm::None,
        headers: Vec::new(),
        stop_on: vec!["pause".to_owned()],
        watchdog_seconds: 30,
        connection: crate::view::ConnectionForm::default(),
        notification: Default::default(),
        keep_days: None,
        rules: vec![RuleForm {
            title: "{{ door }}".to_owned(),
            ..RuleForm::default()
        }],
    }
}

#[test]
fn a_missing_file_means_the_defaults_and_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = SettingsFile::open(folder.path().join("settings.toml"));
    assert_eq!(file.settings, Settings::default());
    assert!(!file.path().exists());
}

#[test]
fn everything_is_read() {
    let (_folder, file) = file_with(WRITTEN);
    assert_eq!(file.errors, []);
    assert_eq!(file.settings.general.language, "zh-CN");
    assert!(file.settings.hub.on);
    let feed = &file.settings.feeds[0];
    assert_eq!(
        feed.access,
        Access::Bearer(Secret::Command("pass show journal".into()))
    );
    assert_eq!(
        feed.headers,
        [("X-Team".to_owned(), Secret::Plain("bells".into()))]
    );
    assert_eq!(feed.rules[0].events, ["like"]);
}

#[test]
fn comments_and_unknown_keys_survive_every_kind_of_write() {
    let (_folder, mut file) = file_with(WRITTEN);
    let journal = file.settings.feeds[0].clone();
    file.put_feed(&journal).unwrap();
    assert_eq!(on_disk(&file), WRITTEN, "an unchanged feed changes nothing");

    file.put_feed(&SettingsFile::check_feed(&form("doors")).unwrap())
        .unwrap();
    file.put_hub(&HubForm {
        on: false,
        listen: "127.0.0.1:9001".into(),
        allow_origins: vec!["http://localhost:3000".into()],
        tls: HubTls::Off,
    })
    .unwrap();
    file.put_general(&GeneralForm {
        language: "en".into(),
        keep_days: 7,
        ..GeneralForm::default()
    })
    .unwrap();
    let text = on_disk(&file);
    for kept in [
        "# my bell",
        "mood = \"good\"",
        "# the journal",
        "colour = \"blue\"",
        "# only likes",
    ] {
        assert!(text.contains(kept), "{kept} is gone from:\n{text}");
    }
    let again = SettingsFile::open(file.path().to_owned());
    assert_eq!(again.settings, file.settings);
    assert_eq!(again.errors, []);
    assert_eq!(again.settings.feeds[1].rules[0].title, "{{ door }}");
    assert_eq!(again.settings.general.keep_days, 7);
    assert!(!again.settings.hub.on);

    file.remove_feed("journal").unwrap();
    assert_eq!(file.settings.feeds.len(), 1);
    assert_eq!(file.settings.feeds[0].id, "doors");
}

#[test]
fn each_wrong_field_is_named_and_the_other_feeds_go_on() {
    let cases = [
        ("url = 7", "feed.0.url", "field-type-text"),
        (
            "url = \"ftp://x.example\"",
            "feed.0.url",
            "field-url-scheme",
        ),
        (
            "url = \"http://me:pw@x.example\"",
            "feed.0.url",
            "field-url-credentials",
        ),
        ("name = \"no address\"", "feed.0.url", "field-url-missing"),
        (
            "url = \"http://x.example\"\nmuted = \"yes\"",
            "feed.0.muted",
            "field-type-flag",
        ),
        (
            "url = \"http://x.example\"\nwatchdog_seconds = -1",
            "feed.0.watchdog_seconds",
            "field-type-number",
        ),
        (
            "url = \"http://x.example\"\nstop_on = [1]",
            "feed.0.stop_on",
            "field-type-list",
        ),
        (
            "url = \"http://x.example\"\npreset = \"nope\"",
            "feed.0.preset",
            "field-preset",
        ),
        (
            "url = \"http://x.example\"\nheaders = { \"a b\" = \"c\" }",
            "feed.0.headers.a b",
            "field-header",
        ),
        (
            "url = \"http://x.example\"\nheaders = { Accept = \"c\" }",
            "feed.0.headers.Accept",
            "field-header-ours",
        ),
        (
            "url = \"http://x.example\"\nbearer = 5",
            "feed.0.bearer",
            "field-type-secret",
        ),
        (
            "url = \"http://x.example\"\nrule = [{ title = \"{{ oops\" }]",
            "feed.0.rule.0.title",
            "rule-template",
        ),
        (
            "url = \"http://x.example\"\nrule = [{ then = \"shout\" }]",
            "feed.0.rule.0.then",
            "field-then",
        ),
    ];
    for (wrong, field, id) in cases {
        let text =
            format!("[[feed]]\n{wrong}\n[[feed]]\nid = \"good\"\nurl = \"http://ok.example\"\n");
        let (_folder, file) = file_with(&text);
        let found: Vec<_> = file
            .errors
            .iter()
            .map(|e| (e.field.as_str(), e.text.id.as_str()))
            .collect();
        assert_eq!(found, [(field, id)], "{wrong}");
        let good: Vec<_> = file
            .settings
            .feeds
            .iter()
            .map(|feed| feed.id.as_str())
            .collect();
        assert_eq!(good, ["good"], "{wrong}");
        assert_eq!(file.left_out.len(), 1, "{wrong}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_said_with_its_line_and_never_written_over() {
    let broken = "version = 1\nlanguage = \n";
    let (_folder, mut file) = file_with(broken);
    let text = file.unusable.clone().unwrap();
    assert_eq!(text.id, "settings-syntax");
    assert!(
        matches!(&text.args["why"], Arg::Words(why) if why.starts_with("2")),
        "{text:?}"
    );
    let saved = file.put_general(&GeneralForm {
        language: "en".into(),
        keep_days: 1,
        ..GeneralForm::default()
    });
    assert!(matches!(saved, Err(SettingsError::Syntax(_))));
    assert_eq!(on_disk(&file), broken);

    std::fs::write(file.path(), "language = \"en\"").unwrap();
    assert!(file.reload());
    assert_eq!(file.unusable, None);
    assert_eq!(file.settings.general.language, "en");
}

#[test]
fn a_newer_file_is_refused_untouched() {
    let newer = "version = 2\nlanguage = \"tlh\"\n";
    let (_folder, mut file) = file_with(newer);
    assert_eq!(file.unusable.as_ref().unwrap().id, "settings-newer");
    let feed = SettingsFile::check_feed(&form("doors")).unwrap();
    assert!(matches!(file.put_feed(&feed), Err(SettingsError::Newer(2))));
    assert_eq!(on_disk(&file), newer);
}

#[test]
fn a_broken_edit_leaves_the_last_good_settings_in_force() {
    let (_folder, mut file) = file_with(WRITTEN);
    std::fs::write(file.path(), "[[feed]\n").unwrap();
    assert!(file.reload());
    assert!(file.unusable.is_some());
    assert_eq!(file.settings.feeds.len(), 1);
    assert!(!file.reload(), "the same trouble is told once");
}

#[test]
fn what_others_wrote_meanwhile_is_kept() {
    let (_folder, mut file) = file_with(WRITTEN);
    let edited = WRITTEN.replace("mood = \"good\"", "mood = \"better\"");
    std::fs::write(file.path(), &edited).unwrap();
    file.put_general(&GeneralForm {
        language: "auto".into(),
        keep_days: 90,
        ..GeneralForm::default()
    })
    .unwrap();
    assert!(on_disk(&file).contains("mood = \"better\""));
}

#[cfg(unix)]
#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mut file = SettingsFile::open(folder.path().join("settings.toml"));
    file.put_feed(&SettingsFile::check_feed(&form("doors")).unwrap())
        .unwrap();
    let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_form_is_checked_with_the_same_eyes() {
    let wrong = FeedForm {
        url: "not an address".into(),
        preset: "nope".into(),
        headers: vec![HeaderForm {
            name: "a b".into(),
            value: SecretForm::Kept,
        }],
        rules: vec![RuleForm {
            when: "a ==".into(),
            ..RuleForm::default()
        }],
        ..form("x")
    };
    let fields: Vec<_> = SettingsFile::check_feed(&wrong)
        .unwrap_err()
        .into_iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(fields, ["url", "preset", "headers.0.name", "rules.0.when"]);
}

#[test]
fn the_hub_needs_an_address_and_exact_origins() {
    let check = |listen: &str, origin: &str| {
        let form = HubForm {
            on: true,
            listen: listen.into(),
            allow_origins: vec![origin.into()],
            tls: HubTls::Off,
        };
        let errors = check_hub(&form).into_iter();
        errors.map(|error| error.text.id).collect::<Vec<_>>()
    };
    assert_eq!(check("127.0.0.1:0", "http://localhost:3000"), [""; 0]);
    assert_eq!(check("0.0.0.0:1", "https://a.example"), [""; 0]);
    assert_eq!(check("here", "*"), ["field-listen", "field-origin"]);
}

#[test]
fn the_hub_s_tls_is_read_and_written() {
    for (word, tls) in [("on", HubTls::On), ("required", HubTls::Required)] {
        let (_folder, mut file) = file_with(&format!("[hub]\ntls = \"{word}\"\n"));
        assert_eq!(file.settings.hub.tls, tls);
        let form = hub_form(&file.settings.hub);
        file.put_hub(&form).unwrap();
        assert_eq!(
            SettingsFile::open(file.path().to_owned()).settings.hub.tls,
            tls
        );
        let tls = HubTls::Off;
        file.put_hub(&HubForm { tls, ..form }).unwrap();
        assert!(!on_disk(&file).contains("tls"), "{}", on_disk(&file));
    }
    let (_folder, file) = file_with("[hub]\ntls = \"maybe\"\n");
    assert_eq!(file.errors[0].field, "hub.tls");
    assert_eq!(file.errors[0].text.id, "field-tls");
}

#[test]
fn a_feed_without_an_id_keeps_the_one_its_place_gave_it() {
    let text = "[[feed]]\nurl = \"http://a.example\"\n[[feed]]\nurl = \"http://b.example\"\n";
    let (_folder, mut file) = file_with(text);
    file.remove_feed("feed-1").unwrap();
    let left: Vec<_> = file
        .settings
        .feeds
        .iter()
        .map(|feed| feed.id.as_str())
        .collect();
    assert_eq!(left, ["feed-2"]);
}

#[test]
fn a_pinned_certificate_is_a_fingerprint_and_survives_writing() {
    let with_pin = |pin: &str| {
        let mut form = form("doors");
        form.connection.pin = pin.to_owned();
        SettingsFile::check_feed(&form)
    };
    for wrong in ["abc", "sha256:12", &"0a".repeat(32)] {
        let errors = with_pin(wrong).unwrap_err();
        let named = (errors[0].field.as_str(), errors[0].text.id.as_str());
        assert_eq!(named, ("connection.pin", "field-pin"), "{wrong}");
    }
    let pin = format!("sha256:{}", "0a".repeat(32));
    let (_folder, mut file) = file_with("");
    file.put_feed(&with_pin(&format!(" {pin} ")).unwrap())
        .unwrap();
    assert!(on_disk(&file).contains(&format!("pin = \"{pin}\"")));
    let (_folder, again) = file_with(&on_disk(&file));
    assert_eq!(again.settings.feeds[0].connection.pin, pin);
}
