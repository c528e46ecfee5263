//! The log in SQLite: statements and nothing else. Who runs them, and when, is
//! the log's business.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params,
};
use sse::{EventId, EventName};

use super::ledger::{
    self, BOARD, DUE, DUE_BYTES, Deleted, Extent, Known, Ledger, Most, Origin, Schedule, Unneeded,
    Upcoming,
};
use crate::message::MessageId;
use crate::publication::{Address, Audience, Filter, Publication};
use crate::record::{Record, View};
use crate::window::{Entry, Page, Stretch};
use crate::{Epoch, Position};

/// The layout this version writes, in `PRAGMA user_version`.
pub(crate) const VERSION: i64 = 3;

/// Most events of one read.
const MOST: usize = Stretch::MOST;

/// `hub` has one row. Head and floor are kept apart from the events: with all
/// events expired, the next one must still get a higher number.
const LAYOUT: &str = "
    CREATE TABLE hub (
        epoch TEXT NOT NULL,
        head  INTEGER NOT NULL,
        floor INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE log (
        seq     INTEGER PRIMARY KEY,
        at      INTEGER NOT NULL,
        expires INTEGER,
        event   TEXT,
        retry   INTEGER,
        fact    INTEGER NOT NULL,
        key     TEXT,
        data    TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX log_key ON log (key) WHERE key IS NOT NULL;
    CREATE INDEX log_expires ON log (expires) WHERE expires IS NOT NULL;
    CREATE INDEX log_fact ON log (seq) WHERE fact;
    CREATE TABLE address (
        seq     INTEGER NOT NULL REFERENCES log (seq) ON DELETE CASCADE,
        address TEXT NOT NULL,
        PRIMARY KEY (seq, address)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX address_seq ON address (address, seq);
";

/// What version 2 added: ntfy's messages, events for those who listen now, the
/// bytes in the log, and what comes into it later.
const SECOND: &str = "
    ALTER TABLE hub ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE log ADD COLUMN message TEXT;
    ALTER TABLE log ADD COLUMN transient INTEGER NOT NULL DEFAULT 0;
    CREATE UNIQUE INDEX log_message ON log (message) WHERE message IS NOT NULL;
    CREATE INDEX log_transient ON log (seq) WHERE transient;
    UPDATE hub SET bytes =
        (SELECT coalesce(sum(octet_length(data)), 0) FROM log) +
        (SELECT coalesce(sum(octet_length(address)), 0) FROM address WHERE address <> '*');
    CREATE TABLE scheduled (
        entry     INTEGER PRIMARY KEY,
        due       INTEGER NOT NULL,
        sequence  TEXT,
        ttl       INTEGER,
        event     TEXT,
        retry     INTEGER,
        fact      INTEGER NOT NULL,
        key       TEXT,
        message   TEXT,
        transient INTEGER NOT NULL,
        audience  TEXT NOT NULL,
        data      TEXT NOT NULL
    ) STRICT;
    CREATE INDEX scheduled_due ON scheduled (due, entry);
    CREATE INDEX scheduled_sequence ON scheduled (sequence) WHERE sequence IS NOT NULL;
    CREATE UNIQUE INDEX scheduled_key ON scheduled (key) WHERE key IS NOT NULL;
    CREATE UNIQUE INDEX scheduled_message ON scheduled (message) WHERE message IS NOT NULL;
";

/// What version 3 added: of which shared log this is a copy, and what the node is called.
const THIRD: &str = "
    ALTER TABLE hub ADD COLUMN base INTEGER;
    ALTER TABLE hub ADD COLUMN micros INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE hub ADD COLUMN lineage INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE hub ADD COLUMN node TEXT NOT NULL DEFAULT '';
    UPDATE hub SET node = lower(hex(randomblob(4)));
";

/// Opens the writing side, without looking into the file yet.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open(path)
}

/// Opens a reading side.
pub(crate) fn connect_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(Duration::from_secs(5))?;
    Ok(db)
}

/// The layout's version; 0 for a file without one.
pub(crate) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Prepares the connection and, in an empty file, the layout.
pub(crate) fn prepare(db: &mut Connection, epoch: Epoch) -> rusqlite::Result<()> {
    db.busy_timeout(Duration::from_secs(5))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // An answered publish survives a power cut.
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "journal_size_limit", 64 << 20)?;
    let tx = db.transaction()?;
    let found = version(&tx)?;
    if found == 0 {
        tx.execute_batch(LAYOUT)?;
        tx.execute("INSERT INTO hub VALUES (?1, 0, 0)", [epoch.to_string()])?;
    }
    if found < 2 {
        tx.execute_batch(SECOND)?;
        part_keys(&tx)?;
    }
    if found < 3 {
        tx.execute_batch(THIRD)?;
    }
    if found < VERSION {
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()
}

/// Version 1 wrote keys for all audiences together.
fn part_keys(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut keyed = tx.prepare(
        "SELECT log.seq, key, group_concat(address, char(10)) FROM log JOIN address USING (seq)
         WHERE key IS NOT NULL GROUP BY seq",
    )?;
    let mut write = tx.prepare("UPDATE log SET key = ?2 WHERE seq = ?1")?;
    let mut rows = keyed.query([])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let to = Audience::from_column(row.get_ref(2)?.as_str()?);
        let Some(key) = key_of(row.get_ref(1)?.as_str()?) else {
            continue;
        };
        write.execute(params![seq, ledger::key_for(&key, &to)])?;
    }
    Ok(())
}

