//! Edges at which a message could be lost, doubled or left unsaid.

use std::collections::BTreeSet;

use notifier::view::{ConnectionForm, FeedState, MessageQuery};
use serde_json::json;

use crate::{
    fixtures::{Answer, Request, Server, Site},
    servers::{Again, Ntfy},
    support::{Bell, Desk, feed, silences, texts},
};

async fn total(bell: &Bell) -> usize {
    let page = bell.handle.messages(MessageQuery::default()).await.unwrap();
    page.total as usize
}

/// Each request gets the next of these answers, the last one for ever.
struct Script {
    answers: Vec<fn() -> Answer>,
    at: usize,
}

impl Site for Script {
    fn answer(&mut self, _: &Request) -> Answer {
        let at = self.at.min(self.answers.len() - 1);
        self.at += 1;
        self.answers[at]()
    }
}

fn once(content_type: &str, length: usize, body: &str) -> Answer {
    Answer::Once {
        bytes: format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ),
        writes: Vec::new(),
    }
}

#[tokio::test]
async fn a_first_poll_that_breaks_off_does_not_make_what_was_there_new() {
    fn broken() -> Answer {
        once("application/json", 1000, r#"[{"text":"old 1"},"#)
    }
    fn whole() -> Answer {
        let body = Again::list(&["old 1", "old 2", "old 3"]);
        once("application/json", body.len(), &body)
    }
    let server = Server::start(Script {
        answers: vec![broken, whole],
        at: 0,
    })
    .await;
    let desk = Desk::new(&format!(
        "{}poll_seconds = 1\n",
        feed("p", &server.url("/items"), "json")
    ));
    let mut bell = desk.start().await;
    bell.until_app("asked", |_| server.requests().len() >= 4)
        .await;
    assert_eq!(texts(&bell.rows().await), [""; 0]);
    bell.stop().await;
}

#[tokio::test]
async fn a_long_history_is_loaded_quietly_to_its_end() {
    let server = Server::start(Ntfy::new()).await;
    server.site(|site| {
        for number in 0..1500 {
            site.publish("message", &json!({"message": format!("old {number}")}));
        }
        site.now += 10;
    });
    let url = server.url("/alerts/sse");
    let desk = Desk::new(&format!("{}history = true\n", feed("n", &url, "ntfy")));
    let mut bell = desk.start().await;
    let query = MessageQuery {
        limit: 400,
        ..MessageQuery::default()
    };
    let page = loop {
        let page = bell.handle.messages(query.clone()).await.unwrap();
        if page.total == 1500 {
            break page;
        }
        bell.changed("all", &page.total).await;
    };
    let loud = silences(&page.rows)
        .iter()
        .filter(|why| why.is_empty())
        .count();
    assert_eq!(loud, 0, "of the newest 400 history messages so many ring");
    bell.stop().await;
}

#[tokio::test]
async fn a_long_history_that_is_polled_is_stored_to_its_end() {
    let items: Vec<String> = (0..1500).map(|number| format!("old {number}")).collect();
    let items: Vec<&str> = items.iter().map(String::as_str).collect();
    let server = Server::start(Again::array(&items)).await;
    let desk = Desk::new(&format!(
        "{}poll_seconds = 1\nhistory = true\n",
        feed("p", &server.url("/"), "json")
    ));
    let mut bell = desk.start().await;
    bell.until_app("asked", |_| server.requests().len() >= 4)
        .await;
    assert_eq!(total(&bell).await, 1500);
    bell.stop().await;
}

#[tokio::test]
async fn a_command_that_fails_once_is_asked_again() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new("");
    let path = desk.path("token");
    desk.write_settings(&format!(
        "language = \"en\"\n{}bearer = {{ command = \"cat '{}'\" }}\n",
        feed("n", &server.url("/alerts/sse"), "ntfy"),
        path.display()
    ));
    let mut bell = desk.start().await;
    bell.ill("n").await;
    std::fs::write(&path, "tk_1").unwrap();
    // As after each wake-up; without it, within `ASK_AGAIN`.
    bell.handle.woken(notifier::Reach::All).await.unwrap();
    bell.live("n").await;
    bell.stop().await;
}

