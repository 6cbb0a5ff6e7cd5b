//! Sharing statements: what comes while one is under way goes into the next.
//!
//! No call waits for company. One that finds a free lane goes straight to the server; the calls after it wait
//! for as long as that takes, and go together. Each gets its own answer or error, and one that is dropped
//! while it waits is not sent.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::connections::Connections;
use crate::error::{Trouble, What};
use crate::operation::{Operation, Together};
use crate::statements::Statements;

/// How many calls share a statement at most.
const MAX: usize = 128;
/// How often the callers of a batch are let on before a lane ends: they tend to come back at once.
const PATIENCE: u32 = 2;
/// A lane whose statement takes longer waits for somebody's lock, and must not keep others waiting.
const STUCK: Duration = Duration::from_millis(50);

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
    /// Since when the statement of each lane is under way.
    lanes: Vec<Option<Instant>>,
}

/// Where a call hears its answer.
type Told<J> = oneshot::Receiver<Result<<J as Operation>::Answer, Trouble>>;

struct Call<J: Together> {
    job: J,
    tell: oneshot::Sender<Result<J::Answer, Trouble>>,
}

impl<J: Together> Batcher<J> {
    /// At most `most` statements at once; up to `limit` while others wait for locks.
    pub(crate) fn new(connections: Arc<Connections>, most: usize, limit: usize) -> Self {
        let queue = Mutex::new(Queue { waiting: VecDeque::new(), lanes: Vec::new() });
        Self(Arc::new(Lanes { connections, most, limit, queue }))
    }

    pub(crate) async fn call(&self, job: J) -> Result<J::Answer, Trouble> {
        let mut told = match self.enter(job) {
            Err(told) => told,
            Ok((lane, job)) => {
                // Boxed, so that the future of a call that only waits stays small: it is moved at each level.
                let answer = Box::pin(self.0.alone(&job)).await;
                drop(lane);
                return answer;
            }
        };
        loop {
            match timeout(STUCK, &mut told).await {
                Ok(Ok(answer)) => return answer,
                Ok(Err(_)) => {
                    return Err(Trouble::new(What::Unknown, "the runtime that did the work has ended"));
                }
                Err(_) => self.relieve(),
            }
        }
    }

    /// A lane for this job alone, or where its answer will come from.
    fn enter(&self, job: J) -> Result<(Lane<J>, J), Told<J>> {
        let mut queue = self.0.queue();
        if let Some(lane) = self.0.open(&mut queue) {
            return Ok((lane, job));
        }
        let (tell, told) = oneshot::channel();
        queue.waiting.push_back(Call { job, tell });
        Err(told)
    }

    /// Opens a lane for those who wait, if the others are stuck.
    fn relieve(&self) {
        let lane = self.0.open(&mut self.0.queue());
        drop(lane);
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
        Some(Lane { lanes: Arc::clone(self), number, leads: false })
    }

    async fn alone(&self, job: &J) -> Result<J::Answer, Trouble> {
        if self.connections.shares()
            && let Ok(answers) = self.connections.perform(&All(&[job])).await
            && let Some(Some(answer)) = answers.into_iter().next()
        {
            return Ok(answer);
        }
        self.connections.perform(job).await
    }

    async fn do_all(self: &Arc<Self>, batch: Vec<Call<J>>) {
        let all: Vec<_> = batch.iter().map(|call| &call.job).collect();
        let done = self.connections.perform(&All(&all)).await;
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
                What::Undone | What::TooLate | What::Other | What::Corrupt(_) => {
                    batch.into_iter().for_each(|call| self.do_alone(call));
                }
                _ => batch.into_iter().for_each(|call| drop(call.tell.send(Err(trouble.clone())))),
            },
        }
    }

    /// Outside the lane, which would wait for whatever this one waits for.
    fn do_alone(self: &Arc<Self>, call: Call<J>) {
        let connections = Arc::clone(&self.connections);
        tokio::spawn(async move {
            let answer = connections.perform(&call.job).await;
            let _ = call.tell.send(answer);
        });
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
            match call.job.key() {
                None => batch.push(call),
                Some(key) => match keys.insert(key) {
                    true => batch.push(call),
                    false => later.push(call),
                },
            }
        }
        for call in later.into_iter().rev() {
            self.waiting.push_front(call);
        }
        batch
    }
}

/// The right to have a statement under way. Dropped, it is handed to a task if anybody waits.
struct Lane<J: Together> {
    lanes: Arc<Lanes<J>>,
    number: usize,
    leads: bool,
}

impl<J: Together> Lane<J> {
    /// Works through the queue.
    async fn lead(self) {
        let mut idle = 0;
        loop {
            let batch = {
                let mut queue = self.lanes.queue();
                let batch = queue.next();
                if batch.is_empty() && idle == PATIENCE {
                    queue.lanes[self.number] = None;
                    return;
                }
                queue.lanes[self.number] = Some(Instant::now());
                batch
            };
            if batch.is_empty() {
                idle += 1;
            } else {
                idle = 0;
                self.lanes.do_all(batch).await;
            }
            tokio::task::yield_now().await;
        }
    }
}

impl<J: Together> Drop for Lane<J> {
    fn drop(&mut self) {
        let mut queue = self.lanes.queue();
        // One that leads and is dropped amid its work belongs to a runtime that ends.
        let runtime = if self.leads { None } else { Handle::try_current().ok() };
        match runtime {
            Some(runtime) if !queue.waiting.is_empty() => {
                drop(queue);
                let lane = Self { lanes: Arc::clone(&self.lanes), number: self.number, leads: true };
                runtime.spawn(lane.lead());
            }
            _ => queue.lanes[self.number] = None,
        }
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
