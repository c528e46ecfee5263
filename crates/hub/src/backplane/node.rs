//! One node of a hub: what it tells the engine, and what it copies from there.
//!
//! A thread of its own does three things at once. The *pulse* says each second
//! that the node is there and how far it is, and hears of the epoch; the *tail*
//! reads the shared log and copies it; the *press* hands over what is published
//! here. They know of each other only through [`State`].

use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as blocking};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Backplane;
use super::access::Replica;
use super::engine::Engine;
use super::functions::function;
use super::presence;
use super::press::{self, Job};
use super::pulse::Pulse;
use super::tail::tail;
use super::wire;
use crate::access;
use crate::config::{Clock, History};
use crate::log::{Log, Origin, Upcoming};
use crate::metrics::Metrics;
use crate::publication::{Audience, Filter, Publication};
use crate::record::Record;
use crate::subscribers::Subscribers;
use crate::{Epoch, HubConfig, HubError, Position, Store};

/// Bytes of publications that may wait for the engine.
const WAITING: usize = 32 << 20;
/// A place for what a publication is beside its data.
pub(super) const OVERHEAD: usize = 512;
/// How much later than the press refuses a job nobody waits for it any more.
const GRACE: Duration = Duration::from_millis(500);
/// How long a new node waits at its start until it knows who may use the hub.
const JOINING: Duration = Duration::from_secs(3);
/// How long a reader waits for what it knows to be there.
const PATIENCE: Duration = Duration::from_secs(2);

/// The handle of a node.
pub(crate) struct Node {
    common: Arc<Common>,
    jobs: mpsc::Sender<Job>,
    questions: mpsc::Sender<Question>,
    waiting: Arc<Semaphore>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What the node's tasks share.
pub(super) struct Common {
    id: RwLock<String>,
    pub(super) log: Arc<Log>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) history: History,
    pub(super) subscribers: Arc<Subscribers>,
    /// What the engine's clock shows more than ours, in microseconds.
    pub(super) offset: Arc<AtomicI64>,
    pub(super) own_clock: Clock,
    pub(super) state: watch::Sender<State>,
    /// Asks for a pulse now.
    pub(super) pulse: Notify,
    /// The newest entry that this node's publishers were told of.
    given: Mutex<Given>,
    /// Whether the engine had no room for what was published last.
    pub(super) is_full: AtomicBool,
    /// When the next is due, in Unix milliseconds; 0: nothing is.
    pub(super) due: AtomicI64,
}

/// A place in the shared log: its number, and when the entry there came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Given {
    pub(super) seq: u64,
    pub(super) micros: i64,
}

impl Common {
    /// Gives it another name.
    pub(super) fn rename(&self, name: String) {
        *self.id.write().unwrap_or_else(PoisonError::into_inner) = name;
    }

    /// What the node is called.
    pub(super) fn id(&self) -> String {
        self.id
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn given(&self) -> Given {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine said that this is its newest entry, in the log of this epoch.
    pub(super) fn was_given(&self, epoch: Epoch, place: Given) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if self.log.epoch() == epoch {
            *given = (*given).max(place);
        }
    }

    pub(super) fn forget_given(&self) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Given::default();
    }
}

/// How a node stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// Whether the engine answers.
    pub(crate) connected: bool,
    /// Whether it takes publications: every node has vouched for it.
    pub(crate) open: bool,
    /// Whether the copy has reached where the log was a moment ago.
    pub(crate) ready: bool,
    /// The shared log: none until it was seen.
    pub(super) shared: Option<Shared>,
    /// The nodes that are there.
    pub(crate) nodes: Vec<Member>,
    /// When the engine was asked for this.
    pub(super) asked: Option<Instant>,
    /// Why the engine does not answer, or refuses.
    pub(crate) trouble: Option<String>,
}

/// The shared log as a pulse found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) epoch: Epoch,
    pub(super) base: u64,
    pub(super) head: u64,
    pub(super) floor: u64,
    pub(super) lineage: u64,
}

/// A node as it said to be.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    /// Up to where it has copied the log.
    pub(crate) reached: Option<Position>,
    /// Open subscriber connections.
    pub(crate) subscribers: u64,
}

/// A clock that shows the engine's time, once that is known, and what sets it.
pub(crate) fn engine_clock(own: Clock) -> (Clock, Arc<AtomicI64>) {
    let offset = Arc::new(AtomicI64::new(0));
    let shown = offset.clone();
    let clock: Clock = Arc::new(move || {
        let offset = jiff::SignedDuration::from_micros(shown.load(Ordering::Relaxed));
        let now = own();
        now.checked_add(offset).unwrap_or(now)
    });
    (clock, offset)
}

