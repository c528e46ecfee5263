//! Who may use a hub of several nodes: what this node has for the others, what
//! it takes from them, and who waits for either.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot, watch};

use super::changes::{Change, Everything, Key, Place, Row, Told, Upto};
use super::secret::Hash;
use super::ticket::Ticket;
use super::{Access, Entry, Kept, Known, Owner, Publisher, State};
use crate::HubError;
use crate::subscribers::Cut;

/// How long an answer waits for the engine.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a request with a secret that is not known here waits for what the
/// other nodes have just made.
const LOOK: Duration = Duration::from_secs(1);
/// Most callers whose tries one message tells.
const MOST_TOLD: usize = 1000;
/// After how many milliseconds it is said again that a ticket is in use; far less
/// than those for which it waits for its stream.
pub(super) const SEEN_EVERY: i64 = 30 * 60 * 1000;

/// What the node's requests and its task for the backplane say to each other.
#[derive(Default)]
pub(crate) struct Sharing {
    /// Something was noted, or somebody wants to have what the others have.
    wanted: Notify,
    /// How many looks at the engine were asked for, and which were made.
    asked: AtomicU64,
    looked: watch::Sender<u64>,
    /// Whether this node was ever told who may use the hub.
    joined: watch::Sender<bool>,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    /// Who waits until the engine has the change with this id.
    waiters: Vec<(i64, Option<Key>, oneshot::Sender<Outcome>)>,
    /// Up to which change the engine has them.
    settled: i64,
    /// Since when the engine is away.
    away: Option<Instant>,
    /// Whether it was said that an answer did not wait for it.
    said: bool,
}

impl Default for Waiting {
    /// Until the first word from it the engine is away.
    fn default() -> Self {
        Self {
            waiters: Vec::new(),
            settled: 0,
            away: Some(Instant::now()),
            said: false,
        }
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// All nodes have it, or will in a moment.
    Settled,
    /// Another node was first.
    Refused,
    /// The engine is away: it counts here, and elsewhere later.
    Later,
}

/// What callers have done at one node, for the limits of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub(crate) struct Spent {
    /// Publications.
    pub(crate) published: Vec<(String, u32)>,
    /// Wrong tokens.
    pub(crate) wrong: Vec<(IpAddr, u32)>,
}

impl Spent {
    pub(crate) fn is_empty(&self) -> bool {
        self.published.is_empty() && self.wrong.is_empty()
    }
}

impl Sharing {
    /// Waits until there is something to do for the backplane's task.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The newest look at the engine that was asked for and not made.
    pub(crate) fn asked(&self) -> Option<u64> {
        let asked = self.asked.load(Ordering::Acquire);
        (asked > *self.looked.borrow()).then_some(asked)
    }

    /// What the engine had when this look was asked for is here now.
    pub(crate) fn looked(&self, asked: u64) {
        self.looked.send_replace(asked);
    }

    /// Waits until this node has been told who may use the hub, once.
    pub(crate) async fn joined(&self) {
        let mut joined = self.joined.subscribe();
        // Its sender lives as long as this.
        let _ = joined.wait_for(|joined| *joined).await;
    }

    pub(super) fn has_joined(&self) -> bool {
        *self.joined.borrow()
    }

    /// The engine answers.
    pub(crate) fn back(&self) {
        let mut waiting = self.waiting();
        waiting.away = None;
        waiting.said = false;
    }

    /// The engine does not answer, or not as it should.
    pub(crate) fn away(&self) {
        let mut waiting = self.waiting();
        waiting.away.get_or_insert_with(Instant::now);
        waiting.waiters.retain(|(.., waiter)| !waiter.is_closed());
    }

    pub(super) fn is_away(&self) -> bool {
        self.waiting().away.is_some()
    }

    /// The engine has the changes up to this one, but for those of these rows.
    pub(crate) fn settled(&self, upto: i64, refused: &[String]) {
        let mut waiting = self.waiting();
        waiting.settled = waiting.settled.max(upto);
        let all = std::mem::take(&mut waiting.waiters);
        let (settled, others) = all.into_iter().partition(|(id, ..)| *id <= upto);
        waiting.waiters = others;
        drop(waiting);
        for (_, key, waiter) in settled {
            let refused = key.is_some_and(|key| refused.contains(&key.text()));
            let outcome = if refused {
                Outcome::Refused
            } else {
                Outcome::Settled
            };
            let _ = waiter.send(outcome);
        }
    }

    /// Something was noted that nobody waits for.
    pub(super) fn tell(&self) {
        self.wanted.notify_one();
    }

    /// Waits, but not for long, until the engine has a change.
    pub(super) async fn outcome(&self, waiter: oneshot::Receiver<Outcome>) -> Outcome {
        let away = self.waiting().away;
        let patience = away.map_or(PATIENCE, |since| PATIENCE.saturating_sub(since.elapsed()));
        let outcome = tokio::time::timeout(patience, waiter).await;
        if let Ok(Ok(outcome)) = outcome {
            return outcome;
        }
        if !std::mem::replace(&mut self.waiting().said, true) {
            tracing::warn!(
                "the backplane does not answer: what changes here about tokens, tickets and bans \
                 counts at the other nodes when it is back"
            );
        }
        Outcome::Later
    }

