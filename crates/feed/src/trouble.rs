//! Why a connection did not work, sorted by what can be done about it.

use std::{error::Error, io, time::Duration};

use rustls::{AlertDescription, CertificateError};

use crate::{
    pin::{Pin, WrongPin},
    poll::is_json,
};

/// Something that may pass by itself: the feed goes on trying.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The name has no address, or no name server answered.
    #[error("no address was found for {host}")]
    NameNotFound {
        /// The name that was looked up.
        host: String,
    },
    /// Nothing listens there.
    #[error("{host} refused the connection")]
    Refused {
        /// Host and port.
        host: String,
    },
    /// No way to the host: no network, a wrong address, a firewall that says so.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// Host and port.
        host: String,
    },
    /// No connection in time.
    #[error("{host} did not accept the connection within {} s", after.as_secs_f32())]
    ConnectTimeout {
        /// Host and port.
        host: String,
        /// How long we waited.
        after: Duration,
    },
    /// The server's certificate or its TLS is not acceptable.
    #[error("no secure connection to {host}: {why}")]
    Tls {
        /// Host and port.
        host: String,
        /// What is wrong with it.
        why: TlsTrouble,
    },
    /// The feed's own proxy does not let it through.
    #[error("no way through the proxy {proxy}: {detail}")]
    Proxy {
        /// Host and port of the proxy.
        proxy: String,
        /// The system's or the protocol's own words, in English.
        detail: String,
    },
    /// Connected, but no answer in time.
    #[error("{host} did not answer within {} s", after.as_secs_f32())]
    AnswerTimeout {
        /// Host and port.
        host: String,
        /// How long we waited.
        after: Duration,
    },
    /// A status that means "later": 429, or any 5xx.
    #[error("the server answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` asked for.
        retry_after: Option<Duration>,
    },
    /// Not a byte for too long, not even a keep-alive.
    #[error("nothing was heard for {} s", after.as_secs_f32())]
    Silent {
        /// How long nothing was heard.
        after: Duration,
    },
    /// A line without end.
    #[error("the server sent a line of more than {limit} bytes")]
    EndlessLine {
        /// The limit in bytes.
        limit: usize,
    },
    /// A polled answer that is longer than the limit.
    #[error("the server sent an answer of more than {limit} bytes")]
    LongAnswer {
        /// The limit in bytes.
        limit: usize,
    },
    /// The server ended the stream in good order. Routine for many servers.
    #[error("the server closed the connection")]
    Ended,
    /// The connection broke.
    #[error("the connection broke: {detail}")]
    Broken {
        /// The operating system's or the protocol's own words, in English.
        detail: String,
    },
}

/// What was too long in an event that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// One line.
    Line,
    /// Its data.
    Event,
}

/// Why there is no secure connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsTrouble {
    /// The certificate has expired (or this machine's clock is wrong).
    #[error("its certificate has expired")]
    Expired,
    /// The certificate is not valid yet (or this machine's clock is wrong).
    #[error("its certificate is not valid yet")]
    NotYetValid,
    /// No authority this machine trusts has signed it.
    #[error("its certificate is from an issuer this machine does not trust")]
    UnknownIssuer,
    /// The certificate is for another name.
    #[error("its certificate is for another name")]
    WrongName,
    /// The certificate was revoked.
    #[error("its certificate was revoked")]
    Revoked,
    /// An authority's own certificate stands for the server.
    #[error("its certificate is an authority's own")]
    Authority,
    /// The server wants a client certificate, or another one.
    #[error("it wants a client certificate")]
    ClientCertificate,
    /// The certificate is not the pinned one.
    #[error("its certificate {found} is not the pinned one")]
    WrongPin {
        /// The certificate it showed.
        found: Pin,
    },
    /// What answers there does not speak TLS, or an older one.
    #[error("it does not speak TLS")]
    NotTls,
    /// Anything else, in rustls' English words.
    #[error("{0}")]
    Other(String),
}

