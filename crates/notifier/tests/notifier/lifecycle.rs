//! What a notifier keeps across restarts, pauses, edits and its other doors.

use std::{collections::BTreeSet, time::Duration};

use notifier::{
    NotifierError,
    control::{self, Answer, Command},
    system_clock,
    view::{
        AccessForm, FeedState, GeneralForm, HeaderForm, HubState, MessageQuery, PauseView, Quiet,
        RuleForm, SecretForm, SendForm, SendTo, Text, Urgency,
    },
};
use serde_json::json;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::{
    fixtures::Server,
    sites::{SiteMessages, told},
    support::{Bell, Desk, feed, find, form, ids, nowhere, silences, texts, to_user, trouble_ids},
};

/// A site that remembers, and a notifier's folder with a feed of it.
async fn letters() -> (Server<SiteMessages>, Desk) {
    letters_with("").await
}

async fn letters_with(more: &str) -> (Server<SiteMessages>, Desk) {
    let server = Server::start(SiteMessages::resuming()).await;
    let settings = feed("letters", &server.url("/push?uid=1"), "likes");
    (server, Desk::new(&format!("{settings}{more}")))
}

async fn live(desk: &Desk) -> Bell {
    let mut bell = desk.start().await;
    bell.live("letters").await;
    bell
}

// --- announcements -----------------------------------------------------------------------

#[tokio::test]
async fn what_was_missed_comes_once_and_rings_once() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.tell("a").await;
    let shown = bell.show().await;
    assert_eq!(
        (shown.title.as_str(), &shown.body),
        ("Notification", &told("a"))
    );
    bell.stop().await;

    server.tell("b").await;
    server.tell("c").await;
    let mut bell = desk.start().await;
    let summary = bell.show().await;
    let rows = bell
        .until_texts(&[&told("a"), &told("b"), &told("c")])
        .await;
    assert_eq!(summary.ids, ids(&rows, &[&told("b"), &told("c")]));
    assert_eq!(summary.title, "2 messages while you were away");
    assert_eq!(summary.body, "From letters");
    server.tell("d").await;
    assert_eq!(bell.show().await.body, told("d"), "live again: on its own");
    bell.stop().await;

    // Nothing is owed any more.
    let mut bell = live(&desk).await;
    server.tell("e").await;
    assert_eq!(bell.show().await.body, told("e"));
    assert_eq!(bell.rows().await.len(), 5);
    bell.stop().await;
}

#[tokio::test]
async fn messages_whose_pop_up_was_never_confirmed_are_summed_up_at_the_next_start() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    let mut keys = Vec::new();
    for text in ["a", "b", "c"] {
        server.tell(text).await;
        let announcement = bell.announcement().await;
        assert_eq!(announcement.body, told(text));
        keys.push(announcement);
    }
    bell.handle.shown(keys.remove(0)).await.unwrap();
    bell.stop().await;

    let mut bell = desk.start().await;
    let rows = bell.rows().await;
    let summary = bell.announcement().await;
    assert_eq!(summary.ids, ids(&rows, &[&told("b"), &told("c")]));
    // Not confirmed this time either: owed until it is.
    bell.stop().await;
    let mut bell = desk.start().await;
    assert_eq!(bell.show().await.ids, summary.ids);
    bell.stop().await;
    let mut bell = live(&desk).await;
    server.tell("d").await;
    assert_eq!(bell.show().await.body, told("d"));
    bell.stop().await;
}

#[tokio::test]
async fn what_is_owed_and_what_was_missed_make_one_summary() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.tell("owed").await;
    assert_eq!(bell.announcement().await.body, told("owed"));
    bell.stop().await;
    server.tell("missed").await;
    let mut bell = desk.start().await;
    let summary = bell.show().await;
    let rows = bell.until_texts(&[&told("owed"), &told("missed")]).await;
    assert_eq!(summary.ids, [rows[0].id, rows[1].id]);
    server.tell("live").await;
    assert_eq!(bell.show().await.body, told("live"));
    bell.stop().await;
}

