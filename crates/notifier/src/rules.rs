//! From an event to a message: which rule matches, what it says. Pure.
//!
//! A preset's protocol comes first (keep-alives are never messages), then the
//! user's rules, then the preset's; the first match wins. What a user's rule
//! leaves open is filled by the preset's, and what is still open, and everything
//! without a rule, by a default mapping that looks for the usual field names and
//! takes any text as it is.

mod actions;
mod filters;

use std::{
    borrow::Cow,
    sync::{Arc, OnceLock},
};

use globset::{Glob, GlobMatcher};
use minijinja::{Environment, Expression, UndefinedBehavior, value::Kwargs};
use serde_json::Value;
use url::Url;

use crate::{
    inbox::{Key, Thread, flattened},
    presentation::{COUNT, Presentation},
    presets::{Ids, Preset, Then},
    text::Localizer,
    view::{Arg, RuleForm, Text, Urgency, Verdict},
};

/// The fields that are taken for a title.
const TITLES: [&str; 3] = ["title", "subject", "summary"];
/// Where the name of who did it is looked for.
const ACTORS: [&str; 20] = [
    "actor",
    "actor.name",
    "actor.display_name",
    "actor.preferredUsername",
    "user",
    "user.name",
    "user.display_name",
    "user.login",
    "user.username",
    "author",
    "author.name",
    "account.display_name",
    "account.acct",
    "account.username",
    "sender",
    "sender.name",
    "sender.login",
    "from",
    "from.name",
    "username",
];
/// Where the address of a picture is looked for.
const ICONS: [&str; 6] = [
    "icon",
    "avatar",
    "actor.avatar",
    "user.avatar",
    "user.avatar_url",
    "account.avatar",
];
/// Longest title and body, in characters. The raw event is stored whole.
const TITLE: usize = 300;
const BODY: usize = 20_000;
/// Longest text that is a title by itself, in characters.
const OWN_TITLE: usize = 80;
/// Longest name of who did it, and longest group, in characters.
const ACTOR: usize = 100;
const GROUP: usize = 200;
/// Longest link and longest address of a picture, in bytes.
const LINK: usize = 8000;
const ICON: usize = 2000;
/// Longest name of a rule and of an event in it, and longest template, in characters.
const NAME: usize = 200;
const TEMPLATE: usize = 10_000;
/// The name of a template within its environment.
const ONLY: &str = "<string>";
/// Instructions a template may use: some hundred loop turns, no endless ones.
const FUEL: u64 = 20_000;

/// One event as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived<'a> {
    /// The event name.
    pub(crate) name: &'a str,
    /// The data.
    pub(crate) data: &'a str,
    /// The id its own block carried.
    pub(crate) own_id: Option<&'a str>,
    /// How many events came before it on this connection.
    pub(crate) nth: u64,
}

/// What the rules make of an event.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    /// Notify, keep or drop.
    pub(crate) verdict: Verdict,
    /// Which rule said so.
    pub(crate) why: Text,
    /// How it is shown.
    pub(crate) shown: Presentation,
    /// The place of the own rule that said so.
    pub(crate) rule: Option<usize>,
    /// What makes it the same message again.
    pub(crate) key: Key,
    /// The same in words, where a rule or preset says it.
    pub(crate) key_words: Option<String>,
    /// What it is a version of: the newest one of a thread stands for all.
    pub(crate) thread: Option<Thread>,
    /// What it does to the message of its thread, in place of being one.
    pub(crate) effect: Option<Effect>,
}

/// What happens to the message of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It is read.
    MarkRead,
    /// It is deleted.
    Delete,
}

/// The rules of one feed, compiled.
#[derive(Debug)]
pub(crate) struct Rules {
    feed_name: String,
    own: Vec<Rule>,
    preset: Vec<Rule>,
    /// The preset's templates for any event.
    key: Template,
    thread: Template,
    unique_ids: bool,
    /// Pictures may be fetched from addresses that messages name.
    remote_icons: bool,
    localizer: Arc<Localizer>,
}

