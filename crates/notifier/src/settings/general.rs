//! The general settings, from the document and into it, checked like their form.

use std::fmt::Write as _;

use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::{
    read::{Fields, check_proxy},
    write::{list, set, table},
};
use crate::view::{
    FieldError, GeneralForm, NotificationForm, QuietHours, Sound, Text, Theme, Urgency,
};

/// More of them nobody can have wanted.
const MOST_HOURS: usize = 64;
/// A hundred years.
const MOST_DAYS: u32 = 36_500;
/// A day.
const MOST_MINUTES: u32 = 24 * 60;
/// Minutes of a day; as an end it is midnight.
const DAY: u16 = 24 * 60;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MODIFIERS: [&str; 10] = [
    "ctrl",
    "control",
    "alt",
    "option",
    "shift",
    "super",
    "cmd",
    "command",
    "commandorcontrol",
    "cmdorctrl",
];
const KEYS: [&str; 29] = [
    "space",
    "tab",
    "enter",
    "escape",
    "backspace",
    "delete",
    "insert",
    "home",
    "end",
    "pageup",
    "pagedown",
    "up",
    "down",
    "left",
    "right",
    "arrowup",
    "arrowdown",
    "arrowleft",
    "arrowright",
    "minus",
    "equal",
    "comma",
    "period",
    "slash",
    "backslash",
    "semicolon",
    "quote",
    "backquote",
    "printscreen",
];

/// Where a field of the form is in the file.
const PLACES: [(&str, &str); 5] = [
    ("keep_days", "inbox.keep_days"),
    ("sound", "notifications.sound"),
    ("proxy", "network.proxy"),
    ("shortcut", "window.shortcut"),
    ("window_minutes", "window.keep_minutes"),
];

/// What is wrong is named, and the default counts in its place.
pub(super) fn read_general(root: &mut Fields<'_, '_>) -> GeneralForm {
    let mut form = GeneralForm::default();
    read_into(&mut form.language, root.words("language"));
    if let Some(mut table) = root.table("appearance") {
        read_into(&mut form.theme, table.one_of("theme", "field-theme", theme));
        read_into(&mut form.tray_count, table.flag("tray_count"));
    }
    if let Some(mut table) = root.table("inbox") {
        read_into(&mut form.keep_days, table.number("keep_days"));
    }
    if let Some(mut table) = root.table("notifications") {
        read_into(&mut form.hide_content, table.flag("hide_content"));
        read_into(
            &mut form.sound,
            table.words("sound").map(|word| sound(&word)),
        );
    }
    if let Some(mut table) = root.table("quiet") {
        let quiet = &mut form.quiet;
        read_into(&mut quiet.on, table.flag("on"));
        read_into(&mut quiet.follow_system, table.flag("follow_system"));
        let least = table.one_of("breakthrough", "field-breakthrough", breakthrough);
        read_into(&mut quiet.breakthrough, least);
        for (place, hours) in table.tables("hours").into_iter().enumerate() {
            quiet.hours.extend(read_hours(&mut table, place, hours));
        }
    }
    if let Some(mut table) = root.table("network") {
        let proxy = table.words("proxy");
        read_into(&mut form.proxy, proxy.map(|proxy| proxy.trim().to_owned()));
    }
    if let Some(mut table) = root.table("window") {
        let shortcut = table.words("shortcut");
        read_into(
            &mut form.shortcut,
            shortcut.map(|shortcut| shortcut.trim().to_owned()),
        );
        read_into(&mut form.window_minutes, table.number("keep_minutes"));
    }
    let defaults = GeneralForm::default();
    for error in check_general(&form) {
        match error.field.as_str() {
            "language" => form.language.clone_from(&defaults.language),
            "keep_days" => form.keep_days = defaults.keep_days,
            "sound" => form.sound = defaults.sound.clone(),
            "proxy" => form.proxy.clear(),
            "shortcut" => form.shortcut.clear(),
            "window_minutes" => form.window_minutes = defaults.window_minutes,
            // Hours were checked one by one; there are too many of them.
            _ => form.quiet.hours.truncate(MOST_HOURS),
        }
        let place = PLACES.iter().find(|(field, _)| *field == error.field);
        root.wrong(
            place.map_or(error.field.as_str(), |(_, path)| path),
            error.text,
        );
    }
    form
}

