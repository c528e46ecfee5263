//! A server of one feed: the test answers each request, byte by byte.

use std::{
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// Only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Site {
    address: SocketAddr,
    connections: Receiver<TcpStream>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, connections) = channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if accepted.send(stream).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// This feed in the settings; its watchdog sleeps for a day.
    pub(crate) fn feed(&self, name: &str, more: &str) -> String {
        let address = self.address;
        format!(
            "[[feed]]\nid = \"{name}\"\nname = \"{name}\"\nurl = \"http://{address}/feed\"\nwatchdog_seconds = 86400\n{more}\n"
        )
    }

    /// The next request.
    #[track_caller]
    pub(crate) fn accept(&self) -> Visit {
        self.accept_within(PATIENCE).expect("a request")
    }

    #[track_caller]
    pub(crate) fn nobody_waits(&self) {
        if let Some(visit) = self.accept_within(Duration::ZERO) {
            panic!("{}", visit.head);
        }
    }

    pub(crate) fn accept_within(&self, patience: Duration) -> Option<Visit> {
        let stream = self.connections.recv_timeout(patience).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = String::new();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
        }
        let head = head.to_lowercase();
        Some(Visit { stream, head })
    }
}

/// One request.
pub(crate) struct Visit {
    stream: TcpStream,
    head: String,
}

impl Visit {
    /// The place from which it resumes.
    pub(crate) fn last_event_id(&self) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix("last-event-id: "))
    }

    /// Begins an event stream.
    pub(crate) fn open(&mut self) {
        self.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    }

    pub(crate) fn event(&mut self, id: u32, text: &str) {
        let data = format!(r#"{{"title":"{text}"}}"#);
        self.send(&format!("id: {id}\nevent: note\ndata: {data}\n\n"));
    }

    pub(crate) fn send(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).unwrap();
    }

    /// A whole answer without a body.
    pub(crate) fn answer(mut self, status_and_headers: &str) {
        self.send(&format!(
            "HTTP/1.1 {status_and_headers}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ));
    }

    /// Waits until the client has closed.
    pub(crate) fn until_closed(mut self) {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(read) => assert_eq!(read, 0),
            Err(why) => assert_eq!(why.kind(), ErrorKind::ConnectionReset, "{why}"),
        }
    }
}