/// What a hub has when it becomes a node.
pub(crate) struct Parts {
    pub(crate) log: Arc<Log>,
    pub(crate) subscribers: Arc<Subscribers>,
    pub(crate) metrics: Arc<Metrics>,
    /// The clock without the engine's.
    pub(crate) own_clock: Clock,
    pub(crate) offset: Arc<AtomicI64>,
    /// Who may use the hub.
    pub(crate) access: Arc<access::State>,
}

impl Node {
    /// Starts a node; its history is imported first, if that is wanted.
    pub(crate) fn start(
        backplane: &Backplane,
        config: &HubConfig,
        parts: Parts,
    ) -> Result<Self, HubError> {
        let Store::Path(path) = &config.store else {
            return Err(HubError::CopyInMemory);
        };
        let was = parts.log.was().clone();
        let import = backplane.import && was.origin.is_none();
        if was.origin.is_none() && !was.is_empty && !import {
            return Err(HubError::OwnHistory { path: path.clone() });
        }
        let Parts {
            log,
            subscribers,
            metrics,
            own_clock,
            offset,
            access,
        } = parts;
        let common = Arc::new(Common {
            id: RwLock::new(was.node),
            given: Mutex::default(),
            is_full: AtomicBool::new(false),
            due: AtomicI64::new(0),
            clock: config.clock.clone(),
            history: config.history,
            state: watch::Sender::default(),
            pulse: Notify::new(),
            log,
            metrics,
            subscribers,
            offset,
            own_clock,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let unopened = |source| HubError::Unopened {
            path: path.clone(),
            source,
        };
        let runtime = runtime.map_err(unopened)?;
        let (jobs, queue) = mpsc::channel(press::BATCH);
        let (questions, asked) = mpsc::channel(16);
        let (started, starts) = blocking::channel();
        let stop = CancellationToken::new();
        let worker = Worker {
            backplane: backplane.clone(),
            path: path.clone(),
            common: common.clone(),
            stop: stop.clone(),
            access,
            import,
        };
        let thread = thread::Builder::new()
            .name("hub-backplane".to_owned())
            .spawn(move || runtime.block_on(worker.run(queue, asked, started)))
            .map_err(unopened)?;
        let node = Self {
            common,
            jobs,
            questions,
            waiting: Arc::new(Semaphore::new(WAITING)),
            stop,
            thread: Some(thread),
        };
        starts.recv().unwrap_or(Err(HubError::Stopped))?;
        Ok(node)
    }

    /// Publishes to all nodes; says the numbers, once the engine has them.
    pub(crate) async fn append(
        &self,
        publications: Vec<Publication>,
    ) -> Result<Vec<Option<u64>>, HubError> {
        let until = self.until();
        let room = self.room(&publications, until).await?;
        self.ask(until, |answer| Job::Append {
            publications,
            until,
            answer,
            _room: room,
        })
        .await
    }

    /// Takes back what is scheduled; says how many publications that are.
    pub(crate) async fn cancel(&self, to: &Audience, sequence: String) -> Result<u64, HubError> {
        let until = self.until();
        self.ask(until, |answer| Job::Cancel {
            to: to.to_column(),
            sequence,
            until,
            answer,
        })
        .await
    }

    /// What is scheduled after `after` for who listens with this filter, and where
    /// to go on.
    pub(crate) async fn scheduled(
        &self,
        filter: &Filter,
        after: Option<Upcoming>,
        position: Position,
    ) -> Result<(Vec<Record>, Option<Upcoming>), HubError> {
        let until = Instant::now() + press::PATIENCE;
        let rows = self.ask(until, |answer| Job::Scheduled { after, answer });
        let rows = rows.await?;
        let next = (rows.len() == press::MOST_SCHEDULED).then(|| rows[rows.len() - 1].0);
        let own = rows.into_iter().filter(|(_, one)| filter.takes(&one.to));
        let records = own.map(|(place, one)| Record::of(position, place.due, one));
        Ok((records.collect(), next))
    }

    /// Waits until the copy has what this node's publishers were told to be there,
    /// and `wanted`, or until that takes too long.
    pub(crate) async fn settle(&self, wanted: Option<Position>) -> Result<(), HubError> {
        let until = Instant::now() + PATIENCE;
        let log = &self.common.log;
        let mut state = self.common.state.subscribe();
        let mut has_asked = false;
        loop {
            let known = state.borrow_and_update().clone();
            let is_ours = known
                .shared
                .is_some_and(|shared| shared.epoch == log.epoch())
                || known.shared.is_none() && log.was().origin.is_some();
            let is_new = wanted.is_some_and(|wanted| wanted.epoch != log.epoch());
            if is_ours && !is_new {
                break;
            }
            // An epoch that others may know by now: it is asked for once.
            if is_ours && is_new && known.connected && has_asked {
                break;
            }
            has_asked = true;
            self.common.pulse.notify_one();
            if tokio::time::timeout_at(until, state.changed())
                .await
                .is_err()
            {
                return Err(HubError::Away { why: NOT_JOINED });
            }
        }
        let given = self.common.given();
        let wanted = wanted.filter(|wanted| wanted.epoch == log.epoch());
        let seq = given.seq.max(wanted.map_or(0, |wanted| wanted.seq));
        let mut head = log.watch_head();
        let reached = head.wait_for(|head| *head >= seq);
        // Whoever still waits is ahead of the copy.
        let _ = tokio::time::timeout_at(until, reached).await;
        Ok(())
    }

    /// Whether the shared log may have had this number at `since`, though the copy
    /// has not.
    pub(crate) fn may_have(&self, seq: u64, since: Instant) -> bool {
        let state = self.common.state.borrow();
        let is_newer = state.asked.is_some_and(|asked| asked >= since);
        !state.connected || !is_newer || state.shared.is_none_or(|shared| seq <= shared.head)
    }

    /// Who listens at the other nodes, as the hub shows it; `None` for what cannot
    /// be found out now.
    pub(crate) async fn listening_elsewhere(&self) -> Option<Vec<serde_json::Value>> {
        let (answer, answered) = oneshot::channel();
        self.questions
            .send(Question::Listening { answer })
            .await
            .ok()?;
        answered.await.ok()?
    }

    /// Asks another node to end a stream; whether it will hear of it.
    pub(crate) async fn disconnect(&self, node: String, id: u64) -> bool {
        let (answer, answered) = oneshot::channel();
        let question = Question::Disconnect { node, id, answer };
        self.questions.send(question).await.is_ok() && answered.await.unwrap_or(false)
    }

    /// What the node is called.
    pub(crate) fn id(&self) -> String {
        self.common.id()
    }

    /// How it stands.
    pub(crate) fn state(&self) -> State {
        let mut state = self.common.state.borrow().clone();
        if self.common.is_full.load(Ordering::Relaxed) {
            state.open = false;
            state
                .trouble
                .get_or_insert_with(|| press::NO_ROOM.to_owned());
        }
        state
    }

    /// How many events of the shared log the copy does not have yet, as far as is known.
    pub(crate) fn lag(&self) -> u64 {
        let state = self.common.state.borrow();
        let head = state.shared.map_or(0, |shared| shared.head);
        head.saturating_sub(self.common.log.head())
    }

    /// Until when a publisher waits: shorter where it is known that nobody answers.
    fn until(&self) -> Instant {
        let is_away = !self.common.state.borrow().connected;
        Instant::now()
            + if is_away {
                press::AWAY
            } else {
                press::PATIENCE
            }
    }

    async fn room(
        &self,
        publications: &[Publication],
        until: Instant,
    ) -> Result<OwnedSemaphorePermit, HubError> {
        let each = publications.iter();
        let size: usize = each
            .map(|one| one.data.len() + one.to.size() + OVERHEAD)
            .sum();
        let size = u32::try_from(size.min(WAITING)).unwrap_or(u32::MAX);
        let room = self.waiting.clone().acquire_many_owned(size);
        // A publisher waits no longer for its turn than for its answer.
        match tokio::time::timeout_at(until, room).await {
            Ok(room) => room.map_err(|_| HubError::Stopped),
            Err(_) => Err(HubError::Away { why: press::BUSY }),
        }
    }

    async fn ask<T>(
        &self,
        until: Instant,
        job: impl FnOnce(oneshot::Sender<Result<T, HubError>>) -> Job,
    ) -> Result<T, HubError> {
        let (answer, answered) = oneshot::channel();
        let asked = async {
            let sent = self.jobs.send(job(answer)).await;
            sent.map_err(|_| HubError::Stopped)?;
            answered.await.unwrap_or(Err(HubError::Stopped))
        };
        // What is not under way by then is refused; what is may be stored or not.
        tokio::time::timeout_at(until + GRACE, asked)
            .await
            .unwrap_or(Err(HubError::Away { why: press::UNSURE }))
    }
}

const NOT_JOINED: &str = "this node does not know the state of the hub yet; try again in a moment";

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
        // The node's own thread may drop the last handle.
        let other = |own: &JoinHandle<()>| own.thread().id() != thread::current().id();
        if let Some(own) = self.thread.take().filter(other) {
            let _ = own.join();
        }
    }
}

