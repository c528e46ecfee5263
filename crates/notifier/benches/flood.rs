//! What a flood costs: a server sends a feed thousands of events a second, and each of them goes the
//! whole way, from the socket through rules into an inbox on disk, while a tray or a window follows.
//!
//! Three processes, so that each one's cost can be told: the server, the notifier with what a front
//! end does, and this one, which starts both, looks into the inbox from outside and prints a table.
//! Words among the arguments choose loads by their names; a number makes others of so many events.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program to look at, which sleeps between two looks"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use notifier::{
    Announcement, NotifierConfig, NotifierHandle, Update, start, system_clock,
    view::{FeedState, MessageQuery},
};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Notify, mpsc};

/// As the desktop app has them.
const WORKERS: usize = 2;
/// As often as the desktop app draws its tray at the most.
const REDRAW: Duration = Duration::from_millis(400);
/// As long as the window rests between two looks at its list.
const WINDOW_REST: Duration = Duration::from_millis(100);
/// Notifications that wait for a daemon, as in the desktop app.
const RINGING: usize = 64;
/// How often the inbox is looked into from outside.
const LOOK: Duration = Duration::from_millis(1);
/// How often memory is looked at.
const WEIGH: Duration = Duration::from_millis(250);
/// How long the rest may take to arrive once the server has sent all.
const PATIENCE: Duration = Duration::from_secs(120);

struct Load {
    name: &'static str,
    events: u32,
    /// Events a second; none: as fast as they are taken.
    rate: Option<u32>,
    /// A window is open and shows the list; without one there is a tray.
    window: bool,
}

const LOADS: [Load; 6] = [
    Load {
        name: "10 a second, tray",
        events: 100,
        rate: Some(10),
        window: false,
    },
    Load {
        name: "100 a second, tray",
        events: 1_000,
        rate: Some(100),
        window: false,
    },
    Load {
        name: "1,000 a second, tray",
        events: 10_000,
        rate: Some(1_000),
        window: false,
    },
    Load {
        name: "10,000 a second, tray",
        events: 300_000,
        rate: Some(10_000),
        window: false,
    },
    Load {
        name: "10,000 a second, window",
        events: 300_000,
        rate: Some(10_000),
        window: true,
    },
    Load {
        name: "as fast as it goes, tray",
        events: 300_000,
        rate: None,
        window: false,
    },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => serve(arguments[1].parse().unwrap(), arguments[2].parse().ok()),
        Some("notify") => notify(Path::new(&arguments[1]), arguments[2] == "true"),
        _ => {
            let (numbers, words): (Vec<&String>, Vec<&String>) = arguments
                .iter()
                .filter(|word| !word.starts_with('-'))
                .partition(|word| word.parse::<u32>().is_ok());
            let events = numbers.first().and_then(|number| number.parse().ok());
            let wanted = |load: &&Load| {
                words.is_empty() || words.iter().any(|word| load.name.contains(word.as_str()))
            };
            println!("{HEAD}");
            let mut told = Vec::new();
            for load in LOADS.iter().filter(wanted) {
                eprintln!("{} …", load.name);
                let found = measure(load, events.unwrap_or(load.events));
                println!("{}", found.row());
                told.push(found);
            }
            println!("\n{HEAD_2}");
            for found in told {
                println!("{}", found.row_2());
            }
        }
    }
}

// --- the server -----------------------------------------------------------------------------

