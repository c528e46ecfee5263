//! macOS and Windows.

use super::Panel;

/// These systems always have one.
pub(crate) fn has_display() -> bool {
    true
}

/// The macOS menu bar recolours template icons; the Windows taskbar is dark unless it was changed.
pub(crate) fn panel() -> Panel {
    if cfg!(target_os = "macos") {
        Panel::Template
    } else {
        Panel::Dark
    }
}
