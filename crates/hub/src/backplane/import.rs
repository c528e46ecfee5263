//! Makes the history of a node that was alone that of all nodes.

use fred::types::Value;

use super::engine::{Engine, Failed};
use super::functions::function;
use super::node::Common;
use super::wire;
use crate::log::{Copied, Origin, Step};
use crate::publication::{Audience, Publication};

/// Uploads events and what is scheduled, with their numbers and times, to where
/// there is no log yet. Cut off, it begins anew at the next start; until it is
/// done no other node sees anything of it.
pub(super) async fn import(common: &Common, engine: &Engine) -> Result<(), String> {
    let log = &common.log;
    let epoch = log.epoch().to_string();
    let lineage = fastrand::u64(..1 << 60);
    let begin = vec![epoch.into(), format!("{lineage:015x}").into()];
    if let Begun::Done(origin) = begun(&step(common, engine, "begin", begin).await?) {
        // The answer to the last step was lost.
        let done = log.follow(Step::Shared(origin)).await;
        return done.map_err(|error| error.to_string());
    }
    let (mut after, mut events) = (0, 0);
    loop {
        let page = log.events(after).await.map_err(|error| error.to_string())?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        events += page.len();
        let mut arguments = Vec::new();
        page.into_iter()
            .for_each(|event| wire::imported(&event, &mut arguments));
        step(common, engine, "event", arguments).await?;
    }
    // The newest events may be over: whoever copies the log gets to its end still.
    let head = log.head();
    if after < head {
        let nothing = Copied {
            seq: head,
            micros: 0,
            expires: Some(0),
            publication: Publication::new(Audience::Only(Vec::new()), ""),
        };
        let mut arguments = Vec::new();
        wire::imported(&nothing, &mut arguments);
        step(common, engine, "event", arguments).await?;
    }
    let (mut entry, mut scheduled) = (0, 0);
    loop {
        let page = log
            .all_scheduled(entry)
            .await
            .map_err(|error| error.to_string())?;
        let Some((last, _)) = page.last() else { break };
        entry = *last;
        scheduled += page.len();
        let mut arguments = Vec::new();
        page.iter()
            .for_each(|(_, one)| wire::arguments(one, &mut arguments));
        step(common, engine, "later", arguments).await?;
    }
    let end = vec![head.to_string().into(), log.floor().to_string().into()];
    let said = step(common, engine, "end", end).await?;
    let micros = said.first().and_then(wire::number).unwrap_or(0);
    let origin = Origin {
        base: 0,
        micros,
        lineage,
    };
    let done = log.follow(Step::Shared(origin)).await;
    done.map_err(|error| error.to_string())?;
    tracing::info!(
        events,
        scheduled,
        "the history of this node is now that of all nodes"
    );
    Ok(())
}

enum Begun {
    Now,
    /// It was finished before.
    Done(Origin),
}

fn begun(said: &[Value]) -> Begun {
    let [micros, lineage] = said else {
        return Begun::Now;
    };
    let lineage = wire::text(lineage).and_then(|text| u64::from_str_radix(text, 16).ok());
    Begun::Done(Origin {
        base: 0,
        micros: wire::number(micros).unwrap_or(0),
        lineage: lineage.unwrap_or(0),
    })
}

async fn step(
    common: &Common,
    engine: &Engine,
    step: &'static str,
    rest: Vec<Value>,
) -> Result<Vec<Value>, String> {
    let mut arguments = vec![step.into(), common.id().into()];
    arguments.extend(rest);
    let said = function(engine, "feedbell_import", arguments).await;
    let said = said.map_err(|why| match why {
        Failed::Away(why) => format!("the engine at {} does not answer: {why}", engine.address()),
        Failed::Refused(why) => format!("the engine at {} refuses: {why}", engine.address()),
    })?;
    match wire::array(&said).and_then(<[Value]>::split_first) {
        Some((state, said)) => match wire::text(state) {
            Some("ok" | "done") => Ok(said.to_vec()),
            Some("importing") => Err("another node imports its history right now".to_owned()),
            _ => Err(format!(
                "the engine at {} has a log under this prefix already; start without --import and \
                 with an empty data folder to join it, or choose another prefix",
                engine.address()
            )),
        },
        None => Err("the engine gave an answer that makes no sense".to_owned()),
    }
}
