//! A sleep that nobody announces, seen by the clocks: a suspend without logind, a paused virtual
//! machine.

use std::time::{Duration, Instant, SystemTime};

/// More than any load or time server takes.
const JUMP: Duration = Duration::from_secs(20);

/// One reading of both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    /// Stands still while a Linux or macOS machine sleeps.
    monotonic: Instant,
    /// Goes on, or is set right after it; may be set to anything by anybody.
    wall: SystemTime,
}

impl Clocks {
    pub(super) fn read() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// Whether a wait that was to take `asked` took much longer, by the clock that shows more.
    pub(super) fn slept_since(&self, before: &Self, asked: Duration) -> bool {
        let monotonic = self.monotonic.saturating_duration_since(before.monotonic);
        // A wall clock that was set back shows nothing.
        let wall = self.wall.duration_since(before.wall).unwrap_or_default();
        monotonic.max(wall) > asked + JUMP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(5);

    /// After so many seconds by each clock.
    fn slept(monotonic: u64, wall: i64) -> bool {
        let before = Clocks::read();
        let by = Duration::from_secs(wall.unsigned_abs());
        let after = Clocks {
            monotonic: before.monotonic + Duration::from_secs(monotonic),
            wall: match wall {
                0.. => before.wall + by,
                _ => before.wall - by,
            },
        };
        after.slept_since(&before, TICK)
    }

    #[test]
    fn a_suspend_shows_on_the_wall() {
        assert!(slept(5, 5 + 3600));
        assert!(slept(5, 26));
    }

    #[test]
    fn a_pause_of_the_whole_machine_shows_on_both() {
        assert!(slept(60, 60));
        assert!(slept(60, 5));
    }

    #[test]
    fn a_late_tick_and_a_small_step_are_none() {
        assert!(!slept(5, 5));
        assert!(!slept(12, 12));
        assert!(!slept(5, 25));
    }

    #[test]
    fn a_wall_clock_set_back_is_none() {
        assert!(!slept(5, -3600));
        assert!(!slept(5, 0));
    }

    #[test]
    fn a_wall_clock_set_back_hides_no_pause() {
        assert!(slept(60, -3600));
    }
}
