//! What `serve` has answered is on the disk: when that is full, when the process
//! is killed, and before the answer is sent.

use std::{
    collections::{BTreeMap, HashMap},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
};

use crate::support::{Home, PATIENCE, Running};

/// A hub on a free port, and where that is.
pub(crate) fn serve(command: &mut Command) -> (Running, String) {
    let hub = Running::start(command);
    let address = address(&hub);
    (hub, address)
}

fn address(hub: &Running) -> String {
    let line = hub.out.until("listening on http://");
    let address = line.strip_prefix("listening on http://").unwrap();
    address.to_owned()
}

fn arguments(data: &Path) -> [&str; 7] {
    let data = data.to_str().unwrap();
    [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--socket",
        "none",
        "--data",
        data,
    ]
}

/// One connection to a hub; it ends with the hub.
pub(crate) struct Client {
    address: String,
    reader: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: &str) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(Self {
            address: address.to_owned(),
            reader: BufReader::new(stream),
        })
    }

    /// Another connection to the same hub.
    pub(crate) fn again(&self) -> Self {
        Self::connect(&self.address).unwrap()
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Option<()> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        self.reader.get_mut().write_all(request.as_bytes()).ok()
    }

    /// Status and body; `None` when the connection has ended.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        self.send(method, path, body)?;
        let (status, length) = self.head()?;
        let mut body = vec![0; length.unwrap()];
        self.reader.read_exact(&mut body).ok()?;
        Some((status, String::from_utf8(body).unwrap()))
    }

    /// The head of an answer: its status, and the length of its body.
    pub(crate) fn head(&mut self) -> Option<(u16, Option<usize>)> {
        let status = self.line()?;
        let status = status.split(' ').nth(1)?.parse().ok()?;
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                return Some((status, length));
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = Some(value.parse().unwrap());
            }
        }
    }

    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.reader.read_line(&mut line).ok()?;
        (read > 0 && line.ends_with('\n')).then(|| line.trim_end().to_owned())
    }

    /// Skips to a line of an open stream.
    pub(crate) fn until(&mut self, wanted: &str) {
        while self.line().expect("the stream goes on") != wanted {}
    }
}

fn publish(client: &mut Client, document: &serde_json::Value) -> Option<Result<String, u16>> {
    let (status, body) = client.ask("POST", "/publish", &document.to_string())?;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    Some(match status {
        200 => Ok(body["id"].as_str().unwrap().to_owned()),
        _ => {
            assert!(body["error"].is_string(), "{body}");
            Err(status)
        }
    })
}

