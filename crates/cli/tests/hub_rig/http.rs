//! HTTP/1.1 and event streams read byte by byte, after the standards alone: no code of the hub, and
//! none of the project's own client.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// No answer's head is longer.
const LONGEST_HEAD: usize = 64 << 10;

/// The head of an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// How a body is framed, and how much of it is still to come.
#[derive(Clone, Copy, Debug)]
enum Body {
    /// Nothing is to come.
    Done,
    Length(usize),
    /// So many bytes of the chunk are to come; none: its length is.
    Chunk(Option<usize>),
    UntilClosed,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: TcpStream,
    held: Vec<u8>,
    body: Body,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            held: Vec::new(),
            body: Body::Done,
        })
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes).await
    }

    /// More bytes; an error at the end.
    async fn more(&mut self) -> io::Result<()> {
        if self.held.capacity() - self.held.len() < 2048 {
            self.held.reserve(8192);
        }
        match self.socket.read_buf(&mut self.held).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// The bytes up to the next `end`, which is taken too.
    async fn up_to(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.held.windows(end.len()).position(|w| w == end) {
                let found = self.held[..at].to_vec();
                self.held.drain(..at + end.len());
                return Ok(found);
            }
            if self.held.len() > LONGEST_HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.more().await?;
        }
    }

    /// The next answer's head.
    pub(crate) async fn head(&mut self) -> io::Result<Head> {
        let head = self.up_to(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|status| status.parse().ok());
        let head = Head {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            headers: lines
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
        };
        let length = head.header("content-length");
        self.body = match length.and_then(|length| length.parse().ok()) {
            _ if head.header("transfer-encoding") == Some("chunked") => Body::Chunk(None),
            Some(0) => Body::Done,
            Some(length) => Body::Length(length),
            None if matches!(head.status, 204 | 304) => Body::Done,
            None => Body::UntilClosed,
        };
        Ok(head)
    }

    /// The next bytes of the body; `None` at its proper end.
    pub(crate) async fn part(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let most = match self.body {
                Body::Done => return Ok(None),
                Body::Length(left) | Body::Chunk(Some(left)) => left,
                Body::UntilClosed => usize::MAX,
                Body::Chunk(None) => {
                    let line = self.up_to(b"\r\n").await?;
                    let line = String::from_utf8_lossy(&line).into_owned();
                    let size = line.split(';').next().unwrap_or_default().trim();
                    let size = usize::from_str_radix(size, 16);
                    let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
                    if size == 0 {
                        self.up_to(b"\r\n").await?;
                        self.body = Body::Done;
                        return Ok(None);
                    }
                    self.body = Body::Chunk(Some(size));
                    continue;
                }
            };
            if self.held.is_empty() {
                match self.more().await {
                    Ok(()) => {}
                    Err(_) if matches!(self.body, Body::UntilClosed) => return Ok(None),
                    Err(why) => return Err(why),
                }
            }
            let taken = most.min(self.held.len());
            let part = self.held[..taken].to_vec();
            self.held.drain(..taken);
            self.body = match self.body {
                Body::Length(left) if left == taken => Body::Done,
                Body::Length(left) => Body::Length(left - taken),
                Body::Chunk(Some(left)) if left == taken => {
                    self.up_to(b"\r\n").await?;
                    Body::Chunk(None)
                }
                Body::Chunk(Some(left)) => Body::Chunk(Some(left - taken)),
                other => other,
            };
            return Ok(Some(part));
        }
    }

    /// A whole answer.
    pub(crate) async fn answer(&mut self) -> io::Result<Answer> {
        let head = self.head().await?;
        let mut body = Vec::new();
        while let Some(part) = self.part().await? {
            body.extend(part);
        }
        Ok(Answer { head, body })
    }

    /// Sends a request and reads the whole answer; the connection stays.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let host = self.socket.peer_addr()?;
        let mut bytes = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        bytes += &format!("Content-Length: {}\r\n\r\n", body.len());
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        self.send(&bytes).await?;
        self.answer().await
    }
}

/// One event, as a page gets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
    /// The last event id.
    pub(crate) id: String,
}

/// "Interpreting an event stream", for a body that comes in parts.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    after_cr: bool,
    begun: bool,
    name: String,
    data: String,
    id: String,
    /// What the next connection resumes from.
    pub(crate) last_event_id: String,
}

impl Parser {
    /// Of a connection that resumes.
    pub(crate) fn resuming(last_event_id: &str) -> Self {
        Self {
            id: last_event_id.to_owned(),
            last_event_id: last_event_id.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn feed(&mut self, mut part: &[u8], mut each: impl FnMut(Event)) {
        while let Some(&first) = part.first() {
            if std::mem::take(&mut self.after_cr) && first == b'\n' {
                part = &part[1..];
                continue;
            }
            let Some(end) = part.iter().position(|b| matches!(b, b'\r' | b'\n')) else {
                self.line.extend_from_slice(part);
                return;
            };
            self.line.extend_from_slice(&part[..end]);
            self.after_cr = part[end] == b'\r';
            part = &part[end + 1..];
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(&line);
            let mut line = line.as_ref();
            if !std::mem::replace(&mut self.begun, true) {
                line = line.strip_prefix('\u{feff}').unwrap_or(line);
            }
            self.line(line, &mut each);
        }
    }

    fn line(&mut self, line: &str, each: &mut impl FnMut(Event)) {
        if line.is_empty() {
            self.last_event_id.clone_from(&self.id);
            let name = std::mem::take(&mut self.name);
            let mut data = std::mem::take(&mut self.data);
            if data.pop().is_some() {
                each(Event {
                    name: if name.is_empty() {
                        "message".to_owned()
                    } else {
                        name
                    },
                    data,
                    id: self.id.clone(),
                });
            }
            return;
        }
        let (field, value) = match line.split_once(':') {
            Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
            None => (line, ""),
        };
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data += value;
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            _ => {}
        }
    }
}
