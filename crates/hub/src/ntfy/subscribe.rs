//! ntfy's streams: what they ask for, and how they are written. Source: ntfy's
//! `docs/subscribe/api.md`.
//!
//! Two things are better than there. The event stream has ids, so that an
//! EventSource resumes by itself, and a message id that the hub does not know
//! is a `gap` instead of everything that is kept.

use std::time::Duration;

use axum::http::HeaderMap;
use bytes::{BufMut, BytesMut};
use jiff::Timestamp;
use sse::Frame;

use super::errors::Problem;
use super::message::{self, Glance, MESSAGE, Message};
use super::params::Params;
use super::publish::{list, priority};
use super::{addresses, delay};
use crate::format::Format;
use crate::publication::{Address, Audience, Filter, Topic};
use crate::record::Record;
use crate::routes::cursor_header;
use crate::subscription::{Request, Start};
use crate::{EventId, MessageId, Position};

/// ntfy's clients take a stream for dead that is silent for longer.
const KEEPALIVE: Duration = Duration::from_secs(45);

/// How a stream is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One JSON object a line.
    Json,
    /// An event stream with the same objects.
    Sse,
    /// The messages' texts alone, one a line.
    Raw,
}

/// One of ntfy's streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    kind: Kind,
    topics: Vec<Topic>,
    /// The topics as the subscriber wrote them.
    named: String,
    wanted: Wanted,
    poll: bool,
}

/// The messages that a subscriber wants; empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    id: Option<String>,
    message: Option<String>,
    title: Option<String>,
    /// One of these.
    priorities: Vec<u8>,
    /// All of these.
    tags: Vec<String>,
}

/// Reads what a subscriber asks for.
pub(super) fn request(
    kind: Kind,
    named: &str,
    params: &Params,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Request, Problem> {
    let topics = addresses(named)?;
    let flag = |names: &[&str]| params.flag(names).unwrap_or(false);
    let poll = flag(&["x-poll", "poll", "po"]);
    let since = params.get(&["x-since", "since", "si"]);
    let last = cursor_header(headers).map(|id| String::from_utf8_lossy(id).into_owned());
    let start = match (last, since) {
        // An EventSource reconnects with the address that it first had.
        (Some(last), _) => after(&last),
        (None, Some(since)) => start(&since, now)?,
        (None, None) if poll => Start::All,
        (None, None) => Start::Live,
    };
    let priorities = params.get(&["x-priority", "priority", "prio", "p"]);
    let wanted = Wanted {
        id: params.get(&["x-id", "id"]),
        message: params.get(&["x-message", "message", "m"]),
        title: params.get(&["x-title", "title", "t"]),
        priorities: list(&priorities.unwrap_or_default())
            .iter()
            .map(|text| priority(text))
            .collect::<Result<_, _>>()?,
        tags: list(
            &params
                .get(&["x-tags", "tags", "tag", "ta"])
                .unwrap_or_default(),
        ),
    };
    let filter = Filter {
        everyone: false,
        addresses: topics.iter().cloned().map(Address::Topic).collect(),
    };
    let shape = Shape {
        kind,
        topics,
        named: named.to_owned(),
        wanted,
        poll,
    };
    Ok(Request {
        filter,
        format: Format::Ntfy(shape.into()),
        start,
        poll,
        scheduled: flag(&["x-scheduled", "scheduled", "sched"]),
        ..Request::default()
    })
}

/// After the event with this id, as the subscriber has it from the event stream
/// or from a message.
fn after(id: &str) -> Start {
    match MessageId::parse(id) {
        Some(id) => Start::Message(id),
        None => Start::After(id.chars().take(EventId::MAX_LEN).collect()),
    }
}

fn start(since: &str, now: Timestamp) -> Result<Start, Problem> {
    let from = |seconds: i64| Start::From(seconds.saturating_mul(1000));
    match since {
        "all" => return Ok(Start::All),
        "none" => return Ok(Start::Live),
        "latest" => return Ok(Start::Latest),
        _ => {}
    }
    if MessageId::parse(since).is_some() || since.parse::<Position>().is_ok() {
        return Ok(after(since));
    }
    if let Ok(seconds) = since.parse::<i64>() {
        return Ok(from(seconds));
    }
    if let Some(seconds) = delay::seconds(since) {
        let ago = now.as_second() as f64 - seconds;
        return Ok(from(ago.floor() as i64));
    }
    let why = "since is a message id, a Unix time, a duration like `10m`, all, latest or none";
    Err(Problem::new(40008, why))
}

impl Kind {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-ndjson; charset=utf-8",
            Self::Sse => "text/event-stream; charset=utf-8",
            Self::Raw => "text/plain; charset=utf-8",
        }
    }
}

