//! Pictures that messages name by an address: fetched once, checked, kept in a folder with a bound.
//!
//! What is kept is what the server sent, once its head says that it is a picture of a known kind
//! and of a bounded size. Nothing here decodes a picture.

use std::{
    collections::{HashMap, VecDeque},
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use feed::Errand;
use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use imagesize::{ImageSize, ImageType};
use sha2::{Digest as _, Sha256};
use tokio::{sync::Semaphore, time::Instant};
use url::Url;

/// Bytes of one picture.
const LONGEST: usize = 256 << 10;
/// Pixels of its longer side.
const WIDEST: usize = 512;
/// Longest address of a picture, in bytes.
const LONGEST_ADDRESS: usize = 2048;
/// Pictures that are kept, and their bytes.
const KEPT: usize = 200;
const KEPT_BYTES: u64 = 10 << 20;
/// A picture older than this is asked for again; until it comes, the old one serves.
const FRESH: Duration = Duration::from_secs(7 * 24 * 3600);
/// An address that gave none is not asked again for so long.
const BARREN: Duration = Duration::from_secs(600);
/// Addresses that gave none, and are remembered.
const BARREN_KEPT: usize = 200;
/// Pictures fetched at once, and addresses that may wait for their turn.
const FETCHES: usize = 4;
const QUEUE: usize = 64;

/// The pictures. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Icons {
    folder: Arc<Path>,
    state: Arc<Mutex<State>>,
    turns: Arc<Semaphore>,
}

type Fetch = Shared<BoxFuture<'static, Option<PathBuf>>>;

#[derive(Default)]
struct State {
    under_way: HashMap<String, Fetch>,
    barren: VecDeque<(String, Instant)>,
}

/// Who may be asked for a picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asking {
    /// The feed's own server, which may be at home.
    pub(crate) feed: Option<Url>,
    /// The addresses of this machine.
    pub(crate) own: Vec<IpAddr>,
}

