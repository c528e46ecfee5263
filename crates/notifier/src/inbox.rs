//! The inbox: every message, in SQLite, before anybody hears of it.
//!
//! Invariants, all kept by [`Inbox::commit`]: a message, its feed's cursor and
//! the memory of what was seen move in ONE transaction; a row is owed a
//! notification (`announced = 0`) until the front end reports it shown; a
//! duplicate is decided by what was *seen*, so deleting a message does not
//! bring it back.

mod acts;
mod commit;
mod entry;
mod export;
mod list;
mod offers;
mod open;
mod query;
mod words;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::{
    presentation::Presentation,
    view::{Text, Urgency},
};

pub(crate) use acts::Sweep;
use commit::commit_one;
pub(crate) use entry::{Brings, Draft, Entry, Key, Kind, Outcome, Thread};
pub(crate) use export::{Export, ExportError};
pub(crate) use query::{Counts, Wording, action_view, flattened};

/// How many keys of a feed are remembered to absorb re-sends.
const SEEN_KEPT: i64 = 20_000;
/// How long a deleted message can be restored.
const UNDO: Duration = Duration::from_secs(24 * 3600);
/// Rows looked at and removed in one transaction: other work waits no longer than this takes.
const PURGE_LOOK: usize = 5_000;
const PURGE_BATCH: usize = 500;

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
    /// Whether a poll was ever answered to the end.
    pub(crate) polled_before: bool,
}

/// A message that is owed a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owed {
    /// Inbox id.
    pub(crate) id: i64,
    /// The feed's id.
    pub(crate) feed: String,
    /// How it is shown.
    pub(crate) shown: Presentation,
}

/// The inbox. One owner, one connection.
#[derive(Debug)]
pub(crate) struct Inbox {
    db: Connection,
    path: PathBuf,
    /// The last message that the purge under way has looked at.
    purged: i64,
}

/// How long read messages are kept, in days; 0: for ever.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retention {
    /// Usually.
    pub(crate) general: u32,
    /// Of these feeds.
    pub(crate) feeds: BTreeMap<String, u32>,
}

/// An inbox that was opened, and whether a damaged one was set aside for it.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The inbox.
    pub(crate) inbox: Inbox,
    /// Where the damaged file went.
    pub(crate) set_aside: Option<PathBuf>,
    /// It is too large to be looked through while somebody waits, and was not for long.
    pub(crate) wants_check: bool,
}

