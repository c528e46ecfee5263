//! From an event to a message: which rule matches, what it says. Pure.
//!
//! A preset's protocol comes first (keep-alives are never messages), then the
//! user's rules, then the preset's; the first match wins. What a user's rule
//! leaves open is filled by the preset's, and what is still open, and everything
//! without a rule, by a default mapping that looks for the usual field names and
//! takes any text as it is.

mod filters;

use std::sync::{Arc, OnceLock};

use globset::{Glob, GlobMatcher};
use minijinja::{Environment, Expression, UndefinedBehavior, value::Kwargs};
use serde_json::Value;
use url::Url;

use crate::{
    inbox::{Key, Thread, flattened},
    presentation::Presentation,
    presets::{Ids, Preset, Then},
    text::Localizer,
    view::{Arg, RuleForm, Text, Urgency, Verdict},
};

/// The fields that are taken for a title.
const TITLES: [&str; 3] = ["title", "subject", "summary"];
/// Longest title and body, in characters. The raw event is stored whole.
const TITLE: usize = 300;
const BODY: usize = 20_000;
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
    /// What makes it the same message again.
    pub(crate) key: Key,
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
    key: String,
    thread: String,
    unique_ids: bool,
    localizer: Arc<Localizer>,
}

#[derive(Debug)]
struct Rule {
    form: RuleForm,
    events: Vec<GlobMatcher>,
    when: Option<Expression<'static, 'static>>,
    protocol: bool,
    effect: Option<Effect>,
}

impl Rule {
    /// Nothing if it does not compile.
    fn new(form: RuleForm) -> Option<Self> {
        check(&form).is_empty().then(|| Self {
            events: form
                .events
                .iter()
                .filter_map(|pattern| Glob::new(pattern).ok())
                .map(|glob| glob.compile_matcher())
                .collect(),
            when: Some(form.when.clone())
                .filter(|when| !when.trim().is_empty())
                .and_then(|when| environment().compile_expression_owned(when).ok()),
            form,
            protocol: false,
            effect: None,
        })
    }
}

/// What is wrong with a rule, by field name.
#[must_use]
pub(crate) fn check(rule: &RuleForm) -> Vec<(&'static str, Text)> {
    let mut errors = Vec::new();
    for pattern in &rule.events {
        if let Err(why) = Glob::new(pattern) {
            errors.push((
                "events",
                Text::new("rule-pattern")
                    .with("value", pattern.as_str())
                    .with("why", why.kind().to_string()),
            ));
        }
    }
    let environment = environment();
    if !rule.when.trim().is_empty()
        && let Err(why) = environment.compile_expression(&rule.when)
    {
        errors.push(("when", template_error("rule-condition", &why)));
    }
    for (field, template) in templates(rule) {
        if let Err(why) = environment.template_from_str(template) {
            errors.push((field, template_error("rule-template", &why)));
        }
    }
    errors
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
        let template = |of: fn(&Preset) -> &String| preset.map(of).cloned().unwrap_or_default();
        Self {
            feed_name: feed_name.to_owned(),
            own: own.iter().cloned().filter_map(Rule::new).collect(),
            preset: rules
                .iter()
                .filter_map(|rule| {
                    Some(Rule {
                        protocol: rule.protocol,
                        effect: match rule.then {
                            Then::MarkRead => Some(Effect::MarkRead),
                            Then::Delete => Some(Effect::Delete),
                            Then::Notify | Then::Keep | Then::Drop => None,
                        },
                        ..Rule::new(rule.form())?
                    })
                })
                .collect(),
            key: template(|preset| &preset.key),
            thread: template(|preset| &preset.thread),
            unique_ids: preset.is_some_and(|preset| preset.ids == Ids::Unique),
            localizer,
        }
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
        judged.thread = render(&self.thread, &context).map(|thread| Thread::of(&thread));
        let mut key = render(&self.key, &context);
        let mut apply = |place: usize, rule: &Rule, own: bool, judged: &mut Judged| {
            key = render(&rule.form.key, &context).or(key.take());
            rule.present(place, own, &context, judged);
        };
        if let Some(place) = first(&self.preset, true) {
            apply(place, &self.preset[place], false, &mut judged);
        } else {
            if let Some(place) = first(&self.preset, false) {
                apply(place, &self.preset[place], false, &mut judged);
            }
            if let Some(place) = first(&self.own, false) {
                apply(place, &self.own[place], true, &mut judged);
            }
        }
        judged.key = self.key(event, key);
        judged
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
        let mut fields = serde_json::Map::new();
        if let Some(Value::Object(map)) = data {
            fields.extend(map.clone());
        }
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        put("event", event.name.into());
        put("id", event.own_id.unwrap_or_default().into());
        put("feed", self.feed_name.as_str().into());
        put("nth", event.nth.into());
        put("text", event.data.into());
        put("event_title", self.event_title(event.name).into());
        put("data", data.cloned().unwrap_or_else(|| event.data.into()));
        minijinja::context! {
            say => self.say(),
            ..minijinja::Value::from(minijinja::value::Serde(&fields))
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
        let title = pick(&TITLES);
        let body = pick(&["body", "message", "msg", "text", "content", "description"]);
        let body = match (body, data) {
            (Some(body), _) => body,
            (None, Some(value @ Value::Object(_))) => flattened(value)
                .into_iter()
                .filter(|field| title.is_none() || !TITLES.contains(&field.name.as_str()))
                .map(|field| format!("{}: {}", field.name, field.value))
                .collect::<Vec<_>>()
                .join("\n"),
            (None, _) => event.data.to_owned(),
        };
        let fallback = if event.name == "message" {
            self.feed_name.clone()
        } else {
            self.event_title(event.name)
        };
        Judged {
            verdict: Verdict::Notify,
            why: Text::new("ledger-default"),
            shown: Presentation {
                title: title
                    .map(|title| one_line(&title, TITLE))
                    .filter(|title| !title.is_empty())
                    .unwrap_or_else(|| one_line(&fallback, TITLE)),
                body: limited(body.trim(), BODY),
                link: pick(&["link", "url", "click", "href"]).and_then(|link| safe_link(&link)),
                urgency: data
                    .and_then(|data| data.get("urgency").or_else(|| data.get("priority")))
                    .and_then(urgency)
                    .unwrap_or_default(),
                ..Presentation::default()
            },
            key: Key::replay(event.own_id, event.name, event.data),
            thread: None,
            effect: None,
        }
    }
}

