//! A replace leaves alone the columns that never change (T3): its statement does not name them.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

#[async_trait]
impl Twist for Strange {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let Some(old) = store.find(next.selector).await? else {
            return store.replace(next, expected, change).await;
        };
        let Record { subject, kind, purpose, login, era, created_at, expires_at, .. } = old;
        let next = Record { subject, kind, purpose, login, era, created_at, expires_at, ..next.clone() };
        store.replace(&next, expected, change).await
    }
}
