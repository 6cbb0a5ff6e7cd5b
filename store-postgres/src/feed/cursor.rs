//! How far a feed has read.

use crate::error::Error;

/// The transactions that were not over at a poll: those from `xmax` on, and those in progress.
///
/// It is the snapshot of the poll. What it shows as over, the poll has read; what it does not show, no poll has. A number
/// that rises with each row would not do: rows become visible in another order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) xmax: u64,
    /// As an array of PostgreSQL: `{…}`.
    pub(super) in_progress: String,
}

impl Cursor {
    /// After everything.
    pub(super) fn end() -> Self {
        Self { xmax: u64::MAX, in_progress: "{}".to_owned() }
    }

    /// Reads a `pg_snapshot`: `xmin:xmax:` and the transactions in progress.
    pub(super) fn parse(snapshot: &str) -> Result<Self, Error> {
        let parse = || {
            let mut parts = snapshot.split(':');
            let (_xmin, xmax, in_progress) = (parts.next()?, parts.next()?, parts.next()?);
            let are_numbers = in_progress.bytes().all(|byte| byte.is_ascii_digit() || byte == b',');
            let xmax = xmax.parse().ok()?;
            are_numbers.then(|| Self { xmax, in_progress: format!("{{{in_progress}}}") })
        };
        parse().ok_or_else(|| Error::corrupt(None, "a snapshot of another form"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_read() {
        let some = Cursor::parse("10:20:10,14,15").unwrap();
        assert_eq!(some, Cursor { xmax: 20, in_progress: "{10,14,15}".to_owned() });
        assert_eq!(Cursor::parse("7:7:").unwrap(), Cursor { xmax: 7, in_progress: "{}".to_owned() });
    }

    #[test]
    fn anything_else_is_an_error() {
        for text in ["", "1", "1:2", "1:x:", "1:2:3;4", "1:-2:", "1:2:3'"] {
            assert!(Cursor::parse(text).is_err(), "{text}");
        }
    }
}
