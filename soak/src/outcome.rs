//! What a run found, and whether it counts.

use std::fmt;
use std::time::Duration;

use hallpass_conformance_tests::staleness::Verdict;

use crate::world::Tallies;

/// How many violations are shown.
const SHOWN: usize = 20;

/// When a run counts. The planted late fills have to be found in any case.
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// How many tokens have to be ended within twice the lag of a hit.
    pub near: u64,
    /// Whether half of the acceptances have to be hits.
    pub half_hits: bool,
}

/// What a run found.
#[derive(Debug)]
pub struct Outcome {
    /// How long it took.
    pub time: Duration,
    /// The lag of the near caches.
    pub lag: Duration,
    /// The verdict on the two nodes.
    pub verdict: Verdict,
    /// The verdict on the node that keeps late fills.
    pub planted: Verdict,
    tallies: Tallies,
}

impl Outcome {
    pub(crate) fn new(
        time: Duration,
        lag: Duration,
        verdict: Verdict,
        planted: Verdict,
        tallies: Tallies,
    ) -> Self {
        Self { time, lag, verdict, planted, tallies }
    }

    /// Returns why the run does not count; nothing if it does.
    #[must_use]
    pub fn shortfalls(&self, needs: &Needs) -> Vec<String> {
        let Verdict { accepts, hits, near, .. } = &self.verdict;
        let mut shortfalls = Vec::new();
        if needs.half_hits && hits * 2 < *accepts {
            shortfalls.push(format!("only {hits} of {accepts} acceptances are hits"));
        }
        if *near < needs.near {
            shortfalls.push(format!("only {near} of {} endings are within 2 L of a hit", needs.near));
        }
        if self.planted.violations.is_empty() {
            shortfalls.push("the planted late fills were not found".to_owned());
        }
        shortfalls
    }

    pub(crate) fn counts(&self, needs: &Needs) -> bool {
        self.shortfalls(needs).is_empty()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { accepts, hits, endings, near, stale, worst, violations } = &self.verdict;
        let share = 100.0 * *hits as f64 / (*accepts).max(1) as f64;
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        writeln!(f, "{:.1} minutes, L = {} ms", self.time.as_secs_f64() / 60.0, self.lag.as_millis())?;
        writeln!(f, "two nodes: {accepts} acceptances, {hits} of them hits ({share:.1} %)")?;
        writeln!(f, "  {endings} tokens ended, {near} of them within 2 L of a hit")?;
        writeln!(
            f,
            "  {stale} hits after the acknowledgement, the latest after {:.1} ms; {} violations",
            millis(*worst),
            violations.len()
        )?;
        writeln!(
            f,
            "planted late fills: {} acceptances, {} violations, the latest after {:.1} ms",
            self.planted.accepts,
            self.planted.violations.len(),
            millis(self.planted.worst)
        )?;
        let calls = self.tallies.calls.iter();
        let calls: Vec<_> =
            calls.map(|(verb, (done, failed))| format!("{verb} {done} (failed {failed})")).collect();
        writeln!(f, "calls: {}", calls.join(", "))?;
        let faults: Vec<_> =
            self.tallies.faults.iter().map(|(name, times)| format!("{name} {times}")).collect();
        writeln!(
            f,
            "stops and cuts: {}",
            if faults.is_empty() { "none".to_owned() } else { faults.join(", ") }
        )?;
        violations.iter().take(SHOWN).try_for_each(|violation| writeln!(f, "VIOLATION: {violation}"))
    }
}
