//! The inbox: every message, in SQLite, before anybody hears of it.
//!
//! Invariants, all kept by [`Inbox::commit`]: a message, its feed's cursor and
//! the memory of what was seen move in ONE transaction; a row is owed a
//! notification (`announced = 0`) until the front end reports it shown; a
//! duplicate is decided by what was *seen*, so deleting a message does not
//! bring it back.

mod query;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use sha2::{Digest, Sha256};

use crate::view::{Text, Urgency};

pub(crate) use query::{Counts, flattened};

/// The schema this program writes.
const VERSION: i64 = 2;
/// How many keys of a feed are remembered to absorb re-sends.
const SEEN_KEPT: i64 = 20_000;
/// How long a deleted message can be restored.
const UNDO: Duration = Duration::from_secs(24 * 3600);
/// Rows removed in one transaction: other work waits no longer than this takes.
const PURGE_BATCH: i64 = 500;

/// Why the inbox could not do its work, by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InboxError {
    /// Written by a newer program: refuse, and leave it untouched.
    #[error("the inbox was written by a newer Feedbell (schema {found})")]
    Newer {
        /// The schema found.
        found: i64,
    },
    /// The file is not a usable database: set it aside and start afresh.
    #[error("the inbox file is damaged: {0}")]
    Damaged(rusqlite::Error),
    /// A passing condition (full disk, lock): nothing was written, try again.
    #[error("the inbox could not be written: {0}")]
    Unavailable(rusqlite::Error),
}

impl From<rusqlite::Error> for InboxError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => InboxError::Damaged(error),
            _ => InboxError::Unavailable(error),
        }
    }
}

/// What makes two events the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Never more than one message with this key: documented unique ids, or a field of the data.
    Once([u8; 16]),
    /// Absorbed only while a server re-sends; a live repeat is a new message.
    Replay {
        /// Own id, event name and data.
        digest: [u8; 16],
        /// Whether the event's own block carried an id.
        own_id: bool,
    },
}

impl Key {
    /// A key that is unique by documentation or by the user's rule.
    #[must_use]
    pub(crate) fn once(parts: &[&str]) -> Self {
        Key::Once(digest(parts))
    }

    /// The default key. An id counts only if the event's own block carried it: an SSE id is sticky
    /// and often not unique.
    #[must_use]
    pub(crate) fn replay(own_id: Option<&str>, event: &str, data: &str) -> Self {
        Key::Replay {
            digest: digest(&[own_id.unwrap_or_default(), event, data]),
            own_id: own_id.is_some(),
        }
    }
}

fn digest(parts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

/// What a message is a version of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Thread([u8; 16]);

impl Thread {
    /// The thread of this name.
    #[must_use]
    pub(crate) fn of(name: &str) -> Self {
        Self(digest(&["thread", name]))
    }
}

/// What one event brings to the inbox.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The feed's id.
    pub(crate) feed: String,
    /// The connection it came on, as [`Inbox::connected`] numbered it.
    pub(crate) connection: i64,
    /// Whether the server may be re-sending what we have.
    pub(crate) replaying: bool,
    /// Whether it counts as missed: it joins a summary.
    pub(crate) missed: bool,
    /// The new cursor.
    pub(crate) cursor: Option<String>,
    /// When it arrived.
    pub(crate) received: i64,
    /// The place of the next live fact, for feeds that send an array first.
    pub(crate) facts: Option<u32>,
    /// The event name after which the feed stops.
    pub(crate) stops: Option<String>,
    /// What to store.
    pub(crate) brings: Brings,
}

/// What an event brings, apart from moving the cursor.
#[derive(Clone, Debug)]
pub(crate) enum Brings {
    /// Nothing: a rule dropped it.
    Nothing,
    /// A message, or a new version of one.
    Message(Box<Draft>),
    /// Only the memory of having seen it.
    Seen(Key),
    /// The end of what a thread has to say.
    Over {
        /// What makes it the same event again.
        key: Key,
        /// Whose message it ends.
        thread: Thread,
        /// Whether it is deleted, or only read.
        delete: bool,
    },
}

