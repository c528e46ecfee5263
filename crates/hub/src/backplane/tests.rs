//! The functions at a real engine, and nodes on it.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use fred::types::Value;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::engine::{Engine, Failed};
use super::functions;
use super::testing::Server;
use super::wire;
use crate::log::Upcoming;
use crate::publication::{Address, Audience, Publication, Topic, Uid};
use crate::{Hub, HubConfig, HubError, Position, Receipt, Store};

const EPOCH: &str = "0123456789";

/// Calls a function; again, where the engine was just restarted.
async fn function(engine: &Engine, name: &'static str, rest: Vec<Value>) -> Result<Value, Failed> {
    loop {
        match functions::function(engine, name, rest.clone()).await {
            Err(Failed::Away(_)) => {}
            other => return other,
        }
    }
}

/// A node that is nothing but what it says.
async fn tick(engine: &Engine, node: &str, epoch: &str, known: u64, micros: i64) -> Vec<Value> {
    tick_of(engine, (node, "", ""), epoch, known, micros).await
}

/// The same with its hub and its process.
async fn tick_of(
    engine: &Engine,
    (node, lineage, process): (&str, &str, &str),
    epoch: &str,
    known: u64,
    micros: i64,
) -> Vec<Value> {
    let base = if epoch.is_empty() {
        0
    } else {
        base(engine).await
    };
    let told = [
        node,
        epoch,
        &base.to_string(),
        &known.to_string(),
        &known.to_string(),
        &micros.to_string(),
        "100",
        "3600000",
        "1000000",
        "7",
        "abcdefabcd",
        lineage,
        process,
    ];
    let told = told.into_iter().map(Value::from).collect();
    let said = function(engine, "feedbell_tick", told).await.unwrap();
    wire::array(&said).unwrap().to_vec()
}

async fn base(engine: &Engine) -> u64 {
    let field = vec![engine.key("hub").into(), "base".into()];
    wire::number(&engine.call("HGET", field).await.unwrap()).unwrap_or(0)
}

/// An engine with a hub that takes publications.
async fn open() -> (Server, Engine, u64) {
    let server = Server::start();
    let engine = Engine::connect(&server.backplane()).unwrap();
    let told = [
        "n1", "", "0", "0", "0", "0", "100", "3600000", "1000000", "0", EPOCH,
    ];
    let told = told.into_iter().map(Value::from).collect();
    let said = function(&engine, "feedbell_tick", told).await.unwrap();
    assert_eq!(wire::text(&wire::array(&said).unwrap()[0]), Some("ok"));
    let base = base(&engine).await;
    (server, engine, base)
}

/// Each of these is one job.
async fn append(engine: &Engine, jobs: &[&[Publication]]) -> Vec<Value> {
    let mut arguments = vec![EPOCH.into(), "0".into(), jobs.len().to_string().into()];
    for job in jobs {
        arguments.push(job.len().to_string().into());
        job.iter()
            .for_each(|one| wire::arguments(one, &mut arguments));
    }
    let said = function(engine, "feedbell_append", arguments)
        .await
        .unwrap();
    wire::array(&said).unwrap().to_vec()
}

/// The numbers after the head of the log that one job got.
fn numbers(said: &Value, base: u64) -> Vec<u64> {
    let numbers = wire::array(said).unwrap().iter().skip(1);
    numbers
        .map(|number| wire::number::<u64>(number).unwrap().saturating_sub(base))
        .collect()
}

fn keyed(key: &str, to: Audience) -> Publication {
    Publication {
        key: Some(key.parse().unwrap()),
        ..Publication::new(to, "x")
    }
}

fn user(uid: &str) -> Audience {
    Audience::Only(vec![Address::Uid(Uid::parse(uid).unwrap())])
}

#[tokio::test]
async fn one_id_is_one_event_for_one_audience() {
    let (_server, engine, base) = open().await;
    let everyone = keyed("a", Audience::Everyone);
    let ada = keyed("a", user("ada"));
    let said = append(&engine, &[&[everyone.clone(), ada.clone()], from_ref(&ada)]).await;
    assert_eq!(numbers(&said[4], base), [1, 2]);
    assert_eq!(numbers(&said[5], base), [2]);
    let said = append(&engine, &[&[keyed("a", user("bo")), everyone, ada]]).await;
    assert_eq!(numbers(&said[4], base), [3, 1, 2]);
    assert_eq!(wire::number(&wire::array(&said[4]).unwrap()[0]), Some(2));
}

