//! A hub in its own process, with the command line of `feedbell serve`:
//!
//! ```text
//! hub serve [--listen ADDR] [--data DIR] [--demo] [--allow-origin O]...
//! ```
#![expect(clippy::print_stdout, reason = "its first line says where it listens")]

use std::error::Error;
use std::path::Path;

use hub::{Hub, HubConfig, Store};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut listen = "127.0.0.1:2355".to_owned();
    let mut config = HubConfig::new(Store::Memory);
    let mut args = std::env::args().skip(2);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--listen" => listen = value()?,
            "--data" => config.store = Store::Path(Path::new(&value()?).join("hub.db")),
            "--allow-origin" => config.allow_origins.push(value()?),
            "--demo" => config.demo = true,
            _ => return Err(format!("unknown argument {arg}").into()),
        }
    }
    let hub = Hub::open(config)?;
    let listener = TcpListener::bind(listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let interrupted = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    Ok(hub::serve(hub, listener, interrupted).await?)
}
