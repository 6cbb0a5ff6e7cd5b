//! A purge that runs concurrently with other calls: it removes each record at its own instant.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use hallpass_core::store::Purged;
use hallpass_core::{Selector, Timestamp};

use super::call::{Answer, Call};
use super::model::{Broken, Model};
use super::state::State;
use crate::clause::Clause::S10;

type Made<'a> = (&'a Call, &'a Answer);

/// The maximum number of due records; beyond it the model gives up.
const MANY: usize = 6;

/// The progress of a purge.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Begun {
    state: State,
    taken: u64,
    /// The records that were due all along and are still there.
    missed: BTreeSet<Selector>,
}

/// The states after `steps`, applied in order.
pub(super) fn after_all<S, T: Copy>(
    mut states: Vec<S>,
    steps: &[T],
    judge: impl Fn(&S, T) -> Result<Vec<S>, Broken>,
) -> Result<Vec<S>, Broken> {
    for step in steps {
        let (mut after, mut last) = (Vec::new(), None);
        for state in states {
            match judge(&state, *step) {
                Ok(more) => after.extend(more),
                Err(broken) => last = Some(broken),
            }
        }
        if let (true, Some(broken)) = (after.is_empty(), last) {
            return Err(broken);
        }
        states = after;
    }
    Ok(states)
}

impl Model {
    /// The states after concurrent calls of which one is a purge: it went on during the others, or during the call
    /// that was held up.
    pub(super) fn in_pieces(
        &self,
        state: &State,
        held: Made<'_>,
        others: &[Made<'_>],
    ) -> Option<Result<Vec<State>, Broken>> {
        let purge = |(call, answer): Made<'_>| match (call, answer) {
            (Call::Purge { now, limit }, Answer::Purge(purged)) => Some((*now, *limit, *purged)),
            _ => None,
        };
        if let Some(purge) = purge(held) {
            return Some(self.through(state, purge, others));
        }
        let at = others.iter().position(|other| purge(*other).is_some())?;
        let judge = |state: &State, (call, answer): Made<'_>| self.judge(state, call, answer);
        let through = |state: &State, other: Made<'_>| match purge(other) {
            Some(purge) => self.through(state, purge, &[held]),
            None => judge(state, other),
        };
        let before = after_all(vec![state.clone()], &others[..at], judge);
        Some(before.and_then(|before| after_all(before, &others[at..], through)))
    }

    /// The states after a purge that removed records before, between and after `others`.
    fn through(
        &self,
        state: &State,
        (now, limit, purged): (Timestamp, u32, Purged),
        others: &[Made<'_>],
    ) -> Result<Vec<State>, Broken> {
        let Purged { removed, more } = purged;
        let begun = Begun { state: state.clone(), taken: 0, missed: state.due(now).collect() };
        let mut all = taken(vec![begun], now)?;
        for (call, answer) in others {
            let judge = |begun: &Begun, (): ()| {
                let after = self.judge(&begun.state, call, answer)?;
                Ok(after.into_iter().map(|state| Begun { state, ..begun.clone() }).collect())
            };
            all = taken(after_all(all, &[()], judge)?, now)?;
        }
        let ends =
            |begun: &Begun| begun.taken == removed && (more || !self.purges || begun.missed.is_empty());
        let states: Vec<_> = all.into_iter().filter(ends).map(|begun| begun.state).collect();
        if states.is_empty() || removed > u64::from(limit) {
            let how = format!("a purge during other calls returned {purged:?}");
            return Err(Broken::Promise(S10, how));
        }
        Ok(states)
    }
}

/// Removes any subset of the due records, including none.
fn taken(begun: Vec<Begun>, now: Timestamp) -> Result<Vec<Begun>, Broken> {
    let (mut all, mut met) = (Vec::new(), HashSet::new());
    for Begun { mut state, taken, mut missed } in begun {
        state.lapse(now);
        let due: Vec<_> = state.due(now).collect();
        if due.len() > MANY {
            return Err(Broken::Unjudged);
        }
        missed.retain(|selector| due.contains(selector));
        for some in 0..1_u32 << due.len() {
            let is_taken = |at: &usize| some & (1 << at) != 0;
            let (mut state, mut missed) = (state.clone(), missed.clone());
            for selector in (0..due.len()).filter(is_taken).map(|at| due[at]) {
                Arc::make_mut(&mut state.records).remove(&selector);
                missed.remove(&selector);
            }
            let next = Begun { state, taken: taken + u64::from(some.count_ones()), missed };
            if met.insert(next.clone()) {
                all.push(next);
            }
        }
    }
    Ok(all)
}
