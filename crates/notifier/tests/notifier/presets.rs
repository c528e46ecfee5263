//! Each preset against a server that speaks its documented wire format: one of each event, a cut,
//! what goes back to resume, a restart, and an overlap.

use base64::Engine as _;
use notifier::view::{ConnectionForm, MessageRow, ResumeForm, RuleForm, Urgency, Verdict};
use serde_json::json;

use crate::{
    fixtures::Server,
    servers::{Again, Forgetful, Mercure, Ntfy, Numbered, Wikimedia},
    support::{Bell, Desk, feed, find, form, silences, texts, to_user, trouble_ids},
};

fn titles(rows: &[MessageRow]) -> Vec<&str> {
    rows.iter().map(|row| row.title.as_str()).collect()
}

async fn link(bell: &Bell, row: &MessageRow) -> Option<String> {
    bell.handle.message(row.id).await.unwrap().unwrap().link
}

// --- ntfy --------------------------------------------------------------------------------

#[tokio::test]
async fn ntfy_messages_read_as_ntfy_means_them() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    assert_eq!(server.last_request().query("since"), None);
    server.publish(
        "message",
        &json!({
            "title": "Disk", "message": "80 % full", "priority": 5,
            "tags": ["warning", "backup", "host1"], "click": "https://a.example/disk",
            "attachment": {"name": "log.txt", "url": "https://a.example/log.txt"},
        }),
    );
    server.keepalive();
    server.publish("poll_request", &json!({"message": "New message"}));
    let encoded = base64::prelude::BASE64_STANDARD.encode("schön");
    server.publish(
        "message",
        &json!({"message": encoded, "encoding": "base64", "priority": 1}),
    );
    server.publish(
        "message",
        &json!({
            "message": "a *markdown* text", "content_type": "text/markdown",
            "actions": [
                {"action": "http", "label": "Do", "url": "https://a.example/do"},
                {"action": "view", "label": "See", "url": "https://a.example/see"},
            ],
        }),
    );
    server.publish(
        "message",
        &json!({
            "message": "A file", "click": "javascript:alert(1)",
            "icon": "https://a.example/icon.png",
            "attachment": {"name": "cat.png", "url": "https://a.example/cat.png"},
        }),
    );
    server.publish("message", &json!({"message": "last"}));
    let rows = bell.until_last("last").await;
    assert_eq!(
        texts(&rows),
        [
            "80 % full log.txt #backup #host1",
            "schön",
            "a *markdown* text",
            "A file cat.png",
            "last"
        ]
    );
    assert_eq!(
        titles(&rows),
        [
            "\u{26a0}\u{fe0f} Disk",
            "alerts",
            "alerts",
            "alerts",
            "alerts"
        ]
    );
    let urgencies: Vec<Urgency> = rows.iter().map(|row| row.urgency).collect();
    let normal = Urgency::Normal;
    assert_eq!(
        urgencies,
        [Urgency::Urgent, Urgency::Low, normal, normal, normal]
    );
    let mut links = Vec::new();
    for row in &rows {
        links.push(link(&bell, row).await);
    }
    assert_eq!(
        links.iter().map(Option::as_deref).collect::<Vec<_>>(),
        [
            Some("https://a.example/disk"),
            None,
            Some("https://a.example/see"),
            None,
            None
        ]
    );
    bell.stop().await;
}

#[tokio::test]
async fn ntfy_resumes_by_time_and_the_second_on_the_border_comes_once() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    server.publish("message", &json!({"message": "one"}));
    bell.until_texts(&["one"]).await;
    bell.show().await;

    // In the same second, while nobody listens.
    server.cut();
    let missed = |text: &str| {
        server.site(|site| site.publish("message", &json!({"message": text})));
    };
    missed("two");
    server.later();
    missed("three");
    let before = server.site(|site| site.now) - 1;
    bell.reconnect("n", &server).await;
    assert_eq!(
        server.last_request().query("since"),
        Some(before.to_string().as_str())
    );
    assert_eq!(server.last_request().header("last-event-id"), None);
    bell.until_texts(&["one", "two", "three"]).await;
    // What is said live is the same as ever, and so is what is said twice.
    server.publish("message", &json!({"message": "three"}));
    bell.until_last("three").await;
    bell.stop().await;

    server.later();
    missed("four");
    let mut bell = desk.start().await;
    bell.until_texts(&["one", "two", "three", "three", "four"])
        .await;
    assert!(server.last_request().query("since").is_some());
    bell.stop().await;

    // Nothing is missing and nothing comes again, however often.
    let mut bell = desk.start().await;
    bell.live("n").await;
    server.keepalive();
    server.publish("message", &json!({"message": "five"}));
    bell.until_texts(&["one", "two", "three", "three", "four", "five"])
        .await;
    // A keep-alive is the end of what was missed: the place has moved with it.
    bell.reconnect("n", &server).await;
    let now = server.site(|site| site.now).to_string();
    assert_eq!(server.last_request().query("since"), Some(now.as_str()));
    bell.stop().await;
}

