//! What the window has not been told yet. It asks, and the answer waits until there is something.
//!
//! Tauri's own events run as scripts in the page, and WebKit reads what a script returns with a
//! JavaScript engine in this process, for good: more memory than feeds, inbox and hub together.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use notifier::view::WindowUpdate;
use tokio::sync::Notify;

/// Updates that wait for a page that does not ask; beyond it, the oldest of a feed's test go.
const MOST: usize = 256;

/// Updates for one page, the last that began to read.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Counts pages: who began earlier reads no more.
    reader: u32,
    open: bool,
    waiting: VecDeque<WindowUpdate>,
}

impl Mailbox {
    /// A page reads from now on, and nobody else: its number.
    pub(crate) fn open(&self) -> u32 {
        self.begin(true)
    }

    /// Nobody reads any more.
    pub(crate) fn close(&self) {
        self.begin(false);
    }

    /// Keeps an update for the page that reads; once, if it only says that something changed.
    pub(crate) fn put(&self, update: WindowUpdate) {
        let mut state = self.state();
        let is_test = |update: &WindowUpdate| matches!(update, WindowUpdate::Test { .. });
        if !state.open || !is_test(&update) && state.waiting.contains(&update) {
            return;
        }
        if state.waiting.len() >= MOST {
            let oldest = state.waiting.iter().position(is_test).unwrap_or(0);
            state.waiting.remove(oldest);
        }
        state.waiting.push_back(update);
        drop(state);
        self.news.notify_waiters();
    }

    /// What came since this reader asked last; waits until something does. None once it reads no
    /// more.
    pub(crate) async fn take(&self, reader: u32) -> Option<Vec<WindowUpdate>> {
        loop {
            let mut news = pin!(self.news.notified());
            // Before looking: what comes after that wakes us.
            news.as_mut().enable();
            {
                let mut state = self.state();
                if !state.open || state.reader != reader {
                    return None;
                }
                if !state.waiting.is_empty() {
                    return Some(state.waiting.drain(..).collect());
                }
            }
            news.await;
        }
    }

    fn begin(&self, open: bool) -> u32 {
        let mut state = self.state();
        state.reader = state.reader.wrapping_add(1);
        state.open = open;
        state.waiting.clear();
        let reader = state.reader;
        drop(state);
        self.news.notify_waiters();
        reader
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// What a reader gets at once; `Pending` while it would wait.
    fn now(mailbox: &Mailbox, reader: u32) -> Poll<Option<Vec<WindowUpdate>>> {
        pin!(mailbox.take(reader)).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn open(message: i64) -> WindowUpdate {
        let message = Some(message);
        WindowUpdate::Open { message }
    }

    #[test]
    fn a_page_gets_what_came_since_it_asked_last_in_order_and_changes_once() {
        let mailbox = Mailbox::default();
        mailbox.put(WindowUpdate::App);
        let page = mailbox.open();
        assert_eq!(
            now(&mailbox, page),
            Poll::Pending,
            "it asks for all of it anyway"
        );
        for update in [
            WindowUpdate::Inbox,
            WindowUpdate::App,
            open(1),
            WindowUpdate::Inbox,
        ] {
            mailbox.put(update);
        }
        let all = vec![WindowUpdate::Inbox, WindowUpdate::App, open(1)];
        assert_eq!(now(&mailbox, page), Poll::Ready(Some(all)));
        assert_eq!(now(&mailbox, page), Poll::Pending);
        mailbox.put(WindowUpdate::Inbox);
        assert_eq!(
            now(&mailbox, page),
            Poll::Ready(Some(vec![WindowUpdate::Inbox]))
        );
    }

    #[test]
    fn who_waits_is_woken() {
        let mailbox = Mailbox::default();
        let page = mailbox.open();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = pin!(mailbox.take(page));
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
        mailbox.put(WindowUpdate::App);
        let told = vec![WindowUpdate::App];
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(Some(told)));
    }

    #[test]
    fn a_page_that_is_gone_reads_no_more() {
        let mailbox = Mailbox::default();
        let before = mailbox.open();
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = pin!(mailbox.take(before));
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
        let after = mailbox.open();
        mailbox.put(WindowUpdate::App);
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(None));
        assert_eq!(
            now(&mailbox, after),
            Poll::Ready(Some(vec![WindowUpdate::App]))
        );
        mailbox.close();
        assert_eq!(now(&mailbox, after), Poll::Ready(None));
    }

    #[test]
    fn what_waits_is_bounded() {
        let mailbox = Mailbox::default();
        let page = mailbox.open();
        for message in 0..2 * MOST as i64 {
            mailbox.put(open(message));
        }
        let Poll::Ready(Some(told)) = now(&mailbox, page) else {
            panic!("nothing waits");
        };
        assert_eq!(told.len(), MOST);
        assert_eq!(told.last(), Some(&open(2 * MOST as i64 - 1)));
    }
}
