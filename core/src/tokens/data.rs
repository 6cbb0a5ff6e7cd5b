//! Application data: concurrent requests change them without losing each other's changes.

use std::borrow::Cow;

use super::Tokens;
use super::backoff::Backoff;
use super::found::corrupt;
use super::valid::Valid;
use super::write::SwapOutcome;
use crate::clock::Timestamp;
use crate::error::{Denied, Rejected};
use crate::limit::LimitError;
use crate::record::Record;
use crate::record::state::{MAX_DATA, State};
use crate::store::Change;

impl Tokens {
    /// Returns the application data of a token, as they were when it was verified or last changed with
    /// [`update_data`](Self::update_data). Reads the store if the token was verified from the near cache, which keeps
    /// no data.
    ///
    /// # Errors
    /// [`Denied`] if the token was ended meanwhile, or if the data could not be read.
    pub async fn data<'v>(&self, valid: &'v Valid) -> Result<Cow<'v, [u8]>, Denied> {
        if valid.is_recalled {
            let record = self.store().find(valid.selector()).await?;
            let (_, state) = self.present(valid, record, self.now())?;
            return Ok(Cow::Owned(state.data));
        }
        Ok(Cow::Borrowed(&valid.found.state.data))
    }

    /// Changes the application data of a token without losing concurrent changes.
    ///
    /// `change` gets the present data. It runs again whenever another call wrote first. Afterwards `valid` holds the
    /// new data. The call is rejected if the token was ended or has expired meanwhile.
    ///
    /// # Errors
    /// [`Limit`](crate::Failure::Limit) if the data grow beyond 16 KiB, [`Contended`](crate::Failure::Contended),
    /// [`Store`](crate::Failure::Store) (after a timeout with unknown outcome the change may have been made).
    pub async fn update_data(
        &self,
        valid: &mut Valid,
        mut change: impl FnMut(&mut Vec<u8>),
    ) -> Result<(), Denied> {
        let policy = self.policy(valid.kind())?;
        if valid.is_recalled {
            // The cache may not know of a use that moved the expiry, so the store says whether it is live.
            let record = self.store().find(valid.selector()).await?;
            (valid.found.record, valid.found.state) = self.present(valid, record, self.now())?;
            valid.is_recalled = false;
        } else if !self.is_live(&valid.found.record, self.now()) {
            return Err(Rejected::Expired.into());
        }
        let mut backoff = Backoff::default();
        loop {
            let now = self.now();
            let mut state = valid.found.state.clone();
            change(&mut state.data);
            if state.data.len() > MAX_DATA {
                return Err(LimitError::new("data", "must be at most 16 KiB").into());
            }
            if state.data == valid.found.state.data {
                return Ok(());
            }
            let next = self.next_write(&valid.found.record, &mut state, policy, now)?;
            let (written, doubt) = self.replace_or_doubt(&next, &valid.found.record, Change::Update).await?;
            match written {
                SwapOutcome::Done => {
                    (valid.found.record, valid.found.state) = (next, state);
                    return Ok(());
                }
                SwapOutcome::Lost(record) => {
                    let present = self.present(valid, record, now);
                    // The change may have been made already: a retry could make it twice.
                    if let (Ok(_) | Err(Denied::Failed(_)), Some(error)) = (&present, doubt) {
                        return Err(error.into());
                    }
                    (valid.found.record, valid.found.state) = present?;
                }
            }
            backoff.pause(self).await?;
        }
    }

    /// Returns the present record of a token that was verified, as read just now.
    fn present(
        &self,
        valid: &Valid,
        record: Option<Record>,
        now: Timestamp,
    ) -> Result<(Record, State), Denied> {
        let Some(record) = record else { return Err(Rejected::Invalid.into()) };
        match record.revoked {
            Some(reason) => return Err(Rejected::from(reason).into()),
            None if !self.is_live(&record, now) => return Err(Rejected::Expired.into()),
            None => {}
        }
        let corrupt = |source| corrupt(record.selector, source);
        let state = State::decode(&record.body).map_err(corrupt)?;
        let proven = &valid.found;
        record.same_as_proven(&state.facts, &proven.record, &proven.state.facts).map_err(corrupt)?;
        Ok((record, state))
    }
}
