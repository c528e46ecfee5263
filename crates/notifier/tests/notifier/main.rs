//! The notifier against servers that misbehave in every way the five known systems do.
//!
//! Each server is a fixture on loopback that writes what the real one writes, byte for byte.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by a panic, in its helpers too"
)]

mod edges;
mod erase;
mod fixtures;
mod hub;
mod lifecycle;
mod many;
mod mapper;
mod presets;
mod servers;
mod sites;
mod support;
mod systems;
mod trouble;
mod trying;
