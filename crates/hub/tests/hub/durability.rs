//! What is on disk.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::{Event, Server, get, post};
use hub::{History, Hub, HubConfig, HubError, Publication, Store};
use jiff::Timestamp;

fn at(path: &Path) -> HubConfig {
    HubConfig::new(Store::Path(path.join("data").join("hub.db")))
}

#[tokio::test]
async fn a_restart_keeps_history_epoch_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(at(folder.path())).await;
    let first = server.publish(json!({"data": "1"})).await;
    let second = server
        .publish(json!({"data": "two\nlines", "event": "like", "uid": 1, "id": "k", "retry": 7}))
        .await;
    let fact = post(server.address, "/fact", r#"{"n":1}"#).await;
    assert_eq!(fact.status, 200);
    let before = server.open("/events?uid=1&poll=1").await.rest().await;
    let epoch = server.hub.epoch();
    server.stop().await;

    let server = Server::start(at(folder.path())).await;
    assert_eq!(server.hub.epoch(), epoch);
    assert_eq!(server.hub.watch().borrow().events, 3);
    // From the disk it is to the letter what it was from memory.
    let mut stream = server.open("/events?uid=1&poll=1").await;
    assert_eq!(stream.rest().await, before);
    assert_eq!(stream.retry(), Some(7));
    assert_eq!(
        server
            .publish(json!({"data": "other", "uid": 1, "id": "k"}))
            .await,
        second
    );
    let mut resumed = server.resume("/events?uid=1", &first).await;
    let live = server.publish(json!({"data": "live"})).await;
    assert_eq!(
        resumed.take(3).await,
        [
            Event::new("like", "two\nlines", &second),
            Event::new("message", r#"{"n":1}"#, &format!("{epoch}.3")),
            Event::new("message", "live", &live),
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn a_deleted_log_starts_another_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(at(folder.path())).await;
    let old = server.publish(json!({"data": "1"})).await;
    let epoch = server.hub.epoch();
    server.stop().await;
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();

    let server = Server::start(at(folder.path())).await;
    assert_ne!(server.hub.epoch(), epoch);
    let new = server.publish(json!({"data": "new"})).await;
    let mut stream = server.resume("/push?uid=1", &old).await;
    let start = format!("{}.0", server.hub.epoch());
    let gap = json!({"from": old, "to": start}).to_string();
    assert_eq!(
        stream.take(3).await,
        [
            Event::new("gap", &gap, &start),
            Event::new("message", "站内信链接成功！", &start),
            Event::new("message", "new", &new),
        ]
    );
    server.stop().await;
}

#[tokio::test]
async fn one_log_has_one_hub() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::open(at(folder.path())).unwrap();
    assert!(matches!(
        Hub::open(at(folder.path())),
        Err(HubError::InUse { .. })
    ));
    drop(hub);
    Hub::open(at(folder.path())).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::open(at(folder.path())).unwrap();
    hub.publish(Publication::to_everyone("x")).await.unwrap();
    let mut names = Vec::new();
    for file in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{file:?}"
        );
        names.push(file.file_name().into_string().unwrap());
    }
    assert!(names.iter().any(|name| name == "hub.db-wal"), "{names:?}");
}

#[tokio::test]
async fn files_that_are_not_ours_are_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("hub.db");
    drop(Hub::open(at(folder.path())).unwrap());
    let db = rusqlite::Connection::open(&path).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(
        Hub::open(at(folder.path())),
        Err(HubError::Newer { .. })
    ));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let text = "This is no database. ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let error = Hub::open(at(folder.path())).err().unwrap();
    assert!(matches!(error, HubError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("hub.db is damaged"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);

    let blocked = folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let config = HubConfig::new(Store::Path(blocked.join("hub.db")));
    assert!(matches!(Hub::open(config), Err(HubError::Unopened { .. })));
}

/// A log that takes nothing is said to publishers and to health checks, nothing
/// of it is delivered, and it goes on once it can.
#[tokio::test]
async fn what_cannot_be_stored_is_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(at(folder.path())).await;
    let mut stream = server.open("/events?uid=1").await;
    let first = server.publish(json!({"data": "1"})).await;

    let path = folder.path().join("data").join("hub.db");
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON log BEGIN SELECT raise(FAIL, 'disk full'); END",
        )
        .unwrap();
    let refused = post(server.address, "/publish", r#"{"data":"2"}"#).await;
    assert_eq!(refused.status, 503);
    assert!(
        refused.error().contains("could not be stored"),
        "{}",
        refused.body
    );
    assert_eq!(server.hub.position().to_string(), first);

    other
        .execute_batch(
            "CREATE TRIGGER broken BEFORE UPDATE ON hub BEGIN SELECT raise(FAIL, 'disk full'); END",
        )
        .unwrap();
    assert_eq!(get(server.address, "/healthz").await.status, 503);
    other
        .execute_batch("DROP TRIGGER full; DROP TRIGGER broken")
        .unwrap();
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    server.publish(json!({"data": "3"})).await;
    assert_eq!(stream.data(2).await, ["1", "3"]);
    server.stop().await;
}

