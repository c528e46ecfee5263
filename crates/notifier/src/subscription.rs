//! One feed at work: its connection's state, and what its events bring to the inbox.

mod connect;
mod limit;
mod place;
mod replay;
mod token;

use std::{sync::Arc, time::Duration};

use feed::{Feed, FeedConfig, FeedUpdate, State, StopReason, Trouble};
use jiff::Zoned;
use sha2::Digest as _;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::{
    Reach,
    inbox::{Brings, Draft, Entry, FeedMemory, Key, Kind},
    presentation::Presentation,
    presets::{self, History, Preset},
    quiet::{Quietness, muted_text},
    rules::{Arrived, Effect, Judged, Rules},
    settings::FeedSettings,
    text::Localizer,
    view::{FeedState, RawEvent, ResumeForm, Text, Verdict},
};

pub(crate) use connect::connect_config;
use limit::Limit;
pub(crate) use place::{Place, resume_of};
use replay::Replay;
pub(crate) use token::expiry;

/// Bytes of an event that one place in the queue of news stands for.
const PLACE: usize = 64 << 10;
/// The most facts of one array that are taken, the newest; the rest is a gap.
const FACTS: usize = 10_000;
/// How long after its access was refused, or had expired, a feed asks for it again, in
/// milliseconds.
pub(crate) const ASK_AGAIN: i64 = 15 * 60 * 1000;

/// What a feed's task tells the actor.
#[derive(Debug)]
pub(crate) struct News {
    pub(crate) feed: String,
    pub(crate) generation: u64,
    /// How long nothing came from the feed before it. Not how long it took to get here.
    pub(crate) pause: Duration,
    pub(crate) update: FeedUpdate,
}

impl News {
    /// About how many bytes it holds.
    fn size(&self) -> usize {
        match &self.update {
            FeedUpdate::Event(event) => event.data.len(),
            _ => 0,
        }
    }
}

/// How quiet it is when events arrive.
#[derive(Clone, Copy)]
pub(crate) struct Hush<'a> {
    pub(crate) quiet: &'a Quietness,
    pub(crate) at: &'a Zoned,
}

/// One configured feed.
pub(crate) struct Subscription {
    pub(crate) settings: FeedSettings,
    /// Grows with every restart: news of an earlier connection owner are not ours.
    pub(crate) generation: u64,
    pub(crate) state: FeedState,
    pub(crate) rules: Rules,
    preset: Option<Arc<Preset>>,
    running: Option<Running>,
    connection: i64,
    /// Connections of this run.
    connections: u32,
    /// Events so far on this connection.
    nth: u64,
    /// Where to go on from, as far as events were taken from the feed.
    place: Place,
    facts: u32,
    connected_before: bool,
    /// A poll was answered to the end: what comes in the next one and was not there is new.
    polled_before: bool,
    replay: Option<Replay>,
    /// What the server had before the first connection is still being loaded.
    loading: bool,
    limit: Option<Limit>,
    /// When the access in use expires, in milliseconds since the Unix epoch.
    pub(crate) renew_at: Option<i64>,
    /// The inbox could not be asked what it remembers: not to be connected before.
    pub(crate) unprepared: bool,
}

struct Running {
    feed: Feed,
    _bridge: AbortOnDropHandle<()>,
}

impl Subscription {
    pub(crate) fn new(
        settings: FeedSettings,
        generation: u64,
        memory: &FeedMemory,
        localizer: Arc<Localizer>,
    ) -> Self {
        let preset = presets::find(&settings.preset);
        let state = match &memory.stopped_on {
            _ if !settings.enabled => FeedState::Off,
            Some(event) => stopped(&StopReason::StopOn(event.clone())),
            None => FeedState::Connecting,
        };
        let first_ever = if polls(&settings) {
            !memory.polled_before
        } else {
            memory.cursor.is_empty() && !memory.connected_before
        };
        let has_history = preset
            .as_ref()
            .is_some_and(|preset| preset.history.is_some())
            || polls(&settings);
        Self {
            rules: Rules::new(
                &settings.name,
                &settings.rules,
                preset.as_deref(),
                localizer,
            )
            .remote_icons(settings.notification.remote_icons),
            generation,
            state,
            running: None,
            connection: 0,
            connections: 0,
            nth: 0,
            place: Place::new(
                resume_of(&settings.connection, preset.as_deref()),
                memory.cursor.clone(),
            ),
            facts: memory.facts,
            connected_before: memory.connected_before,
            polled_before: memory.polled_before,
            replay: None,
            loading: settings.connection.history && first_ever && has_history,
            limit: preset
                .as_ref()
                .and_then(|preset| preset.at_most)
                .map(Limit::new),
            renew_at: None,
            unprepared: false,
            preset,
            settings,
        }
    }

