//! Callers that wait for the end of a record.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::selector::Selector;

/// Who waits for which record, in the order of the selectors, so that those of a shard are next to each other. A caller
/// that waits costs its place here, and no work until it is woken.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<BTreeMap<Selector, Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    callers: usize,
    wake: Arc<Notify>,
}

/// One caller's place.
#[derive(Debug)]
pub(crate) struct Waiter<'a> {
    waiters: &'a Waiters,
    selector: Selector,
    pub(crate) wake: Arc<Notify>,
}

impl Waiters {
    pub(super) fn wait_for(&self, selector: Selector) -> Waiter<'_> {
        let mut places = self.lock();
        let waiting = places.entry(selector).or_default();
        waiting.callers += 1;
        Waiter { waiters: self, selector, wake: Arc::clone(&waiting.wake) }
    }

    pub(super) fn wake(&self, selectors: &[Selector]) {
        let places = self.lock();
        if places.is_empty() {
            return;
        }
        for waiting in selectors.iter().filter_map(|selector| places.get(selector)) {
            waiting.wake.notify_waiters();
        }
    }

    pub(super) fn wake_shard(&self, shard: [u8; 2]) {
        let (mut first, mut last) = (Selector([0; 16]), Selector([0xff; 16]));
        first.0[..2].copy_from_slice(&shard);
        last.0[..2].copy_from_slice(&shard);
        for (_, waiting) in self.lock().range(first..=last) {
            waiting.wake.notify_waiters();
        }
    }

    pub(super) fn wake_all(&self) {
        for waiting in self.lock().values() {
            waiting.wake.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Selector, Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut places = self.waiters.lock();
        if let Some(waiting) = places.get_mut(&self.selector) {
            waiting.callers -= 1;
            if waiting.callers == 0 {
                places.remove(&self.selector);
            }
        }
    }
}
