//! The measured faults of eventsource-client 0.18.0, each as our users would
//! have met it.

use feed::{FeedUpdate, Resume, State, StopReason, Trouble};
use http::HeaderValue;
use tokio::time::advance;

use crate::support::{Server, Subscriber, milliseconds, still};

#[test]
fn an_event_without_id_after_a_reconnect_keeps_the_stored_id() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        assert_eq!(peer.header("last-event-id"), None);
        peer.send("id: 7\ndata: a\n\n").await;
        peer.end().await;
        subscriber.live().await;
        assert_eq!(subscriber.event().await.own_id(), Some("7"));
        subscriber.wait().await;

        let mut peer = server.stream().await;
        assert_eq!(peer.header("last-event-id"), Some("7"));
        peer.send("data: b\n\n").await;
        peer.end().await;
        assert_eq!(subscriber.live().await, 2);
        let event = subscriber.event().await;
        assert_eq!(event.own_id(), None);
        assert_eq!(event.last_event_id, "7");
        assert_eq!(event.connection, 2);
        subscriber.wait().await;

        let peer = server.accept().await;
        assert_eq!(peer.header("last-event-id"), Some("7"));
    });
}

#[test]
fn bad_utf8_and_useless_blocks_do_not_cost_the_connection() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        subscriber.live().await;
        for useless in [
            &b"x: y\n\n"[..],
            b"event:\n\n",
            b"retry: soon\n\n",
            b"id: \0\n\n",
            b":\xFF\n\n",
            b"\xFF\n\n",
            b"comment: x\n\n",
        ] {
            peer.send(useless).await;
        }
        peer.send(b"data: a\xE4").await;
        peer.send(b"\xBD\xA0b\xF0\x9F").await;
        peer.send(b"c\n\n").await;
        assert_eq!(subscriber.data().await, "a你b\u{FFFD}c");
    });
}

#[test]
fn an_id_that_no_header_can_carry_does_not_close_the_feed() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        peer.send("id: a\x07b\ndata: a\n\n").await;
        peer.end().await;
        subscriber.live().await;
        assert_eq!(subscriber.event().await.last_event_id, "a\x07b");
        subscriber.wait().await;
        let mut peer = server.stream().await;
        assert_eq!(peer.header("last-event-id"), None);
        peer.send("data: b\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "b");
    });
}

#[test]
fn ids_without_data_are_told_and_sent_back() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        peer.send("id: 1\ndata: a\n\nid: 2\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        assert_eq!(subscriber.next().await, FeedUpdate::LastEventId("2".into()));
        peer.send("id: 3\n\n").await;
        peer.end().await;
        assert_eq!(subscriber.next().await, FeedUpdate::LastEventId("3".into()));
        subscriber.wait().await;
        assert_eq!(server.accept().await.header("last-event-id"), Some("3"));
    });
}

#[test]
fn an_id_that_comes_with_the_end_is_told_too() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let headers = "Content-Type: text/event-stream\r\n";
        let peer = server.accept().await;
        peer.answer("200 OK", headers, "data: a\n\nid: 1\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        assert_eq!(subscriber.next().await, FeedUpdate::LastEventId("1".into()));
        assert_eq!(subscriber.waiting().await.0, Trouble::Ended);
    });
}

#[test]
fn retry_counts_wherever_it_stands_and_only_as_digits() {
    still(async {
        for (sent, expected) in [
            ("retry: 7000\n\n", 7000),
            ("retry: 7000\n", 7000),
            ("retry:7000\r\rdata: a\r\r", 7000),
            ("retry: 7000\n\nretry: +50\n\n", 7000),
            ("retry: 7000\nretry: 50 \nretry: 5e1\nretry\n\n", 7000),
            ("retry: 20000\n\nretry: 7000\n\n", 7000),
            ("retry: 1\n\n", 50),
        ] {
            let server = Server::start().await;
            let mut subscriber = Subscriber::open(server.config());
            let mut peer = server.stream().await;
            peer.send("data: a\n\n").await;
            peer.send(sent).await;
            peer.end().await;
            subscriber.live().await;
            let delay = loop {
                if let FeedUpdate::State(State::Waiting { delay, .. }) = subscriber.next().await {
                    break delay;
                }
            };
            let least = milliseconds(expected);
            assert!(
                least <= delay && delay <= least * 5 / 4,
                "{sent:?}: {delay:?}"
            );
        }
    });
}

