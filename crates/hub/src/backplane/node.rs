//! One node of a hub: what it tells the engine, and what it copies from there.
//!
//! A thread of its own does three things at once. The *pulse* says each second
//! that the node is there and how far it is, and hears of the epoch; the *tail*
//! reads the shared log and copies it; the *press* hands over what is published
//! here. They know of each other only through [`State`].

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc as blocking};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fred::types::Value;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Backplane;
use super::access::Replica;
use super::engine::{Engine, Failed};
use super::presence;
use super::press::{self, Job};
use super::wire;
use crate::access;
use crate::config::{Clock, History};
use crate::log::{Copied, Extent, Log, Step, Upcoming};
use crate::metrics::Metrics;
use crate::publication::{Audience, Filter, Publication};
use crate::record::Record;
use crate::subscribers::Subscribers;
use crate::{Epoch, HubConfig, HubError, Position, Store};

/// The functions at the engine, and which version of them.
const LIBRARY: &str = include_str!("feedbell.lua");
const VERSION: i64 = 1;
/// How often a node says that it is there.
const PULSE: Duration = Duration::from_secs(1);
/// How soon it says so again while something is still to come.
const SOON: Duration = Duration::from_millis(50);
/// How long a read of the log waits for something new.
const READ: Duration = Duration::from_secs(1);
/// Most entries of one read, and about how many bytes it brings: the engine cannot
/// be told of the latter.
const MOST_READ: usize = 500;
const READ_BYTES: usize = 2 << 20;
/// As long as nothing is known of how large they are.
const FIRST_READ: usize = 32;
/// How often in a row a read finds nothing where a pulse saw more.
const MOST_BEHIND: u32 = 3;
/// How far back the head is looked for that a node must have reached to be ready.
const LAGS: Duration = Duration::from_secs(5);
/// Bytes of publications that may wait for the engine.
const WAITING: usize = 32 << 20;
/// A place for what a publication is beside its data.
const OVERHEAD: usize = 512;
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
    history: History,
    pub(super) subscribers: Arc<Subscribers>,
    offset: Arc<AtomicI64>,
    own_clock: Clock,
    pub(super) state: watch::Sender<State>,
    /// Asks for a pulse now.
    pub(super) pulse: Notify,
    /// The newest entry that this node's publishers were told of.
    given: Mutex<Given>,
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
    /// What the node is called.
    pub(super) fn id(&self) -> String {
        self.id
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn given(&self) -> Given {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The engine said that this is its newest entry, in the log of this epoch.
    pub(super) fn was_given(&self, epoch: Epoch, place: Given) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if self.log.epoch() == epoch {
            *given = (*given).max(place);
        }
    }

    fn forget_given(&self) {
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
    asked: Option<Instant>,
    /// Why the engine does not answer, or refuses.
    pub(crate) trouble: Option<String>,
}

/// The shared log as a pulse found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shared {
    pub(super) epoch: Epoch,
    base: u64,
    head: u64,
    floor: u64,
    lineage: u64,
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

    pub(crate) fn state(&self) -> State {
        self.common.state.borrow().clone()
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
        let pulse = Pulse {
            common: self.common.clone(),
            engine: calls.clone(),
            heads: VecDeque::new(),
            random: fastrand::Rng::new(),
            process: format!("{:08x}", fastrand::u32(..)),
        };
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
        if self.import {
            super::import::import(&self.common, &calls)
                .await
                .map_err(|why| HubError::NotImported { why })?;
        }
        let replica = Replica::connect(&self.backplane, self.access.clone())?;
        let mut replica: Replicating = Box::pin(replica.run());
        if let Some(sharing) = self.access.sharing() {
            // Before it listens somewhere it should know the tokens of the others.
            tokio::select! {
                _ = &mut replica => {}
                _ = tokio::time::timeout(JOINING, sharing.joined()) => {}
            }
        }
        Ok((calls, reads, replica))
    }
}

/// Never ends by itself.
type Replicating = Pin<Box<dyn Future<Output = Infallible>>>;

/// Loads the functions where there are none, or older ones. Newer ones do what
/// these do: nodes are updated one after another.
async fn update(engine: &Engine) -> Result<(), Failed> {
    let version = function(engine, "feedbell_version", Vec::new()).await?;
    match wire::number::<i64>(&version) {
        Some(version) if version >= VERSION => Ok(()),
        _ => engine.load(LIBRARY).await,
    }
}

