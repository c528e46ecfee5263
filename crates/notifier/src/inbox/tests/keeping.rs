//! Bursts, what is done, lists and their filters, bulks, retention, export, erasing.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    presentation::{COUNT, OwnAction},
    view::{ActionKind, Bulk, ExportFormat, MessageRow, Which},
};

const HOUR: i64 = 3600 * 1000;

impl Desk {
    /// A message of a group, from an actor.
    fn liked(&mut self, group: &str, actor: &str, received: i64) -> i64 {
        let title = format!("{actor} liked {group}");
        let mut entry = self.entry(None, &title, false);
        entry.received = received;
        let shown = &mut draft(&mut entry).shown;
        shown.group = Some(group.into());
        shown.actor = Some(actor.into());
        shown.burst = Some(format!("{COUNT} likes on {group}"));
        new(self.inbox.commit(&[entry]).unwrap()[0])
    }

    fn folded(&self) -> Vec<MessageRow> {
        self.page(&folded()).rows
    }

    fn row(&self, id: i64) -> MessageRow {
        let message = self.inbox.message(id, str::to_owned).unwrap();
        message.unwrap().row
    }

    fn sweep(&mut self, mut sweep: Sweep) -> (u32, i64) {
        while !self.inbox.sweep_on(&mut sweep).unwrap().over {}
        (sweep.count, sweep.at())
    }

    fn bulk(&mut self, query: &MessageQuery, what: Bulk) -> (u32, i64) {
        let sweep = self.inbox.sweep(query, what, 50).unwrap();
        self.sweep(sweep)
    }

