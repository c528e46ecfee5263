//! All subscribers and publishers of a run, and its end.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fastrand::Rng;
use tokio::{task::JoinSet, time::timeout};

use crate::{
    http::{Answer, Connection, Event, Parser},
    judge::{Rules, Verdict, judge},
    ledger::{Ledger, Outcome, Place, To, USERS},
    publisher::{self, Publisher},
    subscriber::{Heard, Spec, subscribe},
};

/// So long a condition is waited for. Only a run that fails waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
pub(crate) const LOOK: Duration = Duration::from_millis(20);
/// Longer than a node may take for an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Lines of what a node said that a failure shows.
const LAST_LINES: usize = 25;

/// Whether the runs are long.
pub(crate) fn is_long() -> bool {
    std::env::var("FEEDBELL_PROOF").is_ok_and(|long| long == "1")
}

/// One of two sizes.
pub(crate) fn either<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// What publishers and subscribers share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) nodes: Vec<SocketAddr>,
    /// Publications that have a place.
    pub(crate) answered: AtomicUsize,
    /// Tries that were answered 503.
    pub(crate) unavailable: AtomicUsize,
    /// How often somebody read on at once from what was just published.
    pub(crate) own_reads: AtomicUsize,
    quiet: AtomicBool,
    over: AtomicBool,
    troubles: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    pub(crate) fn publishes(&self) -> bool {
        !self.quiet.load(Ordering::Relaxed)
    }

    pub(crate) fn trouble(&self, what: String) {
        self.troubles.lock().unwrap().push(what);
    }
}

/// One run.
pub(crate) struct Crowd {
    pub(crate) name: &'static str,
    pub(crate) world: Arc<World>,
    pub(crate) rng: Rng,
    seed: u64,
    began: Instant,
    /// Where the nodes' words are.
    logs: Vec<PathBuf>,
    members: Vec<(Spec, Arc<Mutex<Heard>>)>,
    subscribers: JoinSet<()>,
    publishers: JoinSet<()>,
}

