//! The binary `feedbell`, run as people and scripts run it, against real sockets.

mod feeds;
mod hubs;
mod notifier;
mod support;
