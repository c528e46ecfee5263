//! Linux: what logind, NetworkManager and systemd-networkd say on the system bus.
//!
//! None of them has to be there, nor the bus itself. They may come later, and come back.

use std::{collections::HashMap, convert::Infallible, time::Duration};

use futures::StreamExt as _;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use zbus::{
    Connection, MatchRule, Message, MessageStream, OwnedVariant, Variant, connection, fdo,
    fdo::DBusProxy, message::Type, names::BusName,
};

use super::{Cause, Report};

/// How long the bus may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long after it was lost, or not there, the bus is tried again: doubling, between these.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(60);

const BUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Listens for ever.
pub(super) async fn listen(reports: mpsc::Sender<Report>) -> Infallible {
    let mut wait = SOONEST;
    loop {
        match Ear::open().await {
            Ok(mut ear) => {
                tracing::debug!("listening on the system bus");
                wait = SOONEST;
                while let Some(heard) = ear.next().await {
                    if let Some(report) = heard {
                        // Refused only when nobody wants to know any more.
                        let _ = reports.send(report).await;
                    }
                }
                tracing::debug!("the system bus is gone");
            }
            Err(why) => tracing::debug!(%why, "no system bus"),
        }
        sleep(wait).await;
        wait = (wait * 2).min(LATEST);
    }
}

/// Who is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Logind,
    NetworkManager,
    Networkd,
}

impl Who {
    const ALL: [Self; 3] = [Self::Logind, Self::NetworkManager, Self::Networkd];

    fn name(self) -> &'static str {
        match self {
            Self::Logind => "org.freedesktop.login1",
            Self::NetworkManager => "org.freedesktop.NetworkManager",
            Self::Networkd => "org.freedesktop.network1",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Logind => "/org/freedesktop/login1",
            Self::NetworkManager => "/org/freedesktop/NetworkManager",
            Self::Networkd => "/org/freedesktop/network1",
        }
    }

    fn interface(self) -> &'static str {
        match self {
            Self::Logind => "org.freedesktop.login1.Manager",
            Self::NetworkManager => "org.freedesktop.NetworkManager",
            Self::Networkd => "org.freedesktop.network1.Manager",
        }
    }
}

/// Our ear on the bus.
struct Ear {
    messages: MessageStream,
    /// The connection that owns each name now. A message can be addressed to us past all match
    /// rules, so the sender of each is compared.
    owners: HashMap<&'static str, String>,
    network: Network,
}

impl Ear {
    async fn open() -> Result<Self, fdo::Error> {
        let opening = async {
            let bus = connection::Builder::system().build().await?;
            // Before the rules: nothing is lost, and all comes in one order.
            let messages = MessageStream::from(&bus);
            let owners = owners(&bus).await?;
            Ok(Self {
                messages,
                owners,
                network: Network::default(),
            })
        };
        timeout(PATIENCE, opening)
            .await
            .unwrap_or_else(|_| Err(fdo::Error::TimedOut("the bus does not answer".to_owned())))
    }

    /// What the next message means to us; `None` when the bus is gone.
    async fn next(&mut self) -> Option<Option<Report>> {
        let message = self.messages.next().await?.ok()?;
        Some(self.hear(&message))
    }

    fn hear(&mut self, message: &Message) -> Option<Report> {
        let header = message.header();
        if message.message_type() != Type::Signal {
            return None;
        }
        let sender = header.sender()?.as_str();
        let path = header.path()?.as_str();
        let signal = (header.interface()?.as_str(), header.member()?.as_str());
        if sender == BUS {
            if signal == (BUS, "NameOwnerChanged") {
                let (name, _, new): (String, String, String) = message.body().deserialize().ok()?;
                self.owned(&name, new);
            }
            return None;
        }
        let who = Who::ALL.into_iter().find(|who| {
            who.path() == path && self.owners.get(who.name()).is_some_and(|own| own == sender)
        })?;
        match (who, signal) {
            (Who::Logind, (interface, "PrepareForSleep")) if interface == who.interface() => {
                let sleeps: bool = message.body().deserialize().ok()?;
                Some(if sleeps {
                    Report::Sleeps
                } else {
                    Report::Back(Cause::Woke)
                })
            }
            (Who::NetworkManager, (interface, "StateChanged")) if interface == who.interface() => {
                let state: u32 = message.body().deserialize().ok()?;
                self.network
                    .state(state)
                    .then_some(Report::Back(Cause::Network))
            }
            (Who::NetworkManager | Who::Networkd, (PROPERTIES, "PropertiesChanged")) => {
                let body = message.body();
                let (interface, changed, _): (String, HashMap<String, OwnedVariant>, Vec<String>) =
                    body.deserialize().ok()?;
                (interface == who.interface() && self.network.properties(&changed))
                    .then_some(Report::Back(Cause::Network))
            }
            _ => None,
        }
    }

