//! The thread that alone writes.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{mpsc, watch};

use super::store::{self, Deleted, Extent, Known, Most, Schedule};
use super::{Job, Log, Shared, lock_db};
use crate::config::{Clock, History};
use crate::metrics::Metrics;
use crate::publication::{Audience, Publication};
use crate::record::{Record, expiry};
use crate::window::Entry;
use crate::{HubError, HubStats, Position};

/// Most publications that are scheduled, and most bytes of their data and
/// audiences.
const MOST_SCHEDULED: u64 = 100_000;
const MOST_SCHEDULED_BYTES: u64 = 128 << 20;
/// A wall clock may jump: a wait for it is never longer than this.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How long work of our own rests after a transaction that failed.
const REST: Duration = Duration::from_secs(5);

pub(super) struct Writer {
    pub(super) db: Arc<Mutex<Connection>>,
    pub(super) state: State,
    pub(super) history: History,
    pub(super) clock: Clock,
    pub(super) shared: Arc<Shared>,
    pub(super) head: watch::Sender<u64>,
    pub(super) stats: watch::Sender<HubStats>,
    pub(super) metrics: Arc<Metrics>,
    /// Whether the last transaction failed.
    pub(super) failed: bool,
}

/// What the last committed transaction left.
#[derive(Clone, Copy)]
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

/// What became of one job.
enum Done {
    Appended(Result<Vec<Option<u64>>, HubError>),
    Cancelled(u64),
    Nothing,
}

/// What a transaction leaves behind when it is committed.
struct Committed {
    state: State,
    entries: Vec<Entry>,
    aside: Aside,
    done: Vec<Done>,
}

/// Publications that did not become events.
#[derive(Clone, Copy, Default)]
struct Aside {
    duplicate: u64,
    scheduled: u64,
}

/// Most that a transaction deletes beside as much as it adds: so little that no
/// publisher feels it.
const TRIM: Most = Most {
    rows: 256,
    bytes: 2 << 20,
};

