//! The feed editor's questions: what rules make of events, tests, feeds in and out, diagnostics.

use notifier::view::{
    AccessForm, ActionKind, FeedForm, HeaderForm, Imported, RawEvent, RuleForm, SecretForm,
    TestUpdate, Text, Verdict,
};

use crate::{
    fixtures::{Answer, Request, Server, Site},
    support::{Bell, Desk, feed, find, form, ids, silences, texts},
};

/// A stream on which nothing comes but what the test writes.
pub(crate) struct Open;

impl Site for Open {
    fn answer(&mut self, _: &Request) -> Answer {
        Answer::Stream {
            head: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            first: vec![": hello\n\n".to_owned()],
        }
    }
}

fn raw(name: &str, data: &str) -> RawEvent {
    RawEvent {
        name: name.into(),
        id: None,
        data: data.into(),
    }
}

fn rule(change: impl FnOnce(&mut RuleForm)) -> RuleForm {
    let mut rule = RuleForm::default();
    change(&mut rule);
    rule
}

async fn live_feed(settings: &str) -> (Server<Open>, Desk, Bell) {
    let server = Server::start(Open).await;
    let settings = format!("{}{settings}", feed("a", &server.url("/sse"), ""));
    let desk = Desk::new(&settings);
    let mut bell = desk.start().await;
    bell.live("a").await;
    (server, desk, bell)
}

#[tokio::test]
async fn a_preview_is_what_the_rules_would_do_and_says_which() {
    let desk = Desk::new("");
    let bell = desk.start().await;
    let form = FeedForm {
        rules: vec![
            rule(|rule| rule.events = vec!["other".into()]),
            rule(|rule| {
                rule.name = "likes".into();
                rule.title = "{{ actor.name }} liked {{ post }}".into();
                rule.group = "{{ post }}".into();
                rule.burst = "{{ count }} likes on {{ post }}".into();
                rule.key = "{{ nr }}".into();
            }),
        ],
        ..form("", "", "")
    };
    let event = raw(
        "like",
        r#"{"actor":{"name":"Ada"},"post":"P","nr":7,"actions":[{"action":"view","label":"See","url":"https://a.example/"}]}"#,
    );
    let preview = bell
        .handle
        .preview(form.clone(), event.clone())
        .await
        .unwrap();
    assert_eq!(preview.title, "Ada liked P");
    assert_eq!(preview.rule, Some(1));
    assert_eq!(preview.why.id, "ledger-rule-named");
    assert_eq!(preview.key.as_deref(), Some("7"));
    assert_eq!(preview.actor.as_deref(), Some("Ada"));
    assert_eq!(preview.group.as_deref(), Some("P"));
    assert_eq!(preview.burst.as_deref(), Some("3 likes on P"));
    assert_eq!(preview.actions[0].kind, ActionKind::View);
    assert!(
        preview
            .fields
            .iter()
            .any(|field| field.name == "actor.name")
    );
    let unmatched = FeedForm {
        rules: Vec::new(),
        preset: "hub".into(),
        ..form.clone()
    };
    let preview = bell.handle.preview(unmatched, event.clone()).await.unwrap();
    assert_eq!((preview.rule, preview.key), (None, None));
    let wrong = FeedForm {
        preset: "none".into(),
        rules: vec![
            form.rules[0].clone(),
            rule(|rule| {
                rule.title = "{{ oops".into();
                rule.urgency = "loud".into();
            }),
        ],
        ..form
    };
    let refusal = bell.handle.preview(wrong, event).await.unwrap_err();
    let fields: Vec<_> = refusal
        .fields
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(fields, ["preset", "rules.1.title", "rules.1.urgency"]);
    assert!(bell.rows().await.is_empty());
    bell.stop().await;
}

