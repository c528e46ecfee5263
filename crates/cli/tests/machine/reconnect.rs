//! What reconnects, what does not, and how often.

use std::time::Duration;

use serde_json::Value;
use zbus::{ObjectPath, Variant};

use crate::{
    bus::{LOGIND, NETWORK_MANAGER, NETWORKD, Place},
    site::{Site, Visit},
    support::{Home, Running},
};

/// `feedbell run` with these feeds, on this system bus.
fn run(home: &Home, bus: &str, feeds: &[String]) -> Running {
    home.settings(&format!("version = 1\n\n{}", feeds.join("\n")));
    let mut command = home.command(&["run"]);
    Running::start(command.env("DBUS_SYSTEM_BUS_ADDRESS", bus))
}

/// An event that went all the way to the terminal.
fn marker(run: &Running, visit: &mut Visit, id: u32, text: &str) {
    visit.event(id, text);
    let line = run.out.next();
    assert!(line.ends_with(&format!("  {text}")), "{line}");
}

/// Sends these and waits for each, and for as many answers of the control socket: were a reconnect
/// under way, this connection would end meanwhile.
fn left_alone(home: &Home, run: &Running, visit: &mut Visit, ids: std::ops::RangeInclusive<u32>) {
    for id in ids {
        marker(run, visit, id, &format!("marker {id}"));
        assert_eq!(unread(home), id);
    }
}

fn unread(home: &Home) -> Value {
    let ran = home.run(&["status", "--json"]);
    let app: Value = serde_json::from_str(&ran.out).unwrap();
    app["unread"].clone()
}

fn primary(path: &str) -> Variant<'_> {
    Variant::from(ObjectPath::try_from(path).unwrap())
}

#[test]
fn a_half_open_connection_is_replaced_when_the_machine_wakes_up() {
    let (home, site, place) = (Home::new(), Site::new(), Place::new());
    let bus = place.start();
    let logind = bus.service(&[LOGIND]);
    let mut monitor = bus.monitor();
    let mut run = run(&home, &place.address(), &[site.feed("Ada", "")]);
    let mut dead = site.accept();
    assert_eq!(dead.last_event_id(), None);
    dead.open();
    marker(&run, &mut dead, 1, "before");
    monitor.until_heard();

    logind.prepare_for_sleep(true);
    logind.prepare_for_sleep(false);
    let mut fresh = site.accept();
    assert_eq!(fresh.last_event_id(), Some("1"));
    dead.until_closed();
    fresh.open();
    // The server cannot know what was taken, and sends it again.
    fresh.event(1, "before");
    marker(&run, &mut fresh, 2, "after");
    assert_eq!(unread(&home), 2);
    site.nobody_waits();
    run.terminate();
    assert_eq!(run.wait().code(), Some(0));
    assert!(run.out.rest().is_empty());
}

#[test]
fn a_long_wait_is_cut_short_by_a_wake_and_by_the_network() {
    let (home, site, place) = (Home::new(), Site::new(), Place::new());
    let bus = place.start();
    let mut monitor = bus.monitor();
    let run = run(&home, &place.address(), &[site.feed("Ada", "")]);
    let later = "503 Service Unavailable\r\nRetry-After: 3600";
    site.accept().answer(later);
    run.err.until("Ada: reconnecting");
    monitor.until_heard();

    // Both come up only now.
    let logind = bus.service(&[LOGIND]);
    let network = bus.service(&[NETWORK_MANAGER]);
    logind.sleep_and_wake();
    site.accept().answer(later);
    // The network comes while the attempt at the wake has failed already.
    network.state(70);
    let mut visit = site.accept();
    visit.open();
    marker(&run, &mut visit, 1, "there");
    site.nobody_waits();
}

