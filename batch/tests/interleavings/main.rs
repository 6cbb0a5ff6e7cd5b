//! Interleavings of callers, slots and the watch, chosen by shuttle.
//!
//! An execution that hangs fails: shuttle reports tasks that wait while none can go on.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(dead_code, unreachable_pub, reason = "the modules of the library have more users there")]

#[path = "../../src/batcher.rs"]
mod batcher;
#[path = "../../src/call.rs"]
mod call;
#[path = "../../src/limits.rs"]
mod limits;
#[path = "../../src/queue.rs"]
mod queue;
#[path = "../../src/runner.rs"]
mod runner;
#[path = "../../src/slot.rs"]
mod slot;
mod sync;
#[path = "../../src/waiting.rs"]
mod waiting;
#[path = "../../src/watch.rs"]
mod watch;

use std::collections::BTreeSet;
use std::time::Duration;

use shuttle::future::{block_on, spawn, yield_now};
use shuttle::rand::{Rng, thread_rng};

use crate::batcher::{Admitted, Batcher};
use crate::call::NoAnswer;
use crate::limits::{Limits, Sharing};
use crate::runner::Runner;
use crate::sync::{Arc, Handle, Instant, Mutex};
use crate::waiting::Waiting;

const EXECUTIONS: usize = 1_000;
const STUCK: Duration = Duration::from_millis(50);
const BUSY: Limits =
    Limits { slots: 1, batch: 2, queue: 10, sharing: Sharing::WhenBusy { stuck: STUCK, limit: 2 } };
const MANY: Limits =
    Limits { slots: 1, batch: 2, queue: 10, sharing: Sharing::WhenMany { few: 2, small: 1 } };

/// What the server has seen.
#[derive(Default)]
struct Seen {
    calls: BTreeSet<u32>,
    /// The statements under way, and the most there were at a time.
    under_way: usize,
    most: usize,
}

/// Doubles numbers.
#[derive(Clone, Default)]
struct Server {
    seen: Arc<Mutex<Seen>>,
    /// Whether some calls of a batch run by themselves.
    undoes: bool,
}

impl Server {
    async fn send(&self, calls: impl Iterator<Item = u32>) {
        {
            let mut seen = self.seen.lock().unwrap();
            for call in calls {
                assert!(seen.calls.insert(call), "{call} is sent twice");
            }
            seen.under_way += 1;
            seen.most = seen.most.max(seen.under_way);
        }
        // Counts it even if the caller or the runtime goes.
        let _statement = Statement(self);
        yield_now().await;
    }

    fn has_seen(&self, call: u32) -> bool {
        self.seen.lock().unwrap().calls.contains(&call)
    }
}

struct Statement<'a>(&'a Server);

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        self.0.seen.lock().unwrap().under_way -= 1;
    }
}

impl Runner for Server {
    type Call = u32;
    type Answer = u32;

    async fn run_batch(&self, waiting: Waiting<'_, u32, u32>) {
        // A connection takes a while.
        yield_now().await;
        let (again, batch): (Vec<_>, Vec<_>) =
            waiting.take().into_iter().partition(|_| self.undoes && thread_rng().gen_bool(0.2));
        for call in again {
            // The server undid it: it goes again by itself, unless its caller gives up in the meantime.
            call.release();
            let server = self.clone();
            Handle.spawn(async move {
                yield_now().await;
                if call.take() {
                    server.send([*call.request()].into_iter()).await;
                    let answer = call.request() * 2;
                    call.answer(answer);
                }
            });
        }
        if !batch.is_empty() {
            self.send(batch.iter().map(|call| *call.request())).await;
        }
        for call in batch {
            let answer = call.request() * 2;
            call.answer(answer);
        }
    }
}

/// How a caller behaves.
#[derive(Clone, Copy)]
enum Caller {
    /// Waits, and must be answered.
    Waits,
    /// Waits, and may be sent back.
    RunsItself,
    HasDeadline,
}

