//! The hub: publishers POST, subscribers listen with any EventSource, history
//! is replayed, one user or everyone is reached.
//!
//! A [`Hub`] owns one log. [`Hub::publish`] stores a [`Publication`] and says
//! its [`Position`]; [`serve`] puts the same hub behind a bound listener. The
//! library binds nothing by itself, catches no signals, reads no environment
//! and prints nothing.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use hub::{Hub, HubConfig, Publication, Store};
//!
//! let hub = Hub::open(HubConfig::new(Store::Path("/tmp/hub.db".into())))?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let stop = tokio_util::sync::CancellationToken::new();
//! tokio::spawn(hub::serve(hub.clone(), listener, stop.clone().cancelled_owned()));
//! hub.publish(Publication::to_everyone("hello").event("like".parse()?)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Invariants
//!
//! * Stored before answered and before delivered, in one order for everybody.
//! * A subscriber is a cursor into the log, never a queue: replay and live are
//!   the same loop, so there is no seam between them to lose or double an event
//!   in, and no publisher waits for a subscriber.
//! * A cursor that cannot be honoured is answered with a `gap` event.

mod access;
mod backplane;
mod config;
mod connection;
mod courier;
mod demo;
mod device;
mod format;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod handover;
mod health;
mod inbound;
mod limits;
mod local;
mod log;
mod message;
mod metrics;
mod ntfy;
mod operating;
mod page;
mod peer;
mod position;
mod presence;
mod publication;
mod record;
mod routes;
mod serve;
mod subscribers;
mod subscription;
mod tls;
mod underway;
mod window;

use std::fmt;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::watch;

pub use access::{AccessFile, NewToken, TokenInfo};
pub use backplane::{
    Backplane, BackplaneError, EngineMemory, EngineRole, Examined, FoundHub, Persistence,
};
pub use config::{Clock, History, HubConfig, HubError, Rate, Store, Token};
pub use local::{Local, LocalError};
pub use message::MessageId;
pub use page::Pages;
pub use position::{Epoch, Position};
pub use presence::Subscriber;
pub use publication::{Address, Audience, InvalidAddress, MAX_DATA, Publication, Topic, Uid};
pub use serve::{Doors, TlsMode, bind, most_connections, serve, serve_on};
pub use sse::{EventId, EventName};
pub use tls::{OWN_CERTIFICATE, OWN_KEY, Tls, TlsError, names_of};

/// One hub: its log and its subscribers. Clones are handles to the same one;
/// the log is closed when the last of them is gone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    config: HubConfig,
    /// Before the log, which it holds: dropped means closed.
    node: Option<backplane::node::Node>,
    log: Arc<log::Log>,
    stats: watch::Sender<HubStats>,
    random: Mutex<fastrand::Rng>,
    subscribers: Arc<subscribers::Subscribers>,
    access: access::Access,
    metrics: Arc<metrics::Metrics>,
    started: Timestamp,
}

/// What a front end shows of a hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Open subscriber connections.
    pub subscribers: usize,
    /// Events kept for replay.
    pub events: u64,
    /// Bytes of their data and addresses.
    pub bytes: u64,
}

/// What became of a publication; both are on disk, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is this event of the log.
    Stored(Position),
    /// It comes into the log when it is due.
    Scheduled,
}

impl Receipt {
    /// The event's place, if it is in the log.
    #[must_use]
    pub fn position(self) -> Option<Position> {
        match self {
            Self::Stored(position) => Some(position),
            Self::Scheduled => None,
        }
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored(position) => position.fmt(f),
            Self::Scheduled => f.write_str("scheduled"),
        }
    }
}

impl Hub {
    /// Opens the log, or creates it, and starts its writer.
    ///
    /// # Errors
    ///
    /// The log cannot be used ([`HubError::InUse`], [`HubError::Newer`],
    /// [`HubError::Damaged`], [`HubError::Unopened`]), or the file beside it
    /// that says who may use the hub ([`HubError::AccessDamaged`]), or an allowed origin is
    /// none ([`HubError::Origin`]).
    pub fn open(mut config: HubConfig) -> Result<Self, HubError> {
        config.check()?;
        let own_clock = config.clock.clone();
        let mut offset = None;
        if config.backplane.is_some() {
            let (clock, sets) = backplane::node::engine_clock(own_clock.clone());
            config.clock = clock;
            offset = Some(sets);
        }
        let stats = watch::Sender::new(HubStats::default());
        let started = (config.clock)();
        let metrics = Arc::<metrics::Metrics>::default();
        // First of all: who holds its lock is alone with the folder.
        let log = log::Log::open(&mut config, stats.clone(), metrics.clone())?;
        let log = Arc::new(log);
        // A source of chance that is the same at each start must not give ids
        // that are in the log already.
        let start = log.head() ^ log.now().cast_unsigned().rotate_left(20);
        let random = fastrand::Rng::with_seed(config.random.u64(..) ^ start);
        let subscribers = Arc::new(subscribers::Subscribers::default());
        if let Store::Path(path) = &config.store
            && config.backplane.is_none()
            && log.was().origin.is_some()
        {
            return Err(HubError::IsCopy { path: path.clone() });
        }
        let access = access::Access::open(&config, subscribers.clone())?;
        let node = match (&config.backplane, offset, access.shared()) {
            (Some(backplane), Some(offset), Some(access)) => {
                let parts = backplane::node::Parts {
                    log: log.clone(),
                    subscribers: subscribers.clone(),
                    metrics: metrics.clone(),
                    own_clock,
                    offset,
                    access,
                };
                Some(backplane::node::Node::start(backplane, &config, parts)?)
            }
            _ => None,
        };
        Ok(Self(Arc::new(Inner {
            config,
            node,
            log,
            stats,
            random: Mutex::new(random),
            subscribers,
            access,
            metrics,
            started,
        })))
    }

