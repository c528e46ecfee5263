//! Publications that come later.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use hub::{
    Address, Audience, EventId, Hub, HubConfig, HubError, MessageId, Publication, Receipt, Store,
    Topic,
};
use jiff::Timestamp;
use serde_json::json;

use crate::{Server, get, memory};

/// A clock that stands until it is set, in Unix milliseconds.
#[derive(Clone)]
pub(crate) struct Hands(Arc<AtomicI64>);

impl Hands {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_764_000_000_000)))
    }

    pub(crate) fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The time in so many seconds.
    pub(crate) fn at(&self, seconds: i64) -> Timestamp {
        Timestamp::from_millisecond(self.now() + seconds * 1000).unwrap()
    }

    pub(crate) fn step(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, config: HubConfig) -> HubConfig {
        let hands = self.clone();
        HubConfig {
            clock: Arc::new(move || hands.at(0)),
            ..config
        }
    }
}

fn on_disk(hands: &Hands, folder: &Path) -> HubConfig {
    hands.set(HubConfig::new(Store::Path(folder.join("hub.db"))))
}

fn due(data: &str, due: Timestamp) -> Publication {
    Publication {
        due: Some(due),
        ..Publication::to_everyone(data)
    }
}

fn door(data: &str) -> Publication {
    let door = Address::Topic(Topic::parse("door").unwrap());
    Publication::new(Audience::Only(vec![door]), data)
}

/// A write that stores nothing: what is due comes with any.
async fn turn(server: &Server) {
    assert_eq!(get(server.address, "/healthz").await.status, 200);
}

#[tokio::test]
async fn a_publication_comes_when_it_is_due() {
    let server = Server::memory().await;
    let mut stream = server.open("/events?uid=1").await;
    // By the real clock, which nobody but the hub looks at.
    let soon = Timestamp::now() + Duration::from_millis(300);
    let receipt = server.hub.publish(due("later", soon)).await.unwrap();
    assert_eq!(receipt, Receipt::Scheduled);
    let now = server.publish(json!({"data": "now"})).await;
    assert!(now.ends_with(".1"), "{now}");
    assert_eq!(stream.data(2).await, ["now", "later"]);
    assert!(Timestamp::now() >= soon);
    server.stop().await;
}

/// Whoever waits for one that is due later is woken for one that is due sooner.
#[tokio::test]
async fn what_is_due_sooner_does_not_wait_for_what_is_due_later() {
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::Memory, Store::Path(folder.path().join("hub.db"))] {
        let server = Server::start(HubConfig::new(store)).await;
        let mut stream = server.open("/events?uid=1").await;
        let in_ms = |millis| Timestamp::now() + Duration::from_millis(millis);
        let receipt = server.hub.publish(due("later", in_ms(3_600_000))).await;
        assert_eq!(receipt.unwrap(), Receipt::Scheduled);
        // Nothing but time passes from here on.
        let receipt = server.hub.publish(due("sooner", in_ms(300))).await;
        assert_eq!(receipt.unwrap(), Receipt::Scheduled);
        assert_eq!(stream.data(1).await, ["sooner"]);
        server.stop().await;
    }
}

#[tokio::test]
async fn the_order_is_that_of_the_times_and_what_is_over_comes_at_once() {
    let hands = Hands::new();
    let server = Server::start(hands.set(memory())).await;
    let mut stream = server.open("/events?uid=1").await;
    for (data, seconds) in [
        ("30", 30),
        ("10", 10),
        ("20 a", 20),
        ("20 b", 20),
        ("40", 40),
    ] {
        let receipt = server.hub.publish(due(data, hands.at(seconds))).await;
        assert_eq!(receipt.unwrap(), Receipt::Scheduled);
    }
    for past in [0, -1, -1_000_000] {
        let receipt = server.hub.publish(due("past", hands.at(past))).await;
        assert!(receipt.unwrap().position().is_some());
    }
    hands.step(30);
    server.publish(json!({"data": "now"})).await;
    assert_eq!(
        stream.data(8).await,
        ["past", "past", "past", "10", "20 a", "20 b", "30", "now"]
    );
    // A clock that goes back takes nothing back, and what is left waits for it.
    hands.step(-25);
    turn(&server).await;
    hands.step(34);
    turn(&server).await;
    hands.step(1);
    turn(&server).await;
    assert_eq!(stream.data(1).await, ["40"]);
    server.stop().await;
}

