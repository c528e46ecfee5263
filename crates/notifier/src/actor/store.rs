//! From news of feeds to the inbox, and from there to the ring.

use feed::FeedUpdate;
use notify::{RecursiveMode, Watcher as _};
use tokio::time::Instant;

use super::{Actor, BATCH, BATCH_BYTES, NEWS, Unwritten, WRITE_AGAIN, inbox_trouble};
use crate::{
    Update,
    inbox::{Brings, Entry, Inbox, InboxError, Kind, Outcome, Owed},
    presets,
    subscription::{Hush, Subscription},
    view::Text,
};

impl Actor {
    /// Reads people's own presets. Those that cannot be used are named among the troubles.
    pub(super) fn load_presets(&mut self) {
        let folder = presets::folder(&self.config.settings);
        if let Some(watcher) = &mut self.watcher
            && folder.is_dir()
        {
            // Without it a change of the settings reads them too.
            let _ = watcher.watch(&folder, RecursiveMode::NonRecursive);
        }
        let wrong: Vec<String> = presets::load(&folder, &self.localizer)
            .into_iter()
            .map(|(path, why)| format!("{}: {why}", path.display()))
            .collect();
        if wrong.is_empty() {
            self.troubles.remove("presets");
        } else {
            let text = Text::new("trouble-presets").with("files", wrong.join("; "));
            self.troubles.insert("presets", text);
        }
    }

    pub(super) fn open_inbox(&mut self) {
        let path = self.config.data.join("inbox.db");
        match Inbox::open(&path, self.now_ms()) {
            Ok(opened) => {
                if let Some(aside) = opened.set_aside {
                    let text = Text::new("trouble-inbox-damaged")
                        .with("path", aside.display().to_string());
                    tracing::warn!(aside = %aside.display(), "the inbox was damaged and set aside");
                    self.troubles.insert("inbox", text);
                }
                self.inbox = Some(opened.inbox);
                if opened.wants_check {
                    self.check_inbox();
                }
            }
            Err(why) => {
                tracing::error!(%why, "the inbox cannot be used");
                self.troubles.insert("inbox", inbox_trouble(&why));
            }
        }
    }

    /// Stores what feeds have handed over, before they end: a server without history could not
    /// send it again. No more than what waits now and two turns for each feed: some never
    /// pause.
    pub(super) fn take_all_news(&mut self) {
        let mut left = 2 * (NEWS + self.feeds.len());
        while left > 0 && self.unhandled.is_empty() && self.unwritten.is_empty() {
            let Ok(news) = self.news.1.try_recv() else {
                return;
            };
            self.unhandled.push_back(news);
            while self.unhandled.len() < BATCH
                && let Ok(more) = self.news.1.try_recv()
            {
                self.unhandled.push_back(more);
            }
            left = left.saturating_sub(self.unhandled.len());
            self.handle_news();
        }
    }

    /// Takes news one by one; what is stored together is what came together.
    pub(super) fn handle_news(&mut self) {
        while let Some(news) = self.unhandled.pop_front() {
            let Some(place) = self.feeds.iter().position(|feed| {
                feed.settings.id == news.feed && feed.generation == news.generation
            }) else {
                continue;
            };
            let now = Instant::now();
            let received = self.now_ms();
            match &news.update {
                FeedUpdate::Event(event) => {
                    let at = self.moment();
                    let hush = Hush {
                        quiet: &self.quiet,
                        at: &at,
                    };
                    let entries =
                        self.feeds[place].entries(event, received, (news.pause, now), hush);
                    for entry in entries {
                        self.push(entry);
                    }
                }
                FeedUpdate::LastEventId(cursor) => {
                    if let Some(entry) = self.feeds[place].cursor_entry(cursor, received) {
                        self.push(entry);
                    }
                }
                FeedUpdate::Skipped {
                    what,
                    limit,
                    last_event_id,
                } => {
                    let why = what.words(*limit).into();
                    let feed = &mut self.feeds[place];
                    let entry = feed.skipped_entry(why, last_event_id, received, (news.pause, now));
                    self.push(entry);
                }
                FeedUpdate::State(state) => {
                    // In order: what came before belongs to the connection before.
                    if !self.write(now) || !self.change_state(place, state, now) {
                        self.unhandled.push_front(news);
                        return;
                    }
                }
            }
            let bytes: usize = self.unwritten.iter().map(|one| one.entry.size()).sum();
            if (self.unwritten.len() >= BATCH || bytes >= BATCH_BYTES) && !self.write(now) {
                return;
            }
        }
        let now = Instant::now();
        self.write(now);
        self.settle(now);
    }

