//! An engine and its nodes.

use std::{net::SocketAddr, process::Command, time::Instant};

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use crate::{
    crowd::{Crowd, PATIENCE, ask},
    engine::{Engine, free_port},
    hub::{Ending, Hub},
};

/// One at a time: each run uses the whole machine.
static ONE: Mutex<()> = Mutex::const_new(());

/// Waits for its turn, and for as many open files as a long run needs.
pub(crate) async fn turn() -> MutexGuard<'static, ()> {
    rlimit::increase_nofile_limit(8192).unwrap();
    ONE.lock().await
}

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Hub>,
    pub(crate) engine: Engine,
    _turn: MutexGuard<'static, ()>,
}

impl Cluster {
    /// Three nodes on a new engine, all of them ready.
    pub(crate) async fn start(options: &[&str]) -> Self {
        let mut cluster = Self::planned(options).await;
        start(&mut cluster.nodes).await;
        cluster
    }

    /// The same before any node is started.
    pub(crate) async fn planned(options: &[&str]) -> Self {
        let turn = turn().await;
        let engine = Engine::start().await;
        let url = engine.url();
        Self {
            nodes: (0..3).map(|_| node(&url, options)).collect(),
            engine,
            _turn: turn,
        }
    }

    /// The subscribers and publishers of this cluster.
    pub(crate) fn crowd(&self, name: &'static str) -> Crowd {
        crowd(name, &self.nodes)
    }

    pub(crate) fn signal(&self, node: usize, signal: &str) {
        let child = self.nodes[node].child.as_ref().unwrap();
        let id = child.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends a node without a word.
    pub(crate) async fn kill(&mut self, node: usize) {
        self.nodes[node].end(Ending::Killed).await;
    }
}

/// A node that is not started yet, on a port of its own for good.
pub(crate) fn node(engine: &str, options: &[&str]) -> Hub {
    let mut node = alone(options);
    node.options.extend(backplane(engine));
    node
}

/// A hub that is not joined with any, and not started yet.
pub(crate) fn alone(options: &[&str]) -> Hub {
    let all = [
        "--socket",
        "none",
        "--heartbeat",
        "1",
        "--max-streams",
        "2000",
    ];
    let mut hub = Hub::new(&[&all, options].concat());
    hub.address = Some(([127, 0, 0, 1], free_port()).into());
    hub
}

/// The options that join a node to others.
pub(crate) fn backplane(engine: &str) -> [String; 2] {
    ["--backplane".to_owned(), engine.to_owned()]
}

/// Starts nodes, and waits until all of them are ready.
pub(crate) async fn start(nodes: &mut [Hub]) {
    for node in nodes.iter_mut() {
        node.start().await;
    }
    for node in nodes {
        ready(node).await;
    }
}

pub(crate) fn crowd(name: &'static str, nodes: &[Hub]) -> Crowd {
    let addresses = nodes.iter().map(Hub::address).collect();
    let logs = nodes.iter().map(|node| node.home.path().join("err"));
    Crowd::new(name, addresses, logs.collect())
}

/// Waits until a node has joined and caught up.
pub(crate) async fn ready(node: &mut Hub) {
    let began = Instant::now();
    loop {
        let answer = ask(node.address(), "GET", "/healthz/ready", &[], b"").await;
        let said = match answer {
            Ok(answer) if answer.status() == 200 => return,
            Ok(answer) => answer.text(),
            Err(why) => why.to_string(),
        };
        assert!(
            began.elapsed() < PATIENCE && node.is_running(),
            "a node is not ready: {said}; {}",
            node.said()
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// What a node says of itself there.
pub(crate) async fn json(node: SocketAddr, path: &str) -> Value {
    let answer = ask(node, "GET", path, &[], b"").await;
    answer.map(|answer| answer.json()).unwrap_or_default()
}

/// Who listens, as a node says.
pub(crate) async fn listed(node: SocketAddr) -> Vec<Value> {
    let mut listed = json(node, "/hub/subscribers").await;
    match listed["subscribers"].take() {
        Value::Array(listed) => listed,
        _ => Vec::new(),
    }
}
