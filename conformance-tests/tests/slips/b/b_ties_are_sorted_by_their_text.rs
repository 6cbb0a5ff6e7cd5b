//! Redis: the members of the sorted set are selectors in base64, so equal scores are sorted by that text,
//! while the place after which a page begins is compared by bytes.
//! Breaks S9: records made in the same millisecond are missed or shown twice where a page ends among them.

use crate::help::{cut, uncut};
use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[]);

// insert 8 records of one subject with the same created_at and selectors that differ behind the shard
// → list in pages of 3, each after the last entry of the one before → some are missing.
fn text(selector: Selector) -> Vec<u8> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = u128::from_be_bytes(selector.0);
    (0..22)
        .map(|at| {
            let sextet = if at == 21 { (bits << 4) & 63 } else { (bits >> (122 - 6 * at)) & 63 };
            ALPHABET[usize::try_from(sextet).expect("below 64")]
        })
        .collect()
}

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let mut records = store.list(subject, &uncut(page)).await?;
    records.sort_by_key(|record| std::cmp::Reverse((record.created_at, text(record.selector))));
    Ok(cut(records, page))
}
