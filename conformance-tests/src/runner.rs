//! Runs cases, one at a time or concurrently, and survives panics and hangs.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;
use tokio::runtime::Runtime;

use crate::case::{Case, Function, Run};
use crate::cases::cases;
use crate::clause::Clause;
use crate::context::{CaseContext, OPEN};
use crate::coverage::Coverage;
use crate::declared::Capability;
use crate::harness::{Fault, Harness};
use crate::history::now;
use crate::options::Options;
use crate::outcome::{NO_SERVER, Outcome, Stop};
use crate::pace::Pace;
use crate::report::{Report, Rounds};
use crate::rng::Rng;

/// How long a server may take to recover after a failed case.
const HEALING: Duration = Duration::from_secs(60);
/// The time limit of a call (S12). A case that runs out of time while no call exceeds this is inconclusive.
const HANGS: Duration = Duration::from_secs(20);

/// Runs the suite over the stores of `harness`, one case after the other, and returns the report.
///
/// Use this for a self-test that checks *which* clause a wrong store breaks; a backend calls [`main`](crate::main).
///
/// # Panics
/// If the operating system provides no thread or no random bytes.
pub fn run(harness: impl Harness, options: &Options) -> Report {
    let runner = Runner::new(Arc::new(harness), options.clone());
    let mut report = runner.report();
    let only = |case: &&Case| options.only.as_ref().is_none_or(|only| case.id().contains(only.as_str()));
    for case in runner.cases().filter(only) {
        let (outcome, took) = runner.outcome(case);
        report.add(case, outcome, took);
    }
    runner.spend(&mut report);
    report
}

/// Runs cases, and survives panics and hangs.
pub(crate) struct Runner {
    harness: Arc<dyn Harness>,
    options: Options,
    seed: u64,
    /// Keeps the namespaces of two runs with the same seed apart.
    run: u32,
    namespaces: AtomicUsize,
    /// Every case holds it for reading; a case that hurts the server holds it for writing.
    gate: RwLock<()>,
    /// The case about a fault that failed, and may have left the fault behind.
    hurt: Mutex<Option<String>>,
    started: Instant,
    runtime: Option<Runtime>,
    coverage: Arc<Coverage>,
    pace: Pace,
}