#[tokio::test]
async fn ntfy_starts_now_at_the_greeting_even_if_nothing_was_ever_published() {
    let server = Server::start(Ntfy::new()).await;
    server.site(|site| site.publish("message", &json!({"message": "old"})));
    server.later();
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    bell.stop().await;
    let opened = server.site(|site| site.now).to_string();
    server.later();
    server.site(|site| site.publish("message", &json!({"message": "missed"})));
    let mut bell = desk.start().await;
    bell.until_texts(&["missed"]).await;
    assert_eq!(server.last_request().query("since"), Some(opened.as_str()));
    bell.stop().await;
}

#[tokio::test]
async fn a_connection_that_breaks_amid_what_was_missed_loses_nothing() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    server.publish("message", &json!({"message": "before"}));
    bell.until_texts(&["before"]).await;
    bell.stop().await;
    let since = server.site(|site| {
        for number in 1..=6 {
            site.now += 1;
            site.publish("message", &json!({"message": format!("missed {number}")}));
        }
        site.now += 1;
        site.breaks_after = Some(3);
        site.log[0]["time"].clone()
    });
    let mut bell = desk.start().await;
    bell.until_app("asked again after it broke", |_| {
        server.requests().len() >= 3
    })
    .await;
    bell.live("n").await;
    server.publish("message", &json!({"message": "last"}));
    let rows = bell.until_last("last").await;
    let mut seen = texts(&rows);
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            "before", "last", "live", "missed 1", "missed 2", "missed 3", "missed 4", "missed 5",
            "missed 6"
        ]
    );
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.query("since").map(str::to_owned))
        .collect();
    let began = since.as_u64().unwrap();
    assert_eq!(asked[1].as_deref(), Some(began.to_string().as_str()));
    // It goes on from what was stored of the missed ones, at most, and not from the live one that
    // came before the rest.
    let again: u64 = asked[2].as_deref().unwrap().parse().unwrap();
    assert!((began..=began + 2).contains(&again), "{again}");
    bell.stop().await;
}

#[tokio::test]
async fn ntfy_updates_replace_and_tombstones_withdraw() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    let first = server.publish("message", &json!({"message": "10 %"}));
    let thread = first["id"].clone();
    let shown = bell.show().await;
    let id = bell.until_texts(&["10 %"]).await[0].id;
    bell.handle.mark_read(vec![id], true).await.unwrap();
    bell.withdrawal().await;

    server.later();
    let update = json!({"message": "50 %", "title": "Copy", "sequence_id": thread});
    server.publish("message", &update);
    let again = bell.show().await;
    assert_eq!((again.key, again.ids), (shown.key.clone(), vec![id]));
    let rows = bell.until_texts(&["50 %"]).await;
    assert_eq!((rows[0].title.as_str(), rows[0].unread), ("Copy", true));
    // The words that it no longer says are not found any more.
    let found = |search: &str| notifier::view::MessageQuery {
        search: search.to_owned(),
        ..Default::default()
    };
    assert_eq!(bell.query(found("10")).await.len(), 0);
    assert_eq!(bell.query(found("50")).await.len(), 1);

    server.later();
    server.publish("message_clear", &json!({"sequence_id": thread}));
    assert_eq!(bell.withdrawal().await, shown.key);
    let rows = bell.rows().await;
    assert_eq!((texts(&rows), rows[0].unread), (vec!["50 %"], false));

    server.later();
    server.publish(
        "message",
        &json!({"message": "90 %", "sequence_id": thread}),
    );
    bell.show().await;
    server.publish("message_delete", &json!({"sequence_id": thread}));
    assert_eq!(bell.withdrawal().await, shown.key);
    assert_eq!(bell.rows().await, []);
    bell.stop().await;

    // All of it comes again: nothing changes.
    let mut bell = desk.start().await;
    bell.live("n").await;
    server.publish("message", &json!({"message": "other"}));
    bell.until_texts(&["other"]).await;
    bell.handle.restore(vec![id]).await.unwrap();
    assert_eq!(texts(&bell.rows().await), ["90 %", "other"]);
    bell.stop().await;
}

#[tokio::test]
async fn ntfy_tombstones_that_were_missed_are_applied_in_order() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    bell.stop().await;
    server.site(|site| {
        let thread = site.publish("message", &json!({"message": "a1"}))["id"].clone();
        site.publish("message", &json!({"message": "a2", "sequence_id": thread}));
        site.publish("message_delete", &json!({"sequence_id": thread}));
        let thread = site.publish("message", &json!({"message": "b1"}))["id"].clone();
        site.publish("message_clear", &json!({"sequence_id": thread}));
        site.publish("message", &json!({"message": "c"}));
    });
    let mut bell = desk.start().await;
    let rows = bell.until_texts(&["b1", "c"]).await;
    let unread: Vec<bool> = rows.iter().map(|row| row.unread).collect();
    assert_eq!(unread, [false, true]);
    assert_eq!(bell.show().await.title, "alerts");
    bell.stop().await;
}