/// What is asked of the other nodes.
enum Question {
    Listening {
        answer: oneshot::Sender<Option<Vec<serde_json::Value>>>,
    },
    Disconnect {
        node: String,
        id: u64,
        answer: oneshot::Sender<bool>,
    },
}

/// Answers what is asked of the other nodes, one after another.
async fn asks(common: &Common, engine: &Engine, mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        match question {
            Question::Listening { answer } => {
                let _ = answer.send(listening(common, engine).await);
            }
            Question::Disconnect { node, id, answer } => {
                let done = presence::disconnect(engine, &node, id).await;
                let _ = answer.send(done.is_ok());
            }
        }
    }
}

async fn listening(common: &Common, engine: &Engine) -> Option<Vec<serde_json::Value>> {
    let State {
        connected,
        shared,
        nodes,
        ..
    } = common.state.borrow().clone();
    if !connected {
        return None;
    }
    let head = shared.map_or(0, |shared| shared.head);
    let mut all = Vec::new();
    for node in nodes.into_iter().filter(|node| node.id != common.id()) {
        let lag = node
            .reached
            .map_or(0, |reached| head.saturating_sub(reached.seq));
        all.extend(presence::listening(engine, &node.id, lag).await.ok()?);
    }
    Some(all)
}

struct Worker {
    backplane: Backplane,
    /// Of the node's log.
    path: PathBuf,
    common: Arc<Common>,
    stop: CancellationToken,
    access: Arc<access::State>,
    import: bool,
}

