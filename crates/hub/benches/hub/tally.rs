//! What was sent, what came, and what is wrong with it.

use std::collections::{BTreeSet, HashMap};

use hdrhistogram::Histogram;

/// Letters of a stamp: two of the publisher, six of the number, twelve of the time.
const STAMP: usize = 20;
/// Letters of the stream that a message is for, if it is for one.
const TARGET: usize = 4;
/// Most messages of one publisher.
pub(crate) const MOST: u32 = 1 << 24;

/// What each message says of itself at the beginning of its text, in letters, so that no server
/// takes it for anything but text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) publisher: u8,
    /// Counts the publisher's messages; with a target, those to that one.
    pub(crate) number: u32,
    /// When it was published, in nanoseconds of the load's clock.
    pub(crate) at: u64,
    /// The one stream that it is for.
    pub(crate) target: Option<u16>,
}

impl Stamp {
    /// Writes a text of `size` bytes, or as many as it takes.
    pub(crate) fn write(self, size: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        letters(self.publisher.into(), 2, out);
        letters(self.number.into(), 6, out);
        letters(self.at, 12, out);
        if let Some(target) = self.target {
            letters(target.into(), TARGET, out);
        }
        out.resize(out.len().max(begin + size), b'x');
    }

    /// `None`: it is not one of our messages.
    pub(crate) fn read(text: &[u8], has_target: bool) -> Option<Self> {
        let (stamp, rest) = text.split_at_checked(STAMP)?;
        Some(Self {
            publisher: number(&stamp[..2])?.try_into().ok()?,
            number: number(&stamp[2..8])?.try_into().ok()?,
            at: number(&stamp[8..])?,
            target: match has_target {
                true => Some(number(rest.get(..TARGET)?)?.try_into().ok()?),
                false => None,
            },
        })
    }
}

fn letters(value: u64, count: usize, out: &mut Vec<u8>) {
    let nibbles = (0..count).rev().map(|nth| (value >> (4 * nth)) as u8 & 15);
    out.extend(nibbles.map(|nibble| b'a' + nibble));
}

fn number(letters: &[u8]) -> Option<u64> {
    letters.iter().try_fold(0, |value, letter| {
        let nibble = letter.checked_sub(b'a').filter(|nibble| *nibble < 16)?;
        Some(value << 4 | u64::from(nibble))
    })
}

/// The names of events, in turns, where a row has named ones.
const NAMES: [&str; 4] = ["like", "comment", "follow", "mention"];

/// What must not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Deliveries that did not come.
    pub(crate) lost: u64,
    /// Deliveries that came again.
    pub(crate) twice: u64,
    /// Deliveries after a later one of the same publisher, or that other streams got earlier.
    pub(crate) disorder: u64,
    /// Deliveries of what is for another stream, was never sent, or has another event name.
    pub(crate) strange: u64,
}

/// Holds every delivery of every stream against what was sent.
pub(crate) struct Tally {
    publishers: usize,
    targeted: bool,
    named: bool,
    /// Messages sent by each publisher to everyone.
    sent: Vec<u32>,
    /// By stream and publisher: messages sent to it, if they are targeted.
    sent_to: Vec<u32>,
    /// By stream and publisher: the number that is expected next.
    next: Vec<u32>,
    /// By stream and publisher: numbers below the expected one that have not come.
    missing: HashMap<usize, BTreeSet<u32>>,
    /// The publishers of the messages to everyone, in the order of the streams that got them first.
    order: Vec<u8>,
    /// By publisher and number: the place in that order.
    placed: Vec<Vec<Option<u32>>>,
    /// By stream: how far it is in that order.
    reached: Vec<u32>,
    faults: Faults,
    /// Streams from this one on are not in [`latency`](Self::latency).
    pub(crate) timed: usize,
    /// Since the last [`start`](Self::start).
    pub(crate) delivered: u64,
    /// From the publish to the delivery, in nanoseconds, likewise.
    pub(crate) latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new(publishers: usize, targeted: bool, named: bool) -> Self {
        Self {
            publishers,
            targeted,
            named,
            sent: vec![0; publishers],
            sent_to: Vec::new(),
            next: Vec::new(),
            missing: HashMap::new(),
            order: Vec::new(),
            placed: vec![Vec::new(); publishers],
            reached: Vec::new(),
            faults: Faults::default(),
            timed: usize::MAX,
            delivered: 0,
            latency: histogram(),
        }
    }

    /// A stream that is to get all that is sent from now on. It has the next number.
    pub(crate) fn join(&mut self) {
        let none = vec![0; self.publishers];
        let sent = if self.targeted { &none } else { &self.sent };
        self.next.extend_from_slice(sent);
        self.sent_to.extend_from_slice(&none);
        self.reached.push(self.sent());
    }

