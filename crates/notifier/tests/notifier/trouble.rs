//! Everything that can be wrong is one clear sentence, and the rest goes on.

use std::fs;

use notifier::view::{
    Arg, FeedState, HubState, MessageQuery, Refusal, TestOutcome, TestUpdate, Text, Verdict,
};
use rusqlite::Connection;
use tokio::net::TcpListener;

use crate::{
    fixtures::{Answer, Request, Server, Site},
    sites::{Clock, Fixed, SiteMessages, told},
    support::{Bell, Desk, feed, find, form, nowhere, trouble_ids},
};

/// A feed that is well: whatever happens beside it, its messages come.
struct Healthy(Server<SiteMessages>);

impl Healthy {
    async fn start() -> Self {
        Self(Server::start(SiteMessages::resuming()).await)
    }

    fn settings(&self) -> String {
        feed("healthy", &self.0.url("/push?uid=1"), "likes")
    }

    async fn goes_on(&self, bell: &mut Bell) {
        bell.live("healthy").await;
        self.0.tell("still here").await;
        bell.until_last(&told("still here")).await;
        let announced = bell.show().await;
        assert_eq!(announced.body, told("still here"));
    }
}

/// The sentence of a feed with this address, beside one that is well.
async fn sentence(url: &str) -> (FeedState, Text) {
    let healthy = Healthy::start().await;
    let desk = Desk::new(&format!("{}{}", feed("bad", url, ""), healthy.settings()));
    let mut bell = desk.start().await;
    let why = bell.ill("bad").await;
    let state = find(&bell.app().await, "bad").unwrap().state.clone();
    let localizer = bell.handle.localizer().await.unwrap();
    let text = localizer.text(&why);
    assert!(text != why.id && !text.contains('{'), "{text}");
    healthy.goes_on(&mut bell).await;
    bell.stop().await;
    (state, why)
}

fn is_stopped(state: &FeedState) -> bool {
    matches!(state, FeedState::Stopped { trouble: true, .. })
}

fn is_waiting(state: &FeedState) -> bool {
    matches!(state, FeedState::Waiting { trouble: true, .. })
}

// --- feeds -------------------------------------------------------------------------------

#[tokio::test]
async fn an_unreachable_host_is_tried_again() {
    let address = nowhere().await;
    let (state, why) = sentence(&format!("http://{address}/events")).await;
    assert_eq!(why.id, "trouble-refused");
    assert_eq!(why.args["host"], Arg::Words(address));
    assert!(
        is_waiting(&state) || state == FeedState::Connecting,
        "{state:?}"
    );
}

#[tokio::test]
async fn a_web_page_is_no_feed() {
    let page = "<!doctype html><title>Sign in</title>\ndata: not an event\n\n";
    let server = Server::start(Fixed::page(page)).await;
    let (state, why) = sentence(&server.url("/events")).await;
    assert_eq!(why.id, "stop-web-page");
    assert!(is_stopped(&state), "{state:?}");
    assert_eq!(server.requests().len(), 1, "it is left alone");
}

