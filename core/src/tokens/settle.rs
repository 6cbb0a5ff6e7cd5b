//! The copies of a renewal: what became of their originals meanwhile.

use super::Tokens;
use super::backoff::Backoff;
use super::ending::Ending;
use super::found::corrupt;
use super::renew::Made;
use super::write::Written;
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::event::{Event, EventKind};
use crate::record::Record;
use crate::record::state::State;
use crate::store::Change;

/// How often a write is tried before its copy is given up.
const TRIES: u32 = 3;

impl Tokens {
    /// Marks the record that a copy was made of, whatever is written to it meanwhile; that is in the copy then, if it
    /// keeps the data of its original.
    ///
    /// Lost if the one or the other was ended meanwhile: what was ended stays ended.
    pub(super) async fn settle(&self, made: &Made, now: Timestamp) -> Result<Written, Failure> {
        let (mut original, mut state) = made.original.clone();
        state.write_id = self.random()?;
        let (mut backoff, mut tries) = (Backoff::default(), 0);
        loop {
            backoff.pause(self).await?;
            tries += 1;
            match self.mark_revision(&original, &state, now).await {
                // A write that failed once mostly succeeds the next time; without it the client loses a token.
                Err(_) if tries < TRIES => {}
                Ok(Written::Lost(Some(newer))) if newer.revoked.is_none() => {
                    state = State::decode(&newer.body).map_err(|source| corrupt(newer.selector, source))?;
                    state.write_id = self.random()?;
                    original = newer;
                }
                Ok(Written::Done) if made.keeps_data => {
                    return self.carry(&made.record, state.data, now).await;
                }
                written => return written,
            }
        }
    }

    /// Writes to a copy what its original held in the end. No one holds its token yet, so nothing but an ending is
    /// faster.
    async fn carry(&self, copy: &Record, data: Vec<u8>, now: Timestamp) -> Result<Written, Failure> {
        let mut state = State::decode(&copy.body).map_err(|source| corrupt(copy.selector, source))?;
        if state.data == data {
            return Ok(Written::Done);
        }
        state.data = data;
        let (mut backoff, mut tries) = (Backoff::default(), 0);
        loop {
            backoff.pause(self).await?;
            tries += 1;
            let next = self.next_write(copy, &mut state, self.policy(copy.kind)?, now)?;
            match self.replace(&next, copy, Change::Update).await {
                Err(_) if tries < TRIES => {}
                // A conflict without a cause (S5).
                Ok(Written::Lost(Some(found))) if found == *copy => {}
                // An earlier try arrived after all.
                Ok(Written::Lost(Some(found))) if found.revoked.is_none() => return Ok(Written::Done),
                written => return written,
            }
        }
    }

    /// Removes a copy whose token is not handed out. An event says why it could not be.
    pub(super) async fn give_up(&self, copy: &Record, failure: Option<Failure>, now: Timestamp) {
        if let Some(failure) = failure {
            let event = Event::new(EventKind::Abandoned, now).record(copy);
            self.emit(&event.source(&failure));
        }
        let ending = Ending::one(copy, EventKind::Abandoned, now).only_if_failed();
        // Told to the observer if it fails; the answer to the caller is about the renewal.
        drop(self.end_here(ending).await);
    }
}
