//! Every call takes sixty milliseconds: the database is on another continent (S12 counts seconds). Cases with
//! thousands of records end all the same.

use crate::prelude::*;

pub(crate) const ODD: Odd =
    Odd::of::<Strange>().only(&["subject::two_thousand_five_hundred", "list::a_thousand_devices"]);

#[derive(Default)]
struct Strange;

impl Twist for Strange {
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        let _ = store;
        tokio::time::sleep(Duration::from_millis(60)).await;
        Ok(Box::new(()))
    }
}
