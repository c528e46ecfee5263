//! The embedded hub: on, off, on its way, or why not.
//!
//! A task of its own, the keeper, does what the settings wish: it asks for the
//! token, opens the log, binds, and stops what ran before. The notifier only
//! says what is wished and reads where things stand, so a keyring that waits
//! for its person, or a slow command, holds up nothing else.

use std::{io, net::SocketAddr, path::Path, path::PathBuf, sync::Arc, time::Duration};

use hub::{
    Doors, Hub, HubConfig, HubError, HubStats, Local, OWN_CERTIFICATE, Store, Tls, TlsError,
    TlsMode, Token,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    machine,
    secrets::Secrets,
    settings::HubSettings,
    view::{HubState, HubTls, Text},
};

/// How long subscribers are given to leave.
const GRACE: Duration = Duration::from_secs(3);
/// The least time between two words about who listens.
const PACE: Duration = Duration::from_millis(300);
/// How often a hub that wants a token looks for one, which the command line may make too.
const LOOK: Duration = Duration::from_millis(250);
/// How long after a failure it is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(30);
/// How long after a secret was not to be had it is asked for again: a person may be asked each time.
const ASK_AGAIN: Duration = Duration::from_secs(15 * 60);
/// A log that was just given up may take so long to close.
const CLOSES_WITHIN: Duration = Duration::from_secs(2);

/// What the hub should be.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) settings: HubSettings,
    /// Relative paths in the settings begin here.
    pub(crate) folder: PathBuf,
    /// The log and the hub's own certificate lie here.
    pub(crate) data: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) secrets: Secrets,
    /// A taken port is replaced by a free one.
    pub(crate) any_port: bool,
    /// With this the notifier's own feed listens where a token is asked.
    pub(crate) own_token: String,
}

/// Where the hub is.
#[derive(Clone)]
pub(crate) enum HubNow {
    Off,
    Starting,
    On(Arc<Running>),
    Failed(Text),
}

/// A hub that runs.
pub(crate) struct Running {
    pub(crate) hub: Hub,
    pub(crate) stats: watch::Receiver<HubStats>,
    /// Most subscribers.
    pub(crate) max: usize,
    /// How long events are kept, in days.
    pub(crate) keep_days: u32,
    address: SocketAddr,
    /// Requests need a token.
    guarded: bool,
    /// Other machines should reach it, but there is no token yet: it serves this one alone.
    pub(crate) wants_token: bool,
    tls: HubTls,
    fingerprint: Option<String>,
    /// The certificate that the hub made for itself.
    own_certificate: Option<PathBuf>,
}

/// A wish and what became of it, numbered: what a former wish led to is not said any more.
struct Numbered<T> {
    number: u64,
    it: T,
}

/// Makes the hub what it should be.
pub(crate) struct Keeper {
    wishes: watch::Sender<Numbered<Option<Plan>>>,
    now: watch::Sender<Numbered<HubNow>>,
    heard: watch::Receiver<Numbered<HubNow>>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// With the hub off.
    pub(crate) fn new() -> Self {
        let number = 0;
        let (wishes, wished) = watch::channel(Numbered { number, it: None });
        let it = HubNow::Off;
        let (now, heard) = watch::channel(Numbered { number, it });
        let task = tokio::spawn(keep(wished, now.clone()));
        Self {
            wishes,
            now,
            heard,
            task,
        }
    }

    /// Says what the hub should be; a hub that runs is stopped first, in the keeper's own time.
    pub(crate) fn wish(&self, plan: Option<Plan>) {
        let starting = plan.is_some();
        let mut number = 0;
        // First: the keeper, on another thread, may have done it before the wish is all said, and
        // nothing counts that it says of a number that is not this one.
        self.now.send_modify(|now| {
            now.number += 1;
            now.it = if starting {
                HubNow::Starting
            } else {
                HubNow::Off
            };
            number = now.number;
        });
        self.wishes.send_modify(|wish| {
            wish.number = number;
            wish.it = plan;
        });
    }

    /// Once more what was wished last.
    pub(crate) fn again(&self) {
        let plan = self.wishes.borrow().it.clone();
        self.wish(plan);
    }

    pub(crate) fn now(&self) -> HubNow {
        self.now.borrow().it.clone()
    }

    pub(crate) fn on(&self) -> Option<Arc<Running>> {
        match &self.now.borrow().it {
            HubNow::On(running) => Some(running.clone()),
            _ => None,
        }
    }

