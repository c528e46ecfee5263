//! The embedded hub as its page drives it: switched, with tokens, listeners and bans.

use std::{path::PathBuf, time::Duration};

use notifier::{
    NotifierHandle,
    view::{
        Arg, FeedState, HubLists, HubMode, HubState, NewTokenView, SendForm, SendTo, TokenForm,
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    time::{Instant, timeout},
};

use crate::{
    fixtures::Server,
    sites::{SiteMessages, told},
    support::{Bell, Desk, feed, find, form, nowhere, to_user, trouble_ids},
};

const PATIENCE: Duration = Duration::from_secs(25);

fn family() -> TokenForm {
    TokenForm {
        name: "Family".into(),
        read: true,
        write: true,
        ..TokenForm::default()
    }
}

fn text(text: &str) -> SendForm {
    SendForm {
        event: "like".into(),
        to: SendTo::Everyone,
        text: text.into(),
    }
}

/// A free port, and settings with the hub on at it on this computer.
async fn local_hub() -> (Desk, u16) {
    let address = nowhere().await;
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    (
        Desk::new(&format!("[hub]\non = true\nlisten = \"{address}\"\n")),
        port,
    )
}

/// The head and what comes of the body until `sign`, of a GET on this computer.
async fn get(port: u16, path: &str, token: Option<&str>, sign: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n{token}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    until(&mut stream, sign).await
}

/// What comes until `sign` is in it, or the end.
async fn until(stream: &mut (impl tokio::io::AsyncRead + Unpin), sign: &str) -> String {
    let mut text = String::new();
    let mut bytes = [0; 1024];
    while !text.contains(sign) {
        let read = timeout(PATIENCE, stream.read(&mut bytes))
            .await
            .expect("something comes");
        match read.unwrap() {
            0 => break,
            read => text.push_str(&String::from_utf8_lossy(&bytes[..read])),
        }
    }
    text
}

/// An open stream, once its head has come.
async fn listen(port: u16, path: &str, token: Option<&str>) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: Listener/1\r\n{token}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let head = until(&mut stream, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    stream
}

async fn until_lists(bell: &mut Bell, what: &str, holds: impl Fn(&HubLists) -> bool) -> HubLists {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lists = bell.handle.hub_lists().await.unwrap();
        if holds(&lists) {
            return lists;
        }
        assert!(Instant::now() < deadline, "never: {what}: {lists:?}");
        bell.changed(what, &lists).await;
    }
}

async fn on_the_network(bell: &mut Bell) -> HubState {
    let app = bell.until_app("others reach it", |app| {
        matches!(app.hub.state, HubState::Running { lan: true, .. })
    });
    app.await.hub.state
}

async fn first_token(bell: &mut Bell) -> NewTokenView {
    bell.handle.switch_hub(HubMode::Lan).await.unwrap();
    bell.until_app("it wants a token", |app| {
        matches!(
            app.hub.state,
            HubState::Running {
                wants_token: true,
                ..
            }
        )
    })
    .await;
    bell.handle.create_token(family()).await.unwrap()
}