#[tokio::test]
async fn it_survives_a_restart_whole_and_comes_once() {
    let folder = tempfile::tempdir().unwrap();
    let hands = Hands::new();
    let config = || on_disk(&hands, folder.path());
    let hub = Hub::open(config()).unwrap();
    let message = MessageId::parse("Abcdefgh0123").unwrap();
    let whole = Publication {
        due: Some(hands.at(100)),
        ttl: Some(Duration::from_secs(50)),
        retry: Some(Duration::from_millis(7)),
        key: Some(EventId::parse("k").unwrap()),
        message: Some(message.clone()),
        ..door("two\nlines").event("like".parse().unwrap())
    };
    assert_eq!(
        hub.publish(whole.clone()).await.unwrap(),
        Receipt::Scheduled
    );
    // The same again, by its key or by its message, is the same.
    for again in [
        Publication {
            key: None,
            due: None,
            ..whole.clone()
        },
        Publication {
            message: None,
            ..whole.clone()
        },
    ] {
        assert_eq!(hub.publish(again).await.unwrap(), Receipt::Scheduled);
    }
    drop(hub);

    let hub = Hub::open(config()).unwrap();
    assert_eq!(hub.position().seq, 0);
    drop(hub);
    hands.step(101);
    let server = Server::start(config()).await;
    let mut stream = server.open("/events?topic=door&since=all").await;
    let event = stream.next().await.unwrap();
    assert_eq!(
        (event.name.as_str(), event.data.as_str()),
        ("like", "two\nlines")
    );
    assert_eq!(stream.retry(), Some(7));
    for again in [
        Publication {
            key: None,
            ..whole.clone()
        },
        Publication {
            message: None,
            due: None,
            ..whole
        },
    ] {
        let receipt = server.hub.publish(again).await.unwrap();
        assert_eq!(receipt.to_string(), event.id);
    }
    server.stop().await;

    // Its time to live began when it came.
    hands.step(49);
    for (step, count) in [(0, 1), (2, 0)] {
        hands.step(step);
        let server = Server::start(config()).await;
        let events = server.open("/events?topic=door&poll=1").await.rest().await;
        assert_eq!(events.len(), count);
        server.stop().await;
    }
}

#[tokio::test]
async fn a_sequence_replaces_what_is_still_to_come() {
    let hands = Hands::new();
    let server = Server::start(hands.set(memory())).await;
    let mut stream = server.open("/events?topic=door,lamp").await;
    let with = |publication: Publication, sequence: &str, seconds| Publication {
        sequence: Some(sequence.to_owned()),
        due: Some(hands.at(seconds)),
        ..publication
    };
    let publish = |publication| {
        let hub = server.hub.clone();
        async move { hub.publish(publication).await.unwrap() }
    };
    let lamp = Audience::Only(vec![Address::Topic(Topic::parse("lamp").unwrap())]);
    // A dead man's switch that is pushed on.
    publish(with(door("first"), "s", 10)).await;
    publish(with(door("second"), "s", 20)).await;
    publish(with(door("other"), "o", 15)).await;
    publish(with(Publication::new(lamp.clone(), "lamp"), "s", 16)).await;
    hands.step(17);
    turn(&server).await;
    assert_eq!(stream.data(2).await, ["other", "lamp"]);

    // What comes at once takes it back too, as does saying so.
    publish(with(door("at once"), "s", 0)).await;
    publish(with(Publication::new(lamp.clone(), "no"), "x", 5)).await;
    assert_eq!(
        server
            .hub
            .cancel(lamp.clone(), "y".to_owned())
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        server
            .hub
            .cancel(lamp.clone(), "x".to_owned())
            .await
            .unwrap(),
        1
    );
    assert_eq!(
        server
            .hub
            .cancel(lamp.clone(), "x".to_owned())
            .await
            .unwrap(),
        0
    );
    // A message's id is its sequence until it is given one.
    let message = Publication {
        message: MessageId::parse("Abcdefgh0123"),
        due: Some(hands.at(5)),
        ..door("message")
    };
    publish(message).await;
    publish(with(door("its end"), "Abcdefgh0123", 0)).await;
    hands.step(100);
    server
        .publish(json!({"data": "end", "topic": "door"}))
        .await;
    assert_eq!(stream.data(3).await, ["at once", "its end", "end"]);
    server.stop().await;
}

#[tokio::test]
async fn no_more_than_so_many_are_scheduled_and_a_refusal_changes_nothing() {
    let hands = Hands::new();
    let hub = Hub::open(hands.set(memory())).unwrap();
    for _ in 0..100 {
        let many = (0..1000).map(|_| due("", hands.at(60))).collect();
        hub.publish_all(many).await.unwrap();
    }
    let mixed = vec![Publication::to_everyone("now"), due("", hands.at(60))];
    let refused = hub.publish_all(mixed).await.unwrap_err();
    assert!(
        matches!(refused, HubError::TooManyScheduled { .. }),
        "{refused}"
    );
    assert_eq!(hub.position().seq, 0);
    let receipt = hub.publish(Publication::to_everyone("now")).await.unwrap();
    assert_eq!(receipt.position().unwrap().seq, 1);
    hands.step(61);
    // More are due than one transaction takes.
    let receipt = hub.publish(Publication::to_everyone("end")).await.unwrap();
    assert!(receipt.position().unwrap().seq > 1);
    let mut stats = hub.watch();
    crate::soon(
        "all of them",
        stats.wait_for(|stats| stats.events == 100_000),
    )
    .await
    .unwrap();
    crate::soon("the last", async {
        while hub.position().seq < 100_002 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn bytes_of_what_is_scheduled_are_bounded_too() {
    let hands = Hands::new();
    let hub = Hub::open(hands.set(memory())).unwrap();
    let large = "x".repeat(1 << 20);
    let mut stored = 0;
    let refused = loop {
        match hub.publish(due(&large, hands.at(60))).await {
            Ok(receipt) => assert_eq!(receipt, Receipt::Scheduled),
            Err(refused) => break refused,
        }
        stored += 1;
    };
    assert!(
        matches!(refused, HubError::TooManyScheduled { .. }),
        "{refused}"
    );
    assert_eq!(stored, 127);
}
