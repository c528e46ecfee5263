//! Tickets: what an EventSource shows, as it can send no header. A ticket opens
//! one stream and is good for that stream's reconnects; in an address it gives
//! away less than a token would.

use std::collections::HashSet;
use std::sync::Arc;

use axum::http::StatusCode;

use super::file::{MOST_FIXED, TicketRow, owner_of};
use super::secret::{self, Hash};
use super::shared::{Outcome, SEEN_EVERY};
use super::{Access, Caller, Kept, Known, NotLetIn, Owner, Rights, State, addresses, unauthorized};
use crate::HubError;
use crate::inbound::Refusal;
use crate::peer::Peer;
use crate::publication::{Address, Topic, Uid};

/// How long a ticket may lie about before it opens its stream.
const OPENS: i64 = 60 * 1000;
/// How long a ticket waits for its stream to come back.
const RETURNS: i64 = 24 * 60 * 60 * 1000;
/// How much longer a ticket is kept that another node may know more of.
const SLACK: i64 = 10 * 1000;
/// Most tickets of one token that have no open stream; the oldest go.
const MOST_IDLE: usize = 256;

/// A ticket that was given out.
pub(super) struct Ticket {
    owner: Owner,
    /// What its stream may listen to, beside everyone's publications.
    only: Vec<Address>,
    opened: bool,
    /// When it was made, or when its stream was last known to be open.
    pub(super) seen: i64,
    /// The same as it is in the file.
    pub(super) noted: i64,
    /// Whether no other node has it in use: it was made here, or its last stream
    /// was opened here.
    pub(super) here: bool,
}

/// Why a ticket opens nothing.
#[derive(Clone, Copy)]
enum Void {
    Unknown,
    Used,
}

impl Ticket {
    /// What is in the file, and what is known beyond that.
    /// `here`: where it is, if it was not known.
    pub(super) fn read(row: &TicketRow, before: Option<&Self>, here: bool) -> Option<Self> {
        Some(Self {
            owner: Owner::parse(&row.owner)?,
            only: addresses(&row.uids, &row.topics),
            opened: row.opened || before.is_some_and(|before| before.opened),
            seen: before.map_or(row.seen, |before| before.seen.max(row.seen)),
            noted: row.seen,
            here: before.map_or(here, |before| before.here),
        })
    }

    /// Whether it is too old, if it has no open stream.
    fn is_over(&self, now: i64) -> bool {
        let age = now.saturating_sub(self.seen);
        age > if self.opened { RETURNS } else { OPENS }
    }
}

impl Owner {
    pub(super) fn column(&self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Local => "local".to_owned(),
            Self::Configured(fingerprint) => format!("configured {fingerprint:08x}"),
            Self::Token(id) => owner_of(id),
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text.split_once(' ') {
            None if text == "nobody" => Self::Nobody,
            None if text == "local" => Self::Local,
            Some(("configured", own)) => Self::Configured(u32::from_str_radix(own, 16).ok()?),
            Some(("token", id)) => Self::Token(id.to_owned()),
            _ => return None,
        })
    }
}

impl Access {
    /// Makes a ticket for a stream of these, which the caller may read.
    pub(crate) async fn make_ticket(
        &self,
        caller: &Caller,
        uids: Vec<Uid>,
        topics: Vec<Topic>,
    ) -> Result<String, Refusal> {
        if uids.len() + topics.len() > MOST_FIXED {
            return Err(Refusal::bad("a ticket has up to 64 uids and topics"));
        }
        let secret = secret::secret("ft_")?;
        let hash = Hash::of(&secret);
        let owner = caller.owner.clone();
        let made = self.change(move |state, kept| {
            let now = state.now();
            if !state.stands(&state.known(), &owner) {
                return Ok(false);
            }
            let surplus = state.surplus(&owner, now);
            kept.file.delete_tickets(&surplus)?;
            let row = TicketRow {
                hash,
                owner: owner.column(),
                uids,
                topics,
                opened: false,
                seen: now,
            };
            kept.file.put_ticket(&row)?;
            let mut known = state.known();
            for hash in surplus {
                known.tickets.remove(&hash);
            }
            let ticket = Ticket::read(&row, None, true);
            known.tickets.extend(ticket.map(|ticket| (hash, ticket)));
            Ok(true)
        });
        if made.await? {
            Ok(secret)
        } else {
            Err(unauthorized("this token was taken back"))
        }
    }

    /// Takes a ticket back, and ends its stream; whether there was one.
    pub(crate) async fn drop_ticket(&self, ticket: &str) -> Result<bool, HubError> {
        let hash = Hash::of(ticket);
        let dropped = self.change(move |state, kept| {
            kept.file.delete_tickets(&[hash])?;
            let mut known = state.known();
            let was = known.tickets.remove(&hash).is_some();
            state.enforce(&known);
            Ok(was)
        });
        dropped.await
    }

    /// The caller that a ticket stands for, if it opens a stream now.
    pub(super) async fn ticket_caller(
        &self,
        peer: Peer,
        asks: bool,
        given: &str,
        resumes: bool,
    ) -> Result<Caller, NotLetIn> {
        let hash = Hash::of(given);
        let mut found = self.state.look(&hash, resumes, asks);
        if matches!(found, Err(Void::Unknown)) && self.state.may_try(peer).is_ok() {
            self.state.look_at_others().await;
            found = self.state.look(&hash, resumes, asks);
        }
        let (owner, only, token) = found.map_err(|void| match void {
            Void::Unknown => self.state.refuse(peer, UNKNOWN),
            Void::Used => used().into(),
        })?;
        Ok(Caller {
            peer,
            rights: Rights {
                read: true,
                only: Some(only),
                ..Rights::none()
            },
            token: token.map(Arc::new),
            owner,
            ticket: Some(hash),
        })
    }

