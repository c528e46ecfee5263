//! What would lose events, or bring them twice, at a real engine.

use std::path::Path;
use std::time::Duration;

use fred::types::Value;
use jiff::{SignedDuration, Timestamp};

use super::engine::{Engine, Failed};
use super::functions;
use super::testing::Server;
use super::wire;
use crate::publication::Publication;
use crate::{Hub, HubConfig, Position, Store};

const FIRST: &str = "0123456789";
const SECOND: &str = "abcdefabcd";

async fn function(engine: &Engine, name: &'static str, rest: Vec<Value>) -> Vec<Value> {
    loop {
        match functions::function(engine, name, rest.clone()).await {
            Err(Failed::Away(_)) => {}
            other => return wire::array(&other.unwrap()).unwrap().to_vec(),
        }
    }
}

/// What a node says of itself.
struct Says<'a> {
    node: &'a str,
    epoch: &'a str,
    base: u64,
    known: u64,
    micros: i64,
    proposal: &'a str,
}

async fn tick(engine: &Engine, says: Says<'_>) -> Vec<Value> {
    let Says {
        node,
        epoch,
        base,
        known,
        micros,
        proposal,
    } = says;
    let (base, known, micros) = (base.to_string(), known.to_string(), micros.to_string());
    let told = [
        node, epoch, &base, &known, &known, &micros, "100", "3600000", "1000000", "0", proposal,
    ];
    let told = told.into_iter().map(Value::from).collect();
    function(engine, "feedbell_tick", told).await
}

async fn joins(engine: &Engine, node: &str) -> (String, u64) {
    let says = Says {
        node,
        epoch: "",
        base: 0,
        known: 0,
        micros: 0,
        proposal: FIRST,
    };
    let said = tick(engine, says).await;
    (state(&said), wire::number(&said[2]).unwrap())
}

fn state(said: &[Value]) -> String {
    wire::text(&said[0]).unwrap().to_owned()
}

async fn append(engine: &Engine, epoch: &str, one: &Publication) -> Vec<Value> {
    let mut arguments = vec![epoch.into(), "0".into(), "1".into(), "1".into()];
    wire::arguments(one, &mut arguments);
    function(engine, "feedbell_append", arguments).await
}

fn keyed(key: &str) -> Publication {
    Publication {
        key: Some(key.parse().unwrap()),
        ..Publication::to_everyone(key)
    }
}

fn in_an_hour(key: &str) -> Publication {
    Publication {
        due: Some(Timestamp::now() + SignedDuration::from_hours(1)),
        ..keyed(key)
    }
}

fn node_at(server: &Server, folder: &Path) -> HubConfig {
    let mut config = HubConfig::new(Store::Path(folder.join("hub.db")));
    config.backplane = Some(server.backplane());
    config
}

