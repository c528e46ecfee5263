use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use jiff::civil::date;
use tokio::{sync::mpsc, time::Instant};

use super::*;
use crate::{
    NotifierConfig,
    inbox::{Brings, Draft, Entry, Kind},
    presentation::Presentation,
    view::{MessageQuery, MessageRow, Quiet},
};

const HOUR: i64 = 3_600_000;
const SETTINGS: &str = "\
language = \"en\"
[quiet]
on = true
[[quiet.hours]]
from = \"22:00\"
until = \"08:00\"
[[feed]]
id = \"news\"
name = \"News\"
url = \"http://127.0.0.1:1/\"
enabled = false
[[feed]]
id = \"late\"
name = \"Late news\"
url = \"http://127.0.0.1:1/\"
enabled = false
muted = true
";

/// A moment on the first of June 2026, local time.
fn june(hour: i8, minute: i8) -> i64 {
    let at = date(2026, 6, 1).at(hour, minute, 0, 0);
    let zoned = at.to_zoned(TimeZone::system()).unwrap();
    zoned.timestamp().as_millisecond()
}

/// Settings and data of one notifier, and its clock.
struct Desk {
    folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
}

impl Desk {
    fn new(settings: &str, now: i64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("settings.toml"), settings).unwrap();
        Self {
            folder,
            now: Arc::new(AtomicI64::new(now)),
        }
    }

    async fn actor(&self) -> (Actor, mpsc::Receiver<Update>) {
        let now = Arc::clone(&self.now);
        let (updates, told) = mpsc::channel(64);
        let config = NotifierConfig {
            settings: self.folder.path().join("settings.toml"),
            data: self.folder.path().join("data"),
            hub_socket: self.folder.path().join("hub.sock"),
            logs: None,
            trying: false,
            keyring: false,
            clock: Arc::new(move || now.load(Relaxed)),
        };
        (Actor::open(config, updates).await.unwrap(), told)
    }
}

fn entry(feed: &str, title: &str, urgency: Urgency, missed: bool) -> Entry {
    Entry {
        feed: feed.into(),
        connection: 1,
        replaying: false,
        missed,
        version: None,
        cursor: None,
        received: june(21, 0),
        facts: None,
        stops: None,
        brings: Brings::Message(Box::new(Draft {
            key: None,
            kind: Kind::Event,
            event: "message".into(),
            own_id: None,
            data: title.into(),
            shown: Presentation {
                title: title.into(),
                urgency,
                ..Presentation::default()
            },
            verdict: Text::new("ledger-default"),
            silenced: None,
            thread: None,
        })),
    }
}

impl Actor {
    fn store(&mut self, feed: &str, title: &str, urgency: Urgency, missed: bool) {
        self.push(entry(feed, title, urgency, missed));
        assert!(self.write(Instant::now()));
    }

    fn rows(&self) -> Vec<MessageRow> {
        let query = MessageQuery {
            limit: 100,
            ..MessageQuery::default()
        };
        let mut rows = self
            .worded(|inbox, wording| inbox.page(&query, wording))
            .unwrap()
            .rows;
        rows.reverse();
        rows
    }

    /// Each message and why it made no notification.
    fn told(&self) -> Vec<(String, String)> {
        let why = |row: &MessageRow| row.silenced.as_ref().map(|why| why.id.clone());
        let rows = self.rows().into_iter();
        rows.map(|row| (row.title.clone(), why(&row).unwrap_or_default()))
            .collect()
    }

    fn owed(&self) -> Vec<String> {
        let owed = self.inbox.as_ref().unwrap().owed().unwrap();
        owed.into_iter().map(|owed| owed.shown.title).collect()
    }

    fn waits(&self) -> Vec<String> {
        self.ring
            .waiting()
            .map(|owed| owed.shown.title.clone())
            .collect()
    }