/// A server that sends something live before what was missed.
struct Interleaved {
    now: u64,
    later: bool,
    events: fn(&mut Ntfy) -> (Vec<serde_json::Value>, Vec<serde_json::Value>),
}

impl Site for Interleaved {
    fn answer(&mut self, _: &Request) -> Answer {
        let mut ntfy = Ntfy::new();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let open = ntfy.event("open", &serde_json::Value::Null);
        if !std::mem::replace(&mut self.later, true) {
            return Answer::Stream {
                head,
                first: vec![Ntfy::block(&open)],
            };
        }
        let (missed, live) = (self.events)(&mut ntfy);
        self.now = ntfy.now;
        let open = ntfy.event("open", &serde_json::Value::Null);
        // Subscribed first, then replayed: what is published in between comes before, and again.
        let all = [open]
            .into_iter()
            .chain(live.clone())
            .chain(missed)
            .chain(live);
        Answer::Stream {
            head,
            first: all.map(|event| Ntfy::block(&event)).collect(),
        }
    }
}

#[tokio::test]
async fn what_is_missed_does_not_take_the_place_of_a_newer_version() {
    let server = Server::start(Interleaved {
        now: 0,
        later: false,
        events: |ntfy| {
            ntfy.now += 10;
            let first = ntfy.publish("message", &json!({"message": "v1", "sequence_id": "s"}));
            ntfy.now += 10;
            let second = ntfy.publish("message", &json!({"message": "v2", "sequence_id": "s"}));
            let other = ntfy.publish("message", &json!({"message": "other"}));
            (vec![first], vec![second, other])
        },
    })
    .await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    bell.reconnect("n", &server).await;
    bell.until_last("other").await;
    // News are taken in order: what came before this is done.
    let end = json!({"id": "end", "time": 9_999_999_999u64, "event": "message", "message": "end"});
    server.write(&Ntfy::block(&end));
    assert_eq!(texts(&bell.until_last("end").await), ["v2", "other", "end"]);
    bell.stop().await;
}

#[tokio::test]
async fn what_is_missed_does_not_come_back_after_its_end() {
    let server = Server::start(Interleaved {
        now: 0,
        later: false,
        events: |ntfy| {
            ntfy.now += 10;
            let first = ntfy.publish("message", &json!({"message": "v1", "sequence_id": "s"}));
            ntfy.now += 10;
            let gone = ntfy.publish("message_delete", &json!({"sequence_id": "s"}));
            let other = ntfy.publish("message", &json!({"message": "other"}));
            (vec![first], vec![gone, other])
        },
    })
    .await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    bell.reconnect("n", &server).await;
    bell.until_app("other", |app| app.unread > 0).await;
    // News are taken in order: what came before this is done.
    let end = json!({"id": "end", "time": 9_999_999_999u64, "event": "message", "message": "end"});
    server.write(&Ntfy::block(&end));
    assert_eq!(texts(&bell.until_last("end").await), ["other", "end"]);
    bell.stop().await;
}

#[tokio::test]
async fn a_test_goes_on_while_another_feed_is_saved() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new("");
    let mut bell = desk.start().await;
    let form = |name: &str| notifier::view::FeedForm {
        connection: ConnectionForm::default(),
        ..crate::support::form(name, &server.url("/alerts/sse"), "ntfy")
    };
    bell.handle.test_feed(form("tested")).await.unwrap();
    loop {
        if let notifier::view::TestUpdate::Event { .. } = bell.test_news().await {
            break;
        }
    }
    bell.handle.save_feed(form("other")).await.unwrap();
    server.publish("message", &json!({"message": "one"}));
    loop {
        if let notifier::view::TestUpdate::Event { .. } = bell.test_news().await {
            break;
        }
    }
    bell.stop().await;
}

