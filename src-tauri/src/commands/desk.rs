//! What the window asks of the desktop: files, folders, the clipboard, the session.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use notifier::view::{
    Deed, DesktopView, Erase, ExportFormat, Exported, MessageQuery, Refusal, Text, WindowUpdate,
};
use tauri::{AppHandle, Manager as _, State};
use tokio::sync::oneshot;

use super::Notifier;
use crate::{
    desktop::{self, Desktop},
    keeper::Keeper,
    os, window,
};

/// The largest picture that goes to the window, in bytes.
const LARGEST_ICON: u64 = 256 * 1024;

#[tauri::command]
pub(crate) async fn export_messages(
    app: AppHandle,
    notifier: Notifier<'_>,
    query: MessageQuery,
    format: ExportFormat,
) -> Result<Exported, Refusal> {
    notifier
        .export_messages(query, format, downloads(&app))
        .await
}

#[tauri::command]
pub(crate) async fn export_feeds(
    app: AppHandle,
    notifier: Notifier<'_>,
) -> Result<Exported, Refusal> {
    notifier.export_feeds(downloads(&app)).await
}

/// Does what a message offers: the person asked for it.
#[tauri::command]
pub(crate) async fn act(
    app: AppHandle,
    notifier: Notifier<'_>,
    id: i64,
    place: u32,
) -> Result<Deed, Refusal> {
    let deed = notifier.act(id, place).await?;
    match &deed {
        Deed::Open { link } => {
            let refused = |_| Refusal::of(Text::new("refused-link"));
            os::open(link).await.map_err(refused)?;
            notifier.mark_read(vec![id], true).await?;
        }
        Deed::Copy { text } => copy(&app, text.clone()).await?,
        Deed::Asked { .. } => {}
    }
    Ok(deed)
}

/// Puts a text on the clipboard.
///
/// # Errors
/// When the system has none for us.
pub(crate) async fn copy(app: &AppHandle, text: String) -> Result<(), Refusal> {
    let (tell, done) = oneshot::channel();
    let asked = app.run_on_main_thread(move || {
        let _ = tell.send(os::copy(&text));
    });
    if asked.is_ok() && done.await.unwrap_or(false) {
        Ok(())
    } else {
        Err(Refusal::of(Text::new("desktop-copy-refused")))
    }
}

/// A picture that cannot be had, is too large or is none, is none.
#[tauri::command]
pub(crate) async fn icon(notifier: Notifier<'_>, id: i64) -> Result<Option<String>, Refusal> {
    let Some(path) = notifier.icon(id).await? else {
        return Ok(None);
    };
    Ok(
        tauri::async_runtime::spawn_blocking(move || data_url(&path))
            .await
            .ok()
            .flatten(),
    )
}

/// Erases for good. What the notifier knows nothing of goes with everything else.
#[tauri::command]
pub(crate) async fn erase(
    app: AppHandle,
    notifier: Notifier<'_>,
    what: Erase,
) -> Result<(), Refusal> {
    let erased = notifier.erase(what).await;
    if what != Erase::Everything {
        return erased;
    }
    let keeper = app.state::<Keeper>();
    let autostart = os::set_autostart(false).map_err(|why| ("autostart".to_owned(), why));
    let kept = keeper.forget();
    let kept = kept.map_err(|why| ("window.json".to_owned(), why));
    window::tell(&app, &WindowUpdate::Desktop);
    let ours = autostart.and(kept).map_err(|(path, why)| {
        let text = Text::new("desktop-erase-left").with("path", path);
        Refusal::of(text.with("why", why.to_string()))
    });
    erased.and(ours)
}

#[tauri::command]
pub(crate) async fn desktop(app: AppHandle) -> Result<DesktopView, Refusal> {
    let view = tauri::async_runtime::spawn_blocking(move || desktop::view(&app)).await;
    Ok(view.unwrap_or_default())
}

#[tauri::command]
pub(crate) async fn set_autostart(app: AppHandle, on: bool) -> Result<(), Refusal> {
    os::set_autostart(on).map_err(|why| {
        let text = Text::new("desktop-autostart-refused").with("why", why.to_string());
        Refusal::of(text)
    })?;
    window::tell(&app, &WindowUpdate::Desktop);
    Ok(())
}

