//! The web page, over the wire.

use hub::{HubConfig, Pages, Token};

use crate::{Server, get, memory, request};

static FILES: &[(&str, &str, &[u8])] = &[
    (
        "index.html",
        "text/html; charset=utf-8",
        b"<!doctype html>the page",
    ),
    (
        "app-1a2b.js",
        "text/javascript; charset=utf-8",
        b"let app = 1;",
    ),
];
const HTML: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

fn with_page() -> HubConfig {
    HubConfig {
        pages: Pages::new(FILES),
        ..memory()
    }
}

#[tokio::test]
async fn browsers_get_the_page_and_programs_the_overview() {
    let server = Server::start(with_page()).await;
    let page = request(server.address, "GET", "/", &[HTML], b"").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body, "<!doctype html>the page");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    for accept in [None, Some("*/*"), Some("application/json")] {
        let headers: Vec<_> = accept
            .map(|accept| ("Accept", accept))
            .into_iter()
            .collect();
        let text = request(server.address, "GET", "/", &headers, b"").await;
        assert!(text.body.starts_with("Feedbell hub\n"), "{}", text.body);
    }
    let file = get(server.address, "/hub/page/app-1a2b.js").await;
    assert_eq!((file.status, &*file.body), (200, "let app = 1;"));
    assert!(
        file.header("cache-control")
            .is_some_and(|value| value.contains("immutable"))
    );
    // A worker has the policy of its own answer.
    for answer in [&page, &file] {
        let policy = answer.header("content-security-policy").unwrap();
        for part in [
            "default-src 'none';",
            "script-src 'self';",
            "connect-src 'self';",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    for path in [
        "/hub/page/",
        "/hub/page/index.html",
        "/hub/page/other.js",
        "/hub/page/../page/app-1a2b.js",
        "/hub/page/%2e%2e/app-1a2b.js",
    ] {
        assert_eq!(get(server.address, path).await.status, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_build_without_the_page_says_so() {
    assert!(Pages::new(&[]).is_none());
    let server = Server::memory().await;
    let answer = request(server.address, "GET", "/", &[HTML], b"").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    assert!(
        answer
            .body
            .starts_with("This build of the hub has no web page.\n"),
        "{}",
        answer.body
    );
    server.stop().await;
}

/// The page is where a token is typed; all else still wants one.
#[tokio::test]
async fn the_page_needs_no_token_and_gives_nothing_away() {
    let server = Server::start(HubConfig {
        tokens: Token::new("tk_secret").into_iter().collect(),
        ..with_page()
    })
    .await;
    let status = async |method: &str, path: &str, headers: &[(&str, &str)]| {
        request(server.address, method, path, headers, b"")
            .await
            .status
    };
    assert_eq!(status("GET", "/", &[HTML]).await, 200);
    assert_eq!(status("GET", "/hub/page/app-1a2b.js", &[]).await, 200);
    let overview = request(server.address, "GET", "/", &[], b"").await;
    assert_eq!(overview.status, 200);
    let epoch = server.hub.epoch().to_string();
    assert!(!overview.body.contains(&epoch), "{}", overview.body);
    assert_eq!(status("POST", "/", &[HTML]).await, 401);
    assert_eq!(status("GET", "/events?uid=1", &[HTML]).await, 401);
    assert_eq!(status("POST", "/hub/page/app-1a2b.js", &[]).await, 401);
    assert_eq!(status("GET", "/hub/pages", &[HTML]).await, 401);
    server.stop().await;
}

#[tokio::test]
async fn a_link_from_another_site_shows_the_page_and_reads_nothing() {
    let server = Server::start(with_page()).await;
    let site = ("Sec-Fetch-Site", "cross-site");
    let visit = [
        HTML,
        site,
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    let status = async |path: &str, headers: &[(&str, &str)]| {
        request(server.address, "GET", path, headers, b"")
            .await
            .status
    };
    assert_eq!(status("/", &visit).await, 200);
    assert_eq!(status("/events?poll=1", &visit).await, 403);
    // Not in a frame, not by a script, not under another name.
    let framed = [visit[0], visit[1], visit[2], ("Sec-Fetch-Dest", "iframe")];
    assert_eq!(status("/", &framed).await, 403);
    assert_eq!(status("/", &[HTML, site]).await, 403);
    assert_eq!(
        status("/", &[HTML, ("Origin", "https://evil.example")]).await,
        403
    );
    let rebound = [
        visit[0],
        visit[1],
        visit[2],
        visit[3],
        ("Host", "evil.example"),
    ];
    assert_eq!(status("/", &rebound).await, 403);
    server.stop().await;
}
