//! What goes wrong, and where: all of it chosen by the seed before anything runs.

use std::{collections::VecDeque, time::Duration};

use fastrand::Rng;

use crate::ledger::Ids;

/// What can go wrong between the feed and the notifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// The stream ends inside an event.
    CutInEvent,
    /// The stream ends between two events.
    CutBetween,
    /// A TCP reset inside an event: what was on its way is gone.
    ResetInEvent,
    /// A TCP reset between two events.
    ResetBetween,
    /// Silence on an open connection, until the notifier gives it up.
    Stall,
    /// The same, and what was held back is sent on the old connection once a new one is there.
    StallThenLate,
    /// A user reconnects during the silence, and what was held back comes late.
    AskedThenLate,
    /// Silence too short for the watchdog; what follows it counts as live.
    Lull,
    /// A few bytes at a time.
    Trickle,
    /// Comments of any bytes, unknown fields, blocks without data, blank lines.
    Junk,
    /// Megabytes of comments.
    Flood,
    /// Reconnection times, also absurd ones.
    Retry,
    /// 500, 502, 503 or 429, with and without `Retry-After`.
    Status,
    /// A web page with status 502.
    WebPage,
    /// An answer that is final (204, 401, 404, a web page with 200), until a user reconnects.
    Final,
    /// An answer that is not HTTP.
    NotHttp,
    /// The answer ends inside its head.
    HalfHead,
    /// The head comes byte by byte.
    SlowHead,
    /// Nothing listens for a while.
    Refused,
    /// The server re-sends some events from before the cursor.
    Resent,
    /// The same, but it needs a second to find them, after the head of its answer.
    ResentSlowly,
}

impl Kind {
    /// How many of 230, and the name in the report.
    fn share(self) -> (usize, &'static str) {
        match self {
            Kind::CutInEvent => (24, "cut in an event"),
            Kind::CutBetween => (14, "cut between events"),
            Kind::ResetInEvent => (20, "reset in an event"),
            Kind::ResetBetween => (10, "reset between events"),
            Kind::Stall => (10, "stall"),
            Kind::StallThenLate => (4, "stall, then late bytes"),
            Kind::AskedThenLate => (8, "reconnect, then late bytes"),
            Kind::Lull => (5, "lull"),
            Kind::Trickle => (10, "trickle"),
            Kind::Junk => (28, "junk"),
            Kind::Flood => (3, "flood of comments"),
            Kind::Retry => (6, "retry"),
            Kind::Status => (18, "status 5xx or 429"),
            Kind::WebPage => (6, "web page 502"),
            Kind::Final => (8, "final answer"),
            Kind::NotHttp => (5, "not HTTP"),
            Kind::HalfHead => (8, "half a head"),
            Kind::SlowHead => (6, "slow head"),
            Kind::Refused => (10, "refused"),
            Kind::Resent => (27, "re-sent events"),
            Kind::ResentSlowly => (0, "events re-sent slowly"),
        }
    }

    pub(crate) fn name(self) -> &'static str {
        self.share().1
    }

    /// Each with a share.
    const ALL: [Kind; 20] = [
        Kind::CutInEvent,
        Kind::CutBetween,
        Kind::ResetInEvent,
        Kind::ResetBetween,
        Kind::Stall,
        Kind::StallThenLate,
        Kind::AskedThenLate,
        Kind::Lull,
        Kind::Trickle,
        Kind::Junk,
        Kind::Flood,
        Kind::Retry,
        Kind::Status,
        Kind::WebPage,
        Kind::Final,
        Kind::NotHttp,
        Kind::HalfHead,
        Kind::SlowHead,
        Kind::Refused,
        Kind::Resent,
    ];
}

/// Something goes wrong when this event's turn comes.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) kind: Kind,
    /// Chooses the details.
    pub(crate) rng: Rng,
}

/// A SIGKILL soon after this event was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kill {
    pub(crate) at: usize,
    /// How soon.
    pub(crate) delay: Duration,
    /// The next notifier is killed too, this soon after its start.
    pub(crate) again: Option<Duration>,
}

/// What ids there are, and how much goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) ids: Ids,
    /// Events are re-sent slowly.
    pub(crate) slowly: bool,
    pub(crate) events: usize,
    pub(crate) faults: usize,
    pub(crate) kills: usize,
}

/// Everything that goes wrong, in order.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) kills: VecDeque<Kill>,
}

impl Plan {
    /// At least `faults` of all kinds, spread over all events, and at least `kills` over the first
    /// three quarters: the last notifier runs long enough for its memory to tell something.
    pub(crate) fn new(scenario: Scenario, rng: &mut Rng) -> Self {
        let Scenario {
            ids,
            events,
            faults,
            kills,
            ..
        } = scenario;
        let mut kinds = Vec::new();
        for kind in Kind::ALL {
            // An event without an id that a server sends again after one with an id is a new
            // event to anybody: servers that forget ids have to resume at the cursor.
            if ids == Ids::Counting || kind != Kind::Resent {
                kinds.extend(vec![kind; (kind.share().0 * faults).div_ceil(230)]);
            }
        }
        while kinds.len() < faults {
            kinds.push(Kind::CutInEvent);
        }
        for kind in &mut kinds {
            if scenario.slowly && *kind == Kind::Resent {
                *kind = Kind::ResentSlowly;
            }
        }
        let killing = events * 3 / 4;
        let faults = kinds.into_iter().map(|kind| Fault {
            // A kill during a flood would leave no memory to measure.
            at: match kind {
                Kind::Flood => rng.usize(killing..events - 1),
                _ => rng.usize(1..events - 1),
            },
            kind,
            rng: rng.fork(),
        });
        let mut faults: Vec<Fault> = faults.collect();
        faults.sort_by_key(|fault| fault.at);
        let milliseconds =
            |rng: &mut Rng, most: u64| Duration::from_micros(rng.u64(0..most * 1000));
        let kills = (0..kills).map(|_| Kill {
            at: rng.usize(1..killing),
            delay: milliseconds(rng, 40),
            again: (rng.u8(0..6) == 0).then(|| milliseconds(rng, 150)),
        });
        let mut kills: Vec<Kill> = kills.collect();
        kills.sort_by_key(|kill| kill.at);
        Self {
            faults: faults.into(),
            kills: kills.into(),
        }
    }
}
