//! Links and folders go to the person's own programs, which do not inherit how we draw.

use std::{ffi::OsStr, io, process::Stdio, time::Duration};

use tokio::{process::Command, time::timeout};

/// How long a launcher may take to fail; one that still runs then is believed.
const PATIENCE: Duration = Duration::from_millis(250);

/// Opens it with the program that the person uses for such things.
///
/// # Errors
/// When no launcher can be started, or all fail at once.
pub(crate) async fn open(what: impl AsRef<OsStr>) -> io::Result<()> {
    let mut trouble = io::Error::from(io::ErrorKind::NotFound);
    for launcher in open::commands(what) {
        let mut launcher = Command::from(launcher);
        for (name, value) in super::DRAWING {
            // Another value is the person's own.
            if std::env::var_os(name).is_some_and(|set| set == value) {
                launcher.env_remove(name);
            }
        }
        match start(launcher, PATIENCE).await {
            Ok(()) => return Ok(()),
            Err(why) => trouble = why,
        }
    }
    Err(trouble)
}

async fn start(mut launcher: Command, patience: Duration) -> io::Result<()> {
    let mut child = launcher
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What ends us does not end it.
        .process_group(0)
        .spawn()?;
    match timeout(patience, child.wait()).await {
        Ok(ended) => {
            let status = ended?;
            if status.success() {
                Ok(())
            } else {
                Err(io::Error::other(status.to_string()))
            }
        }
        // Tokio waits for its end, so that the system lets go of it.
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_launcher_that_fails_at_once_is_no_success() {
        let start = |name| start(Command::new(name), Duration::from_secs(20));
        assert!(start("true").await.is_ok());
        assert!(start("false").await.is_err());
        assert!(start("/nonexistent/launcher").await.is_err());
    }

    #[tokio::test]
    async fn one_that_still_runs_is_believed() {
        let mut endless = Command::new("sleep");
        endless.arg("1");
        assert!(start(endless, Duration::ZERO).await.is_ok());
    }
}
