//! What front ends ask, answered.

use std::{collections::BTreeSet, time::Duration};

use feed::{CheckUpdate, check};
use hub::{Address, Audience, EventName, Publication, Uid};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use super::{Actor, HubNow, Internal, TRY_FEED, feed_name, inbox_trouble};
use crate::{
    Update,
    inbox::{Counts, Inbox, InboxError},
    notifier::{Reply, Request},
    presets,
    rules::{Arrived, Rules},
    secrets::{SecretError, Secrets},
    settings::{
        self, Access, FeedSettings, Secret, SettingsError, SettingsFile, feed_form, hub_form,
    },
    subscription::{Subscription, connect_config, shown_address},
    view::{
        AppView, FeedForm, FeedState, FeedView, FieldError, GeneralForm, HubForm, HubState,
        HubView, RawEvent, Refusal, SendForm, SettingsView, TestUpdate, Text,
    },
};

/// A test of a feed ends after this time or so many events.
const TEST_LIMIT: Duration = Duration::from_secs(300);
const TEST_EVENTS: u64 = 200;
/// Versions of feeds that undo can go back to.
const EARLIER: usize = 64;
/// Where the inbox remembers which secrets went out of use.
const FORGET: &str = "forget-secrets";

impl Actor {
    pub(super) async fn obey(&mut self, request: Request) {
        match request {
            Request::App(reply) => answer(reply, Ok(self.app())),
            Request::Messages(query, reply) => {
                let page = self.read(|inbox, name| inbox.page(&query, name));
                answer(reply, page);
            }
            Request::Message(id, reply) => {
                let message = self.read(|inbox, name| inbox.message(id, name));
                answer(reply, message);
            }
            Request::Link(id, reply) => {
                let link = self.read(|inbox, _| inbox.link(id));
                answer(reply, link);
            }
            Request::Settings(reply) => answer(reply, Ok(self.settings_view())),
            Request::MarkRead(ids, read, reply) => {
                let done = self.mark_read(&ids, read);
                answer(reply, done);
            }
            Request::MarkAllRead(query, reply) => {
                let ids = self.read(|inbox, _| inbox.matching_unread(&query));
                let done = ids.and_then(|ids| self.mark_read(&ids, true));
                answer(reply, done);
            }
            Request::Pin(ids, pinned, reply) => {
                let done = self.change(|inbox| inbox.pin(&ids, pinned));
                answer(reply, done);
            }
            Request::Delete(ids, reply) => {
                let now = self.now_ms();
                let done = self.change(|inbox| inbox.delete(&ids, now));
                self.withdraw(&ids);
                answer(reply, done);
            }
            Request::Restore(ids, reply) => {
                let done = self.change(|inbox| inbox.restore(&ids));
                answer(reply, done);
            }
            Request::SaveGeneral(form, reply) => {
                let done = self.save_general(&form).await;
                answer(reply, done);
            }
            Request::SaveHub(form, reply) => {
                let done = self.save_hub(&form).await;
                answer(reply, done);
            }
            Request::SaveFeed(form, reply) => self.save_feed(&form, reply),
            Request::RemoveFeed(id, reply) => {
                let done = self.remove_feed(&id).await;
                answer(reply, done);
            }
            Request::Pause(pause, reply) => {
                self.set_pause(pause);
                answer(reply, Ok(()));
            }
            Request::Reconnect(feed, reply) => {
                let done = self.reconnect(feed.as_deref());
                answer(reply, done);
            }
            Request::TestFeed(form, reply) => {
                let done = self.test_feed(&form);
                answer(reply, done);
            }
            Request::StopTest(reply) => {
                self.test = None;
                answer(reply, Ok(()));
            }
            Request::Send(form, reply) => self.send(&form, reply),
            Request::TryIt(reply) => {
                let done = self.try_it().await;
                answer(reply, done);
            }
            Request::Shown(key, ids, reply) => {
                let now = self.now_ms();
                let done = self.read_mut(|inbox| inbox.announced(&ids, now));
                self.ring.shown(key, ids);
                if self.troubles.contains_key("notifications") {
                    // Pop-ups work again: what was refused meanwhile gets its turn.
                    self.set_notification_trouble(None);
                    self.recall_owed(Instant::now());
                }
                answer(reply, done);
            }
            Request::NotShown(ids, why, reply) => {
                self.ring.failed(&ids);
                self.set_notification_trouble(Some(why));
                answer(reply, Ok(()));
            }
            Request::CanNotify(trouble, reply) => {
                let works = trouble.is_none();
                self.set_notification_trouble(trouble);
                if works {
                    let now = Instant::now();
                    self.recall_owed(now);
                    // At the start it joins the summary that is still being gathered.
                    if self.start_limit.is_none() {
                        self.ring.settled(now);
                    }
                    self.settle(now);
                }
                answer(reply, Ok(()));
            }
            Request::Open(message, page, reply) => {
                self.tell(Update::Open { message, page });
                answer(reply, Ok(()));
            }
            Request::Localizer(reply) => answer(reply, Ok(self.localizer.clone())),
            Request::Stop(reply) => answer(reply, Ok(())),
        }
    }

