//! Writes a record by compare-and-swap, and finds out what became of the write.

use super::Tokens;
use super::backoff::Backoff;
use super::found::corrupt;
use crate::clock::Timestamp;
use crate::error::{Failure, StoreError};
use crate::event::{Event, EventKind};
use crate::policy::Policy;
use crate::record::Record;
use crate::record::state::{Confirms, State};
use crate::rotation::{Rotation, windows_closed};
use crate::store::{Change, Replace};

/// The outcome of a compare-and-swap.
pub(super) enum SwapOutcome {
    /// The new record is stored.
    Done,
    /// Another call wrote first; holds the present record, if there is one.
    Lost(Option<Record>),
}

impl Tokens {
    /// Replaces a record by `next`, and finds out what happened if the store does not know.
    ///
    /// Every write carries a fresh id in its body. So if the stored record equals `next`, that proves that it is this
    /// very write (contract S5, D15).
    pub(super) async fn replace(
        &self,
        next: &Record,
        of: &Record,
        change: Change<'_>,
    ) -> Result<SwapOutcome, Failure> {
        self.replace_or_doubt(next, of, change).await.map(|(written, _)| written)
    }

    /// Does the same, and returns with [`SwapOutcome::Lost`] the error of a store that does not know the outcome. Another
    /// call may have written on top of this write, so the caller must not repeat it.
    pub(super) async fn replace_or_doubt(
        &self,
        next: &Record,
        of: &Record,
        change: Change<'_>,
    ) -> Result<(SwapOutcome, Option<StoreError>), Failure> {
        let answer = self.store().replace(next, of.revision, change).await;
        if !matches!(&answer, Ok(Replace::Conflict) | Err(StoreError::Timeout { outcome_unknown: true, .. }))
        {
            return match answer? {
                Replace::Replaced => Ok((SwapOutcome::Done, None)),
                _ => Ok((SwapOutcome::Lost(None), None)),
            };
        }
        let found = self.store().find(next.selector).await;
        match (answer, found) {
            (_, Ok(Some(found))) if found == *next => Ok((SwapOutcome::Done, None)),
            // It may still arrive: nothing else has happened to the record so far.
            (Err(error), Ok(Some(found))) if found.revision == of.revision => Err(error.into()),
            (answer, Ok(found)) => Ok((SwapOutcome::Lost(found), answer.err())),
            (Err(error), Err(_)) | (Ok(_), Err(error)) => Err(error.into()),
        }
    }

    /// Confirms a rotation of another record, if it is still the last one of that record and not confirmed yet.
    ///
    /// # Errors
    /// [`Failure`] if the confirmation could not be written.
    pub(super) async fn confirm(&self, confirms: Confirms, now: Timestamp) -> Result<(), Failure> {
        let mut backoff = Backoff::default();
        loop {
            let Some(record) = self.store().find(confirms.selector).await? else { return Ok(()) };
            let mut state =
                State::decode(&record.body).map_err(|source| corrupt(confirms.selector, source))?;
            match &mut state.rotated {
                Some(rotated)
                    if rotated.confirmed_at.is_none()
                        && record.revoked.is_none()
                        && record.generation == confirms.generation =>
                {
                    rotated.confirmed_at = Some(now);
                }
                _ => return Ok(()),
            }
            let next = self.next_write(&record, &mut state, self.policy(record.kind)?, now)?;
            if let SwapOutcome::Done = self.replace(&next, &record, Change::Update).await? {
                self.emit(&Event::new(EventKind::Confirmed, now).record(&next));
                return Ok(());
            }
            backoff.pause(self).await?;
        }
    }

    /// Returns `record` with `state` as its next write: a new revision, a fresh write id, and no nonce if its windows
    /// have closed (contract T5).
    pub(super) fn next_write(
        &self,
        record: &Record,
        state: &mut State,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Record, Failure> {
        state.write_id = self.random()?;
        if let (Some(rotation), Some(rotated)) = (state.rotation(), &mut state.rotated)
            && windows_closed(&rotation, now, policy, self.max_skew())
        {
            rotated.nonce = None;
        }
        let mut next = record.clone();
        next.revision = record.revision.next();
        next.updated_at = now;
        next.body = state.encode();
        Ok(next)
    }
}

impl State {
    /// Returns the last rotation, as input of the decision.
    pub(super) fn rotation(&self) -> Option<Rotation> {
        self.rotated.as_ref().map(|rotated| Rotation {
            at: rotated.at,
            confirmed_at: rotated.confirmed_at,
            repeatable: rotated.nonce.is_some(),
        })
    }
}

/// A record that is touched at every interval changes its purge time once in this many touches.
///
/// Core rounds, not a store: core computes every record, a store keeps what it is given (S16), and each store indexes
/// this column. A change of it costs PostgreSQL its in-page update (measured in store-postgres: at least 95 % of the
/// touches keep it), and Redis a second key.
const TOUCHES_PER_STEP: u32 = 32;

/// Returns when a record may be removed: at its absolute expiry, or at its idle expiry, rounded up.
///
/// It is rounded, from the issue on, to an eighth of the idle lifetime or to 32 touches, whichever is more, so that
/// nearly every slide leaves this instant alone (contract S10).
pub(super) fn purge_at(record: &Record, policy: &Policy) -> Timestamp {
    let (Some(idle_at), Some(idle)) = (record.idle_at, policy.idle) else { return record.expires_at };
    let grain = (idle / 8)
        .max(policy.touch.saturating_mul(TOUCHES_PER_STEP))
        .max(std::time::Duration::from_millis(1));
    let age = idle_at.since(record.created_at);
    let grains = u32::try_from(age.as_millis().div_ceil(grain.as_millis())).unwrap_or(u32::MAX);
    record
        .created_at
        .saturating_add(grain.saturating_mul(grains))
        .min(record.expires_at)
        .max(idle_at.min(record.expires_at))
}
