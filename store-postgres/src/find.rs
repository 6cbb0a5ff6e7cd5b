//! Looking records up.

use hallpass_core::{Page, Record, Selector, Subject};
use sqlx::PgConnection;

use crate::columns::{self, selectors};
use crate::error::Trouble;
use crate::instant::Instant;
use crate::operation::{Operation, Together};
use crate::revoke::kinds;
use crate::statements::Statements;

/// The record of a selector.
#[derive(Clone, Copy)]
pub(crate) struct Find(pub(crate) Selector);

impl Operation for Find {
    type Answer = Option<Record>;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query = sql.find.query().bind(self.0.0.to_vec());
        let row = query.fetch_optional(on).await?;
        row.as_ref().map(columns::record).transpose()
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
        for row in &rows {
            found.push((columns::selector(row)?, row));
        }
        found.sort_unstable_by_key(|(selector, _)| *selector);
        let answer = |find: &&Self| match found.binary_search_by_key(&find.0, |(selector, _)| *selector) {
            Err(_) => Some(None),
            // A row that does not decode is tried alone, so that its error reaches its own caller.
            Ok(place) => columns::record(found[place].1).ok().map(Some),
        };
        Ok(all.iter().map(answer).collect())
    }
}

/// The records of some selectors, in the order asked.
pub(crate) struct FindMany<'a>(pub(crate) &'a [Selector]);

/// How many one statement asks for.
const CHUNK: usize = 1_000;

impl Operation for FindMany<'_> {
    type Answer = Vec<Option<Record>>;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let mut answers = Vec::with_capacity(self.0.len());
        for chunk in self.0.chunks(CHUNK) {
            let query = sql.find_batch.query().bind(selectors(chunk.iter().copied()));
            let rows = query.fetch_all(&mut *on).await?;
            let mut found = rows.iter().map(columns::record).collect::<Result<Vec<_>, _>>()?;
            found.sort_unstable_by_key(|record| record.selector);
            answers.extend(chunk.iter().map(|selector| {
                let place = found.binary_search_by_key(selector, |record| record.selector).ok()?;
                Some(found[place].clone())
            }));
        }
        Ok(answers)
    }
}

/// One page of a subject's records.
pub(crate) struct List<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) page: &'a Page,
}

impl Operation for List<'_> {
    type Answer = Vec<Record>;

    const WRITES: bool = false;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let (created, selector) = match self.page.after {
            None => (Instant::LAST, Vec::new()),
            Some((created, selector)) => (created.into(), selector.0.to_vec()),
        };
        let query = sql.list_by_subject.query().bind(self.subject.as_str().to_owned());
        let query = query.bind(kinds(&self.page.kinds)).bind(created).bind(selector);
        let query = query.bind(i64::from(self.page.limit.get()));
        query.fetch_all(on).await?.iter().map(columns::record).collect()
    }
}