#[tokio::test]
async fn an_answer_that_is_final_stops_the_feed() {
    for (status, id) in [
        ("401 Unauthorized", "stop-token"),
        ("403 Forbidden", "stop-forbidden"),
        ("404 Not Found", "stop-not-found"),
        ("204 No Content", "stop-no-content"),
        ("418 I'm a teapot", "stop-status"),
    ] {
        let server = Server::start(Fixed::status(status)).await;
        let (state, why) = sentence(&server.url("/events")).await;
        assert_eq!(why.id, id);
        assert!(is_stopped(&state), "{status}: {state:?}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

/// Lets in who has the token.
struct Guarded(&'static str);

impl Site for Guarded {
    fn answer(&mut self, request: &Request) -> Answer {
        if request.header("authorization") == Some(self.0) {
            return Answer::Stream {
                head: "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
                first: vec![":\n".to_owned()],
            };
        }
        Answer::Once {
            bytes: "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                .to_owned(),
            writes: Vec::new(),
        }
    }
}

#[tokio::test]
async fn a_refused_token_is_looked_up_anew_before_the_next_attempt() {
    for waking in [false, true] {
        let server = Server::start(Guarded("Bearer fresh")).await;
        let desk = Desk::new("");
        let token = desk.path("token");
        fs::write(&token, "stale").unwrap();
        let command = format!("cat '{}'", token.display());
        desk.write_settings(&format!(
            "language = \"en\"\n{}bearer = {{ command = \"{command}\" }}\n",
            feed("guarded", &server.url("/events"), "")
        ));
        let mut bell = desk.start().await;
        assert_eq!(bell.ill("guarded").await.id, "stop-token");
        fs::write(&token, "fresh").unwrap();
        if waking {
            bell.handle.woken(notifier::Reach::All).await.unwrap();
        } else {
            bell.handle.reconnect(None).await.unwrap();
        }
        bell.live("guarded").await;
        assert_eq!(
            server.requests().len(),
            2,
            "and the stale one is not shown again"
        );
        bell.stop().await;
    }
}

#[tokio::test]
async fn a_token_that_is_changed_while_connected_costs_no_wait() {
    let server = Server::start(Guarded("Bearer first")).await;
    let desk = Desk::new("");
    let token = desk.path("token");
    fs::write(&token, "first").unwrap();
    let command = format!("cat '{}'", token.display());
    desk.write_settings(&format!(
        "language = \"en\"\n{}bearer = {{ command = \"{command}\" }}\n",
        feed("guarded", &server.url("/events"), "")
    ));
    let mut bell = desk.start().await;
    bell.live("guarded").await;
    server.site(|site| site.0 = "Bearer second");
    fs::write(&token, "second").unwrap();
    server.cut();
    // With the first token once more, then with the second one.
    bell.until_app("connected again", |_| server.requests().len() == 3)
        .await;
    bell.live("guarded").await;
    bell.stop().await;
}

#[tokio::test]
async fn a_server_in_trouble_is_tried_again() {
    let server = Server::start(Fixed::status("503 Service Unavailable")).await;
    let (_, why) = sentence(&server.url("/events")).await;
    assert_eq!(why.id, "trouble-status");
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_found() {
    let address = nowhere().await.parse().unwrap();
    let url = format!("http://{address}/push?uid=1");
    let desk = Desk::new(&feed("late", &url, "likes"));
    let mut bell = desk.start().await;
    assert_eq!(bell.ill("late").await.id, "trouble-refused");
    let server = Server::start_at(address, SiteMessages::resuming()).await;
    assert_eq!(server.address(), address);
    bell.handle.reconnect(None).await.unwrap();
    bell.live("late").await;
    server.tell("a").await;
    bell.until_texts(&[&told("a")]).await;
    bell.stop().await;
}

#[tokio::test]
async fn a_server_that_never_answers_holds_nothing_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let healthy = Healthy::start().await;
    let desk = Desk::new(&format!("{}{}", feed("mute", &url, ""), healthy.settings()));
    let mut bell = desk.start().await;
    bell.live("healthy").await;
    // Right at the start, while the other feed may still bring what was missed: a desktop that
    // is not ready yet, and then is.
    healthy.0.tell("early").await;
    let failed = bell.announcement().await;
    let why = Text::new("trouble-notifications").with("why", "no daemon");
    bell.handle.not_shown(failed.clone(), why).await.unwrap();
    bell.handle.can_notify(None).await.unwrap();
    assert_eq!(bell.show().await, failed);
    let app = bell.app().await;
    assert_eq!(find(&app, "mute").unwrap().state, FeedState::Connecting);
    healthy.goes_on(&mut bell).await;
    bell.stop().await;
}

// --- settings ----------------------------------------------------------------------------

#[tokio::test]
async fn a_feed_with_a_wrong_type_is_left_out() {
    let healthy = Healthy::start().await;
    let wrong = feed("slow", "http://127.0.0.1:9/", "");
    let desk = Desk::new(&format!(
        "{wrong}watchdog_seconds = \"ten\"\n{}",
        healthy.settings()
    ));
    let before = desk.read_settings();
    let mut bell = desk.start().await;
    healthy.goes_on(&mut bell).await;
    let app = bell.app().await;
    assert_eq!(trouble_ids(&app), ["settings-left-out"]);
    let said = bell
        .handle
        .localizer()
        .await
        .unwrap()
        .text(&app.troubles[0]);
    assert!(
        said.contains("slow") && said.contains("watchdog_seconds"),
        "{said}"
    );
    assert_eq!(bell.ill("slow").await.id, "feed-left-out");
    let errors = bell.handle.settings().await.unwrap().errors;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].field, "feed.0.watchdog_seconds");
    assert_eq!(errors[0].text.id, "field-type-number");

    // A save elsewhere leaves it as the user wrote it.
    let mut form = form("More", "http://127.0.0.1:9/", "");
    form.enabled = false;
    bell.handle.save_feed(form).await.unwrap();
    let after = desk.read_settings();
    assert!(after.contains("watchdog_seconds = \"ten\""), "{after}");
    assert_ne!(before, after);
    bell.stop().await;
}

#[tokio::test]
async fn a_template_that_does_not_compile_is_named() {
    let healthy = Healthy::start().await;
    let rule = "[[feed.rule]]\nevents = [\"like\"]\ntitle = \"{{ user\"\n";
    let bad = feed("bad", "http://127.0.0.1:9/", "");
    let desk = Desk::new(&format!("{bad}{rule}{}", healthy.settings()));
    let mut bell = desk.start().await;
    healthy.goes_on(&mut bell).await;
    assert_eq!(trouble_ids(&bell.app().await), ["settings-left-out"]);
    let errors = bell.handle.settings().await.unwrap().errors;
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].field, "feed.0.rule.0.title");
    assert_eq!(errors[0].text.id, "rule-template");

    let mut form = form("New", "http://127.0.0.1:9/", "");
    form.rules = vec![notifier::view::RuleForm {
        when: "count >".to_owned(),
        ..Default::default()
    }];
    let Refusal { text, fields } = bell.handle.save_feed(form).await.unwrap_err();
    assert_eq!(text.id, "refused-form");
    assert_eq!(fields[0].field, "rules.0.when");
    assert_eq!(fields[0].text.id, "rule-condition");
    bell.stop().await;
}

