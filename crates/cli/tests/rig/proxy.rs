//! The proxy between the feed and the notifier: the one place where things go wrong.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{
    ledger::{Ledger, number_in},
    plan::{Fault, Kill, Kind, Plan},
    upstream::{last_event_id, read_head},
};

/// What the kernel holds for the notifier: little, so that what is sent is not far ahead of what
/// is taken.
const SEND_BUFFER: u32 = 16 << 10;
/// At most this much goes out in one write.
const TOGETHER: usize = 32 << 10;
/// Bytes of one flood.
const FLOOD: usize = 32 << 20;
/// Longer than the quiet that ends a replay, shorter than the watchdog.
const LULL: Duration = Duration::from_millis(850);

/// What only the owner of the notifier can do.
#[derive(Debug)]
pub(crate) enum Order {
    Kill(Kill),
    Reconnect,
}

/// What happened, for the report of a failure.
#[derive(Debug)]
pub(crate) struct History {
    began: Instant,
    lines: Mutex<Vec<String>>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            lines: Mutex::default(),
        }
    }

    pub(crate) fn note(&self, what: &str) {
        let time = self.began.elapsed().as_secs_f64();
        self.lines
            .lock()
            .unwrap()
            .push(format!("{time:9.3}  {what}"));
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }
}

/// Nothing listens for a while.
#[derive(Debug)]
struct Closing {
    time: Duration,
    closed: oneshot::Sender<()>,
}

/// The proxy at work; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    ledger: Arc<Ledger>,
    upstream: SocketAddr,
    plan: Mutex<Plan>,
    /// What the next connection meets.
    next: Mutex<Option<Fault>>,
    /// Events that were sent at least once.
    sent: AtomicUsize,
    done: Mutex<BTreeMap<Kind, usize>>,
    /// Connections so far.
    arrived: watch::Sender<usize>,
    orders: mpsc::UnboundedSender<Order>,
    door: mpsc::UnboundedSender<Closing>,
    history: Arc<History>,
    /// What the notifier may never ask.
    wrong: Mutex<Vec<String>>,
}

impl Proxy {
    pub(crate) fn start(
        ledger: Arc<Ledger>,
        upstream: SocketAddr,
        plan: Plan,
        history: Arc<History>,
        mut rng: Rng,
    ) -> (Self, mpsc::UnboundedReceiver<Order>) {
        // Bound and never listening: the address stays ours while nothing listens.
        let holder = socket();
        holder.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = holder.local_addr().unwrap();
        let (orders, received) = mpsc::unbounded_channel();
        let (door, mut closings) = mpsc::unbounded_channel::<Closing>();
        let shared = Arc::new(Shared {
            ledger,
            upstream,
            plan: Mutex::new(plan),
            next: Mutex::default(),
            sent: AtomicUsize::new(0),
            done: Mutex::default(),
            arrived: watch::Sender::new(0),
            orders,
            door,
            history,
            wrong: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        let proxy = Arc::clone(&shared);
        let mut listener = listen(address);
        tasks.spawn(async move {
            let _holder = holder;
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    biased;
                    Some(closing) = closings.recv() => {
                        drop(listener);
                        // The connection that asked for it may be gone.
                        let _ = closing.closed.send(());
                        sleep(closing.time).await;
                        listener = listen(address);
                    }
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.unwrap();
                        let (proxy, rng) = (Arc::clone(&proxy), rng.fork());
                        let number = *proxy.arrived.borrow() + 1;
                        proxy.arrived.send_replace(number);
                        connections.spawn(async move {
                            let ended = proxy.serve(stream, number, rng).await;
                            proxy.history.note(&format!("connection {number}: over, {ended:?}"));
                        });
                    }
                }
            }
        });
        let proxy = Self {
            address,
            shared,
            _tasks: tasks,
        };
        (proxy, received)
    }
}

impl Shared {
    pub(crate) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn connections(&self) -> usize {
        *self.arrived.borrow()
    }

