//! What a request needs to be allowed, from its first line alone. Handlers look
//! at the addresses besides; an address that is not here needs the most that
//! its method can mean.

use axum::http::{Method, StatusCode};

use super::{Rights, is_loopback};
use crate::peer::Peer;

/// What a caller must be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// For all who come.
    Nothing,
    /// Any right.
    Any,
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
        match segments(path).as_slice() {
            ["" | "healthz"] | ["hub", "page", ..] | ["v1", "health"] if gets => Self::Nothing,
            ["healthz", ..] => Self::Nothing,
            ["metrics"] => Self::Metrics,
            ["hub", "status"] => Self::Any,
            ["hub", "tickets", ..] => Self::Read,
            ["hub", ..] => Self::Admin,
            ["events" | "push" | "sse" | "test"] if gets => Self::Read,
            ["publish" | "fact" | "update"] => Self::Write,
            [_, "publish" | "send" | "trigger"] | [_, _, "clear" | "read" | "delete"] => {
                Self::Write
            }
            [_, "json" | "sse" | "raw" | "ws"] if gets => Self::Read,
            _ if gets => Self::Any,
            _ => Self::Write,
        }
    }

    /// Whether these rights are enough.
    pub(crate) fn is_met(self, rights: &Rights, peer: Peer) -> bool {
        match self {
            Self::Nothing => true,
            Self::Any => rights.read || rights.write || rights.admin,
            Self::Read => rights.read,
            Self::Write => rights.write,
            Self::Admin => rights.admin,
            Self::Metrics => rights.admin || is_loopback(peer),
        }
    }

    /// What a token without the right may not do.
    pub(crate) fn refusal(self) -> &'static str {
        match self {
            Self::Read => "this token may not listen; use one with the right to read",
            Self::Write => "this token may not publish; use one with the right to write",
            Self::Nothing | Self::Any | Self::Admin | Self::Metrics => {
                "this is for admins; use a token with the right of one"
            }
        }
    }
}

/// Whether who asks this speaks ntfy and reads its errors.
pub(crate) fn is_ntfy(method: &Method, path: &str) -> bool {
    let gets = matches!(*method, Method::GET | Method::HEAD);
    match segments(path).as_slice() {
        [
            "publish" | "fact" | "update" | "healthz" | "metrics" | "hub",
            ..,
        ] => false,
        ["v1", ..] => true,
        [first, ..] if first.contains('.') => false,
        [_] => !gets,
        _ => true,
    }
}

/// An error as ntfy says it. Source of the codes: ntfy's `server/errors.go`.
pub(crate) fn ntfy_body(status: StatusCode, why: &str) -> String {
    let http = status.as_u16();
    let code = match http {
        401 | 403 | 429 => u32::from(http) * 100 + 1,
        _ => u32::from(http) * 100,
    };
    let link = "https://ntfy.sh/docs/publish/";
    let body = serde_json::json!({"code": code, "http": http, "error": why, "link": link});
    format!("{body}\n")
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
        for (request, need, ntfy) in [
            ("GET /", Need::Nothing, false),
            ("HEAD /", Need::Nothing, false),
            ("POST /", Need::Write, true),
            ("PUT /", Need::Write, true),
            ("GET /healthz", Need::Nothing, false),
            ("GET /healthz/live", Need::Nothing, false),
            ("GET /metrics", Need::Metrics, false),
            ("GET /hub/page/a.js", Need::Nothing, false),
            ("POST /hub/page/a.js", Need::Admin, false),
            ("GET /hub/status", Need::Any, false),
            ("POST /hub/tickets", Need::Read, false),
            ("DELETE /hub/tickets/ft_x", Need::Read, false),
            ("GET /hub/subscribers", Need::Admin, false),
            ("PUT /hub/bans/a", Need::Admin, false),
            ("GET /hub/anything/else", Need::Admin, false),
            ("GET /hub", Need::Admin, false),
            ("GET /events", Need::Read, false),
            ("GET /push", Need::Read, false),
            ("GET /sse", Need::Read, false),
            ("GET /test", Need::Read, false),
            ("POST /test", Need::Write, true),
            ("GET /test/sse", Need::Read, true),
            ("POST /publish", Need::Write, false),
            ("POST /fact", Need::Write, false),
            ("POST /update", Need::Write, false),
            ("PUT /door", Need::Write, true),
            ("POST /door", Need::Write, true),
            ("GET /door", Need::Any, false),
            ("GET /door/publish", Need::Write, true),
            ("HEAD /door/send", Need::Write, true),
            ("GET /door/trigger", Need::Write, true),
            ("GET /door/json", Need::Read, true),
            ("GET /a,b/ws", Need::Read, true),
            ("GET /door/raw", Need::Read, true),
            ("GET /door/auth", Need::Any, true),
            ("DELETE /door/seq", Need::Write, true),
            ("GET /door/seq/delete", Need::Write, true),
            ("GET /door/seq/clear", Need::Write, true),
            ("GET /v1/health", Need::Nothing, true),
            ("GET /v1/account", Need::Any, true),
            ("POST /v1/account", Need::Write, true),
            ("OPTIONS /door", Need::Nothing, true),
            ("GET /favicon.ico", Need::Any, false),
            ("TRACE /events", Need::Write, true),
        ] {
            let (method, path) = request.split_once(' ').unwrap();
            let method = method.parse().unwrap();
            assert_eq!(Need::of(&method, path), need, "{request}");
            assert_eq!(is_ntfy(&method, path), ntfy, "{request}");
        }
    }
}
