//! What is published, to whom, and what the hub answered.

use std::sync::Mutex;

use fastrand::Rng;

/// Users and topics there are: few of the first hear much, the others little.
pub(crate) const USERS: usize = 120;
pub(crate) const TOPICS: usize = 30;
/// Event names that publishers use.
const NAMES: [Option<&str>; 4] = [None, Some("like"), Some("build done"), Some("消息")];

/// Who gets a publication, or whom a subscriber listens as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct To {
    pub(crate) everyone: bool,
    pub(crate) users: Vec<usize>,
    pub(crate) topics: Vec<usize>,
}

impl To {
    pub(crate) fn everyone() -> Self {
        Self {
            everyone: true,
            ..Self::default()
        }
    }

    /// Whether a subscriber of `self` gets what is sent to `to`.
    pub(crate) fn gets(&self, to: &Self) -> bool {
        (self.everyone && to.everyone)
            || self.users.iter().any(|user| to.users.contains(user))
            || self.topics.iter().any(|topic| to.topics.contains(topic))
    }
}

/// How a publication is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One JSON document.
    Document,
    /// A text, with the address in the query.
    Text,
    /// As one of several in an array: all of one number are in one.
    Batch(usize),
    /// `POST /fact`.
    Fact,
    /// `POST /update`.
    Update,
    /// To a topic, in ntfy's manner.
    Ntfy,
}

/// One publication.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) to: To,
    pub(crate) way: Way,
    pub(crate) name: Option<&'static str>,
    /// Repeated until answered, as the hub knows it again; without one it is sent once.
    pub(crate) key: Option<String>,
    /// As subscribers get it; holds its number.
    pub(crate) data: String,
}

/// What is known of one publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was not sent.
    #[default]
    Unsent,
    /// It was sent and not answered: it may be in the log.
    Doubtful,
    /// It is in the log, at this place.
    At(u64),
    /// It is in the log.
    Stored,
}

/// All that is published in one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) all: Vec<Publication>,
    outcomes: Mutex<Vec<Outcome>>,
}

impl Ledger {
    pub(crate) fn new(count: usize, rng: &mut Rng) -> Self {
        let mut all = Vec::with_capacity(count + 2);
        let mut batch = 0;
        while all.len() < count {
            let way = match rng.usize(..100) {
                0..60 => Way::Document,
                60..70 => Way::Ntfy,
                70..85 => Way::Text,
                85 => Way::Fact,
                86..92 => Way::Update,
                _ => Way::Batch(batch),
            };
            let together = match way {
                Way::Batch(_) => rng.usize(2..12),
                _ => 1,
            };
            batch += 1;
            // All or none of a batch have keys: so it can be repeated as a whole.
            let keyed = rng.usize(..10) < 7;
            for _ in 0..together {
                let number = all.len();
                all.push(Publication::random(number, way, keyed, rng));
            }
        }
        // The last for those who get everyone's, and the one before for all who do not.
        let ends = [
            To {
                everyone: false,
                users: (0..USERS).collect(),
                topics: (0..TOPICS).collect(),
            },
            To::everyone(),
        ];
        for to in ends {
            let number = all.len();
            all.push(Publication {
                to,
                way: Way::Document,
                name: Some("end"),
                key: Some(format!("end-{number}")),
                data: format!("#{number}#"),
            });
        }
        let outcomes = Mutex::new(vec![Outcome::Unsent; all.len()]);
        Self { all, outcomes }
    }

    pub(crate) fn note(&self, number: usize, outcome: Outcome) {
        self.outcomes.lock().unwrap()[number] = outcome;
    }

    pub(crate) fn outcome(&self, number: usize) -> Outcome {
        self.outcomes.lock().unwrap()[number]
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().unwrap().clone()
    }

    /// The number of the publication that a subscriber got.
    pub(crate) fn number_in(&self, data: &str) -> Option<usize> {
        let number = data.split('#').nth(1)?.parse().ok()?;
        (number < self.all.len()).then_some(number)
    }

    /// The number that ends what a subscriber of `own` gets.
    pub(crate) fn end_of(&self, own: &To) -> usize {
        self.all.len() - if own.everyone { 1 } else { 2 }
    }
}

impl Publication {
    fn random(number: usize, way: Way, keyed: bool, rng: &mut Rng) -> Self {
        let user = |rng: &mut Rng| rng.usize(..USERS).min(rng.usize(..USERS));
        let mut to = To::default();
        match (way, rng.usize(..100)) {
            (Way::Ntfy, _) => to.topics.push(rng.usize(..TOPICS)),
            (Way::Fact, _) | (_, 0..2) => to.everyone = true,
            (Way::Update, _) | (_, 2..65) => to.users.push(user(rng)),
            (_, 65..90) => to.topics.push(rng.usize(..TOPICS)),
            _ => {
                to.users = (0..rng.usize(1..6)).map(|_| user(rng)).collect();
                to.topics = (0..rng.usize(..3)).map(|_| rng.usize(..TOPICS)).collect();
            }
        }
        let pad = pad(rng);
        let mut data = format!("#{number}# {pad}");
        match way {
            Way::Fact => data = serde_json::json!({ "n": data }).to_string(),
            Way::Update => {
                let (whom, uid) = match to.users.first() {
                    Some(user) => (format!("给{user}的消息>>"), Some(*user)),
                    None => ("给所有人的消息>>".to_owned(), None),
                };
                let mut fields = serde_json::Map::new();
                fields.insert("msg".to_owned(), format!("{whom}{data}").into());
                if let Some(uid) = uid {
                    fields.insert("uid".to_owned(), uid.into());
                }
                data = serde_json::Value::from(fields).to_string();
            }
            // It is short, and without white space around it.
            Way::Ntfy => {
                data = data
                    .chars()
                    .take(1000)
                    .collect::<String>()
                    .trim()
                    .to_owned();
            }
            Way::Document | Way::Text | Way::Batch(_) => {}
        }
        let native = matches!(way, Way::Document | Way::Text | Way::Batch(_));
        Self {
            name: match way {
                Way::Fact | Way::Ntfy => None,
                Way::Update => Some("notify"),
                _ => NAMES[rng.usize(..NAMES.len())],
            },
            key: (native && keyed).then(|| format!("key-{number}")),
            to,
            way,
            data,
        }
    }
}

/// Text that would be something else if a frame were written or read wrongly.
fn pad(rng: &mut Rng) -> String {
    let pieces = [
        "x",
        " ",
        "\n",
        "\n\n",
        "data: y",
        "id: 0000000000.7",
        "event: gap",
        ":",
        "retry: 1",
        "\u{2028}",
        "漢字",
        "\u{feff}",
        "{\"a\":1}",
        "\t",
    ];
    let pieces = (0..rng.usize(..12)).map(|_| pieces[rng.usize(..pieces.len())]);
    let mut pad: String = pieces.collect();
    if rng.usize(..100) == 0 {
        pad += &"long ".repeat(rng.usize(200..4000));
    }
    pad
}
