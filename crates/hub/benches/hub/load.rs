//! The load: one thread, one readiness loop, thousands of streams and some publishers.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::tally::{self, Tally};
use crate::wire::{Body, Event, Head, Nonsense, Reader};

/// Bytes of one read. A read that fills less has emptied the socket.
const BUFFER: usize = 256 * 1024;
/// Streams that wait for their head at a time: no server's queue of connections is shorter.
const OPENING: usize = 64;
/// Streams from one source address, which has some 28,000 ports.
const PER_ADDRESS: u32 = 4_000;
/// Without anything new for so long, nothing more comes.
const PATIENCE: Duration = Duration::from_secs(15);
/// So long is published at most: a server that is slower than that is measured with less.
pub(crate) const LONGEST: Duration = Duration::from_secs(15);
/// What is not a stream is a publisher.
const PUBLISHERS: usize = 1 << 30;
/// Bytes that are kept of an event's id.
const ID: usize = 62;

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As the hub is.
    Hub,
    Nchan,
}

/// What the messages of a row are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes of text.
    pub(crate) size: usize,
    /// Events have names.
    pub(crate) named: bool,
    /// Messages go to one stream each.
    pub(crate) targeted: bool,
    /// Messages of one publish.
    pub(crate) batch: u32,
    pub(crate) publishers: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            size: 200,
            named: false,
            targeted: false,
            batch: 1,
            publishers: 1,
        }
    }
}

/// All connections to one server.
pub(crate) struct Load {
    poll: Poll,
    events: Option<Events>,
    buffer: Vec<u8>,
    server: SocketAddr,
    dialect: Dialect,
    shape: Shape,
    begun: Instant,
    /// Counts connections, for their source addresses.
    connected: u32,
    /// The next source network: each load has its own, whose ports are free.
    network: u16,
    streams: Vec<Stream>,
    publishers: Vec<Publisher>,
    opening: usize,
    /// Counts what happened: deliveries, heads, answers, ends.
    progress: u64,
    /// Answers to publishes since the last [`start`](Self::start).
    pub(crate) answered: u64,
    /// From a publish to its answer, in nanoseconds, likewise.
    pub(crate) answer_time: Histogram<u64>,
    pub(crate) tally: Tally,
    /// Streams that the server ended.
    pub(crate) cut: Vec<usize>,
}

struct Stream {
    socket: Option<TcpStream>,
    reader: Reader,
    /// The last id and its length.
    id: [u8; ID],
    id_length: u8,
    is_open: bool,
    /// Read only when told.
    is_slow: bool,
    /// Deliveries of this connection.
    got: u32,
    opened_at: u64,
    /// When the last delivery came.
    last_at: u64,
}

struct Publisher {
    socket: TcpStream,
    unsent: Vec<u8>,
    answer: Vec<u8>,
    /// When the publish began that is not answered.
    asked: Option<u64>,
}

impl Load {
    /// # Errors
    /// The system has no readiness queue left.
    pub(crate) fn new(server: SocketAddr, dialect: Dialect, shape: Shape) -> anyhow::Result<Self> {
        use std::sync::atomic::{AtomicU16, Ordering};
        static NETWORK: AtomicU16 = AtomicU16::new(1);
        Ok(Self {
            poll: Poll::new()?,
            events: Some(Events::with_capacity(1024)),
            buffer: vec![0; BUFFER],
            server,
            dialect,
            shape,
            begun: Instant::now(),
            connected: 0,
            network: NETWORK.fetch_add(1, Ordering::Relaxed),
            streams: Vec::new(),
            publishers: Vec::new(),
            opening: 0,
            progress: 0,
            answered: 0,
            answer_time: tally::histogram(),
            tally: Tally::new(shape.publishers, shape.targeted, shape.named),
            cut: Vec::new(),
        })
    }

    /// Nanoseconds since the load began.
    pub(crate) fn now(&self) -> u64 {
        nanos(self.begun)
    }

