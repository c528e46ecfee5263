//! From the document to [`Settings`], with a sentence for every field that is wrong.

use std::net::SocketAddr;

use feed::Pin;
use toml_edit::{DocumentMut, Item, TableLike};
use url::{Host, Url};

use super::{
    Access, Connection, FeedSettings, HubSettings, LeftOut, Secret, Settings,
    general::{check_days, check_sound, read_general, read_notification},
};
use crate::{
    presets, rules,
    view::{
        AccessForm, FeedForm, FieldError, HubTls, ResumeForm, RuleForm, SecretForm, Text, Verdict,
    },
};

/// What a document says.
pub(super) struct Read {
    pub(super) settings: Settings,
    pub(super) errors: Vec<FieldError>,
    pub(super) left_out: Vec<LeftOut>,
}

pub(super) fn read(document: &DocumentMut) -> Read {
    let mut errors = Vec::new();
    let mut left_out = Vec::new();
    let mut root = Fields::new(document.as_table(), String::new(), &mut errors);
    let general = read_general(&mut root);
    let hub = root
        .table("hub")
        .map_or_else(HubSettings::default, |mut hub| read_hub(&mut hub));
    let mut feeds: Vec<FeedSettings> = Vec::new();
    for (place, table) in root.tables("feed").into_iter().enumerate() {
        let path = format!("feed.{place}.");
        let mut own = Vec::new();
        let mut fields = Fields::new(table, path, &mut own);
        let id = fields
            .words("id")
            .filter(|id| !id.is_empty())
            .unwrap_or_else(|| format!("feed-{}", place + 1));
        let name = fields.words("name").unwrap_or_default();
        let feed = read_feed(&mut fields, &id, &name);
        if feeds.iter().any(|other| other.id == id) {
            fields.wrong("id", Text::new("field-id-twice").with("id", id.as_str()));
        }
        match (feed, own.first()) {
            (Some(feed), None) => feeds.push(feed),
            (_, first) => left_out.push(LeftOut {
                name: if name.is_empty() { id.clone() } else { name },
                id,
                why: first.map_or_else(|| Text::new("field-wrong"), |error| error.text.clone()),
            }),
        }
        errors.extend(own);
    }
    Read {
        settings: Settings {
            general,
            hub,
            feeds,
        },
        errors,
        left_out,
    }
}

/// A form checked with the same eyes as the file. Kept secrets stand as empty stored names; the
/// caller puts the real ones back.
pub(super) fn check_feed(form: &FeedForm) -> Result<FeedSettings, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, text: Text| {
        errors.push(FieldError {
            field: field.to_owned(),
            text,
        });
    };
    let url = match parse_url(&form.url) {
        Ok(url) => Some(url),
        Err(text) => {
            wrong("url", text);
            None
        }
    };
    if !form.preset.is_empty() && presets::find(&form.preset).is_none() {
        wrong("preset", unknown_preset(&form.preset));
    }
    for (place, header) in form.headers.iter().enumerate() {
        if let Err(text) = check_header(&header.name) {
            wrong(&format!("headers.{place}.name"), text);
        }
    }
    for (place, rule) in form.rules.iter().enumerate() {
        for (field, text) in rules::check(rule) {
            wrong(&format!("rules.{place}.{field}"), text);
        }
    }
    for (field, text) in check_access(&form.access) {
        wrong(field, text);
    }
    for (field, text) in check_connection(&form.connection) {
        wrong(&format!("connection.{field}"), text);
    }
    if let Some(text) = check_sound(&form.notification.sound) {
        wrong("notification.sound", text);
    }
    if let Some(text) = check_days(form.keep_days) {
        wrong("keep_days", text);
    }
    let Some(url) = url.filter(|_| errors.is_empty()) else {
        return Err(errors);
    };
    let name = match form.name.trim() {
        "" => url.host_str().unwrap_or_default().to_owned(),
        name => name.to_owned(),
    };
    Ok(FeedSettings {
        id: form.id.clone(),
        name,
        url,
        preset: form.preset.clone(),
        enabled: form.enabled,
        muted: form.muted,
        access: match &form.access {
            AccessForm::None => Access::None,
            AccessForm::Bearer { token } => Access::Bearer(from_form(token)),
            AccessForm::Basic { username, password } => Access::Basic {
                username: username.clone(),
                password: from_form(password),
            },
            AccessForm::Query { name, value } => Access::Query {
                name: name.trim().to_owned(),
                value: from_form(value),
            },
            AccessForm::Cookie { name, value } => Access::Cookie {
                name: name.trim().to_owned(),
                value: from_form(value),
            },
        },
        headers: form
            .headers
            .iter()
            .map(|header| (header.name.clone(), from_form(&header.value)))
            .collect(),
        stop_on: form
            .stop_on
            .iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect(),
        watchdog_seconds: form.watchdog_seconds,
        connection: trimmed(&form.connection),
        notification: form.notification.clone(),
        keep_days: form.keep_days,
        rules: form.rules.clone(),
    })
}

