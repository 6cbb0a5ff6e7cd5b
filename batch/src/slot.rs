//! A slot, which sends one batch at a time.

use std::fmt;
use std::ops::ControlFlow::{self, Break, Continue};

use crate::limits::Sharing;
use crate::queue::{Queue, Shared};
use crate::runner::Runner;
use crate::sync::{Arc, Handle, yield_now};
use crate::waiting::Waiting;

/// How often a slot yields to its callers before it closes: they tend to call again right after an answer.
pub const IDLE_YIELDS: u32 = 2;

/// The right to have a call or a batch under way.
///
/// When a slot is dropped while calls wait, a task continues it.
pub struct Slot<R: Runner> {
    slots: Arc<Slots<R>>,
    number: usize,
    state: State,
    stands_in: bool,
}

/// What the slots of a batcher share.
pub(crate) struct Slots<R: Runner> {
    pub(crate) runner: R,
    pub(crate) shared: Shared<R::Call, R::Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// It runs the call of one caller.
    Alone,
    /// It works through the queue in a task of its own.
    Leads,
    /// It has closed, and another slot may have its number by now.
    Closed,
}

impl<R: Runner> Slot<R> {
    pub(crate) fn open(slots: &Arc<Slots<R>>, queue: &mut Queue<R::Call, R::Answer>) -> Option<Self> {
        let limits = &slots.shared.limits;
        let stands_in =
            queue.open_slots() >= limits.slots && matches!(limits.sharing, Sharing::WhenBusy { .. });
        let number = queue.open(limits)?;
        Some(Self { slots: Arc::clone(slots), number, state: State::Alone, stands_in })
    }

    /// Whether it was opened because another slot is stuck. A call that goes alone in it is likely to be one for the
    /// same lock: if it waited here, a few such calls would take every slot.
    #[must_use]
    pub fn stands_in(&self) -> bool {
        self.stands_in
    }

    /// Sends batches until no call waits, or until sharing does not pay.
    async fn lead(mut self) {
        let (mut idle, mut small) = (0, 0);
        while let Continue(calls_wait) = self.look(idle == IDLE_YIELDS, small) {
            if calls_wait {
                idle = 0;
                let mut taken = 0;
                let Slots { runner, shared } = &*self.slots;
                runner.run_batch(Waiting::new(shared, self.number, &mut taken)).await;
                small = shared.limits.count_small(small, taken);
            } else {
                idle += 1;
            }
            // Callers that were just answered run now, and their next calls join the next batch.
            yield_now().await;
        }
    }

    /// Returns whether calls wait. Closes the slot if sharing does not pay after this many small batches, or if no
    /// call waits and `or_close` is set.
    pub(crate) fn look(&mut self, or_close: bool, small: u32) -> ControlFlow<(), bool> {
        let Shared { limits, .. } = &self.slots.shared;
        let mut queue = self.slots.shared.lock();
        let calls_wait = queue.has_waiting();
        if limits.pays(small) && (calls_wait || !or_close) {
            queue.renew(self.number);
            return Continue(calls_wait);
        }
        // In the same lock as the look at the queue. Otherwise a call could join the queue in between, believing
        // that this slot will take it.
        queue.close(self.number);
        self.state = State::Closed;
        let sent_back = queue.send_back(limits);
        drop(queue);
        drop(sent_back);
        Break(())
    }
}

impl<R: Runner> Drop for Slot<R> {
    fn drop(&mut self) {
        if self.state == State::Closed {
            return;
        }
        // A leading slot is dropped at work only if its runtime is shutting down.
        let runtime = if self.state == State::Leads { None } else { Handle::try_current().ok() };
        let limits = &self.slots.shared.limits;
        let mut queue = self.slots.shared.lock();
        match runtime {
            Some(_) if queue.has_spare_slot(limits) => queue.close(self.number),
            Some(runtime) if !queue.waiting.is_empty() => {
                queue.lead(self.number);
                // Unlocked first: a runtime that is shutting down drops the task at once, and with it the slot.
                drop(queue);
                let slot = Self {
                    slots: Arc::clone(&self.slots),
                    number: self.number,
                    state: State::Leads,
                    stands_in: self.stands_in,
                };
                runtime.spawn(slot.lead());
            }
            _ => {
                // Under one lock, as in `look`. The calls are dropped after it: that wakes their callers, which lock
                // the queue themselves.
                queue.close(self.number);
                let sent_back = queue.send_back(limits);
                drop(queue);
                drop(sent_back);
            }
        }
    }
}

impl<R: Runner> fmt::Debug for Slot<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("number", &self.number)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
