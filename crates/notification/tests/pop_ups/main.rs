//! Pop-ups on a private session bus, taken by a scripted daemon.
//!
//! notify-rust finds the bus by environment variable. So each test runs itself
//! again as a child process whose environment names a bus of its own.
#![cfg(all(unix, not(target_os = "macos")))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    unreachable_pub,
    reason = "tests fail by panicking; clippy.toml covers only the test functions themselves"
)]

mod daemon;
mod private_bus;

use std::time::Duration;

use daemon::{Answer, Daemon, Script};
use notification::{
    Action, App, MAX_ALIVE, Notification, Notifications, Reason, Signal, Sound, Trouble, Urgency,
};
use private_bus::on_a_private_bus;
use tokio::sync::mpsc;

/// Long enough for a busy machine; nothing waits this long unless it fails.
const SOON: Duration = Duration::from_secs(20);

type Signals = mpsc::Receiver<Signal>;

async fn next(signals: &mut Signals) -> Signal {
    tokio::time::timeout(SOON, signals.recv())
        .await
        .expect("a signal in time")
        .expect("an owner")
}

/// A bell that has found `script`'s daemon.
async fn bell(script: Script) -> (Notifications, Signals, Daemon) {
    let daemon = Daemon::start(script).await;
    let (bell, mut signals) = Notifications::start(App::new("Feedbell", "Bell", "bell-icon"));
    assert!(matches!(next(&mut signals).await, Signal::Available(_)));
    (bell, signals, daemon)
}

fn like(key: &str) -> Notification {
    Notification {
        title: "Ada liked your post".into(),
        body: "\"<b>1</b> & 2\"".into(),
        actions: vec![
            Action::new(Action::CLICK, "Open"),
            Action::new("read", "Mark read"),
        ],
        ..Notification::new(key)
    }
}

#[test]
fn everything_said_reaches_the_daemon() {
    on_a_private_bus("everything_said_reaches_the_daemon", async {
        let (bell, _signals, mut daemon) = bell(Script::default()).await;
        let shown = Notification {
            urgency: Urgency::Critical,
            icon: Some("mail-unread".into()),
            category: Some("im.received".into()),
            transient: true,
            ..like("m1")
        };
        bell.show(shown).await.unwrap();
        let seen = daemon.notified().await;
        assert_eq!(seen.app, "Feedbell");
        assert_eq!(seen.replaces, 0);
        assert_eq!(seen.icon, "mail-unread");
        assert_eq!(seen.title, "Ada liked your post");
        assert_eq!(seen.body, "\"&lt;b&gt;1&lt;/b&gt; &amp; 2\"");
        assert_eq!(seen.actions, ["default", "Open", "read", "Mark read"]);
        assert_eq!(seen.urgency, Some(2));
        assert_eq!(seen.hint("desktop-entry").as_deref(), Some("Bell"));
        assert_eq!(seen.hint("category").as_deref(), Some("im.received"));
        assert!(seen.transient);
        assert_eq!(seen.timeout, 0, "what is critical stays");

        bell.show(Notification {
            urgency: Urgency::Low,
            ..Notification::new("m2")
        })
        .await
        .unwrap();
        let seen = daemon.notified().await;
        assert_eq!(seen.title, "Feedbell", "no title: the app's name");
        assert_eq!(seen.icon, "bell-icon");
        assert_eq!((seen.urgency, seen.timeout), (Some(0), -1));
        assert!(!seen.transient && seen.actions.is_empty());
    });
}

#[test]
fn a_daemon_without_abilities_gets_plain_text_and_no_actions() {
    on_a_private_bus(
        "a_daemon_without_abilities_gets_plain_text_and_no_actions",
        async {
            let script = Script {
                capabilities: vec!["body"],
                ..Script::default()
            };
            let (bell, _signals, mut daemon) = bell(script).await;
            bell.show(like("m1")).await.unwrap();
            let seen = daemon.notified().await;
            assert_eq!(seen.body, "\"<b>1</b> & 2\"");
            assert!(seen.actions.is_empty());
        },
    );
}

