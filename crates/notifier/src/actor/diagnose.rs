//! What helps to find out what is wrong, for a report that others read: no messages, no secrets, no
//! names that a person chose. In English, whatever the language.

use std::{
    fmt::Write as _,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use super::Actor;
use crate::{
    embedded::HubNow,
    inbox::{Counts, Inbox},
    redact::redacted,
    settings::{Access, FeedSettings, hub_form},
    text::{Locale, Localizer},
    view::{FeedState, HubState, Text},
};

/// What of the environment decides about windows, notifications, languages and ways out. Of those
/// that may hold more only whether they are set is told.
const TOLD: [&str; 14] = [
    "XDG_CURRENT_DESKTOP",
    "XDG_SESSION_DESKTOP",
    "XDG_SESSION_TYPE",
    "DESKTOP_SESSION",
    "WAYLAND_DISPLAY",
    "DISPLAY",
    "GDK_BACKEND",
    "WEBKIT_DISABLE_DMABUF_RENDERER",
    "LANG",
    "LC_ALL",
    "LANGUAGE",
    "TZ",
    "FLATPAK_ID",
    "FEEDBELL_LOG",
];
const SET: [&str; 8] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "APPIMAGE",
    "SNAP",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];
/// How many lines of the log, out of so many of its last bytes.
const LOG_LINES: usize = 200;
const LOG_BYTES: u64 = 256 << 10;

impl Actor {
    pub(super) fn diagnostics(&self) -> String {
        let english = Localizer::new(Locale::English);
        let home = std::env::var("HOME").ok();
        let clean = |text: &str| redacted(text, home.as_deref());
        let say = |text: &Text| clean(&english.text(text));
        let mut out = String::new();
        let mut section = |title: &str, lines: Vec<String>| {
            let _ = writeln!(out, "## {title}\n");
            for line in lines {
                let _ = writeln!(out, "{line}");
            }
            out.push('\n');
        };
        section("Feedbell", self.program());
        section("System", system(&clean));
        let notifications = self
            .troubles
            .get("notifications")
            .map_or_else(|| "no trouble known".to_owned(), &say);
        let mut state = vec![
            format!("notifications: {notifications}"),
            format!("quiet: {:?}", self.quiet_view().now),
            format!("hub: {}", self.hub_line(&say)),
        ];
        state.extend(self.inbox_lines());
        state.extend(self.trouble_lines(&say));
        section("State", state);
        section("Feeds", self.feed_lines(&say));
        section("Settings", self.setting_lines(&clean));
        if let Some(folder) = &self.config.logs {
            let secrets = self.plain_secrets();
            let lines = last_lines(folder).into_iter().map(|mut line| {
                for secret in &secrets {
                    line = line.replace(secret.as_str(), "…");
                }
                clean(&line)
            });
            section("Log", lines.collect());
        }
        out
    }

    fn program(&self) -> Vec<String> {
        let at = jiff::Timestamp::from_millisecond(self.now_ms()).unwrap_or_default();
        vec![
            format!("version: {}", env!("CARGO_PKG_VERSION")),
            format!("time: {at:.0}"),
            format!("language: {}", self.localizer.locale().tag()),
            format!("trying: {}", self.config.trying),
        ]
    }

    fn hub_line(&self, say: &impl Fn(&Text) -> String) -> String {
        if let HubNow::Failed(why) = self.hub.now() {
            return format!("failed: {}", say(&why));
        }
        let view = self.hub_view();
        match view.state {
            HubState::Running {
                lan,
                guarded,
                wants_token,
                ..
            } => format!(
                "running, other machines: {lan}, guarded: {guarded}, wants a token: {wants_token}, \
                 subscribers: {} of {}, events: {}",
                view.subscribers, view.max, view.events
            ),
            HubState::Starting => "starting".to_owned(),
            HubState::Off | HubState::Failed { .. } => "off".to_owned(),
        }
    }

    fn inbox_lines(&self) -> Vec<String> {
        let counts = match self.inbox.as_ref().map(Inbox::counts) {
            Some(Ok(counts)) => counts,
            _ => return vec!["inbox: cannot be used".to_owned()],
        };
        let size = |name: &str| {
            let file = std::fs::metadata(self.config.data.join(name));
            file.map_or(0, |file| file.len())
        };
        vec![format!(
            "inbox: {} unread, {} pinned, {} KiB and {} KiB to be merged, {} to be written",
            counts.unread_total(),
            counts.pinned,
            size("inbox.db") >> 10,
            size("inbox.db-wal") >> 10,
            self.unwritten.len()
        )]
    }

    fn trouble_lines(&self, say: &impl Fn(&Text) -> String) -> Vec<String> {
        let known = self.troubles.iter();
        // The rest is told feed by feed.
        let mut lines: Vec<String> = known
            .map(|(name, why)| format!("trouble with {name}: {}", say(why)))
            .collect();
        lines.extend(
            self.file
                .unusable
                .iter()
                .map(|why| format!("settings file: {}", say(why))),
        );
        let wrong = self.file.errors.iter();
        lines.extend(wrong.map(|error| format!("settings, {}: {}", error.field, say(&error.text))));
        lines
    }