#[test]
fn signals_close_together_are_one_reconnect_and_one_more_try_of_what_failed() {
    let (home, live, failing, place) = (Home::new(), Site::new(), Site::new(), Place::new());
    let bus = place.start();
    let services = bus.service(&[LOGIND, NETWORK_MANAGER]);
    let mut monitor = bus.monitor();
    let feeds = [live.feed("Ada", ""), failing.feed("Bob", "")];
    let run = run(&home, &place.address(), &feeds);
    let later = "503 Service Unavailable\r\nRetry-After: 3600";
    let mut first = live.accept();
    first.open();
    marker(&run, &mut first, 1, "one");
    failing.accept().answer(later);
    run.err.until("Bob: reconnecting");
    monitor.until_heard();

    // As a network comes.
    services.state(40);
    let path = "/org/freedesktop/NetworkManager/ActiveConnection/2";
    services.network_manager(&[
        ("PrimaryConnection", primary(path)),
        ("State", 60u32.into()),
    ]);
    services.state(60);
    services.network_manager(&[("Connectivity", 4u32.into()), ("State", 70u32.into())]);
    services.state(70);
    let mut second = live.accept();
    assert_eq!(second.last_event_id(), Some("1"));
    first.until_closed();
    second.open();
    marker(&run, &mut second, 2, "two");
    // What failed is tried at once, and once more when all is said.
    failing.accept().answer(later);
    failing.accept().answer(later);
    left_alone(&home, &run, &mut second, 3..=6);
    live.nobody_waits();
    failing.nobody_waits();
    services.sleep_and_wake();
    assert_eq!(live.accept().last_event_id(), Some("6"));
    failing.accept();
}

#[test]
fn each_kind_of_network_news_is_understood() {
    let (home, site, place) = (Home::new(), Site::new(), Place::new());
    let bus = place.start();
    let services = bus.service(&[LOGIND, NETWORK_MANAGER, NETWORKD]);
    let mut monitor = bus.monitor();
    let run = run(&home, &place.address(), &[site.feed("Ada", "")]);
    let mut visit = site.accept();
    visit.open();
    monitor.until_heard();
    let path = "/org/freedesktop/NetworkManager/ActiveConnection/7";
    let news: [&dyn Fn(); 5] = [
        &|| services.state(70),
        &|| services.network_manager(&[("Connectivity", 4u32.into())]),
        &|| services.network_manager(&[("PrimaryConnection", primary(path))]),
        &|| services.networkd(&[("OperationalState", "routable".into())]),
        &|| services.prepare_for_sleep(false),
    ];
    for (id, tell) in (1u32..).zip(news) {
        marker(&run, &mut visit, id, "marker");
        // What comes after a sleep is no part of what came before.
        services.prepare_for_sleep(true);
        tell();
        let mut next = site.accept();
        assert_eq!(next.last_event_id(), Some(id.to_string().as_str()));
        next.open();
        std::mem::replace(&mut visit, next).until_closed();
    }
}

#[test]
fn what_others_pretend_is_ignored() {
    let (home, site, place) = (Home::new(), Site::new(), Place::new());
    let bus = place.start();
    let services = bus.service(&[LOGIND, NETWORK_MANAGER]);
    let liar = bus.service(&[]);
    let mut monitor = bus.monitor();
    let run = run(&home, &place.address(), &[site.feed("Ada", "")]);
    let mut first = site.accept();
    first.open();
    marker(&run, &mut first, 1, "one");
    let listener = monitor.until_heard();

    liar.pretend(&listener);
    left_alone(&home, &run, &mut first, 2..=5);
    services.sleep_and_wake();
    assert_eq!(site.accept().last_event_id(), Some("5"));
}

