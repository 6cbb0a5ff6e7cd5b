//! Removes expired rows.

use hallpass_core::Timestamp;
use sqlx::{PgConnection, Row};

use crate::error::Trouble;
use crate::instant::Instant;
use crate::operation::Operation;
use crate::statements::{Statement, Statements};

/// How many rows one statement removes: a few milliseconds of work.
pub(crate) const CHUNK: u32 = 1_000;

/// The table to purge.
#[derive(Clone, Copy)]
pub(crate) enum Table {
    Tokens,
    Epochs,
}

/// Removes up to `limit` rows that fell due between `from` and `now`.
pub(crate) struct Purge {
    pub(crate) table: Table,
    pub(crate) now: Timestamp,
    pub(crate) limit: u32,
    pub(crate) from: Instant,
}

/// The number of rows removed, and when the last of them fell due.
pub(crate) struct Gone {
    pub(crate) rows: u64,
    pub(crate) last: Option<Instant>,
}

impl Purge {
    fn statement<'a>(&self, sql: &'a Statements) -> &'a Statement {
        match self.table {
            Table::Tokens => &sql.purge,
            Table::Epochs => &sql.purge_epochs,
        }
    }
}

impl Operation for Purge {
    type Answer = Gone;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = self.statement(sql).query().bind(Instant::from(self.now)).bind(i64::from(self.limit));
        let row = query.bind(self.from).fetch_one(on).await?;
        Ok(Gone { rows: row.try_get::<i64, _>(0)?.unsigned_abs(), last: row.try_get(1)? })
    }
}

/// Whether a record fell due between `from` and `now`.
pub(crate) struct IsDue {
    pub(crate) now: Timestamp,
    pub(crate) from: Instant,
}

impl Operation for IsDue {
    type Answer = bool;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let row = sql.due.query().bind(Instant::from(self.now)).bind(self.from).fetch_one(on).await?;
        row.try_get(0).map_err(Trouble::from)
    }
}
