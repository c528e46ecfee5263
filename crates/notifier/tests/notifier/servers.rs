//! The servers that presets are for, as their documentation describes them on the wire.

use serde_json::{Value, json};

use crate::fixtures::{Answer, Request, Server, Site};

fn stream(extra: &str, first: Vec<String>) -> Answer {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
         Cache-Control: no-cache\r\n{extra}Transfer-Encoding: chunked\r\n\r\n"
    );
    Answer::Stream {
        // A test's few answers may stay.
        head: head.leak(),
        first,
    }
}

fn whole(content_type: &str, body: &str) -> Answer {
    let length = body.len();
    Answer::Once {
        bytes: format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        ),
        writes: Vec::new(),
    }
}

/// ntfy: no ids, only messages go without a name, times are whole seconds.
pub(crate) struct Ntfy {
    pub(crate) now: u64,
    /// What the server's cache holds.
    pub(crate) log: Vec<Value>,
    /// The next stream ends after so many of what was missed and a live message.
    pub(crate) breaks_after: Option<usize>,
    count: u32,
}

impl Ntfy {
    pub(crate) fn new() -> Self {
        Self {
            now: 1_767_225_600,
            log: Vec::new(),
            breaks_after: None,
            count: 0,
        }
    }

    pub(crate) fn block(event: &Value) -> String {
        match event["event"].as_str() {
            Some("message") => format!("data: {event}\n\n"),
            Some(name) => format!("event: {name}\ndata: {event}\n\n"),
            None => panic!("{event}"),
        }
    }

    /// An event of this moment with an id of its own.
    pub(crate) fn event(&mut self, name: &str, more: &Value) -> Value {
        self.count += 1;
        let mut event = json!({
            "id": format!("id{:010}", self.count),
            "time": self.now,
            "event": name,
            "topic": "alerts",
        });
        if let Some(more) = more.as_object() {
            event.as_object_mut().unwrap().extend(more.clone());
        }
        event
    }

    /// An event of this moment that the cache holds.
    pub(crate) fn publish(&mut self, name: &str, more: &Value) -> Value {
        let event = self.event(name, more);
        self.log.push(event.clone());
        event
    }

    fn since(&self, since: Option<&str>) -> Vec<Value> {
        let since = match since {
            None | Some("none") => return Vec::new(),
            Some("all") => 0,
            Some(time) => time.parse().expect("a time"),
        };
        let kept = self.log.iter();
        kept.filter(|event| event["time"].as_u64().unwrap() >= since)
            .cloned()
            .collect()
    }
}

impl Site for Ntfy {
    fn answer(&mut self, request: &Request) -> Answer {
        let missed = self.since(request.query("since"));
        match (request.path(), request.query("poll")) {
            ("/alerts/json", Some("1")) => {
                let missed = match request.query("since") {
                    None => self.since(Some("all")),
                    Some(_) => missed,
                };
                let body: String = missed.iter().map(|event| format!("{event}\n")).collect();
                whole("application/x-ndjson; charset=utf-8", &body)
            }
            ("/alerts/sse", None) => {
                let open = self.event("open", &Value::Null);
                if let Some(most) = self.breaks_after.take() {
                    self.now += 1;
                    let live = self.publish("message", &json!({"message": "live"}));
                    let mut events = vec![open];
                    events.extend(missed.into_iter().take(most));
                    events.push(live);
                    let body: String = events.iter().map(Ntfy::block).collect();
                    // No length: the end of the connection cuts it off.
                    return Answer::Once {
                        bytes: format!(
                            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                             Connection: close\r\n\r\n{body}"
                        ),
                        writes: Vec::new(),
                    };
                }
                let first = [open].iter().chain(&missed).map(Ntfy::block).collect();
                stream("", first)
            }
            other => panic!("{other:?}"),
        }
    }
}

impl Server<Ntfy> {
    /// Somebody publishes now.
    pub(crate) fn publish(&self, name: &str, more: &Value) -> Value {
        let event = self.site(|site| site.publish(name, more));
        self.write(&Ntfy::block(&event));
        event
    }

    pub(crate) fn keepalive(&self) {
        let event = self.site(|site| {
            site.now += 1;
            site.event("keepalive", &Value::Null)
        });
        self.write(&Ntfy::block(&event));
    }

    pub(crate) fn later(&self) {
        self.site(|site| site.now += 1);
    }
}

/// A Mercure hub: unique ids, and the place it goes on from in a header of its answer.
#[derive(Default)]
pub(crate) struct Mercure {
    pub(crate) log: Vec<(String, String)>,
}

