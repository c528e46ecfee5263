//! macOS and Windows: notify-rust waits for a pop-up's end on a thread.
//!
//! Written after notify-rust's documentation; never run by this project's tests.
//! What these systems cannot do is left out: a pop-up is neither replaced nor
//! withdrawn, and no daemon comes or goes.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use notify_rust::{CloseReason, NotificationResponse};
use tokio::{
    sync::{Semaphore, oneshot, watch},
    time::timeout,
};

use crate::{App, MAX_ALIVE, Notification, Reason, ServerInfo, Trouble};

/// Threads that wait for a pop-up's end. A pop-up beyond them is shown, but not heard.
static WAITING: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(MAX_ALIVE)));

pub(crate) enum Failure {
    NoAnswer,
    Answered(String),
}

#[derive(Clone)]
pub(crate) enum Outcome {
    Action(String),
    Closed(Reason),
}

/// One pop-up on the screen.
pub(crate) struct PopUp {
    ended: watch::Receiver<Option<Outcome>>,
}

impl PopUp {
    pub(crate) async fn show(
        native: notify_rust::Notification,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let (told, shown) = oneshot::channel();
        let (end, ended) = watch::channel(None);
        let permit = Arc::clone(&WAITING).try_acquire_owned().ok();
        std::thread::Builder::new()
            .name("pop-up".to_owned())
            .spawn(move || match native.show() {
                Ok(handle) => {
                    let _ = told.send(Ok(()));
                    if let Some(_permit) = permit {
                        let _ = handle.wait_for_response(|response: &NotificationResponse| {
                            end.send_replace(Some(outcome(response)));
                        });
                    }
                }
                Err(error) => {
                    let _ = told.send(Err(Failure::Answered(error.to_string())));
                }
            })
            .map_err(|error| Failure::Answered(error.to_string()))?;
        match timeout(patience, shown).await {
            Ok(Ok(result)) => result.map(|()| Self { ended }),
            Ok(Err(_)) | Err(_) => Err(Failure::NoAnswer),
        }
    }

    pub(crate) async fn replace(
        self,
        native: notify_rust::Notification,
        patience: Duration,
    ) -> Result<Self, Failure> {
        Self::show(native, patience).await
    }

    /// How the pop-up ends. Can be dropped and asked for again.
    pub(crate) async fn outcome(&self) -> Outcome {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(outcome)) => outcome.clone(),
            Ok(None) | Err(_) => Outcome::Closed(Reason::Unknown),
        }
    }

    pub(crate) async fn close(self, _patience: Duration) {}

    pub(crate) fn id(&self) -> u32 {
        0
    }
}

fn outcome(response: &NotificationResponse) -> Outcome {
    match response {
        NotificationResponse::Default => Outcome::Action(crate::Action::CLICK.to_owned()),
        NotificationResponse::Action(id) => Outcome::Action(id.clone()),
        NotificationResponse::Closed(CloseReason::Expired) => Outcome::Closed(Reason::Expired),
        NotificationResponse::Closed(CloseReason::Dismissed) => Outcome::Closed(Reason::Dismissed),
        NotificationResponse::Closed(CloseReason::CloseAction) => {
            Outcome::Closed(Reason::Withdrawn)
        }
        NotificationResponse::Closed(CloseReason::Other(_)) | NotificationResponse::Reply(_) => {
            Outcome::Closed(Reason::Unknown)
        }
    }
}

/// These systems take the urgency and the icon from the app, not from the notification.
pub(crate) fn dress(_native: &mut notify_rust::Notification, _app: &App, _n: &Notification) {}

/// The click needs no declaration here; declared, it would be a button.
pub(crate) fn shows_click_as_button(_server: &ServerInfo) -> bool {
    true
}

/// Nothing ever changes; the type matches the one of the other systems.
#[expect(dead_code, reason = "constructed on the other systems only")]
pub(crate) enum Change {
    Daemon { owner: Option<String> },
    Token { id: u32, token: String },
    BusLost,
}

pub(crate) struct Server {
    pub(crate) info: ServerInfo,
    pub(crate) owner: String,
}

/// The system itself, always there.
pub(crate) struct Daemon;

impl Daemon {
    pub(crate) async fn listen() -> Result<Self, Trouble> {
        Ok(Self)
    }

    pub(crate) async fn changed(&mut self) -> Change {
        std::future::pending().await
    }

    pub(crate) async fn server(&self) -> Result<Server, Failure> {
        Ok(Server {
            info: ServerInfo {
                name: std::env::consts::OS.to_owned(),
                version: String::new(),
                actions: true,
                markup: false,
                sound: false,
            },
            owner: String::new(),
        })
    }

    pub(crate) async fn running(&self) -> Option<bool> {
        Some(true)
    }

    pub(crate) async fn startable(&self) -> bool {
        false
    }
}
