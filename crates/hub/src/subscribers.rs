//! Who is listening: the places for subscribers, and who sits there.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::Hub;
use crate::courier::Courier;
use crate::limits::neighbourhood;
use crate::peer::Peer;
use crate::publication::{Address, Uid};

/// What is known of a subscriber before it has its place.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) peer: Peer,
    pub(crate) addresses: Arc<[Address]>,
    /// What it says it is, if it does.
    pub(crate) device: Option<Box<str>>,
    /// The path it asked for.
    pub(crate) path: Cow<'static, str>,
    /// The id and the name of its token.
    pub(crate) token: Option<Arc<(String, String)>>,
    /// The ticket that opened its stream.
    pub(crate) ticket: Option<Box<crate::access::Hash>>,
}

impl Visitor {
    /// The uids it listens as, each once.
    fn uids(&self) -> impl Iterator<Item = &Uid> {
        let addresses = &self.addresses;
        addresses
            .iter()
            .enumerate()
            .filter_map(|(nth, address)| match address {
                Address::Uid(uid) if !addresses[..nth].contains(address) => Some(uid),
                _ => None,
            })
    }
}

/// Why a subscriber gets no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// All places are taken.
    Hub,
    /// All that one address may have.
    Ip,
    /// All that one uid may have.
    Uid,
}

/// Why a stream is ended before its subscriber leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The owner of the hub said so.
    Disconnected,
    /// What allowed it to listen no longer does.
    Revoked,
    /// A newer connection of the same stream took its place.
    Replaced,
}

impl Cut {
    /// The reason as `bye` says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
        }
    }
}

/// All open streams of one hub.
#[derive(Default)]
pub(crate) struct Subscribers {
    next: AtomicU64,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    all: BTreeMap<u64, Arc<Place>>,
    /// How many of them each has; none has zero.
    per_ip: HashMap<IpAddr, usize>,
    per_uid: HashMap<Uid, usize>,
}

impl Places {
    fn add(&mut self, place: Arc<Place>) {
        if let Peer::Remote(ip) = place.visitor.peer {
            *self.per_ip.entry(neighbourhood(ip)).or_default() += 1;
        }
        for uid in place.visitor.uids() {
            *self.per_uid.entry(uid.clone()).or_default() += 1;
        }
        self.all.insert(place.id, place);
    }

    fn remove(&mut self, id: u64) {
        let Some(place) = self.all.remove(&id) else {
            return;
        };
        if let Peer::Remote(ip) = place.visitor.peer {
            take_one(&mut self.per_ip, &neighbourhood(ip));
        }
        for uid in place.visitor.uids() {
            take_one(&mut self.per_uid, uid);
        }
    }
}

fn take_one<K: Eq + std::hash::Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

/// One open stream.
pub(crate) struct Place {
    pub(crate) id: u64,
    pub(crate) visitor: Visitor,
    /// Unix milliseconds.
    pub(crate) since: i64,
    /// Up to where it has looked at the log; [`CARRIED`]: as far as its courier.
    cursor: AtomicU64,
    way: Mutex<Way>,
    /// Tells a stream that no courier carries that it is cut.
    told: Notify,
}

/// No place in a log.
const CARRIED: u64 = u64::MAX;

/// How a stream goes on.
#[derive(Default)]
struct Way {
    /// Why it does not.
    cut: Option<Cut>,
    courier: Option<Arc<Courier>>,
}

impl Place {
    /// Ends the stream.
    pub(crate) fn cut(&self, why: Cut) {
        let courier = {
            let mut way = self.way();
            way.cut.get_or_insert(why);
            way.courier.clone()
        };
        match courier {
            Some(courier) => courier.cut(self.id),
            None => self.told.notify_one(),
        }
    }

    /// From now on this courier carries the stream, and is told when it is cut;
    /// whether that has happened already.
    pub(crate) fn goes_by(&self, courier: &Arc<Courier>) -> Option<Cut> {
        let mut way = self.way();
        way.courier = Some(courier.clone());
        way.cut
    }

    /// It has looked at the log up to here.
    pub(crate) fn reaches(&self, cursor: u64) {
        self.cursor.store(cursor, Ordering::Relaxed);
    }

    /// It has looked at all that its courier has.
    pub(crate) fn keeps_up(&self) {
        self.reaches(CARRIED);
    }

