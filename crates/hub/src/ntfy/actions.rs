//! Action buttons: a JSON array, or ntfy's short form. Source: ntfy's
//! `docs/publish.md`, "Action buttons".

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// A button under a message, in the order of ntfy's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Action {
    /// The hub's own; what a publisher sends for it is passed over.
    #[serde(skip_deserializing)]
    pub(super) id: String,
    #[serde(deserialize_with = "or_null")]
    pub(super) action: String,
    #[serde(deserialize_with = "or_null")]
    pub(super) label: String,
    #[serde(deserialize_with = "or_null")]
    clear: bool,
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    url: String,
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    method: String,
    #[serde(
        deserialize_with = "or_null",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    headers: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    body: String,
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    intent: String,
    #[serde(
        deserialize_with = "or_null",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    extras: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    value: String,
}

fn or_null<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// Most buttons of one message.
const MOST: usize = 3;

/// Reads the buttons, or says what is wrong with them.
pub(super) fn parse(text: &str) -> Result<Vec<Action>, String> {
    let text = text.trim();
    let mut actions = if text.starts_with('[') {
        serde_json::from_str::<Vec<Action>>(text).map_err(|error| format!("not JSON: {error}"))?
    } else {
        Short { rest: text }.actions()?
    };
    if actions.len() > MOST {
        return Err(format!("a message has up to {MOST} of them"));
    }
    for action in &mut actions {
        action.action = action.action.to_lowercase();
        action.method = action.method.to_uppercase();
        action.check()?;
    }
    Ok(actions)
}

impl Action {
    fn check(&self) -> Result<(), String> {
        let needs = |what: &str, value: &str| match value {
            "" => Err(format!("`{}` needs a `{what}`", self.action)),
            _ => Ok(()),
        };
        match self.action.as_str() {
            "view" | "http" => needs("url", &self.url)?,
            "copy" => needs("value", &self.value)?,
            "broadcast" => {}
            other => {
                let other: String = other.chars().take(40).collect();
                return Err(format!(
                    "`{other}` is none of `view`, `http`, `broadcast` and `copy`"
                ));
            }
        }
        needs("label", &self.label)?;
        let bodiless = matches!(self.method.as_str(), "GET" | "HEAD");
        if self.action == "http" && bodiless && !self.body.is_empty() {
            return Err(format!("a request with {} has no `body`", self.method));
        }
        Ok(())
    }

    /// Sets what stands at the `nth` place of the short form.
    fn set(&mut self, nth: usize, key: &str, value: String) -> Result<(), String> {
        let key = match (key, nth, self.action.to_lowercase().as_str()) {
            ("", 0, _) => "action",
            ("", 1, _) => "label",
            ("", 2, "view" | "http") => "url",
            ("", 2, "copy") => "value",
            ("", ..) => return Err(format!("`{value}` has no name: write name=value")),
            (key, ..) => key,
        };
        if let Some(name) = key.strip_prefix("headers.") {
            self.headers.insert(name.to_owned(), value);
            return Ok(());
        }
        if let Some(name) = key.strip_prefix("extras.") {
            self.extras.insert(name.to_owned(), value);
            return Ok(());
        }
        match key.to_ascii_lowercase().as_str() {
            "action" => self.action = value,
            "label" => self.label = value,
            "url" => self.url = value,
            "method" => self.method = value,
            "body" => self.body = value,
            "intent" => self.intent = value,
            "value" => self.value = value,
            "clear" => {
                self.clear = match value.to_ascii_lowercase().as_str() {
                    "true" | "yes" | "1" => true,
                    "false" | "no" | "0" => false,
                    _ => return Err("`clear` is true or false".to_owned()),
                }
            }
            _ => return Err(format!("`{key}` means nothing")),
        }
        Ok(())
    }
}

/// The short form: actions between `;`, their parts between `,`, a part being a
/// value or `name=value`, a value bare or between quotes.
struct Short<'a> {
    rest: &'a str,
}

/// What comes after a part.
#[derive(PartialEq, Eq)]
enum End {
    Part,
    Action,
}