    pub(crate) fn done(&self) -> BTreeMap<Kind, usize> {
        self.done.lock().unwrap().clone()
    }

    /// Faults that did not have their turn yet.
    pub(crate) fn left(&self) -> usize {
        self.plan.lock().unwrap().faults.len() + usize::from(self.next.lock().unwrap().is_some())
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    fn happens(&self, connection: usize, at: usize, kind: Kind) {
        *self.done.lock().unwrap().entry(kind).or_default() += 1;
        let name = kind.name();
        self.history
            .note(&format!("connection {connection}: {name} at {at}"));
    }

    fn send(&self, order: Order) {
        // Nobody takes orders once the judging has begun.
        let _ = self.orders.send(order);
    }

    /// The fault whose turn it is. A lull has to wait until nothing is re-sent any more: there it
    /// would say that the re-sending is over.
    fn due(&self, number: usize, known: usize) -> Option<Fault> {
        let faults = &mut self.plan.lock().unwrap().faults;
        let due =
            |fault: &Fault| fault.at <= number && (fault.kind != Kind::Lull || number >= known);
        faults.pop_front_if(|fault| due(fault))
    }

    fn kill_if_due(&self, number: usize) {
        let kills = &mut self.plan.lock().unwrap().kills;
        while let Some(kill) = kills.pop_front_if(|kill| kill.at <= number) {
            self.send(Order::Kill(kill));
        }
    }

    async fn serve(&self, client: TcpStream, connection: usize, mut rng: Rng) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut client = BufReader::new(client);
        let head = read_head(&mut client).await?;
        let mut client = client.into_inner();
        let asked = last_event_id(&head);
        let known = self.sent();
        let Some(start) = self.ledger.resume(asked).filter(|&start| start <= known) else {
            let wrong = format!("asked to resume from {asked:?} when {known} events were sent");
            self.wrong.lock().unwrap().push(wrong);
            return Ok(());
        };
        let note =
            format!("connection {connection}: from {start} ({asked:?}), {known} sent so far");
        self.history.note(&note);

        let fault = self.next.lock().unwrap().take();
        let mut from = start;
        let mut slow = false;
        if let Some(Fault { kind, mut rng, .. }) = fault.clone() {
            self.happens(connection, start, kind);
            match kind {
                Kind::Resent | Kind::ResentSlowly => {
                    from = start.saturating_sub(rng.usize(1..=12));
                }
                Kind::SlowHead => slow = true,
                Kind::HalfHead => {
                    let head = head_of_stream(&mut rng, false);
                    let part = rng.usize(1..head.len() - 2);
                    client.write_all(&head.as_bytes()[..part]).await?;
                    return end(client, rng.bool());
                }
                _ => {
                    let answer = answer(kind, &mut rng);
                    client.write_all(answer.as_bytes()).await?;
                    if kind == Kind::Final {
                        self.send(Order::Reconnect);
                    }
                    return Ok(());
                }
            }
        }
        let asked = if from == start {
            asked
        } else {
            self.ledger.id_after(from)
        };
        let upstream = self.ask_upstream(asked).await?;
        let chunked = rng.bool();
        let mut out = Out {
            head: head_of_stream(&mut rng, chunked).into_bytes(),
            slow,
            client,
            chunked,
            line_end: ["\n", "\r\n", "\r"][rng.usize(0..3)],
            waiting: Vec::new(),
            trickle: 0,
        };
        if fault.is_some_and(|fault| fault.kind == Kind::ResentSlowly) {
            out.client.write_all(&std::mem::take(&mut out.head)).await?;
            sleep(LULL).await;
        }
        // What the client may know already goes out in one piece: nothing comes between.
        let hold = start.max(self.ledger.beyond(asked)).min(known);
        let mut upstream = BufReader::with_capacity(TOGETHER, upstream);
        self.pass_on(connection, &mut upstream, &mut out, from, hold, known)
            .await
    }

