//! Who is listening, as the owner of the hub sees it.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::Hub;
use crate::device;
use crate::peer::Peer;
use crate::publication::{Address, Topic, Uid};
use crate::subscribers::{Cut, Place};

/// One open stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// Its number, given once for as long as the hub runs.
    pub id: u64,
    /// The users it listens as.
    pub uids: Vec<Uid>,
    /// The topics it listens to.
    pub topics: Vec<Topic>,
    /// What it says it is, in short, like `Firefox on Linux`: letters, digits,
    /// spaces and `. _ - +` alone. `None` when it says nothing that can be read.
    pub device: Option<String>,
    /// Where it connects from; `None` over the Unix socket.
    pub address: Option<IpAddr>,
    /// Since when it listens.
    pub since: Timestamp,
    /// Events of the log that it has not looked at yet.
    pub lag: u64,
    /// The path that it asked for.
    pub path: String,
    /// The name of its token.
    pub token: Option<String>,
}

impl Hub {
    /// Who is listening, the oldest stream first.
    #[must_use]
    pub fn listening(&self) -> Vec<Subscriber> {
        let places = self.subscribers().list();
        // Read after the places: no cursor in the list is ahead of it by much,
        // and a difference is never below zero.
        let head = self.log().head();
        places.iter().map(|place| subscriber(place, head)).collect()
    }

    /// How many events of the log the slowest subscriber has not looked at yet.
    pub(crate) fn greatest_lag(&self) -> u64 {
        let places = self.subscribers().list();
        let head = self.log().head();
        places
            .iter()
            .map(|place| lag(place, head))
            .max()
            .unwrap_or(0)
    }

    /// Ends a subscriber's stream at once; whether there was one. What
    /// reconnects by itself comes back.
    pub fn disconnect(&self, id: u64) -> bool {
        let cut = self
            .subscribers()
            .cut(Cut::Disconnected, |place| place.id == id);
        cut > 0
    }
}

pub(crate) fn subscriber(place: &Place, head: u64) -> Subscriber {
    let visitor = &place.visitor;
    let (mut uids, mut topics) = (Vec::new(), Vec::new());
    for address in &*visitor.addresses {
        match address {
            Address::Uid(uid) => uids.push(uid.clone()),
            Address::Topic(topic) => topics.push(topic.clone()),
        }
    }
    Subscriber {
        id: place.id,
        uids,
        topics,
        device: visitor.device.as_deref().and_then(device::short),
        address: match visitor.peer {
            Peer::Remote(address) => Some(address),
            Peer::Local => None,
        },
        since: Timestamp::from_millisecond(place.since).unwrap_or_default(),
        lag: lag(place, head),
        path: visitor.path.clone().into_owned(),
        token: visitor.token.as_ref().map(|token| token.1.clone()),
    }
}

fn lag(place: &Place, head: u64) -> u64 {
    head.saturating_sub(place.cursor())
}
