//! Opens further slots for waiting calls while the others are stuck.

use std::time::Duration;

use crate::runner::Runner;
use crate::slot::{Slot, Slots};
use crate::sync::{Arc, sleep};

/// One timer for all the calls that wait.
pub(crate) struct Watch<R: Runner> {
    slots: Arc<Slots<R>>,
    is_over: bool,
}

impl<R: Runner> Watch<R> {
    pub(crate) fn new(slots: &Arc<Slots<R>>) -> Self {
        Self { slots: Arc::clone(slots), is_over: false }
    }

    pub(crate) async fn keep(mut self, stuck: Duration) {
        loop {
            sleep(stuck).await;
            let mut queue = self.slots.shared.lock();
            if queue.waiting.is_empty() {
                // Cleared while the queue is locked, so that the next waiting call starts a new watch.
                queue.watched = false;
                drop(queue);
                self.is_over = true;
                return;
            }
            let slot = Slot::open(&self.slots, &mut queue);
            // Unlocked first: the slot locks the queue when it is dropped.
            drop(queue);
            // Dropped while calls wait, so a task continues it.
            drop(slot);
        }
    }
}

impl<R: Runner> Drop for Watch<R> {
    /// Also runs if the runtime ends before the batcher.
    fn drop(&mut self) {
        if !self.is_over {
            self.slots.shared.lock().watched = false;
        }
    }
}