    /// Opens `count` more streams, each of which gets what is published from now on: if messages
    /// are targeted, those to its number. Waits until all are there.
    pub(crate) fn open(&mut self, count: usize) -> anyhow::Result<()> {
        self.open_each(count, |load, stream| {
            load.tally.join();
            load.connect_stream(stream, None)
        })
    }

    /// Opens `count` more streams, which get what came after the first `skipped` messages, the
    /// last of which had this id.
    pub(crate) fn open_after(
        &mut self,
        count: usize,
        skipped: u32,
        id: &[u8],
    ) -> anyhow::Result<()> {
        self.open_each(count, |load, stream| {
            load.tally.join_after(skipped);
            load.connect_stream(stream, Some(id))
        })
    }

    /// A stream that is only read by [`sip`](Self::sip).
    pub(crate) fn open_slow(&mut self) -> anyhow::Result<usize> {
        let stream = self.streams.len();
        self.streams.push(Stream::new());
        self.streams[stream].is_slow = true;
        self.tally.join();
        self.connect_stream(stream, None)?;
        let begun = Instant::now();
        while !self.streams[stream].is_open {
            self.sip(stream, 4096)?;
            ensure!(begun.elapsed() < PATIENCE, "a slow stream does not open");
        }
        Ok(stream)
    }

    /// Reads at most so many bytes of a slow stream; `false`: there are none now.
    pub(crate) fn sip(&mut self, stream: usize, most: usize) -> anyhow::Result<bool> {
        let before = self.progress;
        self.read_stream(stream, Some(most))?;
        Ok(self.progress > before)
    }

