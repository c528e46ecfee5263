//! What comes in from the network becomes typed here, or is refused with a
//! sentence. Pure: bytes in, [`Publication`] or [`Refusal`] out.

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sse::{EventId, EventName};

use crate::MAX_DATA;
use crate::publication::{Address, Audience, Filter, Publication, Topic, Uid};
use crate::subscription::{Request, Start};

/// A request that is refused, and the sentence that says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) why: String,
}

impl Refusal {
    #[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
    pub(crate) fn bad(why: impl ToString) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            why: why.to_string(),
        }
    }

    /// The refusal of a batch for the one of its publications.
    pub(crate) fn at(self, index: usize) -> Self {
        let why = format!("the publication at index {index} is refused: {}", self.why);
        Self { why, ..self }
    }
}

/// Most users and topics of one publication.
const MOST_ADDRESSED: usize = 1000;
/// Most users and topics of one subscriber.
const MOST_LISTENED: usize = 64;
const LONGEST_TTL: u64 = 10 * 366 * 24 * 60 * 60;
const LONGEST_RETRY: u64 = 24 * 60 * 60 * 1000;

/// Most publications of one batch.
const MOST_BATCHED: usize = 1000;
/// Most bytes of one batch as it is sent.
pub(crate) const MAX_BATCH: usize = 16 << 20;

/// What a native publish brings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Published {
    One(Publication),
    /// All of them or none.
    Batch(Vec<Publication>),
}

/// A native publish: a JSON document, an array of such, or a text with its
/// address in the query.
///
/// `application/json` is a document or an array, `text/plain` is a text. Tools
/// that name no type, or `application/x-www-form-urlencoded` as curl does for
/// any `-d`, send a document or an array if the query addresses nothing and the
/// body starts like one.
pub(crate) fn publish(
    content_type: Option<&str>,
    query: Option<&str>,
    body: &[u8],
) -> Result<Published, Refusal> {
    let query: Vec<_> = pairs(query).collect();
    let said = match kind(content_type) {
        Kind::Json => true,
        Kind::Text => return text(&query, body).map(Published::One),
        Kind::Form | Kind::Unknown => false,
        Kind::Multipart => {
            return Err(Refusal::bad(
                "a multipart form is no publication: send JSON, or a text",
            ));
        }
    };
    if !said && (is_addressed(&query) || !starts_like_json(body)) {
        return text(&query, body).map(Published::One);
    }
    let parsed = if opens_array(body) {
        batch(body).map(Published::Batch)
    } else {
        document(body).map(Published::One)
    };
    parsed.map_err(|mut refusal| {
        // An object, or an array of such, was not meant as a text.
        let objects = serde_json::from_slice::<Map<String, Value>>(body).is_ok()
            || serde_json::from_slice::<Vec<Map<String, Value>>>(body).is_ok();
        if !said && !objects {
            refusal
                .why
                .push_str("; a text that starts like JSON needs the Content-Type text/plain");
        }
        refusal
    })
}

/// Whether the body may be a batch, by its first bytes.
pub(crate) fn may_be_batch(content_type: Option<&str>, query: Option<&str>, start: &[u8]) -> bool {
    opens_array(start)
        && match kind(content_type) {
            Kind::Json => true,
            Kind::Text | Kind::Multipart => false,
            Kind::Form | Kind::Unknown => !is_addressed(&pairs(query).collect::<Vec<_>>()),
        }
}

fn is_addressed(query: &[(String, String)]) -> bool {
    let names = ["event", "uid", "topic", "id", "ttl", "retry"];
    query.iter().any(|(name, _)| names.contains(&name.as_str()))
}

fn opens_array(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

/// Whether whoever sent this meant JSON: `[warning] disk full` is a text,
/// `{event:like}` is what a shell leaves of a document.
fn starts_like_json(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    match body.split_first() {
        Some((b'{', _)) => true,
        Some((b'[', rest)) => {
            matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b']'))
                || serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
        }
        _ => false,
    }
}

fn batch(body: &[u8]) -> Result<Vec<Publication>, Refusal> {
    let Documents(documents) = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(format!("the body is not a batch: {error}")))?;
    if documents.is_empty() {
        return Err(Refusal::bad("the batch is empty"));
    }
    let document = |(index, text): (usize, &RawValue)| {
        let text = text.get();
        let parsed = if text.len() > MAX_DATA {
            Err(Refusal {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                why: format!("it has more than {MAX_DATA} bytes"),
            })
        } else {
            document(text.as_bytes())
        };
        parsed.map_err(|refusal| refusal.at(index))
    };
    documents.into_iter().enumerate().map(document).collect()
}

