//! Feeds in a file of their own, on their way to another computer: the settings' format without a
//! single secret.

use toml_edit::{DocumentMut, Item, Value};
use url::Url;

use super::{Access, FeedSettings, LeftOut, Secret, parse, read, write};

/// The largest text that is taken for a file of feeds, in bytes.
const LARGEST: usize = 1 << 20;
/// The most feeds of one file.
pub(crate) const MOST: usize = 500;

/// A feed from a file.
#[derive(Debug)]
pub(crate) struct Offered {
    /// The feed. Its secrets are empty stored names.
    pub(crate) feed: FeedSettings,
    /// It needs a secret that the file does not have.
    pub(crate) waits: bool,
}

/// Why a text is no file of feeds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExchangeError {
    TooLarge,
    TooMany,
    Newer,
    Syntax(String),
    NoFeeds,
}

/// The feeds as a file that can be given away.
pub(crate) fn to_text(feeds: &[FeedSettings]) -> String {
    let mut document = DocumentMut::new();
    document["version"] = toml_edit::value(super::VERSION);
    for feed in feeds {
        write::put_feed(&mut document, &without_secrets(feed));
    }
    document.to_string()
}

/// The feeds of a file, and those that were left out.
///
/// Whatever the file has for a secret is passed over: a command in it would be another person's.
pub(crate) fn from_text(text: &str) -> Result<(Vec<Offered>, Vec<LeftOut>), ExchangeError> {
    if text.len() > LARGEST {
        return Err(ExchangeError::TooLarge);
    }
    let mut document = parse(text).map_err(|why| match why {
        super::SettingsError::Newer(_) => ExchangeError::Newer,
        super::SettingsError::Syntax(why) => ExchangeError::Syntax(why),
        other @ super::SettingsError::Io { .. } => ExchangeError::Syntax(other.to_string()),
    })?;
    let mut ids = Vec::new();
    match document.get_mut("feed") {
        Some(Item::ArrayOfTables(tables)) => {
            for table in tables.iter_mut() {
                ids.push(table.remove("id"));
            }
        }
        Some(Item::Value(Value::Array(tables))) => {
            for table in tables.iter_mut().filter_map(Value::as_inline_table_mut) {
                ids.push(table.remove("id").map(Item::Value));
            }
        }
        _ => return Err(ExchangeError::NoFeeds),
    }
    match ids.len() {
        0 => return Err(ExchangeError::NoFeeds),
        many if many > MOST => return Err(ExchangeError::TooMany),
        _ => {}
    }
    let read = read::read(&document);
    let offered = read.settings.feeds.into_iter().map(|feed| {
        // Without ids of their own they are called by their places.
        let place = feed.id.strip_prefix("feed-").and_then(|n| n.parse().ok());
        let own = place.and_then(|place: usize| ids.get(place.checked_sub(1)?)?.as_ref());
        let id = own.and_then(Item::as_str).unwrap_or_default().to_owned();
        let bare = without_secrets(&FeedSettings { id, ..feed.clone() });
        let waits = feed.access != Access::None || !feed.headers.is_empty() || bare.url != feed.url;
        Offered {
            feed: emptied(bare, &Secret::Stored(String::new())),
            waits,
        }
    });
    Ok((offered.collect(), read.left_out))
}

/// A feed as it may leave this computer. A token in the address becomes an empty parameter that is
/// asked for.
pub(crate) fn without_secrets(feed: &FeedSettings) -> FeedSettings {
    let named = match &feed.access {
        Access::Query { name, .. } => Some(name.as_str()),
        _ => None,
    };
    let mut url = feed.url.clone();
    // The settings refuse these; whoever gets past them gets no further.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let secret =
        |name: &str, value: &str| Some(name) == named || looks_secret(name) || is_token(value);
    let pairs = || feed.url.query_pairs();
    let found = pairs().find(|(name, value)| secret(name, value));
    let found = found.map(|(name, _)| name.into_owned());
    if found.is_some() {
        let kept: Vec<_> = pairs()
            .filter(|(name, value)| !secret(name, value))
            .collect();
        if kept.is_empty() {
            url.set_query(None);
        } else {
            url.query_pairs_mut().clear().extend_pairs(kept);
        }
    }
    let access = match (&feed.access, found) {
        (Access::None, Some(name)) => Access::Query {
            name,
            value: Secret::Plain(String::new()),
        },
        (access, _) => access.clone(),
    };
    let bare = FeedSettings {
        url,
        access,
        ..feed.clone()
    };
    emptied(bare, &Secret::Plain(String::new()))
}

