//! The hub's addresses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::demo::Demo;
use crate::guard::{Denied, Guard, Pass};
use crate::inbound::{self, Refusal};
use crate::page;
use crate::subscription::{self, Opening, Start};
use crate::{Hub, HubError, MAX_DATA, Publication};

/// How long a publisher may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

struct Site {
    hub: Hub,
    guard: Guard,
    /// Ends the streams; everything else is answered to the end.
    stop: CancellationToken,
}

type Shared = State<Arc<Site>>;

impl Hub {
    /// The hub behind a listener at `address`; its streams end when `stop` is
    /// cancelled.
    ///
    /// # Errors
    ///
    /// [`HubError::TokenNeeded`] when other machines reach the address and no
    /// token is set.
    pub fn router(&self, address: SocketAddr, stop: CancellationToken) -> Result<Router, HubError> {
        let loopback = address.ip().to_canonical().is_loopback();
        if !loopback && self.config().tokens.is_empty() {
            return Err(HubError::TokenNeeded { address });
        }
        let guard = Guard::new(self.config(), loopback);
        let site = Arc::new(Site {
            hub: self.clone(),
            guard,
            stop,
        });
        Ok(Router::new()
            .route("/", get(index))
            .route("/hub/page/{*path}", get(asset))
            .route("/events", get(events))
            .route("/push", get(push))
            .route("/sse", get(sse))
            .route("/test", get(test))
            .route("/publish", post(publish))
            .route("/fact", post(fact))
            .route("/update", post(update))
            .route("/healthz", get(healthz))
            .fallback(not_found)
            .method_not_allowed_fallback(wrong_method)
            .layer(DefaultBodyLimit::max(MAX_DATA))
            .layer(from_fn_with_state(site.clone(), guarded))
            .with_state(site))
    }
}

