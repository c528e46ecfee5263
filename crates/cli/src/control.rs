//! `feedbell status`, `pause`, `resume`, `reconnect` and `open`: talking to the
//! notifier that runs, in the app or in a terminal.

use std::io;

use front::places::Places;
use jiff::{Span, Timestamp, Zoned};
use notifier::{
    Localizer,
    control::{Answer, Command, ask},
    view::{AppView, FeedState, FeedView, HubState, PauseView, Text},
};
use serde_json::Value;

use crate::{
    exit::Ended,
    terminal::{Terminal, harmless},
};

/// What came of asking.
enum Asked {
    Value(Value),
    /// The user was told why not.
    Not(Ended),
}

pub(crate) async fn status(json: bool, terminal: &Terminal) -> anyhow::Result<Ended> {
    let value = match request(&Command::Status, terminal).await? {
        Asked::Value(value) => value,
        Asked::Not(ended) => return Ok(ended),
    };
    if json {
        terminal.say(&value.to_string())?;
        return Ok(Ended::Done);
    }
    let app: AppView = serde_json::from_value(value)?;
    let feeds = app
        .feeds
        .iter()
        .map(|feed| feed_text(feed, terminal.words()));
    for text in summary(&app)
        .into_iter()
        .chain(feeds)
        .chain(app.troubles.clone())
    {
        terminal.say(&harmless(&terminal.text(text), false))?;
    }
    Ok(Ended::Done)
}

pub(crate) async fn pause(until: Option<Zoned>, terminal: &Terminal) -> anyhow::Result<Ended> {
    let until = until.map(|until| until.timestamp().as_millisecond());
    let done = pause_text(&PauseView { until });
    order(&Command::Pause { until }, &done, terminal).await
}

pub(crate) async fn resume(terminal: &Terminal) -> anyhow::Result<Ended> {
    order(&Command::Resume, &Text::new("status-resumed"), terminal).await
}

pub(crate) async fn reconnect(name: Option<String>, terminal: &Terminal) -> anyhow::Result<Ended> {
    let mut feed = None;
    if let Some(name) = name {
        let app: AppView = match request(&Command::Status, terminal).await? {
            Asked::Value(value) => serde_json::from_value(value)?,
            Asked::Not(ended) => return Ok(ended),
        };
        let by_id = app.feeds.iter().find(|feed| feed.id == name);
        let found = by_id.or_else(|| app.feeds.iter().find(|feed| feed.name == name));
        let Some(found) = found else {
            terminal.note(&terminal.text(Text::new("reconnect-unknown").with("name", name)));
            return Ok(Ended::Trouble);
        };
        feed = Some(found.id.clone());
    }
    let done = Text::new("reconnect-done");
    order(&Command::Reconnect { feed }, &done, terminal).await
}

pub(crate) async fn open(message: Option<i64>, terminal: &Terminal) -> anyhow::Result<Ended> {
    let page = None;
    Ok(
        match request(&Command::Open { message, page }, terminal).await? {
            Asked::Value(_) => Ended::Done,
            Asked::Not(ended) => ended,
        },
    )
}

/// What a feed is doing, in words.
pub(crate) fn feed_text(feed: &FeedView, words: &Localizer) -> Text {
    let text = |id| Text::new(id).with("name", feed.name.as_str());
    match &feed.state {
        FeedState::Off => text("status-feed-off"),
        FeedState::Connecting => text("status-feed-connecting"),
        FeedState::Live => text("status-feed-live"),
        FeedState::Waiting { why, .. } => text("status-feed-waiting").with("why", words.text(why)),
        FeedState::Stopped { why, .. } => text("status-feed-stopped").with("why", words.text(why)),
    }
}

/// A pause, in words.
pub(crate) fn pause_text(pause: &PauseView) -> Text {
    match pause.until {
        Some(until) => Text::new("status-paused-until").with("time", moment(until)),
        None => Text::new("status-paused"),
    }
}

fn summary(app: &AppView) -> Vec<Text> {
    let version = Text::new("status-version").with("version", app.version.as_str());
    let unread = Text::new("status-unread").with("count", app.unread);
    let hub = match &app.hub.state {
        HubState::Off => Text::new("status-hub-off"),
        HubState::Starting => Text::new("status-hub-starting"),
        HubState::Running { url, .. } => Text::new("status-hub-on")
            .with("url", url.as_str())
            .with("count", app.hub.subscribers),
        HubState::Failed { why } => why.clone(),
    };
    let mut lines = vec![version, unread, hub];
    lines.extend(app.pause.as_ref().map(pause_text));
    if app.feeds.is_empty() {
        lines.push(Text::new("status-no-feeds"));
    }
    lines
}

async fn order(command: &Command, done: &Text, terminal: &Terminal) -> anyhow::Result<Ended> {
    match request(command, terminal).await? {
        Asked::Value(_) => {
            terminal.say(&terminal.words().text(done))?;
            Ok(Ended::Done)
        }
        Asked::Not(ended) => Ok(ended),
    }
}

async fn request(command: &Command, terminal: &Terminal) -> anyhow::Result<Asked> {
    let socket = Places::find()?.control;
    let (text, ended) = match ask(&socket, command).await {
        Ok(Answer::Ok(value)) => return Ok(Asked::Value(value)),
        Ok(Answer::Refused(text)) => (text, Ended::Trouble),
        Err(why) if is_absence(&why) => (Text::new("status-not-running"), Ended::NothingAnswers),
        Err(why) if why.kind() == io::ErrorKind::TimedOut => {
            (Text::new("status-slow"), Ended::Trouble)
        }
        Err(why) => {
            let text = Text::new("status-failed").with("why", why.to_string());
            (text, Ended::Trouble)
        }
    };
    terminal.note(&harmless(&terminal.text(text), false));
    Ok(Asked::Not(ended))
}

/// A moment (milliseconds since the Unix epoch) as people read it: the time,
/// with the date unless it is today.
fn moment(milliseconds: i64) -> String {
    let now = Zoned::now();
    let Ok(moment) = Timestamp::from_millisecond(milliseconds) else {
        return String::new();
    };
    let moment = moment.to_zoned(now.time_zone().clone());
    let today = moment.date() == now.date();
    let form = if today { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    moment.strftime(form).to_string()
}

fn is_absence(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

/// When a pause ends that is asked for in these words.
pub(crate) fn until(text: &str) -> Result<Zoned, String> {
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
