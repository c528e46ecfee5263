//! What is measured: each row is one way to use a server.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use procfs::process::Process;
use procfs::{CurrentSI as _, KernelStats};

use crate::engine::{Caller, Engine, Way, Work};
use crate::hold::{self, Protocol};
use crate::load::{LONGEST, Load, Shape};
use crate::server::{Pinning, Running, Server, cpu_of};
use crate::table::{Measured, many};
use crate::tally::{self, Faults};

/// Events of a stream that are published before those that count.
const WARM_UP: u32 = 5;
/// How long an idle server is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(1);

/// One row: a table over the servers that it fits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// It is picked by this.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    job: Job,
}

#[derive(Clone, Copy, Debug)]
enum Job {
    Idle {
        streams: usize,
    },
    IdleOver {
        protocol: Protocol,
        streams: usize,
    },
    /// One message in flight.
    Fan {
        streams: usize,
        messages: u32,
        shape: Shape,
    },
    /// Each publisher goes on once it was answered.
    Storm {
        streams: usize,
        publishes: u32,
        shape: Shape,
    },
    Targeted {
        streams: u16,
        messages: u32,
        shape: Shape,
    },
    Replay {
        clients: usize,
        messages: u32,
        shape: Shape,
    },
    /// The same with one stream; it is about the publishers.
    Publish {
        publishes: u32,
        shape: Shape,
        stored: bool,
    },
    Slow {
        fast: usize,
        slow: usize,
        messages: u32,
        shape: Shape,
    },
    Reconnect {
        clients: usize,
        missed: u32,
    },
    /// Each client is another user, who has missed messages of its own.
    ReturnOfUsers {
        users: u16,
        missed: u32,
        shape: Shape,
    },
    /// What an engine adds to publishing.
    Engine {
        publishes: u32,
        shape: Shape,
    },
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Enough to see that all of it works.
    Check,
    Quick,
    Full,
}

