//! From the bytes of an answer to events, and nothing else: lines end with LF, and of an event's
//! data the last line counts. That is what the servers write that are compared here.

use memchr::{memchr, memmem};

/// An event or a head that is longer than this is taken for nonsense.
const LONGEST: usize = 4 << 20;

/// One event as it lies in the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    pub(crate) id: Option<&'a [u8]>,
    pub(crate) name: &'a [u8],
    pub(crate) data: Option<&'a [u8]>,
}

/// What an answer's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Bytes of the head itself.
    pub(crate) length: usize,
    pub(crate) body: Body,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Length(usize),
    Chunked,
    UntilClosed,
}

/// The bytes are not what a server of event streams sends.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Nonsense(pub(crate) &'static str);

/// Reads one stream, however it is cut.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    part: Part,
    status: Option<u16>,
    /// Bytes of the chunk that are still to come; its size while that is read.
    left: usize,
    /// A head or an event that has begun and not ended.
    begun: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    ChunkSize,
    ChunkExtension,
    Chunk,
    ChunkEnd,
    UntilClosed,
    Ended,
}

impl Head {
    /// `None`: it is not whole yet.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, Nonsense> {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut headers);
        let length = match response.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(Nonsense("the head is none")),
        };
        let mut body = Body::UntilClosed;
        for header in response.headers.iter() {
            if header.name.eq_ignore_ascii_case("transfer-encoding") {
                body = Body::Chunked;
            } else if header.name.eq_ignore_ascii_case("content-length") {
                let text = std::str::from_utf8(header.value).unwrap_or_default();
                let length = text.trim().parse();
                body = Body::Length(length.map_err(|_| Nonsense("the length is none"))?);
            }
        }
        Ok(Some(Self {
            status: response.code.unwrap_or_default(),
            length,
            body,
        }))
    }
}

impl Reader {
    /// The status, once the head is whole.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// Whether the body said that it is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.part == Part::Ended
    }

    /// Takes the next bytes of the connection and tells each event that they complete.
    pub(crate) fn read(
        &mut self,
        mut bytes: &[u8],
        mut tell: impl FnMut(Event<'_>),
    ) -> Result<(), Nonsense> {
        while let Some(first) = bytes.first() {
            match self.part {
                Part::Head => {
                    let before = self.begun.len();
                    self.begun.extend_from_slice(bytes);
                    let Some(head) = Head::parse(&self.begun)? else {
                        return self.check_length();
                    };
                    self.begun.clear();
                    self.status = Some(head.status);
                    self.part = match head.body {
                        Body::Chunked => Part::ChunkSize,
                        Body::UntilClosed => Part::UntilClosed,
                        Body::Length(_) => Part::Ended,
                    };
                    bytes = &bytes[head.length - before..];
                }
                Part::ChunkSize => {
                    match first {
                        b'\n' if self.left == 0 => self.part = Part::Ended,
                        b'\n' => self.part = Part::Chunk,
                        b'\r' => {}
                        b';' => self.part = Part::ChunkExtension,
                        digit => {
                            let value = char::from(*digit).to_digit(16);
                            let value = value.ok_or(Nonsense("a chunk has no size"))? as usize;
                            let more = self.left.checked_mul(16).map(|left| left + value);
                            self.left = more.ok_or(Nonsense("a chunk is endless"))?;
                        }
                    }
                    bytes = &bytes[1..];
                }
                Part::ChunkExtension => {
                    if *first == b'\n' {
                        // Read again as the end of the size.
                        self.part = Part::ChunkSize;
                    } else {
                        bytes = &bytes[1..];
                    }
                }
                Part::Chunk => {
                    let (chunk, rest) = bytes.split_at(self.left.min(bytes.len()));
                    self.left -= chunk.len();
                    self.events(chunk, &mut tell);
                    self.check_length()?;
                    if self.left == 0 {
                        self.part = Part::ChunkEnd;
                    }
                    bytes = rest;
                }
                Part::ChunkEnd => {
                    match first {
                        b'\r' => {}
                        b'\n' => self.part = Part::ChunkSize,
                        _ => return Err(Nonsense("a chunk is longer than it said")),
                    }
                    bytes = &bytes[1..];
                }
                Part::UntilClosed => {
                    self.events(bytes, &mut tell);
                    return self.check_length();
                }
                Part::Ended => return Ok(()),
            }
        }
        Ok(())
    }

    fn events(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(Event<'_>)) {
        if !self.begun.is_empty() {
            // The two line ends may have come apart.
            let end = if self.begun.ends_with(b"\n") && bytes.starts_with(b"\n") {
                Some(1)
            } else {
                memmem::find(bytes, b"\n\n").map(|at| at + 2)
            };
            let Some(end) = end else {
                self.begun.extend_from_slice(bytes);
                return;
            };
            self.begun.extend_from_slice(&bytes[..end]);
            whole_events(&self.begun, tell);
            self.begun.clear();
            bytes = &bytes[end..];
        }
        let rest = whole_events(bytes, tell);
        self.begun.extend_from_slice(rest);
    }

    fn check_length(&self) -> Result<(), Nonsense> {
        if self.begun.len() > LONGEST {
            return Err(Nonsense("an event has no end"));
        }
        Ok(())
    }
}

/// Tells each event that is whole; gives back what is not.
fn whole_events<'a>(bytes: &'a [u8], tell: &mut impl FnMut(Event<'a>)) -> &'a [u8] {
    let mut begin = 0;
    let mut at = 0;
    let mut event = Event::default();
    while let Some(length) = memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..at + length];
        at += length + 1;
        if line.is_empty() {
            tell(std::mem::take(&mut event));
            begin = at;
        } else if let Some(value) = field(line, b"data:") {
            event.data = Some(value);
        } else if let Some(value) = field(line, b"id:") {
            event.id = Some(value);
        } else if let Some(value) = field(line, b"event:") {
            event.name = value;
        }
    }
    &bytes[begin..]
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = line.strip_prefix(name)?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
