//! A system bus for one test, and services on it that say what the test wants.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::StreamExt as _;
use tempfile::TempDir;
use tokio::{runtime::Runtime, time::timeout};
use zbus::{
    Connection, DynamicType, Message, MessageStream, Variant, connection,
    fdo::{DBusProxy, MonitoringProxy},
    message::Type,
};

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Without a service directory nothing is started behind the test's back.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=DIRECTORY/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>"#;

pub(crate) const LOGIND: &str = "org.freedesktop.login1";
pub(crate) const NETWORK_MANAGER: &str = "org.freedesktop.NetworkManager";
pub(crate) const NETWORKD: &str = "org.freedesktop.network1";

/// What a service answers to whom asks for this.
pub(crate) type Answers = Arc<Mutex<HashMap<&'static str, Answer>>>;

#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// A property's value.
    Bool(bool),
    /// The name of a notification daemon.
    Name(&'static str),
}

/// Where a bus is, or will be.
pub(crate) struct Place {
    folder: TempDir,
    runtime: Runtime,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = CONFIG.replace("DIRECTORY", folder.path().to_str().unwrap());
        std::fs::write(folder.path().join("bus.conf"), config).unwrap();
        let runtime = Runtime::new().unwrap();
        Self { folder, runtime }
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:path={}/bus", self.folder.path().display())
    }

    /// The bus, running.
    pub(crate) fn start(&self) -> Bus<'_> {
        let _ = std::fs::remove_file(self.folder.path().join("bus"));
        let daemon = Command::new("dbus-daemon")
            .args(["--nofork", "--print-address=1", "--config-file"])
            .arg(self.folder.path().join("bus.conf"))
            .stdout(Stdio::piped())
            .spawn();
        let mut daemon = daemon.expect("dbus-daemon (package dbus) is installed");
        let mut line = String::new();
        BufReader::new(daemon.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(!line.is_empty(), "dbus-daemon did not start");
        Bus {
            place: self,
            daemon,
        }
    }
}

/// A running bus; ends when dropped.
pub(crate) struct Bus<'a> {
    place: &'a Place,
    daemon: Child,
}

impl Drop for Bus<'_> {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Bus<'_> {
    /// A process on the bus that owns these names.
    pub(crate) fn service(&self, names: &[&str]) -> Service<'_> {
        let connection = self.place.runtime.block_on(async {
            let connection = self.connect().await;
            for name in names {
                connection.request_name(*name).await.unwrap();
            }
            connection
        });
        Service {
            runtime: &self.place.runtime,
            connection,
        }
    }

    /// From now on all calls on the bus are seen.
    pub(crate) fn monitor(&self) -> Monitor<'_> {
        let seen = self.place.runtime.block_on(async {
            let connection = self.connect().await;
            let seen = MessageStream::from(&connection);
            let monitoring = MonitoringProxy::new(&connection).await.unwrap();
            monitoring.become_monitor(&[], 0).await.unwrap();
            seen
        });
        Monitor {
            runtime: &self.place.runtime,
            seen,
        }
    }

    async fn connect(&self) -> Connection {
        let address = self.place.address();
        let building = connection::Builder::address(address.as_str()).build();
        timeout(PATIENCE, building).await.unwrap().unwrap()
    }
}

/// Sees what others ask of the bus.
pub(crate) struct Monitor<'a> {
    runtime: &'a Runtime,
    seen: MessageStream,
}

impl Monitor<'_> {
    /// Waits until somebody has asked to hear logind and NetworkManager; its name on the bus.
    pub(crate) fn until_heard(&mut self) -> String {
        let mut missing = vec![LOGIND, NETWORK_MANAGER, NETWORKD];
        let hearing = async {
            loop {
                let message = self.seen.next().await.unwrap().unwrap();
                let Some((caller, rule)) = asked_to_hear(&message) else {
                    continue;
                };
                missing.retain(|name| !rule.contains(&format!("sender='{name}'")));
                if missing.is_empty() {
                    return caller;
                }
            }
        };
        let hearing = async { timeout(PATIENCE, hearing).await };
        self.runtime.block_on(hearing).expect("somebody listens")
    }
}

fn asked_to_hear(message: &Message) -> Option<(String, String)> {
    let header = message.header();
    if message.message_type() != Type::MethodCall || header.member()?.as_str() != "AddMatch" {
        return None;
    }
    let rule = message.body().deserialize().unwrap();
    Some((header.sender()?.to_string(), rule))
}

/// A process on the bus.
pub(crate) struct Service<'a> {
    runtime: &'a Runtime,
    connection: Connection,
}

