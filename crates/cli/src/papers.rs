//! What packages carry beside the program: shell completions and the manual.

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{args::Arguments, exit::Ended, terminal::Terminal};

pub(crate) fn completions(shell: Shell, terminal: &Terminal) -> anyhow::Result<Ended> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "feedbell", &mut script);
    terminal.say(String::from_utf8(script)?.trim_end())?;
    Ok(Ended::Done)
}

/// One page for the program and one for each command: `feedbell-serve.1`.
pub(crate) fn man(folder: &Path) -> anyhow::Result<Ended> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder))
        .with_context(|| folder.display().to_string())?;
    Ok(Ended::Done)
}
