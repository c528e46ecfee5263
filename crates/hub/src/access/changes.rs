//! What changes in the file, for the other nodes of a hub, and what comes from
//! them. Triggers note each change, whichever program makes it, for as long as
//! the file is shared.

use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde::Deserialize;

use super::file::{
    AccessFile, TicketRow, TokenInfo, hash, info, ticket, topics_column, uids_column,
};
use super::secret::Hash;
use crate::publication::{Topic, Uid};

/// `change` is what the others do not have yet, with a random mark each: `value`
/// is the row as JSON, or nothing when it is gone. The one row of `shared` says
/// who this node is, and up to where it has what the others changed.
const LAYOUT: &str = "
    CREATE TABLE change (
        id    INTEGER PRIMARY KEY AUTOINCREMENT,
        mark  TEXT NOT NULL DEFAULT (lower(hex(randomblob(8)))),
        kind  TEXT NOT NULL,
        key   TEXT NOT NULL,
        value TEXT
    ) STRICT;
    CREATE INDEX change_key ON change (key);
    CREATE TABLE shared (
        noting     INTEGER NOT NULL,
        node       TEXT NOT NULL,
        family     TEXT NOT NULL,
        generation TEXT,
        number     INTEGER NOT NULL,
        last       TEXT NOT NULL
    ) STRICT;
    INSERT INTO shared VALUES (0, '', '', NULL, 0, '');
";

/// A table, and its rows' names and JSON; `{}` is the row.
const TABLES: [(&str, &str, &str); 3] = [
    (
        "token",
        "'token:' || {}.id",
        "json_object('hash', lower(hex({}.hash)), 'name', {}.name, 'hint', {}.hint,
            'read', {}.read, 'write', {}.write, 'admin', {}.admin, 'uids', json({}.uids),
            'topics', json({}.topics), 'created', {}.created, 'used', {}.used)",
    ),
    ("ban", "'ban:' || {}.uid", "'{}'"),
    (
        "ticket",
        "'ticket:' || lower(hex({}.hash))",
        "json_object('owner', {}.owner, 'uids', json({}.uids), 'topics', json({}.topics),
            'opened', {}.opened, 'seen', {}.seen)",
    ),
];

/// Most changes that are sent at once, and bytes of their values.
const BATCH: (usize, usize) = (256, 1 << 16);

/// A change that was made at this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) id: i64,
    pub(crate) mark: String,
    /// `new`, `update`, `open` (a ticket's first stream), `claim` (a ticket's stream
    /// came here from another node) or `gone`.
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) value: Option<String>,
}

/// How a row is after a change, as the engine tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) key: String,
    pub(crate) value: Option<String>,
    /// It was changed at this node.
    pub(crate) by_us: bool,
}

/// Up to where a node has what the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Of which hub: another one's rows are no older or newer ones.
    pub(crate) family: String,
    /// When the engine gets all rows anew, that is another one.
    pub(crate) generation: String,
    /// Changes since the hub began.
    pub(crate) number: i64,
    /// The stream's entry with the last of them.
    pub(crate) last: String,
}

/// The last of this node's changes that is in something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upto {
    pub(crate) id: i64,
    pub(crate) mark: String,
}

/// All rows of a node, and its last change in them.
pub(crate) struct Everything {
    pub(crate) rows: Vec<(String, String)>,
    pub(crate) upto: Option<Upto>,
}

/// The name of a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Token(String),
    Ban(Uid),
    Ticket(Hash),
}

/// A row.
pub(super) enum Row {
    Token(Hash, TokenInfo),
    Ban,
    Ticket(TicketRow),
}

/// Rows as they are now, if they are.
type Rows = Vec<(Key, Option<Row>)>;

#[derive(Deserialize)]
struct TokenText {
    hash: String,
    name: String,
    hint: String,
    read: u8,
    write: u8,
    admin: u8,
    uids: Vec<String>,
    topics: Vec<String>,
    created: i64,
    used: Option<i64>,
}

#[derive(Deserialize)]
struct TicketText {
    owner: String,
    uids: Vec<String>,
    topics: Vec<String>,
    opened: u8,
    seen: i64,
}