    /// Whether new settings need no new connection.
    pub(crate) fn connects_like(&self, new: &FeedSettings) -> bool {
        if self.unprepared || self.preset != presets::find(&new.preset) {
            return false;
        }
        let presentation = FeedSettings {
            name: new.name.clone(),
            muted: new.muted,
            notification: new.notification.clone(),
            keep_days: new.keep_days,
            rules: new.rules.clone(),
            ..self.settings.clone()
        };
        presentation == *new
    }

    /// Takes over a new name, mute, rules or language without touching the connection.
    pub(crate) fn adopt(&mut self, settings: FeedSettings, localizer: &Arc<Localizer>) {
        let localizer = Arc::clone(localizer);
        let preset = self.preset.as_deref();
        self.rules = Rules::new(&settings.name, &settings.rules, preset, localizer)
            .remote_icons(settings.notification.remote_icons);
        self.settings = settings;
    }

    /// Connects. `config` comes from [`connect_config`].
    pub(crate) fn start(&mut self, mut config: FeedConfig, news: mpsc::Sender<News>) {
        let history = self.preset.as_ref().filter(|_| self.loading);
        match history.and_then(|preset| preset.history.clone()) {
            Some(History::Cursor(cursor)) => {
                self.place.ask_from(cursor);
                // Who does not resume cannot ask for it either.
                self.loading = self.place.asked().is_some();
            }
            Some(History::Parameter { query, value })
                if config.url.query_pairs().all(|(name, _)| name != query) =>
            {
                config.url.query_pairs_mut().append_pair(&query, &value);
            }
            _ => {}
        }
        config.resume = self.place.resume();
        config.last_event_id = self.place.asked();
        config.stop_on = self.stop_on().to_vec();
        let (feed, updates) = Feed::open(config);
        if self.place.by_field() {
            // From the start: event ids, should there be any, never take its place.
            feed.resume_from(self.place.asked().unwrap_or_default());
        }
        let bridge = bridge(self.settings.id.clone(), self.generation, updates, news);
        self.state = FeedState::Connecting;
        self.running = Some(Running {
            feed,
            _bridge: AbortOnDropHandle::new(bridge),
        });
    }

    /// The feed cannot even be tried.
    pub(crate) fn fail(&mut self, why: Text) {
        self.running = None;
        self.state = FeedState::Stopped { why, trouble: true };
    }

    /// True if it was connecting or connected; false if it has to be started.
    pub(crate) fn reconnect_now(&self) -> bool {
        match &self.running {
            Some(running) if !self.ended_for_good() => {
                running.feed.reconnect_now();
                true
            }
            _ => false,
        }
    }

    /// The machine woke up or its network changed.
    pub(crate) fn woken(&mut self, reach: Reach) {
        let meant = reach == Reach::All || self.state != FeedState::Live;
        if let Some(running) = &self.running
            && meant
        {
            running.feed.woken();
        } else if self.running.is_none() && self.renew_at.is_some() {
            self.renew_at = Some(0);
        }
    }

    /// When the last byte arrived, in milliseconds since the Unix epoch.
    pub(crate) fn last_heard(&self) -> Option<i64> {
        let heard = (*self.running.as_ref()?.feed.heard().borrow())?;
        let since = heard.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok()
    }

