//! Provides connections, tests them after a rest, and takes them back.
//!
//! The limit on connections applies to the server. So a connection whose statement still runs there keeps its
//! place even if the caller has gone ([`doubt`]). Writes leave some places to look-ups: only a write waits
//! for a lock or a standby.

mod doubt;
mod lease;

pub(crate) use lease::Lease;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{Trouble, What};
use crate::operation::Operation;
use crate::statements::Statements;

/// A connection that was idle for this long is tested before it is used.
pub(crate) const REST: Duration = Duration::from_secs(2);
/// How long that test may take.
pub(crate) const TEST: Duration = Duration::from_secs(1);
/// The age at which a connection is closed.
const AGE: Duration = Duration::from_secs(30 * 60);
/// How often an operation is attempted if the server undoes it.
const ATTEMPTS: u32 = 4;
/// While the server gives no connection: how often a task starts to wait for one, for as long as a call may
/// take, and how long the calls wait.
const RETRY: Duration = Duration::from_secs(1);
const BRIEF: Duration = Duration::from_millis(200);

/// Provides connections for operations.
///
/// sqlx sends the server a query each time a connection returns to a pool, and does not tell later which
/// connection it hands out. So a store with a pool of its own keeps idle connections here instead.
pub(crate) struct Connections {
    pool: PgPool,
    sql: Statements,
    options: Options,
    shelf: Mutex<Shelf>,
    /// One permit for each connection that may be in use or in doubt.
    places: Arc<Semaphore>,
    /// One permit for each connection that may write at a time; only look-ups may use the others.
    writers: Arc<Semaphore>,
    write_limit: usize,
    /// One permit for each call that may wait for a lock by itself, outside the batches.
    stragglers: Arc<Semaphore>,
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
}

struct Shelf {
    idle: Vec<Kept>,
    /// How many connections are in use.
    leased: usize,
    /// How many connections that wrote are in doubt.
    doubtful_writes: usize,
    /// While the server gives no connection: when the next task may start to wait for one.
    next_try: Option<Instant>,
    /// Whether the outage was logged.
    is_down: bool,
    /// Connections last used before this instant are tested first, because another one has broken since.
    trusted_since: Instant,
}

struct Kept {
    connection: PoolConnection<Postgres>,
    /// The process of the server, if known.
    process: Option<Process>,
    opened: Instant,
    used: Instant,
}

/// A connection for a call.
enum Found {
    /// It was used before; `true` if it needs no test.
    Kept(Kept, bool),
    New(PoolConnection<Postgres>),
}

/// A process of the server: its number, and when it started.
#[derive(Clone, Copy, Debug)]
struct Process {
    number: i32,
    since: crate::instant::Instant,
}

impl Connections {
    pub(crate) fn new(pool: PgPool, sql: Statements, options: Options) -> Self {
        let shelf = Shelf {
            idle: Vec::new(),
            leased: 0,
            doubtful_writes: 0,
            next_try: None,
            is_down: false,
            trusted_since: Instant::now(),
        };
        let most = pool.options().get_max_connections() as usize;
        // Look-ups share statements, so two connections of sixteen carry as many as the server can answer.
        let reserved = if most > 1 { (most / 8).max(1) } else { 0 };
        let write_limit = most - reserved;
        Self {
            pool,
            sql,
            options,
            shelf: Mutex::new(shelf),
            places: Arc::new(Semaphore::new(most)),
            writers: Arc::new(Semaphore::new(write_limit)),
            write_limit,
            stragglers: Arc::new(Semaphore::new((write_limit / 2).max(1))),
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
        // From here on, no connection is kept.
        let closed = self.pool.close();
        let idle = std::mem::take(&mut self.shelf().idle);
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

    /// Runs `operation` within its time (S12).
    pub(crate) async fn perform<O: Operation>(
        self: &Arc<Self>,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Trouble> {
        let lease = self.acquire(O::WRITES, deadline).await?;
        self.perform_on(lease, operation, deadline).await
    }

    /// Runs `operation`, and repeats it if the server undid it, or if it only reads and the connection broke.
    pub(crate) async fn perform_on<O: Operation>(
        self: &Arc<Self>,
        mut lease: Lease,
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
                trouble.trace();
                return Err(trouble);
            }
            tracing::debug!(attempt, cause = %trouble, "PostgreSQL: a statement is tried again");
            lease = self.acquire(O::WRITES, deadline).await?;
            attempt += 1;
        }
    }

    /// Acquires a permit to wait for a lock outside the batches, before the deadline of the call.
    pub(crate) async fn straggle(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, Trouble> {
        let permit = Arc::clone(&self.stragglers).acquire_owned();
        match timeout_at(self.acquire_deadline(deadline), permit).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Trouble::no_connection()),
        }
    }

    /// Provides a connection that works, as far as the store can tell.
    pub(crate) async fn acquire(self: &Arc<Self>, writes: bool, deadline: Instant) -> Result<Lease, Trouble> {
        let until = self.acquire_limit(writes, self.acquire_deadline(deadline));
        match timeout_at(until, self.acquire_some(writes)).await {
            Ok(acquired) => acquired.inspect_err(|trouble| self.note_failure(trouble, false)),
            Err(_) => {
                let trouble = Trouble::no_connection();
                self.note_failure(&trouble, true);
                Err(trouble)
            }
        }
    }

