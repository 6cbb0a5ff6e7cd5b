//! Reads and creates the epochs of subjects.

use std::time::Duration;

use hallpass_core::store::{Admission, Epoch, Era};
use hallpass_core::{Selector, Subject, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use crate::error::Error;
use crate::instant::Instant;
use crate::operation::{Answers, Batchable, Operation};
use crate::statements::Statements;

/// Returns the epoch of a subject, and creates it if there is none.
pub(crate) struct Current {
    pub(crate) subject: Subject,
    pub(crate) fresh: Epoch,
    pub(crate) keep: Duration,
    pub(crate) now: Timestamp,
}

impl Current {
    fn until(&self) -> Instant {
        self.now.saturating_add(self.keep).into()
    }

    /// An epoch that is kept until then is left as it is.
    fn keep_until(&self) -> Instant {
        self.now.saturating_add(self.keep / 2).into()
    }
}

impl Operation for Current {
    type Answer = Admission;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
        let query = sql.epoch.query().bind(self.subject.as_str().to_owned()).bind(self.fresh.0.to_vec());
        let row = query.bind(self.until()).bind(self.keep_until()).fetch_one(on).await?;
        epoch(&row, 0)
    }
}

impl Batchable for Current {
    fn key(&self) -> Option<Selector> {
        None
    }

    async fn run_all(all: &[&Self], sql: &Statements, on: &mut PgConnection) -> Answers<Self> {
        let query = sql.epoch_batch.query();
        let query = query.bind(all.iter().map(|one| one.subject.as_str().to_owned()).collect::<Vec<_>>());
        let query = query.bind(all.iter().map(|one| one.fresh.0.to_vec()).collect::<Vec<_>>());
        let query = query.bind(all.iter().map(|one| one.until()).collect::<Vec<_>>());
        let query = query.bind(all.iter().map(|one| one.keep_until()).collect::<Vec<_>>());
        let mut answers = vec![None; all.len()];
        for row in query.fetch_all(on).await? {
            let place: i64 = row.try_get(0)?;
            let answer = usize::try_from(place - 1).ok().and_then(|place| answers.get_mut(place));
            *answer.ok_or_else(|| Error::corrupt(None, "an epoch that was not asked for"))? =
                Some(epoch(&row, 1)?);
        }
        Ok(answers)
    }
}

fn epoch(row: &PgRow, column: usize) -> Result<Admission, Error> {
    let bytes: &[u8] = row.try_get_unchecked(column)?;
    let bytes = bytes.try_into().map_err(|_| Error::corrupt(None, "an epoch does not have 16 bytes"))?;
    Ok(Admission { epoch: Epoch(bytes), era: Era::FIRST })
}
