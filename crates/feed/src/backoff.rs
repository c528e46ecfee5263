//! How long to wait before the next connection.

use std::time::{Duration, Instant};

/// Never less between two connections, whatever a server asks for.
const FLOOR: Duration = Duration::from_millis(50);
/// Growth ends here.
const CAP: Duration = Duration::from_secs(60);
/// The first wait when the server named none and the connection failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The wait when the server named none and the connection had worked: what
/// browsers wait, and what servers that close after each event count on.
const AFTER_SUCCESS: Duration = Duration::from_secs(3);
/// An immediate retry is for a hiccup: not twice within this time.
const BETWEEN_IMMEDIATE: Duration = Duration::from_secs(10);
/// No server can send us away for longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What is remembered from one connection to the next.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    retry: Option<Duration>,
    failures: u32,
    last_immediate: Option<Instant>,
}

/// What the connection that just ended means for the next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ended {
    /// It delivered, or held for a while.
    pub(crate) good: bool,
    /// The cause was on our side: our watchdog, no network, a wake-up.
    pub(crate) local: bool,
    /// What the server's `Retry-After` asked for.
    pub(crate) retry_after: Option<Duration>,
}

impl Backoff {
    /// The server's `retry:` in milliseconds: from now on the minimum.
    pub(crate) fn set_retry(&mut self, milliseconds: u64) {
        self.retry = Some(Duration::from_millis(milliseconds).min(LONGEST));
    }

    /// What failed before does not count: somebody asked, or the machine woke up.
    pub(crate) fn forgive(&mut self) {
        self.failures = 0;
        self.last_immediate = None;
    }

    /// The wait before the next connection.
    pub(crate) fn next_delay(
        &mut self,
        ended: Ended,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Duration {
        if ended.good {
            self.failures = 0;
        }
        let delay = if self.may_be_immediate(ended, now) {
            self.last_immediate = Some(now);
            FLOOR
        } else {
            self.grown(ended, rng)
        };
        self.failures = self.failures.saturating_add(1);
        delay.max(ended.retry_after.unwrap_or_default().min(LONGEST))
    }

    fn may_be_immediate(&self, ended: Ended, now: Instant) -> bool {
        let rested = self
            .last_immediate
            .is_none_or(|last| now.saturating_duration_since(last) >= BETWEEN_IMMEDIATE);
        self.failures == 0 && rested && (ended.local || self.retry.is_none())
    }

    /// Between the minimum and a quarter more at first, so that a thousand
    /// clients of a restarted server come back spread out; then doubling.
    fn grown(&self, ended: Ended, rng: &mut fastrand::Rng) -> Duration {
        let minimum = match self.retry {
            Some(retry) => retry.max(FLOOR),
            None if ended.good => AFTER_SUCCESS,
            None => AFTER_FAILURE,
        };
        let factor = 2u32.saturating_pow(self.failures.min(16));
        let most = (minimum + minimum / 4)
            .saturating_mul(factor)
            .clamp(minimum, CAP.max(minimum));
        let least = minimum.max(most / 2).min(most);
        least + (most - least).mul_f64(rng.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Ended = Ended {
        good: true,
        local: false,
        retry_after: None,
    };
    const BAD: Ended = Ended {
        good: false,
        local: false,
        retry_after: None,
    };

    struct Bench {
        backoff: Backoff,
        now: Instant,
        rng: fastrand::Rng,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                backoff: Backoff::default(),
                now: Instant::now(),
                rng: fastrand::Rng::with_seed(7),
            }
        }

        fn ended(&mut self, ended: Ended) -> Duration {
            self.backoff.next_delay(ended, self.now, &mut self.rng)
        }

        fn later(&mut self, seconds: u64) -> &mut Self {
            self.now += Duration::from_secs(seconds);
            self
        }
    }

    #[track_caller]
    fn assert_between(delay: Duration, least: Duration, most: Duration) {
        assert!(
            least <= delay && delay <= most,
            "{delay:?} not in {least:?}..={most:?}"
        );
    }

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn the_first_retry_without_a_server_time_is_immediate_then_doubles_to_the_cap() {
        let mut bench = Bench::new();
        assert_eq!(bench.ended(BAD), FLOOR);
        assert_between(bench.ended(BAD), ms(1250), ms(2500));
        assert_between(bench.ended(BAD), ms(2500), ms(5000));
        for _ in 0..4 {
            bench.ended(BAD);
        }
        for _ in 0..100 {
            assert_between(bench.ended(BAD), CAP / 2, CAP);
        }
    }

    #[test]
    fn the_servers_time_is_the_minimum_and_never_grows_after_good_connections() {
        let mut bench = Bench::new();
        bench.backoff.set_retry(3000);
        for _ in 0..100 {
            assert_between(bench.ended(GOOD), ms(3000), ms(3750));
        }
        for _ in 0..100 {
            assert!(bench.ended(BAD) >= ms(3000));
        }
        assert_between(bench.ended(GOOD), ms(3000), ms(3750));
    }

    #[test]
    fn a_server_time_above_the_cap_is_kept() {
        let mut bench = Bench::new();
        bench.backoff.set_retry(300_000);
        for _ in 0..20 {
            assert_between(bench.ended(BAD), ms(300_000), ms(375_000));
        }
    }

    #[test]
    fn no_server_can_make_us_hammer_it_or_send_us_away_for_ever() {
        let mut bench = Bench::new();
        bench.backoff.set_retry(0);
        for _ in 0..100 {
            assert!(bench.ended(GOOD) >= FLOOR);
        }
        bench.backoff.set_retry(u64::MAX);
        assert!(bench.ended(GOOD) <= LONGEST);
        let for_ever = Ended {
            retry_after: Some(Duration::MAX),
            ..BAD
        };
        assert_eq!(bench.ended(for_ever), LONGEST);
    }

    #[test]
    fn a_local_cause_is_retried_at_once_even_with_a_server_time() {
        let mut bench = Bench::new();
        bench.backoff.set_retry(10_000);
        let local = Ended {
            local: true,
            ..GOOD
        };
        assert_eq!(bench.ended(local), FLOOR);
        assert_between(bench.later(1).ended(local), ms(10_000), ms(12_500));
        assert_eq!(bench.later(10).ended(local), FLOOR);
    }

    #[test]
    fn a_server_that_closes_after_each_event_is_not_hammered() {
        let mut bench = Bench::new();
        assert_eq!(bench.ended(GOOD), FLOOR);
        assert_between(bench.later(1).ended(GOOD), ms(3000), ms(3750));
        assert_between(bench.later(4).ended(GOOD), ms(3000), ms(3750));
        assert_eq!(bench.later(60).ended(GOOD), FLOOR);
    }

    #[test]
    fn retry_after_is_honoured_when_it_is_longer() {
        let mut bench = Bench::new();
        let asked = Ended {
            retry_after: Some(ms(90_000)),
            ..BAD
        };
        assert_eq!(bench.ended(asked), ms(90_000));
        let little = Ended {
            retry_after: Some(ms(1)),
            ..BAD
        };
        assert_between(bench.ended(little), ms(1250), ms(2500));
    }
}
