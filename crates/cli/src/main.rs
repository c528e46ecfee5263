//! `feedbell`: the bell for scripts and for machines without a screen.
//!
//! Exit codes: 0 done; 1 trouble; 2 wrong usage; 3 nothing answers (no notifier runs, no hub);
//! 4 the server asked to stay away (204); 5 the token was refused (401, 403); 6 another final
//! status; 7 no event stream.
#![forbid(unsafe_code)]

mod args;
mod backplane;
mod backup;
mod check;
mod control;
mod doctor;
mod exit;
mod listen;
mod papers;
mod run;
mod send;
mod serve;
mod serve_config;
mod signals;
mod terminal;
mod token;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use crate::{
    args::{Arguments, Command},
    exit::Ended,
    terminal::Terminal,
};

fn main() -> ExitCode {
    let given = Arguments::command().get_matches();
    let arguments = Arguments::from_arg_matches(&given).unwrap_or_else(|why| why.exit());
    let terminal = Terminal::new();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(why) => return terminal.fail(&why.into()),
    };
    let ended = runtime.block_on(async {
        match arguments.command {
            Command::Listen(options) => listen::listen(options, &terminal).await,
            Command::Send(options) => send::send(options, &terminal).await,
            Command::Serve(_) => match given.subcommand_matches("serve") {
                Some(flags) => Box::pin(serve::serve(flags, &terminal)).await,
                None => Ok(Ended::Trouble),
            },
            Command::Backup(options) => backup::backup(&options, &terminal),
            Command::Token(command) => Box::pin(token::token(command, &terminal)).await,
            Command::Check(options) => check::check(options, &terminal).await,
            Command::Doctor(options) => doctor::doctor(options, &terminal).await,
            Command::Run(options) => Box::pin(run::run(options, &terminal)).await,
            Command::Status { json } => control::status(json, &terminal).await,
            Command::Pause { span, end } => control::pause(span.or(end.moment()), &terminal).await,
            Command::Resume => control::resume(&terminal).await,
            Command::Mute { feed, end } => control::mute(&feed, end.moment(), &terminal).await,
            Command::Unmute { feed } => control::unmute(&feed, &terminal).await,
            Command::Reconnect { feed } => control::reconnect(feed, &terminal).await,
            Command::Completions { shell } => papers::completions(shell, &terminal),
            Command::Man { folder } => papers::man(&folder),
            Command::Open { message } => control::open(message, &terminal).await,
        }
    });
    // A reader thread may still wait for standard input; it is not waited for.
    runtime.shutdown_background();
    match ended {
        Ok(ended) => ended.into(),
        Err(why) if exit::is_broken_pipe(&why) => Ended::Done.into(),
        Err(why) => terminal.fail(&why),
    }
}
