//! `feedbell status`, `pause`, `resume`, `reconnect` and `open`: talking to the
//! notifier that runs, in the app or in a terminal.

use std::io;

use clap::Args;
use front::places::Places;
use jiff::{Span, Zoned};
use notifier::{
    Localizer,
    control::{Answer, Command, ask},
    view::{AppView, FeedState, FeedView, HubState, PauseView, Text},
};

use crate::{
    exit::{Exit, said},
    terminal::{line, moment, plain},
};

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// Print everything as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PauseArguments {
    /// How long: 30m, 1h, 2d, or `tomorrow` for 8 o'clock. Without it, until resumed
    #[arg(value_name = "DURATION", value_parser = until)]
    until: Option<Zoned>,
}

#[derive(Debug, Args)]
pub(crate) struct ReconnectArguments {
    /// A feed's name or id. Without it, all feeds
    feed: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArguments {
    /// Show this message
    #[arg(long, value_name = "ID")]
    message: Option<i64>,
}

pub(crate) async fn status(arguments: &StatusArguments, words: &Localizer) -> anyhow::Result<Exit> {
    let value = request(Command::Status, words).await?;
    if arguments.json {
        line(&value.to_string())?;
        return Ok(Exit::Done);
    }
    let app: AppView = serde_json::from_value(value)?;
    for text in summary(&app) {
        line(&plain(&words.text(&text)))?;
    }
    for feed in &app.feeds {
        line(&plain(&words.text(&feed_line(feed, words))))?;
    }
    for trouble in &app.troubles {
        line(&plain(&words.text(trouble)))?;
    }
    Ok(Exit::Done)
}

pub(crate) async fn pause(arguments: &PauseArguments, words: &Localizer) -> anyhow::Result<Exit> {
    let until = arguments
        .until
        .as_ref()
        .map(|until| until.timestamp().as_millisecond());
    request(Command::Pause { until }, words).await?;
    line(&words.text(&pause_text(&PauseView { until })))?;
    Ok(Exit::Done)
}

pub(crate) async fn resume(words: &Localizer) -> anyhow::Result<Exit> {
    request(Command::Resume, words).await?;
    line(&words.get("cli-resumed"))?;
    Ok(Exit::Done)
}

pub(crate) async fn reconnect(
    arguments: ReconnectArguments,
    words: &Localizer,
) -> anyhow::Result<Exit> {
    let feed = match arguments.feed {
        Some(feed) => Some(id_of(feed, words).await?),
        None => None,
    };
    request(Command::Reconnect { feed }, words).await?;
    line(&words.get("cli-reconnecting"))?;
    Ok(Exit::Done)
}

pub(crate) async fn open(arguments: &OpenArguments, words: &Localizer) -> anyhow::Result<Exit> {
    let message = arguments.message;
    let page = None;
    request(Command::Open { message, page }, words).await?;
    Ok(Exit::Done)
}

/// What a feed is doing, in words.
pub(crate) fn feed_line(feed: &FeedView, words: &Localizer) -> Text {
    let text = |id| Text::new(id).with("name", feed.name.as_str());
    match &feed.state {
        FeedState::Off => text("cli-feed-off"),
        FeedState::Connecting => text("cli-feed-connecting"),
        FeedState::Live => text("cli-feed-live"),
        FeedState::Waiting { why, .. } => text("cli-feed-waiting").with("why", words.text(why)),
        FeedState::Stopped { why, .. } => text("cli-feed-stopped").with("why", words.text(why)),
    }
}

/// A pause, in words.
pub(crate) fn pause_text(pause: &PauseView) -> Text {
    match pause.until {
        Some(until) => Text::new("cli-paused-until").with("time", moment(until)),
        None => Text::new("cli-paused"),
    }
}

fn summary(app: &AppView) -> Vec<Text> {
    let version = Text::new("cli-status-version").with("version", app.version.as_str());
    let unread = Text::new("cli-status-unread").with("count", app.unread);
    let hub = match &app.hub.state {
        HubState::Off => Text::new("cli-hub-off"),
        HubState::Running { url, .. } => Text::new("cli-hub-on")
            .with("url", url.as_str())
            .with("count", app.hub.subscribers),
        HubState::Failed { why } => why.clone(),
    };
    let mut lines = vec![version, unread, hub];
    lines.extend(app.pause.as_ref().map(pause_text));
    if app.feeds.is_empty() {
        lines.push(Text::new("cli-no-feeds"));
    }
    lines
}

/// The id of the feed that has this id or name.
async fn id_of(feed: String, words: &Localizer) -> anyhow::Result<String> {
    let app: AppView = serde_json::from_value(request(Command::Status, words).await?)?;
    let found = app
        .feeds
        .iter()
        .find(|known| known.id == feed)
        .or_else(|| app.feeds.iter().find(|known| known.name == feed));
    match found {
        Some(found) => Ok(found.id.clone()),
        None => Err(said(
            Exit::Usage,
            Text::new("cli-no-such-feed").with("name", feed),
        )),
    }
}

async fn request(command: Command, words: &Localizer) -> anyhow::Result<serde_json::Value> {
    let socket = Places::find()?.control;
    match ask(&socket, &command).await {
        Ok(Answer::Ok(value)) => Ok(value),
        Ok(Answer::Refused(text)) => Err(said(Exit::Trouble, text)),
        Err(why) if is_absence(&why) => Err(said(Exit::NoConnection, Text::new("cli-not-running"))),
        Err(why) => {
            let why = if why.kind() == io::ErrorKind::TimedOut {
                words.get("cli-control-slow")
            } else {
                why.to_string()
            };
            Err(said(
                Exit::Trouble,
                Text::new("cli-control-failed").with("why", why),
            ))
        }
    }
}

fn is_absence(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn until(text: &str) -> Result<Zoned, String> {
    end_of_pause(text, &Zoned::now())
}

fn end_of_pause(text: &str, now: &Zoned) -> Result<Zoned, String> {
    let wrong = "write it like 30m, 1h, 2d or tomorrow";
    let until = if text == "tomorrow" {
        let morning = now
            .tomorrow()
            .and_then(|day| day.with().hour(8).minute(0).second(0).build());
        morning.map_err(|why| why.to_string())?
    } else {
        let span: Span = text.parse().map_err(|_| wrong)?;
        now.checked_add(span).map_err(|_| wrong)?
    };
    if until > *now {
        Ok(until)
    } else {
        Err(wrong.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_end_when_they_should() {
        let now: Zoned = "2026-03-28T21:15:30+01:00[Europe/Berlin]".parse().unwrap();
        for (text, end) in [
            ("30m", "2026-03-28T21:45:30+01:00"),
            ("1h", "2026-03-28T22:15:30+01:00"),
            ("1h 30m", "2026-03-28T22:45:30+01:00"),
            // Two days later at the same time of day, although the clocks change.
            ("2d", "2026-03-30T21:15:30+02:00"),
            ("tomorrow", "2026-03-29T08:00:00+02:00"),
        ] {
            let until = end_of_pause(text, &now).unwrap();
            let form = until.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            assert_eq!(form, end, "{text}");
        }
        for text in ["", "soon", "-1h", "1h ago", "0m", "99999999y", "3"] {
            assert!(end_of_pause(text, &now).is_err(), "{text}");
        }
    }
}
