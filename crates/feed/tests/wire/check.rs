//! The steps of one attempt.

use feed::{Check, CheckUpdate, Detail, Outcome, Step, StopReason, Trouble, check};
use tokio::sync::mpsc;
use url::Url;

use crate::support::{Server, still};

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
