//! Looks up records, and lists those of a subject.

use hallpass_core::store::{Listed, Page, Record};
use hallpass_core::{Selector, Subject};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use crate::columns::{self, selectors};
use crate::error::Trouble;
use crate::instant::Instant;
use crate::operation::{Operation, Together};
use crate::revoke::{kinds, purposes};
use crate::statements::Statements;

/// The record of a selector.
#[derive(Clone, Copy)]
pub(crate) struct Find(pub(crate) Selector);

impl Operation for Find {
    type Answer = Option<Record>;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = sql.find.query().bind(self.0.0.to_vec());
        let row = query.fetch_one(on).await?;
        columns::of_primary(&[row])?.first().map(columns::record).transpose()
    }
}

impl Together for Find {
    type Key = ();

    fn key(&self) -> Option<()> {
        None
    }

    async fn run_all(
        all: &[&Self],
        sql: &Statements,
        on: &mut PgConnection,
    ) -> Result<Vec<Option<Self::Answer>>, Trouble> {
        let query = sql.find_batch.query().bind(selectors(all.iter().map(|find| find.0)));
        let rows = query.fetch_all(on).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in columns::of_primary(&rows)? {
            found.push((columns::selector(row)?, row));
        }
        found.sort_unstable_by_key(|(selector, _)| *selector);
        let answer = |find: &&Self| match found.binary_search_by_key(&find.0, |(selector, _)| *selector) {
            Err(_) => Some(None),
            // A row that does not decode is read again by itself, so that only its own caller gets the error.
            Ok(place) => columns::record(found[place].1).ok().map(Some),
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

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let (created, selector) = match self.page.after {
            None => (Instant::LAST, Vec::new()),
            Some((created, selector)) => (created.into(), selector.0.to_vec()),
        };
        let query = sql.list_by_subject.query().bind(self.subject.as_str().to_owned());
        let query = query.bind(kinds(&self.page.kinds)).bind(purposes(self.page.purposes));
        let query = query.bind(created).bind(selector).bind(i64::from(self.page.limit.get()));
        let rows = query.fetch_all(on).await?;
        columns::of_primary(&rows)?.iter().map(listed).collect()
    }
}

/// Reads a row of a list. A row that does not decode keeps its place and hides no other row.
fn listed(row: &PgRow) -> Result<Listed, Trouble> {
    columns::record(row).map(Listed::from).or_else(|trouble| {
        let (created_at, selector) = columns::place(row)?;
        trouble.trace();
        Ok(Listed::Corrupt { selector, created_at, source: trouble.into() })
    })
}