    // --- reading -------------------------------------------------------------------------

    fn app(&self) -> AppView {
        let counts = match self.inbox.as_ref().map(Inbox::counts) {
            Some(Ok(counts)) => counts,
            _ => Counts::default(),
        };
        let mut feeds: Vec<FeedView> = self
            .feeds
            .iter()
            .map(|feed| FeedView {
                id: feed.settings.id.clone(),
                name: feed.settings.name.clone(),
                address: shown_address(&feed.settings.url),
                state: feed.state.clone(),
                muted: feed.settings.muted,
                unread: counts.unread.get(&feed.settings.id).copied().unwrap_or(0),
                last_heard: feed.last_heard(),
            })
            .collect();
        feeds.extend(self.file.left_out.iter().map(|left_out| FeedView {
            id: left_out.id.clone(),
            name: left_out.name.clone(),
            address: String::new(),
            state: FeedState::Stopped {
                why: Text::new("feed-left-out").with("why", self.localizer.text(&left_out.why)),
                trouble: true,
            },
            muted: false,
            unread: counts.unread.get(&left_out.id).copied().unwrap_or(0),
            last_heard: None,
        }));
        AppView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            locale: self.localizer.locale().tag().to_owned(),
            unread: counts.unread_total(),
            pinned: counts.pinned,
            feeds,
            hub: self.hub_view(),
            pause: self.pause.clone(),
            troubles: self.troubles(),
            trying: self.config.trying,
        }
    }

    fn hub_view(&self) -> HubView {
        match &self.hub {
            HubNow::On(hub) => {
                let stats = *hub.stats.borrow();
                HubView {
                    state: hub.state(),
                    subscribers: u32::try_from(stats.subscribers).unwrap_or(u32::MAX),
                    events: u32::try_from(stats.events).unwrap_or(u32::MAX),
                }
            }
            HubNow::Off => HubView {
                state: HubState::Off,
                subscribers: 0,
                events: 0,
            },
            HubNow::Failed(why) => HubView {
                state: HubState::Failed { why: why.clone() },
                subscribers: 0,
                events: 0,
            },
        }
    }

    fn troubles(&self) -> Vec<Text> {
        let mut troubles: Vec<Text> = self.troubles.values().cloned().collect();
        troubles.extend(self.file.unusable.clone());
        troubles.extend(self.file.left_out.iter().map(|left_out| {
            Text::new("settings-left-out")
                .with("name", left_out.name.as_str())
                .with("why", self.localizer.text(&left_out.why))
        }));
        for feed in &self.feeds {
            if let FeedState::Stopped { why, trouble: true } = &feed.state {
                troubles.push(
                    Text::new("trouble-feed")
                        .with("name", feed.settings.name.as_str())
                        .with("why", self.localizer.text(why)),
                );
            }
        }
        if let HubNow::Failed(why) = &self.hub {
            troubles.push(why.clone());
        }
        let general = self
            .file
            .errors
            .iter()
            .filter(|error| !error.field.starts_with("feed."));
        troubles.extend(general.map(|error| {
            Text::new("settings-wrong")
                .with("field", error.field.as_str())
                .with("why", self.localizer.text(&error.text))
        }));
        troubles
    }

    fn settings_view(&self) -> SettingsView {
        let settings = &self.file.settings;
        SettingsView {
            language: settings.language.clone(),
            keep_days: settings.keep_days,
            hub: HubForm {
                on: settings.hub.on || self.hub_forced,
                ..hub_form(&settings.hub)
            },
            feeds: settings.feeds.iter().map(feed_form).collect(),
            presets: presets::all().iter().map(presets::Preset::view).collect(),
            path: self.file.path().display().to_string(),
            errors: self.file.errors.clone(),
        }
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Inbox, &dyn Fn(&str) -> String) -> Result<T, InboxError>,
    ) -> Result<T, Refusal> {
        let inbox = self.inbox.as_ref().ok_or_else(no_inbox)?;
        let name = |id: &str| feed_name(&self.feeds, id);
        work(inbox, &name).map_err(|why| refused_inbox(&why))
    }

    // --- messages ------------------------------------------------------------------------

    fn read_mut(
        &mut self,
        work: impl FnOnce(&mut Inbox) -> Result<(), InboxError>,
    ) -> Result<(), Refusal> {
        let inbox = self.inbox.as_mut().ok_or_else(no_inbox)?;
        work(inbox).map_err(|why| refused_inbox(&why))
    }

    fn change(
        &mut self,
        work: impl FnOnce(&mut Inbox) -> Result<(), InboxError>,
    ) -> Result<(), Refusal> {
        self.read_mut(work)?;
        self.tell(Update::Inbox);
        self.tell(Update::App);
        Ok(())
    }

    fn mark_read(&mut self, ids: &[i64], read: bool) -> Result<(), Refusal> {
        let now = self.now_ms();
        self.change(|inbox| inbox.mark_read(ids, read, now))?;
        if read {
            self.withdraw(ids);
        }
        Ok(())
    }

    fn withdraw(&mut self, ids: &[i64]) {
        for key in self.ring.forget(ids) {
            self.tell(Update::Withdraw(key));
        }
    }

    fn set_notification_trouble(&mut self, trouble: Option<Text>) {
        let before = self.troubles.get("notifications").cloned();
        match trouble {
            Some(text) => self.troubles.insert("notifications", text),
            None => self.troubles.remove("notifications"),
        };
        if before.as_ref() != self.troubles.get("notifications") {
            self.tell(Update::App);
        }
    }

    // --- settings ------------------------------------------------------------------------

    async fn save_general(&mut self, form: &GeneralForm) -> Result<(), Refusal> {
        refuse_wrong(settings::check_general(form))?;
        self.change_settings(|file| file.put_general(form)).await
    }

    async fn save_hub(&mut self, form: &HubForm) -> Result<(), Refusal> {
        let token = self.file.settings.hub.token.is_some();
        refuse_wrong(settings::check_hub(form, token))?;
        self.hub_forced &= form.on;
        self.change_settings(|file| file.put_hub(form)).await
    }

    /// Changes the file and follows it: also what an editor wrote a moment before is taken along.
    async fn change_settings(
        &mut self,
        change: impl FnOnce(&mut SettingsFile) -> Result<(), SettingsError>,
    ) -> Result<(), Refusal> {
        let before = self.file.settings.clone();
        let changed = change(&mut self.file);
        self.settings_changed(&before).await;
        changed.map_err(|why| refused_file(&why))
    }

    /// Checks the form, stores its secrets beside the loop, then writes the file.
    fn save_feed(&mut self, form: &FeedForm, reply: Reply<String>) {
        let (mut feed, new_secrets) = match self.feed_from(form) {
            Ok(checked) => checked,
            Err(refusal) => return answer(reply, Err(refusal)),
        };
        if feed.id.is_empty() {
            feed.id = self.new_feed_id(&feed.name);
        }
        let new_secrets: Vec<(String, String)> = name_secrets(&mut feed, new_secrets);
        let secrets = self.secrets.clone();
        let internal = self.internal.0.clone();
        let feed = Box::new(feed);
        tokio::spawn(async move {
            let result = store_all(&secrets, new_secrets).await;
            let _ = internal
                .send(Internal::Stored {
                    feed,
                    result,
                    reply,
                })
                .await;
        });
    }

    pub(super) async fn feed_stored(
        &mut self,
        feed: &FeedSettings,
        result: Result<(), SecretError>,
        reply: Reply<String>,
    ) {
        if let Err(why) = result {
            return answer(reply, Err(Refusal::of(why.text())));
        }
        let mut known = self.file.settings.feeds.iter();
        let before = known.find(|old| old.id == feed.id).cloned();
        if let Err(refusal) = self.change_settings(|file| file.put_feed(feed)).await {
            return answer(reply, Err(refusal));
        }
        if let Some(before) = before {
            self.remember_earlier(before);
        }
        answer(reply, Ok(feed.id.clone()));
    }

    async fn remove_feed(&mut self, id: &str) -> Result<(), Refusal> {
        let mut feeds = self.file.settings.feeds.iter();
        let Some(feed) = feeds.find(|feed| feed.id == id).cloned() else {
            return Err(Refusal::of(Text::new("refused-unknown-feed")));
        };
        self.change_settings(|file| file.remove_feed(id)).await?;
        if let Some(inbox) = &mut self.inbox {
            // Whoever adds it again wants to hear from it.
            inbox.resume_feed(id).map_err(|why| refused_inbox(&why))?;
        }
        self.remember_earlier(feed);
        Ok(())
    }

    /// The settings a form stands for, and the secrets that were entered in it, in order.
    fn feed_from(&self, form: &FeedForm) -> Result<(FeedSettings, Vec<String>), Refusal> {
        let mut feed = SettingsFile::check_feed(form).map_err(wrong_fields)?;
        let now = self.file.settings.feeds.iter();
        let known: Vec<&FeedSettings> = now
            .chain(self.earlier.iter().rev())
            .filter(|old| old.id == form.id && !form.id.is_empty())
            .collect();
        let mut errors = Vec::new();
        let mut keep = |secret: &mut Secret, old: Option<&Secret>, field: String| {
            if *secret == Secret::Stored(String::new()) {
                match old {
                    Some(old) => *secret = old.clone(),
                    None => errors.push(FieldError {
                        field,
                        text: Text::new("secret-needed"),
                    }),
                }
            }
        };
        match &mut feed.access {
            Access::None => {}
            Access::Bearer(token) => {
                let old = known.iter().find_map(|old| match &old.access {
                    Access::Bearer(token) => Some(token),
                    _ => None,
                });
                keep(token, old, "access.token".to_owned());
            }
            Access::Basic { password, .. } => {
                let old = known.iter().find_map(|old| match &old.access {
                    Access::Basic { password, .. } => Some(password),
                    _ => None,
                });
                keep(password, old, "access.password".to_owned());
            }
        }
        for (place, (name, value)) in feed.headers.iter_mut().enumerate() {
            let old = known.iter().find_map(|old| {
                let mut headers = old.headers.iter();
                headers
                    .find(|(other, _)| other == name)
                    .map(|(_, value)| value)
            });
            keep(value, old, format!("headers.{place}.value"));
        }
        if !errors.is_empty() {
            return Err(wrong_fields(errors));
        }
        let mut entered = Vec::new();
        for secret in secrets_of(&mut feed) {
            if let Secret::Plain(value) = secret {
                entered.push(value.clone());
            }
        }
        Ok((feed, entered))
    }

    fn remember_earlier(&mut self, feed: FeedSettings) {
        self.earlier.push_back(feed);
        if self.earlier.len() > EARLIER {
            self.earlier.pop_front();
        }
        self.plan_to_forget();
    }

    /// Writes down which secrets may be out of use. They are forgotten at the next start, so that
    /// undo finds them until then.
    fn plan_to_forget(&mut self) {
        let mut names: BTreeSet<String> = self.secrets_to_forget();
        names.extend(self.earlier.iter().flat_map(stored_names));
        let json = serde_json::to_string(&names).unwrap_or_default();
        if let Some(inbox) = &mut self.inbox
            && let Err(why) = inbox.set_state(FORGET, Some(&json))
        {
            tracing::warn!(%why, "secrets out of use could not be written down");
        }
    }

    fn secrets_to_forget(&self) -> BTreeSet<String> {
        let json = self
            .inbox
            .as_ref()
            .and_then(|inbox| inbox.state(FORGET).ok().flatten());
        json.and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default()
    }

    /// Forgets the secrets that went out of use in an earlier run.
    pub(super) fn forget_secrets(&mut self) {
        let mut names = self.secrets_to_forget();
        // Settings that cannot be read may still name them.
        if names.is_empty() || self.file.unusable.is_some() || !self.file.left_out.is_empty() {
            return;
        }
        for name in self.file.settings.feeds.iter().flat_map(stored_names) {
            names.remove(&name);
        }
        let names: Vec<String> = names.into_iter().collect();
        let secrets = self.secrets.clone();
        tokio::spawn(async move {
            if let Err(why) = secrets.forget(&names).await {
                tracing::warn!(%why, "secrets out of use could not be removed");
            }
        });
        if let Some(inbox) = &mut self.inbox
            && let Err(why) = inbox.set_state(FORGET, None)
        {
            tracing::warn!(%why, "secrets out of use are forgotten again next time");
        }
    }

    fn new_feed_id(&self, name: &str) -> String {
        let base: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        let base = base.trim_matches('-');
        let base = if base.is_empty() { "feed" } else { base };
        let taken = |id: &str| {
            id == TRY_FEED
                || self.file.settings.feeds.iter().any(|feed| feed.id == id)
                || self.file.left_out.iter().any(|feed| feed.id == id)
        };
        if !taken(base) {
            return base.to_owned();
        }
        (2u32..)
            .map(|number| format!("{base}-{number}"))
            .find(|id| !taken(id))
            .unwrap_or_else(|| base.to_owned())
    }

    // --- feeds and hub -------------------------------------------------------------------

    fn reconnect(&mut self, id: Option<&str>) -> Result<(), Refusal> {
        let places: Vec<usize> = (0..self.feeds.len())
            .filter(|place| id.is_none_or(|id| self.feeds[*place].settings.id == id))
            .filter(|place| self.feeds[*place].settings.enabled)
            .collect();
        if places.is_empty() && id.is_some() {
            return Err(Refusal::of(Text::new("refused-unknown-feed")));
        }
        for place in places {
            if self.feeds[place].reconnect_now() {
                continue;
            }
            // It had ended, by the server's wish perhaps; the person's word counts more.
            let settings = self.feeds[place].settings.clone();
            if let Some(inbox) = &mut self.inbox {
                inbox
                    .resume_feed(&settings.id)
                    .map_err(|why| refused_inbox(&why))?;
            }
            self.resubscribe(place, settings);
        }
        self.tell(Update::App);
        Ok(())
    }

    fn test_feed(&mut self, form: &FeedForm) -> Result<(), Refusal> {
        let (feed, _) = self.feed_from(form)?;
        self.generation += 1;
        let generation = self.generation;
        let preset = presets::find(&feed.preset);
        let rules = Rules::new(&feed.name, &feed.rules, preset, self.localizer.clone());
        let secrets = self.secrets.clone();
        let internal = self.internal.0.clone();
        let task = tokio::spawn(async move {
            let tell = |update| {
                let internal = internal.clone();
                async move {
                    let news = Internal::Test { generation, update };
                    let _ = internal.send(news).await;
                }
            };
            match connect_config(&feed, &secrets).await {
                Ok(config) => run_test(config, &rules, tell).await,
                Err(why) => {
                    let text = why.text();
                    tell(TestUpdate::Step {
                        passed: false,
                        text,
                    })
                    .await;
                }
            }
            let _ = internal
                .send(Internal::Test {
                    generation,
                    update: TestUpdate::Ended,
                })
                .await;
        });
        self.test = Some(AbortOnDropHandle::new(task));
        Ok(())
    }

    async fn try_it(&mut self) -> Result<(), Refusal> {
        if !matches!(self.hub, HubNow::On(_)) {
            let form = hub_form(&self.file.settings.hub);
            self.save_hub(&HubForm { on: true, ..form }).await?;
        }
        if let HubNow::Failed(why) = &self.hub {
            return Err(Refusal::of(why.clone()));
        }
        let known = self.feeds.iter().find(|feed| feed.settings.id == TRY_FEED);
        let fits = |wanted: &FeedSettings| {
            known.is_some_and(|known| {
                let known = &known.settings;
                known.enabled && known.url == wanted.url && known.access == wanted.access
            })
        };
        if let Some(feed) = self.try_feed().filter(|wanted| !fits(wanted)) {
            self.change_settings(|file| file.put_feed(&feed)).await?;
        }
        let live =
            |feed: &Subscription| feed.settings.id == TRY_FEED && feed.state == FeedState::Live;
        if self.feeds.iter().any(live) {
            self.send_like();
        } else {
            // A new feed starts at "now": what is sent before it listens would pass it by.
            self.like_when_live = true;
        }
        Ok(())
    }

    /// One like to this desk, through the hub like any other.
    pub(super) fn send_like(&self) {
        let HubNow::On(hub) = &self.hub else { return };
        let data = serde_json::json!({
            "title": self.localizer.get("try-title"),
            "body": self.localizer.get("try-body"),
        });
        let (Ok(event), Ok(uid)) = (EventName::parse("like"), Uid::parse("me")) else {
            return;
        };
        let like = Publication::to_user(uid, data.to_string()).event(event);
        let hub = hub.hub.clone();
        tokio::spawn(async move {
            if let Err(why) = hub.publish(like).await {
                tracing::error!(%why, "the like could not be sent");
            }
        });
    }

    fn send(&self, form: &SendForm, reply: Reply<String>) {
        let HubNow::On(hub) = &self.hub else {
            return answer(reply, Err(Refusal::of(Text::new("refused-hub-off"))));
        };
        let publication = match publication(form) {
            Ok(publication) => publication,
            Err(refusal) => return answer(reply, Err(refusal)),
        };
        let hub = hub.hub.clone();
        tokio::spawn(async move {
            let sent = hub.publish(publication).await;
            let sent = sent
                .map(|position| position.to_string())
                .map_err(|why| Refusal::of(Text::new("refused-hub").with("why", why.to_string())));
            answer(reply, sent);
        });
    }
}

