//! Publishers, on connections of their own that they keep.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::{
    World,
    http::{Answer, Connection},
    ledger::{Ledger, Outcome, Publication, Way},
};

/// What is sent in one request: one publication, or a batch. The two ends come later.
pub(crate) fn jobs(ledger: &Ledger) -> Vec<Range<usize>> {
    let mut jobs: Vec<Range<usize>> = Vec::new();
    for (number, publication) in ledger.all[..ledger.all.len() - 2].iter().enumerate() {
        match jobs.last_mut() {
            Some(last)
                if matches!(publication.way, Way::Batch(_))
                    && publication.way == ledger.all[last.start].way =>
            {
                last.end = number + 1;
            }
            _ => jobs.push(number..number + 1),
        }
    }
    jobs
}

/// Publishes what is left of the jobs.
pub(crate) async fn publish(
    world: Arc<World>,
    jobs: Arc<Vec<Range<usize>>>,
    next: Arc<AtomicUsize>,
    mut rng: Rng,
) {
    let mut publisher = Publisher {
        world,
        connection: None,
    };
    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
        publisher.one(job.clone(), &mut rng).await;
        let published = &publisher.world.published;
        published.send_modify(|published| *published += job.len());
    }
}

struct Publisher {
    world: Arc<World>,
    connection: Option<Connection>,
}

impl Publisher {
    async fn one(&mut self, job: Range<usize>, rng: &mut Rng) {
        let ledger = Arc::clone(&self.world.ledger);
        let first = &ledger.all[job.start];
        let Some(answer) = self.until_answered(&job).await else {
            return;
        };
        let places = positions(first, &answer);
        let said = match first.way {
            Way::Fact => answer.text() == r#"{"r0":0,"r1":""}"#,
            Way::Update => answer.text() == r#"{"code":0}"#,
            Way::Ntfy => answer.json()["message"] == first.data,
            _ => places.len() == job.len(),
        };
        if !said {
            self.world
                .trouble(format!("{first:?} was answered {}", answer.text()));
        }
        for (nth, number) in job.clone().enumerate() {
            let place = places.get(nth).copied();
            ledger.note(number, place.map_or(Outcome::Stored, Outcome::At));
        }
        // Once more, at once or long after: it is still the same one.
        let again = match rng.usize(..20) {
            0..2 => job,
            2 => {
                let earlier = rng.usize(..=job.start);
                earlier..earlier + 1
            }
            _ => return,
        };
        let known = ledger.outcome(again.start);
        let repeated = &ledger.all[again.start];
        let (Outcome::At(_), Some(_)) = (known, &repeated.key) else {
            return;
        };
        let Some(answer) = self.until_answered(&again).await else {
            return;
        };
        let now = positions(repeated, &answer)
            .first()
            .copied()
            .map(Outcome::At);
        if now != Some(known) {
            let number = again.start;
            self.world
                .trouble(format!("{number} repeated: {known:?} became {now:?}"));
        }
    }

    /// The answer that says that it is stored; none, if it is not known whether it is.
    async fn until_answered(&mut self, job: &Range<usize>) -> Option<Answer> {
        let world = Arc::clone(&self.world);
        let first = &world.ledger.all[job.start];
        let request = request(&world.ledger.all[job.clone()]);
        let headers = [("Content-Type", request.content_type)];
        loop {
            let mut connection = match self.connection.take() {
                Some(connection) => connection,
                None => world.connect().await,
            };
            // A repeated one stays known.
            for number in job.clone() {
                if world.ledger.outcome(number) == Outcome::Unsent {
                    world.ledger.note(number, Outcome::Doubtful);
                }
            }
            let Request {
                method, path, body, ..
            } = &request;
            let Ok(answer) = connection.ask(method, path, &headers, body).await else {
                if first.key.is_some() {
                    continue;
                }
                return None;
            };
            match answer.status() {
                200 => {
                    self.connection = Some(connection);
                    return Some(answer);
                }
                429 => {
                    let after = answer.head.header("retry-after");
                    let after = after.and_then(|after| after.parse().ok()).unwrap_or(1);
                    world.slowed.fetch_add(1, Ordering::Relaxed);
                    self.connection = Some(connection);
                    tokio::time::sleep(Duration::from_secs(after)).await;
                }
                503 => {}
                status => {
                    world.trouble(format!("{job:?} was answered {status}: {}", answer.text()));
                    return None;
                }
            }
        }
    }
}

