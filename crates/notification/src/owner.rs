//! The one task that knows all pop-ups, and one task per pop-up that owns its handle.
//!
//! The owner never waits for the daemon to show something: a pop-up's task does,
//! and reports back. So a daemon that hangs delays its own pop-up alone.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use tracing::{debug, warn};

use crate::{
    Action, Answer, App, MAX_ALIVE, Notification, Reason, Request, ServerInfo, Signal, Sound,
    Trouble,
    os::{self, Change, Daemon, Failure, Outcome, PopUp, Server},
    text,
};

/// Replacements that wait for one pop-up.
const ORDERS: usize = 16;
/// Replacements after which a pop-up is shown anew: each costs its connection
/// two match rules, which the bus counts.
const RENEW_AFTER: u32 = 200;
/// After a sound there is none for so long.
const CHIME_REST: Duration = Duration::from_secs(3);
/// Activation tokens waiting for their action, which follows at once.
const TOKENS: usize = 8;

pub(crate) async fn run(
    app: App,
    mut requests: mpsc::Receiver<Request>,
    signals: mpsc::Sender<Signal>,
) {
    let (reports, mut inbox) = mpsc::channel(MAX_ALIVE);
    let mut owner = Owner {
        app,
        daemon: None,
        server: None,
        said: None,
        chime: Chime::default(),
        alive: HashMap::new(),
        serial: 0,
        tokens: VecDeque::new(),
        reports,
        signals,
    };
    // The outcome is said as a signal.
    let _ = owner.server().await;
    loop {
        tokio::select! {
            // Changes first: a token comes just before its action, and a daemon's
            // end before the pop-ups' reports of it.
            biased;
            change = next_change(&mut owner.daemon) => owner.on_change(change).await,
            Some(report) = inbox.recv() => owner.on_report(report).await,
            request = requests.recv() => match request {
                Some(Request::Show { notification, in_place, answer }) => {
                    owner.show(notification, in_place, answer).await;
                }
                Some(Request::Close { key }) => owner.close(&key),
                None => return,
            },
        }
    }
}

async fn next_change(daemon: &mut Option<Daemon>) -> Change {
    match daemon {
        Some(daemon) => daemon.changed().await,
        None => std::future::pending().await,
    }
}

struct Owner {
    app: App,
    /// Our ear on the bus; none while there is no bus.
    daemon: Option<Daemon>,
    /// The running daemon, once it has answered.
    server: Option<Server>,
    /// What was last signalled, so that only changes are.
    said: Option<Result<ServerInfo, Trouble>>,
    chime: Chime,
    alive: HashMap<String, Alive>,
    /// Grows with each pop-up: tells the oldest, and stale reports from fresh ones.
    serial: u64,
    tokens: VecDeque<(u32, String)>,
    reports: mpsc::Sender<Report>,
    signals: mpsc::Sender<Signal>,
}

struct Alive {
    serial: u64,
    orders: mpsc::Sender<Order>,
}

enum Order {
    Replace {
        with: Box<notify_rust::Notification>,
        answer: Answer,
    },
    Withdraw,
}

struct Report {
    key: String,
    serial: u64,
    news: News,
}

enum News {
    /// The daemon has taken it, or not; the pop-up has ended if not.
    Shown {
        result: Result<(), Failure>,
        answer: Answer,
    },
    Ended {
        id: u32,
        outcome: Outcome,
    },
}

