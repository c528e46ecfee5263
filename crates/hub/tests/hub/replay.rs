//! Cursors: replay, gaps, and the seam between replay and live.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Event, Server, Stream, get, memory, soon};
use hub::{History, HubConfig, Publication, Store};

#[tokio::test]
async fn each_stream_replays_what_it_missed() {
    for (path, expected) in [
        ("/events", vec!["2", "live"]),
        ("/events?uid=1", vec!["2", "3", "live"]),
        ("/events?uid=2", vec!["2", "live"]),
        ("/push?uid=1", vec!["站内信链接成功！", "2", "3", "live"]),
        ("/push?uid=2", vec!["站内信链接成功！", "2", "live"]),
        ("/sse", vec!["2", "live"]),
        ("/test", vec!["2", "live"]),
    ] {
        let server = Server::memory().await;
        let first = server.publish(json!({"data": "1"})).await;
        server.publish(json!({"data": "2"})).await;
        server.publish(json!({"uid": 1, "data": "3"})).await;
        let mut stream = server.resume(path, &first).await;
        server.publish(json!({"data": "live"})).await;
        assert_eq!(stream.data(expected.len()).await, expected, "{path}");
        for cursor in ["lastEventId", "since"] {
            let mark = if path.contains('?') { '&' } else { '?' };
            let mut stream = server.open(&format!("{path}{mark}{cursor}={first}")).await;
            assert_eq!(
                stream.data(expected.len()).await,
                expected,
                "{path} {cursor}"
            );
        }
        server.stop().await;
    }
}

