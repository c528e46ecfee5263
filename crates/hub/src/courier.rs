//! Carries the plain streams of HTTP/1.1 without a task, a timer or a buffer for
//! each: one thread, one readiness loop, one cursor in the log per socket.
//!
//! A socket comes here once its request was routed, authorised and answered by
//! the ordinary path. A subscriber that has got everything is *live*: what is
//! new is written to it straight from the log, as many events as there are with
//! one call. One whose socket is full is *behind*: it has a cursor of its own
//! and walks along the log, as the ordinary path does, until it is live again.
//!
//! # Invariants
//!
//! * `reached` is the place of all live subscribers: up to there each has in its
//!   socket what is for it, and nothing of what comes later.
//! * A write ends within an event or after it. What is left of that one event is
//!   kept, and the cursor stands behind it.
//! * Whoever holds the lock may deliver: the loop, or the publisher of something
//!   for a few. Both go by `reached`, so the order is that of the log.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::mem;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slab::Slab;
use smallvec::SmallVec;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::handover::{LAST_CHUNK, MOST_HEARD};
use crate::log::Tail;
use crate::metrics::Metrics;
use crate::publication::{Address, Audience};
use crate::record::View;
use crate::subscribers::Cut;
use crate::subscription::{LONGEST, Listener, Subscription};
use crate::window::{Entry, Page, put_chunk};
use crate::{Hub, HubError};

/// Most that one write to a live subscriber has, but for the event that passes
/// it.
const BATCH: usize = 256 * 1024;
/// Batches that are delivered before the loop looks at its sockets again.
const BATCHES: usize = 4;
/// Deliveries that a publisher makes itself: a thread switch costs more than some.
const FEW: usize = 64;
/// Bytes that a publisher looks at for that.
const FEW_BYTES: usize = 32 * 1024;
/// Pages that those who are behind walk along the log before the others are
/// looked at again, and that one of them does.
const PAGES: usize = 64;
const PAGES_EACH: usize = 16;
/// How long a stream that is over is still read: see the ordinary path.
const LINGER: Duration = Duration::from_millis(300);
/// What the waker's events are known by; sockets have smaller numbers.
const WAKER: Token = Token(usize::MAX);

/// The handle of one loop.
pub(crate) struct Courier {
    desk: Mutex<Desk>,
    inbox: Mutex<Inbox>,
    waker: Waker,
    /// Whether the loop will look into its inbox and at the log.
    woken: AtomicBool,
    /// Wakes the clerk.
    soon: Notify,
    /// A copy of the desk's.
    reached: AtomicU64,
}

/// What others leave for the loop.
#[derive(Default)]
struct Inbox {
    arrivals: Vec<Arrival>,
    /// Numbers of places.
    cuts: Vec<u64>,
    /// What was read from disk, and for whom.
    pages: Vec<(Carried, Result<Page, HubError>)>,
    /// Whether the loop is over.
    closed: bool,
}

/// A socket whose head and opening are written.
pub(crate) struct Arrival {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) subscription: Box<Subscription>,
    /// Held for as long as the connection is open.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

/// One connection of the desk; keys are used again, places are not.
#[derive(Clone, Copy)]
struct Carried {
    key: usize,
    place: u64,
}

/// A page of history that is not in memory.
struct Wanted {
    carried: Carried,
    view: View,
    cursor: u64,
}

/// A courier at work.
pub(crate) struct Carrying {
    pub(crate) courier: Arc<Courier>,
    over: oneshot::Receiver<()>,
    clerk: AbortOnDropHandle<()>,
}

impl Carrying {
    /// Waits until its loop, which is told to stop, is over. Then nothing of it
    /// holds the hub any more.
    pub(crate) async fn end(self) {
        // An error means that it is over, too.
        let _ = self.over.await;
        self.clerk.abort();
        let _ = self.clerk.await;
    }
}

impl Courier {
    /// Starts a loop that carries streams until `stop`, and a little longer.
    pub(crate) fn start(
        hub: &Hub,
        stop: CancellationToken,
        grace: Duration,
    ) -> io::Result<Carrying> {
        let poll = Poll::new()?;
        let (wanted, wants) = mpsc::unbounded_channel();
        let desk = Desk::new(hub, poll.registry().try_clone()?, wanted);
        let courier = Arc::new(Self {
            reached: AtomicU64::new(desk.reached),
            desk: Mutex::new(desk),
            inbox: Mutex::default(),
            waker: Waker::new(poll.registry(), WAKER)?,
            woken: AtomicBool::new(false),
            soon: Notify::new(),
        });
        let (done, over) = oneshot::channel();
        let rounds = Rounds {
            courier: courier.clone(),
            poll,
            stop,
            grace,
        };
        std::thread::Builder::new()
            .name("hub-courier".to_owned())
            .spawn(move || {
                rounds.run();
                let _ = done.send(());
            })?;
        let clerk = tokio::spawn(courier.clone().assist(hub.clone(), wants));
        hub.log().tells(&courier);
        Ok(Carrying {
            courier,
            over,
            clerk: AbortOnDropHandle::new(clerk),
        })
    }