pub(super) fn check_hub(listen: &str, origins: &[String]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if listen.parse::<SocketAddr>().is_err() {
        errors.push(FieldError {
            field: "listen".to_owned(),
            text: Text::new("field-listen").with("value", listen),
        });
    }
    for (place, origin) in origins.iter().enumerate() {
        let exact = Url::parse(origin).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.origin().ascii_serialization() == *origin
        });
        if !exact {
            errors.push(FieldError {
                field: format!("allow_origins.{place}"),
                text: Text::new("field-origin").with("value", origin.as_str()),
            });
        }
    }
    errors
}

fn from_form(form: &SecretForm) -> Secret {
    match form {
        SecretForm::Kept => Secret::Stored(String::new()),
        SecretForm::Entered { value } => Secret::Plain(value.clone()),
        SecretForm::Command { command } => Secret::Command(command.clone()),
    }
}

fn read_hub(fields: &mut Fields<'_, '_>) -> HubSettings {
    let defaults = HubSettings::default();
    let listen = fields
        .words("listen")
        .unwrap_or_else(|| defaults.listen.to_string());
    let allow_origins = fields.list("allow_origins");
    let token = fields.secret("token");
    let tls = match fields.words("tls").as_deref() {
        None | Some("off") => HubTls::Off,
        Some("on") => HubTls::On,
        Some("required") => HubTls::Required,
        Some(other) => {
            fields.wrong("tls", Text::new("field-tls").with("value", other));
            HubTls::Off
        }
    };
    for error in check_hub(&listen, &allow_origins) {
        fields.wrong(&error.field, error.text);
    }
    HubSettings {
        on: fields.flag("on").unwrap_or(defaults.on),
        listen: listen.parse().unwrap_or(defaults.listen),
        allow_origins,
        token,
        tls,
        certificate: fields.words("certificate").unwrap_or_default(),
        key: fields.words("key").unwrap_or_default(),
    }
}

fn read_feed(fields: &mut Fields<'_, '_>, id: &str, name: &str) -> Option<FeedSettings> {
    let url = match fields.words("url") {
        None => {
            if !fields.has("url") {
                fields.wrong("url", Text::new("field-url-missing"));
            }
            None
        }
        Some(words) => match parse_url(&words) {
            Ok(url) => Some(url),
            Err(text) => {
                fields.wrong("url", text);
                None
            }
        },
    };
    let preset = fields.words("preset").unwrap_or_default();
    if !preset.is_empty() && presets::find(&preset).is_none() {
        fields.wrong("preset", unknown_preset(&preset));
    }
    let access = read_access(fields);
    let headers = fields.headers();
    let rules = fields.rules();
    let enabled = fields.flag("enabled").unwrap_or(true);
    let muted = fields.flag("muted").unwrap_or(false);
    let stop_on = fields.list("stop_on");
    let watchdog_seconds = fields.number("watchdog_seconds").unwrap_or(0);
    let connection = read_connection(fields);
    let notification = read_notification(fields);
    let keep_days = fields.number("keep_days");
    if let Some(text) = check_days(keep_days) {
        fields.wrong("keep_days", text);
    }
    let url = url?;
    Some(FeedSettings {
        id: id.to_owned(),
        name: if name.is_empty() {
            url.host_str().unwrap_or(id).to_owned()
        } else {
            name.to_owned()
        },
        url,
        preset,
        enabled,
        muted,
        access,
        headers,
        stop_on,
        watchdog_seconds,
        connection,
        notification,
        keep_days,
        rules,
    })
}

