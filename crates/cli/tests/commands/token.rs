//! `token`: who may use a hub, whether it runs or not.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::Value;

use crate::support::{Home, Running};

/// A hub at this address; where it listens.
fn serve(home: &Home, listen: &str, more: &[&str]) -> (Running, String) {
    let mut arguments = vec!["serve", "--listen", listen];
    arguments.extend(more);
    let mut command = home.command(&arguments);
    let hub = Running::start(command.env("FEEDBELL_LOG", "trace"));
    let line = hub.out.until("listening on http://");
    let at = line.strip_prefix("listening on ").unwrap();
    (hub, at.replace("0.0.0.0", "127.0.0.1"))
}

/// A request as written; the status and the body.
fn ask(url: &str, line: &str, headers: &[&str], body: &str) -> (u16, String) {
    let address = url.strip_prefix("http://").unwrap();
    let mut head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    let length = body.len();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn made(home: &Home, arguments: &[&str]) -> Value {
    let ran = home.run(&[&["token", "create", "--json"], arguments].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

#[test]
fn tokens_are_made_shown_and_revoked_without_a_hub() {
    let home = Home::new();
    let none = home.run(&["token", "list"]);
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    assert!(none.err.contains("feedbell token create"), "{}", none.err);

    let created = home.run(&[
        "token", "create", "Family", "--read", "--uid", "ada", "--topic", "door",
    ]);
    assert_eq!(created.code, 0, "{}", created.err);
    let secret = created.out.trim_end();
    assert!(secret.starts_with("fb_") && secret.len() == 35, "{secret}");
    assert_eq!(created.err.lines().count(), 1, "{}", created.err);
    assert!(
        created.err.contains("read, uid ada, topic door"),
        "{}",
        created.err
    );
    assert!(!created.err.contains(secret), "{}", created.err);

    let script = made(&home, &["script"]);
    assert_eq!(
        (&script["read"], &script["write"]),
        (&true.into(), &true.into())
    );
    assert_eq!(script["admin"], false);
    let listed = home.run(&["token", "list"]);
    let lines: Vec<_> = listed.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", listed.out);
    assert!(
        lines[0].contains("Family") && lines[0].ends_with("never used"),
        "{}",
        lines[0]
    );
    assert!(!listed.out.contains(secret));
    let as_json = home.run(&["token", "list", "--json"]).out;
    let as_json: Value = serde_json::from_str(&as_json).unwrap();
    assert_eq!(as_json["tokens"][1]["id"], script["id"]);
    assert!(as_json["tokens"][1].get("token").is_none());

    let second = made(&home, &["script", "--admin"]);
    let which = home.run(&["token", "revoke", "script"]);
    assert_eq!(which.code, 1);
    assert!(which.err.contains("by its id"), "{}", which.err);
    for name in [second["id"].as_str().unwrap(), "script", "Family"] {
        let revoked = home.run(&["token", "revoke", name]);
        assert_eq!(
            (revoked.code, revoked.out.as_str()),
            (0, ""),
            "{}",
            revoked.err
        );
    }
    let gone = home.run(&["token", "revoke", "Family"]);
    assert_eq!(gone.code, 1);
    assert!(gone.err.contains("Family"), "{}", gone.err);

    for (arguments, part) in [
        (["", "--read"], "name"),
        (["x", "--uid="], "uid"),
        (["x", "--topic=a/b"], "topic"),
    ] {
        let wrong = home.run(&[&["token", "create"], &arguments[..]].concat());
        assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
        assert!(wrong.err.contains(part), "{}", wrong.err);
    }
}

/// Over the socket, over the network, and in the file beside the hub.
#[test]
fn a_running_hub_takes_and_loses_tokens_at_once() {
    let home = Home::new();
    let admin = made(&home, &["boss", "--admin"]);
    // With a token in its file, other machines may reach the hub.
    let (_hub, url) = serve(&home, "0.0.0.0:0", &["--tls", "off"]);
    let publish = |secret: &Value| {
        let header = format!("Authorization: Bearer {}", secret.as_str().unwrap());
        ask(&url, "POST /publish", &[&header], "x").0
    };
    let admin = admin["token"].as_str().unwrap();
    let data = home.path().join("data/feedbell");
    let data = data.to_str().unwrap();
    let ways: [(&[&str], &str); 3] = [
        (&[], "hub.sock"),
        (&["--data", data], "hub-access.db"),
        (&["--hub", &url, "--token", admin], "127.0.0.1"),
    ];
    for (way, at) in ways {
        let created = made(&home, &[&["script"], way].concat());
        assert_eq!(publish(&created["token"]), 200, "{at}");
        let listed = home.run(&[&["token", "list"], way].concat());
        // The hub writes it into the file now and then.
        let used = listed.out.contains("used 20");
        assert_eq!(used, at != "hub-access.db", "{at}: {}", listed.out);
        // A stream of it ends, and its client hears that it may not come back.
        let events = format!("{url}/events?uid=ada");
        let secret = created["token"].as_str().unwrap();
        let mut listen = home.start(&["listen", "--token", secret, &events]);
        assert_eq!(listen.err.next(), "Connected");
        let revoked = home.run(&[&["token", "revoke", "script"], way].concat());
        assert_eq!(revoked.code, 0, "{}", revoked.err);
        assert!(revoked.err.contains(at), "{}", revoked.err);
        assert_eq!(listen.wait().code(), Some(5));
        assert_eq!(publish(&created["token"]), 401);
    }
    let refused = home.run(&["token", "list", "--hub", &url, "--token", "fb_no"]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    let nobody = home.run(&["token", "list", "--hub", "http://127.0.0.1:9"]);
    assert_eq!(nobody.code, 3, "{}", nobody.err);
}

/// A client that knows nothing of tickets, and a hub that is killed.
#[test]
fn a_ticket_outlives_its_hub() {
    let home = Home::new();
    let (mut hub, url) = serve(&home, "127.0.0.1:0", &[]);
    let (status, body) = ask(&url, "POST /hub/tickets", &[], r#"{"uids":["ada"]}"#);
    assert_eq!(status, 201, "{body}");
    let ticket: Value = serde_json::from_str(&body).unwrap();
    let events = format!("{url}{}", ticket["url"].as_str().unwrap());
    let listen = home.start(&["listen", "--json", &events]);
    assert_eq!(listen.err.next(), "Connected");
    let send = |text: &str| home.run(&["send", "--hub", &url, "--to", "ada", text]).code;
    assert_eq!(send("one"), 0);
    assert!(listen.out.next().contains("one"));

    hub.kill();
    let listener = url.strip_prefix("http://").unwrap();
    let (_hub, _) = serve(&home, listener, &[]);
    assert_eq!(send("two"), 0);
    assert!(listen.out.next().contains("two"));
    let second = home.run(&["listen", &events]);
    assert_eq!(second.code, 5, "it opens one stream");
}

/// Whatever is done with them, secrets stand in no log and in no error.
#[test]
fn secrets_are_nowhere_to_be_read() {
    let home = Home::new();
    let own = "tk_OwnSecretOfTheSettings";
    let (mut hub, url) = serve(&home, "127.0.0.1:0", &["--token", own]);
    let made = made(&home, &["one", "--read", "--uid", "ada"]);
    let secret = made["token"].as_str().unwrap();
    let bearer = format!("Authorization: Bearer {secret}");
    let (status, body) = ask(&url, "POST /hub/tickets", &[&bearer], "{}");
    assert_eq!(status, 201, "{body}");
    let ticket: Value = serde_json::from_str(&body).unwrap();
    let ticket = ticket["ticket"].as_str().unwrap().to_owned();
    // `Bearer wrong_SecretOfNobody`, as ntfy's clients put it into an address.
    let auth = "QmVhcmVyIHdyb25nX1NlY3JldE9mTm9ib2R5";
    let secrets = [own, secret, &ticket, auth, "wrong_SecretOfNobody"];

    let stream = format!("/events?uid=ada&ticket={ticket}");
    let events = format!("{url}{stream}");
    let listen = home.start(&["listen", &events]);
    assert_eq!(listen.err.next(), "Connected");
    for (line, headers, expected) in [
        (format!("GET {stream}"), vec![], 403),
        (format!("GET /events?uid=eve&token={secret}"), vec![], 403),
        (format!("POST /publish?token={secret}"), vec![], 403),
        (format!("POST /door?token={secret}"), vec![], 403),
        (format!("POST /door?auth={auth}"), vec![], 401),
        (format!("GET /door/json?auth={auth}"), vec![], 401),
        (
            format!("GET /hub/tickets/{ticket}"),
            vec![bearer.as_str()],
            405,
        ),
        (
            format!("DELETE /hub/tickets/x{ticket}"),
            vec![bearer.as_str()],
            404,
        ),
        (format!("GET /events?since=x&token={own}"), vec![], 400),
        (
            format!("POST /publish?token={own}&ttl=x&uid=a"),
            vec![],
            400,
        ),
        (format!("GET /none.html?token={own}"), vec![], 404),
        (format!("GET /hub/tokens?token={secret}"), vec![], 403),
        (
            "GET /events".to_owned(),
            vec!["Authorization: Bearer wrong_SecretOfNobody"],
            401,
        ),
        (
            format!("GET /events?token={own}"),
            vec!["Origin: http://evil.example"],
            403,
        ),
        (
            format!("GET /events?token={own}"),
            vec!["Host: evil.example", "X: y"],
            400,
        ),
    ] {
        let (status, body) = ask(&url, &line, &headers, "{}");
        assert_eq!(status, expected, "{line} {body}");
        for secret in secrets {
            assert!(!body.contains(secret), "{line}: {body}");
        }
    }
    let id = made["id"].as_str().unwrap();
    assert_eq!(home.run(&["token", "revoke", id]).code, 0);
    hub.terminate();
    let mut said = hub.err.rest().join("\n");
    said.push_str(&hub.out.rest().join("\n"));
    hub.wait();
    assert!(said.contains("hub"), "the log was on: {said}");
    // The logs of all programs, the listener's among them.
    let mut folders = vec![home.path().join("state")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                said.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
            }
        }
    }
    for secret in secrets {
        assert!(!said.contains(secret), "{secret} in {said}");
    }
    // What is kept does not open the hub either.
    for name in ["hub-access.db", "hub-access.db-wal", "hub.db", "hub.db-wal"] {
        let kept = std::fs::read(home.path().join("data/feedbell").join(name)).unwrap_or_default();
        let kept = String::from_utf8_lossy(&kept);
        assert!(
            secrets.iter().all(|secret| !kept.contains(secret)),
            "{name}"
        );
    }
}
