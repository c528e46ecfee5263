//! One order, each publication once, whoever sends it and however.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    cluster::{Cluster, alone, crowd, json, start, turn},
    crowd::{Crowd, ask, either, events_of},
    engine::Engine,
    judge::Rules,
    ledger::{Outcome, Place, TOPIC, To, key, number_in},
    publisher::{Publisher, place_in},
    subscriber::Heard,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_have_one_order() {
    let cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("steady");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    crowd.answered(either(600, 10_000)).await;
    let own_reads = &Arc::clone(&crowd.world).own_reads;
    assert!(own_reads.load(std::sync::atomic::Ordering::Relaxed) > 0);
    let rules = Rules::no_gap(crowd.count());
    crowd.settle().await;
    assert!(
        crowd
            .each(|heard| heard.connections == 1)
            .iter()
            .all(|one| *one)
    );
    crowd.finish(&rules).await;
}

/// The rig would notice: two hubs that are not joined are no hub of two nodes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubs_that_are_not_joined_are_found_out() {
    let _turn = turn().await;
    let mut hubs = [alone(&[]), alone(&[])];
    start(&mut hubs).await;
    let mut crowd = crowd("not joined", &hubs);
    crowd.subscribe_many(10).await;
    crowd.publish(2);
    crowd.answered(50).await;
    crowd.quiet().await;
    let verdict = crowd.verdict(&Rules::no_gap(crowd.count()));
    assert!(
        !verdict.is_good() && !verdict.strange.is_empty(),
        "{verdict}"
    );

    // And one alone is a hub of one node.
    let [one, _] = &hubs;
    let mut crowd = super::cluster::crowd("alone", std::slice::from_ref(one));
    crowd.subscribe_many(20).await;
    crowd.publish(3);
    crowd.answered(100).await;
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_sent_to_three_nodes_at_once_is_one_event() {
    let cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("one id, three nodes");
    crowd.subscribe_many(30).await;
    for _ in 0..either(60, 1000) {
        let world = &crowd.world;
        let number = world.ledger.write(To::Everyone, "thrice");
        let tries = (0..3).map(|node| {
            let mut publisher = Publisher::new(Arc::clone(world));
            async move { publisher.once(number, node).await }
        });
        let answers = futures::future::join_all(tries).await;
        let places: Vec<_> = answers.iter().flatten().map(place_in).collect();
        assert!(places.len() == 3 && places[0].is_some(), "{answers:?}");
        assert!(places.iter().all(|place| *place == places[0]), "{places:?}");
        world.ledger.note(number, Outcome::At(places[0].unwrap()));
    }
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_other_programs_publish_at_the_engine_is_delivered() {
    let cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("outside");
    crowd.subscribe_many(30).await;
    crowd.publish(2);
    let publish = async |document: &str| {
        let call = ["FCALL", "feedbell_publish", "1", "{feedbell}:log"];
        cluster.engine.ask(&[&call[..], &[document]].concat()).await
    };
    for round in 0..2 {
        for nth in 0..either(20, 500) {
            let to = if nth % 2 == 0 {
                To::Everyone
            } else {
                To::User(1)
            };
            let number = crowd.world.ledger.write(to, "from outside");
            let document = crate::publisher::document(&crowd.world, number);
            crowd.world.ledger.send(number);
            let answer = publish(&document).await;
            let place = answer.parse::<Place>();
            let place = place.unwrap_or_else(|()| crowd.fail(&format!("FCALL said {answer}")));
            // It is known again, here as at a node.
            assert_eq!(publish(&document).await, answer);
            crowd.world.ledger.note(number, Outcome::At(place));
        }
        if round == 0 {
            // What was taken from the engine, the nodes bring back by themselves.
            assert_eq!(cluster.engine.ask(&["FUNCTION", "FLUSH"]).await, "OK");
            crowd.answered(20).await;
            let listed = async || cluster.engine.ask(&["FUNCTION", "LIST"]).await;
            while !listed().await.contains("feedbell_publish") {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    let refused = publish("{\"uids\": []}").await;
    assert!(refused.contains("FEEDBELL"), "{refused}");
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_later_comes_once_also_without_the_node_that_took_it() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("delayed");
    crowd.subscribe_many(40).await;
    let mut delayed = Vec::new();
    for node in (0..3).cycle().take(either(6, 60)) {
        let number = crowd.world.ledger.write(To::Topic, "later");
        let data = crowd.world.ledger.publication(number).data;
        let (path, headers) = (format!("/{TOPIC}"), [("Delay", "10s")]);
        let address = crowd.world.nodes[node];
        let answer = ask(address, "POST", &path, &headers, data.as_bytes()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        crowd.world.ledger.note(number, Outcome::Promised);
        delayed.push(number);
    }
    cluster.kill(2).await;
    crowd.publish(2);
    let due = || {
        let has = |number| move |(_, own, _)| own == number;
        let all = |heard: &Heard| {
            delayed
                .iter()
                .all(|&number| heard.events().any(has(number)))
        };
        crowd.each(all)
    };
    let wanted: Vec<_> = (0..crowd.count())
        .map(|index| crowd.spec(index).topic)
        .collect();
    crowd
        .until("all that was delayed comes", || due() == wanted)
        .await;
    // Each of the others would have taken its turn by now.
    let beats = crowd.each(|heard| heard.beats);
    crowd.answered(20).await;
    crowd.quiet().await;
    let more = || {
        let now = crowd.each(|heard| heard.beats);
        now.iter()
            .zip(&beats)
            .all(|(now, before)| *now >= before + 3)
    };
    crowd.until("three seconds pass", more).await;
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

/// The engine's clock counts: for how long something is kept and replayed does not depend on whom
/// one asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_whose_clocks_are_an_hour_apart_agree() {
    let _turn = turn().await;
    let engine = Engine::start().await;
    let folder = tempfile::tempdir().unwrap();
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let mut nodes = Vec::new();
    for (index, minutes) in [-30, 30].into_iter().enumerate() {
        let path = folder.path().join(format!("{index}.db"));
        let mut config = ::hub::HubConfig::new(::hub::Store::Path(path));
        config.backplane =
            Some(::hub::Backplane::new(&format!("redis://{}", engine.address())).unwrap());
        config.heartbeat = Duration::from_secs(1);
        config.history.age = Duration::from_secs(600);
        config.clock = Arc::new(move || {
            Timestamp::try_from(SystemTime::now()).unwrap()
                + jiff::SignedDuration::from_mins(minutes)
        });
        let opened = tokio::task::spawn_blocking(move || ::hub::Hub::open(config));
        let hub = opened.await.unwrap().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        nodes.push(listener.local_addr().unwrap());
        tokio::spawn(::hub::serve(hub, listener, stop.clone().cancelled_owned()));
    }
    for &node in &nodes {
        while !ask(node, "GET", "/healthz/ready", &[], b"")
            .await
            .is_ok_and(|answer| answer.status() == 200)
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let mut crowd = Crowd::new("clocks apart", nodes.clone(), Vec::new());
    crowd.subscribe_many(20).await;
    let (_, start) = crowd.publish_one(To::Everyone).await;
    // One that is replayed for ten minutes, and one that is not for long.
    let mut limited = Vec::new();
    for (node, ttl) in [(0, 600), (1, 600), (0, 1), (1, 1)] {
        let number = crowd.world.ledger.write(To::Everyone, "limited");
        let data = crowd.world.ledger.publication(number).data;
        let document = serde_json::json!({"data": data, "id": key(number), "ttl": ttl});
        let body = document.to_string();
        let headers = [("Content-Type", "application/json")];
        let answer = ask(nodes[node], "POST", "/publish", &headers, body.as_bytes()).await;
        let place = place_in(&answer.unwrap()).unwrap();
        crowd.world.ledger.note(number, Outcome::At(place));
        limited.push((number, ttl));
    }
    crowd.publish(2);
    crowd.answered(either(100, 5000)).await;
    let end = crowd.settle().await;
    for &node in &nodes {
        let mut replayed = Vec::new();
        let is_over = |replayed: &[Option<usize>]| {
            let has = |number| replayed.contains(&Some(number));
            limited
                .iter()
                .all(|&(number, ttl)| has(number) == (ttl > 1))
        };
        while !is_over(&replayed) {
            let path = format!("/events?poll=1&since={start}");
            let answer = ask(node, "GET", &path, &[], b"").await.unwrap();
            let events = events_of(&answer);
            assert!(events.iter().all(|event| event.name != "gap"), "{events:?}");
            replayed = events.iter().map(|event| number_in(&event.data)).collect();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let position = json(node, "/hub/status").await["position"].clone();
        assert!(position.as_str().unwrap().parse::<Place>().unwrap() >= end);
    }
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}
