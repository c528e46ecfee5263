//! The one owner of feeds, rules, inbox, settings and hub.
//!
//! A loop takes one thing at a time: a request, news of feeds, a timer, a
//! change of the settings file. Events are stored before anybody hears of them.

mod acts;
mod diagnose;
mod erase;
mod exchange;
mod follow;
mod forms;
mod hub;
mod keeping;
mod mapper;
mod quiet;
mod requests;
mod store;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fs::File,
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use feed::FeedConfig;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    NotifierConfig, NotifierError, Update,
    embedded::{Keeper, Running},
    icons::Icons,
    inbox::{Brings, Entry, Inbox, InboxError, Owed},
    notifier::{Reply, Request},
    presets,
    quiet::Quietness,
    ring::{Announcement, Ring, Settling},
    secrets::{SecretError, Secrets},
    settings::{FeedSettings, HubSettings, SettingsFile},
    subscription::{News, Subscription},
    text::{Locale, Localizer},
    view::{FeedState, QuietView, TestUpdate, Text},
};

/// The feed of `--try`.
pub(crate) const TRY_FEED: &str = "try";
/// Events taken from feeds at once, and stored in one transaction.
const BATCH: usize = 512;
/// From one look at what feeds brought to the next: what comes faster is stored together and told once.
const TURN: Duration = Duration::from_millis(20);
/// Bytes of events after which no more join a transaction.
const BATCH_BYTES: usize = 4 << 20;
/// News that may wait; beyond it, feeds wait, and through TCP their servers.
const NEWS: usize = 512;
/// Updates that may wait for the front end before tests of feeds have to wait.
const OUTBOX: usize = 64;
/// How long after a failed write the next is tried.
const WRITE_AGAIN: Duration = Duration::from_secs(5);
/// How long feeds get at the start to bring what was missed, before the summary.
const START_LIMIT: Duration = Duration::from_secs(5);
/// An editor writes in several steps: the file is read once it rests.
const SETTINGS_REST: Duration = Duration::from_millis(200);
/// How often old messages are removed.
const PURGE_EVERY: Duration = Duration::from_secs(6 * 3600);
/// The pause between two batches of a purge.
const PURGE_PAUSE: Duration = Duration::from_millis(50);

/// What tasks of the actor's own report to it.
enum Internal {
    /// A feed's secrets are resolved.
    Configured {
        feed: String,
        generation: u64,
        config: Result<Box<FeedConfig>, SecretError>,
    },
    /// A feed form's secrets are stored.
    Stored {
        feed: Box<FeedSettings>,
        result: Result<(), SecretError>,
        reply: Reply<String>,
    },
    /// The whole inbox was looked through.
    Checked(Result<(), InboxError>),
    /// The icon that an announcement waited for is there, or will not be.
    IconSettled { key: String },
    /// News of the running test.
    Test { generation: u64, update: TestUpdate },
    /// The hub's tokens or bans changed.
    HubChanged {
        /// So that it has to begin anew.
        anew: bool,
    },
}

pub(crate) struct Actor {
    config: NotifierConfig,
    file: SettingsFile,
    secrets: Secrets,
    localizer: Arc<Localizer>,
    inbox: Option<Inbox>,
    feeds: Vec<Subscription>,
    /// The proxy that feeds go through which name none.
    proxy: String,
    hub: Keeper,
    /// What the hub was told to be last.
    hub_wished: Option<HubSettings>,
    /// The hub that feeds were told of.
    hub_seen: Weak<Running>,
    /// The notifier's own feed listens with it where the hub asks for a token. Good for this run.
    hub_token: String,
    /// Feeds of the hub, with their generation, which connect once it is there.
    hub_feeds: Vec<(String, u64)>,
    /// Who waits for a first like.
    tries: Vec<Reply<()>>,
    quiet: Quietness,
    /// What was told of it last.
    quiet_told: Option<QuietView>,
    /// Troubles of the inbox and of notifications; those of the settings are read from the file.
    troubles: BTreeMap<&'static str, Text>,
    ring: Ring,
    icons: Icons,
    /// Announcements that wait a moment for their icon, by their keys, with the icon's address.
    dressing: HashMap<String, (Announcement, String)>,
    /// Requests of messages under way.
    errands: Arc<Semaphore>,
    settling: Settling,
    start_limit: Option<Instant>,
    unwritten: Vec<Unwritten>,
    unhandled: VecDeque<News>,
    /// Bulks under way, the oldest first.
    sweeps: VecDeque<keeping::Sweeping>,
    write_again: Option<Instant>,
    /// When news are taken again.
    next_turn: Instant,
    purge_at: Instant,
    settings_at: Option<Instant>,
    outbox: VecDeque<Update>,
    updates: mpsc::Sender<Update>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    internal: (mpsc::Sender<Internal>, mpsc::Receiver<Internal>),
    touched: (mpsc::Sender<()>, mpsc::Receiver<()>),
    test: Option<AbortOnDropHandle<()>>,
    /// Counts tests: news of an earlier one are not this one's.
    tests: u64,
    /// Feeds as they were before an edit or removal: undo finds their secrets here.
    earlier: VecDeque<FeedSettings>,
    /// A like is sent once the feed of the hub is live.
    like_when_live: bool,
    /// The hub runs whatever the settings say, until a person switches it off.
    hub_forced: bool,
    generation: u64,
    watcher: Option<RecommendedWatcher>,
    /// Held for as long as the data folder is ours.
    lock: File,
}

