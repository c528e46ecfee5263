//! What a publisher sends, and to whom.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use sse::{EventId, EventName};

use crate::MessageId;

/// Most bytes of a publication's data.
pub const MAX_DATA: usize = 1 << 20;

/// What a publisher sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Who gets it.
    pub to: Audience,
    /// The event name; `message` if absent.
    pub event: Option<EventName>,
    /// Any text; often JSON.
    pub data: String,
    /// A second publication with the same key to the same audience is the same
    /// event, for as long as the first is in the history.
    pub key: Option<EventId>,
    /// For how long it is replayed; absent: as long as the history goes.
    pub ttl: Option<Duration>,
    /// Sets the receiver's reconnection time.
    pub retry: Option<Duration>,
    /// Whether the data is JSON that belongs into the board's array.
    pub fact: bool,
    /// For those who listen when it comes, and for nobody who asks later.
    pub transient: bool,
    /// When it comes into the log; absent, or over: at once. It is kept until
    /// then, also across restarts; its time to live begins then.
    pub due: Option<Timestamp>,
    /// Set when the data is an ntfy message with this id.
    pub message: Option<MessageId>,
    /// Takes the place of what is still due with the same sequence and the same
    /// audience. A message without one has its id as its sequence.
    pub sequence: Option<String>,
}

impl Publication {
    /// A publication to `to`, with the default event name.
    #[must_use]
    pub fn new(to: Audience, data: impl Into<String>) -> Self {
        Self {
            to,
            event: None,
            data: data.into(),
            key: None,
            ttl: None,
            retry: None,
            fact: false,
            transient: false,
            due: None,
            message: None,
            sequence: None,
        }
    }

    /// A publication to everyone, with the default event name.
    #[must_use]
    pub fn to_everyone(data: impl Into<String>) -> Self {
        Self::new(Audience::Everyone, data)
    }

    /// A publication to one user, with the default event name.
    #[must_use]
    pub fn to_user(uid: Uid, data: impl Into<String>) -> Self {
        Self::new(Audience::Only(vec![Address::Uid(uid)]), data)
    }

    /// Sets the event name.
    #[must_use]
    pub fn event(mut self, name: EventName) -> Self {
        self.event = Some(name);
        self
    }
}

/// Who gets a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every subscriber.
    Everyone,
    /// The subscribers of any of these.
    Only(Vec<Address>),
}

/// What a subscriber listens to beside everyone's publications.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// One user: each of their connections.
    Uid(Uid),
    /// One topic.
    Topic(Topic),
}

impl Address {
    /// How everyone is written in the log's index.
    pub(crate) const EVERYONE: &'static str = "*";

    /// How the address is written in the log's index.
    pub(crate) fn to_column(&self) -> String {
        match self {
            Self::Uid(uid) => format!("u{uid}"),
            Self::Topic(topic) => format!("t{topic}"),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Uid(uid) => uid.as_str(),
            Self::Topic(topic) => topic.as_str(),
        }
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.name().len()
    }

    /// Reads back what [`to_column`](Self::to_column) wrote, also a name that
    /// was checked by other rules then.
    fn from_column(column: &str) -> Option<Self> {
        let kind = column.chars().next()?;
        let name = column.get(kind.len_utf8()..)?.into();
        match kind {
            'u' => Some(Self::Uid(Uid(name))),
            't' => Some(Self::Topic(Topic(name))),
            _ => None,
        }
    }
}

impl Audience {
    /// About the bytes that it takes of the memory.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Everyone => 0,
            Self::Only(to) => to.iter().map(Address::size).sum(),
        }
    }

    /// Bytes of its addresses, each counted once, as the log's index has them.
    pub(crate) fn column_bytes(&self) -> usize {
        let Self::Only(to) = self else { return 0 };
        let column = |own: &Address| own.name().len() + 1;
        match to.as_slice() {
            [one] => column(one),
            several => {
                let different: HashSet<_> = several.iter().collect();
                different.into_iter().map(column).sum()
            }
        }
    }

    /// The audience as one text, the same for the same addresses in whatever
    /// order. No address has a line break in it.
    pub(crate) fn to_column(&self) -> String {
        match self {
            Self::Everyone => Address::EVERYONE.to_owned(),
            Self::Only(to) => {
                let mut columns: Vec<_> = to.iter().map(Address::to_column).collect();
                columns.sort_unstable();
                columns.dedup();
                columns.join("\n")
            }
        }
    }

    /// Adds the address that [`Address::to_column`] wrote, or everyone.
    pub(crate) fn add_column(&mut self, column: &str) {
        if column == Address::EVERYONE {
            *self = Self::Everyone;
        } else if let Self::Only(to) = self {
            to.extend(Address::from_column(column));
        }
    }

    /// Reads back what [`to_column`](Self::to_column) wrote.
    pub(crate) fn from_column(column: &str) -> Self {
        if column == Address::EVERYONE {
            return Self::Everyone;
        }
        Self::Only(
            column
                .split('\n')
                .filter_map(Address::from_column)
                .collect(),
        )
    }
}

