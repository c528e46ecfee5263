//! One subscription that stays alive: a task that connects, hands over what
//! comes, and decides when to connect again.

use std::{
    future::{poll_fn, ready},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use eventsource_client::{BoxStream, Client, ClientBuilder, ReconnectOptions, SSE};
use futures::FutureExt as _;
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    backoff::{Backoff, Ended},
    client::Http,
    config::{FeedConfig, GiveUp, without_secrets},
    rhythm::Rhythm,
    transport::{Aside, Attempt, lock},
    trouble::{End, Excess, StopReason, Trouble},
};

/// Updates that may wait for the receiver. Beyond it the task waits, and with
/// it, through TCP, the server.
const QUEUE: usize = 32;
/// Bytes of an event that one place in the queue stands for.
const PLACE: usize = 128 << 10;
/// Updates that a connection may still bring once another is asked for.
const HANDED_OVER: u32 = 1000;
/// No server is polled more often.
const LEAST_POLL: Duration = Duration::from_secs(1);
/// A connection that held this long was good, even without an event.
const GOOD_AFTER: Duration = Duration::from_secs(5);

/// What a feed reports, in the order in which it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedUpdate {
    /// The connection's state changed. `Live` comes before the first event.
    State(State),
    /// An event.
    Event(Event),
    /// The last event id changed without an event.
    LastEventId(String),
    /// An event over the [`Limits`](crate::Limits) was left out.
    Skipped {
        /// What was too long.
        what: Excess,
        /// The limit in bytes.
        limit: usize,
        /// The last event id as it stands after it.
        last_event_id: String,
    },
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; `message` if the server gave none.
    pub name: String,
    /// Its data lines, joined with line feeds.
    pub data: String,
    /// Whether its own block carried the last event id.
    pub has_own_id: bool,
    /// The last event id as EventSource reports it: its own, or an earlier one.
    pub last_event_id: String,
    /// The origin of the stream, redirects followed.
    pub origin: Arc<str>,
    /// The connection it came on: 1 for the first of this [`Feed`].
    pub connection: u64,
}

impl Event {
    /// The id, if its own block carried one.
    #[must_use]
    pub fn own_id(&self) -> Option<&str> {
        self.has_own_id.then_some(self.last_event_id.as_str())
    }
}

/// What the connection is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// A connection is being made.
    Connecting,
    /// The server sends its stream.
    Live {
        /// The number of this connection, as events carry it.
        connection: u64,
        /// The server was asked to resume and named another place to go on
        /// from: events in between are lost (Mercure's `Last-Event-ID` answer).
        lost: bool,
    },
    /// The next attempt comes by itself.
    Waiting {
        /// In this time.
        delay: Duration,
        /// Because of this.
        why: Trouble,
    },
    /// The server's answer was final.
    Stopped {
        /// This answer.
        why: StopReason,
        /// The feed looks again in this time, if it does so by itself.
        look_again: Option<Duration>,
    },
}

/// A subscription. Dropping it ends the task and closes the connection at once.
#[derive(Debug)]
pub struct Feed {
    shared: Arc<Shared>,
    heard: watch::Receiver<Option<SystemTime>>,
    _task: AbortOnDropHandle<()>,
}

/// What the owner may tell the task.
#[derive(Debug, Default)]
struct Shared {
    reconnect: Notify,
    woken: Notify,
    resume_from: Mutex<Option<String>>,
}

impl Shared {
    async fn asked(&self) {
        tokio::select! {
            () = self.reconnect.notified() => {}
            () = self.woken.notified() => {}
        }
    }
}

impl Feed {
    /// Starts the subscription on the current runtime. Updates end when the
    /// feed stops for good (see [`GiveUp`]); events wait in a bounded queue, and
    /// none is dropped.
    #[must_use]
    pub fn open(config: FeedConfig) -> (Self, mpsc::Receiver<FeedUpdate>) {
        let (updates, receiver) = mpsc::channel(QUEUE);
        let (heard, heard_receiver) = watch::channel(None);
        let shared = Arc::new(Shared::default());
        let keeper = Keeper {
            last_event_id: config.last_event_id.clone().unwrap_or_default(),
            config: Arc::new(config),
            shared: Arc::clone(&shared),
            updates,
            heard,
            connection: 0,
            rhythm: Arc::default(),
            backoff: Backoff::default(),
            rng: fastrand::Rng::new(),
        };
        let task: JoinHandle<()> = tokio::spawn(async move {
            // It ends when the feed stopped for good or nobody listens.
            let _ = keeper.run().await;
        });
        let feed = Self {
            shared,
            heard: heard_receiver,
            _task: AbortOnDropHandle::new(task),
        };
        (feed, receiver)
    }