    /// Whether a backlog may come when it connects.
    pub(crate) fn may_bring_backlog(&self) -> bool {
        self.running.is_some()
            && (self.place.asked().is_some() || self.is_array() || polls(&self.settings))
    }

    /// A connection is there, as the inbox numbered it.
    pub(crate) fn connected(&mut self, connection: i64, now: Instant) {
        self.state = FeedState::Live;
        self.connection = connection;
        self.connections = self.connections.saturating_add(1);
        self.nth = 0;
        // Only a server that was asked to resume, or for what it has, can re-send.
        let asked = self.place.connected(now);
        let missed = if polls(&self.settings) {
            self.connections <= 1
        } else {
            asked || self.loading
        };
        self.replay = missed.then(|| Replay::new(now, self.loading));
    }

    /// The server said that it goes on from elsewhere: what was between is lost.
    pub(crate) fn lost(&self, received: i64) -> Option<Entry> {
        let cursor = self.place.cursor();
        if cursor.is_empty() {
            return None;
        }
        let draft = Draft {
            // Each connection says it again until the place has moved.
            key: Some(Key::once(&["lost", cursor])),
            ..gap(unseen("lost"))
        };
        Some(Entry {
            brings: Brings::Message(Box::new(draft)),
            ..self.entry(None, received)
        })
    }

    /// The connection is gone, or the feed has stopped.
    pub(crate) fn changed(&mut self, state: &State, now_ms: i64) {
        self.connected_before |= self.connection > 0;
        match state {
            State::Connecting if polls(&self.settings) && self.state == FeedState::Live => {}
            State::Connecting => self.state = FeedState::Connecting,
            State::Live { .. } => {}
            // Between two polls nothing is amiss.
            State::Waiting {
                why: Trouble::Ended,
                ..
            } if polls(&self.settings) => self.state = FeedState::Live,
            State::Waiting { delay, why } => {
                self.state = FeedState::Waiting {
                    next_try: now_ms + i64::try_from(delay.as_millis()).unwrap_or(i64::MAX / 2),
                    why: why.words().into(),
                    // Ends that are routine, and our own doubt that is cleared up at once.
                    trouble: !matches!(why, Trouble::Ended | Trouble::Silent { .. }),
                };
            }
            State::Stopped {
                why: why @ StopReason::Refused { .. },
                ..
            } => {
                // Another attempt begins with another look at its secrets: at once if they were good
                // until now, as a token may have been changed.
                self.running = None;
                let wait = if self.connections > 0 { 0 } else { ASK_AGAIN };
                self.renew_at = Some(now_ms.saturating_add(wait));
                self.state = stopped(why);
            }
            State::Stopped { why, .. } => self.state = stopped(why),
        }
    }

    /// An answer ended in good order; true if it was one to a poll.
    pub(crate) fn answered(&mut self) -> bool {
        let polled = polls(&self.settings);
        if polled {
            self.polled_before = true;
            self.loading = false;
        }
        polled
    }

    /// The connection, as the inbox numbered it.
    pub(crate) fn connection(&self) -> i64 {
        self.connection
    }

    /// When the replay is thought to be over, unless more arrives.
    pub(crate) fn replay_until(&self) -> Option<Instant> {
        self.replay.as_ref().map(Replay::missed_until)
    }

    /// Whether the server may be sending this again, after a pause of its own.
    fn replaying(&mut self, pause: Duration, now: Instant) -> bool {
        if let Some(replay) = &mut self.replay
            && !replay.goes_on(pause, now)
        {
            self.replay = None;
        }
        // Every answer to a poll says again what the one before said.
        polls(&self.settings) || self.replay.is_some()
    }