/// An entry that waits for its transaction, and what to do after it.
struct Unwritten {
    entry: Entry,
    /// Set if a new message would be owed a notification.
    owed: Option<Owed>,
}

impl Actor {
    /// Takes the data folder for itself and opens everything in it.
    pub(crate) async fn open(
        config: NotifierConfig,
        updates: mpsc::Sender<Update>,
    ) -> Result<Self, NotifierError> {
        let lock = lock(&config)?;
        Ok(Self::with_lock(config, updates, lock))
    }

    /// Opens everything in a data folder that is taken.
    fn with_lock(config: NotifierConfig, updates: mpsc::Sender<Update>, lock: File) -> Self {
        let localizer = Localizer::new(Locale::English);
        // The settings name them; what is wrong with them is said below, in the right language.
        presets::load(&presets::folder(&config.settings), &localizer);
        let file = SettingsFile::open(config.settings.clone());
        let localizer = Arc::new(Localizer::new(Locale::from_setting(
            &file.settings.general.language,
        )));
        let now = Instant::now();
        let touched = mpsc::channel(1);
        let trying = config.trying;
        let icons = Icons::new(config.data.join("icons"));
        let watcher = watch_settings(&config, touched.0.clone());
        let mut actor = Self {
            secrets: Secrets::new(config.data.join("secrets.json"), config.keyring),
            config,
            file,
            localizer,
            inbox: None,
            feeds: Vec::new(),
            proxy: String::new(),
            hub: Keeper::new(),
            hub_wished: None,
            hub_seen: Weak::new(),
            hub_token: own_token(),
            hub_feeds: Vec::new(),
            tries: Vec::new(),
            quiet: Quietness::default(),
            quiet_told: None,
            troubles: BTreeMap::new(),
            ring: Ring::default(),
            icons,
            dressing: HashMap::new(),
            errands: Arc::new(Semaphore::new(acts::ERRANDS)),
            settling: Settling::default(),
            start_limit: Some(now + START_LIMIT),
            unwritten: Vec::new(),
            unhandled: VecDeque::new(),
            sweeps: VecDeque::new(),
            write_again: None,
            next_turn: now,
            purge_at: now,
            settings_at: None,
            outbox: VecDeque::new(),
            updates,
            news: mpsc::channel(NEWS),
            internal: mpsc::channel(64),
            touched,
            test: None,
            tests: 0,
            earlier: VecDeque::new(),
            like_when_live: false,
            hub_forced: trying,
            generation: 0,
            watcher,
            lock,
        };
        actor.load_presets();
        actor.open_inbox();
        actor.recall_quiet();
        actor.forget_secrets();
        let settings = actor.file.settings.clone();
        actor.follow_hub();
        actor.follow_feeds(&settings);
        actor.recall_owed(now);
        actor
    }

