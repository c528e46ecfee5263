//! Messages on their way out, into a file of their own.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::PathBuf,
};

use serde::Serialize;

use super::{Inbox, InboxError};
use crate::view::{ExportFormat, Exported, MessageDetail, MessageKind, MessageQuery, Urgency};

/// Messages read at once.
const CHUNK: usize = 200;
/// Names that are tried for a new file.
const NAMES: u32 = 1_000;

/// What to export, and how it is worded.
pub(crate) struct Export {
    /// The inbox.
    pub(crate) inbox: PathBuf,
    /// What matches.
    pub(crate) query: MessageQuery,
    /// The format.
    pub(crate) format: ExportFormat,
    /// Where the file goes.
    pub(crate) folder: PathBuf,
    /// Milliseconds since the Unix epoch.
    pub(crate) now: i64,
    /// The names of feeds by their ids.
    pub(crate) names: BTreeMap<String, String>,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    /// The inbox could not be read.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The file could not be written.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// One message as it is exported. The order is that of the columns.
#[derive(Serialize)]
struct Record<'a> {
    id: i64,
    received: String,
    feed: &'a str,
    feed_name: &'a str,
    kind: &'static str,
    event: &'a str,
    event_id: Option<&'a str>,
    title: &'a str,
    body: &'a str,
    link: Option<&'a str>,
    actor: Option<&'a str>,
    urgency: Urgency,
    unread: bool,
    pinned: bool,
    done: bool,
    data: &'a str,
}

const HEAD: [&str; 16] = [
    "id",
    "received",
    "feed",
    "feed_name",
    "kind",
    "event",
    "event_id",
    "title",
    "body",
    "link",
    "actor",
    "urgency",
    "unread",
    "pinned",
    "done",
    "data",
];

impl Export {
    /// Writes a new file, which only its owner can read. It is as the inbox was at one moment. What
    /// was begun and not finished is removed.
    ///
    /// # Errors
    /// When the inbox cannot be read or the file cannot be written.
    pub(crate) fn write(&self) -> Result<Exported, ExportError> {
        let inbox = Inbox::reader(&self.inbox)?;
        let (file, path) = self.create()?;
        let wrong = |source| ExportError::File {
            path: path.clone(),
            source,
        };
        let written = self.write_all(&inbox, BufWriter::new(&file), &wrong);
        let written = written.and_then(|count| {
            file.sync_all().map_err(wrong)?;
            Ok(count)
        });
        match written {
            Ok(count) => Ok(Exported {
                path: path.display().to_string(),
                count,
            }),
            Err(why) => {
                let _ = std::fs::remove_file(&path);
                Err(why)
            }
        }
    }

    fn write_all(
        &self,
        inbox: &Inbox,
        mut out: impl Write,
        wrong: &impl Fn(io::Error) -> ExportError,
    ) -> Result<u32, ExportError> {
        let name = |feed: &str| self.names.get(feed).cloned().unwrap_or(feed.to_owned());
        let query = MessageQuery {
            fold: false,
            before: None,
            ..self.query.clone()
        };
        let _one_moment = inbox.hold()?;
        let list = inbox.list(&query)?;
        let (mut before, mut count) = (i64::MAX, 0);
        begin(self.format, &mut out).map_err(wrong)?;
        loop {
            let ids = inbox.newest(&list, before, CHUNK)?;
            for id in &ids {
                if let Some(message) = inbox.message(*id, name)? {
                    put(self.format, &record(&message), count == 0, &mut out).map_err(wrong)?;
                    count += 1;
                }
            }
            match ids.last() {
                Some(last) if ids.len() == CHUNK => before = *last,
                _ => break,
            }
        }
        end(self.format, &mut out).map_err(wrong)?;
        out.flush().map_err(wrong)?;
        Ok(count)
    }