#[derive(Debug)]
struct Rule {
    /// Among the rules that were given.
    place: usize,
    name: String,
    then: Verdict,
    events: Vec<GlobMatcher>,
    when: Option<Expression<'static, 'static>>,
    title: Template,
    body: Template,
    link: Template,
    icon: Template,
    urgency: Template,
    group: Template,
    actor: Template,
    burst: Template,
    key: Template,
    protocol: bool,
    effect: Option<Effect>,
}

impl Rule {
    /// Nothing if it does not compile.
    fn new(place: usize, form: RuleForm) -> Option<Self> {
        check(&form).is_empty().then(|| Self {
            place,
            events: form
                .events
                .iter()
                .filter_map(|pattern| Glob::new(pattern).ok())
                .map(|glob| glob.compile_matcher())
                .collect(),
            when: Some(form.when.clone())
                .filter(|when| !when.trim().is_empty())
                .and_then(|when| environment().compile_expression_owned(when).ok()),
            title: Template::new(&form.title),
            body: Template::new(&form.body),
            link: Template::new(&form.link),
            icon: Template::new(&form.icon),
            urgency: Template::new(&form.urgency),
            group: Template::new(&form.group),
            actor: Template::new(&form.actor),
            burst: Template::new(&form.burst),
            key: Template::new(&form.key),
            name: form.name,
            then: form.then,
            protocol: false,
            effect: None,
        })
    }
}

/// What is wrong with a rule, by field name.
#[must_use]
pub(crate) fn check(rule: &RuleForm) -> Vec<(&'static str, Text)> {
    let mut errors = Vec::new();
    let long = |text: &str, most: usize| {
        (text.chars().nth(most).is_some()).then(|| Text::new("field-long").with("most", most))
    };
    errors.extend(long(&rule.name, NAME).map(|text| ("name", text)));
    for pattern in &rule.events {
        if pattern.trim().is_empty() {
            errors.push(("events", Text::new("rule-pattern-empty")));
        } else if let Some(text) = long(pattern, NAME) {
            errors.push(("events", text));
        } else if let Err(why) = Glob::new(pattern) {
            errors.push((
                "events",
                Text::new("rule-pattern")
                    .with("value", pattern.as_str())
                    .with("why", why.kind().to_string()),
            ));
        }
    }
    let environment = environment();
    if let Some(text) = long(&rule.when, TEMPLATE) {
        errors.push(("when", text));
    } else if !rule.when.trim().is_empty() {
        match environment.compile_expression(&rule.when) {
            Err(why) => errors.push(("when", template_error("rule-condition", &why))),
            Ok(when) => {
                let tried = when.eval(nothing(1.into()));
                let unknown = tried.err().filter(is_unknown);
                errors.extend(unknown.map(|why| ("when", template_error("rule-condition", &why))));
            }
        }
    }
    for (field, template) in templates(rule) {
        let wrong = long(template, TEMPLATE).or_else(|| check_template(field, template));
        errors.extend(wrong.map(|text| (field, text)));
    }
    errors
}

fn check_template(field: &str, template: &str) -> Option<Text> {
    let template_wrong = |why| Some(template_error("rule-template", &why));
    let compiled = match environment().template_from_str(template) {
        Ok(compiled) => compiled,
        Err(why) => return template_wrong(why),
    };
    // What needs an event to run is judged when one comes; unknown words are wrong before.
    if let Err(why) = compiled.render(nothing(1.into()))
        && is_unknown(&why)
    {
        return template_wrong(why);
    }
    let words = template.trim();
    let literal = !words.is_empty() && !words.contains("{{") && !words.contains("{%");
    match field {
        "burst"
            if compiled.render(nothing(2.into())).is_ok()
                && compiled.render(nothing(COUNT.to_string().into())).is_err() =>
        {
            Some(Text::new("rule-burst-count"))
        }
        "urgency" if literal && urgency(&words.into()).is_none() => {
            Some(Text::new("rule-urgency").with("value", words))
        }
        "link" if literal && safe_link(words).is_none() => {
            Some(Text::new("rule-link").with("value", words))
        }
        "icon" if literal && safe_icon(words, true).is_none() => {
            Some(Text::new("rule-icon").with("value", words))
        }
        _ => None,
    }
}

