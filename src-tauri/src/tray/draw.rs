//! The tray on the screen. All of it happens in the main thread.

use std::sync::{Arc, Mutex, PoisonError};

use tauri::{
    AppHandle, Wry,
    image::Image,
    menu::{CheckMenuItem, IsMenuItem, Menu, MenuItem, PredefinedMenuItem, Submenu},
    tray::{TrayIcon, TrayIconBuilder},
};

use super::{Choice, Icon, Item, Look, badge};
use crate::os::{Panel, panel};

/// The tray on the screen.
pub(crate) struct Tray {
    tray: TrayIcon,
    menu: Menu<Wry>,
    icon: Icon,
    shown: Vec<(Item, Line)>,
    latest: Arc<Mutex<Vec<i64>>>,
}

/// One line of the menu on the screen.
enum Line {
    Choice(MenuItem<Wry>),
    Switch(CheckMenuItem<Wry>),
    Menu(Submenu<Wry>, Vec<(Item, Line)>),
    Separator(PredefinedMenuItem<Wry>),
}

impl Tray {
    /// Puts the icon into the tray. Without a tray host nothing is visible, and nothing fails.
    /// `chosen` gets the message with a choice of one.
    pub(crate) fn new(
        app: &AppHandle,
        first: &Look,
        chosen: impl Fn(&AppHandle, Choice, Option<i64>) + Send + Sync + 'static,
    ) -> tauri::Result<Self> {
        let menu = Menu::new(app)?;
        let mut shown = Vec::new();
        follow(app, &menu, &mut shown, &first.items)?;
        let latest = Arc::new(Mutex::new(first.latest.clone()));
        let listed = Arc::clone(&latest);
        // On Linux an icon without a menu is not shown at all, and the menu is all that works.
        let tray = TrayIconBuilder::with_id("main")
            .icon(picture(first.icon, panel()))
            .icon_as_template(panel() == Panel::Template)
            .tooltip("Feedbell")
            .menu(&menu)
            .on_menu_event(move |app, event| {
                if let Some(choice) = Choice::from_id(event.id().as_ref()) {
                    let listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
                    let message = match choice {
                        Choice::Latest(place) => listed.get(place).copied(),
                        _ => None,
                    };
                    drop(listed);
                    chosen(app, choice, message);
                }
            })
            .build(app)?;
        let tray = Self {
            tray,
            menu,
            icon: first.icon,
            shown,
            latest,
        };
        tray.number(first.icon);
        Ok(tray)
    }

    /// Draws what changed. The menu may be open: lines that stay change where they stand.
    pub(crate) fn show(&mut self, app: &AppHandle, look: &Look) -> tauri::Result<()> {
        if drawn(self.icon) != drawn(look.icon) {
            self.tray.set_icon(Some(picture(look.icon, panel())))?;
            self.tray.set_icon_as_template(panel() == Panel::Template)?;
        }
        self.number(look.icon);
        self.icon = look.icon;
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&look.latest);
        follow(app, &self.menu, &mut self.shown, &look.items)
    }

    /// Where the system recolours icons, a number stands beside it.
    fn number(&self, icon: Icon) {
        if panel() == Panel::Template {
            let number = match icon {
                Icon::Count(count) => Some(badge::text(count)),
                _ => None,
            };
            let _ = self.tray.set_title(number);
        }
    }
}

/// What lines stand in.
trait Shelf {
    fn put(&self, item: &dyn IsMenuItem<Wry>, place: usize) -> tauri::Result<()>;
    fn take(&self, place: usize) -> tauri::Result<()>;
}

impl Shelf for Menu<Wry> {
    fn put(&self, item: &dyn IsMenuItem<Wry>, place: usize) -> tauri::Result<()> {
        self.insert(item, place)
    }
    fn take(&self, place: usize) -> tauri::Result<()> {
        self.remove_at(place).map(drop)
    }
}

impl Shelf for Submenu<Wry> {
    fn put(&self, item: &dyn IsMenuItem<Wry>, place: usize) -> tauri::Result<()> {
        self.insert(item, place)
    }
    fn take(&self, place: usize) -> tauri::Result<()> {
        self.remove_at(place).map(drop)
    }
}

