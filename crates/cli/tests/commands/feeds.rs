//! `listen` and `check` against servers of every kind.

use std::net::TcpListener;

use crate::support::{Home, Ran, Running, Server};

#[test]
fn json_lines_are_what_event_source_reports_and_come_at_once() {
    let (home, server) = (Home::new(), Server::new());
    let listen = home.start(&["listen", "--json", &server.url("/feed?uid=1")]);
    let mut visit = server.accept();
    assert!(visit.head.starts_with("get /feed?uid=1 "), "{}", visit.head);
    assert!(!visit.head.contains("last-event-id"), "{}", visit.head);
    visit.open();
    assert_eq!(listen.err.next(), "Connected");
    let origin = server.url("");
    for (block, line) in [
        (
            "event: like\nid: 7\ndata: Ada\ndata: “Hello”\n\n",
            r#"{"event":"like","data":"Ada\n“Hello”","id":"7","origin":"ORIGIN"}"#,
        ),
        // The id stays until another one comes, also without a name.
        (
            "data: {\"a\": 1}\n\n",
            r#"{"event":"message","data":"{\"a\": 1}","id":"7","origin":"ORIGIN"}"#,
        ),
        (
            "id\ndata: \u{1b}[2J\n\n",
            r#"{"event":"message","data":"\u001b[2J","id":"","origin":"ORIGIN"}"#,
        ),
    ] {
        visit.send(block);
        // The connection is still open: the line was flushed.
        assert_eq!(listen.out.next(), line.replace("ORIGIN", &origin));
    }
}

