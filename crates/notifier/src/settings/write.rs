//! From [`Settings`](super::Settings) into the document, keeping the user's comments and keys.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, Value, value};

use super::{Access, FeedSettings, HubSettings, Secret, general::put_notification, secret_form};
use crate::view::{
    ConnectionForm, FeedForm, HeaderForm, HubForm, HubTls, ResumeForm, RuleForm, Verdict,
};

pub(crate) fn feed_form(feed: &FeedSettings) -> FeedForm {
    FeedForm {
        id: feed.id.clone(),
        name: feed.name.clone(),
        url: feed.url.to_string(),
        preset: feed.preset.clone(),
        enabled: feed.enabled,
        muted: feed.muted,
        access: feed.access.form(),
        headers: feed
            .headers
            .iter()
            .map(|(name, secret)| HeaderForm {
                name: name.clone(),
                value: secret_form(secret),
            })
            .collect(),
        stop_on: feed.stop_on.clone(),
        watchdog_seconds: feed.watchdog_seconds,
        connection: feed.connection.clone(),
        notification: feed.notification.clone(),
        keep_days: feed.keep_days,
        rules: feed.rules.clone(),
    }
}

pub(crate) fn hub_form(hub: &HubSettings) -> HubForm {
    HubForm {
        on: hub.on,
        listen: hub.listen.to_string(),
        allow_origins: hub.allow_origins.clone(),
        tls: hub.tls,
    }
}

pub(super) fn put_hub(document: &mut DocumentMut, form: &HubForm) {
    let hub = table(document, "hub");
    set(hub, "on", Some(form.on.into()));
    set(hub, "listen", Some((&form.listen).into()));
    set(hub, "allow_origins", list(&form.allow_origins));
    let tls = match form.tls {
        HubTls::Off => None,
        HubTls::On => Some("on".into()),
        HubTls::Required => Some("required".into()),
    };
    set(hub, "tls", tls);
}

pub(super) fn put_feed(document: &mut DocumentMut, feed: &FeedSettings) {
    let feeds = feeds(document);
    let place = place_of(feeds, &feed.id).unwrap_or_else(|| {
        feeds.push(Table::new());
        feeds.len() - 1
    });
    let Some(table) = feeds.get_mut(place) else {
        return;
    };
    set(table, "id", words(&feed.id));
    set(table, "name", words(&feed.name));
    set(table, "url", words(feed.url.as_str()));
    set(table, "preset", words(&feed.preset));
    set(table, "enabled", (!feed.enabled).then(|| false.into()));
    set(table, "muted", feed.muted.then(|| true.into()));
    set(table, "stop_on", list(&feed.stop_on));
    set(
        table,
        "watchdog_seconds",
        (feed.watchdog_seconds > 0).then(|| i64::from(feed.watchdog_seconds).into()),
    );
    let access = match &feed.access {
        Access::None => None,
        Access::Bearer(token) => Some(("bearer", secret(token))),
        Access::Basic { username, password } => Some((
            "basic",
            inline([
                ("username", username.into()),
                ("password", secret(password)),
            ]),
        )),
        Access::Query { name, value } => Some((
            "query",
            inline([("name", name.into()), ("value", secret(value))]),
        )),
        Access::Cookie { name, value } => Some((
            "cookie",
            inline([("name", name.into()), ("value", secret(value))]),
        )),
    };
    for kind in ["bearer", "basic", "query", "cookie"] {
        let value = access.as_ref().filter(|(name, _)| *name == kind);
        set(table, kind, value.map(|(_, value)| value.clone()));
    }
    put_connection(table, &feed.connection);
    set(
        table,
        "keep_days",
        feed.keep_days.map(|days| i64::from(days).into()),
    );
    let headers: InlineTable = feed
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), secret(value)))
        .collect();
    set(
        table,
        "headers",
        (!headers.is_empty()).then_some(Value::InlineTable(headers)),
    );
    put_notification(table, &feed.notification);
    put_rules(table, &feed.rules);
}

fn put_connection(table: &mut Table, connection: &ConnectionForm) {
    let resume = match &connection.resume {
        ResumeForm::Preset => None,
        ResumeForm::Header => words("header"),
        ResumeForm::Off => words("off"),
        ResumeForm::Query { name } => Some(inline([("query", name.into())])),
        ResumeForm::Field { field, name } => {
            Some(inline([("field", field.into()), ("query", name.into())]))
        }
    };
    set(table, "resume", resume);
    set(table, "history", connection.history.then(|| true.into()));
    let poll = connection.poll_seconds;
    set(
        table,
        "poll_seconds",
        (poll > 0).then(|| i64::from(poll).into()),
    );
    set(table, "proxy", words(&connection.proxy));
    set(table, "ca", words(&connection.ca));
    set(table, "pin", words(&connection.pin));
    set(table, "certificate", words(&connection.certificate));
    set(table, "key", words(&connection.key));
    set(
        table,
        "plain_http",
        connection.plain_http.then(|| true.into()),
    );
}

