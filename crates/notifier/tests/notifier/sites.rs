//! The five systems, and servers that refuse.

use serde_json::{Value, json};

use crate::fixtures::{Answer, Request, Server, Site, To};

/// A head as Node writes it, with the time standing still.
macro_rules! head {
    ($($line:literal),*) => {
        concat!(
            "HTTP/1.1 200 OK\r\n",
            $($line, "\r\n",)*
            "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n",
            "Transfer-Encoding: chunked\r\n\r\n"
        )
    };
}

/// Every connection begins with the array of all facts; then each new fact.
#[derive(Default)]
pub(crate) struct Board {
    pub(crate) facts: Vec<Value>,
}

impl Board {
    pub(crate) fn with(texts: &[&str]) -> Self {
        Self {
            facts: texts.iter().map(|text| fact(text)).collect(),
        }
    }
}

/// A fact as the page sends it.
pub(crate) fn fact(text: &str) -> Value {
    json!({ "user": "Ada", "text": text })
}

impl Site for Board {
    fn answer(&mut self, request: &Request) -> Answer {
        match (request.method.as_str(), request.path()) {
            ("GET", "/events") => Answer::Stream {
                head: head!(
                    "Content-Type: text/event-stream",
                    "Connection: keep-alive",
                    "Cache-Control: no-cache"
                ),
                first: vec![format!("data: {}\n\n", Value::from(self.facts.clone()))],
            },
            ("POST", "/fact") => {
                let fact: Value = serde_json::from_str(&request.body).unwrap();
                self.facts.push(fact.clone());
                Answer::Once {
                    bytes: json_answer(r#"{"r0":0,"r1":""}"#),
                    writes: vec![(To::All, format!("data: {fact}\n\n"))],
                }
            }
            _ => not_found(),
        }
    }
}

impl Server<Board> {
    /// Somebody posts a fact while we listen.
    pub(crate) async fn say(&self, text: &str) {
        self.post("/fact", &fact(text).to_string()).await;
    }

    /// Somebody posts a fact while we are away: only the array will tell.
    pub(crate) fn miss(&self, text: &str) {
        self.site(|board| board.facts.push(fact(text)));
    }
}

/// Counts with the id after the data, each line a write of its own.
pub(crate) struct Counter;

impl Site for Counter {
    fn answer(&mut self, request: &Request) -> Answer {
        match request.path() {
            "/sse" => Answer::Stream {
                head: head!(
                    "X-Powered-By: Express",
                    "Access-Control-Allow-Origin: http://localhost:3000",
                    "Access-Control-Allow-Credentials: true",
                    "Content-Type: text/event-stream",
                    "Cache-Control: no-cache",
                    "Connection: keep-alive"
                ),
                first: Vec::new(),
            },
            _ => not_found(),
        }
    }
}

impl Server<Counter> {
    pub(crate) fn tick(&self, text: &str, number: u32) {
        self.write(&format!("data: {text}:{number}\n"));
        self.write(&format!("id: {number}\n\n"));
    }

    /// The named form, its id without a space.
    pub(crate) fn user_msg(&self, text: &str) {
        self.write(&format!("event: user-msg\nid:1\ndata: {text}\n\n"));
    }

    pub(crate) fn comment(&self) {
        self.write(": keep\n\n");
    }
}

/// Measures until it says "pause"; two blank lines after each event, no cache header.
pub(crate) struct Pause;

impl Site for Pause {
    fn answer(&mut self, request: &Request) -> Answer {
        match request.path() {
            "/test" => Answer::Stream {
                head: head!("Content-Type: text/event-stream", "Connection: keep-alive"),
                first: Vec::new(),
            },
            _ => not_found(),
        }
    }
}

impl Server<Pause> {
    pub(crate) fn measure(&self, event: &str, ms: u64, i: u32) {
        self.write(&format!(
            "event: {event}\nid: {ms}\ndata: {i}\nretry: 10000\n\n\n"
        ));
    }
}

/// Greets on every connect; messages to all and to one user, ids in milliseconds.
#[derive(Default)]
pub(crate) struct SiteMessages {
    /// The site's clock.
    pub(crate) now: u64,
    /// The greeting carries `retry` and an id.
    pub(crate) greets_with_id: bool,
    /// What came at the client's last id or later is sent again: ids repeat, so more than was missed.
    pub(crate) resumes: bool,
    log: Vec<(u64, Option<String>, String)>,
}

impl SiteMessages {
    pub(crate) fn resuming() -> Self {
        Self {
            now: 1_767_225_600_000,
            greets_with_id: false,
            resumes: true,
            log: Vec::new(),
        }
    }

