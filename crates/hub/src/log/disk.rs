//! A log in a file: one thread that stores, then tells, and connections to read
//! with.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::copy::Step;
use super::store::{self, Found, Stored};
use super::stretches::Stretches;
use super::writer::{State, Writer};
use crate::courier::Courier;
use crate::metrics::Counter;
use crate::publication::{Audience, Filter, Publication};
use crate::window::Stretch;
use crate::{Epoch, HubError};

/// How long work of our own rests after a transaction that failed.
const REST: Duration = Duration::from_secs(5);

/// The writer's thread, and its readers.
pub(super) struct Disk {
    jobs: mpsc::Sender<Job>,
    /// Bytes of publications that may wait for the writer; publishers beyond
    /// that wait before they hand theirs over.
    waiting: Arc<Semaphore>,
    readers: Readers,
    /// What they read for all.
    stretches: Stretches,
    writer: Option<JoinHandle<()>>,
    /// Held for as long as the log is open; SQLite alone would let a second
    /// process number its events differently.
    _lock: File,
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
    /// Does as the log did of which this is a copy.
    Copy {
        step: Step,
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
            Self::Cancel { .. } | Self::Probe { .. } | Self::Trim | Self::Copy { .. } => 0,
        }
    }
}

type Answer<T> = oneshot::Sender<Result<T, HubError>>;

/// What became of one job.
enum Done {
    Appended(Result<Vec<Option<u64>>, HubError>),
    Cancelled(u64),
    Nothing,
}

/// An open log that nobody writes yet.
pub(super) struct Opened {
    path: PathBuf,
    db: Connection,
    lock: File,
    pub(super) state: State,
    /// What the node is called.
    pub(super) node: String,
}

impl Opened {
    /// Opens the file, or creates it for a log with this epoch.
    pub(super) fn open(path: &Path, epoch: Epoch) -> Result<Self, HubError> {
        let (db, lock) = open_file(path, epoch)?;
        let damaged = |source| HubError::Damaged {
            path: path.to_owned(),
            source,
        };
        let extent = store::extent(&db).map_err(damaged)?;
        let (kept, last_at) = store::kept(&db).map_err(damaged)?;
        let schedule = store::schedule(&db).map_err(damaged)?;
        let node = store::node(&db).map_err(damaged)?;
        let state = State {
            kept,
            last_at,
            schedule,
            trimming: true,
            ..State::new(extent)
        };
        let path = path.to_owned();
        Ok(Self {
            path,
            db,
            lock,
            state,
            node,
        })
    }

    pub(super) fn start(self, writer: Writer) -> io::Result<Disk> {
        let (jobs, queue) = mpsc::channel(Disk::BATCH);
        let thread = Thread {
            db: self.db,
            writer,
            failed: false,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let thread = thread::Builder::new()
            .name("hub-log".to_owned())
            .spawn(move || runtime.block_on(thread.run(queue)))?;
        Ok(Disk {
            jobs,
            waiting: Arc::new(Semaphore::new(Disk::WAITING)),
            readers: Readers::new(self.path),
            stretches: Stretches::default(),
            writer: Some(thread),
            _lock: self.lock,
        })
    }
}

impl Disk {
    /// Most jobs in one transaction, and most that wait for the next.
    const BATCH: usize = 256;
    const WAITING: usize = 32 << 20;
    /// A place for a key and the row around the data.
    const OVERHEAD: usize = 512;

    pub(super) fn is_alive(&self) -> bool {
        self.writer.as_ref().is_some_and(|it| !it.is_finished())
    }

    pub(super) async fn append(
        &self,
        publications: Vec<Publication>,
    ) -> Result<Vec<Option<u64>>, HubError> {
        let each = publications.iter();
        let size: usize = each
            .map(|one| one.data.len() + one.to.size() + Self::OVERHEAD)
            .sum();
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

    pub(super) async fn cancel(&self, to: Audience, sequence: String) -> Result<u64, HubError> {
        self.ask(|answer| Job::Cancel {
            to,
            sequence,
            answer,
        })
        .await
    }

    pub(super) async fn probe(&self) -> Result<(), HubError> {
        let patience = Duration::from_secs(2);
        tokio::time::timeout(patience, self.ask(|answer| Job::Probe { answer }))
            .await
            .unwrap_or(Err(HubError::Stopped))
    }

    /// Does as the log did of which this is a copy; returns once it is on disk.
    pub(super) async fn follow(&self, step: Step) -> Result<(), HubError> {
        let anew = matches!(step, Step::Anew { .. });
        let done = self.ask(|answer| Job::Copy { step, answer }).await;
        if anew {
            self.stretches.clear();
        }
        done
    }

    pub(super) fn trim(&self) {
        // A full queue means that it is tried again with the next call.
        let _ = self.jobs.try_send(Job::Trim);
    }

    /// The events after `cursor` that this filter takes, as they are on disk up
    /// to `told`; counts if it was read from there.
    pub(super) async fn stretch(
        &self,
        filter: &Filter,
        cursor: u64,
        (floor, told): (u64, u64),
        reads: &Counter,
    ) -> Result<Stretch, HubError> {
        if let Some(stretch) = self.stretches.after(cursor, floor) {
            return Ok(stretch);
        }
        let place = self.readers.place().await?;
        // Whoever had the place before may have read the same.
        if let Some(stretch) = self.stretches.after(cursor, floor) {
            return Ok(stretch);
        }
        reads.add(1);
        let filter = filter.clone();
        let read = move |db: &Connection| store::stretch(db, &filter, cursor, told);
        let Found { stretch, all_after } = self.readers.run(place, read).await?;
        if let Some(after) = all_after {
            self.stretches
                .keep(after, stretch.scanned, &stretch.entries);
        }
        Ok(stretch)
    }

    /// Runs `read` where blocking is fine.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, HubError> {
        self.readers.run(self.readers.place().await?, read).await
    }

