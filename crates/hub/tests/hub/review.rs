//! What a look with fresh eyes found.

use std::time::Duration;

use hub::{HubConfig, Rate};
use serde_json::json;

use crate::{Server, Stream, get, memory, post, request};

/// A rate that gives nothing back while a test runs.
fn slow(burst: u32) -> Rate {
    Rate {
        burst,
        per_second: 1e-9,
    }
}

/// However its path is written, a publish is counted.
#[tokio::test]
async fn an_encoded_path_is_no_way_around_the_rate() {
    for path in ["/door/%70ublish", "/door%2Fpublish", "/door/tri%67ger"] {
        let server = Server::start(HubConfig {
            rate: slow(1),
            ..memory()
        })
        .await;
        assert_eq!(post(server.address, "/door", "one").await.status, 200);
        let answer = get(server.address, &format!("{path}?message=two")).await;
        assert_eq!(answer.status, 429, "{path}: {}", answer.body);
        server.stop().await;
    }
}

/// A time that is longer than the machine can count is no reason to fall over.
#[tokio::test]
async fn the_longest_times_are_for_ever() {
    let server = Server::start(HubConfig {
        max_age: Some(Duration::MAX),
        heartbeat: Duration::MAX,
        ..memory()
    })
    .await;
    let stream = Stream::try_open(server.address, "/events?uid=1", &[]).await;
    assert_eq!(stream.status, 200);
    server.subscribers(1).await;
    server.stop().await;
}

/// Two publishers that know nothing of each other may number alike: the second
/// must not be told that its event is the other's, and lose it.
#[tokio::test]
async fn the_same_id_for_somebody_else_is_another_event() {
    let server = Server::memory().await;
    let one = server
        .publish(json!({"topic": "a", "id": "1", "data": "for a"}))
        .await;
    let other = server
        .publish(json!({"topic": "b", "id": "1", "data": "for b"}))
        .await;
    assert_ne!(one, other);
    let again = server
        .publish(json!({"topic": "b", "id": "1", "data": "for b"}))
        .await;
    assert_eq!(other, again);
    server.stop().await;
}

/// Who asks for the head of a stream has opened none.
#[tokio::test]
async fn a_look_at_the_head_uses_up_no_ticket() {
    let server = Server::memory().await;
    let made = post(server.address, "/hub/tickets", r#"{"uids":["1"]}"#).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let head = request(server.address, "HEAD", &url, &[], b"").await;
    assert_eq!(head.status, 200);
    let stream = Stream::try_open(server.address, &url, &[]).await;
    assert_eq!(stream.status, 200);
    server.stop().await;
}