    async fn ask_upstream(&self, asked: &str) -> io::Result<TcpStream> {
        let mut upstream = TcpStream::connect(self.upstream).await?;
        let request = format!("GET /feed HTTP/1.1\r\nHost: feed\r\nLast-Event-ID: {asked}\r\n\r\n");
        upstream.write_all(request.as_bytes()).await?;
        Ok(upstream)
    }

    async fn pass_on(
        &self,
        connection: usize,
        upstream: &mut BufReader<TcpStream>,
        out: &mut Out,
        from: usize,
        hold: usize,
        known: usize,
    ) -> io::Result<()> {
        let answer = read_head(upstream).await?;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let mut held = from < hold;
        loop {
            if !held && (upstream.buffer().is_empty() || out.waiting.len() > TOGETHER) {
                out.flush().await?;
            }
            let frame = read_frame(upstream).await?;
            if self.connections() > connection {
                // The notifier is elsewhere already: what goes wrong here would hurt nobody.
                return Ok(());
            }
            let Some(number) = number_in(&frame) else {
                out.put(&frame);
                continue;
            };
            held = number + 1 < hold;
            while let Some(fault) = self.due(number, known) {
                if self
                    .meets(connection, upstream, out, &frame, number, fault)
                    .await?
                {
                    return Ok(());
                }
            }
            out.put(&frame);
            self.sent.fetch_max(number + 1, Ordering::Relaxed);
            self.kill_if_due(number);
        }
    }

