//! Calls of one sort share statements: those that arrive while one is under way go into the next.
//!
//! `hallpass_batch` decides which calls share; this file runs a batch. Each call gets its own result or error.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use hallpass_batch::{Admitted, Limits, NoAnswer, Runner, Sharing, Slot, Waiting};
use hallpass_core::StoreError;
use sqlx::PgConnection;
use tokio::time::Instant;

use crate::connection::{Connections, Lease};
use crate::error::{Error, ErrorClass};
use crate::operation::{Batchable, Operation};
use crate::statements::Statements;

/// The most calls that share a statement.
const MAX: usize = 128;
/// A statement that takes longer than this usually waits for a lock; other calls need not wait for its slot.
/// `epoch_batch.sql` waits no longer than this either.
const STUCK: Duration = Duration::from_millis(50);
/// How many calls of one sort may wait for their turn by default: about a second's work of a fast server.
pub(crate) const QUEUE: usize = 16 * 1_024;

/// Batches calls of one sort.
pub(crate) struct Batcher<J: Batchable>(hallpass_batch::Batcher<Statement<J>>);

/// Runs batches, each as one statement.
struct Statement<J> {
    connections: Arc<Connections>,
    sort: PhantomData<fn() -> J>,
}

/// A call, with its deadline.
struct Timed<J> {
    job: J,
    deadline: Instant,
}

type Call<J> = hallpass_batch::Call<Timed<J>, Answer<J>>;
type Answer<J> = Result<<J as Operation>::Answer, Error>;

impl<J: Batchable> Batcher<J> {
    /// Runs at most `most` statements at the same time, and up to `limit` while some of them wait for locks.
    pub(crate) fn new(connections: Arc<Connections>, most: usize, limit: usize) -> Self {
        let queue = connections.options().queue;
        let sharing = Sharing::WhenBusy { stuck: STUCK, limit };
        let limits = Limits { slots: most, batch: MAX, queue, sharing };
        Self(hallpass_batch::Batcher::new(Statement { connections, sort: PhantomData }, limits))
    }

    /// Runs `job` in a batch with others, in time (S12).
    pub(crate) async fn call(&self, job: J) -> Result<J::Answer, StoreError> {
        self.answer(job).await.map_err(|error| error.into_error(J::WRITES))
    }

    async fn answer(&self, job: J) -> Answer<J> {
        let deadline = self.0.runner().connections.deadline();
        let pending = match self.0.admit(Timed { job, deadline }) {
            Admitted::Waits(pending) => pending,
            Admitted::Full(_) => {
                let error = Error::new(ErrorClass::Unavailable, "too many calls wait for the server");
                error.trace();
                return Err(error);
            }
            Admitted::Alone(slot, call) => {
                // Boxed to keep the future of a waiting call small: each level moves it.
                return Box::pin(self.0.runner().run_alone(slot, &call)).await;
            }
        };
        match pending.wait_until(deadline).await {
            Ok(answer) => answer,
            Err(NoAnswer::NotSent) => Err(Error::no_connection()),
            Err(NoAnswer::Late) => Err(Error::new(ErrorClass::Unknown, "no answer in time")),
            Err(NoAnswer::Lost) => {
                Err(Error::new(ErrorClass::Unknown, "the runtime that did the work has ended"))
            }
        }
    }
}

impl<J: Batchable> Runner for Statement<J> {
    type Call = Timed<J>;
    type Answer = Answer<J>;

