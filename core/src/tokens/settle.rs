//! Brings the copies of a renewal up to date with what other calls wrote to the originals meanwhile.

use super::Tokens;
use super::backoff::Backoff;
use super::ending::Ending;
use super::found::corrupt;
use super::renew::CopiedRecord;
use super::write::SwapOutcome;
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::event::{Event, EventKind};
use crate::record::Record;
use crate::record::state::State;
use crate::store::Change;

/// How often a write is tried before its copy is given up.
const TRIES: u32 = 3;

impl Tokens {
    /// Marks the original of a copy, even if other calls write to it meanwhile. If the copy keeps the data of its
    /// original, it gets what they wrote.
    ///
    /// Returns [`SwapOutcome::Lost`] if either record was ended meanwhile: what was ended stays ended.
    pub(super) async fn settle(&self, made: &CopiedRecord, now: Timestamp) -> Result<SwapOutcome, Failure> {
        let (mut original, mut state) = made.original.clone();
        state.write_id = self.random()?;
        let (mut backoff, mut tries) = (Backoff::default(), 0);
        loop {
            backoff.pause(self).await?;
            tries += 1;
            match self.mark_revision(&original, &state, now).await {
                // After one failure the next try mostly succeeds; without it the client would lose a token.
                Err(_) if tries < TRIES => {}
                Ok(SwapOutcome::Lost(Some(newer))) if newer.revoked.is_none() => {
                    state = State::decode(&newer.body).map_err(|source| corrupt(newer.selector, source))?;
                    state.write_id = self.random()?;
                    original = newer;
                }
                Ok(SwapOutcome::Done) if made.keeps_data => {
                    return self.carry(&made.record, state.data, now).await;
                }
                written => return written,
            }
        }
    }

    /// Writes to a copy the final data of its original. No client holds its token yet, so only an ending can come
    /// first.
    async fn carry(&self, copy: &Record, data: Vec<u8>, now: Timestamp) -> Result<SwapOutcome, Failure> {
        let mut state = State::decode(&copy.body).map_err(|source| corrupt(copy.selector, source))?;
        if state.data == data {
            return Ok(SwapOutcome::Done);
        }
        state.data = data;
        let (mut backoff, mut tries) = (Backoff::default(), 0);
        loop {
            backoff.pause(self).await?;
            tries += 1;
            let next = self.next_write(copy, &mut state, self.policy(copy.kind)?, now)?;
            match self.replace(&next, copy, Change::Update).await {
                Err(_) if tries < TRIES => {}
                // A spurious conflict (S5).
                Ok(SwapOutcome::Lost(Some(found))) if found == *copy => {}
                // An earlier try arrived after all.
                Ok(SwapOutcome::Lost(Some(found))) if found.revoked.is_none() => {
                    return Ok(SwapOutcome::Done);
                }
                written => return written,
            }
        }
    }

    /// Removes a copy whose token is not handed out, and emits an event with the failure, if there was one.
    pub(super) async fn give_up(&self, copy: &Record, failure: Option<Failure>, now: Timestamp) {
        if let Some(failure) = failure {
            let event = Event::new(EventKind::Abandoned, now).record(copy);
            self.emit(&event.source(&failure));
        }
        let ending = Ending::one(copy, EventKind::Abandoned, now).only_if_failed();
        // If this fails, an event says so; the caller's result is about the renewal.
        drop(self.end_here(ending).await);
    }
}
