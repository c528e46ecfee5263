//! One connection: which protocol it speaks, who is there, and how long it may
//! take for what.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{self, HeaderValue};
use axum::http::{Method, Request, Response, StatusCode, Uri, Version};
use bytes::{Buf as _, Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::Hub;
use crate::courier::{Arrival, Courier};
use crate::handover::{Flushing, Handover, carry_alone};
use crate::peer::Peer;
use crate::routes::Addresses;
use crate::serve::{Doors, TlsMode};
use crate::subscription::Subscription;
use crate::underway::Underway;

/// Bytes of one head, request line included. Browsers send the cookies of every
/// program on localhost along.
const HEAD: usize = 32 * 1024;
/// Header lines of one head.
const HEADERS: usize = 100;
/// Unwritten bytes of one connection, beyond which its stream waits.
const WRITE_BUFFER: usize = 64 * 1024;
/// Requests that one HTTP/2 connection may have under way.
const STREAMS: u32 = 256;
/// Handshakes at a time: each costs a signature.
const HANDSHAKES: usize = 128;
/// How long HTTP/2 may be silent before it is asked for a sign of life.
const PING_AFTER: Duration = Duration::from_secs(30);
/// How long the system waits for a peer to acknowledge what was sent.
const UNHEARD: Duration = Duration::from_secs(60);
/// How long a connection that is over is still read. What the peer is sending
/// would make the system throw away the answer that the peer has not read yet.
const LINGER: Duration = Duration::from_millis(300);
/// How much of it.
const LINGER_BYTES: usize = 1 << 20;
/// What every HTTP/2 connection begins with (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Most bytes that are read to know the protocol: few heads have more.
const FIRST: usize = 512;
/// The first byte of every TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;

/// What all connections of one hub share.
pub(crate) struct Gate {
    addresses: Addresses,
    stop: CancellationToken,
    tls: Option<TlsAcceptor>,
    tls_required: bool,
    handshakes: Semaphore,
    head_timeout: Duration,
    handshake_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    /// Who carries the streams that leave their connections.
    courier: Option<Arc<Courier>>,
}

/// What a connection turns out to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Tls,
    Http1,
    Http2,
}

impl Gate {
    pub(crate) fn new(
        hub: &Hub,
        doors: &Doors,
        addresses: Addresses,
        stop: CancellationToken,
        courier: Option<Arc<Courier>>,
    ) -> Self {
        let (tls, tls_required) = match &doors.tls {
            TlsMode::Off => (None, false),
            TlsMode::On(tls) => (Some(tls.acceptor()), false),
            TlsMode::Required(tls) => (Some(tls.acceptor()), true),
        };
        set_options(&SockRef::from(&doors.tcp));
        Self {
            addresses,
            stop,
            tls,
            tls_required,
            handshakes: Semaphore::new(HANDSHAKES),
            head_timeout: doors.head_timeout,
            handshake_timeout: doors.handshake_timeout,
            idle_timeout: doors.idle_timeout,
            write_timeout: hub.config().write_timeout,
            courier,
        }
    }

    /// Serves one connection over the network to its end, or until a courier
    /// takes it with its `place`.
    pub(crate) async fn over_tcp(
        self: Arc<Self>,
        socket: TcpStream,
        peer: IpAddr,
        place: Option<OwnedSemaphorePermit>,
    ) {
        if !INHERITED {
            set_options(&SockRef::from(&socket));
        }
        let mut io = Watched::new(socket, self.write_timeout);
        let Some((language, start)) = self.listen_to(&mut io).await else {
            return;
        };
        let io = Prefixed { start, io };
        let peer = Peer::Remote(peer.to_canonical());
        // Boxed: what serves requests is large, and streams outlive it.
        match (&self.tls, &self.courier, language) {
            (Some(tls), _, Language::Tls) => {
                if let Some((io, subscription)) = Box::pin(self.over_tls(tls, io, peer)).await {
                    Box::pin(carry_alone(io, subscription)).await;
                }
            }
            _ if self.tls_required => {
                Box::pin(self.http(language, io, Err(Refused::Plain))).await;
            }
            (_, Some(courier), Language::Http1) => {
                let left = Box::pin(self.until_it_leaves(io, peer)).await;
                let Some((io, subscription)) = left else {
                    return;
                };
                let arrival = io.io.io.into_std().map(|socket| Arrival {
                    socket,
                    subscription,
                    permit: place,
                });
                let given_back = arrival.map(|it| courier.carry(Box::new(it)).err());
                match given_back {
                    Ok(None) => {}
                    Ok(Some(arrival)) => Box::pin(self.without_courier(*arrival)).await,
                    Err(error) => tracing::warn!(%error, "a stream ends"),
                }
            }
            _ => Box::pin(self.http(language, io, Ok(peer))).await,
        }
    }

