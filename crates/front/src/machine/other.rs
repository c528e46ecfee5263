//! macOS and Windows: nothing is asked of the system yet. The clocks notice a sleep; a network
//! that changed is noticed by each feed's watchdog.

use std::convert::Infallible;

use tokio::sync::mpsc;

use super::Report;

pub(super) async fn listen(_reports: mpsc::Sender<Report>) -> Infallible {
    std::future::pending().await
}