fn read_connection(fields: &mut Fields<'_, '_>) -> Connection {
    let connection = Connection {
        resume: read_resume(fields),
        history: fields.flag("history").unwrap_or(false),
        poll_seconds: fields.number("poll_seconds").unwrap_or(0),
        proxy: fields.words("proxy").unwrap_or_default(),
        ca: fields.words("ca").unwrap_or_default(),
        pin: fields.words("pin").unwrap_or_default(),
        certificate: fields.words("certificate").unwrap_or_default(),
        key: fields.words("key").unwrap_or_default(),
        plain_http: fields.flag("plain_http").unwrap_or(false),
    };
    let connection = trimmed(&connection);
    for (field, text) in check_connection(&connection) {
        fields.wrong(field, text);
    }
    connection
}

/// `"header"`, `"off"`, `{ query = "since" }` or `{ field = "time", query = "since" }`.
fn read_resume(fields: &mut Fields<'_, '_>) -> ResumeForm {
    let Some(item) = fields.table.get("resume") else {
        return ResumeForm::Preset;
    };
    let part = |key: &str| {
        item.as_table_like()
            .and_then(|table| table.get(key))
            .and_then(Item::as_str)
            .map(str::to_owned)
    };
    match (item.as_str(), part("field"), part("query")) {
        (Some("header"), _, _) => ResumeForm::Header,
        (Some("off"), _, _) => ResumeForm::Off,
        (None, None, Some(name)) => ResumeForm::Query { name },
        (None, Some(field), Some(name)) => ResumeForm::Field { field, name },
        _ => {
            fields.wrong("resume", Text::new("field-resume"));
            ResumeForm::Preset
        }
    }
}

fn trimmed(connection: &Connection) -> Connection {
    let trim = |text: &String| text.trim().to_owned();
    Connection {
        resume: match &connection.resume {
            ResumeForm::Query { name } => ResumeForm::Query { name: trim(name) },
            ResumeForm::Field { field, name } => ResumeForm::Field {
                field: trim(field),
                name: trim(name),
            },
            other => other.clone(),
        },
        proxy: trim(&connection.proxy),
        ca: trim(&connection.ca),
        pin: trim(&connection.pin),
        certificate: trim(&connection.certificate),
        key: trim(&connection.key),
        ..connection.clone()
    }
}

fn check_connection(connection: &Connection) -> Vec<(&'static str, Text)> {
    let mut errors = Vec::new();
    let nameless = match &connection.resume {
        ResumeForm::Query { name } => name.trim().is_empty(),
        ResumeForm::Field { field, name } => name.trim().is_empty() || field.trim().is_empty(),
        _ => false,
    };
    if nameless {
        errors.push(("resume", Text::new("field-resume-name")));
    }
    if let Some(text) = check_proxy(connection.proxy.trim()) {
        errors.push(("proxy", text));
    }
    let pin = connection.pin.trim();
    if !pin.is_empty() && pin.parse::<Pin>().is_err() {
        errors.push(("pin", Text::new("field-pin")));
    }
    if !connection.key.trim().is_empty() && connection.certificate.trim().is_empty() {
        errors.push(("key", Text::new("field-key-alone")));
    }
    errors
}

pub(super) fn check_proxy(proxy: &str) -> Option<Text> {
    if matches!(proxy, "" | "none") {
        return None;
    }
    match Url::parse(proxy) {
        Ok(url) if !url.username().is_empty() || url.password().is_some() => {
            Some(Text::new("field-proxy-credentials"))
        }
        Ok(url)
            if matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h")
                && url.has_host() =>
        {
            None
        }
        _ => Some(Text::new("field-proxy").with("value", proxy)),
    }
}

fn check_access(access: &AccessForm) -> Vec<(&'static str, Text)> {
    let token = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    match access {
        AccessForm::Basic { username, .. } if username.contains(':') => {
            vec![("access.username", Text::new("field-username-colon"))]
        }
        AccessForm::Query { name, .. } if name.trim().is_empty() => {
            vec![("access.name", Text::new("field-query-name"))]
        }
        AccessForm::Cookie { name, .. } if !token(name.trim()) => {
            vec![("access.name", Text::new("field-cookie-name"))]
        }
        _ => Vec::new(),
    }
}