    /// Room for publications that wait.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> &Semaphore {
        &self.waiting
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

impl Drop for Disk {
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

struct Thread {
    db: Connection,
    writer: Writer,
    /// Whether the last transaction failed.
    failed: bool,
}

impl Thread {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut jobs = Vec::with_capacity(Disk::BATCH);
        // While one transaction is on its way to the disk the next one fills up.
        loop {
            let received = queue.recv_many(&mut jobs, Disk::BATCH);
            let patience = self.writer.patience();
            let patience = if self.failed {
                patience.map(|_| REST)
            } else {
                patience
            };
            let received = match patience {
                Some(patience) => tokio::time::timeout(patience, received).await,
                None => Ok(received.await),
            };
            if received == Ok(0) {
                return;
            }
            if !jobs.is_empty() || self.writer.has_own_work() {
                self.commit(mem::take(&mut jobs));
            }
        }
    }

    /// Stores, then tells subscribers, then publishers.
    fn commit(&mut self, mut jobs: Vec<Job>) {
        let publications = jobs.iter().map(Job::publications).sum();
        let db = &mut self.db;
        let done = self.writer.commit(
            || Stored::begin(db),
            publications,
            |work| {
                let each = jobs.iter_mut().map(|job| {
                    Ok(match job {
                        Job::Append { publications, .. } => {
                            Done::Appended(work.append(mem::take(publications))?)
                        }
                        Job::Cancel { to, sequence, .. } => {
                            Done::Cancelled(work.cancel(to, sequence)?)
                        }
                        Job::Trim => {
                            work.clean_up();
                            Done::Nothing
                        }
                        Job::Copy { step, .. } => {
                            work.follow(mem::take(step))?;
                            Done::Nothing
                        }
                        Job::Probe { .. } => Done::Nothing,
                    })
                });
                each.collect::<rusqlite::Result<Vec<_>>>()
            },
        );
        self.failed = done.is_err();
        match done {
            Ok(done) => {
                self.writer.shared.tell_couriers(Courier::tell);
                for (job, done) in jobs.into_iter().zip(done) {
                    match (job, done) {
                        (Job::Append { answer, .. }, Done::Appended(stored)) => {
                            let _ = answer.send(stored);
                        }
                        (Job::Cancel { answer, .. }, Done::Cancelled(count)) => {
                            let _ = answer.send(Ok(count));
                        }
                        (Job::Probe { answer } | Job::Copy { answer, .. }, _) => {
                            let _ = answer.send(Ok(()));
                        }
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
                        Job::Probe { answer } | Job::Copy { answer, .. } => {
                            drop(answer.send(Err(failed())));
                        }
                        Job::Trim => {}
                    }
                }
            }
        }
    }
}

/// Connections to read with.
struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    const PLACES: usize = 4;

    fn new(path: PathBuf) -> Self {
        Self {
            path,
            places: Arc::new(Semaphore::new(Self::PLACES)),
            idle: Arc::default(),
        }
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, HubError> {
        let place = self.places.clone().acquire_owned().await;
        place.map_err(|_| HubError::Stopped)
    }

    async fn run<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, HubError> {
        let (path, idle) = (self.path.clone(), self.idle.clone());
        let done = tokio::task::spawn_blocking(move || {
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
        .await;
        done.map_err(|_| HubError::Stopped)?
            .map_err(|source| HubError::NotRead { source })
    }
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
    let mut db = store::connect(path).map_err(refused)?;
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

    use super::*;

    #[tokio::test]
    async fn a_reader_that_leaves_frees_no_place_while_it_is_read_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.db");
        drop(open_file(&path, Epoch::random(&mut fastrand::Rng::new())).unwrap());
        let readers = Readers::new(path);
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let place = readers.place().await.unwrap();
        let mut read = Box::pin(readers.run(place, move |_| {
            let _ = waits.recv();
            Ok(())
        }));
        assert!(read.as_mut().now_or_never().is_none());
        drop(read);
        let places = &readers.places;
        assert_eq!(places.available_permits(), Readers::PLACES - 1);
        drop(go_on);
        let all = places.acquire_many(Readers::PLACES as u32).await;
        assert!(all.is_ok());
    }
}
