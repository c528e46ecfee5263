use super::*;

const BERLIN: &str = "[Europe/Berlin]";

fn at(civil: &str, zone: &str) -> Zoned {
    format!("{civil}{zone}").parse().unwrap()
}

fn window(days: &[u8], from: (u16, u16), until: (u16, u16)) -> QuietHours {
    QuietHours {
        days: days.to_vec(),
        from: from.0 * 60 + from.1,
        until: until.0 * 60 + until.1,
    }
}

/// `now until …`, `next …` or nothing, in local time.
fn told(windows: &[QuietHours], at: &Zoned) -> String {
    let local = |moment: i64| {
        let moment = jiff::Timestamp::from_millisecond(moment).unwrap();
        let zoned = moment.to_zoned(at.time_zone().clone());
        zoned.strftime("%a %H:%M%:z").to_string()
    };
    match hours(windows, at) {
        Hours {
            now: Some(until), ..
        } => format!("until {}", local(until)),
        Hours {
            next: Some(from), ..
        } => format!("next {}", local(from)),
        Hours { .. } => String::new(),
    }
}

fn check(windows: &[QuietHours], zone: &str, cases: &[(&str, &str)]) {
    for (moment, expected) in cases {
        let moment = at(moment, zone);
        assert_eq!(told(windows, &moment), *expected, "{moment}");
    }
}

#[test]
fn workday_nights_over_a_week() {
    // 2026-06-01 is a Monday.
    let nights = [window(&[1, 2, 3, 4, 5], (22, 0), (8, 0))];
    check(
        &nights,
        BERLIN,
        &[
            ("2026-06-01T00:00", "next Mon 22:00+02:00"),
            ("2026-06-01T07:59", "next Mon 22:00+02:00"),
            ("2026-06-01T21:59:59.999", "next Mon 22:00+02:00"),
            ("2026-06-01T22:00", "until Tue 08:00+02:00"),
            ("2026-06-02T00:00", "until Tue 08:00+02:00"),
            ("2026-06-02T07:59:59.999", "until Tue 08:00+02:00"),
            ("2026-06-02T08:00", "next Tue 22:00+02:00"),
            // The night that begins on Friday ends on Saturday; none begins then.
            ("2026-06-05T23:00", "until Sat 08:00+02:00"),
            ("2026-06-06T03:00", "until Sat 08:00+02:00"),
            ("2026-06-06T08:00", "next Mon 22:00+02:00"),
            ("2026-06-06T23:00", "next Mon 22:00+02:00"),
            ("2026-06-07T12:00", "next Mon 22:00+02:00"),
        ],
    );
}

#[test]
fn many_windows_are_one_where_they_overlap_or_touch() {
    let windows = [
        window(&[1], (9, 0), (12, 0)),
        window(&[1], (11, 0), (13, 0)),
        window(&[1], (13, 0), (14, 30)),
        window(&[1], (16, 0), (24, 0)),
        window(&[2], (0, 0), (6, 0)),
        window(&[3], (10, 0), (10, 0)),
    ];
    check(
        &windows,
        BERLIN,
        &[
            ("2026-06-01T08:00", "next Mon 09:00+02:00"),
            ("2026-06-01T09:00", "until Mon 14:30+02:00"),
            ("2026-06-01T14:30", "next Mon 16:00+02:00"),
            ("2026-06-01T16:00", "until Tue 06:00+02:00"),
            ("2026-06-02T05:00", "until Tue 06:00+02:00"),
            ("2026-06-02T06:00", "next Wed 10:00+02:00"),
            // From and until alike is a whole day.
            ("2026-06-03T10:00", "until Thu 10:00+02:00"),
            ("2026-06-04T09:59", "until Thu 10:00+02:00"),
            ("2026-06-04T10:00", "next Mon 09:00+02:00"),
        ],
    );
}

