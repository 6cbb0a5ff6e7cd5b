//! Looks up records, and lists those of a subject.

use std::collections::HashMap;

use hallpass_core::store::{Listed, Page, Record};
use hallpass_core::{Selector, Subject};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use crate::error::Error;
use crate::instant::Instant;
use crate::operation::{Answers, Batchable, Operation};
use crate::revoke::{kinds, purposes};
use crate::row::{self, selectors};
use crate::statements::Statements;

/// The record of a selector.
pub(crate) struct Find(pub(crate) Selector);

impl Operation for Find {
    type Answer = Option<Record>;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let query = sql.find.query().bind(self.0.0.to_vec());
        let row = query.fetch_one(on).await?;
        row::of_primary(&[row])?.first().map(row::record).transpose()
    }
}

impl Batchable for Find {
    fn key(&self) -> Option<Selector> {
        None
    }

    async fn run_all(all: &[&Self], sql: &Statements, on: &mut PgConnection) -> Answers<Self> {
        let query = sql.find_batch.query().bind(selectors(all.iter().map(|find| find.0)));
        let rows = query.fetch_all(on).await?;
        let found = row::of_primary(&rows)?.iter().map(|row| Ok((row::selector(row)?, row)));
        let found = found.collect::<Result<HashMap<_, _>, Error>>()?;
        let answer = |find: &&Self| match found.get(&find.0) {
            None => Some(None),
            // A row that does not decode is read again by itself, so that only its own caller gets the error.
            Some(row) => row::record(row).ok().map(Some),
        };
        Ok(all.iter().map(answer).collect())
    }
}

/// One page of a subject's records.
pub(crate) struct List<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) page: &'a Page,
}

impl Operation for List<'_> {
    type Answer = Vec<Listed>;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let (created, selector) = match self.page.after {
            None => (Instant::LAST, Vec::new()),
            Some((created, selector)) => (created.into(), selector.0.to_vec()),
        };
        let query = sql.list_by_subject.query().bind(self.subject.as_str().to_owned());
        let query = query.bind(kinds(&self.page.kinds)).bind(purposes(self.page.purposes));
        let query = query.bind(created).bind(selector).bind(i64::from(self.page.limit.get()));
        let rows = query.fetch_all(on).await?;
        row::of_primary(&rows)?.iter().map(listed).collect()
    }
}

/// Reads a row of a list. A row that does not decode keeps its place and hides no other row.
fn listed(row: &PgRow) -> Result<Listed, Error> {
    row::record(row).map(Listed::from).or_else(|error| {
        let (created_at, selector) = row::place(row)?;
        error.trace();
        Ok(Listed::Corrupt { selector, created_at, source: error.into() })
    })
}
