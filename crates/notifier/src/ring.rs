//! When to ring: one notification per live message, one that grows for a burst, one summary for a
//! backlog, a budget in storms.
//!
//! Pure: time is an argument. Every message that enters here is owed a
//! notification in the inbox until a front end reports it shown, so nothing is
//! lost if it never leaves.

mod burst;

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    inbox::Owed,
    presentation::OwnAction,
    text::Localizer,
    view::{Sound, Text, Urgency},
};
use burst::Burst;

/// Within this time at most [`BUDGET`] notifications ring, summaries apart; the rest is summed up.
const BUDGET_TIME: Duration = Duration::from_secs(10);
const BUDGET: usize = 8;
/// A storm's summary comes after this pause.
const STORM_PAUSE: Duration = Duration::from_secs(2);
/// Summaries that follow each other faster than this are one storm's: one that grows.
const STORM_OVER: Duration = Duration::from_secs(10);
/// A burst that rested for so long is over.
const BURST_OVER: Duration = Duration::from_secs(12 * 3600);
/// A burst's notification grows no faster than this.
const GROW_PAUSE: Duration = Duration::from_secs(2);
/// A backlog's summary comes at the latest after this time.
const BACKLOG_LIMIT: Duration = Duration::from_secs(10);
/// How many pop-ups we remember, to take them away when their message is read elsewhere.
const SHOWN: usize = 256;
/// Bursts that can grow; beyond them the one that rested longest begins anew.
const BURSTS: usize = 64;
/// Once a notification stands for so many messages, those that follow begin the next.
const MOST: usize = 10_000;
/// Actions of its own that a notification offers.
const OFFERS: usize = 3;

/// A notification to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// The messages it stands for, oldest first.
    pub ids: Vec<i64>,
    /// What they are to each other.
    pub kind: Standing,
    /// Their feed, if it is one.
    pub feed: Option<String>,
    /// Pop-ups with the same key replace each other.
    pub key: String,
    /// Only in place of its pop-up, if that still stands: it says less than before.
    pub shrinks: bool,
    /// The title.
    pub title: String,
    /// The body, plain text.
    pub body: String,
    /// How urgent.
    pub urgency: Urgency,
    /// An icon name of the theme, or the absolute path of a picture.
    pub icon: Option<String>,
    /// Where a click leads; without one it opens the message.
    pub link: Option<String>,
    /// What the message itself offers to do at once.
    pub offers: Vec<Offer>,
    /// How it sounds.
    pub sound: Sound,
}

/// What the messages of a notification are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is one.
    Message,
    /// They are of one feed and group.
    Burst,
    /// They came together, or while nobody was there.
    Summary,
}

/// Something that a message offers to do, as a button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its place among what the message offers, for [`act`](crate::NotifierHandle::act).
    pub place: u32,
    /// What the button says.
    pub label: String,
    /// It copies a text.
    pub copies: bool,
}

/// Decides when messages ring.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    /// They wait for a summary.
    waiting: Vec<Owed>,
    /// The ids of those.
    waits: HashSet<i64>,
    away: bool,
    due: Option<Instant>,
    recent: VecDeque<Instant>,
    /// The summary of the storm that rages, and when it was said last.
    storm: Option<(Instant, String, Vec<i64>)>,
    bursts: HashMap<(String, String), Burst>,
    /// Numbers bursts, for their keys.
    begun: u64,
    in_flight: HashSet<i64>,
    /// On their way to the screen, and not wanted there any more.
    gone: HashSet<i64>,
    shown: VecDeque<(String, Vec<i64>)>,
}

