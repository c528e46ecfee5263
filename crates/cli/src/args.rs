//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use feed::{FeedConfig, Identity, Pin, Proxy, Silence};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use jiff::Zoned;
use url::Url;

use crate::control;

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  trouble, said on standard error
  2  wrong usage
  3  nothing answers: no Feedbell runs, or no hub or engine is there
  4  the server asked to stay away (204)
  5  the token was refused (401, 403), or the engine's password
  6  another final status
  7  what came is no event stream

Environment:
  FEEDBELL_HUB    the hub that `send` uses
  FEEDBELL_TOKEN  the token of `send` and `token --hub`, and of `serve` without a FEEDBELL_SERVE_TOKEN
  FEEDBELL_SERVE_…  any option of `serve`, see `feedbell serve --help`
  FEEDBELL_FEED_TOKEN  the token of `listen` and `check`
  FEEDBELL_LOG    the log level: error, warn, info, debug or trace";

/// A bell for any event feed.
#[derive(Debug, Parser)]
#[command(name = "feedbell", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the events of a feed as they come; reconnects for ever
    Listen(Listen),
    /// Publish a text through a hub
    Send(Send),
    /// Run a hub
    Serve(Serve),
    /// Copy the hub's log, the inbox and the settings, also while they are in use
    Backup(Backup),
    /// Say who may use a hub: make, list and revoke tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Look step by step at what answers at an address
    Check(Check),
    /// Look whether a Redis or Valkey can join hubs into one
    Doctor(Doctor),
    /// Run the notifier in the terminal, without a window
    Run(Run),
    /// Say how the running Feedbell is
    Status {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
    },
    /// Pause notifications; feeds stay connected and messages are kept
    Pause {
        /// 30m, 1h, 2d or tomorrow; without it until `feedbell resume`
        #[arg(
            value_name = "DURATION",
            value_parser = control::span,
            conflicts_with_all = ["span_for", "until"]
        )]
        span: Option<Zoned>,
        #[command(flatten)]
        end: End,
    },
    /// End a pause
    Resume,
    /// Mute a feed; it stays connected and its messages are kept
    Mute {
        /// The feed's name or id
        feed: String,
        #[command(flatten)]
        end: End,
    },
    /// End the mute of a feed
    Unmute {
        /// The feed's name or id
        feed: String,
    },
    /// Connect a feed, or all, anew at once
    Reconnect {
        /// The feed's name or id
        feed: Option<String>,
    },
    /// Print what makes a shell complete this command: `feedbell completions bash`
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual's pages, for packages
    #[command(hide = true)]
    Man {
        /// Into this folder
        folder: PathBuf,
    },
    /// Bring up the window of the running Feedbell
    Open {
        /// With this message
        #[arg(long)]
        message: Option<i64>,
    },
}

/// When something ends by itself.
#[derive(Debug, Args)]
pub(crate) struct End {
    /// For so long: 30m, 1h, 2d
    #[arg(
        long = "for",
        value_name = "DURATION",
        value_parser = control::span,
        conflicts_with = "until"
    )]
    span_for: Option<Zoned>,
    /// Until then: 15:40, tomorrow, 2026-12-24 or “2026-12-24 18:00”
    #[arg(
        long,
        value_name = "TIME",
        value_parser = control::moment)]
    until: Option<Zoned>,
}

impl End {
    /// The moment, if one was given.
    pub(crate) fn moment(self) -> Option<Zoned> {
        self.span_for.or(self.until)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The feed's address, http or https
    #[arg(value_parser = web_address)]
    pub(crate) url: Url,
    /// One JSON object a line: event, data, id (the last event id), origin
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) way: Way,
    /// Resume after this event
    #[arg(long, value_name = "ID")]
    pub(crate) last_event_id: Option<String>,
    /// End after an event of this name; repeatable
    #[arg(long, value_name = "EVENT")]
    pub(crate) stop_on: Vec<String>,
}

