//! Scripted servers, and a clock that stands still.

use std::{
    future::Future,
    sync::mpsc::{RecvTimeoutError, channel},
    time::Duration,
};

use feed::{Event, Feed, FeedConfig, FeedUpdate, State, StopReason, Trouble};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::advance,
};
use url::Url;

/// Runs a test on real sockets and a clock that only the test moves, by
/// [`advance`]. Ends the process if the test hangs.
pub(crate) fn still<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::pause();
        let (done, wait) = channel::<()>();
        // While a blocking task runs, tokio does not move a paused clock itself.
        tokio::task::spawn_blocking(move || {
            if wait.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
                eprintln!("the test hangs");
                std::process::exit(101);
            }
        });
        let result = test.await;
        drop(done);
        result
    })
}

/// A server whose connections the test answers by hand.
pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.origin())).unwrap()
    }

    pub(crate) fn config(&self) -> FeedConfig {
        FeedConfig::new(self.url("/feed"))
    }

    /// The next connection, nothing read from it.
    pub(crate) async fn accept_raw(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    /// The next connection, its request head read.
    pub(crate) async fn accept(&self) -> Peer {
        let mut socket = self.accept_raw().await;
        socket.set_nodelay(true).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = socket.read_u8().await.unwrap();
            head.push(byte);
        }
        let head = head.iter().map(|&b| char::from(b)).collect();
        Peer { head, socket }
    }

    /// The next connection, answered with an event stream.
    pub(crate) async fn stream(&self) -> Peer {
        let mut peer = self.accept().await;
        peer.begin().await;
        peer
    }
}

/// One connection, seen from the server.
pub(crate) struct Peer {
    /// The request head, each byte a character.
    head: String,
    pub(crate) socket: TcpStream,
}

impl Peer {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) async fn body(&mut self) -> Vec<u8> {
        let length = self.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.socket.read_exact(&mut body).await.unwrap();
        body
    }

    pub(crate) async fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    /// A whole answer, and the end of the connection.
    pub(crate) async fn answer(mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.raw(format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
        .await;
    }

    pub(crate) async fn redirect(self, status: u16, location: &str) {
        self.answer(
            &format!("{status} x"),
            &format!("Location: {location}\r\n"),
            "",
        )
        .await;
    }

    pub(crate) async fn begin(&mut self) {
        self.raw(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .await;
    }

    /// One chunk, which the client gets as one.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.raw(chunk).await;
    }

    /// Ends the stream in good order.
    pub(crate) async fn end(mut self) {
        self.raw("0\r\n\r\n").await;
    }

    /// Waits until the client has closed the connection.
    pub(crate) async fn closed(mut self) {
        let mut byte = [0];
        while !matches!(self.socket.read(&mut byte).await, Ok(0) | Err(_)) {}
    }
}

/// A feed and what it reports.
pub(crate) struct Subscriber {
    pub(crate) feed: Feed,
    pub(crate) updates: mpsc::Receiver<FeedUpdate>,
}

impl Subscriber {
    pub(crate) fn open(config: FeedConfig) -> Self {
        let (feed, updates) = Feed::open(config);
        Self { feed, updates }
    }

    /// Lets the feed's task do all it can do without the clock.
    pub(crate) async fn settle(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn next(&mut self) -> FeedUpdate {
        self.updates.recv().await.unwrap()
    }

    pub(crate) async fn event(&mut self) -> Event {
        match self.next().await {
            FeedUpdate::Event(event) => event,
            other => panic!("no event but {other:?}"),
        }
    }

    /// The next event's data.
    pub(crate) async fn data(&mut self) -> String {
        self.event().await.data
    }

    pub(crate) async fn state(&mut self) -> State {
        match self.next().await {
            FeedUpdate::State(state) => state,
            other => panic!("no state but {other:?}"),
        }
    }

    pub(crate) async fn live(&mut self) -> u64 {
        assert_eq!(self.state().await, State::Connecting);
        match self.state().await {
            State::Live { connection, .. } => connection,
            other => panic!("not live but {other:?}"),
        }
    }

    /// Why it waits, and how long; does not wait.
    pub(crate) async fn waiting(&mut self) -> (Trouble, Duration) {
        match self.state().await {
            State::Waiting { delay, why } => (why, delay),
            other => panic!("not waiting but {other:?}"),
        }
    }

    /// Why it waits; then lets the time pass.
    pub(crate) async fn wait(&mut self) -> Trouble {
        let (why, delay) = self.waiting().await;
        advance(delay + Duration::from_millis(1)).await;
        why
    }

    /// Why the very first attempt failed.
    pub(crate) async fn trouble(&mut self) -> Trouble {
        assert_eq!(self.state().await, State::Connecting);
        self.waiting().await.0
    }

    /// Why it stopped, which must be for good.
    pub(crate) async fn stopped(&mut self) -> StopReason {
        let why = match self.state().await {
            State::Stopped { why, look_again } => {
                assert_eq!(look_again, None);
                why
            }
            other => panic!("not stopped but {other:?}"),
        };
        assert_eq!(self.updates.recv().await, None, "nothing follows");
        why
    }
}

pub(crate) fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
