//! The command line of a backend's test binary.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::case::Case;
use crate::crash::serve_crash_child;
use crate::harness::Harness;
use crate::options::{CommandLine, Options};
use crate::outcome::Outcome;
use crate::runner::Runner;

/// Runs the suite over the stores of `harness`: the complete `main` of a test target with `harness = false`.
///
/// Accepts the arguments of `libtest` (a filter, `--exact`, `--list`, `--test-threads` …) and the suite's own, which
/// `--help` explains. Returns the exit status: 0 if every declared promise was kept, 1 if one was broken, 2 if the
/// harness failed or an unfiltered run executed no case.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a test binary reports to its terminal")]
pub fn main(harness: impl Harness) -> ExitCode {
    let harness: Arc<dyn Harness> = Arc::new(harness);
    // First of all: the child receives its parent's arguments.
    if let Some(code) = serve_crash_child(&harness) {
        return code;
    }
    let environment = std::env::var("HALLPASS_CONFORMANCE").unwrap_or_default();
    let own = environment.split_whitespace().map(str::to_owned).chain(std::env::args().skip(1));
    let CommandLine { mut options, junit, json, rest } = match Options::parse(own) {
        Ok(parsed) => parsed,
        Err(wrong) => {
            eprintln!("{wrong}\n\n{}", Options::HELP);
            return ExitCode::from(2);
        }
    };
    if rest.iter().any(|argument| argument == "--help" || argument == "-h") {
        println!("{}", Options::HELP);
    }
    options.child = Some(Vec::new());
    let arguments = Arguments::from_iter(std::env::args().take(1).chain(rest));
    let filtered = arguments.filter.is_some() || !arguments.skip.is_empty() || arguments.ignored;
    let (strict, listing) = (options.strict, arguments.list);

    let runner = Arc::new(Runner::new(harness, options));
    let report = Arc::new(Mutex::new(runner.report()));
    let trials = runner.cases().map(|case| {
        let (runner, report) = (Arc::clone(&runner), Arc::clone(&report));
        let clauses: Vec<_> = case.clauses.iter().map(ToString::to_string).collect();
        let run = move || {
            let (outcome, took) = runner.outcome(case);
            let told = tell(case, &outcome, strict);
            report.lock().unwrap_or_else(PoisonError::into_inner).add(case, outcome, took);
            told
        };
        Trial::ignorable_test(case.id(), run).with_kind(clauses.join(" "))
    });
    let _ = libtest_mimic::run(&arguments, trials.collect());
    if listing {
        return ExitCode::SUCCESS;
    }
    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = runner.spend(&mut report) {
        // `libtest` has reported the others.
        let mut outcomes = report.outcomes().iter().filter(|(case, _)| case.id() == found.id());
        let failed = outcomes.find_map(|(case, outcome)| tell(case, outcome, strict).err());
        println!("{}", failed.as_ref().and_then(Failed::message).unwrap_or_default());
    }
    if !filtered {
        println!("{}\n{}", report.coverage(), not_visited(&report.unvisited()));
    }
    let files = [(junit, report.junit(strict)), (json, report.json(strict))];
    for (file, text) in files.into_iter().filter_map(|(file, text)| file.zip(Some(text))) {
        let file = file.replace("{backend}", &file_name(report.backend()));
        if let Err(error) = std::fs::write(&file, text) {
            eprintln!("cannot write {file}: {error}");
            return ExitCode::from(2);
        }
    }
    println!("{report}");
    let ran = report.count(|outcome| matches!(outcome, Outcome::Passed) || outcome.is_failure());
    match report.exit_code(strict) {
        0 if ran == 0 && !filtered => ExitCode::from(2),
        code => ExitCode::from(code),
    }
}

/// A name that is valid on every file system: `redis_7_0_cluster`.
fn file_name(backend: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' };
    backend.chars().map(plain).collect()
}

/// The cells not visited, one line per reason.
fn not_visited(cells: &[(&str, &str, Option<&str>)]) -> String {
    let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (operation, edge, reason) in cells {
        let reason = reason.unwrap_or("no case of this level goes there");
        lines.entry(reason).or_default().push(format!("{operation} with {edge}"));
    }
    let line =
        |(reason, cells): (&str, Vec<String>)| format!("not visited, {reason}: {}\n", cells.join("; "));
    lines.into_iter().map(line).collect()
}

/// Translates an outcome for `libtest`: one that is neither good nor bad is "ignored", with its reason.
fn tell(case: &Case, outcome: &Outcome, strict: bool) -> Result<Completion, Failed> {
    match outcome {
        Outcome::Passed => Ok(Completion::Completed),
        Outcome::Failed(violation) => Err(Failed::from(violation)),
        Outcome::Panicked { message, history } => {
            Err(format!("{} panicked: {message}\n{history}", case.id()).into())
        }
        Outcome::NotDeclared(reason) => Ok(Completion::ignored_with(format!("not declared: {reason}"))),
        Outcome::Untested(reason) if strict && outcome.is_open() => Err(format!("untested: {reason}").into()),
        Outcome::Untested(reason) => Ok(Completion::ignored_with(format!("untested: {reason}"))),
        Outcome::Inconclusive(why) if strict => Err(format!("inconclusive: {why}").into()),
        Outcome::Inconclusive(why) => Ok(Completion::ignored_with(format!("inconclusive: {why}"))),
        Outcome::HarnessFailed(why) => Err(format!("harness failure, no verdict: {why}").into()),
    }
}
