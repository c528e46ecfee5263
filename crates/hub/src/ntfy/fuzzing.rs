//! The part of the fuzz target that reads and writes in ntfy's manner.

use axum::http::HeaderMap;
use bytes::BytesMut;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::errors::Problem;
use super::params::Params;
use super::publish::{self, Fate};
use super::subscribe::{self, Kind};
use super::{Topic, actions, delay, speaks, words};
use crate::Publication;
use crate::fuzzing::{Input, one_line, record, refused, sse};

const WEEK: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) fn request(input: &Input<'_>) {
    let _ = speaks(&input.method, input.uri.path());
    let path = percent_encoding::percent_decode_str(input.uri.path()).decode_utf8_lossy();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let first = parts.first().copied().unwrap_or_default();
    let params = Params::new(&input.uri, &input.headers);
    texts(input);
    if let Ok(topic) = super::topic(first) {
        let sequence = parts.get(1).copied();
        published(&params, &input.headers, topic.clone(), sequence, input.body);
        for end in [Fate::Clear, Fate::Delete] {
            let request = publish::Request {
                topic: topic.clone(),
                sequence,
                params: &params,
                headers: &input.headers,
                body: b"",
            };
            said(with_hub(|hub| publish::fate(end, &request, hub)));
        }
    }
    let mut merged = Params::new(&input.uri, &input.headers);
    match merged.merge(input.body) {
        Ok((name, message)) => {
            if let Ok(topic) = super::topic(&name) {
                published(&merged, &input.headers, topic, None, message.as_bytes());
            }
        }
        Err(problem) => wrong(&problem),
    }
    for kind in [Kind::Json, Kind::Sse, Kind::Raw] {
        let now = Timestamp::UNIX_EPOCH;
        match subscribe::request(kind, first, &params, &input.headers, now) {
            Ok(asked) => {
                assert!((1..=64).contains(&asked.filter.addresses.len()));
                let some = Publication::to_everyone(path.as_ref());
                let _ = asked.format.takes(&record(&some));
            }
            Err(problem) => wrong(&problem),
        }
    }
}

/// The small languages inside of headers and fields.
fn texts(input: &Input<'_>) {
    let values = input.headers.values();
    let mut texts: Vec<String> = values
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    texts.push(String::from_utf8_lossy(input.body).into_owned());
    let now = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    for text in &texts {
        let decoded = words::decode(text);
        assert!(decoded.len() <= 4 * text.len() + 4);
        let _ = words::latin1(text.as_bytes());
        let _ = delay::seconds(text);
        let _ = delay::due(text, &now);
        if let Ok(actions) = actions::parse(text) {
            assert!(actions.len() <= 3);
        }
    }
}

fn published(
    params: &Params,
    headers: &HeaderMap,
    topic: Topic,
    sequence: Option<&str>,
    body: &[u8],
) {
    let request = publish::Request {
        topic,
        sequence,
        params,
        headers,
        body,
    };
    said(with_hub(|hub| publish::message(&request, hub)));
}

fn with_hub<T>(read: impl FnOnce(&mut publish::Hub<'_>) -> T) -> T {
    read(&mut publish::Hub {
        now: Timestamp::UNIX_EPOCH,
        kept: WEEK,
        random: &mut fastrand::Rng::with_seed(7),
    })
}

fn said(read: Result<Publication, Problem>) {
    match read {
        Ok(publication) => {
            let message: serde_json::Value =
                serde_json::from_str(&publication.data).unwrap_or_default();
            let id = message["id"].as_str();
            assert_eq!(
                id,
                publication.message.as_ref().map(crate::MessageId::as_str)
            );
            let text = message["message"].as_str().unwrap_or_default();
            // As base64 it may be longer.
            assert!(
                text.len() <= 2 * publish::MOST_MESSAGE,
                "{} bytes",
                text.len()
            );
            crate::fuzzing::written(&publication);
            written(&publication);
        }
        Err(problem) => wrong(&problem),
    }
}

fn wrong(problem: &Problem) {
    refused(problem.status().as_u16(), &problem.why);
}

/// What was taken is one event, one line, one text in ntfy's streams.
pub(crate) fn written(publication: &Publication) {
    let record = record(publication);
    let params = Params::default();
    for kind in [Kind::Json, Kind::Sse, Kind::Raw] {
        let asked =
            subscribe::request(kind, "t", &params, &HeaderMap::new(), Timestamp::UNIX_EPOCH);
        let Ok(asked) = asked else {
            unreachable!("a topic is one");
        };
        let mut out = BytesMut::new();
        asked.format.event(&record, &mut out);
        let json = match kind {
            Kind::Raw => {
                let text = one_line(&out);
                assert!(!text.contains('\r'));
                continue;
            }
            Kind::Json => one_line(&out).to_owned(),
            Kind::Sse => {
                let [(name, data, id)] = sse(&out).try_into().unwrap_or_default();
                let own = publication
                    .event
                    .as_ref()
                    .filter(|_| publication.message.is_some());
                assert_eq!(name, own.map_or("message", crate::EventName::as_str));
                assert_eq!(id, record.position.to_string());
                data
            }
        };
        let object: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
        assert_eq!(object["id"].as_str().map(str::len), Some(12), "{json}");
        if publication.message.is_none() && !publication.data.starts_with('{') {
            let wanted = match publication.data.as_str() {
                "" => "triggered",
                data => data,
            };
            assert_eq!(object["message"], wanted);
        }
    }
}
