//! `feedbell check`: what answers at an address, step by step.

use std::time::Duration;

use feed::{CheckUpdate, FeedConfig, Outcome};
use notifier::view::Text;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::{
    args::Check,
    exit::Ended,
    listen::log_to_stderr,
    terminal::{Terminal, harmless},
};

pub(crate) async fn check(options: Check, terminal: &Terminal) -> anyhow::Result<Ended> {
    log_to_stderr();
    let mut config = FeedConfig::new(options.url);
    config.headers.extend(options.headers);
    let until = Instant::now() + Duration::from_secs(options.wait);
    let (_check, mut updates) = feed::check(config);
    let say = |json: serde_json::Value, words: String| {
        let line = if options.json {
            json.to_string()
        } else {
            words
        };
        terminal.say(&line)
    };
    let mut heard = false;
    loop {
        let update = match timeout_at(until, updates.recv()).await {
            Ok(Some(update)) => update,
            Ok(None) => return Ok(Ended::Done),
            Err(_) => {
                if !heard {
                    let quiet = terminal.get("check-quiet");
                    say(json!({ "quiet": true }), quiet)?;
                }
                return Ok(Ended::Done);
            }
        };
        match update {
            CheckUpdate::Step(step) => {
                let words = harmless(&terminal.text(&step), false);
                let passed = matches!(step.outcome, Outcome::Passed(_));
                let mark = if passed { '✓' } else { '✗' };
                let name = format!("{:?}", step.step);
                say(
                    json!({ "step": name, "passed": passed, "text": words }),
                    format!("{mark} {words}"),
                )?;
                match step.outcome {
                    Outcome::Passed(_) => report.open |= step.step == Step::ContentType,
                    Outcome::Failed(_) => return Ok(Ended::NothingAnswers),
                    Outcome::Refused(why) => return Ok(Ended::from_stop(&why)),
                }
            }
            CheckUpdate::Event(event) => {
                heard = true;
                let words = format!(
                    "  {}: {}",
                    harmless(&event.name, false),
                    harmless(&event.data, false)
                );
                say(
                    json!({ "event": event.name, "data": event.data, "id": event.last_event_id }),
                    words,
                )?;
            }
            CheckUpdate::Closed(why) => {
                let words = terminal.text(Text::from(why.words()));
                say(json!({ "closed": words }), words.clone())?;
                return Ok(Ended::Done);
            }
        }
    }
}