#[tokio::test]
async fn a_settings_file_that_is_no_toml_at_the_start_is_said_and_never_written_over() {
    let healthy = Healthy::start().await;
    let desk = Desk::new("");
    let broken = format!("{}\n[[feed\n", healthy.settings());
    desk.write_settings(&broken);
    let mut bell = desk.start().await;
    let app = bell.app().await;
    assert_eq!(trouble_ids(&app), ["settings-syntax"]);
    assert_eq!(app.feeds.len(), 0);
    let refusal = bell
        .handle
        .save_feed(form("New", "http://127.0.0.1:9/", ""))
        .await
        .unwrap_err();
    assert_eq!(refusal.text.id, "settings-syntax");
    assert_eq!(desk.read_settings(), broken);

    // Corrected by hand, it is taken up at once.
    desk.write_settings(&healthy.settings());
    bell.until_app("the trouble is over", |app| app.troubles.is_empty())
        .await;
    healthy.goes_on(&mut bell).await;
    bell.stop().await;
}

#[tokio::test]
async fn a_settings_file_broken_while_running_leaves_the_last_good_ones_in_force() {
    let healthy = Healthy::start().await;
    let desk = Desk::new(&healthy.settings());
    let mut bell = desk.start().await;
    bell.live("healthy").await;
    let good = desk.read_settings();
    let broken = format!("{good}\nname = = 1\n");
    desk.write_settings(&broken);
    let app = bell
        .until_app("said", |app| trouble_ids(app) == ["settings-syntax"])
        .await;
    let line = broken.lines().count().to_string();
    let Some(Arg::Words(why)) = app.troubles[0].args.get("why") else {
        panic!("{:?}", app.troubles)
    };
    assert!(why.starts_with(&format!("{line}: ")), "{why}");
    healthy.goes_on(&mut bell).await;
    let general = notifier::view::GeneralForm {
        language: "zh-CN".to_owned(),
        keep_days: 1,
        ..notifier::view::GeneralForm::default()
    };
    let refusal = bell.handle.save_general(general).await.unwrap_err();
    assert_eq!(refusal.text.id, "settings-syntax");
    let refusal = bell
        .handle
        .remove_feed("healthy".to_owned())
        .await
        .unwrap_err();
    assert_eq!(refusal.text.id, "settings-syntax");
    assert_eq!(desk.read_settings(), broken);
    assert_eq!(bell.app().await.locale, "en");

    desk.write_settings(&good);
    bell.until_app("the trouble is over", |app| app.troubles.is_empty())
        .await;
    assert_eq!(healthy.0.opened(), 1, "on the same connection all along");
    bell.stop().await;
}

