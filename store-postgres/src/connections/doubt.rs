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

use super::{Connections, Kept, Process};
use crate::error::Trouble;
use crate::operation::Operation;
use crate::statements::Statements;

/// How long an answer may be overdue before the server is asked, and how long asking may take.
const OVERDUE: Duration = Duration::from_secs(2);
/// After how many rounds a connection gives up its place if its process is not known, behind a pooler.
const LONGEST: u32 = 15;

/// Keeps the place of `kept` until it is known to be free. If `transaction` is set, rolls back its
/// transaction.
pub(super) async fn hear_out(
    connections: Arc<Connections>,
    mut kept: Kept,
    (place, writer): (Option<OwnedSemaphorePermit>, Option<OwnedSemaphorePermit>),
    transaction: bool,
) {
    let doubt = Doubt::new(&connections, writer);
    let pool = connections.pool.clone();
    let process = kept.process;
    let on = &mut *kept.connection;
    // sqlx reads the outstanding answer before it sends this.
    let mut tidied = Box::pin(async move {
        match transaction {
            true => sqlx::raw_sql("ROLLBACK").execute(on).await.map(drop),
            false => on.ping().await,
        }
    });
    let heard = async {
        let mut rounds = 0;
        loop {
            if let Ok(tidied) = timeout(OVERDUE, &mut tidied).await {
                return match tidied {
                    Ok(()) => End::Sound,
                    Err(error) => {
                        tracing::debug!(cause = %Trouble::from(error), "PostgreSQL: a connection in doubt has broken");
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
    let end = pool.close_event().do_until(heard).await.unwrap_or(End::Gone);
    drop(tidied);
    if matches!(end, End::Sound) {
        connections.give_back(kept);
        return;
    }
    // Closes the socket and frees the place.
    drop(kept.connection.detach());
    drop((doubt, place));
    if let (End::MakesRoom, Some(process)) = (end, process) {
        tracing::warn!("PostgreSQL: every connection is in doubt; one makes room");
        // Over the next connection, asks what became of the process.
        let asked = async {
            while !matches!(ask(&connections, process).await, Some(End::Gone)) {
                sleep(OVERDUE).await;
            }
        };
        let _ = pool.close_event().do_until(asked).await;
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
    match connections.perform(&Linger(process), deadline).await {
        Ok(true) => None,
        Ok(false) => Some(End::Gone),
        Err(_) => {
            let shelf = connections.shelf();
            (shelf.leased == 0 && shelf.idle.is_empty()).then_some(End::MakesRoom)
        }
    }
}

struct Linger(Process);

impl Operation for Linger {
    type Answer = bool;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = sql.linger.query().bind(self.0.number).bind(self.0.since);
        query.fetch_optional(on).await?.map_or(Ok(false), |row| row.try_get(0)).map_err(Trouble::from)
    }
}

/// Counts a connection that wrote, for as long as it is in doubt.
struct Doubt {
    connections: Arc<Connections>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Doubt {
    fn new(connections: &Arc<Connections>, permit: Option<OwnedSemaphorePermit>) -> Self {
        if permit.is_some() {
            connections.shelf().doubtful_writes += 1;
        }
        Self { connections: Arc::clone(connections), permit }
    }
}

impl Drop for Doubt {
    fn drop(&mut self) {
        if self.permit.is_some() {
            self.connections.shelf().doubtful_writes -= 1;
        }
    }
}
