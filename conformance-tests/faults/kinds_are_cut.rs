//! A kind is cut at 8 characters: `one-time` and `one-time:reset` become one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| inserts(cut), &[(S16, "hostile::kinds_are_compared_whole")]);

fn cut(record: &mut Record) {
    let short: String = record.kind.as_str().chars().take(8).collect();
    record.kind = Kind::new(&short).unwrap_or(record.kind);
}
