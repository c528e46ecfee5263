//! Subscribers: one connection at a time, and when that ends the next node is asked, with the last
//! event id.

use std::{
    fmt,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    crowd::World,
    http::{Connection, Event, Parser},
    ledger::{Place, TOPIC, To, number_in},
};

/// So long without a byte, and a connection is given up. Signs of life come each second.
const SILENCE: Duration = Duration::from_secs(20);
/// How soon the next node is tried.
const SOON: Duration = Duration::from_millis(30);

/// One subscriber.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spec {
    /// Listens as this user, and to everyone's.
    pub(crate) user: Option<usize>,
    /// Listens to [`TOPIC`] too.
    pub(crate) topic: bool,
    /// The node that is asked first.
    pub(crate) node: usize,
    /// It asks no other one.
    pub(crate) stays: bool,
}

impl Spec {
    pub(crate) fn gets(&self, to: To) -> bool {
        match to {
            To::Everyone => true,
            To::User(user) => self.user == Some(user),
            To::Topic => self.topic,
        }
    }

    pub(crate) fn path(&self) -> String {
        let mut path = "/events?since=none".to_owned();
        if let Some(user) = self.user {
            path += &format!("&uid={user}");
        }
        if self.topic {
            path += &format!("&topic={TOPIC}");
        }
        path
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stays = if self.stays { ", at" } else { ", first at" };
        write!(f, "{}{stays} node {}", self.path(), self.node)
    }
}

/// What one subscriber got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// The place it began at.
    pub(crate) first: Option<Place>,
    pub(crate) items: Vec<Item>,
    /// The place that the newest gap led to, and how many there were: asked for again and again.
    pub(crate) led_to: Option<Place>,
    pub(crate) gaps: usize,
    /// What it should not have got, each in words.
    pub(crate) strange: Vec<String>,
    pub(crate) connections: usize,
    /// Parts of a stream without an event.
    pub(crate) beats: usize,
    /// The node it is connected to.
    pub(crate) at: Option<usize>,
    pub(crate) last_event_id: String,
}

/// What came.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Event {
        place: Place,
        number: usize,
        /// Of its name and data.
        hash: u64,
    },
    Gap {
        from: String,
        to: Place,
    },
}

impl Heard {
    pub(crate) fn events(&self) -> impl Iterator<Item = (Place, usize, u64)> {
        self.items.iter().filter_map(|item| match item {
            Item::Event {
                place,
                number,
                hash,
            } => Some((*place, *number, *hash)),
            Item::Gap { .. } => None,
        })
    }

    pub(crate) fn gaps(&self) -> impl Iterator<Item = (String, Place)> {
        self.items.iter().filter_map(|item| match item {
            Item::Gap { from, to } => Some((from.clone(), *to)),
            Item::Event { .. } => None,
        })
    }

    /// Whether the newest that came is this one.
    pub(crate) fn ends_with(&self, number: usize) -> bool {
        matches!(self.items.last(), Some(Item::Event { number: last, .. }) if *last == number)
    }

    /// Up to where it got everything, as it was told.
    pub(crate) fn place(&self) -> Option<Place> {
        self.last_event_id.parse().ok()
    }

    fn event(&mut self, event: &Event) {
        let Ok(place) = event.id.parse::<Place>() else {
            return self.strange.push(format!("no place: {event:?}"));
        };
        if event.name == "gap" {
            let said = serde_json::from_str::<serde_json::Value>(&event.data).unwrap_or_default();
            if said["to"] != place.to_string() {
                self.strange.push(format!("{event:?}"));
            }
            let from = said["from"].as_str().unwrap_or_default().to_owned();
            self.led_to = Some(place);
            self.gaps += 1;
            return self.items.push(Item::Gap { from, to: place });
        }
        let Some(number) = number_in(&event.data) else {
            return self.strange.push(format!("{event:?}"));
        };
        let mut hasher = DefaultHasher::new();
        (&event.name, &event.data).hash(&mut hasher);
        self.items.push(Item::Event {
            place,
            number,
            hash: hasher.finish(),
        });
    }
}

/// Listens until the run is over.
pub(crate) async fn subscribe(world: Arc<World>, spec: Spec, heard: Arc<Mutex<Heard>>) {
    let mut node = spec.node;
    while world.goes_on() {
        // A connection that ends is what all this is about.
        let _ = connection(&world, &spec, &heard, node).await;
        heard.lock().unwrap().at = None;
        if !spec.stays {
            node = (node + 1) % world.nodes.len();
        }
        tokio::time::sleep(SOON).await;
    }
}

async fn connection(
    world: &World,
    spec: &Spec,
    heard: &Mutex<Heard>,
    node: usize,
) -> io::Result<()> {
    let address = world.nodes[node];
    let last_event_id = heard.lock().unwrap().last_event_id.clone();
    let mut connection = timeout(SILENCE, open(address, spec, &last_event_id)).await??;
    let head = timeout(SILENCE, connection.head()).await??;
    if head.status != 200 {
        if head.status != 503 {
            let strange = format!("status {}", head.status);
            heard.lock().unwrap().strange.push(strange);
        }
        return Ok(());
    }
    {
        let mut heard = heard.lock().unwrap();
        heard.connections += 1;
        heard.at = Some(node);
    }
    let mut parser = Parser::resuming(&last_event_id);
    loop {
        let part = timeout(SILENCE, connection.part()).await??;
        let Some(mut part) = part.as_deref() else {
            return Ok(());
        };
        let mut heard = heard.lock().unwrap();
        let before = heard.items.len();
        while heard.first.is_none() && !part.is_empty() {
            // The place comes before anything else.
            parser.feed(&part[..1], |event| heard.event(&event));
            heard.first = parser.last_event_id.parse().ok();
            part = &part[1..];
        }
        parser.feed(part, |event| heard.event(&event));
        heard.last_event_id.clone_from(&parser.last_event_id);
        if heard.items.len() == before {
            heard.beats += 1;
        }
    }
}

async fn open(address: SocketAddr, spec: &Spec, last_event_id: &str) -> io::Result<Connection> {
    let mut connection = Connection::open(address).await?;
    let mut head = format!(
        "GET {} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n",
        spec.path()
    );
    if !last_event_id.is_empty() {
        head += &format!("Last-Event-ID: {last_event_id}\r\n");
    }
    connection.send(format!("{head}\r\n").as_bytes()).await?;
    Ok(connection)
}
