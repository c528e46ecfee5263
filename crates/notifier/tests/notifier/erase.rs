//! What is erased is in no file afterwards, and what goes on goes on.

use std::path::Path;

use notifier::view::{
    AccessForm, Erase, FeedForm, FeedState, GeneralForm, HubMode, Quiet, SecretForm, SendForm,
    SendTo, TokenForm,
};

use crate::{
    fixtures::Server,
    mapper::Open,
    support::{Bell, Desk, feed, form, nowhere, texts},
};

/// The files under a folder that have these bytes in them.
fn holding(folder: &Path, needle: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, needle));
        } else {
            let bytes = std::fs::read(&path).unwrap_or_default();
            let mut windows = bytes.windows(needle.len());
            if windows.any(|window| window == needle.as_bytes()) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

async fn with_messages(desk: &Desk, server: &Server<Open>) -> Bell {
    let mut bell = desk.start().await;
    bell.live("a").await;
    for n in 0..300 {
        server.write(&format!("id: {n}\ndata: geheimnis-{n} zaubertitel\n\n"));
    }
    bell.until_last("geheimnis-299 zaubertitel").await;
    bell
}

#[tokio::test]
async fn erased_messages_are_in_no_file_and_none_comes_twice() {
    let server = Server::start(Open).await;
    let desk = Desk::new(&feed("a", &server.url("/sse"), ""));
    for name in ["inbox.db.v1", "inbox.db.damaged-5", "icons/a"] {
        std::fs::create_dir_all(desk.data().join("icons")).unwrap();
        std::fs::write(desk.data().join(name), "geheimnis").unwrap();
    }
    let mut bell = with_messages(&desk, &server).await;
    let shown = bell.show().await;
    bell.handle.erase(Erase::Messages).await.unwrap();
    assert_eq!(bell.withdrawal().await, shown.key);
    assert!(bell.rows().await.is_empty());
    assert_eq!(bell.app().await.unread, 0);
    for words in ["geheimnis", "zaubertitel"] {
        assert_eq!(holding(&desk.data(), words), [""; 0]);
    }
    // Feeds go on where they are.
    bell.reconnect("a", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), Some("299"));
    server.write("id: 298\ndata: geheimnis-298 zaubertitel\n\nid: 300\ndata: new\n\n");
    let rows = bell.until_last("new").await;
    assert_eq!(texts(&rows), ["new"]);
    bell.stop().await;
    let bell = desk.start().await;
    assert_eq!(texts(&bell.rows().await), ["new"]);
    bell.stop().await;
}

#[tokio::test]
async fn settings_go_back_to_the_defaults_and_the_file_is_kept() {
    let server = Server::start(Open).await;
    let desk = Desk::new(&format!(
        "# mine\nunknown = 1\n[inbox]\nkeep_days = 7\n{}# beside\nmuted = true\n",
        feed("a", &server.url("/sse"), "")
    ));
    let before = desk.read_settings();
    let mut bell = desk.start().await;
    bell.live("a").await;
    server.write("data: kept\n\n");
    bell.until_last("kept").await;
    bell.handle.erase(Erase::Settings).await.unwrap();
    let settings = bell.handle.settings().await.unwrap();
    assert_eq!(settings.general, GeneralForm::default());
    assert_eq!(settings.feeds.len(), 1);
    assert!(settings.feeds[0].muted);
    assert_eq!(texts(&bell.rows().await), ["kept"]);
    assert_eq!(server.opened(), 1, "the feed goes on");
    let beside = |name: &str| desk.settings_path().with_file_name(name);
    let kept = beside("settings.toml.before-reset");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), before);
    let text = desk.read_settings();
    assert!(
        text.contains("# beside") && !text.contains("unknown"),
        "{text}"
    );
    // A broken file is put right as well, and kept; the earlier copy stays.
    desk.write_settings("broken = [");
    bell.until_app("said", |app| {
        app.troubles.iter().any(|text| text.id == "settings-syntax")
    })
    .await;
    bell.handle.erase(Erase::Settings).await.unwrap();
    assert_eq!(bell.handle.settings().await.unwrap().feeds.len(), 1);
    assert!(bell.app().await.troubles.is_empty());
    assert_eq!(std::fs::read_to_string(kept).unwrap(), before);
    let second = beside("settings.toml.before-reset-2");
    assert_eq!(std::fs::read_to_string(second).unwrap(), "broken = [");
    bell.stop().await;
}