/// The elements of an array that is not longer than a batch may be.
struct Documents<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Documents<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Documents<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of publications")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
                let mut documents = Vec::new();
                while let Some(document) = array.next_element()? {
                    if documents.len() == MOST_BATCHED {
                        let why = format!("more than {MOST_BATCHED} publications");
                        return Err(A::Error::custom(why));
                    }
                    documents.push(document);
                }
                Ok(Documents(documents))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(default, deserialize_with = "given")]
    uid: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    uids: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "given")]
    topic: Option<String>,
    #[serde(default, deserialize_with = "given")]
    topics: Option<Vec<String>>,
    event: Option<String>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    id: Option<Value>,
    ttl: Option<u64>,
    retry: Option<u64>,
}

/// A field that is there and null is no field that is missing: whoever sends no
/// user where one belongs does not mean everyone.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

fn document(body: &[u8]) -> Result<Publication, Refusal> {
    let document: Document<'_> = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad(format!("this is not a publication: {error}")))?;
    if document.data.is_none() && document.event.is_none() {
        return Err(Refusal::bad(
            "this says nothing: give it `data` or an `event`",
        ));
    }
    let mut to = Vec::new();
    let named = document.uid.is_some()
        || document.uids.is_some()
        || document.topic.is_some()
        || document.topics.is_some();
    for uid in document.uid.iter().chain(document.uids.iter().flatten()) {
        to.push(Address::Uid(uid_of(uid)?));
    }
    for topic in document
        .topic
        .iter()
        .chain(document.topics.iter().flatten())
    {
        to.push(Address::Topic(Topic::parse(topic).map_err(Refusal::bad)?));
    }
    let to = match (named, to.is_empty()) {
        (false, _) => Audience::Everyone,
        // An empty list of users must not reach everyone.
        (true, true) => return Err(Refusal::bad("the lists of uids and topics are empty")),
        (true, false) => Audience::Only(to),
    };
    let data = match document.data {
        None => String::new(),
        Some(json) => data(json).map_err(Refusal::bad)?,
    };
    let id = match document.id {
        None => None,
        Some(Value::String(id)) => Some(id),
        Some(Value::Number(id)) => Some(id.to_string()),
        Some(_) => return Err(Refusal::bad("the id is neither a text nor a number")),
    };
    finish(
        to,
        data,
        document.event.as_deref(),
        id.as_deref(),
        document.ttl,
        document.retry,
    )
}

/// A text is itself, everything else is JSON.
fn data(json: &RawValue) -> serde_json::Result<String> {
    match json.get() {
        text if text.starts_with('"') => serde_json::from_str(text),
        json => Ok(compact(json)),
    }
}

/// The data of a document that was taken elsewhere. What cannot be read there is
/// not lost: the whole of it is the data.
pub(crate) fn data_of(document: &str) -> String {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    let read = serde_json::from_str::<Data<'_>>(document);
    let read = read.and_then(|read| read.data.map_or(Ok(String::new()), data));
    read.unwrap_or_else(|_| document.to_owned())
}

fn text(query: &[(String, String)], body: &[u8]) -> Result<Publication, Refusal> {
    let data = std::str::from_utf8(body).map_err(|_| Refusal::bad("the body is not UTF-8 text"))?;
    let one = |wanted: &str| {
        query
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    };
    if data.is_empty() && one("event").is_none() {
        return Err(Refusal::bad(
            "this says nothing: give it a text or an `event`",
        ));
    }
    let number = |wanted: &str| match one(wanted).map(str::parse::<u64>) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(Refusal::bad(format!("{wanted} is not a whole number"))),
    };
    let to = addresses(query, MOST_ADDRESSED)?;
    let named = query
        .iter()
        .any(|(name, _)| matches!(name.as_str(), "uid" | "topic"));
    let to = if named {
        Audience::Only(to)
    } else {
        Audience::Everyone
    };
    finish(
        to,
        data.to_owned(),
        one("event"),
        one("id"),
        number("ttl")?,
        number("retry")?,
    )
}

