//! A record is cut at 16 KiB all told: one with every field at its largest loses the end of its body.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| inserts(cut), &[(S1, "hostile::everything_at_its_largest_at_once")]);

fn cut(record: &mut Record) {
    let excess = record.encode().len().saturating_sub(92 + Body::MAX_LEN + 512);
    let bytes = record.body.as_bytes();
    record.body = Body::new(bytes[..bytes.len() - excess].to_vec()).unwrap_or(record.body.clone());
}
