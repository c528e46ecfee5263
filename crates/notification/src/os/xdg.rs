//! Linux and the BSDs: the desktop notifications specification over D-Bus.
//!
//! Each notify-rust handle brings a connection of its own. It must live as long
//! as the pop-up: some daemons send signals to the connection that called
//! `Notify` and take a replacement only from it. What a handle cannot tell comes
//! from one further connection, [`Daemon`]: whether a daemon runs, what it can
//! do, and activation tokens.

use std::{panic::AssertUnwindSafe, sync::LazyLock, time::Duration};

use futures::{FutureExt, StreamExt};
use notify_rust::{CloseReason, Hint, NotificationHandle, NotificationResponse};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use zbus::{Connection, MatchRule, MessageStream, fdo::DBusProxy, message::Type, names::BusName};

use crate::{App, Notification, Reason, ServerInfo, Sound, Trouble, Urgency};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

/// Replacements under way at once. Each blocks a thread until the daemon
/// answers, so a daemon that never does must not be given more.
static REPLACING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(4));

/// Why a call to the daemon gave nothing.
pub(crate) enum Failure {
    NoAnswer,
    /// With an error, from the daemon or, if there is none, from the bus.
    Answered(String),
}

pub(crate) enum Outcome {
    Action(String),
    Closed(Reason),
}

/// One pop-up on the screen.
pub(crate) struct PopUp {
    handle: NotificationHandle,
}

impl PopUp {
    pub(crate) async fn show(
        native: notify_rust::Notification,
        patience: Duration,
    ) -> Result<Self, Failure> {
        match timeout(patience, native.show_async()).await {
            Ok(Ok(handle)) => Ok(Self { handle }),
            Ok(Err(error)) => Err(Failure::Answered(error.to_string())),
            Err(_) => Err(Failure::NoAnswer),
        }
    }

    /// Shows `native` in its place, on the same connection.
    pub(crate) async fn replace(
        mut self,
        native: notify_rust::Notification,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let replacing = async {
            let Ok(permit) = REPLACING.acquire().await else {
                return Err(Failure::NoAnswer);
            };
            // notify-rust can update only with a `block_on`, which must not run on
            // a runtime's thread; nor on tokio's blocking pool, whose end the app
            // would wait for.
            let (done, updated) = oneshot::channel();
            let thread = std::thread::Builder::new().name("pop-up".to_owned());
            let spawned = thread.spawn(move || {
                let _permit = permit;
                *self.handle = native;
                let result = self.handle.update();
                let _ = done.send(result.map(|()| self));
            });
            match (spawned, updated.await) {
                (Ok(_), Ok(Ok(pop_up))) => Ok(pop_up),
                (Ok(_), Ok(Err(error))) => Err(Failure::Answered(error.to_string())),
                (Err(error), _) => Err(Failure::Answered(error.to_string())),
                (_, Err(_)) => Err(Failure::NoAnswer),
            }
        };
        timeout(patience, replacing)
            .await
            .unwrap_or(Err(Failure::NoAnswer))
    }

    /// How the pop-up ends. Can be dropped and asked for again.
    pub(crate) async fn outcome(&self) -> Outcome {
        let mut response = None;
        let waiting = self
            .handle
            .wait_for_action_async(|r: &NotificationResponse| response = Some(r.clone()));
        // notify-rust unwraps when the connection is gone while it starts to listen.
        let heard = AssertUnwindSafe(waiting).catch_unwind().await;
        match (heard, response) {
            (Ok(()), Some(NotificationResponse::Default)) => {
                Outcome::Action(crate::Action::CLICK.to_owned())
            }
            (Ok(()), Some(NotificationResponse::Action(id))) => Outcome::Action(id),
            (Ok(()), Some(NotificationResponse::Closed(reason))) => Outcome::Closed(match reason {
                CloseReason::Expired => Reason::Expired,
                CloseReason::Dismissed => Reason::Dismissed,
                CloseReason::CloseAction => Reason::Withdrawn,
                CloseReason::Other(_) => Reason::Unknown,
            }),
            (Ok(()), Some(NotificationResponse::Reply(_))) => Outcome::Closed(Reason::Unknown),
            (Ok(()), None) | (Err(_), _) => Outcome::Closed(Reason::Lost),
        }
    }

    pub(crate) async fn close(self, patience: Duration) {
        // Either way it is no longer ours.
        let _ = timeout(patience, self.handle.close_async()).await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.handle.id()
    }
}