    fn block(&mut self, to: Option<&str>, event: &str, data: &Value) -> String {
        let block = format!("id: {}\nevent: {event}\ndata: {data}\n\n", self.now);
        let to = to.map(str::to_owned);
        self.log.push((self.now, to, block.clone()));
        block
    }
}

impl Site for SiteMessages {
    fn answer(&mut self, request: &Request) -> Answer {
        match (request.method.as_str(), request.path()) {
            ("GET", "/push") => {
                let greeting = if self.greets_with_id {
                    let now = self.now;
                    format!("retry: 3000\nid: {now}\ndata: 站内信链接成功！\n\n")
                } else {
                    "data: 站内信链接成功！\n\n".to_owned()
                };
                let mut first = vec![greeting];
                let last = request.header("last-event-id");
                if let Some(last) = last.filter(|_| self.resumes) {
                    let last: u64 = last.parse().unwrap();
                    let uid = request.query("uid");
                    let theirs = self.log.iter().filter(|(ms, to, _)| {
                        *ms >= last && (to.is_none() || to.as_deref() == uid)
                    });
                    first.extend(theirs.map(|(_, _, block)| block.clone()));
                }
                Answer::Stream {
                    head: head!(
                        "X-Powered-By: Express",
                        "Content-Type: text/event-stream",
                        "Cache-Control: no-cache",
                        "Connection: keep-alive"
                    ),
                    first,
                }
            }
            ("POST", "/update") => {
                let body: Value = serde_json::from_str(&request.body).unwrap();
                let uid = match &body["uid"] {
                    Value::String(uid) => uid.clone(),
                    other => other.to_string(),
                };
                // A missing text is what JavaScript makes of it.
                let msg = body["msg"].as_str().unwrap_or("undefined");
                let all = body["isAll"].as_bool().unwrap_or(false);
                let (to, whom) = if all {
                    (None, "所有人".to_owned())
                } else {
                    (Some(uid.as_str()), uid.clone())
                };
                let data = json!({ "msg": format!("给{whom}的消息>>{msg}"), "uid": body["uid"] });
                let block = self.block(to, "notify", &data);
                let to = to.map_or(To::All, |uid| To::Uid(uid.to_owned()));
                Answer::Once {
                    bytes: json_answer(r#"{"code":0}"#),
                    writes: vec![(to, block)],
                }
            }
            _ => not_found(),
        }
    }
}

impl Server<SiteMessages> {
    /// A millisecond passes on the site's clock.
    pub(crate) fn later(&self) {
        self.site(|site| site.now += 1);
    }

    /// Sends to everyone, each message in a millisecond of its own.
    pub(crate) async fn tell(&self, text: &str) {
        self.later();
        self.update(&json!({ "uid": 1, "msg": text, "isAll": true }))
            .await;
    }

    pub(crate) async fn update(&self, body: &Value) -> String {
        self.post("/update", &body.to_string()).await
    }

    /// Another part of the site publishes under its own event name.
    pub(crate) fn push(&self, event: &str, data: &Value) {
        let block = self.site(|site| {
            site.now += 1;
            site.block(None, event, data)
        });
        self.write(&block);
    }
}

/// What the message of [`Server::tell`] says in the inbox.
pub(crate) fn told(text: &str) -> String {
    format!("给所有人的消息>>{text}")
}

/// Tells the time on connect and then now and then; ids are rare and no numbers.
pub(crate) struct Clock {
    pub(crate) date: &'static str,
    /// What is sent again to a client that resumes from `msg1`.
    pub(crate) since_msg1: Vec<String>,
}

impl Site for Clock {
    fn answer(&mut self, request: &Request) -> Answer {
        match request.path() {
            "/sse" => {
                let mut first = vec![
                    "retry: 6000\n".to_owned(),
                    format!("data: {}\n\n", self.date),
                ];
                if request.header("last-event-id") == Some("msg1") {
                    first.extend(self.since_msg1.clone());
                }
                Answer::Stream {
                    head: head!(
                        "Content-Type: text/event-stream",
                        "Cache-Control: no-cache",
                        "Connection: keep-alive",
                        "Access-Control-Allow-Origin: *"
                    ),
                    first,
                }
            }
            _ => not_found(),
        }
    }
}

/// Gives every request the same answer.
pub(crate) struct Fixed(pub(crate) String);

impl Fixed {
    pub(crate) fn status(status: &str) -> Self {
        Self(format!(
            "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ))
    }

    pub(crate) fn page(body: &str) -> Self {
        let length = body.len();
        Self(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }
}

impl Site for Fixed {
    fn answer(&mut self, _: &Request) -> Answer {
        Answer::Once {
            bytes: self.0.clone(),
            writes: Vec::new(),
        }
    }
}

fn json_answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\n\r\n{body}"
    )
}

fn not_found() -> Answer {
    Answer::Once {
        bytes: Fixed::status("404 Not Found").0,
        writes: Vec::new(),
    }
}
