//! Whatever comes in ntfy's manner is answered properly, and what is answered
//! with 200 is what the topic has then.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::{Server, get, request};

const NAMES: [&str; 34] = [
    "Title",
    "t",
    "X-Priority",
    "Priority",
    "p",
    "Tags",
    "ta",
    "Click",
    "Icon",
    "Attach",
    "Filename",
    "f",
    "Actions",
    "Action",
    "Delay",
    "At",
    "In",
    "Cache",
    "Firebase",
    "Markdown",
    "md",
    "Email",
    "Call",
    "Template",
    "X-Message",
    "m",
    "Sequence-ID",
    "sid",
    "UnifiedPush",
    "up",
    "Poll-ID",
    "Content-Type",
    "Content-Encoding",
    "Unknown",
];

/// Values that mean something somewhere, and any others.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "1",
            "yes",
            "no",
            "5",
            "urgent",
            "u=1, i",
            "a,b,,c",
            "https://example.com/a%00b/",
            "http://",
            "https://[",
            "10s",
            "1h",
            "tomorrow 9am",
            "1795262400",
            "-1",
            "1e9h",
            "view, A, https://a.example",
            "copy, A, 'b;c'; broadcast, X",
            "[{}]",
            r#"[{"action":"view","label":"x","url":"y"}]"#,
            "=?UTF-8?B?8J+UpQ==?=",
            "=?utf-8?q?=FF?=",
            "text/markdown",
            "aes128gcm",
            "a-1_B",
            "\\n",
            "grafana",
        ])
        .prop_map(str::to_owned),
        "[^\r\n\\x00-\\x1f\\x7f]{0,24}",
    ]
}

#[derive(Clone, Debug)]
struct Case {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn query() -> impl Strategy<Value = String> {
    let pair = (prop::sample::select(NAMES.to_vec()), value());
    prop::collection::vec(pair, 0..3).prop_map(|pairs| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            query.append_pair(&name.to_lowercase(), &value);
        }
        query.finish()
    })
}

fn document() -> impl Strategy<Value = Vec<u8>> {
    let field = prop::sample::select(vec![
        "title",
        "message",
        "priority",
        "tags",
        "click",
        "icon",
        "actions",
        "attach",
        "markdown",
        "filename",
        "email",
        "call",
        "cache",
        "delay",
        "sequence_id",
        "other",
    ]);
    let json = prop_oneof![
        value().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::collection::vec(value(), 0..3).prop_map(Value::from),
        Just(json!([{"action": "view", "label": "L", "url": "U"}])),
    ];
    (prop::collection::vec((field, json), 0..4), any::<bool>()).prop_map(|(fields, topic)| {
        let mut document = serde_json::Map::new();
        if topic {
            document.insert("topic".to_owned(), "any".into());
        }
        document.extend(
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        Value::Object(document).to_string().into_bytes()
    })
}

fn case() -> impl Strategy<Value = Case> {
    let header = (prop::sample::select(NAMES.to_vec()), value());
    let headers = prop::collection::vec(header, 0..4);
    let text = prop_oneof![
        3 => "\\PC{0,60}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (4000usize..4200).prop_map(|len| vec![b'x'; len]),
    ];
    let plain = (
        prop::sample::select(vec![
            ("POST", "/any"),
            ("PUT", "/any"),
            ("GET", "/any/publish"),
            ("POST", "/any/seq"),
            ("PUT", "/any/seq/clear"),
            ("DELETE", "/any/seq"),
            ("POST", "/%00"),
            ("POST", "/two%20words"),
        ]),
        text,
    );
    let root = document().prop_map(|body| (("POST", "/"), body));
    (prop_oneof![2 => plain, 1 => root], headers, query()).prop_map(
        |(((method, path), body), headers, query)| Case {
            method,
            path: format!("{path}?{query}"),
            headers,
            body,
        },
    )
}

async fn check(server: &Server, case: &Case) -> Result<bool, TestCaseError> {
    let headers: Vec<_> = case
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let answer = request(
        server.address,
        case.method,
        &case.path,
        &headers,
        &case.body,
    )
    .await;
    prop_assert!(answer.body.ends_with('\n'), "{}", answer.body);
    let document: Value = serde_json::from_str(&answer.body).unwrap();
    if answer.status != 200 {
        let code = document["code"].as_u64().unwrap();
        prop_assert_eq!(&document["http"], answer.status);
        prop_assert_eq!(code / 100, u64::from(answer.status));
        prop_assert!(matches!(answer.status, 400 | 404 | 413), "{}", answer.body);
        prop_assert!(!document["error"].as_str().unwrap().is_empty());
        return Ok(false);
    }
    let id = document["id"].as_str().unwrap();
    prop_assert!(id.len() == 12 && id.bytes().all(|b| b.is_ascii_alphanumeric()));
    let kept = document.get("expires").is_some();
    let path = format!("/any/json?poll=1&sched=1&since=1h&id={id}");
    let history = get(server.address, &path).await.body;
    let found: Vec<_> = history.lines().filter(|line| line.contains(id)).collect();
    if kept {
        prop_assert_eq!(found, [answer.body.trim_end()]);
    } else {
        prop_assert!(found.is_empty());
    }
    Ok(kept)
}

#[test]
fn whatever_comes_is_answered_and_kept() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::memory());
    let kept = std::cell::Cell::new(0);
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&case(), |case| {
        if runtime.block_on(check(&server, &case))? {
            kept.set(kept.get() + 1);
        }
        Ok(())
    });
    outcome.unwrap();
    assert!(kept.get() > 50, "only {} were kept", kept.get());
    runtime.block_on(server.stop());
}

#[test]
fn whatever_is_asked_for_is_answered() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::memory());
    runtime.block_on(async {
        request(server.address, "POST", "/any?tags=a&p=4", &[], b"text").await;
    });
    let mut runner = TestRunner::new(Config {
        cases: 200,
        failure_persistence: None,
        ..Config::default()
    });
    let names = vec![
        "since",
        "id",
        "message",
        "title",
        "priority",
        "tags",
        "sched",
        "X-Since",
        "Last-Event-ID",
    ];
    let wanted = (
        prop::sample::select(vec!["json", "sse", "raw"]),
        prop::collection::vec((prop::sample::select(names), value()), 0..3),
    );
    let outcome = runner.run(&wanted, |(kind, wanted)| {
        let mut query = url::form_urlencoded::Serializer::new("poll=1".to_owned());
        let mut headers = Vec::new();
        for (name, value) in &wanted {
            if name.contains('-') {
                headers.push((*name, value.as_str()));
            } else {
                query.append_pair(name, value);
            }
        }
        let path = format!("/any/{kind}?{}", query.finish());
        let answer = runtime.block_on(request(server.address, "GET", &path, &headers, b""));
        prop_assert!(matches!(answer.status, 200 | 400), "{}", answer.body);
        if answer.status == 400 {
            prop_assert!(matches!(
                answer.json()["code"].as_u64(),
                Some(40007 | 40008)
            ));
        }
        Ok(())
    });
    outcome.unwrap();
    runtime.block_on(server.stop());
}
