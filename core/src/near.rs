//! The near cache: records in the memory of a node, under a lease (contract S19).
//!
//! A verification that finds its record here makes no call. Three rules keep that safe:
//!
//! - The cache only accepts. Whatever is not plainly valid is decided by the store.
//! - An entry is accepted only under a *proof*: a turn of the store's feed that began less than the lag ago has
//!   reported everything that had ended by then.
//! - A feed that may have missed something forgets everything.

mod clock;
mod config;
mod leased;
mod own;
mod stats;
mod stripe;
mod sync;
mod turns;
mod waiters;

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::error::StoreError;
use crate::event::{Event, EventKind, Observer};
use crate::policy::Policy;
use crate::record::Record;
use crate::record::state::State;
use crate::selector::Selector;
use crate::store::{Lost, TokenStore};

pub use clock::NodeClock;
pub use config::NearCache;
pub(crate) use leased::{Known, Unusable};
pub(crate) use own::OwnWrites;
pub use stats::NearCacheStats;
use stats::{Counters, count, counted};
pub(crate) use waiters::Waiter;
use waiters::Waiters;

/// The number of stripes.
const STRIPES: usize = 64;
/// One hit in this many is compared with the store.
const SAMPLE: u64 = 1_000;
/// How many reads run at once for a while after everything was forgotten, and for how long, in nanoseconds.
const READS: usize = 64;
const REFILLING: u64 = 5_000_000_000;
/// How many reads run at once for callers that wait for the end of a record. One that takes longer than [`WAIT`] does
/// not count any more.
const WAITERS_READS: usize = 16;
/// How long a call waits for the read of another call, or for one of [`READS`].
const WAIT: Duration = Duration::from_millis(100);

/// A kept record, decoded, without its body: of the application's data only the first byte is kept.
pub(crate) struct Kept {
    pub(crate) record: Record,
    pub(crate) state: State,
    pub(crate) first_byte: Option<u8>,
}

pub(crate) type Entry = stripe::Entry<Kept>;
pub(crate) type Ticket<'a> = leased::Ticket<'a, Kept>;

/// The cache of one service.
pub(crate) struct Near {
    leased: leased::Leased<Kept>,
    config: NearCache,
    clock: Arc<dyn NodeClock>,
    store: Arc<dyn TokenStore>,
    /// The service's clock and observer, for events.
    service_clock: Arc<dyn Clock>,
    observer: Option<Arc<dyn Observer>>,
    is_running: AtomicBool,
    /// The number of entries that were forgotten because the task that takes the turns has panicked, until another has
    /// reported that.
    panicked: Mutex<Option<usize>>,
    /// Whether an event has said that there is no feed.
    is_loss_reported: AtomicBool,
    is_sampling: AtomicBool,
    reads: Semaphore,
    waiters: Waiters,
    waiters_reads: Semaphore,
    /// When everything was forgotten the last time.
    forgotten_at: AtomicU64,
    counters: Counters,
}

impl Near {
    /// Creates an empty cache over `store`; `None` if the system has no clock that counts the time of a suspension.
    pub(crate) fn new(
        config: NearCache,
        store: Arc<dyn TokenStore>,
        service_clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Option<Self> {
        let clock = match &config.clock {
            Some(clock) => Arc::clone(clock),
            None => Arc::new(clock::system()?),
        };
        Some(Self {
            leased: leased::Leased::new(STRIPES, config.capacity),
            config,
            clock,
            store,
            service_clock,
            observer,
            is_running: AtomicBool::new(false),
            panicked: Mutex::default(),
            is_loss_reported: AtomicBool::new(false),
            is_sampling: AtomicBool::new(false),
            reads: Semaphore::new(READS),
            waiters: Waiters::default(),
            waiters_reads: Semaphore::new(WAITERS_READS),
            forgotten_at: AtomicU64::new(0),
            counters: Counters::default(),
        })
    }

    pub(crate) fn store(&self) -> &Arc<dyn TokenStore> {
        &self.store
    }

    pub(crate) fn get(&self, selector: Selector) -> Known<Kept> {
        self.leased.get(selector)
    }

    /// Checks that an entry may be accepted for a token of this policy. Nothing but the acceptance may come after it.
    ///
    /// # Errors
    /// [`Unusable`] if not.
    pub(crate) fn check(&self, entry: &Entry, policy: &Policy) -> Result<(), Unusable> {
        let age = policy.cached_for.unwrap_or_default();
        self.leased.check(entry, nanos(self.config.lag), nanos(age), || self.now())
    }

    /// Begins a read whose record may be kept.
    pub(crate) fn begin(&self, selector: Selector) -> Option<Ticket<'_>> {
        self.leased.begin(selector, self.now())
    }

