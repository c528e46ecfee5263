//! One attempt to hold a stream open, as a transport for `eventsource-client`.
//!
//! The crate asks for a response and parses its body; everything between is
//! decided here: what is sent, which answers count as a stream, when silence is
//! too long, and what the body's bytes look like. The client lives for one
//! attempt and never reconnects by itself. What that mends in version 0.18.0 is
//! said at each place; a place can go when the crate does the same.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{
    sync::watch,
    task::coop,
    time::{Instant, Sleep, sleep_until, timeout},
};
use url::{Host, Url};

use crate::{
    canonical::{Canonical, Piece},
    config::{FeedConfig, Resume, without_secrets},
    trouble::{End, NameError, StopReason, Trouble, sort},
};

const LAST_EVENT_ID: &str = "last-event-id";

/// What an attempt knows that an event does not carry. Written while the
/// crate's stream is polled and read by the one who polls it, so it is never
/// contended.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// Set once the answer was accepted.
    pub(crate) opened: Option<Opened>,
    /// Whether the block that was handed over last carried an id itself.
    pub(crate) own_id: bool,
    /// An id from a block without data, newer than the last event's.
    pub(crate) id: Option<String>,
    /// The server's reconnection time in milliseconds.
    pub(crate) retry: Option<u64>,
    /// The addresses of the last name that was looked up; empty if none was.
    pub(crate) resolved: Vec<IpAddr>,
    /// Redirects that were followed.
    pub(crate) redirects: Vec<Url>,
    /// Whether any byte of the body came.
    pub(crate) heard: bool,
    /// Whether a comment came.
    pub(crate) comment: bool,
    /// The server goes on from another place than it was asked to.
    pub(crate) lost: bool,
}

/// An answer that counts as a stream.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    /// The origin of the last URL, as EventSource reports it.
    pub(crate) origin: String,
    pub(crate) content_type: String,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The HTTP client of one feed, for all its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
    resolver: Arc<Resolver>,
}

