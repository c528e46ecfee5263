//! Reading the inbox: pages, one message, counts.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row};

use super::{Inbox, InboxError, list::List, urgency_from};
use crate::{
    presentation::{COUNT, OwnAction},
    view::{
        ActionKind, ActionView, Facets, Field, LedgerLine, MessageDetail, MessageKind, MessagePage,
        MessageQuery, MessageRow, RawEvent, Text,
    },
};

/// The longest excerpt of a body in a list, in characters.
const EXCERPT: usize = 160;
/// The largest page.
const PAGE: u32 = 500;
/// How many actors of a burst are named, and among how many messages they are looked for.
const ACTORS: usize = 3;
const ACTORS_AMONG: usize = 500;
/// How many messages are shown in the tray.
const LATEST: usize = 5;
/// The newest messages, by which the frequency of event names is told, and how many names.
const OF_LATE: usize = 5_000;
const NAMES: usize = 50;
/// How many fields a detail shows, and how long each may be, in characters.
const FIELDS: usize = 60;
const FIELD_VALUE: usize = 400;
/// Longest path of a field, in bytes, and most values that are looked at for fields.
const FIELD_PATH: usize = 200;
const LOOKED_AT: usize = 2000;

const ROW: &str = "m.id, m.feed, m.kind, m.event, m.title, m.body, m.urgency, m.received, f.unread,
    f.pinned, m.silenced, m.gap_from, f.done, m.actor";

/// How many messages are unread and pinned, those that are done apart.
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

/// What the inbox does not know about its messages.
pub(crate) struct Wording<'a> {
    /// The name of a feed.
    pub(crate) name: &'a dyn Fn(&str) -> String,
    /// The title of a burst of so many messages, the newest of which has this title.
    pub(crate) burst: &'a dyn Fn(u32, &str) -> String,
}

impl Inbox {
    /// One page of messages, newest first.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn page(
        &self,
        query: &MessageQuery,
        wording: &Wording<'_>,
    ) -> Result<MessagePage, InboxError> {
        let list = self.list(query)?;
        let limit = query.limit.clamp(1, PAGE) as usize;
        let ids = self.newest(&list, query.before.unwrap_or(i64::MAX), limit)?;
        let rows = self.rows(&list, &ids, wording)?;
        let here = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        if query.before.is_none() && ids.len() < limit {
            return Ok(MessagePage {
                rows,
                total: here,
                at_least: false,
            });
        }
        let total = self.total(&list)?;
        Ok(MessagePage {
            rows,
            total: total.count.max(here),
            at_least: total.at_least,
        })
    }

    /// The newest messages, a burst as one. Gaps are none.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn latest(&self, wording: &Wording<'_>) -> Result<Vec<MessageRow>, InboxError> {
        let list = self.list(&MessageQuery {
            fold: true,
            ..MessageQuery::default()
        })?;
        let ids = self.newest(&list, i64::MAX, 4 * LATEST)?;
        let mut latest = Vec::with_capacity(LATEST);
        for row in self.rows(&list, &ids, wording)? {
            if row.kind == MessageKind::Event && latest.len() < LATEST {
                latest.push(row);
            }
        }
        Ok(latest)
    }

    fn rows(
        &self,
        list: &List,
        ids: &[i64],
        wording: &Wording<'_>,
    ) -> Result<Vec<MessageRow>, InboxError> {
        let mut plain = self.db.prepare_cached(&format!(
            "SELECT {ROW} FROM messages m JOIN facts f ON f.id = m.id WHERE m.id = ?1"
        ))?;
        let mut rows = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(mut row) = plain
                .query_row([id], |row| read_row(row, wording))
                .optional()?
            else {
                continue;
            };
            if list.fold {
                self.fold(&mut row, wording)?;
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// Makes the row of a message that of its pile.
    fn fold(&self, row: &mut MessageRow, wording: &Wording<'_>) -> Result<(), InboxError> {
        type Pile = (u32, bool, bool, u32, i64, Option<String>);
        let pile: Option<Pile> = self
            .db
            .prepare_cached(
                "SELECT p.count, p.unread > 0, p.pinned > 0, p.actors, p.burst, m.burst_title
                 FROM facts f JOIN piles p ON p.burst = f.burst AND p.done = f.done
                 JOIN messages m ON m.id = f.id WHERE f.id = ?1",
            )?
            .query_row([row.id], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            })
            .optional()?;
        let Some((count, unread, pinned, actors, burst, title)) = pile else {
            return Ok(());
        };
        if count < 2 {
            return Ok(());
        }
        (row.count, row.unread, row.pinned) = (count, unread, pinned);
        row.title = match title {
            Some(title) if !title.is_empty() => title.replace(COUNT, &count.to_string()),
            _ => (wording.burst)(count, &row.title),
        };
        row.actors = self.actors(burst, row.done)?;
        row.others = actors.saturating_sub(u32::try_from(row.actors.len()).unwrap_or(u32::MAX));
        Ok(())
    }

    fn actors(&self, burst: i64, done: bool) -> Result<Vec<String>, InboxError> {
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT f.actor, f.id FROM facts f INDEXED BY facts_by_burst
             WHERE f.burst = ?1 AND f.done = ?2 AND f.deleted IS NULL
             ORDER BY f.id DESC LIMIT {ACTORS_AMONG}"
        ))?;
        let mut text = self
            .db
            .prepare_cached("SELECT actor FROM messages WHERE id = ?1")?;
        let mut seen = BTreeSet::new();
        let mut actors = Vec::with_capacity(ACTORS);
        let mut rows = statement.query((burst, done))?;
        while let Some(row) = rows.next()? {
            let actor: Option<i64> = row.get(0)?;
            if let Some(actor) = actor
                && seen.insert(actor)
            {
                actors.extend(text.query_row([row.get::<_, i64>(1)?], |row| {
                    row.get::<_, Option<String>>(0)
                })?);
                if actors.len() == ACTORS {
                    break;
                }
            }
        }
        Ok(actors)
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
        let wording = &Wording {
            name: &name,
            burst: &|_, title| title.to_owned(),
        };
        let sql = format!(
            "SELECT {ROW}, m.link, m.own_id, m.data, m.verdict, f.shown_at, f.opened_at, f.read_at,
                f.done_at, m.actions
             FROM messages m JOIN facts f ON f.id = m.id WHERE m.id = ?1"
        );
        Ok(self
            .db
            .prepare_cached(&sql)?
            .query_row([id], |row| read_detail(row, wording))
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
        let mut statement = self
            .db
            .prepare_cached("SELECT feed, unread FROM tallies WHERE done = 0 AND unread > 0")?;
        let unread = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let pinned = self.tally("pinned", None, Some(false))?;
        Ok(Counts {
            unread,
            pinned: u32::try_from(pinned).unwrap_or(u32::MAX),
        })
    }

    /// What the list of these feeds (none: all) can be filtered by.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn facets(&self, feeds: &[String]) -> Result<Facets, InboxError> {
        let list = self.list(&MessageQuery {
            feeds: feeds.to_vec(),
            ..MessageQuery::default()
        })?;
        let mut often: BTreeMap<String, u32> = BTreeMap::new();
        let mut event = self
            .db
            .prepare_cached("SELECT event FROM facts WHERE id = ?1")?;
        for id in self.newest(&list, i64::MAX, OF_LATE)? {
            let name: String = event.query_row([id], |row| row.get(0))?;
            *often.entry(name).or_default() += 1;
        }
        often.remove("");
        let mut events: Vec<(String, u32)> = often.into_iter().collect();
        events.sort_by(|(a, often), (b, more)| more.cmp(often).then_with(|| a.cmp(b)));
        Ok(Facets {
            events: events
                .into_iter()
                .take(NAMES)
                .map(|(name, _)| name)
                .collect(),
        })
    }
}

