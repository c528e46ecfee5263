//! The notifier's two doors: requests in, updates out.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use crate::{
    actor::Actor,
    ring::Announcement,
    text::Localizer,
    view::{
        AppView, Bulk, BulkDone, Deed, Erase, ExportFormat, Exported, Facets, FeedForm,
        GeneralForm, HubForm, HubLists, HubMode, Imported, MessageDetail, MessagePage,
        MessageQuery, NewTokenView, PauseView, Preview, RawEvent, RecentEvent, Refusal, SendForm,
        SettingsView, TestUpdate, Text, TokenForm, Which,
    },
};

/// Requests that may wait; a front end that asks faster waits itself.
const REQUESTS: usize = 64;
/// Updates that may wait for the front end; further ones merge.
const UPDATES: usize = 64;

/// Where "now" comes from, in milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// What a notifier is started with.
#[derive(Clone)]
pub struct NotifierConfig {
    /// The settings file.
    pub settings: PathBuf,
    /// The folder of the inbox and the hub's log.
    pub data: PathBuf,
    /// The hub's own socket, over which programs of this user need no token.
    pub hub_socket: PathBuf,
    /// The folder of the log files, where there is one: for diagnostics, and to be erased.
    pub logs: Option<PathBuf>,
    /// Start the hub and a feed subscribed to it, whatever the settings say.
    pub trying: bool,
    /// Whether secrets go to the system's keyring.
    pub keyring: bool,
    /// Where "now" comes from.
    pub clock: Clock,
}

/// Why a notifier could not start.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// Another one has this inbox open: talk to it over its control socket.
    #[error("Feedbell is already running with this inbox")]
    Running,
    /// The data folder cannot be used.
    #[error("{path}: {source}")]
    Data {
        /// The folder or file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
}

impl NotifierError {
    /// The sentence for the user.
    #[must_use]
    pub fn text(&self) -> Text {
        match self {
            NotifierError::Running => Text::new("trouble-running"),
            NotifierError::Data { path, source } => Text::new("trouble-data")
                .with("path", path.display().to_string())
                .with("why", source.to_string()),
        }
    }
}

/// What the notifier tells a front end. Except for [`Update::Notify`], updates only say when to
/// ask again; equal ones that were not taken yet merge.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// Show this, then call [`NotifierHandle::shown`] or [`NotifierHandle::not_shown`].
    Notify(Announcement),
    /// Take the pop-up with this key away, if it is still there.
    Withdraw(String),
    /// Feeds, hub, pause, troubles or counts changed.
    App,
    /// The inbox changed.
    Inbox,
    /// The settings changed.
    Settings,
    /// News of the running feed test.
    Test(TestUpdate),
    /// Bring up the window, with this message or page.
    Open {
        /// The message.
        message: Option<i64>,
        /// `inbox`, `hub` or `settings`.
        page: Option<String>,
    },
}

/// Whom a wake-up concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every feed: also what looks alive may be dead.
    All,
    /// Feeds that are not live.
    NotLive,
}

pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// Everything that front ends can ask.
pub(crate) enum Request {
    App(Reply<AppView>),
    Messages(MessageQuery, Reply<MessagePage>),
    Message(i64, Reply<Option<MessageDetail>>),
    Link(i64, Reply<Option<String>>),
    Settings(Reply<SettingsView>),
    MarkRead(Which, bool, Reply<()>),
    Pin(Which, bool, Reply<()>),
    Done(Which, bool, Reply<()>),
    Delete(Which, Reply<()>),
    Restore(Which, Reply<()>),
    Bulk(MessageQuery, Bulk, Reply<BulkDone>),
    UndoBulk(BulkDone, Reply<()>),
    Facets(Vec<String>, Reply<Facets>),
    ExportMessages(MessageQuery, ExportFormat, PathBuf, Reply<Exported>),
    Act(i64, u32, Reply<Deed>),
    Icon(i64, Reply<Option<PathBuf>>),
    Mute(String, Option<i64>, Reply<()>),
    Unmute(String, Reply<()>),
    SystemQuiet(bool, Reply<()>),
    Preview(Box<FeedForm>, RawEvent, Reply<Preview>),
    RecentEvents(String, Reply<Vec<RecentEvent>>),
    TestMessage(String, Reply<()>),
    ExportFeeds(PathBuf, Reply<Exported>),
    ImportFeeds(String, Reply<Imported>),
    Diagnostics(Reply<String>),
    Erase(Erase, Reply<()>),
    SaveGeneral(GeneralForm, Reply<()>),
    SaveHub(HubForm, Reply<()>),
    SwitchHub(HubMode, Reply<()>),
    HubLists(Reply<HubLists>),
    CreateToken(TokenForm, Reply<NewTokenView>),
    RevokeToken(String, Reply<()>),
    Disconnect(u64, bool, Reply<()>),
    Unban(String, Reply<()>),
    SaveFeed(Box<FeedForm>, Reply<String>),
    RemoveFeed(String, Reply<()>),
    Pause(Option<PauseView>, Reply<()>),
    Snooze(i64, Reply<()>),
    Reconnect(Option<String>, Reply<()>),
    Woken(Reach, Reply<()>),
    TestFeed(Box<FeedForm>, Reply<()>),
    StopTest(Reply<()>),
    Send(SendForm, Reply<String>),
    TryIt(Reply<()>),
    Shown(String, Vec<i64>, Reply<()>),
    NotShown(Vec<i64>, Text, Reply<()>),
    CanNotify(Option<Text>, Reply<()>),
    Open(Option<i64>, Option<String>, Reply<()>),
    Localizer(Reply<Arc<Localizer>>),
    Stop(Reply<()>),
}

/// Talks to a running notifier. Cheap to clone.
#[derive(Clone, Debug)]
pub struct NotifierHandle {
    requests: mpsc::Sender<Request>,
}

/// Starts a notifier on the current Tokio runtime: one thread that owns everything.
///
/// # Errors
/// When another one runs with the same data, or the data folder cannot be used. Anything else,
/// like a damaged inbox or wrong settings, is told as a trouble while the rest goes on.
pub async fn start(
    config: NotifierConfig,
) -> Result<(NotifierHandle, mpsc::Receiver<Update>), NotifierError> {
    let (requests, request_receiver) = mpsc::channel(REQUESTS);
    let (updates, update_receiver) = mpsc::channel(UPDATES);
    let (opened, started) = oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    let path = config.data.clone();
    let thread = std::thread::Builder::new().name("notifier".to_owned());
    // A thread of its own: SQLite waits for the disk here, and nobody else does.
    thread
        .spawn(move || {
            runtime.block_on(async move {
                match Actor::open(config, updates).await {
                    Ok(actor) => {
                        let _ = opened.send(Ok(()));
                        actor.run(request_receiver).await;
                    }
                    Err(why) => {
                        let _ = opened.send(Err(why));
                    }
                }
            });
        })
        .map_err(|source| NotifierError::Data {
            path: path.clone(),
            source,
        })?;
    started.await.unwrap_or_else(|_| {
        Err(NotifierError::Data {
            path,
            source: std::io::Error::other("the notifier did not start"),
        })
    })?;
    Ok((NotifierHandle { requests }, update_receiver))
}

impl NotifierHandle {
    /// Feeds, hub, pause, troubles and counts.
    ///
    /// # Errors
    /// Every request is refused while the notifier shuts down.
    pub async fn app(&self) -> Result<AppView, Refusal> {
        self.ask(Request::App).await
    }

