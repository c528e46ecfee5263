//! Hands over to the engine what is published here: all that waits, in one call,
//! while the calls before it are under way.

use std::mem;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fred::types::Value;
use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::engine::{Engine, Failed};
use super::functions::function;
use super::node::{Common, Given};
use super::wire;
use crate::HubError;
use crate::log::Upcoming;
use crate::publication::Publication;

/// Most jobs that wait, and most in one call.
pub(super) const BATCH: usize = 256;
/// Where a call is full: others wait for it at the engine. What passes it is still in.
const BATCH_BYTES: usize = 1 << 20;
/// Most calls under way.
const CALLS: usize = 4;
/// While a call is under way, fewer than these wait for it: a call costs the engine as
/// much as some publications do.
const MANY: usize = 64;
/// How long a publisher waits while the engine takes nothing. The engine does not
/// take it later than that either.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
/// The same while it is known to be away.
pub(super) const AWAY: Duration = Duration::from_secs(1);
/// Most of what is scheduled that is read at once.
pub(super) const MOST_SCHEDULED: usize = 256;

const CLOSED: &str = "the backplane takes nothing now; publish again in a few seconds";
pub(super) const UNSURE: &str = "the backplane was lost before it answered, so this may be stored or not; \
     publish again with the same `id` to have it once";
pub(super) const BUSY: &str = "the backplane is too slow for all that is published; publish again \
     in a few seconds";
pub(super) const NO_ROOM: &str =
    "the backplane's engine has no memory left; give it more, or keep less";

type Answer<T> = oneshot::Sender<Result<T, HubError>>;

/// What the engine is asked for.
pub(super) enum Job {
    /// All of them or none.
    Append {
        publications: Vec<Publication>,
        until: Instant,
        answer: Answer<Vec<Option<u64>>>,
        /// Held for as long as the publications are.
        _room: OwnedSemaphorePermit,
    },
    /// Takes back what is scheduled for this audience with this sequence.
    Cancel {
        to: String,
        sequence: String,
        until: Instant,
        answer: Answer<u64>,
    },
    /// What is scheduled after this.
    Scheduled {
        after: Option<Upcoming>,
        answer: Answer<Vec<(Upcoming, Publication)>>,
    },
}

impl Job {
    fn until(&self) -> Option<Instant> {
        match self {
            Self::Append { until, .. } | Self::Cancel { until, .. } => Some(*until),
            Self::Scheduled { .. } => None,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Append { publications, .. } => {
                publications.iter().map(|one| one.data.len()).sum()
            }
            Self::Cancel { .. } | Self::Scheduled { .. } => 0,
        }
    }

    /// Whether doing it twice is doing it once.
    fn is_idempotent(&self) -> bool {
        match self {
            Self::Append { publications, .. } => publications
                .iter()
                .all(|one| one.key.is_some() || one.message.is_some()),
            Self::Cancel { .. } | Self::Scheduled { .. } => true,
        }
    }

    fn refuse(self, why: &'static str) {
        match self {
            Self::Append { answer, .. } => drop(answer.send(Err(HubError::Away { why }))),
            Self::Cancel { answer, .. } => drop(answer.send(Err(HubError::Away { why }))),
            Self::Scheduled { answer, .. } => drop(answer.send(Err(HubError::Away { why }))),
        }
    }
}

/// Does what is asked, for ever.
pub(super) async fn run(common: &Common, engine: &Engine, mut queue: mpsc::Receiver<Job>) {
    let mut state = common.state.subscribe();
    let mut calls = FuturesUnordered::new();
    let mut waiting = Vec::with_capacity(BATCH);
    loop {
        let is_open = {
            let state = state.borrow_and_update();
            let epoch = state.shared.map(|shared| shared.epoch);
            state.open && epoch == Some(common.log.epoch())
        };
        let now = Instant::now();
        let (late, in_time): (Vec<Job>, Vec<Job>) = waiting
            .drain(..)
            .partition(|job: &Job| job.until().is_some_and(|until| until <= now));
        waiting = in_time;
        late.into_iter().for_each(|job| refuse(common, job, CLOSED));
        let has_room = |under_way: usize, waiting: usize| match under_way {
            0 => waiting > 0,
            _ => under_way < CALLS && waiting >= MANY,
        };
        while is_open && has_room(calls.len(), waiting.len()) {
            let jobs = portion(&mut waiting);
            calls.push(call(common, engine, jobs));
        }
        let first = waiting.iter().filter_map(Job::until).min();
        let late = async {
            match first {
                Some(first) => tokio::time::sleep_until(first).await,
                None => std::future::pending().await,
            }
        };
        let room = BATCH.saturating_sub(waiting.len());
        tokio::select! {
            received = queue.recv_many(&mut waiting, room), if room > 0 => if received == 0 {
                return;
            },
            Some(again) = calls.next() => waiting.extend::<Vec<Job>>(again),
            changed = state.changed() => if changed.is_err() {
                return;
            },
            () = late => {}
        }
    }
}