    /// Up to where it has looked at the log.
    pub(crate) fn cursor(&self) -> u64 {
        match self.cursor.load(Ordering::Relaxed) {
            CARRIED => self
                .way()
                .courier
                .as_ref()
                .map_or(0, |courier| courier.reached()),
            cursor => cursor,
        }
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscribers {
    /// Open streams.
    pub(crate) fn count(&self) -> usize {
        self.lock().all.len()
    }

    /// All open streams, the oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Place>> {
        self.lock().all.values().cloned().collect()
    }

    /// What has changed since the open streams were these. It is cheap where little has.
    pub(crate) fn changes(&self, known: &BTreeSet<u64>) -> Changes {
        let mut known = known.iter().copied().peekable();
        let mut changes = Changes::default();
        for (id, place) in &self.lock().all {
            while let Some(before) = known.next_if(|before| before < id) {
                changes.gone.push(before);
            }
            if known.next_if_eq(id).is_none() {
                changes.new.push(place.clone());
            }
        }
        changes.gone.extend(known);
        changes
    }

    /// Ends the streams that `which` picks, and says how many those are. A
    /// stream that is replaced gives up its place at once, to its successor.
    pub(crate) fn cut(&self, why: Cut, which: impl Fn(&Place) -> bool) -> usize {
        let picked: Vec<_> = {
            let mut places = self.lock();
            let all = places.all.values();
            let picked: Vec<_> = all.filter(|place| which(place)).cloned().collect();
            if why == Cut::Replaced {
                picked.iter().for_each(|place| places.remove(place.id));
            }
            picked
        };
        picked.iter().for_each(|place| place.cut(why));
        picked.len()
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Streams that opened, and the ids of those that ended, both the oldest first.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) new: Vec<Arc<Place>>,
    pub(crate) gone: Vec<u64>,
}

/// The place of one subscriber. It counts for as long as this lives, so a
/// connection that ends in whatever way leaves nothing behind.
pub(crate) struct Seat {
    hub: Hub,
    place: Arc<Place>,
    ended: &'static str,
}

impl Seat {
    /// Takes a place, if the limits leave one.
    pub(crate) fn take(hub: &Hub, visitor: Visitor) -> Result<Self, Full> {
        let config = hub.config();
        let subscribers = hub.subscribers();
        let place = {
            let mut places = subscribers.lock();
            if places.all.len() >= config.max_streams {
                return Err(Full::Hub);
            }
            let of_ip = |ip| places.per_ip.get(&neighbourhood(ip)).copied().unwrap_or(0);
            if let Peer::Remote(ip) = visitor.peer
                && of_ip(ip) >= config.max_streams_per_ip
            {
                return Err(Full::Ip);
            }
            let full =
                |uid| places.per_uid.get(uid).copied().unwrap_or(0) >= config.max_streams_per_uid;
            if visitor.uids().any(full) {
                return Err(Full::Uid);
            }
            let id = subscribers.next.fetch_add(1, Ordering::Relaxed) + 1;
            let place = Arc::new(Place {
                id,
                visitor,
                since: (config.clock)().as_millisecond(),
                cursor: AtomicU64::new(hub.log().head()),
                way: Mutex::default(),
                told: Notify::new(),
            });
            places.add(place.clone());
            place
        };
        hub.count_subscribers();
        hub.metrics().opened.add(1);
        Ok(Self {
            hub: hub.clone(),
            place,
            ended: "left",
        })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Notes why the stream ends, unless its subscriber leaves.
    pub(crate) fn end(&mut self, why: &'static str) {
        self.ended = why;
    }

    /// Waits until the stream, which no courier carries, is cut.
    pub(crate) async fn cut(&self) {
        self.place.told.notified().await;
    }

    /// Why the stream is cut, if it is.
    pub(crate) fn is_cut(&self) -> Option<Cut> {
        self.place.way().cut
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.metrics().ended.add(self.ended, 1);
        self.hub.subscribers().lock().remove(self.place.id);
        self.hub.count_subscribers();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HubConfig, Store};

    fn visitor(ip: &str) -> Visitor {
        Visitor {
            peer: Peer::Remote(ip.parse().unwrap()),
            addresses: Arc::default(),
            device: None,
            path: "/events".into(),
            token: None,
            ticket: None,
        }
    }

    #[test]
    fn a_whole_network_of_ipv6_counts_as_one_address() {
        let hub = Hub::open(HubConfig {
            max_streams_per_ip: 1,
            ..HubConfig::new(Store::Memory)
        })
        .unwrap();
        let seat = Seat::take(&hub, visitor("2001:db8::1")).unwrap();
        let second = Seat::take(&hub, visitor("2001:db8::2:1"));
        assert_eq!(second.err(), Some(Full::Ip));
        assert!(Seat::take(&hub, visitor("2001:db8:0:1::1")).is_ok());
        drop(seat);
        assert!(Seat::take(&hub, visitor("2001:db8::2:1")).is_ok());
    }

    #[test]
    fn changes_are_what_came_and_what_went() {
        let hub = Hub::open(HubConfig::new(Store::Memory)).unwrap();
        let seat = || Seat::take(&hub, visitor("2001:db8::1")).unwrap();
        let seats: Vec<_> = (0..5).map(|_| seat()).collect();
        let ids: Vec<u64> = seats.iter().map(|seat| seat.place.id).collect();
        let of = |known: &[u64]| {
            let known = known.iter().copied().collect();
            let Changes { new, gone } = hub.subscribers().changes(&known);
            let new: Vec<u64> = new.iter().map(|place| place.id).collect();
            (new, gone)
        };
        assert_eq!(of(&[]), (ids.clone(), vec![]));
        assert_eq!(of(&ids), (vec![], vec![]));
        assert_eq!(of(&ids[1..3]), (vec![ids[0], ids[3], ids[4]], vec![]));
        let [first, _second, third, _fourth, last] = seats.try_into().ok().unwrap();
        drop((first, third, last));
        let left = vec![ids[1], ids[3]];
        assert_eq!(of(&ids), (vec![], vec![ids[0], ids[2], ids[4]]));
        assert_eq!(of(&[ids[0], ids[2]]), (left, vec![ids[0], ids[2]]));
    }
}
