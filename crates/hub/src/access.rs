//! What a request may do, and who may do what.
//!
//! Tokens, tickets and bans lie in a file of their own, beside the log. What is
//! asked on every request is kept in memory; a thread notices what other
//! processes change in the file and writes down, now and then, what was used.

mod changes;
mod credential;
mod file;
mod need;
pub(crate) mod routes;
mod secret;
mod shared;
mod ticket;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, Uri};

use crate::config::Clock;
use crate::inbound::Refusal;
use crate::limits::{Buckets, neighbourhood};
use crate::peer::Peer;
use crate::publication::{Address, Audience, Uid};
use crate::routes::cursor_header;
use crate::subscribers::{Cut, Place, Subscribers};
use crate::{Hub, HubConfig, HubError, Rate, Token};

pub(crate) use changes::{Change, Place as Reached, Told, Upto};
use credential::Credential;
pub use file::{AccessFile, NewToken, TokenInfo};
pub(crate) use need::Need;
pub(crate) use secret::Hash;
use shared::SEEN_EVERY;
pub(crate) use shared::{Sharing, Spent};
use ticket::Ticket;

/// How often the file is looked at for what other processes changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often at most it is written down what was used.
const NOTE_EVERY: i64 = 60 * 1000;
/// Wrong tokens from one address.
const WRONG: Rate = Rate {
    burst: 30,
    per_second: 0.5,
};

/// Who sent a request, decided once, before anything else looks at it. Every
/// request that reached a handler carries it as an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    pub(crate) rights: Rights,
    /// The id and the name of the token that gave the rights.
    pub(crate) token: Option<Arc<(String, String)>>,
    pub(crate) owner: Owner,
    /// The ticket it came with.
    pub(crate) ticket: Option<Hash>,
}

/// Where a caller has its rights from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    /// From nobody: the hub asks for no token.
    Nobody,
    /// From being the hub's own user.
    Local,
    /// From a token of the settings, of which this is a fingerprint.
    Configured(u32),
    /// From the token with this id.
    Token(String),
}

/// What one caller may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) admin: bool,
    /// The only uids and topics; without a list any, and everyone.
    pub(crate) only: Option<Vec<Address>>,
}

impl Rights {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self {
            read: true,
            write: true,
            admin: true,
            only: None,
        }
    }

    /// Nothing but what is for all who come.
    pub(crate) fn none() -> Self {
        Self {
            read: false,
            write: false,
            admin: false,
            only: Some(Vec::new()),
        }
    }

    /// What a token allows.
    fn of(token: &TokenInfo) -> Self {
        let only = addresses(&token.uids, &token.topics);
        Self {
            read: token.read,
            write: token.write,
            admin: token.admin,
            only: (!only.is_empty()).then_some(only),
        }
    }

    /// Whether a stream of these addresses may be opened. Everyone's
    /// publications are for every reader.
    pub(crate) fn may_read(&self, addresses: &[Address]) -> bool {
        self.read && addresses.iter().all(|address| self.covers(address))
    }

    /// Whether a publication may go to this audience.
    pub(crate) fn may_write(&self, to: &Audience) -> bool {
        self.write
            && match to {
                Audience::Everyone => self.only.is_none(),
                Audience::Only(to) => to.iter().all(|address| self.covers(address)),
            }
    }

    /// Whom a reader listens as that names nobody: the users it is fixed to.
    pub(crate) fn own_uids(&self) -> Vec<Uid> {
        let only = self.only.iter().flatten();
        only.filter_map(|own| match own {
            Address::Uid(uid) => Some(uid.clone()),
            Address::Topic(_) => None,
        })
        .collect()
    }

    fn covers(&self, address: &Address) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(address))
    }
}

/// Who may use one hub.
pub(crate) struct Access {
    state: Arc<State>,
    /// Dropped, it ends the thread.
    stop: Option<SyncSender<()>>,
    keeper: Option<JoinHandle<()>>,
}

