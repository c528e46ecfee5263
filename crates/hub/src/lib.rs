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

mod config;
mod demo;
mod guard;
mod inbound;
mod log;
mod page;
mod position;
mod publication;
mod routes;
mod serve;
mod subscription;
mod window;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

pub use config::{Clock, History, HubConfig, HubError, Store, Token};
pub use page::Pages;
pub use position::{Epoch, Position};
pub use publication::{Address, Audience, InvalidAddress, MAX_DATA, Publication, Topic, Uid};
pub use serve::serve;
pub use sse::{EventId, EventName};

/// One hub: its log and its subscribers. Clones are handles to the same one;
/// the log is closed when the last of them is gone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    config: HubConfig,
    log: log::Log,
    stats: watch::Sender<HubStats>,
    subscribers: AtomicUsize,
}

/// What a front end shows of a hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubStats {
    /// Open subscriber connections.
    pub subscribers: usize,
    /// Events kept for replay.
    pub events: u64,
}

impl Hub {
    /// Opens the log, or creates it, and starts its writer.
    ///
    /// # Errors
    ///
    /// The log cannot be used ([`HubError::InUse`], [`HubError::Newer`],
    /// [`HubError::Damaged`], [`HubError::Unopened`]), or an allowed origin is
    /// none ([`HubError::Origin`]).
    pub fn open(mut config: HubConfig) -> Result<Self, HubError> {
        config.check()?;
        let stats = watch::Sender::new(HubStats::default());
        let log = log::Log::open(&mut config, stats.clone())?;
        Ok(Self(Arc::new(Inner {
            config,
            log,
            stats,
            subscribers: AtomicUsize::new(0),
        })))
    }

    /// Stores a publication; returns once it is on disk. Subscribers get it
    /// from the log. With a key that the log already holds, nothing is stored
    /// and the position is that of the first publication with it.
    ///
    /// # Errors
    ///
    /// [`HubError::NotStored`] when the log took nothing: try again.
    /// [`HubError::TooLarge`] when the data has more than [`MAX_DATA`] bytes.
    pub async fn publish(&self, publication: Publication) -> Result<Position, HubError> {
        let seq = self.0.log.append(publication).await?;
        Ok(Position {
            epoch: self.epoch(),
            seq,
        })
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

    /// Whether the log takes a publication right now: it writes to find out.
    pub async fn is_healthy(&self) -> bool {
        self.0.log.probe().await.is_ok()
    }

    fn config(&self) -> &HubConfig {
        &self.0.config
    }

    fn log(&self) -> &log::Log {
        &self.0.log
    }

    /// Takes one of the places for subscribers, if there is one left.
    fn seat(&self) -> Option<Seat> {
        let max = self.0.config.max_streams;
        let taken = &self.0.subscribers;
        taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n < max).then_some(n + 1)
            })
            .ok()?;
        self.0
            .stats
            .send_modify(|stats| stats.subscribers = taken.load(Ordering::Relaxed));
        Some(Seat(self.clone()))
    }
}

/// The place of one subscriber. It counts for as long as this lives, so a
/// connection that ends in whatever way leaves nothing behind.
struct Seat(Hub);

impl Drop for Seat {
    fn drop(&mut self) {
        let hub = &self.0.0;
        hub.subscribers.fetch_sub(1, Ordering::Relaxed);
        hub.stats
            .send_modify(|stats| stats.subscribers = hub.subscribers.load(Ordering::Relaxed));
    }
}
