//! Each event once: the real `feedbell serve`, a thousand subscribers that break off and resume at
//! random moments, publishers of every kind, and a hub that is ended, killed and started again
//! meanwhile. Each subscriber gets exactly what was for it, once, in the order of the log; each
//! publication that was answered is in it.
//!
//! Each run chooses a seed and prints it. `FEEDBELL_RIG_SEED` repeats its choices (the operating
//! system's scheduler makes its own); `FEEDBELL_RIG_PUBLICATIONS`, `FEEDBELL_RIG_SUBSCRIBERS` and
//! `FEEDBELL_RIG_RESTARTS` set the size.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too, and says what it did"
)]

mod hostile;
mod http;
mod hub;
mod judge;
mod ledger;
mod publisher;
mod subscriber;

use std::{
    env,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    http::Connection,
    hub::{Ending, Hub},
    judge::judge,
    ledger::Ledger,
    subscriber::Spec,
};

/// So long without any progress, and the rig stops waiting and judges what is there.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the progress is looked at, and how soon a refused connection is tried again.
const LOOK: Duration = Duration::from_millis(200);
const PUBLISHERS: usize = 12;
const OPTIONS: [&str; 4] = ["--max-streams", "3000", "--max-age", "30"];
/// The most memory the hub may ever hold, in KiB, whatever passes through it.
const MEMORY: u64 = 400 << 10;

/// What publishers and subscribers share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) address: SocketAddr,
    /// How many publications were tried.
    pub(crate) published: watch::Sender<usize>,
    /// How many subscribers have a place.
    pub(crate) seats: watch::Sender<usize>,
    /// How many hubs have been started.
    hubs: watch::Sender<usize>,
    /// How often a publisher was told to be slower.
    pub(crate) slowed: AtomicUsize,
    moves: AtomicU64,
    over: AtomicBool,
    troubles: Mutex<Vec<String>>,
}

impl World {
    /// A connection to the hub, once there is one.
    pub(crate) async fn connect(&self) -> Connection {
        let mut hubs = self.hubs.subscribe();
        loop {
            if let Ok(connection) = Connection::open(self.address).await {
                return connection;
            }
            let _ = tokio::time::timeout(LOOK, hubs.changed()).await;
        }
    }

    /// A number of publications that is still to come; at the end there is none.
    pub(crate) fn some_later(&self, rng: &mut Rng) -> usize {
        let published = *self.published.borrow();
        let all = self.ledger.all.len();
        let later = published + 1 + rng.usize(..all / 5 + 1);
        if later < all { later } else { usize::MAX }
    }

    /// Waits until so many were published.
    pub(crate) async fn published_are(&self, many: usize) {
        let mut published = self.published.subscribe();
        let _ = published.wait_for(|published| *published >= many).await;
    }

    /// What a subscriber does that does not hold a connection.
    pub(crate) async fn stay_away(&self, until: usize) {
        let all = self.ledger.all.len();
        if tokio::time::timeout(LOOK, self.published_are(until.min(all)))
            .await
            .is_ok()
            && until > all
        {
            // All are published, and perhaps not all have come: once more, but not at once.
            tokio::time::sleep(LOOK).await;
        }
    }

    pub(crate) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    pub(crate) fn trouble(&self, what: String) {
        self.troubles.lock().unwrap().push(what);
    }
}

