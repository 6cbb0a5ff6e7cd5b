//! Runs the suite on one store until a case reports a broken promise.

use std::time::Duration;

use hallpass_conformance_tests::{Case, Harness, Level, Options, Outcome, cases, run};

/// The time limit of one case; it catches a mutant that hangs.
const LIMIT: Duration = Duration::from_secs(300);

/// The outcome for a mutant.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Caught {
        level: Level,
        case: String,
        observed: String,
    },
    Survived,
    /// No verdict: the harness failed.
    Failed(String),
}

/// Runs the cases of the quick level and then, if `level` asks for it, all of the full level; those about `operation`
/// come first.
pub(crate) fn hunt(backend: &(impl Harness + Clone), operation: &str, level: Level, seed: u64) -> Verdict {
    let levels: &[Level] = if level == Level::Quick { &[Level::Quick] } else { &[Level::Quick, Level::Full] };
    for level in levels {
        let mut cases: Vec<_> =
            cases().filter(|case| case.level <= *level && case.untested().is_none()).collect();
        cases.sort_by_key(|case| !chapters(operation).contains(&case.chapter()));
        for case in cases {
            match look(backend, case, *level, seed) {
                Verdict::Survived => {}
                verdict => return verdict,
            }
        }
    }
    Verdict::Survived
}

fn look(backend: &(impl Harness + Clone), case: &Case, level: Level, seed: u64) -> Verdict {
    let options =
        Options { level, seed: Some(seed), limit: LIMIT, only: Some(case.id()), ..Options::default() };
    for (ran, outcome) in run(backend.clone(), &options).outcomes() {
        let observed = match outcome {
            _ if ran.id() != case.id() => continue,
            Outcome::Failed(violation) => violation.to_string(),
            Outcome::Panicked { message, .. } => message.clone(),
            Outcome::HarnessFailed(why) => return Verdict::Failed(format!("{}: {why}", case.id())),
            _ => continue,
        };
        return Verdict::Caught { level, case: case.id(), observed };
    }
    Verdict::Survived
}

/// The chapters that mainly test an operation.
fn chapters(operation: &str) -> &'static [&'static str] {
    match operation {
        "insert" => &["insert", "fence"],
        "find" => &["find"],
        "replace" => &["replace"],
        "delete" => &["delete"],
        "revoke" => &["subject", "fence"],
        "list" => &["list"],
        "epoch" => &["fence"],
        "purge" => &["expiry"],
        _ => &["namespace", "crash"],
    }
}