impl Owner {
    async fn show(&mut self, mut notification: Notification, in_place: bool, answer: Answer) {
        if in_place {
            if !self.alive.contains_key(&notification.key) {
                return reply(answer, Ok(()));
            }
            notification.sound = Sound::Silent;
        }
        let server = match self.server().await {
            Ok(server) => server,
            Err(trouble) => return reply(answer, Err(trouble)),
        };
        if in_place && !self.alive.contains_key(&notification.key) {
            return reply(answer, Ok(()));
        }
        if server.sound {
            let wanted = std::mem::take(&mut notification.sound);
            notification.sound = self.chime.ring(wanted, Instant::now());
        } else {
            notification.sound = Sound::Desktop;
        }
        let native = native(&self.app, &server, &notification);
        let key = notification.key;
        if let Some(alive) = self.alive.get(&key) {
            let order = Order::Replace {
                with: Box::new(native),
                answer,
            };
            match alive.orders.try_send(order) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(order)) => {
                    order.refuse(Trouble::NoAnswer);
                }
                // It has just ended and its report is on the way.
                Err(mpsc::error::TrySendError::Closed(Order::Replace { with, answer })) => {
                    self.raise(key, *with, answer);
                }
                Err(mpsc::error::TrySendError::Closed(Order::Withdraw)) => {}
            }
        } else {
            self.raise(key, native, answer);
        }
    }

    /// Starts a pop-up of its own, for which the oldest may have to go.
    fn raise(&mut self, key: String, native: notify_rust::Notification, answer: Answer) {
        if self.alive.len() >= MAX_ALIVE && !self.alive.contains_key(&key) {
            let oldest = self.alive.iter().min_by_key(|(_, alive)| alive.serial);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.close(&oldest);
            }
        }
        self.serial += 1;
        let (orders, inbox) = mpsc::channel(ORDERS);
        let alive = Alive {
            serial: self.serial,
            orders,
        };
        let tender = Tender {
            key: key.clone(),
            serial: self.serial,
            patience: self.app.patience,
            reports: self.reports.clone(),
        };
        self.alive.insert(key, alive);
        tokio::spawn(tender.tend(native, answer, inbox));
    }

    fn close(&mut self, key: &str) {
        let Some(alive) = self.alive.remove(key) else {
            return;
        };
        // A full queue cannot take the order; dropping the sender ends the pop-up's task all the same.
        let _ = alive.orders.try_send(Order::Withdraw);
        self.signal(Signal::Closed {
            key: key.to_owned(),
            reason: Reason::Withdrawn,
        });
    }

    async fn on_report(&mut self, report: Report) {
        let current = self
            .alive
            .get(&report.key)
            .is_some_and(|alive| alive.serial == report.serial);
        match report.news {
            News::Shown {
                result: Ok(()),
                answer,
            } => {
                if let Some(server) = &self.server {
                    self.say(Ok(server.info.clone()));
                }
                reply(answer, Ok(()));
            }
            News::Shown {
                result: Err(failure),
                answer,
            } => {
                if current {
                    self.alive.remove(&report.key);
                }
                let trouble = self.explain(failure).await;
                debug!(key = report.key, %trouble, "notification not shown");
                reply(answer, Err(trouble));
            }
            News::Ended { id, outcome } => {
                if current {
                    self.alive.remove(&report.key);
                }
                let key = report.key;
                match outcome {
                    // What a person did counts, even if the pop-up was replaced meanwhile.
                    Outcome::Action(action) => {
                        let token = self.token(id);
                        self.signal(Signal::Action { key, action, token });
                    }
                    Outcome::Closed(reason) if current => {
                        self.signal(Signal::Closed { key, reason });
                    }
                    Outcome::Closed(_) => {}
                }
            }
        }
    }

    async fn on_change(&mut self, change: Change) {
        match change {
            Change::Token { id, token } => {
                if self.tokens.len() == TOKENS {
                    self.tokens.pop_front();
                }
                self.tokens.push_back((id, token));
            }
            Change::Daemon { owner } => {
                if owner.is_some() && owner == self.server.as_ref().map(|s| s.owner.clone()) {
                    return; // we started it, by asking
                }
                self.forget();
                if owner.is_some() || !self.startable().await {
                    // Asks the new daemon, or finds that there is none, and says so.
                    let _ = self.server().await;
                }
            }
            Change::BusLost => {
                self.daemon = None;
                self.forget();
                self.say(Err(Trouble::NoBus));
            }
        }
    }

    /// A daemon's pop-ups end with it: another daemon may use their ids for others.
    fn forget(&mut self) {
        self.server = None;
        self.tokens.clear();
        for (key, _) in std::mem::take(&mut self.alive) {
            self.signal(Signal::Closed {
                key,
                reason: Reason::Lost,
            });
        }
    }

    /// The daemon, asked for its abilities if it is a new one. Also starts one
    /// that the bus knows how to start.
    async fn server(&mut self) -> Result<ServerInfo, Trouble> {
        if let Some(server) = &self.server {
            return Ok(server.info.clone());
        }
        let patience = self.app.patience;
        let asked = match ear(&mut self.daemon).await {
            Ok(daemon) => tokio::time::timeout(patience, daemon.server())
                .await
                .unwrap_or(Err(Failure::NoAnswer)),
            Err(trouble) => {
                self.say(Err(trouble.clone()));
                return Err(trouble);
            }
        };
        match asked {
            Ok(server) => {
                let info = server.info.clone();
                self.server = Some(server);
                self.say(Ok(info.clone()));
                Ok(info)
            }
            Err(failure) => Err(self.explain(failure).await),
        }
    }

    /// What a failed call means, which only the bus can tell.
    async fn explain(&mut self, failure: Failure) -> Trouble {
        let trouble = match failure {
            Failure::NoAnswer => Trouble::NoAnswer,
            Failure::Answered(text) => {
                let running = match &self.daemon {
                    Some(daemon) => tokio::time::timeout(self.app.patience, daemon.running()).await,
                    None => Ok(None),
                };
                match running {
                    Ok(Some(true)) => Trouble::Refused(text),
                    Ok(Some(false)) => Trouble::NoDaemon,
                    Ok(None) | Err(_) => {
                        self.daemon = None;
                        Trouble::NoBus
                    }
                }
            }
        };
        match trouble {
            // About one notification; the others may well be shown.
            Trouble::Refused(_) => return trouble,
            Trouble::NoDaemon | Trouble::NoBus => self.server = None,
            Trouble::NoAnswer | Trouble::Stopped => {}
        }
        self.say(Err(trouble.clone()));
        trouble
    }

    async fn startable(&self) -> bool {
        match &self.daemon {
            Some(daemon) => tokio::time::timeout(self.app.patience, daemon.startable())
                .await
                .unwrap_or(false),
            None => false,
        }
    }

    fn token(&mut self, id: u32) -> Option<String> {
        let at = self.tokens.iter().position(|(of, _)| *of == id)?;
        self.tokens.remove(at).map(|(_, token)| token)
    }

    /// Signals what changed about the daemon, once.
    fn say(&mut self, state: Result<ServerInfo, Trouble>) {
        if self.said.as_ref() == Some(&state) {
            return;
        }
        self.said = Some(state.clone());
        self.signal(match state {
            Ok(server) => Signal::Available(server),
            Err(trouble) => Signal::Unavailable(trouble),
        });
    }

    fn signal(&self, signal: Signal) {
        match self.signals.try_send(signal) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            Err(mpsc::error::TrySendError::Full(signal)) => {
                warn!(?signal, "signal dropped: nobody reads them");
            }
        }
    }
}

