//! Forms: checked, their secrets stored, the settings file changed, what runs follows.

use std::collections::BTreeSet;

use super::{
    Actor, Internal, TRY_FEED,
    requests::{answer, refused_inbox},
};
use crate::{
    notifier::Reply,
    secrets::{SecretError, Secrets},
    settings::{self, FeedSettings, Secret, SettingsError, SettingsFile},
    view::{FeedForm, FieldError, GeneralForm, HubForm, Refusal, Text},
};

/// Versions of feeds that undo can go back to.
const EARLIER: usize = 64;
/// Bounds of a form: its name in characters, its address in bytes, times in seconds (a day), and
/// how many of anything.
const NAME: usize = 200;
const ADDRESS: usize = 8000;
const SECONDS: u32 = 24 * 3600;
const MOST: usize = 100;
/// Where the inbox remembers which secrets went out of use.
const FORGET: &str = "forget-secrets";

impl Actor {
    pub(super) async fn save_general(&mut self, form: &GeneralForm) -> Result<(), Refusal> {
        refuse_wrong(settings::check_general(form))?;
        self.change_settings(|file| file.put_general(form)).await
    }

    pub(super) async fn save_hub(&mut self, form: &HubForm) -> Result<(), Refusal> {
        refuse_wrong(settings::check_hub(form))?;
        self.hub_forced &= form.on;
        self.change_settings(|file| file.put_hub(form)).await
    }

    /// Changes the file and follows it: also what an editor wrote a moment before is taken along.
    pub(super) async fn change_settings(
        &mut self,
        change: impl FnOnce(&mut SettingsFile) -> Result<(), SettingsError>,
    ) -> Result<(), Refusal> {
        let before = self.file.settings.clone();
        let changed = change(&mut self.file);
        self.settings_changed(&before).await;
        changed.map_err(|why| refused_file(&why))
    }

    /// Checks the form, stores its secrets beside the loop, then writes the file.
    pub(super) fn save_feed(&mut self, form: &FeedForm, reply: Reply<String>) {
        let (mut feed, new_secrets) = match self.feed_from(form) {
            Ok(checked) => checked,
            Err(refusal) => return answer(reply, Err(refusal)),
        };
        if feed.id.is_empty() {
            feed.id = self.new_feed_id(&feed.name);
        }
        let new_secrets: Vec<(String, String)> = name_secrets(&mut feed, new_secrets);
        let secrets = self.secrets.clone();
        let internal = self.internal.0.clone();
        let feed = Box::new(feed);
        tokio::spawn(async move {
            let result = store_all(&secrets, new_secrets).await;
            let _ = internal
                .send(Internal::Stored {
                    feed,
                    result,
                    reply,
                })
                .await;
        });
    }

    pub(super) async fn feed_stored(
        &mut self,
        feed: &FeedSettings,
        result: Result<(), SecretError>,
        reply: Reply<String>,
    ) {
        if let Err(why) = result {
            return answer(reply, Err(Refusal::of(why.text())));
        }
        let mut known = self.file.settings.feeds.iter();
        let before = known.find(|old| old.id == feed.id).cloned();
        if let Err(refusal) = self.change_settings(|file| file.put_feed(feed)).await {
            return answer(reply, Err(refusal));
        }
        if let Some(before) = before {
            self.remember_earlier(before);
        }
        answer(reply, Ok(feed.id.clone()));
    }

    pub(super) async fn remove_feed(&mut self, id: &str) -> Result<(), Refusal> {
        let mut feeds = self.file.settings.feeds.iter();
        let Some(feed) = feeds.find(|feed| feed.id == id).cloned() else {
            return Err(Refusal::of(Text::new("refused-unknown-feed")));
        };
        self.change_settings(|file| file.remove_feed(id)).await?;
        if let Some(inbox) = &mut self.inbox {
            // Whoever adds it again wants to hear from it.
            inbox.resume_feed(id).map_err(|why| refused_inbox(&why))?;
        }
        self.remember_earlier(feed);
        Ok(())
    }

