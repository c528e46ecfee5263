//! A log that is the copy of one that several nodes share: its events have their
//! numbers and times from there.

use std::time::Duration;

use rusqlite::{Connection, params};
use sse::EventName;

use super::ledger::{Extent, Ledger as _, Origin, Schedule, key_column};
use super::store::{self, Stored};
use super::writer::Work;
use crate::Epoch;
use crate::message::MessageId;
use crate::publication::{Audience, Publication};
use crate::record::Record;
use crate::window::Entry;
use crate::{MAX_DATA, Position};

/// An event as the shared log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) seq: u64,
    /// When it came into the log, in Unix microseconds.
    pub(crate) micros: i64,
    /// Unix milliseconds from which on it is no longer delivered.
    pub(crate) expires: Option<i64>,
    /// The rest of it. Its time to live and when it is due are in the above.
    pub(crate) publication: Publication,
}

/// What a copy does because the shared log did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    #[default]
    Rest,
    /// Takes these, in their order. Where numbers are missing, nothing is there.
    Events(Vec<Copied>),
    /// Gives up all it has: the other log was cut up to here, and what this one
    /// has not copied of that is lost to it.
    Cut(u64),
    /// Becomes the copy of another log, of which it has nothing yet.
    Anew {
        epoch: Epoch,
        base: u64,
        lineage: u64,
        /// What is there begins after this number, which is higher than all that
        /// this log had.
        after: u64,
    },
    /// Its history has become that of the shared log, and what was scheduled is
    /// scheduled there.
    Shared(Origin),
    /// Another node is called as this one was: its folder is a copy of that one's.
    Rename(String),
}

impl Work<Stored<'_>> {
    /// Takes a step of the shared log.
    pub(super) fn follow(&mut self, step: Step) -> rusqlite::Result<()> {
        match step {
            Step::Rest => Ok(()),
            Step::Events(events) => events.into_iter().try_for_each(|event| self.copy(event)),
            Step::Cut(upto) => {
                if upto > self.state.extent.head {
                    self.skip(upto);
                }
                Ok(())
            }
            Step::Anew {
                epoch,
                base,
                lineage,
                after,
            } => {
                self.start_anew(epoch, after)?;
                self.set_origin(Origin {
                    base,
                    micros: 0,
                    lineage,
                })
            }
            Step::Rename(name) => {
                let named = self.ledger.0.execute("UPDATE hub SET node = ?1", [name]);
                named.map(drop)
            }
            Step::Shared(origin) => {
                self.ledger.0.execute("DELETE FROM scheduled", [])?;
                self.state.schedule = Schedule::default();
                self.set_origin(origin)
            }
        }
    }

    fn copy(&mut self, event: Copied) -> rusqlite::Result<()> {
        let Copied {
            seq,
            micros,
            expires,
            publication,
        } = event;
        let Extent { epoch, head, .. } = self.state.extent;
        if seq <= head {
            return Ok(());
        }
        if seq > head + 1 {
            // The window has no holes: it begins behind this one.
            self.anew = Some(seq - 1);
            self.entries.clear();
        }
        let key = key_column(&publication);
        // It came again after it was forgotten there; here it goes later.
        for (id, sql) in [
            (key.as_deref(), "UPDATE log SET key = NULL WHERE key = ?1"),
            (
                publication.message.as_ref().map(MessageId::as_str),
                "UPDATE log SET message = NULL WHERE message = ?1",
            ),
        ] {
            if let Some(id) = id {
                self.ledger.0.prepare_cached(sql)?.execute([id])?;
            }
        }
        let state = &mut self.state;
        state.last_at = state.last_at.max(micros / 1000);
        let fact = publication.fact;
        let record = Record {
            expires,
            ..Record::of(Position { epoch, seq }, state.last_at, publication)
        };
        let bytes = self.ledger.insert(&record, key, fact)?;
        state.kept += 1;
        state.extent.head = seq;
        state.extent.bytes += bytes;
        if let Some(origin) = &mut state.extent.origin {
            origin.micros = micros;
        }
        self.added += bytes;
        self.entries.push(Entry::new(record));
        Ok(())
    }

    /// Gives up what there was, and goes on after this number.
    fn skip(&mut self, after: u64) {
        let extent = &mut self.state.extent;
        (extent.head, extent.floor) = (after, after);
        self.anew = Some(after);
        self.entries.clear();
    }

    fn start_anew(&mut self, epoch: Epoch, after: u64) -> rusqlite::Result<()> {
        let tx = &self.ledger.0;
        tx.execute_batch("DELETE FROM address; DELETE FROM log; DELETE FROM scheduled")?;
        tx.execute("UPDATE hub SET epoch = ?1", [epoch.to_string()])?;
        self.skip(after);
        let state = &mut self.state;
        state.extent.epoch = epoch;
        state.extent.bytes = 0;
        (state.kept, state.schedule) = (0, Schedule::default());
        (state.recent, state.past) = (after, after);
        // Times are those of the other log.
        state.last_at = 0;
        Ok(())
    }

    fn set_origin(&mut self, origin: Origin) -> rusqlite::Result<()> {
        self.state.extent.origin = Some(origin);
        let numbers = [origin.base.cast_signed(), origin.lineage.cast_signed()];
        let sql = "UPDATE hub SET base = ?1, lineage = ?2";
        self.ledger.0.execute(sql, numbers).map(drop)
    }
}

