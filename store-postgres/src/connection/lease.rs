//! A connection in use: returned if it is clean, waited for if it is in doubt, closed if it is broken.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::idle::{IdleConnection, Process};
use super::{Connections, TEST, doubt};
use crate::error::{Error, ErrorClass};
use crate::operation::Operation;

/// A connection in use.
pub(crate) struct Lease {
    connections: Arc<Connections>,
    kept: Option<IdleConnection>,
    /// The permits held while the connection is in use or in doubt. A write holds both.
    place: Option<OwnedSemaphorePermit>,
    pub(super) writer: Option<OwnedSemaphorePermit>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Between two operations.
    Clean,
    /// During an operation. If the lease is dropped now, its caller is gone or out of time, and the server
    /// still works.
    Busy { transaction: bool },
    /// The connection must not be used again. The server does no work for it.
    Broken,
}

impl Lease {
    pub(super) fn new(
        connections: Arc<Connections>,
        kept: IdleConnection,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { connections, kept: Some(kept), place, writer: None, state: State::Clean }
    }

    /// Runs `operation` before the deadline, in a transaction if it needs one.
    pub(super) async fn run<O: Operation>(
        &mut self,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Error> {
        let Connections { sql, options, .. } = &*self.connections;
        let Some(kept) = &mut self.kept else { return Err(Error::new(ErrorClass::Other, "no connection")) };
        let begin = (options.transactions || O::TRANSACTION).then(|| options.begin.clone());
        let busy = State::Busy { transaction: begin.is_some() };
        // Before anything is sent: if this future is dropped from here on, the server may be at work.
        self.state = busy;
        let on = &mut *kept.connection;
        // Whether a transaction could not be rolled back.
        let mut stuck = false;
        let work = async {
            let Some(begin) = begin else { return operation.run(sql, on).await };
            sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut *on).await?;
            let answer = operation.run(sql, on).await;
            let end = if answer.is_ok() { "COMMIT" } else { "ROLLBACK" };
            match (answer, sqlx::raw_sql(end).execute(on).await) {
                (Ok(answer), ended) => ended.map(|_| answer).map_err(Error::from),
                (Err(error), Ok(_)) => Err(error),
                (Err(error), Err(rollback)) => {
                    tracing::debug!(cause = %Error::from(rollback), "PostgreSQL: a transaction is not rolled back");
                    stuck = true;
                    Err(error)
                }
            }
        };
        let done = match timeout_at(deadline, work).await {
            Ok(done) => done,
            Err(_) => Err(Error::new(ErrorClass::Unknown, "no answer in time")),
        };
        self.state = match &done {
            Err(error) if stuck && error.class() != ErrorClass::Unknown => State::Broken,
            Err(error) => match error.class() {
                ErrorClass::Unknown => busy,
                // The prepared statements may be out of date, or the server may no longer be a primary.
                ErrorClass::Lost | ErrorClass::Undone | ErrorClass::Refused | ErrorClass::Unavailable => {
                    State::Broken
                }
                _ => State::Clean,
            },
            Ok(_) => State::Clean,
        };
        if matches!(&done, Err(error) if error.class() == ErrorClass::Unknown) {
            self.connections.distrust();
        }
        done
    }

    /// Returns whether the connection answers.
    pub(super) async fn is_alive(&mut self) -> bool {
        let Some(kept) = &mut self.kept else { return false };
        self.state = State::Busy { transaction: false };
        let answer = timeout(TEST, kept.connection.ping()).await.map(|answer| answer.map_err(Error::from));
        self.state = match &answer {
            Ok(Ok(())) => State::Clean,
            Ok(Err(error)) => {
                tracing::debug!(cause = %error, "PostgreSQL: an idle connection has broken");
                State::Broken
            }
            // Busy: the answer may still come, and the connection keeps its place until then.
            Err(_) => self.state,
        };
        matches!(answer, Ok(Ok(())))
    }

    /// Finds out which process of the server the connection belongs to.
    pub(super) async fn find_process(&mut self) -> Result<(), Error> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        self.state = State::Busy { transaction: false };
        let asked = self.connections.sql.process.query().fetch_optional(&mut *kept.connection).await;
        // Until the row is understood: an early return closes the connection.
        self.state = State::Broken;
        // Nothing of a call has been sent yet.
        let row = asked.map_err(|error| Error::from(error).unsent())?;
        // A user that acts as another user may not see when its own process started.
        kept.process = match row {
            None => None,
            Some(row) => {
                let number = row.try_get(0)?;
                row.try_get::<Option<_>, _>(1)?.map(|since| Process { number, since })
            }
        };
        self.state = State::Clean;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.connections.idle().leased -= 1;
        let Some(kept) = self.kept.take() else { return };
        match (self.state, Handle::try_current()) {
            // The permits are fields, dropped after this.
            (State::Clean, Ok(_)) => self.connections.give_back(kept),
            (State::Busy { transaction }, Ok(runtime)) => {
                let connections = Arc::clone(&self.connections);
                // The permits go along: the connection counts until the server is done with it.
                let permits = (self.place.take(), self.writer.take());
                runtime.spawn(doubt::await_server(connections, kept, permits, transaction));
            }
            _ => {
                self.connections.distrust();
                kept.close();
            }
        }
    }
}