impl Ring {
    /// A live message: rings now, or later with others.
    pub(crate) fn live(
        &mut self,
        message: Owed,
        now: Instant,
        words: &Localizer,
    ) -> Option<Announcement> {
        self.replace(message.id);
        if !self.may_ring(now) {
            self.wait(message, now + STORM_PAUSE);
            return None;
        }
        let Some(burst) = self.burst(&message, now) else {
            self.recent.push_back(now);
            return Some(self.single(message));
        };
        burst.add(message);
        if burst.rests_until().is_some_and(|until| until > now) {
            return None;
        }
        let announcement = burst.say(now, words);
        self.recent.push_back(now);
        Some(self.off(announcement))
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

    /// When [`Ring::take_due`] has something to say.
    pub(crate) fn due(&self) -> Option<Instant> {
        let bursts = self.bursts.values().filter_map(Burst::due);
        bursts.chain(self.due).min()
    }

    /// What is due by now, to be called until there is nothing more: bursts that have grown or
    /// shrunk, then the summary of what waited. One message speaks for itself.
    pub(crate) fn take_due(
        &mut self,
        now: Instant,
        words: &Localizer,
        name: impl Fn(&str) -> String,
    ) -> Option<Announcement> {
        while let Some(burst) = self
            .bursts
            .values_mut()
            .find(|burst| burst.due().is_some_and(|due| due <= now))
        {
            if !burst.grew() {
                let announcement = burst.say(now, words);
                return Some(self.off(announcement));
            }
            let key = burst.key().to_owned();
            if self.may_ring(now) {
                let burst = self.bursts.values_mut().find(|burst| burst.key() == key)?;
                let announcement = burst.say(now, words);
                self.recent.push_back(now);
                return Some(self.off(announcement));
            }
            let burst = self.bursts.values_mut().find(|burst| burst.key() == key)?;
            for message in burst.take_unsaid() {
                self.wait(message, now + STORM_PAUSE);
            }
        }
        self.summary(now, words, name)
    }

    fn summary(
        &mut self,
        now: Instant,
        words: &Localizer,
        name: impl Fn(&str) -> String,
    ) -> Option<Announcement> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        self.due = None;
        let away = std::mem::take(&mut self.away);
        let mut waiting = std::mem::take(&mut self.waiting);
        self.waits.clear();
        if waiting.len() < 2 {
            let message = waiting.pop()?;
            let Some(burst) = self.burst(&message, now) else {
                return Some(self.single(message));
            };
            burst.add(message);
            let announcement = burst.say(now, words);
            return Some(self.off(announcement));
        }
        let one_burst = waiting[0].shown.group.is_some()
            && waiting.iter().all(|message| {
                message.feed == waiting[0].feed && message.shown.group == waiting[0].shown.group
            });
        if one_burst
            && !away
            && let Some(burst) = self.burst(&waiting[0], now)
        {
            waiting.into_iter().for_each(|message| burst.add(message));
            let announcement = burst.say(now, words);
            return Some(self.off(announcement));
        }
        let feeds: BTreeSet<&str> = waiting.iter().map(|message| &*message.feed).collect();
        let names: BTreeSet<String> = feeds.iter().map(|feed| name(feed)).collect();
        let names: Vec<String> = names.into_iter().collect();
        let mut ids: Vec<i64> = waiting.iter().map(|message| message.id).collect();
        let mut key = format!("summary-{}", ids[0]);
        let mut feed = (feeds.len() == 1).then(|| waiting[0].feed.clone());
        if !away
            && let Some((said, storm, before)) = self.storm.take()
            && now.duration_since(said) < STORM_OVER
            && before.len() + ids.len() <= MOST
        {
            // Feeds of before are not told apart any more.
            feed = None;
            key = storm;
            ids.splice(..0, before);
        }
        let title = Text::new(if away {
            "announce-many"
        } else {
            "announce-burst"
        })
        .with("count", ids.len());
        let body = Text::new("announce-many-body").with("feeds", names.join(", "));
        if !away {
            self.storm = Some((now, key.clone(), ids.clone()));
        }
        let urgency = waiting.iter().map(|message| message.shown.urgency).max();
        Some(self.off(Announcement {
            kind: Standing::Summary,
            feed,
            key,
            shrinks: false,
            ids,
            title: words.text(&title),
            body: words.text(&body),
            urgency: urgency.unwrap_or_default(),
            icon: None,
            link: None,
            offers: Vec::new(),
            sound: Sound::System,
        }))
    }

