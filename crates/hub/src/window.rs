//! The newest events, in memory: what live subscribers read.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::format::Format;
use crate::record::{Record, View};

/// One event as subscribers get it: framed once, shared by all.
pub(crate) struct Entry {
    pub(crate) record: Record,
    /// As an event stream has it, which most subscribers read, as one chunk of
    /// HTTP/1.1 (RFC 9112, 7.1).
    chunk: Bytes,
    /// Where the frame lies in the chunk.
    frame: Range<usize>,
}

impl Entry {
    pub(crate) fn new(record: Record) -> Self {
        let mut frame = BytesMut::new();
        Format::Sse.event(&record, &mut frame);
        let mut chunk = BytesMut::with_capacity(frame.len() + CHUNK_OVERHEAD);
        put_chunk(&mut chunk, &frame);
        let end = chunk.len() - CHUNK_END.len();
        Self {
            record,
            frame: end - frame.len()..end,
            chunk: chunk.freeze(),
        }
    }

    /// The event as one chunk of an event stream.
    pub(crate) fn chunk(&self) -> &Bytes {
        &self.chunk
    }

    fn frame(&self) -> &[u8] {
        &self.chunk[self.frame.clone()]
    }

    pub(crate) fn seq(&self) -> u64 {
        self.record.position.seq
    }

    /// About what it takes of the memory.
    fn size(&self) -> usize {
        self.record.data.len() + self.record.to.size() + self.chunk.len()
    }
}

/// What ends a chunk.
const CHUNK_END: &[u8] = b"\r\n";
/// Most that a chunk is longer than what is in it.
const CHUNK_OVERHEAD: usize = 20;

/// Appends `bytes`, which are not none, as one chunk (RFC 9112, 7.1).
pub(crate) fn put_chunk(out: &mut BytesMut, bytes: &[u8]) {
    out.reserve(bytes.len() + CHUNK_OVERHEAD);
    // Writing text into memory does not fail.
    let _ = write!(out, "{:x}\r\n", bytes.len());
    out.put_slice(bytes);
    out.put_slice(CHUNK_END);
}

/// What a read of the log gives.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The events as the reader's format writes them, one after another.
    pub(crate) frames: BytesMut,
    /// How many those are.
    pub(crate) events: u64,
    /// The id in the last of them.
    pub(crate) last: Option<u64>,
    /// Up to where the log was looked at: where the next read starts.
    pub(crate) scanned: u64,
    /// Everything up to here may be missing from the log.
    pub(crate) floor: u64,
}

impl Page {
    /// Where a page ends: what one read may cost, as one subscriber must not
    /// fill the memory. The event that passes it is still in.
    pub(crate) const BYTES: usize = 64 * 1024;

    /// Adds an event in the format of the view.
    pub(crate) fn push(&mut self, view: &View, record: &Record) {
        view.format.event(record, &mut self.frames);
        self.events += 1;
        self.last = Some(record.position.seq);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.frames.len() >= Self::BYTES
    }
}

/// Some of the newest events, for whoever they are.
pub(crate) struct Recent {
    pub(crate) entries: Vec<Arc<Entry>>,
    /// Up to where these are all there are.
    pub(crate) scanned: u64,
}

