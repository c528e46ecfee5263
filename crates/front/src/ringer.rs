//! From the notifier's announcements to pop-ups, and from clicks back to messages.
//!
//! An announcement counts as shown once the desktop's daemon has taken it.
//! Until then it stays owed in the inbox, so nothing here has to be kept.

use std::collections::{HashSet, VecDeque};

use notification::{Action, App, Notification, Notifications, Signal, Sound, Trouble, Urgency};
use notifier::{Announcement, Localizer, NotifierHandle, Standing, view};
use tokio::sync::mpsc;

/// Announcements that may wait for a slow daemon; further ones stay owed.
const WAITING: usize = 64;
/// Announcements whose clicks we can place.
const REMEMBERED: usize = 256;
/// Buttons of one pop-up: daemons show three or four, or make it ever wider.
const BUTTONS: usize = 5;
/// How long a snooze lasts, in milliseconds.
const SNOOZE: i64 = 3_600_000;
/// Our name, as people see it.
const NAME: &str = "Feedbell";
/// The desktop entry that the package installs, by which daemons tell whose pop-ups these are.
const ENTRY: &str = "Feedbell";
/// The icon that it installs.
const ICON: &str = "feedbell-desktop";
/// The id of a button of the message's own is this and its place.
const OWN: &str = "own-";

/// What a pop-up means to its front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is how a person hears of a message: shown is what the daemon took, a daemon that is
    /// missing is trouble, and a click opens the window.
    Bell,
    /// It repeats what a person was told already: one that does not come is no trouble, and only
    /// links can be opened.
    Echo,
}

/// A click on a pop-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Click {
    /// Show this message.
    Message(i64),
    /// Show the inbox: the pop-up stood for several messages.
    Inbox,
    /// Follow this link, which belongs to this message.
    Link {
        /// The message.
        id: i64,
        /// http, https or mailto.
        link: String,
    },
    /// Copy this text.
    Copy(String),
}

/// Shows announcements. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Ringer {
    orders: mpsc::Sender<Order>,
    handle: NotifierHandle,
    role: Role,
}

#[derive(Debug)]
enum Order {
    Show(Announcement),
    Withdraw(String),
}

impl Order {
    fn key(&self) -> &str {
        match self {
            Order::Show(announcement) => &announcement.key,
            Order::Withdraw(key) => key,
        }
    }
}

impl Ringer {
    /// Starts ringing for a notifier. Clicks that need a window or a browser come back.
    #[must_use]
    pub fn start(handle: NotifierHandle, role: Role) -> (Self, mpsc::Receiver<Click>) {
        let (orders, order_receiver) = mpsc::channel(WAITING);
        let (clicks, click_receiver) = mpsc::channel(WAITING);
        let (notifications, signals) = Notifications::start(App::new(NAME, ENTRY, ICON));
        let bell = Bell {
            notifications,
            handle: handle.clone(),
            role,
            clicks,
            shown: VecDeque::new(),
        };
        tokio::spawn(bell.run(order_receiver, signals));
        let ringer = Self {
            orders,
            handle,
            role,
        };
        (ringer, click_receiver)
    }

    /// Shows an announcement soon. If too many wait already, it stays owed.
    pub async fn show(&self, announcement: Announcement) {
        if let Err(refused) = self.orders.try_send(Order::Show(announcement))
            && let Order::Show(announcement) = refused.into_inner()
            && self.role == Role::Bell
        {
            let why = text(&Trouble::NoAnswer);
            let _ = self.handle.not_shown(announcement, why).await;
        }
    }

    /// Takes a pop-up away. If too many orders wait already it stays until it is dismissed: a slow
    /// daemon must not hold up whoever asks.
    pub fn withdraw(&self, key: String) {
        if self.orders.try_send(Order::Withdraw(key)).is_err() {
            tracing::info!("a pop-up could not be taken away");
        }
    }
}

struct Bell {
    notifications: Notifications,
    handle: NotifierHandle,
    role: Role,
    clicks: mpsc::Sender<Click>,
    shown: VecDeque<Announcement>,
}

