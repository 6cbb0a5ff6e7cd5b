//! `delete` removes the record, then its index entry: a client that hangs up in between leaves a device that
//! no user can log out.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[
    (S9, "cancel::a_dropped_delete_is_whole_or_nothing"),
    (S9, "race::a_list_during_writes_shows_each_living_record_once"),
]);

#[derive(Default)]
struct Wrong {
    ghosts: Locked<BTreeMap<Selector, Record>>,
}

impl Twist for Wrong {
    async fn delete(&self, store: &Base, selector: Selector) -> Result<bool, StoreError> {
        let Some(record) = store.find(selector).await? else { return Ok(false) };
        self.ghosts.lock().insert(selector, record);
        let there = store.delete(selector).await?;
        pause().await;
        self.ghosts.lock().remove(&selector);
        Ok(there)
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let mut records = store.list(subject, page).await?;
        records.extend(
            self.ghosts.lock().values().filter(|ghost| ghost.subject.as_ref() == Some(subject)).cloned(),
        );
        Ok(records)
    }
}
