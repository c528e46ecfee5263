//! No feed floods the inbox: above a preset's limit events are left out, counted, and said.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::{
    inbox::{Draft, Key, Kind, Thread},
    presentation::Presentation,
    presets::AtMost,
    rules::Rules,
    view::{Text, Urgency},
};

/// How much is remembered of what was let in.
const RECENT: usize = 256;
/// A row counts for this long; then another begins.
const ROW: Duration = Duration::from_secs(3600);

/// What one feed may bring, and what it brought.
#[derive(Debug)]
pub(crate) struct Limit {
    at_most: AtMost,
    began: Option<Instant>,
    count: u32,
    row: Option<Row>,
    /// What was let in last: a server that resumes sends it again, and the inbox absorbs it.
    recent: VecDeque<Key>,
}

/// The row that says how many were left out.
#[derive(Debug)]
struct Row {
    began: Instant,
    last: Instant,
    name: String,
    left_out: u64,
}

impl Limit {
    pub(crate) fn new(at_most: AtMost) -> Self {
        Self {
            at_most,
            began: None,
            count: 0,
            row: None,
            recent: VecDeque::new(),
        }
    }

    /// A message wants in: nothing if it may, else the row that counts it in its place.
    pub(crate) fn take(
        &mut self,
        key: &Key,
        received: i64,
        now: Instant,
        rules: &Rules,
    ) -> Option<Draft> {
        if matches!(key, Key::Once(_)) && self.recent.contains(key) {
            return None;
        }
        let window = Duration::from_secs(u64::from(self.at_most.per_seconds.max(1)));
        if self
            .began
            .is_none_or(|began| now.duration_since(began) >= window)
        {
            self.began = Some(now);
            self.count = 0;
        }
        if self.count < self.at_most.count {
            self.count += 1;
            self.recent.push_back(key.clone());
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
            return None;
        }
        let goes_on = |row: &Row| {
            now.duration_since(row.last) < window * 2 && now.duration_since(row.began) < ROW
        };
        if !self.row.as_ref().is_some_and(goes_on) {
            self.row = None;
        }
        let row = self.row.get_or_insert_with(|| Row {
            began: now,
            last: now,
            name: format!("left-out-{received}"),
            left_out: 0,
        });
        row.last = now;
        row.left_out += 1;
        let text = |id: &str| {
            Text::new(id)
                .with("count", usize::try_from(row.left_out).unwrap_or(usize::MAX))
                .with("most", u64::from(self.at_most.count))
                .with("seconds", u64::from(self.at_most.per_seconds))
        };
        Some(Draft {
            key: None,
            kind: Kind::LeftOut,
            event: "left-out".to_owned(),
            own_id: None,
            data: serde_json::json!({ "left_out": row.left_out }).to_string(),
            shown: Presentation {
                title: rules.text(&text("left-out")),
                body: rules.text(&text("left-out-about")),
                urgency: Urgency::Low,
                ..Presentation::default()
            },
            verdict: text("ledger-left-out"),
            silenced: None,
            thread: Some(Thread::of(&row.name)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::text::{Locale, Localizer};

    #[tokio::test]
    async fn what_is_too_much_is_counted_in_one_row() {
        let localizer = Arc::new(Localizer::new(Locale::English));
        let rules = Rules::new("f", &[], None, localizer);
        let mut limit = Limit::new(AtMost {
            count: 2,
            per_seconds: 10,
        });
        let start = Instant::now();
        let mut take = |seconds| {
            limit.take(
                &Key::replay(None, "message", ""),
                seconds,
                start + Duration::from_secs(seconds as u64),
                &rules,
            )
        };
        assert!(take(0).is_none());
        assert!(take(1).is_none());
        let first = take(2).unwrap();
        assert_eq!(first.shown.title, "1 event was left out");
        let second = take(9).unwrap();
        assert_eq!(second.shown.title, "2 events were left out");
        assert_eq!(first.thread, second.thread);
        // The next window brings two more, and the flood goes on in the same row.
        assert!(take(10).is_none());
        assert!(take(11).is_none());
        assert_eq!(take(12).unwrap().thread, first.thread);
        // After a calm another row begins.
        assert!(take(100).is_none());
        assert!(take(101).is_none());
        let other = take(102).unwrap();
        assert_ne!(other.thread, first.thread);
        assert_eq!(other.shown.title, "1 event was left out");
    }
}
