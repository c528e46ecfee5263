//! Who may use a hub, in SQLite. The hub and the command line may have the same
//! file open; each change is one transaction.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, Row, TransactionBehavior, params};

use super::changes::{self, copy_aside};
use super::secret::{self, Hash};
use crate::publication::{Topic, Uid};
use crate::{HubError, Store, Token};

/// The layout this version writes, in `PRAGMA user_version`.
const VERSION: i64 = 2;

/// Most tokens of one hub.
const MOST_TOKENS: usize = 1000;
/// Most banned uids of one hub.
const MOST_BANS: usize = 10_000;
/// Most characters of a token's name.
const LONGEST_NAME: usize = 100;
/// Most uids and topics of one token, as of one subscriber.
pub(super) const MOST_FIXED: usize = 64;

/// What version 1 has; [`changes`] has the rest. Lists of uids and topics are JSON arrays. Times are Unix milliseconds.
/// A ticket's `owner` says which token made it.
const LAYOUT: &str = "
    CREATE TABLE token (
        id      TEXT PRIMARY KEY,
        hash    BLOB NOT NULL UNIQUE,
        name    TEXT NOT NULL,
        hint    TEXT NOT NULL,
        read    INTEGER NOT NULL,
        write   INTEGER NOT NULL,
        admin   INTEGER NOT NULL,
        uids    TEXT NOT NULL,
        topics  TEXT NOT NULL,
        created INTEGER NOT NULL,
        used    INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE ban (uid TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE TABLE ticket (
        hash    BLOB PRIMARY KEY,
        owner   TEXT NOT NULL,
        uids    TEXT NOT NULL,
        topics  TEXT NOT NULL,
        opened  INTEGER NOT NULL,
        seen    INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// A token to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewToken {
    /// What people call it: 1 to 100 characters on one line.
    pub name: String,
    /// Whether it may listen.
    pub read: bool,
    /// Whether it may publish.
    pub write: bool,
    /// Whether it may see and change who uses the hub.
    pub admin: bool,
    /// With `topics`, all it may listen to and publish to; both empty: any.
    pub uids: Vec<Uid>,
    /// As `uids`.
    pub topics: Vec<Topic>,
}

/// A token as it is shown, without the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its name for programs, unique in its hub.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The beginning and the end of the secret, to tell tokens apart.
    pub hint: String,
    /// Whether it may listen.
    pub read: bool,
    /// Whether it may publish.
    pub write: bool,
    /// Whether it may see and change who uses the hub.
    pub admin: bool,
    /// With `topics`, all it may listen to and publish to; both empty: any.
    pub uids: Vec<Uid>,
    /// As `uids`.
    pub topics: Vec<Topic>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last used, to a minute or so.
    pub used: Option<Timestamp>,
}

impl TokenInfo {
    /// As the hub shows it at `/hub/tokens`; times are Unix milliseconds.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let uids: Vec<_> = self.uids.iter().map(Uid::as_str).collect();
        let topics: Vec<_> = self.topics.iter().map(Topic::as_str).collect();
        serde_json::json!({
            "id": self.id,
            "name": self.name,
            "hint": self.hint,
            "read": self.read,
            "write": self.write,
            "admin": self.admin,
            "uids": uids,
            "topics": topics,
            "created": self.created.as_millisecond(),
            "used": self.used.map(Timestamp::as_millisecond),
        })
    }
}

/// A ticket as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TicketRow {
    pub(super) hash: Hash,
    pub(super) owner: String,
    pub(super) uids: Vec<Uid>,
    pub(super) topics: Vec<Topic>,
    pub(super) opened: bool,
    /// When it was made, or when a stream of it was last known to be open.
    pub(super) seen: i64,
}

/// The tokens and bans of a hub's log, for a program that changes them while
/// the hub runs or does not. A hub that runs notices within a second.
pub struct AccessFile {
    path: PathBuf,
    pub(super) db: Connection,
}

