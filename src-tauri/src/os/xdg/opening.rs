//! Links and folders go to the person's own programs, which do not inherit how we draw.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long a launcher may take to fail; one that still runs then is believed.
const PATIENCE: Duration = Duration::from_millis(250);
/// Enough to wait for a child.
const STACK: usize = 64 << 10;

/// Opens it with the program that the person uses for such things.
///
/// # Errors
/// When no launcher can be started, or all fail at once.
pub(crate) async fn open(what: impl AsRef<OsStr>) -> io::Result<()> {
    let what = what.as_ref().to_owned();
    tokio::task::spawn_blocking(move || open_with_any(what))
        .await
        .map_err(io::Error::other)?
}

fn open_with_any(what: OsString) -> io::Result<()> {
    let mut trouble = io::Error::from(io::ErrorKind::NotFound);
    for mut launcher in open::commands(what) {
        for (name, value) in super::DRAWING {
            // Another value is the person's own.
            if std::env::var_os(name).is_some_and(|set| set == value) {
                launcher.env_remove(name);
            }
        }
        match start(launcher, PATIENCE) {
            Ok(()) => return Ok(()),
            Err(why) => trouble = why,
        }
    }
    Err(trouble)
}

fn start(mut launcher: Command, patience: Duration) -> io::Result<()> {
    let mut child = launcher
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What ends us does not end it.
        .process_group(0)
        .spawn()?;
    let (ended, end) = mpsc::channel();
    thread::Builder::new()
        .name("launcher".into())
        .stack_size(STACK)
        // Somebody has to wait for its end, so that the system lets go of it.
        .spawn(move || ended.send(child.wait()))?;
    match end.recv_timeout(patience) {
        Ok(status) => match status? {
            status if status.success() => Ok(()),
            status => Err(io::Error::other(status.to_string())),
        },
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_that_fails_at_once_is_no_success() {
        let start = |name| start(Command::new(name), Duration::from_secs(20));
        assert!(start("true").is_ok());
        assert!(start("false").is_err());
        assert!(start("/nonexistent/launcher").is_err());
    }

    #[test]
    fn one_that_still_runs_is_believed() {
        let mut endless = Command::new("sleep");
        endless.arg("1");
        assert!(start(endless, Duration::ZERO).is_ok());
    }
}
