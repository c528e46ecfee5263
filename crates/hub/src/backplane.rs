//! What joins nodes into one hub: a log in Redis or Valkey that every node
//! appends to and copies from.

pub(crate) mod access;
mod engine;
mod url;

use std::fmt;
use std::path::{Path, PathBuf};

use fred::types::config::Config;

/// Where the log of several nodes lies, and how a node gets there.
#[derive(Clone)]
pub struct Backplane {
    config: Config,
    /// What the names of all keys begin with.
    prefix: String,
    /// Certificates to trust instead of those of the system.
    ca: Option<PathBuf>,
    /// Whether the history of this node becomes that of all.
    import: bool,
}

/// Why a node cannot work with its backplane as it was told to.
#[derive(Debug, thiserror::Error)]
pub enum BackplaneError {
    /// Tell the user: the address is none of an engine.
    #[error("{why}")]
    Address {
        /// What is wrong with it, without the password.
        why: String,
    },
    /// Tell the user: the prefix cannot be one.
    #[error("a prefix has 1 to 64 of the characters A-Z a-z 0-9 _ - . :")]
    Prefix,
    /// Tell the user: the file with certificates cannot be used.
    #[error("{}: {why}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Try again later: the engine does not answer, or refuses.
    #[error("the engine at {address} {why}")]
    Engine {
        /// Where, without the password.
        address: String,
        /// What it did, as the end of a sentence.
        why: String,
    },
}

impl Backplane {
    /// The engine at this address: `redis://[user:password@]host[:port][/database]`,
    /// `rediss://` for TLS, `valkey://` and `valkeys://` for the same.
    ///
    /// # Errors
    ///
    /// [`BackplaneError::Address`].
    pub fn new(address: &str) -> Result<Self, BackplaneError> {
        Ok(Self {
            config: url::parse(address)?,
            prefix: "feedbell".to_owned(),
            ca: None,
            import: false,
        })
    }

    /// Sets what the names of all keys begin with; hubs with different ones share
    /// an engine. By default `feedbell`.
    ///
    /// # Errors
    ///
    /// [`BackplaneError::Prefix`].
    pub fn prefix(mut self, prefix: &str) -> Result<Self, BackplaneError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
        if prefix.is_empty() || prefix.len() > 64 || !prefix.bytes().all(allowed) {
            return Err(BackplaneError::Prefix);
        }
        prefix.clone_into(&mut self.prefix);
        Ok(self)
    }

    /// Trusts the certificates in this PEM file instead of those of the system.
    ///
    /// # Errors
    ///
    /// [`BackplaneError::Certificates`].
    pub fn trust(mut self, path: &Path) -> Result<Self, BackplaneError> {
        self.config.tls = Some(url::trusting(path)?);
        self.ca = Some(path.to_owned());
        Ok(self)
    }

    /// Makes the history of this node, and who may use it, those of all nodes.
    /// There must be no log at the engine yet.
    #[must_use]
    pub fn import(mut self) -> Self {
        self.import = true;
        self
    }
}

/// Its address, without the password.
impl fmt::Display for Backplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&url::shown(&self.config))
    }
}

impl fmt::Debug for Backplane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Backplane({self})")
    }
}
