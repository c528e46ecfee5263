//! The hub over real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod access;
mod client;
mod delivery;
mod durability;
#[cfg(unix)]
mod engine;
mod leaving;
mod lines;
mod listener;
mod listener_local;
mod listener_peers;
mod metrics;
mod model;
mod ntfy_corpus;
mod ntfy_properties;
mod ntfy_streams;
mod openapi;
mod page;
mod presence;
mod publishing;
mod replay;
mod retention;
mod review;
mod scheduled;
mod security;
#[cfg(unix)]
mod sharing;
mod shutdown;
mod tutorials;

use std::net::SocketAddr;
use std::time::Duration;

use hub::{Doors, Hub, HubConfig, HubError, Store};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use client::{Event, Stream, get, post, request};

/// Longer than anything here takes: a test that waits for it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `future`, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited too long for {what}"),
    }
}

/// A running hub.
pub(crate) struct Server {
    pub(crate) hub: Hub,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Result<(), HubError>>,
}

/// All of this is true of both ways of delivery: with `FEEDBELL_TEST_DELIVERY`
/// set to `tasks` each stream is a task of its own.
pub(crate) fn memory() -> HubConfig {
    let way = std::env::var("FEEDBELL_TEST_DELIVERY").unwrap_or_default();
    HubConfig {
        shared_delivery: way != "tasks",
        ..HubConfig::new(Store::Memory)
    }
}

impl Server {
    pub(crate) async fn memory() -> Self {
        Self::start(memory()).await
    }

    pub(crate) async fn start(config: HubConfig) -> Self {
        Self::behind(config, |_| {}).await
    }

    /// Behind doors that are changed first.
    pub(crate) async fn behind(config: HubConfig, change: impl FnOnce(&mut Doors)) -> Self {
        let hub = Hub::open(config).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut doors = Doors::new(listener);
        change(&mut doors);
        let stop = CancellationToken::new();
        let task = tokio::spawn(hub::serve_on(
            hub.clone(),
            doors,
            stop.clone().cancelled_owned(),
        ));
        Self {
            hub,
            address,
            stop,
            task,
        }
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        soon("the hub to stop", self.task).await.unwrap().unwrap();
    }

    pub(crate) async fn open(&self, path: &str) -> Stream {
        Stream::open(self.address, path, &[]).await
    }

    pub(crate) async fn resume(&self, path: &str, last_event_id: &str) -> Stream {
        Stream::open(self.address, path, &[("Last-Event-ID", last_event_id)]).await
    }

    /// Publishes a JSON document and returns the id.
    pub(crate) async fn publish(&self, document: serde_json::Value) -> String {
        let answer = post(self.address, "/publish", &document.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Waits until that many subscribers are connected.
    pub(crate) async fn subscribers(&self, count: usize) {
        let mut stats = self.hub.watch();
        soon(
            "subscribers",
            stats.wait_for(|stats| stats.subscribers == count),
        )
        .await
        .unwrap();
    }
}
