//! `feedbell listen`: the events of a feed on standard output, as EventSource would report them.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
};

use clap::{CommandFactory as _, error::ErrorKind};
use feed::{Event, Feed, FeedUpdate, State};
use front::{machine, places::Places};
use jiff::Zoned;
use notifier::{PresetFilter, Reach, view::Text};
use serde::Serialize;
use tokio::signal;
use url::Url;

use crate::{
    args::{Arguments, Listen},
    exit::Ended,
    terminal::{Terminal, harmless},
};

/// One event as scripts read it.
#[derive(Debug, Serialize)]
pub(crate) struct Line<'a> {
    event: &'a str,
    data: &'a str,
    /// The last event id string: the event's own, or the one before.
    id: &'a str,
    origin: &'a str,
}

impl<'a> From<&'a Event> for Line<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            event: &event.name,
            data: &event.data,
            id: &event.last_event_id,
            origin: &event.origin,
        }
    }
}

pub(crate) async fn listen(options: Listen, terminal: &Terminal) -> anyhow::Result<Ended> {
    log_to_stderr();
    let mut preset = match &options.way.preset {
        Some(name) => preset(name, &options.url)?,
        None => None,
    };
    let polled = options.way.poll.is_some();
    let mut config = options.way.config(options.url);
    config.last_event_id = options.last_event_id;
    config.stop_on = options.stop_on;
    if let Some(preset) = &mut preset {
        preset.prepare(&mut config);
    }
    let (feed, mut updates) = Feed::open(config);
    let mut wakes = machine::wakes();
    let mut live = false;
    let mut answers = Answers::new(polled);
    loop {
        let update = tokio::select! {
            update = updates.recv() => update,
            Some(reach) = wakes.recv() => {
                if reach == Reach::All || !live {
                    feed.woken();
                }
                continue;
            }
            _ = signal::ctrl_c() => return Ok(Ended::Done),
        };
        match update {
            None => return Ok(Ended::Trouble),
            Some(FeedUpdate::Event(event)) => {
                let shown = preset
                    .as_mut()
                    .is_none_or(|preset| preset.shows(&event, &feed));
                if answers.is_new(&event) && shown {
                    print(&event, options.json, terminal)?;
                }
            }
            Some(FeedUpdate::LastEventId(_)) => {}
            Some(FeedUpdate::Skipped { what, limit, .. }) => {
                terminal.note(&terminal.text(what.words(limit)));
            }
            Some(FeedUpdate::State(state)) => {
                live = matches!(state, State::Live { .. });
                if let Some(line) = news(&state, terminal) {
                    terminal.note(&line);
                }
                if let State::Stopped { why, .. } = state {
                    return Ok(Ended::from_stop(&why));
                }
            }
        }
    }
}

/// An unknown name is wrong usage.
/// What answers to polls repeat is printed once: as long as the last answer had it, it is not new.
struct Answers {
    polled: bool,
    connection: u64,
    last: HashSet<u64>,
    this: HashSet<u64>,
}

impl Answers {
    fn new(polled: bool) -> Self {
        Self {
            polled,
            connection: 0,
            last: HashSet::new(),
            this: HashSet::new(),
        }
    }

    fn is_new(&mut self, event: &Event) -> bool {
        if !self.polled {
            return true;
        }
        if event.connection != self.connection {
            self.connection = event.connection;
            self.last = std::mem::take(&mut self.this);
        }
        let mut hasher = DefaultHasher::new();
        (&event.name, &event.data, event.own_id()).hash(&mut hasher);
        let hash = hasher.finish();
        self.this.insert(hash);
        !self.last.contains(&hash)
    }
}

pub(crate) fn preset(name: &str, url: &Url) -> anyhow::Result<Option<PresetFilter>> {
    let settings = Places::find()?.settings;
    Ok(
        PresetFilter::find(name, url, &settings).unwrap_or_else(|why| {
            let mut command = Arguments::command();
            command.error(ErrorKind::InvalidValue, why).exit()
        }),
    )
}

/// The log of commands without a home of their own goes to standard error, if it is asked for.
pub(crate) fn log_to_stderr() {
    if std::env::var_os("FEEDBELL_LOG").is_some() {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(front::logging::filter("info"))
            .with_writer(io::stderr);
        // Only fails when there is a log already.
        let _ = subscriber.try_init();
    }
}

fn print(event: &Event, json: bool, terminal: &Terminal) -> anyhow::Result<()> {
    let line = if json {
        serde_json::to_string(&Line::from(event))?
    } else {
        let time = Zoned::now().strftime("%H:%M:%S");
        // Further lines are indented, so that no event can pass itself off as two.
        let data = harmless(&event.data, true).replace('\n', "\n    ");
        format!("{time} {}: {data}", harmless(&event.name, false))
    };
    Ok(terminal.say(&line)?)
}

fn news(state: &State, terminal: &Terminal) -> Option<String> {
    let text: Text = match state {
        State::Connecting => return None,
        State::Live { .. } => Text::new("listen-live"),
        State::Waiting { delay, why } => Text::new("listen-waiting")
            .with("why", terminal.text(why.words()))
            .with("seconds", delay.as_secs().max(1)),
        State::Stopped { why, .. } => why.words().into(),
    };
    Some(harmless(&terminal.text(text), false))
}
