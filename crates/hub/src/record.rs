//! One event of the log, and what a subscriber takes of the log.

use std::time::Duration;

use sse::EventName;

use crate::format::Format;
use crate::message::MessageId;
use crate::publication::{Audience, Filter};
use crate::{Position, Publication};

/// One event of the log: what every format is written from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) position: Position,
    /// When it came into the log, in Unix milliseconds.
    pub(crate) at: i64,
    /// Unix milliseconds from which on it is no longer delivered.
    pub(crate) expires: Option<i64>,
    /// Who gets it. Read from the disk, it names only what the reader asked for.
    pub(crate) to: Audience,
    pub(crate) event: Option<EventName>,
    pub(crate) retry: Option<Duration>,
    pub(crate) data: Box<str>,
    /// Set when the data is an ntfy message with this id.
    pub(crate) message: Option<MessageId>,
    /// Only for who listened before it came.
    pub(crate) transient: bool,
}

impl Record {
    /// The event that a publication becomes.
    pub(crate) fn of(position: Position, at: i64, publication: Publication) -> Self {
        Self {
            position,
            at,
            expires: expiry(&publication, at),
            to: publication.to,
            event: publication.event,
            retry: publication.retry,
            data: publication.data.into_boxed_str(),
            message: publication.message,
            transient: publication.transient,
        }
    }
}

/// Unix milliseconds from which on the publication is no longer delivered.
pub(crate) fn expiry(publication: &Publication, at: i64) -> Option<i64> {
    let ttl = i64::try_from(publication.ttl?.as_millis()).unwrap_or(i64::MAX);
    Some(at.saturating_add(ttl))
}

/// What one subscriber takes of the log, and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) filter: Filter,
    pub(crate) format: Format,
    /// The log's head when the stream opened: transient events up to there are
    /// not for it.
    pub(crate) opened: u64,
}

impl View {
    /// Whether the event is for this subscriber, at `now` in Unix milliseconds.
    pub(crate) fn takes(&self, record: &Record, now: i64) -> bool {
        record.expires.is_none_or(|expires| expires > now)
            && !(record.transient && record.position.seq <= self.opened)
            && self.filter.takes(&record.to)
            && self.format.takes(record)
    }
}
