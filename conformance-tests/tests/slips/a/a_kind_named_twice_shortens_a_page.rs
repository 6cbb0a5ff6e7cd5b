//! The kinds are joined as a table, which gives a row for each time a kind is named; the LIMIT comes before the program
//! throws the doubles away.
//! Breaks S9: a page may be shorter than its limit only at the end of the list, so readers stop early.

use crate::prelude::*;

// A sequence that shows it:
// insert A, B, C of kind session; list(kinds Only([session, session]), limit 2) has one entry and two are left.
// Without a limit that bites all is well.
pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let Kinds::Only(kinds) = &page.kinds else { return store.list(subject, page).await };
    let mut records = store.list(subject, page).await?;
    let mut rows = 0;
    let limit = usize::from(page.limit.get());
    records.retain(|record| {
        let shown = rows < limit;
        rows += kinds.iter().filter(|kind| **kind == record.kind).count();
        shown
    });
    Ok(records)
}