/// Copies the whole database into an empty file.
pub(crate) fn copy(db: &Connection, to: &Path) -> rusqlite::Result<()> {
    let to = to
        .to_str()
        .ok_or_else(|| rusqlite::Error::InvalidPath(to.to_owned()))?;
    db.execute("VACUUM INTO ?1", [to]).map(|_| ())
}

/// How far the log goes.
pub(crate) fn extent(db: &Connection) -> rusqlite::Result<Extent> {
    db.prepare_cached("SELECT epoch, head, floor, bytes, base, micros, lineage FROM hub")?
        .query_row([], |row| {
            let epoch: String = row.get(0)?;
            let epoch = epoch.parse().map_err(|source| {
                rusqlite::Error::FromSqlConversionFailure(
                    0,
                    rusqlite::types::Type::Text,
                    Box::new(source),
                )
            })?;
            Ok(Extent {
                epoch,
                head: number(row, 1)?,
                floor: number(row, 2)?,
                bytes: number(row, 3)?,
                origin: match row.get::<_, Option<i64>>(4)? {
                    None => None,
                    Some(base) => Some(Origin {
                        base: base.unsigned_abs(),
                        micros: row.get(5)?,
                        lineage: number(row, 6)?,
                    }),
                },
            })
        })
}

/// What the node of this log is called.
pub(crate) fn node(db: &Connection) -> rusqlite::Result<String> {
    db.query_row("SELECT node FROM hub", [], |row| row.get(0))
}

/// Events in the log, and the time of the newest.
pub(crate) fn kept(db: &Connection) -> rusqlite::Result<(u64, i64)> {
    db.query_row(
        "SELECT count(*), coalesce(max(at), 0) FROM log",
        [],
        |row| Ok((number(row, 0)?, row.get(1)?)),
    )
}

/// Reads back the key that [`ledger::key_column`] wrote.
pub(super) fn key_of(column: &str) -> Option<EventId> {
    EventId::parse(column.split('\n').next()?).ok()
}

/// What is scheduled.
pub(crate) fn schedule(db: &Connection) -> rusqlite::Result<Schedule> {
    db.query_row(
        "SELECT count(*), coalesce(sum(octet_length(data) + octet_length(audience)), 0), min(due)
         FROM scheduled",
        [],
        |row| {
            Ok(Schedule {
                entries: number(row, 0)?,
                bytes: number(row, 1)?,
                next: row.get(2)?,
            })
        },
    )
}

/// A transaction of the writing side.
pub(super) struct Stored<'a>(pub(super) Transaction<'a>);

impl<'a> Stored<'a> {
    pub(super) fn begin(db: &'a mut Connection) -> rusqlite::Result<Self> {
        db.transaction_with_behavior(TransactionBehavior::Immediate)
            .map(Self)
    }
}