    fn announced(&mut self) -> Vec<String> {
        let taken = std::mem::take(&mut self.outbox).into_iter();
        taken
            .filter_map(|update| match update {
                Update::Notify(announcement) => Some(announcement.title),
                _ => None,
            })
            .collect()
    }
}

fn pair(title: &str, why: &str) -> (String, String) {
    (title.into(), why.into())
}

#[tokio::test]
async fn hours_pauses_and_mutes_begin_and_end_by_themselves_and_views_are_told() {
    let desk = Desk::new(SETTINGS, june(21, 0));
    let (mut actor, _updates) = desk.actor().await;
    // As the loop does: sleeps until it has to look, then looks; when something was told.
    let next = async |actor: &mut Actor| {
        actor.outbox.clear();
        for _ in 0..100 {
            let left = i64::try_from(actor.quiet_changes_in().unwrap()).unwrap();
            desk.now.fetch_add(left, Relaxed);
            actor.handle_timers().await;
            if actor.outbox.contains(&Update::App) {
                return desk.now.load(Relaxed);
            }
        }
        panic!("nothing was told");
    };
    let view = actor.quiet_view();
    assert_eq!((view.now, view.next), (None, Some(june(22, 0))));
    assert_eq!(next(&mut actor).await, june(22, 0));
    let morning = june(8, 0) + 24 * HOUR;
    let hours = Some(Quiet::Hours { until: morning });
    assert_eq!(actor.quiet_view().now, hours);
    let until = Some(june(23, 0));
    actor.set_pause(Some(PauseView { until }));
    assert_eq!(actor.quiet_view().now, Some(Quiet::Paused { until }));
    assert_eq!(next(&mut actor).await, june(23, 0));
    assert_eq!(actor.quiet_view().now, hours);
    assert_eq!(actor.quiet.pause, None);
    let until = june(23, 30);
    actor.mute("news", Some(until)).await.unwrap();
    let muted = |actor: &Actor| actor.mute_view(&actor.feeds[0].settings);
    assert_eq!(muted(&actor), (true, Some(until)));
    assert_eq!(next(&mut actor).await, until);
    assert_eq!(muted(&actor), (false, None));
    assert_eq!(next(&mut actor).await, morning);
    let view = actor.quiet_view();
    assert_eq!((view.now, view.next), (None, Some(june(22, 0) + 24 * HOUR)));
}

#[tokio::test]
async fn what_waits_to_ring_when_it_becomes_quiet_is_silenced_and_the_urgent_rings() {
    let desk = Desk::new(SETTINGS, june(21, 59));
    let (mut actor, _updates) = desk.actor().await;
    actor.store("news", "one", Urgency::Normal, true);
    actor.store("news", "two", Urgency::Urgent, true);
    actor.store("news", "three", Urgency::High, true);
    assert_eq!(actor.waits(), ["one", "two", "three"]);
    // The summary is due at the moment at which hours begin.
    desk.now.store(june(22, 0), Relaxed);
    actor.start_limit = None;
    actor.ring.settled(Instant::now());
    actor.settle(Instant::now());
    assert_eq!(actor.announced(), ["two"]);
    let expected = [
        pair("one", "silenced-hours"),
        pair("two", ""),
        pair("three", "silenced-hours"),
    ];
    assert_eq!(actor.told(), expected);
    assert_eq!(actor.owed(), ["two"]);
    // Nothing of it comes when hours end.
    desk.now.store(june(8, 0) + 24 * HOUR, Relaxed);
    actor.recall_owed(Instant::now());
    actor.ring.settled(Instant::now());
    actor.settle(Instant::now());
    assert_eq!(actor.announced(), [""; 0]);
}

