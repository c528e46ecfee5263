//! The steps of one attempt.

use feed::{Check, CheckUpdate, Detail, Outcome, Step, StopReason, Trouble, check};
use tokio::sync::mpsc;
use url::Url;

use crate::support::{Server, milliseconds, still};

async fn step(updates: &mut mpsc::Receiver<CheckUpdate>) -> (Step, Outcome) {
    match updates.recv().await.unwrap() {
        CheckUpdate::Step(step) => (step.step, step.outcome),
        other => panic!("no step but {other:?}"),
    }
}

fn passed(step: Step) -> (Step, Outcome) {
    (step, Outcome::Passed(Detail::None))
}

#[test]
fn a_good_feed_passes_step_by_step_and_shows_what_arrives() {
    still(async {
        let server = Server::start().await;
        let mut config = server.config();
        let port = config.url.port();
        config.url = Url::parse("http://localhost/first?auth=secret").unwrap();
        config.url.set_port(port).unwrap();
        let (_check, mut updates): (Check, _) = check(config);
        server
            .accept()
            .await
            .redirect(302, "/second?auth=secret")
            .await;
        let mut peer = server.stream().await;

        let (name, outcome) = step(&mut updates).await;
        assert_eq!(name, Step::Name);
        assert!(
            matches!(&outcome, Outcome::Passed(Detail::Addresses(found)) if found.iter().all(std::net::IpAddr::is_loopback)),
            "{outcome:?}"
        );
        assert_eq!(step(&mut updates).await, passed(Step::Connect));
        let there = format!("http://localhost:{}/second?…", port.unwrap());
        let redirected = Outcome::Passed(Detail::Redirected(vec![there]));
        assert_eq!(step(&mut updates).await, (Step::Answer, redirected));
        let content_type = Outcome::Passed(Detail::ContentType("text/event-stream".into()));
        assert_eq!(step(&mut updates).await, (Step::ContentType, content_type));

        peer.send(":").await;
        assert_eq!(step(&mut updates).await, passed(Step::FirstByte));
        peer.send("\n").await;
        assert_eq!(step(&mut updates).await, passed(Step::KeepAlive));
        peer.send("data: a\n\ndata: b\n\n").await;
        assert_eq!(step(&mut updates).await, passed(Step::FirstEvent));
        for expected in ["a", "b"] {
            match updates.recv().await.unwrap() {
                CheckUpdate::Event(event) => assert_eq!(event.data, expected),
                other => panic!("no event but {other:?}"),
            }
        }
        let no_ids = (Step::Resume, Outcome::Noted(Detail::NoIds));
        assert_eq!(step(&mut updates).await, no_ids);
        peer.end().await;
        let closed = CheckUpdate::Closed(Trouble::Ended);
        assert_eq!(updates.recv().await, Some(closed));
        assert_eq!(updates.recv().await, None);
    });
}

#[test]
fn the_step_that_fails_is_the_last() {
    still(async {
        let server = Server::start().await;
        let (_check, mut updates) = check(server.config());
        let peer = server.accept().await;
        peer.answer("200 OK", "Content-Type: text/html\r\n", "<p>Log in</p>")
            .await;
        assert_eq!(step(&mut updates).await, passed(Step::Connect));
        assert_eq!(step(&mut updates).await, passed(Step::Answer));
        let content_type = "text/html".to_owned();
        let why = StopReason::NotAnEventStream {
            content_type,
            html: true,
            redirected: None,
        };
        assert_eq!(
            step(&mut updates).await,
            (Step::ContentType, Outcome::Refused(why))
        );
        assert_eq!(updates.recv().await, None);

        let (_check, mut updates) = check(server.config());
        server.accept().await.answer("401 x", "", "").await;
        assert_eq!(step(&mut updates).await, passed(Step::Connect));
        let why = StopReason::Refused { status: 401 };
        assert_eq!(
            step(&mut updates).await,
            (Step::Answer, Outcome::Refused(why))
        );
        assert_eq!(updates.recv().await, None);

        let host = server.origin().replace("http://", "");
        let config = server.config();
        drop(server);
        let (_check, mut updates) = check(config);
        let why = Trouble::Refused { host };
        assert_eq!(
            step(&mut updates).await,
            (Step::Connect, Outcome::Failed(why))
        );
        assert_eq!(updates.recv().await, None);
    });
}

#[test]
fn dropping_a_check_closes_its_connection() {
    still(async {
        let server = Server::start().await;
        let running = check(server.config());
        let peer = server.stream().await;
        drop(running);
        peer.closed().await;
    });
}

/// A stream of two events with ids, and what a second connection gets.
async fn probed(answer: &[u8]) -> (Outcome, Option<String>) {
    let server = Server::start().await;
    let (_check, mut updates) = check(server.config());
    let mut peer = server.stream().await;
    peer.send("id: 1\ndata: a\n\nid: 2\ndata: b\n\n").await;
    let mut second = server.stream().await;
    second.send(answer).await;
    let outcome = loop {
        match updates.recv().await.unwrap() {
            CheckUpdate::Step(step) if step.step == Step::Resume => break step.outcome,
            _ if answer.is_empty() => tokio::time::advance(milliseconds(5001)).await,
            _ => {}
        }
    };
    (outcome, second.header("last-event-id").map(str::to_owned))
}

#[test]
fn resuming_is_probed_with_a_second_connection() {
    still(async {
        let passed = Outcome::Passed(Detail::None);
        let lost = Outcome::Noted(Detail::NotResumed);
        let asked = Some("1".to_owned());
        assert_eq!(probed(b"id: 2\ndata: b\n\n").await, (passed, asked.clone()));
        assert_eq!(
            probed(b"id: 3\ndata: c\n\n").await,
            (lost.clone(), asked.clone())
        );
        assert_eq!(probed(b"").await, (lost, asked));
    });
}

#[test]
fn secrets_and_proxies_have_a_step_of_their_own() {
    still(async {
        let mut config = feed::FeedConfig::new(Url::parse("http://192.168.1.20/").unwrap());
        config.secret_address = true;
        let (_check, mut updates) = check(config);
        let host = "192.168.1.20".to_owned();
        let why = StopReason::Unencrypted { host };
        assert_eq!(
            step(&mut updates).await,
            (Step::Access, Outcome::Refused(why))
        );

        let nobody = Server::start().await.url("/");
        let mut config = feed::FeedConfig::new(Url::parse("https://example.invalid/").unwrap());
        config.proxy = feed::Proxy::Url(nobody.clone());
        let (_check, mut updates) = check(config);
        let (at, outcome) = step(&mut updates).await;
        assert_eq!(at, Step::Proxy);
        let Outcome::Failed(Trouble::Proxy { proxy, .. }) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(nobody.as_str(), format!("http://{proxy}/"));
    });
}
