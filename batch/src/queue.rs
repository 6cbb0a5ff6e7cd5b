//! The calls that wait, and the slots that are open.

use std::collections::VecDeque;

use crate::call::Call;
use crate::limits::{Limits, Sharing};
use crate::sync::{Instant, Mutex, MutexGuard, PoisonError};

/// How many waiting calls are looked at for each call that is turned away, on average.
const SEARCH: usize = 64;

/// The queue and its limits.
pub(crate) struct Shared<C, A> {
    pub(crate) limits: Limits,
    queue: Mutex<Queue<C, A>>,
}

pub(crate) struct Queue<C, A> {
    pub(crate) waiting: VecDeque<Call<C, A>>,
    /// Whether a watch runs for the waiting calls.
    pub(crate) watched: bool,
    /// How many calls were turned away since a full queue was last searched for cancelled calls.
    turned_away: usize,
    /// The open slots by number; `None` is a number that is free.
    slots: Vec<Option<Open>>,
}

struct Open {
    /// Since when its batch is under way.
    since: Instant,
    /// Whether it works through the queue.
    leads: bool,
}

impl<C, A> Shared<C, A> {
    pub(crate) fn new(limits: Limits) -> Self {
        let queue = Queue { waiting: VecDeque::new(), watched: false, turned_away: 0, slots: Vec::new() };
        Self { limits, queue: Mutex::new(queue) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Queue<C, A>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C, A> Queue<C, A> {
    /// Opens a slot if the limits allow it, and returns its number.
    pub(crate) fn open(&mut self, limits: &Limits) -> Option<usize> {
        self.forget_cancelled();
        if self.open_slots() >= limits.slots && !self.allows_more(limits) {
            return None;
        }
        let number = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if number == self.slots.len() {
            self.slots.push(None);
        }
        self.slots[number] = Some(Open { since: Instant::now(), leads: false });
        Some(number)
    }

    /// Whether one more slot may open although all of [`Limits::slots`] are open.
    fn allows_more(&self, limits: &Limits) -> bool {
        let mut open = self.slots.iter().flatten();
        match limits.sharing {
            Sharing::WhenBusy { stuck, limit } => {
                let moving = open.filter(|slot| slot.since.elapsed() < stuck).count();
                moving < limits.slots && self.open_slots() < limit
            }
            // The calls without an answer are those with a slot and those that wait.
            Sharing::WhenMany { few, .. } => {
                // The first of them suffice: a search for more would take long if most of a long queue were cancelled.
                let live = self.waiting.iter().take(few).filter(|call| !call.is_cancelled());
                !open.any(|slot| slot.leads) && self.open_slots() + live.count() < few
            }
        }
    }

    /// Whether other slots suffice, and one of them will lead the waiting calls. A slot that was opened because
    /// another is stuck is not one too many: it leads in place of the other.
    pub(crate) fn has_spare_slot(&self, limits: &Limits) -> bool {
        matches!(limits.sharing, Sharing::WhenMany { .. }) && self.open_slots() > limits.slots
    }

    pub(crate) fn open_slots(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Notes that a slot works through the queue from now on.
    pub(crate) fn lead(&mut self, number: usize) {
        if let Some(slot) = &mut self.slots[number] {
            slot.leads = true;
        }
    }

    /// Notes that a slot makes progress.
    pub(crate) fn renew(&mut self, number: usize) {
        if let Some(slot) = &mut self.slots[number] {
            slot.since = Instant::now();
        }
    }

    /// Frees the number of a slot.
    pub(crate) fn close(&mut self, number: usize) {
        self.slots[number] = None;
    }

    /// Removes the calls to send back when a slot closes while calls wait. Drop them after the queue is unlocked:
    /// that wakes their callers.
    #[must_use]
    pub(crate) fn send_back(&mut self, limits: &Limits) -> VecDeque<Call<C, A>> {
        match limits.sharing {
            Sharing::WhenMany { .. } => std::mem::take(&mut self.waiting),
            // The watch opens a slot for them.
            Sharing::WhenBusy { .. } => VecDeque::new(),
        }
    }

    /// Returns whether a call waits, after removing the cancelled ones before it.
    pub(crate) fn has_waiting(&mut self) -> bool {
        self.forget_cancelled();
        !self.waiting.is_empty()
    }

    /// Removes the cancelled calls before the oldest other one.
    fn forget_cancelled(&mut self) {
        while self.waiting.front().is_some_and(Call::is_cancelled) {
            self.waiting.pop_front();
        }
    }

    /// Returns whether the queue is full, after removing the cancelled calls if it seems to be.
    ///
    /// Searches it only once in [`SEARCH`] of its length: if each call that is turned away searched a long queue, an
    /// overload would leave no time for the calls that wait.
    pub(crate) fn is_full(&mut self, limits: &Limits) -> bool {
        if self.waiting.len() < limits.queue {
            return false;
        }
        if self.turned_away == 0 {
            self.waiting.retain(|call| !call.is_cancelled());
        }
        let is_full = self.waiting.len() >= limits.queue;
        self.turned_away = if is_full { (self.turned_away + 1) % (limits.queue / SEARCH).max(1) } else { 0 };
        is_full
    }
}
