//! Keys in the file that Feedbell does not know: kept, without effect, and named as a hint.

use toml_edit::{DocumentMut, Item, TableLike};

use crate::view::{FieldError, Text};

/// Hints beyond this many help nobody.
const HINTS: usize = 20;

const ROOT: &[&str] = &[
    "version",
    "language",
    "appearance",
    "inbox",
    "notifications",
    "quiet",
    "network",
    "window",
    "hub",
    "feed",
];
const FEED: &[&str] = &[
    "id",
    "name",
    "url",
    "preset",
    "enabled",
    "muted",
    "bearer",
    "basic",
    "query",
    "cookie",
    "headers",
    "stop_on",
    "watchdog_seconds",
    "resume",
    "history",
    "poll_seconds",
    "proxy",
    "ca",
    "pin",
    "certificate",
    "key",
    "plain_http",
    "notification",
    "keep_days",
    "rule",
];
const RULE: &[&str] = &[
    "name", "events", "when", "then", "title", "body", "link", "icon", "urgency", "group", "actor",
    "burst", "key",
];
const TABLES: [(&str, &[&str]); 6] = [
    ("appearance", &["theme", "tray_count"]),
    ("inbox", &["keep_days"]),
    ("notifications", &["hide_content", "sound"]),
    ("network", &["proxy"]),
    ("window", &["shortcut", "keep_minutes"]),
    (
        "hub",
        &[
            "on",
            "listen",
            "allow_origins",
            "token",
            "tls",
            "certificate",
            "key",
        ],
    ),
];
const QUIET: &[&str] = &["on", "breakthrough", "follow_system", "hours"];
const HOURS: &[&str] = &["days", "from", "until"];
const NOTIFICATION: &[&str] = &["sound", "hide_content", "remote_icons", "http_actions"];

/// A hint for each key that is not known, in the order of the file.
pub(super) fn hints(document: &DocumentMut) -> Vec<FieldError> {
    let mut hints = Vec::new();
    let root = document.as_table();
    look(root, "", ROOT, &mut hints);
    for (name, keys) in TABLES {
        look_into(root, name, "", keys, &mut hints);
    }
    look_into(root, "quiet", "", QUIET, &mut hints);
    if let Some(quiet) = root.get("quiet").and_then(Item::as_table_like) {
        for (place, hours) in tables(quiet, "hours").into_iter().enumerate() {
            look(hours, &format!("quiet.hours.{place}."), HOURS, &mut hints);
        }
    }
    for (place, feed) in tables(root, "feed").into_iter().enumerate() {
        let path = format!("feed.{place}.");
        look(feed, &path, FEED, &mut hints);
        look_into(feed, "notification", &path, NOTIFICATION, &mut hints);
        look_into(feed, "basic", &path, &["username", "password"], &mut hints);
        for kind in ["query", "cookie"] {
            look_into(feed, kind, &path, &["name", "value"], &mut hints);
        }
        for (place, rule) in tables(feed, "rule").into_iter().enumerate() {
            look(rule, &format!("{path}rule.{place}."), RULE, &mut hints);
        }
    }
    hints.truncate(HINTS);
    hints
}

fn look_into(
    table: &dyn TableLike,
    name: &str,
    path: &str,
    keys: &[&str],
    hints: &mut Vec<FieldError>,
) {
    if let Some(inner) = table.get(name).and_then(Item::as_table_like) {
        look(inner, &format!("{path}{name}."), keys, hints);
    }
}

fn look(table: &dyn TableLike, path: &str, keys: &[&str], hints: &mut Vec<FieldError>) {
    for (name, _) in table.iter() {
        if keys.contains(&name) {
            continue;
        }
        let field = format!("{path}{name}");
        let like = keys.iter().find(|key| is_near(name, key));
        let text = match like {
            Some(like) => Text::new("hint-unknown-key-like").with("like", *like),
            None => Text::new("hint-unknown-key"),
        };
        hints.push(FieldError {
            field: field.clone(),
            text: text.with("field", field),
        });
    }
}

fn tables<'a>(table: &'a dyn TableLike, name: &str) -> Vec<&'a dyn TableLike> {
    let Some(item) = table.get(name) else {
        return Vec::new();
    };
    if let Some(tables) = item.as_array_of_tables() {
        return tables.iter().map(|table| table as &dyn TableLike).collect();
    }
    let inline = item.as_array().into_iter().flat_map(|array| array.iter());
    inline
        .filter_map(|value| value.as_inline_table().map(|table| table as &dyn TableLike))
        .collect()
}

/// Whether one is the other with a slip of the finger: case, separators, or one letter that is
/// other, missing, too many or in the wrong place.
fn is_near(name: &str, key: &str) -> bool {
    let plain = |word: &str| -> Vec<char> {
        let letters = word.chars().filter(|c| !matches!(c, '-' | '_' | ' '));
        letters.flat_map(char::to_lowercase).collect()
    };
    let (a, b) = (plain(name), plain(key));
    if a == b {
        return true;
    }
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[same..], &b[same..]);
    // A word of two letters is near to everything.
    if key.len() < 4 {
        return false;
    }
    match (a, b) {
        ([_, a @ ..], [_, b @ ..]) if a == b => true,
        ([_, a @ ..], b) if a == b => true,
        (a, [_, b @ ..]) if a == b => true,
        ([a1, a2, a @ ..], [b1, b2, b @ ..]) => a1 == b2 && a2 == b1 && a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_near;

    #[test]
    fn slips_of_the_finger_are_near() {
        for (name, key) in [
            ("Watchdog-Seconds", "watchdog_seconds"),
            ("enable", "enabled"),
            ("langauge", "language"),
            ("mutted", "muted"),
            ("presat", "preset"),
            ("rules", "rule"),
        ] {
            assert!(is_near(name, key), "{name} {key}");
        }
        for (name, key) in [("mood", "language"), ("ab", "id"), ("colour", "cookie")] {
            assert!(!is_near(name, key), "{name} {key}");
        }
    }
}