#[tokio::test]
async fn a_tombstone_that_comes_again_ends_nothing_newer() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    // All in one second: each is asked for again.
    let thread = server.publish("message", &json!({"message": "v1"}))["id"].clone();
    server.publish("message_clear", &json!({"sequence_id": thread}));
    server.publish("message", &json!({"message": "v2", "sequence_id": thread}));
    bell.until_texts(&["v2"]).await;
    bell.stop().await;
    let mut bell = desk.start().await;
    bell.live("n").await;
    server.publish("message", &json!({"message": "other"}));
    let rows = bell.until_texts(&["v2", "other"]).await;
    assert!(rows[0].unread);
    bell.stop().await;
}

#[tokio::test]
async fn ntfy_history_is_loaded_once_and_quietly() {
    let server = Server::start(Ntfy::new()).await;
    server.site(|site| {
        site.publish("message", &json!({"message": "old 1"}));
        site.now += 10;
        site.publish("message", &json!({"message": "old 2"}));
    });
    let url = server.url("/alerts/sse");
    let desk = Desk::new(&format!("{}history = true\n", feed("n", &url, "ntfy")));
    let mut bell = desk.start().await;
    let rows = bell.until_texts(&["old 1", "old 2"]).await;
    assert_eq!(silences(&rows), ["history", "history"]);
    assert_eq!(server.last_request().query("since"), Some("all"));
    bell.stop().await;
    server.later();
    server.site(|site| site.publish("message", &json!({"message": "missed"})));
    let mut bell = desk.start().await;
    let rows = bell.until_texts(&["old 1", "old 2", "missed"]).await;
    assert_eq!(silences(&rows), ["history", "history", ""]);
    assert_ne!(server.last_request().query("since"), Some("all"));
    bell.stop().await;
}

#[tokio::test]
async fn history_that_is_asked_for_later_stays_where_it_is() {
    let server = Server::start(Ntfy::new()).await;
    server.site(|site| {
        site.publish("message", &json!({"message": "old"}));
        site.now += 1;
    });
    let url = server.url("/alerts/sse");
    let desk = Desk::new(&feed("n", &url, "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    server.keepalive();
    server.publish("message", &json!({"message": "new"}));
    bell.until_texts(&["new"]).await;
    bell.stop().await;
    desk.write_settings(&format!("{}history = true\n", feed("n", &url, "ntfy")));
    let mut bell = desk.start().await;
    bell.live("n").await;
    assert_ne!(server.last_request().query("since"), Some("all"));
    server.publish("message", &json!({"message": "newer"}));
    bell.until_texts(&["new", "newer"]).await;
    bell.stop().await;
}

#[tokio::test]
async fn ntfy_can_be_polled() {
    let server = Server::start(Ntfy::new()).await;
    server.site(|site| {
        site.publish("message", &json!({"message": "old"}));
        site.now += 1;
    });
    let url = server.url("/alerts/json?poll=1");
    let desk = Desk::new(&format!("{}poll_seconds = 1\n", feed("n", &url, "ntfy")));
    let mut bell = desk.start().await;
    until_asked(&mut bell, &server, 2).await;
    assert_eq!(bell.rows().await, []);
    server.site(|site| site.publish("message", &json!({"message": "new"})));
    bell.until_texts(&["new"]).await;
    assert_eq!(bell.show().await.ids.len(), 1);
    server.site(|site| site.publish("message", &json!({"message": "newer"})));
    bell.until_texts(&["new", "newer"]).await;
    assert!(server.last_request().query("since").is_some());
    bell.stop().await;
}

#[tokio::test]
async fn own_rules_leave_the_protocol_and_the_preset_s_words_alone() {
    let server = Server::start(Ntfy::new()).await;
    let mut form = form("N", &server.url("/alerts/sse"), "ntfy");
    form.rules = vec![RuleForm {
        when: "priority > 3 or data.event == 'keepalive'".into(),
        then: Verdict::Keep,
        urgency: "low".into(),
        ..RuleForm::default()
    }];
    let desk = Desk::new("");
    let mut bell = desk.start().await;
    let id = bell.handle.save_feed(form).await.unwrap();
    bell.live(&id).await;
    server.keepalive();
    let event = json!({"title": "T", "message": "m", "priority": 4, "tags": ["fire"]});
    server.publish("message", &event);
    let rows = bell.until_texts(&["m"]).await;
    assert_eq!(rows[0].title, "\u{1f525} T");
    assert_eq!(rows[0].urgency, Urgency::Low);
    assert_eq!(silences(&rows), ["keep"]);
    bell.stop().await;
}

#[tokio::test]
async fn a_message_that_is_cleared_before_it_is_on_the_screen_does_not_stay_there() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    let event = server.publish("message", &json!({"message": "brief"}));
    let announcement = bell.announcement().await;
    server.publish("message_clear", &json!({"sequence_id": event["id"]}));
    bell.until_read("brief").await;
    bell.handle.shown(announcement.clone()).await.unwrap();
    assert_eq!(bell.withdrawal().await, announcement.key);
    bell.stop().await;
}

// --- resume ------------------------------------------------------------------------------

#[tokio::test]
async fn any_field_can_be_the_place_to_go_on_from() {
    let server = Server::start(Numbered { items: Vec::new() }).await;
    let url = server.url("/");
    let desk = Desk::new(&format!(
        "{}resume = {{ field = \"meta.n\", query = \"from\" }}\n",
        feed("f", &url, "")
    ));
    let say = |number: u64| {
        server.site(|site| site.items.push(number));
        server.write(&Numbered::block(number));
    };
    let mut bell = desk.start().await;
    bell.live("f").await;
    assert_eq!(server.last_request().query("from"), None);
    say(1);
    say(2);
    // A live repeat is a message.
    server.write(&Numbered::block(2));
    server.site(|site| site.items.push(2));
    bell.until_texts(&["n1", "n2", "n2"]).await;
    bell.reconnect("f", &server).await;
    assert_eq!(server.last_request().query("from"), Some("2"));
    assert_eq!(server.last_request().header("last-event-id"), None);
    say(3);
    bell.until_texts(&["n1", "n2", "n2", "n3"]).await;
    bell.stop().await;
    server.site(|site| site.items.push(4));
    let mut bell = desk.start().await;
    bell.until_texts(&["n1", "n2", "n2", "n3", "n4"]).await;
    assert_eq!(server.last_request().query("from"), Some("3"));
    bell.stop().await;
}

#[tokio::test]
async fn a_place_of_one_kind_is_no_place_of_another() {
    let server = Server::start(Numbered { items: Vec::new() }).await;
    let plain = feed("f", &server.url("/"), "");
    let desk = Desk::new(&plain);
    let mut bell = desk.start().await;
    bell.live("f").await;
    server.write(&Numbered::block(1));
    bell.until_texts(&["n1"]).await;
    bell.reconnect("f", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), Some("noise"));
    let opened = server.opened();
    desk.write_settings(&format!(
        "language = \"en\"\n{plain}resume = {{ field = \"meta.n\", query = \"from\" }}\n"
    ));
    bell.until_app("connected in the new way", |_| server.opened() > opened)
        .await;
    assert_eq!(server.last_request().query("from"), None);
    bell.live("f").await;
    server.write(&Numbered::block(7));
    bell.until_texts(&["n1", "n7"]).await;
    bell.reconnect("f", &server).await;
    assert_eq!(server.last_request().query("from"), Some("7"));
    bell.stop().await;
}