#[test]
fn xfce_gets_no_second_button_for_the_click() {
    on_a_private_bus("xfce_gets_no_second_button_for_the_click", async {
        let script = Script {
            name: "Xfce Notify Daemon",
            ..Script::default()
        };
        let (bell, _signals, mut daemon) = bell(script).await;
        bell.show(like("m1")).await.unwrap();
        assert_eq!(daemon.notified().await.actions, ["read", "Mark read"]);
    });
}

#[test]
fn an_action_comes_back_with_its_key() {
    on_a_private_bus("an_action_comes_back_with_its_key", async {
        // Some daemons signal everybody, others only the connection that called.
        for unicast in [false, true] {
            let script = Script {
                unicast,
                ..Script::default()
            };
            let (bell, mut signals, mut daemon) = bell(script).await;
            for (key, action) in [("m1", "read"), ("m2", "default")] {
                bell.show(like(key)).await.unwrap();
                let seen = daemon.notified().await;
                let _acting = daemon.act(&seen, action);
                let signal = Signal::Action {
                    key: key.to_owned(),
                    action: action.to_owned(),
                    token: None,
                };
                assert_eq!(next(&mut signals).await, signal);
                assert_eq!(
                    daemon.withdrawn().await,
                    seen.id,
                    "an action ends the pop-up"
                );
            }
            daemon.stop().await;
        }
    });
}

#[test]
fn a_pop_up_that_ends_says_why() {
    on_a_private_bus("a_pop_up_that_ends_says_why", async {
        let (bell, mut signals, mut daemon) = bell(Script::default()).await;
        for (code, reason) in [(1, Reason::Expired), (2, Reason::Dismissed)] {
            bell.show(like("m1")).await.unwrap();
            let seen = daemon.notified().await;
            let _ending = daemon.end(&seen, code);
            let key = "m1".to_owned();
            assert_eq!(next(&mut signals).await, Signal::Closed { key, reason });
        }
        bell.show(like("m2")).await.unwrap();
        let seen = daemon.notified().await;
        assert_eq!(seen.replaces, 0, "what has ended is not replaced");
        bell.close("m2").await;
        assert_eq!(daemon.withdrawn().await, seen.id);
        let (key, reason) = ("m2".to_owned(), Reason::Withdrawn);
        assert_eq!(next(&mut signals).await, Signal::Closed { key, reason });
    });
}

#[test]
fn the_same_key_replaces_in_place_and_from_the_same_connection() {
    on_a_private_bus(
        "the_same_key_replaces_in_place_and_from_the_same_connection",
        async {
            let (bell, mut signals, mut daemon) = bell(Script {
                unicast: true,
                ..Script::default()
            })
            .await;
            bell.show(like("likes")).await.unwrap();
            let first = daemon.notified().await;
            for count in 2..=5 {
                let title = format!("{count} likes");
                bell.show(Notification {
                    title: title.clone(),
                    ..like("likes")
                })
                .await
                .unwrap();
                let seen = daemon.notified().await;
                assert_eq!((seen.replaces, seen.title), (first.id, title));
                assert_eq!(seen.sender, first.sender);
            }
            bell.show(like("other")).await.unwrap();
            assert_eq!(daemon.notified().await.replaces, 0);

            let _acting = daemon.act(&first, "read");
            assert!(
                matches!(next(&mut signals).await, Signal::Action { key, .. } if key == "likes")
            );
        },
    );
}