/// Checks the form of the general settings.
pub(crate) fn check_general(form: &GeneralForm) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, text: Text| {
        errors.push(FieldError {
            field: field.to_owned(),
            text,
        });
    };
    if !["auto", "en", "zh-CN"].contains(&form.language.as_str()) {
        wrong("language", Text::new("field-language"));
    }
    if form.keep_days > MOST_DAYS {
        wrong("keep_days", too_much(MOST_DAYS));
    }
    if let Some(text) = check_sound(&form.sound) {
        wrong("sound", text);
    }
    if form.quiet.hours.len() > MOST_HOURS {
        wrong("quiet.hours", too_much(MOST_HOURS));
    }
    for (place, hours) in form.quiet.hours.iter().enumerate() {
        for (field, text) in check_hours(hours) {
            wrong(&format!("quiet.hours.{place}.{field}"), text);
        }
    }
    if let Some(text) = check_proxy(form.proxy.trim()) {
        wrong("proxy", text);
    }
    let shortcut = form.shortcut.trim();
    if !shortcut.is_empty() && !is_shortcut(shortcut) {
        wrong(
            "shortcut",
            Text::new("field-shortcut").with("value", shortcut),
        );
    }
    if form.window_minutes > MOST_MINUTES {
        wrong("window_minutes", too_much(MOST_MINUTES));
    }
    errors
}

/// The days of a feed, if it has its own.
pub(super) fn check_days(days: Option<u32>) -> Option<Text> {
    days.filter(|days| *days > MOST_DAYS)
        .map(|_| too_much(MOST_DAYS))
}

/// `[feed.notification]`
pub(super) fn read_notification(feed: &mut Fields<'_, '_>) -> NotificationForm {
    let mut form = NotificationForm::default();
    if let Some(mut table) = feed.table("notification") {
        read_into(
            &mut form.sound,
            table.words("sound").map(|word| sound(&word)),
        );
        read_into(&mut form.hide_content, table.flag("hide_content"));
        read_into(&mut form.remote_icons, table.flag("remote_icons"));
        read_into(&mut form.http_actions, table.flag("http_actions"));
        if let Some(text) = check_sound(&form.sound) {
            table.wrong("sound", text);
        }
    }
    form
}

pub(super) fn check_sound(sound: &Sound) -> Option<Text> {
    let Sound::Named { name } = sound else {
        return None;
    };
    let fits = (1..=64).contains(&name.len())
        && !["system", "silent"].contains(&name.as_str())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    (!fits).then(|| Text::new("field-sound").with("value", name.as_str()))
}

pub(super) fn put_general(document: &mut DocumentMut, form: &GeneralForm) {
    let mut errors = Vec::new();
    let before = read_general(&mut Fields::new(
        document.as_table(),
        String::new(),
        &mut errors,
    ));
    let defaults = GeneralForm::default();
    set(
        document.as_table_mut(),
        "language",
        Some((&form.language).into()),
    );
    let days = i64::from(form.keep_days);
    set(table(document, "inbox"), "keep_days", Some(days.into()));
    let mut put = |place: (&str, &str), new: Value, usual: bool| {
        let known = document
            .get(place.0)
            .and_then(Item::as_table_like)
            .is_some_and(|table| table.contains_key(place.1));
        // A key that only repeats the default is noise, unless a person wrote it.
        if known || !usual {
            set(table(document, place.0), place.1, Some(new));
        }
    };
    put(
        ("appearance", "theme"),
        theme_word(form.theme).into(),
        form.theme == defaults.theme,
    );
    put(
        ("appearance", "tray_count"),
        form.tray_count.into(),
        form.tray_count == defaults.tray_count,
    );
    put(
        ("notifications", "hide_content"),
        form.hide_content.into(),
        form.hide_content == defaults.hide_content,
    );
    put(
        ("notifications", "sound"),
        sound_word(&form.sound).into(),
        form.sound == defaults.sound,
    );
    let quiet = &form.quiet;
    put(
        ("quiet", "on"),
        quiet.on.into(),
        quiet.on == defaults.quiet.on,
    );
    put(
        ("quiet", "breakthrough"),
        breakthrough_word(quiet.breakthrough).into(),
        quiet.breakthrough == defaults.quiet.breakthrough,
    );
    put(
        ("quiet", "follow_system"),
        quiet.follow_system.into(),
        quiet.follow_system == defaults.quiet.follow_system,
    );
    put(
        ("network", "proxy"),
        form.proxy.trim().into(),
        form.proxy.trim() == defaults.proxy,
    );
    put(
        ("window", "shortcut"),
        form.shortcut.trim().into(),
        form.shortcut.trim() == defaults.shortcut,
    );
    put(
        ("window", "keep_minutes"),
        i64::from(form.window_minutes).into(),
        form.window_minutes == defaults.window_minutes,
    );
    if quiet.hours != before.quiet.hours {
        put_hours(table(document, "quiet"), &quiet.hours);
    }
}

