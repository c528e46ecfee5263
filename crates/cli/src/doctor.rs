//! `feedbell doctor`: whether an engine can join hubs into one, and what to do.

use std::time::Duration;

use hub::{BackplaneError, EngineMemory, EngineRole, Examined, Persistence};
use jiff::SignedDuration;
use notifier::view::Text;
use serde_json::json;

use crate::{
    args::Doctor,
    backplane,
    exit::Ended,
    listen::log_to_stderr,
    terminal::{Terminal, harmless},
};

/// Clocks that differ by no more are the same to whoever reads a log.
const NEAR: Duration = Duration::from_secs(1);
const MIB: u64 = 1024 * 1024;

pub(crate) async fn doctor(options: Doctor, terminal: &Terminal) -> anyhow::Result<Ended> {
    log_to_stderr();
    let ca = options.backplane_ca.as_deref();
    let prefix = &options.backplane_prefix;
    let backplane = match backplane::named(&options.backplane, prefix, ca) {
        Ok(backplane) => backplane,
        Err(why) => {
            terminal.note(&terminal.text(why));
            return Ok(Ended::Trouble);
        }
    };
    let (findings, ended) = match backplane.examine().await {
        Ok(examined) => {
            let findings = findings(&examined, &backplane.to_string(), prefix);
            let errs = findings.iter().any(|found| found.level == Level::Error);
            let ended = if errs { Ended::Trouble } else { Ended::Done };
            (findings, ended)
        }
        Err(why) => {
            let (text, ended) = unreachable(&why);
            (vec![Finding::new("server", Level::Error, text)], ended)
        }
    };
    for found in findings {
        let words = harmless(&terminal.text(found.text), false);
        terminal.say(&if options.json {
            json!({ "check": found.check, "outcome": found.level.name(), "text": words })
                .to_string()
        } else {
            terminal.text(Text::new(found.level.words()).with("text", words))
        })?;
    }
    Ok(ended)
}

/// One line.
struct Finding {
    /// Its name for scripts.
    check: &'static str,
    level: Level,
    text: Text,
}

impl Finding {
    fn new(check: &'static str, level: Level, text: Text) -> Self {
        Self { check, level, text }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Ok,
    /// The engine does not say.
    Unknown,
    /// A hub runs, but less is promised, or not for long.
    Warning,
    /// A hub does not run.
    Error,
}

impl Level {
    /// For scripts.
    fn name(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Unknown => "unknown",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }

    /// The text around a line.
    fn words(self) -> &'static str {
        match self {
            Level::Ok => "doctor-ok",
            Level::Unknown => "doctor-unknown",
            Level::Warning => "doctor-warning",
            Level::Error => "doctor-error",
        }
    }
}

fn findings(examined: &Examined, address: &str, prefix: &str) -> Vec<Finding> {
    let mut found = vec![server(examined, address), role(&examined.role)];
    if examined.role == EngineRole::Sentinel {
        return found;
    }
    if examined.in_cluster {
        let text = Text::new("doctor-cluster");
        found.push(Finding::new("cluster", Level::Warning, text));
    }
    found.extend([
        persistence(examined.persistence.as_ref()),
        clock(examined.ahead),
        memory(examined.memory.as_ref()),
        functions(examined),
        there(examined, prefix),
    ]);
    found
}

fn server(examined: &Examined, address: &str) -> Finding {
    let (level, id) = if examined.is_new_enough {
        (Level::Ok, "doctor-server")
    } else {
        (Level::Error, "doctor-server-old")
    };
    let text = Text::new(id)
        .with("name", examined.name.clone())
        .with("version", examined.version.clone());
    Finding::new("server", level, text.with("address", address))
}

fn role(role: &EngineRole) -> Finding {
    let (level, text) = match role {
        EngineRole::Primary { replicas } => {
            let text = Text::new("doctor-primary").with("replicas", *replicas);
            (Level::Ok, text)
        }
        EngineRole::Replica { of } => {
            let text = Text::new("doctor-replica").with("of", of.clone());
            (Level::Error, text)
        }
        EngineRole::Sentinel => (Level::Error, Text::new("doctor-sentinel")),
    };
    Finding::new("role", level, text)
}

fn persistence(persistence: Option<&Persistence>) -> Finding {
    let (level, id) = match persistence {
        None => (Level::Unknown, "doctor-persistence-unknown"),
        Some(Persistence { appends: false, .. }) => (Level::Warning, "doctor-persistence-none"),
        Some(Persistence { fsync, .. }) => match fsync.as_deref() {
            Some("always") => (Level::Ok, "doctor-persistence-always"),
            Some("everysec") => (Level::Ok, "doctor-persistence-everysec"),
            Some(_) => (Level::Warning, "doctor-persistence-no-fsync"),
            None => (Level::Ok, "doctor-persistence-some"),
        },
    };
    Finding::new("persistence", level, Text::new(id))
}