    /// Stores a publication; returns once it is on disk, if there is one.
    /// Subscribers get it from the log. With a key or the id of a message that the hub already
    /// holds, nothing is stored and the receipt is that of the first
    /// publication with it.
    ///
    /// # Errors
    ///
    /// [`HubError::NotStored`] when the log took nothing: try again.
    /// [`HubError::TooManyScheduled`] when it is due later and no more fit.
    /// [`HubError::TooLarge`] when the data has more than [`MAX_DATA`] bytes.
    pub async fn publish(&self, publication: Publication) -> Result<Receipt, HubError> {
        let stored = self.append(vec![publication]).await?;
        let seq = stored.first().ok_or(HubError::Stopped)?;
        Ok(self.receipt(*seq))
    }

    async fn append(&self, publications: Vec<Publication>) -> Result<Vec<Option<u64>>, HubError> {
        let mut each = publications.iter().map(|one| one.data.len());
        if let Some(len) = each.find(|len| *len > MAX_DATA) {
            return Err(HubError::TooLarge { len });
        }
        match self.node() {
            Some(node) => node.append(publications).await,
            None => self.0.log.append(publications).await,
        }
    }

    fn receipt(&self, seq: Option<u64>) -> Receipt {
        let epoch = self.epoch();
        seq.map_or(Receipt::Scheduled, |seq| {
            Receipt::Stored(Position { epoch, seq })
        })
    }

    /// Stores publications in one transaction, all or none of them; returns
    /// their receipts, in their order, once they are on disk.
    ///
    /// # Errors
    ///
    /// As [`publish`](Self::publish).
    pub async fn publish_all(
        &self,
        publications: Vec<Publication>,
    ) -> Result<Vec<Receipt>, HubError> {
        let stored = self.append(publications).await?;
        Ok(stored.into_iter().map(|seq| self.receipt(seq)).collect())
    }

    /// Takes back what is scheduled for exactly this audience with this
    /// [`sequence`](Publication::sequence); says how many publications that are.
    ///
    /// # Errors
    ///
    /// [`HubError::NotStored`] when the log could not be written: try again.
    pub async fn cancel(&self, to: Audience, sequence: String) -> Result<u64, HubError> {
        match self.node() {
            Some(node) => node.cancel(&to, sequence).await,
            None => self.0.log.cancel(to, sequence).await,
        }
    }

    /// The numbers a front end shows, and their changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<HubStats> {
        self.0.stats.subscribe()
    }

    /// The log's epoch: a cursor of another one means nothing here.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.0.log.epoch()
    }

    /// The position of the newest event.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            epoch: self.epoch(),
            seq: self.0.log.head(),
        }
    }

    /// Whether the hub works at all: whether its log has a writer.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.log.is_alive()
    }

    /// Whether the log takes a publication right now: it writes to find out, and
    /// there is room for the largest.
    pub async fn is_healthy(&self) -> bool {
        health::ready(self).await.is_ok()
    }

    fn access(&self) -> &access::Access {
        &self.0.access
    }

    fn config(&self) -> &HubConfig {
        &self.0.config
    }

    fn random(&self) -> &Mutex<fastrand::Rng> {
        &self.0.random
    }

    /// What it is one of, if it is one of several.
    fn node(&self) -> Option<&backplane::node::Node> {
        self.0.node.as_ref()
    }

    fn log(&self) -> &log::Log {
        &self.0.log
    }

    fn subscribers(&self) -> &subscribers::Subscribers {
        &self.0.subscribers
    }

    fn metrics(&self) -> &metrics::Metrics {
        &self.0.metrics
    }

    /// When the hub was opened.
    fn started(&self) -> Timestamp {
        self.0.started
    }

    fn count_subscribers(&self) {
        self.0
            .stats
            .send_modify(|stats| stats.subscribers = self.0.subscribers.count());
    }
}
