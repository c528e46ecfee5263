//! One request on behalf of a message. What it asks for was written by others, so it reaches
//! public servers alone: each address that the name has is looked at, and the connection goes to
//! one of those and not to what the name says a moment later. Redirects are not followed, and
//! there is no proxy, which would look names up itself.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::timeout;
use url::{Host, Url};

use crate::client::{look_up, usual_tls};

/// Headers that belong to the connection or say who asks.
const OURS: [HeaderName; 7] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
    header::TRAILER,
];

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Errand {
    /// http or https.
    pub url: Url,
    /// Any method that asks something of a resource.
    pub method: Method,
    /// Header names and values; those that belong to the connection are left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Addresses that this machine has: they are not public to it.
    pub own: Vec<IpAddr>,
    /// A server that may be asked wherever it is: the one that wrote the message.
    pub trusted: Option<Url>,
    /// Over the whole errand.
    pub patience: Duration,
    /// Bytes of the answer's body that are read; the rest is dropped.
    pub longest: usize,
}

impl Errand {
    /// A GET that nobody is trusted for, of ten seconds and 64 KiB.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self {
            url,
            method: Method::GET,
            headers: Vec::new(),
            body: Vec::new(),
            own: Vec::new(),
            trusted: None,
            patience: Duration::from_secs(10),
            longest: 64 << 10,
        }
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Brought {
    /// The status, redirects included.
    pub status: StatusCode,
    /// The start of the body.
    pub body: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrandError {
    /// Neither http nor https, or without a host.
    #[error("neither http nor https")]
    BadAddress,
    /// It would lead into a network of one's own.
    #[error("not a public address")]
    NotPublic,
    /// The name has no address.
    #[error("the name has no address")]
    UnknownHost,
    /// The request cannot be written so.
    #[error("{0}")]
    BadRequest(String),
    /// Nobody answered in time.
    #[error("no answer in time")]
    NoAnswer,
    /// The server could not be reached, or broke off.
    #[error("{0}")]
    Unsent(String),
}

impl Errand {
    /// Whether the address can be told to be refused without looking its name up.
    ///
    /// # Errors
    /// [`ErrandError::BadAddress`] and [`ErrandError::NotPublic`].
    pub fn check(&self) -> Result<(), ErrandError> {
        if !matches!(self.url.scheme(), "http" | "https") {
            return Err(ErrandError::BadAddress);
        }
        let refused = match self.url.host() {
            None => return Err(ErrandError::BadAddress),
            _ if self.is_trusted() => false,
            Some(Host::Ipv4(address)) => !self.is_elsewhere(address.into()),
            Some(Host::Ipv6(address)) => !self.is_elsewhere(address.into()),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                name == "localhost" || name.ends_with(".localhost")
            }
        };
        if refused {
            return Err(ErrandError::NotPublic);
        }
        Ok(())
    }

    /// Runs it.
    ///
    /// # Errors
    /// See [`ErrandError`]; except with `NoAnswer` and `Unsent`, nothing was sent.
    pub async fn run(self) -> Result<Brought, ErrandError> {
        self.check()?;
        let patience = self.patience;
        let errand = async {
            let addresses = match self.url.host() {
                Some(Host::Domain(name)) => {
                    let found = look_up(name).await;
                    let found = found.map_err(|_| ErrandError::UnknownHost)?;
                    self.checked(found)?
                }
                _ => Vec::new(),
            };
            self.send(&addresses).await
        };
        timeout(patience, errand)
            .await
            .unwrap_or(Err(ErrandError::NoAnswer))
    }

    /// All of them, or none: a name that also leads home is not trusted to lead elsewhere.
    fn checked(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, ErrandError> {
        let elsewhere = |found: &SocketAddr| self.is_elsewhere(found.ip());
        if self.is_trusted() || found.iter().all(elsewhere) {
            return Ok(found);
        }
        Err(ErrandError::NotPublic)
    }

    fn is_trusted(&self) -> bool {
        self.trusted.as_ref().is_some_and(|trusted| {
            trusted.scheme() == self.url.scheme()
                && trusted.host_str() == self.url.host_str()
                && trusted.port_or_known_default() == self.url.port_or_known_default()
        })
    }

    fn is_elsewhere(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) && !self.own.iter().any(|own| own.to_canonical() == address)
    }

    async fn send(self, addresses: &[SocketAddr]) -> Result<Brought, ErrandError> {
        let unsent = |why: reqwest::Error| ErrandError::Unsent(reason(&why));
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let client = reqwest::Client::builder()
            .user_agent(concat!("feedbell/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(usual_tls())
            .resolve_to_addrs(&host, addresses)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .pool_max_idle_per_host(0)
            .build()
            .map_err(unsent)?;
        if matches!(self.method, Method::CONNECT | Method::TRACE) {
            return Err(ErrandError::BadRequest(self.method.to_string()));
        }
        let headers = headers(&self.headers)?;
        let request = client.request(self.method, self.url).headers(headers);
        let request = if self.body.is_empty() {
            request
        } else {
            request.body(self.body)
        };
        let mut response = request.send().await.map_err(|why| {
            if why.is_builder() {
                ErrandError::BadRequest(reason(&why))
            } else {
                unsent(why)
            }
        })?;
        let status = response.status();
        let (mut body, mut whole) = (Vec::new(), true);
        while let Some(chunk) = response.chunk().await.map_err(unsent)? {
            let room = self.longest - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                whole = false;
                break;
            }
        }
        Ok(Brought {
            status,
            body,
            whole,
        })
    }
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, ErrandError> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let bad = || ErrandError::BadRequest(name.clone());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let value = HeaderValue::from_str(value).map_err(|_| bad())?;
        if !OURS.contains(&name) {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

/// The last cause: what went wrong, without the address that everybody knows.
fn reason(why: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = why;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Whether an address belongs to the internet that everybody sees. Tunnels that carry an IPv4
/// address are judged by that one.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, g, h] = v6.segments();
            let v4 = |high: u16, low: u16| {
                let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
                Ipv4Addr::new(a, b, c, d)
            };
            match (a, b) {
                // NAT64 and 6to4.
                (0x64, 0xff9b) => [c, d, e, f] == [0; 4] && is_public_v4(v4(g, h)),
                (0x2002, _) => is_public_v4(v4(b, c)),
                // Teredo, benchmarks, documentation and the like.
                (0x2001, 0..=0x1ff | 0xdb8) => false,
                (0x3fff, 0..=0xfff) => false,
                _ => is_global_unicast(v6),
            }
        }
    }
}

/// What has been given out so far: 2000::/3. Loopback, unique-local, link-local, site-local,
/// multicast and what is unspecified lie outside.
fn is_global_unicast(v6: Ipv6Addr) -> bool {
    v6.segments()[0] & 0xe000 == 0x2000
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let protocols = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    let benchmarks = a == 198 && (18..20).contains(&b);
    !(a == 0
        || a >= 240
        || v4.is_loopback()
        || v4.is_private()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        || shared
        || protocols
        || benchmarks)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn errand(url: &str) -> Errand {
        Errand::get(url.parse().unwrap())
    }

    /// Answers each connection so; gives what was asked.
    async fn server(answer: &'static str) -> (SocketAddr, tokio::task::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4096];
            let length = stream.read(&mut asked).await.unwrap();
            // Who breaks off has read enough.
            let _ = stream.write_all(answer.as_bytes()).await;
            asked.truncate(length);
            String::from_utf8(asked).unwrap()
        });
        (address, asked)
    }

    #[test]
    fn only_public_addresses_are() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("2606:4700::1111", true),
            ("100.63.255.255", true),
            ("100.128.0.1", true),
            ("172.32.0.1", true),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::808:808", true),
            ("2002:808:808::1", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.0.0.1", false),
            ("100.64.0.1", false),
            ("127.0.0.1", false),
            ("127.255.255.254", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("192.0.0.8", false),
            ("192.0.2.1", false),
            ("192.168.0.1", false),
            ("198.18.0.1", false),
            ("224.0.0.251", false),
            ("239.255.255.250", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::7f00:1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:192.168.1.1", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::808:808", false),
            ("2002:7f00:1::1", false),
            ("2001:0:53aa::1", false),
            ("2001:db8::1", false),
            ("fc00::1", false),
            ("fd12:3456::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::fb", false),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(is_public(address), public, "{address}");
        }
    }

    #[test]
    fn addresses_in_any_spelling_are_looked_at() {
        for url in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.0.0.1:8080/",
            "http://0/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://localhost./",
            "http://printer.localhost/",
            "https://169.254.169.254/latest/meta-data",
            "http://user@192.168.1.1/",
        ] {
            assert_eq!(errand(url).check(), Err(ErrandError::NotPublic), "{url}");
        }
        for url in ["ftp://example.org/", "file:///etc/passwd", "data:,x"] {
            assert_eq!(errand(url).check(), Err(ErrandError::BadAddress), "{url}");
        }
        assert_eq!(errand("https://example.org/").check(), Ok(()));
        let mine = Errand {
            own: vec!["203.0.114.7".parse().unwrap()],
            ..errand("http://203.0.114.7/")
        };
        assert_eq!(mine.check(), Err(ErrandError::NotPublic), "this machine");
    }

    #[test]
    fn a_name_that_also_leads_home_is_refused() {
        let found = |addresses: &[&str]| -> Vec<SocketAddr> {
            let one = |address: &&str| SocketAddr::new(address.parse().unwrap(), 0);
            addresses.iter().map(one).collect()
        };
        let errand = errand("http://example.org/");
        assert!(errand.checked(found(&["8.8.8.8", "9.9.9.9"])).is_ok());
        for home in ["10.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let both = errand.checked(found(&["8.8.8.8", home]));
            assert_eq!(both, Err(ErrandError::NotPublic), "{home}");
        }
    }

    #[tokio::test]
    async fn the_connection_goes_to_the_address_that_was_looked_at() {
        let (address, asked) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        // The name has no address of its own, so nothing else can have been asked.
        let url = format!("http://bell.invalid:{}/ring?x=1", address.port());
        let errand = Errand {
            method: Method::PUT,
            headers: vec![
                ("X-Why".into(), "because".into()),
                ("Host".into(), "evil.example".into()),
            ],
            body: b"now".to_vec(),
            ..errand(&url)
        };
        let addresses = [SocketAddr::new(address.ip(), 0)];
        let brought = errand.send(&addresses).await.unwrap();
        assert_eq!((brought.status.as_u16(), &*brought.body), (200, &b"hi"[..]));
        assert!(brought.whole);
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("PUT /ring?x=1 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("x-why: because\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: bell.invalid:{}\r\n", address.port())));
        assert!(asked.ends_with("\r\n\r\nnow"), "{asked}");
    }

    #[tokio::test]
    async fn redirects_are_not_followed_and_long_answers_are_cut() {
        let moved = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 9\r\n\r\n123456789";
        let (address, _asked) = server(moved).await;
        let url: Url = format!("http://{address}/").parse().unwrap();
        let errand = Errand {
            trusted: Some(url.clone()),
            longest: 4,
            ..Errand::get(url)
        };
        let brought = errand.run().await.unwrap();
        assert_eq!(
            (brought.status.as_u16(), &*brought.body),
            (302, &b"1234"[..])
        );
        assert!(!brought.whole);
    }

    #[tokio::test]
    async fn only_the_very_server_that_wrote_the_message_may_be_at_home() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let trusted: Url = format!("http://{address}/events").parse().unwrap();
        for url in ["http://127.0.0.1:1/", "https://{}/", "http://localhost:1/"] {
            let errand = Errand {
                trusted: Some(trusted.clone()),
                ..errand(&url.replace("{}", &address.to_string()))
            };
            assert_eq!(errand.run().await.err(), Some(ErrandError::NotPublic));
        }
        let silent = Errand {
            trusted: Some(trusted.clone()),
            patience: Duration::from_millis(1),
            ..Errand::get(trusted)
        };
        assert_eq!(silent.run().await.err(), Some(ErrandError::NoAnswer));
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_written_is_refused() {
        let bad = [("no spaces", "x"), ("x", "line\nend")];
        for (name, value) in bad {
            let url: Url = "http://127.0.0.1:1/".parse().unwrap();
            let errand = Errand {
                headers: vec![(name.into(), value.into())],
                trusted: Some(url.clone()),
                ..Errand::get(url)
            };
            let refused = errand.run().await.err();
            assert_eq!(refused, Some(ErrandError::BadRequest(name.into())));
        }
    }
}