#[tokio::test]
async fn the_editor_gets_the_last_real_events_judged_by_the_rules_of_now() {
    let (server, desk, mut bell) = live_feed("").await;
    for n in 0..60 {
        server.write(&format!("event: like\ndata: {{\"msg\":\"m{n}\"}}\n\n"));
    }
    let rows = bell.until_last("m59").await;
    bell.handle.delete(ids(&rows, &["m58"])).await.unwrap();
    bell.handle.test_message("a".into()).await.unwrap();
    let settings = desk.read_settings();
    desk.write_settings(&format!(
        "{settings}[[feed.rule]]\nthen = \"keep\"\ntitle = \"T {{{{ msg }}}}\"\n"
    ));
    bell.until_app("the rule is there", |_| true).await;
    loop {
        let events = bell.handle.recent_events("a".into()).await.unwrap();
        if events[0].preview.verdict == Verdict::Keep {
            assert_eq!(events.len(), 50);
            assert_eq!(events[0].raw.data, r#"{"msg":"m59"}"#);
            assert_eq!(events[1].preview.title, "T m57");
            assert_eq!(events[1].preview.rule, Some(0));
            break;
        }
        bell.changed("the new rule judges", &events[0].preview)
            .await;
    }
    assert!(bell.handle.recent_events("gone".into()).await.is_err());
    bell.stop().await;
}

#[tokio::test]
async fn a_test_goes_the_whole_way_and_moves_nothing() {
    let (server, desk, mut bell) = live_feed("").await;
    // Nothing came yet: a like is made up.
    bell.handle.test_message("a".into()).await.unwrap();
    let shown = bell.show().await;
    assert_eq!(shown.title, "Ada liked “Hello, Feedbell”");
    server.write("id: 7\nevent: like\ndata: {\"msg\":\"real\"}\n\n");
    bell.until_last("real").await;
    assert_eq!(bell.show().await.body, "real");
    // The real one again, as often as wanted: never a duplicate.
    for _ in 0..2 {
        bell.handle.test_message("a".into()).await.unwrap();
        assert_eq!(bell.show().await.body, "real");
    }
    let rows = bell.rows().await;
    assert_eq!(texts(&rows)[1..], ["real", "real", "real"]);
    let ledger = |id| {
        let handle = bell.handle.clone();
        async move { handle.message(id).await.unwrap().unwrap().ledger }
    };
    let is_test = |text: &Text| text.id == "ledger-test";
    let tests: Vec<bool> = {
        let mut tests = Vec::new();
        for row in &rows {
            tests.push(ledger(row.id).await.iter().any(|line| is_test(&line.text)));
        }
        tests
    };
    assert_eq!(tests, [true, false, true, true]);
    // The place of the feed is where the real event left it, and what is sent again is known.
    bell.reconnect("a", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), Some("7"));
    server.write("id: 7\nevent: like\ndata: {\"msg\":\"real\"}\n\nid: 8\ndata: next\n\n");
    let rows = bell.until_last("next").await;
    assert_eq!(rows.len(), 5, "{:?}", texts(&rows));
    // Quiet counts for tests, too.
    bell.handle.pause(None).await.unwrap();
    bell.handle.test_message("a".into()).await.unwrap();
    let rows = bell.rows().await;
    assert_eq!(silences(&rows).last(), Some(&"paused"));
    assert!(bell.handle.test_message("gone".into()).await.is_err());
    bell.stop().await;
    drop(desk);
}

#[tokio::test]
async fn a_test_that_the_rules_drop_says_so_and_a_preset_does_not_drop_what_was_made_up() {
    let (_server, desk, mut bell) =
        live_feed("[[feed.rule]]\nname = \"none\"\nthen = \"drop\"\n").await;
    let refusal = bell.handle.test_message("a".into()).await.unwrap_err();
    assert_eq!(refusal.text.id, "refused-test-dropped");
    assert!(format!("{:?}", refusal.text).contains("none"));
    assert!(bell.rows().await.is_empty());
    let settings = desk.read_settings();
    let (head, _) = settings.split_once("[[feed.rule]]").unwrap();
    desk.write_settings(&head.replace("preset = \"\"", "preset = \"mastodon\""));
    loop {
        match bell.handle.test_message("a".into()).await {
            Ok(()) => break,
            Err(why) => bell.changed("the other settings", &why).await,
        }
    }
    assert_eq!(bell.show().await.title, "Ada liked “Hello, Feedbell”");
    bell.stop().await;
}

#[tokio::test]
async fn a_feed_test_goes_on_while_its_editor_is_open_and_no_flood_passes() {
    let server = Server::start(Open).await;
    let desk = Desk::new("");
    let mut bell = desk.start().await;
    let form = form("new", &server.url("/sse"), "");
    bell.handle.test_feed(form).await.unwrap();
    bell.until_app("connected", |_| server.opened() > 0).await;
    let flood: String = (0..1000).map(|n| format!("data: {n}\n\n")).collect();
    server.write(&flood);
    let mut events = Vec::new();
    while events.len() < 50 {
        if let TestUpdate::Event { raw, .. } = bell.test_news().await {
            events.push(raw.data);
        }
    }
    assert_eq!(events[49], "49");
    bell.handle.stop_test().await.unwrap();
    assert!(bell.rows().await.is_empty());
    bell.stop().await;
}

