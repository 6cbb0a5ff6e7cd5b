//! The map, and the lease under which its entries may be accepted.

use std::sync::atomic::AtomicU64 as Counter;

use super::stripe::{Entry, Read, Stripe};
use super::sync::{
    Arc, AtomicBool, AtomicU64, Mutex, Ordering, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use crate::selector::Selector;

/// Entries, and the proof that every ending until a moment ago was heard.
///
/// What makes a stale entry impossible to accept beyond the lag:
///
/// 1. An ending that is heard removes the entry, and the read that may bring the record back, under one lock. Only
///    then the proof is raised.
/// 2. An entry that leaves the map is no longer alive. A caller reads the proof first, then whether its entry is
///    alive: if it sees the proof that an ending came before, it sees that the entry is gone.
/// 3. A loss takes back the proof and closes the feed before it forgets the entries and the reads under way. So a read
///    that began before it is not kept.
/// 4. The clock is read last, so a caller that was stopped in between finds its proof too old.
#[derive(Debug)]
pub(crate) struct Leased<V> {
    stripes: Box<[Locked<V>]>,
    /// Held while the proof is raised or everything is forgotten, so that no proof survives a loss.
    lease: Mutex<()>,
    /// Whether a feed is open: what ends from now on is heard.
    ready: AtomicBool,
    /// The number of times everything was forgotten: a proof of a feed from before that is not raised.
    flushes: AtomicU64,
    /// Every ending acknowledged before this instant was heard; 0 if there is no proof.
    proof: AtomicU64,
}

#[derive(Debug)]
struct Locked<V> {
    stripe: RwLock<Stripe<V>>,
    /// Here, so that threads that use different stripes do not share a counter.
    hits: Counter,
}

/// What is known of a record.
#[derive(Debug)]
pub(crate) enum Known<V> {
    /// An entry. Whether it may be accepted, [`Leased::check`] says.
    Entry(Arc<Entry<V>>),
    /// It is being read.
    Reading(Arc<Read>),
    /// Nothing.
    Nothing,
}

/// Why an entry cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// There is no recent proof that every ending was heard.
    Unproven,
    /// It was read too long ago.
    TooOld,
    /// It is not in the map any more.
    Gone,
}

/// The right to keep the record that is being read. Dropping it gives that up.
#[derive(Debug)]
pub(crate) struct Ticket<'a, V> {
    leased: &'a Leased<V>,
    selector: Selector,
    read: Arc<Read>,
    loaded_at: u64,
}

impl<V> Leased<V> {
    /// Creates an empty map of this many stripes, a power of two up to 256, for entries of this weight in all, in
    /// bytes.
    pub(crate) fn new(stripes: usize, capacity: usize) -> Self {
        let stripe =
            |_| Locked { stripe: RwLock::new(Stripe::new(capacity / stripes)), hits: Counter::new(0) };
        Self {
            stripes: (0..stripes).map(stripe).collect(),
            lease: Mutex::new(()),
            ready: AtomicBool::new(false),
            flushes: AtomicU64::new(0),
            proof: AtomicU64::new(0),
        }
    }

    /// Returns what is known of a record.
    pub(crate) fn get(&self, selector: Selector) -> Known<V> {
        let stripe = self.read(selector);
        match (stripe.get(selector), stripe.read_of(selector)) {
            (Some(entry), _) => Known::Entry(Arc::clone(entry)),
            (None, Some(read)) => Known::Reading(Arc::clone(read)),
            (None, None) => Known::Nothing,
        }
    }

    /// Checks that an entry may be accepted now.
    ///
    /// # Errors
    /// [`Unusable`] if not.
    pub(crate) fn check(
        &self,
        entry: &Entry<V>,
        lag: u64,
        age: u64,
        now: impl FnOnce() -> u64,
    ) -> Result<(), Unusable> {
        let proof = self.proof.load(Ordering::Acquire);
        // After the proof. Otherwise an ending could be heard and the proof raised in between, and the entry would be
        // accepted under a proof that knows better.
        if !entry.is_alive() {
            return Err(Unusable::Gone);
        }
        // Last.
        let now = now();
        if proof == 0 || now.saturating_sub(proof) > lag {
            return Err(Unusable::Unproven);
        }
        if now.saturating_sub(entry.loaded_at) > age {
            return Err(Unusable::TooOld);
        }
        Ok(())
    }

