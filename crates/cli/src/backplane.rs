//! What the command line says of a backplane, for `serve` and `doctor`.

use std::path::Path;

use hub::{Backplane, BackplaneError};
use notifier::view::Text;
use url::{Position, Url};

/// The query parameters of an address that are secret.
const SECRET: [&str; 1] = ["sentinelPassword"];

/// The backplane that the options name.
///
/// # Errors
/// One sentence without the address, as that may hold a password.
pub(crate) fn named(address: &str, prefix: &str, ca: Option<&Path>) -> Result<Backplane, Text> {
    let backplane = Backplane::new(address).and_then(|backplane| backplane.prefix(prefix));
    match (backplane, ca) {
        (Ok(backplane), Some(path)) => backplane.trust(path),
        (backplane, _) => backplane,
    }
    .map_err(|why| wrong(&why))
}

/// The address as it was written, with `…` for what is secret.
pub(crate) fn without_secrets(address: &str) -> String {
    let parsed = Url::parse(address.trim()).ok();
    // Where one is wrong, a password may be anywhere in it.
    let Some(url) = parsed.filter(|_| Backplane::new(address).is_ok()) else {
        return "…".to_owned();
    };
    let has_user = !url.username().is_empty() || url.password().is_some();
    let user = if has_user { "…@" } else { "" };
    let mut shown = format!(
        "{}://{user}{}",
        url.scheme(),
        &url[Position::BeforeHost..Position::AfterPath]
    );
    for (nth, (name, value)) in url.query_pairs().enumerate() {
        let value = if SECRET.contains(&&*name) {
            "…"
        } else {
            &value
        };
        let mark = if nth == 0 { '?' } else { '&' };
        shown.push_str(&format!("{mark}{name}={value}"));
    }
    shown
}

fn wrong(why: &BackplaneError) -> Text {
    match why {
        BackplaneError::Scheme => Text::new("backplane-scheme"),
        BackplaneError::Cluster => Text::new("backplane-cluster"),
        BackplaneError::Host => Text::new("backplane-host"),
        BackplaneError::Port => Text::new("backplane-port"),
        BackplaneError::Credentials => Text::new("backplane-credentials"),
        BackplaneError::Database => Text::new("backplane-database"),
        BackplaneError::Parameters => Text::new("backplane-parameters"),
        BackplaneError::Sentinel => Text::new("backplane-sentinel"),
        BackplaneError::Prefix => Text::new("backplane-prefix"),
        BackplaneError::Unencrypted => Text::new("backplane-unencrypted"),
        BackplaneError::Certificates { path, why } => Text::new("backplane-certificates")
            .with("path", path.display().to_string())
            .with("why", why.clone()),
        other => Text::new("backplane-wrong").with("why", other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn what_is_secret_of_an_address_is_not_shown() {
        for (address, expected) in [
            ("redis://host:6379", "redis://host:6379"),
            ("valkey://[::1]:1/2", "valkey://[::1]:1/2"),
            ("redis://:secret@host", "redis://…@host"),
            ("redis://secret@host/1", "redis://…@host/1"),
            ("redis://bell:s%40cret@host:1", "redis://…@host:1"),
            (
                "redis-sentinel://:secret@a?sentinelServiceName=b&node=c:1&sentinel%50assword=secret",
                "redis-sentinel://…@a?sentinelServiceName=b&node=c:1&sentinelPassword=…",
            ),
            ("redis://:sec/ret@host", "…"),
            ("redis://u?secret@host", "…"),
            ("secret", "…"),
        ] {
            assert_eq!(without_secrets(address), expected, "{address}");
        }
    }
}
