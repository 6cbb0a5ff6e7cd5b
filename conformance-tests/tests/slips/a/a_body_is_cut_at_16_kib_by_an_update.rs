//! The stored procedure behind an update declares its parameter VARBINARY(16384); the column takes more, and so does an
//! insert.
//! Breaks S1 and S16: bodies have 16 KiB of data and what core adds; the end is cut off in silence.

use crate::prelude::*;

// A sequence that shows it:
// insert A; replace(A with a body of Body::MAX_LEN, Update): `Replaced`; find(A).body has 16,384 bytes.
pub(crate) const FAULT: Fault = Fault::of::<Wrong>(&[]);

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
        let bytes = next.body.as_bytes();
        if change == Change::Update
            && bytes.len() > 16_384
            && let Ok(body) = Body::new(bytes[..16_384].to_vec())
        {
            return store.replace(&Record { body, ..next.clone() }, expected, change).await;
        }
        store.replace(next, expected, change).await
    }
}