/// What templates see of no event, to find out whether they can run at all.
fn nothing(count: minijinja::Value) -> minijinja::Value {
    let say = minijinja::Value::from_function(|_: &str, _: Kwargs| String::new());
    minijinja::context! { say, count }
}

fn is_unknown(why: &minijinja::Error) -> bool {
    use minijinja::ErrorKind::{UnknownFilter, UnknownFunction, UnknownTest};
    matches!(why.kind(), UnknownFilter | UnknownFunction | UnknownTest)
}

impl Rules {
    /// Compiles a feed's rules; rules that do not compile never match ([`check`] says why).
    #[must_use]
    pub(crate) fn new(
        feed_name: &str,
        own: &[RuleForm],
        preset: Option<&Preset>,
        localizer: Arc<Localizer>,
    ) -> Self {
        let rules = preset.map_or(&[][..], |preset| &preset.rules);
        let template = |of: fn(&Preset) -> &String| preset.map(of).map(|text| Template::new(text));
        Self {
            feed_name: feed_name.to_owned(),
            own: own
                .iter()
                .cloned()
                .enumerate()
                .filter_map(|(place, form)| Rule::new(place, form))
                .collect(),
            preset: rules
                .iter()
                .enumerate()
                .filter_map(|(place, rule)| {
                    Some(Rule {
                        protocol: rule.protocol,
                        effect: match rule.then {
                            Then::MarkRead => Some(Effect::MarkRead),
                            Then::Delete => Some(Effect::Delete),
                            Then::Notify | Then::Keep | Then::Drop => None,
                        },
                        ..Rule::new(place, rule.form())?
                    })
                })
                .collect(),
            key: template(|preset| &preset.key).unwrap_or_default(),
            thread: template(|preset| &preset.thread).unwrap_or_default(),
            unique_ids: preset.is_some_and(|preset| preset.ids == Ids::Unique),
            remote_icons: false,
            localizer,
        }
    }

    /// Whether icons may be addresses, which are then fetched.
    #[must_use]
    pub(crate) fn remote_icons(mut self, allowed: bool) -> Self {
        self.remote_icons = allowed;
        self
    }

