use jiff::tz::TimeZone;
use notifier::{
    Locale,
    view::{HubView, PauseView, QuietView, Theme},
};

use super::*;

/// 21 November 2026, 14:40.
fn now() -> Zoned {
    jiff::civil::date(2026, 11, 21)
        .at(14, 40, 0, 0)
        .to_zoned(TimeZone::UTC)
        .unwrap()
}

fn at(hour: i8, minute: i8) -> i64 {
    now()
        .date()
        .at(hour, minute, 0, 0)
        .to_zoned(TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_millisecond()
}

fn feed(id: &str, name: &str) -> FeedView {
    FeedView {
        id: id.into(),
        name: name.into(),
        address: String::new(),
        state: FeedState::Live,
        muted: false,
        muted_until: None,
        unread: 0,
        last_heard: None,
    }
}

fn app() -> AppView {
    AppView {
        version: String::new(),
        locale: "en".into(),
        theme: Theme::System,
        tray_count: false,
        latest: Vec::new(),
        quiet: QuietView::default(),
        unread: 0,
        pinned: 0,
        feeds: vec![feed("a", "R&D")],
        hub: HubView {
            state: HubState::Off,
            mode: HubMode::Off,
            subscribers: 0,
            max: 0,
            events: 0,
            keep_days: 0,
        },
        pause: None,
        troubles: Vec::new(),
        trying: false,
    }
}

fn latest(id: i64, title: &str, unread: bool, received: i64) -> LatestView {
    LatestView {
        id,
        title: title.into(),
        unread,
        received,
    }
}

/// The menu as an indented list.
fn lines(app: &AppView, locale: Locale) -> Vec<String> {
    fn list(items: &[Item], depth: usize, lines: &mut Vec<String>) {
        for item in items {
            let (label, below): (&str, &[Item]) = match item {
                Item::Choice { label, .. } => (label, &[]),
                Item::Switch { label, on, .. } => {
                    let mark = if *on { "[x] " } else { "[ ] " };
                    lines.push(format!("{}{mark}{label}", "  ".repeat(depth)));
                    continue;
                }
                Item::Menu { label, items, .. } => (label, items),
                Item::Line => ("-", &[]),
            };
            lines.push(format!("{}{label}", "  ".repeat(depth)));
            list(below, depth + 1, lines);
        }
    }
    let mut all = Vec::new();
    list(
        &look(app, &Localizer::new(locale), &now()).items,
        0,
        &mut all,
    );
    all
}

#[test]
fn a_quiet_day() {
    let wanted = [
        "Open Feedbell",
        "-",
        "Feeds (1 live)",
        "  R&D: live",
        "    Reconnect now",
        "    [ ] Mute",
        "Pause notifications",
        "  For 1 hour",
        "  Until tomorrow, 08:00",
        "  Until I resume",
        "[ ] Hub",
        "-",
        "Settings",
        "Quit Feedbell",
    ];
    assert_eq!(lines(&app(), Locale::English), wanted);
}

#[test]
fn a_busy_day_in_chinese() {
    let mut busy = app();
    busy.unread = 12;
    busy.latest = vec![
        latest(9, "《发布日手记》收到 23 个赞", true, at(14, 38)),
        latest(7, "前门已打开", false, at(6, 51) - 24 * HOUR),
    ];
    busy.pause = Some(PauseView {
        until: Some(at(15, 40)),
    });
    busy.feeds[0].muted = true;
    busy.feeds[0].muted_until = Some(at(16, 5));
    let wanted = [
        "打开 Feedbell（12 条未读）",
        "-",
        "● 《发布日手记》收到 23 个赞 · 14:38",
        "\u{2003}前门已打开 · 11 月 20 日 06:51",
        "-",
        "订阅源（1 个在线）",
        "  R&D：在线，已静音",
        "    立即重新连接",
        "    [x] 已静音至 16:05",
        "已暂停至 15:40",
        "  恢复通知",
        "  -",
        "  暂停 1 小时",
        "  暂停至明天 08:00",
        "  暂停至手动恢复",
        "[ ] 广播站",
        "-",
        "设置",
        "退出 Feedbell",
    ];
    assert_eq!(lines(&busy, Locale::Chinese), wanted);
}

#[test]
fn it_says_why_it_is_quiet() {
    let mut quiet = app();
    let first = |app: &AppView, locale| {
        let lines = lines(app, locale);
        let at = lines
            .iter()
            .position(|line| line.starts_with("Pause") || line.starts_with("暂停"));
        lines[at.unwrap() + 1].trim().to_owned()
    };
    quiet.quiet.now = Some(Quiet::Hours { until: at(23, 0) });
    assert_eq!(first(&quiet, Locale::English), "Quiet hours until 23:00");
    quiet.quiet.now = Some(Quiet::System);
    assert_eq!(
        first(&quiet, Locale::English),
        "Do not disturb is on in the system"
    );
    quiet.quiet = QuietView {
        next: Some(at(22, 30)),
        ..QuietView::default()
    };
    assert_eq!(first(&quiet, Locale::English), "Quiet hours begin at 22:30");
    assert_eq!(first(&quiet, Locale::Chinese), "免打扰时段将于 22:30 开始");
}

#[test]
fn a_pause_may_end_on_another_day_or_never() {
    let mut paused = app();
    paused.pause = Some(PauseView {
        until: Some(tomorrow_morning(&now())),
    });
    assert_eq!(
        lines(&paused, Locale::English)[6],
        "Paused until Nov 22, 08:00"
    );
    paused.pause = Some(PauseView { until: None });
    assert_eq!(
        lines(&paused, Locale::English)[6],
        "Notifications are paused"
    );
    assert_eq!(in_an_hour(&now()), at(15, 40));
}

#[test]
fn tomorrow_is_by_the_clock_on_the_wall() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let evening = jiff::civil::date(2026, 10, 24).at(23, 0, 0, 0);
    let evening = evening.to_zoned(zone.clone()).unwrap();
    let morning = Timestamp::from_millisecond(tomorrow_morning(&evening)).unwrap();
    // The clocks go back in between: ten hours, not nine.
    let hours = (tomorrow_morning(&evening) - evening.timestamp().as_millisecond()) / HOUR;
    assert_eq!(hours, 10);
    assert_eq!(morning.to_zoned(zone).hour(), 8);
}

