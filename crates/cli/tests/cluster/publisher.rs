//! Publishers: each publication goes to some node, again and again with the same id, until one says
//! where it is.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use fastrand::Rng;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    crowd::{World, ask, events_of},
    http::{Answer, Connection},
    ledger::{Outcome, Place, TOPIC, To, USERS, key},
};

/// How soon what was not answered is sent again.
const SOON: Duration = Duration::from_millis(50);
/// The longest pause between two publications, in milliseconds.
const PAUSE: u64 = 12;
/// Longer than a node may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Publishes until it is told to stop.
pub(crate) async fn publish(world: Arc<World>, mut rng: Rng) {
    let mut publisher = Publisher::new(world);
    let world = Arc::clone(&publisher.world);
    while world.publishes() {
        let to = if rng.bool() {
            To::Everyone
        } else {
            To::User(rng.usize(..USERS))
        };
        let pad = "x ".repeat(rng.usize(..40));
        let number = world.ledger.write(to, &pad);
        if let Some(place) = publisher.until_answered(number, &mut rng).await {
            match rng.usize(..20) {
                0 => publisher.repeat(number, place, &mut rng).await,
                1 | 2 => read_own(&world, place, &mut rng).await,
                _ => {}
            }
        }
        sleep(Duration::from_millis(rng.u64(..PAUSE))).await;
    }
}

/// One publisher with its connections.
pub(crate) struct Publisher {
    world: Arc<World>,
    connections: HashMap<SocketAddr, Connection>,
}

impl Publisher {
    pub(crate) fn new(world: Arc<World>) -> Self {
        Self {
            world,
            connections: HashMap::new(),
        }
    }

    /// Sends it until it has a place; none, if the run is over before.
    pub(crate) async fn until_answered(&mut self, number: usize, rng: &mut Rng) -> Option<Place> {
        let world = Arc::clone(&self.world);
        while world.goes_on() {
            let node = rng.usize(..world.nodes.len());
            let Some(answer) = self.once(number, node).await else {
                sleep(SOON).await;
                continue;
            };
            match answer.status() {
                200 => return self.answered(number, &answer),
                503 => {
                    world.unavailable.fetch_add(1, Ordering::Relaxed);
                    if answer.head.header("retry-after").is_none() {
                        let text = answer.text();
                        world.trouble(format!("503 without Retry-After: {text}"));
                    }
                    sleep(SOON).await;
                }
                status => {
                    let text = answer.text();
                    world.trouble(format!("{number} was answered {status}: {text}"));
                    return None;
                }
            }
        }
        None
    }

    /// One try at one node.
    pub(crate) async fn once(&mut self, number: usize, node: usize) -> Option<Answer> {
        let address = self.world.nodes[node];
        let body = document(&self.world, number);
        let mut connection = match self.connections.remove(&address) {
            Some(connection) => connection,
            None => Connection::open(address).await.ok()?,
        };
        self.world.ledger.send(number);
        let headers = [("Content-Type", "application/json")];
        let asked = connection.ask("POST", "/publish", &headers, body.as_bytes());
        let Ok(answer) = timeout(PATIENCE, asked).await else {
            let late = format!("node {node} has not answered {number} in {PATIENCE:?}");
            self.world.trouble(late);
            return None;
        };
        let answer = answer.ok()?;
        self.connections.insert(address, connection);
        Some(answer)
    }

    fn answered(&self, number: usize, answer: &Answer) -> Option<Place> {
        let place = place_in(answer);
        match place {
            Some(place) => {
                self.world.ledger.note(number, Outcome::At(place));
                self.world.answered.fetch_add(1, Ordering::Relaxed);
            }
            None => {
                let text = answer.text();
                self.world.trouble(format!("{number} has no place: {text}"));
            }
        }
        place
    }

    /// The same once more, somewhere: it is where it was, unless the log was made anew.
    async fn repeat(&mut self, number: usize, place: Place, rng: &mut Rng) {
        let node = rng.usize(..self.world.nodes.len());
        let Some(answer) = self.once(number, node).await else {
            return;
        };
        if let Some(now) = place_in(&answer)
            && now != place
            && now.epoch == place.epoch
        {
            self.world
                .trouble(format!("{number} repeated: {place} became {now}"));
        }
    }
}

/// Whoever reads on from what was just published misses nothing, whichever node is asked.
async fn read_own(world: &World, place: Place, rng: &mut Rng) {
    let node = world.nodes[rng.usize(..world.nodes.len())];
    let path = format!("/events?poll=1&since={place}");
    // A node that is down or not yet there has nothing to say.
    let Ok(answer) = ask(node, "GET", &path, &[], b"").await else {
        return;
    };
    if answer.status() != 200 {
        if answer.status() != 503 {
            world.trouble(format!("{path} was answered {}", answer.status()));
        }
        return;
    }
    world.own_reads.fetch_add(1, Ordering::Relaxed);
    for event in events_of(&answer) {
        let to = event.id.parse::<Place>().ok();
        if event.name == "gap" && to.is_some_and(|to| to.epoch == place.epoch) {
            world.trouble(format!("read on from {place} at once: {event:?}"));
        }
    }
}

/// Where a node says that it put a publication.
pub(crate) fn place_in(answer: &Answer) -> Option<Place> {
    answer.json()["id"].as_str()?.parse().ok()
}

/// A publication as `POST /publish` takes it.
pub(crate) fn document(world: &World, number: usize) -> String {
    let publication = world.ledger.publication(number);
    let mut document = json!({"data": publication.data, "id": key(number)});
    match publication.to {
        To::Everyone => {}
        To::User(user) => document["uid"] = user.into(),
        To::Topic => document["topic"] = TOPIC.into(),
    }
    document.to_string()
}
