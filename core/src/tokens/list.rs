//! Live logins as a person would see them.

use std::cmp::Reverse;

use super::Tokens;
use super::candidate::corrupt;
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::ident::{Device, Kind, LoginId, Subject};
use crate::purpose::Purpose;
use crate::record::state::{Origin, State};

/// One login that is live: a device, or an API key. No secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveLogin {
    /// What [`Tokens::revoke_login`] wants to hear.
    pub login: LoginId,
    /// How a person would recognise the client.
    pub device: Device,
    /// When the subject authenticated for it.
    pub created_at: Timestamp,
    /// When one of its tokens was last seen, to the precision of the policies' touch intervals.
    pub seen_at: Timestamp,
    /// When the last of its tokens expires.
    pub expires_at: Timestamp,
    /// How the token that was seen last was come by.
    pub origin: Origin,
    /// The kinds of its live tokens, in no particular order.
    pub kinds: Vec<Kind>,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Which logins to list.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Logins of this purpose; devices unless told otherwise.
    pub purpose: Purpose,
    /// The login that asks, to be marked in the list.
    pub current: Option<LoginId>,
    /// Only what comes after this: [`Listing::next`] of the page before.
    pub after: Option<ListCursor>,
    /// At most so many; 100 unless told otherwise.
    pub limit: usize,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { purpose: Purpose::Device, current: None, after: None, limit: 100 }
    }
}

/// A place in a list of logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListCursor {
    created_at: Timestamp,
    login: LoginId,
}

/// One page of logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The logins, newest first.
    pub logins: Vec<ActiveLogin>,
    /// Where the next page begins; `None` if this is the last.
    pub next: Option<ListCursor>,
}

impl Tokens {
    /// The live logins of `subject`, one entry each however many tokens it has, newest first.
    ///
    /// Reads every record of the subject, in pages of 256: a login's records may lie far apart.
    ///
    /// # Errors
    /// [`Failure::Store`], [`Failure::Corrupt`].
    pub async fn list(&self, subject: &Subject, query: &ListQuery) -> Result<Listing, Failure> {
        let now = self.now();
        let mut logins: Vec<ActiveLogin> = Vec::new();
        for record in self.records(subject, self.kinds_for(&[query.purpose])).await? {
            if !record.is_live(now) {
                continue;
            }
            let state = State::decode(&record.body).map_err(|source| corrupt(record.selector, source))?;
            match logins.iter_mut().find(|login| login.login == record.login) {
                None => logins.push(ActiveLogin {
                    login: record.login,
                    device: record.device,
                    created_at: state.facts.auth_at,
                    seen_at: record.seen_at,
                    expires_at: record.expires_at,
                    origin: state.facts.origin,
                    kinds: vec![record.kind],
                    current: query.current == Some(record.login),
                }),
                Some(login) => {
                    if record.seen_at > login.seen_at {
                        (login.seen_at, login.origin, login.device) =
                            (record.seen_at, state.facts.origin, record.device);
                    }
                    login.created_at = login.created_at.min(state.facts.auth_at);
                    login.expires_at = login.expires_at.max(record.expires_at);
                    if !login.kinds.contains(&record.kind) {
                        login.kinds.push(record.kind);
                    }
                }
            }
        }
        let place = |login: &ActiveLogin| ListCursor { created_at: login.created_at, login: login.login };
        logins.sort_unstable_by_key(|login| Reverse(place(login)));
        logins.retain(|login| query.after.is_none_or(|after| place(login) < after));
        let more = logins.len() > query.limit;
        logins.truncate(query.limit);
        let next = if more { logins.last().map(place) } else { None };
        Ok(Listing { logins, next })
    }
}
