//! Inserts records if their fences hold.

use std::sync::Arc;

use hallpass_core::Selector;
use hallpass_core::store::{Fence, Insert as Inserted, Record};
use sqlx::{PgConnection, Row};

use crate::error::Error;
use crate::operation::{Answers, Batchable, Operation};
use crate::row::{self, Outcome};
use crate::statements::Statements;

/// The number of the subject's records is not known, because other calls insert at the same time.
const INSERTED: Inserted = Inserted::Inserted { of_subject: None };

/// Inserts a record.
pub(crate) struct Insert {
    pub(crate) record: Arc<Record>,
    pub(crate) fence: Fence,
}

impl Insert {
    fn epoch(&self) -> Option<Vec<u8>> {
        match self.fence {
            Fence::Epoch(epoch) => Some(epoch.0.to_vec()),
            Fence::None | Fence::Parent(_) => None,
        }
    }

    fn parent(&self) -> Option<Vec<u8>> {
        match self.fence {
            Fence::Parent(parent) => Some(parent.0.to_vec()),
            Fence::None | Fence::Epoch(_) => None,
        }
    }
}

impl Operation for Insert {
    type Answer = Inserted;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let query = row::bind(sql.insert.query(), &self.record).bind(self.epoch()).bind(self.parent());
        let row = query.fetch_one(on).await?;
        let (holds, done) = (row.try_get(0)?, row.try_get(1)?);
        Ok(match (holds, done) {
            (_, true) => INSERTED,
            (true, false) => Inserted::Duplicate,
            (false, false) => Inserted::Fenced,
        })
    }
}

impl Batchable for Insert {
    fn key(&self) -> Option<Selector> {
        Some(self.record.selector)
    }

    async fn run_all(all: &[&Self], sql: &Statements, on: &mut PgConnection) -> Answers<Self> {
        let query = row::bind_all(sql.insert_batch.query(), all.iter().map(|insert| &*insert.record));
        let query = query.bind(all.iter().map(|insert| insert.epoch()).collect::<Vec<_>>());
        let query = query.bind(all.iter().map(|insert| insert.parent()).collect::<Vec<_>>());
        let outcomes = row::outcomes(&query.fetch_all(on).await?)?;
        let answer = |insert: &&Self| match outcomes.get(&insert.record.selector)? {
            Outcome::Done => Some(INSERTED),
            Outcome::Conflict => Some(Inserted::Duplicate),
            Outcome::Absent => Some(Inserted::Fenced),
        };
        Ok(all.iter().map(answer).collect())
    }
}
