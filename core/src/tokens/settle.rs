//! The copies of a renewal that are not of the caller's record: what became of their originals meanwhile.

use super::Tokens;
use super::backoff::Backoff;
use super::candidate::corrupt;
use super::ending::Ending;
use super::write::Written;
use crate::clock::Timestamp;
use crate::error::Failure;
use crate::event::{Event, EventKind};
use crate::record::Record;
use crate::record::state::State;
use crate::store::Change;

/// How often the mark of an original is written before its copy is given up.
const TRIES: u32 = 3;

impl Tokens {
    /// Marks the record that `copy` was made of, and says whether the token of the copy may be handed out. The
    /// copy is removed if not: what was ended meanwhile stays ended. What was written meanwhile is in the copy.
    pub(super) async fn settle(&self, copy: &Record, original: Record, state: State, now: Timestamp) -> bool {
        match self.settle_copy(copy, original, state, now).await {
            Ok(true) => return true,
            Ok(false) => {}
            Err(failure) => {
                let event = Event::new(EventKind::Abandoned, now).record(copy);
                self.emit(&event.source(&failure));
            }
        }
        let ending = Ending::one(copy, EventKind::Abandoned, now).only_if_failed();
        // Told to the observer if it fails; the answer to the caller is about the renewal.
        drop(self.end_here(ending).await);
        false
    }

    async fn settle_copy(
        &self,
        copy: &Record,
        mut original: Record,
        mut state: State,
        now: Timestamp,
    ) -> Result<bool, Failure> {
        let (mut backoff, mut tries) = (Backoff::default(), 0);
        loop {
            backoff.pause(self).await?;
            let written = self.mark_revision(&original, state.clone(), now).await;
            tries += 1;
            match written {
                // A write that failed once mostly succeeds the next time; without it the client loses a token.
                Err(_) if tries < TRIES => {}
                Err(failure) => return Err(failure),
                Ok(Written::Done) => break,
                Ok(Written::Lost(Some(newer))) if newer.revoked.is_none() => {
                    state = State::decode(&newer.body).map_err(|source| corrupt(newer.selector, source))?;
                    original = newer;
                }
                Ok(Written::Lost(_)) => return Ok(false),
            }
        }
        let mut copied = State::decode(&copy.body).map_err(|source| corrupt(copy.selector, source))?;
        if copied.data == state.data {
            return Ok(true);
        }
        copied.data = state.data;
        let next = self.next_write(copy, &mut copied, self.policy(copy.kind)?, now)?;
        // No one holds its token yet, so what is faster than this has ended it.
        Ok(matches!(self.replace(&next, copy, Change::Update).await?, Written::Done))
    }
}
