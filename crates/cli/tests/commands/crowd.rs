//! Many streams: those that are quiet, and those that do not read.

use std::{io::Write as _, net::TcpStream};

use crate::{
    storage::{Client, serve},
    support::Home,
};

/// Kilobytes of memory that a process has, now and at most.
fn memory(id: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next().unwrap();
        number.parse().unwrap()
    };
    (of("VmRSS:"), of("VmHWM:"))
}

fn status(client: &mut Client) -> serde_json::Value {
    let answer = client.ask("GET", "/hub/status", "");
    // A connection that was silent for long is closed.
    let (status, body) = answer.unwrap_or_else(|| {
        *client = client.again();
        client.ask("GET", "/hub/status", "").unwrap()
    });
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Streams that nothing happens on stay open, cost little, and are there when
/// something does.
#[test]
fn thousands_of_quiet_streams_stay_alive() {
    const STREAMS: usize = 5000;
    let files = rlimit::increase_nofile_limit(u64::MAX).unwrap();
    if files < STREAMS as u64 + 200 {
        println!("skipped: only {files} files may be open here");
        return;
    }
    let home = Home::new();
    let many = (STREAMS + 10).to_string();
    let (hub, address) = serve(&mut home.command(&[
        "serve",
        "--memory",
        "--listen",
        "127.0.0.1:0",
        "--socket",
        "none",
        "--heartbeat",
        "2",
        "--max-streams",
        &many,
        "--max-streams-per-ip",
        &many,
    ]));
    let mut publisher = Client::connect(&address).unwrap();
    status(&mut publisher);
    let before = memory(hub.id()).0;
    let mut streams = Vec::new();
    for uid in 0..STREAMS {
        let mut stream = Client::connect(&address).unwrap();
        let path = format!("/events?uid={uid}");
        stream.send("GET", &path, "").unwrap();
        streams.push(stream);
    }
    for stream in &mut streams {
        assert_eq!(stream.head().unwrap().0, 200);
        stream.until(": feedbell");
    }
    assert_eq!(status(&mut publisher)["subscribers"], STREAMS);
    let after = memory(hub.id()).0;
    // Each of them lives on, and gives its signs of life.
    for _ in 0..2 {
        for stream in &mut streams {
            stream.until(":");
        }
    }
    let (code, answer) = publisher
        .again()
        .ask("POST", "/publish", r#"{"data":"to all"}"#)
        .unwrap();
    assert_eq!(code, 200, "{answer}");
    for stream in &mut streams {
        stream.until("data: to all");
    }
    assert_eq!(status(&mut publisher)["subscribers"], STREAMS);
    let each = after.saturating_sub(before) / (STREAMS as u64 / 1000);
    println!("{STREAMS} streams: {before} kB before, {after} kB with them, {each} bytes each");
    assert!(each < 64 * 1024, "{each} bytes for each quiet stream");
    drop(streams);
    while status(&mut publisher)["subscribers"] != 0 {}
}

/// Whoever does not read costs a fixed amount, whatever it misses, and loses its
/// connection in the end; with its place it gets all of it.
#[test]
fn readers_that_do_not_read_cost_no_memory_for_what_they_miss() {
    const READERS: usize = 200;
    const EVENTS: usize = 400;
    let home = Home::new();
    let (hub, address) =
        serve(&mut home.command(&["serve", "--listen", "127.0.0.1:0", "--socket", "none"]));
    let mut publisher = Client::connect(&address).unwrap();
    // The window and the caches are full before it is measured.
    let data = "x".repeat(100_000);
    let send = |publisher: &mut Client, count: usize| {
        for number in 0..count {
            let body = format!(r#"{{"data":"{number} {data}"}}"#);
            let (status, answer) = publisher.ask("POST", "/publish", &body).unwrap();
            assert_eq!(status, 200, "{answer}");
        }
    };
    send(&mut publisher, EVENTS);
    let before = memory(hub.id()).1;
    let position = status(&mut publisher)["position"].clone();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut reader = TcpStream::connect(&address).unwrap();
        let head = format!("GET /events?uid=1 HTTP/1.1\r\nHost: {address}\r\n\r\n");
        reader.write_all(head.as_bytes()).unwrap();
        readers.push(reader);
    }
    while status(&mut publisher)["subscribers"] != READERS {}
    send(&mut publisher, EVENTS);
    let after = memory(hub.id()).1;
    let each = after.saturating_sub(before) * 1024 / READERS as u64;
    println!(
        "{READERS} readers that missed {} MB each: {before} kB before, {after} kB at most, \
         {each} bytes each",
        EVENTS * data.len() / 1_000_000
    );
    assert!(
        each < 512 * 1024,
        "{each} bytes for each reader that does not read"
    );
    while status(&mut publisher)["subscribers"] != 0 {}

    let mut back = Client::connect(&address).unwrap();
    let path = format!("/events?uid=1&since={}", position.as_str().unwrap());
    back.send("GET", &path, "").unwrap();
    for number in 0..EVENTS {
        back.until(&format!("data: {number} {data}"));
    }
}