    /// What an event brings to the inbox: one entry, or one for each element of a board's array.
    pub(crate) fn entries(
        &mut self,
        event: &feed::Event,
        received: i64,
        (pause, now): (Duration, Instant),
        hush: Hush<'_>,
    ) -> Vec<Entry> {
        // What joins a summary; a poll's answers do so once.
        let missed = self.replay_until().is_some_and(|until| until > now)
            && (!polls(&self.settings) || self.connections <= 1);
        let replaying = self.replaying(pause, now);
        self.loading &= self.replay.is_some() || polls(&self.settings);
        let nth = self.nth;
        self.nth += 1;
        let mut entry = Entry {
            replaying,
            missed,
            stops: self
                .stop_on()
                .contains(&event.name)
                .then(|| event.name.clone()),
            ..self.entry(None, received)
        };
        if let Some(facts) = self.array(event, nth) {
            entry.cursor = self.place.after(event, false, now);
            return self.fact_entries(&entry, &facts, hush);
        }
        let arrived = Arrived {
            name: &event.name,
            data: &event.data,
            own_id: event.own_id(),
            nth,
        };
        if self.is_gap(&event.name) {
            entry.cursor = self.place.after(event, false, now);
            entry.brings = Brings::Message(Box::new(gap(arrived)));
            return vec![entry];
        }
        let mut judged = self.rules.judge(arrived);
        if judged.thread.is_some() {
            entry.version = self.place.of(event).and_then(|made| made.parse().ok());
        }
        let dropped = judged.verdict == Verdict::Drop && judged.effect.is_none();
        entry.cursor = self.place.after(event, dropped, now);
        if self.is_array() && event.name == "message" && !dropped {
            judged.key = fact_key(self.facts, &canonical(&event.data));
            self.facts += 1;
            entry.facts = Some(self.facts);
            // A live fact is new, whatever it says; one that the server resumed with was asked for.
            (entry.replaying, entry.missed) = (false, false);
        } else if let Key::Replay { .. } = judged.key {
            // Where the server repeats from is known by the field, or it repeats everything.
            if let Some(place) = self
                .place
                .of(event)
                .or(polls(&self.settings).then(String::new))
            {
                judged.key = Key::replay(Some(&place), &event.name, &event.data);
            }
        }
        entry.brings = self.brings(arrived, judged, hush, received, now);
        vec![entry]
    }

    /// An entry that brings nothing yet.
    fn entry(&self, cursor: Option<String>, received: i64) -> Entry {
        Entry {
            feed: self.settings.id.clone(),
            connection: self.connection,
            replaying: false,
            missed: false,
            version: None,
            cursor,
            received,
            facts: None,
            stops: None,
            brings: Brings::Nothing,
        }
    }

    fn brings(
        &mut self,
        arrived: Arrived<'_>,
        judged: Judged,
        hush: Hush<'_>,
        received: i64,
        now: Instant,
    ) -> Brings {
        if let (Some(effect), Some(thread)) = (judged.effect, judged.thread) {
            return Brings::Over {
                key: judged.key,
                thread,
                delete: effect == Effect::Delete,
            };
        }
        if judged.verdict == Verdict::Drop {
            return Brings::Nothing;
        }
        // What a first poll brings was there before; without a word about history it stays there.
        if polls(&self.settings) && !self.polled_before && !self.loading {
            return Brings::Seen(judged.key);
        }
        if !self.loading
            && let Some(limit) = &mut self.limit
            && let Some(left_out) = limit.take(&judged.key, received, now, &self.rules)
        {
            return Brings::Message(Box::new(left_out));
        }
        self.draft(arrived, judged, hush, self.loading)
    }

    /// The inbox had this one already: the server is still re-sending.
    pub(crate) fn absorbed(&mut self, now: Instant) {
        if let Some(replay) = &mut self.replay {
            replay.absorbed(now);
        }
    }

    /// A message of this feed that a person made to try things; or which rule drops it. It is nobody's
    /// duplicate, and no place moves for it.
    pub(crate) fn trial(
        &self,
        raw: &RawEvent,
        made_up: bool,
        received: i64,
        hush: Hush<'_>,
    ) -> Result<Entry, Text> {
        let arrived = Arrived {
            name: &raw.name,
            data: &raw.data,
            own_id: raw.id.as_deref(),
            nth: 1,
        };
        let mut judged = self.rules.judge(arrived);
        if judged.verdict == Verdict::Drop && judged.rule.is_none() && made_up {
            // The server of a preset would not send what we made up.
            judged = self.rules.judge_plainly(arrived);
        }
        let why = judged.why.clone();
        let Brings::Message(mut draft) = self.draft(arrived, judged, hush, false) else {
            return Err(why);
        };
        draft.key = None;
        draft.thread = None;
        draft.verdict = Text::new("ledger-test").with("why", self.rules.text(&why));
        Ok(Entry {
            brings: Brings::Trial(draft),
            ..self.entry(None, received)
        })
    }