/// The newest events. It has no holes: it holds all from `from` on.
pub(crate) struct Window {
    from: u64,
    /// The newest that it ever held.
    to: u64,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Window {
    const ENTRIES: usize = 4096;
    const BYTES: usize = 16 << 20;

    /// An empty window that starts after `head`.
    pub(crate) fn after(head: u64) -> Self {
        Self {
            from: head + 1,
            to: head,
            entries: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.to = entry.seq();
        self.bytes += entry.size();
        self.entries.push_back(Arc::new(entry));
        while self.entries.len() > Self::ENTRIES || self.bytes > Self::BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.size();
            self.from = oldest.seq() + 1;
        }
    }

    /// The events after `cursor`, the oldest first, until those that are given
    /// have `most` bytes; `None` when the window starts later than that.
    pub(crate) fn recent(&self, cursor: u64, most: usize) -> Option<Recent> {
        if cursor + 1 < self.from {
            return None;
        }
        let start = self.entries.partition_point(|entry| entry.seq() <= cursor);
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for entry in self.entries.range(start..) {
            if bytes >= most {
                let scanned = entry.seq() - 1;
                return Some(Recent { entries, scanned });
            }
            bytes += entry.chunk.len();
            entries.push(entry.clone());
        }
        let scanned = self.to.max(cursor);
        Some(Recent { entries, scanned })
    }

    /// What `view` takes of the events after `cursor`; `None` when the window
    /// starts later than that and the log has to be read.
    pub(crate) fn read(&self, view: &View, cursor: u64, now: i64) -> Option<Page> {
        if cursor + 1 < self.from {
            return None;
        }
        let mut page = Page {
            scanned: cursor,
            ..Page::default()
        };
        let start = self.entries.partition_point(|entry| entry.seq() <= cursor);
        for entry in self.entries.range(start..) {
            if page.is_full() {
                break;
            }
            page.scanned = entry.seq();
            if view.takes(&entry.record, now) {
                if view.format == Format::Sse {
                    page.frames.extend_from_slice(entry.frame());
                    page.events += 1;
                    page.last = Some(entry.seq());
                } else {
                    page.push(view, &entry.record);
                }
            }
        }
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::{Address, Audience, Filter, Uid};
    use crate::{Epoch, Position, Publication};

    fn entry(seq: u64, to: Audience, size: usize) -> Entry {
        let epoch = Epoch::random(&mut fastrand::Rng::with_seed(1));
        let publication = Publication::new(to, "x".repeat(size));
        Entry::new(Record::new(Position { epoch, seq }, 0, &publication))
    }

    fn view(addresses: Vec<Address>) -> View {
        View {
            filter: Filter::of(addresses),
            format: Format::Sse,
            opened: 0,
        }
    }

    #[test]
    fn it_has_no_holes_and_says_what_it_no_longer_has() {
        let mut window = Window::after(10);
        let all = view(Vec::new());
        assert!(window.read(&all, 9, 0).is_none());
        assert_eq!(window.read(&all, 10, 0).unwrap().scanned, 10);

        for seq in 11..=(11 + Window::ENTRIES as u64) {
            window.push(entry(seq, Audience::Everyone, 1));
        }
        assert!(window.read(&all, 10, 0).is_none());
        let mut seen = (11, 0);
        while seen.0 < 11 + Window::ENTRIES as u64 {
            let page = window.read(&all, seen.0, 0).unwrap();
            assert_eq!(page.last, Some(page.scanned));
            seen = (page.scanned, seen.1 + page.events);
        }
        assert_eq!(seen.1, Window::ENTRIES as u64);

        let next = 12 + Window::ENTRIES as u64;
        window.push(entry(next, Audience::Everyone, Window::BYTES / 2 - 20));
        assert!(window.read(&all, next - 2, 0).is_none());
        assert_eq!(window.read(&all, next - 1, 0).unwrap().last, Some(next));
    }

    #[test]
    fn addresses_take_memory_too() {
        let mut window = Window::after(0);
        let uids = (0..1000).map(|nth| format!("{nth:0128}"));
        let to: Vec<_> = uids
            .map(|uid| Address::Uid(Uid::parse(&uid).unwrap()))
            .collect();
        let fit = Window::BYTES as u64 / (1000 * 128);
        for seq in 1..=fit + 1 {
            window.push(entry(seq, Audience::Only(to.clone()), 1));
        }
        assert!(window.read(&view(Vec::new()), 0, 0).is_none());
    }

    #[test]
    fn a_page_ends_and_the_next_goes_on() {
        let mut window = Window::after(0);
        for seq in 1..=3 {
            window.push(entry(seq, Audience::Everyone, Page::BYTES));
        }
        let all = view(Vec::new());
        assert_eq!(window.read(&all, 0, 0).unwrap().scanned, 1);
        assert_eq!(window.read(&all, 1, 0).unwrap().scanned, 2);
    }

    #[test]
    fn what_is_for_others_or_expired_or_over_is_passed_over() {
        let uid = |text| Address::Uid(Uid::parse(text).unwrap());
        let mut window = Window::after(0);
        window.push(entry(1, Audience::Only(vec![uid("2")]), 1));
        let mut expiring = entry(2, Audience::Everyone, 1);
        expiring.record.expires = Some(5);
        window.push(expiring);
        let mut one = view(vec![uid("1")]);
        assert_eq!(window.read(&one, 0, 4).unwrap().last, Some(2));
        let page = window.read(&one, 0, 5).unwrap();
        assert_eq!((page.last, page.scanned), (None, 2));

        let mut transient = entry(3, Audience::Everyone, 1);
        transient.record.transient = true;
        window.push(transient);
        one.opened = 2;
        assert_eq!(window.read(&one, 2, 0).unwrap().last, Some(3));
        one.opened = 3;
        assert_eq!(window.read(&one, 2, 0).unwrap().last, None);
    }
}
