//! One attempt, step by step: what `feedbell check` and the Test button show.

use std::{
    future::poll_fn,
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    client::{Http, proxy_of},
    config::{FeedConfig, Resume, without_secrets},
    feed::{Event, Next, poll_next, stream, to_event},
    transport::{Aside, Attempt, lock},
    trouble::{End, StopReason, Trouble},
};

const QUEUE: usize = 32;
/// How long a server that resumes may take to send again what it has.
const RESUME_PATIENCE: Duration = Duration::from_secs(5);
/// Events without an id after which none is expected any more.
const WITHOUT_IDS: u32 = 2;

/// The steps of an attempt, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Secrets may travel to this address, and certificate files can be read.
    /// Taken only if there are any.
    Access,
    /// The name has an address. Not taken when the URL names the address itself.
    Name,
    /// The proxy lets us through. Taken only if there is one.
    Proxy,
    /// The host, or the proxy, accepts connections.
    Connect,
    /// The connection is secure. Taken with https only.
    Tls,
    /// The server answers 200, redirects followed.
    Answer,
    /// The answer is an event stream.
    ContentType,
    /// A first byte comes, a comment included.
    FirstByte,
    /// A comment comes, as servers send them to keep a connection alive.
    KeepAlive,
    /// A first event comes.
    FirstEvent,
    /// A second connection that asks for what came after the first event gets it.
    Resume,
}

/// One step and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckStep {
    /// The step.
    pub step: Step,
    /// How it went.
    pub outcome: Outcome,
    /// Since the check began.
    pub after: Duration,
}

/// How a step went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Passed(Detail),
    /// Worth knowing, no obstacle.
    Noted(Detail),
    /// Not well, but it may pass: a feed would go on trying.
    Failed(Trouble),
    /// The answer was final: a feed would stop.
    Refused(StopReason),
}

/// What there is to tell about a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing more.
    None,
    /// The name's addresses.
    Addresses(Vec<IpAddr>),
    /// The proxy, as host and port.
    Proxy(String),
    /// Where redirects led, in their order, without secrets.
    Redirected(Vec<String>),
    /// The `Content-Type` as sent.
    ContentType(String),
    /// Events carry no ids, so nothing can be asked for again.
    NoIds,
    /// Asked to resume, the server sent nothing, or something else.
    NotResumed,
}

/// What a check reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckUpdate {
    /// A step is done. After one that failed or was refused nothing follows.
    Step(CheckStep),
    /// An event came.
    Event(Event),
    /// The stream that was open is over; nothing follows.
    Closed(Trouble),
}

/// A running check. Dropping it ends it and closes its connections at once.
#[derive(Debug)]
pub struct Check {
    _task: AbortOnDropHandle<()>,
}

/// Makes one attempt as [`Feed`](crate::Feed) would, and stays on the stream
/// until it ends or the check is dropped. Once two events came it makes a
/// second attempt that asks to resume after the first.
#[must_use]
pub fn check(config: FeedConfig) -> (Check, mpsc::Receiver<CheckUpdate>) {
    let (updates, receiver) = mpsc::channel(QUEUE);
    let began = Instant::now();
    let examiner = Examiner {
        https: config.url.scheme() == "https",
        proxy: proxy_of(&config),
        probe: if config.resume == Resume::Off {
            Probe::Done
        } else {
            Probe::Watching {
                first: None,
                without: 0,
            }
        },
        config: Arc::new(config),
        http: None,
        aside: Arc::default(),
        updates,
        began,
        next: Some(Step::Access),
    };
    let task = tokio::spawn(async move {
        // It ends with the stream, or when nobody listens.
        let _ = examiner.run().await;
    });
    let task = AbortOnDropHandle::new(task);
    (Check { _task: task }, receiver)
}

struct Unheard;

struct Examiner {
    config: Arc<FeedConfig>,
    https: bool,
    proxy: Option<String>,
    http: Option<Http>,
    aside: Arc<Mutex<Aside>>,
    updates: mpsc::Sender<CheckUpdate>,
    began: Instant,
    /// The first of the ordered steps that was not reported yet.
    next: Option<Step>,
    probe: Probe,
}

/// How far the resume step is.
enum Probe {
    /// Waits for two events, the first with an id.
    Watching {
        first: Option<Event>,
        without: u32,
    },
    Done,
}

