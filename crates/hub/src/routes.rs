//! The hub's addresses.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{self, request::Parts};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use bytes::BytesMut;
use futures::StreamExt;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::access::{self, Caller, Need, NotLetIn, Shown};
use crate::demo::Demo;
use crate::format::Format;
use crate::guard::{Denied, Guard, Pass};
use crate::handover::Handover;
use crate::inbound::{self, Published, Refusal};
use crate::ntfy;
use crate::operating;
use crate::page;
use crate::peer::Peer;
use crate::subscribers::{Cut, Full, Seat, Visitor};
use crate::subscription::{self, Opening, Start};
use crate::{Address, Hub, HubError, MAX_DATA, Publication};

/// How long a publisher may take to send its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Most bodies at a time that are longer than one publication.
const LONG_BODIES: usize = 4;
/// Most characters that are kept of what a subscriber says it is.
const MOST_DEVICE: usize = 256;

/// What all handlers share.
pub(crate) struct Site {
    pub(crate) hub: Hub,
    guard: Guard,
    /// Ends the streams; everything else is answered to the end.
    stop: CancellationToken,
    /// Places for bodies longer than one publication, while they arrive.
    long_bodies: Semaphore,
}

pub(crate) type Shared = State<Arc<Site>>;
/// How a stream leaves its connection, if it can.
pub(crate) type Leave = Option<Extension<Handover>>;

impl Hub {
    /// Whether the hub may listen at `address`.
    ///
    /// # Errors
    ///
    /// [`HubError::TokenNeeded`] when other machines reach the address and there
    /// is no token, neither in the [`HubConfig`](crate::HubConfig) nor made with
    /// [`create_token`](Self::create_token). A node that was never told of the
    /// other nodes' tokens may listen: nobody gets in before it is.
    pub fn check_address(&self, address: SocketAddr) -> Result<(), HubError> {
        let loopback = address.ip().to_canonical().is_loopback();
        let access = self.access();
        if loopback || !self.config().tokens.is_empty() || access.has_tokens() {
            return Ok(());
        }
        // Where others are asked for a token, nobody gets in before there are any.
        if access.is_joining() {
            return Ok(());
        }
        Err(HubError::TokenNeeded { address })
    }

    /// The hub behind a listener at `address`; its streams end when `stop` is
    /// cancelled.
    ///
    /// # Errors
    ///
    /// As [`check_address`](Self::check_address).
    pub fn router(&self, address: SocketAddr, stop: CancellationToken) -> Result<Router, HubError> {
        self.addresses(address, stop).map(|all| all.router)
    }

    /// The same, with the way past the router.
    pub(crate) fn addresses(
        &self,
        address: SocketAddr,
        stop: CancellationToken,
    ) -> Result<Addresses, HubError> {
        self.check_address(address)?;
        let loopback = address.ip().to_canonical().is_loopback();
        let guard = Guard::new(self.config(), loopback);
        let site = Arc::new(Site {
            hub: self.clone(),
            guard,
            stop,
            long_bodies: Semaphore::new(LONG_BODIES),
        });
        let router = Router::new()
            .route("/", get(index))
            .route("/hub/page/{*path}", get(asset))
            .route("/events", get(events).head(head))
            .route("/push", get(push).head(head))
            .route("/sse", get(sse).head(head))
            .route("/test", get(test).head(head))
            .route("/publish", post(publish))
            .route("/fact", post(fact))
            .route("/update", post(update))
            .merge(operating::router())
            .merge(access::routes::router())
            .fallback(elsewhere)
            .method_not_allowed_fallback(wrong_method)
            .layer(DefaultBodyLimit::max(MAX_DATA))
            .layer(from_fn_with_state(site.clone(), guarded))
            .with_state(site.clone());
        Ok(Addresses { site, router })
    }
}

/// All addresses of a hub.
#[derive(Clone)]
pub(crate) struct Addresses {
    site: Arc<Site>,
    pub(crate) router: Router,
}

