//! Whether a server may still be sending again what the inbox has, and whether what it sends
//! counts as missed.

use std::time::Duration;

use tokio::time::Instant;

/// A replay is over once its server paused for this long …
const QUIET: Duration = Duration::from_millis(750);
/// … or, while it sends what it kept from before the first connection, this long …
const HISTORY_QUIET: Duration = Duration::from_secs(2);
/// … or brought so many events in a row that the inbox did not have, for so long.
const FRESH: u32 = 1000;
const LONG: Duration = Duration::from_secs(60);
/// A server may take this long to begin.
const BEGINS: Duration = Duration::from_secs(10);

/// The replay at the beginning of a connection.
///
/// What is absorbed depends on what the server did alone: how long it paused between two events,
/// as the one who waits for them measured it. However long a commit took, it is not the server's
/// pause. What joins a summary depends on the clock: a person waits for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replay {
    begun: bool,
    fresh: u32,
    quiet: Duration,
    last_event: Instant,
    last_absorbed: Instant,
}

impl Replay {
    /// A connection began now. `history`: with what was there before the first one.
    pub(super) fn new(now: Instant, history: bool) -> Self {
        Self {
            begun: false,
            fresh: 0,
            quiet: if history { HISTORY_QUIET } else { QUIET },
            last_event: now,
            last_absorbed: now,
        }
    }

    /// An event came after this pause. False: the replay was over before it.
    pub(super) fn goes_on(&mut self, pause: Duration, now: Instant) -> bool {
        let patience = if self.begun { self.quiet } else { BEGINS };
        let endless = self.fresh >= FRESH && now >= self.last_absorbed + LONG;
        if pause >= patience || endless {
            return false;
        }
        self.begun = true;
        self.fresh += 1;
        self.quiet = QUIET;
        self.last_event = now;
        true
    }

    /// The inbox had an event already: the server is still sending again.
    pub(super) fn absorbed(&mut self, now: Instant) {
        self.fresh = 0;
        self.last_absorbed = now;
    }

    /// Until when events count as missed, unless more come.
    pub(super) fn missed_until(&self) -> Instant {
        (self.last_event + self.quiet).min(self.last_absorbed + LONG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    #[test]
    fn a_server_may_take_its_time_to_begin_but_not_in_between() {
        let now = Instant::now();
        let mut replay = Replay::new(now, false);
        assert!(replay.goes_on(Duration::from_secs(9), now));
        assert!(replay.goes_on(SOON, now));
        assert!(!replay.goes_on(QUIET, now));
        assert!(!Replay::new(now, false).goes_on(BEGINS, now));
    }

    #[test]
    fn a_stream_without_pauses_is_live_in_the_end() {
        let now = Instant::now();
        let mut replay = Replay::new(now, false);
        for _ in 0..2 * FRESH {
            assert!(replay.goes_on(SOON, now), "a long backlog is one");
        }
        assert!(!replay.goes_on(SOON, now + LONG));
        replay.absorbed(now + LONG);
        assert!(replay.goes_on(SOON, now + LONG));
    }

    #[test]
    fn history_may_come_with_a_pause_before_its_first_event() {
        let now = Instant::now();
        let mut replay = Replay::new(now, true);
        assert_eq!(replay.missed_until(), now + HISTORY_QUIET);
        assert!(replay.goes_on(SOON, now));
        assert_eq!(replay.missed_until(), now + QUIET);
    }
}