#[tokio::test]
async fn what_is_owed_rings_also_when_its_server_is_gone() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.tell("a").await;
    let owed = bell.announcement().await;
    bell.stop().await;
    drop(server);
    let mut bell = desk.start().await;
    assert_eq!(bell.show().await, owed, "one message speaks for itself");
    assert_eq!(bell.ill("letters").await.id, "trouble-refused");
    bell.stop().await;
}

#[tokio::test]
async fn a_notification_that_could_not_be_shown_comes_again_when_they_can() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.tell("a").await;
    let failed = bell.announcement().await;
    let why = Text::new("trouble-notifications").with("why", "no daemon");
    bell.handle
        .not_shown(failed.clone(), why.clone())
        .await
        .unwrap();
    let app = bell.until_app("said", |app| !app.troubles.is_empty()).await;
    assert_eq!(app.troubles, [why]);

    bell.handle.can_notify(None).await.unwrap();
    assert_eq!(bell.show().await, failed);
    assert_eq!(trouble_ids(&bell.app().await), [""; 0]);
    bell.handle.can_notify(None).await.unwrap();
    server.tell("b").await;
    assert_eq!(bell.show().await.body, told("b"), "the first was shown");
    bell.stop().await;
}

#[tokio::test]
async fn reading_a_message_takes_its_pop_up_away() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.tell("a").await;
    server.tell("b").await;
    let (a, b) = (bell.show().await, bell.show().await);
    bell.handle.mark_read(b.ids.clone(), true).await.unwrap();
    assert_eq!(bell.withdrawal().await, b.key);
    assert_eq!(bell.app().await.unread, 1);
    bell.handle
        .bulk(MessageQuery::default(), notifier::view::Bulk::Read)
        .await
        .unwrap();
    assert_eq!(bell.withdrawal().await, a.key);
    let app = bell.app().await;
    assert_eq!((app.unread, find(&app, "letters").unwrap().unread), (0, 0));

    bell.handle.mark_read(a.ids.clone(), false).await.unwrap();
    let unread = MessageQuery {
        unread: true,
        ..MessageQuery::default()
    };
    assert_eq!(texts(&bell.query(unread).await), [told("a")]);
    let detail = bell.handle.message(b.ids[0]).await.unwrap().unwrap();
    let steps: Vec<&str> = detail
        .ledger
        .iter()
        .map(|line| line.text.id.as_str())
        .collect();
    assert_eq!(
        steps,
        [
            "ledger-received",
            "ledger-preset-rule",
            "ledger-shown",
            "ledger-read"
        ]
    );
    bell.stop().await;
}

#[tokio::test]
async fn a_pause_keeps_messages_silently_and_outlives_the_notifier() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    bell.handle.pause(None).await.unwrap();
    server.tell("a").await;
    bell.until_texts(&[&told("a")]).await;
    assert_eq!(
        find(&bell.app().await, "letters").unwrap().state,
        FeedState::Live,
        "no connection is closed"
    );
    bell.stop().await;

    server.tell("b").await;
    let mut bell = live(&desk).await;
    assert_eq!(bell.app().await.pause, Some(PauseView { until: None }));
    let rows = bell.until_texts(&[&told("a"), &told("b")]).await;
    assert_eq!(silences(&rows), ["paused", "paused"]);

    bell.handle.resume().await.unwrap();
    assert_eq!(bell.app().await.pause, None);
    server.tell("c").await;
    assert_eq!(bell.show().await.body, told("c"));
    assert_eq!(bell.app().await.unread, 3);
    bell.stop().await;
    assert_eq!(live(&desk).await.app().await.pause, None);
}

#[tokio::test]
async fn a_pause_until_a_moment_ends_by_itself() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    let until = system_clock()() + 150;
    bell.handle.pause(Some(until)).await.unwrap();
    assert_eq!(
        bell.app().await.pause,
        Some(PauseView { until: Some(until) })
    );
    bell.until_app("the pause is over", |app| app.pause.is_none())
        .await;
    assert!(system_clock()() >= until);
    server.tell("a").await;
    assert_eq!(bell.show().await.body, told("a"));
    bell.stop().await;
}

