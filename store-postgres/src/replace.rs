//! Replaces and deletes records.

use std::sync::Arc;

use hallpass_core::Selector;
use hallpass_core::store::{Record, Replace as Replaced, Revision};
use sqlx::{PgConnection, Row};

use crate::error::Error;
use crate::operation::{Answers, Batchable, Operation};
use crate::row::{self, Outcome, number, selectors};
use crate::statements::Statements;

/// Compare-and-swap on the revision.
pub(crate) struct Replace {
    pub(crate) next: Arc<Record>,
    pub(crate) expected: Revision,
    /// Whether the write ends the record, which is then announced.
    pub(crate) ends: bool,
}

impl Operation for Replace {
    type Answer = Replaced;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let statement = if self.ends { &sql.end } else { &sql.replace };
        let query = statement.query().bind(self.next.selector.0.to_vec()).bind(number(self.expected));
        let query = row::bind_changing(query, &self.next);
        let written = match self.ends {
            true => query.fetch_one(&mut *on).await?.try_get::<i64, _>(0)? > 0,
            false => query.execute(&mut *on).await?.rows_affected() > 0,
        };
        if written {
            return Ok(Replaced::Replaced);
        }
        // A separate statement: only a later snapshot makes "missing" true. A conflict may be spurious.
        let query = sql.exists.query().bind(selectors([self.next.selector].into_iter()));
        Ok(match query.fetch_optional(on).await? {
            Some(_) => Replaced::Conflict,
            None => Replaced::Missing,
        })
    }
}

impl Batchable for Replace {
    fn key(&self) -> Option<Selector> {
        Some(self.next.selector)
    }

    async fn run_all(all: &[&Self], sql: &Statements, on: &mut PgConnection) -> Answers<Self> {
        let rows = all.iter().map(|replace| &*replace.next);
        // A batch that ends nothing costs no more for the feed.
        let ends = all.iter().any(|replace| replace.ends);
        let statement = if ends { &sql.end_batch } else { &sql.replace_batch };
        let query = statement.query().bind(selectors(rows.clone().map(|row| row.selector)));
        let query = query.bind(all.iter().map(|replace| number(replace.expected)).collect::<Vec<_>>());
        let mut query = row::bind_all_changing(query, rows);
        if ends {
            query = query.bind(all.iter().map(|replace| replace.ends).collect::<Vec<_>>());
        }
        let outcomes = row::outcomes(&query.fetch_all(on).await?)?;
        let answer = |replace: &&Self| match outcomes.get(&replace.next.selector)? {
            Outcome::Done => Some(Replaced::Replaced),
            Outcome::Conflict => Some(Replaced::Conflict),
            Outcome::Absent => Some(Replaced::Missing),
        };
        Ok(all.iter().map(answer).collect())
    }
}

/// Removes one record, and returns whether it existed.
pub(crate) struct Delete(pub(crate) Selector);

impl Operation for Delete {
    type Answer = bool;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let query = sql.delete.query().bind(self.0.0.to_vec());
        Ok(query.fetch_one(on).await?.try_get::<i64, _>(0)? > 0)
    }
}
