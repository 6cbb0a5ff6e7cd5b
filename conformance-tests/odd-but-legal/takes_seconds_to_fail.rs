//! While the server is gone each call tries to connect for a second before it fails (S12: within 20 seconds).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>().only(&["outage::"]);

#[derive(Default)]
struct Strange;

impl Twist for Strange {
    fn declared() -> Declared {
        served()
    }
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        if store.fault().is_some_and(|fault| fault != Fault::Restart) {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(Box::new(()))
    }
}
