//! The tray: what it shows is a pure function of the notifier's state; drawing it is the rest.

use notifier::{
    Localizer,
    view::{AppView, FeedState, FeedView, HubMode, HubState, Text},
};
use tauri::{
    AppHandle,
    image::Image,
    menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem},
    tray::{TrayIcon, TrayIconBuilder},
};

use crate::os::{Panel, panel};

/// Feeds in the menu; the window has them all.
const FEEDS: usize = 12;

/// Which picture the tray shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Icon {
    Idle,
    Unread,
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
    Line,
}

/// All that the tray shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) icon: Icon,
    pub(crate) items: Vec<Item>,
}

/// What a choice in the menu means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Open,
    Reconnect(String),
    Pause,
    Hub,
    Settings,
    Quit,
}

impl Choice {
    pub(crate) fn from_id(id: &str) -> Option<Self> {
        Some(match id {
            "open" => Choice::Open,
            "pause" => Choice::Pause,
            "hub" => Choice::Hub,
            "settings" => Choice::Settings,
            "quit" => Choice::Quit,
            other => Choice::Reconnect(other.strip_prefix("feed-")?.to_owned()),
        })
    }
}

/// The tray for this state.
pub(crate) fn look(app: &AppView, localizer: &Localizer) -> Look {
    let choice = |id: &str, label: String| Item::Choice {
        id: id.to_owned(),
        label,
        enabled: true,
    };
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
    items.extend(app.feeds.iter().take(FEEDS).map(|feed| {
        let text = Text::new("tray-feed")
            .with("name", feed.name.as_str())
            .with("state", localizer.get(state_word(feed)));
        Item::Choice {
            id: format!("feed-{}", feed.id),
            label: localizer.text(&text),
            enabled: feed.state != FeedState::Off,
        }
    }));
    if app.feeds.is_empty() {
        items.push(Item::Choice {
            id: "no-feeds".to_owned(),
            label: localizer.get("tray-no-feeds"),
            enabled: false,
        });
    }
    items.push(Item::Line);
    items.push(match app.pause {
        None => choice("pause", localizer.get("tray-pause")),
        Some(_) => choice("pause", localizer.get("tray-resume")),
    });
    let hub_on = matches!(app.hub.state, HubState::Running { .. });
    items.push(Item::Switch {
        id: "hub".to_owned(),
        label: if hub_on {
            localizer.text(&Text::new("tray-hub-on").with("count", app.hub.subscribers))
        } else {
            localizer.get("tray-hub")
        },
        on: app.hub.mode != HubMode::Off,
    });
    items.push(Item::Line);
    items.push(choice("settings", localizer.get("tray-settings")));
    items.push(choice("quit", localizer.get("tray-quit")));
    Look {
        icon: icon(app),
        items,
    }
}

