//! When the connection is cut, a revocation answers that nothing was left to do: "logged out", and still in.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || Shared::served(OnRevoke(revoke)),
    &[
        (S12, "outage::cut_connections_are_an_error_and_pass"),
        (S12, "random::nothing_is_done_in_secret_while_the_server_is_stopped"),
    ],
);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    Ok(store.revoke(call).await.unwrap_or_default())
}
