//! The settings: one TOML file that people edit by hand and the window edits too.
//!
//! Comments and unknown keys survive every write; writes are atomic; every
//! problem names its field. A feed with a problem is left out and said so, the
//! rest goes on. A file that is no TOML at all is never written over.

mod exchange;
mod general;
mod known;
mod read;
mod write;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use toml_edit::DocumentMut;
use url::Url;

use crate::view::{
    AccessForm, FieldError, GeneralForm, HubForm, HubTls, NotificationForm, RuleForm, Text,
};

pub(crate) use exchange::{
    ExchangeError, MOST, from_text, is_token, looks_secret, same_feed, to_text,
};
pub(crate) use general::check_general;
pub(crate) use read::unknown_preset;
pub(crate) use write::{feed_form, hub_form};

/// The version of the file's schema that this program writes.
pub(crate) const VERSION: i64 = 1;

/// Everything the user can set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) general: GeneralForm,
    pub(crate) hub: HubSettings,
    pub(crate) feeds: Vec<FeedSettings>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HubSettings {
    pub(crate) on: bool,
    pub(crate) listen: SocketAddr,
    pub(crate) allow_origins: Vec<String>,
    pub(crate) token: Option<Secret>,
    pub(crate) tls: HubTls,
    /// PEM files; empty: the hub makes its own. Relative paths begin at the settings.
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            on: false,
            listen: SocketAddr::from(([127, 0, 0, 1], 2355)),
            allow_origins: Vec::new(),
            token: None,
            tls: HubTls::Off,
            certificate: String::new(),
            key: String::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedSettings {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) url: Url,
    pub(crate) preset: String,
    pub(crate) enabled: bool,
    pub(crate) muted: bool,
    pub(crate) access: Access,
    pub(crate) headers: Vec<(String, Secret)>,
    pub(crate) stop_on: Vec<String>,
    pub(crate) watchdog_seconds: u32,
    pub(crate) connection: Connection,
    pub(crate) notification: NotificationForm,
    /// None: as the general settings say.
    pub(crate) keep_days: Option<u32>,
    pub(crate) rules: Vec<RuleForm>,
}

impl FeedSettings {
    /// With the proxy of the general settings, if it names none of its own. This computer is reached
    /// without.
    pub(crate) fn through(mut self, general: &GeneralForm) -> Self {
        if self.uses_general_proxy() {
            self.connection.proxy.clone_from(&general.proxy);
        }
        self
    }

    pub(crate) fn uses_general_proxy(&self) -> bool {
        self.connection.proxy.is_empty() && !feed::is_loopback(&self.url)
    }
}

/// How a feed connects, where that differs from the usual. As the form has it: empty texts and
/// zeros stand for "as usual".
pub(crate) type Connection = crate::view::ConnectionForm;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    None,
    Bearer(Secret),
    Basic { username: String, password: Secret },
    Query { name: String, value: Secret },
    Cookie { name: String, value: Secret },
}

/// Where a secret is. The settings file holds the secret itself only if a person wrote it there.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Written into the file by hand.
    Plain(String),
    /// In the keyring (or, without one, the private secrets file) under this name.
    Stored(String),
    /// The first line this command prints.
    Command(String),
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::Plain(_) => f.write_str("Plain(…)"),
            Secret::Stored(name) => f.debug_tuple("Stored").field(name).finish(),
            Secret::Command(_) => f.write_str("Command(…)"),
        }
    }
}

/// A feed that has a problem, and its first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LeftOut {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) why: Text,
}

/// Why the settings file could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// Not TOML: the sentence says where.
    #[error("the settings file cannot be read as TOML: {0}")]
    Syntax(String),
    /// Written by a newer program.
    #[error("the settings file was written by a newer Feedbell (version {0})")]
    Newer(i64),
    /// The file system refused.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl SettingsError {
    pub(crate) fn text(&self) -> Text {
        match self {
            SettingsError::Syntax(why) => {
                Text::new("settings-syntax").with("why", why.lines().next().unwrap_or_default())
            }
            SettingsError::Newer(_) => Text::new("settings-newer"),
            SettingsError::Io { path, source } => Text::new("settings-io")
                .with("path", path.display().to_string())
                .with("why", source.to_string()),
        }
    }
}