    fn owned(&mut self, name: &str, owner: String) {
        let Some(who) = Who::ALL.into_iter().find(|who| who.name() == name) else {
            return;
        };
        tracing::debug!(name, owner, "on the system bus");
        if owner.is_empty() {
            self.owners.remove(who.name());
        } else {
            self.owners.insert(who.name(), owner);
        }
        if who != Who::Logind {
            // The next one begins anew.
            self.network = Network::default();
        }
    }
}

/// Asks to hear of all names and from their owners; the owners.
async fn owners(bus: &Connection) -> Result<HashMap<&'static str, String>, fdo::Error> {
    let proxy = DBusProxy::new(bus).await?;
    for who in Who::ALL {
        let changes = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(BUS)
            .member("NameOwnerChanged")
            .arg(0, who.name())
            .build()?;
        proxy.add_match_rule(changes).await?;
        let signals = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(who.name())
            .path(who.path())
            .build()?;
        proxy.add_match_rule(signals).await?;
    }
    let mut owners = HashMap::new();
    for who in Who::ALL {
        match proxy.get_name_owner(BusName::try_from(who.name())?).await {
            Ok(owner) => drop(owners.insert(who.name(), owner.to_string())),
            Err(fdo::Error::NameHasNoOwner(_)) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(owners)
}

/// What is known of the network. Only becoming connected counts: nothing can be done about a
/// network that is lost.
#[derive(Debug, Default)]
struct Network {
    /// NetworkManager's `NMState`: 50 and above are connected, 70 to the whole Internet.
    state: u32,
    /// NetworkManager's `NMConnectivityState`: 4 is full, less may be a captive portal.
    connectivity: u32,
    /// The path of the connection with the default route; `/` is none.
    primary: String,
    /// networkd's `OperationalState`: `routable` is connected.
    operational: String,
}

impl Network {
    /// Whether this brings something.
    fn state(&mut self, new: u32) -> bool {
        let before = std::mem::replace(&mut self.state, new);
        new >= 50 && new > before
    }

    /// Whether any of these brings something.
    fn properties(&mut self, changed: &HashMap<String, OwnedVariant>) -> bool {
        let mut brings = false;
        for (name, value) in changed {
            brings |= match (name.as_str(), &**value) {
                ("State", Variant::U32(new)) => self.state(*new),
                ("Connectivity", Variant::U32(new)) => {
                    let before = std::mem::replace(&mut self.connectivity, *new);
                    *new == 4 && before != 4
                }
                ("PrimaryConnection", Variant::ObjectPath(new)) => {
                    turned(&mut self.primary, new.as_str()) && new.as_str() != "/"
                }
                ("OperationalState", Variant::Str(new)) => {
                    turned(&mut self.operational, new.as_str()) && new.as_str() == "routable"
                }
                _ => false,
            };
        }
        brings
    }
}

/// Whether it was something else before.
fn turned(known: &mut String, new: &str) -> bool {
    let other = known != new;
    new.clone_into(known);
    other
}

#[cfg(test)]
mod tests {
    use zbus::ObjectPath;

    use super::*;

    /// What each change of one property brings.
    fn check<'a>(name: &str, values: impl IntoIterator<Item = Variant<'a>>) -> Vec<bool> {
        let mut network = Network::default();
        let change = |value: Variant<'_>| {
            let value = OwnedVariant::try_from(value).unwrap();
            network.properties(&HashMap::from([(name.to_owned(), value)]))
        };
        values.into_iter().map(change).collect()
    }

    #[test]
    fn a_state_counts_when_it_rises_to_connected() {
        let states = [10, 40, 50, 70, 70, 60, 20, 60];
        let brings = [false, false, true, true, false, false, false, true];
        assert_eq!(check("State", states.map(Variant::U32)), brings);
    }

    #[test]
    fn connectivity_counts_when_it_becomes_full() {
        let states = [2, 4, 4, 1, 4];
        let brings = [false, true, false, false, true];
        assert_eq!(check("Connectivity", states.map(Variant::U32)), brings);
    }

    #[test]
    fn another_primary_connection_counts_and_so_does_the_same_after_none() {
        let paths = ["/a/1", "/a/1", "/a/2", "/", "/a/2"];
        let brings = [true, false, true, false, true];
        let paths = paths.map(|path| Variant::from(ObjectPath::try_from(path).unwrap()));
        assert_eq!(check("PrimaryConnection", paths), brings);
    }

    #[test]
    fn networkd_counts_when_it_becomes_routable() {
        let states = ["degraded", "routable", "routable", "carrier", "routable"];
        let brings = [false, true, false, false, true];
        assert_eq!(check("OperationalState", states.map(Variant::from)), brings);
    }

    #[test]
    fn what_is_not_as_documented_counts_for_nothing() {
        assert_eq!(check("State", [Variant::from("70")]), [false]);
        assert_eq!(check("Metered", [Variant::from(4u32)]), [false]);
    }
}
