//! Lists: which messages match a query, newest first, and how many.
//!
//! Without words, event names or an urgency a list is a walk along an index of the narrow tables.
//! With them it is a walk along the full-text index, which also knows each message's feed, event name
//! and urgency; what changes (unread, pinned, done) it does not know. Where hardly anything that it
//! finds is, say, unread, the walk goes along the unread messages instead and reads what they say.

use std::collections::{BTreeSet, HashSet};

use rusqlite::{OptionalExtension, params_from_iter, types::Value};

use super::{Inbox, InboxError, urgency_to, words, words::Search};
use crate::view::{MessageQuery, Urgency};

/// Tests are at the ends of all of these with few messages.
///
/// Where exact counting ends: in lists, and in walks that look at each candidate.
const COUNTED: u32 = 10_000;
const FOUND: usize = if cfg!(test) { 6 } else { 1_000 };
/// Candidates that the walk along words looks at before the one along flags gets its chance.
const GLANCE: usize = if cfg!(test) { 4 } else { 2_000 };
/// Candidates that a walk looks at before it is thought to be the wrong one; counting ends there.
const LOOKED_AT: usize = if cfg!(test) { 8 } else { 20_000 };
/// The same where texts are read, which takes longer than looking at facts.
const READ: usize = if cfg!(test) { 6 } else { 2_000 };
/// Feeds with fewer messages than this are walked along one by one, and sorted.
const FEW: i64 = if cfg!(test) { 40 } else { 20_000 };
/// Words with the same beginning that are looked up one by one.
const ENDINGS: usize = if cfg!(test) { 1 } else { 64 };

/// How many messages match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) count: u32,
    pub(super) at_least: bool,
}

/// A query as the inbox carries it out.
#[derive(Debug)]
pub(super) struct List {
    feeds: Option<BTreeSet<String>>,
    events: Vec<String>,
    urgency: i64,
    unread: bool,
    pinned: bool,
    /// Only this side; none: both.
    done: Option<bool>,
    search: Option<Search>,
    /// Only this burst.
    burst: Option<i64>,
    /// One row for each pile.
    pub(super) fold: bool,
    /// Nothing can match.
    nothing: bool,
}

impl Inbox {
    pub(super) fn list(&self, query: &MessageQuery) -> Result<List, InboxError> {
        let typed = !query.search.trim().is_empty();
        let search = Search::new(&query.search);
        let mut feeds: Option<BTreeSet<String>> =
            (!query.feeds.is_empty()).then(|| query.feeds.iter().cloned().collect());
        if let Some(feed) = &query.feed {
            let allowed = feeds.is_none_or(|feeds| feeds.contains(feed));
            feeds = Some(BTreeSet::from_iter(allowed.then(|| feed.clone())));
        }
        let mut nothing =
            typed && search.is_none() || feeds.as_ref().is_some_and(BTreeSet::is_empty);
        let mut done = if query.done {
            Some(true)
        } else if typed {
            None
        } else {
            Some(false)
        };
        let mut burst = None;
        if let Some(member) = query.burst {
            match self.place(member)? {
                Some((place, side)) => {
                    burst = Some(place);
                    done = Some(side);
                }
                None => nothing = true,
            }
        }
        Ok(List {
            feeds,
            events: query.events.clone(),
            urgency: urgency_to(query.urgency.unwrap_or(Urgency::Low)),
            unread: query.unread,
            pinned: query.pinned,
            done,
            search,
            burst,
            fold: query.fold && !typed && query.burst.is_none(),
            nothing,
        })
    }

    /// The newest messages that match, older than `before`. Folded, each stands for its pile.
    pub(super) fn newest(
        &self,
        list: &List,
        before: i64,
        limit: usize,
    ) -> Result<Vec<i64>, InboxError> {
        if list.nothing || limit == 0 {
            return Ok(Vec::new());
        }
        if !list.is_indexed() {
            return self.along_facts(list, before, limit);
        }
        let ways: &[(Way, usize)] = if list.has_rare_driver() {
            &[
                (Way::Beginnings, GLANCE),
                (Way::Flags, list.reading()),
                (Way::Words, LOOKED_AT),
                (Way::Flags, usize::MAX),
            ]
        } else {
            &[(Way::Beginnings, GLANCE), (Way::Words, usize::MAX)]
        };
        let (walk, _) = self.walk(list, before, limit, ways)?;
        Ok(walk.found)
    }

