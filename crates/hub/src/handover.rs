//! How a stream leaves the code that serves HTTP/1.1: the answer's body offers
//! it, and the connection, once all that comes before it is written, gives its
//! socket away, to a courier or to a task that does nothing else.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use bytes::BytesMut;
use http_body::Frame;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::subscription::Subscription;
use crate::window::put_chunk;

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
    Offered(Box<Subscription>),
    /// All before the rest of the body is written.
    Ready(Box<Subscription>),
}

impl Handover {
    /// The body of an answer whose stream leaves.
    pub(crate) fn body(&self, subscription: Subscription) -> Body {
        let mut subscription = Box::new(subscription);
        Body::new(Leaving {
            opening: subscription.opening(),
            subscription: Some(subscription),
            handover: self.clone(),
        })
    }

    /// All that was given to the connection so far is written.
    pub(crate) fn flushed(&self) {
        let mut state = self.state();
        if let State::Offered(subscription) = std::mem::take(&mut *state) {
            *state = State::Ready(subscription);
        }
    }

    /// The stream, if it can leave now.
    pub(crate) fn take(&self) -> Option<Box<Subscription>> {
        let mut state = self.state();
        match std::mem::take(&mut *state) {
            State::Ready(subscription) => Some(subscription),
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
    subscription: Option<Box<Subscription>>,
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
        if let Some(subscription) = self.subscription.take() {
            *self.handover.state() = State::Offered(subscription);
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

/// The end of a body in chunks (RFC 9112, 7.1).
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// A subscriber has nothing to say. Beyond so many bytes it is no subscriber.
pub(crate) const MOST_HEARD: usize = 64 * 1024;

/// Carries one stream that has left, to its end.
pub(crate) async fn carry_alone<T>(mut io: T, mut subscription: Box<Subscription>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let (mut scratch, mut heard) = ([0; 128], 0);
    let mut out = BytesMut::new();
    loop {
        let bytes = tokio::select! {
            bytes = subscription.next() => bytes,
            read = io.read(&mut scratch) => match read {
                Ok(read @ 1..) if heard + read <= MOST_HEARD => {
                    heard += read;
                    continue;
                }
                _ => return,
            },
        };
        match &bytes {
            Some(bytes) => put_chunk(&mut out, bytes),
            None => out.extend_from_slice(LAST_CHUNK),
        }
        if io.write_all(&out).await.is_err() || io.flush().await.is_err() {
            return;
        }
        if bytes.is_none() {
            // Its place is free before the peer has heard that it is over.
            drop(subscription);
            let _ = io.shutdown().await;
            return;
        }
        // A page is rare, and memory that waits for the next one is memory for
        // each subscriber.
        out = BytesMut::new();
    }
}

/// A connection that says when all that was given to it is written.
pub(crate) struct Flushing<T> {
    pub(crate) io: T,
    pub(crate) handover: Handover,
}

impl<T: AsyncRead + Unpin> AsyncRead for Flushing<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Flushing<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        // It is asked for this only once its own buffer has been written.
        self.handover.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