    /// Carries a stream that no courier takes, as the hub stops.
    async fn without_courier(&self, arrival: Arrival) {
        match TcpStream::from_std(arrival.socket) {
            Ok(socket) => {
                let io = Watched::new(socket, self.write_timeout);
                carry_alone(io, arrival.subscription).await;
            }
            Err(error) => tracing::warn!(%error, "a stream ends"),
        }
    }

    /// Serves one connection over the hub's own socket to its end. Only the
    /// hub's own user, or root, `may` use it.
    pub(crate) async fn over_local<T>(self: Arc<Self>, socket: T, may: bool)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut io = Watched::new(socket, self.write_timeout);
        if let Some((language, start)) = self.listen_to(&mut io).await {
            let peer = if may {
                Ok(Peer::Local)
            } else {
                Err(Refused::Stranger)
            };
            self.http(language, Prefixed { start, io }, peer).await;
        }
    }

    async fn over_tls<T>(
        &self,
        tls: &TlsAcceptor,
        io: T,
        peer: Peer,
    ) -> Option<(Box<TlsStream<T>>, Box<Subscription>)>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shaken = async {
            // Never closed, so this only waits.
            let _turn = self.handshakes.acquire().await;
            tls.accept(io).await
        };
        let io = tokio::select! {
            shaken = timeout(self.handshake_timeout, Box::pin(shaken)) => match shaken {
                Ok(Ok(io)) => io,
                Ok(Err(error)) => {
                    tracing::debug!(%error, "a handshake failed");
                    return None;
                }
                Err(_) => {
                    tracing::debug!("a handshake took too long");
                    return None;
                }
            },
            () = self.stop.cancelled() => return None,
        };
        let language = match io.get_ref().1.alpn_protocol() {
            Some(b"h2") => Language::Http2,
            _ if self.courier.is_some() => {
                let (io, subscription) = self.until_it_leaves(io, peer).await?;
                // A future that is handed it has place for it twice.
                return Some((Box::new(io), subscription));
            }
            _ => Language::Http1,
        };
        self.http(language, io, Ok(peer)).await;
        None
    }

    /// Reads as much as it takes to know the protocol. `None`: the peer said
    /// nothing, or the hub stops.
    async fn listen_to<T>(&self, io: &mut T) -> Option<(Language, Bytes)>
    where
        T: AsyncRead + Unpin,
    {
        let mut start = BytesMut::with_capacity(FIRST);
        let heard = async {
            loop {
                let room = FIRST - start.len();
                let read = (&mut *io).take(room as u64).read_buf(&mut start).await?;
                if start.first() == Some(&HANDSHAKE) {
                    return Ok::<_, io::Error>(Some(Language::Tls));
                }
                let known = start.len().min(PREFACE.len());
                if start[..known] != PREFACE[..known] {
                    return Ok(Some(Language::Http1));
                }
                if known == PREFACE.len() {
                    return Ok(Some(Language::Http2));
                }
                if read == 0 {
                    return Ok(None);
                }
            }
        };
        let mut heard = pin!(heard);
        // Most have spoken by the time they are accepted, and need no clock.
        let language = match futures::poll!(&mut heard) {
            Poll::Ready(heard) => heard.ok()??,
            Poll::Pending => tokio::select! {
                heard = timeout(self.head_timeout, heard) => heard.ok()?.ok()??,
                () = self.stop.cancelled() => return None,
            },
        };
        Some((language, start.freeze()))
    }

    /// Serves HTTP/1.1 to its end, or until a stream leaves the connection: then
    /// both are given back.
    async fn until_it_leaves<T>(&self, io: T, peer: Peer) -> Option<(T, Box<Subscription>)>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handover = Handover::default();
        let site = Site {
            addresses: self.addresses.clone(),
            peer: Ok(peer),
            underway: None,
            handover: Some(handover.clone()),
        };
        let io = Flushing {
            io,
            handover: handover.clone(),
        };
        let mut served = self.http1().serve_connection(TokioIo::new(io), site);
        let mut stopped = pin!(self.stop.cancelled());
        let mut stopping = false;
        let left = poll_fn(|cx| {
            if !stopping && stopped.as_mut().poll(cx).is_ready() {
                stopping = true;
                Pin::new(&mut served).graceful_shutdown();
            }
            match Pin::new(&mut served).poll(cx) {
                Poll::Ready(result) => Poll::Ready(result.map(|()| None)),
                Poll::Pending => match handover.take() {
                    Some(subscription) => Poll::Ready(Ok(Some(subscription))),
                    None => Poll::Pending,
                },
            }
        });
        let left = left.await;
        let left = left.inspect_err(|error| tracing::debug!(%error, "a connection ended"));
        let subscription = left.ok()??;
        // What the peer has sent behind its request it must send again: the
        // connection ends with the stream (RFC 9112, 9.3.2).
        Some((served.into_parts().io.into_inner().io, subscription))
    }

    async fn http<T>(&self, language: Language, io: T, peer: Result<Peer, Refused>)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut site = Site {
            addresses: self.addresses.clone(),
            peer,
            underway: None,
            handover: None,
        };
        let io = TokioIo::new(io);
        let result = if language == Language::Http2 {
            let underway = Underway::new();
            site.underway = Some(underway.clone());
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .keep_alive_interval(PING_AFTER)
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(HEAD as u32)
                .max_send_buf_size(WRITE_BUFFER);
            let mut served = pin!(builder.serve_connection(io, site));
            // A subscriber that is cut comes back with its cursor.
            let mut stalled = pin!(underway.stalled(self.write_timeout));
            let ended = tokio::select! {
                result = served.as_mut() => Some(result),
                () = &mut stalled => Some(Ok(())),
                () = underway.idle(self.idle_timeout) => None,
                () = self.stop.cancelled() => None,
            };
            if let Some(result) = ended {
                result
            } else {
                // A peer that answers nothing does not keep it by that.
                served.as_mut().graceful_shutdown();
                tokio::select! {
                    result = served => result,
                    () = stalled => Ok(()),
                    () = underway.idle(self.head_timeout) => Ok(()),
                }
            }
        } else {
            let mut served = pin!(self.http1().serve_connection(io, site));
            tokio::select! {
                result = served.as_mut() => result,
                () = self.stop.cancelled() => {
                    served.as_mut().graceful_shutdown();
                    served.await
                }
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a connection ended");
        }
    }

    fn http1(&self) -> http1::Builder {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.head_timeout)
            .max_headers(HEADERS)
            .max_header_size(HEAD)
            .max_buf_size(WRITE_BUFFER);
        builder
    }
}

