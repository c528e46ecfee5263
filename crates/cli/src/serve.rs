//! `feedbell serve`: a hub of its own.

use std::io::ErrorKind;

use anyhow::Context as _;
use front::{logging, places::Places};
use hub::{Hub, HubConfig, HubError, Store, Token};
use notifier::view::Text;
use tokio::{net::TcpListener, signal as signals};

use crate::{args::Serve, exit::Ended, terminal::Terminal};

pub(crate) async fn serve(options: Serve, terminal: &Terminal) -> anyhow::Result<Ended> {
    let places = Places::find()?;
    let _log = logging::start(&places);
    let mut config = HubConfig::new(if options.memory {
        Store::Memory
    } else {
        let folder = options.data.unwrap_or(places.data);
        std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        Store::Path(folder.join("hub.db"))
    });
    config.demo = options.demo;
    config.allow_origins = options.allow_origins;
    config.hosts = options.hosts;
    if let Some(secret) = options.token {
        let token = Token::new(&secret).with_context(|| terminal.get("serve-bad-token"))?;
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
    let served = hub::serve(hub, listener, asked_to_end()).await;
    match served {
        Ok(()) => Ok(Ended::Done),
        Err(why @ HubError::TokenNeeded { .. }) => {
            terminal.note(&terminal.text(notifier::hub_trouble(&why)));
            Ok(Ended::Trouble)
        }
        Err(why) => Err(why.into()),
    }
}

/// Ends when a person (Ctrl+C) or the system (SIGTERM) asks.
pub(crate) async fn asked_to_end() {
    #[cfg(unix)]
    {
        use signals::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = signals::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = signals::ctrl_c().await;
}
