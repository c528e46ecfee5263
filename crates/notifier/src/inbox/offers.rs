//! What a message brings beside its texts.

use rusqlite::OptionalExtension as _;

use super::{Inbox, InboxError, query::own_actions};
use crate::presentation::OwnAction;

/// What a message brings beside its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offers {
    /// The feed's id.
    pub(crate) feed: String,
    /// An icon's name or address.
    pub(crate) icon: Option<String>,
    /// What it offers to do.
    pub(crate) actions: Vec<OwnAction>,
}

impl Inbox {
    /// What this message brings, deleted ones too.
    ///
    /// # Errors
    /// When the database cannot be used now.
    pub(crate) fn offers(&self, id: i64) -> Result<Option<Offers>, InboxError> {
        let mut statement = self
            .db
            .prepare_cached("SELECT feed, icon, actions FROM messages WHERE id = ?1")?;
        Ok(statement
            .query_row([id], |row| {
                Ok(Offers {
                    feed: row.get("feed")?,
                    icon: row.get("icon")?,
                    actions: own_actions(row.get("actions")?),
                })
            })
            .optional()?)
    }
}