impl Worker {
    async fn run(
        self,
        queue: mpsc::Receiver<Job>,
        questions: mpsc::Receiver<Question>,
        started: blocking::Sender<Result<(), HubError>>,
    ) {
        let begun = self.begin().await;
        let (calls, reads, replica) = match begun {
            Ok(engines) => {
                let _ = started.send(Ok(()));
                engines
            }
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let calls = Arc::new(calls);
        let pulse = Pulse::new(self.common.clone(), calls.clone());
        let (rows, told) = watch::channel(None);
        let pulse = pulse.run(rows);
        let presence = presence::tell(&self.common, &calls, told);
        let asks = asks(&self.common, &calls, questions);
        tokio::select! {
            () = pulse => {}
            () = presence => {}
            () = tail(&self.common, &reads) => {}
            () = asks => {}
            () = press::run(&self.common, &calls, queue) => {}
            _ = replica => {}
            () = self.stop.cancelled() => {}
        }
        let left = function(&calls, "feedbell_leave", vec![self.common.id().into()]);
        // Nobody waits for who does not say that it goes, but for a while.
        let _ = tokio::time::timeout(Duration::from_millis(500), left).await;
    }

    async fn begin(&self) -> Result<(Engine, Engine, Replicating), HubError> {
        let calls = Engine::connect(&self.backplane)?;
        let reads = Engine::connect(&self.backplane)?;
        let mut is_ours = true;
        if self.import {
            super::import::import(&self.common, &calls)
                .await
                .map_err(|why| HubError::NotImported { why })?;
        } else if let Some(origin) = self.common.log.was().origin {
            is_ours = self.check_hub(origin, &calls).await?;
        }
        let replica = Replica::connect(&self.backplane, self.access.clone())?;
        let mut state = self.common.state.subscribe();
        let mut replica: Replicating = Box::pin(async move {
            if !is_ours {
                // The pulse finds out.
                let _ = state.wait_for(|state| state.shared.is_some()).await;
            }
            replica.run().await
        });
        if let Some(sharing) = self.access.sharing() {
            // Before it listens somewhere it should know the tokens of the others.
            tokio::select! {
                _ = &mut replica => {}
                _ = tokio::time::timeout(JOINING, sharing.joined()) => {}
            }
        }
        Ok((calls, reads, replica))
    }

    /// Whether the engine has the hub of which this node has a copy; `false` where
    /// that is not known yet.
    async fn check_hub(&self, origin: Origin, engine: &Engine) -> Result<bool, HubError> {
        let asked = vec![engine.key("hub").into(), "lineage".into(), "born".into()];
        let asked = tokio::time::timeout(JOINING, engine.call("HMGET", asked)).await;
        let Ok(Ok(said)) = asked else {
            return Ok(false);
        };
        let [lineage, born] = wire::array(&said).unwrap_or_default() else {
            return Ok(false);
        };
        let Some(lineage) = wire::text(lineage) else {
            if self.backplane.import {
                let why = "this folder has a node's copy of a log that the engine no longer has; \
                           to go on from it, make a backup with `feedbell backup` and import that";
                return Err(HubError::NotImported {
                    why: why.to_owned(),
                });
            }
            return Ok(true);
        };
        if u64::from_str_radix(lineage, 16) == Ok(origin.lineage) {
            return Ok(true);
        }
        // One that a node without any knowledge has just begun gives way.
        if wire::number::<i64>(born).is_some_and(|born| born > 0) {
            return Ok(false);
        }
        Err(HubError::OtherHub {
            path: self.path.clone(),
        })
    }
}

/// Never ends by itself.
type Replicating = Pin<Box<dyn Future<Output = Infallible>>>;