#[tokio::test]
async fn a_muted_feed_fills_the_inbox_and_rings_nothing() {
    let (server, desk) = letters_with("muted = true\n").await;
    let loud = feed("loud", &server.url("/push?uid=2"), "likes");
    let settings = desk.read_settings();
    desk.write_settings(&format!("{settings}{loud}"));
    let mut bell = live(&desk).await;
    bell.live("loud").await;
    assert!(find(&bell.app().await, "letters").unwrap().muted);
    server.update(&json!({ "uid": 1, "msg": "quiet" })).await;
    bell.until_texts(&["给1的消息>>quiet"]).await;
    server.update(&json!({ "uid": 2, "msg": "aloud" })).await;
    let rows = bell
        .until_texts(&["给1的消息>>quiet", "给2的消息>>aloud"])
        .await;
    assert_eq!(silences(&rows), ["muted", ""]);
    assert_eq!(bell.show().await.ids, [rows[1].id]);
    bell.stop().await;
}

#[tokio::test]
async fn the_urgent_rings_in_quiet_hours_and_a_mute_silences_it_across_restarts() {
    let rule = "[[feed.rule]]\nwhen = \"'!' in data.msg\"\nurgency = \"urgent\"\n";
    // Two windows are the whole day, so that it does not matter when the test runs.
    let quiet = "[quiet]\non = true\n[[quiet.hours]]\nfrom = \"00:00\"\nuntil = \"24:00\"\n";
    let (server, desk) = letters_with(&format!("{rule}{quiet}")).await;
    let mut bell = live(&desk).await;
    let app = bell.app().await;
    assert!(
        matches!(app.quiet.now, Some(Quiet::Hours { .. })),
        "{app:?}"
    );
    assert_eq!(app.quiet.breakthrough, Some(Urgency::Urgent));
    server.update(&json!({ "uid": 1, "msg": "low" })).await;
    server.update(&json!({ "uid": 1, "msg": "fire!" })).await;
    let rows = bell
        .until_texts(&["给1的消息>>low", "给1的消息>>fire!"])
        .await;
    assert_eq!(silences(&rows), ["hours", ""]);
    assert_eq!(bell.show().await.ids, [rows[1].id]);

    let until = system_clock()() + 3_600_000;
    bell.handle
        .mute("letters".into(), Some(until))
        .await
        .unwrap();
    bell.stop().await;
    let mut bell = live(&desk).await;
    let letters = find(&bell.app().await, "letters").unwrap().clone();
    assert_eq!((letters.muted, letters.muted_until), (true, Some(until)));
    assert!(!desk.read_settings().contains("muted"));
    server.update(&json!({ "uid": 1, "msg": "water!" })).await;
    let rows = bell.until_last("给1的消息>>water!").await;
    assert_eq!(silences(&rows), ["hours", "", "muted until"]);
    bell.handle.unmute("letters".into()).await.unwrap();
    server.update(&json!({ "uid": 1, "msg": "again!" })).await;
    let rows = bell.until_last("给1的消息>>again!").await;
    assert_eq!(bell.show().await.ids, [rows[3].id]);
    bell.stop().await;
}

#[tokio::test]
async fn another_proxy_for_all_reaches_the_feeds_that_name_none() {
    let gone = nowhere().await;
    let feeds = feed("far", "http://far.invalid/events", "");
    let desk = Desk::new(&feeds);
    let mut bell = desk.start().await;
    let before = bell.ill("far").await;
    let settings = bell.handle.settings().await.unwrap();
    let general = GeneralForm {
        proxy: format!("http://{gone}"),
        ..settings.general
    };
    bell.handle.save_general(general).await.unwrap();
    bell.until_app("another trouble", |app| {
        let state = &find(app, "far").unwrap().state;
        matches!(state, FeedState::Waiting { why, .. } if *why != before)
    })
    .await;
    bell.stop().await;
}