/// An answer that the standard calls final.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// 204: the server asks not to come back.
    #[error("the server asked to stop (204)")]
    NoContent,
    /// The event that this feed stops on came.
    #[error("the event {0} ended the subscription")]
    StopOn(String),
    /// 401 or 403: the token was refused, or there is none.
    #[error("the server refused the token ({status})")]
    Refused {
        /// 401 or 403.
        status: u16,
    },
    /// Any other status that is neither 200 nor "later".
    #[error("the server answered with status {status}")]
    Status {
        /// The HTTP status.
        status: u16,
    },
    /// Something came, but no event stream.
    #[error("{} came instead of an event stream", if *html { "a web page" } else { content_type })]
    NotAnEventStream {
        /// The `Content-Type` as sent; empty if there was none.
        content_type: String,
        /// A web page: often a login page or a captive portal.
        html: bool,
        /// Where redirects led, if they did; without secrets.
        redirected: Option<String>,
    },
    /// One redirect led to the next.
    #[error("more than {limit} redirects in a row")]
    TooManyRedirects {
        /// The limit.
        limit: usize,
    },
    /// A redirect to somewhere that is not http or https.
    #[error("the server redirects to {location:?}, which is no web address")]
    BadRedirect {
        /// The `Location` as sent.
        location: String,
    },
    /// A secret would travel unencrypted.
    #[error("a secret would travel to {host} unencrypted")]
    Unencrypted {
        /// Host and port.
        host: String,
    },
    /// A secret would travel unencrypted, and not within a private network.
    #[error("a secret would travel to {host} unencrypted over the internet")]
    UnencryptedPublic {
        /// Host and port.
        host: String,
    },
    /// A certificate file cannot be used.
    #[error("{path}: {detail}")]
    BadCertificate {
        /// The file.
        path: String,
        /// What is wrong with it, in English.
        detail: String,
    },
    /// The configured address cannot be requested.
    #[error("the address cannot be requested: {detail}")]
    BadAddress {
        /// What is wrong with it, in English.
        detail: String,
    },
}

/// A sentence for the user: a Fluent message id and its arguments, to be
/// rendered from `feed.ftl`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// The Fluent message.
    pub id: &'static str,
    /// Its arguments.
    pub args: Vec<(&'static str, String)>,
}

impl Words {
    pub(crate) fn new<const N: usize>(id: &'static str, args: [(&'static str, String); N]) -> Self {
        Self {
            id,
            args: args.into(),
        }
    }
}

impl Excess {
    /// What was left out, for the user. `limit` is in bytes.
    #[must_use]
    pub fn words(self, limit: usize) -> Words {
        match self {
            Self::Line => Words::new("skipped-line", [mib(limit)]),
            Self::Event => Words::new("skipped-event", [mib(limit)]),
        }
    }
}

fn mib(bytes: usize) -> (&'static str, String) {
    ("mib", bytes.div_ceil(1 << 20).to_string())
}

impl Trouble {
    /// What happened and one step, for the user.
    #[must_use]
    pub fn words(&self) -> Words {
        let on = |host: &String| ("host", host.clone());
        let seconds = |after: &Duration| ("seconds", after.as_secs().max(1).to_string());
        match self {
            Self::NameNotFound { host } => Words::new("trouble-name", [on(host)]),
            Self::Refused { host } => Words::new("trouble-refused", [on(host)]),
            Self::Unreachable { host } => Words::new("trouble-unreachable", [on(host)]),
            Self::ConnectTimeout { host, after } => {
                Words::new("trouble-connect-timeout", [on(host), seconds(after)])
            }
            Self::Tls { host, why } => why.words(host),
            Self::Proxy { proxy, detail } => Words::new(
                "trouble-proxy",
                [("proxy", proxy.clone()), ("detail", detail.clone())],
            ),
            Self::AnswerTimeout { host, after } => {
                Words::new("trouble-answer-timeout", [on(host), seconds(after)])
            }
            Self::Status { status: 429, .. } => Words::new("trouble-too-many", []),
            Self::Status { status, .. } => {
                Words::new("trouble-status", [("status", status.to_string())])
            }
            Self::Silent { after } => Words::new("trouble-silent", [seconds(after)]),
            Self::EndlessLine { limit } => Words::new("trouble-long-line", [mib(*limit)]),
            Self::LongAnswer { limit } => Words::new("trouble-long-answer", [mib(*limit)]),
            Self::Ended => Words::new("trouble-ended", []),
            Self::Broken { detail } => Words::new("trouble-broken", [("detail", detail.clone())]),
        }
    }
}