#[test]
fn a_network_that_is_lost_is_no_reason() {
    let (home, site, place) = (Home::new(), Site::new(), Place::new());
    let bus = place.start();
    let services = bus.service(&[LOGIND, NETWORK_MANAGER, NETWORKD]);
    let mut monitor = bus.monitor();
    let run = run(&home, &place.address(), &[site.feed("Ada", "")]);
    let mut first = site.accept();
    first.open();
    monitor.until_heard();
    services.state(70);
    let mut visit = site.accept();
    visit.open();
    // What comes after a sleep is no part of what came before.
    services.prepare_for_sleep(true);
    for state in [60, 50, 10, 20, 30, 40] {
        services.state(state);
    }
    services.network_manager(&[("PrimaryConnection", primary("/"))]);
    for connectivity in [0u32, 1, 2, 3] {
        services.network_manager(&[("Connectivity", connectivity.into())]);
    }
    services.networkd(&[("OperationalState", "degraded".into())]);
    // Of no interest, and of another type than documented.
    services.network_manager(&[("WirelessEnabled", true.into()), ("State", "70".into())]);
    left_alone(&home, &run, &mut visit, 1..=4);

    services.state(50);
    assert_eq!(site.accept().last_event_id(), Some("4"));
}

#[test]
fn a_stopped_feed_looks_again_unless_it_was_asked_to_stay_away() {
    let (home, place) = (Home::new(), Place::new());
    let [gone, ended, missing] = [Site::new(), Site::new(), Site::new()];
    let bus = place.start();
    let logind = bus.service(&[LOGIND]);
    let mut monitor = bus.monitor();
    let feeds = [
        gone.feed("Gone", ""),
        ended.feed("Ended", "stop_on = [\"pause\"]\n"),
        missing.feed("Missing", ""),
    ];
    let run = run(&home, &place.address(), &feeds);
    gone.accept().answer("204 No Content");
    run.err.until("Gone: stopped");
    let mut visit = ended.accept();
    visit.open();
    visit.send("event: pause\ndata: enough\n\n");
    run.err.until("Ended: stopped");
    run.out.until("enough");
    missing.accept().answer("404 Not Found");
    run.err.until("Missing: stopped");
    monitor.until_heard();

    // Feeds are told in the order of the settings, the missing one last.
    for id in 1..=3 {
        logind.sleep_and_wake();
        let mut found = missing.accept();
        found.open();
        marker(&run, &mut found, id, "found");
        gone.nobody_waits();
        ended.nobody_waits();
    }

    // A person's word counts more.
    assert_eq!(home.run(&["reconnect"]).code, 0);
    for site in [&gone, &ended] {
        site.accept().open();
        site.nobody_waits();
    }
}

#[test]
fn a_bus_may_come_late_and_go_and_come_back() {
    let (home, site, place) = (Home::new(), Site::new(), Place::new());
    let run = run(&home, &place.address(), &[site.feed("Ada", "")]);
    let mut visit = site.accept();
    visit.open();
    for id in 1..=2 {
        marker(&run, &mut visit, id, "marker");
        let bus = place.start();
        let logind = bus.service(&[LOGIND]);
        // Nothing tells when it listens: the machine sleeps until it does.
        let mut sleeps = (0..150).map(|_| {
            logind.sleep_and_wake();
            site.accept_within(Duration::from_millis(200))
        });
        let mut next = sleeps.find_map(|visit| visit).expect("it listens");
        assert_eq!(next.last_event_id(), Some(id.to_string().as_str()));
        next.open();
        visit = next;
    }
    marker(&run, &mut visit, 3, "last");
    assert_eq!(unread(&home), 3);
}

#[test]
fn no_system_bus_is_no_trouble() {
    for bus in ["unix:path=/nonexistent/bus", "no address"] {
        let (home, site) = (Home::new(), Site::new());
        let mut run = run(&home, bus, &[site.feed("Ada", "")]);
        let mut visit = site.accept();
        visit.open();
        marker(&run, &mut visit, 1, "all the same");
        let app: Value = serde_json::from_str(&home.run(&["status", "--json"]).out).unwrap();
        assert_eq!(app["troubles"], Value::Array(Vec::new()));
        run.terminate();
        assert_eq!(run.wait().code(), Some(0));
    }
}
