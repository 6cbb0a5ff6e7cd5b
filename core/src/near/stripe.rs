//! One stripe of the map: entries and the reads under way, behind one lock.

use std::collections::HashMap;

use super::sync::{Arc, AtomicBool, Ordering, Semaphore};
use crate::selector::Selector;

/// What is kept of one record.
#[derive(Debug)]
pub(crate) struct Entry<V> {
    pub(crate) value: V,
    /// When the record was read: the node's clock before the read.
    pub(crate) loaded_at: u64,
    /// Cleared when the entry leaves the map, for whatever reason. A caller that fetched the entry before looks here
    /// after it has read the proof.
    alive: AtomicBool,
    /// Whether it was used since the hand of the clock came by. A new entry was not: so a crowd of visitors that come
    /// once evicts itself.
    used: AtomicBool,
    weight: usize,
}

impl<V> Entry<V> {
    pub(super) const fn new(value: V, weight: usize, loaded_at: u64) -> Self {
        Self { value, loaded_at, weight, alive: AtomicBool::new(true), used: AtomicBool::new(false) }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    fn touch(&self) {
        // Read first: a write would take the cache line away from the other processors.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}

/// A read under way whose record is to be kept. It is closed when the read has ended.
pub(crate) type Read = Semaphore;

/// A part of the map. Every method that changes it runs under the lock of the stripe.
#[derive(Debug)]
pub(super) struct Stripe<V> {
    limit: usize,
    weight: usize,
    places: HashMap<Selector, usize>,
    slots: Vec<Option<(Selector, Arc<Entry<V>>)>>,
    free: Vec<usize>,
    /// The slot that the next eviction looks at.
    hand: usize,
    reads: HashMap<Selector, Arc<Read>>,
}

impl<V> Stripe<V> {
    /// Creates a stripe that holds entries of this weight in all, in bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            weight: 0,
            places: HashMap::new(),
            slots: Vec::new(),
            free: Vec::new(),
            hand: 0,
            reads: HashMap::new(),
        }
    }

    pub(super) fn get(&self, selector: Selector) -> Option<&Arc<Entry<V>>> {
        let (_, entry) = self.slots.get(*self.places.get(&selector)?)?.as_ref()?;
        entry.touch();
        Some(entry)
    }

    pub(super) fn read_of(&self, selector: Selector) -> Option<&Arc<Read>> {
        self.reads.get(&selector)
    }

    /// Notes that the record is being read; `None` if another read is under way already.
    pub(super) fn begin(&mut self, selector: Selector) -> Option<Arc<Read>> {
        if self.reads.contains_key(&selector) {
            return None;
        }
        let read = Arc::new(Read::new(0));
        self.reads.insert(selector, Arc::clone(&read));
        Some(read)
    }

    /// Ends this read, and returns whether nothing has ended it before: no ending, and no loss.
    pub(super) fn finish(&mut self, selector: Selector, read: &Arc<Read>) -> bool {
        let stands = self.reads.get(&selector).is_some_and(|found| Arc::ptr_eq(found, read));
        if stands {
            self.reads.remove(&selector);
        }
        stands
    }

    /// Keeps an entry in place of an older one of the record, and evicts others if the stripe is full.
    pub(super) fn insert(&mut self, selector: Selector, entry: Entry<V>) {
        self.take(selector);
        if entry.weight > self.limit {
            return;
        }
        while self.weight + entry.weight > self.limit && self.evict() {}
        self.weight += entry.weight;
        let place = self.free.pop().unwrap_or(self.slots.len());
        if place == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[place] = Some((selector, Arc::new(entry)));
        self.places.insert(selector, place);
    }

    /// Forgets the record: its entry, and the read of it that is under way.
    pub(super) fn forget(&mut self, selector: Selector) {
        self.take(selector);
        // Its ticket finds it gone, and what was read is not kept.
        if let Some(read) = self.reads.remove(&selector) {
            read.close();
        }
    }

    /// Forgets every record of the shard.
    pub(super) fn forget_shard(&mut self, shard: [u8; 2]) {
        let of_shard = |selector: &&Selector| selector.shard() == shard;
        let known: Vec<Selector> =
            self.places.keys().chain(self.reads.keys()).filter(of_shard).copied().collect();
        for selector in known {
            self.forget(selector);
        }
    }

    /// Forgets everything, and returns the number of entries.
    pub(super) fn clear(&mut self) -> usize {
        let known: Vec<Selector> = self.places.keys().chain(self.reads.keys()).copied().collect();
        let entries = self.places.len();
        for selector in known {
            self.forget(selector);
        }
        (self.slots, self.free) = (Vec::new(), Vec::new());
        entries
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Takes an entry out of the map. This alone does, so an entry outside the map is never alive.
    fn take(&mut self, selector: Selector) {
        let Some(place) = self.places.remove(&selector) else { return };
        if let Some((_, entry)) = self.slots.get_mut(place).and_then(Option::take) {
            entry.alive.store(false, Ordering::Release);
            self.weight -= entry.weight;
            self.free.push(place);
        }
    }

    /// Evicts the first entry that was not used since the hand came by (CLOCK).
    fn evict(&mut self) -> bool {
        // The first round may only find used entries; it clears what it finds.
        for _ in 0..self.slots.len() * 2 {
            self.hand = (self.hand + 1) % self.slots.len();
            if let Some((selector, entry)) = &self.slots[self.hand]
                && !entry.used.swap(false, Ordering::Relaxed)
            {
                let selector = *selector;
                self.take(selector);
                return true;
            }
        }
        false
    }
}
