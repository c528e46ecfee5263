//! The fuzz target's corpus through the whole client, over real sockets, against
//! the standard. `scripts/fuzz` finds such inputs; this needs no fuzzer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test file")]

use std::{fs, path::Path, thread, time::Duration};

use feed::{FeedConfig, FeedUpdate, State, Trouble};
use tokio::time::advance;

use crate::{
    reference::{Bounds, Event, Input, Seen, interpret, within},
    support::{Server, Subscriber, milliseconds, still},
};

#[path = "../../../../fuzz/reference.rs"]
#[allow(unreachable_pub, reason = "shared with the fuzz target")]
mod reference;
#[path = "../wire/support.rs"]
#[allow(dead_code, clippy::print_stderr, reason = "shared with other tests")]
mod support;

const INPUTS: [&str; 2] = [
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/stream"),
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/stream"),
];

/// The largest `retry:` that is obeyed.
const LONGEST: u64 = 24 * 60 * 60 * 1000;

#[test]
fn the_whole_corpus_gives_the_standards_events() {
    let mut paths: Vec<_> = INPUTS
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 200, "only {} inputs", paths.len());
    let share = paths.len().div_ceil(4);
    let events: usize = thread::scope(|scope| {
        let threads: Vec<_> = paths
            .chunks(share)
            .map(|paths| scope.spawn(|| paths.iter().map(|path| replayed(path)).sum::<usize>()))
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert!(events >= 100, "only {events} events");
}

fn replayed(path: &Path) -> usize {
    let input = fs::read(path).unwrap();
    still(replay(path, &Input::read(&input)))
}

/// One connection with the input's body, and the request after it. Gives the
/// number of events.
async fn replay(path: &Path, input: &Input<'_>) -> usize {
    let server = Server::start().await;
    let mut config = server.config();
    if let Some(Bounds { line, event, id }) = input.bounds {
        config.limits.line = line;
        config.limits.event = event;
        config.limits.id = id;
    }
    config.last_event_id = Some(input.last_event_id.to_owned());
    let bounds = bounds(&config);
    let (body, left_out) = within(input.body, bounds);
    let expected = interpret(&body, input.last_event_id);

    let mut subscriber = Subscriber::open(config);
    let mut peer = server.stream().await;
    let serving = async {
        let mut bytes = Vec::new();
        for chunk in input.chunks() {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        peer.raw(bytes).await;
    };
    let listening = async {
        subscriber.live().await;
        seen(&mut subscriber, input.last_event_id).await
    };
    let ((), (seen, skipped, delay)) = tokio::join!(serving, listening);

    // What asks for a time is seen in the wait alone.
    let retries = expected.retries.clone();
    let expected = Seen {
        retries: Vec::new(),
        ..expected
    };
    assert_eq!(seen, expected, "{}", path.display());
    assert_eq!(skipped, left_out > 0, "{}", path.display());
    let minute = milliseconds(60_000);
    let asked = retries
        .last()
        .map(|&asked| milliseconds(asked.min(LONGEST)));
    let asked = asked.unwrap_or_default();
    assert!(
        asked <= delay && delay <= 2 * asked.max(minute),
        "{}: {delay:?} for retry {asked:?}",
        path.display()
    );

    advance(delay + milliseconds(1)).await;
    let peer = server.accept().await;
    assert_eq!(
        peer.header("last-event-id").map(str::to_owned),
        sent_back(&expected.last_event_id),
        "{}",
        path.display()
    );
    expected.events.len()
}

fn bounds(config: &FeedConfig) -> Bounds {
    Bounds {
        line: config.limits.line,
        event: config.limits.event,
        id: config.limits.id,
    }
}

/// Everything up to the wait for the next connection, whether events were left
/// out, and that wait.
async fn seen(subscriber: &mut Subscriber, last_event_id: &str) -> (Seen, bool, Duration) {
    let mut skipped = false;
    let mut seen = Seen {
        last_event_id: last_event_id.to_owned(),
        ..Seen::default()
    };
    loop {
        match subscriber.next().await {
            FeedUpdate::Event(event) => {
                seen.last_event_id.clone_from(&event.last_event_id);
                seen.events.push(Event {
                    name: event.name,
                    data: event.data,
                    last_event_id: event.last_event_id,
                    own_id: event.has_own_id,
                });
            }
            FeedUpdate::LastEventId(id) => seen.last_event_id = id,
            FeedUpdate::Skipped { last_event_id, .. } => {
                skipped = true;
                seen.last_event_id = last_event_id;
            }
            FeedUpdate::State(State::Waiting { delay, why }) => {
                assert_eq!(why, Trouble::Ended);
                return (seen, skipped, delay);
            }
            FeedUpdate::State(other) => panic!("not waiting but {other:?}"),
        }
    }
}

/// The header of the next request, its bytes as characters, as `header` gives it.
fn sent_back(id: &str) -> Option<String> {
    let fits = id.bytes().all(|b| b == b'\t' || (b >= b' ' && b != 0x7F));
    let text: String = id.bytes().map(char::from).collect();
    (!id.is_empty() && fits).then(|| text.trim().to_owned())
}
