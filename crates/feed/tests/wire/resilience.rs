//! What no network and no server may do to a feed.

use std::{io::Write as _, time::Duration};

use feed::{FeedUpdate, GiveUp, Resume, Silence, State, StopReason, Trouble};
use tokio::{io::AsyncWriteExt as _, time::advance};

use crate::support::{Server, Subscriber, milliseconds, still};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_watchdog_learns_the_servers_beat() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut heard = subscriber.feed.heard();
        let mut peer = server.stream().await;
        peer.send("id: 1\ndata: a\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        heard.changed().await.unwrap();
        for beat in [20, 19, 20] {
            subscriber.settle().await;
            advance(seconds(beat)).await;
            peer.send(":\n").await;
            heard.changed().await.unwrap();
        }
        subscriber.settle().await;
        advance(seconds(59)).await;
        subscriber.settle().await;
        assert!(subscriber.updates.is_empty(), "three beats are not over");
        advance(seconds(3)).await;
        let (why, delay) = subscriber.waiting().await;
        let Trouble::Silent { after } = why else {
            panic!("{why:?}");
        };
        assert!((60..=62).contains(&after.as_secs()), "{after:?}");
        assert_eq!(delay, milliseconds(50));
    });
}

#[test]
fn a_server_without_keep_alive_is_reconnected_less_and_less_often() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.resume = Resume::Off;
        let mut subscriber = Subscriber::open(config);
        let mut waits = Vec::new();
        for _ in 0..5 {
            let peer = server.stream().await;
            subscriber.live().await;
            subscriber.settle().await;
            let silent = loop {
                advance(seconds(30)).await;
                subscriber.settle().await;
                if !subscriber.updates.is_empty() {
                    break subscriber.wait().await;
                }
            };
            let Trouble::Silent { after } = silent else {
                panic!("{silent:?}");
            };
            waits.push(after.as_secs());
            peer.closed().await;
        }
        assert_eq!(waits, [90, 180, 360, 720, 900]);
    });
}

#[test]
fn a_wake_reconnects_at_once_whatever_is_going_on() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        // In the middle of a connection that may be dead:
        let mut peer = server.stream().await;
        peer.send("retry: 3600000\nid: 1\ndata: a\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        subscriber.feed.woken();
        peer.closed().await;
        let peer = server.accept().await;
        assert_eq!(peer.header("last-event-id"), Some("1"));
        assert_eq!(subscriber.state().await, State::Connecting);
        // In the middle of a wait:
        peer.answer("503 x", "Retry-After: 3600\r\n", "").await;
        let (_, delay) = subscriber.waiting().await;
        assert!(delay >= seconds(3600), "{delay:?}");
        subscriber.feed.woken();
        let mut peer = server.stream().await;
        subscriber.live().await;
        peer.send("data: b\n\n").await;
        assert_eq!(subscriber.data().await, "b");
    });
}

#[test]
fn the_first_attempts_after_a_wake_come_quickly() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        for _ in 0..6 {
            server.accept().await.answer("500 x", "", "").await;
            assert_eq!(subscriber.state().await, State::Connecting);
            subscriber.wait().await;
        }
        server.accept().await.answer("500 x", "", "").await;
        assert_eq!(subscriber.state().await, State::Connecting);
        assert!(subscriber.waiting().await.1 > seconds(10));
        subscriber.feed.woken();
        server.accept().await.answer("500 x", "", "").await;
        assert_eq!(subscriber.state().await, State::Connecting);
        assert_eq!(subscriber.waiting().await.1, milliseconds(50));
    });
}

#[test]
fn a_wake_looks_again_after_a_final_answer_but_not_where_nobody_wants_us() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.give_up = GiveUp::LookAgain(seconds(900));
        let mut subscriber = Subscriber::open(config);
        server.accept().await.answer("404 x", "", "").await;
        assert_eq!(subscriber.state().await, State::Connecting);
        assert!(matches!(subscriber.state().await, State::Stopped { .. }));
        subscriber.feed.woken();
        server.accept().await.answer("204 x", "", "").await;
        assert_eq!(subscriber.state().await, State::Connecting);
        let stopped = State::Stopped {
            why: StopReason::NoContent,
            look_again: None,
        };
        assert_eq!(subscriber.state().await, stopped);
        subscriber.feed.woken();
        subscriber.settle().await;
        advance(seconds(100_000)).await;
        subscriber.settle().await;
        assert!(subscriber.updates.is_empty());
        // A person's word counts more.
        subscriber.feed.reconnect_now();
        server.stream().await;
        subscriber.live().await;
    });
}

#[test]
fn asking_for_another_connection_works_on_a_stream_that_never_pauses() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        let flood = async {
            let mut n = 0u64;
            loop {
                let events: String = (n..n + 100)
                    .map(|n| format!("id: {n}\ndata: {n}\n\n"))
                    .collect();
                let chunk = format!("{:x}\r\n{events}\r\n", events.len());
                if peer.socket.write_all(chunk.as_bytes()).await.is_err() {
                    break;
                }
                n += 100;
            }
        };
        let listening = async {
            subscriber.live().await;
            for n in 0..500 {
                assert_eq!(subscriber.data().await, n.to_string());
            }
            subscriber.feed.reconnect_now();
            let mut next = 500u64;
            loop {
                match subscriber.next().await {
                    FeedUpdate::Event(event) => {
                        assert_eq!(event.data, next.to_string());
                        next += 1;
                    }
                    FeedUpdate::State(State::Connecting) => break next,
                    other => panic!("{other:?}"),
                }
            }
        };
        let (_, next) = tokio::join!(flood, listening);
        let again = server.accept().await;
        let last = (next - 1).to_string();
        assert_eq!(again.header("last-event-id"), Some(last.as_str()));
    });
}

