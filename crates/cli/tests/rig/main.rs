//! Never lost, never twice: the real `feedbell run`, subscribed through a proxy
//! that breaks connections in every way we know of, and killed at random
//! moments. What the upstream produced is compared with the rows of the inbox
//! file; what the product says of itself counts for nothing.
//!
//! Each run chooses a seed and prints it. `FEEDBELL_RIG_SEED` repeats its
//! choices (the operating system's scheduler makes its own);
//! `FEEDBELL_RIG_EVENTS`, `FEEDBELL_RIG_FAULTS` and `FEEDBELL_RIG_KILLS` set
//! the size.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by a panic, in its helpers too, and says what it did"
)]

mod judge;
mod ledger;
mod notifier;
mod plan;
mod proxy;
mod upstream;

use std::{
    env,
    sync::Arc,
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    judge::{Verdict, judge, progress},
    ledger::{Ids, Ledger},
    notifier::{Home, Notifier},
    plan::{Kill, Plan, Scenario},
    proxy::{History, Order, Proxy},
};

/// So long without any progress, and the rig stops waiting and judges what is there.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the progress is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// The most memory a notifier may ever hold, in KiB, whatever passes through it.
const MEMORY: u64 = 64 << 10;

impl Scenario {
    /// The size asked for by the environment. A small one has fewer events and faults, but more
    /// kills: they have to find the moments between two writes, and here cost little.
    fn asked(ids: Ids, small: bool) -> Self {
        let asked = |name: &str, default: usize| {
            let asked = env::var(format!("FEEDBELL_RIG_{name}")).ok();
            asked.map_or(default, |number| number.parse().unwrap())
        };
        let part = if small { 5 } else { 1 };
        Self {
            ids,
            slowly: false,
            events: (asked("EVENTS", 20_000) / part).max(100),
            faults: asked("FAULTS", 230) / part,
            kills: asked("KILLS", 27) * if small { 4 } else { 1 },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_number_is_in_the_inbox_once_and_in_order() {
    run(Scenario::asked(Ids::Counting, false)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_are_shared_or_missing_cost_and_double_nothing() {
    run(Scenario::asked(Ids::Shared, true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "an event without an id, between two of one id, is doubled when the server re-sends them"]
async fn a_missing_id_between_two_of_one_id_doubles_nothing() {
    run(Scenario::asked(Ids::Mixed, true)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "what a server begins to re-send only 750 ms after its answer is taken for live"]
async fn a_server_that_re_sends_slowly_doubles_nothing() {
    run(Scenario {
        slowly: true,
        ..Scenario::asked(Ids::Counting, true)
    })
    .await;
}

async fn run(scenario: Scenario) {
    let seed = match env::var("FEEDBELL_RIG_SEED") {
        Ok(seed) => seed.parse().expect("FEEDBELL_RIG_SEED is a number"),
        Err(_) => fastrand::u64(..),
    };
    let Scenario {
        ids, events, kills, ..
    } = scenario;
    let again = format!("FEEDBELL_RIG_SEED={seed} {scenario:?}");
    println!("{again}");
    let mut rng = Rng::with_seed(seed);
    let ledger = Arc::new(Ledger::new(ids, events, &mut rng));
    let plan = Plan::new(scenario, &mut rng);
    let planned = plan.faults.len();
    let history = Arc::new(History::new());
    let (upstream, _upstream) = upstream::serve(Arc::clone(&ledger), rng.u64(..)).await;
    let (proxy, orders) = Proxy::start(
        Arc::clone(&ledger),
        upstream,
        plan,
        Arc::clone(&history),
        rng.fork(),
    );
    let home = Home::new(proxy.address);
    let began = Instant::now();
    let mut rig = Rig {
        ledger,
        history,
        proxy,
        orders,
        notifier: Some(home.start()),
        home,
        kills: 0,
        peak: 0,
        troubles: Vec::new(),
    };
    rig.until_the_end().await;
    let verdict = rig.stop_and_judge().await;

    let done = rig.proxy.shared.done();
    let total: usize = done.values().sum();
    let by_kind: Vec<String> = done
        .iter()
        .map(|(kind, count)| format!("{count} {}", kind.name()))
        .collect();
    let report = format!(
        "{events} events, {total} faults ({}), {} kills, {} connections, peak {} KiB, {:.1} s: {verdict}",
        by_kind.join(", "),
        rig.kills,
        rig.proxy.shared.connections(),
        rig.peak,
        began.elapsed().as_secs_f64(),
    );
    println!("{report}");
    if total < planned {
        rig.troubles
            .push(format!("{total} of {planned} faults had their turn"));
    }
    if rig.kills < kills {
        rig.troubles
            .push(format!("{} of {kills} kills had their turn", rig.kills));
    }
    if rig.peak > MEMORY {
        rig.troubles.push(format!(
            "it held {} KiB of memory, more than {MEMORY}",
            rig.peak
        ));
    }
    if !verdict.is_good() || !rig.troubles.is_empty() {
        rig.fail(&verdict, &again);
    }
}

struct Rig {
    ledger: Arc<Ledger>,
    history: Arc<History>,
    proxy: Proxy,
    orders: UnboundedReceiver<Order>,
    /// Always one, until it is stopped.
    notifier: Option<Notifier>,
    home: Home,
    kills: usize,
    /// KiB.
    peak: u64,
    /// What is wrong besides the inbox.
    troubles: Vec<String>,
}

impl Rig {
    /// Follows orders until the inbox has taken the last event, or nothing moves any more.
    async fn until_the_end(&mut self) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        let mut moved = Instant::now();
        let kept = self
            .ledger
            .events
            .iter()
            .filter(|event| event.is_kept())
            .count();
        let kept = i64::try_from(kept).unwrap();
        loop {
            tokio::select! {
                biased;
                Some(order) = self.orders.recv() => match order {
                    Order::Kill(kill) => self.kill(kill).await,
                    Order::Reconnect => self.reconnect().await,
                },
                _ = look.tick() => {
                    let shared = &self.proxy.shared;
                    let inbox = progress(&self.home.inbox());
                    let ended = inbox
                        .as_ref()
                        .is_some_and(|(_, cursor)| cursor == self.ledger.last_id());
                    // More rows than events: nothing can make that good again.
                    let doubled = inbox.as_ref().is_some_and(|&(rows, _)| rows > kept);
                    if doubled || !shared.wrong().is_empty() {
                        self.troubles.push("stopped before the end".to_owned());
                        return;
                    }
                    if ended && shared.left() == 0 {
                        return;
                    }
                    let now = Some((inbox, shared.sent(), shared.connections()));
                    if now != last {
                        last = now;
                        moved = Instant::now();
                    }
                    if moved.elapsed() > PATIENCE {
                        let trouble = format!("nothing moved for {} s", PATIENCE.as_secs());
                        self.troubles.push(trouble);
                        return;
                    }
                }
            }
        }
    }

    async fn kill(&mut self, kill: Kill) {
        for delay in [Some(kill.delay), kill.again].into_iter().flatten() {
            sleep(delay).await;
            let Some(notifier) = self.notifier.take() else {
                return;
            };
            self.peak = self.peak.max(notifier.peak_memory());
            if !notifier.kill().await {
                self.troubles.push("a notifier ended by itself".to_owned());
            }
            self.kills += 1;
            self.history.note(&format!("kill {}", self.kills));
            self.notifier = Some(self.home.start());
        }
    }

    /// A notifier that was started just now may not listen to orders yet.
    async fn reconnect(&mut self) {
        let began = Instant::now();
        while !self.home.reconnect().await {
            if began.elapsed() > PATIENCE {
                self.troubles.push("nobody took a reconnect".to_owned());
                return;
            }
        }
        self.history.note("reconnect");
    }

    async fn stop_and_judge(&mut self) -> Verdict {
        if let Some(notifier) = self.notifier.take() {
            self.peak = self.peak.max(notifier.peak_memory());
            let status = notifier.terminate().await;
            if !status.success() {
                self.troubles
                    .push(format!("the notifier ended with {status}"));
            }
        }
        if self.home.said().contains("panicked") {
            self.troubles.push("a notifier panicked".to_owned());
        }
        self.troubles.extend(self.proxy.shared.wrong());
        judge(&self.ledger, &self.home.inbox())
    }

    /// Leaves everything that is needed to understand it.
    fn fail(self, verdict: &Verdict, again: &str) -> ! {
        let troubles = self.troubles.join("; ");
        let first = verdict.first().map(|number| {
            let event = &self.ledger.events[number];
            format!("{number} is {:?} {:?}", event.name, event.id)
        });
        let home = self.home.keep();
        let history = home.join("history");
        std::fs::write(&history, self.history.text()).unwrap();
        panic!(
            "{again}: {verdict}\n{}\n{troubles}\nwhat happened: {}, what the notifier said and kept: {}",
            first.unwrap_or_default(),
            history.display(),
            home.display(),
        );
    }
}