    /// Waits, but not for long, until this node has what the others have made.
    async fn look(&self) {
        let away = self.waiting().away;
        if away.is_some_and(|since| since.elapsed() > LOOK) {
            return;
        }
        let mut looked = self.looked.subscribe();
        let own = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.wanted.notify_one();
        let _ = tokio::time::timeout(LOOK, looked.wait_for(|looked| *looked >= own)).await;
    }

    fn wait_for(&self, change: i64, key: Option<Key>) -> Option<oneshot::Receiver<Outcome>> {
        let mut waiting = self.waiting();
        if change <= waiting.settled {
            return None;
        }
        let (waiter, outcome) = oneshot::channel();
        waiting.waiters.push((change, key, waiter));
        drop(waiting);
        self.wanted.notify_one();
        Some(outcome)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Access {
    /// The rows of a node of a hub, for the backplane's task.
    pub(crate) fn shared(&self) -> Option<std::sync::Arc<State>> {
        self.state.sharing.is_some().then(|| self.state.clone())
    }

    /// Whether this is a node that was never told who may use the hub.
    pub(crate) fn is_joining(&self) -> bool {
        let sharing = self.state.sharing.as_ref();
        sharing.is_some_and(|sharing| !sharing.has_joined())
    }

    /// Changes the file; returns when the other nodes can have that, too.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&State, &mut Kept) -> Result<T, HubError> + Send + 'static,
    ) -> Result<T, HubError> {
        let (done, _) = self.change_of(None, change).await?;
        Ok(done)
    }

    /// The same; and whether another node was first to change that ticket.
    pub(super) async fn change_of<T: Send + 'static>(
        &self,
        ticket: Option<Hash>,
        change: impl FnOnce(&State, &mut Kept) -> Result<T, HubError> + Send + 'static,
    ) -> Result<(T, Outcome), HubError> {
        let (done, waiter) = self
            .run(move |state| {
                let mut kept = state.file();
                let done = change(state, &mut kept)?;
                // While the file is ours: no change is sent before it is waited for.
                let waiter = match &state.sharing {
                    Some(sharing) => {
                        let change = kept.file.last_change().map_err(trouble)?;
                        sharing.wait_for(change, ticket.map(Key::Ticket))
                    }
                    None => None,
                };
                Ok((done, waiter))
            })
            .await?;
        let outcome = match (&self.state.sharing, waiter) {
            (Some(sharing), Some(waiter)) => sharing.outcome(waiter).await,
            _ => Outcome::Settled,
        };
        Ok((done, outcome))
    }
}

impl State {
    /// Waits a moment for what other nodes may just have made.
    pub(super) async fn look_at_others(&self) {
        if let Some(sharing) = &self.sharing {
            sharing.look().await;
        }
    }

    /// What says that a node shares its rows with others.
    pub(crate) fn sharing(&self) -> Option<&Sharing> {
        self.sharing.as_ref()
    }

    /// What this node is called, and its place among the changes of all.
    pub(crate) fn place(&self) -> Result<(String, Option<Place>), HubError> {
        self.file().file.place().map_err(trouble)
    }

    /// A batch of what was changed here after this change.
    pub(crate) fn changes(&self, after: i64) -> Result<Vec<Change>, HubError> {
        self.file().file.changes(after).map_err(trouble)
    }

    /// Whether this is a change of this node, which it still holds.
    pub(crate) fn holds(&self, upto: &Upto) -> Result<bool, HubError> {
        self.file().file.holds(upto).map_err(trouble)
    }

    /// Takes another name for this node.
    pub(crate) fn rename_node(&self) -> Result<(), HubError> {
        self.file().file.rename_node().map_err(trouble)
    }

    /// Drops changes after this one that later ones undo, if more than `most` wait;
    /// says how many wait then.
    pub(crate) fn compact(&self, after: i64, most: i64) -> Result<i64, HubError> {
        self.file().file.compact(after, most).map_err(trouble)
    }

    /// All rows of this node.
    pub(crate) fn everything(&self) -> Result<Everything, HubError> {
        self.file().file.everything().map_err(trouble)
    }

    /// Whether a person would miss anything, were the rows replaced.
    pub(crate) fn has_rows(&self) -> Result<bool, HubError> {
        self.file().file.has_rows().map_err(trouble)
    }

    /// Notes all rows, as if they were made now.
    pub(crate) fn offer_all(&self) -> Result<(), HubError> {
        self.file().file.offer_all().map_err(trouble)
    }

    /// Keeps the file as it was before this node joined others.
    pub(crate) fn copy_aside(&self) -> Result<Option<PathBuf>, HubError> {
        let kept = self.file();
        let copied = kept.file.copy_aside(".before-backplane.bak");
        copied.map_err(|source| HubError::Unopened {
            path: kept.file.path().to_owned(),
            source,
        })
    }

