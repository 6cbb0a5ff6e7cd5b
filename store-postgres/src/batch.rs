//! Sharing statements: what comes while one is under way goes into the next.
//!
//! No call waits for company. One that finds a free lane goes straight to the server; the calls after it wait
//! for as long as that takes, and go together. Each gets its own answer or error, and one that is dropped
//! while it waits is not sent.

mod lane;

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use self::lane::Lane;
use crate::connections::{Connections, Lease};
use crate::error::{Trouble, What};
use crate::operation::{Operation, Together};
use crate::statements::Statements;

/// How many calls share a statement at most.
const MAX: usize = 128;
/// How often the callers of a batch are let on before a lane ends: they tend to come back at once.
const PATIENCE: u32 = 2;
/// A lane whose statement takes longer waits for a lock, and must not keep others waiting.
const STUCK: Duration = Duration::from_millis(50);
/// How many calls of one sort may wait for their turn, unless a test wants fewer: a second's work of a fast server.
pub(crate) const QUEUE: usize = 16 * 1_024;

/// Gathers calls of one sort.
pub(crate) struct Batcher<J: Together>(Arc<Lanes<J>>);

struct Lanes<J: Together> {
    connections: Arc<Connections>,
    /// How many statements may be under way at once, stuck ones not counted.
    most: usize,
    /// The same, stuck ones counted.
    limit: usize,
    queue: Mutex<Queue<J>>,
}

struct Queue<J: Together> {
    waiting: VecDeque<Call<J>>,
    /// Whether a task looks after those who wait.
    watched: bool,
    /// Since when the statement of each lane is under way.
    lanes: Vec<Option<Instant>>,
}

struct Call<J: Together> {
    job: J,
    deadline: Instant,
    tell: oneshot::Sender<Result<J::Answer, Trouble>>,
    taken: Arc<AtomicBool>,
}

/// How a call goes on.
enum Entered<J: Together> {
    /// Straight to the server.
    Lane(Lane<J>, J),
    /// Later, with others.
    Waits(Told<J>),
    /// Not at all: too many wait.
    Full,
}

/// Where a call hears its answer.
struct Told<J: Together> {
    answer: oneshot::Receiver<Result<J::Answer, Trouble>>,
    /// Set by the first of two: the lane that sends the call, or its caller, who waits no longer. So what was
    /// never sent is not in doubt.
    taken: Arc<AtomicBool>,
}

impl<J: Together> Batcher<J> {
    /// At most `most` statements at once; up to `limit` while others wait for locks.
    pub(crate) fn new(connections: Arc<Connections>, most: usize, limit: usize) -> Self {
        let queue = Mutex::new(Queue { waiting: VecDeque::new(), watched: false, lanes: Vec::new() });
        Self(Arc::new(Lanes { connections, most, limit, queue }))
    }

    pub(crate) async fn call(&self, job: J) -> Result<J::Answer, Trouble> {
        let deadline = self.0.connections.deadline();
        let told = match self.enter(job, deadline) {
            Entered::Waits(told) => told,
            Entered::Full => {
                let trouble = Trouble::new(What::Unavailable, "too many calls wait for the server");
                trouble.trace();
                return Err(trouble);
            }
            Entered::Lane(lane, job) => {
                // Boxed, so that the future of a call that only waits stays small: it is moved at each level.
                let answer = Box::pin(self.0.alone(&job, deadline)).await;
                drop(lane);
                return answer;
            }
        };
        // Not woken before there is an answer: tens of thousands may wait.
        let why = match timeout_at(deadline, told.answer).await {
            Ok(Ok(answer)) => return answer,
            Ok(Err(_)) => "the runtime that did the work has ended",
            Err(_) => "no answer in time",
        };
        Err(match told.taken.swap(true, Ordering::AcqRel) {
            true => Trouble::new(What::Unknown, why),
            false => Trouble::no_connection(),
        })
    }

    /// A lane for this job alone, or where its answer will come from.
    fn enter(&self, job: J, deadline: Instant) -> Entered<J> {
        let mut queue = self.0.queue();
        if let Some(lane) = self.0.open(&mut queue) {
            return Entered::Lane(lane, job);
        }
        if queue.waiting.len() >= self.0.connections.options().queue {
            queue.waiting.retain(|call| !call.tell.is_closed());
            if queue.waiting.len() >= self.0.connections.options().queue {
                return Entered::Full;
            }
        }
        let (tell, answer) = oneshot::channel();
        let taken = Arc::new(AtomicBool::new(false));
        queue.waiting.push_back(Call { job, deadline, tell, taken: Arc::clone(&taken) });
        if !queue.watched {
            queue.watched = true;
            tokio::spawn(Watch { lanes: Arc::clone(&self.0), over: false }.keep());
        }
        Entered::Waits(Told { answer, taken })
    }
}

/// Opens a lane for those who wait, if the others are stuck: one timer for all of them.
struct Watch<J: Together> {
    lanes: Arc<Lanes<J>>,
    over: bool,
}

impl<J: Together> Watch<J> {
    async fn keep(mut self) {
        loop {
            sleep(STUCK).await;
            let mut queue = self.lanes.queue();
            if queue.waiting.is_empty() {
                // Under this guard: the next call that waits starts another.
                queue.watched = false;
                drop(queue);
                self.over = true;
                return;
            }
            let lane = self.lanes.open(&mut queue);
            drop(queue);
            drop(lane);
        }
    }
}

impl<J: Together> Drop for Watch<J> {
    /// Also where its runtime ends before the store.
    fn drop(&mut self) {
        if !self.over {
            self.lanes.queue().watched = false;
        }
    }
}