/// Every request passes here first.
async fn guarded(State(site): Shared, request: Request, next: Next) -> Response {
    let pass = site
        .guard
        .check(request.method(), request.uri(), request.headers());
    let (mut response, cors) = match pass {
        Ok(Pass { cors: Some(cors) }) if is_preflight(&request) => {
            (preflight(request.headers()), Some(cors))
        }
        Ok(Pass { cors }) => (next.run(request).await, cors),
        Err(Denied { status, why, cors }) => (refuse(status, &why), cors),
    };
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = cors.and_then(|origin| HeaderValue::try_from(origin).ok()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS");
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
    // `*` does not count for requests with credentials, so they are named.
    if let Some(names) = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    // Pages of public sites ask for this before they reach a private address.
    if asked.contains_key("access-control-request-private-network") {
        let name = HeaderName::from_static("access-control-allow-private-network");
        headers.insert(name, HeaderValue::from_static("true"));
    }
    response
}

async fn index(State(site): Shared, headers: HeaderMap) -> Response {
    let html = page::wants_html(&headers);
    if let Some(page) = site.hub.config().pages.filter(|_| html)
        && let Some(page) = page.index()
    {
        return page;
    }
    let without = if html {
        "This build of the hub has no web page.\n\n"
    } else {
        ""
    };
    let text = format!(
        "{without}Feedbell hub, at {}\n\n\
         Receive   GET  /events?uid=1        one user's and everyone's events\n\
         \x20         GET  /events?topic=door   a topic's and everyone's events\n\
         \x20         GET  /events              the board: the facts so far, then each new one\n\
         \x20         GET  /push?uid=1          site messages\n\
         \x20         GET  /sse, /test          everyone's events\n\
         Send      POST /publish             {{\"uid\": 1, \"event\": \"like\", \"data\": \"…\"}}\n\
         \x20         POST /fact                any JSON, for the board\n\
         \x20         POST /update              {{\"uid\": 1, \"msg\": \"…\", \"isAll\": false}}\n\
         Health    GET  /healthz\n",
        site.hub.position(),
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

async fn asset(State(site): Shared, Path(path): Path<String>, uri: Uri) -> Response {
    let file = site.hub.config().pages.and_then(|page| page.asset(&path));
    match file {
        Some(file) => file,
        None => not_found(uri).await,
    }
}

async fn events(State(site): Shared, uri: Uri, headers: HeaderMap) -> Response {
    let resumes = cursor_header(&headers).is_some();
    let opening = if resumes || inbound::is_native(uri.query()) {
        Opening::Quiet
    } else {
        Opening::Board
    };
    stream(&site, &uri, &headers, opening, None).await
}

async fn push(State(site): Shared, uri: Uri, headers: HeaderMap) -> Response {
    stream(&site, &uri, &headers, Opening::Greeting, None).await
}

async fn sse(State(site): Shared, uri: Uri, headers: HeaderMap) -> Response {
    stream(&site, &uri, &headers, Opening::Quiet, Some(Demo::sse)).await
}

async fn test(State(site): Shared, uri: Uri, headers: HeaderMap) -> Response {
    stream(&site, &uri, &headers, Opening::Quiet, Some(Demo::test)).await
}

async fn stream(
    site: &Site,
    uri: &Uri,
    headers: &HeaderMap,
    opening: Opening,
    demo: Option<fn() -> Demo>,
) -> Response {
    let mut request = match inbound::subscribe(uri.query(), cursor_header(headers)) {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    request.opening = opening;
    if demo.is_some() {
        // These are everyone's streams.
        request.filter = crate::publication::Filter::default();
    }
    request.demo = demo.filter(|_| site.hub.config().demo).map(|demo| demo());
    debug_assert!(opening != Opening::Board || request.start == Start::Live);

    let Some(seat) = site.hub.seat() else {
        let most = site.hub.config().max_streams;
        let why = format!("all {most} places for subscribers are taken; try again later");
        return refuse(StatusCode::SERVICE_UNAVAILABLE, &why);
    };
    let stream = match subscription::subscribe(&site.hub, seat, request, site.stop.clone()).await {
        Ok(stream) => stream,
        Err(error) => return error.into_response(),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let body = Body::from_stream(stream.map(Ok::<_, std::convert::Infallible>));
    (headers, body).into_response()
}

/// What an EventSource got last. An empty one is none.
fn cursor_header(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get("last-event-id")
        .map(HeaderValue::as_bytes)
        .filter(|id| !id.is_empty())
}

async fn publish(State(site): Shared, request: Request) -> Response {
    let query = request.uri().query().map(str::to_owned);
    let parsed = body_of(request).await.and_then(|(content_type, body)| {
        inbound::publish(content_type.as_deref(), query.as_deref(), &body)
    });
    match store(&site, parsed).await {
        Ok(id) => json(StatusCode::OK, &serde_json::json!({"id": id})),
        Err(response) => response,
    }
}

async fn fact(State(site): Shared, request: Request) -> Response {
    let parsed = body_of(request)
        .await
        .and_then(|(content_type, body)| inbound::fact(content_type.as_deref(), &body));
    match store(&site, parsed).await {
        Ok(_) => json(StatusCode::OK, &serde_json::json!({"r0": 0, "r1": ""})),
        Err(response) => response,
    }
}

async fn update(State(site): Shared, request: Request) -> Response {
    let parsed = body_of(request)
        .await
        .and_then(|(content_type, body)| inbound::update(content_type.as_deref(), &body));
    match store(&site, parsed).await {
        Ok(_) => json(StatusCode::OK, &serde_json::json!({"code": 0})),
        Err(response) => response,
    }
}

async fn store(site: &Site, parsed: Result<Publication, Refusal>) -> Result<String, Response> {
    let publication = parsed.map_err(IntoResponse::into_response)?;
    match site.hub.publish(publication).await {
        Ok(position) => Ok(position.to_string()),
        Err(error) => Err(error.into_response()),
    }
}

async fn body_of(request: Request) -> Result<(Option<String>, Bytes), Refusal> {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok((content_type, body)),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Refusal {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            why: format!("the body has more than {MAX_DATA} bytes"),
        }),
        Ok(Err(_)) => Err(Refusal::bad("the body did not arrive")),
        Err(_) => Err(Refusal {
            status: StatusCode::REQUEST_TIMEOUT,
            why: "the body took too long".to_owned(),
        }),
    }
}

async fn healthz(State(site): Shared) -> Response {
    if site.hub.is_healthy().await {
        json(StatusCode::OK, &serde_json::json!({"healthy": true}))
    } else {
        json(
            StatusCode::SERVICE_UNAVAILABLE,
            &serde_json::json!({"healthy": false}),
        )
    }
}

async fn not_found(uri: Uri) -> Response {
    refuse(
        StatusCode::NOT_FOUND,
        &format!("nothing is at {}; see / for what there is", uri.path()),
    )
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let why = format!(
        "{} does not take {method}; see / for what it takes",
        uri.path()
    );
    refuse(StatusCode::METHOD_NOT_ALLOWED, &why)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        refuse(self.status, &self.why)
    }
}

impl IntoResponse for HubError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        refuse(status, &self.to_string())
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    let mut response = json(status, &serde_json::json!({"error": why}));
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    response
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body.to_string()).into_response()
}
