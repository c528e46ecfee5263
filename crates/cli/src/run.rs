//! `feedbell run`: the notifier with a terminal for a face.
//!
//! Notifications go to standard output and, if the session has a notification
//! daemon, to it as well. News of feeds and of the hub go to standard error.

use std::{collections::HashMap, io, path::PathBuf, sync::Arc};

use front::{Click, Ringer, Role, do_not_disturb, logging, machine, places::Places};
use jiff::Zoned;
use notifier::{
    Announcement, Localizer, NotifierConfig, NotifierHandle, Update, control,
    view::{AppView, FeedState, HubState, Text},
};

use crate::{
    args::Run,
    control::{feed_text, quiet_text},
    exit::Ended,
    signals::Signals,
    terminal::{Terminal, harmless},
};

/// Runs until a signal; the second one does not wait for the goodbyes.
pub(crate) async fn run(options: Run, terminal: &Terminal) -> anyhow::Result<Ended> {
    let places = Places::find()?;
    let _log = logging::start(&places);
    let mut signals = Signals::watch()?;
    let started = notifier::start(NotifierConfig {
        settings: places.settings.clone(),
        data: places.data.clone(),
        hub_socket: places.hub.clone(),
        logs: Some(places.logs.clone()),
        trying: options.trying,
        keyring: true,
        clock: notifier::system_clock(),
    });
    let (handle, mut updates) = match started.await {
        Ok(started) => started,
        Err(why) => {
            terminal.note(&terminal.text(why.text()));
            return Ok(Ended::Trouble);
        }
    };
    let Ok(words) = handle.localizer().await else {
        return Ok(Ended::Trouble);
    };
    let (ringer, mut clicks) = Ringer::start(handle.clone(), Role::Echo);
    tokio::spawn(machine::watch(handle.clone()));
    tokio::spawn(do_not_disturb::watch(handle.clone()));
    let mut face = Face {
        terminal,
        words,
        ringer,
        handle: handle.clone(),
        settings: places.settings,
        told: None,
        told_feeds: HashMap::new(),
    };
    // Before anything is told: whoever reads it may ask at once.
    match control::bind(&places.control).await {
        Ok(door) => drop(tokio::spawn(door.serve(handle.clone()))),
        Err(why) => face.unreachable(&why),
    }
    face.look().await;
    let outcome = loop {
        tokio::select! {
            () = signals.next() => break Ok(Ended::Done),
            Some(click) = clicks.recv() => face.follow(click).await,
            update = updates.recv() => match update {
                Some(update) => {
                    if let Err(why) = face.take(update).await {
                        break Err(why.into());
                    }
                }
                None => break Ok(Ended::Trouble),
            }
        }
    };
    tokio::select! {
        () = handle.stop() => outcome,
        () = signals.next() => Ok(Ended::Trouble),
    }
}

struct Face<'a> {
    terminal: &'a Terminal,
    handle: NotifierHandle,
    /// In the language of the settings.
    words: Arc<Localizer>,
    ringer: Ringer,
    settings: PathBuf,
    /// What was told last.
    told: Option<AppView>,
    /// What was told last of each feed, by its id.
    told_feeds: HashMap<String, Text>,
}

