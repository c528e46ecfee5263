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

const BOM: &[u8] = b"\xEF\xBB\xBF";
/// What counts for a data line besides its value.
const LINE: usize = "data: \n".len();
/// Bytes of a line that is too long in which its field is looked for.
const FIELD: usize = 64;
/// Bytes of blocks that go on together, unless the first one is longer.
const TOGETHER: usize = 8 << 10;

/// What the bytes amount to, in their order. Nothing over the limits is held:
/// an event that is too long is left out, and said so.
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

/// A block that can go on as it came.
struct Untouched<'a> {
    length: usize,
    id: Option<&'a [u8]>,
}

/// The state of one stream. Holds at most one line and one event, both within
/// the limits.
#[derive(Debug)]
pub(crate) struct Canonical {
    limits: Limits,
    /// The block's data lines, as they will be written; after them, from
    /// `begun` on, the line that began in an earlier chunk, as it came.
    held: BytesMut,
    begun: usize,
    /// What the data lines count for against the limit, however they are held.
    size: usize,
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
    /// The line is over the limit: the rest of it is passed over.
    long: Option<Long>,
    /// The block's event is over the limit: the rest of its data is passed over.
    oversize: Option<Excess>,
}

impl Canonical {
    /// `last_event_id` is what an earlier connection left, or empty.
    pub(crate) fn new(limits: Limits, last_event_id: String) -> Self {
        Self {
            limits,
            held: BytesMut::new(),
            begun: 0,
            size: 0,
            after_cr: false,
            first_line: true,
            event: String::new(),
            id_told: last_event_id.is_empty(),
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
            let more = end.unwrap_or(chunk.len());
            if self.long.is_some() || held + more > self.limits.line {
                self.pass_over(&chunk[..more])?;
                chunk.advance(more);
                let Some(&end) = chunk.first() else { break };
                self.after_cr = end == b'\r';
                chunk.advance(1);
                if let Some(piece) = self.end_long() {
                    return Ok(Some(piece));
                }
                continue;
            }
            let Some(end) = end else {
                self.held.extend_from_slice(chunk);
                chunk.clear();
                break;
            };
            self.after_cr = chunk[end] == b'\r';
            let piece = if held == 0 {
                self.take_line(&chunk[..end])
            } else {
                self.held.extend_from_slice(&chunk[..end]);
                self.take_held_line()
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
        let between_blocks = self.held.is_empty()
            && self.event.is_empty()
            && !self.own_id
            && self.long.is_none()
            && self.oversize.is_none();
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
        // Twice: what its lines count for is more than what they are.
        let fits = length <= self.limits.line && 2 * length <= self.limits.event;
        let id_fits = id.map_or(self.id_told, |id| id.len() <= self.limits.id);
        let sound = data && fits && id_fits && str::from_utf8(&bytes[..length]).is_ok();
        sound.then_some(Untouched { length, id })
    }

    /// Counts a line that is over the limit, and keeps only what it is about.
    fn pass_over(&mut self, more: &[u8]) -> Result<(), Trouble> {
        let long = match &mut self.long {
            Some(long) => long,
            none => {
                let begun = &self.held[self.begun..];
                let length = begun.len();
                let start: Vec<u8> = begun.iter().chain(more).take(FIELD).copied().collect();
                let start = match mem::take(&mut self.first_line) {
                    true => start.strip_prefix(BOM).unwrap_or(&start),
                    false => &start,
                };
                let field = field_of(start);
                self.held.truncate(self.begun);
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

    fn end_long(&mut self) -> Option<Piece> {
        match self.long.take()?.field {
            Field::Comment => return Some(Piece::Comment),
            Field::Id => return Some(Piece::LongId),
            Field::Data | Field::Event => self.leave_out(Excess::Line),
            Field::Other => {}
        }
        None
    }

    fn leave_out(&mut self, what: Excess) {
        self.oversize.get_or_insert(what);
        self.held = BytesMut::new();
        self.begun = 0;
    }

    fn take_held_line(&mut self) -> Option<Piece> {
        let line = &self.held[self.begun..];
        // A long line is one of data: it stays where it is.
        if let Some(value) = line.strip_prefix(b"data:")
            && self.oversize.is_none()
            && str::from_utf8(value).is_ok()
        {
            let length = without_space(value).len();
            self.first_line = false;
            if self.has_room(length) {
                self.held.extend_from_slice(b"\n");
                self.begun = self.held.len();
            }
            return None;
        }
        let line = self.held.split_off(self.begun);
        if self.begun == 0 {
            // One long line must not hold its memory for the whole stream.
            self.held = BytesMut::new();
        }
        self.take_line(&line)
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
            Some(colon) => (&line[..colon], without_space(&line[colon + 1..])),
            None => (line, &[][..]),
        };
        match field {
            b"data" if self.oversize.is_none() => {
                let value = text(value);
                if self.has_room(value.len()) {
                    self.put("data: ", &value);
                }
            }
            b"event" => replace(&mut self.event, value),
            b"id" if !value.contains(&0) => {
                if value.len() > self.limits.id {
                    return Some(Piece::LongId);
                }
                replace(&mut self.id, value);
                self.own_id = true;
            }
            // Counts at once, whether or not its block makes an event.
            b"retry" => return digits(value).map(Piece::Retry),
            _ => {}
        }
        None
    }

    /// Counts a data line of this length; without room for it the event is left out.
    fn has_room(&mut self, length: usize) -> bool {
        let fits = self.size + length <= self.limits.event;
        self.size += length + LINE;
        if !fits {
            self.leave_out(Excess::Event);
        }
        fits
    }

    fn end_block(&mut self) -> Option<Piece> {
        let own_id = mem::take(&mut self.own_id);
        self.size = 0;
        if let Some(what) = self.oversize.take() {
            self.event.clear();
            self.id_told &= !own_id;
            let id = own_id.then(|| self.id.clone());
            return Some(Piece::Oversize { what, id });
        }
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
