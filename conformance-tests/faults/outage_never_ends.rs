//! The connection is made once: after a restart of the server every call on the old handle fails permanently.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| Shared::served(OnFind(find)), &[(S12, "outage::a_restarted_server_is_found_again")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    match store.fault() {
        Some(Fault::Restart) => Err(StoreError::Unavailable("broken pipe".into())),
        _ => store.find(selector).await,
    }
}