impl<J: Together> Lanes<J> {
    fn queue(&self) -> MutexGuard<'_, Queue<J>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(self: &Arc<Self>, queue: &mut Queue<J>) -> Option<Lane<J>> {
        let open = || queue.lanes.iter().flatten();
        if open().count() >= self.most {
            let moving = open().filter(|since| since.elapsed() < STUCK).count();
            if moving >= self.most || open().count() >= self.limit {
                return None;
            }
        }
        let free = queue.lanes.iter().position(Option::is_none);
        let number = free.unwrap_or(queue.lanes.len());
        if free.is_none() {
            queue.lanes.push(None);
        }
        queue.lanes[number] = Some(Instant::now());
        Some(Lane::new(Arc::clone(self), number))
    }

    async fn alone(&self, job: &J, deadline: Instant) -> Result<J::Answer, Trouble> {
        if self.connections.options().share
            && let Ok(answers) = self.connections.perform(&All(&[job]), deadline).await
            && let Some(Some(answer)) = answers.into_iter().next()
        {
            return Ok(answer);
        }
        self.connections.perform(job, deadline).await
    }

    async fn do_all(self: &Arc<Self>, lease: Lease, batch: Vec<Call<J>>) {
        let all: Vec<_> = batch.iter().map(|call| &call.job).collect();
        let done = self.connections.perform_on(lease, &All(&all), self.connections.deadline()).await;
        match done {
            Ok(answers) => {
                for (call, answer) in batch.into_iter().zip(answers) {
                    match answer {
                        Some(answer) => drop(call.tell.send(Ok(answer))),
                        None => self.do_alone(call),
                    }
                }
            }
            Err(trouble) => match trouble.what() {
                // It may be the fault of one, and the others must not have to bear it. Nothing was written.
                What::Undone | What::TooLate | What::Other | What::Refused | What::Corrupt(_) => {
                    batch.into_iter().for_each(|call| self.do_alone(call));
                }
                _ => batch.into_iter().for_each(|call| drop(call.tell.send(Err(trouble.clone())))),
            },
        }
    }

    /// Outside the lane, which would wait for what this one waits for. Few at a time may wait for locks.
    fn do_alone(self: &Arc<Self>, call: Call<J>) {
        let connections = Arc::clone(&self.connections);
        call.taken.store(false, Ordering::Release);
        tokio::spawn(async move {
            let straggles = match J::WRITES {
                true => connections.straggle(call.deadline).await.map(Some),
                false => Ok(None),
            };
            let acquired = match &straggles {
                Ok(_) => connections.acquire(J::WRITES, call.deadline).await,
                Err(trouble) => Err(trouble.clone()),
            };
            let answer = match acquired {
                Err(trouble) => Err(trouble),
                Ok(_) if !call.take() => return,
                Ok(lease) => connections.perform_on(lease, &call.job, call.deadline).await,
            };
            let _ = call.tell.send(answer);
        });
    }

    /// When there was no connection until `latest`: ends those who may wait no longer either. If it was said before
    /// that, the server gives none at all.
    fn refuse(&self, trouble: &Trouble, latest: Instant) {
        let now = Instant::now();
        let is_over =
            |call: &Call<J>| now < latest || self.connections.acquire_deadline(call.deadline) <= now;
        let mut queue = self.queue();
        let (over, waiting): (VecDeque<_>, _) = queue.waiting.drain(..).partition(is_over);
        queue.waiting = waiting;
        drop(queue);
        for call in over {
            let _ = call.tell.send(Err(trouble.clone()));
        }
    }
}

impl<J: Together> Call<J> {
    /// Whether it may be sent: its caller still waits.
    fn take(&self) -> bool {
        !self.tell.is_closed() && !self.taken.swap(true, Ordering::AcqRel)
    }
}

impl<J: Together> Queue<J> {
    /// The oldest calls, without those whose callers have gone; of equal keys the first.
    fn next(&mut self) -> Vec<Call<J>> {
        let (mut batch, mut later, mut keys) = (Vec::new(), Vec::new(), HashSet::new());
        while batch.len() < MAX
            && let Some(call) = self.waiting.pop_front()
        {
            if call.tell.is_closed() {
                continue;
            }
            if call.job.key().is_some_and(|key| !keys.insert(key)) {
                later.push(call);
            } else if call.take() {
                batch.push(call);
            }
        }
        for call in later.into_iter().rev() {
            self.waiting.push_front(call);
        }
        batch
    }
}

/// A batch.
struct All<'a, J>(&'a [&'a J]);

impl<J: Together> Operation for All<'_, J> {
    type Answer = Vec<Option<J::Answer>>;

    const WRITES: bool = J::WRITES;
    const AGAIN: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        J::run_all(self.0, sql, on).await
    }
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgPoolOptions;

    use super::lane::State;
    use super::*;
    use crate::connections::Options;
    use crate::find::Find;
    use crate::names::Names;

    #[tokio::test]
    async fn the_number_of_a_lane_that_has_ended_is_the_next_ones_alone() {
        let pool = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap();
        let sql = Statements::new(&Names::default(), true, &[]).unwrap();
        let limit = Duration::from_secs(60);
        let begin = "begin".into();
        let options = Options {
            limit,
            keep: true,
            transactions: false,
            direct: true,
            begin,
            share: false,
            queue: QUEUE,
        };
        let batcher = Batcher::<Find>::new(Arc::new(Connections::new(pool, sql, options)), 1, 1);
        let open = || batcher.0.open(&mut batcher.0.queue());
        let mut first = open().unwrap();
        first.state = State::Leads;
        assert!(open().is_none() && first.look(true).is_break());
        let second = open().unwrap();
        drop(first);
        assert!(open().is_none(), "two lanes, where one at once may be open");
        drop(second);
        assert!(open().is_some());
    }
}