impl Face<'_> {
    async fn take(&mut self, update: Update) -> io::Result<()> {
        match update {
            Update::Notify(announcement) => self.notify(announcement).await?,
            Update::Withdraw(key) => self.ringer.withdraw(key),
            Update::App => self.look().await,
            Update::Settings => {
                if let Ok(words) = self.handle.localizer().await {
                    self.words = words;
                }
            }
            Update::Open { message, .. } => self.open(message).await?,
            Update::Inbox | Update::Test(_) => {}
        }
        Ok(())
    }

    /// Printed is shown.
    async fn notify(&self, announcement: Announcement) -> io::Result<()> {
        let title = harmless(&announcement.title, false);
        self.terminal.say(&format!("{}  {title}", clock()))?;
        self.indented(&announcement.body)?;
        if let Some(link) = &announcement.link {
            self.indented(link)?;
        }
        if let Err(why) = self.handle.shown(announcement.clone()).await {
            self.tell(&why.text);
        }
        self.ringer.show(announcement).await;
        Ok(())
    }

    /// A click on a pop-up: there is no window, only links lead anywhere.
    async fn follow(&self, click: Click) {
        let Click::Link { id, link } = click else {
            return;
        };
        match open::that_detached(link) {
            // A refusal means that the notifier is stopping.
            Ok(()) => drop(self.handle.mark_read(vec![id], true).await),
            Err(why) => tracing::warn!(%why, "the link could not be opened"),
        }
    }

    /// Tells what changed since the last look.
    async fn look(&mut self) {
        let Ok(app) = self.handle.app().await else {
            return;
        };
        let told = self.told.take();
        for text in self.news(told.as_ref(), &app) {
            self.tell(&text);
        }
        if let HubState::Running { curl, .. } = &app.hub.state
            && app.trying
            && told.is_none_or(|told| told.hub.state != app.hub.state)
        {
            self.tell(&Text::new("run-try"));
            let curl = curl.replace('\n', "\n    ");
            self.terminal.note(&format!("    {curl}"));
        }
        self.told = Some(app);
    }

    fn news(&mut self, told: Option<&AppView>, app: &AppView) -> Vec<Text> {
        let mut news = Vec::new();
        if told.is_none_or(|told| told.hub.state != app.hub.state) {
            match &app.hub.state {
                HubState::Running {
                    url, wants_token, ..
                } => {
                    news.push(Text::new("run-hub").with("url", url.as_str()));
                    news.extend(wants_token.then(|| Text::new("hub-token")));
                }
                HubState::Failed { why } => news.push(why.clone()),
                HubState::Starting => {}
                HubState::Off => news.extend(told.map(|_| Text::new("status-hub-off"))),
            }
        }
        if app.feeds.is_empty() && told.is_none_or(|told| !told.feeds.is_empty()) {
            let path = self.settings.display().to_string();
            news.push(Text::new("run-no-feeds").with("path", path));
        }
        self.told_feeds
            .retain(|id, _| app.feeds.iter().any(|feed| feed.id == *id));
        for feed in app.feeds.iter().filter(|feed| is_news(&feed.state)) {
            let text = feed_text(feed, &self.words);
            let before = self.told_feeds.insert(feed.id.clone(), text.clone());
            if before.as_ref() != Some(&text) {
                news.push(text);
            }
        }
        let quiet = told.and_then(|told| told.quiet.now.as_ref());
        if quiet != app.quiet.now.as_ref() {
            news.push(quiet_text(app.quiet.now.as_ref()));
        }
        for trouble in &app.troubles {
            if told.is_none_or(|told| !told.troubles.contains(trouble)) {
                news.push(trouble.clone());
            }
        }
        news
    }

    /// The window of a notifier without one: the message, printed.
    async fn open(&self, message: Option<i64>) -> io::Result<()> {
        let Some(id) = message else {
            self.tell(&Text::new("run-no-window"));
            return Ok(());
        };
        match self.handle.message(id).await {
            Ok(Some(message)) => {
                self.terminal.say(&harmless(&message.row.title, false))?;
                self.indented(&message.body)?;
                message.link.map_or(Ok(()), |link| self.indented(&link))
            }
            Ok(None) => Ok(()),
            Err(why) => {
                self.tell(&why.text);
                Ok(())
            }
        }
    }

    fn unreachable(&self, why: &io::Error) {
        tracing::warn!(%why, "the control socket does not work");
        self.tell(&Text::new("run-no-control").with("why", why.to_string()));
    }

    fn tell(&self, text: &Text) {
        let words = harmless(&self.words.text(text), false);
        self.terminal.note(&format!("{}  {words}", clock()));
    }

    /// Each line of it, under the title.
    fn indented(&self, text: &str) -> io::Result<()> {
        text.lines().try_for_each(|line| {
            self.terminal
                .say(&format!("          {}", harmless(line, false)))
        })
    }
}

fn clock() -> String {
    Zoned::now().strftime("%H:%M:%S").to_string()
}

/// Connecting is not worth a line, and neither is an end that is routine: what
/// was told before still holds.
fn is_news(state: &FeedState) -> bool {
    !matches!(
        state,
        FeedState::Connecting | FeedState::Waiting { trouble: false, .. }
    )
}
