//! `backup`, while a hub works.

use std::{
    fs,
    path::Path,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::support::{Home, PATIENCE, Running, post};

fn serve(home: &Home, data: &Path) -> (Running, String) {
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--data"];
    let hub = home.start(&[&arguments[..], &[data.to_str().unwrap()]].concat());
    let line = hub.out.next();
    let url = line.strip_prefix("listening on ").expect(&line).to_owned();
    (hub, url)
}

/// Publishes a text; the number it got.
fn publish(url: &str, text: &str) -> u64 {
    let answer = post(
        &format!("{url}/publish"),
        &format!(r#"{{"data":"{text}"}}"#),
    );
    let body = answer.split("\r\n\r\n").nth(1).expect(&answer);
    let body: Value = serde_json::from_str(body).expect(&answer);
    let (_, seq) = body["id"].as_str().unwrap().split_once('.').unwrap();
    seq.parse().unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// The events of a log that is whole.
fn contents(path: &Path) -> Vec<(u64, String)> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let whole: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whole, "ok");
    let mut rows = db
        .prepare("SELECT seq, data FROM log ORDER BY seq")
        .unwrap();
    rows.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
    })
    .unwrap()
    .collect::<Result<_, _>>()
    .unwrap()
}

#[test]
fn under_load_the_copy_holds_all_that_was_answered() {
    let home = Home::new();
    let (data, folder) = (home.path().join("hub"), home.path().join("copies/first"));
    let (_hub, url) = serve(&home, &data);
    let answered = Mutex::new(Vec::new());
    let (more, stop) = (Condvar::new(), AtomicBool::new(false));
    let (before, after) = std::thread::scope(|scope| {
        for publisher in 0..4 {
            let (answered, more, stop, url) = (&answered, &more, &stop, &url);
            scope.spawn(move || {
                for nth in 0_u32.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let text = format!("{publisher}-{nth}");
                    let seq = publish(url, &text);
                    answered.lock().unwrap().push((seq, text));
                    more.notify_all();
                }
            });
        }
        let wait_for = |count: usize| {
            let enough = more.wait_timeout_while(answered.lock().unwrap(), PATIENCE, |answered| {
                answered.len() < count
            });
            assert!(!enough.unwrap().1.timed_out(), "{count} publications");
        };
        wait_for(200);
        let before = answered.lock().unwrap().clone();
        let arguments = ["backup", folder.to_str().unwrap(), "--data"];
        let ran = home.run(&[&arguments[..], &[data.to_str().unwrap()]].concat());
        let after = answered.lock().unwrap().len();
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
        assert!(ran.out.contains("hub.db ("), "{}", ran.out);
        assert!(ran.out.contains(folder.to_str().unwrap()), "{}", ran.out);
        wait_for(after + 100);
        stop.store(true, Ordering::Relaxed);
        (before, after)
    });
    assert!(after >= before.len());
    assert_eq!(names(&folder), ["hub-access.db", "hub.db"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("hub.db")), 0o600);
    }

    // A prefix of what the hub stored, with all that was answered before.
    let mut answered = answered.into_inner().unwrap();
    answered.sort_unstable();
    let rows = contents(&folder.join("hub.db"));
    assert_eq!(rows, answered[..rows.len()]);
    let newest_before = before.iter().map(|(seq, _)| *seq).max().unwrap();
    assert!(rows.len() as u64 >= newest_before, "{} rows", rows.len());

    // And a hub goes on from it.
    let (_restored, url) = serve(&home, &folder);
    assert_eq!(publish(&url, "next"), rows.len() as u64 + 1);
}

#[test]
fn all_that_belongs_together_is_copied() {
    let home = Home::new();
    home.settings("version = 1\n");
    let mut run = home.start(&["run"]);
    run.err.until("No feeds yet");
    let folder = home.path().join("copy");
    // An empty folder is as good as a new one.
    fs::create_dir(&folder).unwrap();
    let ran = home.run(&["backup", folder.to_str().unwrap(), "--json"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(said["folder"], folder.to_str().unwrap());
    assert_eq!(names(&folder), ["inbox.db", "settings.toml"]);
    let files: Vec<_> = said["files"].as_array().unwrap().iter().collect();
    assert_eq!(files.len(), 2);
    for file in files {
        let path = folder.join(file["name"].as_str().unwrap());
        assert_eq!(file["bytes"], fs::metadata(path).unwrap().len());
    }
    assert_eq!(
        fs::read(folder.join("settings.toml")).unwrap(),
        fs::read(home.path().join("config/feedbell/settings.toml")).unwrap()
    );
    run.terminate();
    assert_eq!(run.wait().code(), Some(0));

    // Also of what nobody uses.
    let again = home.path().join("again");
    let ran = home.run(&["backup", again.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(names(&again), names(&folder));
}

#[test]
fn what_cannot_be_backed_up_is_one_sentence() {
    let home = Home::new();
    let data = home.path().join("data/feedbell");
    let folder = home.path().join("copy");
    let refused = |part: &str| {
        let ran = home.run(&["backup", folder.to_str().unwrap()]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        assert!(ran.err.contains(part), "{}", ran.err);
        let beside = names(home.path());
        assert!(
            !beside.iter().any(|name| name.ends_with(".part")),
            "{beside:?}"
        );
    };
    refused("nothing to back up");
    assert!(!folder.exists());

    fs::create_dir_all(&data).unwrap();
    fs::write(
        data.join("hub.db"),
        "this is no database, however long it may be",
    )
    .unwrap();
    refused("hub.db could not be copied");
    assert!(!folder.exists());

    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("mine.txt"), "keep").unwrap();
    refused("not empty");
    assert_eq!(fs::read(folder.join("mine.txt")).unwrap(), b"keep");
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "a file").unwrap();
    refused("not a folder");
    assert_eq!(fs::read(&folder).unwrap(), b"a file");
}
