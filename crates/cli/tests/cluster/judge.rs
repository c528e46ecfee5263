//! The judge: what was published against what each subscriber got.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::{Bound, RangeInclusive},
};

use crate::{
    ledger::{Outcome, Place, Publication},
    subscriber::{Heard, Item, Spec},
};

/// How many of each kind of fault are named.
const NAMED: usize = 5;

/// What a scenario allows.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// How many gaps each subscriber is told of.
    pub(crate) gaps: Vec<RangeInclusive<usize>>,
    /// How many epochs there are.
    pub(crate) epochs: usize,
}

impl Rules {
    /// Nothing is missing.
    pub(crate) fn no_gap(subscribers: usize) -> Self {
        Self::gaps(subscribers, 0, 1)
    }

    /// So many gaps for each.
    pub(crate) fn gaps(subscribers: usize, gaps: usize, epochs: usize) -> Self {
        Self {
            gaps: vec![gaps..=gaps; subscribers],
            epochs,
        }
    }
}

/// What is wrong, in words.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) published: usize,
    pub(crate) delivered: usize,
    pub(crate) connections: usize,
    pub(crate) gaps: usize,
    pub(crate) beats: usize,
    /// Publications that nobody answered, by whether they are in the log.
    pub(crate) doubtful: (usize, usize),
    pub(crate) lost: Vec<String>,
    pub(crate) doubled: Vec<String>,
    pub(crate) disordered: Vec<String>,
    /// Gaps where none may be, and none where one must be.
    pub(crate) unsaid: Vec<String>,
    /// Of somebody else, or not as it was published, or somewhere else in the log.
    pub(crate) strange: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.faults().iter().all(|(_, faults)| faults.is_empty())
    }

    fn faults(&self) -> [(&'static str, &[String]); 5] {
        [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("out of order", &self.disordered),
            ("gaps wrong", &self.unsaid),
            ("strange", &self.strange),
        ]
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (in_log, not) = self.doubtful;
        write!(
            f,
            "{} published, {} delivered over {} connections, {} gaps, {} heartbeats, {in_log} unanswered are in the log and {not} are not",
            self.published, self.delivered, self.connections, self.gaps, self.beats
        )?;
        for (what, faults) in self.faults() {
            write!(f, "; {} {what}", faults.len())?;
            for fault in faults.iter().take(NAMED) {
                let short: String = fault.chars().take(300).collect();
                write!(f, "\n    {short}")?;
            }
        }
        Ok(())
    }
}

pub(crate) fn judge(
    publications: &[Publication],
    subscribers: &[(Spec, Heard)],
    rules: &Rules,
) -> Verdict {
    let mut verdict = Verdict {
        published: publications.len(),
        ..Verdict::default()
    };
    let log = log(publications, subscribers, rules, &mut verdict);
    for (index, (spec, heard)) in subscribers.iter().enumerate() {
        let who = format!("subscriber {index} ({spec})");
        Walk {
            who: &who,
            spec,
            publications,
            log: &log,
            verdict: &mut verdict,
        }
        .along(heard);
        let gaps = heard.gaps().count();
        if !rules.gaps[index].contains(&gaps) {
            let allowed = &rules.gaps[index];
            let gaps: Vec<_> = heard.gaps().collect();
            verdict
                .unsaid
                .push(format!("{who}: {gaps:?}, not {allowed:?}"));
        }
    }
    same_sequences(subscribers, &mut verdict);
    verdict
}