#[tokio::test]
async fn what_is_read_back_is_what_was_published() {
    let (_server, engine, base) = open().await;
    let topic = Address::Topic(Topic::parse("door").unwrap());
    let publication = Publication {
        event: Some("like".parse().unwrap()),
        key: Some("k 1".parse().unwrap()),
        ttl: Some(Duration::from_secs(5)),
        retry: Some(Duration::from_millis(7)),
        fact: true,
        transient: true,
        message: crate::MessageId::parse("abcdefABCDEF"),
        ..Publication::new(
            Audience::Only(vec![topic, Address::Uid(Uid::parse("张三 *").unwrap())]),
            "line\n线\r\n\u{1f514}",
        )
    };
    append(&engine, &[from_ref(&publication)]).await;
    let read = vec!["STREAMS".into(), engine.key("log").into(), "0-0".into()];
    let read = engine.call("XREAD", read).await.unwrap();
    let [entry] = wire::entries(&read) else {
        panic!("{read:?}");
    };
    let entry = wire::entry(entry).unwrap();
    assert_eq!(entry.epoch.to_string(), EPOCH);
    assert_eq!(entry.event.seq, base + 1);
    assert_eq!(entry.event.expires, Some(entry.event.micros / 1000 + 5000));
    let expected = Publication {
        ttl: None,
        ..publication
    };
    assert_eq!(entry.event.publication, expected);
}

#[tokio::test]
async fn what_is_scheduled_comes_once_and_in_its_order() {
    let (server, engine, base) = open().await;
    let now = Timestamp::now();
    let later = |millis: i64, data: &str, sequence: &str| Publication {
        due: Some(now + jiff::SignedDuration::from_millis(millis)),
        sequence: Some(sequence.to_owned()),
        ..keyed(data, Audience::Everyone)
    };
    let (far, near) = (later(600_000, "far", "1"), later(60_000, "near", "2"));
    let said = append(&engine, &[&[far.clone(), near], &[far]]).await;
    assert_eq!(numbers(&said[4], base), [0, 0]);
    assert_eq!(numbers(&said[5], base), [0]);
    let rows = async |after: Upcoming| {
        let arguments = vec![
            after.due.to_string().into(),
            format!("{:016}", after.entry).into(),
            "1".into(),
        ];
        let rows = function(&engine, "feedbell_scheduled", arguments)
            .await
            .unwrap();
        let rows = wire::array(&rows)
            .unwrap()
            .iter()
            .filter_map(wire::scheduled);
        rows.collect::<Vec<_>>()
    };
    let first = rows(Upcoming { due: 0, entry: 0 }).await;
    assert_eq!(first[0].1.key.as_ref().unwrap().as_str(), "near");
    let second = rows(first[0].0).await;
    assert_eq!(second[0].1.key.as_ref().unwrap().as_str(), "far");
    assert_eq!(rows(second[0].0).await, []);
    // What has its sequence takes its place; taken back, its id is free.
    let said = append(&engine, &[&[later(300_000, "nearer", "2")]]).await;
    let due = wire::number::<i64>(&said[1]).unwrap();
    assert!(
        (0..=1).contains(&(due - now.as_millisecond() - 300_000)),
        "{due}"
    );
    let cancel = async |sequence: &str| {
        let arguments = [EPOCH, "0", "*", sequence].map(Value::from).to_vec();
        let said = function(&engine, "feedbell_cancel", arguments)
            .await
            .unwrap();
        wire::number::<u64>(&wire::array(&said).unwrap()[1]).unwrap()
    };
    assert_eq!((cancel("2").await, cancel("2").await), (1, 0));
    let said = append(&engine, &[&[keyed("nearer", Audience::Everyone)]]).await;
    assert_eq!(numbers(&said[4], base), [1]);
    // Made due by hand: time at the engine is not ours.
    server.say(&["ZADD", "{feedbell}:due", "1", "0000000000000001"]);
    let said = append(&engine, &[&[keyed("last", Audience::Everyone)]]).await;
    assert_eq!(numbers(&said[4], base), [3], "what was due came before it");
    let said = append(&engine, &[&[keyed("far", Audience::Everyone)]]).await;
    assert_eq!(numbers(&said[4], base), [2], "its id is still its own");
    assert_eq!(server.say(&["ZCARD", "{feedbell}:due"]), "0");
}

