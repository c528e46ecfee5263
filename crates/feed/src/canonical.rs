//! Turns any bytes into blocks that an event parser cannot stumble on.
//!
//! The WHATWG line and field processing
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>)
//! up to, and not including, the dispatch of events: it knows where blocks end
//! and what their fields mean. A block that makes an event goes on as it came,
//! uncopied, if it lies in one chunk and nothing in it needs mending. Any other is
//! written anew: data lines, the event name if any, the last event id unless the
//! parser knows it, a blank line. Total: every input is accepted, in any split.

use std::{borrow::Cow, mem, str};

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2};

use crate::{
    config::Limits,
    trouble::{Excess, Trouble},
};

/// Bytes of blocks that go on together, unless the first one is longer.
const TOGETHER: usize = 8 << 10;

/// What the bytes amount to, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A whole block that makes exactly one event, or several of them on end. A
    /// parser that gets all has the last event id from the event's block, or from
    /// one before; `own_id` tells whether the server's blocks themselves carried it.
    Event { block: Bytes, own_id: bool },
    /// A block without data that carried this id.
    Id(String),
    /// The server's reconnection time in milliseconds.
    Retry(u64),
    /// A comment, whatever it says.
    Comment,
}

/// A block that can go on as it came.
struct Untouched<'a> {
    length: usize,
    id: Option<&'a [u8]>,
}

/// The state of one stream. Holds at most one line and one event.
#[derive(Debug)]
pub(crate) struct Canonical {
    limits: Limits,
    /// The block's data lines, as they will be written; after them, from
    /// `begun` on, the line that began in an earlier chunk, as it came.
    held: BytesMut,
    begun: usize,
    /// A line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Nothing but a byte order mark may have come before this line.
    first_line: bool,
    event: String,
    /// The last event id buffer: it outlives blocks, and connections too.
    id: String,
    own_id: bool,
    /// The blocks so far told the parser this id.
    id_told: bool,
}

impl Canonical {
    /// `last_event_id` is what an earlier connection left, or empty.
    pub(crate) fn new(limits: Limits, last_event_id: String) -> Self {
        Self {
            limits,
            held: BytesMut::new(),
            begun: 0,
            after_cr: false,
            first_line: true,
            event: String::new(),
            id_told: last_event_id.is_empty(),
            id: last_event_id,
            own_id: false,
        }
    }

    /// Takes bytes from `chunk` up to the end of the next piece; `None` when
    /// the chunk is used up.
    ///
    /// # Errors
    /// [`Trouble::TooLong`]: the stream cannot be read on.
    pub(crate) fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Piece>, Trouble> {
        if let Some(event) = self.take_untouched(chunk) {
            return Ok(Some(event));
        }
        while let Some(&first) = chunk.first() {
            if mem::take(&mut self.after_cr) && first == b'\n' {
                chunk.advance(1);
                continue;
            }
            let held = self.held.len() - self.begun;
            let end = memchr2(b'\n', b'\r', chunk);
            let length = held + end.unwrap_or(chunk.len());
            within(length, self.limits.line, Excess::Line)?;
            let Some(end) = end else {
                self.held.extend_from_slice(chunk);
                chunk.clear();
                break;
            };
            self.after_cr = chunk[end] == b'\r';
            let piece = if held == 0 {
                self.take_line(&chunk[..end])?
            } else {
                self.held.extend_from_slice(&chunk[..end]);
                self.take_held_line()?
            };
            chunk.advance(end + 1);
            if piece.is_some() {
                return Ok(piece);
            }
        }
        Ok(None)
    }

    /// As many blocks as can go on as they came: those of which the parser makes
    /// what their lines, one by one, would make.
    fn take_untouched(&mut self, chunk: &mut Bytes) -> Option<Piece> {
        let between_blocks = self.held.is_empty() && self.event.is_empty() && !self.own_id;
        if !between_blocks {
            return None;
        }
        let first = self.untouched(chunk)?;
        let (mut length, mut last) = (first.length, first);
        while length < TOGETHER
            && let Some(next) = self.untouched(&chunk[length..])
            && next.id.is_some() == last.id.is_some()
        {
            length += next.length;
            last = next;
        }
        let own_id = last.id.is_some();
        if let Some(id) = last.id {
            replace(&mut self.id, id);
            self.id_told = true;
        }
        self.first_line = false;
        self.after_cr = false;
        let block = chunk.split_to(length);
        Some(Piece::Event { block, own_id })
    }

