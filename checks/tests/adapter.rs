//! The pages contain what a violation of the suite quotes and links to.

use std::collections::BTreeSet;

use hallpass_checks::page;
use hallpass_conformance_tests::Clause;

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let letter = |letter: char| letter.is_alphanumeric() || matches!(letter, ' ' | '-');
    headings
        .map(|text| {
            text.to_lowercase().chars().filter(|&it| letter(it)).collect::<String>().replace(' ', "-")
        })
        .collect()
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the clause is a row of the table of decisions. Rows have no heading, and the suite words them
/// differently.
fn is_a_row(clause: Clause) -> bool {
    (Clause::D1..=Clause::D9).contains(&clause)
}

#[test]
fn the_suite_quotes_the_contract_as_it_stands() {
    let page = page("docs/contract.md").unwrap();
    let (all, anchors) = (words(&page), anchors(&page));
    for clause in Clause::ALL {
        let place = clause.place();
        let (_, anchor) = place.split_once("docs/contract.md#").unwrap();
        assert!(anchors.contains(anchor), "{clause}: the contract has no heading for #{anchor}");
        let quoted = is_a_row(clause) || all.contains(&words(clause.text()));
        assert!(quoted, "{clause}: this does not stand in docs/contract.md any more: {}", clause.text());
    }
}

#[test]
fn the_page_for_adapters_has_the_usual_reasons_of_each_clause() {
    let anchors = anchors(&page("docs/adapter.md").unwrap());
    for clause in Clause::ALL {
        let reasons = clause.reasons();
        let (_, anchor) = reasons.split_once("docs/adapter.md#").unwrap();
        assert!(anchors.contains(anchor), "{clause}: docs/adapter.md has no heading for #{anchor}");
        assert!(!clause.look_at().is_empty());
    }
}
