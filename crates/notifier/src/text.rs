//! Texts in the user's language, from the Fluent files in `locales/`.
//!
//! The core names what it wants to say as a [`Text`]; whoever shows it renders
//! it here (Rust front ends) or in the window (the same files, in TypeScript).

use std::{collections::BTreeMap, fmt};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::{Timestamp, Zoned};
use unic_langid::LanguageIdentifier;

use crate::view::{Arg, Text};

/// A moment less than so many milliseconds away needs no day: 12 hours.
const NEAR: u64 = 12 * 3600 * 1000;

/// A language Feedbell speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locale {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Locale {
    /// The language for a setting: `en`, `zh-CN`, or anything else for the system's.
    #[must_use]
    pub fn from_setting(setting: &str) -> Self {
        match setting {
            "en" => Locale::English,
            "zh-CN" => Locale::Chinese,
            _ => sys_locale::get_locales()
                .find_map(|tag| Self::from_tag(&tag))
                .unwrap_or(Locale::English),
        }
    }

    /// Its BCP 47 tag.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Locale::English => "en",
            Locale::Chinese => "zh-CN",
        }
    }

    fn from_tag(tag: &str) -> Option<Self> {
        let language = tag.split(['-', '_', '.']).next().unwrap_or_default();
        match language.to_ascii_lowercase().as_str() {
            "en" | "c" | "posix" => Some(Locale::English),
            "zh" => Some(Locale::Chinese),
            _ => None,
        }
    }

    fn sources(self) -> [&'static str; 5] {
        match self {
            Locale::English => [
                include_str!("../../../locales/en/core.ftl"),
                include_str!("../../../locales/en/feed.ftl"),
                include_str!("../../../locales/en/notification.ftl"),
                include_str!("../../../locales/en/desktop.ftl"),
                include_str!("../../../locales/en/cli.ftl"),
            ],
            Locale::Chinese => [
                include_str!("../../../locales/zh-CN/core.ftl"),
                include_str!("../../../locales/zh-CN/feed.ftl"),
                include_str!("../../../locales/zh-CN/notification.ftl"),
                include_str!("../../../locales/zh-CN/desktop.ftl"),
                include_str!("../../../locales/zh-CN/cli.ftl"),
            ],
        }
    }
}

/// Renders [`Text`]s in one language.
pub struct Localizer {
    locale: Locale,
    bundle: FluentBundle<FluentResource>,
}

