//! Replaces and deletes records.

use std::sync::Arc;

use hallpass_core::Selector;
use hallpass_core::store::{Record, Replace as Replaced, Revision};
use sqlx::PgConnection;

use crate::error::Error;
use crate::operation::{Answers, Batchable, Operation};
use crate::row::{self, Outcome, number, selectors};
use crate::statements::Statements;

/// Compare-and-swap on the revision.
pub(crate) struct Replace {
    pub(crate) next: Arc<Record>,
    pub(crate) expected: Revision,
}

impl Operation for Replace {
    type Answer = Replaced;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let query = sql.replace.query().bind(self.next.selector.0.to_vec()).bind(number(self.expected));
        let query = row::bind_changing(query, &self.next);
        if query.execute(&mut *on).await?.rows_affected() > 0 {
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
        let query = sql.replace_batch.query().bind(selectors(rows.clone().map(|row| row.selector)));
        let query = query.bind(all.iter().map(|replace| number(replace.expected)).collect::<Vec<_>>());
        let query = row::bind_all_changing(query, rows);
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
        Ok(query.execute(on).await?.rows_affected() > 0)
    }
}