    /// What the first matching rule, filled up by the preset and the default mapping, makes of an
    /// event.
    #[must_use]
    pub(crate) fn judge(&self, event: Arrived<'_>) -> Judged {
        let data = parse(event.data);
        let context = self.context(event, data.as_ref());
        let first = |rules: &'_ [Rule], protocol: bool| {
            rules
                .iter()
                .position(|rule| rule.protocol == protocol && rule.matches(event.name, &context))
        };
        let mut judged = self.defaults(event, data.as_ref());
        judged.thread = self
            .thread
            .render(&context)
            .map(|thread| Thread::of(&thread));
        let mut key = self.key.render(&context);
        let mut apply = |rule: &Rule, own: bool, judged: &mut Judged| {
            key = rule.key.render(&context).or(key.take());
            self.present(rule, own, &context, judged);
        };
        if let Some(place) = first(&self.preset, true) {
            apply(&self.preset[place], false, &mut judged);
        } else {
            if let Some(place) = first(&self.preset, false) {
                apply(&self.preset[place], false, &mut judged);
            }
            if let Some(place) = first(&self.own, false) {
                apply(&self.own[place], true, &mut judged);
            }
        }
        judged.key_words.clone_from(&key);
        judged.key = self.key(event, key);
        judged.shown.title.retain(|c| c != COUNT);
        judged.shown.body.retain(|c| c != COUNT);
        judged
    }

    /// What is made of an event that no rule says anything about.
    #[must_use]
    pub(crate) fn judge_plainly(&self, event: Arrived<'_>) -> Judged {
        self.defaults(event, parse(event.data).as_ref())
    }

    /// A text in the user's language.
    pub(crate) fn text(&self, text: &Text) -> String {
        self.localizer.text(text)
    }

    fn key(&self, event: Arrived<'_>, own: Option<String>) -> Key {
        match (own, event.own_id) {
            (Some(key), _) => Key::once(&["rule", &key]),
            (None, Some(id)) if self.unique_ids && !id.is_empty() => Key::once(&["id", id]),
            (None, id) => Key::replay(id, event.name, event.data),
        }
    }

    fn context(&self, event: Arrived<'_>, data: Option<&Value>) -> minijinja::Value {
        let data = match data {
            Some(data) => {
                let mut data = data.clone();
                without_count(&mut data);
                minijinja::Value::from(minijinja::value::Serde(&data))
            }
            None => plain(event.data).into(),
        };
        let fields = match data.kind() {
            minijinja::value::ValueKind::Map => data.clone(),
            _ => minijinja::Value::UNDEFINED,
        };
        // What is named here comes before fields of the same name.
        minijinja::context! {
            say => self.say(),
            event => plain(event.name),
            id => plain(event.own_id.unwrap_or_default()),
            feed => plain(&self.feed_name),
            nth => event.nth,
            text => plain(event.data),
            event_title => plain(&self.event_title(event.name)),
            data,
            ..fields
        }
    }

    /// `say('id', name=…)`: one of our texts in the user's language, empty if there is none.
    fn say(&self) -> minijinja::Value {
        let localizer = Arc::clone(&self.localizer);
        minijinja::Value::from_function(
            move |id: &str, words: Kwargs| -> Result<String, minijinja::Error> {
                let mut text = Text::new(&id.to_ascii_lowercase().replace(['_', '.'], "-"));
                if localizer.find(&text.id).is_none() {
                    return Ok(String::new());
                }
                for name in words.args() {
                    let value: minijinja::Value = words.get(name)?;
                    text.args.insert(
                        name.to_owned(),
                        Arg::Words(one_line(&value.to_string(), TITLE)),
                    );
                }
                Ok(localizer.text(&text))
            },
        )
    }

    /// `like` reads "Like" or "点赞"; an unknown name stays as it is.
    fn event_title(&self, name: &str) -> String {
        let id = format!(
            "event-{}",
            name.to_ascii_lowercase().replace([' ', '_'], "-")
        );
        self.localizer.find(&id).unwrap_or_else(|| name.to_owned())
    }

    fn defaults(&self, event: Arrived<'_>, data: Option<&Value>) -> Judged {
        let pick = |names: &[&str]| names.iter().find_map(|name| scalar(data?.get(name)?));
        let words = |paths: &[&str]| {
            let mut found = paths.iter().filter_map(|path| at(data?, path)?.as_str());
            found
                .find(|words| !words.trim().is_empty())
                .map(str::to_owned)
        };
        let actor = || {
            let mut found = ACTORS.iter().filter_map(|path| at(data?, path)?.as_str());
            found
                .find(|words| is_name(words))
                .map(|name| one_line(name, ACTOR))
        };
        let short = |group: &String| (1..=GROUP).contains(&group.trim().chars().count());
        let title = pick(&TITLES);
        let actions = data.map(actions::of).unwrap_or_default();
        // What is a title or a button already is not listed again.
        let told = |name: &str| match name {
            "actions" => !actions.is_empty(),
            name => title.is_some() && TITLES.contains(&name),
        };
        let body = pick(&["body", "message", "msg", "text", "content", "description"]);
        let body = match (body, data) {
            (Some(body), _) => body,
            (None, Some(value @ Value::Object(_))) => flattened(value)
                .into_iter()
                .filter(|field| !told(&field.name))
                .map(|field| format!("{}: {}", field.name, field.value))
                .collect::<Vec<_>>()
                .join("\n"),
            (None, _) => event.data.to_owned(),
        };
        let title = title.map(|title| one_line(&title, TITLE));
        let title = title.filter(|title| !title.is_empty());
        let body = body.trim();
        // Few words of a name that says nothing are the title themselves.
        let own_title = event.name == "notify"
            && title.is_none()
            && !body.contains('\n')
            && (1..=OWN_TITLE).contains(&body.chars().count());
        let (title, body) = if own_title {
            (Some(one_line(body, TITLE)), "")
        } else {
            (title, body)
        };
        let fallback = || match event.name {
            "message" => one_line(&self.feed_name, TITLE),
            name => one_line(&self.event_title(name), TITLE),
        };
        Judged {
            verdict: Verdict::Notify,
            why: Text::new("ledger-default"),
            shown: Presentation {
                title: title.unwrap_or_else(fallback),
                body: limited(body, BODY),
                link: pick(&["link", "url", "click", "href"]).and_then(|link| safe_link(&link)),
                urgency: data
                    .and_then(|data| data.get("urgency").or_else(|| data.get("priority")))
                    .and_then(urgency)
                    .unwrap_or_default(),
                icon: words(&ICONS).and_then(|icon| remote_icon(&icon, self.remote_icons)),
                group: pick(&["group"])
                    .filter(short)
                    .map(|group| one_line(&group, GROUP)),
                actor: actor(),
                burst: None,
                actions,
            },
            rule: None,
            key_words: None,
            key: Key::replay(event.own_id, event.name, event.data),
            thread: None,
            effect: None,
        }
    }
}

