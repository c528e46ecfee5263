//! One event, sent to a Feedbell hub.

use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Method, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    client::{install_crypto, is_loopback, may_travel, pinned, place},
    config::FeedConfig,
    pin::Pin,
    trouble::{End, StopReason, Trouble, Words, sort},
};

const CONNECT: Duration = Duration::from_secs(10);
/// For the whole exchange: the hub answers as soon as it has stored.
const EXCHANGE: Duration = Duration::from_secs(30);
/// A hub's sentence is short; a proxy's page is not.
const LONGEST_SENTENCE: usize = 300;
const LONGEST_ANSWER: usize = 64 << 10;
/// A thousand tokens with sixty-four addresses each.
const LONGEST_LIST: usize = 16 << 20;

/// The way to a hub. `Debug` shows no token.
#[derive(Clone)]
pub struct HubAddress {
    /// Where it is, `http` or `https`.
    pub url: Url,
    /// The token that opens it.
    pub token: Option<String>,
    /// The one certificate it may have; then `url` must be `https`.
    pub pin: Option<Pin>,
    /// Its own socket on this computer, which is used instead of the network.
    pub socket: Option<PathBuf>,
    /// The token may go over plain http to a private address. To this computer
    /// it always may, to a public address never.
    pub plain_http: bool,
}

impl HubAddress {
    /// The hub at `url`.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self {
            url,
            token: None,
            pin: None,
            socket: None,
            plain_http: false,
        }
    }

    /// Host and port, or the socket, for sentences.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.socket {
            Some(socket) => socket.display().to_string(),
            None => place(&self.url),
        }
    }
}

impl fmt::Debug for HubAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HubAddress").field(&self.place()).finish()
    }
}

/// What is published. Without uid and topic it goes to everyone.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct Publication {
    /// The users it goes to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uids: Vec<String>,
    /// The topic it goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The event name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What subscribers get as data.
    pub data: String,
    /// The publisher's own id: sent twice, it is stored once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Seconds to keep it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
}

impl fmt::Debug for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publication")
            .field("uids", &self.uids)
            .field("topic", &self.topic)
            .field("event", &self.event)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// Why nothing is known to be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The hub cannot be reached. Trying again may help.
    #[error("cannot reach the hub at {address}: {why}")]
    Unreachable {
        /// The hub's host and port.
        address: String,
        /// Why.
        why: Trouble,
    },
    /// The hub took too long, or the connection broke, after it may have got
    /// the publication.
    #[error("the hub at {address} did not answer")]
    Unanswered {
        /// The hub's host and port.
        address: String,
    },
    /// The hub refused, for this reason.
    #[error("the hub refused ({status}): {sentence}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The hub's own sentence; empty if it gave none.
        sentence: String,
    },
    /// Something answered that is no Feedbell hub.
    #[error("what answers at {address} is no Feedbell hub")]
    NotAHub {
        /// Host and port.
        address: String,
    },
    /// Nothing was sent: the token would have travelled unencrypted.
    #[error("the token may not go there: {why}")]
    Unencrypted {
        /// Why, with the way out.
        why: StopReason,
    },
    /// The address or the token cannot be used in a request.
    #[error("the request cannot be made: {detail}")]
    BadRequest {
        /// Why, in English.
        detail: String,
    },
}

impl PublishError {
    /// What happened and one step, for the user.
    #[must_use]
    pub fn words(&self) -> Words {
        match self {
            Self::Unreachable { why, .. } => why.words(),
            Self::Unencrypted { why } => why.words(),
            Self::Unanswered { address } => {
                Words::new("publish-unanswered", [("address", address.clone())])
            }
            Self::Refused { status, sentence } if sentence.is_empty() => {
                Words::new("publish-status", [("status", status.to_string())])
            }
            Self::Refused { sentence, .. } => {
                Words::new("publish-refused", [("sentence", sentence.clone())])
            }
            Self::NotAHub { address } => {
                Words::new("publish-no-hub", [("address", address.clone())])
            }
            Self::BadRequest { detail } => {
                Words::new("publish-bad-request", [("detail", detail.clone())])
            }
        }
    }
}

#[derive(Deserialize)]
struct Stored {
    id: String,
}

#[derive(Deserialize)]
struct Sentence {
    error: String,
}

