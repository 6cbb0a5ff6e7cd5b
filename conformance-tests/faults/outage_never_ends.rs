//! The connection is made once: after a restart of the server every call on the old handle fails for ever.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S12, "outage::a_restarted_server_is_found_again")]);

#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    fn declared() -> Declared {
        served()
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        match store.fault() {
            Some(Fault::Restart) => Err(StoreError::Unavailable("broken pipe".into())),
            _ => store.find(selector).await,
        }
    }
}
