//! The service that applications call: it handles every token and takes every decision.

mod accepted;
mod alarm;
mod backoff;
mod builder;
mod candidate;
mod cap;
mod data;
mod ended;
mod ending;
mod found;
mod issue;
mod list;
mod login;
mod look_up;
mod purge;
mod recall;
mod records;
mod renew;
mod revoke;
mod settle;
mod valid;
mod waited_out;
mod write;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub use builder::{BuildError, TokensBuilder};
pub use candidate::Candidate;
pub use issue::Issue;
pub use list::{ActiveLogin, ListCursor, ListQuery, Listing};
pub use login::Login;
pub use renew::Renewed;
pub use valid::{Issued, Valid};

use crate::clock::{Clock, Timestamp};
use crate::context::RequestContext;
use crate::entropy::Entropy;
use crate::error::{Failure, StoreError};
use crate::event::{Event, Observer};
use crate::ident::Kind;
use crate::keyring::Keys;
use crate::near::{Near, NearCacheStats};
use crate::policy::Policy;
use crate::purpose::Purpose;
use crate::store::{Kinds, TokenStore};

/// Issues, verifies, rotates and revokes tokens over any [`TokenStore`]. Cheap to clone.
///
/// Every call that judges a token returns `Result<_, Denied>`. [`Denied`](crate::Denied) is a rejection or a failure,
/// so an outage never looks like a verdict.
///
/// It runs on tokio with the timer enabled. A revocation that has begun completes even if the caller's future is
/// dropped (contract D12).
///
/// | to | call |
/// | --- | --- |
/// | log in | [`begin_login`](Self::begin_login) before the password is checked, [`begin_unknown_login`](Self::begin_unknown_login) for a name that no account has, [`begin_anonymous`](Self::begin_anonymous) for a visitor |
/// | issue a token | [`issue`](Self::issue) in a login, [`issue_from`](Self::issue_from) another token of it |
/// | accept a token | [`verify`](Self::verify), [`verify_and_rotate`](Self::verify_and_rotate), [`consume`](Self::consume) for one that works once; [`look_up`](Self::look_up) first, if the token is bound to a stamp |
/// | close a stream with its login | [`ended`](Self::ended) |
/// | keep data with a token | [`data`](Self::data), [`update_data`](Self::update_data) |
/// | renew a login | [`authenticated_again`](Self::authenticated_again) after a second factor, [`credential_changed`](Self::credential_changed), [`revoke_others`](Self::revoke_others): each ends the old token and returns a new one |
/// | end tokens | [`revoke`](Self::revoke) the one presented, [`revoke_login`](Self::revoke_login) one device, [`revoke_kinds_of_login`](Self::revoke_kinds_of_login) some of its tokens, [`revoke_subject`](Self::revoke_subject) all of a user |
/// | list devices and keys | [`list`](Self::list); [`remove_unreadable`](Self::remove_unreadable) removes a row that does not decode |
/// | erase a user | [`forget_subject`](Self::forget_subject) |
/// | remove expired records | [`purge`](Self::purge), or a [`Purger`](crate::Purger) in the background |
/// | accept tokens without a call of the store | [`Policy::cached_for`], [`TokensBuilder::near_cache`]; [`exact`](Self::exact) for one answer past the cache, [`waited_out`](Self::waited_out) for an ending that returns when no node can accept any more |
/// | attach the client's address and user agent to events | [`with_context`](Self::with_context) |
/// | read the configuration | [`policy`](Self::policy), [`kinds_for`](Self::kinds_for), [`now`](Self::now) |
///
/// # Examples
/// ```
/// use hallpass_core::{Kind, MemoryStore, Subject, Tokens};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Tokens::builder(MemoryStore::new()).build()?;
/// let login = tokens.begin_login(&Subject::new("alice")?).await?; // then check the password
/// let issued = tokens.issue(&login, Kind::SESSION).device("Firefox").await?;
///
/// let valid = tokens.verify(Kind::SESSION, issued.token.expose()).await?;
/// assert_eq!(valid.subject().map(Subject::as_str), Some("alice"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tokens {
    shared: Arc<Shared>,
    context: Option<Arc<RequestContext>>,
    /// Whether every answer comes from the store.
    exact: bool,
    /// Whether an ending returns only when no node can accept any more.
    waits_out: bool,
}