/// Answers one connection, and sends what is due when told to begin.
fn serve(events: u32, rate: Option<u32>) {
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", door.local_addr().unwrap());
    let (mut socket, _) = door.accept().unwrap();
    socket.set_nodelay(true).unwrap();
    for line in BufReader::new(&socket).lines() {
        if line.unwrap().is_empty() {
            break;
        }
    }
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    chunk(&mut socket, ": hello\n\n");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let (began, clock) = (Instant::now(), now());
    let mut sent = 0;
    while sent < events {
        // What a server would have sent by now, had nobody held it up: it counts from then.
        let due = match rate {
            None => (sent + 100).min(events),
            Some(rate) => {
                let due = began.elapsed().as_secs_f64() * f64::from(rate);
                (due as u32).min(events)
            }
        };
        while sent < due {
            let at = match rate {
                None => now(),
                Some(rate) => clock + u64::from(sent + 1) * 1_000_000 / u64::from(rate),
            };
            chunk(&mut socket, &event(sent, at));
            sent += 1;
        }
        if rate.is_some() {
            thread::sleep(Duration::from_millis(1));
        }
    }
    println!("{}", began.elapsed().as_micros());
    // The connection stands until everything has arrived.
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Each event by itself, as live events come.
fn chunk(socket: &mut TcpStream, text: &str) {
    write!(socket, "{:x}\r\n{text}\r\n", text.len()).unwrap();
}

/// About 200 bytes: what people do to 40 posts, and notes.
fn event(n: u32, at: u64) -> String {
    let (actor, post) = (n * 7919 % 5000, n % 40);
    let name = ["like", "favorite", "notify"][n as usize % 3];
    let data = if name == "notify" {
        format!(
            r#"{{"n":{n},"at":{at},"title":"Note {n} of the day","msg":"阿达 {actor} wrote: the build went on, nothing was wrong, see https://blog.example/n/{n}"}}"#
        )
    } else {
        format!(
            r#"{{"n":{n},"at":{at},"actor":{{"name":"Ada {actor}"}},"post":{{"id":{post},"title":"Shipping day {post}"}},"text":"Nice to read","url":"https://blog.example/p/{post:04}"}}"#
        )
    };
    format!("id: {n}\nevent: {name}\ndata: {data}\n\n")
}

/// Microseconds since the Unix epoch: the same for all processes.
fn now() -> u64 {
    u64::try_from(UNIX_EPOCH.elapsed().unwrap().as_micros()).unwrap()
}

// --- the notifier, and what a front end does ------------------------------------------------

/// What a front end was told and asked.
#[derive(Default)]
struct Counts {
    updates: AtomicU64,
    notifications: AtomicU64,
    /// Answers to a window's question for news, which merges what came since the last.
    window: AtomicU64,
    lists: AtomicU64,
}

fn notify(folder: &Path, window: bool) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = NotifierConfig {
            settings: folder.join("settings.toml"),
            data: folder.join("data"),
            logs: None,
            hub_socket: PathBuf::from("/nonexistent/hub.sock"),
            trying: false,
            keyring: false,
            clock: system_clock(),
        };
        let (handle, updates) = start(config).await.unwrap();
        let counts = Arc::new(Counts::default());
        tokio::spawn(follow(handle.clone(), updates, Arc::clone(&counts), window));
        while handle.app().await.unwrap().feeds[0].state != FeedState::Live {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Each line asks for what was counted so far; the end of input for the end.
        println!("live");
        loop {
            let read = tokio::task::spawn_blocking(|| {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line).map(|read| read > 0)
            });
            if !matches!(read.await, Ok(Ok(true))) {
                break;
            }
            let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
            println!(
                "{} {} {} {}",
                count(&counts.updates),
                count(&counts.notifications),
                count(&counts.window),
                count(&counts.lists)
            );
        }
        handle.stop().await;
    });
}

/// Does with updates what the desktop app does, without drawing.
async fn follow(
    handle: NotifierHandle,
    mut updates: mpsc::Receiver<Update>,
    counts: Arc<Counts>,
    window: bool,
) {
    let (ring, ringing) = mpsc::channel(RINGING);
    tokio::spawn(ringer(handle.clone(), ringing, Arc::clone(&counts)));
    let (stale, news) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    tokio::spawn({
        let (handle, stale) = (handle.clone(), Arc::clone(&stale));
        async move {
            loop {
                stale.notified().await;
                handle.app().await.unwrap();
                tokio::time::sleep(REDRAW).await;
            }
        }
    });
    if window {
        let list = Arc::new(Notify::new());
        tokio::spawn(show_list(
            handle.clone(),
            Arc::clone(&list),
            Arc::clone(&counts),
        ));
        tokio::spawn({
            let (news, counts) = (Arc::clone(&news), Arc::clone(&counts));
            async move {
                loop {
                    news.notified().await;
                    counts.window.fetch_add(1, Ordering::Relaxed);
                    list.notify_one();
                    handle.app().await.unwrap();
                }
            }
        });
    }
    while let Some(update) = updates.recv().await {
        counts.updates.fetch_add(1, Ordering::Relaxed);
        match update {
            Update::Notify(announcement) => ring.send(announcement).await.unwrap(),
            Update::App | Update::Inbox => {
                stale.notify_one();
                news.notify_one();
            }
            _ => {}
        }
    }
}

