//! The arrows between the crates, read from the manifests. A new arrow is a decision, not an accident.

#![expect(clippy::unwrap_used, reason = "a test file, helpers included")]

use std::{collections::BTreeSet, fs, path::Path};

use toml_edit::{DocumentMut, Item};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Who may use which of our crates, tests aside.
const ARROWS: [(&str, &[&str]); 9] = [
    ("sse", &[]),
    ("feed", &["sse"]),
    ("hub", &["sse"]),
    ("notifier", &["feed", "hub", "pages", "sse"]),
    ("notification", &[]),
    ("pages", &[]),
    ("front", &["notification", "notifier"]),
    ("cli", &["feed", "front", "hub", "notifier", "pages"]),
    ("feedbell-desktop", &["front", "notifier"]),
];

/// What needs a screen stays out of everything under `crates/`.
const SCREEN: [&str; 6] = ["tauri", "wry", "tao", "gtk", "gdk", "webkit2gtk"];

#[test]
fn crates_use_each_other_in_one_direction() {
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ARROWS {
        let used = dependencies(&manifest(name));
        let arrows: BTreeSet<&str> = used
            .iter()
            .map(String::as_str)
            .filter(|used| ours.contains(used))
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert!(
            arrows.is_subset(&allowed),
            "{name} uses {arrows:?}, may use {allowed:?}"
        );
    }
}

#[test]
fn every_crate_is_known_here() {
    let found: BTreeSet<String> = fs::read_dir(Path::new(ROOT).join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known: BTreeSet<String> = ARROWS
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .filter(|name| name != "feedbell-desktop")
        .collect();
    assert_eq!(found, known);
}

#[test]
fn nothing_under_crates_needs_a_screen() {
    for (name, _) in ARROWS
        .iter()
        .filter(|(name, _)| *name != "feedbell-desktop")
    {
        for used in dependencies(&manifest(name)) {
            let screen = SCREEN
                .iter()
                .any(|screen| used == *screen || used.starts_with(&format!("{screen}-")));
            assert!(!screen, "{name} uses {used}");
        }
    }
}

fn manifest(name: &str) -> DocumentMut {
    let path = match name {
        "feedbell-desktop" => Path::new(ROOT).join("Cargo.toml"),
        name => Path::new(ROOT).join("crates").join(name).join("Cargo.toml"),
    };
    fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The names under `dependencies`, those of single systems and of the build included.
fn dependencies(manifest: &DocumentMut) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |item: Option<&Item>| {
        let tables = item.and_then(Item::as_table_like).into_iter();
        names.extend(
            tables
                .flat_map(|table| table.iter())
                .map(|(name, _)| name.to_owned()),
        );
    };
    add(manifest.get("dependencies"));
    add(manifest.get("build-dependencies"));
    if let Some(targets) = manifest.get("target").and_then(Item::as_table_like) {
        for (_, target) in targets.iter() {
            add(target.get("dependencies"));
        }
    }
    names
}