impl Localizer {
    /// Reads the language's files, which are part of the program.
    #[must_use]
    pub fn new(locale: Locale) -> Self {
        let language: LanguageIdentifier = locale.tag().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![language]);
        bundle.set_use_isolating(false);
        // Without NUMBER a text shows its source in place of the number.
        let _ = bundle.add_builtins();
        for source in locale.sources() {
            // A broken entry loses that entry only; a test holds both languages complete.
            let resource = match FluentResource::try_new(source.to_owned()) {
                Ok(resource) => resource,
                Err((resource, _)) => resource,
            };
            bundle.add_resource_overriding(resource);
        }
        Self { locale, bundle }
    }

    /// The language.
    #[must_use]
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// The text in this language; the id itself if it is unknown.
    #[must_use]
    pub fn text(&self, text: &Text) -> String {
        // Asked for only where a moment has to be told: most texts have none.
        self.rendered(text, &Zoned::now)
    }

    /// The same as it is read at another moment.
    #[must_use]
    pub fn text_at(&self, text: &Text, now: &Zoned) -> String {
        self.rendered(text, &|| now.clone())
    }

    /// A moment (milliseconds since the Unix epoch) in local time: the time of day alone if it is
    /// today or less than twelve hours away.
    #[must_use]
    pub fn moment(&self, moment: i64, now: &Zoned) -> String {
        let Ok(moment) = Timestamp::from_millisecond(moment) else {
            return String::new();
        };
        let zone = now.time_zone();
        let at = moment.to_zoned(zone.clone());
        let time = at.strftime("%H:%M").to_string();
        let away = moment.as_millisecond() - now.timestamp().as_millisecond();
        let days = now
            .date()
            .until(at.date())
            .map_or(0, |span| span.get_days());
        if days == 0 || away.unsigned_abs() < NEAR {
            return time;
        }
        let id = match days {
            1 => "moment-tomorrow",
            -1 => "moment-yesterday",
            _ if at.year() == now.year() => "moment-date",
            _ => "moment-date-year",
        };
        let text = Text::new(id)
            .with("time", time)
            .with("day", i64::from(at.day()))
            .with("month", i64::from(at.month()))
            .with("year", i64::from(at.year()));
        self.text_at(&text, now)
    }

    fn rendered(&self, text: &Text, now: &dyn Fn() -> Zoned) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in &text.args {
            args.set(
                name.as_str(),
                match value {
                    Arg::Number(number) => FluentValue::from(*number),
                    Arg::Words(words) => FluentValue::from(words.as_str()),
                    Arg::Moment { moment } => FluentValue::from(self.moment(*moment, &now())),
                },
            );
        }
        self.render(&text.id, Some(&args))
            .unwrap_or_else(|| text.id.clone())
    }

    /// A text without arguments.
    #[must_use]
    pub fn get(&self, id: &str) -> String {
        self.render(id, None).unwrap_or_else(|| id.to_owned())
    }

    /// A text without arguments, if there is one with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<String> {
        self.render(id, None)
    }

    fn render(&self, id: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let pattern = self.bundle.get_message(id)?.value()?;
        let mut errors = Vec::new();
        Some(
            self.bundle
                .format_pattern(pattern, args, &mut errors)
                .into_owned(),
        )
    }
}

impl fmt::Debug for Localizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Localizer").field(&self.locale).finish()
    }
}

impl Text {
    /// A text without arguments.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            args: BTreeMap::new(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Arg>) -> Self {
        self.args.insert(name.to_owned(), value.into());
        self
    }
}

impl From<&str> for Arg {
    fn from(words: &str) -> Self {
        Arg::Words(words.to_owned())
    }
}

impl From<String> for Arg {
    fn from(words: String) -> Self {
        Arg::Words(words)
    }
}

impl From<feed::Words> for Text {
    fn from(words: feed::Words) -> Self {
        words
            .args
            .into_iter()
            .fold(Text::new(words.id), |text, (name, value)| {
                text.with(name, value)
            })
    }
}

impl From<&feed::CheckStep> for Text {
    fn from(step: &feed::CheckStep) -> Self {
        use feed::{Detail, Outcome, Step};
        let detail = match &step.outcome {
            Outcome::Failed(why) => return why.words().into(),
            Outcome::Refused(why) => return why.words().into(),
            Outcome::Passed(detail) | Outcome::Noted(detail) => detail,
        };
        match (step.step, detail) {
            (Step::Name, Detail::Addresses(addresses)) => {
                let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                Text::new("check-name").with("addresses", all.join(", "))
            }
            (Step::Name, _) => Text::new("check-name").with("addresses", ""),
            (Step::Access, _) => Text::new("check-access"),
            (Step::Proxy, Detail::Proxy(proxy)) => {
                Text::new("check-proxy").with("proxy", proxy.as_str())
            }
            (Step::Proxy, _) => Text::new("check-proxy").with("proxy", ""),
            (Step::Resume, Detail::NoIds) => Text::new("check-no-ids"),
            (Step::Resume, Detail::NotResumed) => Text::new("check-not-resumed"),
            (Step::Resume, _) => Text::new("check-resumed"),
            (Step::Connect, _) => Text::new("check-connect"),
            (Step::Tls, _) => Text::new("check-tls"),
            (Step::Answer, Detail::Redirected(to)) if !to.is_empty() => {
                Text::new("check-answer-redirected").with("location", to.join(" → "))
            }
            (Step::Answer, _) => Text::new("check-answer"),
            (Step::ContentType, Detail::ContentType(kind)) => {
                Text::new("check-content-type").with("type", kind.as_str())
            }
            (Step::ContentType, _) => Text::new("check-content-type").with("type", ""),
            (Step::FirstByte, _) => Text::new("check-first-byte").with(
                "ms",
                u64::try_from(step.after.as_millis()).unwrap_or(u64::MAX),
            ),
            (Step::KeepAlive, _) => Text::new("check-keep-alive"),
            (Step::FirstEvent, _) => Text::new("check-first-event"),
        }
    }
}

