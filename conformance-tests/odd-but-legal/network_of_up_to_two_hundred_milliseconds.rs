//! Every call takes up to two hundred milliseconds, a different time for each call: a mobile network (S12
//! counts seconds).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>().only(&[
    "find::",
    "delete::",
    "interleaved::",
    "fence::",
    "subject::two_thousand_five_hundred",
]);

#[derive(Default)]
struct Strange {
    calls: Locked<u64>,
}

impl Twist for Strange {
    async fn before(&self, store: &Base) -> Result<Held, StoreError> {
        let _ = store;
        let pause = {
            let mut calls = self.calls.lock();
            *calls += 1;
            *calls * 67 % 200
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(Box::new(()))
    }
}
