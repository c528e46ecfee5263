//! The log: one writer thread that stores, then tells; readers that never wait
//! for it.

mod store;
mod writer;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::config::Clock;
use crate::courier::Courier;
use crate::message::MessageId;
use crate::metrics::Metrics;
use crate::publication::Audience;
use crate::record::{Record, View};
use crate::window::{Page, Recent, Window};
use crate::{Epoch, HubConfig, HubError, HubStats, MAX_DATA, Position, Publication, Store};

pub(crate) use store::Upcoming;
use writer::{State, Writer};

/// The log of one hub.
pub(crate) struct Log {
    epoch: Epoch,
    jobs: mpsc::Sender<Job>,
    /// Bytes of publications that may wait for the writer; publishers beyond
    /// that wait before they hand theirs over.
    waiting: Arc<Semaphore>,
    head: watch::Receiver<u64>,
    shared: Arc<Shared>,
    readers: Readers,
    clock: Clock,
    metrics: Arc<Metrics>,
    writer: Option<JoinHandle<()>>,
    /// Held for as long as the log is open; SQLite alone would let a second
    /// process number its events differently.
    _lock: Option<File>,
}

/// What the writer tells and everybody reads.
struct Shared {
    window: RwLock<Window>,
    floor: AtomicU64,
    /// Who hears of what is new, beside those who watch the head.
    couriers: Mutex<Vec<Weak<Courier>>>,
}

impl Shared {
    /// Lets the couriers deliver what was told.
    fn tell_couriers(&self) {
        let couriers: Vec<_> = {
            let mut couriers = self.couriers();
            couriers.retain(|courier| courier.strong_count() > 0);
            couriers.iter().filter_map(Weak::upgrade).collect()
        };
        couriers.iter().for_each(|courier| courier.tell());
    }

    fn couriers(&self) -> MutexGuard<'_, Vec<Weak<Courier>>> {
        self.couriers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window(&self) -> RwLockReadGuard<'_, Window> {
        self.window.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_floor(&self, floor: u64) {
        self.floor.store(floor, Ordering::Release);
    }
}

enum Job {
    /// All of them or none.
    Append {
        publications: Vec<Publication>,
        answer: Answer<Vec<Option<u64>>>,
        /// Held for as long as the publications are, also when their publisher
        /// has left.
        _room: OwnedSemaphorePermit,
    },
    /// Takes back what is scheduled for this audience with this sequence.
    Cancel {
        to: Audience,
        sequence: String,
        answer: Answer<u64>,
    },
    Probe {
        answer: Answer<()>,
    },
    /// Give up what is too old.
    Trim,
}

impl Job {
    /// How many publications it brings.
    fn publications(&self) -> u64 {
        match self {
            Self::Append { publications, .. } => publications.len() as u64,
            Self::Cancel { .. } | Self::Probe { .. } | Self::Trim => 0,
        }
    }
}

type Answer<T> = oneshot::Sender<Result<T, HubError>>;

impl Log {
    /// Most jobs in one transaction, and most that wait for the next.
    const BATCH: usize = 256;
    const WAITING: usize = 32 << 20;
    /// A place for a key and the row around the data.
    const OVERHEAD: usize = 512;