    /// What triggers keep is what counting gives.
    fn audit(&self) {
        let differ = |kept: &str, counted: &str| {
            let sql = format!(
                "SELECT (SELECT count(*) FROM ({kept} EXCEPT {counted}))
                    + (SELECT count(*) FROM ({counted} EXCEPT {kept}))"
            );
            self.inbox
                .db
                .query_row(&sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        let piles = "SELECT burst, done, feed, newest, count, unread, pinned, actors FROM piles";
        let counted = "SELECT burst, done, feed, max(id), count(*), sum(unread), sum(pinned),
            count(DISTINCT actor) FROM facts WHERE deleted IS NULL GROUP BY burst, done";
        assert_eq!(differ(piles, counted), 0, "piles");
        let tallies = "SELECT feed, done, messages, unread, pinned, piles FROM tallies
            WHERE messages > 0 OR unread <> 0 OR pinned <> 0 OR piles <> 0";
        let counted = "SELECT feed, done, count(*), sum(unread), sum(pinned), count(DISTINCT burst)
            FROM facts WHERE deleted IS NULL GROUP BY feed, done";
        assert_eq!(differ(tallies, counted), 0, "tallies");
    }
}

fn folded() -> MessageQuery {
    MessageQuery {
        fold: true,
        limit: 100,
        ..MessageQuery::default()
    }
}

fn whole(id: i64) -> Which {
    Which {
        ids: vec![id],
        bursts: true,
    }
}

#[test]
fn messages_of_a_group_that_come_close_in_time_are_one_row() {
    let mut desk = Desk::new();
    let first = desk.liked("post", "Ada", 0);
    for (n, actor) in ["Bob", "Cleo", "Ada", "Dan", "Eve"].into_iter().enumerate() {
        desk.liked("post", actor, i64::try_from(n).unwrap());
    }
    let other = desk.liked("other", "Ada", 9);
    desk.inbox.pin(&vec![first].into(), true, 9).unwrap();
    let rows = desk.folded();
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (rows[0].id, rows[0].count, &*rows[0].title),
        (other, 1, "Ada liked other")
    );
    let row = &rows[1];
    assert_eq!((row.count, &*row.title), (6, "6 likes on post"));
    assert_eq!((&*row.actors.join(" "), row.others), ("Eve Dan Ada", 2));
    assert!(row.unread && row.pinned);
    // Its members, one by one; and nothing is folded where words are searched.
    let members = desk.page(&MessageQuery {
        burst: Some(first),
        ..folded()
    });
    assert_eq!((members.total, members.rows.len()), (6, 6));
    assert!(members.rows.iter().all(|row| row.count == 1));
    assert_eq!(desk.found("liked").len(), 7);
    desk.audit();
}

#[test]
fn a_burst_without_a_title_of_its_own_gets_one() {
    let mut desk = Desk::new();
    for data in ["a", "b"] {
        let mut entry = desk.entry(None, data, false);
        draft(&mut entry).shown.group = Some("g".into());
        desk.inbox.commit(&[entry]).unwrap();
    }
    assert_eq!(desk.folded()[0].title, "2 × b");
}

#[test]
fn a_pause_of_half_a_day_and_being_done_or_deleted_end_a_burst() {
    let mut desk = Desk::new();
    let first = desk.liked("post", "Ada", 0);
    let same = desk.liked("post", "Bob", 12 * HOUR - 1);
    let later = desk.liked("post", "Cleo", 24 * HOUR - 1);
    desk.inbox.set_done(&vec![later].into(), true, 1).unwrap();
    let after_done = desk.liked("post", "Dan", 24 * HOUR);
    desk.inbox.delete(&vec![after_done].into(), 2).unwrap();
    let after_deleted = desk.liked("post", "Eve", 24 * HOUR);
    let bursts: Vec<i64> = [first, same, later, after_done, after_deleted]
        .map(|id| desk.inbox.place(id).unwrap().unwrap().0)
        .to_vec();
    assert_eq!(bursts, [first, first, later, after_done, after_deleted]);
}

#[test]
fn what_is_done_with_a_burst_is_done_with_all_of_it_and_taken_back_alone() {
    let mut desk = Desk::new();
    let ids: Vec<i64> = (0..5).map(|n| desk.liked("post", "Ada", n)).collect();
    let newest = ids[4];
    desk.inbox
        .mark_read(&vec![ids[0]].into(), true, 10)
        .unwrap();
    desk.inbox.delete(&vec![ids[1]].into(), 10).unwrap();

    let touched = desk.inbox.set_done(&whole(newest), true, 20).unwrap();
    assert_eq!(touched, [ids[0], ids[2], ids[3], ids[4]]);
    assert!(desk.folded().is_empty());
    let done = MessageQuery {
        done: true,
        ..folded()
    };
    let rows = desk.page(&done).rows;
    assert_eq!(
        (rows[0].count, rows[0].unread, rows[0].done),
        (4, false, true)
    );
    assert_eq!(desk.found("liked").len(), 4);
    // What was unread is again, what was read is not.
    desk.inbox.set_done(&whole(newest), false, 30).unwrap();
    let unread: Vec<bool> = ids.iter().map(|id| desk.row(*id).unread).collect();
    assert_eq!(unread, [false, true, true, true, true]);
    assert!(!desk.row(newest).done);

    desk.inbox.mark_read(&whole(newest), true, 40).unwrap();
    assert!(!desk.folded()[0].unread);
    desk.inbox.mark_read(&whole(newest), false, 50).unwrap();
    assert!(!desk.row(ids[0]).unread, "it was read before");
    assert!(desk.row(ids[2]).unread);

    desk.inbox.delete(&whole(newest), 60).unwrap();
    assert!(desk.folded().is_empty());
    desk.inbox.restore(&whole(newest), 70).unwrap();
    assert_eq!(desk.folded()[0].count, 4, "the one deleted before stays so");
    desk.audit();
}

#[test]
fn a_new_version_of_what_is_done_is_news() {
    let mut desk = Desk::new();
    let mut versions = Vec::new();
    for n in ["1", "2"] {
        let mut entry = desk.entry(None, n, false);
        draft(&mut entry).thread = Some(Thread::of("t"));
        versions.push(entry);
    }
    let id = new(desk.inbox.commit(&versions[..1]).unwrap()[0]);
    desk.inbox.set_done(&vec![id].into(), true, 5).unwrap();
    desk.inbox.commit(&versions[1..]).unwrap();
    let row = desk.row(id);
    assert!(row.unread && !row.done);
    desk.audit();
}

#[test]
fn whatever_happens_lists_and_counts_are_those_of_the_messages() {
    for seed in 0..3 {
        let mut desk = Desk::new();
        desk.inbox.remember("g", "http://b/").unwrap();
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut ids = Vec::new();
        for step in 0..160 {
            let id = ids.get(chance.usize(..ids.len().max(1))).copied();
            let one = || Which {
                ids: id.into_iter().collect(),
                bursts: step % 2 == 0,
            };
            match chance.u8(..16) {
                0..=8 => {
                    let mut entry = desk.entry(None, "", false);
                    entry.feed = if chance.bool() { "f" } else { "g" }.into();
                    entry.received = step;
                    let draft = draft(&mut entry);
                    draft.key = None;
                    draft.event = ["like", "note"][chance.usize(..2)].into();
                    draft.shown.title = ["notable", "notary", "noted 点赞了", "plain", "赞点"]
                        [chance.usize(..5)]
                    .into();
                    draft.shown.urgency = urgency_from(chance.i64(0..4));
                    draft.shown.group = chance.bool().then(|| chance.u8(..3).to_string());
                    draft.shown.actor = chance.bool().then(|| chance.u8(..4).to_string());
                    draft.thread = (chance.u8(..4) == 0).then(|| Thread::of("t"));
                    match desk.inbox.commit(&[entry]).unwrap()[0] {
                        Outcome::New(id) => ids.push(id),
                        Outcome::Replaced(_) => {}
                        other => panic!("{other:?}"),
                    }
                }
                9 => drop(desk.inbox.mark_read(&one(), chance.bool(), step).unwrap()),
                10 => drop(desk.inbox.pin(&one(), chance.bool(), step).unwrap()),
                11 => drop(desk.inbox.set_done(&one(), true, step).unwrap()),
                12 => drop(desk.inbox.set_done(&one(), false, step).unwrap()),
                13 => drop(desk.inbox.delete(&one(), step).unwrap()),
                14 => drop(desk.inbox.restore(&one(), step).unwrap()),
                _ => {
                    let what = [Bulk::Read, Bulk::Done, Bulk::Delete][chance.usize(..3)];
                    let query = random_query(&mut chance);
                    let (_, at) = desk.bulk(&query, what);
                    if chance.u8(..4) > 0 {
                        desk.sweep(Inbox::unsweep(what, at));
                    }
                }
            }
        }
        desk.audit();
        for _ in 0..60 {
            let query = random_query(&mut chance);
            compare(&desk, &query);
        }
    }
}

fn random_query(chance: &mut fastrand::Rng) -> MessageQuery {
    let mut query = MessageQuery {
        limit: 3,
        unread: chance.u8(..3) == 0,
        pinned: chance.u8(..4) == 0,
        done: chance.u8(..4) == 0,
        fold: chance.bool(),
        ..MessageQuery::default()
    };
    if chance.u8(..3) == 0 {
        query.feed = Some(["f", "g", "none"][chance.usize(..3)].into());
    }
    if chance.u8(..4) == 0 {
        query.feeds = vec!["g".into(), "f".into()];
    }
    if chance.u8(..3) == 0 {
        query.events = vec!["like".into()];
    }
    if chance.u8(..3) == 0 {
        query.urgency = Some(urgency_from(chance.i64(0..4)));
    }
    if chance.u8(..3) == 0 {
        query.search =
            ["not", "nota", "noted", "点赞", "n", "赞", "pla not"][chance.usize(..7)].into();
    }
    query
}

/// All pages of a list, against what looking at each message gives.
fn compare(desk: &Desk, query: &MessageQuery) {
    let mut statement = desk
        .inbox
        .db
        .prepare("SELECT id, burst, deleted IS NULL FROM facts ORDER BY id DESC")
        .unwrap();
    let all: Vec<(i64, i64, bool)> = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let words = !query.search.is_empty();
    let fold = query.fold && !words;
    let meant = |row: &MessageRow| {
        query.feed.as_ref().is_none_or(|feed| *feed == row.feed)
            && (query.feeds.is_empty() || query.feeds.contains(&row.feed))
            && (query.events.is_empty() || query.events.contains(&row.event))
            && query.urgency.is_none_or(|least| row.urgency >= least)
            && (row.done == query.done || words && !query.done)
            && query.search.split(' ').all(|word| match word {
                "" => true,
                "n" | "not" => row.title.starts_with("not"),
                "nota" => row.title.starts_with("nota"),
                "noted" | "点赞" => row.title.starts_with("noted"),
                "赞" => row.title.contains('赞'),
                _ => row.title == "plain",
            })
    };
    // Without an event or urgency a pile counts as a whole; else by what matches.
    let whole = fold && query.events.is_empty() && query.urgency.map_or(0, urgency_to) == 0;
    let flagged = |row: &MessageRow| (!query.unread || row.unread) && (!query.pinned || row.pinned);
    let mut piles: BTreeMap<(i64, bool), (bool, bool)> = BTreeMap::new();
    let rows: Vec<(i64, MessageRow)> = all
        .iter()
        .filter(|(_, _, there)| *there)
        .map(|(id, burst, _)| (*burst, desk.row(*id)))
        .collect();
    for (burst, row) in &rows {
        let pile = piles.entry((*burst, row.done)).or_default();
        *pile = (pile.0 | row.unread, pile.1 | row.pinned);
    }
    let mut seen = BTreeSet::new();
    let expected: Vec<i64> = rows
        .iter()
        .filter(|(burst, row)| {
            let flags = if whole {
                let (unread, pinned) = piles[&(*burst, row.done)];
                (!query.unread || unread) && (!query.pinned || pinned)
            } else {
                flagged(row)
            };
            meant(row) && flags && (!fold || seen.insert((*burst, row.done)))
        })
        .map(|(_, row)| row.id)
        .collect();

    let mut query = query.clone();
    let mut found = Vec::new();
    loop {
        let page = desk.page(&query);
        if page.at_least {
            assert!(page.total as usize <= expected.len(), "{query:?}");
        } else {
            assert_eq!(page.total as usize, expected.len(), "{query:?}");
        }
        found.extend(page.rows.iter().map(|row| row.id));
        if page.rows.len() < 3 {
            break;
        }
        query.before = page.rows.last().map(|row| row.id);
    }
    assert_eq!(found, expected, "{query:?}");
}

#[test]
fn a_bulk_leaves_alone_what_came_after_it_was_asked_for() {
    let mut desk = Desk::new();
    let ids: Vec<i64> = (0..40)
        .map(|n| new(desk.live(None, &n.to_string())))
        .collect();
    desk.inbox
        .mark_read(&vec![ids[3]].into(), true, 49)
        .unwrap();
    let mut sweep = desk
        .inbox
        .sweep(&MessageQuery::default(), Bulk::Read, 50)
        .unwrap();
    desk.inbox.sweep_on(&mut sweep).unwrap();
    let late = new(desk.live(None, "late"));
    sweep.spare(ids[1]);
    let (count, at) = desk.sweep(sweep);
    assert_eq!(count, 38);
    assert!(desk.row(late).unread && desk.row(ids[1]).unread);
    // The same moment again has another stamp, and taking back touches nothing that was so before.
    let (_, next) = desk.bulk(&MessageQuery::default(), Bulk::Delete);
    assert!(next > at);
    desk.sweep(Inbox::unsweep(Bulk::Delete, next));
    desk.sweep(Inbox::unsweep(Bulk::Read, at));
    assert!(ids.iter().all(|id| desk.row(*id).unread == (*id != ids[3])));
    desk.audit();
}

#[test]
fn a_bulk_over_one_burst_does_all_of_it_however_many_steps_it_takes() {
    let mut desk = Desk::new();
    let ids: Vec<i64> = (0..25).map(|_| desk.liked("post", "Ada", 1)).collect();
    let members = MessageQuery {
        burst: ids.last().copied(),
        ..MessageQuery::default()
    };
    let (count, at) = desk.bulk(&members, Bulk::Done);
    assert_eq!(count, 25);
    assert!(ids.iter().all(|id| desk.row(*id).done));
    desk.sweep(Inbox::unsweep(Bulk::Done, at));
    assert!(ids.iter().all(|id| !desk.row(*id).done));
    desk.audit();
}

#[test]
fn each_feed_keeps_as_long_as_it_says() {
    let mut desk = Desk::new();
    desk.inbox.remember("g", "http://b/").unwrap();
    let mut ids = Vec::new();
    for (feed, kind) in [
        ("f", Kind::Event),
        ("g", Kind::Event),
        ("g", Kind::Gap),
        ("g", Kind::Event),
    ] {
        let mut entry = desk.entry(None, "x", false);
        entry.feed = feed.into();
        draft(&mut entry).kind = kind;
        draft(&mut entry).key = None;
        ids.push(new(desk.inbox.commit(&[entry]).unwrap()[0]));
    }
    desk.inbox.announced(&ids, 0).unwrap();
    desk.inbox.mark_read(&ids.clone().into(), true, 0).unwrap();
    desk.inbox.pin(&vec![ids[3]].into(), true, 0).unwrap();
    let mut retention = general(0);
    retention.feeds.insert("g".into(), 7);
    while desk.inbox.purge(&retention, 8 * 24 * HOUR).unwrap() {}
    let left: Vec<bool> = ids
        .iter()
        .map(|id| desk.inbox.message(*id, str::to_owned).unwrap().is_some())
        .collect();
    assert_eq!(left, [true, false, false, true]);
    desk.audit();
}

#[test]
fn a_purge_of_many_takes_steps() {
    let mut desk = Desk::new();
    let mut entries = Vec::new();
    for n in 0..1_300 {
        let mut entry = desk.entry(None, &n.to_string(), false);
        draft(&mut entry).silenced = Some(Text::new("silenced-keep"));
        entries.push(entry);
    }
    desk.inbox.commit(&entries).unwrap();
    let mut steps = 0;
    while desk.inbox.purge(&general(1), 3 * 24 * HOUR).unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 2);
    assert_eq!(desk.page(&MessageQuery::default()).total, 0);
    desk.audit();
}