pub(super) fn put_notification(feed: &mut Table, form: &NotificationForm) {
    let inline = feed.get("notification").and_then(Item::as_inline_table);
    if let Some(inline) = inline.cloned() {
        feed["notification"] = Item::Table(inline.into_table());
    }
    if !feed.contains_key("notification") {
        if *form == NotificationForm::default() {
            return;
        }
        feed["notification"] = Item::Table(Table::new());
    }
    let Some(table) = feed["notification"].as_table_mut() else {
        return;
    };
    let sound = (form.sound != Sound::System).then(|| sound_word(&form.sound).into());
    set(table, "sound", sound);
    set(
        table,
        "hide_content",
        form.hide_content.then(|| true.into()),
    );
    set(
        table,
        "remote_icons",
        form.remote_icons.then(|| true.into()),
    );
    set(
        table,
        "http_actions",
        form.http_actions.then(|| true.into()),
    );
}

fn read_into<T>(field: &mut T, found: Option<T>) {
    if let Some(found) = found {
        *field = found;
    }
}

fn theme(word: &str) -> Option<Theme> {
    match word {
        "system" => Some(Theme::System),
        "light" => Some(Theme::Light),
        "dark" => Some(Theme::Dark),
        _ => None,
    }
}

fn theme_word(theme: Theme) -> &'static str {
    match theme {
        Theme::System => "system",
        Theme::Light => "light",
        Theme::Dark => "dark",
    }
}

fn sound(word: &str) -> Sound {
    match word {
        "system" => Sound::System,
        "silent" => Sound::Silent,
        name => Sound::Named {
            name: name.to_owned(),
        },
    }
}

fn sound_word(sound: &Sound) -> &str {
    match sound {
        Sound::System => "system",
        Sound::Silent => "silent",
        Sound::Named { name } => name,
    }
}

fn breakthrough(word: &str) -> Option<Option<Urgency>> {
    match word {
        "none" => Some(None),
        "low" => Some(Some(Urgency::Low)),
        "normal" => Some(Some(Urgency::Normal)),
        "high" => Some(Some(Urgency::High)),
        "urgent" => Some(Some(Urgency::Urgent)),
        _ => None,
    }
}

fn breakthrough_word(least: Option<Urgency>) -> &'static str {
    match least {
        None => "none",
        Some(Urgency::Low) => "low",
        Some(Urgency::Normal) => "normal",
        Some(Urgency::High) => "high",
        Some(Urgency::Urgent) => "urgent",
    }
}

/// One table of `[[quiet.hours]]`; nothing if something in it is wrong.
fn read_hours(
    quiet: &mut Fields<'_, '_>,
    place: usize,
    table: &dyn TableLike,
) -> Option<QuietHours> {
    let mut errors = Vec::new();
    let mut fields = Fields::new(table, String::new(), &mut errors);
    let days = if fields.has("days") {
        let words = fields.list("days");
        let numbers = words.iter().map(|word| {
            let place = DAYS.iter().position(|day| day == word);
            place.and_then(|place| u8::try_from(place + 1).ok())
        });
        // Seven are no day, and said so below.
        numbers.map(Option::unwrap_or_default).collect()
    } else {
        (1..=7).collect()
    };
    let mut clock = |name: &str| {
        let word = fields.words(name);
        match word.as_deref().map(minutes) {
            Some(Some(minutes)) => minutes,
            Some(None) => u16::MAX,
            None => {
                if !fields.has(name) {
                    fields.wrong(name, clock_text(""));
                }
                0
            }
        }
    };
    let (from, until) = (clock("from"), clock("until"));
    let hours = QuietHours { days, from, until };
    if errors.is_empty() {
        errors.extend(check_hours(&hours).into_iter().map(|(field, text)| {
            let found = table.get(field).and_then(Item::as_str);
            FieldError {
                field: field.to_owned(),
                text: found.map_or(text, clock_text),
            }
        }));
    }
    let good = errors.is_empty();
    for FieldError { field, text } in errors {
        quiet.wrong(&format!("hours.{place}.{field}"), text);
    }
    good.then_some(hours)
}

fn check_hours(hours: &QuietHours) -> Vec<(&'static str, Text)> {
    let mut errors = Vec::new();
    if hours.days.is_empty() || hours.days.iter().any(|day| !(1..=7).contains(day)) {
        errors.push(("days", Text::new("field-days")));
    }
    if hours.from >= DAY {
        errors.push(("from", clock_text("")));
    }
    if hours.until > DAY {
        errors.push(("until", clock_text("")));
    }
    errors
}

