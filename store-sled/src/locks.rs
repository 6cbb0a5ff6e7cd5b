//! Locks striped by subject and by selector, which also count the writes that are not on disk yet.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hallpass_core::Selector;

use crate::keys::SubjectKey;

/// The number of stripes of each sort. Two names that share one wait for each other only a few microseconds.
const STRIPES: usize = 1024;

/// One process owns the folder, so these locks provide all atomicity.
///
/// A call that changes a record holds the stripe of its subject, if it has one, and that of its selector. A
/// call that changes or judges an epoch, or reads all records of a subject, holds the subject's stripe.
/// Subjects are locked before selectors, and each sort in ascending order, so no calls wait for each other in
/// a circle.
///
/// `find` takes no lock. It must not return what a crash could still undo: a client could receive the
/// successor of a rotation that then never happened. So a writer counts itself in before its first byte is
/// visible, and out after the flush. A caller that has read from a counted stripe waits for a flush.
#[derive(Debug)]
pub(crate) struct Locks {
    /// First the stripes of subjects, then those of selectors.
    stripes: Vec<Stripe>,
}

#[derive(Debug, Default)]
struct Stripe {
    lock: Mutex<()>,
    /// The number of writers here whose flush has not completed; those whose flush failed stay counted.
    unflushed: AtomicU32,
}

impl Locks {
    pub(crate) fn new() -> Self {
        Self { stripes: (0..2 * STRIPES).map(|_| Stripe::default()).collect() }
    }

    /// Waits for the stripes of all of these, and locks them.
    pub(crate) fn hold(
        &self,
        subjects: impl IntoIterator<Item = SubjectKey>,
        selectors: impl IntoIterator<Item = Selector>,
    ) -> StripeGuard<'_> {
        let mut held = StripeGuard { locks: self, at: Vec::new(), guards: Vec::new(), raised: false };
        held.take(subjects.into_iter().map(|subject| stripe(subject.0)));
        held.add(selectors);
        held
    }

    /// Whether data that was just read under `selector` may not be on disk.
    pub(crate) fn unflushed(&self, selector: Selector) -> bool {
        self.is_unflushed(STRIPES + stripe(selector.0))
    }

    /// Counts a writer out once everything it wrote is on disk.
    pub(crate) fn flushed(&self, released: &UnflushedStripes) {
        for at in released.raised.iter().flatten() {
            self.stripes[*at].unflushed.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn is_unflushed(&self, at: usize) -> bool {
        self.stripes[at].unflushed.load(Ordering::SeqCst) != 0
    }
}

/// Stripes that are locked.
pub(crate) struct StripeGuard<'a> {
    locks: &'a Locks,
    at: Vec<usize>,
    guards: Vec<MutexGuard<'a, ()>>,
    raised: bool,
}

impl StripeGuard<'_> {
    /// Also locks the stripes of these. Only while no selector is held yet.
    pub(crate) fn add(&mut self, selectors: impl IntoIterator<Item = Selector>) {
        self.take(selectors.into_iter().map(|selector| STRIPES + stripe(selector.0)));
    }

    /// Counts a writer in on every held stripe. Call it before the first write.
    pub(crate) fn raise(&mut self) {
        if !self.raised {
            self.raised = true;
            for at in &self.at {
                self.locks.stripes[*at].unflushed.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    /// Unlocks.
    pub(crate) fn release(self) -> UnflushedStripes {
        let needs_flush = self.at.iter().any(|at| self.locks.is_unflushed(*at));
        UnflushedStripes { raised: self.raised.then_some(self.at), needs_flush }
    }

    fn take(&mut self, wanted: impl Iterator<Item = usize>) {
        let mut wanted: Vec<usize> = wanted.collect();
        wanted.sort_unstable();
        wanted.dedup();
        for at in wanted {
            self.at.push(at);
            // The lock guards no data of its own, so it may be poisoned.
            let lock = &self.locks.stripes[at].lock;
            self.guards.push(lock.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// The stripes that were locked. A writer's stripes stay counted until [`Locks::flushed`].
#[derive(Debug)]
#[must_use]
pub(crate) struct UnflushedStripes {
    raised: Option<Vec<usize>>,
    needs_flush: bool,
}

impl UnflushedStripes {
    /// For a caller that held no stripe.
    pub(crate) fn reader(needs_flush: bool) -> Self {
        Self { raised: None, needs_flush }
    }

    /// Whether the answer rests on a write, by this call or another, that may not be on disk.
    pub(crate) fn needs_flush(&self) -> bool {
        self.needs_flush
    }

    /// Combines both.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.needs_flush |= other.needs_flush;
        match (&mut self.raised, other.raised) {
            (Some(mine), Some(others)) => mine.extend(others),
            (None, others @ Some(_)) => self.raised = others,
            (_, None) => {}
        }
        self
    }
}

/// Returns the stripe of a name. Subjects are digests, and the last bytes of a selector are random, so both
/// spread evenly.
fn stripe(name: [u8; 16]) -> usize {
    usize::from(u16::from_be_bytes([name[14], name[15]])) % STRIPES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(last: u8) -> Selector {
        Selector([last; 16])
    }

    #[test]
    fn a_stripe_is_unflushed_until_its_writer_says_so() {
        let locks = Locks::new();
        let mut held = locks.hold([SubjectKey([1; 16])], [selector(1)]);
        assert!(!locks.unflushed(selector(1)));
        held.raise();
        assert!(locks.unflushed(selector(1)) && !locks.unflushed(selector(2)));
        let released = held.release();
        assert!(released.needs_flush() && locks.unflushed(selector(1)));
        locks.flushed(&released);
        assert!(!locks.unflushed(selector(1)));
    }

    #[test]
    fn a_read_waits_for_the_flush_of_what_it_saw() {
        let locks = Locks::new();
        let mut writer = locks.hold([SubjectKey([1; 16])], []);
        writer.raise();
        let writer = writer.release();
        let reader = || locks.hold([SubjectKey([1; 16])], [selector(3)]).release();
        assert!(reader().needs_flush());
        assert!(!locks.hold([SubjectKey([2; 16])], [selector(3)]).release().needs_flush());
        locks.flushed(&reader());
        assert!(reader().needs_flush(), "a reader counts no writer out");
        locks.flushed(&writer);
        assert!(!reader().needs_flush());
    }

    #[test]
    fn several_are_counted_out_as_one() {
        let locks = Locks::new();
        let raised = |n| {
            let mut held = locks.hold([], [selector(n)]);
            held.raise();
            held.release()
        };
        let all =
            [1, 2, 1].map(raised).into_iter().fold(UnflushedStripes::reader(false), UnflushedStripes::and);
        assert!(all.needs_flush() && locks.unflushed(selector(1)) && locks.unflushed(selector(2)));
        locks.flushed(&all);
        assert!(!locks.unflushed(selector(1)) && !locks.unflushed(selector(2)));
    }

    #[test]
    fn the_same_stripe_twice_is_locked_once() {
        let locks = Locks::new();
        let held = locks.hold([SubjectKey([1; 16]), SubjectKey([1; 16])], [selector(4), selector(4)]);
        assert_eq!(held.guards.len(), 2);
    }
}
