//! MongoDB: the insert lets the driver choose the width, the `$set` of a replace casts to Int32 and clamps.
//! Breaks S1: a generation of 2³¹ or more comes back from a replace as 2³¹ − 1.

use crate::prelude::*;

pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

// insert(r) → replace(r' with generation = u32::MAX) → Replaced → find shows 2147483647.
#[derive(Default)]
struct Wrong;

#[async_trait]
impl Twist for Wrong {
    async fn replace(
        &self,
        store: &Base,
        next: &Record,
        expected: Revision,
        change: Change<'_>,
    ) -> Result<Replace, StoreError> {
        let generation = next.generation.min(i32::MAX.unsigned_abs());
        store.replace(&Record { generation, ..next.clone() }, expected, change).await
    }
}