impl Ledger for Stored<'_> {
    fn known(
        &mut self,
        key: Option<&str>,
        message: Option<&MessageId>,
    ) -> rusqlite::Result<Option<Known>> {
        let queries = [
            (
                key,
                "SELECT seq FROM log WHERE key = ?1",
                "SELECT 1 FROM scheduled WHERE key = ?1",
            ),
            (
                message.map(MessageId::as_str),
                "SELECT seq FROM log WHERE message = ?1",
                "SELECT 1 FROM scheduled WHERE message = ?1",
            ),
        ];
        for (id, stored, scheduled) in queries {
            let Some(id) = id else { continue };
            let mut stored = self.0.prepare_cached(stored)?;
            if let Some(seq) = stored.query_row([id], |row| number(row, 0)).optional()? {
                return Ok(Some(Known::Stored(seq)));
            }
            if self.0.prepare_cached(scheduled)?.exists([id])? {
                return Ok(Some(Known::Scheduled));
            }
        }
        Ok(None)
    }

    fn insert(
        &mut self,
        record: &Record,
        key: Option<String>,
        fact: bool,
    ) -> rusqlite::Result<u64> {
        let seq = record.position.seq.cast_signed();
        self.0
            .prepare_cached(
                "INSERT INTO log
                     (seq, at, expires, event, retry, fact, key, data, message, transient)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                seq,
                record.at,
                record.expires,
                record.event.as_ref().map(EventName::as_str),
                record.retry.map(millis),
                fact,
                key,
                record.data,
                record.message.as_ref().map(MessageId::as_str),
                record.transient,
            ])?;
        let mut bytes = record.data.len();
        let mut index = self
            .0
            .prepare_cached("INSERT OR IGNORE INTO address (seq, address) VALUES (?1, ?2)")?;
        match &record.to {
            Audience::Everyone => {
                index.execute(params![seq, Address::EVERYONE])?;
            }
            Audience::Only(addresses) => {
                for address in addresses {
                    let column = address.to_column();
                    // The same address given twice is there once.
                    bytes += index.execute(params![seq, column])? * column.len();
                }
            }
        }
        Ok(bytes as u64)
    }

    fn insert_scheduled(
        &mut self,
        due: i64,
        key: Option<String>,
        publication: Publication,
    ) -> rusqlite::Result<u64> {
        let audience = publication.to.to_column();
        self.0
            .prepare_cached(
                "INSERT INTO scheduled (due, sequence, ttl, event, retry, fact, key, message,
                                        transient, audience, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                due,
                ledger::sequence(&publication),
                publication.ttl.map(millis),
                publication.event.as_ref().map(EventName::as_str),
                publication.retry.map(millis),
                publication.fact,
                key,
                publication.message.as_ref().map(MessageId::as_str),
                publication.transient,
                audience,
                publication.data,
            ])?;
        Ok((audience.len() + publication.data.len()) as u64)
    }

    fn delete_scheduled(&mut self, to: &Audience, sequence: &str) -> rusqlite::Result<(u64, u64)> {
        let mut delete = self.0.prepare_cached(
            "DELETE FROM scheduled WHERE sequence = ?1 AND audience = ?2
             RETURNING octet_length(data) + octet_length(audience)",
        )?;
        let mut deleted = (0, 0);
        for bytes in delete.query_map(params![sequence, to.to_column()], |row| number(row, 0))? {
            deleted = (deleted.0 + 1, deleted.1 + bytes?);
        }
        Ok(deleted)
    }

    fn take_due(&mut self, now: i64) -> rusqlite::Result<(Vec<Publication>, u64)> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        let mut first = self.0.prepare_cached(
            "SELECT entry, ttl, event, retry, fact, key, message, transient, audience, data,
                    sequence
             FROM scheduled WHERE due <= ?1 ORDER BY due, entry LIMIT 1",
        )?;
        let mut delete = self
            .0
            .prepare_cached("DELETE FROM scheduled WHERE entry = ?1")?;
        while taken.len() < DUE && bytes < DUE_BYTES {
            let due = first
                .query_row([now], |row| Ok((row.get::<_, i64>(0)?, publication(row)?)))
                .optional()?;
            let Some((entry, publication)) = due else {
                break;
            };
            delete.execute([entry])?;
            bytes += (publication.to.to_column().len() + publication.data.len()) as u64;
            taken.push(publication);
        }
        Ok((taken, bytes))
    }

    fn next_due(&mut self) -> rusqlite::Result<Option<i64>> {
        self.0
            .prepare_cached("SELECT min(due) FROM scheduled")?
            .query_row([], |row| row.get(0))
    }

    fn delete_oldest(&mut self, floor: u64, over: u64, most: Most) -> rusqlite::Result<Deleted> {
        let sql = format!("SELECT seq, {BYTES} FROM log ORDER BY seq");
        delete(&self.0, &sql, [], most, |seq, deleted| {
            seq <= floor || deleted.bytes < over
        })
    }

    fn delete_expired(&mut self, now: i64, most: Most) -> rusqlite::Result<Deleted> {
        let sql = format!("SELECT seq, {BYTES} FROM log WHERE expires <= ?1");
        delete(&self.0, &sql, [now], most, |_, _| true)
    }

    fn delete_transient(&mut self, seq: u64, most: Most) -> rusqlite::Result<Deleted> {
        let sql = format!("SELECT seq, {BYTES} FROM log WHERE transient AND seq <= ?1");
        delete(&self.0, &sql, [seq.cast_signed()], most, |_, _| true)
    }

    fn newest_before(&mut self, cutoff: i64, floor: u64, head: u64) -> rusqlite::Result<u64> {
        newest_before(&self.0, cutoff, floor, head)
    }

    fn save(&mut self) -> rusqlite::Result<()> {
        self.0.execute_batch("SAVEPOINT job")
    }

    fn roll_back(&mut self) -> rusqlite::Result<()> {
        self.0.execute_batch("ROLLBACK TO job")
    }

    fn release(&mut self) -> rusqlite::Result<()> {
        self.0.execute_batch("RELEASE job")
    }

    /// Always a real write, so that a healthy answer means a healthy disk.
    fn commit(self, extent: &Extent) -> rusqlite::Result<Unneeded> {
        self.0
            .prepare_cached("UPDATE hub SET head = ?1, floor = ?2, bytes = ?3, micros = ?4")?
            .execute([
                extent.head.cast_signed(),
                extent.floor.cast_signed(),
                extent.bytes.cast_signed(),
                extent.origin.map_or(0, |origin| origin.micros),
            ])?;
        self.0.commit()?;
        Ok(Unneeded::default())
    }
}

