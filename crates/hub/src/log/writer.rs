//! The one writer of a log: what a transaction does, and whom it is told.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Shared;
use super::ledger::{
    Deleted, Extent, Known, Ledger, Most, Schedule, Unneeded, key_column, sequence,
};
use crate::config::{Clock, History};
use crate::metrics::Metrics;
use crate::publication::{Audience, Publication};
use crate::record::{Record, expiry};
use crate::window::{Entry, Window};
use crate::{HubError, HubStats, Position};

/// A wall clock may jump: a wait for it is never longer than this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

pub(super) struct Writer {
    pub(super) state: State,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    pub(super) shared: Arc<Shared>,
    pub(super) head: watch::Sender<u64>,
    pub(super) stats: watch::Sender<HubStats>,
    pub(super) metrics: Arc<Metrics>,
    /// Whether it does nothing but what another log did: what is scheduled here is
    /// on its way there.
    pub(super) follows: bool,
}

/// What the last committed transaction left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) extent: Extent,
    /// Events in the log.
    pub(super) kept: u64,
    /// Times in the log never fall, whatever the clock does.
    pub(super) last_at: i64,
    pub(super) schedule: Schedule,
    /// Where the head was at the last clean-up and at the one before it. Whoever
    /// lags behind that by now goes without the events for those who listened.
    pub(super) recent: u64,
    pub(super) past: u64,
    /// Whether there is more to delete than one transaction does.
    pub(super) trimming: bool,
}

impl State {
    /// That of a log that holds nothing.
    pub(super) fn new(extent: Extent) -> Self {
        Self {
            extent,
            kept: 0,
            last_at: 0,
            schedule: Schedule::default(),
            recent: extent.head,
            past: extent.head,
            trimming: false,
        }
    }
}

/// What a log may hold, and one transaction do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) history: History,
    /// Most publications that are scheduled, and most bytes of their data and
    /// audiences.
    pub(super) scheduled: u64,
    pub(super) scheduled_bytes: u64,
    /// Most that a transaction deletes beside as much as it adds: so little that
    /// no publisher feels it.
    pub(super) trim: Most,
}

impl Limits {
    pub(super) fn new(history: History) -> Self {
        Self {
            history,
            scheduled: 100_000,
            scheduled_bytes: 128 << 20,
            trim: Most {
                rows: 256,
                bytes: 2 << 20,
            },
        }
    }
}

/// What a transaction leaves behind when it is committed.
struct Committed {
    state: State,
    /// Set when the window has to begin anew, after this number.
    anew: Option<u64>,
    entries: Vec<Entry>,
    aside: Aside,
    unneeded: Unneeded,
}

/// Publications that did not become events.
#[derive(Clone, Copy, Default)]
struct Aside {
    duplicate: u64,
    scheduled: u64,
    refused: u64,
}

impl Writer {
    /// How long it can wait for something to do; for ever with nothing of its
    /// own to do.
    pub(super) fn patience(&self) -> Option<Duration> {
        if self.state.trimming {
            return Some(Duration::ZERO);
        }
        if self.follows {
            return None;
        }
        let wait = self.state.schedule.next?.saturating_sub(self.now());
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        Some(wait.min(LOOK_AGAIN))
    }

    /// Whether there is something to do that nobody asks for.
    pub(super) fn has_own_work(&self) -> bool {
        let is_due = |due| !self.follows && due <= self.now();
        self.state.trimming || self.state.schedule.next.is_some_and(is_due)
    }

