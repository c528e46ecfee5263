//! How fast the inbox answers with a million messages: pages, counts and searches, through the
//! notifier's own door; and how fast it takes in more. One table.
//!
//! The database is made once, in the target folder, as version 2 wrote it: the first run also tells
//! how long its migration takes. `FEEDBELL_BENCH_MESSAGES` makes another size.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program to look at"
)]

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use notifier::{
    NotifierConfig, NotifierHandle, start, system_clock,
    view::{Bulk, ExportFormat, MessageQuery, Urgency},
};
use rusqlite::{Connection, params};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const ROUNDS: u32 = 40;
const RECEIVED: u32 = 10_000;
const DAY: i64 = 24 * 3600 * 1000;

const LATIN: &[&str] = &[
    "build", "deploy", "failed", "passed", "comment", "merge", "review", "door", "sensor",
    "kitchen", "battery", "backup", "update", "release", "server", "memory", "latency", "payment",
    "order", "shipped", "invoice", "weather", "storm", "garden", "camera", "motion", "garage",
    "window",
];
const HAN: &[&str] = &[
    "点赞", "收藏", "评论", "关注", "文章", "日记", "旅行", "照片", "天气", "构建", "失败", "成功",
    "服务", "更新", "订单", "支付", "门铃", "厨房", "花园", "相机",
];

fn main() {
    let messages: u32 = std::env::var("FEEDBELL_BENCH_MESSAGES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(1_000_000);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("inbox-{messages}"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if !folder.join("made").exists() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let begun = Instant::now();
        make(&folder.join("data/inbox.db"), messages);
        println!("made {messages} messages in {:.1?}", begun.elapsed());
        let begun = Instant::now();
        runtime.block_on(async { open(&folder).await.stop().await });
        println!("brought them to this version in {:.1?}", begun.elapsed());
        let begun = Instant::now();
        heap(&folder.join("data/inbox.db"));
        println!("heaped bursts in {:.1?}", begun.elapsed());
        let _ = std::fs::remove_file(folder.join("data/inbox.db.v2"));
        std::fs::write(folder.join("made"), "").unwrap();
    }
    let size = std::fs::metadata(folder.join("data/inbox.db"))
        .unwrap()
        .len();
    println!("{messages} messages, {} MB\n", size >> 20);
    println!("| what | p50 | p95 | p99 | rows |\n| --- | ---: | ---: | ---: | ---: |");
    runtime.block_on(receive(&folder));
    runtime.block_on(measure(&folder));
}

/// How fast a feed's events enter a full inbox: a copy of it, which goes when it is measured.
async fn receive(full: &Path) {
    let copy = tempfile::tempdir_in(full).unwrap();
    std::fs::create_dir(copy.path().join("data")).unwrap();
    let inbox = "data/inbox.db";
    std::fs::copy(full.join(inbox), copy.path().join(inbox)).unwrap();
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = format!(
        "[inbox]\nkeep_days = 0\n[[feed]]\nid = \"storm\"\nname = \"Storm\"\nurl = \"http://{}/\"\n",
        door.local_addr().unwrap()
    );
    let handle = start_in(copy.path(), &settings).await;
    let before = handle.app().await.unwrap().unread;
    let (mut server, _) = door.accept().await.unwrap();
    let mut asked = [0; 4096];
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        assert!(server.read(&mut asked).await.unwrap() > 0);
    }
    let mut stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_vec();
    let mut chance = fastrand::Rng::with_seed(11);
    for n in 0..RECEIVED {
        let mut pick = || chance.choice(LATIN).unwrap_or(&"");
        let title = [pick(), pick(), pick(), pick()]
            .map(ToString::to_string)
            .join(" ");
        let event = format!("id: {n}\nevent: like\ndata: {{\"n\":{n},\"title\":\"{title}\"}}\n\n");
        stream.extend(event.bytes());
    }
    let begun = Instant::now();
    server.write_all(&stream).await.unwrap();
    while handle.app().await.unwrap().unread < before + RECEIVED {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let took = begun.elapsed();
    let rate = f64::from(RECEIVED) / took.as_secs_f64();
    println!("| insert: {RECEIVED} events of a feed in {took:.2?}, {rate:.0} a second | | | | |");
    handle.stop().await;
}

