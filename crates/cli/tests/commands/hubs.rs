//! `serve` and `send`.

use std::{io::Write as _, net::TcpListener, process::Stdio};

use crate::support::{Home, Ran, Running};

/// A hub on a free port; its address.
fn serve(home: &Home, more: &[&str]) -> (Running, String) {
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
    arguments.extend(more);
    let hub = home.start(&arguments);
    let line = hub.out.next();
    let url = line.strip_prefix("listening on ").expect(&line).to_owned();
    let port = url.strip_prefix("http://127.0.0.1:").expect(&url);
    assert_ne!(port.parse::<u16>().expect(port), 0);
    (hub, url)
}

#[test]
fn only_the_addressee_receives() {
    let home = Home::new();
    let (mut hub, url) = serve(&home, &[]);
    let listen = |uid: &str| {
        let events = format!("{url}/events?uid={uid}");
        let listen = home.start(&["listen", "--json", "--stop-on", "end", &events]);
        assert_eq!(listen.err.next(), "Connected");
        listen
    };
    let (mut ada, mut bob) = (listen("ada"), listen("bob"));
    let send = |arguments: &[&str]| {
        let ran = home.run(&[&["send", "--hub", &url], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out.trim_end().to_owned()
    };
    let to_ada = send(&["--to", "ada", "--event", "like", "for you"]);
    let to_all = send(&["--event", "end", "good night"]);
    let lines = |id: &str, event: &str, data: &str| {
        format!(r#"{{"event":"{event}","data":"{data}","id":"{id}","origin":"{url}"}}"#)
    };
    let end = lines(&to_all, "end", "good night");
    assert_eq!(
        ada.out.rest(),
        [lines(&to_ada, "like", "for you"), end.clone()]
    );
    assert_eq!(bob.out.rest(), [end]);
    assert_eq!(ada.wait().code(), Some(0));
    assert_eq!(bob.wait().code(), Some(0));

    hub.terminate();
    assert_eq!(hub.wait().code(), Some(0));
    assert!(home.path().join("data/feedbell/hub.db").exists());
}

#[test]
fn a_hub_that_ends_lets_its_subscribers_go_and_remembers() {
    let home = Home::new();
    let folder = home.path().join("elsewhere");
    let data = ["--data", folder.to_str().unwrap()];
    let (mut hub, url) = serve(&home, &data);
    let listen = home.start(&["listen", "--json", &format!("{url}/events?uid=ada")]);
    assert_eq!(listen.err.next(), "Connected");
    let first = home
        .run(&["send", "--hub", &url, "--event", "like", "kept"])
        .out;
    assert!(listen.out.next().contains("kept"));
    hub.terminate();
    listen.err.until("Trying again in");
    assert_eq!(hub.wait().code(), Some(0));

    let (_hub, url) = serve(&home, &data);
    let position = first.trim_end();
    let (epoch, _) = position.split_once('.').unwrap();
    let from_the_start = format!("{epoch}.0");
    let events = format!("{url}/events?uid=ada");
    let mut replay = home.start(&[
        "listen",
        "--json",
        "--last-event-id",
        &from_the_start,
        "--stop-on",
        "like",
        &events,
    ]);
    let line = replay.out.next();
    assert!(
        line.contains(r#""data":"kept""#) && line.contains(position),
        "{line}"
    );
    assert_eq!(replay.wait().code(), Some(0));
}

#[test]
fn a_dash_sends_standard_input() {
    let home = Home::new();
    let (_hub, url) = serve(&home, &["--memory"]);
    let mut listen = home.start(&[
        "listen",
        "--json",
        "--stop-on",
        "end",
        &format!("{url}/events?topic=door"),
    ]);
    assert_eq!(listen.err.next(), "Connected");
    let pipe = |event: &str, bytes: &[u8]| {
        let arguments = [
            "send", "--hub", &url, "--topic", "door", "--event", event, "-",
        ];
        let mut child = home
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may stop reading before we are through.
        let _ = child.stdin.take().unwrap().write_all(bytes);
        Ran::from(child.wait_with_output().unwrap())
    };
    let too_long = pipe("like", &vec![b'x'; (1 << 20) + 1]);
    assert_eq!(too_long.code, 1);
    assert!(too_long.err.contains("1024 KiB"), "{}", too_long.err);
    let not_text = pipe("like", b"\xff\xfe\n");
    assert_eq!(not_text.code, 1);
    assert!(not_text.err.contains("UTF-8"), "{}", not_text.err);
    assert_eq!(pipe("end", "第一\nzwei\n".as_bytes()).code, 0);
    // The first that arrives is the only one that was sent.
    let line = listen.out.next();
    assert!(
        line.contains(r#""event":"end","data":"第一\nzwei""#),
        "{line}"
    );
    assert_eq!(listen.wait().code(), Some(0));
}

#[test]
fn a_token_opens_the_hub() {
    let home = Home::new();
    let (_hub, url) = serve(&home, &["--memory", "--token", "tk_1"]);
    let refused = home.run(&["send", "--hub", &url, "hello"]);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(refused.err.contains("token"), "{}", refused.err);
    let mut sent = home.command(&["send", "--hub", &url, "hello"]);
    let sent = Ran::from(sent.env("FEEDBELL_TOKEN", "tk_1").output().unwrap());
    assert_eq!(sent.code, 0, "{}", sent.err);

    let events = format!("{url}/events?uid=ada");
    assert_eq!(home.run(&["listen", &events]).code, 5);
    let header = "Authorization: Bearer tk_1";
    let listen = home.start(&["listen", "--header", header, &events]);
    assert_eq!(listen.err.next(), "Connected");
}

#[test]
fn a_taken_port_is_one_sentence() {
    let home = Home::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let ran = home.run(&["serve", "--memory", "--listen", &address]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains(&address), "{}", ran.err);
}

#[test]
fn other_machines_need_a_token() {
    let home = Home::new();
    let ran = home.run(&["serve", "--memory", "--listen", "0.0.0.0:0"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("--token"), "{}", ran.err);
    // An empty one is none, and one with a space cannot be sent.
    for token in ["", "two words"] {
        let ran = home.run(&[
            "serve",
            "--memory",
            "--listen",
            "0.0.0.0:0",
            "--token",
            token,
        ]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{token:?}");
    }
}

#[test]
fn two_hubs_do_not_share_a_log() {
    let home = Home::new();
    let (_hub, _) = serve(&home, &[]);
    let second = home.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!((second.code, second.out.as_str()), (1, ""));
    assert!(second.err.contains("hub.db"), "{}", second.err);
}

#[test]
fn something_else_is_no_hub() {
    let (home, server) = (Home::new(), crate::support::Server::new());
    let mut send = home.start(&["send", "--hub", &server.url("/"), "hello"]);
    server
        .accept()
        .answer("200 OK", "text/html", "<p>Welcome</p>");
    let said = send.err.next();
    assert!(said.contains(&server.address().to_string()), "{said}");
    assert_eq!(send.wait().code(), Some(1));
}
