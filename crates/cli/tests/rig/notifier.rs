//! The real `feedbell run` in a home of its own: started, killed, started again.

use std::{
    fs::File,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, ExitStatus, Stdio},
};

use tempfile::TempDir;
use tokio::process::Child;

/// Seconds of silence after which the notifier connects anew; the least there is.
const WATCHDOG: u32 = 1;

/// A home without a session bus, and what lies in it.
#[derive(Debug)]
pub(crate) struct Home(TempDir);

impl Home {
    /// With settings for one feed at `feed`.
    pub(crate) fn new(feed: SocketAddr) -> Self {
        let home = Self(
            tempfile::Builder::new()
                .prefix("feedbell-rig-")
                .tempdir()
                .unwrap(),
        );
        let folder = home.0.path().join("config/feedbell");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("settings.toml"), settings(feed)).unwrap();
        home
    }

    pub(crate) fn inbox(&self) -> PathBuf {
        self.0.path().join("data/feedbell/inbox.db")
    }

    /// What the notifiers said on standard error.
    pub(crate) fn said(&self) -> String {
        let bytes = std::fs::read(self.0.path().join("err")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Leaves it there to be looked at.
    pub(crate) fn keep(self) -> PathBuf {
        self.0.keep()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let home = self.0.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_feedbell"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home)
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_RUNTIME_DIR", home.join("run"))
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    fn output(&self, name: &str) -> File {
        let mut options = File::options();
        options.create(true).append(true);
        options.open(self.0.path().join(name)).unwrap()
    }

    pub(crate) fn start(&self) -> Notifier {
        let mut command = self.command(&["run"]);
        command
            .stdout(self.output("out"))
            .stderr(self.output("err"));
        let mut command = tokio::process::Command::from(command);
        Notifier(command.kill_on_drop(true).spawn().unwrap())
    }

    /// What a user does about a feed that gave up. True if a notifier took it.
    pub(crate) async fn reconnect(&self) -> bool {
        let mut command = self.command(&["reconnect"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut command = tokio::process::Command::from(command);
        command.status().await.unwrap().success()
    }
}

/// One running notifier.
#[derive(Debug)]
pub(crate) struct Notifier(Child);

impl Notifier {
    /// The most memory it held so far, in KiB; 0 if it has ended.
    pub(crate) fn peak_memory(&self) -> u64 {
        let Some(id) = self.0.id() else { return 0 };
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number.map_or(0, |number| number.parse().unwrap())
    }

    /// SIGKILL. False if it had ended by itself, which it never should.
    pub(crate) async fn kill(mut self) -> bool {
        let ran = self.0.try_wait().unwrap().is_none();
        self.0.kill().await.unwrap();
        ran
    }

    /// Asks it to end, as a system does.
    pub(crate) async fn terminate(mut self) -> ExitStatus {
        if let Some(id) = self.0.id() {
            let asked = Command::new("kill")
                .args(["-TERM", &id.to_string()])
                .status();
            assert!(asked.unwrap().success());
        }
        self.0.wait().await.unwrap()
    }
}

fn settings(feed: SocketAddr) -> String {
    format!(
        r#"version = 1
language = "en"

[hub]
on = false

[[feed]]
id = "numbers"
name = "Numbers"
url = "http://{feed}/feed"
watchdog_seconds = {WATCHDOG}

[[feed.rule]]
name = "dropped"
events = ["noise"]
then = "drop"

[[feed.rule]]
name = "bells"
events = ["bell"]
then = "notify"
title = "Bell {{{{ data.n }}}}"
body = "of {{{{ feed }}}}"

[[feed.rule]]
name = "others"
then = "keep"
title = "Number {{{{ data.n }}}}"
body = "{{{{ event }}}}"
"#
    )
}
