//! When to ring: one notification per live message, one summary for a backlog, a budget in storms.
//!
//! Pure: time is an argument. Every message that enters here is owed a
//! notification in the inbox until a front end reports it shown, so nothing is
//! lost if it never leaves.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    inbox::Owed,
    text::Localizer,
    view::{Text, Urgency},
};

/// Within this time at most [`BUDGET`] messages ring one by one; the rest is summed up.
const BUDGET_TIME: Duration = Duration::from_secs(10);
const BUDGET: usize = 8;
/// A storm's summary comes after this pause.
const STORM_PAUSE: Duration = Duration::from_secs(2);
/// A backlog's summary comes at the latest after this time.
const BACKLOG_LIMIT: Duration = Duration::from_secs(10);
/// How many pop-ups we remember, to take them away when their message is read elsewhere.
const SHOWN: usize = 256;

/// A notification to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The messages it stands for, oldest first.
    pub ids: Vec<i64>,
    /// Pop-ups with the same key replace each other.
    pub key: String,
    /// The title.
    pub title: String,
    /// The body, plain text.
    pub body: String,
    /// How urgent.
    pub urgency: Urgency,
    /// An icon name of the theme.
    pub icon: Option<String>,
    /// Where a click leads; without one it opens the message.
    pub link: Option<String>,
}

/// Decides when messages ring.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    waiting: Vec<Owed>,
    away: bool,
    due: Option<Instant>,
    recent: VecDeque<Instant>,
    in_flight: HashSet<i64>,
    /// On their way to the screen, and not wanted there any more.
    gone: HashSet<i64>,
    shown: VecDeque<(String, Vec<i64>)>,
}

impl Ring {
    /// A live message: rings now, or joins the summary of a storm.
    pub(crate) fn live(&mut self, message: Owed, now: Instant) -> Option<Announcement> {
        self.replace(message.id);
        while self
            .recent
            .front()
            .is_some_and(|shown| now.duration_since(*shown) >= BUDGET_TIME)
        {
            self.recent.pop_front();
        }
        if self.waiting.is_empty() && self.recent.len() < BUDGET {
            self.recent.push_back(now);
            return Some(self.single(message));
        }
        self.wait(message, now + STORM_PAUSE);
        None
    }

    /// A message of a backlog: waits for the summary.
    pub(crate) fn backlog(&mut self, message: Owed, now: Instant) {
        self.replace(message.id);
        self.away = true;
        self.wait(message, now + BACKLOG_LIMIT);
    }

    /// Nothing more is coming of the backlog: the summary is due.
    pub(crate) fn settled(&mut self, now: Instant) {
        if self.away && !self.waiting.is_empty() {
            self.due = Some(now);
        }
    }

    /// When [`Ring::summary`] has something to say.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The summary of what waited, if it is due. One message speaks for itself.
    pub(crate) fn summary(
        &mut self,
        now: Instant,
        localizer: &Localizer,
        name: impl Fn(&str) -> String,
    ) -> Option<Announcement> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = None;
        let away = std::mem::take(&mut self.away);
        let mut waiting = std::mem::take(&mut self.waiting);
        if waiting.len() < 2 {
            return waiting.pop().map(|message| self.single(message));
        }
        let feeds: BTreeSet<String> = waiting.iter().map(|message| name(&message.feed)).collect();
        let feeds: Vec<String> = feeds.into_iter().collect();
        let title = Text::new(if away {
            "announce-many"
        } else {
            "announce-burst"
        })
        .with("count", waiting.len());
        let body = Text::new("announce-many-body").with("feeds", feeds.join(", "));
        let ids: Vec<i64> = waiting.iter().map(|message| message.id).collect();
        let urgency = waiting.iter().map(|message| message.shown.urgency).max();
        self.in_flight.extend(&ids);
        Some(Announcement {
            key: format!("summary-{}", ids.first().copied().unwrap_or_default()),
            ids,
            title: localizer.text(&title),
            body: localizer.text(&body),
            urgency: urgency.unwrap_or_default(),
            icon: None,
            link: None,
        })
    }

    /// What waits for a summary.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Owed> {
        self.waiting.iter()
    }

    /// Whether a message is on its way already.
    pub(crate) fn knows(&self, id: i64) -> bool {
        self.in_flight.contains(&id) || self.waiting.iter().any(|message| message.id == id)
    }

    /// A front end showed it. Gives the key back if the pop-up stands for nothing by now.
    pub(crate) fn shown(&mut self, key: String, mut ids: Vec<i64>) -> Option<String> {
        for id in &ids {
            self.in_flight.remove(id);
        }
        ids.retain(|id| !self.gone.remove(id));
        self.shown.retain(|(other, _)| *other != key);
        if ids.is_empty() {
            return Some(key);
        }
        self.shown.push_back((key, ids));
        if self.shown.len() > SHOWN {
            self.shown.pop_front();
        }
        None
    }

    /// A front end could not show it: it stays owed.
    pub(crate) fn failed(&mut self, ids: &[i64]) {
        for id in ids {
            self.in_flight.remove(id);
            self.gone.remove(id);
        }
    }

    /// Messages that need no notification any more. Gives the keys of pop-ups that now stand for
    /// nothing.
    pub(crate) fn forget(&mut self, ids: &[i64]) -> Vec<String> {
        let gone: HashSet<&i64> = ids.iter().collect();
        let on_their_way = ids.iter().filter(|id| self.in_flight.contains(id));
        self.gone.extend(on_their_way);
        self.waiting.retain(|message| !gone.contains(&message.id));
        let mut keys = Vec::new();
        self.shown.retain_mut(|(key, ids)| {
            ids.retain(|id| !gone.contains(id));
            if ids.is_empty() {
                keys.push(std::mem::take(key));
            }
            !ids.is_empty()
        });
        keys
    }

    /// No message needs a notification any more. Gives the keys of all pop-ups.
    pub(crate) fn forget_all(&mut self) -> Vec<String> {
        self.waiting.clear();
        self.due = None;
        self.away = false;
        self.gone.extend(&self.in_flight);
        self.shown.drain(..).map(|(key, _)| key).collect()
    }

    /// A new version of a message that waits takes its place.
    fn replace(&mut self, id: i64) {
        self.waiting.retain(|message| message.id != id);
    }

    fn wait(&mut self, message: Owed, due: Instant) {
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        self.waiting.push(message);
    }

    fn single(&mut self, message: Owed) -> Announcement {
        self.in_flight.insert(message.id);
        self.gone.remove(&message.id);
        Announcement {
            key: match &message.shown.group {
                Some(group) => format!("group-{}-{group}", message.feed),
                None => format!("message-{}", message.id),
            },
            ids: vec![message.id],
            title: message.shown.title,
            body: message.shown.body,
            urgency: message.shown.urgency,
            icon: message.shown.icon,
            link: message.shown.link,
        }
    }
}

