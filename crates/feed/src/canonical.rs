//! Turns any bytes into blocks that an event parser cannot stumble on.
//!
//! The WHATWG line and field processing
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream>)
//! up to, and not including, the dispatch of events: it knows where blocks end
//! and what their fields mean, and writes each block that makes an event anew,
//! in one form: data lines, the event name if any, the last event id as it
//! stands, a blank line. Total: every input is accepted, in any split.

use std::{borrow::Cow, mem};

use bytes::{Buf, Bytes, BytesMut};
use memchr::{memchr, memchr2};

use crate::{
    config::Limits,
    trouble::{Excess, Trouble},
};

/// Capacity kept for lines that span chunks.
const KEPT: usize = 16 << 10;

/// What the bytes amount to, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// One whole block that makes exactly one event. Its `id:` is the last
    /// event id; `own_id` tells whether the block itself carried it.
    Event { block: Bytes, own_id: bool },
    /// A block without data that carried this id.
    Id(String),
    /// The server's reconnection time in milliseconds.
    Retry(u64),
    /// A comment, whatever it says.
    Comment,
}

/// The state of one stream. Holds at most one line and one event.
#[derive(Debug)]
pub(crate) struct Canonical {
    limits: Limits,
    /// The line so far, when it began in an earlier chunk.
    line: Vec<u8>,
    /// A line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// Nothing but a byte order mark may have come before this line.
    first_line: bool,
    /// The block's data lines, as they will be written.
    data: BytesMut,
    event: String,
    /// The last event id buffer: it outlives blocks, and connections too.
    id: String,
    own_id: bool,
}

impl Canonical {
    /// `last_event_id` is what an earlier connection left, or empty.
    pub(crate) fn new(limits: Limits, last_event_id: String) -> Self {
        Self {
            limits,
            line: Vec::new(),
            after_cr: false,
            first_line: true,
            data: BytesMut::new(),
            event: String::new(),
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
        while let Some(&first) = chunk.first() {
            if mem::take(&mut self.after_cr) && first == b'\n' {
                chunk.advance(1);
                continue;
            }
            let end = memchr2(b'\n', b'\r', chunk);
            let length = self.line.len() + end.unwrap_or(chunk.len());
            within(length, self.limits.line, Excess::Line)?;
            let Some(end) = end else {
                self.line.extend_from_slice(chunk);
                chunk.clear();
                break;
            };
            self.after_cr = chunk[end] == b'\r';
            let rest = chunk.split_to(end);
            chunk.advance(1);
            let piece = if self.line.is_empty() {
                self.take_line(&rest)?
            } else {
                let mut line = mem::take(&mut self.line);
                line.extend_from_slice(&rest);
                let piece = self.take_line(&line)?;
                line.clear();
                // One long line must not hold its memory for the whole stream.
                line.shrink_to(KEPT);
                self.line = line;
                piece
            };
            if piece.is_some() {
                return Ok(piece);
            }
        }
        Ok(None)
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
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match field {
            b"data" => self.add_data(value)?,
            b"event" => self.event = text(value).into_owned(),
            b"id" if !value.contains(&0) => {
                within(value.len(), self.limits.id, Excess::Id)?;
                self.id = text(value).into_owned();
                self.own_id = true;
            }
            // Counts at once, whether or not its block makes an event.
            b"retry" => return Ok(digits(value).map(Piece::Retry)),
            _ => {}
        }
        Ok(None)
    }

    fn add_data(&mut self, value: &[u8]) -> Result<(), Trouble> {
        // A line ends where a UTF-8 sequence cannot go on, so decoding line by
        // line is the same as decoding the stream.
        let value = text(value);
        let length = self.data.len() + value.len();
        within(length, self.limits.event, Excess::Event)?;
        self.put("data: ", &value);
        Ok(())
    }

    fn end_block(&mut self) -> Option<Piece> {
        let event = mem::take(&mut self.event);
        let own_id = mem::take(&mut self.own_id);
        if self.data.is_empty() {
            return own_id.then(|| Piece::Id(self.id.clone()));
        }
        if !event.is_empty() {
            self.put("event: ", &event);
        }
        let id = mem::take(&mut self.id);
        self.put("id: ", &id);
        self.id = id;
        self.data.extend_from_slice(b"\n");
        let block = self.data.split().freeze();
        Some(Piece::Event { block, own_id })
    }

    fn put(&mut self, field: &str, value: &str) {
        self.data.reserve(field.len() + value.len() + 1);
        self.data.extend_from_slice(field.as_bytes());
        self.data.extend_from_slice(value.as_bytes());
        self.data.extend_from_slice(b"\n");
    }
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
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
