//! The statement of an update says `idle_at = COALESCE($4, idle_at)`, as an ORM does for an optional field; that of an
//! end sets it to NULL outright.
//! Breaks S1: the idle expiry that was taken away is found again, and ends the login.

use crate::prelude::*;

// A sequence that shows it:
// insert A with idle_at = Some(1000); replace(A with idle_at None, Update): `Replaced`; find(A).idle_at is Some(1000).
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
        if change == Change::Update
            && next.idle_at.is_none()
            && let Some(old) = store.find(next.selector).await?
        {
            let kept = Record { idle_at: old.idle_at, ..next.clone() };
            return store.replace(&kept, expected, change).await;
        }
        store.replace(next, expected, change).await
    }
}