    /// Runs until asked to stop.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH);
        let updates = self.updates.clone();
        loop {
            let timer = self.next_timer();
            let can_take = self.unhandled.is_empty() && self.unwritten.is_empty();
            let rests = self.next_turn > Instant::now();
            tokio::select! {
                request = requests.recv() => match request {
                    None | Some(Request::Stop(_)) => {
                        requests.close();
                        self.stop().await;
                        return;
                    }
                    Some(request) => self.obey(request).await,
                },
                Ok(permit) = updates.reserve(), if !self.outbox.is_empty() => {
                    if let Some(update) = self.outbox.pop_front() {
                        permit.send(update);
                    }
                }
                () = sleep_until(self.next_turn), if rests => {}
                taken = self.news.1.recv_many(&mut batch, BATCH), if can_take && !rests && taken_inbox(&self.inbox) => {
                    debug_assert!(taken > 0, "the actor holds a sender itself");
                    // From now on: in a flood, storing takes all of it.
                    self.next_turn = Instant::now() + TURN;
                    self.unhandled.extend(batch.drain(..));
                    self.handle_news();
                }
                Some(internal) = self.internal.1.recv(), if self.outbox.len() < OUTBOX => self.handle_internal(internal).await,
                Some(()) = self.touched.1.recv() => {
                    self.settings_at = Some(Instant::now() + SETTINGS_REST);
                }
                () = std::future::ready(()), if !self.sweeps.is_empty() => {
                    self.sweep_on();
                    // Nothing here waits: others on this runtime may.
                    tokio::task::yield_now().await;
                }
                () = self.hub.changed() => self.hub_changed().await,
                () = sleep_until(timer) => self.handle_timers().await,
            }
        }
    }

    async fn stop(mut self) {
        self.test = None;
        self.take_all_news();
        self.feeds.clear();
        self.hub.stop().await;
    }

    /// Where the settings are: relative paths in them begin there.
    fn folder(&self) -> PathBuf {
        let folder = self.config.settings.parent();
        folder.map(std::path::Path::to_owned).unwrap_or_default()
    }

    fn now_ms(&self) -> i64 {
        (self.config.clock)()
    }

    /// Queues an update; those that only say when merge.
    fn tell(&mut self, update: Update) {
        let merges = matches!(update, Update::App | Update::Inbox | Update::Settings);
        if !(merges && self.outbox.contains(&update)) {
            self.outbox.push_back(update);
        }
    }

    fn next_timer(&self) -> Instant {
        let quiet = self
            .quiet_changes_in()
            .map(|left| Instant::now() + Duration::from_millis(left));
        let renewal = self.feeds.iter().filter_map(|feed| feed.renew_at).min();
        let renewal = renewal.map(|at| {
            let left = u64::try_from(at.saturating_sub(self.now_ms())).unwrap_or(0);
            // Looked at again by then, if it is further away.
            Instant::now() + Duration::from_millis(left).min(PURGE_EVERY)
        });
        [
            self.write_again,
            self.settings_at,
            self.ring.due(),
            self.settling.next(),
            self.start_limit,
            quiet,
            renewal,
        ]
        .into_iter()
        .flatten()
        .fold(self.purge_at, Instant::min)
    }

    async fn handle_timers(&mut self) {
        let now = Instant::now();
        if self.write_again.is_some_and(|at| at <= now) {
            self.write_again = None;
            // Each of these plans the next try if it fails.
            if self.write(now) {
                self.handle_news();
                self.prepare_again();
            }
            if self.write_again.is_none() {
                self.troubles.remove("inbox-write");
                self.tell(Update::App);
            }
        }
        if self.settings_at.is_some_and(|at| at <= now) {
            self.settings_at = None;
            let before = self.file.settings.clone();
            let presets = presets::all();
            self.load_presets();
            let changed = presets != presets::all();
            if self.file.reload() || changed {
                self.file.check_again();
                tracing::info!("the settings file changed");
                self.settings_changed(&before).await;
            }
        }
        self.renew();
        self.settle(now);
        if self.purge_at <= now {
            self.purge(now);
        }
    }

    /// Rings for what waited, once no feed is expected to bring more.
    fn settle(&mut self, now: Instant) {
        self.follow_quiet();
        let limit = self.start_limit.is_some_and(|limit| limit <= now);
        let quiet = self.settling.pass(now);
        let starting = self
            .feeds
            .iter()
            .any(|feed| feed.state == FeedState::Connecting);
        if limit || (self.start_limit.is_some() && quiet && !starting) {
            self.start_limit = None;
        }
        if quiet && self.start_limit.is_none() {
            self.ring.settled(now);
        }
        let feeds = &self.feeds;
        let name = |id: &str| feed_name(feeds, id);
        let ring = &mut self.ring;
        let words = &self.localizer;
        let due: Vec<_> = std::iter::from_fn(|| ring.take_due(now, words, name)).collect();
        for announcement in due {
            self.announce(announcement);
        }
    }

    fn purge(&mut self, now: Instant) {
        let retention = self.retention();
        let now_ms = self.now_ms();
        let more = match self
            .inbox
            .as_mut()
            .map(|inbox| inbox.purge(&retention, now_ms))
        {
            Some(Ok(more)) => more,
            Some(Err(why)) => {
                tracing::warn!(%why, "old messages could not be removed");
                false
            }
            None => false,
        };
        self.purge_at = now + if more { PURGE_PAUSE } else { PURGE_EVERY };
    }

    async fn handle_internal(&mut self, internal: Internal) {
        match internal {
            Internal::Configured {
                feed,
                generation,
                config,
            } => self.configured(&feed, generation, config),
            Internal::Stored {
                feed,
                result,
                reply,
            } => self.feed_stored(&feed, result, reply).await,
            Internal::Checked(found) => self.inbox_checked(found),
            Internal::Test { generation, update } => {
                if self.test.is_some() && generation == self.tests {
                    self.tell(Update::Test(update));
                }
            }
            Internal::IconSettled { key } => self.icon_settled(&key),
            Internal::HubChanged { anew } => {
                if anew {
                    self.hub.again();
                }
                self.tell(Update::App);
            }
        }
    }
}