    /// Until when to wait for a connection: until `latest`, or only briefly if the server gives none.
    fn acquire_limit(&self, writes: bool, latest: Instant) -> Instant {
        let now = Instant::now();
        let brief = latest.min(now + BRIEF);
        let mut shelf = self.shelf();
        if writes && shelf.doubtful_writes >= self.write_limit {
            return brief;
        }
        let Some(next_try) = shelf.next_try else { return latest };
        if next_try <= now {
            shelf.next_try = Some(now + RETRY);
            let pool = self.pool.clone();
            // The connection goes into the pool, where the next call finds it.
            tokio::spawn(async move { pool.acquire().await.map(drop) });
        }
        brief
    }

    /// Notes that a call got no connection. If the store has no connection at all, the server gives none;
    /// after a wait in vain, other calls wait only briefly.
    fn note_failure(&self, trouble: &Trouble, in_vain: bool) {
        let mut shelf = self.shelf();
        let none_is_there = self.options.keep && shelf.leased == 0 && shelf.idle.is_empty();
        if !none_is_there {
            return;
        }
        if in_vain && shelf.next_try.is_none() {
            shelf.next_try = Some(Instant::now() + RETRY);
        }
        if !std::mem::replace(&mut shelf.is_down, true) {
            tracing::warn!(error = %trouble, cause = trouble.cause(), "PostgreSQL gives no connection");
        }
    }

    async fn acquire_some(self: &Arc<Self>, writes: bool) -> Result<Lease, Trouble> {
        // Neither semaphore is ever closed.
        let writer = match writes {
            false => None,
            true => Arc::clone(&self.writers).acquire_owned().await.ok(),
        };
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            let found = match self.take() {
                Some((kept, trusted)) => Found::Kept(kept, trusted),
                None => self.open().await?,
            };
            let mut lease = match found {
                Found::Kept(kept, trusted) => {
                    let mut lease = self.lease(kept, place);
                    if !trusted && !lease.stands().await {
                        continue;
                    }
                    lease
                }
                Found::New(connection) => {
                    self.note_connection();
                    let now = Instant::now();
                    let mut lease =
                        self.lease(Kept { connection, process: None, opened: now, used: now }, place);
                    if self.options.keep && self.options.direct {
                        lease.find_process().await?;
                    }
                    lease
                }
            };
            lease.writer = writer;
            return Ok(lease);
        }
    }

    /// Opens a connection; if the server has none left, takes the first one that is returned.
    async fn open(&self) -> Result<Found, Trouble> {
        let mut opening = pin!(self.pool.acquire());
        let mut opened = timeout(BRIEF, &mut opening).await.ok();
        loop {
            if let Some(opened) = opened {
                return opened.map(Found::New).map_err(|error| Trouble::connecting(&error));
            }
            let mut returned = pin!(self.returned.notified());
            if let Some((kept, trusted)) = self.take() {
                return Ok(Found::Kept(kept, trusted));
            }
            opened = poll_fn(|context| match opening.as_mut().poll(context) {
                Poll::Ready(opened) => Poll::Ready(Some(opened)),
                Poll::Pending => returned.as_mut().poll(context).map(|()| None),
            })
            .await;
        }
    }

    fn note_connection(&self) {
        let mut shelf = self.shelf();
        shelf.next_try = None;
        if std::mem::take(&mut shelf.is_down) {
            tracing::info!("PostgreSQL gives connections again");
        }
    }

    fn lease(self: &Arc<Self>, kept: Kept, place: Option<OwnedSemaphorePermit>) -> Lease {
        self.shelf().leased += 1;
        Lease::new(Arc::clone(self), kept, place)
    }

    /// Takes the connection that was used last; `true` if it needs no test.
    fn take(&self) -> Option<(Kept, bool)> {
        let shelf = &mut self.shelf();
        let kept = shelf.idle.pop()?;
        let trusted = kept.used >= shelf.trusted_since && kept.used.elapsed() < REST;
        Some((kept, trusted))
    }

    /// Returns a connection, before its permits are released.
    fn give_back(&self, mut kept: Kept) {
        let mut shelf = self.shelf();
        shelf.next_try = None;
        kept.used = Instant::now();
        if !self.options.keep || self.pool.is_closed() {
            drop(shelf);
            drop(kept);
        } else if kept.opened.elapsed() < AGE {
            shelf.idle.push(kept);
            drop(shelf);
            self.returned.notify_waiters();
        } else {
            // Closes the socket. The server's process is idle, so it ends.
            drop(shelf);
            drop(kept.connection.detach());
        }
    }

    /// Requires a test of every connection that was used before.
    fn distrust(&self) {
        self.shelf().trusted_since = Instant::now();
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connections {
    /// Detaches the idle connections if there is no runtime: the pool takes connections back in a task, and
    /// would panic.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            let shelf = self.shelf.get_mut().unwrap_or_else(PoisonError::into_inner);
            for kept in shelf.idle.drain(..) {
                drop(kept.connection.detach());
            }
        }
    }
}
