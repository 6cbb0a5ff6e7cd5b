//! A mutant for each cell of the matrix: a visited cell counts only if a store that is wrong in this cell alone is
//! caught.

use hallpass_conformance_tests::planted::Planted;
use hallpass_conformance_tests::{Cell, Level};

use crate::TRIES;
use crate::hunt::{Verdict, hunt};
use crate::plan::Plan;
use crate::store::Backend;

/// Cells whose mutant only the full level catches: operation and edge.
const FULL: &[(&str, &str)] = &[];

/// Cells in which no result can be wrong, and why.
const NONE: &[(&str, &str, &str)] = &[];

pub(crate) fn name(cell: Cell) -> String {
    format!("cell/{}/{}", cell.operation(), cell.edge().replace(' ', "_"))
}

/// Checks that the store that is wrong in `cell` is caught.
pub(crate) fn judge(cell: Cell, level: Level, seed: u64) -> Result<(), String> {
    let is = |operation: &str, edge: &str| (operation, edge) == (cell.operation(), cell.edge());
    let none = NONE.iter().find(|(operation, edge, _)| is(operation, edge));
    if none.is_none() && level == Level::Quick && FULL.iter().any(|(operation, edge)| is(operation, edge)) {
        return Ok(());
    }
    let backend = Planted::new(Backend::of(&Plan::right()), cell);
    // The generator plays as many sequences as it has time for, so a miss by chance is no gap.
    let mut hunts = (seed..seed + TRIES).map(|seed| hunt(&backend, cell.operation(), level, seed));
    let caught = hunts.find(|verdict| none.is_some() || !matches!(verdict, Verdict::Survived));
    match (caught.unwrap_or(Verdict::Survived), none) {
        (Verdict::Caught { .. }, None) | (Verdict::Survived, Some(_)) => Ok(()),
        (Verdict::Caught { case, .. }, Some((.., reason))) => {
            Err(format!("it is said that {reason}, and {case} catches it"))
        }
        (Verdict::Survived, None) => Err("the cell is visited, and what goes wrong there is not seen".into()),
        (Verdict::Failed(why), _) => Err(format!("no verdict: {why}")),
    }
}