#[test]
fn sounds_are_asked_of_daemons_that_make_them() {
    on_a_private_bus("sounds_are_asked_of_daemons_that_make_them", async {
        let named = |key: &str, sound: Sound| Notification { sound, ..like(key) };
        let bell_sound = Sound::Named("bell".into());
        let (bell, _signals, mut daemon) = bell(Script {
            capabilities: vec!["body", "sound"],
            ..Script::default()
        })
        .await;
        let mut heard = Vec::new();
        for sound in [
            Sound::Silent,
            bell_sound.clone(),
            bell_sound.clone(),
            Sound::Desktop,
        ] {
            bell.show(named("m1", sound)).await.unwrap();
            let seen = daemon.notified().await;
            heard.push((seen.hint("sound-name"), seen.suppress_sound));
        }
        let silence = (None, true);
        assert_eq!(heard[0], silence);
        assert_eq!(heard[1], (Some("bell".to_owned()), false));
        assert_eq!(&heard[2..], [silence.clone(), silence], "one at a time");
        daemon.stop().await;

        let mut daemon = Daemon::start(Script::default()).await;
        for sound in [Sound::Silent, bell_sound] {
            bell.show(named("m2", sound)).await.unwrap();
            let seen = daemon.notified().await;
            assert_eq!(
                (seen.hint("sound-name"), seen.suppress_sound),
                (None, false)
            );
        }
    });
}

#[test]
fn amending_replaces_what_stands_and_raises_nothing() {
    on_a_private_bus("amending_replaces_what_stands_and_raises_nothing", async {
        let (bell, mut signals, mut daemon) = bell(Script::default()).await;
        bell.amend(like("m1")).await.unwrap();
        bell.show(like("m1")).await.unwrap();
        let first = daemon.notified().await;
        assert_eq!((first.id, first.replaces), (1, 0), "the first that came");
        bell.amend(like("m1")).await.unwrap();
        assert_eq!(daemon.notified().await.replaces, first.id);
        let _ending = daemon.end(&first, 1);
        assert!(matches!(next(&mut signals).await, Signal::Closed { .. }));
        bell.amend(like("m1")).await.unwrap();
        bell.show(like("m2")).await.unwrap();
        let last = daemon.notified().await;
        assert_eq!((last.id, last.replaces), (2, 0), "nothing came between");
    });
}

#[test]
fn without_a_daemon_the_bell_waits_for_one() {
    on_a_private_bus("without_a_daemon_the_bell_waits_for_one", async {
        let (bell, mut signals) = Notifications::start(App::new("Feedbell", "Bell", "bell-icon"));
        assert_eq!(
            next(&mut signals).await,
            Signal::Unavailable(Trouble::NoDaemon)
        );
        assert_eq!(bell.show(like("m1")).await, Err(Trouble::NoDaemon));
        assert_eq!(bell.show(like("m1")).await, Err(Trouble::NoDaemon));

        let mut daemon = Daemon::start(Script::default()).await;
        let Signal::Available(server) = next(&mut signals).await else {
            panic!("said once, then available");
        };
        assert!(server.actions && server.markup);
        bell.show(like("m1")).await.unwrap();
        assert_eq!(daemon.notified().await.title, "Ada liked your post");
    });
}

#[test]
fn a_daemon_that_dies_takes_its_pop_ups_along() {
    on_a_private_bus("a_daemon_that_dies_takes_its_pop_ups_along", async {
        let (bell, mut signals, mut daemon) = bell(Script::default()).await;
        bell.show(like("m1")).await.unwrap();
        let before = daemon.notified().await;
        daemon.stop().await;
        let (key, reason) = ("m1".to_owned(), Reason::Lost);
        assert_eq!(next(&mut signals).await, Signal::Closed { key, reason });
        assert_eq!(
            next(&mut signals).await,
            Signal::Unavailable(Trouble::NoDaemon)
        );

        let mut daemon = Daemon::start(Script {
            capabilities: vec![],
            ..Script::default()
        })
        .await;
        let Signal::Available(server) = next(&mut signals).await else {
            panic!("available again");
        };
        assert!(!server.actions, "the new daemon is asked anew");
        bell.show(like("m1")).await.unwrap();
        let after = daemon.notified().await;
        assert_eq!(
            after.replaces, 0,
            "the number {} means nothing now",
            before.id
        );
    });
}

