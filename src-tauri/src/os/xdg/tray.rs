//! Whether anybody shows tray icons: the session bus says so, and on X11 an older way is asked.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use x11rb::protocol::xproto::ConnectionExt as _;
use zbus::{Connection, MatchRule, MessageStream, fdo, fdo::DBusProxy, message::Type};

const BUS: &str = "org.freedesktop.DBus";
const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const WATCHER_PATH: &str = "/StatusNotifierWatcher";
const HOSTS: [&str; 2] = [
    "StatusNotifierHostRegistered",
    "StatusNotifierHostUnregistered",
];
/// How long the bus may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after it was lost the bus is tried again: doubling, between these.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(60);

/// Tells whether somebody shows tray icons, now and whenever that changes, for as long as anybody
/// wants to know.
pub(crate) async fn watch_tray(tell: watch::Sender<bool>) {
    let mut wait = SOONEST;
    while !tell.is_closed() {
        match listen(&tell).await {
            Ok(()) => wait = SOONEST,
            Err(why) => tracing::debug!(%why, "no session bus"),
        }
        say(&tell, has_legacy_tray());
        sleep(wait).await;
        wait = (wait * 2).min(LATEST);
    }
}

/// Returns when the bus is gone, or nobody listens.
async fn listen(tell: &watch::Sender<bool>) -> Result<(), fdo::Error> {
    let (bus, mut messages) = timeout(PATIENCE, open())
        .await
        .unwrap_or_else(|_| Err(fdo::Error::TimedOut("the bus does not answer".to_owned())))?;
    say(tell, is_shown(&bus).await);
    while let Some(Ok(message)) = messages.next().await {
        let header = message.header();
        let about_trays = message.message_type() == Type::Signal
            && header.member().is_some_and(|member| {
                member.as_str() == "NameOwnerChanged" || HOSTS.contains(&member.as_str())
            });
        if about_trays {
            say(tell, is_shown(&bus).await);
        }
        if tell.is_closed() {
            break;
        }
    }
    Ok(())
}

async fn open() -> Result<(Connection, MessageStream), fdo::Error> {
    let bus = Connection::session().await?;
    // Before the rules: nothing is lost.
    let messages = MessageStream::from(&bus);
    let proxy = DBusProxy::new(&bus).await?;
    let owner = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(BUS)
        .member("NameOwnerChanged")
        .arg(0, WATCHER)
        .build()?;
    proxy.add_match_rule(owner).await?;
    for member in HOSTS {
        let hosts = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(WATCHER)
            .interface(WATCHER)
            .member(member)
            .build()?;
        proxy.add_match_rule(hosts).await?;
    }
    Ok((bus, messages))
}

async fn is_shown(bus: &Connection) -> bool {
    let asking = bus.call_method(
        Some(WATCHER),
        WATCHER_PATH,
        Some("org.freedesktop.DBus.Properties"),
        "Get",
        &(WATCHER, "IsStatusNotifierHostRegistered"),
    );
    let registered = match timeout(PATIENCE, asking).await {
        Ok(Ok(answer)) => {
            let body = answer.body();
            let value = body.deserialize::<zbus::OwnedVariant>();
            value.is_ok_and(|value| matches!(&*value, zbus::Variant::Bool(true)))
        }
        _ => false,
    };
    registered || has_legacy_tray()
}

fn say(tell: &watch::Sender<bool>, shown: bool) {
    tell.send_if_modified(|now| std::mem::replace(now, shown) != shown);
}

/// Whether an X11 panel embeds icons, which ours falls back to where the bus knows of none.
pub(crate) fn has_legacy_tray() -> bool {
    let owner = || {
        let (display, screen) = x11rb::connect(None).ok()?;
        let name = format!("_NET_SYSTEM_TRAY_S{screen}");
        let atom = display.intern_atom(true, name.as_bytes()).ok()?;
        let atom = atom.reply().ok()?.atom;
        if atom == x11rb::NONE {
            return None;
        }
        let owner = display.get_selection_owner(atom).ok()?.reply().ok()?.owner;
        (owner != x11rb::NONE).then_some(())
    };
    super::is_set("DISPLAY") && owner().is_some()
}