#[test]
fn the_ledger_says_what_happened_and_why() {
    let mut desk = Desk::new();
    let mut entry = desk.entry(None, "x", false);
    entry.received = 1;
    draft(&mut entry).shown.actions = vec![OwnAction::Copy {
        label: "Copy".into(),
        text: "1234".into(),
    }];
    let id = new(desk.inbox.commit(&[entry]).unwrap()[0]);
    desk.inbox.opened(id, 2).unwrap();
    desk.inbox.announced(&[id], 3).unwrap();
    desk.inbox.opened(id, 4).unwrap();
    desk.inbox.mark_read(&vec![id].into(), true, 5).unwrap();
    desk.inbox.set_done(&vec![id].into(), true, 6).unwrap();
    let message = desk.inbox.message(id, str::to_owned).unwrap().unwrap();
    let ledger: Vec<(&str, i64)> = message
        .ledger
        .iter()
        .map(|line| (line.text.id.as_str(), line.at))
        .collect();
    assert_eq!(
        ledger,
        [
            ("ledger-received", 1),
            ("ledger-default", 1),
            ("ledger-shown", 3),
            ("ledger-opened", 4),
            ("ledger-read", 5),
            ("ledger-done", 6)
        ]
    );
    assert_eq!(message.actions[0].kind, ActionKind::Copy);
    assert_eq!(desk.inbox.offers(id).unwrap().unwrap().actions.len(), 1);
}

