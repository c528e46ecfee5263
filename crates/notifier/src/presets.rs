//! Presets: saved mappings for known kinds of server. Data, one TOML file each: ours in `presets/`,
//! a person's own beside the settings file, in a folder of the same name.

mod filter;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use serde::Deserialize;
use url::Url;

use crate::{
    rules,
    text::Localizer,
    view::{PresetView, ResumeForm, RuleForm, Text, Verdict},
};

pub use filter::{PresetFilter, UnknownPreset};

/// The largest file that is taken for a preset.
const LARGEST: u64 = 256 * 1024;

/// A mapping for a known kind of server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    /// Its id, as settings name it.
    pub(crate) id: String,
    /// Its name and what it is for, in its author's words; ours have theirs in `locales/`.
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) about: Option<String>,
    /// An address to start from.
    pub(crate) example: String,
    /// Addresses that look like it: `host/path`, or `host/path?query`; `*` stands for anything.
    #[serde(default)]
    pub(crate) matches: Vec<String>,
    /// The kind of access it usually needs.
    #[serde(default)]
    pub(crate) access: Option<String>,
    /// Its feeds start muted.
    #[serde(default)]
    pub(crate) muted: bool,
    /// What its ids are worth.
    #[serde(default)]
    pub(crate) ids: Ids,
    /// Whether and how its place goes back to the server; never [`ResumeForm::Preset`].
    #[serde(default = "by_header", deserialize_with = "resume")]
    pub(crate) resume: ResumeForm,
    /// How a first connection asks for what the server has.
    #[serde(default)]
    pub(crate) history: Option<History>,
    /// More than this is left out, and said so.
    #[serde(default)]
    pub(crate) at_most: Option<AtMost>,
    /// The first event of a connection is an array of everything so far.
    #[serde(default)]
    pub(crate) array: bool,
    /// The event that says that events were lost.
    #[serde(default)]
    pub(crate) gap: Option<String>,
    /// Events after which the feed stops.
    #[serde(default)]
    pub(crate) stop_on: Vec<String>,
    /// Template: what makes a message the same message again, whatever rule it matches.
    #[serde(default)]
    pub(crate) key: String,
    /// Template: a later message of the same thread replaces the one before.
    #[serde(default)]
    pub(crate) thread: String,
    /// Its rules.
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<PresetRule>,
}

/// What the event ids of a server are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ids {
    /// Documented as unique: the id alone is the key.
    Unique,
    /// They repeat, restart or stick: only with name and data.
    #[default]
    Loose,
}

/// How a first connection asks for what the server has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum History {
    /// By resuming from this.
    Cursor(String),
    /// By a parameter of the address.
    Parameter {
        /// Its name.
        query: String,
        /// Its value.
        value: String,
    },
}

/// How many messages in how many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AtMost {
    pub(crate) count: u32,
    pub(crate) per_seconds: u32,
}

/// A rule, with what only presets need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PresetRule {
    /// Part of the protocol, like a keep-alive: tried before a person's own rules.
    pub(crate) protocol: bool,
    pub(crate) name: String,
    pub(crate) events: Vec<String>,
    pub(crate) when: String,
    pub(crate) then: Then,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) link: String,
    pub(crate) icon: String,
    pub(crate) urgency: String,
    pub(crate) group: String,
    pub(crate) actor: String,
    pub(crate) burst: String,
    pub(crate) key: String,
}

/// A preset rule's outcome: a verdict, or something done to the message of the event's thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Then {
    #[default]
    Notify,
    Keep,
    Drop,
    /// It is read, and its pop-up goes.
    MarkRead,
    /// It is deleted, and its pop-up goes.
    Delete,
}

