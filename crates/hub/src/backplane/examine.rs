//! What an engine says of itself, before a hub stands on it.

use std::collections::HashMap;
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error, ErrorKind};
use fred::interfaces::ClientLike as _;
use fred::types::config::ConnectionConfig;
use fred::types::{Builder, ClusterHash, CustomCommand, RespVersion, Value};
use jiff::{SignedDuration, Timestamp};

use super::engine::PATIENCE;
use super::{Backplane, BackplaneError};

/// A node that was not heard of for so long is gone.
const ALIVE: Duration = Duration::from_secs(10);
/// What an engine says to a library without a first line, and to a call of a
/// function that is not there: both only after it looked at who asks.
const HARMLESS: [&str; 2] = ["Missing library metadata", "Function not found"];

/// What an engine says of itself. What it does not tell is `None`: managed engines
/// keep some of it to themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// The name of the program, like `Redis` or `Valkey`.
    pub name: String,
    /// Its version, as it says it.
    pub version: String,
    /// Whether that has all that a hub needs.
    pub is_new_enough: bool,
    /// What it is to others.
    pub role: EngineRole,
    /// Whether it is part of a cluster.
    pub in_cluster: bool,
    /// What it writes down of its changes.
    pub persistence: Option<Persistence>,
    /// How far its clock is ahead of ours.
    pub ahead: SignedDuration,
    /// What it has in memory.
    pub memory: Option<EngineMemory>,
    /// Why it does not let us use its keys and functions, in its words.
    pub functions_refused: Option<String>,
    /// The hub that has its log there already.
    pub hub: Option<FoundHub>,
}

/// What an engine is to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineRole {
    /// It takes writes.
    Primary {
        /// How many copy from it.
        replicas: u64,
    },
    /// It copies from another.
    Replica {
        /// From which, as `host:port`.
        of: String,
    },
    /// It watches over others.
    Sentinel,
}

/// What an engine writes down of its changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persistence {
    /// Whether each change goes into a file.
    pub appends: bool,
    /// When that is brought to the disk: `always`, `everysec` or `no`.
    pub fsync: Option<String>,
}

/// What an engine has in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineMemory {
    /// How much it uses, in bytes.
    pub used: u64,
    /// The most that it may use, in bytes; without one, as much as there is.
    pub max: Option<u64>,
    /// What it does then; all but `noeviction` delete keys.
    pub policy: Option<String>,
}

/// A hub whose log lies at the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundHub {
    /// The log's epoch.
    pub epoch: String,
    /// The number of the newest event.
    pub head: u64,
    /// How many nodes are there now.
    pub nodes: u64,
}

impl Backplane {
    /// Connects and looks around. It changes nothing.
    ///
    /// # Errors
    ///
    /// [`BackplaneError::Away`] when nothing answers,
    /// [`BackplaneError::Refused`] when the password is wrong or missing,
    /// [`BackplaneError::Untrusted`] when its certificate is not trusted.
    pub async fn examine(&self) -> Result<Examined, BackplaneError> {
        let client = self.connect_once().await?;
        let examined = self.examined(&client).await;
        // What does not hear it is gone all the same.
        let _ = tokio::time::timeout(PATIENCE, client.quit()).await;
        examined.map_err(|why| self.failed(&why))
    }

    async fn connect_once(&self) -> Result<Client, BackplaneError> {
        let mut config = self.config.clone();
        config.version = RespVersion::RESP3;
        config.fail_fast = true;
        let mut builder = Builder::from_config(config);
        builder.with_connection_config(|connection: &mut ConnectionConfig| {
            connection.connection_timeout = PATIENCE;
            connection.internal_command_timeout = PATIENCE;
            connection.max_command_attempts = 1;
        });
        let client = builder.build().map_err(|why| self.failed(&why))?;
        // Some ways to fail it says nothing of, like a server that hangs up at once.
        let connected = tokio::time::timeout(PATIENCE * 2, client.init()).await;
        let silent = || Error::new(ErrorKind::Timeout, "no answer");
        let connected = connected.unwrap_or_else(|_| Err(silent()));
        connected.map_err(|why| self.failed(&why))?;
        Ok(client)
    }

