//! Linux: each notification daemon keeps its do-not-disturb in a place of its own.
//!
//! Signals only say when to look again. What counts is what the daemon answers then, asked over a
//! connection of its own: nobody can make us believe anything else, and nothing is polled.

use std::{collections::HashMap, convert::Infallible, process::Stdio, time::Duration};

use futures::StreamExt as _;
use tokio::{
    process::Command,
    sync::mpsc,
    time::{Instant, sleep, timeout, timeout_at},
};
use zbus::{
    Connection, DynamicType, MatchRule, Message, MessageStream, OwnedVariant, Variant, connection,
    fdo, fdo::DBusProxy, message::Type, names::BusName, wire::DynamicDeserialize,
};

/// How long the bus, a daemon or a program may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// After a signal more of them may come: they are answered by one look.
const REST: Duration = Duration::from_millis(200);
/// How long after it was lost, or not there, the bus is tried again: doubling, between these.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(300);

const BUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const NOTIFICATIONS: &str = "org.freedesktop.Notifications";
const NOTIFICATIONS_PATH: &str = "/org/freedesktop/Notifications";
const DUNST: &str = "org.dunstproject.cmd0";
const XFCONF: &str = "org.xfce.Xfconf";
const XFCONF_PATH: &str = "/org/xfce/Xfconf";
const XFCE_CHANNEL: &str = "xfce4-notifyd";
const XFCE_PROPERTY: &str = "/do-not-disturb";
const DCONF: &str = "ca.desrt.dconf.Writer";
const GNOME_FOLDER: &str = "/org/gnome/desktop/notifications/";
const GNOME_SCHEMA: &str = "org.gnome.desktop.notifications";
const GNOME_KEY: &str = "show-banners";

/// Listens for ever.
pub(super) async fn listen(states: mpsc::Sender<bool>) -> Infallible {
    let mut wait = SOONEST;
    let mut told = false;
    loop {
        match open().await {
            Ok(mut messages) => {
                tracing::debug!("listening on the session bus");
                wait = SOONEST;
                loop {
                    tell(&states, &mut told, is_on().await).await;
                    if !until_change(&mut messages).await {
                        break;
                    }
                }
                tracing::debug!("the session bus is gone");
                tell(&states, &mut told, false).await;
            }
            Err(why) => tracing::debug!(%why, "no session bus"),
        }
        sleep(wait).await;
        wait = (wait * 2).min(LATEST);
    }
}

async fn tell(states: &mpsc::Sender<bool>, told: &mut bool, on: bool) {
    if *told != on {
        *told = on;
        // Refused only when nobody wants to know any more.
        let _ = states.send(on).await;
    }
}

/// An ear on the bus.
async fn open() -> zbus::Result<MessageStream> {
    in_time(async {
        let bus = connection::Builder::session().build().await?;
        // Before the rules: nothing is lost.
        let messages = MessageStream::from(&bus);
        let proxy = DBusProxy::new(&bus).await?;
        for name in [NOTIFICATIONS, XFCONF] {
            let owners = signals().sender(BUS).member("NameOwnerChanged");
            proxy.add_match_rule(owners.arg(0, name).build()?).await?;
        }
        let properties = signals().sender(NOTIFICATIONS).path(NOTIFICATIONS_PATH);
        let properties = properties.interface(PROPERTIES);
        proxy.add_match_rule(properties.build()?).await?;
        let xfconf = signals().sender(XFCONF).arg(0, XFCE_CHANNEL);
        proxy.add_match_rule(xfconf.build()?).await?;
        let dconf = signals().interface(DCONF).member("Notify");
        proxy.add_match_rule(dconf.build()?).await?;
        Ok(messages)
    })
    .await
}

fn signals<'a>() -> zbus::match_rule::Builder<'a> {
    MatchRule::builder().msg_type(Type::Signal)
}

/// Waits until something may be other than before; false when the bus is gone.
async fn until_change(messages: &mut MessageStream) -> bool {
    loop {
        match messages.next().await {
            Some(Ok(message)) if may_change(&message).unwrap_or(false) => break,
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return false,
        }
    }
    let rested = Instant::now() + REST;
    while let Ok(more) = timeout_at(rested, messages.next()).await {
        if !matches!(more, Some(Ok(_))) {
            return false;
        }
    }
    true
}

