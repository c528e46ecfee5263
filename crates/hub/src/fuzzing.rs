//! The fuzz target's way in: one request as bytes, through everything that reads
//! what comes from outside, and what was taken through everything that writes.
//!
//! An input is a request as on the wire, with LF for CRLF: a method and a target,
//! headers, an empty line, the body.

use std::sync::LazyLock;

use axum::http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, Method, Uri};
use bytes::BytesMut;
use jiff::Timestamp;

use crate::access::Shown;
use crate::format::Format;
use crate::guard::{Guard, SEC_FETCH_SITE};
use crate::inbound::Published;
use crate::peer::Peer;
use crate::publication::{Address, Audience};
use crate::record::Record;
use crate::{Epoch, HubConfig, MAX_DATA, MessageId, Position, Publication, Store};
use crate::{device, inbound, ntfy, routes};

#[path = "../../../fuzz/reference.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the other fuzz target"
)]
mod reference;

const ALLOWED: &str = "http://localhost:3000";
const OWN: [&str; 4] = ["localhost", "127.0.0.1", "[::1]", "bell.local"];

/// A request that was read.
pub(crate) struct Input<'a> {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: &'a [u8],
}

impl<'a> Input<'a> {
    fn read(input: &'a [u8]) -> Option<Self> {
        let mut rest = input;
        let mut line = || {
            let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            line
        };
        let first = line();
        let space = first.iter().position(|b| *b == b' ')?;
        let method = Method::from_bytes(&first[..space]).ok()?;
        let uri = Uri::try_from(&first[space + 1..]).ok()?;
        let mut headers = HeaderMap::new();
        loop {
            let line = line();
            if line.is_empty() {
                break;
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                continue;
            };
            let name = HeaderName::from_bytes(&line[..colon]);
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Some(Self {
            method,
            uri,
            headers,
            body: rest,
        })
    }
}

/// Everything that reads a request, and what it may come to.
///
/// # Panics
///
/// When something is let through that should not be.
pub fn request(input: &[u8]) {
    let Some(input) = Input::read(input) else {
        return;
    };
    guarded(&input);
    let _ = Shown::of(&input.uri, &input.headers);
    if let Some(agent) = input.headers.get(USER_AGENT)
        && let Ok(agent) = agent.to_str()
        && let Some(short) = device::short(agent)
    {
        let plain = |c: char| c.is_alphanumeric() || " ._-+".contains(c);
        assert!(short.chars().all(plain), "{short:?}");
        assert!(short.chars().count() <= 80, "{short:?}");
    }
    let query = input.uri.query();
    let kind = input.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok());
    for read in [
        inbound::publish(kind, query, input.body),
        inbound::fact(kind, input.body).map(Published::One),
        inbound::update(kind, input.body).map(Published::One),
    ] {
        match read {
            Ok(published) => {
                for publication in each(published) {
                    assert!(publication.data.len() <= 4 * MAX_DATA);
                    written(&publication);
                }
            }
            Err(refusal) => refused(refusal.status.as_u16(), &refusal.why),
        }
    }
    let header = routes::cursor_header(&input.headers);
    match inbound::subscribe(query, header) {
        Ok(request) => assert!(request.filter.addresses.len() <= 64),
        Err(refusal) => refused(refusal.status.as_u16(), &refusal.why),
    }
    let _ = inbound::is_native(query);
    for text in [query.unwrap_or_default(), input.uri.path()] {
        if let Ok(position) = text.parse::<Position>() {
            assert_eq!(position.to_string(), text);
        }
        if let Some(id) = MessageId::parse(text) {
            let _ = id.position(epoch());
        }
    }
    ntfy::fuzzing::request(&input);
}

fn each(published: Published) -> Vec<Publication> {
    match published {
        Published::One(publication) => vec![publication],
        Published::Batch(publications) => publications,
    }
}