fn read_access(fields: &mut Fields<'_, '_>) -> Access {
    if let Some(token) = fields.secret("bearer") {
        return Access::Bearer(token);
    }
    for kind in ["query", "cookie"] {
        if let Some(mut table) = fields.table(kind) {
            let name = table.words("name").unwrap_or_default();
            let Some(value) = table.secret("value") else {
                table.wrong("value", Text::new("secret-needed"));
                return Access::None;
            };
            let form = if kind == "query" {
                AccessForm::Query {
                    name: name.clone(),
                    value: SecretForm::Kept,
                }
            } else {
                AccessForm::Cookie {
                    name: name.clone(),
                    value: SecretForm::Kept,
                }
            };
            for (_, text) in check_access(&form) {
                table.wrong("name", text);
            }
            return if kind == "query" {
                Access::Query { name, value }
            } else {
                Access::Cookie { name, value }
            };
        }
    }
    let Some(mut basic) = fields.table("basic") else {
        return Access::None;
    };
    let username = basic.words("username").unwrap_or_default();
    match basic.secret("password") {
        Some(password) => Access::Basic { username, password },
        None => {
            basic.wrong("password", Text::new("field-password-missing"));
            Access::None
        }
    }
}

fn parse_url(words: &str) -> Result<Url, Text> {
    let words = words.trim();
    if words.is_empty() {
        return Err(Text::new("field-url-missing"));
    }
    if Url::parse(words) == Err(url::ParseError::RelativeUrlWithoutBase) {
        return Err(Text::new("field-url-scheme").with("value", words));
    }
    let url = Url::parse(words).map_err(|why| {
        Text::new("field-url")
            .with("value", words)
            .with("why", why.to_string())
    })?;
    match (url.scheme(), url.host()) {
        ("http" | "https", Some(Host::Domain(_) | Host::Ipv4(_) | Host::Ipv6(_))) => {}
        _ => return Err(Text::new("field-url-scheme").with("value", words)),
    }
    if url.username().is_empty() && url.password().is_none() {
        Ok(url)
    } else {
        Err(Text::new("field-url-credentials"))
    }
}

fn check_header(name: &str) -> Result<(), Text> {
    let token = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !token {
        return Err(Text::new("field-header").with("value", name));
    }
    let ours = [
        "accept",
        "cache-control",
        "last-event-id",
        "host",
        "content-length",
    ];
    if ours.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Text::new("field-header-ours").with("value", name));
    }
    Ok(())
}

pub(crate) fn unknown_preset(preset: &str) -> Text {
    let known: Vec<String> = presets::all()
        .iter()
        .map(|preset| preset.id.clone())
        .collect();
    Text::new("field-preset")
        .with("value", preset)
        .with("known", known.join(", "))
}

/// The fields of one table, and where their problems go.
pub(super) struct Fields<'a, 'e> {
    table: &'a dyn TableLike,
    path: String,
    errors: &'e mut Vec<FieldError>,
}

