//! Batches calls: those that arrive while a statement is under way go into the next one.
//!
//! No timer delays a call. A call that finds a free lane goes straight to the server. Calls that arrive in
//! the meantime wait for a lane and share one statement. Each call gets its own result or error. A call that
//! is dropped while it waits is not sent.

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

/// The most calls that share a statement.
const MAX: usize = 128;
/// How often a lane yields to its callers before it ends: they tend to call again right after an answer.
const PATIENCE: u32 = 2;
/// A statement that takes longer than this usually waits for a lock; other calls need not wait for its lane.
const STUCK: Duration = Duration::from_millis(50);
/// How many calls of one sort may wait for their turn by default: about a second's work of a fast server.
pub(crate) const QUEUE: usize = 16 * 1_024;

/// Batches calls of one sort.
pub(crate) struct Batcher<J: Together>(Arc<Lanes<J>>);

struct Lanes<J: Together> {
    connections: Arc<Connections>,
    /// The most statements under way at the same time, stuck ones not counted.
    most: usize,
    /// The most statements under way at the same time, stuck ones counted.
    limit: usize,
    queue: Mutex<Queue<J>>,
}

struct Queue<J: Together> {
    waiting: VecDeque<Call<J>>,
    /// Whether a [`Watch`] runs for the waiting calls.
    watched: bool,
    /// For each lane, since when its statement is under way; `None` while the lane is free.
    lanes: Vec<Option<Instant>>,
}

struct Call<J: Together> {
    job: J,
    deadline: Instant,
    tell: oneshot::Sender<Result<J::Answer, Trouble>>,
    taken: Arc<AtomicBool>,
}

/// How a call proceeds.
enum Entered<J: Together> {
    /// It goes straight to the server.
    Lane(Lane<J>, J),
    /// It waits, and then shares a statement with others.
    Waits(Told<J>),
    /// It is refused: too many calls wait.
    Full,
}

/// Where a waiting call receives its answer.
struct Told<J: Together> {
    answer: oneshot::Receiver<Result<J::Answer, Trouble>>,
    /// Set either by the lane when it sends the call, or by the caller when it stops waiting, whichever comes
    /// first. So the outcome of a call that was never sent is not in doubt.
    taken: Arc<AtomicBool>,
}

impl<J: Together> Batcher<J> {
    /// Runs at most `most` statements at the same time, and up to `limit` while some of them wait for locks.
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
                // Boxed to keep the future of a waiting call small: each level moves it.
                let answer = Box::pin(self.0.alone(&job, deadline)).await;
                drop(lane);
                return answer;
            }
        };
        // The caller is woken only by its answer or its deadline: tens of thousands may wait.
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

    /// Opens a lane for this job, or adds the job to the queue.
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

/// Opens further lanes for waiting calls while the others are stuck, with one timer for all calls.
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
                // Cleared while the queue is locked, so that the next waiting call starts a new watch.
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
    /// Also runs if the runtime ends before the store.
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
        if self.connections.options().share {
            match self.connections.perform(&All(&[job]), deadline).await {
                Ok(answers) => {
                    if let Some(Some(answer)) = answers.into_iter().next() {
                        return Ok(answer);
                    }
                }
                // The write may have happened, and the result of a second attempt would hide that.
                Err(trouble) if matches!(trouble.what(), What::Lost | What::Unknown) => return Err(trouble),
                Err(_) => {}
            }
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
                // One call may have caused the error, and the others must not fail because of it. Nothing was
                // written.
                What::Undone | What::TooLate | What::Other | What::Refused | What::Corrupt(_) => {
                    batch.into_iter().for_each(|call| self.do_alone(call));
                }
                _ => batch.into_iter().for_each(|call| drop(call.tell.send(Err(trouble.clone())))),
            },
        }
    }

    /// Runs a call by itself, outside the lane: otherwise the lane would wait for the lock that the call
    /// waits for. Only a few calls at a time may wait for locks.
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

    /// Fails the waiting calls that are out of time when there was no connection until `latest`. If the error
    /// came before `latest`, the server gives no connections at all, and every waiting call fails.
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
    /// Returns whether the call may be sent: its caller still waits.
    fn take(&self) -> bool {
        !self.tell.is_closed() && !self.taken.swap(true, Ordering::AcqRel)
    }
}

impl<J: Together> Queue<J> {
    /// Takes the oldest calls from the queue: those whose callers still wait, and at most one for each key.
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

/// The calls of a batch, as one operation.
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
        assert!(open().is_none(), "two lanes are open, where only one may be");
        drop(second);
        assert!(open().is_some());
    }
}
