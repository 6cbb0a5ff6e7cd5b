//! Stores kept aside: slips that were written from the contract and the trait alone, by authors that had seen neither
//! the cases nor the generator. They measure how much the suite sees of what its authors did not think of.
//!
//! `survivors.txt` lists those that the quick level does not catch. A seeded part of the others is hunted in each run,
//! all of them with `--all`, and by the full level with `--full`.

#![expect(clippy::expect_used, reason = "a store of a test may panic")]

#[path = "a/zoo.rs"]
mod a;
#[path = "b/zoo.rs"]
mod b;
#[path = "../proof/base.rs"]
mod base;
#[expect(dead_code, reason = "the proof has boards of its own")]
#[path = "../proof/board.rs"]
mod board;
#[path = "../proof/call.rs"]
mod call;
#[path = "../proof/epochs.rs"]
mod epochs;
mod help;
#[expect(dead_code, reason = "the stories of the proof need more")]
#[path = "../proof/hook.rs"]
mod hook;
#[expect(dead_code, reason = "the stories of the proof need more")]
#[path = "../proof/journal.rs"]
mod journal;
#[expect(unused_imports, reason = "the stories of the proof need more")]
#[path = "../proof/prelude.rs"]
mod prelude;
#[expect(dead_code, reason = "the stories of the proof need more")]
#[path = "../proof/specimen.rs"]
mod specimen;
#[path = "../proof/twist.rs"]
mod twist;

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hallpass_conformance_tests::{Case, Level, Options, Outcome, cases, run, serve_crash_child};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::specimen::Bug;

const CHILD_OF: &str = "--child-of";
const SURVIVORS: &str = include_str!("survivors.txt");
/// One in this many is hunted unless all are requested.
const SHARE: usize = 4;
/// How soon a case should see a broken promise where one does.
const SOON: Duration = Duration::from_secs(10);
/// How many seeds a slip has to survive before it counts as a hole; the figure is of the first alone.
const TRIES: u64 = 4;

fn all() -> impl Iterator<Item = &'static Bug> {
    a::ALL.iter().chain(b::ALL)
}

#[expect(clippy::print_stdout, reason = "a test binary reports to its terminal")]
fn main() -> ExitCode {
    let mut rest: Vec<String> = std::env::args().collect();
    if rest.get(1).is_some_and(|first| first == CHILD_OF) {
        let slip = all().find(|slip| Some(slip.name) == rest.get(2).map(String::as_str));
        return slip.and_then(|slip| serve_crash_child(&(slip.harness)().0)).unwrap_or(ExitCode::FAILURE);
    }
    let every = take(&mut rest, "--all");
    let level = if take(&mut rest, "--full") { Level::Full } else { Level::Quick };
    let mut arguments = Arguments::from_iter(rest);
    // Most of a hunt waits.
    arguments.test_threads.get_or_insert(4);
    let hunts: Arc<Mutex<Vec<Hunt>>> = Arc::default();
    let chosen = all().enumerate().filter(|(at, _)| every || at % SHARE == 0);
    let mut trials = vec![Trial::test("a_survivor_is_a_slip", survivors_exist)];
    trials.extend(chosen.map(|(_, slip)| {
        let hunts = Arc::clone(&hunts);
        Trial::test(slip.name, move || {
            let started = now();
            let mut seen = hunt(slip, level, 1)?;
            let ended = Hunt { slip: slip.name, seen: seen.clone(), took: started.elapsed() };
            hunts.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
            if level == Level::Quick && survivors().any(|name| name == slip.name) {
                return Ok(());
            }
            // The generator plays as many sequences as it has time for, and luck is no hole.
            for seed in 2..=TRIES {
                seen = match seen {
                    None => hunt(slip, level, seed)?,
                    seen => seen,
                };
            }
            if seen.is_some() { Ok(()) } else { Err(format!("no case catches it:\n{}", slip.source).into()) }
        })
    }));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        print!("{}", told(&hunts.lock().unwrap_or_else(PoisonError::into_inner)));
    }
    conclusion.exit_code()
}

/// The first hunt for a slip.
struct Hunt {
    slip: &'static str,
    /// The case that saw a broken promise.
    seen: Option<String>,
    took: Duration,
}

/// The slips that were missed or found late, and the figures.
fn told(hunts: &[Hunt]) -> String {
    let mut text = String::new();
    let is_soon = |hunt: &&Hunt| hunt.seen.is_some() && hunt.took <= SOON;
    for Hunt { slip, seen, took } in hunts.iter().filter(|hunt| !is_soon(hunt)) {
        let seen = seen.as_deref().map_or("missed".to_owned(), |case| format!("by {case}"));
        let _ = writeln!(text, "{slip}: {seen} after {:.1} s", took.as_secs_f64());
    }
    let (caught, soon) =
        (hunts.iter().filter(|hunt| hunt.seen.is_some()).count(), hunts.iter().filter(is_soon).count());
    let _ = writeln!(text, "caught {caught} of {} slips, {soon} of them within {SOON:?}", hunts.len());
    text
}

#[expect(clippy::disallowed_methods, reason = "a figure for the README; no test hangs on it")]
fn now() -> Instant {
    Instant::now()
}

fn take(arguments: &mut Vec<String>, name: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| argument != name);
    arguments.len() < before
}

fn survivors() -> impl Iterator<Item = &'static str> {
    SURVIVORS.lines().filter(|line| !line.starts_with('#'))
}

fn survivors_exist() -> Result<(), Failed> {
    match survivors().find(|name| !all().any(|slip| slip.name == *name)) {
        Some(name) => Err(format!("there is no slip {name}").into()),
        None => Ok(()),
    }
}

/// The first case that sees a broken promise.
fn hunt(slip: &'static Bug, level: Level, seed: u64) -> Result<Option<String>, Failed> {
    for case in cases().filter(|case| case.level <= level && case.untested().is_none()) {
        if look(slip, case, level, seed)? {
            return Ok(Some(case.id()));
        }
    }
    Ok(None)
}

fn look(slip: &'static Bug, case: &'static Case, level: Level, seed: u64) -> Result<bool, Failed> {
    let options = Options {
        level,
        seed: Some(seed),
        limit: Duration::from_secs(60),
        only: Some(case.id()),
        child: Some(vec![CHILD_OF.to_owned(), slip.name.to_owned()]),
        ..Options::default()
    };
    for (ran, outcome) in run((slip.harness)(), &options).outcomes() {
        match outcome {
            _ if ran.id() != case.id() => {}
            Outcome::Failed(_) | Outcome::Panicked { .. } => return Ok(true),
            Outcome::HarnessFailed(why) => return Err(format!("{}: {why}", case.id()).into()),
            _ => {}
        }
    }
    Ok(false)
}
