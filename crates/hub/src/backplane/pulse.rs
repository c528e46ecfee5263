//! Tells the engine how the node is, and hears how the hub is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fred::types::Value;
use tokio::sync::watch;
use tokio::time::Instant;

use super::engine::{Engine, Failed};
use super::functions::{function, update};
use super::node::{Common, Given, Member, Shared, State};
use super::presence;
use super::wire;
use crate::log::{Extent, Step};
use crate::{Epoch, Position};

/// How often a node says that it is there.
pub(super) const PULSE: Duration = Duration::from_secs(1);
/// How soon it says so again while something is still to come.
const SOON: Duration = Duration::from_millis(50);
/// How far back the head is looked for that a node must have reached to be ready.
const LAGS: Duration = Duration::from_secs(5);

/// Tells the engine how the node is, and hears how the hub is.
pub(super) struct Pulse {
    common: Arc<Common>,
    engine: Arc<Engine>,
    /// Where the shared log was, and when.
    heads: VecDeque<(Instant, u64)>,
    random: fastrand::Rng,
    /// Tells this process from others that say to be the same node.
    process: String,
}

impl Pulse {
    pub(super) fn new(common: Arc<Common>, engine: Arc<Engine>) -> Self {
        Self {
            common,
            engine,
            heads: VecDeque::new(),
            random: fastrand::Rng::new(),
            process: format!("{:08x}", fastrand::u32(..)),
        }
    }

