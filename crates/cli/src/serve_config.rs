//! What `feedbell serve` is told: on the command line, in the environment, in a
//! file. The earlier of these counts; each option has one name and one grammar
//! in all of them, the one of the command line.

use std::{
    error::Error as _,
    fmt::Write as _,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use clap::{
    Arg, ArgAction, ArgMatches, Args as _, FromArgMatches as _,
    error::{ContextKind, ContextValue},
    parser::ValueSource,
};
use notifier::view::Text;
use toml_edit::{Array, Document, Item, Value};

use crate::{args::Serve, backplane, terminal::Terminal};

/// What the names in the environment begin with.
const PREFIX: &str = "FEEDBELL_SERVE_";
/// These are about the file itself.
const NOT_IN_A_FILE: [&str; 2] = ["config", "print-config"];
/// Shown as `…`.
const SECRET: [&str; 1] = ["token"];

/// All options with where they come from.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) options: Serve,
    settings: Vec<Setting>,
}

#[derive(Debug)]
struct Setting {
    name: String,
    many: bool,
    values: Vec<String>,
    source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Environment(String),
    File { path: PathBuf, line: usize },
    Default,
}

/// Puts together what counts. `usual_file` need not exist.
///
/// # Errors
/// One sentence that names where the wrong value stands.
pub(crate) fn told(
    flags: &ArgMatches,
    environment: impl Fn(&str) -> Option<String>,
    usual_file: &Path,
) -> Result<Told, Text> {
    // An empty variable is how service managers write "none".
    let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
    let named = flags.get_one::<PathBuf>("config").cloned();
    let named = named.or_else(|| environment("FEEDBELL_SERVE_CONFIG").map(PathBuf::from));
    let in_file = match &named {
        Some(path) => read(path)?,
        None if usual_file.exists() => read(usual_file)?,
        None => Vec::new(),
    };
    let mut in_file = in_file.into_iter().collect::<Vec<_>>();
    let mut settings = Vec::new();
    for argument in arguments() {
        let name = name_of(&argument);
        let many = takes_many(&argument);
        let id = argument.get_id().as_str();
        let from_file = in_file
            .iter()
            .position(|setting: &Setting| setting.name == name)
            .map(|at| in_file.swap_remove(at));
        let setting = if flags.value_source(id) == Some(ValueSource::CommandLine) {
            let values = flags.get_raw(id).into_iter().flatten();
            Setting {
                values: values.map(|value| value.to_string_lossy().into()).collect(),
                source: Source::Flag,
                many,
                name,
            }
        } else if let Some((variable, value)) = in_environment(&name, &environment) {
            let values = if many && variable.starts_with(PREFIX) {
                value
                    .split(',')
                    .map(|value| value.trim().to_owned())
                    .collect()
            } else {
                vec![value]
            };
            if let Err(why) = parse(&name, &values) {
                let text = Text::new("serve-config-variable").with("name", variable);
                return Err(text.with("why", why));
            }
            Setting {
                values,
                source: Source::Environment(variable),
                many,
                name,
            }
        } else if let Some(setting) = from_file {
            setting
        } else {
            let defaults = argument.get_default_values().iter();
            Setting {
                values: defaults
                    .map(|value| value.to_string_lossy().into())
                    .collect(),
                source: Source::Default,
                many,
                name,
            }
        };
        settings.push(setting);
    }
    let mut line = Vec::new();
    for setting in &settings {
        let values = setting.values.iter();
        line.extend(values.map(|value| format!("--{}={value}", setting.name)));
    }
    let options = whole(&line).map_err(|why| {
        // Each was parsed by itself before.
        Text::new("serve-config-variable")
            .with("name", "feedbell serve")
            .with("why", why_of(&why))
    })?;
    Ok(Told { options, settings })
}

impl Told {
    /// Where an option comes from.
    pub(crate) fn source(&self, name: &str) -> &Source {
        let mut settings = self.settings.iter();
        settings
            .find(|setting| setting.name == name)
            .map_or(&Source::Default, |setting| &setting.source)
    }

    /// All of it, as a file that could be used, without the secrets. `implied`
    /// are values that follow from others where nothing was said.
    pub(crate) fn print(&self, implied: &[(&str, String)], terminal: &Terminal) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "# {}", terminal.get("serve-config-order"));
        for setting in &self.settings {
            let mut values = setting.values.clone();
            if values.is_empty() {
                let implied = implied.iter().find(|(name, _)| *name == setting.name);
                values.extend(implied.map(|(_, value)| value.clone()));
            }
            if setting.name == "backplane" {
                let values = values.iter_mut();
                values.for_each(|value| *value = backplane::without_secrets(value));
            }
            if SECRET.contains(&setting.name.as_str()) {
                values.iter_mut().for_each(|value| "…".clone_into(value));
            }
            let written = values.iter().map(|value| written(value));
            let value = match (setting.many, values.first()) {
                (true, _) => Value::Array(written.collect::<Array>()),
                (false, Some(value)) => self::written(value),
                (false, None) => {
                    let unset = Text::new("serve-config-unset").with("name", setting.name.clone());
                    let _ = writeln!(out, "# {}", terminal.text(unset));
                    continue;
                }
            };
            let source = match &setting.source {
                Source::Flag => format!("--{}", setting.name),
                Source::Environment(variable) => variable.clone(),
                Source::File { path, line } => format!("{}:{line}", path.display()),
                Source::Default => terminal.get("serve-config-default"),
            };
            let _ = writeln!(out, "{} = {value} # {source}", setting.name);
        }
        out.trim_end().to_owned()
    }
}