#[tokio::test]
async fn settings_of_a_newer_feedbell_stay_as_they_are() {
    let desk = Desk::new("");
    let newer = "version = 99\nlanguage = \"en\"\n";
    desk.write_settings(newer);
    let bell = desk.start().await;
    assert_eq!(trouble_ids(&bell.app().await), ["settings-newer"]);
    let refusal = bell
        .handle
        .save_feed(form("New", "http://127.0.0.1:9/", ""))
        .await
        .unwrap_err();
    assert_eq!(refusal.text.id, "settings-newer");
    assert_eq!(desk.read_settings(), newer);
    bell.stop().await;
}

// --- the inbox ---------------------------------------------------------------------------

#[tokio::test]
async fn a_damaged_inbox_is_set_aside_and_a_new_one_started() {
    let healthy = Healthy::start().await;
    let desk = Desk::new(&healthy.settings());
    let garbage = b"this is no database ".repeat(100);
    fs::write(desk.data().join("inbox.db"), &garbage).unwrap();
    let mut bell = desk.start().await;
    let app = bell.app().await;
    assert_eq!(trouble_ids(&app), ["trouble-inbox-damaged"]);
    let Some(Arg::Words(aside)) = app.troubles[0].args.get("path") else {
        panic!("{:?}", app.troubles)
    };
    assert_eq!(fs::read(aside).unwrap(), garbage, "kept, byte for byte");
    healthy.goes_on(&mut bell).await;
    bell.stop().await;

    // Said once: the new inbox is well.
    let mut bell = desk.start().await;
    assert_eq!(trouble_ids(&bell.app().await), [""; 0]);
    assert_eq!(bell.rows().await.len(), 1);
    bell.live("healthy").await;
    bell.stop().await;
}

#[tokio::test]
async fn a_newer_inbox_is_refused_and_left_untouched() {
    let healthy = Healthy::start().await;
    let desk = Desk::new(&healthy.settings());
    let path = desk.data().join("inbox.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch("CREATE TABLE of_tomorrow (x); PRAGMA user_version = 99;")
        .unwrap();
    db.close().unwrap();
    let before = fs::read(&path).unwrap();

    let bell = desk.start().await;
    assert_eq!(trouble_ids(&bell.app().await), ["trouble-inbox-newer"]);
    let handle = &bell.handle;
    let refusals = [
        handle.messages(MessageQuery::default()).await.unwrap_err(),
        handle.message(1).await.unwrap_err(),
        handle.mark_read(vec![1], true).await.unwrap_err(),
        handle.delete(vec![1]).await.unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.text.id, "refused-no-inbox");
    }
    // What needs no inbox goes on.
    assert_eq!(handle.settings().await.unwrap().feeds.len(), 1);
    handle.pause(None).await.unwrap();
    bell.stop().await;
    assert_eq!(fs::read(&path).unwrap(), before);
    let names: Vec<_> = fs::read_dir(desk.data())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("inbox"))
        .collect();
    assert_eq!(names, ["inbox.db"], "nothing was set aside");
    assert_eq!(
        healthy.0.requests().len(),
        0,
        "no event is taken that cannot be kept"
    );
}

// --- the hub and the test button ---------------------------------------------------------

