//! What people do with messages, one or a million, and how it is taken back.
//!
//! Every act has a moment of its own, which is written into all that it changed: taking it back finds
//! them by it, and touches nothing that was so before.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Inbox, InboxError, list::List};
use crate::view::{Bulk, MessageQuery, Which};

/// Messages that one step of a bulk changes: other work waits no longer than this takes.
const STEP: usize = if cfg!(test) { 10 } else { 4_000 };

/// What an act is about to take back or do, which tells who of a burst belongs to it.
#[derive(Clone, Copy)]
enum Of {
    /// All that are in the same pile.
    Pile,
    /// Those of its pile that were read with it.
    Read,
    /// Those that were done with it.
    Done,
    /// Those that were deleted with it.
    Deleted,
}

/// Something done with all messages that match, step by step.
#[derive(Debug)]
pub(crate) struct Sweep {
    task: Task,
    /// Its moment.
    at: i64,
    /// Where the next step begins.
    before: i64,
    /// Messages that became others after it was asked for.
    spared: HashSet<i64>,
    /// How many were changed so far.
    pub(crate) count: u32,
}

#[derive(Debug)]
enum Task {
    /// The list as it was asked for: what a step changes does not change what is meant.
    Do(Box<List>, Bulk),
    Undo(Bulk),
}

/// What one step of a [`Sweep`] did.
#[derive(Debug)]
pub(crate) struct Swept {
    /// Which messages it changed.
    pub(crate) ids: Vec<i64>,
    /// It was the last.
    pub(crate) over: bool,
}

impl Inbox {
    /// Marks messages read or unread. A read message owes no notification. Gives the messages meant.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn mark_read(
        &mut self,
        which: &Which,
        read: bool,
        now: i64,
    ) -> Result<Vec<i64>, InboxError> {
        let (sql, of) = if read {
            (
                "UPDATE facts SET unread = 0, announced = 1, read_at = ?2
                 WHERE id = ?1 AND unread = 1",
                Of::Pile,
            )
        } else {
            (
                "UPDATE facts SET unread = 1, read_at = NULL
                 WHERE id = ?1 AND unread = 0 AND ?2 IS NOT NULL
                    AND (SELECT kind FROM messages m WHERE m.id = ?1) = 0",
                Of::Read,
            )
        };
        self.act(which, of, now, sql)
    }

    /// Pins or unpins messages. Gives the messages meant.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn pin(
        &mut self,
        which: &Which,
        pinned: bool,
        now: i64,
    ) -> Result<Vec<i64>, InboxError> {
        let sql = if pinned {
            "UPDATE facts SET pinned = 1 WHERE id = ?1 AND pinned = 0 AND ?2 IS NOT NULL"
        } else {
            "UPDATE facts SET pinned = 0 WHERE id = ?1 AND pinned = 1 AND ?2 IS NOT NULL"
        };
        self.act(which, Of::Pile, now, sql)
    }

    /// Puts messages out of the usual lists, and reads them; or back, unread where that made them
    /// read. Gives the messages meant.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn set_done(
        &mut self,
        which: &Which,
        done: bool,
        now: i64,
    ) -> Result<Vec<i64>, InboxError> {
        if done {
            self.act(which, Of::Pile, now, DO_DONE)
        } else {
            self.act(which, Of::Done, now, UNDO_DONE)
        }
    }

    /// Deletes messages; they can be restored for a day. Gives the messages meant.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn delete(&mut self, which: &Which, now: i64) -> Result<Vec<i64>, InboxError> {
        self.act(which, Of::Pile, now, DO_DELETE)
    }

    /// Takes a deletion back. Gives the messages meant.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn restore(&mut self, which: &Which, now: i64) -> Result<Vec<i64>, InboxError> {
        self.act(which, Of::Deleted, now, UNDO_DELETE)
    }

    /// Begins to do something with all messages that match and are there now.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn sweep(
        &mut self,
        query: &MessageQuery,
        what: Bulk,
        now: i64,
    ) -> Result<Sweep, InboxError> {
        let newest: i64 =
            self.db
                .query_row("SELECT coalesce(max(id), 0) FROM facts", [], |row| {
                    row.get(0)
                })?;
        let mut query = MessageQuery {
            fold: false,
            ..query.clone()
        };
        query.unread |= what == Bulk::Read;
        let before = query.before.take().unwrap_or(i64::MAX);
        let list = self.list(&query)?;
        let tx = self.db.transaction()?;
        let at = stamp(&tx, now)?;
        tx.commit()?;
        Ok(Sweep {
            task: Task::Do(Box::new(list), what),
            at,
            before: before.min(newest + 1),
            spared: HashSet::new(),
            count: 0,
        })
    }

    /// Begins to take back what was done at this moment.
    #[must_use]
    pub(crate) fn unsweep(what: Bulk, at: i64) -> Sweep {
        Sweep {
            task: Task::Undo(what),
            at,
            before: i64::MAX,
            spared: HashSet::new(),
            count: 0,
        }
    }

    /// Takes the next step.
    ///
    /// # Errors
    /// When the database cannot be used now: the step was not taken.
    pub(crate) fn sweep_on(&mut self, sweep: &mut Sweep) -> Result<Swept, InboxError> {
        let (ids, sql) = match &sweep.task {
            Task::Do(list, what) => {
                let ids = self.newest(list, sweep.before, STEP)?;
                let sql = match what {
                    Bulk::Read => {
                        "UPDATE facts SET unread = 0, announced = 1, read_at = ?2
                         WHERE id = ?1 AND unread = 1"
                    }
                    Bulk::Done => DO_DONE,
                    Bulk::Delete => DO_DELETE,
                };
                (ids, sql)
            }
            Task::Undo(what) => {
                let (column, sql) = match what {
                    Bulk::Read => (
                        "read_at",
                        "UPDATE facts SET unread = 1, read_at = NULL
                         WHERE id = ?1 AND unread = 0 AND read_at = ?2",
                    ),
                    Bulk::Done => ("done_at", UNDO_DONE),
                    Bulk::Delete => ("deleted", UNDO_DELETE),
                };
                let ids = self
                    .db
                    .prepare_cached(&format!(
                        "SELECT id FROM facts WHERE {column} = ?1 AND id < ?2
                         ORDER BY id DESC LIMIT {STEP}"
                    ))?
                    .query_map([sweep.at, sweep.before], |row| row.get(0))?
                    .collect::<Result<Vec<i64>, _>>()?;
                (ids, sql)
            }
        };
        let over = ids.len() < STEP;
        let next = ids.last().copied().unwrap_or(sweep.before);
        let tx = self.db.transaction()?;
        let mut changed = Vec::with_capacity(ids.len());
        {
            let mut statement = tx.prepare_cached(sql)?;
            for id in ids {
                if !sweep.spared.contains(&id) && statement.execute([id, sweep.at])? > 0 {
                    changed.push(id);
                }
            }
        }
        tx.commit()?;
        sweep.before = next;
        sweep.count += u32::try_from(changed.len()).unwrap_or(u32::MAX);
        Ok(Swept { ids: changed, over })
    }

    fn act(&mut self, which: &Which, of: Of, now: i64, sql: &str) -> Result<Vec<i64>, InboxError> {
        let tx = self.db.transaction()?;
        let at = match of {
            Of::Pile => stamp(&tx, now)?,
            _ => now,
        };
        let ids = if which.bursts {
            bursts(&tx, &which.ids, of)?
        } else {
            which.ids.clone()
        };
        {
            let mut statement = tx.prepare_cached(sql)?;
            for id in &ids {
                // What is taken back was done at a moment of its own.
                let at = match of {
                    Of::Done | Of::Deleted => moment(&tx, *id, of)?,
                    _ => Some(at),
                };
                statement.execute(params![id, at])?;
            }
        }
        tx.commit()?;
        Ok(ids)
    }
}

