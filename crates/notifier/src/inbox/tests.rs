use std::path::Path;

use super::{open::VERSION, *};
use crate::view::{MessageKind, MessagePage, MessageQuery, Text};

mod keeping;

struct Desk {
    folder: tempfile::TempDir,
    inbox: Inbox,
    connection: i64,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut inbox = Inbox::open(&folder.path().join("inbox.db"), 0)
            .unwrap()
            .inbox;
        inbox.remember("f", "http://a/").unwrap();
        let connection = inbox.connected("f").unwrap();
        Self {
            folder,
            inbox,
            connection,
        }
    }

    fn reconnect(&mut self) {
        self.connection = self.inbox.connected("f").unwrap();
    }

    fn entry(&self, own_id: Option<&str>, data: &str, replaying: bool) -> Entry {
        Entry {
            feed: "f".into(),
            connection: self.connection,
            replaying,
            missed: replaying,
            cursor: own_id.map(str::to_owned),
            version: None,
            received: 1_000,
            facts: None,
            stops: None,
            brings: Brings::Message(Box::new(Draft {
                key: Some(Key::replay(own_id, "like", data)),
                kind: Kind::Event,
                event: "like".into(),
                own_id: own_id.map(str::to_owned),
                data: data.into(),
                shown: Presentation {
                    title: data.into(),
                    body: "body".into(),
                    ..Presentation::default()
                },
                verdict: Text::new("ledger-default"),
                silenced: None,
                thread: None,
            })),
        }
    }

    fn live(&mut self, own_id: Option<&str>, data: &str) -> Outcome {
        let entry = self.entry(own_id, data, false);
        self.inbox.commit(&[entry]).unwrap()[0]
    }

    fn replayed(&mut self, own_id: Option<&str>, data: &str) -> Outcome {
        let entry = self.entry(own_id, data, true);
        self.inbox.commit(&[entry]).unwrap()[0]
    }

    fn page(&self, query: &MessageQuery) -> MessagePage {
        let wording = Wording {
            name: &str::to_owned,
            burst: &|count, title| format!("{count} × {title}"),
        };
        self.inbox.page(query, &wording).unwrap()
    }

    fn found(&self, search: &str) -> Vec<String> {
        let query = MessageQuery {
            search: search.into(),
            limit: 100,
            ..MessageQuery::default()
        };
        let page = self.page(&query);
        assert_eq!(page.total as usize, page.rows.len());
        page.rows.into_iter().map(|row| row.title).collect()
    }
}

fn general(days: u32) -> Retention {
    Retention {
        general: days,
        ..Retention::default()
    }
}

fn draft(entry: &mut Entry) -> &mut Draft {
    match &mut entry.brings {
        Brings::Message(draft) => draft,
        other => panic!("{other:?} is no message"),
    }
}

fn new(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::New(id) => id,
        other => panic!("{other:?} is not new"),
    }
}

#[test]
fn a_live_repeat_is_new_and_a_resent_one_is_not() {
    let mut desk = Desk::new();
    new(desk.live(Some("1"), "a"));
    new(desk.live(Some("1"), "a"));
    desk.reconnect();
    assert_eq!(desk.replayed(Some("1"), "a"), Outcome::Duplicate);
    assert_eq!(desk.replayed(Some("1"), "a"), Outcome::Duplicate);
    new(desk.replayed(Some("1"), "a"));
    new(desk.replayed(Some("1"), "b"));
}

#[test]
fn each_later_connection_may_send_again() {
    let mut desk = Desk::new();
    new(desk.live(Some("1"), "a"));
    for _ in 0..3 {
        desk.reconnect();
        assert_eq!(desk.replayed(Some("1"), "a"), Outcome::Duplicate);
    }
}

#[test]
fn without_an_id_only_what_came_after_the_cursor_can_be_resent() {
    let mut desk = Desk::new();
    new(desk.live(None, "early"));
    new(desk.live(Some("1"), "a"));
    new(desk.live(None, "late"));
    desk.reconnect();
    assert_eq!(desk.replayed(None, "late"), Outcome::Duplicate);
    new(desk.replayed(None, "early"));
}

#[test]
fn a_unique_key_is_never_stored_twice_even_after_deletion() {
    let mut desk = Desk::new();
    let mut entry = desk.entry(Some("1"), "a", false);
    draft(&mut entry).key = Some(Key::once(&["id", "1"]));
    let id = new(desk.inbox.commit(std::slice::from_ref(&entry)).unwrap()[0]);
    desk.inbox.delete(&vec![id].into(), 0).unwrap();
    while desk.inbox.purge(&general(1), i64::MAX / 2).unwrap() {}
    assert_eq!(desk.inbox.commit(&[entry]).unwrap(), [Outcome::Duplicate]);
}

