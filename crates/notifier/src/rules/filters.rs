//! What templates can do beyond MiniJinja's own filters.

use std::{collections::HashMap, sync::OnceLock};

use base64::Engine as _;
use minijinja::{Environment, Value};

use crate::presentation::COUNT;

/// The usual short codes and what they stand for, one a line: name, code points.
const EMOJI: &str = include_str!("../../presets/emoji.txt");
/// The longest that a quoted title is, in characters.
const SHORT: usize = 60;
/// Tags in a list that are looked at.
const TAGS: usize = 50;

pub(super) fn add_to(environment: &mut Environment<'_>) {
    // They fill up to a width or a number that may come with an event, and fuel does not bound it.
    for filter in ["batch", "format", "indent", "slice"] {
        environment.remove_filter(filter);
    }
    environment.add_filter("tojson", |value: &Value| {
        serde_json::to_string(value).unwrap_or_default()
    });
    environment.add_filter("emoji", emoji);
    environment.add_filter("no_emoji", no_emoji);
    environment.add_filter("plain", |html: &Value| plain(&words(html)));
    environment.add_filter("short", |text: &Value| super::one_line(&words(text), SHORT));
    environment.add_filter("unbase64", |text: &Value| unbase64(&words(text)));
}

/// Of a list of tags those that are short codes of emoji, as emoji.
fn emoji(tags: &Value) -> String {
    let found: Vec<&str> = tags_of(tags)
        .iter()
        .filter_map(|tag| table().get(tag.as_str()).map(String::as_str))
        .collect();
    found.join(" ")
}

/// Of a list of tags those that are not.
fn no_emoji(tags: &Value) -> Vec<String> {
    let mut tags = tags_of(tags);
    tags.retain(|tag| !table().contains_key(tag.as_str()));
    tags
}

fn tags_of(tags: &Value) -> Vec<String> {
    tags.try_iter()
        .map(|tags| tags.take(TAGS).map(|tag| words(&tag)).collect())
        .unwrap_or_default()
}

fn table() -> &'static HashMap<&'static str, String> {
    static TABLE: OnceLock<HashMap<&'static str, String>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let character = |hex| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
        EMOJI
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, points)| (name, points.split(' ').filter_map(character).collect()))
            .collect()
    })
}

/// HTML as plain text: paragraphs and breaks are new lines, entities are characters, the words of
/// scripts and styles are none.
fn plain(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    let mut hidden = false;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        if !hidden {
            out.push_str(&html_escape::decode_html_entities(before));
        }
        // A `<` that begins no tag is a character like any other.
        let name: String = tag[1..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '/' || *c == '!')
            .take(16)
            .collect::<String>()
            .to_ascii_lowercase();
        if name.is_empty() {
            out.push('<');
            rest = &tag[1..];
            continue;
        }
        let Some(end) = tag.find('>') else {
            // Nothing after it is a tag either.
            rest = tag;
            break;
        };
        match name.as_str() {
            "br" | "br/" | "/div" | "/li" | "/blockquote" => out.push('\n'),
            "/p" | "/ul" | "/ol" | "/h1" | "/h2" | "/h3" => out.push_str("\n\n"),
            "script" | "style" => hidden = true,
            "/script" | "/style" => hidden = false,
            _ => {}
        }
        rest = &tag[end + 1..];
    }
    if !hidden {
        out.push_str(&html_escape::decode_html_entities(rest));
    }
    without_count(out.trim())
}

/// The text that was encoded; empty if it is none.
fn unbase64(text: &str) -> String {
    base64::prelude::BASE64_STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(|text| without_count(&text))
        .unwrap_or_default()
}

/// What was written in another way is text from outside still.
fn without_count(text: &str) -> String {
    text.replace(COUNT, "")
}

fn words(value: &Value) -> String {
    match value.as_str() {
        Some(words) => words.to_owned(),
        None if value.is_undefined() || value.is_none() => String::new(),
        None => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_text() {
        let cases = [
            (
                "<p>one<br>two<br />three</p><p>four</p>",
                "one\ntwo\nthree\n\nfour",
            ),
            (
                "Caf&eacute; &amp; &lt;b&gt; &#39;x&#39; &#x4F60;",
                "Caf\u{e9} & <b> 'x' \u{4f60}",
            ),
            (
                r#"<a href="https://e.example/a"><span class="invisible">https://</span><span>e.example/a</span></a>"#,
                "https://e.example/a",
            ),
            ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
            ("a <b", "a <b"),
            ("<script>alert(1)</script>x<!-- y -->", "x"),
            ("plain", "plain"),
        ];
        for (html, text) in cases {
            assert_eq!(plain(html), text, "{html}");
        }
    }

    #[test]
    fn known_tags_are_emoji_and_others_stay_words() {
        let tags = Value::from(vec!["warning", "backup", "+1"]);
        assert_eq!(emoji(&tags), "\u{26a0}\u{fe0f} \u{1f44d}");
        assert_eq!(no_emoji(&tags), ["backup"]);
        assert_eq!(emoji(&Value::UNDEFINED), "");
        assert!(table().values().all(|emoji| !emoji.is_empty()));
    }

    #[test]
    fn only_text_is_decoded() {
        assert_eq!(unbase64("aMOkbGxv"), "h\u{e4}llo");
        assert_eq!(unbase64("/w=="), "");
        assert_eq!(unbase64("not base64!"), "");
    }
}