/// All rows, in the order of the report.
pub(crate) fn rows(scale: Scale) -> Vec<Row> {
    let of = |full: u32, quick: u32, check: u32| match scale {
        Scale::Full => full,
        Scale::Quick => quick,
        Scale::Check => check,
    };
    let streams = |full, quick, check| of(full, quick, check) as usize;
    let plain = Shape::default();
    let four = Shape {
        publishers: 4,
        ..plain
    };
    let sixteen = Shape {
        publishers: 16,
        ..plain
    };
    let fan = |messages, shape| Job::Fan {
        streams: streams(1_000, 500, 50),
        messages,
        shape,
    };
    let all = [
        Row {
            name: "idle",
            title: "Idle connections",
            job: Job::Idle {
                streams: streams(10_000, 2_000, 50),
            },
        },
        Row {
            name: "idle-tls",
            title: "Idle connections over TLS",
            job: Job::IdleOver {
                protocol: Protocol::Tls,
                streams: streams(1_000, 200, 5),
            },
        },
        Row {
            name: "idle-h2",
            title: "Idle connections over HTTP/2 and TLS, one stream each",
            job: Job::IdleOver {
                protocol: Protocol::Http2,
                streams: streams(1_000, 200, 5),
            },
        },
        Row {
            name: "idle-h2-shared",
            title: "Idle streams over HTTP/2 and TLS, a hundred on each connection",
            job: Job::IdleOver {
                protocol: Protocol::Http2Shared,
                streams: streams(1_000, 200, 5),
            },
        },
        Row {
            name: "fan-1k",
            title: "Fan-out, one message in flight, few streams",
            job: fan(of(500, 100, 20), plain),
        },
        Row {
            name: "fan-10k",
            title: "Fan-out, one message in flight, many streams",
            job: Job::Fan {
                streams: streams(10_000, 2_000, 100),
                messages: of(60, 20, 5),
                shape: plain,
            },
        },
        Row {
            name: "fan-19k",
            title: "Fan-out, one message in flight, most streams",
            job: Job::Fan {
                streams: streams(19_000, 4_000, 200),
                messages: of(40, 10, 5),
                shape: plain,
            },
        },
        Row {
            name: "burst",
            title: "Burst",
            job: Job::Storm {
                streams: streams(1_000, 500, 50),
                publishes: of(400, 400, 40),
                shape: four,
            },
        },
        Row {
            name: "targeted",
            title: "Messages to one stream each",
            job: Job::Targeted {
                streams: of(10_000, 2_000, 50).try_into().unwrap(),
                messages: of(20_000, 10_000, 500),
                shape: Shape {
                    targeted: true,
                    ..sixteen
                },
            },
        },
        Row {
            name: "replay",
            title: "Replay",
            job: Job::Replay {
                clients: streams(100, 50, 5),
                messages: of(5_000, 2_000, 300),
                shape: four,
            },
        },
        Row {
            name: "publish",
            title: "Publishing",
            job: Job::Publish {
                publishes: of(20_000, 10_000, 500),
                shape: sixteen,
                stored: false,
            },
        },
        Row {
            name: "durable",
            title: "Publishing, each message on disk before the answer",
            job: Job::Publish {
                publishes: of(20_000, 5_000, 200),
                shape: sixteen,
                stored: true,
            },
        },
        Row {
            name: "durable-batch",
            title: "Publishing batches, each on disk before the answer",
            job: Job::Publish {
                publishes: of(1_000, 200, 20),
                shape: Shape {
                    batch: 100,
                    ..sixteen
                },
                stored: true,
            },
        },
        Row {
            name: "busy",
            title: "Many publishers and many streams",
            job: Job::Storm {
                streams: streams(1_000, 500, 50),
                publishes: of(2_000, 500, 100),
                shape: sixteen,
            },
        },
        Row {
            name: "tiny",
            title: "Messages of 20 bytes, one in flight",
            job: fan(of(500, 100, 20), Shape { size: 20, ..plain }),
        },
        Row {
            name: "large",
            title: "Messages of 4 KiB, one in flight",
            job: fan(
                of(300, 50, 20),
                Shape {
                    size: 4096,
                    ..plain
                },
            ),
        },
        Row {
            name: "named",
            title: "Events of four names in turns, one in flight",
            job: fan(
                of(500, 100, 20),
                Shape {
                    named: true,
                    ..plain
                },
            ),
        },
        Row {
            name: "slow",
            title: "Slow readers among fast ones",
            job: Job::Slow {
                fast: streams(1_000, 500, 50),
                slow: streams(20, 10, 2),
                messages: of(1_500, 1_000, 1_000),
                shape: Shape {
                    size: 4096,
                    ..plain
                },
            },
        },
        Row {
            name: "reconnect",
            title: "All streams drop at once and come back",
            job: Job::Reconnect {
                clients: streams(1_000, 500, 50),
                missed: 50,
            },
        },
        Row {
            name: "storm-users",
            title: "All users come back at once",
            job: Job::ReturnOfUsers {
                users: of(1_000, 200, 20).try_into().unwrap(),
                missed: of(50, 50, 5),
                shape: Shape {
                    targeted: true,
                    publishers: 64,
                    ..plain
                },
            },
        },
        engine(
            "engine-1",
            "At an engine, one publisher",
            of(5_000, 1_000, 50),
            1,
            1,
        ),
        engine(
            "engine-16",
            "At an engine, 16 publishers",
            of(40_000, 5_000, 160),
            16,
            1,
        ),
        engine(
            "engine-64",
            "At an engine, 64 publishers",
            of(60_000, 5_000, 320),
            64,
            1,
        ),
        engine(
            "engine-256",
            "At an engine, 256 publishers",
            of(80_000, 5_000, 512),
            256,
            1,
        ),
        engine(
            "engine-batch",
            "At an engine, batches",
            of(2_000, 200, 32),
            16,
            100,
        ),
    ];
    const QUICK: [&str; 9] = [
        "idle",
        "fan-1k",
        "burst",
        "targeted",
        "replay",
        "publish",
        "storm-users",
        "engine-16",
        "engine-batch",
    ];
    let wanted = |row: &Row| scale != Scale::Quick || QUICK.contains(&row.name);
    all.into_iter().filter(wanted).collect()
}

fn engine(
    name: &'static str,
    title: &'static str,
    publishes: u32,
    publishers: usize,
    batch: u32,
) -> Row {
    let shape = Shape {
        publishers,
        batch,
        ..Shape::default()
    };
    let job = Job::Engine { publishes, shape };
    Row { name, title, job }
}

