//! Calls have no time limit, as those of actix-session to Redis: when the server freezes, so does every
//! request.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(
    || Shared::served(OnFind(find)),
    &[(S12, "outage::a_frozen_server_is_an_error_in_time_and_passes")],
);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    while store.fault() == Some(Fault::Freeze) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.find(selector).await
}
