//! `send` without set-up, and with a pin.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Home, Running};

/// A hub on a free port and what it says until its socket.
fn serve(home: &Home, more: &[&str]) -> (Running, Vec<String>) {
    let hub = home.start(&[&["serve", "--memory"], more].concat());
    let mut said = Vec::new();
    while said
        .last()
        .is_none_or(|line: &String| !line.contains("hub.sock"))
    {
        said.push(hub.out.next());
    }
    (hub, said)
}

fn after<'a>(said: &'a [String], start: &str) -> &'a str {
    said.iter()
        .find_map(|line| line.strip_prefix(start))
        .unwrap_or_else(|| panic!("{start} in {said:?}"))
}

#[test]
fn the_own_hub_needs_no_set_up_and_no_token() {
    let home = Home::new();
    let (_hub, said) = serve(&home, &["--listen", "127.0.0.1:0", "--token", "tk_1"]);
    let socket = home.path().join("run/feedbell/hub.sock");
    assert_eq!(after(&said[1..], "listening on "), socket.to_str().unwrap());
    let mode = |path: &std::path::Path| {
        let metadata = std::fs::metadata(path).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(mode(socket.parent().unwrap()), 0o700);

    let url = after(&said, "listening on ").to_owned();
    let header = "Authorization: Bearer tk_1";
    let events = format!("{url}/events?uid=ada");
    let mut listen = home.start(&[
        "listen",
        "--json",
        "--stop-on",
        "end",
        "--header",
        header,
        &events,
    ]);
    assert_eq!(listen.err.next(), "Connected");
    for arguments in [
        &["send", "--to", "ada", "--event", "like", "for you"][..],
        &["send", "--to", "bob", "for another"],
        &["send", "--event", "end", "good night"],
    ] {
        let sent = home.run(arguments);
        assert_eq!((sent.code, sent.err.as_str()), (0, ""));
        assert_eq!(sent.out.lines().count(), 1);
    }
    let lines = listen.out.rest();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("for you") && lines[1].contains("good night"));
    assert_eq!(listen.wait().code(), Some(0));
    // Over the network the token is still asked for.
    assert_eq!(home.run(&["send", "--hub", &url, "x"]).code, 5);
}

#[test]
fn without_a_hub_the_ways_out_are_named() {
    let home = Home::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    // A socket that a dead hub left is no hub.
    let socket = home.path().join("run/feedbell/hub.sock");
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let mut asked = home.command(&["send", "hello"]);
    let ran = crate::support::Ran::from(asked.env("FEEDBELL_HUB", &nobody).output().unwrap());
    assert_eq!((ran.code, ran.out.as_str()), (3, ""));
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    for way in ["feedbell serve", "--hub", "FEEDBELL_HUB"] {
        assert!(ran.err.contains(way), "{}", ran.err);
    }
    assert!(!ran.err.contains("feed’s address"), "{}", ran.err);
}

#[test]
fn a_pinned_hub_is_reached_over_https() {
    let home = Home::new();
    let (_hub, said) = serve(&home, &["--listen", "127.0.0.1:0", "--tls", "required"]);
    let url = after(&said, "listening on ").to_owned();
    assert!(url.starts_with("https://"), "{url}");
    let pin = after(&said, "certificate ").to_owned();
    let other = format!("sha256:{}", "0".repeat(64));

    let events = format!("{url}/events?uid=ada");
    let mut listen = home.start(&["listen", "--pin", &pin, "--stop-on", "end", &events]);
    assert_eq!(listen.err.next(), "Connected");
    let mut refused = home.start(&["listen", "--pin", &other, &events]);
    assert!(refused.err.next().contains(&pin));
    assert!(refused.is_running());
    for (arguments, code, says) in [
        (&["--pin", other.as_str()][..], 3, pin.as_str()),
        (&[], 3, "--pin"),
        (&["--pin", "sha256:abc"], 2, "64 hexadecimal digits"),
        (&["--pin", pin.as_str()], 0, ""),
    ] {
        let arguments = [&["send", "--hub", &url, "--event", "end", "bye"], arguments].concat();
        let ran = home.run(&arguments);
        assert_eq!(ran.code, code, "{}", ran.err);
        assert!(ran.err.contains(says), "{}", ran.err);
    }
    assert_eq!(listen.wait().code(), Some(0));
    let check = home.run(&["check", "--pin", &pin, "--wait", "1", &events]);
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    let check = home.run(&["check", "--pin", &other, &events]);
    assert_eq!(check.code, 3, "{}", check.err);
    assert!(
        check.out.contains("✗") && check.out.contains(&pin),
        "{}",
        check.out
    );

    // Plain http on the same port says where to go.
    let plain = url.replace("https", "http");
    let ran = home.run(&["send", "--hub", &plain, "x"]);
    assert!(ran.code == 1 && ran.err.contains(&url), "{}", ran.err);
}

#[test]
fn nothing_is_not_sent_and_a_token_travels_encrypted() {
    let home = Home::new();
    // An address of the documentation: nobody is there, and nobody is asked.
    let far = ["--hub", "http://192.0.2.2:9", "--token", "tk_secret"];
    for (arguments, part) in [
        (&["send", "", far[0], far[1]][..], "empty"),
        (&["send", " \n", far[0], far[1]], "empty"),
        (&["send", "x", far[0], far[1], far[2], far[3]], "https"),
        (&["token", "list", far[0], far[1], far[2], far[3]], "https"),
    ] {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.err.contains(part), "{}", ran.err);
        assert!(!ran.err.contains("tk_secret"), "{}", ran.err);
    }
}
