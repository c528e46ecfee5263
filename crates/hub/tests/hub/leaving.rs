//! Streams that leave their connections and share one loop, and those that stay.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::{Event, PATIENCE, Server, Stream, get, memory, soon};
use hub::{Address, Audience, HubConfig, Publication, Store, Uid};

/// How many streams the loop has; waits until those are `count`.
async fn shared(server: &Server, count: usize) {
    let count = if memory().shared_delivery { count } else { 0 };
    let wanted = format!("\nfeedbell_subscribers_shared {count}\n");
    soon("the shared streams", async {
        while !get(server.address, "/metrics").await.body.contains(&wanted) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

async fn send(socket: &mut TcpStream, text: &str) {
    socket.write_all(text.as_bytes()).await.unwrap();
}

/// Reads up to this text, and says all that was read.
async fn until(socket: &mut TcpStream, text: &str) -> String {
    soon(text, async {
        let mut read = Vec::new();
        loop {
            let so_far = String::from_utf8_lossy(&read).into_owned();
            if so_far.contains(text) {
                return so_far;
            }
            let more = socket.read_buf(&mut read).await.unwrap();
            assert!(more > 0, "it ended after {so_far}");
        }
    })
    .await
}

/// Reads to the end.
async fn rest(socket: &mut TcpStream) -> String {
    let mut read = Vec::new();
    soon("the end", socket.read_to_end(&mut read))
        .await
        .unwrap();
    String::from_utf8(read).unwrap()
}

fn uid(text: &str) -> Address {
    Address::Uid(Uid::parse(text).unwrap())
}

#[tokio::test]
async fn plain_streams_share_a_loop_and_others_do_not() {
    let server = Server::memory().await;
    let mut streams = Vec::new();
    for path in ["/events?uid=1", "/push?uid=1&control=1", "/sse", "/events"] {
        streams.push(server.open(path).await);
        shared(&server, streams.len()).await;
    }
    let lines = [("Accept", "application/x-ndjson")];
    let lines = Stream::send(server.address, "GET", "/events?uid=1", &lines, b"").await;
    assert_eq!(lines.status, 200);
    let ntfy = Stream::try_open(server.address, "/door/sse", &[]).await;
    assert_eq!(ntfy.status, 200);
    server.subscribers(6).await;
    shared(&server, 4).await;
    server.publish(json!({"data": "for all"})).await;
    for stream in &mut streams {
        let events = soon("the event", async {
            loop {
                let event = stream.next().await.unwrap();
                if event.data == "for all" {
                    return event;
                }
            }
        });
        assert_eq!(events.await.name, "message");
    }
    drop(streams);
    server.subscribers(2).await;
    shared(&server, 0).await;
    server.stop().await;
}

/// A connection that had other requests before.
#[tokio::test]
async fn the_second_request_of_a_connection_can_leave_too() {
    let server = Server::memory().await;
    let mut socket = connect(server.address).await;
    send(
        &mut socket,
        "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
    )
    .await;
    until(&mut socket, "\"id\"").await;
    send(
        &mut socket,
        "GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    let head = until(&mut socket, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    shared(&server, 1).await;
    server.publish(json!({"data": "there"})).await;
    until(&mut socket, "data: there\n\n\r\n").await;
    server.stop().await;
    let end = rest(&mut socket).await;
    assert_eq!(end, "0\r\n\r\n");
}

/// What is sent behind the request of an endless stream is not answered, and
/// spoils nothing.
#[tokio::test]
async fn pipelined_requests_wait_for_the_end() {
    let server = Server::memory().await;
    for together in [true, false] {
        let mut socket = connect(server.address).await;
        let stream = "GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let health = "GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
        if together {
            send(&mut socket, &format!("{stream}{health}")).await;
            until(&mut socket, "id: ").await;
        } else {
            send(&mut socket, stream).await;
            until(&mut socket, "id: ").await;
            shared(&server, 1).await;
            send(&mut socket, health).await;
        }
        server.subscribers(1).await;
        server.publish(json!({"data": "one"})).await;
        server.publish(json!({"data": "two"})).await;
        until(&mut socket, "data: two\n\n\r\n").await;
        let id = server.hub.listening()[0].id;
        assert!(server.hub.disconnect(id));
        let end = rest(&mut socket).await;
        assert!(end.starts_with("0\r\n\r\n"), "{end}");
        assert!(!end.contains("data:"), "{end}");
        server.subscribers(0).await;
    }
    server.stop().await;
}

/// Without chunks there is no telling where an answer ends, but by closing.
#[tokio::test]
async fn http_1_0_stays() {
    let server = Server::memory().await;
    let mut socket = connect(server.address).await;
    send(
        &mut socket,
        "GET /events?uid=1 HTTP/1.0\r\nHost: localhost\r\n\r\n",
    )
    .await;
    let head = until(&mut socket, "\r\n\r\n").await.to_ascii_lowercase();
    assert!(!head.contains("transfer-encoding"), "{head}");
    server.subscribers(1).await;
    shared(&server, 0).await;
    server.publish(json!({"data": "bare"})).await;
    let read = until(&mut socket, "data: bare\n\n").await;
    assert!(!read.contains("\r\n"), "{read}");
    server.stop().await;
    assert_eq!(rest(&mut socket).await, "");
}

/// Requests that are not over, or want something else besides.
#[tokio::test]
async fn requests_with_more_to_say_stay() {
    let server = Server::memory().await;
    for (more, body) in [
        ("Connection: Upgrade\r\nUpgrade: h2c\r\n", ""),
        ("Content-Length: 5\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
    ] {
        let mut socket = connect(server.address).await;
        let head = format!("GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
        send(&mut socket, &head).await;
        send(&mut socket, body).await;
        server.subscribers(1).await;
        server.publish(json!({"data": "to it"})).await;
        until(&mut socket, "data: to it\n\n").await;
        shared(&server, 0).await;
        drop(socket);
        server.subscribers(0).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn the_head_alone_opens_nothing() {
    let server = Server::memory().await;
    let mut socket = connect(server.address).await;
    send(
        &mut socket,
        "HEAD /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    let head = until(&mut socket, "\r\n\r\n").await;
    assert!(head.contains("text/event-stream"), "{head}");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    shared(&server, 0).await;
    // The connection goes on.
    send(
        &mut socket,
        "GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    until(&mut socket, "id: ").await;
    shared(&server, 1).await;
    server.stop().await;
}

/// One commit with events for all, for one and for others: each subscriber has
/// its own in the order of the log.
#[tokio::test]
async fn what_comes_together_comes_in_order() {
    let server = Server::memory().await;
    let mut streams = Vec::new();
    for uids in ["uid=a", "uid=b", "uid=a&uid=b", "topic=t", "uid=c"] {
        streams.push(server.open(&format!("/events?{uids}")).await);
    }
    shared(&server, 5).await;
    let topic = Address::Topic(hub::Topic::parse("t").unwrap());
    let audiences = [
        Audience::Only(vec![uid("a")]),
        Audience::Everyone,
        Audience::Only(vec![uid("b"), uid("a")]),
        Audience::Only(vec![topic]),
        Audience::Everyone,
        Audience::Only(vec![uid("nobody")]),
        Audience::Only(vec![uid("b")]),
    ];
    for round in 0..40 {
        let batch = audiences.iter().enumerate();
        let batch = batch.map(|(nth, to)| Publication::new(to.clone(), format!("{round}.{nth}")));
        server.hub.publish_all(batch.collect()).await.unwrap();
    }
    let expected: [&[usize]; 5] = [
        &[0, 1, 2, 4],
        &[1, 2, 4, 6],
        &[0, 1, 2, 4, 6],
        &[1, 3, 4],
        &[1, 4],
    ];
    for (stream, expected) in streams.iter_mut().zip(expected) {
        let data = stream.data(40 * expected.len()).await;
        let all =
            (0..40).flat_map(|round| expected.iter().map(move |nth| format!("{round}.{nth}")));
        assert!(data.iter().eq(all.collect::<Vec<_>>().iter()), "{data:?}");
    }
    server.stop().await;
}

/// Sockets fill up in the middle of events. Those who read late have every event
/// once, and those who read at once do not wait for them.
#[tokio::test]
async fn the_slow_miss_nothing_and_hold_nobody_up() {
    const EVENTS: usize = 400;
    let config = HubConfig {
        write_timeout: PATIENCE,
        ..memory()
    };
    let server = Server::start(config).await;
    let mut slow = Vec::new();
    for nth in 0..4 {
        slow.push(server.open(&format!("/events?uid={nth}")).await);
    }
    let mut fast = server.open("/events?uid=fast").await;
    shared(&server, 5).await;
    let text = |nth: usize| format!("{nth}:{}", "x".repeat(nth * 7919 % 90_000));
    for nth in 0..EVENTS {
        server.publish(json!({"data": text(nth)})).await;
        if nth % 10 == 0 {
            let to = json!({"uid": nth / 10 % 4, "data": "own"});
            server.publish(to).await;
        }
        assert_eq!(fast.next().await.unwrap().data, text(nth));
    }
    for (nth, stream) in slow.iter_mut().enumerate() {
        let (mut next, mut own) = (0, 0);
        while next < EVENTS || own < EVENTS / 40 {
            let Event { data, .. } = stream.next().await.unwrap();
            if data == "own" {
                own += 1;
            } else {
                assert_eq!(data, text(next), "stream {nth}");
                next += 1;
            }
        }
    }
    // They are live again.
    server.publish(json!({"data": "last"})).await;
    for stream in slow.iter_mut().chain([&mut fast]) {
        assert_eq!(stream.next().await.unwrap().data, "last");
    }
    server.stop().await;
}

/// A subscriber has nothing to say; one that never stops talking is none.
#[tokio::test]
async fn who_talks_without_end_is_cut() {
    let server = Server::memory().await;
    let mut socket = connect(server.address).await;
    send(
        &mut socket,
        "GET /events?uid=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    )
    .await;
    until(&mut socket, "id: ").await;
    shared(&server, 1).await;
    if memory().shared_delivery {
        let noise = vec![b'x'; 1 << 20];
        let _ = soon("the cut", socket.write_all(&noise)).await;
        server.subscribers(0).await;
    }
    server.stop().await;
}

/// A hub that is dropped without being told to stop ends its streams.
#[tokio::test]
async fn dropped_it_ends_its_streams() {
    let hub = hub::Hub::open(memory()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(hub::serve(hub.clone(), listener, std::future::pending()));
    let mut stream = Stream::open(address, "/events?uid=1", &[]).await;
    serving.abort();
    assert_eq!(stream.next().await, None);
    let mut stats = hub.watch();
    soon("no subscriber", stats.wait_for(|it| it.subscribers == 0))
        .await
        .unwrap();
}

/// Signs of life, and the place that a quiet stream has reached.
#[tokio::test]
async fn the_quiet_hear_where_they_are() {
    let config = HubConfig {
        heartbeat: Duration::from_millis(50),
        ..memory()
    };
    let server = Server::start(config).await;
    let mut stream = server.open("/events?uid=1").await;
    shared(&server, 1).await;
    let to = json!({"uid": "other", "data": "x"});
    let id = server.publish(to).await;
    stream.until_raw(&format!("id: {id}\n\n")).await;
    assert!(stream.raw_text().contains("\n: \n") || stream.raw_text().contains("\n:\n"));
    let listening = server.hub.listening();
    assert_eq!((listening.len(), listening[0].lag), (1, 0));
    server.stop().await;
}

/// A stream whose head is written only after the hub was told to stop still
/// hears that it is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_late_is_told_of_the_end() {
    let server = Server::start(memory()).await;
    for _ in 0..15 {
        let mut fact = Publication::to_everyone(format!("\"{}\"", "x".repeat(250_000)));
        fact.fact = true;
        server.hub.publish(fact).await.unwrap();
    }
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut socket = socket.connect(server.address).await.unwrap();
    let request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    server.subscribers(1).await;
    let address = server.address;
    let stopping = tokio::spawn(server.stop());
    // It stops: nobody is let in any more.
    soon("the door to close", async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {}
    })
    .await;
    let mut read = Vec::new();
    let _ = soon("the end", socket.read_to_end(&mut read)).await;
    let read = String::from_utf8(read).unwrap();
    assert!(
        read.len() > 3_000_000,
        "{} {}",
        read.len(),
        &read[..read.len().min(600)]
    );
    let end = &read[read.len() - 100..];
    assert!(end.ends_with("0\r\n\r\n"), "{end}");
    stopping.await.unwrap();
}

/// Once serving is over and the last handle is gone, the log is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_stopped_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..50 {
        let config = HubConfig {
            shared_delivery: memory().shared_delivery,
            ..HubConfig::new(Store::Path(folder.path().join("hub.db")))
        };
        let hub = hub::Hub::open(config).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let serving = tokio::spawn(hub::serve(hub.clone(), listener, shutdown));
        let stream = Stream::open(address, "/events?uid=1", &[]).await;
        hub.publish(Publication::to_everyone("x")).await.unwrap();
        drop(stream);
        drop(stop);
        serving.await.unwrap().unwrap();
        drop(hub);
    }
}
