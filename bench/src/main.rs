//! Side by side with what people use today: every speed claim of the project comes from here.
//!
//! `cargo run --release -p hallpass-bench -- [--only memory,sled] [--seconds 3] [--rounds 5]`

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]
#![expect(clippy::unwrap_used, reason = "a benchmark that meets an error has nothing to report")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

mod memory;
mod report;
mod rounds;
mod sled;

use std::process::ExitCode;
use std::time::Duration;

use lexopt::prelude::*;

const HELP: &str = "\
Usage: hallpass-bench [options]

  --only AREAS    memory,sled: what to measure; everything unless given
  --seconds N     how long each contender runs in all, 3 unless given
  --rounds N      over how many turns that is spread, 5 unless given
  --help          this text";

struct Options {
    areas: Vec<String>,
    seconds: f64,
    rounds: usize,
}

fn options() -> Result<Option<Options>, lexopt::Error> {
    let mut options = Options { areas: vec!["memory".into(), "sled".into()], seconds: 3.0, rounds: 5 };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("only") => {
                options.areas = arguments.value()?.string()?.split(',').map(str::to_owned).collect();
                if let Some(area) =
                    options.areas.iter().find(|area| !["memory", "sled"].contains(&area.as_str()))
                {
                    return Err(format!("there is no area '{area}'").into());
                }
            }
            Long("seconds") => options.seconds = arguments.value()?.parse()?,
            Long("rounds") => options.rounds = arguments.value()?.parse()?,
            Long("help") => return Ok(None),
            _ => return Err(argument.unexpected()),
        }
    }
    if !(0.1..=600.0).contains(&options.seconds) || !(1..=1_000).contains(&options.rounds) {
        return Err("0.1 to 600 seconds, 1 to 1,000 rounds".into());
    }
    Ok(Some(options))
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("hallpass-bench: {error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let length = Duration::from_secs_f64(options.seconds / options.rounds as f64);
    let wants = |area: &str| options.areas.iter().any(|wanted| wanted == area);
    if wants("memory") {
        memory::bench(options.rounds, length);
    }
    if wants("sled") {
        sled::bench(options.rounds, length);
    }
    ExitCode::SUCCESS
}