impl Shape {
    pub(crate) fn content_type(&self) -> &'static str {
        self.kind.content_type()
    }

    /// How often the stream gives a sign of life.
    pub(crate) fn heartbeat(hub: Duration) -> Duration {
        hub.min(KEEPALIVE)
    }

    /// Whether the subscriber wants this. What is no message is for all.
    pub(crate) fn takes(&self, record: &Record) -> bool {
        let wanted = &self.wanted;
        if *wanted == Wanted::default() {
            return true;
        }
        let found = self.glance(record);
        if found.event != MESSAGE {
            return true;
        }
        let is = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        is(&wanted.id, &found.id)
            && is(&wanted.message, &found.message)
            && is(&wanted.title, &found.title)
            && (wanted.priorities.is_empty()
                || wanted.priorities.contains(&found.priority.unwrap_or(3)))
            && wanted
                .tags
                .iter()
                .all(|tag| found.tags.iter().any(|own| own == tag))
    }

    fn glance<'a>(&'a self, record: &'a Record) -> Glance<'a> {
        if record.message.is_some() {
            return Glance::stored(&record.data);
        }
        Glance::of(message::of_record(record, self.topic(record)))
    }

    /// Which of the stream's topics the record is on. Its other addresses are
    /// nobody's business here.
    fn topic(&self, record: &Record) -> &Topic {
        let is_on = |topic: &&Topic| match &record.to {
            Audience::Everyone => true,
            Audience::Only(to) => to.contains(&Address::Topic((*topic).clone())),
        };
        #[expect(clippy::indexing_slicing, reason = "a stream has topics")]
        self.topics.iter().find(is_on).unwrap_or(&self.topics[0])
    }

    /// An event; with its place, if the stream has reached that.
    pub(crate) fn event(&self, record: &Record, reached: bool, out: &mut BytesMut) {
        if self.kind == Kind::Raw {
            let found = self.glance(record);
            let text = if found.event == MESSAGE {
                &*found.message
            } else {
                ""
            };
            out.put_slice(
                text.replace("\r\n", " ")
                    .replace(['\r', '\n'], " ")
                    .as_bytes(),
            );
            out.put_u8(b'\n');
            return;
        }
        let own;
        let json = if record.message.is_some() {
            &*record.data
        } else {
            own = message::of_record(record, self.topic(record)).json();
            &own
        };
        if self.kind == Kind::Json {
            line(json, out);
            return;
        }
        let id = record.position.to_id();
        let mut frame = Frame::new().data(json);
        if reached {
            frame = frame.id(&id);
        }
        if record.message.is_some()
            && let Some(name) = &record.event
        {
            frame = frame.event(name);
        }
        frame.write(out);
    }

    /// The first thing that a stream says, unless it ends with its history.
    pub(crate) fn open(&self, position: Position, now: i64, out: &mut BytesMut) {
        if !self.poll {
            self.say("open", position, now, out);
        }
    }

    pub(crate) fn alive(&self, position: Position, now: i64, out: &mut BytesMut) {
        self.say("keepalive", position, now, out);
    }

    /// Events after what the subscriber named are gone, up to `to`.
    pub(crate) fn gap(&self, from: &str, to: Position, now: i64, out: &mut BytesMut) {
        let mut gap = self.own("gap", to, now);
        gap.from = Some(from);
        gap.to = Some(to.to_string());
        let id = to.to_id();
        match self.kind {
            Kind::Json => line(&gap.json(), out),
            Kind::Sse => Frame::of_hub("gap").id(&id).data(&gap.json()).write(out),
            Kind::Raw => out.put_u8(b'\n'),
        }
    }

    /// The place that the subscriber has reached without having got an event.
    pub(crate) fn place(&self, position: Position, out: &mut BytesMut) {
        if self.kind == Kind::Sse {
            Frame::new().id(&position.to_id()).write(out);
        }
    }

    fn say(&self, event: &'static str, position: Position, now: i64, out: &mut BytesMut) {
        match self.kind {
            Kind::Json => line(&self.own(event, position, now).json(), out),
            Kind::Sse => {
                let json = self.own(event, position, now).json();
                Frame::of_hub(event).data(&json).write(out);
            }
            Kind::Raw => out.put_u8(b'\n'),
        }
    }

    /// What the hub says itself has the id of the place: whoever asks for what
    /// is since then gets just that.
    fn own(&self, event: &'static str, position: Position, now: i64) -> Message<'_> {
        Message {
            id: MessageId::of(position).to_string().into(),
            time: now.div_euclid(1000),
            event,
            topic: self.named.as_str().into(),
            ..Message::default()
        }
    }
}

/// JSON has no line ends outside of its strings, and escapes those inside.
fn line(json: &str, out: &mut BytesMut) {
    out.put_slice(json.as_bytes());
    out.put_u8(b'\n');
}
