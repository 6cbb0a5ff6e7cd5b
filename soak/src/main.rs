//! Random histories over two nodes, for as long as asked. `scripts/soak-near` runs it.

use std::process::ExitCode;
use std::time::Duration;

use hallpass_soak::{Needs, Options, System, run, serve_node};

/// When a long run counts.
const NEEDS: Needs = Needs { near: 1_000, half_hits: true };

#[tokio::main]
async fn main() -> ExitCode {
    if let Some(code) = serve_node().await {
        return code;
    }
    let mut arguments = std::env::args().skip(1);
    let (minutes, system) = (arguments.next(), arguments.next());
    let (Some(Ok(minutes)), Some(Ok(system))) =
        (minutes.map(|text| text.parse::<f64>()), system.map(|name| name.parse::<System>()))
    else {
        return tell("usage: hallpass-soak MINUTES memory|postgres|redis");
    };
    let Ok(time) = Duration::try_from_secs_f64(minutes * 60.0) else {
        return tell("the minutes are a positive number");
    };
    let options = Options { system, lag: Duration::from_secs(1), least: time, most: time, needs: NEEDS };
    soak(&options).await
}

#[expect(clippy::print_stdout, reason = "the figures are the output of the program")]
async fn soak(options: &Options) -> ExitCode {
    let Ok(program) = std::env::current_exe() else { return tell("the program does not find itself") };
    let outcome = match run(options, &program).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => return tell("there is no server"),
        Err(error) => return tell(&format!("no verdict: {}", hallpass_core::error_chain(&*error))),
    };
    println!("{}: {outcome}", options.system);
    let shortfalls = outcome.shortfalls(&options.needs);
    shortfalls.iter().for_each(|shortfall| println!("does not count: {shortfall}"));
    if outcome.verdict.violations.is_empty() && shortfalls.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[expect(clippy::print_stderr, reason = "a program reports its errors there")]
fn tell(what: &str) -> ExitCode {
    eprintln!("{what}");
    ExitCode::from(2)
}
