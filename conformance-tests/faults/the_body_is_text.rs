//! The body is stored in a text column: bytes that are not UTF-8 are replaced.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| inserts(as_text), &[(S16, "hostile::bodies_are_any_bytes")]);

fn as_text(record: &mut Record) {
    let text = String::from_utf8_lossy(record.body.as_bytes()).into_owned();
    record.body = Body::new(text.into_bytes()).unwrap_or(record.body.clone());
}
