//! A request's parameters: JSON fields, headers and the query, each under
//! several names. Source: ntfy's `server/util.go`.

use axum::http::{HeaderMap, Uri};
use serde_json::Value;

use super::errors::Problem;
use super::words;

/// What one request says beside its path and its body.
#[derive(Debug, Default)]
pub(super) struct Params {
    /// What a JSON document set, under names of headers. It wins over headers
    /// of the same name, and over none else.
    fields: Vec<(&'static str, String)>,
    headers: HeaderMap,
    query: Vec<(String, String)>,
}

impl Params {
    pub(super) fn new(uri: &Uri, headers: &HeaderMap) -> Self {
        let query = uri.query().unwrap_or_default().as_bytes();
        Self {
            fields: Vec::new(),
            headers: headers.clone(),
            query: url::form_urlencoded::parse(query).into_owned().collect(),
        }
    }

    /// The first of these names that has a value, among the headers first.
    /// Names are in lower case.
    pub(super) fn get(&self, names: &[&str]) -> Option<String> {
        let header = || names.iter().find_map(|name| self.header(name));
        let query = || {
            names.iter().find_map(|name| {
                let mut found = self.query.iter();
                let (_, value) = found.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
                clean(value)
            })
        };
        header().or_else(query)
    }

    /// A switch, if it is there.
    pub(super) fn flag(&self, names: &[&str]) -> Option<bool> {
        let value = self.get(names)?.to_ascii_lowercase();
        Some(matches!(value.as_str(), "1" | "yes" | "true"))
    }

    fn header(&self, name: &str) -> Option<String> {
        let field = self.fields.iter().find(|(own, _)| own == &name);
        let text = match field {
            Some((_, value)) => value.clone(),
            None => {
                // Text of a client that knows no UTF-8 is Latin-1, as HTTP had it.
                let bytes = self.headers.get(name)?.as_bytes();
                String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| words::latin1(bytes))
            }
        };
        let value = clean(&words::decode(&text))?;
        // HTTP has a header of this name too (RFC 9218); proxies add it.
        (name != "priority" || !is_http_priority(&value)).then_some(value)
    }

    /// Takes up a message as JSON, and returns its topic and its text.
    pub(super) fn merge(&mut self, body: &[u8]) -> Result<(String, String), Problem> {
        let bad = |why: String| Problem::new(40017, format!("the body is no message: {why}"));
        let document: serde_json::Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| bad(format!("not a JSON object, {error}")))?;
        let (mut topic, mut message) = (String::new(), String::new());
        for (name, value) in document {
            let text = |value: Value| match value {
                Value::String(text) => Ok(text),
                _ => Err(bad(format!("`{name}` is not a text"))),
            };
            if value.is_null() {
                continue;
            }
            let (header, value) = match name.to_ascii_lowercase().as_str() {
                "topic" => {
                    topic = text(value)?;
                    continue;
                }
                "message" => {
                    message = text(value)?;
                    continue;
                }
                "title" => ("x-title", text(value)?),
                "click" => ("x-click", text(value)?),
                "icon" => ("x-icon", text(value)?),
                "attach" => ("x-attach", text(value)?),
                "filename" => ("x-filename", text(value)?),
                "email" => ("x-email", text(value)?),
                "call" => ("x-call", text(value)?),
                "sequence_id" => ("x-sequence-id", text(value)?),
                "delay" => match value {
                    Value::Number(number) => ("x-delay", number.to_string()),
                    other => ("x-delay", text(other)?),
                },
                "priority" => match value.as_i64() {
                    Some(0) => continue,
                    Some(number) => ("x-priority", number.to_string()),
                    None => return Err(bad("`priority` is not a whole number".to_owned())),
                },
                "tags" => {
                    let tags: Vec<String> = serde_json::from_value(value)
                        .map_err(|_| bad("`tags` is not a list of texts".to_owned()))?;
                    ("x-tags", tags.join(","))
                }
                "actions" => match value {
                    Value::Array(ref list) if list.is_empty() => continue,
                    Value::Array(_) => ("x-actions", value.to_string()),
                    _ => return Err(bad("`actions` is not a list".to_owned())),
                },
                "markdown" | "cache" => {
                    let on = match value {
                        Value::Bool(true) => "yes".to_owned(),
                        Value::Bool(false) => "no".to_owned(),
                        other => text(other)?,
                    };
                    match name.to_ascii_lowercase().as_str() {
                        "cache" => ("x-cache", on),
                        _ => ("x-markdown", on),
                    }
                }
                _ => continue,
            };
            if !value.is_empty() {
                self.fields.retain(|(own, _)| *own != header);
                self.fields.push((header, value));
            }
        }
        Ok((topic, message))
    }
}

