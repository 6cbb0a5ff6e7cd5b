//! The table of faults and cases in the suite's README, and checks that it is complete.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hallpass_conformance_tests::{Case, cases, run};
use libtest_mimic::{Failed, Trial};

use crate::specimen::Bug;
use crate::{all_of, case, faults, odd_but_legal, settled};

/// The reason for a case whose faults would all be in core: mutants of core fail it, not stores.
const CORE: &str = "what it looks at is decided in core, above any store";

/// The reason for a case that exists for the generated mutants.
const BULK: &str = "mutants of `tests/mutants`";

/// The reason for a case that exists for the stores kept aside.
const ASIDE: &str = "stores of `tests/slips`";

/// Cases without a fault, each with the reason.
const EXCUSED: &[(&str, &str)] = &[
    ("feed_near::a_node_that_was_suspended_asks_the_store", CORE),
    ("feed_near::a_read_that_an_ending_overtakes_is_not_kept", CORE),
    ("feed_near::a_stream_ends_with_its_login", CORE),
    ("rotation::a_confirmation_from_the_far_future_counts_as_now", CORE),
    ("token::malformed_text_never_reaches_the_store", CORE),
    ("alike::a_login_that_is_alike_is_another", BULK),
    ("alike::a_name_and_a_kind_do_not_run_together", ASIDE),
    ("alike::a_name_that_is_alike_is_another", BULK),
    ("alike::a_selector_that_is_alike_is_another", BULK),
    ("damaged::damaged_rows_save_no_other_and_can_be_replaced", ASIDE),
    ("damaged::every_page_shows_the_damaged_rows_that_it_should", ASIDE),
    ("expiry::a_limit_of_any_size_collects_everything_in_the_end", BULK),
    ("expiry::the_time_of_an_epoch_is_kept_to_the_millisecond", BULK),
    ("expiry::three_hundred_due_records_are_counted", BULK),
    ("find::a_question_that_is_asked_again_is_answered_anew", BULK),
    ("insert::numbers_of_every_length_are_kept", ASIDE),
    ("interleaved::no_first_reader_of_an_epoch_shortens_anothers", BULK),
    ("interleaved::no_session_is_restored_when_its_parent_was_seen_to_end", BULK),
    ("interleaved::no_purge_takes_an_epoch_that_is_read", BULK),
    ("interleaved::no_update_of_an_epoch_shortens_it_for_a_reader", BULK),
    ("interleaved::two_inserts_under_one_fence_both_pass", BULK),
    ("random::a_freeze_is_told_and_forgotten", ASIDE),
    ("random::a_restart_is_told_and_forgotten", ASIDE),
    ("random::a_short_cut_is_told_and_forgotten", BULK),
    ("random::calls_at_once_are_in_some_order", BULK),
    ("random::a_stop_is_told_and_forgotten", ASIDE),
    ("random::nothing_is_done_in_secret_while_connections_are_cut", BULK),
    ("random::nothing_is_done_in_secret_while_the_server_is_frozen", BULK),
    ("subject::round_numbers_of_records_are_listed_ended_and_counted", ASIDE),
];

const BEGIN: &str = "<!-- faults -->\n";
const END: &str = "<!-- /faults -->";
const UPDATE: &str = "HALLPASS_UPDATE=1 cargo test -p hallpass-conformance-tests --test proof table::";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("table::every_file_is_in_its_zoo", every_file_is_in_its_zoo),
        Trial::test("table::every_case_kills_a_fault_or_says_why_not", every_case_kills_a_fault),
        Trial::test("table::the_readme_is_current", the_readme_is_current),
    ]
}

fn every_file_is_in_its_zoo() -> Result<(), Failed> {
    let faults = faults::ALL.iter().map(|fault| fault.name).collect();
    let odd = odd_but_legal::ALL.iter().map(|odd| odd.name).collect();
    for (folder, zoo) in [("faults", faults), ("odd-but-legal", odd)] {
        let files = files(&root().join(folder))?;
        let known: BTreeSet<String> =
            BTreeSet::into_iter(zoo).map(|name: &str| format!("{name}.rs")).collect();
        let strays: Vec<_> = files.symmetric_difference(&known).collect();
        if !strays.is_empty() {
            return Err(format!("{folder}/ and {folder}/zoo.rs disagree about {strays:?}").into());
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<BTreeSet<String>, Failed> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let names = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|name| name != "zoo.rs").collect())
}

