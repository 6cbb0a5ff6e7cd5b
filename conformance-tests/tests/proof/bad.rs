//! Harnesses and stores too broken for any clause, and undeclared capabilities: each is reported as what it is, and
//! the run continues.

use hallpass_conformance_tests::{Level, Options, Outcome, Patch, Report, cases, run};
use libtest_mimic::{Failed, Trial};

use crate::options;
use crate::prelude::*;

/// The file whose panics are intended.
pub(crate) const FILE: &str = "proof/bad.rs";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("bad::what_fails_to_open_fails_as_a_harness", what_fails_to_open),
        Trial::test("bad::what_opens_once_only_fails_as_a_harness", what_opens_once_only),
        Trial::test("bad::what_panics_in_open_fails_as_a_harness", what_panics_in_open),
        Trial::test("bad::what_hangs_in_open_fails_as_a_harness", what_hangs_in_open),
        Trial::test("bad::what_blocks_its_thread_in_open_fails_as_a_harness", what_blocks_in_open),
        Trial::test("bad::a_store_that_hangs_breaks_s12", a_store_that_hangs),
        Trial::test("bad::a_slow_store_that_runs_out_of_time_says_nothing", a_slow_store),
        Trial::test("bad::a_fast_store_that_runs_out_of_time_breaks_s12", a_fast_store),
        Trial::test("bad::a_store_that_panics_is_told_apart", a_store_that_panics),
        Trial::test("bad::garbage_breaks_promises_and_never_the_suite", garbage),
        Trial::test("bad::what_is_not_declared_is_reported_as_such", what_is_not_declared),
        Trial::test("bad::what_is_declared_is_run", what_is_declared),
        Trial::test("bad::a_patch_that_breaks_nothing_is_not_proved", a_patch_that_breaks_nothing),
    ]
}

/// A harness that cannot open any store.
#[derive(Default)]
pub(crate) struct Closed;

#[async_trait]
impl Harness for Closed {
    fn backend(&self) -> String {
        "closed".into()
    }
    async fn open(&self, _: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        Err("connection refused".into())
    }
}

/// A harness that opens each namespace only once.
#[derive(Default)]
struct Once(Backend<Straight>, Locked<HashSet<String>>);

#[async_trait]
impl Harness for Once {
    fn backend(&self) -> String {
        "once".into()
    }
    fn declared(&self) -> Declared {
        self.0.declared()
    }
    async fn open(&self, namespace: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        if !self.1.lock().insert(namespace.into()) {
            return Err("the file is locked".into());
        }
        self.0.open(namespace).await
    }
}

/// The way in which `open` goes wrong.
#[derive(Clone, Copy)]
enum Opening {
    Blocks,
    Hangs,
    Panics,
}

#[async_trait]
impl Harness for Opening {
    fn backend(&self) -> String {
        "never open".into()
    }
    #[expect(clippy::panic, reason = "that is what this harness is for")]
    async fn open(&self, _: &str) -> Result<Arc<dyn TokenStore>, BoxError> {
        match self {
            Self::Blocks => std::thread::sleep(Duration::from_secs(3_600)),
            Self::Hangs => std::future::pending().await,
            Self::Panics => panic!("no such table"),
        }
        Err("late".into())
    }
}

/// Never returns from a delete.
#[derive(Default)]
struct Hangs;

impl Twist for Hangs {
    async fn delete(&self, _: &Base, _: Selector) -> Result<bool, StoreError> {
        std::future::pending().await
    }
}

/// Takes `TAKES` milliseconds per call, and never returns a list in time.
#[derive(Default)]
struct Late<const TAKES: u64>;

impl<const TAKES: u64> Twist for Late<TAKES> {
    async fn before(&self, _: &Base) -> Result<Held, StoreError> {
        tokio::time::sleep(Duration::from_millis(TAKES)).await;
        Ok(Box::new(()))
    }
    async fn list(&self, _: &Base, _: &Subject, _: &Page) -> Result<Vec<Record>, StoreError> {
        Err(StoreError::Timeout { source: "no answer".into(), outcome_unknown: true })
    }
}

/// Panics in a delete.
#[derive(Default)]
struct Panics;

impl Twist for Panics {
    #[expect(clippy::panic, reason = "that is what this store is for")]
    async fn delete(&self, _: &Base, _: Selector) -> Result<bool, StoreError> {
        panic!("index out of bounds")
    }
}

