//! The feed that `listen` and `check` are pointed at.

use clap::Args;
use feed::FeedConfig;
use http::{HeaderName, HeaderValue};
use url::Url;

/// Where the feed is, and what is sent along.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// The address of the feed, http or https
    #[arg(value_name = "URL", value_parser = web_address)]
    url: Url,
    /// A request header, for example `Authorization: Bearer …`; repeatable
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<Header>,
}

#[derive(Clone, Debug)]
struct Header(HeaderName, HeaderValue);

impl Source {
    pub(crate) fn config(self) -> FeedConfig {
        let mut config = FeedConfig::new(self.url);
        for Header(name, value) in self.headers {
            config.headers.append(name, value);
        }
        config
    }

    /// The address without what may be secret in it.
    pub(crate) fn shown(&self) -> String {
        self.url.origin().ascii_serialization() + self.url.path()
    }
}

/// An address that can be requested.
pub(crate) fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|why| why.to_string())?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err("it should start with http:// or https://".to_owned())
    }
}

fn header(text: &str) -> Result<Header, String> {
    let (name, value) = text
        .split_once(':')
        .ok_or("write it like `Name: value`")?;
    let name = name
        .trim()
        .parse::<HeaderName>()
        .map_err(|_| "this is not a header name")?;
    let mut value = HeaderValue::from_str(value.trim())
        .map_err(|_| "the value has characters that a header cannot carry")?;
    // Whatever it is, it stays out of logs and does not follow to other servers.
    value.set_sensitive(true);
    Ok(Header(name, value))
}