    /// One page of messages.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn messages(&self, query: MessageQuery) -> Result<MessagePage, Refusal> {
        self.ask(|reply| Request::Messages(query, reply)).await
    }

    /// One message.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn message(&self, id: i64) -> Result<Option<MessageDetail>, Refusal> {
        self.ask(|reply| Request::Message(id, reply)).await
    }

    /// Where a message leads: http, https or mailto.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn link(&self, id: i64) -> Result<Option<String>, Refusal> {
        self.ask(|reply| Request::Link(id, reply)).await
    }

    /// The settings, without secrets.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn settings(&self) -> Result<SettingsView, Refusal> {
        self.ask(Request::Settings).await
    }

    /// Marks messages read or unread.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn mark_read(&self, which: impl Into<Which>, read: bool) -> Result<(), Refusal> {
        let which = which.into();
        self.ask(|reply| Request::MarkRead(which, read, reply))
            .await
    }

    /// Pins or unpins messages.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn pin(&self, which: impl Into<Which>, pinned: bool) -> Result<(), Refusal> {
        let which = which.into();
        self.ask(|reply| Request::Pin(which, pinned, reply)).await
    }

    /// Puts messages out of the usual lists, or back. What is done is read, too.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn done(&self, which: impl Into<Which>, done: bool) -> Result<(), Refusal> {
        let which = which.into();
        self.ask(|reply| Request::Done(which, done, reply)).await
    }

    /// Deletes messages; [`NotifierHandle::restore`] takes it back within a day.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn delete(&self, which: impl Into<Which>) -> Result<(), Refusal> {
        let which = which.into();
        self.ask(|reply| Request::Delete(which, reply)).await
    }

    /// Takes a deletion back.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn restore(&self, which: impl Into<Which>) -> Result<(), Refusal> {
        let which = which.into();
        self.ask(|reply| Request::Restore(which, reply)).await
    }

    /// Does something with all messages that match; what it gives takes it back.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn bulk(&self, query: MessageQuery, what: Bulk) -> Result<BulkDone, Refusal> {
        self.ask(|reply| Request::Bulk(query, what, reply)).await
    }

    /// Takes back what was done with all messages that matched.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn undo_bulk(&self, done: BulkDone) -> Result<(), Refusal> {
        self.ask(|reply| Request::UndoBulk(done, reply)).await
    }

    /// What the list of these feeds (none: all) can be filtered by.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn facets(&self, feeds: Vec<String>) -> Result<Facets, Refusal> {
        self.ask(|reply| Request::Facets(feeds, reply)).await
    }

    /// Writes all messages that match into a new file in a folder.
    ///
    /// # Errors
    /// When the inbox cannot be used or the file cannot be written.
    pub async fn export_messages(
        &self,
        query: MessageQuery,
        format: ExportFormat,
        folder: PathBuf,
    ) -> Result<Exported, Refusal> {
        self.ask(|reply| Request::ExportMessages(query, format, folder, reply))
            .await
    }

    /// Does what a message offers at this place; the rest is left to the front end.
    ///
    /// # Errors
    /// When there is no such action, it is not allowed, or the server refuses.
    pub async fn act(&self, id: i64, place: u32) -> Result<Deed, Refusal> {
        self.ask(|reply| Request::Act(id, place, reply)).await
    }

    /// The picture of a message's remote icon, fetched if it has one and its feed allows it.
    ///
    /// # Errors
    /// When the inbox cannot be used. A picture that cannot be had is none.
    pub async fn icon(&self, id: i64) -> Result<Option<PathBuf>, Refusal> {
        self.ask(|reply| Request::Icon(id, reply)).await
    }

    /// Mutes a feed until a moment (milliseconds since the Unix epoch) or for good.
    ///
    /// # Errors
    /// When there is no such feed.
    pub async fn mute(&self, feed: String, until: Option<i64>) -> Result<(), Refusal> {
        self.ask(|reply| Request::Mute(feed, until, reply)).await
    }

    /// Ends the muting of a feed.
    ///
    /// # Errors
    /// When there is no such feed.
    pub async fn unmute(&self, feed: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::Unmute(feed, reply)).await
    }

    /// Whether the system's do-not-disturb is on.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn system_quiet(&self, on: bool) -> Result<(), Refusal> {
        self.ask(|reply| Request::SystemQuiet(on, reply)).await
    }

    /// What the rules of a feed that need not be saved make of an event.
    ///
    /// # Errors
    /// Wrong fields, each named.
    pub async fn preview(&self, form: FeedForm, raw: RawEvent) -> Result<Preview, Refusal> {
        self.ask(|reply| Request::Preview(Box::new(form), raw, reply))
            .await
    }

    /// The last events of a feed, newest first.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn recent_events(&self, feed: String) -> Result<Vec<RecentEvent>, Refusal> {
        self.ask(|reply| Request::RecentEvents(feed, reply)).await
    }

    /// Sends a test through a feed's rules, the inbox, quiet hours and a real notification.
    ///
    /// # Errors
    /// When there is no such feed, or the inbox cannot be used.
    pub async fn test_message(&self, feed: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::TestMessage(feed, reply)).await
    }

    /// Writes all feeds, without their secrets, into a new file in a folder.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn export_feeds(&self, folder: PathBuf) -> Result<Exported, Refusal> {
        self.ask(|reply| Request::ExportFeeds(folder, reply)).await
    }

    /// Adds the feeds of an exported file's text.
    ///
    /// # Errors
    /// When the text is no such file, or the settings cannot be written.
    pub async fn import_feeds(&self, text: String) -> Result<Imported, Refusal> {
        self.ask(|reply| Request::ImportFeeds(text, reply)).await
    }

    /// What helps to find out what is wrong, without secrets and without messages.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn diagnostics(&self) -> Result<String, Refusal> {
        self.ask(Request::Diagnostics).await
    }

    /// Erases for good. Nothing takes it back.
    ///
    /// # Errors
    /// When a file cannot be erased; the sentence names it.
    pub async fn erase(&self, what: Erase) -> Result<(), Refusal> {
        self.ask(|reply| Request::Erase(what, reply)).await
    }

    /// Saves the general settings.
    ///
    /// # Errors
    /// Wrong fields, each named; or the file cannot be written.
    pub async fn save_general(&self, form: GeneralForm) -> Result<(), Refusal> {
        self.ask(|reply| Request::SaveGeneral(form, reply)).await
    }

    /// Saves the hub's settings.
    ///
    /// # Errors
    /// Wrong fields, each named; or the file cannot be written.
    pub async fn save_hub(&self, form: HubForm) -> Result<(), Refusal> {
        self.ask(|reply| Request::SaveHub(form, reply)).await
    }

    /// Switches the hub, which then starts or stops in its own time; see [`AppView::hub`]. The
    /// same once more tries again what failed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn switch_hub(&self, mode: HubMode) -> Result<(), Refusal> {
        self.ask(|reply| Request::SwitchHub(mode, reply)).await
    }

    /// Who listens, who may, and who is kept away. Empty lists while the hub does not run.
    ///
    /// # Errors
    /// When the hub cannot read them.
    pub async fn hub_lists(&self) -> Result<HubLists, Refusal> {
        self.ask(Request::HubLists).await
    }

    /// Makes a token of the hub. Its secret is in the answer and nowhere else.
    ///
    /// # Errors
    /// Wrong fields, each named; or the hub does not run or refuses.
    pub async fn create_token(&self, form: TokenForm) -> Result<NewTokenView, Refusal> {
        self.ask(|reply| Request::CreateToken(form, reply)).await
    }

    /// Revokes a token of the hub; what it opened ends at once.
    ///
    /// # Errors
    /// When the hub does not run or refuses. One that is gone already is no error.
    pub async fn revoke_token(&self, id: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::RevokeToken(id, reply)).await
    }

    /// Ends one subscriber's stream, and with `ban` keeps its users away until
    /// [`unban`](Self::unban).
    ///
    /// # Errors
    /// When the hub does not run or refuses. One that is gone already is no error, unless it
    /// should be kept away.
    pub async fn disconnect(&self, id: u64, ban: bool) -> Result<(), Refusal> {
        self.ask(|reply| Request::Disconnect(id, ban, reply)).await
    }

    /// Lets a user back in.
    ///
    /// # Errors
    /// When the hub does not run or refuses.
    pub async fn unban(&self, uid: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::Unban(uid, reply)).await
    }

    /// Saves a feed, new or changed; gives its id.
    ///
    /// # Errors
    /// Wrong fields, each named; or the file or a secret cannot be written.
    pub async fn save_feed(&self, form: FeedForm) -> Result<String, Refusal> {
        self.ask(|reply| Request::SaveFeed(Box::new(form), reply))
            .await
    }

    /// Takes a feed out of the settings. Its messages stay.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub async fn remove_feed(&self, id: String) -> Result<(), Refusal> {
        self.ask(|reply| Request::RemoveFeed(id, reply)).await
    }

    /// Pauses notifications until a moment (milliseconds since the Unix epoch) or until resumed.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn pause(&self, until: Option<i64>) -> Result<(), Refusal> {
        self.ask(|reply| Request::Pause(Some(PauseView { until }), reply))
            .await
    }

    /// Pauses notifications until a moment (milliseconds since the Unix epoch), and never ends a pause
    /// sooner.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn snooze(&self, until: i64) -> Result<(), Refusal> {
        self.ask(|reply| Request::Snooze(until, reply)).await
    }

    /// Ends a pause.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn resume(&self) -> Result<(), Refusal> {
        self.ask(|reply| Request::Pause(None, reply)).await
    }

    /// Connects one feed, or all, anew at once.
    ///
    /// # Errors
    /// When there is no such feed.
    pub async fn reconnect(&self, feed: Option<String>) -> Result<(), Refusal> {
        self.ask(|reply| Request::Reconnect(feed, reply)).await
    }

    /// The machine woke up or its network changed: feeds connect anew at once, except those that
    /// were asked to stay away.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn woken(&self, reach: Reach) -> Result<(), Refusal> {
        self.ask(|reply| Request::Woken(reach, reply)).await
    }

    /// Starts a test of a feed that need not be saved; news come as [`Update::Test`].
    ///
    /// # Errors
    /// Wrong fields, each named; or a secret cannot be had.
    pub async fn test_feed(&self, form: FeedForm) -> Result<(), Refusal> {
        self.ask(|reply| Request::TestFeed(Box::new(form), reply))
            .await
    }

    /// Ends the running test.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn stop_test(&self) -> Result<(), Refusal> {
        self.ask(Request::StopTest).await
    }

    /// Publishes through the embedded hub, once it runs if it is starting; gives the position.
    ///
    /// # Errors
    /// When the hub is off, does not start, or refuses.
    pub async fn send(&self, form: SendForm) -> Result<String, Refusal> {
        self.ask(|reply| Request::Send(form, reply)).await
    }

    /// Shows a newcomer the whole way: the hub on, a feed of it, and one like through both.
    ///
    /// # Errors
    /// When the hub cannot start or the settings cannot be written.
    pub async fn try_it(&self) -> Result<(), Refusal> {
        self.ask(Request::TryIt).await
    }

    /// A notification is on the screen: nothing more is owed for its messages.
    ///
    /// # Errors
    /// When the inbox cannot be used.
    pub async fn shown(&self, announcement: Announcement) -> Result<(), Refusal> {
        self.ask(|reply| Request::Shown(announcement.key, announcement.ids, reply))
            .await
    }

    /// A notification could not be shown; it stays owed.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn not_shown(&self, announcement: Announcement, why: Text) -> Result<(), Refusal> {
        self.ask(|reply| Request::NotShown(announcement.ids, why, reply))
            .await
    }

    /// Whether notifications can be shown. What is owed comes again, as one summary.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn can_notify(&self, trouble: Option<Text>) -> Result<(), Refusal> {
        self.ask(|reply| Request::CanNotify(trouble, reply)).await
    }

    /// Asks the front end to come up.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn open(&self, message: Option<i64>, page: Option<String>) -> Result<(), Refusal> {
        self.ask(|reply| Request::Open(message, page, reply)).await
    }

    /// The texts in the language in force.
    ///
    /// # Errors
    /// While shutting down.
    pub async fn localizer(&self) -> Result<Arc<Localizer>, Refusal> {
        self.ask(Request::Localizer).await
    }

    /// Shuts down: feeds are closed, the hub says goodbye, the inbox is closed.
    pub async fn stop(&self) {
        let _ = self.ask(Request::Stop).await;
        self.requests.closed().await;
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Refusal> {
        let stopping = || Refusal::of(Text::new("refused-stopping"));
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(request(reply))
            .await
            .map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

impl Refusal {
    /// A refusal with one sentence.
    #[must_use]
    pub fn of(text: Text) -> Self {
        Self {
            text,
            fields: Vec::new(),
        }
    }
}
