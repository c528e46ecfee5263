//! What ends, stands still, is cut off or comes back as it was before.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use crate::{
    cluster::{Cluster, backplane, json, start},
    crowd::{Crowd, LOOK, PATIENCE, ask, either, events_of, is_long},
    http::Answer,
    judge::Rules,
    ledger::{Outcome, Place, To, USERS},
    publisher::{Publisher, place_in},
    subscriber::{Heard, Spec},
    wire::{State, Wire},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_clients_of_a_killed_node_go_on_elsewhere() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("node killed");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    for node in (0..3).cycle().take(either(2, 6)) {
        crowd.answered(either(80, 1000)).await;
        cluster.kill(node).await;
        crowd.answered(either(80, 1000)).await;
        start(&mut cluster.nodes[node..=node]).await;
    }
    crowd.answered(either(80, 1000)).await;
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_killed_and_has_its_file_loses_nothing() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("engine killed");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    for round in 0..either(4, 10) {
        crowd.answered(either(50, 800)).await;
        cluster.engine.kill().await;
        if is_long() && round % 2 == 1 {
            // So long that publishers are told.
            let told = || crowd.world.unavailable.load(Ordering::Relaxed);
            let before = told();
            crowd.until("503", || told() > before).await;
        }
        cluster.engine.begin().await;
    }
    crowd.answered(either(100, 800)).await;
    crowd.settle().await;
    assert_eq!(
        crowd.each(|heard| heard.connections),
        vec![1; crowd.count()]
    );
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_lost_everything_begins_a_new_epoch() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("engine emptied");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    crowd.answered(either(150, 5000)).await;
    let (_, old) = crowd.publish_one(To::Everyone).await;
    cluster.engine.kill().await;
    cluster.engine.wipe();
    cluster.engine.begin().await;
    new_epoch(&crowd, old).await;
    crowd.answered(either(150, 5000)).await;
    let rules = Rules::gaps(crowd.count(), 1, 2);
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_restored_from_an_older_copy_begins_a_new_epoch() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("engine restored");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    crowd.answered(either(100, 3000)).await;
    // Ended, copied and begun again it is still the same.
    cluster.engine.end().await;
    cluster.engine.copy();
    cluster.engine.begin().await;
    crowd.answered(either(100, 3000)).await;
    assert_eq!(gaps(&crowd), vec![0; crowd.count()]);
    let (_, old) = crowd.publish_one(To::Everyone).await;
    cluster.engine.end().await;
    cluster.engine.restore();
    cluster.engine.begin().await;
    new_epoch(&crowd, old).await;
    crowd.answered(either(100, 3000)).await;
    let rules = Rules::gaps(crowd.count(), 1, 2);
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_emptied_while_it_runs_begins_a_new_epoch() {
    let cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("engine flushed");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    crowd.answered(either(100, 3000)).await;
    let (_, old) = crowd.publish_one(To::Everyone).await;
    assert_eq!(cluster.engine.ask(&["FLUSHALL"]).await, "OK");
    new_epoch(&crowd, old).await;
    crowd.answered(either(100, 3000)).await;
    let rules = Rules::gaps(crowd.count(), 1, 2);
    crowd.finish(&rules).await;
}

/// A node that may know more than the engine is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_and_a_node_that_end_together_and_come_back_lose_nothing() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("engine and node killed");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    for node in (0..3).cycle().take(either(2, 6)) {
        crowd.answered(either(50, 1000)).await;
        cluster.kill(node).await;
        cluster.engine.kill().await;
        cluster.engine.begin().await;
        start(&mut cluster.nodes[node..=node]).await;
    }
    crowd.answered(either(50, 1000)).await;
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

/// Nobody knows what a node has that stood still while the engine came back: nothing is left out
/// silently.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stands_still_while_the_engine_restarts_is_told_of_the_new_epoch() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("node stopped, engine killed");
    crowd.subscribe_many(either(30, 300)).await;
    crowd.publish(3);
    crowd.answered(50).await;
    crowd.settle().await;
    let (_, old) = crowd.publish_one(To::Everyone).await;
    cluster.signal(2, "-STOP");
    let number = crowd
        .world
        .ledger
        .write(To::Everyone, "to who stands still");
    let mut publisher = Publisher::new(Arc::clone(&crowd.world));
    let waits = tokio::spawn(async move { publisher.once(number, 2).await });
    cluster.engine.kill().await;
    cluster.engine.begin().await;
    crowd.publish_at(To::Everyone, 0).await;
    cluster.signal(2, "-CONT");
    let answer = waits.await.unwrap();
    match answer.as_ref().and_then(place_in) {
        Some(place) => {
            assert_ne!(place.epoch, old.epoch);
            crowd.world.ledger.note(number, Outcome::At(place));
        }
        None => assert!(answer.is_none_or(|answer| answer.status() == 503)),
    }
    new_epoch(&crowd, old).await;
    crowd.publish(3);
    crowd.answered(50).await;
    let rules = Rules::gaps(crowd.count(), 1, 2);
    crowd.finish(&rules).await;
}