/// Returns values of the right types, but otherwise wrong.
#[derive(Default)]
struct Garbage {
    last: Locked<Option<Record>>,
}

impl Twist for Garbage {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        *self.last.lock() = Some(record.clone());
        store.insert(record, fence).await
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let found = store.find(selector).await?.or_else(|| self.last.lock().clone());
        Ok(found.map(|record| Record { body: Body::new(vec![7; 5]).unwrap_or(record.body), ..record }))
    }
    async fn replace(&self, _: &Base, _: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        Ok(Replace::Missing)
    }
    async fn revoke(&self, _: &Base, _: RevokeCall<'_>) -> Result<u64, StoreError> {
        Ok(u64::MAX)
    }
    async fn list(&self, _: &Base, _: &Subject, _: &Page) -> Result<Vec<Record>, StoreError> {
        Ok(self.last.lock().iter().cycle().take(70_000).cloned().collect())
    }
    async fn purge(&self, _: &Base, _: Timestamp, _: u32) -> Result<Purged, StoreError> {
        Ok(Purged { removed: u64::MAX, more: false })
    }
}

fn what_fails_to_open() -> Result<(), Failed> {
    let report = run(Closed, &options(Level::Quick));
    all(&report, "cannot open namespace", |why| why.contains("connection refused"))?;
    same(report.exit_code(false), 2)
}

fn what_opens_once_only() -> Result<(), Failed> {
    let report = run(Once::default(), &options(Level::Quick));
    let locked =
        report.count(|outcome| matches!(outcome, Outcome::HarnessFailed(why) if why.contains("is locked")));
    let passed = report.count(|outcome| matches!(outcome, Outcome::Passed));
    if locked == 0 || passed == 0 {
        return Err(format!("{locked} failed to open a second handle, {passed} passed").into());
    }
    same(report.count(Outcome::is_failure), 0)?;
    same(report.exit_code(false), 2)
}

fn what_panics_in_open() -> Result<(), Failed> {
    let report = run(Opening::Panics, &options(Level::Quick));
    all(&report, "open panicked: no such table", |why| why == "open panicked: no such table")
}

fn what_hangs_in_open() -> Result<(), Failed> {
    all(&run(Opening::Hangs, &hurried()), "open has not answered", |why| why.contains("has not answered"))
}

fn what_blocks_in_open() -> Result<(), Failed> {
    all(&run(Opening::Blocks, &hurried()), "open has not answered", |why| why.contains("has not answered"))
}

fn a_store_that_hangs() -> Result<(), Failed> {
    // On a busy machine a case may start late.
    let report = run(Backend::<Hangs>::default(), &Options { limit: Duration::from_secs(1), ..hurried() });
    let hung = report.violations().filter(|violation| violation.clause == S12);
    same(hung.count(), hurried_cases())
}

fn a_slow_store() -> Result<(), Failed> {
    let report = run(Backend::<Late<260>>::default(), &one_list());
    let slow =
        |outcome: &Outcome| matches!(outcome, Outcome::Inconclusive(why) if why.starts_with("too slow"));
    same(report.count(slow), 1)
}

fn a_fast_store() -> Result<(), Failed> {
    let report = run(Backend::<Late<0>>::default(), &one_list());
    same(report.violations().filter(|violation| violation.clause == S12).count(), 1)
}

/// Runs one case that lists after several inserts.
fn one_list() -> Options {
    Options { only: Some("list::newest_first_then_the_larger_selector".into()), ..options(Level::Quick) }
}

fn a_store_that_panics() -> Result<(), Failed> {
    let report = run(Backend::<Panics>::default(), &options(Level::Quick));
    let panicked = |outcome: &Outcome| {
        matches!(outcome, Outcome::Panicked { message, history }
            if message == "index out of bounds" && history.contains("delete ") && history.contains("panicked"))
    };
    let (panicked, passed) =
        (report.count(panicked), report.count(|outcome| matches!(outcome, Outcome::Passed)));
    if panicked < hurried_cases() || passed == 0 {
        return Err(format!("{panicked} panicked, {passed} passed").into());
    }
    same(report.count(Outcome::is_failure), panicked)?;
    same(report.exit_code(false), 1)
}

