//! Opening the inbox: migrations, and files that cannot be used.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, Transaction, config::DbConfig};

use super::{Inbox, InboxError, Opened, commit::index};

/// The schema this program writes.
pub(super) const VERSION: i64 = 3;

/// Files up to this size are looked through each time they are opened, which takes no time to speak of.
/// Larger ones are in the background, so often, and before they are used when something was found.
const SMALL: u64 = 16 << 20;
const CHECK_EVERY: Duration = Duration::from_secs(7 * 24 * 3600);
/// How much of the file the owner keeps in memory at the most, in KiB: as much as a full transaction
/// touches, or half of it would be written twice.
const CACHE: i64 = 8 << 10;
/// How long the log beside it may get, in pages, before what is in it goes into the file: pages that
/// change all the time are written there once for all of it.
const LOG: i64 = 4_000;

impl Inbox {
    /// Opens or creates the inbox at `path`; a damaged file is moved aside, never deleted.
    ///
    /// # Errors
    /// [`InboxError::Newer`] leaves the file untouched.
    pub(crate) fn open(path: &Path, now: i64) -> Result<Opened, InboxError> {
        match Self::try_open(path) {
            Ok(inbox) => {
                let wants_check = inbox.wants_check(now);
                Ok(Opened {
                    inbox,
                    set_aside: None,
                    wants_check,
                })
            }
            Err(InboxError::Damaged(_)) => {
                let aside = set_aside(path, now)?;
                // It said that the file, which is no longer there, is suspect.
                let _ = std::fs::remove_file(suspicion(path));
                Ok(Opened {
                    inbox: Self::try_open(path)?,
                    set_aside: Some(aside),
                    wants_check: false,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The same inbox beside its owner, to read for long.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn reader(path: &Path) -> Result<Self, InboxError> {
        let db = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        db.busy_timeout(Duration::from_secs(5))?;
        Self::over(db, path)
    }

    /// Looks through the whole file, which takes long for a large one. Damage is remembered beside it:
    /// the next start sets it aside.
    ///
    /// # Errors
    /// [`InboxError::Damaged`], or when the file cannot be read now.
    pub(crate) fn check(path: &Path) -> Result<(), InboxError> {
        let found = Self::reader(path).and_then(|inbox| look_through(&inbox.db));
        if let Err(InboxError::Damaged(_)) = found {
            create_private(&suspicion(path));
        }
        found
    }

    /// The whole file was found sound.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn checked(&mut self, now: i64) -> Result<(), InboxError> {
        self.set_state("checked", Some(&now.to_string()))
    }

    fn wants_check(&self, now: i64) -> bool {
        let every = i64::try_from(CHECK_EVERY.as_millis()).unwrap_or(i64::MAX);
        let last = self.state("checked").ok().flatten();
        let last = last.and_then(|at| at.parse::<i64>().ok());
        is_large(&self.path) && last.is_none_or(|last| now.saturating_sub(last) >= every)
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
        let suspicion = suspicion(path);
        if !is_large(path) || found < VERSION || suspicion.exists() {
            look_through(&db)?;
            // Whatever it was, it is not there.
            let _ = std::fs::remove_file(suspicion);
        }
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", "ON")?;
        db.pragma_update(None, "cache_size", -CACHE)?;
        db.pragma_update(None, "wal_autocheckpoint", LOG)?;
        migrate(&mut db, found, path)?;
        Self::over(db, path)
    }

    fn over(db: Connection, path: &Path) -> Result<Self, InboxError> {
        db.set_prepared_statement_cache_capacity(64);
        // Else each new value that is bound may have its statement compiled again.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        db.execute_batch(
            "CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab('main', 'words', 'instance')",
        )?;
        Ok(Self {
            db,
            path: path.to_owned(),
            purged: 0,
        })
    }
}

/// Removes copies of the inbox as older versions wrote it, and damaged files that were set aside.
pub(super) fn remove_copies(path: &Path) -> Result<(), InboxError> {
    let unavailable = |why: std::io::Error| {
        InboxError::Unavailable(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
            Some(why.to_string()),
        ))
    };
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let name = name.to_string_lossy();
    for file in std::fs::read_dir(folder).map_err(unavailable)? {
        let file = file.map_err(unavailable)?;
        let other = file.file_name();
        let suffix = other.to_string_lossy();
        let suffix = suffix.strip_prefix(&*name).unwrap_or_default();
        let version = suffix.strip_prefix(".v").unwrap_or_default();
        let is_copy = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        if is_copy || suffix.starts_with(".damaged-") {
            std::fs::remove_file(file.path()).map_err(unavailable)?;
        }
    }
    Ok(())
}

fn look_through(db: &Connection) -> Result<(), InboxError> {
    let verdict: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" {
        return Ok(());
    }
    Err(InboxError::Damaged(rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
        Some(verdict),
    )))
}

fn is_large(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.len() > SMALL)
}

/// The file that says that the inbox is to be looked through before it is used.
fn suspicion(path: &Path) -> PathBuf {
    sibling(path, ".suspect")
}

/// Fills the full-text index from the messages.
fn index_all(tx: &Transaction<'_>) -> Result<(), InboxError> {
    let mut statement =
        tx.prepare("SELECT id, title, body, feed, event, urgency FROM messages ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (title, body): (String, String) = (row.get(1)?, row.get(2)?);
        let (feed, event): (String, String) = (row.get(3)?, row.get(4)?);
        index(
            tx,
            row.get(0)?,
            (&title, &body),
            (&feed, &event, row.get(5)?),
        )?;
    }
    Ok(())
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
    if found < 3 {
        tx.execute_batch(include_str!("../../migrations/3.sql"))?;
        index_all(&tx)?;
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