/// How to get to a feed, and in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Way {
    /// A further request header; repeatable
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// A bearer token
    #[arg(long, env = "FEEDBELL_FEED_TOKEN", hide_env_values = true, value_parser = bearer)]
    pub(crate) token: Option<HeaderValue>,
    /// http://, https://, socks5:// or socks5h://, or none; by default the system's
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub(crate) proxy: Option<Proxy>,
    /// A PEM file of further authorities to trust
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The one certificate the server may have, as a hub says it at its start
    #[arg(long, value_name = "sha256:HEX", conflicts_with = "ca")]
    pub(crate) pin: Option<Pin>,
    /// A PEM file with a client certificate
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// A PEM file with its key, if it is not in the same file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Let secrets go over plain http to a private address
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Ask again after so many seconds instead of holding a stream; JSON counts as events then
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) poll: Option<u32>,
    /// Resume as this preset says and leave out its keep-alives; `auto` goes by the address
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Connect anew after so many silent seconds; by default this is learned
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) watchdog: Option<u32>,
}

impl Way {
    /// The configuration of a feed at `url`.
    pub(crate) fn config(self, url: Url) -> FeedConfig {
        let mut config = FeedConfig::new(url);
        for (name, value) in self.headers {
            config.headers.append(name, value);
        }
        if let Some(token) = self.token {
            config.headers.insert(AUTHORIZATION, token);
        }
        config.proxy = self.proxy.unwrap_or_default();
        config.authorities = self.ca;
        config.pin = self.pin;
        config.identity = self.cert.map(|certificate| Identity {
            certificate,
            key: self.key,
        });
        config.plain_http = self.plain_http;
        config.poll = self.poll.map(|every| Duration::from_secs(every.into()));
        if let Some(seconds) = self.watchdog {
            config.patience.silence = Silence::For(Duration::from_secs(seconds.into()));
        }
        config
    }
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The text; - reads it from standard input
    pub(crate) text: String,
    /// To this user, and not to everyone; repeatable
    #[arg(long, value_name = "UID")]
    pub(crate) to: Vec<String>,
    /// The event name
    #[arg(long, default_value = "notify")]
    pub(crate) event: String,
    /// To the subscribers of this topic
    #[arg(long)]
    pub(crate) topic: Option<String>,
    /// Your own id of it: sent again with the same one, it is not told again
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// The hub's address; by default this user's own hub, which needs no token, else http://127.0.0.1:2355
    #[arg(long, env = "FEEDBELL_HUB", value_parser = web_address)]
    pub(crate) hub: Option<Url>,
    /// The hub's token
    #[arg(long, env = "FEEDBELL_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The one certificate the hub may have, as it says it at its start
    #[arg(long, value_name = "sha256:HEX")]
    pub(crate) pin: Option<Pin>,
    /// Let the token go over plain http to a private address
    #[arg(long)]
    pub(crate) plain_http: bool,
}

const SERVE_LAYERS: &str = "\
Each option can stand on the command line, in the environment and in the file, and counts in this order. The environment \
has them as FEEDBELL_SERVE_LISTEN, FEEDBELL_SERVE_ALLOW_ORIGIN=a,b and so on, the file as listen = \"…\", \
allow-origin = [\"a\", \"b\"]. --print-config shows what counts.";

