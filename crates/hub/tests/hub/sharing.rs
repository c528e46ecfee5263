//! Who may use a hub of several nodes.

use std::collections::BTreeSet;
use std::path::Path;

use futures::future::join_all;
use hub::{AccessFile, Hub, HubConfig, HubError, Rate, Store, Uid};
use tempfile::TempDir;

use crate::access::{ask, bearer, serve, token};
use crate::engine::Engine;
use crate::{Server, Stream, soon};

fn config(engine: &Engine, folder: &Path) -> HubConfig {
    HubConfig {
        backplane: Some(engine.backplane()),
        ..HubConfig::new(Store::Path(folder.join("hub.db")))
    }
}

/// A node as other machines reach it.
async fn start(config: HubConfig) -> Server {
    let hub = tokio::task::spawn_blocking(move || Hub::open(config));
    serve(hub.await.unwrap().unwrap(), "0.0.0.0").await
}

async fn node(engine: &Engine, folder: &TempDir) -> Server {
    start(config(engine, folder.path())).await
}

/// The first node of a hub, with a token of an admin: its id and its secret.
async fn first(config: HubConfig) -> (Server, (String, String)) {
    let Store::Path(log) = &config.store else {
        panic!("a node keeps a copy");
    };
    let mut file = AccessFile::beside(log).unwrap();
    let made = file.create(token("a", &[], &[]), jiff::Timestamp::now());
    let (info, secret) = made.unwrap();
    drop(file);
    (start(config).await, (info.id, secret.secret().to_owned()))
}

/// Two nodes, and the token.
async fn two(engine: &Engine) -> (Server, Server, [TempDir; 2], (String, String)) {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (a, admin) = first(config(engine, folders[0].path())).await;
    let b = node(engine, &folders[1]).await;
    (a, b, folders, admin)
}

/// Makes a token; its id and its secret.
async fn make(server: &Server, rights: &str) -> (String, String) {
    let made = server.hub.create_token(token(rights, &[], &[])).await;
    let (info, secret) = made.unwrap();
    (info.id, secret.secret().to_owned())
}