async fn measure(folder: &Path) {
    let begun = Instant::now();
    let handle = open(folder).await;
    println!("| open | {:.2?} | | | |", begun.elapsed());
    let list = || MessageQuery {
        fold: true,
        limit: 200,
        ..MessageQuery::default()
    };
    let feed = |name: &str| MessageQuery {
        feed: Some(name.to_owned()),
        ..list()
    };
    let unread = || MessageQuery {
        unread: true,
        ..list()
    };
    let event = |name: &str| MessageQuery {
        events: vec![name.to_owned()],
        ..list()
    };
    let lists = [
        ("newest", list()),
        (
            "far down",
            MessageQuery {
                before: Some(300_000),
                ..list()
            },
        ),
        ("one of 20 feeds", feed("feed-3")),
        ("a feed with little", feed("rare")),
        (
            "three feeds",
            MessageQuery {
                feeds: vec!["feed-1".into(), "feed-2".into(), "rare".into()],
                ..list()
            },
        ),
        ("unread", unread()),
        (
            "unread of a feed",
            MessageQuery {
                unread: true,
                ..feed("feed-3")
            },
        ),
        (
            "pinned",
            MessageQuery {
                pinned: true,
                ..list()
            },
        ),
        (
            "done",
            MessageQuery {
                done: true,
                ..list()
            },
        ),
        ("a frequent event", event("like")),
        ("a rare event", event("alarm")),
        (
            "a frequent event, unread",
            MessageQuery {
                unread: true,
                ..event("like")
            },
        ),
        (
            "urgent",
            MessageQuery {
                urgency: Some(Urgency::Urgent),
                ..list()
            },
        ),
        (
            "high, unread, of a feed",
            MessageQuery {
                urgency: Some(Urgency::High),
                unread: true,
                ..feed("feed-3")
            },
        ),
        (
            "unfolded",
            MessageQuery {
                fold: false,
                ..list()
            },
        ),
        (
            "a burst of 100,000",
            MessageQuery {
                burst: Some(450_000),
                fold: false,
                ..list()
            },
        ),
    ];
    for (name, query) in lists {
        time(&handle, &format!("list: {name}"), |_| query.clone()).await;
    }

    let search = |text: &str| MessageQuery {
        search: text.to_owned(),
        ..list()
    };
    let round = |words: &'static [&'static str], n: u32| words[n as usize % words.len()];
    let mut all = Vec::new();
    all.extend(
        time(&handle, "search: a word in half of all", |_| {
            search("status")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: … in a feed with little", |_| {
            MessageQuery {
                feed: Some("rare".into()),
                ..search("status")
            }
        })
        .await,
    );
    all.extend(
        time(&handle, "search: … unread", |_| MessageQuery {
            unread: true,
            ..search("status")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: … pinned", |_| MessageQuery {
            pinned: true,
            ..search("status")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: … done", |_| MessageQuery {
            done: true,
            ..search("status")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: … with a rare event", |_| MessageQuery {
            events: vec!["alarm".into()],
            ..search("status")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: … urgent, unread", |_| MessageQuery {
            urgency: Some(Urgency::Urgent),
            unread: true,
            ..search("status")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: … far down", |_| MessageQuery {
            before: Some(20_000),
            ..search("status")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: frequent words", |n| {
            search(round(LATIN, n))
        })
        .await,
    );
    all.extend(
        time(&handle, "search: two frequent words", |n| {
            search(&format!("{} {}", round(LATIN, n), round(LATIN, n * 7 + 3)))
        })
        .await,
    );
    all.extend(
        time(&handle, "search: three frequent words", |n| {
            search(&format!(
                "status {} {}",
                round(LATIN, n),
                round(LATIN, n * 7 + 3)
            ))
        })
        .await,
    );
    all.extend(
        time(&handle, "search: a rare word", |n| {
            search(&format!("unique{}", n * 997))
        })
        .await,
    );
    all.extend(
        time(&handle, "search: a rare word and one in half", |n| {
            search(&format!("status unique{}", n * 997))
        })
        .await,
    );
    all.extend(time(&handle, "search: no such word", |_| search("nowhere")).await);
    all.extend(
        time(&handle, "search: one letter", |n| {
            search(&round(LATIN, n)[..1])
        })
        .await,
    );
    all.extend(
        time(&handle, "search: two letters", |n| {
            search(&round(LATIN, n)[..2])
        })
        .await,
    );
    all.extend(
        time(&handle, "search: three letters", |n| {
            search(&round(LATIN, n)[..3])
        })
        .await,
    );
    all.extend(
        time(&handle, "search: four letters", |n| {
            search(&round(LATIN, n)[..4])
        })
        .await,
    );
    all.extend(
        time(&handle, "search: the beginning of 10,000 words", |_| {
            search("uniq")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: one letter, unread", |n| MessageQuery {
            unread: true,
            ..search(&round(LATIN, n)[..1])
        })
        .await,
    );
    all.extend(
        time(&handle, "search: 发布 (in half of all)", |_| {
            search("发布")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: 发布, unread", |_| MessageQuery {
            unread: true,
            ..search("发布")
        })
        .await,
    );
    all.extend(
        time(&handle, "search: 发布, in a feed with little", |_| {
            MessageQuery {
                feed: Some("rare".into()),
                ..search("发布")
            }
        })
        .await,
    );
    all.extend(
        time(&handle, "search: frequent words of two characters", |n| {
            search(round(HAN, n))
        })
        .await,
    );
    all.extend(
        time(&handle, "search: two of them", |n| {
            search(&format!("{} {}", round(HAN, n), round(HAN, n * 7 + 3)))
        })
        .await,
    );
    all.extend(
        time(
            &handle,
            "search: frequent characters, rarely together",
            |_| search("布点"),
        )
        .await,
    );
    all.extend(time(&handle, "search: four characters", |_| search("发布文章")).await);
    all.extend(time(&handle, "search: one character", |_| search("赞")).await);
    all.extend(
        time(&handle, "search: a rare word of two characters", |_| {
            search("麒麟")
        })
        .await,
    );
    tell("search: all of these", all, 0);

    time_of("app", || async {
        handle.app().await.unwrap();
    })
    .await;
    time_of("facets", || async {
        handle.facets(Vec::new()).await.unwrap();
    })
    .await;
    if std::env::var_os("FEEDBELL_BENCH_BULK").is_some() {
        let begun = Instant::now();
        let done = handle
            .bulk(MessageQuery::default(), Bulk::Done)
            .await
            .unwrap();
        println!(
            "| done with all | {:.2?} | | | {} |",
            begun.elapsed(),
            done.count
        );
        let begun = Instant::now();
        handle.undo_bulk(done).await.unwrap();
        println!("| taken back | {:.2?} | | | |", begun.elapsed());
        let out = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        let exported = handle
            .export_messages(
                MessageQuery::default(),
                ExportFormat::Csv,
                out.path().to_owned(),
            )
            .await
            .unwrap();
        println!(
            "| export as CSV | {:.2?} | | | {} |",
            begun.elapsed(),
            exported.count
        );
    }
    handle.stop().await;
}

