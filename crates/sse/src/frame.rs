//! Writing frames.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Control, EventId, EventName};

/// One block of a stream, up to and including its blank line.
///
/// A frame without data is no event: with an id it silently moves the cursor
/// of the receiver, with a retry it sets its reconnection time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    id: Option<&'a EventId>,
    event: Option<&'a str>,
    retry: Option<Duration>,
    data: Option<&'a str>,
}

impl<'a> Frame<'a> {
    /// An empty frame.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A frame that the hub says on its own account.
    #[must_use]
    pub fn control(control: Control) -> Self {
        Self {
            event: Some(control.as_str()),
            ..Self::default()
        }
    }

    /// A frame that the hub says on its own account under a name that another
    /// protocol gave it, like ntfy's `open`: the program's own, so a literal.
    #[must_use]
    pub fn of_hub(name: &'static str) -> Self {
        debug_assert!(!name.chars().any(char::is_control));
        Self {
            event: Some(name),
            ..Self::default()
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn id(mut self, id: &'a EventId) -> Self {
        self.id = Some(id);
        self
    }

    /// Sets the event name; without one the receiver sees a `message`.
    #[must_use]
    pub fn event(mut self, name: &'a EventName) -> Self {
        self.event = Some(name.as_str());
        self
    }

    /// Sets the receiver's reconnection time; the wire has whole milliseconds.
    #[must_use]
    pub fn retry(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }

    /// Sets the data: any text. CR and CRLF arrive as LF, as the format knows
    /// only line ends.
    #[must_use]
    pub fn data(mut self, data: &'a str) -> Self {
        self.data = Some(data);
        self
    }

    /// Appends the frame to `out`.
    pub fn write(&self, out: &mut BytesMut) {
        if let Some(id) = self.id {
            line(out, b"id: ", id.as_str().as_bytes());
        }
        if let Some(event) = self.event {
            line(out, b"event: ", event.as_bytes());
        }
        if let Some(retry) = self.retry {
            line(out, b"retry: ", retry.as_millis().to_string().as_bytes());
        }
        if let Some(data) = self.data {
            lines(out, b"data: ", data);
        }
        out.put_u8(b'\n');
    }

    /// The frame alone, ready to be shared by all who receive it.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.data.map_or(0, str::len) + 64);
        self.write(&mut out);
        out.freeze()
    }
}

/// Appends a comment: a sign of life that no receiver shows.
pub fn comment(text: &str, out: &mut BytesMut) {
    lines(out, b": ", text);
    out.put_u8(b'\n');
}

/// One line per line of `text`, whatever ends them: CRLF, CR or LF.
fn lines(out: &mut BytesMut, field: &[u8], text: &str) {
    let mut rest = text.as_bytes();
    while let Some(end) = memchr::memchr2(b'\r', b'\n', rest) {
        line(out, field, &rest[..end]);
        let width = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        rest = &rest[end + width..];
    }
    line(out, field, rest);
}

fn line(out: &mut BytesMut, field: &[u8], value: &[u8]) {
    out.reserve(field.len() + value.len() + 1);
    out.put_slice(field);
    out.put_slice(value);
    out.put_u8(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(frame: Frame<'_>, expected: &str) {
        assert_eq!(frame.to_bytes(), expected.as_bytes());
    }

    #[test]
    fn frames_to_the_byte() {
        let id = EventId::parse("7f.1").unwrap();
        let like = EventName::parse("like").unwrap();
        check(Frame::new(), "\n");
        check(Frame::new().data(""), "data: \n\n");
        check(Frame::new().id(&id), "id: 7f.1\n\n");
        check(
            Frame::new().data("a\r\n\rb\n"),
            "data: a\ndata: \ndata: b\ndata: \n\n",
        );
        check(Frame::new().data(" x"), "data:  x\n\n");
        check(
            Frame::control(Control::Gap).data("{}"),
            "event: gap\ndata: {}\n\n",
        );
        check(
            Frame::new()
                .data("x")
                .retry(Duration::from_secs(3))
                .event(&like)
                .id(&id),
            "id: 7f.1\nevent: like\nretry: 3000\ndata: x\n\n",
        );
    }

    #[test]
    fn comments_cannot_become_fields() {
        let mut out = BytesMut::new();
        comment("a\ndata: b\r\rc", &mut out);
        assert_eq!(&out[..], b": a\n: data: b\n: \n: c\n\n");
    }
}
