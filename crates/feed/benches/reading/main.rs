//! What it costs to read a feed: ours beside other clients, on the same streams.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers: it prints, and stops at what is wrong"
)]

mod clients;
mod compare;
mod loads;

fn main() {
    compare::compare(None);
}