fn asked<T: std::str::FromStr>(name: &str) -> Option<T> {
    let asked = env::var(format!("FEEDBELL_RIG_{name}")).ok()?;
    Some(
        asked
            .parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_subscriber_gets_each_of_its_events_once_and_in_order() {
    let seed: u64 = asked("SEED").unwrap_or_else(|| fastrand::u64(..));
    let publications = asked("PUBLICATIONS").unwrap_or(10_000);
    let subscribers = asked("SUBSCRIBERS").unwrap_or(1000);
    let restarts: usize = asked("RESTARTS").unwrap_or(6);
    println!("FEEDBELL_RIG_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let began = Instant::now();

    rlimit::increase_nofile_limit(4096).unwrap();
    let mut hub = Hub::new(&OPTIONS);
    hub.start().await;
    let ledger = Arc::new(Ledger::new(publications, &mut rng));
    let all = ledger.all.len();
    let world = Arc::new(World {
        ledger,
        address: hub.address(),
        published: watch::Sender::new(0),
        seats: watch::Sender::new(0),
        hubs: watch::Sender::new(1),
        slowed: AtomicUsize::new(0),
        moves: AtomicU64::new(0),
        over: AtomicBool::new(false),
        troubles: Mutex::default(),
    });
    let specs: Vec<Spec> = (0..subscribers)
        .map(|number| Spec::random(number, &mut rng))
        .collect();
    let tasks: Vec<_> = specs
        .iter()
        .map(|spec| {
            tokio::spawn(subscriber::subscribe(
                Arc::clone(&world),
                spec.clone(),
                rng.fork(),
            ))
        })
        .collect();
    let mut seats = world.seats.subscribe();
    let seated = seats.wait_for(|seats| *seats == subscribers);
    let seated = tokio::time::timeout(PATIENCE, seated).await.is_ok();
    assert!(
        seated,
        "{} of {subscribers} have a place",
        *world.seats.borrow()
    );

    let jobs = Arc::new(publisher::jobs(&world.ledger));
    let next = Arc::new(AtomicUsize::new(0));
    let mut publishers = JoinSet::new();
    for _ in 0..PUBLISHERS {
        let (world, jobs, next) = (Arc::clone(&world), Arc::clone(&jobs), Arc::clone(&next));
        publishers.spawn(publisher::publish(world, jobs, next, rng.fork()));
    }
    let ends = {
        let (world, rng) = (Arc::clone(&world), rng.fork());
        tokio::spawn(async move {
            publishers.join_all().await;
            let ends = Arc::new(vec![all - 2..all - 1, all - 1..all]);
            publisher::publish(world, ends, Arc::default(), rng).await;
        })
    };

    let mut endings: Vec<(usize, Ending)> = (0..restarts)
        .map(|number| {
            let ending = if number % 2 == 0 {
                Ending::Killed
            } else {
                Ending::Asked
            };
            (rng.usize(all / 20..all * 19 / 20), ending)
        })
        .collect();
    endings.sort_by_key(|ending| std::cmp::Reverse(ending.0));
    let (mut moves, mut moved) = (0, Instant::now());
    let (mut peak, mut slowest) = (0, Duration::ZERO);
    while tasks.iter().any(|task| !task.is_finished()) && moved.elapsed() < PATIENCE {
        let wanted = endings.last().map_or(usize::MAX, |ending| ending.0);
        let mut published = world.published.subscribe();
        let _ =
            tokio::time::timeout(LOOK, published.wait_for(|published| *published >= wanted)).await;
        peak = peak.max(hub.peak_memory());
        if *world.published.borrow() >= wanted {
            let ending = endings.pop().map_or(Ending::Asked, |ending| ending.1);
            assert!(hub.is_running(), "the hub ended by itself: {}", hub.said());
            let (status, took) = hub.end(ending).await;
            if ending == Ending::Asked {
                slowest = slowest.max(took);
                if !status.success() {
                    world.trouble(format!("asked to end, the hub ended with {status}"));
                }
            }
            hub.start().await;
            world.hubs.send_modify(|hubs| *hubs += 1);
        }
        let now = world.moves.load(Ordering::Relaxed);
        if now != moves {
            (moves, moved) = (now, Instant::now());
        }
    }
    world.over.store(true, Ordering::Relaxed);
    ends.abort();
    if !endings.is_empty() {
        world.trouble(format!("{} restarts had no turn", endings.len()));
    }
    let mut heard = Vec::new();
    for (spec, task) in specs.into_iter().zip(tasks) {
        let abort = task.abort_handle();
        let ended = tokio::time::timeout(LOOK, task).await;
        abort.abort();
        let ended = ended.ok().map(Result::unwrap).unwrap_or_default();
        heard.push((spec, ended));
    }
    let verdict = judge(&world.ledger, &heard);
    println!(
        "{all} publications, {subscribers} subscribers, {restarts} restarts (the slowest end took {:.2} s), \
         told to be slower {} times, peak {peak} KiB, {:.1} s: {verdict}",
        slowest.as_secs_f64(),
        world.slowed.load(Ordering::Relaxed),
        began.elapsed().as_secs_f64(),
    );
    if peak > MEMORY {
        world.trouble(format!(
            "the hub held {peak} KiB of memory, more than {MEMORY}"
        ));
    }
    let said = hub.said();
    if said.contains("panicked") {
        world.trouble(said);
    }
    let troubles = world.troubles.lock().unwrap().join("\n");
    if !verdict.is_good() || !troubles.is_empty() {
        panic!(
            "FEEDBELL_RIG_SEED={seed}: {verdict}\n{troubles}\nits data: {}",
            hub.keep().display()
        );
    }
}
