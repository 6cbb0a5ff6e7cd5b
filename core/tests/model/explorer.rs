//! Visits every state that can be reached.

use std::collections::HashSet;
use std::fmt::{Arguments, Debug};
use std::hash::Hash;

use crate::row::Setting;

/// Is told what can happen, and the state after it or what is wrong with it.
pub(crate) type Next<'a, W> = &'a mut dyn FnMut(Arguments<'_>, Result<W, String>);

/// What can happen in a world.
pub(crate) trait World: Copy + Debug + Eq + Hash {
    /// The state before anything has happened.
    fn start(setting: &Setting) -> Self;
    /// Tells `next` of everything that can happen now.
    fn steps(&self, setting: &Setting, next: Next<'_, Self>);
}

/// How many states and steps there are.
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) steps: usize,
}

/// The shortest way to something wrong.
#[derive(Debug)]
pub(crate) struct Counterexample {
    pub(crate) what: String,
    pub(crate) trace: Vec<String>,
}

/// Breadth first, so that no counterexample is shorter.
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
        // Names are not kept for every state: ask again which step led here.
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
