//! `run`, and what talks to it.

use serde_json::Value;

use crate::support::{Home, Running, Server, post};

fn status(home: &Home) -> Value {
    let ran = home.run(&["status", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 1, "{}", ran.out);
    serde_json::from_str(&ran.out).unwrap()
}

/// A notifier with its hub and the feed subscribed to it; the hub's address.
fn run_try(home: &Home) -> (Running, String) {
    let run = home.start(&["run", "--try"]);
    let line = run.err.until("The hub listens on ");
    let url = line.split_once("http://").expect(&line).1;
    let url = format!("http://{url}");
    let curl = run.err.until("curl ");
    assert!(curl.contains(&format!("{url}/publish")), "{curl}");
    run.err.until("Try it: live");
    (run, url)
}

fn like(url: &str, title: &str) {
    let json = format!(r#"{{"event":"like","data":{{"title":"{title}"}}}}"#);
    let answer = post(&format!("{url}/publish"), &json);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_like_is_printed_counted_and_kept_without_a_session_bus() {
    let home = Home::new();
    let (mut run, url) = run_try(&home);
    like(&url, "Ada liked your \\u001b[31mpost");
    let line = run.out.next();
    assert!(
        line.ends_with("  Ada liked your \u{fffd}[31mpost"),
        "{line}"
    );
    let app = status(&home);
    assert_eq!(app["unread"], 1);
    assert_eq!(app["trying"], true);
    assert_eq!(app["hub"]["state"]["url"], Value::String(url.clone()));
    assert_eq!(app["feeds"][0]["state"]["kind"], "live");
    assert_eq!(app["troubles"], Value::Array(Vec::new()));

    let second = home.run(&["run"]);
    assert_eq!(second.code, 1);
    assert_eq!(second.err.lines().count(), 1, "{}", second.err);

    let words = home.run(&["status"]).out;
    assert!(words.contains("1 unread message"), "{words}");
    assert!(words.contains("Try it: live"), "{words}");

    run.terminate();
    assert_eq!(run.wait().code(), Some(0));
    let after = home.run(&["status"]);
    assert_eq!((after.code, after.out.as_str()), (3, ""));
    assert!(after.err.contains("feedbell run"), "{}", after.err);
}

#[test]
fn what_comes_during_a_pause_is_kept_but_not_shown() {
    let home = Home::new();
    let (run, url) = run_try(&home);
    assert_eq!(home.run(&["pause", "1h"]).code, 0);
    run.err.until("paused until");
    assert!(status(&home)["pause"]["until"].is_i64());
    assert_eq!(home.run(&["pause"]).code, 0);
    assert_eq!(status(&home)["pause"]["until"], Value::Null);
    assert!(status(&home)["pause"].is_object());

    like(&url, "silent");
    // Counted before the pause ends, so it is the pause that keeps it silent.
    while status(&home)["unread"] != 1 {
        std::thread::yield_now();
    }
    assert_eq!(home.run(&["resume"]).code, 0);
    assert_eq!(status(&home)["pause"], Value::Null);
    like(&url, "loud");
    assert!(run.out.next().ends_with("  loud"));
    assert_eq!(status(&home)["unread"], 2);
}

#[test]
fn a_feed_is_muted_and_unmuted_by_its_name_and_status_says_so() {
    let home = Home::new();
    let (run, url) = run_try(&home);
    let said = |arguments: &[&str]| {
        let ran = home.run(arguments);
        assert_eq!(ran.code, 0, "{}", ran.err);
        ran.out
    };
    assert!(said(&["status"]).contains("\nNotifications are on\n"));
    let out = said(&["mute", "Try it", "--for", "30m"]);
    assert!(out.starts_with("Try it is muted until "), "{out}");
    let feed = &status(&home)["feeds"][0];
    assert_eq!(feed["muted"], true);
    assert!(feed["muted_until"].is_i64());
    let out = said(&["status"]);
    assert!(out.contains("\nTry it: live (muted until "), "{out}");
    like(&url, "silent");
    while status(&home)["unread"] != 1 {
        std::thread::yield_now();
    }
    assert_eq!(
        said(&["mute", "try"]),
        "Try it is muted. Its messages are kept.\n"
    );
    assert!(said(&["status"]).contains("\nTry it: live (muted)\n"));
    assert_eq!(said(&["unmute", "try"]), "Try it is not muted\n");
    assert_eq!(status(&home)["feeds"][0]["muted"], false);
    like(&url, "loud");
    assert!(run.out.next().ends_with("  loud"));

    let unknown = home.run(&["mute", "nobody"]);
    assert_eq!((unknown.code, unknown.out.as_str()), (1, ""));
    assert!(unknown.err.contains("nobody"), "{}", unknown.err);
    for wrong in [
        &["mute"][..],
        &["mute", "try", "--until", "soon"],
        &["mute", "try", "--for", "1h", "--until", "tomorrow"],
        &["pause", "1h", "--for", "1h"],
        &["pause", "1h", "--until", "tomorrow"],
    ] {
        assert_eq!(home.run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
fn resume_does_not_say_that_notifications_are_on_in_quiet_hours() {
    let home = Home::new();
    home.settings("[quiet]\non = true\n[[quiet.hours]]\nfrom = \"00:00\"\nuntil = \"24:00\"\n");
    let run = home.start(&["run"]);
    run.err.until("Quiet hours until ");
    let said = |arguments: &[&str]| home.run(arguments).out;
    let paused = "Notifications are paused until ";
    assert!(said(&["pause", "--until", "tomorrow"]).starts_with(paused));
    assert!(said(&["status"]).contains(paused));
    assert!(said(&["resume"]).starts_with("Quiet hours until "));
    let out = said(&["status"]);
    assert!(out.contains("\nQuiet hours until "), "{out}");
    assert!(
        out.contains("\nUrgent messages ring all the same.\n"),
        "{out}"
    );
    let quiet = &status(&home)["quiet"];
    assert_eq!(quiet["now"]["kind"], "hours");
    assert_eq!(quiet["breakthrough"], "urgent");
    // Without a window there is nothing to show.
    assert_eq!(said(&["open"]), "Feedbell was asked to show its window\n");
    run.err.until("has no window");
}

#[test]
fn reconnect_and_open_reach_the_notifier() {
    let home = Home::new();
    let (run, url) = run_try(&home);
    like(&url, "first");
    assert!(run.out.next().ends_with("  first"));
    for feed in [
        &["reconnect"][..],
        &["reconnect", "Try it"],
        &["reconnect", "try"],
    ] {
        let ran = home.run(feed);
        assert_eq!(ran.code, 0, "{}", ran.err);
    }
    let unknown = home.run(&["reconnect", "nobody"]);
    assert_eq!(unknown.code, 1);
    assert!(unknown.err.contains("nobody"), "{}", unknown.err);
    let opened = home.run(&["open", "--message", "1"]);
    assert_eq!(opened.code, 0);
    assert_eq!(opened.out, "Feedbell was asked to show message 1\n");
    let gone = home.run(&["open", "--message", "77"]);
    assert_eq!((gone.code, gone.out.as_str()), (1, ""));
    assert!(gone.err.contains("77"), "{}", gone.err);
    assert_eq!(run.out.next(), "first");
    // Nothing came twice after the reconnects.
    like(&url, "second");
    assert!(run.out.next().ends_with("  second"));
}

#[test]
fn what_was_missed_comes_once_after_a_restart() {
    let (home, server) = (Home::new(), Server::new());
    home.settings(&format!(
        "version = 1\nlanguage = \"zh-CN\"\n\n[[feed]]\nid = \"a\"\nname = \"Ada\"\nurl = \"{}\"\n",
        server.url("/feed")
    ));
    let mut run = home.start(&["run"]);
    let mut visit = server.accept();
    visit.open();
    // In the settings' language, not the system's.
    run.err.until("Ada：在线");
    visit.send("event: note\nid: 1\ndata: one\n\n");
    run.out.until("one");
    run.terminate();
    assert_eq!(run.wait().code(), Some(0));
    drop(visit);

    let run = home.start(&["run"]);
    let mut visit = server.accept();
    assert!(
        visit.head.contains("\r\nlast-event-id: 1\r\n"),
        "{}",
        visit.head
    );
    visit.open();
    visit.send("event: note\nid: 1\ndata: one\n\nevent: note\nid: 2\ndata: two\n\n");
    run.out.until("two");
    assert_eq!(status(&home)["unread"], 2);
}

#[test]
fn a_feed_that_ends_as_a_matter_of_routine_is_told_once() {
    let (home, server) = (Home::new(), Server::new());
    home.settings(&format!(
        "version = 1\n\n[[feed]]\nid = \"a\"\nname = \"Ada\"\nurl = \"{}\"\n",
        server.url("/feed")
    ));
    let mut run = home.start(&["run"]);
    for id in 1..=4 {
        let mut visit = server.accept();
        visit.open();
        visit.send(&format!("retry: 1\nid: {id}\ndata: number {id}\n\n"));
        run.out.until(&format!("number {id}"));
        // The state is known to be told before the stream ends.
        assert_eq!(status(&home)["feeds"][0]["state"]["kind"], "live");
    }
    run.terminate();
    run.out.rest();
    let told: Vec<String> = run.err.rest();
    let live = told.iter().filter(|line| line.ends_with("Ada: live"));
    assert_eq!(live.count(), 1, "{told:?}");
    assert_eq!(run.wait().code(), Some(0));
}

#[test]
fn wrong_settings_are_said_and_the_rest_goes_on() {
    let home = Home::new();
    home.settings("version = 1\n\n[inbox]\nkeep_days = \"many\"\n");
    let mut run = home.start(&["run", "--try"]);
    run.err.until("keep_days");
    assert!(run.is_running());
    let troubles = status(&home)["troubles"].clone();
    assert_eq!(troubles.as_array().map(Vec::len), Some(1), "{troubles}");
    run.terminate();
    assert_eq!(run.wait().code(), Some(0));
}

#[test]
fn without_a_notifier_there_is_nothing_to_talk_to() {
    let home = Home::new();
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["pause"],
        &["pause", "tomorrow"],
        &["pause", "--for", "1h"],
        &["pause", "--until", "15:40"],
        &["resume"],
        &["mute", "feed"],
        &["unmute", "feed"],
        &["reconnect"],
        &["open"],
    ] {
        let ran = home.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{arguments:?}");
        assert!(ran.err.contains("feedbell run"), "{}", ran.err);
    }
}
