//! Figures of the near cache, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Figures of a near cache, counted since the service was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NearCacheStats {
    /// Tokens that were accepted without a call of the store.
    pub hits: u64,
    /// Reads of the store for kinds that are kept, [`unproven`](Self::unproven) ones included.
    pub misses: u64,
    /// Reads of the store although the record was here: there was no recent proof.
    pub unproven: u64,
    /// How often everything was forgotten.
    pub flushes: u64,
    /// Endings that were heard. A report of a whole shard counts as one.
    pub heard: u64,
    /// Hits that were compared with the store afterwards: one in a thousand.
    pub samples: u64,
    /// Samples whose record had ended. Within the lag that is allowed.
    pub stale_accepts: u64,
    /// Records that are kept now.
    pub entries: u64,
    /// The memory that they take, in bytes, as estimated.
    pub bytes: u64,
    /// How long ago the last turn that proved something began; `None` if there is no proof.
    pub lease_age: Option<Duration>,
    /// How long the last turn took.
    pub turn: Duration,
    /// How long, at most, the endings that were heard last had been acknowledged by then: the time since the turn before
    /// them that proved something. Zero before the first.
    pub revocation_lag: Duration,
}

/// The counters behind it.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) misses: AtomicU64,
    pub(super) unproven: AtomicU64,
    pub(super) samples: AtomicU64,
    pub(super) stale_accepts: AtomicU64,
    pub(super) heard: AtomicU64,
    /// In nanoseconds, as the next.
    pub(super) turn: AtomicU64,
    pub(super) revocation_lag: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn counted(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