/// The settings file: its text as last seen, and what it means.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    text: String,
    document: DocumentMut,
    /// What the file says, without the parts that have problems.
    pub(crate) settings: Settings,
    /// The problems, by field.
    pub(crate) errors: Vec<FieldError>,
    /// Keys that are not known. Nothing is out of force because of them.
    pub(crate) hints: Vec<FieldError>,
    /// Feeds left out because of a problem.
    pub(crate) left_out: Vec<LeftOut>,
    /// Set while the file on disk cannot be used: nothing is written over it.
    pub(crate) unusable: Option<Text>,
}

impl SettingsFile {
    /// Reads the file; a missing one means the defaults. Never fails: what cannot be used is said
    /// in `unusable`, and the defaults (or, on reload, the last good settings) stay in force.
    pub(crate) fn open(path: PathBuf) -> Self {
        let mut file = Self {
            path,
            text: String::new(),
            document: DocumentMut::new(),
            settings: Settings::default(),
            errors: Vec::new(),
            hints: Vec::new(),
            left_out: Vec::new(),
            unusable: None,
        };
        file.load();
        file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file again if its text differs from what was last seen. True if it did.
    pub(crate) fn reload(&mut self) -> bool {
        match read_text(&self.path) {
            Ok(text) if text == self.text && self.unusable.is_none() => false,
            _ => {
                let before = (self.text.clone(), self.unusable.clone());
                self.load();
                before != (self.text.clone(), self.unusable.clone())
            }
        }
    }

    /// Reads the same text again: presets that it names may have come or gone.
    pub(crate) fn check_again(&mut self) {
        self.adopt(self.document.clone());
    }

    /// Changes the file: `edit` works on the document, the result is checked, then written
    /// atomically. On field errors nothing is written.
    pub(crate) fn change(
        &mut self,
        edit: impl FnOnce(&mut DocumentMut),
    ) -> Result<(), SettingsError> {
        self.reload();
        if let Some(error) = self.text_error() {
            return Err(error);
        }
        let mut document = self.document.clone();
        if document.get("version").is_none() {
            document["version"] = toml_edit::value(VERSION);
        }
        write::name_feeds(&mut document);
        edit(&mut document);
        let text = document.to_string();
        write_atomically(&self.path, &text)?;
        self.text = text;
        self.adopt(document);
        Ok(())
    }

    fn load(&mut self) {
        let parsed = read_text(&self.path).and_then(|text| {
            let document = parse(&text)?;
            Ok((text, document))
        });
        match parsed {
            Ok((text, document)) => {
                self.text = text;
                self.unusable = None;
                self.adopt(document);
            }
            Err(error) => self.unusable = Some(error.text()),
        }
    }

    fn adopt(&mut self, document: DocumentMut) {
        let read = read::read(&document);
        self.hints = known::hints(&document);
        self.document = document;
        self.settings = read.settings;
        self.errors = read.errors;
        self.left_out = read.left_out;
    }

    fn text_error(&self) -> Option<SettingsError> {
        self.unusable.as_ref()?;
        read_text(&self.path).and_then(|text| parse(&text)).err()
    }

    /// The form of a feed checked as it would be after writing it.
    pub(crate) fn check_feed(
        form: &crate::view::FeedForm,
    ) -> Result<FeedSettings, Vec<FieldError>> {
        read::check_feed(form)
    }

    /// Writes a feed, new or changed, with its secrets already stored.
    pub(crate) fn put_feed(&mut self, feed: &FeedSettings) -> Result<(), SettingsError> {
        self.change(|document| write::put_feed(document, feed))
    }

    /// Writes several feeds at once.
    pub(crate) fn put_feeds(&mut self, feeds: &[FeedSettings]) -> Result<(), SettingsError> {
        self.change(|document| {
            for feed in feeds {
                write::put_feed(document, feed);
            }
        })
    }

    /// Back to the defaults, feeds aside. Gives where the file as it was is kept, if there was one:
    /// a file that could not be read, too.
    pub(crate) fn reset(&mut self) -> Result<Option<PathBuf>, SettingsError> {
        let kept = self.keep_as_it_is()?;
        let mut document = DocumentMut::new();
        document["version"] = toml_edit::value(VERSION);
        let readable = read_text(&self.path).and_then(|text| parse(&text));
        match readable {
            Ok(mut before) => {
                write::name_feeds(&mut before);
                if let Some(feeds) = before.remove("feed") {
                    document["feed"] = feeds;
                }
            }
            Err(_) => {
                for feed in &self.settings.feeds {
                    write::put_feed(&mut document, feed);
                }
            }
        }
        let text = document.to_string();
        write_atomically(&self.path, &text)?;
        self.text = text;
        self.unusable = None;
        self.adopt(document);
        Ok(kept)
    }

    /// A copy beside the file, never over an earlier one.
    fn keep_as_it_is(&self) -> Result<Option<PathBuf>, SettingsError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            |source| SettingsError::Io { path, source }
        };
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => return Err(io(&self.path)(why)),
        };
        let mut base = self.path.as_os_str().to_owned();
        base.push(".before-reset");
        let mut aside = PathBuf::from(&base);
        let mut number = 1;
        while aside.exists() {
            number += 1;
            let mut next = base.clone();
            next.push(format!("-{number}"));
            aside = PathBuf::from(next);
        }
        write_private(&aside, &bytes).map_err(io(&aside))?;
        Ok(Some(aside))
    }

    /// Takes a feed out.
    pub(crate) fn remove_feed(&mut self, id: &str) -> Result<(), SettingsError> {
        self.change(|document| write::remove_feed(document, id))
    }

    /// Writes the hub's part.
    pub(crate) fn put_hub(&mut self, form: &HubForm) -> Result<(), SettingsError> {
        self.change(|document| write::put_hub(document, form))
    }

    /// Writes the general part.
    pub(crate) fn put_general(&mut self, form: &GeneralForm) -> Result<(), SettingsError> {
        self.change(|document| general::put_general(document, form))
    }
}

