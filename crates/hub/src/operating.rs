//! The addresses for who operates the hub: how it is, and who listens. Whether a
//! caller may be here at all was decided before.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{self, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::json;

use crate::access::Caller;
use crate::health;
use crate::inbound::Refusal;
use crate::metrics::{self, Process};
use crate::peer::Peer;
use crate::presence::Subscriber;
use crate::publication::{Topic, Uid};
use crate::routes::{Shared, Site, json, refuse};

/// Where the hub is operated.
pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/hub/status", get(status))
        .route("/hub/subscribers", get(subscribers))
        .route("/hub/subscribers/{id}", delete(disconnect))
        .route("/metrics", get(metrics))
        .route("/healthz", get(ready))
        .route("/healthz/ready", get(ready))
        .route("/healthz/live", get(live))
}

async fn status(State(site): Shared) -> Response {
    let hub = &site.hub;
    let stats = *hub.watch().borrow();
    let body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "epoch": hub.epoch().to_string(),
        "position": hub.position().to_string(),
        "subscribers": stats.subscribers,
        "max_streams": hub.config().max_streams,
        "events": stats.events,
        "bytes": stats.bytes,
        "since": hub.started().as_millisecond(),
    });
    json(StatusCode::OK, &body)
}

async fn subscribers(State(site): Shared) -> Response {
    let listening: Vec<_> = site.hub.listening().iter().map(row).collect();
    let body = json!({"subscribers": listening, "max": site.hub.config().max_streams});
    json(StatusCode::OK, &body)
}

fn row(subscriber: &Subscriber) -> serde_json::Value {
    let uids = subscriber.uids.iter().map(Uid::as_str);
    let topics = subscriber.topics.iter().map(Topic::as_str);
    json!({
        // A text, as all ids of the hub are.
        "id": subscriber.id.to_string(),
        "uids": uids.collect::<Vec<_>>(),
        "topics": topics.collect::<Vec<_>>(),
        "device": subscriber.device,
        "address": subscriber.address,
        "since": subscriber.since.as_millisecond(),
        "lag": subscriber.lag,
        "path": subscriber.path,
        "token": subscriber.token,
    })
}

#[derive(Deserialize)]
struct Disconnect {
    ban: Option<String>,
}

async fn disconnect(
    State(site): Shared,
    Path(id): Path<String>,
    Query(query): Query<Disconnect>,
) -> Result<Response, Refusal> {
    let ban = match query.ban.as_deref() {
        None | Some("0") => false,
        Some("1") => true,
        Some(_) => return Err(Refusal::bad("ban is 1, or left out")),
    };
    let listening = site.hub.listening();
    let found = listening.iter().find(|own| own.id.to_string() == id);
    let Some(found) = found else {
        let why = "no subscriber has this id; see /hub/subscribers";
        return Ok(refuse(StatusCode::NOT_FOUND, why));
    };
    if ban {
        for uid in &found.uids {
            site.hub.ban(uid).await?;
        }
    }
    site.hub.disconnect(found.id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn metrics(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if !caller.rights.admin && !is_from_here(caller.peer, &uri, &headers) {
        let why = "the metrics are for programs of this machine and for admins; use a token with \
                   the right of one";
        return refuse(StatusCode::FORBIDDEN, why);
    }
    let process = tokio::task::spawn_blocking(Process::ask).await;
    let text = metrics::text(&site.hub, process.unwrap_or_default());
    let headers = [
        (header::CONTENT_TYPE, metrics::CONTENT_TYPE),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text).into_response()
}

/// Whether a program of this machine asks for itself. A proxy on this machine
/// says for whom it asks, and a page that rebinds its name to this machine still
/// sends that name.
fn is_from_here(peer: Peer, uri: &Uri, headers: &HeaderMap) -> bool {
    let forwarded = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
    if forwarded.iter().any(|name| headers.contains_key(*name)) {
        return false;
    }
    let address = match peer {
        Peer::Local => return true,
        Peer::Remote(address) => address,
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let host = uri.authority().or(host.as_ref()).map(Authority::host);
    let own = host.is_some_and(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = bare.parse::<std::net::IpAddr>();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|own| own.is_loopback())
    });
    own && address.is_loopback()
}

async fn live(State(site): Shared) -> Response {
    answer(health::alive(&site.hub))
}

async fn ready(State(site): Shared) -> Response {
    answer(health::ready(&site.hub).await)
}

fn answer(health: Result<(), &str>) -> Response {
    match health {
        Ok(()) => json(StatusCode::OK, &json!({"healthy": true})),
        Err(why) => {
            let body = json!({"healthy": false, "error": why});
            json(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    }
}
