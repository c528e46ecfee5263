//! The one window: made when it is needed, gone when it is closed.

use std::sync::{Mutex, PoisonError};

use notifier::view::WindowUpdate;
use tauri::{AppHandle, Emitter as _, Manager as _, WebviewUrl, WebviewWindowBuilder};

const LABEL: &str = "main";
const EVENT: &str = "update";

/// What a window that is still loading has to be told once it listens.
#[derive(Debug, Default)]
pub(crate) struct Pending(Mutex<Option<WindowUpdate>>);

/// Brings the window up and tells it what to show.
pub(crate) fn open(app: &AppHandle, show: Option<WindowUpdate>) {
    if let Some(window) = app.get_webview_window(LABEL) {
        let shown = window
            .unminimize()
            .and_then(|()| window.show())
            .and_then(|()| window.set_focus());
        if let Err(why) = shown {
            tracing::warn!(%why, "the window could not be brought up");
        }
        if let Some(update) = show {
            tell(app, &update);
        }
        return;
    }
    if let Some(update) = show {
        *pending(app) = Some(update);
    }
    let built = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Feedbell")
        .inner_size(1040.0, 700.0)
        .min_inner_size(360.0, 420.0)
        // The window shows our own pages only: links open in the browser.
        .on_navigation(|url| {
            url.scheme() == "tauri" || url.host_str().is_some_and(|host| host == "tauri.localhost")
        })
        .build();
    if let Err(why) = built {
        tracing::error!(%why, "the window could not be opened");
    }
}

/// Tells the window, if there is one. It asks for everything when it opens.
pub(crate) fn tell(app: &AppHandle, update: &WindowUpdate) {
    if let Err(why) = app.emit_to(LABEL, EVENT, update) {
        tracing::warn!(%why, "the window could not be told");
    }
}

/// The window listens now: what waited for it follows.
pub(crate) fn listens(app: &AppHandle) {
    if let Some(update) = pending(app).take() {
        tell(app, &update);
    }
}

fn pending(app: &AppHandle) -> std::sync::MutexGuard<'_, Option<WindowUpdate>> {
    let pending = app.state::<Pending>();
    pending
        .inner()
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}
