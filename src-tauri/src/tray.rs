//! The tray: what it shows is a pure function of the notifier's state; `draw.rs` is the rest.

mod badge;
mod draw;

use jiff::{Timestamp, Zoned};
use notifier::{
    Localizer,
    view::{AppView, FeedState, FeedView, HubMode, HubState, LatestView, Quiet, Text},
};

pub(crate) use self::draw::Tray;

/// Feeds in the menu; the window has them all.
const FEEDS: usize = 12;
/// How wide a name or a title may be, in Latin letters; a Chinese one is as wide as two.
const WIDEST: usize = 40;
/// An hour, in milliseconds.
const HOUR: i64 = 3_600_000;

/// Which picture the tray shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Idle,
    Unread,
    /// With this many drawn on it.
    Count(u32),
    Attention,
}

/// One line of the menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Choice {
        id: String,
        label: String,
        enabled: bool,
    },
    Switch {
        id: String,
        label: String,
        on: bool,
    },
    Menu {
        id: String,
        label: String,
        items: Vec<Item>,
    },
    Line,
}

/// All that the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) icon: Icon,
    pub(crate) items: Vec<Item>,
    /// The messages behind the lines `latest-0` and so on.
    pub(crate) latest: Vec<i64>,
}

/// What a choice in the menu means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Open,
    /// The message in this line.
    Latest(usize),
    Reconnect(String),
    Mute(String),
    PauseHour,
    PauseTomorrow,
    Pause,
    Resume,
    Hub,
    Settings,
    Quit,
}

impl Choice {
    pub(crate) fn from_id(id: &str) -> Option<Self> {
        Some(match id {
            "open" | "all-feeds" => Choice::Open,
            "pause-hour" => Choice::PauseHour,
            "pause-tomorrow" => Choice::PauseTomorrow,
            "pause" => Choice::Pause,
            "resume" => Choice::Resume,
            "hub" => Choice::Hub,
            "settings" => Choice::Settings,
            "quit" => Choice::Quit,
            other => {
                if let Some(feed) = other.strip_prefix("reconnect-") {
                    Choice::Reconnect(feed.to_owned())
                } else if let Some(feed) = other.strip_prefix("mute-") {
                    Choice::Mute(feed.to_owned())
                } else {
                    Choice::Latest(other.strip_prefix("latest-")?.parse().ok()?)
                }
            }
        })
    }
}

/// When a pause of an hour ends, in milliseconds since the Unix epoch.
pub(crate) fn in_an_hour(now: &Zoned) -> i64 {
    now.timestamp().as_millisecond().saturating_add(HOUR)
}

/// Eight in the morning of the next day, by the clock on the wall; in 24 hours where there is none.
pub(crate) fn tomorrow_morning(now: &Zoned) -> i64 {
    let morning = || {
        now.tomorrow()
            .ok()?
            .date()
            .at(8, 0, 0, 0)
            .to_zoned(now.time_zone().clone())
            .ok()
    };
    morning().map_or_else(
        || now.timestamp().as_millisecond().saturating_add(24 * HOUR),
        |morning| morning.timestamp().as_millisecond(),
    )
}

/// The tray for this state.
pub(crate) fn look(app: &AppView, localizer: &Localizer, now: &Zoned) -> Look {
    let words = Words { localizer, now };
    let mut items = vec![
        choice(
            "open",
            match app.unread {
                0 => localizer.get("tray-open"),
                count => localizer.text(&Text::new("tray-open-unread").with("count", count)),
            },
        ),
        Item::Line,
    ];
    for (place, message) in app.latest.iter().enumerate() {
        items.push(choice(format!("latest-{place}"), words.latest(message)));
    }
    if !app.latest.is_empty() {
        items.push(Item::Line);
    }
    items.push(words.feeds(&app.feeds));
    items.push(words.pause(app));
    items.push(words.hub(app));
    items.push(Item::Line);
    items.push(choice("settings", localizer.get("tray-settings")));
    items.push(choice("quit", localizer.get("tray-quit")));
    Look {
        icon: icon(app),
        items,
        latest: app.latest.iter().map(|message| message.id).collect(),
    }
}

/// Red is for trouble that needs a person, and nothing else.
fn icon(app: &AppView) -> Icon {
    if !app.troubles.is_empty() {
        Icon::Attention
    } else if app.unread == 0 {
        Icon::Idle
    } else if app.tray_count {
        Icon::Count(app.unread)
    } else {
        Icon::Unread
    }
}

struct Words<'a> {
    localizer: &'a Localizer,
    now: &'a Zoned,
}

