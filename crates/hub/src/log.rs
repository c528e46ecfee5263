//! The log: one writer that stores, then tells; readers that never wait for what
//! it does with the disk.

#[cfg(test)]
mod alike;
mod copy;
mod disk;
mod ledger;
mod memory;
mod store;
mod stretches;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};

use smallvec::SmallVec;
use tokio::sync::watch;

use crate::config::Clock;
use crate::courier::Courier;
use crate::message::MessageId;
use crate::metrics::Metrics;
use crate::publication::{Audience, Filter};
use crate::record::{Record, View};
use crate::window::{Page, Recent, Stretch, Window};
use crate::{Epoch, HubConfig, HubError, HubStats, Position, Publication, Store};

pub(crate) use copy::{Copied, Step};
use disk::{Disk, Opened};
pub(crate) use ledger::{Extent, Origin, Upcoming};
use memory::Memory;
use writer::{Limits, State, Writer};

/// The log of one hub.
pub(crate) struct Log {
    kept: Kept,
    head: watch::Receiver<u64>,
    shared: Arc<Shared>,
    clock: Clock,
    metrics: Arc<Metrics>,
    was: Was,
}

/// What a log was when it was opened.
#[derive(Clone, Debug)]
pub(crate) struct Was {
    /// Of which shared log it was a copy.
    pub(crate) origin: Option<Origin>,
    /// Whether it held nothing, nor ever had.
    pub(crate) is_empty: bool,
    /// What its node was called; nothing for one in memory.
    pub(crate) node: String,
}

/// Where it is kept.
enum Kept {
    /// In the window alone.
    Memory(Memory),
    Disk(Disk),
}

/// What the writer tells and everybody reads.
struct Shared {
    epoch: AtomicU64,
    /// As the last transaction left it.
    extent: Mutex<Extent>,
    window: RwLock<Window>,
    floor: AtomicU64,
    /// Who hears of what is new, beside those who watch the head.
    couriers: Mutex<Vec<Weak<Courier>>>,
}

impl Shared {
    fn new(extent: Extent, window: Window) -> Self {
        Self {
            epoch: AtomicU64::new(extent.epoch.number()),
            extent: Mutex::new(extent),
            window: RwLock::new(window),
            floor: AtomicU64::new(extent.floor),
            couriers: Mutex::default(),
        }
    }

    /// Lets the couriers deliver what was told. The writer's lock is not held: a
    /// publisher waits for no socket.
    fn tell_couriers(&self, tell: impl Fn(&Courier)) {
        let couriers: SmallVec<[_; 2]> = {
            let mut couriers = self.couriers();
            couriers.retain(|courier| courier.strong_count() > 0);
            couriers.iter().filter_map(Weak::upgrade).collect()
        };
        couriers.iter().for_each(|courier| tell(courier));
    }

    fn couriers(&self) -> MutexGuard<'_, Vec<Weak<Courier>>> {
        self.couriers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_window(&self) -> RwLockReadGuard<'_, Window> {
        self.window.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_window(&self) -> RwLockWriteGuard<'_, Window> {
        self.window.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_extent(&self, extent: Extent) {
        self.epoch.store(extent.epoch.number(), Ordering::Release);
        *self.extent.lock().unwrap_or_else(PoisonError::into_inner) = extent;
    }

    fn epoch(&self) -> Epoch {
        Epoch::from_number(self.epoch.load(Ordering::Acquire))
    }

    fn tell_floor(&self, floor: u64) {
        self.floor.store(floor, Ordering::Release);
    }

    /// Everything up to here was given up.
    fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }
}

/// The newest part of a log, for who must not keep the log open.
pub(crate) struct Tail {
    shared: Arc<Shared>,
    clock: Clock,
}

impl Tail {
    /// In Unix milliseconds.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    /// The newest stored event.
    pub(crate) fn head(&self) -> u64 {
        self.shared.read_window().end()
    }

    /// What `view` takes of the events after `cursor`; `None` when that is too
    /// far back.
    pub(crate) fn page(&self, view: &View, cursor: u64) -> Option<Page> {
        let now = self.now();
        self.shared.read_window().read(view, cursor, now)
    }