impl Crowd {
    pub(crate) fn new(name: &'static str, nodes: Vec<SocketAddr>, logs: Vec<PathBuf>) -> Self {
        let seed = std::env::var("FEEDBELL_RIG_SEED").ok();
        let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
        Self {
            name,
            world: Arc::new(World {
                ledger: Ledger::default(),
                nodes,
                answered: AtomicUsize::new(0),
                unavailable: AtomicUsize::new(0),
                own_reads: AtomicUsize::new(0),
                quiet: AtomicBool::new(false),
                over: AtomicBool::new(false),
                troubles: Mutex::default(),
            }),
            rng: Rng::with_seed(seed),
            seed,
            began: Instant::now(),
            logs,
            members: Vec::new(),
            subscribers: JoinSet::new(),
            publishers: JoinSet::new(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn spec(&self, index: usize) -> &Spec {
        &self.members[index].0
    }

    /// Each member's, in their order.
    pub(crate) fn each<T>(&self, of: impl Fn(&Heard) -> T) -> Vec<T> {
        let members = self.members.iter();
        members
            .map(|(_, heard)| of(&heard.lock().unwrap()))
            .collect()
    }

    /// Waits for a condition; otherwise shows how things stand.
    pub(crate) async fn until(&self, what: &str, is_so: impl FnMut() -> bool) {
        self.until_still(what, || 0, is_so).await;
    }

    /// The same for as long as something moves.
    async fn until_still(
        &self,
        what: &str,
        moves: impl Fn() -> usize,
        mut is_so: impl FnMut() -> bool,
    ) {
        let (mut before, mut since) = (moves(), Instant::now());
        while !is_so() {
            let now = moves();
            if now != before {
                (before, since) = (now, Instant::now());
            }
            if since.elapsed() > PATIENCE {
                self.fail(&format!("waited in vain: {what}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Many subscribers of all kinds, spread over the nodes; once each has a place.
    pub(crate) async fn subscribe_many(&mut self, many: usize) {
        let nodes = self.world.nodes.len();
        let specs = (0..many).map(|number| Spec {
            user: (number % 4 != 3).then_some(number / nodes % USERS),
            topic: number % 5 == 0,
            node: number % nodes,
            stays: false,
        });
        self.subscribe(specs.collect()).await;
    }

    /// These subscribers; once each has a place.
    pub(crate) async fn subscribe(&mut self, specs: Vec<Spec>) {
        for spec in specs {
            self.member(spec, Heard::default());
        }
        let seated = || self.each(|heard| heard.first.is_some());
        let all = || seated().iter().all(|seated| *seated);
        self.until("all have a place", all).await;
    }

    /// One that comes with a place that it has from elsewhere.
    pub(crate) fn come_from(&mut self, spec: Spec, place: Place) {
        let heard = Heard {
            first: Some(place),
            last_event_id: place.to_string(),
            ..Heard::default()
        };
        self.member(spec, heard);
    }

    fn member(&mut self, spec: Spec, heard: Heard) {
        let heard = Arc::new(Mutex::new(heard));
        let (world, own) = (Arc::clone(&self.world), spec.clone());
        let listens = subscribe(world, own, Arc::clone(&heard));
        self.subscribers.spawn(listens);
        self.members.push((spec, heard));
    }

    /// So many publishers begin.
    pub(crate) fn publish(&mut self, publishers: usize) {
        self.world.quiet.store(false, Ordering::Relaxed);
        for _ in 0..publishers {
            let (world, rng) = (Arc::clone(&self.world), self.rng.fork());
            self.publishers.spawn(publisher::publish(world, rng));
        }
    }

    /// Waits until so many more publications have a place.
    pub(crate) async fn answered(&self, more: usize) {
        let answered = || self.world.answered.load(Ordering::Relaxed);
        let wanted = answered() + more;
        let what = format!("{more} more publications are answered");
        self.until_still(&what, answered, || answered() >= wanted)
            .await;
    }

    /// The publishers stop, each once its last publication is answered.
    pub(crate) async fn quiet(&mut self) {
        self.world.quiet.store(true, Ordering::Relaxed);
        let last = async { while self.publishers.join_next().await.is_some() {} };
        if timeout(PATIENCE, last).await.is_err() {
            self.fail("the last publications are not answered");
        }
    }

    /// One publication, at any node, until it has a place.
    pub(crate) async fn publish_one(&mut self, to: To) -> (usize, Place) {
        let number = self.world.ledger.write(to, "one");
        let mut publisher = Publisher::new(Arc::clone(&self.world));
        let answered = publisher.until_answered(number, &mut self.rng);
        let place = timeout(PATIENCE, answered).await.ok().flatten();
        let Some(place) = place else {
            self.fail(&format!("{number} is not answered"));
        };
        (number, place)
    }

    /// One publication at this node, until it has a place.
    pub(crate) async fn publish_at(&self, to: To, node: usize) -> (usize, Place) {
        let number = self.world.ledger.write(to, "here");
        let mut publisher = Publisher::new(Arc::clone(&self.world));
        let began = Instant::now();
        loop {
            let answer = publisher.once(number, node).await;
            if let Some(place) = answer.as_ref().and_then(publisher::place_in) {
                self.world.ledger.note(number, Outcome::At(place));
                return (number, place);
            }
            if began.elapsed() > PATIENCE {
                self.fail(&format!("node {node} does not take {number}: {answer:?}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Many publications for everyone in one request, at this node.
    pub(crate) async fn publish_batch(&self, many: usize, node: usize) -> Vec<Place> {
        let ledger = &self.world.ledger;
        let numbers: Vec<_> = (0..many)
            .map(|_| ledger.write(To::Everyone, "batch"))
            .collect();
        let documents = numbers.iter().map(|&number| {
            ledger.send(number);
            publisher::document(&self.world, number)
        });
        let body = format!("[{}]", documents.collect::<Vec<_>>().join(","));
        let headers = [("Content-Type", "application/json")];
        let node = self.world.nodes[node];
        let answer = ask(node, "POST", "/publish", &headers, body.as_bytes()).await;
        let answer = answer.unwrap_or_else(|why| self.fail(&format!("a batch: {why}")));
        let ids = answer.json()["ids"].as_array().cloned().unwrap_or_default();
        let places = ids.iter().filter_map(|id| id.as_str()?.parse().ok());
        let places: Vec<Place> = places.collect();
        if places.len() != many {
            self.fail(&format!("a batch was answered {}", answer.text()));
        }
        for (number, place) in numbers.into_iter().zip(&places) {
            ledger.note(number, Outcome::At(*place));
        }
        places
    }

    /// All have what was published so far: publishers stop, and the last publication of all
    /// reaches everybody.
    pub(crate) async fn settle(&mut self) -> Place {
        self.quiet().await;
        let (last, place) = self.publish_one(To::Everyone).await;
        let all = || self.each(|heard| heard.ends_with(last));
        let came = || self.each(|heard| heard.items.len()).iter().sum();
        let what = "the last publication reaches all";
        self.until_still(what, came, || all().iter().all(|has| *has))
            .await;
        place
    }

    /// Settles, judges, and says how it was in one line.
    pub(crate) async fn finish(mut self, rules: &Rules) {
        self.settle().await;
        self.judge(rules);
    }

    pub(crate) fn verdict(&self, rules: &Rules) -> Verdict {
        let members = self.members.iter();
        let heard: Vec<_> = members
            .map(|(spec, heard)| (spec.clone(), heard.lock().unwrap().clone()))
            .collect();
        judge(&self.world.ledger.all(), &heard, rules)
    }

    fn judge(&self, rules: &Rules) {
        let troubles = self.troubles();
        let verdict = self.verdict(rules);
        println!(
            "{}: {} subscribers, {} answered 503, {} own reads, {:.1} s: {verdict}",
            self.name,
            self.count(),
            self.world.unavailable.load(Ordering::Relaxed),
            self.world.own_reads.load(Ordering::Relaxed),
            self.began.elapsed().as_secs_f64(),
        );
        let good = verdict.is_good() && troubles.is_empty();
        assert!(good, "{}", self.report(&format!("{verdict}\n{troubles}")));
    }

    fn troubles(&self) -> String {
        let mut troubles = self.world.troubles.lock().unwrap().clone();
        for log in &self.logs {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let panics = said.lines().filter(|line| line.contains("panicked"));
            troubles.extend(panics.map(str::to_owned));
        }
        troubles.join("\n")
    }

    /// Ends the run with all that is known.
    pub(crate) fn fail(&self, why: &str) -> ! {
        let stands = self.each(|heard| {
            let place = heard.place().map(|place| place.to_string());
            format!(
                "{} items up to {place:?} at {:?}",
                heard.items.len(),
                heard.at
            )
        });
        let troubles = format!("{why}\n{}\n{}", stands.join("\n"), self.troubles());
        panic!("{}", self.report(&troubles))
    }

    fn report(&self, troubles: &str) -> String {
        let mut report = format!("{}, FEEDBELL_RIG_SEED={}: {troubles}", self.name, self.seed);
        for (node, log) in self.logs.iter().enumerate() {
            let said = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<_> = said.lines().collect();
            let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
            report += &format!("\nnode {node} said last:\n{}", last.join("\n"));
        }
        report
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.world.over.store(true, Ordering::Relaxed);
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let asked = async {
        let mut connection = Connection::open(address).await?;
        connection.ask(method, path, headers, body).await
    };
    timeout(ANSWER, asked).await?
}

/// The events of a stream that ended.
pub(crate) fn events_of(answer: &Answer) -> Vec<Event> {
    let mut events = Vec::new();
    Parser::default().feed(&answer.body, |event| events.push(event));
    events
}
