//! Who is at the other end of a connection.

use std::net::IpAddr;

/// The other end of a connection, as the listener saw it. Every request carries
/// it as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A socket of the network.
    Remote(IpAddr),
    /// The hub's own user, over the Unix socket.
    Local,
}
