//! PostgreSQL adds the row to the message of a failed CHECK ("Failing row contains (…)"), bytea in hexadecimal, and the
//! adapter hands the driver's error on.
//! Breaks S18: an error contains neither data nor digests.

use crate::prelude::*;

// A sequence that shows it:
// replace(A, expected Revision::MAX): `Refused`, as it must be, with A's device and body in its source.
pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    if call.expected == Revision::MAX {
        let body: String = call.next.body.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let device = call.next.device.as_str();
        let row = format!("violates check constraint. Failing row contains ({device}, \\x{body}).");
        return Err(StoreError::Refused(row.into()));
    }
    store.replace(call).await
}
