//! Tokens, tickets and bans, over the wire.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use hub::{AccessFile, Hub, HubConfig, HubError, NewToken, Publication, Rate, Store, Token};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client::Answer;
use crate::{Server, Stream, memory, request, soon};

/// A hub as other machines reach it, with these tokens; their secrets.
async fn lan<const N: usize>(
    config: HubConfig,
    tokens: [NewToken; N],
) -> (Server, [(String, String); N]) {
    let hub = Hub::open(config).unwrap();
    let mut made = Vec::new();
    for token in tokens {
        let (info, token) = hub.create_token(token).await.unwrap();
        made.push((info.id, token.secret().to_owned()));
    }
    (serve(hub, "0.0.0.0").await, made.try_into().unwrap())
}

pub(crate) async fn serve(hub: Hub, ip: &str) -> Server {
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let stop = CancellationToken::new();
    let task = tokio::spawn(hub::serve(
        hub.clone(),
        listener,
        stop.clone().cancelled_owned(),
    ));
    Server {
        hub,
        address: ([127, 0, 0, 1], port).into(),
        stop,
        task,
    }
}

/// A token with the rights that `rights` has letters of.
pub(crate) fn token(rights: &str, uids: &[&str], topics: &[&str]) -> NewToken {
    NewToken {
        name: format!("{rights} {uids:?} {topics:?}"),
        read: rights.contains('r'),
        write: rights.contains('w'),
        admin: rights.contains('a'),
        uids: uids
            .iter()
            .map(|uid| hub::Uid::parse(uid).unwrap())
            .collect(),
        topics: topics
            .iter()
            .map(|name| hub::Topic::parse(name).unwrap())
            .collect(),
    }
}

/// A request with this Authorization header.
pub(crate) async fn ask(server: &Server, line: &str, authorization: &str, body: &str) -> Answer {
    let (method, path) = line.split_once(' ').unwrap();
    let headers = [("Authorization", authorization)];
    let headers = if authorization.is_empty() {
        &[][..]
    } else {
        &headers
    };
    if method == "GET" {
        // It may be a stream: only its head counts.
        let stream = Stream::try_open(server.address, path, headers).await;
        return Answer {
            status: stream.status,
            headers: stream.headers,
            body: String::new(),
        };
    }
    request(server.address, method, path, headers, body.as_bytes()).await
}

pub(crate) fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

