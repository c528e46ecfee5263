//! Where files lie. On Linux the XDG folders, elsewhere the system's own.

use std::path::PathBuf;

use etcetera::{AppStrategy as _, AppStrategyArgs, HomeDirError, app_strategy};

#[cfg(all(unix, not(target_os = "macos")))]
type Strategy = app_strategy::Xdg;
#[cfg(target_os = "macos")]
type Strategy = app_strategy::Apple;
#[cfg(windows)]
type Strategy = app_strategy::Windows;

/// The files and folders of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// `$XDG_CONFIG_HOME/feedbell/settings.toml`.
    pub settings: PathBuf,
    /// `$XDG_DATA_HOME/feedbell`: the inbox and the hub's log.
    pub data: PathBuf,
    /// `$XDG_STATE_HOME/feedbell`: the log files.
    pub logs: PathBuf,
    /// `$XDG_RUNTIME_DIR/feedbell/control.sock`, in the data folder without one.
    pub control: PathBuf,
    /// `$XDG_RUNTIME_DIR/feedbell/hub.sock`, beside it: where a hub of this user
    /// takes what `feedbell send` publishes.
    pub hub: PathBuf,
    /// `$XDG_CONFIG_HOME/feedbell/serve.toml`: what `feedbell serve` is told.
    pub serve: PathBuf,
}

impl Places {
    /// Finds them from the environment.
    ///
    /// # Errors
    /// When there is no home folder.
    pub fn find() -> Result<Self, HomeDirError> {
        let strategy = Strategy::new(AppStrategyArgs {
            top_level_domain: "io".to_owned(),
            author: "feedbell".to_owned(),
            app_name: "feedbell".to_owned(),
        })?;
        let data = strategy.data_dir();
        let run = strategy.runtime_dir().unwrap_or_else(|| data.join("run"));
        Ok(Self {
            settings: strategy.config_dir().join("settings.toml"),
            serve: strategy.config_dir().join("serve.toml"),
            logs: strategy.state_dir().unwrap_or_else(|| data.join("logs")),
            control: run.join("control.sock"),
            hub: run.join("hub.sock"),
            data,
        })
    }
}