/// What passes the guard comes from no page that nobody allowed.
fn guarded(input: &Input<'_>) {
    static GUARD: LazyLock<Guard> = LazyLock::new(|| {
        let config = HubConfig {
            allow_origins: vec![ALLOWED.to_owned()],
            hosts: vec!["bell.local".to_owned()],
            ..HubConfig::new(Store::Memory)
        };
        Guard::new(&config, true)
    });
    let remote = Peer::Remote(std::net::Ipv4Addr::LOCALHOST.into());
    let text = |name: &HeaderName| {
        let value = input.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    match GUARD.check(remote, &input.method, &input.uri, &input.headers) {
        Err(denied) => {
            refused(denied.status.as_u16(), &denied.why);
            assert_eq!(denied.cors, None);
        }
        Ok(pass) => {
            let authority = input.uri.authority().map(ToString::to_string);
            let host = authority.or_else(|| text(&HOST)).unwrap_or_default();
            let host = host.to_ascii_lowercase();
            let named = |own: &&str| {
                let port = host.strip_prefix(*own);
                port.is_some_and(|port| {
                    let digits = port.strip_prefix(':').unwrap_or(port);
                    port.is_empty() || digits.bytes().all(|b| b.is_ascii_digit())
                })
            };
            assert!(OWN.iter().any(named), "{host:?} passes");
            match text(&ORIGIN) {
                Some(origin) if origin == ALLOWED => {
                    assert_eq!(pass.cors.as_deref(), Some(ALLOWED));
                }
                Some(origin) => {
                    let origin = origin.to_ascii_lowercase();
                    let (_, own) = origin.split_once("://").unwrap_or_default();
                    assert_eq!(own, host, "{origin:?} passes");
                    assert_eq!(pass.cors, None);
                }
                None => {
                    let site = text(&SEC_FETCH_SITE).unwrap_or_default();
                    // A link to the page shows it, and tells nobody anything.
                    let mode = text(&HeaderName::from_static("sec-fetch-mode"));
                    let link = input.uri.path() == "/"
                        && mode.is_some_and(|mode| mode == "navigate")
                        && matches!(input.method, Method::GET | Method::HEAD);
                    assert!(link || !matches!(site.as_str(), "cross-site" | "same-site"));
                }
            }
        }
    }
}

/// A refusal is a client's error, and a sentence.
pub(crate) fn refused(status: u16, why: &str) {
    assert!((400..500).contains(&status), "{status}: {why}");
    assert!(!why.trim().is_empty());
}

pub(crate) fn epoch() -> Epoch {
    Epoch::random(&mut fastrand::Rng::with_seed(7))
}

/// The event of the log that a publication becomes.
pub(crate) fn record(publication: &Publication) -> Record {
    let position = Position {
        epoch: epoch(),
        seq: 7,
    };
    Record::of(
        position,
        Timestamp::UNIX_EPOCH.as_millisecond(),
        publication.clone(),
    )
}

/// What was taken is written so that it reads back as itself, and as nothing else.
pub(crate) fn written(publication: &Publication) {
    if let Audience::Only(to) = &publication.to {
        assert!((1..=1000).contains(&to.len()));
        for address in to {
            match address {
                Address::Uid(uid) => assert!(!uid.as_str().chars().any(char::is_control)),
                Address::Topic(topic) => assert!(topic.as_str().is_ascii()),
            }
        }
    }
    let record = record(publication);
    let name = publication.event.as_ref().map(crate::EventName::as_str);
    let id = record.position.to_string();

    let mut out = BytesMut::new();
    Format::Sse.event(&record, &mut out);
    let data = publication.data.replace("\r\n", "\n").replace('\r', "\n");
    let seen = sse(&out);
    assert_eq!(
        seen,
        [(name.unwrap_or("message").to_owned(), data, id.clone())]
    );

    out.clear();
    Format::Lines.event(&record, &mut out);
    let line = one_line(&out);
    let object: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    assert_eq!(object["id"], id.as_str());
    assert_eq!(object.get("event").and_then(|name| name.as_str()), name);
    assert_eq!(object["data"], publication.data.as_str());
}

/// The events of a stream: name, data, last event id.
pub(crate) fn sse(out: &[u8]) -> Vec<(String, String, String)> {
    let seen = reference::interpret(out, "");
    let events = seen.events.into_iter();
    events
        .map(|event| (event.name, event.data, event.last_event_id))
        .collect()
}

/// The only line.
pub(crate) fn one_line(out: &[u8]) -> &str {
    let text = std::str::from_utf8(out).unwrap_or_default();
    let line = text.strip_suffix('\n').unwrap_or("no line");
    assert!(!line.contains('\n'), "{line:?}");
    line
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_whole_corpus_is_read_without_a_panic() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
        let mut count = 0;
        for folder in ["seeds/request", "corpus/request"] {
            for entry in fs::read_dir(fuzz.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let input = fs::read(&path).unwrap();
                let outcome = std::panic::catch_unwind(|| request(&input));
                assert!(outcome.is_ok(), "{}", path.display());
                count += 1;
            }
        }
        assert!(count >= 50, "only {count} inputs");
    }

    /// Text that looks for trouble.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "\r",
                "\n",
                "\r\n",
                "\0",
                "\u{feff}",
                "\u{2028}",
                "\u{85}",
                ":",
                " ",
                "  ",
                "\"",
                "\\",
                "\\n",
                "id: 9",
                "event: gap",
                "data: x",
                "retry: 1",
                "{\"id\":\"x\"}\n",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
            Just("x".repeat(5000)),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_published_is_written_as_one_event(data in hostile(), name in "\\PC{0,12}", id in "\\PC{1,12}") {
            let mut publication = Publication::to_everyone(data.clone());
            publication.event = crate::EventName::parse(&name).ok();
            publication.key = crate::EventId::parse(&id).ok();
            written(&publication);
            ntfy::fuzzing::written(&publication);
            let document = serde_json::json!({"data": data, "topic": "t"}).to_string();
            let published = inbound::publish(Some("application/json"), None, document.as_bytes()).unwrap();
            for publication in each(published) {
                prop_assert_eq!(&publication.data, &data);
                ntfy::fuzzing::written(&publication);
            }
        }

        #[test]
        fn whatever_is_published_in_ntfys_manner_is_written_as_one_event(
            message in hostile(), title in hostile(), tags in hostile(),
        ) {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("message", &message), ("title", &title), ("tags", &tags), ("click", &title)])
                .finish();
            request(format!("GET /t/publish?{query}\nHost: localhost\n\n").as_bytes());
            let document = serde_json::json!({"topic": "t", "message": message, "title": title, "tags": [tags]});
            request(format!("POST /\nHost: localhost\n\n{document}").as_bytes());
        }
    }
}