    /// From now on a slow stream is read like the others.
    pub(crate) fn hurry(&mut self, stream: usize) -> anyhow::Result<()> {
        self.streams[stream].is_slow = false;
        if let Some(socket) = &mut self.streams[stream].socket {
            socket2::SockRef::from(&*socket).set_recv_buffer_size(BUFFER)?;
            let registry = self.poll.registry();
            registry.register(socket, Token(stream), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Ends a stream from this side.
    pub(crate) fn drop_stream(&mut self, stream: usize) {
        self.streams[stream].socket = None;
        self.streams[stream].is_open = false;
    }

    /// Opens a stream again that has ended, with the last id it got. Waits only while too many
    /// others are about to open.
    pub(crate) fn resume(&mut self, stream: usize) -> anyhow::Result<()> {
        while self.opening >= OPENING {
            self.turn_or_fail()?;
        }
        let (id, length) = (self.streams[stream].id, self.streams[stream].id_length);
        ensure!(length > 0, "a stream ended that never got an id");
        self.streams[stream] = Stream {
            id,
            id_length: length,
            ..Stream::new()
        };
        self.connect_stream(stream, Some(&id[..length.into()]))
    }

    pub(crate) fn open_publishers(&mut self) -> anyhow::Result<()> {
        for number in 0..self.shape.publishers {
            let mut socket = self.connect(false)?;
            let token = Token(PUBLISHERS + number);
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut socket, token, interest)?;
            self.publishers.push(Publisher {
                socket,
                unsent: Vec::new(),
                answer: Vec::new(),
                asked: None,
            });
        }
        Ok(())
    }

    /// Publishes the next message, or batch of them, of a publisher that is not waiting.
    pub(crate) fn publish(&mut self, publisher: usize, target: Option<u16>) -> anyhow::Result<()> {
        let at = self.now();
        let name = self.tally.name(publisher);
        let body = self.body(publisher, target, at);
        let request = self.request(target, name, body.len());
        let publisher = &mut self.publishers[publisher];
        ensure!(
            publisher.asked.is_none(),
            "a publisher does one thing at a time"
        );
        publisher.asked = Some(at);
        publisher.unsent.clear();
        publisher.unsent.extend_from_slice(request.as_bytes());
        publisher.unsent.extend_from_slice(&body);
        publisher.flush().context("publishing")
    }

    /// The first publisher from this one on that waits for nothing.
    pub(crate) fn free_publisher(&self, from: usize) -> Option<usize> {
        let free = |at: &usize| self.publishers[*at].asked.is_none();
        (from..self.publishers.len()).find(free)
    }

    pub(crate) fn all_answered(&self) -> bool {
        self.publishers
            .iter()
            .all(|publisher| publisher.asked.is_none())
    }

    /// Publishes `count` times, or as often as fits into [`LONGEST`], each publisher as soon as its
    /// last publish was answered; `target` says whom the next message is for. Gives back how often.
    pub(crate) fn publish_all(
        &mut self,
        count: u32,
        mut target: impl FnMut() -> Option<u16>,
    ) -> anyhow::Result<u32> {
        let mut left = count;
        let begun = Instant::now();
        while left > 0 && begun.elapsed() < LONGEST {
            let mut from = 0;
            while left > 0
                && let Some(publisher) = self.free_publisher(from)
            {
                self.publish(publisher, target())?;
                left -= 1;
                from = publisher + 1;
            }
            self.turn_or_fail()?;
        }
        self.wait(Self::all_answered)?;
        Ok(count - left)
    }

    /// Works until `done`; `false`: that did not come about while nothing happened for long.
    pub(crate) fn wait(&mut self, mut done: impl FnMut(&Self) -> bool) -> anyhow::Result<bool> {
        let (mut seen, mut since) = (self.progress, Instant::now());
        while !done(self) {
            self.turn(Duration::from_millis(100))?;
            if self.progress != seen {
                (seen, since) = (self.progress, Instant::now());
            } else if since.elapsed() > PATIENCE {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Works for so long.
    pub(crate) fn work_for(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left)?;
        }
    }

    /// Handles what is ready, or waits for it for so long.
    pub(crate) fn turn(&mut self, most: Duration) -> anyhow::Result<()> {
        // Taken out while the connections are worked on.
        let mut events = self.events.take().context("one turn at a time")?;
        let polled = self.poll.poll(&mut events, Some(most));
        if polled.is_ok() {
            for event in &events {
                match event.token() {
                    Token(stream) if stream < PUBLISHERS => {
                        self.read_stream(stream, None)?;
                        if event.is_read_closed() {
                            // The end may lie behind the last bytes.
                            self.read_stream(stream, None)?;
                        }
                    }
                    Token(publisher) => self.publisher_is_ready(publisher - PUBLISHERS)?,
                }
            }
        }
        self.events = Some(events);
        match polled {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// What comes from now on is measured.
    pub(crate) fn start(&mut self) {
        self.tally.start();
        self.answered = 0;
        self.answer_time.reset();
    }

    /// The id of the last event of a stream.
    pub(crate) fn last_id(&self, stream: usize) -> &[u8] {
        let stream = &self.streams[stream];
        &stream.id[..stream.id_length.into()]
    }

    /// Deliveries of a stream's connection, and how long after it was opened the last came, in
    /// nanoseconds.
    pub(crate) fn drained(&self, stream: usize) -> (u32, u64) {
        let stream = &self.streams[stream];
        (stream.got, stream.last_at.saturating_sub(stream.opened_at))
    }

    fn open_each(
        &mut self,
        count: usize,
        mut connect: impl FnMut(&mut Self, usize) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.streams.reserve(count);
        for _ in 0..count {
            while self.opening >= OPENING {
                self.turn_or_fail()?;
            }
            self.streams.push(Stream::new());
            connect(self, self.streams.len() - 1)?;
        }
        let all = self.wait(|load| load.opening == 0)?;
        ensure!(all, "{} streams do not open", self.opening);
        ensure!(
            self.cut.is_empty(),
            "{} streams were ended at once",
            self.cut.len()
        );
        Ok(())
    }

    fn turn_or_fail(&mut self) -> anyhow::Result<()> {
        let seen = self.progress;
        let moved = self.wait(|load| load.progress != seen)?;
        ensure!(moved, "the server does nothing any more");
        Ok(())
    }

    fn connect_stream(&mut self, stream: usize, after: Option<&[u8]>) -> anyhow::Result<()> {
        let is_slow = self.streams[stream].is_slow;
        self.streams[stream].opened_at = self.now();
        let mut socket = self
            .connect(is_slow)
            .with_context(|| format!("stream {stream}"))?;
        let target = self.shape.targeted.then_some(stream);
        let path = match (self.dialect, target) {
            (Dialect::Hub, Some(target)) => format!("/events?uid={target}"),
            (Dialect::Hub, None) => "/events?since=none".to_owned(),
            (Dialect::Nchan, Some(target)) => format!("/events?channel={target}"),
            (Dialect::Nchan, None) => "/events?channel=all".to_owned(),
        };
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n",
            self.server
        );
        if let Some(id) = after {
            write!(request, "Last-Event-ID: {}\r\n", std::str::from_utf8(id)?)?;
        }
        request.push_str("\r\n");
        // A new connection has room for a request.
        socket.write_all(request.as_bytes())?;
        if !is_slow {
            let registry = self.poll.registry();
            registry.register(&mut socket, Token(stream), Interest::READABLE)?;
            self.opening += 1;
        }
        self.streams[stream].socket = Some(socket);
        Ok(())
    }

    fn connect(&mut self, is_slow: bool) -> anyhow::Result<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        let [high, low] = self.network.to_be_bytes();
        let within = u8::try_from(self.connected / PER_ADDRESS)?;
        self.connected += 1;
        // 127.0.0.1 is the server's.
        let source = Ipv4Addr::new(127, 1 + high, low, 2 + within);
        socket.bind(&SocketAddr::new(IpAddr::V4(source), 0).into())?;
        if is_slow {
            socket.set_recv_buffer_size(4096)?;
        }
        socket.set_tcp_nodelay(true)?;
        socket.connect(&self.server.into())?;
        socket.set_nonblocking(true)?;
        Ok(TcpStream::from_std(socket.into()))
    }

    fn read_stream(&mut self, number: usize, most: Option<usize>) -> anyhow::Result<()> {
        let Some(stream) = self.streams.get_mut(number) else {
            return Ok(());
        };
        let room = most.unwrap_or(BUFFER);
        loop {
            let Some(socket) = &mut stream.socket else {
                return Ok(());
            };
            let read = match socket.read(&mut self.buffer[..room]) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            self.progress += 1;
            let now = nanos(self.begun);
            let bytes = &self.buffer[..read];
            let tally = &mut self.tally;
            let (id, id_length) = (&mut stream.id, &mut stream.id_length);
            let (got, last_at) = (&mut stream.got, &mut stream.last_at);
            let tell = |event: Event<'_>| {
                if let Some(new) = event.id.filter(|new| new.len() <= ID) {
                    id[..new.len()].copy_from_slice(new);
                    *id_length = new.len() as u8;
                }
                if let Some(data) = event.data {
                    tally.take(number, event.name, data, now);
                    *got += 1;
                    *last_at = now;
                }
            };
            if let Err(Nonsense(why)) = stream.reader.read(bytes, tell) {
                bail!("stream {number}: {why}");
            }
            if !stream.is_open
                && let Some(status) = stream.reader.status()
            {
                ensure!(status == 200, "a stream is answered with status {status}");
                stream.is_open = true;
                self.opening = self.opening.saturating_sub(usize::from(!stream.is_slow));
            }
            if read == 0 || stream.reader.has_ended() {
                stream.socket = None;
                if !stream.is_open {
                    bail!("a stream is closed without an answer");
                }
                stream.is_open = false;
                self.cut.push(number);
                return Ok(());
            }
            if read < room || most.is_some() {
                return Ok(());
            }
        }
    }

    fn publisher_is_ready(&mut self, number: usize) -> anyhow::Result<()> {
        let now = self.now();
        let publisher = &mut self.publishers[number];
        publisher.flush()?;
        loop {
            let read = match publisher.socket.read(&mut self.buffer) {
                Ok(0) => bail!("the server ended a publisher's connection"),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("a publisher's connection"),
            };
            let whole = if publisher.answer.is_empty() {
                is_answer(&self.buffer[..read])?
            } else {
                publisher.answer.extend_from_slice(&self.buffer[..read]);
                is_answer(&publisher.answer)?
            };
            if whole {
                publisher.answer.clear();
                let asked = publisher
                    .asked
                    .take()
                    .context("an answer without a question")?;
                self.answer_time
                    .saturating_record(now.saturating_sub(asked));
                self.answered += 1;
                self.progress += 1;
            } else if publisher.answer.is_empty() {
                publisher.answer.extend_from_slice(&self.buffer[..read]);
            }
            if read < self.buffer.len() {
                return Ok(());
            }
        }
    }

    fn body(&mut self, publisher: usize, target: Option<u16>, at: u64) -> Vec<u8> {
        let mut body = Vec::with_capacity((self.shape.size + 12) * self.shape.batch as usize + 2);
        if self.shape.batch == 1 {
            self.tally
                .stamp(publisher, target, at)
                .write(self.shape.size, &mut body);
            return body;
        }
        for nth in 0..self.shape.batch {
            body.extend_from_slice(if nth == 0 { b"[" } else { b"," });
            body.extend_from_slice(b"{\"data\":\"");
            self.tally
                .stamp(publisher, target, at)
                .write(self.shape.size, &mut body);
            body.extend_from_slice(b"\"}");
        }
        body.push(b']');
        body
    }

    fn request(&self, target: Option<u16>, name: Option<&str>, length: usize) -> String {
        let mut request = "POST /publish".to_owned();
        let mut add = |name: &str, value: &dyn std::fmt::Display| {
            request.push(if request.contains('?') { '&' } else { '?' });
            let _ = write!(request, "{name}={value}");
        };
        match (self.dialect, target) {
            (Dialect::Hub, Some(target)) => add("uid", &target),
            (Dialect::Hub, None) => {}
            (Dialect::Nchan, Some(target)) => add("channel", &target),
            (Dialect::Nchan, None) => add("channel", &"all"),
        }
        if let Some(name) = name
            && self.dialect == Dialect::Hub
        {
            add("event", &name);
        }
        let _ = write!(request, " HTTP/1.1\r\nHost: {}\r\n", self.server);
        if let Some(name) = name
            && self.dialect == Dialect::Nchan
        {
            let _ = write!(request, "X-EventSource-Event: {name}\r\n");
        }
        let kind = if self.shape.batch == 1 {
            "text/plain"
        } else {
            "application/json"
        };
        let _ = write!(
            request,
            "Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        request
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Ports are free again at once; nobody is to be told anything.
        let sockets = self
            .streams
            .iter()
            .filter_map(|stream| stream.socket.as_ref());
        for socket in sockets.chain(self.publishers.iter().map(|publisher| &publisher.socket)) {
            let _ = socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }
}

impl Stream {
    fn new() -> Self {
        Self {
            socket: None,
            reader: Reader::default(),
            id: [0; ID],
            id_length: 0,
            is_open: false,
            is_slow: false,
            got: 0,
            opened_at: 0,
            last_at: 0,
        }
    }
}

impl Publisher {
    /// Writes as much of the request as the system takes.
    fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while sent < self.unsent.len() {
            match self.socket.write(&self.unsent[sent..]) {
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.unsent.drain(..sent);
        Ok(())
    }
}

/// Whether these bytes are a whole answer, and a good one.
fn is_answer(bytes: &[u8]) -> anyhow::Result<bool> {
    let head = match Head::parse(bytes) {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(false),
        Err(Nonsense(why)) => bail!("an answer to a publish: {why}"),
    };
    let body = &bytes[head.length..];
    let whole = match head.body {
        Body::Length(length) => body.len() >= length,
        Body::Chunked => body.ends_with(b"0\r\n\r\n"),
        Body::UntilClosed => matches!(head.status, 204 | 304),
    };
    if whole && !(200..300).contains(&head.status) {
        let why = String::from_utf8_lossy(body);
        bail!(
            "a publish is answered with status {}: {}",
            head.status,
            why.trim()
        );
    }
    Ok(whole)
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
