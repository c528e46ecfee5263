//! A log without a disk. Its events are those of the window; what is kept here is
//! what else has to be known of them. Whoever publishes commits by itself; a
//! thread comes for what is due and for what is too old.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use super::Shared;
use super::ledger::{
    BOARD, DUE, DUE_BYTES, Deleted, Extent, Known, Ledger, Most, Unneeded, Upcoming, sequence,
};
#[cfg(test)]
use super::writer::State;
use super::writer::{Work, Writer};
use crate::courier::Courier;
use crate::message::MessageId;
#[cfg(test)]
use crate::metrics::Metrics;
use crate::publication::{Audience, Filter, Publication};
use crate::record::Record;
use crate::window::{Page, Stretch};
use crate::{HubError, Position};

/// The log's writer and its thread.
pub(super) struct Memory {
    common: Arc<Common>,
    thread: Option<JoinHandle<()>>,
}

struct Common {
    inner: Mutex<Inner>,
    /// Wakes the thread.
    wake: Condvar,
}

struct Inner {
    writer: Writer,
    tables: Tables,
    /// When the thread looks again, in Unix milliseconds: it is woken for what
    /// is due before that.
    looks: i64,
    ended: bool,
}

/// The thread is not waiting: it looks before it does.
const AWAKE: i64 = i64::MIN;

impl Memory {
    /// Most that are passed over at a time, as publishers wait for it.
    const PASSED: usize = 1024;

    pub(super) fn start(writer: Writer) -> io::Result<Self> {
        let mut memory = Self::without_thread(writer);
        let common = memory.common.clone();
        let thread = thread::Builder::new()
            .name("hub-log".to_owned())
            .spawn(move || common.run())?;
        memory.thread = Some(thread);
        Ok(memory)
    }