/// Whether accepted sockets have the options of their listener: on Linux all of
/// these, which spares each of them five calls.
const INHERITED: bool = cfg!(target_os = "linux");

fn set_options(socket: &SockRef<'_>) {
    // Small frames must not wait for the receiver's acknowledgements.
    let _ = socket.set_tcp_nodelay(true);
    // A peer that vanished without a word is noticed by the system, not only
    // when its buffers are full.
    let probes = socket2::TcpKeepalive::new()
        .with_time(UNHEARD)
        .with_interval(UNHEARD / 4);
    let _ = socket.set_tcp_keepalive(&probes);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(UNHEARD));
}

/// Why a connection is answered with one sentence only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    /// Plain HTTP, where TLS is required.
    Plain,
    /// Another user's program on the hub's own socket.
    Stranger,
}

impl Refused {
    fn answer(self, request: &Request<Incoming>) -> Response<Body> {
        let (status, why) = match self {
            Self::Plain => {
                let host = request.headers().get(header::HOST);
                let host = host.and_then(|host| host.to_str().ok()).unwrap_or("…");
                (
                    StatusCode::BAD_REQUEST,
                    format!("this hub speaks https only: use https://{host}"),
                )
            }
            Self::Stranger => (
                StatusCode::FORBIDDEN,
                "this socket is only for the user that the hub runs as; \
                 use the hub's http address with a token"
                    .to_owned(),
            ),
        };
        let mut response =
            Response::new(Body::from(serde_json::json!({ "error": why }).to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if request.version() <= Version::HTTP_11 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// The hub's addresses, as one connection sees them.
#[derive(Clone)]
struct Site {
    addresses: Addresses,
    peer: Result<Peer, Refused>,
    /// Where one connection carries many requests.
    underway: Option<Arc<Underway>>,
    /// How streams leave the connection, where they can.
    handover: Option<Handover>,
}

/// Whether a stream that answers this may leave the connection: the request is
/// over, so nothing but the answer is on its way, and the answer has chunks.
fn may_leave(request: &Request<Incoming>) -> bool {
    request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && http_body::Body::is_end_stream(request.body())
        && !request.headers().contains_key(header::UPGRADE)
}

impl Service<Request<Incoming>> for Site {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let seen = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| (request.method().clone(), without_secrets(request.uri())));
        let peer = self.peer;
        let began = Instant::now();
        let one = self.underway.as_ref().map(Underway::one);
        let answer = match peer {
            Ok(peer) => {
                if let Some(handover) = self.handover.as_ref().filter(|_| may_leave(&request)) {
                    request.extensions_mut().insert(handover.clone());
                }
                Ok(self.addresses.clone().answer(peer, request))
            }
            Err(refused) => Err(refused.answer(&request)),
        };
        Box::pin(async move {
            let response = match answer {
                Ok(answer) => answer.await,
                Err(refusal) => refusal,
            };
            if let Some((method, path)) = seen {
                let status = response.status().as_u16();
                let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                let from = peer.map_or("a stranger".to_owned(), |peer| match peer {
                    Peer::Remote(address) => address.to_string(),
                    Peer::Local => "the hub's socket".to_owned(),
                });
                tracing::debug!(%method, path, status, ms, from, "request");
            }
            Ok(match one {
                Some(one) => response.map(|body| one.holds(body)),
                None => response,
            })
        })
    }
}

/// The path and the query as they may be logged: credentials live in both.
fn without_secrets(uri: &Uri) -> String {
    const LONGEST: usize = 300;
    let is_secret = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(name.as_bytes());
        pairs.next().is_some_and(|(name, _)| {
            let name = name.to_ascii_lowercase();
            ["token", "ticket", "auth", "authorization"].contains(&name.as_str())
        })
    };
    let segments = uri.path().split('/').map(|segment| {
        // What the hub's own tokens and tickets begin with.
        match segment.get(..3) {
            Some(kind @ ("fb_" | "ft_")) => format!("{kind}…"),
            _ => segment.to_owned(),
        }
    });
    // However the path to a ticket is spelled.
    let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8_lossy();
    let mut shown = if path.starts_with("/hub/tickets/") {
        "/hub/tickets/…".to_owned()
    } else {
        segments.collect::<Vec<_>>().join("/")
    };
    for (index, pair) in uri
        .query()
        .into_iter()
        .flat_map(|q| q.split('&'))
        .enumerate()
    {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                shown.push_str(name);
                shown.push_str("=…");
            }
            _ => shown.push_str(pair),
        }
    }
    match shown.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

