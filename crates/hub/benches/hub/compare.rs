//! Which rows and which servers, in rounds, and the report.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use clap::{Parser, ValueEnum};

use crate::engine::{self, Way};
use crate::hold::{self, Protocol};
use crate::load::LONGEST;
use crate::rows::{Row, Scale, rows};
use crate::server::{self, Kind, Log, Pinning, Role, Server};
use crate::table::{Rounds, table};
use crate::tally::Faults;

/// Compares the hub with other servers of event streams, and prints tables.
///
/// Feedbell is the program that the variable FEEDBELL names, or target/measure/feedbell.
#[derive(Debug, Parser)]
struct Options {
    /// A few rows with few streams, one round: under a minute
    #[arg(long)]
    quick: bool,
    /// Only see whether it works: raw, with tiny numbers; fails when a message is lost
    #[arg(long)]
    check: bool,
    /// How often each is measured
    #[arg(long)]
    rounds: Option<usize>,
    /// These rows alone: their names, with commas between
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// These servers alone: their names, with commas between
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// One more Feedbell, with further flags of `feedbell serve`, or with another program before them
    #[arg(long, value_name = "NAME=[PROGRAM] FLAGS", value_parser = also)]
    also: Vec<(String, Vec<String>)>,
    /// Let the server and the load use all CPUs
    #[arg(long)]
    free: bool,
    /// Show the names of the rows and servers, and end
    #[arg(long)]
    list: bool,
    /// Be a server
    #[arg(long, hide = true)]
    role: Option<Role>,
    /// Hold streams open: what they speak, the server, and how many
    #[arg(long, hide = true, num_args = 3, value_names = ["PROTOCOL", "ADDRESS", "COUNT"])]
    hold: Vec<String>,
    /// Said by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

pub(crate) fn main() -> ExitCode {
    let options = Options::parse();
    let done = match (options.role, options.hold.as_slice()) {
        (Some(role), _) => server::play(role).map(|()| true),
        (None, [protocol, address, count]) => hold_streams(protocol, address, count),
        (None, _) => compare(&options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("hub: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn hold_streams(protocol: &str, address: &str, count: &str) -> anyhow::Result<bool> {
    let protocol = Protocol::from_str(protocol, false).map_err(anyhow::Error::msg)?;
    hold::open(address.parse::<SocketAddr>()?, protocol, count.parse()?)?;
    Ok(true)
}

/// `false`: something went wrong in a way that must not be.
fn compare(options: &Options) -> anyhow::Result<bool> {
    let scale = match (options.check, options.quick) {
        (true, _) => Scale::Check,
        (_, true) => Scale::Quick,
        _ => Scale::Full,
    };
    let mut notes = Vec::new();
    let rows = picked(rows(scale), &options.rows, |row| row.name)?;
    let mut wanted = options.servers.clone();
    if options.check && wanted.is_empty() {
        wanted = ["raw", "raw-coalescing"].map(str::to_owned).to_vec();
        wanted.extend(engine::version().map(|_| "XADD".to_owned()));
    }
    let servers = picked(servers(options, &mut notes)?, &wanted, |server| {
        &server.name
    })?;
    if options.list {
        for row in &rows {
            println!("{:14} {}", row.name, row.title);
        }
        for server in &servers {
            println!("server: {}", server.name);
        }
        return Ok(true);
    }
    let files = rlimit::increase_nofile_limit(u64::MAX)?;
    let pinning = Pinning::new(options.free);
    let rounds = options
        .rounds
        .unwrap_or(if scale == Scale::Full { 3 } else { 1 });
    ensure!(rounds > 0, "there is nothing to show after no rounds");
    conditions(&pinning, rounds, &servers, &notes);

    let mut good = true;
    for row in rows {
        println!("\n### {} (`{}`)\n\n{}\n", row.title, row.name, row.what());
        if row.files() > files {
            let needs = row.files();
            println!("Left out: it takes {needs} open files, and the system allows {files}.");
            continue;
        }
        let measured = measure(&row, &servers, &pinning, rounds);
        if measured.is_empty() {
            println!("None of these servers can do it.");
            continue;
        }
        print!("{}", table(&measured));
        let must = |(name, _): &&(String, Rounds)| {
            let of = servers.iter().find(|server| server.name == *name);
            of.is_some_and(|server| server.is_feedbell() || name.starts_with("raw"))
        };
        good &= measured.iter().filter(must).all(|(_, rounds)| {
            let mut all = rounds.iter().flatten();
            rounds.is_ok() && all.all(|round| round.faults == Faults::default())
        });
    }
    Ok(good)
}

/// In each round each server takes its turn.
fn measure(
    row: &Row,
    servers: &[Server],
    pinning: &Pinning,
    rounds: usize,
) -> Vec<(String, Rounds)> {
    let servers: Vec<_> = servers.iter().filter(|server| row.fits(server)).collect();
    let names = servers.iter().map(|server| server.name.clone());
    let mut measured: Vec<(String, Rounds)> = names.map(|name| (name, Ok(Vec::new()))).collect();
    for round in 1..=rounds {
        for (server, (_, all)) in servers.iter().zip(&mut measured) {
            let Ok(all_good) = all else { continue };
            let begun = Instant::now();
            match row.measure(server, pinning) {
                Ok(one) => all_good.push(one),
                Err(why) => *all = Err(format!("{why:#}")),
            }
            let took = begun.elapsed().as_secs_f64();
            eprintln!("{}, round {round}, {}: {took:.1} s", row.name, server.name);
        }
    }
    measured
}

fn picked<T>(all: Vec<T>, wanted: &[String], name: impl Fn(&T) -> &str) -> anyhow::Result<Vec<T>> {
    if wanted.is_empty() {
        return Ok(all);
    }
    for wanted in wanted {
        if !all.iter().any(|one| name(one) == wanted.trim()) {
            let names: Vec<_> = all.iter().map(&name).collect();
            bail!("there is no “{wanted}”; there are: {}", names.join("; "));
        }
    }
    let is_wanted = |one: &T| wanted.iter().any(|wanted| wanted.trim() == name(one));
    Ok(all.into_iter().filter(is_wanted).collect())
}

fn servers(options: &Options, notes: &mut Vec<String>) -> anyhow::Result<Vec<Server>> {
    let own = |name: &str, role| Server {
        name: name.to_owned(),
        kind: Kind::Own(role),
    };
    let mut servers = vec![
        own("raw", Role::Raw),
        own("raw-coalescing", Role::RawCoalescing),
        own("axum", Role::Axum),
    ];
    match server::find_nchan() {
        Some(module) => servers.push(Server {
            name: "nchan".to_owned(),
            kind: Kind::Nchan { module },
        }),
        None => notes.push("nchan is left out: nginx with its module is not installed".to_owned()),
    }
    let has_engine = engine::version().is_some();
    if has_engine {
        let ways = [
            ("XADD", Way::Xadd),
            ("feedbell_append", Way::Append),
            ("feedbell_append together", Way::AppendTogether),
        ];
        servers.extend(ways.map(|(name, way)| Server {
            name: name.to_owned(),
            kind: Kind::Bare(way),
        }));
    } else {
        notes.push("nothing is measured on an engine: redis-server is not installed".to_owned());
    }
    let usual = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../measure/feedbell");
    let program = std::env::var_os("FEEDBELL").map_or(usual, PathBuf::from);
    let mut feedbells = vec![("feedbell".to_owned(), program.clone(), Vec::new())];
    for (name, flags) in &options.also {
        let (program, flags) = match flags.split_first() {
            Some((other, flags)) if !other.starts_with('-') => (other.into(), flags.to_vec()),
            _ => (program.clone(), flags.clone()),
        };
        feedbells.push((name.clone(), program, flags));
    }
    for (name, program, flags) in feedbells {
        let Ok(program) = program.canonicalize() else {
            let path = program.display();
            if options.check {
                continue;
            }
            bail!(
                "there is no {path}: build it with `cargo build --profile measure -p cli \
                 --bin feedbell`, or name another in the variable FEEDBELL"
            );
        };
        let logs = [
            (name.clone(), Log::Memory),
            (format!("{name}-stored"), Log::Disk),
            (format!("{name}-redis"), Log::Engine),
        ];
        let possible = |(_, log): &(String, Log)| *log != Log::Engine || has_engine;
        for (name, log) in logs.into_iter().filter(possible) {
            let (program, flags) = (program.clone(), flags.clone());
            servers.push(Server {
                name,
                kind: Kind::Feedbell {
                    program,
                    flags,
                    log,
                },
            });
        }
    }
    Ok(servers)
}

fn also(text: &str) -> Result<(String, Vec<String>), String> {
    let (name, flags) = text.split_once('=').ok_or("write NAME=FLAGS")?;
    if name.is_empty() || name.contains(',') {
        return Err("a name has at least one letter, and no comma".to_owned());
    }
    let flags = flags.split_whitespace().map(str::to_owned).collect();
    Ok((name.to_owned(), flags))
}

/// What the figures depend on.
fn conditions(pinning: &Pinning, rounds: usize, servers: &[Server], notes: &[String]) {
    let line = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let info = line("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model
        .unwrap_or_default()
        .trim_start_matches([':', '\t', ' ']);
    let cpus = info
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let kernel = line("/proc/sys/kernel/osrelease");
    println!("## The hub beside other servers\n");
    println!(
        "Linux {}, {cpus} CPUs: {model}; over loopback.",
        kernel.trim()
    );
    println!(
        "{} Servers take turns, each started anew for each measurement; medians of {rounds} rounds, \
         the ratio that of each round to raw in the same. Nothing is published for longer than {} s.",
        if pinning.is_apart() {
            "The server has the first CPU, the load the second."
        } else {
            "The server and the load share all CPUs."
        },
        LONGEST.as_secs(),
    );
    for server in servers {
        println!("* {}: {}", server.name, described(server));
    }
    for note in notes {
        println!("* {note}");
    }
    if servers.iter().any(Server::has_engine) {
        println!(
            "\nA server's engine has the server's CPU, and its CPU time and memory count as the \
             server's; it has each change in a file before it answers, and on disk within a second."
        );
    }
}

fn described(server: &Server) -> String {
    let first_line = |program: &Path, flag: &str| {
        let output = Command::new(program).arg(flag).output();
        let output = output.context("it ends").map(|mut output| {
            output.stdout.append(&mut output.stderr);
            String::from_utf8_lossy(&output.stdout)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned()
        });
        output.unwrap_or_default()
    };
    match &server.kind {
        Kind::Own(Role::Raw) => {
            "one readiness loop, a shared log of bytes, one send for each delivery, no checks"
                .into()
        }
        Kind::Own(Role::RawCoalescing) => {
            "the same, but all publishers that are ready are read first, then one send a stream"
                .into()
        }
        Kind::Own(Role::Axum) => format!(
            "axum {}'s own Sse and keep-alive, hyper {}, tokio {}'s broadcast channel",
            locked("axum"),
            locked("hyper"),
            locked("tokio")
        ),
        Kind::Nchan { .. } => format!(
            "{}, nchan's event source, one worker, messages in memory",
            first_line(Path::new("nginx"), "-v").replace("nginx version: ", "")
        ),
        Kind::Feedbell {
            program,
            flags,
            log,
        } => format!(
            "{}, `serve{}{}`",
            first_line(program, "--version"),
            match log {
                Log::Memory => " --memory",
                Log::Disk => " --data …",
                Log::Engine => " --data … --backplane …",
            },
            flags
                .iter()
                .map(|flag| format!(" {flag}"))
                .collect::<String>()
        ),
        Kind::Bare(way) => format!(
            "{} alone, {}, one plain connection",
            engine::version().unwrap_or_default(),
            match way {
                Way::Xadd => "one XADD for each message",
                Way::Append => "the nodes' function, called for each request",
                Way::AppendTogether => "the nodes' function, called for all requests under way",
            }
        ),
    }
}

/// The version of a package that this was built with.
fn locked(package: &str) -> String {
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    let lock = std::fs::read_to_string(lock).unwrap_or_default();
    let begin = format!("name = \"{package}\"\nversion = \"");
    let rest = lock.split_once(&begin).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default().to_owned()
}
