//! Detects a store that is slow throughout, for which a call that timed out proves nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::history::History;
use crate::outcome::Stop;

/// From this usual duration of a call on, a timeout proves nothing: the store is far away or the machine is busy.
const SLOW: Duration = Duration::from_millis(250);
/// The number of calls needed to judge.
const ENOUGH: usize = 3;
/// The number of latest calls considered.
const KEPT: usize = 40;

/// The durations of the latest calls that returned, over all cases of a run.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Vec<Duration>>);

impl Pace {
    /// Records the calls of a case.
    pub(crate) fn note(&self, history: &History) {
        let mut took = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        took.extend(history.answered());
        *took = latest(&took).to_vec();
    }

    /// Judges how a case ended; call [`note`](Self::note) first.
    pub(crate) fn judge(&self, stop: Stop, history: &History) -> Stop {
        match (stop, self.usual(history)) {
            (Stop::Late { observed, .. }, Some(usual)) if usual >= SLOW => {
                Stop::Inconclusive(format!("too slow: a call takes {usual:?}; {observed}"))
            }
            (Stop::Late { clause, observed }, _) => Stop::Violation { clause, observed },
            (stop, _) => stop,
        }
    }

    /// Whether the calls of a case were slow; call [`note`](Self::note) first.
    pub(crate) fn is_slow(&self, history: &History) -> bool {
        self.usual(history).is_some_and(|usual| usual >= SLOW)
    }

    /// How long a call of this case takes, or, if it made too few, a call of the run.
    fn usual(&self, history: &History) -> Option<Duration> {
        let own = history.answered();
        usual(&own).or_else(|| usual(&self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn latest(took: &[Duration]) -> &[Duration] {
    &took[took.len().saturating_sub(KEPT)..]
}

/// The duration that three quarters of the latest calls did not exceed; `None` if there are too few.
fn usual(took: &[Duration]) -> Option<Duration> {
    let mut took = latest(took).to_vec();
    took.sort_unstable();
    if took.len() < ENOUGH { None } else { took.get(took.len() * 3 / 4).copied() }
}
