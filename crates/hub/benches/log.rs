//! What the log costs: publications in memory and on disk, and reading history back.
//!
//! ```text
//! cargo bench -p hub --bench log [-- [memory|disk|replay]... [in=FOLDER]]
//! ```
//!
//! A folder without a disk under it (`/dev/shm`) shows what is left without one.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a table for people; what fails ends it"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hub::{Hub, HubConfig, Publication, Store, Uid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// Bytes of each publication's data.
const DATA: usize = 200;

fn main() {
    let mut wanted: Vec<_> = std::env::args().skip(1).collect();
    let mut folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    wanted.retain(|own| match own.strip_prefix("in=") {
        Some(other) => {
            folder = PathBuf::from(other);
            false
        }
        None => true,
    });
    let all = wanted.iter().all(|name| name.starts_with("--"));
    let is_wanted = |name: &str| all || wanted.iter().any(|own| own == name);
    if is_wanted("memory") {
        memory();
    }
    if is_wanted("disk") {
        disk(&folder);
    }
    if is_wanted("replay") {
        replay(&folder);
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
}

fn publication(uid: usize) -> Publication {
    let uid = Uid::parse(&uid.to_string()).unwrap();
    Publication::to_user(uid, "x".repeat(DATA))
}

/// Processor time of the whole process so far.
fn processor() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let threads = std::fs::read_dir("/proc/self/task").map(|tasks| {
        let each = tasks.filter_map(|task| {
            let path = task.ok()?.path().join("schedstat");
            let text = std::fs::read_to_string(path).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        each.sum::<u64>()
    });
    let own = stat.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(threads.unwrap_or(own.unwrap_or(0)))
}

fn line(name: &str, count: usize, took: Duration, busy: Duration, more: &str) {
    println!(
        "{name:<44} {:>10.0}/s {:>8.2} µs of processor each {more}",
        count as f64 / took.as_secs_f64(),
        busy.as_secs_f64() * 1e6 / count as f64,
    );
}

fn measured(name: &str, count: usize, runtime: &Runtime, work: impl Future<Output = ()>) {
    let (begun, busy) = (Instant::now(), processor());
    runtime.block_on(work);
    line(name, count, begun.elapsed(), processor() - busy, "");
}

fn memory() {
    println!("In memory, {DATA} bytes to one of 1,000 users:");
    let runtime = runtime();
    let config = HubConfig::new(Store::Memory);
    let hub = Hub::open(config).unwrap();
    // The second round has a full history: each publication drives one out.
    for round in ["an empty history", "a full history"] {
        let count = 200_000;
        let ready: Vec<_> = (0..count).map(|i| publication(i % 1000)).collect();
        measured(&format!("one by one, {round}"), count, &runtime, async {
            for publication in ready {
                hub.publish(publication).await.unwrap();
            }
        });
    }
    let count = 200_000;
    let batches: Vec<Vec<_>> = (0..count / 100)
        .map(|_| (0..100).map(publication).collect())
        .collect();
    measured("batches of 100", count, &runtime, async {
        for batch in batches {
            hub.publish_all(batch).await.unwrap();
        }
    });
    measured("two publishers", count, &runtime, async {
        let mut publishers = JoinSet::new();
        for _ in 0..2 {
            let hub = hub.clone();
            publishers.spawn(async move {
                for i in 0..count / 2 {
                    hub.publish(publication(i % 1000)).await.unwrap();
                }
            });
        }
        publishers.join_all().await;
    });
}

/// The same bytes by write and fdatasync alone.
fn bare(folder: &Path, writes: usize, each: usize) {
    let mut file = File::create(folder.join("bare")).unwrap();
    // Room that is there already, as a log that is reused has it.
    file.write_all(&vec![0; writes * each]).unwrap();
    file.sync_all().unwrap();
    let mut file = File::options()
        .write(true)
        .open(folder.join("bare"))
        .unwrap();
    let bytes = vec![1; each];
    let begun = Instant::now();
    for _ in 0..writes {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    }
    let each = begun.elapsed().as_secs_f64() * 1e6 / writes as f64;
    println!(
        "{:<44} {each:>10.1} µs",
        "  bare write and fdatasync of the same"
    );
}

fn disk(folder: &Path) {
    println!("On disk, {DATA} bytes to one of 1,000 users, each answered when it is safe:");
    let runtime = runtime();
    for (publishers, batch, batches, is_full) in [
        (1, 1, 2_000, false),
        (16, 1, 2_000, false),
        (16, 1, 2_000, true),
        (1, 100, 300, false),
        (4, 100, 100, false),
        (4, 100, 100, true),
        (1, 1000, 60, false),
        (4, 1000, 20, false),
        (4, 1000, 20, true),
    ] {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let config = HubConfig::new(Store::Path(folder.path().join("hub.db")));
        let hub = Hub::open(config).unwrap();
        let count = publishers * batch * batches;
        let full = if is_full { ", a full history" } else { "" };
        let name = format!("{publishers} publishers, {batch} at a time{full}");
        if is_full {
            runtime.block_on(async {
                for _ in 0..100 {
                    let many = (0..1000).map(publication).collect();
                    hub.publish_all(many).await.unwrap();
                }
            });
        }
        measured(&name, count, &runtime, async {
            let mut all = JoinSet::new();
            for own in 0..publishers {
                let hub = hub.clone();
                all.spawn(async move {
                    for nth in 0..batches {
                        let many = (0..batch).map(|i| publication((own + nth + i) % 1000));
                        hub.publish_all(many.collect()).await.unwrap();
                    }
                });
            }
            all.join_all().await;
        });
        let writes = 300;
        bare(folder.path(), writes, publishers * batch * DATA);
    }
}

/// Many come back at once to a hub that has just started, with nothing in its
/// memory, and read all there is for them over a socket.
fn replay(folder: &Path) {
    println!("Read back over HTTP right after a start, {DATA} bytes each:");
    let runtime = runtime();
    for (name, readers, events, share) in [
        ("100 of 5,000 to everyone", 100, 5_000, 1),
        ("1 of 100,000 to everyone", 1, 100_000, 1),
        ("100 of 50 among 100,000", 100, 100_000, 2_000),
    ] {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let config = || HubConfig::new(Store::Path(folder.path().join("hub.db")));
        let hub = Hub::open(config()).unwrap();
        runtime.block_on(async {
            for from in (0..events).step_by(1000) {
                let one = |nth: usize| match share {
                    1 => Publication::to_everyone("x".repeat(DATA)),
                    _ => publication(nth % share),
                };
                let many = (from..from + 1000).map(one);
                hub.publish_all(many.collect()).await.unwrap();
            }
        });
        drop(hub);
        let hub = Hub::open(config()).unwrap();
        let count = readers * events / share;
        let (begun, busy) = (Instant::now(), processor());
        let bytes = runtime.block_on(read_all(hub, readers));
        assert!(bytes > count * DATA, "{bytes} bytes are not all");
        let took = begun.elapsed();
        line(name, count, took, processor() - busy, "(with the readers)");
    }
}

/// So many readers, each as the user of its number, to the end of what there is:
/// how many bytes they get.
async fn read_all(hub: Hub, readers: usize) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(hub::serve(hub, listener, async {
        let _ = stopped.await;
    }));
    let mut all = JoinSet::new();
    for uid in 0..readers {
        all.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!(
                "GET /events?uid={uid}&since=all&poll=1 HTTP/1.1\r\nHost: localhost\r\n\
                 Connection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut buffer = vec![0; 256 << 10];
            let mut bytes = 0;
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return bytes,
                    more => bytes += more,
                }
            }
        });
    }
    let bytes = all.join_all().await.into_iter().sum();
    drop(stop);
    served.await.unwrap().unwrap();
    bytes
}
