//! The reports of a run for programs, its time budget, and a server that does not recover.

#![expect(clippy::unwrap_used, reason = "helpers of tests, which fail by panicking")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_conformance_tests::{
    Backend, Capability, Fault, Harness, Level, Options, Outcome, Report, Rounds, Server, run,
};
use hallpass_core::store::TokenStore;
use hallpass_core::{BoxError, MemoryStore};
use serde_json::Value;

const DELETES: &str = "delete::";

fn options(only: &str) -> Options {
    Options { level: Level::Full, only: Some(only.into()), seed: Some(7), ..Options::default() }
}

fn memory() -> Backend {
    Backend::blocking("memory <&\"1\u{1}>", |_| Ok(MemoryStore::new()))
        .without(Capability::SecondHandle, "each handle is a store of its own")
        .without(Capability::ProcessCrash, "memory")
}

/// A backend whose first `times` openings succeed and whose later ones fail.
fn opened(times: usize) -> Backend {
    let opened = AtomicUsize::new(0);
    let open = move |_: &str| match opened.fetch_add(1, SeqCst) < times {
        true => Ok(MemoryStore::new()),
        false => Err("no\u{1}more <connections>".into()),
    };
    Backend::blocking("memory", open).without(Capability::SecondHandle, "one handle")
}

/// Parses a JUnit report; panics if it is not XML or lacks what JUnit readers need.
fn read_junit(report: &Report, strict: bool) -> Vec<(String, String, Option<String>, Option<String>)> {
    let text = report.junit(strict);
    let document = roxmltree::Document::parse(&text).unwrap();
    let suite = document.root_element().first_element_child().unwrap();
    assert_eq!(
        (document.root_element().tag_name().name(), suite.tag_name().name()),
        ("testsuites", "testsuite")
    );
    let cases: Vec<_> = suite.children().filter(|node| node.has_tag_name("testcase")).collect();
    for (name, element) in [("failures", "failure"), ("errors", "error"), ("skipped", "skipped")] {
        let inside =
            cases.iter().filter(|case| case.children().any(|node| node.has_tag_name(element))).count();
        assert_eq!(suite.attribute(name).unwrap(), inside.to_string(), "{text}");
    }
    assert_eq!(suite.attribute("tests").unwrap(), cases.len().to_string());
    let seed = suite.descendants().find(|node| node.attribute("name") == Some("seed")).unwrap();
    assert_eq!(seed.attribute("value"), Some("7"));
    let told = |case: &roxmltree::Node<'_, '_>| {
        let inside = case.first_element_child();
        assert!(case.attribute("time").unwrap().parse::<f64>().is_ok());
        (
            format!("{} {}", suite.attribute("name").unwrap(), case.attribute("classname").unwrap()),
            inside.map_or("passed".to_owned(), |node| node.tag_name().name().to_owned()),
            inside.and_then(|node| node.attribute("message")).map(str::to_owned),
            inside.and_then(|node| node.text()).map(str::to_owned),
        )
    };
    cases.iter().map(told).collect()
}

#[test]
fn junit_and_json_say_what_passed() {
    let report = run(memory(), &options(DELETES));
    let cases = read_junit(&report, true);
    let good = |(of, what, ..): &(String, String, Option<String>, Option<String>)| {
        of == "memory <&\"1\u{fffd}> conformance.delete" && what == "passed"
    };
    assert!(cases.len() == 4 && cases.iter().all(good), "{cases:?}");
    let json: Value = serde_json::from_str(&report.json(true)).unwrap();
    assert_eq!(json["backend"], "memory <&\"1\u{1}>");
    assert_eq!((&json["seed"], &json["exit_code"], &json["rounds"]), (&7.into(), &0.into(), &1.into()));
    assert_eq!(json["cases"].as_array().unwrap().len(), 4);
    assert!(json["cases"][0]["violation"].is_null() && json["cases"][0]["outcome"] == "passed");
}

/// A memory store that is declared to survive a crash.
#[test]
fn junit_and_json_say_what_a_violation_says() {
    let bold =
        Backend::blocking("bold", |_| Ok(MemoryStore::new())).without(Capability::SecondHandle, "one handle");
    let report = run(bold, &options("crash::what_was_acknowledged_is_there"));
    let violation = report.violations().next().unwrap();
    let (_, what, message, text) = &read_junit(&report, false)[0];
    assert_eq!(what, "failure");
    assert!(message.as_ref().unwrap().starts_with("S14 is broken: "), "{message:?}");
    let text = text.as_ref().unwrap();
    for part in [
        "contract.md#s14-durability-is-declared",
        "look at: whether a commit waits",
        "adapter.md#s14-",
        "--seed 7",
    ] {
        assert!(text.contains(part) && violation.to_string().contains(part), "{text}");
    }
    let json: Value = serde_json::from_str(&report.json(false)).unwrap();
    let told = &json["cases"][0]["violation"];
    assert_eq!((&told["clause"], &told["seed"]), (&"S14".into(), &7.into()));
    for part in ["title", "text", "contract", "look_at", "usual_reasons", "observed", "history"] {
        assert!(!told[part].as_str().unwrap().is_empty(), "{part}: {told}");
    }
}

