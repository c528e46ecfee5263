//! The streams of the well-known tutorials, for `/sse` and `/test` in demo mode:
//! a counter and a clock, and a test that pauses.
//!
//! Their events are made for each connection and stored nowhere. They repeat the
//! last id of the real stream, so that a page that reconnects resumes the
//! publications it missed.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use sse::{EventId, EventName, Frame};
use tokio::time::Instant;

/// One connection's generator. It ticks once a second, at first when the
/// stream opens.
#[derive(Debug)]
pub(crate) struct Demo {
    kind: Kind,
    tick: u64,
    due: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sse,
    Test,
}

impl Demo {
    /// `/sse`. The clock says the time when the stream opens, with `retry: 6000`,
    /// and then every six seconds as `timeMessage`. The counter counts each
    /// second, and says each fifth number as `user-msg` too.
    pub(crate) fn sse() -> Self {
        Self::new(Kind::Sse)
    }

    /// `/test`. Each second a `test`, each sixth one a `pause` instead, with
    /// `retry: 10000`.
    pub(crate) fn test() -> Self {
        Self::new(Kind::Test)
    }

    fn new(kind: Kind) -> Self {
        Self {
            kind,
            tick: 0,
            due: Instant::now(),
        }
    }

    /// When the next frames are due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// The frames of this tick.
    pub(crate) fn frames(&mut self, id: &EventId, now: Timestamp) -> Bytes {
        let tick = self.tick;
        self.tick += 1;
        self.due += Duration::from_secs(1);
        let mut out = BytesMut::new();
        match self.kind {
            Kind::Sse => sse_tick(tick, id, now, &mut out),
            Kind::Test => test_tick(tick + 1, id, &mut out),
        }
        out.freeze()
    }
}

fn sse_tick(tick: u64, id: &EventId, now: Timestamp, out: &mut BytesMut) {
    if tick == 0 {
        let retry = Duration::from_secs(6);
        Frame::new().retry(retry).id(id).data(&date(now)).write(out);
        return;
    }
    let count = format!("这是第几条消息:{tick}");
    Frame::new().id(id).data(&count).write(out);
    if tick.is_multiple_of(5) {
        named("user-msg", Frame::new().id(id).data(&count), out);
    }
    if tick.is_multiple_of(6) {
        named("timeMessage", Frame::new().id(id).data(&date(now)), out);
    }
}

fn test_tick(tick: u64, id: &EventId, out: &mut BytesMut) {
    let name = if tick.is_multiple_of(6) {
        "pause"
    } else {
        "test"
    };
    let retry = Duration::from_secs(10);
    named(
        name,
        Frame::new().id(id).retry(retry).data(&tick.to_string()),
        out,
    );
    // The original ends each event with two blank lines.
    out.extend_from_slice(b"\n");
}

fn named(name: &str, frame: Frame<'_>, out: &mut BytesMut) {
    if let Ok(name) = EventName::parse(name) {
        frame.event(&name).write(out);
    }
}

/// The time as a script's `new Date()` shows it, in UTC.
fn date(now: Timestamp) -> String {
    now.strftime("%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(demo: fn() -> Demo, count: usize) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _inside = runtime.enter();
        let id = EventId::parse("e.1").unwrap();
        let mut demo = demo();
        let start = demo.due();
        let out = (0..count)
            .map(|_| demo.frames(&id, Timestamp::UNIX_EPOCH))
            .collect::<Vec<_>>();
        assert_eq!(demo.due() - start, Duration::from_secs(count as u64));
        String::from_utf8(out.concat()).unwrap()
    }

    #[test]
    fn counter_and_clock() {
        let date = "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)";
        let count = |n| format!("id: e.1\ndata: 这是第几条消息:{n}\n\n");
        let expected = [
            format!("id: e.1\nretry: 6000\ndata: {date}\n\n"),
            count(1),
            count(2),
            count(3),
            count(4),
            count(5),
            "id: e.1\nevent: user-msg\ndata: 这是第几条消息:5\n\n".to_owned(),
            count(6),
            format!("id: e.1\nevent: timeMessage\ndata: {date}\n\n"),
            count(7),
        ];
        assert_eq!(ticks(Demo::sse, 8), expected.concat());
    }

    #[test]
    fn pause() {
        let frame = |name, n| format!("id: e.1\nevent: {name}\nretry: 10000\ndata: {n}\n\n\n");
        let expected = [
            frame("test", 1),
            frame("test", 2),
            frame("test", 3),
            frame("test", 4),
            frame("test", 5),
            frame("pause", 6),
            frame("test", 7),
        ];
        assert_eq!(ticks(Demo::test, 7), expected.concat());
    }
}
