//! What became of a case.

use std::error::Error;
use std::fmt;

use crate::case::Case;
use crate::clause::Clause;

/// Why a case about trouble is untested where the harness has no server at all.
pub(crate) const NO_SERVER: &str = "Outage is declared, and the harness supplies no server";

/// Chapters whose outcome is a matter of chance: other seeds, or the same once more, may see more.
pub(crate) const CHANCE: [&str; 8] =
    ["random", "interleaved", "cancel", "race", "race_subject", "race_token", "stream", "history"];

/// What became of a case.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every promise that it looked at was kept.
    Passed,
    /// A promise was broken.
    Failed(Violation),
    /// The store or the case panicked: what was said, and what the store was asked before.
    Panicked {
        /// The text of the panic.
        message: String,
        /// What the store was asked.
        history: String,
    },
    /// The backend does not promise this, for this reason.
    NotDeclared(&'static str),
    /// The suite cannot tell, for this reason.
    Untested(&'static str),
    /// It could not be made to happen, such as a race that never overlapped.
    Inconclusive(String),
    /// The harness failed: no verdict about the store.
    HarnessFailed(String),
}

impl Outcome {
    /// Whether it counts as a failure of the store.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_) | Self::Panicked { .. })
    }

    /// Whether it says nothing where something was promised: a failure in a strict run. A race that never overlapped,
    /// or trouble that no server was supplied for although [`Capability::Outage`](crate::Capability::Outage) is declared.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Inconclusive(_) | Self::Untested(NO_SERVER))
    }

    /// In a word or two, as in the last line of a run.
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

/// A broken promise: what a self-test looks at, and what a person reads.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The clause of `docs/contract.md`.
    pub clause: Clause,
    /// The case that saw it: [`Case::id`].
    pub case: String,
    /// What was seen, and what should have been.
    pub observed: String,
    /// What the store was asked and what it answered, in order. No data, no digests.
    pub history: String,
    /// What `--seed` has to be told to have the same choices made again.
    pub seed: u64,
}

impl Violation {
    /// What to look at in an adapter.
    #[must_use]
    pub fn look_at(&self) -> &'static str {
        self.clause.look_at_in(self.chapter())
    }

    /// What the seed repeats.
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

/// Why a case ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A promise was broken.
    Violation {
        clause: Clause,
        observed: String,
    },
    /// The store did not answer in time though nobody hurt it: a broken promise, unless it is slow with everything.
    Late {
        clause: Clause,
        observed: String,
    },
    Inconclusive(String),
    Harness(String),
}

/// What a case's function answers.
pub(crate) type Ran<T = ()> = Result<T, Stop>;

impl Stop {
    pub(crate) fn into_outcome(self, case: &Case, history: String, seed: u64) -> Outcome {
        match self {
            Self::Violation { clause, observed } | Self::Late { clause, observed } => {
                Outcome::Failed(Violation { clause, case: case.id(), observed, history, seed })
            }
            Self::Inconclusive(why) => Outcome::Inconclusive(why),
            Self::Harness(why) => Outcome::HarnessFailed(why),
        }
    }
}

/// An error of a backend that nobody has hurt.
impl From<hallpass_core::StoreError> for Stop {
    fn from(error: hallpass_core::StoreError) -> Self {
        let observed = format!("the store failed though nothing was wrong: {}", chain(&error));
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
        let observed = format!("the service failed though nothing was wrong: {}", chain(&failure));
        match failure {
            hallpass_core::Failure::Contended => Self::Late { clause, observed },
            hallpass_core::Failure::Store(error) if is_late(&error) => Self::Late { clause, observed },
            _ => Self::Violation { clause, observed },
        }
    }
}

/// Whether a call was not answered in time, or found no connection in time.
const fn is_late(error: &hallpass_core::StoreError) -> bool {
    matches!(error, hallpass_core::StoreError::Timeout { .. } | hallpass_core::StoreError::Unavailable(_))
}

/// A rejection of a token that was good.
impl From<hallpass_core::Denied> for Stop {
    fn from(denied: hallpass_core::Denied) -> Self {
        match denied {
            hallpass_core::Denied::Failed(failure) => failure.into(),
            hallpass_core::Denied::Rejected(rejected) => {
                let observed = format!("a good token was rejected: {rejected:?}");
                Self::Violation { clause: Clause::D5, observed }
            }
        }
    }
}

/// An error and its sources in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// Ends the case with a violation of `clause` unless `holds`.
pub(crate) fn hold(clause: Clause, holds: bool, observed: impl fmt::Display) -> Ran {
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
) -> Ran {
    hold(clause, got == want, format_args!("{what}: expected {want:?}, got {got:?}"))
}