/// Whether the name of a parameter is that of a secret.
pub(crate) fn looks_secret(name: &str) -> bool {
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (lower && c.is_uppercase()) {
            words.push(String::new());
        }
        lower = c.is_lowercase();
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    let whole = [
        "auth",
        "authorization",
        "bearer",
        "cookie",
        "cred",
        "credential",
        "credentials",
        "jwt",
        "pass",
        "passphrase",
        "passwd",
        "pwd",
        "session",
        "sessionid",
        "sid",
        "sig",
        "signature",
    ];
    let ends = ["key", "password", "secret", "token"];
    words
        .iter()
        .any(|word| whole.contains(&word.as_str()) || ends.iter().any(|end| word.ends_with(end)))
}

/// Whether a word looks like a token, whatever it is called.
pub(crate) fn is_token(word: &str) -> bool {
    let begins = [
        "eyJ",
        "fb_",
        "tk_",
        "ghp_",
        "gho_",
        "github_pat_",
        "glpat-",
        "xox",
        "sk-",
    ];
    word.len() >= 12 && begins.iter().any(|begin| word.starts_with(begin)) || is_random(word)
}

/// Long, without spaces, and of letters and digits mixed as nobody writes them.
fn is_random(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_+/=.".contains(&b);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let turns = word
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_digit() != pair[1].is_ascii_digit())
        .count();
    word.len() >= 24 && word.bytes().all(plain) && digits >= 3 && turns >= 6
}

/// The same address, for telling whether two feeds are one.
pub(crate) fn same_feed(one: &FeedSettings, other: &FeedSettings) -> bool {
    let address = |feed: &FeedSettings| -> Url { without_secrets(feed).url };
    one.preset == other.preset && one.rules == other.rules && address(one) == address(other)
}