/// Adds to a file what notes its changes.
pub(super) fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(LAYOUT)?;
    for (table, key, value) in TABLES {
        for (event, row, kind) in [
            ("INSERT", "NEW", "'new'"),
            (
                "UPDATE",
                "NEW",
                if table == "ticket" {
                    "iif(NEW.opened > OLD.opened, 'open', 'update')"
                } else {
                    "'update'"
                },
            ),
            ("DELETE", "OLD", "'gone'"),
        ] {
            let (key, value) = (of(key, row), of(value, row));
            let value = if event == "DELETE" { "NULL" } else { &value };
            db.execute_batch(&format!(
                "CREATE TRIGGER {table}_{event} AFTER {event} ON {table}
                 WHEN (SELECT noting FROM shared) BEGIN
                     INSERT INTO change (kind, key, value) VALUES ({kind}, {key}, {value});
                 END;"
            ))?;
        }
    }
    Ok(())
}

impl AccessFile {
    /// From now on changes are noted for the other nodes, or no longer: then the
    /// place among them is lost.
    pub(super) fn set_shared(&mut self, shared: bool) -> rusqlite::Result<()> {
        if self.is_shared()? == shared {
            return Ok(());
        }
        let tx = immediate(&mut self.db)?;
        if shared {
            tx.execute(
                "UPDATE shared SET noting = 1, node = lower(hex(randomblob(8)))",
                [],
            )?;
        } else {
            tx.execute(
                "UPDATE shared SET noting = 0, family = '', generation = NULL, number = 0, last = ''",
                [],
            )?;
            tx.execute("DELETE FROM change", [])?;
        }
        tx.commit()
    }

    pub(super) fn is_shared(&self) -> rusqlite::Result<bool> {
        let shared = "SELECT noting FROM shared";
        self.db.query_row(shared, [], |row| row.get(0))
    }

    /// What this node is called, and its place.
    pub(super) fn place(&self) -> rusqlite::Result<(String, Option<Place>)> {
        let place = "SELECT node, generation, number, last, family FROM shared";
        self.db.prepare_cached(place)?.query_row([], |row| {
            let generation: Option<String> = row.get(1)?;
            let place = generation.map(|generation| {
                Ok::<_, rusqlite::Error>(Place {
                    generation,
                    number: row.get(2)?,
                    last: row.get(3)?,
                    family: row.get(4)?,
                })
            });
            Ok((row.get(0)?, place.transpose()?))
        })
    }

    /// Takes another name, as another node has the same: the file was copied.
    pub(super) fn rename_node(&mut self) -> rusqlite::Result<()> {
        let rename = "UPDATE shared SET node = lower(hex(randomblob(8)))";
        self.db.execute(rename, []).map(drop)
    }

    /// The last change that was noted.
    pub(super) fn last_change(&self) -> rusqlite::Result<i64> {
        let last = "SELECT ifnull(max(id), 0) FROM change";
        self.db
            .prepare_cached(last)?
            .query_row([], |row| row.get(0))
    }

    /// What was noted after a change, a batch of it.
    pub(super) fn changes(&self, after: i64) -> rusqlite::Result<Vec<Change>> {
        let changes = "SELECT id, mark, kind, key, value FROM change WHERE id > ?1
                       ORDER BY id LIMIT ?2";
        let mut bytes = 0;
        self.db
            .prepare_cached(changes)?
            .query_map(params![after, BATCH.0 as i64], |row| {
                Ok(Change {
                    id: row.get(0)?,
                    mark: row.get(1)?,
                    kind: row.get(2)?,
                    key: row.get(3)?,
                    value: row.get(4)?,
                })
            })?
            .take_while(|change| {
                let fits = bytes < BATCH.1;
                if let Ok(Change { value, .. }) = change {
                    bytes += value.as_ref().map_or(0, String::len);
                }
                fits
            })
            .collect()
    }

    /// Whether this is a change of this node that it still holds.
    pub(super) fn holds(&self, upto: &Upto) -> rusqlite::Result<bool> {
        self.db
            .prepare_cached("SELECT 1 FROM change WHERE id = ?1 AND mark = ?2")?
            .exists(params![upto.id, upto.mark])
    }

    /// Notes that a ticket's stream came here from another node.
    pub(super) fn note_claim(&mut self, ticket: &Hash) -> rusqlite::Result<()> {
        let note = "INSERT INTO change (kind, key) SELECT 'claim', ?1
                    WHERE (SELECT noting FROM shared)";
        let key = Key::Ticket(*ticket).text();
        self.db.execute(note, [key]).map(drop)
    }

