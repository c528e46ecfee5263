//! How a feed lives: states, resuming, patience, back-pressure.

use std::time::{Duration, SystemTime};

use feed::{GiveUp, Resume, State, StopReason, TlsTrouble, Trouble};
use http::HeaderValue;
use tokio::{io::AsyncWriteExt, net::TcpListener, task::yield_now, time::advance};
use url::Url;

use crate::support::{Server, Subscriber, milliseconds, still};

#[test]
fn live_comes_before_the_first_event_and_the_request_is_eventsources() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        let token = HeaderValue::from_static("Bearer t");
        config.headers.insert("authorization", token);
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        assert_eq!(peer.path(), "/feed");
        assert_eq!(peer.header("accept"), Some("text/event-stream"));
        assert_eq!(peer.header("cache-control"), Some("no-cache"));
        assert_eq!(peer.header("authorization"), Some("Bearer t"));
        assert!(peer.header("user-agent").unwrap().starts_with("feedbell/"));
        peer.send("event: like\nid: 1\ndata: a\n\n").await;
        assert_eq!(subscriber.state().await, State::Connecting);
        assert_eq!(
            subscriber.state().await,
            State::Live {
                connection: 1,
                lost: false
            }
        );
        let event = subscriber.event().await;
        assert_eq!(event.name, "like");
        assert_eq!(*event.origin, server.origin());
        assert_eq!(event.connection, 1);
    });
}

#[test]
fn a_feed_is_live_before_anything_but_the_head_came() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let _peer = server.stream().await;
        assert_eq!(subscriber.live().await, 1);
    });
}

#[test]
fn the_last_event_id_goes_back_as_the_feed_says() {
    still(async {
        let header = Resume::Header;
        let query = Resume::Query("lastEventId".into());
        for (resume, id, expected_path, expected_header) in [
            (header.clone(), "a b", "/feed?x=1", Some("a b")),
            (header, "[{\"a\":1},2]", "/feed?x=1", Some("[{\"a\":1},2]")),
            (query.clone(), "1&2", "/feed?x=1&lastEventId=1%262", None),
            (query, "\x07", "/feed?x=1&lastEventId=%07", None),
            (Resume::Off, "1", "/feed?x=1", None),
        ] {
            let server = Server::start().await;
            let mut config = server.config();
            config.url = server.url("/feed?x=1");
            config.resume = resume;
            let mut subscriber = Subscriber::open(config);
            let mut peer = server.stream().await;
            assert_eq!(peer.path(), "/feed?x=1");
            peer.send(format!("id: {id}\ndata: a\n\n")).await;
            peer.end().await;
            subscriber.live().await;
            assert_eq!(subscriber.event().await.last_event_id, id);
            subscriber.wait().await;
            let peer = server.accept().await;
            assert_eq!(peer.path(), expected_path);
            assert_eq!(peer.header("last-event-id"), expected_header);
        }
    });
}

#[test]
fn an_id_in_utf8_goes_back_as_its_bytes() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.last_event_id = Some("好".into());
        let _subscriber = Subscriber::open(config);
        let peer = server.accept().await;
        let bytes: Vec<u8> = peer
            .header("last-event-id")
            .unwrap()
            .chars()
            .map(|c| u8::try_from(c).unwrap())
            .collect();
        assert_eq!(bytes, "好".as_bytes());
    });
}

#[test]
fn a_parameter_of_the_url_gives_way_to_where_we_are() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.url = server.url("/feed?since=all&x=1");
        config.resume = Resume::Query("since".into());
        let mut subscriber = Subscriber::open(config);
        let peer = server.stream().await;
        assert_eq!(peer.path(), "/feed?since=all&x=1");
        subscriber.live().await;
        subscriber.feed.resume_from("1700000000".into());
        peer.end().await;
        subscriber.wait().await;
        assert_eq!(server.accept().await.path(), "/feed?x=1&since=1700000000");
    });
}

