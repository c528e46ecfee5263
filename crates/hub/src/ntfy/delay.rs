//! Times as publishers and subscribers of ntfy write them.

use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::{Span, Timestamp, ToSpan, Zoned};

/// Numbers below are seconds from now, numbers from here on are Unix times: no
/// clock in use is behind this one (September 2001), and no delay is as long.
const FIRST_UNIX_TIME: i64 = 1_000_000_000;
const DAY: f64 = 86_400.0;

/// When a delayed message is due: seconds, a duration (`30s`, `1h30m`,
/// `2 days`), a Unix time, or one of a few English times in the zone of `now`:
/// `tomorrow`, `9am`, `at 17:30`, `tomorrow, 9:05 pm`, `Tuesday 7am`, `in 2 hours`.
/// `None` for everything else: a time that is guessed is worse than none.
pub(super) fn due(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        if number < FIRST_UNIX_TIME {
            return after(now, u64::try_from(number).ok()? as f64);
        }
        let at = Timestamp::from_second(number).ok()?;
        return (at >= now.timestamp()).then_some(at);
    }
    if let Some(seconds) = seconds(text) {
        return after(now, seconds);
    }
    english(&text.to_lowercase(), now).map(|at| at.timestamp())
}

/// A duration in seconds: numbers with units as Go writes them (`1h30m`,
/// `1.5h`, `300ms`), or one whole number with a unit in words (`2 days`).
pub(super) fn seconds(text: &str) -> Option<f64> {
    compound(text).or_else(|| worded(text))
}

/// The time that many seconds after `now`.
fn after(now: &Zoned, seconds: f64) -> Option<Timestamp> {
    let later = Duration::try_from_secs_f64(seconds.max(0.0)).ok()?;
    now.timestamp().checked_add(later).ok()
}

fn compound(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(end);
        let number: f64 = number.parse().ok()?;
        let end = tail.find(|c: char| c == '.' || c.is_ascii_digit());
        let (unit, tail) = tail.split_at(end.unwrap_or(tail.len()));
        total += number
            * match unit {
                "ns" => 1e-9,
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => DAY,
                _ => return None,
            };
        rest = tail;
    }
    Some(sign * total)
}

fn worded(text: &str) -> Option<f64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let number: u32 = number.parse().ok()?;
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => DAY,
        _ => return None,
    };
    Some(f64::from(number) * unit)
}

