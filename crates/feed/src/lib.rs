//! One subscription that stays alive, and one publish.
//!
//! [`Feed::open`] keeps one SSE endpoint open for ever: it connects, parses,
//! notices silence, waits and resumes, and says what it is doing. [`check`]
//! makes the same attempt once and reports each step of it. [`publish`] sends
//! one event to a Feedbell hub.
//!
//! Events are parsed by `eventsource-client` over a transport of ours, which
//! hands it only well-formed blocks and keeps the decisions about connections.

mod backoff;
mod canonical;
mod check;
mod client;
mod config;
mod feed;
mod pin;
mod poll;
mod publish;
mod rhythm;
mod transport;
mod trouble;

pub use check::{Check, CheckStep, CheckUpdate, Detail, Outcome, Step, check};
pub use client::{is_loopback, sounds_secret};
pub use config::{FeedConfig, GiveUp, Identity, Limits, Patience, Proxy, Resume, Silence};
pub use feed::{Event, Feed, FeedUpdate, State};
pub use pin::{InvalidPin, Pin};
pub use publish::{HubAddress, Publication, PublishError, ask, publish};
pub use trouble::{Excess, StopReason, TlsTrouble, Trouble, Words};

/// The fuzz target's way in: from bytes to blocks without a connection.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
#[allow(missing_docs, reason = "it mirrors `canonical`")]
pub mod fuzzing {
    use bytes::Bytes;

    use crate::{Limits, Trouble, canonical};

    #[derive(Debug)]
    pub enum Piece {
        Event { block: Bytes, own_id: bool },
        Id(String),
        Retry(u64),
        Comment,
        Oversize { id: Option<String> },
        LongId,
    }

    #[derive(Debug)]
    pub struct Canonical(canonical::Canonical);

    impl Canonical {
        #[must_use]
        pub fn new(limits: Limits, last_event_id: &str) -> Self {
            Self(canonical::Canonical::new(limits, last_event_id.to_owned()))
        }

        /// # Errors
        /// [`Trouble::EndlessLine`]: the stream cannot be read on.
        pub fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Piece>, Trouble> {
            let piece = self.0.next(chunk)?;
            Ok(piece.map(|piece| match piece {
                canonical::Piece::Event { block, own_id } => Piece::Event { block, own_id },
                canonical::Piece::Id(id) => Piece::Id(id),
                canonical::Piece::Retry(milliseconds) => Piece::Retry(milliseconds),
                canonical::Piece::Comment => Piece::Comment,
                canonical::Piece::Oversize { id, .. } => Piece::Oversize { id },
                canonical::Piece::LongId => Piece::LongId,
            }))
        }
    }
}
