//! The least that a Tauri app with a tray can be: an icon, a menu, a window with an empty page.
//!
//! What Feedbell costs is measured against it. Menu: open, close, quit; `--window` opens at once.

use tauri::{
    AppHandle, Manager as _, RunEvent, WebviewUrl, WebviewWindowBuilder,
    menu::{Menu, MenuItem},
    tray::TrayIconBuilder,
};

fn main() -> tauri::Result<()> {
    let app = tauri::Builder::default()
        .setup(|app| {
            let menu = Menu::new(app)?;
            for id in ["Open", "Close", "Quit"] {
                menu.append(&MenuItem::with_id(app, id, id, true, None::<&str>)?)?;
            }
            TrayIconBuilder::with_id("bare")
                .icon(tauri::include_image!("icons/tray/idle-light-32.png"))
                .menu(&menu)
                .on_menu_event(|app, event| match event.id().as_ref() {
                    "Open" => open(app),
                    "Close" => close(app),
                    _ => app.exit(0),
                })
                .build(app)?;
            if std::env::args().any(|argument| argument == "--window") {
                open(app.handle());
            }
            Ok(())
        })
        .build(tauri::generate_context!("src-tauri/bare/tauri.conf.json"))?;
    app.run(|_, event| {
        if let RunEvent::ExitRequested {
            code: None, api, ..
        } = event
        {
            api.prevent_exit();
        }
    });
    Ok(())
}

fn open(app: &AppHandle) {
    let page = WebviewUrl::App("index.html".into());
    let built = WebviewWindowBuilder::new(app, "main", page)
        .title("Bare")
        .inner_size(1040.0, 700.0)
        .build();
    drop(built);
}

fn close(app: &AppHandle) {
    if let Some(window) = app.get_webview_window("main") {
        let _ = window.destroy();
    }
}
