//! Where a feed goes on from, and which event leads where.

use std::time::Duration;

use feed::{Event, Resume};
use tokio::time::Instant;

use crate::{presets::Preset, settings::Connection, view::ResumeForm};

/// How long the places that a resumed connection begins with are held back at most.
const HELD: Duration = Duration::from_secs(60);

/// Whether and how a feed resumes, the preset's word taken in: never [`ResumeForm::Preset`].
#[must_use]
pub(crate) fn resume_of(connection: &Connection, preset: Option<&Preset>) -> ResumeForm {
    match (&connection.resume, preset) {
        (ResumeForm::Preset, Some(preset)) => preset.resume.clone(),
        (ResumeForm::Preset, None) => ResumeForm::Header,
        (own, _) => own.clone(),
    }
}

/// The place of a feed: the last event id, or the value of a field.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    resume: ResumeForm,
    cursor: String,
    /// What a first connection asks for in place of a cursor.
    first: Option<String>,
    /// A resumed connection that begins with a greeting of now sends what was missed after it. Until
    /// it greets again, places from then on would skip what is still missing.
    held: Option<Held>,
    nth: u64,
}

#[derive(Clone, Debug)]
struct Held {
    from: Option<f64>,
    since: Instant,
}

impl Place {
    /// Goes on from a cursor; an empty one is none.
    pub(crate) fn new(resume: ResumeForm, cursor: String) -> Self {
        Self {
            resume,
            cursor,
            first: None,
            held: None,
            nth: 0,
        }
    }

    /// A first connection asks for this, until there is a cursor.
    pub(crate) fn ask_from(&mut self, first: String) {
        self.first = Some(first);
    }

    /// How the server hears of it.
    pub(crate) fn resume(&self) -> Resume {
        match &self.resume {
            ResumeForm::Preset | ResumeForm::Header => Resume::Header,
            ResumeForm::Query { name } | ResumeForm::Field { name, .. } => {
                Resume::Query(name.clone())
            }
            ResumeForm::Off => Resume::Off,
        }
    }

    /// What the server is asked to go on from.
    pub(crate) fn asked(&self) -> Option<String> {
        if self.resume == ResumeForm::Off {
            return None;
        }
        let cursor = Some(&self.cursor).filter(|cursor| !cursor.is_empty());
        cursor.or(self.first.as_ref()).cloned()
    }

    /// The cursor; empty if there is none.
    pub(crate) fn cursor(&self) -> &str {
        &self.cursor
    }

    /// Whether it is a field of the data.
    pub(crate) fn by_field(&self) -> bool {
        matches!(self.resume, ResumeForm::Field { .. })
    }

    /// A connection is there; true if the server was asked to go on from somewhere.
    pub(crate) fn connected(&mut self, now: Instant) -> bool {
        let asked = self.asked().is_some();
        self.nth = 0;
        self.held = (asked && self.by_field()).then_some(Held {
            from: None,
            since: now,
        });
        asked
    }

    /// The field of this event, if that is what it goes by.
    pub(crate) fn of(&self, event: &Event) -> Option<String> {
        match &self.resume {
            ResumeForm::Field { field, .. } => value_at(&event.data, field),
            _ => None,
        }
    }

    /// The cursor once this event is stored; none if it does not move. `dropped`: a rule says that
    /// it is no message, like a greeting or a keep-alive.
    pub(crate) fn after(&mut self, event: &Event, dropped: bool, now: Instant) -> Option<String> {
        let nth = self.nth;
        self.nth += 1;
        if !self.by_field() {
            let own = event.has_own_id;
            let inherited = !own && self.first.as_ref() == Some(&event.last_event_id);
            return (!inherited).then(|| self.moved(event.last_event_id.clone()));
        }
        let value = self.of(event)?;
        if let Some(held) = &mut self.held {
            if dropped && nth == 0 {
                held.from = value.parse().ok();
                return None;
            }
            if dropped || now.duration_since(held.since) >= HELD {
                self.held = None;
            } else if let (Some(from), Ok(value)) = (held.from, value.parse::<f64>())
                && value >= from
            {
                return None;
            }
        }
        Some(self.moved(value))
    }