    async fn examined(&self, client: &Client) -> Result<Examined, Error> {
        let info = ask(client, "INFO", vec![]).await?;
        let info = info.as_string().unwrap_or_default();
        let info = Info::of(&info);
        let (name, version, is_new_enough) = info.server();
        let role = info.role();

        let before = Timestamp::now();
        let time = ask(client, "TIME", vec![]).await;
        let after = Timestamp::now();
        let ours = before.as_microsecond().midpoint(after.as_microsecond());
        let theirs = time.ok().and_then(|time| micros(&time)).unwrap_or(ours);

        let fsync = ask(client, "CONFIG", vec!["GET".into(), "appendfsync".into()]).await;
        let fsync = fsync.ok().and_then(|found| {
            let found: HashMap<String, String> = found.convert().ok()?;
            found.into_values().next()
        });

        let (functions_refused, hub) = match role {
            // Sentinels have neither keys nor functions.
            EngineRole::Sentinel => (None, None),
            _ => match self.keys(client, theirs).await {
                Ok(hub) => (None, hub),
                Err(why) => (Some(plain(why.details())), None),
            },
        };
        Ok(Examined {
            name,
            version,
            is_new_enough,
            role,
            in_cluster: info.says("redis_mode") == Some("cluster"),
            persistence: info.number("aof_enabled").map(|aof| Persistence {
                appends: aof == 1,
                fsync,
            }),
            ahead: SignedDuration::from_micros(theirs - ours),
            memory: info.memory(),
            functions_refused,
            hub,
        })
    }

    /// The hub that is there, if we may do what a hub does. `now` is the engine's, in
    /// microseconds.
    async fn keys(&self, client: &Client, now: i64) -> Result<Option<FoundHub>, Error> {
        let key = |name: &str| Value::from(format!("{{{}}}:{name}", self.prefix));
        let since = now - i64::try_from(ALIVE.as_micros()).unwrap_or(i64::MAX);
        let fields = vec![key("hub"), "epoch".into(), "head".into()];
        let fields = ask(client, "HMGET", fields).await?;
        let alive = vec![key("nodes"), since.into(), "+inf".into()];
        let nodes = ask(client, "ZCOUNT", alive).await?.as_u64();
        let load = vec!["LOAD".into(), "feedbell".into()];
        let call = vec!["feedbell_examine".into(), 1.into(), key("log")];
        for (command, arguments) in [("FUNCTION", load), ("FCALL", call)] {
            match ask(client, command, arguments).await {
                Err(why) if !HARMLESS.iter().any(|said| why.details().contains(said)) => {
                    return Err(why);
                }
                _ => {}
            }
        }
        Ok(found_hub(fields, nodes))
    }

    fn failed(&self, why: &Error) -> BackplaneError {
        let address = self.to_string();
        let untrusted = why.details().contains("InvalidCertificate");
        let details = plain(why.details());
        match why.kind() {
            ErrorKind::Auth => BackplaneError::Refused {
                address,
                why: details,
            },
            _ if untrusted => BackplaneError::Untrusted {
                address,
                why: details,
            },
            _ => BackplaneError::Away {
                address,
                why: details,
            },
        }
    }
}

/// What is wrong, without Rust's brackets around what the system or rustls says, and
/// without a full stop.
pub(super) fn plain(details: &str) -> String {
    let within = |begin: &str, end: &str| {
        let (_, rest) = details.split_once(begin)?;
        rest.rsplit_once(end).map(|(words, _)| words)
    };
    within("message: \"", "\"")
        .or_else(|| within("InvalidCertificate(", ")"))
        .or_else(|| within("error: \"", "\""))
        .unwrap_or(details)
        .trim_end_matches('.')
        .to_owned()
}

async fn ask(
    client: &Client,
    command: &'static str,
    arguments: Vec<Value>,
) -> Result<Value, Error> {
    let command = CustomCommand::new_static(command, ClusterHash::FirstKey, false);
    let answer = client.custom(command, arguments);
    tokio::time::timeout(PATIENCE, answer)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Timeout, "no answer")))
}

/// What `TIME` says: seconds and microseconds.
fn micros(time: &Value) -> Option<i64> {
    let Value::Array(parts) = time else {
        return None;
    };
    let mut parts = parts.iter().map(Value::as_i64);
    let seconds = parts.next()??.checked_mul(1_000_000)?;
    seconds.checked_add(parts.next()??)
}

fn found_hub(fields: Value, nodes: Option<u64>) -> Option<FoundHub> {
    let fields: Vec<Option<String>> = fields.convert().ok()?;
    let mut fields = fields.into_iter();
    Some(FoundHub {
        epoch: fields.next()??,
        head: fields.next().flatten()?.parse().ok()?,
        nodes: nodes.unwrap_or(0),
    })
}

/// The lines of `INFO`.
struct Info<'a>(HashMap<&'a str, &'a str>);

impl<'a> Info<'a> {
    fn of(text: &'a str) -> Self {
        let lines = text.lines().filter_map(|line| line.split_once(':'));
        Self(lines.map(|(name, value)| (name, value.trim())).collect())
    }

