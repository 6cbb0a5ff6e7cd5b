//! Mutants that the contract allows, each with the clause and the argument.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hallpass_conformance_tests::Level;
use libtest_mimic::Failed;

use crate::hunt::Verdict;
use crate::mutant::Mutant;

/// Name, clause and argument. They break no promise, and no level may catch them.
const ARGUED: &[(&str, &str, &str)] = &[];

/// What only the full level catches: it takes a race, a hurt server, or thousands of records.
const FULL: &[&str] = &[];

const BEGIN: &str = "<!-- bulk -->\n";
const END: &str = "<!-- /bulk -->";
const UPDATE: &str = "HALLPASS_UPDATE=1 cargo test -p hallpass-conformance-tests --test mutants the_readme";

/// The clause that allows the mutant of this name.
pub(crate) fn argument(name: &str) -> Option<&'static str> {
    ARGUED.iter().find(|(argued, ..)| *argued == name).map(|(_, clause, _)| *clause)
}

/// Whether the verdict is the one that should be.
pub(crate) fn judge(name: &str, verdict: &Verdict, level: Level) -> Result<(), String> {
    match (verdict, argument(name)) {
        (Verdict::Failed(why), _) => Err(format!("no verdict: {why}")),
        (Verdict::Caught { observed, .. }, Some(clause)) => {
            Err(format!("{clause} is said to allow it, and it is caught:\n{observed}"))
        }
        (Verdict::Survived, None) if level > Level::Quick || !FULL.contains(&name) => {
            Err("it survives, and no clause is said to allow it".to_owned())
        }
        _ => Ok(()),
    }
}

/// That each name in the lists is a mutant's.
pub(crate) fn check(mutants: &[Mutant]) -> Result<(), String> {
    let names: Vec<_> = mutants.iter().map(Mutant::name).collect();
    for name in ARGUED.iter().map(|(name, ..)| name).chain(FULL) {
        if !names.iter().any(|other| other == name) {
            return Err(format!("there is no mutant {name}"));
        }
    }
    Ok(())
}

pub(crate) fn the_readme_is_current() -> Result<(), Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path)?;
    let parts = readme.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?)));
    let Some((before, (table, after))) = parts else {
        return Err(format!("README.md has lost its markers {BEGIN}{END}").into());
    };
    let mut current = String::from("| mutant | allowed by | because |\n| --- | --- | --- |\n");
    for (name, clause, argument) in ARGUED {
        let _ = writeln!(current, "| `{name}` | {clause} | {argument} |");
    }
    if table == current {
        return Ok(());
    }
    if std::env::var_os("HALLPASS_UPDATE").is_none() {
        return Err(format!("the table in README.md is stale; to write it anew, run\n    {UPDATE}").into());
    }
    Ok(fs::write(&path, format!("{before}{BEGIN}{current}{END}{after}"))?)
}
