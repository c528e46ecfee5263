//! The hub against a model that a reader can check at a glance: whatever comes
//! in whatever order, streams get what the model says.

use std::collections::HashMap;
use std::time::Duration;

use hub::{Address, Audience, EventId, HubConfig, Publication, Receipt, Store, Topic, Uid};
use proptest::prelude::*;

use crate::scheduled::Hands;
use crate::{Server, Stream};

#[derive(Clone, Debug)]
enum Step {
    /// One publication, or several in one transaction.
    Publish(Vec<Small>),
    Cancel {
        to: u8,
        sequence: u8,
    },
    /// The clock goes on or back by so many seconds.
    Clock(i64),
    Restart,
}

#[derive(Clone, Debug)]
struct Small {
    to: u8,
    key: Option<u8>,
    ttl: Option<u8>,
    /// Seconds from now.
    due: Option<i8>,
    sequence: Option<u8>,
}

impl Small {
    /// What makes a second one the same.
    fn key(&self) -> Option<(u8, u8)> {
        Some((self.key?, self.to))
    }
}

/// Everyone, one uid, one topic, or both of these.
fn audience(to: u8) -> Audience {
    let uid = Address::Uid(Uid::parse("1").unwrap());
    let topic = Address::Topic(Topic::parse("door").unwrap());
    match to {
        0 => Audience::Everyone,
        1 => Audience::Only(vec![uid]),
        2 => Audience::Only(vec![topic]),
        _ => Audience::Only(vec![topic, uid]),
    }
}

const VIEWS: [(&str, &[u8]); 4] = [
    ("/events?uid=none", &[0]),
    ("/events?uid=1", &[0, 1, 3]),
    ("/events?topic=door", &[0, 2, 3]),
    ("/events?uid=1&topic=door", &[0, 1, 2, 3]),
];

/// What is known of one publication that was taken.
#[derive(Clone, Debug)]
struct Taken {
    name: String,
    small: Small,
    /// Unix milliseconds.
    due: i64,
    /// For one in the log: from when on it is not delivered.
    expires: Option<i64>,
    /// Whether its time to live was over once. A clock that goes back then may
    /// find it or not: the hub deletes such when it comes to it.
    over: bool,
}

#[derive(Default)]
struct Model {
    /// From the first on, without a hole.
    log: Vec<Taken>,
    scheduled: Vec<Taken>,
    /// By key and audience: the place in the log, or none for what is to come.
    keys: HashMap<(u8, u8), Option<usize>>,
    made: usize,
}

impl Model {
    fn store(&mut self, mut taken: Taken, now: i64) -> usize {
        taken.expires = taken.small.ttl.map(|ttl| now + i64::from(ttl) * 1000);
        if let Some(key) = taken.small.key() {
            self.keys.insert(key, Some(self.log.len()));
        }
        self.log.push(taken);
        self.log.len() - 1
    }

    /// Any transaction begins with this.
    fn turn(&mut self, now: i64) {
        for taken in &mut self.log {
            taken.over |= taken.expires.is_some_and(|expires| expires <= now);
        }
        // Stable: of the same time, in the order in which they came.
        self.scheduled.sort_by_key(|taken| taken.due);
        let due = self.scheduled.partition_point(|taken| taken.due <= now);
        for taken in self.scheduled.drain(..due).collect::<Vec<_>>() {
            self.store(taken, now);
        }
    }

    fn cancel(&mut self, to: u8, sequence: u8) -> u64 {
        let before = self.scheduled.len();
        self.scheduled
            .retain(|taken| (taken.small.to, taken.small.sequence) != (to, Some(sequence)));
        let keys = &mut self.keys;
        // What was taken back was never there: its key is free.
        let left: Vec<_> = self
            .scheduled
            .iter()
            .map(|taken| taken.small.key())
            .collect();
        keys.retain(|key, place| place.is_some() || left.contains(&Some(*key)));
        (before - self.scheduled.len()) as u64
    }

    /// Its name, and its place in the log if it has one.
    fn publish(&mut self, small: &Small, now: i64) -> (String, Option<usize>) {
        self.made += 1;
        let name = format!("{} {small:?}", self.made);
        let known = small.key().and_then(|key| self.keys.get(&key));
        if let Some(place) = known {
            return (name, *place);
        }
        if let Some(sequence) = small.sequence {
            self.cancel(small.to, sequence);
        }
        let due = now + i64::from(small.due.unwrap_or(0)) * 1000;
        let taken = Taken {
            name: name.clone(),
            small: small.clone(),
            due,
            expires: None,
            over: false,
        };
        if due <= now {
            return (name, Some(self.store(taken, now)));
        }
        if let Some(key) = small.key() {
            self.keys.insert(key, None);
        }
        self.scheduled.push(taken);
        (name, None)
    }

