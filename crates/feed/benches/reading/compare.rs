//! Rounds, medians and the table.

use std::{
    fs,
    ops::ControlFlow,
    sync::Once,
    thread,
    time::{Duration, Instant},
};

use cpu_time::{ProcessTime, ThreadTime};
use tokio::runtime;
use url::Url;

use crate::{
    clients::Client,
    loads::{LOADS, Load},
};

/// Each round lets every client read every load once.
const ROUNDS: usize = 7;

/// What the process allocated so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Allocated {
    pub(crate) times: usize,
    pub(crate) bytes: usize,
}

/// Counts the events of one run, and what they cost.
pub(crate) struct Tally {
    warm_up: usize,
    enough: usize,
    allocated: fn() -> Allocated,
    events: usize,
    data_bytes: usize,
    began: Option<Began>,
    cost: Option<Cost>,
}

struct Began {
    cpu: Duration,
    wall: Instant,
    allocated: Allocated,
}

/// The cost of the events that counted.
#[derive(Clone, Copy)]
struct Cost {
    cpu: Duration,
    wall: Duration,
    allocated: Allocated,
}

impl Tally {
    fn new(load: &Load, allocated: fn() -> Allocated) -> Self {
        let warm_up = load.events / 10;
        Self {
            warm_up,
            enough: warm_up + load.events,
            allocated,
            events: 0,
            data_bytes: 0,
            began: None,
            cost: None,
        }
    }

    /// Takes one event; breaks when there were enough.
    pub(crate) fn add(&mut self, name: &str, data_bytes: usize) -> ControlFlow<()> {
        assert_ne!(name, "message", "each event has a name");
        self.events += 1;
        self.data_bytes += data_bytes;
        if self.events == self.warm_up {
            self.began = Some(Began {
                allocated: (self.allocated)(),
                wall: Instant::now(),
                cpu: thread_cpu(),
            });
        }
        if self.events < self.enough {
            return ControlFlow::Continue(());
        }
        if let Some(began) = &self.began {
            let allocated = (self.allocated)();
            self.cost = Some(Cost {
                cpu: thread_cpu() - began.cpu,
                wall: began.wall.elapsed(),
                allocated: Allocated {
                    times: allocated.times - began.allocated.times,
                    bytes: allocated.bytes - began.allocated.bytes,
                },
            });
        }
        ControlFlow::Break(())
    }
}

/// Compares the clients and prints a table: of time, or of allocations if they
/// are counted. Words among the arguments choose loads and clients by their names.
pub(crate) fn compare(count: Option<fn() -> Allocated>) {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let chosen = chosen(&LOADS, &words, |load| load.name);
    let clients = self::chosen(&Client::ALL, &words, |client| client.name());
    let loads: Vec<(&Load, Url)> = chosen.iter().map(|load| (*load, load.serve())).collect();

    let began = (Instant::now(), ProcessTime::now(), busy());
    let rounds = if count.is_some() { 1 } else { ROUNDS };
    let mut runs: Vec<(&str, Client, Cost)> = Vec::new();
    for round in 1..=rounds {
        for (load, url) in &loads {
            eprintln!("round {round} of {rounds}: {}", load.name);
            for &&client in &clients {
                let cost = run(client, load, url, count.unwrap_or(Allocated::default));
                runs.push((load.name, client, cost));
            }
        }
    }

    println!("{}\n", conditions(rounds, began));
    println!("{}", if count.is_some() { COUNTED } else { TIMED });
    for (load, _) in loads {
        let costs = |who: Client, what: fn(&Cost) -> f64| -> Vec<f64> {
            runs.iter()
                .filter(|(of, client, _)| *of == load.name && *client == who)
                .map(|(_, _, cost)| what(cost) / load.events as f64)
                .collect()
        };
        for &&client in &clients {
            print!("| {} | {} ", load.name, client.name());
            if count.is_some() {
                let times = median(costs(client, |cost| cost.allocated.times as f64));
                let bytes = median(costs(client, |cost| cost.allocated.bytes as f64));
                println!("| {times:.1} | {} |", thousands(bytes));
            } else {
                let cpu = |who| costs(who, |cost| cost.cpu.as_secs_f64() * 1e6);
                let micros = median(cpu(client));
                // Within one round, as the machine is not the same in the next.
                let bare = cpu(Client::Bare);
                let beside = cpu(client)
                    .into_iter()
                    .zip(bare)
                    .map(|(it, bare)| it / bare);
                let beside = median(beside.collect());
                let rate = 1.0 / median(costs(client, |cost| cost.wall.as_secs_f64()));
                println!("| {micros:.2} µs | {beside:.2} | {} |", thousands(rate));
            }
        }
    }
}

