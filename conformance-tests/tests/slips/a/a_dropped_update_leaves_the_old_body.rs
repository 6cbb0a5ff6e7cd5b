//! The columns and the body are in two tables and are written by two statements without a transaction: a future that is
//! dropped between them leaves new columns over an old body.
//! Breaks S13: each record is either untouched or fully written.

use crate::prelude::*;

// A sequence that shows it:
// insert A; begin replace(A', Update), drop its future after it has waited once; find(A): the revision and columns of A'
// with the body of A, so no token of it verifies any more.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    writing: tokio::sync::RwLock<()>,
}

impl Twist for Wrong {
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        let _whole = self.writing.read().await;
        store.find(selector).await
    }
    async fn replace(&self, store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
        let old = store.find(call.next.selector).await?;
        let (Change::Update, Some(old)) = (call.change, old) else {
            return store.replace(call).await;
        };
        let _alone = self.writing.write().await;
        let columns = Record { body: old.body, ..call.next.clone() };
        let answer = store.replace(ReplaceCall { next: &columns, ..call }).await?;
        if answer == Replace::Replaced {
            give_way().await;
            if store.find(call.next.selector).await?.as_ref() == Some(&columns) {
                store.force(call.next).await?;
            }
        }
        Ok(answer)
    }
}