#[tokio::test]
async fn a_history_of_one_event_still_delivers_all() {
    let folder = tempfile::tempdir().unwrap();
    let history = History {
        bytes: 1 << 30,
        events: 1,
        age: Duration::from_secs(3600),
    };
    let server = Server::start(HubConfig {
        history,
        ..at(folder.path())
    })
    .await;
    let mut stream = server.open("/events?uid=1").await;
    for i in 0..600 {
        server
            .hub
            .publish(Publication::to_everyone(i.to_string()))
            .await
            .unwrap();
    }
    let expected: Vec<_> = (0..600).map(|i| i.to_string()).collect();
    assert_eq!(stream.data(600).await, expected);
    assert_eq!(server.hub.watch().borrow().events, 1);
    let replay = server.open("/events?poll=1").await.rest().await;
    assert_eq!(
        replay.into_iter().map(|e| e.data).collect::<Vec<_>>(),
        ["599"]
    );
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_old_goes_when_the_hub_starts() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(1_764_000_000));
    let config = || {
        let now = now.clone();
        HubConfig {
            clock: Arc::new(move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap()),
            history: History {
                bytes: 1 << 30,
                events: 1000,
                age: Duration::from_secs(100),
            },
            ..at(folder.path())
        }
    };
    let server = Server::start(config()).await;
    let mut ids = Vec::new();
    for i in 0..10 {
        // Also a clock that steps back does no harm.
        now.fetch_add(if i == 5 { -1000 } else { 20 }, Ordering::Relaxed);
        ids.push(server.publish(json!({"data": i})).await);
    }
    server.stop().await;

    now.store(1_764_000_000 + 100 + 50, Ordering::Relaxed);
    let server = Server::start(config()).await;
    let mut stats = server.hub.watch();
    stats.wait_for(|stats| stats.events == 8).await.unwrap();
    let events = server.resume("/events?poll=1", &ids[0]).await.rest().await;
    assert_eq!(events[0].name, "gap");
    assert_eq!(events[0].id, ids[1]);
    assert_eq!(events[1].id, ids[2]);
    assert_eq!(events.len(), 9);
    server.stop().await;
}

/// The log of the first release, as it wrote it.
#[tokio::test]
async fn a_log_of_the_first_layout_is_kept_aside_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    let old = include_bytes!("../fixtures/hub.v1.db");
    std::fs::write(&path, old).unwrap();
    // Left by an attempt that was cut off.
    let backup = folder.path().join("hub.db.v1.bak");
    std::fs::write(folder.path().join("hub.db.v1.bak.part"), "half").unwrap();
    let config = || HubConfig {
        clock: Arc::new(|| Timestamp::from_second(1_763_717_100).unwrap()),
        ..HubConfig::new(Store::Path(path.clone()))
    };

    let server = Server::start(config()).await;
    assert_eq!(server.hub.position().to_string(), "a833bdcdb6.7");
    let bytes = server.hub.watch().borrow().bytes;
    let data = [
        "to everyone",
        "你好，1",
        "two\nlines",
        r#"{"n":1}"#,
        "with a key",
        "a hundred years",
        "for two",
    ];
    let addresses = ["u1", "tdoor", "u张三", "tdoor", "u张三"];
    let expected: usize = data.iter().chain(&addresses).map(|text| text.len()).sum();
    assert_eq!(bytes, expected as u64);
    let mut stream = server
        .open("/events?uid=1&uid=%E5%BC%A0%E4%B8%89&poll=1")
        .await;
    let events = stream.rest().await;
    let seen: Vec<_> = events.iter().map(|event| event.data.as_str()).collect();
    assert_eq!(seen, data);
    assert_eq!(events[1], Event::new("like", "你好，1", "a833bdcdb6.2"));
    assert_eq!(stream.retry(), Some(7));
    assert_eq!(
        server
            .publish(json!({"data": "other", "id": "build-7"}))
            .await,
        "a833bdcdb6.5"
    );
    // Keys are of an audience now, those from before too.
    let two = json!({"data": "other", "id": "for-two", "uid": "张三", "topic": "door"});
    assert_eq!(server.publish(two).await, "a833bdcdb6.7");
    let new = server
        .publish(json!({"data": "new", "id": "for-two"}))
        .await;
    assert_eq!(new, "a833bdcdb6.8");
    server.stop().await;

    // What was kept aside is the old log, for the old program.
    let kept = rusqlite::Connection::open(&backup).unwrap();
    let (version, head): (i64, i64) = kept
        .query_row(
            "SELECT (SELECT user_version FROM pragma_user_version), head FROM hub",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((version, head), (1, 7));
    let text: Vec<String> = kept
        .prepare("SELECT data FROM log ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(text, data);
    drop(kept);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&backup).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(!folder.path().join("hub.db.v1.bak.part").exists());
    // It is kept once: the next start does not need it.
    std::fs::remove_file(&backup).unwrap();
    let server = Server::start(config()).await;
    assert_eq!(server.hub.position().seq, 8);
    assert!(!backup.exists());
    server.stop().await;
}

/// No layout is changed that could not be kept aside.
#[tokio::test]
async fn without_a_copy_an_old_log_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.db");
    std::fs::write(&path, include_bytes!("../fixtures/hub.v1.db")).unwrap();
    std::fs::create_dir(folder.path().join("hub.db.v1.bak.part")).unwrap();
    let refused = Hub::open(HubConfig::new(Store::Path(path.clone()))).err();
    assert!(
        matches!(refused, Some(HubError::Unopened { .. })),
        "{refused:?}"
    );
    let db = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
}