/// As many of them as one call takes, the first first.
fn portion(waiting: &mut Vec<Job>) -> Vec<Job> {
    let mut bytes = 0;
    let count = waiting.iter().take_while(|job| {
        let fits = bytes < BATCH_BYTES;
        bytes += job.size();
        fits
    });
    let count = count.count();
    waiting.drain(..count).collect()
}

/// Does some jobs; gives back those that are to be tried again.
async fn call(common: &Common, engine: &Engine, jobs: Vec<Job>) -> Vec<Job> {
    let is_append = |job: &Job| matches!(job, Job::Append { .. });
    let (appends, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_append);
    // All at once: one that waits for the engine holds up no other.
    let others = others.into_iter().map(async |job| match job {
        Job::Cancel { .. } => cancel(common, engine, job).await,
        _ => scheduled(engine, job).await,
    });
    let appends = async {
        match appends.is_empty() {
            true => Vec::new(),
            false => append(common, engine, appends).await,
        }
    };
    let (others, mut again) = futures::join!(join_all(others), appends);
    again.extend(others.into_iter().flatten());
    again
}

async fn append(common: &Common, engine: &Engine, jobs: Vec<Job>) -> Vec<Job> {
    let epoch = common.log.epoch();
    let begun = Instant::now();
    let mut arguments = vec![
        epoch.to_string().into(),
        deadline(common, &jobs),
        jobs.len().to_string().into(),
    ];
    for job in &jobs {
        let Job::Append { publications, .. } = job else {
            continue;
        };
        arguments.push(publications.len().to_string().into());
        publications
            .iter()
            .for_each(|one| wire::arguments(one, &mut arguments));
    }
    let answer = function(engine, "feedbell_append", arguments).await;
    common.metrics.commits.count(begun.elapsed());
    let answers = match said(common, answer) {
        Ok(answers) => answers,
        Err(verdict) => return verdict.on(common, jobs),
    };
    common.is_full.store(false, Ordering::Relaxed);
    let [due, head, micros, answers @ ..] = answers.as_slice() else {
        return Verdict::Unsure.on(common, jobs);
    };
    is_due(common, wire::number(due).unwrap_or(0));
    let mut each = answers.iter();
    let mut done = Vec::new();
    for job in jobs {
        let Job::Append {
            answer,
            publications,
            ..
        } = job
        else {
            continue;
        };
        let stored = each
            .next()
            .map(|answer| numbers(common, answer, publications.len()));
        let stored = stored.unwrap_or(Err(HubError::Away { why: UNSURE }));
        done.push((answer, stored));
    }
    // Before anybody is told: whoever reads what it just published waits for this.
    let newest = wire::number(head).zip(wire::number(micros));
    if let Some((seq, micros)) = newest {
        common.was_given(epoch, Given { seq, micros });
    }
    for (answer, stored) in done {
        let _ = answer.send(stored);
    }
    Vec::new()
}

/// The numbers in the answer to one job.
fn numbers(common: &Common, answer: &Value, count: usize) -> Result<Vec<Option<u64>>, HubError> {
    if wire::text(answer) == Some("full") {
        common.metrics.published.add("failed", count as u64);
        return Err(HubError::TooManyScheduled { most: 100_000 });
    }
    let read = || {
        let [known, numbers @ ..] = wire::array(answer)? else {
            return None;
        };
        let known: u64 = wire::number(known)?;
        let numbers: Vec<u64> = numbers.iter().map(wire::number).collect::<Option<_>>()?;
        (numbers.len() == count).then_some((known, numbers))
    };
    let Some((known, numbers)) = read() else {
        return Err(HubError::Away { why: UNSURE });
    };
    let later = numbers.iter().filter(|number| **number == 0).count() as u64;
    let stored = (numbers.len() as u64).saturating_sub(known + later);
    for (result, count) in [
        ("stored", stored),
        ("duplicate", known),
        ("scheduled", later),
    ] {
        if count > 0 {
            common.metrics.published.add(result, count);
        }
    }
    Ok(numbers
        .into_iter()
        .map(|number| (number > 0).then_some(number))
        .collect())
}

