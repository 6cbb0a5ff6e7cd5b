//! A purge looks for what is due, then removes it by its key: a session that slides in between is lost.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || on_purge(purge),
    &[
        (S10, "race::purges_from_two_nodes_share_the_work"),
        (S10, "race::a_slide_and_a_purge_do_not_both_win"),
    ],
);

async fn purge(store: &Base, now: Timestamp, limit: u32) -> Result<Purged, StoreError> {
    let mut due = store.due(now).await?;
    due.truncate(limit as usize);
    pause().await;
    for record in &due {
        store.delete(record.selector).await?;
    }
    Ok(Purged { removed: due.len() as u64, more: store.purge(now, 0).await?.more })
}
