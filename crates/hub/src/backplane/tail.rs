//! Copies the shared log into the node's own.

use std::time::Duration;

use tokio::sync::watch;

use super::engine::{Engine, Failed};
use super::node::{Common, OVERHEAD, Shared, State};
use super::pulse::PULSE;
use super::wire;
use crate::log::{Copied, Step};
use crate::{Epoch, HubError};

/// How long a read of the log waits for something new.
const READ: Duration = Duration::from_secs(1);
/// Most entries of one read, and about how many bytes it brings: the engine cannot
/// be told of the latter.
const MOST_READ: usize = 500;
const READ_BYTES: usize = 2 << 20;
/// As long as nothing is known of how large they are.
const FIRST_READ: usize = 32;
/// How often in a row a read finds nothing where a pulse saw more.
const MOST_BEHIND: u32 = 3;

/// Copies the shared log, for ever.
pub(super) async fn tail(common: &Common, engine: &Engine) {
    let mut state = common.state.subscribe();
    loop {
        let shared = state.borrow_and_update().shared;
        let Some(shared) = shared else {
            if state.changed().await.is_err() {
                return;
            }
            continue;
        };
        if let Err(error) = follow(common, engine, shared, &mut state).await {
            tracing::error!(%error, "the copy of the log could not be written");
            tokio::time::sleep(PULSE).await;
        }
    }
}

/// Copies the log of one epoch, until there may be another.
async fn follow(
    common: &Common,
    engine: &Engine,
    shared: Shared,
    state: &mut watch::Receiver<State>,
) -> Result<(), HubError> {
    let log = &common.log;
    let own = log.extent();
    if own.origin.is_none() || own.epoch != shared.epoch {
        if own.origin.is_some() {
            tracing::error!(
                old = %own.epoch, new = %shared.epoch,
                "the hub has a new epoch: what this node has of the old one is given up"
            );
        }
        common.forget_given();
        let step = Step::Anew {
            epoch: shared.epoch,
            base: shared.base,
            lineage: shared.lineage,
            after: shared.floor,
        };
        log.follow(step).await?;
        common.pulse.notify_one();
    }
    let mut count = FIRST_READ;
    let mut behind = 0;
    // Where an entry lies that is none of ours, if nothing is behind it yet.
    let mut passed: Option<String> = None;
    loop {
        let after = passed.clone();
        let arguments = vec![
            "COUNT".into(),
            count.to_string().into(),
            "BLOCK".into(),
            READ.as_millis().to_string().into(),
            "STREAMS".into(),
            engine.key("log").into(),
            after.unwrap_or_else(|| wire::stream_id(log.head())).into(),
        ];
        let read = tokio::select! {
            read = engine.block(READ, "XREAD", arguments) => read,
            () = changes(state, shared.epoch) => return Ok(()),
        };
        let read = match read {
            Ok(read) => read,
            Err(Failed::Away(why) | Failed::Refused(why)) => {
                tracing::debug!(why, "the log is not read");
                common.pulse.notify_one();
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // After a failover one connection may still lead to the engine of before.
        let is_behind = wire::entries(&read).is_empty()
            && state
                .borrow()
                .shared
                .is_some_and(|shared| shared.head > log.head());
        behind = if is_behind { behind + 1 } else { 0 };
        if behind > MOST_BEHIND {
            tracing::warn!("nothing new is read where something is: connecting anew");
            engine.reconnect().await;
            behind = 0;
        }
        let mut events: Vec<Copied> = Vec::new();
        let mut is_other = false;
        for value in wire::entries(&read) {
            let Some(entry) = wire::entry(value) else {
                tracing::error!(entry = ?value, "the log has an entry that is none of ours");
                passed = wire::place(value).map(str::to_owned);
                continue;
            };
            passed = None;
            if entry.epoch != shared.epoch {
                is_other = true;
                break;
            }
            events.push(entry.event);
        }
        let head = log.head();
        if let Some(first) = events.first()
            && first.seq > head + 1
        {
            // A history that was imported has holes of its own; what was cut from
            // the log lies below its floor.
            let field = vec![engine.key("hub").into(), "floor".into()];
            let floor = match engine.call("HGET", field).await {
                Ok(floor) => wire::number::<u64>(&floor).unwrap_or(0),
                Err(Failed::Away(why) | Failed::Refused(why)) => {
                    tracing::debug!(why, "where the log begins is not known");
                    continue;
                }
            };
            if floor > head {
                let missing = first.seq - head - 1;
                tracing::error!(
                    missing,
                    "the log was cut before this node had read it: a gap"
                );
                let cut = floor.min(first.seq - 1);
                log.follow(Step::Cut(cut)).await?;
            }
        }
        if !events.is_empty() {
            let bytes: usize = events.iter().map(|one| one.publication.data.len()).sum();
            let each = bytes / events.len() + OVERHEAD;
            count = (READ_BYTES / each).clamp(1, MOST_READ);
            log.follow(Step::Events(events)).await?;
        }
        if is_other {
            common.pulse.notify_one();
            let known =
                state.wait_for(|state| state.shared.is_some_and(|now| now.epoch != shared.epoch));
            // Wrong once, it is looked at again.
            let _ = tokio::time::timeout(PULSE, known).await;
            return Ok(());
        }
    }
}

/// Until the hub has another epoch.
async fn changes(state: &mut watch::Receiver<State>, epoch: Epoch) {
    let other = state.wait_for(|state| state.shared.is_some_and(|now| now.epoch != epoch));
    if other.await.is_err() {
        std::future::pending::<()>().await;
    }
}