#[test]
fn a_window_over_midnight_with_a_start_after_its_end_begins_on_its_own_day_alone() {
    let sunday = [window(&[7], (23, 30), (1, 15))];
    check(
        &sunday,
        BERLIN,
        &[
            ("2026-06-07T01:00", "next Sun 23:30+02:00"),
            ("2026-06-07T23:30", "until Mon 01:15+02:00"),
            ("2026-06-08T01:14", "until Mon 01:15+02:00"),
            // Almost a week ahead.
            ("2026-06-08T01:15", "next Sun 23:30+02:00"),
        ],
    );
}

#[test]
fn clocks_that_are_turned_make_no_window_loud() {
    let nights = [window(&[1, 2, 3, 4, 5, 6, 7], (22, 0), (8, 0))];
    check(
        &nights,
        BERLIN,
        &[
            // Forward on 2026-03-29 at 2:00, back on 2026-10-25 at 3:00.
            ("2026-03-28T22:00+01:00", "until Sun 08:00+02:00"),
            ("2026-03-29T04:00+02:00", "until Sun 08:00+02:00"),
            ("2026-10-24T22:00+02:00", "until Sun 08:00+01:00"),
            ("2026-10-25T02:30+01:00", "until Sun 08:00+01:00"),
        ],
    );
    // An end that the clock never shows, and one that it shows twice.
    let short = [window(&[6, 7], (1, 0), (2, 30))];
    check(
        &short,
        BERLIN,
        &[
            ("2026-03-29T01:30+01:00", "until Sun 03:30+02:00"),
            ("2026-10-25T02:29+02:00", "until Sun 02:30+01:00"),
            ("2026-10-25T02:29+01:00", "until Sun 02:30+01:00"),
            ("2026-10-25T02:30+01:00", "next Sat 01:00+01:00"),
        ],
    );
    // A start that the clock never shows: the hour moves with it.
    let never = [window(&[7], (2, 15), (2, 45))];
    check(
        &never,
        BERLIN,
        &[
            ("2026-03-29T01:59+01:00", "next Sun 03:15+02:00"),
            ("2026-03-29T03:15+02:00", "until Sun 03:45+02:00"),
        ],
    );
    // Clocks that are turned at midnight, so that this hour is not, and a day that was left out.
    let santiago = "[America/Santiago]";
    let eve = "2026-09-05T23:59";
    let hour = [window(&[7], (0, 0), (1, 0))];
    check(&hour, santiago, &[(eve, "next Sun 00:00-03:00")]);
    let more = [window(&[7], (0, 0), (1, 30))];
    check(
        &more,
        santiago,
        &[
            (eve, "next Sun 01:00-03:00"),
            ("2026-09-06T01:00", "until Sun 01:30-03:00"),
        ],
    );
    check(
        &[window(&[4], (23, 0), (7, 0))],
        "[Pacific/Apia]",
        &[
            ("2011-12-29T23:30", "until Sat 07:00+14:00"),
            ("2011-12-31T08:00", "next Thu 23:00+14:00"),
        ],
    );
}

#[test]
fn no_days_or_no_windows_are_never_quiet() {
    let moment = at("2026-06-01T00:00", BERLIN);
    assert_eq!(hours(&[], &moment), Hours::default());
    assert_eq!(
        hours(&[window(&[], (0, 0), (24, 0))], &moment),
        Hours::default()
    );
}

#[test]
fn hours_that_never_end_are_quiet_at_every_moment() {
    let always = [window(&[1, 2, 3, 4, 5, 6, 7], (0, 0), (24, 0))];
    for day in 1..=28 {
        let moment = at(&format!("2026-03-{day:02}T03:00"), BERLIN);
        let until = hours(&always, &moment).now.unwrap();
        assert!(until > moment.timestamp().as_millisecond() + 6 * 24 * 3_600_000);
    }
}

