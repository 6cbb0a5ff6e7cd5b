//! Whether the server is still the primary of its synchronous standbys.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use hallpass_core::error_chain;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use tokio::time::Instant;

use super::{KEEPALIVES, emptied, set};
use crate::connection::Connections;
use crate::error::{Error, ErrorClass};

type Answer = (PgConnection, Result<(), Error>);

/// Asks the synchronous standbys, over and over, whether they still follow this server, by a commit that waits for
/// them.
///
/// A standby that is promoted stops following before it accepts a write. So if it has received a commit, it had not
/// been promoted when that commit was asked for. (While the machine is suspended, the age of a confirmation does not
/// grow.)
pub(super) struct Standing {
    every: Duration,
    questions: Questions,
    /// A connection of its own, because the commit blocks it. It is not opened again: the feed is lost with it.
    state: State,
    /// When the last question began.
    began: Option<Instant>,
    /// When the last question began that was confirmed.
    confirmed: Option<Instant>,
}

/// What is asked, and the id of the feed's row, which tells its server from others.
#[derive(Clone)]
struct Questions {
    probe: String,
    still: String,
    id: String,
}

enum State {
    Idle(PgConnection),
    /// The question goes on while the feed has its turns.
    Asked(Pin<Box<dyn Future<Output = Answer> + Send>>),
    Closed,
}

impl Standing {
    /// Prepares a connection for the questions. `id` is that of the feed's row.
    ///
    /// # Errors
    /// [`ErrorClass::Refused`] if the server has no synchronous standbys; others if it fails, or is another one.
    pub(super) async fn new(
        connections: &Connections,
        mut on: PgConnection,
        every: Duration,
        id: &str,
    ) -> Result<Self, Error> {
        // The server cancels a question that counts no more. So a feed that is dropped leaves no process behind.
        let settings = KEEPALIVES.into_iter().chain([("synchronous_commit", "on")]);
        say(&mut on, set("set", settings, every * 2)).await?;
        let (id, sql) = (id.to_owned(), connections.sql());
        let still = sql.standing.text().to_owned();
        check(&mut on, &still, &id).await?;
        let questions = Questions { probe: sql.probe.text().to_owned(), still, id };
        Ok(Self { every, questions, state: State::Idle(on), began: None, confirmed: None })
    }

    /// Whether the standbys have confirmed the server, as of a moment at most twice `every` ago; `None` if the
    /// connection has ended. Begins the next question if it is due, and waits for nothing.
    pub(super) async fn is_confirmed(&mut self) -> Option<bool> {
        self.hear().await;
        if self.began.is_none_or(|at| at.elapsed() >= self.every) {
            self.begin();
            // It is sent when it is polled.
            self.hear().await;
        }
        let is_recent = self.confirmed.is_some_and(|at| at.elapsed() <= self.every * 2);
        (!matches!(self.state, State::Closed)).then_some(is_recent)
    }

    fn begin(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Closed) {
            State::Idle(on) => {
                self.began = Some(Instant::now());
                State::Asked(Box::pin(ask(on, self.questions.clone())))
            }
            other => other,
        };
    }

    /// Takes the answer to the question under way, if it has come.
    async fn hear(&mut self) {
        let State::Asked(question) = &mut self.state else { return };
        let Poll::Ready((on, answer)) = poll_fn(|context| Poll::Ready(question.as_mut().poll(context))).await
        else {
            return;
        };
        self.state = State::Idle(on);
        match answer {
            Ok(()) => self.confirmed = self.began,
            Err(error) => {
                tracing::debug!(error = error_chain(&error), "PostgreSQL: a primary is not confirmed");
                if matches!(error.class(), ErrorClass::Lost | ErrorClass::Unavailable) {
                    self.state = State::Closed;
                }
            }
        }
    }
}

async fn ask(mut on: PgConnection, questions: Questions) -> Answer {
    let Questions { probe, still, id } = questions;
    let answer = async {
        say(&mut on, probe).await?;
        // Without standbys the commit waited for nothing. After it, because the setting may have changed meanwhile.
        check(&mut on, &still, &id).await
    }
    .await;
    (on, answer)
}

/// Checks that this is still the server that the feed reads, and that its commits wait for standbys.
async fn check(on: &mut PgConnection, still: &str, id: &str) -> Result<(), Error> {
    let row = say(on, still).await?.pop().ok_or_else(emptied)?;
    if row.try_get::<&str, _>(0)? != id {
        return Err(emptied());
    }
    match row.try_get(1)? {
        true => Ok(()),
        false => Err(Error::refused(
            "this server has no synchronous standbys (synchronous_standby_names), which Builder::confirm_primary needs",
        )),
    }
}

async fn say(on: &mut PgConnection, sql: impl Into<String>) -> Result<Vec<PgRow>, Error> {
    Ok(sqlx::raw_sql(AssertSqlSafe(sql.into())).fetch_all(on).await?)
}
