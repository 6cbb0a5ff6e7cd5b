//! A list with kinds filters in the program, on decoded records; the entries for rows that do not decode are only made
//! where there is nothing to filter.
//! Breaks S9: a row that does not decode is an entry of its own; its kind is a column and matches.

use crate::prelude::*;

// A sequence that shows it:
// insert A and B of kind session; damage A; list(u) shows B and a corrupt A; list(u, kinds Only([session])) shows B only.
pub(crate) const BUG: Bug = Bug::new(|| on_show_list(show_list), &[]);

async fn show_list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Listed>, StoreError> {
    if page.kinds == Kinds::Any {
        let records = store.list(subject, page).await?;
        return Ok(records.into_iter().map(|record| store.shown(record)).collect());
    }
    let everything = Page { limit: std::num::NonZeroU16::MAX, ..page.clone() };
    let mut records = store.list(subject, &everything).await?;
    records.retain(|record| !store.is_damaged(record.selector));
    Ok(records.into_iter().take(page.limit.get().into()).map(Listed::from).collect())
}
