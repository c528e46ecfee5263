//! `serve`: its certificate, its socket, its log, and its end.

use std::{
    collections::HashSet,
    io::{Read as _, Write as _},
    net::TcpStream,
    process::Command,
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use crate::support::{Home, Lines, Running};

/// Reads until the line that names the socket.
fn said(out: &Lines) -> Vec<String> {
    let mut said = Vec::new();
    while said
        .last()
        .is_none_or(|line: &String| !line.contains("hub.sock"))
    {
        said.push(out.next());
    }
    said
}

/// Long enough for other machines.
const TOKEN: &str = "tk_0123456789abcdef";

#[test]
fn on_other_machines_there_is_https_with_a_certificate_that_stays() {
    let home = Home::new();
    let fingerprint = |more: &[&str]| {
        let arguments = ["serve", "--listen", "0.0.0.0:0", "--token", TOKEN];
        let mut hub = home.start(&[&arguments, more].concat());
        let lines = said(&hub.out);
        assert!(
            lines[0].starts_with("listening on http://0.0.0.0:"),
            "{lines:?}"
        );
        assert!(
            lines[1].starts_with("listening on https://0.0.0.0:"),
            "{lines:?}"
        );
        hub.terminate();
        assert_eq!(hub.wait().code(), Some(0));
        let line = lines[2].strip_prefix("certificate sha256:");
        line.unwrap_or_else(|| panic!("{lines:?}")).to_owned()
    };
    let first = fingerprint(&[]);
    assert_eq!(first, fingerprint(&[]));
    // A hub without a log keeps no certificate either.
    assert_ne!(first, fingerprint(&["--memory"]));

    let folder = home.path().join("data/feedbell");
    let (certificate, key) = (folder.join("hub-cert.pem"), folder.join("hub-key.pem"));
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&key).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    // As one's own files they make the same hub, elsewhere.
    let other = home.path().join("other");
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let files = ["--tls-cert", certificate, "--tls-key", key];
    let data = ["--data", other.to_str().unwrap()];
    assert_eq!(first, fingerprint(&[&files[..], &data].concat()));
    assert!(!other.join("hub-key.pem").exists());

    for (arguments, says) in [
        (&["--tls-cert", certificate][..], "--tls-key"),
        (&["--tls-cert", key, "--tls-key", key], "hub-key.pem"),
        (
            &["--tls-cert", "/nowhere.pem", "--tls-key", key],
            "/nowhere.pem",
        ),
    ] {
        let ran =
            home.run(&[&["serve", "--memory", "--listen", "127.0.0.1:0"], arguments].concat());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(ran.err.contains(says), "{}", ran.err);
    }
}

#[test]
fn a_second_hub_leaves_the_socket_to_the_first() {
    let home = Home::new();
    let serve = ["serve", "--memory", "--listen", "127.0.0.1:0"];
    let mut first = home.start(&serve);
    said(&first.out);
    let second = home.start(&serve);
    assert!(second.out.next().starts_with("listening on http://"));
    assert!(second.err.next().contains("Another hub listens on"));
    let ran = home.run(&["send", "to the first"]);
    assert_eq!(ran.code, 0, "{}", ran.err);

    // It dies without a word; what it left is replaced.
    first.kill();
    let third = home.start(&serve);
    said(&third.out);
    assert_eq!(home.run(&["send", "to the third"]).code, 0);

    let mut without = home.start(&[&serve[..], &["--socket", "none"]].concat());
    assert!(without.out.next().starts_with("listening on http://"));
    without.terminate();
    assert_eq!(without.wait().code(), Some(0));
    assert!(without.out.rest().is_empty());
    let nowhere = home.run(&[&serve[..], &["--socket", "/proc/hub.sock"]].concat());
    assert_eq!((nowhere.code, nowhere.out.as_str()), (1, ""));
    assert!(nowhere.err.contains("/proc/hub.sock"), "{}", nowhere.err);
}

#[test]
fn the_log_tells_each_request_and_no_secret() {
    let home = Home::new();
    for format in ["text", "json"] {
        let arguments = [
            "serve",
            "--memory",
            "--listen",
            "127.0.0.1:0",
            "--log-format",
            format,
            "--token",
            "tk_hidden",
        ];
        let mut command = home.command(&arguments);
        let hub = Running::start(command.env("FEEDBELL_LOG", "debug"));
        let lines = said(&hub.out);
        let address = lines[0]
            .strip_prefix("listening on http://")
            .unwrap()
            .to_owned();
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!(
            "GET /events?poll=1&token=tk_hidden HTTP/1.1\r\nHost: {address}\r\n\
             Authorization: Bearer tk_hidden\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
        hub.terminate();
        assert_eq!(hub.out.rest(), [""; 0]);
        let log = hub.err.rest();
        assert!(!log.concat().contains("hidden"), "{log:?}");
        let request = log.iter().find(|line| line.contains("token=…"));
        let request = request.unwrap_or_else(|| panic!("{log:?}"));
        if format == "json" {
            let request: serde_json::Value = serde_json::from_str(request).unwrap();
            assert_eq!(request["path"], "/events?poll=1&token=…");
            assert_eq!(
                (&request["method"], &request["status"]),
                (&"GET".into(), &200.into())
            );
            assert_eq!(request["from"], "127.0.0.1");
        } else {
            assert!(
                request.contains("DEBUG") && request.contains("status=200"),
                "{request}"
            );
        }
    }
}

/// More streams than open files is said; and the limit was raised first.
#[test]
fn more_streams_than_files_is_said() {
    let home = Home::new();
    let start = |soft: u32, hard: u32, streams: &str| {
        let command = home.command(&[]);
        let environment = command.get_envs();
        let mut shell = Command::new("sh");
        shell
            .env_clear()
            .envs(environment.filter_map(|(name, value)| Some((name, value?))))
            .arg("-c")
            .arg(format!(
                "ulimit -S -n {soft}; ulimit -H -n {hard}; exec {} serve --memory \
                 --listen 127.0.0.1:0 --max-streams {streams}",
                env!("CARGO_BIN_EXE_feedbell")
            ));
        let hub = Running::start(&mut shell);
        said(&hub.out);
        hub.terminate();
        hub.err.rest()
    };
    assert_eq!(start(256, 1024, "900"), [""; 0]);
    let said = start(256, 512, "900");
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].contains("max-streams") && said[0].contains("512"),
        "{said:?}"
    );
}

