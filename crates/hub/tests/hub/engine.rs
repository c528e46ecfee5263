//! A real engine with data of its own.

use std::net::TcpListener as Ports;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use hub::Backplane;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::soon;

/// One engine on a port of its own. It dies with this value.
pub(crate) struct Engine {
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Engine {
    /// A new and empty one; what it confirms is on disk.
    pub(crate) async fn start() -> Self {
        let mut ports = std::iter::repeat_with(|| fastrand::u16(10_000..32_000));
        let port = ports.find(|port| Ports::bind(("127.0.0.1", *port)).is_ok());
        let mut engine = Self {
            folder: tempfile::tempdir().unwrap(),
            port: port.unwrap(),
            child: None,
        };
        engine.begin().await;
        engine
    }

    pub(crate) fn backplane(&self) -> Backplane {
        Backplane::new(&format!("redis://127.0.0.1:{}", self.port)).unwrap()
    }

    /// Starts it on what data there is, and waits until it answers.
    pub(crate) async fn begin(&mut self) {
        std::fs::create_dir_all(self.data()).unwrap();
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--save", "", "--dir"])
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .expect("these tests need redis-server in the PATH (Debian: redis-server)");
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        soon("the engine", async {
            while let Some(line) = said.next_line().await.unwrap() {
                if line.contains("Ready to accept connections") {
                    return;
                }
            }
            panic!("the engine ended");
        })
        .await;
        // Otherwise it ends with what it says next.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        self.child = Some(child);
    }

    /// Ends it without a word.
    pub(crate) async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Keeps its data as they are, while it does not run.
    pub(crate) fn keep_data(&self) {
        copy(&self.data(), &self.folder.path().join("kept"));
    }

    /// Puts those back in their place, while it does not run.
    pub(crate) fn restore_data(&self) {
        std::fs::remove_dir_all(self.data()).unwrap();
        copy(&self.folder.path().join("kept"), &self.data());
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The first line of its answer.
    pub(crate) async fn ask(&self, command: &str) -> String {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut stream = BufReader::new(stream);
        stream.write_all(command.as_bytes()).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
