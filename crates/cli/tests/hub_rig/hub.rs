//! The real `feedbell serve`: started, ended, killed, started again on the same data and port.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tokio::process::Child;

/// How a hub ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// SIGTERM: it ends by itself.
    Asked,
    /// SIGKILL.
    Killed,
}

/// One hub with data of its own. It dies with this value.
#[derive(Debug)]
pub(crate) struct Hub {
    pub(crate) home: TempDir,
    /// What it is started with next time.
    pub(crate) options: Vec<String>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) child: Option<Child>,
}

/// How long a hub that was asked to end may take. Far more than it does: this is no measurement.
const PATIENCE: Duration = Duration::from_secs(20);

impl Hub {
    pub(crate) fn new(options: &[&str]) -> Self {
        let home = tempfile::Builder::new()
            .prefix("feedbell-hub-rig-")
            .tempdir();
        Self {
            home: home.unwrap(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            address: None,
            child: None,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    /// What starts it.
    pub(crate) fn command(&self) -> Command {
        let home = self.home.path();
        let listen = self
            .address
            .map_or("127.0.0.1:0".to_owned(), |own| own.to_string());
        let mut command = Command::new(env!("CARGO_BIN_EXE_feedbell"));
        command
            .args(["serve", "--listen", &listen, "--data"])
            .arg(home.join("hub"))
            .args(&self.options)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_RUNTIME_DIR", home.join("run"))
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn start(&mut self) {
        let err = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.home.path().join("err"))
            .unwrap();
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(err);
        let mut command = tokio::process::Command::from(command);
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let out = child.stdout.take().unwrap().into_owned_fd().unwrap();
        let (first, said) = tokio::sync::oneshot::channel();
        // It reads on, as the hub says more.
        std::thread::spawn(move || {
            let mut lines = BufReader::new(std::fs::File::from(out)).lines();
            let _ = first.send(lines.next().and_then(Result::ok).unwrap_or_default());
            lines.for_each(drop);
        });
        let said = said.await.unwrap();
        let address = said.strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("it said {said:?}; {}", self.said()));
        self.address = Some(address.parse().unwrap());
        self.child = Some(child);
    }

    /// Ends it; how long that took.
    pub(crate) async fn end(&mut self, ending: Ending) -> (ExitStatus, Duration) {
        let mut child = self.child.take().unwrap();
        let began = Instant::now();
        match ending {
            Ending::Killed => child.start_kill().unwrap(),
            Ending::Asked => {
                let id = child.id().unwrap().to_string();
                let asked = Command::new("kill").args(["-TERM", &id]).status();
                assert!(asked.unwrap().success());
            }
        }
        let status = tokio::time::timeout(PATIENCE, child.wait()).await;
        let status = status.expect("the hub does not end").unwrap();
        (status, began.elapsed())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        let child = self.child.as_mut();
        child.is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// The most memory it held so far, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        let id = self.child.as_ref().and_then(Child::id).unwrap_or(0);
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse().ok());
        peak.unwrap_or(0)
    }

    /// What the hubs said on standard error.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.home.path().join("err")).unwrap_or_default()
    }

    /// Leaves its data to be looked at.
    pub(crate) fn keep(mut self) -> std::path::PathBuf {
        self.child = None;
        self.home.keep()
    }
}