fn finish(
    to: Audience,
    data: String,
    event: Option<&str>,
    id: Option<&str>,
    ttl: Option<u64>,
    retry: Option<u64>,
) -> Result<Publication, Refusal> {
    if matches!(&to, Audience::Only(to) if to.len() > MOST_ADDRESSED) {
        return Err(Refusal::bad(format!(
            "more than {MOST_ADDRESSED} uids and topics"
        )));
    }
    if ttl.is_some_and(|ttl| ttl == 0 || ttl > LONGEST_TTL) {
        return Err(Refusal::bad("ttl is in seconds, from 1 to ten years"));
    }
    if retry.is_some_and(|retry| retry > LONGEST_RETRY) {
        return Err(Refusal::bad("retry is in milliseconds, up to one day"));
    }
    Ok(Publication {
        event: event
            .map(EventName::parse)
            .transpose()
            .map_err(Refusal::bad)?,
        key: id.map(EventId::parse).transpose().map_err(Refusal::bad)?,
        ttl: ttl.map(Duration::from_secs),
        retry: retry.map(Duration::from_millis),
        ..Publication::new(to, data)
    })
}

/// A fact for the board: any JSON, or a form.
pub(crate) fn fact(content_type: Option<&str>, body: &[u8]) -> Result<Publication, Refusal> {
    let json = match serde_json::from_slice::<&RawValue>(body) {
        Ok(json) => compact(json.get()),
        Err(_) if kind(content_type) == Kind::Form => Value::Object(form(body)?).to_string(),
        Err(error) => return Err(Refusal::bad(format!("the fact is not JSON: {error}"))),
    };
    Ok(Publication {
        fact: true,
        ..Publication::to_everyone(json)
    })
}

/// A site message: `uid` as a number or a text, `msg`, which may be missing,
/// and `isAll`; as JSON or as a form.
pub(crate) fn update(content_type: Option<&str>, body: &[u8]) -> Result<Publication, Refusal> {
    let fields = match serde_json::from_slice::<Map<String, Value>>(body) {
        Ok(fields) => fields,
        Err(_) if kind(content_type) == Kind::Form => form(body)?,
        Err(error) => {
            return Err(Refusal::bad(format!(
                "the body is not a JSON object: {error}"
            )));
        }
    };
    let uid = fields.get("uid").filter(|uid| !uid.is_null());
    let msg = match fields.get("msg") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(msg)) => msg.clone(),
        Some(other) => other.to_string(),
    };
    let all = match fields.get("isAll") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !matches!(text.as_str(), "" | "0" | "false"),
        Some(_) => true,
    };
    let (to, msg) = match (all, uid) {
        (true, _) => (Audience::Everyone, format!("给所有人的消息>>{msg}")),
        (false, None) => return Err(Refusal::bad("uid is missing; to reach everyone, set isAll")),
        (false, Some(uid)) => {
            let uid = uid_of(uid)?;
            let msg = format!("给{uid}的消息>>{msg}");
            (Audience::Only(vec![Address::Uid(uid)]), msg)
        }
    };
    let mut data = Map::new();
    data.insert("msg".to_owned(), msg.into());
    if let Some(uid) = uid {
        // Echoed as it was sent: a page may compare types.
        data.insert("uid".to_owned(), uid.clone());
    }
    let name = EventName::parse("notify").map_err(Refusal::bad)?;
    Ok(Publication::new(to, Value::Object(data).to_string()).event(name))
}

/// What a subscriber asks for in the query and in `Last-Event-ID`, which wins:
/// an EventSource reconnects with the address it first had.
pub(crate) fn subscribe(query: Option<&str>, header: Option<&[u8]>) -> Result<Request, Refusal> {
    let query: Vec<_> = pairs(query).collect();
    let mut request = Request {
        filter: Filter::of(addresses(&query, MOST_LISTENED)?),
        ..Request::default()
    };
    let mut since = None;
    let mut last = header.map(|id| String::from_utf8_lossy(id).into_owned());
    for (name, value) in query {
        match name.as_str() {
            "since" => since = Some(value),
            "lastEventId" | "lastEventID" if !value.is_empty() => {
                last.get_or_insert(value);
            }
            "poll" => request.poll = is_on(&value),
            "control" => request.control = is_on(&value),
            _ => {}
        }
    }
    request.start = match (last.filter(|last| !last.is_empty()), since.as_deref()) {
        (Some(last), _) => Start::After(last.chars().take(EventId::MAX_LEN).collect()),
        (None, Some("all")) => Start::All,
        (None, Some("none")) => Start::Live,
        (None, Some(id)) if id.parse::<crate::Position>().is_ok() => Start::After(id.to_owned()),
        (None, Some(_)) => return Err(Refusal::bad("since is `all`, `none` or an event id")),
        // Who polls wants what there is.
        (None, None) if request.poll => Start::All,
        (None, None) => Start::Live,
    };
    Ok(request)
}

