//! Checks whether some order of single steps explains a history of overlapping calls (contract S6).
//!
//! This is the search of Wing and Gong with Lowe's memoisation. Pick a call that began before any other remaining
//! call ended, apply its step to the reference model, and continue. Abandon a branch if its placed calls and its
//! state were met before. A call of unknown outcome never ends, and may never have happened.

mod model;
mod tell;

use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Duration;

pub(crate) use model::{Observed, beside, of_key, of_subject, swept};
pub(crate) use tell::unexplained;

use crate::generate::call::Answer;

/// The most calls that one history may have.
pub(crate) const MAX_CALLS: usize = 64;

/// One call, or the part of it that one selector or the subject can observe.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    /// The handle of the call.
    pub(crate) node: usize,
    pub(crate) asked: String,
    pub(crate) began: Duration,
    /// `None` if the outcome is unknown: the call may take effect at any later time.
    pub(crate) ended: Option<Duration>,
    pub(crate) observed: Observed,
    pub(crate) answer: Answer,
}

/// A sequential specification: what calls do, one after the other.
pub(crate) trait Meaning {
    /// Everything that the results of later calls depend on.
    type State: Clone + Eq + Hash;

    fn initial(&self) -> Self::State;

    /// The states that `op` may lead to from `state`; none if its result is impossible there.
    fn step(&self, state: &Self::State, op: &Op) -> Vec<Self::State>;

    /// Whether `op`, with its result, never changes a state.
    fn is_idle(&self, op: &Op) -> bool;

    /// Formats a state for a reader.
    fn tell(&self, state: &Self::State) -> String;
}

/// The calls in an order that explains them, latest first.
struct Placed {
    at: usize,
    before: Option<Rc<Self>>,
}

/// Finds an order that explains all of `history`; returns the indexes of its calls and the final state. The order
/// leaves out calls of unknown outcome that have not happened.
fn explain<M: Meaning>(meaning: &M, history: &[Op]) -> Option<(Vec<usize>, M::State)> {
    debug_assert!(history.len() <= MAX_CALLS);
    let known = history.iter().enumerate().filter(|(_, op)| op.ended.is_some());
    let goal = known.fold(0_u64, |set, (at, _)| set | 1 << at);
    let mut met = HashSet::new();
    let mut open = vec![(0_u64, meaning.initial(), None::<Rc<Placed>>)];
    while let Some((placed, state, order)) = open.pop() {
        if placed & goal == goal {
            let mut order: Vec<_> =
                std::iter::successors(order.as_deref(), |placed| placed.before.as_deref())
                    .map(|placed| placed.at)
                    .collect();
            order.reverse();
            return Some((order, state));
        }
        if !met.insert((placed, state.clone())) {
            continue;
        }
        let left = || history.iter().enumerate().filter(move |(at, _)| placed & (1 << at) == 0);
        let first_end = left().filter_map(|(_, op)| op.ended).min();
        let could_be_next = || left().filter(|(_, op)| first_end.is_none_or(|end| op.began <= end));
        // A call that changes nothing can come first whenever it can come at all.
        let idle = |(_, op): &(usize, &Op)| meaning.is_idle(op) && !meaning.step(&state, op).is_empty();
        let place = |at| Some(Rc::new(Placed { at, before: order.clone() }));
        if let Some((at, _)) = could_be_next().find(idle) {
            open.push((placed | 1 << at, state.clone(), place(at)));
            continue;
        }
        for (at, op) in could_be_next() {
            for next in meaning.step(&state, op) {
                let happened = op.ended.is_some() || next != state;
                let order = if happened { place(at) } else { order.clone() };
                open.push((placed | 1 << at, next, order));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
