//! A query for each kind, and the counts are added: a kind that is named twice counts twice.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_revoke(revoke), &[(S8, "subject::a_kind_named_twice_counts_once")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    let ended = store.meant(call).await?;
    let count = store.revoke(call).await?;
    let Kinds::Only(kinds) = &call.filter.kinds else { return Ok(count) };
    let of_kind = |kind: &Kind| ended.iter().filter(|record| record.kind == *kind).count() as u64;
    Ok(kinds.iter().map(of_kind).sum())
}