impl Runner {
    #[expect(clippy::expect_used, reason = "without threads and randomness nothing can be tested")]
    pub(crate) fn new(harness: Arc<dyn Harness>, options: Options) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(4).enable_all().build().expect("threads for a runtime");
        let random = || SysRng.try_next_u32().expect("randomness from the operating system");
        Self {
            harness,
            // Short enough to type.
            seed: options.seed.unwrap_or_else(|| u64::from(random())),
            run: random(),
            options,
            namespaces: AtomicUsize::new(0),
            gate: RwLock::default(),
            hurt: Mutex::default(),
            started: now(),
            runtime: Some(runtime),
            coverage: Arc::default(),
            pace: Pace::default(),
        }
    }

    pub(crate) fn report(&self) -> Report {
        let (harness, coverage) = (&self.harness, Arc::clone(&self.coverage));
        Report::new(harness.backend(), harness.declared(), coverage, self.options.level, self.seed)
    }

    /// The cases of the level.
    pub(crate) fn cases(&self) -> impl Iterator<Item = &'static Case> {
        cases().filter(|case| case.level <= self.options.level)
    }

    /// Runs one case and measures how long it takes.
    pub(crate) fn outcome(&self, case: &'static Case) -> (Outcome, Duration) {
        let began = now();
        let outcome = self.outcome_with(case, self.seed);
        (outcome, began.elapsed())
    }

    /// Repeats the cases that depend on chance, each round with the next seed, until the time is up or a case fails;
    /// returns that case.
    pub(crate) fn spend(&self, report: &mut Report) -> Option<&'static Case> {
        let budget = self.options.budget?;
        let chosen = report.repeatable();
        if chosen.is_empty() || report.exit_code(false) != 0 {
            return None;
        }
        for whole in 1.. {
            report.repeat(Rounds { whole, cases: chosen.len() });
            for &case in &chosen {
                if self.started.elapsed() >= budget {
                    return None;
                }
                let outcome = self.outcome_with(case, self.seed.wrapping_add(whole));
                if outcome.is_failure() || matches!(outcome, Outcome::HarnessFailed(_)) {
                    report.amend(case, outcome);
                    return Some(case);
                }
            }
        }
        unreachable!("the loop has no end")
    }

    fn outcome_with(&self, case: &'static Case, seed: u64) -> Outcome {
        let declared = self.harness.declared();
        if let Some(reason) = case.needs.iter().find_map(|need| declared.lacks(*need)) {
            return Outcome::NotDeclared(reason);
        }
        match case.run {
            Run::Untested(reason) => Outcome::Untested(reason),
            Run::Child(_) if self.options.child.is_none() => {
                Outcome::Untested("this run cannot start its binary again as a child")
            }
            Run::Damage(_) if self.harness.vandal().is_none() => {
                Outcome::Untested("the harness cannot damage rows")
            }
            Run::Server(..) if self.harness.server().is_none() => match declared.lacks(Capability::Outage) {
                Some(reason) => Outcome::NotDeclared(reason),
                None => Outcome::Untested(NO_SERVER),
            },
            Run::Server(fault, _) if !self.can_be_made(fault) => {
                Outcome::Untested("the harness supplies no server that supports this fault")
            }
            Run::Any(function) | Run::Child(function) | Run::Damage(function) => {
                let _gate = self.gate.read().unwrap_or_else(PoisonError::into_inner);
                self.watch(case, function, seed)
            }
            Run::Server(_, function) => {
                let _gate = self.gate.write().unwrap_or_else(PoisonError::into_inner);
                let outcome = self.watch(case, function, seed);
                if matches!(outcome, Outcome::Passed) { outcome } else { self.clear_up(case, outcome) }
            }
        }
    }

    /// Heals the server after a failed case. If the harness fails later, its message names that case.
    fn clear_up(&self, case: &Case, outcome: Outcome) -> Outcome {
        if let (Some(server), Some(runtime)) = (self.harness.server(), &self.runtime) {
            // If this fails, the next case reports it.
            let _ = runtime.block_on(async { tokio::time::timeout(HEALING, server.heal()).await });
        }
        let mut hurt = self.hurt.lock().unwrap_or_else(PoisonError::into_inner);
        match (outcome, &*hurt) {
            (Outcome::HarnessFailed(why), Some(before)) => Outcome::HarnessFailed(format!(
                "{why} (it may be because of the case before, {before}, which failed)"
            )),
            (outcome, _) => {
                *hurt = Some(case.id());
                outcome
            }
        }
    }

    fn can_be_made(&self, fault: Fault) -> bool {
        self.harness.server().is_some_and(|server| server.faults().contains(&fault))
    }

    /// Runs `function` on a thread of its own, which is abandoned if it hangs.
    fn watch(&self, case: &'static Case, function: Function, seed: u64) -> Outcome {
        let Some(runtime) = self.runtime.as_ref().map(Runtime::handle).cloned() else {
            return Outcome::HarnessFailed("the runtime has ended".into());
        };
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("t{:08x}_{number}", self.run);
        let rng = Rng::new(seed, case.name);
        let (child, coverage) = (self.options.child.clone(), Arc::clone(&self.coverage));
        let context = CaseContext::new(Arc::clone(&self.harness), namespace, rng, child, coverage);
        let (limit, played) = (self.options.limit, context.clone());
        let (sender, receiver) = channel();
        let work = move || {
            let played = AssertUnwindSafe(|| runtime.block_on(play(function, played, limit)));
            let _ = sender.send(catch_unwind(played));
        };
        if let Err(error) = std::thread::Builder::new().name(case.id()).spawn(work) {
            return Outcome::HarnessFailed(format!("no thread for the case: {error}"));
        }
        // The inner limit cannot interrupt a call that never yields.
        let answer = receiver.recv_timeout(limit + Duration::from_secs(1));
        let history = context.history();
        self.pace.note(history);
        match answer {
            Ok(Ok(Some(Ok(())))) if history.is_only(OPEN) => Outcome::Panicked {
                message: "the case made no call to the store".into(),
                history: history.text(),
            },
            Ok(Ok(Some(Ok(())))) => match history.shown() {
                None => Outcome::Passed,
                Some(observed) => Stop::Violation { clause: Clause::S18, observed }.into_outcome(
                    case.id(),
                    history.text(),
                    seed,
                ),
            },
            Ok(Ok(Some(Err(stop)))) => {
                self.pace.judge(stop, history).into_outcome(case.id(), history.text(), seed)
            }
            Ok(Err(panic)) if history.is_stuck_in(OPEN) => {
                Outcome::HarnessFailed(format!("open panicked: {}", text_of(&*panic)))
            }
            Ok(Err(panic)) => Outcome::Panicked { message: text_of(&*panic), history: history.text() },
            Ok(Ok(None)) | Err(RecvTimeoutError::Timeout) if history.is_stuck_in(OPEN) => {
                Outcome::HarnessFailed(format!("open has not answered within {limit:?}"))
            }
            // A store that does not recover from a fault keeps such a case busy with fast calls: that is no slowness.
            Ok(Ok(None)) | Err(_)
                if !history.hangs(HANGS.min(limit / 6))
                    && (!matches!(case.run, Run::Server(..)) || self.pace.is_slow(history)) =>
            {
                let calls = history.len();
                Outcome::Inconclusive(format!(
                    "too slow: {calls} calls in {limit:?} (--limit), and none hangs"
                ))
            }
            Ok(Ok(None)) | Err(_) => {
                let observed = format!("the case has not ended within {limit:?} (--limit)");
                Stop::Violation { clause: Clause::S12, observed }.into_outcome(
                    case.id(),
                    history.text(),
                    seed,
                )
            }
        }
    }
}

