//! Reports that come close together, as one reconnect.

use std::time::Duration;

use notifier::Reach;
use tokio::time::Instant;

use super::{Cause, Report};

/// Reports within this time of the one that was acted on belong to it: a network comes up in steps.
const TOGETHER: Duration = Duration::from_secs(2);

/// What was acted on last.
#[derive(Debug, Default)]
pub(super) struct Burst(Option<Open>);

#[derive(Debug)]
struct Open {
    until: Instant,
    /// The network came after the attempts began: those that failed deserve another.
    again: bool,
}

impl Burst {
    /// Which feeds to connect now.
    pub(super) fn hear(&mut self, report: Report, now: Instant) -> Option<Reach> {
        let Report::Back(cause) = report else {
            // What was connected before a sleep may be dead after it, however short the burst.
            self.0 = None;
            return None;
        };
        match &mut self.0 {
            Some(open) if now < open.until => {
                open.again |= cause == Cause::Network;
                None
            }
            _ => {
                let until = now + TOGETHER;
                let again = false;
                self.0 = Some(Open { until, again });
                Some(Reach::All)
            }
        }
    }

    /// When [`Burst::end`] has something to say.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0
            .as_ref()
            .filter(|open| open.again)
            .map(|open| open.until)
    }

    /// The burst is over. What lives by now was connected during it.
    pub(super) fn end(&mut self) -> Option<Reach> {
        self.0.take()?.again.then_some(Reach::NotLive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLEEPS: Report = Report::Sleeps;
    const WOKE: Report = Report::Back(Cause::Woke);
    const NETWORK: Report = Report::Back(Cause::Network);

    /// Reports at these milliseconds, and all that is done because of them.
    #[track_caller]
    fn check(reports: &[(u64, Report)], expected: &[(u64, Reach)]) {
        let start = Instant::now();
        let mut burst = Burst::default();
        let mut done = Vec::new();
        let end = |burst: &mut Burst, done: &mut Vec<_>, before: Option<Instant>| {
            if let Some(due) = burst.due()
                && before.is_none_or(|before| due <= before)
            {
                done.extend(burst.end().map(|reach| (due, reach)));
            }
        };
        for (at, report) in reports {
            let now = start + Duration::from_millis(*at);
            end(&mut burst, &mut done, Some(now));
            done.extend(burst.hear(*report, now).map(|reach| (now, reach)));
        }
        end(&mut burst, &mut done, None);
        let done: Vec<_> = done
            .into_iter()
            .map(|(at, reach)| ((at - start).as_millis() as u64, reach))
            .collect();
        assert_eq!(done, expected);
    }

    #[test]
    fn one_report_is_one_reconnect_at_once() {
        check(&[(0, WOKE)], &[(0, Reach::All)]);
        check(&[(0, NETWORK)], &[(0, Reach::All)]);
        check(&[(0, SLEEPS)], &[]);
    }

    #[test]
    fn a_wake_told_twice_is_one() {
        check(&[(0, WOKE), (1_999, WOKE)], &[(0, Reach::All)]);
        check(
            &[(0, WOKE), (2_000, WOKE)],
            &[(0, Reach::All), (2_000, Reach::All)],
        );
    }

    #[test]
    fn a_network_that_comes_in_steps_is_one_reconnect_and_one_more_try_of_what_failed() {
        check(
            &[(0, NETWORK), (100, NETWORK), (1_500, NETWORK)],
            &[(0, Reach::All), (2_000, Reach::NotLive)],
        );
    }

    #[test]
    fn a_network_after_the_wake_is_tried_too() {
        check(
            &[(0, WOKE), (300, NETWORK)],
            &[(0, Reach::All), (2_000, Reach::NotLive)],
        );
        check(
            &[(0, WOKE), (4_000, NETWORK)],
            &[(0, Reach::All), (4_000, Reach::All)],
        );
    }

    #[test]
    fn a_sleep_ends_the_burst() {
        check(
            &[(0, NETWORK), (10, NETWORK), (20, SLEEPS), (30, WOKE)],
            &[(0, Reach::All), (30, Reach::All)],
        );
        check(
            &[(0, WOKE), (500, SLEEPS), (600, WOKE)],
            &[(0, Reach::All), (600, Reach::All)],
        );
    }
}
