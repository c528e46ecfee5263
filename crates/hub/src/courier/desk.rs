//! The connections of a courier, and every step with them. Nothing here waits.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use slab::Slab;
use smallvec::SmallVec;
use tokio::sync::mpsc;

use super::connection::{Connection, Sent, State};
use super::{Arrival, Carried, Courier, FEW, Wanted};
use crate::handover::LAST_CHUNK;
use crate::log::Tail;
use crate::metrics::Metrics;
use crate::publication::{Address, Audience};
use crate::subscribers::Cut;
use crate::subscription::LONGEST;
use crate::window::{Entry, Page, put_chunk};
use crate::{Hub, HubError};

/// Most that one write to a live subscriber has, but for the event that passes
/// it.
const BATCH: usize = 256 * 1024;
/// Batches that are delivered before the loop looks at its sockets again.
const BATCHES: usize = 4;
/// Bytes that a publisher looks at for that.
const FEW_BYTES: usize = 32 * 1024;
/// Pages that those who are behind walk along the log before the others are
/// looked at again, and that one of them does.
const PAGES: usize = 64;
const PAGES_EACH: usize = 16;
/// How long a stream that is over is still read: see the ordinary path.
const LINGER: Duration = Duration::from_millis(300);

/// All connections, and how far the live ones are.
pub(super) struct Desk {
    tail: Tail,
    metrics: Arc<Metrics>,
    registry: Registry,
    connections: Slab<Connection>,
    /// Whom an address reaches.
    by_address: HashMap<Address, SmallVec<[u32; 2]>>,
    /// The place in the log of all live subscribers.
    pub(super) reached: u64,
    /// Connections that are behind and whose sockets may take more.
    pub(super) turns: VecDeque<usize>,
    wanted: mpsc::UnboundedSender<Wanted>,
    /// When the next deadline may be over.
    pub(super) next_sweep: Option<Instant>,
    /// Until when the loop sleeps if nothing happens.
    pub(super) alarm: Option<Instant>,
    /// Whether no stream is taken over any more.
    pub(super) stopping: bool,
    heartbeat: Duration,
    write_timeout: Duration,
    scratch: BytesMut,
    sorting: Sorting,
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
    pub(super) fn new(
        hub: &Hub,
        registry: Registry,
        wanted: mpsc::UnboundedSender<Wanted>,
    ) -> Self {
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

    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Delivers what is new, if no part of it is for more than `most`; whether
    /// nothing is left.
    pub(super) fn deliver(&mut self, most: usize) -> bool {
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
    pub(super) fn ready(&mut self, key: usize, readable: bool, now: Instant) {
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
    pub(super) fn queue(&mut self, key: usize) {
        if let Some(connection) = self.connections.get_mut(key)
            && !mem::replace(&mut connection.queued, true)
        {
            self.turns.push_back(key);
        }
    }

    /// Gives those who are behind a turn each, as far as a round may go.
    pub(super) fn take_turns(&mut self, now: Instant) {
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
    pub(super) fn walk(&mut self, key: usize, pages: usize, now: Instant) -> usize {
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

    pub(super) fn has_read(
        &mut self,
        carried: Carried,
        page: Result<Page, HubError>,
        now: Instant,
    ) {
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
    pub(super) fn admit(
        &mut self,
        courier: &Arc<Courier>,
        arrival: Arrival,
        now: Instant,
    ) -> Option<usize> {
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

    pub(super) fn cut(&mut self, places: &[u64], now: Instant) {
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

    pub(super) fn end_all(&mut self, now: Instant) {
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
    pub(super) fn sweep(&mut self, now: Instant) {
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
    pub(super) fn patience(&mut self, until: Option<Instant>) -> Option<Duration> {
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

    pub(super) fn clear(&mut self) {
        for key in 0..self.connections.capacity() {
            self.remove(key);
        }
        self.turns.clear();
    }
}

#[cfg(test)]
mod tests;