#[test]
fn an_event_over_the_limits_is_told_and_passed() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.limits.event = 1000;
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        let long = "data: 0123456789\n".repeat(100);
        peer.send(format!("id: 1\n\nid: 2\n{long}\nid: 3\ndata: c\n\n"))
            .await;
        subscriber.live().await;
        let skipped = subscriber.next().await;
        assert_eq!(
            skipped,
            FeedUpdate::Skipped {
                what: feed::Excess::Event,
                limit: 1000,
                last_event_id: "2".to_owned(),
            }
        );
        assert_eq!(subscriber.data().await, "c");
        // And when nothing follows it on this connection:
        peer.send(format!("id: 4\n{long}\n")).await;
        let FeedUpdate::Skipped { last_event_id, .. } = subscriber.next().await else {
            panic!("it is told without a next event");
        };
        assert_eq!(last_event_id, "4");
        peer.end().await;
        assert_eq!(subscriber.wait().await, Trouble::Ended);
        let peer = server.accept().await;
        assert_eq!(
            peer.header("last-event-id"),
            Some("4"),
            "it does not come again"
        );
    });
}

#[test]
fn a_compressed_flood_costs_bounded_memory() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.limits.line = 1 << 20;
        config.limits.endless_line = 8 << 20;
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.accept().await;
        peer.raw(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n",
        )
        .await;
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bomb.write_all(b"data: a\n\ndata: ").unwrap();
        for _ in 0..256 {
            bomb.write_all(&vec![b'x'; 1 << 20]).unwrap();
        }
        let bomb = bomb.finish().unwrap();
        assert!(bomb.len() < 1 << 20);
        let sending = async {
            // It is refused before all of it was read.
            let _ = peer.socket.write_all(&bomb).await;
        };
        let listening = async {
            subscriber.live().await;
            assert_eq!(subscriber.data().await, "a");
            subscriber.waiting().await.0
        };
        let ((), why) = tokio::join!(sending, listening);
        assert_eq!(why, Trouble::EndlessLine { limit: 8 << 20 });
    });
}

#[test]
fn a_feed_can_be_polled() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.poll = Some(seconds(60));
        config.resume = Resume::Query("since".to_owned());
        let mut subscriber = Subscriber::open(config);
        let peer = server.accept().await;
        let accepts = peer.header("accept").unwrap().to_owned();
        assert!(accepts.contains("json"), "{accepts}");
        peer.answer(
            "200 OK",
            "Content-Type: application/json\r\n",
            r#"[{"n":1},{"n":2}]"#,
        )
        .await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, r#"{"n":1}"#);
        assert_eq!(subscriber.data().await, r#"{"n":2}"#);
        subscriber.feed.resume_from("2".to_owned());
        let (why, delay) = subscriber.waiting().await;
        assert_eq!((why, delay), (Trouble::Ended, seconds(60)));
        advance(seconds(61)).await;
        // Lines, and an event stream that ends, serve as well.
        let peer = server.accept().await;
        assert_eq!(peer.path(), "/feed?since=2");
        peer.answer(
            "200 OK",
            "Content-Type: application/x-ndjson\r\n",
            "{\"n\":3}\n{\"n\":4}\n",
        )
        .await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, r#"{"n":3}"#);
        assert_eq!(subscriber.data().await, r#"{"n":4}"#);
        assert_eq!(subscriber.wait().await, Trouble::Ended);
        server
            .accept()
            .await
            .answer(
                "200 OK",
                "Content-Type: text/event-stream\r\n",
                "id: 5\ndata: five\n\n",
            )
            .await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "five");
        assert_eq!(subscriber.wait().await, Trouble::Ended);
        server
            .accept()
            .await
            .answer("200 OK", "Content-Type: application/json\r\n", "{\"half\":")
            .await;
        subscriber.live().await;
        assert!(matches!(subscriber.wait().await, Trouble::Broken { .. }));
    });
}

#[test]
fn json_is_no_stream_unless_the_feed_is_polled_and_never_endless() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        server
            .accept()
            .await
            .answer("200 OK", "Content-Type: application/json\r\n", "[]")
            .await;
        assert_eq!(subscriber.state().await, State::Connecting);
        assert!(matches!(
            subscriber.stopped().await,
            StopReason::NotAnEventStream { .. }
        ));

        let mut config = server.config();
        config.poll = Some(seconds(60));
        config.limits.answer = 1000;
        let mut subscriber = Subscriber::open(config);
        let body = format!("[\"{}\"]", "x".repeat(2000));
        server
            .accept()
            .await
            .answer("200 OK", "Content-Type: application/json\r\n", &body)
            .await;
        subscriber.live().await;
        assert_eq!(subscriber.wait().await, Trouble::LongAnswer { limit: 1000 });
    });
}

#[test]
fn a_server_that_goes_on_from_elsewhere_says_that_events_are_lost() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.last_event_id = Some("urn:uuid:1".to_owned());
        config.patience.silence = Silence::For(seconds(90));
        let mut subscriber = Subscriber::open(config);
        for (answered, expected) in [("earliest", true), ("urn:uuid:1", false)] {
            let mut peer = server.accept().await;
            peer.raw(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nLast-Event-ID: {answered}\r\n\r\n"
            ))
            .await;
            assert_eq!(subscriber.state().await, State::Connecting);
            let State::Live { lost, .. } = subscriber.state().await else {
                panic!("not live");
            };
            assert_eq!(lost, expected, "{answered}");
            drop(peer);
            subscriber.wait().await;
        }
    });
}
