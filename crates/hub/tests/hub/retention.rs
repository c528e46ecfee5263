//! How much is kept, and what clocks that jump do to it.

use std::path::Path;
use std::time::Duration;

use hub::{EventId, History, HubConfig, Publication, Store};
use serde_json::json;

use crate::scheduled::Hands;
use crate::{Server, memory, soon};

fn keeping(history: History, config: HubConfig) -> HubConfig {
    HubConfig { history, ..config }
}

const ALL: History = History {
    events: 100_000,
    age: Duration::from_secs(7 * 24 * 60 * 60),
    bytes: 1 << 30,
};

/// What the file holds, counted by hand: events, their bytes, what the hub has
/// written down, and the bytes of those below the floor.
fn counted(path: &Path) -> (u64, u64, u64) {
    let db = rusqlite::Connection::open(path).unwrap();
    db.query_row(
        "SELECT (SELECT count(*) FROM log),
                (SELECT coalesce(sum(length(CAST(data AS BLOB))), 0) FROM log) +
                (SELECT coalesce(sum(length(CAST(address AS BLOB))), 0) FROM address
                 WHERE address <> '*'),
                bytes FROM hub",
        [],
        |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            Ok((number(0)?, number(1)?, number(2)?))
        },
    )
    .unwrap()
}

#[tokio::test]
async fn bytes_are_counted_to_the_byte_whatever_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let hands = Hands::new();
    let history = History {
        bytes: 20_000,
        events: 60,
        ..ALL
    };
    let config = || {
        keeping(
            history,
            hands.set(HubConfig::new(Store::Path(path.clone()))),
        )
    };
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..5 {
        let server = Server::start(config()).await;
        for step in 0..100 {
            let to = match random.u8(..4) {
                0 => json!({"uids": ["1", "张三", "1"]}),
                1 => json!({"topic": "door"}),
                _ => json!({}),
            };
            let mut document = to;
            document["data"] = json!("四".repeat(random.usize(..400)));
            if random.bool() {
                document["id"] = json!(random.u8(..20));
            }
            if random.bool() {
                document["ttl"] = json!(random.u32(1..100));
            }
            server.publish(document).await;
            hands.step(random.i64(-20..40));
            let stats = *server.hub.watch().borrow();
            assert!(
                stats.bytes <= 20_000 && stats.events <= 60,
                "{step}: {stats:?}"
            );
        }
        let stats = *server.hub.watch().borrow();
        server.stop().await;
        let (events, bytes, written) = counted(&path);
        assert_eq!((stats.events, stats.bytes), (events, bytes));
        assert_eq!(written, bytes);
    }
}

#[tokio::test]
async fn what_is_over_the_bytes_is_a_gap() {
    let server = Server::start(keeping(
        History {
            bytes: 10_000,
            ..ALL
        },
        memory(),
    ))
    .await;
    let mut live = server.open("/events?uid=1").await;
    let mut ids = Vec::new();
    let fact = |i: usize| Publication {
        fact: true,
        ..Publication::to_everyone(format!("{i:0>1000}"))
    };
    for i in 1..=25 {
        ids.push(server.hub.publish(fact(i)).await.unwrap().to_string());
    }
    let stats = *server.hub.watch().borrow();
    assert_eq!((stats.events, stats.bytes), (10, 10_000));
    assert_eq!(live.data(25).await.len(), 25);
    let events = server.resume("/events?poll=1", &ids[2]).await.rest().await;
    assert_eq!(events[0].name, "gap");
    assert_eq!(events[0].id, ids[14]);
    let replayed: Vec<_> = events[1..].iter().map(|event| &event.id).collect();
    assert_eq!(replayed, ids[15..].iter().collect::<Vec<_>>());
    // The board has the facts that are left.
    let board = server.open("/events").await.next().await.unwrap();
    let facts = board.data.trim_matches(['[', ']']).split(',');
    let facts: Vec<usize> = facts.map(|fact| fact.parse().unwrap()).collect();
    assert_eq!(facts, (16..=25).collect::<Vec<_>>());
    // One that is alone too large is delivered, and not kept.
    let large = "x".repeat(10_001);
    let id = server.publish(json!({"data": large})).await;
    assert_eq!(live.take(1).await[0].id, id);
    assert_eq!(server.hub.watch().borrow().events, 0);
    let resumed = server.resume("/events?poll=1", &ids[24]).await.rest().await;
    assert_eq!((resumed[0].name.as_str(), &resumed[0].id), ("gap", &id));
    server.stop().await;
}