    /// The cursor once an event id that came alone is stored.
    pub(crate) fn id(&mut self, id: &str) -> Option<String> {
        let foreign = self.by_field() || self.first.as_deref() == Some(id);
        (!foreign).then(|| self.moved(id.to_owned()))
    }

    fn moved(&mut self, cursor: String) -> String {
        self.cursor.clone_from(&cursor);
        cursor
    }
}

/// The scalar at a path like `meta.dt` of JSON data.
fn value_at(data: &str, path: &str) -> Option<String> {
    let data: serde_json::Value = serde_json::from_str(data).ok()?;
    let found = path.split('.').try_fold(&data, |value, name| match value {
        serde_json::Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })?;
    match found {
        serde_json::Value::String(words) => Some(words.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
    .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_time(cursor: &str) -> Place {
        let resume = ResumeForm::Field {
            field: "time".into(),
            name: "since".into(),
        };
        Place::new(resume, cursor.into())
    }

    fn at(time: u64) -> Event {
        Event {
            name: "message".into(),
            data: format!(r#"{{"time":{time}}}"#),
            has_own_id: false,
            last_event_id: "sse".into(),
            origin: "".into(),
            connection: 1,
        }
    }

    fn moves(place: &mut Place, time: u64, dropped: bool, now: Instant) -> Option<String> {
        place.after(&at(time), dropped, now)
    }

    #[tokio::test]
    async fn a_first_connection_starts_at_the_greeting() {
        let now = Instant::now();
        let mut place = by_time("");
        assert!(!place.connected(now));
        assert_eq!(moves(&mut place, 100, true, now).as_deref(), Some("100"));
        assert_eq!(place.asked().as_deref(), Some("100"));
        assert_eq!(place.id("sse"), None);
    }

    #[tokio::test]
    async fn a_resumed_connection_does_not_skip_what_is_still_to_come() {
        let now = Instant::now();
        let mut place = by_time("100");
        assert!(place.connected(now));
        assert_eq!(moves(&mut place, 200, true, now), None);
        assert_eq!(moves(&mut place, 110, false, now).as_deref(), Some("110"));
        // Live ones come between those that were missed.
        assert_eq!(moves(&mut place, 201, false, now), None);
        assert_eq!(moves(&mut place, 120, false, now).as_deref(), Some("120"));
        assert_eq!(place.asked().as_deref(), Some("120"));
        // A keep-alive comes after all of them.
        assert_eq!(moves(&mut place, 245, true, now).as_deref(), Some("245"));
        assert_eq!(moves(&mut place, 246, false, now).as_deref(), Some("246"));
    }

    #[tokio::test]
    async fn what_is_held_back_is_so_for_a_minute_at_most() {
        let now = Instant::now();
        let mut place = by_time("100");
        place.connected(now);
        moves(&mut place, 200, true, now);
        assert_eq!(moves(&mut place, 201, false, now), None);
        let later = now + HELD;
        assert_eq!(moves(&mut place, 202, false, later).as_deref(), Some("202"));
    }

    #[tokio::test]
    async fn what_a_first_connection_asks_for_is_no_cursor() {
        let now = Instant::now();
        let mut place = Place::new(ResumeForm::Header, String::new());
        place.ask_from("earliest".into());
        assert_eq!(place.asked().as_deref(), Some("earliest"));
        place.connected(now);
        let mut event = at(1);
        event.last_event_id = "earliest".into();
        assert_eq!(place.after(&event, false, now), None);
        event.has_own_id = true;
        event.last_event_id = "urn:uuid:1".into();
        assert_eq!(
            place.after(&event, false, now).as_deref(),
            Some("urn:uuid:1")
        );
        assert_eq!(place.asked().as_deref(), Some("urn:uuid:1"));
    }

    #[test]
    fn a_field_is_found_by_its_path() {
        let data = r#"{"meta":{"dt":"2026-01-01"},"list":[7],"flag":true}"#;
        assert_eq!(value_at(data, "meta.dt").as_deref(), Some("2026-01-01"));
        assert_eq!(value_at(data, "list.0").as_deref(), Some("7"));
        assert_eq!(value_at(data, "flag"), None);
        assert_eq!(value_at("ping", "meta"), None);
    }
}
