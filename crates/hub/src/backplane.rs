//! What joins nodes into one hub: a log in Redis or Valkey that every node
//! appends to and copies from.

pub(crate) mod access;
mod engine;
mod examine;
mod functions;
mod import;
#[cfg(test)]
mod losses;
pub(crate) mod node;
mod presence;
mod press;
mod pulse;
mod tail;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod url;
mod wire;

use std::fmt;
use std::path::{Path, PathBuf};

use fred::types::config::Config;

pub use examine::{EngineMemory, EngineRole, Examined, FoundHub, Persistence};

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
    /// Tell the user: the address is of another kind.
    #[error(
        "an engine's address begins with redis:// or valkey://, with TLS with rediss:// or \
         valkeys://, and where Sentinel watches with redis-sentinel://"
    )]
    Scheme,
    /// Tell the user: a cluster was named.
    #[error("one log lies on one server, so a cluster adds nothing: write redis://host:6379")]
    Cluster,
    /// Tell the user: no host is named, or what is there is none.
    #[error(
        "the address names no host: write it like redis://host:6379, and in a password @ : / ? # % \
         as %40 %3A %2F %3F %23 %25"
    )]
    Host,
    /// Tell the user: the port is none, or the password ends too early.
    #[error(
        "a port is a number from 1 to 65535; in a password write @ : / ? # % as %40 %3A %2F %3F \
         %23 %25"
    )]
    Port,
    /// Tell the user: the password is not escaped.
    #[error("in a password write @ : / ? # % as %40 %3A %2F %3F %23 %25")]
    Credentials,
    /// Tell the user: what follows the host is no number of a database.
    #[error("a database is a number from 0 to 255, like redis://host:6379/0")]
    Database,
    /// Tell the user: there is something after a question mark.
    #[error(
        "an address has no parameters, except with Sentinel: sentinelServiceName, node, \
         sentinelUsername, sentinelPassword"
    )]
    Parameters,
    /// Tell the user: of Sentinel, something is missing.
    #[error(
        "with Sentinel, write redis-sentinel://host:26379?sentinelServiceName=NAME, and \
         &node=host:26379 for each further one"
    )]
    Sentinel,
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
    /// Tell the user: certificates go with TLS alone.
    #[error("certificates are for TLS: begin the address with rediss://")]
    Unencrypted,
    /// Tell the user: nothing says which certificates to trust.
    #[error("the system's certificate authorities cannot be read: {why}")]
    Authorities {
        /// What the system says.
        why: String,
    },
    /// Try again later: nothing answers.
    #[error("the engine at {address} does not answer: {why}")]
    Away {
        /// Where, without the password.
        address: String,
        /// What the system says.
        why: String,
    },
    /// Tell the user: the password is wrong or missing.
    #[error("the engine at {address} refuses the password: {why}")]
    Refused {
        /// Where, without the password.
        address: String,
        /// What the engine says.
        why: String,
    },
    /// Tell the user: whoever answers there is not who it should be.
    #[error("the certificate of {address} is not trusted: {why}")]
    Untrusted {
        /// Where, without the password.
        address: String,
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
    /// `rediss://` for TLS, `valkey://` and `valkeys://` for the same, and with
    /// `-sentinel` after these the addresses of Sentinels:
    /// `redis-sentinel://host[:port][/database]?sentinelServiceName=NAME`, then
    /// `&node=host:port` for each further one, `&sentinelUsername=` and
    /// `&sentinelPassword=` for their own access.
    ///
    /// # Errors
    ///
    /// One of the variants that are about addresses.
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
    /// [`BackplaneError::Certificates`], [`BackplaneError::Unencrypted`].
    pub fn trust(mut self, path: &Path) -> Result<Self, BackplaneError> {
        if self.config.tls.is_none() {
            return Err(BackplaneError::Unencrypted);
        }
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