#[test]
fn the_cursor_moves_with_dropped_events_too_and_survives_deletion() {
    let mut desk = Desk::new();
    let id = new(desk.live(Some("7"), "a"));
    let dropped = Entry {
        brings: Brings::Nothing,
        ..desk.entry(Some("8"), "b", false)
    };
    assert_eq!(desk.inbox.commit(&[dropped]).unwrap(), [Outcome::Dropped]);
    desk.inbox.delete(&vec![id].into(), 0).unwrap();
    while desk.inbox.purge(&general(1), i64::MAX / 2).unwrap() {}
    assert_eq!(desk.inbox.remember("f", "http://a/").unwrap().cursor, "8");
    assert_eq!(
        desk.inbox.remember("f", "http://b/").unwrap().cursor,
        "",
        "another address"
    );
}

#[test]
fn a_failed_commit_moves_nothing() {
    let mut desk = Desk::new();
    new(desk.live(Some("1"), "a"));
    let good = desk.entry(Some("2"), "b", false);
    let elsewhere = rusqlite::Connection::open(desk.folder.path().join("inbox.db")).unwrap();
    desk.inbox.db.busy_timeout(Duration::ZERO).unwrap();
    elsewhere.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failed = desk.inbox.commit(std::slice::from_ref(&good));
    assert!(
        matches!(failed, Err(InboxError::Unavailable(_))),
        "{failed:?}"
    );
    elsewhere.execute_batch("ROLLBACK").unwrap();
    assert_eq!(desk.inbox.remember("f", "http://a/").unwrap().cursor, "1");
    new(desk.inbox.commit(&[good]).unwrap()[0]);
}

#[test]
fn what_is_owed_is_remembered_until_it_is_shown_read_or_deleted() {
    let mut desk = Desk::new();
    let ids: Vec<i64> = (0..4)
        .map(|n| new(desk.live(None, &n.to_string())))
        .collect();
    desk.inbox.announced(&ids[..1], 5).unwrap();
    desk.inbox
        .mark_read(&ids[1..2].to_vec().into(), true, 5)
        .unwrap();
    desk.inbox.delete(&ids[2..3].to_vec().into(), 5).unwrap();
    let owed: Vec<i64> = desk
        .inbox
        .owed()
        .unwrap()
        .into_iter()
        .map(|owed| owed.id)
        .collect();
    assert_eq!(owed, ids[3..]);
}

#[test]
fn search_finds_words_prefixes_and_chinese_of_two_characters() {
    let mut desk = Desk::new();
    for title in [
        "Ada liked the notes",
        "李雷赞了《发布日手记》",
        "a \"quoted\" OR* word",
        "ab点赞cd",
    ] {
        new(desk.live(None, title));
    }
    assert_eq!(desk.found("lik not"), ["Ada liked the notes"]);
    assert_eq!(desk.found("发布"), ["李雷赞了《发布日手记》"]);
    assert_eq!(desk.found("手记"), ["李雷赞了《发布日手记》"]);
    assert_eq!(desk.found("布发"), [""; 0]);
    assert_eq!(desk.found("点赞"), ["ab点赞cd"]);
    assert_eq!(desk.found("\"quoted\""), ["a \"quoted\" OR* word"]);
    assert_eq!(desk.found("* AND ("), [""; 0]);
    assert_eq!(desk.found("\" OR title:x"), [""; 0]);
}