/// An engine that was restarted remembers what it wrote, and not that others
/// know more.
#[tokio::test]
async fn nothing_is_taken_before_all_who_were_there_have_vouched() {
    let (mut server, engine, base) = open().await;
    tick(&engine, "n2", EPOCH, 0, 0).await;
    append(&engine, &[&[keyed("a", Audience::Everyone)]]).await;
    server.kill();
    server.begin();
    let state = |said: &[Value]| wire::text(&said[0]).unwrap().to_owned();
    let refused = append(&engine, &[&[keyed("b", Audience::Everyone)]]).await;
    assert_eq!(state(&refused), "wait");
    assert_eq!(
        state(&tick(&engine, "n3", "", 0, 0).await),
        "wait",
        "a new one knows nothing"
    );
    let micros: i64 = server
        .say(&["HGET", "{feedbell}:hub", "micros"])
        .parse()
        .unwrap();
    assert_eq!(
        state(&tick(&engine, "n1", EPOCH, base + 1, micros).await),
        "wait"
    );
    let last = tick(&engine, "n2", EPOCH, base, 0).await;
    assert_eq!(
        (state(&last), wire::text(&last[1])),
        ("ok".to_owned(), Some(EPOCH))
    );
    let taken = append(&engine, &[&[keyed("b", Audience::Everyone)]]).await;
    assert_eq!(numbers(&taken[4], base), [2]);
}

#[tokio::test]
async fn an_engine_that_is_older_than_a_node_begins_a_new_epoch() {
    let (server, engine, base) = open().await;
    append(&engine, &[&[keyed("a", Audience::Everyone)]]).await;
    let micros: i64 = server
        .say(&["HGET", "{feedbell}:hub", "micros"])
        .parse()
        .unwrap();
    // Another event at this place, and a place that is not there.
    for (known, micros) in [(base + 1, micros + 1), (base + 2, micros)] {
        let server = open().await;
        let (_other, engine, base_there) = server;
        append(&engine, &[&[keyed("a", Audience::Everyone)]]).await;
        let known = known - base + base_there;
        let said = tick(&engine, "n2", EPOCH, known, micros).await;
        assert_eq!(wire::text(&said[1]), Some("abcdefabcd"));
        assert_eq!(wire::text(&said[7]), Some("older"));
        assert!(wire::number::<u64>(&said[3]).unwrap() > known);
    }
    let said = tick(&engine, "n2", EPOCH, base + 1, micros).await;
    assert_eq!(wire::text(&said[1]), Some(EPOCH));
}

#[tokio::test]
async fn the_log_keeps_what_is_within_its_limits_and_waits_for_who_lags() {
    let (server, engine, base) = open().await;
    let many = |from: u64, to: u64| -> Vec<Publication> {
        (from..=to)
            .map(|nth| keyed(&nth.to_string(), Audience::Everyone))
            .collect()
    };
    let length = || server.say(&["XLEN", "{feedbell}:log"]);
    tick(&engine, "n2", EPOCH, base, 0).await;
    append(&engine, &[&many(1, 150)]).await;
    // One node is at the start still, and is waited for until there is twice as much.
    let head = async |seq: u64| {
        let id = format!("{}-0", base + seq);
        let entry = server.say(&["XRANGE", "{feedbell}:log", &id, &id]);
        let micros: i64 = entry.lines().nth(3).unwrap().parse().unwrap();
        tick(&engine, "n1", EPOCH, base + seq, micros).await;
    };
    head(150).await;
    assert_eq!(length(), "150");
    append(&engine, &[&many(151, 250)]).await;
    head(250).await;
    assert_eq!(length(), "200");
    // When it has gone, nothing is kept for it.
    function(&engine, "feedbell_leave", vec!["n2".into()])
        .await
        .unwrap();
    head(250).await;
    assert_eq!(length(), "100");
    assert_eq!(server.say(&["ZCARD", "{feedbell}:ids"]), "100");
    assert_eq!(
        server.say(&["HGET", "{feedbell}:hub", "floor"]),
        (base + 150).to_string()
    );
}

