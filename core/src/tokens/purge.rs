//! Removes expired records.

use std::time::Duration;

use super::Tokens;
use crate::error::Failure;
use crate::event::{Event, EventKind};

/// How long a record is kept after its time, in case another node's clock is ahead: 1 hour.
const MARGIN: Duration = Duration::from_secs(60 * 60);
/// The most records that one step removes.
const BATCH: u32 = 1_000;

impl Tokens {
    /// Removes what expired more than an hour ago, in batches of 1,000, and returns the number of records removed.
    ///
    /// Several nodes may call it concurrently. [`Purger`](crate::Purger) calls it at intervals.
    ///
    /// # Errors
    /// [`Failure::Store`]; what was removed before stays removed.
    pub async fn purge(&self) -> Result<u64, Failure> {
        let now = self.now();
        let mut removed = 0;
        loop {
            let step = self.store().purge_expired(now.saturating_sub(MARGIN), BATCH).await?;
            removed = u64::saturating_add(removed, step.removed);
            // A locked row may be due and stay (S10). The next purge removes it; this one does not wait.
            if !step.more || step.removed == 0 {
                self.emit(&Event::new(EventKind::Purged, now).count(removed));
                return Ok(removed);
            }
        }
    }

    /// Does the same, and returns an error if the store panics.
    pub(crate) async fn purge_surviving(&self) -> Result<u64, Failure> {
        self.detached(|tokens| async move { tokens.purge().await }).await
    }
}
