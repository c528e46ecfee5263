//! When it is quiet, followed: pauses, mutes, quiet hours and the system, as time goes by.
//!
//! What is silenced never rings later. That holds for what comes while it is quiet, for what was
//! still waiting to ring when it began, and for what an earlier run still owed.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::Actor;
use crate::{
    Update,
    inbox::Owed,
    quiet::{Mutes, muted_text},
    settings::FeedSettings,
    view::{PauseView, QuietView, Refusal, Text, Urgency},
};

/// Where the inbox remembers them.
const PAUSE: &str = "pause";
const MUTES: &str = "mutes";
/// The clock is looked at again by then, in milliseconds: it may be set, the machine may sleep.
const LOOK: u64 = 10 * 60 * 1000;

impl Actor {
    /// Whether it is quiet now, and why.
    pub(super) fn quiet_view(&self) -> QuietView {
        self.quiet.view(&self.moment())
    }

    /// Whether a feed is muted now, and until when if that ends by itself.
    pub(super) fn mute_view(&self, feed: &FeedSettings) -> (bool, Option<i64>) {
        match self.quiet.muted(&feed.id, self.now_ms()) {
            _ if feed.muted => (true, None),
            Some(until) => (true, until),
            None => (false, None),
        }
    }

    /// The moment with the machine's time zone.
    pub(super) fn moment(&self) -> Zoned {
        Timestamp::from_millisecond(self.now_ms())
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(TimeZone::system())
    }

    /// What an earlier run remembered.
    pub(super) fn recall_quiet(&mut self) {
        self.quiet.pause = self.remembered(PAUSE);
        self.quiet.mutes = self.remembered(MUTES).unwrap_or_default();
        self.quiet.follow(&self.file.settings.general.quiet);
        self.quiet_told = Some(self.quiet_view());
    }

    pub(super) fn set_pause(&mut self, pause: Option<PauseView>) {
        self.quiet.pause = pause;
        self.remember_pause();
        self.follow_quiet();
        self.tell(Update::App);
    }

    /// Pauses until then, unless it is paused for longer already.
    pub(super) fn snooze(&mut self, until: i64) {
        let longer = |pause: &PauseView| pause.until.is_none_or(|other| other >= until);
        if !self.quiet.pause.as_ref().is_some_and(longer) {
            self.set_pause(Some(PauseView { until: Some(until) }));
        }
    }

    /// Mutes a feed until a moment, or in the settings.
    pub(super) async fn mute(&mut self, feed: &str, until: Option<i64>) -> Result<(), Refusal> {
        self.set_muted(feed, Some(until)).await
    }

    pub(super) async fn unmute(&mut self, feed: &str) -> Result<(), Refusal> {
        self.set_muted(feed, None).await
    }

    pub(super) fn set_system_quiet(&mut self, on: bool) {
        self.quiet.system = on;
        self.follow_quiet();
    }

    /// When the clock has to be looked at, in milliseconds from now.
    pub(super) fn quiet_changes_in(&self) -> Option<u64> {
        let change = self.quiet.next_change(&self.moment())?;
        let left = u64::try_from(change.saturating_sub(self.now_ms())).unwrap_or(0);
        Some(left.min(LOOK))
    }

    /// Follows the clock, the settings and the system: lets go of what is over, takes back what
    /// still waits to ring if it became quiet, and tells if anything is other than before.
    pub(super) fn follow_quiet(&mut self) {
        let over = self.quiet.pass(self.now_ms());
        if over.pause {
            self.remember_pause();
        }
        if over.mutes {
            self.remember_mutes();
        }
        let view = self.quiet_view();
        let changed = self.quiet_told.as_ref() != Some(&view);
        if changed {
            self.quiet_told = Some(view);
            self.silence_waiting();
        }
        if changed || over.pause || over.mutes {
            self.tell(Update::App);
        }
    }

    /// Whether a message may not ring now. It is written down as silenced then.
    pub(super) fn silence(&mut self, owed: &Owed) -> bool {
        let Some(why) = self.silenced_now(owed) else {
            return false;
        };
        self.write_silenced(&[(owed.id, why)]);
        true
    }