    /// True if the connection is over.
    async fn meets(
        &self,
        connection: usize,
        upstream: &mut BufReader<TcpStream>,
        out: &mut Out,
        frame: &[u8],
        number: usize,
        fault: Fault,
    ) -> io::Result<bool> {
        let Fault { kind, mut rng, .. } = fault.clone();
        let for_the_next = matches!(
            kind,
            Kind::Status
                | Kind::WebPage
                | Kind::Final
                | Kind::NotHttp
                | Kind::HalfHead
                | Kind::SlowHead
                | Kind::Resent
                | Kind::ResentSlowly
        );
        if for_the_next {
            *self.next.lock().unwrap() = Some(fault);
            out.end(rng.bool()).await?;
            return Ok(true);
        }
        self.happens(connection, number, kind);
        // A part of an event may be all that it takes: a CR ends a line without its LF.
        self.sent.fetch_max(number + 1, Ordering::Relaxed);
        match kind {
            Kind::CutInEvent => {
                out.part_of(frame, &mut rng).await?;
                out.client.shutdown().await?;
            }
            Kind::CutBetween => out.end(rng.bool()).await?,
            Kind::ResetInEvent => {
                out.part_of(frame, &mut rng).await?;
                out.client.set_zero_linger()?;
            }
            Kind::ResetBetween => {
                out.flush().await?;
                out.client.set_zero_linger()?;
            }
            Kind::Refused => {
                let (closed, is_closed) = oneshot::channel();
                let time = Duration::from_millis(rng.u64(60..400));
                self.door.send(Closing { time, closed }).unwrap();
                is_closed.await.unwrap();
                out.end(true).await?;
            }
            Kind::Stall => {
                if rng.bool() {
                    out.part_of(frame, &mut rng).await?;
                }
                out.flush().await?;
                out.closed_by_client().await;
                self.history
                    .note(&format!("connection {connection}: given up"));
            }
            Kind::StallThenLate | Kind::AskedThenLate => {
                out.flush().await?;
                if kind == Kind::AskedThenLate {
                    self.send(Order::Reconnect);
                }
                out.put(frame);
                for _ in 0..rng.usize(0..20) {
                    if !upstream.buffer().is_empty() {
                        let frame = read_frame(upstream).await?;
                        out.put(&frame);
                    }
                }
                let mut arrived = self.arrived.subscribe();
                let newer = arrived.wait_for(|&newest| newest > connection);
                newer.await.map_err(io::Error::other)?;
                out.flush().await?;
                out.end(true).await?;
            }
            _ => {
                self.disturb(kind, number, out, &mut rng).await?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What the stream survives.
    async fn disturb(
        &self,
        kind: Kind,
        number: usize,
        out: &mut Out,
        rng: &mut Rng,
    ) -> io::Result<()> {
        match kind {
            Kind::Lull => {
                out.flush().await?;
                sleep(LULL).await;
            }
            Kind::Trickle => out.trickle = rng.usize(500..4000),
            Kind::Junk => {
                for _ in 0..rng.usize(1..6) {
                    let id = self.ledger.id_after(number);
                    out.waiting.extend(junk(id, rng));
                }
            }
            Kind::Flood => {
                out.waiting.extend(b": ");
                out.waiting.resize(out.waiting.len() + (1 << 20), b'~');
                out.waiting.extend(b"\n\n");
                for _ in 0..FLOOD / TOGETHER {
                    out.flush().await?;
                    out.waiting = b": and nothing but comments for a while\n".repeat(TOGETHER / 40);
                }
            }
            Kind::Retry => {
                let absurd = ["0", "18446744073709551615", "99999999999999999999999", "70"];
                for _ in 0..rng.usize(1..4) {
                    let time = absurd[rng.usize(0..absurd.len())];
                    out.waiting.extend(format!("retry: {time}\n\n").bytes());
                }
                out.waiting.extend(b"retry: 50\n\n");
            }
            other => unreachable!("{other:?} ends a connection"),
        }
        Ok(())
    }
}

/// The connection to the notifier.
struct Out {
    client: TcpStream,
    /// Not sent yet.
    head: Vec<u8>,
    /// The head goes out byte by byte.
    slow: bool,
    chunked: bool,
    /// How this server ends its lines.
    line_end: &'static str,
    waiting: Vec<u8>,
    /// So many bytes more go out a few at a time.
    trickle: usize,
}

impl Out {
    fn put(&mut self, frame: &[u8]) {
        let frame = self.in_our_lines(frame);
        self.waiting.extend(frame);
    }

    fn in_our_lines(&self, frame: &[u8]) -> Vec<u8> {
        let text = std::str::from_utf8(frame).unwrap();
        text.replace('\n', self.line_end).into_bytes()
    }

    async fn flush(&mut self) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut rest = waiting.as_slice();
        while self.trickle > 0 && !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.len().min(1 + self.trickle % 7));
            self.trickle = self.trickle.saturating_sub(piece.len());
            self.write(piece, piece.len()).await?;
            tokio::task::yield_now().await;
            rest = more;
        }
        if !rest.is_empty() {
            self.write(rest, rest.len()).await?;
        }
        Ok(())
    }

    /// Writes bytes as part of a chunk of this length, after the head.
    async fn write(&mut self, bytes: &[u8], length: usize) -> io::Result<()> {
        let mut all = std::mem::take(&mut self.head);
        if std::mem::take(&mut self.slow) {
            let last = all.split_off(all.len() - 2);
            for piece in all.chunks(5) {
                self.client.write_all(piece).await?;
                sleep(Duration::from_millis(3)).await;
            }
            all = last;
        }
        if self.chunked {
            all.extend(format!("{length:x}\r\n").bytes());
        }
        all.extend(bytes);
        if self.chunked && bytes.len() == length {
            all.extend(b"\r\n");
        }
        self.client.write_all(&all).await
    }

    /// What waits, and then a part of this frame, never all of it.
    async fn part_of(&mut self, frame: &[u8], rng: &mut Rng) -> io::Result<()> {
        self.flush().await?;
        let frame = self.in_our_lines(frame);
        let part = match rng.u8(0..4) {
            0 => frame.len() - 1,
            1 => 1,
            _ => rng.usize(1..frame.len()),
        };
        self.write(&frame[..part], frame.len()).await
    }

