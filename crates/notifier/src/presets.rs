//! Presets: saved mappings for known kinds of server. Data, one TOML file each in `presets/`.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::view::{PresetView, RuleForm, Text};

/// A mapping for a known kind of server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Preset {
    /// Its id, as settings name it.
    pub(crate) id: String,
    /// An address to start from.
    pub(crate) example: String,
    /// The kind of access it usually needs.
    #[serde(default)]
    pub(crate) access: Option<String>,
    /// Its feeds start muted.
    #[serde(default)]
    pub(crate) muted: bool,
    /// What its ids are worth.
    #[serde(default)]
    pub(crate) ids: Ids,
    /// The first event of a connection is an array of everything so far.
    #[serde(default)]
    pub(crate) array: bool,
    /// The event that says that events were lost.
    #[serde(default)]
    pub(crate) gap: Option<String>,
    /// Events after which the feed stops.
    #[serde(default)]
    pub(crate) stop_on: Vec<String>,
    /// Its rules.
    #[serde(default, rename = "rule")]
    pub(crate) rules: Vec<RuleForm>,
}

/// What the event ids of a server are worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ids {
    /// Documented as unique: the id alone is the key.
    Unique,
    /// They repeat, restart or stick: only with name and data.
    #[default]
    Loose,
}

const SOURCES: [&str; 6] = [
    include_str!("../presets/hub.toml"),
    include_str!("../presets/likes.toml"),
    include_str!("../presets/board.toml"),
    include_str!("../presets/counter.toml"),
    include_str!("../presets/pause.toml"),
    include_str!("../presets/clock.toml"),
];

/// Every preset, in the gallery's order.
#[must_use]
pub(crate) fn all() -> &'static [Preset] {
    static ALL: OnceLock<Vec<Preset>> = OnceLock::new();
    ALL.get_or_init(|| {
        SOURCES
            .iter()
            .filter_map(|source| toml_edit::de::from_str(source).ok())
            .collect()
    })
}

/// The preset with this id.
#[must_use]
pub(crate) fn find(id: &str) -> Option<&'static Preset> {
    all().iter().find(|preset| preset.id == id)
}

/// The preset that an address looks like.
#[must_use]
pub fn guess_preset(_url: &str) -> Option<String> {
    None
}

impl Preset {
    /// As the gallery shows it.
    #[must_use]
    pub(crate) fn view(&self) -> PresetView {
        PresetView {
            id: self.id.clone(),
            name: Text::new(&format!("preset-{}", self.id)),
            about: Text::new(&format!("preset-{}-about", self.id)),
            example: self.example.clone(),
            access: self.access.clone().unwrap_or_else(|| "none".to_owned()),
            muted: self.muted,
            history: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        rules,
        text::{Locale, Localizer},
    };

    #[test]
    fn every_file_is_a_preset_whose_rules_compile_and_whose_texts_exist() {
        for source in SOURCES {
            let preset: Preset = toml_edit::de::from_str(source).unwrap();
            for rule in &preset.rules {
                assert_eq!(rules::check(rule), [], "{}", preset.id);
            }
            for locale in [Locale::English, Locale::Chinese] {
                let localizer = Localizer::new(locale);
                let view = preset.view();
                assert!(localizer.find(&view.name.id).is_some(), "{}", view.name.id);
                assert!(
                    localizer.find(&view.about.id).is_some(),
                    "{}",
                    view.about.id
                );
            }
        }
    }
}
