//! The parsing cases of the standard, as data, through the whole client.

use feed::FeedUpdate;

use crate::support::{Server, Subscriber, still};

/// What it is about, the bytes, the events (name, data, last event id), and the
/// last event id in the end.
type Case = (
    &'static str,
    &'static [u8],
    &'static [(&'static str, &'static str, &'static str)],
    &'static str,
);

const NONE: &[(&str, &str, &str)] = &[];

#[rustfmt::skip]
const CASES: &[Case] = &[
    ("nothing", b"", NONE, ""),
    ("one line of data", b"data: a\n\n", &[("message", "a", "")], ""),
    ("no space after the colon", b"data:a\n\n", &[("message", "a", "")], ""),
    ("only the first space goes", b"data:   a \n\n", &[("message", "  a ", "")], ""),
    ("a tab stays", b"data:\ta\n\n", &[("message", "\ta", "")], ""),
    ("two lines of data", b"data: a\ndata: b\n\n", &[("message", "a\nb", "")], ""),
    ("other fields between lines of data", b"data: a\nx: y\n:z\ndata: b\n\n", &[("message", "a\nb", "")], ""),
    ("empty data", b"data\n\n", &[("message", "", "")], ""),
    ("empty data with colon", b"data:\n\n", &[("message", "", "")], ""),
    ("empty data with colon and space", b"data: \n\n", &[("message", "", "")], ""),
    ("two empty lines of data", b"data\ndata\n\n", &[("message", "\n", "")], ""),
    ("a line of data that ends empty", b"data: a\ndata\n\n", &[("message", "a\n", "")], ""),
    ("colons in data", b"data: a:b: c\n\n", &[("message", "a:b: c", "")], ""),
    ("NUL in data", b"data: a\0b\n\n", &[("message", "a\0b", "")], ""),
    ("not dispatched at the end", b"data: a\n\ndata: b\n", &[("message", "a", "")], ""),
    ("not terminated at the end", b"data: a\n\ndata: b", &[("message", "a", "")], ""),
    ("blank lines alone", b"\n\n\n\r\r\r\n\r\n", NONE, ""),
    ("blank lines as heartbeat", b"\n\ndata: a\n\n\n\n\ndata: b\n\n", &[("message", "a", ""), ("message", "b", "")], ""),
    ("two blank lines after an event", b"id: 1\ndata: a\n\n\ndata: b\n\n\n", &[("message", "a", "1"), ("message", "b", "1")], "1"),

    ("LF", b"data: a\ndata: b\n\n", &[("message", "a\nb", "")], ""),
    ("CR", b"data: a\rdata: b\r\r", &[("message", "a\nb", "")], ""),
    ("CRLF", b"data: a\r\ndata: b\r\n\r\n", &[("message", "a\nb", "")], ""),
    ("all mixed", b"data: a\r\ndata: b\rdata: c\n\r\n", &[("message", "a\nb\nc", "")], ""),
    ("LF CR is two line ends", b"data: a\n\rdata: b\n\n", &[("message", "a", ""), ("message", "b", "")], ""),
    ("CR CR LF is two line ends", b"data: a\r\r\ndata: b\r\n\n", &[("message", "a", ""), ("message", "b", "")], ""),
    ("a form feed is no line end", b"data: a\x0Cb\n\n", &[("message", "a\x0Cb", "")], ""),
    ("U+2028 is no line end", b"data: a\xE2\x80\xA8b\n\n", &[("message", "a\u{2028}b", "")], ""),
    ("U+0085 is no line end", b"data: a\xC2\x85b\n\n", &[("message", "a\u{85}b", "")], ""),

    ("a byte order mark", b"\xEF\xBB\xBFdata: a\n\n", &[("message", "a", "")], ""),
    ("a byte order mark alone on its line", b"\xEF\xBB\xBF\ndata: a\n\n", &[("message", "a", "")], ""),
    ("only one byte order mark goes", b"\xEF\xBB\xBF\xEF\xBB\xBFdata: a\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("a byte order mark later is part of a name", b"data: a\n\n\xEF\xBB\xBFdata: b\n\n", &[("message", "a", "")], ""),
    ("a byte order mark in data stays", b"data: \xEF\xBB\xBFa\n\n", &[("message", "\u{FEFF}a", "")], ""),
    ("half a byte order mark", b"\xEF\xBBdata: a\n\ndata: b\n\n", &[("message", "b", "")], ""),

    ("characters of all lengths", "data: é好🔔\n\n".as_bytes(), &[("message", "é好🔔", "")], ""),
    ("a lone continuation byte", b"data: a\x80b\n\n", &[("message", "a\u{FFFD}b", "")], ""),
    ("a byte that never occurs", b"data: a\xFFb\n\n", &[("message", "a\u{FFFD}b", "")], ""),
    ("a sequence cut by the line end", b"data: a\xE4\xBD\ndata: b\n\n", &[("message", "a\u{FFFD}\nb", "")], ""),
    ("a sequence cut by ASCII", b"data: \xF0\x9F\x94x\n\n", &[("message", "\u{FFFD}x", "")], ""),
    ("an overlong form", b"data: \xC0\xAF\n\n", &[("message", "\u{FFFD}\u{FFFD}", "")], ""),
    ("a surrogate", b"data: \xED\xA0\x80\n\n", &[("message", "\u{FFFD}\u{FFFD}\u{FFFD}", "")], ""),
    ("beyond Unicode", b"data: \xF5\x80\n\n", &[("message", "\u{FFFD}\u{FFFD}", "")], ""),
    ("bad bytes in a comment", b":\xFF\xFE\ndata: a\n\n", &[("message", "a", "")], ""),
    ("bad bytes in an unknown field", b"\xFF: \xFE\ndata: a\n\n", &[("message", "a", "")], ""),
    ("bad bytes in a name", b"event: \xFF\ndata: a\n\n", &[("\u{FFFD}", "a", "")], ""),
    ("bad bytes in an id", b"id: \xFF\ndata: a\n\n", &[("message", "a", "\u{FFFD}")], "\u{FFFD}"),

    ("a comment alone", b": hi\n\n", NONE, ""),
    ("a comment without text", b":\n\n", NONE, ""),
    ("comments between lines", b":1\ndata: a\n:2\n\n:3\n", &[("message", "a", "")], ""),
    ("a comment does not end an event", b"data: a\n:\ndata: b\n\n", &[("message", "a\nb", "")], ""),
    ("a comment that looks like data", b":data: a\n\n", NONE, ""),
    ("a space before the colon makes a name", b" : a\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("a field named comment", b"comment: a\n\ncomment: a\ndata: b\n\n", &[("message", "b", "")], ""),

    ("a name", b"event: like\ndata: a\n\n", &[("like", "a", "")], ""),
    ("a name after the data", b"data: a\nevent: like\n\n", &[("like", "a", "")], ""),
    ("the last name counts", b"event: x\nevent: like\ndata: a\n\n", &[("like", "a", "")], ""),
    ("an empty name is message", b"event: \ndata: a\n\n", &[("message", "a", "")], ""),
    ("a name taken back", b"event: x\nevent\ndata: a\n\n", &[("message", "a", "")], ""),
    ("a name does not last", b"event: x\ndata: a\n\ndata: b\n\n", &[("x", "a", ""), ("message", "b", "")], ""),
    ("a name without data is forgotten", b"event: x\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("a name keeps its spaces", b"event:  a b \ndata: c\n\n", &[(" a b ", "c", "")], ""),
    ("a name in Chinese", "event: 点赞\ndata: a\n\n".as_bytes(), &[("点赞", "a", "")], ""),
    ("an event named message", b"event: message\ndata: a\n\n", &[("message", "a", "")], ""),
    ("an event named error", b"event: error\ndata: a\n\n", &[("error", "a", "")], ""),

    ("an id", b"id: 1\ndata: a\n\n", &[("message", "a", "1")], "1"),
    ("an id after the data", b"data: a\nid: 1\n\n", &[("message", "a", "1")], "1"),
    ("an id lasts", b"id: 1\ndata: a\n\ndata: b\n\n", &[("message", "a", "1"), ("message", "b", "1")], "1"),
    ("an empty id takes it back", b"id: 1\ndata: a\n\nid\ndata: b\n\n", &[("message", "a", "1"), ("message", "b", "")], ""),
    ("the last id counts", b"id: 1\nid: 2\ndata: a\n\n", &[("message", "a", "2")], "2"),
    ("an id with NUL does not count", b"id: 1\nid: 2\x003\ndata: a\n\n", &[("message", "a", "1")], "1"),
    ("an id with NUL alone", b"id: \0\n\ndata: a\n\n", &[("message", "a", "")], ""),
    ("an id without data", b"id: 1\n\ndata: a\n\n", &[("message", "a", "1")], "1"),
    ("an id without data, then another with", b"id: 1\n\nid: 2\ndata: a\n\n", &[("message", "a", "2")], "2"),
    ("an id without data at the end", b"data: a\n\nid: 1\n\n", &[("message", "a", "")], "1"),
    ("an id that is not dispatched", b"id: 1\ndata: a\n\nid: 2\ndata: b\n", &[("message", "a", "1")], "1"),
    ("an id of JSON", b"id: [{\"topic\":\"a, b\",\"offset\":-1}]\ndata: a\n\n", &[("message", "a", "[{\"topic\":\"a, b\",\"offset\":-1}]")], "[{\"topic\":\"a, b\",\"offset\":-1}]"),
    ("an id in Chinese", "id: 好\ndata: a\n\n".as_bytes(), &[("message", "a", "好")], "好"),
    ("an id with a control character", b"id: \x07\ndata: a\n\n", &[("message", "a", "\x07")], "\x07"),
    ("an id keeps its spaces", b"id:  1 \ndata: a\n\n", &[("message", "a", " 1 ")], " 1 "),

    ("a retry alone", b"retry: 100\n\n", NONE, ""),
    ("a retry does not end an event", b"data: a\nretry: 100\ndata: b\n\n", &[("message", "a\nb", "")], ""),
    ("a retry that is no number", b"retry: soon\n\ndata: a\n\n", &[("message", "a", "")], ""),
    ("a retry with a sign", b"retry: +50\n\nretry: -50\n\ndata: a\n\n", &[("message", "a", "")], ""),
    ("a retry beyond numbers", b"retry: 99999999999999999999999\ndata: a\n\n", &[("message", "a", "")], ""),
    ("a retry without value", b"retry\n\nretry:\n\ndata: a\n\n", &[("message", "a", "")], ""),

    ("an unknown field alone", b"x: y\n\ndata: a\n\n", &[("message", "a", "")], ""),
    ("an unknown field without colon", b"hello\n\ndata: a\n\n", &[("message", "a", "")], ""),
    ("names are case-sensitive", b"Data: a\nDATA: b\n\ndata: c\n\n", &[("message", "c", "")], ""),
    ("a space in a name", b"data : a\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("a space before a name", b" data: a\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("data with a suffix", b"datax: a\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("a shorter name", b"dat: a\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("a NUL in a name", b"da\0ta: a\n\ndata: b\n\n", &[("message", "b", "")], ""),
    ("a web page", b"<html>\n<p>Log in: here</p>\n\n", NONE, ""),

    ("the standard's first example", b"data: YHOO\ndata: +2\ndata: 10\n\n", &[("message", "YHOO\n+2\n10", "")], ""),
    ("the standard's second example", b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n", &[("message", "first event", "1"), ("message", "second event", "")], ""),
    ("the standard's third example", b"data\n\ndata\ndata\n\ndata:", &[("message", "", ""), ("message", "\n", "")], ""),
    ("the standard's fourth example", b"data:test\n\ndata: test\n\n", &[("message", "test", ""), ("message", "test", "")], ""),

    ("a board", b"data: [{\"a\":1},{\"b\":2}]\n\n", &[("message", "[{\"a\":1},{\"b\":2}]", "")], ""),
    ("a counter", "data: 第:1\nid: 1\n\nevent: user-msg\nid:1\ndata: x\n\n".as_bytes(), &[("message", "第:1", "1"), ("user-msg", "x", "1")], "1"),
    ("pause", b"event: test\nid: 1700000000000\ndata: 5\nretry: 10000\n\n\nevent: pause\nid: 1700000001000\ndata: 6\nretry: 10000\n\n\n", &[("test", "5", "1700000000000"), ("pause", "6", "1700000001000")], "1700000001000"),
    ("site messages", "retry: 3000\nid: 1700000000000\ndata: 站内信链接成功！\n\nid: 1700000000000\nevent: notify\ndata: {\"msg\":\"a\",\"uid\":1}\n\n".as_bytes(), &[("message", "站内信链接成功！", "1700000000000"), ("notify", "{\"msg\":\"a\",\"uid\":1}", "1700000000000")], "1700000000000"),
    ("a clock", b"retry: 6000\n\nid: msg1\ndata: {\ndata: \"a\": 1\ndata: }\n\nevent: timeMessage\ndata: now\n\n", &[("message", "{\n\"a\": 1\n}", "msg1"), ("timeMessage", "now", "msg1")], "msg1"),
    ("Mastodon", b":)\n\n:thump\nevent: filters_changed\ndata: undefined\n\n", &[("filters_changed", "undefined", "")], ""),
    ("Gitea's ping", b"event: ping\n\nevent: notification-count\ndata: {\"Count\":1}\n\n", &[("notification-count", "{\"Count\":1}", "")], ""),
    ("Stellar's goodbye", b"retry: 1000\nevent: open\ndata: \"hello\"\n\nretry: 10\nevent: close\ndata: \"byebye\"\n\n", &[("open", "\"hello\"", ""), ("close", "\"byebye\"", "")], ""),
];

async fn run(case: &Case, server: &Server, size: usize) {
    let (about, bytes, expected, expected_id) = case;
    let mut subscriber = Subscriber::open(server.config());
    let mut peer = server.stream().await;
    for chunk in bytes.chunks(size) {
        peer.send(chunk).await;
    }
    peer.end().await;
    subscriber.live().await;
    let (mut events, mut last_event_id) = (Vec::new(), String::new());
    loop {
        match subscriber.next().await {
            FeedUpdate::Event(event) => {
                last_event_id.clone_from(&event.last_event_id);
                events.push((event.name, event.data, event.last_event_id));
            }
            FeedUpdate::LastEventId(id) => last_event_id = id,
            FeedUpdate::Skipped { .. } => panic!("no case is over the limits"),
            FeedUpdate::State(_) => break,
        }
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|&(name, data, id)| (name.to_owned(), data.to_owned(), id.to_owned()))
        .collect();
    assert_eq!(events, expected, "{about}, in chunks of {size}");
    assert_eq!(last_event_id, *expected_id, "{about}, in chunks of {size}");
}

#[test]
fn every_case_in_any_chunks() {
    assert!(CASES.len() >= 100, "{}", CASES.len());
    still(async {
        let server = Server::start().await;
        for case in CASES {
            for size in [usize::MAX, 1] {
                run(case, &server, size).await;
            }
        }
    });
}
