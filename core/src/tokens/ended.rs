//! Waits until a token is ended.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Tokens;
use super::valid::Valid;
use crate::error::Rejected;

/// How often the store is asked if it announces nothing.
const ASK_EVERY: Duration = Duration::from_secs(5);
/// The pause after a read that failed.
const RETRY: Duration = Duration::from_secs(1);

impl Tokens {
    /// Waits until `valid` is ended or expires, and returns the rejection that its token gets from then on: to close a
    /// WebSocket or a stream with its login.
    ///
    /// It never misses an ending. A store that announces endings wakes it, as [`NearCache`](crate::NearCache) explains,
    /// and it asks the store whether the record has ended. While the announcements are interrupted it asks again and
    /// again, and with a store that announces nothing every 5 seconds. It waits out failures of the store. A stamp that
    /// changes ends nothing (contract D4), so it does not end the wait either.
    ///
    /// While it waits it costs its memory and no calls.
    ///
    /// # Cancellation
    /// Dropping the future has no effect.
    pub async fn ended(&self, valid: &Valid) -> Rejected {
        let selector = valid.selector();
        loop {
            let Some(near) = &self.shared.near else {
                match self.expiry(valid).await {
                    Err(rejected) => return rejected,
                    Ok(expires_in) => sleep(expires_in.min(ASK_EVERY)).await,
                }
                continue;
            };
            near.keep_running();
            let waiter = near.wait_for(selector);
            // Before the read: what is announced from now on wakes this caller, also while it reads.
            let woken = waiter.wake.notified();
            let read = near.place_for_waiter().await;
            let expiry = self.expiry(valid).await;
            drop(read);
            match expiry {
                Err(rejected) => return rejected,
                // It is read again then: the use of the token may have moved its expiry.
                Ok(expires_in) => drop(timeout(expires_in, woken).await),
            }
        }
    }

    /// Reads the record, and returns when it should be read again at the latest.
    ///
    /// # Errors
    /// The rejection, if it was ended or has expired.
    async fn expiry(&self, valid: &Valid) -> Result<Duration, Rejected> {
        let Ok(record) = self.store().find(valid.selector()).await else { return Ok(RETRY) };
        let now = self.now();
        let Some(record) = record else { return Err(Rejected::Invalid) };
        if let Some(reason) = record.revoked {
            return Err(reason.into());
        }
        let Ok(policy) = self.policy(record.kind) else { return Ok(ASK_EVERY) };
        let expires_at = self.deadlines(&record, policy, now).first();
        if now >= expires_at {
            return Err(Rejected::Expired);
        }
        Ok(expires_at.since(now))
    }
}
