//! The one window: made when it is needed, hidden when it is closed, gone when it was not missed.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use notifier::view::{Theme, WindowUpdate};
use tauri::{
    AppHandle, LogicalSize, Manager as _, PhysicalPosition, WebviewUrl, WebviewWindow,
    WebviewWindowBuilder, window::Color,
};
use tokio::time::sleep;

use crate::{
    keeper::{Frame, Keeper},
    mailbox::Mailbox,
    os,
};

pub(crate) const LABEL: &str = "main";

const SIZE: LogicalSize<f64> = LogicalSize::new(1040.0, 700.0);
const LEAST: LogicalSize<f64> = LogicalSize::new(360.0, 420.0);
/// A page that has not asked for anything by then is shown all the same.
const PATIENCE: Duration = Duration::from_secs(4);
/// What has to be on a screen, in pixels, for a position to count: enough to take hold of.
const GRIP: i32 = 64;
/// The pages' own backgrounds, before they are drawn.
const LIGHT: Color = Color(0xff, 0xff, 0xff, 0xff);
const DARK: Color = Color(0x17, 0x19, 0x1d, 0xff);

/// What is known of the window, whether it is there or not.
#[derive(Debug, Default)]
pub(crate) struct Stage(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What a window that is still loading has to be told once it listens.
    pending: Option<WindowUpdate>,
    /// It has not drawn anything yet, and is not shown.
    loading: bool,
    /// Counts what happened to the window: a countdown that began before counts no more.
    turn: u64,
    theme: Theme,
    minutes: u32,
    tray: bool,
}

/// Brings the window up and tells it what to show.
pub(crate) fn open(app: &AppHandle, show: Option<WindowUpdate>) {
    on_main(app, move |app| open_now(app, show));
}

/// Tells the window, if there is one. It asks for everything when it opens.
pub(crate) fn tell(app: &AppHandle, update: &WindowUpdate) {
    app.state::<Mailbox>().put(update.clone());
}

/// The window listens now: it can be seen, and what waited for it follows.
pub(crate) fn listens(app: &AppHandle) {
    on_main(app, |app| {
        appear(app);
        let pending = stage(app).pending.take();
        if let Some(update) = pending {
            tell(app, &update);
        }
    });
}

/// Follows the settings.
pub(crate) fn follow(app: &AppHandle, theme: Theme, minutes: u32) {
    on_main(app, move |app| {
        stage(app).minutes = minutes;
        let before = std::mem::replace(&mut stage(app).theme, theme);
        if before == theme {
            return;
        }
        dress(app, theme);
        if let Some(window) = app.get_webview_window(LABEL) {
            let _ = window.set_background_color(Some(background(theme)));
        }
    });
}

/// Whether a hidden window can be found again.
pub(crate) fn has_tray(app: &AppHandle, tray: bool) {
    stage(app).tray = tray;
}

/// The person closed the window. True if it goes; otherwise it stays, out of sight.
pub(crate) fn closes(app: &AppHandle) -> bool {
    remember(app);
    let Some(window) = app.get_webview_window(LABEL) else {
        return true;
    };
    let (minutes, turn, tray) = {
        let mut stage = stage(app);
        stage.turn += 1;
        (stage.minutes, stage.turn, stage.tray)
    };
    if !tray && !os::has_legacy_tray() {
        if let Err(why) = window.minimize() {
            tracing::warn!(%why, "the window could not be minimised");
        }
        return false;
    }
    if minutes == 0 {
        return true;
    }
    if let Err(why) = window.hide() {
        tracing::warn!(%why, "the window could not be hidden");
        return true;
    }
    let app = app.clone();
    let rest = Duration::from_secs(u64::from(minutes) * 60);
    tauri::async_runtime::spawn(async move {
        sleep(rest).await;
        on_main(&app, move |app| {
            let unmissed = stage(app).turn == turn;
            if unmissed && let Some(window) = app.get_webview_window(LABEL) {
                tracing::debug!("nobody missed the window");
                let _ = window.destroy();
            }
        });
    });
    false
}

/// Keeps where the window is, on disk.
pub(crate) fn remember(app: &AppHandle) {
    let keeper = app.state::<Keeper>();
    if let Some(window) = app.get_webview_window(LABEL)
        && let Some(frame) = frame(&window, keeper.frame())
    {
        keeper.keep_frame(frame);
    }
    if let Err(why) = keeper.save() {
        tracing::warn!(%why, "where the window was could not be kept");
    }
}

fn open_now(app: &AppHandle, show: Option<WindowUpdate>) {
    let (theme, loading) = {
        let mut stage = stage(app);
        if !stage.loading {
            // While it loads nothing counts down but its own patience, which asking again does not end.
            stage.turn += 1;
        }
        (stage.theme, stage.loading)
    };
    if let Some(window) = app.get_webview_window(LABEL) {
        if loading {
            if show.is_some() {
                stage(app).pending = show;
            }
            return;
        }
        bring_up(&window);
        if let Some(update) = show {
            tell(app, &update);
        }
        return;
    }
    let turn = {
        let mut stage = stage(app);
        stage.pending = show;
        stage.loading = true;
        stage.turn
    };
    dress(app, theme);
    let kept = app.state::<Keeper>().frame();
    let size = kept.map_or(SIZE, |frame| {
        LogicalSize::new(frame.width.max(LEAST.width), frame.height.max(LEAST.height))
    });
    let built = WebviewWindowBuilder::new(app, LABEL, WebviewUrl::App("index.html".into()))
        .title("Feedbell")
        .inner_size(size.width, size.height)
        .min_inner_size(LEAST.width, LEAST.height)
        .background_color(background(theme))
        // Seen once there is something to see.
        .visible(false)
        // The window shows our own pages only: links open in the browser.
        .on_navigation(|url| {
            url.scheme() == "tauri" || url.host_str().is_some_and(|host| host == "tauri.localhost")
        })
        .build();
    let window = match built {
        Ok(window) => window,
        Err(why) => {
            stage(app).loading = false;
            tracing::error!(%why, "the window could not be opened");
            return;
        }
    };
    if let Some(frame) = kept {
        place(&window, frame);
    }
    let app = app.clone();
    tauri::async_runtime::spawn(async move {
        sleep(PATIENCE).await;
        on_main(&app, move |app| {
            let same = stage(app).turn == turn;
            if same {
                appear(app);
            }
        });
    });
}

