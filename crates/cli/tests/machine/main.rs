//! The binary on a machine that sleeps, wakes up and changes networks, as a private system bus
//! tells it.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod bus;
mod do_not_disturb;
mod reconnect;
mod site;
#[path = "../commands/support.rs"]
#[expect(dead_code, reason = "homes and processes alone are needed here")]
mod support;