impl Http {
    pub(crate) fn new(config: &FeedConfig) -> Result<Self, StopReason> {
        install_crypto();
        let resolver = Arc::new(Resolver::default());
        let builder = reqwest::Client::builder()
            .user_agent(concat!("feedbell/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::clone(&resolver))
            .connect_timeout(config.patience.connect)
            .tcp_keepalive(Duration::from_secs(60))
            // A new attempt never takes a pooled connection: after a wake-up, or
            // when the watchdog barked, that would be the dead one again.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false);
        let builder = if is_loopback(&config.url) {
            builder.no_proxy()
        } else {
            builder
        };
        let client = builder.build().map_err(|error| StopReason::BadAddress {
            detail: error.to_string(),
        })?;
        Ok(Self { client, resolver })
    }
}

/// Makes ring the process' TLS provider, unless there is one.
pub(crate) fn install_crypto() {
    // Fails only when a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Host and port, for sentences.
pub(crate) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The system's resolver, with errors that can be told apart.
#[derive(Debug, Default)]
struct Resolver {
    last: Arc<Mutex<Vec<IpAddr>>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let last = Arc::clone(&self.last);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let found: Vec<SocketAddr> = match found.map(Iterator::collect) {
                Ok(found) => found,
                Err(cause) => return Err(NameError { host, cause }.into()),
            };
            if found.is_empty() {
                let cause = io::ErrorKind::NotFound.into();
                return Err(NameError { host, cause }.into());
            }
            *lock(&last) = found.iter().map(SocketAddr::ip).collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The transport of one attempt.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) http: Http,
    pub(crate) config: Arc<FeedConfig>,
    /// What the server is asked to resume from.
    pub(crate) resume_from: Option<String>,
    /// The last event id that events without their own report.
    pub(crate) last_event_id: String,
    pub(crate) aside: Arc<Mutex<Aside>>,
    pub(crate) heard: watch::Sender<Option<SystemTime>>,
}

impl HttpTransport for Attempt {
    fn request(&self, request: http::Request<Option<Bytes>>) -> ResponseFuture {
        let attempt = self.clone();
        let connecting = async move {
            let response = attempt.connect(request.headers()).await;
            response.map_err(TransportError::new)
        };
        Box::pin(Exclusive(Mutex::new(Box::pin(connecting))))
    }
}

impl Attempt {
    async fn connect(&self, asked: &HeaderMap) -> Result<http::Response<ByteStream>, End> {
        let mut url = self.config.url.clone();
        let mut headers = asked.clone();
        for (name, value) in &self.config.headers {
            headers.insert(name, value.clone());
        }
        self.ask_to_resume(&mut url, &mut headers);

        let mut redirects = 0;
        let response = loop {
            let response = self.ask(url.clone(), headers.clone()).await?;
            let Some(next) = redirection(&url, &response)? else {
                break response;
            };
            redirects += 1;
            let limit = self.config.limits.redirects;
            if redirects > limit {
                return Err(StopReason::TooManyRedirects { limit }.into());
            }
            if next.origin() != url.origin() {
                drop_secrets(&mut headers);
            }
            tracing::debug!(to = without_secrets(&next), "redirected");
            lock(&self.aside).redirects.push(next.clone());
            url = next;
        };

        let content_type = accept(&response)?;
        {
            let mut aside = lock(&self.aside);
            aside.opened = Some(Opened {
                origin: url.origin().ascii_serialization(),
                content_type,
            });
            aside.lost = self.was_lost(response.headers());
        }
        let body = Box::pin(Body {
            host: place(&url),
            incoming: Mutex::new(response.bytes_stream().boxed()),
            chunk: Bytes::new(),
            canonical: Canonical::new(self.config.limits, self.last_event_id.clone()),
            aside: Arc::clone(&self.aside),
            heard: self.heard.clone(),
            patience: self.config.patience.silence,
            silence: None,
        });
        Ok(http::Response::new(body))
    }

    /// Whether the server says that it goes on from elsewhere: a hub of the
    /// Mercure protocol names the place in a header of its answer.
    fn was_lost(&self, answered: &HeaderMap) -> bool {
        let asked = self.resume_from.as_deref().unwrap_or_default();
        let asked = (self.config.resume != Resume::Off && !asked.is_empty()).then_some(asked);
        match (asked, answered.get(LAST_EVENT_ID)) {
            (Some(asked), Some(answered)) => answered.as_bytes() != asked.as_bytes(),
            _ => false,
        }
    }

    /// Mends: the crate forgets the id after a reconnect, closes for good on an
    /// id it cannot put into a header, and knows the header only.
    fn ask_to_resume(&self, url: &mut Url, headers: &mut HeaderMap) {
        let Some(id) = self.resume_from.as_deref().filter(|id| !id.is_empty()) else {
            return;
        };
        match &self.config.resume {
            Resume::Off => {}
            Resume::Header => match HeaderValue::from_bytes(id.as_bytes()) {
                Ok(value) => {
                    headers.insert(LAST_EVENT_ID, value);
                }
                Err(_) => tracing::warn!(
                    "the last event id has control characters: it cannot be sent back"
                ),
            },
            Resume::Query(name) => {
                let others: Vec<(String, String)> = url
                    .query_pairs()
                    .filter(|(key, _)| key != name)
                    .map(|(key, value)| (key.into_owned(), value.into_owned()))
                    .collect();
                url.query_pairs_mut()
                    .clear()
                    .extend_pairs(others)
                    .append_pair(name, id);
            }
        }
    }

    async fn ask(&self, url: Url, headers: HeaderMap) -> Result<reqwest::Response, End> {
        let patience = self.config.patience;
        let host = place(&url);
        let asked = self.http.client.get(url).headers(headers).send();
        let answer = timeout(patience.connect + patience.answer, asked).await;
        lock(&self.aside).resolved = lock(&self.http.resolver.last).clone();
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(sort(&error, &host, patience.connect)),
            Err(_) => {
                let after = patience.answer;
                Err(Trouble::AnswerTimeout { host, after }.into())
            }
        }
    }
}

/// Where an answer redirects to. Mends: the crate follows only 301 and 307 with
/// an absolute `Location`, and takes the `Authorization` along.
fn redirection(from: &Url, response: &reqwest::Response) -> Result<Option<Url>, StopReason> {
    let status = response.status().as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(header::LOCATION) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
    match from.join(&location) {
        Ok(to) if matches!(to.scheme(), "http" | "https") => Ok(Some(to)),
        _ => Err(StopReason::BadRedirect { location }),
    }
}

fn drop_secrets(headers: &mut HeaderMap) {
    let secret: Vec<_> = headers
        .iter()
        .filter(|(name, value)| {
            value.is_sensitive()
                || [
                    header::AUTHORIZATION,
                    header::COOKIE,
                    header::PROXY_AUTHORIZATION,
                ]
                .contains(name)
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in secret {
        headers.remove(name);
    }
}

/// Accepts 200 with an event stream, and names the content type. Mends: to the
/// crate any 2xx is a stream, any other status a reason to retry for ever, and
/// a login page is parsed for events.
fn accept(response: &reqwest::Response) -> Result<String, End> {
    let status = response.status();
    match status {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Err(StopReason::NoContent.into()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let status = status.as_u16();
            return Err(StopReason::Refused { status }.into());
        }
        later if later == StatusCode::TOO_MANY_REQUESTS || later.is_server_error() => {
            return Err(Trouble::Status {
                status: later.as_u16(),
                retry_after: retry_after(response.headers(), SystemTime::now()),
            }
            .into());
        }
        other => {
            let status = other.as_u16();
            return Err(StopReason::Status { status }.into());
        }
    }
    let sent: Vec<_> = response
        .headers()
        .get_all(header::CONTENT_TYPE)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let content_type = sent.join(", ");
    let essence = essence(&content_type).unwrap_or_default();
    if essence == "text/event-stream" {
        return Ok(content_type);
    }
    let html = matches!(essence.as_str(), "text/html" | "application/xhtml+xml");
    Err(StopReason::NotAnEventStream { content_type, html }.into())
}

/// The type and subtype of a `Content-Type`, in lower case. Of several the last
/// that is one counts, as in the Fetch standard.
fn essence(content_type: &str) -> Option<String> {
    let is_token = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let mut quoted = false;
    content_type
        .split(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        })
        .filter_map(|one| {
            let essence = one.split(';').next()?.trim();
            let (kind, subtype) = essence.split_once('/')?;
            let valid = is_token(kind) && is_token(subtype) && essence != "*/*";
            valid.then(|| essence.to_ascii_lowercase())
        })
        .last()
}

/// Seconds or an HTTP date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(value)
        .ok()?;
    Some(
        SystemTime::from(date)
            .duration_since(now)
            .unwrap_or_default(),
    )
}

/// The body as the crate gets it: one whole block at a time.
///
/// Mends, by writing blocks anew: bytes that are not UTF-8, blocks without a
/// usable field, and unknown fields end the connection or surface as comments;
/// ids and `retry` in blocks without data are ignored, `retry: +50` is not; an
/// event without an id forgets the stored one; lines and events grow without
/// bound. Mends besides: there is no read timeout.
struct Body {
    host: String,
    incoming: Mutex<Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>>,
    chunk: Bytes,
    canonical: Canonical,
    aside: Arc<Mutex<Aside>>,
    heard: watch::Sender<Option<SystemTime>>,
    patience: Duration,
    /// Runs only while we wait for bytes: a slow receiver is not a silent server.
    silence: Option<Pin<Box<Sleep>>>,
}

impl Body {
    fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, End>>> {
        loop {
            match self.canonical.next(&mut self.chunk) {
                Ok(Some(Piece::Event { block, own_id })) => {
                    let mut aside = lock(&self.aside);
                    aside.own_id = own_id;
                    aside.id = None;
                    return Poll::Ready(Some(Ok(block)));
                }
                Ok(Some(Piece::Id(id))) => lock(&self.aside).id = Some(id),
                Ok(Some(Piece::Retry(milliseconds))) => {
                    lock(&self.aside).retry = Some(milliseconds);
                }
                Ok(Some(Piece::Comment)) => lock(&self.aside).comment = true,
                Ok(None) => match ready!(self.poll_chunk(cx)) {
                    Some(Ok(chunk)) => self.chunk = chunk,
                    Some(Err(end)) => return Poll::Ready(Some(Err(end))),
                    None => return Poll::Ready(None),
                },
                Err(trouble) => return Poll::Ready(Some(Err(trouble.into()))),
            }
        }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, End>>> {
        // A stream of comments alone must not keep the worker for itself.
        let coop = ready!(coop::poll_proceed(cx));
        let incoming = self
            .incoming
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let Poll::Ready(chunk) = incoming.poll_next_unpin(cx) else {
            let silence = self
                .silence
                .get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + self.patience)));
            ready!(silence.as_mut().poll(cx));
            let after = self.patience;
            return Poll::Ready(Some(Err(Trouble::Silent { after }.into())));
        };
        coop.made_progress();
        self.silence = None;
        Poll::Ready(chunk.map(|chunk| match chunk {
            Ok(chunk) => {
                lock(&self.aside).heard = true;
                // Wall time, because it goes on while the machine sleeps.
                self.heard.send_replace(Some(SystemTime::now()));
                Ok(chunk)
            }
            Err(error) => Err(sort(&error, &self.host, self.patience)),
        }))
    }
}

impl Stream for Body {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let block = ready!(self.get_mut().poll_block(cx));
        Poll::Ready(block.map(|block| block.map_err(TransportError::new)))
    }
}

/// Makes a future `Sync`, which the transport's types ask for: it is only ever
/// polled through `&mut`.
struct Exclusive<F>(Mutex<Pin<Box<F>>>);

impl<F: Future> Future for Exclusive<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let inner = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.as_mut().poll(cx)
    }
}
