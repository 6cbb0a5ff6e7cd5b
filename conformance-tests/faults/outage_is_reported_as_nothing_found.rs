//! When the server cannot be reached, `find` finds nothing: an outage logs every user out (sourcegraph#37016,
//! jumpserver#6229).

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| Shared::served(OnFind(find)), &[(S12, "outage::a_stopped_server_is_an_error_and_passes")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    Ok(store.find(selector).await.unwrap_or_default())
}