/// Calls one of the functions; loads them where they are missing.
pub(super) async fn function(
    engine: &Engine,
    name: &'static str,
    rest: Vec<Value>,
) -> Result<Value, Failed> {
    let mut call = vec![name.into(), 1.into(), engine.key("log").into()];
    call.extend(rest);
    match engine.call("FCALL", call.clone()).await {
        Err(Failed::Refused(why)) if why.contains("unction not found") => {
            engine.load(LIBRARY).await?;
            engine.call("FCALL", call).await
        }
        other => other,
    }
}

/// Tells the engine how the node is, and hears how the hub is.
struct Pulse {
    common: Arc<Common>,
    engine: Arc<Engine>,
    /// Where the shared log was, and when.
    heads: VecDeque<(Instant, u64)>,
    random: fastrand::Rng,
    /// Tells this process from others that say to be the same node.
    process: String,
}

impl Pulse {
    /// Tells `rows` how many rows the engine has of who listens here.
    async fn run(mut self, rows: watch::Sender<Option<usize>>) {
        loop {
            let is_settled = self.once(&rows).await;
            let due = self.common.due.load(Ordering::Acquire);
            let now = (self.common.clock)().as_millisecond();
            let wait = match due {
                _ if !is_settled => SOON,
                0 => PULSE,
                due => {
                    Duration::from_millis(due.saturating_sub(now).max(1).unsigned_abs()).min(PULSE)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.common.pulse.notified() => {}
            }
        }
    }

    /// Says whether there is no need to look again soon.
    async fn once(&mut self, rows: &watch::Sender<Option<usize>>) -> bool {
        if !self.common.state.borrow().connected
            && let Err(Failed::Away(why) | Failed::Refused(why)) = update(&self.engine).await
        {
            self.trouble(&why);
            return true;
        }
        let told = self.tell();
        let begun = (self.common.own_clock)();
        let sent = Instant::now();
        match function(&self.engine, "feedbell_tick", told).await {
            Ok(answer) => {
                let took = sent.elapsed();
                if let Some(heard) = self.hear(&answer, (begun.as_microsecond(), sent), took) {
                    return match heard {
                        Heard::Well { known, is_settled } => {
                            rows.send_replace(Some(known));
                            is_settled
                        }
                        Heard::Twin => {
                            self.rename().await;
                            false
                        }
                        Heard::Refused => true,
                    };
                }
                self.trouble("answers what no hub would: is another program there?");
            }
            Err(Failed::Away(why) | Failed::Refused(why)) => self.trouble(&why),
        }
        true
    }

    /// Takes another name: a process with a copy of this folder has this one, too.
    async fn rename(&mut self) {
        let name = format!("{:08x}", self.random.u32(..));
        tracing::error!(
            old = self.common.id(),
            new = name,
            "another process says to be this node, as its data folder is a copy: it gets a name of its own"
        );
        if let Err(error) = self.common.log.follow(Step::Rename(name.clone())).await {
            tracing::error!(%error, "the node's name could not be written");
        }
        *self
            .common
            .id
            .write()
            .unwrap_or_else(PoisonError::into_inner) = name;
    }

    fn tell(&mut self) -> Vec<Value> {
        let Common {
            log,
            history,
            subscribers,
            ..
        } = &*self.common;
        // Before the extent: with another epoch it is another number.
        let given = self.common.given();
        let Extent {
            epoch,
            head,
            origin,
            ..
        } = log.extent();
        let (mut said, mut base, mut known, mut lineage) = Default::default();
        if let Some(origin) = origin {
            said = epoch.to_string();
            base = origin.base;
            lineage = format!("{:015x}", origin.lineage);
            let own = Given {
                seq: head,
                micros: origin.micros,
            };
            known = own.max(given);
        }
        let reached = if origin.is_some() { head } else { 0 };
        let age = history.age.as_millis().min(u128::from(u64::MAX >> 12));
        vec![
            self.common.id().into(),
            said.into(),
            base.to_string().into(),
            known.seq.to_string().into(),
            reached.to_string().into(),
            known.micros.to_string().into(),
            history.events.to_string().into(),
            age.to_string().into(),
            history.bytes.to_string().into(),
            subscribers.count().to_string().into(),
            Epoch::random(&mut self.random).to_string().into(),
            lineage.into(),
            self.process.clone().into(),
        ]
    }

    /// `None` for an answer without sense.
    fn hear(
        &mut self,
        answer: &Value,
        (begun, sent): (i64, Instant),
        took: Duration,
    ) -> Option<Heard> {
        let [
            state,
            epoch,
            base,
            head,
            floor,
            time,
            due,
            why,
            orders,
            nodes,
            rows,
            lineage,
        ] = wire::array(answer)?
        else {
            return None;
        };
        let is_open = match wire::text(state)? {
            "ok" => true,
            "wait" => false,
            "twin" => return Some(Heard::Twin),
            refused => {
                self.trouble(match refused {
                    "importing" => {
                        "has a history imported by another node, or that was not finished"
                    }
                    "foreign" => {
                        "has another hub than the one of which this data folder has a copy: \
                         choose another data folder, or another prefix"
                    }
                    _ => return None,
                });
                return Some(Heard::Refused);
            }
        };
        let shared = Shared {
            epoch: wire::text(epoch)?.parse().ok()?,
            base: wire::number(base)?,
            head: wire::number(head)?,
            floor: wire::number(floor)?,
            lineage: u64::from_str_radix(wire::text(lineage)?, 16).ok()?,
        };
        self.set_clock(wire::number(time)?, begun, took);
        let common = &self.common;
        common
            .due
            .store(wire::number(due).unwrap_or(0), Ordering::Release);
        report(wire::text(why)?, shared.epoch);
        let nodes = wire::array(nodes)?.chunks_exact(3).map(|node| {
            Some(Member {
                id: wire::text(&node[0])?.to_owned(),
                reached: match wire::number(&node[1])? {
                    0 => None,
                    seq => Some(Position {
                        epoch: shared.epoch,
                        seq,
                    }),
                },
                subscribers: wire::number(&node[2])?,
            })
        });
        let nodes = nodes.collect::<Option<Vec<_>>>()?;
        let now = Instant::now();
        let is_new = common
            .state
            .borrow()
            .shared
            .is_none_or(|before| before.epoch != shared.epoch);
        if is_new {
            self.heads.clear();
        }
        self.heads.push_back((now, shared.head));
        while self.heads.len() > 1 && self.heads[1].0 + LAGS <= now {
            self.heads.pop_front();
        }
        let goal = self.heads.front().map_or(shared.head, |(_, head)| *head);
        let own = common.log.extent();
        let reached = own.origin.is_some() && own.epoch == shared.epoch && own.head >= goal;
        common.state.send_modify(|state| {
            if !state.connected {
                tracing::info!(epoch = %shared.epoch, head = shared.head, "the backplane answers");
            }
            *state = State {
                connected: true,
                open: is_open,
                ready: reached,
                shared: Some(shared),
                nodes,
                asked: Some(sent),
                trouble: None,
            };
        });
        for order in wire::array(orders)? {
            presence::obey(common, order);
        }
        Some(Heard::Well {
            known: wire::number(rows)?,
            is_settled: is_open && reached,
        })
    }

    /// The engine's time was `time` between `begun` and `took` later.
    fn set_clock(&self, time: i64, begun: i64, took: Duration) {
        let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        let offset = time.saturating_sub(begun.saturating_add(took / 2));
        let before = self.common.offset.load(Ordering::Relaxed);
        // Within what the measurement is worth, the clock stays as it is.
        if offset.abs_diff(before) > took.unsigned_abs() {
            self.common.offset.store(offset, Ordering::Relaxed);
        }
    }

    fn trouble(&self, why: &str) {
        self.common.state.send_modify(|state| {
            if state.connected || state.trouble.as_deref() != Some(why) {
                tracing::warn!(
                    engine = self.engine.address(),
                    why,
                    "the backplane does not answer"
                );
            }
            state.connected = false;
            state.open = false;
            state.trouble = Some(why.to_owned());
        });
    }
}

/// What the engine said to a pulse.
enum Heard {
    Well {
        /// How many rows it has of who listens here.
        known: usize,
        /// Whether there is no need to look again soon.
        is_settled: bool,
    },
    /// Another process says to be this node.
    Twin,
    Refused,
}

/// Says loudly why there is a new epoch, where this node began it.
fn report(why: &str, epoch: Epoch) {
    let why = match why {
        "empty" => "the engine has lost the log",
        "older" => "the engine has an older state of the log than this node has seen",
        "overtaken" => "the engine's log was begun anew behind this node's",
        "mixed" => "another program has written into the log",
        "missing" => {
            "the engine was restarted, and a node that may know more of the log than it does is missing"
        }
        _ => return,
    };
    tracing::error!(%epoch, why, "the hub begins a new epoch: its subscribers are told of a gap");
}

/// Copies the shared log, for ever.
async fn tail(common: &Common, engine: &Engine) {
    let mut state = common.state.subscribe();
    loop {
        let shared = state.borrow_and_update().shared;
        let Some(shared) = shared else {
            if state.changed().await.is_err() {
                return;
            }
            continue;
        };
        if let Err(error) = follow(common, engine, shared, &mut state).await {
            tracing::error!(%error, "the copy of the log could not be written");
            tokio::time::sleep(PULSE).await;
        }
    }
}

/// Copies the log of one epoch, until there may be another.
async fn follow(
    common: &Common,
    engine: &Engine,
    shared: Shared,
    state: &mut watch::Receiver<State>,
) -> Result<(), HubError> {
    let log = &common.log;
    let own = log.extent();
    if own.origin.is_none() || own.epoch != shared.epoch {
        if own.origin.is_some() {
            tracing::error!(
                old = %own.epoch, new = %shared.epoch,
                "the hub has a new epoch: what this node has of the old one is given up"
            );
        }
        common.forget_given();
        let step = Step::Anew {
            epoch: shared.epoch,
            base: shared.base,
            lineage: shared.lineage,
            after: shared.floor,
        };
        log.follow(step).await?;
        common.pulse.notify_one();
    }
    let mut count = FIRST_READ;
    let mut behind = 0;
    // Where an entry lies that is none of ours, if nothing is behind it yet.
    let mut passed: Option<String> = None;
    loop {
        let after = passed.clone();
        let arguments = vec![
            "COUNT".into(),
            count.to_string().into(),
            "BLOCK".into(),
            READ.as_millis().to_string().into(),
            "STREAMS".into(),
            engine.key("log").into(),
            after.unwrap_or_else(|| wire::stream_id(log.head())).into(),
        ];
        let read = tokio::select! {
            read = engine.block(READ, "XREAD", arguments) => read,
            () = changes(state, shared.epoch) => return Ok(()),
        };
        let read = match read {
            Ok(read) => read,
            Err(Failed::Away(why) | Failed::Refused(why)) => {
                tracing::debug!(why, "the log is not read");
                common.pulse.notify_one();
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // After a failover one connection may still lead to the engine of before.
        let is_behind = wire::entries(&read).is_empty()
            && state
                .borrow()
                .shared
                .is_some_and(|shared| shared.head > log.head());
        behind = if is_behind { behind + 1 } else { 0 };
        if behind > MOST_BEHIND {
            tracing::warn!("nothing new is read where something is: connecting anew");
            engine.reconnect().await;
            behind = 0;
        }
        let mut events: Vec<Copied> = Vec::new();
        let mut is_other = false;
        for value in wire::entries(&read) {
            let Some(entry) = wire::entry(value) else {
                tracing::error!(entry = ?value, "the log has an entry that is none of ours");
                passed = wire::place(value).map(str::to_owned);
                continue;
            };
            passed = None;
            if entry.epoch != shared.epoch {
                is_other = true;
                break;
            }
            events.push(entry.event);
        }
        let head = log.head();
        if let Some(first) = events.first()
            && first.seq > head + 1
        {
            // A history that was imported has holes of its own; what was cut from
            // the log lies below its floor.
            let field = vec![engine.key("hub").into(), "floor".into()];
            let floor = match engine.call("HGET", field).await {
                Ok(floor) => wire::number::<u64>(&floor).unwrap_or(0),
                Err(Failed::Away(why) | Failed::Refused(why)) => {
                    tracing::debug!(why, "where the log begins is not known");
                    continue;
                }
            };
            if floor > head {
                let missing = first.seq - head - 1;
                tracing::error!(
                    missing,
                    "the log was cut before this node had read it: a gap"
                );
                let cut = floor.min(first.seq - 1);
                log.follow(Step::Cut(cut)).await?;
            }
        }
        if !events.is_empty() {
            let bytes: usize = events.iter().map(|one| one.publication.data.len()).sum();
            let each = bytes / events.len() + OVERHEAD;
            count = (READ_BYTES / each).clamp(1, MOST_READ);
            log.follow(Step::Events(events)).await?;
        }
        if is_other {
            common.pulse.notify_one();
            let known =
                state.wait_for(|state| state.shared.is_some_and(|now| now.epoch != shared.epoch));
            // Wrong once, it is looked at again.
            let _ = tokio::time::timeout(PULSE, known).await;
            return Ok(());
        }
    }
}

/// Until the hub has another epoch.
async fn changes(state: &mut watch::Receiver<State>, epoch: Epoch) {
    let other = state.wait_for(|state| state.shared.is_some_and(|now| now.epoch != epoch));
    if other.await.is_err() {
        std::future::pending::<()>().await;
    }
}
