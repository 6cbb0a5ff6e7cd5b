//! Finds the record that a token's text belongs to (contract D1 to D3).

use super::Tokens;
use super::candidate::Candidate;
use super::found::{Found, corrupt};
use super::valid::Valid;
use crate::clock::Timestamp;
use crate::error::{Denied, Failure, Rejected};
use crate::event::{Event, EventKind};
use crate::ident::Kind;
use crate::keyring::{DigestKey, Key, KeyId};
use crate::limit::DecodeError;
use crate::policy::Policy;
use crate::record::Record;
use crate::record::state::State;
use crate::rotation::{Presented, StampCheck, standing, windows_closed};
use crate::secret::{Digest, Validator};
use crate::selector::Selector;

impl Tokens {
    /// Checks that `text` is a token of `kind` that is ours and neither expired nor ended.
    ///
    /// # Errors
    /// [`Rejected`] if it is not; [`Failure`] if no verdict could be reached.
    pub async fn look_up(&self, kind: Kind, text: &str) -> Result<Candidate<'_>, Denied> {
        let policy = self.policy(kind)?;
        let now = self.now();
        let Some((selector, validator)) = policy.format.parse(text) else {
            self.emit(&Event::new(EventKind::Malformed, now).token_kind(kind));
            return Err(Rejected::Malformed.into());
        };
        let (found, entry) = match self.near(policy) {
            None => {
                let record = self.store().find(selector).await?;
                (self.examine(policy, selector, &validator, record, now)?, None)
            }
            Some(near) => {
                near.keep_running();
                match self.recall(near, policy, selector, &validator, now) {
                    Some((found, entry)) => (found, Some(entry)),
                    // Boxed, so that the future of a call without a cache stays small.
                    None => Box::pin(self.recall_or_read(near, policy, selector, &validator)).await?,
                }
            }
        };
        Ok(Candidate::new(self, policy, validator, found, entry))
    }

    /// Verifies a token of `kind`, for kinds that are bound to no stamp.
    ///
    /// # Errors
    /// [`Rejected`] if it is not valid; [`Failure`] if no verdict could be reached. After [`Failure::StampRequired`],
    /// call [`look_up`](Self::look_up) and pass the stamp to [`Candidate::verify`].
    pub async fn verify(&self, kind: Kind, text: &str) -> Result<Valid, Denied> {
        self.look_up(kind, text).await?.verify(None).await
    }

    /// Does the same as [`verify`](Self::verify) and makes the [successor](Valid::successor) if one is due.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify).
    pub async fn verify_and_rotate(&self, kind: Kind, text: &str) -> Result<Valid, Denied> {
        self.look_up(kind, text).await?.verify_and_rotate(None).await
    }

    /// Consumes a single-use token that is bound to no stamp. Of any number of concurrent calls at most one is
    /// accepted.
    ///
    /// # Errors
    /// As for [`verify`](Self::verify). After a [timeout](crate::StoreError::Timeout) with unknown outcome, or if the
    /// future was dropped, the token may be spent.
    pub async fn consume(&self, kind: Kind, text: &str) -> Result<Valid, Denied> {
        self.look_up(kind, text).await?.consume(None).await
    }

    /// Applies rows D1 to D3 to the record that a store returned.
    pub(super) fn examine(
        &self,
        policy: &Policy,
        selector: Selector,
        validator: &Validator,
        record: Option<Record>,
        now: Timestamp,
    ) -> Result<Box<Found>, Denied> {
        let kind = policy.kind;
        let invalid = |event: EventKind| {
            self.emit(&Event::new(event, now).token_kind(kind).selector(selector));
            Err(Rejected::Invalid.into())
        };
        let Some(record) = record else { return invalid(EventKind::UnknownSelector) };
        if record.selector != selector {
            return Err(corrupt(selector, DecodeError("the store returned another record")).into());
        }
        if record.kind != kind {
            return invalid(EventKind::KindMismatch);
        }
        let state = State::decode(&record.body).map_err(|source| corrupt(selector, source))?;
        let presented = match self.identify(policy, &record, &state, validator, now)? {
            Some(Presented::Foreign) => return invalid(EventKind::InvalidValidator),
            Some(presented) => presented,
            None => return invalid(EventKind::UnusableKey),
        };
        let deadlines = self.deadlines(&record, policy, now);
        let found = Box::new(Found { record, state, presented, deadlines });
        let inputs = found.inputs(StampCheck::Unbound);
        let Some(rejected) = standing(&inputs, &deadlines, now) else { return Ok(found) };
        self.emit(&Event::new(EventKind::of_rejection(rejected), now).record(&found.record));
        Err(rejected.into())
    }

    /// Returns which of the record's tokens has this validator; `None` if that depends on a retired key.
    ///
    /// If only the predecessor's key is retired, its digest can no longer be compared. The newest token has been
    /// presented since; otherwise its digest would be under that key, too. So once the windows have closed, every
    /// token of ours except the newest is a replay.
    ///
    /// The costly proof of descent runs only if the newest digest does not match. This reveals whether a token is the
    /// newest one, which its holder learns from the verdict anyway.
    pub(super) fn identify(
        &self,
        policy: &Policy,
        record: &Record,
        state: &State,
        validator: &Validator,
        now: Timestamp,
    ) -> Result<Option<Presented>, Failure> {
        let matches =
            |digest: &Digest, key| Digest::of(validator, record.covered(&state.facts), key).matches(digest);
        let usable = self.keys().usable(state.digest.key, now);
        if let Ok(DigestKey::Accepted(key)) = usable
            && matches(&state.digest, key)
        {
            return Ok(Some(Presented::Current));
        }
        if !validator.descends_from(record.selector, &state.lineage) {
            return Ok(Some(Presented::Foreign));
        }
        let DigestKey::Accepted(_) = usable? else { return Ok(None) };
        let Some(rotated) = &state.rotated else { return Ok(Some(Presented::Earlier)) };
        match self.keys().usable(rotated.predecessor.key, now)? {
            DigestKey::Accepted(key) if matches(&rotated.predecessor, key) => {
                Ok(Some(Presented::Predecessor))
            }
            DigestKey::Accepted(_) => Ok(Some(Presented::Earlier)),
            DigestKey::Refused => {
                let open = state.rotation().is_some_and(|rotation| {
                    rotation.repeatable && !windows_closed(&rotation, now, policy, self.max_skew())
                });
                Ok(if open { None } else { Some(Presented::Earlier) })
            }
        }
    }

    /// Returns the key named `id`, if it can still be used.
    pub(super) fn key(&self, id: Option<KeyId>, now: Timestamp) -> Result<Option<Option<&Key>>, Failure> {
        Ok(match self.keys().usable(id, now)? {
            DigestKey::Accepted(key) => Some(key),
            DigestKey::Refused => None,
        })
    }
}