#[test]
fn waits_never_fall_below_retry_nor_grow_after_clean_ends() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        for _ in 0..20 {
            let mut peer = server.stream().await;
            peer.send("retry: 4000\n\ndata: a\n\n").await;
            peer.end().await;
            subscriber.live().await;
            assert_eq!(subscriber.data().await, "a");
            let (why, delay) = subscriber.waiting().await;
            assert_eq!(why, Trouble::Ended);
            assert!(
                milliseconds(4000) <= delay && delay <= milliseconds(5000),
                "{delay:?}"
            );
            advance(delay + milliseconds(1)).await;
        }
    });
}

#[test]
fn only_an_event_stream_is_read_as_one() {
    still(async {
        for (sent, stream) in [
            ("text/event-stream", true),
            ("TEXT/Event-Stream;charset=\"utf-8\"", true),
            ("text/event-stream;charset=iso-8859-1", true),
            ("text/html, text/event-stream", true),
            ("text/event-stream, nonsense", true),
            ("text/event-stream, text/html", false),
            ("text/event-streams", false),
            ("text/html; charset=utf-8", false),
            ("application/json", false),
            ("", false),
        ] {
            let server = Server::start().await;
            let mut subscriber = Subscriber::open(server.config());
            let peer = server.accept().await;
            let headers = match sent {
                "" => String::new(),
                sent => format!("Content-Type: {sent}\r\n"),
            };
            peer.answer("200 OK", &headers, "data: a\n\n").await;
            if stream {
                subscriber.live().await;
                assert_eq!(subscriber.data().await, "a", "{sent}");
            } else {
                assert_eq!(subscriber.state().await, State::Connecting);
                let expected = StopReason::NotAnEventStream {
                    redirected: None,
                    content_type: sent.to_owned(),
                    html: sent.contains("html"),
                };
                assert_eq!(subscriber.stopped().await, expected);
            }
        }
    });
}

#[test]
fn final_answers_end_the_feed() {
    still(async {
        for (status, expected) in [
            (204, StopReason::NoContent),
            (401, StopReason::Refused { status: 401 }),
            (403, StopReason::Refused { status: 403 }),
            (404, StopReason::Status { status: 404 }),
            (410, StopReason::Status { status: 410 }),
            (400, StopReason::Status { status: 400 }),
            (202, StopReason::Status { status: 202 }),
            (206, StopReason::Status { status: 206 }),
            (300, StopReason::Status { status: 300 }),
            (302, StopReason::Status { status: 302 }), // without Location
        ] {
            let server = Server::start().await;
            let mut subscriber = Subscriber::open(server.config());
            let headers = "Content-Type: text/event-stream\r\n";
            let peer = server.accept().await;
            peer.answer(&format!("{status} x"), headers, "").await;
            assert_eq!(subscriber.state().await, State::Connecting);
            assert_eq!(subscriber.stopped().await, expected);
        }
    });
}

