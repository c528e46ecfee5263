//! `feedbell send`: one publish.

use std::io::Read as _;

use anyhow::Context as _;
use feed::{Publication, PublishError, publish};

use crate::{args::Send, exit::Ended, listen::log_to_stderr, terminal::Terminal};

/// As much as a hub takes, and one byte to notice more.
const LONGEST: u64 = (1 << 20) + 1;

pub(crate) async fn send(options: Send, terminal: &Terminal) -> anyhow::Result<Ended> {
    log_to_stderr();
    let data = if options.text == "-" {
        let mut text = String::new();
        std::io::stdin()
            .take(LONGEST)
            .read_to_string(&mut text)
            .with_context(|| terminal.get("send-stdin"))?;
        // A shell's pipe ends in a line feed that nobody means.
        text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
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
    match publish(&options.hub, options.token.as_deref(), &publication).await {
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