impl TlsTrouble {
    fn words(&self, host: &str) -> Words {
        let id = match self {
            Self::Expired => "trouble-tls-expired",
            Self::NotYetValid => "trouble-tls-not-yet",
            Self::UnknownIssuer => "trouble-tls-issuer",
            Self::WrongName => "trouble-tls-name",
            Self::Revoked => "trouble-tls-revoked",
            Self::Authority => "trouble-tls-authority",
            Self::ClientCertificate => "trouble-tls-client",
            Self::NotTls => "trouble-tls-none",
            Self::WrongPin { found } => {
                return Words::new(
                    "trouble-tls-pin",
                    [("host", host.to_owned()), ("found", found.to_string())],
                );
            }
            Self::Other(detail) => {
                return Words::new(
                    "trouble-tls",
                    [("host", host.to_owned()), ("detail", detail.clone())],
                );
            }
        };
        Words::new(id, [("host", host.to_owned())])
    }
}

impl StopReason {
    /// What happened and one step, for the user.
    #[must_use]
    pub fn words(&self) -> Words {
        match self {
            Self::NoContent => Words::new("stop-no-content", []),
            Self::StopOn(event) => Words::new("stop-event", [("event", event.clone())]),
            Self::Refused { status: 401 } => Words::new("stop-token", []),
            Self::Refused { .. } => Words::new("stop-forbidden", []),
            Self::Status { status: 404 | 410 } => Words::new("stop-not-found", []),
            Self::Status { status } => Words::new("stop-status", [("status", status.to_string())]),
            Self::NotAnEventStream {
                html: true,
                redirected: Some(location),
                ..
            } => Words::new("stop-login-page", [("location", location.clone())]),
            Self::NotAnEventStream { html: true, .. } => Words::new("stop-web-page", []),
            Self::NotAnEventStream { content_type, .. } if content_type.is_empty() => {
                Words::new("stop-no-type", [])
            }
            Self::NotAnEventStream { content_type, .. } if is_json(content_type) => {
                Words::new("stop-json", [])
            }
            Self::NotAnEventStream { content_type, .. } => {
                Words::new("stop-other-type", [("type", content_type.clone())])
            }
            Self::TooManyRedirects { limit } => {
                Words::new("stop-redirects", [("count", limit.to_string())])
            }
            Self::BadRedirect { location } => {
                Words::new("stop-bad-redirect", [("location", location.clone())])
            }
            Self::Unencrypted { host } => Words::new("stop-unencrypted", [("host", host.clone())]),
            Self::UnencryptedPublic { host } => {
                Words::new("stop-unencrypted-public", [("host", host.clone())])
            }
            Self::BadCertificate { path, detail } => Words::new(
                "stop-certificate",
                [("path", path.clone()), ("detail", detail.clone())],
            ),
            Self::BadAddress { detail } => {
                Words::new("stop-bad-address", [("detail", detail.clone())])
            }
        }
    }

    /// Whether the feed may look again by itself. Not when the server, or the
    /// user by `stop_on`, asked for the end.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(self, Self::NoContent | Self::StopOn(_))
    }
}

