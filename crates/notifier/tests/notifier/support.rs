//! A notifier in a folder of its own, and waiting for what it tells.

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use notifier::{
    Announcement, NotifierConfig, NotifierError, NotifierHandle, Update, start, system_clock,
    view::{
        AccessForm, AppView, ConnectionForm, FeedForm, FeedState, FeedView, HubState, MessageQuery,
        MessageRow, SendTo, TestUpdate, Text,
    },
};
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{Instant, timeout_at},
};

use crate::fixtures::{Server, Site};

/// How long anything may take before it counts as never.
const PATIENCE: Duration = Duration::from_secs(25);

/// Settings and data of one notifier; outlives its runs.
pub(crate) struct Desk {
    folder: TempDir,
}

impl Desk {
    /// With these settings, in English.
    pub(crate) fn new(settings: &str) -> Self {
        let desk = Self {
            folder: TempDir::new().unwrap(),
        };
        std::fs::create_dir_all(desk.data()).unwrap();
        desk.write_settings(&format!("language = \"en\"\n{settings}"));
        desk
    }

    pub(crate) fn settings_path(&self) -> PathBuf {
        self.folder.path().join("config/settings.toml")
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn hub_socket(&self) -> PathBuf {
        self.path("run/hub.sock")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write_settings(&self, text: &str) {
        let path = self.settings_path();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read_settings(&self) -> String {
        std::fs::read_to_string(self.settings_path()).unwrap()
    }

    pub(crate) async fn start(&self) -> Bell {
        self.try_start().await.unwrap()
    }

    /// As `--try` starts it.
    pub(crate) async fn start_trying(&self) -> Bell {
        self.start_as(true).await.unwrap()
    }

    pub(crate) async fn try_start(&self) -> Result<Bell, NotifierError> {
        self.start_as(false).await
    }

    async fn start_as(&self, trying: bool) -> Result<Bell, NotifierError> {
        let config = NotifierConfig {
            settings: self.settings_path(),
            data: self.data(),
            hub_socket: self.hub_socket(),
            logs: Some(self.path("logs")),
            trying,
            keyring: false,
            clock: system_clock(),
        };
        let (handle, updates) = start(config).await?;
        Ok(Bell {
            handle,
            updates,
            announced: VecDeque::new(),
            withdrawn: VecDeque::new(),
            opened: VecDeque::new(),
            tests: VecDeque::new(),
        })
    }
}

/// One feed as it stands in the settings.
pub(crate) fn feed(id: &str, url: &str, preset: &str) -> String {
    format!("[[feed]]\nid = \"{id}\"\nname = \"{id}\"\nurl = \"{url}\"\npreset = \"{preset}\"\n")
}

/// A new feed as the window's form has it.
pub(crate) fn form(name: &str, url: &str, preset: &str) -> FeedForm {
    FeedForm {
        id: String::new(),
        name: name.to_owned(),
        url: url.to_owned(),
        preset: preset.to_owned(),
        enabled: true,
        muted: false,
        access: AccessForm::None,
        headers: Vec::new(),
        stop_on: Vec::new(),
        watchdog_seconds: 0,
        connection: ConnectionForm::default(),
        notification: Default::default(),
        keep_days: None,
        rules: Vec::new(),
    }
}

/// A running notifier and what it told so far.
pub(crate) struct Bell {
    pub(crate) handle: NotifierHandle,
    updates: mpsc::Receiver<Update>,
    announced: VecDeque<Announcement>,
    withdrawn: VecDeque<String>,
    opened: VecDeque<(Option<i64>, Option<String>)>,
    tests: VecDeque<TestUpdate>,
}

impl Bell {
    pub(crate) async fn stop(self) {
        self.handle.stop().await;
    }

    pub(crate) async fn app(&self) -> AppView {
        self.handle.app().await.unwrap()
    }

    pub(crate) async fn until_app(
        &mut self,
        what: &str,
        holds: impl Fn(&AppView) -> bool,
    ) -> AppView {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let app = self.app().await;
            if holds(&app) {
                return app;
            }
            self.hear(deadline, what, &app).await;
        }
    }

    /// The hub's address, once it runs.
    pub(crate) async fn hub_url(&mut self) -> String {
        let app = self
            .until_app("the hub runs", |app| {
                matches!(app.hub.state, HubState::Running { .. })
            })
            .await;
        match app.hub.state {
            HubState::Running { url, .. } => url,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the feed's state is so, and gives it.
    pub(crate) async fn until_state(
        &mut self,
        id: &str,
        what: &str,
        holds: impl Fn(&FeedState) -> bool,
    ) -> FeedState {
        let app = self
            .until_app(what, |app| {
                find(app, id).is_some_and(|feed| holds(&feed.state))
            })
            .await;
        find(&app, id).unwrap().state.clone()
    }

    pub(crate) async fn live(&mut self, id: &str) {
        self.until_state(id, "live", |state| *state == FeedState::Live)
            .await;
    }

    /// The sentence of a feed that waits or has stopped.
    pub(crate) async fn ill(&mut self, id: &str) -> Text {
        let state = self
            .until_state(id, "ill", |state| why(state).is_some())
            .await;
        why(&state).unwrap().clone()
    }

    /// The connection breaks and is made again, without the wait in between.
    pub(crate) async fn reconnect<S: Site>(&mut self, id: &str, server: &Server<S>) {
        let before = server.opened();
        server.cut();
        let waiting = |state: &FeedState| match state {
            // A short wait ends by itself; asking as it ends would make two connections.
            FeedState::Waiting { next_try, .. } => next_try - system_clock()() > 500,
            _ => false,
        };
        let app = self
            .until_app("the connection broke", |app| {
                let feed = find(app, id).unwrap();
                waiting(&feed.state) || again(feed, server, before)
            })
            .await;
        if waiting(&find(&app, id).unwrap().state) {
            self.handle.reconnect(Some(id.to_owned())).await.unwrap();
        }
        self.until_app("connected again", |app| {
            again(find(app, id).unwrap(), server, before)
        })
        .await;
    }

    /// All messages, oldest first.
    pub(crate) async fn rows(&self) -> Vec<MessageRow> {
        self.query(MessageQuery::default()).await
    }

    pub(crate) async fn query(&self, query: MessageQuery) -> Vec<MessageRow> {
        let query = MessageQuery {
            limit: 500,
            ..query
        };
        let page = self.handle.messages(query).await.unwrap();
        assert_eq!(page.total as usize, page.rows.len());
        page.rows.into_iter().rev().collect()
    }

    /// Waits for this text as the newest message. News are taken in order, so all that was sent
    /// to the same feed before is in the inbox too: gives everything, oldest first.
    pub(crate) async fn until_last(&mut self, text: &str) -> Vec<MessageRow> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rows = self.rows().await;
            if rows.last().is_some_and(|row| row.excerpt == text) {
                return rows;
            }
            self.hear(deadline, text, &texts(&rows)).await;
        }
    }

    /// Waits for these texts and no others, oldest first.
    pub(crate) async fn until_texts(&mut self, expected: &[&str]) -> Vec<MessageRow> {
        let rows = self.until_last(expected.last().unwrap()).await;
        assert_eq!(texts(&rows), expected);
        rows
    }

    /// The next notification to show, in the order they were asked for.
    pub(crate) async fn announcement(&mut self) -> Announcement {
        self.next("an announcement", |bell| bell.announced.pop_front())
            .await
    }

    pub(crate) async fn withdrawal(&mut self) -> String {
        self.next("a withdrawal", |bell| bell.withdrawn.pop_front())
            .await
    }

    pub(crate) async fn opening(&mut self) -> (Option<i64>, Option<String>) {
        self.next("an opening", |bell| bell.opened.pop_front())
            .await
    }

    pub(crate) async fn test_news(&mut self) -> TestUpdate {
        self.next("news of the test", |bell| bell.tests.pop_front())
            .await
    }

    /// The next notification, which is then on the screen.
    pub(crate) async fn show(&mut self) -> Announcement {
        let announcement = self.announcement().await;
        self.handle.shown(announcement.clone()).await.unwrap();
        announcement
    }

    async fn next<T>(&mut self, what: &str, take: impl Fn(&mut Self) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(taken) = take(self) {
                return taken;
            }
            self.hear(deadline, what, &"").await;
        }
    }

    /// Waits until the message with this text is read.
    pub(crate) async fn until_read(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let rows = self.rows().await;
            if rows.iter().any(|row| row.excerpt == text && !row.unread) {
                return;
            }
            self.hear(deadline, "it is read", &texts(&rows)).await;
        }
    }

