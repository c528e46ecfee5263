//! How a command ended, as scripts see it.

use std::{io, process::ExitCode};

use feed::StopReason;

/// The documented exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Trouble,
    NothingAnswers,
    StayAway,
    TokenRefused,
    FinalStatus,
    NoEventStream,
}

impl Ended {
    /// The code for a feed that stopped for good.
    pub(crate) fn from_stop(why: &StopReason) -> Self {
        match why {
            StopReason::StopOn(_) => Ended::Done,
            StopReason::NoContent => Ended::StayAway,
            StopReason::Refused { .. } => Ended::TokenRefused,
            StopReason::NotAnEventStream { .. } => Ended::NoEventStream,
            StopReason::Unencrypted { .. }
            | StopReason::UnencryptedPublic { .. }
            | StopReason::BadCertificate { .. }
            | StopReason::BadAddress { .. } => Ended::Trouble,
            _ => Ended::FinalStatus,
        }
    }

    fn code(self) -> u8 {
        match self {
            Ended::Done => 0,
            Ended::Trouble => 1,
            // 2 is clap's, for wrong usage.
            Ended::NothingAnswers => 3,
            Ended::StayAway => 4,
            Ended::TokenRefused => 5,
            Ended::FinalStatus => 6,
            Ended::NoEventStream => 7,
        }
    }
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        ExitCode::from(ended.code())
    }
}

/// The reader of our output went away, as `head` does: no trouble.
pub(crate) fn is_broken_pipe(why: &anyhow::Error) -> bool {
    why.downcast_ref::<io::Error>()
        .is_some_and(|why| why.kind() == io::ErrorKind::BrokenPipe)
}
