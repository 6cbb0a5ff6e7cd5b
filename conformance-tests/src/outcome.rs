//! The outcome of a case.

use std::error::Error;
use std::fmt;

use hallpass_core::error_chain;

use crate::clause::Clause;

/// The reason that leaves a case about faults untested if the harness has no server.
pub(crate) const NO_SERVER: &str = "Outage is declared, and the harness supplies no server";

/// Chapters that depend on chance: another seed, or another run with the same one, may find more.
pub(crate) const CHANCE: [&str; 9] = [
    "random",
    "interleaved",
    "cancel",
    "race",
    "race_subject",
    "race_token",
    "feed_load",
    "stream",
    "history",
];

/// The outcome of a case.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every promise that the case checked was kept.
    Passed,
    /// A promise was broken.
    Failed(Violation),
    /// The store or the case panicked.
    Panicked {
        /// The message of the panic.
        message: String,
        /// The calls made to the store before it.
        history: String,
    },
    /// The backend does not promise this, for this reason.
    NotDeclared(&'static str),
    /// The suite cannot check this, for this reason.
    Untested(&'static str),
    /// The situation could not be produced, such as a race that never overlapped.
    Inconclusive(String),
    /// The harness failed; there is no verdict about the store.
    HarnessFailed(String),
}

impl Outcome {
    /// Whether it counts as a failure of the store.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Panicked { .. })
    }

    /// Whether a declared promise remains unchecked, which fails a strict run: a race never overlapped, or
    /// [`Capability::Outage`](crate::Capability::Outage) is declared and the harness supplies no server.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Inconclusive(_) | Self::Untested(NO_SERVER))
    }

    /// The outcome in a word or two, as in the last line of a run.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Panicked { .. } => "panicked",
            Self::NotDeclared(_) => "not declared",
            Self::Untested(_) => "untested",
            Self::Inconclusive(_) => "inconclusive",
            Self::HarnessFailed(_) => "harness failed",
        }
    }

    /// Why there is no verdict; `None` if there is one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::NotDeclared(reason) | Self::Untested(reason) => Some(reason),
            Self::Inconclusive(why) | Self::HarnessFailed(why) => Some(why),
            Self::Passed | Self::Failed(_) | Self::Panicked { .. } => None,
        }
    }
}

/// A broken promise, for self-tests and for human readers.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The broken clause of `docs/contract.md`.
    pub clause: Clause,
    /// The case that saw it: [`Case::id`](crate::Case::id).
    pub case: String,
    /// What was observed, and what was expected.
    pub observed: String,
    /// The calls made to the store and their results, in order, without data or digests.
    pub history: String,
    /// The value for `--seed` that repeats the same choices.
    pub seed: u64,
}

impl Violation {
    /// The part of an adapter to look at.
    #[must_use]
    pub fn look_at(&self) -> &'static str {
        self.clause.look_at_in(self.chapter())
    }

    /// What the seed repeats in this case.
    #[must_use]
    pub fn repeats(&self) -> &'static str {
        if CHANCE.contains(&self.chapter()) {
            "the seed repeats the choices, not how calls overlap: --budget 2m tries again and again"
        } else {
            "the seed repeats the choices"
        }
    }

    fn chapter(&self) -> &str {
        self.case.split("::").next().unwrap_or_default()
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clause, case, observed, history, seed } = self;
        writeln!(f, "{clause} is broken: {observed}")?;
        writeln!(f, "  {clause} {}: \"{}\"", clause.title(), clause.text())?;
        writeln!(f, "  contract: {}", clause.place())?;
        writeln!(f, "  look at: {}", self.look_at())?;
        writeln!(f, "  usual reasons: {}", clause.reasons())?;
        write!(f, "  seen by {case} --seed {seed} ({})\n{history}", self.repeats())
    }
}

impl Error for Violation {}

/// Why a case ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A promise was broken.
    Violation {
        clause: Clause,
        observed: String,
    },
    /// The store did not respond in time without a fault: a broken promise, unless the store is slow throughout.
    Late {
        clause: Clause,
        observed: String,
    },
    Inconclusive(String),
    Harness(String),
}

/// The result of a case's function.
pub(crate) type CaseResult<T = ()> = Result<T, Stop>;

impl Stop {
    pub(crate) fn into_outcome(self, case: String, history: String, seed: u64) -> Outcome {
        match self {
            Self::Violation { clause, observed } | Self::Late { clause, observed } => {
                Outcome::Failed(Violation { clause, case, observed, history, seed })
            }
            Self::Inconclusive(why) => Outcome::Inconclusive(why),
            Self::Harness(why) => Outcome::HarnessFailed(why),
        }
    }
}

/// An error of a backend while no fault is inflicted.
impl From<hallpass_core::StoreError> for Stop {
    fn from(error: hallpass_core::StoreError) -> Self {
        let observed = format!("the store failed without any fault: {}", error_chain(&error));
        match is_late(&error) {
            true => Self::Late { clause: Clause::S12, observed },
            false => Self::Violation { clause: Clause::S12, observed },
        }
    }
}

impl From<hallpass_core::Failure> for Stop {
    fn from(failure: hallpass_core::Failure) -> Self {
        let clause = match failure {
            hallpass_core::Failure::Contended => Clause::D15,
            hallpass_core::Failure::Corrupt { .. } => Clause::S1,
            _ => Clause::S12,
        };
        let observed = format!("the service failed without any fault: {}", error_chain(&failure));
        match failure {
            hallpass_core::Failure::Contended => Self::Late { clause, observed },
            hallpass_core::Failure::Store(error) if is_late(&error) => Self::Late { clause, observed },
            _ => Self::Violation { clause, observed },
        }
    }
}

/// Whether the call or its wait for a connection timed out.
const fn is_late(error: &hallpass_core::StoreError) -> bool {
    matches!(error, hallpass_core::StoreError::Timeout { .. } | hallpass_core::StoreError::Unavailable(_))
}

/// A rejection of a token that was valid.
impl From<hallpass_core::Denied> for Stop {
    fn from(denied: hallpass_core::Denied) -> Self {
        match denied {
            hallpass_core::Denied::Failed(failure) => failure.into(),
            hallpass_core::Denied::Rejected(rejected) => {
                let observed = format!("a valid token was rejected: {rejected:?}");
                Self::Violation { clause: Clause::D5, observed }
            }
        }
    }
}

/// Ends the case with a violation of `clause` unless `holds`.
pub(crate) fn hold(clause: Clause, holds: bool, observed: impl fmt::Display) -> CaseResult {
    match holds {
        true => Ok(()),
        false => Err(Stop::Violation { clause, observed: observed.to_string() }),
    }
}

/// Ends the case with a violation of `clause` unless `got` is `want`.
pub(crate) fn same<T: PartialEq + fmt::Debug>(
    clause: Clause,
    what: impl fmt::Display,
    got: &T,
    want: &T,
) -> CaseResult {
    hold(clause, got == want, format_args!("{what}: expected {want:?}, got {got:?}"))
}
