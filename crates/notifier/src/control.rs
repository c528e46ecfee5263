//! The control socket: how `feedbell status`, `pause` and `open` reach the running notifier.
//!
//! One JSON request and one JSON answer per connection, each on one line.
//! The socket lies in a folder that only its owner can enter.

use std::{io, path::Path, time::Duration};

use interprocess::local_socket::{
    ConnectOptions, GenericFilePath, ListenerOptions, Name, ToFsName as _,
    tokio::{Listener, Stream},
    traits::tokio::{Listener as _, Stream as _},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    time::timeout,
};

use crate::{
    NotifierHandle,
    view::{Refusal, Text},
};

/// The longest request, in bytes.
const REQUEST: u64 = 64 * 1024;
/// The longest answer, in bytes.
const ANSWER: u64 = 16 * 1024 * 1024;
/// How long either side may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a failed accept: too many open files, for example.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// What can be asked over the control socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Everything around the message list, as [`AppView`](crate::view::AppView).
    Status,
    /// Pause notifications.
    Pause {
        /// Until then, in milliseconds since the Unix epoch; absent: until resumed.
        until: Option<i64>,
    },
    /// End a pause.
    Resume,
    /// Mute a feed.
    Mute {
        /// Its id.
        feed: String,
        /// Until then, in milliseconds since the Unix epoch; absent: until unmuted.
        until: Option<i64>,
    },
    /// End the mute of a feed.
    Unmute {
        /// Its id.
        feed: String,
    },
    /// Connect anew at once.
    Reconnect {
        /// This feed; absent: all.
        feed: Option<String>,
    },
    /// Bring up the window.
    Open {
        /// With this message.
        message: Option<i64>,
        /// With this page: `inbox`, `hub` or `settings`.
        page: Option<String>,
    },
}

/// The answer: `ok` with a value, or `refused` with a sentence.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Ok(serde_json::Value),
    /// Not done: a text to render, as [`Text`].
    Refused(crate::view::Text),
}

/// The listening side of a control socket: who asks before [`Door::serve`] waits.
pub struct Door(Listener);

/// Opens the socket. An old one that nobody answers is replaced.
///
/// # Errors
/// When the socket cannot be made; `AddrInUse` if another notifier answers there.
pub async fn bind(socket: &Path) -> io::Result<Door> {
    private_folder(socket)?;
    if Stream::connect(name(socket)?).await.is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    listen(socket).map(Door)
}

impl Door {
    /// Answers until dropped.
    pub async fn serve(self, handle: NotifierHandle) {
        loop {
            let stream = match self.0.accept().await {
                Ok(stream) => stream,
                Err(why) => {
                    tracing::warn!(%why, "the control socket could not accept");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            };
            let handle = handle.clone();
            tokio::spawn(async move {
                if let Ok(Err(why)) = timeout(PATIENCE, converse(stream, &handle)).await {
                    tracing::debug!(%why, "a control connection broke");
                }
            });
        }
    }
}

/// Asks the notifier that listens at `socket`.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when none is running.
pub async fn ask(socket: &Path, command: &Command) -> io::Result<Answer> {
    let work = async {
        let mut stream: Stream = ConnectOptions::new()
            .name(name(socket)?)
            .connect_tokio()
            .await?;
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut answer = String::new();
        BufReader::new(stream.take(ANSWER))
            .read_line(&mut answer)
            .await?;
        Ok(serde_json::from_str(&answer)?)
    };
    timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn converse(mut stream: Stream, handle: &NotifierHandle) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new((&mut stream).take(REQUEST))
        .read_line(&mut line)
        .await?;
    let answer = match serde_json::from_str::<Command>(&line) {
        Ok(command) => match obey(command, handle).await {
            Ok(value) => Answer::Ok(value),
            Err(refusal) => Answer::Refused(refusal.text),
        },
        Err(_) => Answer::Refused(Text::new("refused-command").with("command", line.trim())),
    };
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    stream.flush().await
}

async fn obey(command: Command, handle: &NotifierHandle) -> Result<serde_json::Value, Refusal> {
    match command {
        Command::Status => {
            let app = handle.app().await?;
            return Ok(serde_json::to_value(app).unwrap_or_default());
        }
        Command::Pause { until } => handle.pause(until).await?,
        Command::Resume => handle.resume().await?,
        Command::Mute { feed, until } => handle.mute(feed, until).await?,
        Command::Unmute { feed } => handle.unmute(feed).await?,
        Command::Reconnect { feed } => handle.reconnect(feed).await?,
        Command::Open { message, page } => {
            if let Some(id) = message
                && handle.message(id).await?.is_none()
            {
                let unknown = Text::new("refused-unknown-message").with("id", id);
                return Err(Refusal::of(unknown));
            }
            handle.open(message, page).await?;
        }
    }
    Ok(serde_json::Value::Null)
}

fn listen(socket: &Path) -> io::Result<Listener> {
    ListenerOptions::new()
        .name(name(socket)?)
        .try_overwrite(true)
        .create_tokio()
}

fn name(socket: &Path) -> io::Result<Name<'_>> {
    socket.to_fs_name::<GenericFilePath>()
}

fn private_folder(socket: &Path) -> io::Result<()> {
    let Some(folder) = socket.parent() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}