#[test]
fn an_id_of_an_earlier_run_is_sent_and_reported() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.last_event_id = Some("9".into());
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        assert_eq!(peer.header("last-event-id"), Some("9"));
        peer.send("data: a\n\nid\ndata: b\n\n").await;
        peer.end().await;
        subscriber.live().await;
        let event = subscriber.event().await;
        assert_eq!((event.has_own_id, event.last_event_id), (false, "9".into()));
        let event = subscriber.event().await;
        assert_eq!(
            (event.own_id(), event.last_event_id.as_str()),
            (Some(""), "")
        );
        subscriber.wait().await;
        assert_eq!(server.accept().await.header("last-event-id"), None);
    });
}

#[test]
fn later_means_later() {
    still(async {
        for (status, headers, least, most) in [
            (429, "Retry-After: 100\r\n", 100_000, 100_000),
            (503, "Retry-After: 100\r\n", 100_000, 100_000),
            (503, "Retry-After: soon\r\n", 50, 50),
            (
                503,
                "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                50,
                50,
            ),
            (500, "", 50, 50),
            (502, "Content-Type: text/html\r\n", 50, 50),
        ] {
            let server = Server::start().await;
            let mut subscriber = Subscriber::open(server.config());
            let peer = server.accept().await;
            peer.answer(&format!("{status} x"), headers, "").await;
            assert_eq!(subscriber.state().await, State::Connecting);
            let (why, delay) = subscriber.waiting().await;
            assert!(matches!(why, Trouble::Status { status: s, .. } if s == status));
            assert!(
                milliseconds(least) <= delay && delay <= milliseconds(most),
                "{delay:?}"
            );
            advance(delay + milliseconds(1)).await;
            server.stream().await;
            subscriber.live().await;
        }
    });
}

#[test]
fn a_retry_after_date_is_honoured() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let date =
            jiff::Timestamp::try_from(SystemTime::now() + Duration::from_secs(3600)).unwrap();
        let date = jiff::fmt::rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&date)
            .unwrap();
        let peer = server.accept().await;
        peer.answer("503 x", &format!("Retry-After: {date}\r\n"), "")
            .await;
        subscriber.state().await;
        let (_, delay) = subscriber.waiting().await;
        let (least, most) = (Duration::from_secs(3500), Duration::from_secs(3600));
        assert!(least < delay && delay <= most, "{delay:?}");
    });
}

#[test]
fn nothing_for_too_long_is_a_dead_connection_and_a_comment_is_something() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.patience.silence = feed::Silence::For(Duration::from_secs(90));
        let mut subscriber = Subscriber::open(config);
        let mut heard = subscriber.feed.heard();
        let mut peer = server.stream().await;
        peer.send("retry: 10000\nid: 1\ndata: a\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        heard.changed().await.unwrap();
        // Ten times the patience, with a byte of comment now and then.
        for beat in [":", "\n", "\n", ":x\n", "\n"].iter().cycle().take(15) {
            advance(Duration::from_secs(60)).await;
            peer.send(beat).await;
            heard.changed().await.unwrap();
        }
        let since = heard.borrow().unwrap().elapsed().unwrap();
        assert!(since < Duration::from_secs(60));
        assert!(subscriber.updates.is_empty(), "a comment is no update");
        yield_now().await;
        advance(Duration::from_secs(91)).await;
        let (why, delay) = subscriber.waiting().await;
        assert_eq!(
            why,
            Trouble::Silent {
                after: Duration::from_secs(90)
            }
        );
        assert_eq!(
            delay,
            milliseconds(50),
            "our own decision is retried at once"
        );
        peer.closed().await;
        advance(milliseconds(51)).await;
        let peer = server.accept().await;
        assert_eq!(peer.header("last-event-id"), Some("1"));
    });
}

#[test]
fn a_slow_receiver_is_not_a_silent_server() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.patience.silence = feed::Silence::For(Duration::from_secs(90));
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        let many: String = (0..100).map(|n| format!("data: {n}\n\n")).collect();
        peer.send(many).await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "0");
        // The queue is full now, and the task waits for us.
        for _ in 0..10 {
            advance(Duration::from_secs(60)).await;
            yield_now().await;
        }
        for n in 1..100 {
            assert_eq!(subscriber.data().await, n.to_string());
        }
        advance(Duration::from_secs(60)).await;
        peer.send("data: still here\n\n").await;
        assert_eq!(subscriber.data().await, "still here");
    });
}

