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

mod connection;
mod desk;

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use mio::{Events, Poll, Token, Waker};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::record::View;
use crate::subscription::Subscription;
use crate::window::Page;
use crate::{Hub, HubError};
use desk::Desk;

/// Deliveries that a publisher makes itself: a thread switch costs more than some.
const FEW: usize = 64;
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
