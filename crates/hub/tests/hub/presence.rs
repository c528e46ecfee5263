//! Who listens, and how the owner ends a stream.

use serde_json::json;

use crate::{Server, Stream, get, memory, request, soon};
use hub::HubConfig;

async fn end(server: &Server, id: &str) -> u16 {
    let path = format!("/hub/subscribers/{id}");
    request(server.address, "DELETE", &path, &[], b"")
        .await
        .status
}

#[tokio::test]
async fn the_list_says_who_listens() {
    let clock = jiff::Timestamp::from_millisecond(1_763_717_000_000).unwrap();
    let server = Server::start(HubConfig {
        clock: std::sync::Arc::new(move || clock),
        ..memory()
    })
    .await;
    let list = || async { get(server.address, "/hub/subscribers").await };
    let none = list().await;
    assert_eq!(none.status, 200);
    assert_eq!(none.header("content-type"), Some("application/json"));
    assert_eq!(none.header("cache-control"), Some("no-store"));
    assert_eq!(none.json(), json!({"subscribers": [], "max": 900}));

    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let page = [("User-Agent", firefox)];
    let first = Stream::open(server.address, "/events?uid=1&topic=door", &page).await;
    let script = [("User-Agent", "<script>alert(1)</script>")];
    let _second = Stream::open(server.address, "/push?uid=%3Cb%3E", &script).await;
    let _third = server.open("/sse").await;
    let row = |id: &str, more: serde_json::Value| {
        let mut row = json!({
            "id": id, "uids": [], "topics": [], "device": null, "address": "127.0.0.1",
            "since": 1_763_717_000_000_i64, "lag": 0, "path": "/events", "token": null,
        });
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    };
    let expected = [
        row(
            "1",
            json!({"uids": ["1"], "topics": ["door"], "device": "Firefox on Linux"}),
        ),
        row(
            "2",
            json!({"uids": ["<b>"], "device": "scriptalert", "path": "/push"}),
        ),
        row("3", json!({"path": "/sse"})),
    ];
    assert_eq!(list().await.json()["subscribers"], json!(expected));

    // Whoever leaves is gone from it, and numbers are not given twice.
    drop(first);
    server.subscribers(2).await;
    let _fourth = server.open("/events?uid=4").await;
    let ids: Vec<_> = server.hub.listening().iter().map(|own| own.id).collect();
    assert_eq!(ids, [2, 3, 4]);
    assert_eq!(server.hub.listening()[2].uids[0].as_str(), "4");
    server.stop().await;
}

#[tokio::test]
async fn the_owner_ends_a_stream() {
    let server = Server::memory().await;
    let mut told = server.open("/events?uid=1&control=1").await;
    let mut quiet = server.open("/events?uid=2").await;
    let mut other = server.open("/events?uid=3").await;
    assert_eq!(end(&server, "1").await, 204);
    let bye = told.rest().await.pop().unwrap();
    assert_eq!(bye.name, "bye");
    let reason: serde_json::Value = serde_json::from_str(&bye.data).unwrap();
    assert_eq!(reason, json!({"reason": "disconnected"}));
    assert!(server.hub.disconnect(2));
    assert_eq!(quiet.rest().await, []);
    server.subscribers(1).await;

    // Ended already, never there, none at all.
    for id in ["1", "77", "x", "18446744073709551616", "01", "%20"] {
        assert_eq!(end(&server, id).await, 404, "{id}");
    }
    assert!(!server.hub.disconnect(1));
    assert_eq!(end(&server, "3?ban=perhaps").await, 400);
    server
        .publish(json!({"uid": 3, "data": "still here"}))
        .await;
    assert_eq!(other.data(1).await, ["still here"]);

    // It may come back.
    let back = server.resume("/events?uid=1", told.last_event_id()).await;
    assert_eq!(back.status, 200);
    server.stop().await;
}

/// A subscriber that reads nothing falls behind, and the list says by how much.
#[tokio::test]
async fn the_list_says_who_is_behind() {
    let server = Server::memory().await;
    let slow = server.open("/events?uid=1").await;
    let lag = || server.hub.listening()[0].lag;
    assert_eq!(lag(), 0);
    soon("a lag", async {
        let large = "x".repeat(256 * 1024);
        while lag() < 3 {
            server
                .hub
                .publish(hub::Publication::to_everyone(large.clone()))
                .await
                .unwrap();
            // The hub writes what the connection takes: what is left is a lag.
            get(server.address, "/healthz").await;
        }
    })
    .await;
    let listed = get(server.address, "/hub/subscribers").await.json();
    assert!(listed["subscribers"][0]["lag"].as_u64().unwrap() >= 3);
    drop(slow);
    server.subscribers(0).await;
    server.stop().await;
}

#[tokio::test]
async fn the_status_says_how_the_hub_is() {
    let server = Server::memory().await;
    let _stream = server.open("/events?uid=1").await;
    let id = server.publish(json!({"data": "1"})).await;
    let status = get(server.address, "/hub/status").await;
    assert_eq!(status.status, 200);
    let status = status.json();
    assert_eq!(status["position"], json!(id));
    assert_eq!(status["epoch"], json!(id.split('.').next().unwrap()));
    assert_eq!(status["subscribers"], json!(1));
    assert_eq!(status["max_streams"], json!(900));
    assert_eq!(status["events"], json!(1));
    assert!(status["since"].as_i64().unwrap() > 1_763_717_000_000);
    server.stop().await;
}
