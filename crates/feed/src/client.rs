//! The HTTP client of one feed: names, proxies, certificates, and what may
//! travel unencrypted.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use http::HeaderName;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{
    ClientConfig, RootCertStore, WantsVerifier,
    client::WantsClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use tokio::sync::Semaphore;
use tower::util::MapResponseLayer;
use url::{Host, Url};

use crate::{
    config::{FeedConfig, Identity, Proxy},
    pin::{Pin, Pinned},
    transport::lock,
    trouble::{NameError, StopReason},
};

/// Names looked up at once: each lookup takes a thread while it lasts.
const LOOKUPS: usize = 16;

/// The HTTP client of one feed, for all its attempts.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    pub(crate) client: reqwest::Client,
    resolver: Arc<Resolver>,
    connected: Arc<AtomicBool>,
}

impl Http {
    /// Reads the certificate files, so it is made anew when they may have changed.
    pub(crate) fn new(config: &FeedConfig) -> Result<Self, StopReason> {
        let unusable = |error: reqwest::Error| StopReason::BadAddress {
            detail: error.to_string(),
        };
        let resolver = Arc::new(Resolver::default());
        let builder = reqwest::Client::builder()
            .user_agent(concat!("feedbell/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(tls(config)?)
            .dns_resolver(Arc::clone(&resolver))
            .connect_timeout(config.patience.connect)
            .tcp_keepalive(Duration::from_secs(60))
            // A new attempt never takes a pooled connection: after a wake-up, or
            // when the watchdog barked, that would be the dead one again.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false);
        let builder = match &config.proxy {
            Proxy::System if !is_loopback(&config.url) => builder,
            Proxy::System | Proxy::None => builder.no_proxy(),
            Proxy::Url(url) => {
                let proxy = reqwest::Proxy::all(url.clone()).map_err(unusable)?;
                builder.proxy(proxy)
            }
        };
        let connected = Arc::new(AtomicBool::new(false));
        let mark = {
            let connected = Arc::clone(&connected);
            MapResponseLayer::new(move |connection| {
                connected.store(true, Relaxed);
                connection
            })
        };
        let client = builder.connector_layer(mark).build().map_err(unusable)?;
        Ok(Self {
            client,
            resolver,
            connected,
        })
    }

    /// Whether a connection was ever made, TLS included.
    pub(crate) fn connected(&self) -> bool {
        self.connected.load(Relaxed)
    }

    /// The addresses of the last name that was looked up.
    pub(crate) fn resolved(&self) -> Vec<IpAddr> {
        lock(&self.resolver.last).clone()
    }
}

/// The proxy that a feed's requests take, as host and port.
pub(crate) fn proxy_of(config: &FeedConfig) -> Option<String> {
    match &config.proxy {
        Proxy::None => None,
        Proxy::Url(url) => Some(place(url)),
        Proxy::System if is_loopback(&config.url) => None,
        Proxy::System => {
            let to = config.url.as_str().parse().ok()?;
            let through = Matcher::from_system().intercept(&to)?;
            through.uri().authority().map(ToString::to_string)
        }
    }
}

/// Refuses to send secrets where others could read them: unencrypted only to
/// this computer, or, with the user's consent, to a private address.
pub(crate) async fn may_travel(config: &FeedConfig, url: &Url) -> Result<(), StopReason> {
    if url.scheme() == "https" {
        return Ok(());
    }
    if config.pin.is_some() {
        // Whoever pins a certificate wants to be sure who answers.
        let detail = "a pinned certificate needs https".to_owned();
        return Err(StopReason::BadAddress { detail });
    }
    let proxy = proxy_of(config).and_then(|proxy| Url::parse(&format!("http://{proxy}")).ok());
    // Both ends of the way through a proxy hear everything.
    for end in [Some(url), proxy.as_ref()].into_iter().flatten() {
        if is_loopback(end) {
            continue;
        }
        let host = place(end);
        if !config.plain_http {
            return Err(StopReason::Unencrypted { host });
        }
        let private = match end.host() {
            Some(Host::Ipv4(address)) => is_private(address.into()),
            Some(Host::Ipv6(address)) => is_private(address.into()),
            Some(Host::Domain(name)) => match look_up(name).await {
                Ok(found) => found.iter().all(|address| is_private(address.ip())),
                // The attempt itself tells it, unless a proxy knows more than we do.
                Err(_) => proxy.is_none(),
            },
            None => false,
        };
        if !private {
            return Err(StopReason::UnencryptedPublic { host });
        }
    }
    Ok(())
}

/// Whether an address leads to this computer.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether an address belongs to a network of one's own: RFC 1918, RFC 4193,
/// link-local, and the shared range that overlay networks use (RFC 6598).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether a header of this name usually holds a secret.
#[must_use]
pub fn sounds_secret(name: &HeaderName) -> bool {
    let name = name.as_str();
    [
        "auth", "cookie", "key", "pass", "secret", "session", "token",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// Host and port, for sentences.
pub(crate) fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The system's resolver, with errors that can be told apart.
#[derive(Debug, Default)]
struct Resolver {
    last: Arc<Mutex<Vec<IpAddr>>>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let last = Arc::clone(&self.last);
        Box::pin(async move {
            let found = look_up(name.as_str()).await?;
            *lock(&last) = found.iter().map(SocketAddr::ip).collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

async fn look_up(host: &str) -> Result<Vec<SocketAddr>, NameError> {
    static TURNS: Semaphore = Semaphore::const_new(LOOKUPS);
    let failed = |cause| NameError {
        host: host.to_owned(),
        cause,
    };
    // Never closed, so this only waits.
    let _turn = TURNS.acquire().await;
    let found = tokio::net::lookup_host((host, 0)).await.map_err(failed)?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() {
        return Err(failed(io::ErrorKind::NotFound.into()));
    }
    Ok(found)
}

/// What all connections without certificates of their own share: reading the
/// system's authorities takes tens of milliseconds.
fn tls(config: &FeedConfig) -> Result<ClientConfig, StopReason> {
    static USUAL: OnceLock<ClientConfig> = OnceLock::new();
    if config.pin.is_none() && config.authorities.is_none() && config.identity.is_none() {
        return Ok(USUAL
            .get_or_init(|| finished(trusting(Vec::new()).with_no_client_auth()))
            .clone());
    }
    let trusting = match (config.pin, &config.authorities) {
        (Some(pin), _) => trusting_only(pin),
        (None, Some(path)) => trusting(certificates(path)?),
        (None, None) => trusting(Vec::new()),
    };
    Ok(finished(match &config.identity {
        None => trusting.with_no_client_auth(),
        Some(identity) => with_identity(trusting, identity)?,
    }))
}

/// The TLS of a client that knows its server by a pin.
pub(crate) fn pinned(pin: Pin) -> ClientConfig {
    finished(trusting_only(pin).with_no_client_auth())
}

fn trusting_only(pin: Pin) -> rustls::ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = provider();
    let verifier = Arc::new(Pinned {
        pin,
        provider: Arc::clone(&provider),
    });
    usual(provider)
        .dangerous()
        .with_custom_certificate_verifier(verifier)
}

fn usual(provider: Arc<CryptoProvider>) -> rustls::ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap_or_else(|_| ClientConfig::builder())
}

fn trusting(
    authorities: Vec<CertificateDer<'static>>,
) -> rustls::ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = provider();
    let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider));
    let builder = usual(provider);
    match verifier {
        Ok(verifier) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier)),
        Err(why) => {
            // Plain http still works; with https each server is then unknown.
            tracing::warn!(%why, "this system's certificate authorities cannot be read");
            builder.with_root_certificates(RootCertStore::empty())
        }
    }
}