/// A connection whose first bytes were read already.
struct Prefixed<T> {
    start: Bytes,
    io: T,
}

impl<T: AsyncRead + Unpin> AsyncRead for Prefixed<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.start.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let length = self.start.len().min(buf.remaining());
        buf.put_slice(&self.start[..length]);
        self.start.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Prefixed<T> {
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
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// A socket that fails when the peer takes no byte for too long, and that is
/// read on for a moment when it is over. A subscriber that is cut comes back
/// with its cursor.
struct Watched<T> {
    io: T,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    closing: Option<Closing>,
}

/// Our side has ended; what the peer still sends is thrown away.
struct Closing {
    until: Pin<Box<Sleep>>,
    read: usize,
}

impl<T> Watched<T> {
    fn new(io: T, patience: Duration) -> Self {
        Self {
            io,
            patience,
            stalled: None,
            closing: None,
        }
    }

    fn watch<R>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let until = Instant::now() + self.patience;
        let timer = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the peer takes no bytes",
        )))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        }
        let closing = this.closing.get_or_insert_with(|| Closing {
            until: Box::pin(sleep(LINGER)),
            read: 0,
        });
        let mut scratch = [0; 4096];
        while closing.read < LINGER_BYTES {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.io).poll_read(cx, &mut buf) {
                Poll::Pending => {
                    ready!(closing.until.as_mut().poll(cx));
                    break;
                }
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    closing.read += buf.filled().len();
                }
                Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also where the system has them from the listener.
    #[tokio::test]
    async fn accepted_sockets_have_their_options() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        set_options(&SockRef::from(&listener));
        let address = listener.local_addr().unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_peer, (socket, _)) = (peer.unwrap(), accepted.unwrap());
        let options = SockRef::from(&socket);
        if !INHERITED {
            set_options(&options);
        }
        assert!(options.tcp_nodelay().unwrap() && options.keepalive().unwrap());
        #[cfg(unix)]
        assert_eq!(options.tcp_keepalive_time().unwrap(), UNHEARD);
        #[cfg(target_os = "linux")]
        assert_eq!(options.tcp_user_timeout().unwrap(), Some(UNHEARD));
    }

    #[test]
    fn no_secret_is_logged() {
        for (uri, shown) in [
            ("/events?uid=1&topic=a%26b", "/events?uid=1&topic=a%26b"),
            ("/events?uid=1&token=fb_1", "/events?uid=1&token=…"),
            ("/events?ToKeN=x=y&since=1", "/events?ToKeN=…&since=1"),
            ("/a/sse?auth=QmVhcmVy&poll", "/a/sse?auth=…&poll"),
            ("/events?%74icket=ft_1", "/events?%74icket=…"),
            ("/hub/tickets/ft_abc", "/hub/tickets/…"),
            ("/hub/%74ickets/%66t_abc", "/hub/tickets/…"),
            ("/door/fb_abc", "/door/fb_…"),
            ("/", "/"),
        ] {
            assert_eq!(without_secrets(&uri.parse().unwrap()), shown);
        }
        let long: Uri = format!("/{}", "x".repeat(1000)).parse().unwrap();
        assert!(without_secrets(&long).len() < 310);
    }
}
