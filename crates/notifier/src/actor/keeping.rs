//! What people do with many messages, and what becomes of them.

use std::path::PathBuf;

use super::{Actor, not_yet, requests::answer};
use crate::{
    notifier::Reply,
    view::{Bulk, BulkDone, ExportFormat, Exported, Facets, MessageQuery, Refusal, Which},
};

impl Actor {
    pub(super) fn set_done(&mut self, _which: &Which, _done: bool) -> Result<(), Refusal> {
        Err(not_yet())
    }

    pub(super) fn bulk(&mut self, query: &MessageQuery, what: Bulk) -> Result<BulkDone, Refusal> {
        let ids = self.read(|inbox, _| inbox.matching_unread(query))?;
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        self.mark_read(&ids.into(), true)?;
        Ok(BulkDone {
            what,
            at: self.now_ms(),
            count,
        })
    }

    pub(super) fn undo_bulk(&mut self, _done: &BulkDone) -> Result<(), Refusal> {
        Err(not_yet())
    }

    pub(super) fn facets(&mut self, _feeds: &[String]) -> Result<Facets, Refusal> {
        Err(not_yet())
    }

    pub(super) fn export_messages(
        &mut self,
        _query: MessageQuery,
        _format: ExportFormat,
        _folder: PathBuf,
        reply: Reply<Exported>,
    ) {
        answer(reply, Err(not_yet()));
    }
}
