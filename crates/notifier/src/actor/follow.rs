//! What runs follows the settings: feeds, the hub, the language. Only what changed is touched.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use feed::{FeedConfig, State, Trouble};
use tokio::time::Instant;

use super::{Actor, Internal, TRY_FEED, inbox_trouble};
use crate::{
    Update,
    inbox::FeedMemory,
    secrets::SecretError,
    settings::{FeedSettings, Settings},
    subscription::{ASK_AGAIN, Subscription, address_key, connect_config, expiry},
    text::{Locale, Localizer},
    view::{FeedState, Text},
};

impl Actor {
    /// Follows the settings: starts, stops and restarts only what changed.
    pub(super) fn follow_feeds(&mut self, settings: &Settings) {
        self.take_all_news();
        let other_proxy = self.proxy != settings.general.proxy;
        self.proxy.clone_from(&settings.general.proxy);
        let mut wanted = settings.feeds.clone();
        if self.config.trying
            && let Some(feed) = self.try_feed()
        {
            // A feed of an earlier try may point to where the hub was then.
            wanted.retain(|other| other.id != TRY_FEED);
            wanted.push(feed);
        }
        let keep: HashSet<&str> = wanted.iter().map(|feed| feed.id.as_str()).collect();
        let mut old: BTreeMap<String, Subscription> = std::mem::take(&mut self.feeds)
            .into_iter()
            .map(|feed| (feed.settings.id.clone(), feed))
            .collect();
        for id in old.keys() {
            if !keep.contains(id.as_str()) {
                self.settling.done(id);
            }
        }
        for feed in wanted {
            match old.remove(&feed.id) {
                Some(mut running)
                    if running.connects_like(&feed)
                        && !(other_proxy && feed.uses_general_proxy()) =>
                {
                    running.adopt(feed, &self.localizer);
                    self.feeds.push(running);
                }
                replaced => {
                    // Its connection ends before the new one begins: never two of one feed.
                    drop(replaced);
                    self.subscribe(feed);
                }
            }
        }
    }

    pub(super) fn subscribe(&mut self, settings: FeedSettings) {
        if let Some(subscription) = self.prepare(settings) {
            self.feeds.push(subscription);
            self.connect_if_wanted(self.feeds.len() - 1);
        }
    }

    /// A feed with what the inbox remembers of it. Nothing without an inbox; stopped, to be tried
    /// again, if the inbox cannot be used now.
    pub(super) fn prepare(&mut self, settings: FeedSettings) -> Option<Subscription> {
        let memory = self
            .inbox
            .as_mut()?
            .remember(&settings.id, &address_key(&settings));
        self.generation += 1;
        let localizer = Arc::clone(&self.localizer);
        Some(match memory {
            Ok(memory) => Subscription::new(settings, self.generation, &memory, localizer),
            Err(why) => {
                self.cannot_write(&why, Instant::now());
                let unknown = FeedMemory::default();
                let mut stopped = Subscription::new(settings, self.generation, &unknown, localizer);
                stopped.fail(inbox_trouble(&why));
                stopped.unprepared = true;
                stopped
            }
        })
    }

    /// Feeds that could not be prepared, once the inbox can be used again.
    pub(super) fn prepare_again(&mut self) {
        for place in 0..self.feeds.len() {
            if self.feeds[place].unprepared {
                let settings = self.feeds[place].settings.clone();
                self.resubscribe(place, settings);
            }
        }
    }

    /// Starts a feed anew at its place.
    pub(super) fn resubscribe(&mut self, place: usize, settings: FeedSettings) {
        if let Some(subscription) = self.prepare(settings) {
            self.feeds[place] = subscription;
            self.connect_if_wanted(place);
        }
    }

    pub(super) fn connect_if_wanted(&mut self, place: usize) {
        if self.feeds[place].state == FeedState::Connecting {
            self.connect(place);
        }
    }

    /// Resolves the feed's secrets beside the loop, then starts it.
    pub(super) fn connect(&mut self, place: usize) {
        let subscription = &mut self.feeds[place];
        subscription.state = FeedState::Connecting;
        let settings = subscription.settings.clone();
        let generation = subscription.generation;
        if self.waits_for_hub(&settings.url) {
            self.hub_feeds.push((settings.id, generation));
            return;
        }
        let settings = self.with_own_access(settings);
        let settings = settings.through(&self.file.settings.general);
        let secrets = self.secrets.clone();
        let folder = self.folder();
        let internal = self.internal.0.clone();
        tokio::spawn(async move {
            let config = connect_config(&settings, &secrets, &folder)
                .await
                .map(Box::new);
            let feed = settings.id;
            let _ = internal
                .send(Internal::Configured {
                    feed,
                    generation,
                    config,
                })
                .await;
        });
    }

