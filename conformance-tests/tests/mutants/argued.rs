//! Mutants that the contract allows, each with the clause and the reason.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use hallpass_conformance_tests::Level;
use libtest_mimic::Failed;

use crate::hunt::Verdict;
use crate::mutant::Mutant;
use crate::value::Value;

/// Name (`%` matches any part), clause and reason. These mutants break no promise, and no level may catch them.
const ARGUED: &[(&str, &str, &str)] = &[
    (
        "%.where.subject/null_is_null",
        "S11",
        "No row that it could meet has a null subject: an epoch has one, and a list, a revocation and a count name one.",
    ),
    ("%.where.purpose/never_left_out", "S8", "A call always gives a set of purposes."),
    ("insert/count/left_out", "S2", "The number is exact, or absent: here it is always absent."),
    (
        "insert/count/cached",
        "S2",
        "The call has written before it counts, and a write clears what the handle remembers.",
    ),
    ("insert/answer/of_subject_unknown", "S2", "The same."),
    (
        "insert/answer/of_subject_byte",
        "S2",
        "The store counts to 128 and reports no larger number, so every number fits 8 bits.",
    ),
    ("insert/count.limit/dropped", "S2", "What is above 128 is not said, however far it was counted."),
    ("insert/count.limit/one_more", "S2", "The same."),
    (
        "replace/write.lock/skips",
        "S5",
        "A row that another call holds is passed over, and the answer is a spurious Conflict.",
    ),
    (
        "replace/write/committed_apart",
        "S5",
        "The next statement runs only if nothing was written, and reports the row as it is by then.",
    ),
    ("replace/exists/cached", "S4", "The call has tried to write before it looks; the same."),
    (
        "delete/commit/a_trip_of_its_own",
        "S6",
        "The row stays locked until the commit, and the answer comes after it.",
    ),
    ("epoch/commit/a_trip_of_its_own", "S6", "The same of the row of the epoch."),
    (
        "epoch/ready/left_out",
        "S11",
        "The time of an epoch may be left alone, and need not be: each call prolongs it.",
    ),
    ("epoch/ready.found/goes_on", "S11", "The same."),
    ("epoch/ready/after_the_next", "S11", "The same; what is read afterwards is what was written."),
    (
        "epoch/ready/hides_what_is_over",
        "S11",
        "An epoch that this hides is found by the insert and prolonged.",
    ),
    (
        "epoch/ready.where.purge_at/exclusive",
        "S11",
        "One that has exactly half of its time left is prolonged.",
    ),
    ("epoch/ready/committed_apart", "S11", "A read that found no row holds no lock."),
    (
        "epoch/make.lock/shared",
        "S11",
        "It is one round trip, and it waits for a revocation, which locks the row exclusively.",
    ),
    (
        "epoch/make.by_due/%",
        "S10",
        "Epochs may be collected late. Here they never are, or an entry without a row is left and skipped.",
    ),
    ("revoke/epoch.by_due/%", "S10", "The same."),
    ("purge/epochs.by_due/not_left", "S10", "The same."),
    (
        "revoke/mark/once",
        "S8",
        "A statement that waited is done anew: it sees what was inserted meanwhile, and commits in the same step.",
    ),
    ("revoke/remove/once", "S8", "The same."),
    (
        "revoke/%.order/%",
        "S8",
        "The order of locks: two revocations that take them in different orders may fail with a deadlock, having done nothing; repeating does it.",
    ),
    ("list/page.limit/zero_is_none", "S9", "A page has a limit of at least 1."),
    ("list/page.order/ties_by_chance", "S9", "The index has the second column of the order, too."),
    ("purge/answer/more_always", "S10", "It may say \"maybe more\" after any call."),
    (
        "purge/commit/a_trip_of_its_own",
        "S10",
        "Each record may be removed at its own instant. Of those due all along, the last step finds none left.",
    ),
    ("purge/left.where.purge_at/seconds", "S10", "It says \"maybe more\" of what is due in the same second."),
    ("purge/left.limit/dropped", "S10", "Whether there is one, or more than one, is the same."),
    ("purge/left.limit/one_more", "S10", "The same."),
    ("purge/left.where.namespace/dropped", "S10", "It says \"maybe more\" because of another namespace."),
    ("purge/left.where.purge_at/dropped", "S10", "It says \"maybe more\" while there is any record."),
    (
        "purge/left/cached",
        "S10",
        "The call has written before it looks, and a write clears what the handle remembers.",
    ),
    ("purge/rows.order/%", "S10", "No order is named."),
    ("purge/rows.lock/waits", "S10", "It waits for a row that another call holds, and then looks again."),
    ("purge/rows.limit/at_most_100%", "S10", "It may stop early, and says \"maybe more\"."),
    ("purge/rows.rows/a_megabyte", "S10", "The same."),
    ("purge/rows.rows/at_most_%", "S10", "The same."),
    (
        "purge/%/after_the_next",
        "S10",
        "Records and epochs are collected one after the other, in either order.",
    ),
    ("purge/%/committed_apart", "S10", "The same: each is a whole."),
    ("purge/epochs/left_out", "S10", "Epochs are collected late."),
    ("purge/epochs.rows/a_megabyte", "S10", "The rest is collected later."),
    ("purge/epochs.rows/at_most_%", "S10", "The same."),
    (
        "purge/epochs.where.purge_at/own_clock",
        "S10",
        "An epoch goes when its time is over by a real clock, as under a native time to live: late or at once.",
    ),
    ("purge/epochs.where.purge_at/exclusive", "S10", "A millisecond late."),
    ("purge/epochs.where.purge_at/by_%", "S10", "An epoch has no such time: none is ever collected."),
    (
        "purge/epochs/hides_what_is_over",
        "S10",
        "What is over by the clock of the server, too, is not collected: late.",
    ),
];

