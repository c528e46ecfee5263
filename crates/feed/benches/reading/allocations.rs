//! The same comparison with every allocation counted.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers: it prints, and stops at what is wrong"
)]

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

mod clients;
mod compare;
mod loads;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    compare::compare(Some(|| {
        let stats = ALLOCATOR.stats();
        compare::Allocated {
            // One that grows is as much work as a new one.
            times: stats.allocations + stats.reallocations,
            // Counts what was added to those that grew, too.
            bytes: stats.bytes_allocated,
        }
    }));
}