    /// Something changed; `what` is waited for, and this is what was seen last.
    pub(crate) async fn changed(&mut self, what: &str, seen: &dyn std::fmt::Debug) {
        self.hear(Instant::now() + PATIENCE, what, seen).await;
    }

    async fn hear(&mut self, deadline: Instant, what: &str, seen: &dyn std::fmt::Debug) {
        let Ok(update) = timeout_at(deadline, self.updates.recv()).await else {
            panic!("never: {what}\nlast seen: {seen:#?}");
        };
        match update.expect("the notifier runs") {
            Update::Notify(announcement) => self.announced.push_back(announcement),
            Update::Withdraw(key) => self.withdrawn.push_back(key),
            Update::Open { message, page } => self.opened.push_back((message, page)),
            Update::Test(update) => self.tests.push_back(update),
            Update::App | Update::Inbox | Update::Settings => {}
        }
    }
}

/// Whom a publication to this uid is for.
pub(crate) fn to_user(uid: &str) -> SendTo {
    SendTo::User {
        uid: uid.to_owned(),
    }
}

/// An address at which nothing listens.
pub(crate) async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

pub(crate) fn find<'a>(app: &'a AppView, id: &str) -> Option<&'a FeedView> {
    app.feeds.iter().find(|feed| feed.id == id)
}

