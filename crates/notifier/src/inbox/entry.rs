//! What events bring to the inbox, and what makes two of them the same message.

use sha2::{Digest, Sha256};

use crate::{presentation::Presentation, view::Text};

/// What makes two events the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Never more than one message with this key: documented unique ids, or a field of the data.
    Once([u8; 16]),
    /// Absorbed only while a server re-sends; a live repeat is a new message.
    Replay {
        /// Own id, event name and data.
        digest: [u8; 16],
        /// Whether the event's own block carried an id.
        own_id: bool,
    },
}

impl Key {
    /// A key that is unique by documentation or by the user's rule.
    #[must_use]
    pub(crate) fn once(parts: &[&str]) -> Self {
        Key::Once(digest(parts))
    }

    /// The default key. An id counts only if the event's own block carried it: an SSE id is sticky
    /// and often not unique.
    #[must_use]
    pub(crate) fn replay(own_id: Option<&str>, event: &str, data: &str) -> Self {
        Key::Replay {
            digest: digest(&[own_id.unwrap_or_default(), event, data]),
            own_id: own_id.is_some(),
        }
    }
}

fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

/// What a message is a version of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread(pub(super) [u8; 16]);

impl Thread {
    /// The thread of this name.
    #[must_use]
    pub(crate) fn of(name: &str) -> Self {
        Self(digest(&["thread", name]))
    }
}

/// What one event brings to the inbox.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The feed's id.
    pub(crate) feed: String,
    /// The connection it came on, as [`Inbox::connected`] numbered it.
    pub(crate) connection: i64,
    /// Whether the server may be re-sending what we have.
    pub(crate) replaying: bool,
    /// Whether it counts as missed: it joins a summary.
    pub(crate) missed: bool,
    /// The new cursor.
    pub(crate) cursor: Option<String>,
    /// When it was made, as it says itself, if it belongs to a thread.
    pub(crate) version: Option<f64>,
    /// When it arrived.
    pub(crate) received: i64,
    /// The place of the next live fact, for feeds that send an array first.
    pub(crate) facts: Option<u32>,
    /// The event name after which the feed stops.
    pub(crate) stops: Option<String>,
    /// What to store.
    pub(crate) brings: Brings,
}

impl Entry {
    /// About how many bytes it holds.
    pub(crate) fn size(&self) -> usize {
        match &self.brings {
            Brings::Message(draft) | Brings::Trial(draft) => {
                draft.data.len() + draft.shown.title.len() + draft.shown.body.len()
            }
            _ => 0,
        }
    }
}

/// What an event brings, apart from moving the cursor.
#[derive(Clone, Debug)]
pub(crate) enum Brings {
    /// Nothing: a rule dropped it.
    Nothing,
    /// A message, or a new version of one.
    Message(Box<Draft>),
    /// A message that a person made to try things: nothing of the feed's place or memory moves.
    Trial(Box<Draft>),
    /// Only the memory of having seen it.
    Seen(Key),
    /// The end of what a thread has to say.
    Over {
        /// What makes it the same event again.
        key: Key,
        /// Whose message it ends.
        thread: Thread,
        /// Whether it is deleted, or only read.
        delete: bool,
    },
}

/// A message that is not stored yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// What makes it the same message again; gaps have none.
    pub(crate) key: Option<Key>,
    /// What its row stands for.
    pub(crate) kind: Kind,
    /// The event name.
    pub(crate) event: String,
    /// The id its own block carried.
    pub(crate) own_id: Option<String>,
    /// The data as it came.
    pub(crate) data: String,
    /// Made by the rule.
    pub(crate) shown: Presentation,
    /// Which rule said what.
    pub(crate) verdict: Text,
    /// Why there is no notification; none: one is owed.
    pub(crate) silenced: Option<Text>,
    /// What it is a version of.
    pub(crate) thread: Option<Thread>,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An event.
    Event,
    /// Events that are lost.
    Gap,
    /// Events that were left out on purpose.
    LeftOut,
}

impl Draft {
    /// Whether a notification is owed for it.
    #[must_use]
    pub(crate) fn rings(&self) -> bool {
        self.kind == Kind::Event && self.silenced.is_none()
    }
}

/// What became of an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A new message with this id.
    New(i64),
    /// A new version of the message with this id.
    Replaced(i64),
    /// The message with this id is read or deleted.
    Over(i64),
    /// Already there; only the cursor moved.
    Duplicate,
    /// Nothing to store; only the cursor moved.
    Dropped,
}
