//! The end.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Server, memory, post, soon};
use hub::HubConfig;

#[tokio::test]
async fn streams_end_and_those_who_asked_hear_why() {
    let server = Server::memory().await;
    let mut plain = server.open("/events?uid=1").await;
    let mut control = server.open("/push?uid=1&control=1").await;
    let started = Instant::now();
    server.stop().await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(plain.rest().await, []);
    let events = control.rest().await;
    let names: Vec<_> = events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["hello", "message", "bye"]);
    assert_eq!(events[2].data, json!({"reason": "shutdown"}).to_string());
}

/// Stopping under load: every publish that was answered is in the log, and it is
/// over in time, even with a reader that takes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_every_answer_is_true() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let config = || HubConfig {
        store: hub::Store::Path(path.clone()),
        ..memory()
    };
    let server = Server::start(config()).await;
    let address = server.address;
    let _stalled = server.open("/events?uid=1").await;
    for _ in 0..40 {
        server.publish(json!({"data": "x".repeat(500_000)})).await;
    }

    let (counted, mut count) = tokio::sync::mpsc::unbounded_channel();
    let mut publishers = JoinSet::new();
    for _ in 0..8 {
        let counted = counted.clone();
        publishers.spawn(async move {
            let mut answered: Vec<String> = Vec::new();
            // One connection each, until the hub ends it.
            let mut socket = TcpStream::connect(address).await.unwrap();
            loop {
                let head = format!(
                    "POST /publish HTTP/1.1\r\nHost: {address}\r\nContent-Length: 1\r\n\r\nx"
                );
                if socket.write_all(head.as_bytes()).await.is_err() {
                    return answered;
                }
                let mut buffer = [0; 2048];
                match socket.read(&mut buffer).await {
                    Ok(read) if read > 0 => {
                        let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
                        let id = text
                            .split("\"id\":\"")
                            .nth(1)
                            .unwrap()
                            .split('"')
                            .next()
                            .unwrap();
                        answered.push(id.to_owned());
                        let _ = counted.send(());
                    }
                    _ => return answered,
                }
            }
        });
    }
    for _ in 0..100 {
        soon("publishes", count.recv()).await;
    }
    let started = Instant::now();
    server.stop().await;
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
    let answered = publishers.join_all().await.concat();
    assert!(answered.len() >= 100);

    let server = Server::start(config()).await;
    let replay = server.open("/events?poll=1").await.rest().await;
    let stored: std::collections::HashSet<_> = replay.into_iter().map(|event| event.id).collect();
    assert!(answered.iter().all(|id| stored.contains(id)));
    server.stop().await;
}

#[tokio::test]
async fn a_hub_can_be_switched_off_and_on() {
    let server = Server::memory().await;
    let hub = server.hub.clone();
    let id = server.publish(json!({"data": "1"})).await;
    let _open = server.open("/events?uid=1").await;
    server.stop().await;
    let mut stats = hub.watch();
    soon(
        "no subscribers",
        stats.wait_for(|stats| stats.subscribers == 0),
    )
    .await
    .unwrap();
    hub.publish(hub::Publication::to_everyone("2"))
        .await
        .unwrap();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(hub::serve(hub, listener, async {
        let _ = stopped.await;
    }));
    let mut stream = crate::Stream::open(address, "/events", &[("Last-Event-ID", &id)]).await;
    assert_eq!(
        post(address, "/publish", r#"{"data":"3"}"#).await.status,
        200
    );
    assert_eq!(stream.data(2).await, ["2", "3"]);
    stop.send(()).unwrap();
    soon("the hub", served).await.unwrap().unwrap();
}
