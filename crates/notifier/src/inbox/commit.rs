//! One entry, in the transaction of its batch: what it brings, and its feed's new place.

use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    Brings, Draft, Entry, InboxError, Key, Kind, Outcome, Thread, entry::number, urgency_to, words,
};

/// A message joins the burst before it if that was added to less than this long ago, in milliseconds.
const BURST_PAUSE: i64 = 12 * 3600 * 1000;

/// A message that is stored and cannot be found yet.
pub(super) struct Unindexed<'a> {
    id: i64,
    entry: &'a Entry,
    draft: &'a Draft,
    /// Words of an earlier version have to go.
    replaces: bool,
}

impl Unindexed<'_> {
    pub(super) fn index(&self, tx: &Transaction<'_>) -> Result<(), InboxError> {
        if self.replaces {
            tx.prepare_cached("DELETE FROM words WHERE rowid = ?1")?
                .execute([self.id])?;
        }
        let shown = &self.draft.shown;
        index(
            tx,
            self.id,
            (&shown.title, &shown.body),
            (
                &self.entry.feed,
                &self.draft.event,
                urgency_to(shown.urgency),
            ),
        )
    }
}

/// Stores what an entry brings, apart from its words: `unindexed` gets a message that is to be indexed
/// in this transaction, after all others are stored.
pub(super) fn commit_one<'a>(
    tx: &Transaction<'_>,
    entry: &'a Entry,
    unindexed: &mut Vec<Unindexed<'a>>,
) -> Result<Outcome, InboxError> {
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
        Brings::Trial(draft) => return store(tx, entry, draft, unindexed),
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
                store(tx, entry, draft, unindexed)?
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
fn store<'a>(
    tx: &Transaction<'_>,
    entry: &'a Entry,
    draft: &'a Draft,
    unindexed: &mut Vec<Unindexed<'a>>,
) -> Result<Outcome, InboxError> {
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
    let shown = &draft.shown;
    // Before it is there itself.
    let burst = match (&shown.group, draft.kind) {
        (Some(group), Kind::Event) => burst(tx, entry, group, earlier)?,
        _ => None,
    };
    let actions = (!shown.actions.is_empty())
        .then(|| serde_json::to_string(&shown.actions).unwrap_or_default());
    tx.prepare_cached(
        "INSERT INTO messages (id, feed, kind, event, own_id, urgency, received, gap_from, grouped,
            thread, title, burst_title, actor, link, icon, verdict, silenced, actions, body, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
            ?19, ?20)
         ON CONFLICT (id) DO UPDATE SET event = excluded.event, own_id = excluded.own_id,
            urgency = excluded.urgency, received = excluded.received, grouped = excluded.grouped,
            title = excluded.title, burst_title = excluded.burst_title, actor = excluded.actor,
            link = excluded.link, icon = excluded.icon, verdict = excluded.verdict,
            silenced = excluded.silenced, actions = excluded.actions, body = excluded.body,
            data = excluded.data",
    )?
    .execute(params![
        earlier,
        entry.feed,
        i64::from(draft.kind == Kind::Gap),
        draft.event,
        draft.own_id,
        urgency_to(shown.urgency),
        entry.received,
        gap_from,
        shown.group,
        draft.thread.map(|thread| thread.0),
        shown.title,
        shown.burst,
        shown.actor,
        shown.link,
        shown.icon,
        serde_json::to_string(&draft.verdict).unwrap_or_default(),
        draft
            .silenced
            .as_ref()
            .map(|why| serde_json::to_string(why).unwrap_or_default()),
        actions,
        shown.body,
        draft.data,
    ])?;
    let id = earlier.unwrap_or_else(|| tx.last_insert_rowid());
    tx.prepare_cached(
        "INSERT INTO facts (id, feed, event, urgency, received, burst, actor, unread, announced,
            silent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (id) DO UPDATE SET event = excluded.event, urgency = excluded.urgency,
            received = excluded.received, burst = excluded.burst, actor = excluded.actor,
            unread = excluded.unread, announced = excluded.announced, silent = excluded.silent,
            done = 0, done_at = NULL, read_at = NULL, shown_at = NULL, opened_at = NULL",
    )?
    .execute(params![
        id,
        entry.feed,
        draft.event,
        urgency_to(shown.urgency),
        entry.received,
        burst.unwrap_or(id),
        shown.actor.as_deref().map(number),
        draft.kind == Kind::Event,
        !draft.rings(),
        draft.silenced.is_some(),
    ])?;
    unindexed.push(Unindexed {
        id,
        entry,
        draft,
        replaces: earlier.is_some(),
    });
    Ok(match earlier {
        Some(id) => Outcome::Replaced(id),
        None => Outcome::New(id),
    })
}

/// Makes a message findable: by title and body, by feed, event name and urgency.
pub(super) fn index(
    tx: &Transaction<'_>,
    id: i64,
    (title, body): (&str, &str),
    (feed, event, urgency): (&str, &str, i64),
) -> Result<(), InboxError> {
    let facts = format!(
        "{} {} {}",
        words::feed(feed),
        words::event(event),
        words::urgency(urgency)
    );
    tx.prepare_cached("INSERT INTO words (rowid, title, body, facts) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            id,
            words::indexed(title),
            words::indexed(body),
            facts
        ])?;
    Ok(())
}

/// The burst that a message of this group joins: the last one's, if that came not long ago and
/// nobody is done with it.
fn burst(
    tx: &Transaction<'_>,
    entry: &Entry,
    group: &str,
    earlier: Option<i64>,
) -> Result<Option<i64>, InboxError> {
    let last: Option<(i64, i64, bool)> = tx
        .prepare_cached(
            "SELECT f.burst, f.received, f.done = 0 AND f.deleted IS NULL
             FROM messages m JOIN facts f ON f.id = m.id
             WHERE m.feed = ?1 AND m.grouped = ?2 AND m.id IS NOT ?3
             ORDER BY m.id DESC LIMIT 1",
        )?
        .query_row(params![entry.feed, group, earlier], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    Ok(last.and_then(|(burst, received, open)| {
        let close = entry.received.saturating_sub(received) < BURST_PAUSE;
        (open && close).then_some(burst)
    }))
}

/// The message that stands for a thread. A deleted one stays deleted.
fn standing(tx: &Transaction<'_>, feed: &str, thread: Thread) -> Result<Option<i64>, InboxError> {
    Ok(tx
        .prepare_cached(
            "SELECT m.id FROM messages m JOIN facts f ON f.id = m.id
             WHERE m.feed = ?1 AND m.thread = ?2 AND f.deleted IS NULL
             ORDER BY m.id DESC LIMIT 1",
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
        "UPDATE facts SET deleted = ?2, announced = 1 WHERE id = ?1"
    } else {
        "UPDATE facts SET unread = 0, announced = 1, read_at = coalesce(read_at, ?2)
         WHERE id = ?1"
    };
    tx.prepare_cached(sql)?
        .execute(params![id, entry.received])?;
    Ok(Outcome::Over(id))
}
