//! The newest events, in memory: what live subscribers read, and all there is of
//! a log without a disk.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::Position;
use crate::format::Format;
use crate::publication::{Address, Audience, Filter};
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
        let mut frame = BytesMut::with_capacity(record.data.len() + FRAME_OVERHEAD);
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

    /// Stands for an event that was given up before those around it.
    fn empty(position: Position) -> Self {
        Self::new(Record {
            position,
            at: 0,
            expires: Some(i64::MIN),
            to: Audience::Only(Vec::new()),
            event: None,
            retry: None,
            data: Box::default(),
            message: None,
            transient: false,
        })
    }

    pub(crate) fn seq(&self) -> u64 {
        self.record.position.seq
    }

    /// About what it takes of the memory.
    pub(crate) fn size(&self) -> usize {
        self.record.data.len() + self.record.to.size() + self.chunk.len()
    }
}

/// What a frame mostly has beside the data.
const FRAME_OVERHEAD: usize = 64;
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

/// Events of the log, one after another, for whoever picks its own.
#[derive(Default)]
pub(crate) struct Stretch {
    /// All that the filter takes, and perhaps some that it does not.
    pub(crate) entries: Vec<Arc<Entry>>,
    /// Up to where the log was looked at: where the next one starts.
    pub(crate) scanned: u64,
    /// Everything up to here may be missing from the log.
    pub(crate) floor: u64,
}

impl Stretch {
    /// Most events of one.
    pub(crate) const MOST: usize = 256;
}

impl Page {
    /// What `view` takes of a stretch of the log.
    pub(crate) fn of(view: &View, stretch: &Stretch, now: i64) -> Self {
        let mut page = Self {
            floor: stretch.floor,
            ..Self::default()
        };
        for entry in &stretch.entries {
            if page.is_full() {
                return page;
            }
            page.scanned = entry.seq();
            page.take(view, entry, now);
        }
        page.scanned = stretch.scanned;
        page
    }

    /// Adds the event if `view` takes it.
    fn take(&mut self, view: &View, entry: &Entry, now: i64) {
        if !view.takes(&entry.record, now) {
            return;
        }
        if view.format == Format::Sse {
            self.frames.extend_from_slice(entry.frame());
            self.events += 1;
            self.last = Some(entry.seq());
        } else {
            self.push(view, &entry.record);
        }
    }

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
    entries: VecDeque<Arc<Entry>>,
    /// For each entry the [`mask`] of whom it is for: most of what is for
    /// others is passed over without a look at it.
    masks: VecDeque<u64>,
    bytes: usize,
    /// Events up to here may go when there is no room.
    free: u64,
}

impl Window {
    /// What it always has room for.
    const ENTRIES: usize = 16_384;
    const BYTES: usize = 16 << 20;
    /// Most entries that one read passes over by their masks, and most that it
    /// looks at: a reader holds up the writer, and goes on after it.
    const PASSED: usize = 1 << 16;
    const LOOKED_AT: usize = 4096;

    /// An empty window that starts after `head`. What it has no room for is on
    /// disk.
    pub(crate) fn after(head: u64) -> Self {
        Self {
            from: head + 1,
            entries: VecDeque::new(),
            masks: VecDeque::new(),
            bytes: 0,
            free: u64::MAX,
        }
    }

