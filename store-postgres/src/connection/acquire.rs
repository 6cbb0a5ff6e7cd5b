//! How a call gets a connection, and how the connection comes back.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::Connections;
use super::idle::{Available, IdleConnection};
use super::lease::Lease;
use crate::error::Error;

/// While the server gives no connection: how often a task starts to wait for one, for as long as a call may
/// take, and how long the calls wait.
const RETRY: Duration = Duration::from_secs(1);
const BRIEF: Duration = Duration::from_millis(200);

impl Connections {
    /// Provides a connection that works, as far as the store can tell.
    pub(crate) async fn acquire(self: &Arc<Self>, writes: bool, deadline: Instant) -> Result<Lease, Error> {
        let until = self.acquire_limit(writes, self.acquire_deadline(deadline));
        match timeout_at(until, self.acquire_some(writes)).await {
            Ok(acquired) => acquired.inspect_err(|error| self.note_failure(error, false)),
            Err(_) => {
                let error = Error::no_connection();
                self.note_failure(&error, true);
                Err(error)
            }
        }
    }

    /// Until when to wait for a connection: until `latest`, or only briefly if the server gives none.
    fn acquire_limit(&self, writes: bool, latest: Instant) -> Instant {
        let now = Instant::now();
        let brief = latest.min(now + BRIEF);
        let mut idle = self.idle();
        if writes && idle.doubtful_writes >= self.write_limit {
            return brief;
        }
        let Some(next_try) = idle.next_try else { return latest };
        if next_try <= now {
            // Set under the lock, so that of all calls that find it due only this one starts a task.
            idle.next_try = Some(now + RETRY);
            let pool = self.pool.clone();
            // The connection goes into the pool, where the next call finds it.
            tokio::spawn(async move { pool.acquire().await.map(drop) });
        }
        brief
    }

    /// Notes that a call got no connection. If the store has no connection at all, the server gives none;
    /// after a wait in vain, other calls wait only briefly.
    fn note_failure(&self, error: &Error, in_vain: bool) {
        let mut idle = self.idle();
        if !self.options.keep || !idle.has_none() {
            return;
        }
        if in_vain && idle.next_try.is_none() {
            idle.next_try = Some(Instant::now() + RETRY);
        }
        if !std::mem::replace(&mut idle.is_down, true) {
            tracing::warn!(error = %error, cause = error.cause(), "PostgreSQL gives no connection");
        }
    }

    fn note_connection(&self) {
        let mut idle = self.idle();
        idle.next_try = None;
        if std::mem::take(&mut idle.is_down) {
            tracing::info!("PostgreSQL gives connections again");
        }
    }

    async fn acquire_some(self: &Arc<Self>, writes: bool) -> Result<Lease, Error> {
        // A write gets its permit to write before its place. In the other order, writes that wait for a permit would
        // hold the places that are reserved for look-ups. Neither semaphore is ever closed.
        let writer = match writes {
            false => None,
            true => Arc::clone(&self.writers).acquire_owned().await.ok(),
        };
        loop {
            let place = Arc::clone(&self.places).acquire_owned().await.ok();
            let idle = self.idle().take();
            let available = match idle {
                Some(available) => available,
                None => self.open().await?,
            };
            let mut lease = match available {
                Available::Idle(kept, is_trusted) => {
                    let mut lease = self.lease(kept, place);
                    // A lease whose connection does not answer gives up its place when it is dropped here, or keeps
                    // it until the server is done with the connection. Either way the next one needs its own.
                    if !is_trusted && !lease.is_alive().await {
                        continue;
                    }
                    lease
                }
                Available::New(connection) => {
                    self.note_connection();
                    let mut lease = self.lease(IdleConnection::new(connection), place);
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
    async fn open(&self) -> Result<Available, Error> {
        // One attempt for the whole wait: begun anew at each wake-up below, it would never end in a busy store.
        let mut opening = pin!(self.pool.acquire());
        let mut opened = timeout(BRIEF, &mut opening).await.ok();
        loop {
            if let Some(opened) = opened {
                return opened.map(Available::New).map_err(|error| Error::connecting(&error));
            }
            // Registered before the look at the idle connections: one that is returned in between is noticed.
            let mut returned = pin!(self.returned.notified());
            let idle = self.idle().take();
            if let Some(available) = idle {
                return Ok(available);
            }
            opened = poll_fn(|context| match opening.as_mut().poll(context) {
                Poll::Ready(opened) => Poll::Ready(Some(opened)),
                Poll::Pending => returned.as_mut().poll(context).map(|()| None),
            })
            .await;
        }
    }

    fn lease(self: &Arc<Self>, kept: IdleConnection, place: Option<OwnedSemaphorePermit>) -> Lease {
        self.idle().leased += 1;
        Lease::new(Arc::clone(self), kept, place)
    }

    /// Returns a connection. Its permits must be released afterwards, so that the next call with a permit finds it.
    pub(super) fn give_back(&self, mut kept: IdleConnection) {
        let mut idle = self.idle();
        idle.next_try = None;
        kept.touch();
        // Both under the lock that `Connections::close` takes after it has closed the pool. So no connection is kept
        // after it has emptied the list.
        if !self.options.keep || self.pool.is_closed() {
            drop(idle);
            drop(kept);
        } else if kept.is_old() {
            drop(idle);
            // The server's process is idle, so it ends.
            kept.close();
        } else {
            // In the list before the calls are woken: each looks there at once.
            idle.connections.push(kept);
            drop(idle);
            self.returned.notify_waiters();
        }
    }

    /// Requires a test of every connection that was used before.
    pub(super) fn distrust(&self) {
        self.idle().trusted_since = Instant::now();
    }
}
