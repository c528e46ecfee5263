//! Erasing: what is gone afterwards is in no file of ours.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    Actor,
    requests::{answer, refused_inbox},
};
use crate::{
    Update,
    embedded::Keeper,
    notifier::Reply,
    presets,
    settings::SettingsError,
    view::{Erase, Refusal, Text},
};

/// How long the hub's log may take to close.
const CLOSES_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(20);
/// What our files in the data folder begin with: databases with their companions, copies of older
/// versions and damaged ones; the hub's tokens and certificate; secrets.
const OURS: [&str; 4] = ["inbox.db", "hub.db", "hub-", "secrets.json"];
/// Our folders there.
const FOLDERS: [&str; 1] = ["icons"];

impl Actor {
    pub(super) async fn erase(&mut self, what: Erase, reply: Reply<()>) {
        match what {
            Erase::Messages => answer(reply, self.erase_messages()),
            Erase::Settings => answer(reply, self.erase_settings().await),
            Erase::Everything => self.erase_everything(reply).await,
        }
    }

    fn erase_messages(&mut self) -> Result<(), Refusal> {
        // What waits to be stored is a message, too.
        self.take_all_news();
        self.write(Instant::now());
        let Some(inbox) = &mut self.inbox else {
            return Err(Refusal::of(Text::new("refused-no-inbox")));
        };
        let erased = inbox.erase_all().map_err(|why| refused_inbox(&why));
        self.withdraw_all();
        self.tell(Update::Inbox);
        self.tell(Update::App);
        erased?;
        let copies = files(&self.config.data, |name| name.starts_with("inbox.db."));
        let icons = FOLDERS.map(|name| self.config.data.join(name));
        let removed = copies.into_iter().chain(icons).map(|path| remove(&path));
        removed.fold(Ok(()), Result::and)
    }

    async fn erase_settings(&mut self) -> Result<(), Refusal> {
        let before = self.file.settings.clone();
        let reset = self.file.reset();
        self.hub_forced = self.config.trying;
        self.settings_changed(&before).await;
        match reset {
            Ok(kept) => {
                tracing::info!(?kept, "the settings are the defaults again");
                Ok(())
            }
            Err(why) => Err(refused_settings(&why)),
        }
    }

    /// Takes everything apart, erases it, and begins as on the first day. The answer comes once the
    /// keyring, which may ask its person first, has forgotten the secrets.
    async fn erase_everything(&mut self, reply: Reply<()>) {
        let mut names = self.secrets_to_forget();
        names.extend(self.secret_names());
        self.withdraw_all();
        self.test = None;
        self.feeds.clear();
        self.unhandled.clear();
        self.unwritten.clear();
        // With these, whoever waits for an answer of what is no more has one.
        self.tries.clear();
        std::mem::replace(&mut self.hub, Keeper::new()).stop().await;
        self.hub_closed().await;
        self.inbox = None;
        let done = self.erase_files();
        if let Err(refusal) = &done {
            tracing::error!(why = ?refusal.text, "not everything could be erased");
        }
        if let Err(why) = self.begin_anew() {
            return answer(reply, done.and(Err(why)));
        }
        let secrets = self.secrets.clone();
        let names: Vec<String> = names.into_iter().collect();
        tokio::spawn(async move {
            let forgotten = secrets.forget(&names).await;
            let forgotten = forgotten.map_err(|why| Refusal::of(why.text()));
            answer(reply, done.and(forgotten));
        });
    }

    /// What runs is what a start would make of empty folders. What is not ours to forget is kept: the
    /// lock, who listens to us, and what the desktop said of itself.
    fn begin_anew(&mut self) -> Result<(), Refusal> {
        let lock = self
            .lock
            .try_clone()
            .map_err(|why| unerased(&self.config.data, &why))?;
        let mut fresh = Self::with_lock(self.config.clone(), self.updates.clone(), lock);
        fresh.outbox = std::mem::take(&mut self.outbox);
        fresh.generation += self.generation;
        fresh.tests = self.tests;
        // It knows which pop-ups are still on their way, and have to go.
        fresh.ring = std::mem::take(&mut self.ring);
        fresh.set_system_quiet(self.quiet.system);
        if let Some(trouble) = self.troubles.remove("notifications") {
            fresh.troubles.insert("notifications", trouble);
        }
        *self = fresh;
        for update in [Update::Settings, Update::Inbox, Update::App] {
            self.tell(update);
        }
        Ok(())
    }

    fn withdraw_all(&mut self) {
        let mut unseen: Vec<i64> = Vec::new();
        self.outbox.retain(|update| match update {
            Update::Notify(announcement) => {
                unseen.extend(&announcement.ids);
                false
            }
            _ => true,
        });
        let dressing = self.dressing.drain();
        unseen.extend(dressing.flat_map(|(_, (announcement, _))| announcement.ids));
        self.ring.failed(&unseen);
        for key in self.ring.forget_all() {
            self.tell(Update::Withdraw(key));
        }
    }

    /// The log closes in a thread of its own; until then it holds its lock.
    async fn hub_closed(&self) {
        let path = self.config.data.join("hub.db.lock");
        let until = Instant::now() + CLOSES_WITHIN;
        while Instant::now() < until
            && let Ok(lock) = File::open(&path)
            && matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock))
        {
            sleep(LOOK).await;
        }
    }

    /// Removes all that can be removed; gives the first that cannot.
    fn erase_files(&self) -> Result<(), Refusal> {
        let data = &self.config.data;
        let settings = self.file.path();
        let name = settings.file_name().unwrap_or_default().to_string_lossy();
        let beside = settings.parent().unwrap_or(data);
        let mut doomed = files(data, |name| OURS.iter().any(|ours| name.starts_with(ours)));
        doomed.extend(FOLDERS.map(|name| data.join(name)));
        let copies = [".new", ".before-reset"].map(|end| format!("{name}{end}"));
        doomed.extend(files(beside, |other| {
            copies.iter().any(|copy| other.starts_with(copy.as_str()))
        }));
        let presets = presets::folder(settings);
        doomed.extend(files(&presets, |name| {
            Path::new(name).extension() == Some("toml".as_ref())
        }));
        // A link leads to what is meant.
        doomed.extend(std::fs::canonicalize(settings));
        doomed.push(settings.to_owned());
        let removed = doomed.iter().map(|path| remove(path));
        let mut done = removed.fold(Ok(()), Result::and);
        // Gone unless somebody else has something in it.
        let _ = std::fs::remove_dir(presets);
        for path in self.config.logs.iter().flat_map(|folder| log_files(folder)) {
            done = done.and(empty(&path).map_err(|why| unerased(&path, &why)));
        }
        done
    }
}

/// Our log files in a folder.
pub(super) fn log_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, |name| {
        name.starts_with("feedbell") && name.ends_with(".log")
    })
}

/// The log is written to still: what is written next begins an empty file.
fn empty(path: &Path) -> io::Result<()> {
    File::options().write(true).open(path)?.set_len(0)
}

fn files(folder: &Path, ours: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| ours(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

fn remove(path: &Path) -> Result<(), Refusal> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(why) => Err(why),
    };
    match removed {
        Err(why) if why.kind() != io::ErrorKind::NotFound => Err(unerased(path, &why)),
        _ => Ok(()),
    }
}

fn unerased(path: &Path, why: &io::Error) -> Refusal {
    Refusal::of(
        Text::new("erase-file")
            .with("path", path.display().to_string())
            .with("why", why.to_string()),
    )
}

fn refused_settings(why: &SettingsError) -> Refusal {
    Refusal::of(why.text())
}
