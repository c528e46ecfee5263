//! Native pop-ups over notify-rust: one owner of all handles, so that clicks and
//! actions find their way back; capabilities are asked for, not assumed.
//!
//! A pop-up is known by the caller's key. Showing the same key again replaces it
//! in place. At most [`MAX_ALIVE`] are alive: the oldest is withdrawn for a new
//! one, since a pop-up whose buttons nobody hears would be a lie.
//!
//! ```no_run
//! # async fn example() -> Result<(), notification::Trouble> {
//! use notification::{Action, App, Notification, Notifications, Signal};
//!
//! let (bell, mut signals) = Notifications::start(App::new("Feedbell", "Feedbell", "feedbell-desktop"));
//! bell.show(Notification {
//!     title: "Ada liked your post".into(),
//!     actions: vec![Action::new(Action::CLICK, "Open"), Action::new("read", "Mark read")],
//!     ..Notification::new("message-17")
//! })
//! .await?;
//! while let Some(signal) = signals.recv().await {
//!     if let Signal::Action { key, action, .. } = signal {
//!         println!("{action} on {key}");
//!     }
//! }
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

mod owner;
mod text;

#[cfg_attr(all(unix, not(target_os = "macos")), path = "os/xdg.rs")]
#[cfg_attr(not(all(unix, not(target_os = "macos"))), path = "os/blocking.rs")]
mod os;

/// Pop-ups alive at once; each costs one connection to the session bus.
pub const MAX_ALIVE: usize = 64;

/// Room in the receiver of [`Signal`]s. When it is full, the newest signal is
/// dropped and logged: a caller may wait for [`Notifications::show`] without
/// reading signals meanwhile.
const SIGNALS: usize = 4 * MAX_ALIVE;

/// Requests that wait for the owner; more make their callers wait.
const REQUESTS: usize = 64;

/// The app on whose behalf pop-ups are shown.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name, as people see it.
    pub name: String,
    /// Its desktop entry without `.desktop`, letter for letter: daemons look
    /// for the file of that name.
    pub desktop_entry: String,
    /// The icon's name, shown where a notification has none of its own.
    pub icon: String,
    /// How long the notification daemon may take to answer.
    pub patience: Duration,
}

impl App {
    /// An app that gives the daemon ten seconds.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        desktop_entry: impl Into<String>,
        icon: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            desktop_entry: desktop_entry.into(),
            icon: icon.into(),
            patience: Duration::from_secs(10),
        }
    }
}

/// One pop-up to show. All texts are plain: nothing in them is markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notification {
    /// What the caller knows it by: a message or a group. A pop-up of the same key is replaced.
    pub key: String,
    /// The first line; the app's name where it is empty.
    pub title: String,
    /// The text, lines kept. Cut after [`Notification::MAX_BODY`] characters.
    pub body: String,
    /// How much it may disturb.
    pub urgency: Urgency,
    /// A name in the icon theme or the absolute path of a picture.
    pub icon: Option<String>,
    /// What can be done with it; left out where the daemon has no actions.
    pub actions: Vec<Action>,
    /// A category of the desktop notifications specification: `im.received`.
    pub category: Option<String>,
    /// Not kept in the desktop's own history.
    pub transient: bool,
    /// How it sounds, where the daemon makes sounds.
    pub sound: Sound,
}

impl Notification {
    /// Longest title shown, in characters.
    pub const MAX_TITLE: usize = 256;
    /// Longest body shown, in characters.
    pub const MAX_BODY: usize = 4096;

    /// An empty notification known by `key`.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            ..Self::default()
        }
    }
}

/// How much a notification may disturb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Urgency {
    /// Quietly.
    Low,
    /// The ordinary kind.
    #[default]
    Normal,
    /// Stays until it is dismissed, where the desktop allows.
    Critical,
}

/// How a notification sounds. However many come, there is no more than one sound in
/// three seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sound {
    /// As the desktop wants it.
    #[default]
    Desktop,
    /// Not at all.
    Silent,
    /// One of the desktop's sounds, by its name in the sound naming specification.
    Named(String),
}

/// Something a person can do with a pop-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What [`Signal::Action`] calls it.
    pub id: String,
    /// What the button says.
    pub label: String,
}

impl Action {
    /// The id of a click on the pop-up itself.
    pub const CLICK: &'static str = "default";

    /// An action with this id and label.
    #[must_use]
    pub fn new(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            label: label.into(),
        }
    }
}

