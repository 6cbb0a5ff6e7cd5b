//! Lists live logins as a user sees them.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Tokens;
use super::ending::Ending;
use super::records::Rows;
use crate::clock::Timestamp;
use crate::error::{Failure, StoreError};
use crate::event::EventKind;
use crate::facts::Origin;
use crate::ident::{Device, Kind, LoginId, Subject};
use crate::purpose::Purpose;
use crate::record::state::State;
use crate::record::{Reason, Record};
use crate::selector::Selector;

/// One live login: a device, or an API key. No secrets.
///
/// Its times print as UTC (`2026-11-29T12:02:08Z`); `SystemTime::from` converts them for a date library. `login`
/// prints as text and parses back, so a form can carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveLogin {
    /// The id to pass to [`Tokens::revoke_login`].
    pub login: LoginId,
    /// The description by which a person recognises the client.
    pub device: Device,
    /// When the subject authenticated for this login.
    pub created_at: Timestamp,
    /// When one of its tokens was last seen, to the precision of the touch intervals.
    pub seen_at: Timestamp,
    /// When the last of its tokens expires.
    pub expires_at: Timestamp,
    /// The origin of the token that was seen last.
    pub origin: Origin,
    /// The kinds of its live tokens, in no particular order.
    pub kinds: Vec<Kind>,
    /// Whether it is the login of the request that asks for the list.
    pub current: bool,
}

impl ActiveLogin {
    fn new(record: Record, state: &State, current: bool) -> Self {
        Self {
            login: record.login,
            device: record.device,
            created_at: state.facts.auth_at,
            seen_at: record.seen_at,
            expires_at: record.expires_at,
            origin: state.facts.origin,
            kinds: vec![record.kind],
            current,
        }
    }

    /// Adds another record of the same login.
    fn add(&mut self, record: Record, state: &State) {
        if record.seen_at > self.seen_at {
            (self.seen_at, self.origin, self.device) = (record.seen_at, state.facts.origin, record.device);
        }
        self.created_at = self.created_at.min(state.facts.auth_at);
        self.expires_at = self.expires_at.max(record.expires_at);
        if !self.kinds.contains(&record.kind) {
            self.kinds.push(record.kind);
        }
    }
}

/// Selects which logins to list.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Logins of this purpose; devices by default.
    pub purpose: Purpose,
    /// The login of the request that asks for the list; its entry is marked as current.
    pub current: Option<LoginId>,
    /// Only logins after this place: [`Listing::next`] of the page before.
    pub after: Option<ListCursor>,
    /// The largest number of logins on a page; 100 by default.
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
    /// The selectors of the subject's rows that do not decode, the same on every page. Their tokens are not accepted;
    /// see [`Tokens::remove_unreadable`].
    pub unreadable: Vec<Selector>,
}

impl Tokens {
    /// Lists the live logins of `subject`, newest first: one entry for each login, however many tokens it has.
    ///
    /// It reads every record of the subject of that purpose, in pages of 256, because a login's records may lie far
    /// apart. It also lists logins of kinds for which this process has no policy.
    ///
    /// # Errors
    /// [`Failure::Store`]; [`Failure::Corrupt`] if the store repeats a page.
    pub async fn list(&self, subject: &Subject, query: &ListQuery) -> Result<Listing, Failure> {
        let now = self.now();
        let Rows { records, mut unreadable } = self.records(subject, query.purpose.into()).await?;
        let mut found: HashMap<LoginId, ActiveLogin> = HashMap::new();
        for record in records {
            if !self.is_live(&record, now) {
                continue;
            }
            let Some(state) = self.state(&record) else {
                unreadable.push(record.selector);
                continue;
            };
            match found.entry(record.login) {
                Entry::Vacant(entry) => {
                    let current = query.current == Some(record.login);
                    entry.insert(ActiveLogin::new(record, &state, current));
                }
                Entry::Occupied(entry) => entry.into_mut().add(record, &state),
            }
        }
        let mut logins: Vec<ActiveLogin> = found.into_values().collect();
        let place = |login: &ActiveLogin| ListCursor { created_at: login.created_at, login: login.login };
        logins.sort_unstable_by_key(|login| Reverse(place(login)));
        logins.retain(|login| query.after.is_none_or(|after| place(login) < after));
        let more = logins.len() > query.limit;
        logins.truncate(query.limit);
        let next = if more { logins.last().map(place) } else { None };
        Ok(Listing { logins, next, unreadable })
    }

    /// Removes a row of `subject` that does not decode, as shown in [`Listing::unreadable`], and returns whether it
    /// removed one.
    ///
    /// A row that decodes is left alone, because a selector proves nothing.
    ///
    /// # Errors
    /// [`Failure::Store`].
    pub async fn remove_unreadable(&self, subject: &Subject, selector: Selector) -> Result<bool, Failure> {
        if selector.shard() != subject.shard() {
            return Ok(false);
        }
        match self.store().find(selector).await {
            Ok(None) => return Ok(false),
            Ok(Some(record)) if record.subject.as_ref() != Some(subject) => return Ok(false),
            Ok(Some(record)) if State::decode(&record.body).is_ok() => return Ok(false),
            Ok(Some(_)) | Err(StoreError::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let event_kind = EventKind::Revoked(Reason::Administrative);
        let ending = Ending::unreadable(subject, selector, event_kind, self.now());
        Ok(self.end_and_wait(ending).await? > 0)
    }
}