#[test]
fn an_export_is_a_new_private_file_that_spreadsheets_only_read() {
    let mut desk = Desk::new();
    new(desk.live(Some("7"), "=cmd(),\"x\"\n2"));
    new(desk.live(None, "李雷赞了"));
    let export = |format| Export {
        inbox: desk.folder.path().join("inbox.db"),
        query: MessageQuery::default(),
        format,
        folder: desk.folder.path().to_owned(),
        now: 0,
        names: BTreeMap::from([("f".to_owned(), "Feed, one".to_owned())]),
    };
    let csv = export(ExportFormat::Csv).write().unwrap();
    assert_eq!(csv.count, 2);
    let text = std::fs::read_to_string(&csv.path).unwrap();
    let mut lines = text.split("\r\n");
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("\u{feff}id,received,feed,")
    );
    assert!(lines.next().unwrap().starts_with(
        "2,1970-01-01T00:00:01Z,f,\"Feed, one\",event,like,,李雷赞了,body,,,normal,true,false,false,李雷赞了"
    ));
    assert!(
        lines
            .next()
            .unwrap()
            .contains("7,\"'=cmd(),\"\"x\"\"\n2\",body")
    );
    let again = export(ExportFormat::Csv).write().unwrap();
    assert_ne!(csv.path, again.path);
    let json = export(ExportFormat::Json).write().unwrap();
    let value: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json.path).unwrap()).unwrap();
    assert_eq!(value[1]["title"], "=cmd(),\"x\"\n2");
    assert_eq!(value[0]["unread"], true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&csv.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let mut nowhere = export(ExportFormat::Json);
    nowhere.folder.push("none");
    assert!(matches!(nowhere.write(), Err(ExportError::File { .. })));
}