    /// A file that was not there before.
    fn create(&self) -> Result<(File, PathBuf), ExportError> {
        let day = jiff::Timestamp::from_millisecond(self.now)
            .map(|now| {
                now.to_zoned(jiff::tz::TimeZone::system())
                    .strftime("%Y-%m-%d")
                    .to_string()
            })
            .unwrap_or_default();
        let ending = match self.format {
            ExportFormat::Json => "json",
            ExportFormat::Csv => "csv",
        };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        for number in 1..=NAMES {
            let more = if number == 1 {
                String::new()
            } else {
                format!("-{number}")
            };
            let path = self
                .folder
                .join(format!("feedbell-messages-{day}{more}.{ending}"));
            match options.open(&path) {
                Ok(file) => return Ok((file, path)),
                Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(ExportError::File { path, source }),
            }
        }
        Err(ExportError::File {
            path: self.folder.clone(),
            source: io::ErrorKind::AlreadyExists.into(),
        })
    }
}

impl Inbox {
    /// Holds on to what the inbox is now, for this connection, until it is closed or dropped.
    pub(super) fn hold(&self) -> Result<rusqlite::Transaction<'_>, InboxError> {
        let tx = self.db.unchecked_transaction()?;
        // A transaction begins with its first read.
        tx.query_row("SELECT count(*) FROM state", [], |_| Ok(()))?;
        Ok(tx)
    }
}

fn record(message: &MessageDetail) -> Record<'_> {
    let row = &message.row;
    Record {
        id: row.id,
        received: jiff::Timestamp::from_millisecond(row.received)
            .map(|at| at.to_string())
            .unwrap_or_default(),
        feed: &row.feed,
        feed_name: &row.feed_name,
        kind: match row.kind {
            MessageKind::Event => "event",
            MessageKind::Gap { .. } => "gap",
        },
        event: &row.event,
        event_id: message.raw.id.as_deref(),
        title: &row.title,
        body: &message.body,
        link: message.link.as_deref(),
        actor: row.actors.first().map(String::as_str),
        urgency: row.urgency,
        unread: row.unread,
        pinned: row.pinned,
        done: row.done,
        data: &message.raw.data,
    }
}

fn begin(format: ExportFormat, out: &mut impl Write) -> io::Result<()> {
    match format {
        ExportFormat::Json => out.write_all(b"["),
        // Spreadsheets take the text for UTF-8 by its mark alone.
        ExportFormat::Csv => write!(out, "\u{feff}{}\r\n", HEAD.join(",")),
    }
}

fn put(
    format: ExportFormat,
    record: &Record<'_>,
    first: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        ExportFormat::Json => {
            out.write_all(if first { b"\n" } else { b",\n" })?;
            serde_json::to_writer(out, record)?;
            Ok(())
        }
        ExportFormat::Csv => {
            let urgency = match record.urgency {
                Urgency::Low => "low",
                Urgency::Normal => "normal",
                Urgency::High => "high",
                Urgency::Urgent => "urgent",
            };
            let yes = |fact: bool| if fact { "true" } else { "false" };
            let id = record.id.to_string();
            let fields = [
                &id,
                record.received.as_str(),
                record.feed,
                record.feed_name,
                record.kind,
                record.event,
                record.event_id.unwrap_or_default(),
                record.title,
                record.body,
                record.link.unwrap_or_default(),
                record.actor.unwrap_or_default(),
                urgency,
                yes(record.unread),
                yes(record.pinned),
                yes(record.done),
                record.data,
            ];
            for (place, field) in fields.into_iter().enumerate() {
                if place > 0 {
                    out.write_all(b",")?;
                }
                write_field(field, out)?;
            }
            out.write_all(b"\r\n")
        }
    }
}

fn end(format: ExportFormat, out: &mut impl Write) -> io::Result<()> {
    match format {
        ExportFormat::Json => out.write_all(b"\n]\n"),
        ExportFormat::Csv => Ok(()),
    }
}

/// One field of RFC 4180. What a spreadsheet would take for a formula gets an apostrophe before it.
fn write_field(field: &str, out: &mut impl Write) -> io::Result<()> {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    if formula || field.contains([',', '"', '\r', '\n']) {
        write!(
            out,
            "\"{}{}\"",
            if formula { "'" } else { "" },
            field.replace('"', "\"\"")
        )
    } else {
        out.write_all(field.as_bytes())
    }
}