/// A message that is not stored yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// What makes it the same message again; gaps have none.
    pub(crate) key: Option<Key>,
    /// What its row stands for.
    pub(crate) kind: Kind,
    /// The event name.
    pub(crate) event: String,
    /// The id its own block carried.
    pub(crate) own_id: Option<String>,
    /// The data as it came.
    pub(crate) data: String,
    /// Made by the rule.
    pub(crate) title: String,
    /// Made by the rule.
    pub(crate) body: String,
    /// http, https or mailto.
    pub(crate) link: Option<String>,
    /// An icon name.
    pub(crate) icon: Option<String>,
    /// How urgent.
    pub(crate) urgency: Urgency,
    /// A later notification of the same group replaces this one.
    pub(crate) group: Option<String>,
    /// Which rule said what.
    pub(crate) verdict: Text,
    /// Why there is no notification; none: one is owed.
    pub(crate) silenced: Option<Text>,
    /// What it is a version of.
    pub(crate) thread: Option<Thread>,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An event.
    Event,
    /// Events that are lost.
    Gap,
    /// Events that were left out on purpose.
    LeftOut,
}

impl Draft {
    /// Whether a notification is owed for it.
    #[must_use]
    pub(crate) fn rings(&self) -> bool {
        self.kind == Kind::Event && self.silenced.is_none()
    }
}

/// What became of an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A new message with this id.
    New(i64),
    /// A new version of the message with this id.
    Replaced(i64),
    /// The message with this id is read or deleted.
    Over(i64),
    /// Already there; only the cursor moved.
    Duplicate,
    /// Nothing to store; only the cursor moved.
    Dropped,
}

/// What the inbox remembers of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FeedMemory {
    /// The last event id, empty if none.
    pub(crate) cursor: String,
    /// The place of the next live fact.
    pub(crate) facts: u32,
    /// The event name after which the server asked to stop.
    pub(crate) stopped_on: Option<String>,
    /// Whether it was ever connected.
    pub(crate) connected_before: bool,
}

/// A message that is owed a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    /// Inbox id.
    pub(crate) id: i64,
    /// The feed's id.
    pub(crate) feed: String,
    /// The title.
    pub(crate) title: String,
    /// The body.
    pub(crate) body: String,
    /// Where it leads.
    pub(crate) link: Option<String>,
    /// An icon name.
    pub(crate) icon: Option<String>,
    /// How urgent.
    pub(crate) urgency: Urgency,
    /// Its group.
    pub(crate) group: Option<String>,
}

/// The inbox. One owner, one connection.
#[derive(Debug)]
pub(crate) struct Inbox {
    db: Connection,
}

