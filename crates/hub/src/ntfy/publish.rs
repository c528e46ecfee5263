//! From a publish in ntfy's manner to a publication. Source: ntfy's
//! `docs/publish.md`.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sse::EventName;

use super::errors::Problem;
use super::message::{
    Attachment, CLEAR, DELETE, MESSAGE, Message, POLL_REQUEST, TRIGGERED, is_web,
};
use super::params::Params;
use super::{actions, delay};
use crate::publication::{Address, Audience, Topic};
use crate::{MessageId, Publication};

/// Most bytes of a message.
pub(super) const MOST_MESSAGE: usize = 4096;
/// Most bytes of a message as JSON.
pub(super) const MOST_JSON: usize = 2 * MOST_MESSAGE;
const SHORTEST_DELAY: Duration = Duration::from_secs(10);
const LONGEST_DELAY: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What a request sends.
pub(super) struct Request<'a> {
    pub(super) topic: Topic,
    /// A sequence id in the path.
    pub(super) sequence: Option<&'a str>,
    pub(super) params: &'a Params,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// What the hub adds.
pub(super) struct Hub<'a> {
    pub(super) now: Timestamp,
    /// How long messages are kept.
    pub(super) kept: Duration,
    pub(super) random: &'a mut fastrand::Rng,
}

/// Reads a message, or says what is wrong with it.
pub(super) fn message(request: &Request<'_>, hub: &mut Hub<'_>) -> Result<Publication, Problem> {
    let Request { topic, params, .. } = request;
    let id = MessageId::random(hub.random);
    let sequence = sequence(request)?;
    let mut message = Message {
        id: id.to_string().into(),
        sequence_id: sequence.clone().filter(|own| own != id.as_str()),
        time: hub.now.as_second(),
        event: MESSAGE,
        topic: topic.as_str().into(),
        title: params.get(&["x-title", "title", "t"]),
        click: params.get(&["x-click", "click"]),
        ..Message::default()
    };
    refuse_what_is_off(params)?;

    let poll_id = params.get(&["x-poll-id", "poll-id"]);
    let cache = params.flag(&["x-cache", "cache"]).unwrap_or(true) && poll_id.is_none();
    let due = due(params, hub.now, cache)?;
    if let Some(due) = due {
        message.time = due.as_second();
    }
    if cache {
        let kept = i64::try_from(hub.kept.as_secs()).unwrap_or(i64::MAX);
        message.expires = Some(message.time.saturating_add(kept));
    }
    message.priority = match params.get(&["x-priority", "priority", "prio", "p"]) {
        Some(text) => Some(priority(&text)?),
        None => None,
    };
    if let Some(tags) = params.get(&["x-tags", "tags", "tag", "ta"]) {
        message.tags = list(&tags);
    }
    if let Some(icon) = params.get(&["x-icon", "icon"]) {
        if !is_web(&icon) {
            return Err(Problem::new(40021, "the icon is an http or https address"));
        }
        message.icon = Some(icon);
    }
    if let Some(text) = params.get(&["x-actions", "actions", "action"]) {
        message.actions = actions::parse(&text)
            .map_err(|why| Problem::new(40018, format!("the actions cannot be read: {why}")))?;
        for action in &mut message.actions {
            let id = std::iter::repeat_with(|| hub.random.alphanumeric());
            action.id = id.take(10).collect();
        }
    }
    let markdown = params.flag(&["x-markdown", "markdown", "md"]);
    let typed = || {
        let typed = request.headers.get(CONTENT_TYPE)?.to_str().ok()?;
        Some(
            typed
                .trim()
                .to_ascii_lowercase()
                .starts_with("text/markdown"),
        )
    };
    if markdown.or_else(typed) == Some(true) {
        message.content_type = Some("text/markdown");
    }
    if let Some(poll_id) = poll_id {
        message.event = POLL_REQUEST;
        message.message = "New message".into();
        message.poll_id = Some(poll_id);
    } else {
        read_body(request, &mut message)?;
    }

    let event = match message.event {
        MESSAGE => None,
        other => Some(other),
    };
    Ok(Publication {
        event: event.and_then(|name| EventName::parse(name).ok()),
        transient: !cache,
        due,
        sequence,
        message: Some(id),
        ..Publication::new(to(topic), message.json())
    })
}

