//! Streams to read, prepared, and the server that sends them.

use std::{
    fmt::Write as _,
    io::{self, BufRead, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

use url::Url;

/// Events of one turn of a small stream; the server repeats it for ever.
const TURN: usize = 1000;

/// One stream, and how it is cut.
pub(crate) struct Load {
    pub(crate) name: &'static str,
    /// Events that count in one run, after as many as a tenth of them.
    pub(crate) events: usize,
    stream: Stream,
    /// Bytes of one HTTP chunk; `None`: an event.
    chunk: Option<usize>,
    /// HTTP chunks that are written, and so arrive, together.
    together: usize,
}

#[derive(Clone, Copy)]
enum Stream {
    Small,
    Large,
}

pub(crate) const LOADS: [Load; 6] = [
    Load {
        name: "small events, each by itself",
        events: 200_000,
        stream: Stream::Small,
        chunk: None,
        together: 1,
    },
    Load {
        name: "small events, in chunks of 4 KiB",
        events: 400_000,
        stream: Stream::Small,
        chunk: Some(4 << 10),
        together: 1,
    },
    Load {
        name: "small events, in chunks of 64 KiB",
        events: 400_000,
        stream: Stream::Small,
        chunk: Some(64 << 10),
        together: 1,
    },
    Load {
        name: "events of 64 KiB",
        events: 4_000,
        stream: Stream::Large,
        chunk: None,
        together: 1,
    },
    Load {
        name: "small events, each byte by itself",
        events: 2_000,
        stream: Stream::Small,
        chunk: Some(1),
        together: 1,
    },
    Load {
        name: "small events, each byte a chunk, 1,000 chunks together",
        events: 10_000,
        stream: Stream::Small,
        chunk: Some(1),
        together: 1000,
    },
];

impl Load {
    /// Starts a server that answers each connection with this stream, until the
    /// client hangs up.
    pub(crate) fn serve(&self) -> Url {
        let writes = self.writes();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/feed", listener.local_addr().unwrap());
        thread::spawn(move || {
            for socket in listener.incoming() {
                // It ends when the client has had enough.
                let _ = answer(socket.unwrap(), &writes);
            }
        });
        Url::parse(&url).unwrap()
    }

    fn writes(&self) -> Vec<Vec<u8>> {
        let events: Vec<String> = match self.stream {
            Stream::Small => (0..TURN).map(small).collect(),
            Stream::Large => (0..4).map(large).collect(),
        };
        let whole = events.concat();
        let chunks: Vec<&[u8]> = match self.chunk {
            Some(size) => whole.as_bytes().chunks(size).collect(),
            None => events.iter().map(String::as_bytes).collect(),
        };
        let written = |chunks: &[&[u8]]| {
            let mut bytes = Vec::new();
            for chunk in chunks {
                write!(bytes, "{:x}\r\n", chunk.len()).unwrap();
                bytes.extend_from_slice(chunk);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes
        };
        chunks.chunks(self.together).map(written).collect()
    }

    /// Bytes of data of each event of one turn, which is all a client must find.
    pub(crate) fn data_bytes(&self, events: usize) -> usize {
        let length =
            |block: String| block.len() - block.find("data: ").unwrap() - "data: \n\n".len();
        let turn: Vec<usize> = match self.stream {
            Stream::Small => (0..TURN).map(small).map(length).collect(),
            Stream::Large => (0..4).map(large).map(length).collect(),
        };
        turn.iter().cycle().take(events).sum()
    }
}

/// About 150 bytes.
fn small(n: usize) -> String {
    let data = format!(
        r#"{{"actor":{{"name":"阿达"}},"post":{{"title":"Shipping day","url":"https://blog.example/p/{n:04}"}}}}"#
    );
    format!("id: 1763700000-{n:06}\nevent: like\ndata: {data}\n\n")
}

/// 64 KiB of data on one line, as JSON is.
fn large(n: usize) -> String {
    let mut data = String::from(r#"{"lines":["#);
    let mut line = 0;
    while data.len() < (64 << 10) - 80 {
        write!(
            data,
            r#""{n} {line:05}: the build went on, and nothing was wrong","#
        )
        .unwrap();
        line += 1;
    }
    data.push_str(r#""done"]}"#);
    format!("id: 1763700000-{n:06}\nevent: build\ndata: {data}\n\n")
}

fn answer(mut socket: TcpStream, writes: &[Vec<u8>]) -> io::Result<()> {
    socket.set_nodelay(true)?;
    for line in BufReader::new(&socket).lines() {
        if line?.is_empty() {
            break;
        }
    }
    socket.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    loop {
        for bytes in writes {
            socket.write_all(bytes)?;
        }
    }
}
