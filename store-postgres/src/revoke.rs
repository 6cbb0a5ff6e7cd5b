//! Ending the records of a subject.

use hallpass_core::{Action, EpochUpdate, Kinds, Logins, Purposes, RecordFilter, Revocation, Subject};
use sqlx::{PgConnection, Row};

use crate::columns::Arguments;
use crate::error::{Trouble, What};
use crate::instant::Instant;
use crate::operation::Operation;
use crate::statements::{Statement, Statements};

/// How many records one step ends, and how many a page of a sweep has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) most: u32,
    pub(crate) page: u32,
}

impl Bounds {
    /// A page takes some 20 ms; a replace or an insert of the same subject may have to wait for one.
    pub(crate) const DEFAULT: Self = Self { most: 2_000, page: 500 };
}

/// How often new rows are looked for. Each time can find only children, inserted meanwhile, of rows that were
/// inserted while the time before waited. (The function has the same number.)
const SWEEPS: u32 = 16;

/// Ends what matches in one step, by the function: one trip.
///
/// The answer is how many; [`What::TooMany`] if they are more than `most`, and then nothing is done.
pub(crate) struct ByFunction<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) revocation: &'a Revocation,
    pub(crate) most: u32,
}

impl Operation for ByFunction<'_> {
    type Answer = u64;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let query =
            choose(sql.revoke.query(), self.subject, &self.revocation.filter).bind(i64::from(self.most));
        let query = match self.revocation.action {
            Action::Remove => query.bind(None::<i16>).bind(None::<Instant>),
            Action::Mark { reason, at } => query.bind(i16::from(reason.code())).bind(Instant::from(at)),
        };
        let query = match self.revocation.epoch {
            EpochUpdate::Keep => query.bind(None::<Vec<u8>>).bind(None::<Instant>),
            EpochUpdate::Set { epoch, now, keep } => {
                query.bind(epoch.0.to_vec()).bind(Instant::from(now.saturating_add(keep)))
            }
        };
        let row = query.fetch_one(on).await?;
        Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
    }
}

/// The same by a transaction, where there is no function: four trips or more.
pub(crate) struct ByTransaction<'a>(pub(crate) ByFunction<'a>);

impl Operation for ByTransaction<'_> {
    type Answer = u64;

    const WRITES: bool = true;
    /// No other call sees the epoch set and a record alive, or a parent ended and not its child. Were each sweep
    /// committed by itself, a selector that is taken again between two of them would be ended twice by one call: the
    /// suite finds that in its histories (S6).
    const TRANSACTION: bool = true;

    /// Each statement has a snapshot of its own. The first waits for inserts that hold the fence, the next one
    /// sees what they inserted.
    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let ByFunction { subject, revocation, most } = self.0;
        SetEpoch { subject, revocation }.run(sql, &mut *on).await?;
        let mut ended = 0;
        for _ in 0..SWEEPS {
            let query = match revocation.action {
                Action::Remove => {
                    choose(sql.remove.query(), subject, &revocation.filter).bind(i64::from(most))
                }
                Action::Mark { reason, at } => {
                    let query = choose(sql.mark.query(), subject, &revocation.filter).bind(i64::from(most));
                    query.bind(i16::from(reason.code())).bind(Instant::from(at))
                }
            };
            match query.execute(&mut *on).await?.rows_affected() {
                0 => return Ok(ended),
                more if more > u64::from(most) => {
                    return Err(Trouble::new(What::TooMany, "more records than one step may end"));
                }
                more => ended += more,
            }
        }
        Err(Trouble::new(What::Undone, "children were inserted while each of the sweeps waited"))
    }
}

/// Sets the epoch of the subject, if that is asked for.
pub(crate) struct SetEpoch<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) revocation: &'a Revocation,
}

impl Operation for SetEpoch<'_> {
    type Answer = ();

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<(), Trouble> {
        if let EpochUpdate::Set { epoch, now, keep } = self.revocation.epoch {
            let query = sql.advance.query().bind(self.subject.as_str().to_owned()).bind(epoch.0.to_vec());
            query.bind(Instant::from(now.saturating_add(keep))).execute(on).await?;
        }
        Ok(())
    }
}

/// A place in the list of a subject's rows, oldest first. As it is stored: what stands there may be no record.
pub(crate) type Place = (Instant, Vec<u8>);

/// Ends what matches among the next records of a subject.
pub(crate) struct EndPage<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) revocation: &'a Revocation,
    pub(crate) page: u32,
    pub(crate) after: Option<&'a Place>,
}

/// How many were ended, and where the next page begins; `None` after the last.
pub(crate) struct Ended {
    pub(crate) rows: u64,
    pub(crate) next: Option<Place>,
}

impl Operation for EndPage<'_> {
    type Answer = Ended;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Trouble> {
        let (created, selector) = self.after.cloned().unwrap_or((Instant::FIRST, Vec::new()));
        let begin = |statement: &Statement| {
            let query = choose(statement.query(), self.subject, &self.revocation.filter);
            query.bind(i64::from(self.page)).bind(created).bind(selector)
        };
        let query = match self.revocation.action {
            Action::Remove => begin(&sql.remove_page),
            Action::Mark { reason, at } => {
                begin(&sql.mark_page).bind(i16::from(reason.code())).bind(Instant::from(at))
            }
        };
        let Some(row) = query.fetch_optional(on).await? else { return Ok(Ended { rows: 0, next: None }) };
        let (ended, found): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let next = match found < i64::from(self.page) {
            true => None,
            false => Some((row.try_get(2)?, row.try_get(3)?)),
        };
        Ok(Ended { rows: ended.unsigned_abs(), next })
    }
}

fn choose(query: Arguments, subject: &Subject, filter: &RecordFilter) -> Arguments {
    let (only, except) = match filter.logins {
        Logins::Any => (None, None),
        Logins::Only(login) => (Some(login.0.to_vec()), None),
        Logins::Except(login) => (None, Some(login.0.to_vec())),
    };
    let query =
        query.bind(subject.as_str().to_owned()).bind(kinds(&filter.kinds)).bind(purposes(filter.purposes));
    query.bind(only).bind(except)
}

/// `null` for every kind.
pub(crate) fn kinds(kinds: &Kinds) -> Option<Vec<String>> {
    match kinds {
        Kinds::Any => None,
        Kinds::Only(kinds) => Some(kinds.iter().map(|kind| kind.as_str().to_owned()).collect()),
    }
}

/// `null` for every purpose.
pub(crate) fn purposes(purposes: Purposes) -> Option<Vec<i16>> {
    (purposes != Purposes::ALL).then(|| purposes.iter().map(|purpose| i16::from(purpose.code())).collect())
}
