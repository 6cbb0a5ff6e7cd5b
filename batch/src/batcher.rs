//! The entrance: a call goes alone, or it waits.

use std::fmt;

use crate::call::{Call, PendingAnswer};
use crate::limits::{Limits, Sharing};
use crate::queue::Shared;
use crate::runner::Runner;
use crate::slot::{Slot, Slots};
use crate::sync::{Arc, Handle};
use crate::watch::Watch;

/// Batches calls of one sort. Clones share the queue and the slots.
pub struct Batcher<R: Runner>(Arc<Slots<R>>);

/// How a call proceeds.
#[derive(Debug)]
pub enum Admitted<R: Runner> {
    /// Run the call now, and drop the slot when it has its answer.
    Alone(Slot<R>, R::Call),
    /// It waits, and then shares a batch with others.
    Waits(PendingAnswer<R::Answer>),
    /// It cannot wait: [`Limits::queue`] calls do already.
    Full(R::Call),
}

impl<R: Runner> Batcher<R> {
    /// Makes a batcher whose batches `runner` runs.
    pub fn new(runner: R, limits: Limits) -> Self {
        Self(Arc::new(Slots { runner, shared: Shared::new(limits) }))
    }

    /// What runs the batches.
    pub fn runner(&self) -> &R {
        &self.0.runner
    }

    /// The number of calls that wait, some of them cancelled perhaps.
    pub fn waiting(&self) -> usize {
        self.0.shared.lock().waiting.len()
    }

    /// Opens a slot for this call, or adds the call to the queue.
    ///
    /// # Panics
    /// If there is no tokio runtime with time enabled.
    pub fn admit(&self, call: R::Call) -> Admitted<R> {
        let limits = &self.0.shared.limits;
        // One lock for all of it. A slot that closes looks at the queue under the same lock: either it sees this call
        // there, or this call sees it closed.
        let mut queue = self.0.shared.lock();
        if let Some(slot) = Slot::open(&self.0, &mut queue) {
            return Admitted::Alone(slot, call);
        }
        if queue.is_full(limits) {
            return Admitted::Full(call);
        }
        let (call, pending) = Call::new(call);
        queue.waiting.push_back(call);
        if let Sharing::WhenBusy { stuck, .. } = limits.sharing
            && !queue.watched
        {
            queue.watched = true;
            // Unlocked first: a runtime that is shutting down drops the task at once, and with it the watch.
            drop(queue);
            let watch = Watch::new(&self.0);
            Handle::current().spawn(watch.keep(stuck));
        }
        Admitted::Waits(pending)
    }
}

impl<R: Runner> Clone for Batcher<R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<R: Runner> fmt::Debug for Batcher<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batcher").field("limits", &self.0.shared.limits).finish_non_exhaustive()
    }
}
