//! A connection whose statement is under way on the server, though no call waits for its answer any more.
//!
//! A commit that waits for a missing standby may stay so for hours, and no limit of time applies to it. Were its
//! connection closed and another opened in its place, the server would have more and more processes for this store,
//! until it had no connection for anybody. So the connection keeps its place until the server has let go of it:
//!
//! - it answers: the connection is as good as new;
//! - it breaks: the process is gone;
//! - the server, asked over another connection, does not know the process any more, or says that it has done its work
//!   and waits for us: then its answer was lost on the way, and the process is ended.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection, Row};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use super::{Connections, Kept, Process};
use crate::error::Trouble;
use crate::operation::Operation;
use crate::statements::Statements;

/// How long an answer may be overdue before the server is asked; and how long that may take.
const OVERDUE: Duration = Duration::from_secs(2);
/// How often, before the place of a connection is given up whose process is not known, behind a pooler.
const LONGEST: u32 = 15;

/// Keeps the place of `kept` until it is known to be free. `transaction`: it is in one, which is rolled back.
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
    // sqlx reads what is outstanding before it sends this.
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
    // A store that is closed waits for no answer that no call waits for.
    let end = pool.close_event().do_until(heard).await.unwrap_or(End::Gone);
    drop(tidied);
    if matches!(end, End::Sound) {
        connections.give_back(kept);
        return;
    }
    // The socket is closed, and the place is free.
    drop(kept.connection.detach());
    drop((doubt, place));
    if let (End::MakesRoom, Some(process)) = (end, process) {
        tracing::warn!("PostgreSQL: every connection is in doubt; one makes room");
        // The next connection tells what became of it.
        let asked = async {
            while !matches!(ask(&connections, process).await, Some(End::Gone)) {
                sleep(OVERDUE).await;
            }
        };
        let _ = pool.close_event().do_until(asked).await;
    }
}

/// What becomes of a connection in doubt.
enum End {
    /// It has answered.
    Sound,
    /// The server's process is gone.
    Gone,
    /// Nothing is known, and without a free place nothing will be.
    MakesRoom,
}

/// Asks the server about `process` over another connection; `None` while it is at work.
async fn ask(connections: &Arc<Connections>, process: Process) -> Option<End> {
    // One at a time, so that few connections are wanted for it.
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

/// Counts one that wrote for as long as it is in doubt.
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