#[tokio::test]
async fn the_way_to_resume_can_be_chosen() {
    let id = "urn:uuid:00000000-0000-4000-8000-000000000001";
    for (resume, header, query) in [
        (ResumeForm::Preset, Some(id), None),
        (ResumeForm::Off, None, None),
        (
            ResumeForm::Query {
                name: "lastEventID".into(),
            },
            None,
            Some("urn%3Auuid%3A00000000-0000-4000-8000-000000000001"),
        ),
    ] {
        let server = Server::start(Mercure::default()).await;
        let mut form = form(
            "M",
            &server.url("/.well-known/mercure?topic=a"),
            "mercure-classic",
        );
        form.connection = ConnectionForm {
            resume: resume.clone(),
            ..ConnectionForm::default()
        };
        let desk = Desk::new("");
        let mut bell = desk.start().await;
        let feed = bell.handle.save_feed(form).await.unwrap();
        bell.live(&feed).await;
        server.update(None, "one");
        bell.until_texts(&["one"]).await;
        bell.reconnect(&feed, &server).await;
        let request = server.last_request();
        assert_eq!(request.header("last-event-id"), header, "{resume:?}");
        assert_eq!(request.query("lastEventID"), query, "{resume:?}");
        bell.stop().await;
    }
}

#[tokio::test]
async fn a_hub_s_history_is_loaded_once_and_quietly() {
    let desk = Desk::new("[hub]\non = true\nlisten = \"127.0.0.1:0\"\n");
    let mut bell = desk.start().await;
    let url = bell.hub_url().await;
    let send = |text: &str| notifier::view::SendForm {
        event: "like".into(),
        to: to_user("me"),
        text: text.into(),
    };
    for text in ["old 1", "old 2"] {
        bell.handle.send(send(text)).await.unwrap();
    }
    for (name, history, expected) in [
        ("With", true, &["old 1", "old 2", "With"][..]),
        ("Without", false, &["Without"]),
    ] {
        let mut form = form(name, &format!("{url}/events?uid=me"), "hub");
        form.connection.history = history;
        let id = bell.handle.save_feed(form).await.unwrap();
        bell.live(&id).await;
        if history {
            let rows = bell.until_last("old 2").await;
            assert_eq!(silences(&rows), ["history", "history"]);
        }
        bell.handle.send(send(name)).await.unwrap();
        bell.until_last(name).await;
        let rows = bell
            .query(notifier::view::MessageQuery {
                feed: Some(id.clone()),
                ..Default::default()
            })
            .await;
        assert_eq!(texts(&rows), expected);
        bell.handle.remove_feed(id).await.unwrap();
    }
    bell.stop().await;
}

// --- Mercure -----------------------------------------------------------------------------