    /// Nobody comes for what is due and for what is too old.
    pub(super) fn without_thread(writer: Writer) -> Self {
        let inner = Inner {
            writer,
            tables: Tables::default(),
            looks: AWAKE,
            ended: false,
        };
        let common = Common {
            inner: Mutex::new(inner),
            wake: Condvar::new(),
        };
        Self {
            common: Arc::new(common),
            thread: None,
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.common.inner.is_poisoned() && self.thread.as_ref().is_some_and(|it| !it.is_finished())
    }

    pub(super) fn append(
        &self,
        publications: Vec<Publication>,
    ) -> Result<Vec<Option<u64>>, HubError> {
        let count = publications.len() as u64;
        self.commit(count, |work| work.append(publications))?
    }

    pub(super) fn cancel(&self, to: &Audience, sequence: &str) -> Result<u64, HubError> {
        self.commit(0, |work| work.cancel(to, sequence))
    }

    pub(super) fn probe(&self) -> Result<(), HubError> {
        self.commit(0, |_| Ok(()))
    }

    pub(super) fn trim(&self) -> Result<(), HubError> {
        self.commit(0, |work| {
            work.clean_up();
            Ok(())
        })
    }

    /// One transaction, in the task that asks for it.
    fn commit<T>(
        &self,
        publications: u64,
        steps: impl FnOnce(&mut Work<&mut Tables>) -> rusqlite::Result<T>,
    ) -> Result<T, HubError> {
        let mut inner = self.common.lock()?;
        let Inner {
            writer,
            tables,
            looks,
            ..
        } = &mut *inner;
        let done = writer.commit(|| Ok(tables), publications, steps);
        let sooner = |due| due < *looks;
        let sooner = writer.state.schedule.next.is_some_and(sooner);
        if *looks != AWAKE && (sooner || writer.has_own_work()) {
            *looks = AWAKE;
            self.common.wake.notify_one();
        }
        let shared = writer.shared.clone();
        drop(inner);
        shared.tell_couriers(Courier::tell_soon);
        done.map_err(|source| HubError::NotStored {
            source: Arc::new(source),
        })
    }

    #[cfg(test)]
    pub(super) fn state(&self) -> (State, Arc<Metrics>) {
        let inner = self.common.lock().unwrap();
        (inner.writer.state, inner.writer.metrics.clone())
    }

    /// The place before the first event from `at` on, in Unix milliseconds.
    pub(super) fn before(&self, at: i64) -> Result<u64, HubError> {
        let inner = self.common.lock()?;
        let Extent { floor, head, .. } = inner.writer.state.extent;
        Ok(inner.tables.newest_before(at, floor, head))
    }

    /// The event with this id of an ntfy message.
    pub(super) fn by_message(&self, id: &MessageId) -> Result<Option<u64>, HubError> {
        let known = self.common.lock()?.tables.messages.get(id).copied();
        Ok(match known {
            Some(Known::Stored(seq)) => Some(seq),
            Some(Known::Scheduled) | None => None,
        })
    }

    /// What is scheduled after `after` for who listens with this filter, the
    /// next first: as events at the place `position` and at the time when they
    /// are due; and where to go on.
    pub(super) fn scheduled(
        &self,
        filter: &Filter,
        after: Option<Upcoming>,
        position: Position,
    ) -> Result<(Vec<Record>, Option<Upcoming>), HubError> {
        let (mut records, mut bytes) = (Vec::new(), 0);
        let mut after = after.unwrap_or(Upcoming::START);
        loop {
            let inner = self.common.lock()?;
            let rest = (Excluded(after), Unbounded);
            let mut passed = 0;
            for (place, later) in inner.tables.later.range(rest) {
                (after, passed) = (*place, passed + 1);
                if filter.takes(&later.publication.to) {
                    let record = Record::of(position, place.due, later.publication.clone());
                    bytes += record.data.len();
                    records.push(record);
                    if records.len() >= Stretch::MOST || bytes >= Page::BYTES {
                        return Ok((records, Some(after)));
                    }
                }
                if passed == Self::PASSED {
                    break;
                }
            }
            if passed < Self::PASSED {
                return Ok((records, None));
            }
        }
    }

    /// The JSON array of the facts after `floor` and up to `told`, as of `now`.
    /// Of more facts than fit, the newest.
    pub(super) fn board(
        &self,
        shared: &Shared,
        floor: u64,
        told: u64,
        now: i64,
    ) -> Result<String, HubError> {
        let (mut facts, mut bytes) = (Vec::new(), 0);
        let mut before = told + 1;
        'board: while floor + 1 < before {
            let some: Vec<u64> = {
                let inner = self.common.lock()?;
                let newest = inner.tables.facts.range(floor + 1..before).rev();
                newest.take(Self::PASSED).copied().collect()
            };
            let Some(oldest) = some.last() else { break };
            before = *oldest;
            let window = shared.read_window();
            for entry in some.iter().filter_map(|seq| window.get(*seq)) {
                let record = &entry.record;
                if record.expires.is_none_or(|expires| expires > now) {
                    bytes += record.data.len() + 1;
                    if bytes > BOARD {
                        break 'board;
                    }
                    facts.push(entry.clone());
                }
            }
        }
        let mut board = String::with_capacity(bytes + 2);
        board.push('[');
        for (nth, fact) in facts.iter().rev().enumerate() {
            if nth > 0 {
                board.push(',');
            }
            board.push_str(&fact.record.data);
        }
        board.push(']');
        Ok(board)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Ok(mut inner) = self.common.lock() {
            inner.ended = true;
        }
        self.common.wake.notify_one();
        // The thread itself, while it delivers, may drop the last handle.
        let other = |it: &JoinHandle<()>| it.thread().id() != thread::current().id();
        if let Some(thread) = self.thread.take().filter(other) {
            let _ = thread.join();
        }
    }
}