    /// Whether a ticket's stream came here and the others have not heard of it.
    pub(super) fn has_claimed(&self, ticket: &Hash) -> rusqlite::Result<bool> {
        let key = Key::Ticket(*ticket).text();
        self.db
            .prepare_cached("SELECT 1 FROM change WHERE key = ?1 AND kind IN ('open', 'claim')")?
            .exists([key])
    }

    /// Notes all rows as if they were made now.
    pub(super) fn offer_all(&mut self) -> rusqlite::Result<()> {
        let tx = immediate(&mut self.db)?;
        tx.execute("DELETE FROM change WHERE kind <> 'gone'", [])?;
        for (table, key, value) in TABLES {
            let (key, value) = (of(key, table), of(value, table));
            tx.execute(
                &format!(
                    "INSERT INTO change (kind, key, value) SELECT 'new', {key}, {value}
                     FROM {table}"
                ),
                [],
            )?;
        }
        tx.commit()
    }

    /// All rows.
    pub(super) fn everything(&mut self) -> rusqlite::Result<Everything> {
        let tx = self.db.transaction()?;
        let mut rows = Vec::new();
        for (table, key, value) in TABLES {
            let all = format!(
                "SELECT {}, {} FROM {table}",
                of(key, table),
                of(value, table)
            );
            let mut all = tx.prepare(&all)?;
            let all = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.extend(all.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        let last = "SELECT id, mark FROM change ORDER BY id DESC LIMIT 1";
        let upto = tx
            .query_row(last, [], |row| {
                Ok(Upto {
                    id: row.get(0)?,
                    mark: row.get(1)?,
                })
            })
            .optional()?;
        Ok(Everything { rows, upto })
    }

    /// Whether there is anything that a person would miss.
    pub(super) fn has_rows(&self) -> rusqlite::Result<bool> {
        self.db
            .prepare("SELECT 1 FROM token UNION ALL SELECT 1 FROM ban")?
            .exists([])
    }

    /// Applies what the engine tells, if this node is at `from`; the rows that may
    /// have changed. What this node has changed since stays on top. With `to` that
    /// is its place from now on. With `own`, its changes up to that one are in it.
    /// `None`: it is elsewhere.
    pub(super) fn apply(
        &mut self,
        from: &Place,
        to: Option<&Place>,
        own: Option<&Upto>,
        told: &[Told],
    ) -> rusqlite::Result<Option<Rows>> {
        // What is lost with the power is told again, as the place is lost, too.
        let durable = told.iter().any(|told| !told.by_us);
        if !durable {
            self.db.pragma_update(None, "synchronous", "NORMAL")?;
        }
        let applied = self.apply_now(from, to, own, told);
        if !durable {
            self.db.pragma_update(None, "synchronous", "FULL")?;
        }
        applied
    }

    fn apply_now(
        &mut self,
        from: &Place,
        to: Option<&Place>,
        own: Option<&Upto>,
        told: &[Told],
    ) -> rusqlite::Result<Option<Rows>> {
        if self.place()?.1.as_ref() != Some(from) {
            return Ok(None);
        }
        let tx = immediate(&mut self.db)?;
        tx.execute("UPDATE shared SET noting = 0", [])?;
        let mut touched = HashSet::new();
        for Told { key, value, .. } in told {
            let Some(key) = Key::parse(key) else {
                continue;
            };
            key.put(&tx, value.as_deref())?;
            touched.insert(key);
        }
        forget(&tx, own)?;
        for key in &touched {
            put_changes(&tx, Some(key))?;
        }
        if let Some(to) = to {
            set_place(&tx, to)?;
        }
        tx.execute("UPDATE shared SET noting = 1", [])?;
        let rows = touched.into_iter().map(|key| {
            let row = key.row(&tx)?;
            Ok((key, row))
        });
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        tx.commit()?;
        Ok(Some(rows))
    }

    /// Replaces all rows by those of the engine, among which are this node's
    /// changes up to `own`; those after it stay on top.
    pub(super) fn replace(
        &mut self,
        to: &Place,
        own: Option<&Upto>,
        rows: &[(String, String)],
    ) -> rusqlite::Result<()> {
        let tx = immediate(&mut self.db)?;
        tx.execute("UPDATE shared SET noting = 0", [])?;
        for (table, ..) in TABLES {
            tx.execute(&format!("DELETE FROM {table}"), [])?;
        }
        for (key, value) in rows {
            if let Some(key) = Key::parse(key) {
                key.put(&tx, Some(value))?;
            }
        }
        forget(&tx, own)?;
        put_changes(&tx, None)?;
        set_place(&tx, to)?;
        tx.execute("UPDATE shared SET noting = 1", [])?;
        tx.commit()
    }

    /// The engine has all rows of this node, with its changes up to this one.
    pub(super) fn set_replaced(&mut self, to: &Place, own: Option<&Upto>) -> rusqlite::Result<()> {
        let tx = immediate(&mut self.db)?;
        forget(&tx, own)?;
        set_place(&tx, to)?;
        tx.commit()
    }

    /// Drops changes after this one that later ones undo, if more than `most` wait;
    /// says how many wait then.
    pub(super) fn compact(&mut self, after: i64, most: i64) -> rusqlite::Result<i64> {
        let waiting = |db: &Connection| {
            db.query_row(
                "SELECT count(*) FROM change WHERE id > ?1",
                [after],
                |row| row.get(0),
            )
        };
        let count = waiting(&self.db)?;
        if count <= most {
            return Ok(count);
        }
        let tx = immediate(&mut self.db)?;
        // Nobody has heard of what is new and gone again.
        tx.execute(
            "DELETE FROM change WHERE id > ?1 AND key IN (
                 SELECT key FROM (
                     SELECT key, first_value(kind) OVER own AS first, last_value(kind) OVER own AS last
                     FROM change WHERE id > ?1
                     WINDOW own AS (PARTITION BY key ORDER BY id
                         ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
                 ) WHERE first = 'new' AND last = 'gone')",
            [after],
        )?;
        tx.execute(
            "DELETE FROM change AS early WHERE id > ?1 AND kind IN ('update', 'claim') AND EXISTS (
                 SELECT 1 FROM change AS late
                 WHERE late.key = early.key AND late.kind = early.kind AND late.id > early.id)",
            [after],
        )?;
        let count = waiting(&tx)?;
        tx.commit()?;
        Ok(count)
    }

    /// Keeps the file as it is now beside itself.
    pub(super) fn copy_aside(&self, ending: &str) -> io::Result<Option<PathBuf>> {
        let path = self.path();
        if path == Path::new(":memory:") {
            return Ok(None);
        }
        copy_aside(&self.db, path, ending).map(Some)
    }
}

/// Keeps a database as it is beside its file, for its owner alone.
pub(super) fn copy_aside(db: &Connection, path: &Path, ending: &str) -> io::Result<PathBuf> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let (part, copy) = (beside(&format!("{ending}.part")), beside(ending));
    // Left by a copy that was cut off.
    if let Err(error) = fs::remove_file(&part)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    super::file::private(&part)?;
    let to = part
        .to_str()
        .ok_or_else(|| io::Error::other("the path is not Unicode"))?;
    db.execute("VACUUM INTO ?1", [to])
        .map_err(io::Error::other)?;
    OpenOptions::new().write(true).open(&part)?.sync_all()?;
    fs::rename(part, &copy)?;
    Ok(copy)
}