impl Bell {
    /// Refusals mean that the notifier is stopping: then there is nothing left to tell it.
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut signals: mpsc::Receiver<Signal>) {
        let mut waiting = VecDeque::new();
        loop {
            if let Some(order) = next(&mut waiting) {
                match order {
                    Order::Show(announcement) => self.show(announcement).await,
                    Order::Withdraw(key) => self.notifications.close(key).await,
                }
                while waiting.len() < WAITING
                    && let Ok(order) = orders.try_recv()
                {
                    waiting.push_back(order);
                }
                // However many orders come, clicks are heard between them.
                while let Ok(signal) = signals.try_recv() {
                    self.hear(signal).await;
                }
                continue;
            }
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => waiting.push_back(order),
                    None => return,
                },
                signal = signals.recv() => match signal {
                    Some(signal) => self.hear(signal).await,
                    None => return,
                },
            }
        }
    }

    async fn show(&mut self, announcement: Announcement) {
        let Ok(localizer) = self.handle.localizer().await else {
            return;
        };
        let sound = match &announcement.sound {
            view::Sound::System => Sound::Desktop,
            view::Sound::Silent => Sound::Silent,
            view::Sound::Named { name } => Sound::Named(name.clone()),
        };
        let notification = Notification {
            sound,
            title: announcement.title.clone(),
            body: announcement.body.clone(),
            urgency: match announcement.urgency {
                view::Urgency::Low => Urgency::Low,
                view::Urgency::Normal => Urgency::Normal,
                view::Urgency::High | view::Urgency::Urgent => Urgency::Critical,
            },
            icon: announcement.icon.clone(),
            actions: self.actions(&announcement, &localizer),
            category: Some("im.received".to_owned()),
            ..Notification::new(announcement.key.clone())
        };
        let shown = if announcement.shrinks {
            self.notifications.amend(notification).await
        } else {
            self.notifications.show(notification).await
        };
        match shown {
            Ok(()) => {
                self.shown.retain(|other| other.key != announcement.key);
                self.shown.push_back(announcement.clone());
                if self.shown.len() > REMEMBERED {
                    self.shown.pop_front();
                }
                if self.role == Role::Bell {
                    let _ = self.handle.shown(announcement).await;
                }
            }
            Err(why) if self.role == Role::Echo => tracing::info!(%why, "no pop-up"),
            Err(why) => {
                tracing::warn!(%why, "a notification was not shown");
                let _ = self.handle.not_shown(announcement, text(&why)).await;
            }
        }
    }

    /// Only what the front end can do, the most telling first.
    fn actions(&self, announcement: &Announcement, localizer: &Localizer) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.role == Role::Bell || announcement.link.is_some() {
            let open = localizer.get("announce-action-open");
            actions.push(Action::new("open", open));
        }
        actions.push(Action::new("read", localizer.get("announce-action-read")));
        for offer in &announcement.offers {
            // Without a window there is no clipboard.
            if self.role == Role::Bell || !offer.copies {
                let id = format!("{OWN}{}", offer.place);
                actions.push(Action::new(id, offer.label.as_str()));
            }
        }
        let snooze = localizer.get("announce-action-snooze");
        actions.push(Action::new("snooze", snooze));
        if announcement.feed.is_some() {
            actions.push(Action::new("mute", localizer.get("announce-action-mute")));
        }
        actions.truncate(BUTTONS);
        if actions.first().is_some_and(|first| first.id == "open") {
            let open = actions[0].label.clone();
            actions.insert(0, Action::new(Action::CLICK, open));
        }
        actions
    }

    async fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Action { key, action, .. } => self.act(&key, &action).await,
            Signal::Closed { .. } => {}
            Signal::Available(_) | Signal::Unavailable(_) if self.role == Role::Echo => {}
            Signal::Available(server) => {
                tracing::info!(name = server.name, "notifications can be shown");
                let _ = self.handle.can_notify(None).await;
            }
            Signal::Unavailable(why) => {
                let _ = self.handle.can_notify(Some(text(&why))).await;
            }
        }
    }

    async fn act(&mut self, key: &str, action: &str) {
        let Some(place) = self.shown.iter().position(|shown| shown.key == key) else {
            return;
        };
        let Some(announcement) = self.shown.remove(place) else {
            return;
        };
        let done = match action {
            "read" => self.handle.mark_read(announcement.ids, true).await,
            "snooze" => {
                let until = notifier::system_clock()() + SNOOZE;
                self.handle.snooze(until).await
            }
            "mute" => match announcement.feed {
                Some(feed) => self.handle.mute(feed, None).await,
                None => return,
            },
            _ => match action
                .strip_prefix(OWN)
                .and_then(|place| place.parse().ok())
            {
                Some(place) => self.act_for(&announcement, place).await,
                None => self.open(announcement, action == Action::CLICK).await,
            },
        };
        if let Err(why) = done {
            tracing::warn!(?why, action, "what a pop-up was asked for was refused");
        }
    }

    /// Does what the message itself offers.
    async fn act_for(&self, announcement: &Announcement, place: u32) -> Result<(), view::Refusal> {
        let &[id] = announcement.ids.as_slice() else {
            return Ok(());
        };
        let click = match self.handle.act(id, place).await? {
            view::Deed::Open { link } => Click::Link { id, link },
            view::Deed::Copy { text } => {
                self.handle.mark_read(vec![id], true).await?;
                Click::Copy(text)
            }
            view::Deed::Asked { .. } => return Ok(()),
        };
        let _ = self.clicks.send(click).await;
        Ok(())
    }

    /// A burst is shown by its newest message.
    async fn open(&self, announcement: Announcement, by_click: bool) -> Result<(), view::Refusal> {
        let mut ids = announcement.ids;
        let newest = match announcement.kind {
            Standing::Message | Standing::Burst => ids.pop(),
            Standing::Summary => None,
        };
        let click = match (newest, announcement.link) {
            (Some(id), Some(link)) if by_click || self.role == Role::Echo => {
                // They all lead there; the newest is read once the link was opened.
                if !ids.is_empty() {
                    self.handle.mark_read(ids, true).await?;
                }
                Click::Link { id, link }
            }
            (Some(id), _) => Click::Message(id),
            (None, _) => Click::Inbox,
        };
        let _ = self.clicks.send(click).await;
        Ok(())
    }
}

