//! Scripts are loaded once: after the server forgot them every revocation fails.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| Shared::served(OnRevoke(revoke)), &[(S12, "outage::a_restarted_server_is_found_again")]);

async fn revoke(store: &Base, call: RevokeCall<'_>) -> Result<u64, StoreError> {
    match store.fault() {
        Some(Fault::Restart) => Err(StoreError::Other("NOSCRIPT no matching script".into())),
        _ => store.revoke(call).await,
    }
}