/// What the log holds, by the answers and by what subscribers got.
fn log(
    publications: &[Publication],
    subscribers: &[(Spec, Heard)],
    rules: &Rules,
    verdict: &mut Verdict,
) -> BTreeMap<Place, usize> {
    let mut log: BTreeMap<Place, usize> = BTreeMap::new();
    let mut put = |place: Place, number: usize, verdict: &mut Verdict| {
        let known = *log.entry(place).or_insert(number);
        if known != number {
            verdict
                .strange
                .push(format!("{known} and {number} are both at {place}"));
        }
    };
    for (number, publication) in publications.iter().enumerate() {
        if let Outcome::At(place) = publication.outcome {
            put(place, number, verdict);
        }
    }
    for (_, heard) in subscribers {
        for (place, number, _) in heard.events() {
            put(place, number, verdict);
        }
    }
    let mut places: HashMap<usize, Vec<Place>> = HashMap::new();
    let (mut numbers, mut epochs) = (HashSet::new(), HashSet::new());
    for (&place, &number) in &log {
        if !numbers.insert(place.seq) {
            verdict
                .strange
                .push(format!("the number of {place} is in two epochs"));
        }
        epochs.insert(place.epoch);
        let others = places.entry(number).or_default();
        // A log that was made anew knows nothing of the one before.
        if others.iter().any(|other| other.epoch == place.epoch) {
            verdict
                .doubled
                .push(format!("{number} is at {place} and at {others:?}"));
        }
        others.push(place);
    }
    if epochs.len() > rules.epochs {
        verdict
            .strange
            .push(format!("{} epochs, not {}", epochs.len(), rules.epochs));
    }
    for (number, publication) in publications.iter().enumerate() {
        let stored = places.contains_key(&number);
        match (publication.outcome, stored) {
            (Outcome::Doubtful, true) => verdict.doubtful.0 += 1,
            (Outcome::Doubtful, false) => verdict.doubtful.1 += 1,
            (Outcome::Refused, true) => verdict.strange.push(format!(
                "{number} was refused and is in the log at {:?}",
                places[&number]
            )),
            (Outcome::Promised, false) => {
                verdict
                    .lost
                    .push(format!("{number} was promised and never came"));
            }
            _ => {}
        }
    }
    log
}

/// One subscriber's way along the log.
struct Walk<'a> {
    who: &'a str,
    spec: &'a Spec,
    publications: &'a [Publication],
    log: &'a BTreeMap<Place, usize>,
    verdict: &'a mut Verdict,
}

impl Walk<'_> {
    fn along(&mut self, heard: &Heard) {
        let who = self.who;
        self.verdict.connections += heard.connections;
        self.verdict.beats += heard.beats;
        for strange in &heard.strange {
            self.verdict.strange.push(format!("{who}: {strange}"));
        }
        let Some(mut at) = heard.first else {
            return self.verdict.lost.push(format!("{who}: never had a place"));
        };
        let mut got = HashSet::new();
        for item in &heard.items {
            match item {
                Item::Gap { to, .. } => {
                    self.verdict.gaps += 1;
                    if to.seq < at.seq {
                        self.verdict
                            .disordered
                            .push(format!("{who}: the gap to {to} leads back from {at}"));
                    }
                    at = *to;
                }
                Item::Event { place, number, .. } => {
                    self.event(*place, *number, at, &mut got);
                    if *place > at {
                        at = *place;
                    }
                }
            }
        }
        self.nothing_between(at, None);
    }

    fn event(&mut self, place: Place, number: usize, at: Place, got: &mut HashSet<Place>) {
        let who = self.who;
        self.verdict.delivered += 1;
        let Some(publication) = self.publications.get(number) else {
            let unknown = format!("{who}: {number} at {place} was never published");
            return self.verdict.strange.push(unknown);
        };
        if !self.spec.gets(publication.to) {
            self.verdict
                .strange
                .push(format!("{who}: {number} is for {:?}", publication.to));
        }
        if !got.insert(place) {
            self.verdict
                .doubled
                .push(format!("{who}: {number} at {place}"));
        } else if place.seq <= at.seq {
            self.verdict
                .disordered
                .push(format!("{who}: {number} at {place} after {at}"));
        } else if place.epoch != at.epoch {
            self.verdict
                .unsaid
                .push(format!("{who}: {place} after {at} without a gap"));
        } else {
            self.nothing_between(at, Some(place));
        }
    }

    /// What is in the log between two places, and for this subscriber, is lost.
    fn nothing_between(&mut self, after: Place, before: Option<Place>) {
        let end = before.map_or(Bound::Unbounded, Bound::Excluded);
        for (place, &number) in self.log.range((Bound::Excluded(after), end)) {
            let publication = &self.publications.get(number);
            if publication.is_some_and(|publication| self.spec.gets(publication.to)) {
                self.verdict
                    .lost
                    .push(format!("{}: {number} at {place}, after {after}", self.who));
            }
        }
    }
}