#[tokio::test]
async fn a_storm_is_stored_whole_and_rings_a_handful_of_times() {
    const STORM: u32 = 3000;
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    for n in 0..STORM {
        server.push("like", &json!({ "msg": n.to_string() }));
    }
    let app = bell
        .until_app("all are stored", |app| app.unread >= STORM)
        .await;
    assert_eq!(app.unread, STORM);
    let (mut rung, mut times) = (BTreeSet::new(), 0);
    while rung.len() < STORM as usize {
        let announcement = bell.show().await;
        assert!(
            announcement.ids.is_sorted_by(|a, b| a < b),
            "each once, in order"
        );
        rung.extend(announcement.ids);
        times += 1;
    }
    assert!(times <= 20, "{times}");
    bell.stop().await;
}

#[tokio::test]
async fn a_storm_of_one_burst_is_one_pop_up() {
    const STORM: u32 = 3000;
    let rule = "[[feed.rule]]\ntitle = \"t\"\nbody = \"{{ data.msg }}\"\ngroup = \"all\"\nburst = \"{{ count }} likes\"\n";
    let (server, desk) = letters_with(rule).await;
    let mut bell = live(&desk).await;
    for n in 0..STORM {
        server.push("like", &json!({ "msg": n.to_string() }));
    }
    bell.until_app("all are stored", |app| app.unread >= STORM)
        .await;
    let (mut last, mut times) = (bell.show().await, 1);
    while last.ids.len() < STORM as usize {
        let next = bell.show().await;
        assert_eq!(next.key, last.key, "it grows in place");
        last = next;
        times += 1;
    }
    assert!(times <= 20, "{times}");
    assert_eq!(last.title, format!("{STORM} likes"));
    bell.handle.mark_read(last.ids, true).await.unwrap();
    assert_eq!(bell.withdrawal().await, last.key);
    bell.stop().await;
}

#[tokio::test]
async fn a_hidden_content_is_in_no_announcement_and_no_line_of_the_tray() {
    for hide in [
        "[notifications]\nhide_content = true\n",
        "[feed.notification]\nhide_content = true\nsound = \"silent\"\n",
    ] {
        let (server, desk) = letters_with(hide).await;
        let mut bell = live(&desk).await;
        server.push(
            "like",
            &json!({ "msg": "SECRET", "title": "SECRET", "link": "https://example.org/SECRET" }),
        );
        let announcement = bell.show().await;
        assert_eq!(announcement.title, "New message", "{hide}");
        let all = format!("{announcement:?}");
        assert!(!all.contains("SECRET"), "{all}");
        let row = bell.rows().await.remove(0);
        assert_eq!(row.excerpt, "SECRET", "the inbox has it");
        let latest = bell.app().await.latest.remove(0).title;
        assert_eq!(latest, format!("New message · {}", row.feed_name), "{hide}");
        bell.stop().await;
    }
}

// --- the inbox ---------------------------------------------------------------------------

#[tokio::test]
async fn a_deleted_message_can_be_restored_and_does_not_come_back_by_itself() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.tell("a").await;
    server.tell("b").await;
    let rows = bell.until_texts(&[&told("a"), &told("b")]).await;
    bell.show().await;
    let b = bell.show().await;
    bell.handle.delete(vec![rows[1].id]).await.unwrap();
    assert_eq!(bell.withdrawal().await, b.key);
    assert_eq!(texts(&bell.rows().await), [told("a")]);
    assert_eq!(bell.app().await.unread, 1);

    // The server sends it again on reconnect: it stays deleted.
    bell.reconnect("letters", &server).await;
    server.tell("c").await;
    bell.until_texts(&[&told("a"), &told("c")]).await;

    bell.handle.restore(vec![rows[1].id]).await.unwrap();
    assert_eq!(
        texts(&bell.rows().await),
        [told("a"), told("b"), told("c")],
        "back in its place"
    );
    bell.stop().await;
}