impl Writer {
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(Log::BATCH);
        // While one transaction is on its way to the disk the next one fills up.
        loop {
            let received = queue.recv_many(&mut jobs, Log::BATCH);
            let received = match self.patience() {
                Some(patience) => tokio::time::timeout(patience, received).await,
                None => Ok(received.await),
            };
            if received == Ok(0) {
                return;
            }
            if !jobs.is_empty() || self.state.trimming || self.is_due() {
                self.commit(mem::take(&mut jobs));
            }
        }
    }

    /// How long it can wait for jobs; for ever with nothing of its own to do.
    fn patience(&self) -> Option<Duration> {
        let next = self.state.schedule.next;
        if self.failed {
            return (next.is_some() || self.state.trimming).then_some(REST);
        }
        if self.state.trimming {
            return Some(Duration::ZERO);
        }
        let wait = next?.saturating_sub(self.now());
        let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
        Some(wait.min(LOOK_AGAIN))
    }

    fn is_due(&self) -> bool {
        let now = self.now();
        self.state.schedule.next.is_some_and(|due| due <= now)
    }

    fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    /// Stores, then tells subscribers, then publishers.
    fn commit(&mut self, jobs: Vec<Job>) {
        let begun = Instant::now();
        let committed = self.transact(&jobs);
        self.failed = committed.is_err();
        self.count(&jobs, &committed, begun.elapsed());
        match committed {
            Ok(Committed {
                state,
                entries,
                done,
                ..
            }) => {
                self.state = state;
                let Extent {
                    head, floor, bytes, ..
                } = state.extent;
                // Nobody reads the new entries before the new head is told: whoever
                // came back with one of their numbers would seem to be ahead of it.
                let shared = self.shared.clone();
                let mut window = shared
                    .window
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                entries.into_iter().for_each(|entry| window.push(entry));
                self.shared.tell_floor(floor);
                self.head
                    .send_if_modified(|told| mem::replace(told, head) != head);
                drop(window);
                self.shared.tell_couriers();
                self.stats.send_if_modified(|stats| {
                    let before = *stats;
                    stats.events = state.kept;
                    stats.bytes = bytes;
                    *stats != before
                });
                for (job, done) in jobs.into_iter().zip(done) {
                    match (job, done) {
                        (Job::Append { answer, .. }, Done::Appended(stored)) => {
                            let _ = answer.send(stored);
                        }
                        (Job::Cancel { answer, .. }, Done::Cancelled(count)) => {
                            let _ = answer.send(Ok(count));
                        }
                        (Job::Probe { answer }, _) => drop(answer.send(Ok(()))),
                        _ => {}
                    }
                }
            }
            Err(source) => {
                tracing::error!(%source, "the hub's log could not be written");
                let source = Arc::new(source);
                let failed = || HubError::NotStored {
                    source: source.clone(),
                };
                for job in jobs {
                    match job {
                        Job::Append { answer, .. } => drop(answer.send(Err(failed()))),
                        Job::Cancel { answer, .. } => drop(answer.send(Err(failed()))),
                        Job::Probe { answer } => drop(answer.send(Err(failed()))),
                        Job::Trim => {}
                    }
                }
            }
        }
    }

    /// Tells the metrics what became of a transaction.
    fn count(&self, jobs: &[Job], committed: &rusqlite::Result<Committed>, took: Duration) {
        let asked: u64 = jobs.iter().map(Job::publications).sum();
        if asked > 0 {
            self.metrics.commits.count(took);
        }
        let published = &self.metrics.published;
        let Ok(Committed {
            entries,
            aside,
            done,
            ..
        }) = committed
        else {
            return published.add("failed", asked);
        };
        published.add("stored", entries.len() as u64);
        published.add("duplicate", aside.duplicate);
        published.add("scheduled", aside.scheduled);
        for (job, done) in jobs.iter().zip(done) {
            if let Done::Appended(Err(_)) = done {
                published.add("failed", job.publications());
            }
        }
    }

    /// One transaction for all jobs; on an error nothing of it happened.
    fn transact(&self, jobs: &[Job]) -> rusqlite::Result<Committed> {
        let mut db = lock_db(&self.db);
        let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut work = Work {
            tx: &tx,
            now: self.now(),
            added: 0,
            state: self.state,
            entries: Vec::new(),
            aside: Aside::default(),
        };
        // What is due was published before what comes now.
        work.move_due()?;
        let mut done = Vec::with_capacity(jobs.len());
        for job in jobs {
            done.push(match job {
                Job::Append { publications, .. } => Done::Appended(work.append(publications)?),
                Job::Cancel { to, sequence, .. } => Done::Cancelled(work.cancel(to, sequence)?),
                Job::Trim => {
                    let state = &mut work.state;
                    state.trimming = true;
                    state.past = mem::replace(&mut state.recent, state.extent.head);
                    Done::Nothing
                }
                Job::Probe { .. } => Done::Nothing,
            });
        }
        work.trim(self.history)?;
        let Work {
            mut state,
            entries,
            aside,
            ..
        } = work;
        state.schedule.next = store::next_due(&tx)?;
        store::set_extent(&tx, &state.extent)?;
        tx.commit()?;
        Ok(Committed {
            state,
            entries,
            aside,
            done,
        })
    }
}

/// A transaction under way.
struct Work<'a> {
    tx: &'a Transaction<'a>,
    now: i64,
    state: State,
    entries: Vec<Entry>,
    aside: Aside,
    /// Bytes of the entries.
    added: u64,
}

