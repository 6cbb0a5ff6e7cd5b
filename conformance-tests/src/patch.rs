//! Statements with deliberate mistakes: a proof for SQL and Lua, which mutation tools do not read.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

use crate::case::{Case, Level};
use crate::cases::cases;
use crate::clause::Clause;
use crate::harness::Harness;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::runner::run;
use hallpass_core::error_chain;

/// The number of attempts that a race gets to show the mistake.
const ATTEMPTS: u64 = 8;

/// A deliberate mistake in one line of a statement, and the cases that must find it.
///
/// An adapter keeps its statements in files and opens a store with one of them changed. It refuses a `from` that the
/// file does not contain exactly once, so that an outdated patch fails instead of changing nothing.
#[derive(Clone, Copy, Debug)]
pub struct Patch {
    /// What is lost, as the name of a test: `replace_without_the_revision`.
    pub name: &'static str,
    /// The file with the statement.
    pub file: &'static str,
    /// The text to replace; it occurs once in the file.
    pub from: &'static str,
    /// The replacement.
    pub to: &'static str,
    /// The cases, by [`Case::id`], each with the clause that it must report as broken.
    pub caught: &'static [(Clause, &'static str)],
}

impl Patch {
    /// Checks that each named case reports its clause as broken by the store of this harness; a race may take several
    /// attempts.
    ///
    /// # Errors
    /// A text that names the case that does not, and says what it found instead.
    pub fn is_caught<H: Harness>(&self, harness: impl Fn() -> H) -> Result<(), String> {
        if self.caught.is_empty() {
            return Err("the patch names no case that catches it".to_owned());
        }
        for (clause, id) in self.caught {
            let case = cases().find(|case| case.id() == *id).ok_or(format!("there is no case {id}"))?;
            let mut seen = String::new();
            if !(1..=ATTEMPTS).any(|seed| breaks(case, *clause, harness(), seed, &mut seen)) {
                return Err(format!("{id} does not catch it by {clause}: {seen}"));
            }
        }
        Ok(())
    }
}

/// Runs the suite over each wrong store in turn: the complete `main` of a test target with `harness = false`.
///
/// Accepts the arguments of `libtest`. A patch fails if one of its cases passes, or fails for another reason than the
/// one named, such as a statement that the server rejects.
pub fn prove<H: Harness>(
    patches: &'static [Patch],
    harness: impl Fn(&Patch) -> H + Send + Sync + 'static,
) -> ExitCode {
    let harness = Arc::new(harness);
    let trials = patches.iter().map(|patch| {
        let harness = Arc::clone(&harness);
        Trial::test(patch.name, move || Ok(patch.is_caught(|| harness(patch))?)).with_kind(patch.file)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

/// Whether this case reports this clause as broken; if not, `seen` says what it found.
fn breaks(case: &Case, clause: Clause, harness: impl Harness, seed: u64, seen: &mut String) -> bool {
    let options = Options {
        level: Level::RealTime,
        seed: Some(seed),
        limit: Duration::from_secs(60),
        only: Some(case.id()),
        ..Options::default()
    };
    for (ran, outcome) in run(harness, &options).outcomes() {
        match outcome {
            _ if ran.id() != case.id() => {}
            Outcome::Failed(violation) if violation.clause == clause => return true,
            Outcome::Failed(violation) => *seen = error_chain(violation),
            other => *seen = format!("{other:?}"),
        }
    }
    false
}
