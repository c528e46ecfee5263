//! `feedbell token`: who may use a hub. Over the socket of this user's hub if one
//! runs, over the network to a named one, else in the file itself.

use std::path::PathBuf;

use anyhow::Context as _;
use feed::{HubAddress, PublishError};
use front::places::Places;
use http::Method;
use hub::{AccessFile, HubError, NewToken, Topic, Uid};
use jiff::{Timestamp, tz::TimeZone};
use notifier::view::Text;
use serde_json::{Value, json};

use crate::{
    args::{CreateToken, TokenCommand, TokensAt},
    exit::Ended,
    terminal::{Terminal, harmless},
};

/// The log's name in its folder, as `feedbell serve` and the app have it.
const LOG: &str = "hub.db";

pub(crate) async fn token(command: TokenCommand, terminal: &Terminal) -> anyhow::Result<Ended> {
    let done = match command {
        TokenCommand::Create(options) => create(options, terminal).await,
        TokenCommand::List { json, at } => list(json, at, terminal).await,
        TokenCommand::Revoke { which, at } => revoke(&which, at, terminal).await,
    };
    match done {
        Ok(()) => Ok(Ended::Done),
        Err(Stopped::Said(ended, why)) => {
            terminal.note(&harmless(&terminal.text(why), false));
            Ok(ended)
        }
        Err(Stopped::Failed(why)) => Err(why),
    }
}

