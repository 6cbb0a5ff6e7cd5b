//! A replace leaves alone the columns that never change (T3): its statement does not name them.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| on_replace(replace));

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let Some(old) = store.find(call.next.selector).await? else {
        return store.replace(call).await;
    };
    let Record { subject, kind, purpose, login, era, created_at, expires_at, .. } = old;
    let next = Record { subject, kind, purpose, login, era, created_at, expires_at, ..call.next.clone() };
    store.replace(ReplaceCall { next: &next, ..call }).await
}
