//! The desktop around the window: what it can do, and what it is set to.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use front::places::Places;
use notifier::{
    NotifierHandle,
    view::{DesktopView, GeneralForm, Text, WindowUpdate},
};
use tauri::{AppHandle, Manager as _};
use tokio::sync::watch;

use crate::{
    keeper::Keeper,
    os::{self, Hotkey, HotkeyTrouble},
    window,
};

/// What is known of the desktop.
pub(crate) struct Desktop {
    pub(crate) logs: PathBuf,
    pub(crate) data: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tray: bool,
    keys: String,
    hotkey: Option<Hotkey>,
    trouble: Option<Text>,
}

impl Desktop {
    pub(crate) fn new(places: &Places) -> Self {
        Self {
            logs: places.logs.clone(),
            data: places.data.clone(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the window shows of it. A legacy tray, which nobody announces, is looked for each time.
pub(crate) fn view(app: &AppHandle) -> DesktopView {
    let desktop = app.state::<Desktop>();
    let (tray, shortcut_trouble) = {
        let state = desktop.state();
        (state.tray, state.trouble.clone())
    };
    DesktopView {
        tray: tray || os::has_legacy_tray(),
        autostart: os::is_autostarted(),
        shortcut_trouble,
        newcomer: !app.state::<Keeper>().introduced(),
        logs: desktop.logs.display().to_string(),
        data: desktop.data.display().to_string(),
    }
}

/// Follows whether somebody shows tray icons, until the app ends.
pub(crate) async fn follow_tray(app: AppHandle) {
    let (tell, mut shown) = watch::channel(false);
    tauri::async_runtime::spawn(os::watch_tray(tell));
    while shown.changed().await.is_ok() {
        let tray = *shown.borrow_and_update();
        tracing::debug!(tray, "tray icons");
        app.state::<Desktop>().state().tray = tray;
        window::has_tray(&app, tray);
        window::tell(&app, &WindowUpdate::Desktop);
    }
}

/// Follows the settings, at the start and whenever they change.
pub(crate) async fn follow_settings(app: &AppHandle, notifier: &NotifierHandle) {
    let Ok(settings) = notifier.settings().await else {
        return;
    };
    let GeneralForm {
        theme,
        window_minutes,
        shortcut,
        ..
    } = settings.general;
    window::follow(app, theme, window_minutes);
    let handle = app.clone();
    let done = app.run_on_main_thread(move || {
        if take_keys(&handle, shortcut.trim()) {
            window::tell(&handle, &WindowUpdate::Desktop);
        }
    });
    if let Err(why) = done {
        tracing::debug!(%why, "the app is ending");
    }
}

/// Makes these the keys that bring up the window; whether that changed anything.
fn take_keys(app: &AppHandle, keys: &str) -> bool {
    let desktop = app.state::<Desktop>();
    let mut state = desktop.state();
    if state.keys == keys {
        return false;
    }
    keys.clone_into(&mut state.keys);
    // First, so that the same keys written in another way are free.
    state.hotkey = None;
    state.trouble = None;
    if keys.is_empty() {
        return true;
    }
    let handle = app.clone();
    match Hotkey::take(keys, move || window::open(&handle, None)) {
        Ok(hotkey) => state.hotkey = Some(hotkey),
        Err(why) => {
            tracing::info!(?why, "the shortcut cannot be used");
            let text = Text::new(match why {
                HotkeyTrouble::Unknown => "desktop-shortcut-unknown",
                HotkeyTrouble::Taken => "desktop-shortcut-taken",
                HotkeyTrouble::NotHere => "desktop-shortcut-not-here",
            });
            state.trouble = Some(text.with("keys", keys));
        }
    }
    true
}
