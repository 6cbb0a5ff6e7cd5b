//! Hears what ended, for a near cache.
//!
//! A statement that ends records inserts a row into `hallpass_changes` in its own transaction. A turn reads the rows of
//! the transactions that were not over at the turn before, and no others ([`Cursor`]). It asks over a connection
//! that nothing else uses, so its snapshot is younger than the question.
//!
//! Rows are removed in steps ([`Trimmer`]). A feed may be one step behind, because a step removes only what was over
//! at the step before it. If the tables were emptied by a crash, their one row in `hallpass_feed` is gone or has
//! another id. Behind a pooler a feed may outlive a restart, or reach a copy of the server: then that row is of another
//! start, and does not count.

mod announced;
mod cursor;
mod standing;
mod trim;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hallpass_core::StoreError;
use hallpass_core::store::{ChangeFeed, Heard, Lost, Proven};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use tokio::time::{Instant, sleep, timeout};

use self::announced::Announced;
use self::cursor::Cursor;
use self::standing::Standing;
use crate::connection::Connections;
use crate::error::{Error, ErrorClass};

pub(crate) use self::trim::{Count, Trimmer};

/// The settings of a poll. The planner takes the tables to be small or large as it last saw them, and would read all of
/// `hallpass_changes`, or compile the plan, or make another one each time.
const SETTINGS: [(&str, &str); 5] = [
    ("jit", "off"),
    ("enable_seqscan", "off"),
    ("max_parallel_workers_per_gather", "0"),
    ("plan_cache_mode", "force_generic_plan"),
    ("bytea_output", "hex"),
];
/// How soon the server notices that the host of a feed has gone without a word, in seconds.
const KEEPALIVES: [(&str, &str); 3] =
    [("tcp_keepalives_idle", "30"), ("tcp_keepalives_interval", "10"), ("tcp_keepalives_count", "3")];
/// How often to look whether a transaction is over.
const PAUSE: Duration = Duration::from_millis(5);

/// What one node hears.
pub(crate) struct Feed {
    connections: Arc<Connections>,
    on: PgConnection,
    seen: Polled,
    standing: Option<Standing>,
}

/// The answer to a poll.
#[derive(Default)]
struct Polled {
    /// The id of the row of `hallpass_feed`.
    id: String,
    /// The number of the last step of trimming.
    pass: i64,
    /// The file of `hallpass_changes`: a table that was truncated or made anew has another one.
    file: i64,
    cursor: Cursor,
}

impl Feed {
    /// Opens a feed within the time of a call.
    pub(crate) async fn open(connections: &Arc<Connections>) -> Result<Self, Error> {
        let opening = timeout(connections.limit(), Self::open_in(connections));
        match connections.pool().close_event().do_until(opening).await {
            Ok(Ok(opened)) => opened,
            Ok(Err(_)) => Err(Error::unanswered()),
            Err(closed) => Err(Error::connecting(&closed)),
        }
    }

    async fn open_in(connections: &Arc<Connections>) -> Result<Self, Error> {
        // A quarter of the time is left for the rest.
        let until = connections.acquire_deadline(connections.deadline());
        let on = connect(connections).await?;
        let (connections, seen) = (Arc::clone(connections), Polled::default());
        let mut feed = Self { connections, on, seen, standing: None };
        let connections = Arc::clone(&feed.connections);
        if connections.options().direct {
            feed.ask(set("set", SETTINGS.into_iter().chain(KEEPALIVES), connections.limit())).await?;
        }
        let server = feed.ask(connections.sql().server.text()).await?;
        if server.first().is_none_or(|row| row.try_get(1).unwrap_or(true)) {
            return Err(Error::standby(ErrorClass::Unavailable));
        }
        let id = feed.let_announce(until).await?;
        feed.seen = match feed.poll(&Cursor::end()).await? {
            Some((seen, _)) if seen.id == id => seen,
            _ => return Err(emptied()),
        };
        if let Some(every) = connections.options().confirm {
            let on = connect(&connections).await?;
            feed.standing = Some(Standing::new(&connections, on, every, &feed.seen.id).await?);
        }
        tracing::debug!("PostgreSQL: a feed is open");
        Ok(feed)
    }

    /// Makes every transaction announce what it ends, and returns the id of the row that does so.
    ///
    /// A transaction may have looked for that row before it was there, and then announces nothing. So the first feed
    /// waits until each of those is over; `queries/delete.sql` says why none is missed.
    async fn let_announce(&mut self, until: Instant) -> Result<String, Error> {
        let connections = Arc::clone(&self.connections);
        let sql = connections.sql();
        // Each time: to go back to an older release is to allow it again.
        self.ask(sql.requires.text()).await?;
        let (id, is_ready) = match self.marked().await? {
            Some(marked) => marked,
            None => {
                self.ask(sql.marker.text()).await?;
                self.marked().await?.ok_or_else(emptied)?
            }
        };
        if is_ready {
            return Ok(id);
        }
        let mut waits_for = self.writers().await?;
        while !waits_for.is_empty() {
            if Instant::now() >= until {
                return Err(Error::new(
                    ErrorClass::TooLate,
                    "a transaction that ended records before there was a feed is still open",
                ));
            }
            sleep(PAUSE).await;
            let still = self.writers().await?;
            waits_for.retain(|writer| still.contains(writer));
        }
        self.ask(sql.ready.plain(&[&id])?).await?;
        Ok(id)
    }

