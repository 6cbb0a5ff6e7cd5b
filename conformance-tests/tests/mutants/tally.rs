//! The table of a hunt: how many mutants of each operation and operator were caught.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use hallpass_conformance_tests::Level;

use crate::argued;
use crate::hunt::Verdict;
use crate::mutant::Mutant;
use crate::store::lock;

#[derive(Default)]
pub(crate) struct Tally(Mutex<Vec<Hunted>>);

struct Hunted {
    operation: &'static str,
    operator: &'static str,
    name: String,
    verdict: Verdict,
}

impl Tally {
    pub(crate) fn add(&self, mutant: &Mutant, verdict: Verdict) {
        let Mutant { operation, operator, .. } = *mutant;
        lock(&self.0).push(Hunted { operation, operator, name: mutant.name(), verdict });
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hunted = lock(&self.0);
        hunted.sort_by(|one, other| one.name.cmp(&other.name));
        let mut cells: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
        let (mut sums, mut quick, mut allowed) = ((0, 0), 0, 0);
        for Hunted { operation, operator, name, verdict } in &*hunted {
            if argued::argument(name).is_some() {
                allowed += 1;
                continue;
            }
            let caught = matches!(verdict, Verdict::Caught { .. });
            quick += usize::from(matches!(verdict, Verdict::Caught { level: Level::Quick, .. }));
            sums = (sums.0 + usize::from(caught), sums.1 + 1);
            for row in [operator, "all"] {
                for column in [operation, "all"] {
                    let cell = cells.entry((row, column)).or_default();
                    *cell = (cell.0 + usize::from(caught), cell.1 + 1);
                }
            }
        }
        let columns =
            ["insert", "find", "replace", "delete", "revoke", "list", "epoch", "purge", "store", "all"];
        writeln!(f, "| operator | {} |", columns.join(" | "))?;
        writeln!(f, "| --- |{}", " ---: |".repeat(columns.len()))?;
        let mut rows: Vec<_> = cells.keys().map(|(row, _)| *row).filter(|row| *row != "all").collect();
        rows.dedup();
        for row in rows.into_iter().chain(["all"]) {
            write!(f, "| {row} |")?;
            for column in columns {
                match cells.get(&(row, column)) {
                    Some((caught, total)) => write!(f, " {caught}/{total} |")?,
                    None => write!(f, " |")?,
                }
            }
            writeln!(f)?;
        }
        for Hunted { name, verdict, .. } in &*hunted {
            match (verdict, argued::argument(name)) {
                (Verdict::Survived, Some(clause)) => writeln!(f, "allowed by {clause}: {name}")?,
                (Verdict::Survived, None) => writeln!(f, "survived: {name}")?,
                (Verdict::Caught { level: Level::Quick, .. }, None) => {}
                (Verdict::Caught { case, .. }, None) => {
                    writeln!(f, "only at the full level: {name} ({case})")?;
                }
                (Verdict::Caught { case, .. }, Some(clause)) => {
                    writeln!(f, "allowed by {clause}, and caught by {case}: {name}")?;
                }
                (Verdict::Failed(why), _) => writeln!(f, "no verdict: {name} ({why})")?,
            }
        }
        let percent = |part: usize| 100.0 * part as f64 / sums.1.max(1) as f64;
        writeln!(
            f,
            "caught {} of {} ({:.1} %), {quick} of them at the quick level ({:.1} %); {allowed} more are allowed by \
             the contract",
            sums.0,
            sums.1,
            percent(sums.0),
            percent(quick),
        )
    }
}
