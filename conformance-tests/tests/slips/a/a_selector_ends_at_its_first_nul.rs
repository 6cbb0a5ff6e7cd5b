//! A look-up binds the selector through a C interface as text of unknown length (`sqlite3_bind_text(…, -1)`): what
//! follows its first NUL does not count.
//! Breaks S3: a near miss never matches.

use crate::prelude::*;

// A sequence that shows it:
// insert A with selector "ab\0" + 13 bytes; find("ab\0" + 13 other bytes): A's record instead of None.
pub(crate) const BUG: Bug = Bug::new(|| on_find(find), &[]);

fn text(selector: &Selector) -> Option<&[u8]> {
    let end = selector.0.iter().position(|byte| *byte == 0)?;
    Some(&selector.0[..end])
}

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let found = store.find(selector).await?;
    let alike = |other: &Selector| text(&selector).is_some() && text(other) == text(&selector);
    match store.seen().into_iter().find(alike) {
        Some(other) if found.is_none() => store.find(other).await,
        _ => Ok(found),
    }
}