impl Common {
    /// What a panic has left behind may be half of a transaction.
    fn lock(&self) -> Result<MutexGuard<'_, Inner>, HubError> {
        self.inner.lock().map_err(|_| HubError::Stopped)
    }

    /// The thread: does what nobody asks for.
    fn run(&self) {
        loop {
            let Ok(mut inner) = self.lock() else { return };
            while !inner.writer.has_own_work() && !inner.ended {
                inner.looks = inner.writer.state.schedule.next.unwrap_or(i64::MAX);
                let waited = match inner.writer.patience() {
                    Some(patience) => {
                        let waited = self.wake.wait_timeout(inner, patience);
                        waited.map(|(inner, _)| inner).map_err(drop)
                    }
                    None => self.wake.wait(inner).map_err(drop),
                };
                let Ok(woken) = waited else { return };
                inner = woken;
                inner.looks = AWAKE;
            }
            if inner.ended {
                return;
            }
            let Inner { writer, tables, .. } = &mut *inner;
            if let Err(source) = writer.commit(|| Ok(tables), 0, |_| Ok(())) {
                tracing::error!(%source, "the hub's log could not be written");
            }
            let shared = writer.shared.clone();
            drop(inner);
            shared.tell_couriers(Courier::tell);
            // Who waits to publish goes first.
            thread::yield_now();
        }
    }
}

/// What is known of the events, and what is to come.
#[derive(Default)]
pub(super) struct Tables {
    /// How many events at the start of the log have no row any more.
    gone: u64,
    /// One for each event after those.
    rows: VecDeque<Row>,
    keys: HashMap<Arc<str>, Known>,
    messages: HashMap<MessageId, Known>,
    facts: BTreeSet<u64>,
    expiries: BTreeSet<(i64, u64)>,
    transient: BTreeSet<u64>,
    later: BTreeMap<Upcoming, Later>,
    /// What is to come by its sequence and its audience.
    sequences: HashMap<(Box<str>, Box<str>), Upcoming>,
    /// The number of what was scheduled last.
    entry: i64,
    /// Deleted in this transaction, not from the start.
    among: Vec<u64>,
    /// The steps since the place that was marked, if one is.
    steps: Option<Vec<Step>>,
}

/// What is known of one event.
struct Row {
    at: i64,
    bytes: u64,
    /// Deleted before those around it.
    hole: bool,
    marks: Option<Box<Marks>>,
}

/// What few events have.
struct Marks {
    key: Option<Arc<str>>,
    message: Option<MessageId>,
    expires: Option<i64>,
    fact: bool,
    transient: bool,
}

/// A publication that is to come.
struct Later {
    publication: Publication,
    key: Option<Arc<str>>,
    /// The audience as a text.
    audience: Box<str>,
}

impl Later {
    fn bytes(&self) -> u64 {
        (self.audience.len() + self.publication.data.len()) as u64
    }

    /// Its place in [`Tables::sequences`].
    fn sequence(&self) -> Option<(Box<str>, Box<str>)> {
        let sequence = sequence(&self.publication)?;
        Some((sequence.into(), self.audience.clone()))
    }
}

/// What can be undone.
enum Step {
    Inserted,
    Scheduled(Upcoming),
    Unscheduled(Upcoming, Box<Later>),
}