    /// Reads a record from the store.
    pub(crate) async fn read(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        count(&self.counters.misses);
        let _place = self.place().await;
        self.store.find(selector).await
    }

    /// Waits for a place among the reads, if everything was forgotten a moment ago. Waits briefly: a store that hangs
    /// must not make one call wait for another.
    async fn place(&self) -> Option<SemaphorePermit<'_>> {
        let forgotten_at = self.forgotten_at.load(Ordering::Relaxed);
        if forgotten_at == 0 || self.now().saturating_sub(forgotten_at) > REFILLING {
            return None;
        }
        timeout(WAIT, self.reads.acquire()).await.ok()?.ok()
    }

    /// Waits for a place among the reads of callers that wait for the end of a record: a loss wakes them all.
    pub(crate) async fn place_for_waiter(&self) -> Place<'_> {
        Place { _permit: self.waiters_reads.acquire().await.ok() }
    }

    /// Registers a caller that waits for the end of a record.
    pub(crate) fn wait_for(&self, selector: Selector) -> Waiter<'_> {
        self.waiters.wait_for(selector)
    }

    /// Waits, briefly, until the read of another call has ended. Its record is here then, if it can be kept.
    pub(crate) async fn wait(&self, read: &Semaphore) {
        // It is closed, and never has a permit.
        drop(timeout(WAIT, read.acquire()).await);
    }

    /// Returns whether there is a recent proof.
    pub(crate) fn is_leased(&self) -> bool {
        self.lease_age().is_some_and(|age| age <= self.config.lag)
    }

    fn lease_age(&self) -> Option<Duration> {
        self.leased.proof().map(|proof| Duration::from_nanos(self.now().saturating_sub(proof)))
    }

    pub(crate) fn count_unproven(&self) {
        count(&self.counters.unproven);
    }

    /// Counts an acceptance. One in a thousand is compared with the store, by a task of its own.
    pub(crate) fn count_hit(self: &Arc<Self>, selector: Selector) {
        if !self.leased.count_hit(selector).is_multiple_of(SAMPLE) {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.is_sampling.swap(true, Ordering::AcqRel) {
            let sample = Sample(Arc::clone(self));
            runtime.spawn(async move { sample.take(selector).await });
        }
    }

    fn now(&self) -> u64 {
        self.clock.since_boot()
    }

    /// Notes how long a turn took that began at `t0`. If endings were heard in it, so that there are more than `heard`,
    /// they were acknowledged after `proof`.
    fn timed(&self, t0: u64, heard: u64, proof: Option<u64>) {
        let now = self.now();
        self.counters.turn.store(now.saturating_sub(t0), Ordering::Relaxed);
        if let Some(proof) = proof
            && counted(&self.counters.heard) > heard
        {
            self.counters.revocation_lag.store(now.saturating_sub(proof), Ordering::Relaxed);
        }
    }

    /// Notes that records ended.
    fn ended(&self, selectors: &[Selector]) {
        let number = u64::try_from(selectors.len()).unwrap_or(u64::MAX);
        self.counters.heard.fetch_add(number, Ordering::Relaxed);
        self.leased.ended(selectors);
        self.waiters.wake(selectors);
    }

    /// Notes that all records of a shard may have ended.
    fn ended_shard(&self, shard: [u8; 2]) {
        count(&self.counters.heard);
        self.leased.ended_shard(shard);
        self.waiters.wake_shard(shard);
    }

    /// Notes that a feed is open, and returns what a proof needs.
    fn open(&self) -> u64 {
        let flushes = self.leased.open();
        // What ended since they asked the last time, no feed has heard.
        self.waiters.wake_all();
        flushes
    }

    /// Forgets everything, and reports it.
    fn forget(&self, why: Lost, error: Option<&StoreError>) {
        self.report_loss(why, self.flush(), error);
    }

    /// Forgets everything, and returns the number of entries.
    fn flush(&self) -> usize {
        let entries = self.leased.flush();
        if entries > 0 {
            self.forgotten_at.store(self.now(), Ordering::Relaxed);
        }
        entries
    }

    /// Emits an event: one until there is a lease again.
    fn report_loss(&self, why: Lost, entries: usize, error: Option<&StoreError>) {
        if self.is_loss_reported.swap(true, Ordering::Relaxed) {
            return;
        }
        let error = error.map(|error| error as &(dyn Error + 'static));
        self.emit(EventKind::FeedLost(why), u64::try_from(entries).unwrap_or(u64::MAX), error);
    }

    fn panicked(&self) -> MutexGuard<'_, Option<usize>> {
        self.panicked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn emit(&self, kind: EventKind, number: u64, source: Option<&(dyn Error + 'static)>) {
        let event = Event::new(kind, self.service_clock.now()).count(number);
        self.report(&Event { source, ..event });
    }

    fn report(&self, event: &Event<'_>) {
        event.trace();
        if let Some(observer) = &self.observer {
            observer.on_event(event);
        }
    }

    pub(crate) fn stats(&self) -> NearCacheStats {
        let (hits, entries, bytes) = self.leased.totals();
        let Counters { misses, unproven, samples, stale_accepts, heard, turn, revocation_lag } =
            &self.counters;
        NearCacheStats {
            hits,
            misses: counted(misses),
            unproven: counted(unproven),
            flushes: self.leased.flushes(),
            heard: counted(heard),
            samples: counted(samples),
            stale_accepts: counted(stale_accepts),
            entries: u64::try_from(entries).unwrap_or(u64::MAX),
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            lease_age: self.lease_age(),
            turn: Duration::from_nanos(counted(turn)),
            revocation_lag: Duration::from_nanos(counted(revocation_lag)),
        }
    }
}

impl fmt::Debug for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Near").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Kept {
    /// Returns what is kept of a record, and its weight in bytes, as estimated.
    pub(crate) fn new(record: &Record, state: &State) -> (Self, usize) {
        let first_byte = state.data.first().copied();
        let record = record.without_body();
        let state = state.without_data();
        // Keys and slots of the map come on top of the entry.
        let map = 2 * size_of::<(Selector, usize)>() + size_of::<(Selector, usize)>();
        let texts = record.subject.as_ref().map_or(0, |subject| 16 + subject.as_str().len())
            + 16
            + record.device.as_str().len()
            + state.facts.authentication.weight();
        let weight = size_of::<Entry>() + 16 + map + texts;
        (Self { record, state, first_byte }, weight)
    }
}

/// A place among the reads of callers that wait for the end of a record.
pub(crate) struct Place<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

impl Place<'_> {
    /// Runs a read, and leaves the place when the read has ended. Soon in any case: if a part of the store hangs, the
    /// callers that read the others must not wait for it.
    pub(crate) async fn hold<T>(self, read: impl Future<Output = T>) -> T {
        let mut read = pin!(read);
        let ended = timeout(WAIT, &mut read).await;
        drop(self);
        match ended {
            Ok(result) => result,
            Err(_) => read.await,
        }
    }
}

/// A hit that is compared with the store.
struct Sample(Arc<Near>);

impl Sample {
    async fn take(&self, selector: Selector) {
        let near = &self.0;
        let Ok(found) = near.store.find(selector).await else { return };
        count(&near.counters.samples);
        if found.as_ref().is_none_or(|record| record.revoked.is_some()) {
            count(&near.counters.stale_accepts);
            let event = Event::new(EventKind::StaleAccept, near.service_clock.now()).selector(selector);
            near.report(&event);
        }
    }
}

impl Drop for Sample {
    fn drop(&mut self) {
        self.0.is_sampling.store(false, Ordering::Release);
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