#[tokio::test]
async fn search_finds_two_chinese_characters_and_the_start_of_a_word() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.push("like", &json!({ "msg": "小明点赞了你的文章" }));
    server.push("note", &json!({ "msg": "Wonderful weather in Łódź" }));
    server.push("note", &json!({ "msg": "点一下赞" }));
    bell.until_last("点一下赞").await;
    let search = async |words: &str| {
        let query = MessageQuery {
            search: words.to_owned(),
            ..MessageQuery::default()
        };
        let rows = bell.query(query).await;
        rows.into_iter()
            .map(|row| row.excerpt)
            .collect::<Vec<String>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(search("点赞").await, ["小明点赞了你的文章"]);
    assert_eq!(search("文章").await, ["小明点赞了你的文章"]);
    assert_eq!(search("章文").await, none);
    assert_eq!(search("赞").await.len(), 2);
    assert_eq!(search("won wea").await, ["Wonderful weather in Łódź"]);
    assert_eq!(search("WEATH").await, ["Wonderful weather in Łódź"]);
    assert_eq!(search("onder").await, none);
    assert_eq!(search("\"x\" OR *").await, none, "not a syntax");
    bell.stop().await;
}

// --- the embedded hub --------------------------------------------------------------------

#[tokio::test]
async fn what_is_sent_through_the_embedded_hub_reaches_whom_it_is_for() {
    let desk = Desk::new("[hub]\non = true\nlisten = \"127.0.0.1:0\"\n");
    let mut bell = desk.start().await;
    let hub = bell.hub_url().await;
    for uid in ["ada", "bo"] {
        let url = format!("{hub}/events?uid={uid}");
        let id = bell.handle.save_feed(form(uid, &url, "hub")).await.unwrap();
        assert_eq!(id, uid);
        bell.live(uid).await;
    }
    bell.until_app("both are counted", |app| app.hub.subscribers == 2)
        .await;
    let send = |to: SendTo, text: &str| SendForm {
        event: "like".to_owned(),
        to,
        text: text.to_owned(),
    };
    let handle = bell.handle.clone();
    let position = handle.send(send(to_user("ada"), "for ada")).await.unwrap();
    let last = handle
        .send(send(SendTo::Everyone, "for everyone"))
        .await
        .unwrap();
    let feeds = |bell: &Bell| {
        let handle = bell.handle.clone();
        async move {
            let query = |feed: &str| MessageQuery {
                feed: Some(feed.to_owned()),
                limit: 10,
                ..MessageQuery::default()
            };
            let ada = handle.messages(query("ada")).await.unwrap().rows;
            let bo = handle.messages(query("bo")).await.unwrap().rows;
            (ada, bo)
        }
    };
    bell.until_app("three messages", |app| app.unread == 3)
        .await;
    let (ada, bo) = feeds(&bell).await;
    assert_eq!(texts(&ada), ["for everyone", "for ada"]);
    assert_eq!(texts(&bo), ["for everyone"]);
    assert_eq!(ada[0].title, "Like");
    for (row, position) in [(&ada[0], &last), (&ada[1], &position), (&bo[0], &last)] {
        let detail = bell.handle.message(row.id).await.unwrap().unwrap();
        assert_eq!(detail.raw.id.as_ref(), Some(position));
    }

    let empty = handle.send(send(to_user("ada"), " ")).await.unwrap_err();
    assert_eq!(empty.text.id, "refused-empty");
    bell.stop().await;
}