pub(crate) struct State {
    file: Mutex<Kept>,
    known: Mutex<Known>,
    configured: Vec<(u32, Token)>,
    subscribers: Arc<Subscribers>,
    clock: Clock,
    publishing: Buckets<Publisher>,
    wrong: Buckets<std::net::IpAddr>,
    /// Of a node of a hub with several.
    sharing: Option<Sharing>,
}

/// The file, and which state of it is known.
struct Kept {
    file: AccessFile,
    version: i64,
    noted: i64,
}

/// What is in the file, for every request.
#[derive(Default)]
struct Known {
    tokens: HashMap<Hash, Arc<Entry>>,
    /// The same by id.
    by_id: HashMap<String, Arc<Entry>>,
    bans: HashSet<Uid>,
    tickets: HashMap<Hash, Ticket>,
}

struct Entry {
    hash: Hash,
    info: TokenInfo,
    /// In Unix milliseconds; 0: never.
    used: AtomicI64,
    /// The same as it is in the file.
    noted: AtomicI64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Publisher {
    Owner(Owner),
    Ip(std::net::IpAddr),
}

/// What a request shows to be let in.
pub(crate) struct Shown {
    credential: Credential,
    /// It says which event it got last.
    resumes: bool,
}

impl Shown {
    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        Self {
            credential: Credential::of(uri, headers),
            resumes: cursor_header(headers).is_some(),
        }
    }
}

/// Why a request is not let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotLetIn {
    pub(crate) refusal: Refusal,
    /// How long to stay away.
    pub(crate) wait: Option<Duration>,
}

impl From<Refusal> for NotLetIn {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            wait: None,
        }
    }
}