    /// Ends the stream after what waits, as HTTP wants it or not.
    async fn end(&mut self, clean: bool) -> io::Result<()> {
        self.flush().await?;
        if self.chunked && clean && self.head.is_empty() {
            self.client.write_all(b"0\r\n\r\n").await?;
        }
        self.client.shutdown().await
    }

    async fn closed_by_client(&mut self) {
        let mut byte = [0];
        // The notifier says nothing after its request: what comes is the end, or an error.
        let _ = self.client.read(&mut byte).await;
    }
}

fn end(client: TcpStream, reset: bool) -> io::Result<()> {
    if reset {
        client.set_zero_linger()?;
    }
    drop(client);
    Ok(())
}

fn head_of_stream(rng: &mut Rng, chunked: bool) -> String {
    let types = [
        "text/event-stream",
        "text/event-stream; charset=utf-8",
        "Text/Event-Stream",
    ];
    let content_type = types[rng.usize(0..types.len())];
    let framing = if chunked {
        "Transfer-Encoding: chunked"
    } else {
        "Connection: close"
    };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nCache-Control: no-store\r\n{framing}\r\n\r\n"
    )
}

/// A whole answer that is no stream.
fn answer(kind: Kind, rng: &mut Rng) -> String {
    let page = "<!doctype html><title>Sorry</title>\n\ndata: no event\n\n";
    let (status, more, body) = match kind {
        Kind::WebPage => ("502 Bad Gateway", "Content-Type: text/html\r\n", page),
        Kind::Final => match rng.u8(0..4) {
            0 => ("204 No Content", "", ""),
            1 => ("401 Unauthorized", "", "who?"),
            2 => (
                "404 Not Found",
                "Content-Type: text/event-stream\r\n",
                "data: lost\n\n",
            ),
            _ => ("200 OK", "Content-Type: text/html\r\n", page),
        },
        Kind::NotHttp => return "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        _ => {
            let after = match rng.u8(0..6) {
                0 => "Retry-After: 1\r\n",
                1..3 => "Retry-After: 0\r\n",
                _ => "",
            };
            let all = [
                "500 Internal Server Error",
                "502 Bad Gateway",
                "503 Service Unavailable",
                "429 Too Many Requests",
            ];
            (all[rng.usize(0..all.len())], after, "data: busy\n\n")
        }
    };
    let length = if body.is_empty() {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    format!("HTTP/1.1 {status}\r\n{more}{length}Connection: close\r\n\r\n{body}")
}

/// Lines between two events that make no event. `id` is the one in force.
fn junk(id: &str, rng: &mut Rng) -> Vec<u8> {
    match rng.u8(0..12) {
        0 => b":\n".to_vec(),
        1 => b"\n\n\n".to_vec(),
        2 => b"event: ghost\n\n".to_vec(),
        3 => b"retry: soon\n\n".to_vec(),
        4 => b"id: 1\x002\n\n".to_vec(),
        5 => b" data: not a field\nDATA: nor this\ndatas: nor this\n\n".to_vec(),
        6 => b"\xC3\x28: \xF0\x9F\n\n".to_vec(),
        7 => format!("id: {id}\n\n").into_bytes(),
        8 => b"\xEF\xBB\xBFdata: a byte order mark in the middle\n\n".to_vec(),
        9 => b"retry\nevent\n\n".to_vec(),
        _ => {
            let bytes = (0..rng.usize(0..300)).map(|_| rng.u8(..));
            let mut comment = vec![b':'];
            comment.extend(bytes.filter(|byte| !b"\r\n".contains(byte)));
            comment.push(b'\n');
            comment
        }
    }
}

/// Up to and with the next blank line.
async fn read_frame(upstream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut frame = Vec::new();
    while !frame.ends_with(b"\n\n") {
        if upstream.read_until(b'\n', &mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame)
}

fn socket() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket
}

fn listen(address: SocketAddr) -> TcpListener {
    let socket = socket();
    socket.set_send_buffer_size(SEND_BUFFER).unwrap();
    socket.bind(address).unwrap();
    socket.listen(128).unwrap()
}