#[tokio::test]
async fn feeds_go_out_without_secrets_and_come_back_waiting_for_them() {
    let desk = Desk::new("");
    let bell = desk.start().await;
    let downloads = desk.path("downloads");
    let refusal = bell
        .handle
        .export_feeds(downloads.clone())
        .await
        .unwrap_err();
    assert_eq!(refusal.text.id, "export-none");
    let entered = |value: &str| SecretForm::Entered {
        value: value.into(),
    };
    let secret = FeedForm {
        access: AccessForm::Bearer {
            token: entered("SECRET-1"),
        },
        headers: vec![HeaderForm {
            name: "X-Api-Key".into(),
            value: entered("SECRET-2"),
        }],
        rules: vec![rule(|rule| rule.title = "{{ x }}".into())],
        enabled: false,
        ..form("Mine", "http://127.0.0.1:9/a", "")
    };
    let plain = FeedForm {
        enabled: false,
        ..form("Plain", "http://127.0.0.1:9/b?token=SECRET-3&x=1", "ntfy")
    };
    let open = FeedForm {
        enabled: false,
        ..form("Open", "http://127.0.0.1:9/c?uid=me", "hub")
    };
    for one in [&secret, &plain, &open] {
        bell.handle.save_feed(one.clone()).await.unwrap();
    }
    let first = bell.handle.export_feeds(downloads.clone()).await.unwrap();
    let second = bell.handle.export_feeds(downloads).await.unwrap();
    assert_eq!(first.count, 3);
    assert_ne!(first.path, second.path);
    assert!(first.path.contains("feedbell-feeds-2"), "{}", first.path);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&first.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let text = std::fs::read_to_string(&first.path).unwrap();
    assert!(!text.contains("SECRET"), "{text}");
    assert!(!text.contains("keyring"), "{text}");

    // Here all of them are there already.
    let again = bell.handle.import_feeds(text.clone()).await.unwrap();
    assert!(again.feeds.is_empty() && again.secrets.is_empty());
    let why: Vec<_> = again.left_out.iter().map(|text| text.id.as_str()).collect();
    assert_eq!(why, ["import-duplicate"; 3]);
    // With other rules it is another feed, under an id of its own.
    let other = text.replace("{{ x }}", "{{ y }}");
    let other = bell.handle.import_feeds(other).await.unwrap();
    assert_eq!(other.feeds, ["mine-2"]);
    bell.stop().await;

    let elsewhere = Desk::new("");
    let bell = elsewhere.start().await;
    let came: Imported = bell.handle.import_feeds(text).await.unwrap();
    assert_eq!(came.feeds, ["mine", "plain", "open"]);
    assert_eq!(came.secrets, ["Mine", "Plain"]);
    assert_eq!(came.left_out, []);
    let settings = bell.handle.settings().await.unwrap();
    let forms = &settings.feeds;
    assert_eq!(forms[0].rules, secret.rules);
    assert_eq!(forms[2].url, open.url);
    assert_eq!(
        forms[1].access,
        AccessForm::Query {
            name: "token".into(),
            value: SecretForm::Kept
        }
    );
    // It can be edited, but is switched on only with its secrets.
    let renamed = FeedForm {
        name: "Renamed".into(),
        ..forms[0].clone()
    };
    bell.handle.save_feed(renamed.clone()).await.unwrap();
    let on = FeedForm {
        enabled: true,
        ..renamed
    };
    let refusal = bell.handle.save_feed(on.clone()).await.unwrap_err();
    let fields: Vec<_> = refusal
        .fields
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    assert_eq!(fields, ["access.token", "headers.0.value"]);
    let whole = FeedForm {
        access: secret.access.clone(),
        headers: secret.headers.clone(),
        ..on
    };
    bell.handle.save_feed(whole).await.unwrap();
    // Undone by removing what came.
    for id in came.feeds {
        bell.handle.remove_feed(id).await.unwrap();
    }
    assert!(bell.app().await.feeds.is_empty());
    bell.stop().await;
}