/// A scheduled publication.
pub(super) fn publication(row: &Row<'_>) -> rusqlite::Result<Publication> {
    let text = |column| {
        row.get_ref(column)?
            .as_str_or_null()
            .map_err(rusqlite::Error::from)
    };
    let time = |column| {
        row.get::<_, Option<i64>>(column)
            .map(|millis| millis.map(|millis| Duration::from_millis(millis.unsigned_abs())))
    };
    Ok(Publication {
        to: Audience::from_column(row.get_ref(8)?.as_str()?),
        event: text(2)?.and_then(|name| EventName::parse(name).ok()),
        data: row.get(9)?,
        key: text(5)?.and_then(key_of),
        ttl: time(1)?,
        retry: time(3)?,
        fact: row.get(4)?,
        transient: row.get(7)?,
        due: None,
        message: text(6)?.and_then(MessageId::parse),
        sequence: row.get(10)?,
    })
}

/// What is scheduled after `after` for who listens with this filter, the next
/// first: as events at the place `position` and at the time when they are due;
/// and where to go on.
pub(crate) fn scheduled(
    db: &Connection,
    filter: &Filter,
    after: Option<Upcoming>,
    position: Position,
) -> rusqlite::Result<(Vec<Record>, Option<Upcoming>)> {
    let after = after.unwrap_or(Upcoming::START);
    let mut all = db.prepare_cached(
        "SELECT entry, ttl, event, retry, fact, key, message, transient, audience, data, sequence,
                due
         FROM scheduled WHERE (due, entry) > (?1, ?2) ORDER BY due, entry",
    )?;
    let mut rows = all.query([after.due, after.entry])?;
    let (mut records, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        if !filter.takes(&Audience::from_column(row.get_ref(8)?.as_str()?)) {
            continue;
        }
        let due = row.get(11)?;
        let record = Record::of(position, due, publication(row)?);
        bytes += record.data.len();
        records.push(record);
        if records.len() >= MOST || bytes >= Page::BYTES {
            let entry = row.get(0)?;
            return Ok((records, Some(Upcoming { due, entry })));
        }
    }
    Ok((records, None))
}

