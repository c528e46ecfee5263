//! A hub behind its listeners.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::connection::Gate;
use crate::courier::{Carrying, Courier};
use crate::local::Local;
use crate::tls::Tls;
use crate::{Hub, HubError};

/// What is still under way when the hub stops gets this long.
const GRACE: Duration = Duration::from_millis(1500);
/// Connections over the network beside the subscribers', for publishing.
pub(crate) const OTHERS: usize = 64;
/// Connections over the hub's own socket: the network cannot take them away.
pub(crate) const LOCAL: usize = 64;
const TRIM_EVERY: Duration = Duration::from_secs(60);

/// Where connections come from, and how long one may take to say what it wants.
/// [`Doors::new`] has the defaults.
#[derive(Debug)]
pub struct Doors {
    /// Bound: HTTP, HTTPS or both on one port, as [`Doors::tls`] says.
    pub tcp: TcpListener,
    /// The hub's own socket. Its peers need no token and may do everything.
    pub local: Option<Local>,
    /// Whether the port speaks TLS.
    pub tls: TlsMode,
    /// For the head of a request, from the first byte or from the end of the
    /// last answer.
    pub head_timeout: Duration,
    /// For a TLS handshake, once it has begun.
    pub handshake_timeout: Duration,
    /// How long an HTTP/2 connection may have nothing to do.
    pub idle_timeout: Duration,
}

/// Whether a port speaks TLS.
#[derive(Clone, Debug, Default)]
pub enum TlsMode {
    /// HTTP alone.
    #[default]
    Off,
    /// HTTP and HTTPS: the first byte of a connection tells them apart.
    On(Tls),
    /// HTTPS. Plain HTTP is answered with a sentence that says so.
    Required(Tls),
}

impl Doors {
    /// Plain HTTP on a bound listener: 10 s for a head and for a handshake, 60 s
    /// of idleness.
    #[must_use]
    pub fn new(tcp: TcpListener) -> Self {
        Self {
            tcp,
            local: None,
            tls: TlsMode::Off,
            head_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// Binds a port for a hub. More connections may wait to be taken than with the
/// usual call: after a network was away all subscribers come at once, and who
/// finds no room tries again a second later.
///
/// # Errors
///
/// What the system says; the address may be taken.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Elsewhere this means that two may have one port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // The system takes as much of it as its own limit allows.
    socket.listen(4096)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Most connections that a hub with this many streams has at a time.
#[must_use]
pub fn most_connections(max_streams: usize) -> usize {
    max_streams.saturating_add(OTHERS + LOCAL)
}

/// Serves the hub on one plain HTTP listener, as [`serve_on`] does.
///
/// # Errors
///
/// As [`serve_on`].
pub async fn serve(
    hub: Hub,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> Result<(), HubError> {
    serve_on(hub, Doors::new(listener), shutdown).await
}

/// Serves the hub until `shutdown` is over. Then no connection is taken any
/// more, streams end (those that asked for it get `bye`), publishes under way
/// are answered, and after a second and a half what is left is cut.
///
/// # Errors
///
/// [`HubError::TokenNeeded`] when other machines reach the listener and no token
/// is set; [`HubError::Listener`] when it does not work.
pub async fn serve_on(
    hub: Hub,
    doors: Doors,
    shutdown: impl Future<Output = ()>,
) -> Result<(), HubError> {
    let address = doors
        .tcp
        .local_addr()
        .map_err(|source| HubError::Listener { source })?;
    let stop = CancellationToken::new();
    let addresses = hub.addresses(address, stop.clone())?;
    let carrying = start_courier(&hub, &stop);
    let courier = carrying.as_ref().map(|it| it.courier.clone());
    // Ends the streams too when this future is dropped.
    let end = End {
        stop: stop.clone(),
        courier: courier.clone(),
    };
    let gate = Arc::new(Gate::new(&hub, &doors, addresses, stop, courier));

    // On the runtime's own threads, where the connections are: this one may be
    // another, and each switch costs as much as the rest of an accept.
    let closing = CancellationToken::new();
    let accepting = tokio::spawn(accept(hub, doors, gate, closing.clone()));
    let mut accepting = AbortOnDropHandle::new(accepting);
    let accepted = tokio::select! {
        () = shutdown => {
            closing.cancel();
            accepting.await
        }
        ended = &mut accepting => ended,
    };
    drop(end);
    let mut connections = accepted.unwrap_or_else(|error| {
        tracing::error!(%error, "the hub takes no connections any more");
        JoinSet::new()
    });
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, drained).await.is_err() {
        tracing::info!(connections = connections.len(), "cutting what is left");
        connections.shutdown().await;
    }
    if let Some(carrying) = carrying {
        // Its loop ends by itself, after as long.
        carrying.end().await;
    }
    Ok(())
}

/// Takes connections until `closing`; those that are open then.
async fn accept(
    hub: Hub,
    doors: Doors,
    gate: Arc<Gate>,
    closing: CancellationToken,
) -> JoinSet<()> {
    // Before a kernel without room, ours are full, and who comes then waits.
    let places = Arc::new(Semaphore::new(hub.config().max_streams + OTHERS));
    let local_places = Arc::new(Semaphore::new(LOCAL));
    let mut connections = JoinSet::new();
    let mut trim = tokio::time::interval(TRIM_EVERY);
    trim.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut closing = pin!(closing.cancelled());
    loop {
        let over_tcp = async {
            let place = place(&places).await;
            (doors.tcp.accept().await, place)
        };
        let over_local = async {
            let Some(local) = &doors.local else {
                return std::future::pending().await;
            };
            let place = place(&local_places).await;
            (local.accept().await, place)
        };
        tokio::select! {
            () = &mut closing => return connections,
            _ = trim.tick() => hub.log().trim(),
            Some(_) = connections.join_next() => {}
            (accepted, place) = over_tcp => match accepted {
                Ok((socket, from)) => {
                    connections.spawn(gate.clone().over_tcp(socket, from.ip(), place));
                }
                Err(error) => not_accepted(&error).await,
            },
            (accepted, place) = over_local => match accepted {
                Ok((socket, may)) => {
                    let connection = gate.clone().over_local(socket, may);
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => not_accepted(&error).await,
            },
        }
    }
}

/// Who carries the plain streams, if that is wanted and can be.
fn start_courier(hub: &Hub, stop: &CancellationToken) -> Option<Carrying> {
    if !hub.config().shared_delivery {
        return None;
    }
    let started = Courier::start(hub, stop.clone(), GRACE);
    // Without one each stream is a task of its own.
    started
        .inspect_err(|error| tracing::warn!(%error, "streams are not delivered together"))
        .ok()
}

/// Dropped, it ends all streams.
struct End {
    stop: CancellationToken,
    courier: Option<Arc<Courier>>,
}

impl Drop for End {
    fn drop(&mut self) {
        self.stop.cancel();
        // It looks when it is woken.
        if let Some(courier) = &self.courier {
            courier.wake();
        }
    }
}

/// Never closed: whoever waits here gets a place when one is free.
async fn place(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    places.clone().acquire_owned().await.ok()
}

async fn not_accepted(error: &io::Error) {
    let of_the_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    );
    if !of_the_connection {
        // Most often too many open files: some will be closed.
        tracing::warn!(%error, "the hub cannot take a connection");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