impl Row {
    /// What is done, in one sentence.
    pub(crate) fn what(&self) -> String {
        match self.job {
            Job::Idle { streams } => format!(
                "{} streams are opened, {} at a time, and left alone.",
                many(streams),
                64
            ),
            Job::IdleOver { streams, .. } => {
                format!("{} streams are opened and left alone.", many(streams))
            }
            Job::Fan {
                streams,
                messages,
                shape,
            } => format!(
                "{} streams; {} messages of {} bytes, each published when all streams have the one before.",
                many(streams),
                messages,
                shape.size
            ),
            Job::Storm {
                streams,
                publishes,
                shape,
            } => format!(
                "{} streams; {} messages from {} publishers, each of which goes on once it was answered: {} deliveries.",
                many(streams),
                many(publishes as usize),
                shape.publishers,
                many(streams * publishes as usize)
            ),
            Job::Targeted {
                streams,
                messages,
                shape,
            } => format!(
                "{} streams of one user each; {} messages to users by chance, from {} publishers.",
                many(streams.into()),
                many(messages as usize),
                shape.publishers
            ),
            Job::Replay {
                clients, messages, ..
            } => format!(
                "{clients} clients come back with their last id and miss {} messages each: {} deliveries.",
                many(messages as usize),
                many(clients * messages as usize)
            ),
            Job::Publish {
                publishes, shape, ..
            } if shape.batch > 1 => format!(
                "{} batches of {} messages from {} publishers, one stream.",
                many(publishes as usize),
                shape.batch,
                shape.publishers
            ),
            Job::Publish {
                publishes, shape, ..
            } => format!(
                "{} messages from {} publishers, one stream.",
                many(publishes as usize),
                shape.publishers
            ),
            Job::Slow {
                fast,
                slow,
                messages,
                shape,
            } => format!(
                "{} streams are read as fast as can be; {} messages of {} bytes, each published when those have \
                 the one before: first they are alone, then {slow} further streams with small buffers take \
                 4 KiB in 50 ms, and catch up at the end.",
                many(fast),
                many(messages as usize),
                shape.size
            ),
            Job::Reconnect { clients, missed } => format!(
                "{} clients drop, {missed} messages are published, all clients come back with their last ids \
                 while a message is published every 10 ms.",
                many(clients)
            ),
            Job::ReturnOfUsers { users, missed, .. } => format!(
                "{} users are gone while {missed} messages are published to each, in turns, then all come back \
                 with their last ids: {} deliveries.",
                many(users.into()),
                many(usize::from(users) * missed as usize)
            ),
            Job::Engine { publishes, shape } => format!(
                "{} requests of {} message{} of {} bytes, {} under way: by `POST /publish`, a connection for \
                 each, and beside that handed to the engine alone, without HTTP.",
                many(publishes as usize),
                shape.batch,
                if shape.batch > 1 { "s" } else { "" },
                shape.size,
                shape.publishers
            ),
        }
    }

    /// Open files that the load and the server need each.
    pub(crate) fn files(&self) -> u64 {
        let streams = match self.job {
            Job::Idle { streams }
            | Job::IdleOver { streams, .. }
            | Job::Fan { streams, .. }
            | Job::Storm { streams, .. } => streams,
            Job::Targeted { streams, .. } => streams.into(),
            Job::Replay { clients, .. } | Job::Reconnect { clients, .. } => clients,
            Job::ReturnOfUsers { users, .. } => users.into(),
            Job::Publish { .. } | Job::Engine { .. } => 0,
            Job::Slow { fast, slow, .. } => fast + slow,
        };
        streams as u64 + 200
    }

    /// Whether it makes sense with this server.
    pub(crate) fn fits(&self, server: &Server) -> bool {
        match self.job {
            Job::IdleOver { .. } => server.is_feedbell() && !server.is_stored(),
            Job::Engine { .. } => server.has_engine() || server.is_stored(),
            _ if server.bare().is_some() => false,
            Job::Publish { stored, .. } => stored <= server.is_stored(),
            Job::ReturnOfUsers { .. } => server.is_feedbell(),
            _ => true,
        }
    }

