//! An error quotes the row that it is about, as PostgreSQL's "Failing row contains" does: data and digests
//! are in the log.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_insert(insert), &[(S18, "secrecy::errors_show_no_body")]);

async fn insert(store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
    if record.body.as_bytes().len() > 8_191 {
        let row = String::from_utf8_lossy(record.body.as_bytes()).into_owned();
        return Err(StoreError::Other(format!("row too large for its index: {row}").into()));
    }
    store.insert(record, fence).await
}