/// A page that loses its connection before its first event still gets it.
#[tokio::test]
async fn the_cursor_stands_before_the_first_event() {
    let server = Server::memory().await;
    for path in ["/events?uid=1", "/events", "/push?uid=1", "/sse", "/test"] {
        let stream = server.open(path).await;
        let id = stream.last_event_id().to_owned();
        assert_eq!(id, server.hub.position().to_string(), "{path}");
        drop(stream);
        server.publish(json!({"data": "missed"})).await;
        let mut back = server.resume(path, &id).await;
        let greeting = usize::from(path.starts_with("/push"));
        assert_eq!(back.data(1 + greeting).await[greeting], "missed", "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_poll_gives_what_there_is_and_its_place() {
    let server = Server::memory().await;
    server.publish(json!({"data": "1"})).await;
    server.publish(json!({"uid": 2, "data": "2"})).await;
    let mut first = server.open("/events?uid=1&poll=1").await;
    assert_eq!(first.rest().await.len(), 1);
    // The place is behind what was for others.
    let place = first.last_event_id().to_owned();
    assert_eq!(place, server.hub.position().to_string());
    server.publish(json!({"data": "3"})).await;
    let mut second = server.resume("/events?uid=1&poll=1", &place).await;
    assert_eq!(
        second
            .rest()
            .await
            .into_iter()
            .map(|e| e.data)
            .collect::<Vec<_>>(),
        ["3"]
    );
    assert_eq!(
        get(server.address, "/events?since=yesterday").await.status,
        400
    );
    server.stop().await;
}

#[tokio::test]
async fn a_cursor_that_cannot_be_honoured_is_said() {
    let history = History {
        events: 2,
        ..memory().history
    };
    let server = Server::start(HubConfig {
        history,
        ..memory()
    })
    .await;
    let epoch = server.hub.epoch();
    let mut ids = vec![format!("{epoch}.0")];
    for i in 1..=5 {
        ids.push(server.publish(json!({"data": i})).await);
    }
    let gap =
        |from: &str, to: &str| Event::new("gap", &json!({"from": from, "to": to}).to_string(), to);
    let event = |i: usize| Event::new("message", &i.to_string(), &ids[i]);
    let long = "9".repeat(1000);
    for (cursor, expected) in [
        // In the history.
        (ids[5].as_str(), vec![]),
        (&ids[4], vec![event(5)]),
        (&ids[3], vec![event(4), event(5)]),
        // Older than the history.
        (&ids[2], vec![gap(&ids[2], &ids[3]), event(4), event(5)]),
        (&ids[0], vec![gap(&ids[0], &ids[3]), event(4), event(5)]),
        // Of another log, or none.
        (
            "0123456789.4",
            vec![gap("0123456789.4", &ids[3]), event(4), event(5)],
        ),
        (
            "1764000000000",
            vec![gap("1764000000000", &ids[3]), event(4), event(5)],
        ),
        ("msg1", vec![gap("msg1", &ids[3]), event(4), event(5)]),
        ("\"\\", vec![gap("\"\\", &ids[3]), event(4), event(5)]),
        (&long, vec![gap(&long[..256], &ids[3]), event(4), event(5)]),
        // Ahead of the log.
        (
            &format!("{epoch}.6"),
            vec![gap(&format!("{epoch}.6"), &ids[5])],
        ),
    ] {
        let events = server.resume("/events?poll=1", cursor).await.rest().await;
        assert_eq!(events, expected, "{cursor}");
        for path in ["/events", "/push?uid=1", "/sse", "/test"] {
            let mut stream = server.resume(path, cursor).await;
            let said = expected.first().filter(|event| event.name == "gap");
            match said {
                Some(gap) => assert_eq!(stream.next().await.as_ref(), Some(gap), "{path}"),
                None => assert!(!stream.raw_text().contains("gap"), "{path}"),
            }
        }
    }
    server.stop().await;
}

const OLD: usize = 700;
const PUBLISHERS: usize = 4;
const EACH: usize = 250;

/// Many subscribers that lose their connection again and again, while several
/// publishers publish: everyone gets everything that is theirs, once, in the
/// order of the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_once_in_order_whatever_the_connections_do() {
    let folder = tempfile::tempdir().unwrap();
    let config = || HubConfig::new(Store::Path(folder.path().join("hub.db")));
    // A history that only the disk has: each subscriber passes from there to
    // memory, and from replay to live, while publishing goes on.
    let before = Server::start(config()).await;
    let mut old = JoinSet::new();
    for i in 0..OLD {
        let hub = before.hub.clone();
        old.spawn(async move {
            hub.publish(Publication::to_everyone(format!("old:{i}")))
                .await
                .unwrap();
        });
    }
    old.join_all().await;
    before.stop().await;
    let server = Arc::new(Server::start(config()).await);
    let publishing = Arc::new(AtomicBool::new(true));
    let mut subscribers = JoinSet::new();
    for seed in 0..24u64 {
        let (server, publishing) = (server.clone(), publishing.clone());
        subscribers.spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let uid = seed % 3;
            let path = format!("/events?uid={uid}&since=all");
            let mut stream = server.open(&path).await;
            let mut got: Vec<Event> = Vec::new();
            loop {
                for _ in 0..random.usize(1..200) {
                    got.push(stream.next().await.expect("the hub ended the stream"));
                    if got.last().is_some_and(|event| event.data == "end") {
                        return (uid, got);
                    }
                }
                // Always while there is publishing, then now and then.
                if publishing.load(Ordering::Relaxed) || random.bool() {
                    let id = stream.last_event_id().to_owned();
                    got.extend(stream.arrived());
                    if got.last().is_some_and(|event| event.data == "end") {
                        return (uid, got);
                    }
                    drop(stream);
                    stream = Stream::open(server.address, &path, &[("Last-Event-ID", &id)]).await;
                }
            }
        });
    }
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let server = server.clone();
        publishers.spawn(async move {
            for i in 0..EACH {
                let data = format!("{publisher}:{i}");
                match i % 4 {
                    3 => server.publish(json!({"data": data})).await,
                    uid => server.publish(json!({"uid": uid, "data": data})).await,
                };
            }
        });
    }
    publishers.join_all().await;
    publishing.store(false, Ordering::Relaxed);
    server.publish(json!({"data": "end"})).await;

    let mut orders: Vec<Vec<Event>> = Vec::new();
    for (uid, got) in subscribers.join_all().await {
        let seqs: Vec<u64> = got
            .iter()
            .map(|event| event.id.split_once('.').unwrap().1.parse().unwrap())
            .collect();
        let wrong = seqs.windows(2).find(|pair| pair[0] >= pair[1]);
        assert_eq!(wrong, None, "in order and once");
        let mut data: Vec<_> = got.iter().map(|event| event.data.clone()).collect();
        data.sort();
        let mut expected: Vec<_> = (0..PUBLISHERS)
            .flat_map(|publisher| (0..EACH).map(move |i| (publisher, i)))
            .filter(|(_, i)| i % 4 == 3 || (i % 4) as u64 == uid)
            .map(|(publisher, i)| format!("{publisher}:{i}"))
            .chain((0..OLD).map(|i| format!("old:{i}")))
            .chain(["end".to_owned()])
            .collect();
        expected.sort();
        assert_eq!(data, expected, "uid {uid}");
        orders.push(got);
    }
    // What goes to everyone, everyone saw in one order.
    let to_all = |order: &Vec<Event>| {
        order
            .iter()
            .filter(|event| {
                let number = event
                    .data
                    .split_once(':')
                    .and_then(|(_, i)| i.parse::<usize>().ok());
                number.is_some_and(|i| i % 4 == 3)
            })
            .cloned()
            .collect::<Vec<_>>()
    };
    assert!(
        orders
            .iter()
            .all(|order| to_all(order) == to_all(&orders[0]))
    );
    server.subscribers(0).await;
    Arc::into_inner(server).unwrap().stop().await;
}

/// The oldest events are over, and the window is too small for all of them: who
/// asks for them goes on with what there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_was_away_while_much_expired_goes_on() {
    let now = Arc::new(AtomicI64::new(0));
    let clock = now.clone();
    let server = Server::start(HubConfig {
        clock: Arc::new(move || {
            Timestamp::from_millisecond(clock.load(Ordering::Relaxed)).unwrap()
        }),
        ..memory()
    })
    .await;
    let mut stats = server.hub.watch();
    let brief = || Publication {
        ttl: Some(Duration::from_millis(1)),
        ..Publication::to_everyone("x")
    };
    let first = server.hub.publish(brief()).await.unwrap().to_string();
    // More than the window holds for those who are a little behind.
    for _ in 0..20 {
        let all = (0..1000).map(|_| brief()).collect();
        server.hub.publish_all(all).await.unwrap();
    }
    // The clean-up, as it is done once a minute: a second listener's first tick.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    now.store(1000, Ordering::Relaxed);
    let other = tokio::spawn(hub::serve(
        server.hub.clone(),
        listener,
        std::future::pending(),
    ));
    soon("the clean-up", stats.wait_for(|it| it.events == 0))
        .await
        .unwrap();
    other.abort();
    let mut stream = server.resume("/events?uid=1", &first).await;
    let server = &server;
    server.publish(json!({"data": "now"})).await;
    assert_eq!(stream.next().await.unwrap().data, "now");
}