    fn feed_lines(&self, say: &impl Fn(&Text) -> String) -> Vec<String> {
        let counts = match self.inbox.as_ref().map(Inbox::counts) {
            Some(Ok(counts)) => counts,
            _ => Counts::default(),
        };
        let now = self.now_ms();
        let feeds = self.feeds.iter().zip(1..).map(|(feed, number)| {
            let ago = |at: i64| format!("{} s ago", now.saturating_sub(at) / 1000);
            let state = match &feed.state {
                FeedState::Off => "off".to_owned(),
                FeedState::Connecting => "connecting".to_owned(),
                FeedState::Live => "live".to_owned(),
                FeedState::Waiting { next_try, why, .. } => format!(
                    "waiting for {} s: {}",
                    next_try.saturating_sub(now) / 1000,
                    say(why)
                ),
                FeedState::Stopped { why, .. } => format!("stopped: {}", say(why)),
            };
            format!(
                "{number}. {}; {state}; last heard {}; {} unread",
                feed_line(&feed.settings),
                feed.last_heard().map_or_else(|| "never".to_owned(), ago),
                counts.unread.get(&feed.settings.id).copied().unwrap_or(0),
            )
        });
        let left_out = self.file.left_out.iter();
        feeds
            .chain(left_out.map(|one| format!("left out: {}", say(&one.why))))
            .collect()
    }

    fn setting_lines(&self, clean: &impl Fn(&str) -> String) -> Vec<String> {
        let settings = &self.file.settings;
        let general = serde_json::to_string(&settings.general).unwrap_or_default();
        let hub = serde_json::to_string(&hub_form(&settings.hub)).unwrap_or_default();
        vec![
            clean(&format!("file: {}", self.file.path().display())),
            clean(&format!("general: {general}")),
            clean(&format!("hub: {hub}")),
        ]
    }

    /// Secrets that stand in the settings file itself.
    fn plain_secrets(&self) -> Vec<String> {
        let feeds = self.file.settings.feeds.iter();
        let mut secrets: Vec<String> = feeds.flat_map(super::forms::plain_secrets).collect();
        secrets.retain(|secret| secret.len() >= 4);
        secrets
    }
}

/// A feed by its host alone.
fn feed_line(feed: &FeedSettings) -> String {
    let access = match feed.access {
        Access::None => "none",
        Access::Bearer(_) => "bearer",
        Access::Basic { .. } => "basic",
        Access::Query { .. } => "query",
        Access::Cookie { .. } => "cookie",
    };
    let connection = &feed.connection;
    let mut line = format!(
        "{}://{}; preset {}; access {access}; {} headers; {} rules",
        feed.url.scheme(),
        feed.url.host_str().unwrap_or_default(),
        if feed.preset.is_empty() {
            "none"
        } else {
            &feed.preset
        },
        feed.headers.len(),
        feed.rules.len(),
    );
    let facts = [
        (feed.muted, "muted".to_owned()),
        (
            connection.poll_seconds > 0,
            format!("asked every {} s", connection.poll_seconds),
        ),
        (
            feed.watchdog_seconds > 0,
            format!("silent for {} s at most", feed.watchdog_seconds),
        ),
        (!connection.proxy.is_empty(), "own proxy".to_owned()),
        (!connection.pin.is_empty(), "pinned".to_owned()),
        (!connection.ca.is_empty(), "own authorities".to_owned()),
        (
            !connection.certificate.is_empty(),
            "client certificate".to_owned(),
        ),
        (connection.plain_http, "secrets over plain http".to_owned()),
    ];
    for (_, fact) in facts.into_iter().filter(|(holds, _)| *holds) {
        line.push_str("; ");
        line.push_str(&fact);
    }
    line
}

fn system(clean: &impl Fn(&str) -> String) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let release = read("/etc/os-release");
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or_default();
    let mut lines = vec![
        format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        format!(
            "{} {}",
            name.trim_matches('"'),
            read("/proc/sys/kernel/osrelease").trim()
        ),
    ];
    for name in TOLD {
        if let Ok(value) = std::env::var(name) {
            // The names are ours: one that sounds like a secret, as “session” does, hides nothing.
            lines.push(format!("{name}={}", clean(&value)));
        }
    }
    for name in SET {
        if std::env::var_os(name).is_some() || std::env::var_os(name.to_lowercase()).is_some() {
            lines.push(format!("{name} is set"));
        }
    }
    lines
}

/// The last lines of the newest log file.
fn last_lines(folder: &Path) -> Vec<String> {
    let newest = super::erase::log_files(folder).into_iter().max();
    let read = |path: &Path| -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LOG_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(LOG_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = newest.and_then(|path| read(&path).ok()).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_LINES);
    lines[from..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}
