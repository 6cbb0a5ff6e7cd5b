//! Proves that the suite finds mistakes: every wrong store of `faults/` is caught by the case and clause that it
//! names, every strange store of `odd-but-legal/` passes, and a bad harness is reported as such.
//!
//! Both folders are outside `src/`: they are evidence, and crates that depend on the suite do not need them.

mod bad;
#[expect(dead_code, reason = "the slips need more")]
mod base;
mod board;
mod call;
mod coverage;
mod epochs;
#[path = "../../faults/zoo.rs"]
mod faults;
#[expect(dead_code, reason = "the slips need more")]
mod hook;
#[expect(dead_code, reason = "the slips need more")]
mod journal;
#[path = "../../odd-but-legal/zoo.rs"]
mod odd_but_legal;
mod prelude;
mod program;
mod settled;
mod specimen;
mod table;
mod twist;

use std::process::ExitCode;
use std::time::Duration;

use hallpass_conformance_tests::{Case, Clause, Level, Options, Outcome, cases, run};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::specimen::{Bug, Odd};

fn main() -> ExitCode {
    if let Some(code) = program::played() {
        return code;
    }
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|at| at.file().ends_with(bad::FILE)) {
            loud(panic);
        }
    }));
    let mut trials = Vec::new();
    for fault in faults::ALL {
        trials.push(Trial::test(format!("fault::{}", fault.name), || is_caught(fault)));
    }
    for odd in odd_but_legal::ALL {
        trials.push(Trial::test(format!("odd::{}", odd.name), || passes(odd)));
    }
    trials.extend(bad::trials());
    trials.extend(coverage::trials());
    trials.extend(program::trials());
    trials.extend(settled::trials());
    trials.extend(table::trials());
    trials.extend(table::matrix());
    let mut arguments = Arguments::from_args();
    // Trials spend most of their time waiting.
    arguments.test_threads.get_or_insert(8);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The options of every run; all runs of the proof make the same choices.
fn options(level: Level) -> Options {
    Options { level, seed: Some(1), limit: Duration::from_secs(10), ..Options::default() }
}

/// Runs all cases that match `part`, including those that depend on chance, take long or need a child.
fn all_of(part: &str, harness: &str) -> Options {
    Options {
        only: Some(part.to_owned()),
        child: Some(vec![program::CHILD_OF.to_owned(), harness.to_owned()]),
        ..options(Level::RealTime)
    }
}

/// The number of attempts for a race: on a busy machine its calls may not overlap.
const ATTEMPTS: u64 = 6;

/// Runs the quick level, without a child, and the cases that the fault names, and checks that each of them reports the
/// named clause.
fn is_caught(fault: &Bug) -> Result<(), Failed> {
    let mut seen = look(fault, &options(Level::Quick))?;
    for (clause, id) in fault.caught {
        let races = case(id).ok_or(format!("there is no case {id}"))?.level > Level::Quick;
        let mut seeds = 1..=if races { ATTEMPTS } else { 1 };
        while !seen.contains(&(*clause, id.to_string())) {
            let Some(seed) = seeds.next() else {
                let seen: Vec<_> = seen.iter().map(|(clause, case)| format!("  {clause} {case}")).collect();
                let seen = seen.join("\n");
                return Err(format!("{id} does not catch it by {clause}. What does:\n{seen}").into());
            };
            seen.extend(look(fault, &Options { seed: Some(seed), ..all_of(id, fault.name) })?);
        }
    }
    Ok(())
}

/// Returns each case that reports a broken clause, with the clause.
fn look(fault: &Bug, options: &Options) -> Result<Vec<(Clause, String)>, Failed> {
    let mut seen = Vec::new();
    for (case, outcome) in run((fault.harness)(), options).outcomes() {
        match outcome {
            Outcome::Failed(violation) => seen.push((violation.clause, case.id())),
            Outcome::Panicked { message, history } => {
                return Err(format!("{} panicked: {message}\n{history}", case.id()).into());
            }
            Outcome::HarnessFailed(why) => return Err(format!("{}: {why}", case.id()).into()),
            _ => {}
        }
    }
    Ok(seen)
}

/// Runs everything, because most false alarms would come from races.
fn passes(odd: &Odd) -> Result<(), Failed> {
    let parts = if odd.only.is_empty() { &[""] } else { odd.only };
    let mut alarms = String::new();
    for part in parts {
        let options = Options { limit: Duration::from_secs(60), ..all_of(part, odd.name) };
        for (case, outcome) in run((odd.harness)(), &options).outcomes() {
            match outcome {
                Outcome::Passed | Outcome::NotDeclared(_) | Outcome::Untested(_) => {}
                Outcome::Inconclusive(_) => {}
                Outcome::Failed(violation) => alarms.push_str(&format!("{violation}\n")),
                other => alarms.push_str(&format!("{}: {other:?}\n", case.id())),
            }
        }
    }
    if alarms.is_empty() { Ok(()) } else { Err(alarms.into()) }
}

fn case(id: &str) -> Option<&'static Case> {
    cases().find(|case| case.id() == id)
}