#[tokio::test]
async fn what_no_publisher_may_send_over_http_is_refused_from_outside() {
    let (server, _engine, base) = open().await;
    let publish = |document: &str| {
        server.say(&["FCALL", "feedbell_publish", "1", "{feedbell}:log", document])
    };
    for document in [
        "",
        "[]",
        "7",
        "{}",
        r#"{"data":null}"#,
        r#"{"data":"x","uid":null}"#,
        r#"{"data":"x","uids":[]}"#,
        r#"{"data":"x","uids":[true]}"#,
        r#"{"data":"x","uid":""}"#,
        r#"{"data":"x","uid":"a\nb"}"#,
        r#"{"data":"x","uid":12345678901234567890}"#,
        r#"{"data":"x","topic":"a b"}"#,
        r#"{"data":"x","topic":"v1"}"#,
        r#"{"data":"x","event":"open"}"#,
        r#"{"data":"x","event":"gap"}"#,
        r#"{"data":"x","event":"a\u0085"}"#,
        r#"{"data":"x","ttl":0}"#,
        r#"{"data":"x","retry":1.5}"#,
        r#"{"data":"x","id":{}}"#,
        r#"{"data":"x","to":"me"}"#,
    ] {
        let said = publish(document);
        assert!(said.contains("FEEDBELL "), "{document}: {said}");
    }
    for (nth, document) in [
        r#"{"data":null,"event":"like"}"#,
        r#"{"event":"like"}"#,
        r#"{"data":{"b":1,"a":[1.50]},"uid":1,"uids":["张三"],"topic":"door","id":7,"ttl":9,"retry":0}"#,
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(publish(document), format!("{EPOCH}.{}", base + 1 + nth as u64));
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|it| json!(it)),
        any::<i32>().prop_map(|it| json!(it)),
        // Lua does not know 1 from 1.0.
        any::<i16>().prop_map(|it| json!(f64::from(it) + 0.5)),
        "[a-z\u{80}\u{9f}\n A-Z_0-9张-]{0,4}".prop_map(|it| json!(it)),
        prop::collection::vec("[a-z]{0,2}", 0..3).prop_map(|it| json!(it)),
        Just(json!("v1")),
        Just(json!({})),
    ]
}

#[tokio::test]
async fn a_node_of_another_hub_changes_nothing() {
    let (server, engine, base) = open().await;
    append(&engine, &[&[keyed("a", Audience::Everyone)]]).await;
    let own = server.say(&["HGET", "{feedbell}:hub", "lineage"]);
    server.say(&["HSET", "{feedbell}:hub", "born", "0"]);
    // However high its numbers are.
    let other = ("n9", "00000000000000f", "");
    let said = tick_of(&engine, other, "ffffffffff", base + 9_000_000, 1).await;
    assert_eq!(wire::text(&said[0]), Some("foreign"));
    assert_eq!(server.say(&["XLEN", "{feedbell}:log"]), "1");
    let micros: i64 = server
        .say(&["HGET", "{feedbell}:hub", "micros"])
        .parse()
        .unwrap();
    let said = tick_of(&engine, ("n1", &own, ""), EPOCH, base + 1, micros).await;
    assert_eq!(wire::text(&said[0]), Some("ok"));
    assert_eq!(wire::text(&said[11]), Some(&*own));
}

/// Folders are put back from somewhere, or have numbers that were never given.
#[tokio::test]
async fn a_log_that_goes_on_is_not_given_up_for_an_unknown_epoch() {
    let (server, engine, base) = open().await;
    append(&engine, &[&[keyed("a", Audience::Everyone)]]).await;
    let own = server.say(&["HGET", "{feedbell}:hub", "lineage"]);
    server.say(&["HSET", "{feedbell}:hub", "begun", "1"]);
    let said = tick_of(&engine, ("n9", &own, ""), "ffffffffff", base + 1, 1).await;
    assert_eq!(wire::text(&said[0]), Some("foreign"));
    assert_eq!(server.say(&["XLEN", "{feedbell}:log"]), "1");
}

