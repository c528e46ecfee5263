//! The two kinds of log do the same, whatever they are asked in whatever order.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::Timestamp;
use proptest::prelude::*;
use rusqlite::Connection;
use sse::{EventId, EventName};
use tokio::sync::watch;

use super::ledger::Most;
use super::store::{self, Stored};
use super::writer::{Limits, Work, Writer};
use super::*;
use crate::config::History;
use crate::format::Format;
use crate::publication::{Address, Topic, Uid};

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<Small>),
    Cancel {
        to: u8,
        sequence: u8,
    },
    /// What the thread does by itself.
    Turn,
    CleanUp,
    /// The clock goes on or back by so many seconds.
    Clock(i64),
}

#[derive(Clone, Debug)]
struct Small {
    to: u8,
    size: usize,
    key: Option<u8>,
    message: Option<u8>,
    ttl: Option<u8>,
    /// Seconds from now.
    due: Option<i8>,
    sequence: Option<u8>,
    event: bool,
    fact: bool,
    transient: bool,
}

fn audience(to: u8) -> Audience {
    let uid = |text| Address::Uid(Uid::parse(text).unwrap());
    let door = Address::Topic(Topic::parse("door").unwrap());
    match to {
        0 => Audience::Everyone,
        1 => Audience::Only(vec![uid("1")]),
        2 => Audience::Only(vec![door]),
        3 => Audience::Only(vec![uid("1"), door, uid("1"), uid("张三")]),
        // The same in another order.
        4 => Audience::Only(vec![uid("张三"), uid("1"), door]),
        _ => Audience::Only(Vec::new()),
    }
}

fn views(opened: u64) -> Vec<View> {
    let uid = |text| Address::Uid(Uid::parse(text).unwrap());
    let door = || Address::Topic(Topic::parse("door").unwrap());
    let only = Filter {
        everyone: false,
        addresses: vec![door()].into(),
    };
    let filters = [
        Filter::default(),
        Filter::of(vec![uid("1")]),
        Filter::of(vec![uid("1"), door()]),
        Filter::of(vec![uid("nobody")]),
        only,
    ];
    let with = |filter, format, opened| View {
        filter,
        format,
        opened,
    };
    let each = filters.into_iter().flat_map(|filter| {
        [
            with(filter.clone(), Format::Sse, 0),
            with(filter, Format::Lines, opened),
        ]
    });
    each.collect()
}

fn message(id: u8) -> MessageId {
    MessageId::parse(&format!("Abcdefgh{id:04}")).unwrap()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let marks = (
        prop::option::weighted(0.3, 0..5_u8),
        prop::option::weighted(0.2, 0..5_u8),
        prop::option::weighted(0.3, 0..60_u8),
        prop::option::weighted(0.3, -10..60_i8),
        prop::option::weighted(0.3, 0..3_u8),
    );
    let size = prop_oneof![8 => 0..60_usize, 1 => 200..1500_usize];
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    let small = (0..6_u8, size, marks, flags).prop_map(
        |(to, size, (key, message, ttl, due, sequence), (event, fact, transient))| Small {
            to,
            size,
            key,
            message,
            ttl,
            due,
            sequence,
            event,
            fact,
            transient,
        },
    );
    let step = prop_oneof![
        6 => prop::collection::vec(small.clone(), 1..2).prop_map(Step::Append),
        4 => prop::collection::vec(small, 1..10).prop_map(Step::Append),
        1 => (0..6_u8, 0..3_u8).prop_map(|(to, sequence)| Step::Cancel { to, sequence }),
        2 => Just(Step::Turn),
        2 => Just(Step::CleanUp),
        3 => (-50..100_i64).prop_map(Step::Clock),
    ];
    prop::collection::vec(step, 1..60)
}

/// So little that each of them is met.
fn limits() -> Limits {
    Limits {
        scheduled: 6,
        scheduled_bytes: 400,
        trim: Most {
            rows: 3,
            bytes: 200,
        },
        ..Limits::new(History {
            events: 25,
            age: Duration::from_secs(150),
            bytes: 2000,
        })
    }
}

fn writer(state: State, window: Window, clock: &Clock) -> (Writer, watch::Receiver<u64>) {
    let (head, told) = watch::channel(state.extent.head);
    let writer = Writer {
        follows: false,
        state,
        limits: limits(),
        clock: clock.clone(),
        shared: Arc::new(Shared::new(state.extent, window)),
        head,
        stats: watch::Sender::default(),
        metrics: Arc::default(),
    };
    (writer, told)
}

struct Both {
    memory: Log,
    writer: Writer,
    db: Connection,
}