    /// The block that `bytes` begin with, if all of it is there and nothing in it
    /// needs mending.
    fn untouched<'a>(&self, bytes: &'a [u8]) -> Option<Untouched<'a>> {
        let (mut length, mut data, mut id) = (0, false, None);
        loop {
            let rest = &bytes[length..];
            let end = memchr2(b'\n', b'\r', rest).filter(|&end| rest[end] == b'\n')?;
            length += end + 1;
            match &rest[..end] {
                [] => break,
                [b'd', b'a', b't', b'a', b':', ..] => data = true,
                [b'e', b'v', b'e', b'n', b't', b':', ..] => {}
                [b'i', b'd', b':', value @ ..] if !value.contains(&0) => {
                    id = Some(without_space(value));
                }
                _ => return None,
            }
        }
        let fits = length <= self.limits.line.min(self.limits.event);
        let id_fits = id.map_or(self.id_told, |id| id.len() <= self.limits.id);
        let sound = data && fits && id_fits && str::from_utf8(&bytes[..length]).is_ok();
        sound.then_some(Untouched { length, id })
    }

    fn take_held_line(&mut self) -> Result<Option<Piece>, Trouble> {
        let line = &self.held[self.begun..];
        // A long line is one of data: it stays where it is.
        if let Some(value) = line.strip_prefix(b"data:")
            && str::from_utf8(value).is_ok()
        {
            self.first_line = false;
            let length = self.begun + without_space(value).len();
            within(length, self.limits.event, Excess::Event)?;
            self.held.extend_from_slice(b"\n");
            self.begun = self.held.len();
            return Ok(None);
        }
        let line = self.held.split_off(self.begun);
        if self.begun == 0 {
            // One long line must not hold its memory for the whole stream.
            self.held = BytesMut::new();
        }
        self.take_line(&line)
    }

    fn take_line(&mut self, mut line: &[u8]) -> Result<Option<Piece>, Trouble> {
        if mem::take(&mut self.first_line) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.end_block());
        }
        let (field, value) = match memchr(b':', line) {
            Some(0) => return Ok(Some(Piece::Comment)),
            Some(colon) => (&line[..colon], without_space(&line[colon + 1..])),
            None => (line, &[][..]),
        };
        match field {
            b"data" => {
                let value = text(value);
                let length = self.held.len() + value.len();
                within(length, self.limits.event, Excess::Event)?;
                self.put("data: ", &value);
            }
            b"event" => replace(&mut self.event, value),
            b"id" if !value.contains(&0) => {
                within(value.len(), self.limits.id, Excess::Id)?;
                replace(&mut self.id, value);
                self.own_id = true;
            }
            // Counts at once, whether or not its block makes an event.
            b"retry" => return Ok(digits(value).map(Piece::Retry)),
            _ => {}
        }
        Ok(None)
    }

    fn end_block(&mut self) -> Option<Piece> {
        let own_id = mem::take(&mut self.own_id);
        if self.held.is_empty() {
            self.event.clear();
            self.id_told &= !own_id;
            return own_id.then(|| Piece::Id(self.id.clone()));
        }
        let event = mem::take(&mut self.event);
        if !event.is_empty() {
            self.put("event: ", &event);
        }
        if own_id || !self.id_told {
            let id = mem::take(&mut self.id);
            self.put("id: ", &id);
            self.id = id;
            self.id_told = true;
        }
        self.held.extend_from_slice(b"\n");
        self.begun = 0;
        let block = mem::take(&mut self.held).freeze();
        Some(Piece::Event { block, own_id })
    }

    fn put(&mut self, field: &str, value: &str) {
        self.held.reserve(field.len() + value.len() + 1);
        self.held.extend_from_slice(field.as_bytes());
        self.held.extend_from_slice(value.as_bytes());
        self.held.extend_from_slice(b"\n");
        self.begun = self.held.len();
    }
}

fn without_space(value: &[u8]) -> &[u8] {
    value.strip_prefix(b" ").unwrap_or(value)
}

fn replace(text: &mut String, with: &[u8]) {
    text.clear();
    text.push_str(&self::text(with));
}

/// A line ends where a UTF-8 sequence cannot go on, so decoding line by line is
/// the same as decoding the stream.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    // Faster by far than going over it for what cannot be read.
    match str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

fn digits(value: &[u8]) -> Option<u64> {
    let all_digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    all_digits.then(|| text(value).parse().unwrap_or(u64::MAX))
}

fn within(length: usize, limit: usize, what: Excess) -> Result<(), Trouble> {
    if length > limit {
        return Err(Trouble::TooLong { what, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
