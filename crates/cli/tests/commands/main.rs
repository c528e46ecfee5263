//! The binary `feedbell`, run as people and scripts run it, against real sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod backup;
#[cfg(target_os = "linux")]
mod crowd;
#[cfg(target_os = "linux")]
mod doctor;
mod feeds;
mod hubs;
mod notifier;
mod papers;
#[cfg(unix)]
mod send;
#[cfg(unix)]
mod serve;
mod serve_config;
#[cfg(target_os = "linux")]
mod storage;
mod support;
mod token;