/// A user's id: any text of up to 128 bytes without control characters. The
/// number `1` and the text `1` are the same user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Uid(Arc<str>);

/// A topic's name: 1 to 64 of `A-Z a-z 0-9 _ -`, and none of the names that are
/// paths of the hub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Topic(Arc<str>);

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// A uid that is none.
    #[error("a uid has 1 to 128 bytes and no control characters")]
    Uid,
    /// A topic that is none.
    #[error("a topic has 1 to 64 of the characters A-Z a-z 0-9 _ -")]
    Topic,
    /// A topic that is a path of the hub.
    #[error("the topic `{topic}` is a path of the hub; choose another name")]
    ReservedTopic {
        /// The name.
        topic: String,
    },
}

impl Uid {
    /// Checks a uid.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress::Uid`].
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
            return Err(InvalidAddress::Uid);
        }
        Ok(Self(text.into()))
    }

    /// The uid as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Topic {
    pub(crate) const RESERVED: [&'static str; 8] = [
        "v1", "metrics", "healthz", "hub", "message", "publish", "fact", "update",
    ];

    /// Checks a topic's name.
    ///
    /// # Errors
    ///
    /// [`InvalidAddress::Topic`] or [`InvalidAddress::ReservedTopic`].
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
            return Err(InvalidAddress::Topic);
        }
        if Self::RESERVED.contains(&text) {
            return Err(InvalidAddress::ReservedTopic {
                topic: text.to_owned(),
            });
        }
        Ok(Self(text.into()))
    }

    /// The topic as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one subscriber listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Whether everyone's publications are for it: for all but ntfy's streams,
    /// which carry their topics alone.
    pub(crate) everyone: bool,
    pub(crate) addresses: Arc<[Address]>,
}

impl Default for Filter {
    fn default() -> Self {
        Self::of(Vec::new())
    }
}

impl Filter {
    /// Everyone's publications, and those to `addresses`.
    pub(crate) fn of(addresses: Vec<Address>) -> Self {
        Self {
            everyone: true,
            addresses: addresses.into(),
        }
    }

    pub(crate) fn takes(&self, to: &Audience) -> bool {
        match to {
            Audience::Everyone => self.everyone,
            Audience::Only(to) => self.addresses.iter().any(|own| to.contains(own)),
        }
    }

    /// The addresses as the log's index has them, with what stands for them in
    /// a [`Record`](crate::record::Record).
    pub(crate) fn columns(&self) -> Vec<(String, Audience)> {
        let own = self
            .addresses
            .iter()
            .map(|own| (own.to_column(), Audience::Only(vec![own.clone()])));
        self.everyone
            .then(|| (Address::EVERYONE.to_owned(), Audience::Everyone))
            .into_iter()
            .chain(own)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert!(Uid::parse("张三 <1>").is_ok());
        for text in ["", "a\nb", "\0", &"x".repeat(129)] {
            assert_eq!(Uid::parse(text), Err(InvalidAddress::Uid), "{text:?}");
        }
        assert!(Topic::parse("door_1-A").is_ok());
        assert!(Topic::parse("push").is_ok());
        for text in ["", "a b", "a.b", "a/b", "主题", &"x".repeat(65)] {
            assert_eq!(Topic::parse(text), Err(InvalidAddress::Topic), "{text:?}");
        }
        for text in Topic::RESERVED {
            let topic = text.to_owned();
            assert_eq!(
                Topic::parse(text),
                Err(InvalidAddress::ReservedTopic { topic })
            );
        }
    }

    #[test]
    fn a_uid_is_no_topic_and_nobody_is_everyone() {
        let columns = [
            Address::Uid(Uid::parse("x").unwrap()).to_column(),
            Address::Topic(Topic::parse("x").unwrap()).to_column(),
            Address::Uid(Uid::parse("*").unwrap()).to_column(),
            Address::EVERYONE.to_owned(),
        ];
        for (i, one) in columns.iter().enumerate() {
            assert!(!columns[i + 1..].contains(one), "{one}");
        }
    }

    #[test]
    fn an_audience_is_a_set_that_can_be_written_down() {
        let uid = |text| Address::Uid(Uid::parse(text).unwrap());
        let topic = Address::Topic(Topic::parse("door").unwrap());
        let one = Audience::Only(vec![topic.clone(), uid("张三 *"), uid("t"), uid("t")]);
        let other = Audience::Only(vec![uid("t"), topic.clone(), uid("张三 *")]);
        assert_eq!(one.to_column(), other.to_column());
        let back = Audience::from_column(&one.to_column());
        assert_eq!(back, Audience::Only(vec![topic, uid("t"), uid("张三 *")]));
        let everyone = Audience::Everyone.to_column();
        assert_eq!(Audience::from_column(&everyone), Audience::Everyone);
        let star = Audience::Only(vec![uid("*")]);
        assert_eq!(Audience::from_column(&star.to_column()), star);
    }
}
