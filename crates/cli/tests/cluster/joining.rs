//! Nodes that come and go, and who is where.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    cluster::{Cluster, alone, backplane, crowd, json, listed, node, start},
    crowd::{LOOK, PATIENCE, ask, either, events_of},
    http::Event,
    hub::{Ending, Hub},
    judge::Rules,
    ledger::To,
    publisher::{document, place_in},
    subscriber::Spec,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_restarted_in_turns_are_no_interruption() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("rolling restart");
    crowd.subscribe_many(either(60, 600)).await;
    crowd.publish(either(4, 8));
    for index in (0..3).cycle().take(either(3, 9)) {
        crowd.answered(either(50, 500)).await;
        let (status, _) = cluster.nodes[index].end(Ending::Asked).await;
        assert!(
            status.success(),
            "{status}: {}",
            cluster.nodes[index].said()
        );
        crowd.answered(either(50, 500)).await;
        start(&mut cluster.nodes[index..=index]).await;
    }
    crowd.answered(50).await;
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_node_lists_the_subscribers_of_all() {
    let mut cluster = Cluster::start(&[]).await;
    let mut crowd = cluster.crowd("presence");
    let many = either(30, 300);
    let specs = (0..many).map(|number| Spec {
        user: Some(number % 5),
        node: number % 3,
        stays: true,
        ..Spec::default()
    });
    crowd.subscribe(specs.collect()).await;
    let nodes = crowd.world.nodes.clone();
    for &node in &nodes {
        lists(node, many).await;
        counts(node, many).await;
    }
    // Whoever asks any node to end a stream ends it, wherever it is.
    let before = crowd.each(|heard| heard.connections);
    let ids: Vec<_> = listed(nodes[0]).await;
    for (nth, row) in ids.iter().enumerate() {
        let path = format!("/hub/subscribers/{}", row["id"].as_str().unwrap());
        let answer = ask(nodes[nth % 3], "DELETE", &path, &[], b"")
            .await
            .unwrap();
        assert_eq!(answer.status(), 204, "{row}: {}", answer.text());
    }
    let again = || {
        let now = crowd.each(|heard| heard.connections);
        now.iter().zip(&before).all(|(now, before)| now > before)
    };
    crowd.until("all streams ended and came back", again).await;
    for &node in &nodes {
        lists(node, many).await;
    }
    // Those of a node that is gone go after it.
    cluster.kill(1).await;
    for node in [nodes[0], nodes[2]] {
        lists(node, many - many.div_ceil(3)).await;
    }
    start(&mut cluster.nodes[1..2]).await;
    for &node in &nodes {
        lists(node, many).await;
    }
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

/// Waits until a node says that there are so many at all three.
async fn counts(node: SocketAddr, many: usize) {
    let began = Instant::now();
    loop {
        let status = json(node, "/hub/status").await;
        let nodes = status["backplane"]["nodes"].as_array();
        let each = nodes.into_iter().flatten();
        let sum: u64 = each.filter_map(|node| node["subscribers"].as_u64()).sum();
        if status["subscribers"] == many
            && sum == many as u64
            && nodes.is_some_and(|nodes| nodes.len() == 3)
        {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not {many}: {status}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until a node lists so many, all with ids of their own.
async fn lists(node: SocketAddr, many: usize) {
    let began = Instant::now();
    loop {
        let rows = listed(node).await;
        let mut ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        if ids.len() == many && rows.len() == many {
            return;
        }
        // A node that says nothing any more is gone after fifteen seconds.
        let late = began.elapsed() > Duration::from_secs(20);
        assert!(!late, "{} of {many} are listed: {rows:?}", rows.len());
        tokio::time::sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_of_a_single_node_becomes_that_of_all() {
    let cluster = Cluster::planned(&[]).await;
    let engine = &cluster.engine.url();
    let mut first = alone(&[]);
    start(std::slice::from_mut(&mut first)).await;
    let mut all = [first, node(engine, &[]), node(engine, &[])];
    let mut crowd = crowd("import", &all);
    let specs = (0..20).map(|number| Spec {
        user: Some(number % 3),
        ..Spec::default()
    });
    crowd.subscribe(specs.collect()).await;
    crowd.publish_batch(50, 0).await;
    let (number, middle) = crowd.publish_at(To::User(1), 0).await;
    crowd.publish_batch(50, 0).await;
    let replayed = replay(&all[0], "since=all&uid=1").await;
    assert_eq!(replayed.len(), 101);
    all[0].end(Ending::Asked).await;

    // Not by mistake.
    all[0].options.extend(backplane(engine));
    refuses(&all[0], "--import").await;
    all[0].options.push("--import".to_owned());
    start(&mut all[..1]).await;
    assert_eq!(replay(&all[0], "since=all&uid=1").await, replayed);
    crowd.publish_batch(10, 0).await;
    start(&mut all[1..]).await;
    for node in &all {
        let now = replay(node, "since=all&uid=1").await;
        assert_eq!(now[..replayed.len()], replayed);
        assert_eq!(now.len(), replayed.len() + 10);
        let rest = replay(node, &format!("since={middle}")).await;
        assert!(rest.len() == 60 && rest[0].name != "gap", "{rest:?}");
    }
    // What the first node knew again, all do.
    let body = document(&crowd.world, number);
    for node in &all {
        let headers = [("Content-Type", "application/json")];
        let answer = ask(
            node.address(),
            "POST",
            "/publish",
            &headers,
            body.as_bytes(),
        )
        .await;
        assert_eq!(place_in(&answer.unwrap()), Some(middle));
    }

    // A log is imported once. A node that belongs to it starts without.
    let mut other = alone(&[]);
    start(std::slice::from_mut(&mut other)).await;
    let answer = ask(other.address(), "POST", "/publish", &[], b"history").await;
    assert_eq!(answer.unwrap().status(), 200);
    other.end(Ending::Asked).await;
    other.options.extend(backplane(engine));
    other.options.push("--import".to_owned());
    refuses(&other, "").await;
    all[0].end(Ending::Asked).await;
    all[0].options.pop();
    start(&mut all[..1]).await;

    crowd.publish(2);
    crowd.answered(30).await;
    let rules = Rules::no_gap(crowd.count());
    crowd.finish(&rules).await;
}

/// What a node replays.
async fn replay(node: &Hub, query: &str) -> Vec<Event> {
    let path = format!("/events?poll=1&{query}");
    let answer = ask(node.address(), "GET", &path, &[], b"").await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text());
    events_of(&answer)
}

/// It ends by itself, with a sentence that has these words.
async fn refuses(node: &Hub, words: &str) {
    let mut command = tokio::process::Command::from(node.command());
    let ended = tokio::time::timeout(PATIENCE, command.kill_on_drop(true).output()).await;
    let output = ended.expect("it starts although it must not").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains(words), "{said}");
    assert!(!said.contains("panicked") && !said.is_empty(), "{said}");
}