    /// Waits until the hub is something else, or somebody came or went.
    pub(crate) async fn changed(&mut self) {
        // The keeper itself holds a sender.
        let _ = self.heard.changed().await;
    }

    /// Where the hub is once it is not starting any more.
    pub(crate) fn settled(&self) -> impl Future<Output = HubNow> + use<> {
        let mut heard = self.now.subscribe();
        async move {
            let settled = heard.wait_for(|now| !matches!(now.it, HubNow::Starting));
            settled.await.map_or(HubNow::Off, |now| now.it.clone())
        }
    }

    /// Says goodbye to the subscribers and closes the log.
    pub(crate) async fn stop(self) {
        self.wish(None);
        drop(self.wishes);
        let _ = self.task.await;
    }
}

async fn keep(
    mut wishes: watch::Receiver<Numbered<Option<Plan>>>,
    now: watch::Sender<Numbered<HubNow>>,
) {
    let mut stopped = None;
    loop {
        let (number, plan) = {
            let wish = wishes.borrow_and_update();
            (wish.number, wish.it.clone())
        };
        let say = |it: HubNow| {
            now.send_if_modified(|now| {
                let current = now.number == number;
                if current {
                    now.it = it;
                }
                current
            });
        };
        let Some(plan) = plan else {
            if wishes.changed().await.is_err() {
                return;
            }
            continue;
        };
        let mut told = None;
        let (serving, running) = loop {
            let (why, wait) = {
                let token = tokio::select! {
                    token = resolve(&plan) => token,
                    changed = wishes.changed() => match changed {
                        Ok(()) => break (None, None),
                        Err(_) => return,
                    },
                };
                match token {
                    Err(why) => (why, ASK_AGAIN),
                    Ok(token) => match start(&plan, token, stopped).await {
                        Ok((serving, running)) => break (Some(serving), Some(Arc::new(running))),
                        Err(why) => (why, TRY_AGAIN),
                    },
                }
            };
            if told.as_ref() != Some(&why) {
                tracing::error!(why = why.id, args = ?why.args, "the hub could not start");
                say(HubNow::Failed(why.clone()));
                told = Some(why);
            }
            tokio::select! {
                () = sleep(wait) => {}
                changed = wishes.changed() => match changed {
                    Ok(()) => break (None, None),
                    Err(_) => return,
                },
            }
        };
        let (Some(mut serving), Some(running)) = (serving, running) else {
            continue;
        };
        tracing::info!(address = %running.address, "the hub is on");
        let mut stats = running.stats.clone();
        let wants = running.wants_token.then(|| running.hub.clone());
        say(HubNow::On(running));
        let mut quiet = Instant::now() + PACE;
        let ended = loop {
            let news = async {
                sleep_until(quiet).await;
                stats.changed().await
            };
            let token = async {
                match &wants {
                    Some(hub) => token_made(hub, plan.settings.listen).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = wishes.changed() => break None,
                ended = &mut serving.task => break Some(ended),
                () = token => {
                    say(HubNow::Starting);
                    break None;
                }
                Ok(()) = news => {
                    now.send_modify(|_| ());
                    quiet = Instant::now() + PACE;
                }
            }
        };
        drop((stats, wants));
        if let Some(ended) = ended {
            let why = match ended {
                Ok(Err(why)) => hub_trouble(&why),
                Ok(Ok(())) => Text::new("hub-open").with("why", "it ended"),
                Err(why) => Text::new("hub-open").with("why", why.to_string()),
            };
            tracing::error!(why = why.id, args = ?why.args, "the hub ended");
            say(HubNow::Failed(why));
            if wishes.changed().await.is_err() {
                return;
            }
        } else {
            serving.stop().await;
        }
        stopped = Some(Instant::now());
    }
}

/// Waits until the hub may listen at this address.
async fn token_made(hub: &Hub, listen: SocketAddr) {
    while hub.check_address(listen).is_err() {
        sleep(LOOK).await;
    }
}

/// The settings' own token.
async fn resolve(plan: &Plan) -> Result<Option<Token>, Text> {
    let Some(secret) = &plan.settings.token else {
        return Ok(None);
    };
    let token = plan.secrets.resolve(secret).await;
    let token = token.map_err(|why| why.text())?;
    let token = Token::new(&token).ok_or_else(|| Text::new("hub-token-unusable"))?;
    Ok(Some(token))
}

/// The listening part of a hub that runs.
struct Serving {
    stop: CancellationToken,
    task: JoinHandle<Result<(), HubError>>,
}

impl Serving {
    async fn stop(self) {
        self.stop.cancel();
        if timeout(GRACE, self.task).await.is_err() {
            tracing::warn!("the hub's subscribers did not leave in time");
        }
    }
}

async fn start(
    plan: &Plan,
    token: Option<Token>,
    stopped: Option<Instant>,
) -> Result<(Serving, Running), Text> {
    let settings = &plan.settings;
    let lan = !settings.listen.ip().is_loopback();
    let mut config = HubConfig::new(Store::Path(plan.data.join("hub.db")));
    config.pages = hub::Pages::new(pages::HUB);
    config.allow_origins.clone_from(&settings.allow_origins);
    config.tokens = token.into_iter().collect();
    let mut has_token = !config.tokens.is_empty();
    if lan {
        config.tokens.extend(Token::new(&plan.own_token));
    }
    let max = config.max_streams;
    let days = config.history.age.as_secs() / (24 * 60 * 60);
    let mut hub = open(config.clone(), stopped).await?;
    if lan && !has_token {
        let made = hub.tokens().await.map_err(|why| hub_trouble(&why))?;
        has_token = !made.is_empty();
    }
    let wants_token = lan && !has_token;
    let mut listen = settings.listen;
    if wants_token {
        // Nobody else gets in until there is a token; on this computer none is asked.
        listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        config.tokens.clear();
        drop(hub);
        hub = open(config.clone(), Some(Instant::now())).await?;
    }
    let listener = bind(listen, plan.any_port)?;
    let opening = |why: String| Text::new("hub-open").with("why", why);
    let address = listener
        .local_addr()
        .map_err(|why| opening(why.to_string()))?;
    let mut doors = Doors::new(listener);
    match Local::open(&plan.socket) {
        Ok(local) => doors.local = Some(local),
        // Only a way for programs of this user to need no token.
        Err(why) => tracing::warn!(%why, "the hub has no socket of its own"),
    }
    let (tls, own_certificate) = certificate(plan, address).map_err(|why| {
        let why = why.to_string();
        Text::new("hub-tls").with("why", why)
    })?;
    let fingerprint = tls.as_ref().map(|tls| tls.fingerprint().to_owned());
    doors.tls = match (settings.tls, tls) {
        (HubTls::On, Some(tls)) => TlsMode::On(tls),
        (HubTls::Required, Some(tls)) => TlsMode::Required(tls),
        _ => TlsMode::Off,
    };
    let stop = CancellationToken::new();
    let stopping = stop.clone().cancelled_owned();
    let task = tokio::spawn(hub::serve_on(hub.clone(), doors, stopping));
    let running = Running {
        stats: hub.watch(),
        hub,
        max,
        keep_days: u32::try_from(days).unwrap_or(u32::MAX),
        address,
        guarded: !config.tokens.is_empty(),
        wants_token,
        tls: settings.tls,
        fingerprint,
        own_certificate,
    };
    Ok((Serving { stop, task }, running))
}

/// Opens the log; right after it was given up it may still be closing.
async fn open(config: HubConfig, stopped: Option<Instant>) -> Result<Hub, Text> {
    loop {
        let config = config.clone();
        let opened = tokio::task::spawn_blocking(move || Hub::open(config)).await;
        let opened = opened.map_err(|why| Text::new("hub-open").with("why", why.to_string()))?;
        match opened {
            Err(HubError::InUse { .. })
                if stopped.is_some_and(|stopped| stopped.elapsed() < CLOSES_WITHIN) =>
            {
                sleep(Duration::from_millis(20)).await;
            }
            opened => return opened.map_err(|why| hub_trouble(&why)),
        }
    }
}

/// The certificate, and where it lies if the hub made it for itself.
fn certificate(
    plan: &Plan,
    address: SocketAddr,
) -> Result<(Option<Tls>, Option<PathBuf>), TlsError> {
    let settings = &plan.settings;
    if settings.tls == HubTls::Off {
        return Ok((None, None));
    }
    if !settings.certificate.is_empty() {
        let certificate = plan.folder.join(&settings.certificate);
        let key = match settings.key.as_str() {
            "" => certificate.clone(),
            key => plan.folder.join(key),
        };
        return Ok((Some(Tls::from_files(&certificate, &key)?), None));
    }
    let names = hub::names_of(address, &[]);
    let tls = Tls::own(&plan.data, &names, jiff::Timestamp::now())?;
    Ok((Some(tls), Some(plan.data.join(OWN_CERTIFICATE))))
}

impl Running {
    /// For programs on this computer: `http://127.0.0.1:2355`.
    pub(crate) fn own_url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        self.url_of(address)
    }

    /// What the notifier's own feed needs to trust, where only HTTPS is spoken.
    pub(crate) fn own_ca(&self) -> Option<&Path> {
        let only = self.tls == HubTls::Required;
        self.own_certificate.as_deref().filter(|_| only)
    }

    /// Whether the notifier's own feed needs its token.
    pub(crate) fn asks_for_own_token(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    /// Whether this address leads to this hub.
    pub(crate) fn is_at(&self, url: &url::Url) -> bool {
        url.port_or_known_default() == Some(self.address.port())
    }

    pub(crate) fn lan(&self) -> bool {
        !self.address.ip().is_loopback()
    }

    pub(crate) fn state(&self) -> HubState {
        let reached: Vec<SocketAddr> = if self.address.ip().is_unspecified() {
            let v6 = self.address.is_ipv6();
            let ips = machine::addresses().into_iter();
            ips.filter(|ip| ip.is_ipv4() || v6)
                .map(|ip| SocketAddr::new(ip, self.address.port()))
                .collect()
        } else {
            vec![self.address]
        };
        let mut urls = reached.into_iter().map(|address| self.url_of(address));
        let url = urls.next();
        let no_network = url.is_none();
        let url = url.unwrap_or_else(|| self.own_url());
        HubState::Running {
            curl: self.curl(&url),
            receive: self.receive(&url),
            also: urls.collect(),
            url,
            lan: self.lan(),
            wants_token: self.wants_token,
            no_network,
            guarded: self.guarded,
            fingerprint: self.fingerprint.clone(),
        }
    }

    fn url_of(&self, address: SocketAddr) -> String {
        let scheme = match self.tls {
            HubTls::Required => "https",
            HubTls::Off | HubTls::On => "http",
        };
        format!("{scheme}://{address}")
    }

    /// Lines for a terminal that send one like to everyone.
    fn curl(&self, url: &str) -> String {
        let mut lines = vec![format!("curl {url}/publish")];
        if let Some(certificate) = self.own_ca() {
            lines.push(format!("--cacert '{}'", certificate.display()));
        }
        if self.guarded {
            lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
        }
        lines.push("-d '{\"event\":\"like\",\"data\":\"Coffee is ready\"}'".to_owned());
        lines.join(" \\\n  ")
    }

    /// Lines for a web page that receive what the other lines send.
    fn receive(&self, url: &str) -> String {
        let query = if self.guarded {
            "\" +\n  \"?uid=mira&token=TOKEN"
        } else {
            "?uid=mira"
        };
        format!(
            "const hub = new EventSource(\n  \"{url}/events{query}\");\n\
             hub.addEventListener(\"like\",\n  e => console.log(e.data));"
        )
    }
}

/// Why a hub does not run, as a sentence for the user.
#[must_use]
pub fn hub_trouble(why: &HubError) -> Text {
    if let HubError::TokenNeeded { .. } = why {
        return Text::new("hub-token");
    }
    let (id, path) = match why {
        HubError::NotImported { why } => {
            return Text::new("hub-not-imported").with("why", why.clone());
        }
        HubError::OwnHistory { path } => ("hub-own-history", path),
        HubError::IsCopy { path } => ("hub-is-copy", path),
        HubError::OtherHub { path } => ("hub-other-hub", path),
        HubError::InUse { path } => ("hub-in-use", path),
        HubError::Newer { path } => ("hub-newer", path),
        HubError::Damaged { path, .. } => ("hub-damaged", path),
        other => return Text::new("hub-open").with("why", other.to_string()),
    };
    Text::new(id).with("path", path.display().to_string())
}

fn bind(address: SocketAddr, any_port: bool) -> Result<TcpListener, Text> {
    match hub::bind(address) {
        Ok(listener) => Ok(listener),
        Err(why) if why.kind() == io::ErrorKind::AddrInUse && any_port => {
            let free = SocketAddr::new(address.ip(), 0);
            hub::bind(free).map_err(|why| no_bind(free, &why))
        }
        Err(why) => Err(no_bind(address, &why)),
    }
}

fn no_bind(address: SocketAddr, why: &io::Error) -> Text {
    if why.kind() == io::ErrorKind::AddrInUse {
        Text::new("hub-port-taken").with("port", address.port())
    } else {
        Text::new("hub-bind")
            .with("address", address.to_string())
            .with("why", why.to_string())
    }
}