#[tokio::test]
async fn mercure_replays_by_id_and_says_what_is_lost() {
    let server = Server::start(Mercure::default()).await;
    let url = server.url("/.well-known/mercure?match=https%3A%2F%2Fa.example%2F1");
    let desk = Desk::new(&feed("m", &url, "mercure"));
    let mut bell = desk.start().await;
    bell.live("m").await;
    assert_eq!(server.last_request().header("last-event-id"), None);
    server.update(Some("like"), r#"{"title":"Ada","message":"likes it"}"#);
    server.update(
        None,
        r#"{"@context":"https://www.w3.org/ns/activitystreams","type":"Create","summary":"A note","object":{"content":"<p>Hello &amp; hi</p>","url":"https://a.example/n"}}"#,
    );
    server.update(None, "some words\nmore <b>words</b>");
    let rows = bell
        .until_texts(&["likes it", "Hello & hi", "some words more <b>words</b>"])
        .await;
    assert_eq!(titles(&rows), ["Ada", "A note", "m"]);
    assert_eq!(rows[0].event, "like");
    assert_eq!(
        link(&bell, &rows[1]).await.as_deref(),
        Some("https://a.example/n")
    );
    for _ in 0..3 {
        bell.show().await;
    }

    server.cut();
    server.site(|site| site.update(None, "missed"));
    bell.reconnect("m", &server).await;
    let last = "urn:uuid:00000000-0000-4000-8000-000000000003";
    assert_eq!(server.last_request().header("last-event-id"), Some(last));
    let all = [
        "likes it",
        "Hello & hi",
        "some words more <b>words</b>",
        "missed",
    ];
    bell.until_texts(&all).await;
    bell.stop().await;

    // The hub's history was cut off behind us: it begins at its earliest, and says so.
    server.site(|site| {
        site.log.clear();
        site.update(None, "after the loss");
        site.log[0].0 = "urn:uuid:new".into();
        site.log[0].1 = "id: urn:uuid:new\ndata: after the loss\n\n".into();
    });
    let mut bell = desk.start().await;
    let rows = bell.until_last("after the loss").await;
    assert_eq!(texts(&rows)[..4], all);
    assert!(matches!(
        rows[4].kind,
        notifier::view::MessageKind::Gap { from: Some(_), .. }
    ));
    assert_eq!(rows.len(), 6);
    bell.stop().await;
}

#[tokio::test]
async fn a_loss_is_said_once_however_often_the_hub_says_it() {
    let server = Server::start(Mercure::default()).await;
    let url = server.url("/.well-known/mercure?topic=a");
    let desk = Desk::new(&feed("m", &url, "mercure-classic"));
    let mut bell = desk.start().await;
    bell.live("m").await;
    server.update(None, "one");
    bell.until_texts(&["one"]).await;
    server.site(|site| site.log.clear());
    for _ in 0..3 {
        bell.reconnect("m", &server).await;
    }
    server.site(|site| site.log.push((String::new(), String::new())));
    server.update(None, "two");
    bell.until_texts(&["one", "", "two"]).await;
    bell.stop().await;
}

#[tokio::test]
async fn mercure_history_starts_at_the_earliest() {
    let server = Server::start(Mercure::default()).await;
    server.site(|site| {
        site.update(None, "old 1");
        site.update(None, "old 2");
    });
    let url = server.url("/.well-known/mercure?topic=a");
    let desk = Desk::new(&format!(
        "{}history = true\n",
        feed("m", &url, "mercure-classic")
    ));
    let mut bell = desk.start().await;
    let rows = bell.until_texts(&["old 1", "old 2"]).await;
    assert_eq!(silences(&rows), ["history", "history"]);
    assert_eq!(
        server.last_request().header("last-event-id"),
        Some("earliest")
    );
    bell.stop().await;
}

fn jwt(exp: i64) -> String {
    let encode = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    let payload = json!({ "exp": exp, "mercure": {"subscribe": ["*"]} });
    format!(
        "{}.{}.c2ln",
        encode(r#"{"alg":"HS256"}"#),
        encode(&payload.to_string())
    )
}

fn now() -> i64 {
    notifier::system_clock()() / 1000
}

#[tokio::test]
async fn an_expired_token_is_said_and_not_sent() {
    let server = Server::start(Mercure::default()).await;
    let url = server.url("/.well-known/mercure?topic=a");
    let settings = |token: &str| {
        format!(
            "{}bearer = \"{token}\"\n",
            feed("m", &url, "mercure-classic")
        )
    };
    let desk = Desk::new(&settings(&jwt(now() - 60)));
    let mut bell = desk.start().await;
    assert_eq!(bell.ill("m").await.id, "token-expired");
    assert_eq!(trouble_ids(&bell.app().await), ["trouble-feed"]);
    assert_eq!(server.requests().len(), 0);
    desk.write_settings(&format!(
        "language = \"en\"\n{}",
        settings(&jwt(now() + 3600))
    ));
    bell.live("m").await;
    bell.stop().await;
}

#[tokio::test]
async fn at_its_expiry_a_token_is_asked_for_anew() {
    let server = Server::start(Mercure::default()).await;
    let url = server.url("/.well-known/mercure?topic=a");
    let desk = Desk::new("");
    let path = desk.path("token");
    let settings = format!(
        "language = \"en\"\n{}bearer = {{ command = \"cat '{}'\" }}\n",
        feed("m", &url, "mercure-classic"),
        path.display()
    );
    desk.write_settings(&settings);
    let old = jwt(now() + 3);
    let new = jwt(now() + 3600);
    std::fs::write(&path, &old).unwrap();
    let mut bell = desk.start().await;
    bell.live("m").await;
    server.update(None, "one");
    bell.until_texts(&["one"]).await;
    let bearer = |token: &str| format!("Bearer {token}");
    let sent = server.last_request();
    assert_eq!(sent.header("authorization"), Some(bearer(&old).as_str()));
    std::fs::write(&path, &new).unwrap();
    bell.until_app("connected with the new token", |app| {
        let sent = server.last_request();
        sent.header("authorization") == Some(bearer(&new).as_str())
            && find(app, "m").is_some_and(|feed| feed.state == notifier::view::FeedState::Live)
    })
    .await;
    server.update(None, "two");
    bell.until_texts(&["one", "two"]).await;
    bell.stop().await;
}

// --- Mastodon, Home Assistant ------------------------------------------------------------

#[tokio::test]
async fn mastodon_notifications_are_sentences() {
    let server = Server::start(Forgetful {
        path: "/api/v1/streaming/user",
        greeting: ":)\n\n",
    })
    .await;
    let url = server.url("/api/v1/streaming/user");
    let desk = Desk::new(&feed("m", &url, "mastodon"));
    let mut bell = desk.start().await;
    bell.live("m").await;
    let account = json!({
        "display_name": "Ada", "acct": "ada@a.example", "url": "https://a.example/@ada",
        "avatar": "https://a.example/ada.png",
    });
    let status = json!({
        "content": "<p>Hello<br />world &amp; all</p><p>Bye</p>", "url": "https://a.example/@me/1",
    });
    let notification = |id: u32, kind: &str| {
        let mut data = json!({"id": id.to_string(), "type": kind, "account": account});
        if !kind.starts_with("follow") {
            data["status"] = status.clone();
        }
        format!("event: notification\ndata: {data}\n\n")
    };
    server.write(&notification(1, "favourite"));
    server.write(":thump\n");
    server.write("event: delete\ndata: 109372843234\n\n");
    server.write("event: filters_changed\ndata: undefined\n\n");
    server.write(&format!("event: update\ndata: {status}\n\n"));
    server.write(&notification(2, "follow"));
    server.write(&notification(3, "something_new"));
    server.write("event: notification\ndata: not JSON\n\n");
    server.write("event: announcement\ndata: {\"id\":\"8\",\"content\":\"<p>Down</p>\"}\n\n");
    let rows = bell.until_last("Down").await;
    assert_eq!(
        titles(&rows),
        [
            "Ada favorited your post",
            "Ada follows you",
            "something_new",
            "Announcement"
        ]
    );
    assert_eq!(texts(&rows)[0], "Hello world & all Bye");
    assert_eq!(
        link(&bell, &rows[0]).await.as_deref(),
        Some("https://a.example/@me/1")
    );
    assert_eq!(
        link(&bell, &rows[1]).await.as_deref(),
        Some("https://a.example/@ada")
    );

    // No ids and no replay: nothing goes back, and what comes again is known.
    bell.reconnect("m", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), None);
    server.write(&notification(1, "favourite"));
    server.write(&notification(4, "mention"));
    let rows = bell.until_last("Hello world & all Bye").await;
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[4].title, "Ada mentioned you");
    bell.stop().await;

    desk.write_settings(&format!(
        "language = \"zh-CN\"\n{}",
        feed("m", &url, "mastodon")
    ));
    let mut bell = desk.start().await;
    bell.live("m").await;
    server.write(&notification(4, "mention"));
    server.write(&notification(5, "follow_request"));
    let rows = bell.until_last("ada@a.example").await;
    assert_eq!(rows.len(), 6);
    assert_eq!(rows[5].title, "Ada请求关注你");
    bell.stop().await;
}