    /// The id of the row that makes statements announce, and whether all transactions have seen it.
    async fn marked(&mut self) -> Result<Option<(String, bool)>, Error> {
        let rows = self.ask(Arc::clone(&self.connections).sql().marked.text()).await?;
        rows.first().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
    }

    async fn writers(&mut self) -> Result<Vec<String>, Error> {
        let rows = self.ask(Arc::clone(&self.connections).sql().writers.text()).await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Reads what was announced since `from`; `None` if the tables were emptied.
    async fn poll(&mut self, from: &Cursor) -> Result<Option<(Polled, Announced)>, Error> {
        let connections = Arc::clone(&self.connections);
        let poll = &connections.sql().poll;
        let rows = if connections.options().direct {
            let query = poll.query().bind(from.xmax.to_string()).bind(from.in_progress.clone());
            query.fetch_all(&mut self.on).await?
        } else {
            // A pooler may give each transaction another session, in which these settings do not last.
            let mut text = set("set local", SETTINGS.into_iter(), connections.limit());
            text.push_str(&poll.plain(&[&from.xmax.to_string(), &from.in_progress])?);
            self.ask(text).await?
        };
        let Some(row) = rows.first() else { return Ok(None) };
        let (id, pass, file) = (row.try_get(0)?, row.try_get(1)?, row.try_get(5)?);
        let polled = Polled { id, pass, file, cursor: Cursor::parse(row.try_get(2)?)? };
        let mut announced = Announced::default();
        for column in [3, 4] {
            announced.read(&row.try_get::<Option<Vec<u8>>, _>(column)?.unwrap_or_default())?;
        }
        Ok(Some((polled, announced)))
    }

    /// Sends statements as one message: nothing is prepared, and a pooler keeps them together.
    async fn ask(&mut self, sql: impl Into<String>) -> Result<Vec<PgRow>, Error> {
        Ok(sqlx::raw_sql(AssertSqlSafe(sql.into())).fetch_all(&mut self.on).await?)
    }

    /// What a poll says about the one before it.
    fn judge(&self, polled: &Polled) -> Result<(), Lost> {
        let Polled { id, pass, file, cursor } = polled;
        if *id != self.seen.id {
            return Err(Lost::Restarted);
        }
        if cursor.xmax < self.seen.cursor.xmax || *pass < self.seen.pass {
            return Err(Lost::Moved);
        }
        if *file != self.seen.file {
            return Err(Lost::Flushed);
        }
        // A step removes what was over at the step before it, and the feed has polled since that one.
        if *pass > self.seen.pass + 1 {
            return Err(Lost::Trimmed);
        }
        Ok(())
    }
}

#[async_trait]
impl ChangeFeed for Feed {
    async fn turn(&mut self, heard: &Heard) -> Result<Proven, StoreError> {
        let connections = Arc::clone(&self.connections);
        let from = self.seen.cursor.clone();
        let polling = timeout(connections.limit(), self.poll(&from));
        let polled = match connections.pool().close_event().do_until(polling).await {
            Ok(Ok(polled)) => polled,
            Ok(Err(_)) => Err(Error::unanswered()),
            Err(closed) => Err(Error::connecting(&closed)),
        };
        let (polled, announced) = match polled {
            Ok(Some(polled)) => polled,
            Ok(None) => return Ok(lost(Lost::Restarted)),
            Err(error) => {
                error.trace();
                // The server gave up on the statement, and the next turn reads from the same place.
                if error.class() == ErrorClass::TooLate {
                    return Err(error.into_error(false));
                }
                return Ok(lost(Lost::Closed));
            }
        };
        if let Err(why) = self.judge(&polled) {
            return Ok(lost(why));
        }
        announced.report(heard);
        self.seen = polled;
        match &mut self.standing {
            None => Ok(Proven::ThisTurn),
            Some(standing) => match standing.is_confirmed().await {
                Some(true) => Ok(Proven::ThisTurn),
                Some(false) => Err(Error::new(
                    ErrorClass::Unavailable,
                    "the synchronous standbys do not confirm that this server is still their primary",
                )
                .into_error(false)),
                None => Ok(lost(Lost::Closed)),
            },
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("pass", &self.seen.pass).finish_non_exhaustive()
    }
}

async fn connect(connections: &Connections) -> Result<PgConnection, Error> {
    let to = connections.pool().connect_options();
    PgConnection::connect_with(&to).await.map_err(|error| Error::connecting(&error))
}

fn lost(why: Lost) -> Proven {
    tracing::warn!(%why, "PostgreSQL: a feed may have missed endings");
    Proven::Lost(why)
}

fn emptied() -> Error {
    Error::new(ErrorClass::Unavailable, "the server restarted while a feed was opened")
}

/// The statements that make these settings, and the server's time limits.
fn set<'a>(verb: &str, settings: impl Iterator<Item = (&'a str, &'a str)>, limit: Duration) -> String {
    let mut text = String::new();
    for (name, value) in settings {
        text.push_str(&format!("{verb} {name} = {value}; "));
    }
    let (statement, lock) = (limit.as_millis().max(1), (limit / 2).as_millis().max(1));
    text.push_str(&format!("{verb} statement_timeout = {statement}; {verb} lock_timeout = {lock}; "));
    text
}
