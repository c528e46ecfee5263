//! What every front end shares: the desktop app and `feedbell run` ring the same way, keep their
//! files in the same places, write the same log and notice when the machine wakes up.

pub mod logging;
pub mod machine;
pub mod places;
mod ringer;

pub use ringer::{Click, Ringer, Role};