#[tokio::test]
async fn what_no_front_end_took_yet_is_taken_back_by_a_pause() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    let (mut actor, _updates) = desk.actor().await;
    actor.store("news", "one", Urgency::Normal, false);
    actor.store("news", "two", Urgency::Urgent, false);
    actor.set_pause(Some(PauseView { until: None }));
    assert_eq!(actor.announced(), ["two"]);
    assert_eq!(
        actor.told(),
        [pair("one", "silenced-paused"), pair("two", "")]
    );
    actor.set_pause(None);
    actor.recall_owed(Instant::now());
    assert_eq!(actor.waits(), [""; 0]);
}

#[tokio::test]
async fn a_snooze_ends_no_pause_sooner() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    let (mut actor, _updates) = desk.actor().await;
    let until = |actor: &Actor| actor.quiet.pause.as_ref().map(|pause| pause.until);
    actor.snooze(june(13, 0));
    assert_eq!(until(&actor), Some(Some(june(13, 0))));
    actor.snooze(june(14, 0));
    assert_eq!(until(&actor), Some(Some(june(14, 0))));
    actor.snooze(june(13, 30));
    assert_eq!(until(&actor), Some(Some(june(14, 0))));
    actor.set_pause(Some(PauseView { until: None }));
    actor.snooze(june(15, 0));
    assert_eq!(until(&actor), Some(None), "until resumed");
}

#[tokio::test]
async fn nothing_is_removed_by_settings_that_cannot_be_read() {
    let feed = |more: &str| {
        format!("[[feed]]\nid = \"a\"\nname = \"A\"\nurl = \"http://127.0.0.1:1/\"\n{more}\n")
    };
    let forever = "[inbox]\nkeep_days = 0\n";
    for (what, settings, general, own) in [
        (
            "all is well",
            format!("[inbox]\nkeep_days = 7\n{}", feed("keep_days = 30")),
            7,
            Some(30),
        ),
        ("none says so", feed(""), 90, None),
        ("no TOML", format!("{forever}[["), 0, None),
        (
            "of a newer program",
            format!("version = 99\n{forever}"),
            0,
            None,
        ),
        (
            "a wrong number",
            format!("[inbox]\nkeep_days = 100000\n{}", feed("")),
            0,
            None,
        ),
        (
            "a wrong type",
            format!("[inbox]\nkeep_days = \"for ever\"\n{}", feed("")),
            0,
            None,
        ),
        ("a wrong table", "inbox = 0\n".to_owned(), 0, None),
        (
            "a feed left out",
            feed("keep_days = 0\npreset = \"none-such\""),
            90,
            Some(0),
        ),
    ] {
        let desk = Desk::new(&settings, june(12, 0));
        let (actor, _updates) = desk.actor().await;
        let retention = actor.retention();
        assert_eq!(retention.general, general, "{what}");
        assert_eq!(retention.feeds.get("a").copied(), own, "{what}");
    }
}

#[tokio::test]
async fn a_mute_takes_back_what_waits_of_its_feed_alone() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    let (mut actor, _updates) = desk.actor().await;
    actor.store("news", "one", Urgency::Urgent, true);
    actor.store("other", "two", Urgency::Normal, true);
    actor.mute("news", Some(june(13, 0))).await.unwrap();
    assert_eq!(actor.waits(), ["two"]);
    let rows = actor.rows();
    let told = actor
        .localizer
        .text_at(rows[0].silenced.as_ref().unwrap(), &actor.moment());
    assert_eq!(told, "Kept silently, News is muted until 13:00");
}

#[tokio::test]
async fn what_became_quiet_between_its_rule_and_its_place_in_the_inbox_is_silent() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    let (mut actor, _updates) = desk.actor().await;
    actor.push(entry("news", "one", Urgency::Normal, false));
    actor.set_pause(Some(PauseView {
        until: Some(june(13, 0)),
    }));
    assert!(actor.write(Instant::now()));
    assert_eq!(actor.announced(), [""; 0]);
    assert_eq!(actor.told(), [pair("one", "silenced-paused-until")]);
}