#[test]
fn it_resumes_after_the_last_event_and_remembers_nothing_else() {
    let (home, server) = (Home::new(), Server::new());
    let url = server.url("/");
    let mut listen = home.start(&[
        "listen",
        "--json",
        "--last-event-id",
        "41",
        "--stop-on",
        "end",
        &url,
    ]);
    let mut first = server.accept();
    assert!(
        first.head.contains("\r\nlast-event-id: 41\r\n"),
        "{}",
        first.head
    );
    first.open();
    first.send("retry: 1\nid: 42\ndata: x\n\n");
    assert!(listen.out.next().contains(r#""id":"42""#));
    drop(first);

    let mut second = server.accept();
    assert!(
        second.head.contains("\r\nlast-event-id: 42\r\n"),
        "{}",
        second.head
    );
    second.open();
    // Sent again, printed again: absorbing is the inbox's work.
    second.send("id: 42\ndata: x\n\nevent: end\ndata: bye\n\n");
    let rest = listen.out.rest();
    assert_eq!(rest.len(), 2, "{rest:?}");
    assert!(rest[0].contains(r#""data":"x","id":"42""#), "{rest:?}");
    assert!(
        rest[1].contains(r#""event":"end","data":"bye""#),
        "{rest:?}"
    );
    assert_eq!(listen.wait().code(), Some(0));
}

#[test]
fn people_read_one_event_per_line_and_no_event_steers_their_terminal() {
    let (home, server) = (Home::new(), Server::new());
    let mut listen = home.start(&["listen", "--stop-on", "end", &server.url("/")]);
    let mut visit = server.accept();
    visit.open();
    visit.send("event: like\ndata: \u{1b}]0;owned\u{7}点赞\ndata: 00:00:00 like: forged\n\n");
    visit.send("event: end\ndata:\n\n");
    let lines = listen.out.rest();
    assert!(
        lines[0].ends_with(" like: \u{fffd}]0;owned\u{fffd}点赞"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "    00:00:00 like: forged");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(listen.wait().code(), Some(0));
}

#[test]
fn final_answers_have_their_own_exit_codes() {
    let home = Home::new();
    for (status, content_type, code) in [
        ("204 No Content", "text/event-stream", 4),
        ("401 Unauthorized", "text/plain", 5),
        ("403 Forbidden", "text/plain", 5),
        ("404 Not Found", "text/html", 6),
        ("400 Bad Request", "application/json", 6),
        ("200 OK", "text/html", 7),
        ("200 OK", "application/json", 7),
    ] {
        for command in ["listen", "check"] {
            let server = Server::new();
            let mut run = home.start(&[command, &server.url("/")]);
            let body = if status.starts_with("204") { "" } else { "{}" };
            server.accept().answer(status, content_type, body);
            let said = if command == "listen" {
                &run.err
            } else {
                &run.out
            };
            let said = said.rest();
            assert_eq!(
                run.wait().code(),
                Some(code),
                "{command}: {status} {content_type}"
            );
            let last = said.last().unwrap();
            assert!(last.ends_with('.'), "{command}: {status}: {said:?}");
            assert_eq!(last.starts_with('✗'), command == "check", "{said:?}");
        }
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    let (home, server) = (Home::new(), Server::new());
    let listen = home.start(&["listen", "--json", &server.url("/")]);
    server
        .accept()
        .answer("503 Service Unavailable", "text/plain", "later");
    let waiting = listen.err.next();
    assert!(waiting.contains("503"), "{waiting}");
    assert!(waiting.contains("Trying again in"), "{waiting}");
    let mut visit = server.accept();
    visit.open();
    visit.send("data: here\n\n");
    assert!(listen.out.next().contains("here"));
}

#[test]
fn an_unreachable_host_is_tried_for_ever_but_checked_once() {
    let home = Home::new();
    // Bound, then closed: nothing listens there.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{address}/");
    let mut listen = home.start(&["listen", &url]);
    for _ in 0..2 {
        listen.err.until("Trying again in");
    }
    assert!(listen.is_running());

    let Ran { code, out, .. } = home.run(&["check", &url]);
    assert_eq!(code, 3, "{out}");
    assert!(out.starts_with('✗'), "{out}");
    let sent = home.run(&["send", "--hub", &url, "hello"]);
    assert_eq!(sent.code, 3, "{}", sent.err);
    assert!(sent.err.contains(&address.to_string()), "{}", sent.err);
}

#[test]
fn a_reader_that_has_enough_is_no_trouble() {
    let (home, server) = (Home::new(), Server::new());
    let mut command = home.command(&["listen", "--json", &server.url("/")]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut visit = server.accept();
    visit.open();
    drop(child.stdout.take());
    visit.send("data: nobody reads this\n\n");
    let ended = Ran::from(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0);
    assert_eq!(ended.err, "Connected\n");
}

#[test]
fn check_names_each_step_and_shows_the_events() {
    let (home, server) = (Home::new(), Server::new());
    let check = Running::start(&mut home.command(&[
        "check",
        "--json",
        "--header",
        "X-Key: k1",
        &server.url("/"),
    ]));
    let mut visit = server.accept();
    assert!(visit.head.contains("\r\nx-key: k1\r\n"), "{}", visit.head);
    visit.open();
    visit.send(": keep-alive\n\n");
    visit.send("event: like\nid: 1\ndata: x\n\n");
    check.out.until(r#""event":"like","data":"x","id":"1""#);
    drop(visit);

    let mut check = home.start(&["check", &server.url("/")]);
    let mut visit = server.accept();
    visit.open();
    visit.send(": keep-alive\n\nevent: like\ndata: x\n\n");
    drop(visit);
    let lines = check.out.rest();
    let passed = lines.iter().filter(|line| line.starts_with('✓')).count();
    assert!(passed >= 5, "{lines:?}");
    assert!(lines.iter().any(|line| line == "  like: x"), "{lines:?}");
    assert_eq!(check.wait().code(), Some(0));
}

#[test]
fn a_server_that_never_answers_fails_the_check_when_the_time_is_over() {
    let (home, server) = (Home::new(), Server::new());
    let mut check = home.start(&["check", "--wait", "1", &server.url("/")]);
    let _visit = server.accept();
    let said = check.err.next();
    assert!(said.contains("--wait"), "{said}");
    assert_eq!(check.wait().code(), Some(3));
}

#[test]
fn no_secret_reaches_the_log() {
    let (home, server) = (Home::new(), Server::new());
    let url = server.url("/feed?auth=hunter2");
    let mut command = home.command(&[
        "listen",
        "--header",
        "Authorization: Bearer hunter2",
        "--stop-on",
        "end",
        &url,
    ]);
    let mut listen = Running::start(command.env("FEEDBELL_LOG", "trace"));
    let mut visit = server.accept();
    assert!(
        visit.head.contains("authorization: bearer hunter2"),
        "{}",
        visit.head
    );
    visit.open();
    visit.send("retry: 1\n\n");
    drop(visit);
    let mut visit = server.accept();
    visit.open();
    visit.send("event: end\ndata:\n\n");
    let log = listen.err.rest().join("\n");
    assert!(log.contains("/feed"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    assert_eq!(listen.wait().code(), Some(0));
}

#[test]
fn a_preset_leaves_out_keep_alives_and_resumes_in_its_way() {
    let (home, server) = (Home::new(), Server::new());
    let url = server.url("/alerts/sse");
    let listen = home.start(&["listen", "--json", "--preset", "ntfy", &url]);
    let mut visit = server.accept();
    assert!(visit.head.starts_with("get /alerts/sse "), "{}", visit.head);
    visit.open();
    visit.send("retry: 1\n");
    for (event, time) in [("open", 100), ("message", 101), ("keepalive", 145)] {
        let name = match event {
            "message" => String::new(),
            name => format!("event: {name}\n"),
        };
        visit.send(&format!(
            "{name}data: {{\"event\":\"{event}\",\"time\":{time}}}\n\n"
        ));
    }
    visit.send("data: {\"event\":\"message\",\"time\":150}\n\n");
    assert!(listen.out.next().contains("101"));
    assert!(listen.out.next().contains("150"));
    drop(visit);
    let visit = server.accept();
    assert!(
        visit.head.starts_with("get /alerts/sse?since=150 "),
        "{}",
        visit.head
    );
}

#[test]
fn an_unknown_preset_is_answered_with_those_there_are() {
    let home = Home::new();
    let folder = home.path().join("config/feedbell/presets");
    std::fs::create_dir_all(&folder).unwrap();
    let own = "id = \"my-own\"\nexample = \"http://a.example/\"\n";
    std::fs::write(folder.join("own.toml"), own).unwrap();
    let ran = home.run(&["listen", "--preset", "pigeon", "http://127.0.0.1/"]);
    assert_eq!(ran.code, 2);
    for known in ["ntfy", "mercure-classic", "my-own"] {
        assert!(ran.err.contains(known), "{}", ran.err);
    }
}

#[test]
fn wrong_arguments_are_wrong_usage() {
    let home = Home::new();
    for arguments in [
        &["listen", "not an address"][..],
        &["listen", "ftp://example.org/feed"],
        &["listen", "--header", "no colon", "http://127.0.0.1/"],
        &["listen", "--preset", "pigeon", "http://127.0.0.1/"],
        &["check", "--wait", "soon", "http://127.0.0.1/"],
        &["serve", "--listen", "localhost"],
        &["serve", "--memory", "--data", "/tmp"],
        &["pause", "soon"],
        &["sing"],
        &[],
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
    }
    let help = home.run(&["--help"]);
    assert_eq!(help.code, 0);
    assert!(help.out.contains("Exit codes:"), "{}", help.out);
}
