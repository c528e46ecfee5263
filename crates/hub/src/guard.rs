//! Who may use the hub.
//!
//! Any page in any browser of this machine can send requests to loopback. What
//! keeps them out is what browsers say about themselves: `Host` (a page that
//! rebinds its own name to 127.0.0.1 still sends that name), `Origin`, and
//! `Sec-Fetch-Site` (an `<img>` sends no `Origin`). Programs send neither of the
//! last two and pass. What other machines reach asks for a token instead.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri};

use crate::peer::Peer;
use crate::{HubConfig, page};

/// The rules of one listener.
pub(crate) struct Guard {
    /// Names a `Host` may have; `None` when every request carries a token,
    /// which no foreign page has.
    hosts: Option<Vec<String>>,
    origins: Vec<String>,
    /// Whether everybody is asked for a token.
    asks: bool,
    /// Whether there is a web page.
    page: bool,
    /// Origins whose refusal was told.
    told: Mutex<HashSet<String>>,
}

/// A request that may go on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    /// The foreign origin to name in the answer, so that its page can read it.
    pub(crate) cors: Option<String>,
}

/// A request that may not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) status: StatusCode,
    pub(crate) why: String,
    pub(crate) cors: Option<String>,
}

pub(crate) static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl Guard {
    pub(crate) fn new(config: &HubConfig, loopback: bool) -> Self {
        let own = ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
        let named = config.hosts.iter().map(|host| host.to_ascii_lowercase());
        Self {
            hosts: loopback.then(|| own.into_iter().chain(named).collect()),
            origins: config.allow_origins.clone(),
            asks: !loopback || !config.tokens.is_empty(),
            page: config.pages.is_some(),
            told: Mutex::default(),
        }
    }

    /// Whether everybody is asked for a token here.
    pub(crate) fn asks(&self) -> bool {
        self.asks
    }

    /// A browser shows its page nothing of a refusal, so the log has it: each
    /// origin once, and not without end.
    fn tell(&self, origin: &str) {
        const MOST: usize = 64;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < MOST && origin.len() <= 256 && told.insert(origin.to_owned()) {
            tracing::warn!(
                %origin,
                "pages of this origin were refused; --allow-origin lets them in"
            );
        }
    }

    /// Keeps foreign pages out, from the first lines of a request alone.
    pub(crate) fn check(
        &self,
        peer: Peer,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Pass, Denied> {
        // No browser gets to the hub's own socket.
        if peer == Peer::Local {
            return Ok(Pass { cors: None });
        }
        let denied = |status, why: String| Denied {
            status,
            why,
            cors: None,
        };
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));

        // HTTP/2 has the host in the address.
        let host = uri
            .authority()
            .map(Authority::as_str)
            .or_else(|| text(&HOST));
        let Some(host) = host else {
            return Err(denied(
                StatusCode::BAD_REQUEST,
                "the request names no Host".to_owned(),
            ));
        };
        if headers.get_all(HOST).iter().count() > 1 {
            return Err(denied(
                StatusCode::BAD_REQUEST,
                "the request names two Hosts".to_owned(),
            ));
        }
        if self
            .hosts
            .as_ref()
            .is_some_and(|hosts| !hosts.contains(&name_of(host)))
        {
            let why = format!("this hub does not answer as `{host}`; use 127.0.0.1 or localhost");
            return Err(denied(StatusCode::FORBIDDEN, why));
        }

        let cors = match text(&ORIGIN) {
            Some(origin) if self.origins.iter().any(|allowed| allowed == origin) => {
                Some(origin.to_owned())
            }
            Some(origin) if is_own(origin, host) => None,
            Some(origin) => {
                let why = format!(
                    "pages of {origin} may not use this hub; start it with --allow-origin {origin} \
                     if you trust them"
                );
                self.tell(origin);
                return Err(denied(StatusCode::FORBIDDEN, why));
            }
            None if self.page && page::is_visited(method, uri, headers) => None,
            None => {
                if let Some(site @ ("cross-site" | "same-site")) = text(&SEC_FETCH_SITE) {
                    let why = format!(
                        "a {site} page may not use this hub; start it with \
                         --allow-origin http://that-page if you trust it"
                    );
                    return Err(denied(StatusCode::FORBIDDEN, why));
                }
                None
            }
        };

        Ok(Pass { cors })
    }
}

/// The host without its port.
fn name_of(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.to_ascii_lowercase()
}

