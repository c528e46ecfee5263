//! JSON lines instead of an event stream.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::{Server, request};

const LINES: (&str, &str) = ("Accept", "application/x-ndjson");

async fn poll(server: &Server, query: &str, accept: (&str, &str)) -> Answer {
    let path = format!("/events?poll=1&{query}");
    request(server.address, "GET", &path, &[accept], b"").await
}

fn lines(answer: &Answer) -> Vec<Value> {
    let lines = answer.body.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn each_event_is_one_object_on_one_line() {
    let server = Server::memory().await;
    let first = server
        .publish(json!({"uid": 1, "event": "like", "retry": 3000, "data": "a\r\nb\u{2028}c\n\nd"}))
        .await;
    server
        .publish(json!({"uid": 2, "data": "for another"}))
        .await;
    let second = server.publish(json!({"data": {"title": "Ada"}})).await;

    let answer = poll(&server, "uid=1", LINES).await;
    assert_eq!(
        answer.header("content-type"),
        Some("application/x-ndjson; charset=utf-8")
    );
    // Unlike an event stream, a line keeps carriage returns too.
    let data = "a\r\nb\u{2028}c\n\nd";
    assert_eq!(
        lines(&answer),
        [
            json!({"id": first, "event": "like", "retry": 3000, "data": data}),
            json!({"id": second, "data": r#"{"title":"Ada"}"#}),
        ]
    );
    let answer = poll(&server, &format!("uid=1&since={first}"), LINES).await;
    assert_eq!(lines(&answer)[0]["id"], second.as_str());
    server.stop().await;
}

#[tokio::test]
async fn a_gap_and_the_control_lines_are_objects_too() {
    let server = Server::memory().await;
    let id = server.publish(json!({"data": "kept"})).await;
    let answer = poll(&server, "control=1&lastEventId=unknown", LINES).await;
    let lines = lines(&answer);
    let names: Vec<_> = lines.iter().map(|line| line["event"].as_str()).collect();
    assert_eq!(names, [Some("hello"), Some("gap"), None]);
    let gap: Value = serde_json::from_str(lines[1]["data"].as_str().unwrap()).unwrap();
    assert_eq!(gap["from"], "unknown");
    assert_eq!(gap["to"], lines[1]["id"]);
    assert_eq!(lines[2], json!({"id": id, "data": "kept"}));
    server.stop().await;
}

/// A browser's `Accept` names the event stream, or takes anything.
#[tokio::test]
async fn who_does_not_ask_for_lines_gets_an_event_stream() {
    let server = Server::memory().await;
    for accept in [
        "*/*",
        "text/event-stream",
        "text/event-stream, application/x-ndjson",
    ] {
        let answer = poll(&server, "uid=1", ("Accept", accept)).await;
        assert_eq!(
            answer.header("content-type"),
            Some("text/event-stream"),
            "{accept}"
        );
    }
    server.stop().await;
}