/// `text` is in lower case.
fn english(text: &str, now: &Zoned) -> Option<Zoned> {
    if let Some(duration) = text.strip_prefix("in ") {
        let later = Duration::try_from_secs_f64(seconds(duration.trim())?).ok()?;
        return now.checked_add(later).ok();
    }
    let words: Vec<&str> = text
        .split([' ', '\t', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let (day, rest) = match words.split_first()? {
        (&"today", rest) => (Day::Today, rest),
        (&"tomorrow", rest) => (Day::Tomorrow, rest),
        (first, rest) => match weekday(first) {
            Some(weekday) => (Day::Next(weekday), rest),
            None => (Day::Any, &words[..]),
        },
    };
    let rest = match rest {
        ["at", rest @ ..] if !rest.is_empty() => rest,
        rest => rest,
    };
    let time = match (rest, day) {
        // The same time of tomorrow; of another day it would be a guess.
        ([], Day::Tomorrow) => return now.checked_add(1.day()).ok(),
        ([time], _) => clock(time, "")?,
        ([time, half], _) => clock(time, half)?,
        _ => return None,
    };
    let on = |days: Span| -> Option<Zoned> {
        let date = now.date().checked_add(days).ok()?;
        date.to_datetime(time)
            .to_zoned(now.time_zone().clone())
            .ok()
    };
    let first = match day {
        Day::Today | Day::Any => on(0.days())?,
        Day::Tomorrow => on(1.day())?,
        Day::Next(weekday) => {
            let ahead = now.date().weekday().until(weekday);
            on(i64::from(ahead).days())?
        }
    };
    match day {
        _ if first > *now => Some(first),
        Day::Any => on(1.day()),
        Day::Next(_) => on(7.days()),
        Day::Today | Day::Tomorrow => None,
    }
}

#[derive(Clone, Copy)]
enum Day {
    Any,
    Today,
    Tomorrow,
    Next(Weekday),
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// `9am`, `9:05 pm`, `17:30`; an hour without minutes needs its half of the day.
fn clock(time: &str, half: &str) -> Option<Time> {
    let (time, half) = match (time.strip_suffix("am"), time.strip_suffix("pm"), half) {
        (Some(time), None, "") => (time, "am"),
        (None, Some(time), "") => (time, "pm"),
        (None, None, half) => (time, half),
        _ => return None,
    };
    let (hour, minute) = match time.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour, minute),
        None if !half.is_empty() => (time, "0"),
        _ => return None,
    };
    if !hour
        .bytes()
        .chain(minute.bytes())
        .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (hour, minute): (i8, i8) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match half {
        "" => hour,
        "am" if (1..=12).contains(&hour) => hour % 12,
        "pm" if (1..=12).contains(&hour) => hour % 12 + 12,
        _ => return None,
    };
    Time::new(hour, minute, 0, 0).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Saturday at noon, in a zone that is not UTC.
    fn now() -> Zoned {
        "2026-11-21T12:00:00+08:00[Asia/Shanghai]".parse().unwrap()
    }

    #[test]
    fn times() {
        let unix = now().timestamp().as_second();
        for (text, after) in [
            ("30", 30),
            ("9", 9),
            ("30s", 30),
            (" 5m ", 300),
            ("2h", 7200),
            ("1d", 86_400),
            ("1h30m", 5400),
            ("1.5h", 5400),
            ("90000ms", 90),
            ("2 days", 172_800),
            ("10 min", 600),
            ("1 Hour", 3600),
            ("-5m", 0),
            ("in 2 hours", 7200),
            ("in 1h", 3600),
            ("tomorrow", 86_400),
            ("tomorrow 9am", 75_600),
            ("Tomorrow, 9:30 pm", 120_600),
            ("tomorrow at 09:00", 75_600),
            ("1pm", 3600),
            ("at 1 pm", 3600),
            // Past for today: the next one.
            ("9am", 75_600),
            ("12pm", 86_400),
            ("12am", 43_200),
            ("17:30", 19_800),
            ("today 17:30", 19_800),
            ("sunday 12:00", 86_400),
            ("Tuesday, 7am", 3 * 86_400 - 18_000),
            ("saturday 1pm", 3600),
            ("saturday 11am", 7 * 86_400 - 3600),
        ] {
            let due = due(text, &now()).map(|at| at.as_second() - unix);
            assert_eq!(due, Some(after), "{text}");
        }
        assert_eq!(
            due(&(unix + 60).to_string(), &now()).unwrap().as_second(),
            unix + 60
        );
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        for text in [
            "",
            "soon",
            "-30",
            "1500000000",
            "99999999999999999999",
            "9:5",
            "25:00",
            "13pm",
            "0am",
            "9ampm",
            "9am pm",
            "today",
            "today 9am",
            "tuesday",
            "at",
            "tomorrow at",
            "tomorrow morning",
            "next week",
            "half past nine",
            "1h tomorrow",
            "1x",
            "1.2.3s",
            ".s",
            "in",
            "in -5m",
            "1e300h",
            "99999999999 days",
        ] {
            assert_eq!(due(text, &now()), None, "{text}");
        }
    }

    #[test]
    fn a_day_with_a_change_of_the_clock_has_its_time() {
        let now: Zoned = "2026-10-24T12:00:00+02:00[Europe/Berlin]".parse().unwrap();
        let due = due("tomorrow 9am", &now).unwrap();
        assert_eq!(due.to_string(), "2026-10-25T08:00:00Z");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fall_over(
            text in "[-+]?[0-9.:]{0,22} ?(s|m|h|d|days|am|pm|µs|tomorrow|monday|at|in)?[, ]?[0-9a-z]{0,5}",
            any in any::<String>(),
        ) {
            due(&text, &now());
            due(&any, &now());
        }
    }
}
