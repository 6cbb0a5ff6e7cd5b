//! A connection in use: given back when it is sound, thrown away when in doubt.

use sqlx::{AssertSqlSafe, Connection};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Connections, Kept, TEST};
use crate::error::{Trouble, What};
use crate::operation::Operation;

/// A connection in use.
pub(crate) struct Lease<'a> {
    connections: &'a Connections,
    kept: Option<Kept>,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Between two operations.
    Clean,
    /// Amid one; dropped now, its caller is gone.
    Busy { transaction: bool },
    /// Not to be used again.
    Broken,
}

impl<'a> Lease<'a> {
    pub(super) fn new(connections: &'a Connections, kept: Kept) -> Self {
        Self { connections, kept: Some(kept), state: State::Clean }
    }

    /// Does `operation` in time, in a transaction where it needs one.
    pub(super) async fn run<O: Operation>(
        &mut self,
        operation: &O,
        deadline: Instant,
    ) -> Result<O::Answer, Trouble> {
        let Connections { sql, options, .. } = self.connections;
        let Some(kept) = &mut self.kept else { return Err(Trouble::new(What::Other, "no connection")) };
        let begin = (options.pooler || O::TRANSACTION).then(|| options.begin.clone());
        self.state = State::Busy { transaction: begin.is_some() };
        let on = &mut *kept.connection;
        let work = async {
            let Some(begin) = begin else { return operation.run(sql, on).await };
            sqlx::raw_sql(AssertSqlSafe(begin)).execute(&mut *on).await?;
            let answer = operation.run(sql, on).await;
            let end = if answer.is_ok() { "COMMIT" } else { "ROLLBACK" };
            let ended = sqlx::raw_sql(end).execute(on).await.map_err(Trouble::from);
            answer.and_then(|answer| ended.map(|_| answer))
        };
        let done = match timeout_at(deadline, work).await {
            Ok(done) => done,
            Err(_) => Err(Trouble::new(What::Unknown, "no answer in time")),
        };
        self.state = match &done {
            Err(trouble) => match trouble.what() {
                // Its statements may be out of date, or the server no primary any more.
                What::Lost | What::Unknown | What::Undone | What::Refused | What::Unavailable => {
                    State::Broken
                }
                _ => State::Clean,
            },
            Ok(_) => State::Clean,
        };
        done
    }

    /// Whether it answers.
    pub(super) async fn stands(&mut self) -> bool {
        let Some(kept) = &mut self.kept else { return false };
        self.state = State::Broken;
        let stands = matches!(timeout(TEST, kept.connection.ping()).await, Ok(Ok(())));
        if stands {
            self.state = State::Clean;
        }
        stands
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.connections.shelf().leased -= 1;
        let Some(mut kept) = self.kept.take() else { return };
        match (self.state, Handle::try_current()) {
            (State::Clean, Ok(_)) => self.connections.give_back(kept),
            (State::Busy { transaction }, Ok(runtime)) => {
                // Its caller has gone. Opening another costs more than hearing the statement out.
                runtime.spawn(async move {
                    let on = &mut *kept.connection;
                    let tidied = match transaction {
                        true => timeout(TEST, sqlx::raw_sql("ROLLBACK").execute(on))
                            .await
                            .map(|done| done.is_ok()),
                        false => timeout(TEST, on.ping()).await.map(|done| done.is_ok()),
                    };
                    if tidied != Ok(true) {
                        drop(kept.connection.detach());
                    }
                });
            }
            _ => {
                self.connections.shelf().trusted_since = Instant::now();
                // Closes the socket without a word: a word could wait for ever.
                drop(kept.connection.detach());
            }
        }
    }
}
