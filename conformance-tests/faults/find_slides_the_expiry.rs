//! Reading moves the idle expiry, as a cache's `GETEX` does: use extends a window that policy closed.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_find(find), &[(S1, "find::reading_changes_nothing")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let Some(record) = store.find(selector).await? else { return Ok(None) };
    let mut slid = record.clone();
    slid.idle_at = slid.idle_at.map(|idle| idle.saturating_add(Duration::from_secs(60)));
    store.force(&slid).await?;
    Ok(Some(record))
}
