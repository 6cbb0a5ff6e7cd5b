//! Generated faults: a store whose statements are data, and mutants of it made mechanically at every place.
//!
//! The stores of `proof` each show one accident; this target measures the suite. A mutant that no case catches is
//! either allowed by the contract, with the clause in [`argued`], or shows a gap in the suite.

mod argued;
mod assignments;
mod cells;
mod columns;
mod conditions;
mod database;
mod hunt;
mod mutant;
mod plan;
mod rows;
mod statement;
mod steps;
mod store;
mod tally;
mod value;

use std::process::ExitCode;
use std::sync::Arc;

use hallpass_conformance_tests::Level;
use hallpass_conformance_tests::planted::cells;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::hunt::{Verdict, hunt};
use crate::mutant::Mutant;
use crate::plan::Plan;
use crate::store::Backend;
use crate::tally::Tally;

const HELP: &str = "\
Of this target itself:
  --all                every mutant, not a seeded fifth of them
  --level quick|full   how much of the suite hunts them (quick); full begins with quick
  --seed NUMBER        which fifth, and the choices of the suite (1)
";
/// One of this many mutants is hunted, unless all are requested.
const SHARE: usize = 5;
/// How many seeds a mutant must survive before it counts as a gap; the figure refers to the first seed alone.
const TRIES: u64 = 4;
/// The seeds with which the correct store must pass.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

struct Options {
    all: bool,
    level: Level,
    seed: u64,
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a test binary reports to its terminal")]
fn main() -> ExitCode {
    let (options, rest) = match parse(std::env::args()) {
        Ok(parsed) => parsed,
        Err(wrong) => {
            eprintln!("{wrong}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let mut arguments = Arguments::from_iter(rest);
    // A hunt spends most of its time waiting.
    arguments.test_threads.get_or_insert(6);
    let mutants = Mutant::all();
    let total = mutants.len();
    let checked = mutant::check(&mutants).and_then(|()| argued::check(&mutants));
    let tally = Arc::new(Tally::default());
    let mut trials = vec![
        Trial::test("mutants_differ_and_arguments_are_about_one", move || checked.map_err(Failed::from)),
        Trial::test("the_readme_is_current", argued::the_readme_is_current),
    ];
    for seed in SEEDS {
        let level = options.level;
        trials.push(Trial::test(format!("the_right_store_passes_seed_{seed}"), move || {
            match hunt(&Backend::of(&Plan::right()), "", level, seed) {
                Verdict::Survived => Ok(()),
                verdict => Err(format!("{verdict:?}").into()),
            }
        }));
    }
    for mutant in chosen(mutants, &options) {
        let (tally, level, seed) = (Arc::clone(&tally), options.level, options.seed);
        trials.push(Trial::test(mutant.name(), move || {
            let judge = |verdict: &Verdict| argued::judge(&mutant.name(), verdict, level);
            let backend = Backend::of(&mutant.plan);
            let verdict = hunt(&backend, mutant.operation, level, seed);
            let mut judged = judge(&verdict);
            // The generator plays as many sequences as it has time for, so a miss by chance is no gap.
            for seed in seed + 1..seed + TRIES {
                if judged.is_err() && matches!(verdict, Verdict::Survived) {
                    judged = judge(&hunt(&backend, mutant.operation, level, seed));
                }
            }
            tally.add(&mutant, verdict);
            judged.map_err(Failed::from)
        }));
    }
    let hunted = trials.len() - 2 - SEEDS.count();
    for (number, cell) in cells().enumerate() {
        let is_drawn = options.all || number % SHARE == (options.seed % SHARE as u64) as usize;
        if is_drawn {
            let (level, seed) = (options.level, options.seed);
            trials.push(Trial::test(cells::name(cell), move || {
                cells::judge(cell, level, seed).map_err(Failed::from)
            }));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if !arguments.list {
        println!("{tally}\n{hunted} of {total} mutants chosen, seed {}", options.seed);
    }
    conclusion.exit_code()
}

/// Separates this target's own options from the arguments of `libtest`.
fn parse(arguments: impl Iterator<Item = String>) -> Result<(Options, Vec<String>), String> {
    let mut options = Options { all: false, level: Level::Quick, seed: 1 };
    let mut rest = Vec::new();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--all" => options.all = true,
            "--level" => {
                options.level = match value()?.as_str() {
                    "quick" => Level::Quick,
                    "full" => Level::Full,
                    other => return Err(format!("--level cannot be {other}")),
                }
            }
            "--seed" => options.seed = value()?.parse().map_err(|_| "--seed needs a number")?,
            _ => rest.push(argument),
        }
    }
    Ok((options, rest))
}

/// All mutants, or the fifth that the seed selects.
fn chosen(mut mutants: Vec<Mutant>, options: &Options) -> Vec<Mutant> {
    if !options.all {
        mutants.sort_by_key(|mutant| drawn(options.seed, &mutant.name()));
        mutants.truncate(mutants.len() / SHARE);
        mutants.sort_by_key(Mutant::name);
    }
    mutants
}

/// FNV-1a over the seed and the name, so that a new mutant barely changes the selection.
fn drawn(seed: u64, name: &str) -> u64 {
    let bytes = seed.to_be_bytes().into_iter().chain(name.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