/// Writes down the ids that feeds have by their place: another place is not another feed.
pub(super) fn name_feeds(document: &mut DocumentMut) {
    if document.get("feed").is_none() {
        return;
    }
    for (place, table) in feeds(document).iter_mut().enumerate() {
        let id = table.get("id").and_then(Item::as_str).unwrap_or_default();
        if id.is_empty() {
            table["id"] = value(format!("feed-{}", place + 1));
        }
    }
}

pub(super) fn remove_feed(document: &mut DocumentMut, id: &str) {
    let feeds = feeds(document);
    if let Some(place) = place_of(feeds, id) {
        feeds.remove(place);
    }
}

fn put_rules(feed: &mut Table, rules: &[RuleForm]) {
    if rules.is_empty() {
        feed.remove("rule");
        return;
    }
    if !feed.get("rule").is_some_and(Item::is_array_of_tables) {
        feed["rule"] = Item::ArrayOfTables(ArrayOfTables::new());
    }
    let Some(tables) = feed["rule"].as_array_of_tables_mut() else {
        return;
    };
    while tables.len() > rules.len() {
        tables.remove(tables.len() - 1);
    }
    for (place, rule) in rules.iter().enumerate() {
        if place == tables.len() {
            tables.push(Table::new());
        }
        let Some(table) = tables.get_mut(place) else {
            continue;
        };
        set(table, "name", words(&rule.name));
        set(table, "events", list(&rule.events));
        set(table, "when", words(&rule.when));
        let then = match rule.then {
            Verdict::Notify => None,
            Verdict::Keep => Some("keep"),
            Verdict::Drop => Some("drop"),
        };
        set(table, "then", then.map(Value::from));
        for (name, template) in [
            ("title", &rule.title),
            ("body", &rule.body),
            ("link", &rule.link),
            ("icon", &rule.icon),
            ("urgency", &rule.urgency),
            ("group", &rule.group),
            ("actor", &rule.actor),
            ("burst", &rule.burst),
            ("key", &rule.key),
        ] {
            set(table, name, words(template));
        }
    }
}

/// Sets a key, or removes it: a key that only repeats the default is noise. An unchanged value is
/// left alone with its comments.
pub(super) fn set(table: &mut Table, name: &str, new: Option<Value>) {
    match new {
        None => {
            table.remove(name);
        }
        Some(mut new) => {
            if let Some(old) = table.get(name).and_then(Item::as_value) {
                *new.decor_mut() = old.decor().clone();
                if old.to_string() == new.to_string() {
                    return;
                }
            }
            table[name] = value(new);
        }
    }
}

fn words(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| text.into())
}

pub(super) fn list(words: &[String]) -> Option<Value> {
    (!words.is_empty()).then(|| Value::Array(words.iter().map(String::as_str).collect::<Array>()))
}

fn inline<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::InlineTable(fields.into_iter().collect())
}

fn secret(secret: &Secret) -> Value {
    let (name, words) = match secret {
        Secret::Plain(words) => return words.into(),
        Secret::Stored(name) => ("keyring", name),
        Secret::Command(command) => ("command", command),
    };
    let mut table = InlineTable::new();
    table.insert(name, words.into());
    Value::InlineTable(table)
}

pub(super) fn table<'a>(document: &'a mut DocumentMut, name: &str) -> &'a mut Table {
    if !document.get(name).is_some_and(Item::is_table) {
        let inline = document.get(name).and_then(Item::as_inline_table);
        let table = inline.cloned().map(InlineTable::into_table);
        document[name] = Item::Table(table.unwrap_or_default());
    }
    #[expect(clippy::expect_used, reason = "made a table just above")]
    document[name].as_table_mut().expect("a table")
}

/// The feeds as tables; feeds that were written inline become tables.
fn feeds(document: &mut DocumentMut) -> &mut ArrayOfTables {
    if !document.get("feed").is_some_and(Item::is_array_of_tables) {
        let inline = document
            .get("feed")
            .and_then(Item::as_array)
            .map(|array| {
                array
                    .iter()
                    .filter_map(Value::as_inline_table)
                    .map(|table| table.clone().into_table())
                    .collect::<ArrayOfTables>()
            })
            .unwrap_or_default();
        document["feed"] = Item::ArrayOfTables(inline);
    }
    #[expect(clippy::expect_used, reason = "made an array of tables just above")]
    document["feed"]
        .as_array_of_tables_mut()
        .expect("an array of tables")
}

fn place_of(feeds: &ArrayOfTables, id: &str) -> Option<usize> {
    feeds.iter().enumerate().position(|(place, table)| {
        match table.get("id").and_then(Item::as_str) {
            Some(own) if !own.is_empty() => own == id,
            _ => format!("feed-{}", place + 1) == id,
        }
    })
}
