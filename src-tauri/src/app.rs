//! Builds the Tauri app, starts the notifier, and forwards each update to tray, window and bell.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use front::{Click, Ringer, Role, do_not_disturb, machine, places::Places};
use jiff::Zoned;
use notifier::{
    Localizer, NotifierConfig, NotifierHandle, Update,
    view::{HubForm, WindowUpdate},
};
use tauri::{AppHandle, Manager as _, RunEvent, WindowEvent};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Options, commands,
    desktop::{self, Desktop},
    keeper::Keeper,
    mailbox::Mailbox,
    os,
    tray::{Choice, Look, Tray, in_an_hour, look, tomorrow_morning},
    window::{self, Stage},
};

/// How long the notifier gets to close feeds, hub and inbox.
const GRACE: Duration = Duration::from_secs(5);
/// How often the tray is drawn at the most: in a storm of events nobody reads each number.
const REDRAW: Duration = Duration::from_millis(400);
/// Threads for feeds, hub and D-Bus. They wait nearly all the time; each costs memory.
const WORKERS: usize = 2;

/// The tray has to be drawn again, although the notifier has no news.
#[derive(Default)]
struct Redraw(Notify);

/// Runs until the person quits.
pub(crate) fn run(options: Options, places: &Places, localizer: &Localizer) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    let config = NotifierConfig {
        settings: places.settings.clone(),
        data: places.data.clone(),
        hub_socket: places.hub.clone(),
        logs: Some(places.logs.clone()),
        trying: options.trying,
        keyring: true,
        clock: notifier::system_clock(),
    };
    let socket = places.control.clone();
    let app = tauri::Builder::default()
        // First, so that a second start does nothing but bring up the window of the first.
        .plugin(tauri_plugin_single_instance::init(|app, arguments, _| {
            if !arguments.iter().any(|argument| argument == "--hidden") {
                window::open(app, None);
            }
        }))
        .manage(Stage::default())
        .manage(Mailbox::default())
        .manage(Redraw::default())
        .manage(Desktop::new(places))
        .on_window_event(|window, event| {
            match event {
                WindowEvent::CloseRequested { api, .. } if !window::closes(window.app_handle()) => {
                    api.prevent_close();
                }
                // Its question is answered, and with it what WebKit keeps for the answer is free.
                WindowEvent::Destroyed => window.state::<Mailbox>().close(),
                _ => {}
            }
        })
        .invoke_handler(tauri::generate_handler![
            commands::listen,
            commands::updates,
            commands::app,
            commands::messages,
            commands::message,
            commands::facets,
            commands::mark_read,
            commands::pin,
            commands::set_done,
            commands::bulk,
            commands::undo_bulk,
            commands::mute,
            commands::unmute,
            commands::preview,
            commands::recent_events,
            commands::test_message,
            commands::import_feeds,
            commands::diagnostics,
            commands::delete_messages,
            commands::restore_messages,
            commands::settings,
            commands::save_general,
            commands::save_hub,
            commands::switch_hub,
            commands::hub_lists,
            commands::create_token,
            commands::revoke_token,
            commands::disconnect,
            commands::unban,
            commands::save_feed,
            commands::remove_feed,
            commands::pause,
            commands::resume,
            commands::reconnect,
            commands::guess_preset,
            commands::test_feed,
            commands::stop_test,
            commands::send,
            commands::try_it,
            commands::open_link,
            commands::desk::export_messages,
            commands::desk::export_feeds,
            commands::desk::act,
            commands::desk::icon,
            commands::desk::erase,
            commands::desk::desktop,
            commands::desk::set_autostart,
            commands::desk::introduced,
            commands::desk::open_folder,
            commands::desk::keep_place,
            commands::desk::last_place,
        ])
        .build(tauri::generate_context!())
        .context("the window system is not usable")?;

    let handle = app.handle().clone();
    let started = runtime.block_on(notifier::start(config));
    let (notifier, updates) =
        started.map_err(|why| anyhow::anyhow!(localizer.text(&why.text())))?;
    app.manage(notifier.clone());
    // The notifier has made the folder.
    app.manage(Keeper::load(&places.data));
    let first = runtime
        .block_on(tray_look(&notifier))
        .context("the notifier ended at once")?;
    let tray = Tray::new(&handle, &first, chosen).context("the tray icon could not be made")?;
    let tray = DrawnTray {
        tray: Arc::new(Mutex::new(tray)),
        shown: first,
    };
    runtime.block_on(desktop::follow_settings(&handle, &notifier));
    if !options.hidden {
        window::open(&handle, None);
    }
    runtime.spawn(serve_control(notifier.clone(), socket));
    runtime.spawn(follow(handle.clone(), notifier.clone(), updates, tray));
    runtime.spawn(machine::watch(notifier.clone()));
    runtime.spawn(do_not_disturb::watch(notifier.clone()));
    runtime.spawn(desktop::follow_tray(handle.clone()));
    runtime.spawn(quit_on_signal(handle));

    let mut runtime = Some(runtime);
    app.run(move |app, event| match event {
        // The last window is closed: the bell stays in the tray.
        RunEvent::ExitRequested {
            code: None, api, ..
        } => api.prevent_exit(),
        RunEvent::ExitRequested { .. } => window::remember(app),
        RunEvent::Exit => {
            if let Some(runtime) = runtime.take() {
                // The timer has to be made inside the runtime.
                let _ = runtime.block_on(async { timeout(GRACE, notifier.stop()).await });
                // A task may wait for this very thread to draw the tray: it is not waited for.
                runtime.shutdown_background();
            }
        }
        _ => {}
    });
    Ok(())
}

