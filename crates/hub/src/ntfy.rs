//! ntfy's HTTP API at the root of the hub, so that what publishes to ntfy
//! publishes here without a change. It gets what no route of the hub takes.
//!
//! A message is one publication to its topic whose data is ntfy's JSON, so that
//! all streams of the hub carry it. Facts are from ntfy's documentation and
//! `server/server.go`.

mod actions;
mod delay;
mod errors;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod message;
mod params;
mod probes;
mod publish;
mod subscribe;
mod words;

use std::sync::{MutexGuard, PoisonError};

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

pub(crate) use subscribe::Shape;

use crate::Publication;
use crate::access::Caller;
use crate::inbound::Refusal;
use crate::publication::{Address, Topic};
use crate::routes::{self, Shared, Site};
use errors::Problem;
use params::Params;
use publish::Fate;
use subscribe::Kind;

/// Most topics of one subscriber.
const MOST_TOPICS: usize = 64;
/// First parts of paths that are the hub's own.
const OWN: [&str; 8] = [
    "metrics",
    "healthz",
    "hub",
    "publish",
    "fact",
    "update",
    "message",
    ".well-known",
];
/// Paths of the hub that are its own for GET alone.
const OWN_TO_READ: [&str; 5] = ["", "push", "sse", "test", "events"];

/// Whether a request that no route takes is one in ntfy's manner.
pub(crate) fn speaks(method: &Method, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let writes = matches!(*method, Method::POST | Method::PUT);
    match parts.as_slice() {
        [first] if OWN_TO_READ.contains(first) => writes,
        // Reserved names: refused as topics where they are used as topics.
        ["publish" | "fact" | "update"] if *method == Method::POST => false,
        [first] if OWN.contains(first) => writes,
        [first, last] if OWN.contains(first) => {
            matches!(*method, Method::GET | Method::HEAD)
                && matches!(
                    *last,
                    "json" | "sse" | "raw" | "ws" | "auth" | "publish" | "send" | "trigger"
                )
        }
        [first, ..] => !OWN.contains(first),
        [] => false,
    }
}

/// A refusal from before a request has come here.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    Problem::from(refusal.clone()).into_response()
}

/// Answers what no route of the hub takes.
pub(crate) async fn handle(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let method = request.method().clone();
    let head = method == Method::HEAD;
    let answered = answer(&site, &caller, &method, request).await;
    let mut response = answered.unwrap_or_else(Problem::into_response);
    if head {
        *response.body_mut() = axum::body::Body::empty();
    }
    response
}

async fn answer(
    site: &Site,
    caller: &Caller,
    method: &Method,
    request: Request,
) -> Result<Response, Problem> {
    let uri = request.uri().clone();
    let decoded = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy();
    let not_found = || Problem::not_found(method, &decoded);
    let parts: Vec<&str> = decoded.split('/').skip(1).collect();
    let read = matches!(*method, Method::GET | Method::HEAD);
    let write = matches!(*method, Method::POST | Method::PUT);
    let get = *method == Method::GET;
    match parts.as_slice() {
        _ if *method == Method::OPTIONS => Ok(options()),
        [""] if write => send_json(site, caller, request).await,
        ["v1", rest @ ..] if read || !rest.is_empty() => {
            probes::v1(site, method, &decoded, rest).await
        }
        ["_matrix", ..] => Err(Problem::new(40401, "this hub is no Matrix gateway")),
        [topic] if write => send(site, caller, request, topic, None).await,
        [topic] if read => about(&request, topic).ok_or_else(not_found),
        [topic, "publish" | "send" | "trigger"] if get => {
            send(site, caller, request, topic, None).await
        }
        [topics, "json"] if read => listen(site, caller, request, topics, Kind::Json).await,
        [topics, "sse"] if read => listen(site, caller, request, topics, Kind::Sse).await,
        [topics, "raw"] if read => listen(site, caller, request, topics, Kind::Raw).await,
        [topics, "ws"] if read => {
            addresses(topics)?;
            let why = "this hub has no WebSocket; subscribe to /{topic}/json or /{topic}/sse";
            Err(Problem::new(40016, why))
        }
        [topics, "auth"] if read => may_listen(caller, topics),
        [topic, sequence] if write => send(site, caller, request, topic, Some(sequence)).await,
        [topic, sequence] if *method == Method::DELETE => {
            end(site, caller, request, topic, sequence, Fate::Delete).await
        }
        [topic, sequence, "delete"] if get => {
            end(site, caller, request, topic, sequence, Fate::Delete).await
        }
        [topic, sequence, "clear" | "read"] if get || write => {
            end(site, caller, request, topic, sequence, Fate::Clear).await
        }
        _ => Err(not_found()),
    }
}

/// A topic, or why it is none.
fn topic(text: &str) -> Result<Topic, Problem> {
    // Such names are kept for files and the like.
    if text.contains('.') {
        let why = format!("the topic `{text}` is reserved, as it has a dot; choose another name");
        return Err(Problem::new(40010, why));
    }
    Ok(Topic::parse(text)?)
}

/// The topics of a comma list.
fn addresses(text: &str) -> Result<Vec<Topic>, Problem> {
    let mut topics = Vec::new();
    for name in text.split(',').filter(|name| !name.is_empty()) {
        let topic = topic(name)?;
        if !topics.contains(&topic) {
            topics.push(topic);
        }
        if topics.len() > MOST_TOPICS {
            let why = format!("a stream has up to {MOST_TOPICS} topics");
            return Err(Problem::new(40009, why));
        }
    }
    if topics.is_empty() {
        return Err(Problem::new(40009, "the path names no topic"));
    }
    Ok(topics)
}

