//! Stretches of history that were read from disk a moment ago: many who come back
//! at once, as after a restart, read the same.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::window::{Entry, Stretch};

#[derive(Default)]
pub(super) struct Stretches(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// Each by the number before its first event.
    all: BTreeMap<u64, Kept>,
    bytes: usize,
    /// Counts what was asked for.
    asked: u64,
}

/// All events up to `upto` that were there, whoever they are for.
struct Kept {
    upto: u64,
    entries: Arc<[Arc<Entry>]>,
    bytes: usize,
    /// When it was asked for last.
    asked: u64,
}

impl Stretches {
    /// Most bytes of all of them.
    const BYTES: usize = 16 << 20;

    /// The stretch in which the event after `cursor` lies, from that event on.
    pub(super) fn after(&self, cursor: u64, floor: u64) -> Option<Stretch> {
        let after = cursor.max(floor);
        let (entries, upto) = {
            let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            inner.asked += 1;
            let asked = inner.asked;
            let (_, kept) = inner.all.range_mut(..=after).next_back()?;
            if kept.upto <= after {
                return None;
            }
            kept.asked = asked;
            (kept.entries.clone(), kept.upto)
        };
        let start = entries.partition_point(|entry| entry.seq() <= after);
        Some(Stretch {
            entries: entries[start..].to_vec(),
            scanned: upto,
            floor,
        })
    }

    /// Forgets all of them.
    pub(super) fn clear(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.all.clear();
        inner.bytes = 0;
    }

    /// Keeps all events after `after` and up to `upto`; what nobody asked for
    /// the longest goes for it.
    pub(super) fn keep(&self, after: u64, upto: u64, entries: &[Arc<Entry>]) {
        let bytes = entries.iter().map(|entry| entry.size()).sum();
        if bytes > Self::BYTES {
            return;
        }
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.asked += 1;
        let kept = Kept {
            upto,
            entries: entries.into(),
            bytes,
            asked: inner.asked,
        };
        inner.bytes += bytes;
        if let Some(before) = inner.all.insert(after, kept) {
            inner.bytes -= before.bytes;
        }
        while inner.bytes > Self::BYTES && inner.drop_one().is_continue() {}
    }
}

impl Inner {
    fn drop_one(&mut self) -> ControlFlow<()> {
        let oldest = self.all.iter().min_by_key(|(_, kept)| kept.asked);
        let Some(after) = oldest.map(|(after, _)| *after) else {
            return ControlFlow::Break(());
        };
        if let Some(gone) = self.all.remove(&after) {
            self.bytes -= gone.bytes;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publication::Audience;
    use crate::record::Record;
    use crate::{Epoch, Position, Publication};

    fn entries(seqs: impl Iterator<Item = u64>, size: usize) -> Vec<Arc<Entry>> {
        let epoch = Epoch::random(&mut fastrand::Rng::with_seed(1));
        let entry = |seq| {
            let publication = Publication::new(Audience::Everyone, "x".repeat(size));
            Arc::new(Entry::new(Record::of(
                Position { epoch, seq },
                0,
                publication,
            )))
        };
        seqs.map(entry).collect()
    }

    fn seqs(stretches: &Stretches, cursor: u64, floor: u64) -> Option<(Vec<u64>, u64)> {
        let stretch = stretches.after(cursor, floor)?;
        assert_eq!(stretch.floor, floor);
        let seqs = stretch.entries.iter().map(|entry| entry.seq()).collect();
        Some((seqs, stretch.scanned))
    }

    #[test]
    fn each_reader_gets_it_from_its_own_place_on() {
        let stretches = Stretches::default();
        assert_eq!(seqs(&stretches, 0, 0), None);
        // 13 and 16 are not there any more.
        stretches.keep(10, 16, &entries([11, 12, 14, 15].into_iter(), 1));
        stretches.keep(20, 22, &entries(21..=22, 1));
        assert_eq!(seqs(&stretches, 9, 0), None);
        let all = Some((vec![11, 12, 14, 15], 16));
        assert_eq!(seqs(&stretches, 10, 0), all);
        assert_eq!(seqs(&stretches, 3, 10), all);
        assert_eq!(seqs(&stretches, 12, 0), Some((vec![14, 15], 16)));
        assert_eq!(seqs(&stretches, 0, 14), Some((vec![15], 16)));
        assert_eq!(seqs(&stretches, 15, 0), Some((vec![], 16)));
        assert_eq!(seqs(&stretches, 16, 0), None);
        assert_eq!(seqs(&stretches, 21, 0), Some((vec![22], 22)));
    }

    #[test]
    fn what_nobody_asks_for_goes_first() {
        let stretches = Stretches::default();
        let quarter = Stretches::BYTES / 9;
        for nth in 0..4 {
            stretches.keep(nth, nth + 1, &entries(nth + 1..nth + 2, quarter));
        }
        assert!(seqs(&stretches, 0, 0).is_some());
        stretches.keep(4, 5, &entries(5..6, quarter));
        let kept: Vec<_> = (0..5)
            .filter(|nth| seqs(&stretches, *nth, 0).is_some())
            .collect();
        assert_eq!(kept, [0, 2, 3, 4]);
        // The same again takes no room, and what is too much is not kept.
        stretches.keep(4, 5, &entries(5..6, quarter));
        stretches.keep(9, 10, &entries(10..11, Stretches::BYTES));
        assert_eq!(seqs(&stretches, 9, 0), None);
        assert!(kept.iter().all(|nth| seqs(&stretches, *nth, 0).is_some()));
    }
}
