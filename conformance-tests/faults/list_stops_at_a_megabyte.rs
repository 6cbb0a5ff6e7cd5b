//! A query ends at a megabyte, as one of DynamoDB does: a page is short though there is more.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| lists(cut), &[(S9, "list::a_megabyte_and_a_half_of_records_is_listed_and_ended")]);

fn cut(records: &mut Vec<Record>) {
    let mut size = 0;
    records.retain(|record| {
        size += record.body.as_bytes().len();
        size <= 1 << 20
    });
}
