//! Removes announcements that no feed needs.

use std::sync::Arc;

use sqlx::{PgConnection, Row};
use tokio::time::Instant;

use crate::connection::Connections;
use crate::error::Error;
use crate::operation::Operation;
use crate::statements::Statements;

/// How many announcements one statement removes: some ten milliseconds of work.
const CHUNK: u32 = 10_000;

/// Trims the announcements, a step a minute at most.
pub(crate) struct Trimmer(pub(crate) Arc<Connections>);

impl Trimmer {
    /// Does a step if one is due, and removes what earlier steps allow. Stops at `end`; the next call does the rest.
    ///
    /// An error is traced and no more: it costs space, and the next call tries again.
    pub(crate) async fn run(&self, deadline: Instant, end: Instant) {
        if self.0.perform(&Advance, deadline).await.is_err() {
            return;
        }
        while Instant::now() < end && matches!(self.0.perform(&Trim, deadline).await, Ok(CHUNK..)) {}
    }
}

struct Advance;

impl Operation for Advance {
    type Answer = ();

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<(), Error> {
        sql.advance.query().execute(on).await?;
        Ok(())
    }
}

struct Trim;

impl Operation for Trim {
    type Answer = u32;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<u32, Error> {
        let row = sql.trim.query().bind(i64::from(CHUNK)).fetch_one(on).await?;
        Ok(u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX))
    }
}

/// Counts the announcements.
pub(crate) struct Count;

impl Operation for Count {
    type Answer = u64;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<u64, Error> {
        let row = sql.changes.query().fetch_one(on).await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }
}
