//! What a run found.

use std::fmt;
use std::sync::Arc;

use crate::case::Case;
use crate::coverage::Coverage;
use crate::declared::Declared;
use crate::outcome::{Outcome, Violation};

/// What became of each case that was chosen.
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    backend: String,
    declared: Declared,
    outcomes: Vec<(&'static Case, Outcome)>,
    coverage: Arc<Coverage>,
}

impl Report {
    pub(crate) const fn new(backend: String, declared: Declared, coverage: Arc<Coverage>) -> Self {
        Self { backend, declared, outcomes: Vec::new(), coverage }
    }

    /// Which edges of the contract the cases have visited.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What the cases have not visited: operation, edge, and why, where there is a reason.
    #[must_use]
    pub fn unvisited(&self) -> Vec<(&'static str, &'static str, Option<&'static str>)> {
        self.coverage.unvisited(&self.declared)
    }

    pub(crate) fn add(&mut self, case: &'static Case, outcome: Outcome) {
        self.outcomes.push((case, outcome));
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

    /// How many outcomes are like this.
    #[must_use]
    pub fn count(&self, like: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|(_, outcome)| like(outcome)).count()
    }

    /// 1 if a promise was broken, 2 if the harness failed, else 0. When `strict`, an inconclusive case is
    /// as bad as a broken promise.
    #[must_use]
    pub fn exit_code(&self, strict: bool) -> u8 {
        let inconclusive = |outcome: &Outcome| matches!(outcome, Outcome::Inconclusive(_));
        if self.count(Outcome::is_failure) > 0 || strict && self.count(inconclusive) > 0 {
            return 1;
        }
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::HarnessFailed(_));
        if self.count(failed) > 0 { 2 } else { 0 }
    }
}

/// The last line of a run, which a CI job may look for.
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
        write!(f, " ({}, durability: {})", self.backend, self.declared.durability().as_str())
    }
}