    /// A cursor that came without an event; nothing if this feed goes by another.
    pub(crate) fn cursor_entry(&mut self, cursor: &str, received: i64) -> Option<Entry> {
        let cursor = self.place.id(cursor)?;
        Some(self.entry(Some(cursor), received))
    }

    /// The inbox has this place: the next connections may go on from it.
    pub(crate) fn committed(&self, cursor: &str) {
        if let Some(running) = &self.running
            && self.place.by_field()
        {
            running.feed.resume_from(cursor.to_owned());
        }
    }

    /// An event that was too long for the feed: a gap, so that nobody misses it unawares.
    pub(crate) fn skipped_entry(
        &mut self,
        why: Text,
        cursor: &str,
        received: i64,
        (pause, now): (Duration, Instant),
    ) -> Entry {
        let replaying = self.replaying(pause, now);
        let draft = Draft {
            // A server that sends it again sends it too long again.
            key: Some(Key::replay(Some(cursor), "skipped", &why.id)),
            verdict: why,
            ..gap(unseen("message"))
        };
        let cursor = self.place.id(cursor);
        Entry {
            replaying,
            brings: Brings::Message(Box::new(draft)),
            ..self.entry(cursor, received)
        }
    }

    fn stop_on(&self) -> &[String] {
        match &self.preset {
            Some(preset) if self.settings.stop_on.is_empty() => &preset.stop_on,
            _ => &self.settings.stop_on,
        }
    }

    fn is_array(&self) -> bool {
        // Polled elements come one by one and are told apart like any others.
        !polls(&self.settings) && self.preset.as_ref().is_some_and(|preset| preset.array)
    }

    fn is_gap(&self, name: &str) -> bool {
        self.preset
            .as_ref()
            .is_some_and(|preset| preset.gap.as_deref() == Some(name))
    }

    /// Stopped by the server's own wish: only a new start brings it back.
    fn ended_for_good(&self) -> bool {
        matches!(self.state, FeedState::Stopped { trouble: false, .. })
    }

    /// The array with which a board begins each connection.
    fn array(&self, event: &feed::Event, nth: u64) -> Option<Vec<serde_json::Value>> {
        if self.is_array() && nth == 0 && event.name == "message" {
            serde_json::from_str(&event.data).ok()
        } else {
            None
        }
    }

    fn fact_entries(
        &mut self,
        entry: &Entry,
        facts: &[serde_json::Value],
        hush: Hush<'_>,
    ) -> Vec<Entry> {
        let first_ever = !self.connected_before && self.connection <= 1;
        self.facts = u32::try_from(facts.len()).unwrap_or(u32::MAX);
        let last = Entry {
            facts: Some(self.facts),
            ..entry.clone()
        };
        let left_out = facts.len().saturating_sub(FACTS);
        let mut entries: Vec<Entry> = (0u32..)
            .zip(facts)
            .skip(left_out)
            .map(|(place, fact)| {
                let data = fact.to_string();
                let arrived = Arrived {
                    name: "message",
                    data: &data,
                    own_id: None,
                    nth: u64::from(place) + 1,
                };
                let judged = Judged {
                    key: fact_key(place, &data),
                    ..self.rules.judge(arrived)
                };
                Entry {
                    // The array always repeats what we have.
                    replaying: true,
                    missed: true,
                    brings: self.draft(arrived, judged, hush, first_ever),
                    ..last.clone()
                }
            })
            .collect();
        if left_out > 0 {
            let draft = Draft {
                // Each connection begins with the array: said once.
                key: Some(Key::once(&["facts left out"])),
                verdict: Text::new("ledger-facts").with("count", FACTS),
                ..gap(unseen("message"))
            };
            entries.insert(
                0,
                Entry {
                    brings: Brings::Message(Box::new(draft)),
                    ..last.clone()
                },
            );
        }
        if entries.is_empty() {
            entries.push(last);
        }
        entries
    }

