//! What every front end shares: the desktop app and `feedbell run` ring the same way, keep their
//! files in the same places and write the same log.

pub mod logging;
pub mod places;
mod ringer;

pub use ringer::{Click, Ringer, Role};
