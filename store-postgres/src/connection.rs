//! Provides connections, tests them after a rest, and takes them back.
//!
//! The limit on connections applies to the server. So a connection whose statement still runs there keeps its
//! place even if the caller has gone ([`doubt`]). Writes leave some places to look-ups: only a write waits
//! for a lock or a standby.

mod acquire;
mod doubt;
mod idle;
mod lease;

pub(crate) use lease::Lease;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_core::StoreError;
use sqlx::PgPool;
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use self::idle::{IdleConnection, IdleConnections};
use crate::error::{Error, ErrorClass};
use crate::operation::Operation;
use crate::statements::Statements;

/// The longest timeout: every call ends within it (S12).
pub(crate) const LONGEST: Duration = Duration::from_secs(20);
/// A connection that was idle for this long is tested before it is used.
pub(crate) const REST: Duration = Duration::from_secs(2);
/// How long that test may take.
pub(crate) const TEST: Duration = Duration::from_secs(1);
/// How often an operation is attempted if the server undoes it.
const ATTEMPTS: u32 = 4;
/// Provides connections for operations.
///
/// sqlx sends the server a query each time a connection returns to a pool, and does not tell later which
/// connection it hands out. So a store with a pool of its own keeps idle connections here instead.
pub(crate) struct Connections {
    pool: PgPool,
    sql: Statements,
    options: Options,
    idle: Mutex<IdleConnections>,
    /// One permit for each connection that may be in use or in doubt.
    places: Arc<Semaphore>,
    /// One permit for each connection that may write at a time; only look-ups may use the others.
    writers: Arc<Semaphore>,
    write_limit: usize,
    /// One permit for each call that may wait for a lock by itself, outside the batches.
    lock_waiters: Arc<Semaphore>,
    /// Wakes the calls that wait for a new connection when one is returned.
    returned: Notify,
    /// Held while a task asks the server about a connection in doubt.
    asking: tokio::sync::Mutex<()>,
}

/// The settings with which the store was opened.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How long a call may take.
    pub(crate) limit: Duration,
    /// Whether the store keeps idle connections instead of returning them to the pool.
    pub(crate) keep: bool,
    /// Whether every operation is a transaction, because a pooler gives each a different server connection.
    pub(crate) transactions: bool,
    /// Whether each connection belongs to one process of the server, as it does without a pooler.
    pub(crate) direct: bool,
    /// The statements that begin a transaction.
    pub(crate) begin: Arc<str>,
    /// Whether a single call also uses the statement for batches, to test it.
    pub(crate) share: bool,
    /// How many calls of one sort may wait for their turn.
    pub(crate) queue: usize,
    /// How often a feed asks the standbys whether they follow the server.
    pub(crate) confirm: Option<Duration>,
}

impl Connections {
    pub(crate) fn new(pool: PgPool, sql: Statements, options: Options) -> Self {
        let most = pool.options().get_max_connections() as usize;
        // Look-ups share statements, so two connections of sixteen carry as many as the server can answer.
        let reserved = if most > 1 { (most / 8).max(1) } else { 0 };
        let write_limit = most - reserved;
        Self {
            pool,
            sql,
            options,
            idle: Mutex::new(IdleConnections::new()),
            places: Arc::new(Semaphore::new(most)),
            writers: Arc::new(Semaphore::new(write_limit)),
            write_limit,
            lock_waiters: Arc::new(Semaphore::new((write_limit / 2).max(1))),
            returned: Notify::new(),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn limit(&self) -> Duration {
        self.options.limit
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn sql(&self) -> &Statements {
        &self.sql
    }

    /// Closes every connection; those in use, once they are returned.
    pub(crate) async fn close(&self) {
        // From here on, no connection is kept: the call itself closes the pool, and its future only waits for the
        // connections. So the idle ones go before it is awaited; it would wait for them forever.
        let closed = self.pool.close();
        let idle = std::mem::take(&mut self.idle().connections);
        drop(idle);
        closed.await;
    }

    /// The deadline of a call that begins now.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.options.limit
    }

    /// Until when a call waits for a connection: a quarter of its time is left for the work itself.
    pub(crate) fn acquire_deadline(&self, deadline: Instant) -> Instant {
        deadline - self.options.limit / 4
    }

    /// Runs `operation`, and converts its error for the caller of the store.
    pub(crate) async fn call<O: Operation>(
        self: &Arc<Self>,
        operation: O,
        deadline: Instant,
    ) -> Result<O::Answer, StoreError> {
        let done = self.perform(&operation, deadline).await;
        done.map_err(|error| error.into_error(O::WRITES))
    }

    /// Runs `operation` within its time (S12).
    pub(crate) async fn perform<O: Operation>(
        self: &Arc<Self>,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Error> {
        let lease = self.acquire(O::WRITES, deadline).await?;
        self.perform_on(lease, operation, deadline).await
    }

    /// Runs `operation`, and repeats it if the server undid it, or if it only reads and the connection broke.
    pub(crate) async fn perform_on<O: Operation>(
        self: &Arc<Self>,
        mut lease: Lease,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Error> {
        let mut attempt = 1;
        loop {
            let error = match lease.run(operation, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // Before the next one is acquired: a call that held one place while it waited for another could wait for
            // itself. And a connection in doubt is watched from here on.
            drop(lease);
            let again = match error.class() {
                ErrorClass::Undone => O::AGAIN && attempt < ATTEMPTS,
                ErrorClass::Lost => !O::WRITES && attempt == 1,
                _ => false,
            };
            if !again || Instant::now() >= deadline {
                error.trace();
                return Err(error);
            }
            tracing::debug!(attempt, cause = %error, "PostgreSQL: a statement is tried again");
            lease = self.acquire(O::WRITES, deadline).await?;
            attempt += 1;
        }
    }

    /// Acquires a permit to wait for a lock outside the batches, before the deadline of the call.
    pub(crate) async fn lock_wait_permit(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Error> {
        let permit = Arc::clone(&self.lock_waiters).acquire_owned();
        match timeout_at(self.acquire_deadline(deadline), permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::no_connection()),
        }
    }

    fn idle(&self) -> MutexGuard<'_, IdleConnections> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connections {
    /// Detaches the idle connections if there is no runtime: the pool takes connections back in a task, and
    /// would panic.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
            idle.connections.drain(..).for_each(IdleConnection::close);
        }
    }
}