async fn send(
    site: &Site,
    caller: &Caller,
    request: Request,
    name: &str,
    sequence: Option<&str>,
) -> Result<Response, Problem> {
    let topic = topic(name)?;
    let params = Params::new(request.uri(), request.headers());
    let headers = request.headers().clone();
    let body = routes::body_of(request).await.map(|(_, body)| body);
    let body = body.map_err(|refusal| match refusal.status {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            40014,
            format!("{}, and this hub takes no attachments", refusal.why),
        ),
        _ => refusal.into(),
    })?;
    let request = publish::Request {
        topic,
        sequence,
        params: &params,
        headers: &headers,
        body: &body,
    };
    let publication = with_hub(site, |hub| publish::message(&request, hub))?;
    store(site, caller, publication).await
}

async fn send_json(site: &Site, caller: &Caller, request: Request) -> Result<Response, Problem> {
    let mut params = Params::new(request.uri(), request.headers());
    let headers = request.headers().clone();
    let too_large = || {
        let why = format!("the JSON has more than {} bytes", publish::MOST_JSON);
        Problem::new(41303, why)
    };
    let (_, body) = routes::body_of(request)
        .await
        .map_err(|refusal| match refusal.status {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => refusal.into(),
        })?;
    if body.len() > publish::MOST_JSON {
        return Err(too_large());
    }
    let (name, message) = params.merge(&body)?;
    let request = publish::Request {
        topic: topic(&name)?,
        sequence: None,
        params: &params,
        headers: &headers,
        body: message.as_bytes(),
    };
    let publication = with_hub(site, |hub| publish::message(&request, hub))?;
    store(site, caller, publication).await
}

async fn end(
    site: &Site,
    caller: &Caller,
    request: Request,
    name: &str,
    sequence: &str,
    fate: Fate,
) -> Result<Response, Problem> {
    let request = publish::Request {
        topic: topic(name)?,
        sequence: Some(sequence),
        params: &Params::default(),
        headers: request.headers(),
        body: b"",
    };
    let publication = with_hub(site, |hub| publish::fate(fate, &request, hub))?;
    store(site, caller, publication).await
}

fn with_hub<T>(site: &Site, read: impl FnOnce(&mut publish::Hub<'_>) -> T) -> T {
    let config = site.hub.config();
    let mut random: MutexGuard<'_, _> = site
        .hub
        .random()
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    read(&mut publish::Hub {
        now: (config.clock)(),
        kept: config.history.age,
        random: &mut random,
    })
}

/// The one way into the log: what limits publishers is asked here.
async fn store(
    site: &Site,
    caller: &Caller,
    publication: Publication,
) -> Result<Response, Problem> {
    routes::may_publish(caller, &publication)?;
    let json = publication.data.clone();
    site.hub.publish(publication).await?;
    Ok(answer_json(StatusCode::OK, json))
}

async fn listen(
    site: &Site,
    caller: &Caller,
    request: Request,
    named: &str,
    kind: Kind,
) -> Result<Response, Problem> {
    let (head, _) = request.into_parts();
    let (uri, headers) = (&head.uri, &head.headers);
    let params = Params::new(uri, headers);
    let now = (site.hub.config().clock)();
    let asked = subscribe::request(kind, named, &params, headers, now)?;
    if head.method == Method::HEAD {
        may_listen(caller, named)?;
        return Ok(([(header::CONTENT_TYPE, kind.content_type())], ()).into_response());
    }
    routes::stream(site, caller, uri, headers, asked, None)
        .await
        .map_err(Problem::of_stream)
}

fn may_listen(caller: &Caller, named: &str) -> Result<Response, Problem> {
    let topics: Vec<_> = addresses(named)?.into_iter().map(Address::Topic).collect();
    if !caller.rights.may_read(&topics) {
        return Err(Problem::new(40301, "this token may not listen here"));
    }
    let success = serde_json::json!({"success": true});
    Ok(json(StatusCode::OK, &success))
}

/// What is at a topic's own address; `None` for what is no topic.
fn about(request: &Request, name: &str) -> Option<Response> {
    let topic = topic(name).ok()?;
    let params = Params::new(request.uri(), request.headers());
    if params.flag(&["x-unifiedpush", "unifiedpush", "up"]) == Some(true) {
        let found = serde_json::json!({"unifiedpush": {"version": 1}});
        return Some(json(StatusCode::OK, &found));
    }
    let text = format!(
        "The topic {topic}\n\n\
         Receive   curl -N this-address/json     one JSON object a line\n\
         \x20         curl -N this-address/sse      an event stream\n\
         \x20         curl -N this-address/raw      the texts alone\n\
         Send      curl -d \"hello\" this-address\n"
    );
    let content_type = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    Some((content_type, text).into_response())
}

fn options() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, OPTIONS");
    response.headers_mut().insert(header::ALLOW, methods);
    response
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Texts and numbers do not fail to be written.
    answer_json(status, serde_json::to_string(body).unwrap_or_default())
}

/// ntfy ends each body with a line end.
fn answer_json(status: StatusCode, mut body: String) -> Response {
    body.push('\n');
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
