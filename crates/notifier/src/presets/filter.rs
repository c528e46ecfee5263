//! A preset at work without a notifier.

use std::{collections::VecDeque, path::Path, sync::Arc};

use feed::{Event, Feed, FeedConfig};
use tokio::time::Instant;
use url::Url;

use crate::{
    inbox::Key,
    presets::{self, Preset},
    rules::{Arrived, Rules},
    subscription::Place,
    text::{Locale, Localizer},
    view::Verdict,
};

/// How much is remembered of what was shown.
const SHOWN: usize = 1000;

/// What a preset does to a feed that a program holds by itself: how it resumes, and which events
/// are no messages.
#[derive(Debug)]
pub struct PresetFilter {
    preset: Arc<Preset>,
    rules: Rules,
    place: Place,
    connection: u64,
    nth: u64,
    /// What was shown last: a server that goes on from a time sends its last second again.
    shown: VecDeque<Key>,
}

/// There is no such preset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no preset \u{201c}{name}\u{201d}; known are {}", known.join(", "))]
pub struct UnknownPreset {
    /// The name that was asked for.
    pub name: String,
    /// The names there are.
    pub known: Vec<String>,
}

impl PresetFilter {
    /// The preset of this name, a person's own beside the `settings` file among them; for `auto` the
    /// one that the address looks like, none when unsure.
    ///
    /// # Errors
    /// When there is none of this name.
    pub fn find(name: &str, url: &Url, settings: &Path) -> Result<Option<Self>, UnknownPreset> {
        let localizer = Arc::new(Localizer::new(Locale::from_setting("auto")));
        presets::load(&presets::folder(settings), &localizer);
        let id = match name {
            "auto" => presets::guess_preset(url.as_str()),
            name => Some(name.to_owned()),
        };
        let Some(id) = id else {
            return Ok(None);
        };
        let preset = presets::find(&id).ok_or_else(|| UnknownPreset {
            name: id,
            known: presets::all().iter().map(|one| one.id.clone()).collect(),
        })?;
        Ok(Some(Self {
            rules: Rules::new("", &[], Some(&preset), localizer),
            place: Place::new(preset.resume.clone(), String::new()),
            connection: 0,
            nth: 0,
            shown: VecDeque::new(),
            preset,
        }))
    }

    /// Makes a feed resume as the preset says, and stop where it says, if nothing else was said.
    pub fn prepare(&mut self, config: &mut FeedConfig) {
        let asked = config.last_event_id.clone().unwrap_or_default();
        self.place = Place::new(self.preset.resume.clone(), asked);
        config.resume = self.place.resume();
        if config.stop_on.is_empty() {
            config.stop_on.clone_from(&self.preset.stop_on);
        }
    }

    /// Takes an event of the feed, which goes on from it when it connects again; false if the event
    /// is no message, like a keep-alive.
    pub fn shows(&mut self, event: &Event, feed: &Feed) -> bool {
        let now = Instant::now();
        if event.connection != self.connection {
            self.connection = event.connection;
            self.nth = 0;
            self.place.connected(now);
        }
        let judged = self.rules.judge(Arrived {
            name: &event.name,
            data: &event.data,
            own_id: event.own_id(),
            nth: self.nth,
        });
        self.nth += 1;
        let dropped = judged.verdict == Verdict::Drop && judged.effect.is_none();
        self.place.after(event, dropped, now);
        if self.place.by_field() {
            feed.resume_from(self.place.asked().unwrap_or_default());
        }
        !dropped && self.is_new(judged.key)
    }

    /// Whether its place is a field of the data: event ids say nothing then.
    #[must_use]
    pub fn resumes_by_field(&self) -> bool {
        self.place.by_field()
    }

    fn is_new(&mut self, key: Key) -> bool {
        if matches!(key, Key::Replay { .. }) {
            return true;
        }
        let new = !self.shown.contains(&key);
        if new {
            self.shown.push_back(key);
            if self.shown.len() > SHOWN {
                self.shown.pop_front();
            }
        }
        new
    }
}