/// It is taken for dead, and is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stands_still_for_long_goes_on_where_it_was() {
    let cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("node stopped");
    crowd.subscribe_many(either(30, 300)).await;
    crowd.publish(3);
    crowd.answered(50).await;
    crowd.settle().await;
    cluster.signal(2, "-STOP");
    let node = crowd.world.nodes[0];
    members(node, 2).await;
    for nth in 0..either(50, 1000) {
        crowd.publish_at(To::User(nth % USERS), nth % 2).await;
    }
    cluster.signal(2, "-CONT");
    members(node, 3).await;
    crowd.publish(3);
    crowd.answered(50).await;
    crowd.settle().await;
    let connections = crowd.each(|heard| heard.connections);
    assert_eq!(connections, vec![1; crowd.count()]);
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

/// Waits until a node says that so many are there.
pub(crate) async fn members(node: SocketAddr, many: usize) {
    let began = Instant::now();
    loop {
        let status = json(node, "/hub/status").await;
        let nodes = status["backplane"]["nodes"].as_array();
        if nodes.is_some_and(|nodes| nodes.len() == many) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not {many} nodes: {status}");
        tokio::time::sleep(LOOK).await;
    }
}

fn gaps(crowd: &Crowd) -> Vec<usize> {
    crowd.each(|heard| heard.gaps)
}

