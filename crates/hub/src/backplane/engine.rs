//! A connection to the engine: commands go one way, answers come the other, and
//! what breaks is made anew for ever.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fred::clients::Client;
use fred::error::ErrorKind;
use fred::interfaces::{ClientLike as _, EventInterface as _};
use fred::types::config::{ConnectionConfig, ReconnectPolicy, TcpConfig, UnresponsiveConfig};
use fred::types::{Builder, ClusterHash, CustomCommand, RespVersion, Value};
use fred_socket2::TcpKeepalive;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use super::examine::plain;
use super::{Backplane, BackplaneError};

/// How long an answer may take; a call that blocks says how long it blocks itself.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
/// How long an engine may say nothing until the connection is made anew. Shorter
/// than a command waits: with each that is written, fred counts from the start.
const SILENCE: Duration = Duration::from_secs(3);
/// Most commands that wait for the connection.
const MOST_WAITING: usize = 10_000;
/// Bounds of the wait between two tries to connect, in milliseconds.
const RETRY: (u32, u32) = (20, 1000);

/// One connection. Commands on it are answered in their order.
pub(super) struct Engine {
    client: Client,
    prefix: String,
    address: String,
    /// Why the connection broke, until something was answered.
    broken: Arc<Mutex<Option<String>>>,
    _listening: AbortOnDropHandle<()>,
    _routing: AbortOnDropHandle<Result<(), fred::error::Error>>,
}

/// Why a command was not answered as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// The engine does not answer; whether it did what it was asked is not known.
    Away(String),
    /// The engine said no, with these words.
    Refused(String),
}

impl Engine {
    /// Connects, from now on and whenever the connection breaks; commands wait for
    /// that. Needs a Tokio runtime.
    pub(super) fn connect(backplane: &Backplane) -> Result<Self, BackplaneError> {
        let address = backplane.to_string();
        let mut config = backplane.config.clone();
        config.version = RespVersion::RESP3;
        config.fail_fast = false;
        let mut builder = Builder::from_config(config);
        builder
            .set_policy(ReconnectPolicy::new_exponential(0, RETRY.0, RETRY.1, 2))
            .with_connection_config(|connection: &mut ConnectionConfig| {
                connection.connection_timeout = PATIENCE;
                connection.internal_command_timeout = PATIENCE;
                // What it is asked to do twice, it does twice.
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = MOST_WAITING;
                connection.reconnect_on_auth_error = true;
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(SILENCE),
                    interval: Duration::from_millis(500),
                };
                connection.tcp = TcpConfig {
                    nodelay: Some(true),
                    // A peer that is gone without a word, also while a command
                    // blocks or cannot be written.
                    keepalive: Some(
                        TcpKeepalive::new()
                            .with_time(SILENCE)
                            .with_interval(Duration::from_secs(2)),
                    ),
                    #[cfg(target_os = "linux")]
                    user_timeout: Some(2 * SILENCE),
                    ..TcpConfig::default()
                };
            });
        let client = builder.build().map_err(|error| BackplaneError::Engine {
            address: address.clone(),
            why: format!("cannot be reached: {}", error.details()),
        })?;
        let broken = Arc::<Mutex<Option<String>>>::default();
        let mut errors = client.error_rx();
        let noted = broken.clone();
        let listening = tokio::spawn(async move {
            loop {
                match errors.recv().await {
                    Ok((error, _)) => *lock(&noted) = Some(plain(error.details())),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        let routing = client.connect();
        Ok(Self {
            client,
            broken,
            _listening: AbortOnDropHandle::new(listening),
            prefix: backplane.prefix.clone(),
            address,
            _routing: AbortOnDropHandle::new(routing),
        })
    }

    /// Where it is, without the password.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Why there is no connection now; `None` where there is one.
    pub(super) fn broken(&self) -> Option<String> {
        (!self.client.is_connected()).then(|| self.silence())
    }

    fn silence(&self) -> String {
        let broken = lock(&self.broken).clone();
        broken.unwrap_or_else(|| "it does not answer".to_owned())
    }

    /// The full name of one of the hub's keys. All are in one hash slot.
    pub(super) fn key(&self, name: &str) -> String {
        format!("{{{}}}:{name}", self.prefix)
    }

    /// Gives up the connection and makes it anew.
    pub(super) async fn reconnect(&self) {
        // What does not work is tried again by itself.
        let _ = tokio::time::timeout(PATIENCE, self.client.force_reconnection()).await;
    }

    /// Sends a command and waits for the answer.
    pub(super) async fn call(
        &self,
        command: &'static str,
        arguments: Vec<Value>,
    ) -> Result<Value, Failed> {
        self.call_within(PATIENCE, command, arguments, false).await
    }

    /// The same for a command that blocks for up to `block`.
    pub(super) async fn block(
        &self,
        block: Duration,
        command: &'static str,
        arguments: Vec<Value>,
    ) -> Result<Value, Failed> {
        self.call_within(block + PATIENCE, command, arguments, true)
            .await
    }

    async fn call_within(
        &self,
        patience: Duration,
        command: &'static str,
        arguments: Vec<Value>,
        blocks: bool,
    ) -> Result<Value, Failed> {
        let command = CustomCommand::new_static(command, ClusterHash::FirstKey, blocks);
        let answer = self.client.custom::<Value, Value>(command, arguments);
        match tokio::time::timeout(patience, answer).await {
            Ok(Ok(value)) => {
                lock(&self.broken).take();
                Ok(value)
            }
            Ok(Err(error)) => Err(match error.kind() {
                ErrorKind::IO
                | ErrorKind::Timeout
                | ErrorKind::Canceled
                | ErrorKind::Routing
                | ErrorKind::Tls
                | ErrorKind::Auth
                | ErrorKind::Sentinel
                | ErrorKind::Protocol
                | ErrorKind::Backpressure => Failed::Away(plain(error.details())),
                _ => Failed::Refused(error.details().to_owned()),
            }),
            Err(_) => Err(Failed::Away(self.silence())),
        }
    }

    /// Loads a library of functions, unless the engine has this one already.
    pub(super) async fn load(&self, library: &'static str) -> Result<(), Failed> {
        let arguments = vec!["LOAD".into(), "REPLACE".into(), library.into()];
        self.call("FUNCTION", arguments).await.map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
