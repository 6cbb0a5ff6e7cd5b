//! Whether a history of overlapping calls can be explained by some order of single steps (contract S6).
//!
//! The search of Wing and Gong with the memory of Lowe: pick any call that began before any call not
//! yet placed had ended, let the reference model take its step, go on; give up a branch whose placed calls
//! and state were met before. A call of unknown outcome never ends, and may never have happened.

mod model;

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

pub(crate) use model::{Did, of_key, of_subject, swept};

use crate::generate::call::Answer;
use crate::watched::brief;

/// The most calls that one history may have.
pub(crate) const MAX_CALLS: usize = 64;

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Op {
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

/// The first call, by its end, that the calls ended before it leave without an explanation.
pub(crate) fn longest_prefix<M: Meaning>(meaning: &M, history: &[Op]) -> String {
    let mut ends: Vec<_> = history.iter().filter(|op| op.ended.is_some()).collect();
    ends.sort_unstable_by_key(|op| op.ended);
    // Of a call that ended later it is not known yet what it did.
    let cut = |end: Duration| -> Vec<Op> {
        let begun = history.iter().filter(|op| op.began <= end);
        let open = |op: &Op| op.ended.is_none_or(|ended| ended > end);
        let cut = |op: &Op| Op { ended: None, answer: Answer::Unknown, ..op.clone() };
        begun
            .filter(|op| !open(op) || op.writes())
            .map(|op| if open(op) { cut(op) } else { op.clone() })
            .collect()
    };
    let first = ends.into_iter().find(|op| !is_linearizable(meaning, &cut(op.ended.unwrap_or_default())));
    first.map_or_else(|| "the last".to_owned(), |op| op.text())
}

impl Op {
    /// Whether it may change something.
    fn writes(&self) -> bool {
        !matches!(&self.did, Did::Call(call) if call.reads()) && !matches!(self.did, Did::Looked { .. })
    }

    /// For a person, in the words of the history.
    pub(crate) fn text(&self) -> String {
        let ended = self.ended.map_or("?".to_owned(), |ended| format!("{:.3}", ended.as_secs_f64() * 1e3));
        let what = match &self.did {
            Did::Call(call) => call.text(),
            Did::Looked { parent, lived } => format!("a fence saw {} live: {lived}", brief(*parent)),
            Did::Ended { selector, .. } => format!("a revocation comes to {}", brief(*selector)),
            Did::Swept { .. } => "a revocation sets the epoch".to_owned(),
            Did::Collected { selector, .. } => format!("a purge comes to {}", brief(*selector)),
        };
        format!("{:.3}–{ended} ms  {what} → {}", self.began.as_secs_f64() * 1e3, self.answer.text())
    }
}

#[cfg(test)]
mod tests;