#[test]
fn what_is_erased_is_nowhere_any_more() {
    let mut desk = Desk::new();
    new(desk.live(Some("1"), "unmistakable"));
    let path = desk.folder.path().join("inbox.db");
    for copy in ["inbox.db.v2", "inbox.db.damaged-5"] {
        std::fs::write(desk.folder.path().join(copy), "unmistakable").unwrap();
    }
    desk.inbox.erase_all().unwrap();
    for file in std::fs::read_dir(desk.folder.path()).unwrap() {
        let file = file.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        let there = bytes.windows(12).any(|window| window == b"unmistakable");
        assert!(!there, "{}", file.display());
    }
    assert!(path.exists());
    assert_eq!(desk.found("unmistakable"), [""; 0]);
    assert_eq!(desk.inbox.remember("f", "http://a/").unwrap().cursor, "1");
    // It goes on, and numbers are not given again.
    assert!(new(desk.live(Some("2"), "b")) > 1);
    desk.audit();
}

#[test]
fn nothing_counts_as_erased_while_somebody_still_reads_it() {
    let mut desk = Desk::new();
    new(desk.live(Some("1"), "unmistakable"));
    desk.inbox.db.busy_timeout(Duration::ZERO).unwrap();
    let path = desk.folder.path().join("inbox.db");
    let there = || {
        std::fs::read_dir(desk.folder.path()).unwrap().any(|file| {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            bytes.windows(12).any(|window| window == b"unmistakable")
        })
    };
    let reader = Inbox::reader(&path).unwrap();
    let held = reader.hold().unwrap();
    let refused = desk.inbox.erase_all();
    assert!(there(), "the reader holds on to it");
    assert!(matches!(refused, Err(InboxError::Unavailable(_))));
    drop(held);
    desk.inbox.erase_all().unwrap();
    assert!(!there());
}

