//! Whether a history of overlapping calls can be explained by some order of single steps (contract S6).
//!
//! The search of Wing and Gong with the memory of Lowe: pick any call that began before any call not
//! yet placed had ended, let the reference model take its step, go on; give up a branch whose placed calls
//! and state were met before. A call of unknown outcome never ends, and may never have happened.

mod model;

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

pub(crate) use model::{Did, Model, Row, Saw, of_key, of_subject, swept};

/// The most calls that one history may have.
pub(crate) const MAX_CALLS: usize = 64;

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    pub(crate) began: Duration,
    /// `None` if its outcome is not known: it may take effect at any time later.
    pub(crate) ended: Option<Duration>,
    pub(crate) did: Did,
    pub(crate) saw: Saw,
}

/// What calls mean, one after the other.
pub(crate) trait Meaning {
    /// All that the answer to a later call depends on.
    type State: Clone + Eq + Hash;

    fn initial(&self) -> Self::State;

    /// The states that `op` may lead to from `state`; none if it cannot have answered so there.
    fn step(&self, state: &Self::State, op: &Op) -> Vec<Self::State>;

    /// Whether `op`, as it was answered, changes no state whatever.
    fn is_idle(&self, op: &Op) -> bool;
}

/// Whether some order explains all of `history`.
pub(crate) fn is_linearizable<M: Meaning>(meaning: &M, history: &[Op]) -> bool {
    debug_assert!(history.len() <= MAX_CALLS);
    let known = history.iter().enumerate().filter(|(_, op)| op.ended.is_some());
    let goal = known.fold(0_u64, |set, (at, _)| set | 1 << at);
    let mut met = HashSet::new();
    let mut open = vec![(0_u64, meaning.initial())];
    while let Some((placed, state)) = open.pop() {
        if placed & goal == goal {
            return true;
        }
        if !met.insert((placed, state.clone())) {
            continue;
        }
        let left = || history.iter().enumerate().filter(move |(at, _)| placed & (1 << at) == 0);
        let first_end = left().filter_map(|(_, op)| op.ended).min();
        let could_be_next = || left().filter(|(_, op)| first_end.is_none_or(|end| op.began <= end));
        // What changes nothing can come first wherever it can come at all.
        let idle = |(_, op): &(usize, &Op)| meaning.is_idle(op) && !meaning.step(&state, op).is_empty();
        if let Some((at, _)) = could_be_next().find(idle) {
            open.push((placed | 1 << at, state.clone()));
            continue;
        }
        for (at, op) in could_be_next() {
            for next in meaning.step(&state, op) {
                open.push((placed | 1 << at, next));
            }
        }
    }
    false
}

#[cfg(test)]
mod tests;