    /// What a view gets of the events from `from` on.
    fn view(&self, to: &[u8], from: usize) -> Vec<(usize, &str)> {
        let all = self.log.iter().enumerate().skip(from);
        all.filter(|(_, taken)| to.contains(&taken.small.to) && !taken.over)
            .map(|(at, taken)| (at, taken.name.as_str()))
            .collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let small = (
        0..4_u8,
        prop::option::weighted(0.3, 0..4_u8),
        prop::option::weighted(0.3, 1..60_u8),
        prop::option::weighted(0.4, -10..60_i8),
        prop::option::weighted(0.4, 0..3_u8),
    )
        .prop_map(|(to, key, ttl, due, sequence)| Small {
            to,
            key,
            // When a key is free again is not fixed to the second.
            ttl: ttl.filter(|_| key.is_none()),
            due,
            sequence,
        });
    let step = prop_oneof![
        6 => prop::collection::vec(small.clone(), 1..2).prop_map(Step::Publish),
        2 => prop::collection::vec(small, 1..8).prop_map(Step::Publish),
        1 => (0..4_u8, 0..3_u8).prop_map(|(to, sequence)| Step::Cancel { to, sequence }),
        3 => (-50..100_i64).prop_map(Step::Clock),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..40)
}

async fn run(steps: Vec<Step>, on_disk: bool) {
    let folder = tempfile::tempdir().unwrap();
    let hands = Hands::new();
    let store = if on_disk {
        Store::Path(folder.path().join("hub.db"))
    } else {
        Store::Memory
    };
    let config = || hands.set(HubConfig::new(store.clone()));
    let mut model = Model::default();
    let mut server = Server::start(config()).await;
    assert!(server.hub.is_healthy().await);
    let epoch = server.hub.epoch();
    let id = |at: usize| format!("{epoch}.{}", at + 1);
    let mut live: Vec<Stream> = Vec::new();
    for (path, _) in VIEWS {
        live.push(server.open(path).await);
    }
    for step in steps {
        let (before, now) = (model.log.len(), hands.now());
        match step {
            Step::Publish(smalls) => {
                model.turn(now);
                let mut publications = Vec::new();
                let mut expected = Vec::new();
                for small in &smalls {
                    let (name, place) = model.publish(small, now);
                    expected.push(place.map(id));
                    let key = small
                        .key
                        .map(|key| EventId::parse(&key.to_string()).unwrap());
                    publications.push(Publication {
                        key,
                        ttl: small.ttl.map(|ttl| Duration::from_secs(ttl.into())),
                        due: small.due.map(|due| hands.at(due.into())),
                        sequence: small.sequence.map(|sequence| sequence.to_string()),
                        ..Publication::new(audience(small.to), name)
                    });
                }
                let receipts = server.hub.publish_all(publications).await.unwrap();
                let places = receipts.into_iter().map(Receipt::position);
                let places: Vec<_> = places.map(|at| at.map(|at| at.to_string())).collect();
                assert_eq!(places, expected);
            }
            Step::Cancel { to, sequence } => {
                model.turn(now);
                let expected = model.cancel(to, sequence);
                let to = audience(to);
                let count = server.hub.cancel(to, sequence.to_string()).await.unwrap();
                assert_eq!(count, expected);
            }
            Step::Clock(seconds) => {
                hands.step(seconds);
                // A write, as what is due comes with any.
                assert!(server.hub.is_healthy().await);
                model.turn(hands.now());
            }
            // It would be another log.
            Step::Restart if !on_disk => {}
            Step::Restart => {
                let ids: Vec<_> = live.iter().map(|s| s.last_event_id().to_owned()).collect();
                live.clear();
                server.stop().await;
                server = Server::start(config()).await;
                assert!(server.hub.is_healthy().await);
                model.turn(now);
                for ((path, _), last) in VIEWS.into_iter().zip(ids) {
                    live.push(server.resume(path, &last).await);
                }
            }
        }
        assert_eq!(server.hub.position().seq, model.log.len() as u64);
        for (stream, (path, to)) in live.iter_mut().zip(VIEWS) {
            for (at, name) in model.view(to, before) {
                let event = stream.next().await.unwrap();
                assert_eq!((event.id, event.data.as_str()), (id(at), name), "{path}");
            }
        }
    }
    // Who comes now gets the same history, from its start and from its middle.
    let middle = model.log.len() / 2;
    let start = format!("{epoch}.{middle}");
    for (path, to) in VIEWS {
        for (from, since) in [(0, "all"), (middle, start.as_str())] {
            let path = format!("{path}&since={since}&poll=1");
            let events = server.open(&path).await.rest().await;
            let expected = model.view(to, from);
            let expected: Vec<_> = expected
                .into_iter()
                .map(|(at, name)| (id(at), name.to_owned()))
                .collect();
            let over = |data: &str| model.log.iter().any(|t| t.over && t.name == data);
            let events = events.into_iter().filter(|event| !over(&event.data));
            let events: Vec<_> = events.map(|event| (event.id, event.data)).collect();
            assert_eq!(events, expected, "{path}");
        }
    }
    drop(live);
    server.stop().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn streams_get_what_the_model_says(steps in steps(), on_disk in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(steps, on_disk));
    }
}