impl Tables {
    /// Times never fall along the log, so all below the newest are as old.
    fn newest_before(&self, cutoff: i64, floor: u64, head: u64) -> u64 {
        let upto = usize::try_from(head.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        let old = self.rows.partition_point(|row| row.at < cutoff).min(upto);
        let newest = self.rows.range(..old).rposition(|row| !row.hole);
        newest.map_or(floor, |nth| floor.max(self.gone + nth as u64 + 1))
    }

    fn row(&mut self, seq: u64) -> Option<&mut Row> {
        let nth = usize::try_from(seq.checked_sub(self.gone + 1)?).ok()?;
        self.rows.get_mut(nth)
    }

    /// Makes a hole where this event was.
    fn dig(&mut self, seq: u64) -> u64 {
        let Some(row) = self.row(seq) else { return 0 };
        row.hole = true;
        let (bytes, marks) = (row.bytes, row.marks.take());
        self.unmark(seq, marks);
        self.among.push(seq);
        bytes
    }

    fn unmark(&mut self, seq: u64, marks: Option<Box<Marks>>) {
        let Some(marks) = marks else { return };
        if let Some(key) = &marks.key {
            self.keys.remove(key);
        }
        if let Some(message) = &marks.message {
            self.messages.remove(message);
        }
        if let Some(expires) = marks.expires {
            self.expiries.remove(&(expires, seq));
        }
        if marks.fact {
            self.facts.remove(&seq);
        }
        if marks.transient {
            self.transient.remove(&seq);
        }
    }

    fn schedule(&mut self, place: Upcoming, later: Later) {
        if let Some(key) = &later.key {
            self.keys.insert(key.clone(), Known::Scheduled);
        }
        if let Some(message) = &later.publication.message {
            self.messages.insert(message.clone(), Known::Scheduled);
        }
        if let Some(sequence) = later.sequence() {
            self.sequences.insert(sequence, place);
        }
        self.later.insert(place, later);
    }

    fn unschedule(&mut self, place: Upcoming) -> Option<Later> {
        let later = self.later.remove(&place)?;
        if let Some(key) = &later.key {
            self.keys.remove(key);
        }
        if let Some(message) = &later.publication.message {
            self.messages.remove(message);
        }
        if let Some(sequence) = later.sequence() {
            self.sequences.remove(&sequence);
        }
        Some(later)
    }

    fn note(&mut self, step: impl FnOnce() -> Step) {
        if let Some(steps) = &mut self.steps {
            steps.push(step());
        }
    }

    /// Deletes these events, as long as there is room for more.
    fn delete(&mut self, wanted: impl IntoIterator<Item = u64>, most: Most) -> Deleted {
        let mut deleted = Deleted::default();
        for seq in wanted {
            if deleted.rows >= most.rows || deleted.bytes >= most.bytes {
                deleted.more = true;
                break;
            }
            deleted.rows += 1;
            deleted.bytes += self.dig(seq);
            deleted.last = deleted.last.max(Some(seq));
        }
        deleted
    }
}

/// One more than may be deleted, so that it shows whether there are more.
fn enough(most: Most) -> usize {
    usize::try_from(most.rows)
        .unwrap_or(usize::MAX)
        .saturating_add(1)
}

impl Ledger for &mut Tables {
    fn known(
        &mut self,
        key: Option<&str>,
        message: Option<&MessageId>,
    ) -> rusqlite::Result<Option<Known>> {
        let by_key = key.and_then(|key| self.keys.get(key));
        let by_message = || message.and_then(|id| self.messages.get(id));
        Ok(by_key.or_else(by_message).copied())
    }

    fn insert(
        &mut self,
        record: &Record,
        key: Option<String>,
        fact: bool,
    ) -> rusqlite::Result<u64> {
        let seq = record.position.seq;
        let marks = Marks {
            key: key.map(Arc::from),
            message: record.message.clone(),
            expires: record.expires,
            fact,
            transient: record.transient,
        };
        if let Some(key) = &marks.key {
            self.keys.insert(key.clone(), Known::Stored(seq));
        }
        if let Some(message) = &marks.message {
            self.messages.insert(message.clone(), Known::Stored(seq));
        }
        if let Some(expires) = marks.expires {
            self.expiries.insert((expires, seq));
        }
        if fact {
            self.facts.insert(seq);
        }
        if marks.transient {
            self.transient.insert(seq);
        }
        let plain = matches!(
            marks,
            Marks {
                key: None,
                message: None,
                expires: None,
                fact: false,
                transient: false,
            }
        );
        let bytes = (record.data.len() + record.to.column_bytes()) as u64;
        self.rows.push_back(Row {
            at: record.at,
            bytes,
            hole: false,
            marks: (!plain).then(|| Box::new(marks)),
        });
        self.note(|| Step::Inserted);
        Ok(bytes)
    }