    /// Connects anew at once: cuts a wait short, looks again after a stop,
    /// replaces a live connection once everything it brought is handed over.
    pub fn reconnect_now(&self) {
        self.shared.reconnect.notify_one();
    }

    /// The machine woke up or its network changed: whatever is held may be dead
    /// and whatever is waited for may be there, so it connects anew at once.
    ///
    /// After an answer that asked to stay away it does.
    pub fn woken(&self) {
        self.shared.woken.notify_one();
    }

    /// For servers whose events carry no ids: the next connections ask to
    /// resume from this, in place of the last event id.
    pub fn resume_from(&self, cursor: String) {
        *lock(&self.shared.resume_from) = Some(cursor);
    }

    /// When the last byte came, comments included; `None` before the first.
    #[must_use]
    pub fn heard(&self) -> watch::Receiver<Option<SystemTime>> {
        self.heard.clone()
    }
}

/// The receiver is gone.
struct Unheard;

/// Why a connection is over.
enum Over {
    End(End),
    Asked,
}

struct Keeper {
    config: Arc<FeedConfig>,
    shared: Arc<Shared>,
    updates: mpsc::Sender<FeedUpdate>,
    heard: watch::Sender<Option<SystemTime>>,
    /// Of what was handed over, not of what was read: bytes read and thrown
    /// away with a connection must come again.
    last_event_id: String,
    connection: u64,
    /// Outlives connections: a dead one is found by what the ones before taught.
    rhythm: Arc<Mutex<Rhythm>>,
    backoff: Backoff,
    rng: fastrand::Rng,
}

impl Keeper {
    async fn run(mut self) -> Result<(), Unheard> {
        let mut http = None;
        loop {
            self.say(State::Connecting).await?;
            let aside = Arc::default();
            let began = Instant::now();
            // Whoever asked until now gets what is being made.
            let _ = self.shared.reconnect.notified().now_or_never();
            let _ = self.shared.woken.notified().now_or_never();
            let ready = match http.take() {
                Some(ready) => Ok(ready),
                None => Http::new(&self.config),
            };
            let (over, delivered) = match ready {
                Ok(ready) => self.hold(http.insert(ready), &aside).await?,
                Err(why) => (Over::End(why.into()), false),
            };
            if let Some(milliseconds) = lock(&aside).retry {
                self.backoff.set_retry(milliseconds);
            }
            let was_live = lock(&aside).opened.is_some();
            match over {
                Over::Asked => self.backoff.forgive(),
                Over::End(End::Stop(why)) => {
                    let look_again = match self.config.give_up {
                        GiveUp::Stop => return self.stopped(why, None).await,
                        GiveUp::LookAgain(after) => why.may_pass().then_some(after),
                    };
                    self.stopped(why, look_again).await?;
                    self.rest(look_again, look_again.is_some()).await;
                    // Certificate files may have changed meanwhile.
                    http = None;
                }
                Over::End(End::Again(why)) => {
                    let held = was_live && began.elapsed() >= GOOD_AFTER;
                    let ended = Ended {
                        good: (held || delivered) && !matches!(why, Trouble::EndlessLine { .. }),
                        local: matches!(why, Trouble::Silent { .. }),
                        retry_after: match why {
                            Trouble::Status { retry_after, .. } => retry_after,
                            _ => None,
                        },
                    };
                    let now = Instant::now().into_std();
                    let delay = match self.config.poll {
                        Some(every) if why == Trouble::Ended => {
                            self.backoff.forgive();
                            every.max(LEAST_POLL)
                        }
                        _ => self.backoff.next_delay(ended, now, &mut self.rng),
                    };
                    tracing::info!(
                        feed = without_secrets(&self.config.url),
                        ?delay,
                        "waiting: {why}"
                    );
                    self.say(State::Waiting { delay, why }).await?;
                    self.rest(Some(delay), true).await;
                }
            }
        }
    }

