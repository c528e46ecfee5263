//! macOS and Windows: they let no program read it, and hold notifications back themselves.

use std::convert::Infallible;

use tokio::sync::mpsc;

pub(super) async fn listen(_states: mpsc::Sender<bool>) -> Infallible {
    std::future::pending().await
}