/// The whole history: the data of each event by its id.
fn history(address: &str) -> BTreeMap<u64, String> {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "GET /events?uid=1&since=all&poll=1 HTTP/1.1\r\nHost: {address}\r\n\
         Accept: application/x-ndjson\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut all = String::new();
    stream.read_to_string(&mut all).unwrap();
    let events = all.lines().filter(|line| line.starts_with('{'));
    let events = events.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events
        .map(|event| {
            let id = event["id"].as_str().unwrap();
            (seq(id), event["data"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn seq(id: &str) -> u64 {
    id.split_once('.').unwrap().1.parse().unwrap()
}

/// A small disk of its own; gone when dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let options = format!("size={size},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "feedbell-test"])
            .arg(at)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(at.to_owned()))
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        let status = Command::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let home = Home::new();
    let Some(disk) = Disk::mount(&home.path().join("disk"), "3m") else {
        println!("skipped: a small file system cannot be mounted here");
        return;
    };
    let (mut hub, address) = serve(&mut home.command(&arguments(&disk.0)));
    let mut stream = Client::connect(&address).unwrap();
    stream.send("GET", "/events?uid=1", "").unwrap();
    assert_eq!(stream.head().unwrap().0, 200);
    let mut publisher = Client::connect(&address).unwrap();
    let mut answered = BTreeMap::new();
    let send = |client: &mut Client, number: usize, answered: &mut BTreeMap<u64, String>| {
        let data = format!("{number} {}", "x".repeat(20_000));
        let document = serde_json::json!({"data": data, "id": number});
        let result = publish(client, &document).expect("the hub goes on");
        if let Ok(id) = &result {
            answered.insert(seq(id), data);
        }
        result
    };
    let mut number = 0;
    let status = loop {
        number += 1;
        match send(&mut publisher, number, &mut answered) {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!(status, 507);
    assert!(answered.len() > 20, "only {}", answered.len());
    let mut asked = |path| publisher.ask("GET", path, "").unwrap();
    assert_eq!(asked("/healthz/live").0, 200);
    // Asking may find room for so little, or not: it says the truth of that.
    assert!([200, 503].contains(&asked("/healthz/ready").0));
    for _ in 0..50 {
        number += 1;
        let _ = send(&mut publisher, number, &mut answered);
    }
    let epoch = {
        let (status, body) = publisher.ask("GET", "/hub/status", "").unwrap();
        assert_eq!(status, 200);
        let status: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status["subscribers"], 1);
        status["epoch"].as_str().unwrap().to_owned()
    };
    // It is still there, and has all that was answered.
    let last = *answered.keys().last().unwrap();
    stream.until(&format!("id: {epoch}.{last}"));

    disk.resize("8m");
    number += 1;
    let id = send(&mut publisher, number, &mut answered).unwrap();
    stream.until(&format!("id: {id}"));
    // What was refused is taken when it is sent again.
    let again = send(&mut publisher, number - 1, &mut answered).unwrap();
    assert!(seq(&again) >= last);
    hub.kill();

    let (_hub, address) = serve(&mut home.command(&arguments(&disk.0)));
    assert_eq!(history(&address), answered);
    println!(
        "{} events answered before and after the full disk",
        answered.len()
    );
}

/// Publishers that repeat what was not answered, and a hub that is killed again
/// and again: each publication is one event, and what was answered stays.
#[test]
fn a_killed_hub_has_all_it_answered_and_nothing_twice() {
    const PUBLISHERS: usize = 6;
    let rounds: u64 = std::env::var("FEEDBELL_KILLS").map_or(12, |text| text.parse().unwrap());
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let home = Home::new();
    let data = home.path().join("data");
    let answered: Mutex<HashMap<String, String>> = Mutex::default();
    // The next number of each publisher: what it sends until it is answered.
    let mut next = [0_usize; PUBLISHERS];
    let (mut head, mut stored_unanswered) = (0, 0);
    for round in 0..=rounds {
        let (mut hub, address) = serve(&mut home.command(&arguments(&data)));
        let held = history(&address);
        let newest = held.keys().last().copied().unwrap_or(0);
        assert!(newest >= head, "the head went back from {head} to {newest}");
        let keys: Vec<_> = held.values().cloned().collect();
        stored_unanswered += (0..PUBLISHERS)
            .filter(|name| keys.contains(&format!("{name}-{}", next[*name])))
            .count();
        let count = AtomicUsize::new(0);
        let enough = if round == rounds {
            PUBLISHERS * 3
        } else {
            random.usize(1..200)
        };
        let (tell, told) = channel();
        thread::scope(|scope| {
            for (name, next) in next.iter_mut().enumerate() {
                let (address, answered, count, tell) = (&address, &answered, &count, tell.clone());
                scope.spawn(move || {
                    let Some(mut client) = Client::connect(address) else {
                        return;
                    };
                    loop {
                        let key = format!("{name}-{next}");
                        let document = serde_json::json!({"data": key, "id": key});
                        let Some(result) = publish(&mut client, &document) else {
                            return;
                        };
                        let id = result.expect("an answer is a true one");
                        let before = answered.lock().unwrap().insert(key, id);
                        assert_eq!(before, None);
                        *next += 1;
                        if count.fetch_add(1, Ordering::Relaxed) + 1 == enough {
                            let _ = tell.send(());
                        }
                    }
                });
            }
            told.recv_timeout(PATIENCE).unwrap();
            hub.kill();
        });
        let answered = answered.lock().unwrap();
        head = answered.values().map(|id| seq(id)).max().unwrap();
    }
    let (_hub, address) = serve(&mut home.command(&arguments(&data)));
    let held = history(&address);
    let answered = answered.into_inner().unwrap();
    for (key, id) in &answered {
        assert_eq!(held.get(&seq(id)), Some(key));
    }
    let mut keys: Vec<_> = held.values().collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), held.len(), "an event is there twice");
    println!(
        "{rounds} kills, {} answered, {stored_unanswered} of them stored before a kill and \
         answered after it",
        answered.len()
    );
}

/// Whether calls of the system can be looked at here.
fn has_strace() -> bool {
    let traced = Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    traced.is_ok_and(|status| status.success())
}

/// The command under strace.
fn traced(home: &Home, data: &Path, strace: &[&str]) -> Command {
    let command = home.command(&[]);
    let mut traced = Command::new("strace");
    traced
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null())
        .args(["-f", "-qq"])
        .args(strace)
        // Its own number comes first: the one that runs is strace's child.
        .args(["sh", "-c", "echo $$; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_feedbell"))
        .args(arguments(data));
    traced
}

#[test]
fn the_log_is_synced_before_the_answer_is_sent() {
    if !has_strace() {
        println!("skipped: strace does not work here");
        return;
    }
    let home = Home::new();
    let (data, trace) = (home.path().join("data"), home.path().join("trace"));
    let calls = "trace=fdatasync,fsync,write,writev,sendto,sendmsg,pwrite64";
    let options = ["-y", "-s", "64", "-e", calls, "-o", trace.to_str().unwrap()];
    let mut command = traced(&home, &data, &options);
    let mut hub = Running::start(&mut command);
    let own = hub.out.next();
    let address = address(&hub);
    let mut client = Client::connect(&address).unwrap();
    for number in 0..20 {
        let document = serde_json::json!({"data": number});
        publish(&mut client, &document).unwrap().unwrap();
    }
    drop(client);
    assert!(Command::new("kill").arg(own).status().unwrap().success());
    hub.wait();

    let (mut synced, mut answers) = (false, 0);
    let mut waiting: HashMap<String, bool> = HashMap::new();
    for line in std::fs::read_to_string(&trace).unwrap().lines() {
        let (thread, call) = line.trim_start().split_once(' ').unwrap();
        let call = call.trim_start();
        let sync = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        if sync && call.contains("hub.db-wal") {
            if call.ends_with("= 0") {
                synced = true;
            } else {
                waiting.insert(thread.to_owned(), true);
            }
        } else if call.contains("sync resumed") && call.ends_with("= 0") {
            synced |= waiting.remove(thread).is_some();
        } else if call.contains("HTTP/1.1 200 OK") {
            assert!(
                synced,
                "answer {answers} was sent before the log was synced: {line}"
            );
            answers += 1;
            synced = false;
        }
    }
    assert_eq!(answers, 20);
}

/// The hub is killed when the log is written and the publisher not answered.
#[test]
fn between_the_log_and_the_answer_a_kill_is_made_good_by_the_same_id() {
    if !has_strace() {
        println!("skipped: strace does not work here");
        return;
    }
    let home = Home::new();
    let mut stored_first = 0;
    for when in [3, 4, 6, 9] {
        let data = home.path().join(format!("data{when}"));
        let inject = format!("inject=fdatasync,fsync:signal=SIGKILL:when={when}");
        let log = data.join("hub.db-wal");
        let log = log.to_str().unwrap();
        // Calls are counted for each thread; the writer's are those of interest.
        let calls = "trace=fdatasync,fsync";
        let options = ["-P", log, "-e", calls, "-e", &inject, "-o", "/dev/null"];
        let mut command = traced(&home, &data, &options);
        let (mut hub, address) = serve(&mut command);
        let mut client = Client::connect(&address).unwrap();
        let mut answered = Vec::new();
        // By one connection, one after another, until there is no answer.
        let unanswered = loop {
            let key = format!("key-{}", answered.len());
            match publish(&mut client, &serde_json::json!({"data": key, "id": key})) {
                Some(id) => answered.push(id.unwrap()),
                None => break key,
            }
            assert!(answered.len() < 100, "it was not killed");
        };
        hub.wait();

        let (_hub, address) = serve(&mut home.command(&arguments(&data)));
        let held = history(&address);
        stored_first += usize::from(held.values().any(|key| *key == unanswered));
        for (number, id) in answered.iter().enumerate() {
            assert_eq!(held.get(&seq(id)), Some(&format!("key-{number}")));
        }
        let mut client = Client::connect(&address).unwrap();
        let document = serde_json::json!({"data": unanswered, "id": unanswered});
        let id = publish(&mut client, &document).unwrap().unwrap();
        let held = history(&address);
        assert_eq!(held.len(), answered.len() + 1);
        assert_eq!(held.get(&seq(&id)), Some(&unanswered));
    }
    assert!(stored_first > 0, "no kill came after the write");
    println!("{stored_first} of 4 were stored and not answered");
}
