//! Batches, slots and limits, on tokio.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hallpass_batch::{
    Admitted, Batcher, Call, IDLE_YIELDS, Limits, NoAnswer, PendingAnswer, Runner, Sharing, Slot, Waiting,
};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep};

const STUCK: Duration = Duration::from_millis(50);
const BUSY: Limits =
    Limits { slots: 1, batch: 3, queue: 100, sharing: Sharing::WhenBusy { stuck: STUCK, limit: 1 } };

/// Answers each call with the number of calls in its batch, once it may.
struct Recorder {
    /// One permit for each batch that may be sent.
    connections: Semaphore,
    /// One permit for each batch that may be answered.
    answers: Semaphore,
    batches: Mutex<Vec<Vec<&'static str>>>,
}

#[derive(Clone)]
struct Shared(Arc<Recorder>);

impl Runner for Shared {
    type Call = &'static str;
    type Answer = usize;

    async fn run_batch(&self, waiting: Waiting<'_, &'static str, usize>) {
        assert!(waiting.oldest(|_| ()).is_some());
        self.0.connections.acquire().await.unwrap().forget();
        // One call for each first letter.
        let batch = waiting.take_distinct(|call| call.chars().next());
        self.0.batches.lock().unwrap().push(batch.iter().map(|call| *call.request()).collect());
        self.0.answers.acquire().await.unwrap().forget();
        let calls = batch.len();
        batch.into_iter().for_each(|call| call.answer(calls));
    }
}

impl Shared {
    fn new(connections: usize, answers: usize) -> Self {
        Self(Arc::new(Recorder {
            connections: Semaphore::new(connections),
            answers: Semaphore::new(answers),
            batches: Mutex::default(),
        }))
    }

    fn batches(&self) -> Vec<Vec<&'static str>> {
        self.0.batches.lock().unwrap().clone()
    }
}

fn batcher(limits: Limits, connections: usize, answers: usize) -> (Shared, Batcher<Shared>) {
    let shared = Shared::new(connections, answers);
    (shared.clone(), Batcher::new(shared, limits))
}

fn alone<R: Runner>(batcher: &Batcher<R>, call: R::Call) -> Slot<R> {
    match batcher.admit(call) {
        Admitted::Alone(slot, _) => slot,
        _ => panic!("no slot is free"),
    }
}

fn waits<R: Runner>(batcher: &Batcher<R>, call: R::Call) -> PendingAnswer<R::Answer> {
    match batcher.admit(call) {
        Admitted::Waits(pending) => pending,
        _ => panic!("the call does not wait"),
    }
}

