//! One connection of a desk: what is written to it in part, and since when.

use std::io::{self, Read as _, Write as _};
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tokio::sync::OwnedSemaphorePermit;

use crate::handover::MOST_HEARD;
use crate::subscription::Listener;

/// One socket, and whose it is.
pub(super) struct Connection {
    pub(super) socket: TcpStream,
    pub(super) state: State,
    /// Whether it waits for its turn.
    pub(super) queued: bool,
    pub(super) listener: Option<Listener>,
    /// The rest of an event, or of a page, that is written in part.
    pub(super) rest: Box<[u8]>,
    /// How much of the rest is written.
    pub(super) written: usize,
    /// Whether the loop hears of room in the socket.
    pub(super) armed: bool,
    /// Since when the socket takes nothing.
    pub(super) stalled: Option<Instant>,
    pub(super) quiet_until: Instant,
    pub(super) heard: usize,
    pub(super) _permit: Option<OwnedSemaphorePermit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It has all up to `reached`, and room for more.
    Live,
    /// Its cursor is its own.
    Behind,
    /// It is behind, and waits for a page from disk.
    Reading,
    /// The rest is the last that it gets.
    Ending,
    /// All is written; the peer's end is awaited.
    Over(Instant),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    All,
    /// So many bytes; the loop hears when there is room again.
    Part(usize),
    /// Nothing: the connection is gone.
    Gone,
}

impl Connection {
    /// From now on it has a cursor of its own.
    pub(super) fn falls_behind(&mut self, cursor: u64) {
        self.state = State::Behind;
        if let Some(listener) = &mut self.listener {
            listener.cursor = cursor;
            listener.seat.place().reaches(cursor);
        }
    }

    /// Writes until all is written or the socket is full; then the loop hears when
    /// there is room again.
    pub(super) fn write(
        &mut self,
        registry: &Registry,
        key: usize,
        bytes: &[u8],
        now: Instant,
    ) -> Sent {
        let mut sent = 0;
        while sent < bytes.len() {
            match self.socket.write(&bytes[sent..]) {
                Ok(0) => return Sent::Gone,
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.waits(registry, key, sent, now);
                }
                Err(_) => return Sent::Gone,
            }
        }
        self.stalled = None;
        Sent::All
    }

    fn waits(&mut self, registry: &Registry, key: usize, sent: usize, now: Instant) -> Sent {
        if sent > 0 || self.stalled.is_none() {
            self.stalled = Some(now);
        }
        if !self.armed {
            // Most never need it, and each change of it is a call to the system.
            let both = Interest::READABLE | Interest::WRITABLE;
            if registry
                .reregister(&mut self.socket, Token(key), both)
                .is_err()
            {
                return Sent::Gone;
            }
            self.armed = true;
        }
        Sent::Part(sent)
    }

    /// Reads what the peer says, which means nothing; whether it is there and
    /// says no more than it may.
    pub(super) fn hear(&mut self) -> bool {
        let mut scratch = [0; 4096];
        loop {
            match self.socket.read(&mut scratch) {
                Ok(0) => return false,
                Ok(read) => {
                    self.heard += read;
                    if self.heard > MOST_HEARD {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
    }
}