impl Key {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (table, name) = text.split_once(':')?;
        Some(match table {
            "token" if !name.is_empty() => Self::Token(name.to_owned()),
            "ban" => Self::Ban(Uid::parse(name).ok()?),
            "ticket" => Self::Ticket(Hash::parse(name)?),
            _ => return None,
        })
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Token(id) => format!("token:{id}"),
            Self::Ban(uid) => format!("ban:{}", uid.as_str()),
            Self::Ticket(hash) => format!("ticket:{}", hash.hex()),
        }
    }

    /// Writes the row, or deletes it. One that cannot be read allows nothing.
    fn put(&self, db: &Connection, value: Option<&str>) -> rusqlite::Result<()> {
        let Some(value) = value else {
            return match self {
                Self::Token(id) => one(db, "DELETE FROM token WHERE id = ?1", params![id]),
                Self::Ban(uid) => one(db, "DELETE FROM ban WHERE uid = ?1", params![uid.as_str()]),
                Self::Ticket(hash) => one(
                    db,
                    "DELETE FROM ticket WHERE hash = ?1",
                    params![hash.bytes()],
                ),
            };
        };
        match self {
            Self::Token(id) => match read_token(id, value) {
                Some((hash, info)) => one(
                    db,
                    "INSERT OR REPLACE INTO token
                         (id, hash, name, hint, read, write, admin, uids, topics, created, used)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                    params![
                        id,
                        hash.bytes(),
                        info.name,
                        info.hint,
                        info.read,
                        info.write,
                        info.admin,
                        uids_column(&info.uids),
                        topics_column(&info.topics),
                        info.created.as_millisecond(),
                        info.used.map(Timestamp::as_millisecond),
                    ],
                ),
                None => self.unreadable(db),
            },
            Self::Ban(uid) => one(
                db,
                "INSERT OR IGNORE INTO ban VALUES (?1)",
                params![uid.as_str()],
            ),
            Self::Ticket(hash) => match read_ticket(hash, value) {
                Some(row) => one(
                    db,
                    "INSERT OR REPLACE INTO ticket (hash, owner, uids, topics, opened, seen)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        hash.bytes(),
                        row.owner,
                        uids_column(&row.uids),
                        topics_column(&row.topics),
                        row.opened,
                        row.seen,
                    ],
                ),
                None => self.unreadable(db),
            },
        }
    }

    fn unreadable(&self, db: &Connection) -> rusqlite::Result<()> {
        if let Self::Token(id) = self {
            tracing::warn!(token = id, "the backplane has a token that cannot be read");
        }
        self.put(db, None)
    }

    /// The row as it is now.
    fn row(&self, db: &Connection) -> rusqlite::Result<Option<Row>> {
        match self {
            Self::Token(id) => db
                .prepare_cached(
                    "SELECT hash, id, name, hint, read, write, admin, uids, topics, created, used
                     FROM token WHERE id = ?1",
                )?
                .query_row([id], |row| Ok(Row::Token(hash(row, 0)?, info(row)?)))
                .optional(),
            Self::Ban(uid) => db
                .prepare_cached("SELECT 1 FROM ban WHERE uid = ?1")?
                .query_row([uid.as_str()], |_| Ok(Row::Ban))
                .optional(),
            Self::Ticket(own) => db
                .prepare_cached(
                    "SELECT hash, owner, uids, topics, opened, seen FROM ticket WHERE hash = ?1",
                )?
                .query_row([own.bytes()], |row| ticket(row).map(Row::Ticket))
                .optional(),
        }
    }
}

