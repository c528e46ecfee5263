//! What the standard makes of a body, and how a fuzz input is read.
//!
//! Shared by the fuzz target and by the test that replays its corpus through
//! the real client. Written for a whole body at once, in the order and the
//! words of the standard, so that it has little in common with what it judges:
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>

use std::iter;

/// What a consumer sees of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The events, in their order.
    pub events: Vec<Event>,
    /// The last event id string in the end.
    pub last_event_id: String,
    /// Each reconnection time, in milliseconds; too large for 64 bits is the largest.
    pub retries: Vec<u64>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name; `message` if it has none.
    pub name: String,
    /// Its data.
    pub data: String,
    /// The last event id.
    pub last_event_id: String,
    /// Whether its own block carried the id.
    pub own_id: bool,
}

/// The standard's algorithm. `last_event_id` is what an earlier connection left:
/// no browser begins anew with an empty one.
pub fn interpret(body: &[u8], last_event_id: &str) -> Seen {
    let mut seen = Seen {
        last_event_id: last_event_id.to_owned(),
        ..Seen::default()
    };
    let decoded = String::from_utf8_lossy(body);
    let decoded = decoded.strip_prefix('\u{FEFF}').unwrap_or(&decoded);

    let mut data = String::new();
    let mut event_type = String::new();
    let mut id = last_event_id.to_owned();
    let mut own_id = false;
    for line in lines(decoded) {
        if line.is_empty() {
            seen.last_event_id.clone_from(&id);
            let mut event = Event {
                name: std::mem::take(&mut event_type),
                data: std::mem::take(&mut data),
                last_event_id: id.clone(),
                own_id: std::mem::take(&mut own_id),
            };
            if event.data.is_empty() {
                continue;
            }
            if event.data.ends_with('\n') {
                event.data.pop();
            }
            if event.name.is_empty() {
                event.name = "message".to_owned();
            }
            seen.events.push(event);
            continue;
        }
        let (field, value) = match line.find(':') {
            Some(0) => continue,
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(' ').unwrap_or(value))
            }
            None => (line, ""),
        };
        match field {
            "event" => event_type = value.to_owned(),
            "data" => {
                data += value;
                data += "\n";
            }
            "id" if !value.contains('\0') => {
                id = value.to_owned();
                own_id = true;
            }
            "retry" if !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) => {
                seen.retries.push(value.parse().unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }
    seen
}

/// The terminated lines: what comes after the last end of line never counts.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    iter::from_fn(move || {
        let end = rest.find(['\r', '\n'])?;
        let line = &rest[..end];
        let ended = if rest[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + ended..];
        Some(line)
    })
}

/// What may be held, as our client counts it.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one line, terminated or not.
    pub line: usize,
    /// Bytes of one event's data, decoded, with 7 more for each line before.
    pub event: usize,
    /// Bytes of one id.
    pub id: usize,
}

/// So small that short inputs go beyond.
pub const TIGHT: Bounds = Bounds {
    line: 128,
    event: 256,
    id: 32,
};

/// The body without what goes beyond the bounds, and how many events that costs.
///
/// A comment stands in for each line that is left out, so that the others keep
/// their places: of an event that is too long its data and name, of any other
/// block the id that is too long.
pub fn within(body: &[u8], bounds: Bounds) -> (Vec<u8>, usize) {
    let (mut kept, mut left_out) = (Vec::new(), 0);
    let (mut block, mut data, mut too_long) = (Vec::new(), 0, false);
    let mut rest = body;
    while let Some(end) = rest.iter().position(|b| b"\r\n".contains(b)) {
        let line = &rest[..end];
        let ended = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        let terminator = &rest[end..end + ended];
        let first = rest.len() == body.len();
        rest = &rest[end + ended..];
        let read = match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(after) if first => after,
            _ => line,
        };
        let colon = read.iter().position(|&b| b == b':');
        let (field, value) = match colon {
            Some(colon) => (&read[..colon], &read[colon + 1..]),
            None => (read, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        let long = line.len() > bounds.line;
        let of_event = match field {
            b"data" | b"event" => {
                too_long |= long;
                if field == b"data" && !too_long {
                    let length = String::from_utf8_lossy(value).len();
                    too_long |= data + length > bounds.event;
                    data += length + "data: \n".len();
                }
                true
            }
            _ => false,
        };
        let long_id = field == b"id" && !value.contains(&0) && value.len() > bounds.id;
        let line = if long_id || (long && !of_event) {
            b":"
        } else {
            line
        };
        block.push((line, terminator, of_event));
        if !read.is_empty() {
            continue;
        }
        for (line, terminator, of_event) in block.drain(..) {
            let line = if of_event && too_long { b":" } else { line };
            kept.extend_from_slice(line);
            kept.extend_from_slice(terminator);
        }
        left_out += usize::from(too_long);
        (data, too_long) = (0, false);
    }
    // What never ended still sets times.
    for (line, terminator, of_event) in block {
        kept.extend_from_slice(if of_event { b":" } else { line });
        kept.extend_from_slice(terminator);
    }
    kept.extend_from_slice(rest);
    (kept, left_out)
}

/// A fuzz input: one byte of flags, the sizes of chunks, the body.
///
/// The flags: bits 0–2 count the bytes of sizes that follow, bit 6 asks for
/// [`TIGHT`] bounds, bit 7 for an id from an earlier connection. Sizes repeat; 0
/// stands for 256; without any the body is one chunk.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The bounds of this input, if it has its own.
    pub bounds: Option<Bounds>,
    /// What an earlier connection left.
    pub last_event_id: &'static str,
    sizes: &'a [u8],
    /// The stream.
    pub body: &'a [u8],
}

impl<'a> Input<'a> {
    /// Every input is one.
    pub fn read(input: &'a [u8]) -> Self {
        let (&flags, rest) = input.split_first().unwrap_or((&0, &[]));
        let (sizes, body) = rest.split_at(usize::from(flags & 7).min(rest.len()));
        Self {
            bounds: (flags & 0x40 != 0).then_some(TIGHT),
            last_event_id: if flags & 0x80 == 0 { "" } else { "before" },
            sizes,
            body,
        }
    }

    /// Where the chunks end, none of them empty.
    pub fn chunks(&self) -> Vec<&'a [u8]> {
        let mut sizes = self.sizes.iter().cycle();
        let (mut chunks, mut rest) = (Vec::new(), self.body);
        while !rest.is_empty() {
            let size = match sizes.next() {
                Some(0) => 256,
                Some(&size) => usize::from(size),
                None => rest.len(),
            };
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            chunks.push(chunk);
            rest = after;
        }
        chunks
    }
}
