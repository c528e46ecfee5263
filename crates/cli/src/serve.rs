//! `feedbell serve`: a hub of its own.

use std::{
    io::{ErrorKind, IsTerminal as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use anyhow::Context as _;
use clap::{ArgMatches, CommandFactory as _};
use front::{logging, places::Places};
use hub::{
    Backplane, Doors, History, Hub, HubConfig, HubError, Local, LocalError, Rate, Store, Tls,
    TlsError, TlsMode, Token, names_of,
};
use jiff::Timestamp;
use notifier::view::Text;
use tokio_util::sync::CancellationToken;

use crate::{
    args::{Arguments, Delivery, LogFormat, Serve, TlsOption},
    backplane,
    exit::Ended,
    serve_config::{Source, Told, told},
    signals::Signals,
    terminal::Terminal,
};

/// Files that a hub has open beside its streams: the log, publishers, the rest.
const OTHER_FILES: u64 = 100;
/// Characters of a token that others may try to guess.
const SHORTEST_TOKEN: usize = 16;

pub(crate) async fn serve(flags: &ArgMatches, terminal: &Terminal) -> anyhow::Result<Ended> {
    let places = Places::find()?;
    let environment = |name: &str| std::env::var(name).ok();
    let trouble = |text: Text| {
        terminal.note(&terminal.text(text));
        Ok(Ended::Trouble)
    };
    let told = match told(flags, environment, &places.serve) {
        Ok(told) => told,
        Err(why) => return trouble(why),
    };
    if told.options.memory
        && (told.source("memory"), told.source("data")) == (&Source::Flag, &Source::Flag)
    {
        let mut command = Arguments::command();
        let why = "--memory keeps no log, so there is nothing for --data";
        command
            .error(clap::error::ErrorKind::ArgumentConflict, why)
            .exit();
    }
    let plan = Plan::of(&told.options, &places);
    if flags.get_flag("print_config") {
        terminal.say(&print(&told, &plan, terminal))?;
        return Ok(Ended::Done);
    }
    log_to_stderr(told.options.log_format);
    let mut signals = Signals::watch()?;
    raise_open_files(told.options.max_streams);

    let options = told.options;
    let backplane = match backplane(&options) {
        Ok(backplane) => backplane,
        Err(why) => return trouble(why),
    };
    if !options.memory {
        std::fs::create_dir_all(&plan.folder).with_context(|| plan.folder.display().to_string())?;
    }
    // What the hub is joined by, said once it listens.
    let joined = backplane.as_ref().map(|backplane| {
        let prefix = &options.backplane_prefix;
        format!("backplane {backplane} (prefix {prefix})")
    });
    let Some(tokens) = tokens(&options.tokens) else {
        return trouble(Text::new("serve-bad-token"));
    };
    if !options.listen.ip().to_canonical().is_loopback()
        && tokens
            .iter()
            .any(|token| token.secret().len() < SHORTEST_TOKEN)
    {
        let address = options.listen.to_string();
        return trouble(Text::new("serve-weak-token").with("address", address));
    }
    let tls = match tls(&options, &plan) {
        Ok(tls) => tls,
        Err(why) => return trouble(why),
    };
    let listener = match hub::bind(options.listen) {
        Ok(listener) => listener,
        Err(why) => return trouble(not_bound(options.listen, &why)),
    };
    let mut config = config(options, &plan, tokens);
    config.backplane = backplane;
    let hub = match tokio::task::spawn_blocking(move || Hub::open(config)).await? {
        Ok(hub) => hub,
        Err(why) => return trouble(notifier::hub_trouble(&why)),
    };
    let address = listener.local_addr()?;
    if hub.check_address(address).is_err() {
        return trouble(Text::new("serve-token").with("address", address.to_string()));
    }
    let mut doors = Doors::new(listener);
    doors.tls = tls;
    doors.local = match plan.socket.as_deref().map(Local::open) {
        None => None,
        Some(Ok(local)) => Some(local),
        Some(Err(why)) => {
            terminal.note(&terminal.text(no_socket(&why)));
            // Asked for by name, it is needed.
            if plan.socket_named && !matches!(why, LocalError::Taken { .. }) {
                return Ok(Ended::Trouble);
            }
            None
        }
    };
    introduce(&doors, joined, terminal)?;

    let stop = CancellationToken::new();
    let mut serving = pin!(hub::serve_on(hub, doors, stop.clone().cancelled_owned()));
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
        Err(why @ HubError::TokenNeeded { .. }) => trouble(notifier::hub_trouble(&why)),
        Err(why) => Err(why.into()),
    }
}

/// What follows from the options and from where this user's files lie.
struct Plan {
    /// The folder of the log and of a certificate that the hub makes.
    folder: PathBuf,
    socket: Option<PathBuf>,
    /// The user chose it.
    socket_named: bool,
    tls: TlsOption,
}

impl Plan {
    fn of(options: &Serve, places: &Places) -> Self {
        let named = options.socket.as_deref();
        let usual = if options.listen.ip().is_loopback() {
            TlsOption::Off
        } else {
            TlsOption::On
        };
        // Whoever has a certificate wants it used.
        let usual = if options.tls_cert.is_some() {
            TlsOption::On
        } else {
            usual
        };
        Self {
            folder: options.data.clone().unwrap_or_else(|| places.data.clone()),
            socket: match named {
                None => cfg!(unix).then(|| places.hub.clone()),
                Some(none) if none == Path::new("none") => None,
                Some(path) => Some(path.to_owned()),
            },
            socket_named: named.is_some(),
            tls: options.tls.unwrap_or(usual),
        }
    }
}

fn print(told: &Told, plan: &Plan, terminal: &Terminal) -> String {
    let tls = match plan.tls {
        TlsOption::Off => "off",
        TlsOption::On => "on",
        TlsOption::Required => "required",
    };
    let socket = plan.socket.as_ref();
    let most = told.options.max_streams.to_string();
    let implied = [
        ("tls", tls.to_owned()),
        ("data", plan.folder.display().to_string()),
        (
            "socket",
            socket.map_or("none".to_owned(), |path| path.display().to_string()),
        ),
        ("max-streams-per-ip", most.clone()),
        ("max-streams-per-uid", most),
    ];
    told.print(&implied, terminal)
}

fn config(options: Serve, plan: &Plan, tokens: Vec<Token>) -> HubConfig {
    let mut config = HubConfig::new(if options.memory {
        Store::Memory
    } else {
        Store::Path(plan.folder.join("hub.db"))
    });
    let seconds = Duration::from_secs;
    config.demo = options.demo;
    config.pages = hub::Pages::new(pages::HUB);
    config.allow_origins = options.allow_origins;
    config.hosts = options.hosts;
    config.tokens = tokens;
    config.max_streams = options.max_streams;
    config.max_streams_per_ip = options.max_streams_per_ip.unwrap_or(options.max_streams);
    config.max_streams_per_uid = options.max_streams_per_uid.unwrap_or(options.max_streams);
    config.max_age = options.max_age.map(seconds);
    config.shared_delivery = options.delivery == Delivery::Shared;
    config.heartbeat = seconds(options.heartbeat);
    config.history = History {
        events: options.keep_events,
        age: seconds(options.keep_days * 24 * 60 * 60),
        bytes: options.keep_bytes,
    };
    config.rate = Rate {
        burst: options.publish_burst,
        per_second: options.publish_rate,
    };
    config
}

fn backplane(options: &Serve) -> Result<Option<Backplane>, Text> {
    let Some(address) = &options.backplane else {
        return match options.import {
            true => Err(Text::new("serve-import-alone")),
            false => Ok(None),
        };
    };
    if options.memory {
        return Err(Text::new("serve-backplane-memory"));
    }
    let ca = options.backplane_ca.as_deref();
    let backplane = backplane::named(address, &options.backplane_prefix, ca)?;
    Ok(Some(if options.import {
        backplane.import()
    } else {
        backplane
    }))
}

/// `None`: one of them is no token. An empty one is none either: whoever gives it
/// meant to ask for one.
fn tokens(secrets: &[String]) -> Option<Vec<Token>> {
    secrets.iter().map(|secret| Token::new(secret)).collect()
}

fn tls(options: &Serve, plan: &Plan) -> Result<TlsMode, Text> {
    if plan.tls == TlsOption::Off {
        return Ok(TlsMode::Off);
    }
    let made = match (&options.tls_cert, &options.tls_key) {
        (Some(certificate), Some(key)) => Tls::from_files(certificate, key),
        (None, None) => own_certificate(options, plan),
        _ => return Err(Text::new("serve-tls-half")),
    };
    let tls = made.map_err(|why| Text::new("serve-tls").with("why", why.to_string()))?;
    Ok(if plan.tls == TlsOption::Required {
        TlsMode::Required(tls)
    } else {
        TlsMode::On(tls)
    })
}

fn own_certificate(options: &Serve, plan: &Plan) -> Result<Tls, TlsError> {
    let names = names_of(options.listen, &options.hosts);
    if options.memory {
        Tls::passing(&names, Timestamp::now())
    } else {
        Tls::own(&plan.folder, &names, Timestamp::now())
    }
}

/// Says where the hub is, the address first: scripts read that line.
/// Says where it listens. Nobody reading it any more is no reason to end.
fn introduce(doors: &Doors, joined: Option<String>, terminal: &Terminal) -> std::io::Result<()> {
    let address = doors.tcp.local_addr()?;
    let (plain, tls) = match &doors.tls {
        TlsMode::Off => (true, None),
        TlsMode::On(tls) => (true, Some(tls)),
        TlsMode::Required(tls) => (false, Some(tls)),
    };
    let say = |line: String| drop(terminal.say(&line));
    if plain {
        say(format!("listening on http://{address}"));
    }
    if let Some(tls) = tls {
        say(format!("listening on https://{address}"));
        say(format!("certificate {}", tls.fingerprint()));
    }
    if let Some(local) = &doors.local {
        say(format!("listening on {}", local.path().display()));
    }
    joined.map(say);
    Ok(())
}

fn not_bound(address: SocketAddr, why: &std::io::Error) -> Text {
    if why.kind() == ErrorKind::AddrInUse {
        Text::new("serve-port-taken").with("address", address.to_string())
    } else {
        Text::new("hub-bind")
            .with("address", address.to_string())
            .with("why", why.to_string())
    }
}

fn no_socket(why: &LocalError) -> Text {
    match why {
        LocalError::Taken { path } => {
            Text::new("serve-socket-taken").with("path", path.display().to_string())
        }
        LocalError::Unusable { path, source } => Text::new("serve-socket")
            .with("path", path.display().to_string())
            .with("why", source.to_string()),
    }
}

/// Each stream is an open file. A system often gives 1024 where it would give
/// more to whoever asks.
fn raise_open_files(max_streams: usize) {
    let Ok(files) = rlimit::increase_nofile_limit(u64::MAX) else {
        return;
    };
    let room = files.saturating_sub(OTHER_FILES);
    if u64::try_from(max_streams).unwrap_or(u64::MAX) > room {
        tracing::warn!(
            max_streams,
            files,
            room,
            "max-streams is more than fits into the limit of open files: raise that \
             (LimitNOFILE, ulimit -n)"
        );
    }
}

/// Service managers and containers collect standard error.
fn log_to_stderr(format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(logging::filter("info"))
        .with_writer(std::io::stderr);
    // Only fails when there is a log already.
    let _ = match format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