pub(crate) fn texts(rows: &[MessageRow]) -> Vec<&str> {
    rows.iter().map(|row| row.excerpt.as_str()).collect()
}

/// Why each message made no notification; empty for those that did.
pub(crate) fn silences(rows: &[MessageRow]) -> Vec<&str> {
    let why = |row: &MessageRow| row.silenced.as_ref().map(|why| why.id.clone());
    rows.iter()
        .map(|row| match why(row).as_deref() {
            None => "",
            Some("silenced-history") => "history",
            Some("silenced-keep") => "keep",
            Some("silenced-muted") => "muted",
            Some("silenced-muted-until") => "muted until",
            Some("silenced-paused") => "paused",
            Some("silenced-hours") => "hours",
            Some("silenced-system") => "system",
            Some(other) => panic!("{other}"),
        })
        .collect()
}

/// The ids of the messages with these texts.
pub(crate) fn ids(rows: &[MessageRow], wanted: &[&str]) -> Vec<i64> {
    rows.iter()
        .filter(|row| wanted.contains(&row.excerpt.as_str()))
        .map(|row| row.id)
        .collect()
}

pub(crate) fn trouble_ids(app: &AppView) -> Vec<&str> {
    app.troubles.iter().map(|text| text.id.as_str()).collect()
}

fn why(state: &FeedState) -> Option<&Text> {
    match state {
        FeedState::Waiting { why, .. } | FeedState::Stopped { why, .. } => Some(why),
        _ => None,
    }
}

fn again<S: Site>(feed: &FeedView, server: &Server<S>, before: usize) -> bool {
    feed.state == FeedState::Live && server.opened() > before
}
