//! Erasing for good.

use super::{Inbox, InboxError};

impl Inbox {
    /// Erases every message for good. Feeds go on where they are, and what was seen stays known.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn erase_all(&mut self) -> Result<(), InboxError> {
        self.db.pragma_update(None, "secure_delete", "ON")?;
        let tx = self.db.transaction()?;
        tx.execute_batch("DELETE FROM messages; INSERT INTO words (words) VALUES ('delete-all');")?;
        tx.commit()?;
        self.db.execute_batch("VACUUM")?;
        self.db
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }
}