    /// Takes a stream over; one that takes none any more gives it back.
    pub(crate) fn carry(self: &Arc<Self>, arrival: Box<Arrival>) -> Result<(), Box<Arrival>> {
        let Some(mut desk) = self.free_desk() else {
            let mut inbox = self.inbox();
            if inbox.closed {
                return Err(arrival);
            }
            inbox.arrivals.push(*arrival);
            drop(inbox);
            self.wake();
            return Ok(());
        };
        if desk.stopping {
            return Err(arrival);
        }
        // Where the loop sleeps, it can sleep on.
        let now = Instant::now();
        self.deliver(&mut desk, FEW);
        if let Some(key) = desk.admit(self, *arrival, now) {
            desk.walk(key, 1, now);
        }
        self.leave(desk);
        Ok(())
    }

    /// Ends the stream with this place.
    pub(crate) fn cut(&self, place: u64) {
        self.inbox().cuts.push(place);
        self.wake();
    }

    /// There is something new in the log. What is for a few is on its way when
    /// this returns, unless the loop is at it already.
    pub(crate) fn tell(&self) {
        self.tell_few();
    }

    /// Whether it was for a few.
    fn tell_few(&self) -> bool {
        if let Some(mut desk) = self.free_desk()
            && self.deliver(&mut desk, FEW)
        {
            self.leave(desk);
            return true;
        }
        self.wake();
        false
    }

    /// The same, once the tasks that are ready now have had their turn: what they
    /// publish goes out together with this.
    pub(crate) fn tell_soon(&self) {
        self.soon.notify_one();
    }

