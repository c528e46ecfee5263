use super::*;
use crate::view::{
    Arg, FeedForm, HeaderForm, QuietForm, QuietHours, SecretForm, Sound, Theme, Urgency,
};

const WRITTEN: &str = r#"# my bell
version = 1
language = "zh-CN" # 中文
mood = "good"

[hub]
on = true
listen = "127.0.0.1:9000"

[[feed]] # the journal
id = "journal"
name = "Journal"
url = "https://journal.example/events"
bearer = { command = "pass show journal" }
colour = "blue"
headers = { X-Team = "bells" }

[[feed.rule]]
name = "likes" # only likes
events = ["like"]
title = "{{ actor.name }} liked it"
"#;

fn file_with(text: &str) -> (tempfile::TempDir, SettingsFile) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("settings.toml");
    std::fs::write(&path, text).unwrap();
    (folder, SettingsFile::open(path))
}

fn on_disk(file: &SettingsFile) -> String {
    std::fs::read_to_string(file.path()).unwrap()
}

fn form(id: &str) -> FeedForm {
    FeedForm {
        id: id.to_owned(),
        name: "Doors".to_owned(),
        url: "http://127.0.0.1:1/events".to_owned(),
        preset: String::new(),
        enabled: true,
        muted: true,
        access: crate::view::AccessForm::None,
        headers: Vec::new(),
        stop_on: vec!["pause".to_owned()],
        watchdog_seconds: 30,
        connection: crate::view::ConnectionForm::default(),
        notification: Default::default(),
        keep_days: None,
        rules: vec![RuleForm {
            title: "{{ door }}".to_owned(),
            ..RuleForm::default()
        }],
    }
}

#[test]
fn a_missing_file_means_the_defaults_and_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = SettingsFile::open(folder.path().join("settings.toml"));
    assert_eq!(file.settings, Settings::default());
    assert!(!file.path().exists());
}

#[test]
fn everything_is_read() {
    let (_folder, file) = file_with(WRITTEN);
    assert_eq!(file.errors, []);
    assert_eq!(file.settings.general.language, "zh-CN");
    assert!(file.settings.hub.on);
    let feed = &file.settings.feeds[0];
    assert_eq!(
        feed.access,
        Access::Bearer(Secret::Command("pass show journal".into()))
    );
    assert_eq!(
        feed.headers,
        [("X-Team".to_owned(), Secret::Plain("bells".into()))]
    );
    assert_eq!(feed.rules[0].events, ["like"]);
}

#[test]
fn comments_and_unknown_keys_survive_every_kind_of_write() {
    let (_folder, mut file) = file_with(WRITTEN);
    let journal = file.settings.feeds[0].clone();
    file.put_feed(&journal).unwrap();
    assert_eq!(on_disk(&file), WRITTEN, "an unchanged feed changes nothing");

    file.put_feed(&SettingsFile::check_feed(&form("doors")).unwrap())
        .unwrap();
    file.put_hub(&HubForm {
        on: false,
        listen: "127.0.0.1:9001".into(),
        allow_origins: vec!["http://localhost:3000".into()],
        tls: HubTls::Off,
    })
    .unwrap();
    file.put_general(&GeneralForm {
        language: "en".into(),
        keep_days: 7,
        ..GeneralForm::default()
    })
    .unwrap();
    let text = on_disk(&file);
    for kept in [
        "# my bell",
        "mood = \"good\"",
        "# the journal",
        "colour = \"blue\"",
        "# only likes",
    ] {
        assert!(text.contains(kept), "{kept} is gone from:\n{text}");
    }
    let again = SettingsFile::open(file.path().to_owned());
    assert_eq!(again.settings, file.settings);
    assert_eq!(again.errors, []);
    assert_eq!(again.settings.feeds[1].rules[0].title, "{{ door }}");
    assert_eq!(again.settings.general.keep_days, 7);
    assert!(!again.settings.hub.on);

    file.remove_feed("journal").unwrap();
    assert_eq!(file.settings.feeds.len(), 1);
    assert_eq!(file.settings.feeds[0].id, "doors");
}