impl Access {
    pub(crate) fn open(
        config: &HubConfig,
        subscribers: Arc<Subscribers>,
    ) -> Result<Self, HubError> {
        let mut file = AccessFile::open(&config.store)?;
        let shared = config.backplane.is_some();
        file.set_shared(shared)
            .map_err(|source| HubError::Access { source })?;
        let configured = config
            .tokens
            .iter()
            .map(|own| (own.fingerprint(), own.clone()));
        let state = Arc::new(State {
            file: Mutex::new(Kept {
                file,
                version: 0,
                noted: (config.clock)().as_millisecond(),
            }),
            known: Mutex::default(),
            configured: configured.collect(),
            subscribers,
            clock: config.clock.clone(),
            publishing: Buckets::new(config.rate),
            wrong: Buckets::new(WRONG),
            sharing: shared.then(Sharing::default),
        });
        state.catch_up(&mut state.file())?;
        if state.place()?.1.is_some() {
            state.join();
        }
        let (stop, stopped) = sync_channel::<()>(0);
        let keeper = {
            let state = state.clone();
            thread::Builder::new()
                .name("hub-access".to_owned())
                .spawn(move || {
                    while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                        state.keep(false);
                    }
                    state.keep(true);
                })
                .map_err(|source| HubError::Unopened {
                    path: state_path(&config.store),
                    source,
                })?
        };
        Ok(Self {
            state,
            stop: Some(stop),
            keeper: Some(keeper),
        })
    }

    /// Whether there is a token in the file.
    pub(crate) fn has_tokens(&self) -> bool {
        !self.state.known().tokens.is_empty()
    }

    /// Who sent this. `asks`: whether the listener asks everybody for a token.
    pub(crate) async fn identify(
        &self,
        peer: Peer,
        need: Need,
        asks: bool,
        shown: Shown,
    ) -> Result<Caller, NotLetIn> {
        let caller = |rights, owner| Caller {
            peer,
            rights,
            token: None,
            owner,
            ticket: None,
        };
        if peer == Peer::Local {
            return Ok(caller(Rights::all(), Owner::Local));
        }
        if need == Need::Nothing {
            return Ok(caller(Rights::none(), Owner::Nobody));
        }
        match shown.credential {
            Credential::Token(given) => {
                let hash = Hash::of(&given);
                let mut entry = self.state.by_hash(&hash);
                if entry.is_none() {
                    // What people chose can be found by trying.
                    self.state.may_try(peer)?;
                    let mut configured = self.state.configured.iter();
                    if let Some((fingerprint, _)) = configured.find(|(_, own)| own.is(&given)) {
                        return Ok(caller(Rights::all(), Owner::Configured(*fingerprint)));
                    }
                    // It may have been made a moment ago.
                    self.run(|state| state.catch_up(&mut state.file()))
                        .await
                        .map_err(Refusal::from)?;
                    entry = self.state.by_hash(&hash);
                    if entry.is_none() {
                        self.state.look_at_others().await;
                        entry = self.state.by_hash(&hash);
                    }
                }
                let Some(entry) = entry else {
                    return Err(self.state.refuse(peer, "this token is not known here"));
                };
                entry.used.fetch_max(self.state.now(), Ordering::Relaxed);
                Ok(Caller {
                    token: Some(Arc::new((entry.info.id.clone(), entry.info.name.clone()))),
                    ..caller(Rights::of(&entry.info), Owner::Token(entry.info.id.clone()))
                })
            }
            Credential::Ticket(given) if need == Need::Listen => {
                self.ticket_caller(peer, asks, &given, shown.resumes).await
            }
            Credential::Malformed(why) => Err(self.state.refuse(peer, why)),
            Credential::Nothing | Credential::Ticket(_) => {
                if !asks {
                    return Ok(caller(Rights::all(), Owner::Nobody));
                }
                if need == Need::Metrics && is_loopback(peer) {
                    return Ok(caller(Rights::none(), Owner::Nobody));
                }
                Err(NotLetIn::from(unauthorized(
                    "this hub asks for a token: send `Authorization: Bearer …`",
                )))
            }
        }
    }

    /// Counts `count` publications of a caller, or says how long to wait.
    pub(crate) fn charge(&self, caller: &Caller, count: u32) -> Result<(), NotLetIn> {
        let who = match (&caller.owner, caller.peer) {
            (_, Peer::Local) => return Ok(()),
            (owner @ (Owner::Configured(_) | Owner::Token(_)), _) => {
                Publisher::Owner(owner.clone())
            }
            (_, Peer::Remote(ip)) => Publisher::Ip(neighbourhood(ip)),
        };
        let now = self.state.now();
        let taken = self.state.publishing.take(who, count, now);
        taken.map_err(|wait| too_many("too many publications; wait a moment", wait))
    }

    /// Whether a stream that has its place may keep it: between the look at its
    /// request and now a token may have been taken back.
    pub(crate) fn may_stay(&self, place: &Place) -> bool {
        self.state.known().may_stay(place)
    }

    /// Whether one of these is a banned uid.
    pub(crate) fn is_banned(&self, addresses: &[Address]) -> bool {
        self.state.known().is_banned(addresses)
    }

    /// Runs `work` where blocking is fine.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&State) -> Result<T, HubError> + Send + 'static,
    ) -> Result<T, HubError> {
        let state = self.state.clone();
        tokio::task::spawn_blocking(move || work(&state))
            .await
            .unwrap_or(Err(HubError::Stopped))
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        drop(self.stop.take());
        // The keeper itself, while it ends streams, may drop the last handle.
        let other = |keeper: &JoinHandle<()>| keeper.thread().id() != thread::current().id();
        if let Some(keeper) = self.keeper.take().filter(other) {
            let _ = keeper.join();
        }
    }
}

impl Hub {
    /// The tokens that were made, the oldest first; those of the
    /// [`HubConfig`] are not among them.
    ///
    /// # Errors
    ///
    /// [`HubError::Access`].
    pub async fn tokens(&self) -> Result<Vec<TokenInfo>, HubError> {
        let tokens = self.access().run(|state| {
            state.catch_up(&mut state.file())?;
            let known = state.known();
            Ok(known.tokens.values().map(|entry| entry.shown()).collect())
        });
        let mut tokens: Vec<TokenInfo> = tokens.await?;
        tokens.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        Ok(tokens)
    }

    /// Makes a token. Its secret is known to the caller alone from now on.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchToken`], [`HubError::TooMany`],
    /// [`HubError::NoRandomness`] or [`HubError::Access`].
    pub async fn create_token(&self, new: NewToken) -> Result<(TokenInfo, Token), HubError> {
        let made = self.access().change(|state, kept| {
            let made = kept.file.create(new, (state.clock)())?;
            state.load(kept)?;
            Ok(made)
        });
        made.await
    }

