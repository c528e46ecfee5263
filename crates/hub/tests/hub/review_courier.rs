//! Proofs of what a review found. Each fails until it is mended.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{Server, Stream, memory, soon};
use hub::{HubConfig, Publication, Store};

/// The oldest events are over, and the window is too small for all of them: who
/// asks for them goes on with what there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_was_away_while_much_expired_goes_on() {
    let server = Server::start(memory()).await;
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
    tokio::time::sleep(Duration::from_millis(5)).await;
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