/// One publisher: sends over one connection until the hub ends it.
fn publish_on(address: &str, name: usize, answered: &std::sync::mpsc::Sender<()>) -> Vec<String> {
    let mut ids = Vec::new();
    let Ok(mut stream) = TcpStream::connect(address) else {
        return ids;
    };
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let mut buffered = Vec::new();
    for number in 0.. {
        let body = format!(r#"{{"data":"{name}-{number}","topic":"load"}}"#);
        let request = format!(
            "POST /publish HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(request.as_bytes()).is_err() {
            return ids;
        }
        // A whole answer, or the end before its first byte: no half of one.
        let answer = loop {
            let text = String::from_utf8_lossy(&buffered).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(": ")?;
                    name.eq_ignore_ascii_case("content-length").then_some(value)
                });
                let length: usize = length.unwrap().parse().unwrap();
                if body.len() >= length {
                    assert!(head.starts_with("HTTP/1.1 200"), "{text}");
                    break Some(body[..length].to_owned());
                }
            }
            let mut part = [0; 4096];
            match stream.read(&mut part) {
                Ok(read @ 1..) => buffered.extend_from_slice(&part[..read]),
                Ok(_) | Err(_) => {
                    assert!(buffered.is_empty(), "half an answer: {text}");
                    break None;
                }
            }
        };
        let Some(answer) = answer else {
            return ids;
        };
        buffered.clear();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        ids.push(answer["id"].as_str().unwrap().to_owned());
        let _ = answered.send(());
    }
    ids
}

#[test]
fn asked_to_end_under_load_it_loses_no_answer() {
    const PUBLISHERS: usize = 40;
    let home = Home::new();
    let mut hub = home.start(&["serve", "--listen", "127.0.0.1:0"]);
    let lines = said(&hub.out);
    let address = lines[0]
        .strip_prefix("listening on http://")
        .unwrap()
        .to_owned();

    let (answered, answers) = channel();
    let mut streams = Vec::new();
    for uid in 0..20 {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let head = format!(
            "GET /events?uid={uid}&topic=load&control=1 HTTP/1.1\r\nHost: {address}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        // Some read, some have stopped reading.
        streams.push(thread::spawn(move || {
            if uid % 4 == 0 {
                return stream.peek(&mut [0]).map(|_| String::new());
            }
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }));
    }
    let publishers: Vec<_> = (0..PUBLISHERS)
        .map(|name| {
            let (address, answered) = (address.clone(), answered.clone());
            thread::spawn(move || publish_on(&address, name, &answered))
        })
        .collect();
    for _ in 0..PUBLISHERS * 10 {
        answers.recv_timeout(Duration::from_secs(20)).unwrap();
    }
    let asked = Instant::now();
    hub.terminate();
    assert_eq!(hub.wait().code(), Some(0));
    let took = asked.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");

    let mut ids = Vec::new();
    for publisher in publishers {
        ids.extend(publisher.join().unwrap());
    }
    assert!(ids.len() >= PUBLISHERS * 10);
    for stream in streams {
        // They end: by a bye and the last chunk, or for who reads nothing.
        let read = stream.join().unwrap().unwrap();
        assert!(
            read.is_empty() || read.contains("event: bye") && read.ends_with("0\r\n\r\n"),
            "{}",
            &read[read.len().saturating_sub(300)..]
        );
    }

    let again = home.start(&["serve", "--listen", "127.0.0.1:0"]);
    let lines = said(&again.out);
    let address = lines[0]
        .strip_prefix("listening on http://")
        .unwrap()
        .to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "GET /events?topic=load&since=all&poll=1 HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut stored = String::new();
    stream.read_to_string(&mut stored).unwrap();
    let stored: HashSet<&str> = stored
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    let lost: Vec<_> = ids
        .iter()
        .filter(|id| !stored.contains(id.as_str()))
        .collect();
    assert!(lost.is_empty(), "of {}: {lost:?}", ids.len());
}

/// The first signal waits for what is under way, the second for nothing.
#[test]
fn asked_twice_it_ends_at_once() {
    // A machine that is busy enough lets the first wait end by itself.
    let codes: Vec<_> = (0..5).map(|_| asked_twice()).collect();
    assert!(codes.contains(&Some(1)), "{codes:?}");
}

fn asked_twice() -> Option<i32> {
    let home = Home::new();
    let mut hub = home.start(&["serve", "--memory", "--listen", "127.0.0.1:0"]);
    let lines = said(&hub.out);
    let address = lines[0].strip_prefix("listening on http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    // A publish whose body never comes keeps it busy.
    let head = format!(
        "POST /publish HTTP/1.1\r\nHost: {address}\r\nContent-Length: 9\r\n\
         Expect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut goes_on = [0; 12];
    stream.read_exact(&mut goes_on).unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100");
    hub.interrupt();
    // Closed at once when it has heard the first.
    while TcpStream::connect(address).is_ok() {
        thread::yield_now();
    }
    hub.interrupt();
    hub.wait().code()
}