#[tokio::test]
async fn a_taken_port_is_said_and_the_feeds_go_on() {
    let healthy = Healthy::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let desk = Desk::new(&format!(
        "[hub]\non = true\nlisten = \"{address}\"\n{}",
        healthy.settings()
    ));
    let mut bell = desk.start().await;
    let app = bell
        .until_app("the port is taken", |app| {
            matches!(app.hub.state, HubState::Failed { .. })
        })
        .await;
    let HubState::Failed { why } = app.hub.state else {
        panic!("{:?}", app.hub.state)
    };
    assert_eq!(why.id, "hub-port-taken");
    assert_eq!(why.args["port"], Arg::Number(i64::from(address.port())));
    healthy.goes_on(&mut bell).await;

    // Freed, and the switch saved once more: it runs.
    drop(taken);
    let hub = bell.handle.settings().await.unwrap().hub;
    bell.handle.save_hub(hub).await.unwrap();
    bell.until_app("the hub runs", |app| {
        matches!(&app.hub.state, HubState::Running { url, .. } if *url == format!("http://{address}"))
    })
    .await;
    bell.stop().await;
}

#[tokio::test]
async fn a_test_shows_each_step_and_what_arrives() {
    let healthy = Healthy::start().await;
    let desk = Desk::new(&healthy.settings());
    let mut bell = desk.start().await;
    bell.live("healthy").await;
    let clock = Server::start(Clock {
        date: "now",
        since_msg1: Vec::new(),
    })
    .await;
    bell.handle
        .test_feed(form("Clock", &clock.url("/sse"), "clock"))
        .await
        .unwrap();
    let mut steps = Vec::new();
    let event = loop {
        match bell.test_news().await {
            TestUpdate::Step {
                outcome: TestOutcome::Passed,
                text,
                ..
            } => steps.push(text.id),
            TestUpdate::Event { raw, preview } => {
                break (
                    raw.name,
                    raw.data,
                    preview.verdict,
                    preview.title,
                    preview.body,
                );
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        steps,
        [
            "check-connect",
            "check-answer",
            "check-content-type",
            "check-first-byte",
            "check-first-event"
        ]
    );
    let words = |words: &str| words.to_owned();
    assert_eq!(
        event,
        (
            words("message"),
            words("now"),
            Verdict::Keep,
            words("Clock"),
            words("now")
        )
    );
    // The server ends it: said, and over.
    clock.cut();
    let ended = bell.test_news().await;
    assert!(
        matches!(
            ended,
            TestUpdate::Step {
                outcome: TestOutcome::Failed,
                ..
            }
        ),
        "{ended:?}"
    );
    assert_eq!(bell.test_news().await, TestUpdate::Ended);
    assert_eq!(bell.rows().await.len(), 0, "a test stores nothing");
    healthy.goes_on(&mut bell).await;
    bell.stop().await;
}

#[tokio::test]
async fn a_test_of_a_bad_address_ends_with_the_reason() {
    let desk = Desk::new("");
    let mut bell = desk.start().await;
    let missing = Server::start(Fixed::status("404 Not Found")).await;
    bell.handle
        .test_feed(form("Bad", &missing.url("/events"), ""))
        .await
        .unwrap();
    let mut news = Vec::new();
    loop {
        match bell.test_news().await {
            TestUpdate::Step { outcome, text, .. } => {
                news.push((outcome == TestOutcome::Passed, text.id));
            }
            TestUpdate::Ended => break,
            other => panic!("{other:?}"),
        }
    }
    let expected = [(true, "check-connect"), (false, "stop-not-found")];
    assert_eq!(news, expected.map(|(passed, id)| (passed, id.to_owned())));

    let nowhere = format!("http://{}/", nowhere().await);
    bell.handle
        .test_feed(form("Bad", &nowhere, ""))
        .await
        .unwrap();
    let TestUpdate::Step {
        outcome: TestOutcome::Failed,
        text,
        ..
    } = bell.test_news().await
    else {
        panic!("nothing listens there")
    };
    assert_eq!(text.id, "trouble-refused");
    assert_eq!(bell.test_news().await, TestUpdate::Ended);

    let refusal = bell
        .handle
        .test_feed(form("Bad", "ftp://example.org/", ""))
        .await
        .unwrap_err();
    assert_eq!(refusal.fields[0].field, "url");
    assert_eq!(refusal.fields[0].text.id, "field-url-scheme");
    bell.stop().await;
}
