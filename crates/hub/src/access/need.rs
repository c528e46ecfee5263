//! What a request needs to be allowed, from its first line alone. Handlers look
//! at the addresses besides; an address that is not here needs the most that
//! its method can mean.

use axum::http::Method;
use percent_encoding::percent_decode_str;

use super::{Rights, is_loopback};
use crate::peer::Peer;

/// What a caller must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// For all who come.
    Nothing,
    /// Any right.
    Any,
    /// The right to read, or a ticket: for the streams.
    Listen,
    /// The right to read, by a token: a ticket is not for making tickets.
    Read,
    Write,
    Admin,
    /// The right of an admin, or to sit at this machine.
    Metrics,
}

impl Need {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let gets = matches!(*method, Method::GET | Method::HEAD);
        if method == Method::OPTIONS {
            return Self::Nothing;
        }
        let path = percent_decode_str(path).decode_utf8_lossy();
        match segments(&path).as_slice() {
            ["" | "healthz"] | ["hub", "page", ..] | ["v1", "health"] if gets => Self::Nothing,
            ["healthz", ..] => Self::Nothing,
            ["metrics"] => Self::Metrics,
            ["hub", "status"] => Self::Any,
            ["hub", "tickets", ..] => Self::Read,
            ["hub", ..] => Self::Admin,
            ["events" | "push" | "sse" | "test"] if gets => Self::Listen,
            ["publish" | "fact" | "update"] => Self::Write,
            [_, "publish" | "send" | "trigger"] | [_, _, "clear" | "read" | "delete"] => {
                Self::Write
            }
            [_, "json" | "sse" | "raw" | "ws"] if gets => Self::Listen,
            _ if gets => Self::Any,
            _ => Self::Write,
        }
    }

    /// Whether these rights are enough.
    pub(crate) fn is_met(self, rights: &Rights, peer: Peer) -> bool {
        match self {
            Self::Nothing => true,
            Self::Any => rights.read || rights.write || rights.admin,
            Self::Listen | Self::Read => rights.read,
            Self::Write => rights.write,
            Self::Admin => rights.admin,
            Self::Metrics => rights.admin || is_loopback(peer),
        }
    }

    /// What a token without the right may not do.
    pub(crate) fn refusal(self) -> &'static str {
        match self {
            Self::Listen | Self::Read => {
                "this token may not listen; use one with the right to read"
            }
            Self::Write => "this token may not publish; use one with the right to write",
            Self::Nothing | Self::Any | Self::Admin | Self::Metrics => {
                "this is for admins; use a token with the right of one"
            }
        }
    }
}

/// The first parts of a path, as many as matter.
fn segments(path: &str) -> Vec<&str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split('/').take(4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs() {
        for (request, need) in [
            ("GET /", Need::Nothing),
            ("HEAD /", Need::Nothing),
            ("POST /", Need::Write),
            ("PUT /", Need::Write),
            ("GET /healthz", Need::Nothing),
            ("GET /healthz/live", Need::Nothing),
            ("GET /metrics", Need::Metrics),
            ("GET /hub/page/a.js", Need::Nothing),
            ("POST /hub/page/a.js", Need::Admin),
            ("GET /hub/status", Need::Any),
            ("POST /hub/tickets", Need::Read),
            ("DELETE /hub/tickets/ft_x", Need::Read),
            ("GET /hub/subscribers", Need::Admin),
            ("PUT /hub/bans/a", Need::Admin),
            ("GET /hub/anything/else", Need::Admin),
            ("GET /hub", Need::Admin),
            ("GET /events", Need::Listen),
            ("GET /push", Need::Listen),
            ("GET /sse", Need::Listen),
            ("GET /test", Need::Listen),
            ("POST /test", Need::Write),
            ("GET /test/sse", Need::Listen),
            ("POST /publish", Need::Write),
            ("POST /fact", Need::Write),
            ("POST /update", Need::Write),
            ("PUT /door", Need::Write),
            ("POST /door", Need::Write),
            ("GET /door", Need::Any),
            ("GET /door/publish", Need::Write),
            ("HEAD /door/send", Need::Write),
            ("GET /door/trigger", Need::Write),
            ("GET /door/json", Need::Listen),
            ("GET /a,b/ws", Need::Listen),
            ("GET /door/raw", Need::Listen),
            ("GET /door/auth", Need::Any),
            ("DELETE /door/seq", Need::Write),
            ("GET /door/seq/delete", Need::Write),
            ("GET /door/seq/clear", Need::Write),
            ("GET /v1/health", Need::Nothing),
            ("GET /v1/account", Need::Any),
            ("POST /v1/account", Need::Write),
            ("OPTIONS /door", Need::Nothing),
            ("GET /favicon.ico", Need::Any),
            ("TRACE /events", Need::Write),
            // Handlers decode, so no other spelling may need less.
            ("GET /door/publis%68", Need::Write),
            ("GET /door%2Fpublish", Need::Write),
            ("GET /d/%6Ason", Need::Listen),
            ("POST /hub%2Ftickets", Need::Read),
            ("GET /hub/tokens/..%2F..%2Fhealthz", Need::Admin),
        ] {
            let (method, path) = request.split_once(' ').unwrap();
            let method = method.parse().unwrap();
            assert_eq!(Need::of(&method, path), need, "{request}");
        }
    }
}
