//! When it is quiet: pauses, mutes, quiet hours, the system.

use super::{Actor, not_yet};
use crate::view::{QuietView, Refusal};

impl Actor {
    pub(super) fn quiet_view(&self) -> QuietView {
        QuietView::default()
    }

    pub(super) async fn mute(&mut self, _feed: &str, _until: Option<i64>) -> Result<(), Refusal> {
        Err(not_yet())
    }

    pub(super) async fn unmute(&mut self, _feed: &str) -> Result<(), Refusal> {
        Err(not_yet())
    }

    pub(super) fn set_system_quiet(&mut self, _on: bool) {}
}
