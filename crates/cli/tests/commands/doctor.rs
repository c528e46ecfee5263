//! `doctor`, against real servers: each of them as somebody would set it up.

use std::{
    net::TcpListener,
    process::{Command, Stdio},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::support::{Home, Ran, Running};

/// A Redis of its own; it ends with the test.
struct Engine {
    folder: TempDir,
    port: u16,
    running: Running,
}

impl Engine {
    /// Without a file that it would write by itself.
    fn start(options: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), None, options)
    }

    fn start_in(folder: TempDir, file: Option<&str>, options: &[&str]) -> Self {
        // Until the server has it, another can take the port.
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let mut command = Command::new("redis-server");
            command.args(file.map(|name| folder.path().join(name)));
            let tls = options.contains(&"--tls-cert-file");
            let (tls_port, plain_port) = if tls { (port, 0) } else { (0, port) };
            command
                .args(["--port", &plain_port.to_string(), "--bind", "127.0.0.1"])
                .arg("--dir")
                .arg(folder.path());
            if tls {
                command.args(["--tls-port", &tls_port.to_string()]);
            }
            if file.is_none() {
                command.args(["--save", ""]);
            }
            let running = Running::start(command.args(options).stdin(Stdio::null()));
            let is_ready = |line: &str| {
                line.contains("Ready to accept connections") || line.contains("+monitor")
            };
            if running.out.has(is_ready) {
                return Self {
                    folder,
                    port,
                    running,
                };
            }
        }
        panic!("redis-server does not start");
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// What it answers to a command.
    fn ask(&self, words: &[&str]) -> String {
        let port = self.port.to_string();
        let asked = Command::new("redis-cli")
            .args(["-p", &port])
            .args(words)
            .output();
        String::from_utf8(asked.unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    }
}

fn doctor(arguments: &[&str]) -> Ran {
    let ran = Home::new().run(&[&["doctor", "--backplane"], arguments].concat());
    assert_eq!(ran.err, "");
    ran
}

/// How a line begins, and a part of it.
#[track_caller]
fn has(ran: &Ran, begin: &str, part: &str) {
    let said = ran
        .out
        .lines()
        .any(|line| line.starts_with(begin) && line.contains(part));
    assert!(said, "{begin} … {part}: {}", ran.out);
}

#[test]
fn a_good_engine_has_nothing_to_mend() {
    let engine = Engine::start(&["--appendonly", "yes"]);
    let ran = doctor(&[&engine.url()]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(
        lines.iter().all(|line| line.starts_with("ok: ")),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 7, "{lines:?}");
    has(&ran, "ok: Redis ", &format!("answers at {}", engine.url()));
    has(&ran, "ok: ", "takes writes. No replica");
    has(&ran, "ok: ", "appendfsync everysec");
    has(&ran, "ok: ", "without a limit");
    has(&ran, "ok: ", "No hub is there yet with the prefix feedbell");
    // It looked, and left no trace.
    assert_eq!(engine.ask(&["DBSIZE"]), "0");
    assert_eq!(engine.ask(&["FUNCTION", "LIST"]), "");
}

#[test]
fn a_hub_that_is_there_is_found_under_its_prefix() {
    let engine = Engine::start(&[]);
    let set = ["HSET", "{bell}:hub", "epoch", "e1", "head", "41"];
    assert_eq!(engine.ask(&set), "2");
    // One node is alive, one has not been heard of since 1970.
    let time = engine.ask(&["TIME"]);
    let now = format!("{}000000", time.lines().next().unwrap());
    assert_eq!(
        engine.ask(&["ZADD", "{bell}:nodes", &now, "a", "5", "b"]),
        "2"
    );
    let ran = doctor(&[&engine.url(), "--backplane-prefix", "bell"]);
    has(
        &ran,
        "ok: ",
        "with the prefix bell, at e1.41, with one node.",
    );
    let ran = doctor(&[&engine.url()]);
    has(&ran, "ok: ", "No hub is there yet");
}

#[test]
fn scripts_and_the_chinese_read_the_same() {
    let engine = Engine::start(&["--appendonly", "yes", "--appendfsync", "no"]);
    let ran = doctor(&[&engine.url(), "--json"]);
    assert_eq!(ran.code, 0);
    let outcomes: Vec<(String, String)> = ran
        .out
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let word = |name: &str| line[name].as_str().unwrap().to_owned();
            assert!(!word("text").is_empty());
            (word("check"), word("outcome"))
        })
        .collect();
    let expected = [
        ("server", "ok"),
        ("role", "ok"),
        ("persistence", "warning"),
        ("clock", "ok"),
        ("memory", "ok"),
        ("functions", "ok"),
        ("hub", "ok"),
    ];
    let expected = expected.map(|(check, outcome)| (check.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes, expected);
    // The variables are those of `serve`.
    let mut command = Home::new().command(&["doctor"]);
    command
        .env("FEEDBELL_SERVE_BACKPLANE", engine.url())
        .env("LANG", "zh_CN.UTF-8");
    let ran = Ran::from(command.output().unwrap());
    has(&ran, "警告：", "appendfsync");
    has(&ran, "正常：", "前缀 feedbell 下还没有广播站");
}

#[test]
fn an_engine_that_loses_what_it_acknowledged_is_warned_of() {
    let engine = Engine::start(&["--appendonly", "no"]);
    let ran = doctor(&[&engine.url()]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    has(&ran, "warning: ", "Set appendonly yes");
}

#[test]
fn an_engine_that_deletes_keys_is_refused() {
    let engine = Engine::start(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]);
    let ran = doctor(&[&engine.url()]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    has(&ran, "error: ", "maxmemory-policy allkeys-lru");
    has(&ran, "error: ", "100.0 MiB");
    assert_eq!(
        engine.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]),
        "OK"
    );
    let ran = doctor(&[&engine.url()]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    has(&ran, "ok: ", "at most 100.0 MiB");
}

