//! Two hundred feeds, one of them a flood.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use notifier::view::FeedState;

use crate::support::{Desk, find};

const FEEDS: usize = 200;

/// Answers `/quiet…` with a stream that says one thing when told to, and `/flood` with one that
/// never pauses.
async fn serve(listener: TcpListener, say: watch::Receiver<bool>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(converse(socket, say.clone()));
    }
}

async fn converse(mut socket: TcpStream, mut say: watch::Receiver<bool>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    socket
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n:\n")
        .await?;
    if head.starts_with(b"GET /quiet") {
        let _ = say.wait_for(|say| *say).await;
        socket.write_all(b"data: psst\n\n").await?;
        std::future::pending::<()>().await;
    }
    let about = "x".repeat(500);
    for n in 0u64.. {
        let event = format!("id: {n}\nevent: edit\ndata: {{\"n\":{n},\"title\":\"{about}\"}}\n\n");
        socket.write_all(event.as_bytes()).await?;
    }
    Ok(())
}

fn threads() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("Threads:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_starves_neither_the_other_feeds_nor_the_window() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (say, heard) = watch::channel(false);
    tokio::spawn(serve(listener, heard));
    let mut settings = String::new();
    for n in 0..FEEDS {
        let path = if n == 0 { "flood" } else { "quiet" };
        // A name, so that it is looked up: two hundred at once.
        settings += &format!(
            "[[feed]]\nid = \"f{n}\"\nname = \"f{n}\"\nurl = \"http://localhost:{port}/{path}{n}\"\nmuted = true\n"
        );
    }
    let desk = Desk::new(&settings);
    let mut bell = desk.start().await;
    let app = bell
        .until_app("all feeds are live", |app| {
            app.feeds.len() == FEEDS && app.feeds.iter().all(|feed| feed.state == FeedState::Live)
        })
        .await;
    let before = find(&app, "f0").unwrap().unread;
    say.send_replace(true);
    let app = bell
        .until_app("every quiet feed was heard", |app| {
            app.feeds[1..].iter().all(|feed| feed.unread == 1)
        })
        .await;
    assert!(threads() < 80, "{} threads", threads());
    // The flood went on meanwhile, and goes on.
    let now = find(&app, "f0").unwrap().unread;
    assert!(now > before, "{now} of the flood");
    bell.until_app("the flood goes on", |app| {
        find(app, "f0").unwrap().unread > now
    })
    .await;
    bell.stop().await;
}