/// Publishes to a hub and returns the position it was stored at,
/// `<epoch>.<seq>`.
///
/// # Errors
/// See [`PublishError`]; except with `Unanswered`, nothing was published.
pub async fn publish(hub: &HubAddress, publication: &Publication) -> Result<String, PublishError> {
    let request = request(hub, &Method::POST, &["publish"]).await?;
    let request = request.json(publication);
    let body = answer(hub, request, LONGEST_ANSWER).await?;
    match serde_json::from_slice(&body) {
        Ok(Stored { id }) => Ok(id),
        Err(_) => Err(PublishError::NotAHub {
            address: hub.place(),
        }),
    }
}

/// Asks a hub for something else: a request to `path`, whose parts are encoded
/// here, and the JSON of the answer, null for an empty one.
///
/// # Errors
/// See [`PublishError`]; except with `Unanswered`, nothing was done.
pub async fn ask(
    hub: &HubAddress,
    method: &Method,
    path: &[&str],
    body: Option<&Value>,
) -> Result<Value, PublishError> {
    let mut request = request(hub, method, path).await?;
    if let Some(body) = body {
        request = request.json(body);
    }
    let body = answer(hub, request, LONGEST_LIST).await?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).map_err(|_| PublishError::NotAHub {
        address: hub.place(),
    })
}

/// The body of a good answer.
async fn answer(
    hub: &HubAddress,
    request: reqwest::RequestBuilder,
    longest: usize,
) -> Result<Vec<u8>, PublishError> {
    let response = request
        .send()
        .await
        .map_err(|error| unsent(&error, &hub.place()))?;
    let status = response.status();
    let body = read(response, longest).await;
    if status.is_success() {
        return Ok(body);
    }
    Err(PublishError::Refused {
        status: status.as_u16(),
        sentence: sentence(&body),
    })
}

async fn request(
    hub: &HubAddress,
    method: &Method,
    path: &[&str],
) -> Result<reqwest::RequestBuilder, PublishError> {
    install_crypto();
    if hub.token.is_some() && hub.socket.is_none() {
        let mut config = FeedConfig::new(hub.url.clone());
        config.plain_http = hub.plain_http;
        may_travel(&config, &hub.url)
            .await
            .map_err(|why| PublishError::Unencrypted { why })?;
    }
    let bad = |detail: String| PublishError::BadRequest { detail };
    let mut url = hub.url.clone();
    url.path_segments_mut()
        .map_err(|()| bad("not a web address".to_owned()))?
        .pop_if_empty()
        .extend(path);
    let builder = reqwest::Client::builder()
        .user_agent(concat!("feedbell/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        .timeout(EXCHANGE)
        // A redirected POST becomes a GET: better say what answered.
        .redirect(reqwest::redirect::Policy::none());
    let builder = if is_loopback(&hub.url) {
        builder.no_proxy()
    } else {
        builder
    };
    let builder = match hub.pin {
        Some(_) if url.scheme() != "https" => {
            return Err(bad("a pinned certificate needs https".to_owned()));
        }
        Some(pin) => builder.tls_backend_preconfigured(pinned(pin)),
        None => builder,
    };
    let builder = match &hub.socket {
        Some(socket) => over(socket, builder).map_err(bad)?,
        None => builder,
    };
    let client = builder.build().map_err(|error| bad(error.to_string()))?;
    let mut request = client.request(method.clone(), url);
    if let Some(token) = &hub.token {
        let mut value = header::HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| bad("the token has characters that a header cannot carry".to_owned()))?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    Ok(request)
}

#[cfg(unix)]
fn over(socket: &Path, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, String> {
    Ok(builder.unix_socket(socket))
}

#[cfg(not(unix))]
fn over(socket: &Path, _: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, String> {
    Err(format!(
        "{}: this system has no such sockets",
        socket.display()
    ))
}

fn unsent(error: &reqwest::Error, address: &str) -> PublishError {
    let address = address.to_owned();
    match sort(error, &address, CONNECT) {
        End::Stop(StopReason::BadAddress { detail }) => PublishError::BadRequest { detail },
        End::Again(why) if error.is_connect() => PublishError::Unreachable { address, why },
        _ => PublishError::Unanswered { address },
    }
}

/// What fits of the body; a body that breaks off is read as far as it came.
async fn read(mut response: reqwest::Response, longest: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < longest
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

fn sentence(body: &[u8]) -> String {
    let text = match serde_json::from_slice(body) {
        Ok(Sentence { error }) => error,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    let line = text.lines().next().unwrap_or_default().trim();
    if line.starts_with('<') {
        return String::new();
    }
    line.chars().take(LONGEST_SENTENCE).collect()
}