/// The first of the orders that still matters: what a slow daemon has not been asked for yet is not
/// shown if a newer announcement, which stands for all of it, waits behind it.
fn next(waiting: &mut VecDeque<Order>) -> Option<Order> {
    loop {
        let order = waiting.pop_front()?;
        let Order::Show(announcement) = &order else {
            return Some(order);
        };
        let newer = waiting.iter().find(|later| later.key() == announcement.key);
        let overtaken = matches!(newer, Some(Order::Show(newer))
            if (!newer.shrinks || announcement.shrinks) && holds_all(&newer.ids, &announcement.ids));
        if !overtaken {
            return Some(order);
        }
    }
}

fn holds_all(ids: &[i64], others: &[i64]) -> bool {
    let ids: HashSet<i64> = ids.iter().copied().collect();
    others.iter().all(|id| ids.contains(id))
}

fn text(trouble: &Trouble) -> view::Text {
    let text = view::Text::new(trouble.text_id());
    match trouble.reason() {
        Some(reason) => text.with("reason", reason),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(key: &str, ids: &[i64], shrinks: bool) -> Order {
        Order::Show(Announcement {
            ids: ids.to_vec(),
            kind: Standing::Burst,
            feed: None,
            key: key.into(),
            shrinks,
            title: String::new(),
            body: String::new(),
            urgency: view::Urgency::Normal,
            icon: None,
            link: None,
            offers: Vec::new(),
            sound: view::Sound::System,
        })
    }

    /// What is asked of the daemon, in its order.
    fn asked(orders: Vec<Order>) -> Vec<(String, Vec<i64>)> {
        let mut waiting = orders.into();
        std::iter::from_fn(|| next(&mut waiting))
            .map(|order| match order {
                Order::Show(announcement) => (announcement.key, announcement.ids),
                Order::Withdraw(key) => (key, Vec::new()),
            })
            .collect()
    }

    #[test]
    fn what_a_newer_one_stands_for_is_not_shown_first() {
        let orders = vec![
            show("a", &[1], false),
            show("b", &[2], false),
            show("a", &[1, 3], false),
            show("a", &[1, 3, 4], false),
        ];
        let left = [("b".into(), vec![2]), ("a".into(), vec![1, 3, 4])];
        assert_eq!(asked(orders), left);
    }

    #[test]
    fn nothing_is_lost_for_one_that_says_less_or_something_else() {
        for orders in [
            || vec![show("a", &[1, 2], false), show("a", &[2], true)],
            || vec![show("a", &[1], false), show("a", &[2], false)],
            || {
                let gone = Order::Withdraw("a".into());
                vec![show("a", &[1], false), gone, show("a", &[1, 2], false)]
            },
        ] {
            assert_eq!(asked(orders()).len(), orders().len());
        }
    }

    /// The bundler names the entry after the product and the icon after the program.
    #[test]
    fn pop_ups_name_what_the_package_installs() {
        let bundle = include_str!("../../../tauri.conf.json");
        let entry = format!("\"productName\": \"{ENTRY}\"");
        let icon = format!("\"mainBinaryName\": \"{ICON}\"");
        assert!(bundle.contains(&entry) && bundle.contains(&icon));
    }
}