/// What becomes of a sequence of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are read.
    Clear,
    /// They are gone; what is still due does not come.
    Delete,
}

/// Says what becomes of a sequence.
pub(super) fn fate(
    fate: Fate,
    request: &Request<'_>,
    hub: &mut Hub<'_>,
) -> Result<Publication, Problem> {
    let topic = &request.topic;
    let sequence = sequence(request)?;
    let id = MessageId::random(hub.random);
    let (event, replaces) = match fate {
        Fate::Clear => (CLEAR, None),
        Fate::Delete => (DELETE, sequence.clone()),
    };
    let time = hub.now.as_second();
    let kept = i64::try_from(hub.kept.as_secs()).unwrap_or(i64::MAX);
    let message = Message {
        id: id.to_string().into(),
        sequence_id: sequence,
        time,
        expires: Some(time.saturating_add(kept)),
        event,
        topic: topic.as_str().into(),
        ..Message::default()
    };
    Ok(Publication {
        event: EventName::parse(event).ok(),
        message: Some(id),
        sequence: replaces,
        ..Publication::new(to(topic), message.json())
    })
}

fn to(topic: &Topic) -> Audience {
    Audience::Only(vec![Address::Topic(topic.clone())])
}

/// The parts of a comma list, without white space around them.
pub(super) fn list(text: &str) -> Vec<String> {
    let parts = text.split(',').map(str::trim);
    parts
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A priority from 1 to 5, by number or by name.
pub(super) fn priority(text: &str) -> Result<u8, Problem> {
    Ok(match text.trim().to_ascii_lowercase().as_str() {
        "1" | "min" => 1,
        "2" | "low" => 2,
        "3" | "default" => 3,
        "4" | "high" => 4,
        "5" | "max" | "urgent" => 5,
        _ => {
            let why = "the priority is 1 to 5, or min, low, default, high or max";
            return Err(Problem::new(40007, why));
        }
    })
}

fn sequence(request: &Request<'_>) -> Result<Option<String>, Problem> {
    let own = request.sequence.map(str::to_owned);
    let names = ["x-sequence-id", "sequence-id", "sid"];
    let Some(sequence) = own.or_else(|| request.params.get(&names)) else {
        return Ok(None);
    };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if sequence.len() > 64 || sequence.is_empty() || !sequence.bytes().all(allowed) {
        let why = "a sequence id has 1 to 64 of the characters A-Z a-z 0-9 _ -";
        return Err(Problem::new(40049, why));
    }
    Ok(Some(sequence))
}

/// Services that need an account elsewhere, and templates, are not there: a
/// publisher that counts on them must hear of it.
fn refuse_what_is_off(params: &Params) -> Result<(), Problem> {
    let email = ["x-email", "x-e-mail", "email", "e-mail", "mail", "e"];
    if params.get(&email).is_some() {
        return Err(Problem::new(
            40001,
            "this hub sends no e-mail; leave `email` out",
        ));
    }
    if params.get(&["x-call", "call"]).is_some() {
        return Err(Problem::new(
            40032,
            "this hub calls no phones; leave `call` out",
        ));
    }
    let template = params.get(&["x-template", "template", "tpl"]);
    match template.map(|name| name.to_ascii_lowercase()).as_deref() {
        None | Some("0" | "no" | "false") => Ok(()),
        Some("1" | "yes" | "true") => Err(Problem::new(
            40043,
            "this hub has no templates: send the text as it is to be shown",
        )),
        Some(_) => Err(Problem::new(
            40047,
            "this hub has no templates: send the text as it is to be shown",
        )),
    }
}

fn due(params: &Params, now: Timestamp, cache: bool) -> Result<Option<Timestamp>, Problem> {
    let names = ["x-delay", "delay", "x-at", "at", "x-in", "in"];
    let Some(text) = params.get(&names) else {
        return Ok(None);
    };
    if !cache {
        let why = "a delayed message has to be kept: leave out `cache` or `delay`";
        return Err(Problem::new(40002, why));
    }
    let zoned = now.to_zoned(TimeZone::system());
    let Some(due) = delay::due(&text, &zoned) else {
        let why = "the delay cannot be read: write `30s`, `2 hours`, `tomorrow 9am` or a Unix time";
        return Err(Problem::new(40004, why));
    };
    let ahead = due.as_second() - now.as_second();
    if ahead < SHORTEST_DELAY.as_secs().cast_signed() {
        return Err(Problem::new(40005, "the delay is at least 10 seconds"));
    }
    if ahead > LONGEST_DELAY.as_secs().cast_signed() {
        return Err(Problem::new(40006, "the delay is at most 3 days"));
    }
    Ok(Some(due))
}

/// Takes the message from the body, or from a parameter where the body is empty.
fn read_body(request: &Request<'_>, message: &mut Message<'_>) -> Result<(), Problem> {
    let Request { params, body, .. } = request;
    // A parameter has no line ends, so they are written as `\n`.
    let text = params.get(&["x-message", "message", "m"]);
    let text = text.map(|text| text.replace("\\n", "\n"));
    let encrypted = request
        .headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"aes128gcm"));
    let unified_push =
        encrypted || params.flag(&["x-unifiedpush", "unifiedpush", "up"]) == Some(true);
    let filename = params.get(&["x-filename", "filename", "file", "f"]);
    let attach = params.get(&["x-attach", "attach", "a"]);
    if attach.as_deref().is_some_and(|url| !is_web(url)) {
        return Err(Problem::new(40013, "`attach` is an http or https address"));
    }
    if body.len() > MOST_MESSAGE && unified_push {
        let why = format!("the message has more than {MOST_MESSAGE} bytes");
        return Err(Problem::new(41301, why));
    }
    if unified_push && !body.is_empty() {
        match std::str::from_utf8(body) {
            // Not trimmed: it belongs to an application.
            Ok(body) => message.message = body.to_owned().into(),
            Err(_) => {
                message.message = STANDARD.encode(body).into();
                message.encoding = Some("base64");
            }
        }
    } else {
        if attach.is_none() && filename.is_some() {
            return Err(no_attachments("the body is a file"));
        }
        if body.len() > MOST_MESSAGE {
            return Err(no_attachments(&format!(
                "the message has more than {MOST_MESSAGE} bytes"
            )));
        }
        match std::str::from_utf8(body) {
            Ok(body) => message.message = body.replace('\0', "").trim().to_owned().into(),
            Err(_) if attach.is_some() => {
                return Err(Problem::new(40011, "the message is not UTF-8"));
            }
            Err(_) => return Err(no_attachments("the body is not UTF-8 text")),
        }
        if body.is_empty() {
            message.message = text.unwrap_or_default().into();
        }
        if message.message.len() > MOST_MESSAGE {
            return Err(no_attachments(&format!(
                "the message has more than {MOST_MESSAGE} bytes"
            )));
        }
        if let Some(url) = attach {
            let name = filename.unwrap_or_else(|| name_of(&url));
            if message.message.is_empty() {
                message.message = format!("You received a file: {name}").into();
            }
            message.attachment = Some(Attachment { name, url });
        }
    }
    if message.message.is_empty() {
        message.message = TRIGGERED.into();
    }
    Ok(())
}

fn no_attachments(what: &str) -> Problem {
    let why = format!(
        "{what}, and this hub takes no attachments: send up to {MOST_MESSAGE} bytes of text, or `attach` an address"
    );
    Problem::new(40014, why)
}

/// The last part of an address's path.
fn name_of(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    let last = parsed.as_ref().and_then(|url| {
        let mut parts = url.path_segments()?;
        parts.rfind(|part| !part.is_empty())
    });
    let decoded = percent_encoding::percent_decode_str(last.unwrap_or("attachment"));
    decoded.decode_utf8_lossy().replace('\0', "")
}
