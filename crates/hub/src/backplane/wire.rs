//! How publications are written for the engine, and read back.

use std::time::Duration;

use fred::types::Value;
use sse::{EventId, EventName};

use crate::Epoch;
use crate::inbound;
use crate::log::{Copied, Upcoming};
use crate::message::MessageId;
use crate::publication::{Audience, Publication};

/// Marks in an entry.
const FACT: char = 'f';
const TRANSIENT: char = 't';

/// A publication as the functions take it: ten arguments.
pub(super) fn arguments(publication: &Publication, into: &mut Vec<Value>) {
    let Publication {
        to,
        event,
        data,
        key,
        ttl,
        retry,
        fact,
        transient,
        due,
        message,
        sequence,
    } = publication;
    let mut flags = String::new();
    flags.extend(fact.then_some(FACT));
    flags.extend(transient.then_some(TRANSIENT));
    // Times in the log are milliseconds: it comes in the next whole one.
    let due = due.map(|due| {
        let rest = due.subsec_nanosecond() % 1_000_000;
        due.as_millisecond() + i64::from(rest > 0)
    });
    let number = |number: Option<i64>| number.map_or_else(String::new, |it| it.to_string());
    into.extend([
        number(due).into(),
        number(ttl.map(millis)).into(),
        flags.into(),
        number(retry.map(millis)).into(),
        event.as_ref().map_or("", EventName::as_str).into(),
        message.as_ref().map_or("", MessageId::as_str).into(),
        key.as_ref().map_or("", EventId::as_str).into(),
        sequence.as_deref().unwrap_or_default().into(),
        to.to_column().into(),
        data.as_str().into(),
    ]);
}

/// An event as it is imported: where it lies, and the publication.
pub(super) fn imported(event: &Copied, into: &mut Vec<Value>) {
    let expires = event.expires;
    into.extend([
        event.seq.to_string().into(),
        event.micros.to_string().into(),
        expires.map_or_else(String::new, |at| at.to_string()).into(),
    ]);
    arguments(&event.publication, into);
}

/// An entry of the log, and of which epoch it is.
pub(super) struct Entry {
    pub(super) epoch: Epoch,
    pub(super) event: Copied,
}

/// Where an entry lies, whoever wrote it.
pub(super) fn place(value: &Value) -> Option<&str> {
    text(array(value)?.first()?)
}

/// Reads one entry; `None` when it is none of ours.
pub(super) fn entry(value: &Value) -> Option<Entry> {
    let [id, fields] = array(value)? else {
        return None;
    };
    let seq = text(id)?.split('-').next()?.parse().ok()?;
    let (mut head, mut audience, mut data, mut document) = (None, None, None, None);
    for pair in array(fields)?.chunks_exact(2) {
        let field = match text(&pair[0])? {
            "h" => &mut head,
            "a" => &mut audience,
            "d" => &mut data,
            "j" => &mut document,
            _ => continue,
        };
        *field = Some(&pair[1]);
    }
    let mut lines = text(head?)?.splitn(9, '\n');
    let mut line = || lines.next();
    let epoch = line()?.parse().ok()?;
    let micros = line()?.parse().ok()?;
    let expires = line()?.parse().ok();
    let _total = line()?;
    let (flags, retry, event) = (line()?, line()?, line()?);
    let (message, key) = (line()?, line()?);
    let data = match (data, document) {
        (Some(data), _) => text(data)?.to_owned(),
        (None, document) => inbound::data_of(text(document?)?),
    };
    let publication = Publication {
        event: EventName::parse(event).ok(),
        retry: retry.parse().ok().map(Duration::from_millis),
        fact: flags.contains(FACT),
        transient: flags.contains(TRANSIENT),
        message: MessageId::parse(message),
        key: EventId::parse(key).ok(),
        ..Publication::new(Audience::from_column(text(audience?)?), data)
    };
    Some(Entry {
        epoch,
        event: Copied {
            seq,
            micros,
            expires,
            publication,
        },
    })
}

/// What an XREAD of one stream gives.
pub(super) fn entries(read: &Value) -> &[Value] {
    match read {
        Value::Map(streams) => streams.values().next().and_then(array),
        Value::Array(streams) => streams.first().and_then(array).and_then(|stream| {
            // Without RESP3: a pair of the name and its entries.
            stream.get(1).and_then(array)
        }),
        _ => None,
    }
    .unwrap_or_default()
}

pub(super) fn array(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// A number, also one that is written as a text.
pub(super) fn number<N: TryFrom<i64> + std::str::FromStr>(value: &Value) -> Option<N> {
    match value {
        Value::Integer(number) => N::try_from(*number).ok(),
        Value::Double(number) => format!("{number:.0}").parse().ok(),
        other => text(other)?.parse().ok(),
    }
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A row of what is scheduled: when it is due, its place, and the publication.
pub(super) fn scheduled(row: &Value) -> Option<(Upcoming, Publication)> {
    let [due, entry, fields @ ..] = array(row)? else {
        return None;
    };
    let [
        _,
        ttl,
        flags,
        retry,
        event,
        message,
        key,
        sequence,
        audience,
        data,
        ..,
    ] = fields
    else {
        return None;
    };
    let flags = text(flags)?;
    let publication = Publication {
        event: EventName::parse(text(event)?).ok(),
        key: EventId::parse(text(key)?).ok(),
        ttl: number(ttl).map(Duration::from_millis),
        retry: number(retry).map(Duration::from_millis),
        fact: flags.contains(FACT),
        transient: flags.contains(TRANSIENT),
        message: MessageId::parse(text(message)?),
        sequence: Some(text(sequence)?.to_owned()).filter(|it| !it.is_empty()),
        ..Publication::new(Audience::from_column(text(audience)?), text(data)?)
    };
    let place = Upcoming {
        due: number(due)?,
        entry: number(entry)?,
    };
    Some((place, publication))
}

/// The place of an entry as the engine names it.
pub(super) fn stream_id(seq: u64) -> String {
    format!("{seq}-0")
}
