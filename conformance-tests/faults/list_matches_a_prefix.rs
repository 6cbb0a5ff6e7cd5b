//! The list finds its records with `LIKE 'alice%'`: alice sees the devices of alice2.

use crate::prelude::*;

pub(crate) const BUG: Bug = Bug::of::<Wrong>(&[(S9, "list::only_the_subjects_own_records_are_listed")]);

#[derive(Default)]
struct Wrong {
    names: Locked<BTreeSet<Subject>>,
}

#[async_trait]
impl Twist for Wrong {
    async fn insert(&self, store: &Base, record: &Record, fence: Fence) -> Result<Insert, StoreError> {
        self.names.lock().extend(record.subject.clone());
        store.insert(record, fence).await
    }
    async fn list(&self, store: &Base, subject: &Subject, page: &Page) -> Result<Vec<Record>, StoreError> {
        let near: Vec<_> = self
            .names
            .lock()
            .iter()
            .filter(|name| name.as_str().starts_with(subject.as_str()))
            .cloned()
            .collect();
        let mut all = Vec::new();
        for name in near {
            all.extend(store.list(&name, page).await?);
        }
        Ok(all)
    }
}