#[tokio::test]
async fn the_switch_goes_through_all_three() {
    let (desk, port) = local_hub().await;
    let mut bell = desk.start().await;
    assert_eq!(bell.hub_url().await, format!("http://127.0.0.1:{port}"));
    assert_eq!(bell.app().await.hub.mode, HubMode::Local);

    let made = first_token(&mut bell).await;
    let HubState::Running {
        url,
        guarded,
        receive,
        curl,
        no_network,
        ..
    } = on_the_network(&mut bell).await
    else {
        unreachable!("it runs");
    };
    assert_eq!(bell.app().await.hub.mode, HubMode::Lan);
    assert!(guarded && receive.contains("token=TOKEN") && curl.contains("$TOKEN"));
    assert_eq!(url.contains("127.0.0.1"), no_network, "{url}");
    assert!(
        url.ends_with(&format!(":{port}")) && !url.contains("0.0.0.0"),
        "{url}"
    );
    assert!(
        desk.read_settings()
            .contains(&format!("listen = \"0.0.0.0:{port}\""))
    );
    assert!(
        get(port, "/events?uid=a", None, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 401")
    );
    drop(listen(port, "/events?uid=a", Some(&made.secret)).await);

    bell.handle.switch_hub(HubMode::Off).await.unwrap();
    assert_eq!(bell.app().await.hub.state, HubState::Off);
    bell.handle.switch_hub(HubMode::Local).await.unwrap();
    assert_eq!(bell.hub_url().await, format!("http://127.0.0.1:{port}"));
    // Here no token is asked, though there is one.
    drop(listen(port, "/events?uid=a", None).await);
    bell.stop().await;
}

#[tokio::test]
async fn without_a_token_the_network_is_kept_out_and_this_computer_goes_on() {
    let (desk, port) = local_hub().await;
    desk.write_settings(&desk.read_settings().replace("127.0.0.1", "0.0.0.0"));
    let mut bell = desk.start().await;
    assert_eq!(bell.hub_url().await, format!("http://127.0.0.1:{port}"));
    let app = bell.app().await;
    assert!(matches!(
        app.hub.state,
        HubState::Running {
            wants_token: true,
            lan: false,
            guarded: false,
            ..
        }
    ));
    assert_eq!(app.hub.mode, HubMode::Lan);
    assert_eq!(trouble_ids(&app), [""; 0]);
    bell.handle.send(text("hello")).await.unwrap();
    let made = bell.handle.create_token(family()).await.unwrap();
    on_the_network(&mut bell).await;
    // Without the last one it is as before.
    bell.handle.revoke_token(made.token.id).await.unwrap();
    bell.until_app("it wants a token", |app| {
        matches!(
            app.hub.state,
            HubState::Running {
                wants_token: true,
                lan: false,
                ..
            }
        )
    })
    .await;
    bell.stop().await;
}

#[tokio::test]
async fn the_settings_own_token_goes_on_working() {
    let address = nowhere().await;
    let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let desk = Desk::new(&format!(
        "[hub]\non = true\nlisten = \"0.0.0.0:{port}\"\ntoken = \"tk-own\"\n"
    ));
    let mut bell = desk.start().await;
    on_the_network(&mut bell).await;
    drop(listen(port, "/events?uid=a", Some("tk-own")).await);
    let made = bell.handle.create_token(family()).await.unwrap();
    bell.handle.revoke_token(made.token.id).await.unwrap();
    drop(listen(port, "/events?uid=a", Some("tk-own")).await);
    bell.stop().await;
}

#[tokio::test]
async fn a_new_token_is_said_once_and_lasts() {
    let (desk, _) = local_hub().await;
    let mut bell = desk.start().await;
    bell.hub_url().await;
    for (form, field) in [
        (
            TokenForm {
                name: " ".into(),
                ..family()
            },
            "name",
        ),
        (
            TokenForm {
                read: false,
                write: false,
                ..family()
            },
            "rights",
        ),
        (
            TokenForm {
                uids: vec!["a\nb".into()],
                ..family()
            },
            "uids",
        ),
        (
            TokenForm {
                topics: vec!["no topic!".into()],
                ..family()
            },
            "topics",
        ),
    ] {
        let refusal = bell.handle.create_token(form).await.unwrap_err();
        assert_eq!(refusal.text.id, "refused-token");
        assert_eq!(refusal.fields[0].field, field);
    }
    let fixed = TokenForm {
        uids: vec!["mira".into()],
        topics: vec!["home".into()],
        ..family()
    };
    let made = bell.handle.create_token(fixed).await.unwrap();
    assert!(made.secret.starts_with("fb_"), "a secret");
    assert!(!format!("{made:?}").contains(&made.secret));
    bell.stop().await;

    let mut bell = desk.start().await;
    bell.hub_url().await;
    let lists = bell.handle.hub_lists().await.unwrap();
    assert_eq!(lists.tokens, [made.token]);
    assert_eq!(lists.tokens[0].uids, ["mira"]);
    assert!(
        !serde_json::to_string(&lists)
            .unwrap()
            .contains(&made.secret)
    );
    bell.stop().await;
}

#[tokio::test]
async fn a_browser_gets_the_page_that_was_built_in() {
    let (desk, port) = local_hub().await;
    let mut bell = desk.start().await;
    bell.hub_url().await;
    let mut browser = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = format!(
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    );
    browser.write_all(head.as_bytes()).await.unwrap();
    let answer = until(&mut browser, "</html>").await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200"), "{answer}");
    let page = answer.contains("\r\ncontent-type: text/html");
    assert_eq!(page, !pages::HUB.is_empty(), "{answer}");
    bell.stop().await;
}

#[tokio::test]
async fn who_listens_is_listed_cut_kept_away_and_let_back_in() {
    let (desk, port) = local_hub().await;
    let mut bell = desk.start().await;
    bell.hub_url().await;
    let mut mira = listen(port, "/events?uid=mira&topic=home", None).await;
    let mut tomas = listen(port, "/events?uid=tomas", None).await;
    let lists = until_lists(&mut bell, "two listen", |lists| lists.listening.len() == 2).await;
    let [first, second] = &lists.listening[..] else {
        unreachable!("two")
    };
    assert_eq!(
        (&first.uids[..], &first.topics[..]),
        (&["mira".to_owned()][..], &["home".to_owned()][..])
    );
    assert_eq!(first.address, None, "this computer");
    assert!(first.device.is_some());
    let app = bell
        .until_app("both are counted", |app| app.hub.subscribers == 2)
        .await;
    assert_eq!((app.hub.keep_days, app.hub.max), (7, 900));

    bell.handle.disconnect(first.id, false).await.unwrap();
    until(&mut mira, "0\r\n\r\n").await;
    drop(listen(port, "/events?uid=mira", None).await);
    bell.handle.disconnect(second.id, true).await.unwrap();
    until(&mut tomas, "0\r\n\r\n").await;
    let lists = until_lists(&mut bell, "one is kept away", |lists| {
        !lists.bans.is_empty()
    })
    .await;
    assert_eq!(lists.bans, ["tomas"]);
    assert!(
        get(port, "/events?uid=tomas", None, "\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 204")
    );
    let gone = bell.handle.disconnect(second.id, true).await.unwrap_err();
    assert_eq!(gone.text.id, "refused-subscriber-gone");

    bell.handle.unban("tomas".into()).await.unwrap();
    drop(listen(port, "/events?uid=tomas", None).await);
    bell.stop().await;
}

#[tokio::test]
async fn one_topic_and_one_user_are_reached() {
    let (desk, port) = local_hub().await;
    let mut bell = desk.start().await;
    bell.hub_url().await;
    let mut home = listen(port, "/events?topic=home", None).await;
    let topic = SendTo::Topic {
        topic: " home ".into(),
    };
    for (to, what) in [(to_user("mira"), "for mira"), (topic, "for home")] {
        bell.handle
            .send(SendForm { to, ..text(what) })
            .await
            .unwrap();
    }
    let came = until(&mut home, "for home").await;
    assert!(
        came.contains("event: like") && !came.contains("for mira"),
        "{came}"
    );
    let wrong = SendForm {
        to: to_user(""),
        ..text("hi")
    };
    let refusal = bell.handle.send(wrong).await.unwrap_err();
    assert_eq!(refusal.fields[0].field, "to");
    bell.stop().await;
}

/// A settings file whose hub asks a command for its token, which answers once a file is there.
async fn slow_token(desk_of: &Server<SiteMessages>) -> (Desk, PathBuf, u16) {
    let address = nowhere().await;
    let port = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let desk = Desk::new("");
    let ready = desk.path("ready");
    let command = format!(
        "until [ -e '{}' ]; do sleep 0.02; done; echo tk-slow",
        ready.display()
    );
    desk.write_settings(&format!(
        "language = \"en\"\n[hub]\non = true\nlisten = \"{address}\"\ntoken = {{ command = \"{command}\" }}\n{}",
        feed("letters", &desk_of.url("/push?uid=1"), "likes"),
    ));
    (desk, ready, port)
}

#[cfg(unix)]
#[tokio::test]
async fn a_slow_token_command_holds_up_no_feed() {
    let server = Server::start(SiteMessages::resuming()).await;
    let (desk, ready, port) = slow_token(&server).await;
    let mut bell = desk.start().await;
    bell.live("letters").await;
    server.tell("a").await;
    bell.until_last(&told("a")).await;
    assert_eq!(bell.app().await.hub.state, HubState::Starting);
    assert_eq!(bell.handle.hub_lists().await.unwrap(), HubLists::default());

    // Its own feed waits for it, and what is sent meanwhile is sent then.
    let own = bell
        .handle
        .save_feed(form(
            "Own",
            &format!("http://127.0.0.1:{port}/events?uid=me"),
            "hub",
        ))
        .await
        .unwrap();
    assert_eq!(
        find(&bell.app().await, &own).unwrap().state,
        FeedState::Connecting
    );
    let handle: NotifierHandle = bell.handle.clone();
    let sent = tokio::spawn(async move { handle.send(text("patience")).await });
    std::fs::write(ready, "").unwrap();
    assert_eq!(bell.hub_url().await, format!("http://127.0.0.1:{port}"));
    sent.await.unwrap().unwrap();
    drop(listen(port, "/events?uid=a", Some("tk-slow")).await);
    bell.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_hub_that_waits_can_be_switched_off_and_stopped() {
    let server = Server::start(SiteMessages::resuming()).await;
    let (desk, _, _) = slow_token(&server).await;
    let bell = desk.start().await;
    assert_eq!(bell.app().await.hub.state, HubState::Starting);
    bell.handle.switch_hub(HubMode::Off).await.unwrap();
    assert_eq!(bell.app().await.hub.state, HubState::Off);
    let refusal = bell.handle.send(text("hi")).await.unwrap_err();
    assert_eq!(refusal.text.id, "refused-hub-off");
    bell.handle.switch_hub(HubMode::Local).await.unwrap();
    assert_eq!(bell.app().await.hub.state, HubState::Starting);
    timeout(Duration::from_secs(8), bell.stop())
        .await
        .expect("the command is not waited for");
}

#[tokio::test]
async fn a_taken_port_can_be_tried_again_from_the_switch() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let desk = Desk::new(&format!("[hub]\non = true\nlisten = \"{address}\"\n"));
    let mut bell = desk.start().await;
    let app = bell
        .until_app("it fails", |app| {
            matches!(app.hub.state, HubState::Failed { .. })
        })
        .await;
    let HubState::Failed { why } = app.hub.state else {
        unreachable!("it failed")
    };
    assert_eq!(why.args["port"], Arg::Number(i64::from(address.port())));
    let refusal = bell.handle.send(text("hi")).await.unwrap_err();
    assert_eq!(refusal.text.id, "hub-port-taken");
    drop(taken);
    bell.handle.switch_hub(HubMode::Local).await.unwrap();
    assert_eq!(bell.hub_url().await, format!("http://{address}"));
    bell.stop().await;
}

#[tokio::test]
async fn trying_it_works_where_a_token_is_asked() {
    let (desk, _) = local_hub().await;
    let mut bell = desk.start().await;
    bell.hub_url().await;
    bell.handle.try_it().await.unwrap();
    bell.show().await;
    first_token(&mut bell).await;
    on_the_network(&mut bell).await;
    bell.handle.try_it().await.unwrap();
    bell.show().await;
    let settings = desk.read_settings();
    let own = settings.split("[[feed]]").nth(1).unwrap();
    assert!(
        !own.contains("token"),
        "the notifier's own token is written nowhere: {own}"
    );
    bell.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn programs_of_the_user_need_nothing_on_the_socket() {
    let (desk, port) = local_hub().await;
    let mut bell = desk.start().await;
    bell.hub_url().await;
    let made = first_token(&mut bell).await;
    on_the_network(&mut bell).await;
    let mut listening = listen(port, "/events?uid=a", Some(&made.secret)).await;
    let mut socket = UnixStream::connect(desk.hub_socket()).await.unwrap();
    let body = r#"{"event":"like","data":"over the socket"}"#;
    let head = format!(
        "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket
        .write_all(format!("{head}{body}").as_bytes())
        .await
        .unwrap();
    let answer = until(&mut socket, "\"id\"").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    until(&mut listening, "over the socket").await;
    bell.stop().await;
    assert!(!desk.hub_socket().exists());
}

#[tokio::test]
async fn a_fingerprint_is_there_to_be_pinned_and_stays() {
    let (desk, _) = local_hub().await;
    desk.write_settings(&format!("{}tls = \"on\"\n", desk.read_settings()));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut bell = desk.start().await;
        bell.hub_url().await;
        let HubState::Running { fingerprint, .. } = bell.app().await.hub.state else {
            unreachable!("it runs")
        };
        seen.push(fingerprint.expect("https is on"));
        bell.stop().await;
    }
    assert!(
        seen[0].starts_with("sha256:") && seen[0].len() == 7 + 64,
        "{}",
        seen[0]
    );
    assert_eq!(seen[0], seen[1]);
}