    pub(super) fn configured(
        &mut self,
        feed: &str,
        generation: u64,
        config: Result<Box<FeedConfig>, SecretError>,
    ) {
        let news = self.news.0.clone();
        let start_limit = self.start_limit;
        let now_ms = self.now_ms();
        let Some(subscription) = self
            .feeds
            .iter_mut()
            .find(|one| one.settings.id == feed && one.generation == generation)
        else {
            return;
        };
        let expires = config.as_ref().ok().and_then(|config| expiry(config));
        subscription.renew_at = expires;
        match config {
            Ok(_) if expires.is_some_and(|at| at <= now_ms) => {
                // A command may know a new one by then.
                subscription.renew_at = Some(now_ms.saturating_add(ASK_AGAIN));
                subscription.fail(expired(expires.unwrap_or_default()));
                self.settling.done(feed);
            }
            Ok(config) => {
                subscription.start(*config, news);
                if let Some(limit) = start_limit
                    && subscription.may_bring_backlog()
                {
                    self.settling.until(feed, limit);
                }
            }
            Err(why) => {
                let why = self.localizer.text(&why.text());
                subscription.fail(Text::new("feed-left-out").with("why", why));
                // A keyring may be unlocked by then, and a command may work.
                subscription.renew_at = Some(now_ms.saturating_add(ASK_AGAIN));
                self.settling.done(feed);
            }
        }
        self.settle(Instant::now());
        self.tell(Update::App);
    }

    /// False if the inbox could not take it: the news is handled again.
    pub(super) fn change_state(&mut self, place: usize, state: &State, now: Instant) -> bool {
        let id = self.feeds[place].settings.id.clone();
        let now_ms = self.now_ms();
        match state {
            State::Live { lost, .. } => {
                let connection = match self.inbox.as_mut().map(|inbox| inbox.connected(&id)) {
                    Some(Ok(connection)) => connection,
                    Some(Err(why)) => {
                        self.cannot_write(&why, now);
                        return false;
                    }
                    None => return true,
                };
                tracing::info!(feed = id, connection, "live");
                self.feeds[place].connected(connection, now);
                if let Some(gap) = self.feeds[place].lost(now_ms).filter(|_| *lost) {
                    self.push(gap);
                }
                match self.feeds[place].replay_until() {
                    Some(until) => self.settling.until(&id, until),
                    None => self.settling.done(&id),
                }
                if id == TRY_FEED && std::mem::take(&mut self.like_when_live) {
                    self.send_like();
                }
            }
            State::Connecting => self.feeds[place].changed(state, now_ms),
            State::Waiting { why, .. } => {
                tracing::info!(feed = id, %why, "waiting");
                if *why == Trouble::Ended && self.feeds[place].answered() {
                    let connection = self.feeds[place].connection();
                    let polled = self
                        .inbox
                        .as_mut()
                        .map(|inbox| inbox.polled(&id, connection));
                    if let Some(Err(why)) = polled {
                        self.cannot_write(&why, now);
                        return false;
                    }
                }
                self.feeds[place].changed(state, now_ms);
                self.settling.done(&id);
            }
            State::Stopped { why, .. } => {
                tracing::warn!(feed = id, %why, "stopped");
                self.like_when_live &= id != TRY_FEED;
                self.feeds[place].changed(state, now_ms);
                self.settling.done(&id);
            }
        }
        self.tell(Update::App);
        true
    }

    /// Access that has expired is asked for anew: a command may have a new token.
    pub(super) fn renew(&mut self) {
        let now_ms = self.now_ms();
        let due = |feed: &Subscription| feed.renew_at.is_some_and(|at| at <= now_ms);
        if !self.feeds.iter().any(due) {
            return;
        }
        self.take_all_news();
        for place in 0..self.feeds.len() {
            if due(&self.feeds[place]) {
                let settings = self.feeds[place].settings.clone();
                tracing::info!(feed = settings.id, "the access has expired");
                self.feeds[place].renew_at = None;
                self.resubscribe(place, settings);
            }
        }
        self.tell(Update::App);
    }

    /// Follows a change of the settings, from a form or from an editor alike.
    pub(super) async fn settings_changed(&mut self, before: &Settings) {
        let after = self.file.settings.clone();
        if after.general.language != before.general.language {
            self.localizer = Arc::new(Localizer::new(Locale::from_setting(
                &after.general.language,
            )));
        }
        // First of all: what feeds hand over as they are followed is judged by it.
        self.quiet.follow(&after.general.quiet);
        self.follow_hub();
        self.follow_feeds(&after);
        self.follow_quiet();
        // Feeds may have been muted.
        self.silence_waiting();
        self.tell(Update::Settings);
        self.tell(Update::App);
    }
}

/// The sentence for a token that expired then, in milliseconds since the Unix epoch.
pub(super) fn expired(at: i64) -> Text {
    let when = jiff::Timestamp::from_millisecond(at).map_or_else(
        |_| at.to_string(),
        |at| {
            let local = at.to_zoned(jiff::tz::TimeZone::system());
            local.strftime("%Y-%m-%d %H:%M").to_string()
        },
    );
    Text::new("token-expired").with("when", when)
}
