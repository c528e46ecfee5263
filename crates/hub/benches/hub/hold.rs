//! Streams over TLS and HTTP/2, which are opened and held by a process of their own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use futures::{StreamExt as _, TryStreamExt as _, stream};

/// Streams that are opened at a time.
const AT_A_TIME: usize = 16;

/// What the streams speak; all of it over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Tls,
    Http2,
    /// Many streams on each connection, as browsers have them.
    Http2Shared,
}

/// Streams on one connection that they share.
const TOGETHER: usize = 100;

/// Streams that are open until this is dropped.
pub(crate) struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has another process open so many streams, and waits until they are open.
///
/// # Errors
/// They do not open.
pub(crate) fn hold(server: SocketAddr, protocol: Protocol, count: usize) -> anyhow::Result<Held> {
    let value = protocol.to_possible_value();
    let protocol = value.as_ref().map(clap::builder::PossibleValue::get_name);
    let child = Command::new(std::env::current_exe()?)
        .args(["--hold", protocol.unwrap_or_default()])
        .args([server.to_string(), count.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut held = Held(child);
    let mut line = String::new();
    let stdout = held.0.stdout.as_mut().context("its output is ours")?;
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(line.trim() == "open", "the streams do not open");
    Ok(held)
}

/// What that process does: it opens streams and holds them until nobody needs them.
///
/// # Errors
/// They do not open.
pub(crate) fn open(server: SocketAddr, protocol: Protocol, count: usize) -> anyhow::Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let together = match protocol {
        Protocol::Http2Shared => TOGETHER,
        Protocol::Tls | Protocol::Http2 => 1,
    };
    runtime.block_on(async {
        let connection = |nth: usize| connection(server, protocol, together.min(count - nth));
        let opened = stream::iter((0..count).step_by(together)).map(connection);
        let answers: Vec<_> = opened
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<_>>()
            .await?;
        println!("open");
        let over = tokio::task::spawn_blocking(|| std::io::stdin().read(&mut [0]));
        // HTTP/2 is to answer pings meanwhile.
        let _ = over.await;
        drop(answers);
        Ok(())
    })
}

/// The streams of one connection.
async fn connection(
    server: SocketAddr,
    protocol: Protocol,
    streams: usize,
) -> anyhow::Result<Vec<reqwest::Response>> {
    let client = reqwest::Client::builder().tls_danger_accept_invalid_certs(true);
    let (client, expected) = match protocol {
        Protocol::Tls => (client.http1_only(), reqwest::Version::HTTP_11),
        Protocol::Http2 | Protocol::Http2Shared => (client, reqwest::Version::HTTP_2),
    };
    let client = client.build()?;
    let mut answers = Vec::with_capacity(streams);
    // One after another: the first opens the connection that the others find.
    for _ in 0..streams {
        let url = format!("https://{server}/events?since=none");
        let answer = client.get(url).send().await?.error_for_status()?;
        let version = answer.version();
        ensure!(version == expected, "it speaks {version:?}");
        answers.push(answer);
    }
    Ok(answers)
}
