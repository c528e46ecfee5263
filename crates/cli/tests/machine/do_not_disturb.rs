//! The system's do-not-disturb, as each daemon keeps it.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;
use zbus::Variant;

use crate::{
    bus::{Answer, Answers, Place, Service},
    support::{Home, Running},
};

const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
const ON: &str = "The system’s do not disturb is on";
const OFF: &str = "Notifications are on";

/// `feedbell run` in this session.
fn run(home: &Home, place: &Place) -> Running {
    home.settings("version = 1\n");
    let mut command = home.command(&["run"]);
    Running::start(command.env("DBUS_SESSION_BUS_ADDRESS", place.address()))
}

fn daemon(service: &Service<'_>, name: &'static str, on: Option<(&'static str, bool)>) -> Answers {
    let named = ("GetServerInformation", Answer::Name(name));
    let state = on.map(|(property, on)| (property, Answer::Bool(on)));
    let answers: HashMap<_, _> = [named].into_iter().chain(state).collect();
    let answers: Answers = Arc::new(answers.into());
    service.serve(Arc::clone(&answers));
    answers
}

fn set(answers: &Answers, property: &'static str, on: bool) {
    answers.lock().unwrap().insert(property, Answer::Bool(on));
}

/// The kind of quiet that `status` tells.
fn kind(home: &Home) -> Value {
    let ran = home.run(&["status", "--json"]);
    let app: Value = serde_json::from_str(&ran.out).unwrap();
    app["quiet"]["now"]["kind"].clone()
}

#[test]
fn plasma_s_is_followed_from_the_start_and_ends_with_the_daemon() {
    let (home, place) = (Home::new(), Place::new());
    let bus = place.start();
    let run = {
        let plasma = bus.service(&[NOTIFICATIONS]);
        let answers = daemon(&plasma, "Plasma", Some(("Inhibited", true)));
        let run = run(&home, &place);
        run.err.until(ON);
        assert_eq!(kind(&home), "system");
        let changed = |on: bool| {
            set(&answers, "Inhibited", on);
            let changed = [("Inhibited", Variant::from(on))];
            plasma.properties(PATH, NOTIFICATIONS, &changed);
        };
        changed(false);
        run.err.until(OFF);
        assert_eq!(kind(&home), Value::Null);
        changed(true);
        run.err.until(ON);
        plasma.leave();
        run
    };
    run.err.until(OFF);
}

#[test]
fn dunst_s_is_followed_once_it_comes_up_and_its_other_news_change_nothing() {
    let (home, place) = (Home::new(), Place::new());
    let bus = place.start();
    let run = run(&home, &place);
    run.err.until("No feeds");
    let dunst = bus.service(&[]);
    let answers = daemon(&dunst, "dunst", Some(("paused", true)));
    dunst.own(NOTIFICATIONS);
    run.err.until(ON);
    // What it does not say in a signal about this is not asked for.
    set(&answers, "paused", false);
    let cmd = "org.dunstproject.cmd0";
    dunst.properties(PATH, cmd, &[("displayedLength", Variant::from(1u32))]);
    dunst.properties(PATH, cmd, &[("paused", Variant::from(false))]);
    run.err.until(OFF);
}

#[test]
fn xfce_s_is_followed_in_its_settings_and_nobody_else_s_word_counts() {
    let (home, place) = (Home::new(), Place::new());
    let bus = place.start();
    let daemon_ = bus.service(&[NOTIFICATIONS]);
    daemon(&daemon_, "Xfce Notify Daemon", None);
    let xfconf = bus.service(&["org.xfce.Xfconf"]);
    let answers: Answers = Arc::new(HashMap::from([("GetProperty", Answer::Bool(true))]).into());
    xfconf.serve(Arc::clone(&answers));
    let run = run(&home, &place);
    run.err.until(ON);
    let place = ("/org/xfce/Xfconf", "org.xfce.Xfconf");
    let switched = |who: &Service<'_>, on: bool| {
        let value = Variant::from(on);
        let body = ("xfce4-notifyd", "/do-not-disturb", value);
        who.signal(place, "PropertyChanged", &body);
    };
    // A stranger's signal makes us look at most.
    let stranger = bus.service(&["org.example.Stranger"]);
    switched(&stranger, false);
    set(&answers, "GetProperty", false);
    switched(&xfconf, false);
    run.err.until(OFF);
    set(&answers, "GetProperty", true);
    let gone = ("xfce4-notifyd", "/do-not-disturb");
    xfconf.signal(place, "PropertyRemoved", &gone);
    run.err.until(ON);
}

#[test]
fn gnome_s_is_read_where_gnome_keeps_it_when_it_changes() {
    let (home, place) = (Home::new(), Place::new());
    let bus = place.start();
    let shell = bus.service(&[NOTIFICATIONS]);
    daemon(&shell, "gnome-shell", None);
    let state = home.path().join("show-banners");
    std::fs::write(&state, "false").unwrap();
    let bin = home.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$*\" = 'get org.gnome.desktop.notifications show-banners' ] && cat '{}'\n",
        state.display()
    );
    let gsettings = bin.join("gsettings");
    std::fs::write(&gsettings, script).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&gsettings, mode).unwrap();
    home.settings("version = 1\n");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = home.command(&["run"]);
    command
        .env("DBUS_SESSION_BUS_ADDRESS", place.address())
        .env("PATH", path);
    let run = Running::start(&mut command);
    run.err.until(ON);
    std::fs::write(&state, "true").unwrap();
    let writer = ("/ca/desrt/dconf/Writer/user", "ca.desrt.dconf.Writer");
    let other = ("/org/gnome/desktop/interface/", vec!["clock-format"], "tag");
    shell.signal(writer, "Notify", &other);
    let key = "/org/gnome/desktop/notifications/show-banners";
    shell.signal(writer, "Notify", &(key, vec![""], "tag"));
    run.err.until(OFF);
}

#[test]
fn settings_that_do_not_follow_the_system_are_not_quiet() {
    let (home, place) = (Home::new(), Place::new());
    let bus = place.start();
    let plasma = bus.service(&[NOTIFICATIONS]);
    daemon(&plasma, "Plasma", Some(("Inhibited", true)));
    let run = run(&home, &place);
    run.err.until(ON);
    home.settings("version = 1\n[quiet]\nfollow_system = false\n");
    run.err.until(OFF);
    assert_eq!(kind(&home), Value::Null);
}