    /// A stream that is to get what was sent after the first `skipped` messages of all.
    pub(crate) fn join_after(&mut self, skipped: u32) {
        self.join();
        let mut next = vec![0; self.publishers];
        for publisher in &self.order[..skipped as usize] {
            next[usize::from(*publisher)] += 1;
        }
        let begin = self.next.len() - self.publishers;
        self.next[begin..].copy_from_slice(&next);
        self.reached.pop();
        self.reached.push(skipped);
    }

    /// The stamp of the publisher's next message.
    pub(crate) fn stamp(&mut self, publisher: usize, target: Option<u16>, at: u64) -> Stamp {
        let number = match target {
            Some(stream) => &mut self.sent_to[usize::from(stream) * self.publishers + publisher],
            None => &mut self.sent[publisher],
        };
        *number += 1;
        assert!(*number < MOST, "a publisher has a number for each message");
        Stamp {
            publisher: u8::try_from(publisher).unwrap(),
            number: *number - 1,
            at,
            target,
        }
    }

    /// The name of the event that is the publisher's next message to everyone.
    pub(crate) fn name(&self, publisher: usize) -> Option<&'static str> {
        self.name_of(self.sent[publisher])
    }

    /// How many messages to everyone there are.
    pub(crate) fn sent(&self) -> u32 {
        self.sent.iter().sum()
    }

    /// What comes from now on is measured.
    pub(crate) fn start(&mut self) {
        self.delivered = 0;
        self.latency.reset();
    }

    /// A stream got an event of this name, empty for none, with this text at `now`.
    pub(crate) fn take(&mut self, stream: usize, name: &[u8], text: &[u8], now: u64) {
        self.delivered += 1;
        let stamp = Stamp::read(text, self.targeted)
            .filter(|stamp| usize::from(stamp.publisher) < self.publishers)
            .filter(|stamp| self.name_of(stamp.number).unwrap_or_default().as_bytes() == name)
            .filter(|stamp| {
                stamp
                    .target
                    .is_none_or(|target| usize::from(target) == stream)
            });
        let Some(stamp) = stamp else {
            self.faults.strange += 1;
            return;
        };
        let publisher = usize::from(stamp.publisher);
        let slot = stream * self.publishers + publisher;
        let sent = match stamp.target {
            Some(_) => self.sent_to[slot],
            None => self.sent[publisher],
        };
        if stamp.number >= sent {
            self.faults.strange += 1;
            return;
        }
        if stream < self.timed {
            self.latency.saturating_record(now.saturating_sub(stamp.at));
        }
        let next = &mut self.next[slot];
        if stamp.number < *next {
            let was_missing = self.missing.get_mut(&slot);
            if was_missing.is_some_and(|missing| missing.remove(&stamp.number)) {
                self.faults.disorder += 1;
            } else {
                self.faults.twice += 1;
            }
            return;
        }
        if stamp.number > *next {
            let missing = self.missing.entry(slot).or_default();
            missing.extend(*next..stamp.number);
        }
        *next = stamp.number + 1;
        if !self.targeted {
            self.follow(stream, publisher, stamp.number as usize);
        }
    }

    /// Everything that was wrong, if nothing more comes.
    pub(crate) fn faults(&self) -> Faults {
        let sent = self.sent_to.iter().enumerate().map(|(slot, to)| {
            if self.targeted {
                *to
            } else {
                self.sent[slot % self.publishers]
            }
        });
        let to_come = sent
            .zip(&self.next)
            .map(|(sent, next)| u64::from(sent - next));
        let missing = self.missing.values().map(|missing| missing.len() as u64);
        Faults {
            lost: to_come.chain(missing).sum(),
            ..self.faults
        }
    }

    fn name_of(&self, number: u32) -> Option<&'static str> {
        self.named.then(|| NAMES[number as usize % NAMES.len()])
    }

    /// All streams get the messages to everyone in one order, whoever sent them. What a stream
    /// skips is lost, or comes too late.
    fn follow(&mut self, stream: usize, publisher: usize, number: usize) {
        let places = &mut self.placed[publisher];
        if places.len() <= number {
            places.resize(number + 1, None);
        }
        let reached = &mut self.reached[stream];
        match places[number] {
            Some(place) if place < *reached => self.faults.disorder += 1,
            Some(place) => *reached = place + 1,
            None => {
                places[number] = Some(self.order.len() as u32);
                self.order.push(publisher as u8);
                *reached = self.order.len() as u32;
            }
        }
    }
}

/// Of nanoseconds, to three digits, up to ten minutes.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000_000, 3).unwrap()
}
