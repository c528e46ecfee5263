//! `feedbell run`: the notifier with a terminal for a face.
//!
//! Notifications go to standard output and, if the session has a notification
//! daemon, to it as well. News of feeds and of the hub go to standard error.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use front::{logging, places::Places};
use notifier::{
    Announcement, Localizer, NotifierConfig, NotifierHandle, Update, control,
    view::{AppView, FeedState, FeedView, HubState, Text},
};
use tokio::sync::mpsc;

use crate::{
    control::{feed_line, pause_text},
    exit::{Exit, said},
    pop_ups::PopUps,
    signals::Signals,
    terminal::{clock, line, note, plain},
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Start the hub and a feed subscribed to it, and print a line to try
    #[arg(long = "try")]
    trying: bool,
}

/// Runs until a signal; the second one does not wait for the goodbyes.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let places = Places::find()?;
    let _log = logging::start(&places);
    let mut signals = Signals::watch()?;
    let config = NotifierConfig {
        settings: places.settings.clone(),
        data: places.data.clone(),
        trying: arguments.trying,
        keyring: true,
        clock: notifier::system_clock(),
    };
    let (handle, mut updates) = notifier::start(config)
        .await
        .map_err(|why| said(Exit::Trouble, why.text()))?;
    let door = tokio::spawn(serve_control(handle.clone(), places.control.clone()));

    let outcome = show(&handle, &mut updates, &mut signals, places).await;
    door.abort();
    updates.close();
    tokio::select! {
        () = handle.stop() => outcome,
        () = signals.next() => Ok(Exit::Trouble),
    }
}

async fn show(
    handle: &NotifierHandle,
    updates: &mut mpsc::Receiver<Update>,
    signals: &mut Signals,
    places: Places,
) -> anyhow::Result<Exit> {
    let mut face = Face {
        words: handle
            .localizer()
            .await
            .map_err(|why| said(Exit::Trouble, why.text))?,
        pop_ups: PopUps::start(handle.clone()),
        handle: handle.clone(),
        settings: places.settings,
        told: None,
    };
    face.look().await;
    loop {
        tokio::select! {
            () = signals.next() => return Ok(Exit::Done),
            update = updates.recv() => match update {
                Some(update) => face.take(update).await?,
                None => return Ok(Exit::Trouble),
            }
        }
    }
}

async fn serve_control(handle: NotifierHandle, socket: PathBuf) {
    if let Err(why) = control::serve(handle.clone(), &socket).await {
        tracing::warn!(%why, "the control socket does not work");
        if let Ok(words) = handle.localizer().await {
            let text = Text::new("cli-run-no-control").with("why", why.to_string());
            note(&words.text(&text));
        }
    }
}

struct Face {
    handle: NotifierHandle,
    words: Arc<Localizer>,
    pop_ups: PopUps,
    settings: PathBuf,
    /// What was told last.
    told: Option<AppView>,
}

impl Face {
    async fn take(&mut self, update: Update) -> anyhow::Result<()> {
        match update {
            Update::Notify(announcement) => self.notify(announcement).await?,
            Update::Withdraw(key) => self.pop_ups.withdraw(key).await,
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
    async fn notify(&self, announcement: Announcement) -> anyhow::Result<()> {
        line(&format!("{}  {}", clock(), plain(&announcement.title)))?;
        indented(&announcement.body)?;
        if let Some(link) = &announcement.link {
            indented(link)?;
        }
        self.pop_ups.show(announcement.clone());
        if let Err(why) = self.handle.shown(announcement).await {
            note(&self.words.text(&why.text));
        }
        Ok(())
    }

    /// Tells what changed since the last look.
    async fn look(&mut self) {
        let Ok(app) = self.handle.app().await else {
            return;
        };
        let told = self.told.take();
        for text in self.news(told.as_ref(), &app) {
            note(&format!("{}  {}", clock(), self.words.text(&text)));
        }
        if let HubState::Running { curl, .. } = &app.hub.state
            && app.trying
            && told.is_none_or(|told| told.hub.state != app.hub.state)
        {
            note(&self.words.get("cli-run-try"));
            note(&format!("    {curl}"));
        }
        self.told = Some(app);
    }

    fn news(&self, told: Option<&AppView>, app: &AppView) -> Vec<Text> {
        let mut news = Vec::new();
        if told.is_none_or(|told| told.hub.state != app.hub.state) {
            match &app.hub.state {
                HubState::Running { url, .. } => {
                    news.push(Text::new("cli-run-hub").with("url", url.as_str()));
                }
                HubState::Failed { why } => news.push(why.clone()),
                HubState::Off => news.extend(told.map(|_| Text::new("cli-hub-off"))),
            }
        }
        if app.feeds.is_empty() && told.is_none_or(|told| !told.feeds.is_empty()) {
            let path = self.settings.display().to_string();
            news.push(Text::new("cli-run-no-feeds").with("path", path));
        }
        for feed in &app.feeds {
            let before = told.and_then(|told| told.feeds.iter().find(|told| told.id == feed.id));
            if is_news(before, feed) {
                news.push(feed_line(feed, &self.words));
            }
        }
        let paused = told.and_then(|told| told.pause.as_ref());
        if paused != app.pause.as_ref() {
            let resumed = || Text::new("cli-resumed");
            news.push(app.pause.as_ref().map_or_else(resumed, pause_text));
        }
        for trouble in &app.troubles {
            if told.is_none_or(|told| !told.troubles.contains(trouble)) {
                news.push(trouble.clone());
            }
        }
        news
    }

    /// The window of a notifier without one: the message, printed.
    async fn open(&self, message: Option<i64>) -> anyhow::Result<()> {
        let Some(id) = message else {
            return Ok(());
        };
        match self.handle.message(id).await {
            Ok(Some(message)) => {
                line(&plain(&message.row.title))?;
                indented(&message.body)?;
                message.link.as_deref().map_or(Ok(()), indented)
            }
            Ok(None) => Ok(()),
            Err(why) => {
                note(&self.words.text(&why.text));
                Ok(())
            }
        }
    }
}

/// Each line of it, under the title.
fn indented(text: &str) -> anyhow::Result<()> {
    text.lines()
        .try_for_each(|text| line(&format!("          {}", plain(text))))
}

/// Connecting is not worth a line, and neither is an end that is routine.
fn is_news(before: Option<&FeedView>, feed: &FeedView) -> bool {
    let same = match (before.map(|before| &before.state), &feed.state) {
        (Some(FeedState::Waiting { why: a, .. }), FeedState::Waiting { why: b, .. }) => a == b,
        (Some(before), now) => before == now,
        (None, _) => false,
    };
    let worth = match &feed.state {
        FeedState::Connecting | FeedState::Waiting { trouble: false, .. } => false,
        FeedState::Off => before.is_some(),
        FeedState::Live | FeedState::Waiting { .. } | FeedState::Stopped { .. } => true,
    };
    worth && !same
}
