//! What the parser makes of our blocks is what the standard makes of the bytes.

use std::{
    iter,
    sync::{Arc, Mutex},
};

use eventsource_client::{Client, ClientBuilder, Error, ReconnectOptions, SSE};
use futures::{StreamExt, executor::block_on, stream};
use launchdarkly_sdk_transport::{HttpTransport, ResponseFuture};
use proptest::prelude::*;

use super::*;

/// What a consumer sees of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Name, data, last event id, and whether the id came with the event.
    events: Vec<(String, String, String, bool)>,
    /// The last event id string at the end.
    last_event_id: String,
    retries: Vec<u64>,
}

/// The standard's algorithm, written for a whole stream at once, which follows
/// a connection that left the id `earlier`.
fn reference(earlier: &str, bytes: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let decoded = String::from_utf8_lossy(bytes);
    let text = decoded.strip_prefix('\u{FEFF}').unwrap_or(&decoded);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop(); // not terminated
    let (mut data, mut name, mut id, mut own) =
        (String::new(), String::new(), earlier.to_owned(), false);
    seen.last_event_id.clone_from(&id);
    for line in lines {
        if line.is_empty() {
            seen.last_event_id.clone_from(&id);
            if !data.is_empty() {
                data.pop();
                let name = if name.is_empty() { "message" } else { &name };
                seen.events
                    .push((name.to_owned(), data.clone(), id.clone(), own));
            }
            (data, name, own) = (String::new(), String::new(), false);
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut name),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => {
                value.clone_into(&mut id);
                own = true;
            }
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                seen.retries.push(value.parse().unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }
    seen
}

#[derive(Clone)]
struct Blocks(Arc<Mutex<Vec<Bytes>>>);

impl HttpTransport for Blocks {
    fn request(&self, _: http::Request<Option<Bytes>>) -> ResponseFuture {
        let blocks = std::mem::take(&mut *self.0.lock().unwrap());
        let body = Box::pin(stream::iter(blocks.into_iter().map(Ok)));
        Box::pin(std::future::ready(Ok(http::Response::new(body as _))))
    }
}

/// The chunks through [`Canonical`], and its blocks through eventsource-client.
fn ours(earlier: &str, chunks: &[&[u8]]) -> Seen {
    let mut seen = Seen {
        last_event_id: earlier.to_owned(),
        ..Seen::default()
    };
    let mut canonical = Canonical::new(Limits::default(), earlier.to_owned());
    let (mut blocks, mut owns) = (Vec::new(), Vec::new());
    for chunk in chunks {
        let mut chunk = Bytes::copy_from_slice(chunk);
        while let Some(piece) = canonical.next(&mut chunk).unwrap() {
            match piece {
                Piece::Event { block, own_id } => {
                    seen.last_event_id.clone_from(&canonical.id);
                    let ends = block.windows(2).filter(|two| two == b"\n\n").count();
                    owns.extend(iter::repeat_n(own_id, ends));
                    blocks.push(block);
                }
                Piece::Id(id) => seen.last_event_id = id,
                Piece::Retry(milliseconds) => seen.retries.push(milliseconds),
                Piece::Comment => {}
                Piece::Oversize { .. } | Piece::LongId => panic!("nothing is too long here"),
            }
        }
        assert!(chunk.is_empty());
    }

    let client = ClientBuilder::for_url("http://localhost/")
        .unwrap()
        .reconnect(ReconnectOptions::reconnect(false).build())
        .build_with_transport(Blocks(Arc::new(Mutex::new(blocks))));
    let mut stream = client.stream();
    loop {
        match block_on(stream.next()).unwrap() {
            Ok(SSE::Connected(_)) => {}
            Ok(SSE::Event(event)) => {
                let own = owns[seen.events.len()];
                let id = event.id.unwrap_or_default();
                seen.events.push((event.event_type, event.data, id, own));
            }
            Ok(SSE::Comment(comment)) => panic!("a comment: {comment}"),
            Err(Error::Eof) => break,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(seen.events.len(), owns.len(), "one event for each block");
    seen
}

/// Bytes made of the pieces that matter to the standard.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let tokens: [&[u8]; 31] = [
        b"data: x\n\n",
        b"id: 7\ndata:y\n\n",
        b"event:z\ndata: \xE5\xA5\xBD\nid:8\n\n",
        b"data",
        b"data:",
        b"data: ",
        b"id",
        b"id:",
        b"id: ",
        b"event",
        b"event:",
        b"retry:",
        b"retry: 12",
        b":",
        b" ",
        b"\n",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"\r\r",
        b"\0",
        b"x",
        b"7",
        b"+5",
        b"comment:",
        b"\xEF\xBB\xBF",
        b"\xFF",
        b"\xE4\xBD",
        "好".as_bytes(),
        "🔔".as_bytes(),
    ];
    proptest::collection::vec(0..tokens.len(), 0..60)
        .prop_map(move |picks| picks.iter().flat_map(|&i| tokens[i]).copied().collect())
}

proptest! {
    #[test]
    fn any_split_of_any_bytes_gives_the_standards_events(
        bytes in any_stream(),
        earlier in "|[a-z]{2}",
        sizes in prop_oneof![
            proptest::collection::vec(0usize..9, 1..20),
            proptest::collection::vec(0usize..200, 1..20),
        ],
    ) {
        let mut chunks = Vec::new();
        let mut rest = &bytes[..];
        for &size in sizes.iter().cycle().take(10_000) {
            let (chunk, after) = rest.split_at(size.min(rest.len()));
            chunks.push(chunk);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        chunks.push(rest);
        prop_assert_eq!(ours(&earlier, &chunks), reference(&earlier, &bytes));
    }
}

proptest! {
    #[test]
    fn what_our_hub_writes_comes_back_identical(
        frames in proptest::collection::vec(("[a-z][a-z ]{0,8}", "[!-~]{1,12}", "[^\\r]{0,40}"), 1..6),
        size in 1usize..400,
    ) {
        let mut written = BytesMut::new();
        let mut expected = Vec::new();
        for (name, id, data) in &frames {
            let (Ok(event), Ok(event_id)) = (sse::EventName::parse(name), sse::EventId::parse(id))
            else {
                continue;
            };
            sse::Frame::new().id(&event_id).event(&event).data(data).write(&mut written);
            sse::comment("beat", &mut written);
            expected.push((name.clone(), data.clone(), id.clone(), true));
        }
        let chunks: Vec<&[u8]> = written.chunks(size).collect();
        prop_assert_eq!(ours("", &chunks).events, expected);
    }
}

#[test]
fn bytewise_is_the_same_as_whole() {
    let bytes =
        b"\xEF\xBB\xBFid: 1\r\ndata: \xE5\xA5\xBD\xA0\r\rretry: 5\n\nevent: x\ndata\ndata: y\n\n";
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(ours("", &single), reference("", bytes));
    assert_eq!(ours("", &[&bytes[..]]).events.len(), 2);
}

#[test]
fn a_byte_order_mark_is_one_only_at_the_very_start() {
    let bytes = b"data: x\n\n\xEF\xBB\xBFdata: y\n\n";
    assert_eq!(ours("", &[&bytes[..]]), reference("", bytes));
    assert_eq!(ours("", &[&bytes[9..]]).events.len(), 1);
}

#[test]
fn what_needs_no_mending_is_neither_copied_nor_cut() {
    let mut canonical = Canonical::new(Limits::default(), String::new());
    let whole = Bytes::from_static(b"id:2\ndata:x\n\ndata: y\nid: 3\n\ndata\n\ndata: z\n\n");
    let mut chunk = whole.clone();
    let mut pieces = Vec::new();
    while let Some(piece) = canonical.next(&mut chunk).unwrap() {
        let Piece::Event { block, own_id } = piece else {
            panic!("{piece:?}")
        };
        let here = whole.as_ptr_range().contains(&block.as_ptr());
        pieces.push((block, own_id, here));
    }
    let expected: [(&[u8], bool, bool); 3] = [
        (b"id:2\ndata:x\n\ndata: y\nid: 3\n\n", true, true),
        (b"data: \n\n", false, false),
        (b"data: z\n\n", false, true),
    ];
    let expected = expected.map(|(block, own, here)| (Bytes::from_static(block), own, here));
    assert_eq!(pieces, expected);
}

const SMALL: Limits = Limits {
    line: 100,
    event: 50,
    id: 10,
    endless_line: 1000,
    answer: 0,
    redirects: 0,
};

/// What a stream under small limits amounts to, one word a piece, and that no more is held than
/// they allow.
fn limited(bytes: &[u8], size: usize) -> Result<Vec<String>, Trouble> {
    let mut canonical = Canonical::new(SMALL, String::new());
    let mut pieces = Vec::new();
    for chunk in bytes.chunks(size) {
        let mut chunk = Bytes::copy_from_slice(chunk);
        while let Some(piece) = canonical.next(&mut chunk)? {
            pieces.push(match piece {
                Piece::Event { block, .. } => {
                    let block = String::from_utf8(block.to_vec()).unwrap();
                    let data = block.lines().find_map(|line| line.strip_prefix("data:"));
                    format!("{} {}", data.unwrap().trim_start(), canonical.id)
                }
                Piece::Oversize { what, id } => format!("{what:?} {}", id.unwrap_or_default()),
                Piece::Comment => "comment".to_owned(),
                Piece::LongId => "long id".to_owned(),
                other => panic!("{other:?}"),
            });
        }
        assert!(canonical.held.capacity() <= 2 * (SMALL.line + SMALL.event));
    }
    Ok(pieces)
}

#[test]
fn an_event_over_the_limits_is_left_out_and_the_next_one_comes() {
    let after = "data: b\n\n";
    let long = "x".repeat(200);
    for size in [1, 7, 10_000] {
        for (event, expected) in [
            (format!("data: {long}\nid: 7\n\n"), ["Line 7", "b 7"]),
            (format!("id: 7\r\ndata: {long}\r\n\r\n"), ["Line 7", "b 7"]),
            (format!("event: {long}\ndata: a\n\n"), ["Line ", "b "]),
            ("data: 1234\n".repeat(99) + "\n", ["Event ", "b "]),
            ("data\n".repeat(99) + "id: 7\n\n", ["Event 7", "b 7"]),
            // What a block counts for does not depend on how it came.
            ("data:1\n".repeat(8) + "\n", ["Event ", "b "]),
            ("data:1\n".repeat(7) + "\n", ["1 ", "b "]),
        ] {
            let pieces = limited(format!("{event}{after}").as_bytes(), size);
            assert_eq!(pieces.unwrap(), expected, "{event} by {size}");
        }
        // What makes no event costs none.
        let harmless = format!(":{long}\n{long}\nx: {long}\n{after}");
        assert_eq!(
            limited(harmless.as_bytes(), size).unwrap(),
            ["comment", "b "]
        );
        let ids = format!("id: 12345678901\ndata: a\n\nid: {long}\n{after}");
        let expected = ["long id", "a ", "long id", "b "];
        assert_eq!(limited(ids.as_bytes(), size).unwrap(), expected);
    }
}

#[test]
fn a_line_without_end_ends_the_stream() {
    let limit = SMALL.endless_line;
    for size in [1, 7, 10_000] {
        assert_eq!(
            limited(&[b':'; 1001], size),
            Err(Trouble::EndlessLine { limit })
        );
    }
}