impl Inbox {
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
                        connections = 0, polled = 0 WHERE feed = ?1",
                    [feed, address],
                )?;
                tx.execute("DELETE FROM seen WHERE feed = ?1", [feed])?;
            }
            Some(_) => {}
        }
        let memory = tx.query_row(
            "SELECT cursor, facts, stopped_on, connections, polled FROM feeds WHERE feed = ?1",
            [feed],
            |row| {
                Ok(FeedMemory {
                    cursor: row.get(0)?,
                    facts: row.get(1)?,
                    stopped_on: row.get(2)?,
                    connected_before: row.get::<_, i64>(3)? > 0,
                    polled_before: row.get::<_, i64>(4)? > 0,
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

    /// The answer to a poll ended on this connection: the next one repeats it.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn polled(&mut self, feed: &str, connection: i64) -> Result<(), InboxError> {
        self.db.execute(
            "UPDATE feeds SET polled = ?2 WHERE feed = ?1",
            params![feed, connection],
        )?;
        Ok(())
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
    pub(crate) fn commit<'a>(
        &mut self,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Vec<Outcome>, InboxError> {
        let tx = self.db.transaction()?;
        let mut unindexed = Vec::new();
        let outcomes = entries
            .into_iter()
            .map(|entry| commit_one(&tx, entry, &mut unindexed))
            .collect::<Result<Vec<_>, _>>()?;
        // Together and last: a statement with triggers has the index write out what it gathered.
        for message in unindexed {
            message.index(&tx)?;
        }
        tx.commit()?;
        Ok(outcomes)
    }

    /// Messages whose notification was never reported as shown, oldest first.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn owed(&self) -> Result<Vec<Owed>, InboxError> {
        let mut statement = self.db.prepare_cached(
            "SELECT m.id, m.feed, m.title, m.body, m.link, m.icon, m.urgency, m.grouped, m.actor,
                m.burst_title, m.actions
             FROM facts f JOIN messages m ON m.id = f.id
             WHERE f.announced = 0 ORDER BY f.id LIMIT 10000",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(Owed {
                id: row.get(0)?,
                feed: row.get(1)?,
                shown: Presentation {
                    title: row.get(2)?,
                    body: row.get(3)?,
                    link: row.get(4)?,
                    icon: row.get(5)?,
                    urgency: urgency_from(row.get(6)?),
                    group: row.get(7)?,
                    actor: row.get(8)?,
                    burst: row.get(9)?,
                    actions: query::own_actions(row.get(10)?),
                },
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
            "UPDATE facts SET announced = 1, shown_at = ?2 WHERE id = ?1 AND announced = 0",
            now,
        )
    }

    /// Records why notifications that are still owed will not be shown.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn silence(&mut self, silenced: &[(i64, Text)]) -> Result<(), InboxError> {
        let tx = self.db.transaction()?;
        for (id, why) in silenced {
            let owed = "UPDATE facts SET announced = 1, silent = 1 WHERE id = ?1 AND announced = 0";
            if tx.prepare_cached(owed)?.execute([id])? == 0 {
                continue;
            }
            let why = serde_json::to_string(why).unwrap_or_default();
            tx.prepare_cached("UPDATE messages SET silenced = ?2 WHERE id = ?1")?
                .execute(params![id, why])?;
        }
        tx.commit()?;
        Ok(())
    }

    /// Records that a message was opened from its notification.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn opened(&mut self, id: i64, now: i64) -> Result<(), InboxError> {
        self.update_each(
            &[id],
            "UPDATE facts SET opened_at = ?2 WHERE id = ?1 AND opened_at IS NULL
                AND shown_at IS NOT NULL",
            now,
        )
    }

    /// Removes for good what nobody can see or wants any more: deleted messages past their undo,
    /// read or silenced, unpinned ones that were kept long enough, old keys. Takes small steps;
    /// returns true while there is more to do. Cursors are not touched.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn purge(&mut self, retention: &Retention, now: i64) -> Result<bool, InboxError> {
        let undo = now.saturating_sub(i64::try_from(UNDO.as_millis()).unwrap_or(i64::MAX));
        let keep = |feed: &str| match retention.feeds.get(feed).unwrap_or(&retention.general) {
            0 => i64::MIN,
            days => now.saturating_sub(i64::from(*days) * 24 * 3600 * 1000),
        };
        let tx = self.db.transaction()?;
        let (mut doomed, mut looked, mut last) = (Vec::new(), 0, self.purged);
        {
            let mut statement = tx.prepare_cached(
                "SELECT id, feed, received, deleted,
                    (unread = 0 OR silent = 1) AND pinned = 0 AND announced = 1
                 FROM facts WHERE id > ?1 ORDER BY id",
            )?;
            let mut rows = statement.query([self.purged])?;
            while looked < PURGE_LOOK && doomed.len() < PURGE_BATCH {
                let Some(row) = rows.next()? else { break };
                looked += 1;
                last = row.get(0)?;
                let (received, deleted): (i64, Option<i64>) = (row.get(2)?, row.get(3)?);
                let old = row.get::<_, bool>(4)?
                    && received < keep(row.get_ref(1)?.as_str().unwrap_or_default());
                if old || deleted.is_some_and(|at| at < undo) {
                    doomed.push(last);
                }
            }
        }
        for id in &doomed {
            for table in [
                "DELETE FROM messages WHERE id = ?1",
                "DELETE FROM facts WHERE id = ?1",
                "DELETE FROM words WHERE rowid = ?1",
            ] {
                tx.prepare_cached(table)?.execute([id])?;
            }
        }
        let more = looked == PURGE_LOOK || doomed.len() == PURGE_BATCH;
        if !more {
            forget_keys(&tx)?;
        }
        tx.commit()?;
        self.purged = if more { last } else { 0 };
        Ok(more)
    }

    /// Erases every message for good, with the copies that older versions left and damaged files
    /// that were set aside. Feeds go on where they are, and what was seen stays known.
    ///
    /// # Errors
    /// When the database cannot be used now, or a file cannot be removed.
    pub(crate) fn erase_all(&mut self) -> Result<(), InboxError> {
        use rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER;
        self.db.pragma_update(None, "secure_delete", "ON")?;
        // What they count goes as well.
        self.db
            .set_db_config(SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        let erased = self.db.execute_batch(
            "BEGIN IMMEDIATE;
             DELETE FROM messages; DELETE FROM facts; DELETE FROM piles; DELETE FROM tallies;
             INSERT INTO words (words) VALUES ('delete-all');
             COMMIT;",
        );
        self.db
            .set_db_config(SQLITE_DBCONFIG_ENABLE_TRIGGER, true)?;
        if let Err(why) = erased {
            // It may not even have begun.
            let _ = self.db.execute_batch("ROLLBACK");
            return Err(why.into());
        }
        self.db.execute_batch("VACUUM")?;
        let busy: bool = self
            .db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        self.purged = 0;
        open::remove_copies(&self.path)?;
        if busy {
            // Somebody still reads, so what they read is still there.
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None).into());
        }
        Ok(())
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

    fn update_each(&mut self, ids: &[i64], sql: &str, value: i64) -> Result<(), InboxError> {
        let tx = self.db.transaction()?;
        {
            let mut statement = tx.prepare_cached(sql)?;
            for id in ids {
                statement.execute([*id, value])?;
            }
        }
        tx.commit()?;
        Ok(())
    }
}

/// Keys beyond those that are remembered. What a poll brings again and again is for as long as it does.
fn forget_keys(tx: &Transaction<'_>) -> Result<(), InboxError> {
    let feeds: Vec<String> = tx
        .prepare_cached("SELECT feed FROM feeds")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for feed in &feeds {
        tx.execute(
            "DELETE FROM seen WHERE feed = ?1 AND place <= (SELECT place FROM seen
                WHERE feed = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)
                AND (resent_on = 0
                    OR resent_on < (SELECT connections FROM feeds WHERE feed = ?1) - 1)",
            params![feed, SEEN_KEPT],
        )?;
    }
    Ok(())
}

fn urgency_to(urgency: Urgency) -> i64 {
    match urgency {
        Urgency::Low => 0,
        Urgency::Normal => 1,
        Urgency::High => 2,
        Urgency::Urgent => 3,
    }
}

fn urgency_from(number: i64) -> Urgency {
    match number {
        0 => Urgency::Low,
        2 => Urgency::High,
        3 => Urgency::Urgent,
        _ => Urgency::Normal,
    }
}

#[cfg(test)]
mod tests;
