//! The session's notification daemon, as a bonus: what is printed counts as
//! shown already, so a pop-up that does not come is no trouble.

use std::collections::VecDeque;

use notification::{Action, App, MAX_ALIVE, Notification, Notifications, Signal, Urgency};
use notifier::{Announcement, NotifierHandle, view};
use tokio::sync::mpsc;

/// Pop-ups that may wait for a slow daemon; further ones are left out.
const WAITING: usize = 64;

/// Orders for the daemon.
#[derive(Clone, Debug)]
pub(crate) struct PopUps {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Show(Announcement),
    Withdraw(String),
}

impl PopUps {
    /// Looks for the daemon; clicks go to the notifier.
    pub(crate) fn start(handle: NotifierHandle) -> Self {
        let (orders, receiver) = mpsc::channel(WAITING);
        let (notifications, signals) = Notifications::start(App::new("Feedbell", "feedbell"));
        let screen = Screen {
            notifications,
            handle,
            alive: VecDeque::new(),
        };
        tokio::spawn(screen.run(receiver, signals));
        Self { orders }
    }

    /// Shows it, unless too many wait.
    pub(crate) fn show(&self, announcement: Announcement) {
        let _ = self.orders.try_send(Order::Show(announcement));
    }

    /// Takes it away.
    pub(crate) async fn withdraw(&self, key: String) {
        let _ = self.orders.send(Order::Withdraw(key)).await;
    }
}

struct Screen {
    notifications: Notifications,
    handle: NotifierHandle,
    alive: VecDeque<Announcement>,
}

impl Screen {
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, mut signals: mpsc::Receiver<Signal>) {
        loop {
            tokio::select! {
                signal = signals.recv() => match signal {
                    Some(signal) => self.hear(signal).await,
                    None => return,
                },
                order = orders.recv() => match order {
                    Some(Order::Show(announcement)) => self.show(announcement).await,
                    Some(Order::Withdraw(key)) => self.notifications.close(key).await,
                    None => return,
                },
            }
        }
    }

    async fn show(&mut self, announcement: Announcement) {
        let Ok(words) = self.handle.localizer().await else {
            return;
        };
        let mut actions = vec![Action::new("read", words.get("announce-action-read"))];
        if announcement.link.is_some() {
            let open = words.get("announce-action-open");
            actions.insert(0, Action::new("open", open.as_str()));
            actions.insert(0, Action::new(Action::CLICK, open));
        }
        let notification = Notification {
            title: announcement.title.clone(),
            body: announcement.body.clone(),
            urgency: match announcement.urgency {
                view::Urgency::Low => Urgency::Low,
                view::Urgency::Normal => Urgency::Normal,
                view::Urgency::High => Urgency::Critical,
            },
            icon: announcement.icon.clone(),
            actions,
            category: Some("im.received".to_owned()),
            ..Notification::new(announcement.key.clone())
        };
        match self.notifications.show(notification).await {
            Ok(()) => {
                self.alive.retain(|other| other.key != announcement.key);
                self.alive.push_back(announcement);
                if self.alive.len() > MAX_ALIVE {
                    self.alive.pop_front();
                }
            }
            Err(why) => tracing::info!(%why, "printed only"),
        }
    }

    async fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Action { key, action, .. } => {
                let Some(announcement) = self.forget(&key) else {
                    return;
                };
                if action == "read" {
                    // A refusal means that the notifier is stopping.
                    let _ = self.handle.mark_read(announcement.ids, true).await;
                } else if let Some(link) = announcement.link
                    && let Err(why) = open::that_detached(link)
                {
                    tracing::warn!(%why, "the link could not be opened");
                }
            }
            Signal::Closed { key, .. } => {
                self.forget(&key);
            }
            Signal::Available(server) => {
                tracing::info!(name = server.name, "notifications pop up too");
            }
            Signal::Unavailable(why) => {
                tracing::info!(%why, "notifications are only printed");
            }
        }
    }

    fn forget(&mut self, key: &str) -> Option<Announcement> {
        let place = self.alive.iter().position(|shown| shown.key == key)?;
        self.alive.remove(place)
    }
}
