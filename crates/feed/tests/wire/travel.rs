//! Where secrets may travel, and what is shown of them.

use std::net::UdpSocket;

use feed::{FeedConfig, Proxy, State};
use http::{HeaderValue, header::AUTHORIZATION};
use tokio::net::TcpListener;
use url::Url;

use crate::support::{Peer, Server, Subscriber, still};

/// What the proxy gets, or nothing once the feed stops or waits.
async fn asked(server: &Server, subscriber: &mut Subscriber) -> Option<Peer> {
    loop {
        tokio::select! {
            peer = server.accept() => return Some(peer),
            state = subscriber.state() => match state {
                State::Stopped { .. } | State::Waiting { .. } => return None,
                _ => {}
            }
        }
    }
}

fn through(server: &Server, url: &str) -> FeedConfig {
    let mut config = FeedConfig::new(Url::parse(url).unwrap());
    config.proxy = Proxy::Url(server.url("/"));
    config
}

#[test]
fn a_name_that_only_the_proxy_knows_gets_no_secret_over_plain_http() {
    still(async {
        let server = Server::start().await;
        let mut config = through(&server, "http://public.invalid/feed");
        config
            .headers
            .insert(AUTHORIZATION, HeaderValue::from_static("Bearer s"));
        // The user allowed a private network, nothing else.
        config.plain_http = true;
        let mut subscriber = Subscriber::open(config);
        let peer = asked(&server, &mut subscriber).await;
        assert_eq!(
            peer.and_then(|peer| peer.header("authorization").map(str::to_owned)),
            None
        );
    });
}

#[test]
fn a_password_in_the_address_is_a_secret() {
    still(async {
        let server = Server::start().await;
        let config = through(&server, "http://me:hunter2@public.invalid/feed");
        let mut subscriber = Subscriber::open(config);
        let peer = asked(&server, &mut subscriber).await;
        assert_eq!(
            peer.and_then(|peer| peer.header("authorization").map(str::to_owned)),
            None
        );
    });
}

#[test]
fn a_redirect_does_not_take_the_secret_of_an_address_along_unencrypted() {
    still(async {
        let server = Server::start().await;
        let mut config = through(&server, "http://localhost/feed?auth=hunter2");
        config.secret_address = true;
        let mut subscriber = Subscriber::open(config);
        let peer = server.accept().await;
        // As servers redirect that send all requests to another name.
        peer.redirect(301, "http://public.invalid/feed?auth=hunter2")
            .await;
        let peer = asked(&server, &mut subscriber).await;
        assert_eq!(peer.map(|peer| peer.path().to_owned()), None);
    });
}

#[test]
fn what_is_for_this_computer_does_not_go_to_a_proxy_elsewhere_unencrypted() {
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    if probe.connect("203.0.113.1:9").is_err() {
        return;
    }
    let own = probe.local_addr().unwrap().ip();
    still(async {
        let elsewhere = TcpListener::bind((own, 0)).await.unwrap();
        let mut config = FeedConfig::new(Url::parse("http://localhost/feed").unwrap());
        config.proxy =
            Proxy::Url(Url::parse(&format!("http://{}", elsewhere.local_addr().unwrap())).unwrap());
        config
            .headers
            .insert(AUTHORIZATION, HeaderValue::from_static("Bearer s"));
        let mut subscriber = Subscriber::open(config);
        assert_eq!(subscriber.state().await, State::Connecting);
        tokio::select! {
            _ = elsewhere.accept() => panic!("it goes to {own}"),
            state = subscriber.state() => assert!(matches!(state, State::Stopped { .. }), "{state:?}"),
        }
    });
}

#[test]
fn debug_shows_no_password_of_a_proxy() {
    let mut config = FeedConfig::new(Url::parse("https://example.org/feed").unwrap());
    config.proxy = Proxy::Url(Url::parse("http://me:hunter2@proxy.example:8080").unwrap());
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_header_that_is_given_twice_is_sent_twice() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        config
            .headers
            .append("x-key", HeaderValue::from_static("a"));
        config
            .headers
            .append("x-key", HeaderValue::from_static("b"));
        let _subscriber = Subscriber::open(config);
        let peer = server.accept().await;
        assert_eq!(
            peer.header("x-key"),
            Some("a"),
            "the first one is there too"
        );
    });
}
