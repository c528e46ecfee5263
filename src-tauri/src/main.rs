//! Feedbell with a screen: tray, window, notifications. What it decides, the notifier decided.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod app;
mod commands;
mod desktop;
mod keeper;
mod mailbox;
mod os;
mod tray;
mod window;

use std::process::ExitCode;

use front::{logging, places::Places};
use notifier::{Locale, Localizer, view::Text};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(ended) => return ended,
    };
    let localizer = Localizer::new(Locale::from_setting("auto"));
    if !os::has_display() {
        return fail(&localizer.get("desktop-no-display"));
    }
    let started = Places::find()
        .map_err(anyhow::Error::from)
        .and_then(|places| {
            let _log = logging::start(&places);
            app::run(options, &places, &localizer)
        });
    match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let why = format!("{why:#}");
            fail(&localizer.text(&Text::new("desktop-failed").with("why", why)))
        }
    }
}

/// What the command line says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// Start the hub and a feed subscribed to it.
    trying: bool,
    /// Open no window.
    hidden: bool,
}

const USAGE: &str = "Usage: feedbell-desktop [--try] [--hidden]

  --try     start the hub and a feed subscribed to it
  --hidden  start in the tray, without a window";

impl Options {
    /// Two flags need no library; the command line with everything is `feedbell`.
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self, ExitCode> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--try" => options.trying = true,
                "--hidden" => options.hidden = true,
                "--help" | "-h" => {
                    print(USAGE);
                    return Err(ExitCode::SUCCESS);
                }
                "--version" | "-V" => {
                    print(&format!("feedbell-desktop {}", env!("CARGO_PKG_VERSION")));
                    return Err(ExitCode::SUCCESS);
                }
                other => {
                    fail(&format!(
                        "feedbell-desktop: unknown option {other:?}\n\n{USAGE}"
                    ));
                    return Err(ExitCode::from(2));
                }
            }
        }
        Ok(options)
    }
}

#[expect(clippy::print_stdout, reason = "a binary answers --help and --version")]
fn print(text: &str) {
    println!("{text}");
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a binary that cannot go on"
)]
fn fail(sentence: &str) -> ExitCode {
    eprintln!("{sentence}");
    ExitCode::FAILURE
}