fn garbage() -> Result<(), Failed> {
    let report = run(Backend::<Garbage>::default(), &options(Level::Quick));
    for (case, outcome) in report.outcomes() {
        if let Outcome::Panicked { message, .. } | Outcome::HarnessFailed(message) = outcome {
            return Err(format!("{}: {message}", case.id()).into());
        }
    }
    let (broken, passed) =
        (report.violations().count(), report.count(|outcome| matches!(outcome, Outcome::Passed)));
    if broken > passed { Ok(()) } else { Err(format!("{broken} broken, {passed} passed").into()) }
}

/// Never purges, and declares that.
#[derive(Default)]
struct Modest;

impl Twist for Modest {
    fn declared() -> Declared {
        Straight::declared().without(Capability::Purge, "left to the backend")
    }
}

fn what_is_not_declared() -> Result<(), Failed> {
    let report = run(Backend::<Modest>::default(), &options(Level::Full));
    for (case, outcome) in report.outcomes() {
        let needs = case.needs.contains(&Capability::Purge);
        if needs != matches!(outcome, Outcome::NotDeclared("left to the backend")) {
            return Err(format!("{} needs a purge: {needs}; it is {outcome:?}", case.id()).into());
        }
    }
    Ok(())
}

/// Every declared capability is tested, whether or not the store has it: no case skips itself.
fn what_is_declared() -> Result<(), Failed> {
    let report = run(Backend::<Straight>::default(), &options(Level::Quick));
    let quick = cases().filter(|case| case.level == Level::Quick);
    same(report.outcomes().len(), quick.count())?;
    for (case, outcome) in report.outcomes() {
        let expected = match case.untested() {
            Some(_) => matches!(outcome, Outcome::Untested(_)),
            None if case.needs.iter().any(|need| Straight::declared().lacks(*need).is_some()) => {
                matches!(outcome, Outcome::NotDeclared(_))
            }
            None => matches!(outcome, Outcome::Passed),
        };
        if !expected {
            return Err(format!("{}: {outcome:?}", case.id()).into());
        }
    }
    same(report.exit_code(true), 0)
}

/// Runs a few cases with a short time limit.
fn hurried() -> Options {
    Options { limit: Duration::from_millis(100), only: Some("delete::".into()), ..options(Level::Quick) }
}

fn hurried_cases() -> usize {
    cases().filter(|case| case.chapter() == "delete").count()
}

/// Requires that every case that ran ended as such a failure of the harness, and none as a verdict.
fn all(report: &Report, what: &str, like: impl Fn(&str) -> bool) -> Result<(), Failed> {
    let mut ran = 0;
    for (case, outcome) in report.outcomes() {
        match outcome {
            Outcome::NotDeclared(_) | Outcome::Untested(_) => {}
            Outcome::HarnessFailed(why) if like(why) => ran += 1,
            other => return Err(format!("{}: expected {what:?}, got {other:?}", case.id()).into()),
        }
    }
    if ran == 0 { Err("nothing was run".into()) } else { Ok(()) }
}

fn same<T: PartialEq + fmt::Debug + Copy>(got: T, want: T) -> Result<(), Failed> {
    if got == want { Ok(()) } else { Err(format!("expected {want:?}, got {got:?}").into()) }
}

/// A [`Patch`] requires that the named case reports the named clause as broken.
fn a_patch_that_breaks_nothing() -> Result<(), Failed> {
    const CASE: &str = "delete::a_deleted_record_is_gone_and_delete_says_whether_it_was_there";
    let patch =
        |caught| Patch { name: "no_delete", file: "delete.sql", from: "delete", to: "select", caught };
    let fault = crate::faults::ALL.iter().find(|fault| fault.name == "delete_is_a_no_op");
    let wrong = fault.ok_or("the fault has another name now")?.harness;
    let right = Backend::<Straight>::default;
    patch(&[(S7, CASE)]).is_caught(wrong)?;
    let refused = [
        patch(&[(S5, CASE)]).is_caught(wrong),
        patch(&[(S7, CASE)]).is_caught(right),
        patch(&[(S7, CASE), (S7, "delete::no_such_case")]).is_caught(wrong),
        patch(&[]).is_caught(wrong),
    ];
    same(refused.map(|answer| answer.is_err()), [true; 4])
}