impl Drop for Runner {
    /// Does not wait for hanging threads.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The result of the case; `None` if it does not end within `limit`.
async fn play(function: Function, context: CaseContext, limit: Duration) -> Option<Result<(), Stop>> {
    let ran = tokio::time::timeout(limit, function(context.clone())).await.ok()?;
    if ran.is_ok() {
        context.discard().await;
    }
    Some(ran)
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".into())
}

#[cfg(test)]
mod tests {
    use hallpass_core::MemoryStore;

    use super::*;
    use crate::case::case;
    use crate::outcome::CaseResult;
    use crate::specimen::record;
    use crate::{Backend, Level};

    static SKIPS: Case = case!(Any Quick [S1] skips);
    static OPENS: Case = case!(Any Quick [S1] opens);
    static ASKS: Case = case!(Any Quick [S1] asks);

    async fn skips(_: CaseContext) -> CaseResult {
        Ok(())
    }

    async fn opens(context: CaseContext) -> CaseResult {
        context.open().await.map(drop)
    }

    /// Makes more calls than there is time for.
    async fn asks(context: CaseContext) -> CaseResult {
        let store = context.open().await?;
        loop {
            store.find(record("alice").selector).await?;
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_case_that_runs_out_of_time_while_no_call_hangs_says_nothing() {
        let memory = Backend::blocking("memory", |_| Ok(MemoryStore::new()));
        let limit = Duration::from_millis(200);
        let runner = Runner::new(Arc::new(memory), Options { limit, ..Options::default() });
        let (outcome, _) = runner.outcome(&ASKS);
        assert!(matches!(&outcome, Outcome::Inconclusive(why) if why.starts_with("too slow")), "{outcome:?}");
    }

    #[test]
    fn a_case_that_skips_by_itself_is_an_error() {
        let memory = Backend::blocking("memory", |_| Ok(MemoryStore::new()));
        let options = Options { level: Level::Quick, ..Options::default() };
        let runner = Runner::new(Arc::new(memory), options);
        for case in [&SKIPS, &OPENS] {
            let (outcome, _) = runner.outcome(case);
            assert!(matches!(outcome, Outcome::Panicked { .. }), "{outcome:?}");
            assert!(outcome.is_failure());
        }
    }
}
