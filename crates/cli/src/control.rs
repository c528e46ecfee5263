//! `feedbell status`, `pause`, `resume`, `mute`, `unmute`, `reconnect` and `open`: talking to the
//! notifier that runs, in the app or in a terminal.

use std::io;

use front::places::Places;
use jiff::{
    Span, Zoned,
    civil::{Date, DateTime, Time},
};
use notifier::{
    Localizer,
    control::{Answer, Command, ask},
    view::{AppView, Arg, FeedState, FeedView, HubState, Quiet, Text, Urgency},
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
        .map(|feed| with_mute(feed, terminal.words()));
    for text in summary(&app)
        .into_iter()
        .chain(feeds)
        .chain(troubles_left(&app))
    {
        say(text, terminal)?;
    }
    Ok(Ended::Done)
}

pub(crate) async fn pause(until: Option<Zoned>, terminal: &Terminal) -> anyhow::Result<Ended> {
    let until = until.as_ref().map(milliseconds);
    let done = quiet_text(Some(&Quiet::Paused { until }));
    order(&Command::Pause { until }, done, terminal).await
}

/// Says how it is now: it may still be quiet for another reason.
pub(crate) async fn resume(terminal: &Terminal) -> anyhow::Result<Ended> {
    if let Asked::Not(ended) = request(&Command::Resume, terminal).await? {
        return Ok(ended);
    }
    match app(terminal).await? {
        Ok(app) => say(quiet_text(app.quiet.now.as_ref()), terminal),
        Err(ended) => Ok(ended),
    }
}

pub(crate) async fn mute(
    name: &str,
    until: Option<Zoned>,
    terminal: &Terminal,
) -> anyhow::Result<Ended> {
    let feed = match find(name, terminal).await? {
        Ok(feed) => feed,
        Err(ended) => return Ok(ended),
    };
    let until = until.as_ref().map(milliseconds);
    let done = match until {
        Some(until) => Text::new("mute-until").with("time", Arg::moment(until)),
        None => Text::new("mute-done"),
    };
    let command = Command::Mute {
        feed: feed.id,
        until,
    };
    order(&command, done.with("name", feed.name), terminal).await
}

pub(crate) async fn unmute(name: &str, terminal: &Terminal) -> anyhow::Result<Ended> {
    let feed = match find(name, terminal).await? {
        Ok(feed) => feed,
        Err(ended) => return Ok(ended),
    };
    let done = Text::new("mute-over").with("name", feed.name);
    order(&Command::Unmute { feed: feed.id }, done, terminal).await
}

pub(crate) async fn reconnect(name: Option<String>, terminal: &Terminal) -> anyhow::Result<Ended> {
    let mut feed = None;
    if let Some(name) = name {
        match find(&name, terminal).await? {
            Ok(found) => feed = Some(found.id),
            Err(ended) => return Ok(ended),
        }
    }
    let done = Text::new("reconnect-done");
    order(&Command::Reconnect { feed }, done, terminal).await
}