fn read_token(id: &str, value: &str) -> Option<(Hash, TokenInfo)> {
    let text: TokenText = serde_json::from_str(value).ok()?;
    let time = |millisecond| Timestamp::from_millisecond(millisecond).ok();
    let info = TokenInfo {
        id: id.to_owned(),
        name: text.name,
        hint: text.hint,
        read: text.read != 0,
        write: text.write != 0,
        admin: text.admin != 0,
        uids: read_uids(&text.uids)?,
        topics: read_topics(&text.topics)?,
        created: time(text.created)?,
        used: match text.used {
            Some(used) => Some(time(used)?),
            None => None,
        },
    };
    Some((Hash::parse(&text.hash)?, info))
}

fn read_ticket(hash: &Hash, value: &str) -> Option<TicketRow> {
    let text: TicketText = serde_json::from_str(value).ok()?;
    Some(TicketRow {
        hash: *hash,
        owner: text.owner,
        uids: read_uids(&text.uids)?,
        topics: read_topics(&text.topics)?,
        opened: text.opened != 0,
        seen: text.seen,
    })
}

fn read_uids(texts: &[String]) -> Option<Vec<Uid>> {
    texts.iter().map(|text| Uid::parse(text).ok()).collect()
}

fn read_topics(texts: &[String]) -> Option<Vec<Topic>> {
    texts.iter().map(|text| Topic::parse(text).ok()).collect()
}

/// Puts what this node has changed, of one row or of all, on top of what the
/// engine tells.
fn put_changes(tx: &Transaction<'_>, of: Option<&Key>) -> rusqlite::Result<()> {
    let mut changes = tx.prepare_cached(
        "SELECT kind, key, value FROM change WHERE ?1 IS NULL OR key = ?1 ORDER BY id",
    )?;
    let changes = match of {
        Some(key) => {
            // The index is of use to this one alone.
            changes = tx
                .prepare_cached("SELECT kind, key, value FROM change WHERE key = ?1 ORDER BY id")?;
            changes.query_map([key.text()], noted)?
        }
        None => changes.query_map([None::<String>], noted)?,
    };
    for change in changes.collect::<rusqlite::Result<Vec<_>>>()? {
        let (kind, key, value) = change;
        let Some(key) = Key::parse(&key) else {
            continue;
        };
        // As the engine decides it.
        let takes = match kind.as_str() {
            "new" => key.row(tx)?.is_none(),
            "update" | "open" => key.row(tx)?.is_some(),
            "gone" => true,
            _ => false,
        };
        if takes {
            key.put(tx, value.as_deref())?;
        }
    }
    Ok(())
}

