//! An embedded store: the creation of a damaged row is taken from its value, which does not decode, in place
//! of the index key; it becomes 0.
//! Breaks S9: a damaged row is an entry with its place; a page that begins behind it skips every other record.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_show_list(show_list), &[]);

// insert a, b, c (newer and newer), damage b → list(limit 2) → c, b (at 0) → list(after b at 0) → []: a is
// never shown.
async fn show_list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
    let records = store.list(subject, page).await?;
    let shown = records.into_iter().map(|record| match store.shown(record) {
        Listed::Corrupt { selector, source, .. } => {
            Listed::Corrupt { selector, created_at: Timestamp::MIN, source }
        }
        whole => whole,
    });
    Ok(shown.collect())
}
