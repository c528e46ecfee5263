//! The judge: what was published against what each subscriber got.

use std::{collections::HashMap, fmt};

use crate::{
    ledger::{Ledger, Outcome},
    subscriber::{Heard, Spec},
};

/// How many of each kind of fault are named.
const NAMED: usize = 5;

/// What is wrong, in words.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) delivered: usize,
    pub(crate) connections: usize,
    /// Publications that nobody answered, by whether they are in the log.
    pub(crate) doubtful: (usize, usize),
    lost: Vec<String>,
    doubled: Vec<String>,
    disordered: Vec<String>,
    /// Of somebody else, or not as it was published, or somewhere else in the log.
    strange: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        let faults = [&self.lost, &self.doubled, &self.disordered, &self.strange];
        faults.iter().all(|fault| fault.is_empty())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (in_log, not) = self.doubtful;
        write!(
            f,
            "{} events delivered over {} connections, {in_log} unanswered are in the log and {not} are not",
            self.delivered, self.connections
        )?;
        for (what, faults) in [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("out of order", &self.disordered),
            ("strange", &self.strange),
        ] {
            write!(f, "; {} {what}", faults.len())?;
            for fault in faults.iter().take(NAMED) {
                let short: String = fault.chars().take(300).collect();
                write!(f, "\n    {short}")?;
            }
        }
        Ok(())
    }
}

pub(crate) fn judge(ledger: &Ledger, subscribers: &[(Spec, Heard)]) -> Verdict {
    let mut verdict = Verdict::default();
    // Where each publication is in the log: as answered, else as the first who got it says.
    let mut places: HashMap<usize, u64> = HashMap::new();
    let outcomes = ledger.outcomes();
    for (number, outcome) in outcomes.iter().enumerate() {
        if let Outcome::At(place) = outcome {
            places.insert(number, *place);
        }
    }
    for (_, heard) in subscribers {
        for &(place, number) in &heard.events {
            if let Some(place) = place {
                places.entry(number).or_insert(place);
            }
        }
    }
    let mut by_place: HashMap<u64, usize> = HashMap::new();
    for (&number, &place) in &places {
        if let Some(other) = by_place.insert(place, number) {
            verdict
                .strange
                .push(format!("{number} and {other} are both at {place}"));
        }
    }
    for (number, outcome) in outcomes.iter().enumerate() {
        match (outcome, places.contains_key(&number)) {
            (Outcome::Doubtful, true) => verdict.doubtful.0 += 1,
            (Outcome::Doubtful, false) => verdict.doubtful.1 += 1,
            (Outcome::Unsent, _) => verdict.lost.push(format!("{number} was never sent")),
            _ => {}
        }
    }

    for (index, (spec, heard)) in subscribers.iter().enumerate() {
        let who = format!("subscriber {index} ({:?} {})", spec.kind, spec.path);
        verdict.delivered += heard.events.len();
        verdict.connections += heard.connections;
        let mut times = vec![0_u32; ledger.all.len()];
        let mut latest = 0;
        for &(place, number) in &heard.events {
            times[number] += 1;
            let known = places.get(&number).copied().unwrap_or(0);
            let place = place.unwrap_or(known);
            if times[number] > 1 {
                verdict.doubled.push(format!("{who}: {number} at {place}"));
            } else if place <= latest {
                verdict
                    .disordered
                    .push(format!("{who}: {number} at {place} after {latest}"));
            }
            latest = latest.max(place);
            if place != known {
                verdict
                    .strange
                    .push(format!("{who}: {number} is at {place} and at {known}"));
            }
            if !spec.own.gets(&ledger.all[number].to) {
                verdict
                    .strange
                    .push(format!("{who}: {number} is for others"));
            }
        }
        for (number, publication) in ledger.all.iter().enumerate() {
            let stored = places.contains_key(&number)
                || matches!(outcomes[number], Outcome::At(_) | Outcome::Stored);
            if times[number] == 0
                && stored
                && spec.own.gets(&publication.to)
                && number <= ledger.end_of(&spec.own)
            {
                verdict
                    .lost
                    .push(format!("{who}: {number}, {:?}", outcomes[number]));
            }
        }
        if !heard.done {
            verdict.lost.push(format!(
                "{who}: the end; it got {} events",
                heard.events.len()
            ));
        }
        for strange in &heard.strange {
            verdict.strange.push(format!("{who}: {strange}"));
        }
    }
    verdict
}
