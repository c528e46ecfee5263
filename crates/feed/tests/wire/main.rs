//! The client against real sockets: scripted servers decide about every byte,
//! and the test about time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

mod access;
mod cases;
mod check;
mod connection;
mod faults;
mod pin;
mod publish;
mod resilience;
mod support;
mod travel;