/// What each token may do at each address.
#[tokio::test]
async fn rights_hold_at_every_address() {
    let clock = Clock::new();
    let config = HubConfig {
        clock: clock.clock(),
        ..memory()
    };
    let (server, made) = lan(
        config,
        [
            token("r", &[], &[]),
            token("w", &[], &[]),
            token("a", &[], &[]),
            token("rw", &["ada"], &[]),
            token("rw", &[], &["door"]),
            token("rwa", &[], &[]),
        ],
    )
    .await;
    let mut who: Vec<String> = vec![String::new(), bearer("fb_wrong")];
    who.extend(made.iter().map(|(_, secret)| bearer(secret)));
    // none, wrong, read, write, admin, ada, door, all
    let (all, open) = ([200; 8], [401, 401, 200, 403, 403, 200, 200, 200]);
    let publish = [401, 401, 403, 200, 403, 403, 403, 200];
    let admin = [401, 401, 403, 403, 200, 403, 403, 200];
    let topic = [401, 401, 403, 200, 403, 403, 200, 200];
    let listen = [401, 401, 200, 403, 403, 403, 200, 200];
    let table: &[(&str, &str, [u16; 8])] = &[
        ("GET /", "", all),
        ("GET /healthz", "", all),
        ("GET /events?control=0", "", open),
        ("GET /events", "", open),
        ("GET /push", "", open),
        ("GET /sse", "", open),
        ("GET /test", "", open),
        ("GET /events?poll=1", "", open),
        (
            "GET /events?uid=ada",
            "",
            [401, 401, 200, 403, 403, 200, 403, 200],
        ),
        (
            "GET /push?uid=ada",
            "",
            [401, 401, 200, 403, 403, 200, 403, 200],
        ),
        (
            "GET /events?topic=door",
            "",
            [401, 401, 200, 403, 403, 403, 200, 200],
        ),
        (
            "GET /events?uid=ada&topic=door",
            "",
            [401, 401, 200, 403, 403, 403, 403, 200],
        ),
        (
            "GET /events?uid=ada&uid=bob",
            "",
            [401, 401, 200, 403, 403, 403, 403, 200],
        ),
        ("POST /publish", r#"{"data":"x"}"#, publish),
        ("POST /fact", "{}", publish),
        ("POST /update", r#"{"uid":"ada","isAll":1}"#, publish),
        (
            "POST /publish",
            r#"{"uid":"ada","data":"x"}"#,
            [401, 401, 403, 200, 403, 200, 403, 200],
        ),
        (
            "POST /publish?uid=ada",
            "x",
            [401, 401, 403, 200, 403, 200, 403, 200],
        ),
        (
            "POST /update",
            r#"{"uid":"ada"}"#,
            [401, 401, 403, 200, 403, 200, 403, 200],
        ),
        (
            "POST /publish",
            r#"{"topic":"door","data":"x"}"#,
            [401, 401, 403, 200, 403, 403, 200, 200],
        ),
        (
            "POST /publish",
            r#"{"uid":"ada","topic":"door","data":"x"}"#,
            publish,
        ),
        ("GET /hub/tokens", "", admin),
        ("GET /hub/bans", "", admin),
        (
            "PUT /hub/bans/x",
            "",
            [401, 401, 403, 403, 204, 403, 403, 204],
        ),
        (
            "DELETE /hub/bans/y",
            "",
            [401, 401, 403, 403, 404, 403, 403, 404],
        ),
        (
            "DELETE /hub/tokens/none",
            "",
            [401, 401, 403, 403, 404, 403, 403, 404],
        ),
        (
            "POST /hub/tokens",
            "{}",
            [401, 401, 403, 403, 400, 403, 403, 400],
        ),
        (
            "GET /hub/secrets",
            "",
            [401, 401, 403, 403, 404, 403, 403, 404],
        ),
        (
            "POST /hub/tickets",
            "{}",
            [401, 401, 201, 403, 403, 201, 201, 201],
        ),
        (
            "POST /hub/tickets",
            r#"{"uids":["ada"]}"#,
            [401, 401, 201, 403, 403, 201, 403, 201],
        ),
        (
            "DELETE /hub/tickets/ft_x",
            "",
            [401, 401, 404, 403, 403, 404, 404, 404],
        ),
        ("OPTIONS /publish", "", [405; 8]),
        (
            "GET /hub/status",
            "",
            [401, 401, 200, 200, 200, 200, 200, 200],
        ),
        ("GET /hub/subscribers", "", admin),
        (
            "DELETE /hub/subscribers/9999",
            "",
            [401, 401, 403, 403, 404, 403, 403, 404],
        ),
        // From this machine, for programs without a token.
        ("GET /metrics", "", [200, 401, 200, 200, 200, 200, 200, 200]),
        ("GET /v1/health", "", all),
        ("POST /door", "hi", topic),
        ("PUT /door", "hi", topic),
        ("POST /", r#"{"topic":"door","message":"hi"}"#, topic),
        ("GET /door/publish?m=hi", "", topic),
        ("GET /door/publis%68?m=hi", "", topic),
        ("GET /door/send", "", topic),
        ("GET /door/trigger", "", topic),
        ("PUT /door/seq", "hi", topic),
        ("GET /door/seq/clear", "", topic),
        ("DELETE /door/seq", "", topic),
        ("GET /door/json?poll=1", "", listen),
        ("GET /door/raw?poll=1", "", listen),
        ("GET /door/sse?poll=1", "", listen),
        (
            "GET /door,ada/json?poll=1",
            "",
            [401, 401, 200, 403, 403, 403, 403, 200],
        ),
        ("GET /door/auth", "", listen),
    ];
    for (line, body, expected) in table {
        for (authorization, expected) in who.iter().zip(expected) {
            // Wrong tokens have a pace too.
            clock.pass(2);
            let answer = ask(&server, line, authorization, body).await;
            assert_eq!(answer.status, *expected, "{line} {body} {authorization}");
            let asked = answer.header("www-authenticate").is_some();
            assert_eq!(asked, answer.status == 401, "{line}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_secret_comes_in_many_forms() {
    let (server, [(_, secret)]) = lan(memory(), [token("r", &[], &[])]).await;
    let basic = |text: String| format!("Basic {}", base64(&text));
    let auth = |header: &str| {
        base64(header)
            .replace('+', "-")
            .replace('/', "_")
            .replace('=', "")
    };
    let here = "/events?control=1";
    for (path, header, expected) in [
        (here.to_owned(), bearer(&secret), 200),
        (here.to_owned(), basic(format!("phil:{secret}")), 200),
        (here.to_owned(), basic(format!(":{secret}")), 200),
        (here.to_owned(), basic(format!("{secret}:")), 401),
        (here.to_owned(), "Basic !".to_owned(), 401),
        (here.to_owned(), "Bearer".to_owned(), 401),
        (here.to_owned(), format!("vapid t={secret}"), 401),
        (format!("{here}&token={secret}"), String::new(), 200),
        (
            format!("{here}&token={secret}"),
            "WebPush x".to_owned(),
            200,
        ),
        (format!("{here}&token={secret}"), bearer("fb_other"), 401),
        (format!("{here}&token=fb_other"), bearer(&secret), 200),
        (
            format!("{here}&auth={}", auth(&bearer(&secret))),
            String::new(),
            200,
        ),
        (
            format!("{here}&auth={}", auth(&basic(format!(":{secret}")))),
            String::new(),
            200,
        ),
        (format!("{here}&auth={secret}"), String::new(), 401),
        (format!("{here}&ticket={secret}"), String::new(), 401),
    ] {
        let answer = ask(&server, &format!("GET {path}"), &header, "").await;
        assert_eq!(answer.status, expected, "{path} {header}");
    }
    server.stop().await;
}

/// On loopback a token is not asked for, but one that is shown counts.
#[tokio::test]
async fn on_loopback_a_token_is_a_choice() {
    let server = Server::memory().await;
    let (_, secret) = server
        .hub
        .create_token(token("r", &["ada"], &[]))
        .await
        .unwrap();
    let with = bearer(secret.secret());
    for (line, authorization, expected) in [
        ("POST /publish", "", 200),
        ("POST /publish", with.as_str(), 403),
        ("POST /publish", "Bearer fb_unknown", 401),
        ("POST /publish", "Basic x", 401),
        ("POST /publish", "vapid x", 200),
        ("POST /publish?token=", "", 200),
        ("POST /publish?ticket=x", "", 200),
        ("GET /events?uid=bob", "", 200),
        ("GET /events?uid=bob", with.as_str(), 403),
        ("GET /events?uid=bob&ticket=ft_unknown", "", 401),
        ("GET /hub/tokens", "", 200),
        ("GET /hub/tokens", with.as_str(), 403),
    ] {
        let answer = ask(&server, line, authorization, r#"{"event":"x"}"#).await;
        assert_eq!(answer.status, expected, "{line} {authorization}");
    }
    // A token of the settings closes the hub to those without one.
    let tokens = vec![Token::new("tk_own").unwrap()];
    let closed = Server::start(HubConfig { tokens, ..memory() }).await;
    assert_eq!(ask(&closed, "POST /publish", "", "x").await.status, 401);
    let own = ask(
        &closed,
        "POST /hub/tokens",
        "Bearer tk_own",
        r#"{"name":"w","write":true}"#,
    );
    let made = own.await.json();
    let made = bearer(made["token"].as_str().unwrap());
    assert_eq!(ask(&closed, "POST /publish", &made, "x").await.status, 200);
    server.stop().await;
    closed.stop().await;
}

/// Foreign pages stay out, whatever they carry.
#[tokio::test]
async fn a_token_opens_nothing_to_foreign_pages() {
    let config = || HubConfig {
        allow_origins: vec!["http://localhost:3000".to_owned()],
        ..memory()
    };
    let (open, [(_, secret)]) = lan(config(), [token("rwa", &[], &[])]).await;
    let own = Server::start(config()).await;
    let (_, local) = own.hub.create_token(token("rwa", &[], &[])).await.unwrap();
    for (server, secret, rebound) in [(&open, secret.as_str(), 200), (&own, local.secret(), 403)] {
        let authorization = bearer(secret);
        let here = format!("http://{}", server.address);
        let secure = here.replace("http", "https");
        for (headers, expected) in [
            (vec![], 200),
            (vec![("Origin", here.as_str())], 200),
            (vec![("Origin", secure.as_str())], 200),
            (vec![("Origin", "http://localhost:3000")], 200),
            (vec![("Origin", "http://localhost:3001")], 403),
            (vec![("Origin", "null")], 403),
            (vec![("Sec-Fetch-Site", "cross-site")], 403),
            (vec![("Sec-Fetch-Site", "same-site")], 403),
            (vec![("Host", "rebound.example")], rebound),
            (vec![("Cookie", "token=x; session=y")], 200),
        ] {
            for line in [
                "GET /events?uid=1",
                "GET /hub/tokens",
                "POST /publish",
                "POST /hub/tickets",
            ] {
                let (method, path) = line.split_once(' ').unwrap();
                let mut headers = headers.clone();
                headers.push(("Authorization", &authorization));
                let status = if method == "GET" {
                    Stream::try_open(server.address, path, &headers)
                        .await
                        .status
                } else {
                    let body: &[u8] = match path {
                        "/publish" => br#"{"event":"x"}"#,
                        _ => b"{}",
                    };
                    let answer = request(server.address, method, path, &headers, body).await;
                    if answer.status == 201 {
                        200
                    } else {
                        answer.status
                    }
                };
                assert_eq!(status, expected, "{line} {headers:?}");
            }
        }
        // A cookie is no credential.
        let cookie = format!("token={secret}");
        let cookie = [("Cookie", cookie.as_str())];
        let status = Stream::try_open(server.address, "/hub/tokens", &cookie)
            .await
            .status;
        assert_eq!(status, if rebound == 200 { 401 } else { 200 });
    }
    open.stop().await;
    own.stop().await;
}

#[tokio::test]
async fn the_tokens_of_a_hub_are_its_admins_business() {
    let (server, [(own, secret)]) = lan(memory(), [token("rwa", &[], &[])]).await;
    let admin = bearer(&secret);
    let create = |body: Value| {
        let (server, admin) = (&server, &admin);
        async move { ask(server, "POST /hub/tokens", admin, &body.to_string()).await }
    };
    let made = create(json!({
        "name": " Family ", "read": true, "uids": ["ada", 1], "topics": ["door"],
    }))
    .await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.json();
    let shown = made["token"].as_str().unwrap();
    assert!(shown.starts_with("fb_") && shown.len() == 35, "{shown}");
    let mut expected = json!({
        "id": made["id"], "name": "Family", "hint": format!("fb_…{}", &shown[31..]),
        "read": true, "write": false, "admin": false,
        "uids": ["ada", "1"], "topics": ["door"], "created": made["created"], "used": null,
        "token": shown,
    });
    assert_eq!(made, expected);

    let listed = request(
        server.address,
        "GET",
        "/hub/tokens",
        &[("Authorization", &admin)],
        b"",
    )
    .await;
    assert!(!listed.body.contains(shown) && !listed.body.contains(&secret));
    expected.as_object_mut().unwrap().remove("token");
    let listed = listed.json();
    assert_eq!(listed["tokens"][1], expected);
    assert_eq!(listed["tokens"][0]["id"], own.as_str());
    assert!(listed["tokens"][0]["used"].is_i64());

    let many: Vec<_> = (0..65).map(|n| n.to_string()).collect();
    for (body, part) in [
        (json!({"read": true}), "name"),
        (json!({"name": "", "read": true}), "characters"),
        (json!({"name": "a\nb", "read": true}), "one line"),
        (json!({"name": "x".repeat(101), "read": true}), "characters"),
        (json!({"name": "x"}), "choose read, write or admin"),
        (json!({"name": "x", "read": true, "uids": [""]}), "uid"),
        (
            json!({"name": "x", "read": true, "topics": ["a/b"]}),
            "topic",
        ),
        (
            json!({"name": "x", "read": true, "uids": many}),
            "more than 64",
        ),
        (json!({"name": "x", "admin": true, "uids": ["a"]}), "admin"),
        (json!({"name": "x", "reed": true}), "reed"),
        (json!([]), "body"),
    ] {
        let refused = create(body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.error().contains(part), "{body}: {}", refused.body);
    }
    let gone = ask(&server, &format!("DELETE /hub/tokens/{own}"), &admin, "").await;
    assert_eq!(gone.status, 204);
    assert_eq!(
        ask(&server, "GET /hub/tokens", &admin, "").await.status,
        401
    );
    server.stop().await;
}

#[tokio::test]
async fn a_revoked_token_ends_its_streams_and_tickets() {
    let (server, [(id, secret), (_, other)]) =
        lan(memory(), [token("r", &["ada"], &[]), token("r", &[], &[])]).await;
    let (own, other) = (bearer(&secret), bearer(&other));
    let open = |path: String, authorization: String| async move {
        let headers = [("Authorization", authorization.as_str())];
        let headers = if authorization.is_empty() {
            &[][..]
        } else {
            &headers
        };
        Stream::open(server.address, &path, headers).await
    };
    let ticket = ask(&server, "POST /hub/tickets", &own, "{}").await.json();
    let url = ticket["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("/events?uid=ada&ticket=ft_"), "{url}");
    let spare = ask(&server, "POST /hub/tickets", &own, "{}").await.json();
    let mut listening = open("/events?control=1".to_owned(), own.clone()).await;
    let mut by_ticket = open(format!("{url}&control=1"), String::new()).await;
    let mut stays = open("/events?uid=ada".to_owned(), other).await;
    server.subscribers(3).await;

    assert!(server.hub.revoke_token(&id).await.unwrap());
    for stream in [&mut listening, &mut by_ticket] {
        let last = stream.rest().await.pop().unwrap();
        assert_eq!(
            (last.name.as_str(), last.data.as_str()),
            ("bye", r#"{"reason":"revoked"}"#)
        );
    }
    server.subscribers(1).await;
    let cursor = by_ticket.last_event_id().to_owned();
    for (path, headers) in [
        ("/events?uid=ada", vec![("Authorization", own.as_str())]),
        (&*url, vec![("Last-Event-ID", cursor.as_str())]),
        (spare["url"].as_str().unwrap(), vec![]),
    ] {
        let again = Stream::try_open(server.address, path, &headers).await;
        assert_eq!(again.status, 401, "{path}");
    }
    assert!(!server.hub.revoke_token(&id).await.unwrap());
    server
        .hub
        .publish(Publication::to_everyone("x"))
        .await
        .unwrap();
    assert_eq!(stays.data(1).await, ["x"]);
    server.stop().await;
}

/// Who is fixed to uids and names none listens as those, in replay as live.
#[tokio::test]
async fn a_reader_with_uids_listens_as_those() {
    let (server, [(_, secret)]) = lan(memory(), [token("r", &["ada", "bob"], &["door"])]).await;
    let publish = async |to: &str, data: &str| {
        let to = match to {
            "" => Publication::to_everyone(data),
            uid => Publication::to_user(hub::Uid::parse(uid).unwrap(), data),
        };
        server.hub.publish(to).await.unwrap();
    };
    for (to, data) in [("ada", "1"), ("eve", "2"), ("", "3"), ("bob", "4")] {
        publish(to, data).await;
    }
    let authorization = bearer(&secret);
    let headers = [("Authorization", authorization.as_str())];
    let mut all = Stream::open(server.address, "/events?since=all", &headers).await;
    let mut board = Stream::open(server.address, "/events", &headers).await;
    let mut push = Stream::open(server.address, "/push", &headers).await;
    let mut sse = Stream::open(server.address, "/sse", &headers).await;
    for (to, data) in [("eve", "5"), ("bob", "6"), ("", "7")] {
        publish(to, data).await;
    }
    assert_eq!(all.data(5).await, ["1", "3", "4", "6", "7"]);
    assert_eq!(board.data(3).await, ["[]", "6", "7"]);
    assert_eq!(push.data(3).await[1..], ["6", "7"]);
    assert_eq!(sse.data(1).await, ["7"]);
    server.stop().await;
}

#[tokio::test]
async fn a_ticket_opens_one_stream_and_its_reconnects() {
    let clock = Clock::new();
    let folder = tempfile::tempdir().unwrap();
    let (server, [(_, secret)]) = lan(config(folder.path(), &clock), [token("rw", &[], &[])]).await;
    let own = bearer(&secret);
    let ticket = async |server: &Server, body: &str| {
        let made = ask(server, "POST /hub/tickets", &own, body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.json()["url"].as_str().unwrap().to_owned()
    };
    let url = ticket(&server, r#"{"uids":["a b"],"topics":["door"]}"#).await;
    assert!(
        url.starts_with("/events?uid=a+b&topic=door&ticket=ft_"),
        "{url}"
    );

    // Bound to what it was made for, and good for streams alone.
    let (_, secret) = url.rsplit_once('=').unwrap();
    for (line, expected) in [
        (format!("GET /events?uid=eve&ticket={secret}"), 403),
        (format!("GET /events?uid=a+b&uid=eve&ticket={secret}"), 403),
        (format!("POST /publish?ticket={secret}"), 401),
        (format!("GET /hub/tokens?ticket={secret}"), 401),
        (format!("POST /hub/tickets?ticket={secret}"), 401),
        (format!("GET /events?uid=a+b&token={secret}"), 401),
        (format!("GET /hub/tickets/{secret}"), 401),
    ] {
        let answer = ask(&server, &line, "", "x").await;
        assert_eq!(answer.status, expected, "{line}");
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
    let wrong = ask(&server, &format!("PATCH /hub/tickets/{secret}"), &own, "").await;
    assert_eq!(wrong.status, 405);
    assert!(!wrong.body.contains(secret), "{}", wrong.body);

    let mut first = server.open(&format!("{url}&control=1")).await;
    let second = Stream::try_open(server.address, &url, &[]).await;
    assert_eq!(second.status, 403, "it was opened once");
    let to = |uid: &str, data: &str| Publication::to_user(hub::Uid::parse(uid).unwrap(), data);
    server.hub.publish(to("eve", "not yours")).await.unwrap();
    server.hub.publish(to("a b", "one")).await.unwrap();
    let cursor = loop {
        let event = first.next().await.unwrap();
        if event.data == "one" {
            break event.id;
        }
    };
    // The reconnect takes the place of the connection that nobody saw break.
    let mut again = server.resume(&url, &cursor).await;
    assert_eq!(
        first.rest().await.pop().unwrap().data,
        r#"{"reason":"replaced"}"#
    );
    server.subscribers(1).await;
    server.hub.publish(to("a b", "two")).await.unwrap();
    assert_eq!(again.data(1).await, ["two"]);

    // It outlives the hub, and its page a long silence.
    let unopened = ticket(&server, "{}").await;
    let idle = ticket(&server, "{}").await;
    server.open(&idle).await;
    server.stop().await;
    let hub = Hub::open(config(folder.path(), &clock)).unwrap();
    let server = serve(hub, "0.0.0.0").await;
    assert_eq!(
        Stream::try_open(server.address, &url, &[]).await.status,
        403
    );
    let mut again = server.resume(&url, &cursor).await;
    assert_eq!(again.data(1).await, ["two"]);
    clock.pass(61);
    let late = Stream::try_open(server.address, &unopened, &[]).await;
    assert_eq!(late.status, 401, "a minute is over");
    clock.pass(24 * 60 * 60);
    let cursor = [("Last-Event-ID", cursor.as_str())];
    let idle = Stream::try_open(server.address, &idle, &cursor).await;
    assert_eq!(idle.status, 401, "a day without a stream");
    let again = Stream::try_open(server.address, &url, &cursor).await;
    assert_eq!(again.status, 200, "its stream was open all day");

    let (_, secret) = url.rsplit_once('=').unwrap();
    let drop = format!("DELETE /hub/tickets/{secret}");
    assert_eq!(ask(&server, &drop, &own, "").await.status, 204);
    assert_eq!(ask(&server, &drop, &own, "").await.status, 404);
    server.subscribers(0).await;
    let again = Stream::try_open(server.address, &url, &cursor).await;
    assert_eq!(again.status, 401);
    server.stop().await;
}

/// Of tickets that nobody uses the oldest make room; open ones stay.
#[tokio::test]
async fn tickets_are_bounded() {
    let clock = Clock::new();
    let config = HubConfig {
        clock: clock.clock(),
        ..memory()
    };
    let (server, [(_, secret), (_, other)]) =
        lan(config, [token("r", &[], &[]), token("r", &[], &[])]).await;
    let made = async |secret: &str| {
        clock.pass_millis(1);
        let made = ask(&server, "POST /hub/tickets", &bearer(secret), "{}").await;
        made.json()["url"].as_str().unwrap().to_owned()
    };
    let others = made(&other).await;
    let open = made(&secret).await;
    let stream = server.open(&open).await;
    let oldest = made(&secret).await;
    let second = made(&secret).await;
    for _ in 0..255 {
        made(&secret).await;
    }
    let status = async |url: &str, headers: &[(&str, &str)]| {
        Stream::try_open(server.address, url, headers).await.status
    };
    assert_eq!(status(&oldest, &[]).await, 401);
    assert_eq!(status(&second, &[]).await, 200);
    assert_eq!(status(&others, &[]).await, 200);
    let cursor = stream.last_event_id().to_owned();
    assert_eq!(status(&open, &[("Last-Event-ID", &cursor)]).await, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_banned_uid_is_told_to_stay_away() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let server = Server::start(config(folder.path(), &clock)).await;
    let mut banned = server.open("/events?uid=a/b&control=1").await;
    let mut other = server.open("/events?uid=c").await;
    server.subscribers(2).await;
    let put = ask(&server, "PUT /hub/bans/a%2Fb", "", "").await;
    assert_eq!(put.status, 204);
    assert_eq!(banned.rest().await.pop().unwrap().name, "bye");
    server.subscribers(1).await;
    for path in ["/events?uid=a/b", "/events?uid=c&uid=a/b", "/push?uid=a/b"] {
        assert_eq!(
            Stream::try_open(server.address, path, &[]).await.status,
            204,
            "{path}"
        );
    }
    let listed = request(server.address, "GET", "/hub/bans", &[], b"").await;
    assert_eq!(listed.json(), json!({"uids": ["a/b"]}));
    server
        .hub
        .publish(Publication::to_everyone("x"))
        .await
        .unwrap();
    assert_eq!(other.data(1).await, ["x"]);
    drop(other);
    server.stop().await;

    let server = Server::start(config(folder.path(), &clock)).await;
    assert_eq!(
        Stream::try_open(server.address, "/events?uid=a/b", &[])
            .await
            .status,
        204
    );
    assert_eq!(
        ask(&server, "DELETE /hub/bans/a%2Fb", "", "").await.status,
        204
    );
    assert_eq!(
        ask(&server, "DELETE /hub/bans/a%2Fb", "", "").await.status,
        404
    );
    assert_eq!(ask(&server, "PUT /hub/bans/%00", "", "").await.status, 400);
    server.open("/events?uid=a/b").await;
    server.stop().await;
}

#[tokio::test]
async fn publishing_has_a_pace() {
    let clock = Clock::new();
    let config = HubConfig {
        clock: clock.clock(),
        rate: Rate {
            burst: 2,
            per_second: 0.5,
        },
        ..memory()
    };
    let (server, [(_, one), (_, two)]) = lan(
        config.clone(),
        [token("rw", &[], &[]), token("rw", &[], &[])],
    )
    .await;
    let own = Server::start(config).await;
    let (one, two) = (bearer(&one), bearer(&two));
    for (server, who) in [(&server, one.as_str()), (&own, "")] {
        for line in ["POST /publish", "POST /fact"] {
            assert_eq!(ask(server, line, who, r#"{"data":1}"#).await.status, 200);
        }
        for line in ["POST /publish", "POST /update", "POST /hub/tickets"] {
            let refused = ask(server, line, who, r#"{"uid":1}"#).await;
            assert_eq!(refused.status, 429, "{line}");
            assert_eq!(refused.header("retry-after"), Some("3"));
            assert!(refused.error().contains("too many"), "{}", refused.body);
        }
        // ntfy's publishers read ntfy's errors.
        for line in ["POST /door", "PUT /door", "PUT /", "DELETE /door/1"] {
            let refused = ask(server, line, who, "hi").await;
            assert_eq!(refused.status, 429, "{line}");
            let body = refused.json();
            assert_eq!((&body["code"], &body["http"]), (&json!(42901), &json!(429)));
            assert!(body["error"].is_string());
        }
        for path in ["/door/publish", "/door/send?m=x", "/door/trigger"] {
            assert_eq!(
                ask(server, &format!("GET {path}"), who, "").await.status,
                429
            );
        }
        assert_eq!(ask(server, "GET /events?uid=1", who, "").await.status, 200);
    }
    assert_eq!(ask(&server, "POST /publish", &two, "x").await.status, 200);
    clock.pass(2);
    assert_eq!(ask(&server, "POST /publish", &one, "x").await.status, 200);
    assert_eq!(ask(&server, "POST /publish", &one, "x").await.status, 429);
    server.stop().await;
    own.stop().await;
}

#[tokio::test]
async fn guessing_has_an_end_and_the_owner_still_gets_in() {
    let clock = Clock::new();
    let config = HubConfig {
        clock: clock.clock(),
        ..memory()
    };
    let (server, [(_, secret)]) = lan(config, [token("rw", &[], &[])]).await;
    let mut wrong = Vec::new();
    for n in 0..32 {
        let guess = bearer(&format!("fb_{n}"));
        wrong.push(ask(&server, "POST /publish", &guess, "x").await);
    }
    let statuses: Vec<_> = wrong.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses[..30], [401; 30]);
    assert_eq!(statuses[30..], [429; 2]);
    assert!(wrong[31].header("retry-after").is_some());
    let good = ask(&server, "POST /publish", &bearer(&secret), "x").await;
    assert_eq!(good.status, 200, "on this machine nobody is locked out");
    assert_eq!(ask(&server, "POST /publish", "", "x").await.status, 401);
    clock.pass(2);
    assert_eq!(
        ask(&server, "POST /publish", &bearer("fb_"), "x")
            .await
            .status,
        401
    );
    server.stop().await;
}

/// Another program changes the file while the hub runs.
#[tokio::test]
async fn what_others_change_in_the_file_counts_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("hub.db");
    let clock = Clock::new();
    let mut file = AccessFile::beside(&log).unwrap();
    let now = jiff::Timestamp::now();
    let (first, _) = file.create(token("a", &[], &[]), now).unwrap();
    // With a token in the file the hub may be reached from elsewhere.
    let hub = Hub::open(config(folder.path(), &clock)).unwrap();
    let server = serve(hub, "0.0.0.0").await;

    let (info, secret) = file.create(token("rw", &[], &[]), now).unwrap();
    let own = bearer(secret.secret());
    let published = ask(&server, "POST /publish", &own, "x").await;
    assert_eq!(published.status, 200, "the token of a moment ago");
    let headers = [("Authorization", own.as_str())];
    let mut stream = Stream::open(server.address, "/events?control=1", &headers).await;
    assert!(file.revoke(&info.id).unwrap());
    assert_eq!(
        stream.rest().await.pop().unwrap().data,
        r#"{"reason":"revoked"}"#
    );
    assert_eq!(ask(&server, "POST /publish", &own, "x").await.status, 401);
    let left = server.hub.tokens().await.unwrap();
    assert_eq!(left, [first]);
    server.stop().await;
}

/// Use is written down now and then, and not with each request.
#[tokio::test]
async fn use_is_noted_lazily() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let (server, [(_, secret)]) = lan(config(folder.path(), &clock), [token("w", &[], &[])]).await;
    let file = AccessFile::beside(&folder.path().join("hub.db")).unwrap();
    let noted = || file.tokens().unwrap()[0].used;
    let own = bearer(&secret);
    assert_eq!(ask(&server, "POST /publish", &own, "x").await.status, 200);
    let used = server.hub.tokens().await.unwrap()[0].used.unwrap();
    assert_eq!(noted(), None);
    clock.pass(61);
    soon("the note", async {
        while noted().is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(noted(), Some(used));
    // And when the hub ends.
    assert_eq!(ask(&server, "POST /publish", &own, "x").await.status, 200);
    let used = server.hub.tokens().await.unwrap()[0].used;
    server.stop().await;
    assert_eq!(noted(), used);
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let path = folder.path().join("hub-access.db");
    drop(Hub::open(config(folder.path(), &clock)).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let hub = Hub::open(config(folder.path(), &clock)).unwrap();
        hub.create_token(token("r", &[], &[])).await.unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let entry = entry.unwrap().path();
            assert_eq!(mode(&entry), 0o600, "{}", entry.display());
        }
    }
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = std::fs::read(&path).unwrap();
    let error = Hub::open(config(folder.path(), &clock)).err().unwrap();
    assert!(matches!(error, HubError::Newer { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let garbage = vec![b'x'; 8192];
    std::fs::write(&path, &garbage).unwrap();
    let error = Hub::open(config(folder.path(), &clock)).err().unwrap();
    assert!(matches!(error, HubError::AccessDamaged { .. }), "{error}");
    assert!(error.to_string().contains("hub-access.db"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), garbage);

    // A list that cannot be read must not become no list.
    std::fs::remove_file(&path).unwrap();
    let hub = Hub::open(config(folder.path(), &clock)).unwrap();
    hub.create_token(token("r", &["ada"], &[])).await.unwrap();
    drop(hub);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute("UPDATE token SET uids = '[\"\"]'", []).unwrap();
    drop(db);
    let error = Hub::open(config(folder.path(), &clock)).err().unwrap();
    assert!(matches!(error, HubError::AccessDamaged { .. }), "{error}");
}

/// Whatever is published and asked for, a token with lists gets nothing beyond
/// them, live or replayed, and sends nothing beyond them.
#[tokio::test]
async fn no_token_gets_beyond_its_lists() {
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let names = ["a", "b", "c", "d"];
    let some = |random: &mut fastrand::Rng| {
        let mut picked = Vec::new();
        for kind in ["uid", "topic"] {
            for name in names {
                if random.u8(..4) == 0 {
                    picked.push((kind, name));
                }
            }
        }
        picked
    };
    let server = Server::memory().await;
    let (mut allowed, mut refused) = (0, 0);
    for round in 0..60 {
        let only = some(&mut random);
        if only.is_empty() {
            continue;
        }
        let of = |kind: &str| -> Vec<&str> {
            only.iter()
                .filter(|(own, _)| *own == kind)
                .map(|(_, name)| *name)
                .collect()
        };
        let new = token("rw", &of("uid"), &of("topic"));
        let (_, secret) = server.hub.create_token(new).await.unwrap();
        let own = bearer(secret.secret());
        let headers = [("Authorization", own.as_str())];

        // Listening as any of these, and live from here.
        let wanted = some(&mut random);
        let query: String = wanted
            .iter()
            .map(|(kind, name)| format!("&{kind}={name}"))
            .collect();
        let path = format!("/events?since=all{query}");
        let mut stream = Stream::try_open(server.address, &path, &headers).await;
        let may = wanted.iter().all(|one| only.contains(one));
        assert_eq!(
            stream.status,
            if may { 200 } else { 403 },
            "{round}: {only:?} {path}"
        );

        let to = some(&mut random);
        // Each name's audience is in its data.
        let body = json!({
            "data": to.iter().map(|(kind, name)| format!("{kind} {name}")).collect::<Vec<_>>().join(","),
        });
        let mut document = body.clone();
        if !to.is_empty() {
            let of = |kind: &str| -> Vec<&str> {
                to.iter()
                    .filter(|(own, _)| *own == kind)
                    .map(|(_, name)| *name)
                    .collect()
            };
            document["uids"] = json!(of("uid"));
            document["topics"] = json!(of("topic"));
        }
        let sent = request(
            server.address,
            "POST",
            "/publish",
            &[
                ("Authorization", &own),
                ("Content-Type", "application/json"),
            ],
            document.to_string().as_bytes(),
        )
        .await;
        let may_send = !to.is_empty() && to.iter().all(|one| only.contains(one));
        assert_eq!(
            sent.status,
            if may_send { 200 } else { 403 },
            "{round}: {only:?} {to:?}"
        );
        // The owner sends it anyhow; it ends with something for everyone.
        server.publish(document).await;
        let end = format!("end {round}");
        server.publish(json!({"data": end})).await;
        if !may {
            refused += 1;
            continue;
        }
        allowed += 1;
        loop {
            let event = stream.next().await.unwrap();
            if event.data == end {
                break;
            }
            let audience: Vec<_> = event
                .data
                .split(',')
                .filter_map(|one| one.split_once(' '))
                .collect();
            let everyone = event.data.is_empty() || event.data.starts_with("end ");
            assert!(
                everyone || audience.iter().any(|one| only.contains(one)),
                "{round}: {only:?} got {}",
                event.data
            );
        }
    }
    assert!(allowed > 5 && refused > 5, "{allowed} {refused}");
    server.stop().await;
}

/// A clock that the test sets.
struct Clock(Arc<AtomicI64>);

impl Clock {
    fn new() -> Self {
        let now = jiff::Timestamp::now().as_millisecond();
        Self(Arc::new(AtomicI64::new(now)))
    }

    fn clock(&self) -> hub::Clock {
        let now = self.0.clone();
        Arc::new(move || jiff::Timestamp::from_millisecond(now.load(Ordering::SeqCst)).unwrap())
    }

    fn pass(&self, seconds: i64) {
        self.pass_millis(seconds * 1000);
    }

    fn pass_millis(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

fn config(folder: &Path, clock: &Clock) -> HubConfig {
    HubConfig {
        clock: clock.clock(),
        ..HubConfig::new(Store::Path(folder.join("hub.db")))
    }
}

/// After RFC 4648 alone.
fn base64(text: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in text.as_bytes().chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            if n <= chunk.len() {
                out.push(char::from(LETTERS[(bits >> (18 - 6 * n) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}
