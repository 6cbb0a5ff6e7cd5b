//! Waits until a token is ended.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Tokens;
use super::valid::Valid;
use crate::clock::Timestamp;
use crate::error::Rejected;
use crate::near::Near;
use crate::selector::Selector;

/// How often the store is asked if it announces nothing, and how often a caller that waits checks that turns are taken.
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
    /// While it waits it costs its memory and no calls. The future borrows nothing, so a stream or a task can own it.
    ///
    /// # Cancellation
    /// Dropping the future has no effect.
    pub fn ended(&self, valid: &Valid) -> impl Future<Output = Rejected> + Send + use<> {
        let (tokens, selector) = (self.clone(), valid.selector());
        async move { tokens.wait_for_end(selector).await }
    }

    async fn wait_for_end(&self, selector: Selector) -> Rejected {
        loop {
            let Some(near) = &self.shared.near else {
                match self.again_at(selector).await {
                    Err(rejected) => return rejected,
                    Ok(at) => sleep(at.since(self.now()).min(ASK_EVERY)).await,
                }
                continue;
            };
            near.keep_running();
            let waiter = near.wait_for(selector);
            let place = near.place_for_waiter().await;
            // Before the read: what is announced from now on wakes this caller, also while it reads. After the wait for
            // a place: what was announced before, the read sees.
            let woken = waiter.wake.notified();
            let at = place.hold(self.again_at(selector)).await;
            match at {
                Err(rejected) => return rejected,
                Ok(at) => self.wait_until(at, near, woken).await,
            }
        }
    }

    /// Waits until the record has to be read again: at that instant, when it may have ended, or because no turn is
    /// taken that could say so.
    async fn wait_until(&self, at: Timestamp, near: &Near, woken: impl Future<Output = ()>) {
        let mut woken = pin!(woken);
        loop {
            // The timer may stand still while the machine is suspended, so the clock has the last word.
            let left = at.since(self.now());
            if left.is_zero() || timeout(left.min(ASK_EVERY), &mut woken).await.is_ok() {
                return;
            }
            // The task that takes the turns may be in a runtime that no thread drives: then nothing is announced.
            if !near.is_leased() {
                return;
            }
        }
    }

    /// Reads the record, and returns when it should be read again at the latest: at its expiry, because the use of the
    /// token may have moved that.
    ///
    /// # Errors
    /// The rejection, if it was ended or has expired.
    async fn again_at(&self, selector: Selector) -> Result<Timestamp, Rejected> {
        let found = self.store().find(selector).await;
        let now = self.now();
        let Ok(record) = found else { return Ok(now.saturating_add(RETRY)) };
        let Some(record) = record else { return Err(Rejected::Invalid) };
        if let Some(reason) = record.revoked {
            return Err(reason.into());
        }
        let Ok(policy) = self.policy(record.kind) else { return Ok(now.saturating_add(ASK_EVERY)) };
        let expires_at = self.deadlines(&record, policy, now).first();
        if now >= expires_at {
            return Err(Rejected::Expired);
        }
        Ok(expires_at)
    }
}
