//! Lists go over a connection of their own that is made once.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| Shared::served(OnList(list)), &[(S12, "outage::a_restarted_server_is_found_again")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    match store.fault() {
        Some(Fault::Restart) => Err(StoreError::Other("NOSCRIPT no matching script".into())),
        _ => store.list(subject, page).await,
    }
}
