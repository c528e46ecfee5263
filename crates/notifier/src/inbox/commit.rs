//! One entry, in the transaction of its batch: what it brings, and its feed's new place.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Brings, Draft, Entry, InboxError, Key, Kind, Outcome, Thread, query, urgency_to};

pub(super) fn commit_one(tx: &Transaction<'_>, entry: &Entry) -> Result<Outcome, InboxError> {
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
        Brings::Trial(draft) => return store(tx, entry, draft),
        Brings::Seen(key) => match is_resent(tx, entry, key, false, None)? {
            true => Outcome::Duplicate,
            false => Outcome::Dropped,
        },
        Brings::Over {
            key,
            thread,
            delete,
        } => {
            let late = is_late(tx, entry, Some(*thread))?;
            if is_resent(tx, entry, key, false, Some(*thread))? {
                Outcome::Duplicate
            } else if late {
                Outcome::Dropped
            } else {
                end_thread(tx, entry, *thread, *delete)?
            }
        }
        Brings::Message(draft) => {
            let late = is_late(tx, entry, draft.thread)?;
            let resent = match &draft.key {
                Some(key) => is_resent(tx, entry, key, draft.own_id.is_some(), draft.thread)?,
                None => false,
            };
            if resent {
                Outcome::Duplicate
            } else if late {
                Outcome::Dropped
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

/// Whether a newer version of its thread, or its end, came before: a server may send what is live
/// before what was missed.
fn is_late(
    tx: &Transaction<'_>,
    entry: &Entry,
    thread: Option<Thread>,
) -> Result<bool, InboxError> {
    let (Some(thread), Some(version)) = (thread, entry.version) else {
        return Ok(false);
    };
    let newest: Option<f64> = tx
        .prepare_cached("SELECT max(version) FROM seen WHERE feed = ?1 AND thread = ?2")?
        .query_row(params![entry.feed, thread.0], |row| row.get(0))?;
    Ok(newest.is_some_and(|newest| newest > version))
}

/// Whether this is a message we have. Each remembered event absorbs one re-send per connection.
fn is_resent(
    tx: &Transaction<'_>,
    entry: &Entry,
    key: &Key,
    own_id: bool,
    thread: Option<Thread>,
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
                // cursor: the server was asked for everything since. An answer to a poll repeats what
                // the last whole one had; what was in none since is there again.
                tx.prepare_cached(
                    "SELECT place FROM seen WHERE feed = ?1 AND key = ?2 AND connection < ?3
                        AND resent_on < ?3 AND (?4 OR after = 1)
                        AND max(connection, resent_on) >=
                            (SELECT polled FROM feeds WHERE feed = ?1)
                        ORDER BY place LIMIT 1",
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
    tx.prepare_cached(
        "INSERT INTO seen (feed, key, connection, after, thread, version)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        entry.feed,
        digest,
        entry.connection,
        !own_id,
        thread.map(|thread| thread.0),
        entry.version
    ])?;
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
        draft.shown.title,
        draft.shown.body,
        draft.shown.link,
        draft.shown.icon,
        urgency_to(draft.shown.urgency),
        draft.shown.group,
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
            query::words(&draft.shown.title),
            query::words(&draft.shown.body)
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
