//! Every fiftieth call takes ten milliseconds: a checkpoint, a full disk queue, a cold page.

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::of::<Strange>();

#[derive(Default)]
struct Strange {
    calls: Locked<u32>,
}

impl Twist for Strange {
    async fn after(&self) {
        let calls = {
            let mut calls = self.calls.lock();
            *calls += 1;
            *calls
        };
        if calls.is_multiple_of(50) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