pub(crate) async fn open(message: Option<i64>, terminal: &Terminal) -> anyhow::Result<Ended> {
    let page = None;
    let done = match message {
        Some(id) => Text::new("open-message").with("id", id),
        None => Text::new("open-done"),
    };
    order(&Command::Open { message, page }, done, terminal).await
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

/// Whether it is quiet and why, in words.
pub(crate) fn quiet_text(now: Option<&Quiet>) -> Text {
    match now {
        None => Text::new("status-resumed"),
        Some(Quiet::Paused { until: None }) => Text::new("status-paused"),
        Some(Quiet::Paused { until: Some(until) }) => {
            Text::new("status-paused-until").with("time", Arg::moment(*until))
        }
        Some(Quiet::Hours { until }) => Text::new("status-hours").with("time", Arg::moment(*until)),
        Some(Quiet::System) => Text::new("status-system"),
    }
}

fn with_mute(feed: &FeedView, words: &Localizer) -> Text {
    let state = feed_text(feed, words);
    let muted = match feed.muted_until {
        _ if !feed.muted => return state,
        Some(until) => Text::new("status-feed-muted-until").with("time", Arg::moment(until)),
        None => Text::new("status-feed-muted"),
    };
    muted.with("feed", words.text(&state))
}

/// The troubles that the lines of the hub and the feeds do not tell.
fn troubles_left(app: &AppView) -> impl Iterator<Item = Text> {
    let hub = match &app.hub.state {
        HubState::Failed { why } => Some(why),
        _ => None,
    };
    app.troubles
        .iter()
        .filter(move |trouble| trouble.id != "trouble-feed" && Some(*trouble) != hub)
        .cloned()
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
    let quiet = &app.quiet;
    lines.push(quiet_text(quiet.now.as_ref()));
    lines.extend(
        quiet
            .next
            .map(|next| Text::new("status-hours-next").with("time", Arg::moment(next))),
    );
    let least = match quiet.breakthrough.filter(|_| quiet.now.is_some()) {
        None => None,
        Some(Urgency::Urgent) => Some("status-breakthrough-urgent"),
        Some(Urgency::High) => Some("status-breakthrough-high"),
        // Then everything but the least urgent rings, or everything.
        Some(Urgency::Normal) => Some("status-breakthrough-normal"),
        Some(Urgency::Low) => Some("status-breakthrough-low"),
    };
    lines.extend(least.map(Text::new));
    if app.feeds.is_empty() {
        lines.push(Text::new("status-no-feeds"));
    }
    lines
}

async fn order(command: &Command, done: Text, terminal: &Terminal) -> anyhow::Result<Ended> {
    match request(command, terminal).await? {
        Asked::Value(_) => say(done, terminal),
        Asked::Not(ended) => Ok(ended),
    }
}

fn say(text: Text, terminal: &Terminal) -> anyhow::Result<Ended> {
    terminal.say(&harmless(&terminal.text(text), false))?;
    Ok(Ended::Done)
}

async fn app(terminal: &Terminal) -> anyhow::Result<Result<AppView, Ended>> {
    Ok(match request(&Command::Status, terminal).await? {
        Asked::Value(value) => Ok(serde_json::from_value(value)?),
        Asked::Not(ended) => Err(ended),
    })
}

/// The feed with this id or name.
async fn find(name: &str, terminal: &Terminal) -> anyhow::Result<Result<FeedView, Ended>> {
    let app = match app(terminal).await? {
        Ok(app) => app,
        Err(ended) => return Ok(Err(ended)),
    };
    let by_id = app.feeds.iter().find(|feed| feed.id == name);
    let found = by_id.or_else(|| app.feeds.iter().find(|feed| feed.name == name));
    Ok(found.cloned().ok_or_else(|| {
        let unknown = Text::new("reconnect-unknown").with("name", name);
        terminal.note(&harmless(&terminal.text(unknown), false));
        Ended::Trouble
    }))
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

fn is_absence(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
    )
}

fn milliseconds(moment: &Zoned) -> i64 {
    moment.timestamp().as_millisecond()
}

/// When something ends that is to last so long.
pub(crate) fn span(text: &str) -> Result<Zoned, String> {
    end_of_span(text, &Zoned::now())
}

/// When something ends that is to end then.
pub(crate) fn moment(text: &str) -> Result<Zoned, String> {
    end_at(text, &Zoned::now())
}

fn end_of_span(text: &str, now: &Zoned) -> Result<Zoned, String> {
    let wrong = "write it like 30m, 1h, 2d or tomorrow";
    if text == "tomorrow" {
        return tomorrow(now);
    }
    let span: Span = text.parse().map_err(|_| wrong)?;
    let until = now.checked_add(span).map_err(|_| wrong)?;
    later(until, now).ok_or_else(|| wrong.to_owned())
}

fn end_at(text: &str, now: &Zoned) -> Result<Zoned, String> {
    let wrong =
        || "write it like 15:40, tomorrow or “2026-12-24 18:00”, and later than now".to_owned();
    if text == "tomorrow" {
        return tomorrow(now);
    }
    let zone = now.time_zone();
    let at = |date: Date, time: Time| date.to_datetime(time).to_zoned(zone.clone()).ok();
    // A date's parser takes a whole moment too, and leaves its time out.
    let until = if let Ok(time) = Time::strptime("%H:%M", text) {
        // Of today, or if that is past, of tomorrow.
        at(now.date(), time)
            .and_then(|until| later(until, now))
            .or_else(|| at(now.date().tomorrow().ok()?, time))
    } else if let Ok(date) = Date::strptime("%Y-%m-%d", text) {
        at(date, Time::midnight())
    } else {
        let moment = DateTime::strptime("%Y-%m-%d %H:%M", text)
            .or_else(|_| DateTime::strptime("%Y-%m-%dT%H:%M", text));
        moment
            .ok()
            .and_then(|moment| at(moment.date(), moment.time()))
    };
    until.and_then(|until| later(until, now)).ok_or_else(wrong)
}

/// Tomorrow at eight.
fn tomorrow(now: &Zoned) -> Result<Zoned, String> {
    let morning = now
        .tomorrow()
        .and_then(|day| day.with().time(Time::constant(8, 0, 0, 0)).build());
    morning.map_err(|why| why.to_string())
}

fn later(until: Zoned, now: &Zoned) -> Option<Zoned> {
    (until > *now).then_some(until)
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
            let until = end_of_span(text, &now).unwrap();
            let form = until.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            assert_eq!(form, end, "{text}");
        }
        for text in ["", "soon", "-1h", "1h ago", "0m", "99999999y", "3"] {
            assert!(end_of_span(text, &now).is_err(), "{text}");
        }
    }

    #[test]
    fn moments_are_today_tomorrow_or_on_a_day() {
        let now: Zoned = "2026-03-28T21:15:30+01:00[Europe/Berlin]".parse().unwrap();
        for (text, end) in [
            ("21:16", "2026-03-28T21:16:00+01:00"),
            ("23:00", "2026-03-28T23:00:00+01:00"),
            // Past today, so tomorrow's, and by the clock of that day.
            ("21:15", "2026-03-29T21:15:00+02:00"),
            ("7:30", "2026-03-29T07:30:00+02:00"),
            ("tomorrow", "2026-03-29T08:00:00+02:00"),
            ("2026-12-24", "2026-12-24T00:00:00+01:00"),
            ("2026-12-24 18:00", "2026-12-24T18:00:00+01:00"),
            ("2026-12-24T18:00", "2026-12-24T18:00:00+01:00"),
        ] {
            let until = end_at(text, &now).unwrap();
            let form = until.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
            assert_eq!(form, end, "{text}");
        }
        for text in [
            "",
            "1h",
            "25:00",
            "12:60",
            "2026-03-28 21:00",
            "2026-03-28",
            "2026-13-01",
            "soon",
        ] {
            assert!(end_at(text, &now).is_err(), "{text}");
        }
    }
}
