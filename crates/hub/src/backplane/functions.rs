//! The functions that the engine runs.

use fred::types::Value;

use super::engine::{Engine, Failed};
use super::wire;

/// Their source, and which version of them it is.
const LIBRARY: &str = include_str!("feedbell.lua");
const VERSION: i64 = 1;

/// Loads the functions where there are none, or older ones. Newer ones do what
/// these do: nodes are updated one after another.
pub(super) async fn update(engine: &Engine) -> Result<(), Failed> {
    let version = function(engine, "feedbell_version", Vec::new()).await?;
    match wire::number::<i64>(&version) {
        Some(version) if version >= VERSION => Ok(()),
        _ => engine.load(LIBRARY).await,
    }
}

/// Calls one of the functions; loads them where they are missing.
pub(super) async fn function(
    engine: &Engine,
    name: &'static str,
    rest: Vec<Value>,
) -> Result<Value, Failed> {
    let mut call = vec![name.into(), 1.into(), engine.key("log").into()];
    call.extend(rest);
    match engine.call("FCALL", call.clone()).await {
        Err(Failed::Refused(why)) if why.contains("unction not found") => {
            engine.load(LIBRARY).await?;
            engine.call("FCALL", call).await
        }
        other => other,
    }
}