    /// Holds one connection until it is over; also tells whether it delivered.
    async fn hold(
        &mut self,
        http: &Http,
        aside: &Arc<Mutex<Aside>>,
    ) -> Result<(Over, bool), Unheard> {
        let mut delivered = false;
        let given = lock(&self.shared.resume_from).clone();
        let attempt = Attempt {
            http: http.clone(),
            config: Arc::clone(&self.config),
            resume_from: Some(given.unwrap_or_else(|| self.last_event_id.clone())),
            last_event_id: self.last_event_id.clone(),
            aside: Arc::clone(aside),
            heard: self.heard.clone(),
            rhythm: Arc::clone(&self.rhythm),
        };
        let mut stream = match stream(attempt) {
            Ok(stream) => stream,
            Err(why) => return Ok((Over::End(why.into()), delivered)),
        };
        let shared = Arc::clone(&self.shared);
        // Whatever came is handed over first, also when we are asked to
        // reconnect: up to a limit, as some streams never pause.
        let mut left = None;
        // Made once: for each event it would cost more than the event.
        let mut asked = pin!(shared.asked());
        let over = loop {
            let next = tokio::select! {
                biased;
                next = poll_fn(|cx| poll_next(&mut stream, aside, cx)), if left != Some(0) => next,
                () = &mut asked, if left.is_none() => {
                    left = Some(HANDED_OVER);
                    continue;
                }
                () = ready(()), if left.is_some() => break Over::Asked,
            };
            left = left.map(|left: u32| left.saturating_sub(1));
            match next {
                Next::Opened => {
                    self.connection += 1;
                    let connection = self.connection;
                    let lost = lock(aside).lost;
                    self.say(State::Live { connection, lost }).await?;
                }
                Next::Event(event) => {
                    let (event, skipped) = {
                        let aside = lock(aside);
                        let event = to_event(event, &aside, self.connection);
                        (event, aside.skipped.is_some())
                    };
                    if skipped {
                        self.note_skipped(aside).await?;
                    }
                    delivered = true;
                    let stop = self.config.stop_on.contains(&event.name);
                    let why = stop.then(|| StopReason::StopOn(event.name.clone()));
                    let room = room(&self.updates, event.data.len()).await?;
                    self.last_event_id.clone_from(&event.last_event_id);
                    room.send(FeedUpdate::Event(event));
                    if let Some(why) = why {
                        break Over::End(why.into());
                    }
                }
                Next::Id(id) => {
                    self.note_skipped(aside).await?;
                    self.note_id(id).await?;
                }
                Next::Skipped => self.note_skipped(aside).await?,
                Next::End(end) => break Over::End(end),
            }
        };
        drop(stream);
        self.note_skipped(aside).await?;
        let left_over = lock(aside).id.take();
        if let Some(id) = left_over {
            self.note_id(id).await?;
        }
        Ok((over, delivered))
    }

    async fn note_id(&mut self, id: String) -> Result<(), Unheard> {
        if id != self.last_event_id {
            self.hand_over(FeedUpdate::LastEventId(id.clone())).await?;
            self.last_event_id = id;
        }
        Ok(())
    }

    async fn note_skipped(&mut self, aside: &Mutex<Aside>) -> Result<(), Unheard> {
        let Some((what, id)) = lock(aside).skipped.take() else {
            return Ok(());
        };
        let last_event_id = id.unwrap_or_else(|| self.last_event_id.clone());
        self.hand_over(FeedUpdate::Skipped {
            what,
            limit: match what {
                Excess::Line => self.config.limits.line,
                Excess::Event => self.config.limits.event,
            },
            last_event_id: last_event_id.clone(),
        })
        .await?;
        self.last_event_id = last_event_id;
        Ok(())
    }

    /// Until the time is over or somebody asks; `waking` also cuts it short.
    async fn rest(&mut self, time: Option<Duration>, waking: bool) {
        let asked = tokio::select! {
            () = sleep(time.unwrap_or_default()), if time.is_some() => false,
            () = self.shared.reconnect.notified() => true,
            () = self.shared.woken.notified(), if waking => true,
        };
        if asked {
            self.backoff.forgive();
        }
    }

