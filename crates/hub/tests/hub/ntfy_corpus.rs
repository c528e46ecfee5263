//! Requests shaped like those of known publishers, with the answers they get:
//! the files in `tests/corpus/ntfy`, over real sockets.
//!
//! A file has requests (`>` lines: head, empty line, body; `>=` a body in
//! base64) and the answers to them (`<` lines: status, content type, body), with
//! an empty line between them, on a hub of its own whose clock stands still. `ID` stands for a message's random
//! id, `AID` for an action's, `EPOCH` for the log's; `{id}` in a request is the id
//! of the last message, `{before}` that of the one before it.
//! What is answered as a message must be in the topic's history, to the byte.
//! With `BLESS=1` the answers are written into the files, to be read by a human.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hub::HubConfig;
use jiff::Timestamp;

use crate::{Server, get, memory, request};

/// 2026-11-21T10:00:00Z.
pub(crate) const NOON: i64 = 1_795_255_200;

pub(crate) fn at_noon() -> HubConfig {
    HubConfig {
        clock: Arc::new(|| Timestamp::from_second(NOON).unwrap()),
        ..memory()
    }
}

#[derive(Default)]
struct Exchange {
    comments: Vec<String>,
    request: Vec<String>,
    answer: Vec<String>,
}

fn read(path: &Path) -> Vec<Exchange> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut exchanges = vec![Exchange::default()];
    for line in text.lines() {
        let last = exchanges.last_mut().unwrap();
        match line.as_bytes().first() {
            None => exchanges.push(Exchange::default()),
            Some(b'#') => last.comments.push(line.to_owned()),
            Some(b'>') => last.request.push(line.to_owned()),
            Some(b'<') => last.answer.push(line.to_owned()),
            Some(_) => panic!("{}: what is `{line}`?", path.display()),
        }
    }
    exchanges.retain(|exchange| !exchange.request.is_empty());
    exchanges
}

/// Hides what is random.
fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("\"id\":\"") {
        let (before, after) = rest.split_at(start + 6);
        let end = after.find('"').unwrap();
        out.push_str(before);
        out.push_str(match end {
            12 => "ID",
            10 => "AID",
            _ => &after[..end],
        });
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

async fn replay(path: &Path, bless: bool) {
    let exchanges = read(path);
    assert!(!exchanges.is_empty(), "{}", path.display());
    let server = Server::start(at_noon()).await;
    let epoch = server.hub.epoch().to_string();
    let mut ids = vec![String::new(), String::new()];
    let mut blessed = String::new();
    for exchange in &exchanges {
        let mut lines = exchange.request.iter();
        let first = lines.next().unwrap()[1..].trim();
        let (method, target) = first.split_once(' ').unwrap();
        let target = target.replace("{id}", &ids[ids.len() - 1]);
        let target = target.replace("{before}", &ids[ids.len() - 2]);
        let mut headers = Vec::new();
        for line in lines.by_ref() {
            match line[1..].trim().split_once(':') {
                Some((name, value)) => headers.push((name, value.trim())),
                None => break,
            }
        }
        let mut body = Vec::new();
        for (nth, line) in lines.enumerate() {
            if let Some(encoded) = line.strip_prefix(">= ") {
                body.extend(STANDARD.decode(encoded).unwrap());
                continue;
            }
            if nth > 0 {
                body.push(b'\n');
            }
            let line = &line[1..];
            body.extend(line.strip_prefix(' ').unwrap_or(line).as_bytes());
        }
        let answer = request(server.address, method, &target, &headers, &body).await;
        let mut found = format!(
            "{} {}\n{}",
            answer.status,
            answer.header("content-type").unwrap_or("-"),
            masked(&answer.body).replace(&epoch, "EPOCH")
        );
        for id in &ids[2..] {
            found = found.replace(id, "ID");
        }
        let found: Vec<_> = found.lines().map(|line| format!("< {line}")).collect();
        if bless {
            for line in exchange
                .comments
                .iter()
                .chain(&exchange.request)
                .chain(&found)
            {
                blessed.push_str(line.trim_end());
                blessed.push('\n');
            }
            blessed.push('\n');
        } else {
            let found: Vec<_> = found.iter().map(|line| line.trim_end()).collect();
            assert_eq!(found, exchange.answer, "{}: {first}", path.display());
        }
        // Every body that is JSON ends with a line end, as ntfy's do.
        if answer.header("content-type") == Some("application/json") && method != "HEAD" {
            assert!(answer.body.ends_with("}\n") || answer.body == "[]\n");
        }
        let document = serde_json::from_str::<serde_json::Value>(&answer.body);
        if let Ok(document) = document
            && answer.status == 200
            && let Some(own) = document["id"].as_str()
            && answer.header("content-type") == Some("application/json")
        {
            ids.push(own.to_owned());
            is_kept(&server, &document, &answer.body).await;
        }
    }
    if bless {
        std::fs::write(path, blessed.trim_end().to_owned() + "\n").unwrap();
    }
    server.stop().await;
}

/// The history has a message as it was answered, unless it was not to be kept.
async fn is_kept(server: &Server, document: &serde_json::Value, answered: &str) {
    let topic = document["topic"].as_str().unwrap();
    let later = document["time"].as_i64().unwrap() > NOON;
    let history = get(server.address, &format!("/{topic}/json?poll=1")).await;
    assert_eq!(history.status, 200);
    let kept = document.get("expires").is_some() && !later;
    assert_eq!(history.body.ends_with(answered), kept, "{answered}");
    let all = get(server.address, &format!("/{topic}/json?poll=1&sched=1")).await;
    assert_eq!(all.body.contains(answered), kept || later, "{answered}");
}

#[tokio::test]
async fn requests_get_their_answers() {
    let bless = std::env::var_os("BLESS").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/ntfy");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "http"))
        .collect();
    files.sort();
    assert!(files.len() > 10, "the corpus is in {}", folder.display());
    for file in files {
        replay(&file, bless).await;
    }
}