/// How an attempt ended. Travels through eventsource-client inside its
/// transport error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum End {
    #[error(transparent)]
    Again(#[from] Trouble),
    #[error(transparent)]
    Stop(#[from] StopReason),
}

/// Our resolver's error, so that it can be told apart in an error chain.
#[derive(Debug, thiserror::Error)]
#[error("no address was found for {host}")]
pub(crate) struct NameError {
    pub(crate) host: String,
    #[source]
    pub(crate) cause: io::Error,
}

/// Sorts an HTTP client's error. `host` is host and port, `patience` what the
/// connection was given.
pub(crate) fn sort(error: &reqwest::Error, host: &str, connect: Duration) -> End {
    let host = host.to_owned();
    if error.is_builder() {
        return End::Stop(StopReason::BadAddress {
            detail: innermost(error),
        });
    }
    for cause in chain(error) {
        if let Some(name) = cause.downcast_ref::<NameError>() {
            let host = name.host.clone();
            return Trouble::NameNotFound { host }.into();
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            let why = sort_tls(tls);
            return Trouble::Tls { host, why }.into();
        }
        let Some(io) = cause.downcast_ref::<io::Error>() else {
            continue;
        };
        match io.kind() {
            io::ErrorKind::ConnectionRefused => return Trouble::Refused { host }.into(),
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::AddrNotAvailable => return Trouble::Unreachable { host }.into(),
            io::ErrorKind::UnexpectedEof if io.to_string().contains("tls handshake") => {
                let why = TlsTrouble::NotTls;
                return Trouble::Tls { host, why }.into();
            }
            io::ErrorKind::TimedOut if error.is_connect() => {
                let after = connect;
                return Trouble::ConnectTimeout { host, after }.into();
            }
            _ => {}
        }
    }
    if error.is_timeout() && error.is_connect() {
        let after = connect;
        return Trouble::ConnectTimeout { host, after }.into();
    }
    let detail = innermost(error);
    Trouble::Broken { detail }.into()
}

fn sort_tls(error: &rustls::Error) -> TlsTrouble {
    use CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::Expired | Bad::ExpiredContext { .. } => TlsTrouble::Expired,
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => TlsTrouble::NotYetValid,
            Bad::UnknownIssuer => TlsTrouble::UnknownIssuer,
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => TlsTrouble::WrongName,
            Bad::Revoked => TlsTrouble::Revoked,
            Bad::Other(other) if let Some(WrongPin(found)) = other.0.downcast_ref() => {
                TlsTrouble::WrongPin { found: *found }
            }
            // The verifier's own error has no name of its own here.
            other if other.to_string().contains("CaUsedAsEndEntity") => TlsTrouble::Authority,
            other => TlsTrouble::Other(other.to_string()),
        },
        rustls::Error::InvalidMessage(_) => TlsTrouble::NotTls,
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown,
        ) => TlsTrouble::ClientCertificate,
        other => TlsTrouble::Other(other.to_string()),
    }
}