#[tokio::test]
async fn the_embedded_hub_goes_on_where_it_was() {
    let address = nowhere().await;
    let hub = format!("[hub]\non = true\nlisten = \"{address}\"\n");
    let url = format!("http://{address}/events?uid=ada");
    let desk = Desk::new(&format!("{hub}{}", feed("mine", &url, "hub")));
    let form = |text: &str| SendForm {
        event: "said".to_owned(),
        to: to_user("ada"),
        text: text.to_owned(),
    };
    let mut all: Vec<String> = Vec::new();
    for text in ["one", "two", "three"] {
        let mut bell = desk.start().await;
        // Sent before the feed is back: it resumes from where it was.
        if !all.is_empty() {
            bell.handle.send(form(text)).await.unwrap();
            all.push(text.to_owned());
        }
        bell.live("mine").await;
        let again = format!("{text} again");
        bell.handle.send(form(&again)).await.unwrap();
        all.push(again);
        let expected: Vec<&str> = all.iter().map(String::as_str).collect();
        bell.until_texts(&expected).await;
        bell.stop().await;
    }
}

#[tokio::test]
async fn without_the_hub_sending_is_refused() {
    let desk = Desk::new("");
    let bell = desk.start().await;
    let form = SendForm {
        event: String::new(),
        to: SendTo::Everyone,
        text: "hi".to_owned(),
    };
    let refusal = bell.handle.send(form).await.unwrap_err();
    assert_eq!(refusal.text.id, "refused-hub-off");
    assert_eq!(bell.app().await.hub.state, HubState::Off);
    bell.stop().await;
}

// --- settings ----------------------------------------------------------------------------

#[tokio::test]
async fn an_edit_by_hand_is_followed_and_outlives_the_next_save() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    let second = feed("second", &server.url("/push?uid=2"), "likes");
    let edited = format!(
        "# my feeds\n{}\n# the second one\n{second}colour = \"green\" # mine\n",
        desk.read_settings()
    );
    desk.write_settings(&edited);
    bell.live("second").await;
    assert_eq!(server.opened(), 2, "the first stays on its connection");

    let settings = bell.handle.settings().await.unwrap();
    let mut form = settings.feeds[1].clone();
    form.name = "Second".to_owned();
    bell.handle.save_feed(form).await.unwrap();
    bell.until_app("renamed", |app| {
        find(app, "second").is_some_and(|feed| feed.name == "Second")
    })
    .await;
    let saved = desk.read_settings();
    for kept in [
        "# my feeds\n",
        "# the second one\n",
        "colour = \"green\" # mine\n",
    ] {
        assert!(saved.contains(kept), "{kept:?} in\n{saved}");
    }
    assert!(saved.contains("name = \"Second\""), "{saved}");

    bell.handle.remove_feed("second".to_owned()).await.unwrap();
    let app = bell.app().await;
    assert_eq!(app.feeds.len(), 1);
    assert!(!desk.read_settings().contains("colour"));
    bell.stop().await;
}

#[tokio::test]
async fn a_new_name_rule_or_mute_needs_no_new_connection() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    let mut form = bell.handle.settings().await.unwrap().feeds.remove(0);
    form.name = "Post".to_owned();
    form.rules = vec![RuleForm {
        events: vec!["like".to_owned()],
        title: "{{ feed }}: {{ msg }}".to_owned(),
        ..RuleForm::default()
    }];
    bell.handle.save_feed(form.clone()).await.unwrap();
    server.push("like", &json!({ "msg": "a" }));
    let rows = bell.until_texts(&["a"]).await;
    assert_eq!(
        (rows[0].title.as_str(), rows[0].feed_name.as_str()),
        ("Post: a", "Post")
    );
    assert_eq!(bell.show().await.title, "Post: a");

    form.muted = true;
    bell.handle.save_feed(form.clone()).await.unwrap();
    server.push("like", &json!({ "msg": "b" }));
    let rows = bell.until_texts(&["a", "b"]).await;
    assert_eq!(silences(&rows), ["", "muted"]);
    assert_eq!(server.opened(), 1);

    // Switched off and on again it resumes where it was.
    form.enabled = false;
    form.muted = false;
    bell.handle.save_feed(form.clone()).await.unwrap();
    bell.until_state("letters", "off", |state| *state == FeedState::Off)
        .await;
    server.push("like", &json!({ "msg": "c" }));
    form.enabled = true;
    bell.handle.save_feed(form).await.unwrap();
    bell.until_texts(&["a", "b", "c"]).await;
    assert_eq!(server.opened(), 2);
    bell.stop().await;
}