macro_rules! number_args {
    ($($number:ty),*) => { $(impl From<$number> for Arg {
        fn from(number: $number) -> Self {
            Arg::Number(i64::try_from(number).unwrap_or(i64::MAX))
        }
    })* };
}
number_args!(i64, u16, u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_arguments_and_plurals_in_both_languages() {
        let many = Text::new("announce-many").with("count", 3u32);
        assert_eq!(
            Localizer::new(Locale::English).text(&many),
            "3 messages while you were away"
        );
        assert_eq!(
            Localizer::new(Locale::Chinese).text(&many),
            "离开期间收到 3 条消息"
        );
    }

    #[test]
    fn a_moment_is_told_with_its_day_unless_it_is_near() {
        let now: Zoned = "2026-06-03T21:30[Asia/Shanghai]".parse().unwrap();
        let cases = [
            ("2026-06-03T00:05", "00:05", "00:05"),
            ("2026-06-04T08:00", "08:00", "08:00"),
            ("2026-06-04T09:30", "tomorrow 09:30", "明天 09:30"),
            ("2026-06-02T09:00", "yesterday 09:00", "昨天 09:00"),
            ("2026-06-05T08:00", "5 June 08:00", "6 月 5 日 08:00"),
            (
                "2025-12-31T08:00",
                "31 December 2025 08:00",
                "2025 年 12 月 31 日 08:00",
            ),
        ];
        for (moment, english, chinese) in cases {
            let moment: Zoned = format!("{moment}[Asia/Shanghai]").parse().unwrap();
            let text = Text::new("silenced-hours")
                .with("until", Arg::moment(moment.timestamp().as_millisecond()));
            let told = |locale| Localizer::new(locale).text_at(&text, &now);
            assert_eq!(
                told(Locale::English),
                format!("Kept silently, quiet hours until {english}")
            );
            assert_eq!(
                told(Locale::Chinese),
                format!("免打扰时段至 {chinese}，已静默保存")
            );
        }
    }

    #[test]
    fn a_number_that_is_a_name_has_no_groups() {
        let taken = Text::new("hub-port-taken").with("port", 12355u32);
        assert_eq!(
            Localizer::new(Locale::English).text(&taken),
            "Port 12355 is taken by another program. Choose another port for the hub."
        );
        assert_eq!(
            Localizer::new(Locale::Chinese).text(&taken),
            "端口 12355 已被其他程序占用。请为广播站选择其他端口。"
        );
    }

    #[test]
    fn an_unknown_id_shows_itself() {
        assert_eq!(
            Localizer::new(Locale::English).get("no-such-text"),
            "no-such-text"
        );
    }

    #[test]
    fn every_entry_parses() {
        for locale in [Locale::English, Locale::Chinese] {
            for source in locale.sources() {
                let parsed = FluentResource::try_new(source.to_owned());
                assert!(
                    parsed.is_ok(),
                    "{locale:?}: {:?}",
                    parsed.err().map(|e| e.1)
                );
            }
        }
    }

    #[test]
    fn system_tags_are_understood() {
        assert_eq!(Locale::from_tag("zh_CN.UTF-8"), Some(Locale::Chinese));
        assert_eq!(Locale::from_tag("en-GB"), Some(Locale::English));
        assert_eq!(Locale::from_tag("C.UTF-8"), Some(Locale::English));
        assert_eq!(Locale::from_tag("sw"), None);
    }
}
