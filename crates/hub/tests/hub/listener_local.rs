//! The hub's own socket.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::{Client, Method};
use serde_json::Value;

use crate::{Server, get, memory, post};
use hub::{HubConfig, Local, LocalError, Token};

fn client(socket: &Path) -> Client {
    // The tests' provider for TLS, without which no client can be made.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().unix_socket(socket).build().unwrap()
}

async fn server(socket: &Path) -> Server {
    let config = HubConfig {
        tokens: vec![Token::new("tk_secret").unwrap()],
        ..memory()
    };
    let local = Local::open(socket).unwrap();
    Server::behind(config, |doors| doors.local = Some(local)).await
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_hubs_own_user_needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("run/hub.sock");
    let server = server(&socket).await;
    assert_eq!(post(server.address, "/publish", "{}").await.status, 401);
    assert_eq!(
        (mode(&socket), mode(socket.parent().unwrap())),
        (0o600, 0o700)
    );

    let client = client(&socket);
    // What would be refused over the network, one by one.
    for (name, value) in [
        ("host", "rebound.example"),
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("authorization", "Bearer wrong"),
    ] {
        for (method, path, body) in [
            (Method::POST, "/publish", r#"{"data":"x"}"#),
            (Method::GET, "/events?poll=1", ""),
            (Method::GET, "/", ""),
        ] {
            let request = client.request(method, format!("http://localhost{path}"));
            let answer = request.header(name, value).body(body).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path} {name}");
            let cors = answer.headers().get("access-control-allow-origin");
            assert_eq!(cors, None);
        }
    }
    assert_eq!(server.hub.position().seq, 4);
    server.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn a_dead_hubs_socket_is_replaced_and_a_living_ones_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hub.sock");
    // Left by a process that was killed.
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let server = server(&socket).await;

    let error = Local::open(&socket).unwrap_err();
    assert!(matches!(error, LocalError::Taken { .. }), "{error}");
    assert!(error.to_string().contains("hub.sock"), "{error}");
    let answer = client(&socket).get("http://localhost/").send().await;
    assert_eq!(answer.unwrap().status(), 200);
    server.stop().await;

    // Its place is free again, but not for who finds something else there.
    drop(Local::open(&socket).unwrap());
    std::fs::write(&socket, "a letter").unwrap();
    let error = Local::open(&socket).unwrap_err().to_string();
    assert!(error.contains("something else is there"), "{error}");
    assert_eq!(std::fs::read(&socket).unwrap(), b"a letter");
}

#[tokio::test]
async fn a_socket_that_cannot_be_made_is_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let long = folder.path().join("x".repeat(120));
    for socket in [file.join("hub.sock"), long] {
        let error = Local::open(&socket).unwrap_err().to_string();
        let place = socket.display().to_string();
        assert!(
            error.contains(&place) && error.lines().count() == 1,
            "{error}"
        );
    }
}

/// Even where file modes would let them in. Only root can play another user.
#[tokio::test]
async fn other_users_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hub.sock");
    let server = server(&socket).await;
    let Some(mut curl) = as_nobody(&socket) else {
        eprintln!("not root: nobody else can be played");
        server.stop().await;
        return;
    };
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open(folder.path(), 0o755);
    open(&socket, 0o666);
    let ran = tokio::task::spawn_blocking(move || curl.output().unwrap()).await;
    let said = String::from_utf8(ran.unwrap().stdout).unwrap();
    let (body, status) = said.rsplit_once('\n').unwrap();
    assert_eq!(status, "403", "{said}");
    let body: Value = serde_json::from_str(body).unwrap();
    let why = body["error"].as_str().unwrap();
    assert!(why.contains("only for the user"), "{why}");
    assert_eq!(server.hub.position().seq, 0);
    server.stop().await;
}

fn as_nobody(socket: &Path) -> Option<Command> {
    let own = std::fs::metadata(socket).unwrap();
    let root = std::os::unix::fs::MetadataExt::uid(&own) == 0;
    let found = |name: &str| -> Option<PathBuf> {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.exists())
    };
    let (setpriv, curl) = (found("setpriv")?, found("curl")?);
    let mut command = Command::new(setpriv);
    command
        .args(["--reuid", "65534", "--clear-groups"])
        .arg(curl)
        .args(["--silent", "--data", "x", "--write-out", "\n%{http_code}"])
        .arg("--unix-socket")
        .arg(socket)
        .arg("http://localhost/publish");
    root.then_some(command)
}

/// Whatever comes over the network, the hub's own user gets in.
#[tokio::test]
async fn a_crowd_on_the_network_waits_and_keeps_no_place_of_the_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("hub.sock");
    let local = Local::open(&socket).unwrap();
    let config = HubConfig {
        max_streams: 1,
        ..memory()
    };
    let most = hub::most_connections(config.max_streams);
    let server = Server::behind(config, |doors| doors.local = Some(local)).await;
    let mut crowd = Vec::new();
    for _ in 0..most {
        crowd.push(
            tokio::net::TcpStream::connect(server.address)
                .await
                .unwrap(),
        );
    }
    let late = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    late.writable().await.unwrap();
    let asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert_eq!(late.try_write(asked).unwrap(), asked.len());

    let client = client(&socket);
    for _ in 0..50 {
        let answer = client.get("http://localhost/healthz").send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
    let early = late.try_read(&mut [0; 16]).unwrap_err();
    assert_eq!(early.kind(), std::io::ErrorKind::WouldBlock);

    drop(crowd);
    let mut said = String::new();
    let mut late = late;
    let read = tokio::io::AsyncReadExt::read_to_string(&mut late, &mut said);
    crate::soon("an answer", read).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    server.stop().await;
}
