//! What every front end shares: the desktop app and `feedbell run` ring the same way, keep their
//! files in the same places, write the same log, notice when the machine wakes up and when the system wants quiet.

pub mod do_not_disturb;
pub mod logging;
pub mod machine;
pub mod places;
mod ringer;

pub use ringer::{Click, Ringer, Role};
