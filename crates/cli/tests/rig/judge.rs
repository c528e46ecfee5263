//! The judge: what the upstream produced against what is in the inbox file.

use std::{collections::HashMap, fmt, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use crate::ledger::Ledger;

/// How many numbers of each kind of fault are named.
const NAMED: usize = 8;

fn open(inbox: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(inbox, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(Duration::from_secs(10))?;
    Ok(db)
}

/// How far the inbox is: its rows and its cursor. `None` while there is none.
pub(crate) fn progress(inbox: &Path) -> Option<(i64, String)> {
    let db = open(inbox).ok()?;
    let sql = "SELECT (SELECT count(*) FROM messages), cursor FROM feeds";
    db.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .ok()
}

/// What differs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rows: usize,
    pub(crate) lost: Vec<usize>,
    pub(crate) doubled: Vec<usize>,
    pub(crate) disordered: Vec<usize>,
    /// Rows that are no event of the upstream, or not as it was.
    pub(crate) strange: Vec<String>,
    /// The cursor, if it is not where the upstream ended.
    pub(crate) cursor: Option<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        let rows = self.rows;
        *self
            == Self {
                rows,
                ..Self::default()
            }
    }

    /// The first number that something is wrong with.
    pub(crate) fn first(&self) -> Option<usize> {
        let all = [&self.lost, &self.doubled, &self.disordered];
        all.into_iter().flatten().copied().min()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows", self.rows)?;
        for (what, numbers) in [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
            ("out of order", &self.disordered),
        ] {
            let named = &numbers[..numbers.len().min(NAMED)];
            write!(f, "; {} {what} {named:?}", numbers.len())?;
        }
        let named = &self.strange[..self.strange.len().min(NAMED)];
        write!(f, "; {} strange {named:?}", self.strange.len())?;
        match &self.cursor {
            None => write!(f, "; the cursor is at the end"),
            Some(cursor) => write!(f, "; the cursor stands at {cursor:?}"),
        }
    }
}

/// Compares every row, in the order of the inbox, with every event that belongs into it.
pub(crate) fn judge(ledger: &Ledger, inbox: &Path) -> Verdict {
    let db = open(inbox).unwrap();
    let kept = ledger
        .events
        .iter()
        .enumerate()
        .filter(|one| one.1.is_kept());
    let numbers: HashMap<&str, usize> = kept
        .map(|(number, event)| (event.data.as_str(), number))
        .collect();
    let mut verdict = Verdict::default();
    let mut times = vec![0_u32; ledger.events.len()];
    let mut latest = None;
    let sql = "SELECT data, kind, event, own_id, feed FROM messages ORDER BY id";
    let mut statement = db.prepare(sql).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        verdict.rows += 1;
        let data: String = row.get(0).unwrap();
        let kind: i64 = row.get(1).unwrap();
        let event: String = row.get(2).unwrap();
        let own_id: Option<String> = row.get(3).unwrap();
        let feed: String = row.get(4).unwrap();
        let number = numbers.get(data.as_str()).copied().filter(|&number| {
            let produced = &ledger.events[number];
            kind == 0
                && feed == "numbers"
                && event == produced.name.unwrap_or("message")
                && own_id == produced.id
        });
        let Some(number) = number else {
            let start: String = data.chars().take(60).collect();
            verdict
                .strange
                .push(format!("{kind} {event} {own_id:?} {start}"));
            continue;
        };
        times[number] += 1;
        if times[number] > 1 {
            verdict.doubled.push(number);
        } else if latest > Some(number) {
            verdict.disordered.push(number);
        }
        latest = latest.max(Some(number));
    }
    let never = |number: &usize| times[*number] == 0 && ledger.events[*number].is_kept();
    verdict.lost = (0..times.len()).filter(never).collect();
    let sql = "SELECT cursor FROM feeds WHERE feed = 'numbers'";
    let cursor: String = db.query_row(sql, [], |row| row.get(0)).unwrap();
    verdict.cursor = Some(cursor).filter(|cursor| cursor != ledger.last_id());
    verdict
}