/// An event's bytes, as [`Ledger::insert`] says them. Neither text is read for it.
const BYTES: &str = "octet_length(data) + (
    SELECT coalesce(sum(octet_length(address)), 0) FROM address
    WHERE address.seq = log.seq AND address <> '*')";

/// Deletes the events that `sql` gives, number and bytes, as long as `wanted`
/// says so of the next, given what was deleted before it.
fn delete(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl rusqlite::Params,
    most: Most,
    wanted: impl Fn(u64, &Deleted) -> bool,
) -> rusqlite::Result<Deleted> {
    let mut deleted = Deleted::default();
    let mut seqs = Vec::new();
    {
        let mut select = tx.prepare_cached(sql)?;
        let mut rows = select.query(params)?;
        while let Some(row) = rows.next()? {
            let seq = number(row, 0)?;
            if !wanted(seq, &deleted) {
                break;
            }
            if deleted.rows >= most.rows || deleted.bytes >= most.bytes {
                deleted.more = true;
                break;
            }
            deleted.rows += 1;
            deleted.bytes += number(row, 1)?;
            deleted.last = deleted.last.max(Some(seq));
            seqs.push(seq);
        }
    }
    let mut delete = tx.prepare_cached("DELETE FROM log WHERE seq = ?1")?;
    for seq in seqs {
        delete.execute([seq.cast_signed()])?;
    }
    Ok(deleted)
}

/// The newest event from before `cutoff`, between `floor` and `head`. Times never
/// fall along the log, so all below it are as old, and it is found by halving.
pub(crate) fn newest_before(
    tx: &Connection,
    cutoff: i64,
    floor: u64,
    head: u64,
) -> rusqlite::Result<u64> {
    let mut first_from = tx.prepare_cached("SELECT at FROM log WHERE seq >= ?1 ORDER BY seq")?;
    let (mut old, mut young) = (floor, head + 1);
    while young - old > 1 {
        let middle = old + (young - old) / 2;
        let at: Option<i64> = first_from
            .query_row([middle.cast_signed()], |row| row.get(0))
            .optional()?;
        if at.is_some_and(|at| at < cutoff) {
            old = middle;
        } else {
            young = middle;
        }
    }
    Ok(old)
}

/// The event with this id of an ntfy message.
pub(crate) fn by_message(db: &Connection, id: &MessageId) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached("SELECT seq FROM log WHERE message = ?1")?
        .query_row([id.as_str()], |row| number(row, 0))
        .optional()
}

/// The newest event that is to one of the view's addresses, of whatever age.
pub(crate) fn newest(db: &Connection, view: &View) -> rusqlite::Result<Option<u64>> {
    let mut index = db.prepare_cached(
        "SELECT a.seq FROM address a JOIN log l ON l.seq = a.seq
         WHERE a.address = ?1 AND NOT l.transient ORDER BY a.seq DESC LIMIT 1",
    )?;
    let mut newest = None;
    for (address, _) in view.filter.columns() {
        let found = index
            .query_row([address], |row| number(row, 0))
            .optional()?;
        newest = newest.max(found);
    }
    Ok(newest)
}

/// A stretch of the log, read for one reader.
pub(super) struct Found {
    pub(super) stretch: Stretch,
    /// It has all events after this one, whoever they are for.
    pub(super) all_after: Option<u64>,
}

