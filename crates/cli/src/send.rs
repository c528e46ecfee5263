//! `feedbell send`: one publish.

use std::io::Read as _;

use feed::{Publication, PublishError, publish};

use hub::MAX_DATA;
use notifier::view::Text;

use crate::{args::Send, exit::Ended, listen::log_to_stderr, terminal::Terminal};

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
        data,
        ..Publication::default()
    };
    let token = options.token.as_deref().filter(|token| !token.is_empty());
    match publish(&options.hub, token, &publication).await {
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