    pub(super) fn silenced_now(&self, owed: &Owed) -> Option<Text> {
        let settings = self
            .feeds
            .iter()
            .map(|feed| &feed.settings)
            .find(|settings| settings.id == owed.feed);
        let name = settings.map_or(owed.feed.as_str(), |settings| settings.name.as_str());
        if settings.is_some_and(|settings| settings.muted) {
            return Some(muted_text(name, None));
        }
        let at = self.moment();
        self.quiet
            .silences((&owed.feed, name), owed.shown.urgency, &at)
    }

    /// Takes back what waits to ring and may not: in the ring, and on its way to the front end.
    pub(super) fn silence_waiting(&mut self) {
        let silenced: Vec<(i64, Text)> = self
            .ring
            .waiting()
            .filter_map(|owed| Some((owed.id, self.silenced_now(owed)?)))
            .collect();
        let ids: Vec<i64> = silenced.iter().map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            self.withdraw(&ids);
            self.write_silenced(&silenced);
        }
        let at = self.moment();
        let silences = |urgency: Urgency| self.quiet.silences_all(urgency, &at);
        let mut taken = Vec::new();
        self.outbox.retain(|update| match update {
            // One that shrinks makes no sound and raises nothing.
            Update::Notify(announcement) if !announcement.shrinks => {
                match silences(announcement.urgency) {
                    Some(why) => {
                        taken.push((announcement.ids.clone(), why));
                        false
                    }
                    None => true,
                }
            }
            _ => true,
        });
        self.dressing.retain(
            |_, (announcement, _)| match silences(announcement.urgency) {
                Some(why) => {
                    taken.push((announcement.ids.clone(), why));
                    false
                }
                None => true,
            },
        );
        for (ids, why) in taken {
            self.ring.failed(&ids);
            let silenced: Vec<(i64, Text)> = ids.into_iter().map(|id| (id, why.clone())).collect();
            self.write_silenced(&silenced);
        }
    }

    pub(super) fn write_silenced(&mut self, silenced: &[(i64, Text)]) {
        if let Some(inbox) = &mut self.inbox
            && let Err(why) = inbox.silence(silenced)
        {
            tracing::warn!(%why, "what it is too quiet for could not be written down");
        }
        self.tell(Update::Inbox);
    }

    async fn set_muted(&mut self, id: &str, muted: Option<Option<i64>>) -> Result<(), Refusal> {
        let mut known = self.file.settings.feeds.iter();
        let written = known.find(|feed| feed.id == id).cloned();
        if written.is_none() && !self.feeds.iter().any(|feed| feed.settings.id == id) {
            return Err(Refusal::of(Text::new("refused-unknown-feed")));
        }
        let for_good = muted == Some(None);
        let in_settings = for_good && written.is_some();
        if let Some(mut feed) = written
            && feed.muted != in_settings
        {
            feed.muted = in_settings;
            self.change_settings(|file| file.put_feed(&feed)).await?;
        }
        match muted.filter(|_| !in_settings) {
            Some(until) => self.quiet.mutes.insert(id.to_owned(), until),
            None => self.quiet.mutes.remove(id),
        };
        self.remember_mutes();
        self.silence_waiting();
        self.tell(Update::App);
        Ok(())
    }

    fn remember_pause(&mut self) {
        self.remember(PAUSE, self.quiet.pause.clone());
    }

    fn remember_mutes(&mut self) {
        // Of feeds that are gone they would stay for ever.
        let known = |id: &str| {
            self.file.unusable.is_some()
                || self.feeds.iter().any(|feed| feed.settings.id == id)
                || self.file.left_out.iter().any(|feed| feed.id == id)
        };
        let mut mutes = std::mem::take(&mut self.quiet.mutes);
        mutes.retain(|id, until| until.is_some() || known(id));
        self.quiet.mutes = mutes;
        let mutes: Option<Mutes> = Some(self.quiet.mutes.clone()).filter(|all| !all.is_empty());
        self.remember(MUTES, mutes);
    }

    fn remember<T: serde::Serialize>(&mut self, name: &str, value: Option<T>) {
        let json = value.and_then(|value| serde_json::to_string(&value).ok());
        if let Some(inbox) = &mut self.inbox
            && let Err(why) = inbox.set_state(name, json.as_deref())
        {
            tracing::warn!(%why, name, "could not be remembered");
        }
    }

    fn remembered<T: serde::de::DeserializeOwned>(&self, name: &str) -> Option<T> {
        let json = self.inbox.as_ref()?.state(name).ok().flatten()?;
        serde_json::from_str(&json).ok()
    }
}

#[cfg(test)]
mod tests;
