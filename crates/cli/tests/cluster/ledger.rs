//! What is published, to whom, and what the nodes answered.

use std::{fmt, str::FromStr, sync::Mutex};

/// Users there are.
pub(crate) const USERS: usize = 20;
/// The topic that some listen to.
pub(crate) const TOPIC: &str = "delayed";

/// A place in the log. Numbers rise from epoch to epoch, so they alone give the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) seq: u64,
    pub(crate) epoch: u64,
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (epoch, seq) = text.split_once('.').ok_or(())?;
        if epoch.len() != 10 {
            return Err(());
        }
        Ok(Self {
            seq: seq.parse().map_err(drop)?,
            epoch: u64::from_str_radix(epoch, 16).map_err(drop)?,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010x}.{}", self.epoch, self.seq)
    }
}

/// Who gets a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Everyone,
    User(usize),
    /// Those who listen to [`TOPIC`].
    Topic,
}

/// What is known of one publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was not sent.
    Unsent,
    /// It was sent and not answered: it may be in the log.
    Doubtful,
    /// It is in the log, at this place.
    At(Place),
    /// It will be in the log, once.
    Promised,
    /// It was refused for good: it must never be in the log.
    Refused,
}

/// One publication.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) to: To,
    pub(crate) data: String,
    pub(crate) outcome: Outcome,
}

/// All that was published in one run.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Vec<Publication>>);

impl Ledger {
    /// A new publication; its number.
    pub(crate) fn write(&self, to: To, pad: &str) -> usize {
        let mut all = self.0.lock().unwrap();
        let number = all.len();
        all.push(Publication {
            to,
            data: format!("#{number}# {pad}"),
            outcome: Outcome::Unsent,
        });
        number
    }

    pub(crate) fn publication(&self, number: usize) -> Publication {
        self.0.lock().unwrap()[number].clone()
    }

    pub(crate) fn note(&self, number: usize, outcome: Outcome) {
        self.0.lock().unwrap()[number].outcome = outcome;
    }

    /// It is sent, perhaps not for the first time.
    pub(crate) fn send(&self, number: usize) {
        let mut all = self.0.lock().unwrap();
        let outcome = &mut all[number].outcome;
        if *outcome == Outcome::Unsent {
            *outcome = Outcome::Doubtful;
        }
    }

    pub(crate) fn all(&self) -> Vec<Publication> {
        self.0.lock().unwrap().clone()
    }
}

/// What a publisher calls a publication.
pub(crate) fn key(number: usize) -> String {
    format!("key-{number}")
}

/// The number of the publication that a subscriber got.
pub(crate) fn number_in(data: &str) -> Option<usize> {
    data.split('#').nth(1)?.parse().ok()
}