#[tokio::test]
async fn an_earlier_run_s_debts_do_not_ring_in_quiet_nor_after_it() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    {
        let (mut actor, _updates) = desk.actor().await;
        actor.store("news", "one", Urgency::Normal, false);
        actor.store("news", "two", Urgency::Urgent, false);
        actor.store("late", "three", Urgency::Urgent, false);
        // Nobody said that they were shown.
        assert_eq!(actor.owed(), ["one", "two"]);
    }
    desk.now.store(june(23, 0), Relaxed);
    {
        let (actor, _updates) = desk.actor().await;
        assert_eq!(actor.waits(), ["two"]);
        let expected = [
            pair("one", "silenced-hours"),
            pair("two", ""),
            pair("three", "silenced-muted"),
        ];
        assert_eq!(actor.told(), expected);
    }
    desk.now.store(june(9, 0) + 24 * HOUR, Relaxed);
    let (actor, _updates) = desk.actor().await;
    assert_eq!(actor.waits(), ["two"]);
}

#[tokio::test]
async fn pauses_and_mutes_outlive_the_notifier_and_end_while_it_is_away() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    {
        let (mut actor, _updates) = desk.actor().await;
        actor.mute("news", Some(june(14, 0))).await.unwrap();
        actor.set_pause(Some(PauseView {
            until: Some(june(13, 0)),
        }));
    }
    let view = async |now: i64| {
        desk.now.store(now, Relaxed);
        let (mut actor, _updates) = desk.actor().await;
        actor.follow_quiet();
        let news = actor.feeds[0].settings.clone();
        (actor.quiet_view().now, actor.mute_view(&news))
    };
    let until = Some(june(13, 0));
    let muted = (true, Some(june(14, 0)));
    assert_eq!(
        view(june(12, 30)).await,
        (Some(Quiet::Paused { until }), muted)
    );
    assert_eq!(view(june(13, 0)).await, (None, muted));
    assert_eq!(view(june(14, 0)).await, (None, (false, None)));
    // It is over, and stays so if the clock is set back.
    assert_eq!(view(june(12, 30)).await, (None, (false, None)));
}

#[tokio::test]
async fn a_mute_for_good_is_a_setting_and_the_last_word_counts() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    let (mut actor, _updates) = desk.actor().await;
    let mut check = async |id: &str, muted: Option<Option<i64>>, expected, written: bool| {
        actor.set_muted(id, muted).await.unwrap();
        let place = usize::from(id == "late");
        let settings = actor.feeds[place].settings.clone();
        assert_eq!(actor.mute_view(&settings), expected, "{id} {muted:?}");
        let text = std::fs::read_to_string(desk.folder.path().join("settings.toml")).unwrap();
        let feed = text.split("[[feed]]").nth(place + 1).unwrap();
        assert_eq!(feed.contains("muted = true"), written, "{text}");
    };
    let until = Some(june(14, 0));
    check("news", Some(until), (true, until), false).await;
    check("news", Some(None), (true, None), true).await;
    check("news", None, (false, None), false).await;
    check("late", Some(until), (true, until), false).await;
    check("late", None, (false, None), false).await;
    let unknown = actor.mute("nobody", None).await.unwrap_err();
    assert_eq!(unknown.text.id, "refused-unknown-feed");
}

#[tokio::test]
async fn the_system_s_quiet_is_followed_as_the_settings_say() {
    let desk = Desk::new(SETTINGS, june(12, 0));
    let (mut actor, _updates) = desk.actor().await;
    actor.store("news", "one", Urgency::Normal, true);
    actor.set_system_quiet(true);
    assert_eq!(actor.quiet_view().now, Some(Quiet::System));
    assert_eq!(actor.told(), [pair("one", "silenced-system")]);
    let mut general = actor.file.settings.general.clone();
    general.quiet.follow_system = false;
    actor.save_general(&general).await.unwrap();
    assert_eq!(actor.quiet_view().now, None);
    actor.store("news", "two", Urgency::Normal, false);
    assert_eq!(actor.announced(), ["two"]);
}
