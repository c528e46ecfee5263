//! Builds the Tauri app, starts the notifier, and forwards each update to tray, window and bell.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use front::{Click, Ringer, Role, machine, places::Places};
use notifier::{
    Localizer, NotifierConfig, NotifierHandle, Update,
    view::{HubForm, WindowUpdate},
};
use tauri::{AppHandle, Manager as _, RunEvent};
use tokio::{sync::mpsc, time::timeout};

use crate::{
    Options, commands,
    tray::{Choice, Look, Tray, look},
    window::{self, Pending},
};

/// How long the notifier gets to close feeds, hub and inbox.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until the person quits.
pub(crate) fn run(options: Options, places: &Places, localizer: &Localizer) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
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
        .manage(Pending::default())
        .invoke_handler(tauri::generate_handler![
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
        ])
        .build(tauri::generate_context!())
        .context("the window system is not usable")?;

    let handle = app.handle().clone();
    let started = runtime.block_on(notifier::start(config));
    let (notifier, updates) =
        started.map_err(|why| anyhow::anyhow!(localizer.text(&why.text())))?;
    app.manage(notifier.clone());
    let first = runtime
        .block_on(tray_look(&notifier))
        .context("the notifier ended at once")?;
    let tray = Tray::new(&handle, first, chosen).context("the tray icon could not be made")?;
    if !options.hidden {
        window::open(&handle, None);
    }
    runtime.spawn(serve_control(notifier.clone(), socket));
    runtime.spawn(follow(handle.clone(), notifier.clone(), updates, tray));
    runtime.spawn(machine::watch(notifier.clone()));
    runtime.spawn(quit_on_signal(handle));

    let mut runtime = Some(runtime);
    app.run(move |_, event| match event {
        // The last window is closed: the bell stays in the tray.
        RunEvent::ExitRequested {
            code: None, api, ..
        } => api.prevent_exit(),
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
    mut tray: Tray,
) {
    let (ringer, mut clicks) = Ringer::start(notifier.clone(), Role::Bell);
    show_tray(&app, &notifier, &mut tray).await;
    loop {
        tokio::select! {
            update = updates.recv() => match update {
                None => return,
                Some(Update::Notify(announcement)) => ringer.show(announcement).await,
                Some(Update::Withdraw(key)) => ringer.withdraw(key),
                Some(Update::App) => {
                    window::tell(&app, &WindowUpdate::App);
                    show_tray(&app, &notifier, &mut tray).await;
                }
                Some(Update::Inbox) => window::tell(&app, &WindowUpdate::Inbox),
                Some(Update::Settings) => window::tell(&app, &WindowUpdate::Settings),
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
        // A clipboard without a window is the shell's to find; until then the message is shown.
        Click::Copy(_) => window::open(app, Some(WindowUpdate::Open { message: None })),
        Click::Link { id, link } => match open::that_detached(link) {
            Ok(()) => drop(notifier.mark_read(vec![id], true).await),
            Err(why) => {
                tracing::warn!(%why, "a link could not be opened");
                window::open(app, Some(WindowUpdate::Open { message: Some(id) }));
            }
        },
    }
}

async fn show_tray(app: &AppHandle, notifier: &NotifierHandle, tray: &mut Tray) {
    if let Some(look) = tray_look(notifier).await
        && let Err(why) = tray.show(app, look)
    {
        tracing::warn!(%why, "the tray could not be drawn");
    }
}

/// Nothing while the notifier stops.
async fn tray_look(notifier: &NotifierHandle) -> Option<Look> {
    let app = notifier.app().await.ok()?;
    let localizer = notifier.localizer().await.ok()?;
    Some(look(&app, &localizer))
}

/// A choice in the tray's menu.
fn chosen(app: &AppHandle, choice: Choice) {
    match choice {
        Choice::Open => window::open(app, None),
        Choice::Settings => {
            let page = "settings".to_owned();
            window::open(app, Some(WindowUpdate::Page { page }));
        }
        Choice::Quit => app.exit(0),
        choice => {
            let notifier = app.state::<NotifierHandle>().inner().clone();
            tauri::async_runtime::spawn(async move {
                let done = match choice {
                    Choice::Pause => switch_pause(&notifier).await,
                    Choice::Reconnect(feed) => notifier.reconnect(Some(feed)).await,
                    _ => switch_hub(&notifier).await,
                };
                if let Err(why) = done {
                    tracing::warn!(?why, "a choice in the tray was refused");
                }
            });
        }
    }
}

async fn switch_pause(notifier: &NotifierHandle) -> Result<(), notifier::view::Refusal> {
    match notifier.app().await?.pause {
        None => notifier.pause(None).await,
        Some(_) => notifier.resume().await,
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