async fn until(is_so: impl Fn() -> bool) {
    let all = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_scheduled_keeps_its_id_in_a_new_epoch() {
    let server = Server::start();
    let engine = Engine::connect(&server.backplane()).unwrap();
    let (_, base) = joins(&engine, "n1").await;
    append(&engine, FIRST, &in_an_hour("a")).await;
    // It has seen more than the engine has.
    let says = Says {
        node: "n2",
        epoch: FIRST,
        base,
        known: base + 9,
        micros: 1,
        proposal: SECOND,
    };
    assert_eq!(wire::text(&tick(&engine, says).await[1]), Some(SECOND));
    assert_eq!(server.say(&["ZCARD", "{feedbell}:due"]), "1");
    append(&engine, SECOND, &in_an_hour("a")).await;
    assert_eq!(
        server.say(&["ZCARD", "{feedbell}:due"]),
        "1",
        "it would come twice"
    );
}

/// that the nodes vouched for it then.
#[tokio::test]
async fn who_was_a_primary_before_is_not_vouched_for() {
    let server = Server::start();
    let engine = Engine::connect(&server.backplane()).unwrap();
    let (_, base) = joins(&engine, "n1").await;
    joins(&engine, "n2").await;
    let other = Server::start();
    let port = other.say(&["CONFIG", "GET", "port"]);
    let port = port.lines().last().unwrap().to_owned();
    // The other one goes on from here, and this one copies it, then is promoted.
    let own = server.say(&["CONFIG", "GET", "port"]);
    let own = own.lines().last().unwrap().to_owned();
    other.say(&["REPLICAOF", "127.0.0.1", &own]);
    until(|| other.say(&["EXISTS", "{feedbell}:hub"]) == "1").await;
    until(|| {
        server
            .say(&["INFO", "replication"])
            .contains("state=online")
    })
    .await;
    other.say(&["REPLICAOF", "NO", "ONE"]);
    server.say(&["REPLICAOF", "127.0.0.1", &port]);
    until(|| {
        server
            .say(&["INFO", "replication"])
            .contains("master_link_status:up")
    })
    .await;
    assert_eq!(
        server
            .say(&["INFO", "stats"])
            .lines()
            .find(|line| line.starts_with("sync_full"))
            .map(str::trim),
        Some("sync_full:1")
    );
    let there = Engine::connect(&other.backplane()).unwrap();
    for node in ["n1", "n2"] {
        let says = Says {
            node,
            epoch: FIRST,
            base,
            known: base,
            micros: 0,
            proposal: SECOND,
        };
        tick(&there, says).await;
    }
    assert_eq!(state(&append(&there, FIRST, &keyed("a")).await), "ok");
    until(|| server.say(&["XLEN", "{feedbell}:log"]) == "1").await;
    server.say(&["REPLICAOF", "NO", "ONE"]);
    assert_eq!(state(&append(&engine, FIRST, &keyed("b")).await), "wait");
}

/// Single events of a log go before those around them, when their time is over.
#[tokio::test(flavor = "multi_thread")]
async fn who_joins_copies_a_history_with_holes() {
    let server = Server::start();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let path = folders[0].path().join("hub.db");
    let alone = Hub::open(HubConfig::new(Store::Path(path.clone()))).unwrap();
    for nth in 0..9 {
        let over = Publication {
            ttl: (nth % 2 == 0).then_some(Duration::ZERO),
            ..keyed(&nth.to_string())
        };
        alone.publish(over).await.unwrap();
    }
    let before = alone.position();
    drop(alone);
    // Opened again, it gives up what is over: 1, 3, 5, 7 and 9.
    let alone = Hub::open(HubConfig::new(Store::Path(path.clone()))).unwrap();
    until(|| alone.watch().borrow().events == 4).await;
    drop(alone);
    let mut config = node_at(&server, folders[0].path());
    config.backplane = config.backplane.map(super::Backplane::import);
    let _first = Hub::open(config).unwrap();
    let second = Hub::open(node_at(&server, folders[1].path())).unwrap();
    until(|| second.node().unwrap().state().ready).await;
    assert_eq!(second.position(), before);
    let copied = second.log().events(0).await.unwrap();
    let seqs: Vec<_> = copied.iter().map(|event| event.seq).collect();
    assert_eq!(second.log().floor(), 0);
    assert!(seqs.starts_with(&[2, 4, 6, 8]), "{seqs:?}");
    let own = crate::record::View {
        filter: crate::publication::Filter::of(Vec::new()),
        format: crate::format::Format::Sse,
        opened: 0,
    };
    let mut given = 0;
    let mut cursor = 0;
    while cursor < before.seq {
        let page = second.log().read(&own, cursor).await.unwrap();
        assert!(page.floor <= cursor, "no gap");
        (cursor, given) = (page.scanned, given + page.events);
    }
    assert_eq!(given, 4);
    let next = second.publish(keyed("next")).await.unwrap();
    let next = next.position().unwrap();
    assert_eq!(
        next,
        Position {
            seq: before.seq + 1,
            ..before
        }
    );
}

/// Another program wrote into the log, past the functions.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_none_is_passed_over_once() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::open(node_at(&server, folder.path())).unwrap();
    let first = hub.publish(keyed("a")).await.unwrap().position().unwrap();
    until(|| hub.position() == first).await;
    let place = format!("{}-1", first.seq);
    server.say(&["XADD", "{feedbell}:log", &place, "what", "ever"]);
    let second = hub.publish(keyed("b")).await.unwrap().position().unwrap();
    until(|| hub.position() == second).await;
    assert_eq!(hub.log().floor(), first.seq - 1, "no gap");
    server.say(&[
        "XADD",
        "{feedbell}:log",
        &format!("{}-1", second.seq),
        "what",
        "ever",
    ]);
    // Whoever reads it again and again never waits.
    until(|| {
        server
            .say(&["INFO", "clients"])
            .contains("blocked_clients:1")
    })
    .await;
}

#[tokio::test]
async fn where_no_memory_is_left_some_is_given_back() {
    let server = Server::start();
    let engine = Engine::connect(&server.backplane()).unwrap();
    let (_, base) = joins(&engine, "n1").await;
    for nth in 0..150 {
        append(&engine, FIRST, &keyed(&nth.to_string())).await;
    }
    append(&engine, FIRST, &in_an_hour("later")).await;
    server.say(&["CONFIG", "SET", "maxmemory", "1"]);
    let mut arguments = vec![FIRST.into(), "0".into(), "1".into(), "1".into()];
    wire::arguments(&keyed("full"), &mut arguments);
    let refused = functions::function(&engine, "feedbell_append", arguments).await;
    assert!(matches!(refused, Err(Failed::Refused(why)) if why.starts_with("OOM")));
    let id = format!("{}-0", base + 150);
    let newest = server.say(&["XRANGE", "{feedbell}:log", &id, &id]);
    let says = Says {
        node: "n1",
        epoch: FIRST,
        base,
        known: base + 150,
        micros: newest.lines().nth(3).unwrap().parse().unwrap(),
        proposal: SECOND,
    };
    assert_eq!(state(&tick(&engine, says).await), "ok");
    assert_eq!(server.say(&["XLEN", "{feedbell}:log"]), "100");
    let rows = ["0", "0", "9"].map(Value::from).to_vec();
    assert_eq!(function(&engine, "feedbell_scheduled", rows).await.len(), 1);
}

/// Nodes read nothing else: what was taken would be for nobody.
#[tokio::test]
async fn an_outside_program_is_refused_what_is_not_utf8() {
    let server = Server::start();
    let engine = Engine::connect(&server.backplane()).unwrap();
    joins(&engine, "n1").await;
    let publish = async |data: &[u8]| {
        let document = [&b"{\"data\":\""[..], data, b"\"}"].concat();
        assert_eq!(
            std::str::from_utf8(data).is_ok(),
            match functions::function(
                &engine,
                "feedbell_publish",
                vec![Value::Bytes(document.into())],
            )
            .await
            {
                Ok(_) => true,
                Err(Failed::Refused(why)) => !why.contains("UTF-8"),
                Err(Failed::Away(why)) => panic!("{why}"),
            },
            "{data:?}"
        );
    };
    for lead in 0x80..=0xff {
        for next in [0x41, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0] {
            publish(&[lead]).await;
            publish(&[lead, next]).await;
            publish(&[lead, next, 0x80]).await;
            publish(&[lead, next, 0x80, 0x80]).await;
            publish(&[0xe2, lead, next, 0x82, 0xac]).await;
        }
    }
}
