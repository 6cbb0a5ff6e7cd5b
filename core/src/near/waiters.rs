//! Callers that wait for the end of a record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::selector::Selector;

/// Who waits for which record. A caller that waits costs its place here, and no work until it is woken.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<HashMap<Selector, Waiting>>);

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
        for (_, waiting) in self.lock().iter().filter(|(selector, _)| selector.shard() == shard) {
            waiting.wake.notify_waiters();
        }
    }

    pub(super) fn wake_all(&self) {
        for waiting in self.lock().values() {
            waiting.wake.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Selector, Waiting>> {
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
