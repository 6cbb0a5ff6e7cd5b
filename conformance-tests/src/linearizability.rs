//! Whether a history of overlapping calls can be explained by some order of single steps (contract S6).
//!
//! The search of Wing and Gong with the memory of Lowe: pick any call that began before any call not
//! yet placed had ended, let the reference model take its step, go on; give up a branch whose placed calls
//! and state were met before. A call of unknown outcome never ends, and may never have happened.

mod model;
mod tell;

use std::collections::HashSet;
use std::hash::Hash;
use std::rc::Rc;
use std::time::Duration;

pub(crate) use model::{Did, of_key, of_subject, swept};
pub(crate) use tell::unexplained;

use crate::generate::call::Answer;

/// The most calls that one history may have.
pub(crate) const MAX_CALLS: usize = 64;

/// One call, or what one part of the store sees of it.
#[derive(Clone, Debug)]
pub(crate) struct Op {
    /// Which handle was asked, and what, in the words of the stories.
    pub(crate) node: usize,
    pub(crate) asked: String,
    pub(crate) began: Duration,
    /// `None` if its outcome is not known: it may take effect at any time later.
    pub(crate) ended: Option<Duration>,
    pub(crate) did: Did,
    pub(crate) answer: Answer,
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

    /// A state, for a person.
    fn tell(&self, state: &Self::State) -> String;
}

/// The calls in an order that explains them, the latest first.
struct Placed {
    at: usize,
    before: Option<Rc<Self>>,
}

/// An order that explains all of `history`, by the places of its calls, and the state that it leads to. Calls of
/// unknown outcome that have not happened are left out.
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
        // What changes nothing can come first wherever it can come at all.
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