/// Makes a menu show these items: takes lines out and puts lines in where the two differ, and
/// changes the words of the others.
fn follow(
    app: &AppHandle,
    shelf: &dyn Shelf,
    shown: &mut Vec<(Item, Line)>,
    items: &[Item],
) -> tauri::Result<()> {
    let same = |(shown, wanted): (&(Item, Line), &Item)| id(&shown.0) == id(wanted);
    let head = shown
        .iter()
        .zip(items)
        .take_while(|pair| same(*pair))
        .count();
    let tail = shown[head..]
        .iter()
        .rev()
        .zip(items[head..].iter().rev())
        .take_while(|pair| same(*pair))
        .count();
    for place in (head..shown.len() - tail).rev() {
        shelf.take(place)?;
        shown.remove(place);
    }
    for (place, item) in items.iter().enumerate().take(items.len() - tail).skip(head) {
        let line = Line::new(app, item)?;
        shelf.put(line.item(), place)?;
        shown.insert(place, (item.clone(), line));
    }
    for ((before, line), item) in shown.iter_mut().zip(items) {
        line.follow(app, before, item)?;
        before.clone_from(item);
    }
    Ok(())
}

/// What makes a line the same line again. Of a menu also what it says: on Linux `muda` (0.20) does
/// not change the words of one that is shown.
fn id(item: &Item) -> (u8, &str, &str) {
    match item {
        Item::Choice { id, .. } => (0, id, ""),
        Item::Switch { id, .. } => (1, id, ""),
        Item::Menu { id, label, .. } => (2, id, label),
        Item::Line => (3, "", ""),
    }
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
            Item::Menu { id, label, items } => {
                let menu = Submenu::with_id(app, id, mnemonic_free(label), true)?;
                let mut shown = Vec::new();
                follow(app, &menu, &mut shown, items)?;
                Line::Menu(menu, shown)
            }
            Item::Line => Line::Separator(PredefinedMenuItem::separator(app)?),
        })
    }

    fn item(&self) -> &dyn IsMenuItem<Wry> {
        match self {
            Line::Choice(item) => item,
            Line::Switch(item) => item,
            Line::Menu(item, _) => item,
            Line::Separator(item) => item,
        }
    }

    fn follow(&mut self, app: &AppHandle, before: &Item, item: &Item) -> tauri::Result<()> {
        match (self, item) {
            (Line::Choice(line), Item::Choice { label, enabled, .. }) if before != item => {
                line.set_text(mnemonic_free(label))?;
                line.set_enabled(*enabled)
            }
            (Line::Switch(line), Item::Switch { label, on, .. }) => {
                if before != item {
                    line.set_text(mnemonic_free(label))?;
                }
                // A click has switched it already, whatever came of it.
                line.set_checked(*on)
            }
            (Line::Menu(menu, shown), Item::Menu { items, .. }) => follow(app, menu, shown, items),
            _ => Ok(()),
        }
    }
}

/// An ampersand in a feed's name is no keyboard mark.
fn mnemonic_free(label: &str) -> String {
    label.replace('&', "&&")
}

/// Beyond nine all numbers look the same, and beside a recoloured icon all are text.
fn drawn(icon: Icon) -> Icon {
    match icon {
        Icon::Count(_) if panel() == Panel::Template => Icon::Unread,
        Icon::Count(count) => Icon::Count(count.min(badge::MOST + 1)),
        other => other,
    }
}

fn picture(icon: Icon, panel: Panel) -> Image<'static> {
    match (icon, panel) {
        (Icon::Idle, Panel::Light) => tauri::include_image!("icons/tray/idle-light-32.png"),
        (Icon::Idle, Panel::Dark) => tauri::include_image!("icons/tray/idle-dark-32.png"),
        (Icon::Idle, Panel::Template) => tauri::include_image!("icons/tray/idle-template-36.png"),
        (Icon::Unread, Panel::Light) => tauri::include_image!("icons/tray/unread-light-32.png"),
        (Icon::Unread, Panel::Dark) => tauri::include_image!("icons/tray/unread-dark-32.png"),
        (Icon::Unread | Icon::Count(_), Panel::Template) => {
            tauri::include_image!("icons/tray/unread-template-36.png")
        }
        (Icon::Count(count), panel) => badge::on(&picture(Icon::Unread, panel), count, panel),
        (Icon::Attention, Panel::Light) => {
            tauri::include_image!("icons/tray/attention-light-32.png")
        }
        (Icon::Attention, Panel::Dark) => tauri::include_image!("icons/tray/attention-dark-32.png"),
        (Icon::Attention, Panel::Template) => {
            tauri::include_image!("icons/tray/attention-template-36.png")
        }
    }
}
