//! One subscription that stays alive: a task that connects, hands over what
//! comes, and decides when to connect again.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use eventsource_client::{BoxStream, Client, ClientBuilder, ReconnectOptions, SSE};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    backoff::{Backoff, Ended},
    config::{FeedConfig, GiveUp, without_secrets},
    transport::{Aside, Attempt, Http, lock},
    trouble::{End, StopReason, Trouble},
};

/// Updates that may wait for the receiver. Beyond it the task waits, and with
/// it, through TCP, the server.
const QUEUE: usize = 32;
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
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; `message` if the server gave none.
    pub name: String,
    /// Its data lines, joined with line feeds.
    pub data: String,
    /// The id, if its own block carried one.
    pub own_id: Option<String>,
    /// The last event id as EventSource reports it: its own, or an earlier one.
    pub last_event_id: String,
    /// The origin of the stream, redirects followed.
    pub origin: String,
    /// The connection it came on: 1 for the first of this [`Feed`].
    pub connection: u64,
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
    resume_from: Mutex<Option<String>>,
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
    pub fn woken(&self) {
        self.shared.reconnect.notify_one();
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
    backoff: Backoff,
    rng: fastrand::Rng,
}

impl Keeper {
    async fn run(mut self) -> Result<(), Unheard> {
        let http = match Http::new(&self.config) {
            Ok(http) => http,
            Err(why) => return self.stopped(why, None).await,
        };
        loop {
            self.say(State::Connecting).await?;
            let aside = Arc::default();
            let began = Instant::now();
            let (over, delivered) = self.hold(&http, &aside).await?;
            if let Some(milliseconds) = lock(&aside).retry {
                self.backoff.set_retry(milliseconds);
            }
            let was_live = lock(&aside).opened.is_some();
            match over {
                Over::Asked => {}
                Over::End(End::Stop(why)) => {
                    let look_again = match self.config.give_up {
                        GiveUp::Stop => return self.stopped(why, None).await,
                        GiveUp::LookAgain(after) => why.may_pass().then_some(after),
                    };
                    self.stopped(why, look_again).await?;
                    self.rest(look_again).await;
                }
                Over::End(End::Again(why)) => {
                    let held = was_live && began.elapsed() >= GOOD_AFTER;
                    let ended = Ended {
                        good: (held || delivered) && !matches!(why, Trouble::TooLong { .. }),
                        local: matches!(why, Trouble::Silent { .. }),
                        retry_after: match why {
                            Trouble::Status { retry_after, .. } => retry_after,
                            _ => None,
                        },
                    };
                    let now = Instant::now().into_std();
                    let delay = self.backoff.next_delay(ended, now, &mut self.rng);
                    tracing::info!(
                        feed = without_secrets(&self.config.url),
                        ?delay,
                        "waiting: {why}"
                    );
                    self.say(State::Waiting { delay, why }).await?;
                    self.rest(Some(delay)).await;
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
        };
        let mut stream = match stream(attempt) {
            Ok(stream) => stream,
            Err(why) => return Ok((Over::End(why.into()), delivered)),
        };
        let shared = Arc::clone(&self.shared);
        let over = loop {
            let next = tokio::select! {
                // Whatever came is handed over first, also when we are asked
                // to reconnect.
                biased;
                next = poll_fn(|cx| poll_next(&mut stream, aside, cx)) => next,
                () = shared.reconnect.notified() => break Over::Asked,
            };
            match next {
                Next::Opened => {
                    self.connection += 1;
                    let connection = self.connection;
                    let lost = lock(aside).lost;
                    self.say(State::Live { connection, lost }).await?;
                }
                Next::Event(event) => {
                    delivered = true;
                    let event = to_event(event, &lock(aside), self.connection);
                    let last_event_id = event.last_event_id.clone();
                    let stop = self.config.stop_on.contains(&event.name);
                    let why = stop.then(|| StopReason::StopOn(event.name.clone()));
                    self.hand_over(FeedUpdate::Event(event)).await?;
                    self.last_event_id = last_event_id;
                    if let Some(why) = why {
                        break Over::End(why.into());
                    }
                }
                Next::Id(id) => self.note_id(id).await?,
                Next::End(end) => break Over::End(end),
            }
        };
        drop(stream);
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

    async fn rest(&self, time: Option<Duration>) {
        let asked = self.shared.reconnect.notified();
        match time {
            Some(time) => tokio::select! {
                () = sleep(time) => {}
                () = asked => {}
            },
            None => asked.await,
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
        self.updates.send(update).await.map_err(|_| Unheard)
    }
}

pub(crate) enum Next {
    Opened,
    Event(eventsource_client::Event),
    Id(String),
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
    // Blocks always name the last event id, so this is it.
    let last_event_id = event.id.unwrap_or_default();
    let opened = aside.opened.as_ref();
    Event {
        name: event.event_type,
        data: event.data,
        own_id: aside.own_id.then(|| last_event_id.clone()),
        last_event_id,
        origin: opened.map_or_else(String::new, |opened| opened.origin.clone()),
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
            return match lock(aside).id.take() {
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
