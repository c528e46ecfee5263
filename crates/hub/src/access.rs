//! What a request may do.

use crate::peer::Peer;
use crate::publication::{Address, Audience};

/// Who sent a request, decided once, before anything else looks at it. Every
/// request that reached a handler carries it as an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) peer: Peer,
    pub(crate) rights: Rights,
    /// The id and the name of the token that gave the rights.
    pub(crate) token: Option<(String, String)>,
}

/// What one caller may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) admin: bool,
    /// The only uids and topics; none: any, and everyone.
    pub(crate) only: Vec<Address>,
}

impl Rights {
    /// Everything.
    pub(crate) fn all() -> Self {
        Self {
            read: true,
            write: true,
            admin: true,
            only: Vec::new(),
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
                Audience::Everyone => self.only.is_empty(),
                Audience::Only(to) => to.iter().all(|address| self.covers(address)),
            }
    }

    fn covers(&self, address: &Address) -> bool {
        self.only.is_empty() || self.only.contains(address)
    }
}
