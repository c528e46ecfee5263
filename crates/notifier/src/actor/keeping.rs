//! What people do with messages, and what becomes of them.

use std::{collections::BTreeMap, path::PathBuf};

use super::{
    Actor, Internal,
    acts::hidden,
    feed_name,
    requests::{answer, no_inbox, refused_inbox},
};
use crate::{
    Update,
    inbox::{Export, ExportError, Inbox, InboxError, Retention, Sweep, Wording},
    notifier::Reply,
    view::{
        Bulk, BulkDone, ExportFormat, Exported, Facets, LatestView, MessagePage, MessageQuery,
        Refusal, Text, Which,
    },
};

/// Bulks that wait for each other. Who asks for more is a program.
const SWEEPS: usize = 16;

/// A bulk under way, and who waits for it.
pub(super) struct Sweeping {
    sweep: Sweep,
    reply: Waiting,
}

enum Waiting {
    Done(Reply<BulkDone>),
    Undone(Reply<()>),
}

impl Actor {
    pub(super) fn page(&self, query: &MessageQuery) -> Result<MessagePage, Refusal> {
        self.worded(|inbox, wording| inbox.page(query, wording))
    }

    /// They go to the tray's menu, so over the session bus: what is hidden is not in them.
    pub(super) fn latest(&self) -> Vec<LatestView> {
        let rows = self.worded(Inbox::latest).unwrap_or_default();
        let latest = rows.into_iter().map(|row| LatestView {
            id: row.id,
            title: if self.hides(&row.feed) {
                let count = usize::try_from(row.count).unwrap_or(usize::MAX);
                let what = self.localizer.text(&hidden(count));
                let text = Text::new("latest-hidden").with("what", what);
                self.localizer.text(&text.with("feed", row.feed_name))
            } else {
                row.title
            },
            unread: row.unread,
            received: row.received,
        });
        latest.collect()
    }

    pub(super) fn facets(&self, feeds: &[String]) -> Result<Facets, Refusal> {
        self.read(|inbox, _| inbox.facets(feeds))
    }

    pub(super) fn mark_read(&mut self, which: &Which, read: bool) -> Result<(), Refusal> {
        let now = self.now_ms();
        let ids = self.meant(|inbox| inbox.mark_read(which, read, now))?;
        if read {
            self.withdraw(&ids);
        }
        Ok(())
    }

    pub(super) fn pin(&mut self, which: &Which, pinned: bool) -> Result<(), Refusal> {
        let now = self.now_ms();
        self.meant(|inbox| inbox.pin(which, pinned, now)).map(drop)
    }