#[tokio::test]
async fn a_feed_that_moved_to_another_server_starts_afresh() {
    let (server, desk) = letters().await;
    let other = Server::start(SiteMessages::resuming()).await;
    let mut bell = live(&desk).await;
    server.tell("a").await;
    bell.until_texts(&[&told("a")]).await;
    let mut form = bell.handle.settings().await.unwrap().feeds.remove(0);
    form.url = other.url("/push?uid=1");
    bell.handle.save_feed(form).await.unwrap();
    bell.until_app("connected there", |_| other.opened() == 1)
        .await;
    bell.live("letters").await;
    assert_eq!(other.last_request().header("last-event-id"), None);
    // The same words under the same id, but another server's.
    other.tell("a").await;
    other.tell("b").await;
    bell.until_texts(&[&told("a"), &told("a"), &told("b")])
        .await;
    bell.stop().await;
}

#[tokio::test]
async fn another_language_changes_the_texts_of_what_comes_next() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.push("like", &json!({ "msg": "a" }));
    assert_eq!(bell.show().await.title, "Like");
    bell.handle
        .save_general(GeneralForm {
            language: "zh-CN".to_owned(),
            keep_days: 90,
            ..GeneralForm::default()
        })
        .await
        .unwrap();
    assert_eq!(bell.app().await.locale, "zh-CN");
    assert_eq!(
        bell.handle.localizer().await.unwrap().get("silenced-keep"),
        include_str!("../../../../locales/zh-CN/core.ftl")
            .lines()
            .find_map(|line| line.strip_prefix("silenced-keep = "))
            .unwrap()
    );
    server.push("favorite", &json!({ "msg": "b" }));
    let rows = bell.until_texts(&["a", "b"]).await;
    assert_eq!(rows[0].title, "Like", "what is stored stays as it was");
    assert_eq!(bell.show().await.title, rows[1].title);
    assert_eq!(rows[1].title, "收藏");
    assert_eq!(server.opened(), 1, "no connection is made anew for it");

    let refusal = bell
        .handle
        .save_general(GeneralForm {
            language: "xx".to_owned(),
            keep_days: 90,
            ..GeneralForm::default()
        })
        .await
        .unwrap_err();
    assert_eq!(refusal.fields[0].field, "language");
    bell.stop().await;
}