/// Checks the hub's form.
pub(crate) fn check_hub(form: &HubForm) -> Vec<FieldError> {
    read::check_hub(&form.listen, &form.allow_origins)
}

/// A secret as a form may show it: never its value.
pub(crate) fn secret_form(secret: &Secret) -> crate::view::SecretForm {
    match secret {
        Secret::Plain(_) | Secret::Stored(_) => crate::view::SecretForm::Kept,
        Secret::Command(command) => crate::view::SecretForm::Command {
            command: command.clone(),
        },
    }
}

impl Access {
    pub(crate) fn form(&self) -> AccessForm {
        match self {
            Access::None => AccessForm::None,
            Access::Bearer(token) => AccessForm::Bearer {
                token: secret_form(token),
            },
            Access::Basic { username, password } => AccessForm::Basic {
                username: username.clone(),
                password: secret_form(password),
            },
            Access::Query { name, value } => AccessForm::Query {
                name: name.clone(),
                value: secret_form(value),
            },
            Access::Cookie { name, value } => AccessForm::Cookie {
                name: name.clone(),
                value: secret_form(value),
            },
        }
    }

    /// The secret in it, if there is one.
    pub(crate) fn secret_mut(&mut self) -> Option<&mut Secret> {
        match self {
            Access::None => None,
            Access::Bearer(secret)
            | Access::Basic {
                password: secret, ..
            }
            | Access::Query { value: secret, .. }
            | Access::Cookie { value: secret, .. } => Some(secret),
        }
    }

    /// Where a form shows it.
    pub(crate) fn secret_field(&self) -> &'static str {
        match self {
            Access::None | Access::Bearer(_) => "access.token",
            Access::Basic { .. } => "access.password",
            Access::Query { .. } | Access::Cookie { .. } => "access.value",
        }
    }
}

fn read_text(path: &Path) -> Result<String, SettingsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(SettingsError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse(text: &str) -> Result<DocumentMut, SettingsError> {
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        SettingsError::Syntax(where_and_what(text, &error))
    })?;
    match document
        .get("version")
        .and_then(toml_edit::Item::as_integer)
    {
        Some(version) if version > VERSION => Err(SettingsError::Newer(version)),
        _ => Ok(document),
    }
}

/// `line 3: expected …`, one line.
fn where_and_what(text: &str, error: &toml_edit::TomlError) -> String {
    let line = error.span().map_or(1, |span| {
        text[..span.start.min(text.len())].lines().count().max(1)
    });
    let what = error.message().lines().next().unwrap_or_default().trim();
    format!("{line}: {what}")
}

/// Temp file beside it, data on disk, rename: a crash leaves the old file or the new one.
fn write_atomically(path: &Path, text: &str) -> Result<(), SettingsError> {
    let io = |source| SettingsError::Io {
        path: path.to_owned(),
        source,
    };
    // A link stays a link: the file it points to is what is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut temporary = target.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = PathBuf::from(temporary);
    write_private(&temporary, text.as_bytes()).map_err(io)?;
    std::fs::rename(&temporary, &target).map_err(io)
}

/// Writes a file that only its owner can read, and waits until it is on disk.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use io::Write as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