/// A value as TOML writes it.
fn written(value: &str) -> Value {
    let parsed = value.parse::<Value>().ok();
    let plain = parsed.filter(|value| {
        matches!(
            value,
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_)
        )
    });
    plain.unwrap_or_else(|| value.into())
}

/// The options that can be in a file or in the environment.
fn arguments() -> Vec<Arg> {
    let command = Serve::augment_args(clap::Command::new("serve"));
    let arguments = command.get_arguments();
    arguments
        .filter(|argument| argument.get_long().is_some())
        .filter(|argument| !NOT_IN_A_FILE.contains(&name_of(argument).as_str()))
        .cloned()
        .collect()
}

fn name_of(argument: &Arg) -> String {
    argument.get_long().unwrap_or_default().to_owned()
}

fn takes_many(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Append)
}

fn in_environment(
    name: &str,
    environment: &impl Fn(&str) -> Option<String>,
) -> Option<(String, String)> {
    let own = format!("{PREFIX}{}", name.to_uppercase().replace('-', "_"));
    // The variable that `send` reads serves both ends on one machine.
    let shared = (name == "token").then(|| "FEEDBELL_TOKEN".to_owned());
    [Some(own), shared]
        .into_iter()
        .flatten()
        .find_map(|variable| environment(&variable).map(|value| (variable, value)))
}

fn read(path: &Path) -> Result<Vec<Setting>, Text> {
    let shown = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|why| {
        Text::new("serve-config-unread")
            .with("path", shown.clone())
            .with("why", why.to_string())
    })?;
    let line_of = |span: Option<Range<usize>>| {
        let before = text.get(..span.map_or(0, |span| span.start));
        before.unwrap_or_default().matches('\n').count() + 1
    };
    let wrong = |id: &'static str, line: usize| {
        Text::new(id).with("path", shown.clone()).with("line", line)
    };
    let document = Document::parse(text.as_str()).map_err(|why| {
        let line = line_of(why.span());
        let message = why.message().lines().collect::<Vec<_>>().join("; ");
        wrong("serve-config-syntax", line).with("why", message)
    })?;
    let known = arguments();
    let mut settings = Vec::new();
    for (name, item) in document.as_table() {
        let key = document.as_table().get_key_value(name);
        let line = line_of(key.and_then(|(key, _)| key.span()).or_else(|| item.span()));
        let Some(argument) = known.iter().find(|known| name_of(known) == name) else {
            let known: Vec<String> = known.iter().map(name_of).collect();
            let text = wrong("serve-config-unknown", line).with("key", name.to_owned());
            return Err(text.with("known", known.join(", ")));
        };
        let many = takes_many(argument);
        let values = match item {
            Item::Value(Value::Array(list)) if many => list.iter().map(plain).collect(),
            Item::Value(value) => plain(value).map(|value| vec![value]),
            _ => None,
        };
        let checked = match values {
            Some(values) => parse(name, &values).map(|()| values),
            None if many => Err("write texts in brackets, like [\"a\", \"b\"]".to_owned()),
            None => Err("write one text, number or true or false".to_owned()),
        };
        let values = checked.map_err(|why| {
            let text = wrong("serve-config-value", line).with("key", name.to_owned());
            text.with("why", why)
        })?;
        settings.push(Setting {
            name: name.to_owned(),
            many,
            values,
            source: Source::File {
                path: path.to_owned(),
                line,
            },
        });
    }
    Ok(settings)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Boolean(truth) => Some(truth.value().to_string()),
        _ => None,
    }
}

/// Whether the command line would take these values.
fn parse(name: &str, values: &[String]) -> Result<(), String> {
    let line = values.iter().map(|value| format!("--{name}={value}"));
    let parsed = whole(&line.collect::<Vec<_>>());
    parsed.map(drop).map_err(|why| why_of(&why))
}

fn whole(line: &[String]) -> Result<Serve, clap::Error> {
    let command = Serve::augment_args(clap::Command::new("serve").no_binary_name(true));
    let matches = command.try_get_matches_from(line)?;
    Serve::from_arg_matches(&matches)
}

/// What clap found, without the usage around it.
fn why_of(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(valid)) => format!("write one of {}", valid.join(", ")),
        _ => error.kind().to_string(),
    }
}