/// News of pop-ups and of the daemon that shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// A person did something; the pop-up is gone.
    Action {
        /// The notification's key.
        key: String,
        /// The action's id, [`Action::CLICK`] for a click on the pop-up itself.
        action: String,
        /// Lets a window take the focus, where the desktop hands one out and
        /// tells it to everybody.
        token: Option<String>,
    },
    /// A pop-up is gone without an action.
    Closed {
        /// The notification's key.
        key: String,
        /// Why.
        reason: Reason,
    },
    /// Pop-ups can be shown, from now on or again.
    Available(ServerInfo),
    /// Pop-ups cannot be shown for now; every [`Notifications::show`] tries again.
    Unavailable(Trouble),
}

/// Why a pop-up is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its time was over.
    Expired,
    /// A person dismissed it.
    Dismissed,
    /// We withdrew it, for [`Notifications::close`] or because [`MAX_ALIVE`] were alive.
    Withdrawn,
    /// The daemon or the bus went away.
    Lost,
    /// The daemon gave no reason that is defined.
    Unknown,
}

/// The daemon that shows pop-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// It offers actions.
    pub actions: bool,
    /// It reads the body as markup, so ours is escaped.
    pub markup: bool,
    /// It makes sounds, and none if asked for none.
    pub sound: bool,
}

/// Why a pop-up was not shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// There is no session bus: a server, a container, a bare console.
    #[error("there is no D-Bus session to show notifications in")]
    NoBus,
    /// Nobody shows notifications in this session: tell the user, try again later.
    #[error("no notification daemon is running in this session")]
    NoDaemon,
    /// The daemon did not answer in time: try again later.
    #[error("the notification daemon does not answer")]
    NoAnswer,
    /// The daemon answered with an error: this notification will not be shown.
    #[error("the notification daemon refused: {0}")]
    Refused(String),
    /// The runtime is shutting down.
    #[error("notifications are shut down")]
    Stopped,
}

impl Trouble {
    /// The Fluent message, in `locales/*/notification.ftl`, that says it to a person.
    #[must_use]
    pub fn text_id(&self) -> &'static str {
        match self {
            Trouble::NoBus => "notification-no-bus",
            Trouble::NoDaemon => "notification-no-daemon",
            Trouble::NoAnswer => "notification-no-answer",
            Trouble::Refused(_) => "notification-refused",
            Trouble::Stopped => "notification-stopped",
        }
    }

    /// The message's `reason`, where it has one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Trouble::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

/// A handle to the owner of all pop-ups, cheap to clone. The owner ends, and
/// lets its pop-ups be, when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Notifications {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
enum Request {
    Show {
        notification: Notification,
        /// Only in place of one that is alive.
        in_place: bool,
        answer: Answer,
    },
    Close {
        key: String,
    },
}

type Answer = oneshot::Sender<Result<(), Trouble>>;

impl Notifications {
    /// Starts the owner, which looks for the daemon at once and reports it as
    /// [`Signal::Available`] or [`Signal::Unavailable`].
    ///
    /// # Panics
    /// When called outside a tokio runtime.
    #[must_use]
    pub fn start(app: App) -> (Self, mpsc::Receiver<Signal>) {
        let (requests, inbox) = mpsc::channel(REQUESTS);
        let (signals, receiver) = mpsc::channel(SIGNALS);
        tokio::spawn(owner::run(app, inbox, signals));
        (Self { requests }, receiver)
    }

    /// Shows a pop-up, or replaces the one of the same key. Returns when the
    /// daemon has taken it.
    ///
    /// # Errors
    /// When the daemon has not taken it; see [`Trouble`] for what to do.
    pub async fn show(&self, notification: Notification) -> Result<(), Trouble> {
        self.ask(notification, false).await
    }

    /// Replaces the pop-up of the same key if it is alive, without a sound; else does nothing.
    ///
    /// # Errors
    /// As [`Notifications::show`].
    pub async fn amend(&self, notification: Notification) -> Result<(), Trouble> {
        self.ask(notification, true).await
    }

    async fn ask(&self, notification: Notification, in_place: bool) -> Result<(), Trouble> {
        let (answer, outcome) = oneshot::channel();
        let request = Request::Show {
            notification,
            in_place,
            answer,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| Trouble::Stopped)?;
        outcome.await.unwrap_or(Err(Trouble::Stopped))
    }

    /// Withdraws the pop-up of this key, if it is alive.
    pub async fn close(&self, key: impl Into<String>) {
        let request = Request::Close { key: key.into() };
        // A stopped owner has nothing to withdraw.
        let _ = self.requests.send(request).await;
    }
}
