//! The embedded hub: on, off, or why not.

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use hub::{Hub, HubConfig, HubError, HubStats, Store, Token};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    settings::HubSettings,
    view::{HubState, Text},
};

/// How long subscribers are given to leave.
const GRACE: Duration = Duration::from_secs(3);

/// A hub that runs.
pub(crate) struct Embedded {
    pub(crate) hub: Hub,
    pub(crate) stats: watch::Receiver<HubStats>,
    address: SocketAddr,
    /// Requests need a token.
    guarded: bool,
    stop: CancellationToken,
    task: JoinHandle<Result<(), HubError>>,
}

impl Embedded {
    /// Binds and serves. With `any_port`, a taken port is replaced by a free one.
    pub(crate) async fn start(
        settings: &HubSettings,
        token: Option<String>,
        store: PathBuf,
        any_port: bool,
    ) -> Result<Self, Text> {
        let mut config = HubConfig::new(Store::Path(store));
        config.allow_origins.clone_from(&settings.allow_origins);
        config.tokens = token.as_deref().and_then(Token::new).into_iter().collect();
        if !settings.listen.ip().is_loopback() && config.tokens.is_empty() {
            return Err(Text::new("hub-token"));
        }
        let guarded = !config.tokens.is_empty();
        let listener = bind(settings.listen, any_port).await?;
        let open = |why: String| Text::new("hub-open").with("why", why);
        let address = listener.local_addr().map_err(|why| open(why.to_string()))?;
        let hub = tokio::task::spawn_blocking(move || Hub::open(config))
            .await
            .map_err(|why| open(why.to_string()))?
            .map_err(|why| hub_trouble(&why))?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(hub::serve(
            hub.clone(),
            listener,
            stop.clone().cancelled_owned(),
        ));
        Ok(Self {
            stats: hub.watch(),
            hub,
            address,
            guarded,
            stop,
            task,
        })
    }

    /// Says goodbye to the subscribers and closes the log.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if timeout(GRACE, self.task).await.is_err() {
            tracing::warn!("the hub's subscribers did not leave in time");
        }
    }

    /// `http://127.0.0.1:2355`.
    pub(crate) fn url(&self) -> String {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("http://{address}")
    }

    pub(crate) fn state(&self) -> HubState {
        let url = self.url();
        let lan = !self.address.ip().is_loopback();
        let token = if self.guarded { "&token=TOKEN" } else { "" };
        HubState::Running {
            curl: curl_line(&url, self.guarded),
            receive: format!(
                "const bell = new EventSource(\"{url}/events?uid=me{token}\");\n\
                 bell.addEventListener(\"like\", e => console.log(e.data));"
            ),
            url,
            lan,
        }
    }
}

/// A line for a terminal that sends one like to everyone.
fn curl_line(url: &str, guarded: bool) -> String {
    let token = if guarded {
        "-H \"Authorization: Bearer $TOKEN\" "
    } else {
        ""
    };
    format!(
        "curl {token}-d '{{\"event\":\"like\",\"data\":{{\"title\":\"Ada liked your post\"}}}}' {url}/publish"
    )
}

/// Why a hub does not run, as a sentence for the user.
#[must_use]
pub fn hub_trouble(why: &HubError) -> Text {
    if let HubError::TokenNeeded { .. } = why {
        return Text::new("hub-token");
    }
    let (id, path) = match why {
        HubError::InUse { path } => ("hub-in-use", path),
        HubError::Newer { path } => ("hub-newer", path),
        HubError::Damaged { path, .. } => ("hub-damaged", path),
        other => return Text::new("hub-open").with("why", other.to_string()),
    };
    Text::new(id).with("path", path.display().to_string())
}

async fn bind(address: SocketAddr, any_port: bool) -> Result<TcpListener, Text> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(why) if why.kind() == io::ErrorKind::AddrInUse && any_port => {
            let free = SocketAddr::new(address.ip(), 0);
            TcpListener::bind(free)
                .await
                .map_err(|why| no_bind(free, &why))
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
