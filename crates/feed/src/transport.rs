//! One attempt to hold a stream open, as a transport for `eventsource-client`.
//!
//! The crate asks for a response and parses its body; everything between is
//! decided here: what is sent, which answers count as a stream, when silence is
//! too long, and what the body's bytes look like. The client lives for one
//! attempt and never reconnects by itself. What that mends in version 0.18.0 is
//! said at each place; a place can go when the crate does the same.

use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use launchdarkly_sdk_transport::{ByteStream, HttpTransport, ResponseFuture, TransportError};
use tokio::{
    sync::watch,
    task::coop,
    time::{Instant, Sleep, sleep_until, timeout},
};
use url::Url;

use crate::{
    canonical::{Canonical, Piece},
    client::{Http, may_travel, place},
    config::{self, FeedConfig, Proxy, Resume, has_credentials, is_secret, without_secrets},
    poll::{is_json, to_events},
    rhythm::Rhythm,
    trouble::{End, Excess, StopReason, Trouble, sort},
};

/// What a polled server may answer with, the best first.
const POLLED: &str = "text/event-stream, application/x-ndjson, application/json;q=0.9";
/// How exactly it is known when the last byte came: finer would cost more than
/// reading it.
const HEARD_AGAIN: Duration = Duration::from_secs(1);
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
    /// An id from a block without an event, newer than the last event's.
    pub(crate) id: Option<String>,
    /// An event before the next one is left out, and an id came with it.
    pub(crate) skipped: Option<(Excess, Option<String>)>,
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
    pub(crate) origin: Arc<str>,
    pub(crate) content_type: String,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(crate) rhythm: Arc<Mutex<Rhythm>>,
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
        for name in self.config.headers.keys() {
            headers.remove(name);
        }
        for (name, value) in &self.config.headers {
            headers.append(name, value.clone());
        }
        if self.config.poll.is_some() {
            headers.insert(header::ACCEPT, HeaderValue::from_static(POLLED));
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

        let polled = self.config.poll.is_some();
        let content_type = accept(&response, polled).map_err(|end| self.led_there(end))?;
        let json = polled && is_json(&content_type);
        {
            let mut aside = lock(&self.aside);
            aside.opened = Some(Opened {
                origin: url.origin().ascii_serialization().into(),
                content_type,
            });
            aside.lost = self.was_lost(response.headers());
        }
        let incoming = if json {
            to_events(response, self.config.limits.answer).boxed()
        } else {
            let host = place(&url);
            let connect = self.config.patience.connect;
            let sorted = move |chunk: reqwest::Result<Bytes>| {
                chunk.map_err(|error| sort(&error, &host, connect))
            };
            response.bytes_stream().map(sorted).boxed()
        };
        let body = Box::pin(Body {
            incoming: Mutex::new(incoming),
            chunk: Bytes::new(),
            canonical: Canonical::new(self.config.limits, self.last_event_id.clone()),
            aside: Arc::clone(&self.aside),
            heard: self.heard.clone(),
            fixed: match self.config.patience.silence {
                config::Silence::Learned => None,
                config::Silence::For(time) => Some(time),
            },
            rhythm: Arc::clone(&self.rhythm),
            silent_since: None,
            timer: None,
            told_heard: None,
        });
        Ok(http::Response::new(body))
    }

    /// A page that a redirect led to is told with the way there.
    fn led_there(&self, mut end: End) -> End {
        if let End::Stop(StopReason::NotAnEventStream { redirected, .. }) = &mut end {
            *redirected = lock(&self.aside).redirects.last().map(without_secrets);
        }
        end
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
        let secret = headers.iter().any(|(name, value)| is_secret(name, value));
        // A redirect may take the address' secret along in its own.
        let secret = secret || self.config.secret_address || has_credentials(&url);
        if secret || self.config.pin.is_some() {
            may_travel(&self.config, &url).await?;
        }
        let patience = self.config.patience;
        let host = place(&url);
        let asked = self.http.client.get(url).headers(headers).send();
        let answer = timeout(patience.connect + patience.answer, asked).await;
        lock(&self.aside).resolved = self.http.resolved();
        match answer {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.blame(sort(&error, &host, patience.connect))),
            Err(_) => {
                let after = patience.answer;
                Err(Trouble::AnswerTimeout { host, after }.into())
            }
        }
    }
}

