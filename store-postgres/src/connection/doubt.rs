//! Connections in doubt: the statement still runs on the server, but no call waits for its answer.
//!
//! A commit that waits for a missing standby may wait for hours, and no time limit applies to it. If the
//! store closed that connection and opened another, it would use more and more processes of the server, until
//! none were left. So the connection keeps its place until the server is done with it:
//!
//! - The connection answers: it is as good as new.
//! - It breaks: the process is gone.
//! - The server, asked over another connection, no longer knows the process, or reports that it has finished
//!   and waits for the client. Then its answer was lost on the way, and the process is ended.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection, Row};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::Connections;
use super::idle::{IdleConnection, Process};
use crate::error::Error;
use crate::operation::Operation;
use crate::statements::Statements;

/// How long an answer may be overdue before the server is asked, and how long asking may take.
const OVERDUE: Duration = Duration::from_secs(2);
/// After how many rounds a connection gives up its place if its process is not known, behind a pooler.
const LONGEST: u32 = 15;

/// Keeps the place of `kept` until it is known to be free. If `transaction` is set, rolls back its
/// transaction.
pub(super) async fn await_server(
    connections: Arc<Connections>,
    mut kept: IdleConnection,
    (place, writer): (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>),
    transaction: bool,
) {
    // Counted before the first wait, so that no write waits for long behind this one.
    let doubt = DoubtfulWrite::new(&connections, writer);
    let pool = connections.pool.clone();
    let process = kept.process;
    let on = &mut *kept.connection;
    // sqlx reads the outstanding answer before it sends this.
    let mut answered = Box::pin(async move {
        match transaction {
            true => sqlx::raw_sql("ROLLBACK").execute(on).await.map(drop),
            false => on.ping().await,
        }
    });
    let outcome = async {
        let mut rounds = 0;
        loop {
            if let Ok(answer) = timeout(OVERDUE, &mut answered).await {
                return match answer {
                    Ok(()) => End::Sound,
                    Err(error) => {
                        tracing::debug!(cause = %Error::from(error), "PostgreSQL: a connection in doubt has broken");
                        End::Gone
                    }
                };
            }
            rounds += 1;
            if rounds == 1 {
                tracing::warn!("PostgreSQL: an answer is overdue; its connection keeps its place");
            }
            let end = match process {
                Some(process) => ask(&connections, process).await,
                None => (rounds >= LONGEST).then_some(End::Gone),
            };
            if let Some(end) = end {
                return end;
            }
        }
    };
    // Closing the store ends the wait: no call needs the answer.
    let end = pool.close_event().do_until(outcome).await.unwrap_or(End::Gone);
    drop(answered);
    if matches!(end, End::Sound) {
        // The permits are dropped at the return, after the connection is in the list.
        connections.give_back(kept);
        return;
    }
    kept.close();
    // The socket is closed before the place is free.
    drop((doubt, place));
    if let (End::MakesRoom, Some(process)) = (end, process) {
        tracing::warn!("PostgreSQL: every connection is in doubt; one makes room");
        // Over the next connection, asks what became of the process.
        let gone = async {
            while !matches!(ask(&connections, process).await, Some(End::Gone)) {
                sleep(OVERDUE).await;
            }
        };
        let _ = pool.close_event().do_until(gone).await;
    }
}

/// The end of a connection in doubt.
enum End {
    /// It has answered.
    Sound,
    /// The server's process is gone.
    Gone,
    /// Nothing is known, and no place is free to ask the server.
    MakesRoom,
}

/// Asks the server about `process` over another connection; `None` while it is working.
async fn ask(connections: &Arc<Connections>, process: Process) -> Option<End> {
    // One task at a time, so that asking takes few connections.
    let _alone = connections.asking.lock().await;
    // `acquire` leaves a quarter of a call's time for the work.
    let deadline = Instant::now() + OVERDUE + connections.limit() / 4;
    match connections.perform(&ServerProcess(process), deadline).await {
        Ok(true) => None,
        Ok(false) => Some(End::Gone),
        Err(_) => connections.idle().has_none().then_some(End::MakesRoom),
    }
}

struct ServerProcess(Process);

impl Operation for ServerProcess {
    type Answer = bool;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let query = sql.linger.query().bind(self.0.number).bind(self.0.since);
        query.fetch_optional(on).await?.map_or(Ok(false), |row| row.try_get(0)).map_err(Error::from)
    }
}

/// Counts a connection that wrote, for as long as it is in doubt.
struct DoubtfulWrite {
    connections: Arc<Connections>,
    permit: Option<OwnedSemaphorePermit>,
}

impl DoubtfulWrite {
    fn new(connections: &Arc<Connections>, permit: Option<OwnedSemaphorePermit>) -> Self {
        if permit.is_some() {
            connections.idle().doubtful_writes += 1;
        }
        Self { connections: Arc::clone(connections), permit }
    }
}

impl Drop for DoubtfulWrite {
    fn drop(&mut self) {
        if self.permit.is_some() {
            self.connections.idle().doubtful_writes -= 1;
        }
    }
}