/// A daemon that takes every notification at once.
async fn ringer(
    handle: NotifierHandle,
    mut ringing: mpsc::Receiver<Announcement>,
    counts: Arc<Counts>,
) {
    while let Some(announcement) = ringing.recv().await {
        counts.notifications.fetch_add(1, Ordering::Relaxed);
        handle.shown(announcement).await.unwrap();
    }
}

async fn show_list(handle: NotifierHandle, stale: Arc<Notify>, counts: Arc<Counts>) {
    loop {
        stale.notified().await;
        let list = MessageQuery {
            fold: true,
            limit: 200,
            ..MessageQuery::default()
        };
        handle.messages(list).await.unwrap();
        counts.lists.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(WINDOW_REST).await;
    }
}

// --- the comparison -------------------------------------------------------------------------

/// A program of ours, and the two ends of its pipes.
struct Part {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Part {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            input,
            output: BufReader::new(output),
        }
    }

    fn tell(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    fn counts(&mut self) -> Vec<u64> {
        self.tell();
        let line = self.hear();
        line.split(' ')
            .map(|count| count.parse().unwrap())
            .collect()
    }

    fn end(mut self) {
        drop(self.input);
        assert!(self.child.wait().unwrap().success());
    }
}

struct Found {
    name: &'static str,
    events: u32,
    /// From the first event to the last row.
    took: f64,
    /// How long the server was at it.
    sending: f64,
    /// Seconds of CPU by thread, and of all threads.
    threads: BTreeMap<String, f64>,
    cpu: f64,
    behind: Vec<u64>,
    weight: (f64, f64, f64),
    resident: (f64, f64),
    counts: Vec<u64>,
    disk: u64,
}

fn measure(load: &Load, events: u32) -> Found {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let rate = load.rate.map_or("none".to_owned(), |rate| rate.to_string());
    let mut server = Part::start(&["serve", &events.to_string(), &rate]);
    let address = server.hear();
    let settings = format!(
        r#"version = 1
[inbox]
keep_days = 0
[[feed]]
id = "flood"
name = "Flood"
url = "http://{address}/push"
preset = "likes"
[[feed.rule]]
name = "likes"
events = ["like"]
title = "{{{{ data.actor.name }}}} liked “{{{{ data.post.title }}}}”"
body = "{{{{ data.text }}}}"
"#
    );
    fs::write(folder.path().join("settings.toml"), settings).unwrap();
    let place = folder.path().to_str().unwrap();
    let mut notifier = Part::start(&["notify", place, &load.window.to_string()]);
    assert_eq!(notifier.hear(), "live");

    let pid = notifier.child.id();
    let file = folder.path().join("data/inbox.db");
    let inbox = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut newest = inbox.prepare("SELECT max(id) FROM messages").unwrap();
    let mut newest = || {
        newest
            .query_row([], |row| row.get::<_, Option<u32>>(0))
            .unwrap()
    };
    let (counts_before, cpu_before) = (notifier.counts(), cpu_by_thread(pid));
    let (weight_before, resident_before) = (weight(pid, "Pss"), weight(pid, "Rss"));
    let (mut most, mut most_resident) = (weight_before, resident_before);

    server.tell();
    let (began, clock) = (Instant::now(), now());
    let mut looks: Vec<(u64, u32)> = Vec::new();
    let mut weighed = Instant::now();
    loop {
        thread::sleep(LOOK);
        let found = newest().unwrap_or_default();
        if looks.last().is_none_or(|(_, before)| *before < found) {
            looks.push((now(), found));
        }
        if found >= events {
            break;
        }
        let since = looks.last().map_or(clock, |(at, _)| *at);
        assert!(
            now() - since < u64::try_from(PATIENCE.as_micros()).unwrap(),
            "{found} of {events} events arrived"
        );
        if weighed.elapsed() > WEIGH {
            weighed = Instant::now();
            most = most.max(weight(pid, "Pss"));
            most_resident = most_resident.max(weight(pid, "Rss"));
        }
    }
    let took = began.elapsed().as_secs_f64();
    let threads: BTreeMap<String, f64> = cpu_by_thread(pid)
        .into_iter()
        .map(|(name, seconds)| {
            let before = cpu_before.get(&name).copied().unwrap_or_default();
            (name, seconds - before)
        })
        .collect();
    let counts = notifier.counts();
    let counts = counts
        .iter()
        .zip(&counts_before)
        .map(|(after, before)| after - before)
        .collect();
    let sending = server.hear().parse::<f64>().unwrap() / 1e6;
    thread::sleep(Duration::from_secs(3));
    let weight_after = weight(pid, "Pss");
    let disk = size_of(&file) + size_of(&file.with_extension("db-wal"));

    let behind = behind(&inbox, events, &looks);
    notifier.end();
    server.end();
    Found {
        name: load.name,
        events,
        took,
        sending,
        cpu: threads.values().sum(),
        threads,
        behind,
        weight: (weight_before, most, weight_after),
        resident: (resident_before, most_resident),
        counts,
        disk,
    }
}

