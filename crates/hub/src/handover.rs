//! How a stream leaves its HTTP/1.1 connection: the answer's body offers it,
//! and the connection, once all that comes before it is written, gives the
//! socket away.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::Frame;

use crate::subscription::{Listener, Subscription};

/// What a connection and the bodies of its answers have between them. A request
/// that may be answered with a stream that leaves carries it as an extension.
#[derive(Clone, Default)]
pub(crate) struct Handover(Arc<Mutex<State>>);

#[derive(Default)]
enum State {
    /// The answer, if there is one, stays.
    #[default]
    Nothing,
    /// The answer's body has given its first bytes, which may not be written.
    Offered(Box<Listener>),
    /// All before the rest of the body is written.
    Ready(Box<Listener>),
}

impl Handover {
    /// The body of an answer whose stream leaves.
    pub(crate) fn body(&self, subscription: Subscription) -> Body {
        let (opening, listener) = subscription.into_listener();
        Body::new(Leaving {
            opening: Some(opening),
            listener: Some(Box::new(listener)),
            handover: self.clone(),
        })
    }

    /// All that was given to the connection so far is written.
    pub(crate) fn flushed(&self) {
        let mut state = self.state();
        if let State::Offered(listener) = std::mem::take(&mut *state) {
            *state = State::Ready(listener);
        }
    }

    /// The stream, if it can leave now.
    pub(crate) fn take(&self) -> Option<Listener> {
        let mut state = self.state();
        match std::mem::take(&mut *state) {
            State::Ready(listener) => Some(*listener),
            other => {
                *state = other;
                None
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first bytes of a stream, and then nothing: the rest comes without it.
struct Leaving {
    opening: Option<Bytes>,
    listener: Option<Box<Listener>>,
    handover: Handover,
}

impl http_body::Body for Leaving {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(Ok(Frame::data(opening))));
        }
        // Asked for more: what was given lies in the connection's buffer. A
        // flush that ends after this has written it.
        if let Some(listener) = self.listener.take() {
            *self.handover.state() = State::Offered(listener);
        }
        Poll::Pending
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        // The connection ended first.
        *self.handover.state() = State::Nothing;
    }
}