    /// Gets a connection before it takes the calls, so that they can be cancelled until then.
    async fn run_batch(&self, waiting: Waiting<'_, Timed<J>, Answer<J>>) {
        let Some(deadline) = waiting.oldest(|call| call.deadline) else { return };
        let connections = &self.connections;
        match connections.acquire(J::WRITES, deadline).await {
            // If the error came early, the server gives no connections at all, and every waiting call fails.
            // Otherwise those fail that are out of time.
            Err(error) => {
                let now = Instant::now();
                let all = now < connections.acquire_deadline(deadline);
                let is_over = |call: &Timed<J>| all || connections.acquire_deadline(call.deadline) <= now;
                waiting.refuse(is_over, || Err(error.clone()));
            }
            Ok(lease) => {
                let batch = waiting.take_distinct(|call| call.job.key());
                if !batch.is_empty() {
                    self.run_all(lease, batch).await;
                }
            }
        }
    }
}

impl<J: Batchable> Statement<J> {
    async fn run_alone(&self, slot: Slot<Self>, call: &Timed<J>) -> Answer<J> {
        if !slot.stands_in() && !self.connections.options().share {
            // The slot is dropped after the answer.
            return self.connections.perform(&call.job, call.deadline).await;
        }
        // Other calls of this sort are stuck, usually behind a lock, and this one may be for the same row. The statement
        // for batches does not wait for locks.
        match self.connections.perform(&All(&[&call.job]), call.deadline).await {
            Ok(answers) => {
                if let Some(Some(answer)) = answers.into_iter().next() {
                    return Ok(answer);
                }
            }
            Err(error) if may_be_repeated(error.class()) => {}
            Err(error) => return Err(error),
        }
        drop(slot);
        Self::run_patiently(&self.connections, &call.job, call.deadline, || true).await
    }

    /// Runs a call by itself, outside the slots. Only a few calls at a time may wait for locks. `begin` is asked
    /// before it is sent.
    async fn run_patiently(
        connections: &Arc<Connections>,
        job: &J,
        deadline: Instant,
        begin: impl FnOnce() -> bool,
    ) -> Answer<J> {
        let _lock_wait = match J::WRITES {
            true => Some(connections.lock_wait_permit(deadline).await?),
            false => None,
        };
        let lease = connections.acquire(J::WRITES, deadline).await?;
        match begin() {
            true => connections.perform_on(lease, job, deadline).await,
            false => Err(Error::no_connection()),
        }
    }

    async fn run_all(&self, lease: Lease, batch: Vec<Call<J>>) {
        let all: Vec<_> = batch.iter().map(|call| &call.request().job).collect();
        match self.connections.perform_on(lease, &All(&all), self.connections.deadline()).await {
            Ok(answers) => {
                for (call, answer) in batch.into_iter().zip(answers) {
                    match answer {
                        Some(answer) => call.answer(Ok(answer)),
                        None => self.run_apart(call),
                    }
                }
            }
            Err(error) if may_be_repeated(error.class()) => {
                batch.into_iter().for_each(|call| self.run_apart(call));
            }
            Err(error) => batch.into_iter().for_each(|call| call.answer(Err(error.clone()))),
        }
    }

    /// Runs a call of a batch by itself, outside the slot: otherwise the slot would wait for the lock that the call
    /// waits for.
    fn run_apart(&self, call: Call<J>) {
        let connections = Arc::clone(&self.connections);
        call.release();
        tokio::spawn(async move {
            let Timed { job, deadline } = call.request();
            // If the caller has given up, no one receives the answer.
            let answer = Self::run_patiently(&connections, job, *deadline, || call.take()).await;
            call.answer(answer);
        });
    }
}

/// Whether each call of a batch that failed so is repeated by itself: one of them may have caused the error, and nothing
/// was written.
fn may_be_repeated(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::Undone
            | ErrorClass::TooLate
            | ErrorClass::TooMany
            | ErrorClass::Other
            | ErrorClass::Refused
            | ErrorClass::Corrupt(_)
    )
}

/// The calls of a batch, as one operation.
struct All<'a, J>(&'a [&'a J]);

impl<J: Batchable> Operation for All<'_, J> {
    type Answer = Vec<Option<J::Answer>>;

    const WRITES: bool = J::WRITES;
    const AGAIN: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        J::run_all(self.0, sql, on).await
    }
}