#[tokio::test]
async fn home_assistant_s_ping_is_heard_and_never_shown() {
    let server = Server::start(Forgetful {
        path: "/api/stream",
        greeting: "data: ping\n\n",
    })
    .await;
    let url = server.url("/api/stream?restrict=desktop_notify");
    let desk = Desk::new(&feed("h", &url, "home-assistant"));
    let mut bell = desk.start().await;
    bell.live("h").await;
    bell.until_app("heard", |app| {
        find(app, "h").is_some_and(|feed| feed.last_heard.is_some())
    })
    .await;
    let fire = |kind: &str, data: serde_json::Value| {
        let event = json!({
            "event_type": kind, "data": data, "origin": "LOCAL",
            "time_fired": "2026-01-01T00:00:00+00:00",
            "context": {"id": "01", "parent_id": null, "user_id": null},
        });
        server.write(&format!("data: {event}\n\n"));
    };
    fire("state_changed", json!({"entity_id": "sensor.a"}));
    fire(
        "desktop_notify",
        json!({"title": "Door", "message": "is open", "url": "http://ha.example/door"}),
    );
    server.write("data: ping\n\n");
    fire("my_event", json!({"room": "hall"}));
    let rows = bell.until_texts(&["is open", "room: hall"]).await;
    assert_eq!(titles(&rows), ["Door", "my_event"]);
    assert_eq!(silences(&rows), ["", "keep"]);
    assert_eq!(
        link(&bell, &rows[0]).await.as_deref(),
        Some("http://ha.example/door")
    );
    bell.reconnect("h", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), None);
    fire("desktop_notify", json!({"message": "again"}));
    assert_eq!(bell.until_last("again").await.len(), 3);
    bell.stop().await;
}

