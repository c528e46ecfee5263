//! What a connection to a feed needs: its access and its way, from the settings.

use std::{path::Path, time::Duration};

use base64::Engine as _;
use feed::{FeedConfig, GiveUp, Identity, Proxy, Silence, sounds_secret};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, COOKIE},
};

use crate::{
    secrets::{SecretError, Secrets},
    settings::{Access, FeedSettings, Secret},
};

/// A feed that gave up looks again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);

/// What a connection to this feed needs, its secrets resolved.
///
/// Relative paths of certificates begin at `folder`, where the settings are.
pub(crate) async fn connect_config(
    settings: &FeedSettings,
    secrets: &Secrets,
    folder: &Path,
) -> Result<FeedConfig, SecretError> {
    let mut headers = HeaderMap::new();
    let mut url = settings.url.clone();
    match &settings.access {
        Access::None => {}
        Access::Bearer(token) => {
            let token = secrets.resolve(token).await?;
            put_secret(&mut headers, AUTHORIZATION, &format!("Bearer {token}"))?;
        }
        Access::Basic { username, password } => {
            let password = secrets.resolve(password).await?;
            let pair = base64::prelude::BASE64_STANDARD.encode(format!("{username}:{password}"));
            put_secret(&mut headers, AUTHORIZATION, &format!("Basic {pair}"))?;
        }
        Access::Query { name, value } => {
            let value = secrets.resolve(value).await?;
            url.query_pairs_mut().append_pair(name, &value);
        }
        Access::Cookie { name, value } => {
            let value = secrets.resolve(value).await?;
            put_secret(&mut headers, COOKIE, &format!("{name}={value}"))?;
        }
    }
    for (name, value) in &settings.headers {
        let resolved = secrets.resolve(value).await?;
        let name = HeaderName::try_from(name.as_str()).map_err(|_| SecretError::Missing)?;
        put_secret(&mut headers, name.clone(), &resolved)?;
        // Words in the settings file under a name that is no secret's are none.
        let told = matches!(value, Secret::Plain(_)) && !sounds_secret(&name);
        if let Some(value) = headers.get_mut(&name).filter(|_| told) {
            value.set_sensitive(false);
        }
    }
    let mut config = FeedConfig::new(url);
    config.headers = headers;
    config.give_up = GiveUp::LookAgain(LOOK_AGAIN);
    config.patience.silence = match settings.watchdog_seconds {
        0 => Silence::Learned,
        seconds => Silence::For(Duration::from_secs(u64::from(seconds))),
    };
    let connection = &settings.connection;
    let path = |text: &str| (!text.is_empty()).then(|| folder.join(text));
    config.proxy = match connection.proxy.as_str() {
        "" => Proxy::System,
        "none" => Proxy::None,
        // The settings were checked: it is an address.
        address => address.parse().map_or(Proxy::System, Proxy::Url),
    };
    config.authorities = path(&connection.ca);
    // The settings were checked: it is a pin, or nothing.
    config.pin = connection.pin.parse().ok();
    config.identity = path(&connection.certificate).map(|certificate| Identity {
        certificate,
        key: path(&connection.key),
    });
    config.secret_address = matches!(settings.access, Access::Query { .. });
    config.plain_http = connection.plain_http;
    config.poll = match connection.poll_seconds {
        0 => None,
        seconds => Some(Duration::from_secs(u64::from(seconds))),
    };
    Ok(config)
}

fn put_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), SecretError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| SecretError::Missing)?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}