type Noted = (String, String, Option<String>);

fn noted(row: &rusqlite::Row<'_>) -> rusqlite::Result<Noted> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// Forgets this node's changes up to one, if it is its own.
fn forget(tx: &Transaction<'_>, own: Option<&Upto>) -> rusqlite::Result<()> {
    let Some(own) = own else {
        return Ok(());
    };
    one(
        tx,
        "DELETE FROM change WHERE id <= ?1
             AND EXISTS (SELECT 1 FROM change WHERE id = ?1 AND mark = ?2)",
        params![own.id, own.mark],
    )
}

fn set_place(tx: &Transaction<'_>, to: &Place) -> rusqlite::Result<()> {
    one(
        tx,
        "UPDATE shared SET generation = ?1, number = ?2, last = ?3, family = ?4",
        params![to.generation, to.number, to.last, to.family],
    )
}

fn one(db: &Connection, sql: &str, values: impl rusqlite::Params) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute(values).map(drop)
}

fn immediate(db: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    db.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn of(template: &str, row: &str) -> String {
    // An empty object is no place for a row.
    template.replace("{}.", &format!("{row}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    fn ticket_row(n: u32, opened: bool) -> TicketRow {
        TicketRow {
            hash: Hash::of(&n.to_string()),
            owner: "nobody".to_owned(),
            uids: vec![Uid::parse("a b").unwrap()],
            topics: Vec::new(),
            opened,
            seen: 1,
        }
    }

    fn shared() -> AccessFile {
        let mut file = AccessFile::open(&Store::Memory).unwrap();
        file.set_shared(true).unwrap();
        file
    }

    fn kinds(file: &AccessFile) -> Vec<(String, String)> {
        let changes = file.changes(0).unwrap().into_iter();
        changes.map(|change| (change.kind, change.key)).collect()
    }

    fn place(number: i64) -> Place {
        Place {
            family: "f".to_owned(),
            generation: "g".to_owned(),
            number,
            last: format!("{number}-0"),
        }
    }

    #[test]
    fn each_change_is_noted_as_what_it_is() {
        let mut file = shared();
        let ada = Uid::parse("ada").unwrap();
        file.ban(&ada).unwrap();
        file.ban(&ada).unwrap();
        let one = ticket_row(1, false);
        file.put_ticket(&one).unwrap();
        assert!(file.set_opened(&one.hash, 2).unwrap());
        assert!(!file.set_opened(&one.hash, 3).unwrap());
        file.set_used(&[], &[(one.hash, 9)]).unwrap();
        file.note_claim(&one.hash).unwrap();
        file.delete_tickets(&[one.hash]).unwrap();
        assert!(file.unban(&ada).unwrap());
        let ticket = Key::Ticket(one.hash).text();
        let expected = [
            ("new", "ban:ada"),
            ("new", &ticket),
            ("open", &ticket),
            ("update", &ticket),
            ("claim", &ticket),
            ("gone", &ticket),
            ("gone", "ban:ada"),
        ];
        let expected = expected.map(|(kind, key)| (kind.to_owned(), key.to_owned()));
        assert_eq!(kinds(&file), expected);
        let written = file.changes(0).unwrap()[3].value.clone().unwrap();
        let row = TicketRow {
            opened: true,
            seen: 9,
            ..one
        };
        assert_eq!(read_ticket(&one.hash, &written), Some(row));
        file.set_shared(false).unwrap();
        file.ban(&ada).unwrap();
        assert!(kinds(&file).is_empty());
    }

    #[test]
    fn what_the_engine_tells_lies_under_what_was_changed_here() {
        let mut file = shared();
        let (ada, eve) = (Uid::parse("ada").unwrap(), Uid::parse("eve").unwrap());
        let told = |key: &str, value: Option<&str>, by_us| Told {
            kind: "same".to_owned(),
            key: key.to_owned(),
            value: value.map(str::to_owned),
            by_us,
        };
        file.replace(&place(1), None, &[]).unwrap();
        file.ban(&ada).unwrap();
        file.ban(&eve).unwrap();
        let rows = [
            told("ban:ada", None, false),
            told("ban:bob", Some("{}"), false),
        ];
        let applied = file.apply(&place(1), Some(&place(2)), None, &rows).unwrap();
        assert_eq!(applied.unwrap().len(), 2);
        let banned = |file: &AccessFile| {
            let bans = file.bans().unwrap();
            bans.iter()
                .map(|uid| uid.as_str().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(banned(&file), ["ada", "bob", "eve"]);
        assert_eq!(file.place().unwrap().1, Some(place(2)));
        assert_eq!(kinds(&file).len(), 2, "nothing of that is told again");

        // From another place nothing counts.
        let rows = [told("ban:bob", None, false)];
        let applied = file.apply(&place(1), Some(&place(3)), None, &rows).unwrap();
        assert!(applied.is_none());
        // What the engine has of ours, others may change.
        let first = file.changes(0).unwrap().remove(0);
        let own = Upto {
            id: first.id,
            mark: first.mark,
        };
        let rows = [
            told("ban:ada", Some("{}"), true),
            told("ban:ada", None, false),
        ];
        let applied = file
            .apply(&place(2), Some(&place(3)), Some(&own), &rows)
            .unwrap();
        assert!(applied.is_some());
        assert_eq!(banned(&file), ["bob", "eve"]);
        assert_eq!(kinds(&file), [("new".to_owned(), "ban:eve".to_owned())]);
        // A change of another node with our name is none of ours.
        let twin = Upto {
            id: own.id + 1,
            mark: "0".to_owned(),
        };
        let applied = file
            .apply(&place(3), Some(&place(4)), Some(&twin), &[])
            .unwrap();
        assert!(applied.is_some());
        assert_eq!(kinds(&file).len(), 1);
        // All rows anew.
        let rows = [
            ("ban:zoe".to_owned(), "{}".to_owned()),
            ("other:x".to_owned(), String::new()),
        ];
        file.replace(&place(9), None, &rows).unwrap();
        assert_eq!(banned(&file), ["eve", "zoe"]);
    }

    #[test]
    fn a_row_that_cannot_be_read_allows_nothing() {
        let mut file = shared();
        let one = ticket_row(1, false);
        let key = Key::Ticket(one.hash).text();
        let read = |list: &str| {
            format!(r#"{{"owner":"nobody","uids":{list},"topics":[],"opened":0,"seen":1}}"#)
        };
        let long = format!("[\"{}\"]", "x".repeat(10_000));
        for (value, expected) in [
            (read("[]"), 1),
            ("{}".to_owned(), 0),
            (read("[]"), 1),
            (read(&long), 0),
            (read("[]"), 1),
            (String::new(), 0),
        ] {
            let rows = [(key.clone(), value.clone())];
            file.replace(&place(1), None, &rows).unwrap();
            assert_eq!(file.tickets().unwrap().len(), expected, "{value}");
        }
    }

    #[test]
    fn what_waits_is_bounded_by_what_there_is() {
        let mut file = shared();
        let kept = ticket_row(0, false);
        file.put_ticket(&kept).unwrap();
        for n in 1..=100 {
            let row = ticket_row(n, false);
            file.put_ticket(&row).unwrap();
            file.set_opened(&row.hash, 2).unwrap();
            file.delete_tickets(&[row.hash]).unwrap();
            file.set_used(&[], &[(kept.hash, n.into())]).unwrap();
        }
        assert_eq!(file.compact(0, 1000).unwrap(), 401, "few may wait");
        // What was sent may be on its way.
        assert_eq!(file.compact(3, 100).unwrap(), 2);
        let kept = Key::Ticket(kept.hash).text();
        let left = kinds(&file)
            .into_iter()
            .map(|(kind, key)| (kind, key == kept));
        let expected = [
            ("new", true),
            ("new", false),
            ("open", false),
            ("gone", false),
            ("update", true),
        ];
        let expected = expected.map(|(kind, own)| (kind.to_owned(), own));
        assert_eq!(left.collect::<Vec<_>>(), expected);
    }
}
