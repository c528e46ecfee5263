//! Refusals as ntfy's clients read them.

use std::borrow::Cow;

use axum::http::header::{self, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::inbound::Refusal;
use crate::routes::retry_after;
use crate::{HubError, InvalidAddress};

/// Why a request is refused. The code is ntfy's (source: ntfy's
/// `server/errors.go`); its first three digits are the HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(super) code: u32,
    pub(super) why: Cow<'static, str>,
}

impl Problem {
    pub(super) fn new(code: u32, why: impl Into<Cow<'static, str>>) -> Self {
        let why = why.into();
        Self { code, why }
    }

    /// Nothing is at this address.
    pub(super) fn not_found(method: &Method, path: &str) -> Self {
        let path: String = path.chars().take(100).collect();
        Self::new(
            40401,
            format!("page not found: nothing takes {method} {path}; see / for what there is"),
        )
    }

    pub(super) fn status(&self) -> StatusCode {
        u16::try_from(self.code / 100)
            .ok()
            .and_then(|status| StatusCode::from_u16(status).ok())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// A refusal of a stream: too many of them have a code of their own.
    pub(super) fn of_stream(refusal: Refusal) -> Self {
        let mut problem = Self::from(refusal);
        if problem.code == 42901 {
            problem.code = 42903;
        }
        problem
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.status.as_u16() {
            400 => 40000,
            // 50701 is ntfy's for a topic without a device.
            507 => 50702,
            status => u32::from(status) * 100 + 1,
        };
        Self::new(code, refusal.why)
    }
}

impl From<HubError> for Problem {
    fn from(error: HubError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<InvalidAddress> for Problem {
    fn from(error: InvalidAddress) -> Self {
        let code = match &error {
            InvalidAddress::ReservedTopic { .. } => 40010,
            InvalidAddress::Topic | InvalidAddress::Uid => 40009,
        };
        Self::new(code, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            code: u32,
            http: u16,
            error: &'a str,
        }
        let status = self.status();
        let body = Body {
            code: self.code,
            http: status.as_u16(),
            error: &self.why,
        };
        let mut response = super::json(status, &body);
        if let Some(seconds) = retry_after(status) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            let headers = response.headers_mut();
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
