//! What the desktop keeps between windows and between starts: where the window was, what it
//! showed, and whether the person knows where the app lives. One small file of its own.

use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};

/// The longest place a window may keep, in bytes.
const LONGEST_PLACE: usize = 64 * 1024;
/// Larger than this, the file is none of ours.
const LARGEST_FILE: u64 = 256 * 1024;

/// Where a window stood. The position is in pixels of the screen, the size in logical ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Frame {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) maximized: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    introduced: bool,
    frame: Option<Frame>,
    place: Option<String>,
}

/// Keeps it in memory, and on disk from each [`Keeper::save`].
#[derive(Debug)]
pub(crate) struct Keeper {
    path: PathBuf,
    kept: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Kept,
    saved: Kept,
}

impl Keeper {
    /// Reads the file in this folder. One that is missing or damaged is as on the first day.
    pub(crate) fn load(folder: &Path) -> Self {
        let path = folder.join("window.json");
        let kept = read(&path).unwrap_or_default();
        let state = State {
            now: kept.clone(),
            saved: kept,
        };
        Self {
            path,
            kept: Mutex::new(state),
        }
    }

    pub(crate) fn introduced(&self) -> bool {
        self.state().now.introduced
    }

    pub(crate) fn introduce(&self) {
        self.state().now.introduced = true;
    }

    pub(crate) fn frame(&self) -> Option<Frame> {
        self.state().now.frame
    }

    pub(crate) fn keep_frame(&self, frame: Frame) {
        self.state().now.frame = Some(frame);
    }

    pub(crate) fn place(&self) -> Option<String> {
        self.state().now.place.clone()
    }

    /// A place that is too long is not kept: the window then begins where it always does.
    pub(crate) fn keep_place(&self, place: String) {
        self.state().now.place = (place.len() <= LONGEST_PLACE).then_some(place);
    }

    /// Writes what changed since the last time, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn save(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.now == state.saved {
            return Ok(());
        }
        let text = serde_json::to_vec(&state.now)?;
        let new = self.path.with_extension("json.new");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&new)?;
        file.write_all(&text)?;
        drop(file);
        std::fs::rename(&new, &self.path)?;
        state.saved = state.now.clone();
        Ok(())
    }

    /// As on the first day.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub(crate) fn forget(&self) -> io::Result<()> {
        let mut state = self.state();
        state.now = Kept::default();
        state.saved = Kept::default();
        match std::fs::remove_file(&self.path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Option<Kept> {
    let file = std::fs::File::open(path).ok()?;
    let mut text = Vec::new();
    file.take(LARGEST_FILE).read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text)
        .inspect_err(|why| tracing::warn!(%why, "where the window was cannot be read"))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Frame = Frame {
        x: -40,
        y: 30,
        width: 900.0,
        height: 600.5,
        maximized: false,
    };

    #[test]
    fn what_is_kept_is_there_after_a_start() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::load(folder.path());
        assert!(!keeper.introduced());
        keeper.introduce();
        keeper.keep_frame(FRAME);
        keeper.keep_place("{\"view\":\"unread\"}".to_owned());
        keeper.save().unwrap();

        let again = Keeper::load(folder.path());
        assert!(again.introduced());
        assert_eq!(again.frame(), Some(FRAME));
        assert_eq!(again.place().as_deref(), Some("{\"view\":\"unread\"}"));
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::load(folder.path());
        keeper.introduce();
        keeper.save().unwrap();
        let mode = std::fs::metadata(folder.path().join("window.json")).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_and_one_of_later_versions_do_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("window.json");
        std::fs::write(&path, "{\"introduced\":").unwrap();
        assert!(!Keeper::load(folder.path()).introduced());
        std::fs::write(&path, "{\"introduced\":true,\"later\":1}").unwrap();
        assert!(Keeper::load(folder.path()).introduced());
    }

    #[test]
    fn a_place_that_is_too_long_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::load(folder.path());
        keeper.keep_place("short".to_owned());
        keeper.keep_place("x".repeat(LONGEST_PLACE + 1));
        assert_eq!(keeper.place(), None);
    }

    #[test]
    fn forgetting_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = Keeper::load(folder.path());
        keeper.forget().unwrap();
        keeper.introduce();
        keeper.save().unwrap();
        keeper.forget().unwrap();
        assert!(!keeper.introduced());
        assert!(!folder.path().join("window.json").exists());
    }
}
