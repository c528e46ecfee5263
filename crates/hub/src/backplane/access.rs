//! Who may use the hub, at all its nodes. The rows lie at the engine, in a hash,
//! with a stream of what changed; each node has a copy in its file, sends what was
//! changed there, and follows the stream. While the engine is away each node goes
//! on with what it has.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fred::types::Value;
use tokio::time::{Instant, MissedTickBehavior};

use super::engine::{Engine, Failed};
use super::{Backplane, BackplaneError, wire};
use crate::HubError;
use crate::access::{Change, Reached, Sharing, Spent, State, Told, Upto};

/// The functions at the engine, and which version of them.
const LIBRARY: &str = include_str!("access.lua");
const VERSION: i64 = 1;

/// How often a node asks which state the engine has, and tells what callers did.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The least between two looks that requests ask for.
const LOOKS_APART: Duration = Duration::from_millis(200);
/// How long a read of the stream waits for something new.
const BLOCK: Duration = Duration::from_secs(2);
/// How long after a failure it is tried again.
const REST: Duration = Duration::from_millis(250);
/// Most entries of the stream that are read at once.
const ENTRIES: i64 = 64;
/// For how long what callers did at another node counts, in milliseconds.
const FRESH: i64 = 3000;
/// The least of [`Replica::most_waiting`].
const MOST_WAITING: i64 = 10_000;
/// How often at once it is tried to be where the engine is.
const TRIES: usize = 8;

/// What keeps a node's rows and the engine's the same.
pub(crate) struct Replica {
    state: Arc<State>,
    engine: Engine,
    /// Its connection is busy with reads that block.
    tail: Arc<Engine>,
    access: String,
    changes: String,
    import: bool,
    reading: Option<Reading>,
    /// Up to which of this node's changes the engine has them, or will never.
    sent: i64,
    /// The newest entry of the stream that was looked at.
    seen: EntryId,
    looked: Option<Instant>,
    /// With how many changes that wait those are dropped that others undo.
    most_waiting: i64,
    /// Why the last try failed, once it was said.
    trouble: Option<String>,
}

type Reading = Pin<Box<dyn Future<Output = Result<Value, Failed>> + Send>>;

/// Why a step was not made.
enum Stopped {
    Engine(Failed),
    Hub(HubError),
    /// The engine answers in another way than agreed.
    Answer,
}

impl From<Failed> for Stopped {
    fn from(failed: Failed) -> Self {
        Self::Engine(failed)
    }
}

impl From<HubError> for Stopped {
    fn from(error: HubError) -> Self {
        Self::Hub(error)
    }
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Engine(Failed::Away(why) | Failed::Refused(why)) => f.write_str(why),
            Self::Hub(error) => error.fmt(f),
            Self::Answer => f.write_str("it answers with something else than was asked for"),
        }
    }
}

/// The place of an entry in a stream: milliseconds, and a number among those of one.
type EntryId = (u64, u64);

/// One entry of the stream.
struct Entry {
    id: EntryId,
    text: String,
    what: What,
}

enum What {
    Rows(Rows),
    /// A node has begun a new generation.
    Generation,
    Spent {
        node: String,
        spent: Spent,
    },
    /// Of a later version of this program.
    Other,
}

/// What one node has changed.
struct Rows {
    number: i64,
    /// The entry before.
    after: String,
    node: String,
    upto: Upto,
    told: Vec<Told>,
}

/// Which state the engine has.
struct Held {
    generation: String,
    number: i64,
    last: String,
    /// Of which hub the rows are.
    family: String,
    /// How many changes the node knew that began this generation.
    base: i64,
    /// Which of this node's changes are in it.
    own: Option<Upto>,
}

impl Held {
    fn reached(&self) -> Reached {
        Reached {
            family: self.family.clone(),
            generation: self.generation.clone(),
            number: self.number,
            last: self.last.clone(),
        }
    }
}

/// Where entries of the stream lead.
enum Led {
    /// On.
    On,
    /// Some between them and this node's place are no longer there.
    Lost,
    /// They were written by those who did not have what this node has.
    Astray,
    /// Into a new generation.
    Elsewhere,
}

