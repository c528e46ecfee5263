//! What a hub is told, and what it can answer with.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{Backplane, Pages};

/// Where "now" comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything a [`Hub`](crate::Hub) is told. [`HubConfig::new`] has the
/// defaults.
#[derive(Clone)]
pub struct HubConfig {
    /// Where the log lies, and beside it who may use the hub.
    pub store: Store,
    /// How much of it is kept for replay.
    pub history: History,
    /// What joins this hub with others into one. The log is then a copy of theirs.
    pub backplane: Option<Backplane>,
    /// Web origins whose pages may use the hub: exactly `scheme://host:port`.
    pub allow_origins: Vec<String>,
    /// Names of this machine, without a port, that a browser may use in the
    /// address, beside `localhost`, `127.0.0.1` and `[::1]`.
    pub hosts: Vec<String>,
    /// Secrets that allow everything. With any, each request must carry one of
    /// them or of those that [`Hub::create_token`](crate::Hub::create_token)
    /// made. Empty: no token is asked on loopback, and elsewhere one that was
    /// made.
    pub tokens: Vec<Token>,
    /// After how long without an event a stream gives a sign of life.
    pub heartbeat: Duration,
    /// After how long without taking a byte a connection is cut.
    pub write_timeout: Duration,
    /// Most subscribers at a time. Keep it below the process's limit of open
    /// files, which is often 1024.
    pub max_streams: usize,
    /// Most subscribers at a time from one IP address.
    pub max_streams_per_ip: usize,
    /// Most subscribers at a time that listen as one uid.
    pub max_streams_per_uid: usize,
    /// How fast one token, or without one an IP address, may publish.
    pub rate: Rate,
    /// After how long a stream is ended, so that its subscriber connects anew;
    /// some sooner and some later by a tenth, so that they do not come together.
    pub max_age: Option<Duration>,
    /// Whether plain streams of HTTP/1.1 share one loop; otherwise each is a task
    /// of its own, as all others are.
    pub shared_delivery: bool,
    /// The web page at `/`; without one it is an overview in plain text.
    pub pages: Option<Pages>,
    /// Makes `/sse` and `/test` produce the counter, the clock and the pause.
    pub demo: bool,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Where the epoch of a new log comes from.
    pub random: fastrand::Rng,
}

impl HubConfig {
    /// The defaults: history of 100,000 events, 7 days and 1 GiB, loopback names and
    /// our own origin only, no token, heartbeat of 15 s, 900 streams.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            history: History {
                events: 100_000,
                age: Duration::from_secs(7 * 24 * 60 * 60),
                bytes: 1 << 30,
            },
            backplane: None,
            allow_origins: Vec::new(),
            hosts: Vec::new(),
            tokens: Vec::new(),
            heartbeat: Duration::from_secs(15),
            write_timeout: Duration::from_secs(10),
            max_streams: 900,
            max_streams_per_ip: 900,
            max_streams_per_uid: 900,
            rate: Rate {
                burst: 10_000,
                per_second: 1000.0,
            },
            max_age: None,
            shared_delivery: true,
            pages: None,
            demo: false,
            clock: Arc::new(Timestamp::now),
            random: fastrand::Rng::new(),
        }
    }

    /// Brings the origins to the form browsers send, or says which is none.
    pub(crate) fn check(&mut self) -> Result<(), HubError> {
        for text in &mut self.allow_origins {
            *text = origin(text).ok_or_else(|| HubError::Origin {
                origin: text.clone(),
            })?;
        }
        Ok(())
    }
}

/// `scheme://host[:port]` as a browser sends it.
fn origin(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (matches!(url.scheme(), "http" | "https") && bare).then(|| url.origin().ascii_serialization())
}

/// Where a log lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// In memory: gone with the hub.
    Memory,
    /// In this file, readable by its owner alone, with further files beside it
    /// whose names start with the same.
    Path(PathBuf),
}

/// How much is kept for replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Most events.
    pub events: u64,
    /// Greatest age.
    pub age: Duration,
    /// Most bytes of data.
    pub bytes: u64,
}

/// How fast something may go: a bucket that is full at first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// So many at once.
    pub burst: u32,
    /// So many come back each second.
    pub per_second: f64,
}

