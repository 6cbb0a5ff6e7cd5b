//! The builder of a service.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{Shared, Tokens};
use crate::clock::{Clock, SystemClock};
use crate::entropy::{Entropy, OsEntropy};
use crate::event::Observer;
use crate::keyring::{Keyring, Keys};
use crate::policy::{Policy, PolicyError};
use crate::store::TokenStore;

/// The default of [`TokensBuilder::max_logins`].
const MAX_LOGINS: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// The default of [`TokensBuilder::max_records_per_login`].
const MAX_RECORDS_PER_LOGIN: NonZeroU32 = NonZeroU32::new(32).unwrap();

/// Builds a [`Tokens`]. Start with [`Tokens::builder`].
pub struct TokensBuilder(Shared);

impl TokensBuilder {
    pub(super) fn new(store: Arc<dyn TokenStore>) -> Self {
        Self(Shared {
            store,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            observer: None,
            keys: Keys::default(),
            policies: vec![
                Policy::session(),
                Policy::remember(),
                Policy::refresh(),
                Policy::api_key(),
                Policy::one_time(),
            ],
            max_skew: Duration::from_secs(10),
            max_logins: MAX_LOGINS,
            max_records_per_login: MAX_RECORDS_PER_LOGIN,
        })
    }

    /// Adds a policy and replaces the one for the same kind, if there is one.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.0.policies.retain(|old| old.kind != policy.kind);
        self.0.policies.push(policy);
        self
    }

    /// Makes digests with keys from now on. See [`Keyring`].
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.0.keys = Keys(Some(keyring));
        self
    }

    /// Sets how far the clocks of two nodes may be apart: 10 seconds by default, zero for a single process. Windows
    /// must be zero or at least twice as long.
    #[must_use]
    pub fn max_skew(mut self, max_skew: Duration) -> Self {
        self.0.max_skew = max_skew;
        self
    }

    /// Limits the live logins of a subject, over all kinds whose purpose is a [device](crate::Purpose::Device): 100 by
    /// default. One more ends the oldest; of concurrent logins the newest stay.
    #[must_use]
    pub fn max_logins(mut self, max_logins: NonZeroU32) -> Self {
        self.0.max_logins = max_logins;
        self
    }

    /// Limits the device records of a login: 32 by default. One more ends the oldest restored one. A client without a
    /// session cookie, for instance, restores a new session with every request.
    #[must_use]
    pub fn max_records_per_login(mut self, max_records: NonZeroU32) -> Self {
        self.0.max_records_per_login = max_records;
        self
    }

    /// Sends every event to `observer`.
    #[must_use]
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.0.observer = Some(Arc::new(observer));
        self
    }

    /// Takes the time from `clock`.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.0.clock = Arc::new(clock);
        self
    }

    /// Takes randomness from `entropy`, which must be unpredictable.
    #[must_use]
    pub fn entropy(mut self, entropy: impl Entropy) -> Self {
        self.0.entropy = Arc::new(entropy);
        self
    }

    /// Checks every policy and starts the service.
    ///
    /// # Errors
    /// [`PolicyError`] names the first rule that a policy breaks.
    pub fn build(self) -> Result<Tokens, PolicyError> {
        self.0.policies.iter().try_for_each(|policy| policy.check(self.0.max_skew))?;
        Ok(Tokens { shared: Arc::new(self.0), context: None })
    }
}

impl fmt::Debug for TokensBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokensBuilder")
            .field("store", &self.0.store)
            .field("policies", &self.0.policies)
            .finish_non_exhaustive()
    }
}