/// The front end may have gone away meanwhile: then nobody misses the answer.
fn answer<T>(reply: Reply<T>, result: Result<T, Refusal>) {
    let _ = reply.send(result);
}

fn publication(form: &SendForm) -> Result<Publication, Refusal> {
    let field = |field: &str, why: String| Refusal {
        text: Text::new("refused-hub").with("why", why.as_str()),
        fields: vec![FieldError {
            field: field.to_owned(),
            text: Text::new("refused-hub").with("why", why),
        }],
    };
    if form.text.trim().is_empty() {
        return Err(Refusal::of(Text::new("refused-empty")));
    }
    let event = match form.event.trim() {
        "" => "notify",
        event => event,
    };
    let event = EventName::parse(event).map_err(|why| field("event", why.to_string()))?;
    let to = match form.to.trim() {
        "" => Audience::Everyone,
        uid => {
            let uid = Uid::parse(uid).map_err(|why| field("to", why.to_string()))?;
            Audience::Only(vec![Address::Uid(uid)])
        }
    };
    Ok(Publication::new(to, form.text.clone()).event(event))
}

async fn run_test<F: Future<Output = ()>>(
    config: feed::FeedConfig,
    rules: &Rules,
    tell: impl Fn(TestUpdate) -> F,
) {
    let (_check, mut updates): (_, mpsc::Receiver<CheckUpdate>) = check(config);
    let mut nth = 0;
    let until = Instant::now() + TEST_LIMIT;
    while nth < TEST_EVENTS
        && let Ok(Some(update)) = timeout_at(until, updates.recv()).await
    {
        let update = match update {
            CheckUpdate::Step(step) => TestUpdate::Step {
                passed: matches!(step.outcome, feed::Outcome::Passed(_)),
                text: (&step).into(),
            },
            CheckUpdate::Closed(why) => TestUpdate::Step {
                passed: false,
                text: why.words().into(),
            },
            CheckUpdate::Event(event) => {
                let judged = rules.judge(Arrived {
                    name: &event.name,
                    data: &event.data,
                    own_id: event.own_id.as_deref(),
                    nth,
                });
                nth += 1;
                TestUpdate::Event {
                    raw: RawEvent {
                        name: event.name,
                        id: event.own_id,
                        data: event.data,
                    },
                    verdict: judged.verdict,
                    title: judged.title,
                    body: judged.body,
                }
            }
        };
        tell(update).await;
    }
}

