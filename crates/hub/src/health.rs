//! Whether the hub works, and whether it can be published to. What stands in its
//! way is said in a sentence that anybody may read.

use std::path::Path;

use crate::{Hub, HubError, MAX_DATA, Store};

/// Room that the log needs: for the largest publication, once in the write-ahead
/// log and once in the log itself.
const ROOM: u64 = 2 * MAX_DATA as u64;

const FULL: &str = "the disk is full: nothing can be published until there is room";

/// Alive: it has not lost what writes its log. Whoever is not has to be started
/// anew.
pub(crate) fn alive(hub: &Hub) -> Result<(), &'static str> {
    if hub.is_alive() {
        Ok(())
    } else {
        Err("the hub has stopped; start it anew")
    }
}

/// Ready: the log takes whatever may be published.
/// A node that has caught up stays ready while its backplane is away: subscribers
/// have their history and what comes later.
pub(crate) async fn ready(hub: &Hub) -> Result<(), &'static str> {
    if hub.node().is_some_and(|node| !node.state().ready) || hub.access().is_joining() {
        return Err("this node has not caught up with the others yet");
    }
    hub.log().probe().await.map_err(|why| match why {
        full if full.is_disk_full() => FULL,
        HubError::NotStored { .. } => "the log cannot be written: look into what the hub says",
        _ => "the log does not answer",
    })?;
    // So small a write finds a place where a publication finds none.
    let Store::Path(path) = &hub.config().store else {
        return Ok(());
    };
    let path = path.clone();
    let room = tokio::task::spawn_blocking(move || room(&path)).await;
    match room.ok().flatten() {
        Some(room) if room < ROOM => Err(FULL),
        _ => Ok(()),
    }
}

/// Whether publications are taken now; `None` for a hub that is alone, where
/// ready says that.
pub(crate) fn publishing(hub: &Hub) -> Option<bool> {
    hub.node().map(|node| node.state().open)
}

/// Bytes that are free for us where this file lies, where the system says it.
#[cfg(unix)]
fn room(path: &Path) -> Option<u64> {
    let system = rustix::fs::statvfs(path).ok()?;
    Some(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(not(unix))]
fn room(_path: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn there_is_room_or_nobody_knows() {
        let folder = tempfile::tempdir().unwrap();
        assert!(room(folder.path()).unwrap() > 0);
        assert_eq!(room(&folder.path().join("nothing")), None);
    }
}