impl Replica {
    /// Connects. Needs a Tokio runtime.
    pub(crate) fn connect(
        backplane: &Backplane,
        state: Arc<State>,
    ) -> Result<Self, BackplaneError> {
        let engine = Engine::connect(backplane)?;
        Ok(Self {
            state,
            access: engine.key("access"),
            changes: engine.key("access:changes"),
            tail: Arc::new(Engine::connect(backplane)?),
            engine,
            import: backplane.import,
            reading: None,
            sent: 0,
            seen: (0, 0),
            looked: None,
            most_waiting: MOST_WAITING,
            trouble: None,
        })
    }

    /// Works until it is dropped.
    pub(crate) async fn run(mut self) -> Infallible {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut joined = false;
        loop {
            let step = if joined {
                self.step(&mut tick).await
            } else {
                self.join().await
            };
            match step {
                Ok(()) => {
                    joined = true;
                    if self.trouble.take().is_some() {
                        tracing::info!(
                            "tokens, tickets and bans are shared with the other nodes again"
                        );
                    }
                    self.with_sharing(Sharing::back);
                }
                Err(why) => {
                    joined = false;
                    self.stopped(&why).await;
                }
            }
        }
    }

    /// Waits for something to do, and does it.
    async fn step(&mut self, tick: &mut tokio::time::Interval) -> Result<(), Stopped> {
        let state = self.state.clone();
        let Some(sharing) = state.sharing() else {
            return std::future::pending().await;
        };
        let asked = sharing.asked();
        let next_look = self.looked.map(|looked| looked + LOOKS_APART);
        let next_look = next_look.filter(|_| asked.is_some());
        let reading = match self.reading.take() {
            Some(reading) => reading,
            None => self.read(),
        };
        let reading = self.reading.insert(reading);
        tokio::select! {
            read = reading => {
                self.reading = None;
                self.follow(&read?).await
            }
            () = sharing.wanted() => {
                let rested = self.looked.is_none_or(|looked| looked.elapsed() >= LOOKS_APART);
                if rested && sharing.asked().is_some() {
                    self.answer_looks(sharing).await?;
                }
                self.push().await
            }
            () = at(next_look) => self.answer_looks(sharing).await,
            _ = tick.tick() => {
                self.answer_looks(sharing).await?;
                self.tell_spent().await?;
                self.push().await
            }
        }
    }

    /// Notes that the engine is away, and waits before the next try.
    async fn stopped(&mut self, why: &Stopped) {
        self.with_sharing(Sharing::away);
        // What callers did meanwhile is of no use when the engine is back.
        drop(self.state.spent());
        let why = why.to_string();
        if self.trouble.as_ref() != Some(&why) {
            tracing::warn!(
                engine = self.engine.address(),
                why,
                "tokens, tickets and bans are not shared with the other nodes now"
            );
            self.trouble = Some(why);
        }
        let (sent, most) = (self.sent, self.most_waiting);
        match self.with(move |state| state.compact(sent, most)).await {
            Ok(waiting) => self.most_waiting = MOST_WAITING.max(2 * waiting),
            Err(error) => tracing::warn!(%error, "what changed here could not be looked through"),
        }
        tokio::time::sleep(REST).await;
    }

    /// Has the engine know what to do, and this node what the engine has.
    async fn join(&mut self) -> Result<(), Stopped> {
        let version = vec!["feedbell_access_version".into(), 0.into()];
        match self.engine.call("FCALL_RO", version).await {
            Ok(version) if wire::number(&version).is_some_and(|it: i64| it >= VERSION) => {}
            Err(Failed::Away(why)) => return Err(Failed::Away(why).into()),
            Ok(_) | Err(Failed::Refused(_)) => self.engine.load(LIBRARY).await?,
        }
        // What was sent may be lost with what the engine has lost.
        self.sent = 0;
        self.look().await?;
        self.push().await
    }

    /// Makes the looks that were asked for so far.
    async fn answer_looks(&mut self, sharing: &Sharing) -> Result<(), Stopped> {
        let asked = sharing.asked();
        self.look().await?;
        if let Some(asked) = asked {
            sharing.looked(asked);
        }
        Ok(())
    }

