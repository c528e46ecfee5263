//! How fast the hub is, beside other servers of event streams and beside the least that there can
//! be. `make bench` runs it; alone, and with words after `--` (`--help` tells which):
//!
//! ```text
//! cargo build --profile measure -p cli --bin feedbell && cargo bench --profile measure -p hub --bench hub -- --quick
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers: it prints, waits, and stops at what is wrong"
)]

#[cfg(target_os = "linux")]
mod axum_sse;
#[cfg(target_os = "linux")]
mod compare;
#[cfg(target_os = "linux")]
mod engine;
#[cfg(target_os = "linux")]
mod hold;
#[cfg(target_os = "linux")]
mod load;
#[cfg(target_os = "linux")]
mod raw;
#[cfg(target_os = "linux")]
mod rows;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod table;
#[cfg(target_os = "linux")]
mod tally;
#[cfg(target_os = "linux")]
mod wire;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    compare::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!(
        "This benchmark reads what Linux says of processes: there is nothing to measure here."
    );
}