    /// Counts a hit, and returns the number of hits so far in the same stripe.
    pub(crate) fn count_hit(&self, selector: Selector) -> u64 {
        self.locked(selector).hits.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Begins a read whose record may be kept: `None` without a feed, or if another read of it is under way. `now` is
    /// the present instant, before the read.
    pub(crate) fn begin(&self, selector: Selector, now: u64) -> Option<Ticket<'_, V>> {
        let mut stripe = self.write(selector);
        // Under the lock: a loss that comes after this removes the read again.
        if !self.ready.load(Ordering::Acquire) {
            return None;
        }
        let read = stripe.begin(selector)?;
        Some(Ticket { leased: self, selector, read, loaded_at: now })
    }

    /// Forgets records that ended.
    pub(crate) fn ended(&self, selectors: &[Selector]) {
        for selector in selectors {
            self.write(*selector).forget(*selector);
        }
    }

    /// Forgets all records of a shard.
    pub(crate) fn ended_shard(&self, shard: [u8; 2]) {
        let mut any = Selector([0; 16]);
        any.0[..2].copy_from_slice(&shard);
        self.write(any).forget_shard(shard);
    }

    /// Notes that a feed is open, and returns what [`raise`](Self::raise) needs.
    pub(crate) fn open(&self) -> u64 {
        let _lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        self.ready.store(true, Ordering::Release);
        self.flushes.load(Ordering::Acquire)
    }

    /// Notes that every ending acknowledged before `proof` was heard, and has been forgotten. Returns `false`, and
    /// changes nothing, if everything was forgotten since [`open`](Self::open) returned `flushes`.
    pub(crate) fn raise(&self, proof: u64, flushes: u64) -> bool {
        let _lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        if self.flushes.load(Ordering::Acquire) != flushes {
            return false;
        }
        if proof > self.proof.load(Ordering::Acquire) {
            self.proof.store(proof, Ordering::Release);
        }
        true
    }

    /// Takes back the proof. Entries stay.
    pub(crate) fn lower(&self) {
        let _lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        self.proof.store(0, Ordering::Release);
    }

    /// Forgets everything, and returns the number of entries.
    pub(crate) fn flush(&self) -> usize {
        let _lease = self.lease.lock().unwrap_or_else(PoisonError::into_inner);
        self.ready.store(false, Ordering::Release);
        // All before the stripes: a read that begins meanwhile sees that no feed is open, or is found in its stripe.
        self.flushes.fetch_add(1, Ordering::AcqRel);
        self.proof.store(0, Ordering::Release);
        self.stripes.iter().map(|locked| write(&locked.stripe).clear()).sum()
    }

    /// Returns the instant of the proof; `None` if there is none.
    pub(crate) fn proof(&self) -> Option<u64> {
        Some(self.proof.load(Ordering::Acquire)).filter(|proof| *proof > 0)
    }

    pub(crate) fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    /// Returns the number of hits, the number of entries, and their weight in bytes.
    pub(crate) fn totals(&self) -> (u64, usize, usize) {
        self.stripes.iter().fold((0, 0, 0), |(hits, entries, weight), locked| {
            let stripe = read(&locked.stripe);
            (hits + locked.hits.load(Ordering::Relaxed), entries + stripe.len(), weight + stripe.weight())
        })
    }

    /// By the shard, so that the records of one subject are in one stripe.
    fn locked(&self, selector: Selector) -> &Locked<V> {
        &self.stripes[usize::from(selector.shard()[0]) % self.stripes.len()]
    }

    fn read(&self, selector: Selector) -> RwLockReadGuard<'_, Stripe<V>> {
        read(&self.locked(selector).stripe)
    }

    fn write(&self, selector: Selector) -> RwLockWriteGuard<'_, Stripe<V>> {
        write(&self.locked(selector).stripe)
    }
}

// Nothing below these locks panics between two changes, so what is behind a poisoned one is whole.
fn read<V>(stripe: &RwLock<Stripe<V>>) -> RwLockReadGuard<'_, Stripe<V>> {
    stripe.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<V>(stripe: &RwLock<Stripe<V>>) -> RwLockWriteGuard<'_, Stripe<V>> {
    stripe.write().unwrap_or_else(PoisonError::into_inner)
}

impl<V> Ticket<'_, V> {
    /// Keeps what was read, unless the record may have ended meanwhile.
    pub(crate) fn fill(self, value: V, weight: usize) {
        let mut stripe = self.leased.write(self.selector);
        // Under one lock. An ending, or a loss, that comes after this removes the entry again.
        if stripe.finish(self.selector, &self.read) {
            stripe.insert(self.selector, Entry::new(value, weight, self.loaded_at));
        }
    }
}

impl<V> Drop for Ticket<'_, V> {
    fn drop(&mut self) {
        self.leased.write(self.selector).finish(self.selector, &self.read);
        self.read.close();
    }
}
