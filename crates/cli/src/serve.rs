//! `feedbell serve`: a hub of its own.

use std::{io::ErrorKind, pin::pin};

use anyhow::Context as _;
use front::{logging, places::Places};
use hub::{Hub, HubConfig, HubError, Store, Token};
use notifier::view::Text;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{args::Serve, exit::Ended, signals::Signals, terminal::Terminal};

pub(crate) async fn serve(options: Serve, terminal: &Terminal) -> anyhow::Result<Ended> {
    let places = Places::find()?;
    let _log = logging::start(&places);
    let mut signals = Signals::watch()?;
    let mut config = HubConfig::new(if options.memory {
        Store::Memory
    } else {
        let folder = options.data.unwrap_or(places.data);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Store::Path(folder.join("hub.db"))
    });
    config.demo = options.demo;
    config.pages = hub::Pages::new(pages::HUB);
    config.allow_origins = options.allow_origins;
    config.hosts = options.hosts;
    for secret in options.tokens.iter().filter(|secret| !secret.is_empty()) {
        let Some(token) = Token::new(secret) else {
            terminal.note(&terminal.get("serve-bad-token"));
            return Ok(Ended::Trouble);
        };
        config.tokens.push(token);
    }
    if !options.listen.ip().is_loopback() && config.tokens.is_empty() {
        let needed = Text::new("serve-token").with("address", options.listen.to_string());
        terminal.note(&terminal.text(needed));
        return Ok(Ended::Trouble);
    }
    let listener = match TcpListener::bind(options.listen).await {
        Ok(listener) => listener,
        Err(why) => {
            let text = if why.kind() == ErrorKind::AddrInUse {
                Text::new("serve-port-taken").with("address", options.listen.to_string())
            } else {
                Text::new("hub-bind")
                    .with("address", options.listen.to_string())
                    .with("why", why.to_string())
            };
            terminal.note(&terminal.text(text));
            return Ok(Ended::Trouble);
        }
    };
    let hub = match tokio::task::spawn_blocking(move || Hub::open(config)).await? {
        Ok(hub) => hub,
        Err(why) => {
            terminal.note(&terminal.text(notifier::hub_trouble(&why)));
            return Ok(Ended::Trouble);
        }
    };
    terminal.say(&format!("listening on http://{}", listener.local_addr()?))?;
    let stop = CancellationToken::new();
    let mut serving = pin!(hub::serve(hub, listener, stop.clone().cancelled_owned()));
    let served = loop {
        tokio::select! {
            served = &mut serving => break served,
            () = signals.next() => {
                // The second time means at once.
                if stop.is_cancelled() {
                    return Ok(Ended::Trouble);
                }
                stop.cancel();
            }
        }
    };
    match served {
        Ok(()) => Ok(Ended::Done),
        Err(why @ HubError::TokenNeeded { .. }) => {
            terminal.note(&terminal.text(notifier::hub_trouble(&why)));
            Ok(Ended::Trouble)
        }
        Err(why) => Err(why.into()),
    }
}
