//! From bytes to events: our lines and blocks, then eventsource-client, against
//! the standard.
#![no_main]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use eventsource_client::{Client, ClientBuilder, Error, ReconnectOptions, SSE};
use feed::{
    Limits,
    fuzzing::{Canonical, Piece},
};
use futures::{StreamExt, executor::block_on, stream};
use launchdarkly_sdk_transport::{HttpTransport, ResponseFuture};
use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;

use crate::reference::{Bounds, Event, Input, Seen, TIGHT};

#[path = "../reference.rs"]
mod reference;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fuzz_target!(|input: &[u8]| {
    let input = Input::read(input);
    let limits = match input.bounds {
        Some(Bounds { line, event, id }) => Limits {
            line,
            event,
            id,
            ..Limits::default()
        },
        None => Limits::default(),
    };
    let bounds = Bounds {
        line: limits.line,
        event: limits.event,
        id: limits.id,
    };
    let (body, left_out) = reference::within(input.body, bounds);
    let expected = reference::interpret(&body, input.last_event_id);
    assert_eq!(ours(&input, limits), (expected, left_out));
    if input.bounds.is_some() {
        holds_no_more_than_allowed(&input, limits);
    }
});

/// The chunks through our lines and blocks, and the blocks through
/// eventsource-client.
fn ours(input: &Input<'_>, limits: Limits) -> (Seen, usize) {
    let mut seen = Seen {
        last_event_id: input.last_event_id.to_owned(),
        ..Seen::default()
    };
    let (mut blocks, mut own_ids, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let mut left_out = 0;
    pieces(input, &input.chunks(), limits, |piece| match piece {
        Piece::Event { block, own_id } => {
            let ends = block.split(|&b| b == b'\n').filter(|line| line.is_empty());
            let events = own_ids.len() + ends.count() - 1;
            own_ids.resize(events, own_id);
            blocks.push(block);
        }
        Piece::Id(id) => ids.push((own_ids.len(), id)),
        Piece::Retry(milliseconds) => seen.retries.push(milliseconds),
        Piece::Oversize { id } => {
            left_out += 1;
            ids.extend(id.map(|id| (own_ids.len(), id)));
        }
        Piece::Comment | Piece::LongId => {}
    });
    let mut own_ids = own_ids.into_iter();
    seen.events = parsed(blocks)
        .into_iter()
        .map(|event| Event {
            name: event.event_type,
            data: event.data,
            last_event_id: event.id.unwrap_or_default(),
            own_id: own_ids.next().expect("one event for each block's end"),
        })
        .collect();
    assert_eq!(own_ids.next(), None, "one event for each block's end");
    if let Some(event) = seen.events.last() {
        seen.last_event_id.clone_from(&event.last_event_id);
    }
    match ids.pop() {
        // Newer than the last event.
        Some((events, id)) if events == seen.events.len() => seen.last_event_id = id,
        _ => {}
    }
    (seen, left_out)
}

fn pieces(
    input: &Input<'_>,
    chunks: &[&[u8]],
    limits: Limits,
    mut each: impl FnMut(Piece),
) {
    let mut canonical = Canonical::new(limits, input.last_event_id);
    for chunk in chunks {
        let mut chunk = Bytes::copy_from_slice(chunk);
        while let Some(piece) = canonical
            .next(&mut chunk)
            .expect("no line is that long")
        {
            each(piece);
        }
        assert!(chunk.is_empty(), "the whole chunk is used up");
    }
}

/// Answers with these blocks.
#[derive(Clone)]
struct Transport(Arc<Mutex<Vec<Bytes>>>);

impl HttpTransport for Transport {
    fn request(&self, _: http::Request<Option<Bytes>>) -> ResponseFuture {
        let blocks = std::mem::take(&mut *self.0.lock().unwrap());
        let body = Box::pin(stream::iter(blocks.into_iter().map(Ok)));
        Box::pin(std::future::ready(Ok(http::Response::new(body as _))))
    }
}

fn parsed(blocks: Vec<Bytes>) -> Vec<eventsource_client::Event> {
    let client = ClientBuilder::for_url("http://localhost/")
        .expect("a URL")
        .reconnect(ReconnectOptions::reconnect(false).build())
        .build_with_transport(Transport(Arc::new(Mutex::new(blocks))));
    let mut stream = client.stream();
    let mut events = Vec::new();
    loop {
        match block_on(stream.next()).expect("it says how it ends") {
            Ok(SSE::Connected(_)) => {}
            Ok(SSE::Event(event)) => events.push(event),
            Ok(SSE::Comment(comment)) => panic!("a comment: {comment}"),
            Err(Error::Eof) => return events,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Nothing but the current line and event is held, with what growing buffers
/// and replacement characters (three bytes for one) cost at most.
fn holds_no_more_than_allowed(input: &Input<'_>, limits: Limits) {
    let chunks = input.chunks();
    let largest = chunks.iter().map(|chunk| chunk.len()).max().unwrap_or(0);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    pieces(input, &chunks, limits, drop);
    let held = MEMORY.peak_usage().saturating_sub(before + largest);
    let allowed = 8 * (TIGHT.line + TIGHT.event + TIGHT.id);
    assert!(held <= allowed, "{held} bytes were held, {allowed} allowed");
}
