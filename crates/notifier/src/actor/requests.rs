//! What front ends ask, answered. Forms have a file of their own.

use std::time::Duration;

use feed::{CheckUpdate, Resume, check};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_util::task::AbortOnDropHandle;

use super::{Actor, Internal, feed_name, follow::expired, inbox_trouble, mapper::preview_of};
use crate::{
    Update,
    embedded::HubNow,
    inbox::{Counts, Inbox, InboxError},
    notifier::{Reply, Request},
    presets,
    rules::{Arrived, Rules},
    settings::{feed_form, hub_form},
    subscription::{Place, connect_config, expiry, resume_of, shown_address},
    view::{
        AppView, FeedForm, FeedState, FeedView, FieldError, HubForm, RawEvent, Refusal,
        SettingsView, TestOutcome, TestStep, TestUpdate, Text,
    },
};

/// A test of a feed goes on for as long as its editor is open, and ends by itself after this time.
const TEST_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Within this time a test tells of so many events: enough to read, whatever a feed brings.
const TEST_PACE: Duration = Duration::from_secs(5);
const TEST_EVENTS: u32 = 50;

impl Actor {
    pub(super) async fn obey(&mut self, request: Request) {
        match request {
            Request::App(reply) => answer(reply, Ok(self.app())),
            Request::Messages(query, reply) => {
                let page = self.page(&query);
                answer(reply, page);
            }
            Request::Message(id, reply) => {
                let message = self.read(|inbox, name| inbox.message(id, name));
                let message = message.and_then(|message| {
                    message
                        .map(|message| self.with_actions(message))
                        .transpose()
                });
                answer(reply, message);
            }
            Request::Link(id, reply) => {
                let link = self.read(|inbox, _| inbox.link(id));
                answer(reply, link);
            }
            Request::Settings(reply) => answer(reply, Ok(self.settings_view())),
            Request::MarkRead(which, read, reply) => {
                let done = self.mark_read(&which, read);
                answer(reply, done);
            }
            Request::Pin(which, pinned, reply) => {
                let done = self.pin(&which, pinned);
                answer(reply, done);
            }
            Request::Done(which, done, reply) => answer(reply, self.set_done(&which, done)),
            Request::Delete(which, reply) => {
                let done = self.delete(&which);
                answer(reply, done);
            }
            Request::Restore(which, reply) => {
                let done = self.restore(&which);
                answer(reply, done);
            }
            Request::Bulk(query, what, reply) => self.bulk(&query, what, reply),
            Request::UndoBulk(done, reply) => self.undo_bulk(&done, reply),
            Request::Facets(feeds, reply) => answer(reply, self.facets(&feeds)),
            Request::ExportMessages(query, format, folder, reply) => {
                self.export_messages(query, format, folder, reply);
            }
            Request::Act(id, place, reply) => self.act(id, place, reply),
            Request::Icon(id, reply) => self.icon(id, reply),
            Request::Mute(feed, until, reply) => {
                let done = self.mute(&feed, until).await;
                answer(reply, done);
            }
            Request::Unmute(feed, reply) => {
                let done = self.unmute(&feed).await;
                answer(reply, done);
            }
            Request::SystemQuiet(on, reply) => {
                self.set_system_quiet(on);
                answer(reply, Ok(()));
            }
            Request::Preview(form, raw, reply) => answer(reply, self.preview(&form, &raw)),
            Request::RecentEvents(feed, reply) => answer(reply, self.recent_events(&feed)),
            Request::TestMessage(feed, reply) => answer(reply, self.test_message(&feed)),
            Request::ExportFeeds(folder, reply) => answer(reply, self.export_feeds(&folder)),
            Request::ImportFeeds(text, reply) => {
                let done = self.import_feeds(&text).await;
                answer(reply, done);
            }
            Request::Diagnostics(reply) => answer(reply, Ok(self.diagnostics())),
            Request::Erase(what, reply) => Box::pin(self.erase(what, reply)).await,
            Request::SaveGeneral(form, reply) => {
                let done = self.save_general(&form).await;
                answer(reply, done);
            }
            Request::SaveHub(form, reply) => {
                let done = self.save_hub(&form).await;
                answer(reply, done);
            }
            Request::SwitchHub(mode, reply) => {
                let done = self.switch_hub(mode).await;
                answer(reply, done);
            }
            Request::HubLists(reply) => self.hub_lists(reply),
            Request::CreateToken(form, reply) => self.create_token(&form, reply),
            Request::RevokeToken(id, reply) => self.revoke_token(id, reply),
            Request::Disconnect(id, ban, reply) => self.disconnect(id, ban, reply),
            Request::Unban(uid, reply) => self.unban(&uid, reply),
            Request::SaveFeed(form, reply) => self.save_feed(&form, reply),
            Request::RemoveFeed(id, reply) => {
                let done = self.remove_feed(&id).await;
                answer(reply, done);
            }
            Request::Pause(pause, reply) => {
                self.set_pause(pause);
                answer(reply, Ok(()));
            }
            Request::Snooze(until, reply) => {
                self.snooze(until);
                answer(reply, Ok(()));
            }
            Request::Reconnect(feed, reply) => {
                let done = self.reconnect(feed.as_deref());
                answer(reply, done);
            }
            Request::Woken(reach, reply) => {
                self.feeds.iter_mut().for_each(|feed| feed.woken(reach));
                self.renew();
                self.follow_quiet();
                if matches!(self.hub.now(), HubNow::Failed(_)) {
                    self.hub.again();
                }
                // The machine's addresses may be others now.
                self.tell(Update::App);
                answer(reply, Ok(()));
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
            Request::TryIt(reply) => self.try_it(reply).await,
            Request::Shown(key, ids, reply) => {
                let now = self.now_ms();
                let done = self.read_mut(|inbox| inbox.announced(&ids, now));
                if let Some(key) = self.ring.shown(key, ids) {
                    self.tell(Update::Withdraw(key));
                }
                if self.troubles.contains_key("notifications") {
                    // Pop-ups work again: what was refused meanwhile gets its turn.
                    self.set_notification_trouble(None);
                    self.ring_again();
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
                    self.ring_again();
                }
                answer(reply, Ok(()));
            }
            Request::Open(message, page, reply) => {
                if let Some(id) = message {
                    let now = self.now_ms();
                    if let Err(why) = self.read_mut(|inbox| inbox.opened(id, now)) {
                        tracing::warn!(why = why.text.id, "that it was opened is not remembered");
                    }
                }
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
            .map(|feed| {
                let (muted, muted_until) = self.mute_view(&feed.settings);
                FeedView {
                    id: feed.settings.id.clone(),
                    name: feed.settings.name.clone(),
                    address: shown_address(&feed.settings.url),
                    state: feed.state.clone(),
                    muted,
                    muted_until,
                    unread: counts.unread.get(&feed.settings.id).copied().unwrap_or(0),
                    last_heard: feed.last_heard(),
                }
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
            muted_until: None,
            unread: counts.unread.get(&left_out.id).copied().unwrap_or(0),
            last_heard: None,
        }));
        AppView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            locale: self.localizer.locale().tag().to_owned(),
            theme: self.file.settings.general.theme,
            tray_count: self.file.settings.general.tray_count,
            unread: counts.unread_total(),
            pinned: counts.pinned,
            latest: self.latest(),
            feeds,
            hub: self.hub_view(),
            pause: self.quiet.pause.clone(),
            quiet: self.quiet_view(),
            troubles: self.troubles(),
            trying: self.config.trying,
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
        if let HubNow::Failed(why) = self.hub.now() {
            troubles.push(why);
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
            general: settings.general.clone(),
            hub: HubForm {
                on: settings.hub.on || self.hub_forced,
                ..hub_form(&settings.hub)
            },
            feeds: settings.feeds.iter().map(feed_form).collect(),
            presets: presets::all().iter().map(|preset| preset.view()).collect(),
            path: self.file.path().display().to_string(),
            errors: self
                .file
                .unusable
                .iter()
                .map(|text| FieldError {
                    field: String::new(),
                    text: text.clone(),
                })
                .chain(self.file.errors.iter().cloned())
                .chain(self.file.hints.iter().cloned())
                .collect(),
        }
    }

    pub(super) fn read<T>(
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

    pub(super) fn change(
        &mut self,
        work: impl FnOnce(&mut Inbox) -> Result<(), InboxError>,
    ) -> Result<(), Refusal> {
        self.read_mut(work)?;
        self.tell(Update::Inbox);
        self.tell(Update::App);
        Ok(())
    }

    pub(super) fn withdraw(&mut self, ids: &[i64]) {
        for key in self.ring.forget(ids) {
            self.tell(Update::Withdraw(key));
        }
    }

    /// Notifications can be shown again: what is owed rings.
    fn ring_again(&mut self) {
        let now = Instant::now();
        self.recall_owed(now);
        // At the start it joins the summary that is still being gathered.
        if self.start_limit.is_none() {
            self.ring.settled(now);
        }
        self.settle(now);
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
        self.tests += 1;
        let generation = self.tests;
        let preset = presets::find(&feed.preset);
        let place = Place::new(
            resume_of(&feed.connection, preset.as_deref()),
            String::new(),
        );
        let now_ms = self.now_ms();
        let localizer = self.localizer.clone();
        let rules = Rules::new(&feed.name, &feed.rules, preset.as_deref(), localizer)
            .remote_icons(feed.notification.remote_icons);
        let secrets = self.secrets.clone();
        let folder = self.folder();
        let general = self.file.settings.general.clone();
        let internal = self.internal.0.clone();
        let task = tokio::spawn(async move {
            let tell = |update| {
                let internal = internal.clone();
                async move {
                    let news = Internal::Test { generation, update };
                    let _ = internal.send(news).await;
                }
            };
            let feed = feed.through(&general);
            let config = connect_config(&feed, &secrets, &folder).await;
            let config = config.map_err(|why| why.text()).and_then(|config| {
                match expiry(&config).filter(|at| *at <= now_ms) {
                    Some(at) => Err(expired(at)),
                    None => Ok(config),
                }
            });
            match config {
                Ok(mut config) => {
                    // What a field says is a place for this preset alone: ids are not probed then.
                    config.resume = if place.by_field() {
                        Resume::Off
                    } else {
                        place.resume()
                    };
                    run_test(config, &rules, tell).await;
                }
                Err(text) => {
                    tell(TestUpdate::Step {
                        step: TestStep::Access,
                        outcome: TestOutcome::Failed,
                        text,
                        ms: 0,
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
}

/// The front end may have gone away meanwhile: then nobody misses the answer.
pub(super) fn answer<T>(reply: Reply<T>, result: Result<T, Refusal>) {
    let _ = reply.send(result);
}

async fn run_test<F: Future<Output = ()>>(
    config: feed::FeedConfig,
    rules: &Rules,
    tell: impl Fn(TestUpdate) -> F,
) {
    let (_check, mut updates): (_, mpsc::Receiver<CheckUpdate>) = check(config);
    let mut nth = 0;
    let began = Instant::now();
    let until = began + TEST_LIMIT;
    let (mut pace_began, mut told) = (began, 0);
    while let Ok(Some(update)) = timeout_at(until, updates.recv()).await {
        let update = match update {
            CheckUpdate::Step(step) => TestUpdate::Step {
                step: test_step(step.step),
                outcome: match step.outcome {
                    feed::Outcome::Passed(_) => TestOutcome::Passed,
                    feed::Outcome::Noted(_) => TestOutcome::Noted,
                    feed::Outcome::Failed(_) | feed::Outcome::Refused(_) => TestOutcome::Failed,
                },
                text: (&step).into(),
                ms: milliseconds(step.after),
            },
            CheckUpdate::Closed(why) => TestUpdate::Step {
                step: TestStep::KeepAlive,
                // Many servers end their streams as a matter of routine.
                outcome: if why == feed::Trouble::Ended {
                    TestOutcome::Noted
                } else {
                    TestOutcome::Failed
                },
                text: why.words().into(),
                ms: milliseconds(began.elapsed()),
            },
            CheckUpdate::Event(event) => {
                let judged = rules.judge(Arrived {
                    name: &event.name,
                    data: &event.data,
                    own_id: event.own_id(),
                    nth,
                });
                nth += 1;
                if pace_began.elapsed() >= TEST_PACE {
                    (pace_began, told) = (Instant::now(), 0);
                }
                told += 1;
                if told > TEST_EVENTS {
                    continue;
                }
                let preview = Box::new(preview_of(judged, &event.data));
                TestUpdate::Event {
                    raw: RawEvent {
                        id: event.own_id().map(str::to_owned),
                        name: event.name,
                        data: event.data,
                    },
                    preview,
                }
            }
        };
        tell(update).await;
    }
}

fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn test_step(step: feed::Step) -> TestStep {
    use feed::Step;
    match step {
        Step::Access => TestStep::Access,
        Step::Name => TestStep::Name,
        Step::Proxy => TestStep::Proxy,
        Step::Connect => TestStep::Connect,
        Step::Tls => TestStep::Tls,
        Step::Answer => TestStep::Answer,
        Step::ContentType => TestStep::ContentType,
        Step::FirstByte => TestStep::FirstByte,
        Step::KeepAlive => TestStep::KeepAlive,
        Step::FirstEvent => TestStep::FirstEvent,
        Step::Resume => TestStep::Resume,
    }
}

pub(super) fn refused_inbox(why: &InboxError) -> Refusal {
    tracing::error!(%why, "the inbox refused");
    Refusal::of(inbox_trouble(why))
}

pub(super) fn no_inbox() -> Refusal {
    Refusal::of(Text::new("refused-no-inbox"))
}