    /// Takes a token back: its streams end, and it opens nothing any more.
    /// Whether there was one with this id.
    ///
    /// # Errors
    ///
    /// [`HubError::Access`].
    pub async fn revoke_token(&self, id: &str) -> Result<bool, HubError> {
        let id = id.to_owned();
        let revoked = self.access().change(move |state, kept| {
            let was = kept.file.revoke(&id)?;
            state.load(kept)?;
            Ok(was)
        });
        revoked.await
    }

    /// The banned uids, sorted.
    ///
    /// # Errors
    ///
    /// [`HubError::Access`].
    pub async fn bans(&self) -> Result<Vec<Uid>, HubError> {
        self.access().run(|state| state.file().file.bans()).await
    }

    /// Bans a uid: its streams end, and it opens no others.
    ///
    /// # Errors
    ///
    /// [`HubError::TooMany`] or [`HubError::Access`].
    pub async fn ban(&self, uid: &Uid) -> Result<(), HubError> {
        let uid = uid.clone();
        let banned = self.access().change(move |state, kept| {
            kept.file.ban(&uid)?;
            state.load(kept)
        });
        banned.await
    }

    /// Lets a banned uid back; whether it was banned.
    ///
    /// # Errors
    ///
    /// [`HubError::Access`].
    pub async fn unban(&self, uid: &Uid) -> Result<bool, HubError> {
        let uid = uid.clone();
        let unbanned = self.access().change(move |state, kept| {
            let was = kept.file.unban(&uid)?;
            state.load(kept)?;
            Ok(was)
        });
        unbanned.await
    }
}

impl State {
    /// Taken before [`known`](Self::known) where both are needed.
    fn file(&self) -> MutexGuard<'_, Kept> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In Unix milliseconds; at a node the engine's.
    pub(crate) fn now(&self) -> i64 {
        (self.clock)().as_millisecond()
    }

    fn by_hash(&self, hash: &Hash) -> Option<Arc<Entry>> {
        let entry = self.known().tokens.get(hash).cloned();
        entry.filter(|entry| entry.hash.is(hash))
    }

    /// Reads the file again if another process has changed it.
    fn catch_up(&self, kept: &mut Kept) -> Result<(), HubError> {
        let trouble = |source| HubError::Access { source };
        let version = kept.file.data_version().map_err(trouble)?;
        if version != kept.version {
            self.load(kept)?;
            kept.version = version;
        }
        Ok(())
    }

    /// Reads the file, and ends the streams that it no longer allows.
    fn load(&self, kept: &mut Kept) -> Result<(), HubError> {
        let trouble = |source| HubError::Access { source };
        let tokens = kept.file.keyed().map_err(trouble)?;
        let bans = kept.file.bans()?;
        let tickets = kept.file.tickets().map_err(trouble)?;
        {
            let mut known = self.known();
            let before = std::mem::take(&mut *known);
            known.bans = bans.into_iter().collect();
            for (hash, info) in tokens {
                let before = before.tokens.get(&hash);
                let entry = Arc::new(Entry::new(hash, info, before.map(Arc::as_ref)));
                known.by_id.insert(entry.info.id.clone(), entry.clone());
                known.tokens.insert(hash, entry);
            }
            for row in tickets {
                let hash = row.hash;
                let here = self.sharing.is_none();
                let ticket = Ticket::read(&row, before.tickets.get(&hash), here);
                known.tickets.extend(ticket.map(|ticket| (hash, ticket)));
            }
        }
        self.enforce(&self.known());
        Ok(())
    }

    /// Ends the streams that are no longer allowed.
    fn enforce(&self, known: &Known) {
        self.subscribers
            .cut(Cut::Revoked, |place| !known.may_stay(place));
    }