/// A secret that opens the hub.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token; `None` when the text is empty or cannot stand in a header.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        let usable = !secret.is_empty() && secret.bytes().all(|b| b.is_ascii_graphic());
        usable.then(|| Self(secret.to_owned()))
    }

    /// The secret itself: to show it once to whom it is for.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Tells the token from others without giving it away: of its 32 bits very
    /// many texts have the same.
    pub(crate) fn fingerprint(&self) -> u32 {
        let hash = Sha256::digest(&self.0);
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// Whether `given` is this token, in a time that says nothing about where
    /// they differ.
    pub(crate) fn is(&self, given: &str) -> bool {
        let (own, given) = (self.0.as_bytes(), given.as_bytes());
        let different = own.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b));
        own.len() == given.len() && std::hint::black_box(different) == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Why a hub did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Tell the user: other machines reach the address and no token is set.
    #[error(
        "{address} can be reached from other machines: set a token, make one with \
         `feedbell token create`, or listen on 127.0.0.1"
    )]
    TokenNeeded {
        /// Where the listener is bound.
        address: SocketAddr,
    },
    /// Tell the user: an allowed origin is none.
    #[error("`{origin}` is not a web origin; write it like http://localhost:3000")]
    Origin {
        /// As it was written.
        origin: String,
    },
    /// Tell the user: another hub has the log.
    #[error("another hub uses {}; stop it, or choose another data folder", path.display())]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// Tell the user: the log is untouched, as a newer version wrote it.
    #[error("{} was written by a newer version of this program; update it", path.display())]
    Newer {
        /// The log.
        path: PathBuf,
    },
    /// Tell the user: the file is no log, or no longer one.
    #[error("{} is damaged; move it away to start with an empty history", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Tell the user: the log cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Unopened {
        /// The log.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Tell the user: the file that says who may use the hub is none, or no
    /// longer one.
    #[error("{} is damaged; move it away to start without tokens and bans", path.display())]
    AccessDamaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Try again later: who may use the hub could not be read or changed.
    #[error("the tokens and bans could not be read or changed: {source}")]
    Access {
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Tell the user: there cannot be such a token.
    #[error("{why}")]
    NoSuchToken {
        /// What is wrong with it.
        why: String,
    },
    /// Tell the user: there are as many as there may be.
    #[error("there are {most} {what} already; remove some first")]
    TooMany {
        /// Of what, in English.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// Give up: the system has no randomness to make a secret of.
    #[error("no secret could be made: {source}")]
    NoRandomness {
        /// What the system says.
        source: getrandom::Error,
    },
    /// Give up: the data is longer than [`MAX_DATA`](crate::MAX_DATA).
    #[error("the data has {len} bytes; {max} are allowed", max = crate::MAX_DATA)]
    TooLarge {
        /// Bytes of the data.
        len: usize,
    },
    /// Try again later: the log took nothing, for example as the disk is full.
    #[error("the event could not be stored: {source}")]
    NotStored {
        /// What SQLite says; shared by all who were in the same transaction.
        source: Arc<rusqlite::Error>,
    },
    /// Try again later: the backplane takes nothing now.
    #[error("{why}")]
    Away {
        /// Why not, and what to do.
        why: &'static str,
    },
    /// Tell the user: the log has a history of its own, which the nodes of a
    /// backplane do not have.
    #[error(
        "{} holds a history of its own: start with --import to make it that of all nodes, or \
         choose another data folder", path.display()
    )]
    OwnHistory {
        /// The log.
        path: PathBuf,
    },
    /// Tell the user: the log is a copy of one that several nodes share.
    #[error(
        "{} is a node's copy of a hub on a backplane: start with --backplane, or choose another \
         data folder", path.display()
    )]
    IsCopy {
        /// The log.
        path: PathBuf,
    },
    /// Tell the user: the log is a copy of that of another hub.
    #[error(
        "{} is a node's copy of another hub than the one at this engine: choose another data \
         folder, or another --backplane-prefix", path.display()
    )]
    OtherHub {
        /// The log.
        path: PathBuf,
    },
    /// Tell the user: a node keeps its copy on disk.
    #[error("a node on a backplane keeps its copy of the log on disk, not in memory")]
    CopyInMemory,
    /// Tell the user: the history was not imported.
    #[error("the history was not imported: {why}")]
    NotImported {
        /// Why not.
        why: String,
    },
    /// Tell the user: the backplane cannot be used as it was given.
    #[error(transparent)]
    Backplane(#[from] crate::BackplaneError),
    /// Try again later, or take some back: no more fits among what is scheduled.
    #[error(
        "{most} publications, or 128 MiB of them, are scheduled already; try again when some \
         were due, or cancel some"
    )]
    TooManyScheduled {
        /// Most that may be.
        most: u64,
    },
    /// Try again later: the history could not be read.
    #[error("the history could not be read: {source}")]
    NotRead {
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// Give up: the log's writer has ended.
    #[error("the hub has stopped")]
    Stopped,
    /// Give up: the listener does not work.
    #[error("the hub cannot take connections: {source}")]
    Listener {
        /// What the system says.
        source: std::io::Error,
    },
}

impl HubError {
    /// Whether the reason is that the disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let Self::NotStored { source } = self else {
            return false;
        };
        // The index of the write-ahead log says it in its own way.
        let index = |error: &rusqlite::ffi::Error| {
            error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
        };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            || source.sqlite_error().is_some_and(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins() {
        for (text, expected) in [
            ("http://localhost:3000", Some("http://localhost:3000")),
            ("http://LOCALHOST:3000/", Some("http://localhost:3000")),
            ("http://example.com:80", Some("http://example.com")),
            ("https://example.com", Some("https://example.com")),
            ("http://[::1]:5173", Some("http://[::1]:5173")),
            ("localhost:3000", None),
            ("*", None),
            ("null", None),
            ("http://example.com/page", None),
            ("http://user@example.com", None),
            ("file:///tmp", None),
            ("", None),
        ] {
            assert_eq!(origin(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn tokens() {
        assert!(Token::new("").is_none());
        assert!(Token::new("a b").is_none());
        assert!(Token::new("a\n").is_none());
        let token = Token::new("tk_1234").unwrap();
        assert!(token.is("tk_1234"));
        for other in ["", "tk_123", "tk_12345", "tk_1235"] {
            assert!(!token.is(other), "{other}");
        }
        assert!(!format!("{token:?}").contains("1234"));
    }
}
