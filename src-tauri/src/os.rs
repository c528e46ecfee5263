//! What differs between systems, behind one name.

#[cfg_attr(all(unix, not(target_os = "macos")), path = "os/xdg.rs")]
#[cfg_attr(not(all(unix, not(target_os = "macos"))), path = "os/native.rs")]
mod system;

pub(crate) use system::{
    Hotkey, copy, dress, has_display, has_legacy_tray, is_autostarted, open, panel, prefers_dark,
    set_autostart, watch_tray,
};

/// How a tray icon has to be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each system uses some of them")]
pub(crate) enum Panel {
    /// Dark ink on a light panel.
    Light,
    /// Light ink on a dark panel.
    Dark,
    /// The system recolours it.
    Template,
}

/// Why keys cannot bring up the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each system uses some of them")]
pub(crate) enum HotkeyTrouble {
    /// They are no keys that we know.
    Unknown,
    /// Another program has them.
    Taken,
    /// No program can take keys here.
    NotHere,
}
