//! When it is quiet, in one model: a pause counts more than quiet hours, these more than the
//! system's do-not-disturb; a feed can be muted beside them.
//!
//! Pure: the moment comes with its time zone, as an argument.

use std::{cell::Cell, collections::BTreeMap};

use jiff::{ToSpan as _, Zoned, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::view::{Arg, PauseView, Quiet, QuietForm, QuietHours, QuietView, Text, Urgency};

/// How far ahead hours are looked for. Each weekday is within it.
const AHEAD: i64 = 8;
/// For how long what was found holds, in milliseconds: the machine may move to another time zone.
const HOLDS: i64 = 60_000;

/// Feeds that are muted beside the settings, and until when; none: until unmuted.
pub(crate) type Mutes = BTreeMap<String, Option<i64>>;

/// Everything that makes it quiet.
#[derive(Debug, Default)]
pub(crate) struct Quietness {
    /// A person's pause.
    pub(crate) pause: Option<PauseView>,
    /// Mutes that end by themselves, and those of feeds that no settings know.
    pub(crate) mutes: Mutes,
    /// The system's do-not-disturb is on.
    pub(crate) system: bool,
    form: QuietForm,
    found: Cell<Option<Found>>,
}

/// What was found out about the hours.
#[derive(Clone, Copy, Debug)]
struct Found {
    from: i64,
    until: i64,
    hours: Hours,
}

/// What quiet hours say at a moment, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hours {
    /// They are on until then.
    pub(crate) now: Option<i64>,
    /// They are off, and begin then.
    pub(crate) next: Option<i64>,
}

/// What is over by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Over {
    pub(crate) pause: bool,
    pub(crate) mutes: bool,
}

impl Quietness {
    /// Follows the settings.
    pub(crate) fn follow(&mut self, form: &QuietForm) {
        if self.form != *form {
            self.form = form.clone();
            self.found.set(None);
        }
    }

    /// Why it is quiet; none: notifications are on.
    pub(crate) fn now(&self, at: &Zoned) -> Option<Quiet> {
        let now = at.timestamp().as_millisecond();
        let pause = self.pause.as_ref();
        if let Some(pause) = pause.filter(|pause| pause.until.is_none_or(|until| until > now)) {
            return Some(Quiet::Paused { until: pause.until });
        }
        if let Some(until) = self.hours(at).now {
            return Some(Quiet::Hours { until });
        }
        (self.system && self.form.follow_system).then_some(Quiet::System)
    }

    pub(crate) fn view(&self, at: &Zoned) -> QuietView {
        let now = self.now(at);
        let next = self.hours(at).next.filter(|_| now.is_none());
        QuietView {
            now,
            next,
            breakthrough: self.form.breakthrough,
        }
    }

    /// Until when a feed is muted beside the settings, if it is. The inner none: until unmuted.
    pub(crate) fn muted(&self, feed: &str, now: i64) -> Option<Option<i64>> {
        let until = *self.mutes.get(feed)?;
        until.is_none_or(|until| until > now).then_some(until)
    }

    /// Why a message of a feed that no settings mute makes no notification, if it makes none.
    pub(crate) fn silences(
        &self,
        (feed, name): (&str, &str),
        urgency: Urgency,
        at: &Zoned,
    ) -> Option<Text> {
        if let Some(until) = self.muted(feed, at.timestamp().as_millisecond()) {
            return Some(muted_text(name, until));
        }
        self.silences_all(urgency, at)
    }

    /// Why a message of any feed makes none.
    pub(crate) fn silences_all(&self, urgency: Urgency, at: &Zoned) -> Option<Text> {
        if self.form.breakthrough.is_some_and(|least| urgency >= least) {
            return None;
        }
        Some(match self.now(at)? {
            Quiet::Paused { until: None } => Text::new("silenced-paused"),
            Quiet::Paused { until: Some(until) } => {
                Text::new("silenced-paused-until").with("until", Arg::moment(until))
            }
            Quiet::Hours { until } => Text::new("silenced-hours").with("until", Arg::moment(until)),
            Quiet::System => Text::new("silenced-system"),
        })
    }