/// What this thread used so far, in the kernel too.
fn thread_cpu() -> Duration {
    ThreadTime::now().as_duration()
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_unstable_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or(f64::NAN)
}

const TIMED: &str = "\
| load | client | CPU per event | eventsource-client = 1 | events/s |
| --- | --- | ---: | ---: | ---: |";
const COUNTED: &str = "\
| load | client | allocations per event | bytes allocated per event |
| --- | --- | ---: | ---: |";

/// Those whose name holds one of the words; all, if no word names any.
fn chosen<'a, T>(all: &'a [T], words: &[String], name: fn(&T) -> &str) -> Vec<&'a T> {
    let named = |one: &&T| words.iter().any(|word| name(one).contains(word));
    if all.iter().any(|one| named(&one)) {
        all.iter().filter(named).collect()
    } else {
        all.iter().collect()
    }
}

/// One client on one load, on a runtime of this thread alone. In a task, as in
/// any program: tokio treats what it blocks on otherwise, and slower.
fn run(client: Client, load: &Load, url: &Url, allocated: fn() -> Allocated) -> Cost {
    static CRYPTO: Once = Once::new();
    CRYPTO.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap();
    });
    let url = url.clone();
    let mut tally = Tally::new(load, allocated);
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let reading = runtime.spawn(async move {
        client.read(url, &mut tally).await;
        tally
    });
    let tally = runtime.block_on(reading).unwrap();
    assert_eq!(
        tally.data_bytes,
        load.data_bytes(tally.events),
        "{} lost or changed something",
        client.name()
    );
    tally.cost.unwrap()
}

fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}

/// What was compared, on what, and what else this machine did meanwhile.
fn conditions(
    rounds: usize,
    (began, own, busy_before): (Instant, ProcessTime, Option<Duration>),
) -> String {
    let versions: Vec<String> = [
        "eventsource-client",
        "reqwest-eventsource",
        "reqwest",
        "hyper",
        "tokio",
    ]
    .into_iter()
    .map(|name| format!("{name} {}", versions(name).join(" and ")))
    .collect();
    let cores = thread::available_parallelism().unwrap();
    let cpu = first_line_of("/proc/cpuinfo", "model name");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let others = match (busy_before, busy()) {
        (Some(before), Some(after)) => {
            let others = (after - before).saturating_sub(own.elapsed()).as_secs_f64();
            let all = began.elapsed().as_secs_f64() * cores.get() as f64;
            format!(
                "; other programs used {:.0} % of the machine meanwhile",
                others / all * 100.0
            )
        }
        _ => String::new(),
    };
    format!(
        "{}; {} {}, {} {cores} cores, {cpu}; {rounds} × every client in turn, medians{others}.",
        versions.join(", "),
        std::env::consts::OS,
        kernel.trim(),
        std::env::consts::ARCH,
    )
}

/// The versions of a crate that this was built with.
fn versions(name: &str) -> Vec<&'static str> {
    let mut lines = include_str!("../../../../Cargo.lock").lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if line == format!("name = \"{name}\"") {
            let version = lines.next().and_then(|line| line.split('"').nth(1));
            found.extend(version);
        }
    }
    found
}

fn first_line_of(file: &str, key: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(key));
    line.and_then(|line| line.split(": ").nth(1))
        .unwrap_or("unknown CPU")
        .to_owned()
}

/// Time all programs used since the machine started, where Linux tells.
fn busy() -> Option<Duration> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .map_while(|field| field.parse().ok())
        .collect();
    // user, nice, system, then idle and iowait, then irq, softirq and steal.
    let busy: u64 = [0, 1, 2, 5, 6, 7]
        .iter()
        .filter_map(|&i| ticks.get(i))
        .sum();
    Some(Duration::from_millis(busy * 10))
}
