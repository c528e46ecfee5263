//! `feedbell send`: one publish.

use std::io::Read as _;

use feed::{Publication, PublishError, publish};
use front::places::Places;
use hub::MAX_DATA;
use notifier::{
    control::{Answer, Command, ask},
    view::{AppView, HubState, Text},
};
use url::Url;

use crate::{args::Send, exit::Ended, listen::log_to_stderr, terminal::Terminal};

/// Where a hub listens unless it was told otherwise.
const USUAL_HUB: &str = "http://127.0.0.1:2355";

pub(crate) async fn send(options: Send, terminal: &Terminal) -> anyhow::Result<Ended> {
    log_to_stderr();
    let data = if options.text == "-" {
        match standard_input()? {
            Ok(text) => text,
            Err(why) => {
                terminal.note(&terminal.text(why));
                return Ok(Ended::Trouble);
            }
        }
    } else {
        options.text
    };
    let publication = Publication {
        uids: options.to,
        topic: options.topic,
        event: Some(options.event),
        id: options.id,
        data,
        ..Publication::default()
    };
    let token = options.token.as_deref().filter(|token| !token.is_empty());
    let hub = match options.hub {
        Some(hub) => hub,
        None => running_hub().await.map_or_else(|| USUAL_HUB.parse(), Ok)?,
    };
    match publish(&hub, token, &publication).await {
        Ok(id) => {
            terminal.say(&id)?;
            Ok(Ended::Done)
        }
        Err(why) => {
            terminal.note(&terminal.text(why.words()));
            Ok(match why {
                PublishError::Unreachable { .. } | PublishError::Unanswered { .. } => {
                    Ended::NothingAnswers
                }
                PublishError::Refused {
                    status: 401 | 403, ..
                } => Ended::TokenRefused,
                _ => Ended::Trouble,
            })
        }
    }
}

/// The hub of the Feedbell that runs here, wherever it listens.
async fn running_hub() -> Option<Url> {
    let places = Places::find().ok()?;
    let Ok(Answer::Ok(app)) = ask(&places.control, &Command::Status).await else {
        return None;
    };
    match serde_json::from_value::<AppView>(app).ok()?.hub.state {
        HubState::Running { url, .. } => url.parse().ok(),
        _ => None,
    }
}

/// All of it without the line end that `echo` adds, or what is wrong with it.
fn standard_input() -> std::io::Result<Result<String, Text>> {
    // Two more than fit: the line end, and one to notice more.
    let room = u64::try_from(MAX_DATA).unwrap_or(u64::MAX) + 2;
    let mut bytes = Vec::new();
    std::io::stdin().take(room).read_to_end(&mut bytes)?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    Ok(if bytes.len() > MAX_DATA {
        Err(Text::new("send-too-long").with("kib", MAX_DATA / 1024))
    } else {
        String::from_utf8(bytes).map_err(|_| Text::new("send-not-text"))
    })
}