/// Without white space around it; a value that is empty then is none.
fn clean(value: &str) -> Option<String> {
    // Programs in C would take a NUL for the end.
    let value = value.replace('\0', "");
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// `u=1`, `u=1, i`, `u=1,2`.
fn is_http_priority(value: &str) -> bool {
    let Some(rest) = value.strip_prefix("u=") else {
        return false;
    };
    let digit = |text: &str| text.len() == 1 && text.as_bytes()[0].is_ascii_digit();
    match rest.split_once(',') {
        None => digit(rest),
        Some((urgency, more)) => {
            let more = more.trim_start();
            digit(urgency) && (more == "i" || digit(more))
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn params(query: &str, headers: &[(&str, &[u8])]) -> Params {
        let uri: Uri = format!("/t?{query}").parse().unwrap();
        let headers = headers.iter().map(|(name, value)| {
            (
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::from_bytes(value).unwrap(),
            )
        });
        Params::new(&uri, &headers.collect())
    }

    #[test]
    fn headers_come_before_the_query_and_names_in_their_order() {
        const TITLE: [&str; 3] = ["x-title", "title", "t"];
        let get = |query: &str, headers: &[(&str, &[u8])]| params(query, headers).get(&TITLE);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(get("", &[]), None);
        assert_eq!(get("t=q", &[]), some("q"));
        assert_eq!(get("T=q", &[]), some("q"));
        assert_eq!(get("t=q&title=r", &[]), some("r"));
        assert_eq!(get("x-title=q", &[("t", b"h")]), some("h"));
        assert_eq!(get("", &[("t", b"1"), ("x-title", b"2")]), some("2"));
        assert_eq!(get("", &[("t", b"1"), ("x-title", b"  ")]), some("1"));
        assert_eq!(get("t=%00", &[]), None);
        assert_eq!(
            get("", &[("t", "=?UTF-8?B?8J+UpQ==?=".as_bytes())]),
            some("🔥")
        );
        assert_eq!(get("", &[("t", "天".as_bytes())]), some("天"));
        assert_eq!(get("", &[("t", b"Gr\xfc\xdfe")]), some("Grüße"));
    }

    #[test]
    fn a_json_field_is_a_header() {
        let mut params = params("t=q", &[("title", b"h"), ("x-click", b"c")]);
        let body = r#"{"Topic":"a","message":"m","title":"j","click":null,"tags":["x","y"],"priority":4,"new":{}}"#;
        assert_eq!(
            params.merge(body.as_bytes()),
            Ok(("a".to_owned(), "m".to_owned()))
        );
        let get = |names: &[&str]| params.get(names).unwrap();
        assert_eq!(get(&["x-title", "title", "t"]), "j");
        assert_eq!(get(&["x-click"]), "c");
        assert_eq!(get(&["x-tags"]), "x,y");
        assert_eq!(get(&["x-priority"]), "4");
        for body in [
            "",
            "[]",
            "\"a\"",
            r#"{"topic":1}"#,
            r#"{"title":1}"#,
            r#"{"priority":"4"}"#,
            r#"{"priority":1.5}"#,
            r#"{"tags":"x"}"#,
            r#"{"tags":[1]}"#,
            r#"{"actions":"view"}"#,
        ] {
            let problem = params.merge(body.as_bytes()).unwrap_err();
            assert_eq!(problem.code, 40017, "{body}");
        }
    }

    #[test]
    fn http_has_a_priority_of_its_own() {
        const NAMES: [&str; 3] = ["x-priority", "priority", "p"];
        for (value, expected) in [
            ("u=1", None),
            ("u=4, i", None),
            ("u=4,i", None),
            ("u=0, 1", None),
            ("4", Some("4")),
            ("u=high", Some("u=high")),
            ("u=10", Some("u=10")),
        ] {
            let params = params("", &[("priority", value.as_bytes())]);
            assert_eq!(params.get(&NAMES).as_deref(), expected, "{value}");
        }
        let params = params("p=5", &[("priority", b"u=1, i")]);
        assert_eq!(params.get(&NAMES).as_deref(), Some("5"));
    }
}