/// Microseconds from when each event was sent to when its row was seen. Fails unless every event is
/// there once, in order.
fn behind(inbox: &Connection, events: u32, looks: &[(u64, u32)]) -> Vec<u64> {
    let mut rows = inbox
        .prepare("SELECT id, data ->> '$.n', data ->> '$.at' FROM messages ORDER BY id")
        .unwrap();
    let rows = rows
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    let (mut behind, mut looks, mut expected) = (Vec::new(), looks.iter().peekable(), 0);
    for row in rows {
        let (id, n, at): (u32, u32, i64) = row.unwrap();
        let at = u64::try_from(at).unwrap();
        assert_eq!(
            n, expected,
            "an event is missing, twice there or not in its place"
        );
        expected += 1;
        while looks.next_if(|(_, newest)| *newest < id).is_some() {}
        behind.push(looks.peek().unwrap().0.saturating_sub(at));
    }
    assert_eq!(expected, events, "rows in the inbox");
    behind.sort_unstable();
    behind
}

fn size_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// Seconds of CPU that the threads of a process have used, the kernel's work for them included, where
/// Linux tells. Threads of one name count together.
fn cpu_by_thread(pid: u32) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return found;
    };
    for thread in threads.flatten() {
        let read = |file| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let name = read("comm").trim().to_owned();
        // Nanoseconds; `stat` counts in hundredths of a second.
        let used = read("schedstat");
        let used = used
            .split(' ')
            .next()
            .and_then(|used| used.parse::<f64>().ok());
        *found.entry(name).or_default() += used.unwrap_or_default() / 1e9;
    }
    found
}

/// MB of memory of a process, by one of the names that Linux gives it.
fn weight(pid: u32, name: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or_default() / 1024.0
}

const HEAD: &str = "\
| load | stored/s | CPU of one core | per event | … of it storing | behind p50 | p99 | most |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";
const HEAD_2: &str = "\
| load | memory before | most | growth after | updates/s | window told/s | lists/s | notifications | disk per event |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

impl Found {
    fn row(&self) -> String {
        let events = f64::from(self.events);
        let at = |share: f64| {
            let place = (self.behind.len() as f64 * share) as usize;
            self.behind[place.min(self.behind.len() - 1)] as f64 / 1e3
        };
        let micros = |seconds: f64| seconds / events * 1e6;
        let storing = self.threads.get("notifier").copied().unwrap_or_default();
        eprintln!(
            "    sent in {:.2} s, stored in {:.2} s, CPU {:.2?}, resident {:.1?} MB",
            self.sending, self.took, self.threads, self.resident
        );
        format!(
            "| {} | {:.0} | {:.1} % | {:.1} µs | {:.1} µs | {:.1} ms | {:.1} ms | {:.1} ms |",
            self.name,
            events / self.took,
            self.cpu / self.took * 100.0,
            micros(self.cpu),
            micros(storing),
            at(0.5),
            at(0.99),
            at(1.0),
        )
    }

    fn row_2(&self) -> String {
        let per_second = |count: u64| count as f64 / self.took;
        let (before, most, after) = self.weight;
        format!(
            "| {} | {before:.1} MB | {most:.1} MB | {:+.1} MB | {:.1} | {:.1} | {:.1} | {} | {:.0} B |",
            self.name,
            after - before,
            per_second(self.counts[0]),
            per_second(self.counts[2]),
            per_second(self.counts[3]),
            self.counts[1],
            self.disk as f64 / f64::from(self.events),
        )
    }
}
