//! Linux and the other freedesktop systems.

#[path = "xdg/autostart.rs"]
mod autostart;
#[path = "xdg/hotkey.rs"]
mod hotkey;
#[path = "xdg/opening.rs"]
mod opening;
#[path = "xdg/tray.rs"]
mod tray;

use gtk::prelude::GtkSettingsExt as _;
use notifier::view::Theme;

use super::Panel;

pub(crate) use self::{
    autostart::{is_autostarted, set_autostart},
    hotkey::Hotkey,
    opening::open,
    tray::{has_legacy_tray, watch_tray},
};

/// What has GTK and WebKit draw without OpenGL: our page is text and still pictures, for which a
/// driver in each process costs more memory than all else together, and some drivers leave windows
/// blank. The last names no device, so that none is looked for.
const DRAWING: [(&str, &str); 3] = [
    ("GDK_GL", "disable"),
    ("WEBKIT_DISABLE_DMABUF_RENDERER", "1"),
    ("WEBKIT_WEB_RENDER_DEVICE_FILE", "/dev/null"),
];

/// Whether there is anything to open a window on: named, and answering. To be asked before
/// anything has a thread.
pub(crate) fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| is_set(name))
        && start_gtk()
}

/// Whoever wishes another way of drawing says so by the first of the variables.
fn start_gtk() -> bool {
    if !is_set(DRAWING[0].0) {
        for (name, value) in DRAWING {
            // Unset, it only costs memory.
            let _ = gtk::glib::setenv(name, value, false);
        }
    }
    gtk::init().is_ok()
}

/// Panels do not tell their colour: GNOME's and Ubuntu's are dark, others follow the theme.
pub(crate) fn panel() -> Panel {
    let names = |variable: &str, words: &[&str]| {
        std::env::var(variable).is_ok_and(|value| {
            let value = value.to_ascii_lowercase();
            words.iter().any(|word| value.contains(word))
        })
    };
    if names("XDG_CURRENT_DESKTOP", &["gnome", "ubuntu", "unity"]) || names("GTK_THEME", &["dark"])
    {
        Panel::Dark
    } else {
        Panel::Light
    }
}

const PREFERS_DARK: &str = "gtk-application-prefer-dark-theme";
const NAME: &str = "gtk-theme-name";

/// Whether the system's windows are dark. In the main thread.
pub(crate) fn prefers_dark() -> bool {
    let is_dark = |name: &str| name.to_ascii_lowercase().ends_with("dark");
    if let Ok(theme) = std::env::var("GTK_THEME") {
        return is_dark(&theme);
    }
    gtk::Settings::default().is_some_and(|settings| {
        settings.is_gtk_application_prefer_dark_theme()
            || settings
                .gtk_theme_name()
                .is_some_and(|name| is_dark(name.as_str()))
    })
}

/// Gives our windows this theme; whether that was all there is to do. In the main thread.
pub(crate) fn dress(theme: Theme) -> bool {
    let Some(settings) = gtk::Settings::default() else {
        return true;
    };
    // First the system's own, from which the others differ.
    settings.reset_property(PREFERS_DARK);
    settings.reset_property(NAME);
    match theme {
        Theme::System => {}
        Theme::Dark => settings.set_gtk_application_prefer_dark_theme(true),
        Theme::Light => {
            settings.set_gtk_application_prefer_dark_theme(false);
            let name = settings.gtk_theme_name().unwrap_or_default();
            if let Some(light) = ["-dark", "-Dark"]
                .iter()
                .find_map(|dark| name.strip_suffix(dark))
            {
                settings.set_gtk_theme_name(Some(light));
            }
        }
    }
    true
}

/// Puts a text on the clipboard, without a window too. In the main thread.
pub(crate) fn copy(text: &str) -> bool {
    let clipboard = gtk::Clipboard::get(&gtk::gdk::SELECTION_CLIPBOARD);
    clipboard.set_text(text);
    // Somebody else keeps it when we are gone, where there is somebody.
    clipboard.store();
    true
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