impl Both {
    /// The same steps in a transaction of each.
    fn on_disk<T>(
        &mut self,
        count: u64,
        steps: impl FnOnce(&mut Work<Stored<'_>>) -> rusqlite::Result<T>,
    ) -> T {
        let db = &mut self.db;
        self.writer
            .commit(|| Stored::begin(db), count, steps)
            .unwrap()
    }

    fn in_memory(&self) -> &Memory {
        match &self.memory.kept {
            Kept::Memory(memory) => memory,
            Kept::Disk(_) => unreachable!(),
        }
    }

    /// All that a reader can find out is the same.
    fn compare(&self, now: i64) {
        let (state, metrics) = self.in_memory().state();
        assert_eq!(state, self.writer.state);
        let published = |metrics: &Metrics| metrics.published.each().collect::<Vec<_>>();
        assert_eq!(published(&metrics), published(&self.writer.metrics));
        let Extent {
            epoch, head, floor, ..
        } = state.extent;
        assert_eq!((self.memory.head(), self.memory.floor()), (head, floor));
        let board = self.memory.board().now_or_never().unwrap().unwrap();
        assert_eq!(board, store::board(&self.db, head, now).unwrap());
        for at in [-1000, -100, -1, 0, 1].map(|seconds| now + seconds * 1000) {
            let place = self
                .memory
                .place_before(at)
                .now_or_never()
                .unwrap()
                .unwrap();
            let expected = store::newest_before(&self.db, at, floor, head).unwrap();
            assert_eq!(place, expected);
        }
        for id in (0..5).map(message) {
            let seq = self.in_memory().by_message(&id).unwrap();
            assert_eq!(seq, store::by_message(&self.db, &id).unwrap());
        }
        for view in views(head / 2) {
            let newest = self.memory.newest(&view).now_or_never().unwrap().unwrap();
            assert_eq!(newest, store::newest(&self.db, &view).unwrap());
            self.compare_scheduled(&view, Position { epoch, seq: head });
            for cursor in [floor, (floor + head) / 2, head] {
                let (mut own, mut other) = (Vec::new(), Vec::new());
                let mut at = cursor;
                while at < head {
                    let page = self.memory.read(&view, at).now_or_never().unwrap().unwrap();
                    assert!(page.scanned > at && page.floor <= floor);
                    own.extend_from_slice(&page.frames);
                    at = page.scanned;
                }
                at = cursor;
                while at < head {
                    let found = store::stretch(&self.db, &view.filter, at, head).unwrap();
                    let page = Page::of(&view, &found.stretch, now);
                    assert!(page.scanned > at);
                    other.extend_from_slice(&page.frames);
                    at = page.scanned;
                }
                let text = |bytes| String::from_utf8(bytes).unwrap();
                assert_eq!(text(own), text(other), "{cursor} {view:?}");
            }
        }
    }

    fn compare_scheduled(&self, view: &View, position: Position) {
        let own = self.memory.scheduled(view, None).now_or_never();
        let (own, _) = own.unwrap().unwrap();
        let (other, _) = store::scheduled(&self.db, &view.filter, None, position).unwrap();
        // An audience is a set.
        let sorted = |records: Vec<Record>| {
            let each = records.into_iter().map(|record| Record {
                to: Audience::from_column(&record.to.to_column()),
                ..record
            });
            each.collect::<Vec<_>>()
        };
        assert_eq!(sorted(own), sorted(other));
    }
}

fn run(steps: Vec<Step>) {
    let now = Arc::new(AtomicI64::new(1_764_000_000_000));
    let clock: Clock = {
        let now = now.clone();
        Arc::new(move || Timestamp::from_millisecond(now.load(Ordering::Relaxed)).unwrap())
    };
    let epoch = Epoch::random(&mut fastrand::Rng::with_seed(1));
    let mut db = Connection::open_in_memory().unwrap();
    store::prepare(&mut db, epoch).unwrap();
    let state = State::new(store::extent(&db).unwrap());
    let (own, head) = writer(state, Window::alone(), &clock);
    let memory = Log {
        was: Was {
            origin: None,
            is_empty: true,
            node: String::new(),
        },
        head,
        shared: own.shared.clone(),
        metrics: own.metrics.clone(),
        clock: clock.clone(),
        kept: Kept::Memory(Memory::without_thread(own)),
    };
    let (writer, _told) = writer(state, Window::after(0), &clock);
    let mut both = Both { memory, writer, db };
    let mut made = 0;
    for step in steps {
        match step {
            Step::Append(smalls) => {
                let at = |seconds: i8| now.load(Ordering::Relaxed) + i64::from(seconds) * 1000;
                let publications: Vec<_> = smalls
                    .into_iter()
                    .map(|small| {
                        made += 1;
                        let data = format!("{made} {}", "四".repeat(small.size / 3));
                        Publication {
                            event: small.event.then(|| EventName::parse("like").unwrap()),
                            key: small
                                .key
                                .map(|key| EventId::parse(&key.to_string()).unwrap()),
                            message: small.message.map(message),
                            ttl: small.ttl.map(|ttl| Duration::from_secs(ttl.into())),
                            due: small
                                .due
                                .map(|due| Timestamp::from_millisecond(at(due)).unwrap()),
                            sequence: small.sequence.map(|sequence| sequence.to_string()),
                            fact: small.fact,
                            transient: small.transient,
                            ..Publication::new(audience(small.to), data)
                        }
                    })
                    .collect();
                let count = publications.len() as u64;
                let own = both.in_memory().append(publications.clone());
                let other = both.on_disk(count, |work| work.append(publications));
                assert_eq!(format!("{own:?}"), format!("{other:?}"));
            }
            Step::Cancel { to, sequence } => {
                let (to, sequence) = (audience(to), sequence.to_string());
                let own = both.in_memory().cancel(&to, &sequence).unwrap();
                let other = both.on_disk(0, |work| work.cancel(&to, &sequence));
                assert_eq!(own, other);
            }
            Step::Turn => {
                both.in_memory().probe().unwrap();
                both.on_disk(0, |_| Ok(()));
            }
            Step::CleanUp => {
                both.memory.trim();
                both.on_disk(0, |work| {
                    work.clean_up();
                    Ok(())
                });
            }
            Step::Clock(seconds) => {
                now.fetch_add(seconds * 1000, Ordering::Relaxed);
            }
        }
        both.compare(now.load(Ordering::Relaxed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn memory_and_disk_do_the_same(steps in steps()) {
        run(steps);
    }
}