#[test]
fn damage_deep_in_a_large_file_is_found_and_set_aside() {
    let mut desk = Desk::new();
    for n in 0..20 {
        let mut entry = desk.entry(None, &n.to_string(), false);
        draft(&mut entry).data = "x".repeat(1 << 20);
        desk.inbox.commit(&[entry]).unwrap();
    }
    let path = desk.folder.path().join("inbox.db");
    let Desk { folder, inbox, .. } = desk;
    drop(inbox);
    Inbox::check(&path).unwrap();
    let mut opened = Inbox::open(&path, 1_000).unwrap();
    assert!(opened.wants_check);
    opened.inbox.checked(1_000).unwrap();
    drop(opened);
    assert!(
        !Inbox::open(&path, 2_000).unwrap().wants_check,
        "not each time"
    );

    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + (1 << 16)].fill(0xff);
    std::fs::write(&path, &bytes).unwrap();
    let opened = Inbox::open(&path, 2_000).unwrap();
    assert_eq!(opened.set_aside, None, "nobody has looked yet");
    drop(opened);
    assert!(matches!(Inbox::check(&path), Err(InboxError::Damaged(_))));
    let opened = Inbox::open(&path, 2_000).unwrap();
    assert!(opened.set_aside.unwrap().starts_with(folder.path()));
    drop(opened.inbox);
    assert_eq!(Inbox::open(&path, 2_000).unwrap().set_aside, None);
}

