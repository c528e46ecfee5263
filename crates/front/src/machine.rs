//! Sleep, waking up and network changes: connections that may be dead are made anew at once.
//!
//! Two witnesses are heard, the system where it tells such things, and the clocks everywhere.
//! What they report close together becomes one reconnect.

mod burst;
mod clocks;
#[cfg_attr(all(unix, not(target_os = "macos")), path = "machine/linux.rs")]
#[cfg_attr(not(all(unix, not(target_os = "macos"))), path = "machine/other.rs")]
mod system;

use std::{pin::pin, time::Duration};

use notifier::{NotifierHandle, Reach};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use self::{burst::Burst, clocks::Clocks};

/// Reports that may wait; beyond it the system's witness waits.
const WAITING: usize = 8;
/// How often the clocks are read.
const TICK: Duration = Duration::from_secs(5);

/// What a witness saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    /// The machine is about to sleep.
    Sleeps,
    /// Something that may have cut connections is over.
    Back(Cause),
}

/// Why connections may be dead, and waits pointless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The machine woke up.
    Woke,
    /// It became connected, or is connected in another way.
    Network,
}

/// Tells the notifier when the machine woke up or its network changed, until the notifier stops.
pub async fn watch(notifier: NotifierHandle) {
    let mut wakes = wakes();
    while let Some(reach) = wakes.recv().await {
        if notifier.woken(reach).await.is_err() {
            return;
        }
    }
}

/// Which connections to make anew, each time the machine woke up or its network changed.
#[must_use]
pub fn wakes() -> mpsc::Receiver<Reach> {
    let (tell, wakes) = mpsc::channel(WAITING);
    tokio::spawn(witness(tell));
    wakes
}

async fn witness(tell: mpsc::Sender<Reach>) {
    let (reports, mut reported) = mpsc::channel(WAITING);
    let mut system = pin!(system::listen(reports));
    let mut burst = Burst::default();
    let mut clocks = Clocks::read();
    let mut tick = Instant::now() + TICK;
    loop {
        let due = burst.due();
        let reach = tokio::select! {
            never = &mut system => match never {},
            () = tell.closed() => return,
            Some(report) = reported.recv() => {
                if report == Report::Back(Cause::Woke) {
                    // What the clocks will show is this very sleep.
                    (clocks, tick) = (Clocks::read(), Instant::now() + TICK);
                }
                tracing::debug!(?report, "the system");
                burst.hear(report, Instant::now())
            }
            () = sleep_until(tick) => {
                let before = std::mem::replace(&mut clocks, Clocks::read());
                tick = Instant::now() + TICK;
                if !clocks.slept_since(&before, TICK) {
                    continue;
                }
                tracing::debug!("the clocks: a sleep that nobody announced");
                burst.hear(Report::Sleeps, Instant::now());
                burst.hear(Report::Back(Cause::Woke), Instant::now())
            }
            () = sleep_until(due.unwrap_or(tick)), if due.is_some() => burst.end(),
        };
        let Some(reach) = reach else {
            continue;
        };
        tracing::info!(?reach, "the machine woke up or its network changed");
        if tell.send(reach).await.is_err() {
            return;
        }
    }
}
