//! Who is listening: the places for subscribers, and who sits there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::Hub;
use crate::access::Hash;
use crate::peer::Peer;
use crate::publication::{Address, Uid};

/// What is known of a subscriber before it has its place.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) peer: Peer,
    pub(crate) addresses: Vec<Address>,
    /// What it says it is, if it does.
    pub(crate) device: Option<String>,
    /// The path it asked for.
    pub(crate) path: String,
    /// The id and the name of its token.
    pub(crate) token: Option<(String, String)>,
    /// The ticket that opened its stream.
    pub(crate) ticket: Option<Hash>,
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
    places: Mutex<BTreeMap<u64, Arc<Place>>>,
}

/// One open stream.
pub(crate) struct Place {
    pub(crate) id: u64,
    pub(crate) visitor: Visitor,
    /// Unix milliseconds.
    pub(crate) since: i64,
    /// Up to where it has looked at the log.
    pub(crate) cursor: AtomicU64,
    cut: CancellationToken,
    why: OnceLock<Cut>,
}

impl Place {
    /// Ends the stream.
    pub(crate) fn cut(&self, why: Cut) {
        let _ = self.why.set(why);
        self.cut.cancel();
    }
}

impl Subscribers {
    /// Open streams.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// All open streams, the oldest first.
    pub(crate) fn list(&self) -> Vec<Arc<Place>> {
        self.lock().values().cloned().collect()
    }

    /// Ends the streams that `which` picks, and says how many those are. A
    /// stream that is replaced gives up its place at once, to its successor.
    pub(crate) fn cut(&self, why: Cut, which: impl Fn(&Place) -> bool) -> usize {
        let picked: Vec<_> = {
            let mut places = self.lock();
            let picked: Vec<_> = places.values().filter(|p| which(p)).cloned().collect();
            if why == Cut::Replaced {
                places.retain(|id, _| !picked.iter().any(|place| place.id == *id));
            }
            picked
        };
        picked.iter().for_each(|place| place.cut(why));
        picked.len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
            if places.len() >= config.max_streams {
                return Err(Full::Hub);
            }
            let taken = |which: &dyn Fn(&Visitor) -> bool| {
                places.values().filter(|p| which(&p.visitor)).count()
            };
            if config.max_streams_per_ip < config.max_streams
                && visitor.peer != Peer::Local
                && taken(&|other| other.peer == visitor.peer) >= config.max_streams_per_ip
            {
                return Err(Full::Ip);
            }
            let uids = |visitor: &Visitor, uid: &Uid| {
                let wanted = Address::Uid(uid.clone());
                visitor.addresses.contains(&wanted)
            };
            for address in &visitor.addresses {
                if let Address::Uid(uid) = address
                    && config.max_streams_per_uid < config.max_streams
                    && taken(&|other| uids(other, uid)) >= config.max_streams_per_uid
                {
                    return Err(Full::Uid);
                }
            }
            let id = subscribers.next.fetch_add(1, Ordering::Relaxed) + 1;
            let place = Arc::new(Place {
                id,
                visitor,
                since: (config.clock)().as_millisecond(),
                cursor: AtomicU64::new(hub.log().head()),
                cut: CancellationToken::new(),
                why: OnceLock::new(),
            });
            places.insert(id, place.clone());
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

    /// Waits until the stream is cut.
    pub(crate) async fn cut(&self) {
        self.place.cut.cancelled().await;
    }

    /// Why the stream is cut, if it is.
    pub(crate) fn is_cut(&self) -> Option<Cut> {
        let why = || self.place.why.get().copied().unwrap_or(Cut::Disconnected);
        self.place.cut.is_cancelled().then(why)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.metrics().ended.add(self.ended, 1);
        self.hub.subscribers().lock().remove(&self.place.id);
        self.hub.count_subscribers();
    }
}