impl Sweep {
    /// What [`unsweep`](Inbox::unsweep) takes to take it back.
    #[must_use]
    pub(crate) fn at(&self) -> i64 {
        self.at
    }

    /// What it does.
    #[must_use]
    pub(crate) fn what(&self) -> Bulk {
        match &self.task {
            Task::Do(_, what) | Task::Undo(what) => *what,
        }
    }

    /// This message is another one by now.
    pub(crate) fn spare(&mut self, id: i64) {
        self.spared.insert(id);
    }
}

const DO_DONE: &str = "UPDATE facts SET done = 1, done_at = ?2, announced = 1,
    read_at = CASE unread WHEN 1 THEN ?2 ELSE read_at END, unread = 0 WHERE id = ?1 AND done = 0";
const UNDO_DONE: &str = "UPDATE facts SET done = 0, done_at = NULL,
    unread = CASE WHEN read_at = ?2 THEN 1 ELSE unread END,
    read_at = CASE WHEN read_at = ?2 THEN NULL ELSE read_at END
    WHERE id = ?1 AND done = 1 AND done_at = ?2";
const DO_DELETE: &str =
    "UPDATE facts SET deleted = ?2, announced = 1 WHERE id = ?1 AND deleted IS NULL";
const UNDO_DELETE: &str = "UPDATE facts SET deleted = NULL WHERE id = ?1 AND deleted = ?2";

/// A moment that no other act has: now, or right after the last one.
fn stamp(tx: &Transaction<'_>, now: i64) -> Result<i64, InboxError> {
    Ok(tx
        .prepare_cached(
            "INSERT INTO state VALUES ('stamp', ?1) ON CONFLICT (name) DO UPDATE
                SET value = max(CAST(value AS INTEGER) + 1, ?1)
             RETURNING CAST(value AS INTEGER)",
        )?
        .query_row([now], |row| row.get(0))?)
}

/// When a message was done or deleted.
fn moment(tx: &Transaction<'_>, id: i64, of: Of) -> Result<Option<i64>, InboxError> {
    let sql = match of {
        Of::Done => "SELECT done_at FROM facts WHERE id = ?1",
        _ => "SELECT deleted FROM facts WHERE id = ?1",
    };
    Ok(tx
        .prepare_cached(sql)?
        .query_row([id], |row| row.get(0))
        .optional()?
        .flatten())
}

/// The members of the bursts to which these messages belong, as far as they are meant with them.
fn bursts(tx: &Transaction<'_>, ids: &[i64], of: Of) -> Result<Vec<i64>, InboxError> {
    let meant = match of {
        Of::Pile => "o.done = f.done AND o.deleted IS NULL",
        Of::Read => {
            "o.done = f.done AND o.deleted IS NULL AND (f.read_at IS NULL OR o.read_at = f.read_at)"
        }
        Of::Done => "o.done = 1 AND o.done_at = f.done_at",
        Of::Deleted => "o.deleted = f.deleted",
    };
    let mut statement = tx.prepare_cached(&format!(
        "SELECT o.id FROM facts f JOIN facts o INDEXED BY facts_by_burst ON o.burst = f.burst
         WHERE f.id = ?1 AND {meant}"
    ))?;
    let mut all = BTreeSet::new();
    for id in ids {
        let mut rows = statement.query([id])?;
        while let Some(row) = rows.next()? {
            all.insert(row.get::<_, i64>(0)?);
        }
    }
    Ok(all.into_iter().collect())
}