#[test]
fn pages_follow_each_other_without_hole_or_repeat() {
    let mut desk = Desk::new();
    for n in 0..25 {
        new(desk.live(None, &n.to_string()));
    }
    let mut query = MessageQuery {
        limit: 10,
        ..MessageQuery::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = desk.page(&query);
        assert_eq!(page.total, 25);
        let Some(last) = page.rows.last() else { break };
        query.before = Some(last.id);
        seen.extend(page.rows.into_iter().map(|row| row.title));
    }
    let expected: Vec<String> = (0..25).rev().map(|n| n.to_string()).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_gap_is_a_row_that_is_never_unread_and_knows_its_span() {
    let mut desk = Desk::new();
    new(desk.live(Some("1"), "a"));
    let mut gap = desk.entry(Some("9"), "{}", false);
    gap.received = 2_000;
    let draft = draft(&mut gap);
    (draft.kind, draft.key) = (Kind::Gap, None);
    let id = new(desk.inbox.commit(&[gap]).unwrap()[0]);
    let row = desk.inbox.message(id, str::to_owned).unwrap().unwrap().row;
    let span = MessageKind::Gap {
        from: Some(1_000),
        to: 2_000,
    };
    assert_eq!((row.kind, row.unread), (span, false));
    assert_eq!(desk.inbox.counts().unwrap().unread_total(), 1);
    assert_eq!(desk.inbox.owed().unwrap().len(), 1);
}

#[test]
fn a_damaged_file_is_set_aside_and_a_newer_one_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    std::fs::write(
        &path,
        b"this is no database, and longer than a header would be: ............................",
    )
    .unwrap();
    let opened = Inbox::open(&path, 42).unwrap();
    let aside = opened.set_aside.unwrap();
    assert!(
        std::fs::read(&aside)
            .unwrap()
            .starts_with(b"this is no database")
    );
    drop(opened.inbox);

    let newer = rusqlite::Connection::open(&path).unwrap();
    newer
        .pragma_update(None, "user_version", VERSION + 1)
        .unwrap();
    drop(newer);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(
        Inbox::open(&path, 42),
        Err(InboxError::Newer { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn the_inbox_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    for entry in std::fs::read_dir(desk.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn restoring_takes_a_deletion_back_with_all_its_facts() {
    let mut desk = Desk::new();
    let id = new(desk.live(None, "a"));
    desk.inbox.pin(&vec![id].into(), true, 0).unwrap();
    desk.inbox.delete(&vec![id].into(), 1).unwrap();
    assert_eq!(desk.found("a"), [""; 0]);
    desk.inbox.restore(&vec![id].into(), 2).unwrap();
    let row = desk.inbox.message(id, str::to_owned).unwrap().unwrap().row;
    assert!(row.unread && row.pinned);
    assert_eq!(desk.found("a"), ["a"]);
}

#[test]
fn once_the_cursor_passed_it_an_event_without_an_id_cannot_be_resent() {
    let mut desk = Desk::new();
    new(desk.live(None, "x"));
    let dropped = Entry {
        brings: Brings::Nothing,
        ..desk.entry(Some("9"), "greeting", false)
    };
    desk.inbox.commit(&[dropped]).unwrap();
    desk.reconnect();
    new(desk.replayed(None, "x"));
}

#[test]
fn old_messages_go_when_they_were_read_or_kept_silently_and_never_when_pinned_or_owed() {
    let mut desk = Desk::new();
    let day = 24 * 3600 * 1000;
    let mut ids = Vec::new();
    for title in ["read", "silent", "pinned", "owed", "unread"] {
        let mut entry = desk.entry(None, title, false);
        if title == "silent" || title == "pinned" {
            draft(&mut entry).silenced = Some(Text::new("silenced-keep"));
        }
        ids.push(new(desk.inbox.commit(&[entry]).unwrap()[0]));
    }
    desk.inbox
        .mark_read(&ids[..1].to_vec().into(), true, 0)
        .unwrap();
    desk.inbox.pin(&ids[2..3].to_vec().into(), true, 0).unwrap();
    desk.inbox.announced(&ids[4..], 0).unwrap();
    while desk.inbox.purge(&general(7), 8 * day).unwrap() {}
    let mut left = desk.found("read owed pinned silent");
    assert_eq!(left, [""; 0]);
    left = ["read", "silent", "pinned", "owed", "unread"]
        .into_iter()
        .filter(|title| !desk.found(title).is_empty())
        .map(str::to_owned)
        .collect();
    assert_eq!(left, ["pinned", "owed", "unread"]);
}

/// An inbox as version 1 wrote it, with two messages, one of them owed a notification.
fn version_1(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(include_str!("../../migrations/1.sql"))
        .unwrap();
    db.execute_batch(
        r#"INSERT INTO feeds (feed, address, cursor, connections) VALUES ('f', 'http://a/', '7', 3);
        INSERT INTO messages (feed, kind, event, data, title, body, urgency, received, verdict,
            unread, announced)
        VALUES ('f', 0, 'like', '{}', 'first', 'some words', 1, 5, '{"id":"ledger-default","args":{}}',
            0, 1), ('f', 0, 'like', '{}', 'second', '', 2, 6, '', 1, 0);
        INSERT INTO words (rowid, title, body) VALUES (1, 'first', 'some words'), (2, 'second', '');
        INSERT INTO seen (feed, key, connection, after) VALUES ('f', x'00', 3, 1);
        INSERT INTO state VALUES ('pause', '{"until":null}');
        PRAGMA user_version = 1;"#,
    )
    .unwrap();
}

#[test]
fn an_inbox_of_version_1_opens_and_is_kept_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    version_1(&path);
    let mut inbox = Inbox::open(&path, 0).unwrap().inbox;
    let memory = inbox.remember("f", "http://a/").unwrap();
    assert_eq!(
        (memory.cursor.as_str(), memory.connected_before),
        ("7", true)
    );
    assert_eq!(inbox.owed().unwrap()[0].shown.title, "second");
    assert!(inbox.state("pause").unwrap().is_some());
    let mut desk = Desk {
        folder,
        inbox,
        connection: 4,
    };
    assert_eq!(desk.found("words"), ["first"]);
    // What is new works in it.
    let mut entry = desk.entry(Some("8"), "v1", false);
    draft(&mut entry).thread = Some(Thread::of("a"));
    let id = new(desk.inbox.commit(&[entry]).unwrap()[0]);
    let mut entry = desk.entry(Some("9"), "v2", false);
    draft(&mut entry).thread = Some(Thread::of("a"));
    assert_eq!(
        desk.inbox.commit(&[entry]).unwrap()[0],
        Outcome::Replaced(id)
    );

    let copy = desk.folder.path().join("inbox.db.v1");
    let db = Connection::open(&copy).unwrap();
    let version: i64 = db
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .unwrap();
    let rows: i64 = db
        .query_row("SELECT count(*) FROM messages", [], |row| row.get(0))
        .unwrap();
    assert_eq!((version, rows), (1, 2));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_new_inbox_leaves_no_copy() {
    let desk = Desk::new();
    assert!(!desk.folder.path().join("inbox.db.v0").exists());
    assert!(!desk.folder.path().join("inbox.db.v1").exists());
}

#[test]
fn a_thread_is_one_row_until_it_is_deleted() {
    let mut desk = Desk::new();
    let version = |desk: &Desk, id: &str| {
        let mut entry = desk.entry(Some(id), id, false);
        let draft = draft(&mut entry);
        draft.key = Some(Key::once(&[id]));
        draft.thread = Some(Thread::of("t"));
        entry
    };
    let over = |desk: &Desk, id: &str, delete: bool| Entry {
        brings: Brings::Over {
            key: Key::once(&[id]),
            thread: Thread::of("t"),
            delete,
        },
        ..desk.entry(None, "", false)
    };
    let mut commit = |entry: Entry| desk.inbox.commit(&[entry]).unwrap()[0];
    let pattern = Desk::new();
    let id = new(commit(version(&pattern, "1")));
    assert_eq!(commit(version(&pattern, "2")), Outcome::Replaced(id));
    assert_eq!(commit(over(&pattern, "3", false)), Outcome::Over(id));
    assert_eq!(commit(version(&pattern, "4")), Outcome::Replaced(id));
    // The server repeats: an old end ends nothing new.
    assert_eq!(commit(over(&pattern, "3", false)), Outcome::Duplicate);
    assert_eq!(commit(version(&pattern, "2")), Outcome::Duplicate);
    assert_eq!(commit(over(&pattern, "5", true)), Outcome::Over(id));
    assert_eq!(commit(over(&pattern, "6", true)), Outcome::Dropped);
    let next = new(commit(version(&pattern, "7")));
    assert_ne!(next, id);
    assert_eq!(desk.found("4"), Vec::<String>::new());
    assert_eq!(desk.found("7"), ["7"]);
    assert_eq!(desk.inbox.counts().unwrap().unread_total(), 1);
}

#[test]
fn what_is_only_seen_leaves_no_row_and_is_known() {
    let mut desk = Desk::new();
    let seen = |desk: &Desk, data: &str| {
        let mut entry = desk.entry(None, data, true);
        entry.brings = Brings::Seen(Key::replay(Some(""), "message", data));
        entry
    };
    for _ in 0..2 {
        let entry = seen(&desk, "a");
        assert_eq!(desk.inbox.commit(&[entry]).unwrap()[0], Outcome::Dropped);
    }
    desk.reconnect();
    let again = |desk: &mut Desk| {
        let mut entry = desk.entry(None, "a", true);
        draft(&mut entry).key = Some(Key::replay(Some(""), "message", "a"));
        desk.inbox.commit(&[entry]).unwrap()[0]
    };
    assert_eq!(again(&mut desk), Outcome::Duplicate);
    assert_eq!(again(&mut desk), Outcome::Duplicate);
    new(again(&mut desk));
}
