//! Who listens at which node: each tells the engine of its own, and asks there for
//! the others'.

use std::collections::BTreeSet;

use fred::types::Value;
use serde_json::json;
use tokio::sync::watch;

use super::engine::{Engine, Failed};
use super::node::Common;
use super::wire;
use crate::operating;
use crate::presence::subscriber;
use crate::subscribers::{Changes, Cut};

/// Most rows that one command brings.
const MOST_ROWS: usize = 500;
/// How long an order waits for its node, in seconds.
const ORDER: i64 = 30;
const DISCONNECT: &str = "disconnect ";

/// Tells the engine who listens here, whenever it said how many it knows of.
pub(super) async fn tell(
    common: &Common,
    engine: &Engine,
    mut known: watch::Receiver<Option<usize>>,
) {
    let mut told = Told::default();
    while known.changed().await.is_ok() {
        let Some(known) = *known.borrow_and_update() else {
            continue;
        };
        if let Err(Failed::Away(why) | Failed::Refused(why)) =
            told.tell(common, engine, known).await
        {
            tracing::warn!(why, "others do not know who listens here");
        }
    }
}

/// What this node has told of who listens, under which name.
#[derive(Default)]
struct Told {
    node: String,
    places: BTreeSet<u64>,
}

impl Told {
    /// Tells what has changed; `known`: how many rows the engine has.
    async fn tell(&mut self, common: &Common, engine: &Engine, known: usize) -> Result<(), Failed> {
        let node = common.id();
        let key = key(engine, &node);
        if known != self.places.len() || node != self.node {
            self.node.clone_from(&node);
            engine.call("DEL", vec![key.clone().into()]).await?;
            self.places.clear();
        }
        let Changes { new, gone } = common.subscribers.changes(&self.places);
        for some in gone.chunks(MOST_ROWS) {
            let ids = some.iter().map(|id| Value::from(id.to_string()));
            engine
                .call("HDEL", [vec![key.clone().into()], ids.collect()].concat())
                .await?;
            self.places.retain(|id| !some.contains(id));
        }
        let head = common.log.head();
        for some in new.chunks(MOST_ROWS) {
            let mut arguments = vec![Value::from(key.clone())];
            for place in some {
                let id = format!("{node}-{}", place.id);
                let row = operating::row(&subscriber(place, head), &id);
                arguments.extend([place.id.to_string().into(), row.to_string().into()]);
            }
            engine.call("HSET", arguments).await?;
            self.places.extend(some.iter().map(|place| place.id));
        }
        Ok(())
    }
}

/// Does what another node asked for.
pub(super) fn obey(common: &Common, order: &Value) {
    let id =
        wire::text(order).and_then(|order| order.strip_prefix(DISCONNECT)?.parse::<u64>().ok());
    if let Some(id) = id {
        common
            .subscribers
            .cut(Cut::Disconnected, |place| place.id == id);
    }
}

/// Who listens at this other node, as the hub shows it.
pub(super) async fn listening(
    engine: &Engine,
    node: &str,
    lag: u64,
) -> Result<Vec<serde_json::Value>, Failed> {
    let rows = engine.call("HVALS", vec![key(engine, node).into()]).await?;
    let rows = wire::array(&rows).unwrap_or_default().iter();
    let rows = rows.filter_map(|row| serde_json::from_str(wire::text(row)?).ok());
    let mut rows: Vec<serde_json::Value> = rows.collect();
    for row in &mut rows {
        // What is known of it from here.
        row["lag"] = json!(lag);
    }
    rows.sort_by_key(|row| row["since"].as_i64());
    Ok(rows)
}

/// Asks a node to end a stream.
pub(super) async fn disconnect(engine: &Engine, node: &str, id: u64) -> Result<(), Failed> {
    let orders = engine.key(&format!("orders:{node}"));
    let order = format!("{DISCONNECT}{id}");
    engine
        .call("RPUSH", vec![orders.clone().into(), order.into()])
        .await?;
    let forget = vec![orders.into(), ORDER.to_string().into()];
    engine.call("EXPIRE", forget).await.map(drop)
}

fn key(engine: &Engine, node: &str) -> String {
    engine.key(&format!("presence:{node}"))
}