fn clock_text(value: &str) -> Text {
    if value.is_empty() {
        Text::new("field-clock-missing")
    } else {
        Text::new("field-clock").with("value", value)
    }
}

/// Minutes after midnight of `22:00`, also of `24:00`.
fn minutes(word: &str) -> Option<u16> {
    let (hours, minutes) = word.trim().split_once(':')?;
    let number = |digits: &str| -> Option<u16> {
        let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY).then_some(all)
}

fn clock_word(minutes: u16) -> String {
    let mut word = String::with_capacity(5);
    let _ = write!(word, "{:02}:{:02}", minutes / 60, minutes % 60);
    word
}

fn put_hours(quiet: &mut Table, hours: &[QuietHours]) {
    if hours.is_empty() {
        quiet.remove("hours");
        return;
    }
    if !quiet.get("hours").is_some_and(Item::is_array_of_tables) {
        let inline = quiet.get("hours").and_then(Item::as_array).map(|array| {
            let tables = array.iter().filter_map(Value::as_inline_table).cloned();
            tables
                .map(InlineTable::into_table)
                .collect::<ArrayOfTables>()
        });
        quiet["hours"] = Item::ArrayOfTables(inline.unwrap_or_default());
    }
    let Some(tables) = quiet["hours"].as_array_of_tables_mut() else {
        return;
    };
    while tables.len() > hours.len() {
        tables.remove(tables.len() - 1);
    }
    for (place, hours) in hours.iter().enumerate() {
        if place == tables.len() {
            tables.push(Table::new());
        }
        let Some(table) = tables.get_mut(place) else {
            continue;
        };
        let days: Vec<String> = hours
            .days
            .iter()
            .filter_map(|day| DAYS.get(usize::from(*day).wrapping_sub(1)))
            .map(|day| (*day).to_owned())
            .collect();
        set(table, "days", list(&days));
        set(table, "from", Some(clock_word(hours.from).into()));
        set(table, "until", Some(clock_word(hours.until).into()));
    }
}

/// Modifiers, then one key: whether the system gives it to us is seen when it is asked.
fn is_shortcut(words: &str) -> bool {
    let mut parts: Vec<String> = words
        .split('+')
        .map(|part| part.trim().to_ascii_lowercase())
        .collect();
    let Some(key) = parts.pop() else {
        return false;
    };
    let function = key
        .strip_prefix('f')
        .and_then(|number| number.parse::<u8>().ok())
        .is_some_and(|number| (1..=24).contains(&number));
    let letter = key.len() == 1 && key.bytes().all(|b| b.is_ascii_graphic());
    let known = letter || function || KEYS.contains(&key.as_str());
    let mut once = parts.clone();
    once.sort();
    once.dedup();
    // Shift and a letter alone is writing.
    let chord = parts.iter().any(|part| part != "shift");
    let modifiers = parts.iter().all(|part| MODIFIERS.contains(&part.as_str()));
    known && modifiers && once.len() == parts.len() && (chord || function)
}

fn too_much(most: impl Into<crate::view::Arg>) -> Text {
    Text::new("field-too-much").with("most", most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_read_to_the_minute() {
        for (word, expected) in [
            ("22:00", Some(1320)),
            ("08:30", Some(510)),
            ("8:30", Some(510)),
            ("00:00", Some(0)),
            ("24:00", Some(1440)),
            ("24:01", None),
            ("12:60", None),
            ("12", None),
            ("-1:00", None),
            ("+1:00", None),
            ("12:0x", None),
            ("", None),
        ] {
            assert_eq!(minutes(word), expected, "{word}");
        }
        for all in [0, 1, 59, 60, 1439, 1440] {
            assert_eq!(minutes(&clock_word(all)), Some(all));
        }
    }

    #[test]
    fn shortcuts_are_modifiers_and_one_key() {
        for good in [
            "Ctrl+Alt+B",
            "super+space",
            "F9",
            "Shift+F2",
            "Ctrl + Shift + ArrowUp",
        ] {
            assert!(is_shortcut(good), "{good}");
        }
        for bad in [
            "B",
            "Shift+B",
            "Ctrl",
            "Ctrl+",
            "Ctrl+Ctrl+B",
            "Ctrl+Alt",
            "Ctrl+Foo",
            "F25",
            "Strg+B",
            "Ctrl+铃",
        ] {
            assert!(!is_shortcut(bad), "{bad}");
        }
    }
}