/// Most events, and most bytes of them, that are read at once to be copied.
const MOST: usize = 256;
const BYTES: usize = MAX_DATA;

/// Some of the events after `after`.
pub(super) fn events(db: &Connection, after: u64) -> rusqlite::Result<Vec<Copied>> {
    let tx = db.unchecked_transaction()?;
    let mut select = tx.prepare_cached(
        "SELECT seq, at, expires, event, retry, fact, key, data, message, transient,
             (SELECT group_concat(address, char(10)) FROM address WHERE address.seq = log.seq)
         FROM log WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = select.query(params![after.cast_signed(), MOST as i64])?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let text = |column| {
            row.get_ref(column)?
                .as_str_or_null()
                .map_err(rusqlite::Error::from)
        };
        let audience = text(10)?.unwrap_or_default();
        let retry: Option<i64> = row.get(4)?;
        let publication = Publication {
            event: text(3)?.and_then(|name| EventName::parse(name).ok()),
            key: text(6)?.and_then(store::key_of),
            retry: retry.map(|millis| Duration::from_millis(millis.unsigned_abs())),
            fact: row.get(5)?,
            transient: row.get(9)?,
            message: text(8)?.and_then(MessageId::parse),
            ..Publication::new(Audience::from_column(audience), row.get::<_, String>(7)?)
        };
        bytes += publication.data.len();
        events.push(Copied {
            seq: store::number(row, 0)?,
            micros: row.get::<_, i64>(1)?.saturating_mul(1000),
            expires: row.get(2)?,
            publication,
        });
        if bytes >= BYTES {
            break;
        }
    }
    Ok(events)
}

