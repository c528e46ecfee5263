//! For the feed editor: what rules make of real events, tests, and feeds on their way in and out.

use std::path::Path;

use super::{Actor, not_yet};
use crate::{
    inbox::flattened,
    rules::Judged,
    view::{Erase, Exported, FeedForm, Imported, Preview, RawEvent, RecentEvent, Refusal},
};

impl Actor {
    pub(super) fn preview(&self, _form: &FeedForm, _raw: &RawEvent) -> Result<Preview, Refusal> {
        Err(not_yet())
    }

    pub(super) fn recent_events(&self, _feed: &str) -> Result<Vec<RecentEvent>, Refusal> {
        Err(not_yet())
    }

    pub(super) fn test_message(&mut self, _feed: &str) -> Result<(), Refusal> {
        Err(not_yet())
    }

    pub(super) fn export_feeds(&self, _folder: &Path) -> Result<Exported, Refusal> {
        Err(not_yet())
    }

    pub(super) async fn import_feeds(&mut self, _text: &str) -> Result<Imported, Refusal> {
        Err(not_yet())
    }

    pub(super) fn diagnostics(&self) -> Result<String, Refusal> {
        Err(not_yet())
    }

    pub(super) async fn erase(&mut self, _what: Erase) -> Result<(), Refusal> {
        Err(not_yet())
    }
}

pub(super) fn preview_of(judged: Judged, data: &str) -> Preview {
    Preview {
        verdict: judged.verdict,
        why: judged.why,
        rule: None,
        title: judged.shown.title,
        body: judged.shown.body,
        link: judged.shown.link,
        icon: judged.shown.icon,
        urgency: judged.shown.urgency,
        group: judged.shown.group,
        actor: judged.shown.actor,
        key: None,
        fields: serde_json::from_str(data)
            .map(|value: serde_json::Value| flattened(&value))
            .unwrap_or_default(),
    }
}