#[tokio::test]
async fn a_limit_that_was_lowered_is_met_in_steps_while_publishing_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let config = || HubConfig::new(Store::Path(folder.path().join("hub.db")));
    let server = Server::start(config()).await;
    for _ in 0..5 {
        let many = (0..1000).map(|i| Publication::to_everyone(format!("{i:0>100}")));
        server.hub.publish_all(many.collect()).await.unwrap();
    }
    server.stop().await;
    let lower = History {
        bytes: 10_000,
        ..ALL
    };
    let server = Server::start(keeping(lower, config())).await;
    server.publish(json!({"data": "meanwhile"})).await;
    let mut stats = server.hub.watch();
    let met = stats.wait_for(|stats| stats.bytes <= 10_000);
    assert!(soon("the limit", met).await.unwrap().events >= 99);
    assert_eq!(server.hub.position().seq, 5001);
    let events = server.open("/events?poll=1").await.rest().await;
    assert_eq!(events.last().unwrap().data, "meanwhile");
    server.stop().await;
}

/// Its reader comes back again and again, and always finds what is newest, and
/// what it has missed said.
#[tokio::test]
async fn a_history_of_one_event_is_honest() {
    let server = Server::start(keeping(History { events: 1, ..ALL }, memory())).await;
    let mut stream = server.open("/events?uid=1").await;
    let mut last = stream.last_event_id().to_owned();
    for missed in [1, 2, 5, 1, 700, 5000] {
        drop(stream);
        let mut ids = Vec::new();
        for i in 0..missed {
            let publication = Publication::to_everyone(format!("{missed} {i}"));
            ids.push(server.hub.publish(publication).await.unwrap().to_string());
        }
        stream = server.resume("/events?uid=1", &last).await;
        if missed > 1 {
            let gap = stream.next().await.unwrap();
            let newest = ids.len() - 1;
            assert_eq!((gap.name.as_str(), &gap.id), ("gap", &ids[newest - 1]));
            let said = json!({"from": last, "to": ids[newest - 1]});
            assert_eq!(gap.data, said.to_string());
        }
        let newest = stream.next().await.unwrap();
        assert_eq!(newest.data, format!("{missed} {}", missed - 1));
        assert_eq!(&newest.id, ids.last().unwrap());
        last = newest.id;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_clock_that_jumps_changes_neither_order_nor_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let hands = Hands::new();
    let start = hands.now();
    let config = || {
        let day = History {
            age: Duration::from_secs(24 * 3600),
            ..ALL
        };
        keeping(day, hands.set(HubConfig::new(Store::Path(path.clone()))))
    };
    let server = Server::start(config()).await;
    let mut stream = server.open("/events?uid=1").await;
    let mut data = Vec::new();
    for (step, i) in [0, 3600, -7200, 3600, 50_000, -90_000, 1, 1]
        .into_iter()
        .zip(0..)
    {
        hands.step(step);
        server.publish(json!({"data": i})).await;
        data.push(i.to_string());
    }
    assert_eq!(stream.data(8).await, data);

    // A minute is a minute, also while the clock is behind the log's times.
    server.publish(json!({"data": "brief", "ttl": 60})).await;
    let has = async |what: &str| {
        let events = server.open("/events?poll=1").await.rest().await;
        events.iter().any(|event| event.data == what)
    };
    hands.step(59);
    assert!(has("brief").await);
    hands.step(1);
    assert!(!has("brief").await);
    // As for what is due.
    let due = Publication {
        due: Some(hands.at(100)),
        key: Some(EventId::parse("due").unwrap()),
        ..Publication::to_everyone("due")
    };
    server.hub.publish(due.clone()).await.unwrap();
    hands.step(-1000);
    assert!(server.hub.is_healthy().await && !has("due").await);
    hands.step(1099);
    assert!(server.hub.is_healthy().await && !has("due").await);
    hands.step(1);
    assert!(server.hub.is_healthy().await && has("due").await);
    server.stop().await;

    let db = rusqlite::Connection::open(&path).unwrap();
    let times: Vec<i64> = db
        .prepare("SELECT at FROM log ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    drop(db);

    // Too old is what is older than a day by the clock of now; what was stored
    // by a clock that ran ahead stays until the clock has come that far.
    hands.step((start - hands.now()) / 1000 + 3601 + 24 * 3600);
    let server = Server::start(config()).await;
    let mut stats = server.hub.watch();
    soon("the clean-up", stats.wait_for(|stats| stats.events == 5))
        .await
        .unwrap();
    let new = server.publish(json!({"data": "new"})).await;
    assert_eq!(new, format!("{}.11", server.hub.epoch()));
    server.stop().await;
}