impl Service<'_> {
    /// logind's signal before a sleep and after it.
    /// From now on answers each call to these methods with what is in `answers`, as JSON.
    pub(crate) fn serve(&self, answers: Answers) {
        let connection = self.connection.clone();
        let mut calls = MessageStream::from(&connection);
        self.runtime.spawn(async move {
            while let Some(Ok(call)) = calls.next().await {
                let header = call.header();
                let Some(member) = header
                    .member()
                    .filter(|_| call.message_type() == Type::MethodCall)
                else {
                    continue;
                };
                // Of a property its name; of any other call the method.
                let asked = match member.as_str() {
                    "Get" => call.body().deserialize::<(String, String)>().unwrap().1,
                    other => other.to_owned(),
                };
                let answer = answers.lock().unwrap().get(asked.as_str()).cloned();
                let answered = match answer {
                    Some(Answer::Bool(on)) => connection.reply(&header, &Variant::from(on)).await,
                    Some(Answer::Name(name)) => {
                        connection.reply(&header, &(name, "", "", "")).await
                    }
                    None => {
                        let unknown = "org.freedesktop.DBus.Error.UnknownProperty";
                        connection.reply_error(&header, unknown, &asked).await
                    }
                };
                answered.unwrap();
            }
        });
    }

    /// Takes a further name.
    pub(crate) fn own(&self, name: &str) {
        let owning = self.connection.request_name(name);
        self.runtime.block_on(owning).unwrap();
    }

    /// Leaves the bus.
    pub(crate) fn leave(self) {
        self.runtime.block_on(self.connection.close()).unwrap();
    }

    /// A signal like any other.
    pub(crate) fn signal(
        &self,
        place: (&str, &str),
        name: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) {
        self.emit(None, place, name, body);
    }

    pub(crate) fn prepare_for_sleep(&self, sleeps: bool) {
        self.emit(None, LOGIN1, "PrepareForSleep", &sleeps);
    }

    pub(crate) fn sleep_and_wake(&self) {
        self.prepare_for_sleep(true);
        self.prepare_for_sleep(false);
    }

    /// NetworkManager's signal of its `NMState`.
    pub(crate) fn state(&self, state: u32) {
        self.emit(None, MANAGER, "StateChanged", &state);
    }

    /// NetworkManager's properties that changed.
    pub(crate) fn network_manager(&self, changed: &[(&str, Variant<'_>)]) {
        let interface = "org.freedesktop.NetworkManager";
        self.properties("/org/freedesktop/NetworkManager", interface, changed);
    }

    /// systemd-networkd's properties that changed.
    pub(crate) fn networkd(&self, changed: &[(&str, Variant<'_>)]) {
        let interface = "org.freedesktop.network1.Manager";
        self.properties("/org/freedesktop/network1", interface, changed);
    }

    /// Everything above, pretended, to everybody and to this one; and that it owns the names.
    pub(crate) fn pretend(&self, to: &str) {
        let own = self.connection.unique_name().unwrap().to_string();
        for name in [LOGIND, NETWORK_MANAGER] {
            let body = (name, "", own.as_str());
            let bus = ("/org/freedesktop/DBus", "org.freedesktop.DBus");
            self.emit(Some(to), bus, "NameOwnerChanged", &body);
        }
        for to in [None, Some(to)] {
            self.emit(to, LOGIN1, "PrepareForSleep", &false);
            self.emit(to, MANAGER, "StateChanged", &70u32);
        }
        // Its answer comes after all of it was passed on.
        self.runtime.block_on(async {
            let bus = DBusProxy::new(&self.connection).await.unwrap();
            bus.get_id().await.unwrap();
        });
    }

    pub(crate) fn properties(&self, path: &str, interface: &str, changed: &[(&str, Variant<'_>)]) {
        let changed: HashMap<&str, &Variant<'_>> =
            changed.iter().map(|(name, value)| (*name, value)).collect();
        let body = (interface, changed, Vec::<&str>::new());
        let properties = (path, "org.freedesktop.DBus.Properties");
        self.emit(None, properties, "PropertiesChanged", &body);
    }

    fn emit(
        &self,
        to: Option<&str>,
        (path, interface): (&str, &str),
        signal: &str,
        body: &(impl serde::Serialize + DynamicType),
    ) {
        let sending = self
            .connection
            .emit_signal(to, path, interface, signal, body);
        self.runtime.block_on(sending).unwrap();
    }
}

const LOGIN1: (&str, &str) = ("/org/freedesktop/login1", "org.freedesktop.login1.Manager");
const MANAGER: (&str, &str) = (
    "/org/freedesktop/NetworkManager",
    "org.freedesktop.NetworkManager",
);