/// Gives entered secrets their place in the store: the settings keep only a name.
fn name_secrets(feed: &mut FeedSettings, entered: Vec<String>) -> Vec<(String, String)> {
    let id = feed.id.clone();
    let plain = secrets_of(feed)
        .into_iter()
        .enumerate()
        .filter(|(_, secret)| matches!(secret, Secret::Plain(_)));
    plain
        .zip(entered)
        .map(|((place, secret), value)| {
            let name = format!("{id}/{place}-{:08x}", fastrand::u32(..));
            *secret = Secret::Stored(name.clone());
            (name, value)
        })
        .collect()
}

async fn store_all(secrets: &Secrets, named: Vec<(String, String)>) -> Result<(), SecretError> {
    for (name, value) in named {
        secrets.store(&name, &value).await?;
    }
    Ok(())
}

fn secrets_of(feed: &mut FeedSettings) -> Vec<&mut Secret> {
    let access = match &mut feed.access {
        Access::None => None,
        Access::Bearer(secret)
        | Access::Basic {
            password: secret, ..
        } => Some(secret),
    };
    let headers = feed.headers.iter_mut().map(|(_, secret)| secret);
    access.into_iter().chain(headers).collect()
}

fn stored_names(feed: &FeedSettings) -> Vec<String> {
    let mut feed = feed.clone();
    secrets_of(&mut feed)
        .into_iter()
        .filter_map(|secret| match secret {
            Secret::Stored(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

fn refuse_wrong(errors: Vec<FieldError>) -> Result<(), Refusal> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(wrong_fields(errors))
    }
}

fn wrong_fields(fields: Vec<FieldError>) -> Refusal {
    Refusal {
        text: Text::new("refused-form"),
        fields,
    }
}

fn refused_file(why: &SettingsError) -> Refusal {
    Refusal::of(why.text())
}

fn refused_inbox(why: &InboxError) -> Refusal {
    tracing::error!(%why, "the inbox refused");
    Refusal::of(inbox_trouble(why))
}

fn no_inbox() -> Refusal {
    Refusal::of(Text::new("refused-no-inbox"))
}