    /// The settings a form stands for, and the secrets that were entered in it, in order.
    pub(super) fn feed_from(
        &self,
        form: &FeedForm,
    ) -> Result<(FeedSettings, Vec<String>), Refusal> {
        let mut feed = match (SettingsFile::check_feed(form), check_bounds(form)) {
            (Ok(feed), wrong) if wrong.is_empty() => feed,
            (Ok(_), wrong) => return Err(wrong_fields(wrong)),
            (Err(mut fields), wrong) => {
                fields.extend(wrong);
                return Err(wrong_fields(fields));
            }
        };
        let now = self.file.settings.feeds.iter();
        let known: Vec<&FeedSettings> = now
            .chain(self.earlier.iter().rev())
            .filter(|old| old.id == form.id && !form.id.is_empty())
            .collect();
        let mut errors = Vec::new();
        let mut keep = |secret: &mut Secret, old: Option<&Secret>, field: String| {
            let empty = matches!(secret, Secret::Plain(words) | Secret::Command(words) if words.trim().is_empty());
            if empty {
                errors.push(FieldError {
                    field,
                    text: Text::new("secret-needed"),
                });
            } else if *secret == Secret::Stored(String::new()) {
                // An imported feed waits for its secret: it may be edited, but not switched on.
                let waits = |old: &&Secret| **old == Secret::Stored(String::new());
                match old.filter(|old| !form.enabled || !waits(old)) {
                    Some(old) => *secret = old.clone(),
                    None => errors.push(FieldError {
                        field,
                        text: Text::new("secret-needed"),
                    }),
                }
            }
        };
        let kind = std::mem::discriminant(&feed.access);
        let field = feed.access.secret_field();
        if let Some(secret) = feed.access.secret_mut() {
            let mut same_kind = known
                .iter()
                .map(|old| old.access.clone())
                .filter(|old| std::mem::discriminant(old) == kind);
            let old = same_kind.find_map(|mut old| old.secret_mut().cloned());
            keep(secret, old.as_ref(), field.to_owned());
        }
        for (place, (name, value)) in feed.headers.iter_mut().enumerate() {
            let old = known.iter().find_map(|old| {
                let mut headers = old.headers.iter();
                headers
                    .find(|(other, _)| other == name)
                    .map(|(_, value)| value)
            });
            keep(value, old, format!("headers.{place}.value"));
        }
        if !errors.is_empty() {
            return Err(wrong_fields(errors));
        }
        let mut entered = Vec::new();
        for secret in secrets_of(&mut feed) {
            if let Secret::Plain(value) = secret {
                entered.push(value.clone());
            }
        }
        Ok((feed, entered))
    }

    pub(super) fn remember_earlier(&mut self, feed: FeedSettings) {
        self.earlier.push_back(feed);
        if self.earlier.len() > EARLIER {
            self.earlier.pop_front();
        }
        self.plan_to_forget();
    }

    /// Writes down which secrets may be out of use. They are forgotten at the next start, so that
    /// undo finds them until then.
    pub(super) fn plan_to_forget(&mut self) {
        let mut names: BTreeSet<String> = self.secrets_to_forget();
        names.extend(self.earlier.iter().flat_map(stored_names));
        let json = serde_json::to_string(&names).unwrap_or_default();
        if let Some(inbox) = &mut self.inbox
            && let Err(why) = inbox.set_state(FORGET, Some(&json))
        {
            tracing::warn!(%why, "secrets out of use could not be written down");
        }
    }

    pub(super) fn secrets_to_forget(&self) -> BTreeSet<String> {
        let json = self
            .inbox
            .as_ref()
            .and_then(|inbox| inbox.state(FORGET).ok().flatten());
        json.and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default()
    }

    /// The names of all secrets that the settings name, now or a moment ago.
    pub(super) fn secret_names(&self) -> BTreeSet<String> {
        let feeds = self.file.settings.feeds.iter().chain(&self.earlier);
        let mut names: BTreeSet<String> = feeds.flat_map(stored_names).collect();
        if let Some(Secret::Stored(name)) = &self.file.settings.hub.token {
            names.insert(name.clone());
        }
        names
    }

    /// Forgets the secrets that went out of use in an earlier run.
    pub(super) fn forget_secrets(&mut self) {
        let mut names = self.secrets_to_forget();
        // Settings that cannot be read may still name them.
        if names.is_empty() || self.file.unusable.is_some() || !self.file.left_out.is_empty() {
            return;
        }
        for name in self.file.settings.feeds.iter().flat_map(stored_names) {
            names.remove(&name);
        }
        let names: Vec<String> = names.into_iter().collect();
        let secrets = self.secrets.clone();
        tokio::spawn(async move {
            if let Err(why) = secrets.forget(&names).await {
                tracing::warn!(%why, "secrets out of use could not be removed");
            }
        });
        if let Some(inbox) = &mut self.inbox
            && let Err(why) = inbox.set_state(FORGET, None)
        {
            tracing::warn!(%why, "secrets out of use are forgotten again next time");
        }
    }

