//! An entry among what the session starts: freedesktop's “Desktop Application Autostart”.

use std::{
    io,
    path::{Path, PathBuf},
};

const NAME: &str = "feedbell.desktop";

/// Whether the session starts us.
pub(crate) fn is_autostarted() -> bool {
    entry().is_some_and(|entry| is_on(&entry))
}

/// Has the session start us, or not.
///
/// # Errors
/// When the entry cannot be written or removed.
pub(crate) fn set_autostart(on: bool) -> io::Result<()> {
    let entry = entry().ok_or_else(|| io::Error::other("no home folder"))?;
    if !on {
        return match std::fs::remove_file(&entry) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => Err(why),
            _ => Ok(()),
        };
    }
    // An AppImage runs from a folder that is gone after the session.
    let program = match std::env::var_os("APPIMAGE") {
        Some(image) => PathBuf::from(image),
        None => std::env::current_exe()?,
    };
    write(&entry, &program)
}

fn entry() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    // A relative path there counts as none.
    let config = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(config.join("autostart").join(NAME))
}

/// Desktops switch an entry off without removing it.
fn is_on(entry: &Path) -> bool {
    std::fs::read_to_string(entry).is_ok_and(|text| {
        !text.lines().any(|line| {
            let pair = line.split_once('=');
            matches!(
                pair.map(|(key, value)| (key.trim(), value.trim())),
                Some(("Hidden", "true") | ("X-GNOME-Autostart-enabled", "false"))
            )
        })
    })
}

fn write(entry: &Path, program: &Path) -> io::Result<()> {
    let program = program
        .to_str()
        .ok_or_else(|| io::Error::other("the program's path is no text"))?;
    if let Some(folder) = entry.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let text = format!(
        "[Desktop Entry]\nType=Application\nName=Feedbell\nExec={} --hidden\nIcon=feedbell-desktop\n\
         Terminal=false\nX-GNOME-Autostart-enabled=true\n",
        quoted(program)
    );
    let new = entry.with_extension("desktop.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, entry)
}

/// One argument of `Exec`: quoted as a command, then as a text of the file, `%` being a field.
fn quoted(argument: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in argument.chars() {
        match letter {
            '"' | '`' | '$' => {
                quoted.push_str("\\\\");
                quoted.push(letter);
            }
            '\\' => quoted.push_str("\\\\\\\\"),
            '%' => quoted.push_str("%%"),
            '\n' => quoted.push_str("\\n"),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_on_until_it_is_switched_off() {
        let folder = tempfile::tempdir().unwrap();
        let entry = folder.path().join("autostart").join(NAME);
        assert!(!is_on(&entry));
        write(&entry, Path::new("/usr/bin/feedbell-desktop")).unwrap();
        assert!(is_on(&entry));
        let text = std::fs::read_to_string(&entry).unwrap();
        assert!(text.contains("\nExec=\"/usr/bin/feedbell-desktop\" --hidden\n"));
        for off in ["Hidden=true", "X-GNOME-Autostart-enabled = false"] {
            std::fs::write(&entry, format!("{text}{off}\n")).unwrap();
            assert!(!is_on(&entry), "{off}");
        }
    }

    #[test]
    fn a_path_survives_both_quotings() {
        assert_eq!(quoted("/a b/c"), r#""/a b/c""#);
        assert_eq!(quoted("/100%/$HOME"), r#""/100%%/\\$HOME""#);
        assert_eq!(quoted(r#"/a"b\c"#), r#""/a\\"b\\\\c""#);
    }
}
