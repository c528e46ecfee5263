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
mod poll;
mod publish;
mod rhythm;
mod transport;
mod trouble;

pub use check::{Check, CheckStep, CheckUpdate, Detail, Outcome, Step, check};
pub use config::{FeedConfig, GiveUp, Identity, Limits, Patience, Proxy, Resume, Silence};
pub use feed::{Event, Feed, FeedUpdate, State};
pub use publish::{Publication, PublishError, publish};
pub use trouble::{Excess, StopReason, TlsTrouble, Trouble, Words};
