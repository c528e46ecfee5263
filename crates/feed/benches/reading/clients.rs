//! The clients that are compared. Each reads until the tally has enough.

use std::{
    pin::Pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use eventsource_client::{BoxStream, Client as _, ClientBuilder, ReconnectOptions, SSE};
use feed::{Feed, FeedConfig, FeedUpdate};
use futures::{Stream, StreamExt};
use launchdarkly_sdk_transport::{HttpTransport, ResponseFuture, TransportError};
use memchr::memchr;
use reqwest_eventsource::{Event as Item, EventSource};
use tokio::sync::mpsc;
use url::Url;

use crate::compare::Tally;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    Ours,
    Bare,
    BareInTask,
    Reqwest,
    Lines,
}

impl Client {
    pub(crate) const ALL: [Self; 5] = [
        Self::Ours,
        Self::Bare,
        Self::BareInTask,
        Self::Reqwest,
        Self::Lines,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "Feedbell",
            Self::Bare => "eventsource-client",
            Self::BareInTask => "the same, over a channel",
            Self::Reqwest => "reqwest-eventsource",
            Self::Lines => "lines only",
        }
    }

    pub(crate) async fn read(self, url: Url, tally: &mut Tally) {
        match self {
            Self::Ours => ours(url, tally).await,
            Self::Bare => eventsource_client(&url, tally).await,
            Self::BareInTask => channelled(&url, tally).await,
            Self::Reqwest => reqwest_eventsource(url.as_str(), tally).await,
            Self::Lines => lines(url, tally).await,
        }
    }
}

/// Everything between the socket and the notifier's task.
async fn ours(url: Url, tally: &mut Tally) {
    let (_feed, mut updates) = Feed::open(FeedConfig::new(url));
    while let Some(update) = updates.recv().await {
        match update {
            FeedUpdate::Event(event) => {
                if tally.add(&event.name, event.data.len()).is_break() {
                    return;
                }
            }
            FeedUpdate::State(_) => {}
            FeedUpdate::LastEventId(_) | FeedUpdate::Skipped { .. } => {
                panic!("each id has its event, and none is too long")
            }
        }
    }
    panic!("the feed ended");
}

/// The crate as it is, over the same HTTP client as ours.
async fn eventsource_client(url: &Url, tally: &mut Tally) {
    let mut stream = eventsource_stream(url);
    while let Some(item) = stream.next().await {
        if let SSE::Event(event) = item.unwrap()
            && tally.add(&event.event_type, event.data.len()).is_break()
        {
            return;
        }
    }
    panic!("the stream ended");
}

/// The crate in a task of its own, over a channel like ours: what that alone costs.
async fn channelled(url: &Url, tally: &mut Tally) {
    let (sender, mut events) = mpsc::channel(32);
    let mut stream = eventsource_stream(url);
    let task = tokio::spawn(async move {
        while let Some(item) = stream.next().await {
            if let SSE::Event(event) = item.unwrap()
                && sender.send(event).await.is_err()
            {
                return;
            }
        }
    });
    while let Some(event) = events.recv().await {
        if tally.add(&event.event_type, event.data.len()).is_break() {
            task.abort();
            return;
        }
    }
    panic!("the stream ended");
}

fn eventsource_stream(url: &Url) -> BoxStream<eventsource_client::Result<SSE>> {
    ClientBuilder::for_url(url.as_str())
        .unwrap()
        .reconnect(ReconnectOptions::reconnect(false).build())
        .build_with_transport(Plain(plain_http()))
        .stream()
}

async fn reqwest_eventsource(url: &str, tally: &mut Tally) {
    let mut source = EventSource::get(url);
    while let Some(item) = source.next().await {
        if let Item::Message(event) = item.unwrap()
            && tally.add(&event.event, event.data.len()).is_break()
        {
            return;
        }
    }
    panic!("the stream ended");
}

/// The least that can be done: find the lines, know the fields, keep nothing.
async fn lines(url: Url, tally: &mut Tally) {
    let mut body = plain_http().get(url).send().await.unwrap().bytes_stream();
    let (mut partial, mut named, mut data) = (Vec::new(), false, 0);
    let mut line_end = |line: &[u8]| {
        if line.is_empty() {
            let name = if named { "named" } else { "message" };
            named = false;
            return tally.add(name, std::mem::take(&mut data));
        } else if let Some(value) = line.strip_prefix(b"data: ") {
            data += value.len();
        } else if line.starts_with(b"event: ") {
            named = true;
        }
        std::ops::ControlFlow::Continue(())
    };
    while let Some(chunk) = body.next().await {
        let chunk = chunk.unwrap();
        let mut rest = &chunk[..];
        while let Some(end) = memchr(b'\n', rest) {
            let stop = if partial.is_empty() {
                line_end(&rest[..end])
            } else {
                partial.extend_from_slice(&rest[..end]);
                let stop = line_end(&partial);
                partial.clear();
                stop
            };
            if stop.is_break() {
                return;
            }
            rest = &rest[end + 1..];
        }
        partial.extend_from_slice(rest);
    }
    panic!("the stream ended");
}

fn plain_http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The thinnest transport that satisfies the crate's types.
#[derive(Clone)]
struct Plain(reqwest::Client);

impl HttpTransport for Plain {
    fn request(&self, request: http::Request<Option<Bytes>>) -> ResponseFuture {
        let (head, _) = request.into_parts();
        let url = head.uri.to_string();
        let sending = self.0.get(url).headers(head.headers).send();
        // The types ask for Sync, which a task's handle is.
        let sending = tokio::spawn(sending);
        Box::pin(async move {
            let response = sending.await.map_err(TransportError::new)?;
            let response = response.map_err(TransportError::new)?;
            let body = PlainBody(Mutex::new(response.bytes_stream().boxed()));
            Ok(http::Response::new(Box::pin(body) as _))
        })
    }
}

struct PlainBody(Mutex<Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>>);

impl Stream for PlainBody {
    type Item = Result<Bytes, TransportError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let body = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        body.poll_next_unpin(cx)
            .map(|chunk| chunk.map(|chunk| chunk.map_err(TransportError::new)))
    }
}