impl PresetRule {
    /// As a person could have written it.
    pub(crate) fn form(&self) -> RuleForm {
        RuleForm {
            name: self.name.clone(),
            events: self.events.clone(),
            when: self.when.clone(),
            then: match self.then {
                Then::Notify => Verdict::Notify,
                Then::Keep => Verdict::Keep,
                Then::Drop | Then::MarkRead | Then::Delete => Verdict::Drop,
            },
            title: self.title.clone(),
            body: self.body.clone(),
            link: self.link.clone(),
            icon: self.icon.clone(),
            urgency: self.urgency.clone(),
            group: self.group.clone(),
            actor: self.actor.clone(),
            burst: self.burst.clone(),
            key: self.key.clone(),
        }
    }
}

const SOURCES: [&str; 14] = [
    include_str!("../presets/hub.toml"),
    include_str!("../presets/ntfy.toml"),
    include_str!("../presets/mercure.toml"),
    include_str!("../presets/mercure-classic.toml"),
    include_str!("../presets/mastodon.toml"),
    include_str!("../presets/home-assistant.toml"),
    include_str!("../presets/wikimedia.toml"),
    include_str!("../presets/likes.toml"),
    include_str!("../presets/board.toml"),
    include_str!("../presets/counter.toml"),
    include_str!("../presets/pause.toml"),
    include_str!("../presets/clock.toml"),
    include_str!("../presets/json.toml"),
    include_str!("../presets/text.toml"),
];

fn built_in() -> &'static [Arc<Preset>] {
    static ALL: OnceLock<Vec<Arc<Preset>>> = OnceLock::new();
    ALL.get_or_init(|| {
        SOURCES
            .iter()
            .filter_map(|source| toml_edit::de::from_str(source).ok())
            .map(Arc::new)
            .collect()
    })
}

/// People's own presets, by the folder they were read from.
static OWN: RwLock<BTreeMap<PathBuf, Vec<Arc<Preset>>>> = RwLock::new(BTreeMap::new());

/// Every preset, in the gallery's order: ours, then people's own.
#[must_use]
pub(crate) fn all() -> Vec<Arc<Preset>> {
    let own = OWN.read().unwrap_or_else(PoisonError::into_inner);
    let own = own.values().flatten();
    built_in().iter().chain(own).cloned().collect()
}

/// The preset with this id.
#[must_use]
pub(crate) fn find(id: &str) -> Option<Arc<Preset>> {
    all().into_iter().find(|preset| preset.id == id)
}

/// The folder of a person's own presets.
#[must_use]
pub(crate) fn folder(settings: &Path) -> PathBuf {
    settings.with_file_name("presets")
}

/// Reads a person's own presets; gives what is wrong with which file. Those files are left out.
pub(crate) fn load(folder: &Path, localizer: &Localizer) -> Vec<(PathBuf, String)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    files.sort();
    let mut wrong = Vec::new();
    let mut found: Vec<Arc<Preset>> = Vec::new();
    for path in files {
        match read(&path, localizer) {
            Err(why) => wrong.push((path, why)),
            Ok(preset)
                if built_in()
                    .iter()
                    .chain(&found)
                    .any(|other| other.id == preset.id) =>
            {
                let why = Text::new("preset-taken").with("id", preset.id.as_str());
                wrong.push((path, localizer.text(&why)));
            }
            Ok(preset) => found.push(Arc::new(preset)),
        }
    }
    let mut own = OWN.write().unwrap_or_else(PoisonError::into_inner);
    if found.is_empty() {
        own.remove(folder);
    } else {
        own.insert(folder.to_owned(), found);
    }
    wrong
}

fn read(path: &Path, localizer: &Localizer) -> Result<Preset, String> {
    let size = std::fs::metadata(path)
        .map_err(|why| why.to_string())?
        .len();
    if size > LARGEST {
        return Err(localizer.get("preset-large"));
    }
    let text = std::fs::read_to_string(path).map_err(|why| why.to_string())?;
    let preset: Preset =
        toml_edit::de::from_str(&text).map_err(|why| why.to_string().trim().replace('\n', " "))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if preset.id.is_empty() || !preset.id.chars().all(plain) {
        return Err(localizer.get("preset-id"));
    }
    match preset.problems().first() {
        Some(problem) => Err(localizer.text(problem)),
        None => Ok(preset),
    }
}