    /// What waits for a summary, or for its burst to grow.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Owed> {
        let unsaid = self.bursts.values().flat_map(Burst::unsaid);
        self.waiting.iter().chain(unsaid)
    }

    /// Whether a message is on its way already.
    pub(crate) fn knows(&self, id: i64) -> bool {
        self.in_flight.contains(&id)
            || self.waits.contains(&id)
            || self.bursts.values().any(|burst| burst.waits(id))
    }

    /// A front end showed it. Gives the key back if the pop-up stands for nothing by now.
    pub(crate) fn shown(&mut self, key: String, mut ids: Vec<i64>) -> Option<String> {
        for id in &ids {
            self.in_flight.remove(id);
        }
        ids.retain(|id| !self.gone.remove(id));
        self.shown.retain(|(other, _)| *other != key);
        if ids.is_empty() {
            // Others of its burst may follow it.
            let lives = self.bursts.values().any(|burst| burst.key() == key);
            return (!lives).then_some(key);
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
        // What is owed comes as a summary: the burst does not tell it a second time.
        self.bursts
            .retain(|_, burst| !ids.iter().any(|id| burst.holds(*id)) || burst.unsay(ids));
    }

    /// Messages that need no notification any more. Gives the keys of pop-ups that now stand for
    /// nothing; bursts that only shrink are due.
    pub(crate) fn forget(&mut self, ids: &[i64]) -> Vec<String> {
        let gone: HashSet<i64> = ids.iter().copied().collect();
        let on_their_way = gone.iter().filter(|id| self.in_flight.contains(id));
        self.gone.extend(on_their_way);
        self.waiting.retain(|message| !gone.contains(&message.id));
        self.waits.retain(|id| !gone.contains(id));
        if let Some((_, _, ids)) = &mut self.storm {
            ids.retain(|id| !gone.contains(id));
        }
        let mut ended = Vec::new();
        self.bursts.retain(|_, burst| {
            let lives = burst.forget(&gone);
            if !lives {
                ended.push(burst.key().to_owned());
            }
            lives
        });
        let mut keys = Vec::new();
        self.shown.retain_mut(|(key, ids)| {
            ids.retain(|id| !gone.contains(id));
            let stands = !ids.is_empty() && !ended.contains(key);
            if !stands {
                keys.push(std::mem::take(key));
            }
            stands
        });
        keys
    }

    /// No message needs a notification any more. Gives the keys of all pop-ups.
    pub(crate) fn forget_all(&mut self) -> Vec<String> {
        self.waiting.clear();
        self.waits.clear();
        self.bursts.clear();
        self.storm = None;
        self.due = None;
        self.away = false;
        self.gone.extend(&self.in_flight);
        self.shown.drain(..).map(|(key, _)| key).collect()
    }

    /// A new version of a message that waits takes its place.
    fn replace(&mut self, id: i64) {
        if self.waits.remove(&id) {
            self.waiting.retain(|message| message.id != id);
        }
        for burst in self.bursts.values_mut() {
            burst.leave(id);
        }
    }

    fn wait(&mut self, message: Owed, due: Instant) {
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
        self.waits.insert(message.id);
        self.waiting.push(message);
    }

    /// Whether the budget allows one more now, and no summary is being gathered.
    fn may_ring(&mut self, now: Instant) -> bool {
        while self
            .recent
            .front()
            .is_some_and(|shown| now.duration_since(*shown) >= BUDGET_TIME)
        {
            self.recent.pop_front();
        }
        self.waiting.is_empty() && self.recent.len() < BUDGET
    }

    /// The burst that a message belongs to, begun if there is none.
    fn burst(&mut self, message: &Owed, now: Instant) -> Option<&mut Burst> {
        let group = message.shown.group.clone()?;
        let of = (message.feed.clone(), group);
        let over = |burst: &Burst| {
            let said = burst.rests_until();
            let over = said.is_some_and(|said| now > said + BURST_OVER);
            // What it has not said yet would be lost with it.
            (over || burst.len() >= MOST) && !burst.grew()
        };
        if self.bursts.get(&of).is_some_and(over) {
            self.bursts.remove(&of);
        }
        if self.bursts.len() >= BURSTS && !self.bursts.contains_key(&of) {
            let resting = self.bursts.iter().filter(|(_, burst)| !burst.grew());
            let oldest = resting.min_by_key(|(_, burst)| burst.rests_until());
            match oldest.map(|(of, _)| of.clone()) {
                Some(oldest) => drop(self.bursts.remove(&oldest)),
                // Each has something to say first.
                None => return None,
            }
        }
        Some(self.bursts.entry(of).or_insert_with(|| {
            self.begun += 1;
            Burst::new(format!("burst-{}", self.begun), message.feed.clone())
        }))
    }

    fn single(&mut self, message: Owed) -> Announcement {
        self.off(alone(format!("message-{}", message.id), message))
    }

    fn off(&mut self, announcement: Announcement) -> Announcement {
        for id in &announcement.ids {
            self.in_flight.insert(*id);
            self.gone.remove(id);
        }
        announcement
    }
}

