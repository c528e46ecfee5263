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

const BOM: &[u8] = b"\xEF\xBB\xBF";
/// Capacity kept for lines that span chunks.
const KEPT: usize = 16 << 10;

/// What the bytes amount to, in their order. Nothing over the limits is held:
/// an event that is too long is left out, and said so.
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
    /// A block whose event is left out, as it is too long. With the id it
    /// carried, if any: a server that replays must not send it for ever.
    Oversize { what: Excess, id: Option<String> },
    /// An id that is too long to be sent back: it counts as none.
    LongId,
}

/// A line of which no more is kept.
#[derive(Debug)]
struct Long {
    /// Its bytes so far.
    length: usize,
    field: Field,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Comment,
    Data,
    Event,
    Id,
    Other,
}

/// The state of one stream. Holds at most one line and one event, both within
/// the limits.
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
    /// The line is over the limit: the rest of it is passed over.
    long: Option<Long>,
    /// The block's event is over the limit: the rest of the block is passed over.
    oversize: Option<Excess>,
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
            long: None,
            oversize: None,
        }
    }

    /// Takes bytes from `chunk` up to the end of the next piece; `None` when
    /// the chunk is used up.
    ///
    /// # Errors
    /// [`Trouble::EndlessLine`]: the stream cannot be read on.
    pub(crate) fn next(&mut self, chunk: &mut Bytes) -> Result<Option<Piece>, Trouble> {
        while let Some(&first) = chunk.first() {
            if mem::take(&mut self.after_cr) && first == b'\n' {
                chunk.advance(1);
                continue;
            }
            let end = memchr2(b'\n', b'\r', chunk);
            let more = end.unwrap_or(chunk.len());
            if self.long.is_some() || self.line.len() + more > self.limits.line {
                self.pass_over(&chunk[..more])?;
                chunk.advance(more);
            } else if end.is_none() {
                self.line.extend_from_slice(chunk);
                chunk.clear();
            }
            let Some(end) = end else { break };
            if let Some(long) = self.long.take() {
                self.after_cr = chunk[0] == b'\r';
                chunk.advance(1);
                if let Some(piece) = self.end_long(long.field) {
                    return Ok(Some(piece));
                }
                continue;
            }
            self.after_cr = chunk[end] == b'\r';
            let rest = chunk.split_to(end);
            chunk.advance(1);
            let piece = if self.line.is_empty() {
                self.take_line(&rest)
            } else {
                let mut line = mem::take(&mut self.line);
                line.extend_from_slice(&rest);
                let piece = self.take_line(&line);
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

    /// Counts a line that is over the limit, and keeps only what it is about.
    fn pass_over(&mut self, more: &[u8]) -> Result<(), Trouble> {
        let long = match &mut self.long {
            Some(long) => long,
            none => {
                let mut start = mem::take(&mut self.line);
                let length = start.len();
                start.extend_from_slice(&more[..more.len().min(KEPT)]);
                let start = match mem::take(&mut self.first_line) {
                    true => start.strip_prefix(BOM).unwrap_or(&start),
                    false => &start,
                };
                let field = field_of(start);
                none.insert(Long { length, field })
            }
        };
        long.length += more.len();
        let limit = self.limits.endless_line;
        if long.length > limit {
            return Err(Trouble::EndlessLine { limit });
        }
        Ok(())
    }

    fn end_long(&mut self, field: Field) -> Option<Piece> {
        match field {
            Field::Comment => return Some(Piece::Comment),
            Field::Id => return Some(Piece::LongId),
            Field::Data | Field::Event => self.leave_out(Excess::Line),
            Field::Other => {}
        }
        None
    }

    fn leave_out(&mut self, what: Excess) {
        self.oversize.get_or_insert(what);
        self.data = BytesMut::new();
    }

    fn take_line(&mut self, mut line: &[u8]) -> Option<Piece> {
        if mem::take(&mut self.first_line) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_block();
        }
        let (field, value) = match memchr(b':', line) {
            Some(0) => return Some(Piece::Comment),
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &[][..]),
        };
        match field {
            b"data" => self.add_data(value),
            b"event" => self.event = text(value).into_owned(),
            b"id" if !value.contains(&0) => {
                if value.len() > self.limits.id {
                    return Some(Piece::LongId);
                }
                self.id = text(value).into_owned();
                self.own_id = true;
            }
            // Counts at once, whether or not its block makes an event.
            b"retry" => return digits(value).map(Piece::Retry),
            _ => {}
        }
        None
    }

    fn add_data(&mut self, value: &[u8]) {
        if self.oversize.is_some() {
            return;
        }
        // A line ends where a UTF-8 sequence cannot go on, so decoding line by
        // line is the same as decoding the stream.
        let value = text(value);
        if self.data.len() + value.len() > self.limits.event {
            return self.leave_out(Excess::Event);
        }
        self.put("data: ", &value);
    }

    fn end_block(&mut self) -> Option<Piece> {
        let event = mem::take(&mut self.event);
        let own_id = mem::take(&mut self.own_id);
        if let Some(what) = self.oversize.take() {
            let id = own_id.then(|| self.id.clone());
            return Some(Piece::Oversize { what, id });
        }
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

/// What a line is about, by its first bytes.
fn field_of(line: &[u8]) -> Field {
    match memchr(b':', line).map(|colon| &line[..colon]) {
        Some(b"") => Field::Comment,
        Some(b"data") => Field::Data,
        Some(b"event") => Field::Event,
        Some(b"id") => Field::Id,
        _ => Field::Other,
    }
}

#[cfg(test)]
mod tests;
