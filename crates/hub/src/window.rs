//! The newest events, in memory: what live subscribers read.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::publication::{Audience, Filter};

/// One event as subscribers get it: framed once, shared by all.
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) to: Audience,
    /// Unix milliseconds from which on it is no longer delivered.
    pub(crate) expires: Option<i64>,
    pub(crate) frame: Bytes,
}

/// What a read of the log gives.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The frames, one after another.
    pub(crate) frames: BytesMut,
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
    pub(crate) const BYTES: usize = 256 * 1024;

    pub(crate) fn push(&mut self, seq: u64, frame: &[u8]) {
        self.frames.extend_from_slice(frame);
        self.last = Some(seq);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.frames.len() >= Self::BYTES
    }
}

/// The newest events. It has no holes: it holds all from `from` on.
pub(crate) struct Window {
    from: u64,
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
            entries: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.bytes += entry.frame.len();
        self.entries.push_back(Arc::new(entry));
        while self.entries.len() > Self::ENTRIES || self.bytes > Self::BYTES {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.frame.len();
            self.from = oldest.seq + 1;
        }
    }

    /// What `filter` takes of the events after `cursor`; `None` when the window
    /// starts later than that and the log has to be read.
    pub(crate) fn read(&self, filter: &Filter, cursor: u64, now: i64) -> Option<Page> {
        if cursor + 1 < self.from {
            return None;
        }
        let mut page = Page {
            scanned: cursor,
            ..Page::default()
        };
        let start = self.entries.partition_point(|entry| entry.seq <= cursor);
        for entry in self.entries.range(start..) {
            if page.is_full() {
                break;
            }
            page.scanned = entry.seq;
            let live = entry.expires.is_none_or(|expires| expires > now);
            if live && filter.takes(&entry.to) {
                page.push(entry.seq, &entry.frame);
            }
        }
        Some(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::{Address, Uid};

    fn entry(seq: u64, to: Audience, size: usize) -> Entry {
        Entry {
            seq,
            to,
            expires: None,
            frame: vec![b'x'; size].into(),
        }
    }

    #[test]
    fn it_has_no_holes_and_says_what_it_no_longer_has() {
        let mut window = Window::after(10);
        let all = Filter::default();
        assert!(window.read(&all, 9, 0).is_none());
        assert_eq!(window.read(&all, 10, 0).unwrap().scanned, 10);

        for seq in 11..=(11 + Window::ENTRIES as u64) {
            window.push(entry(seq, Audience::Everyone, 1));
        }
        assert!(window.read(&all, 10, 0).is_none());
        let page = window.read(&all, 11, 0).unwrap();
        assert_eq!(page.frames.len(), Window::ENTRIES);
        assert_eq!(page.scanned, 11 + Window::ENTRIES as u64);

        let next = 12 + Window::ENTRIES as u64;
        window.push(entry(next, Audience::Everyone, Window::BYTES));
        assert!(window.read(&all, next - 2, 0).is_none());
        assert_eq!(window.read(&all, next - 1, 0).unwrap().last, Some(next));
    }

    #[test]
    fn a_page_ends_and_the_next_goes_on() {
        let mut window = Window::after(0);
        for seq in 1..=3 {
            window.push(entry(seq, Audience::Everyone, Page::BYTES));
        }
        let page = window.read(&Filter::default(), 0, 0).unwrap();
        assert_eq!((page.frames.len(), page.scanned), (Page::BYTES, 1));
        assert_eq!(window.read(&Filter::default(), 1, 0).unwrap().scanned, 2);
    }

    #[test]
    fn what_is_for_others_or_expired_is_passed_over() {
        let uid = |text| Address::Uid(Uid::parse(text).unwrap());
        let mut window = Window::after(0);
        window.push(entry(1, Audience::Only(vec![uid("2")]), 1));
        window.push(Entry {
            expires: Some(5),
            ..entry(2, Audience::Everyone, 1)
        });
        let one = Filter(vec![uid("1")]);
        assert_eq!(window.read(&one, 0, 4).unwrap().last, Some(2));
        let page = window.read(&one, 0, 5).unwrap();
        assert_eq!((page.last, page.scanned), (None, 2));
    }
}