    /// The engine has all rows of this node.
    pub(crate) fn set_replaced(&self, to: &Place, own: Option<&Upto>) -> Result<(), HubError> {
        let mut kept = self.file();
        kept.file.set_replaced(to, own).map_err(trouble)?;
        self.join();
        Ok(())
    }

    /// Replaces all rows by the engine's, among which are this node's changes up
    /// to `own`.
    pub(crate) fn replace(
        &self,
        to: &Place,
        own: Option<&Upto>,
        rows: &[(String, String)],
    ) -> Result<(), HubError> {
        let mut kept = self.file();
        kept.file.replace(to, own, rows).map_err(trouble)?;
        self.load(&mut kept)?;
        self.join();
        Ok(())
    }

    /// Takes what changed from `from` to `to`, as the engine tells it, and ends the
    /// streams that are no longer allowed; whether this node was at `from`. `own`:
    /// its changes up to that one are in it.
    pub(crate) fn take(
        &self,
        from: &Place,
        to: Option<&Place>,
        own: Option<&Upto>,
        told: &[Told],
    ) -> Result<bool, HubError> {
        let mut kept = self.file();
        let Some(rows) = kept.file.apply(from, to, own, told).map_err(trouble)? else {
            return Ok(false);
        };
        let mut known = self.known();
        let mut ends = false;
        for (key, row) in rows {
            ends |= known.set(key, row);
        }
        self.lose_tickets(&kept, &mut known, told)?;
        if ends {
            self.enforce(&known);
        }
        Ok(true)
    }

    /// What callers did here since the last time.
    pub(crate) fn spent(&self) -> Spent {
        let published = self.publishing.spent(MOST_TOLD).into_iter();
        Spent {
            published: published.map(|(who, count)| (who.text(), count)).collect(),
            wrong: self.wrong.spent(MOST_TOLD),
        }
    }

    /// Takes what callers did at another node from what they may do here.
    pub(crate) fn owe(&self, spent: Spent) {
        let now = self.now();
        for (who, count) in spent.published.into_iter().take(MOST_TOLD) {
            if let Some(who) = Publisher::parse(&who) {
                self.publishing.owe(who, count, now);
            }
        }
        for (ip, count) in spent.wrong.into_iter().take(MOST_TOLD) {
            self.wrong.owe(ip, count, now);
        }
    }

    /// From now on this node knows who may use the hub.
    pub(super) fn join(&self) {
        if let Some(sharing) = &self.sharing {
            sharing.joined.send_replace(true);
        }
    }

    /// Ends the streams here whose tickets were shown at another node since.
    fn lose_tickets(&self, kept: &Kept, known: &mut Known, told: &[Told]) -> Result<(), HubError> {
        // Where each was shown last.
        let mut shown = HashMap::new();
        for told in told {
            if told.kind == "open" || told.kind == "claim" {
                shown.insert(&told.key, told.by_us);
            }
        }
        let mut lost = HashSet::new();
        for (key, by_us) in shown {
            let Some(Key::Ticket(hash)) = Key::parse(key) else {
                continue;
            };
            let Some(ticket) = known.tickets.get_mut(&hash).filter(|it| it.here) else {
                continue;
            };
            // Or here since, which the others will hear of.
            if !by_us && !kept.file.has_claimed(&hash).map_err(trouble)? {
                ticket.here = false;
                lost.insert(hash);
            }
        }
        if !lost.is_empty() {
            self.subscribers.cut(Cut::Replaced, |place| {
                let ticket = place.visitor.ticket.as_deref();
                ticket.is_some_and(|ticket| lost.contains(ticket))
            });
        }
        Ok(())
    }
}

impl Known {
    /// Writes down how a row is now; whether that may end streams.
    fn set(&mut self, key: Key, row: Option<Row>) -> bool {
        match (key, row) {
            (Key::Token(id), row) => {
                let before = self.by_id.remove(&id);
                if let Some(before) = &before {
                    self.tokens.remove(&before.hash);
                }
                let Some(Row::Token(hash, info)) = row else {
                    return before.is_some();
                };
                let entry = std::sync::Arc::new(Entry::new(hash, info, before.as_deref()));
                self.by_id.insert(id, entry.clone());
                self.tokens.insert(hash, entry);
                false
            }
            (Key::Ban(uid), Some(_)) => self.bans.insert(uid),
            (Key::Ban(uid), None) => {
                self.bans.remove(&uid);
                false
            }
            (Key::Ticket(hash), Some(Row::Ticket(row))) => {
                let ticket = Ticket::read(&row, self.tickets.get(&hash), false);
                self.tickets.extend(ticket.map(|ticket| (hash, ticket)));
                false
            }
            (Key::Ticket(hash), _) => self.tickets.remove(&hash).is_some(),
        }
    }
}

impl Publisher {
    fn text(&self) -> String {
        match self {
            Self::Owner(owner) => owner.column(),
            Self::Ip(ip) => format!("ip {ip}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("ip ") {
            Some(ip) => ip.parse().ok().map(Self::Ip),
            None => Owner::parse(text).map(Self::Owner),
        }
    }
}

fn trouble(source: rusqlite::Error) -> HubError {
    HubError::Access { source }
}
