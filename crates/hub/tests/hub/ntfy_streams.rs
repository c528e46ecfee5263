//! ntfy's streams: live, resumed, across restarts, beside the native ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hub::{HubConfig, Publication, Store};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::Answer;
use crate::{Event, Server, Stream, get, memory, post, request, soon};

async fn send(server: &Server, path: &str, body: &str) -> Value {
    let answer = request(server.address, "POST", path, &[], body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn listen(server: &Server, path: &str, headers: &[(&str, &str)]) -> Stream {
    let stream = Stream::try_open(server.address, path, headers).await;
    assert_eq!(stream.status, 200);
    stream
}

async fn lines(server: &Server, path: &str) -> Vec<Value> {
    let answer = get(server.address, path).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let lines = answer.body.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn json_of(event: &Event) -> Value {
    serde_json::from_str(&event.data).unwrap()
}

fn code(answer: &Answer) -> (u16, u64) {
    (answer.status, answer.json()["code"].as_u64().unwrap())
}

#[tokio::test]
async fn a_message_is_the_same_on_every_stream() {
    let server = Server::memory().await;
    let mut sse = listen(&server, "/door,window/sse", &[]).await;
    let mut json = listen(&server, "/door/json", &[]).await;
    let mut raw = listen(&server, "/door/raw", &[]).await;
    let mut native = server.open("/events?topic=door").await;
    let open = sse.next().await.unwrap();
    assert_eq!((open.name.as_str(), open.id.as_str()), ("open", ""));
    let said = json_of(&open);
    assert_eq!(
        (&said["event"], &said["topic"]),
        (&json!("open"), &json!("door,window"))
    );
    json.until_raw("\"event\":\"open\"").await;
    raw.until_raw("\n").await;

    let sent = send(&server, "/door?title=Bell&p=5", "ding\r\ndong").await;
    server.publish(json!({"data": "for everyone"})).await;
    server
        .publish(json!({"uid": 1, "topic": "other", "data": "elsewhere"}))
        .await;
    let event = sse.next().await.unwrap();
    assert_eq!(event.name, "message");
    assert_eq!(json_of(&event), sent);
    assert_eq!(event.id, format!("{}.1", server.hub.epoch()));
    json.until_raw(&format!("{}\n", event.data)).await;
    raw.until_raw("\nding dong\n").await;
    let natively = native.next().await.unwrap();
    assert_eq!(
        (natively.name.as_str(), natively.data),
        ("message", event.data)
    );
    assert_eq!(natively.id, event.id);

    send(&server, "/window/s1/clear", "").await;
    send(&server, "/window/s1", "again").await;
    let gone = request(server.address, "DELETE", "/window/s1", &[], b"")
        .await
        .json();
    let events = sse.take(3).await;
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["message_clear", "message", "message_delete"]);
    assert_eq!(json_of(&events[2]), gone);
    assert!(
        events
            .iter()
            .all(|event| json_of(event)["sequence_id"] == "s1")
    );
    // What is for others has gone by.
    assert!(!json.raw_text().contains("elsewhere") && !json.raw_text().contains("everyone"));
    server.stop().await;
}

#[tokio::test]
async fn native_publications_are_messages_with_lasting_ids() {
    let server = Server::memory().await;
    server
        .publish(
            json!({"topics": ["secret", "door"], "uid": 7, "event": "open-door", "data": "plain"}),
        )
        .await;
    server
        .publish(json!({"topic": "door", "data": {"title": "T", "message": "M", "click": "https://a.example", "n": 1}}))
        .await;
    server
        .publish(json!({"topic": "door", "data": {"title": 1, "click": "javascript:x"}}))
        .await;
    server.publish(json!({"topic": "door", "data": ""})).await;
    let found = lines(&server, "/door/json?poll=1").await;
    assert_eq!(lines(&server, "/door/json?poll=1").await, found);
    let field = |name: &str| -> Vec<_> { found.iter().map(|one| one[name].clone()).collect() };
    assert_eq!(
        field("message"),
        [
            "plain",
            "M",
            r#"{"title":1,"click":"javascript:x"}"#,
            "triggered"
        ]
    );
    assert_eq!(
        field("title"),
        [Value::Null, json!("T"), Value::Null, Value::Null]
    );
    assert_eq!(
        field("click"),
        [
            Value::Null,
            json!("https://a.example"),
            Value::Null,
            Value::Null
        ]
    );
    assert!(
        found
            .iter()
            .all(|one| one["topic"] == "door" && one["event"] == "message")
    );
    for (nth, one) in found.iter().enumerate() {
        let id = one["id"].as_str().unwrap();
        assert_eq!(id.len(), 12);
        let after = lines(&server, &format!("/door/json?poll=1&since={id}")).await;
        assert_eq!(after, found[nth + 1..]);
        let only = lines(&server, &format!("/door/json?poll=1&id={id}")).await;
        assert_eq!(only, std::slice::from_ref(one));
    }
    server.stop().await;
}

#[tokio::test]
async fn an_event_source_resumes_also_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let config = || HubConfig::new(Store::Path(folder.path().join("hub.db")));
    let server = Server::start(config()).await;
    let mut stream = listen(&server, "/door/sse", &[]).await;
    let first = send(&server, "/door", "1").await;
    let events = stream.take(2).await;
    assert_eq!(
        (events[0].name.as_str(), json_of(&events[1])),
        ("open", first.clone())
    );
    let last = stream.last_event_id().to_owned();
    drop(stream);
    let missed = [
        send(&server, "/door", "2").await,
        send(&server, "/door", "3").await,
    ];
    server.stop().await;

    let server = Server::start(config()).await;
    // The address of the first connect stays: the header wins over it.
    let id = first["id"].as_str().unwrap();
    for (header, path) in [
        (last.as_str(), "/door/sse?since=none"),
        (id, "/door/sse?since=all"),
    ] {
        let mut stream = listen(&server, path, &[("Last-Event-ID", header)]).await;
        let events = stream.take(3).await;
        assert_eq!(events[0].name, "open");
        assert_eq!(events[1..].iter().map(json_of).collect::<Vec<_>>(), missed);
    }
    // History and live are one.
    let mut stream = listen(&server, "/door/sse", &[("Last-Event-ID", &last)]).await;
    let live = send(&server, "/door", "live").await;
    let events = stream.take(4).await;
    assert_eq!(json_of(&events[3]), live);
    assert_eq!(stream.last_event_id(), server.hub.position().to_string());
    drop(stream);
    let after = lines(&server, &format!("/door/json?poll=1&since={id}")).await;
    assert_eq!(after[..2], missed);
    // Opened without a message: the id of the place is an id to resume from.
    let mut quiet = listen(&server, "/door/json", &[]).await;
    quiet.until_raw("\n").await;
    let open: Value = serde_json::from_str(quiet.raw_text().trim()).unwrap();
    let next = send(&server, "/door", "next").await;
    let since = format!("/door/json?poll=1&since={}", open["id"].as_str().unwrap());
    assert_eq!(lines(&server, &since).await, [next]);
    drop(quiet);
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_id_is_a_gap_and_not_everything() {
    let server = Server::memory().await;
    send(&server, "/door", "old").await;
    let unknown = "AAAAAAAAAAAA";
    let foreign = "0000000000.1";
    for (path, header) in [
        (format!("/door/sse?since={unknown}"), ""),
        (format!("/door/sse?since={foreign}"), ""),
        ("/door/sse?since=all".to_owned(), unknown),
        ("/door/sse?since=all".to_owned(), foreign),
        ("/door/sse".to_owned(), "what"),
    ] {
        let here = server.hub.position().to_string();
        let mut stream = listen(&server, &path, &[("Last-Event-ID", header)]).await;
        let opening = stream.take(2).await;
        let names: Vec<_> = opening.iter().map(|event| event.name.as_str()).collect();
        assert_eq!(names, ["open", "gap"], "{path}");
        // Until the gap is said, no id that would hide it.
        assert_eq!((opening[0].id.as_str(), &opening[1].id), ("", &here));
        let gap = json_of(&opening[1]);
        assert_eq!((&gap["event"], &gap["to"]), (&json!("gap"), &json!(here)));
        let live = send(&server, "/door", "live").await;
        assert_eq!(json_of(&stream.next().await.unwrap()), live);
        let polled = lines(&server, &format!("/door/json?poll=1&since={unknown}")).await;
        assert_eq!(polled.len(), 1);
        assert_eq!(
            (&polled[0]["event"], &polled[0]["from"]),
            (&json!("gap"), &json!(unknown))
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn keepalives_come_at_the_hub_s_heartbeat() {
    let config = HubConfig {
        heartbeat: Duration::from_millis(20),
        ..memory()
    };
    let server = Server::start(config).await;
    let mut sse = listen(&server, "/door/sse", &[]).await;
    let events = sse.take(3).await;
    assert_eq!(events[0].name, "open");
    for event in &events[1..] {
        assert_eq!(event.name, "keepalive");
        assert_eq!(json_of(event)["topic"], "door");
    }
    // A quiet stream's cursor does not grow old.
    send(&server, "/window", "not here").await;
    let here = server.hub.position().to_string();
    sse.until_raw(&format!("id: {here}\n")).await;
    let mut json = listen(&server, "/door/json", &[]).await;
    json.until_raw("\"event\":\"keepalive\"").await;
    let mut raw = listen(&server, "/door/raw", &[]).await;
    raw.until_raw("\n\n").await;
    drop((sse, json, raw));
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_kept_comes_to_who_listens() {
    let server = Server::memory().await;
    let mut stream = listen(&server, "/door/sse", &[]).await;
    stream.next().await.unwrap();
    let sent = send(&server, "/door?cache=no", "now").await;
    assert_eq!(json_of(&stream.next().await.unwrap()), sent);
    assert!(lines(&server, "/door/json?poll=1").await.is_empty());
    server.stop().await;
}

/// A clock that tests move.
fn clock(path: Option<&std::path::Path>) -> (HubConfig, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(1_795_255_200_000));
    let own = now.clone();
    let store = path.map_or(Store::Memory, |path| Store::Path(path.to_owned()));
    let config = HubConfig {
        clock: Arc::new(move || Timestamp::from_millisecond(own.load(Ordering::SeqCst)).unwrap()),
        ..HubConfig::new(store)
    };
    (config, now)
}

#[tokio::test]
async fn a_delayed_message_comes_once_also_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let (config, now) = clock(Some(&path));
    let server = Server::start(config.clone()).await;
    let later = send(&server, "/door?delay=1h", "later").await;
    let moved = send(&server, "/door/job?delay=10m", "moved").await;
    let moved_to = send(&server, "/door/job?delay=2h", "moved to").await;
    let called_back = send(&server, "/door?delay=1h", "called back").await;
    let id = called_back["id"].as_str().unwrap();
    send(&server, &format!("/door/{id}/clear"), "").await;
    let gone = request(server.address, "DELETE", &format!("/door/{id}"), &[], b"").await;
    assert_eq!(gone.status, 200);
    let listed = lines(&server, "/door/json?poll=1&sched=1&since=1s").await;
    let events: Vec<_> = listed
        .iter()
        .map(|one| one["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        ["message_clear", "message_delete", "message", "message"]
    );
    assert_eq!(listed[2..], [later.clone(), moved_to.clone()]);
    assert_ne!(moved, moved_to);
    server.stop().await;

    let server = Server::start(config.clone()).await;
    let head = server.hub.position();
    let mut stream = listen(&server, "/door/sse?sched=1", &[]).await;
    let opening = stream.take(3).await;
    assert_eq!(
        opening[1..].iter().map(json_of).collect::<Vec<_>>(),
        [later.clone(), moved_to.clone()]
    );
    // What is to come is no place in the log.
    assert_eq!(stream.last_event_id(), head.to_string());
    now.fetch_add(3_600_000, Ordering::SeqCst);
    // Anything that is stored wakes the writer to look at its clock.
    send(&server, "/other", "wake").await;
    assert_eq!(json_of(&stream.next().await.unwrap()), later);
    drop(stream);
    server.stop().await;

    now.fetch_add(3_600_000, Ordering::SeqCst);
    let server = Server::start(config).await;
    send(&server, "/other", "wake").await;
    let kept = soon("what was due", async {
        loop {
            let kept = lines(&server, "/door/json?poll=1&sched=1").await;
            if kept.contains(&moved_to) {
                return kept;
            }
        }
    })
    .await;
    assert_eq!(kept[2..], [later, moved_to]);
    server.stop().await;
}

#[tokio::test]
async fn bodies_up_to_the_limit() {
    let server = Server::memory().await;
    let put = async |path: &str, body: &[u8]| request(server.address, "PUT", path, &[], body).await;
    let most = "天".repeat(1365) + "x";
    assert_eq!(most.len(), 4096);
    assert_eq!(
        put("/t", most.as_bytes()).await.json()["message"],
        most.as_str()
    );
    assert_eq!(code(&put("/t", &[b'x'; 4097]).await), (400, 40014));
    assert_eq!(code(&put("/t?up=1", &[b'x'; 4097]).await), (413, 41301));
    assert_eq!(
        code(&put("/t", &vec![b'x'; (1 << 20) + 1]).await),
        (400, 40014)
    );
    let document = |len: usize| json!({"topic": "t", "message": "x".repeat(len)}).to_string();
    assert_eq!(put("/", document(4096).as_bytes()).await.status, 200);
    assert_eq!(
        code(&put("/", document(4097).as_bytes()).await),
        (400, 40014)
    );
    assert_eq!(
        code(&put("/", document(8192).as_bytes()).await),
        (413, 41303)
    );
    let topics = |count: usize| {
        (0..count)
            .map(|n| format!("t{n}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert!(
        lines(&server, &format!("/{}/json?poll=1", topics(64)))
            .await
            .is_empty()
    );
    let many = get(server.address, &format!("/{}/json?poll=1", topics(65))).await;
    assert_eq!(code(&many), (400, 40009));
    server.stop().await;
}

#[tokio::test]
async fn refusals_from_the_door_are_in_ntfy_s_shape() {
    let server = Server::start(HubConfig {
        tokens: vec![hub::Token::new("secret").unwrap()],
        ..memory()
    })
    .await;
    for (method, path) in [
        ("POST", "/door"),
        ("GET", "/door/json"),
        ("POST", "/"),
        ("GET", "/v1/stats"),
    ] {
        let answer = request(server.address, method, path, &[], b"x").await;
        assert_eq!(code(&answer), (401, 40101), "{path}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(answer.body.ends_with("}\n"));
    }
    let token = [("Authorization", "Bearer secret")];
    let sent = request(server.address, "POST", "/door", &token, b"x").await;
    assert_eq!(sent.status, 200);
    let foreign = [
        ("Origin", "https://evil.example"),
        ("Authorization", "Bearer secret"),
    ];
    for (method, path) in [("POST", "/door"), ("GET", "/door/publish")] {
        let answer = request(server.address, method, path, &foreign, b"x").await;
        assert_eq!(code(&answer), (403, 40301), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    // The hub's own paths keep their own shape.
    let own = post(server.address, "/publish", "{}").await;
    assert_eq!((own.status, own.json().get("code")), (401, None));
    server.stop().await;
}

#[tokio::test]
async fn reading_takes_no_place_and_sends_nothing() {
    let server = Server::memory().await;
    for path in ["/door/json", "/door/sse", "/door/raw"] {
        let head = request(server.address, "HEAD", path, &[], b"").await;
        assert_eq!(head.status, 200);
        assert!(
            head.header("content-type")
                .unwrap()
                .ends_with("charset=utf-8")
        );
    }
    server.subscribers(0).await;
    for path in ["/door/publish", "/door/send", "/door/x/clear"] {
        let head = request(server.address, "HEAD", path, &[], b"").await;
        assert_eq!(head.status, 404);
    }
    let options = request(server.address, "OPTIONS", "/door", &[], b"").await;
    assert_eq!(options.status, 204);
    assert_eq!(server.hub.position().seq, 0);
    // A stream that is full says so in ntfy's words.
    let full = Server::start(HubConfig {
        max_streams_per_ip: 1,
        ..memory()
    })
    .await;
    let one = listen(&full, "/door/json", &[]).await;
    full.subscribers(1).await;
    assert_eq!(code(&get(full.address, "/door/json").await), (429, 42903));
    drop(one);
    full.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn the_library_s_publications_show_too() {
    let server = Server::memory().await;
    let topic = hub::Topic::parse("door").unwrap();
    let to = hub::Audience::Only(vec![hub::Address::Topic(topic)]);
    server
        .hub
        .publish(Publication::new(to, "hi"))
        .await
        .unwrap();
    let percent = lines(&server, "/%64oor%2Cwindow/json?poll=1").await;
    assert_eq!(percent[0]["message"], "hi");
    server.stop().await;
}