fn with_identity(
    trusting: rustls::ConfigBuilder<ClientConfig, WantsClientCert>,
    identity: &Identity,
) -> Result<ClientConfig, StopReason> {
    let chain = certificates(&identity.certificate)?;
    let path = identity.key.as_ref().unwrap_or(&identity.certificate);
    let bad = |detail: String| bad_file(path, detail);
    let pem = std::fs::read(path).map_err(|why| bad(why.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|why| bad(why.to_string()))?;
    trusting
        .with_client_auth_cert(chain, key)
        .map_err(|why| bad(why.to_string()))
}

fn finished(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, StopReason> {
    let bad = |detail: String| bad_file(path, detail);
    let pem = std::fs::read(path).map_err(|why| bad(why.to_string()))?;
    let found: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|why| bad(why.to_string()))?;
    if found.is_empty() {
        return Err(bad("no certificate in it".to_owned()));
    }
    Ok(found)
}

fn bad_file(path: &Path, detail: String) -> StopReason {
    StopReason::BadCertificate {
        path: path.display().to_string(),
        detail,
    }
}

fn provider() -> Arc<CryptoProvider> {
    install_crypto();
    let installed = CryptoProvider::get_default().cloned();
    installed.unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()))
}

/// Makes ring the process' TLS provider, unless there is one.
pub(crate) fn install_crypto() {
    // Fails only when a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known() {
        for (address, private) in [
            ("10.1.2.3", true),
            ("172.31.0.1", true),
            ("192.168.1.20", true),
            ("169.254.3.4", true),
            ("100.101.102.103", true),
            ("::ffff:192.168.1.20", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("172.32.0.1", false),
            ("100.128.0.1", false),
            ("8.8.8.8", false),
            ("::ffff:8.8.8.8", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), private, "{address}");
        }
    }
}
