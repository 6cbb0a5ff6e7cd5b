//! Converts records to columns, one or many at a time, and back.

use std::collections::HashMap;

use hallpass_core::store::{Body, Era, Record, Revision};
use hallpass_core::{Device, Kind, LoginId, Purpose, Reason, Selector, Subject, Timestamp};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Decode, Postgres, Row, Type};

use crate::error::{Error, ErrorClass};
use crate::instant::Instant;

/// A statement with its arguments.
pub(crate) type Arguments = Query<'static, Postgres, PgArguments>;

/// Binds the columns of `rows`, each as an array, in the order of the statements that insert.
pub(crate) fn bind_all<'a>(query: Arguments, rows: impl Iterator<Item = &'a Record> + Clone) -> Arguments {
    let subject = |row: &Record| row.subject.as_ref().map(|name| name.as_str().to_owned());
    let query = query
        .bind(selectors(rows.clone().map(|row| row.selector)))
        .bind(rows.clone().map(subject).collect::<Vec<_>>())
        .bind(rows.clone().map(|row| row.kind.as_str().to_owned()).collect::<Vec<_>>())
        .bind(rows.clone().map(|row| row.login.0.to_vec()).collect::<Vec<_>>())
        .bind(instants(rows.clone().map(|row| row.created_at)))
        .bind(instants(rows.clone().map(|row| row.expires_at)));
    bind_all_changing(query, rows.clone())
        .bind(rows.clone().map(|row| i16::from(row.purpose.code())).collect::<Vec<_>>())
        .bind(rows.map(|row| i64::from(row.era.get())).collect::<Vec<_>>())
}

/// Binds the columns of one row, in the same order.
pub(crate) fn bind(query: Arguments, row: &Record) -> Arguments {
    let query = query
        .bind(row.selector.0.to_vec())
        .bind(row.subject.as_ref().map(|name| name.as_str().to_owned()))
        .bind(row.kind.as_str().to_owned())
        .bind(row.login.0.to_vec())
        .bind(Instant::from(row.created_at))
        .bind(Instant::from(row.expires_at));
    bind_changing(query, row).bind(i16::from(row.purpose.code())).bind(i64::from(row.era.get()))
}

/// Binds the columns that a replace may change, of many rows.
pub(crate) fn bind_all_changing<'a>(
    query: Arguments,
    rows: impl Iterator<Item = &'a Record> + Clone,
) -> Arguments {
    query
        .bind(instants(rows.clone().map(|row| row.updated_at)))
        .bind(instants(rows.clone().map(|row| row.seen_at)))
        .bind(rows.clone().map(|row| row.idle_at.map(Instant::from)).collect::<Vec<_>>())
        .bind(instants(rows.clone().map(|row| row.purge_at)))
        .bind(rows.clone().map(revoked).collect::<Vec<_>>())
        .bind(rows.clone().map(|row| number(row.revision)).collect::<Vec<_>>())
        .bind(rows.clone().map(|row| i64::from(row.generation)).collect::<Vec<_>>())
        .bind(rows.clone().map(|row| row.device.as_str().to_owned()).collect::<Vec<_>>())
        .bind(rows.map(|row| row.body.as_bytes().to_vec()).collect::<Vec<_>>())
}

/// Binds the columns that a replace may change, of one row.
pub(crate) fn bind_changing(query: Arguments, row: &Record) -> Arguments {
    query
        .bind(Instant::from(row.updated_at))
        .bind(Instant::from(row.seen_at))
        .bind(row.idle_at.map(Instant::from))
        .bind(Instant::from(row.purge_at))
        .bind(revoked(row))
        .bind(number(row.revision))
        .bind(i64::from(row.generation))
        .bind(row.device.as_str().to_owned())
        .bind(row.body.as_bytes().to_vec())
}

pub(crate) fn selectors(selectors: impl Iterator<Item = Selector>) -> Vec<Vec<u8>> {
    selectors.map(|selector| selector.0.to_vec()).collect()
}

/// A revision as stored in its column.
pub(crate) fn number(revision: Revision) -> i64 {
    // At most 2⁵³ − 1.
    revision.get() as i64
}

fn revoked(row: &Record) -> i16 {
    row.revoked.map_or(0, |reason| i16::from(reason.code()))
}

fn instants(times: impl Iterator<Item = Timestamp>) -> Vec<Instant> {
    times.map(Instant::from).collect()
}