impl AccessFile {
    /// Opens what belongs to the log at `log`, or makes it.
    ///
    /// # Errors
    ///
    /// [`HubError::AccessDamaged`], [`HubError::Newer`] or
    /// [`HubError::Unopened`].
    pub fn beside(log: &Path) -> Result<Self, HubError> {
        let mut name = log.file_stem().unwrap_or_default().to_owned();
        name.push("-access.db");
        let path = log.with_file_name(name);
        let unopened = |source| HubError::Unopened {
            path: path.clone(),
            source,
        };
        if let Some(folder) = path.parent().filter(|path| !path.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(unopened)?;
        }
        // Before SQLite does: what it creates beside the file inherits the mode.
        private(&path).map_err(unopened)?;
        let refused = |source: rusqlite::Error| match source.sqlite_error_code() {
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::DatabaseBusy
                | ErrorCode::DiskFull,
            ) => unopened(io::Error::other(source)),
            _ => HubError::AccessDamaged {
                path: path.clone(),
                source,
            },
        };
        let db = Connection::open(&path).map_err(refused)?;
        db.busy_timeout(Duration::from_secs(5)).map_err(refused)?;
        let version = version(&db).map_err(refused)?;
        if version > VERSION {
            return Err(HubError::Newer { path });
        }
        if (1..VERSION).contains(&version) {
            copy_aside(&db, &path, &format!(".v{version}.bak")).map_err(unopened)?;
        }
        let mut file = Self {
            path: path.clone(),
            db,
        };
        file.prepare().map_err(refused)?;
        // What cannot be read is said now and not at the first request.
        file.tokens().map_err(|error| match error {
            HubError::Access { source } => refused(source),
            other => other,
        })?;
        Ok(file)
    }

    pub(super) fn open(store: &Store) -> Result<Self, HubError> {
        let damaged = |source| HubError::AccessDamaged {
            path: PathBuf::from(":memory:"),
            source,
        };
        match store {
            Store::Path(log) => Self::beside(log),
            Store::Memory => {
                let db = Connection::open_in_memory().map_err(damaged)?;
                let path = PathBuf::from(":memory:");
                let mut file = Self { path, db };
                file.prepare().map_err(damaged)?;
                Ok(file)
            }
        }
    }

    /// Where the file lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        // A token that was revoked stays so after a power cut.
        self.db.pragma_update(None, "synchronous", "FULL")?;
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let version = version(&tx)?;
        if version == 0 {
            tx.execute_batch(LAYOUT)?;
        }
        if version < 2 {
            changes::prepare(&tx)?;
            tx.pragma_update(None, "user_version", VERSION)?;
        }
        tx.commit()
    }

    /// The tokens, the oldest first.
    ///
    /// # Errors
    ///
    /// [`HubError::Access`].
    pub fn tokens(&self) -> Result<Vec<TokenInfo>, HubError> {
        Ok(self
            .keyed()
            .map_err(trouble)?
            .into_iter()
            .map(|(_, info)| info)
            .collect())
    }

    /// Makes a token. Its secret is known to the caller alone from now on.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchToken`] when it is wrong, [`HubError::TooMany`],
    /// [`HubError::NoRandomness`], [`HubError::Access`].
    pub fn create(
        &mut self,
        new: NewToken,
        now: Timestamp,
    ) -> Result<(TokenInfo, Token), HubError> {
        let wrong = |why: &str| HubError::NoSuchToken {
            why: why.to_owned(),
        };
        let name = new.name.trim().to_owned();
        if name.is_empty()
            || name.chars().count() > LONGEST_NAME
            || name.chars().any(char::is_control)
        {
            return Err(wrong("a token's name has 1 to 100 characters on one line"));
        }
        if !(new.read || new.write || new.admin) {
            return Err(wrong(
                "a token that may nothing is of no use: choose read, write or admin",
            ));
        }
        if new.uids.len() + new.topics.len() > MOST_FIXED {
            return Err(wrong("a token has up to 64 uids and topics"));
        }
        if new.admin && !(new.uids.is_empty() && new.topics.is_empty()) {
            return Err(wrong(
                "an admin may make any token, so uids and topics cannot hold one back: \
                 leave them out, or leave out admin",
            ));
        }
        let secret = secret::secret("fb_")?;
        let token = Token::new(&secret).ok_or_else(|| wrong("the secret cannot be sent"))?;
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(trouble)?;
        let count: i64 = tx
            .query_row("SELECT count(*) FROM token", [], |row| row.get(0))
            .map_err(trouble)?;
        if count >= MOST_TOKENS as i64 {
            return Err(HubError::TooMany {
                what: "tokens",
                most: MOST_TOKENS,
            });
        }
        // Two nodes that make one at a time know nothing of each other.
        let shared = "SELECT noting FROM shared";
        let shared: bool = tx
            .query_row(shared, [], |row| row.get(0))
            .map_err(trouble)?;
        let id = loop {
            let id = secret::id(if shared { 10 } else { 4 })?;
            let taken: bool = tx
                .query_row(
                    "SELECT EXISTS (SELECT 1 FROM token WHERE id = ?1 OR name = ?1)",
                    [&id],
                    |row| row.get(0),
                )
                .map_err(trouble)?;
            if !taken {
                break id;
            }
        };
        let info = TokenInfo {
            id,
            name,
            hint: format!("fb_…{}", &secret[secret.len() - 4..]),
            read: new.read,
            write: new.write,
            admin: new.admin,
            uids: new.uids,
            topics: new.topics,
            // To the millisecond, as it is kept.
            created: Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now),
            used: None,
        };
        tx.execute(
            "INSERT INTO token (id, hash, name, hint, read, write, admin, uids, topics, created)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                info.id,
                Hash::of(&secret).bytes(),
                info.name,
                info.hint,
                info.read,
                info.write,
                info.admin,
                uids_column(&info.uids),
                topics_column(&info.topics),
                info.created.as_millisecond(),
            ],
        )
        .map_err(trouble)?;
        tx.commit().map_err(trouble)?;
        Ok((info, token))
    }

    /// Takes a token back, with its tickets; whether there was one.
    ///
    /// # Errors
    ///
    /// [`HubError::Access`].
    pub fn revoke(&mut self, id: &str) -> Result<bool, HubError> {
        let mut revoke = || {
            let tx = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            let was = tx.execute("DELETE FROM token WHERE id = ?1", [id])? > 0;
            tx.execute("DELETE FROM ticket WHERE owner = ?1", [owner_of(id)])?;
            tx.commit()?;
            Ok(was)
        };
        revoke().map_err(trouble)
    }

    /// The banned uids, sorted.
    ///
    /// # Errors
    ///
    /// [`HubError::Access`].
    pub fn bans(&self) -> Result<Vec<Uid>, HubError> {
        let bans = || {
            self.db
                .prepare_cached("SELECT uid FROM ban ORDER BY uid")?
                .query_map([], |row| row.get::<_, String>(0))?
                .map(|uid| Uid::parse(&uid?).map_err(unreadable))
                .collect::<Result<_, _>>()
        };
        bans().map_err(trouble)
    }

    pub(super) fn ban(&mut self, uid: &Uid) -> Result<(), HubError> {
        let mut ban = || {
            let tx = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            tx.execute("INSERT OR IGNORE INTO ban VALUES (?1)", [uid.as_str()])?;
            let count: i64 = tx.query_row("SELECT count(*) FROM ban", [], |row| row.get(0))?;
            if count > MOST_BANS as i64 {
                return Ok(false);
            }
            tx.commit()?;
            Ok(true)
        };
        if ban().map_err(trouble)? {
            return Ok(());
        }
        Err(HubError::TooMany {
            what: "banned uids",
            most: MOST_BANS,
        })
    }

    pub(super) fn unban(&mut self, uid: &Uid) -> Result<bool, HubError> {
        let deleted = self
            .db
            .execute("DELETE FROM ban WHERE uid = ?1", [uid.as_str()]);
        Ok(deleted.map_err(trouble)? > 0)
    }

    /// Changes with each change that another connection has made.
    pub(super) fn data_version(&self) -> rusqlite::Result<i64> {
        self.db
            .pragma_query_value(None, "data_version", |row| row.get(0))
    }

    /// The tokens with what is kept of their secrets.
    pub(super) fn keyed(&self) -> rusqlite::Result<Vec<(Hash, TokenInfo)>> {
        self.db
            .prepare_cached(
                "SELECT hash, id, name, hint, read, write, admin, uids, topics, created, used
                 FROM token ORDER BY created, id",
            )?
            .query_map([], |row| Ok((hash(row, 0)?, info(row)?)))?
            .collect()
    }

    pub(super) fn tickets(&self) -> rusqlite::Result<Vec<TicketRow>> {
        self.db
            .prepare_cached("SELECT hash, owner, uids, topics, opened, seen FROM ticket")?
            .query_map([], ticket)?
            .collect()
    }

    /// Keeps a ticket.
    pub(super) fn put_ticket(&mut self, ticket: &TicketRow) -> Result<(), HubError> {
        self.db
            .execute(
                "INSERT INTO ticket (hash, owner, uids, topics, opened, seen)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    ticket.hash.bytes(),
                    ticket.owner,
                    uids_column(&ticket.uids),
                    topics_column(&ticket.topics),
                    ticket.opened,
                    ticket.seen,
                ],
            )
            .map(drop)
            .map_err(trouble)
    }

    /// Writes down that a ticket has opened its stream; whether it had not yet.
    pub(super) fn set_opened(&mut self, hash: &Hash, now: i64) -> Result<bool, HubError> {
        let opened = self.db.execute(
            "UPDATE ticket SET opened = 1, seen = ?2 WHERE hash = ?1 AND opened = 0",
            params![hash.bytes(), now],
        );
        Ok(opened.map_err(trouble)? > 0)
    }

    pub(super) fn delete_tickets(&mut self, hashes: &[Hash]) -> Result<(), HubError> {
        let mut delete = || {
            let tx = self
                .db
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            for hash in hashes {
                tx.execute("DELETE FROM ticket WHERE hash = ?1", [hash.bytes()])?;
            }
            tx.commit()
        };
        delete().map_err(trouble)
    }

    /// Writes down when tokens and tickets were last used.
    pub(super) fn set_used(
        &mut self,
        tokens: &[(String, i64)],
        tickets: &[(Hash, i64)],
    ) -> rusqlite::Result<()> {
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (id, used) in tokens {
            tx.execute(
                "UPDATE token SET used = ?2 WHERE id = ?1",
                params![id, used],
            )?;
        }
        for (hash, seen) in tickets {
            tx.execute(
                "UPDATE ticket SET seen = ?2 WHERE hash = ?1",
                params![hash.bytes(), seen],
            )?;
        }
        tx.commit()
    }
}

