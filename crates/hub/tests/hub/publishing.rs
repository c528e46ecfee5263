//! The publishers' side.

use std::time::Duration;

use serde_json::json;

use crate::{Event, Server, get, memory, post, request};
use hub::{HubConfig, MAX_DATA};
use jiff::Timestamp;

#[tokio::test]
async fn the_same_key_is_the_same_event() {
    let server = Server::memory().await;
    let mut stream = server.open("/events?uid=1").await;
    let key = |data: &str| json!({"id": "build-7", "data": data});
    let first = server.publish(key("a")).await;
    assert_eq!(server.publish(key("a")).await, first);
    assert_eq!(server.publish(key("b")).await, first);
    let texts = request(server.address, "POST", "/publish?id=build-7", &[], b"c").await;
    assert_eq!(texts.json(), json!({"id": first}));
    let (one, two, three) = tokio::join!(
        server.publish(json!({"id": "k", "data": "d"})),
        server.publish(json!({"id": "k", "data": "d"})),
        server.publish(json!({"id": "k", "data": "d"})),
    );
    assert_eq!((&one, &one), (&two, &three));
    let end = server.publish(json!({"data": "end"})).await;
    assert_eq!(
        stream.take(3).await,
        [
            Event::new("message", "a", &first),
            Event::new("message", "d", &one),
            Event::new("message", "end", &end),
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_text_is_published_by_its_address() {
    let server = Server::memory().await;
    let mut stream = server.open("/events?uid=1&topic=door").await;
    let text = [("Content-Type", "text/plain; charset=utf-8")];
    for (path, headers, body) in [
        ("/publish?event=like&uid=1", &text[..], "{\"a\":1}"),
        ("/publish?topic=door", &[], "open"),
        ("/publish", &[], "plain words"),
        ("/publish", &[], r#"{"event":"named","data":"by curl -d"}"#),
        ("/publish?uid=2", &[], "not for one"),
        ("/publish", &text[..], ""),
    ] {
        let answer = request(server.address, "POST", path, headers, body.as_bytes()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/json"));
    }
    let events = stream.take(5).await;
    let seen: Vec<_> = events
        .iter()
        .map(|e| (e.name.as_str(), e.data.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("like", "{\"a\":1}"),
            ("message", "open"),
            ("message", "plain words"),
            ("named", "by curl -d"),
            ("message", "")
        ]
    );
    server.stop().await;
}

/// Whatever a publisher tries, subscribers see one event or none.
#[tokio::test]
async fn fields_cannot_be_forged() {
    let server = Server::memory().await;
    let mut stream = server.open("/events?uid=1").await;
    for document in [
        json!({"event": "a\nid: 9.9"}),
        json!({"event": "a\rdata: forged"}),
        json!({"event": "a\0"}),
        json!({"event": "gap"}),
        json!({"event": "hello"}),
        json!({"event": "open"}),
        json!({"event": "error"}),
        json!({"event": ""}),
        json!({"id": "k\n\nevent: gap"}),
        json!({"uid": "1\n"}),
        json!({"topic": "a\n"}),
        json!({"data": "x", "unknown": 1}),
    ] {
        let answer = post(server.address, "/publish", &document.to_string()).await;
        assert_eq!(answer.status, 400, "{document}");
        assert!(!answer.error().is_empty());
    }
    let answer = request(
        server.address,
        "POST",
        "/publish?event=a%0D%0Aid:%201",
        &[],
        b"x",
    )
    .await;
    assert_eq!(answer.status, 400);
    let hostile = "a\n\nevent: gap\rid: 9\r\n\r\ndata: forged\n: x";
    let id = server.publish(json!({"data": hostile})).await;
    let expected = "a\n\nevent: gap\nid: 9\n\ndata: forged\n: x";
    assert_eq!(stream.take(1).await, [Event::new("message", expected, &id)]);
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let server = Server::memory().await;
    let text = [("Content-Type", "text/plain")];
    let most = vec![b'x'; MAX_DATA];
    assert_eq!(
        request(server.address, "POST", "/publish", &text, &most)
            .await
            .status,
        200
    );
    let too_much = vec![b'x'; MAX_DATA + 1];
    for path in ["/publish", "/fact", "/update"] {
        let answer = request(server.address, "POST", path, &text, &too_much).await;
        assert_eq!(answer.status, 413, "{path}");
        assert!(answer.error().contains("1048576"), "{}", answer.body);
    }
    let own = hub::Publication::to_everyone("x".repeat(MAX_DATA + 1));
    assert!(matches!(
        server.hub.publish(own).await,
        Err(hub::HubError::TooLarge { .. })
    ));
    let mut replay = server.open("/events?poll=1").await;
    assert_eq!(replay.rest().await[0].data.len(), MAX_DATA);
    server.stop().await;
}

#[tokio::test]
async fn what_has_expired_is_not_replayed() {
    let now = std::sync::Arc::new(std::sync::atomic::AtomicI64::new(1_764_000_000));
    let clock = {
        let now = now.clone();
        move || {
            let seconds = now.load(std::sync::atomic::Ordering::Relaxed);
            Timestamp::from_second(seconds).unwrap()
        }
    };
    let config = HubConfig {
        clock: std::sync::Arc::new(clock),
        ..memory()
    };
    let server = Server::start(config).await;
    let mut live = server.open("/events?uid=1").await;
    server.publish(json!({"data": "short", "ttl": 60})).await;
    server.publish(json!({"data": "long"})).await;
    assert_eq!(live.data(2).await, ["short", "long"]);

    now.fetch_add(59, std::sync::atomic::Ordering::Relaxed);
    let data = |events: Vec<Event>| events.into_iter().map(|e| e.data).collect::<Vec<_>>();
    assert_eq!(
        data(server.open("/events?poll=1").await.rest().await),
        ["short", "long"]
    );
    now.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    // Not a gap: its publisher wanted it so.
    assert_eq!(
        data(server.open("/events?poll=1").await.rest().await),
        ["long"]
    );
    server.stop().await;
}

#[tokio::test]
async fn health_and_the_way_around() {
    let server = Server::memory().await;
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    let index = get(server.address, "/").await;
    assert_eq!(index.status, 200);
    assert!(index.body.contains("/publish") && index.body.contains("/events"));
    assert_eq!(get(server.address, "/hub/nothing").await.status, 404);
    let wrong = get(server.address, "/publish").await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("POST")));
    assert_eq!(index.header("x-content-type-options"), Some("nosniff"));
    let stats = *server.hub.watch().borrow();
    assert_eq!((stats.subscribers, stats.events), (0, 0));
    assert!(
        tokio::time::timeout(Duration::from_secs(5), server.hub.is_healthy())
            .await
            .unwrap()
    );
    server.stop().await;
}
