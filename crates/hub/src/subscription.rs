//! One subscriber: a cursor that walks along the log, as the body of an answer
//! or, handed to a courier, without any.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::Stream;
use sse::Frame;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::demo::Demo;
use crate::format::Format;
use crate::log::Upcoming;
use crate::message::MessageId;
use crate::publication::Filter;
use crate::record::{Record, View};
use crate::subscribers::{Cut, Seat};
use crate::window::Page;
use crate::{Epoch, Hub, HubError, Position};

/// What a subscriber asks for.
#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) filter: Filter,
    pub(crate) format: Format,
    pub(crate) start: Start,
    /// Send `hello`, `ping` and `bye`.
    pub(crate) control: bool,
    /// End when the history has been replayed.
    pub(crate) poll: bool,
    /// After the history, say what is still to come.
    pub(crate) scheduled: bool,
    pub(crate) opening: Opening,
    pub(crate) demo: Option<Demo>,
}

/// Where a stream starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what comes next.
    #[default]
    Live,
    /// With the oldest event there is.
    All,
    /// After this event id, as the subscriber gave it.
    After(String),
    /// After the message that ntfy's clients know by this id.
    Message(MessageId),
    /// With the first event from this time on, in Unix milliseconds.
    From(i64),
    /// With the newest event of those it listens to.
    Latest,
}

impl Start {
    /// The place in a log that it names.
    fn position(&self) -> Option<Position> {
        match self {
            Self::After(text) => text.parse().ok(),
            _ => None,
        }
    }
}

/// What a stream says before its first event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Opening {
    /// Nothing that a page would see.
    #[default]
    Quiet,
    /// The greeting of the site messages.
    Greeting,
    /// The array of the facts so far; the stream goes on after them.
    Board,
}

/// The greeting on every connect: it says that the stream is up, and is no
/// publication.
const GREETING: &str = "站内信链接成功！";
const GREETING_RETRY: Duration = Duration::from_secs(3);

/// Longer times are this long: no clock counts for ever.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Opens a stream. The cursor stands when this returns: what is published from
/// now on is in it.
pub(crate) async fn subscribe(
    hub: &Hub,
    seat: Seat,
    request: Request,
    stop: CancellationToken,
) -> Result<Subscription, HubError> {
    let since = Instant::now();
    if let Some(node) = hub.node() {
        node.settle(request.start.position()).await?;
    }
    let head = hub.log().watch_head();
    let view = View {
        filter: request.filter,
        format: request.format,
        opened: hub.log().head(),
    };
    let format = &view.format;
    let mut out = BytesMut::new();
    let now = hub.log().now();

    let Resolved { mut cursor, gap } = resolve(&request.start, &view, hub, since).await?;
    let mut board = None;
    if request.opening == Opening::Board {
        let (facts, reaches) = hub.log().board().await?;
        cursor = reaches;
        board = Some(facts);
    }
    let position = Position {
        epoch: hub.epoch(),
        seq: cursor,
    };
    let id = position.to_id();
    // A poll is all there is at once: its lines begin with the first event.
    if !request.poll || view.format != Format::Lines {
        format.first(position, now, &mut out);
    }
    if request.control {
        format.hello(position, hub.config().heartbeat, &mut out);
    }
    // The gap comes before anything else that carries the new id: whoever has
    // that id has been told.
    if let Some(gap) = gap {
        format.gap(&gap, position, now, &mut out);
    }
    match (request.opening, board) {
        (Opening::Greeting, _) => {
            Frame::new()
                .retry(GREETING_RETRY)
                .id(&id)
                .data(GREETING)
                .write(&mut out);
        }
        (_, Some(facts)) => Frame::new().id(&id).data(&facts).write(&mut out),
        // An id without data: a subscriber that loses its connection before its
        // first event comes back with the place where it started.
        (_, None) => format.place(position, &mut out),
    }
    seat.place().reaches(cursor);

    let heartbeat = view.format.heartbeat(hub.config().heartbeat).min(LONGEST);
    Ok(Subscription {
        head,
        stop,
        opening: Some(out),
        poll: request.poll,
        scheduled: request.scheduled.then_some(None),
        demo: request.demo,
        quiet_until: Instant::now() + heartbeat,
        since,
        ended: false,
        listener: Listener {
            hub: hub.clone(),
            view,
            epoch: position.epoch,
            cursor,
            said: cursor,
            control: request.control,
            heartbeat,
            old_at: hub.config().max_age.and_then(|age| {
                let mut random = hub.random().lock().unwrap_or_else(PoisonError::into_inner);
                Instant::now().checked_add(lifetime(age, &mut random))
            }),
            seat,
        },
    })
}