impl Mercure {
    pub(crate) fn update(&mut self, kind: Option<&str>, data: &str) -> String {
        let number = self.log.len() + 1;
        let id = format!("urn:uuid:00000000-0000-4000-8000-{number:012}");
        let kind = kind.map_or_else(String::new, |kind| format!("event: {kind}\n"));
        let data = data.replace('\n', "\ndata: ");
        let block = format!("id: {id}\n{kind}data: {data}\n\n");
        self.log.push((id, block.clone()));
        block
    }
}

impl Site for Mercure {
    fn answer(&mut self, request: &Request) -> Answer {
        assert_eq!(request.path(), "/.well-known/mercure");
        let mut blocks = vec![":\n".to_owned()];
        let Some(last) = request.header("last-event-id") else {
            return stream("", blocks);
        };
        let known = self.log.iter().position(|(id, _)| id == last);
        let from = match known {
            Some(place) => place + 1,
            None => 0,
        };
        blocks.extend(self.log[from..].iter().map(|(_, block)| block.clone()));
        let answered = if known.is_some() { last } else { "earliest" };
        stream(&format!("Last-Event-ID: {answered}\r\n"), blocks)
    }
}

impl Server<Mercure> {
    pub(crate) fn update(&self, kind: Option<&str>, data: &str) {
        let block = self.site(|site| site.update(kind, data));
        self.write(&block);
    }
}

/// Greets and remembers nothing, like Mastodon (with a comment) and Home Assistant (with "ping").
pub(crate) struct Forgetful {
    pub(crate) path: &'static str,
    pub(crate) greeting: &'static str,
}

impl Site for Forgetful {
    fn answer(&mut self, request: &Request) -> Answer {
        assert_eq!(request.path(), self.path);
        stream("", vec![self.greeting.to_owned()])
    }
}

/// Wikimedia: ids are JSON arrays, and a resumed stream goes on after them.
pub(crate) struct Wikimedia {
    pub(crate) log: Vec<(String, String)>,
}

impl Wikimedia {
    pub(crate) fn change(&mut self, id: &str, data: &Value) -> String {
        let block = format!("event: message\nid: {id}\ndata: {data}\n\n");
        self.log.push((id.to_owned(), block.clone()));
        block
    }
}

impl Site for Wikimedia {
    fn answer(&mut self, request: &Request) -> Answer {
        assert_eq!(request.path(), "/v2/stream/recentchange");
        let mut first = vec![":ok\n\n".to_owned()];
        if let Some(last) = request.header("last-event-id") {
            let place = self.log.iter().position(|(id, _)| id == last);
            let from = place.expect("an id of ours, byte for byte");
            // Such an id can name a time: what stands at it comes again.
            first.extend(self.log[from..].iter().map(|(_, block)| block.clone()));
        }
        stream("", first)
    }
}

impl Server<Wikimedia> {
    pub(crate) fn change(&self, id: &str, data: &Value) {
        let block = self.site(|site| site.change(id, data));
        self.write(&block);
    }
}

/// Says the same again on every request, and ends: a JSON array, or anything else as it is.
pub(crate) struct Again {
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Again {
    pub(crate) fn array(items: &[&str]) -> Self {
        Self {
            content_type: "application/json",
            body: Self::list(items),
        }
    }

    pub(crate) fn list(items: &[&str]) -> String {
        let items = items.iter().map(|item| json!({ "text": item }));
        Value::from(items.collect::<Vec<_>>()).to_string()
    }
}

impl Site for Again {
    fn answer(&mut self, _: &Request) -> Answer {
        whole(self.content_type, &self.body)
    }
}

impl Server<Again> {
    pub(crate) fn now_says(&self, items: &[&str]) {
        self.site(|site| site.body = Again::list(items));
    }
}

/// Sends numbers that are asked for by a parameter; ids, should it send any, mean nothing.
pub(crate) struct Numbered {
    pub(crate) items: Vec<u64>,
}

impl Numbered {
    pub(crate) fn block(number: u64) -> String {
        format!("id: noise\ndata: {{\"meta\":{{\"n\":{number}}},\"text\":\"n{number}\"}}\n\n")
    }
}

impl Site for Numbered {
    fn answer(&mut self, request: &Request) -> Answer {
        let first = match request.query("from") {
            None => Vec::new(),
            Some(from) => {
                let from: u64 = from.parse().expect("a number of ours");
                let items = self.items.iter().filter(|item| **item >= from);
                items.map(|item| Self::block(*item)).collect()
            }
        };
        stream("", first)
    }
}
