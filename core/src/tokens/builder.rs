//! The builder of a service.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::waited_out::time_to_wait;
use super::{Shared, Tokens};
use crate::clock::{Clock, SystemClock};
use crate::entropy::{Entropy, OsEntropy};
use crate::event::Observer;
use crate::ident::Kind;
use crate::keyring::{Keyring, Keys};
use crate::near::{Near, NearCache, OwnWrites};
use crate::policy::{Policy, PolicyError};
use crate::store::TokenStore;

/// The default of [`TokensBuilder::max_logins`].
const MAX_LOGINS: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// The default of [`TokensBuilder::max_records_per_login`].
const MAX_RECORDS_PER_LOGIN: NonZeroU32 = NonZeroU32::new(32).unwrap();

/// Builds a [`Tokens`]. Start with [`Tokens::builder`].
pub struct TokensBuilder(Shared, NearCache);

impl TokensBuilder {
    pub(super) fn new(store: Arc<dyn TokenStore>) -> Self {
        let shared = Shared {
            store,
            near: None,
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
            time_to_wait: Duration::ZERO,
        };
        Self(shared, NearCache::new())
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

    /// Sets how records of the kinds that [are kept](Policy::cached_for) are kept in the memory of this node.
    #[must_use]
    pub fn near_cache(mut self, settings: NearCache) -> Self {
        self.1 = settings;
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
    /// [`BuildError`] names the first rule that a policy breaks, or says why there can be no near cache.
    pub fn build(self) -> Result<Tokens, BuildError> {
        let Self(mut shared, near_cache) = self;
        shared.policies.iter().try_for_each(|policy| policy.check(shared.max_skew))?;
        near_cache.check().map_err(BuildError::NearCache)?;
        let kept = shared.policies.iter().find(|policy| policy.cached_for.is_some());
        let announces = shared.store.announcer().is_some();
        if let (Some(kept), false) = (kept, announces) {
            return Err(BuildError::NoAnnouncer(kept.kind));
        }
        shared.time_to_wait = time_to_wait(&near_cache, kept.is_some());
        // Also if no kind is kept: it hears what ends. It takes no turn before it is used.
        let (store, observer) = (Arc::clone(&shared.store), shared.observer.clone());
        let near = Near::new(near_cache, store, Arc::clone(&shared.clock), observer);
        shared.near = near.filter(|_| announces).map(Arc::new);
        match (kept, &shared.near) {
            (Some(_), None) => return Err(BuildError::NoClock),
            (Some(_), Some(near)) => shared.store = Arc::new(OwnWrites::new(Arc::clone(near))),
            (None, _) => {}
        }
        Ok(Tokens { shared: Arc::new(shared), context: None, exact: false, waits_out: false })
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

/// Why a service cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A policy breaks a rule.
    Policy(PolicyError),
    /// A setting of the near cache breaks this rule.
    NearCache(&'static str),
    /// Records of this kind are to be kept, and the store cannot announce what ends.
    NoAnnouncer(Kind),
    /// Records are to be kept, and this system has no clock that counts the time of a suspension (`CLOCK_BOOTTIME`).
    NoClock,
}

impl From<PolicyError> for BuildError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy(error) => error.fmt(f),
            Self::NearCache(rule) => write!(f, "the near cache breaks a rule: {rule}"),
            Self::NoAnnouncer(kind) => {
                write!(f, "{kind} tokens cannot be kept in a cache: the store does not announce what ends")
            }
            Self::NoClock => {
                f.write_str("tokens cannot be kept in a cache: this system has no CLOCK_BOOTTIME")
            }
        }
    }
}

impl Error for BuildError {}