impl Examiner {
    async fn run(mut self) -> Result<(), Unheard> {
        let http = match Http::new(&self.config) {
            Ok(http) => http,
            Err(why) => return self.fail(why.into()).await,
        };
        self.http = Some(http.clone());
        let last_event_id = self.config.last_event_id.clone().unwrap_or_default();
        let attempt = self.attempt(&http, last_event_id, Arc::clone(&self.aside));
        let mut stream = match stream(attempt) {
            Ok(stream) => stream,
            Err(why) => return self.fail(why.into()).await,
        };
        let mut seen = Signs::default();
        let mut event_came = false;
        loop {
            let aside = Arc::clone(&self.aside);
            let next = poll_fn(|cx| match poll_next(&mut stream, &aside, cx) {
                Poll::Ready(next) => Poll::Ready(Some(next)),
                Poll::Pending if Signs::of(&http, &aside) != seen => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            })
            .await;
            let signs = Signs::of(&http, &self.aside);
            if signs.resolved {
                self.pass_until(Step::Proxy).await?;
            }
            if signs.connected {
                self.pass_until(Step::Answer).await?;
            }
            if matches!(next, Some(Next::Opened)) {
                self.pass_until(Step::FirstByte).await?;
            }
            if signs.heard && !seen.heard {
                self.pass(Step::FirstByte).await?;
            }
            if signs.comment && !seen.comment {
                self.pass(Step::KeepAlive).await?;
            }
            seen = signs;
            match next {
                Some(Next::Event(event)) => {
                    if !event_came {
                        event_came = true;
                        self.pass(Step::FirstEvent).await?;
                    }
                    let event = to_event(event, &lock(&self.aside), 1);
                    self.say(CheckUpdate::Event(event.clone())).await?;
                    self.examine_resuming(&http, event).await?;
                }
                Some(Next::End(end)) => return self.fail(end).await,
                Some(Next::Opened | Next::Id(_) | Next::Skipped) | None => {}
            }
        }
    }

    fn attempt(&self, http: &Http, resume_from: String, aside: Arc<Mutex<Aside>>) -> Attempt {
        Attempt {
            http: http.clone(),
            config: Arc::clone(&self.config),
            last_event_id: resume_from.clone(),
            resume_from: Some(resume_from),
            aside,
            heard: watch::channel(None).0,
            rhythm: Arc::default(),
        }
    }

    /// With a second event at hand it is known what must come after the first.
    async fn examine_resuming(&mut self, http: &Http, event: Event) -> Result<(), Unheard> {
        let Probe::Watching { first, without } = &mut self.probe else {
            return Ok(());
        };
        let has_id = event.own_id().is_some_and(|id| !id.is_empty());
        match first.take() {
            // What comes after it is known once a second event is here.
            None if has_id => *first = Some(event),
            None => {
                *without += 1;
                if *without >= WITHOUT_IDS {
                    self.probe = Probe::Done;
                    self.tell(Step::Resume, Outcome::Noted(Detail::NoIds))
                        .await?;
                }
            }
            Some(before) => {
                self.probe = Probe::Done;
                let from = before.last_event_id;
                let resumed = timeout(RESUME_PATIENCE, self.first_after(http, from)).await;
                let same = |again: Event| again.data == event.data && again.name == event.name;
                let outcome = if resumed.is_ok_and(|again| again.is_some_and(same)) {
                    Outcome::Passed(Detail::None)
                } else {
                    Outcome::Noted(Detail::NotResumed)
                };
                self.tell(Step::Resume, outcome).await?;
            }
        }
        Ok(())
    }

    /// The first event of a connection that asks to resume.
    async fn first_after(&self, http: &Http, id: String) -> Option<Event> {
        let aside = Arc::default();
        let mut stream = pin!(stream(self.attempt(http, id, Arc::clone(&aside))).ok()?);
        loop {
            match poll_fn(|cx| poll_next(&mut stream, &aside, cx)).await {
                Next::Event(event) => return Some(to_event(event, &lock(&aside), 2)),
                Next::End(_) | Next::Skipped => return None,
                Next::Opened | Next::Id(_) => {}
            }
        }
    }

    async fn fail(&mut self, end: End) -> Result<(), Unheard> {
        let opened = lock(&self.aside).opened.is_some();
        if opened && let End::Again(trouble) = end {
            return self.say(CheckUpdate::Closed(trouble)).await;
        }
        let step = step_of(&end);
        self.pass_until(step).await?;
        let outcome = match end {
            End::Again(trouble) => Outcome::Failed(trouble),
            End::Stop(why) => Outcome::Refused(why),
        };
        self.tell(step, outcome).await
    }