    /// Measures a server that is started for it.
    ///
    /// # Errors
    /// The server does not do what it should.
    pub(crate) fn measure(&self, server: &Server, pinning: &Pinning) -> anyhow::Result<Measured> {
        match self.job {
            Job::Idle { streams } => idle(server, pinning, streams),
            Job::IdleOver { protocol, streams } => idle_over(server, pinning, protocol, streams),
            Job::Fan {
                streams,
                messages,
                shape,
            } => fan(server, pinning, streams, messages, shape),
            Job::Storm {
                streams,
                publishes,
                shape,
            } => storm(server, pinning, streams, publishes, shape),
            Job::Targeted {
                streams,
                messages,
                shape,
            } => targeted(server, pinning, streams, messages, shape),
            Job::Replay {
                clients,
                messages,
                shape,
            } => replay(server, pinning, clients, messages, shape),
            Job::Publish {
                publishes, shape, ..
            } => publish(server, pinning, publishes, shape),
            Job::Slow {
                fast,
                slow,
                messages,
                shape,
            } => slow_readers(server, pinning, fast, slow, messages, shape),
            Job::Reconnect { clients, missed } => reconnect(server, pinning, clients, missed),
            Job::ReturnOfUsers {
                users,
                missed,
                shape,
            } => return_of_users(server, pinning, users, missed, shape),
            Job::Engine { publishes, shape } => match server.bare() {
                Some(way) => at_engine(pinning, way, publishes, shape),
                None => through_node(server, pinning, publishes, shape),
            },
        }
    }
}

fn idle(server: &Server, pinning: &Pinning, streams: usize) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, Shape::default())?;
    std::thread::sleep(SETTLE / 2);
    let empty = running.memory()?;
    let opening = Meter::start(&running)?;
    load.open(streams)?;
    let opening = opening.stop(&running)?;
    let resting = Meter::start(&running)?;
    load.work_for(SETTLE)?;
    let resting = resting.stop(&running)?;
    let memory = running.memory()?;
    Ok(Measured {
        figures: vec![
            ("kB/connection", kilobytes(memory, empty, streams)),
            ("connects/s", opening.per_second(streams as u64)),
            ("CPU µs/connect", opening.cpu_each(streams as u64)),
            (
                "CPU ms/s, idle",
                resting.cpu.as_secs_f64() * 1e3 / resting.wall.as_secs_f64(),
            ),
            ("MB, empty", empty as f64 / 1e6),
        ],
        faults: load.tally.faults(),
        others: opening.others,
    })
}

fn idle_over(
    server: &Server,
    pinning: &Pinning,
    protocol: Protocol,
    streams: usize,
) -> anyhow::Result<Measured> {
    let running = server.start(pinning, &["--tls", "required"])?;
    std::thread::sleep(SETTLE / 2);
    let empty = running.memory()?;
    let opening = Meter::start(&running)?;
    let held = hold::hold(running.address(), protocol, streams)?;
    let opening = opening.stop(&running)?;
    std::thread::sleep(SETTLE);
    let memory = running.memory()?;
    drop(held);
    Ok(Measured {
        figures: vec![
            ("kB/connection", kilobytes(memory, empty, streams)),
            ("CPU µs/connect", opening.cpu_each(streams as u64)),
            ("MB, empty", empty as f64 / 1e6),
        ],
        faults: Faults::default(),
        // Who holds the streams would count as another program.
        others: 0.0,
    })
}