    /// Asks which state the engine has, and comes to the same.
    async fn look(&mut self) -> Result<(), Stopped> {
        // Where others are at it, too, the next look comes soon.
        let mut tries = 0;
        while tries < TRIES {
            tries += 1;
            let (node, place) = self.with(State::place).await?;
            let held = self.held(&node).await?;
            self.looked = Some(Instant::now());
            // What the engine has lost is sent again.
            self.sent = self.sent.min(held.own.as_ref().map_or(0, |own| own.id));
            let Some(place) = place else {
                if held.generation.is_empty() {
                    self.upload(&held, None).await?;
                } else {
                    self.copy_all(None).await?;
                }
                continue;
            };
            if held.generation.is_empty() {
                self.upload(&held, Some(&place)).await?;
            } else if held.generation != place.generation {
                if held.family == place.family && held.base < place.number {
                    // Who began it did not have all that this node has.
                    self.upload_over(&held, &place).await?;
                } else {
                    self.copy_all(Some(&place)).await?;
                }
            } else if held.last == place.last {
                self.seen = self.seen.max(entry_id(&place.last).unwrap_or_default());
                return Ok(());
            } else {
                let entries = self.entries_after(&place.last).await?;
                let led = if !entries.is_empty() {
                    self.lead(entries, &node, place.clone()).await?
                } else if held.number < place.number {
                    Led::Astray
                } else {
                    Led::Lost
                };
                match led {
                    Led::On => tries = 0,
                    Led::Elsewhere => {}
                    Led::Lost => self.copy_all(Some(&place)).await?,
                    Led::Astray => self.upload_over(&held, &place).await?,
                }
            }
        }
        Ok(())
    }

    /// Writes what changed here to the engine.
    async fn push(&mut self) -> Result<(), Stopped> {
        loop {
            let sent = self.sent;
            let (node, place) = self.with(State::place).await?;
            let Some(place) = place else {
                return Ok(());
            };
            let changes = self.with(move |state| state.changes(sent)).await?;
            let Some(last) = changes.last().map(|last| last.id) else {
                return Ok(());
            };
            let mut arguments = vec![place.generation.into(), node.into()];
            for Change {
                id,
                mark,
                kind,
                key,
                value,
            } in changes
            {
                let value = value.unwrap_or_default();
                let texts = [id.to_string(), mark, kind, key, value];
                arguments.extend(texts.map(Value::from));
            }
            let mut answer = self.call("FCALL", "feedbell_change", arguments).await?;
            match answer.text()?.as_str() {
                "done" => {
                    let mut refused = Answer::of(&answer.value()?)?;
                    let refused: Vec<_> = std::iter::from_fn(|| refused.text().ok()).collect();
                    self.sent = last;
                    self.with_sharing(|sharing| sharing.settled(last, &refused));
                }
                "behind" => {
                    let upto = Upto {
                        id: answer.number()?,
                        mark: answer.text()?,
                    };
                    let own = upto.clone();
                    if self.with(move |state| state.holds(&own)).await? {
                        // An answer was lost on its way.
                        self.sent = upto.id;
                        self.with_sharing(|sharing| sharing.settled(upto.id, &[]));
                    } else {
                        tracing::warn!(
                            "another node has, or had, the same access file; this one goes on \
                             under another name"
                        );
                        self.with(State::rename_node).await?;
                        self.sent = 0;
                    }
                }
                "generation" => return self.look().await,
                _ => return Err(Stopped::Answer),
            }
        }
    }

    /// Tells the other nodes what callers did here.
    async fn tell_spent(&mut self) -> Result<(), Stopped> {
        let spent = self.state.spent();
        if spent.is_empty() {
            return Ok(());
        }
        let (node, _) = self.with(State::place).await?;
        let spent = serde_json::to_string(&spent).map_err(|_| Stopped::Answer)?;
        let told = [
            "NOMKSTREAM",
            "MAXLEN",
            "~",
            "10000",
            "*",
            "node",
            &node,
            "spent",
            &spent,
        ];
        let mut arguments = vec![Value::from(self.changes.as_str())];
        arguments.extend(told.map(Value::from));
        self.engine.call("XADD", arguments).await?;
        Ok(())
    }

