//! Converts timestamps to and from PostgreSQL's format, without a date library.

use hallpass_core::Timestamp;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// The microseconds from 1970 to 2000, the year from which PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// A `timestamptz`: microseconds since 2000, UTC whatever the time zone of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(i64);

impl Instant {
    /// Before every timestamp.
    pub(crate) const FIRST: Self = Self(i64::MIN);
    /// After every timestamp.
    pub(crate) const LAST: Self = Self(i64::MAX);

    /// Rounded down to a millisecond; `None` before 1970 and after 9999.
    pub(crate) fn timestamp(self) -> Option<Timestamp> {
        let micros = self.0.checked_add(EPOCH)?;
        let millis = u64::try_from(micros).ok()? / 1_000;
        (millis <= Timestamp::MAX.as_millis()).then(|| Timestamp::from_millis(millis))
    }
}

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        // At most the end of 9999, so neither step overflows.
        Self(at.as_millis() as i64 * 1_000 - EPOCH)
    }
}

impl Type<Postgres> for Instant {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1184))
    }
}

impl PgHasArrayType for Instant {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Instant {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Instant {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => Ok(Self(i64::from_be_bytes(value.as_bytes()?.try_into()?))),
            PgValueFormat::Text => Err("a timestamp came as text".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_timestamp_survives() {
        for millis in [0, 1, 946_684_800_000, 1_700_000_000_123, Timestamp::MAX.as_millis()] {
            let at = Timestamp::from_millis(millis);
            assert_eq!(Instant::from(at).timestamp(), Some(at));
        }
    }

    #[test]
    fn what_no_timestamp_can_say_is_none() {
        for micros in [i64::MIN, i64::MAX, -EPOCH - 1, Instant::from(Timestamp::MAX).0 + 1_000] {
            assert_eq!(Instant(micros).timestamp(), None, "{micros}");
        }
        assert_eq!(Instant(-EPOCH + 1_999).timestamp(), Some(Timestamp::from_millis(1)));
    }
}