/// Takes updates until the notifier ends.
async fn follow(
    app: AppHandle,
    notifier: NotifierHandle,
    mut updates: mpsc::Receiver<Update>,
    mut tray: DrawnTray,
) {
    let (ringer, mut clicks) = Ringer::start(notifier.clone(), Role::Bell);
    let redraw = app.state::<Redraw>();
    let mut drawn = Instant::now();
    let mut stale = true;
    loop {
        tokio::select! {
            () = sleep_until(drawn + REDRAW), if stale => {
                stale = false;
                drawn = Instant::now();
                tray.show(&app, &notifier).await;
            }
            () = redraw.0.notified() => {
                tray.forget();
                stale = true;
            }
            update = updates.recv() => match update {
                None => return,
                Some(Update::Notify(announcement)) => ringer.show(announcement).await,
                Some(Update::Withdraw(key)) => ringer.withdraw(key),
                Some(Update::App) => {
                    window::tell(&app, &WindowUpdate::App);
                    stale = true;
                }
                Some(Update::Inbox) => {
                    window::tell(&app, &WindowUpdate::Inbox);
                    stale = true;
                }
                Some(Update::Settings) => {
                    window::tell(&app, &WindowUpdate::Settings);
                    desktop::follow_settings(&app, &notifier).await;
                    stale = true;
                }
                Some(Update::Test(update)) => window::tell(&app, &WindowUpdate::Test { update }),
                Some(Update::Open { message, page }) => {
                    let show = match page {
                        Some(page) => WindowUpdate::Page { page },
                        None => WindowUpdate::Open { message },
                    };
                    window::open(&app, Some(show));
                }
            },
            Some(click) = clicks.recv() => follow_click(&app, &notifier, click).await,
        }
    }
}

async fn follow_click(app: &AppHandle, notifier: &NotifierHandle, click: Click) {
    match click {
        Click::Message(id) => {
            window::open(app, Some(WindowUpdate::Open { message: Some(id) }));
        }
        Click::Inbox => window::open(app, Some(WindowUpdate::Open { message: None })),
        Click::Copy(text) => {
            if commands::desk::copy(app, text).await.is_err() {
                // There it can be copied by hand.
                window::open(app, Some(WindowUpdate::Open { message: None }));
            }
        }
        Click::Link { id, link } => match os::open(link).await {
            Ok(()) => drop(notifier.mark_read(vec![id], true).await),
            Err(why) => {
                tracing::warn!(%why, "a link could not be opened");
                window::open(app, Some(WindowUpdate::Open { message: Some(id) }));
            }
        },
    }
}

