//! The hub's web page: `/` for browsers, and its files under `/hub/page/`.

use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};

/// The files of a web page: path below `/hub/page/`, content type, bytes.
/// `index.html` is what `/` shows; every other name changes with its content.
#[derive(Clone, Copy)]
pub struct Pages(&'static [(&'static str, &'static str, &'static [u8])]);

/// Where the files are.
const FOLDER: &str = "/hub/page/";
const INDEX: &str = "index.html";
/// Nothing but our own files, and nobody's frame. Workers take the policy of
/// their own answer, so it goes with every file.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

impl Pages {
    /// A page of these files; `None` when there is no `index.html`.
    #[must_use]
    pub fn new(files: &'static [(&'static str, &'static str, &'static [u8])]) -> Option<Self> {
        let pages = Self(files);
        pages.file(INDEX).map(|_| pages)
    }

    /// What `/` shows.
    pub(crate) fn index(self) -> Option<Response> {
        let mut response = self.file(INDEX)?;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.append(header::VARY, HeaderValue::from_static("Accept"));
        Some(response)
    }

    /// A file the page loads.
    pub(crate) fn asset(self, path: &str) -> Option<Response> {
        if path == INDEX {
            return None;
        }
        let mut response = self.file(path)?;
        response.headers_mut().insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        );
        Some(response)
    }

    fn file(self, path: &str) -> Option<Response> {
        let &(_, kind, bytes) = self.0.iter().find(|(known, ..)| *known == path)?;
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
            (
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(POLICY),
            ),
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("no-referrer"),
            ),
        ];
        Some((headers, bytes).into_response())
    }
}

/// Whether this asks for the page or one of its files. They hold nothing of
/// anybody's, and the page is where a token is typed, so no token is asked.
pub(crate) fn is_asked(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    reads && (uri.path().starts_with(FOLDER) || uri.path() == "/" && wants_html(headers))
}

/// Whether somebody follows a link to the page. That shows the page and tells
/// the other site nothing.
pub(crate) fn is_visited(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    let is = |name: &str, wanted: &str| headers.get(name).is_some_and(|value| value == wanted);
    uri.path() == "/"
        && is_asked(method, uri, headers)
        && is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
}

/// Whether this is a browser that shows what it gets.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.to_ascii_lowercase().contains("text/html"))
}