/// Everybody who listens is told, and everybody who comes with a place of before.
pub(crate) async fn new_epoch(crowd: &Crowd, old: Place) {
    let all = || gaps(crowd) == vec![1; crowd.count()];
    crowd.until("all are told of the new epoch", all).await;
    let to = crowd.each(|heard| heard.led_to.map(|to| to.epoch));
    assert!(to.iter().all(|epoch| *epoch == to[0]), "{to:?}");
    assert_ne!(to[0], Some(old.epoch));
    for &node in &crowd.world.nodes {
        let path = format!("/events?poll=1&since={old}");
        let answer = ask(node, "GET", &path, &[], b"").await.unwrap();
        let events = events_of(&answer);
        let first = events.first().map(|event| event.name.as_str());
        assert_eq!(first, Some("gap"), "{events:?}");
        let epoch = events[0].id.parse::<Place>().unwrap().epoch;
        assert_eq!(Some(epoch), to[0], "{events:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_stands_still_holds_up_publishers_alone() {
    let cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("engine stopped");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(3, 6));
    crowd.answered(100).await;
    cluster.engine.pause().await;
    let before = crowd.each(|heard| heard.beats);
    let refused = (0..3).flat_map(|node| [node; 4]);
    let refused = refused.map(|node| refused_at(&crowd, node));
    for answer in futures::future::join_all(refused).await {
        assert_eq!(answer.status(), 503, "{}", answer.text());
        let after = answer.head.header("retry-after");
        assert!(
            after.is_some_and(|after| after.parse::<u32>().is_ok()),
            "{after:?}"
        );
    }
    let alive = || {
        let now = crowd.each(|heard| heard.beats);
        let more = either(5, 58);
        now.iter()
            .zip(&before)
            .all(|(now, before)| *now >= before + more)
    };
    crowd.until("signs of life all the while", alive).await;
    for &node in &crowd.world.nodes {
        let answer = ask(node, "GET", "/healthz/ready", &[], b"").await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        assert_eq!(answer.json()["publishing"], false, "{}", answer.text());
    }
    cluster.engine.go_on();
    crowd.answered(100).await;
    crowd.settle().await;
    assert_eq!(
        crowd.each(|heard| heard.connections),
        vec![1; crowd.count()]
    );
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

/// One try that must be refused, and then stay out of the log.
async fn refused_at(crowd: &Crowd, node: usize) -> Answer {
    let number = crowd.world.ledger.write(To::Everyone, "refused");
    let mut publisher = Publisher::new(Arc::clone(&crowd.world));
    let Some(answer) = publisher.once(number, node).await else {
        crowd.fail(&format!("node {node} broke off instead of saying 503"));
    };
    crowd.world.ledger.note(number, Outcome::Refused);
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_cut_off_keeps_its_subscribers_and_catches_up() {
    let mut cluster = Cluster::planned(&[]).await;
    let wire = Wire::to(cluster.engine.address()).await;
    let options = &mut cluster.nodes[2].options;
    let at = options.len() - 2;
    options.splice(at.., backplane(&wire.url()));
    start(&mut cluster.nodes).await;
    let mut crowd = cluster.crowd("node cut off");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(3, 6));
    let states = [State::Silent, State::Broken];
    for state in states.into_iter().cycle().take(either(2, 10)) {
        crowd.answered(either(60, 1000)).await;
        wire.set(state);
        let before = crowd.each(|heard| heard.beats);
        // Who comes from another node knows more than this one can.
        for _ in 0..either(3, 30) {
            let (_, place) = crowd.publish_at(To::Everyone, 0).await;
            let spec = Spec {
                user: Some(1),
                node: 2,
                stays: true,
                ..Spec::default()
            };
            crowd.come_from(spec, place);
        }
        let refused = (0..4).map(|_| refused_at(&crowd, 2));
        for answer in futures::future::join_all(refused).await {
            assert_eq!(answer.status(), 503, "{state:?}: {}", answer.text());
        }
        // The others go on, and the one that is cut off gives signs of life.
        for nth in 0..either(30, 300) {
            crowd.publish_at(To::User(nth % USERS), nth % 2).await;
        }
        let alive = || {
            let now = crowd.each(|heard| heard.beats);
            let own = (0..before.len()).filter(|&index| crowd.spec(index).node == 2);
            own.into_iter().all(|index| now[index] >= before[index] + 3)
        };
        crowd
            .until("signs of life of the node cut off", alive)
            .await;
        wire.set(State::Whole);
        let healed = Instant::now();
        crowd.publish_at(To::Everyone, 2).await;
        let took = healed.elapsed().as_secs_f64();
        println!("{state:?}: published there again {took:.1} s after it was whole");
    }
    crowd.settle().await;
    assert_eq!(
        crowd.each(|heard| heard.connections),
        vec![1; crowd.count()]
    );
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_longer_than_the_history_says_so() {
    const KEPT: usize = 300;
    let mut cluster = Cluster::start(&["--keep-events", &KEPT.to_string()]).await;
    let mut crowd = cluster.crowd("history passed by");
    let spec = |node: usize, stays: bool| Spec {
        user: Some(1),
        node,
        stays,
        ..Spec::default()
    };
    let there = (0..either(40, 400)).map(|number| spec(number % 2, false));
    let away = (0..either(10, 100)).map(|_| spec(2, true));
    crowd.subscribe(there.chain(away).collect()).await;
    crowd.publish(2);
    crowd.answered(50).await;
    crowd.quiet().await;
    let stays: Vec<_> = (0..crowd.count())
        .map(|index| crowd.spec(index).stays)
        .collect();
    crowd.settle().await;
    cluster.kill(2).await;
    let mut last = None;
    for nth in 0..either(40, 1000) {
        let places = crowd.publish_batch(50, nth % 2).await;
        last = places.last().copied();
        // Those who are there get all of it before it goes.
        let have = || {
            let reached = crowd.each(|heard| heard.place() >= last);
            reached
                .iter()
                .zip(&stays)
                .all(|(reached, away)| *reached || *away)
        };
        crowd
            .until("those who are there have the batch", have)
            .await;
    }
    start(&mut cluster.nodes[2..]).await;
    let position = json(crowd.world.nodes[2], "/hub/status").await["position"].clone();
    let position = position
        .as_str()
        .and_then(|place| place.parse::<Place>().ok());
    assert!(
        position >= last,
        "ready at {position:?}, not yet at {last:?}"
    );
    crowd.settle().await;
    let replayed = |heard: &Heard| {
        let gap = heard.gaps().next().map(|(_, to)| to);
        heard
            .events()
            .filter(|(place, ..)| Some(*place) > gap)
            .count()
    };
    for (replayed, stays) in crowd.each(replayed).into_iter().zip(&stays) {
        // Nobody is sent past what there is.
        assert!(!stays || replayed >= KEPT / 2, "{replayed} of {KEPT}");
    }
    let mut rules = Rules::no_gap(crowd.count());
    for (gaps, stays) in rules.gaps.iter_mut().zip(&stays) {
        if *stays {
            *gaps = 1..=1;
        }
    }
    crowd.finish(&rules).await;
}