    /// The next moment at which something begins or ends by itself.
    pub(crate) fn next_change(&self, at: &Zoned) -> Option<i64> {
        let Hours { now, next } = self.hours(at);
        let pause = self.pause.as_ref().and_then(|pause| pause.until);
        let mutes = self.mutes.values().copied().flatten();
        mutes.chain(pause).chain(now).chain(next).min()
    }

    /// Lets go of what is over.
    pub(crate) fn pass(&mut self, now: i64) -> Over {
        let ended = |until: &Option<i64>| until.is_some_and(|until| until <= now);
        let before = self.mutes.len();
        self.mutes.retain(|_, until| !ended(until));
        let pause = self.pause.as_ref().is_some_and(|pause| ended(&pause.until));
        if pause {
            self.pause = None;
        }
        Over {
            pause,
            mutes: self.mutes.len() < before,
        }
    }

    fn hours(&self, at: &Zoned) -> Hours {
        if !self.form.on {
            return Hours::default();
        }
        let now = at.timestamp().as_millisecond();
        if let Some(found) = self.found.get()
            && (found.from..found.until).contains(&now)
        {
            return found.hours;
        }
        let hours = hours(&self.form.hours, at);
        let change = hours.now.or(hours.next).unwrap_or(i64::MAX);
        self.found.set(Some(Found {
            from: now,
            until: change.min(now.saturating_add(HOLDS)),
            hours,
        }));
        hours
    }
}

/// Why a message of a muted feed makes no notification.
pub(crate) fn muted_text(name: &str, until: Option<i64>) -> Text {
    match until {
        None => Text::new("silenced-muted").with("feed", name),
        Some(until) => Text::new("silenced-muted-until")
            .with("feed", name)
            .with("until", Arg::moment(until)),
    }
}

/// Windows that overlap or touch are one.
pub(crate) fn hours(windows: &[QuietHours], at: &Zoned) -> Hours {
    let zone = at.time_zone();
    let now = at.timestamp().as_millisecond();
    let mut spans: Vec<(i64, i64)> = Vec::new();
    // One that began the day before yesterday ends yesterday, or today where clocks are turned.
    for offset in -2..=AHEAD {
        let Ok(date) = at.date().checked_add(offset.days()) else {
            continue;
        };
        let day = date.weekday().to_monday_one_offset();
        spans.extend(
            windows
                .iter()
                .filter(|window| {
                    window
                        .days
                        .iter()
                        .any(|other| i16::from(*other) == i16::from(day))
                })
                .filter_map(|window| span(window, date, zone)),
        );
    }
    spans.sort_unstable();
    let mut current: Option<(i64, i64)> = None;
    for (from, until) in spans.into_iter().filter(|(_, until)| *until > now) {
        match &mut current {
            Some((_, end)) if from <= *end => *end = until.max(*end),
            Some(_) => break,
            None => current = Some((from, until)),
        }
    }
    match current {
        Some((from, until)) if from <= now => Hours {
            now: Some(until),
            next: None,
        },
        Some((from, _)) => Hours {
            now: None,
            next: Some(from),
        },
        None => Hours::default(),
    }
}

/// When a window begins and ends that begins on this date. Where clocks are turned it begins at
/// the first and ends at the last moment that such a clock shows: rather too long than too loud.
fn span(window: &QuietHours, date: Date, zone: &TimeZone) -> Option<(i64, i64)> {
    let moment = |date: Date, minutes: u16| {
        let days = i64::from(minutes / 1440);
        let minutes = minutes % 1440;
        let hour = i8::try_from(minutes / 60).ok()?;
        let minute = i8::try_from(minutes % 60).ok()?;
        let date = date.checked_add(days.days()).ok()?;
        Some(zone.to_ambiguous_timestamp(date.at(hour, minute, 0, 0)))
    };
    let from = moment(date, window.from)?.compatible().ok()?;
    let wraps = window.until <= window.from;
    let end = date.checked_add(i64::from(wraps).days()).ok()?;
    let until = moment(end, window.until)?.later().ok()?;
    let (from, until) = (from.as_millisecond(), until.as_millisecond());
    (from < until).then_some((from, until))
}

#[cfg(test)]
mod tests;
