//! The engine of a backplane, started for one measurement, and the least that
//! can be asked of it: calls on one plain connection, so many under way.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use memchr::memchr;

use crate::tally;

/// The program; Valkey brings one of this name.
const PROGRAM: &str = "redis-server";
/// What of the engine all nodes share begins with this, unless they are told otherwise.
const LOG: &str = "{feedbell}:log";
const FUNCTIONS: &str = include_str!("../../src/backplane/feedbell.lua");
/// How long an engine may take to listen, and to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An engine that runs, with files of its own. It ends with this.
pub(crate) struct Engine {
    child: Child,
    address: SocketAddr,
}

impl Engine {
    /// Starts one in this folder, as the documentation has it: each change is in a file before it
    /// is answered, and that is on disk within a second.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub(crate) fn start(
        folder: &Path,
        spawn: impl FnOnce(&mut Command) -> anyhow::Result<Child>,
    ) -> anyhow::Result<Self> {
        let folder = folder.join("engine");
        std::fs::create_dir(&folder)?;
        // It cannot say which port it got.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(PROGRAM);
        command
            .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "everysec"])
            .args(["--save", "", "--dir"])
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let engine = Self {
            child: spawn(&mut command)?,
            address,
        };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            ensure!(begun.elapsed() < PATIENCE, "{PROGRAM} does not listen");
            thread::yield_now();
        }
        Ok(engine)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the installed engine says of itself.
pub(crate) fn version() -> Option<String> {
    let output = Command::new(PROGRAM).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let words = text.split_whitespace().take(3).collect::<Vec<_>>();
    (output.status.success() && !words.is_empty()).then(|| words.join(" "))
}

/// How messages are handed to an engine without a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Into a stream of no use, as many commands as there are messages.
    Xadd,
    /// By the nodes' function, as many messages in a call as a publisher has in a request.
    Append,
    /// The same with as many messages in a call as are under way: as nodes do for all who wait.
    AppendTogether,
}

/// How many messages, of how many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work {
    pub(crate) messages: u32,
    pub(crate) size: usize,
    pub(crate) batch: u32,
    /// Requests under way, each of `batch` messages.
    pub(crate) in_flight: u32,
}

/// One connection.
pub(crate) struct Caller {
    stream: TcpStream,
    /// What came and is no whole answer yet.
    begun: Vec<u8>,
    buffer: Vec<u8>,
}

