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
use crate::backplane::node::{Member, Node};
use crate::inbound::Refusal;
use crate::metrics::{self, Process};
use crate::peer::Peer;
use crate::presence::Subscriber;
use crate::publication::{Topic, Uid};
use crate::routes::{Shared, Site, json, refuse};
use crate::{Hub, health};

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
    let mut body = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "epoch": hub.epoch().to_string(),
        "position": hub.position().to_string(),
        "subscribers": stats.subscribers,
        "max_streams": hub.config().max_streams,
        "events": stats.events,
        "bytes": stats.bytes,
        "since": hub.started().as_millisecond(),
    });
    if let (Some(node), Some(backplane)) = (hub.node(), &hub.config().backplane) {
        let state = node.state();
        let all: u64 = state.nodes.iter().map(|node| node.subscribers).sum();
        if !state.nodes.is_empty() {
            body["subscribers"] = all.into();
        }
        body["backplane"] = json!({
            "engine": backplane.to_string(),
            "connected": state.connected,
            "publishing": state.open,
            "ready": state.ready,
            "lag": node.lag(),
            "trouble": state.trouble,
            "nodes": state.nodes.iter().map(|one| member(node, one)).collect::<Vec<_>>(),
        });
    }
    json(StatusCode::OK, &body)
}

fn member(own: &Node, node: &Member) -> serde_json::Value {
    json!({
        "id": node.id,
        "own": node.id == own.id(),
        "subscribers": node.subscribers,
        "position": node.reached.map(|at| at.to_string()),
    })
}

async fn subscribers(State(site): Shared) -> Response {
    let hub = &site.hub;
    let own = hub.listening();
    let own = own.iter().map(|own| row(own, &id_of(hub, own.id)));
    let mut listening: Vec<_> = own.collect();
    let mut body = json!({"max": hub.config().max_streams});
    if let Some(node) = hub.node() {
        let others = node.listening_elsewhere().await;
        // Those of this node alone.
        body["partial"] = others.is_none().into();
        listening.extend(others.into_iter().flatten());
    }
    body["subscribers"] = listening.into();
    json(StatusCode::OK, &body)
}

/// What a subscriber is called at all nodes.
fn id_of(hub: &Hub, id: u64) -> String {
    match hub.node() {
        Some(node) => format!("{}-{id}", node.id()),
        None => id.to_string(),
    }
}

/// A subscriber as the hub shows it.
pub(crate) fn row(subscriber: &Subscriber, id: &str) -> serde_json::Value {
    let uids = subscriber.uids.iter().map(Uid::as_str);
    let topics = subscriber.topics.iter().map(Topic::as_str);
    json!({
        // A text, as all ids of the hub are.
        "id": id,
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
    let hub = &site.hub;
    let listening = hub.listening();
    let found = listening.iter().find(|own| id_of(hub, own.id) == id);
    let gone = match found {
        Some(found) => {
            if ban {
                for uid in &found.uids {
                    hub.ban(uid).await?;
                }
            }
            // Who is banned is gone already.
            hub.disconnect(found.id);
            true
        }
        None => disconnect_elsewhere(hub, &id, ban).await?,
    };
    if gone {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let why = "no subscriber has this id; see /hub/subscribers";
    Ok(refuse(StatusCode::NOT_FOUND, why))
}

/// Ends a stream of another node; whether there is such a one.
async fn disconnect_elsewhere(hub: &Hub, id: &str, ban: bool) -> Result<bool, Refusal> {
    let Some((own, (node, nth))) = hub.node().zip(id.rsplit_once('-')) else {
        return Ok(false);
    };
    let Some(others) = own.listening_elsewhere().await else {
        let why = "the other nodes cannot be asked now; try again in a moment";
        return Err(Refusal {
            status: StatusCode::SERVICE_UNAVAILABLE,
            why: why.to_owned(),
        });
    };
    let Some(found) = others.iter().find(|row| row["id"] == id) else {
        return Ok(false);
    };
    if ban {
        for uid in found["uids"].as_array().into_iter().flatten() {
            let uid = Uid::parse(uid.as_str().unwrap_or_default());
            hub.ban(&uid.map_err(Refusal::bad)?).await?;
        }
    }
    let Ok(nth) = nth.parse() else {
        return Ok(false);
    };
    Ok(own.disconnect(node.to_owned(), nth).await)
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
    answer(health::alive(&site.hub), None)
}

async fn ready(State(site): Shared) -> Response {
    let publishing = health::publishing(&site.hub);
    answer(health::ready(&site.hub).await, publishing)
}

fn answer(health: Result<(), &str>, publishing: Option<bool>) -> Response {
    let (status, mut body) = match health {
        Ok(()) => (StatusCode::OK, json!({"healthy": true})),
        Err(why) => {
            let body = json!({"healthy": false, "error": why});
            (StatusCode::SERVICE_UNAVAILABLE, body)
        }
    };
    if let Some(publishing) = publishing {
        body["publishing"] = publishing.into();
    }
    json(status, &body)
}
