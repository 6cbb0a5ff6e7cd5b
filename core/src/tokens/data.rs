//! Application data that concurrent requests change without losing each other's changes.

use super::Tokens;
use super::backoff::Backoff;
use super::candidate::corrupt;
use super::valid::Valid;
use super::write::Written;
use crate::error::{LimitError, Rejected, Verdict};
use crate::record::Reason;
use crate::record::state::{MAX_DATA, State};

impl Tokens {
    /// Changes the application data of a token: `change` gets the present data and is run again
    /// whenever somebody else was faster, so concurrent requests never lose each other's changes.
    ///
    /// `valid` holds the new data afterwards. Rejected if the token was ended or has expired meanwhile.
    ///
    /// # Errors
    /// [`Limit`](crate::Failure::Limit) if the data grow beyond 16 KiB,
    /// [`Contended`](crate::Failure::Contended), [`Store`](crate::Failure::Store) (after a timeout with unknown outcome the change may have been made).
    pub async fn update_data(&self, valid: &mut Valid, mut change: impl FnMut(&mut Vec<u8>)) -> Verdict<()> {
        let policy = self.policy(valid.kind())?;
        let mut backoff = Backoff::default();
        loop {
            let now = self.now();
            let mut state = valid.found.state.clone();
            change(&mut state.data);
            if state.data.len() > MAX_DATA {
                return Err(LimitError::new("data", "must be at most 16 KiB").into());
            }
            if state.data == valid.found.state.data {
                return Ok(Ok(()));
            }
            let next = self.next_write(&valid.found.record, &mut state, policy, now)?;
            match self.replace(&next, &valid.found.record).await? {
                Written::Done => {
                    (valid.found.record, valid.found.state) = (next, state);
                    return Ok(Ok(()));
                }
                Written::Lost(None) => return Ok(Err(Rejected::Invalid)),
                Written::Lost(Some(record)) => {
                    match record.revoked {
                        Some(Reason::Spent) => return Ok(Err(Rejected::Spent)),
                        Some(reason) => return Ok(Err(Rejected::Revoked(reason))),
                        None if !record.is_live(now) => return Ok(Err(Rejected::Expired)),
                        None => {}
                    }
                    valid.found.state =
                        State::decode(&record.body).map_err(|source| corrupt(record.selector, source))?;
                    valid.found.record = record;
                }
            }
            backoff.pause(self).await?;
        }
    }
}