/// Waits until a node has exactly these tokens.
async fn has(server: &Server, ids: &[&String]) {
    let wanted: BTreeSet<_> = ids.iter().map(|id| id.as_str()).collect();
    soon("the tokens", async {
        loop {
            let tokens = server.hub.tokens().await.unwrap();
            if tokens
                .iter()
                .map(|token| token.id.as_str())
                .collect::<BTreeSet<_>>()
                == wanted
            {
                return;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Waits until a node has this token: then it has what its maker did before.
async fn hears_of(server: &Server, id: &str) {
    soon("the token", async {
        let has = |tokens: Vec<hub::TokenInfo>| tokens.iter().any(|token| token.id == id);
        while !has(server.hub.tokens().await.unwrap()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn status(server: &Server, secret: &str) -> u16 {
    ask(server, "GET /hub/status", &bearer(secret), "")
        .await
        .status
}

async fn listen(server: &Server, path: &str, secret: &str) -> Stream {
    let own = bearer(secret);
    Stream::open(server.address, path, &[("Authorization", &own)]).await
}

async fn why(mut stream: Stream) -> String {
    stream.rest().await.pop().unwrap().data
}

const REVOKED: &str = r#"{"reason":"revoked"}"#;
const REPLACED: &str = r#"{"reason":"replaced"}"#;

#[tokio::test]
async fn what_one_node_changes_counts_at_all() {
    let engine = Engine::start().await;
    let (a, b, _folders, (admin, _)) = two(&engine).await;
    // Not known there, so it is looked for.
    for _ in 0..5 {
        let (id, secret) = make(&a, "rw").await;
        assert_eq!(status(&b, &secret).await, 200);
        let stream = listen(&b, "/events?control=1", &secret).await;
        assert!(a.hub.revoke_token(&id).await.unwrap());
        assert_eq!(why(stream).await, REVOKED);
        assert_eq!(status(&b, &secret).await, 401);
    }
    has(&b, &[&admin]).await;

    let (id, secret) = make(&b, "r").await;
    let uid = Uid::parse("ada").unwrap();
    let stream = listen(&b, "/events?uid=ada&control=1", &secret).await;
    a.hub.ban(&uid).await.unwrap();
    assert_eq!(why(stream).await, REVOKED);
    assert_eq!(b.hub.bans().await.unwrap(), std::slice::from_ref(&uid));
    assert!(b.hub.unban(&uid).await.unwrap());
    soon("the ban's end", async {
        while !a.hub.bans().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    has(&a, &[&admin, &id]).await;
    assert_eq!(listen(&a, "/events?uid=ada", &secret).await.status, 200);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_ticket_opens_one_stream_at_whatever_node() {
    let engine = Engine::start().await;
    let (a, b, _folders, _) = two(&engine).await;
    let (_, secret) = make(&a, "r").await;
    let own = bearer(&secret);
    let ticket = async |server: &Server| {
        let made = ask(server, "POST /hub/tickets", &own, "{}").await;
        assert_eq!(made.status, 201, "{}", made.body);
        let url = made.json()["url"].as_str().unwrap().to_owned();
        format!("{url}&control=1")
    };
    let url = ticket(&a).await;
    let first = b.open(&url).await;
    let again = Stream::try_open(a.address, &url, &[]).await;
    assert_eq!(again.status, 403);
    // The reconnect may come to another node, and back.
    let cursor = b.hub.position().to_string();
    let second = a.resume(&url, &cursor).await;
    assert_eq!(why(first).await, REPLACED);
    let third = b.resume(&url, &cursor).await;
    assert_eq!(why(second).await, REPLACED);
    let fourth = b.resume(&url, &cursor).await;
    assert_eq!(why(third).await, REPLACED);

    // At both at once, which both know.
    let mut tickets = Vec::new();
    for _ in 0..20 {
        tickets.push(ticket(&b).await);
    }
    let (id, _) = make(&b, "r").await;
    hears_of(&a, &id).await;
    for url in tickets {
        let (one, other) = tokio::join!(
            Stream::try_open(a.address, &url, &[]),
            Stream::try_open(b.address, &url, &[]),
        );
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 403]);
    }

    let (_, ticket) = url.rsplit_once("ticket=").unwrap();
    let (ticket, _) = ticket.split_once('&').unwrap();
    let drop = format!("DELETE /hub/tickets/{ticket}");
    assert_eq!(ask(&a, &drop, &own, "").await.status, 204);
    assert_eq!(why(fourth).await, REVOKED);
    a.stop().await;
    b.stop().await;
}

/// Of the idle tickets of one token the oldest make room, but what is open at
/// another node is not idle.
#[tokio::test]
async fn tickets_in_use_elsewhere_make_no_room() {
    let engine = Engine::start().await;
    let (a, b, _folders, _) = two(&engine).await;
    let (_, secret) = make(&a, "r").await;
    let own = bearer(&secret);
    let made = ask(&a, "POST /hub/tickets", &own, "{}").await.json();
    let url = made["url"].as_str().unwrap().to_owned();
    let mut stream = b.open(&url).await;
    for _ in 0..300 {
        let made = ask(&a, "POST /hub/tickets", &own, "{}").await;
        assert_eq!(made.status, 201);
    }
    // What A has sent is at B when this is.
    let (id, _) = make(&a, "r").await;
    hears_of(&b, &id).await;
    b.hub
        .publish(hub::Publication::to_everyone("still"))
        .await
        .unwrap();
    assert_eq!(stream.data(1).await, ["still"]);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn what_changed_without_the_engine_comes_later() {
    let mut engine = Engine::start().await;
    let (a, b, folders, (admin, _)) = two(&engine).await;
    let (early, secret) = make(&a, "rw").await;
    has(&b, &[&admin, &early]).await;
    let stream = listen(&b, "/events?control=1", &secret).await;
    engine.kill().await;

    let (late, made) = make(&a, "rw").await;
    assert!(a.hub.revoke_token(&early).await.unwrap());
    a.hub.ban(&Uid::parse("eve").unwrap()).await.unwrap();
    assert_eq!(status(&a, &made).await, 200, "it counts here at once");
    assert_eq!(status(&a, &secret).await, 401);
    assert_eq!(status(&b, &secret).await, 200, "and there it cannot");
    // As the command line does it, at the other node.
    let mut file = AccessFile::beside(&folders[1].path().join("hub.db")).unwrap();
    let (other, by_hand) = file
        .create(token("r", &[], &[]), jiff::Timestamp::now())
        .unwrap();

    engine.begin().await;
    assert_eq!(why(stream).await, REVOKED);
    for server in [&a, &b] {
        has(server, &[&admin, &late, &other.id]).await;
        assert_eq!(status(server, &made).await, 200);
        assert_eq!(status(server, by_hand.secret()).await, 200);
        assert_eq!(status(server, &secret).await, 401);
        soon("the ban", async {
            while server.hub.bans().await.unwrap().len() != 1 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn the_command_line_changes_all_nodes() {
    let engine = Engine::start().await;
    let (a, b, folders, (admin, _)) = two(&engine).await;
    let mut file = AccessFile::beside(&folders[0].path().join("hub.db")).unwrap();
    let now = jiff::Timestamp::now();
    let (second, secret) = file.create(token("r", &["ada"], &["door"]), now).unwrap();
    has(&b, &[&admin, &second.id]).await;
    let shown = b.hub.tokens().await.unwrap();
    assert!(shown.contains(&second), "{shown:?}");
    let stream = listen(&b, "/events?uid=ada&control=1", secret.secret()).await;
    assert!(file.revoke(&second.id).unwrap());
    assert_eq!(why(stream).await, REVOKED);
    has(&a, &[&admin]).await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn an_engine_that_was_emptied_gets_the_rows_back() {
    let engine = Engine::start().await;
    let (a, b, _folders, (admin, secret)) = two(&engine).await;
    a.hub.ban(&Uid::parse("eve").unwrap()).await.unwrap();
    has(&b, &[&admin]).await;
    for _ in 0..3 {
        assert_eq!(engine.ask("FLUSHALL").await, "+OK");
        soon("the rows", async {
            while engine.ask("HEXISTS {feedbell}:access ban:eve").await != ":1" {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    let folder = tempfile::tempdir().unwrap();
    let c = node(&engine, &folder).await;
    for server in [&a, &b, &c] {
        has(server, &[&admin]).await;
        assert_eq!(status(server, &secret).await, 200);
        assert_eq!(server.hub.bans().await.unwrap().len(), 1);
    }
    // And all go on together.
    let (late, _) = make(&c, "r").await;
    has(&a, &[&admin, &late]).await;
    assert!(b.hub.revoke_token(&admin).await.unwrap());
    has(&c, &[&late]).await;
    for server in [a, b, c] {
        server.stop().await;
    }
}

/// The engine comes back with an older state, and goes on from there before the
/// node that knows more is back.
#[tokio::test]
async fn an_engine_with_an_older_state_learns_what_nodes_know() {
    let mut engine = Engine::start().await;
    let (a, b, folders, (admin, _)) = two(&engine).await;
    let (early, revoked) = make(&a, "r").await;
    has(&b, &[&admin, &early]).await;
    b.stop().await;
    engine.kill().await;
    engine.keep_data();
    engine.begin().await;
    assert!(a.hub.revoke_token(&early).await.unwrap());
    let (late, secret) = make(&a, "r").await;
    // The engine has it, and the node knows that.
    let db = rusqlite::Connection::open(folders[0].path().join("hub-access.db")).unwrap();
    soon("the changes to be told", async {
        let waiting = "SELECT count(*) FROM change";
        while db.query_row(waiting, [], |row| row.get(0)) != Ok(0) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(db);
    a.stop().await;
    engine.kill().await;
    engine.restore_data();
    engine.begin().await;

    let b = node(&engine, &folders[1]).await;
    assert_eq!(status(&b, &revoked).await, 200, "nobody there knows better");
    let (other, _) = make(&b, "r").await;
    let a = node(&engine, &folders[0]).await;
    for server in [&a, &b] {
        has(server, &[&admin, &late, &other]).await;
        assert_eq!(status(server, &secret).await, 200);
        assert_eq!(status(server, &revoked).await, 401);
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_node_that_was_away_catches_up() {
    let engine = Engine::start().await;
    let (a, b, folders, (admin, _)) = two(&engine).await;
    let (early, secret) = make(&b, "r").await;
    has(&a, &[&admin, &early]).await;
    b.stop().await;
    assert!(a.hub.revoke_token(&early).await.unwrap());
    let (late, _) = make(&a, "r").await;
    // Nobody runs that would send it.
    let mut file = AccessFile::beside(&folders[1].path().join("hub.db")).unwrap();
    let now = jiff::Timestamp::now();
    let (other, _) = file.create(token("r", &[], &[]), now).unwrap();
    drop(file);
    let b = node(&engine, &folders[1]).await;
    for server in [&a, &b] {
        has(server, &[&admin, &late, &other.id]).await;
    }
    assert_eq!(status(&b, &secret).await, 401);
    b.stop().await;

    // So long that what it has missed is no longer told one by one.
    let (gone, _) = make(&a, "r").await;
    assert_eq!(
        engine
            .ask("XTRIM {feedbell}:access:changes MAXLEN 0")
            .await
            .get(..1),
        Some(":")
    );
    let (last, _) = make(&a, "r").await;
    let b = node(&engine, &folders[1]).await;
    has(&b, &[&admin, &late, &other.id, &gone, &last]).await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn who_joins_brings_tokens_or_takes_them() {
    let engine = Engine::start().await;
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let now = jiff::Timestamp::now();
    let alone = |folder: &TempDir| {
        let mut file = AccessFile::beside(&folder.path().join("hub.db")).unwrap();
        file.create(token("r", &[], &[]), now).unwrap()
    };
    // There is nothing at the engine, so it gets what the first node has.
    let (first, secret) = alone(&folders[0]);
    let a = node(&engine, &folders[0]).await;
    let (second, other) = alone(&folders[1]);
    let b = node(&engine, &folders[1]).await;
    for server in [&a, &b] {
        has(server, &[&first.id]).await;
        assert_eq!(status(server, secret.secret()).await, 200);
        assert_eq!(status(server, other.secret()).await, 401);
    }
    let path = folders[1].path().join("hub-access.db.before-backplane.bak");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let copy = rusqlite::Connection::open(path).unwrap();
    let kept: String = copy
        .query_row("SELECT id FROM token", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, second.id);
    a.stop().await;
    b.stop().await;
}

/// Whoever makes a node of another one's folder makes two of one name.
#[tokio::test]
async fn a_copied_file_becomes_a_node_of_its_own() {
    let engine = Engine::start().await;
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let (a, (admin, _)) = first(config(&engine, folders[0].path())).await;
    a.stop().await;
    let name = "hub-access.db";
    std::fs::copy(folders[0].path().join(name), folders[1].path().join(name)).unwrap();
    let a = node(&engine, &folders[0]).await;
    let b = node(&engine, &folders[1]).await;
    let mut all = vec![admin];
    for _ in 0..3 {
        let (one, two) = tokio::join!(make(&a, "r"), make(&b, "r"));
        all.extend([one.0, two.0]);
        let all: Vec<_> = all.iter().collect();
        has(&a, &all).await;
        has(&b, &all).await;
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn one_pace_for_all_nodes() {
    let engine = Engine::start().await;
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let config = |folder: &TempDir| HubConfig {
        rate: Rate {
            burst: 10,
            per_second: 0.001,
        },
        ..config(&engine, folder.path())
    };
    let (a, _) = first(config(&folders[0])).await;
    let b = start(config(&folders[1])).await;
    let (_, secret) = make(&a, "rw").await;
    let own = bearer(&secret);
    for _ in 0..10 {
        assert_eq!(ask(&a, "POST /publish", &own, "x").await.status, 200);
    }
    let guess = async |server: &Server, guesses: std::ops::Range<u32>| {
        let guesses =
            guesses.map(|guess| async move { status(server, &format!("fb_{guess}")).await });
        join_all(guesses).await
    };
    assert_eq!(guess(&a, 0..30).await, [401; 30]);
    // What was spent is at the engine, and the next row after it.
    let told = "EVAL \"local all = 0 \
        for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do \
            local fields = entry[2] \
            if fields[3] == 'spent' then \
                for _, each in ipairs(cjson.decode(fields[4]).wrong) do all = all + each[2] end \
            end \
        end \
        return all\" 1 {feedbell}:access:changes";
    soon("what was spent", async {
        while engine.ask(told).await != ":30" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (id, _) = make(&a, "r").await;
    hears_of(&b, &id).await;
    assert_eq!(ask(&b, "POST /publish", &own, "x").await.status, 429);
    assert_eq!(guess(&b, 30..31).await, [429]);
    a.stop().await;
    b.stop().await;
}

/// A file of the version before.
#[tokio::test]
async fn an_older_file_is_kept_and_becomes_a_newer_one() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("hub.db");
    let path = folder.path().join("hub-access.db");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "CREATE TABLE token (
            id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
            hint TEXT NOT NULL, read INTEGER NOT NULL, write INTEGER NOT NULL,
            admin INTEGER NOT NULL, uids TEXT NOT NULL, topics TEXT NOT NULL,
            created INTEGER NOT NULL, used INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE ban (uid TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
        CREATE TABLE ticket (
            hash BLOB PRIMARY KEY, owner TEXT NOT NULL, uids TEXT NOT NULL,
            topics TEXT NOT NULL, opened INTEGER NOT NULL, seen INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        INSERT INTO token VALUES ('a1b2', zeroblob(32), 'Ada', 'fb_…zzzz', 1, 0, 0, '[\"ada\"]',
            '[]', 1700000000000, NULL);
        INSERT INTO ban VALUES ('eve');
        PRAGMA user_version = 1;
        PRAGMA journal_mode = WAL;",
    )
    .unwrap();
    drop(db);
    let file = AccessFile::beside(&log).unwrap();
    let tokens = file.tokens().unwrap();
    assert_eq!((tokens.len(), tokens[0].id.as_str()), (1, "a1b2"));
    assert_eq!(file.bans().unwrap().len(), 1);
    let version = |path: &Path| -> i64 {
        let db = rusqlite::Connection::open(path).unwrap();
        db.pragma_query_value(None, "user_version", |row| row.get(0))
            .unwrap()
    };
    assert_eq!(version(&path), 2);
    assert_eq!(version(&folder.path().join("hub-access.db.v1.bak")), 1);
    drop(file);

    // What it has is shared like any other.
    let engine = Engine::start().await;
    let a = node(&engine, &folder).await;
    let other = tempfile::tempdir().unwrap();
    let b = node(&engine, &other).await;
    has(&b, &[&"a1b2".to_owned()]).await;
    assert_eq!(b.hub.bans().await.unwrap().len(), 1);
    a.stop().await;
    b.stop().await;
}

/// What a node notes late of a token that was taken back.
#[tokio::test]
async fn a_late_note_brings_no_token_back() {
    let engine = Engine::start().await;
    let (a, b, folders, (admin, _)) = two(&engine).await;
    let (id, secret) = make(&a, "r").await;
    has(&b, &[&admin, &id]).await;
    b.stop().await;
    let db = rusqlite::Connection::open(folders[1].path().join("hub-access.db")).unwrap();
    let noted = db.execute("UPDATE token SET used = 9 WHERE id = ?1", [&id]);
    assert_eq!(noted.unwrap(), 1);
    drop(db);
    assert!(a.hub.revoke_token(&id).await.unwrap());
    let b = node(&engine, &folders[1]).await;
    let (last, _) = make(&b, "r").await;
    for server in [&a, &b] {
        has(server, &[&admin, &last]).await;
        assert_eq!(status(server, &secret).await, 401);
    }
    a.stop().await;
    b.stop().await;
}

/// A hub that is alone notes nothing for others.
#[tokio::test]
async fn without_a_backplane_nothing_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::open(HubConfig::new(Store::Path(folder.path().join("hub.db")))).unwrap();
    hub.create_token(token("r", &[], &[])).await.unwrap();
    hub.ban(&Uid::parse("eve").unwrap()).await.unwrap();
    let db = rusqlite::Connection::open(folder.path().join("hub-access.db")).unwrap();
    let noted = "SELECT count(*) FROM change";
    let noted: i64 = db.query_row(noted, [], |row| row.get(0)).unwrap();
    assert_eq!(noted, 0);
}

/// A node that is started alone by mistake has lost nothing.
#[tokio::test]
async fn a_node_is_no_hub_of_its_own() {
    let engine = Engine::start().await;
    let (a, b, folders, (admin, _)) = two(&engine).await;
    b.hub
        .publish(hub::Publication::to_everyone("x"))
        .await
        .unwrap();
    b.stop().await;
    let mut file = AccessFile::beside(&folders[1].path().join("hub.db")).unwrap();
    let now = jiff::Timestamp::now();
    let (other, _) = file.create(token("r", &[], &[]), now).unwrap();
    let alone = HubConfig::new(Store::Path(folders[1].path().join("hub.db")));
    let refused = tokio::task::spawn_blocking(|| Hub::open(alone))
        .await
        .unwrap();
    assert!(matches!(refused.err(), Some(HubError::IsCopy { .. })));
    let b = node(&engine, &folders[1]).await;
    has(&a, &[&admin, &other.id]).await;
    a.stop().await;
    b.stop().await;
}
