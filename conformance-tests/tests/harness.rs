//! A harness or a store that misbehaves is distinguished from a broken promise, and the run continues.

#![expect(clippy::panic, reason = "some of what misbehaves here panics")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_conformance_tests::{Backend, Capability, Level, Options, Outcome, Report, run};
use hallpass_core::store::{
    Admission, Change, Epoch, Fence, Insert, Listed, Page, Purged, Record, Replace, Revision, Revocation,
    TokenStore,
};
use hallpass_core::{BoxError, MemoryStore, Note, Selector, StoreError, Subject, Timestamp};

/// The way in which `find` misbehaves.
#[derive(Clone, Copy, Debug)]
enum Find {
    Panics,
    Hangs,
    Blocks,
    Garbage,
}

#[derive(Debug)]
struct Odd(MemoryStore, Find);

#[async_trait::async_trait]
impl TokenStore for Odd {
    async fn insert(&self, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.0.insert(record, fence).await
    }
    async fn find(&self, selector: Selector) -> Result<Option<Record>, StoreError> {
        match self.1 {
            Find::Panics => panic!("no such table"),
            Find::Hangs => std::future::pending().await,
            Find::Blocks => loop {
                std::thread::sleep(Duration::from_secs(1));
            },
            Find::Garbage => Err(StoreError::Corrupt { selector: Some(selector), source: "0 bytes".into() }),
        }
    }
    async fn replace(
        &self,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        self.0.replace(next, expected, change).await
    }
    async fn delete(&self, selector: Selector, note: &Note) -> Result<bool, StoreError> {
        self.0.delete(selector, note).await
    }
    async fn revoke_by_subject(&self, subject: &Subject, revocation: &Revocation) -> Result<u64, StoreError> {
        self.0.revoke_by_subject(subject, revocation).await
    }
    async fn list_by_subject(&self, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
        self.0.list_by_subject(subject, page).await
    }
    async fn epoch(
        &self,
        subject: &Subject,
        fresh: Epoch,
        keep: Duration,
        now: Timestamp,
    ) -> Result<Admission, StoreError> {
        self.0.epoch(subject, fresh, keep, now).await
    }
    async fn purge_expired(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        self.0.purge_expired(now, limit).await
    }
}

/// Runs only the cases about deletes.
fn options() -> Options {
    Options {
        level: Level::Quick,
        only: Some("delete::".into()),
        limit: Duration::from_millis(300),
        seed: Some(7),
        ..Options::default()
    }
}

fn run_odd(find: Find) -> Report {
    // Printing the backtrace of a panic takes a while on a busy machine.
    let hangs = matches!(find, Find::Hangs | Find::Blocks);
    let limit = if hangs { options().limit } else { Duration::from_secs(60) };
    run(
        Backend::new("odd", move |_| async move { Ok(Odd(MemoryStore::new(), find)) }),
        &Options { limit, ..options() },
    )
}

fn run_opening(open: impl Fn() -> Result<MemoryStore, BoxError> + Send + Sync + 'static) -> Report {
    run(Backend::blocking("odd", move |_| open()), &options())
}

#[test]
fn a_panic_is_told_from_a_broken_promise() {
    let report = run_odd(Find::Panics);
    assert_eq!((report.violations().count(), report.exit_code(false)), (0, 1));
    let panicked = |outcome: &Outcome| matches!(outcome, Outcome::Panicked { message, .. } if message == "no such table");
    assert_eq!(report.count(panicked), 4, "and the run went on");
}

#[test]
fn what_hangs_is_a_call_that_is_not_bounded_in_time() {
    for find in [Find::Hangs, Find::Blocks] {
        let report = run_odd(find);
        assert_eq!(report.violations().count(), 4, "{find:?}, and the run went on");
        for violation in report.violations() {
            assert_eq!(violation.clause.to_string(), "S12");
            assert!(violation.history.contains("find"), "{violation}");
            assert!(violation.to_string().contains("--seed 7"), "{violation}");
        }
    }
}

#[test]
fn garbage_is_an_error_of_the_store() {
    let report = run_odd(Find::Garbage);
    assert_eq!((report.violations().count(), report.exit_code(false)), (4, 1));
}

#[test]
fn a_harness_that_cannot_open_is_no_verdict() {
    let refuses = run_opening(|| Err("connection refused".into()));
    let panics = run_opening(|| panic!("no such folder"));
    let hangs = run(
        Backend::new("odd", async |_| std::future::pending::<Result<MemoryStore, _>>().await),
        &options(),
    );
    for report in [refuses, panics, hangs] {
        assert_eq!((report.violations().count(), report.exit_code(true)), (0, 2), "{report}");
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::HarnessFailed(_));
        assert_eq!(report.count(failed), 4, "{report}");
        assert!(report.to_string().contains("4 not run: the harness failed"), "{report}");
    }
}

#[test]
fn one_failure_to_open_costs_one_case() {
    let opened = Arc::new(AtomicUsize::new(0));
    let report = run_opening(move || match opened.fetch_add(1, Ordering::SeqCst) {
        0 => Err("not yet".into()),
        _ => Ok(MemoryStore::new()),
    });
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::Passed)), 3);
    assert_eq!(report.exit_code(false), 2);
}

#[test]
fn what_is_not_declared_is_neither_passed_nor_failed() {
    let backend =
        Backend::new("odd", async |_| Ok(MemoryStore::new())).without(Capability::ProcessCrash, "memory");
    let report = run(backend, &Options { only: Some("crash::".into()), ..options() });
    assert_eq!(
        report.to_string(),
        "conformance: 0 passed, 0 failed, 3 not declared, 1 untested, 0 inconclusive (odd, durability: none)"
    );
}