/// An inbox that was opened, and whether a damaged one was set aside for it.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The inbox.
    pub(crate) inbox: Inbox,
    /// Where the damaged file went.
    pub(crate) set_aside: Option<PathBuf>,
}

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

    /// What is remembered of a feed. A cursor belongs to an address: a feed that moved starts afresh.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn remember(&mut self, feed: &str, address: &str) -> Result<FeedMemory, InboxError> {
        let tx = self.db.transaction()?;
        let known: Option<String> = tx
            .query_row("SELECT address FROM feeds WHERE feed = ?1", [feed], |row| {
                row.get(0)
            })
            .optional()?;
        match known {
            None => {
                tx.execute(
                    "INSERT INTO feeds (feed, address) VALUES (?1, ?2)",
                    [feed, address],
                )?;
            }
            Some(old) if old != address => {
                tx.execute(
                    "UPDATE feeds SET address = ?2, cursor = '', facts = 0, stopped_on = NULL,
                        connections = 0 WHERE feed = ?1",
                    [feed, address],
                )?;
                tx.execute("DELETE FROM seen WHERE feed = ?1", [feed])?;
            }
            Some(_) => {}
        }
        let memory = tx.query_row(
            "SELECT cursor, facts, stopped_on, connections FROM feeds WHERE feed = ?1",
            [feed],
            |row| {
                Ok(FeedMemory {
                    cursor: row.get(0)?,
                    facts: row.get(1)?,
                    stopped_on: row.get(2)?,
                    connected_before: row.get::<_, i64>(3)? > 0,
                })
            },
        )?;
        tx.commit()?;
        Ok(memory)
    }

    /// Numbers a new connection of a feed.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn connected(&mut self, feed: &str) -> Result<i64, InboxError> {
        Ok(self.db.query_row(
            "UPDATE feeds SET connections = connections + 1 WHERE feed = ?1 RETURNING connections",
            [feed],
            |row| row.get(0),
        )?)
    }

    /// Forgets that a server asked a feed to stop.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn resume_feed(&mut self, feed: &str) -> Result<(), InboxError> {
        self.db
            .execute("UPDATE feeds SET stopped_on = NULL WHERE feed = ?1", [feed])?;
        Ok(())
    }

    /// Stores what events brought, all or nothing.
    ///
    /// # Errors
    /// On an error nothing was stored and no cursor moved: the same entries can be given again.
    pub(crate) fn commit(&mut self, entries: &[Entry]) -> Result<Vec<Outcome>, InboxError> {
        let tx = self.db.transaction()?;
        let outcomes = entries
            .iter()
            .map(|entry| commit_one(&tx, entry))
            .collect::<Result<Vec<_>, _>>()?;
        tx.commit()?;
        Ok(outcomes)
    }

    /// Messages whose notification was never reported as shown, oldest first.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn owed(&self) -> Result<Vec<Owed>, InboxError> {
        let mut statement = self.db.prepare_cached(
            "SELECT id, feed, title, body, link, icon, urgency, grouped FROM messages
             WHERE announced = 0 ORDER BY id LIMIT 10000",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Owed {
                id: row.get(0)?,
                feed: row.get(1)?,
                title: row.get(2)?,
                body: row.get(3)?,
                link: row.get(4)?,
                icon: row.get(5)?,
                urgency: urgency_from(row.get(6)?),
                group: row.get(7)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Records that notifications were shown (or that none is owed any more).
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn announced(&mut self, ids: &[i64], now: i64) -> Result<(), InboxError> {
        self.update_each(
            ids,
            "UPDATE messages SET announced = 1, shown_at = ?2 WHERE id = ?1 AND announced = 0",
            Some(now),
        )
    }

    /// Marks messages read or unread. A read message owes no notification.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn mark_read(
        &mut self,
        ids: &[i64],
        read: bool,
        now: i64,
    ) -> Result<(), InboxError> {
        let sql = if read {
            "UPDATE messages SET unread = 0, announced = 1, read_at = ?2
             WHERE id = ?1 AND unread = 1"
        } else {
            "UPDATE messages SET unread = 1, read_at = NULL
             WHERE id = ?1 AND unread = 0 AND kind = 0 AND ?2 IS NOT NULL"
        };
        self.update_each(ids, sql, Some(now))
    }

    /// Pins or unpins messages.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn pin(&mut self, ids: &[i64], pinned: bool) -> Result<(), InboxError> {
        let sql = if pinned {
            "UPDATE messages SET pinned = 1 WHERE id = ?1 AND ?2 IS NULL"
        } else {
            "UPDATE messages SET pinned = 0 WHERE id = ?1 AND ?2 IS NULL"
        };
        self.update_each(ids, sql, None)
    }

    /// Deletes messages; they can be restored for a day.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn delete(&mut self, ids: &[i64], now: i64) -> Result<(), InboxError> {
        self.update_each(
            ids,
            "UPDATE messages SET deleted = ?2, announced = 1 WHERE id = ?1 AND deleted IS NULL",
            Some(now),
        )
    }

    /// Takes a deletion back.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn restore(&mut self, ids: &[i64]) -> Result<(), InboxError> {
        self.update_each(
            ids,
            "UPDATE messages SET deleted = NULL WHERE id = ?1 AND ?2 IS NULL",
            None,
        )
    }

    /// Removes for good what nobody can see or wants any more: deleted messages past their undo,
    /// read or silenced, unpinned ones older than `keep_days` (0: kept for ever), old keys. In small
    /// batches; returns true while there is more to do. Cursors are not touched.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn purge(&mut self, keep_days: u32, now: i64) -> Result<bool, InboxError> {
        let undo = now.saturating_sub(i64::try_from(UNDO.as_millis()).unwrap_or(i64::MAX));
        let keep = if keep_days == 0 {
            i64::MIN
        } else {
            now.saturating_sub(i64::from(keep_days) * 24 * 3600 * 1000)
        };
        let tx = self.db.transaction()?;
        let doomed: Vec<i64> = tx
            .prepare_cached(
                "SELECT id FROM messages WHERE deleted < ?1
                    OR ((unread = 0 OR silenced IS NOT NULL) AND pinned = 0 AND announced = 1
                        AND received < ?2) LIMIT ?3",
            )?
            .query_map(params![undo, keep, PURGE_BATCH], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for id in &doomed {
            tx.execute("DELETE FROM messages WHERE id = ?1", [id])?;
            tx.execute("DELETE FROM words WHERE rowid = ?1", [id])?;
        }
        let feeds: Vec<String> = tx
            .prepare_cached("SELECT feed FROM feeds")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for feed in &feeds {
            tx.execute(
                // What a poll brings again and again is remembered for as long as it does.
                "DELETE FROM seen WHERE feed = ?1 AND place <= (SELECT place FROM seen
                    WHERE feed = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)
                    AND (resent_on = 0
                        OR resent_on < (SELECT connections FROM feeds WHERE feed = ?1) - 1)",
                params![feed, SEEN_KEPT],
            )?;
        }
        tx.commit()?;
        Ok(doomed.len() as i64 == PURGE_BATCH)
    }

    /// A remembered value that is neither a setting nor a message, like the pause.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn state(&self, name: &str) -> Result<Option<String>, InboxError> {
        Ok(self
            .db
            .query_row("SELECT value FROM state WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()?)
    }

    /// Remembers or, with `None`, forgets a value.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn set_state(&mut self, name: &str, value: Option<&str>) -> Result<(), InboxError> {
        match value {
            Some(value) => self.db.execute(
                "INSERT INTO state VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                [name, value],
            )?,
            None => self
                .db
                .execute("DELETE FROM state WHERE name = ?1", [name])?,
        };
        Ok(())
    }

    fn update_each(
        &mut self,
        ids: &[i64],
        sql: &str,
        value: Option<i64>,
    ) -> Result<(), InboxError> {
        let tx = self.db.transaction()?;
        {
            let mut statement = tx.prepare_cached(sql)?;
            for id in ids {
                statement.execute(params![id, value])?;
            }
        }
        tx.commit()?;
        Ok(())
    }
}