/// Each minute of two weeks, also over a turn of the clocks, as an independent reading has it:
/// going minute by minute and looking at the clock on the wall.
#[test]
fn each_minute_is_as_the_clock_on_the_wall_says() {
    let windows = [
        window(&[1, 3, 5], (22, 0), (7, 30)),
        window(&[6], (13, 0), (15, 0)),
        window(&[7], (20, 0), (20, 0)),
    ];
    let mut moment = at("2026-10-19T00:00", BERLIN);
    for _ in 0..14 * 24 * 60 / 5 {
        let (day, minute) = (
            u8::try_from(moment.date().weekday().to_monday_one_offset()).unwrap(),
            u16::try_from(moment.hour()).unwrap() * 60 + u16::try_from(moment.minute()).unwrap(),
        );
        let yesterday = if day == 1 { 7 } else { day - 1 };
        let wall = windows.iter().any(|one| {
            let wraps = one.until <= one.from;
            (one.days.contains(&day) && minute >= one.from && (wraps || minute < one.until))
                || (wraps && one.days.contains(&yesterday) && minute < one.until)
        });
        let found = hours(&windows, &moment);
        assert_eq!(found.now.is_some(), wall, "{moment}");
        assert_eq!(found.next.is_some(), !wall, "{moment}");
        moment = moment.checked_add(5.minutes()).unwrap();
    }
}

fn quiet() -> Quietness {
    let mut quiet = Quietness::default();
    quiet.follow(&QuietForm {
        on: true,
        hours: vec![window(&[1, 2, 3, 4, 5, 6, 7], (22, 0), (8, 0))],
        ..QuietForm::default()
    });
    quiet
}

fn ms(moment: &Zoned) -> i64 {
    moment.timestamp().as_millisecond()
}

#[test]
fn a_pause_counts_more_than_hours_and_these_more_than_the_system() {
    let (day, night) = (
        at("2026-06-01T12:00", BERLIN),
        at("2026-06-01T23:00", BERLIN),
    );
    let morning = ms(&at("2026-06-02T08:00", BERLIN));
    let mut quiet = quiet();
    assert_eq!(quiet.now(&day), None);
    quiet.system = true;
    assert_eq!(quiet.now(&day), Some(Quiet::System));
    assert_eq!(quiet.now(&night), Some(Quiet::Hours { until: morning }));
    quiet.pause = Some(PauseView { until: None });
    assert_eq!(quiet.now(&night), Some(Quiet::Paused { until: None }));
    let until = Some(ms(&night));
    quiet.pause = Some(PauseView { until });
    assert_eq!(quiet.now(&day), Some(Quiet::Paused { until }));
    // Over at that very moment.
    assert_eq!(quiet.now(&night), Some(Quiet::Hours { until: morning }));
}

#[test]
fn the_system_counts_only_where_it_is_followed_and_hours_only_where_they_are_on() {
    let (day, night) = (
        at("2026-06-01T12:00", BERLIN),
        at("2026-06-01T23:00", BERLIN),
    );
    let mut quiet = quiet();
    quiet.system = true;
    quiet.follow(&QuietForm {
        on: false,
        follow_system: false,
        ..quiet.form.clone()
    });
    assert_eq!(quiet.now(&day), None);
    assert_eq!(quiet.now(&night), None);
    assert_eq!(quiet.view(&day).next, None);
}

#[test]
fn what_is_shown_says_when_hours_begin_only_while_it_is_not_quiet() {
    let day = at("2026-06-01T12:00", BERLIN);
    let evening = ms(&at("2026-06-01T22:00", BERLIN));
    let mut quiet = quiet();
    let view = quiet.view(&day);
    assert_eq!((view.now, view.next), (None, Some(evening)));
    assert_eq!(view.breakthrough, Some(Urgency::Urgent));
    quiet.system = true;
    let view = quiet.view(&day);
    assert_eq!((view.now, view.next), (Some(Quiet::System), None));
}