    fn insert_scheduled(
        &mut self,
        due: i64,
        key: Option<String>,
        publication: Publication,
    ) -> rusqlite::Result<u64> {
        self.entry += 1;
        let place = Upcoming {
            due,
            entry: self.entry,
        };
        let later = Later {
            audience: publication.to.to_column().into(),
            key: key.map(Arc::from),
            publication,
        };
        let bytes = later.bytes();
        self.schedule(place, later);
        self.note(|| Step::Scheduled(place));
        Ok(bytes)
    }

    fn delete_scheduled(&mut self, to: &Audience, sequence: &str) -> rusqlite::Result<(u64, u64)> {
        let name = (sequence.into(), to.to_column().into());
        let place = self.sequences.get(&name).copied();
        let Some((place, later)) = place.and_then(|place| Some((place, self.unschedule(place)?)))
        else {
            return Ok((0, 0));
        };
        let bytes = later.bytes();
        self.note(|| Step::Unscheduled(place, Box::new(later)));
        Ok((1, bytes))
    }

    fn take_due(&mut self, now: i64) -> rusqlite::Result<(Vec<Publication>, u64)> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < DUE && bytes < DUE_BYTES {
            let next = self.later.first_key_value().map(|(place, _)| *place);
            let Some(place) = next.filter(|place| place.due <= now) else {
                break;
            };
            let Some(later) = self.unschedule(place) else {
                break;
            };
            bytes += later.bytes();
            taken.push(Publication {
                due: None,
                ..later.publication
            });
        }
        Ok((taken, bytes))
    }

    fn next_due(&mut self) -> rusqlite::Result<Option<i64>> {
        Ok(self.later.first_key_value().map(|(place, _)| place.due))
    }

    fn delete_oldest(&mut self, floor: u64, over: u64, most: Most) -> rusqlite::Result<Deleted> {
        let mut deleted = Deleted::default();
        while let Some(row) = self.rows.front_mut() {
            let seq = self.gone + 1;
            if !row.hole {
                if seq > floor && deleted.bytes >= over {
                    break;
                }
                if deleted.rows >= most.rows || deleted.bytes >= most.bytes {
                    deleted.more = true;
                    break;
                }
                deleted.rows += 1;
                deleted.bytes += row.bytes;
                deleted.last = Some(seq);
            }
            let marks = row.marks.take();
            self.rows.pop_front();
            self.gone = seq;
            self.unmark(seq, marks);
        }
        Ok(deleted)
    }

    fn delete_expired(&mut self, now: i64, most: Most) -> rusqlite::Result<Deleted> {
        let over = self.expiries.range(..=(now, u64::MAX)).take(enough(most));
        let over: Vec<_> = over.map(|(_, seq)| *seq).collect();
        Ok(self.delete(over, most))
    }

    fn delete_transient(&mut self, seq: u64, most: Most) -> rusqlite::Result<Deleted> {
        let past = self.transient.range(..=seq).take(enough(most));
        let past: Vec<_> = past.copied().collect();
        Ok(self.delete(past, most))
    }

    fn newest_before(&mut self, cutoff: i64, floor: u64, head: u64) -> rusqlite::Result<u64> {
        Ok(Tables::newest_before(self, cutoff, floor, head))
    }

    fn save(&mut self) -> rusqlite::Result<()> {
        self.steps = Some(Vec::new());
        Ok(())
    }

    fn roll_back(&mut self) -> rusqlite::Result<()> {
        for step in self.steps.take().into_iter().flatten().rev() {
            match step {
                Step::Inserted => {
                    let seq = self.gone + self.rows.len() as u64;
                    let marks = self.rows.pop_back().and_then(|row| row.marks);
                    self.unmark(seq, marks);
                }
                Step::Scheduled(place) => drop(self.unschedule(place)),
                Step::Unscheduled(place, later) => self.schedule(place, *later),
            }
        }
        Ok(())
    }

    fn release(&mut self) -> rusqlite::Result<()> {
        self.steps = None;
        Ok(())
    }

    fn commit(self, _: &Extent) -> rusqlite::Result<Unneeded> {
        Ok(Unneeded {
            upto: self.gone,
            among: std::mem::take(&mut self.among),
        })
    }
}