    /// What the loop would have to wait for: a task of the runtime, which alone
    /// has the hub.
    async fn assist(self: Arc<Self>, hub: Hub, mut wants: mpsc::UnboundedReceiver<Wanted>) {
        let mut reads = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = self.soon.notified() => {
                    tokio::task::yield_now().await;
                    if !self.tell_few() {
                        // Where there is one core for both, the loop goes first:
                        // publishers would run ahead of it until they have done.
                        std::thread::yield_now();
                    }
                }
                // Each connection wants one at a time.
                Some(Wanted { carried, view, cursor }) = wants.recv() => {
                    let hub = &hub;
                    reads.push(async move { (carried, hub.log().read(&view, cursor).await) });
                }
                Some(read) = reads.next() => {
                    self.inbox().pages.push(read);
                    self.wake();
                }
            }
        }
    }

    /// Up to where live subscribers have what is for them.
    pub(crate) fn reached(&self) -> u64 {
        self.reached.load(Ordering::Acquire)
    }

    /// Makes the loop look at everything there is.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "the courier cannot be woken");
        }
    }

    /// Delivers what is new to all live subscribers, if those are not more than
    /// `most`; whether it was.
    fn deliver(&self, desk: &mut Desk, most: usize) -> bool {
        let all = desk.deliver(most);
        self.reached.store(desk.reached, Ordering::Release);
        all
    }

    /// Leaves the desk to the loop, which sleeps on if it may.
    fn leave(&self, desk: MutexGuard<'_, Desk>) {
        let sleeps_on = desk.turns.is_empty()
            && desk
                .next_sweep
                .is_none_or(|next| desk.alarm.is_some_and(|alarm| alarm <= next));
        drop(desk);
        if !sleeps_on {
            self.wake();
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The desk, unless somebody is at it. Who finds none wakes the loop, which
    /// looks again.
    fn free_desk(&self) -> Option<MutexGuard<'_, Desk>> {
        match self.desk.try_lock() {
            Ok(desk) => Some(desk),
            Err(TryLockError::Poisoned(desk)) => Some(desk.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The loop.
struct Rounds {
    courier: Arc<Courier>,
    poll: Poll,
    stop: CancellationToken,
    grace: Duration,
}

impl Rounds {
    fn run(mut self) {
        let mut events = Events::with_capacity(1024);
        let mut patience = None;
        let mut until = None;
        loop {
            if let Err(error) = self.poll.poll(&mut events, patience)
                && error.kind() != io::ErrorKind::Interrupted
            {
                // Without it nobody would hear anything any more: all come back.
                tracing::error!(%error, "the courier gives up");
                break;
            }
            // Before looking: who comes later wakes again.
            self.courier.woken.store(false, Ordering::Release);
            let now = Instant::now();
            let mut desk = self.courier.desk();
            for event in &events {
                if event.token() != WAKER {
                    desk.ready(event.token().0, event.is_readable(), now);
                }
            }
            if !self.courier.deliver(&mut desk, usize::MAX) {
                self.courier.wake();
            }
            self.look_into_inbox(&mut desk, now);
            desk.take_turns(now);
            desk.sweep(now);
            if self.stop.is_cancelled() {
                desk.stopping = true;
                desk.end_all(now);
                let until = *until.get_or_insert(now + self.grace);
                if desk.is_empty() || until <= now {
                    break;
                }
            }
            patience = desk.patience(until);
        }
    }

    fn look_into_inbox(&self, desk: &mut Desk, now: Instant) {
        let (arrivals, cuts, pages) = {
            let mut inbox = self.courier.inbox();
            (
                mem::take(&mut inbox.arrivals),
                mem::take(&mut inbox.cuts),
                mem::take(&mut inbox.pages),
            )
        };
        for arrival in arrivals {
            if let Some(key) = desk.admit(&self.courier, arrival, now) {
                desk.queue(key);
            }
        }
        for (carried, page) in pages {
            desk.has_read(carried, page, now);
        }
        if !cuts.is_empty() {
            desk.cut(&cuts, now);
        }
    }
}

/// However the loop ends, nobody is left who waits for it: subscribers come back,
/// and go on without a courier.
impl Drop for Rounds {
    fn drop(&mut self) {
        let mut desk = self.courier.desk();
        desk.stopping = true;
        self.courier.inbox().closed = true;
        if !std::thread::panicking() {
            // Who came between is not left without an end.
            let now = Instant::now();
            self.look_into_inbox(&mut desk, now);
            desk.end_all(now);
        }
        desk.clear();
    }
}

/// All connections, and how far the live ones are.
struct Desk {
    tail: Tail,
    metrics: Arc<Metrics>,
    registry: Registry,
    connections: Slab<Connection>,
    /// Whom an address reaches.
    by_address: HashMap<Address, SmallVec<[u32; 2]>>,
    /// The place in the log of all live subscribers.
    reached: u64,
    /// Connections that are behind and whose sockets may take more.
    turns: VecDeque<usize>,
    wanted: mpsc::UnboundedSender<Wanted>,
    /// When the next deadline may be over.
    next_sweep: Option<Instant>,
    /// Until when the loop sleeps if nothing happens.
    alarm: Option<Instant>,
    /// Whether no stream is taken over any more.
    stopping: bool,
    heartbeat: Duration,
    write_timeout: Duration,
    scratch: BytesMut,
    sorting: Sorting,
}

struct Connection {
    socket: TcpStream,
    state: State,
    /// Whether it waits for its turn.
    queued: bool,
    listener: Option<Listener>,
    /// The rest of an event, or of a page, that is written in part.
    rest: Box<[u8]>,
    /// How much of the rest is written.
    written: usize,
    /// Whether the loop hears of room in the socket.
    armed: bool,
    /// Since when the socket takes nothing.
    stalled: Option<Instant>,
    quiet_until: Instant,
    heard: usize,
    _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has all up to `reached`, and room for more.
    Live,
    /// Its cursor is its own.
    Behind,
    /// It is behind, and waits for a page from disk.
    Reading,
    /// The rest is the last that it gets.
    Ending,
    /// All is written; the peer's end is awaited.
    Over(Instant),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    All,
    /// So many bytes; the loop hears when there is room again.
    Part(usize),
    /// Nothing: the connection is gone.
    Gone,
}

/// New events, sorted by whom they are for. Kept, so that a delivery need not
/// ask for memory.
#[derive(Default)]
struct Sorting {
    for_all: Vec<u32>,
    /// Who is named, each with the events for it, in order.
    named: Vec<(u32, u32)>,
    load: Load,
}

/// Events one after another, as chunks.
#[derive(Default)]
struct Load {
    bytes: Vec<u8>,
    /// Each event's number, and where its bytes end.
    events: Vec<(u64, usize)>,
}

impl Load {
    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(BATCH);
        self.events.clear();
    }

    fn push(&mut self, entry: &Entry) {
        self.bytes.extend_from_slice(entry.chunk());
        self.events.push((entry.seq(), self.bytes.len()));
    }
}

impl Desk {
    fn new(hub: &Hub, registry: Registry, wanted: mpsc::UnboundedSender<Wanted>) -> Self {
        let tail = hub.log().tail();
        Self {
            reached: tail.head(),
            tail,
            metrics: hub.0.metrics.clone(),
            registry,
            connections: Slab::new(),
            by_address: HashMap::new(),
            turns: VecDeque::new(),
            wanted,
            next_sweep: None,
            alarm: None,
            stopping: false,
            heartbeat: hub.config().heartbeat.min(LONGEST),
            write_timeout: hub.config().write_timeout.min(LONGEST),
            scratch: BytesMut::new(),
            sorting: Sorting::default(),
        }
    }

    fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Delivers what is new, if no part of it is for more than `most`; whether
    /// nothing is left.
    fn deliver(&mut self, most: usize) -> bool {
        let bytes = if most > FEW { BATCH } else { FEW_BYTES };
        for _ in 0..BATCHES {
            let Some(recent) = self.tail.recent(self.reached, bytes) else {
                self.fall_behind();
                return true;
            };
            if recent.scanned == self.reached {
                return true;
            }
            if !self.deliver_these(&recent.entries, most) {
                return false;
            }
            self.reached = recent.scanned;
        }
        false
    }

    /// The log went faster than this courier: each goes on by itself.
    fn fall_behind(&mut self) {
        let reached = self.reached;
        for (key, connection) in &mut self.connections {
            if connection.state == State::Live {
                connection.falls_behind(reached);
                connection.queued = true;
                self.turns.push_back(key);
            }
        }
        self.reached = self.tail.head();
    }

    fn deliver_these(&mut self, entries: &[Arc<Entry>], most: usize) -> bool {
        let now = Instant::now();
        let time = self.tail.now();
        let Sorting {
            mut for_all,
            mut named,
            mut load,
        } = mem::take(&mut self.sorting);
        for_all.clear();
        named.clear();
        for (nth, entry) in (0u32..).zip(entries) {
            let expires = entry.record.expires;
            if expires.is_some_and(|expires| expires <= time) {
                continue;
            }
            match &entry.record.to {
                Audience::Everyone => for_all.push(nth),
                Audience::Only(to) => {
                    let keys = to.iter().filter_map(|address| self.by_address.get(address));
                    named.extend(keys.flatten().map(|key| (*key, nth)));
                }
            }
        }
        let recipients = if for_all.is_empty() {
            named.len()
        } else {
            self.connections.len()
        };
        let few = recipients <= most;
        if few {
            named.sort_unstable();
            named.dedup();
            let mut delivered = 0;
            for events in named.chunk_by(|one, next| one.0 == next.0) {
                let key = events[0].0 as usize;
                let Some(connection) = self.connections.get(key) else {
                    continue;
                };
                if connection.state != State::Live {
                    continue;
                }
                load.clear();
                let mut common = for_all.iter().copied().peekable();
                for (_, nth) in events {
                    while let Some(before) = common.next_if(|common| common < nth) {
                        load.push(&entries[before as usize]);
                    }
                    load.push(&entries[*nth as usize]);
                }
                common.for_each(|nth| load.push(&entries[nth as usize]));
                delivered += self.hand(key, &load, now);
            }
            if !for_all.is_empty() {
                load.clear();
                let common = for_all.iter().map(|nth| &entries[*nth as usize]);
                common.for_each(|entry| load.push(entry));
                delivered += self.hand_to_others(&named, &load, now);
            }
            self.metrics.delivered.add(delivered);
        }
        self.sorting = Sorting {
            for_all,
            named,
            load,
        };
        few
    }

    /// Hands what is for everyone to all but those who are named: they have it.
    fn hand_to_others(&mut self, named: &[(u32, u32)], load: &Load, now: Instant) -> u64 {
        let mut delivered = 0;
        let mut named = named.iter().map(|(key, _)| *key as usize).peekable();
        for key in 0..self.connections.capacity() {
            let Some(connection) = self.connections.get(key) else {
                continue;
            };
            let mut is_named = false;
            while let Some(named) = named.next_if(|named| *named <= key) {
                is_named |= named == key;
            }
            if !is_named && connection.state == State::Live {
                delivered += self.hand(key, load, now);
            }
        }
        delivered
    }

    /// Writes new events to a live subscriber, and says how many it has now.
    fn hand(&mut self, key: usize, load: &Load, now: Instant) -> u64 {
        let reached = self.reached;
        let Some(connection) = self.connections.get_mut(key) else {
            return 0;
        };
        let Load { bytes, events } = load;
        let sent = connection.write(&self.registry, key, bytes, now);
        let Some(listener) = &mut connection.listener else {
            return 0;
        };
        match sent {
            Sent::All => {
                listener.said = events.last().map_or(listener.said, |event| event.0);
                connection.quiet_until = now + self.heartbeat;
                events.len() as u64
            }
            Sent::Part(sent) => {
                // The first that is not written to its end is begun, if anything
                // of it is.
                let whole = events.partition_point(|(_, end)| *end <= sent);
                let start = whole.checked_sub(1).map_or(0, |last| events[last].1);
                let mut handed = whole;
                if start < sent {
                    connection.rest = bytes[sent..events[whole].1].into();
                    connection.written = 0;
                    handed += 1;
                }
                let cursor = handed.checked_sub(1).map_or(reached, |last| events[last].0);
                if handed > 0 {
                    listener.said = cursor;
                }
                connection.falls_behind(cursor);
                self.look_by(now + self.write_timeout);
                handed as u64
            }
            Sent::Gone => {
                self.remove(key);
                0
            }
        }
    }

    /// A socket has something to read, or room, or neither.
    fn ready(&mut self, key: usize, readable: bool, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if readable && !connection.hear() {
            return self.remove(key);
        }
        match connection.state {
            State::Behind => self.queue(key),
            State::Reading | State::Ending => self.flush(key, now),
            State::Live | State::Over(_) => {}
        }
    }

    /// A connection that is behind gets a turn.
    fn queue(&mut self, key: usize) {
        if let Some(connection) = self.connections.get_mut(key)
            && !mem::replace(&mut connection.queued, true)
        {
            self.turns.push_back(key);
        }
    }

    /// Gives those who are behind a turn each, as far as a round may go.
    fn take_turns(&mut self, now: Instant) {
        let mut pages = PAGES;
        for _ in 0..self.turns.len() {
            if pages == 0 {
                return;
            }
            let Some(key) = self.turns.pop_front() else {
                return;
            };
            if let Some(connection) = self.connections.get_mut(key) {
                connection.queued = false;
                pages -= self.walk(key, pages.min(PAGES_EACH), now);
            }
        }
    }

    /// Walks along the log for so many pages, up to its end, or until the socket
    /// is full; says for how many.
    fn walk(&mut self, key: usize, pages: usize, now: Instant) -> usize {
        for walked in 0..pages {
            self.flush(key, now);
            let reached = self.reached;
            let Some(connection) = self.connections.get_mut(key) else {
                return walked;
            };
            let Some(listener) = &mut connection.listener else {
                return walked;
            };
            if connection.state != State::Behind || !connection.rest.is_empty() {
                return walked;
            }
            if listener.cursor == reached && listener.view.opened <= reached {
                connection.state = State::Live;
                connection.stalled = None;
                listener.seat.place().keeps_up();
                let quiet_until = connection.quiet_until;
                self.look_by(quiet_until);
                return walked;
            }
            if listener.cursor.max(listener.view.opened) > reached {
                // It has seen more of the log than the live ones.
                self.queue(key);
                return walked;
            }
            match self.tail.page(&listener.view, listener.cursor) {
                Some(page) => self.give(key, page, now),
                None => {
                    let wanted = Wanted {
                        carried: Carried {
                            key,
                            place: listener.seat.place().id,
                        },
                        view: listener.view.clone(),
                        cursor: listener.cursor,
                    };
                    connection.state = State::Reading;
                    // Without the clerk the courier is over, too.
                    let _ = self.wanted.send(wanted);
                    return walked + 1;
                }
            }
        }
        self.queue(key);
        pages
    }

    /// Writes a page to a subscriber that is behind.
    fn give(&mut self, key: usize, page: Page, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let Some(listener) = &mut connection.listener else {
            return;
        };
        let bytes = listener.advance(page);
        if !bytes.is_empty() {
            connection.quiet_until = now + self.heartbeat;
            let quiet_until = connection.quiet_until;
            self.look_by(quiet_until);
            self.send(key, |out| put_chunk(out, &bytes), now);
        }
    }

    fn has_read(&mut self, carried: Carried, page: Result<Page, HubError>, now: Instant) {
        let Carried { key, place } = carried;
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let listener = connection.listener.as_ref();
        let same = listener.is_some_and(|it| it.seat.place().id == place);
        if !same || connection.state != State::Reading {
            return;
        }
        match page {
            Ok(page) => {
                connection.state = State::Behind;
                self.give(key, page, now);
                self.queue(key);
            }
            Err(error) => {
                // The subscriber comes back with its cursor.
                tracing::warn!(%error, "a stream ends");
                self.end(key, "error", now);
            }
        }
    }

    /// Writes what is left and then what `add` adds, and keeps what does not go.
    fn send(&mut self, key: usize, add: impl FnOnce(&mut BytesMut), now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let rest = mem::take(&mut connection.rest);
        self.scratch.clear();
        self.scratch
            .extend_from_slice(rest.get(connection.written..).unwrap_or_default());
        connection.written = 0;
        add(&mut self.scratch);
        match connection.write(&self.registry, key, &self.scratch, now) {
            Sent::All => {}
            Sent::Part(sent) => {
                connection.rest = self.scratch[sent..].into();
                self.look_by(now + self.write_timeout);
            }
            Sent::Gone => self.remove(key),
        }
    }

    /// Writes what is left, if anything is.
    fn flush(&mut self, key: usize, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if !connection.rest.is_empty() {
            let rest = mem::take(&mut connection.rest);
            let left = rest.get(connection.written..).unwrap_or_default();
            match connection.write(&self.registry, key, left, now) {
                Sent::All => {
                    connection.written = 0;
                    connection.quiet_until = now + self.heartbeat;
                    let quiet_until = connection.quiet_until;
                    self.look_by(quiet_until);
                }
                Sent::Part(sent) => {
                    connection.rest = rest;
                    connection.written += sent;
                    return;
                }
                Sent::Gone => return self.remove(key),
            }
        }
        let state = self.connections.get(key).map(|it| it.state);
        if state == Some(State::Ending) {
            self.over(key, now);
        }
    }

    /// Makes place for a stream; says where, if it goes on.
    fn admit(&mut self, courier: &Arc<Courier>, arrival: Arrival, now: Instant) -> Option<usize> {
        let Arrival {
            socket,
            subscription,
            permit,
        } = arrival;
        let listener = subscription.into_listener();
        let mut socket = TcpStream::from_std(socket);
        if self.connections.len() == self.connections.capacity() {
            // Doubling would leave half of it empty.
            let more = self.connections.len() / 8;
            self.connections.reserve_exact(more.max(64));
        }
        let entry = self.connections.vacant_entry();
        let key = entry.key();
        let interest = Interest::READABLE;
        if let Err(error) = self.registry.register(&mut socket, Token(key), interest) {
            tracing::warn!(%error, "a stream ends");
            return None;
        }
        let cut = listener.seat.place().goes_by(courier);
        for address in &*listener.view.filter.addresses {
            let keys = self.by_address.entry(address.clone()).or_default();
            if keys.last() != Some(&(key as u32)) {
                keys.push(key as u32);
            }
        }
        let quiet_until = now + self.heartbeat;
        let old_at = listener.old_at;
        entry.insert(Connection {
            socket,
            state: State::Behind,
            queued: false,
            listener: Some(listener),
            rest: Box::default(),
            written: 0,
            armed: false,
            stalled: None,
            quiet_until,
            heard: 0,
            _permit: permit,
        });
        self.metrics.carried.grow();
        self.look_by(quiet_until);
        if let Some(old_at) = old_at {
            self.look_by(old_at.into_std());
        }
        if let Some(why) = cut {
            self.end(key, why.as_str(), now);
            return None;
        }
        Some(key)
    }

    fn cut(&mut self, places: &[u64], now: Instant) {
        let cut = |connection: &Connection| {
            let seat = &connection.listener.as_ref()?.seat;
            let named = places.contains(&seat.place().id);
            named.then(|| seat.is_cut().map_or("other", Cut::as_str))
        };
        let all = self.connections.iter();
        let cut: Vec<_> = all
            .filter_map(|(key, connection)| Some((key, cut(connection)?)))
            .collect();
        for (key, why) in cut {
            self.end(key, why, now);
        }
    }

    fn end_all(&mut self, now: Instant) {
        let keys: Vec<_> = self.connections.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.end(key, "shutdown", now);
        }
    }

    /// Ends a stream: after what is begun comes its end.
    fn end(&mut self, key: usize, why: &'static str, now: Instant) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let Some(listener) = &mut connection.listener else {
            return;
        };
        if connection.state == State::Ending {
            return;
        }
        connection.state = State::Ending;
        let bye = listener.bye(why);
        let end = |out: &mut BytesMut| {
            if let Some(bye) = &bye {
                put_chunk(out, bye);
            }
            out.extend_from_slice(LAST_CHUNK);
        };
        self.send(key, end, now);
        self.flush(key, now);
    }

    /// All is written: the place is free, and the peer hears that it is over.
    fn over(&mut self, key: usize, now: Instant) {
        self.forget(key);
        if let Some(connection) = self.connections.get_mut(key) {
            connection.state = State::Over(now + LINGER);
            if connection.socket.shutdown(Shutdown::Write).is_err() {
                self.connections.remove(key);
            }
        }
        self.look_by(now + LINGER);
    }

    /// What has waited too long ends; who has heard nothing for long gets a sign
    /// of life.
    fn sweep(&mut self, now: Instant) {
        if self.next_sweep.is_none_or(|next| now < next) {
            return;
        }
        enum Due {
            Gone,
            Old,
            Quiet,
        }
        let (mut next, mut due) = (None::<Instant>, Vec::new());
        let write_timeout = self.write_timeout;
        for (key, connection) in &self.connections {
            let stalled = connection.stalled.map(|since| since + write_timeout);
            let old_at = connection.listener.as_ref().and_then(|it| it.old_at);
            let deadlines = match connection.state {
                State::Over(until) => [Some((until, Due::Gone)), None, None],
                State::Ending => [stalled.map(|at| (at, Due::Gone)), None, None],
                State::Live | State::Behind | State::Reading => [
                    stalled.map(|at| (at, Due::Gone)),
                    old_at.map(|at| (at.into_std(), Due::Old)),
                    (connection.rest.is_empty()).then_some((connection.quiet_until, Due::Quiet)),
                ],
            };
            for (at, what) in deadlines.into_iter().flatten() {
                if at <= now {
                    due.push((key, what));
                    break;
                }
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        // Many deadlines lie close together; one look serves them all.
        let soonest = now + self.pause();
        self.next_sweep = next.map(|next| next.max(soonest));
        for (key, what) in due {
            match what {
                Due::Gone => self.remove(key),
                Due::Old => self.end(key, "rotation", now),
                Due::Quiet => self.sign_of_life(key, now),
            }
        }
    }

    /// How long at least between two sweeps.
    fn pause(&self) -> Duration {
        let heartbeat = self.heartbeat;
        (heartbeat / 64).clamp(Duration::from_millis(1), Duration::from_millis(250))
    }

    fn sign_of_life(&mut self, key: usize, now: Instant) {
        let reached = self.reached;
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let Some(listener) = &mut connection.listener else {
            return;
        };
        if connection.state == State::Live {
            listener.cursor = reached;
        }
        let bytes = listener.sign_of_life();
        connection.quiet_until = now + self.heartbeat;
        let quiet_until = connection.quiet_until;
        self.look_by(quiet_until);
        self.send(key, |out| put_chunk(out, &bytes), now);
        if let Some(connection) = self.connections.get_mut(key)
            && connection.state == State::Live
            && !connection.rest.is_empty()
        {
            connection.falls_behind(reached);
        }
    }

    /// Makes sure that the next sweep is not later.
    fn look_by(&mut self, at: Instant) {
        self.next_sweep = Some(self.next_sweep.map_or(at, |next| next.min(at)));
    }

    /// How long the loop may wait for something to happen.
    fn patience(&mut self, until: Option<Instant>) -> Option<Duration> {
        self.alarm = [self.next_sweep, until].into_iter().flatten().min();
        if !self.turns.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        self.alarm.map(|alarm| alarm.saturating_duration_since(now))
    }

    fn remove(&mut self, key: usize) {
        self.forget(key);
        if self.connections.contains(key) {
            self.connections.remove(key);
        }
    }

    /// Gives the place of a connection back.
    fn forget(&mut self, key: usize) {
        let connection = self.connections.get_mut(key);
        let Some(listener) = connection.and_then(|it| it.listener.take()) else {
            return;
        };
        self.metrics.carried.shrink();
        for address in &*listener.view.filter.addresses {
            let Some(keys) = self.by_address.get_mut(address) else {
                continue;
            };
            keys.retain(|own| *own as usize != key);
            if keys.is_empty() {
                self.by_address.remove(address);
            }
        }
    }

    fn clear(&mut self) {
        for key in 0..self.connections.capacity() {
            self.remove(key);
        }
        self.turns.clear();
    }
}

impl Connection {
    /// From now on it has a cursor of its own.
    fn falls_behind(&mut self, cursor: u64) {
        self.state = State::Behind;
        if let Some(listener) = &mut self.listener {
            listener.cursor = cursor;
            listener.seat.place().reaches(cursor);
        }
    }

    /// Writes until all is written or the socket is full; then the loop hears when
    /// there is room again.
    fn write(&mut self, registry: &Registry, key: usize, bytes: &[u8], now: Instant) -> Sent {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.socket.write(&bytes[sent..]) {
                Ok(0) => return Sent::Gone,
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.waits(registry, key, sent, now);
                }
                Err(_) => return Sent::Gone,
            }
        }
        self.stalled = None;
        Sent::All
    }

    fn waits(&mut self, registry: &Registry, key: usize, sent: usize, now: Instant) -> Sent {
        if sent > 0 || self.stalled.is_none() {
            self.stalled = Some(now);
        }
        if !self.armed {
            // Most never need it, and each change of it is a call to the system.
            let both = Interest::READABLE | Interest::WRITABLE;
            if registry
                .reregister(&mut self.socket, Token(key), both)
                .is_err()
            {
                return Sent::Gone;
            }
            self.armed = true;
        }
        Sent::Part(sent)
    }

    /// Reads what the peer says, which means nothing; whether it is there and
    /// says no more than it may.
    fn hear(&mut self) -> bool {
        let mut scratch = [0; 4096];
        loop {
            match self.socket.read(&mut scratch) {
                Ok(0) => return false,
                Ok(read) => {
                    self.heard += read;
                    if self.heard > MOST_HEARD {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;
    use std::thread;

    use jiff::Timestamp;

    use super::*;
    use crate::peer::Peer;
    use crate::subscribers::{Seat, Visitor};
    use crate::subscription::{Request, subscribe};
    use crate::{HubConfig, Publication, Store};

    /// One stream at a desk without a loop.
    struct Lab {
        hub: Hub,
        _poll: Poll,
        courier: Arc<Courier>,
        peer: std::net::TcpStream,
        now: Arc<AtomicI64>,
        _wants: mpsc::UnboundedReceiver<Wanted>,
    }

    impl Lab {
        async fn new(change: impl FnOnce(&mut HubConfig)) -> Self {
            let now = Arc::new(AtomicI64::new(0));
            let clock = now.clone();
            let mut config = HubConfig::new(Store::Memory);
            config.clock = Arc::new(move || {
                Timestamp::from_millisecond(clock.load(Ordering::Relaxed)).unwrap()
            });
            change(&mut config);
            let hub = Hub::open(config).unwrap();
            let poll = Poll::new().unwrap();
            let (wanted, wants) = mpsc::unbounded_channel();
            let desk = Desk::new(&hub, poll.registry().try_clone().unwrap(), wanted);
            let courier = Arc::new(Courier {
                desk: Mutex::new(desk),
                inbox: Mutex::default(),
                waker: Waker::new(poll.registry(), WAKER).unwrap(),
                woken: AtomicBool::new(false),
                soon: Notify::new(),
                reached: AtomicU64::new(0),
            });
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (socket, _) = listener.accept().unwrap();
            socket.set_nonblocking(true).unwrap();
            socket.set_nodelay(true).unwrap();
            peer.set_nonblocking(true).unwrap();
            let visitor = Visitor {
                peer: Peer::Local,
                addresses: Arc::default(),
                device: None,
                path: "/events".into(),
                token: None,
                ticket: None,
            };
            let seat = Seat::take(&hub, visitor).unwrap();
            let stop = CancellationToken::new();
            let subscription = subscribe(&hub, seat, Request::default(), stop)
                .await
                .unwrap();
            let arrival = Arrival {
                socket,
                subscription: Box::new(subscription),
                permit: None,
            };
            let at = Instant::now();
            let mut desk = courier.desk();
            let key = desk.admit(&courier, arrival, at).unwrap();
            desk.walk(key, 1, at);
            assert_eq!(desk.connections[0].state, State::Live);
            drop(desk);
            Self {
                hub,
                _poll: poll,
                courier,
                peer,
                now,
                _wants: wants,
            }
        }

        /// Fills the socket to the brim: the system moves bytes on for a while.
        fn fill(&self) {
            let mut desk = self.courier.desk();
            let socket = &mut desk.connections[0].socket;
            let mut refused = 0;
            while refused < 1000 {
                match socket.write(b"!") {
                    Ok(_) => refused = 0,
                    Err(_) => refused += 1,
                }
                thread::yield_now();
            }
        }

        /// What the peer has, but for what it was filled with.
        fn read(&mut self) -> String {
            let (mut all, mut nothing) = (Vec::new(), 0);
            while nothing < 1000 {
                let mut some = [0; 4096];
                match self.peer.read(&mut some) {
                    Ok(read) => {
                        all.extend(some[..read].iter().filter(|byte| **byte != b'!'));
                        nothing = 0;
                    }
                    Err(_) => nothing += 1,
                }
                thread::yield_now();
            }
            String::from_utf8(all).unwrap()
        }
    }

    /// A sign of life that is not written when the page from disk comes.
    #[tokio::test]
    async fn a_page_does_not_overtake_what_is_begun() {
        let mut lab = Lab::new(|_| {}).await;
        lab.fill();
        let at = Instant::now();
        let place = {
            let mut desk = lab.courier.desk();
            let connection = &mut desk.connections[0];
            connection.state = State::Reading;
            let listener = connection.listener.as_mut().unwrap();
            (listener.cursor, listener.said) = (3, 0);
            let place = listener.seat.place().id;
            desk.sign_of_life(0, at);
            assert!(!desk.connections[0].rest.is_empty());
            place
        };
        let begun = lab.read();
        assert_eq!(begun, "");
        let page = Page {
            frames: BytesMut::from(&b"data: 4\n\n"[..]),
            events: 1,
            last: Some(4),
            scanned: 4,
            floor: 0,
        };
        {
            let mut desk = lab.courier.desk();
            desk.reached = 4;
            desk.has_read(Carried { key: 0, place }, Ok(page), at);
            desk.take_turns(at);
        }
        let read = lab.read();
        let sign = read.find("\n: \n").or(read.find("\n:\n"));
        let sign = sign.unwrap_or_else(|| panic!("no sign of life in {read:?}"));
        let event = read.find("data: 4").unwrap();
        assert!(sign < event, "{read:?}");
    }

    /// What the socket had no room for is over before there is.
    #[tokio::test]
    async fn a_stream_that_wants_nothing_is_not_stalled() {
        let mut lab = Lab::new(|config| config.heartbeat = Duration::from_secs(3600)).await;
        lab.fill();
        let publication = Publication {
            ttl: Some(Duration::from_millis(10)),
            ..Publication::to_everyone("brief")
        };
        lab.hub.publish(publication).await.unwrap();
        assert!(lab.courier.deliver(&mut lab.courier.desk(), usize::MAX));
        assert_eq!(lab.courier.desk().connections[0].state, State::Behind);
        lab.now.store(1000, Ordering::Relaxed);
        assert_eq!(lab.read(), "");
        let at = Instant::now();
        let mut desk = lab.courier.desk();
        desk.ready(0, false, at);
        desk.take_turns(at);
        assert_eq!(desk.connections[0].state, State::Live);
        let later = at + desk.write_timeout;
        desk.sweep(later);
        assert!(!desk.is_empty(), "cut as stalled");
    }

    /// Signs of life go on where the socket was full for a while.
    #[tokio::test]
    async fn who_was_slow_hears_signs_of_life_again() {
        let hour = Duration::from_secs(3600);
        let heartbeat = Duration::from_secs(5);
        let mut lab = Lab::new(|config| {
            config.heartbeat = heartbeat;
            config.write_timeout = hour;
        })
        .await;
        lab.fill();
        let at = Instant::now();
        {
            let mut desk = lab.courier.desk();
            desk.sweep(at + heartbeat);
            assert!(!desk.connections[0].rest.is_empty());
            desk.sweep(at + 2 * heartbeat + Duration::from_secs(1));
        }
        assert_eq!(lab.read(), "");
        let later = at + 3 * heartbeat;
        let mut desk = lab.courier.desk();
        desk.ready(0, false, later);
        desk.take_turns(later);
        assert_eq!(desk.connections[0].state, State::Live);
        let next = desk.next_sweep.unwrap();
        assert!(next <= later + heartbeat, "{:?} late", next - later);
    }
}