    pub(super) fn new_feed_id(&self, name: &str) -> String {
        self.new_feed_id_beside(name, &BTreeSet::new())
    }

    /// An id that no feed has, and none of these.
    pub(super) fn new_feed_id_beside(&self, name: &str, others: &BTreeSet<String>) -> String {
        let base: String = name
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        let base = base.trim_matches('-');
        let base = if base.is_empty() { "feed" } else { base };
        let taken = |id: &str| {
            id == TRY_FEED
                || others.contains(id)
                || self.file.settings.feeds.iter().any(|feed| feed.id == id)
                || self.file.left_out.iter().any(|feed| feed.id == id)
        };
        if !taken(base) {
            return base.to_owned();
        }
        (2u32..)
            .map(|number| format!("{base}-{number}"))
            .find(|id| !taken(id))
            .unwrap_or_else(|| base.to_owned())
    }
}

/// Gives entered secrets their place in the store: the settings keep only a name.
fn name_secrets(feed: &mut FeedSettings, entered: Vec<String>) -> Vec<(String, String)> {
    let id = feed.id.clone();
    let plain = secrets_of(feed)
        .into_iter()
        .enumerate()
        .filter(|(_, secret)| matches!(secret, Secret::Plain(_)));
    plain
        .zip(entered)
        .map(|((place, secret), value)| {
            let name = format!("{id}/{place}-{:08x}", fastrand::u32(..));
            *secret = Secret::Stored(name.clone());
            (name, value)
        })
        .collect()
}

async fn store_all(secrets: &Secrets, named: Vec<(String, String)>) -> Result<(), SecretError> {
    for (name, value) in named {
        secrets.store(&name, &value).await?;
    }
    Ok(())
}

fn secrets_of(feed: &mut FeedSettings) -> Vec<&mut Secret> {
    let headers = feed.headers.iter_mut().map(|(_, secret)| secret);
    feed.access
        .secret_mut()
        .into_iter()
        .chain(headers)
        .collect()
}

/// Secrets that stand in the settings themselves.
pub(super) fn plain_secrets(feed: &FeedSettings) -> Vec<String> {
    let mut feed = feed.clone();
    let secrets = secrets_of(&mut feed).into_iter();
    secrets
        .filter_map(|secret| match secret {
            Secret::Plain(words) => Some(words.clone()),
            _ => None,
        })
        .collect()
}

fn stored_names(feed: &FeedSettings) -> Vec<String> {
    let mut feed = feed.clone();
    secrets_of(&mut feed)
        .into_iter()
        .filter_map(|secret| match secret {
            Secret::Stored(name) if !name.is_empty() => Some(name.clone()),
            _ => None,
        })
        .collect()
}

/// What is too long, too large or too many in a form.
fn check_bounds(form: &FeedForm) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |field: String, text: &str, most: usize| {
        let text = Text::new(text).with("most", most);
        errors.push(FieldError { field, text });
    };
    let long = |text: &str, most: usize| text.chars().nth(most).is_some();
    if long(form.name.trim(), NAME) {
        wrong("name".to_owned(), "field-long", NAME);
    }
    if form.url.len() > ADDRESS {
        wrong("url".to_owned(), "field-long", ADDRESS);
    }
    for (field, number) in [
        ("watchdog_seconds", form.watchdog_seconds),
        ("connection.poll_seconds", form.connection.poll_seconds),
    ] {
        if number > SECONDS {
            wrong(field.to_owned(), "field-most", SECONDS as usize);
        }
    }
    for (field, count) in [
        ("headers", form.headers.len()),
        ("stop_on", form.stop_on.len()),
        ("rules", form.rules.len()),
    ] {
        if count > MOST {
            wrong(field.to_owned(), "field-many", MOST);
        }
    }
    let mut names = BTreeSet::new();
    for (place, header) in form.headers.iter().enumerate() {
        if !header.name.is_empty() && !names.insert(header.name.to_ascii_lowercase()) {
            let text = Text::new("field-header-twice").with("value", header.name.as_str());
            errors.push(FieldError {
                field: format!("headers.{place}.name"),
                text,
            });
        }
    }
    errors
}

pub(super) fn refuse_wrong(errors: Vec<FieldError>) -> Result<(), Refusal> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(wrong_fields(errors))
    }
}

fn wrong_fields(fields: Vec<FieldError>) -> Refusal {
    Refusal {
        text: Text::new("refused-form"),
        fields,
    }
}

fn refused_file(why: &SettingsError) -> Refusal {
    Refusal::of(why.text())
}
