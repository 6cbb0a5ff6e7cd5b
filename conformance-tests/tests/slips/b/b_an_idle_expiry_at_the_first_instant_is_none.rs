//! A document mapper in a language where 0 is false: `idleAt: row.idleAt || null`.
//! Breaks S1: an idle expiry of 1970-01-01T00:00:00.000Z comes back as none.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_find(find), &[]);

// insert(r with idle_at = Some(0)) → find shows idle_at = None.
async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let found = store.find(selector).await?;
    Ok(found.map(|record| Record { idle_at: record.idle_at.filter(|at| *at != Timestamp::MIN), ..record }))
}
