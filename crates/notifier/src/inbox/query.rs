//! Reading the inbox: pages, one message, counts, search.

use std::{collections::BTreeMap, fmt::Write as _};

use rusqlite::{OptionalExtension, Row, ToSql};

use super::{Inbox, InboxError, urgency_from};
use crate::view::{
    Field, LedgerLine, MessageDetail, MessageKind, MessagePage, MessageQuery, MessageRow, RawEvent,
    Text,
};

/// The longest excerpt of a body in a list, in characters.
const EXCERPT: usize = 160;
/// The largest page.
const PAGE: u32 = 500;
/// How many fields a detail shows, and how long each may be, in characters.
const FIELDS: usize = 60;
const FIELD_VALUE: usize = 400;
/// Longest path of a field, in bytes, and most values that are looked at for fields.
const FIELD_PATH: usize = 200;
const LOOKED_AT: usize = 2000;

const ROW: &str = "m.id, m.feed, m.kind, m.event, m.title, m.body, m.urgency, m.received, m.unread,
    m.pinned, m.silenced, m.gap_from";

/// How many messages are unread and pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Unread, by feed.
    pub(crate) unread: BTreeMap<String, u32>,
    /// Pinned, over all.
    pub(crate) pinned: u32,
}

impl Counts {
    /// Unread over all feeds.
    #[must_use]
    pub(crate) fn unread_total(&self) -> u32 {
        self.unread.values().sum()
    }
}

impl Inbox {
    /// One page of messages, newest first. `name` gives a feed's name.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn page(
        &self,
        query: &MessageQuery,
        name: impl Fn(&str) -> String,
    ) -> Result<MessagePage, InboxError> {
        let mut filter = Filter::new(query);
        let total: u32 = self
            .db
            .prepare_cached(&format!("SELECT count(*) FROM {}", filter.sql()))?
            .query_row(&*filter.values(), |row| row.get(0))?;
        if let Some(before) = query.before {
            filter.and("m.id < ?", before);
        }
        let limit = query.limit.clamp(1, PAGE);
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT {ROW} FROM {} ORDER BY m.id DESC LIMIT {limit}",
            filter.sql()
        ))?;
        let rows = statement
            .query_map(&*filter.values(), |row| read_row(row, &name))?
            .collect::<Result<_, _>>()?;
        Ok(MessagePage {
            rows,
            total,
            at_least: false,
        })
    }

    /// The ids of all messages that match, for "mark all read".
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn matching_unread(&self, query: &MessageQuery) -> Result<Vec<i64>, InboxError> {
        let unread = MessageQuery {
            unread: true,
            ..query.clone()
        };
        let filter = Filter::new(&unread);
        let mut statement = self
            .db
            .prepare_cached(&format!("SELECT m.id FROM {}", filter.sql()))?;
        let ids = statement.query_map(&*filter.values(), |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    /// One message in full, deleted ones too.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn message(
        &self,
        id: i64,
        name: impl Fn(&str) -> String,
    ) -> Result<Option<MessageDetail>, InboxError> {
        let sql = format!(
            "SELECT {ROW}, m.link, m.own_id, m.data, m.verdict, m.shown_at, m.read_at
             FROM messages m WHERE m.id = ?1"
        );
        Ok(self
            .db
            .prepare_cached(&sql)?
            .query_row([id], |row| read_detail(row, &name))
            .optional()?)
    }

    /// Where a message leads, if it leads anywhere.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn link(&self, id: i64) -> Result<Option<String>, InboxError> {
        Ok(self
            .db
            .query_row("SELECT link FROM messages WHERE id = ?1", [id], |row| {
                row.get(0)
            })
            .optional()?
            .flatten())
    }

    /// Unread and pinned counts.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn counts(&self) -> Result<Counts, InboxError> {
        let mut statement = self.db.prepare_cached(
            "SELECT feed, count(*) FROM messages WHERE unread = 1 AND deleted IS NULL GROUP BY feed",
        )?;
        let unread = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let pinned = self.db.query_row(
            "SELECT count(*) FROM messages WHERE pinned = 1 AND deleted IS NULL",
            [],
            |row| row.get(0),
        )?;
        Ok(Counts { unread, pinned })
    }
}

