//! What people read in a terminal: in their language, and harmless.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use notifier::{Locale, Localizer, view::Text};

use crate::exit::Ended;

/// Standard output and standard error, with the user's language.
#[derive(Debug)]
pub(crate) struct Terminal {
    localizer: Localizer,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        Self {
            localizer: Localizer::new(Locale::from_setting("auto")),
        }
    }

    /// The texts in the system's language.
    pub(crate) fn words(&self) -> &Localizer {
        &self.localizer
    }

    pub(crate) fn text(&self, text: impl Into<Text>) -> String {
        self.localizer.text(&text.into())
    }

    pub(crate) fn get(&self, id: &str) -> String {
        self.localizer.get(id)
    }

    /// A line on standard output, at once there for whoever reads it.
    pub(crate) fn say(&self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// News on standard error. Nobody listening there is no trouble.
    pub(crate) fn note(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{line}");
    }

    pub(crate) fn fail(&self, why: &anyhow::Error) -> ExitCode {
        self.note(&format!("{why:#}"));
        Ended::Trouble.into()
    }
}

/// Text from outside, without the control characters that would steer the terminal. With `lines`,
/// line ends stay.
pub(crate) fn harmless(text: &str, lines: bool) -> String {
    text.chars()
        .map(|character| match character {
            '\n' if lines => '\n',
            '\t' => ' ',
            // C0, DEL, C1, and the marks that turn the reading direction.
            c if c.is_control()
                || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') =>
            {
                '\u{FFFD}'
            }
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        assert_eq!(
            harmless("a\u{1b}[2Jb\u{7}\u{9b}1m\tc\nd", false),
            "a\u{FFFD}[2Jb\u{FFFD}\u{FFFD}1m c\u{FFFD}d"
        );
        assert_eq!(harmless("第一行\nsecond", true), "第一行\nsecond");
    }
}