/// Reads a record from a row of `find` or a similar statement.
///
/// # Errors
/// [`Error`] if the values are not a valid record. It names the selector if that can be read.
pub(crate) fn record(row: &PgRow) -> Result<Record, Error> {
    let selector = selector(row)?;
    let corrupt = |why| Error::corrupt(Some(selector), why);
    let columns = Columns { row, selector };
    let limit = |_| corrupt("a name, a revision or a body is beyond its limits");
    let subject = columns.get::<Option<&str>>(1)?.map(Subject::new).transpose().map_err(limit)?;
    let kind = Kind::new(columns.get(2)?).map_err(limit)?;
    let login = columns.get::<&[u8]>(3)?.try_into().map_err(|_| corrupt("a login does not have 8 bytes"))?;
    let reason = u8::try_from(columns.get::<i16>(10)?).ok().and_then(|code| Reason::from_code(code).ok());
    let revision = u64::try_from(columns.get::<i64>(11)?).map_err(|_| corrupt("a revision is negative"))?;
    let purpose = u8::try_from(columns.get::<i16>(15)?).ok().and_then(|code| Purpose::from_code(code).ok());
    let era = u32::try_from(columns.get::<i64>(16)?).map_err(|_| corrupt("an era is beyond its limits"))?;
    Ok(Record {
        selector,
        subject,
        kind,
        purpose: purpose.ok_or_else(|| corrupt("a purpose is unknown"))?,
        login: LoginId(login),
        era: Era::new(era),
        created_at: columns.time(4)?,
        updated_at: columns.time(5)?,
        seen_at: columns.time(6)?,
        expires_at: columns.time(7)?,
        idle_at: match columns.get::<Option<Instant>>(8)? {
            None => None,
            Some(_) => Some(columns.time(8)?),
        },
        purge_at: columns.time(9)?,
        revoked: reason.ok_or_else(|| corrupt("the reason for ending is unknown"))?,
        revision: Revision::new(revision).map_err(limit)?,
        generation: u32::try_from(columns.get::<i64>(12)?)
            .map_err(|_| corrupt("a generation is beyond its limits"))?,
        device: Device::new(columns.get::<&str>(13)?).map_err(limit)?,
        body: Body::new(columns.get::<Vec<u8>>(14)?).map_err(limit)?,
    })
}

/// Returns the rows that a reading statement found, without the empty row that it returns if it found none.
///
/// # Errors
/// [`Error`] if the server is a standby: its data may be out of date.
pub(crate) fn of_primary(rows: &[PgRow]) -> Result<&[PgRow], Error> {
    let Some(first) = rows.first() else { return Err(Error::corrupt(None, "a response without a row")) };
    if first.try_get("is_standby")? {
        return Err(Error::standby(ErrorClass::Unavailable));
    }
    let found = first.try_get_unchecked::<Option<&[u8]>, _>(0)?.is_some();
    Ok(if found { rows } else { &[] })
}

/// The selector in the first column.
pub(crate) fn selector(row: &PgRow) -> Result<Selector, Error> {
    let bytes: &[u8] = row.try_get_unchecked(0)?;
    let bytes = bytes.try_into().map_err(|_| Error::corrupt(None, "a selector does not have 16 bytes"))?;
    Ok(Selector(bytes))
}

/// What became of a row in a statement that writes many.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// Written.
    Done,
    /// Not written, because of the row that is there.
    Conflict,
    /// Not written, because a row that must be there is not.
    Absent,
}

/// Reads the outcomes that a statement for a batch returns. A row that another transaction has locked has none.
pub(crate) fn outcomes(rows: &[PgRow]) -> Result<HashMap<Selector, Outcome>, Error> {
    let mut outcomes = HashMap::with_capacity(rows.len());
    for row in rows {
        let outcome = match row.try_get(1)? {
            Some(1_i16) => Outcome::Done,
            Some(2) => Outcome::Conflict,
            Some(3) => Outcome::Absent,
            _ => continue,
        };
        outcomes.insert(selector(row)?, outcome);
    }
    Ok(outcomes)
}

/// The place of a record in its subject's list: when it was issued, and its selector.
pub(crate) fn place(row: &PgRow) -> Result<(Timestamp, Selector), Error> {
    let columns = Columns { row, selector: selector(row)? };
    Ok((columns.time(4)?, columns.selector))
}

struct Columns<'r> {
    row: &'r PgRow,
    selector: Selector,
}

impl<'r> Columns<'r> {
    fn get<T: Decode<'r, Postgres> + Type<Postgres>>(&self, column: usize) -> Result<T, Error> {
        // The statements name the columns, so their types are known.
        self.row
            .try_get_unchecked(column)
            .map_err(|_| Error::corrupt(Some(self.selector), "a stored value is of another type"))
    }

    fn time(&self, column: usize) -> Result<Timestamp, Error> {
        let time = self.get::<Instant>(column)?.timestamp();
        time.ok_or_else(|| Error::corrupt(Some(self.selector), "an instant is before 1970 or after 9999"))
    }
}