fn clock(ahead: SignedDuration) -> Finding {
    let (level, text) = if ahead.unsigned_abs() <= NEAR {
        let text = Text::new("doctor-clock");
        let millis = u64::try_from(ahead.unsigned_abs().as_millis()).unwrap_or(u64::MAX);
        (Level::Ok, text.with("ms", millis))
    } else {
        let id = if ahead.is_positive() {
            "doctor-clock-ahead"
        } else {
            "doctor-clock-behind"
        };
        let seconds = format!("{:.1}", ahead.unsigned_abs().as_secs_f64());
        (Level::Warning, Text::new(id).with("seconds", seconds))
    };
    Finding::new("clock", level, text)
}

fn memory(memory: Option<&EngineMemory>) -> Finding {
    let Some(EngineMemory { used, max, policy }) = memory else {
        let text = Text::new("doctor-memory-unknown");
        return Finding::new("memory", Level::Unknown, text);
    };
    let (level, text) = match (max, policy.as_deref()) {
        (None, _) => (Level::Ok, Text::new("doctor-memory-unlimited")),
        (Some(max), policy) => {
            let (level, text) = match policy {
                None => (Level::Unknown, Text::new("doctor-memory-policy-unknown")),
                Some("noeviction") if used / 9 >= max / 10 => {
                    (Level::Warning, Text::new("doctor-memory-full"))
                }
                Some("noeviction") => (Level::Ok, Text::new("doctor-memory")),
                Some(policy) => {
                    let text = Text::new("doctor-memory-evicts");
                    (Level::Error, text.with("policy", policy))
                }
            };
            (level, text.with("max", mib(*max)))
        }
    };
    Finding::new("memory", level, text.with("used", mib(*used)))
}

fn functions(examined: &Examined) -> Finding {
    let (level, text) = match &examined.functions_refused {
        None => (Level::Ok, Text::new("doctor-functions")),
        Some(why) => {
            let text = Text::new("doctor-functions-refused");
            (Level::Error, text.with("why", why.clone()))
        }
    };
    Finding::new("functions", level, text)
}

fn there(examined: &Examined, prefix: &str) -> Finding {
    let text = match &examined.hub {
        None => Text::new("doctor-hub-none"),
        Some(hub) => Text::new("doctor-hub")
            .with("position", format!("{}.{}", hub.epoch, hub.head))
            .with("nodes", hub.nodes),
    };
    Finding::new("hub", Level::Ok, text.with("prefix", prefix))
}

/// What to say when it cannot be looked at, and how to end.
fn unreachable(why: &BackplaneError) -> (Text, Ended) {
    let (id, address, why, ended) = match why {
        BackplaneError::Away { address, why } => {
            ("doctor-away", address, why, Ended::NothingAnswers)
        }
        BackplaneError::Refused { address, why } => {
            ("doctor-password", address, why, Ended::TokenRefused)
        }
        BackplaneError::Untrusted { address, why } => {
            ("doctor-untrusted", address, why, Ended::Trouble)
        }
        other => {
            let text = Text::new("backplane-wrong").with("why", other.to_string());
            return (text, Ended::Trouble);
        }
    };
    let text = Text::new(id).with("address", address.clone());
    (text.with("why", why.clone()), ended)
}

fn mib(bytes: u64) -> String {
    let tenths = bytes / (MIB / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use hub::{EngineMemory, Persistence};
    use jiff::SignedDuration;

    use super::{Level, clock, memory, mib, persistence};

    #[test]
    fn clocks_that_differ_are_no_trouble() {
        for (millis, level, id) in [
            (0, Level::Ok, "doctor-clock"),
            (-1000, Level::Ok, "doctor-clock"),
            (1001, Level::Warning, "doctor-clock-ahead"),
            (-3_600_000, Level::Warning, "doctor-clock-behind"),
        ] {
            let found = clock(SignedDuration::from_millis(millis));
            assert_eq!(
                (found.level, found.text.id.as_str()),
                (level, id),
                "{millis}"
            );
        }
    }

    #[test]
    fn what_an_engine_keeps_to_itself_is_unknown() {
        assert_eq!(persistence(None).level, Level::Unknown);
        let no_config = Persistence {
            appends: true,
            fsync: None,
        };
        assert_eq!(persistence(Some(&no_config)).level, Level::Ok);
        assert_eq!(memory(None).level, Level::Unknown);
        let of = |used, max, policy: Option<&str>| {
            let policy = policy.map(str::to_owned);
            memory(Some(&EngineMemory { used, max, policy })).level
        };
        assert_eq!(of(1, Some(100), None), Level::Unknown);
        assert_eq!(of(1, None, Some("allkeys-lru")), Level::Ok);
        assert_eq!(of(1, Some(100), Some("volatile-ttl")), Level::Error);
        assert_eq!(of(80, Some(100), Some("noeviction")), Level::Ok);
        assert_eq!(of(95, Some(100), Some("noeviction")), Level::Warning);
    }

    #[test]
    fn numbers_of_bytes() {
        assert_eq!(mib(0), "0.0 MiB");
        assert_eq!(mib(1024 * 1024), "1.0 MiB");
        assert_eq!(mib(1_600_000), "1.5 MiB");
    }
}