/// The events after `cursor` that this filter takes. Where those are many, the
/// events between them come too: the next reader may have those.
/// Nothing beyond `told`: whoever had read an event that is committed but not told
/// yet, and came back with its number, would seem to be ahead of the log.
pub(super) fn stretch(
    db: &Connection,
    filter: &Filter,
    cursor: u64,
    told: u64,
) -> rusqlite::Result<Found> {
    let tx = db.unchecked_transaction()?;
    let Extent { epoch, floor, .. } = extent(&tx)?;
    let after = cursor.max(floor);
    let mut found = Found {
        stretch: Stretch {
            floor,
            scanned: cursor,
            ..Stretch::default()
        },
        all_after: None,
    };
    let columns = filter.columns();
    let seqs = places(&tx, &columns, after, told)?;
    // Readers that began in different places come together.
    let end = (after / MOST as u64 + 1) * MOST as u64;
    let end = end.min(told);
    let near = seqs.partition_point(|(seq, _)| *seq <= end) as u64;
    if after < end && near * DENSE >= end - after {
        found.all_after = Some(after);
        found.stretch.entries = all(&tx, epoch, after, end)?;
        let is_cut = size(&found.stretch.entries) >= STRETCH_BYTES;
        let last = found.stretch.entries.last().map(|entry| entry.seq());
        found.stretch.scanned = last.filter(|_| is_cut).unwrap_or(end);
        return Ok(found);
    }
    let more = seqs.len() >= MOST;
    let mut event = tx.prepare_cached(
        "SELECT event, retry, data, expires, at, message, transient FROM log WHERE seq = ?1",
    )?;
    let mut bytes = 0;
    for (seq, nth) in seqs {
        if bytes >= Page::BYTES {
            return Ok(found);
        }
        let mut rows = event.query([seq.cast_signed()])?;
        found.stretch.scanned = seq;
        let Some(row) = rows.next()? else { continue };
        let record = record(Position { epoch, seq }, columns[nth].1.clone(), row)?;
        bytes += record.data.len();
        found.stretch.entries.push(Arc::new(Entry::new(record)));
    }
    if !more {
        found.stretch.scanned = found.stretch.scanned.max(told);
    }
    Ok(found)
}

/// Most bytes of a stretch that is read whole, but for its last event.
const STRETCH_BYTES: usize = 512 << 10;

/// One event of so many that lie there: it costs less to read all of them than
/// each by itself, and again for the next reader.
const DENSE: u64 = 4;

fn size(entries: &[Arc<Entry>]) -> usize {
    entries.iter().map(|entry| entry.size()).sum()
}

/// The numbers of the first events after `after` and up to `told` that have one
/// of these addresses, in order, and which.
fn places(
    tx: &Transaction<'_>,
    columns: &[(String, Audience)],
    after: u64,
    told: u64,
) -> rusqlite::Result<Vec<(u64, usize)>> {
    let mut seqs: Vec<(u64, usize)> = Vec::new();
    let mut index = tx.prepare_cached(
        "SELECT seq FROM address WHERE address = ?1 AND seq > ?2 AND seq <= ?3
         ORDER BY seq LIMIT ?4",
    )?;
    let (after, told) = (after.cast_signed(), told.cast_signed());
    for (nth, (address, _)) in columns.iter().enumerate() {
        let found = index.query_map(params![address, after, told, MOST as i64], |row| {
            number(row, 0)
        })?;
        for seq in found {
            seqs.push((seq?, nth));
        }
    }
    seqs.sort_unstable();
    seqs.dedup_by_key(|(seq, _)| *seq);
    // Each address gave its first events, so the first of all are among them.
    seqs.truncate(MOST);
    Ok(seqs)
}

/// All events after `after` and up to `end`, or the first of them, until they
/// are too many bytes.
fn all(
    tx: &Transaction<'_>,
    epoch: Epoch,
    after: u64,
    end: u64,
) -> rusqlite::Result<Vec<Arc<Entry>>> {
    let range = [after.cast_signed(), end.cast_signed()];
    let mut events = tx.prepare_cached(
        "SELECT event, retry, data, expires, at, message, transient, seq FROM log
         WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
    )?;
    let mut events = events.query(range)?;
    let mut addresses = tx.prepare_cached(
        "SELECT seq, address FROM address WHERE seq > ?1 AND seq <= ?2 ORDER BY seq",
    )?;
    let mut addresses = addresses.query(range)?;
    let mut address = addresses.next()?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = events.next()? {
        let seq = number(row, 7)?;
        let mut to = Audience::Only(Vec::new());
        while let Some(own) = address
            && number(own, 0)? <= seq
        {
            if number(own, 0)? == seq {
                to.add_column(own.get_ref(1)?.as_str()?);
            }
            address = addresses.next()?;
        }
        let entry = Entry::new(record(Position { epoch, seq }, to, row)?);
        bytes += entry.size();
        entries.push(Arc::new(entry));
        if bytes >= STRETCH_BYTES {
            break;
        }
    }
    Ok(entries)
}