async fn time(
    handle: &NotifierHandle,
    name: &str,
    query: impl Fn(u32) -> MessageQuery,
) -> Vec<Duration> {
    let (mut took, mut rows) = (Vec::new(), 0);
    for round in 0..ROUNDS {
        let query = query(round);
        let begun = Instant::now();
        let page = handle.messages(query).await.unwrap();
        took.push(begun.elapsed());
        rows = page.total;
    }
    tell(name, took.clone(), rows);
    took
}

async fn time_of<F: Future<Output = ()>>(name: &str, work: impl Fn() -> F) {
    let mut took = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        work().await;
        took.push(begun.elapsed());
    }
    tell(name, took, 0);
}

fn tell(name: &str, mut took: Vec<Duration>, rows: u32) {
    took.sort();
    let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
    println!(
        "| {name} | {:.2?} | {:.2?} | {:.2?} | {rows} |",
        at(50),
        at(95),
        at(99)
    );
}

async fn open(folder: &Path) -> NotifierHandle {
    start_in(folder, "[inbox]\nkeep_days = 0\n").await
}

async fn start_in(folder: &Path, settings: &str) -> NotifierHandle {
    let config = NotifierConfig {
        settings: folder.join("settings.toml"),
        data: folder.join("data"),
        logs: None,
        hub_socket: PathBuf::from("/nonexistent/hub.sock"),
        trying: false,
        keyring: false,
        clock: system_clock(),
    };
    std::fs::write(&config.settings, settings).unwrap();
    let (handle, mut updates) = start(config).await.unwrap();
    tokio::spawn(async move { while updates.recv().await.is_some() {} });
    handle.app().await.unwrap();
    handle
}

