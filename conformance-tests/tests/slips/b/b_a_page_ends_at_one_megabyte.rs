//! DynamoDB: a list hands on what one Query answers, which ends at 1 MB however many items were asked for.
//! Breaks S9: a page is shorter than its limit though more follows, so a caller takes it for the last one.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[]);

// insert 70 records with bodies of 16 KiB → list(limit 70) → some 63 entries.
async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let mut records = store.list(subject, page).await?;
    let mut read = 0;
    let fits = records.iter().take_while(|record| {
        read += 300 + record.body.as_bytes().len();
        read <= 1 << 20
    });
    let fits = fits.count().max(1);
    records.truncate(fits);
    Ok(records)
}