/// One message as a notification of its own.
fn alone(key: String, message: Owed) -> Announcement {
    let offers = message
        .shown
        .actions
        .iter()
        .zip(0..)
        .filter_map(|(action, place)| match action {
            OwnAction::View { label, .. } => Some((place, label, false)),
            OwnAction::Copy { label, .. } => Some((place, label, true)),
            // Requests are sent from the window, where it says to whom.
            OwnAction::Http { .. } => None,
        })
        .map(|(place, label, copies)| Offer {
            place,
            label: label.clone(),
            copies,
        })
        .take(OFFERS)
        .collect();
    Announcement {
        ids: vec![message.id],
        kind: Standing::Message,
        feed: Some(message.feed),
        key,
        shrinks: false,
        title: message.shown.title,
        body: message.shown.body,
        urgency: message.shown.urgency,
        icon: message.shown.icon,
        link: message.shown.link,
        offers,
        sound: Sound::System,
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
    use std::sync::OnceLock;

    use super::*;
    use crate::{
        presentation::{COUNT, Presentation},
        text::Locale,
    };

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

    /// Made once: it reads all texts.
    fn english() -> &'static Localizer {
        static ENGLISH: OnceLock<Localizer> = OnceLock::new();
        ENGLISH.get_or_init(|| Localizer::new(Locale::English))
    }

    /// Ada, Bo, Cy and Di like the same post.
    fn like(id: i64) -> Owed {
        let actor = ["Ada", "Bo", "Cy", "Di"][usize::try_from(id).unwrap() % 4];
        Owed {
            id,
            feed: "f".into(),
            shown: Presentation {
                title: format!("{actor} liked it"),
                body: format!("b{id}"),
                group: Some("likes".into()),
                actor: Some(actor.into()),
                burst: Some(format!("{COUNT} likes")),
                ..Presentation::default()
            },
        }
    }

    fn summary(ring: &mut Ring, now: Instant) -> Option<Announcement> {
        ring.take_due(now, english(), str::to_uppercase)
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
        // Of messages that have nothing to do with each other, of one burst, of many.
        type Kind = (&'static str, fn(i64) -> Owed, usize);
        let kinds: [Kind; 3] = [
            ("alone", owed, 12),
            ("one burst", like, 5),
            (
                "many bursts",
                |id| {
                    let mut message = like(id);
                    message.shown.group = Some(format!("post {}", id % 500));
                    message
                },
                12,
            ),
        ];
        for (what, message, most) in kinds {
            let start = Instant::now();
            let mut ring = Ring::default();
            let mut rung = Vec::new();
            let words = english();
            for id in 0..10_000 {
                let now = start + Duration::from_micros(500) * u32::try_from(id).unwrap();
                rung.extend(ring.live(message(id), now, words));
                while let Some(due) = summary(&mut ring, now) {
                    rung.push(due);
                }
            }
            while let Some(due) = summary(&mut ring, start + Duration::from_secs(60)) {
                rung.push(due);
            }
            assert_eq!(ring.due(), None);
            let ids: BTreeSet<i64> = rung.iter().flat_map(|one| one.ids.clone()).collect();
            assert!(ids.into_iter().eq(0..10_000), "{what}: none is lost");
            assert!(rung.len() <= most, "{what}: {} notifications", rung.len());
            let keys: BTreeSet<&str> = rung.iter().map(|one| &*one.key).collect();
            assert!(keys.len() <= 10, "{what}: {} pop-ups", keys.len());
        }
    }

    #[tokio::test]
    async fn a_burst_of_more_than_one_notification_can_stand_for_loses_none() {
        let start = Instant::now();
        let most = i64::try_from(MOST).unwrap();
        // All that came while the first said rests; and all of them in one summary of a storm.
        for budget in [BUDGET, 0] {
            let mut ring = Ring::default();
            ring.recent.extend(vec![start; BUDGET - budget]);
            let mut rung = Vec::new();
            for id in 0..most + 50 {
                rung.extend(ring.live(like(id), start, english()));
            }
            let mut now = start;
            while let Some(due) = ring.due() {
                now = now.max(due);
                rung.extend(summary(&mut ring, now));
            }
            let ids: BTreeSet<i64> = rung.iter().flat_map(|one| one.ids.clone()).collect();
            assert!(ids.into_iter().eq(0..most + 50));
        }
    }

    #[tokio::test]
    async fn a_storm_of_one_group_is_told_even_if_no_burst_can_begin() {
        let now = Instant::now();
        let mut ring = Ring::default();
        for post in 0..i64::try_from(BURSTS).unwrap() {
            let mut message = like(post);
            message.shown.group = Some(format!("post {post}"));
            // Each has something to say, and nobody to say it to yet.
            ring.burst(&message, now).unwrap().add(message.clone());
        }
        ring.recent.extend(vec![now; BUDGET]);
        for id in 1000..1003 {
            assert_eq!(ring.live(like(id), now, english()), None);
        }
        let told = summary(&mut ring, now + STORM_PAUSE).unwrap();
        assert_eq!(told.ids, [1000, 1001, 1002]);
    }

    #[tokio::test]
    async fn a_burst_is_one_notification_that_grows() {
        let now = Instant::now();
        let words = english();
        let mut ring = Ring::default();
        let first = ring.live(like(1), now, words).unwrap();
        assert_eq!((&*first.title, &*first.body), ("Bo liked it", "b1"));
        assert_eq!(first.kind, Standing::Message);
        assert_eq!(
            ring.live(like(2), now, words),
            None,
            "no faster than it is read"
        );
        assert_eq!(summary(&mut ring, now), None);
        let later = ring.due().unwrap();
        assert_eq!(later, now + GROW_PAUSE);
        let grown = summary(&mut ring, later).unwrap();
        assert_eq!((&*grown.title, &*grown.body), ("2 likes", "Cy and Bo"));
        assert_eq!(
            (grown.key, grown.ids, grown.kind),
            (first.key, vec![1, 2], Standing::Burst)
        );
        let later = later + GROW_PAUSE;
        assert_eq!(
            ring.live(like(3), later, words).unwrap().body,
            "Di, Cy and 1 other"
        );
        let mut five = like(5);
        five.shown.burst = None;
        five.shown.link = Some("https://example.org/5".into());
        let later = later + GROW_PAUSE;
        let grown = ring.live(five, later, words).unwrap();
        assert_eq!(
            grown.title, "4 messages: Bo liked it",
            "a group without a title of its own"
        );
        assert_eq!(grown.body, "Bo, Di and 1 other", "each named once");
        assert_eq!(grown.link, None, "they do not all lead there");
        // Another group has nothing to do with it.
        let mut other = like(6);
        other.shown.group = Some("other".into());
        assert_eq!(
            ring.live(other, later, words).unwrap().kind,
            Standing::Message
        );
        // Days later it is news again.
        let later = later + BURST_OVER + GROW_PAUSE * 2;
        assert_eq!(ring.live(like(7), later, words).unwrap().ids, [7]);
    }

    #[tokio::test]
    async fn a_burst_shrinks_as_its_messages_are_read() {
        let mut now = Instant::now();
        let words = english();
        let mut ring = Ring::default();
        let mut key = String::new();
        for id in 1..=4 {
            let said = ring.live(like(id), now, words).unwrap();
            key = said.key.clone();
            assert_eq!(ring.shown(said.key, said.ids), None);
            now += GROW_PAUSE;
        }
        assert!(ring.forget(&[1, 4]).is_empty());
        let less = summary(&mut ring, now).unwrap();
        assert!(less.shrinks);
        assert_eq!((&*less.title, &*less.body), ("2 likes", "Di and Cy"));
        assert_eq!((&less.key, &*less.ids), (&key, &[2, 3][..]));
        assert_eq!(summary(&mut ring, now), None, "said once");
        assert_eq!(ring.shown(less.key, less.ids), None);
        assert_eq!(ring.forget(&[2, 3]), [key]);
        assert_eq!(ring.due(), None);
    }

    #[tokio::test]
    async fn a_burst_that_was_not_shown_is_told_once_more_and_only_once() {
        let now = Instant::now();
        let words = english();
        let mut ring = Ring::default();
        let first = ring.live(like(1), now, words).unwrap();
        ring.failed(&first.ids);
        assert!(!ring.knows(1), "it is owed");
        ring.backlog(like(1), now);
        let again = ring.live(like(2), now, words);
        assert_eq!(again, None, "it joins what is owed");
        ring.settled(now);
        assert_eq!(summary(&mut ring, now).unwrap().ids, [1, 2]);
    }

    #[tokio::test]
    async fn one_that_was_refused_joins_what_stands_of_its_burst() {
        let now = Instant::now();
        let mut ring = Ring::default();
        let refused = ring.live(like(1), now, english()).unwrap();
        ring.failed(&refused.ids);
        let stands = ring.live(like(2), now + GROW_PAUSE, english()).unwrap();
        assert_eq!(stands.ids, [2]);
        let later = now + GROW_PAUSE * 2;
        ring.backlog(like(1), later);
        ring.settled(later);
        let grown = summary(&mut ring, later).unwrap();
        assert_eq!((grown.ids, grown.key), (vec![1, 2], stands.key));
    }

    #[tokio::test]
    async fn what_waits_can_be_taken_back() {
        let now = Instant::now();
        let words = english();
        let mut ring = Ring::default();
        ring.live(like(1), now, words).unwrap();
        ring.live(like(2), now, words);
        ring.backlog(owed(3), now);
        ring.backlog(owed(4), now);
        let mut waiting: Vec<i64> = ring.waiting().map(|message| message.id).collect();
        waiting.sort_unstable();
        assert_eq!(waiting, [2, 3, 4], "1 is on its way");
        assert!(ring.forget(&[2, 3]).is_empty(), "on no screen yet");
        ring.settled(now);
        let later = now + GROW_PAUSE;
        assert_eq!(summary(&mut ring, later).unwrap().ids, [4]);
        assert_eq!(summary(&mut ring, later), None);
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
        let first = ring.live(owed(1), now, english()).unwrap();
        assert!(ring.forget(&[1]).is_empty());
        assert_eq!(ring.shown(first.key.clone(), first.ids), Some(first.key));
        // A new version of the same message is wanted again.
        let second = ring.live(owed(1), now, english()).unwrap();
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