/// Why it was not done.
enum Stopped {
    Said(Ended, Text),
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Stopped {
    fn from(why: E) -> Self {
        Self::Failed(why.into())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn wrong(why: impl ToString) -> Stopped {
    let why = Text::new("token-wrong").with("why", why.to_string());
    Stopped::Said(Ended::Trouble, why)
}

async fn create(options: CreateToken, terminal: &Terminal) -> Result<(), Stopped> {
    let uids: Result<Vec<_>, _> = options.uids.iter().map(|uid| Uid::parse(uid)).collect();
    let topics: Result<Vec<_>, _> = options
        .topics
        .iter()
        .map(|name| Topic::parse(name))
        .collect();
    let usual = !(options.read || options.write || options.admin);
    let new = NewToken {
        name: options.name,
        read: options.read || usual,
        write: options.write || usual,
        admin: options.admin,
        uids: uids.map_err(wrong)?,
        topics: topics.map_err(wrong)?,
    };
    let (made, at) = match Tokens::at(options.at).await? {
        Tokens::Hub(hub) => {
            let body = json!({
                "name": new.name,
                "read": new.read,
                "write": new.write,
                "admin": new.admin,
                "uids": new.uids.iter().map(Uid::as_str).collect::<Vec<_>>(),
                "topics": new.topics.iter().map(Topic::as_str).collect::<Vec<_>>(),
            });
            let made = feed::ask(&hub, &Method::POST, &["hub", "tokens"], Some(&body)).await;
            (made.map_err(|why| refused(&why))?, hub.place())
        }
        Tokens::File(mut file) => {
            let (info, token) = file.create(new, Timestamp::now()).map_err(not_done)?;
            let mut made = info.to_json();
            made["token"] = token.secret().into();
            (made, file.path().display().to_string())
        }
    };
    let secret = made["token"].as_str().context("the hub made no token")?;
    terminal.say(
        if options.json {
            made.to_string()
        } else {
            secret.to_owned()
        }
        .as_str(),
    )?;
    let said = Text::new("token-made")
        .with("name", text(&made, "name"))
        .with("id", text(&made, "id"))
        .with("rights", rights(&made))
        .with("at", at);
    terminal.note(&harmless(&terminal.text(said), false));
    Ok(())
}

async fn list(as_json: bool, at: TokensAt, terminal: &Terminal) -> Result<(), Stopped> {
    let (tokens, at) = Tokens::there(at).await?.list().await?;
    if as_json {
        terminal.say(&json!({"tokens": tokens}).to_string())?;
        return Ok(());
    }
    for token in &tokens {
        let used = match token["used"].as_i64().map(moment) {
            Some(time) => Text::new("token-used").with("time", time),
            None => Text::new("token-unused"),
        };
        let line = [
            text(token, "id"),
            text(token, "name"),
            text(token, "hint"),
            rights(token),
            terminal.text(used),
        ];
        terminal.say(&harmless(&line.join("  "), false))?;
    }
    if tokens.is_empty() {
        let none = Text::new("token-none").with("at", at);
        terminal.note(&terminal.text(none));
    }
    Ok(())
}

async fn revoke(which: &str, at: TokensAt, terminal: &Terminal) -> Result<(), Stopped> {
    let tokens = Tokens::there(at).await?;
    let (known, at) = tokens.list().await?;
    let named = |field| {
        let found = known.iter().filter(move |token| token[field] == which);
        found.collect::<Vec<_>>()
    };
    let found = Some(named("id")).filter(|found| !found.is_empty());
    let found = found.unwrap_or_else(|| named("name"));
    let about = |id| Text::new(id).with("name", which).with("at", at.as_str());
    let id = match found.as_slice() {
        [one] => text(one, "id"),
        [] => return Err(Stopped::Said(Ended::Trouble, about("token-unknown"))),
        _ => return Err(Stopped::Said(Ended::Trouble, about("token-ambiguous"))),
    };
    match tokens {
        Tokens::Hub(hub) => {
            feed::ask(&hub, &Method::DELETE, &["hub", "tokens", &id], None)
                .await
                .map_err(|why| refused(&why))?;
        }
        Tokens::File(mut file) => {
            file.revoke(&id).map_err(not_done)?;
        }
    }
    terminal.note(&harmless(&terminal.text(about("token-revoked")), false));
    Ok(())
}

/// Where tokens are.
enum Tokens {
    Hub(HubAddress),
    File(AccessFile),
}

impl Tokens {
    /// Those that are there: a look makes no files.
    async fn there(at: TokensAt) -> Result<Self, Stopped> {
        let kept = [LOG, "hub-access.db"];
        let is_none = |folder: &&PathBuf| !kept.iter().any(|file| folder.join(file).exists());
        if let Some(folder) = at.data.as_ref().filter(is_none) {
            let none = Text::new("token-no-log").with("path", folder.display().to_string());
            return Err(Stopped::Said(Ended::Trouble, none));
        }
        Self::at(at).await
    }

    async fn at(at: TokensAt) -> Result<Self, Stopped> {
        if let Some(url) = at.hub {
            return Ok(Self::Hub(HubAddress {
                token: at.token.filter(|token| !token.is_empty()),
                pin: at.pin,
                plain_http: at.plain_http,
                ..HubAddress::new(url)
            }));
        }
        let folder = match at.data {
            Some(folder) => folder,
            None => {
                let places = Places::find()?;
                if let Some(hub) = running(places.hub).await? {
                    return Ok(Self::Hub(hub));
                }
                places.data
            }
        };
        let log = folder.join(LOG);
        let file = tokio::task::spawn_blocking(move || AccessFile::beside(&log)).await?;
        Ok(Self::File(file.map_err(not_done)?))
    }

    /// The tokens as the hub shows them, and where they are, for sentences.
    async fn list(&self) -> Result<(Vec<Value>, String), Stopped> {
        match self {
            Self::Hub(hub) => {
                let shown = feed::ask(hub, &Method::GET, &["hub", "tokens"], None).await;
                let mut shown = shown.map_err(|why| refused(&why))?;
                let Value::Array(tokens) = shown["tokens"].take() else {
                    let address = hub.place();
                    return Err(refused(&PublishError::NotAHub { address }));
                };
                Ok((tokens, hub.place()))
            }
            Self::File(file) => {
                let tokens = file.tokens().map_err(not_done)?;
                let at = file.path().display().to_string();
                Ok((tokens.iter().map(hub::TokenInfo::to_json).collect(), at))
            }
        }
    }
}

/// This user's hub, if it answers on its socket.
async fn running(socket: PathBuf) -> Result<Option<HubAddress>, Stopped> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let hub = HubAddress {
        socket: Some(socket),
        // Names nothing; the socket decides.
        ..HubAddress::new("http://localhost/".parse()?)
    };
    match feed::ask(&hub, &Method::GET, &["hub", "tokens"], None).await {
        Err(PublishError::Unreachable { .. }) => Ok(None),
        Ok(_) => Ok(Some(hub)),
        Err(why) => Err(refused(&why)),
    }
}

fn refused(why: &PublishError) -> Stopped {
    let ended = match why {
        PublishError::Unreachable { .. } | PublishError::Unanswered { .. } => Ended::NothingAnswers,
        PublishError::Refused {
            status: 401 | 403, ..
        } => Ended::TokenRefused,
        _ => Ended::Trouble,
    };
    Stopped::Said(ended, why.words().into())
}

fn not_done(why: HubError) -> Stopped {
    match why {
        why @ (HubError::NoSuchToken { .. } | HubError::TooMany { .. }) => wrong(why),
        other => Stopped::Said(Ended::Trouble, notifier::hub_trouble(&other)),
    }
}

fn text(token: &Value, field: &str) -> String {
    token[field].as_str().unwrap_or_default().to_owned()
}

/// `read write, uid ada, topic door`: the options that would make it again.
fn rights(token: &Value) -> String {
    let rights = ["read", "write", "admin"];
    let rights = rights.into_iter().filter(|right| token[right] == true);
    let mut parts = vec![rights.collect::<Vec<_>>().join(" ")];
    for (field, word) in [("uids", "uid"), ("topics", "topic")] {
        let only = token[field].as_array().into_iter().flatten();
        parts.extend(
            only.filter_map(Value::as_str)
                .map(|own| format!("{word} {own}")),
        );
    }
    parts.join(", ")
}

fn moment(millisecond: i64) -> String {
    match Timestamp::from_millisecond(millisecond) {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M")
            .to_string(),
        Err(_) => String::new(),
    }
}