    fn draft(&self, arrived: Arrived<'_>, judged: Judged, hush: Hush<'_>, history: bool) -> Brings {
        let silenced = match judged.verdict {
            Verdict::Drop => return Brings::Nothing,
            Verdict::Keep => Some(Text::new("silenced-keep")),
            Verdict::Notify if history => Some(Text::new("silenced-history")),
            Verdict::Notify if self.settings.muted => Some(muted_text(&self.settings.name, None)),
            Verdict::Notify => {
                let feed = (self.settings.id.as_str(), self.settings.name.as_str());
                hush.quiet.silences(feed, judged.shown.urgency, hush.at)
            }
        };
        Brings::Message(Box::new(Draft {
            key: Some(judged.key),
            kind: Kind::Event,
            event: arrived.name.to_owned(),
            own_id: arrived.own_id.map(str::to_owned),
            data: arrived.data.to_owned(),
            shown: judged.shown,
            verdict: judged.why,
            silenced,
            thread: judged.thread,
        }))
    }
}

/// What a cursor belongs to: the whole address, and the field it is taken from, if it is. A digest,
/// as queries hold tokens.
pub(crate) fn address_key(settings: &FeedSettings) -> String {
    let preset = presets::find(&settings.preset);
    let mut whole = settings.url.to_string();
    if let ResumeForm::Field { field, .. } = resume_of(&settings.connection, preset.as_deref()) {
        whole.push('\n');
        whole.push_str(&field);
    }
    let digest = sha2::Sha256::digest(whole);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An address as it may be shown: without query and credentials.
pub(crate) fn shown_address(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}

/// Whether it asks again and again instead of holding a stream.
fn polls(settings: &FeedSettings) -> bool {
    settings.connection.poll_seconds > 0
}

fn bridge(
    feed: String,
    generation: u64,
    mut updates: mpsc::Receiver<FeedUpdate>,
    news: mpsc::Sender<News>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let waits = Instant::now();
            let Some(update) = updates.recv().await else {
                return;
            };
            let item = News {
                feed: feed.clone(),
                generation,
                pause: waits.elapsed(),
                update,
            };
            // The larger an event, the fewer may be queued before it: the queue is bounded in bytes
            // too.
            let all = news.max_capacity();
            let places = all - all / (item.size() / PLACE).clamp(1, all) + 1;
            let Ok(mut room) = news.reserve_many(places).await else {
                return;
            };
            if let Some(room) = room.next() {
                room.send(item);
            }
        }
    })
}

fn stopped(why: &StopReason) -> FeedState {
    FeedState::Stopped {
        why: why.words().into(),
        trouble: !matches!(why, StopReason::StopOn(_)),
    }
}

/// An event of which nothing but this is known.
fn unseen(name: &str) -> Arrived<'_> {
    Arrived {
        name,
        data: "",
        own_id: None,
        nth: 0,
    }
}

fn gap(arrived: Arrived<'_>) -> Draft {
    Draft {
        key: None,
        kind: Kind::Gap,
        event: arrived.name.to_owned(),
        own_id: arrived.own_id.map(str::to_owned),
        data: arrived.data.to_owned(),
        shown: Presentation {
            urgency: crate::view::Urgency::Low,
            ..Presentation::default()
        },
        verdict: Text::new("ledger-gap"),
        silenced: None,
        thread: None,
    }
}

/// A fact is the same fact again at the same place with the same text.
fn fact_key(place: u32, data: &str) -> Key {
    Key::replay(Some(&place.to_string()), "fact", data)
}

/// JSON in one spelling, so that a live fact and the same fact in the array are alike.
fn canonical(data: &str) -> String {
    serde_json::from_str::<serde_json::Value>(data)
        .map_or_else(|_| data.to_owned(), |value| value.to_string())
}
