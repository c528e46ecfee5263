//! The app without a screen: feeds, rules, inbox, settings and the embedded hub in one actor.
//!
//! A closed set of requests goes in through a [`NotifierHandle`], a closed enum
//! of [`Update`]s comes out. Front ends (the desktop app, `feedbell run`) show
//! what they are told and decide nothing.
//!
//! ```no_run
//! # async fn example() -> Result<(), notifier::NotifierError> {
//! use notifier::{NotifierConfig, Update};
//!
//! let config = NotifierConfig {
//!     settings: "/home/ada/.config/feedbell/settings.toml".into(),
//!     data: "/home/ada/.local/share/feedbell".into(),
//!     hub_socket: "/run/user/1000/feedbell/hub.sock".into(),
//!     logs: None,
//!     trying: false,
//!     keyring: true,
//!     clock: notifier::system_clock(),
//! };
//! let (handle, mut updates) = notifier::start(config).await?;
//! while let Some(update) = updates.recv().await {
//!     if let Update::Notify(announcement) = update {
//!         println!("{}", announcement.title);
//!         let _ = handle.shown(announcement).await;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod actor;
pub mod control;
mod embedded;
mod inbox;
mod machine;
mod notifier;
mod presentation;
mod presets;
mod quiet;
mod redact;
mod ring;
mod rules;
mod secrets;
mod settings;
mod subscription;
mod text;
pub mod view;

use std::{sync::Arc, time::UNIX_EPOCH};

pub use embedded::hub_trouble;
pub use notifier::{Clock, NotifierConfig, NotifierError, NotifierHandle, Reach, Update, start};
pub use presets::{PresetFilter, UnknownPreset, guess_preset};
pub use ring::Announcement;
pub use text::{Locale, Localizer};

/// The system's clock.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        UNIX_EPOCH
            .elapsed()
            .ok()
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .unwrap_or_default()
    })
}
