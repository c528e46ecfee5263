//! Who may, over the wire.

use serde_json::json;

use crate::{Server, Stream, get, memory, request};
use hub::{Hub, HubConfig, HubError, Token};
use tokio::net::TcpListener;

fn guarded() -> HubConfig {
    HubConfig {
        allow_origins: vec!["http://localhost:3000".to_owned()],
        hosts: vec!["bell.local".to_owned()],
        ..memory()
    }
}

/// Every address of the hub asks the same questions.
#[tokio::test]
async fn foreign_pages_are_kept_out_of_every_address() {
    let server = Server::start(guarded()).await;
    let own = format!("http://{}", server.address);
    let table: [(&[(&str, &str)], bool); 12] = [
        (&[], true),
        (&[("Host", "localhost:1")], true),
        (&[("Host", "bell.local")], true),
        (&[("Host", "rebound.example")], false),
        (&[("Origin", &own)], true),
        (&[("Origin", "http://localhost:3000")], true),
        (
            &[
                ("Origin", "http://localhost:3000"),
                ("Sec-Fetch-Site", "same-site"),
            ],
            true,
        ),
        (&[("Origin", "http://localhost:3001")], false),
        (&[("Origin", "null")], false),
        (&[("Sec-Fetch-Site", "cross-site")], false),
        (&[("Sec-Fetch-Site", "same-site")], false),
        (&[("Sec-Fetch-Site", "same-origin")], true),
    ];
    let addresses = [
        ("GET", "/", ""),
        ("GET", "/events?uid=1", ""),
        ("GET", "/events", ""),
        ("GET", "/push?uid=1", ""),
        ("GET", "/sse", ""),
        ("GET", "/test", ""),
        ("GET", "/healthz", ""),
        ("GET", "/nothing", ""),
        (
            "POST",
            "/publish",
            "plain text, as a form without preflight sends it",
        ),
        ("POST", "/fact", "{}"),
        ("POST", "/update", r#"{"uid":1}"#),
    ];
    for (headers, allowed) in table {
        let before = server.hub.position();
        for (method, path, body) in addresses {
            let mut headers = headers.to_vec();
            headers.push(("Content-Type", "text/plain"));
            let case = format!("{method} {path} {headers:?}");
            let status = if method == "GET" {
                Stream::try_open(server.address, path, &headers)
                    .await
                    .status
            } else {
                request(server.address, method, path, &headers, body.as_bytes())
                    .await
                    .status
            };
            assert_eq!(status != 403, allowed, "{case}");
        }
        assert_eq!(server.hub.position() != before, allowed, "{headers:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_allowed_page_can_read_the_answers() {
    let server = Server::start(guarded()).await;
    let page = ("Origin", "http://localhost:3000");
    let preflight = request(
        server.address,
        "OPTIONS",
        "/update",
        &[
            page,
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type"),
        ],
        b"",
    )
    .await;
    assert_eq!(preflight.status, 204);
    assert_eq!(
        preflight.header("access-control-allow-headers"),
        Some("content-type")
    );
    assert!(
        preflight
            .header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );

    let stream = Stream::open(server.address, "/push?uid=1", &[page]).await;
    let answer = request(server.address, "POST", "/publish", &[page], b"x").await;
    let refused = request(
        server.address,
        "POST",
        "/publish",
        &[page],
        b"{\"event\":\"gap\"}",
    )
    .await;
    assert_eq!((answer.status, refused.status), (200, 400));
    for headers in [
        &preflight.headers,
        &stream.headers,
        &answer.headers,
        &refused.headers,
    ] {
        let value = |name: &str| {
            headers
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(
            value("access-control-allow-origin"),
            Some("http://localhost:3000")
        );
        assert_eq!(value("access-control-allow-credentials"), Some("true"));
        assert_eq!(value("vary"), Some("Origin"));
    }

    let other = request(
        server.address,
        "OPTIONS",
        "/update",
        &[
            ("Origin", "http://localhost:5173"),
            ("Access-Control-Request-Method", "POST"),
        ],
        b"",
    )
    .await;
    assert_eq!(other.status, 403);
    assert_eq!(other.header("access-control-allow-origin"), None);
    assert!(
        other
            .error()
            .contains("--allow-origin http://localhost:5173"),
        "{}",
        other.body
    );
    let own = get(server.address, "/").await;
    assert_eq!(own.header("access-control-allow-origin"), None);
    server.stop().await;
}

#[tokio::test]
async fn beyond_loopback_a_token_is_needed() {
    let hub = Hub::open(memory()).unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let error = hub::serve(hub, listener, std::future::pending())
        .await
        .unwrap_err();
    assert!(matches!(error, HubError::TokenNeeded { .. }));
    assert!(error.to_string().contains("set a token"), "{error}");

    let tokens = vec![Token::new("tk_secret").unwrap()];
    let hub = Hub::open(HubConfig { tokens, ..memory() }).unwrap();
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(hub::serve(
        hub.clone(),
        listener,
        stop.clone().cancelled_owned(),
    ));

    let bare = get(address, "/events?uid=1").await;
    assert_eq!(
        (bare.status, bare.header("www-authenticate")),
        (401, Some("Bearer"))
    );
    assert!(bare.error().contains("token"), "{}", bare.body);
    assert_eq!(get(address, "/healthz").await.status, 200);
    let bearer = [("Authorization", "Bearer tk_secret")];
    let published = request(address, "POST", "/publish", &bearer, b"x").await;
    assert_eq!(published.status, 200);
    let mut stream = Stream::open(address, "/events?since=all&token=tk_secret", &[]).await;
    assert_eq!(stream.data(1).await, ["x"]);
    let wrong = [("Authorization", "Bearer tk_secre")];
    assert_eq!(
        request(address, "POST", "/publish", &wrong, b"x")
            .await
            .status,
        401
    );
    assert_eq!(hub.position().seq, 1);
    stop.cancel();
    task.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_origin_that_is_none_is_refused_at_the_start() {
    for origin in ["*", "localhost:3000", "http://localhost:3000/page"] {
        let config = HubConfig {
            allow_origins: vec![origin.to_owned()],
            ..memory()
        };
        let error = Hub::open(config).err().unwrap();
        assert!(error.to_string().contains(origin), "{error}");
    }
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let server = Server::memory().await;
    let long = "x".repeat(100_000);
    let answer = request(server.address, "GET", "/", &[("X-Long", &long)], b"").await;
    assert_eq!(answer.status, 431);
    server.publish(json!({"data": "still there"})).await;
    server.stop().await;
}