/// Feeds that may still bring a backlog, and the moment each is thought to be done.
#[derive(Debug, Default)]
pub(crate) struct Settling(HashMap<String, Instant>);

impl Settling {
    /// This feed may bring a backlog until then.
    pub(crate) fn until(&mut self, feed: &str, then: Instant) {
        self.0.insert(feed.to_owned(), then);
    }

    /// This feed brings none, or has brought it.
    pub(crate) fn done(&mut self, feed: &str) {
        self.0.remove(feed);
    }

    /// Whether this feed may still bring one.
    pub(crate) fn expects(&self, feed: &str, now: Instant) -> bool {
        self.0.get(feed).is_some_and(|then| *then > now)
    }

    /// The next moment at which one is done.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// Lets go of those that are done by now; true if none is left.
    pub(crate) fn pass(&mut self, now: Instant) -> bool {
        self.0.retain(|_, then| *then > now);
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{presentation::Presentation, text::Locale};

    fn owed(id: i64) -> Owed {
        Owed {
            id,
            feed: "f".into(),
            shown: Presentation {
                title: format!("t{id}"),
                ..Presentation::default()
            },
        }
    }

    fn summary(ring: &mut Ring, now: Instant) -> Option<Announcement> {
        ring.summary(now, &Localizer::new(Locale::English), |feed| {
            feed.to_uppercase()
        })
    }

    #[tokio::test]
    async fn a_backlog_ends_in_one_summary() {
        let now = Instant::now();
        let mut ring = Ring::default();
        for id in 1..=3 {
            ring.backlog(owed(id), now);
        }
        assert_eq!(summary(&mut ring, now), None);
        ring.settled(now);
        let one = summary(&mut ring, now).unwrap();
        assert_eq!(one.ids, [1, 2, 3]);
        assert_eq!(one.title, "3 messages while you were away");
        assert_eq!(one.body, "From F");
        assert_eq!(summary(&mut ring, now + BACKLOG_LIMIT), None);
    }

    #[tokio::test]
    async fn one_waiting_message_speaks_for_itself() {
        let now = Instant::now();
        let mut ring = Ring::default();
        ring.backlog(owed(7), now);
        ring.settled(now);
        assert_eq!(summary(&mut ring, now).unwrap().title, "t7");
    }

    #[tokio::test]
    async fn a_storm_makes_a_handful_and_loses_none() {
        let start = Instant::now();
        let mut ring = Ring::default();
        let mut rung = Vec::new();
        for id in 0..10_000 {
            let now = start + Duration::from_micros(500) * u32::try_from(id).unwrap();
            rung.extend(ring.live(owed(id), now));
            rung.extend(summary(&mut ring, now));
        }
        rung.extend(summary(&mut ring, start + Duration::from_secs(60)));
        let ids: Vec<i64> = rung.iter().flat_map(|one| one.ids.clone()).collect();
        assert_eq!(ids, (0..10_000).collect::<Vec<_>>());
        assert!(rung.len() <= 12, "{} notifications", rung.len());
    }

    #[tokio::test]
    async fn a_pop_up_goes_when_all_it_stands_for_is_read() {
        let mut ring = Ring::default();
        assert_eq!(ring.shown("summary-1".into(), vec![1, 2]), None);
        assert!(ring.forget(&[1]).is_empty());
        assert_eq!(ring.forget(&[2]), ["summary-1"]);
    }

    #[tokio::test]
    async fn a_pop_up_that_nobody_wants_any_more_when_it_appears_goes_at_once() {
        let now = Instant::now();
        let mut ring = Ring::default();
        let first = ring.live(owed(1), now).unwrap();
        assert!(ring.forget(&[1]).is_empty());
        assert_eq!(ring.shown(first.key.clone(), first.ids), Some(first.key));
        // A new version of the same message is wanted again.
        let second = ring.live(owed(1), now).unwrap();
        assert_eq!(ring.shown(second.key, second.ids), None);
    }

    #[tokio::test]
    async fn a_new_version_takes_the_place_of_one_that_waits() {
        let now = Instant::now();
        let mut ring = Ring::default();
        ring.backlog(owed(1), now);
        let newer = Owed {
            shown: Presentation {
                title: "newer".into(),
                ..Presentation::default()
            },
            ..owed(1)
        };
        ring.backlog(newer, now);
        ring.settled(now);
        assert_eq!(summary(&mut ring, now).unwrap().title, "newer");
    }
}