/// What only this system's pop-ups carry.
pub(crate) fn dress(native: &mut notify_rust::Notification, app: &App, n: &Notification) {
    native.urgency(match n.urgency {
        Urgency::Low => notify_rust::Urgency::Low,
        Urgency::Normal => notify_rust::Urgency::Normal,
        Urgency::Critical => notify_rust::Urgency::Critical,
    });
    native.hint(Hint::DesktopEntry(app.desktop_entry.clone()));
    if let Some(category) = &n.category {
        native.hint(Hint::Category(crate::text::plain(category, 64)));
    }
    match &n.sound {
        Sound::Desktop => {}
        Sound::Silent => {
            native.hint(Hint::SuppressSound(true));
        }
        Sound::Named(name) => {
            native.hint(Hint::SoundName(crate::text::plain(name, 64)));
        }
    }
    if n.urgency == Urgency::Critical {
        native.timeout(notify_rust::Timeout::Never);
    }
    if n.transient {
        native.hint(Hint::Transient(true));
    }
}

/// Xfce shows a button for the click too, and no click on the body sends it.
pub(crate) fn shows_click_as_button(server: &ServerInfo) -> bool {
    server.name == "Xfce Notify Daemon"
}

pub(crate) enum Change {
    /// A daemon has come, perhaps in place of another, or is gone.
    Daemon {
        owner: Option<String>,
    },
    Token {
        id: u32,
        token: String,
    },
    BusLost,
}

/// A daemon that has answered.
pub(crate) struct Server {
    pub(crate) info: ServerInfo,
    /// Its connection's name on the bus.
    pub(crate) owner: String,
}

/// Our ear on the bus.
pub(crate) struct Daemon {
    bus: Connection,
    owners: MessageStream,
    tokens: MessageStream,
}

impl Daemon {
    pub(crate) async fn listen() -> Result<Self, Trouble> {
        let connect = async {
            let bus = Connection::session().await?;
            let owners = MatchRule::builder()
                .msg_type(Type::Signal)
                .sender("org.freedesktop.DBus")
                .member("NameOwnerChanged")
                .arg(0, NAME)
                .build()?;
            let tokens = MatchRule::builder()
                .msg_type(Type::Signal)
                .interface(NAME)
                .member("ActivationToken")
                .build()?;
            zbus::Result::Ok(Self {
                owners: MessageStream::for_match_rule(owners, &bus, None).await?,
                tokens: MessageStream::for_match_rule(tokens, &bus, None).await?,
                bus,
            })
        };
        connect.await.map_err(|error| {
            tracing::debug!(%error, "no session bus");
            Trouble::NoBus
        })
    }

    pub(crate) async fn changed(&mut self) -> Change {
        loop {
            tokio::select! {
                biased;
                message = self.tokens.next() => {
                    let Some(Ok(message)) = message else { return Change::BusLost };
                    if let Ok((id, token)) = message.body().deserialize() {
                        return Change::Token { id, token };
                    }
                }
                message = self.owners.next() => {
                    let Some(Ok(message)) = message else { return Change::BusLost };
                    if let Ok((_, _, new)) = message.body().deserialize::<(String, String, String)>() {
                        return Change::Daemon { owner: Some(new).filter(|new| !new.is_empty()) };
                    }
                }
            }
        }
    }

    pub(crate) async fn server(&self) -> Result<Server, Failure> {
        let odd = |error: zbus::Error| Failure::Answered(error.to_string());
        let about = self.ask("GetServerInformation").await?;
        let abilities = self.ask("GetCapabilities").await?;
        let (name, _vendor, version, _spec): (String, String, String, String) =
            about.body().deserialize().map_err(odd)?;
        let capabilities: Vec<String> = abilities.body().deserialize().map_err(odd)?;
        let has = |wanted| capabilities.iter().any(|capability| capability == wanted);
        let header = about.header();
        Ok(Server {
            owner: header.sender().map(ToString::to_string).unwrap_or_default(),
            info: ServerInfo {
                name,
                version,
                actions: has("actions"),
                markup: has("body-markup"),
                sound: has("sound"),
            },
        })
    }

    async fn ask(&self, method: &str) -> Result<zbus::Message, Failure> {
        self.bus
            .call_method(Some(NAME), PATH, Some(NAME), method, &())
            .await
            .map_err(|error| Failure::Answered(error.to_string()))
    }

    /// Whether a daemon runs; none without a bus.
    pub(crate) async fn running(&self) -> Option<bool> {
        let bus = DBusProxy::new(&self.bus).await.ok()?;
        let name = BusName::try_from(NAME).ok()?;
        bus.name_has_owner(name).await.ok()
    }

    /// Whether the bus starts a daemon when one is needed.
    pub(crate) async fn startable(&self) -> bool {
        let Ok(bus) = DBusProxy::new(&self.bus).await else {
            return false;
        };
        bus.list_activatable_names()
            .await
            .is_ok_and(|names| names.iter().any(|name| name.as_str() == NAME))
    }
}