#[test]
fn the_urgent_break_through_everything_but_a_mute() {
    let night = at("2026-06-01T23:00", BERLIN);
    let news = ("news", "News");
    let id = |quiet: &Quietness, urgency| quiet.silences(news, urgency, &night).map(|text| text.id);
    let all = [
        Urgency::Low,
        Urgency::Normal,
        Urgency::High,
        Urgency::Urgent,
    ];
    for (least, rings) in [
        (None, 0),
        (Some(Urgency::Urgent), 1),
        (Some(Urgency::High), 2),
        (Some(Urgency::Low), 4),
    ] {
        let mut quiet = quiet();
        quiet.follow(&QuietForm {
            breakthrough: least,
            ..quiet.form.clone()
        });
        let kinds: [&mut dyn FnMut(&mut Quietness) -> &'static str; 4] = [
            &mut |_| "silenced-hours",
            &mut |quiet| {
                quiet.pause = Some(PauseView { until: None });
                "silenced-paused"
            },
            &mut |quiet| {
                let until = Some(ms(&night) + 1);
                quiet.pause = Some(PauseView { until });
                "silenced-paused-until"
            },
            &mut |quiet| {
                quiet.pause = None;
                quiet.system = true;
                quiet.follow(&QuietForm {
                    on: false,
                    ..quiet.form.clone()
                });
                "silenced-system"
            },
        ];
        for kind in kinds {
            let expected = kind(&mut quiet);
            let told = all.map(|urgency| id(&quiet, urgency));
            let (silent, loud) = told.split_at(4 - rings);
            assert!(silent.iter().all(|id| id.as_deref() == Some(expected)));
            assert!(loud.iter().all(Option::is_none), "{least:?} {told:?}");
        }
        quiet.mutes.insert("news".into(), Some(ms(&night) + 1));
        for urgency in all {
            let told = id(&quiet, urgency);
            assert_eq!(told.as_deref(), Some("silenced-muted-until"));
        }
        assert_eq!(
            quiet
                .silences(("other", ""), Urgency::Urgent, &night)
                .is_none(),
            rings > 0
        );
    }
}

#[test]
fn what_ends_by_itself_is_known_beforehand_and_let_go_of_then() {
    let day = at("2026-06-01T12:00", BERLIN);
    let now = ms(&day);
    let mut quiet = quiet();
    assert_eq!(
        quiet.next_change(&day),
        Some(ms(&at("2026-06-01T22:00", BERLIN)))
    );
    quiet.pause = Some(PauseView {
        until: Some(now + 3000),
    });
    quiet.mutes.insert("a".into(), Some(now + 2000));
    quiet.mutes.insert("b".into(), None);
    quiet.mutes.insert("c".into(), Some(now + 9000));
    assert_eq!(quiet.next_change(&day), Some(now + 2000));
    assert_eq!(quiet.pass(now + 1999), Over::default());
    let mutes = Over {
        mutes: true,
        pause: false,
    };
    assert_eq!(quiet.pass(now + 2000), mutes);
    assert_eq!(quiet.muted("a", now), None);
    assert_eq!(quiet.next_change(&day), Some(now + 3000));
    assert!(quiet.pass(now + 3000).pause);
    assert_eq!(quiet.pause, None);
    assert!(quiet.pass(i64::MAX).mutes);
    assert_eq!(quiet.muted("b", i64::MAX), Some(None));
}

#[test]
fn what_was_found_holds_no_longer_than_it_is_true() {
    let quiet = quiet();
    let before = at("2026-06-01T21:59:59", BERLIN);
    assert_eq!(quiet.now(&before), None);
    assert!(quiet.now(&at("2026-06-01T22:00", BERLIN)).is_some());
    // A clock that was set back, and another time zone.
    assert_eq!(quiet.now(&before), None);
    assert!(
        quiet
            .now(&at("2026-06-01T22:05", "[Asia/Shanghai]"))
            .is_some()
    );
}
