//! Whether a store is slow with everything: then a call that was not answered in time says nothing about it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::history::History;
use crate::outcome::Stop;

/// What a call may usually take. A store far away, or on a machine with much else to do, is judged up to here.
const SLOW: Duration = Duration::from_millis(250);
/// From how many calls one can tell.
const ENOUGH: usize = 3;
/// How many of the latest are looked at.
const KEPT: usize = 40;

/// How long the latest calls that were answered took, in any case of a run.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Vec<Duration>>);

impl Pace {
    /// Takes note of the calls of a case.
    pub(crate) fn note(&self, history: &History) {
        let mut took = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        took.extend(history.answered());
        *took = latest(&took).to_vec();
    }

    /// What became of a case that ended so, when its calls have been noted.
    pub(crate) fn judge(&self, stop: Stop, history: &History) -> Stop {
        let own = history.answered();
        let usual = usual(&own).or_else(|| usual(&self.0.lock().unwrap_or_else(PoisonError::into_inner)));
        match (stop, usual) {
            (Stop::Late { observed, .. }, Some(usual)) if usual >= SLOW => {
                Stop::Inconclusive(format!("too slow: a call takes {usual:?}; {observed}"))
            }
            (Stop::Late { clause, observed }, _) => Stop::Violation { clause, observed },
            (stop, _) => stop,
        }
    }
}

fn latest(took: &[Duration]) -> &[Duration] {
    &took[took.len().saturating_sub(KEPT)..]
}

/// What three of four of the latest calls took at most; `None` if they are too few.
fn usual(took: &[Duration]) -> Option<Duration> {
    let mut took = latest(took).to_vec();
    took.sort_unstable();
    if took.len() < ENOUGH { None } else { took.get(took.len() * 3 / 4).copied() }
}