#[tokio::test]
async fn a_long_backlog_is_one_summary() {
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&feed("n", &server.url("/alerts/sse"), "ntfy"));
    let mut bell = desk.start().await;
    bell.live("n").await;
    server.publish("message", &json!({"message": "one"}));
    bell.until_last("one").await;
    bell.show().await;
    server.cut();
    server.site(|site| {
        for number in 0..6000 {
            if number % 10 == 0 {
                site.now += 1;
            }
            site.publish("message", &json!({"message": format!("missed {number}")}));
        }
        site.now += 10;
    });
    bell.reconnect("n", &server).await;
    while total(&bell).await < 6001 {
        bell.changed("all", &0).await;
    }
    // A busy machine may pause for longer than a summary waits: then there are more, which may grow.
    let (mut told, mut summaries) = (BTreeSet::new(), Vec::new());
    while told.len() < 6000 {
        let ids = bell.show().await.ids;
        summaries.push(ids.len());
        told.extend(ids);
    }
    assert_eq!(told.len(), 6000);
    assert!(summaries.len() <= 5, "{summaries:?}");
    bell.stop().await;
}

#[tokio::test]
async fn what_comes_again_is_not_left_out() {
    let change = |number: u32| {
        json!({
            "type": "edit", "title": format!("Page {number}"), "user": "u", "comment": "c",
            "bot": false, "meta": {"id": format!("m{number}"), "domain": "en.wikipedia.org"},
        })
    };
    let server = Server::start(crate::servers::Wikimedia { log: Vec::new() }).await;
    let desk = Desk::new(&feed(
        "w",
        &server.url("/v2/stream/recentchange"),
        "wikimedia",
    ));
    let mut bell = desk.start().await;
    bell.live("w").await;
    for number in 0..20 {
        server.change(&format!("[{number}]"), &change(number));
    }
    while total(&bell).await < 20 {
        bell.changed("all", &0).await;
    }
    // What stands at the place it goes on from comes again.
    bell.reconnect("w", &server).await;
    // The next one is over the limit, and it alone is counted.
    server.change("[20]", &change(20));
    while total(&bell).await < 21 {
        bell.changed("the row that counts", &0).await;
    }
    let rows = bell.rows().await;
    assert!(
        rows.last().unwrap().title.starts_with("1 "),
        "{}",
        rows.last().unwrap().title
    );
    bell.stop().await;
}

#[tokio::test]
async fn a_cookie_that_is_no_access_may_expire() {
    use base64::Engine as _;
    let encode = |text: &str| base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(text);
    let jwt = format!(
        "{}.{}.c2ln",
        encode("{\"alg\":\"HS256\"}"),
        encode("{\"exp\":10}")
    );
    let server = Server::start(Ntfy::new()).await;
    let desk = Desk::new(&format!(
        "{}bearer = \"tk_1\"\nheaders = {{ Cookie = \"session=a; consent={jwt}\" }}\n",
        feed("n", &server.url("/alerts/sse"), "ntfy")
    ));
    let mut bell = desk.start().await;
    bell.until_state("n", "live", |state| *state == FeedState::Live)
        .await;
    bell.stop().await;
}

#[tokio::test]
async fn a_polled_state_that_comes_back_is_a_message_again() {
    let state = |state: &str| json!({"title": "Build", "message": state}).to_string();
    let server = Server::start(Again {
        content_type: "application/json",
        body: state("running"),
    })
    .await;
    let desk = Desk::new(&format!(
        "{}poll_seconds = 1\n",
        feed("p", &server.url("/build"), "json")
    ));
    let mut bell = desk.start().await;
    for word in ["running", "failed", "running", "failed"] {
        server.site(|site| site.body = state(word));
        let asked = server.requests().len() + 2;
        bell.until_app("asked again", |_| server.requests().len() >= asked)
            .await;
    }
    assert_eq!(texts(&bell.rows().await), ["failed", "running", "failed"]);
    bell.stop().await;
}