    /// How many rows the whole list has.
    pub(super) fn total(&self, list: &List) -> Result<Total, InboxError> {
        if list.nothing {
            return Ok(Total {
                count: 0,
                at_least: false,
            });
        }
        if !list.is_indexed() {
            return self.count_facts(list);
        }
        let ways: &[(Way, usize)] = if list.has_rare_driver() {
            &[
                (Way::Beginnings, GLANCE),
                (Way::Flags, list.reading()),
                (Way::Words, LOOKED_AT),
            ]
        } else {
            &[(Way::Beginnings, GLANCE), (Way::Words, LOOKED_AT)]
        };
        let (walk, ended) = self.walk(list, i64::MAX, FOUND + 1, ways)?;
        Ok(Total {
            count: u32::try_from(walk.found.len().min(FOUND)).unwrap_or(u32::MAX),
            at_least: ended != Ended::Exhausted,
        })
    }

    /// A message's burst, and whether it is done.
    pub(super) fn place(&self, id: i64) -> Result<Option<(i64, bool)>, InboxError> {
        Ok(self
            .db
            .prepare_cached("SELECT burst, done FROM facts WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?)
    }

    // --- along the narrow tables -----------------------------------------------------------

    fn along_facts(&self, list: &List, before: i64, limit: usize) -> Result<Vec<i64>, InboxError> {
        let (from, id, mut filter) = self.narrow(list)?;
        filter.and(format!("{id} < ?"), before);
        let sql = format!(
            "SELECT {id} FROM {from} WHERE {} ORDER BY {id} DESC LIMIT {limit}",
            filter.sql()
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let ids = statement.query_map(params_from_iter(filter.values), |row| row.get(0))?;
        Ok(ids.collect::<Result<_, _>>()?)
    }

    fn count_facts(&self, list: &List) -> Result<Total, InboxError> {
        if !list.unread && !list.pinned && list.burst.is_none() {
            let column = if list.fold { "piles" } else { "messages" };
            let count = self.tally(column, list.feeds.as_ref(), list.done)?;
            return Ok(Total {
                count: u32::try_from(count).unwrap_or(u32::MAX),
                at_least: false,
            });
        }
        let (from, _, filter) = self.narrow(list)?;
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {} LIMIT {})",
            filter.sql(),
            COUNTED + 1
        );
        let count: u32 = self
            .db
            .prepare_cached(&sql)?
            .query_row(params_from_iter(filter.values), |row| row.get(0))?;
        Ok(Total {
            count: count.min(COUNTED),
            at_least: count > COUNTED,
        })
    }

    /// The table and index to walk along, its column of ids, and the conditions.
    fn narrow(&self, list: &List) -> Result<(&'static str, &'static str, Filter), InboxError> {
        let mut filter = Filter::default();
        let feeds = list.feeds.as_ref();
        // A few feeds are gathered and sorted, unless the other way is shorter.
        let few = match feeds {
            None => false,
            Some(feeds) => {
                let own = self.tally("messages", Some(feeds), None)?;
                let other = if list.unread {
                    self.tally("unread", None, list.done)?
                } else if list.pinned {
                    self.tally("pinned", None, list.done)?
                } else {
                    i64::MAX
                };
                own < other && (feeds.len() == 1 || own < FEW)
            }
        };
        if let Some(done) = list.done {
            filter.and("t.done = ?", done);
        }
        if let Some(feeds) = feeds {
            filter.any("t.feed", feeds.iter());
        }
        if list.fold {
            if list.unread {
                filter.add("t.unread > 0");
            }
            if list.pinned {
                filter.add("t.pinned > 0");
            }
            let from = if few {
                "piles t INDEXED BY piles_by_feed"
            } else if list.pinned {
                "piles t INDEXED BY piles_pinned"
            } else if list.unread {
                "piles t INDEXED BY piles_unread"
            } else {
                "piles t INDEXED BY piles_by_newest"
            };
            return Ok((from, "t.newest", filter));
        }
        filter.add("t.deleted IS NULL");
        list.flags(&mut filter);
        list.meaning(&mut filter);
        let from = if list.burst.is_some() {
            "facts t INDEXED BY facts_by_burst"
        } else if few {
            "facts t INDEXED BY facts_by_feed"
        } else if list.pinned {
            "facts t INDEXED BY facts_pinned"
        } else if list.unread {
            "facts t INDEXED BY facts_unread"
        } else if list.done == Some(true) {
            "facts t INDEXED BY facts_done"
        } else {
            "facts t"
        };
        Ok((from, "t.id", filter))
    }

    /// A sum that triggers keep.
    pub(super) fn tally(
        &self,
        column: &str,
        feeds: Option<&BTreeSet<String>>,
        done: Option<bool>,
    ) -> Result<i64, InboxError> {
        let mut filter = Filter::default();
        filter.add("1");
        if let Some(feeds) = feeds {
            filter.any("feed", feeds.iter());
        }
        if let Some(done) = done {
            filter.and("done = ?", done);
        }
        let sql = format!(
            "SELECT coalesce(sum({column}), 0) FROM tallies WHERE {}",
            filter.sql()
        );
        Ok(self
            .db
            .prepare_cached(&sql)?
            .query_row(params_from_iter(filter.values), |row| row.get(0))?)
    }

    // --- along the full-text index -----------------------------------------------------------

    /// Goes these ways, each as far as its patience reaches, until one comes to its end. If none
    /// does, the one that found most. Cheap tries come first: which way is short is not known before.
    fn walk(
        &self,
        list: &List,
        before: i64,
        limit: usize,
        ways: &[(Way, usize)],
    ) -> Result<(Walk, Ended), InboxError> {
        let mut best = (Walk::new(before, limit, 0), Ended::OutOfPatience);
        for (way, patience) in ways {
            let mut walk = Walk::new(before, limit, *patience);
            let ended = self.along(*way, list, &mut walk)?;
            if ended != Ended::OutOfPatience {
                return Ok((walk, ended));
            }
            if walk.found.len() >= best.0.found.len() {
                best = (walk, ended);
            }
        }
        Ok(best)
    }

    fn along(&self, way: Way, list: &List, walk: &mut Walk) -> Result<Ended, InboxError> {
        match way {
            Way::Beginnings => self.along_words(list, walk, true),
            Way::Words => self.along_words(list, walk, false),
            Way::Flags => self.along_flags(list, walk),
        }
    }

    fn along_words(
        &self,
        list: &List,
        walk: &mut Walk,
        loosely: bool,
    ) -> Result<Ended, InboxError> {
        let mut statement = self.db.prepare_cached(
            "SELECT f.id, f.burst, f.done, f.unread, f.pinned, f.deleted IS NULL
             FROM words CROSS JOIN facts f ON f.id = words.rowid
             WHERE words MATCH ?1 AND words.rowid < ?2 ORDER BY words.rowid DESC",
        )?;
        let (expression, loose) = self.expression(list, loosely)?;
        // What the index gives too much of is read.
        let read = list.search.as_ref().filter(|_| loose);
        let mut texts = self
            .db
            .prepare_cached("SELECT title, body FROM messages WHERE id = ?1")?;
        let mut rows = statement.query((expression, walk.before))?;
        while let Some(row) = rows.next()? {
            if walk.patience == 0 {
                return Ok(Ended::OutOfPatience);
            }
            walk.patience -= 1;
            let (id, burst, done): (i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let wanted = row.get::<_, bool>(5)?
                && list.done.is_none_or(|side| side == done)
                && (!list.unread || row.get::<_, bool>(3)?)
                && (!list.pinned || row.get::<_, bool>(4)?)
                && list.burst.is_none_or(|wanted| wanted == burst);
            let wanted = wanted
                && match read {
                    None => true,
                    Some(search) => texts.query_row([id], |row| search.is_in(row))?,
                };
            if wanted && self.stands(list, walk, id, burst, done)? && walk.take(id) {
                return Ok(Ended::Full);
            }
        }
        Ok(Ended::Exhausted)
    }

    /// Along what is unread, pinned, done or of one burst, reading each.
    fn along_flags(&self, list: &List, walk: &mut Walk) -> Result<Ended, InboxError> {
        let mut filter = Filter::default();
        filter.add("t.deleted IS NULL");
        if let Some(done) = list.done {
            filter.and("t.done = ?", done);
        }
        list.flags(&mut filter);
        if let Some(feeds) = &list.feeds {
            filter.any("t.feed", feeds.iter());
        }
        filter.and("t.id < ?", walk.before);
        let from = if list.burst.is_some() {
            "facts t INDEXED BY facts_by_burst"
        } else if list.pinned {
            "facts t INDEXED BY facts_pinned"
        } else if list.unread {
            "facts t INDEXED BY facts_unread"
        } else {
            "facts t INDEXED BY facts_done"
        };
        let mut statement = self.db.prepare_cached(&format!(
            "SELECT t.id, t.burst, t.done, t.event, t.urgency FROM {from} WHERE {} ORDER BY t.id DESC",
            filter.sql()
        ))?;
        let mut texts = self
            .db
            .prepare_cached("SELECT title, body FROM messages WHERE id = ?1")?;
        let mut rows = statement.query(params_from_iter(filter.values))?;
        while let Some(row) = rows.next()? {
            if walk.patience == 0 {
                return Ok(Ended::OutOfPatience);
            }
            walk.patience -= 1;
            let (id, burst, done): (i64, i64, bool) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let event = row.get_ref(3)?.as_str().unwrap_or_default();
            let meant = row.get::<_, i64>(4)? >= list.urgency
                && (list.events.is_empty() || list.events.iter().any(|one| one == event));
            if !meant {
                continue;
            }
            if let Some(search) = &list.search
                && !texts.query_row([id], |row| search.is_in(row))?
            {
                continue;
            }
            if self.stands(list, walk, id, burst, done)? && walk.take(id) {
                return Ok(Ended::Full);
            }
        }
        Ok(Ended::Exhausted)
    }

    /// Whether a match is a row: folded, only the newest match of its pile is.
    fn stands(
        &self,
        list: &List,
        walk: &mut Walk,
        id: i64,
        burst: i64,
        done: bool,
    ) -> Result<bool, InboxError> {
        if !list.fold {
            return Ok(true);
        }
        if !walk.piles.insert((burst, done)) {
            return Ok(false);
        }
        if walk.before == i64::MAX {
            return Ok(true);
        }
        // On an earlier page?
        let mut filter = Filter::default();
        filter.and("t.burst = ?", burst);
        filter.and("t.done = ?", done);
        filter.add("t.deleted IS NULL");
        filter.and("t.id >= ?", walk.before.max(id + 1));
        list.flags(&mut filter);
        list.meaning(&mut filter);
        let sql = format!(
            "SELECT EXISTS (SELECT 1 FROM facts t INDEXED BY facts_by_burst WHERE {})",
            filter.sql()
        );
        let earlier: bool = self
            .db
            .prepare_cached(&sql)?
            .query_row(params_from_iter(filter.values), |row| row.get(0))?;
        Ok(!earlier)
    }

    /// The FTS5 expression, and whether it gives too much.
    fn expression(&self, list: &List, loosely: bool) -> Result<(String, bool), InboxError> {
        let (mut all, mut loose) = (Vec::new(), false);
        if let Some(search) = &list.search {
            let endings = |beginning: &str| self.endings(beginning);
            let found = search.expression(loosely, endings)?;
            all.push(found.text);
            loose = found.loose;
        }
        let mut facts = |tokens: Vec<String>| {
            if !tokens.is_empty() {
                all.push(format!("facts : ({})", tokens.join(" OR ")));
            }
        };
        if let Some(feeds) = &list.feeds {
            facts(feeds.iter().map(|feed| words::feed(feed)).collect());
        }
        facts(
            list.events
                .iter()
                .map(|event| words::event(event))
                .collect(),
        );
        if list.urgency > 0 {
            facts((list.urgency..=3).map(words::urgency).collect());
        }
        Ok((all.join(" AND "), loose))
    }

    /// The words of the index that begin like this; none if there are too many.
    fn endings(&self, beginning: &str) -> Result<Option<Vec<String>>, InboxError> {
        let mut next = self
            .db
            .prepare_cached("SELECT term FROM temp.vocabulary WHERE term >= ?1 LIMIT 1")?;
        let mut words = Vec::new();
        let mut from = beginning.to_owned();
        loop {
            let word: Option<String> = next.query_row([&from], |row| row.get(0)).optional()?;
            match word {
                Some(word) if word.starts_with(beginning) => {
                    if words.len() == ENDINGS {
                        return Ok(None);
                    }
                    // No word has this character: what comes next is the next word.
                    from = format!("{word}\u{1}");
                    words.push(word);
                }
                _ => return Ok(Some(words)),
            }
        }
    }
}

impl List {
    /// Whether the full-text index is the way to it.
    fn is_indexed(&self) -> bool {
        self.search.is_some()
            || (self.burst.is_none() && (!self.events.is_empty() || self.urgency > 0))
    }

    /// Whether there is another way.
    fn has_rare_driver(&self) -> bool {
        self.unread || self.pinned || self.done == Some(true) || self.burst.is_some()
    }

    /// How much of what is unread, pinned or done may be looked at.
    fn reading(&self) -> usize {
        if self.search.is_some() {
            READ
        } else {
            LOOKED_AT
        }
    }

    fn flags(&self, filter: &mut Filter) {
        if let Some(burst) = self.burst {
            filter.and("t.burst = ?", burst);
        }
        if self.unread {
            filter.add("t.unread = 1");
        }
        if self.pinned {
            filter.add("t.pinned = 1");
        }
        if self.done == Some(true) {
            filter.add("t.done = 1");
        }
    }

    fn meaning(&self, filter: &mut Filter) {
        if !self.events.is_empty() {
            filter.any("t.event", self.events.iter());
        }
        if self.urgency > 0 {
            filter.and("t.urgency >= ?", self.urgency);
        }
    }
}

/// What to walk along.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Words, and the shorter beginning of one that begins like too many, reading what is found.
    Beginnings,
    /// Words.
    Words,
    /// What is unread, pinned, done or of one burst, reading each.
    Flags,
}

/// How a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Exhausted,
    Full,
    OutOfPatience,
}