impl Short<'_> {
    fn actions(&mut self) -> Result<Vec<Action>, String> {
        let mut actions = Vec::new();
        self.skip_spaces();
        while !self.rest.is_empty() {
            // One more than allowed is enough to say so.
            if actions.len() > MOST {
                break;
            }
            actions.push(self.action()?);
            self.skip_spaces();
        }
        Ok(actions)
    }

    fn action(&mut self) -> Result<Action, String> {
        let mut action = Action::default();
        for nth in 0.. {
            let (key, value, end) = self.part()?;
            action.set(nth, &key, value)?;
            if end == End::Action {
                break;
            }
        }
        Ok(action)
    }

    fn part(&mut self) -> Result<(String, String, End), String> {
        self.skip_spaces();
        let key = self.key();
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => {
                let end = self.rest.find([',', ';']).unwrap_or(self.rest.len());
                let (value, rest) = self.rest.split_at(end);
                self.rest = rest;
                value.trim().to_owned()
            }
        };
        self.skip_spaces();
        let mut after = self.rest.chars();
        let end = match after.next() {
            None | Some(';') => End::Action,
            Some(',') => End::Part,
            Some(other) => return Err(format!("`{other}` follows a closing quote")),
        };
        self.rest = after.as_str();
        Ok((key, value, end))
    }

    /// `name=`, if that is what comes.
    fn key(&mut self) -> String {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = self.rest.find(|c| !word(c)).unwrap_or(self.rest.len());
        let (key, after) = self.rest.split_at(end);
        match after.trim_start().strip_prefix('=') {
            Some(after) if !key.is_empty() => {
                self.rest = after;
                self.skip_spaces();
                key.to_owned()
            }
            _ => String::new(),
        }
    }

    /// A value up to its closing quote; a quote inside has a backslash before.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut value = String::new();
        let mut chars = self.rest[1..].chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' if chars.as_str().starts_with(quote) => {
                    chars.next();
                    value.push(quote);
                }
                _ if c == quote => {
                    self.rest = chars.as_str();
                    return Ok(value);
                }
                _ => value.push(c),
            }
        }
        Err(format!("the quote {quote} is not closed"))
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> String {
        serde_json::to_string(&parse(text).unwrap()).unwrap()
    }

    #[test]
    fn short_and_json() {
        for (text, expected) in [
            (
                "view, Open portal, https://home.example/",
                r#"[{"id":"","action":"view","label":"Open portal","clear":false,"url":"https://home.example/"}]"#,
            ),
            (
                "action=HTTP, label='Close, \\'now\\'', url=https://a.example/?a=1&b=2, method=put, headers.X-A=\"1; 2\", body={\"a\": 1}, clear=yes;",
                r#"[{"id":"","action":"http","label":"Close, 'now'","clear":true,"url":"https://a.example/?a=1&b=2","method":"PUT","headers":{"X-A":"1; 2"},"body":"{\"a\": 1}"}]"#,
            ),
            (
                "broadcast, Shoot, extras.cmd=pic, extras.camera = front, intent=a.b ; copy, Code, 123456",
                r#"[{"id":"","action":"broadcast","label":"Shoot","clear":false,"intent":"a.b","extras":{"camera":"front","cmd":"pic"}},{"id":"","action":"copy","label":"Code","clear":false,"value":"123456"}]"#,
            ),
            (
                r#"[{"id":"mine","action":"view","label":"天","url":"geo:1,2","clear":true,"other":1,"body":null}]"#,
                r#"[{"id":"","action":"view","label":"天","clear":true,"url":"geo:1,2"}]"#,
            ),
            ("[]", "[]"),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn refused() {
        for (text, part) in [
            ("view", "url"),
            ("view, A", "url"),
            ("view, , https://a.example", "label"),
            ("dial, A", "`dial` is none"),
            ("copy, A", "value"),
            ("http, A, https://a.example, method=GET, body=x", "GET"),
            ("view, A, https://a.example, what", "no name"),
            ("view, A, https://a.example, what=1", "`what`"),
            ("view, A, https://a.example, clear=maybe", "clear"),
            ("view, \"A", "not closed"),
            ("view, \"A\" b, https://a.example", "closing quote"),
            (
                "view,A,b;view,A,b;view,A,b;view,A,b;view,A,b;view,A,b",
                "up to 3",
            ),
            ("[{", "not JSON"),
            ("[1]", "not JSON"),
            (r#"[{"action":1}]"#, "not JSON"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    proptest! {
        /// Any values, between quotes, come back out of the short form.
        #[test]
        fn round_trip(
            label in "\\PC{1,20}",
            url in "\\PC{1,20}",
            body in "\\PC{0,20}",
            header in "\\PC{0,20}",
            quote in prop::sample::select(vec!['"', '\'']),
        ) {
            // A backslash before the closing quote cannot be written.
            let fits = |text: &str| !text.ends_with('\\') && !text.contains(&format!("\\{quote}"));
            prop_assume!([&label, &url, &body, &header].iter().all(|text| fits(text)));
            let q = |text: &str| format!("{quote}{}{quote}", text.replace(quote, &format!("\\{quote}")));
            let text = format!(
                "http, {}, url={}, body = {} , headers.X-Y={}",
                q(&label), q(&url), q(&body), q(&header)
            );
            let expected = Action {
                action: "http".to_owned(),
                label,
                url,
                body,
                headers: [("X-Y".to_owned(), header)].into(),
                ..Action::default()
            };
            prop_assert_eq!(parse(&text), Ok(vec![expected]));
        }

        #[test]
        fn nothing_makes_it_fall_over(text in "[a-cé天,;='\"\\\\. \\[\\]{}:]{0,40}", any in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&any);
            let _ = parse(&format!("[{any}"));
        }
    }
}
