//! What several slips do.

use crate::prelude::*;

/// Collects what is due but `spared`, which stays although it is due.
pub(crate) async fn purge_but(
    store: &Base,
    now: Timestamp,
    limit: u32,
    spared: &[Selector],
) -> Result<Purged, StoreError> {
    let mut out = store.find_all(spared).await?;
    out.retain(|record| record.purge_at <= now);
    for record in &out {
        store.delete(record.selector).await?;
    }
    let purged = store.purge(now, limit).await;
    for record in &out {
        store.force(record).await?;
    }
    purged
}

/// Collects also what `early` names, though it is not due.
pub(crate) async fn purge_too(
    store: &Base,
    now: Timestamp,
    limit: u32,
    early: &[Selector],
) -> Result<Purged, StoreError> {
    let mut purged = store.purge(now, limit).await?;
    for selector in early {
        if purged.removed < u64::from(limit) {
            purged.removed += u64::from(store.delete(*selector).await?);
        }
    }
    Ok(purged)
}

/// The records of `subject` that a page shows in this order, cut by its limit.
pub(crate) fn cut(mut records: Vec<Record>, page: &Page) -> Vec<Record> {
    records.truncate(page.limit.get().into());
    records
}

/// `page` without its limit.
pub(crate) fn uncut(page: &Page) -> Page {
    Page { limit: std::num::NonZeroU16::MAX, ..page.clone() }
}