impl Rule {
    /// Puts what this rule says over what was said before.
    fn present(&self, place: usize, own: bool, context: &minijinja::Value, judged: &mut Judged) {
        let form = &self.form;
        let verdict = match form.then {
            Verdict::Notify => "notify",
            Verdict::Keep => "keep",
            Verdict::Drop => "drop",
        };
        let id = match (own, form.name.as_str()) {
            (false, _) => "ledger-preset-rule",
            (true, "") => "ledger-rule",
            (true, _) => "ledger-rule-named",
        };
        judged.why = Text::new(id)
            .with("number", place + 1)
            .with("name", form.name.as_str())
            .with("verdict", verdict);
        judged.verdict = form.then;
        judged.effect = self.effect;
        let render = |template: &str| render(template, context);
        let title = render(&form.title).map(|title| one_line(&title, TITLE));
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            judged.shown.title = title;
        }
        if let Some(body) = render(&form.body) {
            judged.shown.body = limited(body.trim(), BODY);
        }
        if let Some(link) = render(&form.link) {
            judged.shown.link = safe_link(&link);
        }
        if let Some(icon) = render(&form.icon) {
            judged.shown.icon = safe_icon(&icon);
        }
        if let Some(urgency) = render(&form.urgency).and_then(|word| urgency(&Value::String(word)))
        {
            judged.shown.urgency = urgency;
        }
        if let Some(group) = render(&form.group) {
            judged.shown.group = Some(group);
        }
    }

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
    matches!(url.scheme(), "http" | "https" | "mailto").then(|| url.to_string())
}