fn every_case_kills_a_fault() -> Result<(), Failed> {
    let mut wrong = String::new();
    for (id, _) in EXCUSED {
        if case(id).is_none_or(|case| case.untested().is_some() || !killed_by(case).is_empty()) {
            let _ = writeln!(wrong, "{id} is excused, and needs no excuse");
        }
    }
    for case in cases().filter(|case| case.untested().is_none()) {
        if killed_by(case).is_empty() && excuse(case).is_none() {
            let _ = writeln!(wrong, "{} kills no fault", case.id());
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let help = "HALLPASS_CASES=<part of its id> … --test proof -- matrix:: shows what it would catch";
    Err(format!("{wrong}{help}").into())
}

/// The faults that name this case.
fn killed_by(case: &Case) -> Vec<&'static str> {
    let names = |caught: &[(_, &str)]| caught.iter().any(|(_, id)| *id == case.id());
    faults::ALL.iter().filter(|fault| names(fault.caught)).map(|fault| fault.name).collect()
}

fn excuse(case: &Case) -> Option<&'static str> {
    EXCUSED.iter().find(|(id, _)| *id == case.id()).map(|(_, reason)| *reason)
}

/// With `HALLPASS_CASES` set, prints the faults caught by each case whose id contains its value: a help for naming
/// cases in a fault. Without it there are no trials.
pub(crate) fn matrix() -> Vec<Trial> {
    let Ok(part) = std::env::var("HALLPASS_CASES") else { return Vec::new() };
    #[expect(clippy::print_stdout, reason = "a table for a person")]
    let catches = |part: &str, fault: &Bug| {
        for violation in run((fault.harness)(), &all_of(part, fault.name)).violations() {
            println!("{}\t{}\t{}", violation.case, violation.clause, fault.name);
        }
        Ok(())
    };
    let trial = |fault: &'static Bug| {
        let part = part.clone();
        Trial::test(format!("matrix::{}", fault.name), move || catches(&part, fault))
    };
    faults::ALL.iter().map(trial).collect()
}

fn the_readme_is_current() -> Result<(), Failed> {
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path)?;
    let Some((before, rest)) = readme.split_once(BEGIN) else {
        return Err(format!("README.md has lost its marker {BEGIN}").into());
    };
    let Some((table, after)) = rest.split_once(END) else {
        return Err(format!("README.md has lost its marker {END}").into());
    };
    let current = table_text();
    if table == current {
        return Ok(());
    }
    if std::env::var_os("HALLPASS_UPDATE").is_none() {
        return Err(format!("the table in README.md is stale; to write it anew, run\n    {UPDATE}").into());
    }
    Ok(fs::write(&path, format!("{before}{BEGIN}{current}{END}{after}"))?)
}

fn table_text() -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "## Tests of the suite\n\nThe suite is run on {} stores that are wrong in one thing each, and every one \
         is caught in the case\nand by the clause named here; and on {} that are strange but break no promise, \
         which pass.\n",
        faults::ALL.len(),
        odd_but_legal::ALL.len(),
    );
    let _ = writeln!(text, "<details><summary>What goes wrong, and where it is caught</summary>\n");
    let _ = writeln!(text, "| `faults/` | the accident | clause | case |\n| --- | --- | --- | --- |");
    for fault in faults::ALL {
        for (number, (clause, case)) in fault.caught.iter().enumerate() {
            let (name, story) = match number {
                0 => (format!("`{}`", fault.name), cell(&fault.story())),
                _ => Default::default(),
            };
            let _ = writeln!(text, "| {name} | {story} | {clause} | `{case}` |");
        }
    }
    let _ = writeln!(text, "\n</details>\n\n<details><summary>What each case kills</summary>\n");
    let _ = writeln!(text, "| case | clauses | kills |\n| --- | --- | --- |");
    for case in cases() {
        let clauses: Vec<_> = case.clauses.iter().map(ToString::to_string).collect();
        let kills: Vec<_> = killed_by(case).iter().map(|name| format!("`{name}`")).collect();
        let kills = match case.untested().or_else(|| excuse(case)) {
            Some(reason) => format!("nothing: {reason}"),
            None => kills.join(", "),
        };
        let _ = writeln!(text, "| `{}` | {} | {} |", case.id(), clauses.join(" "), cell(&kills));
    }
    let _ = writeln!(text, "\n</details>\n\n<details><summary>What is strange and passes</summary>\n");
    let _ = writeln!(text, "| `odd-but-legal/` | what is strange |\n| --- | --- |");
    for odd in odd_but_legal::ALL {
        let _ = writeln!(text, "| `{}` | {} |", odd.name, cell(&odd.story()));
    }
    let _ = writeln!(text, "\n</details>\n\n<details><summary>What the contract once left open</summary>\n");
    text.push_str(&settled::table());
    let _ = writeln!(text, "\n</details>\n");
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