/// All of it can come from the file and the environment too: see `serve_config`,
/// which takes the options from here.
#[derive(Debug, Args)]
#[command(after_help = SERVE_LAYERS)]
pub(crate) struct Serve {
    /// Where to listen; anything but loopback needs a token
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:2355")]
    pub(crate) listen: SocketAddr,
    /// Speak https on the same port: off, on (beside http), or required; by default off on loopback, else on
    #[arg(long, value_name = "MODE")]
    pub(crate) tls: Option<TlsOption>,
    /// A PEM file with the certificate; by default one is made and its fingerprint printed
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// A PEM file with its key
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The socket for this user's own programs, or none; by default in the user's runtime folder
    #[arg(long, value_name = "PATH|none")]
    pub(crate) socket: Option<PathBuf>,
    /// The folder of the log; by default the user's data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Keep the log in memory only
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(crate) memory: bool,
    /// The Redis or Valkey that joins several hubs into one, like redis://host:6379
    #[arg(long, value_name = "URL")]
    pub(crate) backplane: Option<String>,
    /// What the names of its keys begin with; hubs with different ones share an engine
    #[arg(long, value_name = "NAME", default_value = "feedbell")]
    pub(crate) backplane_prefix: String,
    /// A PEM file of the authorities to trust there instead of the system's
    #[arg(long, value_name = "FILE")]
    pub(crate) backplane_ca: Option<PathBuf>,
    /// Make the log in the data folder, and its tokens, those of all; there must be no log at the backplane yet
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(crate) import: bool,
    /// Let /sse and /test produce a counter, a clock and measurements
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value = "false", default_missing_value = "true")]
    pub(crate) demo: bool,
    /// A web origin whose pages may use the hub, like http://localhost:3000; repeatable
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allow_origins: Vec<String>,
    /// A further name of this machine that addresses may use; repeatable
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// A token that opens the hub; repeatable
    #[arg(long = "token", value_name = "TOKEN")]
    pub(crate) tokens: Vec<String>,
    /// Most subscribers at a time
    #[arg(long, value_name = "N", default_value_t = 900)]
    pub(crate) max_streams: usize,
    /// Most of them from one IP address; by default as many as in total
    #[arg(long, value_name = "N")]
    pub(crate) max_streams_per_ip: Option<usize>,
    /// Most of them that listen as one uid; by default as many as in total
    #[arg(long, value_name = "N")]
    pub(crate) max_streams_per_uid: Option<usize>,
    /// End each stream after so many seconds, give or take a tenth, so that its subscriber connects anew
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_age: Option<u64>,
    /// How plain streams of HTTP/1.1 are carried: by one loop that they share, or each by a task of its own
    #[arg(long, value_name = "HOW", default_value = "shared")]
    pub(crate) delivery: Delivery,
    /// Seconds without an event after which a stream gives a sign of life
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) heartbeat: u64,
    /// Days that events are kept for replay
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub(crate) keep_days: u64,
    /// Most events that are kept
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keep_events: u64,
    /// Most bytes of data that are kept, like 500M or 2G
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = bytes)]
    pub(crate) keep_bytes: u64,
    /// Publishes a second that one token, or without one an IP address, may go on with
    #[arg(long, value_name = "N", default_value_t = 1000.0, value_parser = rate)]
    pub(crate) publish_rate: f64,
    /// Publishes that it may make at once
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) publish_burst: u32,
    /// How the log on standard error is written; FEEDBELL_LOG says how much
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    /// A TOML file with these options; by default serve.toml in the user's config folder, if it is there
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Show what counts and where each value comes from, and end
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// How plain streams of HTTP/1.1 are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Delivery {
    Shared,
    Tasks,
}

/// Whether the hub's port speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsOption {
    Off,
    On,
    Required,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token and print its secret, this once
    Create(CreateToken),
    /// Show the tokens, without their secrets
    List {
        /// As JSON, one line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        at: TokensAt,
    },
    /// Take a token back; its streams end
    Revoke {
        /// The token's id or name
        #[arg(value_name = "ID|NAME")]
        which: String,
        #[command(flatten)]
        at: TokensAt,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateToken {
    /// What you call it, like the person or the program that gets it
    pub(crate) name: String,
    /// It may listen
    #[arg(long)]
    pub(crate) read: bool,
    /// It may publish; without --read, --write and --admin it may do both
    #[arg(long)]
    pub(crate) write: bool,
    /// It may see and change who uses the hub
    #[arg(long)]
    pub(crate) admin: bool,
    /// It may listen and publish only as this user; repeatable
    #[arg(long = "uid", value_name = "UID")]
    pub(crate) uids: Vec<String>,
    /// And only on this topic; repeatable
    #[arg(long = "topic", value_name = "TOPIC")]
    pub(crate) topics: Vec<String>,
    /// All about it as JSON, one line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) at: TokensAt,
}

/// Whose tokens. By default those of this user's running hub, else of the log in the user's data folder.
#[derive(Debug, Args)]
pub(crate) struct TokensAt {
    /// The hub's address, with --token of an admin
    #[arg(long, value_parser = web_address)]
    pub(crate) hub: Option<Url>,
    /// The token of an admin
    #[arg(long, env = "FEEDBELL_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// The one certificate the hub may have, as it says it at its start
    #[arg(long, value_name = "sha256:HEX", requires = "hub")]
    pub(crate) pin: Option<Pin>,
    /// Let the token go over plain http to a private address
    #[arg(long, requires = "hub")]
    pub(crate) plain_http: bool,
    /// The folder of a hub's log, whether the hub runs or not
    #[arg(long, value_name = "DIR", conflicts_with = "hub")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder of the copies; it must be new or empty
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The folder of `serve --data`; by default the user's own folders
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// As JSON, one line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The feed's address, http or https
    #[arg(value_parser = web_address)]
    pub(crate) url: Url,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) way: Way,
    /// How many seconds to wait for events
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) wait: u16,
}