    fn says(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).copied().filter(|value| !value.is_empty())
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.says(name)?.parse().ok()
    }

    /// Which program it is, of which version, and whether that is new enough.
    fn server(&self) -> (String, String, bool) {
        // Valkey also says which Redis it is like.
        let (name, version, least) = match (self.says("valkey_version"), self.says("server_name")) {
            (Some(version), _) => ("Valkey", Some(version), (7, 2)),
            (None, Some(name)) if !name.eq_ignore_ascii_case("redis") => {
                (name, self.says("redis_version"), (7, 0))
            }
            _ => ("Redis", self.says("redis_version"), (7, 0)),
        };
        let version = version.unwrap_or("?");
        let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
        let found = (parts.next().flatten(), parts.next().flatten());
        let is_new_enough = found >= (Some(least.0), Some(least.1));
        (name.to_owned(), version.to_owned(), is_new_enough)
    }

    fn role(&self) -> EngineRole {
        if self.says("redis_mode") == Some("sentinel") {
            return EngineRole::Sentinel;
        }
        match self.says("role") {
            Some("slave" | "replica") => EngineRole::Replica {
                of: format!(
                    "{}:{}",
                    self.says("master_host").unwrap_or("?"),
                    self.says("master_port").unwrap_or("?")
                ),
            },
            _ => EngineRole::Primary {
                replicas: self.number("connected_slaves").unwrap_or(0),
            },
        }
    }

    fn memory(&self) -> Option<EngineMemory> {
        Some(EngineMemory {
            used: self.number("used_memory")?,
            max: self.number("maxmemory").filter(|max| *max > 0),
            policy: self.says("maxmemory_policy").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use fred::types::Value;

    use super::{EngineMemory, EngineRole, Info, found_hub, micros, plain};

    #[test]
    fn which_server_it_is() {
        for (info, name, version, is_new_enough) in [
            ("redis_version:7.0.15", "Redis", "7.0.15", true),
            ("redis_version:6.2.14", "Redis", "6.2.14", false),
            ("redis_version:10.0.0", "Redis", "10.0.0", true),
            (
                "redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n",
                "Valkey",
                "8.1.0",
                true,
            ),
            (
                "redis_version:7.2.4\r\nvalkey_version:7.2.5\r\n",
                "Valkey",
                "7.2.5",
                true,
            ),
            ("valkey_version:7.1.9", "Valkey", "7.1.9", false),
            (
                "server_name:other\nredis_version:7.4.0",
                "other",
                "7.4.0",
                true,
            ),
            ("# Server\r\n", "Redis", "?", false),
        ] {
            let expected = (name.to_owned(), version.to_owned(), is_new_enough);
            assert_eq!(Info::of(info).server(), expected, "{info}");
        }
    }

    #[test]
    fn roles_and_memory() {
        let replica = "role:slave\r\nmaster_host:10.0.0.1\r\nmaster_port:6379\r\n";
        assert_eq!(
            Info::of(replica).role(),
            EngineRole::Replica {
                of: "10.0.0.1:6379".to_owned()
            }
        );
        assert_eq!(
            Info::of("role:master\r\nconnected_slaves:2").role(),
            EngineRole::Primary { replicas: 2 }
        );
        assert_eq!(Info::of("redis_mode:sentinel").role(), EngineRole::Sentinel);
        let memory = "used_memory:5\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n";
        assert_eq!(
            Info::of(memory).memory(),
            Some(EngineMemory {
                used: 5,
                max: None,
                policy: Some("noeviction".to_owned())
            })
        );
        assert_eq!(Info::of("maxmemory:5").memory(), None);
    }

    #[test]
    fn what_the_system_says_is_readable() {
        for (details, expected) in [
            (
                "Os { code: 111, kind: ConnectionRefused, message: \"Connection refused\" }",
                "Connection refused",
            ),
            (
                "Custom { kind: InvalidData, error: InvalidCertificate(UnknownIssuer) }",
                "UnknownIssuer",
            ),
            (
                "Custom { kind: Uncategorized, error: \"failed to lookup address\" }",
                "failed to lookup address",
            ),
            (
                "WRONGPASS wrong or disabled.",
                "WRONGPASS wrong or disabled",
            ),
            ("", ""),
        ] {
            assert_eq!(plain(details), expected);
        }
    }

    #[test]
    fn what_is_not_there_is_none() {
        let array = |parts: Vec<Value>| Value::Array(parts);
        assert_eq!(
            micros(&array(vec!["1700000000".into(), "25".into()])),
            Some(1_700_000_000_000_025)
        );
        assert_eq!(micros(&array(vec!["1700000000".into()])), None);
        assert_eq!(found_hub(array(vec![Value::Null, Value::Null]), None), None);
        assert_eq!(found_hub(array(vec!["e".into(), "x".into()]), None), None);
        let found = found_hub(array(vec!["e".into(), "7".into()]), Some(2)).unwrap();
        assert_eq!((found.epoch.as_str(), found.head, found.nodes), ("e", 7, 2));
    }
}