async fn call(batcher: &Batcher<Server>, call: u32, caller: Caller) {
    let server = batcher.runner().clone();
    let outcome = match batcher.admit(call) {
        Admitted::Alone(slot, call) => {
            server.send([call].into_iter()).await;
            drop(slot);
            Ok(call * 2)
        }
        Admitted::Waits(pending) => match caller {
            Caller::Waits => Ok(pending.wait().await.unwrap()),
            Caller::RunsItself => pending.wait().await,
            Caller::HasDeadline => pending.wait_until(Instant::now()).await,
        },
        Admitted::Full(call) => panic!("no room for {call}"),
    };
    match outcome {
        Ok(answer) => assert!(answer == call * 2 && server.has_seen(call), "{call}: {answer}"),
        Err(NoAnswer::NotSent) => {
            yield_now().await;
            assert!(!server.has_seen(call), "{call} is sent, which its caller was told it was not");
        }
        Err(NoAnswer::Late | NoAnswer::Lost) => {}
    }
}

/// Runs `callers` callers with two calls each, drops some of them at any moment, and waits for the others.
async fn callers(batcher: &Batcher<Server>, callers: u32, caller: Caller, drop_some: bool) {
    let tasks: Vec<_> = (0..callers)
        .map(|number| {
            let batcher = batcher.clone();
            spawn(async move {
                call(&batcher, 2 * number, caller).await;
                call(&batcher, 2 * number + 1, caller).await;
            })
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        if drop_some && number % 2 == 0 {
            yield_now().await;
            task.abort();
            let _ = task.await;
        } else {
            task.await.unwrap();
        }
    }
}

/// Waits until every slot is free: two can be opened, the limit of both kinds of sharing.
async fn slots_are_free(batcher: &Batcher<Server>) {
    for call in 1_000..2_000 {
        // A leading slot yields before it closes, and a dropped task ends when shuttle comes to it.
        yield_now().await;
        let two = (batcher.admit(2 * call), batcher.admit(2 * call + 1));
        if matches!(two, (Admitted::Alone(..), Admitted::Alone(..))) {
            return;
        }
    }
    panic!("a slot is never free again");
}

fn explore(limits: Limits, undoes: bool, execution: impl AsyncFn(&Batcher<Server>) + Send + Sync + 'static) {
    shuttle::check_random(
        move || {
            Handle::start();
            let batcher = Batcher::new(Server { undoes, ..Server::default() }, limits);
            block_on(async {
                execution(&batcher).await;
                Handle::shut_down().await;
            });
        },
        EXECUTIONS,
    );
}

#[test]
fn every_call_has_its_answer_when_slots_are_busy() {
    explore(BUSY, true, async |batcher| callers(batcher, 4, Caller::Waits, false).await);
}

#[test]
fn every_call_has_its_answer_or_is_sent_back_when_calls_are_many() {
    explore(MANY, true, async |batcher| callers(batcher, 4, Caller::RunsItself, false).await);
}

#[test]
fn no_more_statements_run_than_slots_allow() {
    let never_stuck = Sharing::WhenBusy { stuck: Duration::MAX, limit: 2 };
    explore(Limits { sharing: never_stuck, ..BUSY }, false, async |batcher| {
        callers(batcher, 4, Caller::Waits, false).await;
        assert_eq!(batcher.runner().seen.lock().unwrap().most, 1);
    });
}

/// However the end of one watch and the next call meet.
#[test]
fn a_call_behind_a_slot_that_stays_stuck_has_its_answer() {
    explore(BUSY, false, async |batcher| {
        let stuck = batcher.admit(1_000);
        for number in 0..30 {
            call(batcher, number, Caller::Waits).await;
        }
        drop(stuck);
    });
}

#[test]
fn a_call_that_was_not_sent_never_will_be() {
    explore(BUSY, true, async |batcher| callers(batcher, 3, Caller::HasDeadline, false).await);
}

#[test]
fn a_dropped_caller_leaves_the_others_their_answers_and_the_slots_free() {
    for (limits, caller) in [(BUSY, Caller::Waits), (MANY, Caller::RunsItself)] {
        explore(limits, true, async move |batcher| {
            callers(batcher, 4, caller, true).await;
            slots_are_free(batcher).await;
        });
    }
}

#[test]
fn a_runtime_that_shuts_down_leaves_the_slots_free() {
    for limits in [BUSY, MANY] {
        explore(limits, true, async |batcher| {
            let others = batcher.clone();
            let caller = spawn(async move { callers(&others, 3, Caller::HasDeadline, false).await });
            for _ in 0..thread_rng().gen_range(0..10) {
                yield_now().await;
            }
            Handle::shut_down().await;
            caller.await.unwrap();
            slots_are_free(batcher).await;
        });
    }
}
