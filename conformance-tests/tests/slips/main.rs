//! Stores that are wrong in a way that no author of a case has seen, run through the whole suite.

#[path = "../proof/base.rs"]
mod base;
#[path = "../proof/prelude.rs"]
mod prelude;
#[path = "../proof/specimen.rs"]
mod specimen;
#[path = "../proof/twist.rs"]
mod twist;
#[path = "a/zoo.rs"]
mod a;
#[path = "b/zoo.rs"]
mod b;

use std::process::ExitCode;
use std::time::Duration;

use hallpass_conformance_tests::{Level, Options, Outcome, run, serve_crash_child};

const CHILD_OF: &str = "--child-of";

/// `slips quick|full [PART OF A NAME]`: a line for each store, and how many were caught.
fn main() -> ExitCode {
    let all = || a::ALL.iter().chain(b::ALL);
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == CHILD_OF) {
        let Some(slip) = all().find(|slip| Some(slip.name) == arguments.get(1).map(String::as_str)) else {
            return ExitCode::FAILURE;
        };
        return serve_crash_child(&(slip.harness)().0).unwrap_or(ExitCode::FAILURE);
    }
    let level = if arguments.first().is_some_and(|level| level == "full") { Level::Full } else { Level::Quick };
    let part = arguments.get(1).cloned().unwrap_or_default();
    let (mut caught, mut count) = (0, 0);
    for slip in all().filter(|slip| slip.name.contains(&part)) {
        let options = Options {
            level,
            seed: Some(1),
            limit: Duration::from_secs(60),
            child: Some(vec![CHILD_OF.to_owned(), slip.name.to_owned()]),
            ..Options::default()
        };
        let report = run((slip.harness)(), &options);
        let seen = report.outcomes().iter().find_map(|(case, outcome)| match outcome {
            Outcome::Failed(violation) => Some(format!("{} {}", violation.clause, case.id())),
            Outcome::Panicked { message, .. } => Some(format!("panic {} {message}", case.id())),
            Outcome::HarnessFailed(why) => Some(format!("HARNESS {} {why}", case.id())),
            _ => None,
        });
        count += 1;
        caught += usize::from(seen.is_some());
        println!("{} {}", slip.name, seen.as_deref().unwrap_or("SURVIVES"));
    }
    println!("{caught} of {count} caught");
    ExitCode::SUCCESS
}