    pub(super) fn set_done(&mut self, which: &Which, done: bool) -> Result<(), Refusal> {
        let now = self.now_ms();
        let ids = self.meant(|inbox| inbox.set_done(which, done, now))?;
        if done {
            self.withdraw(&ids);
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, which: &Which) -> Result<(), Refusal> {
        let now = self.now_ms();
        let ids = self.meant(|inbox| inbox.delete(which, now))?;
        self.withdraw(&ids);
        Ok(())
    }

    pub(super) fn restore(&mut self, which: &Which) -> Result<(), Refusal> {
        let now = self.now_ms();
        self.meant(|inbox| inbox.restore(which, now)).map(drop)
    }

    /// Begins; [`sweep_on`](Self::sweep_on) goes on when nothing else waits, and answers.
    pub(super) fn bulk(&mut self, query: &MessageQuery, what: Bulk, reply: Reply<BulkDone>) {
        let now = self.now_ms();
        if self.sweeps.len() >= SWEEPS {
            return answer(reply, Err(Refusal::of(Text::new("refused-busy"))));
        }
        let sweep = match &mut self.inbox {
            None => Err(no_inbox()),
            Some(inbox) => inbox
                .sweep(query, what, now)
                .map_err(|why| refused_inbox(&why)),
        };
        match sweep {
            Ok(sweep) => self.sweeps.push_back(Sweeping {
                sweep,
                reply: Waiting::Done(reply),
            }),
            Err(refusal) => answer(reply, Err(refusal)),
        }
    }

    pub(super) fn undo_bulk(&mut self, done: &BulkDone, reply: Reply<()>) {
        if self.sweeps.len() >= SWEEPS {
            return answer(reply, Err(Refusal::of(Text::new("refused-busy"))));
        }
        self.sweeps.push_back(Sweeping {
            sweep: Inbox::unsweep(done.what, done.at),
            reply: Waiting::Undone(reply),
        });
    }

    /// The next step of the oldest bulk.
    pub(super) fn sweep_on(&mut self) {
        let Some(mut sweeping) = self.sweeps.pop_front() else {
            return;
        };
        let step = match &mut self.inbox {
            None => Err(no_inbox()),
            Some(inbox) => inbox
                .sweep_on(&mut sweeping.sweep)
                .map_err(|why| refused_inbox(&why)),
        };
        let swept = match step {
            Ok(swept) => swept,
            Err(refusal) => {
                return match sweeping.reply {
                    Waiting::Done(reply) => answer(reply, Err(refusal)),
                    Waiting::Undone(reply) => answer(reply, Err(refusal)),
                };
            }
        };
        if matches!(sweeping.reply, Waiting::Done(_)) {
            self.withdraw(&swept.ids);
        }
        if !swept.over {
            self.sweeps.push_front(sweeping);
            return;
        }
        self.tell(Update::Inbox);
        self.tell(Update::App);
        match sweeping.reply {
            Waiting::Done(reply) => answer(
                reply,
                Ok(BulkDone {
                    what: sweeping.sweep.what(),
                    at: sweeping.sweep.at(),
                    count: sweeping.sweep.count,
                }),
            ),
            Waiting::Undone(reply) => answer(reply, Ok(())),
        }
    }

    /// This message is another one now: bulks that were asked for before do not mean it.
    pub(super) fn spare(&mut self, id: i64) {
        for sweeping in &mut self.sweeps {
            if matches!(sweeping.reply, Waiting::Done(_)) {
                sweeping.sweep.spare(id);
            }
        }
    }

    /// Beside everything else: it may take long.
    pub(super) fn export_messages(
        &self,
        query: MessageQuery,
        format: ExportFormat,
        folder: PathBuf,
        reply: Reply<Exported>,
    ) {
        if self.inbox.is_none() {
            return answer(reply, Err(no_inbox()));
        }
        let export = Export {
            inbox: self.config.data.join("inbox.db"),
            query,
            format,
            folder,
            now: self.now_ms(),
            names: self
                .feeds
                .iter()
                .map(|feed| (feed.settings.id.clone(), feed.settings.name.clone()))
                .collect(),
        };
        tokio::task::spawn_blocking(move || {
            let written = export.write().map_err(|why| match why {
                ExportError::Inbox(why) => refused_inbox(&why),
                ExportError::File { path, source } => Refusal::of(
                    Text::new("refused-export")
                        .with("path", path.display().to_string())
                        .with("why", source.to_string()),
                ),
            });
            answer(reply, written);
        });
    }

    /// How long messages are kept, by the settings. What a person wrote there and cannot be read may
    /// say for ever: nothing is removed by a default in its place.
    pub(super) fn retention(&self) -> Retention {
        if self.file.unusable.is_some() {
            return Retention::default();
        }
        let settings = &self.file.settings;
        let mut errors = self.file.errors.iter();
        let unread = errors.any(|error| error.field == "inbox" || error.field == "inbox.keep_days");
        let left_out = self.file.left_out.iter().map(|feed| (feed.id.clone(), 0));
        let own = |feed: &crate::settings::FeedSettings| Some((feed.id.clone(), feed.keep_days?));
        Retention {
            general: if unread {
                0
            } else {
                settings.general.keep_days
            },
            feeds: settings
                .feeds
                .iter()
                .filter_map(own)
                .chain(left_out)
                .collect::<BTreeMap<_, _>>(),
        }
    }

    /// Looks through the whole inbox, beside everything else.
    pub(super) fn check_inbox(&self) {
        let path = self.config.data.join("inbox.db");
        let internal = self.internal.0.clone();
        tokio::task::spawn_blocking(move || {
            let found = Inbox::check(&path);
            let _ = internal.blocking_send(Internal::Checked(found));
        });
    }

    pub(super) fn inbox_checked(&mut self, found: Result<(), InboxError>) {
        match (found, &mut self.inbox) {
            (Ok(()), Some(inbox)) => {
                if let Err(why) = inbox.checked((self.config.clock)()) {
                    tracing::warn!(%why, "that the inbox is sound could not be remembered");
                }
            }
            (Err(InboxError::Damaged(why)), _) => {
                tracing::error!(%why, "the inbox is damaged");
                self.troubles
                    .insert("inbox", Text::new("trouble-inbox-found-damaged"));
                self.tell(Update::App);
            }
            (Err(why), _) => tracing::warn!(%why, "the inbox could not be looked through"),
            (Ok(()), None) => {}
        }
    }

    pub(super) fn worded<T>(
        &self,
        work: impl FnOnce(&Inbox, &Wording<'_>) -> Result<T, InboxError>,
    ) -> Result<T, Refusal> {
        let inbox = self.inbox.as_ref().ok_or_else(no_inbox)?;
        let wording = Wording {
            name: &|id| feed_name(&self.feeds, id),
            burst: &|count, title| {
                let text = Text::new("burst-title")
                    .with("count", count)
                    .with("title", title);
                self.localizer.text(&text)
            },
        };
        work(inbox, &wording).map_err(|why| refused_inbox(&why))
    }

    fn meant(
        &mut self,
        work: impl FnOnce(&mut Inbox) -> Result<Vec<i64>, InboxError>,
    ) -> Result<Vec<i64>, Refusal> {
        let mut ids = Vec::new();
        self.change(|inbox| {
            ids = work(inbox)?;
            Ok(())
        })?;
        Ok(ids)
    }
}
