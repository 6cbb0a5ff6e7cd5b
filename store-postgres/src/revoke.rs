//! Ends the records of a subject.

use hallpass_core::store::{Action, EpochUpdate, Logins, RecordFilter, Revocation};
use hallpass_core::{Kinds, Purposes, Subject};
use sqlx::{PgConnection, Row};

use crate::error::{Error, ErrorClass};
use crate::instant::Instant;
use crate::operation::Operation;
use crate::row::Arguments;
use crate::statements::{Statement, Statements};

/// The most records that one step ends, and the size of a page of a sweep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) most: u32,
    pub(crate) page: u32,
}

impl Bounds {
    /// A page takes about 20 ms; a replace or an insert of the same subject may have to wait for it.
    pub(crate) const DEFAULT: Self = Self { most: 2_000, page: 500 };
}

/// How often to look for new rows. Each pass can find only children of rows that were inserted while the pass
/// before it waited. (The function uses the same number.)
const SWEEPS: u32 = 16;

/// Ends the matching records in one step and one round trip, by calling the function.
///
/// Returns how many; or [`ErrorClass::TooMany`] if there are more than `most`, and then nothing is done.
pub(crate) struct ByFunction<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) revocation: &'a Revocation,
    pub(crate) most: u32,
}

impl Operation for ByFunction<'_> {
    type Answer = u64;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
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

/// Ends the matching records in a transaction, without the function: four or more round trips.
pub(crate) struct ByTransaction<'a>(pub(crate) ByFunction<'a>);

impl Operation for ByTransaction<'_> {
    type Answer = u64;

    const WRITES: bool = true;
    /// So that no other call sees the new epoch while a record is still alive, or a parent ended but not its
    /// child. If each pass were committed by itself, one call could end a selector twice if it was inserted
    /// again between two passes. The suite finds that in its histories (S6).
    const TRANSACTION: bool = true;

    /// Each statement has a snapshot of its own. The first waits for inserts that hold the fence; the next
    /// one sees what they inserted.
    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
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
            let row = query.fetch_one(&mut *on).await?;
            match row.try_get::<i64, _>(0)?.unsigned_abs() {
                0 => return Ok(ended),
                more if more > u64::from(most) => {
                    return Err(Error::new(ErrorClass::TooMany, "more records than one step may end"));
                }
                more => ended += more,
            }
        }
        Err(Error::new(ErrorClass::Undone, "children were inserted while each of the sweeps waited"))
    }
}

/// Sets the epoch of the subject, if the revocation asks for it.
pub(crate) struct SetEpoch<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) revocation: &'a Revocation,
}

impl Operation for SetEpoch<'_> {
    type Answer = ();

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<(), Error> {
        if let EpochUpdate::Set { epoch, now, keep } = self.revocation.epoch {
            let query = sql.set_epoch.query().bind(self.subject.as_str().to_owned()).bind(epoch.0.to_vec());
            query.bind(Instant::from(now.saturating_add(keep))).execute(on).await?;
        }
        Ok(())
    }
}

/// A place in the list of a subject's rows, oldest first. Kept as stored, because that row may not be a valid
/// record.
pub(crate) type Place = (Instant, Vec<u8>);

/// Ends the matching records of one page.
pub(crate) struct EndPage<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) revocation: &'a Revocation,
    pub(crate) page: u32,
    pub(crate) after: Option<&'a Place>,
}

/// The number of records ended, and where the next page begins; `None` after the last page.
pub(crate) struct Ended {
    pub(crate) rows: u64,
    pub(crate) next: Option<Place>,
}

impl Operation for EndPage<'_> {
    type Answer = Ended;

    const WRITES: bool = true;

    async fn run(&self, sql: &Statements, on: &mut PgConnection) -> Result<Self::Answer, Error> {
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