    /// What is to be done now and then.
    fn keep(&self, last: bool) {
        let mut kept = self.file();
        let now = self.now();
        let done = self.catch_up(&mut kept).and_then(|()| {
            if last || now.abs_diff(kept.noted) >= NOTE_EVERY.unsigned_abs() {
                // What is known of the others is old while the engine is away.
                if !last && self.sharing.as_ref().is_some_and(Sharing::is_away) {
                    return Ok(());
                }
                kept.noted = now;
                self.tidy_tickets(&mut kept, now)?;
                self.note_used(&mut kept, last)?;
            }
            Ok(())
        });
        if let Err(error) = done {
            tracing::warn!(%error, "the hub's tokens could not be kept");
        }
    }

    /// Writes down what was used since the last time.
    fn note_used(&self, kept: &mut Kept, last: bool) -> Result<(), HubError> {
        let every = match self.sharing {
            Some(_) if !last => SEEN_EVERY,
            _ => 1,
        };
        let (mut entries, mut tokens, mut tickets) = (Vec::new(), Vec::new(), Vec::new());
        {
            let mut known = self.known();
            for entry in known.tokens.values() {
                let used = entry.used.load(Ordering::Relaxed);
                if used > entry.noted.load(Ordering::Relaxed) {
                    tokens.push((entry.info.id.clone(), used));
                    entries.push((entry.clone(), used));
                }
            }
            for (hash, ticket) in &mut known.tickets {
                if ticket.seen.saturating_sub(ticket.noted) >= every {
                    ticket.noted = ticket.seen;
                    tickets.push((*hash, ticket.seen));
                }
            }
        }
        if tokens.is_empty() && tickets.is_empty() {
            return Ok(());
        }
        let noted = kept.file.set_used(&tokens, &tickets);
        noted.map_err(|source| HubError::Access { source })?;
        for (entry, used) in entries {
            entry.noted.store(used, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Whether this peer may show a token that the hub did not make, after the
    /// wrong ones it has shown. The owner, who sits at this machine, is never locked out.
    fn may_try(&self, peer: Peer) -> Result<(), NotLetIn> {
        let Peer::Remote(ip) = peer else {
            return Ok(());
        };
        if !is_loopback(peer) && self.wrong.is_empty(neighbourhood(ip), self.now()) {
            return Err(too_many(TOO_MANY_WRONG, Duration::from_secs(60)));
        }
        Ok(())
    }

    /// Refuses what a peer has shown, and counts that.
    fn refuse(&self, peer: Peer, why: &str) -> NotLetIn {
        if let Peer::Remote(ip) = peer
            && let Err(wait) = self.wrong.take(neighbourhood(ip), 1, self.now())
        {
            return too_many(TOO_MANY_WRONG, wait);
        }
        unauthorized(why).into()
    }
}

const TOO_MANY_WRONG: &str = "too many wrong tokens came from your address; wait a minute";

impl Known {
    fn may_stay(&self, place: &Place) -> bool {
        let visitor = &place.visitor;
        let token = visitor.token.as_ref();
        let ticket = visitor.ticket.as_deref();
        token.is_none_or(|token| self.by_id.contains_key(&token.0))
            && ticket.is_none_or(|hash| self.tickets.contains_key(hash))
            && !self.is_banned(&visitor.addresses)
    }

    fn is_banned(&self, addresses: &[Address]) -> bool {
        !self.bans.is_empty()
            && addresses
                .iter()
                .any(|address| matches!(address, Address::Uid(uid) if self.bans.contains(uid)))
    }
}

impl Entry {
    /// What is in the file, and what is known beyond that.
    fn new(hash: Hash, info: TokenInfo, before: Option<&Self>) -> Self {
        let noted = info.used.map_or(0, jiff::Timestamp::as_millisecond);
        let used = before.map_or(0, |before| before.used.load(Ordering::Relaxed));
        Self {
            hash,
            used: AtomicI64::new(used.max(noted)),
            noted: AtomicI64::new(noted),
            info,
        }
    }

    fn shown(&self) -> TokenInfo {
        let used = self.used.load(Ordering::Relaxed);
        let used = (used > 0).then(|| jiff::Timestamp::from_millisecond(used).ok());
        TokenInfo {
            used: used.flatten(),
            ..self.info.clone()
        }
    }
}

fn addresses(uids: &[Uid], topics: &[crate::Topic]) -> Vec<Address> {
    let uids = uids.iter().cloned().map(Address::Uid);
    uids.chain(topics.iter().cloned().map(Address::Topic))
        .collect()
}

fn state_path(store: &crate::Store) -> std::path::PathBuf {
    match store {
        crate::Store::Memory => ":memory:".into(),
        crate::Store::Path(path) => path.clone(),
    }
}

/// Whether the other end sits at this machine.
fn is_loopback(peer: Peer) -> bool {
    match peer {
        Peer::Local => true,
        Peer::Remote(ip) => ip.to_canonical().is_loopback(),
    }
}

fn unauthorized(why: &str) -> Refusal {
    Refusal {
        status: StatusCode::UNAUTHORIZED,
        why: why.to_owned(),
    }
}

fn too_many(why: &str, wait: Duration) -> NotLetIn {
    NotLetIn {
        refusal: Refusal {
            status: StatusCode::TOO_MANY_REQUESTS,
            why: why.to_owned(),
        },
        wait: Some(wait),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Store;
    use crate::publication::Filter;

    fn some() -> impl Strategy<Value = Vec<Address>> {
        let one = (any::<bool>(), 0..5u8).prop_map(|(user, n)| {
            let name = n.to_string();
            if user {
                Address::Uid(Uid::parse(&name).unwrap())
            } else {
                Address::Topic(crate::Topic::parse(&name).unwrap())
            }
        });
        prop::collection::vec(one, 0..5)
    }

    proptest! {
        #[test]
        fn lists_hold_whatever_is_asked_for(
            only in some(),
            wanted in some(),
            to in some(),
            everyone: bool,
            fixed: bool,
        ) {
            let rights = Rights { only: fixed.then_some(only.clone()), ..Rights::all() };
            let within = |address: &Address| !fixed || only.contains(address);
            let filter = Filter { everyone, addresses: wanted.clone().into() };
            let audience = if to.is_empty() { Audience::Everyone } else { Audience::Only(to.clone()) };
            // What a stream that may be opened takes is everyone's or within.
            if rights.may_read(&wanted) && filter.takes(&audience) {
                prop_assert!(to.is_empty() || to.iter().any(within));
            }
            prop_assert_eq!(rights.may_read(&wanted), wanted.iter().all(within));
            prop_assert_eq!(
                rights.may_write(&audience),
                if to.is_empty() { !fixed } else { to.iter().all(within) }
            );
            // Who names nobody is never refused, and never gets more.
            let own: Vec<_> = rights.own_uids().into_iter().map(Address::Uid).collect();
            prop_assert!(rights.may_read(&own) && own.iter().all(within));
            // Without the right itself lists help nobody.
            let none = Rights { read: false, write: false, ..rights };
            prop_assert!(!none.may_read(&wanted) && !none.may_write(&audience));
        }
    }

    /// All who sit behind one router, or in one container's network, have one
    /// address.
    #[tokio::test]
    async fn the_wrong_tokens_of_a_neighbour_lock_nobody_out() {
        let hub = Hub::open(HubConfig::new(Store::Memory)).unwrap();
        let new = NewToken {
            name: "Ada".to_owned(),
            write: true,
            ..NewToken::default()
        };
        let (_, token) = hub.create_token(new).await.unwrap();
        let peer = Peer::Remote([192, 0, 2, 1].into());
        let try_it = async |secret: &str| {
            let uri: Uri = format!("/publish?token={secret}").parse().unwrap();
            let shown = Shown::of(&uri, &HeaderMap::new());
            let known = hub.access().identify(peer, Need::Write, true, shown).await;
            known.map_err(|refused| refused.refusal.status.as_u16())
        };
        for nth in 0..WRONG.burst {
            assert_eq!(try_it(&format!("fb_{nth}")).await, Err(401));
        }
        assert_eq!(try_it("fb_wrong").await, Err(429));
        assert!(try_it(token.secret()).await.is_ok());
    }
}
