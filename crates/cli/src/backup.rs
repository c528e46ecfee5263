//! `feedbell backup`: copies of the databases and the settings, also while a hub
//! or a notifier works with them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use front::places::Places;
use notifier::view::Text;
use rusqlite::{Connection, OpenFlags, backup::Backup};
use serde_json::json;

use crate::{args, exit::Ended, terminal::Terminal};

/// The databases of the data folder: the hub's log, who may use the hub, and
/// the inbox.
/// The hub's log.
const LOG: &str = "hub.db";
const DATABASES: [&str; 3] = [LOG, "hub-access.db", "inbox.db"];
/// What lies beside them: the hub's own certificate, which its clients know.
const BESIDE: [&str; 2] = ["hub-cert.pem", "hub-key.pem"];

/// Why there is no backup: each a sentence for the user.
enum Trouble {
    Taken(PathBuf),
    Nothing(PathBuf),
    /// The file that could not be copied.
    NotCopied(PathBuf, rusqlite::Error),
    Damaged(PathBuf, String),
    Other(anyhow::Error),
}

/// One file of a backup.
struct Copied {
    name: &'static str,
    bytes: u64,
}

pub(crate) fn backup(options: &args::Backup, terminal: &Terminal) -> anyhow::Result<Ended> {
    let sources = Sources::find(options.data.clone())?;
    let copied = match whole(&sources, &options.folder) {
        Ok(copied) => copied,
        Err(why) => {
            terminal.note(&terminal.text(why.words()?));
            return Ok(Ended::Trouble);
        }
    };
    let folder = options.folder.display().to_string();
    if options.json {
        let files: Vec<_> = copied
            .iter()
            .map(|file| json!({"name": file.name, "bytes": file.bytes}))
            .collect();
        terminal.say(&json!({"folder": folder, "files": files}).to_string())?;
    } else {
        for Copied { name, bytes } in copied {
            let file = Text::new("backup-file").with("name", name);
            terminal.say(&terminal.text(file.with("kib", bytes.div_ceil(1024).to_string())))?;
        }
        terminal.say(&terminal.text(Text::new("backup-done").with("folder", folder)))?;
    }
    Ok(Ended::Done)
}

/// Where the files lie.
struct Sources {
    data: PathBuf,
    settings: Vec<(&'static str, PathBuf)>,
}

impl Sources {
    /// The user's own; with a folder, what lies in it.
    fn find(data: Option<PathBuf>) -> anyhow::Result<Self> {
        let names = ["settings.toml", "serve.toml"];
        let (data, settings) = match data {
            Some(data) => (data.clone(), data),
            None => {
                let places = Places::find()?;
                let settings = places.settings.parent().map(Path::to_path_buf);
                (places.data, settings.unwrap_or_default())
            }
        };
        let settings = names.map(|name| (name, settings.join(name)));
        Ok(Self {
            data,
            settings: settings.into(),
        })
    }
}

/// Copies into a folder beside the wanted one and moves it there: a backup that
/// is there is whole.
fn whole(sources: &Sources, folder: &Path) -> Result<Vec<Copied>, Trouble> {
    match fs::read_dir(folder).map(|mut inside| inside.next().is_some()) {
        Ok(true) => return Err(Trouble::Taken(folder.to_owned())),
        Ok(false) => fs::remove_dir(folder).with_context(|| folder.display().to_string())?,
        Err(why) if why.kind() == ErrorKind::NotFound => {}
        Err(_) => return Err(Trouble::Taken(folder.to_owned())),
    }
    let mut part = folder.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    private_folder(&part).with_context(|| part.display().to_string())?;
    let done = copy_all(sources, &part).and_then(|copied| {
        fs::rename(&part, folder).with_context(|| folder.display().to_string())?;
        Ok(copied)
    });
    if done.is_err() {
        // It is ours alone, and of no use.
        let _ = fs::remove_dir_all(&part);
    }
    done
}

fn copy_all(sources: &Sources, to: &Path) -> Result<Vec<Copied>, Trouble> {
    let mut copied = Vec::new();
    for name in DATABASES {
        let (from, to) = (sources.data.join(name), to.join(name));
        if from.exists() {
            private_file(&to).with_context(|| to.display().to_string())?;
            copy_database(&from, &to)?;
            copied.push(Copied::new(name, &to)?);
        }
    }
    if copied.is_empty() {
        return Err(Trouble::Nothing(sources.data.clone()));
    }
    let beside = BESIDE.map(|name| (name, sources.data.join(name)));
    for (name, from) in sources.settings.iter().chain(&beside) {
        let to = to.join(name);
        if copy_file(from, &to).with_context(|| from.display().to_string())? {
            copied.push(Copied::new(name, &to)?);
        }
    }
    Ok(copied)
}

impl Copied {
    fn new(name: &'static str, path: &Path) -> anyhow::Result<Self> {
        let bytes = fs::metadata(path).with_context(|| path.display().to_string())?;
        Ok(Self {
            name,
            bytes: bytes.len(),
        })
    }
}

/// Copies a database as it is at one moment, and looks whether the copy is
/// sound. Whoever writes to the database meanwhile does not wait.
fn copy_database(from: &Path, to: &Path) -> Result<(), Trouble> {
    let not_copied = |why| Trouble::NotCopied(from.to_owned(), why);
    let copy = || -> rusqlite::Result<String> {
        let reading = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Connection::open_with_flags(from, reading)?;
        source.busy_timeout(Duration::from_secs(10))?;
        let mut copy = Connection::open(to)?;
        // In one step: it begins anew whenever somebody writes between two.
        Backup::new(&source, &mut copy)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
        // One file, without a journal beside it.
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        if from.file_name().is_some_and(|name| name == LOG) {
            // Put back, it goes on otherwise than the original did: with an
            // epoch of its own, who had got further hears of a gap.
            copy.execute("UPDATE hub SET epoch = lower(hex(randomblob(5)))", [])?;
            // What was a node's copy of a shared log is a log of its own.
            let version: i64 = copy.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version >= 3 {
                let alone = "UPDATE hub SET base = NULL, micros = 0, lineage = 0,
                                 node = lower(hex(randomblob(4)))";
                copy.execute(alone, [])?;
            }
        }
        copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
    };
    match copy().map_err(not_copied)?.as_str() {
        "ok" => Ok(()),
        what => Err(Trouble::Damaged(from.to_owned(), what.to_owned())),
    }
}

/// Copies a file, if it is there.
fn copy_file(from: &Path, to: &Path) -> io::Result<bool> {
    let mut source = match File::open(from) {
        Ok(source) => source,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(false),
        Err(why) => return Err(why),
    };
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes)?;
    let mut file = private_file(to)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    Ok(true)
}

/// A new file that its owner alone can read.
fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new folder that its owner alone can look into.
fn private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

impl Trouble {
    /// The sentence, or the error that has none of ours.
    fn words(self) -> anyhow::Result<Text> {
        let text = |id, path: &Path| Text::new(id).with("path", path.display().to_string());
        Ok(match self {
            Self::Taken(path) => text("backup-taken", &path),
            Self::Nothing(path) => text("backup-nothing", &path),
            Self::NotCopied(path, why) => {
                text("backup-not-copied", &path).with("why", why.to_string())
            }
            Self::Damaged(path, what) => text("backup-damaged", &path).with("why", what),
            Self::Other(why) => return Err(why),
        })
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(why: anyhow::Error) -> Self {
        Self::Other(why)
    }
}