impl Words<'_> {
    fn latest(&self, message: &LatestView) -> String {
        let text = Text::new(if message.unread {
            "tray-latest-unread"
        } else {
            "tray-latest"
        });
        self.localizer.text(
            &text
                .with("title", short(&message.title))
                .with("time", self.moment(message.received)),
        )
    }

    fn feeds(&self, feeds: &[FeedView]) -> Item {
        let is_live = |feed: &&FeedView| feed.state == FeedState::Live;
        let live = feeds.iter().filter(is_live).count();
        let mut items: Vec<Item> = feeds
            .iter()
            .take(FEEDS)
            .map(|feed| self.feed(feed))
            .collect();
        if feeds.is_empty() {
            items.push(still("no-feeds", self.localizer.get("tray-no-feeds")));
        }
        if feeds.len() > FEEDS {
            let rest = u32::try_from(feeds.len() - FEEDS).unwrap_or(u32::MAX);
            let text = Text::new("tray-more-feeds").with("count", rest);
            items.push(Item::Line);
            items.push(choice("all-feeds", self.localizer.text(&text)));
        }
        let live = u32::try_from(live).unwrap_or(u32::MAX);
        let label = if feeds.is_empty() {
            self.localizer.get("tray-feeds")
        } else {
            let text = Text::new("tray-feeds-live").with("count", live);
            self.localizer.text(&text)
        };
        menu("feeds", label, items)
    }

    fn feed(&self, feed: &FeedView) -> Item {
        let id = &feed.id;
        let text = Text::new(if feed.muted {
            "tray-feed-muted"
        } else {
            "tray-feed"
        });
        let text = text
            .with("name", short(&feed.name))
            .with("state", self.localizer.get(state_word(feed)));
        let on = feed.state != FeedState::Off;
        let mute = match feed.muted_until {
            Some(until) if feed.muted => {
                let text = Text::new("tray-muted-until").with("time", self.moment(until));
                self.localizer.text(&text)
            }
            _ => self.localizer.get("tray-muted"),
        };
        let items = vec![
            Item::Choice {
                id: format!("reconnect-{id}"),
                label: self.localizer.get("tray-reconnect"),
                enabled: on,
            },
            Item::Switch {
                id: format!("mute-{id}"),
                label: mute,
                on: feed.muted,
            },
        ];
        menu(format!("feed-{id}"), self.localizer.text(&text), items)
    }

    fn pause(&self, app: &AppView) -> Item {
        let get = |id: &str| self.localizer.get(id);
        let mut items = Vec::new();
        if app.pause.is_some() {
            items.push(choice("resume", get("tray-resume")));
            items.push(Item::Line);
        } else if let Some(why) = self.quiet(app) {
            items.push(still("quiet", why));
            items.push(Item::Line);
        }
        items.push(choice("pause-hour", get("tray-pause-hour")));
        items.push(choice("pause-tomorrow", get("tray-pause-tomorrow")));
        items.push(choice("pause", get("tray-pause-open")));
        let label = match app.pause.as_ref().map(|pause| pause.until) {
            None => get("tray-pause"),
            Some(None) => get("tray-paused"),
            Some(Some(until)) => {
                let text = Text::new("tray-paused-until").with("time", self.moment(until));
                self.localizer.text(&text)
            }
        };
        menu("pausing", label, items)
    }

    fn quiet(&self, app: &AppView) -> Option<String> {
        match app.quiet.now {
            Some(Quiet::Hours { until }) => {
                let text = Text::new("tray-quiet-until").with("time", self.moment(until));
                Some(self.localizer.text(&text))
            }
            Some(Quiet::System) => Some(self.localizer.get("tray-quiet-system")),
            Some(Quiet::Paused { .. }) | None => {
                let text = Text::new("tray-quiet-next").with("time", self.moment(app.quiet.next?));
                Some(self.localizer.text(&text))
            }
        }
    }

    fn hub(&self, app: &AppView) -> Item {
        let runs = matches!(app.hub.state, HubState::Running { .. });
        let label = if runs {
            let text = Text::new("tray-hub-on").with("count", app.hub.subscribers);
            self.localizer.text(&text)
        } else {
            self.localizer.get("tray-hub")
        };
        Item::Switch {
            id: "hub".to_owned(),
            label,
            on: app.hub.mode != HubMode::Off,
        }
    }

    /// The time of day; on another day than today the day, too.
    fn moment(&self, milliseconds: i64) -> String {
        let Ok(moment) = Timestamp::from_millisecond(milliseconds) else {
            return String::new();
        };
        let moment = moment.to_zoned(self.now.time_zone().clone());
        let time = moment.strftime("%H:%M").to_string();
        if moment.date() == self.now.date() {
            return time;
        }
        let month = u32::from(moment.month().unsigned_abs());
        let day = u32::from(moment.day().unsigned_abs());
        let text = Text::new("tray-date").with("month", month).with("day", day);
        self.localizer.text(&text.with("time", time))
    }
}

fn choice(id: impl Into<String>, label: String) -> Item {
    Item::Choice {
        id: id.into(),
        label,
        enabled: true,
    }
}

/// Something to read, nothing to choose.
fn still(id: &str, label: String) -> Item {
    Item::Choice {
        id: id.to_owned(),
        label,
        enabled: false,
    }
}

fn menu(id: impl Into<String>, label: String, items: Vec<Item>) -> Item {
    Item::Menu {
        id: id.into(),
        label,
        items,
    }
}

fn state_word(feed: &FeedView) -> &'static str {
    match feed.state {
        FeedState::Off => "state-off",
        FeedState::Connecting => "state-connecting",
        FeedState::Live => "state-live",
        FeedState::Waiting { .. } => "state-waiting",
        FeedState::Stopped { trouble: false, .. } => "state-stopped",
        FeedState::Stopped { trouble: true, .. } => "state-trouble",
    }
}

/// One line that is not too wide, with an ellipsis where it was cut.
fn short(text: &str) -> String {
    let width = |letter: char| if letter < '\u{1100}' { 1 } else { 2 };
    let clean = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean: String = clean
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    if clean.chars().map(width).sum::<usize>() <= WIDEST {
        return clean;
    }
    let mut left = WIDEST - 1;
    let kept = clean.chars().take_while(|&letter| {
        let fits = width(letter) <= left;
        left = left.saturating_sub(width(letter));
        fits
    });
    let kept: String = kept.collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests;
