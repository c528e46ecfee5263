//! Linux and the other freedesktop systems.

use super::Panel;

/// Whether there is anything to open a window on: named, and answering.
pub(crate) fn has_display() -> bool {
    ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        && gtk::init().is_ok()
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
