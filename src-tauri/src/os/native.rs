//! macOS and Windows.

use std::{io, str::FromStr as _};

use auto_launch::{AutoLaunch, AutoLaunchBuilder};
use global_hotkey::{Error, GlobalHotKeyEvent, GlobalHotKeyManager, HotKeyState, hotkey::HotKey};
use notifier::view::Theme;
use tokio::sync::watch;

use super::{HotkeyTrouble, Panel};

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

/// The webview's own background is right until the page draws its own.
pub(crate) fn prefers_dark() -> bool {
    false
}

/// Tauri knows how.
pub(crate) fn dress(_theme: Theme) -> bool {
    false
}

/// Opens it with the program that the person uses for such things.
///
/// # Errors
/// When that cannot be started.
pub(crate) async fn open(what: impl AsRef<std::ffi::OsStr>) -> io::Result<()> {
    let what = what.as_ref().to_owned();
    tokio::task::spawn_blocking(move || open::that_detached(what))
        .await
        .map_err(io::Error::other)?
}

/// Puts a text on the clipboard. In the main thread.
pub(crate) fn copy(text: &str) -> bool {
    arboard::Clipboard::new()
        .and_then(|mut clipboard| clipboard.set_text(text))
        .is_ok()
}

/// Both always show icons.
pub(crate) async fn watch_tray(tell: watch::Sender<bool>) {
    let _ = tell.send(true);
    tell.closed().await;
}

/// There is only the one tray.
pub(crate) fn has_legacy_tray() -> bool {
    false
}

/// Whether the session starts us.
pub(crate) fn is_autostarted() -> bool {
    launcher().is_ok_and(|launcher| launcher.is_enabled().unwrap_or(false))
}

/// Has the session start us, or not.
///
/// # Errors
/// When the system refuses.
pub(crate) fn set_autostart(on: bool) -> io::Result<()> {
    let launcher = launcher()?;
    let done = if on {
        launcher.enable()
    } else {
        launcher.disable()
    };
    done.map_err(io::Error::other)
}

fn launcher() -> io::Result<AutoLaunch> {
    let program = std::env::current_exe()?;
    AutoLaunchBuilder::new()
        .set_app_name("Feedbell")
        .set_app_path(&program.to_string_lossy())
        .set_args(&["--hidden"])
        .build()
        .map_err(io::Error::other)
}

/// Keys that are ours until this is dropped.
pub(crate) struct Hotkey {
    manager: GlobalHotKeyManager,
    keys: HotKey,
}

impl Hotkey {
    /// Takes keys like `Ctrl+Alt+B`. In the main thread.
    ///
    /// # Errors
    /// When these are no keys, or they cannot be had.
    pub(crate) fn take(
        keys: &str,
        pressed: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, HotkeyTrouble> {
        let keys = HotKey::from_str(keys).map_err(|_| HotkeyTrouble::Unknown)?;
        let manager = GlobalHotKeyManager::new().map_err(|_| HotkeyTrouble::NotHere)?;
        manager.register(keys).map_err(|why| match why {
            Error::AlreadyRegistered(_) => HotkeyTrouble::Taken,
            _ => HotkeyTrouble::NotHere,
        })?;
        GlobalHotKeyEvent::set_event_handler(Some(move |event: GlobalHotKeyEvent| {
            if event.state == HotKeyState::Pressed {
                pressed();
            }
        }));
        Ok(Self { manager, keys })
    }
}

impl Drop for Hotkey {
    fn drop(&mut self) {
        let _ = self.manager.unregister(self.keys);
    }
}
