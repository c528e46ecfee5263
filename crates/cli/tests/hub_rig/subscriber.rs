//! Subscribers that break off at any moment, also in the middle of a frame, and resume.

use std::{io, sync::Arc};

use fastrand::Rng;
use feed::{Feed, FeedConfig, FeedUpdate};

use crate::{
    World,
    http::{Event, Parser},
    ledger::{TOPICS, To, USERS, Way},
    publisher::topic_name,
};

/// What a connection is read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The bare reader, an event stream.
    Stream,
    /// The bare reader, JSON lines.
    Lines,
    /// The bare reader, JSON lines in ntfy's manner.
    NtfyLines,
    /// The bare reader, one answer after the other.
    Poll,
    /// The project's own client.
    Client,
}

/// One subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    pub(crate) path: String,
    pub(crate) own: To,
}

/// What one subscriber got.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The place, if it was said, and the number of each event.
    pub(crate) events: Vec<(Option<u64>, usize)>,
    /// What it should not have got, each in words.
    pub(crate) strange: Vec<String>,
    pub(crate) connections: usize,
    pub(crate) done: bool,
}

impl Spec {
    /// A subscriber of topics in ntfy's manner.
    fn ntfy(kind: Kind, rng: &mut Rng) -> Self {
        let own = To {
            topics: (0..rng.usize(1..4)).map(|_| rng.usize(..TOPICS)).collect(),
            ..To::default()
        };
        let names: Vec<String> = own.topics.iter().map(|&topic| topic_name(topic)).collect();
        let end = if kind == Kind::NtfyLines {
            "json"
        } else {
            "sse"
        };
        Self {
            kind,
            path: format!("/{}/{end}?since=all", names.join(",")),
            own,
        }
    }

    pub(crate) fn random(number: usize, rng: &mut Rng) -> Self {
        match number % 17 {
            0 => return Self::ntfy(Kind::Stream, rng),
            1 => return Self::ntfy(Kind::NtfyLines, rng),
            _ => {}
        }
        let user = |rng: &mut Rng| rng.usize(..USERS);
        let mut own = To::everyone();
        let mut kind = match number % 20 {
            0 => Kind::Client,
            1 | 2 => Kind::Lines,
            3 => Kind::Poll,
            _ => Kind::Stream,
        };
        let mut query = Vec::new();
        let path = match number % 13 {
            0 => "/sse",
            1 => "/test",
            2 => {
                let user = user(rng);
                own.users.push(user);
                query.push(format!("uid={user}"));
                "/push"
            }
            3 => "/events",
            _ => {
                for _ in 0..rng.usize(..3) {
                    let user = user(rng);
                    own.users.push(user);
                    query.push(format!("uid={user}"));
                }
                if rng.bool() {
                    let topics: Vec<usize> =
                        (0..rng.usize(1..4)).map(|_| rng.usize(..TOPICS)).collect();
                    let names: Vec<String> =
                        topics.iter().map(|&topic| topic_name(topic)).collect();
                    query.push(format!("topic={}", names.join(",")));
                    own.topics = topics;
                }
                if rng.usize(..4) == 0 {
                    query.push("control=1".to_owned());
                }
                if query.is_empty() {
                    query.push("since=none".to_owned());
                }
                "/events"
            }
        };
        // A page of the board or of the site messages is an EventSource.
        let native = path == "/events" && !query.is_empty();
        if !native && matches!(kind, Kind::Lines | Kind::Poll) {
            kind = Kind::Stream;
        }
        match kind {
            // Its place comes with the first event alone.
            Kind::Lines => query.retain(|part| !part.starts_with("since")),
            Kind::Poll => query.push("poll=1".to_owned()),
            _ => {}
        }
        if matches!(kind, Kind::Lines) || (native && kind == Kind::Stream && rng.usize(..3) == 0) {
            query.retain(|part| !part.starts_with("since"));
            query.push("since=all".to_owned());
        }
        Self {
            kind,
            path: if query.is_empty() {
                path.to_owned()
            } else {
                format!("{path}?{}", query.join("&"))
            },
            own,
        }
    }
}

