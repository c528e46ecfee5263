//! The feed itself: an honest SSE server that replays from `Last-Event-ID` and
//! then goes on.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use fastrand::Rng;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::ledger::Ledger;

/// After the last event a comment goes out this often: well within the notifier's watchdog.
const HEARTBEAT: Duration = Duration::from_millis(200);

/// A request's or answer's head, with its blank line.
pub(crate) async fn read_head(from: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

/// The `Last-Event-ID` of a request, empty without one.
pub(crate) fn last_event_id(head: &str) -> &str {
    let header = |line: &'_ str| {
        let (name, _) = line.split_once(':')?;
        name.eq_ignore_ascii_case("last-event-id")
            .then_some(name.len() + 1)
    };
    let found = head
        .lines()
        .find_map(|line| header(line).map(|at| line[at..].trim()));
    found.unwrap_or_default()
}

/// Serves the ledger for as long as the returned set lives.
pub(crate) async fn serve(ledger: Arc<Ledger>, seed: u64) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        let mut rng = Rng::with_seed(seed);
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (ledger, rng) = (Arc::clone(&ledger), rng.fork());
            connections.spawn(async move {
                // It ends when the proxy goes away.
                let _ = stream_from(&ledger, stream, rng).await;
            });
        }
    });
    (address, tasks)
}

async fn stream_from(ledger: &Ledger, stream: TcpStream, mut rng: Rng) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let head = read_head(&mut stream).await?;
    let start = ledger.resume(last_event_id(&head));
    let start = start.expect("the proxy asks for ids that were given");
    let stream = stream.get_mut();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let mut frames = String::from("retry: 50\n\n");
    let mut together = 0;
    for event in &ledger.events[start..] {
        frames += &event.frame(&mut rng);
        if together == 0 {
            stream.write_all(frames.as_bytes()).await?;
            frames.clear();
            together = rng.usize(1..40);
        }
        together -= 1;
    }
    stream.write_all(frames.as_bytes()).await?;
    loop {
        stream.write_all(b":\n\n").await?;
        tokio::time::sleep(HEARTBEAT).await;
    }
}