    /// Takes what a read of the stream has brought.
    async fn follow(&mut self, read: &Value) -> Result<(), Stopped> {
        let entries = entries(read)?;
        if entries.is_empty() {
            return Ok(());
        }
        let (node, Some(place)) = self.with(State::place).await? else {
            return self.look().await;
        };
        match self.lead(entries, &node, place).await? {
            Led::On => Ok(()),
            // The look finds the same, and what to do.
            Led::Lost | Led::Astray | Led::Elsewhere => self.look().await,
        }
    }

    /// Follows entries of the stream for as long as they go on from this node's
    /// place.
    async fn lead(
        &mut self,
        entries: Vec<Entry>,
        node: &str,
        place: Reached,
    ) -> Result<Led, Stopped> {
        let mut led = Led::On;
        let mut to = place.clone();
        let mut at = entry_id(&place.last).unwrap_or_default();
        let (mut own, mut told) = (None, Vec::new());
        for Entry { id, text, what } in entries {
            match what {
                What::Rows(_) | What::Generation if id <= at => {}
                What::Rows(rows) => {
                    if rows.after != to.last {
                        let astray = rows.number <= to.number + 1;
                        led = if astray { Led::Astray } else { Led::Lost };
                        break;
                    }
                    if rows.node == node {
                        own = Some(rows.upto);
                    }
                    let by_us = rows.node == node;
                    told.extend(rows.told.into_iter().map(|told| Told { by_us, ..told }));
                    (to.number, to.last, at) = (rows.number, text, id);
                }
                What::Generation => {
                    led = Led::Elsewhere;
                    break;
                }
                What::Spent { node: from, spent } => {
                    if id > self.seen && from != node && self.is_fresh(id) {
                        self.state.owe(spent);
                    }
                }
                What::Other => {}
            }
            self.seen = self.seen.max(id);
        }
        if to != place {
            let taken = self
                .with(move |state| state.take(&place, Some(&to), own.as_ref(), &told))
                .await?;
            if !taken {
                return Ok(Led::Elsewhere);
            }
        }
        Ok(led)
    }

    /// Begins a new generation with this node's rows.
    async fn upload(&mut self, held: &Held, place: Option<&Reached>) -> Result<(), Stopped> {
        let (node, _) = self.with(State::place).await?;
        let everything = self.with(State::everything).await?;
        let generation = format!("{:016x}", fastrand::u64(..));
        let (family, base) = place.map_or_else(
            || (generation.clone(), 0),
            |place| (place.family.clone(), place.number.max(held.number)),
        );
        let (upto, mark) = everything
            .upto
            .as_ref()
            .map_or_else(Default::default, |upto| {
                (upto.id.to_string(), upto.mark.clone())
            });
        let mut arguments: Vec<Value> = [
            held.generation.clone(),
            held.last.clone(),
            generation.clone(),
            family.clone(),
            base.to_string(),
            node,
            upto,
            mark,
        ]
        .map(Value::from)
        .into();
        let count = everything.rows.len();
        for (key, value) in everything.rows {
            arguments.extend([key.into(), value.into()]);
        }
        let mut answer = self
            .call("FCALL", "feedbell_access_replace", arguments)
            .await?;
        if answer.text()? != "done" {
            // Another node was first.
            return Ok(());
        }
        let to = Reached {
            family,
            generation,
            number: answer.number()?,
            last: answer.text()?,
        };
        if place.is_some() {
            tracing::warn!(
                engine = self.engine.address(),
                rows = count,
                "the engine has lost who may use the hub; this node has written it there anew"
            );
        } else {
            tracing::info!(rows = count, "who may use the hub lies at the engine now");
        }
        self.seen = entry_id(&to.last).unwrap_or_default();
        let own = everything.upto;
        if let Some(own) = &own {
            self.sent = own.id;
            self.with_sharing(|sharing| sharing.settled(own.id, &[]));
        }
        self.with(move |state| state.set_replaced(&to, own.as_ref()))
            .await?;
        Ok(())
    }

