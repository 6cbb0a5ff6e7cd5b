//! Checks that the full level visits every cell of the matrix.

use hallpass_conformance_tests::{Level, Options, run};
use libtest_mimic::{Failed, Trial};

use crate::{odd_but_legal, options};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("coverage::the_full_level_leaves_no_cell", the_full_level_leaves_no_cell),
        Trial::test(
            "coverage::every_operation_is_called_during_a_fault",
            every_operation_is_called_during_a_fault,
        ),
    ]
}

/// Uses a store that yields, so that its calls can be dropped.
fn the_full_level_leaves_no_cell() -> Result<(), Failed> {
    let cells = unvisited("yields_at_each_await", &Options { seed: Some(1), ..options(Level::Full) })?;
    let excused = |reason: Option<&str>| reason.is_some_and(|reason| !reason.contains("dropped"));
    let left: Vec<_> = cells.iter().filter(|(_, _, reason)| !excused(*reason)).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("not visited: {left:#?}").into()) }
}

fn every_operation_is_called_during_a_fault() -> Result<(), Failed> {
    let options = Options { only: Some("outage::".to_owned()), ..options(Level::Full) };
    let cells = unvisited("connections_heal_one_by_one", &options)?;
    let left: Vec<_> = cells.iter().filter(|(_, edge, _)| edge.contains("a fault of the server")).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("not visited: {left:#?}").into()) }
}

type Cell = (&'static str, &'static str, Option<&'static str>);

fn unvisited(odd: &str, options: &Options) -> Result<Vec<Cell>, Failed> {
    let odd = odd_but_legal::ALL.iter().find(|known| known.name == odd).ok_or("no such odd store")?;
    Ok(run((odd.harness)(), options).unvisited())
}
