//! Collecting what has expired.

use std::time::Duration;

use super::Tokens;
use crate::error::Failure;
use crate::event::{Event, EventKind};

/// How long past its time a record is kept, against nodes whose clock is ahead: 1 hour.
const MARGIN: Duration = Duration::from_secs(60 * 60);
/// How many records one step removes at most.
const BATCH: u32 = 1_000;

impl Tokens {
    /// Removes what expired more than an hour ago, in batches of 1,000, and answers how many records it removed.
    /// Safe from several nodes at once. See [`Purger`](crate::Purger) to have it done regularly.
    ///
    /// # Errors
    /// [`Failure::Store`]; what was removed before stays removed.
    pub async fn purge(&self) -> Result<u64, Failure> {
        let now = self.now();
        let mut removed = 0;
        loop {
            let step = self.store().purge_expired(now.saturating_sub(MARGIN), BATCH).await?;
            removed = u64::saturating_add(removed, step.removed);
            // A row that is locked may be due and stay (S10). The next purge finds it; this one does not wait.
            if !step.more || step.removed == 0 {
                self.emit(&Event::new(EventKind::Purged, now).count(removed));
                return Ok(removed);
            }
        }
    }

    /// The same, where a store that panics is an error like any other.
    pub(crate) async fn purge_surviving(&self) -> Result<u64, Failure> {
        self.detached(|tokens| async move { tokens.purge().await }).await
    }
}