// --- Wikimedia ---------------------------------------------------------------------------

fn change(number: u32) -> serde_json::Value {
    json!({
        "meta": {"id": format!("m{number}"), "domain": "en.wikipedia.org", "uri": "https://en.wikipedia.org/wiki/A"},
        "type": "edit", "title": format!("Page {number}"), "user": "Ada", "bot": false,
        "comment": format!("edit {number}"),
    })
}

#[tokio::test]
async fn wikimedia_ids_go_back_byte_for_byte() {
    let server = Server::start(Wikimedia { log: Vec::new() }).await;
    let url = server.url("/v2/stream/recentchange");
    let desk = Desk::new(&feed("w", &url, "wikimedia"));
    let mut bell = desk.start().await;
    bell.live("w").await;
    let first = r#"[{"topic":"eqiad.mediawiki.recentchange","partition":0,"timestamp":1767225600001},{"topic":"codfw.mediawiki.recentchange","partition":0,"offset":-1}]"#;
    server.change(first, &change(1));
    bell.until_texts(&["Ada: edit 1"]).await;
    // Quotes, commas, spaces of other kinds, and two events at one time.
    let odd = "[{\"topic\":\"a\\\"b, c\",  \"partition\":0,\"timestamp\":\u{3000}2},\u{a0}{\"x\":\"\u{4f60}\"}]";
    let mut canary = change(2);
    canary["meta"]["domain"] = "canary".into();
    server.change(odd, &canary);
    let mut bot = change(3);
    bot["bot"] = true.into();
    server.change(odd, &bot);
    server.change(odd, &change(4));
    bell.until_texts(&["Ada: edit 1", "Ada: edit 4"]).await;
    bell.reconnect("w", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), Some(odd));
    server.change(odd, &change(5));
    bell.until_texts(&["Ada: edit 1", "Ada: edit 4", "Ada: edit 5"])
        .await;
    bell.stop().await;
    let mut bell = desk.start().await;
    bell.live("w").await;
    assert_eq!(server.last_request().header("last-event-id"), Some(odd));
    server.change(odd, &change(6));
    bell.until_texts(&["Ada: edit 1", "Ada: edit 4", "Ada: edit 5", "Ada: edit 6"])
        .await;
    bell.stop().await;
}

#[tokio::test]
async fn wikimedia_s_flood_is_a_trickle_and_the_rest_is_counted() {
    let server = Server::start(Wikimedia { log: Vec::new() }).await;
    let url = server.url("/v2/stream/recentchange");
    let desk = Desk::new(&feed("w", &url, "wikimedia"));
    let mut bell = desk.start().await;
    bell.live("w").await;
    for number in 1..=500 {
        server.change(&format!("[{number}]"), &change(number));
    }
    let app = bell.handle.settings().await.unwrap();
    let view = app
        .presets
        .iter()
        .find(|one| one.id == "wikimedia")
        .unwrap();
    assert!(view.muted);
    let rows = loop {
        let rows = bell.rows().await;
        if rows.last().is_some_and(|row| row.title.starts_with("480 ")) {
            break rows;
        }
        bell.changed("480 left out", &titles(&rows)).await;
    };
    assert_eq!(rows.len(), 21);
    let counted = rows.last().unwrap();
    assert_eq!(counted.title, "480 events were left out");
    assert!(!counted.unread);
    let detail = bell.handle.message(counted.id).await.unwrap().unwrap();
    assert!(
        detail
            .ledger
            .iter()
            .any(|line| line.text.id == "ledger-left-out")
    );
    bell.stop().await;
    let mut bell = desk.start().await;
    bell.live("w").await;
    assert_eq!(server.last_request().header("last-event-id"), Some("[500]"));
    bell.stop().await;
}

// --- polls, JSON and text ----------------------------------------------------------------

#[tokio::test]
async fn a_poll_brings_what_is_new_and_equal_ones_stay_two() {
    let server = Server::start(Again::array(&["old", "old"])).await;
    let url = server.url("/items");
    let desk = Desk::new(&format!("{}poll_seconds = 1\n", feed("p", &url, "json")));
    let mut bell = desk.start().await;
    until_asked(&mut bell, &server, 2).await;
    assert_eq!(
        bell.rows().await,
        [],
        "what was there before is known, not stored"
    );
    server.now_says(&["old", "old", "new", "new"]);
    bell.until_texts(&["new", "new"]).await;
    until_more(&mut bell, &server).await;
    server.now_says(&["new", "old", "third", "new", "old", "old"]);
    bell.until_texts(&["new", "new", "third", "old"]).await;
    bell.stop().await;
    let asked = server.requests().len();
    let mut bell = desk.start().await;
    until_asked(&mut bell, &server, asked + 2).await;
    server.now_says(&["new", "old", "last", "third", "new", "old", "old"]);
    bell.until_texts(&["new", "new", "third", "old", "last"])
        .await;
    bell.stop().await;
}

