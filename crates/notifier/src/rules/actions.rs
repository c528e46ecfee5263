//! What a message itself offers to do: its `actions`, in ntfy's format.

use serde_json::Value;

use super::{is_web, limited_whole, one_line, safe_link, scalar};
use crate::presentation::OwnAction;

/// Most actions of one message, and most entries that are looked at.
const MOST: usize = 5;
const LOOKED_AT: usize = 20;
/// Longest label, in characters.
const LABEL: usize = 60;
/// Longest text to copy, request body and header value, in bytes: what is longer is left out whole,
/// as a part of it would be something else.
const TEXT: usize = 16 << 10;
const HEADER: usize = 1000;
const HEADERS: usize = 20;
/// The methods a request may have.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The actions in an event's data. What is no action, or none we can do, is left out.
pub(super) fn of(data: &Value) -> Vec<OwnAction> {
    let list = data.get("actions").and_then(Value::as_array);
    let list = list.map(Vec::as_slice).unwrap_or_default();
    let known = list.iter().take(LOOKED_AT).filter_map(action);
    known.take(MOST).collect()
}

fn action(value: &Value) -> Option<OwnAction> {
    let words = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    let label = one_line(words("label"), LABEL);
    if label.is_empty() {
        return None;
    }
    match words("action").to_ascii_lowercase().as_str() {
        "view" => Some(OwnAction::View {
            label,
            link: safe_link(words("url"))?,
        }),
        "copy" => Some(OwnAction::Copy {
            label,
            text: limited_whole(words("value"), TEXT).filter(|text| !text.is_empty())?,
        }),
        "http" => Some(OwnAction::Http {
            label,
            url: safe_link(words("url")).filter(|url| is_web(url))?,
            method: method(words("method"))?,
            headers: headers(value.get("headers"))?,
            body: limited_whole(words("body"), TEXT)?,
        }),
        _ => None,
    }
}

fn method(words: &str) -> Option<String> {
    let method = words.trim().to_ascii_uppercase();
    match method.as_str() {
        "" => Some("POST".to_owned()),
        known if METHODS.contains(&known) => Some(method),
        _ => None,
    }
}

/// None if one of them cannot be sent as it is: without it the request would be another.
fn headers(value: Option<&Value>) -> Option<Vec<(String, String)>> {
    let Some(Value::Object(map)) = value else {
        return Some(Vec::new());
    };
    if map.len() > HEADERS {
        return None;
    }
    map.iter()
        .map(|(name, value)| {
            let value = limited_whole(scalar(value)?.trim(), HEADER)?;
            http::HeaderName::try_from(name.as_str()).ok()?;
            http::HeaderValue::try_from(value.as_str()).ok()?;
            Some((name.clone(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(label: &str, link: &str) -> OwnAction {
        OwnAction::View {
            label: label.into(),
            link: link.into(),
        }
    }

    #[test]
    fn ntfys_actions_are_read() {
        let data = json!({"actions": [
            {"id": "1", "action": "view", "label": "Open\nit", "url": "https://a.example/x", "clear": true},
            {"action": "HTTP", "label": "Close", "url": "https://a.example/door",
             "method": "put", "headers": {"Authorization": "Bearer x", "N": 1}, "body": "{}"},
            {"action": "copy", "label": "Code", "value": "123456"},
            {"action": "broadcast", "label": "Android", "intent": "x"},
            {"action": "http", "label": "Default", "url": "http://a.example/"},
        ]});
        let request = |label: &str, url: &str, method: &str| OwnAction::Http {
            label: label.into(),
            url: url.into(),
            method: method.into(),
            headers: Vec::new(),
            body: String::new(),
        };
        let OwnAction::Http { headers, body, .. } = &of(&data)[1] else {
            panic!("no request");
        };
        assert_eq!(body, "{}");
        assert_eq!(headers[0], ("Authorization".into(), "Bearer x".into()));
        assert_eq!(headers[1], ("N".into(), "1".into()));
        assert_eq!(of(&data)[0], view("Open it", "https://a.example/x"));
        assert_eq!(
            of(&data)[2],
            OwnAction::Copy {
                label: "Code".into(),
                text: "123456".into()
            }
        );
        assert_eq!(
            of(&data)[3],
            request("Default", "http://a.example/", "POST")
        );
        assert_eq!(of(&data).len(), 4);
    }

    #[test]
    fn what_cannot_be_done_safely_or_whole_is_left_out() {
        let long = "x".repeat(TEXT + 1);
        let wrong = [
            json!({"action": "view", "label": "x", "url": "javascript:alert(1)"}),
            json!({"action": "view", "label": "x", "url": "file:///etc/passwd"}),
            json!({"action": "view", "label": " ", "url": "https://a.example/"}),
            json!({"action": "http", "label": "x", "url": "mailto:a@b.example"}),
            json!({"action": "http", "label": "x", "url": "https://a.example/", "method": "CONNECT"}),
            json!({"action": "http", "label": "x", "url": "https://a.example/", "headers": {"a b": "c"}}),
            json!({"action": "http", "label": "x", "url": "https://a.example/", "headers": {"a": "c\r\nd: e"}}),
            json!({"action": "http", "label": "x", "url": "https://a.example/", "body": long}),
            json!({"action": "copy", "label": "x", "value": long}),
            json!({"action": "copy", "label": "x"}),
            json!({"label": "x", "url": "https://a.example/"}),
            json!("view"),
            json!(null),
        ];
        for one in wrong {
            assert_eq!(of(&json!({"actions": [one]})), [], "{one}");
        }
        for data in [
            json!({"actions": {}}),
            json!({"actions": "view, x, y"}),
            json!([]),
        ] {
            assert_eq!(of(&data), [], "{data}");
        }
        let many = vec![json!({"action": "view", "label": "x", "url": "https://a.example/"}); 9];
        assert_eq!(of(&json!({"actions": many})).len(), MOST);
        let mail =
            json!({"actions": [{"action": "view", "label": "x", "url": "mailto:a@b.example"}]});
        assert_eq!(of(&mail), [view("x", "mailto:a@b.example")]);
    }
}