/// Whether the query makes `/events` the native stream, and not the board.
pub(crate) fn is_native(query: Option<&str>) -> bool {
    let native = [
        "uid",
        "topic",
        "since",
        "lastEventId",
        "lastEventID",
        "poll",
        "control",
    ];
    pairs(query).any(|(name, _)| native.contains(&name.as_str()))
}

/// The users and topics of a query; several topics may share a comma list.
fn addresses(query: &[(String, String)], most: usize) -> Result<Vec<Address>, Refusal> {
    let mut found = Vec::new();
    for (name, value) in query {
        match name.as_str() {
            "uid" => found.push(Address::Uid(Uid::parse(value).map_err(Refusal::bad)?)),
            "topic" => {
                for topic in value.split(',') {
                    found.push(Address::Topic(Topic::parse(topic).map_err(Refusal::bad)?));
                }
            }
            _ => {}
        }
        if found.len() > most {
            return Err(Refusal::bad(format!("more than {most} uids and topics")));
        }
    }
    Ok(found)
}

/// A uid from JSON: `1`, `1.0` and `"1"` are one user, as they are one key in
/// the scripts that send them.
pub(crate) fn uid_of(value: &Value) -> Result<Uid, Refusal> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        },
        _ => return Err(Refusal::bad("a uid is a text or a number")),
    };
    Uid::parse(&text).map_err(Refusal::bad)
}

fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "false" | "no")
}

fn pairs(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned()
}

fn form(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if std::str::from_utf8(body).is_err() {
        return Err(Refusal::bad("the form is not UTF-8"));
    }
    let fields = url::form_urlencoded::parse(body);
    Ok(fields
        .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
        .collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Text,
    Form,
    Multipart,
    Unknown,
}

fn kind(content_type: Option<&str>) -> Kind {
    let Some(content_type) = content_type else {
        return Kind::Unknown;
    };
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => Kind::Form,
        "application/json" => Kind::Json,
        json if json.starts_with("application/") && json.ends_with("+json") => Kind::Json,
        text if text.starts_with("text/") => Kind::Text,
        parts if parts.starts_with("multipart/") => Kind::Multipart,
        _ => Kind::Unknown,
    }
}

