//! One system that can do one operation.

use std::fmt;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::turn::Turn;

/// Runs the operation from this number of tasks for this time.
type Play<'a> = Box<dyn FnMut(usize, Duration) -> Result<Turn, String> + 'a>;

/// One system that can do one operation.
pub struct Offer<'a> {
    /// What is offered.
    pub of: Offered,
    play: Play<'a>,
}

/// A system and an operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Offered {
    /// The system.
    pub system: String,
    /// The operation, in one word.
    pub operation: String,
    /// The numbers of tasks that it can run from; any number if empty.
    pub tasks: Vec<usize>,
    /// How often one operation allocates memory, if that was counted.
    pub allocations: Option<f64>,
}

impl<'a> Offer<'a> {
    /// Creates an offer that `play` runs.
    pub fn new(
        system: impl Into<String>,
        operation: impl Into<String>,
        play: impl FnMut(usize, Duration) -> Result<Turn, String> + 'a,
    ) -> Self {
        let (system, operation) = (system.into(), operation.into());
        let of = Offered { system, operation, tasks: Vec::new(), allocations: None };
        Self { of, play: Box::new(play) }
    }

    /// Creates an offer whose tasks each keep a state from turn to turn. `state` creates the state of a task from
    /// its number and the number of tasks; `step` does one operation on what all tasks share.
    pub fn steady<C, S, F, Fut>(
        runtime: &Handle,
        system: impl Into<String>,
        operation: impl Into<String>,
        state: impl Fn(usize, usize) -> S + 'a,
        shared: C,
        step: F,
    ) -> Self
    where
        C: Clone + Send + 'static,
        S: Send + 'static,
        F: Fn(C, S) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = S> + Send,
    {
        let runtime = runtime.clone();
        let mut states: Vec<S> = Vec::new();
        let step = move |state: S| {
            let stepped = step(shared.clone(), state);
            async move { ControlFlow::Continue(stepped.await) }
        };
        Self::new(system, operation, move |tasks, length| {
            if states.len() != tasks {
                states = (0..tasks).map(|task| state(task, tasks)).collect();
            }
            let (turn, kept) = at_once(&runtime, std::mem::take(&mut states), length, &step)?;
            states = kept;
            Ok(turn)
        })
    }

    /// Creates an offer that uses things up. Before each turn `stock` makes as many as are missing, which is not
    /// timed; `step` uses one of them and what all tasks share.
    pub fn stocked<C, T, F, Fut>(
        runtime: &Handle,
        system: impl Into<String>,
        operation: impl Into<String>,
        mut stock: impl FnMut(usize) -> Vec<T> + 'a,
        per_second: usize,
        shared: C,
        step: F,
    ) -> Self
    where
        C: Clone + Send + 'static,
        T: Send + 'static,
        F: Fn(C, T) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let runtime = runtime.clone();
        let mut things: Vec<T> = Vec::new();
        let step = move |mut list: Vec<T>| {
            let stepped = list.pop().map(|thing| step(shared.clone(), thing));
            async move {
                match stepped {
                    Some(stepped) => {
                        stepped.await;
                        ControlFlow::Continue(list)
                    }
                    None => ControlFlow::Break(list),
                }
            }
        };
        Self::new(system, operation, move |tasks, length| {
            let wanted = ((length.as_secs_f64() * per_second as f64) as usize).max(tasks);
            things.extend(stock(wanted.saturating_sub(things.len())));
            let share = things.len().div_ceil(tasks);
            let mut lists = Vec::new();
            for _ in 0..tasks {
                lists.push(things.split_off(things.len().saturating_sub(share)));
            }
            let (turn, lists) = at_once(&runtime, lists, length, &step)?;
            things = lists.into_iter().flatten().collect();
            Ok(turn)
        })
    }

    /// Creates an offer that runs on a single thread. `work` does `operations` operations that are too short to
    /// time one by one. Their allocations are counted.
    pub fn counted(
        system: impl Into<String>,
        operation: impl Into<String>,
        operations: u64,
        mut work: impl FnMut() + 'a,
    ) -> Self {
        work();
        let asked = allocation_counter::measure(&mut work).count_total;
        let play = move |_, length: Duration| Ok(Turn::repeat(length, operations, &mut work));
        let mut offer = Self::new(system, operation, play).only_from(&[1]);
        offer.of.allocations = Some(asked as f64 / operations as f64);
        offer
    }

    /// Limits the offer to these numbers of tasks.
    #[must_use]
    pub fn only_from(mut self, tasks: &[usize]) -> Self {
        self.of.tasks = tasks.to_vec();
        self
    }

    /// Runs one turn.
    ///
    /// # Errors
    /// If the operation failed, with the reason.
    pub fn turn(&mut self, tasks: usize, length: Duration) -> Result<Turn, String> {
        (self.play)(tasks, length)
    }
}

impl fmt::Debug for Offer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.fmt(f)
    }
}

/// Runs a task for each state, which repeats `step` until `length` is over or the step breaks. A step that breaks
/// has done nothing and is not counted.
///
/// # Errors
/// If a task panicked.
fn at_once<S, F, Fut>(
    runtime: &Handle,
    states: Vec<S>,
    length: Duration,
    step: &F,
) -> Result<(Turn, Vec<S>), String>
where
    S: Send + 'static,
    F: Fn(S) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ControlFlow<S, S>> + Send,
{
    let start = Instant::now();
    let tasks: Vec<_> = states
        .into_iter()
        .map(|mut state| {
            let step = step.clone();
            runtime.spawn(async move {
                let mut turn = Turn::new();
                loop {
                    let before = Instant::now();
                    if before - start >= length {
                        return (turn, state);
                    }
                    state = match step(state).await {
                        ControlFlow::Continue(state) => state,
                        ControlFlow::Break(state) => return (turn, state),
                    };
                    turn.note(start, before);
                }
            })
        })
        .collect();
    let (mut all, mut kept) = (Turn::new(), Vec::new());
    for task in tasks {
        let (turn, state) = runtime.block_on(task).map_err(|error| error.to_string())?;
        all.join(&turn);
        kept.push(state);
    }
    Ok((all, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_up_is_stocked_again_and_counted_once() {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let stock = |missing| vec![0; missing];
        let mut offer = Offer::stocked(runtime.handle(), "none", "use", stock, 100, (), |(), _| async {});
        for _ in 0..2 {
            // The stock of a hundred is used up long before the second is over.
            let turn = offer.turn(4, Duration::from_secs(1)).unwrap();
            assert_eq!(turn.operations, 100);
            assert!(turn.elapsed < Duration::from_secs(1));
        }
    }

    #[test]
    fn a_task_that_panics_is_an_error() {
        let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let step = |(), state: u32| async move { if state == 0 { panic!("wrong") } else { state } };
        let mut offer = Offer::steady(runtime.handle(), "none", "fail", |_, _| 0, (), step);
        // Long enough for both tasks to begin on a busy machine; they end the turn by panicking.
        assert!(offer.turn(2, Duration::from_secs(60)).is_err());
    }
}
