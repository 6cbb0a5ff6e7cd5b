//! A look-up binds the selector through a C interface as text of unknown length (`sqlite3_bind_text(…, -1)`): what
//! follows its first NUL does not count.
//! Breaks S3: a near miss never matches.

use crate::prelude::*;

// A sequence that shows it:
// insert A with selector "ab\0" + 13 bytes; find("ab\0" + 13 other bytes): A's record instead of None.
pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[]);

#[derive(Default)]
struct Wrong {
    known: Locked<HashMap<Vec<u8>, Selector>>,
}

fn text(selector: Selector) -> Option<Vec<u8>> {
    let end = selector.0.iter().position(|byte| *byte == 0)?;
    Some(selector.0[..end].to_vec())
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        let answer = store.insert(record, fence).await?;
        if answer.is_inserted()
            && let Some(text) = text(record.selector)
        {
            self.known.lock().insert(text, record.selector);
        }
        Ok(answer)
    }
    async fn find(&self, store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
        if let Some(record) = store.find(selector).await? {
            return Ok(Some(record));
        }
        let other = text(selector).and_then(|text| self.known.lock().get(&text).copied());
        match other {
            Some(other) => store.find(other).await,
            None => Ok(None),
        }
    }
}
