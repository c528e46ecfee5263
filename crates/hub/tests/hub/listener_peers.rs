//! Peers that are slow, rude or gone.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::listener::Own;
use crate::{Server, Stream, get, memory, soon};
use hub::{Doors, HubConfig, TlsMode};

/// Short, for tests that wait until it is over.
const SHORT: Duration = Duration::from_millis(100);

fn hasty(doors: &mut Doors) {
    (doors.head_timeout, doors.handshake_timeout) = (SHORT, SHORT);
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// All that comes until the end, a reset included.
async fn rest(socket: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    soon("the end of a connection", async {
        while let Ok(read @ 1..) = socket.read(&mut buffer).await {
            bytes.extend_from_slice(&buffer[..read]);
        }
    })
    .await;
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn send(socket: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) {
    // The hub may have closed already.
    let _ = socket.write_all(bytes).await;
    let _ = socket.flush().await;
}

async fn still_serves(server: &Server) {
    assert_eq!(get(server.address, "/healthz").await.status, 200);
}

/// Whoever says nothing, too little, or one byte at a time, is not waited for.
#[tokio::test]
async fn the_slow_are_cut() {
    let own = Own::new();
    let tls = own.tls.clone();
    let server = Server::behind(memory(), |doors| {
        hasty(doors);
        doors.tls = TlsMode::On(tls);
    })
    .await;
    for start in [
        "",
        "G",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        "PRI * HT",
        "\x16",
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{7c}",
    ] {
        let mut socket = connect(&server).await;
        send(&mut socket, start.as_bytes()).await;
        let said = rest(&mut socket).await;
        assert!(!said.contains("200 OK"), "{start:?}: {said}");
    }
    // As a slow loris: each byte is in time, the head is not.
    let (mut read, mut write) = connect(&server).await.into_split();
    let drip = tokio::spawn(async move {
        send(&mut write, b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ").await;
        loop {
            tokio::time::sleep(SHORT / 10).await;
            if write.write_all(b"a").await.is_err() {
                return;
            }
        }
    });
    assert_eq!(rest(&mut read).await, "");
    drip.abort();
    // The same inside TLS.
    let mut socket = own.connect(&server).await;
    send(&mut socket, b"GET / HTTP/1.1\r\nHost: loc").await;
    assert_eq!(rest(&mut socket).await, "");
    still_serves(&server).await;
    server.stop().await;
}

/// A finished request leaves the connection open, but not for ever.
#[tokio::test]
async fn after_an_answer_silence_is_cut_and_a_stream_is_not() {
    let server = Server::behind(memory(), hasty).await;
    let mut stream = server.open("/events?uid=1").await;
    let mut socket = connect(&server).await;
    send(
        &mut socket,
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    let said = rest(&mut socket).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    server.publish(json!({"data": "still there"})).await;
    assert_eq!(stream.data(1).await, ["still there"]);
    server.stop().await;
}

/// The sentence arrives although the peer is still sending.
#[tokio::test]
async fn what_is_too_large_is_refused_while_it_comes() {
    let server = Server::memory().await;
    let headers = |count: usize| "X-A: b\r\n".repeat(count);
    let body = "x".repeat(4 << 20);
    for (request, expected) in [
        (
            format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {}\r\n\r\n",
                "x".repeat(900_000)
            ),
            "HTTP/1.1 431",
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: {}\r\n\r\n",
                "x".repeat(33_000)
            ),
            "HTTP/1.1 431",
        ),
        (
            format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", headers(101)),
            "HTTP/1.1 431",
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n",
                headers(90)
            ),
            "HTTP/1.1 200",
        ),
        (
            format!(
                "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "x".repeat(70_000)
            ),
            "HTTP/1.1 4",
        ),
        (
            format!(
                "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            ),
            "HTTP/1.1 413",
        ),
    ] {
        let (mut read, mut write) = connect(&server).await.into_split();
        let sending = tokio::spawn(async move { send(&mut write, request.as_bytes()).await });
        let said = rest(&mut read).await;
        assert!(said.starts_with(expected), "{expected}: {said}");
        sending.abort();
    }
    assert_eq!(server.hub.position().seq, 0);
    still_serves(&server).await;
    server.stop().await;
}

#[tokio::test]
async fn over_http_2_a_large_head_is_refused() {
    let own = Own::new();
    let server = Server::behind(memory(), own.on()).await;
    let client = own.client_of_http_2();
    let url = format!("https://{}/", server.address);
    let large = client.get(&url).header("x-a", "x".repeat(40_000)).send();
    if let Ok(answer) = soon("an answer", large).await {
        assert_eq!(answer.status(), 431);
    }
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    server.stop().await;
}

/// Requests before the garbage are answered, in their order; what follows is
/// not taken for a request.
#[tokio::test]
async fn pipelined_requests_are_answered_up_to_the_garbage() {
    let server = Server::memory().await;
    let publish = |data: &str| {
        let body = format!(r#"{{"data":"{data}"}}"#);
        let length = body.len();
        format!(
            "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let mut socket = connect(&server).await;
    let requests = [
        &publish("1"),
        &publish("2"),
        "\0\x01garbage \r\n\r\n",
        &publish("3"),
    ];
    send(&mut socket, requests.concat().as_bytes()).await;
    let said = rest(&mut socket).await;
    let statuses: Vec<_> = said
        .match_indices("HTTP/1.1 ")
        .map(|(at, _)| &said[at + 9..at + 12])
        .collect();
    assert_eq!(statuses, ["200", "200", "400"], "{said}");
    let stored = server.open("/events?poll=1&since=all").await.rest().await;
    let stored: Vec<_> = stored.iter().map(|event| event.data.as_str()).collect();
    assert_eq!(stored, ["1", "2"]);
    server.stop().await;
}

/// Request smuggling needs two readings of one length.
#[tokio::test]
async fn ambiguous_lengths_are_refused() {
    let server = Server::memory().await;
    for lengths in [
        "Content-Length: 1\r\nContent-Length: 2\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 1, 2\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: identity, chunkedx\r\n",
    ] {
        let mut socket = connect(&server).await;
        let request = format!("POST /publish HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\nxx");
        send(&mut socket, request.as_bytes()).await;
        let said = rest(&mut socket).await;
        assert!(said.starts_with("HTTP/1.1 400"), "{lengths:?}: {said}");
    }
    assert_eq!(server.hub.position().seq, 0);
    server.stop().await;
}

#[tokio::test]
async fn garbage_ends_its_own_connection_only() {
    let own = Own::new();
    let server = Server::behind(memory(), own.on()).await;
    let garbage: [&[u8]; 7] = [
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\xff\xff",
        b"\x16GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nno frame at all, but long enough",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n\r\n\r\n",
    ];
    let mut stream = server.open("/events?uid=1").await;
    for bytes in garbage {
        let mut socket = connect(&server).await;
        send(&mut socket, bytes).await;
        socket.shutdown().await.unwrap();
        let said = rest(&mut socket).await;
        assert!(!said.contains("200 OK"), "{bytes:?}: {said}");
    }
    // Plain bytes where TLS has begun already.
    let mut socket = own.connect(&server).await;
    send(&mut socket.get_mut().0, b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(rest(&mut socket).await, "");
    server.publish(json!({"data": "still there"})).await;
    assert_eq!(stream.data(1).await, ["still there"]);
    server.stop().await;
}

/// A subscriber that has closed its side is gone: its place is free.
#[tokio::test]
async fn a_half_closed_subscriber_leaves() {
    let server = Server::memory().await;
    let mut socket = connect(&server).await;
    send(
        &mut socket,
        b"GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    server.subscribers(1).await;
    socket.shutdown().await.unwrap();
    server.subscribers(0).await;
    rest(&mut socket).await;
    server.stop().await;
}

/// `printf … | nc` closes its side as soon as it has sent. It may miss the
/// answer, so it sends again: with an id that is one event.
#[tokio::test]
async fn a_half_closed_publisher_can_send_again() {
    let server = Server::memory().await;
    for number in 1..=20 {
        let body = format!(r#"{{"data":"x","id":"{number}"}}"#);
        let length = body.len();
        let head = format!("POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}");
        let mut socket = connect(&server).await;
        send(&mut socket, format!("{head}\r\n\r\n{body}").as_bytes()).await;
        socket.shutdown().await.unwrap();
        let said = rest(&mut socket).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 200"),
            "{said}"
        );
        let again = crate::post(server.address, "/publish", &body).await;
        assert_eq!(again.status, 200);
        assert_eq!(server.hub.position().seq, number);
    }
    server.stop().await;
}

/// A peer that takes nothing is cut, over TLS too, and what it missed is there
/// for its next connection.
#[tokio::test]
async fn a_reader_that_stands_still_is_cut() {
    let own = Own::new();
    let config = HubConfig {
        write_timeout: SHORT,
        ..memory()
    };
    let server = Server::behind(config, own.on()).await;
    let asked = b"GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut plain = connect(&server).await;
    send(&mut plain, asked).await;
    let mut secure = own.connect(&server).await;
    send(&mut secure, asked).await;
    // Over HTTP/2 the socket is read, and this one answer of it is not.
    let client = own.client_of_http_2();
    let url = format!("https://{}/events?uid=1", server.address);
    let unread = client.get(url).send().await.unwrap();
    server.subscribers(3).await;
    for _ in 0..40 {
        server.publish(json!({"data": "x".repeat(500_000)})).await;
    }
    server.subscribers(0).await;
    drop((plain, secure, unread));
    let replay = server.open("/events?poll=1&since=all").await.rest().await;
    assert_eq!(replay.len(), 40);
    server.stop().await;
}

/// A connection that is reset in the middle of everything costs nothing.
#[tokio::test]
async fn resets_harm_nothing() {
    let server = Server::memory().await;
    for request in [
        "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf",
        "GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHo",
    ] {
        let mut socket = connect(&server).await;
        send(&mut socket, request.as_bytes()).await;
        let socket = socket.into_std().unwrap();
        socket2::SockRef::from(&socket)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
    server.subscribers(0).await;
    let answer = Stream::try_open(server.address, "/events?uid=1", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(server.hub.position().seq, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_promises_too_much_is_refused_before_it_comes() {
    let server = Server::memory().await;
    // To ntfy's clients a long body is an upload, which is off.
    for (path, status) in [
        ("/publish", 413),
        ("/fact", 413),
        ("/update", 413),
        ("/door", 400),
        ("/", 413),
    ] {
        let length = [("Content-Length", "1000000000000")];
        let stream = Stream::send(server.address, "POST", path, &length, b"{").await;
        assert_eq!(stream.status, status, "{path}");
    }
    server.stop().await;
}