impl Caller {
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            begun: Vec::new(),
            buffer: vec![0; 256 * 1024],
        })
    }

    /// Asks one thing and waits for the answer, as it was written.
    pub(crate) fn ask(&mut self, words: &[&str]) -> anyhow::Result<String> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        let mut bytes = Vec::new();
        command(&words, &mut bytes);
        self.stream.write_all(&bytes)?;
        loop {
            if let Some(end) = answer_end(&self.begun)? {
                let answer = self.begun.drain(..end).collect::<Vec<_>>();
                let answer = String::from_utf8(answer)?;
                ensure!(!answer.starts_with('-'), "the engine says {answer}");
                return Ok(answer);
            }
            self.read()?;
        }
    }

    /// Loads the nodes' functions and speaks for the only node, so that they take something.
    pub(crate) fn open_hub(&mut self) -> anyhow::Result<()> {
        self.ask(&["FUNCTION", "LOAD", FUNCTIONS])?;
        let tick = ["FCALL", "feedbell_tick", "1", LOG, "00000000"];
        let known = [
            "",
            "0",
            "0",
            "0",
            "0",
            "10000000",
            "604800000",
            "1073741824",
            "0",
        ];
        let proposal = ["0123456789"];
        let said = self.ask(&[&tick[..], &known, &proposal].concat())?;
        ensure!(said.contains("$2\r\nok"), "the engine says {said}");
        Ok(())
    }

    /// Makes `calls` calls, each of these bytes, `most` of them under way; the times from each call
    /// to its answer.
    pub(crate) fn pipeline(
        &mut self,
        call: &[u8],
        calls: u32,
        most: u32,
    ) -> anyhow::Result<Histogram<u64>> {
        let mut times = tally::histogram();
        let mut asked = std::collections::VecDeque::new();
        let mut unsent = calls;
        let mut bytes = Vec::new();
        while unsent > 0 || !asked.is_empty() {
            let more = unsent.min(most - asked.len() as u32);
            if more > 0 {
                bytes.clear();
                (0..more).for_each(|_| bytes.extend_from_slice(call));
                let now = Instant::now();
                asked.extend((0..more).map(|_| now));
                self.stream.write_all(&bytes)?;
                unsent -= more;
            }
            self.read()?;
            let mut read = 0;
            while let Some(length) = answer_end(&self.begun[read..])? {
                if !is_good(&self.begun[read..read + length]) {
                    let said = String::from_utf8_lossy(&self.begun[read..read + length]);
                    bail!("the engine says {said}");
                }
                let asked = asked.pop_front().context("an answer without a question")?;
                times.saturating_record(asked.elapsed().as_nanos() as u64);
                read += length;
            }
            self.begun.drain(..read);
        }
        Ok(times)
    }

    /// Has messages stored; the times from each call to its answer.
    pub(crate) fn work(&mut self, way: Way, work: Work) -> anyhow::Result<Histogram<u64>> {
        let data = vec![b'x'; work.size];
        let mut call = Vec::new();
        if way == Way::Xadd {
            let words: [&[u8]; 5] = [b"XADD", b"{feedbell}:bare", b"*", b"d", &data];
            command(&words, &mut call);
            return self.pipeline(&call, work.messages, work.in_flight * work.batch);
        }
        let epoch = self.ask(&["HGET", "{feedbell}:hub", "epoch"])?;
        let epoch = epoch.lines().nth(1).context("there is no hub")?.to_owned();
        let (jobs, most) = match way {
            Way::AppendTogether => (work.in_flight, 1),
            _ => (1, work.in_flight),
        };
        let (jobs_text, batch) = (jobs.to_string(), work.batch.to_string());
        let mut words: Vec<&[u8]> = vec![b"FCALL", b"feedbell_append", b"1", LOG.as_bytes()];
        words.extend([epoch.as_bytes(), b"0", jobs_text.as_bytes()]);
        for _ in 0..jobs {
            words.push(batch.as_bytes());
            for _ in 0..work.batch {
                // For everyone, and nothing but data.
                words.extend([&b""[..]; 8]);
                words.extend([&b"*"[..], &data]);
            }
        }
        command(&words, &mut call);
        self.pipeline(&call, work.messages / (work.batch * jobs), most)
    }

    fn read(&mut self) -> anyhow::Result<()> {
        let read = self.stream.read(&mut self.buffer).context("the engine")?;
        ensure!(read > 0, "the engine ended the connection");
        self.begun.extend_from_slice(&self.buffer[..read]);
        Ok(())
    }
}

/// A command as the engine reads it.
pub(crate) fn command(words: &[&[u8]], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

/// Where the first answer in these bytes ends; `None`: it is not whole yet.
pub(crate) fn answer_end(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let (mut at, mut left) = (0, 1_u64);
    while left > 0 {
        let Some(line) = memchr(b'\n', &bytes[at..]).map(|end| &bytes[at..at + end]) else {
            return Ok(None);
        };
        at += line.len() + 1;
        left -= 1;
        let number = || {
            let digits = std::str::from_utf8(line.get(1..).unwrap_or_default())?;
            anyhow::Ok(digits.trim_end().parse::<i64>()?)
        };
        match line.first() {
            Some(b'+' | b'-' | b':') => {}
            Some(b'$') => {
                if let Ok(length) = usize::try_from(number()?) {
                    at += length + 2;
                }
            }
            Some(b'*') => left += u64::try_from(number()?).unwrap_or(0),
            _ => bail!("this is no answer: {}", String::from_utf8_lossy(line)),
        }
        if at > bytes.len() {
            return Ok(None);
        }
    }
    Ok(Some(at))
}

/// An entry's name, or what the nodes' function says that has stored all.
fn is_good(answer: &[u8]) -> bool {
    match answer.first() {
        Some(b'$') => true,
        Some(b'*') => memchr(b'$', answer).is_some_and(|at| answer[at..].starts_with(b"$2\r\nok")),
        _ => false,
    }
}
