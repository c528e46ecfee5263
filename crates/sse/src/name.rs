//! What may stand in an `event:` or `id:` field.

use std::fmt;
use std::str::FromStr;

/// An event name that a publisher may use.
///
/// Never empty, at most [`EventName::MAX_LEN`] bytes, without control
/// characters, and none of the names that mean something to the receiving side:
/// `open` and `error` would run an EventSource's own handlers, and those of
/// [`Control`] belong to the hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName(Box<str>);

/// Why a text is no event name for publishers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventNameError {
    /// The text is empty.
    #[error("the event name is empty; leave it out to send a `message`")]
    Empty,
    /// The text is longer than [`EventName::MAX_LEN`].
    #[error("the event name has {len} bytes; {max} are allowed", max = EventName::MAX_LEN)]
    TooLong {
        /// Bytes the text has.
        len: usize,
    },
    /// The text has a line break, a NUL or another control character.
    #[error("the event name contains a line break or another control character")]
    ControlCharacter,
    /// The name has a meaning of its own at the receiving side.
    #[error("the event name `{name}` is reserved; choose another")]
    Reserved {
        /// The name.
        name: &'static str,
    },
}

impl EventName {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = 256;

    /// Names an EventSource fires by itself.
    const BROWSER: [&'static str; 2] = ["open", "error"];

    /// Checks a publisher's event name.
    ///
    /// # Errors
    ///
    /// [`EventNameError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, EventNameError> {
        if text.is_empty() {
            return Err(EventNameError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(EventNameError::TooLong { len: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(EventNameError::ControlCharacter);
        }
        let control = Control::ALL.map(Control::as_str);
        if let Some(name) = Self::BROWSER
            .into_iter()
            .chain(control)
            .find(|name| *name == text)
        {
            return Err(EventNameError::Reserved { name });
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventName {
    type Err = EventNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The events a hub says on its own account. No [`EventName`] equals one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// Where the stream starts, and how often it gives a sign of life.
    Hello,
    /// Events that can no longer be replayed.
    Gap,
    /// A sign of life that scripts can see, unlike a comment.
    Ping,
    /// Why the hub ends the stream.
    Bye,
}

impl Control {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hello, Self::Gap, Self::Ping, Self::Bye];

    /// The name in the `event:` field.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hello => "hello",
            Self::Gap => "gap",
            Self::Ping => "ping",
            Self::Bye => "bye",
        }
    }
}

/// An event id: what an EventSource sends back as `Last-Event-ID`.
///
/// Never empty (an empty id would make the receiver forget its cursor), at most
/// [`EventId::MAX_LEN`] bytes, without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId(Box<str>);

/// Why a text is no event id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventIdError {
    /// The text is empty.
    #[error("the id is empty")]
    Empty,
    /// The text is longer than [`EventId::MAX_LEN`].
    #[error("the id has {len} bytes; {max} are allowed", max = EventId::MAX_LEN)]
    TooLong {
        /// Bytes the text has.
        len: usize,
    },
    /// The text has a line break, a NUL or another control character.
    #[error("the id contains a line break or another control character")]
    ControlCharacter,
}

impl EventId {
    /// Longest id, in bytes.
    pub const MAX_LEN: usize = 256;

    /// Checks an id.
    ///
    /// # Errors
    ///
    /// [`EventIdError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, EventIdError> {
        if text.is_empty() {
            return Err(EventIdError::Empty);
        }
        if text.len() > Self::MAX_LEN {
            return Err(EventIdError::TooLong { len: text.len() });
        }
        if text.chars().any(char::is_control) {
            return Err(EventIdError::ControlCharacter);
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_names() {
        let control = |name| Err(EventNameError::Reserved { name });
        let long = "x".repeat(EventName::MAX_LEN);
        let too_long = "x".repeat(EventName::MAX_LEN + 1);
        for (text, expected) in [
            ("like", Ok(())),
            ("message", Ok(())),
            ("点赞", Ok(())),
            (" two words ", Ok(())),
            ("Open", Ok(())),
            (long.as_str(), Ok(())),
            ("", Err(EventNameError::Empty)),
            ("a\nid: 1", Err(EventNameError::ControlCharacter)),
            ("a\rb", Err(EventNameError::ControlCharacter)),
            ("a\0b", Err(EventNameError::ControlCharacter)),
            ("a\u{85}b", Err(EventNameError::ControlCharacter)),
            (too_long.as_str(), Err(EventNameError::TooLong { len: 257 })),
            ("open", control("open")),
            ("error", control("error")),
            ("hello", control("hello")),
            ("gap", control("gap")),
            ("ping", control("ping")),
            ("bye", control("bye")),
        ] {
            assert_eq!(EventName::parse(text).map(|_| ()), expected, "{text:?}");
        }
    }

    #[test]
    fn event_ids() {
        let too_long = "1".repeat(EventId::MAX_LEN + 1);
        for (text, expected) in [
            ("7f3a.12", Ok(())),
            ("msg1", Ok(())),
            ("gap", Ok(())),
            ("", Err(EventIdError::Empty)),
            ("1\n", Err(EventIdError::ControlCharacter)),
            ("1\r", Err(EventIdError::ControlCharacter)),
            ("\0", Err(EventIdError::ControlCharacter)),
            (too_long.as_str(), Err(EventIdError::TooLong { len: 257 })),
        ] {
            assert_eq!(EventId::parse(text).map(|_| ()), expected, "{text:?}");
        }
    }
}