impl Addresses {
    /// Answers a request that came from `peer`.
    pub(crate) async fn answer(self, peer: Peer, mut request: http::Request<Incoming>) -> Response {
        // What comes most often goes straight to its handler: the router costs
        // as much as all the rest.
        let publishes = request.method() == Method::POST && request.uri().path() == "/publish";
        let listens = request.method() == Method::GET && request.uri().path() == "/events";
        if !(publishes || listens) {
            request.extensions_mut().insert(peer);
            let answer = self.router.oneshot(request.map(Body::new)).await;
            return answer.unwrap_or_else(|never| match never {});
        }
        let (mut parts, body) = request.into_parts();
        let Door { caller, seal } = door(&self.site, peer, &parts).await;
        let response = match caller {
            Ok(caller) if publishes => published(&self.site, &caller, &parts, body)
                .await
                .unwrap_or_else(IntoResponse::into_response),
            Ok(caller) => {
                let handover = parts.extensions.remove().map(Extension);
                let site = State(self.site.clone());
                events(site, Extension(caller), parts.uri, parts.headers, handover).await
            }
            Err(response) => response,
        };
        seal.put_on(&self.site, response)
    }
}

/// Every request passes here first.
async fn guarded(State(site): Shared, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // A router without our listener does not know: it must not trust.
    let unknown = Peer::Remote(Ipv4Addr::UNSPECIFIED.into());
    let peer = parts.extensions.get().copied().unwrap_or(unknown);
    let Door { caller, seal } = door(&site, peer, &parts).await;
    let response = match caller {
        Ok(caller) => {
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(response) => response,
    };
    seal.put_on(&site, response)
}

/// What becomes of a request before any handler sees it.
struct Door {
    /// Who may come in, or what they are told.
    caller: Result<Caller, Response>,
    /// What the answer has to have, whatever it is.
    seal: Seal,
}

struct Seal {
    /// The foreign origin to name, so that its page can read the answer.
    cors: Option<String>,
    /// Whether it is a foreign page's request, which went no further.
    foreign: bool,
}

async fn door(site: &Site, peer: Peer, parts: &Parts) -> Door {
    let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
    let (caller, seal) = match site.guard.check(peer, method, uri, headers) {
        Err(Denied { status, why, cors }) => {
            let refusal = not_let_in(method, uri, &Refusal { status, why }.into());
            (
                Err(refusal),
                Seal {
                    cors,
                    foreign: true,
                },
            )
        }
        Ok(Pass { cors }) => {
            let caller = if cors.is_some() && is_preflight(method, headers) {
                Err(preflight(headers))
            } else {
                let shown = Shown::of(uri, headers);
                let caller = let_in(site, peer, method, uri.path(), shown).await;
                caller.map_err(|refusal| not_let_in(method, uri, &refusal))
            };
            (
                caller,
                Seal {
                    cors,
                    foreign: false,
                },
            )
        }
    };
    Door { caller, seal }
}

impl Seal {
    fn put_on(self, site: &Site, mut response: Response) -> Response {
        let status = response.status().as_u16();
        site.hub.metrics().answered(status, self.foreign);
        let headers = response.headers_mut();
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.cors.and_then(|it| HeaderValue::try_from(it).ok()) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(
                header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
                HeaderValue::from_static("true"),
            );
        }
        response
    }
}

/// Who sent a request, if they may send such requests, and now.
async fn let_in(
    site: &Site,
    peer: Peer,
    method: &Method,
    path: &str,
    shown: Shown,
) -> Result<Caller, NotLetIn> {
    let need = Need::of(method, path);
    let asks = site.guard.asks();
    let access = site.hub.access();
    let caller = access.identify(peer, need, asks, shown).await?;
    if !need.is_met(&caller.rights, peer) {
        return Err(NotLetIn::from(Refusal {
            status: StatusCode::FORBIDDEN,
            why: need.refusal().to_owned(),
        }));
    }
    if matches!(need, Need::Write | Need::Read) {
        access.charge(&caller, 1)?;
    }
    Ok(caller)
}

