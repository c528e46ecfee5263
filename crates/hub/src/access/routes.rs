//! The addresses under which admins say who may use the hub, and pages get
//! their tickets. Whether a caller may be here at all was decided before.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Caller;
use super::file::{MOST_FIXED, NewToken, TokenInfo};
use crate::inbound::{Refusal, uid_of};
use crate::publication::{Topic, Uid};
use crate::routes::{Shared, Site, body_of, json as answer, refuse};

pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/hub/tokens", get(tokens).post(create))
        .route("/hub/tokens/{id}", delete(revoke))
        .route("/hub/bans", get(bans))
        .route("/hub/bans/{uid}", put(ban).delete(unban))
        .route("/hub/tickets", post(make_ticket))
        // The usual answer to a wrong method would repeat the secret.
        .route(
            "/hub/tickets/{ticket}",
            delete(drop_ticket).fallback(only_delete),
        )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTokenBody {
    name: String,
    #[serde(default)]
    read: bool,
    #[serde(default)]
    write: bool,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    uids: Vec<Value>,
    #[serde(default)]
    topics: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketBody {
    #[serde(default)]
    uids: Vec<Value>,
    #[serde(default)]
    topics: Vec<String>,
}

async fn tokens(State(site): Shared) -> Result<Response, Refusal> {
    let tokens = site.hub.tokens().await?;
    let tokens: Vec<_> = tokens.iter().map(TokenInfo::to_json).collect();
    Ok(answer(StatusCode::OK, &json!({"tokens": tokens})))
}

async fn create(State(site): Shared, request: Request) -> Result<Response, Refusal> {
    let body: NewTokenBody = parsed(request).await?;
    let (uids, topics) = lists(&body.uids, &body.topics)?;
    let new = NewToken {
        name: body.name,
        read: body.read,
        write: body.write,
        admin: body.admin,
        uids,
        topics,
    };
    let (info, token) = site.hub.create_token(new).await?;
    let mut made = info.to_json();
    made["token"] = token.secret().into();
    Ok(answer(StatusCode::CREATED, &made))
}

async fn revoke(State(site): Shared, Path(id): Path<String>) -> Result<Response, Refusal> {
    done(site.hub.revoke_token(&id).await?, "there is no such token")
}

async fn bans(State(site): Shared) -> Result<Response, Refusal> {
    let bans = site.hub.bans().await?;
    let uids: Vec<_> = bans.iter().map(Uid::as_str).collect();
    Ok(answer(StatusCode::OK, &json!({"uids": uids})))
}

async fn ban(State(site): Shared, Path(uid): Path<String>) -> Result<Response, Refusal> {
    let uid = Uid::parse(&uid).map_err(Refusal::bad)?;
    site.hub.ban(&uid).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn unban(State(site): Shared, Path(uid): Path<String>) -> Result<Response, Refusal> {
    let uid = Uid::parse(&uid).map_err(Refusal::bad)?;
    done(site.hub.unban(&uid).await?, "this uid is not banned")
}

async fn make_ticket(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Refusal> {
    let body: TicketBody = parsed(request).await?;
    let (mut uids, topics) = lists(&body.uids, &body.topics)?;
    if uids.is_empty() && topics.is_empty() {
        uids = caller.rights.own_uids();
    }
    let listens = super::addresses(&uids, &topics);
    if !caller.rights.may_read(&listens) {
        return Err(Refusal {
            status: StatusCode::FORBIDDEN,
            why: "this token may not listen there".to_owned(),
        });
    }
    let mut url = "/events?".to_owned();
    let named: String = {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(uids.iter().map(|uid| ("uid", uid.as_str())));
        query.extend_pairs(topics.iter().map(|topic| ("topic", topic.as_str())));
        query.finish()
    };
    // Without any parameter it would be the board.
    url.push_str(if listens.is_empty() {
        "since=none"
    } else {
        &named
    });
    let ticket = site.hub.access().make_ticket(&caller, uids, topics).await?;
    url.push_str("&ticket=");
    url.push_str(&ticket);
    Ok(answer(
        StatusCode::CREATED,
        &json!({"ticket": ticket, "url": url}),
    ))
}

async fn drop_ticket(State(site): Shared, Path(ticket): Path<String>) -> Result<Response, Refusal> {
    let was = site.hub.access().drop_ticket(&ticket).await?;
    done(was, "there is no such ticket")
}

async fn only_delete() -> Response {
    let why = "a ticket takes DELETE and nothing else";
    refuse(StatusCode::METHOD_NOT_ALLOWED, why)
}

fn done(was: bool, otherwise: &str) -> Result<Response, Refusal> {
    if was {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Refusal {
        status: StatusCode::NOT_FOUND,
        why: otherwise.to_owned(),
    })
}

async fn parsed<T: for<'a> Deserialize<'a>>(request: Request) -> Result<T, Refusal> {
    let (_, body) = body_of(request).await?;
    serde_json::from_slice(&body)
        .map_err(|error| Refusal::bad(format!("the body is not what is asked for: {error}")))
}

fn lists(uids: &[Value], topics: &[String]) -> Result<(Vec<Uid>, Vec<Topic>), Refusal> {
    if uids.len() + topics.len() > MOST_FIXED {
        return Err(Refusal::bad(format!(
            "there are more than {MOST_FIXED} uids and topics"
        )));
    }
    let uids = uids.iter().map(uid_of).collect::<Result<_, _>>()?;
    let topics = topics.iter().map(|topic| Topic::parse(topic));
    Ok((
        uids,
        topics.collect::<Result<_, _>>().map_err(Refusal::bad)?,
    ))
}
