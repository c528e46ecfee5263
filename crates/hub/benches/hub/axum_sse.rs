//! The server that axum's documentation leads to: its own `Sse` with its default keep-alive, a
//! broadcast channel for everyone's messages, and a history for those who come back.

use std::collections::HashMap;
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use axum::routing::{get, post};
use futures::{Stream, StreamExt as _, future, stream};
use serde::Deserialize;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::{BroadcastStream, UnboundedReceiverStream};

/// Messages that a stream may be behind before it loses some.
const BEHIND: usize = 16_384;

#[derive(Clone, Default)]
struct Site(Arc<Mutex<Messages>>);

struct Messages {
    everyones: broadcast::Sender<Arc<Message>>,
    /// The streams of one user's messages.
    users: HashMap<u32, Vec<mpsc::UnboundedSender<Arc<Message>>>>,
    history: Vec<Arc<Message>>,
}

struct Message {
    id: usize,
    event: Option<String>,
    data: String,
}

#[derive(Deserialize)]
struct Asked {
    uid: Option<u32>,
    event: Option<String>,
}

impl Default for Messages {
    fn default() -> Self {
        Self {
            everyones: broadcast::Sender::new(BEHIND),
            users: HashMap::new(),
            history: Vec::new(),
        }
    }
}

/// Serves until the process ends.
///
/// # Errors
/// The listener does not work.
pub(crate) fn serve(listener: std::net::TcpListener) -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let router = Router::new()
            .route("/events", get(events))
            .route("/publish", post(publish))
            .with_state(Site::default());
        axum::serve(tcp_nodelay(listener), router).await
    })
}

fn tcp_nodelay(
    listener: tokio::net::TcpListener,
) -> impl axum::serve::Listener<Addr = std::net::SocketAddr> {
    use axum::serve::ListenerExt as _;
    listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    })
}

async fn events(
    State(Site(messages)): State<Site>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let after = headers
        .get("Last-Event-ID")
        .and_then(|id| id.to_str().ok()?.parse::<usize>().ok());
    let mut messages = messages.lock().unwrap();
    let messages = match asked.uid {
        Some(uid) => {
            let (sender, receiver) = mpsc::unbounded_channel();
            messages.users.entry(uid).or_default().push(sender);
            UnboundedReceiverStream::new(receiver).left_stream()
        }
        None => {
            let missed = match after {
                Some(id) => messages.history[id + 1..].to_vec(),
                None => Vec::new(),
            };
            let live = BroadcastStream::new(messages.everyones.subscribe());
            let live = live.filter_map(|message| future::ready(message.ok()));
            stream::iter(missed).chain(live).right_stream()
        }
    };
    let events = messages.map(|message| {
        let event = Event::default().id(message.id.to_string());
        let event = match &message.event {
            Some(name) => event.event(name),
            None => event,
        };
        Ok(event.data(&message.data))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

async fn publish(
    State(Site(messages)): State<Site>,
    Query(asked): Query<Asked>,
    data: String,
) -> StatusCode {
    let mut messages = messages.lock().unwrap();
    let message = Arc::new(Message {
        id: messages.history.len(),
        event: asked.event,
        data,
    });
    if let Some(uid) = asked.uid {
        if let Some(streams) = messages.users.get_mut(&uid) {
            streams.retain(|stream| stream.send(message.clone()).is_ok());
        }
    } else {
        messages.history.push(message.clone());
        // Nobody may be listening.
        let _ = messages.everyones.send(message);
    }
    StatusCode::OK
}
