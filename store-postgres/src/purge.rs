//! Removes expired rows.

use std::sync::{Arc, Mutex, PoisonError};

use hallpass_core::store::Purged;
use hallpass_core::{StoreError, Timestamp};
use sqlx::{PgConnection, Row};
use tokio::time::Instant;

use crate::connection::Connections;
use crate::error::Error;
use crate::feed::Trimmer;
use crate::instant::Instant as DueAt;
use crate::operation::Operation;
use crate::statements::{Statement, Statements};

/// How many rows one statement removes: a few milliseconds of work.
const CHUNK: u32 = 1_000;

/// Purges both tables, each from where its last purge ended.
pub(crate) struct Purger {
    connections: Arc<Connections>,
    trimmer: Trimmer,
    /// Where the next purge of each table begins.
    next: Mutex<[DueAt; 2]>,
}

impl Purger {
    pub(crate) fn new(connections: Arc<Connections>) -> Self {
        let trimmer = Trimmer(Arc::clone(&connections));
        Self { connections, trimmer, next: Mutex::new([DueAt::FIRST; 2]) }
    }

    /// Removes up to `limit` records, a thousand rows at a time, and the due epochs. When half of the time is gone
    /// it stops early and reports that there is more. Before that it trims what was announced to feeds.
    pub(crate) async fn run(&self, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
        let deadline = self.connections.deadline();
        let half = deadline - self.connections.limit() / 2;
        self.trimmer.run(deadline, half - self.connections.limit() / 4).await;
        while self.collect(Table::Epochs, now, CHUNK, deadline).await? == CHUNK && Instant::now() < half {}
        let mut removed = 0;
        while removed < limit {
            let chunk = CHUNK.min(limit - removed);
            let done = match self.collect(Table::Tokens, now, chunk, deadline).await {
                Err(error) if removed > 0 && wrote_nothing(&error) => break,
                done => done?,
            };
            removed += done;
            if done < chunk || Instant::now() >= half {
                break;
            }
        }
        // Fewer rows than asked for may mean that other calls hold the rest.
        let more = match self.is_any_due(now, deadline).await {
            // An error would mean that nothing was removed.
            Err(_) if removed > 0 => true,
            more => more?,
        };
        Ok(Purged { removed: u64::from(removed), more })
    }

    /// Removes up to `limit` due rows and returns how many. Begins where the last purge ended, because an old
    /// snapshot keeps removed rows in the index; begins again from the start if that finds too few.
    async fn collect(
        &self,
        table: Table,
        now: Timestamp,
        limit: u32,
        deadline: Instant,
    ) -> Result<u32, StoreError> {
        let mut removed = 0;
        let mut from = self.begin(table);
        loop {
            let wanted = limit - removed;
            let gone = match self.connections.call(Purge { table, now, limit: wanted, from }, deadline).await
            {
                // The rows removed so far count. The second pass may fail because too many removed rows lie
                // before the next due one.
                Err(error) if removed > 0 && wrote_nothing(&error) => return Ok(removed),
                gone => gone?,
            };
            removed += u32::try_from(gone.rows).unwrap_or(u32::MAX).min(wanted);
            let found_all = removed == limit;
            let last = if found_all { gone.last.unwrap_or(DueAt::FIRST) } else { DueAt::FIRST };
            if found_all || from == DueAt::FIRST {
                self.next.lock().unwrap_or_else(PoisonError::into_inner)[table as usize] = last;
                return Ok(removed);
            }
            from = DueAt::FIRST;
        }
    }

    fn begin(&self, table: Table) -> DueAt {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)[table as usize]
    }

    async fn is_any_due(&self, now: Timestamp, deadline: Instant) -> Result<bool, StoreError> {
        let from = self.begin(Table::Tokens);
        Ok(self.is_due(now, from, deadline).await?
            || from != DueAt::FIRST && self.is_due(now, DueAt::FIRST, deadline).await?)
    }

    async fn is_due(&self, now: Timestamp, from: DueAt, deadline: Instant) -> Result<bool, StoreError> {
        self.connections.call(IsDue { now, from }, deadline).await
    }
}

/// Whether a call with this error has changed nothing.
const fn wrote_nothing(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_) | StoreError::Timeout { outcome_unknown: false, .. })
}

/// The table to purge.
#[derive(Clone, Copy)]
enum Table {
    Tokens,
    Epochs,
}

/// Removes up to `limit` rows that fell due between `from` and `now`.
struct Purge {
    table: Table,
    now: Timestamp,
    limit: u32,
    from: DueAt,
}

/// The number of rows removed, and when the last of them fell due.
struct Gone {
    rows: u64,
    last: Option<DueAt>,
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

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let query = self.statement(sql).query().bind(DueAt::from(self.now)).bind(i64::from(self.limit));
        let row = query.bind(self.from).fetch_one(on).await?;
        Ok(Gone { rows: row.try_get::<i64, _>(0)?.unsigned_abs(), last: row.try_get(1)? })
    }
}

/// Whether a record fell due between `from` and `now`.
struct IsDue {
    now: Timestamp,
    from: DueAt,
}

impl Operation for IsDue {
    type Answer = bool;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let row = sql.due.query().bind(DueAt::from(self.now)).bind(self.from).fetch_one(on).await?;
        row.try_get(0).map_err(Error::from)
    }
}
