//! Addresses of engines.

use std::path::Path;

use fred::types::config::{Config, ServerConfig, TlsConfig};

use super::BackplaneError;

/// What an address says.
pub(super) fn parse(address: &str) -> Result<Config, BackplaneError> {
    let wrong = |why: &str| BackplaneError::Address {
        why: why.to_owned(),
    };
    Config::from_url(address).map_err(|_| {
        wrong("write the engine's address like redis://host:6379, or rediss:// for TLS")
    })
}

/// TLS that trusts the certificates in this file alone.
pub(super) fn trusting(path: &Path) -> Result<TlsConfig, BackplaneError> {
    Err(BackplaneError::Certificates {
        path: path.to_owned(),
        why: "not read yet".to_owned(),
    })
}

/// The address without user and password.
pub(super) fn shown(config: &Config) -> String {
    let scheme = if config.tls.is_some() {
        "rediss"
    } else {
        "redis"
    };
    match &config.server {
        ServerConfig::Centralized { server } => {
            format!("{scheme}://{}:{}", server.host, server.port)
        }
        _ => scheme.to_owned(),
    }
}