fn commit_one(tx: &Transaction<'_>, entry: &Entry) -> Result<Outcome, InboxError> {
    let outcome = match &entry.brings {
        Brings::Nothing => {
            if !entry.replaying {
                // What came before can no longer be re-sent once the cursor has passed it.
                tx.prepare_cached(
                    "UPDATE seen SET after = 0 WHERE feed = ?1 AND after = 1
                        AND (SELECT cursor FROM feeds WHERE feed = ?1) <> ?2",
                )?
                .execute(params![entry.feed, entry.cursor])?;
            }
            Outcome::Dropped
        }
        Brings::Seen(key) => match is_resent(tx, entry, key, false)? {
            true => Outcome::Duplicate,
            false => Outcome::Dropped,
        },
        Brings::Over {
            key,
            thread,
            delete,
        } => {
            if is_resent(tx, entry, key, false)? {
                Outcome::Duplicate
            } else {
                end_thread(tx, entry, *thread, *delete)?
            }
        }
        Brings::Message(draft) => {
            let resent = match &draft.key {
                Some(key) => is_resent(tx, entry, key, draft.own_id.is_some())?,
                None => false,
            };
            if resent {
                Outcome::Duplicate
            } else {
                store(tx, entry, draft)?
            }
        }
    };
    tx.prepare_cached(
        "UPDATE feeds SET cursor = coalesce(?2, cursor), facts = coalesce(?3, facts),
            stopped_on = coalesce(?4, stopped_on), last_event = ?5 WHERE feed = ?1",
    )?
    .execute(params![
        entry.feed,
        entry.cursor,
        entry.facts,
        entry.stops,
        entry.received
    ])?;
    Ok(outcome)
}