#[tokio::test]
async fn a_secret_goes_into_the_request_and_nowhere_else() {
    const TOKEN: &str = "tk-7f3a9";
    const KEY: &str = "key-55aa1";
    let server = Server::start(SiteMessages::resuming()).await;
    let desk = Desk::new("");
    let mut bell = desk.start().await;
    let mut form = form("Letters", &server.url("/push?uid=1"), "likes");
    let entered = |value: &str| SecretForm::Entered {
        value: value.to_owned(),
    };
    form.access = AccessForm::Bearer {
        token: entered(TOKEN),
    };
    form.headers = vec![HeaderForm {
        name: "X-Key".to_owned(),
        value: entered(KEY),
    }];
    let id = bell.handle.save_feed(form).await.unwrap();
    bell.live(&id).await;
    let bearer = format!("Bearer {TOKEN}");
    let sent = |asked: crate::fixtures::Request| {
        let header = |name: &str| asked.header(name).map(str::to_owned);
        (header("authorization"), header("x-key"))
    };
    let both = (Some(bearer), Some(KEY.to_owned()));
    assert_eq!(sent(server.last_request()), both);
    let hidden = async |bell: &Bell| {
        let settings = bell.handle.settings().await.unwrap();
        let views = [
            desk.read_settings(),
            serde_json::to_string(&bell.app().await).unwrap(),
            serde_json::to_string(&settings).unwrap(),
            format!("{settings:?}"),
        ];
        for view in views {
            assert!(!view.contains(TOKEN) && !view.contains(KEY), "{view}");
        }
        settings
    };
    let settings = hidden(&bell).await;
    let mut form = settings.feeds[0].clone();
    assert_eq!(
        form.access,
        AccessForm::Bearer {
            token: SecretForm::Kept
        }
    );

    // An edit that keeps the secret, and a restart.
    form.name = "Post".to_owned();
    bell.handle.save_feed(form.clone()).await.unwrap();
    assert_eq!(server.requests().len(), 1, "a name needs no new connection");
    form.watchdog_seconds = 61;
    bell.handle.save_feed(form.clone()).await.unwrap();
    bell.until_app("a second connection", |_| server.opened() == 2)
        .await;
    bell.live(&id).await;
    assert_eq!(sent(server.last_request()), both);
    hidden(&bell).await;
    bell.stop().await;
    let mut bell = desk.start().await;
    bell.live(&id).await;
    assert_eq!(sent(server.last_request()), both);

    // A kept secret that was never there is asked for.
    form.id = String::new();
    let refusal = bell.handle.save_feed(form).await.unwrap_err();
    let fields: Vec<&str> = refusal
        .fields
        .iter()
        .map(|error| error.field.as_str())
        .collect();
    assert_eq!(fields, ["access.token", "headers.0.value"]);
    bell.stop().await;
}

// --- other doors -------------------------------------------------------------------------

#[tokio::test]
async fn the_control_socket_tells_and_obeys() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    server.tell("a").await;
    let rows = bell.until_texts(&[&told("a")]).await;
    let socket = desk.path("run/feedbell.sock");
    // What a run that was killed left behind does not stand in the way.
    #[cfg(unix)]
    {
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(socket.exists());
    }
    let door = control::bind(&socket).await.unwrap();
    let door = AbortOnDropHandle::new(tokio::spawn(door.serve(bell.handle.clone())));
    let ask = async |command: Command| {
        let answered = timeout(Duration::from_secs(20), control::ask(&socket, &command));
        match answered.await.unwrap().unwrap() {
            Answer::Ok(value) => value,
            Answer::Refused(why) => serde_json::to_value(why).unwrap(),
        }
    };
    let status = ask(Command::Status).await;
    assert_eq!(status["unread"], 1);
    assert_eq!(status["feeds"][0]["id"], "letters");
    assert_eq!(status["feeds"][0]["state"]["kind"], "live");
    assert_eq!(status["pause"], json!(null));

    ask(Command::Pause { until: None }).await;
    assert_eq!(
        ask(Command::Status).await["pause"],
        json!({ "until": null })
    );
    assert!(bell.app().await.pause.is_some());
    ask(Command::Resume).await;
    assert_eq!(bell.app().await.pause, None);

    ask(Command::Open {
        message: Some(rows[0].id),
        page: Some("inbox".to_owned()),
    })
    .await;
    let opened = (Some(rows[0].id), Some("inbox".to_owned()));
    assert_eq!(bell.opening().await, opened);

    let unknown = Command::Reconnect {
        feed: Some("nobody".to_owned()),
    };
    assert_eq!(ask(unknown).await["id"], "refused-unknown-feed");
    let again = Command::Reconnect { feed: None };
    ask(again).await;
    bell.until_app("a second connection", |_| server.opened() == 2)
        .await;
    drop(door);
    bell.stop().await;
}

#[tokio::test]
async fn two_notifiers_do_not_share_an_inbox() {
    let (server, desk) = letters().await;
    let mut bell = live(&desk).await;
    let second = desk.try_start().await.err().unwrap();
    assert!(matches!(second, NotifierError::Running), "{second}");
    assert_eq!(second.text().id, "trouble-running");
    server.tell("a").await;
    bell.until_texts(&[&told("a")]).await;
    bell.stop().await;
    desk.start().await.stop().await;
}
