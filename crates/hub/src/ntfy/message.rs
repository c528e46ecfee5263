//! ntfy's message, as it stands in the log, in answers and in streams. Source:
//! ntfy's `model/model.go`; the fields are in its order.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::actions::Action;
use crate::MessageId;
use crate::publication::Topic;
use crate::record::Record;

/// A message, or what the hub says in its form.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Message<'a> {
    pub(super) id: Cow<'a, str>,
    /// Left out where it is the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sequence_id: Option<String>,
    /// Unix seconds.
    pub(super) time: i64,
    /// Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<i64>,
    pub(super) event: &'static str,
    pub(super) topic: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(super) message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) priority: Option<u8>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) click: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) icon: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) actions: Vec<Action>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attachment: Option<Attachment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) poll_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoding: Option<&'static str>,
    /// Of a gap: the last id that the subscriber named, and where it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

/// A file at another place; the hub never looks at it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) url: String,
}

pub(super) const MESSAGE: &str = "message";
pub(super) const POLL_REQUEST: &str = "poll_request";
pub(super) const CLEAR: &str = "message_clear";
pub(super) const DELETE: &str = "message_delete";
pub(super) const TRIGGERED: &str = "triggered";

impl Message<'_> {
    pub(super) fn json(&self) -> String {
        // Texts and numbers do not fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A publication of another kind, as ntfy's clients see it: the data as the
/// message, or its parts where the data is JSON that names them like ntfy does.
pub(super) fn of_record<'a>(record: &'a Record, topic: &'a Topic) -> Message<'a> {
    let mut message = Message {
        id: MessageId::of(record.position).to_string().into(),
        time: record.at.div_euclid(1000),
        expires: record.expires.map(|expires| expires.div_euclid(1000)),
        event: MESSAGE,
        topic: topic.as_str().into(),
        message: record.data.as_ref().into(),
        ..Message::default()
    };
    if record.data.starts_with('{')
        && let Ok(Value::Object(mut data)) = serde_json::from_str(&record.data)
    {
        let mut text = |name: &str| match data.remove(name) {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        message.title = text("title");
        message.click = text("click").filter(|click| is_web(click));
        if let Some(text) = text("message") {
            message.message = text.into();
        }
    }
    if message.message.is_empty() {
        message.message = TRIGGERED.into();
    }
    message
}

/// Whether the text is an address of the web. Source: ntfy's `urlRegex`.
pub(super) fn is_web(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// What filters and the raw stream need to know of a stored message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Glance<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) event: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) title: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) message: Cow<'a, str>,
    pub(super) priority: Option<u8>,
    #[serde(borrow)]
    pub(super) tags: Vec<Cow<'a, str>>,
}

impl<'a> Glance<'a> {
    pub(super) fn stored(data: &'a str) -> Self {
        serde_json::from_str(data).unwrap_or_default()
    }

    pub(super) fn of(message: Message<'a>) -> Self {
        Self {
            id: message.id,
            event: message.event.into(),
            title: message.title.unwrap_or_default().into(),
            message: message.message,
            priority: message.priority,
            tags: message.tags.into_iter().map(Cow::from).collect(),
        }
    }
}
