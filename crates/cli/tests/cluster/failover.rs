//! Another engine takes over: a replica that has everything, and one that lacks what was confirmed.

use crate::{
    cluster::{crowd, node, start, turn},
    crowd::either,
    engine::{Engine, Sentinel},
    failures::new_epoch,
    judge::Rules,
    ledger::To,
    wire::{State, Wire},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_has_everything_takes_over_without_a_gap() {
    let _turn = turn().await;
    let mut primary = Engine::start().await;
    let replica = Engine::replica_of(primary.address()).await;
    let sentinel = Sentinel::start(primary.address(), replica.address()).await;
    let mut nodes: Vec<_> = (0..3).map(|_| node(&sentinel.url(), &[])).collect();
    start(&mut nodes).await;
    let mut crowd = crowd("failover", &nodes);
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    crowd.answered(either(100, 3000)).await;
    crowd.settle().await;
    primary.replicated(&replica).await;
    primary.kill().await;
    crowd.publish(either(4, 8));
    replica.replicates("role:master").await;
    crowd.answered(either(100, 3000)).await;
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lacks_something_begins_a_new_epoch() {
    let _turn = turn().await;
    let mut primary = Engine::start().await;
    let replica = Engine::replica_of(primary.address()).await;
    let sentinel = Sentinel::start(primary.address(), replica.address()).await;
    let mut nodes: Vec<_> = (0..3).map(|_| node(&sentinel.url(), &[])).collect();
    start(&mut nodes).await;
    let mut crowd = crowd("failover to an older state", &nodes);
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    crowd.answered(either(100, 3000)).await;
    // A sentinel repairs a replica that has its primary elsewhere, but only after some seconds.
    let between = Wire::to(primary.address()).await;
    let port = between.address.port().to_string();
    let elsewhere = ["REPLICAOF", "127.0.0.1", &port];
    assert_eq!(replica.ask(&elsewhere).await, "OK");
    replica.replicates(&format!("master_port:{port}")).await;
    replica.replicates("master_link_status:up").await;
    between.set(State::Silent);
    crowd.answered(either(50, 300)).await;
    let (_, old) = crowd.publish_one(To::Everyone).await;
    let head = replica.ask(&["HGET", "{feedbell}:hub", "head"]).await;
    assert!(
        head.parse::<u64>().unwrap() < old.seq,
        "{head} is not before {old}"
    );
    primary.kill().await;
    between.set(State::Broken);
    replica.replicates("role:master").await;
    new_epoch(&crowd, old).await;
    crowd.answered(either(100, 3000)).await;
    let rules = Rules::gaps(crowd.count(), 1, 2);
    crowd.finish(&rules).await;
}

/// An engine that was the primary, became a replica and takes over again remembers that nodes
/// vouched for it: that was for another state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_comes_back_with_an_older_state_is_vouched_for_anew() {
    let _turn = turn().await;
    let first = Engine::start().await;
    let second = Engine::replica_of(first.address()).await;
    let back = Wire::to(second.address()).await;
    // One node reaches the engine by a way of its own.
    let ways = [
        Wire::to(first.address()).await,
        Wire::to(first.address()).await,
    ];
    let way = |node: usize| &ways[usize::from(node == 2)];
    let mut nodes: Vec<_> = (0..3).map(|at| node(&way(at).url(), &[])).collect();
    start(&mut nodes).await;
    let mut crowd = crowd("primary again", &nodes);
    crowd.subscribe_many(either(30, 300)).await;
    crowd.publish(3);
    crowd.answered(50).await;
    crowd.settle().await;

    // It hands over, and is a replica of the other.
    ways.iter().for_each(|way| way.set(State::Broken));
    first.replicated(&second).await;
    assert_eq!(second.ask(&["REPLICAOF", "NO", "ONE"]).await, "OK");
    let port = back.address.port().to_string();
    let follow = ["REPLICAOF", "127.0.0.1", &port];
    assert_eq!(first.ask(&follow).await, "OK");
    for way in &ways {
        way.lead_to(second.address());
        way.set(State::Whole);
    }
    first.replicates("master_link_status:up").await;
    crowd.publish_at(To::Everyone, 2).await;
    crowd.settle().await;
    second.replicated(&first).await;

    // What follows neither it nor one of the nodes gets; then it is the primary again, and that
    // node the first to reach it.
    back.set(State::Silent);
    ways[1].set(State::Broken);
    let old = crowd.publish_batch(20, 0).await[19];
    let there: Vec<_> = (0..crowd.count()).map(|at| crowd.spec(at).node).collect();
    let have = || {
        let reached = crowd.each(|heard| heard.place() >= Some(old));
        let mut each = reached.iter().zip(&there);
        each.all(|(reached, node)| *reached || *node == 2)
    };
    crowd.until("two nodes have what came", have).await;
    ways[0].set(State::Broken);
    back.set(State::Broken);
    assert_eq!(first.ask(&["REPLICAOF", "NO", "ONE"]).await, "OK");
    ways.iter().for_each(|way| way.lead_to(first.address()));
    ways[1].set(State::Whole);
    // Taken at once, it would have the number of something else; taken in a new epoch, it has not.
    crowd.publish_at(To::Everyone, 2).await;
    ways[0].set(State::Whole);
    new_epoch(&crowd, old).await;
    crowd.publish(3);
    crowd.answered(50).await;
    let rules = Rules::gaps(crowd.count(), 1, 2);
    crowd.finish(&rules).await;
}