    /// The same after the engine has lost some of what this node has, and went on
    /// without it: what came there since is kept.
    async fn upload_over(&mut self, held: &Held, place: &Reached) -> Result<(), Stopped> {
        let mut after = place.last.clone();
        loop {
            let entries = self.entries_after(&after).await?;
            let Some(last) = entries.last() else {
                break;
            };
            after.clone_from(&last.text);
            let rows = entries.into_iter().filter_map(|entry| match entry.what {
                What::Rows(rows) => Some(rows.told),
                _ => None,
            });
            let (place, told) = (place.clone(), rows.flatten().collect::<Vec<_>>());
            self.with(move |state| state.take(&place, None, None, &told))
                .await?;
        }
        self.upload(held, Some(place)).await
    }

    /// Takes all rows from the engine, and with a place because that is lost.
    async fn copy_all(&mut self, place: Option<&Reached>) -> Result<(), Stopped> {
        let (node, _) = self.with(State::place).await?;
        let mut answer = self
            .call("FCALL_RO", "feedbell_access_rows", vec![node.into()])
            .await?;
        let held = held(&mut answer)?;
        if held.generation.is_empty() {
            return Ok(());
        }
        let mut rows = Vec::new();
        while let Ok(key) = answer.text() {
            rows.push((key, answer.text()?));
        }
        let stranger = place.is_none_or(|place| held.family != place.family);
        if stranger && self.with(State::has_rows).await? {
            if rows.is_empty() || self.import && place.is_none() {
                self.with(State::offer_all).await?;
            } else if let Some(copy) = self.with(State::copy_aside).await? {
                tracing::warn!(
                    copy = %copy.display(),
                    "the tokens and bans of this node give way to those of the other nodes; \
                     a copy is kept"
                );
            }
        }
        tracing::info!(
            rows = rows.len(),
            "who may use the hub was copied from the engine"
        );
        let (to, own) = (held.reached(), held.own);
        self.seen = entry_id(&to.last).unwrap_or_default();
        Ok(self
            .with(move |state| state.replace(&to, own.as_ref(), &rows))
            .await?)
    }

    /// Whether an entry is so young that what callers did counts.
    fn is_fresh(&self, (at, _): EntryId) -> bool {
        let age = |at| self.state.now().saturating_sub(at);
        i64::try_from(at).is_ok_and(|at| age(at) <= FRESH)
    }

    async fn held(&self, node: &str) -> Result<Held, Stopped> {
        let mut answer = self
            .call("FCALL_RO", "feedbell_access_state", vec![node.into()])
            .await?;
        held(&mut answer)
    }

    /// What is in the stream after an entry, a part of it.
    async fn entries_after(&self, last: &str) -> Result<Vec<Entry>, Stopped> {
        let arguments = self.read_after(last, None);
        entries(&self.engine.call("XREAD", arguments).await?)
    }

    /// Waits for what comes into the stream.
    fn read(&self) -> Reading {
        let (ms, nth) = self.seen;
        let arguments = self.read_after(&format!("{ms}-{nth}"), Some(BLOCK));
        let tail = self.tail.clone();
        Box::pin(async move { tail.block(BLOCK, "XREAD", arguments).await })
    }

    fn read_after(&self, last: &str, block: Option<Duration>) -> Vec<Value> {
        let mut arguments: Vec<Value> = vec!["COUNT".into(), ENTRIES.into()];
        if let Some(block) = block {
            let block = i64::try_from(block.as_millis()).unwrap_or(i64::MAX);
            arguments.extend(["BLOCK".into(), block.into()]);
        }
        arguments.extend(["STREAMS", &self.changes, last].map(Value::from));
        arguments
    }

    async fn call(
        &self,
        command: &'static str,
        function: &str,
        arguments: Vec<Value>,
    ) -> Result<Answer, Stopped> {
        let keys = [&self.access, &self.changes].map(|key| Value::from(key.as_str()));
        let mut all = vec![Value::from(function), 2.into()];
        all.extend(keys);
        all.extend(arguments);
        let answer = self.engine.call(command, all).await?;
        Answer::of(&answer)
    }