    /// Passes what an attempt must have gone through to get to `step`.
    async fn pass_until(&mut self, step: Step) -> Result<(), Unheard> {
        while let Some(passed) = self.next.filter(|next| *next < step) {
            self.next = following(passed);
            let taken = match passed {
                Step::Access => self.config.has_secrets(),
                Step::Name => !self.resolved().is_empty(),
                Step::Proxy => self.proxy.is_some(),
                Step::Tls => self.https,
                _ => true,
            };
            if taken {
                self.pass(passed).await?;
            }
        }
        Ok(())
    }

    async fn pass(&self, step: Step) -> Result<(), Unheard> {
        let detail = {
            let aside = lock(&self.aside);
            match step {
                Step::Name => Detail::Addresses(self.resolved()),
                Step::Proxy => self.proxy.clone().map_or(Detail::None, Detail::Proxy),
                Step::Answer if !aside.redirects.is_empty() => {
                    Detail::Redirected(aside.redirects.iter().map(without_secrets).collect())
                }
                Step::ContentType => match &aside.opened {
                    Some(opened) => Detail::ContentType(opened.content_type.clone()),
                    None => Detail::None,
                },
                _ => Detail::None,
            }
        };
        self.tell(step, Outcome::Passed(detail)).await
    }

    fn resolved(&self) -> Vec<IpAddr> {
        self.http.as_ref().map(Http::resolved).unwrap_or_default()
    }

    async fn tell(&self, step: Step, outcome: Outcome) -> Result<(), Unheard> {
        let after = self.began.elapsed();
        self.say(CheckUpdate::Step(CheckStep {
            step,
            outcome,
            after,
        }))
        .await
    }

    async fn say(&self, update: CheckUpdate) -> Result<(), Unheard> {
        self.updates.send(update).await.map_err(|_| Unheard)
    }
}

/// What can be told before the stream yields anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signs {
    resolved: bool,
    connected: bool,
    heard: bool,
    comment: bool,
}

impl Signs {
    fn of(http: &Http, aside: &Mutex<Aside>) -> Self {
        let aside = lock(aside);
        Self {
            resolved: !http.resolved().is_empty(),
            connected: http.connected(),
            heard: aside.heard,
            comment: aside.comment,
        }
    }
}

fn following(step: Step) -> Option<Step> {
    match step {
        Step::Access => Some(Step::Name),
        Step::Name => Some(Step::Proxy),
        Step::Proxy => Some(Step::Connect),
        Step::Connect => Some(Step::Tls),
        Step::Tls => Some(Step::Answer),
        Step::Answer => Some(Step::ContentType),
        Step::ContentType => Some(Step::FirstByte),
        Step::FirstByte | Step::KeepAlive | Step::FirstEvent | Step::Resume => None,
    }
}

/// The step at which an attempt ends like this.
fn step_of(end: &End) -> Step {
    match end {
        End::Again(trouble) => match trouble {
            Trouble::NameNotFound { .. } => Step::Name,
            Trouble::Refused { .. }
            | Trouble::Unreachable { .. }
            | Trouble::ConnectTimeout { .. } => Step::Connect,
            Trouble::Proxy { .. } => Step::Proxy,
            Trouble::Tls { .. } => Step::Tls,
            Trouble::AnswerTimeout { .. }
            | Trouble::Status { .. }
            | Trouble::Ended
            | Trouble::Broken { .. } => Step::Answer,
            Trouble::Silent { .. } | Trouble::EndlessLine { .. } | Trouble::LongAnswer { .. } => {
                Step::FirstByte
            }
        },
        End::Stop(why) => match why {
            StopReason::BadAddress { .. } => Step::Name,
            StopReason::Unencrypted { .. }
            | StopReason::UnencryptedPublic { .. }
            | StopReason::BadCertificate { .. } => Step::Access,
            StopReason::NotAnEventStream { .. } => Step::ContentType,
            StopReason::NoContent
            | StopReason::StopOn(_)
            | StopReason::Refused { .. }
            | StopReason::Status { .. }
            | StopReason::TooManyRedirects { .. }
            | StopReason::BadRedirect { .. } => Step::Answer,
        },
    }
}