/// How a ticket names the token that made it.
pub(super) fn owner_of(id: &str) -> String {
    format!("token {id}")
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn trouble(source: rusqlite::Error) -> HubError {
    HubError::Access { source }
}

fn unreadable(source: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(source))
}

pub(super) fn info(row: &Row<'_>) -> rusqlite::Result<TokenInfo> {
    let time = |millisecond| Timestamp::from_millisecond(millisecond).map_err(unreadable);
    Ok(TokenInfo {
        id: row.get(1)?,
        name: row.get(2)?,
        hint: row.get(3)?,
        read: row.get(4)?,
        write: row.get(5)?,
        admin: row.get(6)?,
        uids: uids(row, 7)?,
        topics: topics(row, 8)?,
        created: time(row.get(9)?)?,
        used: row.get::<_, Option<i64>>(10)?.map(time).transpose()?,
    })
}

pub(super) fn ticket(row: &Row<'_>) -> rusqlite::Result<TicketRow> {
    Ok(TicketRow {
        hash: hash(row, 0)?,
        owner: row.get(1)?,
        uids: uids(row, 2)?,
        topics: topics(row, 3)?,
        opened: row.get(4)?,
        seen: row.get(5)?,
    })
}

pub(super) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    let bytes = row.get_ref(column)?.as_blob()?;
    Hash::read(bytes).ok_or(rusqlite::Error::InvalidQuery)
}

pub(super) fn uids_column(uids: &[Uid]) -> String {
    let texts: Vec<_> = uids.iter().map(Uid::as_str).collect();
    serde_json::json!(texts).to_string()
}

pub(super) fn topics_column(topics: &[Topic]) -> String {
    let texts: Vec<_> = topics.iter().map(Topic::as_str).collect();
    serde_json::json!(texts).to_string()
}

/// What cannot be read is an error: to leave it out of a list would make the
/// token fit for more than it was made for.
fn uids(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Uid>> {
    list(row, column)?
        .iter()
        .map(|text| Uid::parse(text).map_err(unreadable))
        .collect()
}

fn topics(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Topic>> {
    list(row, column)?
        .iter()
        .map(|text| Topic::parse(text).map_err(unreadable))
        .collect()
}

fn list(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(unreadable)
}

/// Makes the file if it is missing. One that is there is not opened: SQLite may
/// have it open in this process, and would lose its locks when we close ours.
pub(super) fn private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