#[test]
fn redirects_are_followed_wherever_they_point() {
    still(async {
        for (status, location, expected) in [
            (301, "/new", "/new"),
            (302, "next?a=b", "/next?a=b"),
            (303, "//HOST/new", "/new"),
            (307, "http://HOST/new", "/new"),
            (308, "?x", "/feed?x"),
        ] {
            let server = Server::start().await;
            let host = server.origin().replace("http://", "");
            let mut config = server.config();
            config.last_event_id = Some("5".into());
            let authorization = HeaderValue::from_static("Bearer t");
            config.headers.insert("authorization", authorization);
            let mut subscriber = Subscriber::open(config);
            let peer = server.accept().await;
            peer.redirect(status, &location.replace("HOST", &host))
                .await;
            let mut peer = server.stream().await;
            assert_eq!(peer.path(), expected);
            assert_eq!(peer.header("last-event-id"), Some("5"));
            assert_eq!(peer.header("authorization"), Some("Bearer t"));
            peer.send("data: a\n\n").await;
            subscriber.live().await;
            assert_eq!(subscriber.data().await, "a");
        }
    });
}

#[test]
fn secrets_do_not_follow_to_another_origin() {
    still(async {
        let (server, other) = (Server::start().await, Server::start().await);
        let mut config = server.config();
        let mut key = HeaderValue::from_static("secret");
        key.set_sensitive(true);
        config.headers.insert("x-key", key);
        config
            .headers
            .insert("x-plain", HeaderValue::from_static("plain"));
        config
            .headers
            .insert("authorization", HeaderValue::from_static("Bearer t"));
        config
            .headers
            .insert("cookie", HeaderValue::from_static("a=b"));
        let mut subscriber = Subscriber::open(config);
        let peer = server.accept().await;
        assert_eq!(peer.header("authorization"), Some("Bearer t"));
        assert_eq!(peer.header("x-key"), Some("secret"));
        peer.redirect(307, other.url("/there").as_str()).await;
        let mut peer = other.stream().await;
        assert_eq!(peer.header("x-plain"), Some("plain"));
        for name in ["authorization", "cookie", "x-key"] {
            assert_eq!(peer.header(name), None);
        }
        peer.send("data: a\n\n").await;
        subscriber.live().await;
        assert_eq!(*subscriber.event().await.origin, other.origin());
    });
}

#[test]
fn redirects_end_somewhere() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.limits.redirects = 3;
        let mut subscriber = Subscriber::open(config);
        for _ in 0..4 {
            server.accept().await.redirect(302, "/feed").await;
        }
        assert_eq!(subscriber.state().await, State::Connecting);
        let limit = 3;
        assert_eq!(
            subscriber.stopped().await,
            StopReason::TooManyRedirects { limit }
        );

        let mut subscriber = Subscriber::open(server.config());
        server
            .accept()
            .await
            .redirect(302, "file:///etc/passwd")
            .await;
        assert_eq!(subscriber.state().await, State::Connecting);
        let location = "file:///etc/passwd".to_owned();
        assert_eq!(
            subscriber.stopped().await,
            StopReason::BadRedirect { location }
        );
    });
}

#[test]
fn an_error_on_the_very_first_connection_is_retried() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        drop(server.accept().await);
        assert!(matches!(subscriber.trouble().await, Trouble::Broken { .. }));
        advance(milliseconds(51)).await;
        let mut peer = server.stream().await;
        peer.send("data: a\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
    });
}

#[test]
fn an_endless_line_costs_bounded_memory_and_says_so() {
    use tokio::io::AsyncWriteExt;
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.limits.line = 1 << 16;
        config.limits.endless_line = 1 << 20;
        config.resume = Resume::Off;
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        peer.send("id: 1\ndata: a\n\n").await;
        // Far more than the limit and all buffers of the system.
        let endless = async {
            peer.raw("40000000\r\ndata: ").await;
            let megabyte = vec![b'x'; 1 << 20];
            let mut written = 0;
            while written < 256 && peer.socket.write_all(&megabyte).await.is_ok() {
                written += 1;
            }
            written
        };
        let listening = async {
            subscriber.live().await;
            assert_eq!(subscriber.data().await, "a");
            subscriber.waiting().await.0
        };
        let (written, why) = tokio::join!(endless, listening);
        assert_eq!(why, Trouble::EndlessLine { limit: 1 << 20 });
        assert!(
            written < 64,
            "the connection was closed after {written} MiB"
        );
    });
}