#[test]
fn each_wrong_field_is_named_and_the_other_feeds_go_on() {
    let cases = [
        ("url = 7", "feed.0.url", "field-type-text"),
        (
            "url = \"ftp://x.example\"",
            "feed.0.url",
            "field-url-scheme",
        ),
        (
            "url = \"http://me:pw@x.example\"",
            "feed.0.url",
            "field-url-credentials",
        ),
        ("name = \"no address\"", "feed.0.url", "field-url-missing"),
        (
            "url = \"http://x.example\"\nmuted = \"yes\"",
            "feed.0.muted",
            "field-type-flag",
        ),
        (
            "url = \"http://x.example\"\nwatchdog_seconds = -1",
            "feed.0.watchdog_seconds",
            "field-type-number",
        ),
        (
            "url = \"http://x.example\"\nstop_on = [1]",
            "feed.0.stop_on",
            "field-type-list",
        ),
        (
            "url = \"http://x.example\"\npreset = \"nope\"",
            "feed.0.preset",
            "field-preset",
        ),
        (
            "url = \"http://x.example\"\nheaders = { \"a b\" = \"c\" }",
            "feed.0.headers.a b",
            "field-header",
        ),
        (
            "url = \"http://x.example\"\nheaders = { Accept = \"c\" }",
            "feed.0.headers.Accept",
            "field-header-ours",
        ),
        (
            "url = \"http://x.example\"\nbearer = 5",
            "feed.0.bearer",
            "field-type-secret",
        ),
        (
            "url = \"http://x.example\"\nrule = [{ title = \"{{ oops\" }]",
            "feed.0.rule.0.title",
            "rule-template",
        ),
        (
            "url = \"http://x.example\"\nrule = [{ then = \"shout\" }]",
            "feed.0.rule.0.then",
            "field-then",
        ),
    ];
    for (wrong, field, id) in cases {
        let text =
            format!("[[feed]]\n{wrong}\n[[feed]]\nid = \"good\"\nurl = \"http://ok.example\"\n");
        let (_folder, file) = file_with(&text);
        let found: Vec<_> = file
            .errors
            .iter()
            .map(|e| (e.field.as_str(), e.text.id.as_str()))
            .collect();
        assert_eq!(found, [(field, id)], "{wrong}");
        let good: Vec<_> = file
            .settings
            .feeds
            .iter()
            .map(|feed| feed.id.as_str())
            .collect();
        assert_eq!(good, ["good"], "{wrong}");
        assert_eq!(file.left_out.len(), 1, "{wrong}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_said_with_its_line_and_never_written_over() {
    let broken = "version = 1\nlanguage = \n";
    let (_folder, mut file) = file_with(broken);
    let text = file.unusable.clone().unwrap();
    assert_eq!(text.id, "settings-syntax");
    assert!(
        matches!(&text.args["why"], Arg::Words(why) if why.starts_with("2")),
        "{text:?}"
    );
    let saved = file.put_general(&GeneralForm {
        language: "en".into(),
        keep_days: 1,
        ..GeneralForm::default()
    });
    assert!(matches!(saved, Err(SettingsError::Syntax(_))));
    assert_eq!(on_disk(&file), broken);

    std::fs::write(file.path(), "language = \"en\"").unwrap();
    assert!(file.reload());
    assert_eq!(file.unusable, None);
    assert_eq!(file.settings.general.language, "en");
}

#[test]
fn a_newer_file_is_refused_untouched() {
    let newer = "version = 2\nlanguage = \"tlh\"\n";
    let (_folder, mut file) = file_with(newer);
    assert_eq!(file.unusable.as_ref().unwrap().id, "settings-newer");
    let feed = SettingsFile::check_feed(&form("doors")).unwrap();
    assert!(matches!(file.put_feed(&feed), Err(SettingsError::Newer(2))));
    assert_eq!(on_disk(&file), newer);
}

#[test]
fn a_broken_edit_leaves_the_last_good_settings_in_force() {
    let (_folder, mut file) = file_with(WRITTEN);
    std::fs::write(file.path(), "[[feed]\n").unwrap();
    assert!(file.reload());
    assert!(file.unusable.is_some());
    assert_eq!(file.settings.feeds.len(), 1);
    assert!(!file.reload(), "the same trouble is told once");
}

#[test]
fn what_others_wrote_meanwhile_is_kept() {
    let (_folder, mut file) = file_with(WRITTEN);
    let edited = WRITTEN.replace("mood = \"good\"", "mood = \"better\"");
    std::fs::write(file.path(), &edited).unwrap();
    file.put_general(&GeneralForm {
        language: "auto".into(),
        keep_days: 90,
        ..GeneralForm::default()
    })
    .unwrap();
    assert!(on_disk(&file).contains("mood = \"better\""));
}

#[cfg(unix)]
#[test]
fn the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mut file = SettingsFile::open(folder.path().join("settings.toml"));
    file.put_feed(&SettingsFile::check_feed(&form("doors")).unwrap())
        .unwrap();
    let mode = std::fs::metadata(file.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_form_is_checked_with_the_same_eyes() {
    let wrong = FeedForm {
        url: "not an address".into(),
        preset: "nope".into(),
        headers: vec![HeaderForm {
            name: "a b".into(),
            value: SecretForm::Kept,
        }],
        rules: vec![RuleForm {
            when: "a ==".into(),
            ..RuleForm::default()
        }],
        ..form("x")
    };
    let fields: Vec<_> = SettingsFile::check_feed(&wrong)
        .unwrap_err()
        .into_iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(fields, ["url", "preset", "headers.0.name", "rules.0.when"]);
}

#[test]
fn the_hub_needs_an_address_and_exact_origins() {
    let check = |listen: &str, origin: &str| {
        let form = HubForm {
            on: true,
            listen: listen.into(),
            allow_origins: vec![origin.into()],
            tls: HubTls::Off,
        };
        let errors = check_hub(&form).into_iter();
        errors.map(|error| error.text.id).collect::<Vec<_>>()
    };
    assert_eq!(check("127.0.0.1:0", "http://localhost:3000"), [""; 0]);
    assert_eq!(check("0.0.0.0:1", "https://a.example"), [""; 0]);
    assert_eq!(check("here", "*"), ["field-listen", "field-origin"]);
}

#[test]
fn the_hub_s_tls_is_read_and_written() {
    for (word, tls) in [("on", HubTls::On), ("required", HubTls::Required)] {
        let (_folder, mut file) = file_with(&format!("[hub]\ntls = \"{word}\"\n"));
        assert_eq!(file.settings.hub.tls, tls);
        let form = hub_form(&file.settings.hub);
        file.put_hub(&form).unwrap();
        assert_eq!(
            SettingsFile::open(file.path().to_owned()).settings.hub.tls,
            tls
        );
        let tls = HubTls::Off;
        file.put_hub(&HubForm { tls, ..form }).unwrap();
        assert!(!on_disk(&file).contains("tls"), "{}", on_disk(&file));
    }
    let (_folder, file) = file_with("[hub]\ntls = \"maybe\"\n");
    assert_eq!(file.errors[0].field, "hub.tls");
    assert_eq!(file.errors[0].text.id, "field-tls");
}

#[test]
fn a_feed_without_an_id_keeps_the_one_its_place_gave_it() {
    let text = "[[feed]]\nurl = \"http://a.example\"\n[[feed]]\nurl = \"http://b.example\"\n";
    let (_folder, mut file) = file_with(text);
    file.remove_feed("feed-1").unwrap();
    let left: Vec<_> = file
        .settings
        .feeds
        .iter()
        .map(|feed| feed.id.as_str())
        .collect();
    assert_eq!(left, ["feed-2"]);
}

#[test]
fn a_pinned_certificate_is_a_fingerprint_and_survives_writing() {
    let with_pin = |pin: &str| {
        let mut form = form("doors");
        form.connection.pin = pin.to_owned();
        SettingsFile::check_feed(&form)
    };
    for wrong in ["abc", "sha256:12", &"0a".repeat(32)] {
        let errors = with_pin(wrong).unwrap_err();
        let named = (errors[0].field.as_str(), errors[0].text.id.as_str());
        assert_eq!(named, ("connection.pin", "field-pin"), "{wrong}");
    }
    let pin = format!("sha256:{}", "0a".repeat(32));
    let (_folder, mut file) = file_with("");
    file.put_feed(&with_pin(&format!(" {pin} ")).unwrap())
        .unwrap();
    assert!(on_disk(&file).contains(&format!("pin = \"{pin}\"")));
    let (_folder, again) = file_with(&on_disk(&file));
    assert_eq!(again.settings.feeds[0].connection.pin, pin);
}

const GENERAL: &str = r#"language = "en"

[appearance]
theme = "dark" # at night too
tray_count = true

[inbox]
keep_days = 30

[notifications]
hide_content = true
sound = "bell"

[quiet]
on = true
breakthrough = "high"
follow_system = false

[[quiet.hours]] # on workdays
days = ["mon", "tue", "wed", "thu", "fri"]
from = "22:00"
until = "08:00"

[[quiet.hours]]
days = ["sat", "sun"]
from = "23:30"
until = "24:00"

[network]
proxy = "socks5h://127.0.0.1:1080"

[window]
shortcut = "Ctrl+Alt+B"
keep_minutes = 0
"#;

fn general() -> GeneralForm {
    GeneralForm {
        language: "en".into(),
        theme: Theme::Dark,
        keep_days: 30,
        hide_content: true,
        sound: Sound::Named {
            name: "bell".into(),
        },
        quiet: QuietForm {
            on: true,
            hours: vec![
                QuietHours {
                    days: vec![1, 2, 3, 4, 5],
                    from: 22 * 60,
                    until: 8 * 60,
                },
                QuietHours {
                    days: vec![6, 7],
                    from: 23 * 60 + 30,
                    until: 24 * 60,
                },
            ],
            breakthrough: Some(Urgency::High),
            follow_system: false,
        },
        tray_count: true,
        proxy: "socks5h://127.0.0.1:1080".into(),
        shortcut: "Ctrl+Alt+B".into(),
        window_minutes: 0,
    }
}

#[test]
fn all_general_settings_are_read() {
    let (_folder, file) = file_with(GENERAL);
    assert_eq!(file.errors, []);
    assert_eq!(file.hints, []);
    assert_eq!(file.settings.general, general());
}

#[test]
fn general_settings_that_did_not_change_are_left_as_they_stand() {
    let (_folder, mut file) = file_with(&format!("version = 1\n{GENERAL}"));
    let before = on_disk(&file);
    file.put_general(&general()).unwrap();
    assert_eq!(on_disk(&file), before);
}

#[test]
fn all_general_settings_are_written_and_only_what_is_not_usual() {
    let (_folder, mut file) = file_with("");
    file.put_general(&general()).unwrap();
    assert_eq!(file.settings.general, general());
    assert_eq!(file.hints, []);
    let again = SettingsFile::open(file.path().to_owned());
    assert_eq!((&again.settings, &again.errors), (&file.settings, &vec![]));

    // Back to the usual: keys that are there stay, with their comments.
    file.put_general(&GeneralForm::default()).unwrap();
    assert_eq!(file.settings.general, GeneralForm::default());
    assert!(!on_disk(&file).contains("hours"), "{}", on_disk(&file));

    let (_folder, mut fresh) = file_with("");
    fresh.put_general(&GeneralForm::default()).unwrap();
    assert_eq!(
        on_disk(&fresh).trim(),
        "version = 1\nlanguage = \"auto\"\n\n[inbox]\nkeep_days = 90"
    );
}

#[test]
fn one_changed_window_leaves_the_comments_of_the_others() {
    let (_folder, mut file) = file_with(GENERAL);
    let mut form = general();
    form.quiet.hours[1].until = 60;
    form.theme = Theme::Light;
    file.put_general(&form).unwrap();
    let text = on_disk(&file);
    assert!(text.contains("[[quiet.hours]] # on workdays"), "{text}");
    assert!(text.contains("theme = \"light\" # at night too"), "{text}");
    assert!(text.contains("until = \"01:00\""), "{text}");
    assert_eq!(file.settings.general, form);
    // Also windows that were written inline become tables.
    let inline = "quiet = { hours = [{ from = \"22:00\", until = \"07:00\" }] }\n";
    let (_folder, mut file) = file_with(inline);
    let mut form = file.settings.general.clone();
    assert_eq!(form.quiet.hours[0].days, [1, 2, 3, 4, 5, 6, 7]);
    form.quiet.hours[0].days = vec![7];
    file.put_general(&form).unwrap();
    assert_eq!(file.settings.general, form);
    assert_eq!(file.errors, []);
}

#[test]
fn each_wrong_general_field_is_named_and_its_default_counts() {
    let hours = |line: &str| {
        format!("[[quiet.hours]]\n{line}\n[[quiet.hours]]\nfrom = \"1:00\"\nuntil = \"2:00\"\n")
    };
    let cases = [
        ("language = \"tlh\"".into(), "language", "field-language"),
        (
            "appearance.theme = \"pink\"".into(),
            "appearance.theme",
            "field-theme",
        ),
        (
            "appearance.tray_count = 1".into(),
            "appearance.tray_count",
            "field-type-flag",
        ),
        (
            "inbox.keep_days = 99999".into(),
            "inbox.keep_days",
            "field-too-much",
        ),
        (
            "inbox.keep_days = -1".into(),
            "inbox.keep_days",
            "field-type-number",
        ),
        (
            "notifications.sound = \"../x\"".into(),
            "notifications.sound",
            "field-sound",
        ),
        (
            "quiet.breakthrough = \"very\"".into(),
            "quiet.breakthrough",
            "field-breakthrough",
        ),
        (
            hours("from = \"25:00\"\nuntil = \"1:00\""),
            "quiet.hours.0.from",
            "field-clock",
        ),
        (
            hours("from = \"22:00\""),
            "quiet.hours.0.until",
            "field-clock-missing",
        ),
        (
            hours("from = 22\nuntil = \"1:00\""),
            "quiet.hours.0.from",
            "field-type-text",
        ),
        (
            hours("days = []\nfrom = \"2:00\"\nuntil = \"1:00\""),
            "quiet.hours.0.days",
            "field-days",
        ),
        (
            hours("days = [\"mo\"]\nfrom = \"2:00\"\nuntil = \"1:00\""),
            "quiet.hours.0.days",
            "field-days",
        ),
        (
            "network.proxy = \"ftp://x\"".into(),
            "network.proxy",
            "field-proxy",
        ),
        (
            "network.proxy = \"http://me:pw@x.example\"".into(),
            "network.proxy",
            "field-proxy-credentials",
        ),
        (
            "window.shortcut = \"B\"".into(),
            "window.shortcut",
            "field-shortcut",
        ),
        (
            "window.keep_minutes = 5000".into(),
            "window.keep_minutes",
            "field-too-much",
        ),
    ];
    for (wrong, field, id) in cases {
        let wrong: String = wrong;
        let (_folder, file) = file_with(&wrong);
        let found: Vec<_> = file
            .errors
            .iter()
            .map(|error| (error.field.as_str(), error.text.id.as_str()))
            .collect();
        assert_eq!(found, [(field, id)], "{wrong}");
        let mut left = file.settings.general.clone();
        let good = std::mem::take(&mut left.quiet.hours);
        assert_eq!(left, GeneralForm::default(), "{wrong}");
        assert_eq!(good.len(), usize::from(wrong.contains("hours")), "{wrong}");
    }
}

#[test]
fn a_wrong_window_is_not_written_over_when_something_else_changes() {
    let text = "[[quiet.hours]]\nfrom = \"25:00\" # oh\nuntil = \"1:00\"\n";
    let (_folder, mut file) = file_with(text);
    file.put_general(&GeneralForm {
        theme: Theme::Dark,
        ..file.settings.general.clone()
    })
    .unwrap();
    assert!(on_disk(&file).contains("25:00\" # oh"));
}

#[test]
fn the_general_form_is_checked_with_the_same_eyes() {
    let wrong = GeneralForm {
        language: "tlh".into(),
        keep_days: 99_999,
        sound: Sound::Named { name: "".into() },
        quiet: QuietForm {
            hours: vec![QuietHours {
                days: vec![8],
                from: 1440,
                until: 1441,
            }],
            ..QuietForm::default()
        },
        proxy: "x".into(),
        shortcut: "B".into(),
        window_minutes: 1441,
        ..GeneralForm::default()
    };
    let fields: Vec<_> = check_general(&wrong)
        .into_iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(
        fields,
        [
            "language",
            "keep_days",
            "sound",
            "quiet.hours.0.days",
            "quiet.hours.0.from",
            "quiet.hours.0.until",
            "proxy",
            "shortcut",
            "window_minutes"
        ]
    );
    assert_eq!(check_general(&general()), []);
}

#[test]
fn a_feed_s_notifications_and_days_are_read_checked_and_written() {
    let notification = NotificationForm {
        sound: Sound::Silent,
        hide_content: true,
        remote_icons: true,
        http_actions: true,
    };
    let (_folder, mut file) = file_with(WRITTEN);
    let second = SettingsFile::check_feed(&form("doors")).unwrap();
    file.put_feed(&second).unwrap();
    let mut journal = file.settings.feeds[0].clone();
    journal.notification = notification.clone();
    journal.keep_days = Some(0);
    file.put_feed(&journal).unwrap();
    let again = SettingsFile::open(file.path().to_owned());
    assert_eq!(again.errors, []);
    let hints: Vec<_> = again.hints.iter().map(|hint| &hint.field).collect();
    assert_eq!(hints, ["mood", "feed.0.colour"]);
    assert_eq!(again.settings.feeds, [journal.clone(), second]);
    assert_eq!(feed_form(&journal).notification, notification);

    journal.notification = NotificationForm::default();
    journal.keep_days = None;
    file.put_feed(&journal).unwrap();
    assert_eq!(file.settings.feeds[0], journal);

    let (_folder, file) = file_with(
        "[[feed]]\nurl = \"http://x.example\"\nkeep_days = 99999\n\
         notification = { sound = \"a b\", http_actions = \"yes\" }\n",
    );
    let found: Vec<_> = file
        .errors
        .iter()
        .map(|error| (error.field.as_str(), error.text.id.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("feed.0.notification.http_actions", "field-type-flag"),
            ("feed.0.notification.sound", "field-sound"),
            ("feed.0.keep_days", "field-too-much"),
        ]
    );
    let wrong = FeedForm {
        notification: NotificationForm {
            sound: Sound::Named { name: "a b".into() },
            ..NotificationForm::default()
        },
        keep_days: Some(99_999),
        ..form("x")
    };
    let fields: Vec<_> = SettingsFile::check_feed(&wrong)
        .unwrap_err()
        .into_iter()
        .map(|error| error.field)
        .collect();
    assert_eq!(fields, ["notification.sound", "keep_days"]);
}

#[test]
fn unknown_keys_are_named_and_nothing_is_out_of_force() {
    let text = "langauge = \"en\"\n[quiet]\nhour = 3\n[[feed]]\nurl = \"http://a.example\"\n\
                enable = false\nrule = [{ evnts = [\"like\"] }]\n[tray]\ncolour = 1\n";
    let (_folder, file) = file_with(text);
    assert_eq!(file.errors, []);
    assert_eq!(file.left_out, []);
    assert_eq!(file.settings.feeds.len(), 1);
    let found: Vec<_> = file
        .hints
        .iter()
        .map(|hint| {
            let like = match hint.text.args.get("like") {
                Some(Arg::Words(like)) => like.as_str(),
                _ => "",
            };
            (hint.field.as_str(), like)
        })
        .collect();
    assert_eq!(
        found,
        [
            ("langauge", "language"),
            ("tray", ""),
            ("quiet.hour", "hours"),
            ("feed.0.enable", "enabled"),
            ("feed.0.rule.0.evnts", "events"),
        ]
    );
}

#[test]
fn feeds_that_name_no_proxy_go_through_the_general_one_but_not_to_this_computer() {
    let general = general();
    let proxy = |url: &str, own: &str| {
        let mut form = form("x");
        form.url = url.to_owned();
        form.connection.proxy = own.to_owned();
        let feed = SettingsFile::check_feed(&form).unwrap();
        feed.through(&general).connection.proxy
    };
    assert_eq!(proxy("https://a.example/", ""), general.proxy);
    assert_eq!(proxy("https://a.example/", "none"), "none");
    assert_eq!(proxy("http://127.0.0.1:2355/", ""), "");
    assert_eq!(proxy("http://localhost:2355/", ""), "");
}
