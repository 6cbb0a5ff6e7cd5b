//! Replaces and deletes records.

use std::sync::Arc;

use hallpass_core::Selector;
use hallpass_core::store::{Record, Replace as Replaced, Revision};
use sqlx::PgConnection;

use crate::columns::{self, number, selectors};
use crate::error::Trouble;
use crate::operation::{Operation, Together};
use crate::statements::Statements;

/// Compare-and-swap on the revision.
#[derive(Clone)]
pub(crate) struct Replace {
    pub(crate) next: Arc<Record>,
    pub(crate) expected: Revision,
}

impl Operation for Replace {
    type Answer = Replaced;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = sql.replace.query().bind(self.next.selector.0.to_vec()).bind(number(self.expected));
        let query = columns::one_changing(query, &self.next);
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

impl Together for Replace {
    type Key = Selector;

    fn key(&self) -> Option<Selector> {
        Some(self.next.selector)
    }

    async fn run_all(
        all: &[&Self],
        sql: &Statements,
        on: &mut PgConnection,
    ) -> Result<Vec<Option<Self::Answer>>, Trouble> {
        let rows = all.iter().map(|replace| &*replace.next);
        let query = sql.replace_batch.query().bind(selectors(rows.clone().map(|row| row.selector)));
        let query = query.bind(all.iter().map(|replace| number(replace.expected)).collect::<Vec<_>>());
        let query = columns::all_changing(query, rows);
        let written = query.fetch_all(on).await?;
        let mut written = written.iter().map(columns::selector).collect::<Result<Vec<_>, _>>()?;
        written.sort_unstable();
        let answer = |replace: &&Self| match written.binary_search(&replace.next.selector) {
            Ok(_) => Some(Replaced::Replaced),
            Err(_) => None,
        };
        Ok(all.iter().map(answer).collect())
    }
}

/// Removes one record, and returns whether it existed.
pub(crate) struct Delete(pub(crate) Selector);

impl Operation for Delete {
    type Answer = bool;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = sql.delete.query().bind(self.0.0.to_vec());
        Ok(query.execute(on).await?.rows_affected() > 0)
    }
}