    /// An empty window that is all there is of a log: nothing of it goes before
    /// it is [`released`](Self::release).
    pub(crate) fn alone() -> Self {
        Self {
            free: 0,
            ..Self::after(0)
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.size();
        self.masks.push_back(match &entry.record.to {
            Audience::Everyone => EVERYONE,
            Audience::Only(to) => mask(to),
        });
        self.entries.push_back(Arc::new(entry));
        self.shrink();
    }

    /// Events up to `upto` were given up, and `among` those after it: they stay
    /// while there is room for who is only a little behind, or become empty.
    pub(crate) fn release(&mut self, upto: u64, among: &[u64]) {
        for seq in among {
            let Some(place) = self.place(*seq) else {
                continue;
            };
            let entry = &mut self.entries[place];
            self.bytes -= entry.size();
            *entry = Arc::new(Entry::empty(entry.record.position));
            self.bytes += entry.size();
            self.masks[place] = 0;
        }
        self.free = self.free.max(upto);
        self.shrink();
    }

    fn shrink(&mut self) {
        while (self.entries.len() > Self::ENTRIES || self.bytes > Self::BYTES)
            && self.from <= self.free
        {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.masks.pop_front();
            self.bytes -= oldest.size();
            self.from = oldest.seq() + 1;
        }
    }

    /// Everything after this is here.
    pub(crate) fn start(&self) -> u64 {
        self.from - 1
    }

    /// The newest event, here or not.
    pub(crate) fn end(&self) -> u64 {
        self.start() + self.entries.len() as u64
    }

    /// Where the event lies, if it is here.
    fn place(&self, seq: u64) -> Option<usize> {
        let place = usize::try_from(seq.checked_sub(self.from)?).ok()?;
        (place < self.entries.len()).then_some(place)
    }

    /// The event with this number, if it is here.
    pub(crate) fn get(&self, seq: u64) -> Option<&Arc<Entry>> {
        self.entries.get(self.place(seq)?)
    }

    /// The events after `cursor`, the oldest first, until those that are given
    /// have `most` bytes; `None` when the window starts later than that.
    pub(crate) fn recent(&self, cursor: u64, most: usize) -> Option<Recent> {
        if cursor + 1 < self.from {
            return None;
        }
        let start = self.place(cursor + 1).unwrap_or(self.entries.len());
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for entry in self.entries.range(start..) {
            if bytes >= most {
                break;
            }
            bytes += entry.chunk.len();
            entries.push(entry.clone());
        }
        let scanned = entries.last().map_or(cursor, |last| last.seq());
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
        let own = Self::mask(&view.filter);
        let start = self.place(cursor + 1).unwrap_or(self.entries.len());
        let end = self.entries.len().min(start + Self::PASSED);
        let mut looked_at = 0;
        for (place, mask) in (start..).zip(self.masks.range(start..end)) {
            if page.is_full() || looked_at == Self::LOOKED_AT {
                return Some(page);
            }
            page.scanned = self.from + place as u64;
            if own & mask == 0 {
                continue;
            }
            looked_at += 1;
            let entry = &self.entries[place];
            page.take(view, entry, now);
        }
        Some(page)
    }

    /// The events after `cursor` that this filter may take, as many as one read
    /// gives; `None` when the window starts later than that.
    pub(crate) fn stretch(&self, filter: &Filter, cursor: u64) -> Option<Stretch> {
        if cursor + 1 < self.from {
            return None;
        }
        let mut stretch = Stretch {
            scanned: cursor,
            ..Stretch::default()
        };
        let own = Self::mask(filter);
        let start = self.place(cursor + 1).unwrap_or(self.entries.len());
        let end = self.entries.len().min(start + Self::PASSED);
        let mut bytes = 0;
        for (place, mask) in (start..).zip(self.masks.range(start..end)) {
            if bytes >= Page::BYTES || stretch.entries.len() == Stretch::MOST {
                break;
            }
            stretch.scanned = self.from + place as u64;
            if own & mask != 0 {
                let entry = &self.entries[place];
                bytes += entry.chunk.len();
                stretch.entries.push(entry.clone());
            }
        }
        Some(stretch)
    }

    /// Looks for the newest event up to `upto` that was not for those alone who
    /// listened, for who listens with this filter: its number if it was found,
    /// and up to where nothing was looked at.
    pub(crate) fn newest(&self, filter: &Filter, upto: u64) -> (Option<u64>, u64) {
        let own = Self::mask(filter);
        let kept = self.from.max(self.free.saturating_add(1));
        let passed = upto.saturating_sub(Self::PASSED as u64);
        let (mut seq, mut looked_at) = (upto, 0);
        while seq >= kept && seq > passed && looked_at < Self::LOOKED_AT {
            if let Some(place) = self.place(seq)
                && own & self.masks[place] != 0
            {
                looked_at += 1;
                let record = &self.entries[place].record;
                if !record.transient && filter.takes(&record.to) {
                    return (Some(seq), seq);
                }
            }
            seq -= 1;
        }
        (None, if seq < kept { 0 } else { seq })
    }

    fn mask(filter: &Filter) -> u64 {
        let everyone = if filter.everyone { EVERYONE } else { 0 };
        everyone | mask(&filter.addresses)
    }
}

/// Stands for everyone in a mask.
const EVERYONE: u64 = 1;

/// One bit or the other for each of the addresses. Lists that have one in common
/// have a bit in common.
fn mask(addresses: &[Address]) -> u64 {
    let bit = |address: &Address| {
        let mut hasher = DefaultHasher::new();
        address.hash(&mut hasher);
        2 << (hasher.finish() % 63)
    };
    addresses.iter().map(bit).fold(0, |all, bit| all | bit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::Uid;
    use crate::{Epoch, Publication};

    fn entry(seq: u64, to: Audience, size: usize) -> Entry {
        let epoch = Epoch::random(&mut fastrand::Rng::with_seed(1));
        let publication = Publication::new(to, "x".repeat(size));
        Entry::new(Record::of(Position { epoch, seq }, 0, publication))
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
    fn all_there_is_of_a_log_stays_until_it_is_given_up() {
        let most = Window::ENTRIES as u64;
        let mut window = Window::alone();
        for seq in 1..=most + 100 {
            window.push(entry(seq, Audience::Everyone, 1));
        }
        let all = view(Vec::new());
        let mut at = 0;
        let mut seen = 0;
        while at < most + 100 {
            let page = window.read(&all, at, 0).unwrap();
            (at, seen) = (page.scanned, seen + page.events);
        }
        assert_eq!(seen, most + 100);
        // Who is a little behind still gets what there is room for.
        window.release(50, &[]);
        assert!(window.read(&all, 49, 0).is_none());
        assert!(window.read(&all, 50, 0).is_some());
        window.release(most, &[]);
        assert!(window.read(&all, 99, 0).is_none());
        assert!(window.read(&all, 100, 0).is_some());
    }

    #[test]
    fn what_goes_before_what_is_around_it_leaves_no_hole() {
        let mut window = Window::alone();
        for seq in 1..=5 {
            window.push(entry(seq, Audience::Everyone, 1000));
        }
        let bytes = window.bytes;
        window.release(0, &[2, 5, 77]);
        assert!(window.bytes < bytes - 2 * 1000);
        let all = view(Vec::new());
        let page = window.read(&all, 1, 0).unwrap();
        assert_eq!((page.events, page.last, page.scanned), (2, Some(4), 5));
        assert_eq!(window.newest(&all.filter, 5), (Some(4), 4));
        assert_eq!(window.read(&all, 4, 0).unwrap().scanned, 5);
    }

    #[test]
    fn a_read_looks_at_so_many_and_the_next_goes_on() {
        let uid = |nth: usize| Address::Uid(Uid::parse(&nth.to_string()).unwrap());
        let own = view(vec![uid(7)]);
        let mut window = Window::alone();
        let count = 3 * Window::PASSED;
        for nth in 0..count {
            let to = Audience::Only(vec![uid(nth % 5000)]);
            window.push(entry(nth as u64 + 1, to, 1));
        }
        let (mut at, mut reads, mut found) = (0, 0, Vec::new());
        while at < count as u64 {
            let page = window.read(&own, at, 0).unwrap();
            assert!(page.scanned - at <= Window::PASSED as u64);
            found.extend(page.last);
            (at, reads) = (page.scanned, reads + 1);
        }
        assert!(reads <= 4);
        assert_eq!(found.last(), window.newest(&own.filter, at).0.as_ref());
        // Whom the masks do not part are looked at.
        let many = view((0..1000).map(|nth| uid(10_000 + nth)).collect());
        let page = window.read(&many, 0, 0).unwrap();
        assert_eq!((page.scanned, page.events), (Window::LOOKED_AT as u64, 0));
        let (mut upto, mut looks) = (count as u64, 0);
        loop {
            let (newest, rest) = window.newest(&many.filter, upto);
            assert_eq!(newest, None);
            looks += 1;
            if rest == 0 {
                break;
            }
            upto = rest;
        }
        assert_eq!(looks, count.div_ceil(Window::LOOKED_AT));
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