    /// Tells `rows` how many rows the engine has of who listens here.
    pub(super) async fn run(mut self, rows: watch::Sender<Option<usize>>) {
        loop {
            let is_settled = self.once(&rows).await;
            let due = self.common.due.load(Ordering::Acquire);
            let now = (self.common.clock)().as_millisecond();
            let wait = match due {
                _ if !is_settled => SOON,
                0 => PULSE,
                due => {
                    Duration::from_millis(due.saturating_sub(now).max(1).unsigned_abs()).min(PULSE)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.common.pulse.notified() => {}
            }
        }
    }

    /// Says whether there is no need to look again soon.
    async fn once(&mut self, rows: &watch::Sender<Option<usize>>) -> bool {
        let was_connected = self.common.state.borrow().connected;
        // What comes next may wait for a new connection for a while.
        if was_connected && let Some(why) = self.engine.broken() {
            self.trouble(&why);
        }
        if !was_connected
            && let Err(Failed::Away(why) | Failed::Refused(why)) = update(&self.engine).await
        {
            self.trouble(&why);
            return true;
        }
        let told = self.tell();
        let begun = (self.common.own_clock)();
        let sent = Instant::now();
        match function(&self.engine, "feedbell_tick", told).await {
            Ok(answer) => {
                let took = sent.elapsed();
                if let Some(heard) = self.hear(&answer, (begun.as_microsecond(), sent), took) {
                    return match heard {
                        Heard::Well { known, is_settled } => {
                            rows.send_replace(Some(known));
                            is_settled
                        }
                        Heard::Twin => {
                            self.rename().await;
                            false
                        }
                        Heard::Refused => true,
                    };
                }
                self.trouble("answers what no hub would: is another program there?");
            }
            Err(Failed::Away(why) | Failed::Refused(why)) => self.trouble(&why),
        }
        true
    }

    /// Takes another name: a process with a copy of this folder has this one, too.
    async fn rename(&mut self) {
        let name = format!("{:08x}", self.random.u32(..));
        tracing::error!(
            old = self.common.id(),
            new = name,
            "another process says to be this node, as its data folder is a copy: it gets a name of its own"
        );
        if let Err(error) = self.common.log.follow(Step::Rename(name.clone())).await {
            tracing::error!(%error, "the node's name could not be written");
        }
        self.common.rename(name);
    }

    fn tell(&mut self) -> Vec<Value> {
        let Common {
            log,
            history,
            subscribers,
            ..
        } = &*self.common;
        // Before the extent: with another epoch it is another number.
        let given = self.common.given();
        let Extent {
            epoch,
            head,
            origin,
            ..
        } = log.extent();
        let (mut said, mut base, mut known, mut lineage) = Default::default();
        if let Some(origin) = origin {
            said = epoch.to_string();
            base = origin.base;
            lineage = format!("{:015x}", origin.lineage);
            let own = Given {
                seq: head,
                micros: origin.micros,
            };
            known = own.max(given);
        }
        let reached = if origin.is_some() { head } else { 0 };
        let age = history.age.as_millis().min(u128::from(u64::MAX >> 12));
        vec![
            self.common.id().into(),
            said.into(),
            base.to_string().into(),
            known.seq.to_string().into(),
            reached.to_string().into(),
            known.micros.to_string().into(),
            history.events.to_string().into(),
            age.to_string().into(),
            history.bytes.to_string().into(),
            subscribers.count().to_string().into(),
            Epoch::random(&mut self.random).to_string().into(),
            lineage.into(),
            self.process.clone().into(),
        ]
    }

    /// `None` for an answer without sense.
    fn hear(
        &mut self,
        answer: &Value,
        (begun, sent): (i64, Instant),
        took: Duration,
    ) -> Option<Heard> {
        let [
            state,
            epoch,
            base,
            head,
            floor,
            time,
            due,
            why,
            orders,
            nodes,
            rows,
            lineage,
        ] = wire::array(answer)?
        else {
            return None;
        };
        let is_open = match wire::text(state)? {
            "ok" => true,
            "wait" => false,
            "twin" => return Some(Heard::Twin),
            refused => {
                self.trouble(match refused {
                    "importing" => {
                        "has a history imported by another node, or that was not finished"
                    }
                    "foreign" => {
                        "has another hub than the one of which this data folder has a copy: \
                         choose another data folder, or another prefix"
                    }
                    _ => return None,
                });
                return Some(Heard::Refused);
            }
        };
        let shared = Shared {
            epoch: wire::text(epoch)?.parse().ok()?,
            base: wire::number(base)?,
            head: wire::number(head)?,
            floor: wire::number(floor)?,
            lineage: u64::from_str_radix(wire::text(lineage)?, 16).ok()?,
        };
        self.set_clock(wire::number(time)?, begun, took);
        let common = &self.common;
        common
            .due
            .store(wire::number(due).unwrap_or(0), Ordering::Release);
        report(wire::text(why)?, shared.epoch);
        let nodes = wire::array(nodes)?.chunks_exact(3).map(|node| {
            Some(Member {
                id: wire::text(&node[0])?.to_owned(),
                reached: match wire::number(&node[1])? {
                    0 => None,
                    seq => Some(Position {
                        epoch: shared.epoch,
                        seq,
                    }),
                },
                subscribers: wire::number(&node[2])?,
            })
        });
        let nodes = nodes.collect::<Option<Vec<_>>>()?;
        let now = Instant::now();
        let is_new = common
            .state
            .borrow()
            .shared
            .is_none_or(|before| before.epoch != shared.epoch);
        if is_new {
            self.heads.clear();
        }
        self.heads.push_back((now, shared.head));
        while self.heads.len() > 1 && self.heads[1].0 + LAGS <= now {
            self.heads.pop_front();
        }
        let goal = self.heads.front().map_or(shared.head, |(_, head)| *head);
        let own = common.log.extent();
        let reached = own.origin.is_some() && own.epoch == shared.epoch && own.head >= goal;
        common.state.send_modify(|state| {
            if !state.connected {
                tracing::info!(epoch = %shared.epoch, head = shared.head, "the backplane answers");
            }
            *state = State {
                connected: true,
                open: is_open,
                ready: reached,
                shared: Some(shared),
                nodes,
                asked: Some(sent),
                trouble: None,
            };
        });
        for order in wire::array(orders)? {
            presence::obey(common, order);
        }
        Some(Heard::Well {
            known: wire::number(rows)?,
            is_settled: is_open && reached,
        })
    }

    /// The engine's time was `time` between `begun` and `took` later.
    fn set_clock(&self, time: i64, begun: i64, took: Duration) {
        let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
        let offset = time.saturating_sub(begun.saturating_add(took / 2));
        let before = self.common.offset.load(Ordering::Relaxed);
        // Within what the measurement is worth, the clock stays as it is.
        if offset.abs_diff(before) > took.unsigned_abs() {
            self.common.offset.store(offset, Ordering::Relaxed);
        }
    }

    fn trouble(&self, why: &str) {
        self.common.state.send_modify(|state| {
            if state.connected || state.trouble.as_deref() != Some(why) {
                tracing::warn!(
                    engine = self.engine.address(),
                    why,
                    "the backplane does not answer"
                );
            }
            state.connected = false;
            state.open = false;
            state.trouble = Some(why.to_owned());
        });
    }
}

/// What the engine said to a pulse.
enum Heard {
    Well {
        /// How many rows it has of who listens here.
        known: usize,
        /// Whether there is no need to look again soon.
        is_settled: bool,
    },
    /// Another process says to be this node.
    Twin,
    Refused,
}

/// Says loudly why there is a new epoch, where this node began it.
fn report(why: &str, epoch: Epoch) {
    let why = match why {
        "empty" => "the engine has lost the log",
        "older" => "the engine has an older state of the log than this node has seen",
        "overtaken" => "the engine's log was begun anew behind this node's",
        "mixed" => "another program has written into the log",
        "missing" => {
            "the engine was restarted, and a node that may know more of the log than it does is missing"
        }
        _ => return,
    };
    tracing::error!(%epoch, why, "the hub begins a new epoch: its subscribers are told of a gap");
}
