//! FoundationDB: a body above 8 KiB is split, and the first chunk goes into the row before the call that
//! writes the second.
//! Breaks S13: a replace that is dropped in between leaves a body of which one half is new and one is old; the
//! same is seen by a `find` that races.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_replace(replace), &[]);

// insert(r with a body of 16 KiB of "a") → replace(body of "b") dropped at an await
// → find shows revision 1 and a body of both. Small bodies are whole.
const CHUNK: usize = 8 * 1024;

async fn replace(store: &Base, call: ReplaceCall<'_>) -> Result<Replace, StoreError> {
    let old = store.find(call.next.selector).await?;
    if let Some(old) = old.filter(|old| old.revision == call.expected && old.revoked.is_none())
        && call.expected != Revision::MAX
        && call.next.body.as_bytes().len() > CHUNK
    {
        let mut bytes = call.next.body.as_bytes()[..CHUNK].to_vec();
        bytes.extend(old.body.as_bytes().iter().skip(CHUNK));
        let torn = Record { body: Body::new(bytes).expect("no longer than one of both"), ..old };
        let _ = store.replace(ReplaceCall { next: &torn, ..call }).await?;
        pause().await;
    }
    store.replace(call).await
}
