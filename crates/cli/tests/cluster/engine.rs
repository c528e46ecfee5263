//! A real engine with data of its own.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::process::Child;

use crate::crowd::{LOOK, PATIENCE, until};

/// One engine. It dies with this value.
#[derive(Debug)]
pub(crate) struct Engine {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    child: Option<Child>,
}

impl Engine {
    /// A new and empty engine; what it confirms is on disk.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A replica of another one, reached there; once it has caught up.
    pub(crate) async fn replica_of(primary: SocketAddr) -> Self {
        let port = primary.port().to_string();
        let replica = Self::with(&["--replicaof", "127.0.0.1", &port]).await;
        replica.replicates("master_link_status:up").await;
        replica
    }

    async fn with(options: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("feedbell-engine-")
            .tempdir();
        let mut engine = Self {
            folder: folder.unwrap(),
            port: free_port(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            child: None,
        };
        engine.begin().await;
        engine
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it on what data there is, and waits until it answers.
    pub(crate) async fn begin(&mut self) {
        std::fs::create_dir_all(self.data()).unwrap();
        let mut command = tokio::process::Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--repl-diskless-sync-delay", "0", "--save", "", "--logfile"])
            .arg(self.folder.path().join("log"))
            .arg("--dir")
            .arg(self.data())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let child = command.spawn();
        let why = "these tests need a redis-server in the PATH (Debian: apt install redis-server)";
        self.child = Some(child.unwrap_or_else(|error| panic!("{why}: {error}")));
        let mut answered = false;
        while !answered {
            let exited = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(exited.is_none(), "{}", self.said());
            answered = self.ask(&["PING"]).await == "PONG";
        }
    }

    /// Ends it without a word.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().await.unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn end(&mut self) {
        self.signal("-TERM");
        let mut child = self.child.take().unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await;
        ended.expect("the engine does not end").unwrap();
    }

    /// Stops it as if the machine stood still; true once it does.
    pub(crate) async fn pause(&self) {
        self.signal("-STOP");
        let id = self.child.as_ref().unwrap().id().unwrap();
        let stands = || {
            let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            stat.rsplit_once(')')
                .unwrap()
                .1
                .trim_start()
                .starts_with('T')
        };
        until("the engine stands still", stands).await;
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Deletes its data, while it does not run.
    pub(crate) fn wipe(&self) {
        assert!(self.child.is_none());
        std::fs::remove_dir_all(self.data()).unwrap();
    }

    /// Copies its data, while it does not run.
    pub(crate) fn copy(&self) {
        assert!(self.child.is_none());
        copy_folder(&self.data(), &self.folder.path().join("copy"));
    }

    /// Puts the copy in the place of its data, while it does not run.
    pub(crate) fn restore(&self) {
        self.wipe();
        copy_folder(&self.folder.path().join("copy"), &self.data());
    }

    /// What the engine's own tool gets for an answer; empty while it does not answer.
    pub(crate) async fn ask(&self, command: &[&str]) -> String {
        ask(self.port, command).await
    }

    /// Waits until its replica, or its primary, says this in its state of replication.
    pub(crate) async fn replicates(&self, wanted: &str) {
        let began = std::time::Instant::now();
        loop {
            let said = self.ask(&["INFO", "replication"]).await;
            if said.lines().any(|line| line.trim() == wanted) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "no {wanted}: {said}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until a replica has all that this one has.
    pub(crate) async fn replicated(&self, replica: &Engine) {
        self.ask(&["WAIT", "1", "0"]).await;
        let offset = async |engine: &Engine, name: &str| {
            let said = engine.ask(&["INFO", "replication"]).await;
            let line = said.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|number| number.trim().parse::<u64>().ok())
        };
        let wanted = offset(self, "master_repl_offset:").await;
        let began = std::time::Instant::now();
        while offset(replica, "slave_repl_offset:").await < wanted {
            assert!(began.elapsed() < PATIENCE, "the replica stays behind");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What it said in its log.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// What watches a primary and its replica, and has the replica take over. It dies with this value.
#[derive(Debug)]
pub(crate) struct Sentinel {
    port: u16,
    _folder: TempDir,
    _child: Child,
}

impl Sentinel {
    /// One that knows the replica too.
    pub(crate) async fn start(primary: SocketAddr, replica: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, path) = (free_port(), folder.path().join("sentinel.conf"));
        let configuration = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor bell 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds bell 500\nsentinel failover-timeout bell 3000\n",
            folder.path().display(),
            primary.port(),
        );
        std::fs::write(&path, configuration).unwrap();
        let mut command = tokio::process::Command::new("redis-server");
        let child = command
            .arg(&path)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let replica = replica.port().to_string();
        let began = std::time::Instant::now();
        loop {
            let known = ask(port, &["SENTINEL", "REPLICAS", "bell"]).await;
            if known.lines().any(|line| line == replica) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "the sentinel knows {known}");
            tokio::time::sleep(LOOK).await;
        }
        Self {
            port,
            _folder: folder,
            _child: child.unwrap(),
        }
    }

    pub(crate) fn url(&self) -> String {
        let port = self.port;
        format!("redis-sentinel://127.0.0.1:{port}?sentinelServiceName=bell")
    }
}

async fn ask(port: u16, command: &[&str]) -> String {
    let mut tool = tokio::process::Command::new("redis-cli");
    let output = tool.args(["-p", &port.to_string()]).args(command).output();
    let output = output.await;
    let output = output.expect("these tests need redis-cli in the PATH");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A port that nobody has, and that no connection gets by itself: what listens there can end and
/// come back.
pub(crate) fn free_port() -> u16 {
    let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_000));
    let free = ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_keeps_loses_and_gets_back_its_data() {
        let mut engine = Engine::start().await;
        assert_eq!(engine.ask(&["SET", "a", "1"]).await, "OK");
        engine.kill().await;
        assert_eq!(engine.ask(&["GET", "a"]).await, "");
        engine.begin().await;
        assert_eq!(engine.ask(&["GET", "a"]).await, "1");
        engine.end().await;
        engine.copy();
        engine.begin().await;
        assert_eq!(engine.ask(&["SET", "a", "2"]).await, "OK");
        engine.pause().await;
        let waits = tokio::time::timeout(Duration::from_millis(200), engine.ask(&["GET", "a"]));
        assert!(waits.await.is_err());
        engine.go_on();
        assert_eq!(engine.ask(&["GET", "a"]).await, "2");
        engine.end().await;
        engine.restore();
        engine.begin().await;
        assert_eq!(engine.ask(&["GET", "a"]).await, "1");
        engine.kill().await;
        engine.wipe();
        engine.begin().await;
        assert_eq!(engine.ask(&["DBSIZE"]).await, "0");
    }
}
