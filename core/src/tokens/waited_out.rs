//! Endings that are waited out: they return when no node can accept any more.

use std::time::Duration;

use tokio::time::sleep;

use super::Tokens;
use crate::near::NearCache;

/// Returns how long some node may still accept what was ended. A hundredth is added to the lag, because the clocks of
/// two nodes may run at different rates: by 0.1 % while both are being corrected.
pub(super) fn time_to_wait(near_cache: &NearCache, keeps: bool) -> Duration {
    let lag = near_cache.longest_lag(keeps);
    lag + lag / 100
}

impl Tokens {
    /// Returns a handle whose endings are *waited out*: a call returns only when no node accepts any more what it
    /// ended, with the exceptions under 4. Cheap. For a stolen device, or before data are handed over.
    ///
    /// Without it a call returns when the ending is acknowledged. Then a node with a [near cache](crate::NearCache) may
    /// accept for a moment, and for the lag if something fails. So this handle waits for the lag, and a hundredth of
    /// it, after the acknowledgement: usually 1.01 seconds.
    ///
    /// 1. It waits for the lag of this service's near cache. **No node may have a longer one.** A service that keeps no
    ///    kind waits for 10 seconds, the longest lag there can be, unless its [lag](crate::NearCache::lag) was set. To
    ///    raise the lag of all nodes, raise it first where this handle is used.
    /// 2. These calls wait: [`revoke`](Self::revoke), [`revoke_login`](Self::revoke_login),
    ///    [`revoke_kinds_of_login`](Self::revoke_kinds_of_login), [`revoke_subject`](Self::revoke_subject),
    ///    [`forget_subject`](Self::forget_subject), [`remove_unreadable`](Self::remove_unreadable),
    ///    [`revoke_others`](Self::revoke_others), [`credential_changed`](Self::credential_changed) and
    ///    [`authenticated_again`](Self::authenticated_again). The end of a theft is not waited for, nor is what a new
    ///    login replaces or evicts. A single-use token is never kept, so a spent one is refused everywhere at once.
    /// 3. A rejection and a failure are returned at once, also one in [`Renewed::ended`](crate::Renewed::ended).
    /// 4. A request whose token was read before may still be running. A deposed primary that does not know it is
    ///    deposed announces nothing: a node that still talks to it accepts for the lag and the time until it is deposed
    ///    or found out. A machine whose hypervisor stops both of its clocks accepts for what is left of the lag when it
    ///    goes on.
    ///
    /// # Cancellation
    /// The ending completes even if the future is dropped; only the wait ends. A renewal's new tokens are lost with the
    /// future, so its caller has to log in again.
    ///
    /// # Examples
    /// ```
    /// # use hallpass_core::{Failure, Kind, Purposes, Reason, Subject, Tokens};
    /// # async fn example(tokens: Tokens, alice: Subject) -> Result<(), Failure> {
    /// tokens.waited_out().revoke_subject(&alice, Purposes::ALL, Reason::Administrative).await?;
    /// // From here on every node refuses the tokens of alice.
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn waited_out(&self) -> Self {
        Self { waits_out: true, ..self.clone() }
    }

    /// Waits until no node accepts any more what was ended before this call, if this handle waits endings out.
    pub(super) async fn wait_out(&self) {
        if self.waits_out {
            // While the machine is suspended this timer stands still: the wait only gets longer.
            sleep(self.shared.time_to_wait).await;
        }
    }
}