#[test]
fn a_refusal_is_about_one_notification() {
    on_a_private_bus("a_refusal_is_about_one_notification", async {
        let (bell, mut signals, mut daemon) = bell(Script {
            answers: vec![Answer::Refuse],
            ..Script::default()
        })
        .await;
        let Err(Trouble::Refused(reason)) = bell.show(like("m1")).await else {
            panic!("refused");
        };
        assert!(reason.contains("not today"), "{reason}");
        daemon.notified().await;
        bell.show(like("m1")).await.unwrap();
        assert_eq!(daemon.notified().await.replaces, 0);
        assert!(
            signals.try_recv().is_err(),
            "the daemon is as available as before"
        );
    });
}

#[test]
fn a_daemon_that_hangs_delays_nobody_else() {
    on_a_private_bus("a_daemon_that_hangs_delays_nobody_else", async {
        let mut daemon = Daemon::start(Script {
            answers: vec![Answer::Hang, Answer::Take, Answer::Hang, Answer::Take],
            ..Script::default()
        })
        .await;
        let (bell, mut signals) = Notifications::start(App {
            patience: Duration::from_secs(1),
            ..App::new("Feedbell", "Bell", "bell-icon")
        });
        assert!(matches!(next(&mut signals).await, Signal::Available(_)));
        let stuck = tokio::spawn({
            let bell = bell.clone();
            async move { bell.show(like("stuck")).await }
        });
        daemon.notified().await;
        bell.show(like("m1")).await.unwrap();
        assert!(!stuck.is_finished(), "shown past the one that hangs");
        assert_eq!(stuck.await.unwrap(), Err(Trouble::NoAnswer));
        assert_eq!(
            next(&mut signals).await,
            Signal::Unavailable(Trouble::NoAnswer)
        );
        daemon.notified().await;

        // The same for a replacement.
        assert_eq!(bell.show(like("m1")).await, Err(Trouble::NoAnswer));
        daemon.notified().await;
        bell.show(like("m1")).await.unwrap();
        assert_eq!(daemon.notified().await.replaces, 0);
        assert!(matches!(next(&mut signals).await, Signal::Available(_)));
    });
}

#[test]
fn a_flood_keeps_a_bounded_number_alive() {
    on_a_private_bus("a_flood_keeps_a_bounded_number_alive", async {
        let (bell, mut signals, mut daemon) = bell(Script::default()).await;
        let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
        let before = threads();
        let flood = MAX_ALIVE + 36;
        for n in 0..flood {
            bell.show(like(&format!("m{n}"))).await.unwrap();
        }
        for n in 0..flood - MAX_ALIVE {
            let (key, reason) = (format!("m{n}"), Reason::Withdrawn);
            assert_eq!(next(&mut signals).await, Signal::Closed { key, reason });
        }
        assert!(signals.try_recv().is_err(), "the youngest stay");
        let mut gone = Vec::new();
        for _ in 0..flood - MAX_ALIVE {
            gone.push(daemon.withdrawn().await);
        }
        gone.sort_unstable();
        let oldest: Vec<u32> = (1..=u32::try_from(flood - MAX_ALIVE).unwrap()).collect();
        assert_eq!(gone, oldest, "the oldest went");
        assert!(threads() <= before + 4, "no thread per pop-up");

        // The youngest one is still heard.
        let mut last = daemon.notified().await;
        while last.id != u32::try_from(flood).unwrap() {
            last = daemon.notified().await;
        }
        let _acting = daemon.act(&last, "read");
        assert!(
            matches!(next(&mut signals).await, Signal::Action { key, .. } if key == format!("m{}", flood - 1))
        );
    });
}

#[test]
fn an_activation_token_comes_with_the_action() {
    on_a_private_bus("an_activation_token_comes_with_the_action", async {
        let (bell, mut signals, mut daemon) = bell(Script::default()).await;
        bell.show(like("m1")).await.unwrap();
        let seen = daemon.notified().await;
        daemon.hand_token(&seen, "token-1").await;
        // A token's way to us is not its action's; what follows it by a round trip finds it there.
        bell.show(like("m2")).await.unwrap();
        let _acting = daemon.act(&seen, "default");
        let Signal::Action { token, .. } = next(&mut signals).await else {
            panic!("an action");
        };
        assert_eq!(token.as_deref(), Some("token-1"));
    });
}
