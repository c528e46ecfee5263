//! The log: one file a day, a week of them, in the state folder. The level comes from `FEEDBELL_LOG`.

use tracing_appender::{
    non_blocking::{NonBlockingBuilder, WorkerGuard},
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::EnvFilter;

use crate::places::Places;

/// Log files that are kept.
const FILES: usize = 7;
/// Lines that may wait for the disk; further ones are dropped. Memory for all of them is taken at once.
const LINES: usize = 1024;

/// Starts the log. It is complete once the guard is dropped; none if the folder cannot be used.
#[must_use]
pub fn start(places: &Places) -> Option<WorkerGuard> {
    // The appender would make the folder too, for everybody to read.
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(&places.logs).ok()?;
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("feedbell")
        .filename_suffix("log")
        .max_log_files(FILES)
        .build(&places.logs)
        .ok()?;
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .finish(appender);
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter("info"))
        .with_ansi(false)
        .with_writer(writer)
        .try_init();
    started.ok().map(|()| guard)
}

/// The filter that `FEEDBELL_LOG` asks for. Dependencies log at `warn` unless they are named.
#[must_use]
pub fn filter(default: &str) -> EnvFilter {
    let own = std::env::var("FEEDBELL_LOG").unwrap_or_else(|_| default.to_owned());
    let directives = if own.contains(['=', ',']) {
        own
    } else {
        [
            "cli",
            "feed",
            "feedbell",
            "feedbell_desktop",
            "front",
            "hub",
            "notification",
            "notifier",
        ]
        .iter()
        // What fred warns of, the hub says in its own words.
        .fold("warn,fred=error".to_owned(), |all, name| {
            format!("{all},{name}={own}")
        })
    };
    EnvFilter::try_new(&directives).unwrap_or_else(|_| EnvFilter::new(default))
}