struct Walk {
    before: i64,
    limit: usize,
    patience: usize,
    found: Vec<i64>,
    piles: HashSet<(i64, bool)>,
}

impl Walk {
    fn new(before: i64, limit: usize, patience: usize) -> Self {
        Self {
            before,
            limit,
            patience,
            found: Vec::new(),
            piles: HashSet::new(),
        }
    }

    /// True if that was the last one wanted.
    fn take(&mut self, id: i64) -> bool {
        self.found.push(id);
        self.found.len() >= self.limit
    }
}

/// Conditions with their values.
#[derive(Default)]
pub(super) struct Filter {
    conditions: Vec<String>,
    pub(super) values: Vec<Value>,
}

impl Filter {
    pub(super) fn add(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    pub(super) fn and(&mut self, condition: impl Into<String>, value: impl Into<Value>) {
        self.conditions.push(condition.into());
        self.values.push(value.into());
    }

    pub(super) fn any<'a>(&mut self, column: &str, of: impl ExactSizeIterator<Item = &'a String>) {
        let places = vec!["?"; of.len()].join(", ");
        self.conditions.push(format!("{column} IN ({places})"));
        self.values.extend(of.map(|text| Value::from(text.clone())));
    }

    pub(super) fn sql(&self) -> String {
        self.conditions.join(" AND ")
    }
}
