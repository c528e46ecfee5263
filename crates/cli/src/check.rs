//! `feedbell check`: what answers at an address, step by step.

use std::time::Duration;

use feed::{CheckUpdate, Outcome, Resume, Step, Trouble};
use notifier::view::Text;
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use crate::{
    args::Check,
    exit::Ended,
    listen::{Line, log_to_stderr, preset},
    terminal::{Terminal, harmless},
};

pub(crate) async fn check(options: Check, terminal: &Terminal) -> anyhow::Result<Ended> {
    log_to_stderr();
    let mut found = match &options.way.preset {
        Some(name) => preset(name, &options.url)?,
        None => None,
    };
    let mut config = options.way.config(options.url);
    if let Some(preset) = &mut found {
        preset.prepare(&mut config);
        if preset.resumes_by_field() {
            // Ids are not probed then.
            config.resume = Resume::Off;
        }
    }
    let until = Instant::now() + Duration::from_secs(options.wait.into());
    let (_check, mut updates) = feed::check(config);
    let say = |json: serde_json::Value, words: String| {
        let line = if options.json {
            json.to_string()
        } else {
            words
        };
        terminal.say(&line)
    };
    let (mut open, mut byte, mut heard) = (false, false, false);
    loop {
        let update = match timeout_at(until, updates.recv()).await {
            Ok(Some(update)) => update,
            Ok(None) => return Ok(Ended::Done),
            Err(_) if !open => {
                let text = Text::new("check-no-answer").with("seconds", options.wait);
                terminal.note(&terminal.text(text));
                return Ok(Ended::NothingAnswers);
            }
            Err(_) => {
                if !heard {
                    // Not even a comment: something in between may keep what the server sends.
                    let id = if byte { "check-quiet" } else { "check-no-byte" };
                    say(json!({ "quiet": true, "byte": byte }), terminal.get(id))?;
                }
                return Ok(Ended::Done);
            }
        };
        match update {
            CheckUpdate::Step(step) => {
                let words = harmless(&terminal.text(&step), false);
                let (outcome, mark) = match step.outcome {
                    Outcome::Passed(_) => ("passed", '✓'),
                    Outcome::Noted(_) => ("noted", '•'),
                    Outcome::Failed(_) | Outcome::Refused(_) => ("failed", '✗'),
                };
                say(
                    json!({
                        "step": name(step.step),
                        "outcome": outcome,
                        "text": words,
                        "ms": u64::try_from(step.after.as_millis()).unwrap_or(u64::MAX),
                    }),
                    format!("{mark} {words}"),
                )?;
                byte |= step.step == Step::FirstByte;
                match step.outcome {
                    Outcome::Passed(_) => open |= step.step == Step::ContentType,
                    Outcome::Noted(_) => {}
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
                say(serde_json::to_value(Line::from(&event))?, words)?;
            }
            CheckUpdate::Closed(why) => {
                let words = harmless(&terminal.text(why.words()), false);
                say(json!({ "closed": words }), words.clone())?;
                // Many servers end their streams as a matter of routine.
                let routine = why == Trouble::Ended;
                return Ok(if routine { Ended::Done } else { Ended::Trouble });
            }
        }
    }
}

/// The step's name for scripts.
fn name(step: Step) -> &'static str {
    match step {
        Step::Access => "access",
        Step::Name => "name",
        Step::Proxy => "proxy",
        Step::Connect => "connect",
        Step::Tls => "tls",
        Step::Answer => "answer",
        Step::ContentType => "content_type",
        Step::FirstByte => "first_byte",
        Step::KeepAlive => "keep_alive",
        Step::FirstEvent => "first_event",
        Step::Resume => "resume",
    }
}