    /// The events after `cursor`, for whoever they are, until those have `most`
    /// bytes; `None` when that is too far back.
    pub(crate) fn recent(&self, cursor: u64, most: usize) -> Option<Recent> {
        self.shared.read_window().recent(cursor, most)
    }
}

impl Log {
    pub(crate) fn open(
        config: &mut HubConfig,
        stats: watch::Sender<HubStats>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, HubError> {
        let epoch = Epoch::random(&mut config.random);
        let (state, window, opened) = match &config.store {
            Store::Memory => {
                let extent = Extent {
                    epoch,
                    head: 0,
                    floor: 0,
                    bytes: 0,
                    origin: None,
                };
                (State::new(extent), Window::alone(), None)
            }
            Store::Path(path) => {
                let opened = Opened::open(path, epoch)?;
                let window = Window::after(opened.state.extent.head);
                (opened.state, window, Some(opened))
            }
        };
        let extent = state.extent;
        let was = Was {
            origin: extent.origin,
            is_empty: extent.head == 0 && state.schedule.entries == 0,
            node: opened
                .as_ref()
                .map_or(String::new(), |opened| opened.node.clone()),
        };
        stats.send_modify(|stats| {
            stats.events = state.kept;
            stats.bytes = extent.bytes;
        });
        let shared = Arc::new(Shared::new(extent, window));
        let (head_writer, head) = watch::channel(extent.head);
        let writer = Writer {
            state,
            limits: Limits::new(config.history),
            clock: config.clock.clone(),
            shared: shared.clone(),
            head: head_writer,
            stats,
            metrics: metrics.clone(),
            follows: config.backplane.is_some(),
        };
        let kept = match opened {
            None => Memory::start(writer).map(Kept::Memory),
            Some(opened) => opened.start(writer).map(Kept::Disk),
        };
        let kept = kept.map_err(|source| HubError::Unopened {
            path: match &config.store {
                Store::Memory => PathBuf::from(":memory:"),
                Store::Path(path) => path.clone(),
            },
            source,
        })?;
        Ok(Self {
            kept,
            head,
            shared,
            clock: config.clock.clone(),
            metrics,
            was,
        })
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.shared.epoch()
    }

    pub(crate) fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    /// The newest stored event.
    pub(crate) fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// Wakes with each new head.
    pub(crate) fn watch_head(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// Everything up to here was given up.
    pub(crate) fn floor(&self) -> u64 {
        self.shared.floor()
    }

    /// Stores publications in one transaction and says their numbers, once they
    /// are on disk if there is one; those that are due later have none.
    pub(crate) async fn append(
        &self,
        publications: Vec<Publication>,
    ) -> Result<Vec<Option<u64>>, HubError> {
        match &self.kept {
            Kept::Memory(memory) => {
                let stored = memory.append(publications);
                // Who publishes without end lets others go on, and who publishes
                // at the same moment is answered in a row: to wake a peer that
                // sleeps costs more than all the rest.
                tokio::task::yield_now().await;
                stored
            }
            Kept::Disk(disk) => disk.append(publications).await,
        }
    }

    /// Takes back what is scheduled for this audience with this sequence; says
    /// how many publications that are.
    pub(crate) async fn cancel(&self, to: Audience, sequence: String) -> Result<u64, HubError> {
        match &self.kept {
            Kept::Memory(memory) => memory.cancel(&to, &sequence),
            Kept::Disk(disk) => disk.cancel(to, sequence).await,
        }
    }

    /// What is scheduled after `after` for this view, the next first, as events
    /// at the log's head and at the time when they are due; and where to go on,
    /// if there may be more.
    pub(crate) async fn scheduled(
        &self,
        view: &View,
        after: Option<Upcoming>,
    ) -> Result<(Vec<Record>, Option<Upcoming>), HubError> {
        let position = Position {
            epoch: self.epoch(),
            seq: self.head(),
        };
        match &self.kept {
            Kept::Memory(memory) => memory.scheduled(&view.filter, after, position),
            Kept::Disk(disk) => {
                let filter = view.filter.clone();
                disk.read(move |db| store::scheduled(db, &filter, after, position))
                    .await
            }
        }
    }

    /// Does as the log did of which this is a copy; returns once it is on disk.
    pub(crate) async fn follow(&self, step: Step) -> Result<(), HubError> {
        match &self.kept {
            // Copies are kept on disk.
            Kept::Memory(_) => Err(HubError::Stopped),
            Kept::Disk(disk) => disk.follow(step).await,
        }
    }

    /// Some of the events after `after` as they are kept, to be copied elsewhere.
    pub(crate) async fn events(&self, after: u64) -> Result<Vec<Copied>, HubError> {
        match &self.kept {
            Kept::Memory(_) => Err(HubError::Stopped),
            Kept::Disk(disk) => disk.read(move |db| copy::events(db, after)).await,
        }
    }

    /// Some of what is scheduled after this entry; the entries' numbers with it.
    pub(crate) async fn all_scheduled(
        &self,
        after: i64,
    ) -> Result<Vec<(i64, Publication)>, HubError> {
        match &self.kept {
            Kept::Memory(_) => Err(HubError::Stopped),
            Kept::Disk(disk) => disk.read(move |db| copy::scheduled(db, after)).await,
        }
    }

    /// How far it goes; head and time belong together.
    pub(crate) fn extent(&self) -> Extent {
        *self
            .shared
            .extent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// What it was when it was opened.
    pub(crate) fn was(&self) -> &Was {
        &self.was
    }

    /// Writes, to see whether that is possible.
    pub(crate) async fn probe(&self) -> Result<(), HubError> {
        match &self.kept {
            Kept::Memory(memory) => memory.probe(),
            Kept::Disk(disk) => disk.probe().await,
        }
    }

    /// Whether there is a writer.
    pub(crate) fn is_alive(&self) -> bool {
        match &self.kept {
            Kept::Memory(memory) => memory.is_alive(),
            Kept::Disk(disk) => disk.is_alive(),
        }
    }

    /// Gives up what is too old, soon.
    pub(crate) fn trim(&self) {
        match &self.kept {
            // That it has stopped is said to those who publish.
            Kept::Memory(memory) => drop(memory.trim()),
            Kept::Disk(disk) => disk.trim(),
        }
    }

    /// What `view` takes of the events after `cursor`: from memory, or, when
    /// that is too far back, from disk.
    pub(crate) async fn read(&self, view: &View, cursor: u64) -> Result<Page, HubError> {
        if let Some(page) = self.page(view, cursor) {
            return Ok(page);
        }
        let now = self.now();
        let stretch = self.older(&view.filter, cursor).await?;
        Ok(Page::of(view, &stretch, now))
    }

    /// The events after `cursor` that this filter may take: from memory, or, when
    /// that is too far back, from disk.
    #[cfg(test)]
    async fn stretch(&self, filter: &Filter, cursor: u64) -> Result<Stretch, HubError> {
        let recent = self.shared.read_window().stretch(filter, cursor);
        match recent {
            Some(stretch) => Ok(stretch),
            None => self.older(filter, cursor).await,
        }
    }

    /// The events after `cursor` that this filter may take, of what the window no
    /// longer has. Who they are for, and whether they are over, is still to be
    /// looked at ([`View::takes`]).
    async fn older(&self, filter: &Filter, cursor: u64) -> Result<Stretch, HubError> {
        match &self.kept {
            Kept::Memory(_) => {
                let window = self.shared.read_window();
                let floor = self.floor();
                // The window has all that was not given up. What is missing
                // between the floor and it is over, which is no gap.
                let from = cursor.max(floor).max(window.start());
                let stretch = window.stretch(filter, from).unwrap_or_default();
                let scanned = stretch.scanned.max(from);
                Ok(Stretch {
                    scanned,
                    floor,
                    ..stretch
                })
            }
            Kept::Disk(disk) => {
                let extent = (self.floor(), self.head());
                let reads = &self.metrics.read_from_disk;
                disk.stretch(filter, cursor, extent, reads).await
            }
        }
    }

    /// The same from memory; `None` when that is too far back.
    fn page(&self, view: &View, cursor: u64) -> Option<Page> {
        let now = self.now();
        self.shared.read_window().read(view, cursor, now)
    }

    /// The newest part of the log.
    pub(crate) fn tail(&self) -> Tail {
        Tail {
            shared: self.shared.clone(),
            clock: self.clock.clone(),
        }
    }

    /// From now on this courier hears of what is new, for as long as it is there.
    pub(crate) fn tells(&self, courier: &Arc<Courier>) {
        self.shared.couriers().push(Arc::downgrade(courier));
        // Of what came in before.
        courier.wake();
    }

    /// The place before the first event from `at` on, in Unix milliseconds.
    pub(crate) async fn place_before(&self, at: i64) -> Result<u64, HubError> {
        match &self.kept {
            Kept::Memory(memory) => memory.before(at),
            Kept::Disk(disk) => {
                let (floor, head) = (self.floor(), self.head());
                disk.read(move |db| store::newest_before(db, at, floor, head))
                    .await
            }
        }
    }

    /// The event that ntfy's clients know by this id.
    pub(crate) async fn by_message(&self, id: MessageId) -> Result<Option<u64>, HubError> {
        let (epoch, head) = (self.epoch(), self.head());
        let own = match &self.kept {
            Kept::Memory(memory) => memory.by_message(&id)?,
            Kept::Disk(disk) => {
                let id = id.clone();
                disk.read(move |db| store::by_message(db, &id)).await?
            }
        };
        let derived = || Some(id.position(epoch)?.seq).filter(|seq| *seq <= head);
        Ok(own.or_else(derived))
    }

    /// The newest event to one of the view's addresses.
    pub(crate) async fn newest(&self, view: &View) -> Result<Option<u64>, HubError> {
        match &self.kept {
            Kept::Memory(_) => {
                let mut upto = self.head();
                loop {
                    let window = self.shared.read_window();
                    match window.newest(&view.filter, upto) {
                        (None, rest) if rest > 0 => upto = rest,
                        (newest, _) => return Ok(newest),
                    }
                }
            }
            Kept::Disk(disk) => {
                let view = view.clone();
                disk.read(move |db| store::newest(db, &view)).await
            }
        }
    }

    /// The JSON array of the facts, and up to where it reaches.
    pub(crate) async fn board(&self) -> Result<(String, u64), HubError> {
        let now = self.now();
        let told = self.head();
        match &self.kept {
            Kept::Memory(memory) => {
                let facts = memory.board(&self.shared, self.floor(), told, now)?;
                Ok((facts, told))
            }
            Kept::Disk(disk) => disk.read(move |db| store::board(db, told, now)).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use futures::FutureExt as _;
    use jiff::Timestamp;

    use super::*;
    use crate::MAX_DATA;
    use crate::format::Format;
    use crate::publication::{Address, Topic};

    /// A log in a file.
    fn on_disk(folder: &Path) -> Log {
        let mut config = HubConfig::new(Store::Path(folder.join("hub.db")));
        Log::open(&mut config, watch::Sender::default(), Arc::default()).unwrap()
    }

    fn disk(log: &Log) -> &Disk {
        match &log.kept {
            Kept::Disk(disk) => disk,
            Kept::Memory(_) => panic!("the log is not on disk"),
        }
    }

    #[tokio::test]
    async fn a_publisher_that_leaves_frees_no_room_for_what_it_left() {
        let folder = tempfile::tempdir().unwrap();
        let log = on_disk(folder.path());
        let waiting = disk(&log).waiting();
        let all = waiting.available_permits();
        // The first clean-up is over.
        log.probe().await.unwrap();
        let other = rusqlite::Connection::open(folder.path().join("hub.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let data = "x".repeat(MAX_DATA);
        let mut append = Box::pin(log.append(vec![Publication::to_everyone(data)]));
        assert!(append.as_mut().now_or_never().is_none());
        drop(append);
        assert!(waiting.available_permits() <= all - MAX_DATA);
        other.execute_batch("ROLLBACK").unwrap();
        // What follows in the queue is answered later.
        log.probe().await.unwrap();
        assert_eq!(waiting.available_permits(), all);
    }

    /// A disk has an event a moment before it is told.
    #[tokio::test]
    async fn a_reader_gets_nothing_that_is_not_told_yet() {
        let folder = tempfile::tempdir().unwrap();
        let log = on_disk(folder.path());
        let mut fact = Publication::to_everyone("1");
        fact.fact = true;
        log.append(vec![fact.clone(), fact]).await.unwrap();
        let view = View {
            filter: Filter::default(),
            format: crate::format::Format::Sse,
            opened: 0,
        };
        let read = disk(&log).read(move |db| {
            let pages = [1, 2].map(|told| {
                let found = store::stretch(db, &view.filter, 0, told)?;
                let page = Page::of(&view, &found.stretch, 0);
                Ok::<_, rusqlite::Error>((page.last, page.scanned))
            });
            let boards = [1, 2].map(|told| store::board(db, told, 0));
            Ok((pages, boards))
        });
        let (pages, boards) = read.await.unwrap();
        assert_eq!(pages.map(Result::unwrap), [(Some(1), 1), (Some(2), 2)]);
        let boards = boards.map(Result::unwrap);
        assert_eq!(boards, [("[1]".to_owned(), 1), ("[1,1]".to_owned(), 2)]);
    }

    /// Of all kinds of readers, also those who read what others did.
    #[tokio::test]
    async fn what_was_before_the_start_is_read_once_for_all_who_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let topic = |nth: u64| Address::Topic(Topic::parse(&format!("t{nth}")).unwrap());
        let mut expected = Vec::new();
        let log = on_disk(folder.path());
        for nth in 0..3000_u64 {
            let to = match nth % 10 {
                0..6 => Audience::Everyone,
                6..9 => Audience::Only(vec![topic(nth % 10), topic(2)]),
                _ => Audience::Only(vec![topic(nth / 100)]),
            };
            let large = if nth % 500 == 7 { 300_000 } else { 1 };
            let data = format!("{nth} {}", "x".repeat(large));
            expected.push((to.clone(), data.len()));
            let mut publication = Publication::new(to, data);
            publication.ttl = (nth % 7 == 0).then_some(Duration::ZERO);
            log.append(vec![publication]).await.unwrap();
        }
        log.trim();
        log.probe().await.unwrap();
        drop(log);
        let log = on_disk(folder.path());
        let views = [
            vec![],
            vec![topic(6)],
            vec![topic(2), topic(11)],
            vec![topic(77)],
        ];
        for everyone in [true, false] {
            for addresses in &views {
                let view = View {
                    filter: Filter {
                        everyone,
                        addresses: addresses.clone().into(),
                    },
                    format: Format::Sse,
                    opened: 0,
                };
                let wanted = expected
                    .iter()
                    .enumerate()
                    .filter(|(nth, (to, _))| nth % 7 != 0 && view.filter.takes(to));
                let wanted = wanted.map(|(nth, (_, len))| (nth as u64 + 1, *len));
                for start in [0, 1, 255, 1000, 2990, 3000] {
                    let (mut at, mut events, mut pages) = (start, 0, 0);
                    while at < 3000 {
                        let page = log.read(&view, at).await.unwrap();
                        assert!(page.scanned > at && page.floor == 0);
                        (at, events, pages) = (page.scanned, events + page.events, pages + 1);
                    }
                    let mut all = Vec::new();
                    let mut place = start;
                    while place < 3000 {
                        let stretch = log.stretch(&view.filter, place).await.unwrap();
                        let taken = stretch.entries.iter().map(|entry| &entry.record);
                        let taken = taken.filter(|record| view.takes(record, log.now()));
                        all.extend(taken.map(|record| (record.position.seq, record.data.len())));
                        place = stretch.scanned;
                    }
                    let wanted: Vec<_> = wanted.clone().filter(|(seq, _)| *seq > start).collect();
                    assert_eq!(all, wanted, "{everyone} {addresses:?} after {start}");
                    assert_eq!(events, wanted.len() as u64);
                }
            }
        }
        // Each of the 12 stretches was read for a few of the 96 readers.
        let reads = log.metrics.read_from_disk.get();
        assert!((12..150).contains(&reads), "{reads}");
    }

    #[tokio::test]
    async fn what_is_to_come_is_listed_in_pages() {
        let mut config = HubConfig::new(Store::Memory);
        config.clock = Arc::new(|| Timestamp::UNIX_EPOCH);
        let log = Log::open(&mut config, watch::Sender::default(), Arc::default()).unwrap();
        let topic = |name| Address::Topic(Topic::parse(name).unwrap());
        let mut publications = Vec::new();
        for i in 0..600 {
            let to = Audience::Only(vec![topic(if i % 2 == 0 { "even" } else { "odd" })]);
            publications.push(Publication {
                due: Some(Timestamp::from_millisecond(1000 - i / 2).unwrap()),
                ..Publication::new(to, i.to_string())
            });
        }
        assert_eq!(log.append(publications).await.unwrap(), [None; 600]);
        let view = View {
            filter: Filter::of(vec![topic("even")]),
            format: Format::Sse,
            opened: 0,
        };
        let (first, next) = log.scheduled(&view, None).await.unwrap();
        assert!(next.is_some() && first.len() < 300);
        let (rest, end) = log.scheduled(&view, next).await.unwrap();
        assert_eq!(end, None);
        let found: Vec<_> = first.iter().chain(&rest).collect();
        let expected = (0..300).rev().map(|i| (i * 2).to_string());
        assert!(found.iter().map(|record| &*record.data).eq(expected));
        assert_eq!((found[0].at, found[299].at), (701, 1000));
    }

    #[tokio::test]
    async fn what_was_for_those_who_listened_goes_soon() {
        let stats = watch::Sender::new(HubStats::default());
        let mut config = HubConfig::new(Store::Memory);
        let log = Log::open(&mut config, stats.clone(), Arc::default()).unwrap();
        let passing = || Publication {
            transient: true,
            ..Publication::to_everyone("x")
        };
        let kept = Publication::to_everyone("kept");
        log.append(vec![passing(), kept, passing()]).await.unwrap();
        let cleaned = async || {
            log.trim();
            log.probe().await.unwrap();
            let stats = *stats.borrow();
            (stats.events, stats.bytes)
        };
        // Who lags by less than the time between two of these still gets it.
        assert_eq!(cleaned().await, (3, 6));
        log.append(vec![passing()]).await.unwrap();
        assert_eq!(cleaned().await, (2, 5));
        assert_eq!(cleaned().await, (1, 4));
        assert_eq!((log.floor(), log.head()), (0, 4));
    }

    #[tokio::test]
    async fn a_long_clean_up_goes_on_by_itself() {
        let now = Arc::new(std::sync::atomic::AtomicI64::new(0));
        let clock = now.clone();
        let stats = watch::Sender::new(HubStats::default());
        let mut config = HubConfig::new(Store::Memory);
        config.clock =
            Arc::new(move || Timestamp::from_millisecond(clock.load(Ordering::Relaxed)).unwrap());
        let log = Log::open(&mut config, stats.clone(), Arc::default()).unwrap();
        let brief = |_| Publication {
            ttl: Some(Duration::from_secs(1)),
            ..Publication::to_everyone("x")
        };
        for _ in 0..10 {
            log.append((0..1000).map(brief).collect()).await.unwrap();
        }
        now.store(2000, Ordering::Relaxed);
        log.trim();
        let kept = Publication::to_everyone("kept");
        let seq = log.append(vec![kept]).await.unwrap();
        assert_eq!(seq, [Some(10_001)]);
        let mut stats = stats.subscribe();
        stats.wait_for(|stats| stats.events == 1).await.unwrap();
        assert_eq!(stats.borrow().bytes, 4);
    }
}
