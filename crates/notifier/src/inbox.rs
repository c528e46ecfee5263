//! The inbox: every message, in SQLite, before anybody hears of it.
//!
//! Invariants, all kept by [`Inbox::commit`]: a message, its feed's cursor and
//! the memory of what was seen move in ONE transaction; a row is owed a
//! notification (`announced = 0`) until the front end reports it shown; a
//! duplicate is decided by what was *seen*, so deleting a message does not
//! bring it back.

mod commit;
mod entry;
mod erase;
mod open;
mod query;

use std::{path::PathBuf, time::Duration};

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    presentation::Presentation,
    view::{Text, Urgency},
};

use commit::commit_one;
pub(crate) use entry::{Brings, Draft, Entry, Key, Kind, Outcome, Thread};
pub(crate) use query::{Counts, flattened};

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
        let outcomes = entries
            .into_iter()
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
                shown: Presentation {
                    title: row.get(2)?,
                    body: row.get(3)?,
                    link: row.get(4)?,
                    icon: row.get(5)?,
                    urgency: urgency_from(row.get(6)?),
                    group: row.get(7)?,
                    ..Presentation::default()
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
            "UPDATE messages SET announced = 1, shown_at = ?2 WHERE id = ?1 AND announced = 0",
            Some(now),
        )
    }

    /// Records why notifications that are still owed will not be shown.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn silence(&mut self, silenced: &[(i64, Text)]) -> Result<(), InboxError> {
        let tx = self.db.transaction()?;
        for (id, why) in silenced {
            let why = serde_json::to_string(why).unwrap_or_default();
            tx.prepare_cached(
                "UPDATE messages SET announced = 1, silenced = ?2 WHERE id = ?1 AND announced = 0",
            )?
            .execute(params![id, why])?;
        }
        tx.commit()?;
        Ok(())
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
