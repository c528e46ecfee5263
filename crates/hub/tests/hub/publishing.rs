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
        ("/publish?event=bare", &text[..], ""),
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
            ("bare", "")
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

#[tokio::test]
async fn a_batch_is_stored_whole() {
    let server = Server::memory().await;
    let mut stream = server.open("/events?uid=1").await;
    let before = server.publish(json!({"id": "k0", "data": "before"})).await;
    let batch = json!([
        {"data": "a", "id": "k1"},
        {"uid": 2, "data": "for two"},
        {"event": "like", "uid": 1},
        {"data": "again", "id": "k1"},
        {"data": "before", "id": "k0"},
    ]);
    let answer = post(server.address, "/publish", &batch.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let epoch = server.hub.epoch();
    let ids = [2, 3, 4, 2, 1].map(|seq| format!("{epoch}.{seq}"));
    assert_eq!(answer.json(), json!({"ids": ids}));
    assert_eq!(ids[4], before);
    // The whole batch again is the same, but for what has no id.
    let again = post(server.address, "/publish", &batch.to_string()).await;
    let ids_again = [2, 5, 6, 2, 1].map(|seq| format!("{epoch}.{seq}"));
    assert_eq!(again.json(), json!({"ids": ids_again}));
    let seen: Vec<_> = stream.take(4).await.into_iter().map(|e| e.id).collect();
    assert_eq!(seen, [1, 2, 4, 6].map(|seq| format!("{epoch}.{seq}")));

    let (empty, typo, second) = (
        "[]",
        r#"[{"data":1},{"dta":2}]"#,
        r#"[{"data":1},{"data":2,"uids":[]},{"data":3}]"#,
    );
    for (body, part) in [
        (empty, "empty"),
        (typo, "index 1"),
        (second, "index 1 is refused: the lists"),
        (r#"[{"data":1},"#, "not a batch"),
    ] {
        for headers in [&[("Content-Type", "application/json")][..], &[]] {
            let refused =
                request(server.address, "POST", "/publish", headers, body.as_bytes()).await;
            assert_eq!(refused.status, 400, "{body}");
            assert!(refused.error().contains(part), "{}", refused.body);
        }
    }
    assert_eq!(server.hub.position().seq, 6);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_needs_each_right_and_a_log_that_takes_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let server = Server::start(HubConfig::new(hub::Store::Path(path.clone()))).await;
    let new = hub::NewToken {
        name: "one".to_owned(),
        read: false,
        write: true,
        admin: false,
        uids: vec![hub::Uid::parse("1").unwrap()],
        topics: Vec::new(),
    };
    let (_, token) = server.hub.create_token(new).await.unwrap();
    let bearer = format!("Bearer {}", token.secret());
    let headers = [
        ("Content-Type", "application/json"),
        ("Authorization", bearer.as_str()),
    ];
    let send = async |batch: serde_json::Value| {
        let body = batch.to_string();
        request(
            server.address,
            "POST",
            "/publish",
            &headers,
            body.as_bytes(),
        )
        .await
    };
    let own = json!({"uid": 1, "data": "x"});
    let refused = send(json!([own, own, {"uid": 2, "data": "y"}])).await;
    assert_eq!(refused.status, 403);
    assert!(refused.error().contains("index 2"), "{}", refused.body);
    assert_eq!(send(json!([own, {"data": "y"}])).await.status, 403);
    assert_eq!(server.hub.position().seq, 0);

    let other = rusqlite::Connection::open(&path).unwrap();
    let trigger = "CREATE TRIGGER bad BEFORE INSERT ON log WHEN new.data = 'bad'
                   BEGIN SELECT raise(FAIL, 'no'); END";
    other.execute_batch(trigger).unwrap();
    let bad = json!({"uid": 1, "data": "bad"});
    assert_eq!(send(json!([own, own, bad, own])).await.status, 503);
    assert_eq!(server.hub.position().seq, 0);
    assert_eq!(send(json!([own, own])).await.status, 200);
    let events = server.open("/events?uid=1&poll=1").await.rest().await;
    assert_eq!(events.len(), 2);
    assert_eq!(server.hub.watch().borrow().bytes, 2 + 2 * "u1".len() as u64);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_may_be_longer_than_one_publication() {
    let server = Server::memory().await;
    let one = |len| json!({"data": "x".repeat(len)}).to_string();
    let batch = |count, len| format!("[{}]", vec![one(len); count].join(","));
    let twelve = post(server.address, "/publish", &batch(12, 1_000_000)).await;
    assert_eq!(twelve.status, 200, "{}", twelve.body);
    assert_eq!(twelve.json()["ids"].as_array().unwrap().len(), 12);
    let thousand = post(server.address, "/publish", &batch(1000, 1)).await;
    assert_eq!(thousand.json()["ids"].as_array().unwrap().len(), 1000);
    let more = post(server.address, "/publish", &batch(1001, 1)).await;
    assert_eq!(more.status, 400);
    assert!(more.error().contains("more than 1000"), "{}", more.body);
    let element = post(server.address, "/publish", &batch(1, MAX_DATA)).await;
    assert_eq!(element.status, 413);
    assert!(element.error().contains("index 0"), "{}", element.body);
    assert_eq!(server.hub.position().seq, 1012);
    server.stop().await;
}

/// A script whose variable holds nothing does not mean everyone.
#[tokio::test]
async fn nobody_is_not_everyone() {
    let server = Server::memory().await;
    for field in ["uid", "uids", "topic", "topics"] {
        let answer = crate::post(
            server.address,
            "/publish",
            &json!({field: null, "data": "private"}).to_string(),
        )
        .await;
        assert_eq!(answer.status, 400, "{field}: {}", answer.body);
    }
    let form = [("Content-Type", "multipart/form-data; boundary=x")];
    let body = b"--x\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\nx\r\n--x--\r\n";
    for (headers, body) in [(&form[..], &body[..]), (&[], b"")] {
        let answer = request(server.address, "POST", "/publish", headers, body).await;
        assert_eq!(answer.status, 400, "{}", answer.body);
    }
    assert_eq!(server.hub.watch().borrow().events, 0);
    server.stop().await;
}