/// The mutants that the quick level misses: some need the full level, others show a gap in the suite. A survivor that
/// is not listed fails the gate.
const SURVIVORS: &str = include_str!("survivors.txt");

const BEGIN: &str = "<!-- bulk -->\n";
const END: &str = "<!-- /bulk -->";
const UPDATE: &str = "HALLPASS_UPDATE=1 cargo test -p hallpass-conformance-tests --test mutants the_readme";

/// The clause that allows the mutant with this name.
pub(crate) fn argument(name: &str) -> Option<&'static str> {
    let name = Value::text(name);
    ARGUED.iter().find(|(argued, ..)| name.is_like(&Value::text(argued))).map(|(_, clause, _)| *clause)
}

fn survivors() -> impl Iterator<Item = &'static str> {
    SURVIVORS.lines().filter(|line| !line.starts_with('#'))
}

/// Checks whether the verdict is the expected one.
pub(crate) fn judge(name: &str, verdict: &Verdict, level: Level) -> Result<(), String> {
    match (verdict, argument(name)) {
        (Verdict::Failed(why), _) => Err(format!("no verdict: {why}")),
        (Verdict::Caught { observed, .. }, Some(clause)) => {
            Err(format!("{clause} is said to allow it, and it is caught:\n{observed}"))
        }
        (Verdict::Survived, None) if level > Level::Quick || !survivors().any(|known| known == name) => {
            Err("it survives, and no clause is said to allow it".to_owned())
        }
        _ => Ok(()),
    }
}

/// Checks that each name in the lists matches a mutant.
pub(crate) fn check(mutants: &[Mutant]) -> Result<(), String> {
    let names: Vec<_> = mutants.iter().map(|mutant| Value::text(&mutant.name())).collect();
    for name in ARGUED.iter().map(|(name, ..)| *name).chain(survivors()) {
        if !names.iter().any(|other| other.is_like(&Value::text(name))) {
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
