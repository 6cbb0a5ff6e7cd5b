//! Visits every reachable state of a world.

use std::collections::HashSet;
use std::fmt::{Arguments, Debug};
use std::hash::Hash;

use crate::row::Setting;

/// Receives a possible step, and the state after it or what is wrong with it.
pub(crate) type Next<'a, W> = &'a mut dyn FnMut(Arguments<'_>, Result<W, String>);

/// The steps that are possible in a world.
pub(crate) trait World: Copy + Debug + Eq + Hash {
    /// Returns the state before any step.
    fn start(setting: &Setting) -> Self;
    /// Passes every step that is possible now to `next`.
    fn steps(&self, setting: &Setting, next: Next<'_, Self>);
}

/// The number of states and steps.
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) steps: usize,
}

/// The shortest way to an error.
#[derive(Debug)]
pub(crate) struct Counterexample {
    pub(crate) what: String,
    pub(crate) trace: Vec<String>,
}

/// Searches breadth first, so that no counterexample is shorter.
pub(crate) fn explore<W: World>(setting: &Setting) -> Result<Explored, Counterexample> {
    let start = W::start(setting);
    let mut states = vec![(start, 0)];
    let mut known = HashSet::from([start]);
    let (mut at, mut steps, mut wrong) = (0, 0, None);
    while at < states.len() && wrong.is_none() {
        let state = states[at].0;
        state.steps(setting, &mut |name, next| {
            steps += 1;
            match next {
                Ok(next) => {
                    if known.insert(next) {
                        states.push((next, at));
                    }
                }
                Err(what) => wrong = wrong.take().or_else(|| Some((what, name.to_string()))),
            }
        });
        at += 1;
    }
    let Some((what, name)) = wrong else { return Ok(Explored { states: states.len(), steps }) };
    let mut trace = vec![name];
    let mut on_the_way = at - 1;
    while on_the_way != 0 {
        let (here, before) = states[on_the_way];
        // The names of steps are not kept for every state: ask again which step led here.
        let mut step = None;
        states[before].0.steps(setting, &mut |name, next| {
            if next == Ok(here) {
                step.get_or_insert_with(|| name.to_string());
            }
        });
        trace.extend(step);
        on_the_way = before;
    }
    trace.reverse();
    Err(Counterexample { what, trace })
}
