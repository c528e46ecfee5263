//! How a stream is written: the frames and lines around the events, and the
//! events themselves.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use serde::Serialize;
use sse::{Control, Frame};

use crate::Position;
use crate::ntfy::Shape;
use crate::record::Record;

/// How one subscriber's stream is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// An event stream, as the WHATWG standard has it.
    #[default]
    Sse,
    /// One JSON object a line.
    Lines,
    /// As ntfy's clients read it.
    Ntfy(Arc<Shape>),
}

/// One line of [`Format::Lines`].
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<u64>,
    data: &'a str,
}

impl Format {
    /// The stream's media type.
    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Lines => "application/x-ndjson; charset=utf-8",
            Self::Ntfy(shape) => shape.content_type(),
        }
    }

    /// Whether the reader wants this event.
    pub(crate) fn takes(&self, record: &Record) -> bool {
        match self {
            Self::Sse | Self::Lines => true,
            Self::Ntfy(shape) => shape.takes(record),
        }
    }

    /// Whether a reader with a cursor that means nothing here gets all there is;
    /// otherwise it is told, and goes on with what comes.
    pub(crate) fn replays_the_unknown(&self) -> bool {
        !matches!(self, Self::Ntfy(_))
    }

    /// After how long without an event a stream gives a sign of life, if the hub
    /// is set to `hub`.
    pub(crate) fn heartbeat(&self, hub: Duration) -> Duration {
        match self {
            Self::Sse | Self::Lines => hub,
            Self::Ntfy(_) => Shape::heartbeat(hub),
        }
    }

    /// An event.
    pub(crate) fn event(&self, record: &Record, out: &mut BytesMut) {
        match self {
            Self::Sse => {
                let id = record.position.to_id();
                let mut frame = Frame::new().id(&id).data(&record.data);
                if let Some(name) = &record.event {
                    frame = frame.event(name);
                }
                if let Some(retry) = record.retry {
                    frame = frame.retry(retry);
                }
                frame.write(out);
            }
            Self::Lines => line(
                &Line {
                    id: Some(record.position.to_string()),
                    event: record.event.as_ref().map(sse::EventName::as_str),
                    retry: record
                        .retry
                        .map(|retry| u64::try_from(retry.as_millis()).unwrap_or(u64::MAX)),
                    data: &record.data,
                },
                out,
            ),
            Self::Ntfy(shape) => shape.event(record, true, out),
        }
    }

    /// An event that is still to come.
    pub(crate) fn upcoming(&self, record: &Record, out: &mut BytesMut) {
        match self {
            Self::Sse | Self::Lines => {}
            Self::Ntfy(shape) => shape.event(record, false, out),
        }
    }

    /// The first bytes of a stream that starts at `position` and `now`, in Unix
    /// milliseconds, so that proxies pass the headers on.
    pub(crate) fn first(&self, position: Position, now: i64, out: &mut BytesMut) {
        match self {
            Self::Sse => sse::comment("feedbell", out),
            Self::Lines => out.put_u8(b'\n'),
            Self::Ntfy(shape) => shape.open(position, now, out),
        }
    }

    /// Where the stream starts, and how often it gives a sign of life.
    pub(crate) fn hello(&self, position: Position, heartbeat: Duration, out: &mut BytesMut) {
        let data = serde_json::json!({
            "position": position.to_string(),
            "heartbeat": heartbeat.as_secs_f64(),
        });
        self.control(Control::Hello, None, &data.to_string(), out);
    }

    /// Events between `from`, as the subscriber named it, and `to` are gone, as
    /// is said at `now`, in Unix milliseconds.
    pub(crate) fn gap(&self, from: &str, to: Position, now: i64, out: &mut BytesMut) {
        if let Self::Ntfy(shape) = self {
            return shape.gap(from, to, now, out);
        }
        let data = serde_json::json!({"from": from, "to": to.to_string()});
        self.control(Control::Gap, Some(to), &data.to_string(), out);
    }

    /// The place that the subscriber has reached without having got an event:
    /// its cursor must not grow old in a quiet stream.
    pub(crate) fn place(&self, position: Position, out: &mut BytesMut) {
        match self {
            Self::Sse => Frame::new().id(&position.to_id()).write(out),
            Self::Lines => {}
            Self::Ntfy(shape) => shape.place(position, out),
        }
    }

    /// A sign of life at `now`, in Unix milliseconds.
    pub(crate) fn alive(&self, position: Position, now: i64, out: &mut BytesMut) {
        match self {
            Self::Sse => sse::comment("", out),
            Self::Lines => out.put_u8(b'\n'),
            Self::Ntfy(shape) => shape.alive(position, now, out),
        }
    }

    /// A sign of life that scripts can see.
    pub(crate) fn ping(&self, position: Position, out: &mut BytesMut) {
        let data = serde_json::json!({"position": position.to_string()});
        self.control(Control::Ping, None, &data.to_string(), out);
    }

    /// Why the stream ends.
    pub(crate) fn bye(&self, reason: &str, out: &mut BytesMut) {
        let data = serde_json::json!({"reason": reason});
        self.control(Control::Bye, None, &data.to_string(), out);
    }

    fn control(&self, control: Control, id: Option<Position>, data: &str, out: &mut BytesMut) {
        match self {
            Self::Sse => {
                let id = id.map(Position::to_id);
                let mut frame = Frame::control(control).data(data);
                if let Some(id) = &id {
                    frame = frame.id(id);
                }
                frame.write(out);
            }
            Self::Lines => line(
                &Line {
                    id: id.map(|id| id.to_string()),
                    event: Some(control.as_str()),
                    retry: None,
                    data,
                },
                out,
            ),
            // Nobody can ask for these there.
            Self::Ntfy(_) => {}
        }
    }
}

/// JSON has no line ends outside of its strings, and escapes those inside.
fn line(value: &impl Serialize, out: &mut BytesMut) {
    // Writing text into memory does not fail.
    if serde_json::to_writer(out.writer(), value).is_ok() {
        out.put_u8(b'\n');
    }
}