#[tokio::test]
async fn everything_erased_is_the_first_day_in_the_same_process() {
    let server = Server::start(Open).await;
    let port = nowhere().await;
    let desk = Desk::new(&format!(
        "[hub]\nlisten = \"{port}\"\n{}",
        feed("a", &server.url("/sse?geheimnis"), "")
    ));
    let presets = desk.settings_path().with_file_name("presets");
    std::fs::create_dir_all(&presets).unwrap();
    std::fs::write(
        presets.join("mine.toml"),
        "id = \"mine-erased\"\nexample = \"geheimnis\"\n",
    )
    .unwrap();
    std::fs::write(presets.join("note.txt"), "not ours").unwrap();
    std::fs::create_dir_all(desk.data().join("icons")).unwrap();
    for name in [
        "inbox.db.v1",
        "inbox.db.damaged-5-wal",
        "icons/a",
        "secrets.json.new",
    ] {
        std::fs::write(desk.data().join(name), "geheimnis").unwrap();
    }
    std::fs::write(desk.data().join("not-ours.txt"), "not ours").unwrap();
    std::fs::create_dir_all(desk.path("logs")).unwrap();
    std::fs::write(desk.path("logs/feedbell.2026-01-01.log"), "geheimnis").unwrap();
    let mut bell = with_messages(&desk, &server).await;
    bell.show().await;
    bell.handle.switch_hub(HubMode::Local).await.unwrap();
    let hub = bell.hub_url().await;
    let token = TokenForm {
        name: "geheimnis".into(),
        read: true,
        ..TokenForm::default()
    };
    bell.handle.create_token(token).await.unwrap();
    let form = FeedForm {
        access: AccessForm::Bearer {
            token: SecretForm::Entered {
                value: "geheimnis-token".into(),
            },
        },
        enabled: false,
        ..form("geheimnis", "https://a.example/", "")
    };
    bell.handle.save_feed(form).await.unwrap();
    let send = SendForm {
        event: "like".into(),
        to: SendTo::Everyone,
        text: "geheimnis in the hub".into(),
    };
    bell.handle.send(send).await.unwrap();
    bell.handle.erase(Erase::Settings).await.unwrap();
    bell.handle.pause(None).await.unwrap();
    bell.handle.system_quiet(true).await.unwrap();
    assert!(!holding(&desk.data(), "geheimnis").is_empty());

    bell.handle.erase(Erase::Everything).await.unwrap();
    for folder in [desk.data(), desk.path("config"), desk.path("logs")] {
        assert_eq!(holding(&folder, "geheimnis"), [""; 0]);
        assert_eq!(holding(&folder, "zaubertitel"), [""; 0]);
    }
    // What is not ours stays.
    assert!(desk.data().join("not-ours.txt").exists());
    assert!(presets.join("note.txt").exists());
    let app = bell.app().await;
    assert!(app.feeds.is_empty() && app.pause.is_none() && app.unread == 0);
    assert_eq!(
        app.quiet.now,
        Some(Quiet::System),
        "that is not ours to end"
    );
    bell.handle.system_quiet(false).await.unwrap();
    assert_eq!(app.troubles, []);
    assert!(bell.rows().await.is_empty());
    let settings = bell.handle.settings().await.unwrap();
    assert_eq!(settings.general, GeneralForm::default());
    assert!(
        settings
            .presets
            .iter()
            .all(|preset| preset.id != "mine-erased")
    );
    assert!(bell.handle.app().await.unwrap().hub.mode == HubMode::Off);
    // The folder is still ours alone, and everything works.
    assert!(desk.try_start().await.is_err());
    assert!(!hub.is_empty());
    let again = crate::support::form("a", &server.url("/sse"), "");
    let id = bell.handle.save_feed(again).await.unwrap();
    bell.until_state(&id, "live", |state| *state == FeedState::Live)
        .await;
    server.write("data: first day\n\n");
    let rows = bell.until_last("first day").await;
    assert_eq!(rows.len(), 1);
    // After those that were on their way before.
    while bell.show().await.body != "first day" {}
    bell.stop().await;
    let bell = desk.start().await;
    assert_eq!(texts(&bell.rows().await), ["first day"]);
    bell.stop().await;
}