/// The same places carry the same content for all, and those who listen alike have the same
/// sequence from where the last of them came in.
fn same_sequences(subscribers: &[(Spec, Heard)], verdict: &mut Verdict) {
    let mut contents: HashMap<Place, (usize, u64)> = HashMap::new();
    let mut alike: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, (spec, heard)) in subscribers.iter().enumerate() {
        for (place, _, hash) in heard.events() {
            let (other, known) = *contents.entry(place).or_insert((index, hash));
            if known != hash {
                verdict.strange.push(format!(
                    "{place} has one content for {other} and another for {index}"
                ));
            }
        }
        alike.entry(spec.path()).or_default().push(index);
    }
    for (path, group) in alike {
        let starts = group.iter().filter_map(|&index| {
            let heard = &subscribers[index].1;
            heard.gaps().map(|(_, to)| to).max().max(heard.first)
        });
        let Some(start) = starts.max() else { continue };
        let hash = |index: usize| {
            let mut hasher = DefaultHasher::new();
            let events = subscribers[index].1.events();
            for event in events.filter(|(place, ..)| *place > start) {
                event.hash(&mut hasher);
            }
            hasher.finish()
        };
        let first = hash(group[0]);
        for &other in &group[1..] {
            if hash(other) != first {
                verdict.strange.push(format!(
                    "{} and {other} of {path} have other sequences after {start}",
                    group[0]
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::To;

    /// Ten publications, every third for user 1, and two subscribers who got all of theirs.
    struct Run {
        publications: Vec<Publication>,
        subscribers: Vec<(Spec, Heard)>,
        rules: Rules,
    }

    fn place(seq: u64) -> Place {
        Place { seq, epoch: 7 }
    }

    fn event(number: usize) -> Item {
        Item::Event {
            place: place(101 + number as u64),
            number,
            hash: number as u64,
        }
    }

    fn gap(from: u64, to: Place) -> Item {
        Item::Gap {
            from: place(from).to_string(),
            to,
        }
    }

    fn run() -> Run {
        let publications: Vec<_> = (0..10)
            .map(|number| Publication {
                to: if number % 3 == 2 {
                    To::User(1)
                } else {
                    To::Everyone
                },
                data: format!("#{number}#"),
                outcome: Outcome::At(place(101 + number)),
            })
            .collect();
        let subscribers = [Some(1), Some(1), None].map(|user| {
            let spec = Spec {
                user,
                ..Spec::default()
            };
            let own = (0..10).filter(|&number| spec.gets(publications[number].to));
            let heard = Heard {
                first: Some(place(100)),
                items: own.map(event).collect(),
                ..Heard::default()
            };
            (spec, heard)
        });
        Run {
            publications,
            rules: Rules::no_gap(subscribers.len()),
            subscribers: subscribers.into(),
        }
    }

    impl Run {
        fn items(&mut self, index: usize) -> &mut Vec<Item> {
            &mut self.subscribers[index].1.items
        }

        fn verdict(&self) -> Verdict {
            judge(&self.publications, &self.subscribers, &self.rules)
        }

        /// The faults named: lost, doubled, disordered, unsaid, strange.
        fn faults(&self) -> [usize; 5] {
            let verdict = self.verdict();
            let faults = verdict.faults().map(|(_, faults)| faults.len());
            assert_eq!(faults.iter().sum::<usize>() == 0, verdict.is_good());
            faults
        }
    }

    #[test]
    fn all_is_well() {
        let run = run();
        assert_eq!(run.faults(), [0; 5]);
        let verdict = run.verdict();
        assert_eq!((verdict.published, verdict.delivered), (10, 27));
    }

    #[test]
    fn loss_is_seen() {
        for lost in [0, 4, 9] {
            let mut run = run();
            run.items(0).remove(lost);
            assert_eq!(run.faults(), [1, 0, 0, 0, 1], "{lost}");
        }
        // Of all of them alike, and of one who got nothing.
        let mut run = run();
        for index in 0..3 {
            run.items(index).remove(0);
        }
        assert_eq!(run.faults(), [3, 0, 0, 0, 0]);
        run.items(2).clear();
        assert_eq!(run.faults()[0], 2 + 7);
        run.subscribers[2].1.first = None;
        assert_eq!(run.faults()[0], 2 + 1);
    }

    #[test]
    fn what_came_before_the_first_place_is_not_lost() {
        let mut run = run();
        run.subscribers[1].1.first = Some(place(104));
        run.items(1).drain(..4);
        assert_eq!(run.faults(), [0; 5]);
    }

    #[test]
    fn doubles_are_seen() {
        let mut doubled = run();
        doubled.items(0).insert(5, event(4));
        assert_eq!(doubled.faults(), [0, 1, 0, 0, 1]);

        // The same publication at two places of the log.
        let mut stored = run();
        for index in 0..3 {
            let twice = Item::Event {
                place: place(111),
                number: 4,
                hash: 4,
            };
            stored.items(index).push(twice);
        }
        assert_eq!(stored.faults(), [0, 1, 0, 0, 0]);
    }

    #[test]
    fn disorder_is_seen() {
        let mut run = run();
        run.items(0).swap(3, 4);
        let faults = run.faults();
        assert_eq!((faults[1], faults[2]), (0, 1), "{}", run.verdict());
    }

    #[test]
    fn what_is_for_others_is_seen() {
        let mut run = run();
        run.items(2).insert(2, event(2));
        assert_eq!(run.faults(), [0, 0, 0, 0, 1]);
    }

    #[test]
    fn another_content_is_seen() {
        let mut run = run();
        if let Item::Event { hash, .. } = &mut run.items(0)[3] {
            *hash = 99;
        }
        assert!(run.faults()[4] >= 2, "{}", run.verdict());
        if let Item::Event { number, hash, .. } = &mut run.items(0)[3] {
            (*number, *hash) = (6, 3);
        }
        assert!(run.faults()[4] >= 1, "{}", run.verdict());
    }

    #[test]
    fn gaps_are_counted() {
        let mut run = run();
        run.items(0).remove(4);
        run.items(0).insert(4, gap(104, place(105)));
        assert_eq!(run.faults(), [0, 0, 0, 1, 0], "{}", run.verdict());
        run.rules.gaps[0] = 1..=1;
        assert_eq!(run.faults(), [0; 5]);
        // What is not between its two ends is lost all the same.
        run.items(0).remove(6);
        assert_eq!(run.faults()[0], 1);

        let mut silent = super::tests::run();
        silent.rules = Rules::gaps(3, 1, 1);
        assert_eq!(silent.faults(), [0, 0, 0, 3, 0]);
    }

    #[test]
    fn a_new_epoch_begins_with_a_gap() {
        let new = Place {
            seq: 1000,
            epoch: 8,
        };
        let next = |seq: u64, number: usize| Item::Event {
            place: Place { seq, epoch: 8 },
            number,
            hash: 50,
        };
        let mut run = run();
        let number = run.publications.len();
        run.publications.push(Publication {
            to: To::Everyone,
            data: String::new(),
            outcome: Outcome::Doubtful,
        });
        for index in 0..3 {
            run.items(index).extend([gap(110, new), next(1001, number)]);
        }
        run.rules = Rules::gaps(3, 1, 2);
        assert_eq!(run.faults(), [0; 5]);
        assert_eq!(run.verdict().doubtful, (1, 0));
        run.rules.epochs = 1;
        assert_eq!(run.faults(), [0, 0, 0, 0, 1]);
        run.rules.epochs = 2;
        let gap = run.items(1).len() - 2;
        run.items(1).remove(gap);
        assert_eq!(run.faults()[3], 2, "{}", run.verdict());

        // Numbers that begin again would mean two things.
        let mut again = super::tests::run();
        for index in 0..3 {
            let back = Place { seq: 50, epoch: 8 };
            again
                .items(index)
                .extend([super::tests::gap(110, back), next(51, 0)]);
        }
        again.rules = Rules::gaps(3, 1, 2);
        assert_eq!(again.faults()[2], 3, "{}", again.verdict());
    }

    #[test]
    fn promises_and_refusals_are_kept() {
        let mut run = run();
        run.publications[3].outcome = Outcome::Promised;
        assert_eq!(run.faults(), [0; 5]);
        run.publications[3].outcome = Outcome::Refused;
        assert_eq!(run.faults(), [0, 0, 0, 0, 1]);
        run.publications.push(Publication {
            to: To::Everyone,
            data: String::new(),
            outcome: Outcome::Promised,
        });
        assert_eq!(run.faults(), [1, 0, 0, 0, 1]);
        run.publications[10].outcome = Outcome::Refused;
        assert_eq!(run.faults(), [0, 0, 0, 0, 1]);
    }

    #[test]
    fn what_nobody_published_is_strange() {
        let mut run = run();
        for index in 0..3 {
            let foreign = Item::Event {
                place: place(111),
                number: 77,
                hash: 1,
            };
            run.items(index).push(foreign);
        }
        assert_eq!(run.faults(), [0, 0, 0, 0, 3]);
        run.subscribers[0].1.strange.push("status 500".to_owned());
        assert_eq!(run.faults(), [0, 0, 0, 0, 4]);
    }
}