/// Lets the tasks of the runtime go on until they wait.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_share_the_next_batch() {
    let (shared, batcher) = batcher(BUSY, 10, 10);
    let slot = alone(&batcher, "a");
    let (b, c) = (waits(&batcher, "b"), waits(&batcher, "c"));
    settle().await;
    assert!(shared.batches().is_empty(), "a batch is sent although the only slot is busy");
    drop(slot);
    assert_eq!((b.wait().await, c.wait().await), (Ok(2), Ok(2)));
    assert_eq!(shared.batches(), [["b", "c"]]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_the_oldest_calls_and_one_of_a_key() {
    let (shared, batcher) = batcher(BUSY, 10, 10);
    let slot = alone(&batcher, "x");
    let pending = ["a1", "a2", "b", "a3", "c", "d"].map(|call| waits(&batcher, call));
    drop(slot);
    for pending in pending {
        pending.wait().await.unwrap();
    }
    assert_eq!(shared.batches(), [vec!["a1", "b", "c"], vec!["a2", "d"], vec!["a3"]]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_while_it_waits_is_not_sent() {
    let (shared, batcher) = batcher(BUSY, 0, 10);
    let slot = alone(&batcher, "x");
    let (a, b, c) = (waits(&batcher, "a"), waits(&batcher, "b"), waits(&batcher, "c"));
    drop(a);
    drop(slot);
    settle().await;
    // The slot waits for a connection, and the call is still in the queue.
    drop(c);
    shared.0.connections.add_permits(1);
    assert_eq!(b.wait().await, Ok(1));
    assert_eq!(shared.batches(), [["b"]]);
}

#[tokio::test(start_paused = true)]
async fn a_call_out_of_time_knows_whether_it_was_sent() {
    let (shared, batcher) = batcher(BUSY, 1, 0);
    let slot = alone(&batcher, "x");
    let sent = waits(&batcher, "a");
    drop(slot);
    settle().await;
    let not_sent = waits(&batcher, "b");
    let deadline = Instant::now() + Duration::from_secs(1);
    assert_eq!(not_sent.wait_until(deadline).await, Err(NoAnswer::NotSent));
    assert_eq!(sent.wait_until(deadline).await, Err(NoAnswer::Late));
    shared.0.connections.add_permits(1);
    shared.0.answers.add_permits(2);
    settle().await;
    assert_eq!(shared.batches(), [["a"]]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_takes_a_call_once_another_is_cancelled() {
    let (_, batcher) = batcher(Limits { queue: 2, ..BUSY }, 10, 10);
    let _slot = alone(&batcher, "x");
    let (a, _b) = (waits(&batcher, "a"), waits(&batcher, "b"));
    assert!(matches!(batcher.admit("c"), Admitted::Full("c")));
    drop(a);
    let _c = waits(&batcher, "c");
    assert_eq!(batcher.waiting(), 2);
}

/// If each of them did, an overload would leave no time for the calls that wait.
#[tokio::test(start_paused = true)]
async fn calls_turned_away_by_a_long_queue_do_not_each_search_it_for_cancelled_ones() {
    let (_, batcher) = batcher(Limits { queue: 256, ..BUSY }, 10, 10);
    let is_full = || matches!(batcher.admit("y"), Admitted::Full(_));
    let _slot = alone(&batcher, "x");
    let mut waiting: Vec<_> = (0..256).map(|_| waits(&batcher, "a")).collect();
    assert!(is_full());
    waiting.truncate(1);
    // One of four searches a queue of 256.
    assert!(is_full() && is_full() && is_full());
    let _b = waits(&batcher, "b");
    assert_eq!(batcher.waiting(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_leading_slot_stays_open_while_its_callers_call_again() {
    let (shared, batcher) = batcher(BUSY, 10, 10);
    let slot = alone(&batcher, "x");
    let mut pending = waits(&batcher, "a");
    drop(slot);
    for _ in 0..3 {
        assert_eq!(pending.wait().await, Ok(1));
        // Other tasks of the caller may come first, one fewer than the slot yields.
        for _ in 1..IDLE_YIELDS {
            yield_now().await;
        }
        pending = waits(&batcher, "a");
    }
    pending.wait().await.unwrap();
    settle().await;
    assert_eq!(shared.batches().len(), 4);
    drop(alone(&batcher, "x"));
}

#[tokio::test(start_paused = true)]
async fn further_slots_open_while_others_are_stuck_up_to_a_limit() {
    let sharing = Sharing::WhenBusy { stuck: STUCK, limit: 3 };
    let (shared, batcher) = batcher(Limits { sharing, ..BUSY }, 10, 0);
    let began = Instant::now();
    let stuck = alone(&batcher, "x");
    let a = waits(&batcher, "a");
    sleep(STUCK * 3 / 2).await;
    assert_eq!(shared.batches(), [["a"]], "no slot has opened for a call behind a stuck one");
    let b = waits(&batcher, "b");
    sleep(STUCK).await;
    assert_eq!(shared.batches().len(), 2);
    // All three slots are stuck now.
    sleep(STUCK * 2).await;
    let c = waits(&batcher, "c");
    sleep(STUCK * 4).await;
    assert_eq!(shared.batches().len(), 2, "more slots are open than the limit allows");
    shared.0.answers.add_permits(3);
    assert_eq!((a.wait().await, b.wait().await, c.wait().await), (Ok(1), Ok(1), Ok(1)));
    // The others continue without the first slot, which is stuck until the end.
    assert!(began.elapsed() > STUCK * 8);
    drop(stuck);
}

#[tokio::test(start_paused = true)]
async fn one_watch_serves_all_that_wait() {
    let (_, batcher) = batcher(BUSY, 10, 10);
    let slot = alone(&batcher, "x");
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let pending: Vec<_> = (0..10).map(|_| waits(&batcher, "a")).collect();
    settle().await;
    assert_eq!(tasks(), before + 1);
    drop((pending, slot));
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_has_ended_is_followed_by_another() {
    let sharing = Sharing::WhenBusy { stuck: STUCK, limit: 2 };
    let (_, batcher) = batcher(Limits { sharing, ..BUSY }, 10, 10);
    let slot = alone(&batcher, "x");
    let a = waits(&batcher, "a");
    drop(slot);
    assert_eq!(a.wait().await, Ok(1));
    // It finds an empty queue.
    sleep(STUCK * 2).await;
    let _stuck = alone(&batcher, "x");
    let b = waits(&batcher, "b");
    assert_eq!(b.wait_until(Instant::now() + STUCK * 3).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_stands_in_for_a_stuck_one_says_so() {
    let sharing = Sharing::WhenBusy { stuck: STUCK, limit: 2 };
    let (_, busy) = batcher(Limits { sharing, ..BUSY }, 10, 10);
    let stuck = alone(&busy, "x");
    sleep(STUCK).await;
    let other = alone(&busy, "y");
    assert_eq!((stuck.stands_in(), other.stands_in()), (false, true));
    // Few calls go alone, but no slot is stuck.
    let (_, many) = batcher(MANY, 10, 10);
    let slots: Vec<_> = (0..4).map(|_| alone(&many, "x")).collect();
    assert!(slots.iter().all(|slot| !slot.stands_in()));
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_not_stuck_is_not_joined_by_another() {
    let sharing = Sharing::WhenBusy { stuck: STUCK, limit: 3 };
    let (shared, batcher) = batcher(Limits { sharing, ..BUSY }, 10, 0);
    let slot = alone(&batcher, "x");
    let _a = waits(&batcher, "a");
    sleep(STUCK * 3 / 4).await;
    drop(slot);
    settle().await;
    // The slot leads now, and began its batch a moment ago.
    let _b = waits(&batcher, "b");
    sleep(STUCK / 2).await;
    assert_eq!(shared.batches(), [["a"]]);
}

#[tokio::test(start_paused = true)]
async fn calls_refused_before_they_are_sent_have_their_answers_at_once() {
    /// Has no connection for calls of less than 5.
    struct Refuses;

    impl Runner for Refuses {
        type Call = u32;
        type Answer = Result<u32, &'static str>;

        async fn run_batch(&self, waiting: Waiting<'_, u32, Self::Answer>) {
            match waiting.oldest(|call| *call) {
                Some(0..5) => waiting.refuse(|call| *call < 5, || Err("no connection")),
                _ => waiting.take().into_iter().for_each(|call| {
                    let answer = Ok(*call.request());
                    call.answer(answer);
                }),
            }
        }
    }

    let batcher = Batcher::new(Refuses, BUSY);
    let slot = alone(&batcher, 9);
    let pending = [1, 7, 2].map(|call| waits(&batcher, call));
    drop(slot);
    let mut answers = Vec::new();
    for pending in pending {
        answers.push(pending.wait().await.unwrap());
    }
    assert_eq!(answers, [Err("no connection"), Ok(7), Err("no connection")]);
}

#[tokio::test(start_paused = true)]
async fn a_released_call_can_be_cancelled_until_it_is_taken_again() {
    /// Gives the calls of a batch to the test.
    struct Gives(Mutex<Vec<Call<u32, u32>>>);

    impl Runner for Gives {
        type Call = u32;
        type Answer = u32;

        async fn run_batch(&self, waiting: Waiting<'_, u32, u32>) {
            self.0.lock().unwrap().extend(waiting.take());
        }
    }

    let batcher = Batcher::new(Gives(Mutex::default()), BUSY);
    let slot = alone(&batcher, 0);
    let [dropped, late, again, lost] = [1, 2, 3, 4].map(|call| waits(&batcher, call));
    drop(slot);
    settle().await;
    let mut calls = std::mem::take(&mut *batcher.runner().0.lock().unwrap());
    // A call that a runner drops was sent, as far as its caller knows.
    drop(calls.pop());
    assert_eq!(lost.wait().await, Err(NoAnswer::Lost));
    calls.iter().for_each(Call::release);
    drop(dropped);
    assert_eq!(late.wait_until(Instant::now()).await, Err(NoAnswer::NotSent));
    let taken: Vec<_> = calls.into_iter().filter(Call::take).collect();
    assert_eq!(taken.iter().map(|call| *call.request()).collect::<Vec<_>>(), [3]);
    taken.into_iter().for_each(|call| call.answer(33));
    assert_eq!(again.wait().await, Ok(33));
}

const MANY: Limits =
    Limits { slots: 1, batch: 100, queue: 100, sharing: Sharing::WhenMany { few: 4, small: 2 } };

#[tokio::test(start_paused = true)]
async fn few_calls_go_alone_and_many_share() {
    let (shared, batcher) = batcher(MANY, 10, 10);
    let mut slots: Vec<_> = (0..4).map(|_| alone(&batcher, "x")).collect();
    let a = waits(&batcher, "a");
    // One call fewer goes alone, but another waits already, and they are many.
    drop(slots.pop());
    let b = waits(&batcher, "b");
    drop(slots.split_off(1));
    settle().await;
    assert!(shared.batches().is_empty(), "a slot too many works through the queue");
    drop(slots);
    assert_eq!((a.wait().await, b.wait().await), (Ok(2), Ok(2)));
    settle().await;
    // No slot leads any more.
    let _four: Vec<_> = (0..4).map(|_| alone(&batcher, "x")).collect();
}

#[tokio::test(start_paused = true)]
async fn sharing_ends_after_small_batches_and_sends_back_the_calls_that_wait() {
    let (shared, batcher) = batcher(MANY, 10, 0);
    let slots: Vec<_> = (0..4).map(|_| alone(&batcher, "x")).collect();
    let first = waits(&batcher, "a");
    drop(slots);
    for calls in [3, 2, 3, 2] {
        settle().await;
        // While a slot leads, every call waits.
        let pending: Vec<_> = ["a", "b", "c"][..calls].iter().map(|call| waits(&batcher, call)).collect();
        shared.0.answers.add_permits(1);
        // A batch with more than half of the few begins the count anew.
        tokio::spawn(async move {
            for pending in pending {
                let _ = pending.wait().await;
            }
        });
    }
    assert_eq!(first.wait().await, Ok(1));
    settle().await;
    let last = waits(&batcher, "a");
    shared.0.answers.add_permits(1);
    settle().await;
    let back = waits(&batcher, "b");
    shared.0.answers.add_permits(1);
    assert_eq!((last.wait().await, back.wait().await), (Ok(1), Err(NoAnswer::NotSent)));
    assert_eq!(shared.batches().iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 2, 3, 2, 1]);
    let _four: Vec<_> = (0..4).map(|_| alone(&batcher, "x")).collect();
}

#[tokio::test(start_paused = true)]
async fn cancelled_calls_do_not_make_few_calls_many() {
    let (_, batcher) = batcher(MANY, 10, 10);
    let mut slots: Vec<_> = (0..4).map(|_| alone(&batcher, "x")).collect();
    // Before and behind a call that waits.
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|call| waits(&batcher, call));
    drop((a, c, d));
    slots.truncate(2);
    settle().await;
    let three = batcher.admit("e");
    assert!(matches!(three, Admitted::Alone(..)), "two calls are under way, and one waits behind them");
    drop(b);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_calls_another_slot_took_is_no_small_batch() {
    let sharing = Sharing::WhenMany { few: 2, small: 1 };
    let (shared, batcher) = batcher(Limits { slots: 2, batch: 100, queue: 100, sharing }, 0, 0);
    let slots = (alone(&batcher, "x"), alone(&batcher, "x"));
    let first = [waits(&batcher, "a"), waits(&batcher, "b")];
    drop(slots);
    settle().await;
    // Both slots wait for a connection; the first of them takes both calls.
    shared.0.connections.add_permits(2);
    settle().await;
    assert_eq!(shared.batches(), [vec!["a", "b"], vec![]]);
    let second = [waits(&batcher, "c"), waits(&batcher, "d")];
    shared.0.connections.add_permits(9);
    shared.0.answers.add_permits(9);
    for pending in first.into_iter().chain(second) {
        assert_eq!(pending.wait().await, Ok(2), "sharing ended, although no batch was small");
    }
}

#[test]
fn a_runtime_that_ends_frees_its_slots_and_loses_the_batch_but_not_the_queue() {
    let (shared, batcher) = batcher(BUSY, 2, 1);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (sent, waiting) = first.block_on(async {
        let slot = alone(&batcher, "x");
        let pending = waits(&batcher, "a");
        drop(slot);
        // The first batch is answered, and a second one gets under way.
        pending.wait().await.unwrap();
        let sent = waits(&batcher, "b");
        settle().await;
        (sent, waits(&batcher, "c"))
    });
    assert_eq!(shared.batches(), [["a"], ["b"]]);
    drop(first);
    shared.0.connections.add_permits(1);
    shared.0.answers.add_permits(1);
    second.block_on(async {
        assert_eq!(sent.wait().await, Err(NoAnswer::Lost));
        // The call that waits shares the next batch, which another runtime sends.
        drop(alone(&batcher, "x"));
        assert_eq!(waiting.wait().await, Ok(1));
    });
}

#[test]
fn a_runtime_that_ends_sends_back_the_calls_that_wait_where_many_share() {
    let (shared, batcher) = batcher(MANY, 10, 0);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (first, second) = (runtime(), runtime());
    let waiting = first.block_on(async {
        let slots: Vec<_> = (0..4).map(|_| alone(&batcher, "x")).collect();
        let _a = waits(&batcher, "a");
        drop(slots);
        settle().await;
        waits(&batcher, "b")
    });
    assert_eq!(shared.batches(), [["a"]]);
    drop(first);
    second.block_on(async {
        let answer = tokio::time::timeout(Duration::from_secs(5), waiting.wait()).await;
        assert_eq!(answer, Ok(Err(NoAnswer::NotSent)));
        drop(alone(&batcher, "x"));
    });
}

#[test]
fn a_watch_that_ends_with_its_runtime_is_followed_by_another() {
    let hour = Duration::from_secs(3_600);
    let sharing = Sharing::WhenBusy { stuck: hour, limit: 2 };
    let (_, batcher) = batcher(Limits { sharing, ..BUSY }, 10, 10);
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (first, second) = (runtime(), runtime());
    let (_stuck, b) = first.block_on(async { (alone(&batcher, "x"), waits(&batcher, "b")) });
    drop(first);
    second.block_on(async {
        let c = waits(&batcher, "c");
        assert_eq!(c.wait_until(Instant::now() + 3 * hour).await, Ok(2));
        assert_eq!(b.wait().await, Ok(2));
    });
}