/// How long a stream lives: about `age`, a tenth sooner or later.
fn lifetime(age: Duration, random: &mut fastrand::Rng) -> Duration {
    Duration::try_from_secs_f64(age.as_secs_f64() * random.f64().mul_add(0.2, 0.9))
        .unwrap_or(Duration::MAX)
}

/// Where a start lies in the log, and what cannot be replayed from it.
struct Resolved {
    cursor: u64,
    gap: Option<String>,
}

async fn resolve(
    start: &Start,
    view: &View,
    hub: &Hub,
    since: Instant,
) -> Result<Resolved, HubError> {
    let log = hub.log();
    let head = log.head();
    let at = |cursor| Resolved { cursor, gap: None };
    Ok(match start {
        Start::Live => at(head),
        Start::All => at(log.floor()),
        Start::Latest => {
            let newest = log.newest(view).await?;
            at(newest.map_or(head, |seq| seq - 1).max(log.floor()))
        }
        Start::From(time) => at(log.place_before(*time).await?),
        Start::Message(id) => match log.by_message(id.clone()).await? {
            Some(seq) => {
                let epoch = hub.epoch();
                after(&Position { epoch, seq }.to_string(), view, hub, since)
            }
            None => after(id.as_str(), view, hub, since),
        },
        Start::After(text) => after(text, view, hub, since),
    })
}

fn after(text: &str, view: &View, hub: &Hub, since: Instant) -> Resolved {
    let log = hub.log();
    let (floor, head) = (log.floor(), log.head());
    let gap = Some(text.to_owned());
    // Of another log, or none of ours: all there is may be news.
    let unknown = if view.format.replays_the_unknown() {
        floor
    } else {
        head
    };
    match text.parse::<Position>() {
        Err(_) => Resolved {
            cursor: unknown,
            gap,
        },
        Ok(position) if position.epoch != log.epoch() => Resolved {
            cursor: unknown,
            gap,
        },
        // Ahead of this node alone: it comes.
        Ok(Position { seq, .. })
            if seq > head && hub.node().is_some_and(|node| node.may_have(seq, since)) =>
        {
            Resolved {
                cursor: seq,
                gap: None,
            }
        }
        // Ahead of the log: it lost events that this subscriber has seen.
        Ok(Position { seq, .. }) if seq > head => Resolved { cursor: head, gap },
        Ok(Position { seq, .. }) if seq < floor => Resolved { cursor: floor, gap },
        Ok(Position { seq, .. }) => Resolved {
            cursor: seq,
            gap: None,
        },
    }
}

/// A stream that is open: who listens, and what else its body does.
pub(crate) struct Subscription {
    listener: Listener,
    head: watch::Receiver<u64>,
    stop: CancellationToken,
    opening: Option<BytesMut>,
    poll: bool,
    /// Where to go on among what is still to come, if that is asked for.
    scheduled: Option<Option<Upcoming>>,
    demo: Option<Demo>,
    quiet_until: Instant,
    /// When it was asked for.
    since: Instant,
    ended: bool,
}

/// What an endless stream is without the connection that carries it: a place in
/// the log, and who has reached it.
pub(crate) struct Listener {
    hub: Hub,
    pub(crate) view: View,
    /// Of the ids that the subscriber has.
    epoch: Epoch,
    /// Up to here the log has been looked at.
    pub(crate) cursor: u64,
    /// The last id the subscriber has; events for others move only the cursor.
    pub(crate) said: u64,
    control: bool,
    pub(crate) heartbeat: Duration,
    /// When the subscriber is to connect anew.
    pub(crate) old_at: Option<Instant>,
    pub(crate) seat: Seat,
}