/// Some of what is scheduled after `after`, each with its number.
pub(super) fn scheduled(db: &Connection, after: i64) -> rusqlite::Result<Vec<(i64, Publication)>> {
    let mut select = db.prepare_cached(
        "SELECT entry, ttl, event, retry, fact, key, message, transient, audience, data, sequence,
                due
         FROM scheduled WHERE entry > ?1 ORDER BY entry LIMIT ?2",
    )?;
    let mut rows = select.query(params![after, MOST as i64])?;
    let (mut all, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let publication = Publication {
            due: jiff::Timestamp::from_millisecond(row.get(11)?).ok(),
            ..store::publication(row)?
        };
        bytes += publication.data.len();
        all.push((row.get(0)?, publication));
        if bytes >= BYTES {
            break;
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::format::Format;
    use crate::log::Log;
    use crate::publication::Filter;
    use crate::record::View;
    use crate::{Backplane, HubConfig, HubError, Store};
    use std::sync::Arc;
    use tokio::sync::watch;

    fn log(folder: &Path) -> Log {
        let mut config = HubConfig::new(Store::Path(folder.join("hub.db")));
        // It is only a mark here: nobody connects.
        config.backplane = Some(Backplane::new("redis://127.0.0.1:1").unwrap());
        Log::open(&mut config, watch::Sender::default(), Arc::default()).unwrap()
    }

    fn event(seq: u64, data: &str) -> Copied {
        Copied {
            seq,
            micros: 1_795_000_000_000_000 + seq.cast_signed(),
            expires: None,
            publication: Publication {
                key: Some(data.parse().unwrap()),
                message: MessageId::parse("abcdefABCDEF").filter(|_| data == "twice"),
                ..Publication::to_everyone(data)
            },
        }
    }

    fn epoch(seed: u64) -> Epoch {
        Epoch::random(&mut fastrand::Rng::with_seed(seed))
    }

    async fn all(log: &Log) -> Vec<(u64, String)> {
        let view = View {
            filter: Filter::default(),
            format: Format::Sse,
            opened: 0,
        };
        let (mut at, mut frames) = (log.floor(), String::new());
        while at < log.head() {
            let page = log.read(&view, at).await.unwrap();
            frames.push_str(std::str::from_utf8(&page.frames).unwrap());
            at = page.scanned.max(page.floor);
        }
        let events = frames.split("\n\n").filter(|frame| !frame.is_empty());
        let events = events.map(|frame| {
            let (id, data) = frame.split_once("\ndata: ").unwrap();
            let (own, seq) = id.trim_start_matches("id: ").split_once('.').unwrap();
            assert_eq!(own, log.epoch().to_string());
            (seq.parse().unwrap(), data.to_owned())
        });
        events.collect()
    }

    async fn anew(log: &Log, seed: u64, after: u64) -> Result<(), HubError> {
        let epoch = epoch(seed);
        let step = Step::Anew {
            epoch,
            base: after,
            lineage: 7,
            after,
        };
        log.follow(step).await
    }

    #[tokio::test]
    async fn a_copy_has_the_numbers_of_the_log_and_what_is_missing_there_is_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let copy = log(folder.path());
        anew(&copy, 1, 1000).await.unwrap();
        assert_eq!((copy.floor(), copy.head()), (1000, 1000));
        let events = vec![event(1001, "a"), event(1002, "b")];
        copy.follow(Step::Events(events)).await.unwrap();
        // Again, and with more.
        let events = vec![event(1002, "b"), event(1003, "c")];
        copy.follow(Step::Events(events)).await.unwrap();
        let expected = [(1001, "a"), (1002, "b"), (1003, "c")];
        let expected = expected.map(|(seq, data)| (seq, data.to_owned()));
        assert_eq!(all(&copy).await, expected);
        let extent = copy.extent();
        let micros = event(1003, "c").micros;
        let origin = Origin {
            base: 1000,
            micros,
            lineage: 7,
        };
        assert_eq!(extent.origin, Some(origin));
        drop(copy);
        let copy = log(folder.path());
        assert_eq!(copy.was().origin, extent.origin);
        assert_eq!(all(&copy).await, expected);
        // What was never there is none, what was cut is.
        let events = vec![event(1007, "d"), event(1008, "d2")];
        copy.follow(Step::Events(events)).await.unwrap();
        assert_eq!((copy.floor(), all(&copy).await.len()), (1000, 5));
        copy.follow(Step::Cut(2000)).await.unwrap();
        let events = vec![event(2001, "e"), event(2002, "f")];
        copy.follow(Step::Events(events)).await.unwrap();
        assert_eq!((copy.floor(), copy.head()), (2000, 2002));
        let expected = [(2001, "e"), (2002, "f")].map(|(seq, data)| (seq, data.to_owned()));
        assert_eq!(all(&copy).await, expected);
        drop(copy);
        assert_eq!(all(&log(folder.path())).await, expected);
    }

    #[tokio::test]
    async fn another_epoch_leaves_nothing_of_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let copy = log(folder.path());
        anew(&copy, 1, 0).await.unwrap();
        let events = (1..=300).map(|seq| event(seq, &seq.to_string())).collect();
        copy.follow(Step::Events(events)).await.unwrap();
        // Also what was read from disk is forgotten.
        drop(copy);
        let copy = log(folder.path());
        assert_eq!(all(&copy).await.len(), 300);
        let mut head = copy.watch_head();
        head.mark_unchanged();
        anew(&copy, 2, 5000).await.unwrap();
        assert!(head.has_changed().unwrap());
        assert_eq!(copy.epoch(), epoch(2));
        let view = View {
            filter: Filter::default(),
            format: Format::Sse,
            opened: 0,
        };
        let page = copy.read(&view, 120).await.unwrap();
        assert_eq!((page.events, page.floor), (0, 5000));
        copy.follow(Step::Events(vec![event(5001, "7")]))
            .await
            .unwrap();
        assert_eq!(all(&copy).await, [(5001, "7".to_owned())]);
        drop(copy);
        let copy = log(folder.path());
        assert_eq!(all(&copy).await, [(5001, "7".to_owned())]);
        assert_eq!(copy.epoch(), epoch(2));
    }

    /// At the log ids are forgotten sooner than here, where what is too old goes
    /// little by little.
    #[tokio::test]
    async fn an_id_that_comes_again_belongs_to_the_later_event() {
        let folder = tempfile::tempdir().unwrap();
        let copy = log(folder.path());
        anew(&copy, 1, 0).await.unwrap();
        let events = vec![event(1, "twice"), event(2, "once"), event(3, "twice")];
        copy.follow(Step::Events(events)).await.unwrap();
        let id = MessageId::parse("abcdefABCDEF").unwrap();
        assert_eq!(copy.by_message(id).await.unwrap(), Some(3));
        let kept = copy.events(0).await.unwrap();
        let keys = kept
            .iter()
            .map(|one| one.publication.key.as_ref().map(sse::EventId::as_str));
        assert_eq!(
            keys.collect::<Vec<_>>(),
            [None, Some("once"), Some("twice")]
        );
    }
}