/// What a message offers to do, as it is shown. Whether it can be done now is for others to say.
#[must_use]
pub(crate) fn action_view(action: &OwnAction) -> ActionView {
    let (label, kind, target) = match action {
        OwnAction::View { label, link } => (label, ActionKind::View, link),
        OwnAction::Copy { label, text } => (label, ActionKind::Copy, text),
        OwnAction::Http { label, url, .. } => (label, ActionKind::Http, url),
    };
    ActionView {
        label: label.clone(),
        kind,
        target: target.clone(),
        off: None,
    }
}

pub(super) fn own_actions(json: Option<String>) -> Vec<OwnAction> {
    json.and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default()
}

fn read_row(row: &Row<'_>, wording: &Wording<'_>) -> rusqlite::Result<MessageRow> {
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
        feed_name: (wording.name)(&feed),
        feed,
        kind,
        event: row.get(3)?,
        title: row.get(4)?,
        excerpt: excerpt(row.get_ref(5)?.as_str()?),
        count: 1,
        actors: row.get::<_, Option<String>>(13)?.into_iter().collect(),
        others: 0,
        urgency: urgency_from(row.get(6)?),
        received,
        unread: row.get(8)?,
        pinned: row.get(9)?,
        done: row.get(12)?,
        silenced: text(row.get(10)?),
    })
}

fn read_detail(row: &Row<'_>, wording: &Wording<'_>) -> rusqlite::Result<MessageDetail> {
    let list_row = read_row(row, wording)?;
    let data: String = row.get(16)?;
    let mut ledger = vec![LedgerLine {
        text: Text::new("ledger-received").with("id", list_row.id),
        at: list_row.received,
    }];
    let said = [text(row.get(17)?), list_row.silenced.clone()];
    ledger.extend(said.into_iter().flatten().map(|text| LedgerLine {
        text,
        at: list_row.received,
    }));
    let (read, done): (Option<i64>, Option<i64>) = (row.get(20)?, row.get(21)?);
    let facts = [
        ("ledger-shown", row.get(18)?),
        ("ledger-opened", row.get(19)?),
        // What is done is read with it.
        ("ledger-read", read.filter(|_| read != done)),
        ("ledger-done", done),
    ];
    ledger.extend(facts.into_iter().filter_map(|(id, at)| {
        at.map(|at| LedgerLine {
            text: Text::new(id),
            at,
        })
    }));
    ledger.sort_by_key(|line| line.at);
    Ok(MessageDetail {
        body: row.get(5)?,
        link: row.get(14)?,
        fields: fields(&data),
        actions: own_actions(row.get(22)?).iter().map(action_view).collect(),
        raw: RawEvent {
            name: list_row.event.clone(),
            id: row.get(15)?,
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
            "SELECT m.event, m.own_id, m.data, m.received, m.verdict
             FROM facts f JOIN messages m ON m.id = f.id
             WHERE f.feed = ?1 AND f.deleted IS NULL AND m.kind = 0 ORDER BY f.id DESC",
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
