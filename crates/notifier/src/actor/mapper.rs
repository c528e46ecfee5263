//! For the feed editor: what rules make of real events, and a message to try them.

use tokio::time::Instant;

use super::{Actor, forms::refuse_wrong, requests::refused_inbox};
use crate::{
    inbox::{action_view, flattened},
    presentation::COUNT,
    presets,
    rules::{self, Arrived, Judged, Rules},
    settings::unknown_preset,
    subscription::{Hush, Subscription},
    view::{FeedForm, FieldError, Preview, RawEvent, RecentEvent, Refusal, Text},
};

/// The events of a feed that the editor gets, and how many bytes of them.
const RECENT: usize = 50;
const RECENT_BYTES: usize = 4 << 20;
/// The largest event that is judged for a form, in bytes.
const LARGEST: usize = 8 << 20;

impl Actor {
    pub(super) fn preview(&self, form: &FeedForm, raw: &RawEvent) -> Result<Preview, Refusal> {
        let preset = presets::find(&form.preset);
        let mut wrong = Vec::new();
        if preset.is_none() && !form.preset.is_empty() {
            wrong.push(FieldError {
                field: "preset".to_owned(),
                text: unknown_preset(&form.preset),
            });
        }
        for (place, rule) in form.rules.iter().enumerate() {
            wrong.extend(
                rules::check(rule)
                    .into_iter()
                    .map(|(field, text)| FieldError {
                        field: format!("rules.{place}.{field}"),
                        text,
                    }),
            );
        }
        refuse_wrong(wrong)?;
        if raw.data.len() > LARGEST {
            return Err(Refusal::of(Text::new("field-long").with("most", LARGEST)));
        }
        let name = match form.name.trim() {
            "" => url::Url::parse(form.url.trim())
                .ok()
                .and_then(|url| url.host_str().map(str::to_owned))
                .unwrap_or_default(),
            name => name.to_owned(),
        };
        let localizer = self.localizer.clone();
        let rules = Rules::new(&name, &form.rules, preset.as_deref(), localizer)
            .remote_icons(form.notification.remote_icons);
        Ok(judge(&rules, raw))
    }

    pub(super) fn recent_events(&self, feed: &str) -> Result<Vec<RecentEvent>, Refusal> {
        let rules = &self.feed(feed)?.rules;
        let events = self.read(|inbox, _| inbox.recent_events(feed, RECENT, RECENT_BYTES))?;
        let judged = events.into_iter().map(|(raw, received)| RecentEvent {
            preview: judge(rules, &raw),
            raw,
            received,
        });
        Ok(judged.collect())
    }

    /// The last real event of a feed, or a like if none came yet, goes the way of any other.
    pub(super) fn test_message(&mut self, id: &str) -> Result<(), Refusal> {
        let feed = self.feed(id)?;
        let last = self.read(|inbox, _| inbox.recent_events(id, 1, 0))?.pop();
        let made_up = last.is_none();
        let raw = last.map_or_else(|| self.like(), |(raw, _)| raw);
        let received = self.now_ms();
        let at = self.moment();
        let hush = Hush {
            quiet: &self.quiet,
            at: &at,
        };
        let entry = feed.trial(&raw, made_up, received, hush);
        let entry = entry.map_err(|why| {
            let why = self.localizer.text(&why);
            Refusal::of(Text::new("refused-test-dropped").with("why", why))
        })?;
        // What came before it is stored before it, or the inbox cannot be written at all.
        let now = Instant::now();
        if !self.write(now) {
            return Err(Refusal::of(Text::new("refused-no-inbox")));
        }
        let Some(inbox) = &mut self.inbox else {
            return Err(Refusal::of(Text::new("refused-no-inbox")));
        };
        let outcomes = inbox.commit([&entry]).map_err(|why| refused_inbox(&why))?;
        self.written(vec![super::Unwritten::new(entry)], &outcomes, now);
        Ok(())
    }

    fn feed(&self, id: &str) -> Result<&Subscription, Refusal> {
        let mut feeds = self.feeds.iter();
        feeds
            .find(|feed| feed.settings.id == id)
            .ok_or_else(|| Refusal::of(Text::new("refused-unknown-feed")))
    }

    fn like(&self) -> RawEvent {
        RawEvent {
            name: "like".to_owned(),
            id: None,
            data: serde_json::json!({
                "title": self.localizer.get("try-title"),
                "body": self.localizer.get("test-body"),
            })
            .to_string(),
        }
    }
}

fn judge(rules: &Rules, raw: &RawEvent) -> Preview {
    let judged = rules.judge(Arrived {
        name: &raw.name,
        data: &raw.data,
        own_id: raw.id.as_deref(),
        // Which place it had on its connection is not known: not the first, as most are not.
        nth: 1,
    });
    preview_of(judged, &raw.data)
}

pub(super) fn preview_of(judged: Judged, data: &str) -> Preview {
    let shown = judged.shown;
    let burst = shown.burst.filter(|_| shown.group.is_some());
    Preview {
        verdict: judged.verdict,
        why: judged.why,
        rule: judged.rule.and_then(|place| u32::try_from(place).ok()),
        title: shown.title,
        body: shown.body,
        link: shown.link,
        icon: shown.icon,
        urgency: shown.urgency,
        group: shown.group,
        actor: shown.actor,
        key: judged.key_words,
        burst: burst.map(|burst| burst.replace(COUNT, "3")),
        actions: shown.actions.iter().map(action_view).collect(),
        fields: serde_json::from_str(data)
            .map(|value: serde_json::Value| flattened(&value))
            .unwrap_or_default(),
    }
}