impl Icons {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder: folder.into(),
            state: Arc::default(),
            turns: Arc::new(Semaphore::new(FETCHES)),
        }
    }

    /// The picture of this address, if it is kept.
    pub(crate) fn kept(&self, address: &str) -> Option<PathBuf> {
        let name = name(address);
        ["png", "jpg", "gif", "webp"]
            .iter()
            .map(|kind| self.folder.join(format!("{name}.{kind}")))
            .find(|path| path.is_file())
    }

    /// The picture of this address, fetched unless it is kept; none if it cannot be had. However
    /// many ask for it, it is fetched once, and to the end even if nobody waits any more.
    pub(crate) async fn get(&self, address: &str, asking: Asking) -> Option<PathBuf> {
        let kept = self.kept(address);
        if kept.as_deref().is_some_and(is_fresh) {
            return kept;
        }
        let fetch = self.fetch(address, asking)?;
        fetch.await.or(kept)
    }

    fn fetch(&self, address: &str, asking: Asking) -> Option<Fetch> {
        let mut state = self.lock();
        if let Some(fetch) = state.under_way.get(address) {
            return Some(fetch.clone());
        }
        let now = Instant::now();
        state.barren.retain(|(_, until)| *until > now);
        let barren = state.barren.iter().any(|(other, _)| other == address);
        if barren || address.len() > LONGEST_ADDRESS || state.under_way.len() >= QUEUE {
            return None;
        }
        let task = {
            let (icons, address) = (self.clone(), address.to_owned());
            tokio::spawn(async move {
                let fetched = icons.bring(&address, asking).await;
                icons.settled(&address, fetched.is_some());
                fetched
            })
        };
        let fetch = async move { task.await.ok().flatten() }.boxed().shared();
        state.under_way.insert(address.to_owned(), fetch.clone());
        Some(fetch)
    }

    fn settled(&self, address: &str, found: bool) {
        let mut state = self.lock();
        state.under_way.remove(address);
        if !found {
            if state.barren.len() >= BARREN_KEPT {
                state.barren.pop_front();
            }
            let until = Instant::now() + BARREN;
            state.barren.push_back((address.to_owned(), until));
        }
    }

    async fn bring(&self, address: &str, asking: Asking) -> Option<PathBuf> {
        // Never closed, so this only waits.
        let _turn = self.turns.acquire().await;
        let picture = fetched(address, asking).await;
        let picture = picture.inspect_err(|why| tracing::info!(%why, "an icon was not fetched"));
        let (picture, kind) = picture.ok()?;
        let (icons, address) = (self.clone(), address.to_owned());
        let kept = tokio::task::spawn_blocking(move || icons.keep(&address, &picture, kind));
        let kept = kept.await.ok()?;
        kept.inspect_err(|why| tracing::warn!(%why, "an icon could not be kept"))
            .ok()
    }

    /// Writes it whole or not at all, and makes room.
    fn keep(&self, address: &str, picture: &[u8], kind: &str) -> io::Result<PathBuf> {
        make_private(&self.folder)?;
        let before = self.kept(address);
        let name = name(address);
        let path = self.folder.join(format!("{name}.{kind}"));
        let new = self.folder.join(format!("{name}.new"));
        fs::write(&new, picture)?;
        fs::rename(&new, &path)?;
        if let Some(before) = before.filter(|before| *before != path) {
            fs::remove_file(before)?;
        }
        self.make_room(&path)?;
        Ok(path)
    }

    /// The oldest go, but not the one that has just come.
    fn make_room(&self, newest: &Path) -> io::Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            let age = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            kept.push((entry.path() == newest, age, about.len(), entry.path()));
        }
        kept.sort();
        let mut left = kept.len();
        let mut bytes: u64 = kept.iter().map(|(_, _, length, _)| length).sum();
        for (newest, _, length, path) in kept {
            if newest || (left <= KEPT && bytes <= KEPT_BYTES) {
                break;
            }
            // Another one making room may have been faster.
            let _ = fs::remove_file(path);
            left -= 1;
            bytes -= length;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn fetched(address: &str, asking: Asking) -> Result<(Vec<u8>, &'static str), String> {
    let url = address.parse().map_err(|_| "no address".to_owned())?;
    let errand = Errand {
        own: asking.own,
        trusted: asking.feed,
        longest: LONGEST,
        headers: vec![(
            "Accept".into(),
            "image/png,image/jpeg,image/gif,image/webp".into(),
        )],
        ..Errand::get(url)
    };
    let brought = errand.run().await.map_err(|why| why.to_string())?;
    if !brought.status.is_success() {
        return Err(format!("status {}", brought.status));
    }
    if !brought.whole {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    let kind = kind(&brought.body)?;
    Ok((brought.body, kind))
}

/// What a picture is by its own bytes, as the ending of its file. Never what a server or a name
/// says, and never a format with a life of its own, like SVG.
fn kind(picture: &[u8]) -> Result<&'static str, String> {
    let kind = match imagesize::image_type(picture) {
        Ok(ImageType::Png) => "png",
        Ok(ImageType::Jpeg) => "jpg",
        Ok(ImageType::Gif) => "gif",
        Ok(ImageType::Webp) => "webp",
        _ => return Err("not a picture of a known kind".to_owned()),
    };
    match imagesize::blob_size(picture) {
        Ok(ImageSize { width, height })
            if (1..=WIDEST).contains(&width) && (1..=WIDEST).contains(&height) =>
        {
            Ok(kind)
        }
        Ok(ImageSize { width, height }) => Err(format!("{width} × {height} pixels")),
        Err(why) => Err(why.to_string()),
    }
}

fn name(address: &str) -> String {
    let digest = Sha256::digest(address.as_bytes());
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn is_fresh(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|about| about.modified());
    changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age < FRESH))
}

fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// The head of a PNG of this size, which is all that is ever read of it.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend(width.to_be_bytes());
        png.extend(height.to_be_bytes());
        png.extend(b"\x08\x06\0\0\0");
        png
    }

    /// Serves a body at every path, and counts.
    async fn server(body: Vec<u8>) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, SeqCst);
                let mut head = [0; 2048];
                let _ = stream.read(&mut head).await;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.write_all(&body).await;
            }
        });
        (url.parse().unwrap(), asked)
    }

    fn at(url: &Url) -> Asking {
        Asking {
            feed: Some(url.clone()),
            own: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_picture_is_fetched_once_however_many_ask() {
        let folder = tempfile::tempdir().unwrap();
        let icons = Icons::new(folder.path().join("icons"));
        let (url, asked) = server(png(64, 64)).await;
        let address = url.join("ada.png").unwrap().to_string();
        let all = (0..20).map(|_| icons.get(&address, at(&url)));
        let all = futures::future::join_all(all).await;
        let path = all[0].clone().unwrap();
        assert!(all.iter().all(|one| one.as_ref() == Some(&path)));
        assert_eq!(fs::read(&path).unwrap(), png(64, 64));
        assert_eq!(asked.load(SeqCst), 1);
        assert_eq!(icons.get(&address, at(&url)).await, Some(path.clone()));
        assert_eq!(icons.kept(&address), Some(path));
        assert_eq!(asked.load(SeqCst), 1, "kept");
    }

    #[tokio::test]
    async fn what_is_no_good_picture_is_not_kept_and_not_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let icons = Icons::new(folder.path().join("icons"));
        let mut long = png(64, 64);
        long.resize(LONGEST + 1, 0);
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>".to_vec();
        for (what, body) in [
            ("too wide", png(513, 10)),
            ("nothing", png(0, 10)),
            ("too long", long),
            ("SVG", svg),
            ("a page", b"<!doctype html>".to_vec()),
            ("empty", Vec::new()),
            ("cut", png(64, 64)[..20].to_vec()),
        ] {
            let (url, asked) = server(body).await;
            let address = url.to_string();
            assert_eq!(icons.get(&address, at(&url)).await, None, "{what}");
            assert_eq!(icons.get(&address, at(&url)).await, None, "{what}");
            assert_eq!(asked.load(SeqCst), 1, "{what}");
            assert_eq!(icons.kept(&address), None, "{what}");
        }
    }

    #[tokio::test]
    async fn nobody_at_home_is_asked_but_the_feed_itself() {
        let folder = tempfile::tempdir().unwrap();
        let icons = Icons::new(folder.path().join("icons"));
        let (url, asked) = server(png(64, 64)).await;
        let (other, _) = server(png(64, 64)).await;
        assert_eq!(icons.get(url.as_str(), at(&other)).await, None);
        let icons = Icons::new(folder.path().join("icons"));
        assert_eq!(icons.get(url.as_str(), Asking::default()).await, None);
        assert_eq!(asked.load(SeqCst), 0);
    }

    #[test]
    fn the_oldest_go_for_new_ones() {
        let folder = tempfile::tempdir().unwrap();
        let icons = Icons::new(folder.path().join("icons"));
        let now = SystemTime::now();
        for number in 0..KEPT + 20 {
            let path = icons.keep(&format!("a{number}"), b"x", "png").unwrap();
            let at = now - Duration::from_secs(3600) + Duration::from_secs(number as u64);
            let file = fs::File::options().append(true).open(path).unwrap();
            file.set_modified(at).unwrap();
        }
        let count = || fs::read_dir(folder.path().join("icons")).unwrap().count();
        assert_eq!(count(), KEPT);
        assert_eq!(
            (icons.kept("a19"), icons.kept("a20").is_some()),
            (None, true)
        );
        let large = vec![0; usize::try_from(KEPT_BYTES).unwrap()];
        let path = icons.keep("large", &large, "gif").unwrap();
        assert_eq!((count(), icons.kept("large")), (1, Some(path)));
    }
}