/// The variables are those of `serve`, so that it looks at what that uses.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Its address, like redis://host:6379; a password is better off in the environment
    #[arg(
        long,
        value_name = "URL",
        env = "FEEDBELL_SERVE_BACKPLANE",
        hide_env_values = true
    )]
    pub(crate) backplane: String,
    /// What the names of the hub's keys begin with
    #[arg(
        long,
        value_name = "NAME",
        default_value = "feedbell",
        env = "FEEDBELL_SERVE_BACKPLANE_PREFIX"
    )]
    pub(crate) backplane_prefix: String,
    /// A PEM file of the authorities to trust there instead of the system's
    #[arg(long, value_name = "FILE", env = "FEEDBELL_SERVE_BACKPLANE_CA")]
    pub(crate) backplane_ca: Option<PathBuf>,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Start the hub and a feed subscribed to it, to try things out
    #[arg(long = "try")]
    pub(crate) trying: bool,
}

fn web_address(text: &str) -> Result<Url, String> {
    let other = "it should start with http:// or https://";
    let url = match Url::parse(text) {
        Err(url::ParseError::RelativeUrlWithoutBase) => return Err(other.to_owned()),
        parsed => parsed.map_err(|why| why.to_string())?,
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "put user and password into a header, not into the address: \
                    --header 'Authorization: Basic …'"
                .to_owned(),
        );
    }
    if matches!(url.scheme(), "http" | "https") {
        Ok(url)
    } else {
        Err(other.to_owned())
    }
}

fn proxy(text: &str) -> Result<Proxy, String> {
    match Url::parse(text) {
        _ if text == "none" => Ok(Proxy::None),
        Ok(url)
            if matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h")
                && url.has_host() =>
        {
            Ok(Proxy::Url(url))
        }
        _ => Err(
            "write it like http://proxy.example:8080 or socks5://127.0.0.1:1080, or none"
                .to_owned(),
        ),
    }
}

/// A number of bytes with or without K, M, G or T, each 1024 times the one before.
fn bytes(text: &str) -> Result<u64, String> {
    let trimmed = text
        .trim()
        .trim_end_matches(['B', 'b'])
        .trim_end_matches('i');
    let (number, shift) = match trimmed.char_indices().last() {
        Some((at, 'k' | 'K')) => (&trimmed[..at], 10),
        Some((at, 'm' | 'M')) => (&trimmed[..at], 20),
        Some((at, 'g' | 'G')) => (&trimmed[..at], 30),
        Some((at, 't' | 'T')) => (&trimmed[..at], 40),
        _ => (trimmed, 0),
    };
    let number: Option<u64> = number.trim().parse().ok().filter(|number| *number > 0);
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| i64::try_from(*bytes).is_ok())
        .ok_or_else(|| "write a number of bytes, like 500M or 2G".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| "write a number above 0, like 5 or 0.2".to_owned())
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|why| why.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("write a header as NAME:VALUE")?;
    let name = HeaderName::try_from(name.trim()).map_err(|why| why.to_string())?;
    let mut value = HeaderValue::try_from(value.trim()).map_err(|why| why.to_string())?;
    value.set_sensitive(feed::sounds_secret(&name));
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn numbers_of_bytes() {
        for (text, expected) in [
            ("1", Some(1)),
            ("500M", Some(500 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("1kb", Some(1024)),
            ("8T", Some(8 << 40)),
            ("", None),
            ("0", None),
            ("M", None),
            ("-1", None),
            ("1.5G", None),
            ("99999999999G", None),
            ("9223372036854775808", None),
        ] {
            assert_eq!(super::bytes(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
