//! The well-known tutorials' own calls, to the byte.

use serde_json::json;

use crate::{Event, Server, memory, post, request};
use hub::HubConfig;

const OPENING: &str = ": feedbell\n\n";

#[tokio::test]
async fn board() {
    let server = Server::memory().await;
    let epoch = server.hub.epoch();
    let mut page = server.open("/events").await;
    for (n, fact) in [r#"{"info":"one","source":"a"}"#, r#""just text""#]
        .into_iter()
        .enumerate()
    {
        let answer = post(server.address, "/fact", fact).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, r#"{"r0":0,"r1":""}"#),
            "{n}"
        );
    }
    // Of everyone's publications the array holds the facts alone.
    server.publish(json!({"data": "not a fact"})).await;
    let mut expected = format!(
        "{OPENING}id: {epoch}.0\ndata: []\n\n\
         id: {epoch}.1\ndata: {{\"info\":\"one\",\"source\":\"a\"}}\n\n\
         id: {epoch}.2\ndata: \"just text\"\n\n\
         id: {epoch}.3\ndata: not a fact\n\n"
    );
    page.until_raw("not a fact\n\n").await;
    assert_eq!(page.raw_text(), expected);

    // Another page starts with the array, and goes on where that ends.
    let mut other = server.open("/events").await;
    post(server.address, "/fact", "{\n  \"info\": \"three\"\n}").await;
    expected = format!(
        "{OPENING}id: {epoch}.3\ndata: [{{\"info\":\"one\",\"source\":\"a\"}},\"just text\"]\n\n\
         id: {epoch}.4\ndata: {{\"info\":\"three\"}}\n\n"
    );
    other.until_raw("three").await;
    assert_eq!(other.raw_text(), expected);

    // Back after a break: what was missed, one by one, never the array.
    let id = page.last_event_id().to_owned();
    drop(page);
    let mut back = server.resume("/events", &id).await;
    post(server.address, "/fact", "4").await;
    assert_eq!(
        back.take(2).await,
        [
            Event::new("message", r#"{"info":"three"}"#, &format!("{epoch}.4")),
            Event::new("message", "4", &format!("{epoch}.5")),
        ]
    );
    assert!(!back.raw_text().contains('['));
    let bad = post(server.address, "/fact", "{not json").await;
    assert_eq!(bad.status, 400);
    assert!(bad.error().contains("not JSON"), "{}", bad.body);
    server.stop().await;
}

#[tokio::test]
async fn site_messages() {
    let server = Server::memory().await;
    let epoch = server.hub.epoch();
    let mut one = server.open("/push?uid=1").await;
    let mut second_tab = server.open("/push?uid=1").await;
    let mut two = server.open("/push?uid=2").await;
    for body in [
        r#"{"uid":1,"msg":"你好"}"#,
        r#"{"uid":"1","msg":"again","isAll":false}"#,
        r#"{"uid":2}"#,
        r#"{"uid":1,"msg":"大家好","isAll":true}"#,
    ] {
        let answer = post(server.address, "/update", body).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, r#"{"code":0}"#),
            "{body}"
        );
    }
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = request(
        server.address,
        "POST",
        "/update",
        &form,
        b"uid=1&msg=by+form",
    )
    .await;
    assert_eq!(answer.body, r#"{"code":0}"#);

    let greeting = format!("{OPENING}id: {epoch}.0\nretry: 3000\ndata: 站内信链接成功！\n\n");
    let event = |n: u32, data: &str| format!("id: {epoch}.{n}\nevent: notify\ndata: {data}\n\n");
    let expected = [
        greeting.clone(),
        event(1, r#"{"msg":"给1的消息>>你好","uid":1}"#),
        event(2, r#"{"msg":"给1的消息>>again","uid":"1"}"#),
        event(4, r#"{"msg":"给所有人的消息>>大家好","uid":1}"#),
        event(5, r#"{"msg":"给1的消息>>by form","uid":"1"}"#),
    ]
    .concat();
    for tab in [&mut one, &mut second_tab] {
        tab.until_raw("by form\",\"uid\":\"1\"}\n\n").await;
        assert_eq!(tab.raw_text(), expected);
        assert_eq!(tab.retry(), Some(3000));
    }
    two.until_raw("大家好\",\"uid\":1}\n\n").await;
    let expected = [
        greeting,
        event(3, r#"{"msg":"给2的消息>>","uid":2}"#),
        event(4, r#"{"msg":"给所有人的消息>>大家好","uid":1}"#),
    ]
    .concat();
    assert_eq!(two.raw_text(), expected);

    // The greeting is said on each connect and stored nowhere.
    let id = two.last_event_id().to_owned();
    assert_eq!(id, format!("{epoch}.4"));
    drop(two);
    post(server.address, "/update", r#"{"uid":2,"msg":"missed"}"#).await;
    let mut back = server.resume("/push?uid=2", &id).await;
    back.until_raw("missed").await;
    let expected = [
        format!("{OPENING}id: {id}\nretry: 3000\ndata: 站内信链接成功！\n\n"),
        event(6, r#"{"msg":"给2的消息>>missed","uid":2}"#),
    ]
    .concat();
    assert_eq!(back.raw_text(), expected);
    assert_eq!(server.hub.position().seq, 6);
    let bad = post(server.address, "/update", r#"{"msg":"to nobody"}"#).await;
    assert_eq!(bad.status, 400);
    server.stop().await;
}

#[tokio::test]
async fn without_demo_only_publications_arrive() {
    let server = Server::memory().await;
    let epoch = server.hub.epoch();
    for path in ["/sse", "/test"] {
        let at = server.hub.position();
        let mut stream = server.open(path).await;
        let id = server
            .publish(json!({"event": "user-msg", "data": "hi"}))
            .await;
        stream.until_raw("hi").await;
        let expected = format!("{OPENING}id: {at}\n\nid: {id}\nevent: user-msg\ndata: hi\n\n");
        assert_eq!(stream.raw_text(), expected);
    }
    assert_eq!(server.hub.epoch(), epoch);
    server.stop().await;
}

#[tokio::test]
async fn demo_streams_and_publications_side_by_side() {
    let server = Server::start(HubConfig {
        demo: true,
        ..memory()
    })
    .await;
    let start = server.hub.position().to_string();
    let mut counter = server.open("/sse").await;
    let mut pause = server.open("/test").await;
    assert!(counter.next().await.unwrap().data.contains("GMT"));
    assert_eq!(counter.retry(), Some(6000));
    assert_eq!(pause.next().await.unwrap(), Event::new("test", "1", &start));
    assert_eq!(pause.retry(), Some(10_000));
    let id = server.publish(json!({"data": "for everyone"})).await;
    assert_eq!(
        counter.next().await.unwrap(),
        Event::new("message", "for everyone", &id)
    );
    // The generators repeat the last true id, so that a reconnect resumes there.
    assert_eq!(
        counter.next().await.unwrap(),
        Event::new("message", "这是第几条消息:1", &id)
    );
    assert_eq!(pause.next().await.unwrap().data, "for everyone");
    assert_eq!(pause.next().await.unwrap(), Event::new("test", "2", &id));
    drop(counter);
    server.publish(json!({"data": "missed"})).await;
    let mut back = server.resume("/sse", &id).await;
    assert_eq!(back.next().await.unwrap().data, "missed");
    server.stop().await;
}
