//! HTTP/1.1 by hand: a server writes exactly what its site says, and remembers what it was asked.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::task::AbortOnDropHandle;

/// What one kind of server does.
pub(crate) trait Site: Send + 'static {
    fn answer(&mut self, request: &Request) -> Answer;
}

/// The answer to one request.
pub(crate) enum Answer {
    /// A stream that stays open; each write is a chunk of its own.
    Stream {
        head: &'static str,
        first: Vec<String>,
    },
    /// All bytes of an answer, and what it makes the open streams say.
    Once {
        bytes: String,
        writes: Vec<(To, String)>,
    },
}

/// Which streams a write goes to.
pub(crate) enum To {
    All,
    /// The newest stream that was opened with this `uid`.
    Uid(String),
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) body: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// A server on a free port. Dropping it frees the port; open streams end.
pub(crate) struct Server<S> {
    address: SocketAddr,
    shared: Arc<Mutex<Shared<S>>>,
    _accept: AbortOnDropHandle<()>,
}

struct Shared<S> {
    site: S,
    requests: Vec<Request>,
    opened: usize,
    streams: Vec<Stream>,
}

struct Stream {
    uid: Option<String>,
    bytes: mpsc::UnboundedSender<Vec<u8>>,
}

impl<S: Site> Server<S> {
    pub(crate) async fn start(site: S) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), site).await
    }

    pub(crate) async fn start_at(address: SocketAddr, site: S) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Mutex::new(Shared {
            site,
            requests: Vec::new(),
            opened: 0,
            streams: Vec::new(),
        }));
        let accept = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((socket, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    // It ends with its connection, whoever closes it.
                    tokio::spawn(async move { converse(socket, &shared).await });
                }
            }
        });
        Self {
            address,
            shared,
            _accept: AbortOnDropHandle::new(accept),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Writes to every open stream.
    pub(crate) fn write(&self, text: &str) {
        self.lock().send(&To::All, text);
    }

    /// Ends every stream, in the middle of its body.
    pub(crate) fn cut(&self) {
        self.lock().streams.clear();
    }

    /// The process died and came back with nothing in memory.
    pub(crate) fn restart(&self, site: S) {
        let mut shared = self.lock();
        shared.streams.clear();
        shared.site = site;
    }

    /// Looks at the site or changes it, without a word to the streams.
    pub(crate) fn site<T>(&self, work: impl FnOnce(&mut S) -> T) -> T {
        work(&mut self.lock().site)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    /// How many streams were opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.lock().opened
    }

    pub(crate) fn last_request(&self) -> Request {
        self.lock().requests.last().unwrap().clone()
    }

    /// Asks the server itself, as another program would, and gives the whole answer.
    pub(crate) async fn post(&self, path: &str, body: &str) -> String {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}",
            self.address
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Subscribes over plain TCP; [`Transcript::end`] gives every byte that came.
    pub(crate) async fn listen(&self, target: &str, headers: &str) -> Transcript {
        let mut socket = TcpStream::connect(self.address).await.unwrap();
        let request = format!(
            "GET {target} HTTP/1.1\r\nHost: {}\r\nAccept: text/event-stream\r\n{headers}\r\n",
            self.address
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        // The first byte of the answer says that the stream is among the open ones.
        let first = socket.read_u8().await.unwrap();
        Transcript {
            socket,
            first: char::from(first),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared<S>> {
        self.shared.lock().unwrap()
    }
}

/// A stream read as bytes.
pub(crate) struct Transcript {
    socket: TcpStream,
    first: char,
}

impl Transcript {
    /// Everything up to the end of the connection, which the server has to make.
    pub(crate) async fn end(mut self) -> String {
        let mut text = String::from(self.first);
        self.socket.read_to_string(&mut text).await.unwrap();
        text
    }
}

impl<S: Site> Shared<S> {
    /// Who subscribes hears all that is said from here on: one lock around both.
    fn take(&mut self, request: Request) -> Taken {
        let answer = self.site.answer(&request);
        let uid = request.query("uid").map(str::to_owned);
        self.requests.push(request);
        match answer {
            Answer::Once { bytes, writes } => {
                for (to, text) in writes {
                    self.send(&to, &text);
                }
                Taken::Once(bytes)
            }
            Answer::Stream { head, first } => {
                let (bytes, receiver) = mpsc::unbounded_channel();
                let _ = bytes.send(head.as_bytes().to_vec());
                for text in first {
                    let _ = bytes.send(chunk(&text));
                }
                self.opened += 1;
                self.streams.push(Stream { uid, bytes });
                Taken::Stream(receiver)
            }
        }
    }

    fn send(&mut self, to: &To, text: &str) {
        self.streams.retain(|stream| !stream.bytes.is_closed());
        let streams: Vec<&Stream> = match to {
            To::All => self.streams.iter().collect(),
            To::Uid(uid) => {
                let mut newest = self.streams.iter().rev();
                let theirs = newest.find(|stream| stream.uid.as_ref() == Some(uid));
                theirs.into_iter().collect()
            }
        };
        for stream in streams {
            let _ = stream.bytes.send(chunk(text));
        }
    }
}

enum Taken {
    Once(String),
    Stream(mpsc::UnboundedReceiver<Vec<u8>>),
}

async fn converse<S: Site>(mut socket: TcpStream, shared: &Mutex<Shared<S>>) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let request = read_request(&mut socket).await?;
    let taken = shared.lock().unwrap().take(request);
    match taken {
        Taken::Once(bytes) => socket.write_all(bytes.as_bytes()).await,
        Taken::Stream(mut bytes) => {
            let (mut from, mut to) = socket.split();
            let mut nothing = [0; 64];
            loop {
                tokio::select! {
                    bytes = bytes.recv() => match bytes {
                        Some(bytes) => to.write_all(&bytes).await?,
                        None => return Ok(()),
                    },
                    read = from.read(&mut nothing) => if read? == 0 {
                        return Ok(());
                    },
                }
            }
        }
    }
}

async fn read_request(socket: &mut TcpStream) -> io::Result<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut start = lines.next().unwrap().split(' ').map(str::to_owned);
    let (method, target) = (start.next().unwrap(), start.next().unwrap());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut request = Request {
        method,
        target,
        body: String::new(),
        headers,
    };
    if let Some(length) = request.header("content-length") {
        let mut body = vec![0; length.parse().unwrap()];
        socket.read_exact(&mut body).await?;
        request.body = String::from_utf8(body).unwrap();
    }
    Ok(request)
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}