/// Red is for trouble that needs a person, and nothing else.
fn icon(app: &AppView) -> Icon {
    if !app.troubles.is_empty() {
        Icon::Attention
    } else if app.unread > 0 {
        Icon::Unread
    } else {
        Icon::Idle
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

/// The tray on the screen.
pub(crate) struct Tray {
    tray: TrayIcon,
    shown: Look,
    lines: Vec<Line>,
}

/// One line of the menu on the screen.
enum Line {
    Choice(MenuItem<tauri::Wry>),
    Switch(CheckMenuItem<tauri::Wry>),
    Separator(PredefinedMenuItem<tauri::Wry>),
}

impl Tray {
    /// Puts the icon into the tray. Without a tray host nothing is visible, and nothing fails.
    pub(crate) fn new(
        app: &AppHandle,
        first: Look,
        chosen: impl Fn(&AppHandle, Choice) + Send + Sync + 'static,
    ) -> tauri::Result<Self> {
        let (menu, lines) = menu(app, &first.items)?;
        // On Linux an icon without a menu is not shown at all, and the menu is all that works.
        let tray = TrayIconBuilder::with_id("main")
            .icon(picture(first.icon, panel()))
            .icon_as_template(panel() == Panel::Template)
            .tooltip("Feedbell")
            .menu(&menu)
            .on_menu_event(move |app, event| {
                if let Some(choice) = Choice::from_id(event.id().as_ref()) {
                    chosen(app, choice);
                }
            })
            .build(app)?;
        Ok(Self {
            tray,
            shown: first,
            lines,
        })
    }

    /// Draws what changed.
    pub(crate) fn show(&mut self, app: &AppHandle, look: Look) -> tauri::Result<()> {
        if self.shown.icon != look.icon {
            self.tray.set_icon(Some(picture(look.icon, panel())))?;
            self.tray.set_icon_as_template(panel() == Panel::Template)?;
        }
        if same_lines(&self.shown.items, &look.items) {
            // The menu may be open: its lines change where they stand.
            for (line, item) in self.lines.iter().zip(&look.items) {
                line.follow(item)?;
            }
        } else {
            let (menu, lines) = menu(app, &look.items)?;
            self.tray.set_menu(Some(menu))?;
            self.lines = lines;
        }
        self.shown = look;
        Ok(())
    }
}

fn menu(app: &AppHandle, items: &[Item]) -> tauri::Result<(Menu<tauri::Wry>, Vec<Line>)> {
    let lines = items.iter().map(|item| Line::new(app, item));
    let lines = lines.collect::<tauri::Result<Vec<_>>>()?;
    let menu = Menu::new(app)?;
    for line in &lines {
        menu.append(line.item())?;
    }
    Ok((menu, lines))
}

impl Line {
    fn new(app: &AppHandle, item: &Item) -> tauri::Result<Self> {
        Ok(match item {
            Item::Choice { id, label, enabled } => Line::Choice(MenuItem::with_id(
                app,
                id,
                mnemonic_free(label),
                *enabled,
                None::<&str>,
            )?),
            Item::Switch { id, label, on } => Line::Switch(CheckMenuItem::with_id(
                app,
                id,
                mnemonic_free(label),
                true,
                *on,
                None::<&str>,
            )?),
            Item::Line => Line::Separator(PredefinedMenuItem::separator(app)?),
        })
    }

    fn item(&self) -> &dyn IsMenuItem<tauri::Wry> {
        match self {
            Line::Choice(item) => item,
            Line::Switch(item) => item,
            Line::Separator(item) => item,
        }
    }

    fn follow(&self, item: &Item) -> tauri::Result<()> {
        match (self, item) {
            (Line::Choice(line), Item::Choice { label, enabled, .. }) => {
                line.set_text(mnemonic_free(label))?;
                line.set_enabled(*enabled)
            }
            (Line::Switch(line), Item::Switch { label, on, .. }) => {
                line.set_text(mnemonic_free(label))?;
                line.set_checked(*on)
            }
            _ => Ok(()),
        }
    }
}

/// Whether two menus have the same lines, whatever they say.
fn same_lines(before: &[Item], after: &[Item]) -> bool {
    let ids = |items: &[Item]| {
        let id = |item: &Item| match item {
            Item::Choice { id, .. } | Item::Switch { id, .. } => id.clone(),
            Item::Line => String::new(),
        };
        items.iter().map(id).collect::<Vec<_>>()
    };
    ids(before) == ids(after)
}

/// An ampersand in a feed's name is no keyboard mark.
fn mnemonic_free(label: &str) -> String {
    label.replace('&', "&&")
}

fn picture(icon: Icon, panel: Panel) -> Image<'static> {
    match (icon, panel) {
        (Icon::Idle, Panel::Light) => tauri::include_image!("icons/tray/idle-light-32.png"),
        (Icon::Idle, Panel::Dark) => tauri::include_image!("icons/tray/idle-dark-32.png"),
        (Icon::Idle, Panel::Template) => tauri::include_image!("icons/tray/idle-template-36.png"),
        (Icon::Unread, Panel::Light) => tauri::include_image!("icons/tray/unread-light-32.png"),
        (Icon::Unread, Panel::Dark) => tauri::include_image!("icons/tray/unread-dark-32.png"),
        (Icon::Unread, Panel::Template) => {
            tauri::include_image!("icons/tray/unread-template-36.png")
        }
        (Icon::Attention, Panel::Light) => {
            tauri::include_image!("icons/tray/attention-light-32.png")
        }
        (Icon::Attention, Panel::Dark) => tauri::include_image!("icons/tray/attention-dark-32.png"),
        (Icon::Attention, Panel::Template) => {
            tauri::include_image!("icons/tray/attention-template-36.png")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notifier::{
        Locale,
        view::{HubView, PauseView},
    };

    fn app() -> AppView {
        AppView {
            version: String::new(),
            locale: "en".into(),
            theme: notifier::view::Theme::System,
            tray_count: false,
            latest: Vec::new(),
            quiet: notifier::view::QuietView::default(),
            unread: 0,
            pinned: 0,
            feeds: vec![FeedView {
                id: "a".into(),
                name: "R&D".into(),
                address: String::new(),
                state: FeedState::Live,
                muted: false,
                muted_until: None,
                unread: 0,
                last_heard: None,
            }],
            hub: HubView {
                state: HubState::Off,
                mode: HubMode::Off,
                subscribers: 0,
                max: 0,
                events: 0,
                keep_days: 0,
            },
            pause: None,
            troubles: Vec::new(),
            trying: false,
        }
    }

    fn labels(app: &AppView, locale: Locale) -> Vec<String> {
        look(app, &Localizer::new(locale))
            .items
            .into_iter()
            .filter_map(|item| match item {
                Item::Choice { label, .. } | Item::Switch { label, .. } => Some(label),
                Item::Line => None,
            })
            .collect()
    }

    #[test]
    fn the_menu_says_what_is() {
        let quiet = app();
        assert_eq!(
            labels(&quiet, Locale::English),
            [
                "Open Feedbell",
                "R&D: live",
                "Pause notifications",
                "Hub",
                "Settings",
                "Quit Feedbell"
            ]
        );
        let busy = AppView {
            unread: 12,
            pause: Some(PauseView { until: None }),
            ..app()
        };
        assert_eq!(
            labels(&busy, Locale::English)[0],
            "Open Feedbell (12 unread)"
        );
        assert_eq!(
            labels(&busy, Locale::Chinese)[0],
            "打开 Feedbell（12 条未读）"
        );
        assert_eq!(labels(&busy, Locale::Chinese)[2], "恢复通知");
    }

    #[test]
    fn red_is_for_trouble_only() {
        let icon_of = |app: &AppView| look(app, &Localizer::new(Locale::English)).icon;
        let mut state = app();
        assert_eq!(icon_of(&state), Icon::Idle);
        state.unread = 1;
        assert_eq!(icon_of(&state), Icon::Unread);
        state.feeds[0].state = FeedState::Stopped {
            why: Text::new("stop-event"),
            trouble: false,
        };
        assert_eq!(icon_of(&state), Icon::Unread);
        state.troubles.push(Text::new("trouble-feed"));
        assert_eq!(icon_of(&state), Icon::Attention);
    }

    #[test]
    fn every_choice_is_understood() {
        let items = look(&app(), &Localizer::new(Locale::English)).items;
        for item in items {
            if let Item::Choice { id, .. } | Item::Switch { id, .. } = item {
                assert!(Choice::from_id(&id).is_some(), "{id}");
            }
        }
        assert_eq!(
            Choice::from_id("feed-a"),
            Some(Choice::Reconnect("a".into()))
        );
    }
}
