//! Feeds on their way to another computer, and back in.

use std::{
    collections::BTreeSet,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use super::Actor;
use crate::{
    settings::{ExchangeError, FeedSettings, MOST, from_text, same_feed, to_text},
    view::{Exported, Imported, Refusal, Text},
};

/// Names that are tried for an export of one day.
const NAMES: u32 = 1000;

impl Actor {
    pub(super) fn export_feeds(&self, folder: &Path) -> Result<Exported, Refusal> {
        let feeds = &self.file.settings.feeds;
        if feeds.is_empty() {
            return Err(Refusal::of(Text::new("export-none")));
        }
        let day = jiff::Timestamp::from_millisecond(self.now_ms())
            .unwrap_or_default()
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d")
            .to_string();
        let text = to_text(feeds);
        let written = write_new(folder, &format!("feedbell-feeds-{day}"), text.as_bytes());
        let path = written.map_err(|(path, why)| {
            Refusal::of(
                Text::new("export-io")
                    .with("path", path.display().to_string())
                    .with("why", why.to_string()),
            )
        })?;
        Ok(Exported {
            path: path.display().to_string(),
            count: u32::try_from(feeds.len()).unwrap_or(u32::MAX),
        })
    }

    pub(super) async fn import_feeds(&mut self, text: &str) -> Result<Imported, Refusal> {
        let (offered, wrong) = from_text(text).map_err(|why| refused(&why))?;
        // What an editor wrote a moment before has its ids, too.
        let before = self.file.settings.clone();
        if self.file.reload() {
            self.settings_changed(&before).await;
        }
        let mut left_out: Vec<Text> = wrong
            .into_iter()
            .map(|one| {
                Text::new("import-wrong")
                    .with("name", one.name)
                    .with("why", self.localizer.text(&one.why))
            })
            .collect();
        let mut secrets = Vec::new();
        let mut new: Vec<FeedSettings> = Vec::new();
        let mut taken = BTreeSet::new();
        for one in offered {
            let mut feed = one.feed;
            let known = self.file.settings.feeds.iter().chain(&new);
            let mut known = known.filter(|known| same_feed(known, &feed));
            if known.next().is_some() {
                left_out.push(Text::new("import-duplicate").with("name", feed.name.as_str()));
                continue;
            }
            let wish = if feed.id.is_empty() {
                &feed.name
            } else {
                &feed.id
            };
            feed.id = self.new_feed_id_beside(wish, &taken);
            taken.insert(feed.id.clone());
            // What a person allows here, only this person allows.
            let allowed = (
                std::mem::take(&mut feed.notification.remote_icons),
                std::mem::take(&mut feed.notification.http_actions),
                std::mem::take(&mut feed.connection.plain_http),
            );
            if allowed != (false, false, false) {
                left_out.push(Text::new("import-permissions").with("name", feed.name.as_str()));
            }
            if one.waits {
                feed.enabled = false;
                secrets.push(feed.name.clone());
            }
            new.push(feed);
        }
        if !new.is_empty() {
            self.change_settings(|file| file.put_feeds(&new)).await?;
        }
        Ok(Imported {
            feeds: new.into_iter().map(|feed| feed.id).collect(),
            secrets,
            left_out,
        })
    }
}

/// Writes a file that was not there, for its owner alone.
fn write_new(folder: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, (PathBuf, io::Error)> {
    std::fs::create_dir_all(folder).map_err(|why| (folder.to_owned(), why))?;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for number in 1..=NAMES {
        let path = match number {
            1 => folder.join(format!("{name}.toml")),
            number => folder.join(format!("{name}-{number}.toml")),
        };
        match options.open(&path) {
            Ok(mut file) => {
                let written = file.write_all(bytes).and_then(|()| file.sync_all());
                return match written {
                    Ok(()) => Ok(path),
                    Err(why) => {
                        // Half a file would pass for a whole one.
                        let _ = std::fs::remove_file(&path);
                        Err((path, why))
                    }
                };
            }
            Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
            Err(why) => return Err((path, why)),
        }
    }
    let taken = io::Error::from(io::ErrorKind::AlreadyExists);
    Err((folder.join(format!("{name}.toml")), taken))
}

fn refused(why: &ExchangeError) -> Refusal {
    Refusal::of(match why {
        ExchangeError::TooLarge => Text::new("import-large"),
        ExchangeError::TooMany => Text::new("import-many").with("most", MOST),
        ExchangeError::Newer => Text::new("import-newer"),
        ExchangeError::Syntax(why) => Text::new("import-syntax").with("why", why.as_str()),
        ExchangeError::NoFeeds => Text::new("import-none"),
    })
}