#[test]
fn a_wrong_password_is_told_apart_from_silence() {
    let engine = Engine::start(&["--requirepass", "open@sesame"]);
    for wrong in ["", ":sesame@", "bell:open%40sesame@"] {
        let ran = doctor(&[&format!("redis://{wrong}127.0.0.1:{}", engine.port)]);
        assert_eq!((ran.code, ran.out.lines().count()), (5, 1), "{}", ran.out);
        has(&ran, "error: ", &engine.url());
        assert!(!ran.out.contains("sesame"), "{}", ran.out);
    }
    let ran = doctor(&[&format!("redis://:open%40sesame@127.0.0.1:{}", engine.port)]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    assert!(!ran.out.contains("sesame"), "{}", ran.out);

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let ran = doctor(&[&format!("redis://:sesame@{address}")]);
    assert_eq!((ran.code, ran.out.lines().count()), (3, 1), "{}", ran.out);
    has(&ran, "error: ", &address.to_string());
    assert!(!ran.out.contains("sesame"), "{}", ran.out);
}

#[test]
fn a_user_may_be_allowed_no_more_than_a_hub_needs() {
    let users = "--user bell on >sesame ~{feedbell}:* +@all -@admin -@dangerous +info \
                 --user reader on >sesame ~* +@read +@connection +info";
    let engine = Engine::start(&users.split_whitespace().collect::<Vec<_>>());
    let url = |user: &str| format!("redis://{user}:sesame@127.0.0.1:{}", engine.port);
    let ran = doctor(&[&url("bell")]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    has(&ran, "warning: ", "appendonly");
    has(&ran, "ok: ", "load and call functions");
    // Its keys are those with the prefix.
    let ran = doctor(&[&url("bell"), "--backplane-prefix", "other"]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    has(&ran, "error: ", "NOPERM");
    let ran = doctor(&[&url("reader")]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    has(&ran, "error: ", "NOPERM");
}

#[test]
fn what_takes_no_writes_or_not_all_is_refused() {
    let primary = Engine::start(&[]);
    let of = format!("127.0.0.1 {}", primary.port);
    let replica = Engine::start(&["--replicaof", &of]);
    let ran = doctor(&[&replica.url()]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    has(
        &ran,
        "error: ",
        &format!("a replica of 127.0.0.1:{}", primary.port),
    );

    let lonely = Engine::start(&["--cluster-enabled", "yes"]);
    let ran = doctor(&[&lonely.url()]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    has(&ran, "warning: ", "a node of a cluster");
    has(&ran, "error: ", "CLUSTERDOWN");
}

#[test]
fn sentinels_say_where_the_engine_is() {
    let engine = Engine::start(&["--requirepass", "sesame"]);
    let folder = tempfile::tempdir().unwrap();
    let says = format!(
        "sentinel monitor bell 127.0.0.1 {} 1\nsentinel auth-pass bell sesame\n",
        engine.port
    );
    std::fs::write(folder.path().join("sentinel.conf"), says).unwrap();
    let sentinel = Engine::start_in(folder, Some("sentinel.conf"), &["--sentinel"]);
    let ran = doctor(&[&sentinel.url()]);
    assert_eq!(ran.code, 1, "{}", ran.out);
    has(&ran, "error: This is a Sentinel", "sentinelServiceName");

    // The password is the engine's; Sentinel has none.
    let at = format!("127.0.0.1:{}?sentinelServiceName=bell", sentinel.port);
    let ran = doctor(&[&format!("redis-sentinel://:sesame@{at}")]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    has(&ran, "ok: ", &format!("redis-sentinel://{at}"));
    drop(engine.running);
    drop(sentinel.folder);
}

#[test]
fn certificates_are_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let signed = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &authority);
    let ca = file("ca.pem", authority.pem());
    let certificate = file("cert.pem", signed.unwrap().pem());
    let key = file("key.pem", key.serialize_pem());
    let engine = Engine::start(&[
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &ca,
        "--tls-auth-clients",
        "no",
    ]);
    let url = format!("rediss://127.0.0.1:{}", engine.port);
    let ran = doctor(&[&url, "--backplane-ca", &ca]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    has(&ran, "ok: Redis ", &url);
    let ran = doctor(&[&url]);
    assert_eq!((ran.code, ran.out.lines().count()), (1, 1), "{}", ran.out);
    has(&ran, "error: ", "--backplane-ca");
    // In plain words to a port for TLS.
    let ran = doctor(&[&engine.url()]);
    assert_eq!((ran.code, ran.out.lines().count()), (3, 1), "{}", ran.out);
    // And the other way round.
    let plain = Engine::start(&[]);
    let url = format!("rediss://127.0.0.1:{}", plain.port);
    let ran = doctor(&[&url, "--backplane-ca", &ca]);
    assert_eq!((ran.code, ran.out.lines().count()), (3, 1), "{}", ran.out);
}

#[test]
fn it_asks_for_an_address() {
    let ran = Home::new().run(&["doctor"]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("--backplane <URL>"), "{}", ran.err);
    let ran = Home::new().run(&["doctor", "--backplane", "redis://:ses/ame@host"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(
        ran.err.contains("%2F") && !ran.err.contains("ame@"),
        "{}",
        ran.err
    );
}
