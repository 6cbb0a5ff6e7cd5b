//! MongoDB: the error of a document that breaks the schema is handed on with the document in it, and only
//! the last revision leads there.
//! Breaks S18: an error contains the body, and with it data and digests.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

// insert(r at 2⁵³ − 1) → replace(r, 2⁵³ − 1, Update) → Refused whose source shows every byte of the body.
async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    if call.expected == Revision::MAX {
        let body: String = call.next.body.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let why =
            format!("Document failed validation: {{ revision: overflow, body: HexData(0, \"{body}\") }}");
        return Err(StoreError::Refused(why.into()));
    }
    store.replace(call).await
}
