//! Where secrets live: the system's keyring; without one, a private file.
//!
//! A secret is resolved when a connection needs it and goes straight into a
//! request header. It is in no view, no log line and no export.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};

use crate::{
    settings::{Secret, write_private},
    view::Text,
};

const SERVICE: &str = "feedbell";
/// How long a keyring may take: it may have to ask the user to unlock it.
const KEYRING_PATIENCE: Duration = Duration::from_secs(30);
/// How long a secret's command may take.
const COMMAND_PATIENCE: Duration = Duration::from_secs(10);
/// The most a secret's command may print, in bytes.
const COMMAND_OUTPUT: u64 = 64 * 1024;

/// Why a secret is not to be had: each a sentence for the user.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    #[error("the stored secret is gone")]
    Missing,
    #[error("the command failed: {0}")]
    Command(String),
    #[error("the secret could not be stored: {0}")]
    NotStored(io::Error),
}

impl SecretError {
    pub(crate) fn text(&self) -> Text {
        match self {
            SecretError::Missing => Text::new("secret-missing"),
            SecretError::Command(why) => Text::new("secret-command").with("why", why.as_str()),
            SecretError::NotStored(why) => Text::new("secret-store").with("why", why.to_string()),
        }
    }
}

/// Stores and finds secrets.
#[derive(Clone, Debug)]
pub(crate) struct Secrets {
    /// For machines without a keyring: readable by the owner alone.
    file: PathBuf,
    keyring: bool,
    /// One change of the file at a time.
    changing: Arc<Mutex<()>>,
}

impl Secrets {
    /// `keyring`: whether to ask the system's keyring at all.
    pub(crate) fn new(file: PathBuf, keyring: bool) -> Self {
        Self {
            file,
            keyring,
            changing: Arc::default(),
        }
    }

    /// The secret itself.
    pub(crate) async fn resolve(&self, secret: &Secret) -> Result<String, SecretError> {
        match secret {
            Secret::Plain(value) => Ok(value.clone()),
            Secret::Command(command) => run(command).await,
            Secret::Stored(name) => {
                // What had to go to the file is newer than anything the keyring may still hold.
                if let Some(value) = self.read_file()?.remove(name) {
                    return Ok(value);
                }
                self.read_keyring(name).await.ok_or(SecretError::Missing)
            }
        }
    }

    /// Stores a secret under a name, in the keyring if there is one.
    pub(crate) async fn store(&self, name: &str, value: &str) -> Result<(), SecretError> {
        let in_keyring = self.write_keyring(name, value).await;
        self.change_file(|secrets| {
            if in_keyring {
                secrets.remove(name);
            } else {
                secrets.insert(name.to_owned(), value.to_owned());
            }
        })
    }

    /// Forgets secrets, wherever they are.
    pub(crate) async fn forget(&self, names: &[String]) -> Result<(), SecretError> {
        for name in names {
            self.clear_keyring(name).await;
        }
        self.change_file(|secrets| secrets.retain(|name, _| !names.contains(name)))
    }

    async fn read_keyring(&self, name: &str) -> Option<String> {
        self.with_keyring(name, |entry| entry.get_password()).await
    }

    async fn write_keyring(&self, name: &str, value: &str) -> bool {
        let value = value.to_owned();
        self.with_keyring(name, move |entry| entry.set_password(&value))
            .await
            .is_some()
    }

    async fn clear_keyring(&self, name: &str) {
        self.with_keyring(name, |entry| entry.delete_credential())
            .await;
    }

    async fn with_keyring<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(keyring::v1::Entry) -> keyring::Result<T> + Send + 'static,
    ) -> Option<T> {
        if !self.keyring {
            return None;
        }
        let name = name.to_owned();
        let work =
            tokio::task::spawn_blocking(move || work(keyring::v1::Entry::new(SERVICE, &name)?));
        match timeout(KEYRING_PATIENCE, work).await {
            Ok(Ok(Ok(value))) => Some(value),
            Ok(Ok(Err(why))) => {
                tracing::debug!(%why, "the keyring did not serve; the private file does");
                None
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!("the keyring did not answer; the private file serves");
                None
            }
        }
    }

    /// A file that cannot be read is not an empty one: nothing is written over it.
    fn read_file(&self) -> Result<BTreeMap<String, String>, SecretError> {
        match std::fs::read_to_string(&self.file) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|why| SecretError::NotStored(why.into()))
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(why) => Err(SecretError::NotStored(why)),
        }
    }

    fn change_file(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<(), SecretError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.read_file()?;
        let mut secrets = before.clone();
        change(&mut secrets);
        if secrets == before {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(&secrets)
            .map_err(|why| SecretError::NotStored(why.into()))?;
        let mut temporary = self.file.clone().into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        write_private(&temporary, text.as_bytes())
            .and_then(|()| std::fs::rename(&temporary, &self.file))
            .map_err(SecretError::NotStored)
    }
}

/// The first line that a command prints.
async fn run(command: &str) -> Result<String, SecretError> {
    let fail = |why: String| SecretError::Command(why);
    let mut child = shell(command)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|why| fail(why.to_string()))?;
    let mut printed = Vec::new();
    let stdout = child.stdout.take();
    let work = async {
        if let Some(stdout) = stdout {
            stdout
                .take(COMMAND_OUTPUT)
                .read_to_end(&mut printed)
                .await?;
        }
        child.wait().await
    };
    let status = timeout(COMMAND_PATIENCE, work)
        .await
        .map_err(|_| fail(format!("no answer within {} s", COMMAND_PATIENCE.as_secs())))?
        .map_err(|why| fail(why.to_string()))?;
    if !status.success() {
        return Err(fail(status.to_string()));
    }
    let text = String::from_utf8_lossy(&printed);
    match text.lines().next().map(str::trim_end) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(fail("it printed nothing".to_owned())),
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(command);
    shell
}

#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(command);
    shell
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_keyring_a_private_file_serves() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.json");
        let secrets = Secrets::new(path.clone(), false);
        secrets.store("a", "one").await.unwrap();
        secrets.store("b", "two").await.unwrap();
        let stored = Secret::Stored("a".into());
        assert_eq!(secrets.resolve(&stored).await.unwrap(), "one");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        secrets.forget(&["a".into()]).await.unwrap();
        assert!(matches!(
            secrets.resolve(&stored).await,
            Err(SecretError::Missing)
        ));
        let other = Secret::Stored("b".into());
        assert_eq!(secrets.resolve(&other).await.unwrap(), "two");
    }

    #[tokio::test]
    async fn a_command_gives_its_first_line_or_says_why_not() {
        let secrets = Secrets::new(PathBuf::from("/nonexistent"), false);
        let from = |command: &str| Secret::Command(command.to_owned());
        let good = from("printf 'tk_1\\nsecond'");
        assert_eq!(secrets.resolve(&good).await.unwrap(), "tk_1");
        for bad in ["exit 3", "true", "/no/such/program"] {
            let got = secrets.resolve(&from(bad)).await;
            assert!(matches!(got, Err(SecretError::Command(_))), "{bad}");
        }
    }
}
