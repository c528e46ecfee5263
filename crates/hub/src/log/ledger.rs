//! What a log keeps of its events beside the window, and the steps that change
//! it. Who takes them, and when, is the writer's business.

use rusqlite::Result;
use sha2::{Digest as _, Sha256};
use sse::EventId;

use crate::Epoch;
use crate::message::MessageId;
use crate::publication::{Audience, Publication};
use crate::record::Record;

/// One transaction on the rows of a log: either on disk, or in memory, where
/// nothing fails. Dropped before [`commit`](Self::commit), nothing of it
/// happened.
pub(super) trait Ledger {
    /// What already has the publication's key, or its id of a message.
    fn known(&mut self, key: Option<&str>, message: Option<&MessageId>) -> Result<Option<Known>>;

    /// Appends one event; says its bytes.
    fn insert(&mut self, record: &Record, key: Option<String>, fact: bool) -> Result<u64>;

    /// Keeps a publication until `due`; says its bytes. What has the same
    /// sequence and audience was taken back before.
    fn insert_scheduled(
        &mut self,
        due: i64,
        key: Option<String>,
        publication: Publication,
    ) -> Result<u64>;

    /// Takes back what is scheduled for this audience with this sequence; says
    /// how many and their bytes.
    fn delete_scheduled(&mut self, to: &Audience, sequence: &str) -> Result<(u64, u64)>;

    /// Takes out the first of what is due at `now`: publications in the order
    /// in which they are due, and their bytes.
    fn take_due(&mut self, now: i64) -> Result<(Vec<Publication>, u64)>;

    /// When the next is due, in Unix milliseconds.
    fn next_due(&mut self) -> Result<Option<i64>>;

    /// Deletes the oldest events: those up to `floor`, and after them `over`
    /// bytes.
    fn delete_oldest(&mut self, floor: u64, over: u64, most: Most) -> Result<Deleted>;

    /// Deletes events whose time to live is over.
    fn delete_expired(&mut self, now: i64, most: Most) -> Result<Deleted>;

    /// Deletes the events up to `seq` that were for those alone who listened
    /// then.
    fn delete_transient(&mut self, seq: u64, most: Most) -> Result<Deleted>;

    /// The newest event from before `cutoff`, between `floor` and `head`.
    fn newest_before(&mut self, cutoff: i64, floor: u64, head: u64) -> Result<u64>;

    /// Marks a place to [`roll back`](Self::roll_back) to, until it is
    /// [`released`](Self::release).
    fn save(&mut self) -> Result<()>;

    /// Undoes the steps since the place that was marked.
    fn roll_back(&mut self) -> Result<()>;

    /// Forgets the place that was marked.
    fn release(&mut self) -> Result<()>;

    /// Makes the steps last, and writes down how far the log goes now.
    fn commit(self, extent: &Extent) -> Result<Unneeded>;
}

/// How far the log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) epoch: Epoch,
    /// The newest event.
    pub(crate) head: u64,
    /// Everything up to here was given up to the limits of the history.
    pub(crate) floor: u64,
    /// Bytes of data and addresses.
    pub(crate) bytes: u64,
    /// Set when the log is a copy of one that several nodes share.
    pub(crate) origin: Option<Origin>,
}

/// What is known of the log of which this is a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The number before the epoch's first.
    pub(crate) base: u64,
    /// When the newest event came into it, in Unix microseconds: no two have the
    /// same time. 0: not known.
    pub(crate) micros: i64,
    /// Tells the hub from others, through all its epochs.
    pub(crate) lineage: u64,
}

/// What a publication already is when it comes a second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// This event.
    Stored(u64),
    /// One that is still to come.
    Scheduled,
}

/// How much is scheduled, and when the first of it is due, in Unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) entries: u64,
    /// Of data and audiences.
    pub(crate) bytes: u64,
    pub(crate) next: Option<i64>,
}

/// A place among what is scheduled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Upcoming {
    pub(crate) due: i64,
    pub(crate) entry: i64,
}

impl Upcoming {
    /// Before all of it.
    pub(super) const START: Self = Self {
        due: i64::MIN,
        entry: 0,
    };
}

/// Most that one transaction deletes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Most {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// The newest of it.
    pub(crate) last: Option<u64>,
    /// Whether the most was reached before the end.
    pub(crate) more: bool,
}

/// Events that were deleted for good: where the window is all there is of them,
/// it need not have them any more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Unneeded {
    /// Those up to here.
    pub(super) upto: u64,
    /// And these.
    pub(super) among: Vec<u64>,
}

/// Most publications that enter the log in one transaction because they are
/// due, and most bytes of them.
pub(super) const DUE: usize = 256;
pub(super) const DUE_BYTES: u64 = 8 << 20;

/// Most bytes of the board's array.
pub(super) const BOARD: usize = 4 << 20;

/// How a publication's key is written: for each audience apart, so that nobody's
/// number stands for an event to somebody else. No key has a line break in it.
pub(super) fn key_column(publication: &Publication) -> Option<String> {
    let key = publication.key.as_ref()?;
    Some(key_for(key, &publication.to))
}

pub(super) fn key_for(key: &EventId, to: &Audience) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut column = key.as_str().to_owned();
    if let Audience::Only(_) = to {
        column.push('\n');
        for byte in Sha256::digest(to.to_column()) {
            column.push(DIGITS[usize::from(byte >> 4)].into());
            column.push(DIGITS[usize::from(byte & 15)].into());
        }
    }
    column
}

/// What a publication is called among those that replace each other.
pub(super) fn sequence(publication: &Publication) -> Option<&str> {
    let own = publication.sequence.as_deref();
    own.or_else(|| publication.message.as_ref().map(MessageId::as_str))
}