/// The tray with what it shows.
struct DrawnTray {
    tray: Arc<Mutex<Tray>>,
    shown: Look,
}

impl DrawnTray {
    /// Draws what changed.
    async fn show(&mut self, app: &AppHandle, notifier: &NotifierHandle) {
        let Some(look) = tray_look(notifier).await else {
            return;
        };
        if look == self.shown {
            return;
        }
        self.shown = look.clone();
        let (tray, handle) = (Arc::clone(&self.tray), app.clone());
        let asked = app.run_on_main_thread(move || {
            let mut tray = tray.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(why) = tray.show(&handle, &look) {
                tracing::warn!(%why, "the tray could not be drawn");
            }
        });
        if let Err(why) = asked {
            tracing::debug!(%why, "the app is ending");
        }
    }

    /// What the tray shows may be other than we think: a click changes it.
    fn forget(&mut self) {
        self.shown.items.clear();
    }
}

/// Nothing while the notifier stops.
async fn tray_look(notifier: &NotifierHandle) -> Option<Look> {
    let app = notifier.app().await.ok()?;
    let localizer = notifier.localizer().await.ok()?;
    Some(look(&app, &localizer, &Zoned::now()))
}

/// A choice in the tray's menu.
fn chosen(app: &AppHandle, choice: Choice, message: Option<i64>) {
    match choice {
        Choice::Open => window::open(app, None),
        Choice::Latest(_) => window::open(app, Some(WindowUpdate::Open { message })),
        Choice::Settings => {
            let page = "settings".to_owned();
            window::open(app, Some(WindowUpdate::Page { page }));
        }
        Choice::Quit => app.exit(0),
        choice => {
            let app = app.clone();
            tauri::async_runtime::spawn(async move {
                let notifier = app.state::<NotifierHandle>();
                let now = Zoned::now();
                let done = match choice {
                    Choice::PauseHour => notifier.pause(Some(in_an_hour(&now))).await,
                    Choice::PauseTomorrow => notifier.pause(Some(tomorrow_morning(&now))).await,
                    Choice::Pause => notifier.pause(None).await,
                    Choice::Resume => notifier.resume().await,
                    Choice::Reconnect(feed) => notifier.reconnect(Some(feed)).await,
                    Choice::Mute(feed) => switch_mute(&notifier, feed).await,
                    _ => switch_hub(&notifier).await,
                };
                if let Err(why) = done {
                    tracing::warn!(?why, "a choice in the tray was refused");
                }
                app.state::<Redraw>().0.notify_one();
            });
        }
    }
}

async fn switch_mute(
    notifier: &NotifierHandle,
    feed: String,
) -> Result<(), notifier::view::Refusal> {
    let app = notifier.app().await?;
    if app
        .feeds
        .iter()
        .any(|known| known.id == feed && known.muted)
    {
        notifier.unmute(feed).await
    } else {
        notifier.mute(feed, None).await
    }
}

async fn switch_hub(notifier: &NotifierHandle) -> Result<(), notifier::view::Refusal> {
    let form = notifier.settings().await?.hub;
    let on = !form.on;
    notifier.save_hub(HubForm { on, ..form }).await
}

async fn serve_control(notifier: NotifierHandle, socket: PathBuf) {
    match notifier::control::bind(&socket).await {
        Ok(door) => door.serve(notifier).await,
        Err(why) => {
            tracing::error!(%why, socket = %socket.display(), "the control socket is not available");
        }
    }
}

/// Ends in good order when the session or a person asks by signal.
async fn quit_on_signal(app: AppHandle) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut terminate), Ok(mut interrupt)) = (
            signal(SignalKind::terminate()),
            signal(SignalKind::interrupt()),
        ) else {
            return;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    app.exit(0);
}
