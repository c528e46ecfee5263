//! Opening the inbox: migrations, and files that cannot be used.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::Connection;

use super::{Inbox, InboxError, Opened};

/// The schema this program writes.
pub(super) const VERSION: i64 = 2;

impl Inbox {
    /// Opens or creates the inbox at `path`; a damaged file is moved aside, never deleted.
    ///
    /// # Errors
    /// [`InboxError::Newer`] leaves the file untouched.
    pub(crate) fn open(path: &Path, now: i64) -> Result<Opened, InboxError> {
        match Self::try_open(path) {
            Ok(inbox) => Ok(Opened {
                inbox,
                set_aside: None,
            }),
            Err(InboxError::Damaged(_)) => {
                let aside = set_aside(path, now)?;
                Ok(Opened {
                    inbox: Self::try_open(path)?,
                    set_aside: Some(aside),
                })
            }
            Err(error) => Err(error),
        }
    }

    fn try_open(path: &Path) -> Result<Self, InboxError> {
        create_private(path);
        let mut db = Connection::open(path)?;
        db.busy_timeout(Duration::from_secs(5))?;
        // Reads before anything is written: a newer or damaged file stays as it is.
        let found: i64 = db.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > VERSION {
            return Err(InboxError::Newer { found });
        }
        let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(InboxError::Damaged(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
                Some(verdict),
            )));
        }
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", "ON")?;
        migrate(&mut db, found, path)?;
        Ok(Self { db })
    }
}

/// Brings an older inbox to this program's schema. What it was before is kept beside it.
fn migrate(db: &mut Connection, found: i64, path: &Path) -> Result<(), InboxError> {
    if found == VERSION {
        return Ok(());
    }
    if found > 0 {
        let copy = sibling(path, &format!(".v{found}"));
        create_private(&copy);
        db.backup("main", &copy, None::<fn(rusqlite::backup::Progress)>)?;
    }
    let tx = db.transaction()?;
    if found < 1 {
        tx.execute_batch(include_str!("../../migrations/1.sql"))?;
    }
    if found < 2 {
        tx.execute_batch(include_str!("../../migrations/2.sql"))?;
    }
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()?;
    Ok(())
}

/// Moves a damaged database and its companions away under a name that says what they are.
fn set_aside(path: &Path, now: i64) -> Result<PathBuf, InboxError> {
    let aside = sibling(path, &format!(".damaged-{now}"));
    for companion in ["", "-wal", "-shm"] {
        let from = sibling(path, companion);
        if from.exists() {
            std::fs::rename(&from, sibling(&aside, companion)).map_err(|_| {
                InboxError::Unavailable(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
                    None,
                ))
            })?;
        }
    }
    Ok(aside)
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes sure that a new database is readable by its owner alone; SQLite keeps the mode for its
/// companions.
fn create_private(path: &Path) {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // It exists already, or opening it will say why it cannot be made.
    let _ = options.open(path);
}
