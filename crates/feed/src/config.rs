//! What a feed is opened with.

use std::{fmt, path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

use crate::{client::place, pin::Pin};

/// One feed's settings. `Debug` shows no secret: neither header values nor the
/// URL's user, password and query.
#[derive(Clone)]
pub struct FeedConfig {
    /// Where the feed is, `http` or `https`.
    pub url: Url,
    /// Sent with every request, authorization included. Values marked
    /// sensitive, `Authorization` and `Cookie` do not follow a redirect to
    /// another origin.
    pub headers: HeaderMap,
    /// Whether and how the last event id goes back to the server.
    pub resume: Resume,
    /// Where to go on from: the last event id of an earlier run.
    pub last_event_id: Option<String>,
    /// Event names that end the subscription once they were handed over.
    pub stop_on: Vec<String>,
    /// What to do after an answer that the standard calls final.
    pub give_up: GiveUp,
    /// How long to wait for the server at each point.
    pub patience: Patience,
    /// How much one server may make us hold.
    pub limits: Limits,
    /// The way to the server.
    pub proxy: Proxy,
    /// A PEM file of authorities to trust besides the system's.
    pub authorities: Option<PathBuf>,
    /// The one certificate the server may have, whoever signed it. Then nothing
    /// goes over plain http.
    pub pin: Option<Pin>,
    /// How the client proves who it is.
    pub identity: Option<Identity>,
    /// The address itself holds a secret. Sensitive headers are known as such.
    pub secret_address: bool,
    /// Secrets may go over plain http to a private address. To this computer
    /// they always may, to a public address never.
    pub plain_http: bool,
    /// Ask again after this time whenever the answer has ended, instead of
    /// holding a stream. JSON and newline-delimited JSON count as events then.
    pub poll: Option<Duration>,
}

impl FeedConfig {
    /// The defaults for a feed at `url`: resumes by header, stops on nothing,
    /// gives up as EventSource does.
    #[must_use]
    pub fn new(url: Url) -> Self {
        Self {
            url,
            headers: HeaderMap::new(),
            resume: Resume::Header,
            last_event_id: None,
            stop_on: Vec::new(),
            give_up: GiveUp::Stop,
            patience: Patience::default(),
            limits: Limits::default(),
            proxy: Proxy::System,
            authorities: None,
            pin: None,
            identity: None,
            secret_address: false,
            plain_http: false,
            poll: None,
        }
    }
}

impl FeedConfig {
    /// Whether anything in a request is for the server alone.
    pub(crate) fn has_secrets(&self) -> bool {
        let mut headers = self.headers.iter();
        self.secret_address
            || has_credentials(&self.url)
            || self.identity.is_some()
            || headers.any(|(name, value)| is_secret(name, value))
    }
}

/// Whether an address names a user or a password.
pub(crate) fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether a header is for the server alone.
pub(crate) fn is_secret(name: &HeaderName, value: &HeaderValue) -> bool {
    let known = [
        header::AUTHORIZATION,
        header::COOKIE,
        header::PROXY_AUTHORIZATION,
    ];
    value.is_sensitive() || known.contains(name)
}

impl fmt::Debug for FeedConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedConfig")
            .field("url", &without_secrets(&self.url))
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("resume", &self.resume)
            .field("last_event_id", &self.last_event_id)
            .field("stop_on", &self.stop_on)
            .field("give_up", &self.give_up)
            .field("patience", &self.patience)
            .field("limits", &self.limits)
            .field("proxy", &self.proxy)
            .field("authorities", &self.authorities)
            .field("pin", &self.pin)
            .field("identity", &self.identity)
            .field("secret_address", &self.secret_address)
            .field("plain_http", &self.plain_http)
            .field("poll", &self.poll)
            .finish()
    }
}

/// The address as it may be shown and logged: tokens live in queries, and
/// passwords before the host.
pub(crate) fn without_secrets(url: &Url) -> String {
    let mut shown = url.origin().ascii_serialization();
    shown.push_str(url.path());
    if url.query().is_some() {
        shown.push_str("?…");
    }
    shown
}

/// Whether and how the last event id goes back to the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// In the `Last-Event-ID` header, as EventSource does it.
    #[default]
    Header,
    /// In the query parameter of this name.
    Query(String),
    /// Not at all: the server's ids are no place to resume from.
    Off,
}

/// The way to the server. `Debug` shows no password.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// As the system is set up (`HTTPS_PROXY` and the like); none to this computer.
    #[default]
    System,
    /// Straight to the server.
    None,
    /// Through this proxy: `http`, `https`, `socks5` or `socks5h`.
    Url(Url),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::None => f.write_str("None"),
            Self::Url(url) => write!(f, "Url({}://{})", url.scheme(), place(url)),
        }
    }
}

/// A client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// A PEM file with the certificate and, if any, its chain.
    pub certificate: PathBuf,
    /// A PEM file with the key, if it is not in the certificate's file.
    pub key: Option<PathBuf>,
}

/// What to do after an answer that the standard calls final.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GiveUp {
    /// End, as EventSource does.
    #[default]
    Stop,
    /// Stay, and look again after this time; after 204 and `stop_on` only when
    /// [`Feed::reconnect_now`](crate::Feed::reconnect_now) asks for it.
    LookAgain(Duration),
}

/// How long to wait for the server at each point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the answer's head. Generous, because some servers send it only
    /// with their first event.
    pub answer: Duration,
    /// Without a single byte, comments included.
    pub silence: Silence,
}

/// How long nothing may be heard before a connection counts as dead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    /// Learned: about three times the longest silence that was heard to end,
    /// between 30 seconds and 15 minutes.
    #[default]
    Learned,
    /// This long.
    For(Duration),
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            silence: Silence::Learned,
        }
    }
}

/// How much one server may make us hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line. An event with a longer one is left out, and told.
    pub line: usize,
    /// Bytes of one event's data. A longer event is left out, and told.
    pub event: usize,
    /// Bytes of one event id. A longer one counts as none.
    pub id: usize,
    /// Bytes after which a line without end ends the connection.
    pub endless_line: usize,
    /// Bytes of one answer when a feed is polled, decompressed.
    pub answer: usize,
    /// Redirects in a row.
    pub redirects: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            line: 4 << 20,
            event: 8 << 20,
            id: 16 << 10,
            endless_line: 64 << 20,
            answer: 32 << 20,
            redirects: 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let url = Url::parse("https://me:hunter2@example.org/feed?auth=hunter2").unwrap();
        let mut config = FeedConfig::new(url);
        config
            .headers
            .insert("x-key", http::HeaderValue::from_static("hunter2"));
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("https://example.org/feed?…"), "{shown}");
    }
}