    /// Opens the stream of a ticket, once; `resumes`: or again.
    pub(crate) async fn open_ticket(&self, hash: Hash, resumes: bool) -> Result<(), Refusal> {
        let now = self.state.now();
        let (first, came) = {
            let mut known = self.state.known();
            let Some(ticket) = known.tickets.get_mut(&hash) else {
                return Err(unauthorized(UNKNOWN));
            };
            if ticket.opened && !resumes {
                return Err(used());
            }
            ticket.seen = now;
            let came = !std::mem::replace(&mut ticket.here, true);
            (!std::mem::replace(&mut ticket.opened, true), came)
        };
        let mut came = came && !first;
        if first {
            // Before the stream opens: a restart must not forget it.
            let opened =
                self.change_of(Some(hash), move |_, kept| kept.file.set_opened(&hash, now));
            let (is_first, outcome) = opened.await?;
            // Another node may have been first, and told so since the look above.
            if self.state.sharing.is_some() && !is_first || outcome == Outcome::Refused {
                if !resumes {
                    if let Some(ticket) = self.state.known().tickets.get_mut(&hash) {
                        ticket.here = false;
                    }
                    return Err(used());
                }
                came = true;
            }
        }
        if came {
            self.run(move |state| state.claim(&hash)).await?;
        }
        Ok(())
    }
}

const UNKNOWN: &str = "this ticket is not known here, or too old; ask for a new one";

fn used() -> Refusal {
    Refusal {
        status: StatusCode::FORBIDDEN,
        why: "this ticket has opened its stream already; ask for a new one".to_owned(),
    }
}

type Found = (Owner, Vec<Address>, Option<(String, String)>);

impl State {
    fn look(&self, hash: &Hash, resumes: bool, asks: bool) -> Result<Found, Void> {
        let open = self.open_tickets();
        let known = self.known();
        let ticket = known.tickets.get(hash).ok_or(Void::Unknown)?;
        let stands = self.stands(&known, &ticket.owner);
        if !stands || asks && ticket.owner == Owner::Nobody {
            return Err(Void::Unknown);
        }
        if ticket.is_over(self.now()) && !open.contains(hash) {
            return Err(Void::Unknown);
        }
        if ticket.opened && !resumes {
            return Err(Void::Used);
        }
        let token = match &ticket.owner {
            Owner::Token(id) => known.by_id.get(id),
            _ => None,
        };
        let token = token.map(|entry| (entry.info.id.clone(), entry.info.name.clone()));
        Ok((ticket.owner.clone(), ticket.only.clone(), token))
    }

    /// Tells the other nodes that a ticket's stream came here.
    fn claim(&self, hash: &Hash) -> Result<(), HubError> {
        let Some(sharing) = &self.sharing else {
            return Ok(());
        };
        let noted = self.file().file.note_claim(hash);
        noted.map_err(|source| HubError::Access { source })?;
        sharing.tell();
        Ok(())
    }

    /// Whether what a ticket was made with still gives rights.
    fn stands(&self, known: &Known, owner: &Owner) -> bool {
        match owner {
            Owner::Nobody | Owner::Local => true,
            Owner::Configured(own) => self.configured.iter().any(|(other, _)| own == other),
            Owner::Token(id) => known.by_id.contains_key(id),
        }
    }

    /// The tickets whose streams are open.
    fn open_tickets(&self) -> HashSet<Hash> {
        let places = self.subscribers.list();
        places
            .iter()
            .filter_map(|place| place.visitor.ticket.as_deref().copied())
            .collect()
    }

    /// What must go so that one more ticket of this owner has a place.
    fn surplus(&self, owner: &Owner, now: i64) -> Vec<Hash> {
        let open = self.open_tickets();
        let known = self.known();
        let mut idle: Vec<_> = known
            .tickets
            .iter()
            .filter(|(hash, ticket)| ticket.owner == *owner && ticket.here && !open.contains(hash))
            .map(|(hash, ticket)| (!ticket.is_over(now), ticket.seen, *hash))
            .collect();
        idle.sort_unstable_by_key(|(current, seen, _)| (*current, *seen));
        let most = MOST_IDLE - 1;
        let surplus = idle.len().saturating_sub(most);
        idle.into_iter()
            .take(surplus)
            .map(|(.., hash)| hash)
            .collect()
    }

    /// Forgets tickets that open nothing any more.
    pub(super) fn tidy_tickets(&self, kept: &mut Kept, now: i64) -> Result<(), HubError> {
        let open = self.open_tickets();
        // What another node knows of a ticket is told now and then.
        let slack = |opened| match self.sharing {
            Some(_) if opened => 2 * SEEN_EVERY,
            Some(_) => SLACK,
            None => 0,
        };
        let mut over = Vec::new();
        for (hash, ticket) in &mut self.known().tickets {
            if open.contains(hash) {
                ticket.seen = now;
            } else if ticket.is_over(now.saturating_sub(slack(ticket.opened))) {
                over.push(*hash);
            }
        }
        if over.is_empty() {
            return Ok(());
        }
        kept.file.delete_tickets(&over)?;
        self.known().tickets.retain(|hash, _| !over.contains(hash));
        Ok(())
    }
}
