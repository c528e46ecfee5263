//! What the upstream produces: the list that the inbox is compared with, and the
//! frames that go over the wire.

use std::collections::HashMap;

use fastrand::Rng;

/// The event name that a rule of the settings drops.
pub(crate) const DROPPED: &str = "noise";

/// What ids the feed's events carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ids {
    /// One each, counting; a resume sends what comes after.
    Counting,
    /// Some events share an id, and a resume sends all of it again, as servers do whose ids are
    /// milliseconds; others have none and come after the last of their id.
    Shared,
    /// The same, but events without an id also come between two of one id.
    Mixed,
}

/// One event as the upstream produced it.
#[derive(Debug)]
pub(crate) struct Produced {
    pub(crate) id: Option<String>,
    /// None: no `event:` field.
    pub(crate) name: Option<&'static str>,
    pub(crate) data: String,
}

impl Produced {
    /// Whether it belongs into the inbox.
    pub(crate) fn is_kept(&self) -> bool {
        self.name != Some(DROPPED)
    }

    /// As it goes over the wire, its fields in any order.
    pub(crate) fn frame(&self, rng: &mut Rng) -> String {
        let mut fields: Vec<String> = Vec::new();
        fields.extend(self.id.as_ref().map(|id| format!("id: {id}\n")));
        fields.extend(self.name.map(|name| format!("event: {name}\n")));
        let data = self.data.split('\n').map(|line| format!("data: {line}\n"));
        fields.push(data.collect());
        rng.shuffle(&mut fields);
        fields.concat() + "\n"
    }
}

/// Everything that the upstream produces, in order. The number of an event is its place.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) ids: Ids,
    pub(crate) events: Vec<Produced>,
    first_of_id: HashMap<String, usize>,
}

impl Ledger {
    /// The last event is one that a rule drops: only the cursor can tell that it was taken.
    pub(crate) fn new(ids: Ids, count: usize, rng: &mut Rng) -> Self {
        let mut events = Vec::with_capacity(count);
        let mut stamp = 1_700_000_000_000_u64;
        while events.len() + 1 < count {
            stamp += rng.u64(1..2000);
            let (sharing, without) = match ids {
                Ids::Counting => (1, 0),
                Ids::Shared | Ids::Mixed => (rng.usize(1..=5), rng.usize(0..=2)),
            };
            let mut has_id = vec![true; sharing];
            has_id.resize(sharing + without, false);
            if ids == Ids::Mixed {
                // The first names the id.
                rng.shuffle(&mut has_id[1..]);
            }
            for has_id in has_id {
                let number = events.len();
                let id = match ids {
                    Ids::Counting => number.to_string(),
                    Ids::Shared | Ids::Mixed => stamp.to_string(),
                };
                events.push(Produced {
                    id: has_id.then_some(id),
                    name: name(rng),
                    data: data(number, rng),
                });
            }
        }
        events.truncate(count - 1);
        events.push(Produced {
            id: Some(u64::MAX.to_string()),
            name: Some(DROPPED),
            data: data(count - 1, rng),
        });
        let mut first_of_id = HashMap::new();
        for (number, event) in events.iter().enumerate() {
            if let Some(id) = &event.id {
                first_of_id.entry(id.clone()).or_insert(number);
            }
        }
        Self {
            ids,
            events,
            first_of_id,
        }
    }

    /// The id of the last event.
    pub(crate) fn last_id(&self) -> &str {
        let last = self.events.last().and_then(|event| event.id.as_deref());
        last.expect("the last event has an id")
    }

    /// The number of the first event that a resume from this id brings; `None` for an id that was
    /// never given.
    pub(crate) fn resume(&self, id: &str) -> Option<usize> {
        if id.is_empty() {
            return Some(0);
        }
        let first = *self.first_of_id.get(id)?;
        Some(match self.ids {
            Ids::Counting => first + 1,
            Ids::Shared | Ids::Mixed => first,
        })
    }

    /// The number of the first event with another id than this one: the first that a client which
    /// resumes from here cannot have.
    pub(crate) fn beyond(&self, id: &str) -> usize {
        let Some(&first) = self.first_of_id.get(id) else {
            return 0;
        };
        let others = self.events[first..]
            .iter()
            .position(|event| event.id.as_ref().is_some_and(|other| other != id));
        others.map_or(self.events.len(), |count| first + count)
    }

    /// The last event id that is in force once this many events were sent; empty at first.
    pub(crate) fn id_after(&self, count: usize) -> &str {
        let ids = self.events[..count].iter().rev();
        ids.filter_map(|event| event.id.as_deref())
            .next()
            .unwrap_or_default()
    }
}

/// The number of the event in a frame.
pub(crate) fn number_in(frame: &[u8]) -> Option<usize> {
    let frame = String::from_utf8_lossy(frame);
    let digits = frame.split_once("{\"n\":")?.1;
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn name(rng: &mut Rng) -> Option<&'static str> {
    match rng.u8(0..20) {
        0..2 => None,
        2..4 => Some("bell"),
        4..6 => Some(DROPPED),
        _ => Some("tick"),
    }
}

/// JSON that says the number first; mostly small, sometimes long, sometimes over several lines.
fn data(number: usize, rng: &mut Rng) -> String {
    let length = match rng.u16(0..2000) {
        0 => rng.usize(60_000..200_000),
        1..60 => rng.usize(1_000..8_000),
        _ => rng.usize(0..400),
    };
    let words = ["bell ", "钟声 ", "id: 7 ", "data: ", "é", "\\\"", ": "];
    let mut text = String::with_capacity(length + 8);
    while text.len() < length {
        text.push_str(words[rng.usize(0..words.len())]);
    }
    if rng.u8(0..8) == 0 {
        format!("{{\"n\":{number},\n\n  \"text\":\n    \"{text}\"\n}}")
    } else {
        format!("{{\"n\":{number},\"text\":\"{text}\"}}")
    }
}