impl Listener {
    /// Moves to where a page ends; the bytes to write for it.
    pub(crate) fn advance(&mut self, page: Page) -> BytesMut {
        let mut out = BytesMut::new();
        if page.floor > self.cursor {
            // History went faster than this subscriber, or began anew.
            let from = self.position(self.cursor).to_string();
            self.epoch = self.hub.epoch();
            let to = self.position(page.floor);
            let now = self.hub.log().now();
            self.view.format.gap(&from, to, now, &mut out);
            self.said = page.floor;
        }
        self.cursor = page.scanned.max(page.floor);
        self.seat.place().reaches(self.cursor);
        self.said = page.last.unwrap_or(self.said);
        self.hub.metrics().delivered.add(page.events);
        if out.is_empty() {
            return page.frames;
        }
        out.extend_from_slice(&page.frames);
        out
    }

    /// Steps back to where the log ends, if it never was where the subscriber said
    /// to be; the bytes that say so.
    fn step_back(&mut self, head: u64, since: Instant) -> Option<Bytes> {
        let node = self.hub.node()?;
        if self.cursor <= head || node.may_have(self.cursor, since) {
            return None;
        }
        let mut out = BytesMut::new();
        let from = self.position(self.cursor).to_string();
        let (to, now) = (self.position(head), self.hub.log().now());
        self.view.format.gap(&from, to, now, &mut out);
        (self.cursor, self.said) = (head, head);
        self.seat.place().reaches(head);
        (!out.is_empty()).then(|| out.freeze())
    }

    /// A comment, and with it the place the subscriber has reached without
    /// having got an event: its cursor must not grow old in a quiet stream.
    pub(crate) fn sign_of_life(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        let now = self.hub.log().now();
        let position = self.position(self.cursor);
        self.view.format.alive(position, now, &mut out);
        if let Some(place) = self.place() {
            out.extend_from_slice(&place);
        }
        if self.control {
            self.view.format.ping(self.position(self.said), &mut out);
        }
        out.freeze()
    }

    /// The cursor as an id without data, if the subscriber does not have it.
    fn place(&mut self) -> Option<Bytes> {
        if self.said == self.cursor {
            return None;
        }
        self.said = self.cursor;
        let mut out = BytesMut::new();
        self.view.format.place(self.position(self.cursor), &mut out);
        (!out.is_empty()).then(|| out.freeze())
    }

    /// The last bytes of a stream that ends for this reason.
    pub(crate) fn bye(&mut self, reason: &'static str) -> Option<Bytes> {
        self.seat.end(reason);
        self.control.then(|| {
            let mut out = BytesMut::new();
            self.view.format.bye(reason, &mut out);
            out.freeze()
        })
    }

    fn position(&self, seq: u64) -> Position {
        Position {
            epoch: self.epoch,
            seq,
        }
    }
}

enum Woken {
    /// The stream is to end, for one of several reasons.
    End,
    Head,
    LogClosed,
    Demo,
    Quiet,
}

impl Subscription {
    /// Whether it is nothing but the events as an event stream, those for everyone
    /// among them, without an end: what couriers carry.
    pub(crate) fn is_plain(&self) -> bool {
        let View { filter, format, .. } = &self.listener.view;
        let plain = *format == Format::Sse && filter.everyone;
        // No courier waits for a log that is behind its subscriber.
        let is_ahead = self.listener.cursor > *self.head.borrow();
        plain && !is_ahead && !self.poll && self.scheduled.is_none() && self.demo.is_none()
    }

    /// Takes the stream's first bytes.
    pub(crate) fn opening(&mut self) -> Option<Bytes> {
        self.opening.take().map(BytesMut::freeze)
    }

    /// The stream as a courier carries it.
    pub(crate) fn into_listener(self) -> Listener {
        self.listener
    }