/// An inbox as version 2 wrote it: a deleted message was the last, so its number must not come back.
fn version_2(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("../../../migrations/1.sql"))
        .unwrap();
    db.execute_batch(include_str!("../../../migrations/2.sql"))
        .unwrap();
    db.execute_batch(
        r#"INSERT INTO feeds (feed, address, cursor, connections, polled)
            VALUES ('f', 'http://a/', '7', 3, 2);
        INSERT INTO messages (feed, kind, event, own_id, data, title, body, link, urgency, grouped,
            received, verdict, silenced, unread, pinned, announced, shown_at, read_at, thread)
        VALUES ('f', 0, 'like', '1', '{"a":1}', '李雷赞了《发布日手记》', 'some words', 'http://a/1', 2, 'g', 5,
            '{"id":"ledger-default","args":{}}', NULL, 0, 1, 1, 6, 7, NULL),
            ('f', 0, 'note', NULL, '{}', 'second', '', NULL, 1, 'g', 6, '', NULL, 1, 0, 0, NULL, NULL, x'01'),
            ('f', 1, '', NULL, '{}', '', '', NULL, 1, NULL, 7, '', NULL, 0, 0, 1, NULL, NULL, NULL),
            ('f', 0, 'like', NULL, '{}', 'gone', '', NULL, 1, NULL, 8, '', NULL, 1, 0, 1, NULL, NULL, NULL);
        UPDATE messages SET deleted = 9 WHERE id = 4;
        INSERT INTO messages (feed, kind, event, data, title, body, urgency, received, verdict, unread,
            announced) VALUES ('f', 0, 'like', '{}', 'purged', '', 1, 9, '', 1, 1);
        DELETE FROM messages WHERE id = 5;
        INSERT INTO state VALUES ('pause', '{"until":null}');
        PRAGMA user_version = 2;"#,
    )
    .unwrap();
}

#[test]
fn an_inbox_of_version_2_opens_and_is_kept_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    version_2(&path);
    let mut inbox = Inbox::open(&path, 0).unwrap().inbox;
    assert!(inbox.remember("f", "http://a/").unwrap().polled_before);
    assert!(inbox.state("pause").unwrap().is_some());
    assert_eq!(inbox.owed().unwrap()[0].id, 2);
    let mut desk = Desk {
        folder,
        inbox,
        connection: 4,
    };
    desk.audit();
    let message = desk.inbox.message(1, str::to_owned).unwrap().unwrap();
    assert!(message.row.pinned && !message.row.unread);
    assert_eq!(message.link.as_deref(), Some("http://a/1"));
    let ledger: Vec<i64> = message.ledger.iter().map(|line| line.at).collect();
    assert_eq!(ledger, [5, 5, 6, 7]);
    assert_eq!(desk.found("发布"), ["李雷赞了《发布日手记》"]);
    assert_eq!(desk.found("words"), ["李雷赞了《发布日手记》"]);
    assert_eq!(desk.found("gone"), [""; 0]);
    let high = MessageQuery {
        urgency: Some(Urgency::High),
        ..folded()
    };
    assert_eq!(desk.page(&high).total, 1);
    assert_eq!(desk.folded().len(), 3, "it knew no bursts");
    let mut version = desk.entry(None, "joined", false);
    version.received = 10;
    draft(&mut version).shown.group = Some("g".into());
    assert_eq!(new(desk.inbox.commit(&[version]).unwrap()[0]), 6);
    let row = &desk.folded()[0];
    assert_eq!((row.count, &*row.title), (2, "2 × joined"));
    desk.audit();

    let db = Connection::open(desk.folder.path().join("inbox.db.v2")).unwrap();
    let version: i64 = db
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    assert_eq!(version, 2);
}
