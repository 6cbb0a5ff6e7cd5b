//! The suite as the program that a backend's author runs: exit status and last line.

use std::process::{Command, ExitCode, Output};

use hallpass_conformance_tests::serve_crash_child;
use libtest_mimic::{Failed, Trial};

use crate::prelude::*;
use crate::{bad, faults, odd_but_legal};

/// The environment variable with the name of the harness whose test binary this process plays.
const PLAY: &str = "HALLPASS_PROOF_PLAYS";

/// Precedes the name of the fault or odd store whose crash child this process is.
pub(crate) const CHILD_OF: &str = "--child-of";

/// Runs this process as the test binary of a harness, if it was started as one, and returns the exit code.
pub(crate) fn played() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip_while(|argument| argument != CHILD_OF).skip(1);
    if let Some(name) = arguments.next() {
        let fault = faults::ALL.iter().find(|fault| fault.name == name).map(|fault| fault.harness);
        let odd = odd_but_legal::ALL.iter().find(|odd| odd.name == name).map(|odd| odd.harness);
        return serve_crash_child(&(fault.or(odd)?().0));
    }
    let name = std::env::var(PLAY).ok()?;
    let fault = faults::ALL.iter().find(|fault| fault.name == name);
    Some(match (fault, name.as_str()) {
        (Some(fault), _) => hallpass_conformance_tests::main((fault.harness)()),
        (None, "closed") => hallpass_conformance_tests::main(bad::Closed),
        (None, _) => hallpass_conformance_tests::main(Backend::<Straight>::default()),
    })
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("program::a_good_store_exits_with_0", a_good_store),
        Trial::test("program::a_broken_promise_exits_with_1", a_broken_promise),
        Trial::test("program::a_failing_harness_exits_with_2", a_failing_harness),
        Trial::test("program::nonsense_exits_with_2", nonsense),
        Trial::test("program::a_filter_that_leaves_nothing_exits_with_0", nothing_left),
    ]
}

fn a_good_store() -> Result<(), Failed> {
    let output = play("straight", &["--level", "quick"])?;
    let passed = expect(&output, 0, " passed, 0 failed, ")?;
    let tail = "untested, 0 inconclusive (twisted memory, durability: none)";
    expect(&output, 0, tail)?;
    if passed.starts_with("conformance: 0 ") { Err(passed.into()) } else { Ok(()) }
}

fn a_broken_promise() -> Result<(), Failed> {
    let output = play("delete_is_a_no_op", &["--level", "quick", "delete::a_deleted", "--seed", "7"])?;
    expect(&output, 1, "conformance: 0 passed, 1 failed, 0 not declared, 0 untested, 0 inconclusive (")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["S7 is broken: ", "seen by delete::a_deleted", "--seed 7", "handle 1  delete "] {
        if !text.contains(part) {
            return Err(format!("no {part:?} in:\n{text}").into());
        }
    }
    Ok(())
}

fn a_failing_harness() -> Result<(), Failed> {
    let output = play("closed", &["--level", "quick"])?;
    expect(&output, 2, "conformance: 0 passed, 0 failed, ")?;
    expect(&output, 2, " not run: the harness failed (").map(drop)
}

fn nonsense() -> Result<(), Failed> {
    let output = play("straight", &["--level", "fast"])?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match output.status.code() {
        Some(2) if text.contains("--level cannot be fast") => Ok(()),
        code => Err(format!("exit status {code:?}, and\n{text}").into()),
    }
}

fn nothing_left() -> Result<(), Failed> {
    let output = play("straight", &["no such case"])?;
    expect(&output, 0, "conformance: 0 passed, 0 failed, 0 not declared, 0 untested, ").map(drop)
}

/// Runs this binary as the test binary of the harness called `name`.
fn play(name: &str, arguments: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).env(PLAY, name).env_remove("HALLPASS_CONFORMANCE");
    Ok(command.output()?)
}

/// Returns the last line, after checking that it contains `part`.
fn expect(output: &Output, code: i32, part: &str) -> Result<String, Failed> {
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default().to_owned();
    if output.status.code() == Some(code) && last.contains(part) {
        return Ok(last);
    }
    Err(format!(
        "exit status {:?}, wanted {code} and {part:?}; the last line is\n{last}",
        output.status.code()
    )
    .into())
}