#[tauri::command]
pub(crate) async fn introduced(app: AppHandle, keeper: State<'_, Keeper>) -> Result<(), Refusal> {
    keeper.introduce();
    save(&keeper);
    window::tell(&app, &WindowUpdate::Desktop);
    Ok(())
}

/// Opens one of our folders, or the one that an export lies in; no other.
#[tauri::command]
pub(crate) async fn open_folder(app: AppHandle, path: String) -> Result<(), Refusal> {
    let (logs, data) = {
        let desktop = app.state::<Desktop>();
        (desktop.logs.clone(), desktop.data.clone())
    };
    let folder = allowed(Path::new(&path), &[logs, data, downloads(&app)]);
    let opened = match folder {
        Some(folder) => os::open(folder).await.is_ok(),
        None => false,
    };
    let refused = || Refusal::of(Text::new("desktop-folder-refused").with("path", path));
    opened.then_some(()).ok_or_else(refused)
}

/// Keeps it for a window that is made anew, in this start or the next.
#[tauri::command]
pub(crate) async fn keep_place(keeper: State<'_, Keeper>, place: String) -> Result<(), Refusal> {
    keeper.keep_place(place);
    save(&keeper);
    Ok(())
}

#[tauri::command]
pub(crate) async fn last_place(keeper: State<'_, Keeper>) -> Result<Option<String>, Refusal> {
    Ok(keeper.place())
}

fn save(keeper: &Keeper) {
    if let Err(why) = keeper.save() {
        tracing::warn!(%why, "what the window keeps could not be written");
    }
}

/// The person's folder of downloads; without one the home folder.
fn downloads(app: &AppHandle) -> PathBuf {
    let paths = app.path();
    let folder = paths.download_dir().ok().filter(|folder| folder.is_dir());
    folder
        .or_else(|| paths.home_dir().ok())
        .unwrap_or_else(std::env::temp_dir)
}

/// The folder to open: one of these, or the one of these that a file lies in.
fn allowed(path: &Path, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let folder = if path.is_dir() {
        path.as_path()
    } else {
        path.parent()?
    };
    let mut known = folders.iter().filter_map(|known| known.canonicalize().ok());
    known.find(|known| known == folder)
}

fn data_url(path: &Path) -> Option<String> {
    if fs::metadata(path).ok()?.len() > LARGEST_ICON {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let kind = kind(&bytes)?;
    Some(format!("data:{kind};base64,{}", STANDARD.encode(bytes)))
}

/// What the bytes themselves say they are.
fn kind(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [
            b'R',
            b'I',
            b'F',
            b'F',
            _,
            _,
            _,
            _,
            b'W',
            b'E',
            b'B',
            b'P',
            ..,
        ] => Some("image/webp"),
        [0, 0, 1, 0, ..] => Some("image/x-icon"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_folders_are_opened() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let (logs, downloads) = (root.join("logs"), root.join("downloads"));
        for folder in [&logs, &downloads, &root.join("downloads/private")] {
            fs::create_dir(folder).unwrap();
        }
        fs::write(downloads.join("messages.csv"), "").unwrap();
        fs::write(root.join("secret"), "").unwrap();
        let known = [logs.clone(), downloads.clone()];
        let opens = |path: &str| allowed(&root.join(path), &known);
        assert_eq!(opens("logs"), Some(logs));
        assert_eq!(opens("downloads/messages.csv"), Some(downloads.clone()));
        assert_eq!(opens("downloads/../downloads"), Some(downloads));
        for refused in [
            "",
            "secret",
            "downloads/private",
            "logs/../secret",
            "nowhere",
        ] {
            assert_eq!(opens(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_picture_is_what_its_bytes_say() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("icon");
        let url = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            data_url(&path)
        };
        let png = url(b"\x89PNG\r\n\x1a\n").unwrap();
        assert_eq!(png, "data:image/png;base64,iVBORw0KGgo=");
        assert!(
            url(b"RIFF\0\0\0\0WEBPVP8 ")
                .unwrap()
                .starts_with("data:image/webp;")
        );
        assert_eq!(url(b"<svg onload='alert(1)'/>"), None);
        assert_eq!(url(b""), None);
        let mut large = b"\x89PNG".to_vec();
        large.resize(256 * 1024, 0);
        assert!(url(&large).is_some());
        large.push(0);
        assert_eq!(url(&large), None);
    }
}
