//! The binary `feedbell`, run as people and scripts run it, against real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod backup;
mod feeds;
mod hubs;
mod notifier;
#[cfg(unix)]
mod send;
#[cfg(unix)]
mod serve;
mod serve_config;
mod support;
mod token;