#[test]
fn a_harness_that_failed_is_an_error_and_no_failure() {
    let cases = read_junit(&run(opened(1), &options(DELETES)), false);
    let (_, what, message, _) = &cases[3];
    assert_eq!(what, "error");
    assert!(message.as_ref().unwrap().contains("no\u{fffd}more <connections>"), "{message:?}");
}

/// A declared capability that was not tested is skipped, except in a strict run, which it fails.
#[test]
fn an_outage_that_is_declared_and_not_made_fails_a_strict_run_only() {
    let report = run(memory(), &options("outage::a_stopped"));
    assert_eq!((report.exit_code(false), report.exit_code(true)), (0, 1), "{report}");
    assert_eq!(read_junit(&report, false)[0].1, "skipped");
    assert_eq!(read_junit(&report, true)[0].1, "failure");
    let modest = memory().without(Capability::Outage, "no server");
    let report = run(modest, &options("in_secret_while"));
    assert_eq!((report.outcomes().len(), report.exit_code(true)), (3, 0), "{report}");
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::NotDeclared("no server"))), 3);
}

const READS: &str = "cancel::a_dropped_read_breaks_nothing";

#[test]
fn without_a_budget_and_with_one_that_is_spent_there_is_one_round() {
    assert_eq!(run(memory(), &options(READS)).rounds(), None);
    let budget = Some(Duration::from_nanos(1));
    let report = run(memory(), &Options { budget, ..options(READS) });
    assert_eq!(report.rounds(), Some(Rounds { whole: 1, cases: 1 }), "{report}");
    assert!(
        report.to_string().ends_with(", 1 rounds of 1 cases (memory <&\"1\u{1}>, durability: none)"),
        "{report}"
    );
    // A deterministic case is not repeated.
    assert_eq!(run(memory(), &Options { budget, ..options(DELETES) }).rounds(), None);
}

/// The budget is an hour: the run ends early because the fourth round finds an error.
#[test]
fn a_budget_ends_where_a_round_finds_something() {
    let options = Options { budget: Some(Duration::from_secs(3_600)), ..options(READS) };
    let report = run(opened(3), &options);
    assert_eq!(report.rounds(), Some(Rounds { whole: 3, cases: 1 }), "{report}");
    assert_eq!((report.outcomes().len(), report.exit_code(false)), (1, 2), "{report}");
}

/// From the third namespace on, each handle is a separate store.
#[test]
fn a_violation_of_a_later_round_has_the_seed_of_that_round() {
    let stores: Mutex<HashMap<String, MemoryStore>> = Mutex::default();
    let falls_apart = Backend::blocking("falls apart", move |namespace| {
        let mut stores = stores.lock().map_err(|_| "poisoned")?;
        let store = stores.entry(namespace.to_owned()).or_default().clone();
        Ok(if stores.len() > 2 { MemoryStore::new() } else { store })
    });
    let only = options("race::of_many_replaces_of_one_revision_one_wins");
    let report = run(falls_apart, &Options { budget: Some(Duration::from_secs(3_600)), ..only });
    let violation = report.violations().next().unwrap();
    assert_eq!((report.rounds(), violation.seed), (Some(Rounds { whole: 2, cases: 1 }), 9), "{violation}");
    assert!(
        violation.to_string().contains("--seed 9 (the seed repeats the choices, not how calls overlap"),
        "{violation}"
    );
}

/// A server on which the first fault succeeds without the store noticing, and every later one fails.
#[derive(Default)]
struct Sick {
    made: AtomicUsize,
    healed: Arc<AtomicUsize>,
}

#[async_trait]
impl Harness for Sick {
    fn backend(&self) -> String {
        "sick".into()
    }
    async fn open(&self, _: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        Ok(Arc::new(MemoryStore::new()))
    }
    fn server(&self) -> Option<&dyn Server> {
        Some(self)
    }
}

#[async_trait]
impl Server for Sick {
    fn faults(&self) -> &[Fault] {
        &[Fault::Stop, Fault::Freeze]
    }
    async fn inflict(&self, _: Fault) -> Result<(), BoxError> {
        if self.made.fetch_add(1, SeqCst) == 0 { Ok(()) } else { Err("it does not stop".into()) }
    }
    async fn heal(&self) -> Result<(), BoxError> {
        self.healed.fetch_add(1, SeqCst);
        Ok(())
    }
}

#[test]
fn a_server_is_healed_after_a_case_that_failed_and_the_next_says_what_it_may_come_from() {
    let sick = Sick::default();
    let healed = Arc::clone(&sick.healed);
    let report = run(sick, &options("outage::a_"));
    let [(_, first), (_, second), ..] = report.outcomes() else { unreachable!("{report}") };
    assert!(matches!(first, Outcome::Failed(_)), "{first:?}");
    let why = second.reason().unwrap();
    assert!(why.contains("because of the case before, outage::a_stopped_server"), "{why}");
    // Once by the first case, once after it, and once after the second, whose fault failed.
    assert_eq!(healed.load(SeqCst), 3);
}
