//! A desk without a loop: each step when the test says so.

use std::sync::atomic::AtomicI64;
use std::thread;

use jiff::Timestamp;

use std::io::{Read as _, Write as _};

use super::super::*;
use super::*;
use crate::peer::Peer;
use crate::subscribers::{Seat, Visitor};
use crate::subscription::{Request, subscribe};
use crate::{HubConfig, Publication, Store};

/// One stream at a desk without a loop.
struct Lab {
    hub: Hub,
    _poll: Poll,
    courier: Arc<Courier>,
    peer: std::net::TcpStream,
    now: Arc<AtomicI64>,
    _wants: mpsc::UnboundedReceiver<Wanted>,
}

impl Lab {
    async fn new(change: impl FnOnce(&mut HubConfig)) -> Self {
        let now = Arc::new(AtomicI64::new(0));
        let clock = now.clone();
        let mut config = HubConfig::new(Store::Memory);
        config.clock =
            Arc::new(move || Timestamp::from_millisecond(clock.load(Ordering::Relaxed)).unwrap());
        change(&mut config);
        let hub = Hub::open(config).unwrap();
        let poll = Poll::new().unwrap();
        let (wanted, wants) = mpsc::unbounded_channel();
        let desk = Desk::new(&hub, poll.registry().try_clone().unwrap(), wanted);
        let courier = Arc::new(Courier {
            desk: Mutex::new(desk),
            inbox: Mutex::default(),
            waker: Waker::new(poll.registry(), WAKER).unwrap(),
            woken: AtomicBool::new(false),
            soon: Notify::new(),
            reached: AtomicU64::new(0),
        });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.set_nonblocking(true).unwrap();
        socket.set_nodelay(true).unwrap();
        peer.set_nonblocking(true).unwrap();
        let visitor = Visitor {
            peer: Peer::Local,
            addresses: Arc::default(),
            device: None,
            path: "/events".into(),
            token: None,
            ticket: None,
        };
        let seat = Seat::take(&hub, visitor).unwrap();
        let stop = CancellationToken::new();
        let subscription = subscribe(&hub, seat, Request::default(), stop)
            .await
            .unwrap();
        let arrival = Arrival {
            socket,
            subscription: Box::new(subscription),
            permit: None,
        };
        let at = Instant::now();
        let mut desk = courier.desk();
        let key = desk.admit(&courier, arrival, at).unwrap();
        desk.walk(key, 1, at);
        assert_eq!(desk.connections[0].state, State::Live);
        drop(desk);
        Self {
            hub,
            _poll: poll,
            courier,
            peer,
            now,
            _wants: wants,
        }
    }

    /// Fills the socket to the brim: the system moves bytes on for a while.
    fn fill(&self) {
        let mut desk = self.courier.desk();
        let socket = &mut desk.connections[0].socket;
        let mut refused = 0;
        while refused < 1000 {
            match socket.write(b"!") {
                Ok(_) => refused = 0,
                Err(_) => refused += 1,
            }
            thread::yield_now();
        }
    }

    /// What the peer has, but for what it was filled with.
    fn read(&mut self) -> String {
        let (mut all, mut nothing) = (Vec::new(), 0);
        while nothing < 1000 {
            let mut some = [0; 4096];
            match self.peer.read(&mut some) {
                Ok(read) => {
                    all.extend(some[..read].iter().filter(|byte| **byte != b'!'));
                    nothing = 0;
                }
                Err(_) => nothing += 1,
            }
            thread::yield_now();
        }
        String::from_utf8(all).unwrap()
    }
}

/// A sign of life that is not written when the page from disk comes.
#[tokio::test]
async fn a_page_does_not_overtake_what_is_begun() {
    let mut lab = Lab::new(|_| {}).await;
    lab.fill();
    let at = Instant::now();
    let place = {
        let mut desk = lab.courier.desk();
        let connection = &mut desk.connections[0];
        connection.state = State::Reading;
        let listener = connection.listener.as_mut().unwrap();
        (listener.cursor, listener.said) = (3, 0);
        let place = listener.seat.place().id;
        desk.sign_of_life(0, at);
        assert!(!desk.connections[0].rest.is_empty());
        place
    };
    let begun = lab.read();
    assert_eq!(begun, "");
    let page = Page {
        frames: BytesMut::from(&b"data: 4\n\n"[..]),
        events: 1,
        last: Some(4),
        scanned: 4,
        floor: 0,
    };
    {
        let mut desk = lab.courier.desk();
        desk.reached = 4;
        desk.has_read(Carried { key: 0, place }, Ok(page), at);
        desk.take_turns(at);
    }
    let read = lab.read();
    let sign = read.find("\n: \n").or(read.find("\n:\n"));
    let sign = sign.unwrap_or_else(|| panic!("no sign of life in {read:?}"));
    let event = read.find("data: 4").unwrap();
    assert!(sign < event, "{read:?}");
}

/// What the socket had no room for is over before there is.
#[tokio::test]
async fn a_stream_that_wants_nothing_is_not_stalled() {
    let mut lab = Lab::new(|config| config.heartbeat = Duration::from_secs(3600)).await;
    lab.fill();
    let publication = Publication {
        ttl: Some(Duration::from_millis(10)),
        ..Publication::to_everyone("brief")
    };
    lab.hub.publish(publication).await.unwrap();
    assert!(lab.courier.deliver(&mut lab.courier.desk(), usize::MAX));
    assert_eq!(lab.courier.desk().connections[0].state, State::Behind);
    lab.now.store(1000, Ordering::Relaxed);
    assert_eq!(lab.read(), "");
    let at = Instant::now();
    let mut desk = lab.courier.desk();
    desk.ready(0, false, at);
    desk.take_turns(at);
    assert_eq!(desk.connections[0].state, State::Live);
    let later = at + desk.write_timeout;
    desk.sweep(later);
    assert!(!desk.is_empty(), "cut as stalled");
}

/// Signs of life go on where the socket was full for a while.
#[tokio::test]
async fn who_was_slow_hears_signs_of_life_again() {
    let hour = Duration::from_secs(3600);
    let heartbeat = Duration::from_secs(5);
    let mut lab = Lab::new(|config| {
        config.heartbeat = heartbeat;
        config.write_timeout = hour;
    })
    .await;
    lab.fill();
    let at = Instant::now();
    {
        let mut desk = lab.courier.desk();
        desk.sweep(at + heartbeat);
        assert!(!desk.connections[0].rest.is_empty());
        desk.sweep(at + 2 * heartbeat + Duration::from_secs(1));
    }
    assert_eq!(lab.read(), "");
    let later = at + 3 * heartbeat;
    let mut desk = lab.courier.desk();
    desk.ready(0, false, later);
    desk.take_turns(later);
    assert_eq!(desk.connections[0].state, State::Live);
    let next = desk.next_sweep.unwrap();
    assert!(next <= later + heartbeat, "{:?} late", next - later);
}
