//! Who is at the other end of a connection.

use std::net::IpAddr;

/// What the listener knows of a peer before it has said anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Came over the network, or over loopback.
    Remote(IpAddr),
    /// Came over the hub's own socket, and is the hub's user or root.
    Local,
}