    async fn stopped(&self, why: StopReason, look_again: Option<Duration>) -> Result<(), Unheard> {
        tracing::info!(feed = without_secrets(&self.config.url), "stopped: {why}");
        self.say(State::Stopped { why, look_again }).await
    }

    async fn say(&self, state: State) -> Result<(), Unheard> {
        self.hand_over(FeedUpdate::State(state)).await
    }

    async fn hand_over(&self, update: FeedUpdate) -> Result<(), Unheard> {
        room(&self.updates, 0).await?.send(update);
        Ok(())
    }
}

/// A place in the queue for this many bytes. The larger an event, the fewer may
/// be queued before it: the queue is bounded in bytes too.
async fn room(
    updates: &mpsc::Sender<FeedUpdate>,
    size: usize,
) -> Result<mpsc::Permit<'_, FeedUpdate>, Unheard> {
    if size > PLACE {
        let queued = QUEUE / (size / PLACE).min(QUEUE);
        let places = QUEUE - queued + 1;
        drop(updates.reserve_many(places).await.map_err(|_| Unheard)?);
    }
    // Without waiting, which costs more, if there is one.
    match updates.try_reserve() {
        Ok(room) => Ok(room),
        Err(_) => updates.reserve().await.map_err(|_| Unheard),
    }
}

pub(crate) enum Next {
    Opened,
    Event(eventsource_client::Event),
    Id(String),
    Skipped,
    End(End),
}

/// A client of one attempt: it neither retries nor reconnects. Mends: the
/// crate's waits go below `retry` and double after clean ends, and an error on
/// the very first connection closes its stream.
pub(crate) fn stream(
    attempt: Attempt,
) -> Result<BoxStream<eventsource_client::Result<SSE>>, StopReason> {
    let client = ClientBuilder::for_url(attempt.config.url.as_str())
        .map_err(|error| StopReason::BadAddress {
            detail: error.to_string(),
        })?
        .reconnect(ReconnectOptions::reconnect(false).build())
        .redirect_limit(0)
        .build_with_transport(attempt);
    Ok(client.stream())
}

pub(crate) fn to_event(event: eventsource_client::Event, aside: &Aside, connection: u64) -> Event {
    // The parser keeps it from block to block, as the standard says.
    let last_event_id = event.id.unwrap_or_default();
    let opened = aside.opened.as_ref();
    Event {
        name: event.event_type,
        data: event.data,
        has_own_id: aside.own_id,
        last_event_id,
        origin: opened.map_or_else(|| "".into(), |opened| Arc::clone(&opened.origin)),
        connection,
    }
}

pub(crate) fn poll_next(
    stream: &mut BoxStream<eventsource_client::Result<SSE>>,
    aside: &Mutex<Aside>,
    cx: &mut Context<'_>,
) -> Poll<Next> {
    use eventsource_client::Error;
    loop {
        let Poll::Ready(item) = Pin::as_mut(stream).poll_next(cx) else {
            // What the transport learned meanwhile woke this very task.
            let mut aside = lock(aside);
            if aside.skipped.is_some() {
                return Poll::Ready(Next::Skipped);
            }
            return match aside.id.take() {
                Some(id) => Poll::Ready(Next::Id(id)),
                None => Poll::Pending,
            };
        };
        return Poll::Ready(match item {
            Some(Ok(SSE::Connected(_))) => Next::Opened,
            Some(Ok(SSE::Event(event))) => Next::Event(event),
            Some(Ok(SSE::Comment(_))) => continue,
            Some(Err(Error::Transport(error))) => {
                Next::End(match error.inner().downcast_ref::<End>() {
                    Some(end) => end.clone(),
                    None => broken(&error),
                })
            }
            Some(Err(Error::Eof | Error::UnexpectedEof)) | None => Next::End(Trouble::Ended.into()),
            Some(Err(other)) => Next::End(broken(&other)),
        });
    }
}

fn broken(error: &dyn std::error::Error) -> End {
    let detail = error.to_string();
    Trouble::Broken { detail }.into()
}
