//! One hub of several nodes: real processes of `feedbell serve` on one real engine, subscribers that
//! go from node to node, and publishers that repeat themselves, while nodes, the engine and what is
//! between them are killed, stopped, cut off and restored. Each subscriber gets exactly what was for
//! it, once, in one order; what cannot be had any more is said, and never left out silently.
//!
//! `FEEDBELL_PROOF=1` makes it long: ten times the subscribers, and minutes instead of seconds.
//! `FEEDBELL_RIG_SEED` repeats a run's choices; the operating system's scheduler makes its own.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by a panic, in its helpers too, and says what it did"
)]

mod cluster;
mod crowd;
mod engine;
mod failover;
mod failures;
#[path = "../hub_rig/http.rs"]
mod http;
#[path = "../hub_rig/hub.rs"]
#[expect(dead_code, reason = "memory is not watched here")]
mod hub;
mod joining;
mod judge;
mod ledger;
mod order;
mod publisher;
mod subscriber;
mod wire;