/// Whoever knows nothing may be the first to come to an engine that was emptied.
#[tokio::test]
async fn who_knew_a_hub_before_makes_good_what_a_new_node_began() {
    let (_server, engine, base) = open().await;
    append(&engine, &[&[keyed("a", Audience::Everyone)]]).await;
    let node = ("n9", "00000000000000f", "");
    let said = tick_of(&engine, node, "ffffffffff", base - 5, 1).await;
    let [state, epoch, .., lineage] = said.as_slice() else {
        panic!("{said:?}");
    };
    let told = [state, epoch, lineage, &said[7]].map(|value| wire::text(value).unwrap());
    assert_eq!(told, ["ok", "abcdefabcd", "00000000000000f", "empty"]);
    assert!(wire::number::<u64>(&said[2]).unwrap() > base + 1);
}

#[tokio::test]
async fn a_log_into_which_others_write_begins_anew() {
    let (server, engine, base) = open().await;
    append(&engine, &[&[keyed("a", Audience::Everyone)]]).await;
    let micros: i64 = server
        .say(&["HGET", "{feedbell}:hub", "micros"])
        .parse()
        .unwrap();
    server.say(&["XADD", "{feedbell}:log", "*", "a", "b"]);
    let said = tick(&engine, "n1", EPOCH, base + 1, micros).await;
    assert_eq!(wire::text(&said[7]), Some("mixed"));
    let mut arguments = vec!["abcdefabcd".into(), "0".into(), "1".into(), "1".into()];
    wire::arguments(&keyed("b", Audience::Everyone), &mut arguments);
    let said = function(&engine, "feedbell_append", arguments)
        .await
        .unwrap();
    assert_eq!(wire::text(&wire::array(&said).unwrap()[0]), Some("ok"));
}

#[tokio::test]
async fn two_processes_with_one_name_are_noticed_and_one_that_starts_again_is_not() {
    let (_server, engine, _) = open().await;
    let state = async |process: &str| {
        let said = tick_of(&engine, ("n1", "", process), "", 0, 0).await;
        wire::text(&said[0]).unwrap().to_owned()
    };
    for process in ["aa", "aa", "bb", "bb", "cc"] {
        assert_eq!(state(process).await, "ok", "{process}");
    }
    assert_eq!(state("bb").await, "twin");
    assert_eq!(state("cc").await, "ok");
}

#[tokio::test]
async fn a_clock_that_is_set_back_leaves_no_nodes_behind() {
    let (server, engine, _) = open().await;
    tick(&engine, "n2", "", 0, 0).await;
    let later = Timestamp::now().as_microsecond() + 3_600_000_000;
    server.say(&["ZADD", "{feedbell}:nodes", &later.to_string(), "n2"]);
    tick(&engine, "n1", "", 0, 0).await;
    assert_eq!(server.say(&["ZRANGE", "{feedbell}:nodes", "0", "-1"]), "n1");
}

#[tokio::test]
async fn an_import_that_stopped_keeps_others_away_for_a_while() {
    let server = Server::start();
    let engine = Engine::connect(&server.backplane()).unwrap();
    let begin = async |node: &str, epoch: &str| {
        let arguments = ["begin", node, epoch, "00000000000000f"]
            .map(Value::from)
            .to_vec();
        let said = function(&engine, "feedbell_import", arguments)
            .await
            .unwrap();
        wire::text(&wire::array(&said).unwrap()[0])
            .unwrap()
            .to_owned()
    };
    assert_eq!(begin("n1", EPOCH).await, "ok");
    assert_eq!(begin("n1", EPOCH).await, "ok", "it begins anew");
    assert_eq!(begin("n2", "ffffffffff").await, "importing");
    let said = tick(&engine, "n3", "", 0, 0).await;
    assert_eq!(wire::text(&said[0]), Some("importing"));
    server.say(&["HSET", "{feedbell}:hub", "seen", "1"]);
    assert_eq!(begin("n2", "ffffffffff").await, "ok");
    let end = ["end", "n2", "0", "0"].map(Value::from).to_vec();
    function(&engine, "feedbell_import", end).await.unwrap();
    assert_eq!(
        begin("n2", "ffffffffff").await,
        "done",
        "the answer was lost"
    );
    assert_eq!(begin("n1", EPOCH).await, "taken");
}

