//! Connections: taken, tested after a rest, given back.

mod lease;

pub(crate) use lease::Lease;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::error::{Trouble, What};
use crate::operation::Operation;
use crate::statements::Statements;

/// A connection that rested so long is asked whether it still stands before it is used.
pub(crate) const REST: Duration = Duration::from_secs(2);
/// How long that answer, or a tidying up, may take.
pub(crate) const TEST: Duration = Duration::from_secs(1);
/// How long a connection is kept away from the pool, which looks after its age.
const TERM: Duration = Duration::from_secs(60);
/// How often work that the server undid is begun.
const ATTEMPTS: u32 = 4;
/// While the server gives no connection: how often a task waits for one as long as a call may, and how long the
/// calls wait.
const RETRY: Duration = Duration::from_secs(1);
const HOPELESS: Duration = Duration::from_millis(200);

/// Where operations get their connections.
///
/// sqlx asks the server something each time a connection goes back into a pool. So a store that has the pool
/// to itself keeps idle connections here instead, unless somebody waits for one.
pub(crate) struct Connections {
    pool: PgPool,
    sql: Statements,
    options: Options,
    shelf: Mutex<Shelf>,
}

/// What was decided when the store was opened.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How long a call may take.
    pub(crate) limit: Duration,
    /// Whether idle connections are kept from the pool.
    pub(crate) keep: bool,
    /// Whether every operation is a transaction: a pooler hands each another server connection.
    pub(crate) pooler: bool,
    /// How a transaction begins.
    pub(crate) begin: Arc<str>,
    /// Whether a call that is alone takes the statement for many all the same, to test it.
    pub(crate) share: bool,
}

struct Shelf {
    idle: Vec<Kept>,
    /// How many connections are in use, and how many calls wait for one.
    leased: usize,
    waiting: usize,
    /// While the server gives no connection: when the next task is to wait for one.
    next_try: Option<Instant>,
    /// What was used before is asked first: another connection has broken since.
    trusted_since: Instant,
}

struct Kept {
    connection: PoolConnection<Postgres>,
    taken: Instant,
    used: Instant,
}

impl Connections {
    pub(crate) fn new(pool: PgPool, sql: Statements, options: Options) -> Self {
        let shelf =
            Shelf { idle: Vec::new(), leased: 0, waiting: 0, next_try: None, trusted_since: Instant::now() };
        Self { pool, sql, options, shelf: Mutex::new(shelf) }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.options.limit
    }

    pub(crate) fn shares(&self) -> bool {
        self.options.share
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) fn sql(&self) -> &Statements {
        &self.sql
    }

    /// Closes every connection, those in use once they are given back.
    pub(crate) async fn close(&self) {
        // From here on nothing is kept.
        let closed = self.pool.close();
        let idle = std::mem::take(&mut self.shelf().idle);
        drop(idle);
        closed.await;
    }

    /// When a call that begins now has to have its answer.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.options.limit
    }

    /// Until when a call waits for a connection: a quarter of its time is left for what it is wanted for.
    pub(crate) fn patience(&self, deadline: Instant) -> Instant {
        deadline - self.options.limit / 4
    }

    /// Does `operation` within its time (S12).
    pub(crate) async fn perform<O: Operation>(
        &self,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Trouble> {
        let lease = self.acquire(deadline).await?;
        self.perform_on(lease, operation, deadline).await
    }

    /// Does `operation`, again if the server undid it, or if it only reads and the connection broke.
    pub(crate) async fn perform_on<O: Operation>(
        &self,
        mut lease: Lease<'_>,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Trouble> {
        let mut attempt = 1;
        loop {
            let trouble = match lease.run(operation, deadline).await {
                Ok(answer) => return Ok(answer),
                Err(trouble) => trouble,
            };
            drop(lease);
            let again = match trouble.what() {
                What::Undone => O::AGAIN && attempt < ATTEMPTS,
                What::Lost => !O::WRITES && attempt == 1,
                _ => false,
            };
            if !again || Instant::now() >= deadline {
                return Err(trouble);
            }
            lease = self.acquire(deadline).await?;
            attempt += 1;
        }
    }

    /// A connection that stands, as far as can be told.
    pub(crate) async fn acquire(&self, deadline: Instant) -> Result<Lease<'_>, Trouble> {
        let until = self.hope(self.patience(deadline));
        match timeout_at(until, self.acquire_some()).await {
            Ok(acquired) => acquired,
            Err(_) => {
                self.despair();
                Err(Trouble::no_connection())
            }
        }
    }

    /// Until when to wait for a connection: `patience`, or hardly at all.
    fn hope(&self, patience: Instant) -> Instant {
        let now = Instant::now();
        let mut shelf = self.shelf();
        let Some(next_try) = shelf.next_try else { return patience };
        if next_try <= now {
            shelf.next_try = Some(now + RETRY);
            let pool = self.pool.clone();
            // Found by the next call, in the pool.
            tokio::spawn(async move { pool.acquire().await.map(drop) });
        }
        patience.min(now + HOPELESS)
    }

    /// After waiting in vain: if nobody has a connection, it is the server that gives none.
    fn despair(&self) {
        let mut shelf = self.shelf();
        let nobody_has_one = self.options.keep && shelf.leased == 0 && shelf.idle.is_empty();
        if nobody_has_one && shelf.next_try.is_none() {
            shelf.next_try = Some(Instant::now() + RETRY);
        }
    }

    async fn acquire_some(&self) -> Result<Lease<'_>, Trouble> {
        while let Some((kept, trusted)) = self.take() {
            let mut lease = self.lease(kept);
            if trusted || lease.stands().await {
                return Ok(lease);
            }
        }
        // Counted by `take`, so that whoever is done meanwhile gives to the pool.
        let waiting = Waiting(self);
        let acquired = self.pool.acquire().await;
        drop(waiting);
        let connection = acquired.map_err(|error| Trouble::connecting(&error))?;
        let now = Instant::now();
        self.shelf().next_try = None;
        Ok(self.lease(Kept { connection, taken: now, used: now }))
    }

    fn lease(&self, kept: Kept) -> Lease<'_> {
        self.shelf().leased += 1;
        Lease::new(self, kept)
    }

    /// The connection that was used last, and whether it needs no test; or the caller counts as waiting.
    fn take(&self) -> Option<(Kept, bool)> {
        let mut shelf = self.shelf();
        let Some(kept) = shelf.idle.pop() else {
            shelf.waiting += 1;
            return None;
        };
        let trusted = kept.used >= shelf.trusted_since && kept.used.elapsed() < REST;
        Some((kept, trusted))
    }

    fn give_back(&self, mut kept: Kept) {
        let mut shelf = self.shelf();
        shelf.next_try = None;
        kept.used = Instant::now();
        let keep = self.options.keep && shelf.waiting == 0 && !self.pool.is_closed();
        if keep && kept.taken.elapsed() < TERM {
            shelf.idle.push(kept);
        } else {
            drop(shelf);
            drop(kept);
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connections {
    /// The pool takes connections back in a task, and where there is no runtime it panics.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            let shelf = self.shelf.get_mut().unwrap_or_else(PoisonError::into_inner);
            for kept in shelf.idle.drain(..) {
                drop(kept.connection.detach());
            }
        }
    }
}

struct Waiting<'a>(&'a Connections);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.shelf().waiting -= 1;
    }
}