impl<'a, 'e> Fields<'a, 'e> {
    pub(super) fn new(
        table: &'a dyn TableLike,
        path: String,
        errors: &'e mut Vec<FieldError>,
    ) -> Self {
        Self {
            table,
            path,
            errors,
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    pub(super) fn wrong(&mut self, name: &str, text: Text) {
        self.errors.push(FieldError {
            field: format!("{}{name}", self.path),
            text,
        });
    }

    pub(super) fn words(&mut self, name: &str) -> Option<String> {
        let item = self.table.get(name)?;
        match item.as_str() {
            Some(words) => Some(words.to_owned()),
            None => self.type_error(name, item, "field-type-text"),
        }
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let item = self.table.get(name)?;
        match item.as_bool() {
            Some(flag) => Some(flag),
            None => self.type_error(name, item, "field-type-flag"),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Option<u32> {
        let item = self.table.get(name)?;
        match item
            .as_integer()
            .and_then(|number| u32::try_from(number).ok())
        {
            Some(number) => Some(number),
            None => {
                let field = format!("{}{name}", self.path);
                let found = item.to_string().trim().to_owned();
                let text = Text::new("field-type-number")
                    .with("field", field)
                    .with("found", found);
                self.wrong(name, text);
                None
            }
        }
    }

    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        let Some(item) = self.table.get(name) else {
            return Vec::new();
        };
        let words: Option<Vec<String>> = item.as_array().and_then(|array| {
            array
                .iter()
                .map(|value| value.as_str().map(str::to_owned))
                .collect()
        });
        match words {
            Some(words) => words,
            None => self
                .type_error(name, item, "field-type-list")
                .unwrap_or_default(),
        }
    }

    /// One of a few words; another one is wrong, with this text.
    pub(super) fn one_of<T>(
        &mut self,
        name: &str,
        wrong: &str,
        known: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let word = self.words(name)?;
        let found = known(&word);
        if found.is_none() {
            self.wrong(name, Text::new(wrong).with("value", word));
        }
        found
    }

    fn secret(&mut self, name: &str) -> Option<Secret> {
        let item = self.table.get(name)?;
        if let Some(plain) = item.as_str() {
            return Some(Secret::Plain(plain.to_owned()));
        }
        let part = |key: &str| {
            item.as_table_like()
                .and_then(|table| table.get(key))
                .and_then(Item::as_str)
                .map(str::to_owned)
        };
        match (part("keyring"), part("command")) {
            (Some(name), None) => Some(Secret::Stored(name)),
            (None, Some(command)) => Some(Secret::Command(command)),
            _ => self.type_error(name, item, "field-type-secret"),
        }
    }

    pub(super) fn table(&mut self, name: &str) -> Option<Fields<'a, '_>> {
        let item = self.table.get(name)?;
        match item.as_table_like() {
            Some(table) => Some(Fields {
                table,
                path: format!("{}{name}.", self.path),
                errors: self.errors,
            }),
            None => {
                self.type_error::<()>(name, item, "field-type-table");
                None
            }
        }
    }

    pub(super) fn tables(&mut self, name: &str) -> Vec<&'a dyn TableLike> {
        let Some(item) = self.table.get(name) else {
            return Vec::new();
        };
        if let Some(tables) = item.as_array_of_tables() {
            return tables.iter().map(|table| table as &dyn TableLike).collect();
        }
        let inline: Option<Vec<&dyn TableLike>> = item.as_array().and_then(|array| {
            array
                .iter()
                .map(|value| value.as_inline_table().map(|table| table as &dyn TableLike))
                .collect()
        });
        match inline {
            Some(tables) => tables,
            None => self
                .type_error(name, item, "field-type-tables")
                .unwrap_or_default(),
        }
    }

    fn headers(&mut self) -> Vec<(String, Secret)> {
        let Some(mut headers) = self.table("headers") else {
            return Vec::new();
        };
        let names: Vec<String> = headers
            .table
            .iter()
            .map(|(name, _)| name.to_owned())
            .collect();
        let mut out = Vec::new();
        for name in names {
            if let Err(text) = check_header(&name) {
                headers.wrong(&name, text);
            } else if let Some(value) = headers.secret(&name) {
                out.push((name, value));
            }
        }
        out
    }

    fn rules(&mut self) -> Vec<RuleForm> {
        let mut out = Vec::new();
        for (place, table) in self.tables("rule").into_iter().enumerate() {
            let path = format!("{}rule.{place}.", self.path);
            let mut fields = Fields::new(table, path, self.errors);
            let rule = read_rule(&mut fields);
            for (field, text) in rules::check(&rule) {
                fields.wrong(field, text);
            }
            out.push(rule);
        }
        out
    }

    fn type_error<T>(&mut self, name: &str, item: &Item, expected: &str) -> Option<T> {
        let field = format!("{}{name}", self.path);
        self.wrong(
            name,
            Text::new(expected)
                .with("field", field)
                .with("found", item.type_name()),
        );
        None
    }
}

fn read_rule(fields: &mut Fields<'_, '_>) -> RuleForm {
    let then = match fields.words("then").as_deref() {
        None | Some("notify") => Verdict::Notify,
        Some("keep") => Verdict::Keep,
        Some("drop") => Verdict::Drop,
        Some(other) => {
            let text = Text::new("field-then").with("value", other);
            fields.wrong("then", text);
            Verdict::Notify
        }
    };
    let mut template = |name| fields.words(name).unwrap_or_default();
    RuleForm {
        name: template("name"),
        when: template("when"),
        then,
        title: template("title"),
        body: template("body"),
        link: template("link"),
        icon: template("icon"),
        urgency: template("urgency"),
        group: template("group"),
        actor: template("actor"),
        burst: template("burst"),
        key: template("key"),
        events: fields.list("events"),
    }
}