/// Whether a message may mean that do-not-disturb was switched.
fn may_change(message: &Message) -> Option<bool> {
    let header = message.header();
    if message.message_type() != Type::Signal {
        return None;
    }
    let body = message.body();
    let found = match (header.interface()?.as_str(), header.member()?.as_str()) {
        (BUS, "NameOwnerChanged") => true,
        (PROPERTIES, "PropertiesChanged") => {
            let (interface, changed, unsaid): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                body.deserialize().ok()?;
            // dunst tells each notification it shows this way, too.
            let ours = match interface.as_str() {
                DUNST => "paused",
                NOTIFICATIONS => "Inhibited",
                _ => return None,
            };
            changed.contains_key(ours) || unsaid.iter().any(|name| name == ours)
        }
        (XFCONF, "PropertyChanged") => {
            let (_, property, _): (String, String, OwnedVariant) = body.deserialize().ok()?;
            property == XFCE_PROPERTY
        }
        (XFCONF, "PropertyRemoved") => {
            let (_, property): (String, String) = body.deserialize().ok()?;
            property == XFCE_PROPERTY
        }
        (DCONF, "Notify") => {
            let (prefix, changes, _): (String, Vec<String>, String) = body.deserialize().ok()?;
            let mut changes = changes.iter();
            let key = |change: &String| {
                let whole = format!("{prefix}{change}");
                whole.starts_with(GNOME_FOLDER) || GNOME_FOLDER.starts_with(&whole)
            };
            changes.any(key)
        }
        _ => false,
    };
    Some(found)
}

/// Whether do-not-disturb is on. Without a daemon, or if it says nothing of the kind, it is off.
async fn is_on() -> bool {
    match in_time(ask()).await {
        Ok(on) => on,
        Err(why) => {
            tracing::debug!(%why, "the daemon does not say whether it may be disturbed");
            false
        }
    }
}

async fn ask() -> zbus::Result<bool> {
    let bus = connection::Builder::session().build().await?;
    let Some(daemon) = owner(&bus, NOTIFICATIONS).await? else {
        return Ok(false);
    };
    let place = (daemon.as_str(), NOTIFICATIONS_PATH);
    let (name, _, _, _): (String, String, String, String) =
        call(&bus, place, (NOTIFICATIONS, "GetServerInformation"), &()).await?;
    match name.to_ascii_lowercase().as_str() {
        "dunst" => property(&bus, place, DUNST, "paused").await,
        "gnome-shell" => Ok(gsettings().await == Some("false".to_owned())),
        name if name.starts_with("xfce") => {
            let Some(xfconf) = owner(&bus, XFCONF).await? else {
                return Ok(false);
            };
            let place = (xfconf.as_str(), XFCONF_PATH);
            let key = (XFCE_CHANNEL, XFCE_PROPERTY);
            let value: OwnedVariant = call(&bus, place, (XFCONF, "GetProperty"), &key).await?;
            Ok(is_true(&value))
        }
        // KDE's, and whoever follows it.
        _ => property(&bus, place, NOTIFICATIONS, "Inhibited").await,
    }
}

/// Who has a name now. Asked by its own name then, nobody is started for our sake.
async fn owner(bus: &Connection, name: &str) -> zbus::Result<Option<String>> {
    let proxy = DBusProxy::new(bus).await?;
    match proxy.get_name_owner(BusName::try_from(name)?).await {
        Ok(owner) => Ok(Some(owner.to_string())),
        Err(fdo::Error::NameHasNoOwner(_)) => Ok(None),
        Err(why) => Err(why.into()),
    }
}

async fn property(
    bus: &Connection,
    place: (&str, &str),
    interface: &str,
    name: &str,
) -> zbus::Result<bool> {
    let value: OwnedVariant = call(bus, place, (PROPERTIES, "Get"), &(interface, name)).await?;
    Ok(is_true(&value))
}

fn is_true(value: &OwnedVariant) -> bool {
    matches!(&**value, Variant::Bool(true))
}

async fn call<B, A>(
    bus: &Connection,
    (who, path): (&str, &str),
    (interface, method): (&str, &str),
    body: &B,
) -> zbus::Result<A>
where
    B: serde::Serialize + DynamicType,
    A: for<'d> DynamicDeserialize<'d>,
{
    let answer = bus
        .call_method(Some(who), path, Some(interface), method, body)
        .await?;
    answer.body().deserialize()
}

/// GNOME keeps it in a setting, and hands that out to programs of its own libraries alone.
async fn gsettings() -> Option<String> {
    let mut command = Command::new("gsettings");
    command
        .args(["get", GNOME_SCHEMA, GNOME_KEY])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await.ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| words.trim().to_owned())
}

async fn in_time<T>(work: impl Future<Output = zbus::Result<T>>) -> zbus::Result<T> {
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(zbus::Error::Failure("no answer".to_owned())))
}
