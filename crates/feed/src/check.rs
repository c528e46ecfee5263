//! One attempt, step by step: what `feedbell check` and the Test button show.

use std::{
    future::poll_fn,
    net::IpAddr,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    client::Http,
    config::{FeedConfig, without_secrets},
    feed::{Event, Next, poll_next, stream, to_event},
    transport::{Aside, Attempt, lock},
    trouble::{End, StopReason, Trouble},
};

const QUEUE: usize = 32;

/// The steps of an attempt, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The name has an address. Not taken when the URL names the address itself.
    Name,
    /// The host accepts connections.
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
    /// Not well, but it may pass: a feed would go on trying.
    Failed(Trouble),
    /// The answer was final: a feed would stop.
    Refused(StopReason),
}

/// What there is to tell about a step that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing more.
    None,
    /// The name's addresses.
    Addresses(Vec<IpAddr>),
    /// Where redirects led, in their order, without secrets.
    Redirected(Vec<String>),
    /// The `Content-Type` as sent.
    ContentType(String),
}

/// What a check reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckUpdate {
    /// A step is done. After one that did not pass nothing follows.
    Step(CheckStep),
    /// An event came.
    Event(Event),
    /// The stream that was open is over; nothing follows.
    Closed(Trouble),
}

/// A running check. Dropping it ends it and closes the connection at once.
#[derive(Debug)]
pub struct Check {
    _task: AbortOnDropHandle<()>,
}

/// Makes one attempt as [`Feed`](crate::Feed) would, and stays on the stream
/// until it ends or the check is dropped.
#[must_use]
pub fn check(config: FeedConfig) -> (Check, mpsc::Receiver<CheckUpdate>) {
    let (updates, receiver) = mpsc::channel(QUEUE);
    let began = Instant::now();
    let examiner = Examiner {
        https: config.url.scheme() == "https",
        config: Arc::new(config),
        aside: Arc::default(),
        updates,
        began,
        next: Some(Step::Name),
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
    aside: Arc<Mutex<Aside>>,
    updates: mpsc::Sender<CheckUpdate>,
    began: Instant,
    /// The first of the ordered steps that was not reported yet.
    next: Option<Step>,
}

impl Examiner {
    async fn run(mut self) -> Result<(), Unheard> {
        let attempt = Http::new(&self.config).map(|http| Attempt {
            http,
            config: Arc::clone(&self.config),
            resume_from: self.config.last_event_id.clone(),
            last_event_id: self.config.last_event_id.clone().unwrap_or_default(),
            aside: Arc::clone(&self.aside),
            heard: watch::channel(None).0,
            rhythm: Arc::default(),
        });
        let mut stream = match attempt.and_then(stream) {
            Ok(stream) => stream,
            Err(why) => return self.fail(why.into()).await,
        };
        let (mut heard, mut comment, mut event_came) = (false, false, false);
        loop {
            let aside = Arc::clone(&self.aside);
            let next = poll_fn(|cx| match poll_next(&mut stream, &aside, cx) {
                Poll::Ready(next) => Poll::Ready(Some(next)),
                Poll::Pending => {
                    let aside = lock(&aside);
                    let news = aside.heard != heard || aside.comment != comment;
                    if news {
                        Poll::Ready(None)
                    } else {
                        Poll::Pending
                    }
                }
            })
            .await;
            if matches!(next, Some(Next::Opened)) {
                self.pass_until(Step::FirstByte).await?;
            }
            if !heard && lock(&self.aside).heard {
                heard = true;
                self.pass(Step::FirstByte).await?;
            }
            if !comment && lock(&self.aside).comment {
                comment = true;
                self.pass(Step::KeepAlive).await?;
            }
            match next {
                Some(Next::Event(event)) => {
                    if !event_came {
                        event_came = true;
                        self.pass(Step::FirstEvent).await?;
                    }
                    let event = to_event(event, &lock(&self.aside), 1);
                    self.say(CheckUpdate::Event(event)).await?;
                }
                Some(Next::End(end)) => return self.fail(end).await,
                Some(Next::Opened | Next::Id(_) | Next::Skipped) | None => {}
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
                Step::Name => !lock(&self.aside).resolved.is_empty(),
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
                Step::Name => Detail::Addresses(aside.resolved.clone()),
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

fn following(step: Step) -> Option<Step> {
    match step {
        Step::Name => Some(Step::Connect),
        Step::Connect => Some(Step::Tls),
        Step::Tls => Some(Step::Answer),
        Step::Answer => Some(Step::ContentType),
        Step::ContentType => Some(Step::FirstByte),
        Step::FirstByte | Step::KeepAlive | Step::FirstEvent => None,
    }
}

/// The step at which an attempt ends like this.
fn step_of(end: &End) -> Step {
    match end {
        End::Again(trouble) => match trouble {
            Trouble::NameNotFound { .. } => Step::Name,
            Trouble::Refused { .. }
            | Trouble::Unreachable { .. }
            | Trouble::Proxy { .. }
            | Trouble::ConnectTimeout { .. } => Step::Connect,
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
            StopReason::BadAddress { .. }
            | StopReason::Unencrypted { .. }
            | StopReason::UnencryptedPublic { .. }
            | StopReason::BadCertificate { .. } => Step::Name,
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