struct Shared {
    store: Arc<dyn TokenStore>,
    near: Option<Arc<Near>>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    observer: Option<Arc<dyn Observer>>,
    keys: Keys,
    policies: Vec<Policy>,
    max_skew: Duration,
    max_logins: NonZeroU32,
    max_records_per_login: NonZeroU32,
    /// How long after its acknowledgement some node may still accept what was ended.
    time_to_wait: Duration,
}

impl Tokens {
    /// Starts a builder for a service over `store`, with the five default policies.
    pub fn builder(store: impl TokenStore) -> TokensBuilder {
        TokensBuilder::new(Arc::new(store))
    }

    /// Returns the policy for tokens of `kind`.
    ///
    /// # Errors
    /// [`Failure::UnknownKind`] if there is none.
    pub fn policy(&self, kind: Kind) -> Result<&Policy, Failure> {
        self.shared.policies.iter().find(|policy| policy.kind == kind).ok_or(Failure::UnknownKind(kind))
    }

    /// Returns the present instant, by the service's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Returns a handle for one request: events and notes of its calls carry `context`. Cheap.
    #[must_use]
    pub fn with_context(&self, context: RequestContext) -> Self {
        Self { context: Some(Arc::new(context)), ..self.clone() }
    }

    /// Returns a handle whose verifications all ask the store, past the near cache, for an answer that is exact at
    /// this moment: before a payment, for an administrator. Cheap. Without a near cache every answer is exact.
    #[must_use]
    pub fn exact(&self) -> Self {
        Self { exact: true, ..self.clone() }
    }

    /// Returns the figures of the near cache; `None` if no kind is kept.
    #[must_use]
    pub fn near_cache_stats(&self) -> Option<NearCacheStats> {
        let is_kept = self.shared.policies.iter().any(|policy| policy.cached_for.is_some());
        self.shared.near.as_ref().filter(|_| is_kept).map(|near| near.stats())
    }

    fn store(&self) -> &dyn TokenStore {
        &*self.shared.store
    }

    fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    fn max_skew(&self) -> Duration {
        self.shared.max_skew
    }

    /// Returns fresh random bytes.
    fn random<const N: usize>(&self) -> Result<[u8; N], Failure> {
        let mut bytes = [0; N];
        self.shared.entropy.fill(&mut bytes).map_err(Failure::Randomness)?;
        Ok(bytes)
    }

    /// Returns the kinds whose policies have one of these purposes.
    ///
    /// To end all tokens of a purpose, pass the [purposes](crate::Purposes) themselves to
    /// [`revoke_subject`](Self::revoke_subject): that includes kinds for which this process has no policy.
    #[must_use]
    pub fn kinds_for(&self, purposes: &[Purpose]) -> Kinds {
        let policies = self.shared.policies.iter().filter(|policy| purposes.contains(&policy.purpose));
        Kinds::Only(policies.map(|policy| policy.kind).collect())
    }

    pub(crate) fn emit(&self, event: &Event<'_>) {
        let event = Event { context: self.context.as_deref(), ..*event };
        event.trace();
        if let Some(observer) = &self.shared.observer {
            observer.on_event(&event);
        }
    }

    /// Runs `work` to completion, even if the caller's future is dropped (contract D12).
    async fn detached<T, E, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => match runtime.spawn(work(self.clone())).await {
                Ok(result) => result,
                // The task panicked or the runtime is shutting down: how far it came is unknown.
                Err(error) => Err(StoreError::Timeout { source: error.into(), outcome_unknown: true }.into()),
            },
            Err(_) => work(self.clone()).await,
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("store", &self.shared.store)
            .field("keys", &self.shared.keys)
            .finish_non_exhaustive()
    }
}
