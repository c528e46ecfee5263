//! Who gets what.

use serde_json::json;

use crate::{Event, Server, Stream, get, memory, soon};
use hub::{EventName, HubConfig, Publication, Uid};

#[tokio::test]
async fn what_is_published_arrives_as_it_was_sent() {
    let server = Server::memory().await;
    let mut stream = server.open("/events?uid=1").await;
    let first = server
        .publish(json!({"event": "like", "data": {"who": "Ada", "what": [1, 2]}, "retry": 4000}))
        .await;
    let second = server
        .publish(json!({"data": "两行\r\nline two\rline three\n"}))
        .await;
    assert_eq!(
        stream.take(2).await,
        [
            Event::new("like", r#"{"who":"Ada","what":[1,2]}"#, &first),
            Event::new("message", "两行\nline two\nline three\n", &second),
        ]
    );
    assert_eq!(stream.retry(), Some(4000));
    assert_eq!(server.hub.position().to_string(), second);
    server.stop().await;
}

#[tokio::test]
async fn every_connection_of_a_user_is_reached_and_nobody_elses() {
    let server = Server::memory().await;
    let mut tabs = [
        server.open("/events?uid=1").await,
        server.open("/push?uid=1").await,
        server.open("/events?uid=2&uid=1").await,
    ];
    let mut others = [
        server.open("/events?uid=2").await,
        server.open("/events?uid=11").await,
        server.open("/events?topic=1").await,
        server.open("/events?control=0").await,
        server.open("/events").await,
        server.open("/push").await,
        server.open("/sse").await,
        server.open("/test").await,
    ];
    server.publish(json!({"uid": 1, "data": "for one"})).await;
    server.publish(json!({"data": "for everyone"})).await;
    let shown = ["站内信链接成功！", "[]"];
    for tab in &mut tabs {
        let mut data = tab.data(2).await;
        if shown.contains(&data[0].as_str()) {
            data = vec![data.remove(1), tab.data(1).await.remove(0)];
        }
        assert_eq!(data, ["for one", "for everyone"]);
    }
    for other in &mut others {
        let mut data = other.data(1).await.remove(0);
        if shown.contains(&data.as_str()) {
            data = other.data(1).await.remove(0);
        }
        assert_eq!(data, "for everyone");
    }
    server.stop().await;
}

#[tokio::test]
async fn users_and_topics_of_one_publication_get_it_once() {
    let server = Server::memory().await;
    let mut both = server.open("/events?uid=1&topic=door,lamp").await;
    let mut topic = server.open("/events?topic=lamp").await;
    let mut neither = server.open("/events?uid=9&topic=roof").await;
    server
        .publish(json!({"uids": ["1", 2], "topics": ["door", "lamp"], "data": "a"}))
        .await;
    server.publish(json!({"data": "end"})).await;
    assert_eq!(both.data(2).await, ["a", "end"]);
    assert_eq!(topic.data(2).await, ["a", "end"]);
    assert_eq!(neither.data(1).await, ["end"]);

    // From the log it is the same as live.
    let since_all = |path: &str| format!("{path}&since=all&poll=1");
    for (path, expected) in [
        ("/events?uid=1&topic=door,lamp", vec!["a", "end"]),
        ("/events?uid=2", vec!["a", "end"]),
        ("/events?topic=roof", vec!["end"]),
    ] {
        let mut replay = server.open(&since_all(path)).await;
        let data: Vec<_> = replay
            .rest()
            .await
            .into_iter()
            .map(|event| event.data)
            .collect();
        assert_eq!(data, expected, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_apps_own_publications_take_the_same_way() {
    let server = Server::memory().await;
    let mut stream = server.open("/events?uid=7").await;
    let publication = Publication::to_user(Uid::parse("7").unwrap(), "from the app")
        .event(EventName::parse("like").unwrap());
    let position = server.hub.publish(publication).await.unwrap();
    assert_eq!(
        stream.take(1).await,
        [Event::new("like", "from the app", &position.to_string())]
    );
    server.stop().await;
}

#[tokio::test]
async fn connections_that_end_leave_nothing_behind() {
    let server = Server::memory().await;
    for round in 0..3 {
        let mut streams = Vec::new();
        for i in 0..20 {
            let paths = ["/events?uid=1", "/events", "/push?uid=1", "/sse", "/test"];
            streams.push(server.open(paths[i % paths.len()]).await);
        }
        server.subscribers(20).await;
        drop(streams);
        server.subscribers(0).await;
        // One event, however often its subscriber has been here before.
        let mut again = server.open("/push?uid=1").await;
        server.publish(json!({"uid": 1, "data": round})).await;
        server.publish(json!({"uid": 1, "data": "end"})).await;
        assert_eq!(
            again.data(3).await[1..],
            [round.to_string(), "end".to_owned()]
        );
        drop(again);
        server.subscribers(0).await;
    }
    assert_eq!(server.hub.watch().borrow().events, 6);
    server.stop().await;
}

#[tokio::test]
async fn a_full_hub_says_so_and_takes_the_next_when_a_place_is_free() {
    let server = Server::start(HubConfig {
        max_streams: 2,
        ..memory()
    })
    .await;
    let one = server.open("/events?uid=1").await;
    let _two = server.open("/push?uid=1").await;
    let refused = get(server.address, "/sse").await;
    assert_eq!(refused.status, 503);
    assert!(refused.error().contains("all 2 places"), "{}", refused.body);
    server.publish(json!({"data": "publishing goes on"})).await;
    drop(one);
    server.subscribers(1).await;
    server.open("/events?uid=1").await;
    server.stop().await;
}

#[tokio::test]
async fn a_quiet_stream_gives_signs_of_life() {
    let heartbeat = std::time::Duration::from_millis(20);
    let server = Server::start(HubConfig {
        heartbeat,
        ..memory()
    })
    .await;
    let mut plain = server.open("/events?uid=1").await;
    plain.until_raw("\n\n: \n\n: \n\n").await;

    // What goes to others is seen as progress, not as an event.
    let id = server.publish(json!({"uid": 2, "data": "for two"})).await;
    plain.until_raw(&format!(": \n\nid: {id}\n\n: \n\n")).await;
    assert_eq!(plain.last_event_id(), id);

    let mut control = server.open("/events?uid=1&control=1").await;
    let events = control.take(2).await;
    assert_eq!(events[0].name, "hello");
    assert_eq!(
        events[0].data,
        json!({"position": id, "heartbeat": 0.02}).to_string()
    );
    assert_eq!(events[1].name, "ping");
    assert_eq!(events[1].data, json!({"position": id}).to_string());
    assert!(!plain.raw_text().contains("ping") && !plain.raw_text().contains("hello"));
    server.stop().await;
}

/// A reader that takes nothing keeps nobody waiting. It is cut, comes back with
/// the last id it got, and has lost nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_delays_nobody_and_loses_nothing() {
    let write_timeout = std::time::Duration::from_millis(200);
    let server = Server::start(HubConfig {
        write_timeout,
        ..memory()
    })
    .await;
    let mut stalled = server.open("/events?uid=1").await;
    let mut lively = server.open("/events?uid=1").await;

    // Far more than all buffers between the two and the window hold.
    let text = "x".repeat(100_000);
    for i in 0..400 {
        server.publish(json!({"data": format!("{i} {text}")})).await;
        let got = lively.data(1).await.remove(0);
        assert!(got.starts_with(&format!("{i} ")));
    }
    // It is cut, not waited for.
    server.subscribers(1).await;

    let mut numbers = Vec::new();
    while numbers.len() < 400 {
        match stalled.next().await {
            Some(event) => {
                let number = event.data.split(' ').next().unwrap();
                numbers.push(number.parse::<usize>().unwrap());
            }
            None => {
                let id = stalled.last_event_id().to_owned();
                stalled = server.resume("/events?uid=1", &id).await;
            }
        }
    }
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
    soon("the hub", server.stop()).await;
}

#[tokio::test]
async fn a_head_request_takes_no_place() {
    let server = Server::memory().await;
    let head = crate::request(server.address, "HEAD", "/events?uid=1", &[], b"").await;
    assert_eq!(head.status, 200);
    server.subscribers(0).await;
    let stream = Stream::try_open(server.address, "/hub/nothing", &[]).await;
    assert_eq!(stream.status, 404);
    server.stop().await;
}

/// Streams that are ended for their age say so, and lose nothing by it.
#[tokio::test]
async fn a_stream_that_grows_old_is_resumed_whole() {
    let server = Server::start(HubConfig {
        max_age: Some(std::time::Duration::from_millis(150)),
        ..memory()
    })
    .await;
    let mut stream = server.open("/events?uid=1&control=1").await;
    let (mut numbers, mut rotations, mut published) = (Vec::new(), 0, 0);
    while rotations < 6 {
        server.publish(json!({"uid": 1, "data": published})).await;
        published += 1;
        while numbers.len() < published {
            match stream.next().await {
                Some(event) if event.name == "message" => {
                    numbers.push(event.data.parse::<usize>().unwrap());
                }
                Some(event) if event.name == "bye" => {
                    assert_eq!(event.data, json!({"reason": "rotation"}).to_string());
                    assert_eq!(stream.next().await, None);
                    rotations += 1;
                    // It misses some while it is away.
                    server.publish(json!({"uid": 1, "data": published})).await;
                    published += 1;
                    let id = stream.last_event_id().to_owned();
                    stream = server.resume("/events?uid=1&control=1", &id).await;
                }
                Some(event) => assert_eq!(event.name, "hello"),
                None => panic!("an end without a word"),
            }
        }
    }
    assert_eq!(numbers, (0..published).collect::<Vec<_>>());
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn one_address_and_one_uid_have_so_many_places() {
    let server = Server::start(HubConfig {
        max_streams_per_ip: 4,
        max_streams_per_uid: 2,
        ..memory()
    })
    .await;
    let refused = async |path: &str| {
        let refused = get(server.address, path).await;
        assert_eq!(refused.status, 429, "{path}");
        refused.error()
    };
    // A uid that is named twice takes one place.
    let first = server.open("/events?uid=1&uid=1&uid=2").await;
    let second = server.open("/push?uid=1").await;
    assert!(
        refused("/events?uid=3&uid=1")
            .await
            .contains("one uid may have 2")
    );
    let third = server.open("/events?uid=2").await;
    assert!(refused("/push?uid=2").await.contains("one uid"));
    let _fourth = server.open("/sse").await;
    assert!(refused("/sse").await.contains("one address may have 4"));
    server.subscribers(4).await;

    drop((first, third));
    server.subscribers(2).await;
    let _both = server.open("/events?uid=1&uid=2").await;
    assert!(refused("/events?uid=1").await.contains("one uid"));
    drop(second);
    server.subscribers(2).await;
    let _again = server.open("/events?uid=1").await;
    server.stop().await;
}