/// A window that was loading is seen from now on.
fn appear(app: &AppHandle) {
    let was_loading = std::mem::take(&mut stage(app).loading);
    if was_loading && let Some(window) = app.get_webview_window(LABEL) {
        bring_up(&window);
    }
}

fn bring_up(window: &WebviewWindow) {
    let hidden = !window.is_visible().unwrap_or(true);
    if hidden && let Some(frame) = window.state::<Keeper>().frame() {
        // Where a window was is forgotten while it is hidden.
        place(window, frame);
    }
    let shown = window
        .unminimize()
        .and_then(|()| window.show())
        .and_then(|()| window.set_focus());
    if let Err(why) = shown {
        tracing::warn!(%why, "the window could not be brought up");
    }
}

fn place(window: &WebviewWindow, frame: Frame) {
    let screens = window.available_monitors().unwrap_or_default();
    let screens = screens.iter().map(|screen| {
        let (at, size) = (screen.position(), screen.size());
        (at.x, at.y, size.width, size.height)
    });
    if within_reach(frame, screens) {
        let _ = window.set_position(PhysicalPosition::new(frame.x, frame.y));
    }
    if frame.maximized {
        let _ = window.maximize();
    }
}

/// Whether the top of a window at this place can be taken hold of on one of the screens, each
/// given by its corner and size in pixels.
fn within_reach(frame: Frame, mut screens: impl Iterator<Item = (i32, i32, u32, u32)>) -> bool {
    // The width may be a little off where a screen is scaled: reach is no exact matter.
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as it should")]
    let width = frame.width as i32;
    let reach = |size: u32| i32::try_from(size).unwrap_or(i32::MAX);
    screens.any(|(x, y, wide, high)| {
        frame.x.saturating_add(width) >= x.saturating_add(GRIP)
            && frame.x <= x.saturating_add(reach(wide)).saturating_sub(GRIP)
            && frame.y >= y
            && frame.y <= y.saturating_add(reach(high)).saturating_sub(GRIP)
    })
}

/// Where a window is. A maximised one keeps the size and position that it had before.
fn frame(window: &WebviewWindow, before: Option<Frame>) -> Option<Frame> {
    if window.is_minimized().unwrap_or(true) || !window.is_visible().unwrap_or(false) {
        return None;
    }
    let maximized = window.is_maximized().unwrap_or(false);
    if maximized && let Some(before) = before {
        return Some(Frame {
            maximized,
            ..before
        });
    }
    let scale = window.scale_factor().ok()?;
    let size = window.inner_size().ok()?.to_logical::<f64>(scale);
    let at = window.outer_position().ok()?;
    Some(Frame {
        x: at.x,
        y: at.y,
        width: size.width,
        height: size.height,
        maximized,
    })
}

fn dress(app: &AppHandle, theme: Theme) {
    if os::dress(theme) {
        return;
    }
    app.set_theme(match theme {
        Theme::System => None,
        Theme::Light => Some(tauri::Theme::Light),
        Theme::Dark => Some(tauri::Theme::Dark),
    });
}

fn background(theme: Theme) -> Color {
    let dark = match theme {
        Theme::System => os::prefers_dark(),
        Theme::Light => false,
        Theme::Dark => true,
    };
    if dark { DARK } else { LIGHT }
}

/// Windows belong to the main thread: one thing after the other, whoever asks.
fn on_main(app: &AppHandle, what: impl FnOnce(&AppHandle) + Send + 'static) {
    let handle = app.clone();
    if let Err(why) = app.run_on_main_thread(move || what(&handle)) {
        tracing::debug!(%why, "the app is ending");
    }
}

fn stage(app: &AppHandle) -> MutexGuard<'_, State> {
    app.state::<Stage>()
        .inner()
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: i32, y: i32) -> Frame {
        Frame {
            x,
            y,
            width: 1000.0,
            height: 700.0,
            maximized: false,
        }
    }

    #[test]
    fn a_window_is_put_where_it_can_be_taken_hold_of() {
        let screens = [(0, 0, 1920, 1080), (1920, -200, 1280, 1024)];
        let reaches = |frame| within_reach(frame, screens.into_iter());
        assert!(reaches(at(0, 0)));
        assert!(reaches(at(-900, 100)), "a strip of it is to be seen");
        assert!(reaches(at(3000, -200)), "on the second screen");
        assert!(!reaches(at(-990, 100)), "next to nothing of it");
        assert!(!reaches(at(100, -30)), "its title bar is above the screen");
        assert!(!reaches(at(100, 1060)), "below");
        assert!(!reaches(at(4000, 100)), "on a screen that is gone");
        assert!(!reaches(at(i32::MAX, i32::MIN)));
        assert!(!within_reach(at(0, 0), std::iter::empty()));
    }
}
