//! An embedded store in C: the key of a removal is measured with `strlen`, and a look-up of what it is
//! called finds the first key that begins so.
//! Breaks S7 and S3: a selector that is merely similar is deleted, one with the same bytes up to a zero.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_delete(delete), &[]);

fn cut(selector: Selector) -> Vec<u8> {
    selector.0.into_iter().take_while(|byte| *byte != 0).collect()
}

async fn delete(store: &Base, selector: Selector) -> Result<bool, StoreError> {
    for twin in store.seen().into_iter().filter(|twin| cut(*twin) == cut(selector)) {
        if store.delete(twin).await? {
            return Ok(true);
        }
    }
    store.delete(selector).await
}
