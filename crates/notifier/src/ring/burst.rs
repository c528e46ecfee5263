//! Messages of one feed and group: one notification that grows.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use tokio::time::Instant;

use super::{Announcement, GROW_PAUSE, Standing, alone};
use crate::{
    inbox::Owed,
    presentation::{COUNT, Presentation},
    text::Localizer,
    view::{Sound, Text, Urgency},
};

/// How many are named of those who did it.
const NAMED: usize = 2;

#[derive(Debug)]
pub(super) struct Burst {
    key: String,
    feed: String,
    /// Said already, the oldest first.
    said: VecDeque<Said>,
    /// Not said yet.
    unsaid: Vec<Owed>,
    /// The newest that was said.
    latest: Option<(i64, Presentation)>,
    /// Where all lead.
    link: Option<String>,
    said_at: Option<Instant>,
    shrunk: bool,
    /// The greatest id it ever held: a new message is told from a new version by it.
    greatest: i64,
}

#[derive(Debug)]
struct Said {
    id: i64,
    actor: Option<Arc<str>>,
    urgency: Urgency,
}

impl Burst {
    pub(super) fn new(key: String, feed: String) -> Self {
        Self {
            key,
            feed,
            said: VecDeque::new(),
            unsaid: Vec::new(),
            latest: None,
            link: None,
            said_at: None,
            shrunk: false,
            greatest: i64::MIN,
        }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn len(&self) -> usize {
        self.said.len() + self.unsaid.len()
    }

    /// Whether there is something that was not said yet.
    pub(super) fn grew(&self) -> bool {
        !self.unsaid.is_empty()
    }

    pub(super) fn unsaid(&self) -> impl Iterator<Item = &Owed> {
        self.unsaid.iter()
    }

    pub(super) fn take_unsaid(&mut self) -> Vec<Owed> {
        std::mem::take(&mut self.unsaid)
    }

    pub(super) fn waits(&self, id: i64) -> bool {
        self.unsaid.iter().any(|message| message.id == id)
    }

    pub(super) fn holds(&self, id: i64) -> bool {
        self.said.iter().any(|said| said.id == id)
    }

    /// Until when it does not grow.
    pub(super) fn rests_until(&self) -> Option<Instant> {
        self.said_at.map(|at| at + GROW_PAUSE)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        (self.grew() || (self.shrunk && !self.said.is_empty()))
            .then(|| self.rests_until())
            .flatten()
    }

    pub(super) fn add(&mut self, message: Owed) {
        self.greatest = self.greatest.max(message.id);
        self.unsaid.push(message);
    }

    /// A message that comes again in a new version, or belongs to nobody any more.
    pub(super) fn leave(&mut self, id: i64) {
        if id > self.greatest {
            return;
        }
        self.unsaid.retain(|message| message.id != id);
        self.said.retain(|said| said.id != id);
    }

    /// These were not shown after all. False if nothing is left to grow.
    pub(super) fn unsay(&mut self, ids: &[i64]) -> bool {
        self.said.retain(|said| !ids.contains(&said.id));
        !self.said.is_empty() || self.grew()
    }

    /// False if it stands for nothing any more, or for nothing that can still be told.
    pub(super) fn forget(&mut self, gone: &HashSet<i64>) -> bool {
        let before = self.said.len();
        self.unsaid.retain(|message| !gone.contains(&message.id));
        self.said.retain(|said| !gone.contains(&said.id));
        if self.said.len() == before {
            return before > 0 || self.grew();
        }
        if self.said.is_empty() {
            return self.grew();
        }
        self.shrunk = true;
        // Its title and body may be those of a message that is gone.
        let told = self.latest.as_ref().is_some_and(|(id, shown)| {
            !gone.contains(id)
                || (self.said.len() > 1 && shown.burst.is_some() && self.said[0].actor.is_some())
        });
        told || self.grew()
    }

    /// All of it, as a notification.
    pub(super) fn say(&mut self, now: Instant, words: &Localizer) -> Announcement {
        let shrinks = !self.grew();
        self.shrunk = false;
        self.said_at = Some(now);
        let mut alone_now = None;
        for message in std::mem::take(&mut self.unsaid) {
            let shown = &message.shown;
            if self.said.is_empty() {
                self.link.clone_from(&shown.link);
                alone_now = Some(message.clone());
            } else {
                alone_now = None;
                if self.link != shown.link {
                    self.link = None;
                }
            }
            self.said.push_back(Said {
                id: message.id,
                actor: shown.actor.as_deref().map(Arc::from),
                urgency: shown.urgency,
            });
            self.latest = Some((message.id, message.shown));
        }
        if let Some(message) = alone_now {
            return alone(self.key.clone(), message);
        }
        let latest = self.latest.clone().unwrap_or_default();
        if let ([only], true) = (&*self.said.make_contiguous(), shrinks)
            && only.id == latest.0
        {
            let message = Owed {
                id: latest.0,
                feed: self.feed.clone(),
                shown: latest.1,
            };
            return Announcement {
                shrinks,
                ..alone(self.key.clone(), message)
            };
        }
        let shown = latest.1;
        // One that was refused at first may be said after newer ones.
        let mut ids: Vec<i64> = self.said.iter().map(|said| said.id).collect();
        ids.sort_unstable();
        Announcement {
            ids,
            kind: Standing::Burst,
            feed: Some(self.feed.clone()),
            key: self.key.clone(),
            shrinks,
            title: title(&shown, self.said.len(), words),
            body: self.actors(words).unwrap_or(shown.body),
            urgency: self
                .said
                .iter()
                .map(|said| said.urgency)
                .max()
                .unwrap_or_default(),
            icon: shown.icon,
            link: self.link.clone(),
            offers: Vec::new(),
            sound: Sound::System,
        }
    }

    /// Who did it, the latest first; none if nobody is known.
    fn actors(&self, words: &Localizer) -> Option<String> {
        let mut seen = HashSet::new();
        let latest_first = self
            .said
            .iter()
            .rev()
            .filter_map(|said| said.actor.as_deref());
        let actors: Vec<&str> = latest_first.filter(|actor| seen.insert(*actor)).collect();
        let text = match actors.as_slice() {
            [] => return None,
            [one] => return Some((*one).to_owned()),
            [first, second] => Text::new("announce-two-actors")
                .with("first", *first)
                .with("second", *second),
            [first, second, ..] => Text::new("announce-actors")
                .with("first", *first)
                .with("second", *second)
                .with("others", actors.len() - NAMED),
        };
        Some(words.text(&text))
    }
}

fn title(latest: &Presentation, count: usize, words: &Localizer) -> String {
    match &latest.burst {
        Some(burst) => burst.replace(COUNT, &count.to_string()),
        None => words.text(
            &Text::new("announce-group")
                .with("count", count)
                .with("title", latest.title.as_str()),
        ),
    }
}
