//! `find` hides what has expired by the clock of the database: `WHERE expires_at > now()`.

use crate::prelude::*;

pub(crate) const BUG: Bug =
    Bug::new(|| on_find(find), &[(S1, "find::what_has_expired_or_was_ended_is_found_all_the_same")]);

async fn find(store: &Base, selector: Selector) -> Result<Option<Record>, StoreError> {
    let now = SystemClock.now();
    Ok(store.find(selector).await?.filter(|record| now < record.expires_at))
}
