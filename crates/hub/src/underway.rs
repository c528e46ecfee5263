//! What an HTTP/2 connection carries. HTTP/1.1 has one request at a time, and
//! its socket says whether the peer takes the answer; in HTTP/2 a peer can keep
//! single answers waiting, or a connection without any request, at no cost.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Bytes that are handed over at once: so often is it seen that the peer goes on
/// taking them.
const PIECE: usize = 16 * 1024;

/// The requests of one connection that are not answered to the end.
pub(crate) struct Underway {
    count: watch::Sender<usize>,
    next: AtomicU64,
    /// Since when the answers that are not asked for their next piece wait.
    waiting: Mutex<HashMap<u64, Instant>>,
}

impl Underway {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            count: watch::Sender::new(0),
            next: AtomicU64::new(0),
            waiting: Mutex::default(),
        })
    }

    /// Over once there has been no request for `patience`.
    pub(crate) async fn idle(&self, patience: Duration) {
        let mut count = self.count.subscribe();
        loop {
            // Its sender is ours.
            let _ = count.wait_for(|requests| *requests == 0).await;
            tokio::select! {
                () = sleep(patience) => return,
                _ = count.changed() => {}
            }
        }
    }

    /// Over once the peer has taken nothing of an answer for `patience`, or for
    /// up to twice as long.
    pub(crate) async fn stalled(&self, patience: Duration) {
        loop {
            sleep(patience).await;
            let now = Instant::now();
            let late = |since: &Instant| now.duration_since(*since) >= patience;
            if self.waiting().values().any(late) {
                return;
            }
        }
    }

    /// Counts one request from now on.
    pub(crate) fn one(self: &Arc<Self>) -> One {
        self.count.send_modify(|count| *count += 1);
        One {
            all: self.clone(),
            id: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        // Nothing panics while it is held.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request, for as long as this lives.
pub(crate) struct One {
    all: Arc<Underway>,
    id: u64,
}

impl One {
    /// The answer's body, which is under way until it is dropped.
    pub(crate) fn holds(self, body: Body) -> Body {
        Body::new(Held {
            body,
            rest: Bytes::new(),
            one: self,
        })
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.all.waiting().remove(&self.id);
        self.all.count.send_modify(|count| *count -= 1);
    }
}

/// A body that is asked for its next piece only while the peer has room.
struct Held {
    body: Body,
    /// What was asked for already.
    rest: Bytes,
    one: One,
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        this.one.all.waiting().remove(&this.one.id);
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                end => return Poll::Ready(end),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        let now = Instant::now();
        this.one.all.waiting().insert(this.one.id, now);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = self.rest.len() as u64;
        let body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower() + rest);
        if let Some(upper) = body.upper() {
            hint.set_upper(upper + rest);
        }
        hint
    }
}