    /// An entry waits for the next transaction.
    pub(super) fn push(&mut self, entry: Entry) {
        // The newest count of what was left out stands for those before it.
        let counted = |entry: &Entry| match &entry.brings {
            Brings::Message(draft) if draft.kind == Kind::LeftOut => draft.thread,
            _ => None,
        };
        if let Some(thread) = counted(&entry) {
            let mut waiting = self.unwritten.iter_mut().rev();
            let same = waiting
                .find(|one| one.entry.feed == entry.feed && counted(&one.entry) == Some(thread));
            if let Some(same) = same {
                same.entry.brings = Brings::Nothing;
            }
        }
        self.unwritten.push(Unwritten::new(entry));
    }

    /// Stores what waits, in one transaction. False if it could not: it is tried again.
    pub(super) fn write(&mut self, now: Instant) -> bool {
        if self.unwritten.is_empty() {
            return true;
        }
        let entries = self.unwritten.iter().map(|one| &one.entry);
        let Some(inbox) = &mut self.inbox else {
            return false;
        };
        match inbox.commit(entries) {
            Ok(outcomes) => {
                let written = std::mem::take(&mut self.unwritten);
                self.written(written, &outcomes, now);
                true
            }
            Err(why) => {
                self.cannot_write(&why, now);
                false
            }
        }
    }

    pub(super) fn written(&mut self, written: Vec<Unwritten>, outcomes: &[Outcome], now: Instant) {
        let mut news = false;
        for (unwritten, outcome) in written.into_iter().zip(outcomes) {
            let feed = unwritten.entry.feed.clone();
            let subscription = self.feeds.iter_mut().find(|one| one.settings.id == feed);
            let missed = unwritten.entry.missed;
            if let Some(subscription) = subscription {
                if let Some(cursor) = &unwritten.entry.cursor {
                    subscription.committed(cursor);
                }
                if *outcome == Outcome::Duplicate {
                    subscription.absorbed(now);
                }
            }
            match outcome {
                Outcome::Dropped | Outcome::Duplicate => {}
                Outcome::New(id) | Outcome::Replaced(id) => {
                    news = true;
                    if matches!(outcome, Outcome::Replaced(_)) {
                        self.spare(*id);
                    }
                    if let Some(mut owed) = unwritten.owed {
                        owed.id = *id;
                        let backlog = missed || self.settling.expects(&feed, now);
                        self.ring_for(owed, backlog, now);
                    }
                }
                Outcome::Over(id) => {
                    news = true;
                    for key in self.ring.forget(&[*id]) {
                        self.tell(Update::Withdraw(key));
                    }
                }
            }
            self.expect_quiet(&feed, now);
        }
        if news {
            self.tell(Update::Inbox);
            self.tell(Update::App);
        }
    }

    pub(super) fn ring_for(&mut self, owed: Owed, backlog: bool, now: Instant) {
        // It may have become quiet since it was judged.
        if self.silence(&owed) {
            return;
        }
        if backlog {
            self.ring.backlog(owed, now);
        } else if let Some(announcement) = self.ring.live(owed, now, &self.localizer) {
            self.announce(announcement);
        }
    }

    /// While a server re-sends, each event moves the moment at which the backlog counts as over.
    pub(super) fn expect_quiet(&mut self, feed: &str, now: Instant) {
        let until = self
            .feeds
            .iter()
            .find(|one| one.settings.id == feed)
            .and_then(Subscription::replay_until);
        match until {
            Some(until) if until > now => self.settling.until(feed, until),
            _ => {}
        }
    }

    pub(super) fn cannot_write(&mut self, why: &InboxError, now: Instant) {
        tracing::error!(%why, "the inbox could not be written; trying again");
        self.write_again = Some(now + WRITE_AGAIN);
        self.troubles.insert("inbox-write", inbox_trouble(why));
        self.tell(Update::App);
    }

    /// Messages of an earlier run whose pop-up was never confirmed, and those that failed.
    pub(super) fn recall_owed(&mut self, now: Instant) {
        let owed = match self.inbox.as_ref().map(Inbox::owed) {
            Some(Ok(owed)) => owed,
            Some(Err(why)) => {
                tracing::warn!(%why, "owed notifications could not be read");
                return;
            }
            None => return,
        };
        let mut silenced = Vec::new();
        for message in owed {
            if self.ring.knows(message.id) {
                continue;
            }
            match self.silenced_now(&message) {
                Some(why) => silenced.push((message.id, why)),
                None => self.ring.backlog(message, now),
            }
        }
        // At once: there may be thousands.
        if !silenced.is_empty() {
            self.write_silenced(&silenced);
        }
    }
}