fn emptied(mut feed: FeedSettings, empty: &Secret) -> FeedSettings {
    if let Some(secret) = feed.access.secret_mut() {
        secret.clone_from(empty);
    }
    for (_, value) in &mut feed.headers {
        value.clone_from(empty);
    }
    feed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds(text: &str) -> Vec<FeedSettings> {
        let document = text.parse().unwrap();
        let read = read::read(&document);
        assert_eq!(read.errors, []);
        read.settings.feeds
    }

    const SETTINGS: &str = r#"
        [[feed]]
        id = "a"
        name = "A \"quoted\" name"
        url = "https://a.example/sse?topic=x&access_token=SECRET1&v=eyJhbGciOiSECRET2#SECRET3"
        preset = "ntfy"
        bearer = "SECRET4"
        headers = { X-Api-Key = "SECRET5", X-Other = { command = "echo SECRET6" } }
        stop_on = ["end"]
        watchdog_seconds = 30
        [[feed.rule]]
        name = "own"
        events = ["like"]
        title = "{{ title }}"
        actor = "{{ who }}"
        burst = "{{ count }} likes"
        [[feed]]
        id = "b"
        name = "B"
        url = "https://b.example/?mine=SECRET7&x=1"
        query = { name = "mine", value = { keyring = "SECRET8" } }
        [[feed]]
        id = "c"
        name = "C"
        url = "https://c.example/?uid=1&key=SECRET9"
        [[feed]]
        id = "d"
        name = "D"
        url = "https://d.example/?uid=1"
        basic = { username = "me", password = { command = "pass SECRET10" } }
        [[feed]]
        id = "e"
        name = "E"
        url = "https://e.example/events?uid=1&since=all"
        enabled = false
    "#;

    #[test]
    fn nothing_secret_leaves_and_the_rest_comes_back_as_it_was() {
        let before = feeds(SETTINGS);
        let text = to_text(&before);
        assert!(!text.contains("SECRET"), "{text}");
        let (offered, left_out) = from_text(&text).unwrap();
        assert_eq!(left_out, []);
        let waits: Vec<bool> = offered.iter().map(|one| one.waits).collect();
        assert_eq!(waits, [true, true, true, true, false]);
        for (one, before) in offered.iter().zip(&before) {
            assert!(same_feed(&one.feed, before), "{}", before.id);
            assert_eq!(one.feed.id, before.id);
            let with_secrets = FeedSettings {
                url: before.url.clone(),
                access: before.access.clone(),
                headers: before.headers.clone(),
                ..one.feed.clone()
            };
            assert_eq!(&with_secrets, before);
        }
        // What went from the address is asked for in its place.
        let asked = Access::Query {
            name: "key".into(),
            value: Secret::Stored(String::new()),
        };
        assert_eq!(offered[2].feed.access, asked);
        assert_eq!(offered[2].feed.url.as_str(), "https://c.example/?uid=1");
        assert_eq!(
            offered[0].feed.url.as_str(),
            "https://a.example/sse?topic=x"
        );
        let names: Vec<_> = offered[0]
            .feed
            .headers
            .iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["X-Api-Key", "X-Other"]);
    }

    #[test]
    fn secrets_and_commands_of_a_foreign_file_are_passed_over() {
        let (offered, _) = from_text(SETTINGS).unwrap();
        let debug = format!("{offered:?}");
        assert!(!debug.contains("Command"), "{debug}");
        assert!(!debug.contains("Plain"), "{debug}");
        assert!(!to_text(&[offered[3].feed.clone()]).contains("SECRET"));
    }

    #[test]
    fn what_is_no_file_of_feeds_is_refused_and_wrong_feeds_are_named() {
        let why = |text: &str| from_text(text).unwrap_err();
        assert_eq!(why(""), ExchangeError::NoFeeds);
        assert_eq!(why("feed = []"), ExchangeError::NoFeeds);
        assert_eq!(why("feed = 3"), ExchangeError::NoFeeds);
        assert_eq!(why("version = 99\n[[feed]]"), ExchangeError::Newer);
        assert!(matches!(why("<opml>"), ExchangeError::Syntax(_)));
        assert_eq!(why(&"#".repeat(LARGEST + 1)), ExchangeError::TooLarge);
        assert_eq!(why(&"[[feed]]\n".repeat(MOST + 1)), ExchangeError::TooMany);
        let (offered, left_out) = from_text(
            "feed = [{ id = \"x\", url = \"ftp://a.example/\" }, { id = \"x\", url = \"https://a.example/\" },
                { id = \"x\", name = \"no\", url = \"https://a.example/\", preset = \"none\" }]",
        )
        .unwrap();
        assert_eq!(offered.len(), 1);
        assert_eq!(offered[0].feed.id, "x");
        let names: Vec<_> = left_out.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["feed-1", "no"]);
    }

    #[test]
    fn words_are_told_from_tokens() {
        for token in [
            "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOi",
            "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2",
            "fb_3kq9dj28dk2",
            "9f86d081884c7d659a2feaa0c55ad015",
            "aB3dE5fG7hJ9kL1mN3pQ5rS7",
        ] {
            assert!(is_token(token), "{token}");
        }
        for word in [
            "all",
            "2026-11-21T10:00:00Z",
            "https://a.example/users/ada/1",
            "desktop_notify,door_opened,build_failed",
            "org.freedesktop.Notifications",
            "1234567890",
        ] {
            assert!(!is_token(word), "{word}");
        }
        for name in [
            "access_token",
            "X-Sig",
            "apikey",
            "AUTH",
            "password",
            "authToken",
        ] {
            assert!(looks_secret(name), "{name}");
        }
        for name in [
            "topic",
            "uid",
            "since",
            "match",
            "restrict",
            "lastEventId",
            "keyword",
            "author",
            "design",
        ] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