/// Valid JSON without the white space between its tokens. Numbers and escapes
/// stay as they were written.
fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    json.chars()
        .filter(|c| {
            if quoted {
                match c {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    '"' => quoted = false,
                    _ => {}
                }
                return true;
            }
            quoted = *c == '"';
            !matches!(c, ' ' | '\t' | '\r' | '\n')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uid(text: &str) -> Address {
        Address::Uid(Uid::parse(text).unwrap())
    }

    fn topic(text: &str) -> Address {
        Address::Topic(Topic::parse(text).unwrap())
    }

    fn one(published: Result<Published, Refusal>) -> Publication {
        match published {
            Ok(Published::One(publication)) => publication,
            other => panic!("not one publication: {other:?}"),
        }
    }

    #[test]
    fn documents() {
        let check = |body: &str| {
            publish(
                Some("application/json; charset=utf-8"),
                None,
                body.as_bytes(),
            )
        };
        let ok = |body: &str| one(check(body));
        assert_eq!(ok(r#"{"data":""}"#), Publication::to_everyone(""));
        assert_eq!(ok(r#"{"data":"a\nb"}"#).data, "a\nb");
        assert_eq!(
            ok("{\"data\": {\n \"b\": 1.50,\n \"a\": \"x \\\" y\"} }").data,
            r#"{"b":1.50,"a":"x \" y"}"#
        );
        assert_eq!(
            ok(r#"{"data":12345678901234567890123}"#).data,
            "12345678901234567890123"
        );
        for body in [r#"{"uid":1,"data":0}"#, r#"{"uid":1.0,"event":"x"}"#] {
            assert_eq!(ok(body).to, Audience::Only(vec![uid("1")]));
        }
        assert_eq!(
            ok(r#"{"uids":["a",2],"topic":"t","topics":["s"],"event":"x"}"#).to,
            Audience::Only(vec![uid("a"), uid("2"), topic("t"), topic("s")])
        );
        let full = ok(r#"{"event":"like","id":7,"ttl":60,"retry":3000,"data":null}"#);
        assert_eq!(full.event.unwrap().as_str(), "like");
        assert_eq!(full.key.unwrap().as_str(), "7");
        assert_eq!(full.ttl, Some(Duration::from_secs(60)));
        assert_eq!(full.retry, Some(Duration::from_millis(3000)));

        for (body, part) in [
            ("", "not a publication"),
            ("[]", "the batch is empty"),
            ("{}", "says nothing"),
            (r#"{"uid":1,"data":null}"#, "says nothing"),
            (r#"{"evnt":"like"}"#, "unknown field `evnt`"),
            (r#"{"event":"a\nid: 1"}"#, "line break"),
            (r#"{"event":"gap"}"#, "`gap` is reserved"),
            (r#"{"event":"open"}"#, "`open` is reserved"),
            (r#"{"event":""}"#, "empty"),
            (r#"{"data":1,"uid":""}"#, "uid"),
            (r#"{"data":1,"uid":true}"#, "uid"),
            (r#"{"data":1,"uids":[]}"#, "empty"),
            (r#"{"data":1,"topic":"a/b"}"#, "topic"),
            (r#"{"data":1,"topic":"metrics"}"#, "path of the hub"),
            (r#"{"data":1,"id":"a\r"}"#, "line break"),
            (r#"{"data":1,"id":[]}"#, "id"),
            (r#"{"data":1,"ttl":0}"#, "ttl"),
            (r#"{"data":1,"ttl":-1}"#, "not a publication"),
            (r#"{"data":1,"retry":86400001}"#, "retry"),
            (
                &format!(r#"{{"data":1,"uids":[{}1]}}"#, "1,".repeat(1000)),
                "more than 1000",
            ),
        ] {
            let refusal = check(body).unwrap_err();
            assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
            assert!(refusal.why.contains(part), "{body}: {}", refusal.why);
        }
    }

    #[test]
    fn batches() {
        let check = |body: &str| publish(Some("application/json"), None, body.as_bytes());
        let Ok(Published::Batch(two)) = check(r#" [{"data":1}, {"event":"x","uid":7}]"#) else {
            panic!("no batch");
        };
        assert_eq!(two[0].data, "1");
        assert_eq!(two[1].to, Audience::Only(vec![uid("7")]));

        let many = |count| format!("[{}0]", "{\"data\":0},".repeat(count));
        let long = format!(r#"[{{"data":0}},{{"data":"{}"}}]"#, "x".repeat(MAX_DATA));
        for (body, part) in [
            ("[]", "the batch is empty"),
            (&many(1000), "more than 1000 publications"),
            (
                &many(999),
                "at index 999 is refused: this is not a publication",
            ),
            (
                r#"[{"data":1},{"data":2,"uid":""}]"#,
                "at index 1 is refused: a uid",
            ),
            (
                r#"[{"data":1},{}]"#,
                "at index 1 is refused: this says nothing",
            ),
            (r#"[{"data":1},[]]"#, "at index 1"),
            (r#"[{"data":1}"#, "the body is not a batch"),
            (r#"[{"data":1}] 2"#, "the body is not a batch"),
            (
                &long,
                "at index 1 is refused: it has more than 1048576 bytes",
            ),
        ] {
            let refusal = check(body).unwrap_err();
            assert!(refusal.why.contains(part), "{refusal:?}");
        }
        let data = "x".repeat(MAX_DATA - 11);
        assert!(check(&format!(r#"[{{"data":"{data}"}}]"#)).is_ok());
    }

    #[test]
    fn a_typo_does_not_ring_as_a_text() {
        let curl = Some("application/x-www-form-urlencoded");
        for body in [
            r#"{"event":"like","data":"x""#,
            "{event:like}",
            "{'event': 'like'}",
            " {",
            "[",
            r#"[{"event":"like"}"#,
            r#"[{"event":"like",}]"#,
            "[1,2]",
            r#"["a"]"#,
            "{}",
            "[]",
        ] {
            for content_type in [None, curl] {
                let refusal = publish(content_type, None, body.as_bytes()).unwrap_err();
                let objects = ["{}", "[]"].contains(&body);
                assert_ne!(refusal.why.contains("text/plain"), objects, "{refusal:?}");
                // Who says that it is a text, or where it goes, is believed.
                for (content_type, query) in
                    [(Some("text/plain"), None), (content_type, Some("uid=1"))]
                {
                    let text = publish(content_type, query, body.as_bytes());
                    assert_eq!(one(text).data, body);
                }
            }
        }
        for nothing in [
            publish(curl, None, b""),
            publish(Some("text/plain"), Some("uid=1"), b""),
        ] {
            let refusal = nothing.unwrap_err();
            assert!(refusal.why.contains("says nothing"), "{refusal:?}");
        }
        for body in [
            "hello",
            "[warning] disk full",
            "[2025-11-21 10:00] backup done",
            "\"quoted\"",
            "12",
            "(x)",
        ] {
            assert_eq!(one(publish(curl, None, body.as_bytes())).data, body);
        }
        let batch = publish(None, None, br#"[{"event":"like"}]"#);
        assert!(matches!(batch, Ok(Published::Batch(_))), "{batch:?}");
        for (content_type, query, start, expected) in [
            (None, None, "\n [", true),
            (Some("application/json"), Some("uid=1"), "[", true),
            (None, Some("uid=1"), "[", false),
            (Some("text/plain"), None, "[", false),
            (None, None, "{", false),
        ] {
            let may = may_be_batch(content_type, query, start.as_bytes());
            assert_eq!(may, expected, "{content_type:?} {query:?} {start}");
        }
    }

    #[test]
    fn texts() {
        let full = one(publish(
            Some("text/plain"),
            Some("event=like&uid=1&uid=2&topic=a,b&id=k&ttl=5&retry=10&token=x"),
            b"{}",
        ));
        assert_eq!(full.data, "{}");
        assert_eq!(
            full.to,
            Audience::Only(vec![uid("1"), uid("2"), topic("a"), topic("b")])
        );
        assert_eq!(full.key.unwrap().as_str(), "k");

        let curl = Some("application/x-www-form-urlencoded");
        let data = |query, body: &str| one(publish(curl, query, body.as_bytes())).data;
        assert_eq!(data(None, "hi=1&you"), "hi=1&you");
        assert_eq!(data(None, r#"{"data":"x"}"#), "x");
        assert_eq!(
            data(Some("event=like"), r#"{"data":"x"}"#),
            r#"{"data":"x"}"#
        );
        assert!(publish(curl, Some("event=a%0Ab"), b"").is_err());
        assert!(publish(curl, Some("uid="), b"").is_err());
        assert!(publish(curl, Some("ttl=soon"), b"").is_err());
        assert!(publish(Some("text/plain"), None, b"\xff").is_err());
    }

    #[test]
    fn facts() {
        let data = |content_type, body: &str| fact(content_type, body.as_bytes()).map(|p| p.data);
        assert_eq!(data(None, " {\"a\": [1, 2]} ").unwrap(), r#"{"a":[1,2]}"#);
        assert_eq!(data(None, "\"x\"").unwrap(), "\"x\"");
        assert_eq!(
            data(Some("application/x-www-form-urlencoded"), "{\"a\":1}").unwrap(),
            r#"{"a":1}"#
        );
        assert_eq!(
            data(Some("application/x-www-form-urlencoded"), "a=1&b=x+y").unwrap(),
            r#"{"a":"1","b":"x y"}"#
        );
        assert!(data(Some("application/json"), "a=1").is_err());
        assert!(data(None, "").is_err());
    }

    #[test]
    fn updates() {
        let json = Some("application/json");
        for (content_type, body, to, data) in [
            (
                json,
                r#"{"uid":1,"msg":"hi"}"#,
                Some("1"),
                r#"{"msg":"给1的消息>>hi","uid":1}"#,
            ),
            (
                json,
                r#"{"uid":"1","msg":"hi"}"#,
                Some("1"),
                r#"{"msg":"给1的消息>>hi","uid":"1"}"#,
            ),
            (
                json,
                r#"{"uid":"1"}"#,
                Some("1"),
                r#"{"msg":"给1的消息>>","uid":"1"}"#,
            ),
            (
                json,
                r#"{"uid":1,"msg":7,"isAll":false}"#,
                Some("1"),
                r#"{"msg":"给1的消息>>7","uid":1}"#,
            ),
            (
                json,
                r#"{"uid":1,"msg":"hi","isAll":true}"#,
                None,
                r#"{"msg":"给所有人的消息>>hi","uid":1}"#,
            ),
            (
                json,
                r#"{"msg":"hi","isAll":1}"#,
                None,
                r#"{"msg":"给所有人的消息>>hi"}"#,
            ),
            (
                Some("application/x-www-form-urlencoded"),
                "uid=1&msg=hi&isAll=false",
                Some("1"),
                r#"{"msg":"给1的消息>>hi","uid":"1"}"#,
            ),
        ] {
            let publication = update(content_type, body.as_bytes()).unwrap();
            let expected = to.map_or(Audience::Everyone, |to| Audience::Only(vec![uid(to)]));
            assert_eq!(
                (publication.to, publication.data.as_str()),
                (expected, data),
                "{body}"
            );
            assert_eq!(publication.event.unwrap().as_str(), "notify");
        }
        for body in ["", "[]", r#"{"msg":"x"}"#, r#"{"uid":{}}"#, r#"{"uid":""}"#] {
            assert!(update(json, body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn subscriptions() {
        fn start(query: Option<&str>, header: Option<&str>) -> Result<Start, Refusal> {
            subscribe(query, header.map(str::as_bytes)).map(|request| request.start)
        }
        let after = |id: &str| Ok(Start::After(id.to_owned()));
        let id = "7f3a00ff12.1";
        assert_eq!(start(None, None), Ok(Start::Live));
        assert_eq!(start(Some("since=all"), None), Ok(Start::All));
        assert_eq!(start(Some("since=none"), None), Ok(Start::Live));
        assert_eq!(start(Some("poll=1"), None), Ok(Start::All));
        assert_eq!(start(Some("poll=1&since=none"), None), Ok(Start::Live));
        assert_eq!(start(Some(&format!("since={id}")), None), after(id));
        assert_eq!(
            start(Some(&format!("since=all&lastEventId={id}")), None),
            after(id)
        );
        assert_eq!(
            start(Some(&format!("since=all&lastEventId={id}")), Some("msg1")),
            after("msg1")
        );
        assert_eq!(start(Some("since=all"), Some("")), Ok(Start::All));
        assert!(start(Some("since=yesterday"), None).is_err());
        assert!(subscribe(Some("uid="), None).is_err());
        assert!(subscribe(Some("topic=a,,b"), None).is_err());
        assert!(subscribe(Some(&"uid=1&".repeat(65)), None).is_err());
        let long = "x".repeat(100_000);
        assert_eq!(start(None, Some(&long)), after(&long[..EventId::MAX_LEN]));
        let both = subscribe(Some("uid=1&uid=2&topic=a,b&control=1&poll"), None).unwrap();
        assert_eq!(
            both.filter.addresses,
            [uid("1"), uid("2"), topic("a"), topic("b")].into()
        );
        assert!(both.control && both.poll);
        for (query, native) in [
            ("", false),
            ("token=x", false),
            ("uid=1", true),
            ("x=1&poll=0", true),
        ] {
            assert_eq!(is_native(Some(query)), native, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_fall_over(
            body in prop::collection::vec(any::<u8>(), 0..64),
            query in "\\PC{0,32}",
            header in prop::collection::vec(any::<u8>(), 0..16),
        ) {
            for content_type in [None, Some("application/json"), Some("text/plain"), Some("application/x-www-form-urlencoded")] {
                let _ = publish(content_type, Some(&query), &body);
                let _ = fact(content_type, &body);
                let _ = update(content_type, &body);
            }
            let _ = subscribe(Some(&query), Some(&header));
        }

        #[test]
        fn compacting_changes_no_value(text in "\\PC{0,20}", number in any::<i64>()) {
            let value = serde_json::json!({text.clone(): [number, text, null, {"a b": true}]});
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), value.to_string());
        }
    }
}