impl Rules {
    /// Puts what a rule says over what was said before.
    fn present(&self, rule: &Rule, own: bool, context: &minijinja::Value, judged: &mut Judged) {
        let verdict = match rule.then {
            Verdict::Notify => "notify",
            Verdict::Keep => "keep",
            Verdict::Drop => "drop",
        };
        let id = match (own, rule.name.as_str()) {
            (false, _) => "ledger-preset-rule",
            (true, "") => "ledger-rule",
            (true, _) => "ledger-rule-named",
        };
        judged.why = Text::new(id)
            .with("number", rule.place + 1)
            .with("name", rule.name.as_str())
            .with("verdict", verdict);
        judged.verdict = rule.then;
        judged.rule = own.then_some(rule.place);
        judged.effect = rule.effect;
        let line = |template: &Template, limit: usize| {
            template
                .render(context)
                .map(|text| one_line(&text, limit))
                .filter(|text| !text.is_empty())
        };
        let shown = &mut judged.shown;
        if let Some(title) = line(&rule.title, TITLE) {
            shown.title = title;
        }
        if let Some(body) = rule.body.render(context) {
            shown.body = limited(body.trim(), BODY);
        }
        if let Some(link) = rule.link.render(context) {
            shown.link = safe_link(&link);
        }
        if let Some(icon) = rule.icon.render(context) {
            shown.icon = safe_icon(&icon, self.remote_icons);
        }
        if let Some(urgency) = rule
            .urgency
            .render(context)
            .and_then(|word| urgency(&Value::String(word)))
        {
            shown.urgency = urgency;
        }
        if let Some(actor) = line(&rule.actor, ACTOR) {
            shown.actor = Some(actor);
        }
        if let Some(group) = line(&rule.group, GROUP) {
            shown.group = Some(group);
            // What was said of another group does not fit this one.
            shown.burst = None;
        }
        if rule.burst.is_some() {
            let count = COUNT.to_string();
            let context = minijinja::context! { count, ..context.clone() };
            let burst = rule.burst.render_with_count(&context);
            shown.burst = burst
                .map(|burst| one_line(&burst, TITLE))
                .or(shown.burst.take());
        }
    }
}

impl Rule {
    fn matches(&self, name: &str, context: &minijinja::Value) -> bool {
        let named = self.events.is_empty() || self.events.iter().any(|glob| glob.is_match(name));
        let holds =
            |when: &Expression<'_, '_>| when.eval(context).is_ok_and(|value| value.is_true());
        named && self.when.as_ref().is_none_or(holds)
    }
}

/// Chinese or English, `1`–`5` as ntfy counts or words: how urgent.
fn urgency(value: &Value) -> Option<Urgency> {
    let word = scalar(value)?;
    match word.trim().to_ascii_lowercase().as_str() {
        "low" | "min" | "1" | "2" => Some(Urgency::Low),
        "normal" | "default" | "3" => Some(Urgency::Normal),
        "high" | "4" => Some(Urgency::High),
        "urgent" | "critical" | "max" | "5" => Some(Urgency::Urgent),
        _ => None,
    }
}

