//! `UNION ALL` of a query for each kind: a kind that is named twice is listed twice.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::new(|| on_list(list), &[(S9, "subject::a_kind_named_twice_counts_once")]);

async fn list(store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
    let Kinds::Only(kinds) = &page.kinds else { return store.list(subject, page).await };
    let mut all = Vec::new();
    for kind in kinds {
        all.extend(store.list(subject, &Page { kinds: (*kind).into(), ..page.clone() }).await?);
    }
    all.sort_by_key(|record| std::cmp::Reverse((record.created_at, record.selector)));
    all.truncate(page.limit.get().into());
    Ok(all)
}