/// A version 2 inbox: half of all messages say "status", half 发布; 0.2 % are unread.
fn make(path: &Path, messages: u32) {
    let mut db = Connection::open(path).unwrap();
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        .unwrap();
    db.execute_batch(include_str!("../migrations/1.sql"))
        .unwrap();
    db.execute_batch(include_str!("../migrations/2.sql"))
        .unwrap();
    let now = system_clock()();
    let mut chance = fastrand::Rng::with_seed(7);
    let tx = db.transaction().unwrap();
    for n in 0..messages {
        let pick =
            |chance: &mut fastrand::Rng, from: &[&'static str]| from[chance.usize(..from.len())];
        let (mut title, mut body) = (String::new(), String::new());
        for place in 0..14 {
            let text = if place < 4 { &mut title } else { &mut body };
            match chance.u32(..20) {
                0..=9 => {
                    text.push_str(pick(&mut chance, LATIN));
                    text.push(' ');
                }
                10..=17 => text.push_str(pick(&mut chance, HAN)),
                18 => text.push('，'),
                _ => text.push_str(&format!(" unique{} ", chance.u32(..messages / 100 + 1))),
            }
        }
        if chance.bool() {
            title.push_str(" status");
        }
        if chance.bool() {
            body.push_str("发布");
        }
        if chance.u32(..20_000) == 0 {
            body.push_str("麒麟");
        }
        let feed = match chance.u32(..5_000) {
            0 => "rare".to_owned(),
            other => format!("feed-{}", other % 20),
        };
        let event = match chance.u32(..2_000) {
            0 => "alarm",
            other => ["like", "comment", "build", "message"][other as usize % 4],
        };
        let urgency = match chance.u32(..1_000) {
            0 => 3,
            1..=30 => 2,
            other => i64::from(other % 4 != 0),
        };
        let data = format!(
            r#"{{"n":{n},"title":"{title}","by":{{"id":{}}}}}"#,
            chance.u32(..9_000)
        );
        let received = now - i64::from(messages - n) * 60 * DAY / i64::from(messages);
        let (unread, pinned) = (chance.u32(..500) == 0, chance.u32(..5_000) == 0);
        tx.prepare_cached(
            "INSERT INTO messages (feed, kind, event, data, title, body, urgency, received, verdict,
                unread, pinned, announced)
             VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, '{\"id\":\"ledger-default\",\"args\":{}}', ?8, ?9, 1)",
        )
        .unwrap()
        .execute(params![feed, event, data, title, body, urgency, received, unread, pinned])
        .unwrap();
    }
    tx.commit().unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
}

/// Version 2 knew no bursts and nothing that is done: a tenth of all becomes one burst, a third small
/// ones, a hundredth is done.
fn heap(path: &Path) {
    let db = Connection::open(path).unwrap();
    db.execute_batch(
        "PRAGMA synchronous = OFF; BEGIN;
         UPDATE facts SET burst = (SELECT max(id) * 2 / 5 FROM facts), feed = 'feed-1', actor = id % 5000
            WHERE id BETWEEN (SELECT max(id) * 2 / 5 FROM facts) AND (SELECT max(id) / 2 FROM facts);
         UPDATE facts SET burst = id - id % 7 WHERE id % 21 < 7 AND id % 7 > 0
            AND id > (SELECT max(id) / 2 + 7 FROM facts);
         UPDATE facts SET done = 1, done_at = 1, unread = 0 WHERE id % 100 = 0;
         COMMIT; PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .unwrap();
}
