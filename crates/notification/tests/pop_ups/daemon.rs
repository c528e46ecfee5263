//! A notification daemon that does as scripted.

use std::{collections::HashMap, time::Duration};

use futures::StreamExt;
use tokio::{sync::mpsc, task::JoinHandle};
use zbus::{Connection, Message, MessageStream, OwnedVariant, message::Type};

const NAME: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";

pub struct Script {
    pub name: &'static str,
    pub capabilities: Vec<&'static str>,
    /// Signals go to the connection that called `Notify`, not to everybody.
    pub unicast: bool,
    /// What happens to each `Notify` in turn; those after the last are taken.
    pub answers: Vec<Answer>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            name: "scripted",
            capabilities: vec!["body", "body-markup", "actions"],
            unicast: false,
            answers: vec![],
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Answer {
    Take,
    Refuse,
    Hang,
}

/// One `Notify`, as it came over the bus.
#[derive(Debug)]
pub struct Notified {
    pub id: u32,
    pub sender: String,
    pub app: String,
    pub replaces: u32,
    pub icon: String,
    pub title: String,
    pub body: String,
    pub actions: Vec<String>,
    pub urgency: Option<u8>,
    pub transient: bool,
    pub suppress_sound: bool,
    /// How long it stays, in milliseconds; 0: until it is dismissed, -1: as the daemon likes.
    pub timeout: i32,
    hints: HashMap<String, OwnedVariant>,
}

impl Notified {
    pub fn hint(&self, name: &str) -> Option<String> {
        let value = self.hints.get(name)?;
        Some(<&str>::try_from(value).unwrap().to_owned())
    }
}

pub struct Daemon {
    bus: Connection,
    unicast: bool,
    serving: JoinHandle<()>,
    notified: mpsc::UnboundedReceiver<Notified>,
    withdrawn: mpsc::UnboundedReceiver<u32>,
}

/// Says a signal again and again until it is dropped: the bus does not tell when
/// the other side has begun to listen.
#[must_use]
pub struct Saying(JoinHandle<()>);

impl Drop for Saying {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Daemon {
    pub async fn start(script: Script) -> Self {
        let bus = Connection::session().await.unwrap();
        let calls = MessageStream::from(&bus);
        bus.request_name(NAME).await.unwrap();
        let (tell_notified, notified) = mpsc::unbounded_channel();
        let (tell_withdrawn, withdrawn) = mpsc::unbounded_channel();
        let unicast = script.unicast;
        let serving = tokio::spawn(serve(
            bus.clone(),
            calls,
            script,
            tell_notified,
            tell_withdrawn,
        ));
        Self {
            bus,
            unicast,
            serving,
            notified,
            withdrawn,
        }
    }

    /// Leaves the bus as a crash would.
    pub async fn stop(self) {
        self.serving.abort();
        self.bus.close().await.unwrap();
    }

    pub async fn notified(&mut self) -> Notified {
        let next = tokio::time::timeout(super::SOON, self.notified.recv());
        next.await.expect("a Notify in time").unwrap()
    }

    pub async fn withdrawn(&mut self) -> u32 {
        let next = tokio::time::timeout(super::SOON, self.withdrawn.recv());
        next.await.expect("a CloseNotification in time").unwrap()
    }

    pub fn act(&self, on: &Notified, action: &str) -> Saying {
        self.say(on, "ActionInvoked", (on.id, action.to_owned()))
    }

    pub fn end(&self, of: &Notified, reason: u32) -> Saying {
        self.say(of, "NotificationClosed", (of.id, reason))
    }

    /// To everybody, whatever the script says, and once.
    pub async fn hand_token(&self, of: &Notified, token: &str) {
        self.bus
            .emit_signal(None::<&str>, PATH, NAME, "ActivationToken", &(of.id, token))
            .await
            .unwrap();
    }

    fn say<B>(&self, about: &Notified, member: &'static str, body: B) -> Saying
    where
        B: zbus::export::serde::Serialize + zbus::zvariant::DynamicType + Send + Sync + 'static,
    {
        let bus = self.bus.clone();
        let to = self.unicast.then(|| about.sender.clone());
        Saying(tokio::spawn(async move {
            let mut again = tokio::time::interval(Duration::from_millis(20));
            loop {
                again.tick().await;
                bus.emit_signal(to.as_deref(), PATH, NAME, member, &body)
                    .await
                    .unwrap();
            }
        }))
    }
}

async fn serve(
    bus: Connection,
    mut calls: MessageStream,
    script: Script,
    notified: mpsc::UnboundedSender<Notified>,
    withdrawn: mpsc::UnboundedSender<u32>,
) {
    let mut answers = script.answers.into_iter();
    let mut last = 0;
    while let Some(Ok(call)) = calls.next().await {
        let header = call.header();
        if header.message_type() != Type::MethodCall {
            continue;
        }
        match header.member().unwrap().as_str() {
            "GetServerInformation" => bus
                .reply(&header, &(script.name, "tests", "1", "1.2"))
                .await
                .unwrap(),
            "GetCapabilities" => bus.reply(&header, &script.capabilities).await.unwrap(),
            "Notify" => {
                let answer = answers.next().unwrap_or(Answer::Take);
                let seen = read(&call, &mut last);
                let id = seen.id;
                notified.send(seen).unwrap();
                match answer {
                    Answer::Take => bus.reply(&header, &id).await.unwrap(),
                    Answer::Refuse => {
                        let error = "org.example.Refused";
                        bus.reply_error(&header, error, &"not today").await.unwrap();
                    }
                    Answer::Hang => {}
                }
            }
            "CloseNotification" => {
                bus.reply(&header, &()).await.unwrap();
                withdrawn.send(call.body().deserialize().unwrap()).unwrap();
            }
            other => panic!("nobody should call {other}"),
        }
    }
}

fn read(call: &Message, last: &mut u32) -> Notified {
    type Arguments = (
        String,
        u32,
        String,
        String,
        String,
        Vec<String>,
        HashMap<String, OwnedVariant>,
        i32,
    );
    let (app, replaces, icon, title, body, actions, hints, timeout): Arguments =
        call.body().deserialize().unwrap();
    let id = if replaces == 0 {
        *last += 1;
        *last
    } else {
        replaces
    };
    Notified {
        id,
        sender: call.header().sender().unwrap().to_string(),
        app,
        replaces,
        icon,
        title,
        body,
        actions,
        urgency: hints.get("urgency").map(|v| u8::try_from(v).unwrap()),
        transient: hints
            .get("transient")
            .is_some_and(|v| bool::try_from(v).unwrap()),
        suppress_sound: hints
            .get("suppress-sound")
            .is_some_and(|v| bool::try_from(v).unwrap()),
        timeout,
        hints,
    }
}
