//! A client that shares no code with the hub: HTTP/1.1 and the event stream
//! read byte by byte, after the standards alone.

use std::collections::VecDeque;
use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::soon;

/// A whole response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    request(address, "GET", path, &[], b"").await
}

pub(crate) async fn post(address: SocketAddr, path: &str, body: &str) -> Answer {
    let json = [("Content-Type", "application/json")];
    request(address, "POST", path, &json, body.as_bytes()).await
}

/// Sends a request and reads the whole answer. A `Host` among the headers
/// replaces the true one.
pub(crate) async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut headers = headers.to_vec();
    let length = body.len().to_string();
    headers.push(("Connection", "close"));
    headers.push(("Content-Length", &length));
    let mut stream = Stream::send(address, method, path, &headers, body).await;
    let mut bytes = Vec::new();
    if method != "HEAD" {
        while let Some(chunk) = soon("the answer", stream.chunk()).await {
            bytes.extend(chunk);
        }
    }
    let body = String::from_utf8(bytes).unwrap();
    Answer {
        status: stream.status,
        headers: stream.headers,
        body,
    }
}

/// One event, as a page gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
    pub(crate) id: String,
}

impl Event {
    pub(crate) fn new(name: &str, data: &str, id: &str) -> Self {
        Self {
            name: name.to_owned(),
            data: data.to_owned(),
            id: id.to_owned(),
        }
    }
}

/// One open event stream.
pub(crate) struct Stream {
    socket: BufReader<TcpStream>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    chunked: bool,
    parser: Parser,
    /// The body so far, to the byte.
    pub(crate) raw: Vec<u8>,
}

impl Stream {
    /// Opens a stream and reads up to its first id: from then on it misses
    /// nothing.
    pub(crate) async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut stream = Self::try_open(address, path, headers).await;
        assert_eq!(stream.status, 200);
        assert_eq!(
            header(&stream.headers, "content-type"),
            Some("text/event-stream")
        );
        assert_eq!(header(&stream.headers, "cache-control"), Some("no-cache"));
        assert_eq!(header(&stream.headers, "x-accel-buffering"), Some("no"));
        assert_eq!(header(&stream.headers, "connection"), None);
        while stream.parser.last_event_id.is_empty() {
            let chunk = soon("the first id", stream.chunk())
                .await
                .expect("the stream ended");
            stream.parser.feed(&chunk);
        }
        assert!(
            stream.raw.starts_with(b":"),
            "the first bytes are a comment"
        );
        stream
    }

    /// Opens a stream without expecting anything of it.
    pub(crate) async fn try_open(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Self {
        let mut headers = headers.to_vec();
        headers.push(("Accept", "text/event-stream"));
        Self::send(address, "GET", path, &headers, b"").await
    }

    pub(crate) async fn send(
        address: SocketAddr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Self {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            head.push_str(&format!("Host: {address}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend(body);
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(&bytes).await.unwrap();

        let mut socket = BufReader::new(socket);
        let status = line(&mut socket).await;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = line(&mut socket).await;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                None => break,
            }
        }
        let chunked = header(&headers, "transfer-encoding") == Some("chunked");
        Self {
            socket,
            status,
            headers,
            chunked,
            parser: Parser::default(),
            raw: Vec::new(),
        }
    }

    /// The next bytes of the body; `None` at its proper end.
    async fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.chunked {
            let size = line(&mut self.socket).await;
            let size = usize::from_str_radix(&size, 16).ok()?;
            bytes.resize(size, 0);
            self.socket.read_exact(&mut bytes).await.ok()?;
            line(&mut self.socket).await;
        } else {
            self.socket.read_to_end(&mut bytes).await.ok()?;
        }
        self.raw.extend(&bytes);
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        soon("an event", async {
            loop {
                if let Some(event) = self.parser.events.pop_front() {
                    return Some(event);
                }
                let chunk = self.chunk().await?;
                self.parser.feed(&chunk);
            }
        })
        .await
    }

    /// The next events.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.expect("the stream ended"));
        }
        events
    }

    /// The events that have arrived and were not taken yet. Whoever resumes
    /// after [`Stream::last_event_id`] has them.
    pub(crate) fn arrived(&mut self) -> impl Iterator<Item = Event> {
        self.parser.events.drain(..)
    }

    /// Their data alone.
    pub(crate) async fn data(&mut self, count: usize) -> Vec<String> {
        self.take(count)
            .await
            .into_iter()
            .map(|event| event.data)
            .collect()
    }

    /// All events up to the end of the stream.
    pub(crate) async fn rest(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }

    /// Reads until the raw body contains `text`.
    pub(crate) async fn until_raw(&mut self, text: &str) {
        soon(text, async {
            while !self.raw_text().contains(text) {
                let chunk = self.chunk().await.expect("the stream ended");
                self.parser.feed(&chunk);
            }
        })
        .await;
    }

    pub(crate) fn raw_text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// What an EventSource would send as `Last-Event-ID`.
    pub(crate) fn last_event_id(&self) -> &str {
        &self.parser.last_event_id
    }

    /// The reconnection time the stream has set, in milliseconds.
    pub(crate) fn retry(&self) -> Option<u64> {
        self.parser.retry
    }
}

async fn line(socket: &mut BufReader<TcpStream>) -> String {
    let mut line = String::new();
    // An error is a closed connection, as an empty line is to the callers.
    let _ = soon("a line", socket.read_line(&mut line)).await;
    line.trim_end().to_owned()
}

/// The WHATWG algorithm for event streams.
#[derive(Default)]
struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    name: String,
    data: String,
    id: String,
    last_event_id: String,
    retry: Option<u64>,
    events: VecDeque<Event>,
}

impl Parser {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' if self.after_cr => self.after_cr = false,
                b'\r' | b'\n' => {
                    self.after_cr = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    self.end_line(&String::from_utf8(line).expect("UTF-8"));
                }
                _ => {
                    self.after_cr = false;
                    self.line.push(byte);
                }
            }
        }
    }

    fn end_line(&mut self, line: &str) {
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = match line.split_once(':') {
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "event" => self.name = value.to_owned(),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            "retry" => self.retry = value.parse().ok().or(self.retry),
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.last_event_id.clone_from(&self.id);
        let name = std::mem::take(&mut self.name);
        let mut data = std::mem::take(&mut self.data);
        if data.pop().is_none() {
            return;
        }
        let name = if name.is_empty() {
            "message".to_owned()
        } else {
            name
        };
        self.events.push_back(Event {
            name,
            data,
            id: self.last_event_id.clone(),
        });
    }
}