#[test]
fn a_server_that_does_not_answer_is_given_up_in_time() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.patience.connect = Duration::from_secs(1);
        config.patience.answer = Duration::from_secs(20);
        let mut subscriber = Subscriber::open(config);
        let peer = server.accept().await;
        advance(Duration::from_secs(20)).await;
        assert_eq!(subscriber.state().await, State::Connecting);
        advance(Duration::from_secs(2)).await;
        let (why, _) = subscriber.waiting().await;
        assert!(matches!(why, Trouble::AnswerTimeout { after, .. } if after.as_secs() == 20));
        peer.closed().await;
    });
}

#[test]
fn an_address_where_nobody_listens_is_named() {
    still(async {
        let server = Server::start().await;
        let config = server.config();
        let host = server.origin().replace("http://", "");
        drop(server);
        let mut subscriber = Subscriber::open(config);
        assert_eq!(subscriber.trouble().await, Trouble::Refused { host });
    });
}

#[test]
fn a_name_without_address_is_named() {
    // A label of more than 63 bytes is refused before any name server is asked.
    let host = format!("{}.invalid", "x".repeat(64));
    let url = Url::parse(&format!("http://{host}/")).unwrap();
    still(async {
        let mut subscriber = Subscriber::open(feed::FeedConfig::new(url));
        assert_eq!(subscriber.trouble().await, Trouble::NameNotFound { host });
    });
}

#[test]
fn what_is_wrong_with_tls_is_said() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.url.set_scheme("https").unwrap();
        let mut subscriber = Subscriber::open(config);
        let plain = async {
            let mut socket = server.accept_raw().await;
            socket
                .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .unwrap();
        };
        let (trouble, ()) = tokio::join!(subscriber.trouble(), plain);
        assert!(
            matches!(
                trouble,
                Trouble::Tls {
                    why: TlsTrouble::NotTls,
                    ..
                }
            ),
            "{trouble:?}"
        );

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = Url::parse(&format!("https://{address}/")).unwrap();
        let mut subscriber = Subscriber::open(feed::FeedConfig::new(url));
        let self_signed = async {
            let (socket, _) = listener.accept().await.unwrap();
            let handshake = acceptor().accept(socket).await;
            assert!(handshake.is_err(), "the client must not trust it");
        };
        let (trouble, ()) = tokio::join!(subscriber.trouble(), self_signed);
        let host = address.to_string();
        let why = TlsTrouble::UnknownIssuer;
        assert_eq!(trouble, Trouble::Tls { host, why });
    });
}

fn acceptor() -> tokio_rustls::TlsAcceptor {
    let signed = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = signed.signing_key.serialize_der().try_into().unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config))
}

#[test]
fn a_connection_that_breaks_is_resumed() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        peer.send("id: 1\ndata: a\n\nid: 2\ndata: half").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        peer.socket.set_zero_linger().unwrap();
        drop(peer);
        assert!(matches!(subscriber.wait().await, Trouble::Broken { .. }));
        let mut peer = server.stream().await;
        assert_eq!(
            peer.header("last-event-id"),
            Some("1"),
            "what came half did not come"
        );
        peer.send("id: 2\ndata: b\n\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "b");
    });
}

#[test]
fn an_attempt_never_takes_a_used_connection() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut kept_open = server.stream().await;
        kept_open.raw("0\r\n\r\n").await;
        subscriber.live().await;
        assert_eq!(subscriber.wait().await, Trouble::Ended);
        server.stream().await;
        assert_eq!(subscriber.live().await, 2);
    });
}

#[test]
fn the_awaited_event_is_handed_over_and_ends_the_feed() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config.stop_on = vec!["pause".into()];
        let mut subscriber = Subscriber::open(config);
        let mut peer = server.stream().await;
        peer.send("event: test\ndata: 5\n\nevent: pause\ndata: 6\n\nevent: test\ndata: 7\n\n")
            .await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "5");
        assert_eq!(subscriber.data().await, "6");
        assert_eq!(
            subscriber.stopped().await,
            StopReason::StopOn("pause".into())
        );
        peer.closed().await;
    });
}

