//! Accepts a new token on behalf of the client that is about to get it.

use super::found::{Found, corrupt};
use super::issue::Issue;
use super::valid::{Issued, Valid};
use crate::error::Denied;
use crate::record::state::State;
use crate::rotation::{Deadlines, Presented};
use crate::stamp::FingerprintCheck;

impl Issue<'_> {
    /// Issues the token and accepts it on behalf of the client that is about to get it.
    ///
    /// So the same request may read and change the data of the token, and renew it. This does not count as a use: it
    /// confirms nothing (contract D5a), because the response may be lost.
    ///
    /// # Errors
    /// The errors of awaiting the issue.
    pub async fn accepted(self) -> Result<(Issued, Valid), Denied> {
        let (issued, record) = self.run().await?;
        let state = State::decode(&record.body).map_err(|source| corrupt(record.selector, source))?;
        let deadlines = Deadlines { absolute: record.expires_at, idle: record.idle_at };
        let valid = Valid {
            fingerprint: match state.facts.fingerprint {
                Some(_) => FingerprintCheck::Matches,
                None => FingerprintCheck::Unknown,
            },
            found: Box::new(Found { record, state, presented: Presented::Current, deadlines }),
            is_recalled: false,
            first_byte: None,
            confirms: None,
            successor: None,
        };
        Ok((issued, valid))
    }
}