/// When there was a sound last.
#[derive(Debug, Default)]
struct Chime(Option<Instant>);

impl Chime {
    /// What may be heard of a sound now.
    fn ring(&mut self, wanted: Sound, now: Instant) -> Sound {
        let rests = self.0.is_some_and(|last| now < last + CHIME_REST);
        if wanted == Sound::Silent || rests {
            return Sound::Silent;
        }
        self.0 = Some(now);
        wanted
    }
}

/// The ear on the bus, opened if it is not.
async fn ear(daemon: &mut Option<Daemon>) -> Result<&Daemon, Trouble> {
    match daemon {
        Some(daemon) => Ok(daemon),
        none => Ok(none.insert(Daemon::listen().await?)),
    }
}

impl Order {
    fn refuse(self, trouble: Trouble) {
        if let Order::Replace { answer, .. } = self {
            reply(answer, Err(trouble));
        }
    }
}

/// One pop-up's task.
struct Tender {
    key: String,
    serial: u64,
    patience: Duration,
    reports: mpsc::Sender<Report>,
}

impl Tender {
    async fn tend(
        self,
        native: notify_rust::Notification,
        answer: Answer,
        mut orders: mpsc::Receiver<Order>,
    ) {
        let shown = PopUp::show(native, self.patience).await;
        let Some(mut pop_up) = self.shown(shown, answer).await else {
            return;
        };
        let mut replaced = 0;
        loop {
            tokio::select! {
                outcome = pop_up.outcome() => {
                    let id = pop_up.id();
                    if matches!(outcome, Outcome::Action(_)) {
                        // Some daemons keep the pop-up after an action; we would not hear the next.
                        pop_up.close(self.patience).await;
                    }
                    return self.report(News::Ended { id, outcome }).await;
                }
                order = orders.recv() => match order {
                    Some(Order::Replace { with, answer }) => {
                        let result = if replaced < RENEW_AFTER {
                            replaced += 1;
                            pop_up.replace(*with, self.patience).await
                        } else {
                            replaced = 0;
                            pop_up.close(self.patience).await;
                            PopUp::show(*with, self.patience).await
                        };
                        match self.shown(result, answer).await {
                            Some(fresh) => pop_up = fresh,
                            None => return,
                        }
                    }
                    Some(Order::Withdraw) => return pop_up.close(self.patience).await,
                    None => return,
                },
            }
        }
    }