impl Unwritten {
    fn new(entry: Entry) -> Self {
        let draft = match &entry.brings {
            Brings::Message(draft) | Brings::Trial(draft) => Some(draft),
            _ => None,
        };
        let owed = draft.filter(|draft| draft.rings()).map(|draft| Owed {
            id: 0,
            feed: entry.feed.clone(),
            shown: draft.shown.clone(),
        });
        Self { entry, owed }
    }
}

fn feed_name(feeds: &[Subscription], id: &str) -> String {
    feeds
        .iter()
        .find(|feed| feed.settings.id == id)
        .map_or_else(|| id.to_owned(), |feed| feed.settings.name.clone())
}

fn inbox_trouble(why: &InboxError) -> Text {
    match why {
        InboxError::Newer { .. } => Text::new("trouble-inbox-newer"),
        InboxError::Damaged(why) | InboxError::Unavailable(why) => {
            Text::new("trouble-inbox-unavailable").with("why", why.to_string())
        }
    }
}

fn taken_inbox(inbox: &Option<Inbox>) -> bool {
    inbox.is_some()
}

/// A secret that nobody else can guess.
fn own_token() -> String {
    let mut bytes = [0; 32];
    // Without randomness the feed of the hub does not get in: nobody else does either.
    if getrandom::fill(&mut bytes).is_err() {
        return String::new();
    }
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
}

/// One notifier per data folder: two would double every message.
fn lock(config: &NotifierConfig) -> Result<File, NotifierError> {
    let data = |path: PathBuf| move |source| NotifierError::Data { path, source };
    make_private(&config.data).map_err(data(config.data.clone()))?;
    let path = config.data.join("lock");
    let file = private_file(&path).map_err(data(path.clone()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(NotifierError::Running),
        Err(std::fs::TryLockError::Error(source)) => Err(data(path)(source)),
    }
}

fn private_file(path: &std::path::Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_private(folder: &std::path::Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Editors replace files, so the folder is watched. Without a watcher a restart reads the file.
fn watch_settings(
    config: &NotifierConfig,
    touched: mpsc::Sender<()>,
) -> Option<RecommendedWatcher> {
    let path = config.settings.clone();
    let presets = presets::folder(&path);
    let folder = path.parent()?.to_owned();
    make_private(&folder).ok()?;
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reading the files touches them too; only changes count.
        let changed = |event: &notify::Event| {
            (event.kind.is_create() || event.kind.is_modify() || event.kind.is_remove())
                && event
                    .paths
                    .iter()
                    .any(|touched| *touched == path || touched.starts_with(&presets))
        };
        if event.as_ref().is_ok_and(changed) {
            // One that waits already says the same.
            let _ = touched.try_send(());
        }
    })
    .ok()?;
    watcher.watch(&folder, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
