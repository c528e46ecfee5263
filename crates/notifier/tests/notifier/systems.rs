//! Each of the five systems: the exact bytes of its server, and what its preset makes of them.

use notifier::{
    system_clock,
    view::{FeedState, MessageQuery},
};
use serde_json::json;

use crate::{
    fixtures::Server,
    sites::{Board, Clock, Counter, Pause, SiteMessages, told},
    support::{Bell, Desk, feed, find, ids, silences, texts},
};

async fn own_id(bell: &Bell, id: i64) -> Option<String> {
    bell.handle.message(id).await.unwrap().unwrap().raw.id
}

async fn own_ids(bell: &Bell) -> Vec<Option<String>> {
    let mut all = Vec::new();
    for row in bell.rows().await {
        all.push(own_id(bell, row.id).await);
    }
    all
}

fn id(words: &str) -> Option<String> {
    Some(words.to_owned())
}

// --- the board ---------------------------------------------------------------------------

#[tokio::test]
async fn the_board_writes_its_array_and_then_each_fact() {
    let server = Server::start(Board::with(&["hello"])).await;
    let stream = server.listen("/events", "").await;
    let answer = server
        .post("/fact", r#"{"user":"Ada","text":"again"}"#)
        .await;
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\n\
         Content-Type: application/json\r\n\
         Content-Length: 16\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Connection: close\r\n\
         \r\n\
         {\"r0\":0,\"r1\":\"\"}"
    );
    server.cut();
    assert_eq!(
        stream.end().await,
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/event-stream\r\n\
         Connection: keep-alive\r\n\
         Cache-Control: no-cache\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Transfer-Encoding: chunked\r\n\
         \r\n\
         27\r\ndata: [{\"user\":\"Ada\",\"text\":\"hello\"}]\n\n\r\n\
         25\r\ndata: {\"user\":\"Ada\",\"text\":\"again\"}\n\n\r\n"
    );
}

#[tokio::test]
async fn the_boards_array_is_history_at_first_and_repeats_nothing_after() {
    let server = Server::start(Board::with(&["one", "two"])).await;
    let desk = Desk::new(&feed("board", &server.url("/events"), "board"));
    let mut bell = desk.start().await;
    let rows = bell.until_texts(&["one", "two"]).await;
    assert_eq!(silences(&rows), ["history", "history"]);

    server.say("three").await;
    let rows = bell.until_texts(&["one", "two", "three"]).await;
    assert_eq!(silences(&rows), ["history", "history", ""]);
    assert_eq!(bell.show().await.ids, ids(&rows, &["three"]));

    // The same words again are a new fact, at the next place.
    server.say("three").await;
    server.say("four").await;
    let all = ["one", "two", "three", "three", "four"];
    bell.until_texts(&all).await;

    bell.reconnect("board", &server).await;
    server.say("five").await;
    let all = ["one", "two", "three", "three", "four", "five"];
    bell.until_texts(&all).await;
    // Nothing of the array is announced a second time either: each live fact, alone, in order.
    for text in ["three", "four", "five"] {
        let shown = bell.show().await;
        assert_eq!((shown.ids.len(), shown.body.as_str()), (1, text));
    }
    bell.stop().await;
}

#[tokio::test]
async fn facts_missed_by_the_board_come_once_and_live_ones_continue_the_count() {
    let server = Server::start(Board::with(&["one"])).await;
    let desk = Desk::new(&feed("board", &server.url("/events"), "board"));
    let mut bell = desk.start().await;
    bell.until_texts(&["one"]).await;
    server.say("two").await;
    bell.until_texts(&["one", "two"]).await;
    for _ in 0..2 {
        bell.reconnect("board", &server).await;
    }
    server.miss("three");
    bell.reconnect("board", &server).await;
    let rows = bell.until_texts(&["one", "two", "three"]).await;
    assert_eq!(silences(&rows), ["history", "", ""]);
    server.say("four").await;
    bell.until_texts(&["one", "two", "three", "four"]).await;
    // Had "four" been kept under another place than its own, the array would bring it again.
    bell.reconnect("board", &server).await;
    server.say("five").await;
    bell.until_texts(&["one", "two", "three", "four", "five"])
        .await;
    bell.stop().await;
}

#[tokio::test]
async fn a_board_that_lost_its_facts_starts_anew_and_loses_none_of_ours() {
    let server = Server::start(Board::with(&["one", "two"])).await;
    let desk = Desk::new(&feed("board", &server.url("/events"), "board"));
    let mut bell = desk.start().await;
    bell.until_texts(&["one", "two"]).await;

    server.restart(Board::default());
    bell.reconnect("board", &server).await;
    // At the place and with the words of an old one, but said now.
    server.say("one").await;
    server.say("new").await;
    let all = ["one", "two", "one", "new"];
    let rows = bell.until_texts(&all).await;
    assert_eq!(silences(&rows), ["history", "history", "", ""]);

    bell.reconnect("board", &server).await;
    server.say("last").await;
    bell.until_texts(&["one", "two", "one", "new", "last"])
        .await;
    bell.stop().await;
}

#[tokio::test]
async fn facts_said_while_the_notifier_was_off_come_once_in_one_summary() {
    let server = Server::start(Board::with(&["one"])).await;
    let desk = Desk::new(&feed("board", &server.url("/events"), "board"));
    let mut bell = desk.start().await;
    bell.until_texts(&["one"]).await;
    bell.stop().await;

    server.say("two").await;
    server.say("three").await;
    let mut bell = desk.start().await;
    let rows = bell.until_texts(&["one", "two", "three"]).await;
    assert_eq!(silences(&rows), ["history", "", ""]);
    assert_eq!(bell.show().await.ids, ids(&rows, &["two", "three"]));
    bell.stop().await;

    let mut bell = desk.start().await;
    bell.live("board").await;
    server.say("four").await;
    bell.until_texts(&["one", "two", "three", "four"]).await;
    bell.stop().await;
}

// --- the counter -------------------------------------------------------------------------

#[tokio::test]
async fn the_counter_writes_the_id_after_the_data() {
    let server = Server::start(Counter).await;
    let stream = server.listen("/sse", "").await;
    server.tick("the count is", 1);
    server.user_msg("hello");
    server.comment();
    server.cut();
    assert_eq!(
        stream.end().await,
        "HTTP/1.1 200 OK\r\n\
         X-Powered-By: Express\r\n\
         Access-Control-Allow-Origin: http://localhost:3000\r\n\
         Access-Control-Allow-Credentials: true\r\n\
         Content-Type: text/event-stream\r\n\
         Cache-Control: no-cache\r\n\
         Connection: keep-alive\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Transfer-Encoding: chunked\r\n\
         \r\n\
         15\r\ndata: the count is:1\n\r\n\
         7\r\nid: 1\n\n\r\n\
         22\r\nevent: user-msg\nid:1\ndata: hello\n\n\r\n\
         8\r\n: keep\n\n\r\n"
    );
}

#[tokio::test]
async fn a_counter_that_starts_again_at_one_brings_new_messages() {
    let server = Server::start(Counter).await;
    let desk = Desk::new(&feed("counter", &server.url("/sse"), "counter"));
    let mut bell = desk.start().await;
    bell.live("counter").await;
    server.tick("count", 1);
    server.comment();
    server.tick("count", 2);
    bell.until_texts(&["count:1", "count:2"]).await;
    assert_eq!(server.last_request().header("last-event-id"), None);

    server.restart(Counter);
    bell.reconnect("counter", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), Some("2"));
    server.tick("anew", 1);
    server.tick("anew", 2);
    server.tick("anew", 3);
    let all = ["count:1", "count:2", "anew:1", "anew:2", "anew:3"];
    let rows = bell.until_texts(&all).await;
    assert_eq!(silences(&rows), ["keep"; 5]);
    let expected = ["1", "2", "1", "2", "3"].map(id);
    assert_eq!(own_ids(&bell).await, expected);

    // The restarted server sends what it has from the start: known, but for the last.
    bell.reconnect("counter", &server).await;
    assert_eq!(server.last_request().header("last-event-id"), Some("3"));
    server.tick("anew", 2);
    server.tick("anew", 3);
    server.tick("anew", 4);
    bell.until_texts(&[&all[..], &["anew:4"]].concat()).await;
    bell.stop().await;
}

#[tokio::test]
async fn a_repeat_on_one_connection_is_a_message_of_its_own() {
    let server = Server::start(Counter).await;
    let desk = Desk::new(&feed("counter", &server.url("/sse"), "counter"));
    let mut bell = desk.start().await;
    bell.live("counter").await;
    server.tick("count", 1);
    server.tick("count", 1);
    server.user_msg("hi");
    server.user_msg("hi");
    server.tick("count", 2);
    let rows = bell
        .until_texts(&["count:1", "count:1", "hi", "hi", "count:2"])
        .await;
    // Ticks are kept silently; the named form rings, each time.
    assert_eq!(silences(&rows), ["keep", "keep", "", "", "keep"]);
    let events: Vec<&str> = rows.iter().map(|row| row.event.as_str()).collect();
    assert_eq!(
        events,
        ["message", "message", "user-msg", "user-msg", "message"]
    );
    assert_eq!(
        own_ids(&bell).await,
        ["1", "1", "1", "1", "2"].map(id),
        "an id counts with and without a space before it"
    );
    for place in [2, 3] {
        assert_eq!(bell.show().await.ids, [rows[place].id]);
    }
    bell.stop().await;
}

// --- pause -------------------------------------------------------------------------------

#[tokio::test]
async fn pause_writes_its_retry_and_two_blank_lines() {
    let server = Server::start(Pause).await;
    let stream = server.listen("/test", "").await;
    server.measure("test", 1_767_225_600_000, 0);
    server.measure("pause", 1_767_225_600_001, 1);
    server.cut();
    assert_eq!(
        stream.end().await,
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/event-stream\r\n\
         Connection: keep-alive\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Transfer-Encoding: chunked\r\n\
         \r\n\
         35\r\nevent: test\nid: 1767225600000\ndata: 0\nretry: 10000\n\n\n\r\n\
         36\r\nevent: pause\nid: 1767225600001\ndata: 1\nretry: 10000\n\n\n\r\n"
    );
}

#[tokio::test]
async fn pause_waits_as_long_as_it_was_told_and_keeps_both_of_one_millisecond() {
    let server = Server::start(Pause).await;
    let desk = Desk::new(&feed("pause", &server.url("/test"), "pause"));
    let mut bell = desk.start().await;
    bell.live("pause").await;
    let ms = 1_767_225_600_000;
    server.measure("test", ms, 0);
    server.measure("test", ms, 1);
    let rows = bell.until_texts(&["0", "1"]).await;
    assert_eq!(silences(&rows), ["keep", "keep"]);

    let cut_at = system_clock()();
    server.cut();
    let state = bell
        .until_state("pause", "waiting", |state| {
            matches!(state, FeedState::Waiting { .. })
        })
        .await;
    let FeedState::Waiting { next_try, .. } = state else {
        unreachable!()
    };
    assert!(next_try - cut_at >= 10_000, "{}", next_try - cut_at);

    bell.handle.reconnect(Some("pause".into())).await.unwrap();
    bell.live("pause").await;
    let asked = server.last_request();
    assert_eq!(asked.header("last-event-id"), Some(ms.to_string().as_str()));
    // Sent again, then the next.
    server.measure("test", ms, 1);
    server.measure("test", ms + 1000, 2);
    bell.until_texts(&["0", "1", "2"]).await;
    bell.stop().await;
}

#[tokio::test]
async fn a_pause_event_ends_the_feed_until_the_user_reconnects() {
    let server = Server::start(Pause).await;
    let desk = Desk::new(&feed("pause", &server.url("/test"), "pause"));
    let mut bell = desk.start().await;
    bell.live("pause").await;
    server.measure("test", 1, 0);
    server.measure("pause", 2, 1);
    server.measure("test", 3, 2);
    let ended = |state: &FeedState| matches!(state, FeedState::Stopped { trouble: false, .. });
    bell.until_state("pause", "ended", ended).await;
    assert_eq!(bell.ill("pause").await.id, "stop-event");
    let rows = bell.rows().await;
    assert_eq!(texts(&rows), ["0", "1"], "what came after is not ours");
    assert_eq!(rows[1].event, "pause");
    bell.stop().await;

    // Across a restart, while another feed goes on.
    let counter = Server::start(Counter).await;
    desk.write_settings(&format!(
        "{}{}",
        feed("pause", &server.url("/test"), "pause"),
        feed("counter", &counter.url("/sse"), "counter")
    ));
    let mut bell = desk.start().await;
    bell.live("counter").await;
    assert!(ended(&find(&bell.app().await, "pause").unwrap().state));
    assert_eq!(server.opened(), 1);

    bell.handle.reconnect(Some("pause".into())).await.unwrap();
    bell.live("pause").await;
    assert_eq!(server.opened(), 2);
    assert_eq!(server.last_request().header("last-event-id"), Some("2"));
    server.measure("test", 4, 3);
    bell.until_texts(&["0", "1", "3"]).await;
    bell.stop().await;

    // The word of the user is remembered as well.
    let mut bell = desk.start().await;
    bell.live("pause").await;
    bell.stop().await;
}

// --- site messages -----------------------------------------------------------------------

#[tokio::test]
async fn site_messages_greet_and_then_reach_all_or_one() {
    let mut site = SiteMessages::resuming();
    site.resumes = false;
    let server = Server::start(site).await;
    let one = server.listen("/push?uid=1", "").await;
    let two = server.listen("/push?uid=2", "").await;
    server
        .update(&json!({ "uid": 1, "msg": "hi", "isAll": true }))
        .await;
    let answer = server.update(&json!({ "uid": "1" })).await;
    assert!(answer.ends_with("\r\n\r\n{\"code\":0}"), "{answer}");
    server.cut();
    let head = "HTTP/1.1 200 OK\r\n\
         X-Powered-By: Express\r\n\
         Content-Type: text/event-stream\r\n\
         Cache-Control: no-cache\r\n\
         Connection: keep-alive\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Transfer-Encoding: chunked\r\n\
         \r\n\
         20\r\ndata: 站内信链接成功！\n\n\r\n";
    let to_all = "53\r\n\
         id: 1767225600000\nevent: notify\ndata: {\"msg\":\"给所有人的消息>>hi\",\"uid\":1}\n\n\r\n";
    let to_one = "54\r\n\
         id: 1767225600000\nevent: notify\ndata: {\"msg\":\"给1的消息>>undefined\",\"uid\":\"1\"}\n\n\r\n";
    assert_eq!(one.end().await, format!("{head}{to_all}{to_one}"));
    assert_eq!(two.end().await, format!("{head}{to_all}"));

    server.site(|site| site.greets_with_id = true);
    let later = server.listen("/push?uid=1", "").await;
    server.cut();
    let bytes = later.end().await;
    assert!(
        bytes.ends_with(
            "\r\n\r\n3e\r\nretry: 3000\nid: 1767225600000\ndata: 站内信链接成功！\n\n\r\n"
        ),
        "{bytes}"
    );
}

#[tokio::test]
async fn the_greeting_of_each_connect_is_no_message() {
    for with_id in [false, true] {
        let mut site = SiteMessages::resuming();
        site.greets_with_id = with_id;
        let server = Server::start(site).await;
        let desk = Desk::new(&feed("likes", &server.url("/push?uid=1"), "likes"));
        let mut bell = desk.start().await;
        bell.live("likes").await;
        server.tell("a").await;
        bell.until_texts(&[&told("a")]).await;
        for _ in 0..2 {
            bell.reconnect("likes", &server).await;
        }
        server.tell("b").await;
        bell.until_texts(&[&told("a"), &told("b")]).await;
        bell.stop().await;
    }
}

#[tokio::test]
async fn two_messages_with_one_id_are_two_and_a_resent_one_is_none() {
    let server = Server::start(SiteMessages::resuming()).await;
    let desk = Desk::new(&feed("likes", &server.url("/push?uid=1"), "likes"));
    let mut bell = desk.start().await;
    bell.live("likes").await;
    // To all and to one, in one millisecond; another user's is not ours.
    let to_all = json!({ "uid": 2, "msg": "same", "isAll": true });
    let to_us = json!({ "uid": "1", "msg": "same", "isAll": false });
    server.update(&to_all).await;
    server.update(&to_us).await;
    server.update(&json!({ "uid": 2, "msg": "not ours" })).await;
    let (all, us) = (told("same"), "给1的消息>>same".to_owned());
    let rows = bell.until_texts(&[&all, &us]).await;
    assert_eq!(silences(&rows), ["", ""]);
    assert_eq!(rows[0].title, "Notification");
    let now = server.site(|site| site.now).to_string();
    assert_eq!(own_ids(&bell).await, [id(&now), id(&now)]);

    // A missed one, and with it all of its millisecond and the one before.
    server.site(|site| site.now += 1);
    let late = json!({ "uid": 1, "msg": "late", "isAll": true });
    server.cut();
    server.update(&late).await;
    bell.reconnect("likes", &server).await;
    let asked = server
        .requests()
        .into_iter()
        .filter_map(|request| request.header("last-event-id").map(str::to_owned))
        .next();
    assert_eq!(asked, id(&now));
    server.tell("end").await;
    bell.until_texts(&[&all, &us, &told("late"), &told("end")])
        .await;
    bell.stop().await;
}

#[tokio::test]
async fn a_live_repeat_is_not_taken_for_a_resent_one() {
    let server = Server::start(SiteMessages::resuming()).await;
    let desk = Desk::new(&feed("likes", &server.url("/push?uid=1"), "likes"));
    let mut bell = desk.start().await;
    bell.live("likes").await;
    let twice = json!({ "uid": 1, "msg": "ping", "isAll": true });
    server.update(&twice).await;
    bell.until_texts(&[&told("ping")]).await;
    bell.show().await;
    bell.stop().await;

    server.tell("missed").await;
    let mut bell = desk.start().await;
    // The backlog is announced once it is over: from here on everything is live.
    let rows = bell.until_texts(&[&told("ping"), &told("missed")]).await;
    assert_eq!(bell.show().await.ids, ids(&rows, &[&told("missed")]));
    server.site(|site| site.now -= 1);
    server.update(&twice).await;
    let rows = bell
        .until_texts(&[&told("ping"), &told("missed"), &told("ping")])
        .await;
    assert_eq!(bell.show().await.ids, [rows[2].id]);
    assert_eq!(
        own_id(&bell, rows[0].id).await,
        own_id(&bell, rows[2].id).await
    );
    bell.stop().await;
}

#[tokio::test]
async fn named_events_of_the_site_get_their_words() {
    let server = Server::start(SiteMessages::resuming()).await;
    let desk = Desk::new(&feed("likes", &server.url("/push?uid=1"), "likes"));
    let mut bell = desk.start().await;
    bell.live("likes").await;
    server.push("like", &json!({ "msg": "Ada liked “Hello”" }));
    server.push(
        "favorite",
        &json!({ "title": "Saved", "message": "Bo saved it" }),
    );
    let rows = bell
        .until_texts(&["Ada liked “Hello”", "Bo saved it"])
        .await;
    assert_eq!(
        (rows[0].title.as_str(), rows[0].event.as_str()),
        ("Like", "like")
    );
    assert_eq!(rows[1].title, "Saved");
    let unread = bell
        .query(MessageQuery {
            unread: true,
            ..MessageQuery::default()
        })
        .await;
    assert_eq!(unread.len(), 2);
    bell.stop().await;
}

// --- the clock ---------------------------------------------------------------------------

fn clock(date: &'static str) -> Clock {
    Clock {
        date,
        since_msg1: Vec::new(),
    }
}

const FIRST: &str = "Thu Jan 01 2026 08:00:00 GMT+0800 (CST)";
const SECOND: &str = "Thu Jan 01 2026 08:00:06 GMT+0800 (CST)";
const THIRD: &str = "Thu Jan 01 2026 08:00:12 GMT+0800 (CST)";
const FOURTH: &str = "Thu Jan 01 2026 08:00:18 GMT+0800 (CST)";

fn time(date: &str) -> String {
    format!("data: {date}\n\n")
}

fn time_message(date: &str) -> String {
    format!("event: timeMessage\ndata: {date}\n\n")
}

#[tokio::test]
async fn the_clock_writes_retry_dates_and_json_over_several_lines() {
    let server = Server::start(clock(FIRST)).await;
    let stream = server.listen("/sse", "").await;
    server.write(&time_message(SECOND));
    server.write("id: msg1\ndata: some text\n\n");
    server.write("data: {\ndata: \"foo\": \"bar\",\ndata: \"baz\": 555\ndata: }\n\n");
    server.cut();
    assert_eq!(
        stream.end().await,
        "HTTP/1.1 200 OK\r\n\
         Content-Type: text/event-stream\r\n\
         Cache-Control: no-cache\r\n\
         Connection: keep-alive\r\n\
         Access-Control-Allow-Origin: *\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Transfer-Encoding: chunked\r\n\
         \r\n\
         c\r\nretry: 6000\n\r\n\
         2f\r\ndata: Thu Jan 01 2026 08:00:00 GMT+0800 (CST)\n\n\r\n\
         42\r\nevent: timeMessage\ndata: Thu Jan 01 2026 08:00:06 GMT+0800 (CST)\n\n\r\n\
         1a\r\nid: msg1\ndata: some text\n\n\r\n\
         36\r\ndata: {\ndata: \"foo\": \"bar\",\ndata: \"baz\": 555\ndata: }\n\n\r\n"
    );
}

#[tokio::test]
async fn the_clock_is_kept_silently_and_its_json_read_as_one() {
    let server = Server::start(clock(FIRST)).await;
    let desk = Desk::new(&feed("clock", &server.url("/sse"), "clock"));
    let mut bell = desk.start().await;
    bell.until_texts(&[FIRST]).await;
    server.write(&time_message(SECOND));
    server.write("data: {\ndata: \"foo\": \"bar\",\ndata: \"baz\": 555\ndata: }\n\n");
    let rows = bell.until_last("foo: bar baz: 555").await;
    assert_eq!(texts(&rows), [FIRST, SECOND, "foo: bar baz: 555"]);
    assert_eq!(silences(&rows), ["keep"; 3]);
    let detail = bell.handle.message(rows[2].id).await.unwrap().unwrap();
    assert_eq!(detail.raw.data, "{\n\"foo\": \"bar\",\n\"baz\": 555\n}");
    assert_eq!(detail.fields.len(), 2);

    let cut_at = system_clock()();
    server.cut();
    let state = bell
        .until_state("clock", "waiting", |state| {
            matches!(state, FeedState::Waiting { .. })
        })
        .await;
    let FeedState::Waiting { next_try, .. } = state else {
        unreachable!()
    };
    assert!(next_try - cut_at >= 6_000, "{}", next_try - cut_at);
    bell.stop().await;
}

#[tokio::test]
async fn an_id_that_sticks_to_later_events_makes_none_of_them_a_duplicate() {
    let server = Server::start(clock(FIRST)).await;
    let desk = Desk::new(&feed("clock", &server.url("/sse"), "clock"));
    let mut bell = desk.start().await;
    bell.until_texts(&[FIRST]).await;
    server.write("id: msg1\ndata: some text\n\n");
    let since = [time(SECOND), time_message(SECOND), time(SECOND)];
    for block in &since {
        server.write(block);
    }
    server.write(&time("end"));
    let mut all = vec![FIRST, "some text", SECOND, SECOND, SECOND, "end"];
    bell.until_texts(&all).await;
    let mut expected = vec![None; 6];
    expected[1] = id("msg1");
    assert_eq!(own_ids(&bell).await, expected);

    // It sends again what came after msg1, each time: known, but for the newest.
    let mut resent: Vec<String> = since.to_vec();
    resent.push(time("end"));
    for new in [THIRD, FOURTH] {
        server.site(|site| {
            site.date = new;
            site.since_msg1.clone_from(&resent);
        });
        bell.reconnect("clock", &server).await;
        let asked = server.last_request();
        assert_eq!(asked.header("last-event-id"), Some("msg1"));
        let tick = if new == THIRD { "tick" } else { "tock" };
        server.write(&time(tick));
        all.extend([new, tick]);
        bell.until_texts(&all).await;
    }
    bell.stop().await;
}