/// Text as the index sees it: every Chinese, Japanese or Korean character is a word of its own, so
/// that a phrase finds any run of them.
pub(super) fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    for character in text.chars() {
        if is_ideograph(character) {
            out.push(' ');
            out.push(character);
            out.push(' ');
        } else {
            out.push(character);
        }
    }
    out
}

/// An FTS5 expression that finds messages with all the words of `search`, each as a prefix.
/// Nothing the user types is syntax.
fn expression(search: &str) -> String {
    let mut out = String::new();
    for word in search.split_whitespace().take(16) {
        let phrase: String = words(word)
            .chars()
            .map(|c| if c == '"' { ' ' } else { c })
            .collect();
        if phrase.chars().any(char::is_alphanumeric) {
            let _ = write!(out, "\"{}\" * ", phrase.trim());
        }
    }
    out
}

fn is_ideograph(character: char) -> bool {
    matches!(u32::from(character),
        0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF
        | 0x20000..=0x3134F)
}

/// The conditions of a query with their values.
struct Filter {
    from: &'static str,
    conditions: Vec<String>,
    values: Vec<Box<dyn ToSql>>,
}

impl Filter {
    fn new(query: &MessageQuery) -> Self {
        let mut filter = Self {
            from: "messages m",
            conditions: vec!["m.deleted IS NULL".to_owned()],
            values: Vec::new(),
        };
        if !query.search.trim().is_empty() {
            let expression = expression(&query.search);
            if expression.is_empty() {
                filter.conditions.push("0".to_owned());
            } else {
                filter.from = "words JOIN messages m ON m.id = words.rowid";
                filter.and("words MATCH ?", expression);
            }
        }
        if let Some(feed) = &query.feed {
            filter.and("m.feed = ?", feed.clone());
        }
        if query.unread {
            filter.conditions.push("m.unread = 1".to_owned());
        }
        if query.pinned {
            filter.conditions.push("m.pinned = 1".to_owned());
        }
        filter
    }

    fn and(&mut self, condition: &str, value: impl ToSql + 'static) {
        self.conditions.push(condition.to_owned());
        self.values.push(Box::new(value));
    }

    fn sql(&self) -> String {
        format!("{} WHERE {}", self.from, self.conditions.join(" AND "))
    }

    fn values(&self) -> Vec<&dyn ToSql> {
        self.values.iter().map(AsRef::as_ref).collect()
    }
}

fn read_row(row: &Row<'_>, name: &impl Fn(&str) -> String) -> rusqlite::Result<MessageRow> {
    let feed: String = row.get(1)?;
    let received = row.get(7)?;
    let kind = if row.get::<_, i64>(2)? == 1 {
        MessageKind::Gap {
            from: row.get(11)?,
            to: received,
        }
    } else {
        MessageKind::Event
    };
    Ok(MessageRow {
        id: row.get(0)?,
        feed_name: name(&feed),
        feed,
        kind,
        event: row.get(3)?,
        title: row.get(4)?,
        excerpt: excerpt(row.get_ref(5)?.as_str()?),
        count: 1,
        actors: Vec::new(),
        others: 0,
        urgency: urgency_from(row.get(6)?),
        received,
        unread: row.get(8)?,
        pinned: row.get(9)?,
        done: false,
        silenced: text(row.get(10)?),
    })
}

