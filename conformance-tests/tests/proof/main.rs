//! The proof that the suite bites: every wrong store of `faults/` is caught in the case and by the clause
//! that it names, every strange one of `odd-but-legal/` passes, and a bad harness is reported as one.
//!
//! Both folders stand beside `src/`, not in it: they are evidence, and nobody who depends on the suite
//! has a use for them.

mod base;
#[path = "../../faults/zoo.rs"]
mod faults;
#[path = "../../odd-but-legal/zoo.rs"]
mod odd_but_legal;
mod prelude;
mod specimen;
mod twist;

use std::process::ExitCode;

use hallpass_conformance_tests::{Level, Options, Outcome, cases, run};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::specimen::{Fault, Odd};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    for fault in faults::ALL {
        trials.push(Trial::test(format!("fault::{}", fault.name), || is_caught(fault)));
    }
    for odd in odd_but_legal::ALL {
        trials.push(Trial::test(format!("odd::{}", odd.name), || passes(odd)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn is_caught(fault: &Fault) -> Result<(), Failed> {
    let options = Options { level: Level::Quick, seed: Some(1), ..Options::default() };
    let mut seen: Vec<String> = Vec::new();
    let report = run((fault.harness)(), &options);
    for (case, outcome) in report.outcomes() {
        match outcome {
            Outcome::Failed(violation) => seen.push(format!("{} {}", violation.clause, case.id())),
            Outcome::Panicked { message, .. } => seen.push(format!("PANIC {}: {message}", case.id())),
            Outcome::HarnessFailed(why) => seen.push(format!("HARNESS {}: {why}", case.id())),
            _ => {}
        }
    }
    let missed: Vec<_> = fault
        .caught
        .iter()
        .map(|(clause, case)| format!("{clause} {case}"))
        .filter(|expected| !seen.contains(expected))
        .collect();
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!("missed: {missed:#?}\nseen: {seen:#?}").into())
}

fn passes(odd: &Odd) -> Result<(), Failed> {
    let options = Options { level: Level::Quick, seed: Some(1), ..Options::default() };
    let report = run((odd.harness)(), &options);
    let _ = (odd.story(), cases().count());
    match report.violations().next() {
        None => Ok(()),
        Some(violation) => Err(violation.into()),
    }
}