    pub(super) fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    /// Takes `steps`, which bring so many publications, in one transaction, then
    /// tells subscribers; on an error nothing of it happened.
    pub(super) fn commit<L: Ledger, T>(
        &mut self,
        begin: impl FnOnce() -> rusqlite::Result<L>,
        publications: u64,
        steps: impl FnOnce(&mut Work<L>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let begun = Instant::now();
        let committed = begin().and_then(|ledger| self.transact(ledger, steps));
        if publications > 0 {
            self.metrics.commits.count(begun.elapsed());
        }
        let (committed, done) = committed.inspect_err(|_| {
            self.metrics.published.add("failed", publications);
        })?;
        self.count(&committed);
        let Committed {
            state,
            anew,
            entries,
            unneeded,
            ..
        } = committed;
        self.state = state;
        // Before anything is told: an old number is no place of the new epoch, which
        // is recognised, but no new one is of the old epoch.
        self.shared.set_extent(state.extent);
        let Extent {
            head, floor, bytes, ..
        } = state.extent;
        // Nobody reads the new entries before the new head is told: whoever
        // came back with one of their numbers would seem to be ahead of it.
        let mut window = self.shared.write_window();
        if let Some(after) = anew {
            *window = Window::after(after);
        }
        entries.into_iter().for_each(|entry| window.push(entry));
        window.release(unneeded.upto, &unneeded.among);
        self.shared.tell_floor(floor);
        self.head
            .send_if_modified(|told| mem::replace(told, head) != head);
        drop(window);
        self.stats.send_if_modified(|stats| {
            let before = *stats;
            stats.events = state.kept;
            stats.bytes = bytes;
            *stats != before
        });
        Ok(done)
    }

    fn transact<L: Ledger, T>(
        &self,
        ledger: L,
        steps: impl FnOnce(&mut Work<L>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<(Committed, T)> {
        let mut work = Work {
            ledger,
            now: self.now(),
            limits: self.limits,
            state: self.state,
            anew: None,
            entries: Vec::new(),
            aside: Aside::default(),
            added: 0,
            follows: self.follows,
        };
        // What is due was published before what comes now.
        work.move_due()?;
        let done = steps(&mut work)?;
        work.trim()?;
        let Work {
            mut ledger,
            mut state,
            anew,
            entries,
            aside,
            ..
        } = work;
        state.schedule.next = match state.schedule.entries {
            0 => None,
            _ => ledger.next_due()?,
        };
        let unneeded = ledger.commit(&state.extent)?;
        let committed = Committed {
            state,
            anew,
            entries,
            aside,
            unneeded,
        };
        Ok((committed, done))
    }

    /// Tells the metrics what a transaction did; what it only followed is counted where
    /// it was published.
    fn count(&self, committed: &Committed) {
        if self.follows {
            return;
        }
        let aside = committed.aside;
        for (result, count) in [
            ("stored", committed.entries.len() as u64),
            ("duplicate", aside.duplicate),
            ("scheduled", aside.scheduled),
            ("failed", aside.refused),
        ] {
            if count > 0 {
                self.metrics.published.add(result, count);
            }
        }
    }
}

/// A transaction under way.
pub(super) struct Work<L> {
    pub(super) ledger: L,
    now: i64,
    limits: Limits,
    pub(super) state: State,
    /// Set when the window has to begin anew, after this number.
    pub(super) anew: Option<u64>,
    pub(super) entries: Vec<Entry>,
    aside: Aside,
    /// Bytes of the entries.
    pub(super) added: u64,
    follows: bool,
}

impl<L: Ledger> Work<L> {
    /// Stores some of what is due: in the order of its time, and each of them
    /// once, as it leaves the one table in the transaction in which it comes
    /// into the other.
    fn move_due(&mut self) -> rusqlite::Result<()> {
        if self.follows || self.state.schedule.next.is_none_or(|due| due > self.now) {
            return Ok(());
        }
        let (publications, bytes) = self.ledger.take_due(self.now)?;
        self.unschedule(publications.len() as u64, bytes);
        for publication in publications {
            let key = key_column(&publication);
            self.store(publication, key)?;
        }
        Ok(())
    }

    /// All of them or none: the numbers that they have in the log, or why not.
    pub(super) fn append(
        &mut self,
        publications: Vec<Publication>,
    ) -> rusqlite::Result<Result<Vec<Option<u64>>, HubError>> {
        let later = publications.iter().any(|one| self.due(one).is_some());
        if !later {
            return self.append_each(publications).map(Ok);
        }
        let (state, entries, added) = (self.state, self.entries.len(), self.added);
        let (aside, count) = (self.aside, publications.len());
        self.ledger.save()?;
        let stored = self.append_each(publications)?;
        let Schedule {
            entries: scheduled,
            bytes,
            ..
        } = self.state.schedule;
        let full = scheduled > self.limits.scheduled || bytes > self.limits.scheduled_bytes;
        if full {
            self.ledger.roll_back()?;
            (self.state, self.added, self.aside) = (state, added, aside);
            self.entries.truncate(entries);
            self.aside.refused += count as u64;
        }
        self.ledger.release()?;
        let most = self.limits.scheduled;
        Ok(if full {
            Err(HubError::TooManyScheduled { most })
        } else {
            Ok(stored)
        })
    }

    fn append_each(
        &mut self,
        publications: Vec<Publication>,
    ) -> rusqlite::Result<Vec<Option<u64>>> {
        let mut stored = Vec::with_capacity(publications.len());
        for publication in publications {
            let key = key_column(&publication);
            let known = self
                .ledger
                .known(key.as_deref(), publication.message.as_ref())?;
            if let Some(known) = known {
                self.aside.duplicate += 1;
                stored.push(match known {
                    Known::Stored(seq) => Some(seq),
                    Known::Scheduled => None,
                });
                continue;
            }
            if let Some(sequence) = sequence(&publication) {
                self.cancel(&publication.to, sequence)?;
            }
            stored.push(match self.due(&publication) {
                Some(due) => {
                    let bytes = self.ledger.insert_scheduled(due, key, publication)?;
                    self.state.schedule.entries += 1;
                    self.aside.scheduled += 1;
                    self.state.schedule.bytes += bytes;
                    None
                }
                None => Some(self.store(publication, key)?),
            });
        }
        Ok(stored)
    }

    /// When it is to come, if that is later.
    fn due(&self, publication: &Publication) -> Option<i64> {
        let due = publication.due?;
        // Times in the log are milliseconds: it comes in the next whole one, and
        // never before its time.
        let rest = due.subsec_nanosecond() % 1_000_000;
        let due = due.as_millisecond() + i64::from(rest > 0);
        (due > self.now).then_some(due)
    }

    fn store(&mut self, publication: Publication, key: Option<String>) -> rusqlite::Result<u64> {
        let state = &mut self.state;
        state.extent.head += 1;
        state.last_at = state.last_at.max(self.now);
        let position = Position {
            epoch: state.extent.epoch,
            seq: state.extent.head,
        };
        let fact = publication.fact;
        let record = Record {
            // It ends by the clock, also while that is behind the log's times.
            expires: expiry(&publication, self.now),
            ..Record::of(position, state.last_at, publication)
        };
        let bytes = self.ledger.insert(&record, key, fact)?;
        state.kept += 1;
        state.extent.bytes += bytes;
        self.added += bytes;
        self.entries.push(Entry::new(record));
        Ok(position.seq)
    }

    /// Takes back what is scheduled for this audience with this sequence; says
    /// how many publications that are.
    pub(super) fn cancel(&mut self, to: &Audience, sequence: &str) -> rusqlite::Result<u64> {
        if self.state.schedule.entries == 0 {
            return Ok(0);
        }
        let (count, bytes) = self.ledger.delete_scheduled(to, sequence)?;
        self.unschedule(count, bytes);
        Ok(count)
    }

    fn unschedule(&mut self, count: u64, bytes: u64) {
        let schedule = &mut self.state.schedule;
        schedule.entries = schedule.entries.saturating_sub(count);
        schedule.bytes = schedule.bytes.saturating_sub(bytes);
    }

    /// Looks for what is too old, in this transaction and in those after it.
    pub(super) fn clean_up(&mut self) {
        let state = &mut self.state;
        state.trimming = true;
        state.past = mem::replace(&mut state.recent, state.extent.head);
    }

    /// Gives up what is too much or too old: the floor rises at once for the
    /// number of events and their age, the rows go little by little, and for
    /// bytes the floor rises with them.
    fn trim(&mut self) -> rusqlite::Result<()> {
        let Limits { history, trim, .. } = self.limits;
        let most = Most {
            rows: trim.rows + self.entries.len() as u64,
            bytes: trim.bytes + self.added,
        };
        let (floor, mut is_over) = (self.state.extent.floor, self.state.trimming);
        if self.state.trimming {
            let expired = self.ledger.delete_expired(self.now, most)?;
            let past = self.ledger.delete_transient(self.state.past, most)?;
            let age = i64::try_from(history.age.as_millis()).unwrap_or(i64::MAX);
            let cutoff = self.now.saturating_sub(age);
            let Extent { floor, head, .. } = self.state.extent;
            self.state.extent.floor = self.ledger.newest_before(cutoff, floor, head)?;
            self.state.trimming = expired.more || past.more;
            self.forget(expired);
            self.forget(past);
        }
        let extent = &mut self.state.extent;
        let surplus = extent.head.saturating_sub(history.events);
        extent.floor = extent.floor.max(surplus);
        let over = extent.bytes.saturating_sub(history.bytes);
        // What was up to the floor before is gone, unless it was too much.
        is_over |= extent.floor > floor || over > 0;
        if !is_over {
            return Ok(());
        }
        let oldest = self.ledger.delete_oldest(extent.floor, over, most)?;
        extent.floor = extent.floor.max(oldest.last.unwrap_or(0));
        self.state.trimming |= oldest.more;
        self.forget(oldest);
        Ok(())
    }

    fn forget(&mut self, deleted: Deleted) {
        let State { kept, extent, .. } = &mut self.state;
        *kept = kept.saturating_sub(deleted.rows);
        extent.bytes = extent.bytes.saturating_sub(deleted.bytes);
    }
}
