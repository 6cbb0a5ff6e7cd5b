//! Runs calls concurrently, and measures whether they overlapped.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use crate::handle::Handle as Node;
use crate::history::now;
use crate::outcome::{CaseResult, Stop};

/// The minimum number of rounds of a race, if time permits.
const ROUNDS: usize = 40;
/// How many rounds must overlap, if time permits.
const OVERLAPS: usize = 15;
/// How long a race is repeated until they do.
const BUDGET: Duration = Duration::from_millis(2_500);
/// How long an entrant waits until the others run on a core.
const GUN: Duration = Duration::from_micros(200);

/// A participant in a race.
pub(crate) type Racer<T> = Pin<Box<dyn Future<Output = CaseResult<T>> + Send>>;

/// The result of an entrant, and when it ran.
#[derive(Debug)]
pub(crate) struct Timed<T> {
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) value: T,
}

impl<T> Timed<T> {
    fn overlaps<U>(&self, other: &Timed<U>) -> bool {
        self.began < other.ended && other.began < self.ended
    }
}

/// Starts all entrants concurrently, each on a thread of its own. On the workers of a runtime, a woken task may wait
/// in the queue of the worker that woke it.
pub(crate) async fn race<T: Send + 'static>(racers: Vec<Racer<T>>) -> CaseResult<Vec<Timed<T>>> {
    let count = racers.len();
    let (barrier, ready) = (Arc::new(Barrier::new(count)), Arc::new(AtomicUsize::new(0)));
    let enter = |racer: Racer<T>| {
        let (barrier, ready, runtime) = (Arc::clone(&barrier), Arc::clone(&ready), Handle::current());
        tokio::task::spawn_blocking(move || {
            barrier.wait();
            ready.fetch_add(1, Ordering::SeqCst);
            let waiting = now();
            while ready.load(Ordering::SeqCst) < count && waiting.elapsed() < GUN {
                std::hint::spin_loop();
            }
            let began = now();
            let value = runtime.block_on(racer);
            value.map(|value| Timed { began, ended: now(), value })
        })
    };
    let running: Vec<_> = racers.into_iter().map(enter).collect();
    let mut timed = Vec::new();
    // All are awaited before the first error is returned: with it the case's runtime ends, and with that a call that
    // still runs panics.
    for task in running {
        timed.push(match task.await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(Stop::Harness(error.to_string())),
            },
        });
    }
    timed.into_iter().collect()
}

/// Whether any two of them overlapped.
pub(crate) fn overlapped<T>(timed: &[Timed<T>]) -> bool {
    (1..timed.len()).any(|at| timed[..at].iter().any(|earlier| earlier.overlaps(&timed[at])))
}

/// Repeats `round`, which returns whether its entrants overlapped, until enough rounds have overlapped or the time is
/// up. A race that never overlapped shows nothing.
pub(crate) async fn contest(round: impl AsyncFnMut(usize) -> CaseResult<bool>) -> CaseResult {
    contest_of(ROUNDS, round).await
}

/// Like [`contest`], with a minimum number of rounds.
pub(crate) async fn contest_of(
    rounds: usize,
    mut round: impl AsyncFnMut(usize) -> CaseResult<bool>,
) -> CaseResult {
    let (started, mut overlaps) = (now(), 0);
    for number in 0.. {
        if number >= rounds && overlaps >= OVERLAPS || started.elapsed() > BUDGET {
            break;
        }
        overlaps += usize::from(round(number).await?);
    }
    match overlaps {
        0 => Err(Stop::Inconclusive(format!("no two calls overlapped within {BUDGET:?}"))),
        _ => Ok(()),
    }
}

/// Alternates between the two handles.
pub(crate) fn of(number: usize, nodes: &(Node, Node)) -> Node {
    if number.is_multiple_of(2) { nodes.0.clone() } else { nodes.1.clone() }
}

/// The result of each entrant.
pub(crate) fn values<T: Copy>(timed: &[Timed<T>]) -> Vec<T> {
    timed.iter().map(|timed| timed.value).collect()
}
