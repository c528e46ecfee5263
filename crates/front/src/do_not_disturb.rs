//! The system's do-not-disturb, where it can be read: Feedbell is quiet while it is on, if its
//! settings say so.

#[cfg_attr(all(unix, not(target_os = "macos")), path = "do_not_disturb/linux.rs")]
#[cfg_attr(
    not(all(unix, not(target_os = "macos"))),
    path = "do_not_disturb/other.rs"
)]
mod system;

use std::pin::pin;

use notifier::NotifierHandle;
use tokio::sync::mpsc;

/// States that may wait.
const WAITING: usize = 8;

/// Tells the notifier whenever the system's do-not-disturb is switched, until the notifier stops.
pub async fn watch(notifier: NotifierHandle) {
    let (tell, mut states) = mpsc::channel(WAITING);
    let mut system = pin!(system::listen(tell));
    loop {
        let on = tokio::select! {
            never = &mut system => match never {},
            Some(on) = states.recv() => on,
        };
        tracing::info!(on, "the system's do-not-disturb");
        if notifier.system_quiet(on).await.is_err() {
            return;
        }
    }
}
