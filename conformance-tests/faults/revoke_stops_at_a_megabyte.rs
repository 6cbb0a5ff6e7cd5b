//! A query ends at a megabyte and says where to continue, but the adapter ignores that: later records stay
//! alive.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "list::a_megabyte_and_a_half_of_records_is_listed_and_ended")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let (mut size, mut left) = (0, store.meant(call).await?);
    left.retain(|record| {
        size += record.body.as_bytes().len();
        size > 1 << 20
    });
    store.revoke_but(&left, call).await
}