/// Only what a person can follow safely: http, https, mailto.
fn safe_link(link: &str) -> Option<String> {
    let url = Url::parse(link.trim()).ok()?;
    let safe = matches!(url.scheme(), "http" | "https" | "mailto") && url.as_str().len() <= LINK;
    safe.then(|| url.to_string())
}

fn is_web(link: &str) -> bool {
    link.starts_with("http://") || link.starts_with("https://")
}

/// The text, unless it is longer than so many bytes.
fn limited_whole(text: &str, limit: usize) -> Option<String> {
    (text.len() <= limit).then(|| text.to_owned())
}

/// An icon name of the theme, or an address where addresses are allowed. Paths never are: nothing
/// is read because a message said so.
fn safe_icon(icon: &str, remote: bool) -> Option<String> {
    let icon = icon.trim();
    let named = !icon.is_empty()
        && icon.len() <= 100
        && icon
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if named {
        return Some(icon.to_owned());
    }
    remote_icon(icon, remote)
}

fn remote_icon(icon: &str, remote: bool) -> Option<String> {
    let url = Url::parse(icon.trim()).ok().filter(|_| remote)?;
    let web = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= ICON;
    web.then(|| url.to_string())
}

/// What stands at a path like `actor.name`.
fn at<'a>(data: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.')
        .try_fold(data, |value, name| value.get(name))
}

/// Whether words can be a name: some protocols put addresses where others put names.
fn is_name(words: &str) -> bool {
    let words = words.trim();
    !words.is_empty() && !words.contains("://")
}

/// A text from outside without the sign for the count, which would be taken for one.
fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(COUNT) {
        text.replace(COUNT, "").into()
    } else {
        text.into()
    }
}

/// As [`plain`], for each text in it.
fn without_count(value: &mut Value) {
    match value {
        Value::String(words) => words.retain(|c| c != COUNT),
        Value::Array(values) => values.iter_mut().for_each(without_count),
        Value::Object(map) => map.values_mut().for_each(without_count),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn parse(data: &str) -> Option<Value> {
    match serde_json::from_str(data) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => Some(value),
        _ => None,
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(words) => Some(words.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// At most `limit` characters in one line; text beyond what can matter is not looked at.
fn one_line(text: &str, limit: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 4 * limit {
            break;
        }
    }
    limited(&line, limit)
}

fn limited(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A template, compiled once. It is alone in an environment of its own: none can include another.
#[derive(Debug, Default)]
struct Template(Option<Environment<'static>>);

impl Template {
    /// None, if the text is empty or does not compile.
    fn new(text: &str) -> Self {
        if text.is_empty() {
            return Self(None);
        }
        let mut environment = environment().clone();
        let compiled = environment.add_template_owned(ONLY, text.to_owned());
        Self(compiled.is_ok().then_some(environment))
    }

    fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Its text; none if there is no template, it is empty, or it fails on this event.
    fn render(&self, context: &minijinja::Value) -> Option<String> {
        let mut text = self.render_with_count(context)?;
        text.retain(|c| c != COUNT);
        Some(text).filter(|text| !text.trim().is_empty())
    }

    /// As [`Template::render`], where the sign for the count has its place.
    fn render_with_count(&self, context: &minijinja::Value) -> Option<String> {
        let template = self.0.as_ref()?.get_template(ONLY).ok()?;
        let text = template.render(context).ok();
        text.filter(|text| !text.trim().is_empty())
    }
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        environment.set_fuel(Some(FUEL));
        filters::add_to(&mut environment);
        environment
    })
}

fn templates(rule: &RuleForm) -> [(&'static str, &str); 9] {
    [
        ("title", &rule.title),
        ("body", &rule.body),
        ("link", &rule.link),
        ("icon", &rule.icon),
        ("urgency", &rule.urgency),
        ("group", &rule.group),
        ("actor", &rule.actor),
        ("burst", &rule.burst),
        ("key", &rule.key),
    ]
}

fn template_error(id: &str, why: &minijinja::Error) -> Text {
    let detail = why
        .detail()
        .map_or_else(|| why.kind().to_string(), str::to_owned);
    Text::new(id).with("why", detail)
}

#[cfg(test)]
mod tests;