    /// Runs `work` where blocking is fine.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&State) -> Result<T, HubError> + Send + 'static,
    ) -> Result<T, HubError> {
        let state = self.state.clone();
        tokio::task::spawn_blocking(move || work(&state))
            .await
            .unwrap_or(Err(HubError::Stopped))
    }

    fn with_sharing(&self, then: impl FnOnce(&Sharing)) {
        if let Some(sharing) = self.state.sharing() {
            then(sharing);
        }
    }
}

/// An answer of a function, part by part.
struct Answer(VecDeque<Value>);

impl Answer {
    fn of(value: &Value) -> Result<Self, Stopped> {
        let parts = wire::array(value).ok_or(Stopped::Answer)?;
        Ok(Self(parts.iter().cloned().collect()))
    }

    fn next(&mut self) -> Option<Value> {
        self.0.pop_front()
    }

    fn value(&mut self) -> Result<Value, Stopped> {
        self.next().ok_or(Stopped::Answer)
    }

    fn text(&mut self) -> Result<String, Stopped> {
        let value = self.next();
        let text = value.as_ref().and_then(wire::text);
        text.map(str::to_owned).ok_or(Stopped::Answer)
    }

    /// Of nothing: 0.
    fn number(&mut self) -> Result<i64, Stopped> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(0);
        }
        text.parse().map_err(|_| Stopped::Answer)
    }
}

fn held(answer: &mut Answer) -> Result<Held, Stopped> {
    let (generation, number, last) = (answer.text()?, answer.number()?, answer.text()?);
    let (family, base, own) = (answer.text()?, answer.number()?, answer.text()?);
    let own = own.split_once(' ').and_then(|(id, mark)| {
        Some(Upto {
            id: id.parse().ok()?,
            mark: mark.to_owned(),
        })
    });
    Ok(Held {
        generation,
        number,
        last,
        family,
        base,
        own,
    })
}

/// The entries in the answer to XREAD of one stream.
fn entries(read: &Value) -> Result<Vec<Entry>, Stopped> {
    wire::entries(read).iter().map(entry).collect()
}

fn entry(value: &Value) -> Result<Entry, Stopped> {
    let mut parts = Answer::of(value)?;
    let id = parts.text()?;
    let what = what(Answer::of(&parts.value()?)?);
    Ok(Entry {
        id: entry_id(&id).ok_or(Stopped::Answer)?,
        text: id,
        what: what.unwrap_or(What::Other),
    })
}

/// What the fields of an entry say, if that can be read.
fn what(mut fields: Answer) -> Option<What> {
    let mut rows = Rows {
        number: 0,
        after: String::new(),
        node: String::new(),
        upto: Upto {
            id: 0,
            mark: String::new(),
        },
        told: Vec::new(),
    };
    let mut spent = None;
    let mut generation = false;
    while let Ok(name) = fields.text() {
        let value = fields.text().ok()?;
        match name.as_str() {
            "number" => rows.number = value.parse().ok()?,
            "after" => rows.after = value,
            "node" => rows.node = value,
            "upto" => rows.upto.id = value.parse().ok()?,
            "mark" => rows.upto.mark = value,
            "generation" => generation = true,
            "spent" => spent = Some(serde_json::from_str(&value).ok()?),
            "row" => {
                let key = fields.text().ok()?;
                let row = fields.text().ok()?;
                rows.told.push(Told {
                    kind: value,
                    key,
                    value: (!row.is_empty()).then_some(row),
                    by_us: false,
                });
            }
            _ => {}
        }
    }
    Some(match spent {
        Some(spent) => What::Spent {
            node: rows.node,
            spent,
        },
        None if generation => What::Generation,
        None if rows.number == 0 => What::Other,
        None => What::Rows(rows),
    })
}

fn entry_id(text: &str) -> Option<EntryId> {
    let (ms, nth) = text.split_once('-')?;
    Some((ms.parse().ok()?, nth.parse().ok()?))
}

/// Waits until then, without a time for ever.
async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}