/// The preset that an address looks like; none when unsure.
#[must_use]
pub fn guess_preset(url: &str) -> Option<String> {
    let url = Url::parse(url.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    let path = format!("{}{port}{}", url.host_str()?, url.path());
    let query = url.query().map(|query| format!("{path}?{query}"));
    let fits = |pattern: &str| match (&query, pattern.contains('?')) {
        (Some(query), true) => fits(pattern, query),
        (None, true) => false,
        (_, false) => fits(pattern, &path),
    };
    let mut best: Option<(usize, String)> = None;
    let mut tie = false;
    for preset in all() {
        let fitting = preset.matches.iter().filter(|pattern| fits(pattern));
        let Some(weight) = fitting.map(|pattern| weight(pattern)).max() else {
            continue;
        };
        match &best {
            Some((other, _)) if *other > weight => {}
            Some((other, _)) if *other == weight => tie = true,
            _ => {
                best = Some((weight, preset.id.clone()));
                tie = false;
            }
        }
    }
    best.filter(|_| !tie).map(|(_, id)| id)
}

/// How much of a pattern is said: the most specific one wins.
fn weight(pattern: &str) -> usize {
    pattern.chars().filter(|c| *c != '*').count()
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl Preset {
    /// As the gallery shows it.
    #[must_use]
    pub(crate) fn view(&self) -> PresetView {
        let own = |text: &str, words: &Option<String>| {
            let words = words.clone().unwrap_or_else(|| self.id.clone());
            Text::new(text).with("words", words)
        };
        let ours = built_in().iter().any(|other| other.id == self.id);
        PresetView {
            id: self.id.clone(),
            name: if ours {
                Text::new(&format!("preset-{}", self.id))
            } else {
                own("preset-own", &self.name)
            },
            about: if ours {
                Text::new(&format!("preset-{}-about", self.id))
            } else {
                own("preset-own-about", &self.about)
            },
            example: self.example.clone(),
            access: self.access.clone().unwrap_or_else(|| "none".to_owned()),
            muted: self.muted,
            history: self.history.is_some(),
        }
    }

    /// What is wrong with its templates and conditions.
    pub(crate) fn problems(&self) -> Vec<Text> {
        let templates = RuleForm {
            key: self.key.clone(),
            group: self.thread.clone(),
            ..RuleForm::default()
        };
        let rules = self.rules.iter().map(PresetRule::form);
        rules
            .chain([templates])
            .flat_map(|rule| rules::check(&rule))
            .map(|(_, text)| text)
            .collect()
    }
}

fn by_header() -> ResumeForm {
    ResumeForm::Header
}

/// `"header"`, `"off"`, `{ query = … }` or `{ field = …, query = … }`, as in the settings.
fn resume<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<ResumeForm, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(String),
        Table {
            query: String,
            #[serde(default)]
            field: Option<String>,
        },
    }
    match Written::deserialize(deserializer)? {
        Written::Word(word) if word == "header" => Ok(ResumeForm::Header),
        Written::Word(word) if word == "off" => Ok(ResumeForm::Off),
        Written::Word(word) => Err(serde::de::Error::custom(format!(
            "resume should be \"header\", \"off\" or a table with query, not \"{word}\""
        ))),
        Written::Table { query, field: None } => Ok(ResumeForm::Query { name: query }),
        Written::Table {
            query,
            field: Some(field),
        } => Ok(ResumeForm::Field { field, name: query }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Locale;

    #[test]
    fn every_file_is_a_preset_whose_rules_compile_and_whose_texts_exist() {
        for source in SOURCES {
            let preset: Preset = toml_edit::de::from_str(source).unwrap();
            assert_eq!(preset.problems(), [], "{}", preset.id);
            for locale in [Locale::English, Locale::Chinese] {
                let localizer = Localizer::new(locale);
                let view = preset.view();
                assert!(localizer.find(&view.name.id).is_some(), "{}", view.name.id);
                assert!(
                    localizer.find(&view.about.id).is_some(),
                    "{}",
                    view.about.id
                );
            }
        }
        assert_eq!(built_in().len(), SOURCES.len());
    }

    #[test]
    fn addresses_are_recognised_and_others_are_not() {
        let cases = [
            ("https://ntfy.sh/mytopic/sse", Some("ntfy")),
            ("https://ntfy.sh/a,b/json?poll=1", Some("ntfy")),
            ("https://ntfy.example.org/alerts/sse", Some("ntfy")),
            (
                "https://hub.example/.well-known/mercure?topic=https%3A%2F%2Fa.example%2F1",
                Some("mercure-classic"),
            ),
            (
                "https://hub.example/.well-known/mercure?match=https%3A%2F%2Fa.example%2F1",
                Some("mercure"),
            ),
            (
                "https://mastodon.social/api/v1/streaming/user/notification",
                Some("mastodon"),
            ),
            (
                "http://homeassistant.local:8123/api/stream?restrict=desktop_notify",
                Some("home-assistant"),
            ),
            (
                "http://homeassistant.local:8123/api/stream",
                Some("home-assistant"),
            ),
            (
                "https://stream.wikimedia.org/v2/stream/recentchange",
                Some("wikimedia"),
            ),
            ("http://127.0.0.1:2355/events?uid=me", Some("hub")),
            ("http://127.0.0.1:2355/events", Some("board")),
            ("http://127.0.0.1:2355/push?uid=1", Some("likes")),
            ("https://example.org/events", None),
            ("https://example.org/api/streaming", None),
            ("http://localhost:3000/sse", None),
            ("not an address", None),
            ("ftp://ntfy.sh/a/sse", None),
        ];
        for (url, expected) in cases {
            assert_eq!(guess_preset(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_pattern_is_matched_as_a_whole() {
        let cases = [
            ("a/b", "a/b", true),
            ("a/b", "a/bc", false),
            ("*/b", "x.example/b", true),
            ("*/b", "x.example/b/c", false),
            ("*a*a", "a", false),
            ("*a*a", "aa", true),
            ("*ab", "abab", true),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn own_presets_are_read_and_bad_files_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write(
            "own.toml",
            "id = \"own-test\"\nname = \"Mine\"\nexample = \"https://a.example/\"\nmatches = [\"a.example/*\"]\n\
             resume = { field = \"at\", query = \"since\" }\n[[rule]]\nthen = \"keep\"\n",
        );
        write(
            "twice.toml",
            "id = \"ntfy\"\nexample = \"https://a.example/\"\n",
        );
        write(
            "typo.toml",
            "id = \"typo\"\nexample = \"\"\nmuteed = true\n",
        );
        write(
            "rule.toml",
            "id = \"rule-test\"\nexample = \"\"\n[[rule]]\nwhen = \"a ==\"\n",
        );
        write("note.txt", "not a preset");
        let localizer = Localizer::new(Locale::English);
        let wrong = load(folder.path(), &localizer);
        let names: Vec<_> = wrong
            .iter()
            .map(|(path, _)| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["rule.toml", "twice.toml", "typo.toml"]);
        let own = find("own-test").unwrap();
        assert_eq!(localizer.text(&own.view().name), "Mine");
        assert_eq!(
            guess_preset("https://a.example/x").as_deref(),
            Some("own-test")
        );
        assert_eq!(find("ntfy").unwrap().resume, built_in()[1].resume);
        std::fs::remove_file(folder.path().join("own.toml")).unwrap();
        load(folder.path(), &localizer);
        assert_eq!(find("own-test"), None);
    }

    /// Other kinds of server need a file, not code.
    #[test]
    fn kinds_of_server_that_are_no_presets_yet_can_be_written_down() {
        use crate::rules::{Arrived, Rules};
        let horizon = r#"
            id = "horizon"
            example = "https://horizon.stellar.org/accounts/G/payments?cursor=now"
            ids = "unique"
            resume = { query = "cursor" }
            [[rule]]
            protocol = true
            events = ["open", "close"]
            then = "drop"
        "#;
        let gitea = r#"
            id = "gitea"
            example = "https://gitea.com/user/events"
            resume = "off"
            thread = "{{ 'count' if event == 'notification-count' }}"
            [[rule]]
            protocol = true
            events = ["ping", "stopwatches", "close", "logout"]
            then = "drop"
            [[rule]]
            protocol = true
            events = ["notification-count"]
            when = "data.Count == 0"
            then = "mark_read"
            [[rule]]
            events = ["notification-count"]
            title = "{{ data.Count }} unread"
        "#;
        let firebase = r#"
            id = "firebase"
            example = "https://project.firebaseio.com/messages.json"
            stop_on = ["cancel", "auth_revoked"]
            resume = "off"
            [[rule]]
            protocol = true
            name = "keep-alive, and the whole state"
            when = "event == 'keep-alive' or nth == 0"
            then = "drop"
            [[rule]]
            title = "{{ data.path }}"
            body = "{{ data.data.text or data.data }}"
        "#;
        let esphome = r#"
            id = "esphome"
            example = "http://device.local/events"
            resume = "off"
            [[rule]]
            protocol = true
            events = ["ping", "log"]
            then = "drop"
            [[rule]]
            title = "{{ data.id }}"
            body = "{{ data.state }}"
        "#;
        let cases = [
            (horizon, "open", "\"hello\"", 0, None),
            (horizon, "message", "{\"title\":\"paid\"}", 1, Some("paid")),
            (
                gitea,
                "notification-count",
                "{\"Count\":3}",
                0,
                Some("3 unread"),
            ),
            (gitea, "notification-count", "{\"Count\":0}", 1, None),
            (firebase, "put", "{\"path\":\"/\",\"data\":{}}", 0, None),
            (firebase, "keep-alive", "null", 4, None),
            (
                firebase,
                "put",
                "{\"path\":\"/a\",\"data\":1}",
                2,
                Some("/a"),
            ),
            (esphome, "ping", "{}", 0, None),
            (
                esphome,
                "state",
                "{\"id\":\"sensor-a\",\"state\":\"1\"}",
                2,
                Some("sensor-a"),
            ),
        ];
        for (text, name, data, nth, title) in cases {
            let preset: Preset = toml_edit::de::from_str(text).unwrap();
            assert_eq!(preset.problems(), [], "{}", preset.id);
            let localizer = Arc::new(Localizer::new(Locale::English));
            let rules = Rules::new("f", &[], Some(&preset), localizer);
            let judged = rules.judge(Arrived {
                name,
                data,
                own_id: None,
                nth,
            });
            let shown = (judged.verdict != Verdict::Drop).then_some(judged.shown.title.as_str());
            assert_eq!(shown, title, "{} {name} {data}", preset.id);
        }
    }

    #[test]
    fn the_example_in_the_docs_is_a_preset() {
        for name in ["settings.md", "settings.zh-CN.md"] {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
            let page = std::fs::read_to_string(docs.join(name)).unwrap();
            let (_, rest) = page.split_once("```toml\nid = \"doors\"").unwrap();
            let (text, _) = rest.split_once("```").unwrap();
            let preset: Preset = toml_edit::de::from_str(&format!("id = \"doors\"{text}")).unwrap();
            assert_eq!(preset.problems(), []);
            for ours in built_in() {
                let row = format!("`{}`", ours.id);
                assert!(page.contains(&row), "{row} is not in {name}");
            }
        }
    }
}
