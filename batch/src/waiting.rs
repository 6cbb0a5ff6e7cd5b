//! The view of the queue that a runner has.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::Hash;

use crate::call::Call;
use crate::queue::Shared;

/// The calls that wait while a slot prepares its batch.
///
/// Another slot may take them meanwhile.
pub struct Waiting<'a, C, A> {
    shared: &'a Shared<C, A>,
    number: usize,
    taken: &'a mut usize,
}

impl<'a, C, A> Waiting<'a, C, A> {
    pub(crate) fn new(shared: &'a Shared<C, A>, number: usize, taken: &'a mut usize) -> Self {
        Self { shared, number, taken }
    }

    /// Reads the oldest call; `None` if no call waits any more.
    pub fn oldest<T>(&self, read: impl FnOnce(&C) -> T) -> Option<T> {
        self.shared.lock().waiting.front().map(|call| read(call.request()))
    }

    /// Takes the oldest calls whose callers still wait. There may be none.
    pub fn take(self) -> Vec<Call<C, A>> {
        self.take_distinct(|_| None::<()>)
    }

    /// Takes the oldest calls whose callers still wait, and at most one for each key. The others keep their places.
    pub fn take_distinct<K: Eq + Hash>(self, key: impl Fn(&C) -> Option<K>) -> Vec<Call<C, A>> {
        let (mut batch, mut later, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
        let mut queue = self.shared.lock();
        queue.renew(self.number);
        while batch.len() < self.shared.limits.batch
            && let Some(call) = queue.waiting.pop_front()
        {
            if call.is_cancelled() {
                continue;
            }
            if key(call.request()).is_some_and(|key| !keys.insert(key)) {
                later.push(call);
            } else if call.take() {
                batch.push(call);
            }
        }
        // Back to the front, in their order and before the queue is unlocked: no younger call overtakes them.
        for call in later.into_iter().rev() {
            queue.waiting.push_front(call);
        }
        *self.taken = batch.len();
        batch
    }

    /// Answers the waiting calls for which `is_over`, without sending them.
    pub fn refuse(self, is_over: impl Fn(&C) -> bool, answer: impl Fn() -> A) {
        let mut queue = self.shared.lock();
        let calls = queue.waiting.drain(..);
        let (over, waiting): (VecDeque<_>, _) = calls.partition(|call| is_over(call.request()));
        queue.waiting = waiting;
        // An answer wakes a caller, which must not find the queue locked.
        drop(queue);
        over.into_iter().for_each(|call| call.answer(answer()));
    }
}

impl<C, A> fmt::Debug for Waiting<'_, C, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("slot", &self.number).finish_non_exhaustive()
    }
}
