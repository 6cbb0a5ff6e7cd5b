//! A touch "moves only seen at, the idle expiry and purge_at", so its statement writes these columns and no body; but
//! every write has a fresh id in its body.
//! Breaks S1 and S5: what was acknowledged is not what is found, byte for byte, and a re-send cannot be told.

use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A' with a body of its own, Touch): `Replaced`; find(A).body is the old one.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        if change == Change::Touch
            && let Some(old) = store.find(next.selector).await?
        {
            let touched = Record { body: old.body, ..next.clone() };
            return store.replace(&touched, expected, change).await;
        }
        store.replace(next, expected, change).await
    }
}
