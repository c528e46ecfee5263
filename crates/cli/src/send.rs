//! `feedbell send`: one publish.

use std::io::Read as _;

use feed::{HubAddress, Publication, PublishError, Trouble, publish};
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
    if data.trim().is_empty() {
        // A command that printed nothing must not ring everybody.
        terminal.note(&terminal.get("send-nothing"));
        return Ok(Ended::Trouble);
    }
    let publication = Publication {
        uids: options.to,
        topic: options.topic,
        event: Some(options.event),
        id: options.id,
        data,
        ..Publication::default()
    };
    let token = options.token.filter(|token| !token.is_empty());
    let (pin, plain_http) = (options.pin, options.plain_http);
    let at = |url: Url| HubAddress {
        token,
        pin,
        plain_http,
        ..HubAddress::new(url)
    };
    let sent = match options.hub {
        Some(hub) => publish(&at(hub), &publication).await,
        None => match own_hub(&publication).await? {
            Some(sent) => sent,
            None => {
                let hub = running_hub().await.map_or_else(|| USUAL_HUB.parse(), Ok)?;
                publish(&at(hub), &publication).await
            }
        },
    };
    match sent {
        Ok(id) => {
            terminal.say(&id)?;
            Ok(Ended::Done)
        }
        Err(why) => {
            terminal.note(&terminal.text(words(&why)));
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

/// What comes of it over the socket of this user's hub, which asks for no token;
/// `None` when none is there.
async fn own_hub(
    publication: &Publication,
) -> anyhow::Result<Option<Result<String, PublishError>>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let hub = HubAddress {
        socket: Some(Places::find()?.hub),
        // Names nothing; the socket decides.
        ..HubAddress::new("http://localhost/".parse()?)
    };
    Ok(match publish(&hub, publication).await {
        Err(PublishError::Unreachable { .. }) => None,
        sent => Some(sent),
    })
}

fn words(why: &PublishError) -> Text {
    match why {
        PublishError::Unreachable {
            address,
            why:
                Trouble::Refused { .. }
                | Trouble::Unreachable { .. }
                | Trouble::ConnectTimeout { .. }
                | Trouble::NameNotFound { .. },
        } => Text::new("send-no-hub").with("address", address.clone()),
        other => other.words().into(),
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
