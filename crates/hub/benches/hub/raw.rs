//! The least that a server can be: one thread, one readiness loop, one log of bytes that all
//! streams read from, a head that is always the same. It checks nothing and forgets nothing.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};

use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(usize::MAX);
const STREAM: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Cache-Control: no-store\r\nConnection: close\r\n\r\n";
const PUBLISHED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/// When streams get what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// At once, each message with a call of its own.
    Each,
    /// Once all publishers that are ready were read: several messages with one call.
    Together,
}

struct Server {
    poll: Poll,
    connections: Vec<Connection>,
    free: Vec<usize>,
    /// The streams of everyone's messages.
    streams: Vec<usize>,
    /// The streams of one user's messages.
    users: HashMap<u32, Vec<usize>>,
    /// Everyone's messages as they are sent.
    log: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    sending: Sending,
}

struct Connection {
    socket: Option<TcpStream>,
    request: Vec<u8>,
    /// Up to where in the log its stream was sent.
    cursor: Option<usize>,
    /// One user's messages that wait for room.
    own: Vec<u8>,
}

/// Serves until the process ends.
///
/// # Errors
/// The system gives no more connections, or no readiness.
pub(crate) fn serve(listener: std::net::TcpListener, sending: Sending) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let poll = Poll::new()?;
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut server = Server {
        poll,
        connections: Vec::new(),
        free: Vec::new(),
        streams: Vec::new(),
        users: HashMap::new(),
        log: Vec::new(),
        ends: Vec::new(),
        sending,
    };
    let mut events = Events::with_capacity(1024);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match server.poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        let published = server.ends.len();
        for event in &events {
            match event.token() {
                LISTENER => server.accept(&listener)?,
                Token(connection) => {
                    if event.is_writable() {
                        server.send(connection);
                    }
                    if event.is_readable() {
                        server.read(connection, &mut buffer);
                    }
                }
            }
        }
        if server.ends.len() > published && sending == Sending::Together {
            server.send_all();
        }
    }
}

impl Server {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let mut socket = match listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let connection = self.free.pop().unwrap_or_else(|| {
                self.connections.push(Connection::empty());
                self.connections.len() - 1
            });
            let both = Interest::READABLE | Interest::WRITABLE;
            let registry = self.poll.registry();
            registry.register(&mut socket, Token(connection), both)?;
            self.connections[connection].socket = Some(socket);
        }
    }

    fn read(&mut self, number: usize, buffer: &mut [u8]) {
        loop {
            let connection = &mut self.connections[number];
            let Some(socket) = &mut connection.socket else {
                return;
            };
            match socket.read(buffer) {
                Ok(read) if read > 0 => {
                    connection.request.extend_from_slice(&buffer[..read]);
                    while self.answer(number) {}
                    if read < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                _ => return self.end(number),
            }
        }
    }

    /// Takes one whole request; `false`: there is none.
    fn answer(&mut self, number: usize) -> bool {
        let request = std::mem::take(&mut self.connections[number].request);
        let length = self.take(number, &request);
        let connection = &mut self.connections[number];
        connection.request = request;
        connection.request.drain(..length);
        if connection.cursor.is_some() {
            connection.request = Vec::new();
        }
        length > 0
    }

    fn take(&mut self, number: usize, request: &[u8]) -> usize {
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = parsed.parse(request) else {
            return 0;
        };
        let header = |name: &str| {
            let mut headers = parsed.headers.iter();
            headers
                .find(|header| header.name.eq_ignore_ascii_case(name))
                .and_then(|header| {
                    std::str::from_utf8(header.value)
                        .ok()?
                        .parse::<usize>()
                        .ok()
                })
        };
        let path = parsed.path.unwrap_or_default();
        let user = parameter(path, "uid=").and_then(|user| user.parse().ok());
        if parsed.method == Some("GET") {
            let cursor = match header("Last-Event-ID") {
                Some(id) => self.ends.get(id).copied().unwrap_or_default(),
                None => self.log.len(),
            };
            let connection = &mut self.connections[number];
            connection.cursor = Some(cursor);
            if let Some(socket) = &mut connection.socket {
                // A new connection has room for a head.
                let _ = socket.write_all(STREAM);
            }
            match user {
                Some(user) => self.users.entry(user).or_default().push(number),
                None => {
                    self.streams.push(number);
                    self.send(number);
                }
            }
            return head;
        }
        let length = header("Content-Length").unwrap_or_default();
        let Some(body) = request[head..].get(..length) else {
            return 0;
        };
        match user {
            Some(user) => {
                let mut frame = Vec::with_capacity(body.len() + 16);
                frame.extend_from_slice(b"data: ");
                frame.extend_from_slice(body);
                frame.extend_from_slice(b"\n\n");
                for stream in self.users.get(&user).map_or(&[][..], Vec::as_slice) {
                    self.connections[*stream].send_own(&frame);
                }
            }
            None => {
                self.publish(parameter(path, "event="), body);
            }
        }
        if let Some(socket) = &mut self.connections[number].socket {
            let _ = socket.write_all(PUBLISHED);
        }
        head + length
    }

    fn publish(&mut self, event: Option<&str>, body: &[u8]) {
        let id = self.ends.len();
        // Writing into memory does not fail.
        let _ = writeln!(self.log, "id: {id}");
        if let Some(event) = event {
            let _ = writeln!(self.log, "event: {event}");
        }
        self.log.extend_from_slice(b"data: ");
        self.log.extend_from_slice(body);
        self.log.extend_from_slice(b"\n\n");
        self.ends.push(self.log.len());
        if self.sending == Sending::Each {
            self.send_all();
        }
    }

    fn send_all(&mut self) {
        for stream in &self.streams {
            self.connections[*stream].send(&self.log);
        }
    }

    fn send(&mut self, number: usize) {
        let connection = &mut self.connections[number];
        if !connection.own.is_empty() {
            connection.send_own(b"");
        } else {
            connection.send(&self.log);
        }
    }

    fn end(&mut self, number: usize) {
        self.connections[number] = Connection::empty();
        self.free.push(number);
        self.streams.retain(|stream| *stream != number);
        for streams in self.users.values_mut() {
            streams.retain(|stream| *stream != number);
        }
    }
}

impl Connection {
    fn empty() -> Self {
        Self {
            socket: None,
            request: Vec::new(),
            cursor: None,
            own: Vec::new(),
        }
    }

    /// Sends what of the log it has not got. What the system does not take now goes when it has
    /// room again.
    fn send(&mut self, log: &[u8]) {
        if let (Some(socket), Some(cursor)) = (&mut self.socket, &mut self.cursor) {
            while *cursor < log.len()
                && let Ok(sent) = socket.write(&log[*cursor..])
            {
                *cursor += sent;
            }
        }
    }

    fn send_own(&mut self, frame: &[u8]) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        let mut sent = 0;
        if self.own.is_empty() {
            sent = socket.write(frame).unwrap_or_default();
        }
        self.own.extend_from_slice(&frame[sent..]);
        if let Ok(sent) = socket.write(&self.own)
            && !self.own.is_empty()
        {
            self.own.drain(..sent);
        }
    }
}

fn parameter<'a>(path: &'a str, name: &str) -> Option<&'a str> {
    let begin = memmem::find(path.as_bytes(), name.as_bytes())? + name.len();
    path[begin..].split('&').next()
}