    /// The stream as the body of an answer.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        futures::stream::unfold(self, |mut subscription| async {
            let bytes = subscription.next().await?;
            Some((bytes, subscription))
        })
    }

    /// The next bytes to write, or the end of the stream. Dropped before that, it
    /// loses nothing of a plain stream.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        let bytes = self.next_bytes().await;
        self.quiet_until = Instant::now() + self.listener.heartbeat;
        bytes
    }

    async fn next_bytes(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening.freeze());
        }
        loop {
            if self.ended {
                return None;
            }
            if let Some(reason) = self.end() {
                self.ended = true;
                return self.listener.bye(reason);
            }
            let head = *self.head.borrow_and_update();
            if let Some(gap) = self.listener.step_back(head, self.since) {
                return Some(gap);
            }
            // A poll ends where it began to look, however fast others publish.
            let done = self.poll && self.listener.cursor >= self.listener.view.opened;
            if head > self.listener.cursor && !done {
                match self.advance().await {
                    Ok(Some(bytes)) => return Some(bytes),
                    Ok(None) => continue,
                    Err(error) => {
                        // The subscriber comes back with its cursor.
                        tracing::warn!(%error, "a stream ends");
                        self.listener.seat.end("error");
                        return None;
                    }
                }
            }
            if let Some(after) = self.scheduled.take() {
                match self.upcoming(after).await {
                    Ok(Some(bytes)) => return Some(bytes),
                    Ok(None) => continue,
                    Err(error) => {
                        tracing::warn!(%error, "a stream ends");
                        return None;
                    }
                }
            }
            if self.poll {
                self.ended = true;
                self.listener.seat.end("replayed");
                return self.listener.place();
            }
            match self.wait().await {
                Woken::End | Woken::Head => {}
                Woken::LogClosed => return None,
                Woken::Demo => {
                    let id = self.listener.position(self.listener.said).to_id();
                    let now = (self.listener.hub.config().clock)();
                    if let Some(demo) = &mut self.demo {
                        return Some(demo.frames(&id, now));
                    }
                }
                Woken::Quiet => return Some(self.listener.sign_of_life()),
            }
        }
    }

    async fn wait(&mut self) -> Woken {
        let demo = self.demo.as_ref().map(Demo::due);
        let demo = async move {
            match demo {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let old_at = self.listener.old_at;
        let old = async move {
            match old_at {
                Some(old_at) => tokio::time::sleep_until(old_at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Woken::End,
            () = self.listener.seat.cut() => Woken::End,
            () = old => Woken::End,
            changed = self.head.changed() => match changed {
                Ok(()) => Woken::Head,
                Err(_) => Woken::LogClosed,
            },
            () = demo => Woken::Demo,
            () = tokio::time::sleep_until(self.quiet_until) => Woken::Quiet,
        }
    }

    /// Walks one page along the log.
    async fn advance(&mut self) -> Result<Option<Bytes>, HubError> {
        let Listener {
            hub, view, cursor, ..
        } = &self.listener;
        let page = hub.log().read(view, *cursor).await?;
        let out = self.listener.advance(page);
        Ok((!out.is_empty()).then(|| out.freeze()))
    }

    /// A page of what is still to come.
    async fn upcoming(&mut self, after: Option<Upcoming>) -> Result<Option<Bytes>, HubError> {
        let Listener { hub, view, .. } = &self.listener;
        let (records, next) = match hub.node() {
            Some(node) => node.scheduled(&view.filter, after, hub.position()).await?,
            None => hub.log().scheduled(view, after).await?,
        };
        self.scheduled = next.map(Some);
        let mut out = BytesMut::new();
        let wanted = |record: &&Record| view.format.takes(record);
        for record in records.iter().filter(wanted) {
            view.format.upcoming(record, &mut out);
        }
        Ok((!out.is_empty()).then(|| out.freeze()))
    }

    /// Why the stream is to end, if it is.
    fn end(&self) -> Option<&'static str> {
        if self.stop.is_cancelled() {
            return Some("shutdown");
        }
        let Listener { seat, old_at, .. } = &self.listener;
        let cut = seat.is_cut().map(Cut::as_str);
        let old = || old_at.is_some_and(|old_at| old_at <= Instant::now());
        cut.or_else(|| old().then_some("rotation"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_grow_old_together() {
        let mut random = fastrand::Rng::with_seed(11);
        let hour = Duration::from_secs(3600);
        let mut ages: Vec<_> = (0..1000).map(|_| lifetime(hour, &mut random)).collect();
        ages.sort();
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        assert!(minutes(54) <= ages[0] && ages[0] < minutes(55));
        assert!(minutes(65) < ages[999] && ages[999] <= minutes(66));
        assert!(ages.windows(2).all(|two| two[1] - two[0] < minutes(1)));
        assert!(lifetime(Duration::MAX, &mut random) >= hour);
    }
}