/// Where the hub says that it put them; none, if it does not say.
fn positions(first: &Publication, answer: &Answer) -> Vec<u64> {
    let place = |id: &Value| id.as_str()?.split_once('.')?.1.parse().ok();
    let answer = answer.json();
    match first.way {
        Way::Batch(_) => {
            let ids = answer["ids"].as_array();
            ids.into_iter().flatten().filter_map(place).collect()
        }
        // An id of ntfy's is no place.
        _ => place(&answer["id"]).into_iter().collect(),
    }
}

/// A request that publishes.
struct Request {
    method: &'static str,
    path: String,
    content_type: &'static str,
    body: Vec<u8>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "POST",
            path: "/publish".to_owned(),
            content_type: "text/plain; charset=utf-8",
            body: Vec::new(),
        }
    }
}

fn request(job: &[Publication]) -> Request {
    let json = |path: &str, body: String| Request {
        path: path.to_owned(),
        content_type: "application/json",
        body: body.into_bytes(),
        ..Request::default()
    };
    let first = &job[0];
    match first.way {
        Way::Batch(_) => {
            let documents: Vec<Value> = job.iter().map(document).collect();
            json("/publish", Value::from(documents).to_string())
        }
        Way::Document => json("/publish", document(first).to_string()),
        Way::Text => {
            let mut query = url::form_urlencoded::Serializer::new(String::from("/publish?"));
            for user in &first.to.users {
                query.append_pair("uid", &user.to_string());
            }
            for topic in &first.to.topics {
                query.append_pair("topic", &topic_name(*topic));
            }
            for (name, value) in [("event", first.name), ("id", first.key.as_deref())] {
                if let Some(value) = value {
                    query.append_pair(name, value);
                }
            }
            Request {
                path: query.finish(),
                body: first.data.clone().into_bytes(),
                ..Request::default()
            }
        }
        Way::Fact => json("/fact", first.data.clone()),
        Way::Update => {
            let said: Value = serde_json::from_str(&first.data).unwrap();
            let msg = said["msg"].as_str().unwrap();
            let (_, msg) = msg.split_once(">>").unwrap();
            let body = match first.to.users.first() {
                Some(user) => json!({"uid": user, "msg": msg}),
                None => json!({"msg": msg, "isAll": true}),
            };
            json("/update", body.to_string())
        }
        Way::Ntfy => in_ntfys_manner(first),
    }
}

/// As a text, as a document, or all in the address.
fn in_ntfys_manner(publication: &Publication) -> Request {
    let topic = topic_name(publication.to.topics[0]);
    let message = &publication.data;
    match message.len() % 3 {
        0 => Request {
            path: format!("/{topic}"),
            body: message.clone().into_bytes(),
            ..Request::default()
        },
        1 => Request {
            path: "/".to_owned(),
            body: json!({"topic": topic, "message": message})
                .to_string()
                .into_bytes(),
            ..Request::default()
        },
        _ => {
            let mut query = url::form_urlencoded::Serializer::new(format!("/{topic}/publish?"));
            Request {
                method: "GET",
                path: query.append_pair("message", message).finish(),
                ..Request::default()
            }
        }
    }
}

fn document(publication: &Publication) -> Value {
    let mut document = json!({ "data": publication.data });
    let to = &publication.to;
    if !to.users.is_empty() {
        // As numbers and as texts: they are the same users.
        document["uids"] = to
            .users
            .iter()
            .map(|user| {
                if user % 2 == 0 {
                    json!(user)
                } else {
                    json!(user.to_string())
                }
            })
            .collect();
    }
    if !to.topics.is_empty() {
        document["topics"] = to
            .topics
            .iter()
            .map(|&topic| json!(topic_name(topic)))
            .collect();
    }
    if let Some(name) = publication.name {
        document["event"] = name.into();
    }
    if let Some(key) = &publication.key {
        document["id"] = key.clone().into();
    }
    document
}

pub(crate) fn topic_name(topic: usize) -> String {
    format!("topic-{topic}")
}