/// Nodes take every publication that the engine took, and what could have come over
/// HTTP as if it had.
#[test]
fn nodes_read_what_the_engine_took_from_outside() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (server, engine, _) = runtime.block_on(open());
    let names = [
        "uid", "uids", "topic", "topics", "event", "data", "id", "ttl", "retry",
    ];
    let documents = prop::collection::vec((prop::sample::select(names.to_vec()), value()), 1..5);
    let mut last = "0-0".to_owned();
    let taken = std::cell::Cell::new(0);
    let same = std::cell::Cell::new(0);
    let last = std::cell::RefCell::new(&mut last);
    proptest!(ProptestConfig::with_cases(1500), |(fields in documents)| {
        let document: serde_json::Map<_, _> =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let text = serde_json::Value::Object(document).to_string();
        let said = runtime.block_on(function(&engine, "feedbell_publish", vec![text.as_str().into()]));
        if said.is_err() {
            return Ok(());
        }
        taken.set(taken.get() + 1);
        let read = vec!["STREAMS".into(), engine.key("log").into(), last.borrow().as_str().into()];
        let read = runtime.block_on(engine.call("XREAD", read)).unwrap();
        for entry in wire::entries(&read) {
            let entry = wire::entry(entry).unwrap();
            **last.borrow_mut() = wire::stream_id(entry.event.seq);
            // Whatever both take is the same to both.
            if let Ok(crate::inbound::Published::One(over_http)) =
                crate::inbound::publish(Some("application/json"), None, text.as_bytes())
            {
                let over_http = Publication { ttl: None, ..over_http };
                let here = &entry.event.publication;
                prop_assert_eq!(here.to.to_column(), over_http.to.to_column());
                prop_assert_eq!(here, &Publication { to: here.to.clone(), ..over_http });
                same.set(same.get() + 1);
            }
        }
    });
    let counts = (taken.get(), same.get());
    assert!(counts.0 > 30 && counts.1 > 20, "{counts:?}");
    drop(server);
}

/// A node with a folder of its own.
fn joined(server: &Server, folder: &std::path::Path, change: impl FnOnce(&mut HubConfig)) -> Hub {
    let mut config = HubConfig::new(Store::Path(folder.join("hub.db")));
    config.backplane = Some(server.backplane());
    change(&mut config);
    Hub::open(config).unwrap()
}

async fn reaches(hub: &Hub, position: Position) {
    let mut head = hub.log().watch_head();
    let reached = head.wait_for(|head| *head >= position.seq);
    tokio::time::timeout(Duration::from_secs(20), reached)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(hub.epoch(), position.epoch);
}

