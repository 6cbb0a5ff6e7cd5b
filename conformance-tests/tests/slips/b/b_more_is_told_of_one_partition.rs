//! DynamoDB: the index of due times is spread over 16 partitions; the collector goes from one to the next and
//! hands on the `LastEvaluatedKey` of the one at which it stopped.
//! Breaks S10: it says "no more" where the limit was reached at the end of a partition and another one still
//! holds what is due.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_purge(purge), &[]);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let (purged, gone) = store.purge_all(now, limit).await?;
    let left = store.due(now).await?;
    let partition = |record: &Record| record.selector.0[0] >> 4;
    let visited = gone.iter().any(|gone| left.iter().any(|left| partition(gone) == partition(left)));
    Ok(Purged { more: purged.more && (purged.removed == 0 || visited), ..purged })
}