impl Work<'_> {
    /// Stores some of what is due: in the order of its time, and each of them
    /// once, as it leaves the one table in the transaction in which it comes
    /// into the other.
    fn move_due(&mut self) -> rusqlite::Result<()> {
        if self.state.schedule.next.is_none_or(|due| due > self.now) {
            return Ok(());
        }
        let (publications, bytes) = store::take_due(self.tx, self.now)?;
        self.unschedule(publications.len() as u64, bytes);
        for publication in &publications {
            self.store(publication)?;
        }
        Ok(())
    }

    /// All of them or none: the numbers that they have in the log, or why not.
    fn append(
        &mut self,
        publications: &[Publication],
    ) -> rusqlite::Result<Result<Vec<Option<u64>>, HubError>> {
        let later = publications.iter().any(|one| self.due(one).is_some());
        if !later {
            return self.append_each(publications).map(Ok);
        }
        let (state, entries, added) = (self.state, self.entries.len(), self.added);
        let aside = self.aside;
        self.tx.execute_batch("SAVEPOINT job")?;
        let stored = self.append_each(publications)?;
        let full = self.state.schedule.entries > MOST_SCHEDULED
            || self.state.schedule.bytes > MOST_SCHEDULED_BYTES;
        if full {
            self.tx.execute_batch("ROLLBACK TO job")?;
            (self.state, self.added, self.aside) = (state, added, aside);
            self.entries.truncate(entries);
        }
        self.tx.execute_batch("RELEASE job")?;
        let most = MOST_SCHEDULED;
        Ok(if full {
            Err(HubError::TooManyScheduled { most })
        } else {
            Ok(stored)
        })
    }

    fn append_each(&mut self, publications: &[Publication]) -> rusqlite::Result<Vec<Option<u64>>> {
        let mut stored = Vec::with_capacity(publications.len());
        for publication in publications {
            if let Some(known) = store::known(self.tx, publication)? {
                self.aside.duplicate += 1;
                stored.push(match known {
                    Known::Stored(seq) => Some(seq),
                    Known::Scheduled => None,
                });
                continue;
            }
            if let Some(sequence) = store::sequence(publication) {
                self.cancel(&publication.to, sequence)?;
            }
            stored.push(match self.due(publication) {
                Some(due) => {
                    let bytes = store::insert_scheduled(self.tx, due, publication)?;
                    self.state.schedule.entries += 1;
                    self.aside.scheduled += 1;
                    self.state.schedule.bytes += bytes;
                    None
                }
                None => Some(self.store(publication)?),
            });
        }
        Ok(stored)
    }

    /// When it is to come, if that is later.
    fn due(&self, publication: &Publication) -> Option<i64> {
        let due = publication.due?.as_millisecond();
        (due > self.now).then_some(due)
    }

    fn store(&mut self, publication: &Publication) -> rusqlite::Result<u64> {
        let state = &mut self.state;
        state.extent.head += 1;
        state.last_at = state.last_at.max(self.now);
        let position = Position {
            epoch: state.extent.epoch,
            seq: state.extent.head,
        };
        let record = Record {
            // It ends by the clock, also while that is behind the log's times.
            expires: expiry(publication, self.now),
            ..Record::new(position, state.last_at, publication)
        };
        let bytes = store::insert(self.tx, &record, publication)?;
        state.kept += 1;
        state.extent.bytes += bytes;
        self.added += bytes;
        self.entries.push(Entry::new(record));
        Ok(position.seq)
    }

    fn cancel(&mut self, to: &Audience, sequence: &str) -> rusqlite::Result<u64> {
        if self.state.schedule.entries == 0 {
            return Ok(0);
        }
        let (count, bytes) = store::delete_scheduled(self.tx, to, sequence)?;
        self.unschedule(count, bytes);
        Ok(count)
    }

    fn unschedule(&mut self, count: u64, bytes: u64) {
        let schedule = &mut self.state.schedule;
        schedule.entries = schedule.entries.saturating_sub(count);
        schedule.bytes = schedule.bytes.saturating_sub(bytes);
    }

    /// Gives up what is too much or too old: the floor rises at once for the
    /// number of events and their age, the rows go little by little, and for
    /// bytes the floor rises with them.
    fn trim(&mut self, history: History) -> rusqlite::Result<()> {
        let most = Most {
            rows: TRIM.rows + self.entries.len() as u64,
            bytes: TRIM.bytes + self.added,
        };
        if self.state.trimming {
            let expired = store::delete_expired(self.tx, self.now, most)?;
            let past = store::delete_transient(self.tx, self.state.past, most)?;
            let age = i64::try_from(history.age.as_millis()).unwrap_or(i64::MAX);
            let cutoff = self.now.saturating_sub(age);
            let Extent { floor, head, .. } = self.state.extent;
            self.state.extent.floor = store::newest_before(self.tx, cutoff, floor, head)?;
            self.state.trimming = expired.more || past.more;
            self.forget(expired);
            self.forget(past);
        }
        let extent = &mut self.state.extent;
        let surplus = extent.head.saturating_sub(history.events);
        extent.floor = extent.floor.max(surplus);
        let over = extent.bytes.saturating_sub(history.bytes);
        let oldest = store::delete_oldest(self.tx, extent.floor, over, most)?;
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
