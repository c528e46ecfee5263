//! The hub's own socket: for programs of the hub's user, who need no token.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no socket. Each is one sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// Another hub listens there. It keeps the socket.
    #[error("another hub listens on {}", path.display())]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("the socket {} cannot be made: {source}", path.display())]
    Unusable {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

pub use system::Local;

#[cfg(unix)]
mod system {
    use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};

    use tokio::net::{UnixListener, UnixStream};

    use super::{LocalError, Path, PathBuf, io};

    /// A bound socket, removed when dropped.
    #[derive(Debug)]
    pub struct Local {
        listener: UnixListener,
        path: PathBuf,
        /// Device and inode: what lies at the path may be another's by then.
        file: (u64, u64),
        /// Our own user, to whom peers are compared.
        uid: u32,
        /// Says that a hub lives here, until the process ends in whatever way.
        _lock: File,
    }

    impl Local {
        /// Makes the socket, mode 0600, and its folder, mode 0700, unless that
        /// exists. What a dead hub left there is replaced.
        ///
        /// # Errors
        ///
        /// [`LocalError::Taken`] while another hub has it.
        ///
        /// # Panics
        ///
        /// Outside a Tokio runtime.
        pub fn open(path: &Path) -> Result<Self, LocalError> {
            let unusable = |source| LocalError::Unusable {
                path: path.to_owned(),
                source,
            };
            if let Some(folder) = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
            {
                let mut made = DirBuilder::new();
                made.recursive(true).mode(0o700);
                made.create(folder).map_err(unusable)?;
            }
            let lock = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(lock_of(path))
                .map_err(unusable)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(LocalError::Taken {
                        path: path.to_owned(),
                    });
                }
                Err(TryLockError::Error(why)) => return Err(unusable(why)),
            }
            match std::fs::symlink_metadata(path) {
                Ok(found) if is_socket(&found) => std::fs::remove_file(path).map_err(unusable)?,
                Ok(_) => {
                    let why = "something else is there";
                    return Err(unusable(io::Error::new(io::ErrorKind::AlreadyExists, why)));
                }
                Err(why) if why.kind() == io::ErrorKind::NotFound => {}
                Err(why) => return Err(unusable(why)),
            }
            let listener = UnixListener::bind(path).map_err(unusable)?;
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(unusable)?;
            let found = std::fs::symlink_metadata(path).map_err(unusable)?;
            Ok(Self {
                listener,
                path: path.to_owned(),
                file: (found.dev(), found.ino()),
                uid: own_uid().map_err(unusable)?,
                _lock: lock,
            })
        }

        /// Where it is.
        #[must_use]
        pub fn path(&self) -> &Path {
            &self.path
        }

        /// The next connection, and whether the peer may do everything.
        pub(crate) async fn accept(&self) -> io::Result<(UnixStream, bool)> {
            let (stream, _) = self.listener.accept().await?;
            // A peer that is gone already may nothing.
            let peer = stream.peer_cred().map(|peer| peer.uid());
            let may = peer.is_ok_and(|peer| may(peer, self.uid));
            Ok((stream, may))
        }
    }

    impl Drop for Local {
        fn drop(&mut self) {
            let ours = std::fs::symlink_metadata(&self.path)
                .is_ok_and(|found| (found.dev(), found.ino()) == self.file);
            if ours {
                let _ = std::fs::remove_file(&self.path);
            }
        }
    }

    fn lock_of(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        PathBuf::from(name)
    }

    fn is_socket(found: &std::fs::Metadata) -> bool {
        std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
    }

    fn own_uid() -> io::Result<u32> {
        let (own, _) = UnixStream::pair()?;
        Ok(own.peer_cred()?.uid())
    }

    /// Root may read our memory anyway.
    fn may(peer: u32, own: u32) -> bool {
        peer == own || peer == 0
    }

    #[cfg(test)]
    mod tests {
        use super::may;

        #[test]
        fn who_may() {
            for (peer, own, expected) in [
                (1000, 1000, true),
                (0, 1000, true),
                (0, 0, true),
                (1001, 1000, false),
                (1000, 0, false),
                (65534, 1000, false),
            ] {
                assert_eq!(may(peer, own), expected, "{peer} {own}");
            }
        }
    }
}

/// Named pipes say who a peer is by handles that safe Rust cannot ask yet, so
/// here is no socket; `feedbell send` then goes over the network address.
#[cfg(not(unix))]
mod system {
    use std::convert::Infallible;

    use super::{LocalError, Path, io};

    /// A bound socket. This system has none.
    #[derive(Debug)]
    pub struct Local(Infallible);

    impl Local {
        /// Makes the socket, where the system has one.
        ///
        /// # Errors
        ///
        /// [`LocalError::Unusable`], always.
        pub fn open(path: &Path) -> Result<Self, LocalError> {
            Err(LocalError::Unusable {
                path: path.to_owned(),
                source: io::Error::from(io::ErrorKind::Unsupported),
            })
        }

        /// Where it is.
        #[must_use]
        pub fn path(&self) -> &Path {
            match self.0 {}
        }

        pub(crate) async fn accept(&self) -> io::Result<(tokio::io::DuplexStream, bool)> {
            match self.0 {}
        }
    }
}