/// Listens until the last publication for it has come.
pub(crate) async fn subscribe(world: Arc<World>, spec: Spec, mut rng: Rng) -> Heard {
    let mut subscriber = Subscriber {
        end: world.ledger.end_of(&spec.own),
        world,
        spec,
        heard: Heard::default(),
        last_event_id: String::new(),
        seated: false,
    };
    while !subscriber.heard.done && subscriber.world.goes_on() {
        subscriber.heard.connections += 1;
        let until = subscriber.world.some_later(&mut rng);
        if subscriber.spec.kind == Kind::Client {
            subscriber.client(until).await;
            continue;
        }
        // What is cut off in time comes again; errors come from hubs that end.
        let _ = subscriber.connection(until, &mut rng).await;
        if subscriber.seated && !subscriber.heard.done && rng.usize(..6) == 0 {
            let later = subscriber.world.some_later(&mut rng);
            subscriber.world.stay_away(later).await;
        }
    }
    subscriber.heard
}

struct Subscriber {
    world: Arc<World>,
    spec: Spec,
    heard: Heard,
    last_event_id: String,
    /// The number of the publication that ends it.
    end: usize,
    /// It has a place in the log: from now on it misses nothing.
    seated: bool,
}

impl Subscriber {
    async fn connection(&mut self, until: usize, rng: &mut Rng) -> io::Result<()> {
        let world = Arc::clone(&self.world);
        let mut connection = world.connect().await;
        let accept = match self.spec.kind {
            Kind::Lines => "application/x-ndjson",
            _ => "text/event-stream",
        };
        let mut path = self.spec.path.clone();
        if self.spec.kind == Kind::NtfyLines && !self.last_event_id.is_empty() {
            path = path.replace("since=all", &format!("since={}", self.last_event_id));
        }
        let mut head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAccept: {accept}\r\n",
            world.address
        );
        if !self.last_event_id.is_empty() && self.spec.kind != Kind::NtfyLines {
            head += &format!("Last-Event-ID: {}\r\n", self.last_event_id);
        }
        connection.send(format!("{head}\r\n").as_bytes()).await?;
        let head = connection.head().await?;
        if head.status != 200 {
            self.strange(format!("status {}", head.status));
            world.stay_away(until).await;
            return Ok(());
        }
        if matches!(self.spec.kind, Kind::Lines | Kind::NtfyLines) {
            // It says no place before the first event; `since=all` needs none.
            self.seat();
        }
        // Any byte may be the last: 0 takes the head alone.
        let mut left = match rng.usize(..10) {
            0 => rng.usize(..40),
            1..4 => rng.usize(..4000),
            4..9 => rng.usize(..40_000),
            _ => usize::MAX,
        };
        let mut parser = Parser::resuming(&self.last_event_id);
        let mut line = Vec::new();
        let mut events = Vec::new();
        loop {
            let part = tokio::select! {
                part = connection.part() => part?,
                () = world.published_are(until), if self.seated => return Ok(()),
            };
            let Some(part) = part else {
                if self.spec.kind == Kind::Poll {
                    self.seat();
                    world.stay_away(until).await;
                }
                return Ok(());
            };
            // Without a place nothing could be resumed.
            let part = if self.seated {
                let part = &part[..part.len().min(left)];
                left -= part.len();
                part
            } else {
                &part
            };
            if matches!(self.spec.kind, Kind::Lines | Kind::NtfyLines) {
                self.lines(&mut line, part);
            } else {
                parser.feed(part, |event| events.push(event));
                for event in events.drain(..) {
                    self.event(&event);
                }
                self.last_event_id.clone_from(&parser.last_event_id);
                if !self.last_event_id.is_empty() {
                    self.seat();
                }
            }
            if (left == 0 && self.seated) || self.heard.done {
                return Ok(());
            }
        }
    }

    fn lines(&mut self, line: &mut Vec<u8>, part: &[u8]) {
        for &byte in part {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let line = std::mem::take(line);
            if line.is_empty() {
                continue;
            }
            let Ok(object) = serde_json::from_slice::<serde_json::Value>(&line) else {
                self.strange(format!("no JSON: {}", String::from_utf8_lossy(&line)));
                continue;
            };
            let text = |name: &str| object[name].as_str().map(str::to_owned);
            if let Some(id) = text("id") {
                self.last_event_id = id;
            }
            let name = text("event").unwrap_or_else(|| "message".to_owned());
            let data = text("data").unwrap_or_else(|| String::from_utf8_lossy(&line).into_owned());
            let id = self.last_event_id.clone();
            self.event(&Event { name, data, id });
        }
    }

    /// The project's own client, opened anew where the one before had come to.
    async fn client(&mut self, until: usize) {
        let world = Arc::clone(&self.world);
        let url = format!("http://{}{}", world.address, self.spec.path);
        let mut config = FeedConfig::new(url.parse().unwrap());
        config.proxy = feed::Proxy::None;
        if !self.last_event_id.is_empty() {
            config.last_event_id = Some(self.last_event_id.clone());
        }
        let (_feed, mut updates) = Feed::open(config);
        loop {
            let update = tokio::select! {
                update = updates.recv() => update,
                () = world.published_are(until), if self.seated => return,
            };
            match update {
                Some(FeedUpdate::Event(event)) => {
                    self.last_event_id.clone_from(&event.last_event_id);
                    self.event(&Event {
                        name: event.name,
                        data: event.data,
                        id: event.last_event_id,
                    });
                }
                Some(FeedUpdate::LastEventId(id)) => self.last_event_id = id,
                Some(FeedUpdate::Skipped { .. }) => {
                    self.strange("an event was left out".to_owned());
                }
                Some(FeedUpdate::State(_)) => {}
                None => return self.strange("the client gave up".to_owned()),
            }
            if !self.last_event_id.is_empty() {
                self.seat();
            }
            if self.heard.done {
                return;
            }
        }
    }

    fn seat(&mut self) {
        if !std::mem::replace(&mut self.seated, true) {
            self.world.seats.send_modify(|seats| *seats += 1);
        }
    }

    fn event(&mut self, event: &Event) {
        let world = Arc::clone(&self.world);
        match (event.name.as_str(), event.data.as_str()) {
            ("hello" | "ping" | "bye", _) if self.spec.path.contains("control=1") => return,
            ("message", "站内信链接成功！") if self.spec.path.starts_with("/push") => {
                return;
            }
            ("open" | "keepalive", _) if !self.spec.own.everyone => return,
            // The board's array, before the first fact.
            ("message", "[]") if self.spec.path == "/events" && !self.seated => return,
            _ => {}
        }
        let Some(number) = world.ledger.number_in(&event.data) else {
            return self.strange(format!("{event:?}"));
        };
        let publication = &world.ledger.all[number];
        let in_ntfys_manner = !self.spec.own.everyone;
        let (mut data, mut name) = (event.data.clone(), publication.name.unwrap_or("message"));
        if in_ntfys_manner || publication.way == Way::Ntfy {
            let message = serde_json::from_str::<serde_json::Value>(&data).unwrap_or_default();
            data = message["message"].as_str().unwrap_or_default().to_owned();
        }
        if in_ntfys_manner {
            name = "message";
        }
        if data != publication.data || event.name != name {
            self.strange(format!("{event:?} instead of {publication:?}"));
        }
        let place = event
            .id
            .split_once('.')
            .and_then(|(_, place)| place.parse().ok());
        if place.is_none() && self.spec.kind != Kind::NtfyLines {
            self.strange(format!("{number} came with the id {:?}", event.id));
        }
        self.heard.events.push((place, number));
        world.moved();
        self.heard.done |= number == self.end;
    }

    fn strange(&mut self, what: String) {
        self.heard.strange.push(what);
    }
}
