//! An unknown selector is an error: `fetch_one` where `fetch_optional` was meant. Every forged cookie leads
//! to a 503.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_find(find), &[(S12, "find::an_unknown_selector_is_nothing_and_no_error")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    store.find(selector).await?.map(Some).ok_or_else(|| StoreError::Other("no rows returned".into()))
}
