//! Converts between the types of core and the columns of a row.

use std::time::Duration;

use hallpass_core::store::{Body, Epoch, Era, Logins, Record, Revision};
use hallpass_core::{
    BoxError, Device, Kind, Kinds, LoginId, Purpose, Purposes, Reason, Selector, Subject, Timestamp,
};

use crate::statement::{Col, Given, Param};
use crate::value::{Row, Value};

pub(crate) fn instant(at: Timestamp) -> Value {
    Value::Number(at.as_millis())
}

/// The columns of `record`.
pub(crate) fn given(record: &Record) -> Given {
    let optional = |value: Option<Value>| value.unwrap_or(Value::Null);
    let columns = [
        (Col::Selector, Value::bytes(record.selector.0)),
        (Col::Subject, optional(record.subject.as_ref().map(|subject| Value::text(subject.as_str())))),
        (Col::Kind, Value::text(record.kind.as_str())),
        (Col::Purpose, Value::Number(record.purpose.code().into())),
        (Col::Login, Value::bytes(record.login.0)),
        (Col::Era, Value::Number(record.era.get().into())),
        (Col::CreatedAt, instant(record.created_at)),
        (Col::UpdatedAt, instant(record.updated_at)),
        (Col::SeenAt, instant(record.seen_at)),
        (Col::ExpiresAt, instant(record.expires_at)),
        (Col::IdleAt, optional(record.idle_at.map(instant))),
        (Col::PurgeAt, instant(record.purge_at)),
        (Col::Revoked, Value::Number(record.revoked.map_or(0, Reason::code).into())),
        (Col::Revision, Value::Number(record.revision.get())),
        (Col::Generation, Value::Number(record.generation.into())),
        (Col::Device, Value::text(record.device.as_str())),
        (Col::Body, Value::bytes(record.body.as_bytes())),
    ];
    columns.into_iter().map(|(col, value)| (Param::Of(col), value)).collect()
}

/// The parameters that select records of a subject.
pub(crate) fn chosen(subject: &Subject, kinds: &Kinds, purposes: Purposes) -> Given {
    let kinds = match kinds {
        Kinds::Any => Value::Null,
        Kinds::Only(kinds) => Value::List(kinds.iter().map(|kind| Value::text(kind.as_str())).collect()),
    };
    let purposes = purposes.iter().map(|purpose| Value::Number(purpose.code().into())).collect();
    Given::from([
        (Param::Subject, Value::text(subject.as_str())),
        (Param::Kinds, kinds),
        (Param::Purposes, Value::List(purposes)),
    ])
}

pub(crate) fn give_login(given: &mut Given, logins: Logins) {
    match logins {
        Logins::Any => None,
        Logins::Only(login) => given.insert(Param::Only, Value::bytes(login.0)),
        Logins::Except(login) => given.insert(Param::Except, Value::bytes(login.0)),
    };
}

pub(crate) fn give_epoch(given: &mut Given, epoch: Epoch, keep: Duration, now: Timestamp) {
    let millis = |duration: Duration| Value::Number(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    given.insert(Param::NewEpoch, Value::bytes(epoch.0));
    given.insert(Param::Now, instant(now));
    given.insert(Param::Keep, millis(keep));
    given.insert(Param::HalfKeep, millis(keep / 2));
}

pub(crate) fn record(row: &Row) -> Result<Record, BoxError> {
    Ok(Record {
        selector: Selector(array(row, Col::Selector)?),
        subject: match row.get(Col::Subject) {
            Value::Null => None,
            _ => Some(Subject::new(text(row, Col::Subject)?)?),
        },
        kind: Kind::new(text(row, Col::Kind)?)?,
        purpose: Purpose::from_code(u8::try_from(number(row, Col::Purpose)?)?)?,
        login: LoginId(array(row, Col::Login)?),
        era: Era::new(u32::try_from(number(row, Col::Era)?)?),
        created_at: Timestamp::from_millis(number(row, Col::CreatedAt)?),
        updated_at: Timestamp::from_millis(number(row, Col::UpdatedAt)?),
        seen_at: Timestamp::from_millis(number(row, Col::SeenAt)?),
        expires_at: Timestamp::from_millis(number(row, Col::ExpiresAt)?),
        idle_at: row.get(Col::IdleAt).number().map(Timestamp::from_millis),
        purge_at: Timestamp::from_millis(number(row, Col::PurgeAt)?),
        revoked: Reason::from_code(u8::try_from(number(row, Col::Revoked)?)?)?,
        revision: Revision::new(number(row, Col::Revision)?)?,
        generation: u32::try_from(number(row, Col::Generation)?)?,
        device: Device::new(text(row, Col::Device)?)?,
        body: Body::new(bytes(row, Col::Body)?.to_vec())?,
    })
}

pub(crate) fn selector(row: &Row) -> Option<Selector> {
    array(row, Col::Selector).ok().map(Selector)
}

pub(crate) fn created_at(row: &Row) -> Timestamp {
    Timestamp::from_millis(row.get(Col::CreatedAt).number().unwrap_or_default())
}

pub(crate) fn epoch(row: &Row) -> Option<Epoch> {
    array(row, Col::Epoch).ok().map(Epoch)
}

fn number(row: &Row, col: Col) -> Result<u64, BoxError> {
    row.get(col).number().ok_or_else(|| wrong(col))
}

fn text(row: &Row, col: Col) -> Result<&str, BoxError> {
    match row.get(col) {
        Value::Text(text) => Ok(text),
        _ => Err(wrong(col)),
    }
}

fn bytes(row: &Row, col: Col) -> Result<&[u8], BoxError> {
    match row.get(col) {
        Value::Bytes(bytes) => Ok(bytes),
        _ => Err(wrong(col)),
    }
}

fn array<const N: usize>(row: &Row, col: Col) -> Result<[u8; N], BoxError> {
    bytes(row, col)?.try_into().map_err(|_| wrong(col))
}

/// Names the column without showing its value.
fn wrong(col: Col) -> BoxError {
    format!("{col:?} is not what it should be").into()
}