impl Attempt {
    /// With a proxy of its own, a feed that finds no connection did not find it to the proxy.
    fn blame(&self, end: End) -> End {
        let Proxy::Url(proxy) = &self.config.proxy else {
            return end;
        };
        match end {
            End::Again(
                why @ (Trouble::NameNotFound { .. }
                | Trouble::Refused { .. }
                | Trouble::Unreachable { .. }
                | Trouble::ConnectTimeout { .. }
                | Trouble::Broken { .. }),
            ) => Trouble::Proxy {
                proxy: place(proxy),
                detail: match why {
                    Trouble::Broken { detail } => detail,
                    Trouble::NameNotFound { host } => format!("no address for {host}"),
                    Trouble::Refused { .. } => "connection refused".to_owned(),
                    Trouble::ConnectTimeout { .. } => "no answer in time".to_owned(),
                    _ => "no way to it".to_owned(),
                },
            }
            .into(),
            other => other,
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
        .filter(|(name, value)| is_secret(name, value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in secret {
        headers.remove(name);
    }
}

/// Accepts 200 with an event stream (or JSON, if the feed is polled), and names
/// the content type. Mends: to the
/// crate any 2xx is a stream, any other status a reason to retry for ever, and
/// a login page is parsed for events.
fn accept(response: &reqwest::Response, polled: bool) -> Result<String, End> {
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
    if essence == "text/event-stream" || (polled && is_json(&content_type)) {
        return Ok(content_type);
    }
    let html = matches!(essence.as_str(), "text/html" | "application/xhtml+xml");
    Err(StopReason::NotAnEventStream {
        content_type,
        html,
        redirected: None,
    }
    .into())
}

/// The type and subtype of a `Content-Type`, in lower case. Of several the last
/// that is one counts, as in the Fetch standard.
pub(crate) fn essence(content_type: &str) -> Option<String> {
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
    incoming: Mutex<BoxStream<'static, Result<Bytes, End>>>,
    chunk: Bytes,
    canonical: Canonical,
    aside: Arc<Mutex<Aside>>,
    heard: watch::Sender<Option<SystemTime>>,
    /// How long silence may last, if the user has said so.
    fixed: Option<Duration>,
    rhythm: Arc<Mutex<Rhythm>>,
    /// Only while we wait for bytes: a slow receiver is not a silent server.
    silent_since: Option<Instant>,
    /// Fires when a silence has been too long, or earlier: setting it for each
    /// would cost more than reading what came.
    timer: Option<Pin<Box<Sleep>>>,
    told_heard: Option<Instant>,
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
                Ok(Some(Piece::Oversize { what, id })) => {
                    tracing::warn!(?what, "an event over the limits was left out");
                    let mut aside = lock(&self.aside);
                    let earlier = aside.skipped.take().and_then(|(_, id)| id);
                    let waiting = aside.id.take();
                    let id = id.or(waiting).or(earlier);
                    aside.skipped = Some((what, id));
                }
                Ok(Some(Piece::LongId)) => {
                    tracing::warn!("an event id over the limits cannot be sent back");
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
            let since = *self.silent_since.get_or_insert_with(Instant::now);
            let patience = || self.fixed.unwrap_or_else(|| lock(&self.rhythm).patience());
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(sleep_until(since + patience())));
            let after = loop {
                ready!(timer.as_mut().poll(cx));
                let after = patience();
                if timer.deadline() >= since + after {
                    break after;
                }
                timer.as_mut().reset(since + after);
            };
            lock(&self.rhythm).gave_up();
            return Poll::Ready(Some(Err(Trouble::Silent { after }.into())));
        };
        coop.made_progress();
        let since = self.silent_since.take();
        if matches!(chunk, Some(Ok(_))) {
            self.note_heard(since);
        }
        Poll::Ready(chunk)
    }

    /// Bytes came, after a silence since then.
    fn note_heard(&mut self, since: Option<Instant>) {
        let now = Instant::now();
        // The wait for the first byte says nothing about keep-alives.
        if let (Some(_), Some(since)) = (self.told_heard, since)
            && now - since >= HEARD_AGAIN
        {
            lock(&self.rhythm).heard_after(now - since);
            // What was learned may ask for an earlier time.
            self.timer = None;
        }
        if self.told_heard.is_none_or(|told| now - told >= HEARD_AGAIN) {
            self.told_heard = Some(now);
            lock(&self.aside).heard = true;
            // Wall time, because it goes on while the machine sleeps.
            self.heard.send_replace(Some(SystemTime::now()));
        }
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