#[tokio::test]
async fn a_first_poll_stores_what_is_there_if_it_is_told_to() {
    let server = Server::start(Again::array(&["a", "b"])).await;
    let desk = Desk::new(&format!(
        "{}poll_seconds = 1\nhistory = true\n",
        feed("p", &server.url("/"), "json")
    ));
    let mut bell = desk.start().await;
    let rows = bell.until_texts(&["a", "b"]).await;
    assert_eq!(silences(&rows), ["history", "history"]);
    server.now_says(&["c", "a", "b"]);
    let rows = bell.until_texts(&["a", "b", "c"]).await;
    assert_eq!(silences(&rows), ["history", "history", ""]);
    bell.stop().await;
}

#[tokio::test]
async fn a_single_object_is_a_message_when_it_changes() {
    let state = |state: &str| json!({"title": "Build", "message": state, "n": 1}).to_string();
    let server = Server::start(Again {
        content_type: "application/json; charset=utf-8",
        body: state("running"),
    })
    .await;
    let desk = Desk::new(&format!(
        "{}poll_seconds = 1\n",
        feed("p", &server.url("/build"), "json")
    ));
    let mut bell = desk.start().await;
    until_asked(&mut bell, &server, 2).await;
    server.site(|site| site.body = state("failed"));
    let rows = bell.until_texts(&["failed"]).await;
    assert_eq!(rows[0].title, "Build");
    until_more(&mut bell, &server).await;
    assert_eq!(bell.rows().await.len(), 1);
    bell.stop().await;
}

#[tokio::test]
async fn text_has_its_title_in_the_first_line() {
    let server = Server::start(Forgetful {
        path: "/",
        greeting: ":\n\n",
    })
    .await;
    let desk = Desk::new(&feed("Wall", &server.url("/"), "text"));
    let mut bell = desk.start().await;
    bell.live("Wall").await;
    server.write("data: Headline\ndata: first\ndata: second\n\n");
    server.write("data: only one line\n\n");
    let rows = bell.until_texts(&["first second", "only one line"]).await;
    assert_eq!(titles(&rows), ["Headline", "Wall"]);
    bell.stop().await;
}

// --- people's own ------------------------------------------------------------------------

#[tokio::test]
async fn a_preset_of_one_s_own_is_a_file() {
    let server = Server::start(Forgetful {
        path: "/",
        greeting: ":\n\n",
    })
    .await;
    let desk = Desk::new(&feed("d", &server.url("/"), "door"));
    let presets = desk.settings_path().with_file_name("presets");
    std::fs::create_dir_all(&presets).unwrap();
    let preset = |title: &str| {
        format!(
            "id = \"door\"\nexample = \"http://door.example/\"\n[[rule]]\ntitle = \"{title}\"\n"
        )
    };
    std::fs::write(presets.join("door.toml"), preset("Door: {{ text }}")).unwrap();
    std::fs::write(presets.join("ntfy.toml"), "id = \"ntfy\"\nexample = \"\"\n").unwrap();
    let mut bell = desk.start().await;
    bell.live("d").await;
    let app = bell.app().await;
    assert_eq!(trouble_ids(&app), ["trouble-presets"]);
    let text = bell
        .handle
        .localizer()
        .await
        .unwrap()
        .text(&app.troubles[0]);
    assert!(text.contains("ntfy.toml"), "{text}");
    server.write("data: open\n\n");
    assert_eq!(titles(&bell.until_texts(&["open"]).await), ["Door: open"]);

    // A change is taken over at once.
    std::fs::remove_file(presets.join("ntfy.toml")).unwrap();
    std::fs::write(presets.join("door.toml"), preset("Gate: {{ text }}")).unwrap();
    let opened = server.opened();
    bell.until_app("the preset has changed", |app| {
        app.troubles.is_empty()
            && server.opened() > opened
            && find(app, "d").is_some_and(|feed| feed.state == notifier::view::FeedState::Live)
    })
    .await;
    server.write("data: shut\n\n");
    let rows = bell.until_texts(&["open", "shut"]).await;
    assert_eq!(titles(&rows)[1], "Gate: shut");
    bell.stop().await;
}

/// Waits until the server was asked so often, and what it answered is in the inbox: a connection
/// that follows is only made after it.
async fn until_asked<S: crate::fixtures::Site>(bell: &mut Bell, server: &Server<S>, times: usize) {
    bell.until_app("asked again", |_| server.requests().len() >= times)
        .await;
}

async fn until_more<S: crate::fixtures::Site>(bell: &mut Bell, server: &Server<S>) {
    let asked = server.requests().len();
    until_asked(bell, server, asked + 2).await;
}
