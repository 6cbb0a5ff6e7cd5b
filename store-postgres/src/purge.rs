//! Collecting what is due.

use hallpass_core::Timestamp;
use sqlx::{PgConnection, Row};

use crate::error::Trouble;
use crate::instant::Instant;
use crate::operation::Operation;
use crate::statements::Statements;

/// How many rows one statement removes: some milliseconds of work.
pub(crate) const CHUNK: u32 = 1_000;

/// Removes up to so many records; how many it were.
pub(crate) struct PurgeRecords {
    pub(crate) now: Timestamp,
    pub(crate) limit: u32,
}

impl Operation for PurgeRecords {
    type Answer = u64;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = sql.purge.query().bind(Instant::from(self.now)).bind(i64::from(self.limit));
        Ok(query.execute(on).await?.rows_affected())
    }
}

/// Removes up to a chunk of epochs; how many it were.
pub(crate) struct PurgeEpochs {
    pub(crate) now: Timestamp,
}

impl Operation for PurgeEpochs {
    type Answer = u64;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = sql.purge_epochs.query().bind(Instant::from(self.now)).bind(i64::from(CHUNK));
        Ok(query.execute(on).await?.rows_affected())
    }
}

/// Whether a record is due.
pub(crate) struct IsDue {
    pub(crate) now: Timestamp,
}

impl Operation for IsDue {
    type Answer = bool;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let row = sql.due.query().bind(Instant::from(self.now)).fetch_one(on).await?;
        row.try_get(0).map_err(Trouble::from)
    }
}