fn read_detail(row: &Row<'_>, name: &impl Fn(&str) -> String) -> rusqlite::Result<MessageDetail> {
    let list_row = read_row(row, name)?;
    let data: String = row.get(14)?;
    let mut ledger = vec![LedgerLine {
        text: Text::new("ledger-received").with("id", list_row.id),
        at: list_row.received,
    }];
    if let Some(verdict) = text(row.get(15)?) {
        ledger.push(LedgerLine {
            text: verdict,
            at: list_row.received,
        });
    }
    if let Some(why) = &list_row.silenced {
        ledger.push(LedgerLine {
            text: why.clone(),
            at: list_row.received,
        });
    }
    if let Some(at) = row.get(16)? {
        ledger.push(LedgerLine {
            text: Text::new("ledger-shown"),
            at,
        });
    }
    if let Some(at) = row.get(17)? {
        ledger.push(LedgerLine {
            text: Text::new("ledger-read"),
            at,
        });
    }
    ledger.sort_by_key(|line| line.at);
    Ok(MessageDetail {
        body: row.get(5)?,
        link: row.get(12)?,
        fields: fields(&data),
        actions: Vec::new(),
        raw: RawEvent {
            name: list_row.event.clone(),
            id: row.get(13)?,
            data,
        },
        row: list_row,
        ledger,
    })
}

fn text(json: Option<String>) -> Option<Text> {
    serde_json::from_str(&json?).ok()
}

/// The first line or so of a body.
fn excerpt(body: &str) -> String {
    let mut line: String = body
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(EXCERPT + 1)
        .collect();
    if line.chars().count() > EXCERPT {
        line.pop();
        line.push('…');
    }
    line
}

/// The data's fields, flattened; none if the data is no JSON object.
fn fields(data: &str) -> Vec<Field> {
    match serde_json::from_str(data) {
        Ok(value @ serde_json::Value::Object(_)) => flattened(&value),
        _ => Vec::new(),
    }
}

/// The leaves of a JSON value by their paths, a bounded number of bounded length.
pub(crate) fn flattened(value: &serde_json::Value) -> Vec<Field> {
    let (mut out, mut left) = (Vec::new(), LOOKED_AT);
    flatten(value, "", &mut out, &mut left);
    out
}

fn flatten(value: &serde_json::Value, path: &str, out: &mut Vec<Field>, left: &mut usize) {
    use serde_json::Value;
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if out.len() >= FIELDS || *left == 0 {
                    return;
                }
                *left -= 1;
                if value.is_null() || path.len() + name.len() > FIELD_PATH {
                    continue;
                }
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(value, &path, out, left);
            }
        }
        Value::Null => {}
        Value::String(words) => push_field(out, path, words),
        other => push_field(out, path, &other.to_string()),
    }
}

fn push_field(out: &mut Vec<Field>, name: &str, value: &str) {
    if value.trim().is_empty() {
        return;
    }
    out.push(Field {
        name: name.to_owned(),
        value: value.chars().take(FIELD_VALUE).collect(),
    });
}

impl Inbox {
    /// The last events of a feed that made messages, newest first, with the time of each: at most so
    /// many, and no more than so many bytes beyond the first. Trials are none.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn recent_events(
        &self,
        feed: &str,
        most: usize,
        mut bytes: usize,
    ) -> Result<Vec<(RawEvent, i64)>, InboxError> {
        let mut statement = self.db.prepare_cached(
            "SELECT event, own_id, data, received, verdict FROM messages
             WHERE feed = ?1 AND kind = 0 AND deleted IS NULL ORDER BY id DESC",
        )?;
        let mut rows = statement.query([feed])?;
        let mut events = Vec::new();
        while events.len() < most
            && let Some(row) = rows.next()?
        {
            let ours = |why: Text| ["ledger-test", "ledger-left-out"].contains(&why.id.as_str());
            if text(row.get(4)?).is_some_and(ours) {
                continue;
            }
            let data: String = row.get(2)?;
            if data.len() > bytes && !events.is_empty() {
                break;
            }
            bytes = bytes.saturating_sub(data.len());
            let raw = RawEvent {
                name: row.get(0)?,
                id: row.get(1)?,
                data,
            };
            events.push((raw, row.get(3)?));
        }
        Ok(events)
    }
}
