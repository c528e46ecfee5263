//! A session bus for one test.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

const INSIDE: &str = "FEEDBELL_TEST_ON_A_PRIVATE_BUS";

/// Without a service directory nothing is started behind the test's back.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=DIRECTORY</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>"#;

struct Bus(Child);

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `body` in a child process, the test `name` once more, on a bus of its own.
pub fn on_a_private_bus(name: &str, body: impl Future<Output = ()>) {
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        return runtime.block_on(body);
    }
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("bus.conf");
    let here = directory.path().to_str().unwrap();
    std::fs::write(&config, CONFIG.replace("DIRECTORY", here)).unwrap();
    let bus = Command::new("dbus-daemon")
        .args(["--nofork", "--print-address=1", "--config-file"])
        .arg(&config)
        .stdout(Stdio::piped())
        .spawn();
    let mut bus = Bus(bus.expect("dbus-daemon (package dbus) is installed"));
    let mut address = String::new();
    BufReader::new(bus.0.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    assert!(!address.is_empty(), "dbus-daemon did not start");

    let child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INSIDE, "1")
        .env("DBUS_SESSION_BUS_ADDRESS", address.trim())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    let complained = String::from_utf8_lossy(&child.stderr);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}\n{complained}"
    );
    assert!(!complained.contains("panicked"), "{complained}");
}
