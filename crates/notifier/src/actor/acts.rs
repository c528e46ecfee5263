//! What messages themselves offer to do, done when a person says so; and their icons.

use std::path::PathBuf;

use super::{Actor, not_yet, requests::answer};
use crate::{notifier::Reply, view::Deed};

impl Actor {
    pub(super) fn act(&mut self, _id: i64, _place: u32, reply: Reply<Deed>) {
        answer(reply, Err(not_yet()));
    }

    pub(super) fn icon(&mut self, _id: i64, reply: Reply<Option<PathBuf>>) {
        answer(reply, Err(not_yet()));
    }
}
