//! `docs/contract.md` and the code name the same clauses.

use std::collections::BTreeSet;
use std::io::Result;

use hallpass_checks::{File, files, page};
use hallpass_conformance_tests::{Clause, cases};

/// The clauses that a page defines, in its order: `### T1 …` or the first cell of a table's row.
fn defined(page: &str) -> Vec<String> {
    let heads = page.lines().filter_map(|line| line.strip_prefix("### ").or(line.strip_prefix("| ")));
    heads.filter_map(|head| named(head.split(' ').next()?).pop_first()).collect()
}

/// The clauses that a text names: `T`, `D` or `S` and one or two digits, as a separate word.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    let clause = |word: &&str| {
        let digits = word.strip_prefix(['T', 'D', 'S']).unwrap_or_default();
        (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    words.filter(clause).map(str::to_owned).collect()
}

/// Withdrawn clauses. Their numbers are not reused.
const WITHDRAWN: &[&str] = &["S17"];

/// Sources and tests that implement the contract, as opposed to those that only discuss it.
fn keepers() -> Result<Vec<File>> {
    let mut files = files("rs")?;
    files.retain(|file| !file.path.starts_with("checks/") && !file.path.starts_with("bench/"));
    Ok(files)
}

#[test]
fn the_page_defines_every_clause_once_and_in_order() {
    let range = |letter: char, last: u32| (1..=last).map(move |number| format!("{letter}{number}"));
    let expected: Vec<String> = range('T', 8).chain(range('D', 17)).chain(range('S', 19)).collect();
    assert_eq!(defined(&page("docs/contract.md").unwrap()), expected);
}

#[test]
fn every_clause_is_named_by_code_or_a_test_that_keeps_it() {
    let mut open: BTreeSet<String> = defined(&page("docs/contract.md").unwrap()).into_iter().collect();
    for file in keepers().unwrap() {
        for clause in named(&file.text) {
            open.remove(&clause);
        }
    }
    assert!(open.is_empty(), "nothing names {open:?}");
}

#[test]
fn the_suite_knows_the_clauses_of_the_page_and_has_a_case_for_each() {
    let mut page = defined(&page("docs/contract.md").unwrap());
    page.retain(|clause| !WITHDRAWN.contains(&clause.as_str()));
    let known: Vec<String> = Clause::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(known, page);
    let tested: BTreeSet<String> = cases().flat_map(|case| case.clauses).map(ToString::to_string).collect();
    let open: Vec<&String> = page.iter().filter(|clause| !tested.contains(*clause)).collect();
    assert!(open.is_empty(), "no case for {open:?}");
}

#[test]
fn every_clause_that_is_named_exists() {
    let known: BTreeSet<String> = defined(&page("docs/contract.md").unwrap()).into_iter().collect();
    for file in keepers().unwrap().into_iter().chain(files("md").unwrap()) {
        let unknown: Vec<String> = named(&file.text).difference(&known).cloned().collect();
        assert!(unknown.is_empty(), "{} names {unknown:?}", file.path);
    }
}

#[test]
fn a_clause_is_found_in_prose_and_nowhere_else() {
    let found: Vec<String> =
        named("(contract T2, D10); S1–S18: not ST1, S123, T1x, D_1 or SHA").into_iter().collect();
    assert_eq!(found, ["D10", "S1", "S18", "T2"]);
    assert_eq!(defined("### T1 Text\n| D1 | none |\n| # | x |\ntext D2\n"), ["T1", "D1"]);
}