/// An icon name of the theme. Paths and addresses are not followed: nothing is fetched because a
/// message said so.
fn safe_icon(icon: &str) -> Option<String> {
    let icon = icon.trim();
    let named = !icon.is_empty()
        && icon.len() <= 100
        && icon
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    named.then(|| icon.to_owned())
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

fn one_line(text: &str, limit: usize) -> String {
    limited(
        &text.split_whitespace().collect::<Vec<_>>().join(" "),
        limit,
    )
}

fn limited(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The template's text; none if there is no template, it is empty, or it fails on this event.
fn render(template: &str, context: &minijinja::Value) -> Option<String> {
    if template.is_empty() {
        return None;
    }
    environment()
        .render_str(template, context)
        .ok()
        .filter(|text| !text.trim().is_empty())
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

fn templates(rule: &RuleForm) -> [(&'static str, &str); 7] {
    [
        ("title", &rule.title),
        ("body", &rule.body),
        ("link", &rule.link),
        ("icon", &rule.icon),
        ("urgency", &rule.urgency),
        ("group", &rule.group),
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
mod tests {
    use super::*;
    use crate::{presets, text::Locale};

    fn rules(own: &[RuleForm], preset: &str) -> Rules {
        let localizer = Arc::new(Localizer::new(Locale::English));
        Rules::new("Journal", own, presets::find(preset).as_deref(), localizer)
    }

    fn event<'a>(name: &'a str, data: &'a str) -> Arrived<'a> {
        Arrived {
            name,
            data,
            own_id: None,
            nth: 1,
        }
    }

    #[test]
    fn the_default_mapping_reads_the_usual_fields() {
        let cases = [
            (
                "like",
                r#"{"title":"A","message":"b","url":"https://x.example/"}"#,
                "A",
                "b",
            ),
            (
                "like",
                r#"{"user":"Ada","count":3}"#,
                "Like",
                "user: Ada\ncount: 3",
            ),
            ("message", "plain words", "Journal", "plain words"),
            ("build-failed", "main", "build-failed", "main"),
            ("message", "[1,2]", "Journal", "[1,2]"),
            ("message", r#"{"broken"#, "Journal", r#"{"broken"#),
        ];
        for (name, data, title, body) in cases {
            let judged = rules(&[], "").judge(event(name, data));
            assert_eq!(
                (judged.shown.title.as_str(), judged.shown.body.as_str()),
                (title, body),
                "{data}"
            );
            assert_eq!(judged.verdict, Verdict::Notify);
        }
    }

    #[test]
    fn the_first_matching_rule_wins_and_leaves_the_rest_to_the_defaults() {
        let own = [
            RuleForm {
                events: vec!["like".into()],
                when: "count > 10".into(),
                title: "{{ actor.name }} and others".into(),
                urgency: "high".into(),
                ..RuleForm::default()
            },
            RuleForm {
                events: vec!["l*".into()],
                then: Verdict::Keep,
                ..RuleForm::default()
            },
        ];
        let rules = rules(&own, "");
        let many = rules.judge(event(
            "like",
            r#"{"count":11,"actor":{"name":"Ada"},"text":"t"}"#,
        ));
        assert_eq!(many.shown.title, "Ada and others");
        assert_eq!(many.shown.body, "t");
        assert_eq!(many.shown.urgency, Urgency::High);
        let few = rules.judge(event("like", r#"{"count":2}"#));
        assert_eq!(few.verdict, Verdict::Keep);
        assert_eq!(few.why.args["number"], crate::view::Arg::Number(2));
    }

    #[test]
    fn links_that_are_not_for_following_are_left_out() {
        for link in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "data:text/html,x",
            "x",
        ] {
            let data = format!(r#"{{"link":"{link}"}}"#);
            assert_eq!(
                rules(&[], "").judge(event("like", &data)).shown.link,
                None,
                "{link}"
            );
        }
    }

    #[test]
    fn a_template_that_runs_for_ever_is_cut_and_the_default_stands_in() {
        let own = [RuleForm {
            title: "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}"
                .into(),
            ..RuleForm::default()
        }];
        assert_eq!(
            rules(&own, "").judge(event("like", "{}")).shown.title,
            "Like"
        );
    }

    #[test]
    fn what_does_not_compile_is_named() {
        let rule = RuleForm {
            events: vec!["a[".into()],
            when: "a ==".into(),
            title: "{{ oops".into(),
            ..RuleForm::default()
        };
        let fields: Vec<_> = check(&rule).into_iter().map(|(field, _)| field).collect();
        assert_eq!(fields, ["events", "when", "title"]);
    }

    #[test]
    fn keys_follow_the_preset() {
        let arrived = Arrived {
            own_id: Some("a.1"),
            ..event("like", "{}")
        };
        assert_eq!(
            rules(&[], "hub").judge(arrived).key,
            Key::once(&["id", "a.1"])
        );
        assert_eq!(
            rules(&[], "").judge(arrived).key,
            Key::replay(Some("a.1"), "like", "{}")
        );
    }

    #[test]
    fn the_greeting_of_site_messages_is_no_message() {
        let rules = rules(&[], "likes");
        let greeting = Arrived {
            nth: 0,
            ..event("message", "站内信链接成功！")
        };
        assert_eq!(rules.judge(greeting).verdict, Verdict::Drop);
        let notify = rules.judge(event("notify", r#"{"msg":"给1的消息>>hi","uid":1}"#));
        assert_eq!(notify.verdict, Verdict::Notify);
        assert_eq!(notify.shown.body, "给1的消息>>hi");
    }

    #[test]
    fn fields_with_endless_names_are_passed_over() {
        // Their paths would be copied for each of their children.
        let children: Vec<String> = (0..250_000).map(|n| format!("\"a{n}\":1")).collect();
        let data = format!(
            "{{\"{}\":{{{}}},\"last\":7}}",
            "k".repeat(3 << 20),
            children.join(",")
        );
        let judged = rules(&[], "").judge(event("message", &data));
        assert_eq!(judged.shown.body, "last: 7");
    }
}