/// Says why a request is not let in, in the words that its sender reads.
fn not_let_in(method: &Method, uri: &Uri, NotLetIn { refusal, wait }: &NotLetIn) -> Response {
    let mut response = if ntfy::speaks(method, uri.path()) {
        ntfy::refuse(refusal)
    } else {
        refuse(refusal.status, &refusal.why)
    };
    if let Some(wait) = wait {
        // Whole seconds, and never so few that the wait is not over.
        let seconds = HeaderValue::from(wait.as_secs() + 1);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
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
    // For everybody: it says nothing of what the log holds.
    let text = format!(
        "{without}Feedbell hub\n\n\
         Receive   GET  /events?uid=1        one user's and everyone's events\n\
         \x20         GET  /events?topic=door   a topic's and everyone's events\n\
         \x20         GET  /events              the board: the facts so far, then each new one\n\
         \x20         GET  /push?uid=1          site messages\n\
         \x20         GET  /sse, /test          everyone's events\n\
         \x20         GET  /door/sse            a topic's messages, also as /json and /raw, as ntfy has them\n\
         Send      POST /publish             {{\"uid\": 1, \"event\": \"like\", \"data\": \"…\"}}\n\
         \x20         POST /door                a text to a topic, with ntfy's headers\n\
         \x20         POST /fact                any JSON, for the board\n\
         \x20         POST /update              {{\"uid\": 1, \"msg\": \"…\", \"isAll\": false}}\n\
         Health    GET  /healthz\n",
    );
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

async fn asset(State(site): Shared, Path(path): Path<String>) -> Response {
    let file = site.hub.config().pages.and_then(|page| page.asset(&path));
    file.unwrap_or_else(|| refuse(StatusCode::NOT_FOUND, "the hub's page has no such file"))
}

async fn events(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    handover: Leave,
) -> Response {
    let resumes = cursor_header(&headers).is_some();
    let opening = if resumes || inbound::is_native(uri.query()) {
        Opening::Quiet
    } else {
        Opening::Board
    };
    native(&site, &caller, &uri, &headers, opening, None, handover).await
}

/// The head of a stream, which opens none: no place is taken, and no ticket used.
async fn head() -> impl IntoResponse {
    [(header::CONTENT_TYPE, Format::Sse.content_type())]
}

async fn push(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    handover: Leave,
) -> Response {
    native(
        &site,
        &caller,
        &uri,
        &headers,
        Opening::Greeting,
        None,
        handover,
    )
    .await
}

async fn sse(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    handover: Leave,
) -> Response {
    let demo = Some(Demo::sse as fn() -> Demo);
    native(
        &site,
        &caller,
        &uri,
        &headers,
        Opening::Quiet,
        demo,
        handover,
    )
    .await
}

async fn test(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
    handover: Leave,
) -> Response {
    let demo = Some(Demo::test as fn() -> Demo);
    native(
        &site,
        &caller,
        &uri,
        &headers,
        Opening::Quiet,
        demo,
        handover,
    )
    .await
}

async fn native(
    site: &Site,
    caller: &Caller,
    uri: &Uri,
    headers: &HeaderMap,
    opening: Opening,
    demo: Option<fn() -> Demo>,
    handover: Leave,
) -> Response {
    let mut request = match inbound::subscribe(uri.query(), cursor_header(headers)) {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    request.opening = opening;
    if demo.is_some() {
        // These are everyone's streams.
        request.filter = crate::publication::Filter::default();
    } else if request.filter.addresses.is_empty() {
        // Who is fixed to uids and names none listens as those.
        let own = caller.rights.own_uids();
        request.filter.addresses = own.into_iter().map(Address::Uid).collect();
    }
    if demo.is_none() && opening == Opening::Quiet && wants_lines(headers) {
        request.format = Format::Lines;
    }
    request.demo = demo.filter(|_| site.hub.config().demo).map(|demo| demo());
    debug_assert!(opening != Opening::Board || request.start == Start::Live);
    stream(site, caller, uri, headers, request, handover)
        .await
        .unwrap_or_else(|refusal| refuse(refusal.status, &refusal.why))
}

/// Opens a stream for a caller, or says why not.
pub(crate) async fn stream(
    site: &Site,
    caller: &Caller,
    uri: &Uri,
    headers: &HeaderMap,
    request: subscription::Request,
    handover: Leave,
) -> Result<Response, Refusal> {
    if !caller.rights.may_read(&request.filter.addresses) {
        return Err(Refusal {
            status: StatusCode::FORBIDDEN,
            why: "this token may not listen here".to_owned(),
        });
    }
    let device = headers.get(header::USER_AGENT);
    let visitor = Visitor {
        peer: caller.peer,
        addresses: request.filter.addresses.clone(),
        device: device
            .and_then(|device| device.to_str().ok())
            .map(|device| device.chars().take(MOST_DEVICE).collect::<String>().into()),
        path: match uri.path() {
            // Nearly all there are.
            "/events" => "/events".into(),
            "/push" => "/push".into(),
            other => other.to_owned().into(),
        },
        token: caller.token.clone(),
        ticket: caller.ticket.map(Box::new),
    };
    let (access, subscribers) = (site.hub.access(), site.hub.subscribers());
    if access.is_banned(&visitor.addresses) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let resumes = cursor_header(headers).is_some();
    if let Some(ticket) = caller.ticket.filter(|_| resumes) {
        // Often the old connection is dead, and nobody has noticed yet.
        subscribers.cut(Cut::Replaced, |other| {
            other.visitor.ticket.as_deref() == Some(&ticket)
        });
    }
    let seat = Seat::take(&site.hub, visitor).map_err(|full| {
        let config = site.hub.config();
        let (status, why) = match full {
            Full::Hub => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "all {} places for subscribers are taken",
                    config.max_streams
                ),
            ),
            Full::Ip => (
                StatusCode::TOO_MANY_REQUESTS,
                format!("one address may have {} streams", config.max_streams_per_ip),
            ),
            Full::Uid => (
                StatusCode::TOO_MANY_REQUESTS,
                format!("one uid may have {} streams", config.max_streams_per_uid),
            ),
        };
        let why = format!("{why}; try again later");
        Refusal { status, why }
    })?;
    if let Some(ticket) = caller.ticket {
        access.open_ticket(ticket, resumes).await?;
        let own = seat.place().id;
        subscribers.cut(Cut::Replaced, |other| {
            other.visitor.ticket.as_deref() == Some(&ticket) && other.id < own
        });
    }
    // From here on whoever takes a right back finds the place and ends it.
    if access.is_banned(&seat.place().visitor.addresses) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    if !access.may_stay(seat.place()) {
        return Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            why: "this token was taken back".to_owned(),
        });
    }
    let content_type = request.format.content_type();
    let stream = subscription::subscribe(&site.hub, seat, request, site.stop.clone()).await?;
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    let body = match handover {
        Some(Extension(handover)) if stream.is_plain() => handover.body(stream),
        _ => Body::from_stream(stream.into_stream().map(Ok::<_, Infallible>)),
    };
    Ok((headers, body).into_response())
}