    async fn shown(&self, result: Result<PopUp, Failure>, answer: Answer) -> Option<PopUp> {
        let (pop_up, result) = match result {
            Ok(pop_up) => (Some(pop_up), Ok(())),
            Err(failure) => (None, Err(failure)),
        };
        self.report(News::Shown { result, answer }).await;
        pop_up
    }

    async fn report(&self, news: News) {
        let report = Report {
            key: self.key.clone(),
            serial: self.serial,
            news,
        };
        // The owner is gone only when the app ends.
        let _ = self.reports.send(report).await;
    }
}

fn reply(answer: Answer, result: Result<(), Trouble>) {
    // The caller may have given up waiting.
    let _ = answer.send(result);
}

/// The notification in notify-rust's words, cut to what the daemon can do.
fn native(app: &App, server: &ServerInfo, n: &Notification) -> notify_rust::Notification {
    let mut native = notify_rust::Notification::new();
    let title = text::plain(&n.title, Notification::MAX_TITLE);
    let body = text::plain(&n.body, Notification::MAX_BODY);
    native.appname(&app.name);
    native.summary(if title.trim().is_empty() {
        &app.name
    } else {
        &title
    });
    if server.markup {
        native.body(&text::escaped(&body));
    } else {
        native.body(&body);
    }
    native.icon(n.icon.as_deref().unwrap_or(&app.icon));
    if server.actions {
        for Action { id, label } in &n.actions {
            if id == Action::CLICK && os::shows_click_as_button(server) {
                continue;
            }
            native.action(&text::plain(id, 64), &text::plain(label, 64));
        }
    }
    os::dress(&mut native, app, n);
    native
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_one_sound_in_three_seconds() {
        let start = Instant::now();
        let mut chime = Chime::default();
        let mut heard =
            |wanted: Sound, after: u64| chime.ring(wanted, start + Duration::from_millis(after));
        let bell = || Sound::Named("bell".to_owned());
        assert_eq!(heard(Sound::Silent, 0), Sound::Silent);
        assert_eq!(heard(bell(), 0), bell(), "silence is no sound");
        assert_eq!(heard(Sound::Desktop, 1), Sound::Silent);
        assert_eq!(heard(bell(), 2_999), Sound::Silent);
        assert_eq!(heard(Sound::Desktop, 3_000), Sound::Desktop);
        assert_eq!(heard(bell(), 5_999), Sound::Silent);
        assert_eq!(heard(bell(), 6_000), bell());
    }
}