async fn published(hub: &Hub, data: &str) -> Position {
    let receipt = hub.publish(Publication::to_everyone(data)).await.unwrap();
    receipt.position().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_whose_clocks_differ_agree_about_time() {
    let server = Server::start();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let hour = jiff::SignedDuration::from_hours(1);
    let early = joined(&server, folders[0].path(), |config| {
        config.clock = Arc::new(move || Timestamp::now() - hour);
    });
    let late = joined(&server, folders[1].path(), |config| {
        config.clock = Arc::new(move || Timestamp::now() + hour);
    });
    for (from, to) in [(&early, &late), (&late, &early)] {
        let minutes = Publication {
            ttl: Some(Duration::from_secs(600)),
            ..Publication::to_everyone("for ten minutes")
        };
        let position = from.publish(minutes).await.unwrap().position().unwrap();
        reaches(to, position).await;
        let difference = from.log().now().abs_diff(to.log().now());
        assert!(difference < 5000, "{difference} ms");
        let copied = to.log().events(position.seq - 1).await.unwrap();
        assert!(copied[0].expires.unwrap() > to.log().now());
        let difference = (copied[0].micros / 1000).abs_diff(Timestamp::now().as_millisecond());
        assert!(difference < 20_000, "{difference} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_becomes_that_of_all_nodes_once_and_where_it_is_wanted() {
    let server = Server::start();
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let path = folders[0].path().join("hub.db");
    let alone = Hub::open(HubConfig::new(Store::Path(path.clone()))).unwrap();
    for nth in 0..700 {
        alone
            .publish(keyed(&format!("k{nth}"), Audience::Everyone))
            .await
            .unwrap();
    }
    let later = Publication {
        due: Some(Timestamp::now() + jiff::SignedDuration::from_hours(9)),
        ..Publication::to_everyone("later")
    };
    assert_eq!(alone.publish(later).await.unwrap(), Receipt::Scheduled);
    let before = alone.position();
    drop(alone);
    let config = |import: bool| {
        let mut config = HubConfig::new(Store::Path(path.clone()));
        let backplane = server.backplane();
        config.backplane = Some(if import {
            backplane.import()
        } else {
            backplane
        });
        config
    };
    let refused = Hub::open(config(false)).err().unwrap();
    assert!(matches!(refused, HubError::OwnHistory { .. }), "{refused}");
    let first = Hub::open(config(true)).unwrap();
    assert_eq!(first.position(), before);
    let second = joined(&server, folders[1].path(), |_| {});
    reaches(&second, before).await;
    let same = second
        .publish(keyed("k3", Audience::Everyone))
        .await
        .unwrap();
    assert_eq!(same, Receipt::Stored(Position { seq: 4, ..before }));
    assert_eq!(published(&second, "next").await.seq, before.seq + 1);
    assert_eq!(server.say(&["ZCARD", "{feedbell}:due"]), "1");
    drop(first);
    // The same flags again do no harm; without the backplane it is nobody's log.
    reaches(
        &Hub::open(config(true)).unwrap(),
        Position {
            seq: before.seq + 1,
            ..before
        },
    )
    .await;
    let refused = Hub::open(HubConfig::new(Store::Path(path.clone())))
        .err()
        .unwrap();
    assert!(matches!(refused, HubError::IsCopy { .. }), "{refused}");
    // Another history does not push itself between.
    let other = folders[2].path().join("hub.db");
    let alone = Hub::open(HubConfig::new(Store::Path(other.clone()))).unwrap();
    published(&alone, "mine").await;
    drop(alone);
    let mut config = HubConfig::new(Store::Path(other));
    config.backplane = Some(server.backplane().import());
    let refused = Hub::open(config).err().unwrap();
    assert!(matches!(refused, HubError::NotImported { .. }), "{refused}");
}

#[tokio::test]
async fn a_publication_counts_once_where_it_was_published() {
    let server = Server::start();
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [one, other] = folders
        .each_ref()
        .map(|folder| joined(&server, folder.path(), |_| {}));
    let mut last = published(&one, "first").await;
    for data in ["second", "third"] {
        last = published(&one, data).await;
    }
    reaches(&one, last).await;
    reaches(&other, last).await;
    let stored = |hub: &Hub| {
        let each = hub.metrics().published.each();
        each.filter(|(name, _)| *name == "stored")
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    assert_eq!((stored(&one), stored(&other)), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_another_hub_is_left_alone() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let hub = joined(&server, folder.path(), |_| {});
    let last = published(&hub, "kept").await;
    reaches(&hub, last).await;
    drop(hub);
    let config = |prefix: &str, import: bool| {
        let mut config = HubConfig::new(Store::Path(folder.path().join("hub.db")));
        let backplane = server.backplane().prefix(prefix).unwrap();
        config.backplane = Some(if import {
            backplane.import()
        } else {
            backplane
        });
        config
    };
    // What the copy was of is gone, or was never there.
    let refused = Hub::open(config("empty", true)).err().unwrap();
    assert!(matches!(refused, HubError::NotImported { .. }), "{refused}");
    let own = tempfile::tempdir().unwrap();
    let other = joined(&server, own.path(), |config| {
        config.backplane = Some(server.backplane().prefix("other").unwrap());
    });
    published(&other, "theirs").await;
    // Not as young as at its first moment.
    server.say(&["HSET", "{other}:hub", "born", "0"]);
    let before = server.say(&["HGETALL", "{other}:access"]);
    let refused = Hub::open(config("other", false)).err().unwrap();
    assert!(matches!(refused, HubError::OtherHub { .. }), "{refused}");
    assert_eq!(server.say(&["XLEN", "{other}:log"]), "1");
    assert_eq!(server.say(&["HGETALL", "{other}:access"]), before);
    let hub = Hub::open(config("feedbell", false)).unwrap();
    assert_eq!(hub.position(), last);
}
