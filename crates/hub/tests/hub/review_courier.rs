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

/// A stream whose head is written only after the hub was told to stop still
/// hears that it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_late_is_told_of_the_end() {
    let server = Server::start(memory()).await;
    for _ in 0..15 {
        let mut fact = Publication::to_everyone(format!("\"{}\"", "x".repeat(250_000)));
        fact.fact = true;
        server.hub.publish(fact).await.unwrap();
    }
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(server.address).await.unwrap();
    let request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    server.subscribers(1).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn(server.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut read = Vec::new();
    let _ = soon("the end", socket.read_to_end(&mut read)).await;
    let read = String::from_utf8(read).unwrap();
    assert!(
        read.len() > 3_000_000,
        "{} {}",
        read.len(),
        &read[..read.len().min(600)]
    );
    let end = &read[read.len() - 100..];
    assert!(end.ends_with("0\r\n\r\n"), "{end}");
    stopping.await.unwrap();
}

/// Once serving is over and the last handle is gone, the log is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stopped_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let mut in_use = 0;
    for _ in 0..200 {
        let config = HubConfig {
            shared_delivery: memory().shared_delivery,
            ..HubConfig::new(Store::Path(folder.path().join("hub.db")))
        };
        let hub = match hub::Hub::open(config) {
            Ok(hub) => hub,
            Err(hub::HubError::InUse { .. }) => {
                in_use += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let serving = tokio::spawn(hub::serve(hub.clone(), listener, shutdown));
        let stream = Stream::open(address, "/events?uid=1", &[]).await;
        hub.publish(Publication::to_everyone("x")).await.unwrap();
        drop(stream);
        drop(stop);
        serving.await.unwrap().unwrap();
        drop(hub);
    }
    assert_eq!(in_use, 0);
}