/// Whether JSON lines are asked for, and no event stream.
fn wants_lines(headers: &HeaderMap) -> bool {
    let accepts = |wanted: &str| {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.to_ascii_lowercase().contains(wanted))
    };
    accepts("application/x-ndjson") && !accepts("text/event-stream")
}

/// What an EventSource got last. An empty one is none.
pub(crate) fn cursor_header(headers: &HeaderMap) -> Option<&[u8]> {
    headers
        .get("last-event-id")
        .map(HeaderValue::as_bytes)
        .filter(|id| !id.is_empty())
}

async fn publish(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    published(&site, &caller, &parts, body)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn published(
    site: &Site,
    caller: &Caller,
    parts: &Parts,
    body: impl http_body::Body<Data = Bytes>,
) -> Result<Response, Refusal> {
    let (content_type, query) = (content_type(&parts.headers), parts.uri.query());
    let batched = |start: &[u8]| inbound::may_be_batch(content_type, query, start);
    let body = long_body(&site.long_bodies, body, batched).await?;
    match inbound::publish(content_type, query, &body)? {
        Published::One(publication) => {
            let id = store(site, caller, Ok(publication)).await?;
            // No character of an id means anything in JSON.
            Ok(json_text(StatusCode::OK, format!(r#"{{"id":"{id}"}}"#)))
        }
        Published::Batch(publications) => {
            for (index, publication) in publications.iter().enumerate() {
                may_publish(caller, publication).map_err(|refusal| refusal.at(index))?;
            }
            // One of them was counted with the request.
            let others = u32::try_from(publications.len() - 1).unwrap_or(u32::MAX);
            if let Err(why) = site.hub.access().charge(caller, others) {
                return Ok(not_let_in(&parts.method, &parts.uri, &why));
            }
            let receipts = site.hub.publish_all(publications).await?;
            let ids: Vec<_> = receipts.iter().map(ToString::to_string).collect();
            Ok(json(StatusCode::OK, &serde_json::json!({"ids": ids})))
        }
    }
}

async fn fact(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let parsed = body_of(request)
        .await
        .and_then(|(content_type, body)| inbound::fact(content_type.as_deref(), &body));
    match store(&site, &caller, parsed).await {
        Ok(_) => json(StatusCode::OK, &serde_json::json!({"r0": 0, "r1": ""})),
        Err(refusal) => refusal.into_response(),
    }
}

async fn update(
    State(site): Shared,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let parsed = body_of(request)
        .await
        .and_then(|(content_type, body)| inbound::update(content_type.as_deref(), &body));
    match store(&site, &caller, parsed).await {
        Ok(_) => json(StatusCode::OK, &serde_json::json!({"code": 0})),
        Err(refusal) => refusal.into_response(),
    }
}

async fn store(
    site: &Site,
    caller: &Caller,
    parsed: Result<Publication, Refusal>,
) -> Result<String, Refusal> {
    let publication = parsed?;
    may_publish(caller, &publication)?;
    let receipt = site.hub.publish(publication).await?;
    Ok(receipt.to_string())
}

/// Whether the caller may send this.
pub(crate) fn may_publish(caller: &Caller, publication: &Publication) -> Result<(), Refusal> {
    if caller.rights.may_write(&publication.to) {
        return Ok(());
    }
    Err(Refusal {
        status: StatusCode::FORBIDDEN,
        why: "this token may not publish there".to_owned(),
    })
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.and_then(|value| value.to_str().ok())
}

/// A body of up to [`MAX_DATA`] bytes, or of up to [`inbound::MAX_BATCH`] if
/// `batched` says so of its start and one of the places for such is free.
async fn long_body(
    places: &Semaphore,
    body: impl http_body::Body<Data = Bytes>,
    batched: impl Fn(&[u8]) -> bool,
) -> Result<Bytes, Refusal> {
    promises(&body, inbound::MAX_BATCH)?;
    let mut body = pin!(body);
    let read = async {
        let (mut read, mut place) = (Gathered::default(), None);
        while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
            let frame = frame.map_err(|_| Refusal::bad("the body did not arrive"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            read.push(data);
            if read.as_ref().len() > inbound::MAX_BATCH {
                return Err(too_large(inbound::MAX_BATCH));
            }
            if read.as_ref().len() > MAX_DATA && place.is_none() {
                if !batched(read.as_ref()) {
                    return Err(too_large(MAX_DATA));
                }
                place = places.acquire().await.ok();
            }
        }
        Ok(read.into_bytes())
    };
    let mut read = pin!(read);
    // Most bodies are there with their heads, and need no clock.
    if let Poll::Ready(read) = futures::poll!(&mut read) {
        return read;
    }
    tokio::time::timeout(BODY_TIMEOUT, read)
        .await
        .unwrap_or_else(|_| Err(late()))
}

/// The pieces of a body: one alone is not copied.
enum Gathered {
    One(Bytes),
    More(BytesMut),
}

impl Default for Gathered {
    fn default() -> Self {
        Self::One(Bytes::new())
    }
}

impl Gathered {
    fn push(&mut self, piece: Bytes) {
        match self {
            Self::One(one) if one.is_empty() => *one = piece,
            Self::One(one) => {
                let mut all = BytesMut::with_capacity(2 * (one.len() + piece.len()));
                all.extend_from_slice(one);
                all.extend_from_slice(&piece);
                *self = Self::More(all);
            }
            Self::More(all) => all.extend_from_slice(&piece),
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            Self::One(one) => one,
            Self::More(all) => all.freeze(),
        }
    }
}

impl AsRef<[u8]> for Gathered {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::One(one) => one,
            Self::More(all) => all,
        }
    }
}

/// Refuses a body that says itself that it is too long, before any of it came.
fn promises(body: &impl http_body::Body, most: usize) -> Result<(), Refusal> {
    let promised = body.size_hint().lower();
    if promised > most as u64 {
        return Err(too_large(most));
    }
    Ok(())
}

fn too_large(most: usize) -> Refusal {
    Refusal {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        why: format!("the body has more than {most} bytes"),
    }
}

fn late() -> Refusal {
    Refusal {
        status: StatusCode::REQUEST_TIMEOUT,
        why: "the body took too long".to_owned(),
    }
}

pub(crate) async fn body_of(request: Request) -> Result<(Option<String>, Bytes), Refusal> {
    promises(request.body(), MAX_DATA)?;
    let content_type = content_type(request.headers()).map(str::to_owned);
    match tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => Ok((content_type, body)),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(too_large(MAX_DATA))
        }
        Ok(Err(_)) => Err(Refusal::bad("the body did not arrive")),
        Err(_) => Err(late()),
    }
}

/// What no route takes is ntfy's, but for the hub's own paths.
async fn elsewhere(state: Shared, caller: Extension<Caller>, request: Request) -> Response {
    let path = request.uri().path();
    if ntfy::speaks(request.method(), path) {
        return ntfy::handle(state, caller, request).await;
    }
    let why = format!("nothing is at {path}; see / for what there is");
    refuse(StatusCode::NOT_FOUND, &why)
}

async fn wrong_method(state: Shared, caller: Extension<Caller>, request: Request) -> Response {
    let (method, uri) = (request.method(), request.uri());
    if ntfy::speaks(method, uri.path()) {
        return ntfy::handle(state, caller, request).await;
    }
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

impl From<HubError> for Refusal {
    fn from(error: HubError) -> Self {
        let status = match &error {
            HubError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            HubError::NoSuchToken { .. } => StatusCode::BAD_REQUEST,
            HubError::TooMany { .. } => StatusCode::CONFLICT,
            full if full.is_disk_full() => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self {
            status,
            why: error.to_string(),
        }
    }
}

pub(crate) fn refuse(status: StatusCode, why: &str) -> Response {
    let mut response = json(status, &serde_json::json!({"error": why}));
    if status == StatusCode::UNAUTHORIZED {
        let scheme = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
    }
    if let Some(seconds) = retry_after(status) {
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// When to try again, for what passes by itself.
pub(crate) fn retry_after(status: StatusCode) -> Option<HeaderValue> {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Some(HeaderValue::from_static("5")),
        StatusCode::SERVICE_UNAVAILABLE => Some(HeaderValue::from_static("2")),
        _ => None,
    }
}

pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    json_text(status, body.to_string())
}

fn json_text(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