#[test]
fn red_is_for_trouble_only() {
    let icon_of = |app: &AppView| look(app, &Localizer::new(Locale::English), &now()).icon;
    let mut state = app();
    state.tray_count = true;
    assert_eq!(icon_of(&state), Icon::Idle);
    state.unread = 3;
    assert_eq!(icon_of(&state), Icon::Count(3));
    state.tray_count = false;
    assert_eq!(icon_of(&state), Icon::Unread);
    state.feeds[0].state = FeedState::Stopped {
        why: Text::new("stop-event"),
        trouble: false,
    };
    assert_eq!(icon_of(&state), Icon::Unread);
    state.troubles.push(Text::new("trouble-feed"));
    assert_eq!(icon_of(&state), Icon::Attention);
}

#[test]
fn long_titles_end_in_an_ellipsis_and_stay_one_line() {
    let forty = "x".repeat(40);
    assert_eq!(short(&forty), forty);
    assert_eq!(short(&format!("{forty}y")), format!("{}…", "x".repeat(39)));
    let chinese = "铃".repeat(20);
    assert_eq!(short(&chinese), chinese);
    assert_eq!(short(&"铃".repeat(21)), format!("{}…", "铃".repeat(19)));
    assert_eq!(short("two\nlines\tand\u{7} a bell"), "two lines and a bell");
}

#[test]
fn more_feeds_than_the_menu_holds_are_in_the_window() {
    let mut many = app();
    many.feeds = (0..15).map(|n| feed(&format!("f{n}"), "Feed")).collect();
    let lines = lines(&many, Locale::English);
    assert_eq!(
        lines.iter().filter(|line| *line == "  Feed: live").count(),
        FEEDS
    );
    assert!(lines.contains(&"  3 more in the window".to_owned()));
    many.feeds.clear();
    let lines = self::lines(&many, Locale::English);
    assert_eq!(lines[2..4], ["Feeds", "  No feeds yet"]);
}

#[test]
fn every_choice_is_understood() {
    fn check(items: &[Item]) {
        for item in items {
            match item {
                Item::Choice {
                    id, enabled: true, ..
                }
                | Item::Switch { id, .. } => assert!(Choice::from_id(id).is_some(), "{id}"),
                Item::Menu { items, .. } => check(items),
                _ => {}
            }
        }
    }
    let mut full = app();
    full.latest = vec![latest(4, "One", true, at(1, 0))];
    full.pause = Some(PauseView { until: None });
    full.feeds = (0..15).map(|n| feed(&format!("f{n}"), "Feed")).collect();
    check(&look(&full, &Localizer::new(Locale::English), &now()).items);
    assert_eq!(
        Choice::from_id("reconnect-a"),
        Some(Choice::Reconnect("a".into()))
    );
    assert_eq!(
        Choice::from_id("mute-a-b"),
        Some(Choice::Mute("a-b".into()))
    );
    assert_eq!(Choice::from_id("latest-4"), Some(Choice::Latest(4)));
    assert_eq!(Choice::from_id("latest-x"), None);
}