#[tokio::test]
async fn a_foreign_file_gets_no_leave_and_runs_no_command() {
    let desk = Desk::new(&feed("a", "http://127.0.0.1:9/a", ""));
    let bell = desk.start().await;
    let text = format!(
        "version = 1\n{}enabled = false\nplain_http = true\n\
         bearer = {{ command = \"touch {}\" }}\n{}{}",
        feed("a", "http://127.0.0.1:9/x", ""),
        desk.path("ran").display(),
        feed("b", "gopher://a.example/", ""),
        "[[feed]]\nname = \"b\"\nurl = \"http://127.0.0.1:9/y\"\nenabled = false\n",
    );
    let came = bell.handle.import_feeds(text).await.unwrap();
    assert_eq!(came.feeds, ["a-2", "b"]);
    assert_eq!(came.secrets, ["a"]);
    let why: Vec<_> = came.left_out.iter().map(|text| text.id.as_str()).collect();
    assert_eq!(why, ["import-wrong", "import-permissions"]);
    let settings = desk.read_settings();
    assert!(
        !settings.contains("touch") && !settings.contains("plain_http"),
        "{settings}"
    );
    assert!(!desk.path("ran").exists());
    for (text, id) in [
        ("", "import-none"),
        ("<xml>", "import-syntax"),
        ("version = 9", "import-newer"),
    ] {
        let refusal = bell.handle.import_feeds(text.into()).await.unwrap_err();
        assert_eq!(refusal.text.id, id);
    }
    let large = "#".repeat(2 << 20);
    let refusal = bell.handle.import_feeds(large).await.unwrap_err();
    assert_eq!(refusal.text.id, "import-large");
    bell.stop().await;
}

#[tokio::test]
async fn each_field_out_of_bounds_is_named() {
    let desk = Desk::new("");
    let bell = desk.start().await;
    let header = |name: &str| HeaderForm {
        name: name.into(),
        value: SecretForm::Entered { value: "x".into() },
    };
    let mut wrong = FeedForm {
        name: "n".repeat(201),
        watchdog_seconds: 90_000,
        headers: vec![header("X-A"), header("x-a")],
        rules: vec![rule(|rule| rule.events = vec![String::new()])],
        ..form("", "", "")
    };
    wrong.connection.poll_seconds = u32::MAX;
    let refusal = bell.handle.save_feed(wrong).await.unwrap_err();
    let mut fields: Vec<_> = refusal
        .fields
        .iter()
        .map(|one| one.field.as_str())
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "connection.poll_seconds",
            "headers.1.name",
            "name",
            "rules.0.events",
            "url",
            "watchdog_seconds"
        ]
    );
    bell.stop().await;
}

#[tokio::test]
async fn diagnostics_tell_how_things_stand_and_nothing_that_is_nobodys_business() {
    let (server, desk, mut bell) = live_feed(
        "headers = { X-Plain = \"plainsecret\" }\n[feed.bearer]\ncommand = \"echo cmdsecret\"\n",
    )
    .await;
    server.write("data: {\"msg\":\"privatewords\"}\n\n");
    bell.until_last("privatewords").await;
    std::fs::create_dir_all(desk.path("logs")).unwrap();
    let lines: String = (0..500)
        .map(|n| format!("line {n} GET https://u:pw@a.example/x?key=urlsecret plainsecret\n"))
        .collect();
    std::fs::write(desk.path("logs/feedbell.2026-01-02.log"), lines).unwrap();
    std::fs::write(desk.path("logs/feedbell.2026-01-01.log"), "older").unwrap();
    let text = bell.handle.diagnostics().await.unwrap();
    for told in [
        env!("CARGO_PKG_VERSION"),
        "1. http://127.0.0.1; preset none; access bearer; 1 headers; 0 rules; live; last heard 0 s ago; 1 unread",
        "hub: off",
        "line 499 GET https://a.example/x?…",
        "line 300 ",
        "\"language\":\"en\"",
    ] {
        assert!(text.contains(told), "{told} is not in\n{text}");
    }
    let port = format!(":{}", server.address().port());
    for secret in [
        "plainsecret",
        "cmdsecret",
        "urlsecret",
        "privatewords",
        "u:pw",
        "line 299 ",
        "older",
        &port,
    ] {
        assert!(!text.contains(secret), "{secret} is in\n{text}");
    }
    assert!(find(&bell.app().await, "a").is_some());
    bell.stop().await;
}
