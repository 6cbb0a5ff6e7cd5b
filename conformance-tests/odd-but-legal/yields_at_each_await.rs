//! Every call gives way several times before and after its work, as one over a network does.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange;

impl Twist for Strange {
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        let _ = store;
        give_way().await;
        Ok(Box::new(()))
    }
    async fn after(&self) {
        give_way().await;
    }
}