/// Whether a page of this origin came from the address it now asks.
fn is_own(origin: &str, host: &str) -> bool {
    let own = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    own.is_some_and(|own| own.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, Token};

    const PEER: Peer = Peer::Remote(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    fn guard(loopback: bool, tokens: &[&str]) -> Guard {
        let config = HubConfig {
            allow_origins: vec!["http://localhost:3000".to_owned()],
            hosts: vec!["Bell.local".to_owned()],
            tokens: tokens
                .iter()
                .filter_map(|token| Token::new(token))
                .collect(),
            ..HubConfig::new(Store::Memory)
        };
        Guard::new(&config, loopback)
    }

    /// What comes of a request: `Ok` with the CORS origin, or the status.
    fn outcome(guard: &Guard, head: &str) -> Result<Option<String>, u16> {
        let mut lines = head.split('|');
        let (method, uri) = lines.next().unwrap().split_once(' ').unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers.append(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        }
        guard
            .check(
                PEER,
                &method.parse().unwrap(),
                &uri.parse().unwrap(),
                &headers,
            )
            .map(|pass| pass.cors)
            .map_err(|denied| denied.status.as_u16())
    }

    #[test]
    fn loopback() {
        let guard = guard(true, &[]);
        let allowed = || Ok(Some("http://localhost:3000".to_owned()));
        for (head, expected) in [
            ("GET /events|host: 127.0.0.1:2355", Ok(None)),
            ("GET /events|host: localhost", Ok(None)),
            ("GET /events|host: LOCALHOST:1", Ok(None)),
            ("GET /events|host: [::1]:2355", Ok(None)),
            ("GET /events|host: bell.local:2355", Ok(None)),
            ("GET http://127.0.0.1:2355/events", Ok(None)),
            ("GET http://evil.example/events", Err(403)),
            ("GET /events", Err(400)),
            ("GET /events|host: localhost|host: localhost", Err(400)),
            ("GET /events|host: evil.example", Err(403)),
            ("GET /events|host: evil.example:2355", Err(403)),
            ("GET /events|host: localhost.evil.example", Err(403)),
            ("GET /events|host: 127.0.0.1.evil.example:2355", Err(403)),
            ("GET /events|host: 192.168.1.2:2355", Err(403)),
            ("GET /healthz|host: evil.example", Err(403)),
            // Our own page.
            (
                "POST /publish|host: 127.0.0.1:2355|origin: http://127.0.0.1:2355",
                Ok(None),
            ),
            (
                "GET /events|host: 127.0.0.1:2355|sec-fetch-site: same-origin",
                Ok(None),
            ),
            ("GET /|host: 127.0.0.1:2355|sec-fetch-site: none", Ok(None)),
            // An allowed page.
            (
                "GET /events|host: 127.0.0.1:2355|origin: http://localhost:3000",
                allowed(),
            ),
            (
                "GET /events|host: 127.0.0.1:2355|origin: http://localhost:3000|sec-fetch-site: cross-site",
                allowed(),
            ),
            // Other pages.
            (
                "GET /events|host: 127.0.0.1:2355|origin: http://localhost:3001",
                Err(403),
            ),
            (
                "GET /events|host: 127.0.0.1:2355|origin: https://localhost:3000",
                Err(403),
            ),
            (
                "GET /events|host: 127.0.0.1:2355|origin: http://localhost:30000",
                Err(403),
            ),
            (
                "GET /events|host: 127.0.0.1:2355|origin: http://localhost:2355",
                Err(403),
            ),
            (
                "POST /publish|host: 127.0.0.1:2355|origin: https://evil.example",
                Err(403),
            ),
            ("POST /publish|host: 127.0.0.1:2355|origin: null", Err(403)),
            (
                "OPTIONS /publish|host: 127.0.0.1:2355|origin: https://evil.example",
                Err(403),
            ),
            (
                "GET /events|host: 127.0.0.1:2355|sec-fetch-site: cross-site",
                Err(403),
            ),
            (
                "GET /topic/publish|host: 127.0.0.1:2355|sec-fetch-site: cross-site",
                Err(403),
            ),
            (
                "GET /events|host: 127.0.0.1:2355|sec-fetch-site: same-site",
                Err(403),
            ),
        ] {
            assert_eq!(outcome(&guard, head), expected, "{head}");
        }
    }

    #[test]
    fn beyond_loopback() {
        let lan = guard(false, &[]);
        for (head, expected) in [
            ("GET /events|host: 192.168.1.2:2355", Ok(None)),
            ("GET /events?token=tk_one|host: bell.lan", Ok(None)),
            (
                "GET /events?token=tk_one|host: 192.168.1.2:2355|origin: https://evil.example",
                Err(403),
            ),
            (
                "GET /events|host: bell.lan|origin: https://bell.lan",
                Ok(None),
            ),
            (
                "GET /events|host: bell.lan|sec-fetch-site: cross-site",
                Err(403),
            ),
        ] {
            assert_eq!(outcome(&lan, head), expected, "{head}");
        }
        let asks = |loopback, tokens: &[&str]| guard(loopback, tokens).asks();
        assert!(asks(false, &[]) && asks(true, &["tk_one"]) && !asks(true, &[]));
        // A token changes nothing about pages.
        let loopback = guard(true, &["tk_one"]);
        let rebound = "GET /events?token=tk_one|host: evil.example";
        assert_eq!(outcome(&loopback, rebound), Err(403));
    }

    #[test]
    fn the_own_socket_is_no_browser() {
        let guard = guard(true, &[]);
        let headers = HeaderMap::new();
        let uri = Uri::from_static("/events");
        assert!(
            guard
                .check(Peer::Local, &Method::GET, &uri, &headers)
                .is_ok()
        );
        assert!(guard.check(PEER, &Method::GET, &uri, &headers).is_err());
    }

    #[test]
    fn a_refusal_names_the_way_out() {
        let guard = guard(true, &[]);
        let headers: HeaderMap = [
            (HOST, "127.0.0.1:2355".parse().unwrap()),
            (ORIGIN, "http://localhost:5173".parse().unwrap()),
        ]
        .into_iter()
        .collect();
        let denied = guard
            .check(PEER, &Method::GET, &Uri::from_static("/events"), &headers)
            .unwrap_err();
        assert!(
            denied.why.contains("--allow-origin http://localhost:5173"),
            "{}",
            denied.why
        );
    }
}
