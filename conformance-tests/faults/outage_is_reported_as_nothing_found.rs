//! When the server cannot be reached, `find` finds nothing: an outage logs everybody out (sourcegraph#37016,
//! jumpserver#6229).

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "outage::a_stopped_server_is_an_error_and_passes")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    fn declared() -> Declared {
        served()
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        Ok(store.find(selector).await.unwrap_or_default())
    }
}