async fn cancel(common: &Common, engine: &Engine, job: Job) -> Vec<Job> {
    let Job::Cancel { to, sequence, .. } = &job else {
        return Vec::new();
    };
    let arguments = vec![
        common.log.epoch().to_string().into(),
        deadline(common, std::slice::from_ref(&job)),
        to.clone().into(),
        sequence.clone().into(),
    ];
    let answer = function(engine, "feedbell_cancel", arguments).await;
    match said(common, answer) {
        Ok(said) => {
            let count = said.first().and_then(wire::number).unwrap_or(0);
            if let Job::Cancel { answer, .. } = job {
                let _ = answer.send(Ok(count));
            }
            Vec::new()
        }
        Err(verdict) => verdict.on(common, vec![job]),
    }
}

async fn scheduled(engine: &Engine, job: Job) -> Vec<Job> {
    let Job::Scheduled { after, answer } = job else {
        return Vec::new();
    };
    let after = after.unwrap_or(Upcoming { due: 0, entry: 0 });
    let arguments = vec![
        after.due.to_string().into(),
        format!("{:016}", after.entry).into(),
        MOST_SCHEDULED.to_string().into(),
    ];
    let rows = match function(engine, "feedbell_scheduled", arguments).await {
        Ok(rows) => rows,
        Err(_) => {
            let _ = answer.send(Err(HubError::Away { why: CLOSED }));
            return Vec::new();
        }
    };
    let rows = wire::array(&rows).unwrap_or_default();
    let rows = rows.iter().filter_map(wire::scheduled).collect();
    let _ = answer.send(Ok(rows));
    Vec::new()
}

/// Until when the engine may take these, in its own microseconds.
fn deadline(common: &Common, jobs: &[Job]) -> Value {
    let until = jobs.iter().filter_map(Job::until).min();
    let left = until.map_or(PATIENCE, |until| {
        until.saturating_duration_since(Instant::now())
    });
    let now = (common.clock)().as_microsecond();
    let left = i64::try_from(left.as_micros()).unwrap_or(0);
    now.saturating_add(left).to_string().into()
}

/// The next is due then.
fn is_due(common: &Common, due: i64) {
    let before = common.due.swap(due, Ordering::AcqRel);
    if due != 0 && (before == 0 || due < before) {
        common.pulse.notify_one();
    }
}

/// What becomes of jobs that were not done.
enum Verdict {
    /// They are tried again while there is time.
    Again,
    /// They were done or not.
    Unsure,
    /// The engine has no room for them.
    NoRoom,
}

/// What a function said after `ok`; otherwise what that means.
fn said(common: &Common, answer: Result<Value, Failed>) -> Result<Vec<Value>, Verdict> {
    match answer {
        Ok(Value::Array(mut said)) if !said.is_empty() => {
            let state = said.remove(0);
            if wire::text(&state) == Some("ok") {
                return Ok(said);
            }
            common.pulse.notify_one();
            Err(Verdict::Again)
        }
        Ok(_) => Err(Verdict::Unsure),
        Err(Failed::Refused(why)) if why.starts_with("OOM") => Err(Verdict::NoRoom),
        Err(Failed::Refused(why)) => {
            tracing::warn!(why, "the backplane refused what was published");
            common.pulse.notify_one();
            Err(Verdict::Again)
        }
        Err(Failed::Away(_)) => {
            common.pulse.notify_one();
            Err(Verdict::Unsure)
        }
    }
}

impl Verdict {
    fn on(self, common: &Common, jobs: Vec<Job>) -> Vec<Job> {
        let mut again = Vec::new();
        for job in jobs {
            match self {
                Self::Again => again.push(job),
                Self::Unsure if job.is_idempotent() => again.push(job),
                Self::Unsure => refuse(common, job, UNSURE),
                Self::NoRoom => {
                    common.is_full.store(true, Ordering::Relaxed);
                    refuse(common, job, NO_ROOM);
                }
            }
        }
        if !again.is_empty() {
            // Until a pulse says otherwise; else they would be tried without end.
            common
                .state
                .send_if_modified(|state| mem::replace(&mut state.open, false));
        }
        again
    }
}

fn refuse(common: &Common, job: Job, why: &'static str) {
    if let Job::Append { publications, .. } = &job {
        common
            .metrics
            .published
            .add("failed", publications.len() as u64);
    }
    job.refuse(why);
}