/// The JSON array of the facts, and up to where it reaches. Of more facts than
/// fit, the newest.
pub(crate) fn board(db: &Connection, told: u64, now: i64) -> rusqlite::Result<(String, u64)> {
    let tx = db.unchecked_transaction()?;
    let Extent { head, floor, .. } = extent(&tx)?;
    let mut newest = tx.prepare_cached(
        "SELECT data FROM log
         WHERE fact AND seq > ?1 AND seq <= ?3 AND (expires IS NULL OR expires > ?2)
         ORDER BY seq DESC",
    )?;
    let mut rows = newest.query([floor.cast_signed(), now, told.cast_signed()])?;
    let (mut facts, mut bytes) = (Vec::<String>::new(), 0);
    while let Some(row) = rows.next()? {
        let fact: String = row.get(0)?;
        bytes += fact.len() + 1;
        if bytes > BOARD {
            break;
        }
        facts.push(fact);
    }
    facts.reverse();
    Ok((format!("[{}]", facts.join(",")), head.min(told)))
}

/// A stored event.
fn record(position: Position, to: Audience, row: &Row<'_>) -> rusqlite::Result<Record> {
    // A name that a later version refuses is not worth losing the event for.
    let event = row
        .get_ref(0)?
        .as_str_or_null()?
        .and_then(|name| EventName::parse(name).ok());
    Ok(Record {
        position,
        at: row.get(4)?,
        expires: row.get(3)?,
        to,
        event,
        retry: row
            .get::<_, Option<i64>>(1)?
            .map(|retry| Duration::from_millis(retry.unsigned_abs())),
        data: row.get(2)?,
        message: row.get_ref(5)?.as_str_or_null()?.and_then(MessageId::parse),
        transient: row.get(6)?,
    })
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes as they are counted, in the log and by the way.
    fn bytes(db: &Connection) -> u64 {
        let sql = format!("SELECT coalesce(sum({BYTES}), 0) FROM log");
        db.query_row(&sql, [], |row| number(row, 0)).unwrap()
    }

    #[test]
    fn a_transaction_deletes_so_much_and_counts_it() {
        let folder = tempfile::tempdir().unwrap();
        let epoch = Epoch::random(&mut fastrand::Rng::with_seed(3));
        let mut db = connect(&folder.path().join("hub.db")).unwrap();
        prepare(&mut db, epoch).unwrap();
        let mut tx = Stored::begin(&mut db).unwrap();
        let uid = |uid| Address::Uid(crate::Uid::parse(uid).unwrap());
        let to = Audience::Only(vec![uid("1"), uid("22"), uid("1")]);
        let mut total = 0;
        for seq in 1..=100 {
            let mut publication = Publication::new(to.clone(), "四".repeat(10));
            publication.transient = seq % 10 == 0;
            publication.ttl = (seq % 10 == 5).then_some(Duration::ZERO);
            let record = Record::of(Position { epoch, seq }, 0, publication);
            total += tx.insert(&record, None, false).unwrap();
        }
        assert_eq!((total, bytes(&tx.0)), (100 * 35, 100 * 35));
        let most = |rows, bytes| Most { rows, bytes };

        let some = tx.delete_expired(0, most(4, 1000)).unwrap();
        assert_eq!((some.rows, some.bytes, some.more), (4, 140, true));
        let some = tx.delete_expired(0, most(4, 36)).unwrap();
        assert_eq!((some.rows, some.bytes, some.more), (2, 70, true));
        let rest = tx.delete_expired(0, most(4, 1000)).unwrap();
        assert_eq!((rest.rows, rest.last, rest.more), (4, Some(95), false));
        let past = tx.delete_transient(49, most(100, 10_000)).unwrap();
        assert_eq!((past.rows, past.last, past.more), (4, Some(40), false));

        // 86 are left. Those up to the floor go, and so many bytes in all.
        let low = tx.delete_oldest(12, 0, most(100, 10_000)).unwrap();
        assert_eq!((low.rows, low.last, low.more), (10, Some(12), false));
        let over = tx.delete_oldest(12, 36, most(100, 10_000)).unwrap();
        assert_eq!((over.rows, over.last, over.more), (2, Some(14), false));
        let both = tx.delete_oldest(16, 100, most(2, 10_000)).unwrap();
        assert_eq!((both.rows, both.last, both.more), (2, Some(17), true));
        assert_eq!(bytes(&tx.0), 72 * 35);
        let left: u64 =
            tx.0.query_row("SELECT count(*) FROM address", [], |row| number(row, 0))
                .unwrap();
        assert_eq!(left, 72 * 2);
    }
}
