//! The result of a run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::case::{Case, Level};
use crate::coverage::Coverage;
use crate::declared::Declared;
use crate::outcome::{Outcome, Violation};

/// The result of a run: the outcome of each chosen case.
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    pub(crate) backend: String,
    pub(crate) declared: Declared,
    pub(crate) level: Level,
    pub(crate) seed: u64,
    outcomes: Vec<(&'static Case, Outcome)>,
    /// The duration of each case.
    took: Vec<Duration>,
    coverage: Arc<Coverage>,
    rounds: Rounds,
}

/// How often the cases that depend on chance were run, each time with the next seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds {
    /// Completed rounds: at least one.
    pub whole: u64,
    /// The number of cases repeated in each round.
    pub cases: usize,
}

impl Report {
    pub(crate) const fn new(
        backend: String,
        declared: Declared,
        coverage: Arc<Coverage>,
        level: Level,
        seed: u64,
    ) -> Self {
        let rounds = Rounds { whole: 1, cases: 0 };
        Self { backend, declared, level, seed, outcomes: Vec::new(), took: Vec::new(), coverage, rounds }
    }

    /// How often the cases that depend on chance were run; `None` without
    /// [`Options::budget`](crate::Options::budget).
    #[must_use]
    pub fn rounds(&self) -> Option<Rounds> {
        (self.rounds.cases > 0).then_some(self.rounds)
    }

    /// The edges of the contract that the cases visited.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// The cells that the cases did not visit: operation, edge and, if known, the reason.
    #[must_use]
    pub fn unvisited(&self) -> Vec<(&'static str, &'static str, Option<&'static str>)> {
        self.coverage.unvisited(&self.declared)
    }

    pub(crate) fn add(&mut self, case: &'static Case, outcome: Outcome, took: Duration) {
        self.outcomes.push((case, outcome));
        self.took.push(took);
    }

    /// The cases that may fail in a later round because they depend on chance.
    pub(crate) fn repeatable(&self) -> Vec<&'static Case> {
        let open = |outcome: &Outcome| matches!(outcome, Outcome::Passed | Outcome::Inconclusive(_));
        let mut cases = self.outcomes.clone();
        cases.retain(|(case, outcome)| case.is_chance() && open(outcome));
        cases.into_iter().map(|(case, _)| case).collect()
    }

    /// Records that another round has begun or ended.
    pub(crate) fn repeat(&mut self, rounds: Rounds) {
        self.rounds = rounds;
    }

    /// Replaces the outcome of a case by that of a later round.
    pub(crate) fn amend(&mut self, case: &'static Case, outcome: Outcome) {
        if let Some((_, old)) = self.outcomes.iter_mut().find(|(known, _)| known.id() == case.id()) {
            *old = outcome;
        }
    }

    /// Each case with its outcome and duration.
    pub(crate) fn timed(&self) -> impl Iterator<Item = (&'static Case, &Outcome, Duration)> {
        self.outcomes.iter().zip(&self.took).map(|((case, outcome), took)| (*case, outcome, *took))
    }

    /// The name of the backend, from [`Harness::backend`](crate::Harness::backend).
    #[must_use]
    pub fn backend(&self) -> &str {
        &self.backend
    }

    /// The value for `--seed` that repeats the same choices.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// Each case with its outcome, in the order in which they ended.
    #[must_use]
    pub fn outcomes(&self) -> &[(&'static Case, Outcome)] {
        &self.outcomes
    }

    /// Every broken promise.
    pub fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.outcomes.iter().filter_map(|(_, outcome)| match outcome {
            Outcome::Failed(violation) => Some(violation),
            _ => None,
        })
    }

    /// Counts the outcomes that `like` accepts.
    #[must_use]
    pub fn count(&self, like: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| like(outcome)).count()
    }

    /// The exit status: 1 if a promise was broken, 2 if the harness failed, else 0. If `strict`, an
    /// [open](Outcome::is_open) outcome counts as a broken promise.
    #[must_use]
    pub fn exit_code(&self, strict: bool) -> u8 {
        if self.count(Outcome::is_failure) > 0 || strict && self.count(Outcome::is_open) > 0 {
            return 1;
        }
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::HarnessFailed(_));
        if self.count(failed) > 0 { 2 } else { 0 }
    }
}

/// The last line of a run, which a CI job may search for.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "conformance: {} passed, {} failed, {} not declared, {} untested, {} inconclusive",
            self.count(|outcome| matches!(outcome, Outcome::Passed)),
            self.count(Outcome::is_failure),
            self.count(|outcome| matches!(outcome, Outcome::NotDeclared(_))),
            self.count(|outcome| matches!(outcome, Outcome::Untested(_))),
            self.count(|outcome| matches!(outcome, Outcome::Inconclusive(_))),
        )?;
        match self.count(|outcome| matches!(outcome, Outcome::HarnessFailed(_))) {
            0 => {}
            failures => write!(f, ", {failures} not run: the harness failed")?,
        }
        if let Some(Rounds { whole, cases }) = self.rounds() {
            write!(f, ", {whole} rounds of {cases} cases")?;
        }
        write!(f, " ({}, durability: {})", self.backend, self.declared.durability().as_str())
    }
}