fn fan(
    server: &Server,
    pinning: &Pinning,
    streams: usize,
    messages: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    let empty = running.memory()?;
    load.open(streams)?;
    load.open_publishers()?;
    one_in_flight(&mut load, streams, WARM_UP)?;
    load.start();
    let meter = Meter::start(&running)?;
    one_in_flight(&mut load, streams, messages)?;
    let cost = meter.stop(&running)?;
    let memory = running.memory()?;
    let mut figures = deliveries(&load, &cost);
    figures.push(("kB/connection", kilobytes(memory, empty, streams)));
    Ok(Measured {
        figures,
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn storm(
    server: &Server,
    pinning: &Pinning,
    streams: usize,
    publishes: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    load.open(streams)?;
    load.open_publishers()?;
    one_in_flight(&mut load, streams, WARM_UP)?;
    load.start();
    let meter = Meter::start(&running)?;
    let publishes = load.publish_all(publishes, || None)?;
    let published = meter.begun.elapsed();
    let all = streams as u64 * u64::from(publishes);
    load.wait(|load| load.tally.delivered >= all)?;
    let cost = meter.stop(&running)?;
    let mut figures = deliveries(&load, &cost);
    figures.push((
        "publishes/s",
        f64::from(publishes) / published.as_secs_f64(),
    ));
    figures.push(("answer p99 ms", milliseconds(&load.answer_time, 0.99)));
    Ok(Measured {
        figures,
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn targeted(
    server: &Server,
    pinning: &Pinning,
    streams: u16,
    messages: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    load.open(streams.into())?;
    load.open_publishers()?;
    let mut random = fastrand::Rng::with_seed(1);
    let mut anyone = || Some(random.u16(..streams));
    let warm_up = load.publish_all(messages / 20, &mut anyone)?;
    load.wait(|load| load.tally.delivered >= warm_up.into())?;
    load.start();
    let meter = Meter::start(&running)?;
    let messages = load.publish_all(messages, &mut anyone)?;
    load.wait(|load| load.tally.delivered >= messages.into())?;
    let cost = meter.stop(&running)?;
    Ok(Measured {
        figures: deliveries(&load, &cost),
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn replay(
    server: &Server,
    pinning: &Pinning,
    clients: usize,
    messages: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    // One who is there sees what the others have to get.
    load.open(1)?;
    load.open_publishers()?;
    one_in_flight(&mut load, 1, 1)?;
    let id = load.last_id(0).to_vec();
    load.start();
    let messages = load.publish_all(messages, || None)?;
    load.wait(|load| load.tally.delivered >= messages.into())?;
    load.start();
    let meter = Meter::start(&running)?;
    load.open_after(clients, 1, &id)?;
    let all = clients as u64 * u64::from(messages);
    load.wait(|load| load.tally.delivered >= all)?;
    let cost = meter.stop(&running)?;
    let mut times = tally::histogram();
    for client in 1..=clients {
        times.saturating_record(load.drained(client).1);
    }
    Ok(Measured {
        figures: vec![
            ("deliveries/s", cost.per_second(load.tally.delivered)),
            ("CPU µs/delivery", cost.cpu_each(load.tally.delivered)),
            ("client p50 ms", milliseconds(&times, 0.5)),
            ("client max ms", milliseconds(&times, 1.0)),
            ("load busy %", cost.busy),
        ],
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn publish(
    server: &Server,
    pinning: &Pinning,
    publishes: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    load.open(1)?;
    load.open_publishers()?;
    let messages = |publishes: u32| u64::from(publishes) * u64::from(shape.batch);
    let warm_up = load.publish_all(publishes / 20, || None)?;
    load.wait(|load| load.tally.delivered >= messages(warm_up))?;
    load.start();
    let meter = Meter::start(&running)?;
    let publishes = load.publish_all(publishes, || None)?;
    let published = meter.begun.elapsed();
    load.wait(|load| load.tally.delivered >= messages(publishes))?;
    let cost = meter.stop(&running)?;
    Ok(Measured {
        figures: vec![
            (
                "messages/s",
                messages(publishes) as f64 / published.as_secs_f64(),
            ),
            ("answer p50 ms", milliseconds(&load.answer_time, 0.5)),
            ("answer p99 ms", milliseconds(&load.answer_time, 0.99)),
            ("answer max ms", milliseconds(&load.answer_time, 1.0)),
            ("CPU µs/message", cost.cpu_each(messages(publishes))),
            ("load busy %", cost.busy),
        ],
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn slow_readers(
    server: &Server,
    pinning: &Pinning,
    fast: usize,
    slow: usize,
    messages: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    load.open(fast)?;
    load.open_publishers()?;
    one_in_flight(&mut load, fast, WARM_UP)?;
    load.start();
    one_in_flight(&mut load, fast, messages / 4)?;
    let alone = milliseconds(&load.tally.latency, 0.99);

    let before = load.tally.sent();
    load.tally.timed = fast;
    let slow = (0..slow)
        .map(|_| load.open_slow())
        .collect::<anyhow::Result<Vec<_>>>()?;
    load.start();
    let meter = Meter::start(&running)?;
    let mut sipped = Instant::now();
    let is_slow = |load: &Load| {
        slow.iter()
            .map(|stream| u64::from(load.drained(*stream).0))
            .sum::<u64>()
    };
    for nth in 1..=u64::from(messages) {
        load.publish(0, None)?;
        let all = nth * fast as u64;
        // What the slow ones got counts as delivered too.
        load.wait(|load| load.tally.delivered - is_slow(load) >= all && load.all_answered())?;
        if sipped.elapsed() >= Duration::from_millis(50) {
            sipped = Instant::now();
            for stream in &slow {
                load.sip(*stream, 4096)?;
            }
        }
        if meter.begun.elapsed() > LONGEST {
            break;
        }
    }
    let cost = meter.stop(&running)?;
    let behind = is_slow(&load);
    let latency = load.tally.latency.clone();
    let fast_got = load.tally.delivered - behind;

    let catching_up = Instant::now();
    for stream in &slow {
        load.hurry(*stream)?;
    }
    let owed = u64::from(load.tally.sent() - before) * slow.len() as u64;
    let mut cuts = 0;
    loop {
        load.wait(|load| load.tally.delivered >= fast_got + owed || !load.cut.is_empty())?;
        if load.cut.is_empty() {
            break;
        }
        for stream in std::mem::take(&mut load.cut) {
            cuts += 1;
            load.resume(stream)?;
        }
    }
    Ok(Measured {
        figures: vec![
            ("deliveries/s", cost.per_second(fast_got)),
            ("CPU µs/delivery", cost.cpu_each(fast_got)),
            ("p50 ms", milliseconds(&latency, 0.5)),
            ("p99 ms", milliseconds(&latency, 0.99)),
            ("alone p99 ms", alone),
            ("slow behind by", (owed - behind) as f64 / slow.len() as f64),
            ("slow cut", f64::from(cuts)),
            (
                "caught up after ms",
                catching_up.elapsed().as_secs_f64() * 1e3,
            ),
        ],
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn reconnect(
    server: &Server,
    pinning: &Pinning,
    clients: usize,
    missed: u32,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, Shape::default())?;
    load.open(clients)?;
    load.open_publishers()?;
    one_in_flight(&mut load, clients, WARM_UP)?;
    for client in 0..clients {
        load.drop_stream(client);
    }
    load.start();
    let missed = load.publish_all(missed, || None)?;
    let meter = Meter::start(&running)?;
    let mut next = Duration::ZERO;
    let tick = |load: &mut Load, next: &mut Duration| {
        if meter.begun.elapsed() >= *next && load.all_answered() {
            *next = meter.begun.elapsed() + Duration::from_millis(10);
            load.publish(0, None)?;
        }
        anyhow::Ok(())
    };
    for client in 0..clients {
        load.resume(client)?;
        tick(&mut load, &mut next)?;
    }
    let has_missed = |load: &Load| (0..clients).any(|client| load.drained(client).0 < missed);
    let begun = Instant::now();
    while has_missed(&load) && begun.elapsed() < Duration::from_secs(30) {
        load.turn(Duration::from_millis(1))?;
        tick(&mut load, &mut next)?;
    }
    let cost = meter.stop(&running)?;
    let back = load.tally.delivered;
    let all = u64::from(load.tally.sent() - WARM_UP) * clients as u64;
    load.wait(|load| load.tally.delivered >= all && load.all_answered())?;
    Ok(Measured {
        figures: vec![
            ("clients back/s", cost.per_second(clients as u64)),
            ("all back after ms", cost.wall.as_secs_f64() * 1e3),
            ("CPU µs/client", cost.cpu_each(clients as u64)),
            ("deliveries/s", cost.per_second(back)),
            ("load busy %", cost.busy),
        ],
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn return_of_users(
    server: &Server,
    pinning: &Pinning,
    users: u16,
    missed: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    load.open(users.into())?;
    load.open_publishers()?;
    // Each has an id to come back with.
    let mut everyone = (0..users).cycle();
    load.publish_all(users.into(), || everyone.next())?;
    load.wait(|load| load.tally.delivered >= u64::from(users) && load.all_answered())?;
    for user in 0..usize::from(users) {
        load.drop_stream(user);
    }
    load.start();
    let all = load.publish_all(u32::from(users) * missed, || everyone.next())?;
    // What is answered is to be at hand, too, where it is copied first.
    load.work_for(SETTLE)?;
    load.start();
    let meter = Meter::start(&running)?;
    for user in 0..usize::from(users) {
        load.resume(user)?;
    }
    load.wait(|load| load.tally.delivered >= all.into())?;
    let cost = meter.stop(&running)?;
    let mut times = tally::histogram();
    for user in 0..usize::from(users) {
        times.saturating_record(load.drained(user).1);
    }
    Ok(Measured {
        figures: vec![
            ("all back after ms", cost.wall.as_secs_f64() * 1e3),
            ("user p50 ms", milliseconds(&times, 0.5)),
            ("user max ms", milliseconds(&times, 1.0)),
            ("CPU µs/user", cost.cpu_each(users.into())),
            ("deliveries/s", cost.per_second(all.into())),
            ("load busy %", cost.busy),
        ],
        faults: load.tally.faults(),
        others: cost.others,
    })
}

/// The engine alone takes the messages of so many publishes.
fn at_engine(
    pinning: &Pinning,
    way: Way,
    publishes: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let engine = Engine::start(folder.path(), |command| pinning.spawn(command))?;
    let process = Process::new(i32::try_from(engine.id())?)?;
    let mut caller = Caller::connect(engine.address())?;
    if way != Way::Xadd {
        caller.open_hub()?;
    }
    let mut work = Work {
        messages: publishes * shape.batch,
        size: shape.size,
        batch: shape.batch,
        in_flight: u32::try_from(shape.publishers)?,
    };
    let all = work.messages;
    work.messages = (all / 20).max(work.batch * work.in_flight);
    caller.work(way, work)?;
    work.messages = all;
    let (cpu, own, everyones) = (cpu_of(&process)?, own_cpu()?, everyones_cpu()?);
    let begun = Instant::now();
    let times = caller.work(way, work)?;
    let wall = begun.elapsed();
    let cpu = cpu_of(&process)?.saturating_sub(cpu);
    let own = own_cpu()?.saturating_sub(own);
    let everyones = everyones_cpu()?.saturating_sub(everyones);
    Ok(Measured {
        figures: published(all, wall, &times, Duration::ZERO, cpu, own),
        faults: Faults::default(),
        others: share(everyones.saturating_sub(cpu + own), wall)?,
    })
}

/// The same by HTTP, at a node or at a hub that is alone.
fn through_node(
    server: &Server,
    pinning: &Pinning,
    publishes: u32,
    shape: Shape,
) -> anyhow::Result<Measured> {
    let (running, mut load) = start(server, pinning, shape)?;
    load.open(1)?;
    load.open_publishers()?;
    let messages = |publishes: u32| publishes * shape.batch;
    let warm_up = load.publish_all((publishes / 20).max(1), || None)?;
    load.wait(|load| load.tally.delivered >= messages(warm_up).into())?;
    let engine = running.engine().map(|engine| i32::try_from(engine.id()));
    let engine = engine.transpose()?.map(Process::new).transpose()?;
    let engine_cpu = || engine.as_ref().map_or(Ok(Duration::ZERO), cpu_of);
    load.start();
    let (meter, before) = (Meter::start(&running)?, engine_cpu()?);
    let publishes = load.publish_all(publishes, || None)?;
    let wall = meter.begun.elapsed();
    load.wait(|load| load.tally.delivered >= messages(publishes).into())?;
    let own = own_cpu()?.saturating_sub(meter.own);
    let (cost, engine) = (meter.stop(&running)?, engine_cpu()?.saturating_sub(before));
    let node = cost.cpu.saturating_sub(engine);
    Ok(Measured {
        figures: published(
            messages(publishes),
            wall,
            &load.answer_time,
            node,
            engine,
            own,
        ),
        faults: load.tally.faults(),
        others: cost.others,
    })
}

fn published(
    messages: u32,
    wall: Duration,
    answers: &Histogram<u64>,
    node: Duration,
    engine: Duration,
    load: Duration,
) -> Vec<(&'static str, f64)> {
    let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / f64::from(messages);
    vec![
        ("messages/s", f64::from(messages) / wall.as_secs_f64()),
        ("answer p50 ms", milliseconds(answers, 0.5)),
        ("answer p99 ms", milliseconds(answers, 0.99)),
        ("node CPU µs/message", each(node)),
        ("engine CPU µs/message", each(engine)),
        (
            "load busy %",
            load.as_secs_f64() / wall.as_secs_f64() * 100.0,
        ),
    ]
}

fn start(server: &Server, pinning: &Pinning, shape: Shape) -> anyhow::Result<(Running, Load)> {
    let running = server.start(pinning, &[])?;
    let load = Load::new(running.address(), running.dialect(), shape)?;
    Ok((running, load))
}

/// Publishes each message when all streams have the one before.
fn one_in_flight(load: &mut Load, streams: usize, messages: u32) -> anyhow::Result<()> {
    let begun = Instant::now();
    for _ in 0..messages {
        let all = load.tally.delivered + streams as u64;
        load.publish(0, None)?;
        let came = load.wait(|load| load.tally.delivered >= all && load.all_answered())?;
        ensure!(
            came,
            "{} deliveries do not come",
            all - load.tally.delivered
        );
        if begun.elapsed() > LONGEST {
            break;
        }
    }
    Ok(())
}

/// What a stretch of time cost.
struct Meter {
    cpu: Duration,
    own: Duration,
    everyones: Duration,
    begun: Instant,
}

struct Cost {
    cpu: Duration,
    wall: Duration,
    /// What other programs took of all CPUs, as a share.
    others: f64,
    /// Percent of the time that the load had something to do: close to 100, the server may be
    /// faster than what was measured.
    busy: f64,
}

impl Meter {
    fn start(running: &Running) -> anyhow::Result<Self> {
        Ok(Self {
            cpu: running.cpu()?,
            own: own_cpu()?,
            everyones: everyones_cpu()?,
            begun: Instant::now(),
        })
    }

    fn stop(self, running: &Running) -> anyhow::Result<Cost> {
        let wall = self.begun.elapsed();
        let cpu = running.cpu()?.saturating_sub(self.cpu);
        let own = own_cpu()?.saturating_sub(self.own);
        let everyones = everyones_cpu()?.saturating_sub(self.everyones);
        Ok(Cost {
            cpu,
            wall,
            others: share(everyones.saturating_sub(cpu + own), wall)?,
            busy: own.as_secs_f64() / wall.as_secs_f64() * 100.0,
        })
    }
}

impl Cost {
    fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64()
    }

    /// Microseconds.
    fn cpu_each(&self, count: u64) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / count as f64
    }
}

fn own_cpu() -> anyhow::Result<Duration> {
    let stat = Process::myself()?.task_main_thread()?.schedstat();
    let stat = stat.context("the system does not say how long a thread ran")?;
    Ok(Duration::from_nanos(stat.sum_exec_runtime))
}

/// CPU time of the whole machine, also what the machine was not given.
fn everyones_cpu() -> anyhow::Result<Duration> {
    let all = KernelStats::current()?.total;
    let ticks = all.user + all.nice + all.system;
    let further = [all.irq, all.softirq, all.steal].into_iter().flatten();
    let ticks = ticks + further.sum::<u64>();
    Ok(Duration::from_secs_f64(
        ticks as f64 / procfs::ticks_per_second() as f64,
    ))
}

/// How much of all CPUs this is.
fn share(cpu: Duration, wall: Duration) -> anyhow::Result<f64> {
    let cpus = KernelStats::current()?.cpu_time.len() as f64;
    Ok(cpu.as_secs_f64() / wall.as_secs_f64() / cpus)
}

fn deliveries(load: &Load, cost: &Cost) -> Vec<(&'static str, f64)> {
    let (delivered, latency) = (load.tally.delivered, &load.tally.latency);
    vec![
        ("deliveries/s", cost.per_second(delivered)),
        ("CPU µs/delivery", cost.cpu_each(delivered)),
        ("p50 ms", milliseconds(latency, 0.5)),
        ("p99 ms", milliseconds(latency, 0.99)),
        ("max ms", milliseconds(latency, 1.0)),
        ("load busy %", cost.busy),
    ]
}

fn milliseconds(times: &Histogram<u64>, quantile: f64) -> f64 {
    times.value_at_quantile(quantile) as f64 / 1e6
}

fn kilobytes(now: u64, before: u64, connections: usize) -> f64 {
    (now as f64 - before as f64) / 1e3 / connections as f64
}