    pub(crate) fn open(
        config: &mut HubConfig,
        stats: watch::Sender<HubStats>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, HubError> {
        let epoch = Epoch::random(&mut config.random);
        let path = match &config.store {
            Store::Memory => PathBuf::from(":memory:"),
            Store::Path(path) => path.clone(),
        };
        let damaged = |source| HubError::Damaged {
            path: path.clone(),
            source,
        };
        let (db, readers, lock) = match &config.store {
            Store::Memory => {
                let mut db = store::connect(None).map_err(damaged)?;
                store::prepare(&mut db, epoch).map_err(damaged)?;
                let db = Arc::new(Mutex::new(db));
                (db.clone(), Readers::Shared(db), None)
            }
            Store::Path(path) => {
                let (db, lock) = open_file(path, epoch)?;
                (
                    Arc::new(Mutex::new(db)),
                    Readers::pool(path.clone()),
                    Some(lock),
                )
            }
        };
        let (extent, (kept, last_at), schedule) = {
            let db = lock_db(&db);
            (
                store::extent(&db).map_err(damaged)?,
                store::kept(&db).map_err(damaged)?,
                store::schedule(&db).map_err(damaged)?,
            )
        };
        stats.send_modify(|stats| {
            stats.events = kept;
            stats.bytes = extent.bytes;
        });

        let shared = Arc::new(Shared {
            window: RwLock::new(Window::after(extent.head)),
            floor: AtomicU64::new(extent.floor),
            couriers: Mutex::default(),
        });
        let (head_writer, head) = watch::channel(extent.head);
        let (jobs, queue) = mpsc::channel(Self::BATCH);
        let writer = Writer {
            db,
            state: State {
                extent,
                kept,
                last_at,
                schedule,
                recent: extent.head,
                past: extent.head,
                trimming: true,
            },
            history: config.history,
            clock: config.clock.clone(),
            shared: shared.clone(),
            head: head_writer,
            stats,
            metrics: metrics.clone(),
            failed: false,
        };
        let spawned = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .and_then(|runtime| {
                thread::Builder::new()
                    .name("hub-log".to_owned())
                    .spawn(move || runtime.block_on(writer.run(queue)))
            })
            .map_err(|source| HubError::Unopened {
                path: path.clone(),
                source,
            })?;
        Ok(Self {
            epoch: extent.epoch,
            jobs,
            waiting: Arc::new(Semaphore::new(Self::WAITING)),
            head,
            shared,
            readers,
            clock: config.clock.clone(),
            metrics,
            writer: Some(spawned),
            _lock: lock,
        })
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
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
        self.shared.floor.load(Ordering::Acquire)
    }

    /// Stores publications in one transaction and says their numbers, once they
    /// are on disk; those that are due later have none.
    pub(crate) async fn append(
        &self,
        publications: Vec<Publication>,
    ) -> Result<Vec<Option<u64>>, HubError> {
        let mut size = 0;
        for publication in &publications {
            let len = publication.data.len();
            if len > MAX_DATA {
                return Err(HubError::TooLarge { len });
            }
            size += len + publication.to.size() + Self::OVERHEAD;
        }
        // More than there is room for at all waits until all of it is free.
        let size = size.min(Self::WAITING) as u32;
        let waiting = self.waiting.clone();
        let room = waiting
            .acquire_many_owned(size)
            .await
            .map_err(|_| HubError::Stopped)?;
        self.ask(|answer| Job::Append {
            publications,
            answer,
            _room: room,
        })
        .await
    }

    /// Takes back what is scheduled for this audience with this sequence; says
    /// how many publications that are.
    pub(crate) async fn cancel(&self, to: Audience, sequence: String) -> Result<u64, HubError> {
        self.ask(|answer| Job::Cancel {
            to,
            sequence,
            answer,
        })
        .await
    }

    /// What is scheduled after `after` for this view, the next first, as events
    /// at the log's head and at the time when they are due; and where to go on,
    /// if there may be more.
    pub(crate) async fn scheduled(
        &self,
        view: &View,
        after: Option<Upcoming>,
    ) -> Result<(Vec<Record>, Option<Upcoming>), HubError> {
        let filter = view.filter.clone();
        let position = Position {
            epoch: self.epoch,
            seq: self.head(),
        };
        self.readers
            .run(move |db| store::scheduled(db, &filter, after, position))
            .await
    }

    /// Writes, to see whether that is possible.
    pub(crate) async fn probe(&self) -> Result<(), HubError> {
        let patience = Duration::from_secs(2);
        tokio::time::timeout(patience, self.ask(|answer| Job::Probe { answer }))
            .await
            .unwrap_or(Err(HubError::Stopped))
    }

    /// Whether there is a writer.
    pub(crate) fn is_alive(&self) -> bool {
        self.writer.as_ref().is_some_and(|it| !it.is_finished())
    }

    /// Gives up what is too old, soon.
    pub(crate) fn trim(&self) {
        // A full queue means that it is tried again with the next call.
        let _ = self.jobs.try_send(Job::Trim);
    }

    /// What `view` takes of the events after `cursor`: from memory, or, when
    /// that is too far back, from disk.
    pub(crate) async fn read(&self, view: &View, cursor: u64) -> Result<Page, HubError> {
        if let Some(page) = self.page(view, cursor) {
            return Ok(page);
        }
        self.metrics.read_from_disk.add(1);
        let now = self.now();
        let (view, told) = (view.clone(), self.head());
        self.readers
            .run(move |db| store::page(db, &view, cursor, told, now))
            .await
    }

    /// The same from memory; `None` when that is too far back.
    pub(crate) fn page(&self, view: &View, cursor: u64) -> Option<Page> {
        let now = self.now();
        self.shared.window().read(view, cursor, now)
    }

    /// The events after `cursor` from memory, for whoever they are, until those
    /// have `most` bytes; `None` when that is too far back.
    pub(crate) fn recent(&self, cursor: u64, most: usize) -> Option<Recent> {
        self.shared.window().recent(cursor, most)
    }

    /// From now on this courier hears of what is new, for as long as it is there.
    pub(crate) fn tells(&self, courier: &Arc<Courier>) {
        self.shared.couriers().push(Arc::downgrade(courier));
        // Of what came in before.
        courier.wake();
    }

    /// The place before the first event from `at` on, in Unix milliseconds.
    pub(crate) async fn before(&self, at: i64) -> Result<u64, HubError> {
        let (floor, head) = (self.floor(), self.head());
        self.readers
            .run(move |db| store::newest_before(db, at, floor, head))
            .await
    }

    /// The event that ntfy's clients know by this id.
    pub(crate) async fn by_message(&self, id: MessageId) -> Result<Option<u64>, HubError> {
        let (epoch, head) = (self.epoch, self.head());
        self.readers
            .run(move |db| {
                let own = store::by_message(db, &id)?;
                let derived = || Some(id.position(epoch)?.seq).filter(|seq| *seq <= head);
                Ok(own.or_else(derived))
            })
            .await
    }

    /// The newest event to one of the view's addresses.
    pub(crate) async fn newest(&self, view: &View) -> Result<Option<u64>, HubError> {
        let view = view.clone();
        self.readers.run(move |db| store::newest(db, &view)).await
    }

    /// The JSON array of the facts, and up to where it reaches.
    pub(crate) async fn board(&self) -> Result<(String, u64), HubError> {
        let now = self.now();
        let told = self.head();
        self.readers
            .run(move |db| store::board(db, told, now))
            .await
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, HubError> {
        let (answer, answered) = oneshot::channel();
        self.jobs
            .send(job(answer))
            .await
            .map_err(|_| HubError::Stopped)?;
        answered.await.unwrap_or(Err(HubError::Stopped))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // The writer ends with its queue. Waiting for it makes "dropped" mean
        // "closed": whoever opens the file next finds it free.
        drop(mem::replace(&mut self.jobs, mpsc::channel(1).0));
        // The writer itself, while it delivers, may drop the last handle.
        let other = |writer: &JoinHandle<()>| writer.thread().id() != thread::current().id();
        if let Some(writer) = self.writer.take().filter(other) {
            let _ = writer.join();
        }
    }
}

/// Connections to read with.
enum Readers {
    /// A memory log has one connection, the writer's.
    Shared(Arc<Mutex<Connection>>),
    Pool {
        path: PathBuf,
        places: Arc<Semaphore>,
        idle: Arc<Mutex<Vec<Connection>>>,
    },
}

impl Readers {
    const PLACES: usize = 4;

    fn pool(path: PathBuf) -> Self {
        Self::Pool {
            path,
            places: Arc::new(Semaphore::new(Self::PLACES)),
            idle: Arc::default(),
        }
    }

    /// Runs `read` where blocking is fine.
    async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, HubError> {
        let done = match self {
            Self::Shared(db) => {
                let db = db.clone();
                tokio::task::spawn_blocking(move || read(&lock_db(&db))).await
            }
            Self::Pool { path, places, idle } => {
                let place = places.clone().acquire_owned().await;
                let place = place.map_err(|_| HubError::Stopped)?;
                let (path, idle) = (path.clone(), idle.clone());
                tokio::task::spawn_blocking(move || {
                    // Until it is read, also when nobody waits for it any more.
                    let _place = place;
                    let own = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let db = own.map_or_else(|| store::connect_reader(&path), Ok)?;
                    let result = read(&db);
                    if result.is_ok() {
                        idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
                    }
                    result
                })
                .await
            }
        };
        done.map_err(|_| HubError::Stopped)?
            .map_err(|source| HubError::NotRead { source })
    }
}

/// A panic while holding the connection rolls its transaction back, so what the
/// mutex guards is sound.
fn lock_db(db: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    db.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a log file for one hub alone, readable by its owner alone.
fn open_file(path: &Path, epoch: Epoch) -> Result<(Connection, File), HubError> {
    let unopened = |source| HubError::Unopened {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(unopened)?;
    }
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = private_file(Path::new(&lock_path)).map_err(unopened)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(HubError::InUse {
                path: path.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(unopened(source)),
    }
    // Before SQLite does: what it creates beside the file inherits the mode.
    private_file(path).map_err(unopened)?;

    let refused = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure,
        ) => unopened(io::Error::other(source)),
        _ => HubError::Damaged {
            path: path.to_owned(),
            source,
        },
    };
    let mut db = store::connect(Some(path)).map_err(refused)?;
    let version = store::version(&db).map_err(refused)?;
    if version > store::VERSION {
        return Err(HubError::Newer {
            path: path.to_owned(),
        });
    }
    if (1..store::VERSION).contains(&version) {
        back_up(&db, path, version).map_err(unopened)?;
    }
    store::prepare(&mut db, epoch).map_err(refused)?;
    Ok((db, lock))
}

/// Keeps a log of an older layout beside the one that it becomes.
fn back_up(db: &Connection, path: &Path, version: i64) -> io::Result<()> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".v{version}.bak{ending}"));
        PathBuf::from(name)
    };
    let part = beside(".part");
    // Left by a copy that was cut off.
    if let Err(error) = fs::remove_file(&part)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let file = private_file(&part)?;
    store::copy(db, &part).map_err(io::Error::other)?;
    file.sync_all()?;
    fs::rename(part, beside(""))
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use jiff::Timestamp;

    use super::*;
    use crate::format::Format;
    use crate::publication::{Address, Filter, Topic};

    #[tokio::test]
    async fn a_publisher_that_leaves_frees_no_room_for_what_it_left() {
        let mut config = HubConfig::new(Store::Memory);
        let log = Log::open(&mut config, watch::Sender::default(), Arc::default()).unwrap();
        let Readers::Shared(db) = &log.readers else {
            panic!("a memory log has one connection");
        };
        let data = "x".repeat(MAX_DATA);
        {
            let _the_writer_waits = lock_db(db);
            let mut append = Box::pin(log.append(vec![Publication::to_everyone(data)]));
            assert!(append.as_mut().now_or_never().is_none());
            drop(append);
            assert!(log.waiting.available_permits() <= Log::WAITING - MAX_DATA);
        }
        // What follows in the queue is answered later.
        log.probe().await.unwrap();
        assert_eq!(log.waiting.available_permits(), Log::WAITING);
    }

    #[tokio::test]
    async fn a_reader_that_leaves_frees_no_place_while_it_is_read_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        drop(open_file(&path, Epoch::random(&mut fastrand::Rng::new())).unwrap());
        let readers = Readers::pool(path);
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let mut read = Box::pin(readers.run(move |_| {
            let _ = waits.recv();
            Ok(())
        }));
        assert!(read.as_mut().now_or_never().is_none());
        drop(read);
        let Readers::Pool { places, .. } = &readers else {
            panic!("a file has a pool");
        };
        assert_eq!(places.available_permits(), Readers::PLACES - 1);
        drop(go_on);
        let all = places.acquire_many(Readers::PLACES as u32).await;
        assert!(all.is_ok());
    }

    /// A disk has an event a moment before it is told.
    #[tokio::test]
    async fn a_reader_gets_nothing_that_is_not_told_yet() {
        let mut config = HubConfig::new(Store::Memory);
        let log = Log::open(&mut config, watch::Sender::default(), Arc::default()).unwrap();
        let mut fact = Publication::to_everyone("1");
        fact.fact = true;
        log.append(vec![fact.clone(), fact]).await.unwrap();
        let view = View {
            filter: Filter::default(),
            format: crate::format::Format::Sse,
            opened: 0,
        };
        let read = log.readers.run(move |db| {
            let pages = [1, 2].map(|told| store::page(db, &view, 0, told, 0));
            let boards = [1, 2].map(|told| store::board(db, told, 0));
            let pages = pages.map(|page| page.map(|page| (page.last, page.scanned)));
            Ok((pages, boards))
        });
        let (pages, boards) = read.await.unwrap();
        assert_eq!(pages.map(Result::unwrap), [(Some(1), 1), (Some(2), 2)]);
        let boards = boards.map(Result::unwrap);
        assert_eq!(boards, [("[1]".to_owned(), 1), ("[1,1]".to_owned(), 2)]);
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