/// An error and its causes. An `io::Error` made from another error hides it
/// from `source`, so it is looked into.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let hidden = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .map(|inner| inner as &(dyn Error + 'static));
        hidden.or_else(|| error.source())
    })
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::PublishError;

    fn every_word() -> Vec<Words> {
        let host = || "example.org".to_owned();
        let detail = host;
        let after = Duration::from_secs(9);
        let troubles = [
            Trouble::NameNotFound { host: host() },
            Trouble::Refused { host: host() },
            Trouble::Unreachable { host: host() },
            Trouble::ConnectTimeout {
                host: host(),
                after,
            },
            Trouble::AnswerTimeout {
                host: host(),
                after,
            },
            Trouble::Status {
                status: 429,
                retry_after: None,
            },
            Trouble::Status {
                status: 500,
                retry_after: None,
            },
            Trouble::Silent { after },
            Trouble::EndlessLine { limit: 1024 },
            Trouble::LongAnswer { limit: 1024 },
            Trouble::Proxy {
                proxy: host(),
                detail: detail(),
            },
            Trouble::Ended,
            Trouble::Broken { detail: detail() },
        ];
        let tls = [
            TlsTrouble::Expired,
            TlsTrouble::NotYetValid,
            TlsTrouble::UnknownIssuer,
            TlsTrouble::WrongName,
            TlsTrouble::Revoked,
            TlsTrouble::Authority,
            TlsTrouble::ClientCertificate,
            TlsTrouble::NotTls,
            TlsTrouble::WrongPin {
                found: Pin::of(b"certificate"),
            },
            TlsTrouble::Other(detail()),
        ];
        let type_of = |content_type: &str, html| StopReason::NotAnEventStream {
            content_type: content_type.to_owned(),
            html,
            redirected: None,
        };
        let stops = [
            StopReason::NoContent,
            StopReason::StopOn("pause".to_owned()),
            StopReason::Refused { status: 401 },
            StopReason::Refused { status: 403 },
            StopReason::Status { status: 404 },
            StopReason::Status { status: 400 },
            type_of("text/html", true),
            StopReason::NotAnEventStream {
                content_type: "text/html".to_owned(),
                html: true,
                redirected: Some(host()),
            },
            type_of("", false),
            type_of("text/plain", false),
            type_of("application/json", false),
            StopReason::TooManyRedirects { limit: 20 },
            StopReason::BadRedirect { location: host() },
            StopReason::BadAddress { detail: detail() },
            StopReason::Unencrypted { host: host() },
            StopReason::UnencryptedPublic { host: host() },
            StopReason::BadCertificate {
                path: host(),
                detail: detail(),
            },
        ];
        let refused = |sentence: &str| PublishError::Refused {
            status: 403,
            sentence: sentence.to_owned(),
        };
        let publishes = [
            PublishError::Unanswered { address: host() },
            PublishError::NotAHub { address: host() },
            PublishError::BadRequest { detail: detail() },
            refused(""),
            refused("No."),
        ];
        let tls = tls.map(|why| Trouble::Tls { host: host(), why });
        let mut words: Vec<Words> = troubles.iter().chain(&tls).map(Trouble::words).collect();
        words.extend(stops.iter().map(StopReason::words));
        words.extend([Excess::Line, Excess::Event].map(|what| what.words(1024)));
        words.extend(publishes.iter().map(PublishError::words));
        words
    }

    #[test]
    fn every_sentence_exists_in_both_languages_with_its_arguments() {
        let words = every_word();
        for source in [
            include_str!("../../../locales/en/feed.ftl"),
            include_str!("../../../locales/zh-CN/feed.ftl"),
        ] {
            let entries: Vec<(&str, &str)> = source
                .lines()
                .filter_map(|line| line.split_once(" = "))
                .collect();
            let known: BTreeSet<&str> = entries.iter().map(|entry| entry.0).collect();
            let used: BTreeSet<&str> = words.iter().map(|words| words.id).collect();
            assert_eq!(known, used);
            for Words { id, args } in &words {
                let text = entries.iter().find(|entry| entry.0 == *id).unwrap().1;
                for placed in text.split("{ $").skip(1) {
                    let name = placed.split(' ').next().unwrap();
                    assert!(args.iter().any(|arg| arg.0 == name), "{id}: {name}");
                }
            }
        }
    }

    #[test]
    fn certificates_are_told_apart() {
        let sorted = |bad| sort_tls(&rustls::Error::InvalidCertificate(bad));
        assert_eq!(sorted(CertificateError::Expired), TlsTrouble::Expired);
        assert_eq!(
            sorted(CertificateError::NotValidYet),
            TlsTrouble::NotYetValid
        );
        assert_eq!(
            sorted(CertificateError::NotValidForName),
            TlsTrouble::WrongName
        );
        assert_eq!(sorted(CertificateError::Revoked), TlsTrouble::Revoked);
        assert!(matches!(
            sorted(CertificateError::BadEncoding),
            TlsTrouble::Other(_)
        ));
    }

    #[test]
    fn an_error_hidden_in_an_io_error_is_found() {
        let hidden = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let outer = io::Error::other(io::Error::other(hidden));
        let found = chain(&outer).any(|error| error.downcast_ref::<rustls::Error>().is_some());
        assert!(found);
    }
}