#[test]
fn a_feed_that_stays_looks_again_but_not_where_it_was_sent_away() {
    still(async {
        let quarter = Duration::from_secs(15 * 60);
        for (status, expected) in [(404, Some(quarter)), (403, Some(quarter)), (204, None)] {
            let server = Server::start().await;
            let mut config = server.config();
            config.give_up = GiveUp::LookAgain(quarter);
            let mut subscriber = Subscriber::open(config);
            let peer = server.accept().await;
            peer.answer(&format!("{status} x"), "", "").await;
            assert_eq!(subscriber.state().await, State::Connecting);
            let state = subscriber.state().await;
            assert!(
                matches!(state, State::Stopped { look_again, .. } if look_again == expected),
                "{state:?}"
            );
            advance(quarter - Duration::from_secs(1)).await;
            yield_now().await;
            assert!(subscriber.updates.is_empty());
            if expected.is_some() {
                advance(Duration::from_secs(2)).await;
            } else {
                advance(quarter * 100).await;
                yield_now().await;
                assert!(subscriber.updates.is_empty());
                subscriber.feed.reconnect_now();
            }
            server.stream().await;
            subscriber.live().await;
        }
    });
}

#[test]
fn reconnect_now_cuts_a_wait_short_and_replaces_a_live_connection() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        peer.send("retry: 600000\n\nid: 1\ndata: a\n\n").await;
        peer.end().await;
        subscriber.live().await;
        assert_eq!(subscriber.data().await, "a");
        assert!(subscriber.waiting().await.1 >= Duration::from_secs(600));
        subscriber.feed.reconnect_now();

        let old = server.stream().await;
        assert_eq!(subscriber.live().await, 2);
        subscriber.feed.reconnect_now();
        old.closed().await;
        let mut new = server.stream().await;
        assert_eq!(new.header("last-event-id"), Some("1"));
        new.send("data: b\n\n").await;
        assert_eq!(subscriber.live().await, 3);
        assert_eq!(subscriber.event().await.connection, 3);
    });
}

#[test]
fn dropping_a_feed_closes_its_connection() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let peer = server.stream().await;
        subscriber.live().await;
        drop(subscriber);
        peer.closed().await;

        let Subscriber { feed, updates } = Subscriber::open(server.config());
        let peer = server.accept().await;
        drop((feed, updates));
        peer.closed().await;
    });
}

#[test]
fn a_slow_receiver_slows_the_server_and_loses_nothing() {
    still(async {
        const EVENTS: usize = 20_000;
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        subscriber.live().await;
        let filler = "x".repeat(4096);
        let mut sent = 0;
        let mut rest: Vec<u8> = Vec::new();
        // Sends until nothing was taken for a long while.
        let mut refused = 0;
        while refused < 10_000 && sent < EVENTS {
            if rest.is_empty() {
                let event = format!("id: {sent}\ndata: {filler}\n\n");
                rest = format!("{:x}\r\n{event}\r\n", event.len()).into_bytes();
                sent += 1;
            }
            match peer.socket.try_write(&rest) {
                Ok(taken) => {
                    rest.drain(..taken);
                    refused = 0;
                }
                Err(_) => {
                    refused += 1;
                    yield_now().await;
                }
            }
        }
        assert!(
            sent < EVENTS,
            "all {sent} events were taken though none was received"
        );
        let finish = async {
            peer.raw(rest).await;
            peer.end().await;
        };
        let receive = async {
            for n in 0..sent {
                assert_eq!(
                    subscriber.event().await.own_id(),
                    Some(n.to_string().as_str())
                );
            }
            assert_eq!(subscriber.waiting().await.0, Trouble::Ended);
        };
        tokio::join!(finish, receive);
    });
}

#[test]
fn reconnect_now_loses_nothing_that_came_with_a_server_that_cannot_replay() {
    still(async {
        let server = Server::start().await;
        let mut subscriber = Subscriber::open(server.config());
        let mut peer = server.stream().await;
        subscriber.live().await;
        let mut heard = subscriber.feed.heard();
        let many: String = (0..200).map(|n| format!("data: {n}\n\n")).collect();
        peer.send(many).await;
        heard.changed().await.unwrap();
        subscriber.feed.reconnect_now();
        for n in 0..200 {
            assert_eq!(subscriber.data().await, n.to_string());
        }
        server.stream().await;
        assert_eq!(subscriber.live().await, 2);
    });
}