/// Whether this is a message we have. Each remembered event absorbs one re-send per connection.
fn is_resent(
    tx: &Transaction<'_>,
    entry: &Entry,
    key: &Key,
    own_id: bool,
) -> Result<bool, InboxError> {
    let (digest, place) = match key {
        Key::Once(digest) => {
            let place: Option<i64> = tx
                .prepare_cached("SELECT place FROM seen WHERE feed = ?1 AND key = ?2 LIMIT 1")?
                .query_row(params![entry.feed, digest], |row| row.get(0))
                .optional()?;
            (digest, place)
        }
        Key::Replay { digest, own_id } => {
            let place = if entry.replaying {
                // Without an id of its own an event can only be re-sent if it came after the
                // cursor: the server was asked for everything since.
                tx.prepare_cached(
                    "SELECT place FROM seen WHERE feed = ?1 AND key = ?2 AND connection < ?3
                        AND resent_on < ?3 AND (?4 OR after = 1) ORDER BY place LIMIT 1",
                )?
                .query_row(
                    params![entry.feed, digest, entry.connection, own_id],
                    |row| row.get(0),
                )
                .optional()?
            } else {
                None
            };
            (digest, place)
        }
    };
    if let Some(place) = place {
        tx.prepare_cached("UPDATE seen SET resent_on = ?2 WHERE place = ?1")?
            .execute([place, entry.connection])?;
        return Ok(true);
    }
    if own_id {
        // An id that is the cursor already changes nothing: the server is asked for what came since.
        tx.prepare_cached(
            "UPDATE seen SET after = 0 WHERE feed = ?1 AND after = 1
                AND (SELECT cursor FROM feeds WHERE feed = ?1) <> ?2",
        )?
        .execute(params![entry.feed, entry.cursor])?;
    }
    tx.prepare_cached("INSERT INTO seen (feed, key, connection, after) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![entry.feed, digest, entry.connection, !own_id])?;
    Ok(false)
}

/// Puts a message into the row of its thread, or into a new one.
fn store(tx: &Transaction<'_>, entry: &Entry, draft: &Draft) -> Result<Outcome, InboxError> {
    let earlier = match draft.thread {
        Some(thread) => standing(tx, &entry.feed, thread)?,
        None => None,
    };
    let gap_from: Option<i64> = if draft.kind == Kind::Gap {
        tx.query_row(
            "SELECT last_event FROM feeds WHERE feed = ?1",
            [&entry.feed],
            |row| row.get(0),
        )?
    } else {
        None
    };
    tx.prepare_cached(
        "INSERT INTO messages (id, feed, kind, event, own_id, data, title, body, link, icon,
            urgency, grouped, received, gap_from, verdict, silenced, unread, announced, thread)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19)
         ON CONFLICT (id) DO UPDATE SET event = excluded.event, own_id = excluded.own_id,
            data = excluded.data, title = excluded.title, body = excluded.body,
            link = excluded.link, icon = excluded.icon, urgency = excluded.urgency,
            grouped = excluded.grouped, received = excluded.received,
            verdict = excluded.verdict, silenced = excluded.silenced, unread = excluded.unread,
            announced = excluded.announced, shown_at = NULL, read_at = NULL",
    )?
    .execute(params![
        earlier,
        entry.feed,
        i64::from(draft.kind == Kind::Gap),
        draft.event,
        draft.own_id,
        draft.data,
        draft.title,
        draft.body,
        draft.link,
        draft.icon,
        urgency_to(draft.urgency),
        draft.group,
        entry.received,
        gap_from,
        serde_json::to_string(&draft.verdict).unwrap_or_default(),
        draft
            .silenced
            .as_ref()
            .map(|why| serde_json::to_string(why).unwrap_or_default()),
        draft.kind == Kind::Event,
        !draft.rings(),
        draft.thread.map(|thread| thread.0),
    ])?;
    let id = earlier.unwrap_or_else(|| tx.last_insert_rowid());
    if earlier.is_some() {
        tx.prepare_cached("DELETE FROM words WHERE rowid = ?1")?
            .execute([id])?;
    }
    tx.prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?
        .execute(params![
            id,
            query::words(&draft.title),
            query::words(&draft.body)
        ])?;
    Ok(match earlier {
        Some(id) => Outcome::Replaced(id),
        None => Outcome::New(id),
    })
}

/// The message that stands for a thread. A deleted one stays deleted.
fn standing(tx: &Transaction<'_>, feed: &str, thread: Thread) -> Result<Option<i64>, InboxError> {
    Ok(tx
        .prepare_cached(
            "SELECT id FROM messages WHERE feed = ?1 AND thread = ?2 AND deleted IS NULL
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![feed, thread.0], |row| row.get(0))
        .optional()?)
}

fn end_thread(
    tx: &Transaction<'_>,
    entry: &Entry,
    thread: Thread,
    delete: bool,
) -> Result<Outcome, InboxError> {
    let Some(id) = standing(tx, &entry.feed, thread)? else {
        return Ok(Outcome::Dropped);
    };
    let sql = if delete {
        "UPDATE messages SET deleted = ?2, announced = 1 WHERE id = ?1"
    } else {
        "UPDATE messages SET unread = 0, announced = 1, read_at = coalesce(read_at, ?2)
         WHERE id = ?1"
    };
    tx.prepare_cached(sql)?
        .execute(params![id, entry.received])?;
    Ok(Outcome::Over(id))
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
        tx.execute_batch(include_str!("../migrations/1.sql"))?;
    }
    if found < 2 {
        tx.execute_batch(include_str!("../migrations/2.sql"))?;
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

fn urgency_to(urgency: Urgency) -> i64 {
    match urgency {
        Urgency::Low => 0,
        Urgency::Normal => 1,
        Urgency::High => 2,
    }
}

fn urgency_from(number: i64) -> Urgency {
    match number {
        0 => Urgency::Low,
        2 => Urgency::High,
        _ => Urgency::Normal,
    }
}

#[cfg(test)]
mod tests;
